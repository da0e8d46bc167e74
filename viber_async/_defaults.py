"""Our own choices, each with its reason. What the provider prescribes stands beside the models instead."""

from __future__ import annotations

import enum
from typing import Final, Literal

from attrs import field, frozen

from viber_async._sansio.rate import RateLimit
from viber_async._sansio.retry import RetryPolicy
from viber_async.errors import ConfigurationError

BASE_URL: Final = "https://api.sendpulse.com"

DEADLINE: Final = 60.0
"""Seconds for one logical call: as long as a person or a load balancer waits."""
CREATE_DEADLINE: Final = 150.0
"""Seconds for creating a campaign: giving up early does not undo it, it only hides what became of it."""

RATE_LIMIT: Final = RateLimit(10, per=1.0)
"""The provider's burst limit, per account (A)."""

QUEUE: Final = 10_000
"""Callers that may wait for their turns in one lane: a quarter of an hour at ten a second, which nobody means, and some
100 MB. A program that makes calls faster than they can ever leave hears of it before its memory is gone."""

RETRIES: Final = RetryPolicy()
"""Three attempts in all; more only helps where the deadline would allow it, and costs the provider in an outage."""

MAX_CONNECTIONS: Final = 10
"""More cannot be busy at ten requests a second unless answers take longer than one, and httpx's pool slows down."""

PAGE_ROWS: Final = 100
"""Rows asked for at a time; the lists' own maximum is not documented (the host's email lists: 100)."""
WATCH_EVERY: Final = 5.0
"""Seconds between two looks at a campaign: a fiftieth of the allowance for each that is watched."""


class Default(enum.Enum):
    """The type of an argument's value that means: as set elsewhere."""

    DEFAULT = "default"

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = Default.DEFAULT
Unset = Literal[Default.DEFAULT]


def seconds(name: str, value: object) -> float:
    """Give *value* as a positive finite number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 86_400:
        raise ConfigurationError(f"{name}: must be seconds above 0 and at most a day (86400); got {value!r}")
    return float(value)


@frozen
class Timeout:
    """How long one attempt may take in each of its phases, in seconds."""

    connect: float = field(default=5.0, kw_only=True)
    """Name, TCP and TLS."""
    write: float = field(default=30.0, kw_only=True)
    """One piece of the request."""
    read: float = field(default=30.0, kw_only=True)
    """One piece of the answer; the first one includes the provider's own work."""
    create_read: float = field(default=120.0, kw_only=True)
    """The same for creating a campaign: a short one manufactures unknown outcomes."""
    pool: float = field(default=10.0, kw_only=True)
    """A free connection."""

    def __attrs_post_init__(self) -> None:
        for name in ("connect", "write", "read", "create_read", "pool"):
            seconds(f"Timeout.{name}", getattr(self, name))

    @classmethod
    def of(cls, value: float | Timeout) -> Timeout:
        """Give *value* as a Timeout; a number is meant for every phase."""
        if isinstance(value, Timeout):
            return value
        every = seconds("timeout", value)
        return cls(connect=every, write=every, read=every, create_read=every, pool=every)
