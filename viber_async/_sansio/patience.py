"""How long a sync waits for a provider that does not answer, once the call's own repetitions are used up.

Two seconds are nothing to a job of the night, and five minutes are worth waiting for; half an hour is another night's
work. The pauses grow, so that a long outage costs a dozen requests and not a thousand.
"""

from __future__ import annotations

from typing import Final

from viber_async import errors
from viber_async._sansio.retry import Failure, failure

LONGEST: Final = 600.0
"""Seconds of pauses for one page or batch, all together."""
FIRST: Final = 1.0
GROWTH: Final = 3.0
CAP: Final = 120.0
UNREADABLE: Final = 2
"""How often a page that cannot be read is asked for again: what is between may garble one, but not three."""


class Patience:
    """For one page or one batch: says how long to wait after each failure, until it is over."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._pause = FIRST
        self._garbled = 0
        self._turned_away = 0

    def pause(self, error: errors.ViberError) -> float | None:
        """Give the seconds to wait before another try, or None: it is not worth one, or there is no patience left."""
        if isinstance(error, errors.DecodeError):
            self._garbled += 1
            if self._garbled > UNREADABLE:
                return None
        elif isinstance(error, errors.AuthenticationError):
            self._turned_away += 1
            return 0.0 if self._turned_away == 1 else None  # a token that was revoked is replaced by then
        elif not is_transient(error):
            return None
        pause = max(self._pause, _asked(error))
        if self._waited + pause > LONGEST:
            return None
        self._waited += pause
        self._pause = min(self._pause * GROWTH, CAP)
        return pause

    @property
    def has_waited(self) -> bool:
        """Whether it has said to wait already, so that whoever looks on has been told."""
        return self._waited > 0

    def why(self, error: errors.ViberError) -> str:
        """Say what used it up, if *error*, which is transient, came last."""
        if self._waited + _asked(error) > LONGEST:
            return f"the provider wants to be left alone for {_asked(error):.0f} seconds, longer than is waited for"
        return f"the provider was away for {LONGEST / 60:.0f} minutes"


def _asked(error: errors.ViberError) -> float:
    """Give the seconds that the provider asks to wait."""
    return (isinstance(error, errors.ApiError) and error.retry_after) or 0.0


def is_transient(error: errors.ViberError) -> bool:
    """Tell whether the same may go well later, with nothing changed here."""
    return isinstance(error, errors.DeadlineExceededError) or failure(error) is not Failure.FINAL
