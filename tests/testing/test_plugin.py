"""The fixtures, in test runs of their own, as users have them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
USE = """
async def test_a_session_runs_against_the_sandbox(viber_session, viber_sandbox):
    draft = dict(sender_id=1, message_live_time=60, message="hello", recipients=["380931111111"])
    created = await viber_session.campaigns.create(**draft)
    (arrived,) = await viber_sandbox.arrival("campaigns.create")

    assert created.task_id == viber_sandbox.campaigns[0].id
    viber_sandbox.assert_sent_once("+380 93 111-11-11", text="hello")
"""
ASYNCIO = f"""
import pytest
from viber_async import CampaignDraft, ViberSession

pytestmark = pytest.mark.asyncio
{USE}

@pytest.mark.asyncio(loop_scope="module")
async def test_it_follows_the_test_into_its_loop(viber_session):
    assert len(await viber_session.senders.list()) == 2


async def test_a_program_finds_it_by_the_environment(viber_environment, monkeypatch):
    async with ViberSession.from_env() as session:
        assert await session.blacklist.count() == 0


async def test_each_key_once(viber_session):
    draft = CampaignDraft(sender_id=1, message_live_time=60, message="hello", recipients=["380931111111"])
    first = await viber_session.campaigns.create_once(draft, key="order 7")
    assert await viber_session.campaigns.create_once(draft, key="order 7") == first


class TestOptions:
    @pytest.fixture
    def viber_sandbox_options(self):
        return {{"senders": []}}

    @pytest.fixture
    def viber_session_options(self):
        return {{"retries": 0, "ledger": None}}

    async def test_they_are_ones_own(self, viber_session):
        assert await viber_session.senders.list() == ()
"""
ANYIO = f"""
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"

{USE}
"""
WITHOUT_A_LOOP = """
import asyncio
from viber_async import ViberSession


def test_a_program_in_another_loop_finds_it(viber_environment):
    async def program():
        async with ViberSession.from_env() as session:
            return len(await session.senders.list())

    assert asyncio.run(program()) == 2
    assert len(viber_environment.requests_of("senders.list")) == 1
"""


@pytest.fixture
def ini(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")


@pytest.mark.parametrize(
    ("source", "arguments", "passed"),
    [
        (ASYNCIO, [], 5),
        (ASYNCIO, ["-o", "asyncio_mode=auto", "-p", "no:anyio"], 5),
        (ANYIO, [], 1),
        (ANYIO, ["-p", "no:asyncio", "-o", "filterwarnings=default"], 1),
        (WITHOUT_A_LOOP, [], 1),
    ],
    ids=["asyncio", "asyncio alone, in auto mode", "anyio", "anyio alone", "no loop"],
)
def test_the_fixtures_serve_every_kind_of_test(
    pytester: pytest.Pytester, ini: None, source: str, arguments: list[str], passed: int
) -> None:
    """In the loop that the test runs in, whoever made it, or beside a test that has none."""
    pytester.makepyfile(source)
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", *arguments)

    result.assert_outcomes(passed=passed)


ON_TRIO = """
import pytest


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_it(viber_session, anyio_backend): ...
"""


NOBODY = "nobody runs this async test: *pytest.mark.asyncio*asyncio_mode = auto*pytest.mark.anyio"


@pytest.mark.parametrize(
    ("source", "arguments", "said"),
    [
        ("def test_it(viber_session): ...", [], "viber_session belongs to the loop of an async test*viber_environment"),
        (ANYIO, ["-o", "asyncio_mode=auto"], "pytest-asyncio's auto mode has taken this test*asyncio_mode = strict"),
        (ON_TRIO, [], "viber_async runs on asyncio, and this test on trio"),
        ("async def test_it(viber_session): ...", [], NOBODY),
        ("async def test_it(viber_sandbox): ...", ["-p", "no:asyncio", "-o", "filterwarnings=default"], NOBODY),
    ],
    ids=["no loop", "two plugins", "trio", "no marker", "no plugin"],
)
def test_who_cannot_be_served_is_told_what_to_do(
    pytester: pytest.Pytester, ini: None, source: str, arguments: list[str], said: str
) -> None:
    """At the set-up, in one line."""
    pytester.makepyfile(source)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"E *UsageError: {said}*"])


def test_the_example_of_the_page_passes(pytester: pytest.Pytester, ini: None) -> None:
    """As a file of its own, the way that it is to be used."""
    (example,) = re.findall(r"^```python\n(# test_orders\.py\n.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    pytester.makepyfile(example)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=3)


def test_the_fixtures_are_explained(pytester: pytest.Pytester, ini: None) -> None:
    """By pytest's own list, without those of the machinery."""
    result = pytester.runpytest_inprocess("--fixtures", "-p", "no:cacheprovider")
    names = [line.split()[0] for line in result.outlines if line.startswith(("viber_", "_viber_"))]

    assert names == [
        "viber_sandbox_options",
        "viber_session_options",
        "viber_sandbox",
        "viber_session",
        "viber_environment",
    ]
