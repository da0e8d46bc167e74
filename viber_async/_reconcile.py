"""The awaiting side of `_sansio.reconcile`: walks the list of campaigns, with a bound, for several searches at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from viber_async._defaults import PAGE_ROWS
from viber_async._pages import Pages
from viber_async._sansio import campaigns as calls
from viber_async._sansio.reconcile import MAX_REQUESTS, Reconciliation, Search, Verdict, server_date
from viber_async._sansio.words import numbered
from viber_async.errors import DuplicateCampaignError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from viber_async._sansio.campaigns import CampaignSummary
    from viber_async._sansio.outcome import CreateHandle
    from viber_async._sansio.paging import Page
    from viber_async._session import Caller


@frozen(kw_only=True)
class Look:
    """How far a walk came."""

    complete: bool
    requests: int
    looked_at: datetime | None
    """What the first answer said the time is: nothing older than that can have been overlooked."""


class _EnoughError(Exception):
    """The bound on pages is reached."""


async def look_for(caller: Caller, handle: CreateHandle, *, newest_only: bool = False) -> Reconciliation:
    """Give what the list shows of one campaign, with *newest_only* from the newest page if that can be told."""
    search = Search(handle)
    return outcome(search, await look(caller, [search], newest_only=newest_only))


async def look(caller: Caller, searches: Sequence[Search], *, newest_only: bool = False) -> Look:
    """Walk through the list until all *searches* have seen enough, or the bound is reached."""
    walk = _Walk(caller)
    pages = Pages(walk.fetch, key=lambda row: row.id, limit=PAGE_ROWS, name="campaigns.list")
    broken_off = 0
    try:
        async for rows in pages.pages():
            for search in searches:
                search.take(rows)
            if all(each.passed or (newest_only and (each.newest_first or len(rows) == 1)) for each in searches):
                broken_off = 1  # a walk that is left has this one doubt: that it has not ended
                break
    except _EnoughError:
        return Look(complete=False, requests=walk.requests, looked_at=walk.looked_at)
    complete = len(pages.report.doubts) <= broken_off
    return Look(complete=complete, requests=walk.requests, looked_at=walk.looked_at)


def outcome(search: Search, walked: Look) -> Reconciliation:
    """Give what a search found; raise if more than one campaign carries the marker."""
    if len(search.marked) > 1:
        ids = tuple(sorted(row.id for row in search.marked))
        raise DuplicateCampaignError(
            f"{numbered(ids, 'campaign')} carry the marker of one key. The message was accepted more than once; "
            "see whether one of them can still be stopped by the provider's support",
            task_ids=ids,
        )
    return search.conclude(complete=walked.complete, requests=walked.requests, looked_at=walked.looked_at)


def found_by_marker(found: Reconciliation) -> CampaignSummary | None:
    """Give the campaign if it is certain that it is the one."""
    return found.campaign if found.verdict is Verdict.FOUND else None


class _Walk:
    """Fetches pages, counts them, and remembers the time of the first."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.requests = 0
        self.looked_at: datetime | None = None

    async def fetch(self, limit: int, offset: int) -> Page[CampaignSummary]:
        if self.requests == MAX_REQUESTS:
            raise _EnoughError
        self.requests += 1
        reply = await self._caller.reply(calls.list_campaigns(limit, offset))
        if self.requests == 1:
            self.looked_at = server_date(reply.answer.headers.get("date"))
        return reply.value
