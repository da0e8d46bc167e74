"""One run for one account at a time, on this machine and for this user.

The system holds the lock (``flock``) for as long as the process that took it has its file open, so the lock of a dead
process is free. The file stays; what it says is only for people. Blocking, for a few microseconds.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from viber_async._private_file import NotPrivateError, check_directory, make_directory, open_file
from viber_async.errors import SyncRefusedError

_TAKEN: Final = (errno.EAGAIN, errno.EACCES)
_SHORT: Final = 16
"""Characters of the account's name, itself a hash, that make a file's name."""


class AccountLock:
    """The right to write to one account's blacklist."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._handle: int | None = None

    def take(self) -> None:
        """Take it, or raise `SyncRefusedError` at once if another run has it, or if it cannot be had at all."""
        try:
            directory = state_directory()
        except RuntimeError as error:  # a user without a home, as in many a container
            raise _unusable("~", error) from error
        path = str(directory / f"blacklist-{self._account[:_SHORT]}.lock")
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            make_directory(str(directory))
            check_directory(str(directory))
            handle = open_file(path, os.O_RDWR | os.O_CREAT)
        except (OSError, NotPrivateError) as error:
            raise _unusable(directory, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(handle)
        except OSError as error:
            said = _read(handle) if error.errno in _TAKEN else None
            os.close(handle)
            raise (_unusable(directory, error) if said is None else _taken(said)) from error
        self._handle = handle

    def release(self) -> None:
        """Let others have it."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            fcntl.flock(handle, fcntl.LOCK_UN)  # said aloud: a child that was forked meanwhile has the same file open
            os.close(handle)


def state_directory() -> Path:
    """Give where this user's programs keep what has to outlive them: XDG_STATE_HOME, or ~/.local/state."""
    chosen = os.environ.get("XDG_STATE_HOME", "")
    home = Path(chosen) if chosen.startswith("/") else Path.home() / ".local" / "state"
    return home / "viber-async"


def _write(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(
        handle, json.dumps({"pid": os.getpid(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}).encode(), 0
    )


def _read(handle: int) -> str:
    """Give who has the lock, as far as the file says so."""
    try:
        match json.loads(os.pread(handle, 1000, 0)):
            case {"pid": int() as pid, "since": str() as since}:
                return f" (process {pid}, since {since[:30]})"
            case _:
                return ""
    except ValueError:
        return ""


def _taken(who: str) -> SyncRefusedError:
    return SyncRefusedError(
        f"another run is writing to this account's blacklist{who}: wait until it is through. Nothing was written",
        reason="locked",
    )


def _unusable(directory: Path | str, error: Exception) -> SyncRefusedError:
    return SyncRefusedError(
        f"the lock that keeps two runs apart cannot be taken in {directory} ({error}): set XDG_STATE_HOME to a "
        "directory of this user's own. Nothing was written",
        reason="lock",
    )
