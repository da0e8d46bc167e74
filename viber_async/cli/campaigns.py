"""`viber-async campaigns ...`: list, show, recipients, watch, reconcile; `create` has a file of its own.

Results go to stdout; what is still under way, and errors, go to stderr. Nothing in here sends anything to anybody.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from viber_async import SqliteLedger, UsageError, Verdict, mask_phone, to_dict
from viber_async._campaigns import marker_of_key, row_of_key
from viber_async._sansio.ledger import State
from viber_async._sansio.marker import parted
from viber_async._sansio.privacy import safe_text
from viber_async._sansio.words import counted, numbered, suiting
from viber_async.cli import _campaign_jobs as jobs
from viber_async.cli import create
from viber_async.cli._account import connected
from viber_async.cli._bubble import Bubble
from viber_async.cli._exits import SEE, Exit
from viber_async.cli._export import STDOUT, opened
from viber_async.cli._funnel import NAME, Funnel, status_of
from viber_async.cli._offer import text_of
from viber_async.cli._options import LEDGER, RATE, Force, Json, LedgerFile, Plain, Rate, ShowPhones, identity, span
from viber_async.cli._rows import Format, format_of
from viber_async.cli._tell import Teller, done, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from viber_async import Campaign, CampaignSummary, Ledger, Pages, Reconciliation
    from viber_async._sansio.ledger import LedgerRow
    from viber_async.cli._account import Account
    from viber_async.cli._report import Outcome
    from viber_async.cli._show import Draw, Show

    Told = Callable[[Campaign], None]
    Watching = Coroutine[object, object, Campaign | None]

ROWS: Final = 50
"""Campaigns that are listed unless more are asked for."""
EVERY: Final = timedelta(seconds=5)
LEAST: Final = timedelta(seconds=1)

CampaignId = Annotated[
    int, typer.Argument(parser=identity, metavar="ID", help="The campaign's id, as `list` shows it.")
]

app = typer.Typer(
    name="campaigns",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Campaigns: what was sent, what became of it, and sending one.",
)
app.command(epilog=SEE)(create.create)


# --- looking ---


@app.command("list", epilog=SEE)
def list_campaigns(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, in the provider's order.")] = ROWS,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: Json = False,
    plain: Plain = False,
    rate: Rate = RATE,
) -> None:
    """List the account's campaigns."""
    teller = Teller(as_json=as_json, plain=plain)
    with teller.telling(), connected(rate=rate) as account:
        pages = account.session.campaigns.list(limit=min(limit, 100))
        most = None if everything else limit
        teller.end(_listed(teller, account.wait(pages.collect(max=most)), most, pages))


def _listed(teller: Teller, rows: list[CampaignSummary], most: int | None, pages: Pages[CampaignSummary]) -> Outcome:
    if rows and not teller.as_json:
        _draw_list(teller.result, rows)
    doubts = pages.report.doubts if most is None else ()
    said = [f"{counted(len(rows), 'campaigns')}{', and there may be more: --all' if len(rows) == most else ''}."]
    said += [f"Some may be missing: {'; '.join(doubts)}."] if doubts else []
    facts = {"campaigns": [to_dict(row) for row in rows], "all": most is None, "doubts": list(doubts)}
    return done(facts, *said, code=Exit.PARTIAL if doubts else Exit.IN_SYNC)


@app.command(epilog=SEE)
def show(
    campaign_id: CampaignId,
    *,
    html: Annotated[str | None, typer.Option("--html", metavar="FILE", help="Write a report as a web page.")] = None,
    force: Force = False,
    as_json: Json = False,
    plain: Plain = False,
    rate: Rate = RATE,
) -> None:
    """Show one campaign: what it says, and how far its messages came.

    The page of --html stands for itself: it loads nothing, and holds no phone of anybody.
    """
    teller = Teller(as_json=as_json, plain=plain)
    if html == STDOUT and as_json:
        raise UsageError("--json needs a FILE for --html: both would go to the standard output")
    with teller.telling(), connected(rate=rate) as account:
        found = account.session.campaigns.get(campaign_id)
        if html is None:
            teller.end(_shown(teller, account.wait(found)))
        teller.end(_reported(teller, account, account.wait(found), html, force=force))


