"""Runs that end in the middle: what the journal keeps, what the next run does, and who may not run at all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from attrs import evolve

from tests.shell.clock import in_virtual_time
from tests.shell.provider import no, ok
from tests.shell.sessions import session_over
from tests.sync.blacklist import BlacklistProvider, once
from viber_async import (
    ApiKey,
    SessionClosedError,
    SyncInterruptedError,
    SyncPlan,
    SyncRefusedError,
    ViberSession,
)
from viber_async._session import Caller
from viber_async.sync import journal as journals
from viber_async.sync import lock as locks
from viber_async.sync.journal import ADD, DONE, DOUBTFUL, REFUSED, REMOVE, Begun, Errand, JournalFile, NoJournal
from viber_async.sync.lock import AccountLock

B = 380_500_000_000


def phones(*numbers: int) -> list[int]:
    return [B + number for number in numbers]


# Going on


@in_virtual_time
async def test_adds_go_on_where_they_ended(tmp_path: Path) -> None:
    """The next run adds what is missing, and counts what the first one did."""
    provider = BlacklistProvider(phones(*range(100)))
    path = tmp_path / "journal"
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if len(provider.writes) > 2 else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(*range(2000)), journal=path)
        provider.faults.clear()
        sent = len(provider.writes)
        report = await session.blacklist.sync(phones(*range(2000)), journal=path)

    assert provider.phones == set(phones(*range(2000)))
    assert (report.converged, report.already_there, report.added, report.unverified) == (True, 100, 1900, 0)
    assert [len(sent) for _, sent in provider.writes[sent:]] == [500, 400]


@in_virtual_time
async def test_a_removal_that_may_have_been_done_is_counted(tmp_path: Path) -> None:
    """Its answer never came; what is gone is gone, and the report says so."""
    provider = BlacklistProvider(phones(*range(1000)))
    path = tmp_path / "journal"
    session, _ = session_over(provider=provider)
    provider.after = lambda request, _: no(503) if request.method == "DELETE" else None
    provider.faults.append(lambda request: no(503) if len(provider.writes) > 1 else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(*range(50, 1000)), journal=path, mode="mirror")
        provider.faults.clear()
        provider.after = lambda request, response: None
        report = await session.blacklist.sync(phones(*range(50, 1000)), journal=path, mode="mirror")

    assert [method for method, _ in provider.history] == ["DELETE"]
    assert (report.converged, report.removed, report.already_there) == (True, 50, 950)


@pytest.mark.parametrize(
    ("how", "others", "walks"),
    [({}, (), 1), ({"owner": "ours"}, (9000,), 1), ({"owner": "ours"}, (0,), 2)],
    ids=["any row", "rows of others", "back with another owner"],
)
@in_virtual_time
async def test_a_run_that_ended_in_its_last_walk_takes_one_more(how, others, walks, tmp_path: Path) -> None:
    """The walk of the new plan is the look at what was done, where it can tell what is gone from what was kept."""
    provider = BlacklistProvider()
    for number in phones(*range(200)):
        provider.put(number, description="ours")
    wanted, how = phones(*range(1, 210)), {"mode": "mirror", "journal": tmp_path / "journal", **how}
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if provider.walked > 5 and len(provider.history) > 1 else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(wanted, **how)
        provider.faults.clear()
        before = provider.walked
        for number in others:
            provider.put(B + number, description="theirs")
        report = await session.blacklist.sync(wanted, **how)

    assert [method for method, _ in provider.history] == ["POST", "DELETE"]
    assert provider.walked - before == 2 * walks
    assert (report.added, report.already_there) == (10, 199)
    assert (report.converged, report.removed) == ((False, 0) if 0 in others else (True, 1))


@in_virtual_time
async def test_a_plan_walk_with_doubts_is_no_last_look(tmp_path: Path) -> None:
    """What was removed may be there, unseen."""
    provider = BlacklistProvider(phones(*range(200)))
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if len(provider.history) > 0 else None)
    pages = 0

    def lying(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        nonlocal pages
        pages += request.method == "GET"
        return ok({"data": {**json.loads(response.content)["data"], "total": 999}}) if pages == 1 else None

    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(*range(1, 200)), mode="mirror", journal=tmp_path / "journal")
        provider.faults.clear()
        provider.after, before = lying, provider.walked
        report = await session.blacklist.sync(phones(*range(1, 200)), mode="mirror", journal=tmp_path / "journal")

    assert [method for method, _ in provider.history] == ["DELETE"]
    assert provider.walked - before > 4
    assert (report.converged, report.removed, report.already_there) == (True, 1, 199)


@in_virtual_time
async def test_nothing_is_removed_beyond_the_first_plan(tmp_path: Path) -> None:
    """Whoever left the source meanwhile is another run's matter."""
    provider = BlacklistProvider(phones(*range(1000)))
    path = tmp_path / "journal"
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if request.method == "DELETE" else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(*range(50, 1000)), journal=path, mode="mirror")
        provider.faults.clear()
        report = await session.blacklist.sync(phones(40, *range(60, 1000)), journal=path, mode="mirror")
        rest = await session.blacklist.sync(phones(40, *range(60, 1000)), journal=path, mode="mirror")

    assert provider.history[0] == ("DELETE", tuple(n for n in phones(*range(50)) if n != B + 40))
    assert (report.removed, report.converged) == (49, True)
    assert any("10 more phones could go" in note for note in report.notes)
    assert (rest.removed, rest.converged) == (10, True)


