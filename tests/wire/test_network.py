"""The network's rows of the fault table, where they happen: what each leads to, and what had arrived by then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import frozen

from tests.wire.hostile import (
    Arrived,
    Hostile,
    Script,
    answer,
    close,
    head,
    healthy_afterwards,
    raw_answer,
    read,
    reset,
    send,
    session_to,
    swallow,
    take,
    wait,
)
from viber_async import (
    CampaignDraft,
    DecodeError,
    Delivery,
    OutcomeUnknownError,
    ProtocolError,
    RequestTimeoutError,
    Timeout,
    TransportError,
    Verdict,
    ViberError,
)

PHONE = "380931111111"
DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="x", task_name="spring", recipients=[PHONE])
SENDERS, YES = answer([]), answer({"result": True})
MANY = [f"38093{n:07d}" for n in range(1000)]


PATIENT = Timeout(connect=5, write=5, read=5, create_read=5, pool=5)


@frozen
class Row:
    """What a connection does to a request, and what that leads to."""

    rows: tuple[str, ...]
    script: Script
    raises: type[ViberError] = TransportError
    arrived: int = 1
    """Whole requests that the server has read on such a connection."""
    repeated: bool = True
    """A read and a blacklist write are sent again; a create never is."""
    delivery: Delivery = Delivery.UNKNOWN
    timeout: Timeout = PATIENT


BROKEN = {
    "closed at once": Row(("N06",), (), arrived=0),
    "reset at once": Row(("N06",), (reset,), arrived=0),
    "reset in the head": Row(("N07",), (read(20), reset), arrived=0),
    "read and closed": Row(("N09",), (take, close), ProtocolError),
    "read and reset": Row(("N09",), (take, reset)),
    "reset after the status line": Row(("N10",), (take, send(b"HTTP/1.1 200 OK\r\n"), reset)),
    "reset in the headers": Row(("N10",), (take, send(YES[:40]), reset)),
    "reset in the body": Row(("N10",), (take, send(YES[:-3]), reset)),
    "closed after the status line": Row(("N10",), (take, send(b"HTTP/1.1 200 OK\r\n"), close), ProtocolError),
    "longer than told": Row(("N11",), (take, send(raw_answer(b"[]", content_length="90")), close), ProtocolError),
    "a chunk cut": Row(
        ("N12",),
        (take, send(raw_answer(b"20\r\n[]", content_length="", transfer_encoding="chunked")), close),
        ProtocolError,
    ),
    "chunks without an end": Row(
        ("N12",),
        (take, send(raw_answer(b"2\r\n[]\r\n", content_length="", transfer_encoding="chunked")), close),
        ProtocolError,
    ),
    "no chunk at all": Row(
        ("N12",),
        (take, send(raw_answer(b"[]\r\n[]", content_length="", transfer_encoding="chunked")), close),
        ProtocolError,
    ),
    "truncated, ended by closing": Row(
        ("N13",),
        (take, send(raw_answer(b'{"result": tru', content_length="")), close),
        DecodeError,
        repeated=False,
        delivery=Delivery.ANSWERED,
    ),
    "empty, ended by closing": Row(
        ("N13",),
        (take, send(raw_answer(b"", content_length="")), close),
        DecodeError,
        repeated=False,
        delivery=Delivery.ANSWERED,
    ),
    "a header of 5 MB": Row(
        ("N16",), (take, send(b"HTTP/1.1 200 OK\r\nx: ", b"a" * 5_000_000, b"\r\n\r\n")), ProtocolError
    ),
    "200000 headers": Row(("N16",), (take, send(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 200_000)), ProtocolError),
    "a status line of garbage": Row(("N17",), (take, send(b"\x00\xff garbage\r\n\r\n")), ProtocolError),
    "a status that is no number": Row(("N17",), (take, send(b"HTTP/1.1 OK 200\r\n\r\n")), ProtocolError),
    "HTTP/0.9": Row(("N17",), (take, send(b"<html>hello</html>\r\n")), ProtocolError),
    "SSH": Row(("N17",), (send(b"SSH-2.0-OpenSSH_9.2\r\n"), take), ProtocolError),
    "SMTP": Row(("N17",), (send(b"220 mail ESMTP\r\n"), take), ProtocolError),
    "HTTP/2": Row(
        ("N17",), (send(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"), take), ProtocolError
    ),
    "TLS": Row(("N17",), (send(b"\x15\x03\x01\x00\x02\x02\x28"), take, close), ProtocolError),
    "two lengths": Row(
        ("N18",), (take, send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 1\r\n\r\n[]")), ProtocolError
    ),
    "two lengths in one": Row(("N18",), (take, send(raw_answer(b"[]", content_length="2, 1"))), ProtocolError),
    "a length below nothing": Row(("N18",), (take, send(raw_answer(b"[]", content_length="-1"))), ProtocolError),
    "never an answer": Row(("N14",), (take, swallow), RequestTimeoutError, timeout=Timeout(read=0.2, create_read=0.2)),
}


def each(table: dict[str, Row], *, only: Callable[[Row], bool] = lambda _: True) -> list[Any]:
    return [pytest.param(row, id=name, marks=pytest.mark.fault(*row.rows)) for name, row in table.items() if only(row)]


@pytest.mark.parametrize("row", each(BROKEN))
async def test_what_goes_on_like_that_is_told(row: Row) -> None:
    """By its name and with what became of it, after as many attempts as it bears; and nothing is lost by it."""
    async with Hostile(then=row.script) as server, session_to(server, timeout=row.timeout) as session:
        with pytest.raises(row.raises) as caught:
            await session.senders.list()

        assert caught.value.delivery is row.delivery
        assert len(server.peers) == (3 if row.repeated else 1)
        await server.settled()
        assert server.count("GET /viber/senders") == len(server.peers) * row.arrived
        server.heal()
        await healthy_afterwards(session)


@pytest.mark.parametrize("row", each(BROKEN, only=lambda row: row.repeated))
async def test_a_read_is_sent_again(row: Row) -> None:
    """And its caller sees nothing of it."""
    async with Hostile(row.script, row.script) as server, session_to(server, timeout=row.timeout) as session:
        assert await session.senders.list() == ()
        assert len(server.peers) == 3
        assert session.statistics().repeats == 2


@pytest.mark.parametrize("row", each(BROKEN))
async def test_a_create_is_sent_once_and_its_outcome_is_unknown(row: Row) -> None:
    """With what is needed to look for it, and what came of the request; whatever arrived, nothing follows it."""
    async with Hostile(row.script) as server, session_to(server, timeout=row.timeout) as session:
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(DRAFT)

        assert isinstance(caught.value.__cause__, row.raises)
        assert caught.value.delivery is row.delivery
        assert caught.value.handle is not None
        assert len(server.peers) == 1
        await server.settled()
        assert server.count("POST /viber") == row.arrived
        await healthy_afterwards(session)


@pytest.mark.parametrize("row", each(BROKEN))
async def test_a_blacklist_write_is_sent_again_and_its_counters_are_lower_bounds(row: Row) -> None:
    """It is idempotent; but the repeat may have found its work done. What was answered is not sent again."""
    async with Hostile(row.script) as server, session_to(server, timeout=row.timeout) as session:
        if row.repeated:
            added = await session.blacklist.add([PHONE])
            assert (added.added, added.exact) == (1, False)
        else:
            with pytest.raises(row.raises):
                await session.blacklist.add([PHONE])
        assert len(server.peers) == 1 + row.repeated
        await healthy_afterwards(session)


@pytest.mark.fault("N09", "N11")
@pytest.mark.parametrize(
    ("name", "said"),
    [("read and closed", "hung up before answering from"), ("longer than told", "hung up in the middle of its answer")],
)
async def test_a_server_that_hangs_up_is_said_to(name: str, said: str) -> None:
    """In our words, whichever of the libraries below noticed it and however it calls it."""
    async with Hostile(then=BROKEN[name].script) as server, session_to(server) as session:
        with pytest.raises(ProtocolError, match=f"^GET /viber/senders: the server {said}"):
            await session.senders.list()


@pytest.mark.fault("N07")
@pytest.mark.parametrize("size", [1, 60, 10_000])
async def test_a_create_that_is_cut_in_its_body_is_unknown(size: int) -> None:
    """The provider has the head and a part of the recipients: nobody knows what it makes of that."""
    many = CampaignDraft(sender_id=1, message_live_time=60, message="x", recipients=MANY)
    async with Hostile((head, read(size), reset)) as server, session_to(server) as session:
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(many)
        await server.settled()

        assert caught.value.delivery is Delivery.UNKNOWN
        assert len(server.peers) == 1
        assert server.peers[0].received.partition(b"\r\n\r\n")[2].startswith(b"{")
        assert len(server.peers[0].received.partition(b"\r\n\r\n")[2]) == size
        await healthy_afterwards(session)


def listed(request: Arrived, task_id: int) -> dict[str, Any]:
    """Give the row that the list has for the campaign of *request*."""
    asked, now = request.json, datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    names = {"id": task_id, "name": asked["task_name"], "address_book": None, "status": "moderation"}
    return {**asked, "sender_name": "shop", "send_date": now, "created": now, **names}


@pytest.mark.fault("N09")
async def test_a_create_that_was_carried_out_without_an_answer_is_found_by_reconciling() -> None:
    """By its name, sender and text, in the list that the provider keeps."""
    async with Hostile((take, close)) as server, session_to(server) as session:
        server.answers["GET /viber/task"] = lambda request: (
            [listed(server.requests[0], 77)] if request.target.endswith("offset=0") else []
        )
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(DRAFT)
        assert caught.value.handle is not None
        found = await session.campaigns.reconcile(caught.value.handle)

        assert found.verdict is Verdict.FOUND
        assert found.campaign is not None
        assert found.campaign.id == 77
        assert server.count("POST /viber") == 1


@pytest.mark.parametrize("row", each(BROKEN, only=lambda row: row.repeated))
async def test_a_call_of_ones_own_is_sent_again_only_if_it_is_said_to_bear_it(row: Row) -> None:
    """`session.request` knows nothing of what it sends."""
    answers = {"POST /mine": {"mine": True}}
    async with (
        Hostile(row.script, row.script, answers=answers) as server,
        session_to(server, timeout=row.timeout) as session,
    ):
        with pytest.raises(row.raises) as caught:
            await session.request("POST", "/mine", json={})
        assert caught.value.delivery is row.delivery
        assert len(server.peers) == 1
        assert (await session.request("POST", "/mine", json={}, idempotent=True)).json == {"mine": True}
        assert len(server.peers) == 3


RECIPIENTS = [{"phone": int(PHONE) + n, "status": "sent"} for n in range(1000)]
ROWS = answer({"task_id": 7, "recipients": RECIPIENTS})


@pytest.mark.fault("N10", "N11", "N12")
@pytest.mark.parametrize("end", [close, reset], ids=["closed", "reset"])
async def test_a_stream_that_is_cut_gives_what_came_and_then_says_so(end: Any) -> None:
    """Its rows were handed out, so it does not begin again by itself; its connection is let go."""
    enough = asyncio.Event()
    async with Hostile((take, send(ROWS[:-1000]), wait(enough), end)) as server, session_to(server) as session:
        stream = session.campaigns.iter_recipients(7)
        first = await anext(stream)
        enough.set()
        with pytest.raises(TransportError) as caught:
            async for _ in stream:
                pass

        assert first.phone == PHONE
        assert caught.value.delivery is Delivery.UNKNOWN
        assert len(server.peers) == 1
        await healthy_afterwards(session)
