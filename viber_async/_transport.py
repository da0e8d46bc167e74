"""The rate-limited httpx transport, and the one border at which foreign network errors become ours.

A request passes three gates: its turn in the account's rate limit, a place among the connections, the network.
Only the last is httpx's. The bound on places stands in front of the pool because httpx 0.28.1's pool gets slow
when many wait inside it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx

from viber_async import errors
from viber_async._connections import Body, Connections
from viber_async._flight import FLIGHT, Events, Flight
from viber_async._limiter import tell
from viber_async._sansio.privacy import safe_text, without
from viber_async.errors import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from viber_async._limiter import RateLimiter, Turn

logger: Final = logging.getLogger("viber_async")


class RateLimitedTransport(httpx.AsyncBaseTransport):
    """Any httpx transport, with each request waiting for its turn in the account's rate limit.

    The turn is ended, and the place freed, on every way out: an answer, an error, a cancellation. Bodies that stay
    open while somebody reads them have places of their own, so that a reader may make calls meanwhile.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, limiter: RateLimiter, *, places: int) -> None:
        self._inner = inner
        self._limiter = limiter
        self._places = asyncio.Semaphore(places)
        self._stream_places = asyncio.Semaphore(places)
        self._wanted = 2 * places
        self._warned = False
        self._traces = isinstance(inner, (Connections, httpx.AsyncHTTPTransport))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for a turn and a place, then send; the answer's body is still to be read."""
        flight: Flight = request.extensions.get(FLIGHT) or Flight(endpoint=f"{request.method} {request.url.path}")
        turn = await self._turn(flight)
        places = self._stream_places if flight.streams else self._places
        try:
            await (_place(places, request) if places.locked() else places.acquire())
        except BaseException:
            _end(turn, answered=False)
            raise
        try:
            flight.enter(request, safe=not self._traces)
            request.extensions["trace"] = self._tracer(flight, turn)
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            places.release()
            never = not flight.entered or isinstance(error, NEVER_SENT)
            _end(turn, answered=False, untold=not flight.traced and not never)
            if isinstance(error, httpx.PoolTimeout):
                self._warn()
            raise
        _end(turn, answered=True)
        # A response of its own: one that was made from bytes counts as closed, and would never free the place.
        body = Body.of(response)
        body.when_closed(places.release)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions
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
        finally:  # also for those whom their deadline ends in the queue
            flight.waited = clock() - began
        return turn

    def _tracer(self, flight: Flight, turn: Turn) -> Callable[[str, Events], Any]:
        """Give the callback for httpcore's ``trace`` extension."""

        async def trace(event: str, info: Events) -> None:
            self._traces = True
            if flight.note(event, info):
                tell(turn.sent)
            if flight.stray:
                raise httpx.RemoteProtocolError("an answer was there before the request had left; it was not taken")

        return trace

    @staticmethod
    def translated(error: Exception, flight: Flight, *, what: str, host: str) -> errors.TransportError:
        """Give our error for a foreign one, whose own words are made fit to be shown."""
        said = translate(error, flight, what=what, host=host)
        mask_words(error, flight)
        return said

    @property
    def pools_replaced(self) -> int:
        """Pools of the session's own that had lost places."""
        return self._inner.replaced if isinstance(self._inner, Connections) else 0

    def _warn(self) -> None:
        """Say, once, that a transport that was handed in has too few places; only one of ours can be replaced."""
        if not self._warned and not isinstance(self._inner, Connections):
            self._warned = True
            logger.warning(
                "the transport that was handed in had no place for a request: it has fewer than the %d that "
                "max_connections and streams may need, or its pool has lost some, as that of httpx 0.28.1 may",
                self._wanted,
            )

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()


async def _place(places: asyncio.Semaphore, request: httpx.Request) -> None:
    """Wait for a place, for as long as the pool timeout allows."""
    try:
        async with asyncio.timeout(request.extensions.get("timeout", {}).get("pool")):
            await places.acquire()
    except TimeoutError:
        raise httpx.PoolTimeout("all connections are busy") from None


def _end(turn: Turn, *, answered: bool, untold: bool = False) -> None:
    tell(lambda: turn.end(answered=answered, untold=untold))


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
    (httpx.ProtocolError, errors.ProtocolError, "the peer does not speak HTTP as it should"),
    (httpx.NetworkError, errors.TransportError, "the connection was cut"),
    (httpx.TransportError, errors.TransportError, "the network failed"),
    (httpx.StreamError, errors.TransportError, "the answer could not be read"),
    (OSError, errors.TransportError, "the network failed"),
    (Exception, errors.TransportError, "the transport failed"),  # one of somebody else's
)


HUNG_UP: Final = "Server disconnected"
"""How httpcore begins, and nobody else, of a connection that ended before the head of an answer was there."""
CUT_OFF: Final = "peer closed connection"
"""How h11 begins of one that ended in the middle of a body."""


def translate(error: Exception, flight: Flight, *, what: str, host: str) -> errors.TransportError:
    """Give our error for one that httpx raised; *what* names the request, *host* where it was meant to go."""
    ours, said = next((ours, said) for foreign, ours, said in TRANSLATED if isinstance(error, foreign))
    never = isinstance(error, NEVER_SENT)
    if flight.traced and not flight.left and not never:  # on the way there: what a proxy did with its CONNECT
        ours, said, never = errors.ConnectionFailedError, f"no connection: {said}", True
    if never and (certificate := _certificate_error(error)) is not None:
        return errors.ConnectionFailedError(
            f"{what}: the certificate of {host} does not fit: {certificate}. "
            "Check the address and this machine's clock; a private authority belongs into transport=",
            permanent=True,
        )
    detail = safe_text(without(flight.secret, str(error)), 200)
    if detail.startswith(HUNG_UP) and not never:
        said, detail = "the server hung up before answering", ""
    elif detail.startswith(CUT_OFF) and not never:
        said = "the server hung up in the middle of its answer"
    detail = f"{type(error).__name__}: {detail}" if ours is errors.TransportError and detail else detail
    advice = f" to {host}; check base_url, the proxy and the network" if never else f" from {host}"
    return ours(
        f"{what}: {said}" + (f" ({detail})" if detail else "") + advice,
        delivery=Delivery.NOT_SENT if never else flight.delivery,
    )


def mask_words(error: Exception, flight: Flight) -> None:
    """Make the words of *error*, and of what caused it, fit to be shown: a peer may have put what we sent into them."""
    link: BaseException | None = error
    while link is not None:
        link.args = tuple(map(partial(_shown, flight.secret), link.args))
        link = link.__cause__


def _shown(secret: str, word: object) -> object:
    if word is None or isinstance(word, int):  # such as the number of an error of the system's
        return word
    return safe_text(without(secret, str(word)), 200)


def _certificate_error(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return safe_text(error.verify_message, 200)
        error = error.__cause__ or error.__context__
    return None
