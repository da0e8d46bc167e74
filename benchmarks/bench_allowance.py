"""How much of the allowance is used under a strict judge, who counts arrivals in any second, while the network delays?

A minute of twenty callers without end at ten requests a second, in virtual time; delays are drawn for each way. What
was refused does not count as used. A client that is refused pauses for half a second: ours all of it, and at half the
rate from then on; with the others, which are told nothing, the caller that was refused. Beside them stands the whole
allowance.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable

from _jumping import Judge, in_jumping_time
from _side_by_side import show_figures, side_by_side
from aiolimiter import AsyncLimiter

from viber_async import PacedLimiter, RateLimit

SECONDS, CALLERS = 60.0, 20
ONE_WAY = 0.02
"""Seconds of the fastest request."""
Trip = Callable[[], Awaitable[bool]]
"""Makes a request, and tells whether it was refused."""
Send = Callable[[Trip], Awaitable[None]]

NETWORKS: dict[str, Callable[[random.Random], float]] = {
    "no jitter": lambda _: 0.0,
    "0 to 5 ms": lambda chance: chance.uniform(0, 0.005),
    "one in twenty 50 ms": lambda chance: 0.05 if chance.random() < 0.05 else chance.uniform(0, 0.002),
    "0 to 20 ms": lambda chance: chance.uniform(0, 0.02),
    "0 to 50 ms": lambda chance: chance.uniform(0, 0.05),
    "0 to 200 ms": lambda chance: chance.uniform(0, 0.2),
}


def ours() -> Send:
    limiter = PacedLimiter(RateLimit(10))

    async def send(trip: Trip) -> None:
        turn = await limiter.acquire(lane="bulk", endpoint="e")
        turn.sent()
        refused = await trip()
        turn.end(answered=True)
        if refused:
            limiter.pause(0.5)

    return send


def aiolimiter() -> Send:
    limiter = AsyncLimiter(10, 1.0)

    async def send(trip: Trip) -> None:
        async with limiter:
            pass
        if await trip():
            await asyncio.sleep(0.5)

    return send


def spaced() -> Send:
    """Give what many write: the next one a tenth of a second after the last."""
    lock = asyncio.Lock()
    clock = asyncio.get_running_loop().time
    last = -1.0

    async def send(trip: Trip) -> None:
        nonlocal last
        async with lock:
            if (left := last + 0.1 - clock()) > 0:
                await asyncio.sleep(left)
            last = clock()
        if await trip():
            await asyncio.sleep(0.5)

    return send


def bucket() -> Send:
    """Give a plain token bucket: ten at once, and ten more in each second."""
    clock = asyncio.get_running_loop().time
    tokens, at = 10.0, clock()

    async def send(trip: Trip) -> None:
        nonlocal tokens, at
        while True:
            now = clock()
            tokens, at = min(10.0, tokens + 10 * (now - at)), now
            if tokens >= 1:
                break
            await asyncio.sleep((1 - tokens) / 10)
        tokens -= 1
        if await trip():
            await asyncio.sleep(0.5)

    return send


def judged(make: Callable[[], Send], jitter: Callable[[random.Random], float], seed: int) -> Judge:
    """Give the judge of a minute."""
    chance, judge = random.Random(seed), Judge()

    async def minute() -> None:
        send = make()
        clock = asyncio.get_running_loop().time

        async def trip() -> bool:
            await asyncio.sleep(ONE_WAY + jitter(chance))
            refused = clock() < SECONDS and judge.refuses(clock())
            await asyncio.sleep(ONE_WAY + jitter(chance))
            return refused

        async def caller() -> None:
            while clock() < SECONDS:
                await send(trip)

        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    in_jumping_time(minute)
    return judge


def compare(network: str, *, rounds: int) -> None:
    seeds: dict[str, itertools.count[int]] = {}
    ways = {"ours": ours, "aiolimiter": aiolimiter, "a tenth apart": spaced, "token bucket": bucket}

    def one(name: str) -> Judge:
        return judged(ways[name], NETWORKS[network], next(seeds.setdefault(name, itertools.count())))

    judges = side_by_side({name: lambda name=name: one(name) for name in ways}, rounds=rounds)
    used = {
        name: [(judge.arrived - judge.refused) / SECONDS * 10 for judge in minutes] for name, minutes in judges.items()
    }
    refused = {
        name: 1000 * sum(judge.refused for judge in minutes) / sum(judge.arrived for judge in minutes)
        for name, minutes in judges.items()
    }
    show_figures(
        f"allowance used, {network}",
        {"all of it": [100.0] * rounds, **used},
        unit="%",
        notes={name: f"{some:.1f} of 1000 refused" for name, some in refused.items()},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    for each in NETWORKS:
        compare(each, rounds=arguments.rounds)
