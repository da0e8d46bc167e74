"""Several processes on one ledger: one of them sends, whatever the moment."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.processes.children import Zygote
from tests.processes.killer import KillingProvider
from tests.processes.test_kill import row_of
from viber_async import ApiKey, SqliteLedger
from viber_async._sansio.ledger import State, account_tag
from viber_async.sandbox import Sandbox

KEYS = 48


@pytest.mark.fault("M01")
async def test_two_workers_with_the_same_key_at_the_same_instant_send_once(tmp_path: Path) -> None:
    """Forty-eight times, each key at one moment in both: one request each, and both get its campaign."""
    path = tmp_path / "ledger" / "campaigns"  # neither is there yet: they also race for making them
    keys = [f"order {number}" for number in range(KEYS)]
    async with Sandbox(rate_limit=None) as sandbox, Zygote() as one, Zygote() as other:
        job = {"url": sandbox.url, "ledger": str(path), "keys": keys, "at": time.time() + 0.3, "every": 0.06}
        await asyncio.gather(one.start(**job), other.start(**job))
        said = await asyncio.gather(one.until_ended(), other.until_ended())
        messages = [each.message for each in sandbox.campaigns]

    results = [{each["key"]: each.get("task_id") for each in lines if "key" in each} for lines in said]
    assert sorted(messages) == sorted(keys)
    assert results[0] == results[1]
    assert None not in results[0].values()
    assert len(set(results[0].values())) == KEYS


@pytest.mark.fault("C10")
async def test_an_interrupted_program_leaves_its_row_sending_or_unknown(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a create: the loop is shut down, and the ledger does not say that nothing was sent."""
    path = tmp_path / "ledger"
    async with KillingProvider() as provider, Zygote() as zygote:
        provider.phase = "before the answer"
        provider.strike = lambda: os.kill(zygote.pid, signal.SIGINT)
        await zygote.start(url=provider.url, ledger=str(path), keys=["a"])
        said = await zygote.until_ended()
        row = await row_of(SqliteLedger(path), account_tag(ApiKey("sandbox-api-key"), provider.url), "a")
        campaigns = provider.of("a")

    assert said[-1] != {"ended": 0}
    assert row is not None
    assert row.state in (State.SENDING, State.UNKNOWN, State.ACCEPTED)
    assert len(campaigns) == 1
