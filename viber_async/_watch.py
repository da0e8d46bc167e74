"""The hook around whole calls, for telemetry: from the start of a call to its end, with each of its attempts.

It is no part of the public page. What it sees holds phones and tokens, and what it raised would stand in the way of an
answer that is already here: a watch shows neither, and raises nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from viber_async._sansio.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from viber_async._journey import Journey
    from viber_async.errors import ViberError

R = TypeVar("R")

Send = Callable[[], Awaitable[Answer]]
"""Waits for a turn and sends, once."""


class Watch(Protocol):
    """Watches one call, in the task that runs it."""

    def began(self) -> None:
        """Note that the call begins. What this puts into the context is there for all that the call does."""
        ...

    async def attempt(self, send: Send) -> Answer:
        """Give what *send* gives: inside of all middleware, and outside of the wait for a turn."""
        ...

    def failed(self, error: ViberError, pause: float | None) -> None:
        """Note that an attempt failed, and after how many seconds it is repeated, if it is."""
        ...

    def ended(self, error: BaseException | None) -> None:
        """Note that the call ended: with a result, or with *error*."""
        ...


Watcher = Callable[["Journey"], Watch]
"""Gives the watch of each call."""


async def watched(watch: Watch, run: Callable[[], Coroutine[None, None, R]]) -> R:
    """Give what *run* gives, watched."""
    watch.began()
    try:
        result = await run()
    except BaseException as error:
        watch.ended(error)
        raise
    watch.ended(None)
    return result
