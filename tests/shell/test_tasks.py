"""Tasks that the session owns."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.shell.clock import in_virtual_time
from viber_async._tasks import TaskOwner, beside, until_ended


async def forever() -> None:
    await asyncio.Event().wait()


@in_virtual_time
async def test_waiting_beside_a_task_gives_its_result() -> None:
    """What a task returns is what the one beside it gets, whether it had ended before or not."""

    async def work() -> int:
        await asyncio.sleep(1)
        return 7

    owner = TaskOwner()
    task = owner.start(work())

    assert await beside(task) == 7
    assert await beside(task) == 7


@in_virtual_time
async def test_cancelling_the_one_who_waits_leaves_the_task_alone() -> None:
    """However often the waiter is cancelled, the task goes on to its end."""
    owner, done = TaskOwner(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(10)
        done.set()

    waiter = asyncio.create_task(beside(owner.start(work())))
    await asyncio.sleep(1)
    waiter.cancel()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert len(owner) == 1
    await done.wait()


@in_virtual_time
async def test_an_owner_lets_go_of_a_task_that_has_ended() -> None:
    """Nothing is kept of what is over."""
    owner = TaskOwner()
    await beside(owner.start(asyncio.sleep(1)))
    await asyncio.sleep(0)

    assert len(owner) == 0


@in_virtual_time
async def test_closing_an_owner_waits_until_every_task_has_ended() -> None:
    """A task that needs a while to clean up gets it, and is not cancelled twice."""
    owner = TaskOwner()
    cleaned = []

    async def work() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(5)
            cleaned.append(True)

    owner.start(work())
    await asyncio.sleep(0)
    await owner.aclose()
    await owner.aclose()

    assert cleaned == [True]


@pytest.mark.fault("C04")
@in_virtual_time
async def test_nobody_has_to_ask_for_the_failure_of_an_abandoned_task() -> None:
    """A task that fails after its waiter is gone does not reach the loop's exception handler."""
    owner, complaints = TaskOwner(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError

    waiter = asyncio.create_task(beside(owner.start(fail())))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    del waiter  # whose frames hold the task: the loop hears of a failure when its task is collected
    await asyncio.sleep(2)
    gc.collect()

    assert complaints == []


@in_virtual_time
async def test_a_failure_in_the_instant_of_a_cancel_harms_nobody() -> None:
    """A task that ends while its waiter is already cancelled finds nobody to wake, and does not mind."""
    owner = TaskOwner()
    gate = asyncio.Event()
    waiter = asyncio.create_task(beside(owner.start(gate.wait())))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gate.set()
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert len(owner) == 0


@in_virtual_time
async def test_an_end_is_waited_for_however_often_the_one_who_waits_is_cancelled() -> None:
    """And the cancel is raised then, not lost."""
    task, loop = asyncio.create_task(asyncio.sleep(10)), asyncio.get_running_loop()
    waiter, began = asyncio.create_task(until_ended(task)), loop.time()
    for _ in range(3):
        await asyncio.sleep(1)
        waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert (task.done(), loop.time() - began) == (True, pytest.approx(10))


@in_virtual_time
async def test_an_end_that_does_not_come_is_not_waited_for_for_ever() -> None:
    """Whoever waits says how long."""
    task, loop = asyncio.create_task(forever()), asyncio.get_running_loop()
    began = loop.time()
    await until_ended(task, within=1.5)

    assert (task.done(), loop.time() - began) == (False, pytest.approx(1.5))
    task.cancel()
