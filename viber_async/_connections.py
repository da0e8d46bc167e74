"""The session's own connections: a pool for what may be repeated, and one connection for each create.

A create is never repeated when its fate is unknown, so it is worth a handshake: on a connection of its own there is
no stale keep-alive that eats it and no answer but its own. And httpx 0.28.1's pool can lose places for good, however
carefully it is treated; one that has no place for us although we use fewer than it has is replaced by a new one.
"""

from __future__ import annotations

import logging
import ssl
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from attrs import define

from viber_async._flight import FLIGHT
from viber_async._tasks import TaskOwner
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from viber_async._flight import Flight

logger: Final = logging.getLogger("viber_async")

PARSER: Final = (0, 16)
"""The oldest h11 that may read answers: earlier ones see two where a sloppy chunk ends (CVE-2025-43859). httpx takes
any httpcore 1.x, and httpcore brings this one only from 1.0.9 on."""
KEEPALIVE: Final = 60.0
"""Seconds that an idle connection is kept: a new TLS handshake costs more than a socket at rest."""


class Body(httpx.AsyncByteStream):
    """The body of a response: says once when it is closed, and leaves no stray answer behind on the connection."""

    def __init__(self, response: httpx.Response) -> None:
        self._inner: Any = response.stream
        self._network: Any = response.extensions.get("network_stream")
        self._waiting: list[Callable[[], None]] = []

    @classmethod
    def of(cls, response: httpx.Response) -> Body:
        """Give the body of *response*, which may be one already."""
        return response.stream if isinstance(response.stream, Body) else cls(response)

    def when_closed(self, call: Callable[[], None]) -> None:
        """Have *call* called when it is closed, whether that goes well or not."""
        self._waiting.append(call)

    def __aiter__(self) -> AsyncIterator[bytes]:
        chunks: AsyncIterator[bytes] = self._inner.__aiter__()
        return chunks

    async def aclose(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            if _said_more(self._inner):
                await self._network.aclose()
        finally:
            try:
                await self._inner.aclose()
            finally:
                for call in waiting:
                    call()


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


@define(eq=False)
class _Pool:
    """One of httpx's transports, and how many of our requests are in it, open bodies included."""

    transport: httpx.AsyncBaseTransport
    under_way: int = 0
    retired: bool = False
    """It takes no more requests, and is closed after its last."""


class Connections(httpx.AsyncBaseTransport):
    """A pool of *places* connections that is replaced when it has lost some, and a fresh connection for each create.

    *pool* and *single* give a transport for many requests and for one.
    """

    def __init__(
        self,
        pool: Callable[[], httpx.AsyncBaseTransport],
        single: Callable[[], httpx.AsyncBaseTransport],
        *,
        places: int,
    ) -> None:
        self._open_pool = pool
        self._open_single = single
        self._places = places
        self._pools: set[_Pool] = set()
        self._closing = TaskOwner()
        self._pool = self._new(pool())
        self.replaced = 0
        """Pools that had lost places."""

    def _new(self, transport: httpx.AsyncBaseTransport) -> _Pool:
        pool = _Pool(transport)
        self._pools.add(pool)
        return pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send over a connection of the pool, or over a fresh one."""
        pool = self._pool_for(request)
        pool.under_way += 1
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException as error:
            self._ended(pool)
            if isinstance(error, httpx.PoolTimeout) and self._is_dead(pool):
                self._replace(pool)
            raise
        response.stream = body = Body(response)
        body.when_closed(partial(self._ended, pool))
        return response

    def _pool_for(self, request: httpx.Request) -> _Pool:
        flight: Flight | None = request.extensions.get(FLIGHT)
        if flight is None or not flight.fresh:
            return self._pool
        request.headers["connection"] = "close"  # who keeps no connection has to say so (RFC 9112, 9.3)
        pool = self._new(self._open_single())
        pool.retired = True
        return pool

    def _ended(self, pool: _Pool) -> None:
        """Note that a request has left *pool*."""
        pool.under_way -= 1
        self._close_if_over(pool)

    def _is_dead(self, pool: _Pool) -> bool:
        """Tell whether the pool in use has lost places: all that are in it have one, and yet there is none left."""
        return pool is self._pool and pool.under_way < self._places

    def _replace(self, pool: _Pool) -> None:
        logger.warning(
            "the connection pool had no place within the pool timeout though only %d of %d are in use: it has lost "
            "places, and a new pool takes over",
            pool.under_way,
            self._places,
        )
        self.replaced += 1
        self._pool = self._new(self._open_pool())
        pool.retired = True
        self._close_if_over(pool)

    def _close_if_over(self, pool: _Pool) -> None:
        if pool.retired and not pool.under_way:
            self._start_closing(pool)

    def _start_closing(self, pool: _Pool) -> None:
        """Close *pool*, once, in a task of its own: a cancellation in the middle would leave connections open."""
        if pool in self._pools:
            self._pools.remove(pool)
            self._closing.start(_closed(pool.transport))

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in list(self._pools):
            self._start_closing(pool)
        await self._closing.ended()


async def _closed(transport: httpx.AsyncBaseTransport) -> None:
    try:
        await transport.aclose()
    except Exception:
        logger.exception("connections could not be closed")


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


def open_transport(*, max_connections: int, proxy: str | None) -> Connections:
    """Give the session's own connections over httpx's transport: as many again as asked for, for streams.

    Raises: ConfigurationError where an HTTP parser is installed that answers can be smuggled through.
    """
    _check_parser()
    places = 2 * max_connections
    return Connections(
        partial(_httpx_transport, places, kept=max_connections, proxy=proxy),
        partial(_httpx_transport, 1, kept=0, proxy=proxy),
        places=places,
    )


def _check_parser() -> None:
    import h11  # noqa: PLC0415 - httpcore brings it, and imports it when first needed

    installed = str(vars(h11)["__version__"])  # public, and not among its typed exports
    if tuple(map(int, installed.split(".")[:2])) < PARSER:
        wanted = ".".join(map(str, PARSER))
        raise ConfigurationError(
            f"h11 {installed} is installed, through which a server or a proxy can smuggle answers; "
            f"update it: pip install 'h11>={wanted}' 'httpcore>=1.0.9'"
        )


def _httpx_transport(places: int, *, kept: int, proxy: str | None) -> httpx.AsyncHTTPTransport:
    """Give httpx's own transport: verified TLS, HTTP/1.1, nothing from the environment.

    HTTP/2 costs 1.4 to 1.8 times the CPU and gains nothing at ten requests a second.
    """
    return httpx.AsyncHTTPTransport(
        verify=tls_context(),
        trust_env=False,
        limits=httpx.Limits(max_connections=places, max_keepalive_connections=kept, keepalive_expiry=KEEPALIVE),
        proxy=None if proxy is None else _proxy(proxy),
    )


def _proxy(address: str) -> httpx.Proxy:
    """Give a proxy that is verified like everybody else; by itself httpcore would let the environment decide."""
    return httpx.Proxy(address, ssl_context=tls_context() if address.startswith("https:") else None)