def _shown(teller: Teller, campaign: Campaign) -> Outcome:
    if not teller.as_json:
        _picture(teller.result, campaign)
    return done({"campaign": to_dict(campaign)})


def _picture(result: Show, campaign: Campaign) -> None:
    name, marker = parted(campaign.name)
    result.heading(f"{campaign.id}: {safe_text(name, NAME)}")
    when = campaign.send_date or campaign.created
    dated = "no date" if when is None else f"{when:%Y-%m-%d %H:%M:%S}"
    result.say(f"{status_of(campaign)}, {dated}{'' if marker is None else f', marker {marker}'}")
    button = None if campaign.button_text is None else (campaign.button_text, campaign.button_link or "")
    sender = campaign.sender_name or f"sender {campaign.sender_id}"
    result.draw(Bubble(sender=sender, text=campaign.message, button=button, image=campaign.image_link))
    result.draw(Funnel(campaign))


def _reported(teller: Teller, account: Account, campaign: Campaign, html: str, *, force: bool) -> Outcome:
    with opened(html, force=force) as file, teller.aside.bar("reading", None, "recipients") as reach:
        return _written(campaign, html, account.wait(jobs.report(account.session, campaign, file, reach)))


def _written(campaign: Campaign, html: str, seen: jobs.Seen) -> Outcome:
    said = () if html == STDOUT else (f"The report is in {html}.",)
    return done({"campaign": to_dict(campaign), "html": html, **seen.facts()}, *said)


@app.command(epilog=SEE)
def recipients(
    campaign_id: CampaignId,
    target: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="A new file; - is the standard output.")
    ] = None,
    *,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="CSV for spreadsheets, NDJSON with all that the provider said, or flat rows for Parquet.  "
            "[default: by FILE's ending, else csv]",
        ),
    ] = None,
    force: Force = False,
    show_phones: ShowPhones = False,
    as_json: Json = False,
    plain: Plain = False,
    rate: Rate = RATE,
) -> None:
    """Show what became of each message, or write all of them to a file.

    An export is this user's alone (mode 0600), there once it is whole, and holds whole phones: that is what it is for.
    """
    teller = Teller(as_json=as_json, plain=plain)
    exports = form is not None or target is not None
    where = target or STDOUT
    if exports and as_json and where == STDOUT:
        raise UsageError("--json needs a FILE: the standard output holds the rows")
    form = form or format_of(where)
    with teller.telling(), connected(rate=rate) as account:
        if not exports:
            job = partial(jobs.read_states, account.session, campaign_id)
            teller.end(_states(teller, campaign_id, _walked(teller, account, job), whole=show_phones))
        write = partial(jobs.export, account.session, campaign_id, where, form, force=force)
        teller.end(_exported(teller, where, _walked(teller, account, write)))


def _walked(teller: Teller, account: Account, job: Callable[..., Coroutine[object, object, jobs.Seen]]) -> jobs.Seen:
    with teller.aside.bar("reading", None, "recipients") as reach:
        return account.wait(job(reach=reach))


def _exported(teller: Teller, where: str, seen: jobs.Seen) -> Outcome:
    said = f"{jobs.people(seen.recipients)} written to {jobs.target_name(where)}."
    if where != STDOUT:
        return done({"file": where, **seen.facts()}, said)
    teller.aside.say(said)
    return done({})


def _states(teller: Teller, campaign_id: int, seen: jobs.Seen, *, whole: bool) -> Outcome:
    rows = [{**to_dict(row), "phone": row.phone if whole else mask_phone(row.phone)} for row in seen.first]
    if teller.as_json:
        return done({**seen.facts(), "first": rows})
    names = ("phone", "status", "price", "currency", "last_update")
    teller.result.table(("status", "recipients"), [(safe_text(k, 40), n) for k, n in seen.states.most_common()])
    teller.result.table(names, [(str(row["phone"]), *(_cell(row[name]) for name in names[1:])) for row in rows])
    more = seen.recipients - len(rows)
    said = [f"and {more:,} more; write all of them to a file: recipients {campaign_id} FILE"] if more else []
    cost = ", ".join(f"{price} {safe_text(currency, 10)}" for currency, price in seen.cost.items())
    return done({}, *said, f"{jobs.people(seen.recipients)}; cost: {cost or 'unknown'}.")


