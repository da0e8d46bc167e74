"""A double of the provider at the transport seam: answers as scripted, and remembers what it was asked.

It stands where httpx's own transport would, so that everything of ours is the real thing. The pool, the trace and
the sockets are not here: what depends on those is tested against a real server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

TOKEN = {"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600}

Reply = httpx.Response | Exception | Callable[[httpx.Request], Any]


def ok(value: Any, **headers: str) -> httpx.Response:
    """Give a success with *value* as its JSON."""
    return httpx.Response(200, json=value, headers=headers)


def no(status: int, value: Any = None, **headers: str) -> httpx.Response:
    """Give a refusal."""
    body = json.dumps(value).encode() if value is not None else b"<html>no</html>"
    return httpx.Response(status, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


THROTTLED = {"message": "too many", "error_code": 2020202020}


class Provider(httpx.AsyncBaseTransport):
    """Answers each request with the next of *replies* (the last one for ever), token calls by themselves."""

    def __init__(self, *replies: Reply, token: Reply | None = None, tell: bool = True) -> None:
        self.replies = list(replies)
        self.token = token
        self.tell = tell
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self.times: list[float] = []
        self.closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.times.append(asyncio.get_running_loop().time())
        if self.tell:
            await self.say("http11.send_request_headers.started", request)
        if request.url.path == "/oauth/access_token":
            self.tokens += 1
            reply: Any = self.token or ok({**TOKEN, "access_token": f"token-{self.tokens}"})
        else:
            self.requests.append(request)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return await _given(reply, request)

    @staticmethod
    async def say(event: str, request: httpx.Request) -> None:
        """Tell the trace what is going on, as httpcore does."""

        class Seen:
            method = request.method.encode()

        await request.extensions["trace"](event, {"request": Seen()})

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies of what was asked, None where there was none."""
        return [json.loads(r.content) if r.content else None for r in self.requests]


async def _given(reply: Any, request: httpx.Request) -> httpx.Response:
    if callable(reply):
        reply = reply(request)
        if isinstance(reply, Awaitable):
            reply = await reply
    if isinstance(reply, BaseException):
        raise reply
    # the same answer may be given again: a body that was read is gone
    return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces; an exception among them is raised in its place."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            given = piece() if callable(piece) else piece
            if isinstance(given, Awaitable):
                given = await given
            if isinstance(given, BaseException):
                raise given
            if given is not None:
                yield given

    async def aclose(self) -> None:
        self.closed = True
