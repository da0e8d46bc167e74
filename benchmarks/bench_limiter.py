"""What does a turn cost, with nobody waiting and with ten thousand, beside a semaphore and the peers?

CPU time of a turn from asking for it to ending it, with a task for each caller where several wait. Ten turns a second
in a loop whose clock jumps to the next timer, so that nothing but the code between takes time. A semaphore neither
spaces nor counts seconds: it is the least that waiting in a queue can cost.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from _jumping import in_jumping_time
from _side_by_side import Cost, async_cost, show, side_by_side
from aiolimiter import AsyncLimiter
from pyrate_limiter import Duration, InMemoryBucket, Limiter, Rate

from viber_async import PacedLimiter, RateLimit

Take = Callable[[], Awaitable[object]]
Make = Callable[[int], Take]


def paced(rate: int) -> Take:
    limiter = PacedLimiter(RateLimit(rate), queue=1_000_000)

    async def take() -> None:
        turn = await limiter.acquire(lane="bulk", endpoint="e")
        turn.sent()
        turn.end(answered=True)

    return take


def semaphore(rate: int) -> Take:
    free = asyncio.Semaphore(rate)

    async def take() -> None:
        async with free:
            if free.locked():
                await asyncio.sleep(0)  # else nobody would ever have to wait for it

    return take


def aiolimiter(rate: int) -> Take:
    limiter = AsyncLimiter(rate, 1.0)

    async def take() -> None:
        async with limiter:
            pass

    return take


def pyrate(rate: int) -> Take:
    clock = asyncio.get_running_loop().time
    bucket = InMemoryBucket([Rate(rate, Duration.SECOND)])
    bucket.now = lambda: int(1000 * clock())  # type: ignore[method-assign]
    limiter = Limiter(bucket)

    async def take() -> None:
        await limiter.try_acquire_async("e")

    return take


WAYS: dict[str, Make] = {
    "asyncio.Semaphore": semaphore,
    "ours": paced,
    "aiolimiter": aiolimiter,
    "pyrate-limiter": pyrate,
}


def idle(make: Make, turns: int) -> Cost:
    """Give the cost of a turn, one after another."""

    async def work() -> Cost:
        return await async_cost(make(1_000_000), turns)

    return in_jumping_time(work)


def waiting(make: Make, callers: int) -> Cost:
    """Give the cost of a turn while so many wait."""

    async def work() -> Cost:
        take = make(10)
        return per(await async_cost(lambda: asyncio.gather(*(take() for _ in range(callers)))), callers)

    return in_jumping_time(work)


def cancelled(make: Make, callers: int) -> Cost:
    """Give the cost of a caller when so many are cancelled at once, the last ones first."""

    async def work() -> Cost:
        take = make(10)
        tasks = [asyncio.ensure_future(take()) for _ in range(callers)]
        await asyncio.sleep(0)

        async def cancel() -> None:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.wait(tasks)

        return per(await async_cost(cancel), callers)

    return in_jumping_time(work)


def per(all_of_them: Cost, count: int) -> Cost:
    return Cost(all_of_them.cpu / count, all_of_them.wall / count)


def compare(question: str, measure: Callable[[Make, int], Cost], count: int, *, rounds: int) -> None:
    show(
        question,
        side_by_side({name: lambda make=make: measure(make, count) for name, make in WAYS.items()}, rounds=rounds),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    compare("a turn, nobody waits", idle, arguments.calls, rounds=arguments.rounds)
    for callers in (100, 1000, arguments.calls):
        compare(f"a turn, {callers} wait", waiting, callers, rounds=arguments.rounds)
        compare(f"a caller of {callers} that are cancelled", cancelled, callers, rounds=arguments.rounds)
