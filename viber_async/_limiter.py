"""The awaiting side of the rate limit: a queue of futures in front of a `Pacer`, and one timer for all of it."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol

from attrs import Factory, define, frozen

from viber_async._defaults import QUEUE
from viber_async._sansio.privacy import shown
from viber_async._sansio.rate import Lane, Lanes, Pacer, RateLimit
from viber_async._sansio.rate import Turn as Slot
from viber_async.errors import ConfigurationError, QueueFullError, SessionLoopError

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

        *endpoint* groups calls of similar speed; *again* is said by a request whose call had a turn that came to
        nothing; it goes before those who had none. Raise `QueueFullError` rather than let it wait among too many.
        """
        ...

    def pause(self, seconds: float) -> None:
        """Let nobody leave for *seconds*: the provider said that it was too much.

        It is called once for each refused request, after its turn was ended; several may have been refused for one and
        the same reason.
        """
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
    rate: float = Factory(lambda self: float(self.limit.requests), takes_self=True)
    """Turns in ``limit.per`` seconds that are given at most at this moment: the allowance, or less after the provider
    said that it was too much."""
    turned_away: int = 0
    """Callers that were refused a place in the queue."""
    oldest_wait: float = 0.0
    """Seconds that the one of those who wait now has waited that came first."""
    longest_wait: float = 0.0
    """Seconds that any caller has ever waited for a turn."""


@define(eq=False)
class _Waiter:
    """A caller that waits for its turn."""

    turn: asyncio.Future[Slot]
    lane: Lane
    endpoint: str
    since: float


class PacedLimiter:
    """A rate limit for one process and one event loop: paced, first come first served within a lane.

    After a refusal everybody pauses and the rate halves, and work that is not refused regains it: half an allowance
    in fifty periods. At most *queue* callers wait in each lane; the next ones get a `QueueFullError` at once.
    """

    def __init__(self, limit: RateLimit, *, queue: int = QUEUE) -> None:
        if isinstance(queue, bool) or not isinstance(queue, int) or queue < 0:
            raise ConfigurationError(f"PacedLimiter: queue must be an int of at least 0; got {shown(queue)}")
        self._pacer = Pacer(limit)
        self._queue = queue
        self._lanes: Lanes[_Waiter] = Lanes()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._granted = 0
        self._pauses = 0
        self._turned_away = 0
        self._waited = 0.0
        self._longest_wait = 0.0

    async def acquire(self, *, lane: Lane, endpoint: str, again: bool = False) -> Turn:
        """Wait for a turn in *lane*; raises `QueueFullError` if too many do already.

        Whoever comes *again* waited before, and is never turned away.
        """
        loop = self._bound()
        now = loop.time()
        if not len(self._lanes) and self._pacer.ready_at(spaced=lane == "bulk") <= now:
            self._granted += 1
            return _Turn(self, self._pacer.take(now, endpoint))
        if not again and self._lanes.waiting(lane) >= self._queue:
            raise self._full(lane)
        waiter = _Waiter(loop.create_future(), lane, endpoint, now)
        self._lanes.join(lane, waiter, again=again)
        self._set_timer()
        try:
            return _Turn(self, await waiter.turn)
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        finally:
            waited = loop.time() - now
            self._waited += waited
            self._longest_wait = max(self._longest_wait, waited)

    def pause(self, seconds: float) -> None:
        """Let nobody leave for *seconds*, and at half the rate from then on."""
        now = self._bound().time()
        self._pauses += now >= self._pacer.paused_until  # those who were refused together pause once
        self._pacer.refused(now)
        self._pacer.pause(now + seconds)
        self._set_timer()

    def statistics(self) -> RateStatistics:
        """Give the figures of this moment."""
        now = math.inf if self._loop is None else self._loop.time()
        return RateStatistics(
            limit=self._pacer.limit,
            rate=self._pacer.rate,
            granted=self._granted,
            waiting={"interactive": self._lanes.waiting("interactive"), "bulk": self._lanes.waiting("bulk")},
            turned_away=self._turned_away,
            pauses=self._pauses,
            paused_for=max(0.0, self._pacer.paused_until - now),
            waited=self._waited,
            oldest_wait=max((now - waiter.since for waiter in self._lanes.heads()), default=0.0),
            longest_wait=self._longest_wait,
        )

    def __repr__(self) -> str:
        now = self.statistics()
        waiting = ", ".join(f"{count} {lane}" for lane, count in now.waiting.items())
        pause = f", paused for {now.paused_for:.1f} s" if now.paused_for else ""
        return (
            f"<{type(self).__name__} {now.limit.requests} in {now.limit.per:g} s, now {now.rate:g}; "
            f"waiting: {waiting}{pause}>"
        )

    def _full(self, lane: Lane) -> QueueFullError:
        self._turned_away += 1
        limit, waiting = self._pacer.limit, self._lanes.waiting(lane)
        return QueueFullError(
            f"{waiting} wait in the lane {lane!r} already, as many as the limiter's queue holds; nothing was sent. "
            f"Turns come at {self._pacer.rate:g} in {limit.per:g} s; ask for less at once, or try later",
            lane=lane,
            waiting=waiting,
        )

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

    def _give_up(self, waiter: _Waiter) -> None:
        if waiter.turn.cancelled():
            self._lanes.leave(waiter.lane, waiter)
        else:  # the turn came in the same instant as the cancellation
            self.end(waiter.turn.result(), answered=False, untold=False)

    def _set_timer(self) -> None:
        """See to it that somebody looks when the next turn is ready; a timer that is too early looks again."""
        if not len(self._lanes) or (ready_at := self._pacer.ready_at(spaced=True)) == math.inf:
            return
        if self._timer is not None:
            if self._timer.when() <= ready_at:
                return
            self._timer.cancel()
        self._timer = self._bound().call_at(ready_at, self._serve)

    def _serve(self) -> None:
        self._timer = None
        now = self._bound().time()
        if self._pacer.ready_at(spaced=True) <= now and (waiter := self._next()) is not None:
            self._granted += 1
            waiter.turn.set_result(self._pacer.take(now, waiter.endpoint))
        self._set_timer()

    def _next(self) -> _Waiter | None:
        while len(self._lanes):
            waiter = self._lanes.next()
            if not waiter.turn.cancelled():  # else in this instant: its owner has not run yet
                return waiter
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
