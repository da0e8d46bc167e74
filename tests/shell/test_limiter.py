"""The awaiting side of the rate limit, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.shell.clock import VirtualTimeLoop, in_virtual_time
from viber_async import PacedLimiter, RateLimit, SessionLoopError
from viber_async._limiter import Turn

TEN = RateLimit(10, per=1.0)


async def pass_through(limiter: PacedLimiter, log: list[float], lane: str = "interactive", trip: float = 0.02) -> None:
    """Take a turn as a request does: it leaves at once and is answered after *trip*."""
    turn = await limiter.acquire(lane=lane, endpoint="e")  # type: ignore[arg-type]
    turn.sent()
    log.append(asyncio.get_running_loop().time())
    await asyncio.sleep(trip)
    turn.end(answered=True)


def most_in_any_second(log: list[float]) -> int:
    return max(sum(start <= t < start + 1.0 for t in log) for start in log)


@in_virtual_time
async def test_five_hundred_callers_never_exceed_the_limit_and_hardly_waste_it() -> None:
    """In no rolling second do more than ten leave, and nearly all of the allowance is used."""
    limiter, log = PacedLimiter(TEN), []
    await asyncio.gather(*(pass_through(limiter, log) for _ in range(500)))

    assert most_in_any_second(log) == 10
    assert 49.0 <= log[-1] - log[0] <= 51.5


@in_virtual_time
async def test_a_lane_is_served_in_order() -> None:
    """First come, first served."""
    limiter, order = PacedLimiter(TEN), []

    async def caller(number: int) -> None:
        turn = await limiter.acquire(lane="interactive", endpoint="e")
        turn.sent()
        order.append(number)
        turn.end(answered=True)

    await asyncio.gather(*(caller(n) for n in range(60)))

    assert order == list(range(60))


@in_virtual_time
async def test_an_interactive_call_waits_one_slot_at_most_behind_bulk_work() -> None:
    """While bulk work fills the account, a person's call gets the very next turn."""
    limiter, log = PacedLimiter(TEN), []
    bulk = [asyncio.create_task(pass_through(limiter, [], "bulk")) for _ in range(300)]
    waits = []
    for _ in range(20):
        await asyncio.sleep(0.777)
        began = asyncio.get_running_loop().time()
        await pass_through(limiter, log)
        waits.append(log[-1] - began)
    await asyncio.gather(*bulk)

    assert max(waits) <= 0.12


@in_virtual_time
async def test_interactive_calls_never_starve_bulk_work() -> None:
    """However many interactive callers wait, bulk work gets every tenth turn."""
    limiter, log = PacedLimiter(TEN), []
    done: Counter[str] = Counter()

    async def caller(lane: str) -> None:
        await pass_through(limiter, log, lane)
        done[lane] += 1

    tasks = [asyncio.create_task(caller("interactive")) for _ in range(400)]
    tasks += [asyncio.create_task(caller("bulk")) for _ in range(50)]
    await asyncio.sleep(20)
    bulk = done["bulk"]
    await asyncio.gather(*tasks)

    assert 15 <= bulk <= 25


