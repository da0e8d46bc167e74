"""Those who wait for their turns."""

from __future__ import annotations

import asyncio

import pytest

from viber_async._queue import Queue


async def test_a_turn_that_comes_with_the_cancellation_is_handed_back() -> None:
    """Its caller is gone, and somebody else may want it."""
    unwanted: list[int] = []
    queue = Queue[int](5, unwanted=unwanted.append)
    waiter = queue.join(lane="bulk", endpoint="GET x", again=False, pace="1")
    waiting = asyncio.ensure_future(queue.turn(waiter))
    await asyncio.sleep(0)

    waiter.turn.set_result(7)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert unwanted == [7]


async def test_a_failure_that_comes_with_the_cancellation_is_nobodys() -> None:
    """There is no turn to be handed back, and nothing is left that was never looked at."""
    unwanted: list[int] = []
    queue = Queue[int](5, unwanted=unwanted.append)
    waiter = queue.join(lane="bulk", endpoint="GET x", again=False, pace="1")
    waiting = asyncio.ensure_future(queue.turn(waiter))
    await asyncio.sleep(0)

    waiter.turn.set_exception(ValueError())
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert unwanted == []
