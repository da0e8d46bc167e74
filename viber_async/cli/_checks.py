"""What `doctor` looks at, one after the other. All is read; nothing is sent to anybody, and nothing is written."""

from __future__ import annotations

import asyncio
import os
import platform
import ssl
import time
from collections import Counter
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from attrs import field, frozen
from rich.table import Table
from rich.text import Text

from viber_async import (
    ConfigurationError,
    ConnectionFailedError,
    Sender,
    SenderStatus,
    SqliteLedger,
    UsageError,
    ViberError,
    ViberSession,
    __version__,
)
from viber_async import _defaults as defaults
from viber_async._connections import tls_context
from viber_async._sansio.ledger import account_tag
from viber_async._sansio.privacy import safe_text
from viber_async._sansio.reconcile import server_date
from viber_async._sansio.words import counted
from viber_async._settings import credentials, credentials_of
from viber_async.cli._account import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from viber_async.cli._report import Facts

REDIS: Final = "REDIS_URL"
"""The variable that says where Redis is; its address may hold a password, so it is no option."""
PATIENCE: Final = 10.0
"""Seconds for a TLS connection."""
SKEW: Final = 30.0
"""Seconds that this machine's clock may be wrong: leases of the ledger and dates of campaigns outlive that."""
NAMES: Final = (
    "versions",
    "address",
    "TLS",
    "credentials",
    "clock",
    "senders",
    "blacklist",
    "rate limit",
    "ledger",
    "Redis",
)
"""All that is looked at, in the order in which it is told."""
FIRST: Final = {"TLS": "TLS has to be well first", "credentials": "the credentials have to be accepted first"}
"""Why something was not looked at, by the name of what is wrong."""
SOON: Final = 14
"""Days of a certificate's life below which that is worth a word."""
MARKS: Final = {"ok": ("✓", "green"), "note": ("!", "yellow"), "no": ("✗", "bold red"), "skipped": ("-", "dim")}


@frozen
class Check:
    """What one look found."""

    name: str
    state: str = field(kw_only=True)
    """ok, note, no, or skipped."""
    said: str = field(kw_only=True)
    error: Exception | None = field(kw_only=True, default=None)

    def facts(self) -> Facts:
        """Give it as JSON types."""
        return {"name": self.name, "state": self.state, "said": self.said}


@frozen
class Checks:
    """All of them, as a picture."""

    checks: Sequence[Check]

    def __str__(self) -> str:
        return "; ".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Give a line for each."""
        yield from (f"[{check.state}] {check.name}: {check.said}" for check in self.checks)

    def rich(self) -> RenderableType:
        """Give a row for each."""
        grid = Table.grid(padding=(0, 2))
        for check in self.checks:
            sign, style = MARKS[check.state]
            grid.add_row(Text(sign, style), Text(check.name, "bold"), Text(check.said))
        return grid


def _ok(name: str, said: str) -> Check:
    return Check(name, state="ok", said=said)


def _no(name: str, said: str, error: Exception | None = None) -> Check:
    return Check(name, state="no", said=said, error=error)


async def all_checks(ledger: str | None) -> list[Check]:
    """Give what was found, and what could not be looked at."""
    said = f"viber_async {__version__}, Python {platform.python_version()}, httpx {version('httpx')}"
    found = [_ok("versions", said)]
    try:
        session = ViberSession.from_env()
    except ConfigurationError as error:
        found.append(_no("credentials", str(error), error))
    else:
        async with session:
            found += await _of_account(session, os.environ.get(ADDRESS) or defaults.BASE_URL)
    return _whole([*found, await _ledger(ledger), await of_redis(os.environ.get(REDIS))])


def _whole(found: Sequence[Check]) -> list[Check]:
    """Give a check for each name: where one went wrong, others were not looked at."""
    by_name = {check.name: check for check in found}
    wrong = next((check.name for check in found if check.name in FIRST and check.state == "no"), "")
    return [by_name.get(name) or _unseen(name, wrong) for name in NAMES]


def _unseen(name: str, wrong: str) -> Check:
    return Check(name, state="skipped", said=f"not looked at: {FIRST[wrong]}")


async def _of_account(session: ViberSession, address: str) -> list[Check]:
    tls = await of_tls(address)
    asked = [] if tls.error is not None else await _asked(session)
    return [_ok("address", safe_text(address, 200)), tls, *asked]


async def _asked(session: ViberSession) -> list[Check]:
    """Look at all that the account is asked for; not before its address has proven to be the right one."""
    try:
        answer = await session.request("GET", "/viber/senders")
        heard = time.time()
        senders = await session.senders.list()
    except ViberError as error:
        return [_no("credentials", str(error), error)]
    return [
        _ok("credentials", "accepted"),
        clock(answer.headers.get("date"), heard),
        _senders(senders),
        await _blacklist(session),
        _rate(session),
    ]


async def of_tls(address: str) -> Check:
    """Look whether TLS is spoken there, by a certificate that the library trusts."""
    parts = urlsplit(address)
    if parts.scheme != "https":
        return Check("TLS", state="skipped", said="none on loopback: this is a stand-in, not the provider")
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=tls_context())
    except (OSError, ssl.CertificateError) as error:  # a TimeoutError is an OSError
        said = f"no connection to {parts.hostname}: {safe_text(str(error) or 'it took too long', 200)}"
        return _no("TLS", said, ConnectionFailedError(said, permanent=isinstance(error, ssl.CertificateError)))
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.transport.abort()  # there is nobody to say goodbye to: it was a look
    return certificate(found.version() or "TLS", found.getpeercert() or {}, now=time.time())


def certificate(spoken: str, shown: dict[str, Any], *, now: float) -> Check:
    """Judge how long a certificate is still good."""
    days = int(ssl.cert_time_to_seconds(str(shown["notAfter"])) - now) // 86_400
    said = f"{spoken}, with a certificate that is good for {counted(days, 'days')}"
    return Check("TLS", state="ok" if days >= SOON else "note", said=said)


def clock(date: str | None, heard: float) -> Check:
    """Judge this machine's clock by the date of an answer and the moment it was heard."""
    said = server_date(date)
    if said is None:
        return Check("clock", state="skipped", said="the provider's answer has no date to compare with")
    off = heard - said.timestamp()
    way = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the provider's"
    if abs(off) > SKEW:
        return _no("clock", f"this machine's is {way}: synchronise it")
    return _ok("clock", f"within {SKEW:.0f} s of the provider's")


