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

from viber_async._sansio.tokens import BETWEEN_TRIES, LONGEST_LIFETIME, REFUSED_FOR, StoredToken, Token, in_use
from viber_async._tasks import beside
from viber_async.errors import AuthenticationError, Delivery, ViberError

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
        self._refreshing: asyncio.Task[None] | None = None
        self._next_try = -math.inf
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
        while True:
            try:
                await beside(self._start())
            except ViberError as error:
                raise _for_another(error) from error.__cause__
            if self._token is not None:  # it may have been rejected again in the meantime
                return self._token

    def reject(self, token: Token) -> bool:
        """Forget *token* if it is still the one in use: a late refusal of an older one changes nothing."""
        if self._token is not None and self._token.value == token.value:
            self._stale = token.value
            self._token = None
        return True

    def _start(self) -> asyncio.Task[None]:
        if self._refreshing is None:
            self._refreshing = self._tasks.start(self._refresh())
        return self._refreshing

    async def _refresh(self) -> None:
        clock = asyncio.get_running_loop().time
        asked = clock()
        try:
            value, lifetime = await self._obtain()
        except ViberError as error:
            self._refusal = error if isinstance(error, AuthenticationError) else None
            self._next_try = clock() + (BETWEEN_TRIES if self._token is not None else REFUSED_FOR)
            logger.warning("no new token: %s", error)
            raise
        else:
            self._token = in_use(value, lifetime, now=asked, chance=random.random())  # noqa: S311 - jitter
            self._refusal = None
            self._next_try = -math.inf
        finally:
            self._refreshing = None

    async def _obtain(self) -> tuple[str, float]:
        """Give a token's value and the seconds it has left, by the wall clock only if somebody else fetched it."""
        fetched: dict[str, int] = {}

        async def fetch() -> StoredToken:
            grant = await self._grant()
            self.refreshes += 1
            fetched[grant.value] = grant.lifetime
            return StoredToken(value=grant.value, expires_at=time.time() + grant.lifetime)

        stored = await self._store.obtain(self._account, stale=self._stale, fetch=fetch)
        if stored.value not in fetched and stored.expires_at <= time.time():  # a store that keeps dead tokens
            stored = await fetch()
        left = fetched.get(stored.value, stored.expires_at - time.time())
        return stored.value, min(left, LONGEST_LIFETIME)


def _for_another(error: ViberError) -> ViberError:
    """Give a copy of *error* for one of the many who waited: its own request was never sent."""
    copied = copy.copy(error)
    copied.delivery = Delivery.NOT_SENT
    return copied
