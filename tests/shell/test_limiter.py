"""The awaiting side of the rate limit, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from attrs import define, field

from tests.shell.clock import VirtualTimeLoop, in_virtual_time
from viber_async import (
    ConfigurationError,
    Delivery,
    PacedLimiter,
    QueueFullError,
    RateLimit,
    RateStatistics,
    SessionLoopError,
)
from viber_async._limiter import Turn

TEN = RateLimit(10, per=1.0)


def now() -> float:
    return asyncio.get_running_loop().time()


async def pass_through(limiter: PacedLimiter, log: list[float], lane: Any = "interactive", trip: float = 0.02) -> None:
    """Take a turn as a request does: it leaves at once and is answered after *trip*."""
    turn = await limiter.acquire(lane=lane, endpoint="e")
    turn.sent()
    log.append(now())
    await asyncio.sleep(trip)
    turn.end(answered=True)


async def be_refused(limiter: PacedLimiter, seconds: float) -> None:
    """Take a turn and hear that it was too much."""
    await pass_through(limiter, [], trip=0.0)
    limiter.pause(seconds)


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
    return asyncio.get_running_loop().time() + 0.98


INSTANT = 1e-10
"""Less than the loop's resolution: timers this far apart run in one turn of the loop, in order; so do equal ones."""


@pytest.mark.fault("R08")
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
    await asyncio.gather(*(pass_through(limiter, [], "bulk") for _ in range(2)))  # they wait too, but not for as long

    assert (meanwhile.waiting, meanwhile.granted) == ({"interactive": 0, "bulk": 1}, 0)
    assert meanwhile.paused_for == pytest.approx(4.0)
    assert (after.granted, after.paused_for) == (1, 0.0)
    assert (meanwhile.oldest_wait, after.oldest_wait) == (pytest.approx(1.0), 0.0)
    assert (after.waited, after.longest_wait) == (pytest.approx(5.0), pytest.approx(5.0))
    assert limiter.statistics().longest_wait == after.longest_wait < limiter.statistics().waited


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
async def test_an_early_answer_lets_the_next_one_leave_early() -> None:
    """Whoever waited for a slot that was thought to be held for longer is woken sooner."""
    limiter = PacedLimiter(RateLimit(1, per=100.0))
    turn = await limiter.acquire(lane="interactive", endpoint="e")
    turn.sent()
    began = now()
    waiter = asyncio.create_task(limiter.acquire(lane="interactive", endpoint="e"))
    await asyncio.sleep(1)
    turn.end(answered=True)
    await waiter

    assert now() - began == pytest.approx(101.5)


@in_virtual_time
async def test_a_request_that_may_have_left_keeps_its_turn() -> None:
    """A transport that does not tell when bytes leave is not trusted to have sent nothing."""
    limiter = PacedLimiter(RateLimit(1, per=100.0))
    turn = await limiter.acquire(lane="interactive", endpoint="e")
    turn.end(answered=False, untold=True)
    began = asyncio.get_running_loop().time()
    await limiter.acquire(lane="interactive", endpoint="e")

    assert asyncio.get_running_loop().time() - began >= 100.0


@in_virtual_time
async def test_a_refusal_halves_the_rate_and_work_regains_it() -> None:
    """Five a second from then on, a little more with every second of work, and the whole ten after fifty."""
    limiter, log = PacedLimiter(TEN), []
    await be_refused(limiter, 1.0)
    began = now()
    rates = [limiter.statistics().rate]
    callers = [asyncio.create_task(pass_through(limiter, log, "bulk")) for _ in range(600)]
    for _ in range(6):
        await asyncio.sleep(10)
        rates.append(round(limiter.statistics().rate, 1))
    await asyncio.gather(*callers)

    assert rates == [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 10.0]
    in_each_second = [sum(began + i <= moment < began + i + 1 for moment in log) for i in range(60)]
    assert in_each_second[0] == 0
    assert all(4 <= some <= 7 for some in in_each_second[1:10])
    assert all(9 <= some <= 10 for some in in_each_second[52:])


@in_virtual_time
async def test_those_who_were_refused_together_halve_the_rate_once() -> None:
    """Ten were under way when the first of them was refused."""
    limiter = PacedLimiter(TEN)
    turns = [await limiter.acquire(lane="interactive", endpoint="e") for _ in range(10)]
    for turn in turns:
        turn.sent()
    for turn in turns:
        await asyncio.sleep(0.3)
        turn.end(answered=True)
        limiter.pause(0.1)

    assert limiter.statistics().rate == 5.0
    assert limiter.statistics().pauses == 10  # the pause was over each time

    await be_refused(limiter, 0.1)
    assert limiter.statistics().rate == pytest.approx(2.5, abs=0.1)


