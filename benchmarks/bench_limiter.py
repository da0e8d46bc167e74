"""What does a turn cost, with nobody waiting and with ten thousand, beside `asyncio.Semaphore` and aiolimiter?

CPU time of a turn from asking for it to ending it, with a task for each caller where several wait. Ten turns a second
in a loop whose clock jumps to the next timer, so that nothing but the code between takes time. A semaphore neither
spaces nor counts seconds: it is the least that waiting in a queue can cost.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
import statistics
import time
from collections.abc import Awaitable, Callable

from aiolimiter import AsyncLimiter

from viber_async import PacedLimiter, RateLimit

Take = Callable[[], Awaitable[object]]
Make = Callable[[int], Take]


class Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # its class depends on the platform
    """Jumps to the next timer instead of waiting for it."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passed += max(timeout or 0.0, 1e-6)  # a clock that stands still is more than some can bear
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed


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


def in_jumping_time(work: Callable[[], Awaitable[float]]) -> float:
    async def main() -> float:
        return await work()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main())


def idle(make: Make, turns: int) -> float:
    """Give the seconds of CPU per turn, one after another."""

    async def work() -> float:
        take = make(1_000_000)
        began = time.process_time()
        for _ in range(turns):
            await take()
        return (time.process_time() - began) / turns

    return in_jumping_time(work)


def waiting(make: Make, callers: int) -> float:
    """Give the seconds of CPU per turn while so many wait."""

    async def work() -> float:
        take = make(10)
        began = time.process_time()
        await asyncio.gather(*(take() for _ in range(callers)))
        return (time.process_time() - began) / callers

    return in_jumping_time(work)


def cancelled(make: Make, callers: int) -> float:
    """Give the seconds of CPU per caller when so many are cancelled at once, the last ones first."""

    async def work() -> float:
        take = make(10)
        tasks = [asyncio.ensure_future(take()) for _ in range(callers)]
        await asyncio.sleep(0)
        began = time.process_time()
        for task in reversed(tasks):
            task.cancel()
        await asyncio.wait(tasks)
        return (time.process_time() - began) / callers

    return in_jumping_time(work)


def compare(name: str, measure: Callable[[Make, int], float], count: int, *, rounds: int) -> None:
    makes = (semaphore, paced, aiolimiter)
    measured = [[measure(make, count) for make in makes] for _ in range(rounds)]
    floor, ours, peer = ([row[i] for row in measured] for i in range(3))
    ratios = sorted(b / a for a, b in zip(floor, ours, strict=True))
    peers = statistics.median(b / a for a, b in zip(floor, peer, strict=True))
    print(
        f"{name:<18} floor {statistics.median(floor) * 1e6:6.1f} us   ours {statistics.median(ours) * 1e6:6.1f} us   "
        f"ratio {statistics.median(ratios):5.2f}   ({ratios[0]:.2f} to {ratios[-1]:.2f})   aiolimiter {peers:.2f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    compare("nobody waits", idle, arguments.calls, rounds=arguments.rounds)
    for callers in (100, 1000, arguments.calls):
        compare(f"{callers} wait", waiting, callers, rounds=arguments.rounds)
        compare(f"{callers} cancelled", cancelled, callers, rounds=arguments.rounds)
