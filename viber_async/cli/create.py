"""`viber-async campaigns create`: the one command that spends money.

What would be sent, to whom, and what it looks like is shown first. Then somebody has to say yes, at the terminal or
with ``--yes``. If nobody can tell afterwards whether it was created, that is an exit code of its own, with the handle
by which it can be looked for and the command that does.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from viber_async import OutcomeUnknownError, SqliteLedger, UsageError, to_dict
from viber_async._campaigns import sent_before
from viber_async.cli import _campaign_jobs as jobs
from viber_async.cli import _offer as offers
from viber_async.cli._account import Told, agreed, can_ask, connected
from viber_async.cli._exits import Exit
from viber_async.cli._export import STDOUT
from viber_async.cli._options import (
    RATE,
    Column,
    Json,
    LedgerFile,
    Plain,
    Rate,
    Region,
    ShowPhones,
    live_time,
    settle_time,
)
from viber_async.cli._run import stoppable, wait_for
from viber_async.cli._show import fail
from viber_async.cli._tell import Teller, done, unread_told

if TYPE_CHECKING:
    from viber_async import CampaignDraft, CreatedCampaign, Sender, ViberSession
    from viber_async.cli._account import Account
    from viber_async.cli._report import Outcome

NOBODY: Final = "nobody is there to be asked: say --yes to send it, or --dry-run to see what would be sent"
SIGNALS: Final = 2
"""Signals that are obeyed in order while a campaign may be under way: to stop, and to wait for no answer either."""


def create(
    context: typer.Context,
    *,
    file: Annotated[
        str | None,
        typer.Option("--draft", metavar="FILE", help="The provider's own JSON, or the same in YAML; - is stdin."),
    ] = None,
    sender: Annotated[int | None, typer.Option("--sender", min=1, help="The id of a verified sender.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="What it says; at most 1000 characters.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="What it is called, and found by, in the list.")] = None,
    live: Annotated[
        timedelta | None,
        typer.Option("--live", parser=live_time, metavar="24h", help="How long Viber tries to deliver: 1m to 24h."),
    ] = None,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="PHONE", help="A recipient; may be repeated.")] = None,
    recipients_file: Annotated[
        str | None, typer.Option("--recipients", metavar="FILE", help="Text, CSV or NDJSON with at most 1000 phones.")
    ] = None,
    region: Region = None,
    column: Column = None,
    address_book: Annotated[int | None, typer.Option("--address-book", min=1, help="A mailing list by its id.")] = None,
    send_at: Annotated[
        str | None, typer.Option("--send-at", metavar="'YYYY-MM-DD HH:MM:SS'", help="When, by the account's clock.")
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option("--time-zone", metavar="Europe/Kyiv", help="The account's; then --send-at has an offset, +02:00."),
    ] = None,
    stretch: Annotated[
        int | None, typer.Option("--stretch", min=0, max=5, help="Spread it over so many hours.")
    ] = None,
    system: Annotated[
        bool, typer.Option("--system", help="A system message: the text of an approved template.")
    ] = False,
    button: Annotated[
        tuple[str, str] | None, typer.Option("--button", metavar="TEXT LINK", help="A button below the text.")
    ] = None,
    image: Annotated[str | None, typer.Option("--image", metavar="LINK", help="A picture, by its https link.")] = None,
    sms: Annotated[
        tuple[str, str] | None,
        typer.Option("--sms", metavar="SENDER TEXT", help="The SMS for whom Viber does not reach."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="The name of this one campaign for ever: created at most once.")
    ] = None,
    ledger: LedgerFile = None,
    resend_after: Annotated[
        timedelta | None,
        typer.Option(
            "--resend-after",
            parser=settle_time,
            metavar="6h",
            help="With --key: rather risk a second than none.",
        ),
    ] = None,
    handle: Annotated[
        str | None,
        typer.Option("--handle", metavar="FILE", help="Where the handle goes, if nobody knows what became of it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: send it.")] = False,
    show_phones: ShowPhones = False,
    as_json: Json = False,
    plain: Plain = False,
    rate: Rate = RATE,
) -> None:
    """Create a campaign. This spends money and reaches people.

    What will be sent, to whom, and what it looks like is shown first, and nothing is sent before you have said yes.
    Exit code 7 if nobody knows whether it was created: then do not simply run it again.
    """
    once = offers.Once(key=key, ledger=ledger, resend_after=resend_after, handle=handle)
    source = offers.source_of(recipients_file, region=region, column=column)
    given: dict[str, Any] = {
        "sender_id": sender,
        "message": text,
        "task_name": name,
        "message_live_time": live and int(live.total_seconds()),
        "recipients": to or None,
        "address_book": address_book,
        "send_date": send_at,
        "stretch_time": stretch,
        "message_type": 3 if system else None,
        "button": button and {"text": button[0], "link": button[1]},
        "image": image and {"link": image},
        "resend_sms": sms and {"status": True, "sms_sender_name": sms[0], "sms_text": sms[1]},
    }
    teller = Teller(as_json=as_json, plain=plain, stopped="nothing was sent")
    kept = None if once.ledger is None else SqliteLedger(once.ledger)
    zone = offers.zone_of(time_zone)
    with teller.telling(source):
        if source is not None:
            read = wait_for(stoppable(jobs.read_recipients(source)))
            given["recipients"] = offers.only_one(given["recipients"], read)
        draft = offers.draft_of(file, given, time_zone=zone)
        asks = not (yes or dry_run)
        if asks and (STDOUT in (file, recipients_file) or not can_ask()):
            raise UsageError(NOBODY)
        told = context.ensure_object(Told)
        put = partial(_put, draft, once=once, teller=teller, told=told, dry_run=dry_run, asks=asks, whole=show_phones)
        with connected(rate=rate, ledger=kept, time_zone=zone) as account:
            teller.end_in_any_case(put(account, account.wait(jobs.sender_of(account.session, draft))))


def _put(
    draft: CampaignDraft,
    account: Account,
    sender: Sender,
    *,
    once: offers.Once,
    teller: Teller,
    told: Told,
    dry_run: bool,
    asks: bool,
    whole: bool,
) -> Outcome:
    """Show what would be sent, have it sent if that is wanted, and give what came of it."""
    offer = offers.Offer(draft=draft, sender=sender, key=once.key, whole=whole)
    if asks and (before := _before(account, draft, once)) is not None:
        return _sent(offer, before)
    if not (dry_run and teller.as_json):
        offer.put(teller.result if dry_run else teller.aside)
    if dry_run:
        return done(offer.facts(), "Nothing was sent.", code=Exit.PENDING)
    if asks and (no := _refusal(offer.question)) is not None:
        return done(offer.facts(), "Nothing was sent.", code=no)
    with jobs.waiting_told():
        work = _created(account.session, offer.draft, once, told=told, teller=teller)
        return _sent(offer, account.wait(work, times=SIGNALS))


def _before(account: Account, draft: CampaignDraft, once: offers.Once) -> CreatedCampaign | None:
    """Give the campaign that the ledger knows to exist; a file that is not there yet is not made by looking."""
    if once.ledger is None or once.key is None or not Path(once.ledger).exists():
        return None
    ledger = SqliteLedger(once.ledger, create=False)
    return account.wait(sent_before(account.session.campaigns, ledger, draft, key=once.key))


def _refusal(question: str) -> Exit | None:
    """Give how to end if the answer is not a yes; who leaves at the question has not said yes either."""
    try:
        return None if agreed(question) else Exit.REFUSED
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\n")  # the terminal's cursor stands behind the question
        return Exit.INTERRUPTED


async def _created(
    session: ViberSession, draft: CampaignDraft, once: offers.Once, *, told: Told, teller: Teller
) -> CreatedCampaign:
    """Give the campaign; if nobody knows what became of it, say so and how to find out, in this order."""
    try:
        return await jobs.create(session, draft, key=once.key, resend_after=once.resend_after)
    except OutcomeUnknownError as error:
        fail(str(error))
        told.told = True
        once.keep(error)
        go_on = once.go_on(error, told.command)
        error.add_note(go_on)
        fail(f"go on with: {go_on}")
        if not teller.as_json:
            with unread_told():
                sys.stdout.write(f"{offers.handle_text(error)}\n")
        raise


def _sent(offer: offers.Offer, created: CreatedCampaign) -> Outcome:
    """Give what to say of a campaign that is there: whether this sent it, or an earlier run with its key."""
    task = created.task_id
    said = f"Created: campaign {task}."
    if created.found:
        date = "" if created.send_date is None else f" (its date is {created.send_date})"
        said = f"Found: campaign {task} was sent with this key before{date}; nothing was sent now."
    watch = f"Watch it: viber-async campaigns watch {task}"
    return done({"campaign": to_dict(created), "found": created.found, **offer.counts()}, f"{said} {watch}")
