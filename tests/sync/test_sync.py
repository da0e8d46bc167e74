"""Plan, apply and sync over a provider in memory, in virtual time: what is sent, left alone and reported."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from attrs import evolve

from tests.shell.clock import in_virtual_time
from tests.shell.provider import no, ok
from tests.shell.sessions import session_over
from tests.sync.blacklist import BlacklistProvider, once
from viber_async import (
    ApiKey,
    BadRequestError,
    PermissionDeniedError,
    SyncInterruptedError,
    SyncPlan,
    SyncProgress,
    SyncRefusedError,
    ValidationError,
    to_dict,
)
from viber_async._sansio.batches import MOST_REFUSED
from viber_async._sansio.guards import check_age
from viber_async._sansio.numbers import Index

B = 380_500_000_000
DAY = timedelta(days=1)


def phones(*numbers: int) -> list[int]:
    return [B + number for number in numbers]


# What is sent


@in_virtual_time
async def test_what_is_wanted_and_not_there_is_added() -> None:
    """And nothing else: what is there more than is wanted stays."""
    session, provider = session_over(provider=BlacklistProvider(phones(1, 2, 3)))
    async with session:
        report = await session.blacklist.sync(phones(3, 4, 5))

    assert provider.writes == [("POST", [str(B + 4), str(B + 5)])]
    assert provider.phones == set(phones(1, 2, 3, 4, 5))
    assert (report.converged, report.wanted, report.already_there, report.added) == (True, 3, 1, 2)
    assert (report.removed, report.rejected, report.unverified) == (0, 0, 0)


@in_virtual_time
async def test_a_mirror_removes_what_is_not_wanted() -> None:
    """After the adds, and after they were seen."""
    session, provider = session_over(provider=BlacklistProvider(phones(1, 2, 3)))
    async with session:
        report = await session.blacklist.sync(phones(3, 4), mode="mirror")

    assert [request.method for request in provider.requests if request.method != "GET"] == ["POST", "DELETE"]
    post, delete = (i for i, request in enumerate(provider.requests) if request.method != "GET")
    assert {request.method for request in provider.requests[post + 1 : delete]} == {"GET"}
    assert provider.phones == set(phones(3, 4))
    assert (report.converged, report.removed) == (True, 2)


@in_virtual_time
async def test_the_requests_are_those_that_it_takes() -> None:
    """Pages of a thousand and the one that shows the end, batches of five hundred; the walks afterwards apart."""
    there = range(B, B + 2900)
    session, provider = session_over(provider=BlacklistProvider(there))
    async with session:
        report = await session.blacklist.sync(range(B + 50, B + 2900 + 1100), mode="mirror")

    assert [len(sent) for _, sent in provider.writes] == [500, 500, 100, 50]
    assert report.requests == 3 + 1 + 3 + 1
    assert report.requests + report.walk_requests == len(provider.requests)


@in_virtual_time
async def test_where_nothing_is_to_be_done_nothing_is_written_and_one_walk_is_enough() -> None:
    """The plan's own walk has seen all that is wanted."""
    session, provider = session_over(provider=BlacklistProvider(phones(1, 2)))
    async with session:
        report = await session.blacklist.sync(phones(2, 1, 2), mode="mirror")

    assert (provider.writes, provider.walked) == ([], 2)
    assert (report.converged, report.already_there, report.duplicates, report.walk_requests) == (True, 2, 1, 0)


@in_virtual_time
async def test_an_empty_source_adds_nothing() -> None:
    """A night without news is no failure, as long as nothing is to be removed."""
    session, provider = session_over(provider=BlacklistProvider(phones(1)))
    async with session:
        report = await session.blacklist.sync([])

    assert (provider.writes, report.converged, report.wanted) == ([], True, 0)


@in_virtual_time
async def test_the_bulk_lane_is_used() -> None:
    """So that what people wait for goes first."""
    lanes = []

    async def note(attempt, call_next):
        lanes.append(attempt.lane)
        return await call_next(attempt)

    session, _ = session_over(provider=BlacklistProvider(), middleware=[note])
    async with session:
        await session.blacklist.sync(phones(1))

    assert set(lanes) == {"bulk"}


@in_virtual_time
async def test_progress_is_told_phase_by_phase() -> None:
    """With what is done and what there is, the requests and their rate."""
    session, provider = session_over(provider=BlacklistProvider(phones(1, 2)))
    told = []
    async with session:
        report = await session.blacklist.sync(phones(2, 3), mode="mirror", progress=told.append)

    assert list(dict.fromkeys(each.phase for each in told)) == ["read", "walk", "add", "verify", "remove"]
    assert [(each.done, each.of) for each in told if each.phase in ("add", "remove")] == [(1, 1), (1, 1)]
    assert told[0].rate == 0.0
    assert told[-1].requests == report.requests + report.walk_requests == len(provider.requests)
    assert told[-1].rate == pytest.approx(told[-1].requests / told[-1].seconds)


# A plan


@in_virtual_time
async def test_a_plan_is_a_value_and_writes_nothing() -> None:
    """Equal to itself from a pickle; short for people, whole as JSON, and masked where it is shown."""
    session, provider = session_over(provider=BlacklistProvider(phones(1, 2)))
    async with session:
        plan = await session.blacklist.plan(phones(2, 3, 3), mode="mirror", description="nightly")

    assert provider.writes == []
    assert (list(plan.adds), list(plan.removes), plan.unchanged) == ([str(B + 3)], [str(B + 1)], 1)
    assert (plan.duplicates, plan.rejected, plan.walk.complete, plan.is_empty) == (1, 0, True, False)
    assert timedelta(0) <= plan.age < timedelta(minutes=1)
    assert plan.expires_at == plan.created_at + timedelta(hours=1)
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert to_dict(plan)["adds"] == [str(B + 3)]
    assert json.loads(json.dumps(to_dict(plan)))["terms"]["description"] == "nightly"
    assert str(B)[:-3] not in f"{plan!r} {plan}"
    assert "to add       1" in str(plan)


