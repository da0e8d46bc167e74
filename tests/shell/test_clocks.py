"""Clocks that jump: the wall clock may be set, a process may be stopped, a provider's date may be nonsense."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from tests.shell.clock import VirtualTimeLoop, in_virtual_time
from tests.shell.provider import TOKEN, Provider, no, ok
from tests.shell.sessions import CREDENTIALS, session_over
from viber_async import (
    DeadlineExceededError,
    Delivery,
    OutcomeUnknownError,
    RateLimit,
    Verdict,
    ViberError,
    ViberSession,
)

DAY, HOUR, TEN_MINUTES = 86_400.0, 3600.0, 600.0
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SENDERS = ok([])


def now() -> float:
    return asyncio.get_running_loop().time()


class Wall:
    """This machine's wall clock, to be set as somebody's hand would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = NOON.timestamp()
        self.began: float | None = None

        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return datetime.fromtimestamp(self.time(), tz)

        monkeypatch.setattr(time, "time", self.time)
        for module in ("_exchange", "_creating", "_once"):
            monkeypatch.setattr(f"viber_async.{module}.datetime", Clock)

    def time(self) -> float:
        """Give the time that it shows: it runs as the loop's clock does."""
        self.began = now() if self.began is None else self.began
        return self.moment + now() - self.began

    def jump(self, seconds: float) -> None:
        self.moment += seconds


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


def most_in_any_second(times: list[float]) -> int:
    return max(sum(start <= moment < start + 1.0 for moment in times) for start in times)


JUMPS = [DAY, -HOUR]


@pytest.mark.fault("T01")
@pytest.mark.parametrize("seconds", JUMPS)
@in_virtual_time
async def test_a_token_lives_as_long_as_it_was_given_for(wall: Wall, seconds: float) -> None:
    """Neither replaced when the wall clock is set forward nor kept beyond its end when it is set back."""
    session, provider = session_over(SENDERS, credentials=CREDENTIALS)
    async with session:
        await session.senders.list()
        wall.jump(seconds)
        await session.senders.list()
        assert provider.tokens == 1
        await asyncio.sleep(TOKEN["expires_in"])  # type: ignore[arg-type]
        await session.senders.list()

    assert provider.tokens == 2


@pytest.mark.fault("T01")
@pytest.mark.parametrize("seconds", JUMPS)
@in_virtual_time
async def test_a_wall_clock_that_is_set_during_the_token_call_costs_no_second_one(wall: Wall, seconds: float) -> None:
    """How long the token lives was said in seconds."""

    async def slow(_: httpx.Request) -> httpx.Response:
        wall.jump(seconds)
        return ok(TOKEN)

    session, provider = session_over(SENDERS, provider=Provider(SENDERS, token=slow), credentials=CREDENTIALS)
    async with session:
        await session.senders.list()
        await asyncio.sleep(HOUR / 2)
        await session.senders.list()

    assert provider.tokens == 1


@pytest.mark.fault("T01")
@pytest.mark.parametrize("seconds", JUMPS)
@in_virtual_time
async def test_the_rate_limit_does_not_look_at_the_wall_clock(wall: Wall, seconds: float) -> None:
    """It is set with every answer, and forty calls keep their pace: neither a burst nor a long wait."""

    def jumping(_: httpx.Request) -> httpx.Response:
        wall.jump(seconds)
        return SENDERS

    session, provider = session_over(jumping)
    async with session:
        began = now()
        await asyncio.gather(*(session.senders.list() for _ in range(40)))
        took = now() - began

    assert most_in_any_second(provider.times) <= 10
    assert 2.9 < took < 6


@pytest.mark.fault("T01")
@pytest.mark.parametrize("seconds", JUMPS)
@in_virtual_time
async def test_a_deadline_does_not_look_at_the_wall_clock(wall: Wall, seconds: float) -> None:
    """It passes when so many seconds have passed."""

    async def never(_: httpx.Request) -> httpx.Response:
        wall.jump(seconds)
        await asyncio.Event().wait()
        raise AssertionError

    session, _ = session_over(never, deadline=5.0)
    async with session:
        began = now()
        with pytest.raises(DeadlineExceededError):
            await session.senders.list()

        assert now() - began == pytest.approx(5.0)


@pytest.mark.fault("T01", "T03")
@pytest.mark.parametrize("date", [NOON, NOON + timedelta(hours=2), NOON - timedelta(days=400)])
@pytest.mark.parametrize("seconds", JUMPS)
@in_virtual_time
async def test_a_retry_after_is_measured_by_one_clock(wall: Wall, seconds: float, date: datetime) -> None:
    """The answer's own: whatever this machine or the provider thinks that the time is."""
    headers = {
        "date": format_datetime(date, usegmt=True),
        "retry_after": format_datetime(date + timedelta(seconds=8), usegmt=True),
    }
    wall.jump(seconds)
    session, provider = session_over(no(503, **headers), SENDERS)
    async with session:
        await session.senders.list()

    assert provider.times[1] - provider.times[0] == pytest.approx(8)


@pytest.mark.fault("T01", "T03", "T05")
@pytest.mark.parametrize("seconds", [0.0, *JUMPS])
@pytest.mark.parametrize("date", [None, "garbage", "Wed, 01 Jul 2026 12:00:60 GMT", "Wed, 01 Jul 2026 12:00:00 -0000"])
@in_virtual_time
async def test_a_retry_after_without_a_date_beside_it_is_bounded(wall: Wall, seconds: float, date: str | None) -> None:
    """Then our wall clock has to do, and when that is wrong, nobody waits longer than two minutes."""
    headers = {"retry_after": format_datetime(NOON + timedelta(seconds=8), usegmt=True)}
    wall.jump(seconds)
    session, provider = session_over(no(503, **headers | ({} if date is None else {"date": date})), SENDERS)
    async with session:
        began = now()
        try:
            await session.with_options(deadline=None).senders.list()
        except ViberError as error:
            assert error.delivery is Delivery.ANSWERED  # noqa: PT017 - only one of the cases raises
        took = now() - began

    assert took <= 120
    assert len(provider.times) == (1 if seconds < 0 else 2)


