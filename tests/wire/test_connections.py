"""The session's own connections over real sockets: a pool that is truly dead, and creates that share with nobody."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.wire.hostile import LIFTED, Arrived, Hostile, Peer, answer, created, serve, session_to, take, tls
from viber_async import ApiKey, ConnectionFailedError, RequestTimeoutError, Timeout, ViberSession

DRAFT: dict[str, Any] = {"sender_id": 1, "message_live_time": 60, "message": "x", "recipients": ["380931111111"]}


async def lose_a_place(session: ViberSession, url: str) -> None:
    """Cancel a request of the pool's at the one moment that httpcore does not bear: while it lets go."""
    leaving = asyncio.Event()

    async def trace(event: str, _: Any) -> None:
        if event == "http11.response_closed.started":
            leaving.set()
            await asyncio.Event().wait()

    async def one() -> None:
        request = httpx.Request("GET", f"{url}/viber/senders", extensions={"trace": trace})
        response = await session._parts.open().transport._inner.handle_async_request(request)
        await response.aread()
        await response.aclose()

    task = asyncio.create_task(one())
    await leaving.wait()
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("retries", [1, 0])
async def test_a_pool_that_is_truly_dead_is_replaced(retries: int, caplog: pytest.LogCaptureFixture) -> None:
    """The call that finds it dead was not sent, and is repeated if it may be; all others never notice."""
    patience = Timeout(pool=1.0)
    async with Hostile() as server, session_to(server, max_connections=2, timeout=patience, retries=retries) as session:
        for _ in range(4):
            await lose_a_place(session, server.url)
        if retries:
            assert await session.senders.list() == ()
        else:
            with pytest.raises(RequestTimeoutError, match="no place"):
                await session.senders.list()
        await asyncio.gather(*(session.senders.list() for _ in range(20)))

        assert session.statistics().pools_replaced == 1
        assert server.count("GET /viber/senders") == 4 + retries + 20
    assert ["a new pool takes over" in record.message for record in caplog.records] == [True]


async def test_a_dead_pool_does_not_touch_a_create() -> None:
    """Which uses none."""
    async with Hostile() as server, session_to(server, max_connections=1, retries=0) as session:
        for _ in range(2):
            await lose_a_place(session, server.url)

        assert (await session.campaigns.create(**DRAFT)).task_id == 90241
        assert session.statistics().pools_replaced == 0


@pytest.mark.fault("N19", "N20")
async def test_every_create_has_a_connection_of_its_own() -> None:
    """Unused before, closed after, and the provider is told so."""
    async with Hostile() as server, session_to(server) as session:
        for _ in range(2):
            await session.senders.list()
            await session.campaigns.create(**DRAFT)
        at_once = [session.campaigns.create(**DRAFT) for _ in range(3)]
        await asyncio.gather(*at_once)

        assert [[str(request) for request in peer.requests] for peer in server.peers] == [
            ["GET /viber/senders", "GET /viber/senders"],
            *[["POST /viber"]] * 5,
        ]
        assert [peer.requests[0].headers["connection"] for peer in server.peers[1:]] == ["close"] * 5
        await asyncio.wait(server._tasks[1:], timeout=20)  # all but the connection that is kept
        assert [peer.hung_up for peer in server.peers] == [False, *[True] * 5]


@pytest.mark.fault("N20")
async def test_a_create_never_meets_a_connection_that_is_being_closed() -> None:
    """A server that ends each connection after one answer, without a word, costs no create its outcome."""
    one_each = (serve(1),)
    async with Hostile(then=one_each) as server, session_to(server, retries=0) as session:
        for _ in range(20):
            await session.campaigns.create(**DRAFT)

        assert server.count("POST /viber") == 20


@pytest.mark.fault("N19")
async def test_a_second_answer_inside_tls_is_not_taken_for_that_to_the_next_request() -> None:
    """It came along with the first, in a record of its own, where neither the parser nor the socket shows it."""
    authority = trustme.CA()
    there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(there)
    authority.configure_trust(here)
    stray = answer([{"id": 5, "status": "verified", "name": "stray", "service_type": "1"}])

    async def two_records(peer: Peer) -> None:
        assert peer._stream is not None
        peer._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for record in (answer({"mine": True}), stray):  # with no turn of the loop between them
            peer._stream[1].write(record)

    async with (
        Hostile(
            (tls(there), take, two_records, serve()),
            then=(tls(there), serve()),
            scheme="https",
            answers={"GET /x": {}},
        ) as server,
        session_to(server, transport=httpx.AsyncHTTPTransport(verify=here)) as session,
    ):
        await session.request("GET", "/x")

        assert await session.senders.list() == ()
        assert [len(peer.requests) for peer in server.peers] == [2, 1]


def through_the_proxy(request: Arrived) -> Any:
    return created(request)


async def test_a_create_has_a_connection_of_its_own_to_a_proxy_too() -> None:
    """Which is the connection that there is."""
    target = "http://127.0.0.1:1"
    answers = {f"POST {target}/viber": through_the_proxy, f"GET {target}/viber/senders": []}
    async with (
        Hostile(answers=answers) as proxy,
        ViberSession(ApiKey("k"), base_url=target, proxy=proxy.url, rate_limit=LIFTED) as session,
    ):
        await session.senders.list()
        for _ in range(2):
            await session.campaigns.create(**DRAFT)
        await session.senders.list()

        assert [len(peer.requests) for peer in proxy.peers] == [2, 1, 1]


@pytest.mark.fault("S06", "N04")
async def test_the_environment_sees_no_keys_of_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A proxy that is spoken to over TLS is verified as we verify, and no keys are written down."""
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def nothing(peer: Peer) -> None:
        raise AssertionError(peer.received)

    async with (
        Hostile(then=(tls(context), take, nothing), scheme="https") as proxy,
        ViberSession(ApiKey("k"), base_url="http://127.0.0.1:1", proxy=proxy.url, retries=0) as session,
    ):
        with pytest.raises(ConnectionFailedError, match="certificate"):
            await session.senders.list()

    assert not keys.exists()
