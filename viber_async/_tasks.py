"""Tasks that the session owns: each is awaited by somebody, and none outlives the session.

httpx's pool loses a place for good when a request is cancelled at the wrong moment, and a shield of anyio's does
not stop a native ``task.cancel()``. So a request runs in a task of its own, and its caller waits beside it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from viber_async.errors import SessionLoopError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class TaskOwner:
    """Keeps every task it starts until that task has ended."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}  # ordered, so that a run can be replayed

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start *work* in a task of its own."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # its caller may have been cancelled; nobody else will ask

    async def aclose(self) -> None:
        """Cancel what still runs, once each, and wait until all have ended."""
        for task in self._tasks:
            task.cancel()
        await self.ended()

    async def ended(self) -> None:
        """Wait until all that runs now has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)


def refuse_elsewhere(loop: asyncio.AbstractEventLoop) -> None:
    """Raise unless this runs in *loop*: what waits in another one is never woken, or too late."""
    if loop is not asyncio.get_running_loop():
        raise SessionLoopError(
            "this session was opened in another event loop; make one in each loop (every asyncio.run and "
            "every thread has its own), and close it there"
        )


async def beside(task: asyncio.Task[T]) -> T:
    """Give the result of *task*; cancelling the one who waits leaves the task alone."""
    await until_done(task)
    return task.result()


async def until_done(task: asyncio.Task[T]) -> None:
    """Wait until *task* has ended, however it does; a cancellation that comes out of here was meant for who waits."""
    if not task.done():
        woken = asyncio.get_running_loop().create_future()

        def wake(_: asyncio.Task[T]) -> None:
            if not woken.done():
                woken.set_result(None)

        task.add_done_callback(wake)
        try:
            await woken
        except asyncio.CancelledError:
            task.remove_done_callback(wake)
            raise


def cancels() -> int:
    """Give how often the task that asks was told to end; two cancels of one turn of the loop are raised as one."""
    return cast("asyncio.Task[Any]", asyncio.current_task()).cancelling()


async def until_ended(future: asyncio.Future[Any], *, within: float | None = None) -> None:
    """Wait until *future* has ended, for at most *within* seconds; a cancel that comes meanwhile is raised then."""
    loop = asyncio.get_running_loop()
    latest = None if within is None else loop.time() + within
    cancelled: asyncio.CancelledError | None = None
    while not future.done() and (latest is None or loop.time() < latest):
        try:
            await asyncio.wait([future], timeout=None if latest is None else latest - loop.time())
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
