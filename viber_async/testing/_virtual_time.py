"""An event loop whose time stands still until everybody waits, and then jumps to the next timer.

Nothing sleeps: an hour of pauses takes as long as the code between them.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
P = ParamSpec("P")


class _NoWaiting(selectors.DefaultSelector):
    """A selector that jumps to the next timer instead of waiting for it."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and no timer will ever wake anybody: the test hangs")
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop that is never late and never waits; whoever waits for a socket hangs, and is told so.

    Give the session a transport: ``sandbox.transport()`` or a `CannedTransport`.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        selector = _NoWaiting()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Give the seconds of virtual time."""
        return self.now

    def run_in_executor(self, _executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Do the work at once: a thread takes real time, for which nobody here would wait."""
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised again where the result is waited for
            future.set_exception(error)
        return future


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* as `asyncio.run` does, in a `VirtualTimeLoop`, and give its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an async test one that runs in virtual time, for pytest an ordinary function; it needs no plugin."""

    @functools.wraps(test)
    def ran(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_in_virtual_time(test(*args, **kwargs))

    return ran
