"""A client that is killed at any moment of a create leaves a true ledger, and never a second campaign."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.processes.children import Zygote
from tests.processes.killer import PHASES, KillingProvider
from tests.processes.zygote import draft_of
from viber_async import ApiKey, OutcomeUnknownError, RateLimit, SqliteLedger, Verdict, ViberSession
from viber_async._sansio.ledger import LedgerRow, State, account_tag, key_hash

KILLS = int(os.environ.get("VIBER_TEST_KILLS", "28"))
STOPS = tuple(f"{when} {state}" for state in ("prepared", "sending", "accepted") for when in ("before", "after"))
"""Around each commit of the ledger."""
MOMENTS = tuple(f"server: {phase}" for phase in PHASES) + tuple(f"ledger: {stop}" for stop in STOPS)


async def killed_once(zygote: Zygote, provider: KillingProvider, ledger: Path, key: str, moment: str) -> None:
    """Run one create in a child, and kill it at *moment*."""
    where, _, at = moment.partition(": ")
    provider.strike = zygote.kill
    provider.strike_at(at if where == "server" else "")
    await zygote.start(url=provider.url, ledger=str(ledger), keys=[key], stop=at if where == "ledger" else "")
    said = await zygote.heard()
    if said == {"at": at}:
        zygote.kill()
    if "ended" not in said:
        said = (await zygote.until_ended())[-1]
    assert provider.phase == ""  # it came so far...
    assert said["ended"] == -signal.SIGKILL or at == "after the answer"  # ...and no further, if it had further to go


async def row_of(ledger: SqliteLedger, account: str, key: str) -> LedgerRow | None:
    return await ledger.get(account, key_hash(await ledger.secret(account), key))


def is_true(row: LedgerRow | None, campaigns: list[int]) -> bool:
    """Tell whether what the ledger says agrees with what the provider has."""
    if row is None or row.state in (State.PREPARED, State.REJECTED):
        return campaigns == []
    return row.state in (State.SENDING, State.UNKNOWN) or campaigns == [row.task_id]


async def what_comes_after(session: ViberSession, key: str) -> Any:
    """Ask for the same campaign again."""
    try:
        return (await session.campaigns.create_once(draft_of(key), key=key)).task_id
    except OutcomeUnknownError:
        return None


@pytest.mark.fault("D01")
@pytest.mark.timeout(3600)
async def test_a_kill_at_any_moment_leaves_the_truth_and_no_second_campaign(tmp_path: Path) -> None:
    """And `reconcile_pending` finds each campaign that was created, and only those."""
    path = tmp_path / "ledger" / "campaigns"
    keys = {f"{number} {MOMENTS[number % len(MOMENTS)]}": MOMENTS[number % len(MOMENTS)] for number in range(KILLS)}
    async with KillingProvider() as provider, Zygote() as zygote:
        for key, moment in keys.items():
            await killed_once(zygote, provider, path, key, moment)
        created = {key: provider.of(key) for key in keys}
        ledger, credentials = SqliteLedger(path), ApiKey("sandbox-api-key")
        account = account_tag(credentials, provider.url)
        rows = {key: await row_of(ledger, account, key) for key in keys}

        assert [key for key in keys if not is_true(rows[key], created[key])] == []
        assert {len(ids) for ids in created.values()} == {0, 1}

        async with ViberSession(
            credentials, base_url=provider.url, ledger=ledger, rate_limit=RateLimit(1000)
        ) as session:
            session._parts.once.wall = lambda: 4e9  # the leases of the dead are over
            pending = await session.campaigns.reconcile_pending()
            found = sorted(each.campaign.id for each in pending if each.verdict is Verdict.FOUND and each.campaign)
            open_keys = [key for key in keys if rows[key] and rows[key].state is State.SENDING]
            after = {key: await what_comes_after(session, key) for key in keys}

    assert len(pending) == len(open_keys)
    assert found == sorted(task_id for key in open_keys for task_id in created[key])
    assert [key for key in keys if created[key] and [after[key]] != created[key]] == []
    assert [key for key in keys if len(provider.of(key)) > 1] == []
    assert [key for key in open_keys if not created[key] and after[key] is not None] == []
    assert {State.PREPARED, State.SENDING, State.ACCEPTED} <= {row.state for row in rows.values() if row}
