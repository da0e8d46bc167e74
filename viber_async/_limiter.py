"""The awaiting side of the rate limit: a queue of futures in front of a `Pacer`, and one timer for all of it."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from viber_async._sansio.rate import Lane, Lanes, Pacer, RateLimit
from viber_async._sansio.rate import Turn as Slot
from viber_async.errors import SessionLoopError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Turn(Protocol):
    """The right to send one request, from `RateLimiter.acquire`; it must be ended exactly once."""

    def sent(self) -> None:
        """Say that the request starts to leave."""
        ...

    def end(self, *, answered: bool, untold: bool = False) -> None:
        """Say how it ended: with an answer, or without one; if it was never sent, the turn is given back.

        *untold* means that the transport does not say when bytes leave, so it may have been sent.
        """
        ...


class RateLimiter(Protocol):
    """Who decides when the next request of an account may leave."""

    async def acquire(self, *, lane: Lane, endpoint: str, again: bool = False) -> Turn:
        """Wait for a turn; cancelling the wait loses nothing.

        *endpoint* groups calls of similar speed; *again* is said by a request that had its turn and was refused, and
        goes before those who have not had theirs.
        """
        ...

    def pause(self, seconds: float) -> None:
        """Let nobody leave for *seconds*: the provider said that it was too much."""
        ...

    def statistics(self) -> RateStatistics:
        """Give the figures of this moment."""
        ...


@frozen(kw_only=True)
class RateStatistics:
    """What the rate limit has done so far."""

    limit: RateLimit
    granted: int
    """Turns given."""
    waiting: Mapping[Lane, int]
    """Callers that wait at this moment, by lane."""
    pauses: int
    """Times that the provider said it was too much."""
    paused_for: float
    """Seconds that the pause of this moment will last; 0.0 when there is none."""
    waited: float
    """Seconds that all callers together have waited for their turns."""


class PacedLimiter:
    """A rate limit for one process and one event loop: paced, first come first served within a lane."""

    def __init__(self, limit: RateLimit) -> None:
        self._pacer = Pacer(limit)
        self._lanes: Lanes[asyncio.Future[Slot]] = Lanes()
        self._endpoints: dict[asyncio.Future[Slot], str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._granted = 0
        self._pauses = 0
        self._waited = 0.0

    async def acquire(self, *, lane: Lane, endpoint: str, again: bool = False) -> Turn:
        """Wait for a turn in *lane*."""
        loop = self._bound()
        now = loop.time()
        if not len(self._lanes) and self._pacer.ready_at(spaced=lane == "bulk") <= now:
            return self._grant(endpoint, now)
        waiter: asyncio.Future[Slot] = loop.create_future()
        self._lanes.join(lane, waiter, first=again)
        self._endpoints[waiter] = endpoint
        self._set_timer()
        try:
            return _Turn(self, await waiter)
        except asyncio.CancelledError:
            self._give_up(lane, waiter)
            raise
        finally:
            self._waited += loop.time() - now

    def pause(self, seconds: float) -> None:
        """Let nobody leave for *seconds*."""
        now = self._bound().time()
        self._pauses += now >= self._pacer.paused_until  # those who were refused together pause once
        self._pacer.pause(now + seconds)
        self._set_timer()

    def statistics(self) -> RateStatistics:
        """Give the figures of this moment."""
        return RateStatistics(
            limit=self._pacer.limit,
            granted=self._granted,
            waiting={"interactive": self._lanes.waiting("interactive"), "bulk": self._lanes.waiting("bulk")},
            pauses=self._pauses,
            paused_for=self._paused_for(),
            waited=self._waited,
        )

    def _paused_for(self) -> float:
        return 0.0 if self._loop is None else max(0.0, self._pacer.paused_until - self._loop.time())

    def _bound(self) -> asyncio.AbstractEventLoop:
        """Give the loop whose clock and timers this limiter uses: that of its first call."""
        running = asyncio.get_running_loop()
        if self._loop is not running:
            if self._loop is not None:
                raise SessionLoopError(
                    "this rate limiter belongs to another event loop; "
                    "make one per loop, or share one allowance through Redis"
                )
            self._loop = running
        return running

    def _grant(self, endpoint: str, now: float) -> _Turn:
        self._granted += 1
        return _Turn(self, self._pacer.take(now, endpoint))

    def _give_up(self, lane: Lane, waiter: asyncio.Future[Slot]) -> None:
        if not waiter.cancelled():  # the turn came in the same instant as the cancellation
            self.end(waiter.result(), answered=False, untold=False)
        elif self._endpoints.pop(waiter, None) is not None:
            self._lanes.leave(lane, waiter)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if len(self._lanes) and (ready_at := self._pacer.ready_at(spaced=True)) < math.inf:
            self._timer = self._bound().call_at(ready_at, self._serve)

    def _serve(self) -> None:
        self._timer = None
        now = self._bound().time()
        if self._pacer.ready_at(spaced=True) <= now and (waiter := self._next()) is not None:
            self._granted += 1
            waiter.set_result(self._pacer.take(now, self._endpoints.pop(waiter)))
        self._set_timer()

    def _next(self) -> asyncio.Future[Slot] | None:
        while len(self._lanes):
            waiter = self._lanes.next()
            if not waiter.cancelled():
                return waiter
            del self._endpoints[waiter]  # cancelled in this instant: its owner has not run yet
        return None

    def sent(self, slot: Slot) -> None:
        """A request starts to leave."""
        self._pacer.sent(slot, self._bound().time())
        self._set_timer()

    def end(self, slot: Slot, *, answered: bool, untold: bool) -> None:
        """A request has ended."""
        now = self._bound().time()
        if answered:
            self._pacer.answered(slot, now)
        elif slot.is_sent or untold:
            self._pacer.lost(slot, now)
        else:
            self._pacer.give_back(slot, now)
            self._granted -= 1
        self._set_timer()


@frozen(eq=False)
class _Turn:
    _limiter: PacedLimiter
    _slot: Slot

    def sent(self) -> None:
        self._limiter.sent(self._slot)

    def end(self, *, answered: bool, untold: bool = False) -> None:
        self._limiter.end(self._slot, answered=answered, untold=untold)
