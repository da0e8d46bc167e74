"""What changes, told to each browser that has the page open, as server-sent events.

Nobody tells this file that something has happened: campaigns live by the clock, and anything may be changed from
anywhere. So it looks, four times a second and only while somebody watches, and tells each listener what is other than
what that listener was told before. So there is no queue to overflow: who is slow is told less often, and the latest.
A listener that comes again is told everything.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from viber_async.sandbox.inbox._view import changes, time_of, view_of

if TYPE_CHECKING:
    from starlette.types import Receive, Send

    from viber_async.sandbox._app import Desk
    from viber_async.sandbox.inbox._view import View

LOOK: Final = 0.25
"""Seconds between two looks."""
HEARTBEAT: Final = 15.0
"""Seconds of silence after which a listener is told that there is nothing to tell."""
MOST_LISTENERS: Final = 32
AGAIN: Final = 1000
"""Milliseconds after which a browser that lost the connection comes again."""


class Stream:
    """The listeners, and what they are told."""

    def __init__(self, desk: Desk, *, look: float = LOOK, heartbeat: float = HEARTBEAT) -> None:
        self._desk = desk
        self._look = look
        self._silence = heartbeat
        self._listeners = 0
        self._run = secrets.token_hex(8)
        self._nudged = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether nobody else can listen."""
        return self._listeners >= MOST_LISTENERS

    def nudge(self) -> None:
        """Let everybody look at once."""
        self._nudged.set()
        self._nudged = asyncio.Event()

    async def listen(self, receive: Receive, send: Send) -> None:
        """Tell one listener what changes, until it leaves; the response has been begun."""
        gone = asyncio.ensure_future(_gone(receive))
        self._listeners += 1
        try:
            await self._tell(gone, send)
        finally:
            self._listeners -= 1
            gone.cancel()
            await asyncio.wait({gone})

    async def _tell(self, gone: asyncio.Future[None], send: Send) -> None:
        told: View = {}
        silent = 0.0
        await _say(send, f"retry: {AGAIN}\n\n")
        while not gone.done():
            view = view_of(self._desk, self._run)
            if text := self._news(told, view):
                told, silent = view, 0.0
                await _say(send, text)
            elif silent >= self._silence:
                silent = 0.0
                await _say(send, ": still here\n\n")
            silent += self._look
            await self._next_look(gone)

    async def _next_look(self, gone: asyncio.Future[None]) -> None:
        nudged = asyncio.ensure_future(self._nudged.wait())
        either: set[asyncio.Future[Any]] = {gone, nudged}
        try:
            await asyncio.wait(either, timeout=self._look, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nudged.cancel()
            await asyncio.wait({nudged})

    def _news(self, told: View, view: View) -> str:
        changed, lost = changes(told, view)
        if not changed and not lost:
            return ""
        event = {**time_of(self._desk), "all": not told, "set": changed, "gone": lost}
        return f"data: {json.dumps(event, separators=(',', ':'))}\n\n"


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
