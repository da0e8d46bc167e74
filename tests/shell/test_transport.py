"""The rate-limited transport and the border at which httpx's errors become ours."""

from __future__ import annotations

import asyncio
import inspect
import ssl

import httpx
import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.provider import Pieces, Provider, ok
from viber_async import (
    ConnectionFailedError,
    Delivery,
    PacedLimiter,
    ProtocolError,
    RateLimit,
    RequestTimeoutError,
    TransportError,
    errors,
)
from viber_async._flight import FLIGHT, Flight
from viber_async._transport import NEVER_SENT, TRANSLATED, RateLimitedTransport, mask_words, translate


def over(inner: httpx.AsyncBaseTransport, places: int = 10) -> tuple[RateLimitedTransport, PacedLimiter]:
    limiter = PacedLimiter(RateLimit(10, per=1.0))
    return RateLimitedTransport(inner, limiter, places=places), limiter


def request() -> httpx.Request:
    return httpx.Request("GET", "http://127.0.0.1:1/x")


@in_virtual_time
async def test_it_is_a_transport_for_any_httpx_client() -> None:
    """Paced like everything else, with no word of ours in the request."""
    provider = Provider(ok([1]))
    transport, _ = over(provider)
    async with httpx.AsyncClient(transport=transport) as client:
        answers = await asyncio.gather(*(client.get("http://127.0.0.1:1/x") for _ in range(25)))

    assert [a.json() for a in answers] == [[1]] * 25
    assert provider.times[-1] - provider.times[0] > 1.9
    assert provider.closed == 1


@in_virtual_time
async def test_no_more_than_its_places_are_under_way() -> None:
    """A place is taken before the network and freed when the body is closed."""
    peak = busy = 0

    async def slow(_: httpx.Request) -> httpx.Response:
        nonlocal peak, busy
        busy += 1
        peak = max(peak, busy)
        await asyncio.sleep(5)
        busy -= 1
        return ok(1)

    transport, _ = over(Provider(slow), places=2)

    async def once() -> None:
        response = await transport.handle_async_request(request())
        for _ in range(2):
            await response.stream.aclose()  # type: ignore[union-attr]

    await asyncio.gather(*(once() for _ in range(6)))

    assert peak == 2


@in_virtual_time
async def test_cancelled_while_waiting_for_a_place_it_gives_the_turn_back() -> None:
    """The turn had been granted, the request had not left."""
    never = asyncio.Event()

    async def stuck(_: httpx.Request) -> httpx.Response:
        await never.wait()
        return ok(1)

    transport, limiter = over(Provider(stuck), places=1)
    first = asyncio.create_task(transport.handle_async_request(request()))
    second = asyncio.create_task(transport.handle_async_request(request()))
    await asyncio.sleep(1)
    before = limiter.statistics().granted
    second.cancel()
    await asyncio.wait([second])

    assert (before, limiter.statistics().granted) == (2, 1)
    never.set()
    await first


@pytest.mark.parametrize("failure", [httpx.ReadError("x"), httpx.ConnectError("x"), RuntimeError("x")])
@in_virtual_time
async def test_a_failure_frees_the_place(failure: Exception) -> None:
    """Whatever the network raises, the next request finds its place."""
    transport, _ = over(Provider(failure, ok(1)), places=1)
    with pytest.raises(type(failure)):
        await transport.handle_async_request(request())

    assert (await transport.handle_async_request(request())).status_code == 200


@in_virtual_time
async def test_a_connection_that_failed_costs_no_turn() -> None:
    """What never left does not count against the allowance; what may have left does."""
    granted = []
    for tell, failure in [(True, httpx.ReadError("")), (False, httpx.ReadError("")), (False, httpx.ConnectError(""))]:
        provider = Provider(failure)
        provider.tell = tell
        transport, limiter = over(provider)
        with pytest.raises(type(failure)):
            await transport.handle_async_request(request())
        granted.append(limiter.statistics().granted)

    assert granted == [1, 1, 0]


