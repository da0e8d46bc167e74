"""Where commands wait: what signals end, and when, in virtual time."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager

import pytest

from tests.shell.clock import VirtualTimeLoop
from viber_async import OutcomeUnknownError, SyncProgress
from viber_async.cli import _blacklist_jobs as blacklist
from viber_async.cli import _campaign_jobs as campaigns
from viber_async.cli._run import StoppedError, stoppable
from viber_async.testing import make


class Twice:
    """Sends a signal when it is begun, and another one some turns of the loop later."""

    def __init__(self, turns: int) -> None:
        self._turns = turns

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(signal.raise_signal, signal.SIGINT)
        self._next(loop, self._turns)

    def _next(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        if turns:
            loop.call_soon(self._next, loop, turns - 1)
        else:
            loop.call_soon(signal.raise_signal, signal.SIGINT)


def seconds_of(work, *, times: int, ends: type[Exception]) -> float:
    """Run *work* as commands do, and give the seconds that it took to end."""

    async def ran() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(ends):
            await stoppable(work(), times=times)
        return asyncio.get_running_loop().time() - began

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(ran())


@pytest.mark.parametrize("turns", range(5))
def test_a_second_signal_lets_go_of_the_batch_under_way(turns):
    """Also one that comes in the same turn of the loop as the first, before that has cancelled anything, or after."""
    ended = []

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def work() -> None:
        Twice(turns).begin()
        await blacklist._to_its_end(hangs())

    assert seconds_of(work, times=1, ends=StoppedError) == 0
    assert ended == [True]


def test_one_signal_waits_for_the_batch_under_way_as_long_as_a_container_lives():
    """And what it says then is of no more interest."""

    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError

    async def work() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        await blacklist._to_its_end(fails())

    assert seconds_of(work, times=1, ends=StoppedError) == blacklist.FINISHES_WITHIN


def test_a_meter_counts_for_a_phase_what_was_waited_in_it():
    """What was waited before it began is the business of those before."""
    told = []

    class Bars:
        @contextmanager
        def bar(self, label, of, unit):
            yield lambda done, of, *, waited, waits: told.append((label, done, waited, waits))

    with blacklist.Meter(Bars()) as meter:
        for phase, done, waited, waits in [("add", 1, 0, False), ("add", 1, 0, True), ("add", 2, 9, False)]:
            meter(make(SyncProgress, phase=phase, done=done, waited=waited, waits=waits))
        meter(make(SyncProgress, phase="verify", done=1, waited=12))
        meter(make(SyncProgress, phase="verify", done=2, waited=13))

    assert told == [
        ("adding", 1, 0, False),
        ("adding", 1, 0, True),
        ("adding", 2, 9, False),
        ("verifying", 1, 0, False),
        ("verifying", 2, 1, False),
    ]


class UnderWay:
    """A create that has left, and whose answer never comes."""

    async def created(self):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            raise cancelled from OutcomeUnknownError()

    async def late(self, *, within):
        await asyncio.sleep(within)
        raise OutcomeUnknownError


@pytest.mark.parametrize("turns", range(5))
def test_a_second_signal_lets_go_of_a_campaign_under_way(monkeypatch, turns):
    """With the error that says that nobody knows, and at once."""
    monkeypatch.setattr(campaigns, "creating", lambda *_: UnderWay())

    class Session:
        campaigns = None

    async def work():
        Twice(turns).begin()
        return await campaigns.create(Session(), None, key=None, resend_after=None)

    assert seconds_of(work, times=2, ends=Exception) == 0
