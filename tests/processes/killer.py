"""A small provider that works connection by connection, keeps what it accepted, and strikes at a chosen moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Self

PHASES = (
    "first accept",
    "accept",
    "headers",
    "half the body",
    "the body",
    "before the answer",
    "mid answer",
    "after the answer",
)
"""What the server has seen or done of a create when it strikes; from "before the answer" on, it was carried out.

The first connection is the look at the list's newest page; the create has one of its own.
"""


class KillingProvider:
    """Answers the list and the create; calls `strike` once, at `phase` of the next create."""

    def __init__(self) -> None:
        self.campaigns: list[dict[str, Any]] = []
        self.posts = 0
        self.phase = ""
        self.strike: Callable[[], None] = lambda: None
        self._accepted = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def strike_at(self, phase: str) -> None:
        """Strike at *phase* of what the next child does; "" for never."""
        self.phase, self._accepted = phase, 0

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    def of(self, message: str) -> list[int]:
        """The campaigns with this message."""
        return [each["id"] for each in self.campaigns if each["message"] == message]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self._accepted += 1
            self._at("first accept" if self._accepted == 1 else "accept")
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # whoever was killed is gone
        finally:
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if head.startswith("GET"):
            await self._send(writer, list(reversed(self.campaigns)))
            return
        self.posts += 1
        self._at("headers")
        length = int(next(line for line in head.lower().splitlines() if "content-length" in line).split(":")[1])
        body = await reader.readexactly(length // 2)
        self._at("half the body")
        body += await reader.readexactly(length - length // 2)
        self._at("the body")
        campaign = self._created(json.loads(body))
        self._at("before the answer")
        await self._send(writer, {"result": True, "data": campaign}, strikes="mid answer")
        self._at("after the answer")

    def _created(self, asked: dict[str, Any]) -> dict[str, Any]:
        campaign = {
            "id": 1000 + len(self.campaigns),
            "name": asked["task_name"],
            "message": asked["message"],
            "sender_id": asked["sender_id"],
            "message_live_time": asked["message_live_time"],
            "created": "2026-07-01 12:00:00",
        }
        self.campaigns.append(campaign)
        names = {"id": "task_id", "name": "task_name"}
        return {names.get(name, name): value for name, value in campaign.items()}

    async def _send(self, writer: asyncio.StreamWriter, value: Any, *, strikes: str = "") -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\ndate: {formatdate(usegmt=True)}\r\n\r\n".encode()
        writer.write(head + body[: len(body) // 2])
        await writer.drain()
        if strikes:
            self._at(strikes)
        writer.write(body[len(body) // 2 :])
        await writer.drain()

    def _at(self, phase: str) -> None:
        if phase != self.phase:
            return
        self.phase = ""
        self.strike()
        if phase.endswith(("headers", "half the body", "the body")):
            raise ConnectionResetError  # it died before it was done, and the provider drops what it had
