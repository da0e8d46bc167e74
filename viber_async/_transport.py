"""The rate-limited httpx transport, and the one border at which foreign network errors become ours.

A request passes three gates: its turn in the account's rate limit, a place among the connections, the network.
Only the last is httpx's. The bound on places stands in front of the pool because httpx 0.28.1's pool gets slow
when many wait inside it.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import httpx
from attrs import define, field

from viber_async import errors
from viber_async._sansio.privacy import safe_text
from viber_async.errors import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from viber_async._limiter import RateLimiter, Turn
    from viber_async._sansio.rate import Lane

FLIGHT: Final = "viber_async.flight"
"""The request extension that carries the `Flight`."""

KEEPALIVE: Final = 60.0
"""Seconds that an idle connection is kept: a new TLS handshake costs more than a socket at rest."""

Events = dict[str, Any]


@define(eq=False)
class Flight:
    """What is known of one attempt while it is under way."""

    endpoint: str = ""
    lane: Lane = "interactive"
    waited: float = 0.0
    """Seconds until its turn came."""
    secret: str = field(default="", repr=False)
    """The token that it carries."""
    entered: bool = False
    """It was handed to the network."""
    on_wire: bool = False
    """It is in the hands of the network: at this moment its caller must not cancel it."""
    traced: bool = False
    """The transport tells what it does."""
    left: bool = False
    """The head of the request started to leave."""
    arrived: bool = False
    """The answer was read to its end."""

    @property
    def delivery(self) -> Delivery:
        """Give what can be said of it at this moment."""
        if self.arrived:
            return Delivery.ANSWERED
        if not self.entered or (self.traced and not self.left):
            return Delivery.NOT_SENT
        return Delivery.UNKNOWN


class RateLimitedTransport(httpx.AsyncBaseTransport):
    """Any httpx transport, with each request waiting for its turn in the account's rate limit.

    The turn is ended, and the place freed, on every way out: an answer, an error, a cancellation.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, limiter: RateLimiter, *, places: int) -> None:
        self._inner = inner
        self._limiter = limiter
        self._places = asyncio.Semaphore(places)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for a turn and a place, then send; the answer's body is still to be read."""
        flight: Flight = request.extensions.get(FLIGHT) or Flight(endpoint=f"{request.method} {request.url.path}")
        turn = await self._turn(flight)
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            turn.end(answered=False)
            raise
        flight.entered = flight.on_wire = True
        request.extensions = {**request.extensions, "trace": _tracer(flight, turn)}
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            turn.end(answered=False, untold=not flight.traced and not isinstance(error, NEVER_SENT))
            self._places.release()
            raise
        turn.end(answered=True)
        # A response of its own: one that was made from bytes counts as closed, and would never free the place.
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Body(response.stream, self._places.release),
            extensions=response.extensions,
        )

    async def _turn(self, flight: Flight) -> Turn:
        clock = asyncio.get_running_loop().time
        began = clock()
        turn = await self._limiter.acquire(lane=flight.lane, endpoint=flight.endpoint)
        flight.waited = clock() - began
        return turn

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()


def _tracer(flight: Flight, turn: Turn) -> Callable[[str, Events], Any]:
    """Give the callback for httpcore's ``trace`` extension: it tells when the request head starts to leave."""

    async def trace(event: str, info: Events) -> None:
        flight.traced = True
        if event.endswith(".send_request_headers.started") and not _is_for_a_proxy(info):
            flight.left = True
            turn.sent()

    return trace


def _is_for_a_proxy(info: Events) -> bool:
    """A tunnel is opened with the same extensions, so its CONNECT is traced as if it were the request."""
    return bool(info["request"].method == b"CONNECT")


