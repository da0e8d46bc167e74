"""Callers that wait for their turns, in their lanes; and what is counted of them, whoever hands out the turns."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define

from viber_async._sansio.privacy import shown
from viber_async._sansio.rate import Lane, Lanes
from viber_async.errors import ConfigurationError, QueueFullError, SessionLoopError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@define(eq=False)
class Waiter(Generic[T]):
    """A caller that waits for its turn."""

    turn: asyncio.Future[T]
    lane: Lane
    endpoint: str
    since: float


class Queue(Generic[T]):
    """Those who wait for a turn in one event loop, at most *most* of them in each lane.

    *unwanted* is told of a turn that came in the same instant as the cancellation of its caller, *left* of each caller
    that gave up.
    """

    def __init__(self, most: int, *, unwanted: Callable[[T], None], left: Callable[[], None] | None = None) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise ConfigurationError(f"queue: must be an int of at least 0; got {shown(most)}")
        self._most = most
        self._unwanted = unwanted
        self._left = left
        self._lanes: Lanes[Waiter[T]] = Lanes()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.turned_away = 0
        self.waited = 0.0
        self.longest_wait = 0.0

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Give the loop in which they wait: that of the first call."""
        running = asyncio.get_running_loop()
        if self._loop is not running:
            if self._loop is not None:
                raise SessionLoopError(
                    "this rate limiter belongs to another event loop; "
                    "make one per loop, or share one allowance through Redis"
                )
            self._loop = running
        return running

    def waiting(self) -> dict[Lane, int]:
        """Give how many wait in each lane."""
        return {"interactive": self._lanes.waiting("interactive"), "bulk": self._lanes.waiting("bulk")}

    def oldest_wait(self) -> float:
        """Give the seconds that the one of them has waited that came first."""
        return max((self.time() - waiter.since for waiter in self._lanes.heads()), default=0.0)

    def time(self) -> float:
        """Give the time in their loop, wherever one asks; before the first call every moment is past."""
        return math.inf if self._loop is None else self._loop.time()

    def join(self, *, lane: Lane, endpoint: str, again: bool, pace: str) -> Waiter[T]:
        """Stand in *lane*; whoever comes *again* waited before, and is never turned away.

        Raises:
            QueueFullError: too many wait in it already; *pace* tells how fast they go on.

        """
        waiting = self._lanes.waiting(lane)
        if not again and waiting >= self._most:
            self.turned_away += 1
            raise QueueFullError(
                f"{waiting} wait in the lane {lane!r} already, as many as the limiter's queue holds; nothing was sent. "
                f"Turns come at {pace}; ask for less at once, or try later",
                lane=lane,
                waiting=waiting,
            )
        waiter = Waiter[T](self.loop.create_future(), lane, endpoint, self.loop.time())
        self._lanes.join(lane, waiter, again=again)
        return waiter

    async def turn(self, waiter: Waiter[T]) -> T:
        """Wait for the turn of *waiter*; cancelling the wait loses nothing."""
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        finally:
            waited = self.loop.time() - waiter.since
            self.waited += waited
            self.longest_wait = max(self.longest_wait, waited)

    def _give_up(self, waiter: Waiter[T]) -> None:
        if waiter.turn.cancelled():
            self._lanes.leave(waiter.lane, waiter)
            if self._left is not None:
                self._left()
        elif waiter.turn.exception() is None:
            self._unwanted(waiter.turn.result())

    def next(self) -> Waiter[T] | None:
        """Take out whose turn it is, if anybody waits."""
        while len(self._lanes):
            waiter = self._lanes.next()
            if not waiter.turn.cancelled():  # else in this instant: its owner has not run yet
                return waiter
        return None
