"""What a type checker makes of the public names; run by ``nox -s types``, never by pytest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import assert_type

from viber_async import (
    Answer,
    ApiKey,
    ApiResponse,
    Attempt,
    BlacklistAdded,
    BlacklistEntry,
    BlacklistRemoved,
    CallNext,
    Campaign,
    CampaignDraft,
    CampaignRecipients,
    CampaignSummary,
    ClientCredentials,
    CreatedCampaign,
    FileTokenStore,
    Ledger,
    LedgerRow,
    MemoryTokenStore,
    PacedLimiter,
    Pages,
    RateLimit,
    Recipient,
    Reconciliation,
    RowStream,
    Sender,
    SessionStatistics,
    SqliteLedger,
    StoredToken,
    TokenStore,
    ViberSession,
    to_dict,
)


class Shelf:
    """A store of one's own fits by its shape."""

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        return await fetch()


async def middleware(attempt: Attempt, call_next: CallNext) -> Answer:
    return await call_next(attempt)


stores: tuple[TokenStore, ...] = (Shelf(), MemoryTokenStore(), FileTokenStore("tokens"))
limiter = PacedLimiter(RateLimit(10, per=1.0))
session = ViberSession(ClientCredentials("id", "secret"), rate_limiter=limiter, middleware=[middleware])
assert_type(ViberSession(ApiKey("key")), ViberSession)
assert_type(ViberSession.from_env(deadline=None), ViberSession)
assert_type(session.with_options(lane="bulk", deadline=None), ViberSession)
assert_type(session.statistics(), SessionStatistics)


async def calls() -> None:
    draft = CampaignDraft(sender_id=1, message_live_time=60, message="m", recipients=[380931111111, "+380"])
    assert_type(await session.campaigns.create(draft), CreatedCampaign)
    created = await session.campaigns.create(
        sender_id=1, message_live_time=60, message="m", recipients=["380931111111"]
    )
    assert_type(created, CreatedCampaign)
    once = await session.campaigns.create_once(draft, key="k", resend_after=timedelta(hours=1))
    assert_type(once, CreatedCampaign)
    assert_type(await session.campaigns.reconcile_pending(), tuple[Reconciliation, ...])
    ledger: Ledger = SqliteLedger(Path("somewhere"), create=False)
    assert_type(ViberSession(ApiKey("key"), ledger=ledger), ViberSession)
    assert_type(await ledger.get("account", "key"), LedgerRow | None)
    assert_type(session.campaigns.list(), Pages[CampaignSummary])
    assert_type(await session.campaigns.get(1), Campaign)
    assert_type(await session.campaigns.recipients(1), CampaignRecipients)
    assert_type(session.campaigns.iter_recipients(1), RowStream[Recipient])
    async for row in session.campaigns.iter_recipients(1):
        assert_type(row, Recipient)
    assert_type(await session.senders.list(), tuple[Sender, ...])
    assert_type(await session.senders.get(1), Sender)
    pages = session.blacklist.list(limit=10)
    assert_type(pages, Pages[BlacklistEntry])
    async for entry in pages:
        assert_type(entry, BlacklistEntry)
    async for page in pages.pages():
        assert_type(page, tuple[BlacklistEntry, ...])
    assert_type(await pages.collect(max=5), list[BlacklistEntry])
    assert_type(await pages.first(), BlacklistEntry | None)
    assert_type(await session.blacklist.count(), int)
    assert_type(await session.blacklist.add(["380931111111"], description="d"), BlacklistAdded)
    assert_type(await session.blacklist.remove([380931111111]), BlacklistRemoved)
    assert_type(await session.request("GET", "/x", params={"a": 1}), ApiResponse)
    assert_type(to_dict(draft), dict[str, object])