@in_virtual_time
async def test_who_came_back_meanwhile_is_not_removed_by_the_run_that_goes_on(tmp_path: Path) -> None:
    """Their removal was counted, so somebody has put them back; it is reported, and the next plan decides."""
    provider = BlacklistProvider(phones(*range(1000)))
    path = tmp_path / "journal"
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if provider.history else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(*range(50, 1000)), journal=path, mode="mirror")
        provider.faults.clear()
        provider.put(B + 7)
        report = await session.blacklist.sync(phones(*range(50, 1000)), journal=path, mode="mirror")

    assert B + 7 in provider.phones
    assert [method for method, _ in provider.history] == ["DELETE"]
    assert (report.converged, report.removed, report.lingering) == (False, 49, 1)


@in_virtual_time
async def test_who_was_put_there_anew_is_not_removed_by_the_plan_that_goes_on(tmp_path: Path) -> None:
    """Before the run came to them, somebody else took them off and they said stop again: it is another row."""
    provider = BlacklistProvider(phones(*range(1500)))
    path = tmp_path / "journal"
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(*range(700, 1500)), mode="mirror", max_remove=700)
        provider.faults.append(
            lambda request: no(503) if [method for method, _ in provider.writes].count("DELETE") > 1 else None
        )
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.apply(plan, journal=path)
        provider.faults.clear()
        (old,) = (number for number, row in provider.rows.items() if row["phone"] == B + 699)
        del provider.rows[old]
        provider.put(B + 699)
        await session.blacklist.apply(plan, journal=path)

    assert provider.phones == set(phones(*range(699, 1500)))


@in_virtual_time
async def test_a_plan_goes_on_from_its_journal(tmp_path: Path) -> None:
    """Though the blacklist has moved, by its own hand."""
    provider = BlacklistProvider(phones(*range(1500)))
    path = tmp_path / "journal"
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(*range(700, 1700)), mode="mirror", max_remove=700)
        provider.faults.append(
            lambda request: no(503) if [method for method, _ in provider.writes].count("DELETE") > 1 else None
        )
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.apply(plan, journal=path)
        provider.faults.clear()
        report = await session.blacklist.apply(plan, journal=path)

    assert provider.phones == set(phones(*range(700, 1700)))
    assert [method for method, _ in provider.history] == ["POST", "DELETE", "DELETE"]
    assert (report.converged, report.added, report.already_there, report.removed) == (True, 200, 800, 700)
    assert (report.added_before, report.removed_before) == (200, 500)


@pytest.mark.parametrize("killed", [False, True])
@in_virtual_time
async def test_a_plan_that_was_carried_out_removes_nobody_again(killed, tmp_path: Path) -> None:
    """Whoever starts it twice adds what has gone, and leaves alone who has said stop since; killed or not."""
    provider = BlacklistProvider(phones(*range(50)))
    path = tmp_path / "journal"
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(*range(4, 51)), mode="mirror")
        first = await session.blacklist.apply(plan, journal=path)
        provider.put(B + 1)
        if killed:
            provider.rows = {number: row for number, row in provider.rows.items() if row["phone"] != B + 5}
            provider.faults.append(lambda request: no(503) if request.method == "POST" else None)
            with pytest.raises(SyncInterruptedError):
                await session.blacklist.apply(plan, journal=path)
            provider.faults.clear()
        second = await session.blacklist.apply(plan, journal=path)

    assert (first.converged, first.removed) == (True, 4)
    assert (second.converged, second.removed, second.lingering) == (True, 0, 0)
    assert provider.phones == set(phones(1, *range(4, 51)))


@pytest.mark.parametrize(("ended", "left"), [("POST", 700), ("second DELETE", 200), ("last walk", 0)])
@in_virtual_time
async def test_an_old_plan_goes_on_and_removes_nobody(ended: str, left: int, tmp_path: Path) -> None:
    """Adds do no harm, a removal of yesterday may. What is left is said, and the next plan may have the journal."""
    provider = BlacklistProvider(phones(*range(1500)))
    how = {"mode": "mirror", "max_remove": 700}
    session, _ = session_over(provider=provider)

    def away(request: httpx.Request):
        deleted = [method for method, _ in provider.history].count("DELETE")
        now = {"POST": request.method == "POST", "second DELETE": deleted == 1, "last walk": deleted == 2}
        return no(503) if now[ended] else None

    async with session:
        plan = await session.blacklist.plan(phones(*range(700, 1600)), **how)
        provider.faults.append(away)
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.apply(plan, journal=tmp_path / "journal")
        provider.faults.clear()
        sent = len(provider.history)
        old = evolve(plan, created_at=plan.created_at.replace(year=2020))
        report = await session.blacklist.apply(old, journal=tmp_path / "journal")

        assert [method for method, _ in provider.history[sent:]] == (["POST"] if ended == "POST" else [])
        assert (report.converged, report.added, report.removed) == (not left, 100, 700 - left)
        said = [note for note in report.notes if "is good for an hour" in note]
        assert [note.partition(" phones")[0] for note in said] == [str(left)] * bool(left)

        again = await session.blacklist.plan(phones(*range(700, 1600)), **how)
        report = await session.blacklist.apply(again, journal=tmp_path / "journal")
        assert (report.converged, report.removed) == (True, left)
    assert provider.phones == set(phones(*range(700, 1600)))


@in_virtual_time
async def test_an_old_plan_that_is_gone_on_with_repeats_no_removal(tmp_path: Path) -> None:
    """Not even one that was not answered clearly, and turns out in the end not to have happened."""
    provider = BlacklistProvider(phones(*range(200)))
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(*range(2, 200)), mode="mirror")
        provider.faults.append(once(ok({"result": True, "deleted": 1}), method="DELETE"))
        provider.faults.append(lambda request: no(503) if "DELETE" in dict(provider.writes) else None)
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.apply(plan, journal=tmp_path / "journal")
        provider.faults.clear()
        old = evolve(plan, created_at=plan.created_at.replace(year=2020))
        report = await session.blacklist.apply(old, journal=tmp_path / "journal")

    assert [method for method, _ in provider.writes] == ["DELETE"]
    assert (report.converged, report.removed, report.lingering) == (False, 0, 2)