@in_virtual_time
async def test_a_cancelled_waiter_gives_its_place_away() -> None:
    """Cancelling every second of those who wait makes the others come earlier, and costs no turn."""
    limiter, log = PacedLimiter(TEN), []
    tasks = [asyncio.create_task(pass_through(limiter, log)) for _ in range(100)]
    await asyncio.sleep(0.5)
    for task in tasks[1::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert len(log) == sum(not t.cancelled() for t in tasks)
    assert log[-1] - log[0] < 6.0
    assert limiter.statistics().waiting == {"interactive": 0, "bulk": 0}


async def one_in_front(limiter: PacedLimiter) -> float:
    """Take the only turn and give it back; give the moment at which the next one is due."""
    turn = await limiter.acquire(lane="interactive", endpoint="e")
    turn.end(answered=False)
    return asyncio.get_running_loop().time() + 0.9


INSTANT = 1e-10
"""Less than the loop's resolution: timers this far apart run in one turn of the loop, in order; so do equal ones."""


@in_virtual_time
async def test_a_turn_that_comes_in_the_instant_of_a_cancel_is_given_back() -> None:
    """Nothing is lost when a waiter is served and cancelled before it runs again."""
    limiter = PacedLimiter(RateLimit(1, per=1.0))
    due = await one_in_front(limiter)
    waiter = asyncio.create_task(limiter.acquire(lane="bulk", endpoint="e"))
    asyncio.get_running_loop().call_at(due + INSTANT, waiter.cancel)
    await asyncio.wait([waiter])

    assert waiter.cancelled()
    assert limiter.statistics().granted == 0
    assert isinstance(await limiter.acquire(lane="bulk", endpoint="e"), object)


@in_virtual_time
async def test_a_waiter_cancelled_in_the_instant_of_its_turn_is_passed_over() -> None:
    """A waiter that is cancelled but has not run yet does not swallow the turn of the next one."""
    limiter = PacedLimiter(RateLimit(1, per=1.0))
    due = await one_in_front(limiter)
    cancelled = asyncio.create_task(limiter.acquire(lane="bulk", endpoint="e"))
    patient = asyncio.create_task(limiter.acquire(lane="bulk", endpoint="e"))
    asyncio.get_running_loop().call_at(due, cancelled.cancel)
    await patient

    assert cancelled.cancelled()
    assert asyncio.get_running_loop().time() == pytest.approx(due)


@in_virtual_time
async def test_only_cancelled_waiters_leave_the_queue_empty() -> None:
    """When all who wait are cancelled at once, the timer finds nobody and the next caller is served."""
    limiter = PacedLimiter(RateLimit(1, per=1.0))
    due = await one_in_front(limiter)
    lost = asyncio.create_task(limiter.acquire(lane="bulk", endpoint="e"))
    asyncio.get_running_loop().call_at(due, lost.cancel)
    await asyncio.wait([lost])
    await limiter.acquire(lane="bulk", endpoint="e")

    assert limiter.statistics().granted == 1


@in_virtual_time
async def test_a_pause_holds_everybody_back_once() -> None:
    """Two refusals at the same time pause once, until the later of their moments; a later one pauses again."""
    limiter, log = PacedLimiter(TEN), []
    began = asyncio.get_running_loop().time()
    limiter.pause(3.0)
    limiter.pause(2.0)
    await asyncio.gather(*(pass_through(limiter, log) for _ in range(3)))

    limiter.pause(1.0)

    assert log[0] - began == pytest.approx(3.0, abs=0.01)
    assert limiter.statistics().pauses == 2


@in_virtual_time
async def test_statistics_tell_what_the_limit_does() -> None:
    """Who waits, for how long nobody may leave, and what was granted."""
    limiter = PacedLimiter(TEN)
    assert limiter.statistics().paused_for == 0.0
    limiter.pause(5.0)
    task = asyncio.create_task(pass_through(limiter, [], "bulk"))
    await asyncio.sleep(1)
    meanwhile = limiter.statistics()
    await task
    after = limiter.statistics()

    assert (meanwhile.waiting, meanwhile.granted) == ({"interactive": 0, "bulk": 1}, 0)
    assert meanwhile.paused_for == pytest.approx(4.0)
    assert (after.granted, after.paused_for) == (1, 0.0)
    assert after.waited == pytest.approx(5.0)


@in_virtual_time
async def test_a_request_that_never_left_costs_no_turn() -> None:
    """A turn given back can be taken at once."""
    limiter = PacedLimiter(RateLimit(1, per=100.0))
    for _ in range(5):
        turn: Turn = await limiter.acquire(lane="interactive", endpoint="e")
        turn.end(answered=False)

    assert asyncio.get_running_loop().time() - 1000.0 < 1000
    assert limiter.statistics().granted == 0


@in_virtual_time
async def test_a_request_that_may_have_left_keeps_its_turn() -> None:
    """A transport that does not tell when bytes leave is not trusted to have sent nothing."""
    limiter = PacedLimiter(RateLimit(1, per=100.0))
    turn = await limiter.acquire(lane="interactive", endpoint="e")
    turn.end(answered=False, untold=True)
    began = asyncio.get_running_loop().time()
    await limiter.acquire(lane="interactive", endpoint="e")

    assert asyncio.get_running_loop().time() - began >= 100.0


def test_a_limiter_belongs_to_one_loop() -> None:
    """Timers and futures of one loop do not wake anybody in another."""
    limiter = PacedLimiter(TEN)
    for expected in (None, SessionLoopError):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            if expected is None:
                runner.run(pass_through(limiter, []))
            else:
                with pytest.raises(expected, match="another event loop"):
                    runner.run(pass_through(limiter, []))
