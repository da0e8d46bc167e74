"""The demo's steps by themselves."""

from __future__ import annotations

import asyncio
import stat

import pytest

from tests.shell.clock import in_virtual_time
from viber_async import ViberSession
from viber_async.cli import _demo_steps as steps
from viber_async.sandbox import Fault, Sandbox


@pytest.fixture
async def sandbox():
    async with Sandbox() as serving:
        yield serving


@pytest.fixture
async def session(sandbox):
    async with ViberSession(sandbox.credentials, base_url=sandbox.url) as opened:
        yield opened


def test_a_file_of_phones_is_private(tmp_path):
    """Invented ones too."""
    steps.write_privately(tmp_path / "phones", ["380931111111"])

    assert stat.S_IMODE((tmp_path / "phones").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    """It would keep the rights that it has."""
    (tmp_path / "phones").touch()

    with pytest.raises(FileExistsError):
        steps.write_privately(tmp_path / "phones", [])


def test_every_line_is_a_phone_a_duplicate_or_a_reject(tmp_path):
    """A reject has its line, its reason, and no whole phone."""
    path = tmp_path / "phones"
    path.write_text("phone\n+44 20 7946 0958\n442079460958\n0442079460958", encoding="utf-8")

    found = steps.read_phones(path)

    assert (found.lines, found.phones, found.duplicates) == (4, ("442079460958",), 1)
    assert [each.line for each in found.rejects] == [1, 4]
    assert found.rejects[0].shown == "'phone'"
    assert found.rejects[1].reason.startswith("a phone starts with its country code")
    assert "442079460958" not in found.rejects[1].shown


def test_an_empty_file_has_no_lines(tmp_path):
    """And nothing else."""
    (tmp_path / "phones").touch()

    assert steps.read_phones(tmp_path / "phones") == steps.Reading(lines=0, phones=(), duplicates=0, rejects=())


async def test_a_step_says_how_far_it_has_got(session):
    """After every request."""
    reached: list[int] = []
    phones = tuple(str(number) for number in range(442079460000, 442079460501))

    done = await steps.add_in_batches(session, phones, reached.append)

    assert reached == [500, 501]
    assert done == steps.Adding(added=501, exists=0, exact=True)


async def test_a_batch_that_was_repeated_makes_the_counters_inexact(sandbox, session):
    """The first copy was carried out, and its answer lost."""
    sandbox.faults.add(Fault.cut(processed=True), on="blacklist.add")

    assert not (await steps.add_in_batches(session, ("442079460958",), [].append)).exact


async def test_a_campaign_that_does_not_end_is_given_up(sandbox, session):
    """After so many looks."""
    created = await session.campaigns.create(steps.large_draft(("442079460958",)))

    ended = await steps.follow(session, sandbox, created.task_id, [].append, most_polls=2)

    assert (ended.polls, ended.over) == (2, False)


async def test_the_wire_shows_what_the_rate_limit_refused():
    """A sandbox that allows less than the session believes."""
    async with (
        Sandbox(rate_limit=(1, 0.2)) as strict,
        ViberSession(strict.credentials, base_url=strict.url) as session,
    ):
        await session.blacklist.count()
        wire = steps.wire_of(session, strict, steps.Pulse())

    assert wire.allowed == 1
    assert wire.refusals == wire.session.throttled > 0


async def test_the_cost_is_summed_by_currency(facts):
    """From the digits that the provider wrote."""
    assert {currency: str(price) for currency, price in facts.ended.cost.items()} == {"RUR": "8.88"}


@pytest.mark.parametrize(("seconds", "stalls"), [(0.0, 0), (0.1, 0), (0.25, 1)])
@in_virtual_time
async def test_a_pulse_feels_when_the_loop_stands_still(seconds, stalls):
    """By as much as it is late; a little is nothing."""
    loop = asyncio.get_running_loop()
    async with steps.Pulse() as pulse:
        await asyncio.sleep(1)
        loop.now += seconds  # as if something had kept it from turning
        await asyncio.sleep(1)

    assert pulse.stalls == stalls
    assert (pulse.longest >= steps.STILL) is (stalls > 0)
