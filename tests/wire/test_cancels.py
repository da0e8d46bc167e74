"""Calls ended at any moment, in every way that Python knows, over real sockets: and nothing is missing afterwards.

A moment is a number of turns of the event loop, so that each await of a call is met, on any machine. The seed is
printed; VIBER_TEST_SEED replays it, and VIBER_TEST_CANCELS says how many.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import define, field

from tests.wire.hostile import Hostile, Peer, answer, healthy_afterwards, session_to
from tests.wire.ways import ANSWERS, TURNS, WAYS, Call, calls_of, descriptors
from viber_async import (
    ClientCredentials,
    DeadlineExceededError,
    OutcomeUnknownError,
    PacedLimiter,
    RateLimit,
    SessionClosedError,
    ViberSession,
)

CANCELS = int(os.environ.get("VIBER_TEST_CANCELS", "200"))
SEED = int(os.environ.get("VIBER_TEST_SEED", "0")) or random.randrange(1, 2**32)
AT_ONCE = 20
LIMIT = RateLimit(50, per=0.01)
"""Fast, but some have to wait for their turn."""


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    request.node.add_report_section("setup", "to replay", f"VIBER_TEST_SEED={SEED}")
    return random.Random(SEED)


def dawdling(chance: random.Random) -> Callable[[Peer], Awaitable[None]]:
    """Answer in two pieces after some turns of the loop, and now and then hang up in all politeness."""

    async def step(peer: Peer) -> None:
        while True:
            request = await peer.next_request()
            last = chance.random() < 0.1
            headers = {"connection": "close"} if last else {}
            raw = answer(peer.server.honest_value(request), **headers)
            cut = chance.randrange(1, len(raw))
            for piece in (raw[:cut], raw[cut:]):
                for _ in range(chance.randrange(8)):
                    await asyncio.sleep(0)
                await peer.send(piece)
            if last:
                return

    return step


@define
class Counting:
    """A real rate limiter that knows how many of its turns have not ended."""

    real: PacedLimiter = field(factory=lambda: PacedLimiter(LIMIT))
    out: int = 0

    async def acquire(self, **asked: Any) -> Any:
        turn = await self.real.acquire(**asked)
        self.out += 1
        return _Counted(self, turn)

    def pause(self, seconds: float) -> None:
        self.real.pause(seconds)

    def statistics(self) -> Any:
        return self.real.statistics()


@define
class _Counted:
    limiter: Counting
    turn: Any

    def sent(self) -> None:
        self.turn.sent()

    def end(self, **how: Any) -> None:
        self.limiter.out -= 1
        self.turn.end(**how)


async def all_turns_are_back(limiter: Counting) -> None:
    """Prove it: as many turns as the limit has can be had at once."""
    assert limiter.out == 0
    turns = await asyncio.gather(*(limiter.acquire(lane="interactive", endpoint="x") for _ in range(LIMIT.requests)))
    for turn in turns:
        turn.end(answered=False)


@asynccontextmanager
async def nothing_left_behind(chance: random.Random) -> AsyncIterator[Hostile]:
    """Give a server; when everybody has left it, tasks and descriptors are as before, and nobody has complained."""
    async with Hostile(then=(dawdling(chance),), answers=ANSWERS) as server:
        async with session_to(server) as session:
            await session.senders.list()  # what is loaded once is loaded now
        await server.settled()
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        gc.collect()
        tasks, held = asyncio.all_tasks(), descriptors()
        yield server
        await server.settled()
        gc.collect()
        await asyncio.sleep(0)

        assert asyncio.all_tasks() == tasks
        assert descriptors() <= held  # less, where the last of an earlier test is let go meanwhile
        assert complaints == []


@pytest.mark.fault("C01", "C02", "C03", "C04")
@pytest.mark.timeout(1800)
async def test_cancels_at_any_moment_leave_nothing_behind(
    chance: random.Random, request: pytest.FixtureRequest
) -> None:
    """Every connection, turn, task and descriptor is there again, and nobody complains."""
    ended: Counter[bool] = Counter()
    limiter = Counting()
    async with (
        nothing_left_behind(chance) as server,
        session_to(
            server, credentials=ClientCredentials("id", "secret"), rate_limiter=limiter, max_connections=10
        ) as session,
    ):
        calls = calls_of(session)
        while ended[True] < CANCELS:
            burst = [chance.choice(WAYS)(chance.choice(calls), chance.randrange(TURNS)) for _ in range(AT_ONCE)]
            ended.update(await asyncio.gather(*burst))
        async with asyncio.timeout(20):
            await asyncio.gather(*(session.senders.list() for _ in range(20)))
        await healthy_afterwards(session)
        await all_turns_are_back(limiter)
        figures = f"{ended[True]} cancelled, {ended[False]} had ended before, {len(server.peers)} connections"
        request.node.add_report_section("call", "figures", figures)

        assert session.statistics().pools_replaced == 0
        assert ended[False] > CANCELS / 50  # or the moments do not reach to the end of a call


@pytest.mark.fault("C02")
@pytest.mark.timeout(1800)
async def test_closing_at_any_moment_leaves_nothing_behind(chance: random.Random) -> None:
    """With calls under way that are cancelled as well, and whoever waits for the closing cancelled too."""
    limiter = Counting()
    async with nothing_left_behind(chance) as server:
        for _ in range(max(30, CANCELS // 40)):
            session = session_to(
                server, credentials=ClientCredentials("id", "secret"), rate_limiter=limiter, max_connections=3
            )
            calls = calls_of(session)
            under_way = [chance.choice(WAYS)(chance.choice(calls), chance.randrange(TURNS)) for _ in range(6)]
            closing = [_closed(session, chance.randrange(TURNS), chance.choice(WAYS)) for _ in range(2)]
            ended = await asyncio.gather(*under_way, *closing, return_exceptions=True)
            await session.aclose()

            assert {type(each) for each in ended} <= {bool, SessionClosedError, OutcomeUnknownError}
            assert len(session._parts.tasks) == 0
        await all_turns_are_back(limiter)


async def _closed(session: ViberSession, turns: int, way: Callable[[Call, int], Awaitable[bool]]) -> bool:
    """Close it after some turns, and cancel that after some more."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await way(session.aclose, turns // 3)


async def test_deadlines_at_any_moment_leave_nothing_behind(chance: random.Random) -> None:
    """Hundreds of calls ended in their middle, more callers than connections: and then all connections are there."""

    async def late(deadline: float) -> None:
        try:
            await session.with_options(deadline=deadline, retries=0).senders.list()
        except DeadlineExceededError:
            return

    async with nothing_left_behind(chance) as server, session_to(server, max_connections=5) as session:
        for _ in range(20):
            await asyncio.gather(*(late(chance.uniform(0.0005, 0.03)) for _ in range(20)))
        await healthy_afterwards(session)

        assert session.statistics().pools_replaced == 0


async def test_streams_left_at_any_moment_leave_nothing_behind(chance: random.Random) -> None:
    """Closed while they connect, wait, or read: and then all connections are there."""
    async with nothing_left_behind(chance) as server, session_to(server, max_connections=3) as session:
        for _ in range(60):
            stream = session.campaigns.iter_recipients(7)
            reading = asyncio.ensure_future(anext(stream, None))  # type: ignore[arg-type]
            for _ in range(chance.randrange(TURNS)):
                await asyncio.sleep(0)
            await stream.aclose()
            await asyncio.wait([reading])
        await healthy_afterwards(session)

        assert session.statistics().pools_replaced == 0