@in_virtual_time
async def test_a_body_that_cannot_be_closed_still_frees_its_place() -> None:
    """The place does not depend on the transport's good manners."""

    class Rude(Pieces):
        async def aclose(self) -> None:
            raise httpx.ReadError("rude")

    class Inner(httpx.AsyncBaseTransport):
        async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Rude(b"1"))

    transport, _ = over(Inner(), places=1)
    for _ in range(2):
        response = await transport.handle_async_request(request())
        with pytest.raises(httpx.ReadError):
            await response.aclose()

    assert response.status_code == 200


@in_virtual_time
async def test_a_transport_of_ones_own_without_a_place_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be replaced; but whoever handed it in can."""
    transport, _ = over(Provider(httpx.PoolTimeout("full")), places=5)
    for _ in range(2):
        with pytest.raises(httpx.PoolTimeout):
            await transport.handle_async_request(request())

    assert ["than the 10 that max_connections" in record.message for record in caplog.records] == [True]
    assert transport.pools_replaced == 0


@pytest.mark.parametrize(
    ("flight", "delivery"),
    [
        (Flight(), Delivery.NOT_SENT),
        (Flight(entered=True), Delivery.UNKNOWN),
        (Flight(entered=True, traced=True), Delivery.NOT_SENT),
        (Flight(entered=True, traced=True, left=True), Delivery.UNKNOWN),
        (Flight(entered=True, traced=True, left=True, arrived=True), Delivery.ANSWERED),
    ],
)
def test_delivery_follows_from_what_the_trace_told(flight: Flight, delivery: Delivery) -> None:
    """Not sent is said only where it is proven."""
    assert flight.delivery is delivery


@pytest.mark.fault("N21")
@in_virtual_time
async def test_opening_a_tunnel_does_not_count_as_leaving() -> None:
    """A proxy's CONNECT is traced like the request itself (N21)."""
    flight = Flight()

    async def proxy(sent: httpx.Request) -> httpx.Response:
        await Provider.say("http11.send_request_headers.started", httpx.Request("CONNECT", "http://127.0.0.1:1"))
        raise httpx.ReadError("the proxy hung up")

    async def tunnel(sent: httpx.Request) -> httpx.Response:
        class Seen:
            method = b"CONNECT"

        await sent.extensions["trace"]("http11.send_request_headers.started", {"request": Seen()})
        raise httpx.ReadError("the proxy hung up")

    provider = Provider(tunnel, tell=False)
    transport, _ = over(provider)
    sent = request()
    sent.extensions[FLIGHT] = flight
    with pytest.raises(httpx.ReadError):
        await transport.handle_async_request(sent)

    assert (flight.traced, flight.left, flight.delivery) == (True, False, Delivery.NOT_SENT)


def foreign_errors() -> list[type[Exception]]:
    """Every exception of httpx's that a transport or a stream may raise."""
    family = (httpx.TransportError, httpx.StreamError)
    return [
        found
        for _, found in inspect.getmembers(httpx, inspect.isclass)
        if issubclass(found, family) and found is not httpx.StreamError
    ]


def test_every_network_error_of_httpx_is_translated() -> None:
    """A test that notices when the other library grows an exception, or loses one."""
    names = {e.__name__ for e in foreign_errors()} - {"SSEError"}  # httpx2's own, of a reader that we do not use

    assert names == {
        "TransportError",
        "TimeoutException",
        "ConnectTimeout",
        "ReadTimeout",
        "WriteTimeout",
        "PoolTimeout",
        "NetworkError",
        "ConnectError",
        "ReadError",
        "WriteError",
        "CloseError",
        "ProtocolError",
        "LocalProtocolError",
        "RemoteProtocolError",
        "ProxyError",
        "UnsupportedProtocol",
        "StreamConsumed",
        "StreamClosed",
        "ResponseNotRead",
        "RequestNotRead",
    }
    assert len(TRANSLATED) == 14


