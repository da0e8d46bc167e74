"""No connection, no request: whatever keeps a connection from being made, nothing was sent, and that is said."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import trustme

from tests.shell.ledger import MemoryLedger
from tests.wire.hostile import (
    Hostile,
    Script,
    close,
    healthy_afterwards,
    read,
    reset,
    send,
    serve,
    session_to,
    signal,
    swallow,
    take,
    tls,
    wait,
    within,
)
from viber_async import (
    CampaignDraft,
    ConnectionFailedError,
    Delivery,
    Timeout,
    ViberSession,
)
from viber_async._sansio.ledger import State

PHONE = "380931111111"
DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="x", recipients=[PHONE])
TRIED = 0.2
"""Seconds that a connection may take to be made."""


async def a_read(session: ViberSession) -> None:
    await session.senders.list()


async def a_create(session: ViberSession) -> None:
    await session.campaigns.create(DRAFT)


async def a_write(session: ViberSession) -> None:
    await session.blacklist.add([PHONE])


async def not_sent(session: ViberSession) -> list[ConnectionFailedError]:
    """Give the errors of a read, a create and a write that could not leave."""
    calls = (a_read, a_create, a_write)
    ended = await asyncio.gather(*(call(session) for call in calls), return_exceptions=True)

    assert [type(error) for error in ended] == [ConnectionFailedError] * 3
    errors = [error for error in ended if isinstance(error, ConnectionFailedError)]
    assert {error.delivery for error in errors} == {Delivery.NOT_SENT}
    return errors


@pytest.mark.parametrize(
    "unreachable",
    [
        pytest.param(Hostile.refuse, id="refuses", marks=pytest.mark.fault("N02")),
        pytest.param(Hostile.vanish, id="answers nothing", marks=pytest.mark.fault("N03")),
    ],
)
async def test_without_a_connection_nothing_was_sent(unreachable: Callable[[Hostile], None]) -> None:
    """A read, a write and a create are tried again, and then told; when it is back, all is well."""
    async with Hostile() as server, session_to(server, timeout=Timeout(connect=TRIED), max_connections=3) as session:
        unreachable(server)
        await not_sent(session)

        assert session.statistics().repeats == 6
        server.heal()
        await healthy_afterwards(session)
        assert [str(each) for each in server.requests] == ["GET /viber/senders"] * 3


@pytest.mark.parametrize(
    "unreachable",
    [
        pytest.param(Hostile.refuse, id="refuses", marks=pytest.mark.fault("N02")),
        pytest.param(Hostile.vanish, id="answers nothing", marks=pytest.mark.fault("N03")),
    ],
)
async def test_a_create_without_a_connection_stays_prepared(unreachable: Callable[[Hostile], None]) -> None:
    """It has looked at the list over a connection that lives on, and finds no other: the key can be used again."""
    ledger = MemoryLedger()
    async with Hostile() as server, session_to(server, ledger=ledger, timeout=Timeout(connect=TRIED)) as session:
        await session.campaigns.list().first()
        unreachable(server)
        with pytest.raises(ConnectionFailedError) as caught:
            await session.campaigns.create_once(DRAFT, key="a")

        assert caught.value.delivery is Delivery.NOT_SENT
        assert ledger.row.state is State.PREPARED
        assert State.SENDING in ledger.history
        server.heal()
        assert (await session.campaigns.create_once(DRAFT, key="a")).task_id == 90241
        assert server.count("POST /viber") == 1
        await healthy_afterwards(session)


@pytest.mark.fault("N20")
async def test_a_connection_closed_between_calls_is_replaced() -> None:
    """Which the caller of a read does not notice, and no repetition is spent on it."""
    go_on, closed = asyncio.Event(), asyncio.Event()
    async with Hostile((serve(1), wait(go_on), close, signal(closed))) as server, session_to(server) as session:
        await session.senders.list()
        go_on.set()
        await closed.wait()
        await session.senders.list()

        assert [len(peer.requests) for peer in server.peers] == [1, 1]
        assert session.statistics().repeats == 0


@pytest.mark.fault("N20")
async def test_a_connection_closed_under_a_request_is_a_read_again_and_never_a_create() -> None:
    """A kept connection may die just as it is used: a create never uses one."""
    async with Hostile((serve(1), take, close)) as server, session_to(server) as session:
        await session.senders.list()
        assert (await session.campaigns.create(DRAFT)).task_id == 90241
        await session.senders.list()

        assert [len(peer.requests) for peer in server.peers] == [2, 1, 1]
        assert session.statistics().repeats == 1
        await healthy_afterwards(session)


class Names:
    """A resolver for tests: what it does not know cannot be resolved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **known: list[str]) -> None:
        self.known = known
        self.asked: list[str] = []
        real = socket.getaddrinfo

        def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name is None or name[0] in "0123456789:":
                return real(host, port, *rest, **more)
            self.asked.append(name)
            if name not in self.known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [
                (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in self.known[name]
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


class Authority:
    """Somebody who vouches for servers, and a transport that trusts it."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def serves(self, *names: str, **more: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, **more).configure_cert(context)
        return context

    def transport(self) -> httpx.AsyncHTTPTransport:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return httpx.AsyncHTTPTransport(verify=context)


@pytest.mark.fault("N01")
async def test_a_name_that_cannot_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for, for each attempt; nothing was sent, and a create with a key stays prepared."""
    names, ledger = Names(monkeypatch), MemoryLedger()
    async with Hostile() as server, session_to(server, base_url="https://viber.test", ledger=ledger) as session:
        errors = await not_sent(session)
        with pytest.raises(ConnectionFailedError):
            await session.campaigns.create_once(DRAFT, key="a")

        assert "check base_url, the proxy and the network" in str(errors[0])
        assert names.asked == ["viber.test"] * 12
        assert set(ledger.history) == {State.PREPARED}
        assert len(session._parts.tasks) == session.statistics().in_flight == 0


ENDED = datetime.now(UTC) - timedelta(days=1)
CERTIFICATES: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "another host's": (("192.0.2.1",), {}, "mismatch"),
    "over": (("127.0.0.1",), {"not_before": ENDED - timedelta(days=1), "not_after": ENDED}, "expired"),
}


@pytest.mark.fault("N04")
@pytest.mark.parametrize("certificate", CERTIFICATES)
async def test_a_certificate_that_does_not_fit(certificate: str) -> None:
    """The text names the check that failed; it is not tried again, and nothing of ours was sent."""
    names, more, check = CERTIFICATES[certificate]
    authority = Authority()
    impostor: Script = (tls(authority.serves(*names, **more)), swallow)
    good: Script = (tls(authority.serves("127.0.0.1")), serve())
    async with (
        Hostile(impostor, impostor, impostor, then=good, scheme="https") as server,
        session_to(server, transport=authority.transport(), max_connections=3) as session,
    ):
        for error in await not_sent(session):
            assert error.permanent
            assert check in str(error)
            assert "certificate" in str(error)
            assert not {"disable", "verify=", "insecure"} & set(str(error).split())
        assert len(server.peers) == 3
        assert server.requests == []
        assert [bytes(peer.received) for peer in server.peers] == [b""] * 3
        await healthy_afterwards(session)


@pytest.mark.fault("N04")
async def test_an_authority_that_nobody_knows() -> None:
    """Our own transport trusts the public ones and no other."""
    impostor: Script = (tls(Authority().serves("127.0.0.1")), swallow)
    async with Hostile(then=impostor, scheme="https") as server, session_to(server, max_connections=3) as session:
        for error in await not_sent(session):
            assert error.permanent
            assert "unable to get local issuer certificate" in str(error) or "self-signed" in str(error)
        await server.settled()
        assert len(server.peers) == 3
        assert server.requests == []
        assert len(session._parts.tasks) == session.statistics().in_flight == 0


@pytest.mark.fault("N05")
@pytest.mark.parametrize(
    "script",
    [(swallow,), (read(50), close), (close,), (reset,), (send(b"HTTP/1.1 200 OK\r\n\r\n"), swallow)],
    ids=["stalls", "hangs up", "closes at once", "resets", "speaks HTTP"],
)
async def test_a_handshake_that_comes_to_nothing(script: Script) -> None:
    """It ends with the timeout for connecting, or at once; the request itself never left."""
    authority = Authority()
    good: Script = (tls(authority.serves("127.0.0.1")), serve())
    async with (
        Hostile(then=script, scheme="https") as server,
        session_to(
            server, transport=authority.transport(), timeout=Timeout(connect=TRIED), max_connections=3
        ) as session,
    ):
        await not_sent(session)

        assert server.requests == []
        server.then = good
        await healthy_afterwards(session)


PROXIES: dict[str, Script] = {
    "wants a password": (take, send(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"), close),
    "forbids": (take, send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"), close),
    "finds nobody": (take, send(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"), close),
    "hangs up": (take, close),
    "resets": (take, reset),
    "is none": (take, send(b"SSH-2.0-OpenSSH_9.2\r\n"), close),
    "stalls": (take, swallow),
    "hangs up in the tunnel": (take, send(b"HTTP/1.1 200 OK\r\n\r\n"), close),
}


@pytest.mark.fault("N21")
@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_proxy_that_does_not_connect(proxy: str) -> None:
    """It was asked to, for each attempt; of the request itself it has seen nothing."""
    async with (
        Hostile(then=PROXIES[proxy]) as server,
        session_to(
            server,
            base_url="https://192.0.2.1",
            proxy=server.url,
            max_connections=3,
            timeout=Timeout(connect=TRIED, read=TRIED, create_read=TRIED),
        ) as session,
    ):
        await not_sent(session)
        await server.settled()

        assert {request.method for request in server.requests} == {"CONNECT"}
        assert {request.target for request in server.requests} == {"192.0.2.1:443"}
        assert len(server.peers) == 9
        assert not any(b"Bearer" in peer.received for peer in server.peers)
        assert len(session._parts.tasks) == session.statistics().in_flight == 0


@pytest.mark.fault("N22")
@pytest.mark.parametrize("dead", [Hostile.refuse, Hostile.vanish], ids=["refuses", "answers nothing"])
async def test_an_address_that_is_dead_gives_way_to_one_that_lives(
    monkeypatch: pytest.MonkeyPatch, dead: Callable[[Hostile], None]
) -> None:
    """IPv6 is tried first and IPv4 soon after: within the timeout for connecting, and without a repetition."""
    authority = Authority()
    good: Script = (tls(authority.serves("viber.test")), serve())
    names = Names(monkeypatch, **{"viber.test": ["::1", "127.0.0.1"]})
    async with Hostile(then=good, scheme="https") as server, Hostile(host="::1", port=server.port) as grave:
        dead(grave)
        async with session_to(
            server,
            base_url=f"https://viber.test:{server.port}",
            transport=authority.transport(),
            timeout=Timeout(connect=2),
        ) as session:
            async with within(2 * 2):
                assert await session.senders.list() == ()

            assert set(names.asked) == {"viber.test"}
            assert session.statistics().repeats == 0
            await healthy_afterwards(session)
