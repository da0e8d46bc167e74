"""`create_once` over real sockets, with a real ledger: whatever goes wrong, one campaign or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from viber_async import (
    CampaignDraft,
    DuplicateCampaignError,
    OutcomeUnknownError,
    SqliteLedger,
    Timeout,
    Verdict,
    ViberError,
    ViberSession,
)
from viber_async.sandbox import Fault, Sandbox

FAULTS = {
    "cut before": (Fault.cut(), 0),
    "reset before": (Fault.cut(reset=True), 0),
    "cut after": (Fault.cut(processed=True), 1),
    "reset after": (Fault.cut(processed=True, reset=True), 1),
    "truncated": (Fault.truncate(30), 1),
    "garbage": (Fault.garbage(), 1),
    "500 before": (Fault.status(500), 0),
    "500 after": (Fault.status(500, processed=True), 1),
    "html after": (Fault.html(200, processed=True), 1),
    "redirect": (Fault.status(307, headers={"location": "https://example.com"}), 0),
    "408": (Fault.status(408), 0),
    "hang": (Fault.hang(), 0),
    "another's answer": (
        Fault.edit(lambda answer: {**answer, "data": {**answer["data"], "task_name": "winter"}}),  # type: ignore[dict-item, index]
        1,
    ),
}
DRAFT = CampaignDraft(
    sender_id=1, message_live_time=3600, message="hi", task_name="spring", recipients=["380931111111"]
)


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_unclear_end_is_unknown_and_then_found_or_left_alone(fault: str, tmp_path: Path) -> None:
    """Found by its marker if it was carried out; else nothing is sent again, in this process or the next."""
    what, created = FAULTS[fault]
    path = tmp_path / "ledger" / "campaigns"
    async with Sandbox() as sandbox:
        sandbox.faults.add(what, on="campaigns.create")
        async with ViberSession(
            sandbox.credentials, base_url=sandbox.url, ledger=SqliteLedger(path), timeout=Timeout(create_read=0.5)
        ) as session:
            with pytest.raises(OutcomeUnknownError) as caught:
                await session.campaigns.create_once(DRAFT, key="a")
            found = await session.campaigns.reconcile(caught.value.handle)
        async with ViberSession(sandbox.credentials, base_url=sandbox.url, ledger=SqliteLedger(path)) as session:
            pending = await session.campaigns.reconcile_pending()
            try:
                after = (await session.campaigns.create_once(DRAFT, key="a")).task_id
            except OutcomeUnknownError:
                after = None
        ids = [each.id for each in sandbox.campaigns]

        assert len(sandbox.requests_of("campaigns.create")) == 1

    assert len(ids) == created
    assert [found.verdict, pending[0].verdict] == [Verdict.FOUND if created else Verdict.ABSENT_SO_FAR] * 2
    assert after == (ids[0] if created else None)


@pytest.mark.parametrize(
    "fault", [Fault.status(422), Fault.throttle(), Fault.status(401)], ids=lambda fault: fault.name
)
async def test_a_clear_no_leaves_the_key_free(fault: Fault, tmp_path: Path) -> None:
    """Nothing was created, and the next call creates it."""
    async with (
        Sandbox() as sandbox,
        ViberSession(
            sandbox.credentials, base_url=sandbox.url, retries=0, ledger=SqliteLedger(tmp_path / "ledger")
        ) as session,
    ):
        sandbox.faults.add(fault, on="campaigns.create")
        with pytest.raises(ViberError):
            await session.campaigns.create_once(DRAFT, key="a")
        created = await session.campaigns.create_once(DRAFT, key="a")

        assert [each.id for each in sandbox.campaigns] == [created.task_id]


@pytest.mark.fault("D07")
async def test_two_machines_with_two_ledgers_are_caught_by_the_look_before(tmp_path: Path) -> None:
    """The second gives the campaign of the first; a third finds two, where somebody copied the name."""
    async with Sandbox() as sandbox:
        ids = []
        for machine in ("a", "b"):
            ledger = SqliteLedger(tmp_path / machine)
            async with ViberSession(sandbox.credentials, base_url=sandbox.url, ledger=ledger) as session:
                ids.append((await session.campaigns.create_once(DRAFT, key="a")).task_id)
        copy = {"task_name": sandbox.campaigns[0].task_name, "message_type": 2, "sender_id": 1, "send_date": "now"}
        async with ViberSession(
            sandbox.credentials, base_url=sandbox.url, ledger=SqliteLedger(tmp_path / "c")
        ) as session:
            await session.request(
                "POST", "/viber", json={**copy, "message_live_time": 60, "message": "hi", "recipients": [380931111111]}
            )
            with pytest.raises(DuplicateCampaignError) as caught:
                await session.campaigns.create_once(DRAFT, key="a")

        assert len(set(ids)) == 1
        assert set(caught.value.task_ids) == {each.id for each in sandbox.campaigns}
