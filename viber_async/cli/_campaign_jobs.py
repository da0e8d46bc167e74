"""What the commands of campaigns do, each against one session."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from viber_async import CreateHandle, OutcomeUnknownError, SyncRefusedError, UsageError, ViberError
from viber_async._campaigns import creating
from viber_async._once import not_sent
from viber_async._sansio.words import counted, suiting
from viber_async._tasks import cancels
from viber_async.cli import _rows
from viber_async.cli._export import STDOUT, opened
from viber_async.cli._log import told
from viber_async.cli._page import page_of
from viber_async.cli._show import fail

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from typing import TextIO

    from viber_async import Campaign, CampaignDraft, CreatedCampaign, Recipient, Sender, ViberSession
    from viber_async._creating import Creating
    from viber_async.cli._report import Facts
    from viber_async.cli._show import Reach
    from viber_async.sync.source import Source

FINISHES_WITHIN: Final = 8.0
"""Seconds that a campaign under way may still take after a signal: a container is killed after ten."""
EVERY_ROWS: Final = 500
"""Rows that are written at a time."""
SHOWN: Final = 20
"""Recipients that are shown where they are not exported."""


class Seen:
    """What a walk through the recipients of a campaign saw."""

    def __init__(self) -> None:
        self.recipients = 0
        self.states: Counter[str] = Counter()
        self.cost: dict[str, Decimal] = {}
        self.unpriced = 0
        self.first: list[Recipient] = []

    def take(self, row: Recipient) -> None:
        """Count one."""
        self.recipients += 1
        self.states["none" if row.status is None else row.status.value] += 1
        if row.price is None:
            self.unpriced += 1
        else:
            self.cost[row.currency or "?"] = self.cost.get(row.currency or "?", Decimal(0)) + row.price
        if len(self.first) < SHOWN:
            self.first.append(row)

    def facts(self) -> Facts:
        """Give it as JSON types."""
        return {
            "recipients": self.recipients,
            "states": dict(self.states.most_common()),
            "cost": {currency: str(price) for currency, price in self.cost.items()},
        }


async def read_recipients(source: Source) -> list[int]:
    """Give the phones of a file, all of them: one that is not one, and nothing is sent to anybody.

    Raises:
        UsageError: an entry holds no phone, or the file cannot be read to its end.

    """
    found: list[int] = []
    try:
        async with aclosing(source.chunks()) as chunks:
            async for chunk in chunks:
                found += chunk
    except SyncRefusedError as error:
        raise UsageError(f"--recipients: {str(error).replace('written', 'sent')}") from None
    if source.rejected:
        raise UsageError(
            f"--recipients: {source.rejected:,} of {counted(source.read, 'entries')} of {source.name} "
            f"{suiting(source.rejected, 'holds', 'hold')} no phone, and a "
            "campaign goes to the whole of a list or to nobody. Nothing was sent"
        )
    return found


async def sender_of(session: ViberSession, draft: CampaignDraft) -> Sender:
    """Give the sender that *draft* names.

    Raises:
        ViberError: it cannot be had, and so nothing was sent.

    """
    try:
        return await session.senders.get(draft.sender_id)
    except ViberError as error:
        raise not_sent(error, "looking at the sender failed, so nothing was sent") from error.__cause__


async def create(
    session: ViberSession, draft: CampaignDraft, *, key: str | None, resend_after: timedelta | None
) -> CreatedCampaign:
    """Give the campaign of *draft*, created or, with a *key*, found.

    A first cancellation ends it, but for a campaign without a key that has left: its answer is waited for a little,
    since without it nobody knows what became of it. A second ends that too. Nothing is sent after the first.

    Raises:
        OutcomeUnknownError: nobody does, also where a signal ended it.

    """
    try:
        if key is not None:
            return await session.campaigns.create_once(draft, key=key, resend_after=resend_after)
        return await _created(creating(session.campaigns, draft))
    except asyncio.CancelledError as cancelled:
        if isinstance(cancelled.__cause__, OutcomeUnknownError):
            raise cancelled.__cause__ from None
        raise


async def _created(under_way: Creating) -> CreatedCampaign:
    before = cancels()
    try:
        return await under_way.created()
    except asyncio.CancelledError as cancelled:
        if cancelled.__cause__ is None or cancels() > before + 1:  # nothing has left, or the second came with the first
            raise
    fail(f"interrupted: waiting for the answer, at most {FINISHES_WITHIN:g} s; interrupt again to leave at once")
    return await under_way.late(within=FINISHES_WITHIN)


def waiting_told() -> AbstractContextManager[None]:
    """Let it be told on stderr when another process is waited for, which may take minutes."""
    return told(logging.INFO)


def read_handle(text: str, name: str) -> CreateHandle:
    """Give the handle that a file holds."""
    try:
        data = json.loads(text)
    except ValueError:
        raise UsageError(f"{name}: this is no handle of a campaign, which is one JSON object") from None
    return CreateHandle.from_dict(data)


async def read_states(session: ViberSession, campaign_id: int, reach: Reach) -> Seen:
    """Walk through the recipients of a campaign, and count them."""
    seen = Seen()
    async with session.campaigns.iter_recipients(campaign_id) as rows:
        async for row in rows:
            seen.take(row)
            if not seen.recipients % EVERY_ROWS:
                reach(seen.recipients)
    reach(seen.recipients)
    return seen


async def report(session: ViberSession, campaign: Campaign, file: TextIO, reach: Reach) -> Seen:
    """Write the page about *campaign*, with what became of its recipients."""
    seen = await read_states(session, campaign.id, reach)
    file.write(page_of(campaign, seen, made=datetime.now().astimezone()))
    return seen


async def export(  # noqa: PLR0913 - the command's options
    session: ViberSession, campaign_id: int, target: str, form: _rows.Format, *, force: bool, reach: Reach
) -> Seen:
    """Write the recipients of a campaign to *target*, which appears when all are there."""
    seen = Seen()
    waiting: list[Recipient] = []
    with opened(target, force=force) as file:
        file.write(_rows.header(form))
        async with session.campaigns.iter_recipients(campaign_id) as rows:
            async for row in rows:
                seen.take(row)
                waiting.append(row)
                if len(waiting) == EVERY_ROWS:
                    file.write(_rows.rendered(form, campaign_id, waiting))
                    waiting.clear()
                    reach(seen.recipients)
        file.write(_rows.rendered(form, campaign_id, waiting))
    reach(seen.recipients)
    return seen


async def follow(  # noqa: PLR0913 - as above
    session: ViberSession,
    campaign_id: int,
    tell: Callable[[Campaign], None],
    *,
    every: float,
    longest: float | None,
    keep: bool,
) -> Campaign | None:
    """Tell of a campaign each time it changes; give it once it is over, or None if *longest* passes before."""
    last: Campaign | None = None
    watch = session.campaigns.watch(campaign_id, every=every, until=(lambda _: False) if keep else None)
    limit = asyncio.timeout(longest)
    try:
        async with limit:
            async for last in watch:
                tell(last)
    except TimeoutError:
        if not limit.expired():  # a call's own deadline
            raise
        return None
    return last


def target_name(target: str) -> str:
    """Give *target* in words."""
    return "the standard output" if target == STDOUT else target


def people(count: int) -> str:
    """Give a number of recipients in words."""
    return "one recipient" if count == 1 else f"{count:,} recipients"
