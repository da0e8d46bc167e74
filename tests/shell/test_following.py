"""Watching a campaign, in virtual time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.provider import no, ok
from tests.shell.sessions import session_over
from viber_async import Campaign, ServerError, SessionClosedError, UsageError, ValidationError


def campaign(status: str, delivered: int, *, sent: int = 2) -> Any:
    figures = {"sent": sent, "delivered": delivered, "read": 0, "redirected": 0, "undelivered": 0, "errors": 0}
    return ok(
        {
            "id": 7,
            "name": "spring",
            "sender_id": 1,
            "message_live_time": 60,
            "status": status,
            "statistic": figures,
        }
    )


def at(*replies: Any) -> Any:
    return session_over(*replies, retries=0)


@in_virtual_time
async def test_a_campaign_is_given_each_time_it_has_changed_until_it_is_over() -> None:
    """At once, and then by looking every five seconds; what has not changed is not given again."""
    session, provider = at(
        *[campaign("sending", 0)] * 2, campaign("sending", 1), *[campaign("sent", 1)] * 2, campaign("sent", 2)
    )
    clock = asyncio.get_running_loop().time
    began = clock()
    async with session:
        seen = [(round(clock() - began), c.status, c.statistics.delivered) async for c in session.campaigns.watch(7)]

    assert seen == [(0, "sending", 0), (10, "sending", 1), (15, "sent", 1), (25, "sent", 2)]
    assert len(provider.requests) == 6


@in_virtual_time
async def test_a_watch_ends_when_its_caller_says() -> None:
    """With the campaign that made it end as the last; and another pace is kept."""
    session, provider = at(campaign("sending", 0), campaign("sending", 1), campaign("sent", 2))
    began = asyncio.get_running_loop().time()
    async with session:
        watch = session.campaigns.watch(7, every=60, until=lambda c: c.statistics.delivered > 0)
        seen = [c.statistics.delivered async for c in watch]

    assert seen == [0, 1]
    assert 60 <= asyncio.get_running_loop().time() - began < 61
    assert len(provider.requests) == 2


@in_virtual_time
async def test_a_watch_awaits_what_its_caller_asks_elsewhere() -> None:
    """An async function, or anything else that gives something to await; two at once are refused meanwhile too."""
    session, provider = at(campaign("sending", 0), campaign("sending", 1), campaign("sent", 2))

    async def until(campaign: Campaign) -> bool:
        await asyncio.sleep(1)
        return campaign.statistics.delivered > 0

    async with session:
        for function in (until, partial(until)):
            provider.replies[:] = [campaign("sending", 0), campaign("sending", 1), campaign("sent", 2)]
            watch = session.campaigns.watch(7, until=function)
            seen = [(await anext(watch)).statistics.delivered]
            reader = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0.5)
            with pytest.raises(UsageError, match="another task"):
                await anext(watch)
            seen += [(await reader).statistics.delivered, *[c.statistics.delivered async for c in watch]]

            assert seen == [0, 1]


@in_virtual_time
async def test_a_watch_goes_on_after_an_error() -> None:
    """Whoever asks again gets what has changed since, no sooner than at the next look."""
    session, _ = at(campaign("sending", 0), no(503, {"message": "busy"}), campaign("sending", 0), campaign("sent", 2))
    async with session:
        watch = session.campaigns.watch(7)
        first = await anext(watch)
        with pytest.raises(ServerError):
            await anext(watch)
        second = await anext(watch)

    assert (first.status, second.status) == ("sending", "sent")


@in_virtual_time
async def test_a_watch_has_one_reader() -> None:
    """The second is told, and the first goes on."""
    session, _ = at(campaign("sending", 0), campaign("sent", 2))
    async with session:
        watch = session.campaigns.watch(7)
        await anext(watch)
        reader = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="another task"):
            await anext(watch)

        assert (await reader).status == "sent"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ({"campaign_id": "7"}, ValidationError),
        ({"campaign_id": 7, "until": 3}, ValidationError),
        *[
            ({"campaign_id": 7, "every": every}, ValidationError)
            for every in (0, -1, 1e-9, 0.0099, float("nan"), float("inf"), 86_401, True, "5", None)
        ],
    ],
)
async def test_a_watch_that_cannot_work_is_refused_at_once(call: Any, error: type[Exception]) -> None:
    """And nothing is sent."""
    session, provider = at(campaign("sent", 2))
    async with session:
        with pytest.raises(error):
            session.campaigns.watch(**call)

    assert provider.requests == []


@pytest.mark.parametrize("every", [0.01, 1, 86_400])
async def test_a_watch_may_look_all_the_time_or_once_a_day(every: float) -> None:
    """And at any pace between these two."""
    session, _ = at(campaign("sent", 2))
    async with session:
        assert [seen.id async for seen in session.campaigns.watch(7, every=every)] == [7]


async def test_a_pace_that_no_watch_may_have_is_named() -> None:
    """The field, the value and the rule."""
    session, _ = at(campaign("sent", 2))
    async with session:
        with pytest.raises(
            ValidationError, match=r"^every: seconds, from 0\.01 to 86400 \(a day\).*; got 1e-09$"
        ) as caught:
            session.campaigns.watch(7, every=1e-9)

    assert caught.value.field == "every"


@pytest.mark.fault("C07")
@in_virtual_time
async def test_a_watch_between_two_looks_is_ended_with_its_session() -> None:
    """At once and by name, and not when it would have looked again; a cancelled one leaves nothing behind."""
    session, _ = at(campaign("sending", 0))
    clock = asyncio.get_running_loop().time
    watch = session.campaigns.watch(7, every=3600)
    await anext(watch)
    cancelled = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(1)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await asyncio.sleep(0)
    assert "0 calls" in repr(session)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(1)
    began = clock()
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await waiting

    assert clock() - began < 1
