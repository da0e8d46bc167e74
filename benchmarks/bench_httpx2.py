"""What does a call cost on httpx2, httpx's continuation: beside its own client, and with 50 and 100 at once?

As `bench_call.py`, in a process in which ``import httpx`` means httpx2: one server on loopback, rate limits lifted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self

import httpx2

httpx2.alias_httpx()  # before anything imports it

import httpx  # noqa: E402
from _answering import BLACKLIST, SENDERS, answering  # noqa: E402
from _side_by_side import async_cost, async_side_by_side, at_once, show  # noqa: E402

from viber_async import ApiKey, RateLimit, ViberSession  # noqa: E402

PHONES = ["380931111111", "380931111112", "380931111113"]
HEADERS = {"authorization": "Bearer key"}
LIFTED = RateLimit(1_000_000)

Once = Callable[[], Awaitable[object]]


class Clients:
    """httpx2's own and ours, open."""

    def __init__(self, url: str) -> None:
        self.bare = httpx.AsyncClient(base_url=url, headers=HEADERS)
        self.ours = ViberSession(ApiKey("key"), base_url=url, rate_limit=LIFTED)

    async def get(self) -> object:
        return json.loads((await self.bare.get(SENDERS)).content)

    async def post(self) -> object:
        return json.loads((await self.bare.post(BLACKLIST, json={"phones": PHONES})).content)

    async def __aenter__(self) -> Self:
        await self.bare.__aenter__()
        await self.ours.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.ours.aclose()
        await self.bare.aclose()


async def one_at_a_time(clients: Clients, *, calls: int, rounds: int) -> None:
    asked: dict[str, dict[str, Once]] = {
        "GET, small answer": {"bare httpx2": clients.get, "ours": clients.ours.senders.list},
        "POST, small answer": {"bare httpx2": clients.post, "ours": partial(clients.ours.blacklist.add, PHONES)},
    }
    for question, ways in asked.items():
        turns = {name: partial(async_cost, once, calls) for name, once in ways.items()}
        show(f"on httpx2: {question}", await async_side_by_side(turns, rounds=rounds))


async def many_at_once(clients: Clients, *, calls: int, rounds: int) -> None:
    for name, once in (("ours", clients.ours.senders.list), ("bare httpx2", clients.get)):
        turns = {f"{callers} at once": partial(at_once, once, callers, calls) for callers in (1, 50, 100)}
        show(f"on httpx2, GET at once: {name}", await async_side_by_side(turns, rounds=rounds))


async def main(*, calls: int, rounds: int) -> None:
    with answering() as url:
        async with Clients(url) as clients:
            await one_at_a_time(clients, calls=calls, rounds=rounds)
    with answering(seconds=0.02) as url:
        async with Clients(url) as clients:
            await many_at_once(clients, calls=calls // 2, rounds=max(1, rounds // 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    asyncio.run(main(calls=arguments.calls, rounds=arguments.rounds))