@in_virtual_time
async def test_a_plan_says_what_it_keeps_only_where_it_removes() -> None:
    """And reads out thousands as people do."""
    session, _ = session_over(provider=BlacklistProvider(phones(1)))
    async with session:
        adding = await session.blacklist.plan(phones(*range(2, 4002)))
        mirroring = await session.blacklist.plan(phones(1), mode="mirror")

    assert "\n  to add       4,000\n" in str(adding)
    assert "kept" not in str(adding)
    assert "kept" in str(mirroring)


@in_virtual_time
async def test_the_digests_are_those_of_the_sets() -> None:
    """Whatever the order; and of what is wanted and what is there, the same where they are the same."""
    session, _ = session_over(provider=BlacklistProvider(phones(2, 1)))
    async with session:
        same = await session.blacklist.plan(phones(1, 2))
        other = await session.blacklist.plan(phones(1, 3))

    assert same.wanted_digest == same.remote_digest
    assert other.wanted_digest != other.remote_digest


@in_virtual_time
async def test_a_plan_goes_through_a_file(tmp_path: Path) -> None:
    """And is carried out from there as if it had never been in one."""
    session, _ = session_over(provider=BlacklistProvider(phones(1, 2)))
    path = tmp_path / "plan"
    async with session:
        plan = await session.blacklist.plan(
            ["x", *phones(2, 3)], mode="mirror", owner="crm", min_age=DAY, max_reject=1, max_remove=7
        )
        plan.to_file(path)
        read = SyncPlan.from_file(path)
        report = await session.blacklist.apply(read)

    assert read == plan
    assert path.stat().st_mode & 0o777 == 0o600
    assert (report.converged, report.added, report.rejected, report.wanted) == (True, 1, 1, 3)


# Guards


@pytest.mark.parametrize(
    ("there", "wanted", "how", "reason"),
    [
        ([1, 2], [], {"mode": "mirror"}, "empty"),
        (range(9), [1], {"mode": "mirror", "max_remove": 7}, "max_remove"),
        (range(2000), range(101, 2000), {"mode": "mirror"}, "max_remove"),
        ([1, 2], [3], {"mode": "mirror"}, "max_remove"),
        ([1, 2], ["x", 3], {}, "rejects"),
    ],
)
@in_virtual_time
async def test_a_guard_refuses_and_nothing_is_written(there, wanted, how, reason) -> None:
    """Each by its word, in the plan and in the sync."""
    wanted = [each if isinstance(each, str) else B + each for each in wanted]
    session, provider = session_over(provider=BlacklistProvider(phones(*there)))
    async with session:
        for call in (session.blacklist.plan, session.blacklist.sync):
            with pytest.raises(SyncRefusedError, match="Nothing was written") as caught:
                await call(wanted, **how)
            assert caught.value.reason == reason

    assert provider.writes == []


@pytest.mark.parametrize(
    "how", [{}, {"mode": "mirror", "max_reject": 1, "max_remove": 0}], ids=["rejects", "max_remove"]
)
@in_virtual_time
async def test_a_guard_that_refuses_hands_out_the_rejects(how) -> None:
    """Whichever it is: each entry without a phone by its place and its reason, masked; the text has none of them."""
    session, _ = session_over(provider=BlacklistProvider(phones(1)))
    errors = []
    async with session:
        for call in (session.blacklist.plan, session.blacklist.sync):
            with pytest.raises(SyncRefusedError) as caught:
                await call([B + 2, "0500000007", B + 3, "nobody"], **how)
            errors.append(caught.value)

    assert [[(each.line, each.shown) for each in error.rejects] for error in errors] == [
        [(2, "'0500••••07'"), (4, "'nobody'")]
    ] * 2
    assert "0500000007" not in "".join(map(str, errors)) + "".join(map(repr, errors))


@in_virtual_time
async def test_too_many_rejects_tell_where_they_are() -> None:
    """In a note, which a traceback shows: the first of them, and where the others are."""
    session, _ = session_over(provider=BlacklistProvider(phones(1)))
    async with session:
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.sync([B + 2, "0500000007", B + 3, "nobody"])

    (note,) = caught.value.__notes__
    assert note.startswith("the first of error.rejects: line 2: ")
    assert "0500000007" not in note


@pytest.mark.parametrize(
    ("entry", "stays"),
    [
        ("0500000007", True),
        ("(050) 000-00-07", True),
        ("380500000007.0", True),
        (380500000007.0, True),
        ("0500000008", False),
        ("n/a", False),
        pytest.param(10**5000, False, id="huge"),
        (b"380500000007", False),
    ],
)
@in_virtual_time
async def test_who_may_be_meant_by_a_rejected_entry_is_not_removed(entry, stays) -> None:
    """A mirror that tolerates such entries must not message the one whom it could not read."""
    session, provider = session_over(provider=BlacklistProvider(phones(1, 2, 7)))
    async with session:
        plan = await session.blacklist.plan([*phones(1), entry], mode="mirror", max_reject=0.5)
        report = await session.blacklist.apply(plan)

    assert provider.phones == set(phones(1, 7) if stays else phones(1))
    assert (report.converged, report.removed, report.kept.unclear) == (True, 2 - stays, int(stays))
    assert f"{int(stays)} like an entry that could not be read" in str(plan)


