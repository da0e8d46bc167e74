"""The account's burst limit, judged on arrival. Pure: the moment of each arrival is handed in.

Every request that arrives counts: the token call too (C), and those that are refused (D, the strict reading).
The window is half open: two requests exactly one window apart are not in the same one.
"""

from __future__ import annotations

from collections import deque
from typing import Final

PER_SECOND: Final = 10
"""Ten requests a second for an account, then error_code 2020202020 (A)."""
KEPT: Final = 100_000
"""Ours: how many arrivals are remembered for inspection; peak and refusals are counted over all."""


class SandboxRate:
    """What arrived when, how dense it was at its densest, and how much of it was refused."""

    def __init__(self, limit: tuple[int, float] | None = (PER_SECOND, 1.0)) -> None:
        if limit is not None and (limit[0] < 1 or limit[1] <= 0):
            raise ValueError(f"rate_limit is (requests, seconds), both above zero, or None; not {limit}")
        self.limit = limit
        self.refusals = 0
        self.peak = 0
        self._kept: deque[float] = deque(maxlen=KEPT)
        self._window: deque[float] = deque()

    def __repr__(self) -> str:
        return f"<SandboxRate limit={self.limit} arrivals={len(self._kept)} peak={self.peak} refusals={self.refusals}>"

    @property
    def arrivals(self) -> tuple[float, ...]:
        """The monotonic moments of the requests that arrived, oldest first."""
        return tuple(self._kept)

    @property
    def in_window(self) -> int:
        """How many arrived within the window that ended with the latest of them."""
        return len(self._window)

    def arrive(self, now: float) -> bool:
        """Return whether the request that arrives *now* is within the limit."""
        most, span = self.limit or (None, 1.0)
        self._remember(now, span)
        within = most is None or len(self._window) <= most
        self.refusals += not within
        return within

    def forget(self) -> None:
        """Forget everything that arrived, as if a quiet second had passed."""
        self._kept.clear()
        self._window.clear()
        self.refusals = self.peak = 0

    def _remember(self, now: float, span: float) -> None:
        while self._window and now - self._window[0] >= span:
            self._window.popleft()
        self._window.append(now)
        self._kept.append(now)
        self.peak = max(self.peak, len(self._window))