@in_virtual_time
async def test_an_interactive_call_waits_one_slot_at_most_at_half_the_rate_too() -> None:
    """A slot is a fifth of a second then."""
    limiter, log = PacedLimiter(TEN), []
    await be_refused(limiter, 0.5)
    bulk = [asyncio.create_task(pass_through(limiter, [], "bulk")) for _ in range(150)]
    await asyncio.sleep(2)
    waits = []
    for _ in range(10):
        await asyncio.sleep(0.777)
        began = now()
        await pass_through(limiter, log)
        waits.append(log[-1] - began)
    await asyncio.gather(*bulk)

    assert 0.12 <= max(waits) <= 0.25


@in_virtual_time
async def test_those_who_were_refused_come_again_in_order() -> None:
    """After the pause, and before those who had no turn yet."""
    limiter, order = PacedLimiter(TEN), []

    async def caller(name: str, *, again: bool) -> None:
        turn = await limiter.acquire(lane="interactive", endpoint="e", again=again)
        order.append(name)
        turn.end(answered=True)

    limiter.pause(1.0)
    await asyncio.gather(*(caller(name, again=False) for name in "abc"), *(caller(name, again=True) for name in "xyz"))

    assert order == ["x", "y", "z", "a", "b", "c"]


@pytest.mark.fault("R07")
@in_virtual_time
async def test_more_than_the_queue_holds_are_told_at_once() -> None:
    """Of five hundred, ten leave, three hundred wait and are served in order; the rest hear that nothing was sent."""
    limiter, order, log = PacedLimiter(TEN, queue=300), [], []
    began = now()

    async def caller(number: int) -> float:
        turn = await limiter.acquire(lane="interactive", endpoint="e")
        order.append(number)
        turn.sent()
        log.append(now())
        turn.end(answered=True)
        return now()

    ended = await asyncio.gather(*(caller(number) for number in range(500)), return_exceptions=True)
    refused = [error for error in ended if isinstance(error, QueueFullError)]

    assert order == list(range(310))
    assert most_in_any_second(log) == 10
    assert limiter.statistics().turned_away == len(refused) == 190
    assert {(error.delivery, error.lane, error.waiting) for error in refused} == {
        (Delivery.NOT_SENT, "interactive", 300)
    }
    assert ended[:10] == [began] * 10


