"""A sync as it runs at night: real sockets, real files, real threads, and a provider that is away or lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from viber_async import RateLimit, SyncReport, ViberSession
from viber_async.sandbox import Fault, Sandbox

FIRST = 380931111111


def phones(first: int, end: int) -> range:
    return range(FIRST + first, FIRST + end)


async def synced(sandbox: Sandbox, wanted: range, **how: object) -> SyncReport:
    async with ViberSession(sandbox.credentials, base_url=sandbox.url, rate_limit=RateLimit(200)) as session:
        return await session.blacklist.sync(wanted, **how)


async def test_a_sync_adds_and_removes_on_real_sockets(tmp_path: Path) -> None:
    """And its report adds up."""
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("".join(f"{FIRST + i}\n" for i in range(1500)))
    async with Sandbox(rate_limit=None) as sandbox:
        sandbox.block(*phones(1400, 1510))
        async with ViberSession(sandbox.credentials, base_url=sandbox.url, rate_limit=RateLimit(200)) as session:
            report = await session.blacklist.sync(wanted, mode="mirror", journal=tmp_path / "journal")

    assert report.converged
    assert (report.already_there, report.added, report.removed) == (100, 1400, 10)
    assert sandbox.blacklisted == set(phones(0, 1500))
    assert report.seconds > 0


@pytest.mark.fault("N23")
async def test_an_outage_of_two_seconds_is_outlived(tmp_path: Path) -> None:
    """It begins behind a batch that was carried out and not answered; every connection is cut meanwhile."""
    async with Sandbox(rate_limit=None) as sandbox:

        def outage() -> None:
            sandbox.faults.add(Fault.cut(reset=True), times=None, seconds=2)

        sandbox.faults.add(Fault.before(outage) + Fault.cut(processed=True, reset=True), on="blacklist.add", skip=2)
        report = await synced(sandbox, phones(0, 3000), journal=tmp_path / "journal")

    assert (report.converged, report.added, report.already_there, report.unverified) == (True, 3000, 0, 0)
    assert sandbox.blacklisted == set(phones(0, 3000))
    assert report.seconds > 2


# A provider that lies


async def lied_to(fault: Fault, on: str, *, times: int | None = None) -> tuple[SyncReport, Sandbox]:
    """Mirror 1200 phones against 1000, twenty of which have to go, while *fault* strikes all that is *on*."""
    async with Sandbox(rate_limit=None) as sandbox:
        sandbox.block(*phones(-20, 980))
        sandbox.faults.add(fault, on=on, times=times)
        return await synced(sandbox, phones(0, 1200), mode="mirror"), sandbox


@pytest.mark.fault("P21")
async def test_adds_that_are_counted_and_not_done_are_reported() -> None:
    """And nothing is removed after them."""
    report, sandbox = await lied_to(Fault.pretend(), "blacklist.add")

    assert (report.converged, report.added, report.unverified, report.removed) == (False, 0, 220, 0)
    assert sandbox.blacklisted == set(phones(-20, 980))
    assert "220 wanted phones were not seen afterwards, whatever the writes were answered" in report.notes
    assert sandbox.requests_of("blacklist.remove") == ()


@pytest.mark.fault("P21")
async def test_removals_that_are_counted_and_not_done_are_reported() -> None:
    """They are there, and that is what is said."""
    report, sandbox = await lied_to(Fault.pretend(), "blacklist.remove")

    assert (report.converged, report.added, report.removed, report.lingering) == (False, 220, 0, 20)
    assert sandbox.blacklisted == set(phones(-20, 1200))
    assert any(note.startswith("20 phones were removed and are still there") for note in report.notes)


async def test_one_add_in_a_hundred_that_gets_lost_is_made_up_for() -> None:
    """Each time another one: what the walk misses is added again."""
    report, sandbox = await lied_to(Fault.lose(every=100), "blacklist.add")

    assert (report.converged, report.added, report.unverified, report.removed) == (True, 220, 0, 20)
    assert sandbox.blacklisted == set(phones(0, 1200))


async def test_phones_that_get_lost_each_time_are_reported() -> None:
    """Nothing is removed, because what was added is not all there."""
    report, sandbox = await lied_to(Fault.lose(FIRST + 990, FIRST + 1100), "blacklist.add")

    assert (report.converged, report.added, report.unverified, report.removed) == (False, 218, 2, 0)
    assert sandbox.blacklisted == set(phones(-20, 1200)) - {FIRST + 990, FIRST + 1100}
    assert any("nothing was removed" in note for note in report.notes)


@pytest.mark.parametrize(
    ("quiet", "lingering", "refused", "note"),
    [(True, 20, 0, "20 phones were removed and are still"), (False, 0, 20, "the provider refused 20 phones")],
    ids=["quiet", "refused"],
)
async def test_a_delete_that_loses_its_body_on_the_way_is_reported(quiet, lingering, refused, note) -> None:
    """As phones that are still there, or that the provider refuses; nobody else is removed."""
    report, sandbox = await lied_to(Fault.strip_body(quiet=quiet), "blacklist.remove")

    assert (report.added, report.removed, report.lingering, len(report.refused)) == (220, 0, lingering, refused)
    assert sandbox.blacklisted == set(phones(-20, 1200))
    assert any(each.startswith(note) for each in report.notes)


@pytest.mark.fault("P22")
async def test_a_total_that_lies_in_the_end_leaves_its_mark() -> None:
    """The walk of the plan was whole; that of the end cannot be shown to be."""
    async with Sandbox(rate_limit=None) as sandbox:
        sandbox.block(*phones(0, 100))
        sandbox.faults.add(Fault.total_off(5), on="blacklist.list", times=None, skip=2)
        report = await synced(sandbox, phones(50, 150))

    assert (report.added, report.unverified) == (50, 0)
    assert report.walk is not None
    assert not report.walk.complete
    assert any("may not have seen the blacklist whole" in note for note in report.notes)
