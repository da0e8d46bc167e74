"""Peers that never come to an end: the deadline does, and the call with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.wire.hostile import (
    Hostile,
    Script,
    answer,
    deaf,
    drip,
    flood,
    healthy_afterwards,
    raw_answer,
    send,
    session_to,
    small_buffers,
    take,
    within,
)
from viber_async import (
    CampaignDraft,
    DeadlineExceededError,
    Delivery,
    OutcomeUnknownError,
    RequestTimeoutError,
    Timeout,
    ViberError,
    ViberSession,
)

MANY = [f"38093{n:07d}" for n in range(1000)]
DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="x", recipients=MANY)


async def a_read(session: ViberSession) -> None:
    await session.senders.list()


async def a_create(session: ViberSession) -> None:
    await session.campaigns.create(DRAFT)


async def a_write(session: ViberSession) -> None:
    await session.blacklist.add(MANY)


BIG = answer([{"id": n, "status": "x", "name": "y", "service_type": 1} for n in range(1000)])
ENDLESS: dict[str, tuple[str, Script]] = {
    "a dripping head": ("N14", (take, drip(BIG))),
    "a dripping body": ("N14", (take, send(BIG[:200]), drip(BIG[200:]))),
    "dripping chunks": (
        "N14",
        (take, send(raw_answer(b"", content_length="", transfer_encoding="chunked")), drip(b"1\r\n[\r\n" * 1000)),
    ),
    "100 Continue for ever": ("N15", (take, flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 50))),
    "100 Continue now and then": ("N15", (take, drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, every=0.001))),
    "103 with headers for ever": ("N15", (take, flood(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" * 50))),
}
LONG_ENOUGH = 0.6
"""The deadline of calls that will not come to an end by themselves."""


async def ended_by_its_deadline(call: Any, session: ViberSession) -> ViberError:
    """Give the error that *call* ends with, for a deadline passed in the middle of it."""
    with pytest.raises(OutcomeUnknownError if call is a_create else DeadlineExceededError) as caught:
        await call(session)
    cause = caught.value.__cause__ if call is a_create else caught.value

    assert isinstance(cause, DeadlineExceededError)
    return caught.value


@pytest.mark.parametrize(
    "script", [pytest.param(script, id=name, marks=pytest.mark.fault(row)) for name, (row, script) in ENDLESS.items()]
)
async def test_a_deadline_cannot_be_stretched(script: Script) -> None:
    """Each byte comes within every timeout, and the call still ends, whatever it is; each was sent once."""
    calls = (a_read, a_create, a_write)
    async with Hostile(then=script) as server, session_to(server, deadline=LONG_ENOUGH, max_connections=3) as session:
        async with within(LONG_ENOUGH + 1):
            ended = await asyncio.gather(*(ended_by_its_deadline(call, session) for call in calls))

        assert {error.delivery for error in ended} == {Delivery.UNKNOWN}
        await server.settled()
        assert sorted(len(peer.requests) for peer in server.peers) == [1, 1, 1]
        server.heal()
        await healthy_afterwards(session)


@pytest.mark.fault("N08")
@pytest.mark.parametrize("call", [a_create, a_write])
async def test_a_server_that_never_reads_is_left_at_the_deadline(call: Any) -> None:
    """A part of the request is in its kernel, or was; so much is known, and no more."""
    async with (
        Hostile((deaf,), receive_buffer=2048) as server,
        session_to(server, deadline=LONG_ENOUGH, transport=small_buffers()) as session,
    ):
        async with within(LONG_ENOUGH + 1):
            ended = await ended_by_its_deadline(call, session)

        assert ended.delivery is Delivery.UNKNOWN
        assert (len(server.peers), server.peers[0].received) == (1, b"")
        await healthy_afterwards(session)


@pytest.mark.fault("N08")
async def test_a_server_that_never_reads_is_left_at_the_write_timeout() -> None:
    """Which shows that the request did not fit into the kernels between: the write itself had stopped."""
    async with (
        Hostile((deaf,), receive_buffer=2048) as server,
        session_to(server, timeout=Timeout(write=0.3), transport=small_buffers()) as session,
    ):
        with pytest.raises(OutcomeUnknownError, match="write timeout") as caught:
            await a_create(session)

        assert isinstance(caught.value.__cause__, RequestTimeoutError)
        await healthy_afterwards(session)


@pytest.mark.fault("N14")
async def test_the_deadline_of_a_stream_cannot_be_stretched_either() -> None:
    """Rows came, and then a letter now and then."""
    row = b'{"phone": 380931111111, "status": "sent"}, '
    top = raw_answer(b'{"task_id": 7, "recipients": [' + row, content_length="")
    async with Hostile((take, send(top), drip(row * 100))) as server, session_to(server) as session:
        stream = session.with_options(deadline=LONG_ENOUGH).campaigns.iter_recipients(7)
        async with within(LONG_ENOUGH + 1):
            assert (await anext(stream)).phone == "380931111111"
            with pytest.raises(DeadlineExceededError):
                async for _ in stream:
                    pass
        await server.settled()

        assert len(server.requests) == 1
        await healthy_afterwards(session)
