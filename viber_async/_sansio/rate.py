"""When may the next request leave.

The provider counts arrivals in any rolling second, and the network bunches them, so counting what we send is
not enough. The law here: the account has as many *slots* as it allows requests; a request occupies one from
the moment it may leave until one whole period after the latest moment at which it can have *arrived*. A round
trip bounds that moment: a request whose answer took ``rtt`` cannot have arrived later than ``rtt - rtt_min``
after the fastest possible one; ``rtt_min`` is what was seen, less a doubt that shrinks with every answer. So no
period at the server ever holds more arrivals than there are slots.

Time comes in as an argument (monotonic seconds); nothing here waits.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import Final, Generic, Literal, TypeVar

from attrs import define, field, frozen

from viber_async._sansio.privacy import shown
from viber_async.errors import ConfigurationError

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
SPACING: Final = 0.9
"""Share of the even distance that is kept between turns while somebody waits, so that a turn comes up every
tenth of a second and an interactive call never finds the whole second taken by a burst."""
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


class Pacer:
    """Knows for each slot when it is free, and so when the next turn may be taken."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.paused_until = -math.inf
        self._guard = GUARD * limit.per
        self._latest = LATEST * limit.per
        self._spacing = SPACING * limit.per / limit.requests
        self._last_taken = -math.inf
        self._holders: list[Turn | None] = []  # slot -> the turn that holds it or held it last
        self._free: list[tuple[float, int]] = []  # heap of (free_at, slot); stale entries are skipped
        self._round_trips: dict[str, RoundTrips] = {}  # by endpoint

    def ready_at(self, *, spaced: bool) -> float:
        """Give the moment from which a turn may be taken; infinity while every slot awaits news."""
        slot_free = -math.inf if len(self._holders) < self.limit.requests else self._earliest()
        spaced_from = self._last_taken + self._spacing if spaced else -math.inf
        return max(slot_free, spaced_from, self.paused_until)

    def take(self, now: float, endpoint: str) -> Turn:
        """Take the slot that has been free the longest; only when `ready_at` has come."""
        self._earliest()
        if self._free and self._free[0][0] <= now:
            slot = heapq.heappop(self._free)[1]
        else:
            slot = len(self._holders)
            self._holders.append(None)
        turn = Turn(endpoint, slot)
        self._holders[slot] = turn
        self._last_taken = now
        return turn

    def sent(self, turn: Turn, now: float) -> None:
        """The request starts to leave: from here on the slot comes free by itself, at the latest believable."""
        turn.sent_at = now
        self._free_at(turn, now + self.limit.per + self._guard + self._latest)

    def answered(self, turn: Turn, now: float) -> None:
        """The answer arrived: the round trip tells how late the request can have been."""
        if not turn.is_sent:  # a transport that does not tell when bytes leave: as late as the answer itself
            self._free_at(turn, now + self.limit.per + self._guard)
            return
        round_trips = self._round_trips.setdefault(turn.endpoint, RoundTrips(self._latest))
        late = round_trips.lateness(now - turn.sent_at)
        self._free_at(turn, turn.sent_at + self.limit.per + self._guard + late)

    def lost(self, turn: Turn, now: float) -> None:
        """No answer will come: the request may have arrived as late as this moment."""
        self._free_at(turn, now + self.limit.per + self._guard)

    def give_back(self, turn: Turn, now: float) -> None:
        """The request never left: the slot is free at once."""
        self._free_at(turn, now)

    def pause(self, until: float) -> None:
        """Nobody leaves before *until*; a shorter pause never shortens a longer one."""
        self.paused_until = max(self.paused_until, until)

    def _free_at(self, turn: Turn, moment: float) -> None:
        if self._holders[turn.slot] is turn:  # not when it came free by itself and somebody else has it
            turn.free_at = moment
            heapq.heappush(self._free, (moment, turn.slot))

    def _earliest(self) -> float:
        while self._free:
            moment, slot = self._free[0]
            holder = self._holders[slot]
            if holder is not None and holder.free_at == moment:
                return moment
            heapq.heappop(self._free)
        return math.inf


class Lanes(Generic[Waiter]):
    """Who waits, in order: first come first served within a lane, interactive before bulk, bulk never starved."""

    def __init__(self) -> None:
        self._waiting: dict[Lane, deque[Waiter]] = {lane: deque() for lane in LANES}
        self._interactive_in_a_row = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def waiting(self, lane: Lane) -> int:
        """Give how many wait in *lane*."""
        return len(self._waiting[lane])

    def join(self, lane: Lane, waiter: Waiter, *, first: bool = False) -> None:
        """Stand at the end of *lane*, or at its head if it had its turn before and was refused."""
        waiting = self._waiting[lane]
        (waiting.appendleft if first else waiting.append)(waiter)

    def leave(self, lane: Lane, waiter: Waiter) -> None:
        """Give up waiting."""
        self._waiting[lane].remove(waiter)

    def next(self) -> Waiter:
        """Take out whose turn it is."""
        interactive, bulk = self._waiting["interactive"], self._waiting["bulk"]
        if interactive and not (bulk and self._interactive_in_a_row >= BULK_AFTER):
            self._interactive_in_a_row = self._interactive_in_a_row + 1 if bulk else 0
            return interactive.popleft()
        self._interactive_in_a_row = 0
        return bulk.popleft()
