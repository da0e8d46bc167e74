"""An allowance that a fleet shares through a real Redis server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.fleet.conftest import RedisServer
from viber_async import (
    ApiKey,
    ConfigurationError,
    Delivery,
    QueueFullError,
    RateLimit,
    SessionLoopError,
    TransportError,
    ViberSession,
)
from viber_async._limiter import Turn
from viber_async._sansio import lateness as foretelling
from viber_async.redis import RedisRateLimiter
from viber_async.redis import _limiter as module
from viber_async.redis import _server as server
from viber_async.redis._script import TAKE

KEY = "viber_async:{shop}:rate"
FAST = RateLimit(100, per=1.0)
"""A turn every ten milliseconds, so that no test takes long."""
PATIENT = RateLimit(6000, per=60.0)
"""As quick; but what comes late is measured by the period, and a turn is not let go for it."""
PER = 1_000_000
"""Microseconds."""


def a_limiter(client: Redis, limit: RateLimit = FAST, **settings: Any) -> RedisRateLimiter:
    return RedisRateLimiter(client, "shop", limit, **settings)


async def turn_of(limiter: RedisRateLimiter, lane: Any = "bulk", *, sent: bool = True) -> Turn:
    turn = await limiter.acquire(lane=lane, endpoint="GET x")
    if sent:
        turn.sent()
        turn.end(answered=True)
    return turn


async def until(true: Callable[[], bool]) -> None:
    """Let everybody else go on until something is *true*."""
    while not true():  # noqa: ASYNC110 - nobody tells of what is looked for here
        await asyncio.sleep(0)


# The script, which decides.


async def take(
    client: Redis, *, told: int = 0, excess: int = 0, pause: int = 0, refused: bool = False, wanted: bool = True
) -> tuple[int, int, float]:
    said = await client.eval(TAKE, 1, KEY, 10, PER, 20_000, told, excess, pause, int(refused), int(wanted))
    return int(said[0]), int(said[1]), float(said[2])


async def kept(client: Redis, name: str) -> float:
    return float(await client.hget(KEY, name))


async def steps(client: Redis, count: int, **said: Any) -> list[float]:
    """How far apart *count* turns are that are asked for at once, the first ones first."""
    await take(client, **said)
    found = []
    for _ in range(count):
        before = await kept(client, "next")
        await take(client, **said)
        found.append(await kept(client, "next") - before)
    return found


async def test_turns_are_as_far_apart_as_the_allowance_wants(client: Redis) -> None:
    """Ten in a second, and a fiftieth of it is kept free: eleven of them never stand in one second."""
    assert await steps(client, 12) == [102_000] * 12


async def test_what_comes_late_is_given_room_for_as_long_as_it_can_do_harm(client: Redis) -> None:
    """Ten turns behind a late one stand further apart; then the distance shrinks again."""
    await take(client, told=80_000)

    found = await steps(client, 14)

    assert found[:9] == [110_000] * 9  # with the one that steps() takes first, ten behind the late one
    assert found[9:] == sorted(found[9:], reverse=True)
    assert 102_000 <= found[-1] < 106_000


async def test_what_came_later_than_anybody_knew_moves_those_behind_it(client: Redis) -> None:
    """It is told with the next turn."""
    await take(client)
    before = await kept(client, "next")

    wait, _, _ = await take(client, excess=50_000)

    assert wait > 140_000
    assert await kept(client, "next") == before + 50_000 + 102_000


async def test_nothing_is_saved_up_while_nobody_comes(client: Redis) -> None:
    """After a silence there is one turn at once, and the next one is a step behind it."""
    await take(client)
    now = time.time() * 1e6
    await client.hset(KEY, "next", int(now) - 3600 * PER)

    first, _, _ = await take(client)
    after = await kept(client, "next")
    second, _, _ = await take(client)

    assert first == 0
    assert after >= now + 102_000 - 1
    assert second <= 102_000
    assert await kept(client, "next") >= after + 102_000


async def test_a_clock_that_is_set_back_holds_nobody_up(client: Redis) -> None:
    """What was agreed for later moves with the clock, the pause included."""
    now = int(time.time() * 1e6)
    hour = 3600 * PER
    await client.hset(
        KEY,
        mapping={"at": now + hour, "next": now + hour + 50_000, "paused": now + hour + 70_000, "halved": now + hour},
    )

    wait, paused, _ = await take(client)

    assert wait <= 70_000
    assert paused <= 70_000
    assert await kept(client, "next") < now + PER


async def test_a_pause_is_for_everybody_and_never_shortened(client: Redis) -> None:
    """Of two pauses the longer one counts."""
    await take(client, pause=2 * PER, wanted=False)
    await take(client, pause=PER, wanted=False)

    wait, paused, _ = await take(client)

    assert 1_900_000 < wait <= 2 * PER
    assert 1_900_000 < paused <= 2 * PER


async def test_a_refusal_halves_the_rate_and_work_regains_it(client: Redis) -> None:
    """Refusals of one moment halve it once; each turn after that brings back a hundredth of the allowance."""
    await take(client, pause=1, refused=True, wanted=False)
    await take(client, pause=1, refused=True, wanted=False)
    assert await kept(client, "part") == 0.5

    found = await steps(client, 3)

    assert found[0] == pytest.approx(102_000 / 0.51, abs=1)
    assert found == sorted(found, reverse=True)
    assert await kept(client, "part") == pytest.approx(0.54)


async def test_the_rate_is_never_nought_and_never_more_than_the_allowance(client: Redis) -> None:
    """A twentieth is left after any number of refusals, and the whole is the whole."""
    for _ in range(9):
        await take(client, refused=True, wanted=False)
        await client.hset(KEY, "halved", 0)
    assert await kept(client, "part") == 0.05

    await client.hset(KEY, "part", "0.995")
    await take(client)
    await take(client)
    assert await kept(client, "part") == 1


async def test_what_is_kept_goes_away_by_itself(client: Redis) -> None:
    """An account that nobody uses any more leaves nothing behind; a pause lasts as long as it has to."""
    await take(client)
    assert 50_000 < await client.pttl(KEY) < 70_000

    await take(client, pause=1000 * PER, wanted=False)
    assert await client.pttl(KEY) > 1_000_000


# The limiter, which waits.


async def test_two_limiters_share_one_allowance(client: Redis) -> None:
    """Twenty turns take what twenty turns take, whoever wants them; each gets its half."""
    began = time.monotonic()
    one, two = a_limiter(client), a_limiter(client)

    await asyncio.gather(*(turn_of(limiter) for limiter in (one, two) for _ in range(10)))

    assert time.monotonic() - began >= 19 * 0.01
    assert (one.statistics().granted, two.statistics().granted) == (10, 10)


async def test_turns_go_round(client: Redis) -> None:
    """Of two that always want one, neither gets two in a row for long."""
    order: list[str] = []

    async def work(name: str, limiter: RedisRateLimiter) -> None:
        for _ in range(10):
            await turn_of(limiter)
            order.append(name)

    await asyncio.gather(work("a", a_limiter(client)), work("b", a_limiter(client)))

    assert sorted(order[2:12]).count("a") in range(4, 7)


async def test_a_turn_goes_to_the_interactive_lane_first(client: Redis) -> None:
    """Whoever waits when it comes, not whoever waited when it was asked for."""
    limiter = a_limiter(client)
    order: list[str] = []

    async def work(lane: str) -> None:
        await turn_of(limiter, lane)
        order.append(lane)

    await asyncio.gather(work("bulk"), work("bulk"), work("bulk"), work("interactive"))

    assert order[0] == "interactive"


async def test_an_acquire_is_one_word_with_redis(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, if this machine is not too late for any of them."""
    monkeypatch.setattr(module._Moment, "late", lambda _moment, _now: 0.0)
    limiter = a_limiter(client)
    await turn_of(limiter)
    before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]

    await asyncio.gather(*(turn_of(limiter) for _ in range(10)))

    assert (await client.info("commandstats"))["cmdstat_evalsha"]["calls"] - before == 10


