"""`viber-async demo`: the whole library against a sandbox, with figures that have to add up."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

import typer
from attrs import evolve

from viber_async import ViberSession, __version__, mask_phone
from viber_async._sansio.words import counted
from viber_async.cli import _demo_steps as steps
from viber_async.cli._demo_claims import Facts, claims_of
from viber_async.cli._messy import MAX_LINES, MIN_LINES
from viber_async.cli._run import wait_for
from viber_async.cli._show import show_for
from viber_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from viber_async import CampaignDraft
    from viber_async.cli._demo_steps import Adding, Cast, Ended, Listed, Plan, Reading, Reject, Walked, Wire
    from viber_async.cli._show import Show

EXAMPLES: Final = 3
"""Rejected lines that are shown for one reason, where they look different."""

STATISTICS: Final = ("sent", "delivered", "read", "redirected", "undelivered", "errors")
PLAN: Final = steps.Plan()
"""What the demo does unless it is told otherwise: about 225 requests, so about 23 seconds."""


def demo(
    lines: Annotated[int, typer.Option(min=MIN_LINES, max=MAX_LINES, help="Lines of the messy file.")] = PLAN.lines,
    seed: Annotated[int, typer.Option(help="What the file is made from: the same seed, the same file.")] = PLAN.seed,
    *,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, as in a pipe, on a terminal too.")] = False,
) -> None:
    """Try it all: a sandbox, a messy file of phones, the blacklist, a campaign, and whether it adds up.

    Nothing leaves this machine and nothing is asked for. It takes about half a minute, because the sandbox holds
    to the provider's rate limit of ten requests a second. Exit code 1 if one figure does not add up.
    """
    show = show_for(sys.stdout, plain=plain)
    plan = evolve(PLAN, lines=lines, seed=seed)
    raise typer.Exit(0 if wait_for(run_demo(show, plan, Sandbox())) else 1)


async def run_demo(show: Show, plan: Plan, sandbox: Sandbox) -> bool:
    """Show everything against *sandbox*, and return whether it adds up."""
    cast = steps.cast_of(plan)
    sandbox.block(*(phone.digits for phone in cast.known), description="opted out last week")
    async with steps.Pulse() as pulse, sandbox, ViberSession(sandbox.credentials, base_url=sandbox.url) as session:
        _show_beginning(show, sandbox)
        facts = await tell(show, plan, cast, session, sandbox, pulse=pulse)
    claims = claims_of(facts)
    _show_wire(show, facts.wire)
    wrong = sum(not claim.holds for claim in claims)
    show.verdict(f"{wrong} of {len(claims)} do NOT add up." if wrong else f"All {len(claims)} add up.", claims)
    return not wrong


async def tell(  # noqa: PLR0913 - all that the demo has
    show: Show, plan: Plan, cast: Cast, session: ViberSession, sandbox: Sandbox, *, pulse: steps.Pulse
) -> Facts:
    """Go through all the steps, show each, and return what was found out."""
    reading = _read(show, cast)
    adding = await _add(show, session, reading, cast)
    walked = await _walk(show, session, plan, len(reading.phones))
    created = await _create(show, session, plan, cast)
    draft = _draft(show, cast)
    ended = await _follow(show, session, sandbox, draft)
    listed = await _list(show, session, plan)
    return Facts(
        cast=cast,
        reading=reading,
        adding=adding,
        walked=walked,
        created=(*created, ended.campaign.id),
        draft=draft,
        ended=ended,
        listed=listed,
        wire=steps.wire_of(session, sandbox, pulse),
    )


def _show_beginning(show: Show, sandbox: Sandbox) -> None:
    show.heading(f"viber_async {__version__}: a demonstration on this machine alone")
    show.say(f"A sandbox stands in for the provider at {sandbox.url}.")
    show.say("It takes ten requests a second, as the provider does, and refuses the eleventh.")
    show.code("session = ViberSession(sandbox.credentials, base_url=sandbox.url)")


def _read(show: Show, cast: Cast) -> Reading:
    show.heading("A messy file of phones")
    with TemporaryDirectory(prefix="viber-async-demo-") as folder:
        path = Path(folder, "phones.txt")
        steps.write_privately(path, cast.file.lines)
        show.say(
            f"{path}: {counted(len(cast.file.lines), 'lines')}, {path.stat().st_size:,} bytes, mode {_mode(path)}."
        )
        reading = steps.read_phones(path)
    show.say(f"{len(reading.phones):,} different phones, {reading.duplicates:,} duplicates in any spelling.")
    show.say(f"{counted(len(reading.rejects), 'lines')} rejected, never guessed:")
    show.table(("lines", "first", "what stands there", "why it is no phone"), _reasons(reading))
    return reading


def _mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:04o}"


def _reasons(reading: Reading) -> Iterator[tuple[int | str, int, str, str]]:
    """A few rows for each reason, the commonest first; the first of them says for how many lines it stands."""
    for reason, count in Counter(each.reason for each in reading.rejects).most_common():
        first, *more = _different(each for each in reading.rejects if each.reason == reason)
        yield count, first.line, first.shown, reason
        yield from (("", each.line, each.shown, "") for each in more)


def _different(rejects: Iterable[Reject]) -> list[Reject]:
    """The first rejects that do not look alike: those whose other characters than digits differ."""
    found: dict[frozenset[str], Reject] = {}
    for each in rejects:
        found.setdefault(frozenset(c for c in each.shown if not c.isdigit()), each)
    return list(found.values())[:EXAMPLES]


async def _add(show: Show, session: ViberSession, reading: Reading, cast: Cast) -> Adding:
    show.heading("Onto the blacklist, in batches")
    show.say(f"The account's blacklist has {len(cast.known):,} of them already.")
    show.code('await session.blacklist.add(phones, description="viber-async demo")')
    with show.bar("adding", len(reading.phones), "phones") as reach:
        adding = await steps.add_in_batches(session, reading.phones, reach)
    show.say(f"{adding.added:,} added, {adding.exists:,} existed{'' if adding.exact else ', both at least'}.")
    return adding


async def _walk(show: Show, session: ViberSession, plan: Plan, expected: int) -> Walked:
    show.heading("And back again, page by page")
    show.code(f"async for page in session.blacklist.list(limit={plan.blacklist_page}).pages(): ...")
    with show.bar("walking", expected, "phones") as reach:
        walked = await steps.walk_blacklist(session, plan.blacklist_page, reach)
    report = walked.report
    show.say(
        f"{counted(report.rows, 'rows')} from {counted(report.requests, 'pages')}; "
        f"{counted(report.duplicates, 'rows')} came twice, because each "
        "page begins with the end of the one before."
    )
    show.say("The walk is proven complete." if report.complete else f"Not complete: {'; '.join(report.doubts)}.")
    return walked


async def _create(show: Show, session: ViberSession, plan: Plan, cast: Cast) -> tuple[int, ...]:
    show.heading("Campaigns, many at once")
    show.code("tasks.create_task(session.campaigns.create(draft))")
    with show.bar("creating", plan.small_campaigns, "campaigns") as reach:
        return await steps.create_small(session, plan, cast.free, reach)


def _draft(show: Show, cast: Cast) -> CampaignDraft:
    show.heading("One campaign with all that there is")
    draft = steps.large_draft(cast.given)
    show.say(
        f"Text, button, image, and an SMS for whom Viber does not reach: to {len(draft.recipients or ()):,} "
        f"recipients; {draft.duplicates:,} were given twice."
    )
    return draft


async def _follow(show: Show, session: ViberSession, sandbox: Sandbox, draft: CampaignDraft) -> Ended:
    show.code("created = await session.campaigns.create(draft)")
    created = await session.campaigns.create(draft)
    show.code(f"campaign = await session.campaigns.get({created.task_id})")
    with show.bar("following", len(draft.recipients or ()), "recipients") as reach:
        ended = await steps.follow(session, sandbox, created.task_id, reach)
    show.say(f"Looked at {counted(ended.polls, 'times')}, while the sandbox's clock was moved on.")
    show.say(f"Its status is now {steps.state_of(ended.campaign)!r}.")
    _show_statistics(show, ended)
    show.code(f"await session.campaigns.recipients({created.task_id})")
    show.table(("status", "recipients"), ended.states.items())
    show.table(("phone", "status", "price", "last update"), _examples(ended))
    show.say(f"Cost: {', '.join(f'{price} {currency}' for currency, price in ended.cost.items()) or 'unknown'}.")
    return ended


def _show_statistics(show: Show, ended: Ended) -> None:
    counted = ended.campaign.statistics
    if counted is None:
        show.say("There are none.")
        return
    show.table(("statistics", "messages"), [(name, int(getattr(counted, name))) for name in STATISTICS])


def _examples(ended: Ended) -> Iterator[tuple[str, str, str, str]]:
    """Two recipients of each state, masked."""
    for state in ended.states:
        alike = [each for each in ended.recipients if steps.state_of(each) == state]
        for each in alike[:2]:
            yield mask_phone(each.phone), state, f"{each.price} {each.currency}", str(each.last_update)


async def _list(show: Show, session: ViberSession, plan: Plan) -> Listed:
    show.heading("The task list, page by page")
    show.code(f"async for page in session.campaigns.list(limit={plan.campaigns_page}, ahead=False).pages(): ...")
    listed = await steps.list_campaigns(session, plan.campaigns_page)
    show.say(f"{counted(len(listed.ids), 'campaigns')}; new on each page: {', '.join(map(str, listed.pages))}.")
    return listed


def _show_wire(show: Show, wire: Wire) -> None:
    show.heading("What the sandbox saw")
    show.table(("operation", "requests"), wire.arrived.items())
    show.say(
        f"{counted(sum(wire.arrived.values()), 'requests')} in {wire.seconds:.1f} s; at most {wire.peak} in any "
        f"second; {wire.refusals} refused; all calls together waited {wire.session.rate.waited:.1f} s for their turns."
    )
    if wire.stalls:
        show.say(
            f"This machine stood still {counted(wire.stalls, 'times')}, for {wire.longest_stall:.2f} s at the longest: "
            "what left in time may have arrived late, and what was refused then was sent again."
        )