@in_virtual_time
async def test_who_may_be_meant_by_a_line_that_is_no_row_is_not_removed(tmp_path: Path) -> None:
    """A line with too few columns holds a phone all the same."""
    listed = tmp_path / "stop.csv"
    listed.write_text("phone,name,since\n" + "".join(f"{B + n},x,y\n" for n in range(9)) + f"{B + 10},x\n")
    session, provider = session_over(provider=BlacklistProvider(phones(1, 10, 11)))
    async with session:
        await session.blacklist.sync(listed, mode="mirror", max_reject=0.5)

    assert provider.phones == set(phones(*range(9), 10))


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"mode": "Mirror"}, "mode"),
        ({"max_remove": -1}, "max_remove"),
        ({"max_remove": True}, "max_remove"),
        ({"owner": ""}, "owner"),
        ({"owner": "a:b"}, "owner"),
        ({"owner": 7}, "owner"),
        ({"description": "x" * 256}, "description"),
        ({"description": "x" * 250, "owner": "crm-list"}, "description"),
        ({"max_reject": 1.5}, "max_reject"),
        ({"max_reject": True}, "max_reject"),
        ({"min_age": 3600}, "min_age"),
        ({"min_age": -DAY}, "min_age"),
        ({"journal": ""}, "journal"),
        ({"journal": b"x"}, "journal"),
        ({"journal": 7}, "journal"),
        ({"wanted": 7}, "wanted"),
    ],
)
@in_virtual_time
async def test_a_wrong_argument_stops_at_the_door(how, field) -> None:
    """Before any request."""
    session, provider = session_over(provider=BlacklistProvider())
    async with session:
        with pytest.raises(ValidationError) as caught:
            await session.blacklist.sync(**{"wanted": phones(1), **how})

    assert (caught.value.field, provider.requests) == (field, [])


@in_virtual_time
async def test_nothing_is_removed_after_a_walk_with_doubts() -> None:
    """A total that changed is enough: a page of rows may have slipped past."""
    provider = BlacklistProvider(phones(*range(2000)))
    provider.faults.append(
        once(lambda request: provider.put(B + 5000) or provider._carry_out(request), method="GET", at=2)
    )
    session, _ = session_over(provider=provider)
    async with session:
        with pytest.raises(SyncRefusedError, match="total changed") as caught:
            await session.blacklist.plan(phones(*range(1, 2000)), mode="mirror")

    assert caught.value.reason == "incomplete"
    assert provider.writes == []


@in_virtual_time
async def test_a_source_spelled_in_another_way_is_refused() -> None:
    """Without its country code each phone is another one, and the real ones would be removed."""
    session, provider = session_over(provider=BlacklistProvider([*phones(1, 2), 442079460958]))
    async with session:
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.sync([500_000_001, 500_000_002, 442079460958], mode="mirror")

    assert (caught.value.reason, provider.writes) == ("respelled", [])


@in_virtual_time
async def test_a_mirror_removes_only_the_rows_of_its_owner() -> None:
    """And adds carry the tag, at the front, so that the next run knows them."""
    provider = BlacklistProvider()
    for number, description in enumerate(["crm", "crm: by mail", "", "CRM", "crmx", "by mail crm"]):
        provider.put(B + number, description)
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(
            phones(9), mode="mirror", owner="crm", description="by phone", max_remove=2
        )

    assert provider.phones == set(phones(2, 3, 4, 5, 9))
    assert list(provider.rows.values())[-1]["description"] == "crm: by phone"
    assert (report.converged, report.removed, report.kept.foreign) == (True, 2, 4)


@in_virtual_time
async def test_of_one_phone_in_two_rows_the_stricter_counts() -> None:
    """Removing is by phone: it would take the other owner's row along."""
    provider = BlacklistProvider(phones(1))
    provider.put(B + 2, "crm")
    provider.put(B + 2, "shop")
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(1), mode="mirror", owner="crm", max_remove=9)

    assert plan.is_empty


@pytest.mark.parametrize(
    ("zone", "hours", "goes"),
    [(None, 23, False), (None, 30, False), (None, 37, True), (UTC, 25, True), (UTC, 23, False)],
)
@in_virtual_time
async def test_a_young_row_is_left_alone(zone, hours, goes) -> None:
    """Without a time zone a date may be twelve hours later than it looks; a row without a date is young."""
    provider = BlacklistProvider(phones(1))
    provider.put(B + 2, date=f"{datetime.now(UTC) - timedelta(hours=hours):%Y-%m-%d %H:%M:%S}")
    provider.put(B + 3, date=None)
    provider.put(B + 4, date="yesterday")
    session, _ = session_over(provider=provider, time_zone=zone)
    async with session:
        plan = await session.blacklist.plan(phones(1), mode="mirror", min_age=DAY)

    assert list(plan.removes) == ([str(B + 2)] if goes else [])
    assert plan.kept.young == (2 if goes else 3)


@in_virtual_time
async def test_the_providers_clock_counts_where_it_is_behind() -> None:
    """A machine whose clock is a day ahead must not make every row old."""
    provider = BlacklistProvider(phones(1))
    provider.put(B + 2, date=f"{datetime.now(UTC) - timedelta(hours=25):%Y-%m-%d %H:%M:%S}")
    provider.after = lambda _, response: response.headers.update(
        {"date": f"{datetime.now(UTC) - 2 * DAY:%a, %d %b %Y %H:%M:%S} GMT"}
    )
    session, _ = session_over(provider=provider, time_zone=ZoneInfo("UTC"))
    async with session:
        await session.blacklist.count()
        plan = await session.blacklist.plan(phones(1), mode="mirror", min_age=DAY)

    assert plan.is_empty


@pytest.mark.fault("P23")
@pytest.mark.parametrize("odd", [None, "n/a", 380.5, "", True, "0380500000002", 1234567, 10**15])
@in_virtual_time
async def test_a_row_that_cannot_be_read_is_kept_and_reported(odd) -> None:
    """It protects somebody, whoever that is."""
    provider = BlacklistProvider([*phones(1), odd, f"+{B + 3}"])
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(1), mode="mirror", max_remove=9)
        plan = await session.blacklist.plan(phones(1), mode="mirror", max_remove=9)

    assert odd in provider.phones
    assert report.kept.unreadable == plan.kept.unreadable == 1
    assert plan.unread[0].id == 165
    assert provider.writes == [("DELETE", [str(B + 3)])]


# Between plan and apply