@in_virtual_time
async def test_a_full_lane_leaves_the_other_one_open() -> None:
    """Bulk work that fills its queue turns no person away, nor whoever had a turn and was refused."""
    limiter = PacedLimiter(TEN, queue=2)
    limiter.pause(1.0)
    waiting = [asyncio.create_task(pass_through(limiter, [], "bulk")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError, match="2 wait in the lane 'bulk' already") as caught:
        await limiter.acquire(lane="bulk", endpoint="e")
    person = await limiter.acquire(lane="interactive", endpoint="e")
    again = await limiter.acquire(lane="bulk", endpoint="e", again=True)
    await asyncio.gather(*waiting)

    assert "nothing was sent. Turns come at 10 in 1 s; ask for less at once, or try later" in str(caught.value)
    assert person is not again


@in_virtual_time
async def test_a_cancelled_waiter_makes_room_in_the_queue() -> None:
    """The next one may wait in its place."""
    limiter, log = PacedLimiter(TEN, queue=1), []
    limiter.pause(1.0)
    first = asyncio.create_task(pass_through(limiter, log))
    await asyncio.sleep(0.1)
    first.cancel()
    await asyncio.wait([first])
    await pass_through(limiter, log)

    assert len(log) == 1


@in_virtual_time
async def test_without_a_queue_there_is_a_turn_at_once_or_none() -> None:
    """For a gateway that would rather shed load."""
    limiter = PacedLimiter(RateLimit(2), queue=0)
    for _ in range(2):
        await limiter.acquire(lane="interactive", endpoint="e")
    with pytest.raises(QueueFullError):
        await limiter.acquire(lane="interactive", endpoint="e")

    assert limiter.statistics().granted == 2


@pytest.mark.parametrize("queue", [-1, True, 1.0, "10", None])
def test_a_queue_is_a_number_of_callers(queue: Any) -> None:
    """Anything else is refused by name."""
    with pytest.raises(ConfigurationError, match="queue: must be an int of at least 0; got "):
        PacedLimiter(TEN, queue=queue)


def test_figures_of_other_limiters_need_no_more_than_before() -> None:
    """What was added later has a value that says nothing."""
    figures = RateStatistics(
        limit=TEN, granted=1, waiting={"interactive": 0, "bulk": 0}, pauses=0, paused_for=0.0, waited=0.0
    )

    assert (figures.rate, figures.turned_away, figures.oldest_wait, figures.longest_wait) == (10.0, 0, 0.0, 0.0)


@in_virtual_time
async def test_a_limiter_tells_its_state_to_whoever_debugs_at_night() -> None:
    """Allowance and rate, who waits, and for how long nobody may leave."""
    limiter = PacedLimiter(TEN)
    assert repr(limiter) == "<PacedLimiter 10 in 1 s, now 10; waiting: 0 interactive, 0 bulk>"

    await be_refused(limiter, 3.0)
    task = asyncio.create_task(pass_through(limiter, [], "bulk"))
    await asyncio.sleep(1)
    assert repr(limiter) == "<PacedLimiter 10 in 1 s, now 5; waiting: 0 interactive, 1 bulk, paused for 2.0 s>"
    await task


@pytest.mark.fault("R08")
@in_virtual_time
async def test_waiters_that_are_cancelled_change_nothing_for_the_others() -> None:
    """Those behind them leave at the very moments at which they would have left without them: nothing drifts."""

    async def moments(cancelled: int) -> list[float]:
        limiter, log = PacedLimiter(TEN), []
        began = now()
        doomed = [asyncio.create_task(pass_through(limiter, [])) for _ in range(10 + cancelled)][10:]
        await asyncio.sleep(0)
        others = [asyncio.create_task(pass_through(limiter, log)) for _ in range(40)]
        await asyncio.sleep(0.5)
        for task in doomed:
            task.cancel()
        await asyncio.gather(*others)
        assert limiter.statistics().waiting == {"interactive": 0, "bulk": 0}
        return [round(moment - began, 6) for moment in log]

    without = await moments(0)

    assert await moments(200) == without


@define(eq=False)
class Crowd:
    """Callers at random moments in both lanes; they are answered, refused, lost, or cancelled at random moments."""

    chance: random.Random
    limiter: PacedLimiter = field(factory=lambda: PacedLimiter(TEN))
    left: list[float] = field(factory=list)
    served: dict[str, list[int]] = field(factory=lambda: {"interactive": [], "bulk": []})

    async def caller(self, number: int, lane: Any) -> None:
        turn = await self.limiter.acquire(lane=lane, endpoint="e")
        self.served[lane].append(number)
        sent = answered = False
        try:
            if self.chance.random() < 0.2:
                await asyncio.sleep(self.chance.uniform(0, 0.3))  # it waits for a connection
            turn.sent()
            sent = True
            self.left.append(now())
            await asyncio.sleep(self.chance.uniform(0, 0.2))
            answered = self.chance.random() < 0.9
        finally:
            turn.end(answered=answered)
            assert sent or not answered
        if answered and self.chance.random() < 0.05:
            self.limiter.pause(self.chance.uniform(0.0, 0.5))

    async def run(self, callers: int) -> list[asyncio.Task[None]]:
        tasks = []
        for number in range(callers):
            tasks.append(asyncio.create_task(self.caller(number, self.chance.choice(["interactive", "bulk"]))))
            if self.chance.random() < 0.3:
                for _ in range(2):
                    asyncio.get_running_loop().call_later(self.chance.uniform(0, 3), self.chance.choice(tasks).cancel)
            if self.chance.random() < 0.2:
                await asyncio.sleep(self.chance.uniform(0, 0.5))
        await asyncio.wait(tasks)
        return tasks


@pytest.mark.parametrize("seed", range(40))
@in_virtual_time
async def test_cancels_at_random_moments_lose_no_turn_and_keep_the_order(seed: int) -> None:
    """Everybody else is served, first come first served in each lane; in the end every turn of the rate is there."""
    crowd = Crowd(random.Random(seed))
    tasks = await crowd.run(100)

    assert all(task.cancelled() or task.exception() is None for task in tasks)
    assert all(numbers == sorted(numbers) for numbers in crowd.served.values())
    assert most_in_any_second(crowd.left) <= 10

    await asyncio.sleep(30)
    figures = crowd.limiter.statistics()
    assert (figures.waiting, figures.paused_for) == ({"interactive": 0, "bulk": 0}, 0.0)
    before = now()
    for _ in range(-int(-figures.rate // 1)):
        await crowd.limiter.acquire(lane="interactive", endpoint="e")
    assert now() == before


@pytest.mark.fault("T02")
@in_virtual_time
async def test_a_process_that_stood_still_does_not_catch_up() -> None:
    """Ten minutes later those who wait leave one by one; and so it is in a pause and at half the rate."""
    for refused in (False, True):
        limiter, log = PacedLimiter(TEN), []
        if refused:
            await be_refused(limiter, 100.0)
        tasks = [asyncio.create_task(pass_through(limiter, log, trip=0.05)) for _ in range(100)]
        await asyncio.sleep(0.777)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.now += 600  # it is stopped, and continued
        continued = now()
        await asyncio.gather(*tasks)

        afterwards = [moment for moment in log if moment >= continued]
        assert most_in_any_second(log) <= 10
        assert afterwards[1] - afterwards[0] == pytest.approx(0.196 if refused else 0.098, rel=0.05)
        assert afterwards[-1] - continued >= (14.0 if refused else 8.0)


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
