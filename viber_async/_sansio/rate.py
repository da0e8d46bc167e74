"""When may the next request leave.

The provider counts arrivals in any rolling second, and the network bunches them, so counting what we send is
not enough. The law here: the account has as many *slots* as it allows requests; a request occupies one from
the moment it may leave until one whole period after the latest moment at which it can have *arrived*. A round
trip bounds that moment: a request whose answer took ``rtt`` cannot have arrived later than ``rtt - rtt_min``
after the fastest possible one; ``rtt_min`` is what was seen, less a doubt that shrinks with every answer. So no
period at the server ever holds more arrivals than there are slots.

The allowance is the account's, and something else may use a part of it: a refusal halves the rate, and work that is
not refused regains it. A lower rate has fewer slots, held for as much longer as makes the rate exact, and turns that
are further apart; the slots left over are parked and obey the law when they come back.

Time comes in as an argument (monotonic seconds); nothing here waits.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, defaultdict
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from attrs import define, field, frozen

from viber_async._sansio.privacy import shown
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

Lane = Literal["interactive", "bulk"]
LANES: Final[tuple[Lane, ...]] = ("interactive", "bulk")

GUARD: Final = 0.005
"""Seconds added to every period: clocks on two machines do not run at quite the same speed."""
LATEST: Final = 0.25
"""Seconds (of a period of one) that a request is at most believed to be late: a slow *answer* looks just like
a late arrival, and without this bound one report that takes ten seconds would hold a slot for ten."""
UNTAUGHT: Final = 10
"""Answers of an endpoint before its fastest round trip is believed; until then all of it counts as lateness."""
DOUBT: Final = 3.0
"""By how much the fastest of n answers is believed to be slower than the fastest possible: so many times the mean
lateness, divided by the square root of n. (Where delays vary on both ways, the fastest sum of n falls that slowly;
without this doubt the first minute over 50 ms of jitter had a refusal in every run, with it none.)"""
REMEMBERED: Final = 500
"""Answers of an endpoint after which those before the last so many begin to be forgotten: one freak answer, or a
route that was shorter yesterday, would else make every later one look late."""
LONGEST_PERIOD: Final = 86_400.0
"""Seconds; the longest window of the provider's own is a day."""
SPACING: Final = 0.98
"""Share of the even distance that is kept between turns while somebody waits, so that a turn comes up every
tenth of a second and an interactive call never finds the whole second taken by a burst. (At 0.9 ten turns leave a
hole of 195 ms behind them, at 0.98 one of 123 ms; at 1.0 nothing that came late is ever caught up with.)"""
LEAST: Final = 0.05
"""Share of the allowance below which the rate never falls, so that it never stops."""
REGAINED: Final = 100.0
"""Periods of work without a refusal in which a whole allowance is regained, and so half of one in fifty. (Of the
allowance, two of ours that each believe in all of it use 74 %, with 11 refusals in 1000; four 78 % with 38, eight 72 %
with 123. In 60 periods two have 18 refusals, in 200 six, and a stray refusal costs twice as much time.)"""
BULK_AFTER: Final = 9
"""Interactive turns in a row after which waiting bulk work gets one."""

Waiter = TypeVar("Waiter")


