"""The provider's side of one account: what it has, what it was asked to do, what it allows. No clock, no HTTP.

Time comes in as `now`. What is wrong with a request by itself was said in `_rules`; here it is held against the
account: are there such a sender, such a mailing list, enough money.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from attrs import evolve, field, frozen

from viber_async.sandbox import _hand
from viber_async.sandbox._answer import refusal, token_refusal
from viber_async.sandbox._blacklist import Blacklist
from viber_async.sandbox._life import Life, SandboxFate, SandboxPace, fates_of
from viber_async.sandbox._rules import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from viber_async.sandbox._rules import Draft

FIRST_CAMPAIGN: Final = 90241
USER_ID: Final = 7046460
PRICE: Final = Decimal("0.74")
"""The page's sample price, in its sample currency, "RUR" (A)."""


class SandboxCredentials(NamedTuple):
    """A client id and its secret."""

    client_id: str = "sandbox-id"
    client_secret: str = "sandbox-secret"  # noqa: S105 - opens nothing but a sandbox

    def __repr__(self) -> str:
        return f"SandboxCredentials(client_id={self.client_id!r}, client_secret=...)"


@frozen
class SandboxSender:
    """A sender name; only a verified one may send."""

    id: int
    name: str = field(kw_only=True, default="sandbox")
    status: str = field(kw_only=True, default="verified")
    service_type: str = field(kw_only=True, default="Test service")
    web_site: str = field(kw_only=True, default="https://example.com")
    description: str = field(kw_only=True, default="")
    country: str = field(kw_only=True, default="UK")
    traffic_type: str = field(kw_only=True, default="Public information")
    admin_comment: str | None = field(kw_only=True, default=None)


@frozen
class SandboxMailingList:
    """A mailing list; a `range` of phones is as good as a list of them, and holds a million in no memory."""

    id: int
    phones: Sequence[int] = field(kw_only=True, repr=False)


@frozen
class SandboxLimits:
    """What the account may do. None lifts a limit: that is where the provider states none for Viber."""

    page: int = field(kw_only=True, default=100)
    """Rows without `limit` (?: the host's email lists have 100)."""
    page_max: int = field(kw_only=True, default=1000)
    """A larger `limit` is cut down to it (?)."""
    blacklist_batch: int | None = field(kw_only=True, default=None)
    """Phones in one blacklist call (?)."""
    campaigns_per_hour: int | None = field(kw_only=True, default=None)
    """Code 791; four for email, for Viber unknown (?)."""
    recipients: int | None = field(kw_only=True, default=None)
    """Of the plan: code 708."""
    balance: Decimal | None = field(kw_only=True, default=None)
    """Code 707."""


@frozen
class SandboxCampaign:
    """A campaign that the sandbox accepted: the request, its recipients and its timetable."""

    id: int
    task_name: str = field(kw_only=True)
    draft: Draft = field(kw_only=True)
    sender: SandboxSender = field(kw_only=True)
    recipients: Sequence[int] = field(kw_only=True, repr=False)
    life: Life = field(kw_only=True)
    body: bytes = field(kw_only=True, repr=False, default=b"")
    """The request that made it, as it came."""

    @property
    def message(self) -> str | None:
        """The text, or None for an image alone."""
        return self.draft.message


