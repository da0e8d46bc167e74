"""The sandbox itself: the one place where its parts meet."""

from __future__ import annotations

import time
from datetime import UTC
from typing import TYPE_CHECKING, Literal, Self

from viber_async.sandbox import _assertions
from viber_async.sandbox._account import (
    Account,
    SandboxCampaign,
    SandboxCredentials,
    SandboxLimits,
    SandboxMailingList,
    SandboxSender,
)
from viber_async.sandbox._app import Desk, app_of
from viber_async.sandbox._clock import SandboxClock
from viber_async.sandbox._faults import SandboxFaults
from viber_async.sandbox._journal import Journal, SandboxRequest
from viber_async.sandbox._life import SandboxFate, SandboxPace
from viber_async.sandbox._rate import PER_SECOND, SandboxRate
from viber_async.sandbox._server import Serving, exposed, is_loopback, loopback
from viber_async.sandbox.inbox import Door, Front, Threshold, inbox_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import tzinfo
    from types import TracebackType

    import httpx

    from viber_async.sandbox._blacklist import SandboxEntry

SENDERS = (
    SandboxSender(1, name="sandbox", admin_comment="Your name has been approved"),
    SandboxSender(2, name="not yet", status="pending"),
)
API_KEY = "sandbox-api-key"
MAILING_LISTS = (SandboxMailingList(850852, phones=tuple(range(380931111111, 380931111121))),)