@pytest.mark.fault("T04")
@in_virtual_time
async def test_a_plan_is_refused_after_an_hour_or_from_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    """By moments in UTC, whatever the wall shows."""
    session, provider = session_over(provider=BlacklistProvider())
    async with session:
        plan = await session.blacklist.plan(phones(1))
        for off, fits in (
            (timedelta(minutes=59), True),
            (timedelta(minutes=61), False),
            (-timedelta(minutes=2), False),
        ):
            old = evolve(plan, created_at=datetime.now(ZoneInfo("America/New_York")) - off)
            if fits:
                assert (await session.blacklist.apply(old)).converged
                provider.rows.clear()
                continue
            with pytest.raises(SyncRefusedError) as caught:
                await session.blacklist.apply(old)
            assert caught.value.reason == "expired"

    assert provider.phones == set()


@pytest.mark.fault("T04")
@pytest.mark.parametrize(
    ("made", "minutes"),
    [
        (datetime(2026, 3, 29, 2, 59, tzinfo=ZoneInfo("Europe/Kyiv")), 1),  # the wall jumps to 04:00
        (datetime(2026, 10, 25, 3, 59, tzinfo=ZoneInfo("Europe/Kyiv")), 1),  # the wall jumps back to 03:00
        (datetime(2026, 10, 25, 3, 0, fold=1, tzinfo=ZoneInfo("Europe/Kyiv")), 0),
    ],
)
def test_a_plan_is_as_old_as_the_time_that_passed(made: datetime, minutes: int) -> None:
    """Whether the wall has jumped meanwhile, forward or back."""
    check_age(made, now=made.astimezone(UTC) + timedelta(minutes=minutes))
    check_age(made, now=made.astimezone(UTC) + timedelta(minutes=59))

    with pytest.raises(SyncRefusedError):
        check_age(made, now=made.astimezone(UTC) + timedelta(minutes=61))


@in_virtual_time
async def test_a_plan_of_another_account_is_refused() -> None:
    """By the fingerprint of the credentials."""
    session, _ = session_over(provider=BlacklistProvider())
    other, provider = session_over(provider=BlacklistProvider(), credentials=ApiKey("other"))
    async with session, other:
        plan = await session.blacklist.plan(phones(1))
        with pytest.raises(SyncRefusedError) as caught:
            await other.blacklist.apply(plan)

    assert (caught.value.reason, provider.requests) == ("account", [])


def come(provider: BlacklistProvider) -> None:
    provider.put(B + 77)


def go(provider: BlacklistProvider) -> None:
    del provider.rows[164]


def swap(provider: BlacklistProvider) -> None:
    go(provider)
    come(provider)


@pytest.mark.parametrize("mode", ["add_only", "mirror"])
@pytest.mark.parametrize("change", [come, go])
@in_virtual_time
async def test_a_plan_is_refused_when_the_blacklist_has_moved(change, mode) -> None:
    """Whether something came or went."""
    provider = BlacklistProvider(phones(1, 2))
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(1, 3), mode=mode)
        change(provider)
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.apply(plan)

    assert (caught.value.reason, provider.writes) == ("moved", [])


@in_virtual_time
async def test_whoever_is_put_there_anew_is_removed_by_no_plan(tmp_path: Path) -> None:
    """The same phone in another row is somebody who said stop again; a plan that was carried out finds nobody else."""
    provider = BlacklistProvider(phones(1, 2))
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(1), mode="mirror")
        plan.to_file(tmp_path / "plan")
        await session.blacklist.apply(plan)
        provider.put(B + 2)
        writes = len(provider.writes)
        for each in (plan, SyncPlan.from_file(tmp_path / "plan")):
            with pytest.raises(SyncRefusedError, match="put there anew") as caught:
                await session.blacklist.apply(each)

    assert caught.value.reason == "moved"
    assert len(provider.writes) == writes
    assert provider.phones == set(phones(1, 2))


@in_virtual_time
async def test_a_plan_that_removes_is_held_against_every_row() -> None:
    """A total says nothing of one that went and one that came; a plan that only adds need not know."""
    provider = BlacklistProvider(phones(1, 2, 3))
    session, _ = session_over(provider=provider)
    async with session:
        adds = await session.blacklist.plan(phones(1, 4))
        removes = await session.blacklist.plan(phones(1, 3, 4), mode="mirror")
        swap(provider)
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.apply(removes)
        report = await session.blacklist.apply(adds)

    assert caught.value.reason == "moved"
    assert (report.converged, provider.phones) == (True, set(phones(1, 2, 3, 4, 77)))


@in_virtual_time
async def test_a_plan_that_removes_is_not_carried_out_while_others_write() -> None:
    """The walk that compares has doubts of its own then."""
    provider = BlacklistProvider(phones(*range(1500)))
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan(phones(*range(1, 1500)), mode="mirror")
        asked = provider.walked
        provider.faults.append(
            once(lambda request: provider.rows.pop(164) and provider._carry_out(request), method="GET", at=2)
        )
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.apply(plan)

    assert (caught.value.reason, provider.writes, provider.walked > asked) == ("moved", [], True)


@in_virtual_time
async def test_where_the_provider_tells_no_total_a_plan_that_adds_goes_ahead() -> None:
    """Adding twice does nothing twice."""
    provider = BlacklistProvider(phones(1))

    def without_total(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        said = json.loads(response.content)
        return ok({"data": {"list": said["data"]["list"]}}) if request.method == "GET" else None

    provider.after = without_total
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.apply(await session.blacklist.plan(phones(1, 2)))

    assert (report.converged, report.added) == (True, 1)


# Batches


@in_virtual_time
async def test_a_refused_batch_is_halved_until_the_bad_phone_stands_alone() -> None:
    """The rest goes through, and the report says which it was."""
    provider = BlacklistProvider()
    bad = str(B + 777)
    provider.faults.append(
        lambda request: (
            no(422, {"message": "bad phone"})
            if request.method == "POST" and bad in json.loads(request.content)["phones"]
            else None
        )
    )
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(1500)))

    assert provider.phones == set(phones(*range(1500))) - {int(bad)}
    assert (report.added, report.rejected, report.unverified, report.wanted) == (1499, 1, 0, 1500)
    assert not report.converged
    assert [(each.shown, each.reason, each.line) for each in report.refused] == [("3805•••••777", "bad phone", 778)]
    assert any("refused 1 phone by itself" in note for note in report.notes)
    assert sum(bad in sent for _, sent in provider.writes) <= 10


