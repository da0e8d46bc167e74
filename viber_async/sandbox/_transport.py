"""The app without a socket: an httpx transport that hands requests straight to it.

Answers are streamed piece by piece, a cut connection is the exception that httpx has for it, and the read
timeout is kept, because httpx leaves timeouts to the transport.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httpx

from viber_async.sandbox._app import CONNECTION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Scope


class InProcessTransport(httpx.AsyncBaseTransport):
    """Serves an ASGI application to one httpx client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the application's response, its body not read yet."""
        exchange = _Exchange(self._app, request, await request.aread())
        try:
            start = await exchange.start()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx.Response(start["status"], headers=start["headers"], stream=exchange, request=request)


class _Exchange(httpx.AsyncByteStream):
    """One request under way: the app in a task of its own, its messages through a queue of one."""

    def __init__(self, app: ASGIApp, request: httpx.Request, body: bytes) -> None:
        self._request = request
        self._body: bytes | None = body
        self._lost: Exception | None = None
        self._left = asyncio.Event()
        self._messages: asyncio.Queue[Message | Exception | None] = asyncio.Queue(1)
        self._task = asyncio.create_task(self._run(app, self._scope()))

    async def start(self) -> Message:
        """Return the message that opens the response."""
        return cast("Message", await self._next())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._next()) is not None:
            yield message["body"]

    async def aclose(self) -> None:
        """Leave: the app is stopped if it has not finished."""
        self._task.cancel()
        await asyncio.wait({self._task})

    # --- the connection, as the app sees it ---

    @property
    def is_lost(self) -> bool:
        """Whether the connection was cut; a caller who leaves stops the app itself."""
        return self._lost is not None

    def cut(self, *, reset: bool) -> None:
        """End the exchange with the exception of a closed or a reset connection."""
        self._lost = (
            httpx.ReadError("Connection reset by peer", request=self._request)
            if reset
            else httpx.RemoteProtocolError("Server disconnected without a response", request=self._request)
        )
        self._left.set()

    # --- the app's side ---

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - handed to the caller, as the error of its request
            await self._messages.put(error)
        else:
            await self._messages.put(self._lost)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._messages.put(message)

    async def _next(self) -> Message | None:
        timeouts = cast("dict[str, float | None]", self._request.extensions.get("timeout", {}))
        try:
            async with asyncio.timeout(timeouts.get("read")):
                message = await self._messages.get()
        except TimeoutError as error:
            raise httpx.ReadTimeout("The sandbox did not answer in time", request=self._request) from error
        if isinstance(message, Exception):
            raise message
        return message

    def _scope(self) -> Scope:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port),
            "client": None,
            "state": {CONNECTION: self},
        }
