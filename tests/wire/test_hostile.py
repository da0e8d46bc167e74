"""The hostile server does as its scripts say, and its log is true; what it proves elsewhere stands on this."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest
import trustme

from tests.wire.hostile import (
    Hostile,
    Peer,
    answer,
    drip,
    flood,
    head,
    healthy_afterwards,
    raw_answer,
    read,
    reset,
    say,
    send,
    serve,
    session_to,
    signal,
    swallow,
    take,
    tls,
    wait,
)
from viber_async import ClientCredentials, Delivery, TransportError


async def dial(server: Hostile) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def test_each_connection_has_its_script_and_the_rest_are_honest() -> None:
    """Two are cut in their own way, the third answers; the log has all three requests."""
    cut = (take, send(answer([])[:20]), reset)
    async with Hostile(cut, (read(30), reset)) as server, session_to(server) as session:
        assert await session.senders.list() == ()
        assert [len(peer.requests) for peer in server.peers] == [1, 0, 1]
        assert len(server.peers[1].received) == 30
        assert server.count("GET /viber/senders") == 2
        assert server.requests[0].headers["authorization"] == "Bearer key"
        await healthy_afterwards(session)


async def test_requests_are_parsed_from_what_arrived() -> None:
    """However it is cut on its way, with its query and its body, and the next one behind it."""
    body = b'{"a": 1}'
    first = b"POST /viber?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n" + body
    async with Hostile((take, take, say({"ok": True}))) as server:
        reader, writer = await dial(server)
        for byte in first + b"GET /viber/task HTTP/1.1\r\nHost: a\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.read()).endswith(b'{"ok": true}')
        writer.close()

        assert [str(each) for each in server.requests] == ["POST /viber", "GET /viber/task"]
        assert server.requests[0].json == {"a": 1}
        assert server.requests[0].target == "/viber?x=1"


async def test_a_head_is_read_to_its_end_and_no_further() -> None:
    """The body is still in the kernel, so that closing then is a reset."""
    async with Hostile((head,)) as server:
        reader, writer = await dial(server)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

        assert server.peers[0].received.endswith(b"2\r\n\r\n")


async def test_a_drip_and_a_flood_go_on_until_the_client_hangs_up() -> None:
    """Which is no failure of the script."""
    async with Hostile((drip(b"abc" * 1000, every=0.001),), (flood(b"x" * 5000),)) as server:
        for _ in range(2):
            reader, writer = await dial(server)
            await reader.readexactly(3)
            writer.transport.abort()
        async with asyncio.timeout(10):
            await asyncio.gather(*server._tasks)

        assert [peer.hung_up for peer in server.peers] == [True, True]


async def test_a_flood_can_have_an_end() -> None:
    """After so many bytes."""
    async with Hostile((flood(b"x" * 100, most=1000),)) as server:
        reader, writer = await dial(server)
        assert len(await reader.read()) == 1000
        writer.close()


async def test_script_and_test_can_be_in_step() -> None:
    """One waits for the other, without sleeping."""
    there, go_on = asyncio.Event(), asyncio.Event()
    async with Hostile((signal(there), wait(go_on), send(b"now"))) as server:
        reader, writer = await dial(server)
        await there.wait()
        go_on.set()

        assert await reader.read() == b"now"
        writer.close()


async def test_a_script_that_fails_fails_the_test() -> None:
    """Its own mistakes are not taken for a hostile server."""

    async def broken(_: Peer) -> None:
        raise LookupError("broken")

    with pytest.raises(ExceptionGroup) as caught:
        async with Hostile((broken,)) as server:
            reader, writer = await dial(server)
            await reader.read()
            writer.close()

    assert caught.group_contains(LookupError)


async def test_honest_answers_count_and_can_be_added_to() -> None:
    """A token call, then three on the same connection, of which the last one meets another script."""
    answers = {"GET /x": lambda request: {"target": request.target}}
    async with (
        Hostile((serve(2), take, reset), answers=answers) as server,
        session_to(server, credentials=ClientCredentials("id", "secret")) as session,
    ):
        assert (await session.request("GET", "/x", params={"a": 1})).json == {"target": "/x?a=1"}
        with pytest.raises(TransportError) as caught:
            await session.request("DELETE", "/x")

        assert caught.value.delivery is Delivery.UNKNOWN
        assert [str(each) for each in server.requests] == ["POST /oauth/access_token", "GET /x", "DELETE /x"]
        assert len(server.peers) == 1
        await healthy_afterwards(session)


async def test_it_speaks_tls() -> None:
    """And logs what arrived inside."""
    authority = trustme.CA()
    there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(there)
    authority.configure_trust(here)
    async with (
        Hostile(then=(tls(there), serve()), scheme="https") as server,
        session_to(server, transport=httpx.AsyncHTTPTransport(verify=here)) as session,
    ):
        assert await session.senders.list() == ()
        assert server.count("GET /viber/senders") == 1


async def test_a_lost_place_is_noticed() -> None:
    """What proves the health of a pool can fail: here somebody never closes an answer."""
    async with Hostile() as server, session_to(server) as session:
        await healthy_afterwards(session)
        inner = session._parts.open().transport._inner
        left_open = await inner.handle_async_request(httpx.Request("GET", server.url + "/viber/senders"))
        with pytest.raises(AssertionError):
            await healthy_afterwards(session)
        await left_open.aclose()
        await healthy_afterwards(session)


async def test_healing_makes_the_next_connection_honest() -> None:
    """Whatever was scripted for it."""
    async with Hostile(then=(take, swallow)) as server, session_to(server) as session:
        server.heal()

        assert await session.senders.list() == ()


async def test_a_header_can_be_taken_away() -> None:
    """With an empty value; so a body can end with its connection."""

    assert raw_answer(b"x", content_length="") == b"HTTP/1.1 200 Said\r\n\r\nx"
