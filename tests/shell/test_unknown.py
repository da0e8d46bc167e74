"""What a session says of answers that hold more than it knows."""

from __future__ import annotations

import httpx
import pytest

from tests.shell.provider import ok
from tests.shell.sessions import session_over
from viber_async import ConfigurationError, DecodeError, Delivery, UnknownName, ViberSession

SENDER = {"id": 1, "name": "shop", "status": "paused", "owner": "you"}
SEEN = {("senders.get", "key", "owner"): 1, ("senders.get", "value", "status=paused"): 1}
CREATED = {"result": True, "data": {"task_id": 7, "sender_id": 1, "foo": 1}}
RECIPIENTS = b'{"task_id":1,"recipients":[{"phone":1},{"phone":2,"status":"lost"}]}'


async def test_what_is_unknown_is_counted_and_harms_nobody() -> None:
    """Over all calls of the session and its views."""
    session, _ = session_over(ok(SENDER))
    async with session:
        assert session.statistics().unknown == {}
        found = await session.senders.get(1)
        assert session.statistics().unknown == SEEN
        await session.with_options(lane="bulk").senders.get(1)

        assert (found.status, dict(found.extras)) == ("paused", {"owner": "you"})
        assert session.statistics().unknown[UnknownName("senders.get", "key", "owner")] == 2


async def test_a_strict_session_says_what_it_does_not_know_and_where() -> None:
    """As an answer that cannot be read."""
    session, provider = session_over(ok([{"id": 1, "name": "a"}, {"id": 2, "name": "b", "owner": "you"}]), strict=True)
    async with session:
        with pytest.raises(DecodeError, match=r"at \[1\]\.owner: .* that this version .* does not know") as caught:
            await session.senders.list()

    assert caught.value.delivery is Delivery.ANSWERED
    assert len(provider.requests) == 1


async def test_a_strict_session_reads_what_it_knows() -> None:
    """And counts nothing."""
    session, _ = session_over(ok({"id": 1, "name": "shop", "status": "verified"}), strict=True)
    async with session:
        await session.senders.get(1)

        assert session.statistics().unknown == {}


async def test_a_campaign_that_was_accepted_stays_accepted_in_a_strict_session() -> None:
    """A key more must not turn a campaign that exists into one of which nobody knows."""
    session, _ = session_over(ok(CREATED), strict=True)
    async with session:
        created = await session.campaigns.create(
            sender_id=1, message_live_time=60, message="Hello", recipients=["380931111111"]
        )

        assert created.task_id == 7
        assert session.statistics().unknown == {("campaigns.create", "key", "foo"): 1}


async def test_rows_of_a_stream_are_counted_too() -> None:
    """As those of a whole answer are."""
    session, _ = session_over(httpx.Response(200, content=RECIPIENTS))
    async with session:
        assert len([row async for row in session.campaigns.iter_recipients(1)]) == 2

        assert session.statistics().unknown == {("campaigns.recipients", "value", "status=lost"): 1}


async def test_a_strict_session_gives_the_rows_of_a_stream_that_it_knows_first() -> None:
    """Then it says where the other one is."""
    session, _ = session_over(httpx.Response(200, content=RECIPIENTS), strict=True)
    async with session, session.campaigns.iter_recipients(1) as stream:
        assert (await anext(stream)).phone == "1"
        with pytest.raises(DecodeError, match=r"at recipients\[1\]\.status: a value that this version"):
            await anext(stream)


async def test_the_escape_hatch_knows_no_names() -> None:
    """Nothing is unknown where nothing was expected."""
    session, _ = session_over(ok({"foo": 1}), strict=True)
    async with session:
        await session.request("GET", "/viber/other")

        assert session.statistics().unknown == {}


def test_strict_is_on_or_off() -> None:
    """And nothing in between."""
    with pytest.raises(ConfigurationError, match="strict: give a bool"):
        ViberSession(("id", "secret"), strict="no")  # type: ignore[arg-type]
