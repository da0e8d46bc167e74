"""The file behind `FileTokenStore`, and the lock beside it that says who asks for the next token. Blocking.

The file is replaced, never changed, so that reading needs no lock. The lock is the system's own, on a file that stays
empty: it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING

from viber_async._private_file import check_directory, make_directory, open_file, replace_file
from viber_async._sansio import token_file as rules
from viber_async._sansio.call import Unreadable
from viber_async._sansio.tokens import is_worth_giving

if TYPE_CHECKING:
    from collections.abc import Callable

    from viber_async._sansio.tokens import StoredToken


class TokenFile:
    """One file of tokens."""

    def __init__(self, path: str, *, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn

    def kept(self, account: str, *, stale: str | None) -> StoredToken | None:
        """Give the token of *account* that is kept, if it is another one than *stale* and not over."""
        now = time.time()
        token = self._tokens(now).get(account)
        return token if token is not None and is_worth_giving(token, stale=stale, now=now) else None

    def keep(self, account: str, token: StoredToken) -> None:
        """Keep *token*; what cannot be read is replaced by it."""
        check_directory(os.path.dirname(self._path))  # noqa: PTH120 - as in _private_file
        now = time.time()
        replace_file(self._path, [rules.written({**self._tokens(now), account: token}, now=now)])

    def _tokens(self, now: float) -> dict[str, StoredToken]:
        try:
            handle = open_file(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return {}
        with open(handle, "rb") as file:  # noqa: PTH123 - it is open already
            body = file.read(rules.LARGEST + 1)
        try:
            return rules.read(body, now=now)
        except Unreadable as error:
            self._warn(f"it cannot be read ({error.why}) and will be replaced")
            return {}


class TokenLock:
    """The turn to ask for the next token: one at a time has it, among all processes of this machine."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}.lock"
        self._handle: int | None = None
        self._given_up = False
        self._deciding = threading.Lock()
        """Held only for the moment in which the handle changes hands."""

    @property
    def held(self) -> bool:
        """Tell whether we have it."""
        return self._handle is not None

    def take(self) -> bool:
        """Take it if nobody has it, and tell whether we have it now."""
        make_directory(os.path.dirname(self._path))  # noqa: PTH120 - as in _private_file
        handle = open_file(self._path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except BaseException:
            os.close(handle)
            raise
        with self._deciding:
            if not self._given_up:
                self._handle = handle
                return True
        _let_go(handle)
        return False

    def give_up(self) -> None:
        """Let others have it, now and, if a thread is just taking it for us, as soon as that is done."""
        with self._deciding:
            self._given_up = True
            handle, self._handle = self._handle, None
        if handle is not None:
            _let_go(handle)


def _let_go(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_UN)  # said aloud: a child that was forked meanwhile has the same file open
    os.close(handle)