@in_virtual_time
async def test_an_old_plan_that_came_to_its_end_is_refused(tmp_path: Path) -> None:
    """Whoever starts yesterday's plan today has taken the wrong file."""
    provider = BlacklistProvider(phones(*range(200)))
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(*range(2, 200)), mode="mirror")
        await session.blacklist.apply(plan, journal=tmp_path / "journal")
        old = evolve(plan, created_at=plan.created_at.replace(year=2020))
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.apply(old, journal=tmp_path / "journal")

    assert caught.value.reason == "expired"


# Rows and callbacks are kept as well


@pytest.mark.parametrize("tried", [True, False])
@in_virtual_time
async def test_who_was_put_there_anew_is_not_removed_by_the_sync_that_goes_on(tried: bool, tmp_path: Path) -> None:
    """Somebody else took them off, they said stop again: the journal knows the rows that the first run meant."""
    provider = BlacklistProvider(phones(*range(1500)))
    how = {"mode": "mirror", "max_remove": 700, "journal": tmp_path / "journal"}
    session, _ = session_over(provider=provider)
    provider.faults.append(
        lambda request: no(503) if [method for method, _ in provider.writes].count("DELETE") > int(tried) else None
    )
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(*range(700, 1500)), **how)
        provider.faults.clear()
        (old,) = (number for number, row in provider.rows.items() if row["phone"] == B + 699)
        del provider.rows[old]
        provider.put(B + 699)
        report = await session.blacklist.sync(phones(*range(700, 1500)), **how)

    assert provider.phones == set(phones(*range(699, 1500)))
    assert (report.converged, report.removed, report.lingering) == (not tried, 699, int(tried))
    assert any("1 more phone could go" in note for note in report.notes)


@in_virtual_time
async def test_who_is_put_there_anew_while_a_sync_runs_is_not_removed_by_its_last_pass() -> None:
    """Though the DELETE was not answered clearly, and would be repeated for whoever is in the old row."""
    provider = BlacklistProvider(phones(*range(200)))

    def unclear(request: httpx.Request, _response: httpx.Response):
        if request.method != "DELETE" or len(provider.history) > 1:
            return None
        provider.put(B + 1)
        return ok({"result": True})

    provider.after = unclear
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(2, 200)), mode="mirror")

    assert [method for method, _ in provider.history] == ["DELETE"]
    assert provider.phones == set(phones(*range(1, 200)))
    assert (report.converged, report.removed, report.lingering) == (False, 1, 1)


@pytest.mark.parametrize("errand", ["sync", "apply"])
@in_virtual_time
async def test_a_run_that_asked_is_gone_on_with_by_one_that_asks(errand: str, tmp_path: Path) -> None:
    """Without the callback nobody would hear who has said stop meanwhile; with another one it goes on."""
    provider = BlacklistProvider(phones(*range(200)))
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if request.method == "DELETE" else None)
    async with session:
        plan = await session.blacklist.plan(phones(*range(2, 200)), mode="mirror")

        async def run(still_wanted):
            if errand == "apply":
                return await session.blacklist.apply(plan, journal=tmp_path / "journal", still_wanted=still_wanted)
            return await session.blacklist.sync(
                phones(*range(2, 200)), mode="mirror", journal=tmp_path / "journal", still_wanted=still_wanted
            )

        with pytest.raises(SyncInterruptedError):
            await run(lambda _: [])
        provider.faults.clear()
        asked = len(provider.requests)
        with pytest.raises(SyncRefusedError, match="has asked a callback still_wanted: give it again") as caught:
            await run(None)
        assert (caught.value.reason, len(provider.requests)) == ("still_wanted", asked)
        report = await run(lambda _: [B + 1])

    assert (report.converged, report.removed, report.late) == (True, 1, 1)
    assert provider.phones == set(phones(*range(1, 200)))


async def run(session, errand: str, plan, path: Path, still_wanted=None):
    """Take the first twenty of a thousand off the blacklist: by a sync, or by *plan*, made before."""
    if errand == "apply":
        return await session.blacklist.apply(plan, journal=path, still_wanted=still_wanted)
    wanted = phones(*range(20, 1000))
    return await session.blacklist.sync(wanted, mode="mirror", journal=path, still_wanted=still_wanted)


@pytest.mark.parametrize("errand", ["sync", "apply"])
@in_virtual_time
async def test_a_run_that_asked_later_on_is_gone_on_with_by_one_that_asks(errand: str, tmp_path: Path) -> None:
    """Begun without the callback, gone on with with it: whom it heard of is not to be forgotten by the next."""
    provider, path = BlacklistProvider(phones(*range(1000))), tmp_path / "journal"
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if request.method == "DELETE" else None)
    async with session:
        plan = await session.blacklist.plan(phones(*range(20, 1000)), mode="mirror")
        with pytest.raises(SyncInterruptedError):
            await run(session, errand, plan, path)
        with pytest.raises(SyncInterruptedError):
            await run(session, errand, plan, path, lambda _: [B + 3])
        provider.faults.clear()
        with pytest.raises(SyncRefusedError, match="has asked a callback still_wanted: give it again"):
            await run(session, errand, plan, path)
        assert provider.phones == set(phones(*range(1000)))
        report = await run(session, errand, plan, path, lambda _: [B + 4])

    assert provider.phones == set(phones(3, 4, *range(20, 1000)))
    assert (report.converged, report.removed, report.late) == (True, 18, 2)


