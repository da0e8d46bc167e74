"""What a run means to do and what it has done, in a SQLite file: one that is killed at any moment can be gone on with.

Before a batch leaves, its phones are written down (`intend`); after the answer, what it said (`settle`). Both stand in
the file itself before anything else happens. It is used from one thread, and its connection stays open as long as the
run. Blocking.

The file is believed only as far as it can be checked: each row is sealed with a keyed hash, and a file that is torn,
changed, another account's or of a newer version is refused, never taken for an empty one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from attrs import asdict, evolve, field, frozen

from viber_async._private_database import be_careful, connected, fill, look_at, make_whole, pragma
from viber_async._private_file import NotPrivateError, check_directory, make_directory
from viber_async._sansio.batches import parts
from viber_async.errors import SyncInterruptedError, SyncRefusedError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

APPLICATION_ID: Final = 0x56424C4A
"""VBLJ, in the header of the file."""
VERSION: Final = 2
SCHEMA: Final = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE steps (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        phones BLOB NOT NULL,
        seal BLOB NOT NULL
    );
"""
PIECE: Final = 10_000
"""Planned phones, or their rows' ids, in one row."""

PLANNED: Final = "planned"
ROWS: Final = "rows"
ADD: Final = "add"
REMOVE: Final = "remove"
KEEP: Final = "keep"

INTENDED: Final = "intended"
DONE: Final = "done"
"""Answered, with counters that add up."""
DOUBTFUL: Final = "doubtful"
"""Answered in a way that leaves open what became of it."""
REFUSED: Final = "refused"
"""By the provider: nothing became of it."""


class Distrusted(Exception):  # noqa: N818 - never leaves this file
    """The journal is not to be believed."""


@frozen
class Errand:
    """What a run is to do: equal for those that may go on with it."""

    shown: str
    """For people."""
    digest: str = field(kw_only=True, default="", repr=False)
    """Of what people are not shown, but what makes it another one."""
    asks: bool = field(kw_only=True, default=False, eq=False)
    """There is a callback ``still_wanted``."""


@frozen
class Begun:
    """A run that was not finished."""

    errand: Errand
    planned: array[int] = field(kw_only=True, repr=False)
    """The phones that it was to remove."""
    rows: array[int] = field(kw_only=True, repr=False)
    """The ids of their rows: whoever is in another one was put there since."""
    added: array[int] = field(kw_only=True, repr=False)
    """Those that may have been added by it: all that were tried."""
    removed: array[int] = field(kw_only=True, repr=False)
    """Those that may have been removed by it: all that were tried."""
    gone: array[int] = field(kw_only=True, repr=False)
    """Those of them that certainly were: whoever is back has come back, and is not removed again."""
    kept: array[int] = field(kw_only=True, repr=False)
    """Those that were to be removed, and of whom ``still_wanted`` said that they stay."""


NO_ERRAND: Final = Errand("")