@frozen
class RateLimit:
    """The account's allowance: *requests* in any *per* seconds."""

    requests: int = field()
    per: float = field(default=1.0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        requests, per = self.requests, self.per
        if isinstance(requests, bool) or not isinstance(requests, int) or requests < 1:
            raise ConfigurationError(f"RateLimit: requests must be an int of at least 1; got {shown(requests)}")
        if isinstance(per, bool) or not isinstance(per, (int, float)) or not 0 < per <= LONGEST_PERIOD:
            raise ConfigurationError(f"RateLimit: per must be seconds above 0, at most a day; got {shown(per)}")


@define(eq=False)
class Turn:
    """The right to send one request; holds a slot until `Pacer` knows when that is free again."""

    endpoint: str
    slot: int
    taken_at: float
    sent_at: float = math.nan
    free_at: float = math.inf

    @property
    def is_sent(self) -> bool:
        return not math.isnan(self.sent_at)


@frozen
class _Seen:
    """A run of answers of one endpoint."""

    answers: int = 0
    fastest: float = math.inf
    lateness: float = 0.0
    """Seconds, of all of them together."""


class RoundTrips:
    """Knows how late a request of one endpoint can have been, from how long its answer took and others before it."""

    def __init__(self, latest: float) -> None:
        self._latest = latest
        self._old = self._new = _Seen()

    def lateness(self, round_trip: float) -> float:
        """Learn *round_trip*; give the seconds by which that request can have been later than the fastest possible."""
        answers = self._old.answers + self._new.answers
        late = min(self._latest, round_trip - min(self._old.fastest, self._new.fastest, round_trip))
        lateness = self._old.lateness + self._new.lateness
        self._remember(round_trip, late)
        if answers < UNTAUGHT:
            return min(self._latest, round_trip)
        return min(self._latest, late + DOUBT * lateness / answers / math.sqrt(answers))

    def _remember(self, round_trip: float, late: float) -> None:
        new = self._new
        self._new = _Seen(new.answers + 1, min(new.fastest, round_trip), new.lateness + late)
        if self._new.answers == REMEMBERED:
            self._old, self._new = self._new, _Seen()


class LearntRate:
    """Knows how much of the allowance there is for us: halved by a refusal, regained bit by bit by work without one.

    It grows with time, so that several processes on one account come to equal parts (growing with every success, the
    faster one would grow faster), but only with time in which answers come: waiting proves nothing.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._halved_at = self._proved_until = -math.inf
        self.requests: float = limit.requests
        """So many turns a period may be taken."""
        self._before: float = limit.requests
        """The same, before the last answer."""

    def answered(self, taken_at: float, now: float) -> bool:
        """Regain what the time since the last answer is worth; tell whether that was anything."""
        self._before = self.requests
        if self.requests == self._limit.requests or taken_at <= self._halved_at:
            return False
        at_work = self._limit.per * max(1.0, 1 / self.requests)  # turns are no further apart at this rate
        proved = min(now - self._proved_until, at_work)
        self._proved_until = now
        gained = self._limit.requests * proved / (REGAINED * self._limit.per)
        self.requests = min(self._limit.requests, self.requests + gained)
        return True

    def refused(self, taken_at: float, now: float) -> bool:
        """Halve, since the last answer was a refusal, unless its turn was taken before the last halving.

        Tell whether it was news. What that answer brought is taken back.
        """
        if taken_at <= self._halved_at:
            return False
        self.requests = self._before = max(LEAST * self._limit.requests, self._before / 2)
        self._halved_at = self._proved_until = now
        return True


class Pacer:
    """Knows for each slot when it is free, and so when the next turn may be taken."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.paused_until = -math.inf
        self._guard = GUARD * limit.per
        self._latest = LATEST * limit.per
        self._learnt = LearntRate(limit)
        self._last_taken = -math.inf
        self._last_answered_taken = -math.inf
        self._holders: list[Turn] = []  # slot -> the turn that holds it or held it last
        self._parked: dict[int, None] = {}  # slots that are out of use, in the order in which they were parked
        self._free: list[tuple[float, int]] = []  # heap of (free_at, slot); stale entries are skipped
        self._round_trips = defaultdict[str, RoundTrips](partial(RoundTrips, self._latest))  # by endpoint
        self._fit()

    @property
    def rate(self) -> float:
        """Give the turns that may be taken in a period at this moment; never more than the allowance."""
        return self._learnt.requests

    def ready_at(self, *, spaced: bool) -> float:
        """Give the moment from which a turn may be taken; infinity while every slot awaits news."""
        slot_free = -math.inf if self._in_use < self._slots else self._earliest()
        spaced_from = self._last_taken + self._spacing if spaced else -math.inf
        return max(slot_free, spaced_from, self.paused_until)

    def take(self, now: float, endpoint: str) -> Turn:
        """Take the slot that has been free the longest; only when `ready_at` has come."""
        if self._earliest() <= now:
            turn = Turn(endpoint, heapq.heappop(self._free)[1], now)
            self._holders[turn.slot] = turn
        else:
            turn = Turn(endpoint, len(self._holders), now)
            self._holders.append(turn)
        self._last_taken = now
        return turn

    def sent(self, turn: Turn, now: float) -> None:
        """The request starts to leave: from here on the slot comes free by itself, at the latest believable."""
        turn.sent_at = now
        self._free_at(turn, now + self._held + self._latest)

    def answered(self, turn: Turn, now: float) -> None:
        """The answer arrived: the round trip tells how late the request can have been."""
        if turn.is_sent:
            late = self._round_trips[turn.endpoint].lateness(now - turn.sent_at)
            self._free_at(turn, turn.sent_at + self._held + late)
        else:  # a transport that does not tell when bytes leave: as late as the answer itself
            self._free_at(turn, now + self._held)
        self._last_answered_taken = turn.taken_at
        if self._learnt.answered(turn.taken_at, now):
            self._fit()

    def refused(self, now: float) -> None:
        """The answer that came last said that it was too much: halve the rate, if its turn was of the present one."""
        if self._learnt.refused(self._last_answered_taken, now):
            self._fit()

    def lost(self, turn: Turn, now: float) -> None:
        """No answer will come: the request may have arrived as late as this moment."""
        self._free_at(turn, now + self._held)

    def give_back(self, turn: Turn, now: float) -> None:
        """The request never left: the slot is free at once."""
        self._free_at(turn, now)

    def pause(self, until: float) -> None:
        """Nobody leaves before *until*; a shorter pause never shortens a longer one."""
        self.paused_until = max(self.paused_until, until)

    @property
    def _in_use(self) -> int:
        return len(self._holders) - len(self._parked)

    def _fit(self) -> None:
        """Fit slots and spacing to the rate; slots that come back are free when they would have been."""
        rate, per = self._learnt.requests, self.limit.per
        self._slots = math.ceil(rate)
        self._held = per * self._slots / rate + self._guard
        self._spacing = SPACING * per / rate
        while self._parked and self._in_use < self._slots:
            slot, _ = self._parked.popitem()
            heapq.heappush(self._free, (self._holders[slot].free_at, slot))

    def _free_at(self, turn: Turn, moment: float) -> None:
        if self._holders[turn.slot] is turn:  # not when it came free by itself and somebody else has it
            turn.free_at = moment
            heapq.heappush(self._free, (moment, turn.slot))

    def _earliest(self) -> float:
        """Give the moment at which the first slot in use is free; park those that are too many, first of all."""
        while self._free:
            moment, slot = self._free[0]
            if slot not in self._parked and self._holders[slot].free_at == moment:
                if self._in_use <= self._slots:
                    return moment
                self._parked[slot] = None
            heapq.heappop(self._free)
        return math.inf


class Lanes(Generic[Waiter]):
    """Who waits, in order: first come first served within a lane, interactive before bulk, bulk never starved.

    Whoever had a turn that came to nothing stands before those of its lane who had none.
    """

    def __init__(self) -> None:
        # Ordered dicts, as sets that know their order: leaving from the middle costs no more than from the front.
        self._again: dict[Lane, OrderedDict[Waiter, None]] = {lane: OrderedDict() for lane in LANES}
        self._fresh: dict[Lane, OrderedDict[Waiter, None]] = {lane: OrderedDict() for lane in LANES}
        self._rows = (*self._again.values(), *self._fresh.values())
        self._interactive_in_a_row = 0

    def __len__(self) -> int:
        return sum(map(len, self._rows))

    def waiting(self, lane: Lane) -> int:
        """Give how many wait in *lane*."""
        return len(self._again[lane]) + len(self._fresh[lane])

    def heads(self) -> Iterator[Waiter]:
        """Give those who are first in their rows; whoever has waited longest is among them."""
        for row in self._rows:
            yield from islice(row, 1)

    def join(self, lane: Lane, waiter: Waiter, *, again: bool = False) -> None:
        """Stand at the end of *lane*; *again* is said by whoever had a turn that came to nothing."""
        (self._again if again else self._fresh)[lane][waiter] = None

    def leave(self, lane: Lane, waiter: Waiter) -> None:
        """Give up waiting; whoever was taken out already does not mind."""
        self._again[lane].pop(waiter, None)
        self._fresh[lane].pop(waiter, None)

    def next(self) -> Waiter:
        """Take out whose turn it is."""
        bulk_waits = self.waiting("bulk") > 0
        if self.waiting("interactive") and not (bulk_waits and self._interactive_in_a_row >= BULK_AFTER):
            self._interactive_in_a_row = self._interactive_in_a_row + 1 if bulk_waits else 0
            return self._first("interactive")
        self._interactive_in_a_row = 0
        return self._first("bulk")

    def _first(self, lane: Lane) -> Waiter:
        return (self._again[lane] or self._fresh[lane]).popitem(last=False)[0]