@pytest.mark.parametrize("status", [400, 413, 422])
@in_virtual_time
async def test_a_smaller_batch_is_sent_where_the_size_was_refused(status) -> None:
    """And stays smaller, though a larger one is tried now and then."""
    provider = BlacklistProvider()
    provider.faults.append(
        lambda request: (
            no(status, {"message": "too many"})
            if request.method == "POST" and len(json.loads(request.content)["phones"]) > 130
            else None
        )
    )
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(5000)))

    assert (report.converged, report.added, report.refused) == (True, 5000, ())
    refused = [sent for _, sent in provider.writes if len(sent) > 130]
    assert len(refused) <= 8


@in_virtual_time
async def test_where_every_phone_is_refused_it_is_not_the_phones() -> None:
    """The provider's own error comes out, long before each of them was tried alone."""
    provider = BlacklistProvider()
    provider.faults.append(lambda request: no(422, {"message": "no"}) if request.method == "POST" else None)
    session, _ = session_over(provider=provider)
    async with session:
        with pytest.raises(BadRequestError):
            await session.blacklist.sync(phones(*range(3000)))

    assert len(provider.writes) < 3 * MOST_REFUSED


@pytest.mark.parametrize("first", [0, 400, 850])
@in_virtual_time
async def test_many_neighbours_that_are_refused_do_not_hold_up_the_others(first) -> None:
    """A country that the provider does not serve: whether it is the phones is asked of those at both ends."""
    provider = BlacklistProvider()
    bad = {str(phone) for phone in phones(*range(first, first + 2 * MOST_REFUSED - 50))}
    provider.faults.append(
        lambda request: (
            no(422, {"message": "no"})
            if request.method == "POST" and bad & set(json.loads(request.content)["phones"])
            else None
        )
    )
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(1000)))

    assert (report.added, report.rejected, report.unverified) == (850, 150, 0)


@in_virtual_time
async def test_a_phone_that_cannot_be_removed_is_reported() -> None:
    """It is there before and after."""
    provider = BlacklistProvider(phones(*range(50)))
    provider.faults.append(
        lambda request: (
            no(400, {"message": "no such phone"})
            if request.method == "DELETE" and str(B + 1) in json.loads(request.content)["phones"]
            else None
        )
    )
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(4, 50)), mode="mirror")

    assert provider.phones == set(phones(1, *range(4, 50)))
    assert (report.removed, len(report.refused), report.rejected) == (3, 1, 0)
    assert not report.converged


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@in_virtual_time
async def test_who_was_refused_and_is_as_wanted_all_the_same_is_no_fault(method) -> None:
    """Somebody else did it meanwhile: what is there counts, and not what was answered."""
    provider = BlacklistProvider(phones(*range(50)))

    def elsewhere(request: httpx.Request):
        if request.method != method:
            return None
        provider._carry_out(request)
        return no(422, {"message": "no"})

    provider.faults.append(elsewhere)
    session, _ = session_over(provider=provider)
    wanted = phones(*range(51)) if method == "POST" else phones(0, *range(2, 50))
    async with session:
        report = await session.blacklist.sync(wanted, mode="mirror")

    assert (report.converged, len(report.refused), report.unverified, report.lingering) == (True, 1, 0, 0)


# A provider that lies


def lying(answer):
    """Carry nothing out, and say that all was well."""

    def fault(request: httpx.Request):
        if request.method == "GET":
            return None
        sent = len(json.loads(request.content)["phones"])
        return answer(request.method, sent)

    return fault


def all_well(method: str, sent: int):
    return ok(
        {"result": True, "counters": {"added": sent, "exists": 0}}
        if method == "POST"
        else {"result": True, "deleted": sent}
    )


@in_virtual_time
async def test_adds_that_were_said_and_not_done_are_noticed() -> None:
    """Each is tried a few times, and the report says that it is not there."""
    provider = BlacklistProvider(phones(1))
    provider.faults.append(lying(all_well))
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(1, 2, 3))

    assert (report.converged, report.wanted, report.already_there, report.unverified) == (False, 3, 1, 2)
    assert len(provider.writes) == 3
    assert any("2 wanted phones were not seen" in note for note in report.notes)


@in_virtual_time
async def test_nothing_is_removed_where_adds_do_not_arrive() -> None:
    """A provider that lies about the one is not trusted with the other."""
    provider = BlacklistProvider(phones(1, 2))
    provider.faults.append(lying(all_well))
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(2, 3), mode="mirror")

    assert "DELETE" not in [method for method, _ in provider.writes]
    assert (report.converged, report.removed) == (False, 0)
    assert any("nothing was removed" in note for note in report.notes)


@pytest.mark.fault("P21")
@in_virtual_time
async def test_removals_that_were_said_and_not_done_are_noticed() -> None:
    """`deleted` is believed only with the walk."""
    provider = BlacklistProvider(phones(*range(50)))
    provider.faults.append(lying(all_well))
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(2, 50)), mode="mirror")

    assert (report.converged, report.removed, report.lingering) == (False, 0, 2)
    assert any("still there" in note for note in report.notes)


@in_virtual_time
async def test_adds_that_are_dropped_are_added_again() -> None:
    """One in a hundred gets lost, and the next pass mends it."""
    provider = BlacklistProvider()

    def drop(request: httpx.Request, response: httpx.Response) -> None:
        if request.method == "POST" and len(provider.writes) == 1:
            for number in [n for n in provider.rows if n % 100 == 0]:
                del provider.rows[number]

    provider.after = drop
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(400)))

    assert provider.phones == set(phones(*range(400)))
    assert (report.converged, report.added) == (True, 400)


