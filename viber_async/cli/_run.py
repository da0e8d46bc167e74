"""Where the commands, which are ordinary functions, wait for what is not."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer

from viber_async.cli._exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedError(Exception):
    """A signal ended the work, tidily."""


def wait_for(work: Coroutine[object, object, T]) -> T:
    """Return what *work* returns; Ctrl-C ends it tidily, and the command with exit code 130."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


async def stoppable(work: Coroutine[object, object, T], *, times: int = 1) -> T:
    """Return what *work* returns; raise `StoppedError` once it has ended because of SIGINT or SIGTERM.

    Each of the first *times* cancels it, and it ends as tidily as it can; the next does what signals usually do.
    """
    task = asyncio.ensure_future(work)
    with stopped_by(asyncio.get_running_loop(), task.cancel, times=times):
        try:
            return await task
        except asyncio.CancelledError:
            raise StoppedError from None


@contextmanager
def stopped_by(loop: asyncio.AbstractEventLoop, stop: Callable[[], object], *, times: int = 1) -> Generator[None]:
    """Let the first SIGINT or SIGTERM call *stop*, or the first few.

    By signal.signal(), because Windows' loops take no handlers.
    """
    left = times

    def told(_signal: int, _frame: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            give_back()
        loop.call_soon_threadsafe(stop)

    def give_back() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {each: signal.signal(each, told) for each in SIGNALS}
    try:
        yield
    finally:
        give_back()
