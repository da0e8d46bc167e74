"""An answer that nobody asked for is never taken for the answer to something else."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest
import trustme

from tests.wire.hostile import Hostile, answer, healthy_afterwards, send, serve, session_to, signal, take, tls, wait

SENDER = {"id": 5, "status": "verified", "name": "stray", "service_type": 1}
OURS, STRAY = answer({"mine": True}), answer([SENDER])
STRAYS = {
    "an answer": STRAY,
    "a part of one": STRAY[:40],
    "many": STRAY * 100,
    "100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "an empty line": b"\r\n",
    "a letter": b"x",
}


@pytest.mark.fault("N19")
@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
async def test_what_comes_with_an_answer_is_not_the_next_answer(stray: bytes) -> None:
    """It stays in the parser of the connection, whole or in part; so that connection is used no more."""
    async with (
        Hostile((take, send(OURS + stray), serve()), answers={"GET /x": {}}) as server,
        session_to(server) as session,
    ):
        assert (await session.request("GET", "/x")).json == {"mine": True}
        assert await session.senders.list() == ()
        assert [len(peer.requests) for peer in server.peers] == [1, 1]
        await healthy_afterwards(session)


@pytest.mark.fault("N19")
async def test_what_comes_after_an_answer_is_not_the_next_answer() -> None:
    """An idle connection from which something can be read is no good, whatever it is."""
    go_on, there = asyncio.Event(), asyncio.Event()
    late = (take, send(OURS), wait(go_on), send(STRAY), signal(there), serve())
    async with Hostile(late, answers={"GET /x": {}}) as server, session_to(server) as session:
        assert (await session.request("GET", "/x")).json == {"mine": True}
        go_on.set()
        await there.wait()

        assert await session.senders.list() == ()
        assert [len(peer.requests) for peer in server.peers] == [1, 1]
        await healthy_afterwards(session)


@pytest.mark.fault("N19")
async def test_the_same_inside_tls() -> None:
    """Where what can be read hides from the socket."""
    authority = trustme.CA()
    there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(there)
    authority.configure_trust(here)
    script = (tls(there), take, send(OURS + STRAY), serve())
    async with (
        Hostile(script, then=(tls(there), serve()), scheme="https", answers={"GET /x": {}}) as server,
        session_to(server, transport=httpx.AsyncHTTPTransport(verify=here)) as session,
    ):
        assert (await session.request("GET", "/x")).json == {"mine": True}
        assert await session.senders.list() == ()
        assert [len(peer.requests) for peer in server.peers] == [1, 1]
        await healthy_afterwards(session)
