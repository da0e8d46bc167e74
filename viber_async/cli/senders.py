"""`viber-async senders ...`: the names that campaigns are sent from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from viber_async import to_dict
from viber_async._sansio.privacy import safe_text
from viber_async.cli._account import connected
from viber_async.cli._exits import SEE
from viber_async.cli._options import RATE, Json, Plain, Rate, identity
from viber_async.cli._pairs import Pairs
from viber_async.cli._tell import Teller, done

if TYPE_CHECKING:
    from viber_async import Sender
    from viber_async.cli._report import Outcome

CELL = 60
FIELDS = ("id", "name", "status", "service_type", "traffic_type", "country", "web_site", "description", "admin_comment")

app = typer.Typer(
    name="senders",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The names that campaigns are sent from; they are verified by the provider.",
)


@app.command("list", epilog=SEE)
def list_senders(*, as_json: Json = False, plain: Plain = False, rate: Rate = RATE) -> None:
    """List the account's senders. Campaigns can be sent from those that are verified."""
    teller = Teller(as_json=as_json, plain=plain)
    with teller.telling(), connected(rate=rate) as account:
        teller.end(_listed(teller, account.wait(account.session.senders.list())))


def _listed(teller: Teller, senders: tuple[Sender, ...]) -> Outcome:
    if senders and not teller.as_json:
        heads = ("id", "name", "status", "traffic", "country", "comment")
        teller.result.table(heads, [(str(sender.id), *_cells(sender)) for sender in senders])
    said = () if senders else ("The account has no senders.",)
    return done({"senders": [to_dict(sender) for sender in senders]}, *said)


@app.command(epilog=SEE)
def show(
    sender_id: Annotated[int, typer.Argument(parser=identity, metavar="ID")],
    *,
    as_json: Json = False,
    plain: Plain = False,
    rate: Rate = RATE,
) -> None:
    """Show one sender."""
    teller = Teller(as_json=as_json, plain=plain)
    with teller.telling(), connected(rate=rate) as account:
        teller.end(_shown(teller, account.wait(account.session.senders.get(sender_id))))


def _shown(teller: Teller, sender: Sender) -> Outcome:
    facts = to_dict(sender)
    if not teller.as_json:
        teller.result.draw(Pairs([(name, safe_text(str(facts[name]), 300)) for name in FIELDS if facts[name]]))
    return done({"sender": facts})


def _cells(sender: Sender) -> tuple[str, ...]:
    texts = (sender.name, sender.status, sender.traffic_type, sender.country, sender.admin_comment)
    return tuple("" if text is None else safe_text(str(text), CELL) for text in texts)