@pytest.mark.fault("T05", "T03")
@pytest.mark.parametrize(
    "date",
    [
        "Sat, 31 Dec 2016 23:59:60 GMT",
        "Wed, 01 Jul 2026 12:00:00 -0000",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Wed, 01 Jul 2026 12:00:00 +9999",
        "2026-07-01T12:00:00Z",
        "Wed, 01 Jul 2026",
        "1782907200",
        "\xd9\xa3",
        "garbage" * 1000,
    ],
)
@in_virtual_time
async def test_an_odd_date_harms_no_call(date: str) -> None:
    """It is read or ignored; what follows is as if it had been right."""
    session, _ = session_over(httpx.Response(200, json=[], headers=[(b"date", date.encode("latin-1"))]))
    async with session:
        assert await session.senders.list() == ()
        assert await session.senders.list() == ()


def stop_the_process(seconds: float) -> None:
    """Let time pass in which this process does nothing, as SIGSTOP or a laptop's lid makes it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.now += seconds


def forgetful(known: set[str]) -> Callable[[httpx.Request], Any]:
    """Give a provider that takes only *known* tokens."""

    async def judge(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        return SENDERS if request.headers["authorization"] in known else no(401, {"error_code": 401})

    return judge


@pytest.mark.fault("T02")
@pytest.mark.parametrize("counted", [True, False], ids=["the clock went on", "the clock stood still"])
@in_virtual_time
async def test_after_a_stop_a_dead_token_is_replaced_once(counted: bool) -> None:
    """On many machines the monotonic clock stands still while they sleep: so the token seems good, and is not."""
    known = {"Bearer token-1"}
    session, provider = session_over(forgetful(known), credentials=CREDENTIALS)
    async with session:
        await session.senders.list()
        if counted:
            stop_the_process(TEN_MINUTES)
        known.clear()
        known.add("Bearer token-2")
        await asyncio.gather(*(session.senders.list() for _ in range(30)))

    assert provider.tokens == 2
    assert most_in_any_second(provider.times) <= 10


@pytest.mark.fault("T02")
@pytest.mark.parametrize("at", [0.0, 0.05, 0.5, 1.03, 2.0])
@pytest.mark.parametrize("limit", [10, 3])
@in_virtual_time
async def test_after_a_stop_there_is_no_burst(at: float, limit: int) -> None:
    """However many wait, and whatever was on its way: ten minutes do not add up to six thousand turns."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        return SENDERS

    session, provider = session_over(slow, deadline=None, rate_limit=RateLimit(limit))
    async with session:
        calls = [asyncio.create_task(_list(session)) for _ in range(60)]
        asyncio.get_running_loop().call_later(at, stop_the_process, TEN_MINUTES)
        await asyncio.gather(*calls)

    assert most_in_any_second(provider.times) <= limit
    assert len(provider.times) == 60


async def _list(session: ViberSession) -> None:
    await session.senders.list()


@pytest.mark.fault("T02")
@in_virtual_time
async def test_after_a_stop_deadlines_are_over_and_their_calls_say_what_was_sent() -> None:
    """Those that waited for their turn were not sent; what was on its way may have been processed."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.5)
        return SENDERS

    session, provider = session_over(slow)
    async with session:
        calls = [asyncio.create_task(_list(session)) for _ in range(30)]
        asyncio.get_running_loop().call_later(0.4, stop_the_process, TEN_MINUTES)
        ended = await asyncio.gather(*calls, return_exceptions=True)
        sent = len(provider.times)
        await session.senders.list()

    late = [error for error in ended if isinstance(error, DeadlineExceededError)]
    assert len(late) == sum(error is not None for error in ended)
    assert sum(error.delivery is Delivery.NOT_SENT for error in late) == 30 - sent


@pytest.mark.fault("T02")
@pytest.mark.parametrize("asleep", ["before the create", "while it is under way"])
@in_virtual_time
async def test_a_campaign_that_was_made_after_a_sleep_is_found(wall: Wall, asleep: str) -> None:
    """The provider's time was told before it, and the clock that it is counted on by stood still."""
    made = NOON + timedelta(hours=9)

    async def cut(_: httpx.Request) -> httpx.Response:
        if asleep == "while it is under way":
            wall.jump(9 * HOUR)
        raise httpx.ReadError("cut")

    row = {"id": 7, "name": "t", "sender_id": 1, "message": "m", "message_live_time": 60}
    there = ok([{**row, "created": f"{made:%Y-%m-%d %H:%M:%S}"}], Date=format_datetime(made, usegmt=True))
    session, _ = session_over(ok([], Date=format_datetime(NOON, usegmt=True)), cut, there, ok([]), time_zone=UTC)
    async with session:
        await session.senders.list()
        if asleep == "before the create":
            wall.jump(9 * HOUR)
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(
                task_name="t", sender_id=1, message_live_time=60, message="m", recipients=["380931111111"]
            )
        assert caught.value.handle is not None
        found = await session.campaigns.reconcile(caught.value.handle)

    assert found.verdict is not Verdict.ABSENT_SO_FAR
