"""The ledger's file: SQLite, opened for each operation, believed only as far as it can be checked. Blocking.

A connection lives for one operation. So there is nothing to close, nothing that a fork could share, nothing that
belongs to a thread; the path is looked at each time; and as the last connection that closes writes its log back into
the file, what was committed stands in the file itself before anything is sent. It costs a millisecond or two, at a
rate of ten a second.

The file comes into being whole, or not at all: it is built beside its place and linked there. A file that is there
and is not a ledger, an empty one above all, was damaged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from viber_async._private_database import be_careful, connected, fill, look_at, make_whole, pragma
from viber_async._private_file import NotPrivateError, check_directory, make_directory
from viber_async._sansio.ledger import LedgerRow
from viber_async.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Generator

APPLICATION_ID: Final = 0x56424C47
"""VBLG, in the header of the file."""
SCHEMA: Final = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE intents (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        seal BLOB NOT NULL
    );
    CREATE INDEX unsettled ON intents (state) WHERE state IN ('unknown', 'sending');
"""
VERSION: Final = 1
MIGRATIONS: dict[int, tuple[str, ...]] = {}
"""From which version, the statements that lead to the next."""

ALL: Final = "SELECT key, state, version, body, seal FROM intents"
OF_KEY: Final = f"{ALL} WHERE key = ?"
UNSETTLED: Final = f"{ALL} WHERE state IN ('unknown', 'sending') ORDER BY id"

Identity = tuple[int, int]


class LedgerFile:
    """One ledger file as this process knows it."""

    def __init__(self, path: str, *, create: bool) -> None:
        self._path = path
        self._create = create
        self._known: Identity | None = None
        """The file that was checked from end to end."""
        self._size = 0
        self._turn = threading.Lock()
        self._pid = os.getpid()

    def secret(self, account: str) -> bytes:
        """Give the secret."""
        with self._opened(account) as (_, secret):
            return secret

    def get(self, account: str, key: str) -> LedgerRow | None:
        """Give the row of *key*."""
        with self._opened(account) as (connection, secret):
            found = connection.execute(OF_KEY, (key,)).fetchone()
            return None if found is None else _row(found, secret)

    def unsettled(self, account: str) -> tuple[LedgerRow, ...]:
        """Give the rows that are not settled."""
        with self._opened(account) as (connection, secret):
            return tuple(_row(found, secret) for found in connection.execute(UNSETTLED))

    def put(self, account: str, row: LedgerRow) -> bool:
        """Keep *row* if its version before is what is kept."""
        with self._opened(account) as (connection, secret):
            connection.execute("BEGIN IMMEDIATE")
            done = connection.execute(*_writing(row, secret)).rowcount == 1
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
            return done

    # Opening, which is where a file is believed or not.

    @contextmanager
    def _opened(self, account: str) -> Generator[tuple[sqlite3.Connection, bytes]]:
        """Give a connection to the file and its secret; whatever goes wrong inside becomes a LedgerError."""
        if self._pid != os.getpid():  # a fork may have copied the lock while another thread held it
            self._pid, self._turn = os.getpid(), threading.Lock()
        with self._turn:
            try:
                identity = self._identity(account)
                with closing(connected(self._path)) as connection:
                    be_careful(connection)
                    secret = _trusted(connection, account, whole=identity != self._known)
                    self._known = identity
                    yield connection, secret
                self._size = os.stat(self._path).st_size  # noqa: PTH116 - as below
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger {self._path} cannot be used: {error}; nothing was sent") from error
            except OSError as error:
                why = f"{error.strerror or error}; nothing was sent"
                raise LedgerError(f"the ledger {self._path} cannot be used: {why}") from error
            except NotPrivateError as error:
                raise LedgerError(f"{error}; nothing was sent") from error
            except (ValueError, TypeError) as error:  # text that is none, JSON that is none: what flipped bits lead to
                raise LedgerError(f"the ledger {self._path} is damaged. Restore it; nothing was sent") from error

    def _identity(self, account: str) -> Identity:
        """Give which file stands at the path, once it is one that may be opened."""
        directory = os.path.dirname(self._path)  # noqa: PTH120 - as pathlib does, without making a Path each time
        if self._known is None and self._create and not os.path.lexists(self._path):
            make_directory(directory)
            check_directory(directory)
            make_whole(self._path, lambda connection: _build(connection, account))
        if os.path.lexists(directory):
            check_directory(directory)
        if (found := look_at(self._path)) is None:
            raise self._gone()
        if self._known not in (None, (found.st_dev, found.st_ino)):
            raise self._gone()
        if found.st_size < max(self._size, 1):
            raise LedgerError(f"the ledger {self._path} was cut short; restore it. Nothing was sent")
        return found.st_dev, found.st_ino

    def _gone(self) -> LedgerError:
        return LedgerError(
            f"the ledger {self._path} is not there any more, or was never made: it was moved, deleted or replaced, and "
            "without it nobody knows what was sent. Restore it, and start again. Nothing was sent"
        )


