"""A thread of one's own: in order, never waited for at the end, and it passes on what happens in it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from viber_async.sync.thread import OwnThread


async def test_work_is_done_in_order_in_one_thread() -> None:
    """That is not the loop's."""
    thread = OwnThread("ours")
    done: list[int] = []
    names = await asyncio.gather(
        *(thread.run(lambda n=n: (done.append(n), threading.current_thread().name)[1]) for n in range(5))
    )
    thread.leave()

    assert done == [0, 1, 2, 3, 4]
    assert set(names) == {"ours"}


async def test_what_is_raised_in_it_is_raised_outside() -> None:
    """And the thread goes on."""
    thread = OwnThread("ours")
    with pytest.raises(KeyError):
        await thread.run(lambda: {}["x"])

    assert await thread.run(lambda: 7) == 7
    thread.leave()


async def test_work_whose_waiter_is_gone_before_it_began_is_left_out() -> None:
    """What has begun is done to its end."""
    thread = OwnThread("ours")
    go_on = threading.Event()
    done: list[str] = []
    first = asyncio.ensure_future(thread.run(lambda: (go_on.wait(), done.append("first"))))
    second = asyncio.ensure_future(thread.run(lambda: done.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await first
    await thread.run(lambda: done.append("third"))
    thread.leave()

    assert done == ["first", "third"]
    assert second.cancelled()


def test_it_does_not_keep_the_process_alive() -> None:
    """A callback that never returns must not."""
    thread = OwnThread("ours")
    future = thread.submit(threading.current_thread)

    assert future.result().daemon
    thread.leave()