class Sandbox:
    """A stand-in for the provider: stateful, strict, and on loopback, unless it has secrets of its own.

    >>> async with Sandbox() as sandbox:
    ...     sandbox.faults.add(Fault.status(503), on="campaigns.get")
    ...     client = httpx.AsyncClient(base_url=sandbox.url)

    Without ``async with`` it serves in process, through `transport`. Its state outlives the serving: to leave
    and to enter again, with a fixed *port*, is an outage.

    A browser that opens `url` sees the inbox: what arrived, drawn as messages on a phone. With a *token* it has to
    bring that first; without one, and without credentials of its own, the sandbox serves on no other *host* than
    loopback.

    The rate limit is judged on *monotonic*, and a clock that is not handed in runs on it too: in a loop whose time
    jumps, give it ``asyncio.get_running_loop().time``.
    """

    def __init__(  # noqa: PLR0913 - one knob for each thing that the provider knows of an account
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        credentials: SandboxCredentials | tuple[str, str] = SandboxCredentials(),  # noqa: B008 - a frozen value
        api_key: str = API_KEY,
        token: str | None = None,
        token_lifetime: int = 3600,
        senders: Iterable[SandboxSender] = SENDERS,
        mailing_lists: Iterable[SandboxMailingList] = MAILING_LISTS,
        templates: Iterable[str] | None = None,
        rate_limit: tuple[int, float] | None = (PER_SECOND, 1.0),
        limits: SandboxLimits = SandboxLimits(),  # noqa: B008 - a frozen value
        pace: SandboxPace = SandboxPace(),  # noqa: B008 - a frozen value
        fates: Mapping[int, SandboxFate] | None = None,
        by_hand: bool = False,
        seed: int = 0,
        clock: SandboxClock | None = None,
        zone: tzinfo = UTC,
        blacklist_order: Literal["oldest", "newest"] = "oldest",
        journal_size: int = 100_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.credentials = SandboxCredentials(*credentials)
        self.api_key = api_key
        self.clock = clock or SandboxClock(monotonic=monotonic)
        self.rate = SandboxRate(rate_limit)
        self.faults = SandboxFaults(self.clock)
        has_secrets = token is not None and self.credentials != SandboxCredentials() and api_key != API_KEY
        self._host = exposed(host) if has_secrets else loopback(host)
        self._port = port
        self._journal = Journal(journal_size)
        self._account = Account(
            credentials=self.credentials,
            api_key=api_key,
            token_lifetime=token_lifetime,
            senders=senders,
            mailing_lists=mailing_lists,
            templates=templates,
            limits=limits,
            pace=pace,
            fates=fates or {},
            seed=seed,
            zone=zone,
            blacklist_order=blacklist_order,
            by_hand=by_hand,
        )
        desk = Desk(
            self._account,
            clock=self.clock,
            rate=self.rate,
            faults=self.faults,
            journal=self._journal,
            monotonic=monotonic,
        )
        door = Door(token, anywhere=not is_loopback(self._host))
        self._app = Front(app_of(desk), inbox_of(desk, door))
        self._served = Threshold(self._app, door=door)
        self._serving: Serving | None = None

    def __repr__(self) -> str:
        where = self._serving.url if self._serving else "not serving"
        return (
            f"<Sandbox {where} campaigns={len(self.campaigns)} blacklist={len(self._account.blacklist)} {self.rate!r}>"
        )

    # --- serving ---

    async def __aenter__(self) -> Self:
        if self._serving is not None:
            raise RuntimeError(f"this sandbox already serves on {self._serving.url}")
        self._serving = await Serving.started(self._served, self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """Where it serves, such as "http://127.0.0.1:8025"; only while it does."""
        if self._serving is None:
            raise RuntimeError("the sandbox does not serve: enter it with `async with`, or use transport()")
        return self._serving.url

    async def aclose(self) -> None:
        """Stop serving: connections are cut, requests under way are abandoned. The state stays."""
        if self._serving is not None:
            serving, self._serving = self._serving, None
            await serving.stop()

    async def wait_closed(self) -> None:
        """Wait until the sandbox no longer serves."""
        if self._serving is not None:
            await self._serving.wait_closed()

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return a transport for an httpx client that serves in process, without a socket, under any address."""
        from viber_async.sandbox._transport import InProcessTransport  # noqa: PLC0415 - httpx only where it is used

        return InProcessTransport(self._app)

    # --- what arrived, and what came of it ---

    @property
    def requests(self) -> tuple[SandboxRequest, ...]:
        """What arrived, oldest first."""
        return self._journal.records()

    def requests_of(self, on: str) -> tuple[SandboxRequest, ...]:
        """Return what arrived for an operation, such as "campaigns.create" or "blacklist.*"."""
        return self._journal.records(on)

    async def arrival(self, on: str | None = None, *, count: int = 1) -> tuple[SandboxRequest, ...]:
        """Wait until *count* requests of an operation (None: of any) have arrived, and return them."""
        return await self._journal.arrival(on, count)

    def forget_requests(self) -> None:
        """Forget what arrived, the rate's arrivals too; campaigns and blacklist stay."""
        self._journal.clear()
        self.rate.forget()

    @property
    def campaigns(self) -> tuple[SandboxCampaign, ...]:
        """The campaigns that were accepted, oldest first."""
        return tuple(self._account.campaigns.values())

    def campaign(self, task_id: int) -> SandboxCampaign:
        """Return one campaign; raises KeyError where there is none."""
        return self._account.campaigns[task_id]

    @property
    def blacklist(self) -> tuple[SandboxEntry, ...]:
        """The rows of the blacklist, in the order of the list call."""
        return self._account.blacklist.rows()

    @property
    def blacklisted(self) -> frozenset[int]:
        """The phones of the blacklist, for whoever has to compare a million of them."""
        return self._account.blacklist.phones()

    def is_blacklisted(self, phone: int | str) -> bool:
        """Return whether *phone* is on the blacklist."""
        return int(phone) in self._account.blacklist

    # --- the same, as assertions of a test ---

    def assert_sent(self, phone: int | str, *, text: str | None = None, times: int | None = None) -> None:
        """Raise AssertionError unless *phone* was sent to (*text*; *times* times, None: at least once).

        Whoever was on the blacklist when a campaign was made was not sent to by it.
        """
        _assertions.assert_sent(self, phone, text=text, times=times)

    def assert_sent_once(self, phone: int | str, *, text: str | None = None) -> None:
        """Raise AssertionError unless exactly one campaign (with *text*) was sent to *phone*."""
        _assertions.assert_sent(self, phone, text=text, times=1)

    def assert_not_sent(self, phone: int | str, *, text: str | None = None) -> None:
        """Raise AssertionError if any campaign (with *text*) was sent to *phone*."""
        _assertions.assert_sent(self, phone, text=text, times=0)

    def assert_blacklisted(self, *phones: int | str) -> None:
        """Raise AssertionError unless each of *phones* is on the blacklist."""
        _assertions.assert_blacklisted(self, *phones, wanted=True)

    def assert_not_blacklisted(self, *phones: int | str) -> None:
        """Raise AssertionError if any of *phones* is on the blacklist."""
        _assertions.assert_blacklisted(self, *phones, wanted=False)

    def assert_within_rate(self) -> None:
        """Raise AssertionError if any request was over the rate limit."""
        _assertions.assert_within_rate(self)

    def assert_faults_struck(self) -> None:
        """Raise AssertionError if a fault was added that no request has met."""
        _assertions.assert_faults_struck(self)

    # --- what is done to it behind the client's back ---

    @property
    def by_hand(self) -> bool:
        """Whether campaigns that are made from now on wait to be moved on by `approve` and `move`, or in the inbox."""
        return self._account.by_hand

    @by_hand.setter
    def by_hand(self, by_hand: bool) -> None:
        self._account.by_hand = by_hand

    def approve(self, task_id: int) -> None:
        """End a campaign's moderation: it begins now, whatever date was asked for."""
        self._account.approve(task_id, self.clock.now())

    def move(self, task_id: int, fate: SandboxFate, *phones: int | str) -> None:
        """Move some *phones* (none: all) of a campaign on to their *fate*; after that it no longer moves by itself.

        Who has got further stays there, and who was blacklisted when the campaign was made gets nothing. Raises
        ValueError for a phone that is no recipient, and for a click where there is no button.
        """
        self._account.move(task_id, fate, self.clock.now(), phones=[int(phone) for phone in phones])

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock on: campaigns live, tokens expire."""
        self.clock.advance(seconds)

    def block(self, *phones: int | str, description: str = "") -> None:
        """Put *phones* on the blacklist; a million of them take a second."""
        self._account.blacklist.add((int(phone) for phone in phones), description, self.clock.now())

    def unblock(self, *phones: int | str) -> None:
        """Take *phones* off the blacklist."""
        self._account.blacklist.remove(int(phone) for phone in phones)

    def revoke_tokens(self) -> int:
        """Make all tokens bad, and return how many there were; the API key stays good."""
        return self._account.revoke_tokens()