def _senders(senders: Sequence[Sender]) -> Check:
    verified = [each for each in senders if each.status == SenderStatus.VERIFIED]
    others = Counter("unknown" if each.status is None else str(each.status) for each in senders if each not in verified)
    rest = ", ".join(f"{count} {safe_text(word, 30)}" for word, count in others.items())
    rest = f"; {rest}" if rest else ""
    if not verified:
        return _no("senders", f"none is verified, so no campaign can be sent{rest}")
    named = ", ".join(map(_allowed, verified))
    return _ok("senders", f"{len(verified)} verified: {named}{rest}")


def _allowed(sender: Sender) -> str:
    """Say what a sender may do, as far as the provider tells."""
    parts = [part for part in (sender.service_type, sender.traffic_type, sender.country) if part]
    return safe_text(f"{sender.name} ({', '.join([f'id {sender.id}', *parts])})", 120)


async def _blacklist(session: ViberSession) -> Check:
    try:
        count = await session.blacklist.count()
    except ViberError as error:
        return _no("blacklist", str(error), error)
    return _ok("blacklist", counted(count, "phones"))


def _rate(session: ViberSession) -> Check:
    seen = session.statistics()
    if seen.throttled:
        said = f"{seen.throttled} of {counted(seen.requests, 'requests')} refused: something else uses the account"
        return Check("rate limit", state="note", said=said)
    return _ok("rate limit", f"{counted(seen.requests, 'requests')}, none refused")


async def _ledger(path: str | None) -> Check:
    if path is None:
        return Check("ledger", state="skipped", said="none was named with --ledger")
    if _is_missing(path):
        said = f"there is none at {path}: the first campaign with a key makes it. If there was one, restore it first"
        return Check("ledger", state="note", said=said)
    try:
        account = account_of_environment()
    except ConfigurationError:
        return _unseen("ledger", "credentials")
    try:
        rows = await SqliteLedger(path, create=False).unsettled(account)
    except ViberError as error:
        return _no("ledger", str(error), error)
    if rows:
        pending = counted(len(rows), "campaigns", "is", "are")
        said = f"{pending} not settled: viber-async campaigns reconcile --ledger {path}"
        return Check("ledger", state="note", said=said)
    return _ok("ledger", "sound, and all in it is settled")


def _is_missing(path: str) -> bool:
    """Tell whether nothing is there, and something could be."""
    try:
        os.lstat(path)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return False


def account_of_environment() -> str:
    """Give the name by which a ledger knows the account."""
    return account_tag(credentials(credentials_of(os.environ)), os.environ.get(ADDRESS) or defaults.BASE_URL)


async def of_redis(url: str | None) -> Check:
    """Look whether Redis answers, and has the time of this machine."""
    if not url:
        return Check("Redis", state="skipped", said=f"{REDIS} is not set")
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - an extra

        from viber_async.redis._server import AwayError, answer  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        return _no("Redis", 'its extra is not installed: pip install "viber-async[redis]"')
    try:
        client: Any = cast("Any", Redis).from_url(url)
    except ValueError:
        error = UsageError(f"{REDIS} is no address of a Redis")
        return _no("Redis", str(error), error)
    try:
        seconds, _ = await answer(client.time())
        info = await answer(client.info("server"))
    except AwayError as error:
        return _no(
            "Redis", f"it does not answer: {error}", error.__cause__ if isinstance(error.__cause__, OSError) else error
        )
    finally:
        await client.aclose()
    off = abs(time.time() - seconds)
    if off > SKEW:
        return _no("Redis", f"its clock is {off:.0f} s away from this machine's: synchronise them")
    return _ok("Redis", f"{info['redis_version']}, within {SKEW:.0f} s of this machine's clock")
