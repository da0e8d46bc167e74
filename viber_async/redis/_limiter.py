"""One allowance for all processes of an account: turns are handed out by Redis, on Redis's clock.

A turn is a moment. Each process asks for one at a time, and asks again when that one has come, so that turns go round
among the processes that want some: that is what makes it fair. Who of a process's waiting callers gets it is settled
when it comes: the first of the interactive lane, or of the bulk lane. So an interactive call waits behind one turn of
each other process at most.

A process that comes to its turn too late, because it was suspended or its loop was busy, lets it go and asks for
another: two turns used together would be a burst.
"""

from __future__ import annotations

import asyncio
import copy
import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import define, field

from viber_async._auth import logger
from viber_async._defaults import QUEUE, RATE_LIMIT
from viber_async._limiter import Turn, figures
from viber_async._queue import Queue
from viber_async._sansio.lateness import Lateness
from viber_async._sansio.privacy import safe_text, shown
from viber_async._sansio.rate import LATEST, Pacer, RateLimit, RoundTrips
from viber_async.errors import ConfigurationError, Delivery, TransportError, ViberError
from viber_async.redis._script import TAKE
from viber_async.redis._server import PATIENCE, AwayError, answer, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from redis.asyncio import Redis

    from viber_async._limiter import KeptBy, RateStatistics
    from viber_async._sansio.rate import Lane
    from viber_async._sansio.rate import Turn as Slot

GUARD: Final = 0.015
"""Share of a period that is kept free in each, for what nobody can measure."""
REMEMBERED: Final = 20
"""Answers of Redis of which the fastest counts as its pace; one lucky answer would else make every later one look slow
for ever."""
LOOK_AGAIN: Final = 1.0
"""Seconds between two tries to find Redis again."""
QUIET: Final = 2.0
"""Seconds in which nobody sends after one process has found Redis again, so that the others find it too and give up
their own shares."""