@pytest.mark.parametrize("errand", ["sync", "apply"])
@pytest.mark.parametrize("wanted", [False, True])
@in_virtual_time
async def test_who_said_stop_after_the_removal_is_brought_back_by_the_run_that_goes_on(
    errand: str, wanted: bool, tmp_path: Path
) -> None:
    """The callback said so once, and the run ended before it could add them; also if they are not named again."""
    provider, path = BlacklistProvider(phones(*range(1000))), tmp_path / "journal"
    session, _ = session_over(provider=provider)
    removed: list[object] = []

    def late(asked):
        return [B + 3] if removed and str(B + 3) in asked else []

    def fault(request):
        removed.extend([request] if request.method == "DELETE" else [])
        return no(503) if request.method == "POST" else None

    async with session:
        plan = await session.blacklist.plan(phones(*range(20, 1000)), mode="mirror")
        provider.faults.append(fault)
        with pytest.raises(SyncInterruptedError):
            await run(session, errand, plan, path, late)
        assert B + 3 not in provider.phones
        provider.faults.clear()
        report = await run(session, errand, plan, path, late if wanted else lambda _: [])

    assert provider.phones == set(phones(3, *range(20, 1000)))
    assert (report.converged, report.removed, report.late) == (True, 19, 1)


@in_virtual_time
async def test_who_stays_may_be_on_the_list_by_the_next_run(tmp_path: Path) -> None:
    """They are wanted like all others then, and there."""
    provider, listed = BlacklistProvider(phones(*range(1000))), tmp_path / "list"
    session, _ = session_over(provider=provider)
    listed.write_text("".join(f"{phone}\n" for phone in phones(*range(20, 1000))))
    terms = {"mode": "mirror", "journal": tmp_path / "journal", "still_wanted": lambda _: [B + 3]}
    provider.faults.append(lambda request: no(503) if request.method == "DELETE" else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(listed, **terms)
        provider.faults.clear()
        listed.write_text("".join(f"{phone}\n" for phone in phones(3, *range(20, 1000))))
        report = await session.blacklist.sync(listed, **terms)

    assert provider.phones == set(phones(3, *range(20, 1000)))
    assert (report.converged, report.removed, report.late) == (True, 19, 0)


@in_virtual_time
async def test_a_run_that_removes_nobody_needs_no_callback_to_go_on(tmp_path: Path) -> None:
    """There is nothing to ask about."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if request.method == "POST" else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(1), journal=tmp_path / "journal", still_wanted=lambda _: [])
        provider.faults.clear()

        assert (await session.blacklist.sync(phones(1), journal=tmp_path / "journal")).converged


@in_virtual_time
async def test_two_lists_whose_names_look_alike_are_two_errands(tmp_path: Path) -> None:
    """A phone in a path is masked where it is shown, and told apart all the same."""
    provider = BlacklistProvider()
    one, other = tmp_path / "380931111111.txt", tmp_path / "380931234111.txt"
    for path in (one, other):
        path.write_text(f"{B + 1}\n")
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if request.method == "POST" else None)
    async with session:
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(one, journal=tmp_path / "journal")
        with pytest.raises(SyncRefusedError, match="another sync") as caught:
            await session.blacklist.sync(other, journal=tmp_path / "journal")
        provider.faults.clear()
        report = await session.blacklist.sync(str(one), journal=tmp_path / "journal")

    assert "380931111111" not in str(caught.value)
    assert "3809•••••111" in str(caught.value)
    assert report.converged


@in_virtual_time
async def test_a_finished_journal_is_used_afresh(tmp_path: Path) -> None:
    """The next night has the same path."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    async with session:
        first = await session.blacklist.sync(phones(1), journal=tmp_path / "journal")
        second = await session.blacklist.sync(phones(2), journal=str(tmp_path / "journal"), mode="add_only")

    assert (first.added, second.added, second.already_there) == (1, 1, 0)


@in_virtual_time
async def test_a_journal_of_another_errand_is_refused(tmp_path: Path) -> None:
    """Another source, other terms, a plan: each has its own, until the first is finished."""
    provider = BlacklistProvider()
    source = tmp_path / "numbers"
    source.write_text(f"{B + 1}\n")
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if request.method == "POST" else None)
    async with session:
        plan = await session.blacklist.plan(phones(1))
        with pytest.raises(SyncInterruptedError):
            await session.blacklist.sync(phones(1), journal=tmp_path / "journal")
        provider.faults.clear()
        for call in (
            session.blacklist.sync(source, journal=tmp_path / "journal"),
            session.blacklist.sync(phones(1), journal=tmp_path / "journal", mode="mirror"),
            session.blacklist.sync(phones(1), journal=tmp_path / "journal", owner="crm"),
            session.blacklist.apply(plan, journal=tmp_path / "journal"),
        ):
            with pytest.raises(SyncRefusedError, match="another sync") as caught:
                await call
            assert caught.value.reason == "journal"

    assert provider.history == []


@in_virtual_time
async def test_a_journal_of_another_account_is_refused(tmp_path: Path) -> None:
    """Even a finished one."""
    first, _ = session_over(provider=BlacklistProvider())
    second, provider = session_over(provider=BlacklistProvider(), credentials=ApiKey("other"))
    async with first, second:
        await first.blacklist.sync(phones(1), journal=tmp_path / "journal")
        with pytest.raises(SyncRefusedError, match="another account"):
            await second.blacklist.sync(phones(1), journal=tmp_path / "journal")

    assert provider.requests == []


# Cancelled


