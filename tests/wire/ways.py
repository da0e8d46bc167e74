"""What can be called, in how many ways a call is ended, and what this process has open: for cancels and for soaking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio

from viber_async import ViberSession

TURNS = 60
"""Of the loop; most calls take fewer."""
PHONE = "380931111111"
DRAFT: dict[str, Any] = {"sender_id": 1, "message_live_time": 60, "message": "x", "recipients": [PHONE]}
RECIPIENTS = [
    {"phone": 380930000000 + n, "address_book_id": 1, "status": "sent", "send_date": "2024-01-31 12:00:00", "price": 1}
    for n in range(500)
]
ANSWERS = {"GET /viber/task/7/recipients": {"task_id": 7, "recipients": RECIPIENTS}}

Call = Callable[[], Awaitable[object]]


def descriptors() -> int:
    """Give how many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def calls_of(session: ViberSession) -> list[Call]:
    """One of each shape: a read, a write, a create, a walk, a stream, and whatever else."""

    async def stream() -> object:
        async with session.campaigns.iter_recipients(7) as rows:
            return await anext(rows)

    return [
        session.senders.list,
        lambda: session.blacklist.add([PHONE]),
        lambda: session.campaigns.create(**DRAFT),
        lambda: session.blacklist.list().collect(),
        lambda: session.request("GET", "/viber/task"),
        stream,
    ]


# The ways to end a call; each tells whether it came in time.


def after(turns: int, act: Callable[[], object]) -> None:
    """Do it after so many turns of the loop."""
    if turns:
        asyncio.get_running_loop().call_soon(after, turns - 1, act)
    else:
        act()


async def natively(call: Call, turns: int) -> bool:
    task = asyncio.ensure_future(call())
    after(turns, task.cancel)
    await asyncio.wait([task])
    return _was_cancelled(task)


async def twice(call: Call, turns: int) -> bool:
    task = asyncio.ensure_future(call())
    after(turns, task.cancel)
    after(turns + turns % 5, task.cancel)
    await asyncio.wait([task])
    return _was_cancelled(task)


def _was_cancelled(task: asyncio.Future[object]) -> bool:
    if not task.cancelled():
        task.result()
    return task.cancelled()


async def by_timeout(call: Call, turns: int) -> bool:
    loop, under_way = asyncio.get_running_loop(), True
    try:
        async with asyncio.timeout(None) as limit:
            after(turns, lambda: under_way and limit.reschedule(loop.time()))
            try:
                await call()
            finally:
                under_way = False
    except TimeoutError:
        return True
    return False


async def by_wait_for(call: Call, turns: int) -> bool:
    async def waiting() -> None:
        await asyncio.wait_for(call(), 60)

    return await natively(waiting, turns)


async def by_scope(call: Call, turns: int) -> bool:
    with anyio.CancelScope() as scope:
        after(turns, scope.cancel)
        await call()
    return scope.cancelled_caught


WAYS = (natively, twice, by_timeout, by_wait_for, by_scope)