@pytest.mark.fault("P21")
@pytest.mark.parametrize(
    "said",
    [
        {"result": True},
        {"result": True, "counters": {"added": -1, "exists": 3}},
        {"result": True, "counters": {"added": 7, "exists": 0}},
        {"result": True, "counters": {"added": 0, "exists": 1}},
    ],
)
@in_virtual_time
async def test_counters_that_do_not_add_up_are_left_to_the_walk(said) -> None:
    """They are reported, and what is there counts."""
    provider = BlacklistProvider()
    provider.after = lambda request, _: ok(said) if request.method == "POST" else None
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(1, 2, 3))

    assert (report.converged, report.added, report.doubtful) == (True, 3, 1)
    assert any("do not add up" in note for note in report.notes)


@in_virtual_time
async def test_more_deleted_than_were_sent_ends_the_removing_at_once() -> None:
    """A DELETE that lost its body may mean all of them; what is wanted is added again."""
    provider = BlacklistProvider(phones(*range(3000)))

    def without_body(request: httpx.Request):
        if request.method != "DELETE":
            return None
        gone = len(provider.rows)
        provider.rows.clear()
        return ok({"result": True, "deleted": gone})

    provider.faults.append(without_body)
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(1000, 3000)), mode="mirror", max_remove=1000)

    assert [method for method, _ in provider.writes].count("DELETE") == 1
    assert provider.phones == set(phones(*range(1000, 3000)))
    assert (report.converged, report.unverified) == (False, 0)
    assert any("removing stopped" in note for note in report.notes)


@pytest.mark.fault("P22")
@in_virtual_time
async def test_a_total_that_lies_leaves_its_mark() -> None:
    """Nothing is removed on such a walk, and the report of an add says it."""
    provider = BlacklistProvider(phones(1, 2))
    provider.after = lambda request, response: (
        ok({"data": {**json.loads(response.content)["data"], "total": 99}}) if request.method == "GET" else None
    )
    session, _ = session_over(provider=provider)
    async with session:
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.sync(phones(1), mode="mirror")
        report = await session.blacklist.sync(phones(1, 3))

    assert caught.value.reason == "incomplete"
    assert (report.converged, report.added) == (True, 1)
    assert any("may not have seen the blacklist whole" in note for note in report.notes)


# still_wanted


@in_virtual_time
async def test_who_is_wanted_after_all_is_not_removed() -> None:
    """The callback is asked with digit strings before each batch."""
    provider = BlacklistProvider(phones(*range(1200)))
    session, _ = session_over(provider=provider)
    asked = []

    def still_wanted(batch):
        asked.append(batch)
        return [int(batch[0])]

    async with session:
        report = await session.blacklist.sync(
            phones(*range(700, 1200)), mode="mirror", max_remove=700, still_wanted=still_wanted
        )

    assert [len(batch) for batch in asked[:2]] == [500, 200]
    assert all(type(phone) is str for batch in asked for phone in batch)
    assert {B, B + 500} <= provider.phones
    assert not {phone for _, sent in provider.writes for phone in sent} & {str(B), str(B + 500)}
    assert report.converged
    assert report.late >= 2


@in_virtual_time
async def test_a_batch_of_which_nobody_may_go_is_not_sent() -> None:
    """An empty one might mean all."""
    session, provider = session_over(provider=BlacklistProvider(phones(*range(50))))
    async with session:
        report = await session.blacklist.sync(phones(*range(4, 50)), mode="mirror", still_wanted=list)

    assert provider.writes == []
    assert (report.converged, report.removed, report.late) == (True, 0, 4)


@in_virtual_time
async def test_who_says_stop_while_being_removed_is_brought_back() -> None:
    """They are asked about once more when all is done."""
    provider = BlacklistProvider(phones(*range(50)))
    session, _ = session_over(provider=provider)
    stop = set()
    provider.after = lambda request, _: stop.add(B + 1) if request.method == "DELETE" else None

    async def still_wanted(batch):
        return [phone for phone in batch if int(phone) in stop]

    async with session:
        report = await session.blacklist.sync(phones(*range(4, 50)), mode="mirror", still_wanted=still_wanted)

    assert provider.phones == set(phones(1, *range(4, 50)))
    assert (report.converged, report.removed, report.late) == (True, 3, 1)


@pytest.mark.parametrize("lost", [0, 1, 9])
@in_virtual_time
async def test_who_was_removed_without_an_answer_and_refused_afterwards_is_asked_about(lost) -> None:
    """A provider that refuses to remove whom it has removed already; and the first *lost* adds come to nothing."""
    provider = BlacklistProvider(phones(*range(50)))
    stop = set[int]()

    def refuses(request: httpx.Request):
        if request.method == "DELETE" and not set(map(int, json.loads(request.content)["phones"])) & provider.phones:
            if provider.writes[-1][1] == [str(B + 3)]:
                stop.add(B + 1)
            return no(400, {"message": "not in the list"})
        return None

    def pretends(request: httpx.Request):
        adds = [sent for method, sent in provider.writes if method == "POST"]
        counters = {"added": 1, "exists": 0}
        return ok({"result": True, "counters": counters}) if request.method == "POST" and len(adds) <= lost else None

    provider.faults += [refuses, pretends]
    provider.after = lambda request, _: no(502) if request.method == "DELETE" else None
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(
            phones(*range(4, 50)), mode="mirror", still_wanted=lambda batch: stop & set(map(int, batch))
        )

    assert (B + 1 in provider.phones) is (lost < 9)
    assert (report.converged, report.late, report.removed) == (lost < 9, 1, 3)
    assert any("still_wanted" in note for note in report.notes) is (lost == 9)


@pytest.mark.fault("C14")
@pytest.mark.parametrize("answer", [None, True, "380500000001", [True], {"380500000001": 1}])
@in_virtual_time
async def test_an_answer_that_is_no_list_of_phones_stops_the_removing(answer) -> None:
    """Nothing is guessed of it."""
    provider = BlacklistProvider(phones(*range(50)))
    session, _ = session_over(provider=provider)
    async with session:
        with pytest.raises(SyncInterruptedError, match="must give"):
            await session.blacklist.sync(phones(*range(4, 50)), mode="mirror", still_wanted=lambda _: answer)

    assert provider.writes == []


async def hangs(_batch):
    await asyncio.Event().wait()