@pytest.mark.fault("D09")
@in_virtual_time
async def test_a_cancel_finishes_the_batch_under_way(tmp_path: Path) -> None:
    """Its outcome is in the journal, and the error behind the cancel says how to go on."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    arrived = asyncio.Event()

    async def slowly(request):
        arrived.set()
        await asyncio.sleep(5)
        return provider._carry_out(request)

    provider.faults.append(once(slowly, at=2))
    path = tmp_path / "journal"
    async with session:
        task = asyncio.ensure_future(session.blacklist.sync(phones(*range(1500)), journal=path))
        await arrived.wait()
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        took = asyncio.get_running_loop().time() - began
        begun = JournalFile(str(path))
        found = begun.open(Caller(session._parts, session._options).account)
        begun.close()
        report = await session.blacklist.sync(phones(*range(1500)), journal=path)

    assert took == pytest.approx(5, abs=0.1)
    assert isinstance(caught.value.__cause__, SyncInterruptedError)
    assert caught.value.__cause__.journal == str(path)
    assert "with the journal" in str(caught.value.__cause__)
    assert found is not None
    assert len(found.added) == 1000
    assert (report.added, report.added_before, report.already_there) == (1500, 1000, 0)


def session_that_hangs() -> tuple[ViberSession, asyncio.Event]:
    """Give a session whose first batch is never answered, and what tells that it has arrived."""
    provider, arrived = BlacklistProvider(), asyncio.Event()

    async def never(_request):
        arrived.set()
        await asyncio.sleep(3600)

    provider.faults.append(once(never, at=1))
    session, _ = session_over(provider=provider)
    return session, arrived


@pytest.mark.fault("D09")
@in_virtual_time
async def test_a_cancel_waits_for_a_batch_no_longer_than_eight_seconds() -> None:
    """A container is killed after ten."""
    session, arrived = session_that_hangs()
    async with session:
        task = asyncio.ensure_future(session.blacklist.sync(phones(1)))
        await arrived.wait()
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

        assert asyncio.get_running_loop().time() - began < 10
    assert "run the same again to go on" in str(caught.value.__cause__)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@in_virtual_time
async def test_who_cancels_twice_does_not_wait_for_a_batch(turns: int) -> None:
    """However soon the second cancel follows the first: two of one turn of the loop come out as one error."""
    session, arrived = session_that_hangs()
    async with session:
        task = asyncio.ensure_future(session.blacklist.sync(phones(1)))
        await arrived.wait()
        began = asyncio.get_running_loop().time()
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert asyncio.get_running_loop().time() - began < 2


@in_virtual_time
async def test_a_cancel_in_a_pause_ends_at_once() -> None:
    """Nothing is under way then."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: no(503) if request.method == "POST" else None)
    async with session:
        task = asyncio.ensure_future(session.blacklist.sync(phones(1)))
        await asyncio.sleep(100)
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert asyncio.get_running_loop().time() == began


@in_virtual_time
async def test_closing_the_session_ends_a_sync_by_name(tmp_path: Path) -> None:
    """Whatever it was doing; the lock is free afterwards."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    arrived = asyncio.Event()

    async def never(_request):
        arrived.set()
        await asyncio.sleep(3600)

    provider.faults.append(once(never, at=1))
    task = asyncio.ensure_future(session.blacklist.sync(phones(1), journal=tmp_path / "journal"))
    await arrived.wait()
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await task

    other, _ = session_over(provider=BlacklistProvider())
    async with other:
        assert (await other.blacklist.sync(phones(1), journal=tmp_path / "journal")).converged


async def test_closing_while_the_journal_is_written_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step is cancelled in a thread's hands, and not the one who waits for it."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    loop = asyncio.get_running_loop()
    reached = asyncio.Event()
    really = JournalFile.intend

    def slowly(self, kind, numbers):
        loop.call_soon_threadsafe(reached.set)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), loop).result()
        return really(self, kind, numbers)

    monkeypatch.setattr(JournalFile, "intend", slowly)
    task = asyncio.ensure_future(session.blacklist.sync(phones(1), journal=tmp_path / "journal"))
    await reached.wait()
    await session.aclose()

    with pytest.raises(SessionClosedError, match="in the middle of a sync"):
        await task


@pytest.mark.parametrize("cancels", [1, 2, 3])
@in_virtual_time
async def test_the_lock_is_held_until_nothing_is_under_way_any_more(cancels: int, tmp_path: Path) -> None:
    """However often it is cancelled: a request that is still being ended may still arrive."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    account = Caller(session._parts, session._options).account
    arrived, held = asyncio.Event(), list[str]()

    async def ends_slowly(_request):
        arrived.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.4)
            with pytest.raises(SyncRefusedError) as caught:
                AccountLock(account).take()
            held.append(caught.value.reason)

    provider.faults.append(once(ends_slowly, at=1))
    async with session:
        task = asyncio.ensure_future(session.blacklist.sync(phones(1), journal=tmp_path / "journal"))
        await arrived.wait()
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0.1)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert held == ["locked"]

        assert (await session.blacklist.sync(phones(1), journal=tmp_path / "journal")).converged


