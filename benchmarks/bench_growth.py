"""How does each grow from 10 to 10 000 of it: callers that wait, calls at once, rows, phones, sessions?

Each row is the cost of one of them when there are so many, beside its cost when there are ten. What is paid once for
all of them counts as well, so most get cheaper; what got dearer by numbers would stand out. Nothing of the network is
in here: answers are made in memory, and where somebody has to wait, the clock jumps.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
import tracemalloc
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import httpx
from _jumping import in_jumping_time
from _side_by_side import Cost, show, show_figures, side_by_side

from viber_async import ApiKey, ClientCredentials, PacedLimiter, RateLimit, ViberSession
from viber_async._sansio import wire_json
from viber_async._sansio.blacklist import list_blacklist
from viber_async._sansio.converter import make_converter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

COUNTS = (10, 100, 1000, 10_000)
LIFTED = RateLimit(1_000_000)
TAKES = 0.005
"""Seconds for an answer, of a clock that jumps: the last of 10 000 waits five of them for a place."""
CONVERTER = make_converter(None)
TOKEN = {"access_token": "token", "token_type": "Bearer", "expires_in": 3600}


def entries(count: int) -> list[dict[str, object]]:
    return [
        {"id": n, "user_id": 1, "phone": 380930000000 + n, "description": "", "add_date": "2021-11-05 13:34:03"}
        for n in range(count)
    ]


def recipients(count: int) -> list[dict[str, object]]:
    return [
        {"phone": 380930000000 + n, "status": "send", "price": 0.74, "currency": "RUR", "send_date": None}
        for n in range(count)
    ]


class Answering(httpx.AsyncBaseTransport):
    """Answers each path with what it was given for it, after a while."""

    def __init__(self, answers: dict[str, object]) -> None:
        self._answers = {path: json.dumps(answer).encode() for path, answer in answers.items()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(TAKES)
        return httpx.Response(200, content=self._answers[request.url.path])


def of_each(count: int, work: Callable[[], Awaitable[object]]) -> Cost:
    """Give the cost of *work* in a loop of its own, divided by *count*; done often enough to be measured."""
    times = max(1, 1000 // count)

    async def again() -> Cost:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times):
            await work()
        return Cost((time.process_time() - cpu) / times / count, (time.perf_counter() - wall) / times / count)

    gc.collect()
    return in_jumping_time(again)


def waiting(count: int) -> Cost:
    async def work() -> None:
        limiter = PacedLimiter(RateLimit(10), queue=count)

        async def take() -> None:
            turn = await limiter.acquire(lane="bulk", endpoint="e")
            turn.sent()
            turn.end(answered=True)

        await asyncio.gather(*(take() for _ in range(count)))

    return of_each(count, work)


def at_once(count: int) -> Cost:
    async def work() -> None:
        transport = Answering({"/viber/senders": [{"id": 1, "name": "shop"}]})
        async with ViberSession(ApiKey("key"), transport=transport, rate_limit=LIFTED) as session:
            await asyncio.gather(*(session.senders.list() for _ in range(count)))

    return of_each(count, work)


def needing_a_token(count: int) -> Cost:
    async def work() -> None:
        transport = Answering({"/oauth/access_token": TOKEN, "/viber/senders": []})
        async with ViberSession(ClientCredentials("id", "s"), transport=transport, rate_limit=LIFTED) as session:
            await asyncio.gather(*(session.senders.list() for _ in range(count)))

    return of_each(count, work)


def rows(count: int) -> Cost:
    call = list_blacklist(1000, 0)
    body = json.dumps({"data": {"list": entries(count), "total": count}}).encode()

    async def work() -> None:
        call.read(CONVERTER, wire_json.loads(body))

    return of_each(count, work)


def streamed(count: int) -> Cost:
    transport = Answering({"/viber/task/44/recipients": {"task_id": 44, "recipients": recipients(count)}})

    async def work() -> None:
        async with ViberSession(ApiKey("key"), transport=transport, rate_limit=LIFTED) as session:
            async for _ in session.campaigns.iter_recipients(44):
                pass

    return of_each(count, work)


def added(count: int) -> Cost:
    phones = [str(380930000000 + n) for n in range(count)]
    answer = {"result": True, "counters": {"added": 1, "exists": 0}}
    transport = Answering({"/v2/viber-service/phone-exception": answer})

    async def work() -> None:
        async with ViberSession(ApiKey("key"), transport=transport, rate_limit=LIFTED) as session:
            await session.blacklist.add(phones)

    return of_each(count, work)


COSTS: dict[str, Callable[[int], Cost]] = {
    "a turn, so many wait": waiting,
    "a call, so many at once": at_once,
    "a call, so many need a new token": needing_a_token,
    "a row of a page": rows,
    "a recipient of a stream": streamed,
    "a phone of one add": added,
}


def idle(count: int) -> float:
    """Give the KiB of each open session."""

    async def open_them() -> float:
        async with AsyncExitStack() as stack:
            kept = [await stack.enter_async_context(ViberSession(ApiKey("key"))) for _ in range(count)]
            return tracemalloc.get_traced_memory()[0] / 1024 / len(kept)

    gc.collect()
    tracemalloc.start()
    try:
        return asyncio.run(open_them())
    finally:
        tracemalloc.stop()


def main(*, rounds: int, sessions: int) -> None:
    for name, measure in COSTS.items():
        ways = {f"of {count:,}": (lambda count=count, measure=measure: measure(count)) for count in COUNTS}
        show(f"growth: {name}", side_by_side(ways, rounds=rounds))
    idle(1)  # what is made once for all of them
    counts = [count for count in COUNTS if count <= sessions]
    show_figures("growth: memory of an idle session", {f"of {n:,}": [idle(n)] for n in counts}, unit="KiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=10_000, help="open at once, at most")
    arguments = parser.parse_args()
    main(rounds=arguments.rounds, sessions=arguments.sessions)
