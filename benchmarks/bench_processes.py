"""How do 2, 8 and 32 processes share one allowance through Redis?

Real processes, each with bulk callers without end, and a real Redis server on this machine. Each notes when it sends,
on the clock that all processes of a machine share. What is measured begins when everybody has had four turns and
thirty have been taken in all: as nobody knows yet how late these processes are, the first twenty are an eighth of a
second apart, which costs half a second, once. It is the share of the allowance that is used, the most that any second
held, the Jain index of fairness (1: all have the same; 1/n: one has everything), and the words with Redis for each
turn. Beside it stands the whole allowance.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from _side_by_side import show_figures
from redis.asyncio import Redis

from viber_async import RateLimit
from viber_async.redis import RedisRateLimiter

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLERS = 3
EACH = 4
"""Turns of each process before what is measured begins."""
TOGETHER = 30
"""Turns of all of them before that."""


@contextmanager
def a_redis() -> Iterator[int]:
    """Run a server of our own, and give its port."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("there is no redis-server on this machine (Debian: apt-get install redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            try:
                assert server.stdout is not None
                assert any(b"Ready to accept connections" in line for line in server.stdout)
                yield port
            finally:
                server.kill()


async def member(port: int, seconds: float) -> list[float]:
    """Take turns for so long; give when each request left."""
    sent: list[float] = []
    async with Redis(port=port) as client:
        limiter = RedisRateLimiter(client, "shop", RateLimit(10))

        async def caller() -> None:
            while True:
                turn = await limiter.acquire(lane="bulk", endpoint="e")
                sent.append(time.monotonic())
                turn.sent()
                turn.end(answered=True)

        callers = [asyncio.create_task(caller()) for _ in range(CALLERS)]
        await asyncio.wait(callers, timeout=seconds)
        for each in callers:
            each.cancel()
        await asyncio.wait(callers)
    return sent


@dataclass(frozen=True)
class Shared:
    used: float
    """Per cent of the allowance."""
    most: int
    """Requests in any second."""
    jain: float
    words: float
    """With Redis, for each turn."""


async def share(processes: int, seconds: float) -> Shared:
    """Let so many processes share an allowance."""
    warming = max(TOGETHER, EACH * processes) * 0.13 + 3.0
    with a_redis() as port:
        command = [sys.executable, __file__, "--member", str(port), str(warming + seconds)]
        running = [await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(processes)]
        told = await asyncio.gather(*(each.communicate() for each in running))
        async with Redis(port=port) as client:
            calls = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    sent: list[list[float]] = [json.loads(out) for out, _ in told]
    together = sorted(moment for times in sent for moment in times)
    began = max(together[TOGETHER], *(times[EACH] for times in sent))
    ended = min(times[-1] for times in sent)
    parts = [sum(began <= moment < ended for moment in times) for times in sent]
    most = max(sum(first <= moment < first + 1.0 for moment in together) for first in together)
    return Shared(
        used=100 * sum(parts) / (10 * (ended - began)),
        most=most,
        jain=sum(parts) ** 2 / (len(parts) * sum(part * part for part in parts)),
        words=calls / len(together),
    )


def main(*, rounds: int, seconds: float) -> None:
    for processes in (2, 8, 32):
        turns = [asyncio.run(share(processes, seconds + processes)) for _ in range(rounds)]
        show_figures(
            f"allowance used, {processes} processes",
            {"all of it": [100.0] * rounds, "ours": [turn.used for turn in turns]},
            unit="%",
            notes={
                "ours": f"Jain {statistics.median(turn.jain for turn in turns):.3f}, "
                f"{statistics.median(turn.words for turn in turns):.2f} words a turn, "
                f"at most {max(turn.most for turn in turns)} in a second"
            },
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--member", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.member:
        print(json.dumps(asyncio.run(member(int(arguments.member[0]), float(arguments.member[1])))))
    else:
        main(rounds=arguments.rounds, seconds=arguments.seconds)