async def test_the_lock_is_held_until_the_journal_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancel that comes in the last moment waits as well, and is not lost."""

    async def turns() -> None:
        for _ in range(9):
            await asyncio.sleep(0)

    session, _ = session_over(provider=BlacklistProvider())
    account, loop = Caller(session._parts, session._options).account, asyncio.get_running_loop()
    held, really = list[str](), JournalFile.close

    def closes_slowly(self: JournalFile) -> None:
        loop.call_soon_threadsafe(task.cancel)
        asyncio.run_coroutine_threadsafe(turns(), loop).result()
        with pytest.raises(SyncRefusedError) as caught:
            AccountLock(account).take()
        held.append(caught.value.reason)
        really(self)

    async with session:
        task = asyncio.ensure_future(session.blacklist.sync(phones(1), journal=tmp_path / "journal"))
        monkeypatch.setattr(JournalFile, "close", closes_slowly)
        with pytest.raises(asyncio.CancelledError):
            await task

    assert held == ["locked"]


# One at a time


@pytest.mark.fault("M03")
@in_virtual_time
async def test_two_runs_of_one_account_exclude_each_other() -> None:
    """The second is told who and since when; another account's is not held up."""
    session, provider = session_over(provider=BlacklistProvider())
    other, _ = session_over(provider=BlacklistProvider(), credentials=ApiKey("other"))
    plan = await session.blacklist.plan(phones(1))
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def waits(request):
        arrived.set()
        await go_on.wait()
        return provider._carry_out(request)

    provider.faults.append(once(waits, at=1))
    async with session, other:
        task = asyncio.ensure_future(session.blacklist.sync(phones(1)))
        await arrived.wait()
        for call in (session.blacklist.sync(phones(2)), session.blacklist.apply(plan)):
            with pytest.raises(SyncRefusedError, match=rf"process {os.getpid()}, since 20\d\d") as caught:
                await call
            assert caught.value.reason == "locked"
        assert (await other.blacklist.sync(phones(2))).converged
        go_on.set()
        assert (await task).converged


