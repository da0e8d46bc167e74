"""Eight real processes on one account, a real Redis between them, and a judge at the server who counts arrivals.

The default run takes seconds on a machine that others use too, and is lenient about what a stall of it can cost;
``nox -s fleet`` takes half a minute each time and is strict.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.fleet.conftest import RedisServer
from viber_async.redis import RedisTokenStore

STRICT = "VIBER_TEST_FLEET" in os.environ
SECONDS = float(os.environ.get("VIBER_TEST_FLEET", "3"))
MEMBERS = 8
LEAST_USE, MOST_UNFAIR, MOST_REFUSED = (0.9, 0.25, 0) if STRICT else (0.25, 0.9, 2)


class Judge:
    """A provider that allows ten arrivals in any second, and notes who came when."""

    def __init__(self) -> None:
        self.tokens = 0
        self.refused = 0
        self.arrivals: list[tuple[float, str]] = []
        self._counted: deque[float] = deque()
        self._came = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                now = asyncio.get_running_loop().time()
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                await reader.readexactly(int(fields.get("content-length", 0)))
                writer.write(self._answer(head, fields["user-agent"].split()[0], now))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the member is gone
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def left(self) -> None:
        """Wait until every connection is closed; those who made them are gone."""
        await asyncio.wait(self._serving)

    def _answer(self, head: str, who: str, now: float) -> bytes:
        while self._counted and now - self._counted[0] >= 1.0:
            self._counted.popleft()
        if len(self._counted) >= 10:
            self.refused += 1
            return _answer("429 Too Many Requests", {"error_code": 2020202020, "message": "too many"})
        self._counted.append(now)
        if head.startswith("post /oauth"):
            self.tokens += 1
            return _answer("200 OK", {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600})
        self.arrivals.append((now, who))
        self._came.set()
        return _answer("200 OK", [])

    async def seen(self, *, members: int) -> None:
        """Wait until so many members have come."""
        while len({who for _, who in self.arrivals}) < members:
            self._came.clear()
            await self._came.wait()

    async def comes(self, who: str, *, after: float) -> None:
        """Wait until *who* has come after that moment."""
        while not any(moment >= after and each == who for moment, each in reversed(self.arrivals)):
            self._came.clear()
            await self._came.wait()

    def between(self, start: float, end: float) -> Counter[str]:
        """Give who came how often in that time."""
        return Counter(who for moment, who in self.arrivals if start <= moment < end)


def _answer(status: str, body: Any) -> bytes:
    content = json.dumps(body).encode()
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode()
        + content
    )


@asynccontextmanager
async def a_fleet(port: int) -> AsyncIterator[Judge]:
    """Let eight members loose on a judge; the block begins when each of them has come."""
    judge = Judge()
    server = await asyncio.start_server(judge.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    told = [url, str(port), RedisTokenStore.new_secret(), str(MEMBERS)]
    fleet = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fleet.members", *told, cwd=Path(__file__).parents[2]
    )
    try:
        await judge.seen(members=MEMBERS)
        yield judge
    finally:
        fleet.terminate()
        await fleet.wait()
        server.close()
        await judge.left()


def is_fair(came: Counter[str]) -> bool:
    """Tell whether each has about its part of what all together have."""
    part = came.total() / len(came)
    return all(abs(count - part) <= MOST_UNFAIR * part for count in came.values())


async def passes(seconds: float) -> tuple[float, float]:
    """Let real time pass, and give when it began and ended."""
    clock = asyncio.get_running_loop()
    began = clock.time()
    over: asyncio.Future[None] = clock.create_future()
    clock.call_later(seconds, over.set_result, None)
    await over
    return began, clock.time()


@pytest.mark.fault("R09", "M04")
@pytest.mark.timeout(300)
async def test_eight_processes_share_one_allowance_and_one_token(shared_server: RedisServer, client: Redis) -> None:
    """Nobody is refused, nearly all of it is used, all have about the same, and the token is asked for once."""
    async with a_fleet(shared_server.port) as judge:
        began, ended = await passes(SECONDS)
        came = judge.between(began, ended)

    assert judge.refused <= MOST_REFUSED
    assert judge.tokens == 1
    assert came.total() >= LEAST_USE * 10 * (ended - began)
    assert len(came) == MEMBERS
    assert is_fair(came)


@pytest.mark.timeout(300)
async def test_a_process_that_dies_or_is_suspended_harms_nobody(shared_server: RedisServer, client: Redis) -> None:
    """Its turns pass by, the others go on; and whoever comes back from a suspension does not burst out."""
    async with a_fleet(shared_server.port) as judge:
        who = [int(member.partition("/")[2]) for member in {who for _, who in judge.arrivals}]
        began, _ = await passes(SECONDS / 3)
        os.kill(who[0], signal.SIGKILL)
        os.kill(who[1], signal.SIGSTOP)
        away, back = await passes(5.0 if STRICT else 2.0)
        os.kill(who[1], signal.SIGCONT)
        _, ended = await passes(SECONDS / 3)
        came, meanwhile = judge.between(began, ended), judge.between(away + 0.5, back)
        await judge.comes(f"member/{who[1]}", after=back)  # as soon as a busy machine lets it

    assert judge.refused <= MOST_REFUSED
    assert judge.tokens == 1
    assert came.total() >= LEAST_USE * 10 * (ended - began)
    assert not {f"member/{pid}" for pid in who[:2]} & set(meanwhile)
    assert len(meanwhile) >= (MEMBERS - 2 if STRICT else 2)
    assert not STRICT or f"member/{who[1]}" in judge.between(back, ended)
    assert is_fair(Counter({member: count for member, count in came.items() if int(member[7:]) not in who[:2]}))
