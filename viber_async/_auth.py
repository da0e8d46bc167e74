"""Bearer tokens: one refresh at a time, owned by the session, and a refused token replaced once.

Any number of callers that need a token wait beside the same refresh. Cancelling one of them, the one that noticed
included, harms nobody: the refresh is a task of the session's.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import random
import time
from typing import TYPE_CHECKING, Final, Protocol

from viber_async._sansio.privacy import safe_text
from viber_async._sansio.tokens import (
    BETWEEN_TRIES,
    LONGEST_LIFETIME,
    REFUSED_FOR,
    StoredToken,
    Token,
    flaw_of,
    in_use,
    is_newer,
)
from viber_async._tasks import beside
from viber_async.errors import AuthenticationError, Delivery, TransportError, ViberError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from viber_async._sansio.tokens import ApiKey, Grant
    from viber_async._tasks import TaskOwner

logger: Final = logging.getLogger("viber_async")


class Bearer(Protocol):
    """Who supplies the token of a request."""

    refreshes: int
    """Tokens that were asked for and given so far."""

    async def token(self) -> Token:
        """Give a token that is good now."""
        ...

    def current(self) -> Token | None:
        """Give the token in use, if there is one, without asking for any."""
        ...

    def reject(self, token: Token) -> bool:
        """Note that the provider refused *token*; tell whether another one can be had."""
        ...


class TokenStore(Protocol):
    """Where tokens are kept and, if others share them, where it is settled who asks for the next one."""

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        """Give a token of *account* other than *stale*: a kept one, or what *fetch* gives, which is then kept."""
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


class StaticKey:
    """A bearer for an API key: always the same, and final when refused."""

    refreshes = 0

    def __init__(self, key: ApiKey) -> None:
        self._token = Token(value=key.key)

    async def token(self) -> Token:
        """Give the key."""
        return self._token

    def current(self) -> Token | None:
        """Give the key."""
        return self._token

    def reject(self, token: Token) -> bool:  # noqa: ARG002 - there is only the one
        """Say that there is no other one."""
        return False


class TokenRefresher:
    """Keeps one token good: replaced early in the background, waited for only when it is really over."""

    def __init__(
        self, grant: Callable[[], Awaitable[Grant]], *, account: str, store: TokenStore, tasks: TaskOwner
    ) -> None:
        self._grant = grant
        self._account = account
        self._store = store
        self._tasks = tasks
        self._token: Token | None = None
        self._stale: str | None = None
        self._refreshing: asyncio.Task[Token] | None = None
        self._next_try = -math.inf
        self._rejected_at = -math.inf
        self._refusal: AuthenticationError | None = None
        self.refreshes = 0

    async def token(self) -> Token:
        """Give a token that is good now.

        Raises: whatever kept the session from getting one, with ``delivery`` saying that the caller's own request
        was not sent.
        """
        now = asyncio.get_running_loop().time()
        token = self._token
        if token is not None and now < token.refresh_at:
            return token
        if token is not None and now < token.over_at:
            if now >= self._next_try:
                self._start()
            return token
        return await self._fresh(now)

    async def _fresh(self, now: float) -> Token:
        if self._refusal is not None and now < self._next_try:
            raise _for_another(self._refusal)
        try:
            return await beside(self._start())
        except ViberError as error:
            raise _for_another(error) from error.__cause__

    def current(self) -> Token | None:
        """Give the token in use, if there is one, without asking for any."""
        return self._token

    def reject(self, token: Token) -> bool:
        """Forget *token* if it is still the one in use: a late refusal of an older one changes nothing.

        If the one before it was refused only just now, another one would not help: it stays in use, and none is
        asked for before `REFUSED_FOR` has passed.
        """
        if self._token is None or self._token.value != token.value:
            return True
        now = asyncio.get_running_loop().time()
        if now < self._rejected_at + REFUSED_FOR:
            return False
        self._rejected_at = now
        self._stale = token.value
        self._token = None
        return True

    def _start(self) -> asyncio.Task[Token]:
        if self._refreshing is not None:
            return self._refreshing
        task = self._tasks.start(self._refresh())
        if not task.done():  # where tasks are eager, it may have run to its end already
            self._refreshing = task
        return task

    async def _refresh(self) -> Token:
        clock = asyncio.get_running_loop().time
        before = self._token
        try:
            self._token = token = await self._obtain()
        except Exception as error:
            self._refusal = error if isinstance(error, AuthenticationError) else None
            self._next_try = clock() + (BETWEEN_TRIES if self._token is not None else REFUSED_FOR)
            logger.warning("no new token: %s", error if isinstance(error, ViberError) else _kind(error))
            raise
        else:
            self._refusal = None
            self._next_try = clock() + BETWEEN_TRIES if token is before else -math.inf
            return token
        finally:
            self._refreshing = None

    async def _obtain(self) -> Token:
        """Give a good token: a newer one, or the one that serves if there is none newer yet."""
        clock = asyncio.get_running_loop().time
        asked = clock()
        stale = self._stale if self._token is None else self._token.value
        granted: dict[str, float] = {}

        async def fetch() -> StoredToken:
            grant = await self._grant()
            self.refreshes += 1
            granted[grant.value] = grant.lifetime
            return StoredToken(value=grant.value, expires_at=time.time() + grant.lifetime)

        value, left = await self._kept(stale, fetch, granted)
        serving = self._token if self._token is not None and clock() < self._token.over_at else None
        if value not in granted and (left <= 0 or (serving is None and value == stale)):
            value = next(reversed(granted), "") or (await fetch()).value
        left = min(granted.get(value, left), LONGEST_LIFETIME)
        token = in_use(value, left, now=asked, chance=random.random())  # noqa: S311 - jitter
        return token if serving is None or is_newer(token, serving, fetched=value in granted) else serving

    async def _kept(
        self, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]], granted: dict[str, float]
    ) -> tuple[str, float]:
        """Give what the store gives, by the wall clock; no seconds left if it is not usable.

        A store that fails after a token was granted does not take it from us; one that fails before is an error,
        because whoever shares it may count on its lock.
        """
        failed: list[BaseException] = []

        async def watched() -> StoredToken:
            try:
                return await fetch()
            except BaseException as error:
                failed.append(error)
                raise

        try:
            stored = await self._store.obtain(self._account, stale=stale, fetch=watched)
        except Exception as error:
            if error in failed:
                raise
            if not granted:
                raise TransportError(f"the token store failed: {_kind(error)}", delivery=Delivery.NOT_SENT) from error
            logger.warning("the token store failed to keep a token: %s", _kind(error))
            return "", 0
        now = time.time()
        if (flaw := flaw_of(stored, now=now)) is not None:
            logger.warning("the token store gave %s: it is not used", flaw)
            return "", 0
        return stored.value, stored.expires_at - now


def _kind(error: Exception) -> str:
    """Give what can be said of somebody else's error: its text may hold a token."""
    return safe_text(type(error).__name__, 60)


def _for_another(error: ViberError) -> ViberError:
    """Give a copy of *error* for one of the many who waited: its own request was never sent."""
    copied = copy.copy(error)
    copied.delivery = Delivery.NOT_SENT
    return copied
