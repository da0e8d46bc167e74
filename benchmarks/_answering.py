"""A server on loopback, in a process of its own, that answers what it is asked with as little effort as it can.

Its CPU is not measured with that of the clients, and it is never what they wait for.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SENDERS = "/viber/senders"
BLACKLIST = "/v2/viber-service/phone-exception"
ROWS = [
    {"id": n, "user_id": 7046460, "phone": 380930000000 + n, "description": "", "add_date": "2021-11-05 13:34:03"}
    for n in range(1000)
]
BODIES = {
    ("GET", SENDERS): [{"id": 1, "status": "verified", "name": "shop"}],
    ("GET", BLACKLIST): {"data": {"list": ROWS, "total": 1000}},
    ("POST", BLACKLIST): {"result": True, "counters": {"added": 3, "exists": 0}},
    ("DELETE", BLACKLIST): {"result": True, "deleted": 3},
    ("POST", "/oauth/access_token"): {"access_token": "token", "token_type": "Bearer", "expires_in": 3600},
}
BYTES = {asked: json.dumps(body).encode() for asked, body in BODIES.items()}


def whole(body: bytes) -> bytes:
    """Give the answer with a head such as the provider's."""
    head = (
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


ANSWERS = {f"{method} {path}".encode(): whole(body) for (method, path), body in BYTES.items()}


class Answering(asyncio.Protocol):
    """Answers what comes in whole, in one piece or in several, after so many *seconds*."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, end, body = self._held.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if end and len(body) >= int(length or 0):
            self._held = b""
            answer = ANSWERS[head.split(b"?")[0].split(b" HTTP/")[0]]
            if self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self._transport.write, answer)
            else:
                self._transport.write(answer)


@contextmanager
def answering(seconds: float = 0.0) -> Iterator[str]:
    """Give the base URL of such a server, which takes so many *seconds* for an answer."""
    command = [sys.executable, __file__, str(seconds)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdin is not None
    with child:
        try:
            yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        finally:
            child.stdin.close()  # which ends it


async def serve(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Answering, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
