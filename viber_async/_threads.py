"""Blocking work on files, off the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Threads:
    """Runs work in threads, in each event loop *count* at once: a slow disk must not take all that a program has."""

    def __init__(self, name: str, count: int) -> None:
        self._limiter: RunVar[CapacityLimiter] = RunVar(name)
        self._count = count

    async def run(self, work: Callable[[], T]) -> T:
        """Give what *work* gives. Cancelled natively, it goes on to its end in its thread."""
        try:
            limiter = self._limiter.get()
        except LookupError:  # one belongs to the loop that it was first used in
            self._limiter.set(limiter := CapacityLimiter(self._count))
        return await to_thread.run_sync(work, limiter=limiter)
