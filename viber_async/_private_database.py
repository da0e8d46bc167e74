"""SQLite files that are this user's alone: built whole, opened only if they are there, written durably. Blocking.

What breaks these rules raises `NotPrivateError`; what the disk refuses raises OSError or `sqlite3.Error`.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from viber_async._private_file import check_file, sync

if TYPE_CHECKING:
    from collections.abc import Callable

BUSY: Final = 30.0
"""Seconds to wait for another process that is writing; longer than any write takes on a disk that works."""


def make_whole(path: str, build: Callable[[sqlite3.Connection], None]) -> None:
    """Let *build* fill a new database beside *path* and link it there, unless another process was first."""
    beside = f"{path}.{secrets.token_hex(8)}.new"
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(beside, isolation_level=None)) as connection:
            build(connection)
        sync(beside)
        try:
            os.link(beside, path, follow_symlinks=False)
        except FileExistsError:
            return
    finally:
        os.unlink(beside)  # noqa: PTH108 - pathlib makes a Path each time
        sync(os.path.dirname(path))  # noqa: PTH120 - as above


def fill(
    connection: sqlite3.Connection, schema: str, *, application_id: int, version: int, known: dict[str, bytes]
) -> None:
    """Give a new database its mode, its tables, its header, and *known* in the table ``meta``."""
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(schema)
    connection.execute(f"PRAGMA application_id={application_id}")
    connection.execute(f"PRAGMA user_version={version}")
    connection.executemany("INSERT INTO meta VALUES (?, ?)", known.items())


def look_at(path: str) -> os.stat_result | None:
    """Give what stands at *path*, or None, once it and its log are files that may be opened."""
    for name in (path + "-wal", path + "-shm"):  # they come and go with other processes
        if (found := _lstat(name)) is not None:
            check_file(found, name)
    if (found := _lstat(path)) is not None:
        check_file(found, path)
    return found


def connected(path: str) -> sqlite3.Connection:
    """Give a connection to a file that exists; nothing is created, and no transaction begins by itself."""
    return sqlite3.connect(f"file:{_quoted(path)}?mode=rw", uri=True, isolation_level=None, timeout=BUSY)


def be_careful(connection: sqlite3.Connection) -> None:
    """Let *connection* write durably, and look at what it reads."""
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cell_size_check=ON")


def pragma(connection: sqlite3.Connection, name: str) -> object:
    """Give one of SQLite's own values."""
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
