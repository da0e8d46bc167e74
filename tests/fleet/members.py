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

import viber_async.redis
from viber_async import ClientCredentials, RateLimit, ViberError, ViberSession
from viber_async._connections import tls_context

AT_ONCE = 3
"""Calls of a member that are under way or wait for their turns."""
TOLD_TO_STOP = 42


async def member(url: str, port: int, secret: str) -> None:
    client = redis.asyncio.Redis(port=port)
    session = ViberSession(
        ClientCredentials("id", "secret"),
        base_url=url,
        rate_limiter=viber_async.redis.RedisRateLimiter(client, "shop", RateLimit(10)),
        token_store=viber_async.redis.RedisTokenStore(client, "shop", secret=secret),
        user_agent=f"member/{os.getpid()}",
    ).with_options(lane="bulk", deadline=None)

    async def work() -> None:
        while True:
            try:
                await session.senders.list()
            except ViberError as error:
                logging.getLogger(__name__).warning("%d: %r", os.getpid(), error)

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
