"""What comes when the provider says that it was too much, on real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.wire.hostile import Hostile, Script, healthy_afterwards, raw_answer, say, send, serve, session_to, take
from viber_async import (
    CampaignDraft,
    ClientCredentials,
    Delivery,
    OutcomeUnknownError,
    PacedLimiter,
    RateLimit,
    RateLimitError,
    RetryPolicy,
    ViberSession,
)

TOO_MUCH = {"message": "too many", "error_code": 2020202020}
DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="m", recipients=["380931111111"], task_name="t")
TEN = RateLimit(10)


def once(*step: Any) -> Script:
    """Read a request and answer it in that way; honestly from then on."""
    return (take, *step, serve())


async def passes(session: ViberSession, call: str) -> float:
    """Make the call, which is to succeed; give the seconds that it took."""
    clock = asyncio.get_running_loop().time
    began = clock()
    if call == "POST /viber":
        assert (await session.campaigns.create(DRAFT)).task_id == 90241
    else:
        assert await session.senders.list() == ()
    return clock() - began


@pytest.mark.fault("R01", "R04", "R05")
async def test_what_asks_to_wait_is_waited_for() -> None:
    """A second, by reads and by tokens, and by a create where it is certain that nothing was done; all at once here."""
    refused = {"429": say(TOO_MUCH, 429, retry_after="1"), "200 with the code": say(TOO_MUCH, retry_after="1")}
    failing = {"503": say({}, 503, retry_after="1")}

    async def row(call: str, name: str) -> None:
        answer = {**refused, **failing}[name]
        settings = {"credentials": ClientCredentials("id", "secret")} if call == "POST /oauth/access_token" else {}
        async with Hostile(once(answer)) as server, session_to(server, **settings) as session:
            assert await passes(session, call) >= 1.0, (call, name)
            assert server.count(call) == 2
            assert session.statistics().throttled == (name in refused)
            await healthy_afterwards(session)

    calls = ("GET /viber/senders", "POST /oauth/access_token")
    await asyncio.gather(
        *(row("POST /viber", name) for name in refused),
        *(row(call, name) for call in calls for name in (*refused, *failing)),
    )


@pytest.mark.fault("R02", "R04")
@pytest.mark.parametrize("call", ["GET /viber/senders", "POST /viber"])
@pytest.mark.parametrize("answer", [say(TOO_MUCH, 429), say(TOO_MUCH), say("?", 429)], ids=["429", "200", "bare 429"])
async def test_without_a_word_the_pause_is_our_own(call: str, answer: Any) -> None:
    """At least half of the throttling base, and the rate is halved."""
    policy = RetryPolicy(throttle_base=0.2)
    async with Hostile(once(answer)) as server, session_to(server, retries=policy, rate_limit=TEN) as session:
        assert await passes(session, call) >= 0.1
        assert server.count(call) == 2
        assert 5 <= session.statistics().rate.rate <= 5.1
        await healthy_afterwards(session)


@pytest.mark.fault("R01")
async def test_a_refusal_holds_back_whoever_comes_meanwhile() -> None:
    """The server sees nobody until the pause is over; then the refused call comes first, and the rest in order."""
    paused = asyncio.Event()

    class Telling(PacedLimiter):
        def pause(self, seconds: float) -> None:
            super().pause(seconds)
            paused.set()

    senders = {f"GET /viber/senders/{number}": {"id": number, "name": "s"} for number in (7, 8, 9)}
    async with (
        Hostile(once(say(TOO_MUCH, 429, retry_after="1")), answers=senders) as server,
        session_to(server, rate_limiter=Telling(TEN)) as session,
    ):
        refused = asyncio.create_task(session.senders.get(7))
        await paused.wait()
        others = [asyncio.create_task(session.senders.get(number)) for number in (8, 9)]
        await asyncio.wait(others, timeout=0.3)
        assert len(server.requests) == 1
        await asyncio.gather(refused, *others)

    assert [request.path[-1] for request in server.requests] == ["7", "7", "8", "9"]


IGNORED = [b"inf", b"nan", b"-5", b"1e9", b"", b"\xef\xbc\x92", b"Wed, 31 Jan 2024 12:00:00 GMT"]
TOO_LONG = [(b"121", 121), (b"9" * 400, 1e12), (b"Fri, 31 Dec 9999 23:59:59 GMT", None)]


def asking(said: bytes) -> Any:
    """Refuse and ask to wait for so long."""
    return send(raw_answer(b"{}", 429, retry_after="@").replace(b"@", said))


@pytest.mark.fault("R03")
@pytest.mark.parametrize("said", IGNORED, ids=repr)
async def test_a_retry_after_that_makes_no_sense_is_ignored(said: bytes) -> None:
    """The pause is our own then, and short here."""
    async with Hostile(once(asking(said))) as server, session_to(server) as session:
        await passes(session, "POST /viber")
        assert server.count("POST /viber") == 2
        assert session.statistics().rate.paused_for == 0
        await healthy_afterwards(session)


@pytest.mark.fault("R03")
@pytest.mark.parametrize(("said", "seconds"), TOO_LONG, ids=repr)
async def test_a_retry_after_that_is_too_long_is_carried_by_the_error(said: bytes, seconds: float | None) -> None:
    """At once, though there is time without end; nobody sleeps for more than two minutes."""
    async with Hostile(once(asking(said))) as server, session_to(server, deadline=None) as session:
        with pytest.raises(RateLimitError) as caught:
            await session.campaigns.create(DRAFT)
        assert server.count("POST /viber") == 1
        assert 110 < session.statistics().rate.paused_for <= 120

    assert caught.value.delivery is Delivery.ANSWERED
    assert caught.value.retry_after == seconds or (seconds is None and (caught.value.retry_after or 0) > 1e9)


@pytest.mark.fault("R05")
async def test_a_create_is_not_repeated_because_a_failing_server_asks_to_wait() -> None:
    """It may have been done."""
    async with Hostile(once(say(TOO_MUCH, 503, retry_after="1"))) as server, session_to(server) as session:
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(DRAFT)
        assert server.count("POST /viber") == 1
        assert session.statistics().rate.pauses == 0
        await healthy_afterwards(session)

    assert caught.value.delivery is Delivery.ANSWERED
