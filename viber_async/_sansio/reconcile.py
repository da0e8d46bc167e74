"""Looking for a campaign in the list of all: which rows can be it, how far to read, what to conclude.

Absence cannot be proven: the provider may still be at it, and its list may lag. So the best that a search in vain
can say is "absent so far".

The list's order is not documented (?; newest first in the sample, A), so it is read off the rows. Its dates have no
zone (?), and may be UTC or the account's time (D): every reading of a date that is possible counts.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from attrs import frozen

from viber_async._sansio.marker import carries, looks_marked
from viber_async._sansio.outcome import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from viber_async._sansio.campaigns import CampaignSummary
    from viber_async._sansio.outcome import CreateHandle

MAX_REQUESTS: Final = 50
"""Ours: pages of one search, five seconds at ten requests a second. At 100 rows each, 5000 campaigns."""
EAST: Final = timedelta(hours=14)
WEST: Final = timedelta(hours=12)
"""How far ahead of UTC, and behind it, the clocks of a zone can be."""
SKEW: Final = timedelta(hours=3)
"""Ours: how far the clocks of the provider's own machines may be apart from each other."""
OWN_SKEW: Final = timedelta(hours=26)
"""Ours: how far this machine's clock may be wrong, where nothing better is known: a day and two hours."""
LATE: Final = timedelta(hours=1)
"""Ours: how long after the call the provider may still create what it was asked for."""
ASLEEP: Final = 3600.0
"""Ours: seconds by which the wall clock may run ahead of the one that only goes forward; below `SKEW`."""
FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
SANE_YEARS: Final = range(2020, 2200)
"""Ours: a date header outside of them is nonsense."""


class Verdict(enum.Enum):
    """What a search for a campaign found."""

    FOUND = "found"
    """It exists: exactly one campaign carries its marker, or (of `create`) its name, sender and text."""
    PROBABLE = "probable"
    """There is a campaign of that sender, text and time, but its name does not show whose it is."""
    ABSENT_SO_FAR = "absent so far"
    """Nothing was found. It may still appear: that is no proof that it was not created."""


@frozen(kw_only=True)
class Reconciliation:
    """What was found out about a campaign whose outcome was unknown."""

    verdict: Verdict
    campaign: CampaignSummary | None
    """The campaign; None if there is none, or if more than one is probable."""
    candidates: tuple[CampaignSummary, ...]
    """All that can be it."""
    handle: CreateHandle
    """What was looked for."""
    complete: bool
    """The search read as far as the campaign could stand; False if the bound on pages ended it."""
    requests: int
    """Pages that were asked for."""
    looked_at: datetime | None
    """The provider's time at the end of the search, if its answers had one."""


class Search:
    """One walk through the list in search of what *handle* describes: hand it the rows as they come."""

    def __init__(self, handle: CreateHandle) -> None:
        self._handle = handle
        self._first = _moved(handle.sent_after, -OWN_SKEW)
        margin = SKEW if handle.by_server else OWN_SKEW
        self._window = (_moved(handle.sent_after, -margin), _moved(handle.sent_before, margin + LATE))
        self._ids: list[int] = []
        self._descending = True
        self.marked: list[CampaignSummary] = []
        self.named: list[CampaignSummary] = []
        self.alike: list[CampaignSummary] = []
        self.passed = False
        """All further rows are too old to be it."""

    @property
    def newest_first(self) -> bool:
        """Whether the rows so far show that the newest come first."""
        return self._descending and len(self._ids) > 1

    def take(self, rows: Sequence[CampaignSummary]) -> None:
        """Look at the next *rows* of the list."""
        for row in rows:
            self._descending &= not self._ids or row.id < self._ids[-1]
            self._ids.append(row.id)
            self._sort(row)
        self.passed = self.newest_first and all(self._is_too_old(row) for row in rows)

    def _sort(self, row: CampaignSummary) -> None:
        handle = self._handle
        if handle.marker is not None and carries(row.name, handle.marker):
            self.marked.append(row)
        elif self._is_alike(row):
            same_name = handle.name_digest is not None and digest(row.name) == handle.name_digest
            (self.named if same_name else self.alike).append(row)

    def _is_alike(self, row: CampaignSummary) -> bool:
        """Tell whether sender, text and time fit; a row with another's marker is another's."""
        handle = self._handle
        return (
            row.sender_id == handle.sender_id
            and digest(row.message) == handle.message_digest
            and not looks_marked(row.name)
            and self._is_in_window(row)
        )

    def _is_in_window(self, row: CampaignSummary) -> bool:
        earliest, latest = readings(row.created)
        return latest >= self._window[0] and earliest <= self._window[1]

    def _is_too_old(self, row: CampaignSummary) -> bool:
        return readings(row.created)[1] < self._first

    def conclude(self, *, complete: bool, requests: int, looked_at: datetime | None) -> Reconciliation:
        """Give what was found; more than one with the marker is left to the caller to be loud about."""
        verdict, candidates = self._verdict()
        return Reconciliation(
            verdict=verdict,
            campaign=candidates[0] if len(candidates) == 1 else None,
            candidates=tuple(candidates),
            handle=self._handle,
            complete=complete,
            requests=requests,
            looked_at=looked_at,
        )

    def _verdict(self) -> tuple[Verdict, list[CampaignSummary]]:
        if self.marked:
            return Verdict.FOUND, self.marked
        if len(self.named) == 1:
            return Verdict.FOUND, self.named
        if likely := self.named or self.alike:
            return Verdict.PROBABLE, likely
        return Verdict.ABSENT_SO_FAR, []


def readings(created: datetime | None) -> tuple[datetime, datetime]:
    """Give the earliest and the latest moment that a date of the list can mean, in UTC.

    Without a zone, any; with the account's, that one or UTC; without a date, any moment at all.
    """
    if created is None:
        return FIRST, LAST
    as_utc = created.replace(tzinfo=UTC)
    if created.tzinfo is None:
        return _moved(as_utc, -EAST), _moved(as_utc, WEST)
    offset = created.utcoffset() or timedelta()
    stated = _moved(as_utc, -offset)
    return min(stated, as_utc), max(stated, as_utc)


def _moved(moment: datetime, by: timedelta) -> datetime:
    """Give *moment* moved, and at the ends of the calendar as far as it goes."""
    try:
        return moment + by
    except OverflowError:
        return LAST if by > timedelta() else FIRST


@frozen(kw_only=True)
class ServerTime:
    """What an answer said the time is, and when it came: by a clock that only goes forward, and by the wall's."""

    said: datetime
    heard: float
    """Monotonic seconds."""
    wall: float
    """Seconds since 1970."""

    def at(self, monotonic: float, wall: float) -> datetime | None:
        """Give the provider's time at another moment; None where a clock stood still meanwhile, or was set.

        The monotonic one does while a machine sleeps.
        """
        passed = monotonic - self.heard
        if wall - self.wall - passed > ASLEEP:
            return None
        return _moved(self.said, timedelta(seconds=passed))


@lru_cache(maxsize=10)  # it changes once a second, and is asked for with every answer
def server_date(header: str | None) -> datetime | None:
    """Give what a ``Date`` header says, or None where it is missing or makes no sense."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": the sender does not know its zone
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if moment.year in SANE_YEARS else None
