"""What a sync may do: the arguments of `blacklist.plan`, checked at the door, and the tag of the rows it owns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast

from attrs import frozen

from viber_async._sansio.blacklist import MAX_DESCRIPTION
from viber_async._sansio.door import one_line
from viber_async._sansio.privacy import refused

Mode = Literal["add_only", "mirror"]

MAX_REJECT: Final = 0.001
"""One line in a thousand may hold no phone: a stray note, a header that was not recognised. More is another file."""
MAX_OWNER: Final = 50
_OWNER: Final = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z ._@/-]{0,48}[0-9A-Za-z._@/-])?")
FURTHEST_WEST: Final = timedelta(hours=12)
"""A date without a zone is at most this much later than the same figures in UTC."""


@frozen(kw_only=True)
class Terms:
    """How a sync was asked for."""

    mode: Mode = "add_only"
    max_remove: int | None = None
    """How many phones may be removed; None: the brake's own default."""
    owner: str | None = None
    description: str | None = None
    max_reject: float = MAX_REJECT
    min_age: timedelta | None = None

    @property
    def mirrors(self) -> bool:
        """Tell whether phones that are not wanted are to be removed."""
        return self.mode == "mirror"

    @property
    def detailed(self) -> bool:
        """Tell whether descriptions and dates matter."""
        return self.mirrors and (self.owner is not None or self.min_age is not None)

    @property
    def written(self) -> str | None:
        """The description that added phones get: the tag at the front, where nothing cuts it off."""
        if self.owner is None:
            return self.description
        return f"{self.owner}: {self.description}" if self.description else self.owner

    def owns(self, description: object) -> bool:
        """Tell whether a row with *description* is one that may be removed."""
        if self.owner is None:
            return True
        return isinstance(description, str) and (
            description.strip() == self.owner or description.startswith(f"{self.owner}:")
        )

    def is_young(self, date: datetime | None, *, now: datetime) -> bool:
        """Tell whether a row of *date* may be younger than the minimum.

        The provider never says in which zone it writes. So a date without one counts as the latest moment that it
        can be, and a row without a date is young.
        """
        if self.min_age is None:
            return False
        if date is None:
            return True
        return now - (date if date.tzinfo else date.replace(tzinfo=UTC) + FURTHEST_WEST) < self.min_age


def checked_terms(  # noqa: PLR0913 - the arguments of one public call
    *,
    mode: object = "add_only",
    max_remove: object = None,
    owner: object = None,
    description: object = None,
    max_reject: object = MAX_REJECT,
    min_age: object = None,
) -> Terms:
    """Give the terms of a sync, or raise `ValidationError` for the argument that is wrong."""
    terms = Terms(
        mode=_mode(mode),
        max_remove=_max_remove(max_remove),
        owner=_owner(owner),
        description=None if description is None else one_line(description, "description", blank=True),
        max_reject=_max_reject(max_reject),
        min_age=_min_age(min_age),
    )
    if terms.written is not None:
        one_line(terms.written, "description", most=MAX_DESCRIPTION, blank=True)
    return terms


def _mode(value: object) -> Mode:
    if value not in ("add_only", "mirror"):
        raise refused("mode", value, '"add_only" or "mirror"')
    return value


def _max_remove(value: object) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    raise refused("max_remove", value, "how many phones may be removed: an int of 0 or more, or None")


def _owner(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _OWNER.fullmatch(value):
        raise refused("owner", value, f"a tag of 1 to {MAX_OWNER} ASCII letters, digits, spaces and . _ @ / -")
    return str.__str__(value)


def _max_reject(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= cast("float", value) <= 1:
        raise refused("max_reject", value, "the part of the lines that may hold no phone: 0 to 1")
    return float(cast("float", value))


def _min_age(value: object) -> timedelta | None:
    if value is None:
        return None
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise refused("min_age", value, "a timedelta of 0 or more, or None")
    return value