async def fails(_batch):
    raise RuntimeError(f"database of {B} is away")


def fails_at_once(_batch):
    raise RuntimeError("away")


def fails_when_it_is_read(_batch):
    yield str(B)
    raise RuntimeError("away")


async def fails_when_its_answer_is_read(batch):
    return fails_when_it_is_read(batch)


async def times_out(_batch):
    raise TimeoutError


class Late:
    """A plain callable that gives something to await."""

    def __call__(self, batch):
        return fails(batch)


@pytest.mark.fault("C14")
@pytest.mark.parametrize(
    "callback",
    [hangs, fails, fails_at_once, fails_when_it_is_read, fails_when_its_answer_is_read, times_out, Late()],
    ids=["hangs", "fails", "at once", "when read", "answer read", "times out", "late"],
)
@in_virtual_time
async def test_a_callback_that_fails_stops_the_sync_safely(callback, caplog: pytest.LogCaptureFixture) -> None:
    """Under our name, with its own error as the cause, and nothing was removed."""
    provider = BlacklistProvider(phones(*range(50)))
    session, _ = session_over(provider=provider)
    async with session:
        with pytest.raises(SyncInterruptedError) as caught:
            await session.blacklist.sync(phones(*range(4, 51)), mode="mirror", still_wanted=callback)

    assert [method for method, _ in provider.writes] == ["POST"]
    assert isinstance(caught.value.__cause__, (RuntimeError, TimeoutError))
    assert str(B) not in str(caught.value)


@pytest.mark.parametrize("kind", ["plain", "async"])
@in_virtual_time
async def test_a_progress_callback_may_be_either_and_may_fail(kind) -> None:
    """C14 again."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    told = []

    async def later(progress):
        told.append(progress)
        if progress.phase == "add":
            raise KeyError(progress.phase)

    def plain(progress):
        told.append(progress)
        if progress.phase == "add":
            raise KeyError(progress.phase)

    async with session:
        with pytest.raises(SyncInterruptedError, match="progress raised KeyError"):
            await session.blacklist.sync(phones(1), progress=plain if kind == "plain" else later)

    assert told[-1].phase == "add"


@in_virtual_time
async def test_a_plan_with_a_callback_wants_it_again_from_a_file(tmp_path: Path) -> None:
    """A file cannot hold one, and removing without it is not what was planned."""
    provider = BlacklistProvider(phones(*range(50)))
    session, _ = session_over(provider=provider)
    asked = []
    async with session:
        plan = await session.blacklist.plan(phones(*range(4, 50)), mode="mirror", still_wanted=lambda _: ())
        plan.to_file(tmp_path / "plan")
        with pytest.raises(SyncRefusedError) as caught:
            await session.blacklist.apply(SyncPlan.from_file(tmp_path / "plan"))
        read = SyncPlan.from_file(tmp_path / "plan", still_wanted=lambda batch: asked.append(batch) or ())
        report = await session.blacklist.apply(read)

    assert (caught.value.reason, report.removed, len(asked)) == ("still_wanted", 4, 2)


# A provider that is away


@pytest.mark.fault("N23")
@in_virtual_time
async def test_a_short_outage_in_the_middle_is_waited_for() -> None:
    """Two seconds of it."""
    provider = BlacklistProvider()
    until = None

    def away(request: httpx.Request):
        nonlocal until
        now = asyncio.get_running_loop().time()
        if len(provider.writes) == 3 and until is None:
            until = now + 2
        return httpx.ConnectError("refused") if until and now < until else None

    provider.faults.append(away)
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(3000)))

    assert (report.converged, report.added, provider.phones) == (True, 3000, set(phones(*range(3000))))


@pytest.mark.fault("N24")
@pytest.mark.parametrize(
    "fault",
    [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), no(503), no(429, {"error_code": 2020202020})],
    ids=["refused", "silent", "503", "429"],
)
@in_virtual_time
async def test_a_long_outage_ends_resumably_and_costs_little(
    fault, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half an hour; ten minutes of it are waited for, with a dozen requests or two."""
    provider = BlacklistProvider(phones(*range(10_000)), page=100)
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda request: fault if len(provider.writes) > 1 else None)
    path = tmp_path / "kept" / "journal"
    async with session:
        with pytest.raises(SyncInterruptedError, match="away for 10 minutes") as caught:
            await session.blacklist.sync(phones(*range(11_000)), journal=path)

    assert caught.value.journal == str(path)
    assert len(provider.requests) < 105 + 1 + 25
    said = [record.getMessage() for record in caplog.records if "the sync waits" in record.getMessage()]
    assert len(said) == 1, "once, and not for each try"
    assert re.match(r"the sync waits for the provider, and tries again until about \d\d:\d\d: ", said[0])


@in_virtual_time
async def test_a_provider_that_asks_for_an_hour_is_quoted() -> None:
    """Nothing was waited for, and nothing is said to have been."""
    provider = BlacklistProvider()
    session, _ = session_over(provider=provider)
    provider.faults.append(lambda _: no(429, {"error_code": 2020202020}, retry_after="3600"))
    async with session:
        with pytest.raises(SyncInterruptedError, match="left alone for 3600 seconds, longer than is waited for"):
            await session.blacklist.sync(phones(1))

    assert len(provider.requests) == 1


@in_virtual_time
async def test_the_wanted_side_is_taken_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second index beside the plan's would be what a sync of ten million needs most of its memory for."""
    taken = list[int]()
    really = Index.add

    def add(self: Index, numbers: Iterable[int]) -> None:
        taken.extend(held := list(numbers))
        really(self, held)

    monkeypatch.setattr(Index, "add", add)
    session, _ = session_over(provider=BlacklistProvider(phones(*range(1000))))
    async with session:
        report = await session.blacklist.sync(phones(*range(10, 1010)), mode="mirror")
        by_sync = len(taken)
        plan = await session.blacklist.plan(phones(*range(10, 1020)), mode="mirror")
        await session.blacklist.apply(plan)

    assert (report.converged, report.added, report.already_there) == (True, 10, 990)
    assert by_sync == 1000 + 10 + 10  # and what changes, for the guards
    assert len(taken) - by_sync == 1010