@app.command(epilog=SEE)
def watch(
    campaign_id: CampaignId,
    *,
    every: Annotated[
        timedelta | None, typer.Option("--every", parser=span, metavar="5s", help="Look that often.  [default: 5s]")
    ] = None,
    longest: Annotated[
        timedelta | None, typer.Option("--for", parser=span, metavar="10m", help="Stop after that, with exit code 2.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on when it is over: reads and clicks may come for days.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each change, and one at the end.")
    ] = False,
    plain: Plain = False,
    rate: Rate = RATE,
) -> None:
    """Watch a campaign until each of its messages was delivered or given up."""
    teller = Teller(as_json=as_json, plain=plain, stopped="the campaign goes on all the same")
    pause = EVERY if every is None else every
    if pause < LEAST:
        raise UsageError("--every: at least a second, 1s: the account has ten requests in one, for everything")
    seconds = None if longest is None else longest.total_seconds()
    with teller.telling(), connected(rate=rate) as account:
        follow = partial(
            jobs.follow, account.session, campaign_id, every=pause.total_seconds(), longest=seconds, keep=keep
        )
        teller.end(_watched(_drawn(teller, account, follow, as_json=as_json)))  # below the picture, which is done with


def _drawn(teller: Teller, account: Account, follow: Callable[[Told], Watching], *, as_json: bool) -> Campaign | None:
    with teller.result.live() as draw:
        return account.wait(follow(partial(_changed, draw, as_json=as_json)))


def _changed(draw: Draw, campaign: Campaign, *, as_json: bool) -> None:
    at = datetime.now().astimezone()
    if as_json:
        print_json({"at": at.isoformat(timespec="seconds"), "campaign": to_dict(campaign)})
    else:
        draw(Funnel(campaign, at))


def _watched(over: Campaign | None) -> Outcome:
    if over is None:
        return done({"over": False}, "Not over yet.", code=Exit.PENDING)
    return done({"over": True}, "Over: each message was delivered or given up.")


@app.command(epilog=SEE)
def reconcile(
    file: Annotated[
        str | None, typer.Argument(metavar="[HANDLE]", help="The file of a handle; - is the standard input.")
    ] = None,
    *,
    ledger: LedgerFile = None,
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", help="With --ledger: tell of the campaign of this key alone; may be repeated."),
    ] = None,
    as_json: Json = False,
    plain: Plain = False,
    rate: Rate = RATE,
) -> None:
    """Look for a campaign of which nobody knows whether it was created; nothing is sent.

    For one of `create`, by its handle; with --ledger, for all of `create --key` that are not settled, and what is
    found is noted there. A ledger does not hold the keys themselves: give the one that you mean with --key, or find
    the marker that each is told by at the front of the campaign's name. Exit code 7 as long as one was not found, 64 if
    the ledger knows no such key.
    """
    if file is not None:
        ledger = None if ledger == os.environ.get(LEDGER) else ledger
    if (file is None) == (ledger is None):
        raise UsageError("give the file of a HANDLE, or --ledger PATH for all that are pending in it")
    if file is not None and keys:
        raise UsageError("--key goes with --ledger; a HANDLE stands for one campaign")
    teller = Teller(as_json=as_json, plain=plain)
    kept = None if ledger is None else SqliteLedger(ledger, create=False)
    with teller.telling(), connected(rate=rate, ledger=kept) as account:
        campaigns = account.session.campaigns
        if kept is not None:
            teller.end(_of_ledger(account.wait(campaigns.reconcile_pending()), account, kept, keys or []))
        name = file or ""  # one of the two was given
        handle = jobs.read_handle(text_of(name, "HANDLE"), name)
        teller.end(_reconciled([(account.wait(campaigns.reconcile(handle)), None)]))


def _of_ledger(found: tuple[Reconciliation, ...], account: Account, ledger: Ledger, keys: list[str]) -> Outcome:
    """Give what is told of all that was pending, or, if there are *keys*, of those alone."""
    campaigns = account.session.campaigns
    by_marker = {marker_of_key(campaigns, key): key for key in keys}
    named = [(each, by_marker.get(each.handle.marker or "")) for each in found]
    if not keys:
        return _reconciled(named)
    told = [pair for pair in named if pair[1] is not None]
    rows = {key: account.wait(row_of_key(campaigns, ledger, key)) for key in by_marker.values()}
    pending = {key for _, key in told}
    settled = [(key, row) for key, row in rows.items() if key not in pending]
    outcome = _reconciled(told, *(f"{safe_text(key, NAME)}: {_settled(row)}." for key, row in settled))
    code = min((outcome.code, *(_code_of(row) for _, row in settled)), key=WEIGHT.index)
    return done(
        {**outcome.facts, "keys": [_key_facts(key, row) for key, row in rows.items()]}, *outcome.said, code=code
    )


