"""The demo's steps: each does one thing against the sandbox and gives back frozen facts.

Nothing is printed here and nothing is judged. What is counted comes from the wire, from the values that the
library returned, or from the sandbox's own log.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import TYPE_CHECKING, Final, Self, cast

from attrs import field, frozen

from viber_async import Button, CampaignDraft, CampaignStatus, Image, ResendSms, ValidationError, phone
from viber_async.cli._messy import messy, spelt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal
    from pathlib import Path

    from viber_async import Campaign, Recipient, SessionStatistics, ViberSession, WalkReport
    from viber_async.cli._messy import Messy, Phone
    from viber_async.sandbox import Sandbox

    Reach = Callable[[int], None]
    """Told how far a step has got."""

SENDER: Final = 1
"""The sandbox's verified sender."""
BATCH: Final = 500
"""As many as the library puts into one request, so that the bar moves with every request."""
POLL: Final = 1.0
"""Seconds that the sandbox's clock is moved on before each look at the campaign."""
QUIET: Final = 60.0
"""Seconds of the sandbox's clock in which nothing may change any more before a campaign counts as over."""
BEAT: Final = 0.02
"""Seconds between two beats of a pulse."""
STILL: Final = 0.2
"""Seconds by which a beat is late where a machine stood still; the rate limit itself reckons with less.

Sandbox and session share a loop: a request that left in time is then seen to arrive as much later, and may be one too
many in its second.
"""
MOST_POLLS: Final = 60
"""A campaign of the sandbox takes some fifteen looks; one that is not over after sixty never will be."""


@frozen(kw_only=True)
class Plan:
    """What the demo is asked to do."""

    lines: int = 20_000
    seed: int = 7
    small_campaigns: int = 24
    recipients: int = 280
    """Of the large campaign, who are not on the blacklist."""
    blocked: int = 20
    """Of the large campaign, who are."""
    repeats: int = 5
    """Recipients of the large campaign who are given twice."""
    known_percent: int = 2
    """Of the file's phones, those that are on the blacklist before the demo begins."""
    blacklist_page: int = 100
    campaigns_page: int = 10


@frozen(kw_only=True)
class Cast:
    """The phones of the demo: a file's worth, those on the blacklist already, and those who get a campaign."""

    file: Messy
    known: tuple[Phone, ...] = field(repr=False)
    free: tuple[Phone, ...] = field(repr=False)
    """Not on the blacklist, nor in the file."""
    given: tuple[str, ...] = field(repr=False)
    """The recipients of the large campaign, in all spellings, some of them twice."""


@frozen(kw_only=True)
class Reject:
    """A line that holds no phone."""

    line: int
    shown: str
    """What stood there, masked by the library."""
    reason: str


@frozen(kw_only=True)
class Reading:
    """What became of the lines of a file."""

    lines: int
    phones: tuple[str, ...] = field(repr=False)
    """The different ones, in the order of the file."""
    duplicates: int
    rejects: tuple[Reject, ...] = field(repr=False)


@frozen(kw_only=True)
class Adding:
    """What became of the phones that were added to the blacklist."""

    added: int
    exists: int
    exact: bool


@frozen(kw_only=True)
class Walked:
    """The blacklist, as a walk found it."""

    phones: tuple[str, ...] = field(repr=False)
    report: WalkReport
    count: int
    """How many there are by the provider's own word."""


@frozen(kw_only=True)
class Listed:
    """The task list, as a walk found it."""

    ids: tuple[int, ...]
    pages: tuple[int, ...]
    """Rows of each page that were new."""
    report: WalkReport


