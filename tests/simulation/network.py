"""A network that does whatever networks do, drawn by chance: between one client process and the fake provider.

A request that has left is the network's: it arrives, and is carried out, whether or not its sender is still there. What
became of each is kept, so that a checker can compare it with what the client said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
from attrs import define, frozen

from tests.shell.provider import Pieces, Provider
from tests.simulation.provider import marker_in

if TYPE_CHECKING:
    from tests.simulation.world import Process, World

REFUSALS = ("429", "429 with a pause", "2020202020", "401")
"""What the provider says before it looks at a request; each of them invites to send it again."""
NEVER_LEFT = ("no connection", "no connection in time", "no place")
WITHOUT_ANSWER = ("cut before", "cut after", "lost", "cut in the answer")
ODD_ANSWERS = (
    "500",
    "503 with a pause",
    "502 in HTML",
    "HTML",
    "empty",
    "half an answer",
    "another's answer",
    "302",
    "408",
    "409",
)
"""After each of these the request may have been carried out, or be so later, or never."""
CLEAR_NOES = ("422", "result: false")
FAULTS = (*NEVER_LEFT, *WITHOUT_ANSWER, *REFUSALS, *ODD_ANSWERS, *CLEAR_NOES, "slow")


@define(eq=False)
class Sent:
    """One request, and what truly became of it."""

    number: int
    process: str
    operation: int
    """The number of the operation in whose name it was sent; 0 for none."""
    what: str
    is_create: bool
    is_token: bool
    marker: str | None
    fault: str = "none"
    left_at: float | None = None
    arrived_at: float | None = None
    refused: bool = False
    answered: bool = False
    carried_out_at: float | None = None


@frozen
class Weather:
    """What a network is like."""

    faults: tuple[str, ...] = ()
    often: float = 0.0
    """How often a create meets one of them; other calls meet fewer, or hardly any create would leave."""
    late: float = 0.0
    """Seconds, at most, from leaving to being carried out."""
    jitter: float = 0.05
    """Seconds, at most, by which one way is longer than the shortest."""
    tells: bool = True
    """The transport traces what it does."""


CALM = Weather()


class Wire(httpx.AsyncBaseTransport):
    """What one client process sends through."""

    def __init__(self, world: World, process: Process, weather: Weather) -> None:
        self._world = world
        self._process = process
        self.weather = weather
        self._tells = weather.tells

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._process.gate()
        loop, chance = asyncio.get_running_loop(), self._world.chance
        sent = self._note(request)
        await asyncio.sleep(chance.uniform(0, 0.01))
        await self._connect(sent, request)
        if self._tells:
            await Provider.say("http11.send_request_headers.started", request)
        answer: asyncio.Future[httpx.Response] = loop.create_future()
        sent.left_at = loop.time()
        way = 0.005 + chance.uniform(0, self.weather.jitter)
        arrival = loop.call_later(way, self._arrive, sent, request, answer)
        patience = loop.call_later(request.extensions["timeout"]["read"], _fail, answer, httpx.ReadTimeout("read"))
        try:
            response = await answer
        except asyncio.CancelledError:
            if chance.random() < 0.5:  # half of it was under way, and its end never leaves
                arrival.cancel()
            raise
        finally:
            patience.cancel()
        await self._process.gate()
        return response

    def _note(self, request: httpx.Request) -> Sent:
        path = request.url.path
        is_create = request.method == "POST" and path == "/viber"
        sent = Sent(
            len(self._world.sent) + 1,
            self._process.name,
            self._world.operation(),
            f"{request.method} {path}",
            is_create,
            path == "/oauth/access_token",
            marker_in(json.loads(request.content).get("task_name")) if is_create else None,
            fault=self._fault(is_create),
        )
        self._world.sent.append(sent)
        self._world.log(f"{sent.process} sends {sent.number}: {sent.what} for {sent.operation} ({sent.fault})")
        return sent

    def _fault(self, is_create: bool) -> str:
        weather, chance = self.weather, self._world.chance
        if not weather.faults or chance.random() >= weather.often * (1.0 if is_create else 0.2):
            return "none"
        return str(chance.choice(weather.faults))

    async def _connect(self, sent: Sent, request: httpx.Request) -> None:
        limits = request.extensions["timeout"]
        if sent.fault == "no connection":
            raise httpx.ConnectError("refused")
        if sent.fault == "no connection in time":
            await asyncio.sleep(limits["connect"])
            raise httpx.ConnectTimeout("connect")
        if sent.fault == "no place":
            await asyncio.sleep(limits["pool"])
            raise httpx.PoolTimeout("pool")

    def _arrive(self, sent: Sent, request: httpx.Request, answer: asyncio.Future[httpx.Response]) -> None:
        """The head of the request reaches the provider."""
        world, fault = self._world, sent.fault
        loop, chance = asyncio.get_running_loop(), world.chance
        sent.arrived_at = loop.time()
        world.log(f"{sent.number} arrives")
        back = 0.005 + chance.uniform(0, self.weather.jitter)
        if fault == "cut before":
            loop.call_later(back, _fail, answer, chance.choice(CUTS)("cut"))
        elif not world.provider.accepts(request) or fault in REFUSALS:
            sent.refused = True
            self._answer_after(back, sent, answer, lambda: self._refusal(fault))
        elif fault in CLEAR_NOES:
            self._answer_after(back, sent, answer, lambda: self._no(fault))
        else:
            self._work(sent, request, answer, back)

    def _work(self, sent: Sent, request: httpx.Request, answer: asyncio.Future[httpx.Response], back: float) -> None:
        """Carry it out, or not; now, or late; and answer, or not."""
        loop, chance, fault = asyncio.get_running_loop(), self._world.chance, sent.fault
        late = self.weather.late > 0 and chance.random() < 0.3
        assert sent.left_at is not None
        latest = max(loop.time(), sent.left_at + self.weather.late) if late else loop.time() + 0.1
        at = latest if late and chance.random() < 0.5 else chance.uniform(loop.time(), latest)
        happens = fault in ("none", "slow") or chance.random() < 0.5
        if fault in ("none", "slow"):
            slow = chance.uniform(1, 40) if fault == "slow" else 0.0

            def done() -> None:
                value = self._carry_out(sent, request)
                self._answer_after(back + slow, sent, answer, lambda: self._given(200, json.dumps(value).encode()))

            loop.call_at(at, done)
            return
        value: list[Any] = []
        if happens:
            loop.call_at(at, lambda: value.append(self._carry_out(sent, request)))
        if fault == "cut after":
            loop.call_later(back, _fail, answer, chance.choice(CUTS)("cut"))
        elif fault in ODD_ANSWERS:
            self._answer_after(0.1 + back, sent, answer, lambda: self._odd(sent, value))
        elif fault == "cut in the answer":
            loop.call_later(0.1 + back, _give, answer, self._torn)

    def _carry_out(self, sent: Sent, request: httpx.Request) -> Any:
        sent.carried_out_at = self._world.now()
        self._world.log(f"{sent.number} is carried out")
        return self._world.provider.carry_out(request, sent.number)

    def _answer_after(
        self, seconds: float, sent: Sent, answer: asyncio.Future[httpx.Response], make: Callable[[], httpx.Response]
    ) -> None:
        def give() -> None:
            sent.answered = True
            self._world.log(f"{sent.number} is answered")
            _give(answer, make)

        asyncio.get_running_loop().call_later(seconds, give)

    # What answers look like.

    def _given(self, status: int, body: bytes, **headers: str) -> httpx.Response:
        date = self._world.provider.date()
        headers |= {} if date is None else {"date": date}
        return httpx.Response(status, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def _refusal(self, fault: str) -> httpx.Response:
        match fault:
            case "429":
                return self._given(429, b"slow down")
            case "429 with a pause":
                return self._given(429, b"{}", retry_after=str(self._world.chance.randint(1, 30)))
            case "2020202020":
                return self._given(200, b'{"message": "too many", "error_code": 2020202020}')
            case _:
                return self._given(401, b'{"message": "Unauthorized!", "error_code": 401}')

    def _no(self, fault: str) -> httpx.Response:
        if fault == "422":
            return self._given(422, b'{"message": "no", "errors": {"message": ["is rude"]}}')
        return self._given(200, b'{"result": false, "message": "no"}')

    def _torn(self) -> httpx.Response:
        date = self._world.provider.date()
        pieces = Pieces(b'{"result": tr', httpx.ReadError("cut"))
        return httpx.Response(200, stream=pieces, headers={} if date is None else {"date": date})

    def _odd(self, sent: Sent, value: list[Any]) -> httpx.Response:  # noqa: PLR0911 - a table
        match sent.fault:
            case "500":
                return self._given(500, b'{"message": "oops", "error_code": 2020202020}')
            case "503 with a pause":
                return self._given(503, b"", retry_after="2")
            case "502 in HTML":
                return self._given(502, b"<html>bad gateway</html>")
            case "HTML":
                return self._given(200, b"<html>welcome</html>")
            case "empty":
                return self._given(200, b"")
            case "half an answer":
                whole = json.dumps(value[0] if value else {"result": True, "data": {"task_id": 1}}).encode()
                return self._given(200, whole[: len(whole) // 2] or b"{")
            case "another's answer":
                return self._given(200, json.dumps(self._strangers(sent)).encode())
            case status:
                return self._given(int(status), b"", location="https://elsewhere.invalid/")

    def _strangers(self, sent: Sent) -> Any:
        """A stray answer: of another create, or of another call."""
        others = [each for each in self._world.provider.campaigns if each.request != sent.number]
        if not sent.is_create or not others:
            return {"stray": True}
        return {"result": True, "data": self._world.provider.echo(self._world.chance.choice(others))}


CUTS = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


def _fail(answer: asyncio.Future[httpx.Response], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _give(answer: asyncio.Future[httpx.Response], make: Callable[[], httpx.Response]) -> None:
    if not answer.done():
        answer.set_result(make())
