"""An event loop whose time stands still until everybody waits, and then jumps to the next timer.

Nothing sleeps: an hour of pauses takes as long as the code between them. Sockets do not work in it; give the
session a transport instead.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import Any


class _NoWaiting(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # its class depends on the platform
    """A selector that jumps to the next timer instead of waiting for it."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and no timer will ever wake anybody: the test hangs")
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop that is never late and never waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        selector = _NoWaiting()
        selector.loop = self
        super().__init__(selector)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Do the work at once: a thread takes real time, for which nobody here would wait."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised again where the result is waited for
            future.set_exception(error)
        return future

    def time(self) -> float:
        return self.now


def run(main: Any) -> Any:
    """Run the coroutine *main* in virtual time and give its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def in_virtual_time(test: Any) -> Any:
    """Run an async test in virtual time."""

    @functools.wraps(test)
    def sync(*args: Any, **kwargs: Any) -> None:
        run(test(*args, **kwargs))

    return sync