class _Body(httpx.AsyncByteStream):
    """A body that frees the place of its connection when it is closed."""

    def __init__(self, inner: Any, release: Callable[[], None]) -> None:
        self._inner = inner
        self._release: Callable[[], None] | None = release

    def __aiter__(self) -> AsyncIterator[bytes]:
        chunks: AsyncIterator[bytes] = self._inner.__aiter__()
        return chunks

    async def aclose(self) -> None:
        release, self._release = self._release, None
        try:
            await self._inner.aclose()
        finally:
            if release is not None:
                release()


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Give the one TLS context of this process, made when first needed (it takes 17 ms).

    Made by hand because ``ssl.create_default_context`` obeys SSLKEYLOGFILE and httpx obeys SSL_CERT_FILE: what
    stands in the environment must not decide whom we trust or where the keys of our connections are written.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        import certifi  # noqa: PLC0415 - httpx brings it, httpx2 does not
    except ImportError:
        context.load_default_certs()
    else:
        context.load_verify_locations(certifi.where())
    return context


def open_transport(*, max_connections: int, proxy: str | None) -> httpx.AsyncBaseTransport:
    """Give httpx's own transport: verified TLS, HTTP/1.1, nothing from the environment.

    HTTP/2 costs 1.4 to 1.8 times the CPU and gains nothing at ten requests a second.
    """
    return httpx.AsyncHTTPTransport(
        verify=tls_context(),
        trust_env=False,
        limits=httpx.Limits(
            max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=KEEPALIVE
        ),
        proxy=proxy,
    )


NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""What httpx raises while it still looks for a connection: the request itself cannot have left."""

TRANSLATED: Final[tuple[tuple[type[Exception], type[errors.TransportError], str], ...]] = (
    # The first that fits counts.
    (httpx.ConnectTimeout, errors.ConnectionFailedError, "no connection within the connect timeout"),
    (httpx.ConnectError, errors.ConnectionFailedError, "no connection"),
    (httpx.ProxyError, errors.ConnectionFailedError, "the proxy refused"),
    (httpx.UnsupportedProtocol, errors.ConnectionFailedError, "no transport for this address"),
    (httpx.PoolTimeout, errors.RequestTimeoutError, "no place among the connections within the pool timeout"),
    (httpx.ReadTimeout, errors.RequestTimeoutError, "no answer within the read timeout"),
    (httpx.WriteTimeout, errors.RequestTimeoutError, "the peer did not take the request within the write timeout"),
    (httpx.TimeoutException, errors.RequestTimeoutError, "a timeout of the network"),
    (httpx.ProtocolError, errors.ProtocolError, "the peer does not speak HTTP as it should, or hung up"),
    (httpx.NetworkError, errors.TransportError, "the connection was cut"),
    (httpx.TransportError, errors.TransportError, "the network failed"),
    (httpx.StreamError, errors.TransportError, "the answer could not be read"),
    (OSError, errors.TransportError, "the network failed"),
)
FOREIGN: Final[tuple[type[Exception], ...]] = tuple(foreign for foreign, _, _ in TRANSLATED)


def translate(error: Exception, flight: Flight, *, what: str, host: str) -> errors.TransportError:
    """Give our error for one that httpx raised; *what* names the request, *host* where it was meant to go."""
    ours, said = next((ours, said) for foreign, ours, said in TRANSLATED if isinstance(error, foreign))
    never = isinstance(error, NEVER_SENT)
    if never and (certificate := _certificate_error(error)) is not None:
        return errors.ConnectionFailedError(
            f"{what}: the certificate of {host} does not fit: {certificate}. "
            "Check the address and this machine's clock; a private authority belongs into transport=",
            permanent=True,
        )
    detail = safe_text(str(error), 200)
    advice = f" to {host}; check base_url, the proxy and the network" if never else f" from {host}"
    return ours(
        f"{what}: {said}" + (f" ({detail})" if detail else "") + advice,
        delivery=Delivery.NOT_SENT if never else flight.delivery,
    )


def _certificate_error(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return safe_text(error.verify_message, 200)
        error = error.__cause__ or error.__context__
    return None