class RedisRateLimiter:
    """A rate limit that all processes with the same *account* on the same Redis share.

    *account* is a word of yours; *limit* the account's whole allowance, the same in every process. If Redis is away,
    ``fail="stop"`` lets calls fail with nothing sent, and ``fail="share"`` lets this process go on with *share*, a
    part of the allowance that is its own: the shares of all processes together must not exceed the allowance. It finds
    Redis again by itself. ``session.statistics().rate.kept_by`` tells which of them holds.

    Raises:
        ConfigurationError: account, limit, fail or share cannot work.

    """

    def __init__(  # noqa: PLR0913 - settings, all by keyword
        self,
        client: Redis,
        account: str,
        limit: RateLimit = RATE_LIMIT,
        *,
        fail: Literal["stop", "share"] = "stop",
        share: RateLimit | None = None,
        queue: int = QUEUE,
    ) -> None:
        if not isinstance(limit, RateLimit):
            raise ConfigurationError(f"RedisRateLimiter: limit must be a RateLimit; got {shown(limit)}")
        self._limit = limit
        self._share = _share_of(fail, share, limit)
        self._queue = Queue[Turn](queue, unwanted=self._unwanted, left=self._left)
        self._key = key_of(account, "rate")
        self._script = client.register_script(TAKE)
        self.lateness = Lateness(LATEST * limit.per)
        self._round_trips: dict[str, RoundTrips] = {}  # by endpoint, to the provider
        self._answers: deque[float] = deque(maxlen=REMEMBERED)  # seconds that Redis took
        self._due = math.inf  # when the serving task will wake, while it sleeps
        self._overslept_at = -math.inf
        self._serving: asyncio.Task[None] | None = None
        self._idle = False  # the serving task waits for time to pass, and nothing is lost if it is stopped
        self._looking: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._own: Pacer | None = None
        self._own_at = -math.inf  # when its latest turn was, or its first could be
        self.news = asyncio.Event()
        self._look_at = -math.inf
        self._kept_by: KeptBy = "redis"
        self._paused_until = -math.inf
        self._rate = float(limit.requests)
        self._granted = self._pauses = 0

    async def acquire(self, *, lane: Lane, endpoint: str, again: bool = False) -> Turn:
        """Wait for a turn in *lane*; raises `QueueFullError` if too many do already."""
        pace = f"{self._rate:g} in {self._limit.per:g} s, for all processes together"
        waiter = self._queue.join(lane=lane, endpoint=endpoint, again=again, pace=pace)
        if self._serving is None:
            self._serving = self._queue.loop.create_task(self._serve())
        return await self._queue.turn(waiter)

    def pause(self, seconds: float) -> None:
        """Let no process leave for *seconds*, and all of them at half the rate from then on."""
        now = self.now()
        self._pauses += now >= self._paused_until
        self._paused_until = max(self._paused_until, now + seconds)
        if self._own is not None:
            self._own.refused(now)
        else:
            self._start(self._tell_pause(seconds))

    def statistics(self) -> RateStatistics:
        """Give the figures of this moment, as this process knows them."""
        return figures(
            self._queue,
            limit=self._limit,
            rate=self._rate if self._own is None else self._own.rate,
            granted=self._granted,
            pauses=self._pauses,
            paused_until=self._paused_until,
            kept_by=self._kept_by,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._key}, kept by {self._kept_by}, {len(self._queue)} waiting>"

    # Handing out turns: one task, for as long as anybody waits.

    async def _serve(self) -> None:
        try:
            while len(self._queue):
                take = await self._next_turn()
                if (waiter := self._queue.next()) is not None:
                    self._granted += 1
                    waiter.turn.set_result(take(waiter.endpoint))
        except Exception as error:  # noqa: BLE001 - those who wait are told, whatever it is
            self._fail_all(error)
        finally:  # if it was stopped, another one may serve by now
            self._serving = None if self._serving is asyncio.current_task() else self._serving

    async def _next_turn(self) -> Callable[[str], Turn]:
        """Wait until a request may leave; give what takes that turn."""
        while True:
            await self._wait_until(self._paused_until)
            if self._kept_by == "redis":
                asked = self.now()
                try:
                    moment = await self._asked(asked)
                except AwayError as error:
                    if self.now() - asked < 2 * PATIENCE:  # else it is we who were away
                        self._lose(error)
                    continue
                if await self._came(moment):
                    return moment.taken
            elif self._own is None:
                self._look()
                raise TransportError(
                    "Redis is away, and without it nobody knows whether the account's rate limit leaves room: nothing "
                    'was sent (fail="share" would go on with a part of the allowance)',
                    delivery=Delivery.NOT_SENT,
                )
            elif (ready_at := self._own.ready_at(spaced=True)) <= self.now():
                self._look()
                if self._looking is not None and self.now() - self._own_at >= LOOK_AGAIN:
                    await asyncio.wait([self._looking])  # others may have found it while we had nothing to send
                    continue
                self._own_at = self.now()
                return partial(self._own_turn, self._own)
            elif ready_at < math.inf:
                await self._wait_until(ready_at)
            else:
                self.news.clear()
                await self.news.wait()

    async def _asked(self, asked: float) -> _Moment:
        """Ask Redis for the next turn."""
        told, excess = self.lateness.told, self.lateness.excess
        wait = await self._say(told=told, excess=excess, wanted=True)
        self.lateness.excess -= excess  # only now are those behind told of it; there may be more by now
        heard = self.now()
        self._answers.append(heard - asked)
        # Redis may have said it as early as this makes it look, compared with its fastest answer.
        unsure = heard - asked - min(self._answers)
        return _Moment(self, at=heard + wait, unsure=unsure, told=told + GUARD * self._limit.per)

    async def _say(
        self, *, told: float = 0.0, excess: float = 0.0, pause: float = 0.0, refused: bool = False, wanted: bool = False
    ) -> float:
        """Run the script; give the seconds until the turn."""
        limit = self._limit
        times = [_micro(each) for each in (limit.per, GUARD * limit.per, told, excess, pause)]
        said = await answer(self._script(keys=[self._key], args=[limit.requests, *times, int(refused), int(wanted)]))
        wait, paused, part = (float(each) for each in said)
        self._paused_until = max(self._paused_until, self.now() + paused / 1e6) if not wanted else self._paused_until
        self._rate = part * limit.requests
        return wait / 1e6

    async def _came(self, moment: _Moment) -> bool:
        """Wait for *moment*; tell whether it can be used."""
        await self._wait_until(moment.at)
        if self.now() < self._paused_until:
            return False
        moment.came_late = moment.late(self.now())
        self.lateness.came(moment.came_late)
        return moment.came_late <= moment.told

    async def _wait_until(self, moment: float) -> None:
        while (left := moment - self.now()) > 0:
            self._idle, self._due = True, moment
            try:
                await asyncio.sleep(left)
            finally:
                self._notice()
                self._idle, self._due = False, math.inf

    def _notice(self) -> None:
        now = self.now()
        if now - self._due > self.lateness.most:
            self._overslept_at = now

    def overslept(self, since: float) -> bool:
        """Tell whether this process was suspended after *since*, or its loop held up."""
        self._notice()
        return self._overslept_at > since

    # Redis is away.

    def _lose(self, error: AwayError) -> None:
        logger.warning(
            "Redis is away (%s): the rate limit is kept by %s", error, "a share of our own" if self._share else "nobody"
        )
        self._look_at = self.now() + LOOK_AGAIN
        if self._share is None:
            self._kept_by = "nobody"
            return
        self._kept_by = "share"
        self._own = Pacer(self._share)
        self._own_at = self.now() + 2 * self._limit.per
        self._own.pause(self._own_at)  # what Redis has handed out already has to be over

    def _look(self) -> None:
        if self._looking is None and self.now() >= self._look_at:
            self._looking = self._start(self._look_for_redis())

    async def _look_for_redis(self) -> None:
        try:
            await self._say(pause=QUIET * self._limit.per)
        except AwayError:
            self._look_at = self.now() + LOOK_AGAIN
        else:
            logger.warning("Redis is back: the rate limit is shared again")
            self._own, self._kept_by = None, "redis"
            self.news.set()
        finally:
            self._looking = None

    async def _tell_pause(self, seconds: float) -> None:
        try:
            await self._say(pause=seconds, refused=True)
        except AwayError as error:
            logger.warning("Redis is away (%s): other processes do not hear of a pause", error)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._queue.loop.create_task(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return task

    def _own_turn(self, own: Pacer, endpoint: str) -> Turn:
        return _OwnTurn(own, own.take(self.now(), endpoint), self)

    def round_trips(self, endpoint: str) -> RoundTrips:
        """Give what is known of the round trips of *endpoint* to the provider."""
        return self._round_trips.setdefault(endpoint, RoundTrips(self.lateness.most))

    # The queue.

    def _unwanted(self, turn: Turn) -> None:
        turn.end(answered=False)
        self._granted -= 1

    def _left(self) -> None:
        if not len(self._queue) and self._idle and self._serving is not None:
            self._serving.cancel()
            self._serving = None  # not when it has ended: whoever comes until then would wait for nobody

    def _fail_all(self, error: Exception) -> None:
        named = error if isinstance(error, ViberError) else _unforeseen(error)
        while (waiter := self._queue.next()) is not None:
            waiter.turn.set_exception(copy.copy(named))

    def now(self) -> float:
        """Give the time in our loop."""
        return self._queue.loop.time()


def _unforeseen(error: Exception) -> TransportError:
    logger.error("the shared rate limiter failed", exc_info=error)
    return TransportError(
        f"the shared rate limiter failed ({safe_text(type(error).__name__, 60)}), so nothing was sent",
        delivery=Delivery.NOT_SENT,
    )


@define(eq=False)
class _Moment:
    """A turn that Redis has given us, not yet taken."""

    limiter: RedisRateLimiter
    at: float = field(kw_only=True)
    """When it comes, by our clock."""
    unsure: float = field(kw_only=True)
    """Seconds by which it may have come earlier."""
    told: float = field(kw_only=True)
    """Seconds of lateness that Redis has reckoned with."""
    came_late: float = field(default=0.0, init=False)
    """Seconds by which we came late to it."""

    def late(self, now: float) -> float:
        return now - self.at + self.unsure

    def taken(self, endpoint: str) -> Turn:
        return _SharedTurn(self, endpoint)


@define(eq=False)
class _SharedTurn:
    """The right to send one request; what becomes of it teaches how late our requests are."""

    _moment: _Moment
    _endpoint: str
    _sent_at: float = field(default=math.nan, init=False)
    _told: float = field(default=0.0, init=False)
    """Seconds of lateness beyond those that Redis reckoned with that it is told of by now, or will be."""

    def sent(self) -> None:
        self._sent_at = self._moment.limiter.now()
        self._tell(self._moment.late(self._sent_at))

    def end(self, *, answered: bool, untold: bool = False) -> None:
        if self._is_sent or answered or untold:
            late = self._lateness(answered=answered)
            self._tell(late)
            self._moment.limiter.lateness.went(late - self._moment.came_late)

    @property
    def _is_sent(self) -> bool:
        return not math.isnan(self._sent_at)

    def _lateness(self, *, answered: bool) -> float:
        limiter = self._moment.limiter
        if not self._is_sent:  # it may have left as late as this
            return self._moment.late(limiter.now())
        late = self._moment.late(self._sent_at)
        if not answered or limiter.overslept(self._sent_at):
            return late
        return late + limiter.round_trips(self._endpoint).lateness(limiter.now() - self._sent_at)

    def _tell(self, late: float) -> None:
        lateness = self._moment.limiter.lateness
        beyond = min(late, lateness.most) - self._moment.told
        lateness.excess += max(0.0, beyond - self._told)
        self._told = max(self._told, beyond)


@define(eq=False)
class _OwnTurn:
    """The right to send one request, out of our own share."""

    _pacer: Pacer
    _slot: Slot
    _limiter: RedisRateLimiter

    def sent(self) -> None:
        self._pacer.sent(self._slot, self._limiter.now())
        self._limiter.news.set()

    def end(self, *, answered: bool, untold: bool = False) -> None:
        now = self._limiter.now()
        if answered:
            self._pacer.answered(self._slot, now)
        elif self._slot.is_sent or untold:
            self._pacer.lost(self._slot, now)
        else:
            self._pacer.give_back(self._slot, now)
        self._limiter.news.set()


def _share_of(fail: object, share: object, limit: RateLimit) -> RateLimit | None:
    match fail, share:
        case "stop", None:
            return None
        case "share", RateLimit() if share.requests / share.per <= limit.requests / limit.per:
            return share
        case "share", _:
            raise ConfigurationError(
                'RedisRateLimiter: fail="share" needs share=, a RateLimit that is this process\'s part of the '
                f"allowance, such as RateLimit(1) for each of ten processes; got {shown(share)}"
            )
        case _:
            raise ConfigurationError(
                f'RedisRateLimiter: fail must be "stop", or "share" together with share=; got {shown(fail)}'
            )


def _micro(seconds: float) -> int:
    return math.ceil(seconds * 1e6)
