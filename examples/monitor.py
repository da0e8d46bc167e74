"""A walk over the blacklist, and what the session is doing, second by second.

    monitor.py

`watched` may stand around whatever else a program does with its session. Credentials come from the environment.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from viber_async import ViberSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from viber_async import SessionStatistics


def line(now: SessionStatistics, before: SessionStatistics | None) -> str:
    """Give one line: what has happened since the line before, and how things stand."""
    rate, sent = now.rate, now.requests - (before.requests if before else 0)
    waiting = sum(rate.waiting.values())
    return (
        f"{sent:4} sent  {now.in_flight:4} under way  {waiting:5} waiting since {rate.oldest_wait:5.1f} s"
        f"  {rate.rate:5.1f} of {rate.limit.requests} a second, paused {rate.paused_for:4.1f} s"
        f"  {now.repeats} repeats  {now.throttled} refused  {now.refreshes} tokens"
    )


@asynccontextmanager
async def watched(session: ViberSession, *, every: float = 1.0) -> AsyncIterator[None]:
    """Print a line each second for as long as the block runs, and one at its end."""
    before = None

    def told() -> None:
        nonlocal before
        now = session.statistics()
        print(line(now, before), file=sys.stderr)
        before = now

    async def tell() -> None:
        while True:
            told()
            await asyncio.sleep(every)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        told()


async def main() -> None:
    """Count the rows of the blacklist, in the lane that steps back behind what people wait for."""
    async with ViberSession.from_env() as session, watched(session):
        pages = session.with_options(lane="bulk").blacklist.list()
        print(sum([1 async for _ in pages]), "rows, complete:", pages.report.complete)


if __name__ == "__main__":
    asyncio.run(main())
