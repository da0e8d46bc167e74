"""Where tokens are kept: the seam, and what ships with us. Who needs one, and when, is `_auth`'s to know.

A token can always be asked for anew, so a store that cannot be trusted costs one token call and never the call itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Protocol

from viber_async._private_file import NotPrivateError
from viber_async._sansio.privacy import safe_text
from viber_async._threads import Threads
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from viber_async._sansio.tokens import StoredToken
    from viber_async._token_file import TokenFile, TokenLock

logger: Final = logging.getLogger("viber_async")

THREADS: Final = Threads("viber_async tokens", 2)
PATIENCE: Final = 30.0
"""Ours: seconds to wait for another process that is asking for a token. It may be stopped, or its network may hang;
after that a token call of our own is the smaller evil, and its token is not kept."""
FIRST_PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.25
"""Ours: seconds between two looks whether it is done."""


class TokenStore(Protocol):
    """Where tokens are kept and, if others share them, where it is settled who asks for the next one."""

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        """Give a token of *account* other than *stale*: a kept one, or what *fetch* gives, which is then kept.

        Keep its `lifetime` too, by which others know how close to its end it may still be used.
        """
        ...


class MemoryTokenStore:
    """Keeps nothing beyond the session's own memory; every session asks for its own token."""

    async def obtain(
        self,
        account: str,  # noqa: ARG002 - a session has one account
        *,
        stale: str | None,  # noqa: ARG002 - nothing kept, nothing stale
        fetch: Callable[[], Awaitable[StoredToken]],
    ) -> StoredToken:
        """Give what *fetch* gives."""
        return await fetch()


class FileTokenStore:
    """Keeps tokens in one file, for the sessions and processes of one machine that share its path.

    ```python
    import tempfile
    from pathlib import Path
    from viber_async import FileTokenStore

    store = FileTokenStore(Path(tempfile.mkdtemp(), "viber.tokens"))
    print(store, await session.senders.list())
    ```

    However many of them start together, one asks for a token and the others take it; whoever finds a newer one there
    takes that. Several accounts may share the file. Making a store does no I/O and binds it to no event loop.

    Tokens stand in the file in the clear, and the secret does not: whoever reads it can act for the account for the
    hour that a token lives. It is created with mode 0600, its directory, if missing, with 0700, and it is replaced
    whole. A file that others may read or that is another user's, a link, and a directory that others may write are not
    used and not touched; what cannot be read is replaced. Each of these is a warning in the log, and a token is asked
    for as if there were no store.

    It needs the file locks of a Unix system, and makes no promise on a network file system.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        found = os.fspath(path)
        if not isinstance(found, str) or not found or "\0" in found:
            raise ConfigurationError("FileTokenStore: path must be the path of a file, as text or a Path")
        if find_spec("fcntl") is None:
            raise ConfigurationError(
                "FileTokenStore needs the file locks of a Unix system, which this one has not; leave token_store out, "
                "and each process asks for a token of its own"
            )
        self._path = os.path.abspath(found)  # noqa: PTH100 - no link on the way is followed here

    @property
    def path(self) -> str:
        """The file, as an absolute path."""
        return self._path

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        """Give the kept token of *account*, or what *fetch* gives to the one who asks for all."""
        from viber_async._token_file import TokenFile, TokenLock  # noqa: PLC0415 - fcntl only where it is used

        file, lock = TokenFile(self._path, warn=self._warn), TokenLock(self._path)
        try:
            kept = await self._kept(file, lock, account, stale)
            if kept is not None:
                return kept
            token = await fetch()
            if lock.held:
                await self._keep(file, account, token)
            return token
        finally:
            lock.give_up()

    async def _kept(self, file: TokenFile, lock: TokenLock, account: str, stale: str | None) -> StoredToken | None:
        """Give the kept token, or None; then it is our turn to ask for one, if the place can be trusted."""
        try:
            kept = await THREADS.run(lambda: file.kept(account, stale=stale))
            if kept is None:
                await self._wait(lock)
                kept = await THREADS.run(lambda: file.kept(account, stale=stale))
        except (OSError, NotPrivateError) as error:
            self._warn(f"it is not used: {error}")
            lock.give_up()
            return None
        return kept

    async def _wait(self, lock: TokenLock) -> None:
        clock = asyncio.get_running_loop().time
        end, pause = clock() + PATIENCE, FIRST_PAUSE
        while not await THREADS.run(lock.take):
            if clock() >= end:
                self._warn(f"another process has been asking for a token for {PATIENCE:g} s; going on without it")
                return
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _keep(self, file: TokenFile, account: str, token: StoredToken) -> None:
        try:
            await THREADS.run(lambda: file.keep(account, token))
        except (OSError, NotPrivateError) as error:
            self._warn(f"a token could not be kept: {error}")

    def _warn(self, what: str) -> None:
        logger.warning("token file %s: %s", safe_text(self._path, 200), safe_text(what, 400))

    def __repr__(self) -> str:
        return f"FileTokenStore({self._path!r})"
