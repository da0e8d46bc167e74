"""A thread of one's own for blocking work that has to keep its order: files, SQLite, what a user's callback does.

Not one of the program's pool: a slow disk or a callback that never returns must not take the threads that others need,
and a thread that hangs must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class OwnThread(Executor):
    """Does one thing after the other, in a thread that starts with the first and dies with the process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Give what *work* gives; the loop runs on meanwhile. A cancelled waiter does not stop what has begun."""
        return await asyncio.get_running_loop().run_in_executor(self, work)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue *fn*."""
        future: Future[T] = Future()
        self._work.put((future, partial(fn, *args, **kwargs)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        return future

    def leave(self) -> None:
        """Let the thread end when it is through with what is queued; nobody waits for it."""
        self._work.put(None)

    def _serve(self) -> None:
        while (task := self._work.get()) is not None:
            future, work = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - it is raised again where the result is waited for
                    future.set_exception(error)
            del task, future, work  # not until the next one comes: it may hold phones
