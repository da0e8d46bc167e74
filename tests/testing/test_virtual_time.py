"""A loop that jumps instead of waiting, for our users' tests and our own."""

from __future__ import annotations

import asyncio

import pytest

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