class Journal(Protocol):
    """What a run writes down."""

    @property
    def path(self) -> str | None:
        """Where it is kept, if anywhere."""
        ...

    @property
    def done(self) -> Errand | None:
        """The errand of the run that came to its end last, if it is known."""
        ...

    def open(self, account: str, /) -> Begun | None:
        """Give the run that was not finished, if there is one."""
        ...

    def begin(self, errand: Errand, planned: array[int], rows: array[int], /) -> None:
        """Begin a new run that may remove *planned*, which are in *rows*; what stood here before is over."""
        ...

    def intend(self, kind: str, phones: array[int], /) -> int:
        """Note what is about to be sent; give the number of the step."""
        ...

    def settle(self, step: int, state: str, /) -> None:
        """Note what became of it."""
        ...

    def heed(self) -> None:
        """Note that from now on a callback is asked, by whoever goes on with this run."""
        ...

    def keep(self, phones: array[int], /) -> None:
        """Note those who stay, as the callback has it."""
        ...

    def finish(self) -> None:
        """Note that the run is over."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class NoJournal:
    """For runs that need not be resumed: a new one finds out by its walk what there is to do."""

    @property
    def path(self) -> None:
        """None."""

    @property
    def done(self) -> None:
        """Nothing is known of it."""

    def open(self, _account: str, /) -> Begun | None:
        """Give nothing."""
        return None

    def begin(self, _errand: Errand, _planned: array[int], _rows: array[int], /) -> None:
        """Do nothing."""

    def intend(self, _kind: str, _phones: array[int], /) -> int:
        """Give any number."""
        return 0

    def settle(self, _step: int, _state: str, /) -> None:
        """Do nothing."""

    def heed(self) -> None:
        """Do nothing."""

    def keep(self, _phones: array[int], /) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class JournalFile:
    """A journal in a file of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._secret = b""
        self._identity: tuple[int, int] | None = None
        self._errand = NO_ERRAND
        self._planned = 0
        """How many rows the run began with."""
        self._done: Errand | None = None

    @property
    def path(self) -> str:
        """Where it is."""
        return self._path

    @property
    def done(self) -> Errand | None:
        """The errand of the run that came to its end last, if no other was begun since."""
        return self._done

    def open(self, account: str) -> Begun | None:
        """Open the file, made if it is not there, and give the run in it that was not finished.

        Raises:
            SyncRefusedError: it is not to be believed, or not this account's; reason "journal".

        """
        with self._or_refuse():
            directory = os.path.dirname(self._path)  # noqa: PTH120 - as in _private_file
            if not os.path.lexists(self._path):
                make_directory(directory)
                check_directory(directory)
                make_whole(self._path, lambda connection: _build(connection, account))
            check_directory(directory)
            if (found := look_at(self._path)) is None:
                raise Distrusted(f"the journal {self._path} vanished")
            if found.st_size == 0:
                raise Distrusted(f"the journal {self._path} is empty: it was cut short")
            self._identity = found.st_dev, found.st_ino
            self._connection = connected(self._path)
            be_careful(self._connection)
            return self._trusted(account)

    def begin(self, errand: Errand, planned: array[int], rows: array[int]) -> None:
        """Begin a new run."""
        with self._or_interrupt() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM steps")
            for kind, numbers in ((PLANNED, planned), (ROWS, rows)):
                for piece in parts(numbers, PIECE):
                    self._insert(connection, kind, PLANNED, piece)
            pieces = int(connection.execute("SELECT count(*) FROM steps").fetchone()[0])
            self._note_run(connection, errand, over=False, steps=pieces)
        self._errand, self._planned, self._done = errand, pieces, None

    def intend(self, kind: str, phones: array[int]) -> int:
        """Note what is about to be sent."""
        with self._or_interrupt() as connection:
            connection.execute("BEGIN IMMEDIATE")
            return self._insert(connection, kind, INTENDED, phones)

    def settle(self, step: int, state: str) -> None:
        """Note what became of a step."""
        with self._or_interrupt() as connection:
            connection.execute("BEGIN IMMEDIATE")
            kind, blob = connection.execute("SELECT kind, phones FROM steps WHERE id = ?", (step,)).fetchone()
            seal = self._seal("step", step, kind, state, blob)
            connection.execute("UPDATE steps SET state = ?, seal = ? WHERE id = ?", (state, seal, step))

    def heed(self) -> None:
        """Note that a callback is asked."""
        errand = evolve(self._errand, asks=True)
        with self._or_interrupt() as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._note_run(connection, errand, over=False, steps=self._planned)
        self._errand = errand

    def keep(self, phones: array[int]) -> None:
        """Note those who stay."""
        with self._or_interrupt() as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._insert(connection, KEEP, DONE, phones)

    def finish(self) -> None:
        """Note that the run is over; what it did is of no more use."""
        with self._or_interrupt() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM steps")
            self._note_run(connection, self._errand, over=True, steps=0)
        self._done = self._errand

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # What is believed

    def _trusted(self, account: str) -> Begun | None:
        connection = self._open_connection()
        if pragma(connection, "application_id") != APPLICATION_ID:
            raise Distrusted(f"{self._path} is no journal, and is not touched")
        if (version := pragma(connection, "user_version")) != VERSION:
            raise Distrusted(f"the journal {self._path} was written by another version (schema {version})")
        if pragma(connection, "integrity_check") != "ok":
            raise Distrusted(f"the journal {self._path} is damaged: SQLite finds it inconsistent")
        known = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        if known.get("account") != account.encode():
            raise Distrusted(f"the journal {self._path} belongs to another account: give each a file of its own")
        self._secret = known["secret"]
        run = known["run"]
        if not hmac.compare_digest(known["run seal"], self._seal("run", run)):
            raise Distrusted(f"the journal {self._path} is damaged: it is not as it was written")
        said = json.loads(run)
        self._errand, self._planned = Errand(**said["errand"]), said["steps"]
        if said["over"]:
            self._done = self._errand
            return None
        return self._begun(connection)

    def _begun(self, connection: sqlite3.Connection) -> Begun:
        found = {kind: array("q") for kind in (PLANNED, ROWS, ADD, REMOVE, KEEP)}
        gone = array("q")
        pieces = 0
        for step, kind, state, blob, seal in connection.execute("SELECT id, kind, state, phones, seal FROM steps"):
            if not hmac.compare_digest(seal, self._seal("step", step, kind, state, blob)):
                raise Distrusted(f"the journal {self._path} is damaged: a row is not as it was written")
            pieces += state == PLANNED
            if state != REFUSED:
                found[kind].frombytes(blob)
            if (kind, state) == (REMOVE, DONE):
                gone.frombytes(blob)
        if pieces != self._planned:
            raise Distrusted(f"the journal {self._path} is damaged: rows are missing")
        return Begun(
            self._errand,
            planned=found[PLANNED],
            rows=found[ROWS],
            added=found[ADD],
            removed=found[REMOVE],
            gone=gone,
            kept=found[KEEP],
        )

    # Rows

    def _insert(self, connection: sqlite3.Connection, kind: str, state: str, phones: array[int]) -> int:
        step = int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM steps").fetchone()[0])
        blob = phones.tobytes()
        seal = self._seal("step", step, kind, state, blob)
        connection.execute("INSERT INTO steps VALUES (?, ?, ?, ?, ?)", (step, kind, state, blob, seal))
        return step

    def _note_run(self, connection: sqlite3.Connection, errand: Errand, *, over: bool, steps: int) -> None:
        run = _run(errand, over=over, steps=steps)
        known = (("run", run), ("run seal", self._seal("run", run)))
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", known)

    def _seal(self, *parts: str | int | bytes) -> bytes:
        return _seal(self._secret, parts)

    # The file

    def _check_identity(self) -> None:
        found = os.lstat(self._path)
        if (found.st_dev, found.st_ino) != self._identity:
            raise Distrusted("it was replaced")

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise Distrusted("it is not open")
        return self._connection

    @contextmanager
    def _or_refuse(self) -> Generator[None]:
        """Before anything is written: whatever goes wrong is a refusal."""
        try:
            with self._closed_unless_trusted():
                yield
        except (Distrusted, NotPrivateError) as error:
            raise _refused(str(error)) from None
        except sqlite3.Error as error:
            raise _refused(f"the journal {self._path} cannot be used: {error}") from error
        except OSError as error:
            raise _refused(f"the journal {self._path} cannot be used: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError) as error:  # what flipped bits lead to
            raise _refused(f"the journal {self._path} is damaged") from error

    @contextmanager
    def _closed_unless_trusted(self) -> Generator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _or_interrupt(self) -> Generator[sqlite3.Connection]:
        """In the middle of a run: one transaction, in the file when it is over; whatever goes wrong ends the run."""
        try:
            self._check_identity()
            connection = self._open_connection()
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise
            connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
        except (Distrusted, sqlite3.Error, OSError) as error:
            why = getattr(error, "strerror", None) or error
            raise SyncInterruptedError(
                f"the journal {self._path} cannot be written ({why}), and nothing is sent without it: mend that, run "
                "the same again",
                journal=self._path,
            ) from error


def _build(connection: sqlite3.Connection, account: str) -> None:
    secret = secrets.token_bytes(32)
    run = _run(NO_ERRAND, over=True, steps=0)
    known = {"account": account.encode(), "secret": secret, "run": run, "run seal": _seal(secret, ("run", run))}
    fill(connection, SCHEMA, application_id=APPLICATION_ID, version=VERSION, known=known)


def _run(errand: Errand, *, over: bool, steps: int) -> bytes:
    return json.dumps({"errand": asdict(errand), "over": over, "steps": steps}).encode()


def _seal(secret: bytes, parts: Iterable[str | int | bytes]) -> bytes:
    sealed = hmac.new(secret, digestmod=hashlib.sha256)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        sealed.update(b"%d\n" % len(data) + data)
    return sealed.digest()


def _refused(why: str) -> SyncRefusedError:
    return SyncRefusedError(f"{why}. Restore it, or name another one. Nothing was written", reason="journal")