@pytest.mark.fault("R06")
@in_virtual_time
async def test_five_minutes_of_429_are_a_pause() -> None:
    """The sync waits and goes on."""
    provider = BlacklistProvider()
    began = asyncio.get_running_loop().time()
    provider.faults.append(
        lambda request: (
            no(429, {"error_code": 2020202020})
            if provider.writes and asyncio.get_running_loop().time() < began + 300
            else None
        )
    )
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(1000)))

    assert (report.converged, report.added) == (True, 1000)
    assert 300 < report.seconds < 500


@in_virtual_time
async def test_an_outage_is_told_and_is_no_work() -> None:
    """Before each wait; and what was waited counts for no pace, neither in the middle nor before there is anything."""
    provider = BlacklistProvider()
    told: list[SyncProgress] = []
    loop = asyncio.get_running_loop()
    began = loop.time()

    def away(_request: httpx.Request) -> httpx.Response | None:
        since = loop.time() - began
        return no(503) if since < 20 or (len(provider.history) == 1 and since < 400) else None

    provider.faults.append(away)
    session, _ = session_over(provider=provider)
    async with session:
        await session.blacklist.sync(phones(*range(1000)), progress=told.append)
    waits = [each for each in told if each.waits]

    assert {(each.phase, each.done, each.of) for each in waits} == {("read", 1000, None), ("add", 500, 1000)}
    assert not told[-1].waits
    assert told[-1].waited == pytest.approx(400, rel=0.2)
    assert told[-1].rate > 5 * told[-1].requests / told[-1].seconds


@in_virtual_time
async def test_a_page_that_is_garbled_is_asked_for_again_but_not_for_ever() -> None:
    """A proxy's own page in between is an accident; three in a row are a provider that has changed."""
    provider = BlacklistProvider(phones(1))
    provider.faults.append(once(httpx.Response(200, content=b"<html>"), method="GET", at=1))
    session, _ = session_over(provider=provider)
    async with session:
        assert (await session.blacklist.sync(phones(1))).converged
        provider.faults[:] = [lambda _: httpx.Response(200, content=b"<html>")]
        before = len(provider.requests)
        with pytest.raises(Exception, match="cannot be read"):
            await session.blacklist.sync(phones(1))

    assert len(provider.requests) == before + 3


@in_virtual_time
async def test_a_clear_no_comes_out_as_it_is() -> None:
    """Waiting would not help."""
    provider = BlacklistProvider()
    provider.faults.append(lambda request: no(403) if request.method == "POST" else None)
    session, _ = session_over(provider=provider)
    async with session:
        with pytest.raises(PermissionDeniedError):
            await session.blacklist.sync(phones(1))

    assert len(provider.writes) == 1


@in_virtual_time
async def test_after_a_pause_the_callback_is_asked_again() -> None:
    """An answer is as old as one call is long, not as an outage."""
    provider = BlacklistProvider(phones(*range(50)))
    count = 0

    def away(request: httpx.Request):
        nonlocal count
        count += request.method == "DELETE"
        return no(503) if request.method == "DELETE" and count <= 3 else None

    provider.faults.append(away)
    session, _ = session_over(provider=provider)
    asked = []

    def still_wanted(batch):
        asked.append(batch)
        return [] if len(asked) == 1 else [B + 1]

    async with session:
        report = await session.blacklist.sync(phones(*range(4, 50)), mode="mirror", still_wanted=still_wanted)

    assert B + 1 in provider.phones
    assert str(B + 1) not in provider.writes[-1][1]
    assert report.converged


@in_virtual_time
async def test_a_revoked_token_does_not_end_a_removal() -> None:
    """A DELETE is not repeated by the call itself, and a 401 is worth one more try."""
    provider = BlacklistProvider(phones(*range(50)))
    provider.faults.append(once(no(401, {"error_code": 401}), method="DELETE"))
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(4, 50)), mode="mirror")

    assert (report.converged, report.removed, report.doubtful) == (True, 4, 0)


@in_virtual_time
async def test_who_is_there_again_is_not_removed_again() -> None:
    """Somebody has put them back: they said stop elsewhere. The next plan decides, with its guards."""
    provider = BlacklistProvider(phones(*range(50)))
    provider.after = lambda request, _: provider.put(B + 1) if request.method == "DELETE" else None
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(4, 50)), mode="mirror")

    assert [method for method, _ in provider.writes] == ["DELETE"]
    assert (report.converged, report.removed, report.lingering) == (False, 3, 1)
    assert any("there again" in note for note in report.notes)


@in_virtual_time
async def test_a_removal_without_a_clear_answer_is_repeated() -> None:
    """What became of it is not known, so what is still there goes."""
    provider = BlacklistProvider(phones(*range(50)))
    provider.faults.append(once(ok({"result": True, "deleted": 0}), method="DELETE"))
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(4, 50)), mode="mirror")

    assert [method for method, _ in provider.history] == ["DELETE"]
    assert (report.converged, report.removed, report.doubtful) == (True, 4, 1)


@in_virtual_time
async def test_smaller_pages_are_asked_for_where_large_ones_are_refused() -> None:
    """What a page may hold is not documented; a hundred is what the host's other lists take."""
    provider = BlacklistProvider(phones(*range(250)))
    provider.faults.append(lambda request: no(422) if int(request.url.params.get("limit", 0)) > 100 else None)
    session, _ = session_over(provider=provider)
    async with session:
        report = await session.blacklist.sync(phones(*range(251)))
        provider.faults[:] = [lambda request: no(422) if request.method == "GET" else None]
        before = len(provider.requests)
        with pytest.raises(BadRequestError):
            await session.blacklist.sync(phones(*range(251)))

    assert (report.converged, report.added) == (True, 1)
    assert [request.url.params.get("limit") for request in provider.requests[:3]] == ["1000", "100", "100"]
    assert len(provider.requests) == before + 2
