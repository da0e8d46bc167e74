"""The session's own connections, over doubles of httpx's transports: a pool that dies, and one for each create."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.provider import Pieces
from viber_async._connections import Connections, open_transport, tls_context
from viber_async._flight import FLIGHT, Flight

Send = Callable[[httpx.Request], Awaitable[httpx.Response]]


async def answered(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Pieces(b"1"))


async def no_place(_: httpx.Request) -> httpx.Response:
    raise httpx.PoolTimeout("no place")


class Inner(httpx.AsyncBaseTransport):
    """One of httpx's transports: remembers what it was asked, and that it was closed."""

    def __init__(self, send: Send = answered) -> None:
        self.send = send
        self.requests: list[httpx.Request] = []
        self.closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await self.send(request)

    async def aclose(self) -> None:
        await asyncio.sleep(1)
        self.closed += 1


class Factory:
    """Gives the pools of a script in turn, and one after another for single requests."""

    def __init__(self, *pools: Inner, single: Send = answered, places: int = 2) -> None:
        self.pools = list(pools)
        self.singles: list[Inner] = []
        self.send_single = single
        given = iter(self.pools)
        self.connections = Connections(lambda: next(given), self.single, places=places)

    def single(self) -> Inner:
        self.singles.append(Inner(self.send_single))
        return self.singles[-1]


def request(**flight: Any) -> httpx.Request:
    return httpx.Request("GET", "http://127.0.0.1:1/x", extensions={FLIGHT: Flight(**flight)})


async def once(factory: Factory, **flight: Any) -> None:
    response = await factory.connections.handle_async_request(request(**flight))
    await response.aclose()


@in_virtual_time
async def test_requests_share_a_pool() -> None:
    """It stays open between them, whoever sends them."""
    factory = Factory(Inner())
    await once(factory)
    await once(factory)
    plain = await factory.connections.handle_async_request(httpx.Request("GET", "http://127.0.0.1:1/x"))
    await plain.aclose()

    assert (len(factory.pools[0].requests), factory.pools[0].closed, factory.singles) == (3, 0, [])


@pytest.mark.fault("N19", "N20")
@in_virtual_time
async def test_a_fresh_one_has_a_transport_of_its_own_and_says_so() -> None:
    """Made for the one request, closed after it, and the peer is told not to keep it."""
    factory = Factory(Inner())
    for _ in range(2):
        response = await factory.connections.handle_async_request(request(fresh=True))
        open_while_read = factory.singles[-1].closed == 0
        await response.aclose()
        await asyncio.sleep(2)

        assert open_while_read
    assert [(len(single.requests), single.closed) for single in factory.singles] == [(1, 1), (1, 1)]
    assert [single.requests[0].headers["connection"] for single in factory.singles] == ["close", "close"]
    assert factory.pools[0].requests == []


