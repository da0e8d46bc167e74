"""The awaiting side of the rate limit: a `Pacer` behind a queue of callers, and one timer for all of it."""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from attrs import Factory, define, frozen

from viber_async._defaults import QUEUE
from viber_async._queue import Queue
from viber_async._sansio.rate import Lane, Pacer, RateLimit
from viber_async._sansio.rate import Turn as Slot

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping


logger: Final = logging.getLogger("viber_async")

KeptBy = Literal["process", "redis", "share", "nobody"]


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
    kept_by: KeptBy = "process"
    """Who keeps the limit: this process alone; Redis, for all that share it; or, while Redis is away, this process with
    its declared share, or nobody, so that nothing is sent."""


def tell(limiter: Callable[[], None]) -> None:
    """Tell a limiter what happened; if that fails, the answer that is already here must not be lost with it."""
    try:
        limiter()
    except Exception:
        logger.exception("the rate limiter failed to note what happened")


def figures(  # noqa: PLR0913 - as many figures as there are
    queue: Queue[Any], *, limit: RateLimit, rate: float, granted: int, pauses: int, paused_until: float, kept_by: KeptBy
) -> RateStatistics:
    """Give the figures of a limiter whose callers wait in *queue*."""
    return RateStatistics(
        limit=limit,
        rate=rate,
        granted=granted,
        waiting=queue.waiting(),
        turned_away=queue.turned_away,
        pauses=pauses,
        paused_for=max(0.0, paused_until - queue.time()),
        waited=queue.waited,
        oldest_wait=queue.oldest_wait(),
        longest_wait=queue.longest_wait,
        kept_by=kept_by,
    )


class PacedLimiter:
    """A rate limit for one process and one event loop: paced, first come first served within a lane.

    After a refusal everybody pauses and the rate halves, and work that is not refused regains it: half an allowance
    in fifty periods. At most *queue* callers wait in each lane; the next ones get a `QueueFullError` at once.
    """

    def __init__(self, limit: RateLimit, *, queue: int = QUEUE) -> None:
        self._pacer = Pacer(limit)
        self._queue = Queue[Slot](queue, unwanted=partial(self.end, answered=False, untold=False))
        self._timer: asyncio.TimerHandle | None = None
        self._granted = 0
        self._pauses = 0

    async def acquire(self, *, lane: Lane, endpoint: str, again: bool = False) -> Turn:
        """Wait for a turn in *lane*; raises `QueueFullError` if too many do already.

        Whoever comes *again* waited before, and is never turned away.
        """
        now = self._queue.loop.time()
        if not len(self._queue) and self._pacer.ready_at(spaced=lane == "bulk") <= now:
            self._granted += 1
            return _Turn(self, self._pacer.take(now, endpoint))
        pace = f"{self._pacer.rate:g} in {self._pacer.limit.per:g} s"
        waiter = self._queue.join(lane=lane, endpoint=endpoint, again=again, pace=pace)
        self._set_timer()
        return _Turn(self, await self._queue.turn(waiter))

    def pause(self, seconds: float) -> None:
        """Let nobody leave for *seconds*, and at half the rate from then on."""
        now = self._queue.loop.time()
        self._pauses += now >= self._pacer.paused_until  # those who were refused together pause once
        self._pacer.refused(now)
        self._pacer.pause(now + seconds)
        self._set_timer()

    def statistics(self) -> RateStatistics:
        """Give the figures of this moment."""
        return figures(
            self._queue,
            limit=self._pacer.limit,
            rate=self._pacer.rate,
            granted=self._granted,
            pauses=self._pauses,
            paused_until=self._pacer.paused_until,
            kept_by="process",
        )

    def __repr__(self) -> str:
        now = self.statistics()
        waiting = ", ".join(f"{count} {lane}" for lane, count in now.waiting.items())
        pause = f", paused for {now.paused_for:.1f} s" if now.paused_for else ""
        return (
            f"<{type(self).__name__} {now.limit.requests} in {now.limit.per:g} s, now {now.rate:g}; "
            f"waiting: {waiting}{pause}>"
        )

    def _set_timer(self) -> None:
        """See to it that somebody looks when the next turn is ready; a timer that is too early looks again."""
        if not len(self._queue) or (ready_at := self._pacer.ready_at(spaced=True)) == math.inf:
            return
        if self._timer is not None:
            if self._timer.when() <= ready_at:
                return
            self._timer.cancel()
        self._timer = self._queue.loop.call_at(ready_at, self._serve)

    def _serve(self) -> None:
        self._timer = None
        now = self._queue.loop.time()
        if self._pacer.ready_at(spaced=True) <= now and (waiter := self._queue.next()) is not None:
            self._granted += 1
            waiter.turn.set_result(self._pacer.take(now, waiter.endpoint))
        self._set_timer()

    def sent(self, slot: Slot) -> None:
        """A request starts to leave."""
        self._pacer.sent(slot, self._queue.loop.time())
        self._set_timer()

    def end(self, slot: Slot, *, answered: bool, untold: bool) -> None:
        """A request has ended."""
        now = self._queue.loop.time()
        if answered:
            self._pacer.answered(slot, now)
        elif slot.is_sent or untold:
            self._pacer.lost(slot, now)
        else:
            self._pacer.give_back(slot, now)
            self._granted -= 1
        self._set_timer()


@define(eq=False)
class _Turn:
    _limiter: PacedLimiter
    _slot: Slot

    def sent(self) -> None:
        self._limiter.sent(self._slot)

    def end(self, *, answered: bool, untold: bool = False) -> None:
        self._limiter.end(self._slot, answered=answered, untold=untold)
