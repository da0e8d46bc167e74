"""A loop that jumps instead of waiting, for our users' tests and our own."""

from __future__ import annotations

import asyncio

import pytest

from viber_async import ViberSession
from viber_async.sandbox import Sandbox
from viber_async.testing import in_virtual_time


def test_an_hour_takes_no_time():
    """The clock of the loop says that it is over."""

    @in_virtual_time
    async def an_hour() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time() - began

    assert an_hour() == pytest.approx(3600)


def test_who_would_wait_for_ever_is_told_so():
    """There is no timer to jump to."""

    @in_virtual_time
    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="everybody waits, and no timer will ever wake anybody: the test hangs"):
        for_ever()


@in_virtual_time
async def test_a_sandbox_lives_in_the_time_of_the_loop():
    """Its rate limit, its tokens and its campaigns: nobody is refused, and a campaign is seen to its end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    sandbox = Sandbox(monotonic=loop.time)
    async with ViberSession(sandbox.credentials, transport=sandbox.transport()) as session:
        created = await session.campaigns.create(
            sender_id=1, message_live_time=3600, message="hello", recipients=range(380931111111, 380931111121)
        )
        seen = [campaign.status async for campaign in session.campaigns.watch(created.task_id, every=1)]
        for _ in range(50):
            await session.senders.list()

    assert (seen[0], seen[-1]) == ("moderation", "sent")
    assert sandbox.rate.refusals == 0
    assert len(sandbox.requests_of("senders.list")) == 50
    assert 5 < loop.time() - began < 3600
