"""From a request on a wire to the calls and back: the one file that knows ASGI and Starlette.

The order of things: the arrival is noted and judged; the body is read; what the rate limit refuses is refused;
a waiting fault strikes; the call is answered; the answer leaves, whole or not. State and answers are elsewhere,
so that other routes can be put beside these.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, cast
from urllib.parse import parse_qsl

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.routing import Route

from viber_async.sandbox._answer import Answer, refusal, rendered
from viber_async.sandbox._calls import CALLS, Ask, Call, answer_to
from viber_async.sandbox._faults import NO_FAULT, Cut, Fault, SandboxFaults, run_hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Message, Receive, Scope, Send

    from viber_async.sandbox._account import Account
    from viber_async.sandbox._clock import SandboxClock
    from viber_async.sandbox._journal import Journal
    from viber_async.sandbox._rate import SandboxRate

CONNECTION: Final = "viber_async.sandbox.connection"
"""Where in ``scope["state"]`` the server leaves the connection, so that it can be cut."""


class Connection(Protocol):
    """What a server has to let us do to the connection a request came on."""

    @property
    def is_lost(self) -> bool:
        """Whether the caller has left."""
        ...

    def cut(self, *, reset: bool) -> None:
        """End it after what was sent so far, or, with *reset*, at once and rudely."""
        ...


@frozen
class Desk:
    """The parts that a request meets."""

    account: Account
    clock: SandboxClock = field(kw_only=True)
    rate: SandboxRate = field(kw_only=True)
    faults: SandboxFaults = field(kw_only=True)
    journal: Journal = field(kw_only=True)
    monotonic: Callable[[], float] = field(kw_only=True, default=time.monotonic)


def app_of(desk: Desk) -> Starlette:
    """Return the provider as an ASGI application."""
    return Starlette(
        routes=[
            Route(call.path, _Endpoint(call, desk=desk), methods=[call.method] if call.method else None)
            for call in CALLS
        ]
    )


class _GoneError(Exception):
    """The caller has left: there is nobody to answer."""


@frozen
class _Request:
    """One request under way."""

    number: int
    scope: Scope = field(kw_only=True)
    receive: Receive = field(kw_only=True)
    send: Send = field(kw_only=True)

    @property
    def connection(self) -> Connection:
        return cast("Connection", self.scope["state"][CONNECTION])

    @property
    def line(self) -> tuple[str, str]:
        return cast("str", self.scope["method"]), cast("str", self.scope["path"])


@frozen
class _Endpoint:
    """One of the provider's calls as an ASGI application."""

    call: Call
    desk: Desk = field(kw_only=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        within = self.desk.rate.arrive(arrived_at := self.desk.monotonic())
        request = _Request(self._noted(scope, arrived_at, within=within), scope=scope, receive=receive, send=send)
        try:
            await self._serve(request, within=within)
        except _GoneError:
            return  # the record shows it: a request without a status

    def _noted(self, scope: Scope, arrived_at: float, *, within: bool) -> int:
        client = cast("tuple[str, int] | None", scope.get("client"))
        return self.desk.journal.open(
            self.call.name,
            method=scope["method"],
            path=scope["path"],
            query=_query(scope),
            headers=_headers(scope),
            peer_port=client[1] if client else None,
            arrived_at=arrived_at,
            in_window=self.desk.rate.in_window,
            over_limit=not within,
        )

    async def _serve(self, request: _Request, *, within: bool) -> None:
        body = await _body_of(request)
        self.desk.journal.received(request.number, body)
        fault = self._fault_for(request) if within else NO_FAULT
        await _unless_gone(request, fault)
        await _cut_if(request, fault.cut_before)
        answer = self._answered(request, body, fault) if within else refusal(2020202020).answer
        await _cut_if(request, fault.cut_after)
        await self._deliver(request, fault.spoilt(answer), fault.whole_for)

    def _fault_for(self, request: _Request) -> Fault:
        """The fault that strikes; one that meets a request over the limit waits for the next."""
        fault = self.desk.faults.take(self.call.name, *request.line)
        self.desk.journal.struck(request.number, fault.name)
        return fault

    def _answered(self, request: _Request, body: bytes, fault: Fault) -> Answer:
        if fault.instead is not None:
            return fault.instead
        ask = Ask(
            self.desk.account,
            blacklist=self.desk.account.blacklist,
            now=self.desk.clock.now(),
            id=request.scope["path_params"].get("id", ""),
            query=fault.query(_query(request.scope)),
            headers=_headers(request.scope),
            body=body,
        )
        return fault.processed(ask, partial(answer_to, self.call))

    async def _deliver(self, request: _Request, answer: Answer, whole_for: int | None) -> None:
        self.desk.journal.answered(request.number, answer.status)
        await request.send(_start(answer, self._date()))
        left = whole_for
        for piece in _pieces(answer):
            if left is not None and len(piece) > left:
                await request.send(_part(piece[:left]))
                await _cut(request, Cut())
            left = None if left is None else left - len(piece)
            await request.send(_part(piece))
            await _breathe(request)
        await request.send(_part(b"", more=False))

    def _date(self) -> str:
        return format_datetime(self.desk.clock.now(), usegmt=True)


def _query(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _body_of(request: _Request) -> bytes:
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _unless_gone(request: _Request, fault: Fault) -> None:
    """Run the hooks of *fault*; when the caller leaves first, they are cancelled."""
    if not fault.hooks:
        return
    hooks = asyncio.ensure_future(run_hooks(fault))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({hooks, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not hooks.done():
            raise _GoneError
        hooks.result()
    finally:
        hooks.cancel()
        gone.cancel()
        await asyncio.wait({hooks, gone})


async def _gone(request: _Request) -> None:
    """Wait until the caller has left: the body has been read, so the next message says that."""
    await request.receive()


async def _cut_if(request: _Request, cut: Cut | None) -> None:
    if cut is not None:
        await _cut(request, cut)


async def _cut(request: _Request, cut: Cut) -> None:
    """Cut the connection and wait until it is: an app that returned before would be answered for by the server."""
    request.connection.cut(reset=cut.reset)
    await _gone(request)
    raise _GoneError


def _start(answer: Answer, date: str) -> Message:
    headers = [*answer.headers, ("date", date)]
    if answer.stream is None:
        headers.append(("content-length", str(len(rendered(answer)))))
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": answer.status, "headers": pairs}


def _pieces(answer: Answer) -> Iterator[bytes]:
    yield from answer.stream if answer.stream is not None else (rendered(answer),)


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _breathe(request: _Request) -> None:
    """Let others run between two pieces, and stop where nobody reads them any more."""
    await asyncio.sleep(0)
    if request.connection.is_lost:
        raise _GoneError
