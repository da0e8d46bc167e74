"""A server of our own that misbehaves as it is told, connection by connection, and logs what truly arrived.

A **script** says what happens on one connection: a tuple of **steps**, taken in order; when they are over, the
connection is closed. `Hostile(script, script)` gives the first script to the first connection, the second to the
second, and `then` (the honest script, if not said otherwise) to all that follow. So a row of a table reads:

    CUT = (take, send(answer([])[:20]), reset)            # the whole request is read, half an answer, RST

    async with Hostile(CUT, CUT) as server, session_to(server) as session:
        assert await session.senders.list() == ()         # the third connection is honest
        assert server.count("GET /viber/senders") == 2 + 1
        await healthy_afterwards(session)

To read: `take` (one whole request), `head` (up to its empty line), `read(k)` (k bytes), `swallow` (everything, until
the client hangs up; answers nothing), `deaf` (nothing, for ever; give the server a small `receive_buffer`, and the
session ``transport=small_buffers()``).

To write: `send(raw, ...)`, `drip(raw, every=0.02)` (byte by byte, until the client hangs up), `flood(raw, most=None)`
(again and again, likewise), `say(value, status=200, **headers)` (an honest JSON answer), `serve(n)` (n requests,
honestly; None: all of them). `answer(value, ...)` and `raw_answer(body, ...)` give the bytes, to be cut or glued.

To end: `close` (FIN, though data may be unread: then the kernel makes it a RST), `reset` (RST). To be in step with the
test: `wait(event)` and `signal(event)`, of an `asyncio.Event` of the test's. Inside TLS: `tls(context)` as first step.
Anything else: a step is any ``async def step(peer: Peer) -> None``.

Honest answers come from `HONEST`, by method and path, and `Hostile(answers={...})` adds to them; a value may be a
function of the request. The call for a token is among them, and an `ApiKey`, which `session_to` uses unless it is given
``credentials=``, avoids it. `server.heal()` makes all connections honest that are made from then on; `refuse()` and
`vanish()` make it refuse connections, or never answer to them, until `heal()`.

The log: `server.peers`, one for each connection, with `.received` (raw bytes) and `.requests` (whole ones, parsed from
them); `server.requests`, `server.count("POST /viber")`; `await server.settled()` first if scripts may still be at it.
What was never read was not logged. A script that fails for a reason of its own fails the test; a client that hangs up
does not.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx
from attrs import field, frozen

from viber_async import ApiKey, RateLimit, RetryPolicy, Timeout, ViberSession
from viber_async._connections import Connections

Step = Callable[["Peer"], Awaitable[None]]
Script = tuple[Step, ...]

LIFTED = RateLimit(1_000_000, per=1.0)
"""No limit to speak of."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST."""


@frozen
class Arrived:
    """One whole request, as it stood on the wire."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    length: int = field(repr=False)
    """Bytes, head included."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def parsed(raw: bytes) -> Arrived | None:
    """Give the request at the beginning of *raw*, if it is whole."""
    top, end, rest = raw.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = top.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = int(headers.get("content-length", 0))
    if len(rest) < size:
        return None
    return Arrived(method, target, headers, rest[:size], len(top) + len(end) + size)


class HungUpError(Exception):
    """The client closed the connection before the script was over."""


class Peer:
    """One connection, seen from the server."""

    def __init__(self, server: Hostile, number: int, sock: socket.socket) -> None:
        self.server = server
        self.number = number
        self.received = bytearray()
        self.requests: list[Arrived] = []
        self.sent = 0
        self.hung_up = False
        """The client closed it, or reset it, before the script was over."""
        self._sock = sock
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._parsed = 0
        self._taken = 0

    async def read(self, most: int = 65536) -> bytes:
        """Read and log what is there, up to *most* bytes; wait if there is nothing; raise if the client hung up."""
        try:
            if self._stream is not None:
                data = await self._stream[0].read(most)
            else:
                data = await asyncio.get_running_loop().sock_recv(self._sock, most)
        except OSError as error:
            raise HungUpError from error
        if not data:
            raise HungUpError
        self.received += data
        while (request := parsed(bytes(self.received[self._parsed :]))) is not None:
            self._parsed += request.length
            self.requests.append(request)
        return data

    async def next_request(self) -> Arrived:
        """Read one more whole request."""
        while len(self.requests) <= self._taken:
            await self.read()
        self._taken += 1
        return self.requests[self._taken - 1]

    async def send(self, raw: bytes) -> None:
        """Write *raw*, as fast as the client takes it; raise if the client hung up."""
        try:
            if self._stream is not None:
                self._stream[1].write(raw)
                await self._stream[1].drain()
            else:
                await asyncio.get_running_loop().sock_sendall(self._sock, raw)
        except OSError as error:
            raise HungUpError from error
        self.sent += len(raw)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands; raise if the client does not like ours."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, self._sock, ssl=context)
        except OSError as error:
            raise HungUpError from error
        self._stream = reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    def close(self, *, reset: bool = False) -> None:
        """Close it, with FIN or RST; may be called twice."""
        if self._stream is not None:
            self._stream[1].transport.abort()
        elif self._sock.fileno() >= 0:
            if reset:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._sock.close()


