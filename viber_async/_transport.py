"""The rate-limited httpx transport, and the one border at which foreign network errors become ours.

A request passes three gates: its turn in the account's rate limit, a place among the connections, the network.
Only the last is httpx's. The bound on places stands in front of the pool because httpx 0.28.1's pool gets slow
when many wait inside it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from viber_async import errors
from viber_async._flight import Events, Flight
from viber_async._sansio.privacy import safe_text, without
from viber_async.errors import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from viber_async._limiter import RateLimiter, Turn

logger: Final = logging.getLogger("viber_async")

FLIGHT: Final = "viber_async.flight"
"""The request extension that carries the `Flight`."""

KEEPALIVE: Final = 60.0
"""Seconds that an idle connection is kept: a new TLS handshake costs more than a socket at rest."""


class RateLimitedTransport(httpx.AsyncBaseTransport):
    """Any httpx transport, with each request waiting for its turn in the account's rate limit.

    The turn is ended, and the place freed, on every way out: an answer, an error, a cancellation. Bodies that stay
    open while somebody reads them have places of their own, so that a reader may make calls meanwhile.

    *fresh* is a transport that keeps no connections, for requests that must have one of their own.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        limiter: RateLimiter,
        *,
        places: int,
        fresh: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._inner = inner
        self._fresh = inner if fresh is None else fresh
        self._limiter = limiter
        self._places = asyncio.Semaphore(places)
        self._stream_places = asyncio.Semaphore(places)
        self._traces = isinstance(inner, httpx.AsyncHTTPTransport)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for a turn and a place, then send; the answer's body is still to be read."""
        flight: Flight = request.extensions.get(FLIGHT) or Flight(endpoint=f"{request.method} {request.url.path}")
        turn = await self._turn(flight)
        places = self._stream_places if flight.streams else self._places
        try:
            await _place(places, request)
        except BaseException:
            _end(turn, answered=False)
            raise
        try:
            flight.enter(request, safe=not self._traces)
            request.extensions = {**request.extensions, "trace": self._tracer(flight, turn)}
            response = await (self._fresh if flight.fresh else self._inner).handle_async_request(request)
        except BaseException as error:
            places.release()
            never = not flight.entered or isinstance(error, NEVER_SENT)
            _end(turn, answered=False, untold=not flight.traced and not never)
            raise
        _end(turn, answered=True)
        # A response of its own: one that was made from bytes counts as closed, and would never free the place.
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Body(response, places.release),
            extensions=response.extensions,
        )

    async def _turn(self, flight: Flight) -> Turn:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            turn = await self._limiter.acquire(lane=flight.lane, endpoint=flight.endpoint, again=flight.again)
        except errors.ViberError:
            raise
        except Exception as error:
            raise errors.TransportError(
                f"the rate limiter failed ({type(error).__name__}), so nothing was sent", delivery=Delivery.NOT_SENT
            ) from error
        flight.waited = clock() - began
        return turn

    def _tracer(self, flight: Flight, turn: Turn) -> Callable[[str, Events], Any]:
        """Give the callback for httpcore's ``trace`` extension."""

        async def trace(event: str, info: Events) -> None:
            self._traces = True
            if flight.note(event, info):
                tell(turn.sent)

        return trace

    async def aclose(self) -> None:
        """Close the transports inside."""
        try:
            await self._inner.aclose()
        finally:
            if self._fresh is not self._inner:
                await self._fresh.aclose()


async def _place(places: asyncio.Semaphore, request: httpx.Request) -> None:
    """Wait for a place, for as long as the pool timeout allows."""
    if not places.locked():
        await places.acquire()
        return
    try:
        async with asyncio.timeout(request.extensions.get("timeout", {}).get("pool")):
            await places.acquire()
    except TimeoutError:
        raise httpx.PoolTimeout("all connections are busy") from None


def _end(turn: Turn, *, answered: bool, untold: bool = False) -> None:
    tell(lambda: turn.end(answered=answered, untold=untold))


def tell(limiter: Callable[[], None]) -> None:
    """Tell a limiter what happened; if that fails, the answer that is already here must not be lost with it."""
    try:
        limiter()
    except Exception:
        logger.exception("the rate limiter failed to note what happened")


class _Body(httpx.AsyncByteStream):
    """A body that frees the place of its connection when it is closed."""

    def __init__(self, response: httpx.Response, release: Callable[[], None]) -> None:
        self._inner: Any = response.stream
        self._network: Any = response.extensions.get("network_stream")
        self._release: Callable[[], None] | None = release

    def __aiter__(self) -> AsyncIterator[bytes]:
        chunks: AsyncIterator[bytes] = self._inner.__aiter__()
        return chunks

    async def aclose(self) -> None:
        release, self._release = self._release, None
        try:
            await self._leave()
        finally:
            if release is not None:
                release()

    async def _leave(self) -> None:
        try:
            if _said_more(self._inner):
                await self._network.aclose()
        finally:
            await self._inner.aclose()


_TO_THE_PARSER: Final = ("_httpcore_stream", "_stream", "_connection", "_h11_state")
"""From httpx's stream to what parses its connection: private names, for want of others."""


def _said_more(stream: object) -> bool:
    """Tell whether the peer has sent more than the answer to what it was asked.

    httpcore 1.0 keeps such bytes and takes them for the answer to the next request on that connection.
    """
    for name in _TO_THE_PARSER:
        stream = getattr(stream, name, None)
    more, _ = getattr(stream, "trailing_data", (b"", False))
    return bool(more)


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
        paths = ssl.get_default_verify_paths()  # openssl_*: as compiled in, whatever SSL_CERT_FILE says
        bundle = paths.openssl_cafile if Path(paths.openssl_cafile).exists() else None
        context.load_verify_locations(cafile=bundle, capath=paths.openssl_capath)
    else:
        context.load_verify_locations(certifi.where())
    return context


def open_transport(*, max_connections: int, proxy: str | None, keeps: bool = True) -> httpx.AsyncBaseTransport:
    """Give httpx's own transport: verified TLS, HTTP/1.1, nothing from the environment; *keeps* idle connections.

    HTTP/2 costs 1.4 to 1.8 times the CPU and gains nothing at ten requests a second.
    """
    return httpx.AsyncHTTPTransport(
        verify=tls_context(),
        trust_env=False,
        limits=httpx.Limits(
            max_connections=2 * max_connections,  # as many again for streams
            max_keepalive_connections=max_connections if keeps else 0,
            keepalive_expiry=KEEPALIVE,
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
    (Exception, errors.TransportError, "the transport failed"),  # one of somebody else's
)


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
    detail = safe_text(without(flight.secret, str(error)), 200)
    detail = f"{type(error).__name__}: {detail}" if ours is errors.TransportError and detail else detail
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
