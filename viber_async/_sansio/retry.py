"""Repeat or not, and after how long.

The table below is the promise: which kind of call may be repeated after which kind of failure. What may be
repeated is a matter of what the provider can have done meanwhile, never of how likely it is to help.
"""

from __future__ import annotations

import enum
from typing import Final

from attrs import frozen

from viber_async import errors
from viber_async._sansio.call import Kind
from viber_async._sansio.privacy import shown
from viber_async.errors import ConfigurationError, Delivery


class Failure(enum.Enum):
    """The columns of the table."""

    NOT_SENT = "it never left"
    THROTTLED = "429 or code 2020202020: refused before it was looked at"
    BROKEN = "5xx, or cut or timed out after sending: it may have been processed"
    FINAL = "the same will happen again"


REPEATABLE: Final = {
    Kind.READ: {Failure.NOT_SENT, Failure.THROTTLED, Failure.BROKEN},
    Kind.TOKEN: {Failure.NOT_SENT, Failure.THROTTLED, Failure.BROKEN},
    Kind.BLACKLIST_WRITE: {Failure.NOT_SENT, Failure.THROTTLED, Failure.BROKEN},
    Kind.CREATE: {Failure.NOT_SENT, Failure.THROTTLED},
    Kind.OTHER: {Failure.NOT_SENT, Failure.THROTTLED},
}


def failure(error: errors.ViberError) -> Failure:
    """Give the column that *error* belongs to."""
    match error:
        case errors.RateLimitError():
            return Failure.THROTTLED
        case errors.ServerError():
            return Failure.BROKEN
        case errors.ConnectionFailedError(permanent=True):
            return Failure.FINAL
        case errors.TransportError(delivery=Delivery.NOT_SENT):
            return Failure.NOT_SENT
        case errors.TransportError():
            return Failure.BROKEN
        case _:
            return Failure.FINAL


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how patiently a failed attempt is repeated; all times in seconds."""

    retries: int = 2
    """Repetitions after the first attempt; 0 turns every repetition off."""
    base: float = 0.1
    """Upper bound of the first pause; it doubles with each repetition and is drawn anew between 0 and it."""
    throttle_base: float = 1.0
    """The same after 429, drawn from its upper half: the provider's window is one second long."""
    cap: float = 20.0
    """The upper bound never grows beyond this."""
    longest_retry_after: float = 120.0
    """A ``Retry-After`` above this is not waited for: the error carries it instead."""

    def __attrs_post_init__(self) -> None:
        _whole("retries", self.retries)
        for name in ("base", "throttle_base", "cap", "longest_retry_after"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 3600:
                raise ConfigurationError(f"RetryPolicy: {name} must be 0 to 3600 seconds; got {shown(value)}")

    def pause(self, error: errors.ViberError, repetition: int, chance: float) -> float | None:
        """Give the seconds to wait before *repetition* (1 for the first), or None if that is too long to wait.

        *chance* is a random number between 0 and 1: full jitter keeps a crowd from coming back together.
        """
        asked = error.retry_after if isinstance(error, errors.ApiError) else None
        if asked is not None and asked > self.longest_retry_after:
            return None
        throttled = isinstance(error, errors.RateLimitError)
        base = self.throttle_base if throttled else self.base
        bound = min(self.cap, base * 2.0 ** (repetition - 1))
        drawn = bound * (0.5 + chance / 2 if throttled else chance)
        return max(drawn, asked or 0.0)

    def longest_pause(self, error: errors.ApiError) -> float:
        """Give the seconds for which everybody steps back after a throttling that is not waited out by its call."""
        return min(max(error.retry_after or 0.0, self.throttle_base), self.longest_retry_after)


def _whole(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ConfigurationError(f"RetryPolicy: {name} must be an int from 0 to 100; got {shown(value)}")


BUDGET: Final = 100
PRICE: Final = 10


class RepeatBudget:
    """What a session may still spend on repetitions, so that an outage is not answered with thrice the load.

    A repetition costs ten, a success gives one back, and there are never more than a hundred: a session that
    only meets failures repeats ten times in all and then sends each call once.
    """

    def __init__(self) -> None:
        self._left = BUDGET

    def spend(self) -> bool:
        """Pay for one repetition; False when there is not enough left."""
        if self._left < PRICE:
            return False
        self._left -= PRICE
        return True

    def earn(self) -> None:
        """Note a success."""
        self._left = min(BUDGET, self._left + 1)


def decide(  # noqa: PLR0913 - a table has as many inputs as it has
    kind: Kind,
    error: errors.ViberError,
    *,
    attempt: int,
    policy: RetryPolicy,
    budget: RepeatBudget,
    left: float,
    chance: float,
) -> float | None:
    """Give the seconds to wait before repeating attempt number *attempt*, or None: do not repeat.

    *left* is what the deadline leaves, in seconds. A throttled attempt costs no budget: the shared pause holds it back.
    """
    column = failure(error)
    if attempt > policy.retries or column not in REPEATABLE[kind]:
        return None
    pause = policy.pause(error, attempt, chance)
    if pause is None or pause >= left:
        return None
    return pause if column is Failure.THROTTLED or budget.spend() else None
