"""Blocking work on files, off the event loop.

anyio is imported with the first of it: whoever keeps nothing in files need not wait for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

T = TypeVar("T")


class Threads:
    """Runs work in threads, in each event loop *count* at once: a slow disk must not take all that a program has."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count

    @cached_property
    def _limiter(self) -> RunVar[CapacityLimiter]:
        from anyio.lowlevel import RunVar  # noqa: PLC0415 - see above

        return RunVar(self._name)

    async def run(self, work: Callable[[], T]) -> T:
        """Give what *work* gives. Cancelled natively, it goes on to its end in its thread."""
        from anyio import CapacityLimiter, to_thread  # noqa: PLC0415 - see above

        try:
            limiter = self._limiter.get()
        except LookupError:  # one belongs to the loop that it was first used in
            self._limiter.set(limiter := CapacityLimiter(self._count))
        return await to_thread.run_sync(work, limiter=limiter)