@frozen(kw_only=True)
class Ended:
    """A campaign that was followed to its end."""

    campaign: Campaign
    recipients: tuple[Recipient, ...] = field(repr=False)
    polls: int
    over: bool
    """False where it was given up on."""

    @property
    def states(self) -> dict[str, int]:
        """How many recipients have which status, the most frequent first."""
        return dict(Counter(map(state_of, self.recipients)).most_common())

    @property
    def cost(self) -> dict[str, Decimal]:
        """What the messages cost, by currency."""
        total: dict[str, Decimal] = {}
        for each in self.recipients:
            if each.price is not None:
                total[each.currency or "?"] = total.get(each.currency or "?", each.price * 0) + each.price
        return total


@frozen(kw_only=True)
class Wire:
    """What left here, and what the sandbox saw arrive."""

    session: SessionStatistics
    arrived: dict[str, int]
    """Requests by operation, from the sandbox's log."""
    answered: int
    logged_phones: int
    """Phones in all the requests that added to the blacklist, from their bodies."""
    peak: int
    refusals: int
    allowed: int
    seconds: float
    """From the first arrival to the last."""
    stalls: int
    """How often this machine stood still meanwhile."""
    longest_stall: float


class Pulse:
    """Beats for as long as its block lasts, and feels how often, and how long, the loop did not turn meanwhile."""

    def __init__(self) -> None:
        self.stalls = 0
        self.longest = 0.0

    async def __aenter__(self) -> Self:
        self._beating = asyncio.ensure_future(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._beating.cancel()
        await asyncio.wait([self._beating])

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT
            await asyncio.sleep(BEAT)
            late = loop.time() - due
            self.stalls += late >= STILL
            self.longest = max(self.longest, late)


def state_of(row: Recipient | Campaign) -> str:
    """Return the row's status in the provider's word."""
    return "none" if row.status is None else row.status.value


def cast_of(plan: Plan) -> Cast:
    """Return the demo's phones; the same plan, the same phones."""
    file = messy(plan.seed, lines=plan.lines, strangers=plan.recipients)
    known = file.phones[: len(file.phones) * plan.known_percent // 100]
    guests = file.strangers + file.phones[-plan.blocked :]
    given = spelt(plan.seed, guests) + spelt(plan.seed + 1, guests[: plan.repeats])
    return Cast(file=file, known=known, free=file.strangers, given=given)


def write_privately(path: Path, lines: Iterable[str]) -> None:
    """Write a file that nobody else may read: phones are personal data, invented ones too."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def read_phones(path: Path) -> Reading:
    """Read *path* line by line, and let the library judge each line."""
    found: dict[str, None] = {}
    rejects: list[Reject] = []
    lines = duplicates = 0
    with path.open(encoding="utf-8") as file:
        for lines, line in enumerate(file, start=1):
            try:
                digits = phone(line.removesuffix("\n"), "line")
            except ValidationError as error:
                rejects.append(Reject(line=lines, shown=error.shown, reason=error.rule))
                continue
            duplicates += digits in found
            found[digits] = None
    return Reading(lines=lines, phones=tuple(found), duplicates=duplicates, rejects=tuple(rejects))


async def add_in_batches(session: ViberSession, phones: tuple[str, ...], reach: Reach) -> Adding:
    """Add *phones* to the blacklist, a request's worth at a time."""
    added = exists = 0
    exact = True
    for start in range(0, len(phones), BATCH):
        done = await session.blacklist.add(phones[start : start + BATCH], description="viber-async demo")
        added, exists, exact = added + done.added, exists + done.exists, exact and done.exact
        reach(min(start + BATCH, len(phones)))
    return Adding(added=added, exists=exists, exact=exact)


async def walk_blacklist(session: ViberSession, limit: int, reach: Reach) -> Walked:
    """Walk the blacklist from its beginning to its end."""
    count = await session.blacklist.count()
    phones: list[str] = []
    async with session.blacklist.list(limit=limit) as pages:
        async for page in pages.pages():
            phones += [entry.phone for entry in page]
            reach(len(phones))
    return Walked(phones=tuple(phones), report=pages.report, count=count)


async def create_small(session: ViberSession, plan: Plan, phones: tuple[Phone, ...], reach: Reach) -> tuple[int, ...]:
    """Create small campaigns, all at once: the session's rate limit keeps them in line."""
    drafts = [
        CampaignDraft(
            sender_id=SENDER,
            message_live_time=3600,
            task_name=f"viber-async demo {number}",
            message=f"Order {number} is on its way",
            recipients=[phones[number % len(phones)].digits],
        )
        for number in range(1, plan.small_campaigns + 1)
    ]
    ids: list[int] = []

    async def create(draft: CampaignDraft) -> None:
        ids.append((await session.campaigns.create(draft)).task_id)
        reach(len(ids))

    async with asyncio.TaskGroup() as tasks:
        for draft in drafts:
            tasks.create_task(create(draft))
    return tuple(ids)


def large_draft(given: tuple[str, ...]) -> CampaignDraft:
    """Return a campaign with all that one can have."""
    return CampaignDraft(
        sender_id=SENDER,
        message_live_time=3600,
        task_name="viber-async demo, the large one",
        message="Autumn sale: a fifth off everything until Sunday",
        recipients=given,
        button=Button("To the shop", "https://example.com/sale"),
        image=Image("https://example.com/sale.png"),
        resend_sms=ResendSms("Autumn sale: a fifth off until Sunday, example.com/sale", "example"),
    )


async def follow(
    session: ViberSession, sandbox: Sandbox, task_id: int, reach: Reach, *, most_polls: int = MOST_POLLS
) -> Ended:
    """Look at a campaign again and again until it is over; the sandbox's clock is moved on meanwhile."""
    campaign, step, over = await session.campaigns.get(task_id), POLL, False
    polls = 1
    while not over and polls < most_polls:
        sandbox.advance(step)
        last, campaign = campaign, await session.campaigns.get(task_id)
        polls += 1
        reach(_settled(campaign))
        still = campaign == last and campaign.status == CampaignStatus.SENT
        over = still and step == QUIET
        step = QUIET if still else POLL
    found = await session.campaigns.recipients(task_id)
    return Ended(campaign=campaign, recipients=found.recipients, polls=polls, over=over)


def _settled(campaign: Campaign) -> int:
    counted = campaign.statistics
    return 0 if counted is None else counted.delivered + counted.undelivered + counted.errors


async def list_campaigns(session: ViberSession, limit: int) -> Listed:
    """Walk the task list, page by page."""
    ids: list[int] = []
    sizes: list[int] = []
    # Its list has no total, and a page asked for in vain could be on its way while the wire is counted.
    async with session.campaigns.list(limit=limit, ahead=False) as pages:
        async for page in pages.pages():
            ids += [row.id for row in page]
            sizes.append(len(page))
    return Listed(ids=tuple(ids), pages=tuple(sizes), report=pages.report)


def wire_of(session: ViberSession, sandbox: Sandbox, pulse: Pulse) -> Wire:
    """Return both sides of the wire as they stand, and how well they could be looked at."""
    requests = sandbox.requests
    moments = sandbox.rate.arrivals
    return Wire(
        session=session.statistics(),
        arrived=dict(sorted(Counter(each.operation for each in requests).items())),
        answered=sum(each.status is not None for each in requests),
        logged_phones=sum(_phones_in(each.json) for each in sandbox.requests_of("blacklist.add")),
        peak=sandbox.rate.peak,
        refusals=sandbox.rate.refusals,
        allowed=sandbox.rate.limit[0] if sandbox.rate.limit else 0,
        seconds=moments[-1] - moments[0],
        stalls=pulse.stalls,
        longest_stall=pulse.longest,
    )


def _phones_in(body: object) -> int:
    """Return how many phones a logged body has."""
    phones = cast("dict[str, object]", body).get("phones") if isinstance(body, dict) else None
    return len(cast("list[object]", phones)) if isinstance(phones, list) else 0
