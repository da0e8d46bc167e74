"""One logical call under way: its options, its deadline, its attempts, and what is known of them together."""

from __future__ import annotations

import asyncio
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from attrs import define, field, frozen

from viber_async._defaults import CREATE_DEADLINE, DEADLINE, DEFAULT, Timeout, Unset
from viber_async._flight import Flight
from viber_async._sansio.call import Kind
from viber_async.errors import DeadlineExceededError, Delivery

if TYPE_CHECKING:
    from collections.abc import Generator

    from viber_async._sansio.call import Call
    from viber_async._sansio.rate import Lane
    from viber_async._sansio.retry import RetryPolicy
    from viber_async._watch import Watch

GRACE: Final = 1.0
"""Seconds that a request whose caller was cancelled may still take: most answers come, and keep their connection.
Creating a campaign has until its deadline, because whatever comes back is worth knowing."""


class OnTurn(Protocol):
    """Is told of the turns of a call."""

    def __call__(self, *, has_turn: bool) -> None:
        """Hear that an attempt has had its turn, or that another one is to wait for a turn again."""


@frozen(kw_only=True)
class Options:
    """What may differ from call to call."""

    timeout: Timeout
    deadline: float | Unset | None
    retries: RetryPolicy
    lane: Lane = "interactive"

    def deadline_of(self, kind: Kind) -> float | None:
        """Give the seconds that a whole call of *kind* may take."""
        if self.deadline is not DEFAULT:
            return self.deadline
        return CREATE_DEADLINE if kind is Kind.CREATE else DEADLINE

    def timeouts_of(self, kind: Kind) -> dict[str, float]:
        """Give the timeouts of one attempt as httpx's extension wants them."""
        limits = self.timeout
        read = limits.create_read if kind is Kind.CREATE else limits.read
        return {"connect": limits.connect, "write": limits.write, "read": read, "pool": limits.pool}


@define(eq=False)
class Journey:
    """One logical call under way."""

    call: Call[object] = field(repr=lambda call: call.what)
    options: Options = field(repr=False)
    streams: bool = False
    """Its answer is handed out piece by piece."""
    attempts: int = 0
    waited: float = 0.0
    """Seconds spent waiting for turns."""
    flight: Flight = field(factory=Flight)
    """The latest attempt."""
    unsure: bool = False
    """An earlier attempt may have been processed, so that a repetition may have found its work done."""
    had_turn: bool = False
    """It asked for its turn before, and it came to nothing: the next attempt goes to the head of its lane."""
    abandoned: bool = False
    """Its caller was cancelled: nothing more is started for it."""
    committed: bool = False
    """A part of its answer was handed out already, so that it cannot start again."""
    expired: bool = False
    """Its deadline has passed."""
    over_at: float = math.inf
    """The moment of the loop's clock at which its deadline passes."""
    task: asyncio.Task[Any] = field(repr=False, init=False)
    """What runs it."""
    watch: Watch | None = field(default=None, repr=False, init=False)
    """Who watches it, if anybody does."""
    on_turn: OnTurn | None = field(default=None, repr=False, init=False)
    """Told of the turns of its attempts."""
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False, init=False)

    @property
    def delivery(self) -> Delivery:
        """Give what is known of all attempts together."""
        return Delivery.UNKNOWN if self.unsure else self.flight.delivery

    @property
    def is_waiting(self) -> bool:
        """Tell whether an attempt was begun that was not handed to the network yet."""
        return self.attempts > 0 and not self.flight.entered

    @property
    def what(self) -> str:
        return self.call.what

    @property
    def token_until(self) -> float:
        """Give the moment to which its token has to live: a campaign on its way must not meet the end of one."""
        if self.call.kind is not Kind.CREATE:
            return -math.inf
        return self.over_at if self.over_at < math.inf else asyncio.get_running_loop().time() + CREATE_DEADLINE

    def start_clock(self) -> None:
        """Begin to count, in the task that runs the call."""
        self.task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._count(self.options.deadline_of(self.call.kind))

    def stop_clock(self) -> None:
        """Count no further."""
        if self._timer is not None:
            self._timer.cancel()

    @contextmanager
    def clock_stopped(self) -> Generator[None]:
        """Do not count the time inside against the deadline."""
        left = self.over_at - asyncio.get_running_loop().time()
        self.stop_clock()
        yield
        self._count(left)

    def _count(self, seconds: float | None) -> None:
        if seconds is not None and seconds < math.inf:
            loop = asyncio.get_running_loop()
            self.over_at = loop.time() + seconds
            self._timer = loop.call_at(self.over_at, self._expire)

    def _expire(self) -> None:
        self.expired = True
        self.end()

    def end(self) -> None:
        """End the call as soon as that does no harm."""
        self.flight.end(self.task)

    def abandon(self) -> None:
        """Its caller is gone: end the waiting at once, and what is on the wire after a grace."""
        self.abandoned = True
        if not self.flight.on_wire:
            self.end()
        elif self.call.kind is not Kind.CREATE:
            asyncio.get_running_loop().call_later(GRACE, self.end)

    def late(self) -> DeadlineExceededError:
        """Give the error for a call that its deadline ended."""
        deadline = self.options.deadline_of(self.call.kind)
        return DeadlineExceededError(
            f"{self.what} did not end within its deadline of {deadline:g} s "
            f"(attempts: {self.attempts}, seconds waited for turns: {self.waited:.1f})",
            delivery=self.delivery,
        )
