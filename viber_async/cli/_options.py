"""Options that several commands have, each written once."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated, Final

import typer

from viber_async._sansio.campaigns import MAX_LIVE_TIME, MIN_LIVE_TIME
from viber_async._sansio.ledger import MIN_RESEND
from viber_async._sansio.privacy import safe_text, shown

IDENTITY: Final = re.compile(r"[1-9][0-9]{0,18}")
AGE: Final = re.compile(r"([0-9]+)([smhd])")
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
RATE: Final = 10
LEDGER: Final = "VIBER_ASYNC_LEDGER"


def span(text: str) -> timedelta:
    """Give the span of time that *text* means."""
    return _span(text, 'a number and its unit, as in "90s", "30m", "12h" or "7d"')


def live_time(text: str) -> timedelta:
    """Give the span for which a campaign may be tried."""
    found = _span(text, f"a number and its unit, as in 1m or 24h; got {shown(text)}")
    if not timedelta(seconds=MIN_LIVE_TIME) <= found <= timedelta(seconds=MAX_LIVE_TIME):
        raise typer.BadParameter(f"from 1m to 24h; got {shown(text)}")
    return found


def settle_time(text: str) -> timedelta:
    """Give the span after which a campaign may be sent again."""
    found = _span(text, f"a number and its unit, as in 30m or 6h; got {shown(text)}")
    if found < MIN_RESEND:
        raise typer.BadParameter(
            f"at least 10m, or a provider that is merely busy is given it twice; got {shown(text)}"
        )
    return found


def _span(text: str, rule: str) -> timedelta:
    found = AGE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(rule)
    try:
        return timedelta(**{UNITS[found[2]]: int(found[1])})
    except (OverflowError, ValueError):  # more days than there are, or more digits than are read
        return timedelta.max


def share(text: object) -> float:
    """Give the part of one that *text* means; a default is one already."""
    said = str(text)
    try:
        found = float(said[:-1]) / 100 if said.endswith("%") else float(said)
    except ValueError:
        found = math.nan
    if not 0 <= found <= 1:
        raise typer.BadParameter(f"a part of the entries, as in 0.01, or per cent, as in 1%; got {shown(said)}")
    return found


def identity(text: str) -> int:
    """Give the id that *text* is."""
    if not IDENTITY.fullmatch(text):
        raise typer.BadParameter(f"{safe_text(text, 40)!r}: an id is a whole number from 1, as `list` shows it")
    return int(text)


Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
ShowPhones = Annotated[bool, typer.Option("--show-phones", help="Show whole phones instead of masked ones.")]
Plain = Annotated[bool, typer.Option("--plain", help="Plain lines, as in a pipe, on a terminal too.")]
Rate = Annotated[int, typer.Option("--rate", min=1, help="Requests a second, if others use the account meanwhile.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]
Region = Annotated[
    str | None, typer.Option("--region", metavar="UA", help="Read the national spellings of this country too.")
]
Column = Annotated[
    str | None, typer.Option("--column", help="The column of the phones: its name, or its place from 1.")
]
LedgerFile = Annotated[
    str | None,
    typer.Option("--ledger", metavar="PATH", envvar=LEDGER, help="The file that remembers what was sent."),
]