async def test_a_pause_reaches_the_others(client: Redis) -> None:
    """Whoever is refused tells everybody; all go on at half the rate."""
    one, two = a_limiter(client), a_limiter(client)
    await asyncio.gather(turn_of(one), turn_of(two))
    began = time.monotonic()

    one.pause(0.3)
    one.pause(0.2)
    await asyncio.gather(turn_of(one), turn_of(two))

    assert time.monotonic() - began >= 0.3
    assert one.statistics().pauses == 1
    assert two.statistics().rate == pytest.approx(52, abs=3)


async def test_a_turn_that_comes_into_a_pause_is_let_go(client: Redis) -> None:
    """A refusal between the asking and the turn counts for it too."""
    limiter = a_limiter(client, RateLimit(5))
    await turn_of(limiter)
    waiting = asyncio.ensure_future(turn_of(limiter))
    await until(lambda: limiter._idle)
    began = time.monotonic()

    limiter.pause(0.4)
    await waiting

    assert time.monotonic() - began >= 0.4


async def test_a_turn_that_is_come_to_too_late_is_let_go(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was suspended does not use together what it was given one by one."""
    limiter = a_limiter(client)
    for _ in range(foretelling.UNTAUGHT):
        await turn_of(limiter)
    asked = []
    real = limiter._asked

    async def watched(now: float) -> Any:
        moment = await real(now)
        asked.append(moment)
        if len(asked) == 1:
            moment.at -= 5.0
        return moment

    late = module._Moment.late
    monkeypatch.setattr(module._Moment, "late", lambda each, now: late(each, now) if each is asked[0] else 0.0)
    monkeypatch.setattr(limiter, "_asked", watched)
    await turn_of(limiter)

    assert len(asked) == 2
    assert limiter.lateness.told < limiter.lateness.most  # it says nothing about the next one


async def test_a_lucky_answer_of_redis_is_forgotten(client: Redis) -> None:
    """Compared with it every later one looks slow, and every turn would have to be let go for ever."""
    limiter = a_limiter(client)
    for _ in range(foretelling.UNTAUGHT):
        await turn_of(limiter)
    limiter._answers.append(-5.0)

    await turn_of(limiter)

    assert limiter.statistics().granted == foretelling.UNTAUGHT + 1
    assert min(limiter._answers) > 0


async def test_a_process_that_was_suspended_is_not_late_for_good(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer lay there for five seconds, unread; that says nothing of when the request arrived."""
    limiter = a_limiter(client, RateLimit(5))
    for _ in range(foretelling.UNTAUGHT):
        await turn_of(limiter)
    turn = await turn_of(limiter, sent=False)
    turn.sent()
    waiting = asyncio.ensure_future(turn_of(limiter))
    await until(lambda: limiter._idle)
    told, excess = limiter.lateness.told, limiter.lateness.excess
    loop = asyncio.get_running_loop()

    monkeypatch.setattr(limiter, "now", lambda: loop.time() + 5.0)
    turn.end(answered=True)
    monkeypatch.undo()
    await waiting

    assert limiter.lateness.excess == excess
    assert limiter.lateness.told <= told + 0.1


async def test_what_was_late_is_told(client: Redis) -> None:
    """A request that left long after its turn, or whose answer was slow, moves those behind it, once."""
    limiter = a_limiter(client)
    for _ in range(foretelling.REMEMBERED):
        await turn_of(limiter)
    turn = await turn_of(limiter, sent=False)
    limiter.lateness.excess = 0.0
    turn._moment.at -= 0.1

    turn.sent()
    once = limiter.lateness.excess
    turn.end(answered=True)

    assert 0.05 < once <= 0.12
    assert limiter.lateness.excess <= once + 0.05
    assert limiter.lateness.told >= 0.1


@pytest.mark.parametrize(
    ("sent", "answered", "untold", "counts"),
    [(False, False, False, False), (False, True, False, True), (False, False, True, True), (True, False, False, True)],
)
async def test_what_never_left_teaches_nothing(
    client: Redis, sent: bool, answered: bool, untold: bool, counts: bool
) -> None:
    """What may have left counts as having left as late as possible."""
    limiter = a_limiter(client)
    turn = await turn_of(limiter, sent=False)

    if sent:
        turn.sent()
    turn.end(answered=answered, untold=untold)

    assert (limiter.lateness._requests > 0) is counts


async def test_a_cancelled_caller_leaves_its_turn_to_the_next(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits longer because of it: no other turn is asked for."""
    monkeypatch.setattr(module._Moment, "late", lambda _moment, _now: 0.0)
    limiter = a_limiter(client, RateLimit(5))
    await turn_of(limiter)
    first = asyncio.ensure_future(turn_of(limiter))
    second = asyncio.ensure_future(turn_of(limiter))
    await until(lambda: limiter._idle)
    before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]

    first.cancel()
    await second

    assert (await client.info("commandstats"))["cmdstat_evalsha"]["calls"] == before
    assert limiter.statistics().granted == 2


async def test_when_nobody_waits_any_more_nothing_is_left_behind(client: Redis) -> None:
    """No task waits for a turn that nobody wants."""
    limiter = a_limiter(client, RateLimit(1))
    await turn_of(limiter)
    waiting = asyncio.ensure_future(turn_of(limiter))
    await until(lambda: limiter._idle)
    serving = limiter._serving
    assert serving is not None

    waiting.cancel()
    await asyncio.wait([waiting, serving])

    assert limiter._serving is None
    assert sum(limiter.statistics().waiting.values()) == 0


async def test_who_comes_as_the_last_one_gives_up_is_served(client: Redis) -> None:
    """Nobody hands out turns any more in that instant, and somebody begins to again."""
    limiter = a_limiter(client)
    limiter.pause(0.5)
    first = asyncio.create_task(turn_of(limiter))
    await until(lambda: limiter._idle)

    first.cancel()
    second = asyncio.create_task(turn_of(limiter))  # steps in right behind it
    await asyncio.wait([first])

    await asyncio.wait_for(second, 60)
    assert limiter.statistics().granted == 1


async def test_a_turn_that_comes_with_the_cancellation_is_not_counted(client: Redis) -> None:
    """It is nobody's."""
    limiter = a_limiter(client)
    await turn_of(limiter)
    waiting = asyncio.ensure_future(limiter.acquire(lane="bulk", endpoint="GET x"))
    await until(lambda: limiter._granted == 2)

    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert limiter.statistics().granted == 1


async def test_a_turn_that_nobody_takes_is_let_go(client: Redis) -> None:
    """The one who waited was cancelled in the instant in which it came."""
    limiter = a_limiter(client, RateLimit(2))  # so slow that it is waited for on the busiest machine
    await turn_of(limiter)
    waiting = asyncio.ensure_future(turn_of(limiter))
    await until(lambda: limiter._idle)
    real = limiter._came

    async def came_with_a_cancellation(moment: Any) -> bool:
        said = await real(moment)
        waiting.cancel()
        return said

    limiter._came = came_with_a_cancellation  # type: ignore[method-assign]
    waiting.cancel()
    await asyncio.wait([waiting])
    waiting = asyncio.ensure_future(turn_of(limiter))
    await asyncio.wait([waiting])
    await until(lambda: limiter._serving is None)

    assert limiter.statistics().granted == 1


async def test_a_full_queue_turns_callers_away(client: Redis) -> None:
    """At once, with how fast it goes on; whoever comes again is let in."""
    limiter = a_limiter(client, queue=1)
    waiting = asyncio.ensure_future(turn_of(limiter))
    await asyncio.sleep(0)

    with pytest.raises(QueueFullError, match="for all processes together"):
        await turn_of(limiter)
    await limiter.acquire(lane="bulk", endpoint="GET x", again=True)
    await waiting

    assert limiter.statistics().turned_away == 1


async def test_a_limiter_says_how_it_stands(client: Redis) -> None:
    """In figures and in its repr, before its first call too."""
    limiter = a_limiter(client)
    new = limiter.statistics()
    await turn_of(limiter)
    figures = limiter.statistics()

    assert (new.limit, new.rate, new.granted, new.kept_by) == (FAST, 100.0, 0, "redis")
    assert (figures.granted, figures.kept_by, figures.paused_for) == (1, "redis", 0.0)
    assert repr(limiter) == f"<RedisRateLimiter {KEY}, kept by redis, 0 waiting>"


@pytest.mark.parametrize(
    "settings",
    [
        {"limit": 10},
        {"account": "a b"},
        {"fail": "own"},
        {"fail": "share"},
        {"share": RateLimit(1)},
        {"fail": "share", "share": 1},
        {"fail": "share", "share": RateLimit(101)},
        {"queue": -1},
        {"queue": True},
    ],
    ids=str,
)
def test_a_limiter_that_cannot_work_is_refused_when_it_is_made(settings: dict[str, Any]) -> None:
    """A share that is larger than the whole is none."""
    arguments = {"account": "shop", "limit": FAST} | settings

    with pytest.raises(ConfigurationError):
        RedisRateLimiter(Redis(), **arguments)


def test_a_limiter_belongs_to_one_loop() -> None:
    """Each loop makes its own, on the same account."""
    limiter = a_limiter(Redis(), queue=0)

    async def use() -> None:
        with pytest.raises(QueueFullError):
            await turn_of(limiter)
        limiter.now()

    asyncio.run(use())

    with pytest.raises(SessionLoopError, match="one per loop"):
        asyncio.run(use())


async def test_a_session_waits_in_it(client: Redis) -> None:
    """Handed in like any other, and seen in its figures."""
    async with ViberSession(ApiKey("k"), rate_limiter=a_limiter(client)) as session:
        assert session.statistics().rate.kept_by == "redis"


# Redis is away.


async def test_without_redis_nothing_is_sent(own_server: RedisServer, own_client: Redis) -> None:
    """Unless a share was declared: everybody who waits is told, and may try again."""
    own_server.stop()
    limiter = a_limiter(own_client)

    failed = await asyncio.gather(turn_of(limiter), turn_of(limiter), return_exceptions=True)

    assert [type(error) for error in failed] == [TransportError, TransportError]
    assert {error.delivery for error in failed if isinstance(error, TransportError)} == {Delivery.NOT_SENT}
    assert limiter.statistics().kept_by == "nobody"


async def test_redis_is_found_again(
    own_server: RedisServer, own_client: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By whoever asks for a turn after a while; everybody is quiet for a moment then."""
    monkeypatch.setattr(module, "LOOK_AGAIN", 0.0)
    monkeypatch.setattr(module, "QUIET", 0.2)
    own_server.stop()
    limiter = a_limiter(own_client)
    with pytest.raises(TransportError):
        await turn_of(limiter)
    with pytest.raises(TransportError):  # looks, and finds nothing
        await turn_of(limiter)
    while limiter._looking is not None:
        await asyncio.wait([limiter._looking])
    own_server.start()
    with pytest.raises(TransportError):  # looks again
        await turn_of(limiter)
    while limiter._looking is not None:
        await asyncio.wait([limiter._looking])
    began = time.monotonic()

    await turn_of(limiter)

    assert time.monotonic() - began >= 0.1
    assert limiter.statistics().kept_by == "redis"
    assert limiter.statistics().rate == 100.0  # that pause was no refusal
    assert "Redis is back" in caplog.text


async def test_without_redis_a_share_goes_on(
    own_server: RedisServer, own_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beginning when what Redis handed out is over, at the pace of the share; and Redis is found again."""
    monkeypatch.setattr(module, "LOOK_AGAIN", 0.3)
    monkeypatch.setattr(module, "QUIET", 0.1)
    limit = RateLimit(100, per=0.1)
    own_server.stop()
    limiter = a_limiter(own_client, limit, fail="share", share=RateLimit(2, per=0.1))
    began = time.monotonic()

    await asyncio.gather(*(turn_of(limiter) for _ in range(4)))
    took = time.monotonic() - began
    meanwhile = limiter.statistics()
    own_server.start()
    while limiter.statistics().kept_by == "share":
        await turn_of(limiter)
    await turn_of(limiter)

    assert took >= 0.2 + 0.1
    assert (meanwhile.kept_by, meanwhile.rate) == ("share", 2.0)
    assert limiter.statistics().kept_by == "redis"


async def test_after_a_rest_redis_is_looked_for_before_the_share_is_used(
    own_server: RedisServer, own_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others may have found it long ago, and use the whole allowance; this one's share would be too much."""
    monkeypatch.setattr(module, "QUIET", 0.1)
    own_server.stop()
    limiter = a_limiter(own_client, RateLimit(100, per=0.1), fail="share", share=RateLimit(2, per=0.1))
    await turn_of(limiter)
    limiter._own_at = limiter._look_at = -float("inf")
    await turn_of(limiter)
    meanwhile = limiter.statistics().kept_by
    while limiter._looking is not None:
        await asyncio.wait([limiter._looking])
    own_server.start()
    limiter._own_at = limiter._look_at = -float("inf")

    await turn_of(limiter)

    assert meanwhile == "share"
    assert limiter.statistics().kept_by == "redis"
    assert limiter.statistics().granted == 3


class Expected(asyncio.Event):
    """Tells when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.expected = asyncio.Event()

    async def wait(self) -> Any:
        self.expected.set()
        return await super().wait()


async def test_a_share_waits_for_news_of_what_is_under_way(
    own_server: RedisServer, own_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that nobody has heard of holds its place; one that never left gives it back, one that is lost later."""
    own_server.stop()
    limiter = a_limiter(own_client, RateLimit(100, per=0.05), fail="share", share=RateLimit(1, per=0.05))
    first = await turn_of(limiter, sent=False)
    limiter.news = Expected()
    second = asyncio.ensure_future(turn_of(limiter, sent=False))
    await limiter.news.expected.wait()
    held = not second.done()

    first.end(answered=False)
    turn = await second
    turn.sent()
    turn.end(answered=False)
    await turn_of(limiter)

    assert held


async def test_a_refusal_of_the_share_halves_the_share(own_server: RedisServer, own_client: Redis) -> None:
    """It pauses too, like any limiter."""
    own_server.stop()
    limiter = a_limiter(own_client, RateLimit(100, per=0.05), fail="share", share=RateLimit(4, per=0.05))
    await turn_of(limiter)

    limiter.pause(0.01)

    assert limiter.statistics().rate == 2.0
    assert limiter.statistics().pauses == 1


async def test_a_pause_that_nobody_hears_of_is_kept_at_home(
    own_server: RedisServer, own_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis went away in that moment: this process pauses all the same."""
    limiter = a_limiter(own_client)
    await turn_of(limiter)
    own_server.stop()

    limiter.pause(50.0)
    await asyncio.wait(set(limiter._telling))

    assert limiter.statistics().paused_for > 40
    assert "do not hear of a pause" in caplog.text


async def test_a_redis_that_hangs_is_away(
    own_server: RedisServer, own_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits longer than for its patience."""
    monkeypatch.setattr(server, "PATIENCE", 0.1)
    own_server.suspend()
    limiter = a_limiter(own_client)

    with pytest.raises(TransportError, match="Redis is away"):
        await turn_of(limiter)
    own_server.go_on()


async def test_whoever_was_suspended_while_it_asked_does_not_take_redis_for_away(
    own_server: RedisServer, own_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waited for the answer in those seconds; it asks again, and nobody's call fails."""
    limiter = a_limiter(own_client, queue=1)
    real = limiter._asked
    asked = []

    async def woken_late(now: float) -> Any:
        asked.append(now)
        if len(asked) == 1:
            monkeypatch.setattr(limiter, "now", lambda: loop.time() + 5.0)
            raise server.AwayError("TimeoutError")
        return await real(now)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(limiter, "_asked", woken_late)
    await turn_of(limiter)

    assert len(asked) == 2
    assert limiter.statistics().kept_by == "redis"


async def test_what_redis_did_not_hear_is_told_again(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that came late still moves those behind it, if the word about it was lost; and what came meanwhile."""
    limiter = a_limiter(client, PATIENT)
    await turn_of(limiter)
    real = limiter._script
    told = []

    async def lost(*, keys: list[str], args: list[float]) -> Any:
        told.append(args[4])
        if len(told) > 1:
            return await real(keys=keys, args=args)
        limiter.lateness.excess += 0.125
        monkeypatch.setattr(limiter, "now", lambda: loop.time() + 5.0)  # it was suspended meanwhile
        raise ConnectionError("lost")

    loop = asyncio.get_running_loop()
    limiter.lateness.excess = 0.25
    monkeypatch.setattr(limiter, "_script", lost)
    await turn_of(limiter, sent=False)

    assert told == [250_000, 375_000]
    assert limiter.lateness.excess == 0.0


async def test_a_redis_that_talks_nonsense_fails_those_who_wait(
    client: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They get one of our errors, with nothing sent; the log has the cause."""
    limiter = a_limiter(client)

    async def nonsense(**_: Any) -> list[bytes]:
        return [b"soon", b"0", b"1"]

    monkeypatch.setattr(limiter, "_script", nonsense)

    with caplog.at_level(logging.ERROR), pytest.raises(TransportError, match="ValueError") as caught:
        await turn_of(limiter)

    assert caught.value.delivery is Delivery.NOT_SENT
    assert "the shared rate limiter failed" in caplog.text