@pytest.mark.fault("M03")
def test_the_lock_of_a_dead_process_is_free() -> None:
    """The system lets go of it, however the process ended."""
    code = (
        "import os, signal; from viber_async.sync.lock import AccountLock; AccountLock('dead').take(); print('taken', "
        "flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lock = AccountLock("dead")
    lock.take()
    lock.release()
    lock.release()

    assert (child.stdout, child.returncode) == ("taken\n", -9)


def test_a_lock_that_was_let_go_is_free_for_others_though_a_child_was_forked() -> None:
    """A child has the same open file for as long as it lives."""
    first, second = AccountLock("forked"), AccountLock("forked")
    first.take()
    assert first._handle is not None
    childs = os.dup(first._handle)
    first.release()
    try:
        second.take()
        with pytest.raises(SyncRefusedError, match="another run"):
            first.take()
    finally:
        second.release()
        os.close(childs)


def test_a_user_without_a_home_has_to_say_where_locks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, whose users are numbers without names."""

    def homeless(_kind: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", classmethod(homeless))
    with pytest.raises(SyncRefusedError, match="set XDG_STATE_HOME") as caught:
        AccountLock("any").take()

    assert caught.value.reason == "lock"


@pytest.mark.parametrize("said", ["", "{", "[]", '{"pid": "x"}'])
def test_a_lock_that_says_nothing_of_its_holder_holds_all_the_same(said: str) -> None:
    """What stands in the file is for people."""
    first, second = AccountLock("mute"), AccountLock("mute")
    first.take()
    (locks.state_directory() / "blacklist-mute.lock").write_text(said)
    try:
        with pytest.raises(SyncRefusedError, match="blacklist: wait") as caught:
            second.take()
    finally:
        first.release()

    assert caught.value.reason == "locked"


@pytest.mark.parametrize("trouble", ["link", "open to others", "no directory", "no locks"])
def test_a_lock_that_cannot_be_had_is_a_refusal(trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never done without."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ours = tmp_path / "viber-async"
    match trouble:
        case "link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            ours.symlink_to(tmp_path / "elsewhere")
        case "open to others":
            ours.mkdir()
            ours.chmod(0o777)
        case "no directory":
            ours.write_text("")
        case _:

            def without(_handle: int, _how: int) -> None:
                raise OSError(37, "No locks available")

            monkeypatch.setattr(locks.fcntl, "flock", without)
    with pytest.raises(SyncRefusedError, match="set XDG_STATE_HOME") as caught:
        AccountLock("any").take()

    assert caught.value.reason == "lock"


def test_without_a_state_home_locks_are_in_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative one does not count, as its specification says."""
    monkeypatch.setenv("HOME", str(tmp_path))
    found = set()
    for value in ("relative", ""):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        found.add(locks.state_directory())

    assert found == {tmp_path / ".local" / "state" / "viber-async"}


# The journal's file


ERRAND = Errand("errand", digest="d", asks=True)


def found_in(path: Path) -> Begun | None:
    """Give what a journal tells of, to whoever opens it next."""
    journal = JournalFile(str(path))
    try:
        return journal.open("account")
    finally:
        journal.close()


def opened(path: Path) -> JournalFile:
    journal = JournalFile(str(path))
    journal.open("account")
    return journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is; its directory is not there yet."""
    return tmp_path / "kept" / "journal"


@pytest.fixture
def filled(path: Path) -> Path:
    """A journal of a run that did not end."""
    journal = opened(path)
    journal.begin(ERRAND, array("q", range(B, B + 12_000)), array("q", range(164, 164 + 12_001)))
    journal.settle(journal.intend(ADD, array("q", phones(1, 2))), DONE)
    journal.settle(journal.intend(ADD, array("q", phones(3))), REFUSED)
    journal.intend(REMOVE, array("q", phones(4)))
    journal.settle(journal.intend(REMOVE, array("q", phones(5))), DONE)
    journal.settle(journal.intend(REMOVE, array("q", phones(6))), DOUBTFUL)
    journal.keep(array("q", phones(7, 8)))
    journal.close()
    return path


def test_what_was_written_down_is_what_is_found(filled: Path) -> None:
    """What was tried counts, what was refused does not."""
    begun = found_in(filled)

    assert begun == Begun(
        ERRAND,
        planned=array("q", range(B, B + 12_000)),
        rows=array("q", range(164, 164 + 12_001)),
        added=array("q", phones(1, 2)),
        removed=array("q", phones(4, 5, 6)),
        gone=array("q", phones(5)),
        kept=array("q", phones(7, 8)),
    )
    assert begun is not None
    assert begun.errand.asks
    assert str(B) not in repr(begun)


@pytest.mark.fault("S08")
def test_the_file_is_for_the_owner_alone(path: Path) -> None:
    """S08: from the moment it exists, whatever the umask."""
    old = os.umask(0)
    try:
        opened(path).close()
    finally:
        os.umask(old)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_every_step_is_in_the_file_itself(path: Path) -> None:
    """Also if its log is lost."""
    journal = opened(path)
    journal.begin(ERRAND, array("q"), array("q"))
    journal.intend(ADD, array("q", phones(1)))
    copy = path.parent / "copy"
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o600)
    journal.close()

    none = array("q")
    assert found_in(copy) == Begun(
        ERRAND, planned=none, rows=none, added=array("q", phones(1)), removed=none, gone=none, kept=none
    )


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def inconsistent(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(36)  # how many pages of the file are free
        file.write((7).to_bytes(4, "big"))


def no_database(path: Path) -> None:
    path.write_bytes(b"x" * 5000)


def linked(path: Path) -> None:
    path.rename(path.parent / "other")
    path.symlink_to(path.parent / "other")


def readable(path: Path) -> None:
    path.chmod(0o644)


def odd_log(path: Path) -> None:
    Path(f"{path}-wal").symlink_to(path)


def change(statement: str, *values: object) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute(statement, values)
        connection.commit()
        connection.close()

    return spoil


@pytest.mark.fault("D04", "D08")
@pytest.mark.parametrize(
    "spoil",
    [
        truncated,
        emptied,
        no_database,
        inconsistent,
        linked,
        readable,
        odd_log,
        change("PRAGMA application_id=7"),
        change("PRAGMA user_version=1"),
        change("UPDATE steps SET state = 'refused' WHERE kind = 'remove'"),
        change("UPDATE steps SET phones = zeroblob(8) WHERE id = 1"),
        change("UPDATE steps SET seal = 'x' WHERE id = 1"),
        change("DELETE FROM steps WHERE kind = 'planned' AND id = 1"),
        change("DELETE FROM steps WHERE kind = 'rows' AND id = 3"),
        change("UPDATE meta SET value = ? WHERE name = 'run'", b'{"errand": "", "over": true, "steps": 0}'),
        change("DELETE FROM meta WHERE name = 'secret'"),
        change("DROP TABLE steps"),
    ],
    ids=lambda spoil: getattr(spoil, "__name__", None),
)
def test_a_journal_that_is_not_as_it_was_written_is_refused(spoil, filled: Path) -> None:
    """D04, D08: torn, changed, somebody else's, of another version: never taken for an empty one."""
    spoil(filled)

    with pytest.raises(SyncRefusedError, match="Nothing was written") as caught:
        found_in(filled)
    assert caught.value.reason == "journal"


@pytest.mark.fault("D04")
def test_every_flipped_bit_is_noticed_or_does_not_matter(filled: Path) -> None:
    """D04: what is believed is what was written."""
    whole = found_in(filled)
    body = filled.read_bytes()
    believed = []
    for place in range(0, len(body), max(1, len(body) // 150)):
        filled.write_bytes(body[:place] + bytes([body[place] ^ 16]) + body[place + 1 :])
        for name in ("-wal", "-shm"):
            Path(f"{filled}{name}").unlink(missing_ok=True)
        journal = JournalFile(str(filled))
        try:
            believed.append(journal.open("account"))
        except SyncRefusedError:
            continue
        finally:
            journal.close()

    assert all(begun == whole for begun in believed)
    assert len(believed) < 100


def test_a_directory_that_others_can_write_is_refused(path: Path) -> None:
    """They could put another journal in its place."""
    path.parent.mkdir()
    path.parent.chmod(0o777)

    with pytest.raises(SyncRefusedError, match="written by others"):
        found_in(path)


def test_a_directory_that_cannot_be_made_is_a_refusal(tmp_path: Path) -> None:
    """Its parent is not there."""

    with pytest.raises(SyncRefusedError, match="cannot be used"):
        JournalFile(str(tmp_path / "a" / "b" / "c")).open("account")


def test_a_journal_that_vanishes_while_it_is_made_is_a_refusal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody tidies up."""
    monkeypatch.setattr(journals, "look_at", lambda _: None)

    with pytest.raises(SyncRefusedError, match="vanished"):
        found_in(path)


@pytest.mark.fault("D05", "D06")
@pytest.mark.parametrize("trouble", ["replaced", "gone", "full", "closed"])
def test_a_journal_that_fails_in_the_middle_ends_the_run(
    trouble: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D05, D06: without it nothing is sent."""
    journal = opened(path)
    journal.begin(ERRAND, array("q"), array("q"))
    match trouble:
        case "replaced":
            path.rename(path.parent / "away")
            opened(path).close()
        case "gone":
            path.unlink()
        case "closed":
            journal.close()
        case _:
            journal._connection.execute("PRAGMA max_page_count=1")  # type: ignore[union-attr]
    with pytest.raises(SyncInterruptedError, match="cannot be written") as caught:
        for number in range(200):
            journal.intend(ADD, array("q", range(B, B + 500)))
            assert number < 199
    journal.close()

    assert caught.value.journal == str(path)


@in_virtual_time
async def test_nothing_is_sent_that_the_journal_does_not_hold(tmp_path: Path) -> None:
    """D05: the disk is full when the first batch is to be noted."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    path = tmp_path / "journal"
    provider.after = lambda *_: path.unlink(missing_ok=True)
    async with session:
        with pytest.raises(SyncInterruptedError, match="nothing is sent without it"):
            await session.blacklist.sync(phones(1), journal=path)

    assert provider.writes == []


def test_no_journal_is_a_journal_that_remembers_nothing() -> None:
    """For runs that need not be resumed."""
    journal = NoJournal()
    journal.begin(ERRAND, array("q"), array("q"))
    journal.settle(journal.intend(ADD, array("q")), DONE)
    journal.heed()
    journal.keep(array("q"))
    journal.finish()
    journal.close()

    assert (journal.path, journal.open("account"), journal.done) == (None, None, None)


# A plan's file


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    """A plan that was written."""
    path = tmp_path / "plan"

    @in_virtual_time
    async def write() -> None:
        provider = BlacklistProvider([*phones(*range(2500)), None])
        session, _ = session_over(provider=provider)
        async with session:
            plan = await session.blacklist.plan(["0", *phones(*range(5, 2600))], mode="mirror", max_reject=1)
        plan.to_file(path)

    write()
    return path


def test_a_plan_is_read_as_it_was_written(plan_file: Path) -> None:
    """With its rejects, its rows that cannot be read, and what it does not show."""
    plan = SyncPlan.from_file(str(plan_file))

    assert (len(plan.adds), len(plan.removes), plan.unchanged, len(plan.there)) == (100, 5, 2495, 2495)
    assert (plan.rejects[0].line, plan.unread[0].shown) == (1, "None")


@pytest.mark.fault("D04")
def test_every_flipped_bit_of_a_plan_is_noticed(plan_file: Path) -> None:
    """D04: also where the file would read as another plan."""
    body = plan_file.read_bytes()
    for place in range(0, len(body), len(body) // 200):
        plan_file.write_bytes(body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :])
        with pytest.raises(SyncRefusedError) as caught:
            SyncPlan.from_file(plan_file)
        assert caught.value.reason == "plan"


def test_a_plan_that_was_cut_short_is_no_shorter_plan(plan_file: Path) -> None:
    """D04: at every line, and within lines."""
    body = plan_file.read_bytes()
    cuts = [i + 1 for i, byte in enumerate(body[:-1]) if byte == 10] + list(range(0, len(body), len(body) // 50))
    for cut in cuts:
        plan_file.write_bytes(body[:cut])
        with pytest.raises(SyncRefusedError) as caught:
            SyncPlan.from_file(plan_file)
        assert caught.value.reason == "plan"


def resummed(body: bytes, old: bytes, new: bytes) -> bytes:
    """Change a plan's text and give it the sum that it should have."""
    assert old in body
    lines = body.replace(old, new).splitlines(keepends=True)[:-1]
    return b"".join(lines) + json.dumps({"sha256": hashlib.sha256(b"".join(lines)).hexdigest()}).encode() + b"\n"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"viber_async plan":1', b'"viber_async plan":2', "another version"),
        (b'"adds":100', b'"adds":99', "does not hold"),
        (b'"380500002500"', b'"7"', "does not hold"),
        (b'"380500002500"', b'{"a":1}', "not as it was written"),
        (b'"380500002500"', b'"1000000000000000000000"', "not as it was written"),
        (b'"mode":"mirror"', b'"mode":"other"', "not as it was written"),
        (b'"walk":{', b'"walked":{', "not as it was written"),
    ],
)
def test_a_plan_that_does_not_fit_together_is_refused(old: bytes, new: bytes, why: str, plan_file: Path) -> None:
    """Even with a sum that fits."""
    plan_file.write_bytes(resummed(plan_file.read_bytes(), old, new))

    with pytest.raises(SyncRefusedError, match=why):
        SyncPlan.from_file(plan_file)


def test_what_stands_behind_the_sum_is_refused(plan_file: Path) -> None:
    """Two plans in one file are none."""
    plan_file.write_bytes(plan_file.read_bytes() * 2)

    with pytest.raises(SyncRefusedError, match="goes on behind its end"):
        SyncPlan.from_file(plan_file)


@pytest.mark.parametrize("spoil", [readable, linked, Path.unlink], ids=["readable", "linked", "gone"])
def test_a_plan_is_believed_only_from_a_private_file(spoil, plan_file: Path) -> None:
    """S08: it says whom to remove."""
    spoil(plan_file)

    with pytest.raises(SyncRefusedError) as caught:
        SyncPlan.from_file(plan_file)
    assert caught.value.reason == "plan"


def test_a_plan_that_cannot_be_written_says_so(plan_file: Path) -> None:
    """And leaves nothing behind."""
    plan = SyncPlan.from_file(plan_file)
    with pytest.raises(SyncRefusedError, match="cannot be written"):
        plan.to_file(plan_file / "below")
    target = plan_file.parent / "target"
    target.mkdir()
    with pytest.raises(SyncRefusedError, match="cannot be written"):
        plan.to_file(target)

    assert sorted(each.name for each in plan_file.parent.iterdir()) == ["plan", "target"]


def test_a_link_is_replaced_and_not_followed(plan_file: Path) -> None:
    """What it points to is somebody else's."""
    plan = SyncPlan.from_file(plan_file)
    victim, link = plan_file.parent / "victim", plan_file.parent / "link"
    victim.write_text("precious")
    link.symlink_to(victim)
    plan.to_file(link)

    assert victim.read_text() == "precious"
    assert SyncPlan.from_file(link) == plan