LEFT = Flight(entered=True, traced=True, left=True)


@pytest.mark.parametrize(
    ("foreign", "ours", "delivery"),
    [
        (httpx.ConnectTimeout("x"), ConnectionFailedError, Delivery.NOT_SENT),
        (httpx.ConnectError("x"), ConnectionFailedError, Delivery.NOT_SENT),
        (httpx.ProxyError("x"), ConnectionFailedError, Delivery.NOT_SENT),
        (httpx.UnsupportedProtocol("x"), ConnectionFailedError, Delivery.NOT_SENT),
        (httpx.PoolTimeout("x"), RequestTimeoutError, Delivery.NOT_SENT),
        (httpx.ReadTimeout("x"), RequestTimeoutError, Delivery.UNKNOWN),
        (httpx.WriteTimeout("x"), RequestTimeoutError, Delivery.UNKNOWN),
        (httpx.RemoteProtocolError("x"), ProtocolError, Delivery.UNKNOWN),
        (httpx.LocalProtocolError("x"), ProtocolError, Delivery.UNKNOWN),
        (httpx.ReadError(""), TransportError, Delivery.UNKNOWN),
        (httpx.WriteError("x"), TransportError, Delivery.UNKNOWN),
        (httpx.CloseError("x"), TransportError, Delivery.UNKNOWN),
        (httpx.StreamClosed(), TransportError, Delivery.UNKNOWN),
        (OSError("x"), TransportError, Delivery.UNKNOWN),
        (KeyError("x"), TransportError, Delivery.UNKNOWN),
    ],
)
def test_a_foreign_error_gets_the_name_of_what_happened(
    foreign: Exception, ours: type[errors.TransportError], delivery: Delivery
) -> None:
    """The first row of the table that fits, and only what never left is called not sent."""
    error = translate(foreign, LEFT, what="GET /x", host="https://host")

    assert (type(error), error.delivery) == (ours, delivery)
    assert str(error).startswith("GET /x: ")
    assert "https://host" in str(error)
    assert isinstance(foreign, NEVER_SENT) is (delivery is Delivery.NOT_SENT)


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            "GET /x: the server hung up before answering from https://host",
        ),
        (
            httpx.RemoteProtocolError("peer closed connection without a"),
            "GET /x: the server hung up in the middle of its answer (peer closed connection without a) from https://host",
        ),
        (
            httpx.RemoteProtocolError("illegal status line: x"),
            "GET /x: the peer does not speak HTTP as it should (illegal status line: x) from https://host",
        ),
    ],
)
def test_what_happened_comes_first_and_in_our_words(foreign: Exception, said: str) -> None:
    """The library's own may follow, where they say more."""
    assert str(translate(foreign, LEFT, what="GET /x", host="https://host")) == said


@pytest.mark.fault("N04")
def test_a_certificate_that_does_not_fit_is_final_and_named() -> None:
    """Trying again cannot help, and switching the check off is never suggested (N04)."""
    refused = ssl.SSLCertVerificationError(1, "nope")
    refused.verify_message = "Hostname mismatch"
    foreign = httpx.ConnectError("x")
    foreign.__cause__ = refused
    error = translate(foreign, Flight(), what="GET /x", host="https://host")

    assert isinstance(error, ConnectionFailedError)
    assert error.permanent
    assert "Hostname mismatch" in str(error)
    assert "verify" not in str(error)


def test_the_number_of_an_error_of_the_systems_stays_a_number() -> None:
    """Words are masked, all the way down; what is no word has nothing to mask."""
    error = httpx.ConnectError("to 380931111111")
    error.__cause__ = OSError(111, "refused by 380931111111")

    mask_words(error, Flight())

    assert error.args == ("to 3809•••••111",)
    assert error.__cause__.args == (111, "refused by 3809•••••111")
