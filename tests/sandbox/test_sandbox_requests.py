"""What arrived can be looked up, and holds no secret."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from viber_async.sandbox import Fault

BLACKLIST = "/v2/viber-service/phone-exception"


async def test_a_request_is_recorded_as_it_arrived(sandbox, client):
    """Line, query, body, and what was answered."""
    await client.request("DELETE", BLACKLIST, params={"a": "1"}, content=b'{ "phones": ["380931111111"] }')
    (record,) = sandbox.requests

    assert (record.number, record.operation, record.method, record.path) == (1, "blacklist.remove", "DELETE", BLACKLIST)
    assert (dict(record.query), record.body) == ({"a": "1"}, b'{ "phones": ["380931111111"] }')
    assert (record.json, record.status, record.fault) == ({"phones": ["380931111111"]}, 400, "")
    assert sandbox.rate.arrivals == (record.arrived_at,)


async def test_records_do_not_change(sandbox, client):
    """They are frozen, and so are their tables."""
    await client.get("/viber/senders")
    (record,) = sandbox.requests

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        record.status = 500
    with pytest.raises(TypeError):
        record.headers["x"] = "y"


async def test_a_record_says_on_which_connection_it_came(sandbox, client):
    """Kept alive, it is the same one; a cut one is replaced."""
    for _ in range(2):
        await client.get("/viber/senders")
    await client.get("/viber/senders", headers={"Connection": "close"})
    await client.get("/viber/senders")
    first, second, third, fourth = [record.peer_port for record in sandbox.requests]

    assert first == second == third != fourth


async def test_without_a_socket_there_is_no_port(make, client_of):
    """A request in process has none."""
    sandbox = make()
    async with client_of(sandbox) as client:
        await client.get("/viber/senders")

    assert sandbox.requests[0].peer_port is None


async def test_no_credential_is_recorded(sandbox, client):
    """Neither in a header nor in the body that buys a token."""
    await client.post(
        "/oauth/access_token",
        json={"grant_type": "client_credentials", "client_id": "me", "client_secret": "hush"},
        headers={"Cookie": "hush", "X-Other": "hush"},
    )
    await client.post("/oauth/access_token", json=["hush"])
    first, second = sandbox.requests

    assert "hush" not in repr(attrs.asdict(first)) + repr(attrs.asdict(second))
    assert sandbox.api_key not in repr(attrs.asdict(first))
    assert (first.json["client_id"], first.headers["authorization"]) == ("me", "Bearer [redacted]")


async def test_records_are_found_by_operation(sandbox, client):
    """By name, or by the first part of it."""
    for path in ("/viber/senders", "/viber/senders/1", "/viber/task", "/nowhere"):
        await client.get(path)

    assert [record.path for record in sandbox.requests_of("senders.*")] == ["/viber/senders", "/viber/senders/1"]
    assert [record.path for record in sandbox.requests_of("unknown")] == ["/nowhere"]


async def test_an_arrival_can_be_waited_for(sandbox, client):
    """However many have to come; those that have come count."""
    waiting = asyncio.create_task(sandbox.arrival("senders.list", count=2))
    for _ in range(2):
        await client.get("/viber/senders")

    assert len(await waiting) == 2
    assert len(await sandbox.arrival()) == 2


async def test_only_the_latest_records_are_kept(make, client_of):
    """A sandbox that runs for days does not grow for ever."""
    sandbox = make(journal_size=2)
    async with client_of(sandbox) as client:
        for _ in range(3):
            await client.get("/viber/senders")

    assert [record.number for record in sandbox.requests] == [2, 3]


async def test_requests_can_be_forgotten(sandbox, client):
    """Also while one is under way: it is answered, and stays forgotten; the numbers go on."""
    sandbox.faults.add(Fault.before(sandbox.forget_requests))
    answer = await client.get("/viber/senders")

    assert (answer.status_code, sandbox.requests, sandbox.rate.arrivals) == (200, (), ())

    await client.get("/viber/senders")
    assert [record.number for record in sandbox.requests] == [2]
