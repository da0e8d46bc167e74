"""The sandbox's time. Everything with a date (tokens, campaigns, entries, faults that last) reads it.

The rate limit does not: it is judged on the monotonic clock, so that nobody hides a burst by moving time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WIRE_FORMAT = "%Y-%m-%d %H:%M:%S"
"""The provider's dates: no zone, no fraction (A)."""


class SandboxClock:
    """The time as the sandbox sees it: real, or standing still, and moved by hand with `advance`.

    It runs on the monotonic clock from where it started, so a step of the machine's clock does not show; *monotonic* is
    another one to run on.
    """

    def __init__(
        self,
        start: datetime | None = None,
        *,
        frozen: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("start needs a zone: datetime(2026, 1, 31, 12, tzinfo=UTC)")
        self._start = start or datetime.now(UTC)
        self._monotonic = monotonic
        self._began = monotonic()
        self._frozen = frozen
        self._moved = timedelta(0)

    def __repr__(self) -> str:
        return f"<SandboxClock {self.now():{WIRE_FORMAT}} UTC{', frozen' * self._frozen}>"

    @property
    def stands_still(self) -> bool:
        """Whether it moves by hand only."""
        return self._frozen

    @property
    def moved(self) -> float:
        """The seconds by which it was moved by hand."""
        return self._moved.total_seconds()

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        ran = 0.0 if self._frozen else self._monotonic() - self._began
        return (self._start + self._moved + timedelta(seconds=ran)).astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Move on by *seconds*; time never goes back."""
        if seconds < 0:
            raise ValueError(f"time never goes back: advance({seconds})")
        self._moved += timedelta(seconds=seconds)
