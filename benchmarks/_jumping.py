"""A loop whose clock jumps to the next timer, so that nothing but the code between takes time; and a strict judge."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # its class depends on the platform
    """Jumps to the next timer instead of waiting for it."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passed += max(timeout or 0.0, 1e-6)  # a clock that stands still is more than some can bear
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed


def in_jumping_time(work: Callable[[], Awaitable[T]]) -> T:
    """Give what *work* gives in such a loop."""

    async def main() -> T:
        return await work()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main())


class Judge:
    """A provider that allows ten arrivals in any second; those that it refuses do not count."""

    def __init__(self) -> None:
        self.arrived = self.refused = 0
        self._last: deque[float] = deque()

    def refuses(self, now: float) -> bool:
        """Count an arrival; tell whether it is one too many."""
        while self._last and now - self._last[0] >= 1.0:
            self._last.popleft()
        self.arrived += 1
        refused = len(self._last) == 10
        self.refused += refused
        if not refused:
            self._last.append(now)
        return refused