# Steps.


async def take(peer: Peer) -> None:
    """Read one whole request."""
    await peer.next_request()


async def head(peer: Peer) -> None:
    """Read up to the empty line after the first head, byte by byte, and no further."""
    while b"\r\n\r\n" not in peer.received:
        await peer.read(1)


async def swallow(peer: Peer) -> None:
    """Read everything and answer nothing, until the client hangs up."""
    while True:
        await peer.read()


async def deaf(_: Peer) -> None:
    """Read nothing, for ever."""
    await asyncio.Event().wait()


async def close(peer: Peer) -> None:
    """Close the connection."""
    peer.close()


async def reset(peer: Peer) -> None:
    """Close it with RST."""
    peer.close(reset=True)


def read(size: int) -> Step:
    """Read that many bytes, and no more."""

    async def step(peer: Peer) -> None:
        left = size
        while left:
            left -= len(await peer.read(left))

    return step


def send(*pieces: bytes) -> Step:
    """Write *pieces*."""

    async def step(peer: Peer) -> None:
        for piece in pieces:
            await peer.send(piece)

    return step


def drip(raw: bytes, *, every: float = 0.02) -> Step:
    """Write *raw* byte by byte, with that many seconds between them."""

    async def step(peer: Peer) -> None:
        for at in range(len(raw)):
            await peer.send(raw[at : at + 1])
            await asyncio.sleep(every)

    return step


def flood(raw: bytes, *, most: int | None = None) -> Step:
    """Write *raw* again and again, until the client hangs up or *most* bytes are written."""

    async def step(peer: Peer) -> None:
        start = peer.sent
        while most is None or peer.sent - start < most:
            await peer.send(raw)
            await asyncio.sleep(0)  # the client runs in the same loop

    return step


def say(value: Any, status: int = 200, **headers: str) -> Step:
    """Write an honest answer with *value* as its JSON."""
    return send(answer(value, status, **headers))


def serve(requests: int | None = None) -> Step:
    """Answer that many requests honestly, or all until the client hangs up."""

    async def step(peer: Peer) -> None:
        left = requests
        while left is None or left > 0:
            request = await peer.next_request()
            await peer.send(answer(peer.server.honest_value(request)))
            left = None if left is None else left - 1

    return step


def wait(event: asyncio.Event) -> Step:
    """Wait for the test."""

    async def step(_: Peer) -> None:
        await event.wait()

    return step


def signal(event: asyncio.Event) -> Step:
    """Tell the test that the script has come this far."""

    async def step(_: Peer) -> None:
        event.set()

    return step


def tls(context: ssl.SSLContext) -> Step:
    """Speak TLS from here on."""

    async def step(peer: Peer) -> None:
        await peer.start_tls(context)

    return step


# Answers.


def answer(value: Any, status: int = 200, **headers: str) -> bytes:
    """Give an honest answer with *value* as its JSON."""
    return raw_answer(json.dumps(value).encode(), status, **{"content_type": "application/json", **headers})