WEIGHT: Final = (Exit.UNKNOWN, Exit.USAGE, Exit.PARTIAL, Exit.PENDING, Exit.IN_SYNC)
"""The exit code of several keys is the first that fits one of them."""
SETTLED: Final = {
    State.REJECTED: (Exit.PARTIAL, "the provider refused this campaign, and nothing was created"),
    State.PREPARED: (Exit.PENDING, "nothing was sent with this key"),
    State.SENDING: (Exit.UNKNOWN, "it may be on its way at this moment: ask again in a few minutes"),
    State.UNKNOWN: (Exit.UNKNOWN, "nobody knows yet what became of it: ask again in a few minutes"),
}
"""What is told of a key that no search was about."""


def _code_of(row: LedgerRow | None) -> Exit:
    if row is None:
        return Exit.USAGE  # the command line names what is not there
    return Exit.IN_SYNC if row.state is State.ACCEPTED else SETTLED[row.state][0]


def _settled(row: LedgerRow | None) -> str:
    if row is None:
        return "this ledger knows no such key"
    if row.state is State.ACCEPTED:
        return f"campaign {row.task_id} was sent with this key"
    return SETTLED[row.state][1]


def _key_facts(key: str, row: LedgerRow | None) -> dict[str, object]:
    return {"key": key, "state": row and row.state.value, "task_id": row and row.task_id}


def _reconciled(found: list[tuple[Reconciliation, str | None]], *more: str) -> Outcome:
    code = Exit.IN_SYNC if all(each.verdict is Verdict.FOUND for each, _ in found) else Exit.UNKNOWN
    said = [*(_verdict(each, key) for each, key in found), *more] or ["Nothing is pending."]
    return done({"reconciliations": [to_dict(each) | {"key": key} for each, key in found]}, *said, code=code)


def _verdict(found: Reconciliation, key: str | None) -> str:
    marker = found.handle.marker
    name = key or found.handle.task_name or ("without a name" if marker is None else f"the one marked {marker}")
    what = safe_text(name, NAME)
    if found.verdict is Verdict.ABSENT_SO_FAR:
        said = "absent so far, which proves nothing: ask again in a few minutes, before you send again"
        if marker is not None and not found.handle.marker_lost:
            said += "; the same `campaigns create` with --resend-after 6h may do that, at the risk of a second campaign"
    else:
        count, ids = len(found.candidates), numbered([each.id for each in found.candidates], "campaign")
        said = f"found: it is {ids}"
        if found.verdict is Verdict.PROBABLE:
            whose, them = suiting(count, "whose it is", "whose they are"), suiting(count, "it", "them")
            said = f"probably {ids}: sender, text and time fit, and nothing shows {whose}. Look at {them}"
    return f"{what}: {said}{'' if found.complete else ' (the list was not read to its end)'}."


def _draw_list(result: Show, rows: list[CampaignSummary]) -> None:
    """Draw a table; markers of keys stand last, only where there are any, and can be spared."""
    heads = ("id", "name", "sender", "status", "created", "to be sent", "marker")
    cells = [_summary(row) for row in rows]
    any_marker = any(row[-1] for row in cells)
    shown = len(heads) - (not any_marker)
    result.table(heads[:shown], [row[:shown] for row in cells], spare=int(any_marker))


def _summary(row: CampaignSummary) -> tuple[str, ...]:
    name, marker = parted(row.name)
    status = "" if row.status is None else safe_text(row.status.value, 40)
    sender = safe_text(row.sender_name or str(row.sender_id), 30)
    dates = _date(row.created), _date(row.send_date)
    return str(row.id), safe_text(name, NAME), sender, status, *dates, marker or ""


def _date(when: datetime | None) -> str:
    return "" if when is None else f"{when:%Y-%m-%d %H:%M}"


def _cell(value: object) -> str:
    return "" if value is None else safe_text(str(value), 40)
