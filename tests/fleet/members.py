"""A process that forks as many members of a fleet as it is told, each with a session of its own on one account.

A member asks for senders as fast as it is allowed to, in the bulk lane, until it is told to stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress

import redis.asyncio

from viber_async import ClientCredentials, RateLimit, ViberError, ViberSession
from viber_async._connections import tls_context
from viber_async.redis import RedisRateLimiter, RedisTokenStore
from viber_async.redis._limiter import LOOK_AGAIN

AT_ONCE = 3
"""Calls of a member that are under way or wait for their turns."""
TOLD_TO_STOP = 42


async def found_again(limiter: RedisRateLimiter) -> None:
    """Wait until Redis is found again, or may be looked for once more; whoever calls until then fails at once."""
    limiter.news.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_AGAIN):
            await limiter.news.wait()


async def member(url: str, port: int, secret: str) -> None:
    client = redis.asyncio.Redis(port=port)
    limiter = RedisRateLimiter(client, "shop", RateLimit(10))
    session = ViberSession(
        ClientCredentials("id", "secret"),
        base_url=url,
        rate_limiter=limiter,
        token_store=RedisTokenStore(client, "shop", secret=secret),
        user_agent=f"member/{os.getpid()}",
    ).with_options(lane="bulk", deadline=None)

    async def work() -> None:
        while True:
            try:
                await session.senders.list()
            except ViberError as error:
                logging.getLogger(__name__).warning("%d: %r", os.getpid(), error)
                await found_again(limiter)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work())


def main(url: str, port: str, secret: str, count: str) -> None:
    """Fork the members; when told to stop, end them and all."""
    tls_context()  # once, for all of them
    members = []
    for _ in range(int(count)):
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(TOLD_TO_STOP))
            asyncio.run(member(url, int(port), secret))
        members.append(pid)
    signal.signal(signal.SIGTERM, lambda *_: end(members))
    for pid in members:
        os.waitpid(pid, 0)


def end(members: list[int]) -> None:
    """End all of them; one that a test has killed may be gone already."""
    for pid in members:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