def _build(connection: sqlite3.Connection, account: str) -> None:
    known = {"account": account.encode(), "secret": secrets.token_bytes(32)}
    fill(connection, SCHEMA, application_id=APPLICATION_ID, version=VERSION, known=known)


def _trusted(connection: sqlite3.Connection, account: str, *, whole: bool) -> bytes:
    """Give the secret of a file that is a ledger, this account's, of this version, and sound."""
    if pragma(connection, "application_id") != APPLICATION_ID:
        raise LedgerError("the file at the ledger's path is no ledger; it is not touched, and nothing was sent")
    _migrate(connection)
    if pragma(connection, "journal_mode") != "wal":
        raise LedgerError("the ledger is not in WAL mode: something else has changed it; nothing was sent")
    if whole and pragma(connection, "integrity_check") != "ok":
        raise LedgerError("the ledger is damaged: SQLite finds it inconsistent. Restore it; nothing was sent")
    known = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    secret = known.get("secret")
    if not isinstance(secret, bytes) or len(secret) != 32:
        raise LedgerError("the ledger is damaged: its secret is not there. Restore it; nothing was sent")
    if known.get("account") != account.encode():
        raise LedgerError(
            "the ledger belongs to another account, or to another key of this one: give each a file of its own. "
            "Nothing was sent"
        )
    if whole:
        for found in connection.execute(ALL):
            _row(found, secret)
    return secret


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring an older file up to this version, in one transaction; a newer one is not for us."""
    version = pragma(connection, "user_version")
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    version = int(str(pragma(connection, "user_version")))
    if version > VERSION:
        raise LedgerError(f"the ledger was written by a newer viber_async (schema {version}); nothing was sent")
    for old in range(version, VERSION):
        if old not in MIGRATIONS:
            raise LedgerError(f"the ledger has an unknown schema ({version}); nothing was sent")
        for statement in MIGRATIONS[old]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")


# Rows


def _writing(row: LedgerRow, secret: bytes) -> tuple[str, tuple[object, ...]]:
    body = json.dumps(row.to_dict(), sort_keys=True)
    values = (row.key, row.state.value, row.version, body, _seal(secret, row.key, row.version, body))
    if row.version == 1:
        return "INSERT OR IGNORE INTO intents (key, state, version, body, seal) VALUES (?, ?, ?, ?, ?)", values
    change = "UPDATE intents SET key = ?, state = ?, version = ?, body = ?, seal = ? WHERE key = ? AND version = ?"
    return change, (*values, row.key, row.version - 1)


def _row(found: tuple[str, str, int, str, bytes], secret: bytes) -> LedgerRow:
    key, state, version, body, seal = found
    if not hmac.compare_digest(seal, _seal(secret, key, version, body)):
        raise LedgerError("the ledger is damaged: a row is not as it was written. Restore it; nothing was sent")
    row = LedgerRow.from_dict(json.loads(body))
    if (row.key, row.state.value, row.version) != (key, state, version):
        raise LedgerError("the ledger is damaged: a row stands for another. Restore it; nothing was sent")
    return row


def _seal(secret: bytes, key: str, version: int, body: str) -> bytes:
    return hmac.new(secret, f"row\n{key}\n{version}\n{body}".encode(), hashlib.sha256).digest()
