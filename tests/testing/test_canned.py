"""A provider that says what it is told to."""

from __future__ import annotations

import httpx
import pytest

from viber_async import ApiKey, ClientCredentials, ConnectionFailedError, NotFoundError, ViberSession
from viber_async.testing import CannedRequest, CannedTransport, NoCannedAnswerError, in_turn, in_virtual_time

SENDER = {"id": 1, "status": "verified", "name": "shop"}


@in_virtual_time
async def test_each_operation_has_its_answer() -> None:
    """JSON as it stands, or beside a status; a token comes by itself."""
    transport = CannedTransport(
        {"senders.list": [SENDER], "senders.get": (404, {"message": "Sender not found", "error_code": 1003})}
    )
    async with ViberSession(ClientCredentials("id", "secret"), transport=transport) as session:
        assert [each.name for each in await session.senders.list()] == ["shop"]
        with pytest.raises(NotFoundError):
            await session.senders.get(7)

    assert [each.operation for each in transport.requests] == ["token", "senders.list", "senders.get"]
    assert [each.path for each in transport.requests_of("senders.get")] == ["/viber/senders/7"]


@in_virtual_time
async def test_answers_come_in_turn_and_exceptions_are_raised() -> None:
    """An outage that ends, without a second of waiting."""
    answers = in_turn((503, None), httpx.ConnectError("down"), [SENDER])
    transport = CannedTransport({"senders.list": answers})
    async with ViberSession(ApiKey("k"), transport=transport) as session:
        assert len(await session.senders.list()) == 1

    assert len(transport.requests) == 3


@in_virtual_time
async def test_a_function_sees_the_request() -> None:
    """And makes its answer of it."""

    def added(request: CannedRequest) -> object:
        assert isinstance(request.json, dict)
        return {"result": True, "counters": {"added": len(request.json["phones"]), "exists": 0}}

    transport = CannedTransport({"blacklist.add": added, "GET /balance/by": {"left": 7}})
    async with ViberSession(ApiKey("k"), transport=transport) as session:
        assert (await session.blacklist.add(["+380 93 111 11 11", "380931111112"])).added == 2
        assert (await session.request("GET", "/balance/by", params={"unit": "EUR"}, idempotent=True)).json == {
            "left": 7
        }

    assert transport.requests[-1].query == {"unit": "EUR"}


@pytest.mark.parametrize(
    ("answers", "said"),
    [({}, "no answer was given for senders.list"), ({"senders.list": in_turn([])}, "once more than there are answers")],
    ids=["none", "one less"],
)
async def test_what_nobody_answers_is_the_tests_own_failure(answers: dict[str, object], said: str) -> None:
    """No caller takes it for the provider's, and catches it."""
    async with ViberSession(ApiKey("k"), transport=CannedTransport({**answers})) as session:
        with pytest.raises(NoCannedAnswerError, match=said):
            for _ in range(2):
                await session.senders.list()


def test_a_misspelt_operation_is_refused() -> None:
    """It would wait for ever."""
    with pytest.raises(ValueError, match=r"no operation is called 'sender\.list'; there are .*senders\.list"):
        CannedTransport({"sender.list": []})


@in_virtual_time
async def test_a_failure_that_stays_is_the_sessions_error() -> None:
    """As with a real network."""
    transport = CannedTransport({"senders.list": httpx.ConnectError("down")})
    async with ViberSession(ApiKey("k"), transport=transport, retries=0) as session:
        with pytest.raises(ConnectionFailedError):
            await session.senders.list()
