"""A sandbox that serves beside the test, in a thread of its own: the command has the main one, and its signals."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from viber_async.sandbox import Sandbox


@contextmanager
def serving(sandbox: Sandbox) -> Iterator[Sandbox]:
    """Serve *sandbox* for as long as the block lasts."""
    up, left = threading.Event(), threading.Event()
    loops = []

    async def serve() -> None:
        loops.append((asyncio.get_running_loop(), down := asyncio.Event()))
        async with sandbox:
            up.set()
            await down.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            left.set()
            up.set()

    thread = threading.Thread(target=run, name="sandbox")
    thread.start()
    up.wait()
    try:
        assert not left.is_set()
        yield sandbox
    finally:
        loop, down = loops[0]
        loop.call_soon_threadsafe(down.set)
        thread.join()
