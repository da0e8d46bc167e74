"""Hundreds of accounts in one process: each with its own limit, token and rows, and none in another's way."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.provider import Provider, ok
from viber_async import (
    CampaignDraft,
    ClientCredentials,
    LedgerError,
    RateLimitError,
    RequestTimeoutError,
    SqliteLedger,
    ViberSession,
)
from viber_async._connections import tls_context

ACCOUNTS = 200
CALLS = 12
"""More than a second's allowance of one account."""
IN_TIME = 3.0
"""Seconds in which an account makes its calls that nobody disturbs: two, at ten a second."""
IDLE_BYTES = 32_000
DRAFT = CampaignDraft(sender_id=1, message_live_time=3600, message="On its way", recipients=[380931111111])


async def never(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


def account(number: int, *replies: Any, **settings: Any) -> tuple[ViberSession, Provider]:
    """Give the session of an account, and its provider."""
    provider = Provider(*replies)
    credentials = ClientCredentials(f"id-{number}", "secret")
    return ViberSession(credentials, base_url="http://127.0.0.1:1", transport=provider, **settings), provider


async def calls_of(session: ViberSession) -> float | Exception:
    """Give when the account has made its calls, or why it has not."""
    try:
        await asyncio.gather(*(session.senders.list() for _ in range(CALLS)))
    except Exception as error:  # noqa: BLE001 - the test compares it
        return error
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_one_accounts_outage_does_not_slow_another() -> None:
    """One provider hangs, one refuses; the other accounts are through as if they were alone, each with one token."""
    ill: dict[int, Any] = {7: never, 8: httpx.Response(429, json={"error_code": 2020202020})}
    accounts = [account(number, ill.get(number, ok([]))) for number in range(ACCOUNTS)]
    began = asyncio.get_running_loop().time()
    ended = await asyncio.gather(*(calls_of(session) for session, _ in accounts))
    await asyncio.gather(*(session.aclose() for session, _ in accounts))
    healthy = [end for number, end in enumerate(ended) if number not in ill]

    assert isinstance(ended[7], RequestTimeoutError)
    assert isinstance(ended[8], RateLimitError)
    assert [end for end in healthy if not isinstance(end, float) or end - began > IN_TIME] == []
    assert [provider.tokens for _, provider in accounts] == [1] * ACCOUNTS


def created(request: httpx.Request) -> httpx.Response:
    """Answer a search with nothing, and a create with a campaign."""
    if request.method == "GET":
        return ok([])
    return ok({"result": True, "data": {"task_id": 9}})


async def test_each_account_has_a_ledger_of_its_own(tmp_path: Path) -> None:
    """The same key is another campaign in each account; a ledger of another account is refused, and nothing is sent."""
    accounts = [account(number, created, ledger=SqliteLedger(tmp_path / f"{number}")) for number in range(10)]
    for _ in range(2):
        await asyncio.gather(*(session.campaigns.create_once(DRAFT, key="spring") for session, _ in accounts))
    stranger, provider = account(10, created, ledger=SqliteLedger(tmp_path / "0"))
    with pytest.raises(LedgerError, match="another account"):
        await stranger.campaigns.create_once(DRAFT, key="spring")
    await asyncio.gather(stranger.aclose(), *(session.aclose() for session, _ in accounts))

    assert [sum(r.method == "POST" for r in each.requests) for _, each in accounts] == [1] * 10
    assert provider.requests == []


async def test_an_idle_session_is_small_and_the_tls_context_is_made_once(tmp_path: Path) -> None:
    """A session for each customer can stay open."""
    ledger = SqliteLedger(tmp_path / "ledger")
    sessions = []
    tls_context()
    before = tls_context.cache_info().misses
    gc.collect()
    tracemalloc.start()
    for number in range(ACCOUNTS):
        sessions.append(ViberSession(ClientCredentials(f"id-{number}", "secret"), ledger=ledger))
        await sessions[-1].__aenter__()
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await asyncio.gather(*(session.aclose() for session in sessions))

    assert used / ACCOUNTS < IDLE_BYTES
    assert tls_context.cache_info().misses == before
