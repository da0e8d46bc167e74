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
    REFUSED_FOR,
    StoredToken,
    Token,
    flaw_of,
    in_use,
    is_newer,
    is_worth_giving,
    lasts,
)
from viber_async._tasks import beside
from viber_async.errors import AuthenticationError, Delivery, TransportError, ViberError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from viber_async._sansio.tokens import ApiKey, Grant
    from viber_async._tasks import TaskOwner
    from viber_async._token_store import TokenStore

logger: Final = logging.getLogger("viber_async")


class Bearer(Protocol):
    """Who supplies the token of a request."""

    refreshes: int
    """Tokens that were asked for and given so far."""

    def at_hand(self, *, until: float = -math.inf) -> Token | None:
        """Give a token that is good now, and for a call that may take *until* that moment, if nobody has to wait."""
        ...

    async def token(self, *, until: float = -math.inf) -> Token:
        """Give such a token, if any can be had."""
        ...

    def current(self) -> Token | None:
        """Give the token in use, if there is one, without asking for any."""
        ...

    def reject(self, token: Token) -> bool:
        """Note that the provider refused *token*; tell whether another one can be had."""
        ...


class StaticKey:
    """A bearer for an API key: always the same, and final when refused."""

    refreshes = 0

    def __init__(self, key: ApiKey) -> None:
        self._token = Token(value=key.key)

    def at_hand(self, *, until: float = -math.inf) -> Token:  # noqa: ARG002 - it has no end
        """Give the key."""
        return self._token

    async def token(self, *, until: float = -math.inf) -> Token:
        """Give the key."""
        return self.at_hand(until=until)

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
        self._clock: Callable[[], float] = time.monotonic  # until there is a token: then that of its loop
        self._stale: str | None = None
        self._refreshing: asyncio.Task[Token] | None = None
        self._next_try = -math.inf
        self._best_until = -math.inf
        """Until then there is nothing better than the token in use: it was what the last refresh gave."""
        self._rejected_at = -math.inf
        self._refusal: AuthenticationError | None = None
        self.refreshes = 0

    def at_hand(self, *, until: float = -math.inf) -> Token | None:
        """Give the token in use, if there is nothing to be done for it yet."""
        token = self._token
        if token is None or until > token.ends_at or self._clock() >= token.refresh_at:
            return None
        return token

    async def token(self, *, until: float = -math.inf) -> Token:
        """Give a token that is good now, and for a call that may take *until* that moment.

        Where tokens live shorter than that, the best that can be had is given. Whoever needs one for long waits for
        it, and fails with the refresh, although the one in use may serve others still.

        Raises: whatever kept the session from getting one, with ``delivery`` saying that the caller's own request
        was not sent.
        """
        if (token := self.at_hand(until=until)) is not None:
            return token
        began = asyncio.get_running_loop().time()
        token = await self._good(began)
        for _ in range(2):  # what another process left there may be newer, and end too soon all the same
            now = asyncio.get_running_loop().time()
            if token.asked_at >= began or now < self._best_until or lasts(token, until, now=now):
                break
            token = await self._fresh(now)
        return token

    async def _good(self, now: float) -> Token:
        token = self._token
        if token is None or now >= token.over_at:
            return await self._fresh(now)
        if now >= max(token.refresh_at, self._next_try):
            self._start()
        return token

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
        self._clock = clock = asyncio.get_running_loop().time
        before = self._token
        try:
            self._token = token = await self._obtain()
        except Exception as error:
            self._refusal = error if isinstance(error, AuthenticationError) else None
            self._next_try = clock() + (BETWEEN_TRIES if self._token is not None else REFUSED_FOR)
            if before is not None and clock() < before.over_at:  # else somebody waits, and is told by the error
                logger.warning("no new token: %s", error if isinstance(error, ViberError) else _kind(error))
            raise
        else:
            self._refusal = None
            self._best_until = self._next_try = clock() + BETWEEN_TRIES if token is before else -math.inf
            return token
        finally:
            self._refreshing = None

    async def _obtain(self) -> Token:
        """Give a good token: a newer one, or the one that serves if there is none newer yet."""
        clock = asyncio.get_running_loop().time
        stale = self._stale if self._token is None else self._token.value
        granted: list[Token] = []

        async def fetch() -> StoredToken:
            asked = clock()
            grant = await self._grant()
            self.refreshes += 1
            granted.append(_in_use(grant.value, grant.lifetime, grant.lifetime, now=asked))
            return StoredToken(value=grant.value, expires_at=time.time() + grant.lifetime, lifetime=grant.lifetime)

        kept = await self._kept(stale, fetch, granted)
        serving = self._token if self._token is not None and clock() < self._token.over_at else None
        now = time.time()
        if not granted and kept is not None and is_worth_giving(kept, stale=None if serving else stale, now=now):
            token = _in_use(kept.value, kept.expires_at - now, kept.lifetime, now=clock())
        else:
            if not granted:
                await fetch()
            token = granted[-1]
        return token if serving is None or is_newer(token, serving, fetched=bool(granted)) else serving

    async def _kept(
        self, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]], granted: Sequence[Token]
    ) -> StoredToken | None:
        """Give what the store gives, or None if it is no token.

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
            return None
        if (flaw := flaw_of(stored, now=time.time())) is not None:
            logger.warning("the token store gave %s: it is not used", flaw)
            return None
        return stored


def _in_use(value: str, left: float, lifetime: float | None, *, now: float) -> Token:
    return in_use(value, left=left, lifetime=lifetime, now=now, chance=random.random())  # noqa: S311 - jitter


def _kind(error: Exception) -> str:
    """Give what can be said of somebody else's error: its text may hold a token."""
    return safe_text(type(error).__name__, 60)


def _for_another(error: ViberError) -> ViberError:
    """Give a copy of *error* for one of the many who waited: its own request was never sent."""
    copied = copy.copy(error)
    copied.delivery = Delivery.NOT_SENT
    return copied