@in_virtual_time
async def test_a_fresh_one_that_fails_is_closed_as_well() -> None:
    """Also when it is cancelled, which does not stop the closing."""

    async def refused(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async def forever(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    failing, hanging = Factory(Inner(), single=refused), Factory(Inner(), single=forever)
    with pytest.raises(httpx.ConnectError):
        await once(failing, fresh=True)
    cancelled = asyncio.create_task(once(hanging, fresh=True))
    await asyncio.sleep(1)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await asyncio.sleep(2)

    assert (failing.singles[0].closed, hanging.singles[0].closed) == (1, 1)
    assert failing.connections.replaced == hanging.connections.replaced == 0


@in_virtual_time
async def test_a_pool_without_a_place_though_we_use_fewer_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    """The one who noticed gets the error, whoever comes next gets the new pool; one warning says so."""
    factory = Factory(Inner(no_place), Inner())
    with pytest.raises(httpx.PoolTimeout):
        await once(factory)
    await once(factory)
    await asyncio.sleep(2)

    assert factory.connections.replaced == 1
    assert [(len(pool.requests), pool.closed) for pool in factory.pools] == [(1, 1), (1, 0)]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@in_virtual_time
async def test_a_pool_that_is_full_is_not_replaced() -> None:
    """With as many requests in it as it has places, there is nothing wrong with it."""
    factory = Factory(Inner(), Inner())
    held = [await factory.connections.handle_async_request(request()) for _ in range(2)]
    factory.pools[0].send = no_place
    with pytest.raises(httpx.PoolTimeout):
        await once(factory)
    full = factory.connections.replaced
    await held[0].aclose()
    with pytest.raises(httpx.PoolTimeout):
        await once(factory)

    assert (full, factory.connections.replaced) == (0, 1)


@in_virtual_time
async def test_those_who_waited_for_the_old_pool_do_not_replace_the_new_one() -> None:
    """However many find out at the same time, one new pool is enough."""

    async def late(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(10)
        raise httpx.PoolTimeout("no place")

    factory = Factory(Inner(late), Inner(), places=20)
    ended = await asyncio.gather(*(once(factory) for _ in range(10)), return_exceptions=True)

    assert [type(each) for each in ended] == [httpx.PoolTimeout] * 10
    assert factory.connections.replaced == 1


@in_virtual_time
async def test_an_old_pool_is_closed_after_its_last_request() -> None:
    """What is under way in it goes on to its end."""
    factory = Factory(Inner(), Inner())
    reading = await factory.connections.handle_async_request(request())
    factory.pools[0].send = no_place
    with pytest.raises(httpx.PoolTimeout):
        await once(factory)
    await asyncio.sleep(2)
    while_read = factory.pools[0].closed
    body = await reading.aread()
    await asyncio.sleep(2)

    assert (while_read, body, factory.pools[0].closed) == (0, b"1", 1)


@in_virtual_time
async def test_closing_closes_every_pool_once_and_waits_for_it() -> None:
    """The one in use, an old one that somebody still reads, and that of a create."""
    factory = Factory(Inner(), Inner())
    reading = await factory.connections.handle_async_request(request())
    factory.pools[0].send = no_place
    with pytest.raises(httpx.PoolTimeout):
        await once(factory)
    creating = await factory.connections.handle_async_request(request(fresh=True))
    await factory.connections.aclose()
    await reading.aclose()
    await creating.aclose()
    await factory.connections.aclose()

    assert [each.closed for each in (*factory.pools, *factory.singles)] == [1, 1, 1]


@in_virtual_time
async def test_a_pool_that_cannot_be_closed_is_told_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is here already, and nobody waits for the closing."""

    class Rude(Inner):
        async def aclose(self) -> None:
            raise OSError("rude")

    factory = Factory(Rude())
    await factory.connections.aclose()

    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "connections could not be closed")
    ]


@pytest.mark.fault("S10")
def test_the_certificate_check_cannot_be_off() -> None:
    """One context for the process, which verifies names and chains and writes no keys."""
    context = tls_context()

    assert context is tls_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.fault("S06")
def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Key logs, authorities and proxies of the environment are ignored."""
    for name in ("SSLKEYLOGFILE", "SSL_CERT_FILE", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"{tmp_path}/x")
    tls_context.cache_clear()
    context = tls_context()
    tls_context.cache_clear()

    assert context.keylog_filename is None
    assert context.cert_store_stats()["x509_ca"] > 10


def test_without_certifi_the_systems_authorities_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx2 does not bring certifi."""
    monkeypatch.setitem(sys.modules, "certifi", None)
    tls_context.cache_clear()
    context = tls_context()
    tls_context.cache_clear()

    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9", "https://127.0.0.1:9"])
async def test_the_real_transports_can_be_opened_with_and_without_a_proxy(proxy: str | None) -> None:
    """All take our TLS context and bounds; a connection of its own needs no pool."""
    transport = open_transport(max_connections=3, proxy=proxy)

    assert isinstance(transport._open_single(), httpx.AsyncHTTPTransport)
    await transport.aclose()