def raw_answer(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Give an answer with that body; in names of headers ``_`` stands for ``-``, and a value "" takes one away."""
    lines = {"content_length": str(len(body)), **headers}
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status} Said\r\n{told}\r\n".encode() + body


def created(request: Arrived) -> Any:
    """Give what the provider says of a campaign that it has created."""
    asked = request.json
    echoed = {name: asked.get(name) for name in ("task_name", "sender_id", "message", "message_live_time")}
    rest = {"message_type": asked["message_type"], "send_date": "2024-01-31 12:00:00", "resend_sms": 0}
    return {"result": True, "data": {"task_id": 90241, **echoed, **rest}}


HONEST: dict[str, Any] = {
    "POST /oauth/access_token": {"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600},
    "GET /viber/senders": [],
    "GET /viber/task": [],
    "POST /viber": created,
    "GET /v2/viber-service/phone-exception": {"data": {"list": [], "total": 0}},
    "POST /v2/viber-service/phone-exception": lambda request: {
        "result": True,
        "counters": {"added": len(request.json["phones"]), "exists": 0},
    },
    "DELETE /v2/viber-service/phone-exception": lambda request: {
        "result": True,
        "deleted": len(request.json["phones"]),
    },
}
"""What an honest provider says, by method and path."""

honest: Script = (serve(),)


class Hostile:
    """The server: ``async with Hostile(script, ...) as server``. Listens on loopback at `url`, stops at once."""

    def __init__(
        self,
        *scripts: Script,
        then: Script = honest,
        answers: Mapping[str, Any] | None = None,
        receive_buffer: int | None = None,
        scheme: str = "http",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._scripts = list(scripts)
        self.then = then
        self.answers = {**HONEST, **(answers or {})}
        self._tasks: list[asyncio.Task[None]] = []
        self.peers: list[Peer] = []
        self._host = host
        self._receive_buffer = receive_buffer
        self._crowd: list[socket.socket] = []
        self._accepting: asyncio.Task[None] | None = None
        self.port = port
        self._bind()
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def _bind(self) -> None:
        self._sock = sock = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        sock.setblocking(False)
        sock.bind((self._host, self.port))
        self.port = sock.getsockname()[1]

    @property
    def requests(self) -> list[Arrived]:
        """All whole requests that arrived, by connection."""
        return [request for peer in self.peers for request in peer.requests]

    def count(self, what: str) -> int:
        """Count the whole requests of *what*, such as ``POST /viber``."""
        return sum(str(request) == what for request in self.requests)

    async def settled(self) -> None:
        """Wait until every script so far is over, and all that arrived is logged."""
        if self._tasks:
            _, running = await asyncio.wait(self._tasks, timeout=20)
            assert not running

    def heal(self) -> None:
        """Be honest on all connections that are made from now on."""
        self._scripts.clear()
        self.then = honest
        if self._accepting is None:
            self._open()

    def _open(self) -> None:
        self._sock.listen(100)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def refuse(self) -> None:
        """Refuse all connections from now on, until `heal()`; those that are open stay open."""
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
        self._sock.close()
        self._bind()

    def vanish(self) -> None:
        """Answer nothing to whoever wants to connect, until `heal()`: the queue of the kernel is full."""
        self.refuse()
        self._sock.listen(0)
        for _ in range(3):
            waiting = socket.socket(self._sock.family)
            waiting.setblocking(False)
            waiting.connect_ex((self._host, self.port))
            self._crowd.append(waiting)

    def honest_value(self, request: Arrived) -> Any:
        """Give what an honest provider says to *request*."""
        value = self.answers[str(request)]
        return value(request) if callable(value) else value

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._sock)
            peer = Peer(self, len(self.peers), sock)
            self.peers.append(peer)
            script = self._scripts.pop(0) if self._scripts else self.then
            self._tasks.append(loop.create_task(self._play(peer, script)))

    @staticmethod
    async def _play(peer: Peer, script: Script) -> None:
        try:
            for step in script:
                await step(peer)
        except HungUpError:
            peer.hung_up = True
        finally:
            peer.close()

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        tasks = [task for task in (*self._tasks, self._accepting) if task is not None]
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for sock in (self._sock, *self._crowd):
            sock.close()
        failures = [each for each in ended if isinstance(each, Exception)]
        if failures and error is None:
            raise ExceptionGroup("scripts of the hostile server failed", failures)


# The client's side.


def session_to(server: Hostile, **settings: Any) -> ViberSession:
    """Give a session for *server*: with a key instead of a token, one connection, no rate limit, short times."""
    given = {
        "credentials": ApiKey("key"),
        "base_url": server.url,
        "rate_limit": LIFTED,
        "max_connections": 1,
        "timeout": Timeout(connect=2, write=5, read=5, create_read=5, pool=5),
        "deadline": 10,
        "retries": RetryPolicy(base=0.001, throttle_base=0.001),
        **settings,
    }
    return ViberSession(given.pop("credentials"), **given)


def small_buffers() -> httpx.AsyncHTTPTransport:
    """Give a transport whose kernel takes only a few KiB before it waits for the server."""
    return httpx.AsyncHTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)])


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Fail if the block takes longer; by how much the loop was late all the while does not count."""
    loop = asyncio.get_running_loop()
    late = 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            due = loop.time() + 0.02
            await asyncio.sleep(0.02)
            late += loop.time() - due

    began, watching = loop.time(), loop.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()

    assert loop.time() - began - late < seconds


async def healthy_afterwards(session: ViberSession) -> None:
    """Prove that nothing was lost: as many reads at once as there are connections, and nothing left over.

    The server has to be honest by now: its scripts used up, or `heal()` called.
    """
    parts = session._parts
    session = session.with_options(timeout=10, deadline=15)
    async with asyncio.timeout(20):
        await asyncio.gather(*(session.senders.list() for _ in range(parts.settings.max_connections)))
        while len(parts.tasks):
            await asyncio.wait(list(parts.tasks._tasks))
        assert session.statistics().in_flight == 0
        inner: Any = parts.open().transport._inner
        if isinstance(inner, Connections):
            assert [pool.under_way for pool in inner._pools] == [0]  # and no create has left its own behind
            inner = inner._pool.transport
        assert inner._pool._requests == []
        assert [each for each in inner._pool.connections if not each.is_idle()] == []
