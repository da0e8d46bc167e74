"""How long does an interactive call wait for its turn while bulk work fills the account?

A minute of twenty bulk callers without end and one interactive call every two seconds or so, at ten requests a second,
over a network with 0 to 5 ms of jitter each way; in virtual time. Beside it stands the distance between two turns. A
limiter without lanes lets the interactive call wait behind all that came before it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from _jumping import Judge, in_jumping_time
from _side_by_side import show_figures, side_by_side
from aiolimiter import AsyncLimiter

from viber_async import PacedLimiter, RateLimit
from viber_async._sansio.rate import Lane

SECONDS, CALLERS, EVERY = 60.0, 20, 2.0
Trip = Callable[[], Awaitable[None]]
Send = Callable[[Lane, Trip], Awaitable[None]]


@dataclass
class Minute:
    judge: Judge = field(default_factory=Judge)
    waits: list[float] = field(default_factory=list)

    @property
    def use(self) -> float:
        return (self.judge.arrived - self.judge.refused) / SECONDS * 10


def ours() -> Send:
    limiter = PacedLimiter(RateLimit(10))

    async def send(lane: Lane, trip: Trip) -> None:
        turn = await limiter.acquire(lane=lane, endpoint="e")
        turn.sent()
        await trip()
        turn.end(answered=True)

    return send


def aiolimiter() -> Send:
    limiter = AsyncLimiter(10, 1.0)

    async def send(_: Lane, trip: Trip) -> None:
        async with limiter:
            pass
        await trip()

    return send


def minute(make: Callable[[], Send], seed: int) -> Minute:
    chance, seen = random.Random(seed), Minute()

    async def run() -> None:
        send = make()
        clock = asyncio.get_running_loop().time

        async def trip() -> None:
            await asyncio.sleep(0.02 + chance.uniform(0, 0.005))
            if clock() < SECONDS:
                seen.judge.refuses(clock())
            await asyncio.sleep(0.02 + chance.uniform(0, 0.005))

        async def bulk() -> None:
            while clock() < SECONDS:
                await send("bulk", trip)

        async def person() -> None:
            began = clock()

            async def turn() -> None:
                seen.waits.append(clock() - began)
                await trip()

            await send("interactive", turn)

        async def persons() -> None:
            await asyncio.sleep(5)
            while clock() < SECONDS - 5:
                await person()
                await asyncio.sleep(EVERY * chance.uniform(0.5, 1.5))

        await asyncio.gather(persons(), *(bulk() for _ in range(CALLERS)))

    in_jumping_time(run)
    return seen


def many(make: Callable[[], Send], seeds: Iterator[int], minutes: int) -> Minute:
    """Give what was seen in so many minutes together."""
    all_of_them = [minute(make, next(seeds)) for _ in range(minutes)]
    whole = Minute(waits=[wait for each in all_of_them for wait in each.waits])
    whole.judge.arrived = sum(each.judge.arrived for each in all_of_them) // minutes
    whole.judge.refused = sum(each.judge.refused for each in all_of_them) // minutes
    return whole


def main(*, rounds: int, minutes: int) -> None:
    one, other = itertools.count(), itertools.count()
    ways = {"ours": lambda: many(ours, one, minutes), "aiolimiter": lambda: many(aiolimiter, other, minutes)}
    seen = side_by_side(ways, rounds=rounds)
    for share in (50, 99):
        waits = {
            name: [statistics.quantiles(each.waits, n=100)[share - 1] for each in turns] for name, turns in seen.items()
        }
        show_figures(
            f"wait of an interactive call, p{share}",
            {"one turn's distance": [0.1] * rounds, **waits},
            unit=" wait",
            notes={
                name: f"{statistics.median(each.use for each in turns):.1f} % of the allowance used, "
                f"{sum(each.judge.refused for each in turns)} refused"
                for name, turns in seen.items()
            },
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=5)
    arguments = parser.parse_args()
    main(rounds=arguments.rounds, minutes=arguments.minutes)