class Account:
    """The account's state; every method is one thing the provider can be asked for."""

    def __init__(  # noqa: PLR0913 - the account's settings, each of them the provider's own
        self,
        *,
        credentials: SandboxCredentials,
        api_key: str,
        token_lifetime: int,
        senders: Iterable[SandboxSender],
        mailing_lists: Iterable[SandboxMailingList],
        templates: Iterable[str] | None,
        limits: SandboxLimits,
        pace: SandboxPace,
        fates: Mapping[int, SandboxFate],
        seed: int,
        zone: tzinfo,
        blacklist_order: Literal["oldest", "newest"],
        by_hand: bool,
    ) -> None:
        self.credentials: Final = credentials
        self.api_key: Final = api_key
        self.token_lifetime: Final = token_lifetime
        self.senders: Final = {sender.id: sender for sender in senders}
        self.mailing_lists: Final = {each.id: each for each in mailing_lists}
        self.templates: Final = None if templates is None else frozenset(templates)
        self.limits: Final = limits
        self.zone: Final = zone
        self.campaigns: Final[dict[int, SandboxCampaign]] = {}
        self.blacklist: Final = Blacklist(newest_first=blacklist_order == "newest")
        self.balance = limits.balance
        self.by_hand = by_hand
        self._pace = pace
        self._fates = dict(fates)
        self._seed = seed
        self._tokens: dict[str, datetime] = {}

    def token(self, client_id: object, client_secret: object, now: datetime) -> str:
        """Return a fresh token; those given out before stay good (C)."""
        if (client_id, client_secret) != tuple(self.credentials):
            raise token_refusal(401, "invalid_client", "The client credentials are invalid")
        token = secrets.token_hex(20)
        self._tokens[token] = now + timedelta(seconds=self.token_lifetime)
        return token

    def admits(self, bearer: str, now: datetime) -> bool:
        """Return whether *bearer* is a token that is still good, or the static API key, which always is (A)."""
        expires_at = self._tokens.get(bearer)
        return bearer == self.api_key or (expires_at is not None and now < expires_at)

    def revoke_tokens(self) -> int:
        """Make every token bad, and return how many there were; the API key stays good."""
        revoked = len(self._tokens)
        self._tokens.clear()
        return revoked

    def create(self, draft: Draft, now: datetime, *, body: bytes = b"") -> SandboxCampaign:
        """Return the new campaign, paid for; *body* is the request that asked for it."""
        sender = self._sender_of(draft)
        recipients = self._recipients_of(draft)
        self._spend(recipients, now)
        campaign = SandboxCampaign(
            FIRST_CAMPAIGN + len(self.campaigns),
            task_name=draft.task_name or self._invented_name(draft, now),
            draft=draft,
            sender=sender,
            recipients=recipients,
            life=self._life_of(draft, recipients, now),
            body=body,
        )
        self.campaigns[campaign.id] = campaign
        return campaign

    def approve(self, task_id: int, now: datetime) -> None:
        """End a campaign's moderation, and let it begin."""
        campaign = self.campaigns[task_id]
        self.campaigns[task_id] = evolve(campaign, life=_hand.approved(campaign.life, now))

    def move(self, task_id: int, fate: SandboxFate, now: datetime, *, phones: Collection[int]) -> None:
        """Move some *phones* (none named: all) of a campaign to their *fate*, as far as they have not got further."""
        campaign = self.campaigns[task_id]
        if fate is SandboxFate.CLICKED and campaign.draft.button_link is None:
            raise ValueError(f"campaign {task_id} has no button to click")
        chosen = _places(campaign, phones) if phones else None
        self.campaigns[task_id] = evolve(campaign, life=_hand.moved(campaign.life, fate, now, chosen))

    def _sender_of(self, draft: Draft) -> SandboxSender:
        sender = self.senders.get(draft.sender_id)
        if sender is None:
            raise refusal(901)
        if sender.status != "verified":
            raise refusal(704)
        if draft.message_type == SYSTEM and self.templates is not None and draft.message not in self.templates:
            raise refusal(422, errors={"message": ["Must match the text of an approved template"]})
        return sender

    def _recipients_of(self, draft: Draft) -> Sequence[int]:
        if draft.recipients is not None:
            return draft.recipients
        found = self.mailing_lists.get(draft.address_book or 0)
        if found is None:
            raise refusal(703)
        return found.phones

    def _spend(self, recipients: Sequence[int], now: datetime) -> None:
        limits = self.limits
        if limits.recipients is not None and len(recipients) > limits.recipients:
            raise refusal(708)
        if limits.campaigns_per_hour is not None and self._in_the_last_hour(now) >= limits.campaigns_per_hour:
            raise refusal(791)
        if self.balance is not None:
            cost = PRICE * len(recipients)
            if cost > self.balance:
                raise refusal(707)
            self.balance -= cost

    def _in_the_last_hour(self, now: datetime) -> int:
        hour_ago = now - timedelta(hours=1)
        return sum(campaign.life.created_at > hour_ago for campaign in self.campaigns.values())

    def _invented_name(self, draft: Draft, now: datetime) -> str:
        """As the samples have it: by book "Viber campaign by book", else with the account's local time (A)."""
        if draft.address_book is not None:
            return "Viber campaign by book"
        return f"Viber campaign for the personal list on {now.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def _life_of(self, draft: Draft, recipients: Sequence[int], now: datetime) -> Life:
        """Who is blacklisted is settled here: a later entry does not reach a campaign that is under way (?)."""
        fates = fates_of(
            recipients,
            blacklist=self.blacklist,
            chosen=self._fates,
            seed=self._seed,
            button=draft.button_link is not None,
        )
        life = Life(
            now,
            send_at=draft.send_at or now,
            stretch_time=draft.stretch_time,
            lifetime=draft.message_live_time,
            fates=fates,
            pace=self._pace,
        )
        return _hand.held(life) if self.by_hand else life


def _places(campaign: SandboxCampaign, phones: Collection[int]) -> list[int]:
    """Where *phones* stand among the recipients."""
    strangers = [phone for phone in phones if phone not in campaign.recipients]
    if strangers:
        raise ValueError(f"{strangers[0]} is no recipient of campaign {campaign.id}")
    wanted = frozenset(phones)
    return [index for index, phone in enumerate(campaign.recipients) if phone in wanted]
