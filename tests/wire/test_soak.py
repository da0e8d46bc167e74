"""Mixed traffic for minutes, against a provider of ill humour: nothing may rise.

By default it lasts a second and only looks for what is left behind; VIBER_TEST_SOAK says for how many minutes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import pytest
from attrs import field, frozen

from tests.wire.ways import TURNS, WAYS, calls_of, descriptors
from viber_async import ClientCredentials, RateLimit, Timeout, ViberError, ViberSession

MINUTES = float(os.environ.get("VIBER_TEST_SOAK", "0"))
ROUNDS = 33 if MINUTES else 2
WARM_UP = 3
"""Rounds that are not counted."""
SECONDS = MINUTES * 60 / ROUNDS if MINUTES else 0.5
"""Of traffic in each round."""
WORKERS = 30
ROOT = Path(__file__).parent.parent.parent


def rises(samples: Sequence[float], allowed: float) -> bool:
    """Tell whether the later of *samples* lie above the earlier ones by more than *allowed*, and did so all the way.

    Medians of thirds: a peak is no rise, neither is a step that is not followed by another.
    """
    third = len(samples) // 3
    first, second, last = (median(samples[n * third : (n + 1) * third]) for n in range(3))
    return last - first > allowed and second - first > allowed / 4 and last - second > allowed / 4


@pytest.mark.parametrize(
    ("samples", "result"),
    [
        ([100.0] * 30, False),
        ([100.0 + n for n in range(30)], True),
        ([100.0 + n for n in range(30)][::-1], False),
        ([100.0 + n * 0.2 for n in range(30)], False),
        ([100.0] * 10 + [150.0] * 20, False),
        ([100.0] * 20 + [150.0] * 10, False),
        ([100.0 + 400 * (n % 7 == 0) for n in range(30)], False),
        ([100.0 + n + 400 * (n % 7 == 0) for n in range(30)], True),
    ],
    ids=["flat", "rising", "falling", "by less than allowed", "a step", "a late step", "peaks", "rising under peaks"],
)
def test_only_what_rises_all_the_way_rises(samples: list[float], result: bool) -> None:
    """The judge of the soak does not cry wolf, and does not sleep."""
    assert rises(samples, 10.0) is result


@frozen
class Sample:
    """What the process holds at a quiet moment."""

    resident: float = field(factory=lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4.096 / 1000)
    """MB."""
    traced: float = field(factory=lambda: tracemalloc.get_traced_memory()[0] / 1e6)
    """MB, of Python's own."""
    descriptors: int = field(factory=descriptors)
    tasks: int = field(factory=lambda: len(asyncio.all_tasks()))


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    """Give the address of the provider."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.wire.moody"), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.communicate()


async def something(session: ViberSession) -> str:
    """Do one thing out of many, to its end or not; tell how it ended."""
    late = session.with_options(deadline=random.uniform(0.001, 0.3), retries=0)
    call = random.choice(calls_of(random.choice([session, session, session, session.with_options(lane="bulk"), late])))
    try:
        if random.random() < 0.3:
            return "cancelled" if await random.choice(WAYS)(call, random.randrange(TURNS)) else "answered"
        await call()
    except ViberError as error:
        return type(error).__name__
    return "answered"


async def traffic(session: ViberSession, seconds: float) -> Counter[str]:
    """Let all workers work for so long, and wait until nothing is under way."""
    over = asyncio.get_running_loop().time() + seconds
    ended: Counter[str] = Counter()

    async def work() -> None:
        while asyncio.get_running_loop().time() < over:
            ended[await something(session)] += 1

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    while len(session._parts.tasks):
        await asyncio.wait(list(session._parts.tasks._tasks))
    return ended


def shown(samples: list[Sample], ended: Counter[str]) -> str:
    rows = [f"{each.resident:8.1f} {each.traced:8.2f} {each.descriptors:4d} {each.tasks:4d}" for each in samples]
    return "\n".join([str(dict(ended.most_common())), "  RSS MB   traced  fds tasks", *rows])


@pytest.mark.timeout(MINUTES * 120 + 60)
async def test_nothing_rises_under_mixed_traffic(request: pytest.FixtureRequest) -> None:
    """Memory, descriptors and tasks at quiet moments are the same for as long as it lasts."""
    samples, ended = [], Counter[str]()
    short = Timeout(connect=2, write=2, read=2, create_read=2, pool=2)
    async with (
        provider() as url,
        ViberSession(
            ClientCredentials("id", "secret"), base_url=url, rate_limit=RateLimit(200), timeout=short, deadline=5
        ) as session,
    ):
        tracemalloc.start()
        try:
            for _ in range(ROUNDS):
                ended += await traffic(session, SECONDS)
                gc.collect()
                samples.append(Sample())
        finally:
            tracemalloc.stop()
        replaced = session.statistics().pools_replaced
    request.node.add_report_section("call", "samples", shown(samples, ended))

    assert replaced == 0
    assert {each.tasks for each in samples} == {1}
    assert max(each.descriptors for each in samples) - min(each.descriptors for each in samples) <= 20
    assert ended["answered"] > ended.total() / 4
    if MINUTES:
        counted = samples[WARM_UP:]
        assert not rises([each.resident for each in counted], allowed=3.0)
        assert not rises([each.traced for each in counted], allowed=0.2)
        assert not rises([each.descriptors for each in counted], allowed=3.0)
