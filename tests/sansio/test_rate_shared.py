"""The rate limit where something else uses the account too, so that the judge at the server does refuse.

Several processes of ours, each believing that the whole allowance is its own, callers without end behind each, and
something else that sends evenly; all in virtual time. What is refused counts as an arrival, and is repeated.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from tests.sansio.test_rate import TEN, Judge
from viber_async._sansio.rate import LEAST, REGAINED, Pacer, Turn

if TYPE_CHECKING:
    from collections.abc import Callable


@define(eq=False)
class Process:
    """One process of ours."""

    pacer: Pacer = field(factory=lambda: Pacer(TEN))
    arrivals: list[float] = field(factory=list)
    accepted: int = 0
    refused: int = 0
    rates: list[tuple[float, float]] = field(factory=lambda: [(0.0, 10.0)])
    """When the rate became what."""

    def rate_at(self, moment: float) -> float:
        return next(rate for since, rate in reversed(self.rates) if since <= moment)


@define(eq=False)
class Account:
    """All who send, and the judge."""

    chance: random.Random
    processes: list[Process]
    others: Callable[[float], float] = lambda _: 0.0
    """How many requests a second something else sends at that moment."""
    judge: Judge = field(factory=lambda: Judge(TEN))
    _coming: list[tuple[float, int, Callable[[float], None]]] = field(factory=list)
    _number: itertools.count[int] = field(factory=itertools.count)

    def at(self, moment: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._coming, (moment, next(self._number), what))

    def run(self, seconds: float) -> None:
        self.at(0.0, self._other)
        for process in self.processes:
            self.at(self.chance.random(), lambda now, process=process: self._send(process, now))
        while self._coming[0][0] < seconds:
            now, _, what = heapq.heappop(self._coming)
            what(now)

    def _other(self, now: float) -> None:
        if rate := self.others(now):
            self.judge.arrive(now)
        self.at(now + 1 / (rate or 10), self._other)

    def _send(self, process: Process, now: float) -> None:
        pacer = process.pacer
        if (ready_at := pacer.ready_at(spaced=True)) > now:
            self.at(min(ready_at, now + 0.05), lambda now: self._send(process, now))
            return
        turn = pacer.take(now, "read")
        pacer.sent(turn, now)
        self.at(now + self._delay(), lambda now: self._arrive(process, turn, now))
        self.at(now, lambda now: self._send(process, now))

    def _arrive(self, process: Process, turn: Turn, now: float) -> None:
        process.arrivals.append(now)
        refused = self.judge.arrive(now)
        self.at(now + self._delay(), lambda now: self._answer(process, turn, refused, now))

    def _answer(self, process: Process, turn: Turn, refused: bool, now: float) -> None:
        process.pacer.answered(turn, now)
        if refused:
            process.refused += 1
            process.pacer.refused(now)
            process.pacer.pause(now + self.chance.uniform(0.5, 1.0))
        else:
            process.accepted += 1
        if process.pacer.rate != process.rates[-1][1]:
            process.rates.append((now, process.pacer.rate))

    def _delay(self) -> float:
        return 0.02 + self.chance.uniform(0, 0.005)


def account(seed: int, processes: int = 1, **others: Callable[[float], float]) -> Account:
    return Account(random.Random(seed), [Process() for _ in range(processes)], **others)


def most_in_any_second(moments: list[float]) -> int:
    last: deque[float] = deque()
    most = 0
    for moment in moments:
        last.append(moment)
        while moment - last[0] >= 1.0:
            last.popleft()
        most = max(most, len(last))
    return most


@pytest.mark.parametrize(("others", "used", "refused"), [(0, 0.98, 0), (2, 0.7, 8), (5, 0.68, 20), (8, 0.6, 90)])
def test_what_something_else_leaves_is_used_with_few_refusals(others, used, refused):
    """Of the allowance that is left the larger part; refusals, in a thousand, grow as it gets less."""
    shared = account(1, others=lambda _: others)
    shared.run(600.0)
    (process,) = shared.processes

    assert process.accepted >= used * (10 - others) * 600
    assert process.refused <= refused * len(process.arrivals) / 1000


@pytest.mark.parametrize(("processes", "used", "refused"), [(2, 0.7, 15), (4, 0.75, 45), (8, 0.7, 140)])
def test_processes_that_all_believe_in_the_whole_allowance_come_to_equal_parts(processes, used, refused):
    """A halving costs whoever has more the more, and all regain alike: no two of them differ by a half."""
    shared = account(2, processes)
    shared.run(600.0)
    accepted = [process.accepted for process in shared.processes]

    assert max(accepted) <= 1.5 * min(accepted)
    assert sum(accepted) >= used * 10 * 600
    assert sum(process.refused for process in shared.processes) <= refused * shared.judge.arrived / 1000


def test_the_whole_allowance_is_regained_when_nobody_else_uses_it():
    """In a hundred periods at most, and then it is used as before."""
    shared = account(3, others=lambda now: 9.5 if now < 200 else 0)
    shared.run(600.0)
    (process,) = shared.processes

    assert process.rate_at(200) <= 2
    assert next(since for since, rate in process.rates if since > 200 and rate == 10) <= 200 + REGAINED + 5
    assert process.rates[-1][1] == max(rate for _, rate in process.rates) == 10
    assert sum(moment >= 500 for moment in process.arrivals) >= 0.98 * 10 * 100


def test_under_refusals_without_end_it_never_stops():
    """Somebody else takes everything, for ever: we go on to ask, at the floor."""
    shared = account(4, others=lambda _: 20.0)
    shared.run(600.0)
    (process,) = shared.processes

    assert process.accepted <= 10  # before the other came into its stride
    assert process.rates[-1][1] == pytest.approx(LEAST * 10)
    later = [moment for moment in process.arrivals if moment > 300]
    assert 0.3 <= len(later) / 300 <= 0.5


@pytest.mark.parametrize("seed", range(8))
def test_no_second_at_the_server_holds_more_than_what_was_learnt(seed):
    """Whatever else is going on: never more of ours than the allowance, and after a halving never more than the rate of
    that moment, rounded up."""
    chance = random.Random(seed)
    phases = [chance.choice([0, 0, 1, 3, 5, 7, 9]) for _ in range(11)]
    shared = account(seed, processes=1 + seed % 2, others=lambda now: phases[int(now / 30)])
    shared.run(300.0)

    for process in shared.processes:
        assert most_in_any_second(process.arrivals) <= 10
        halvings = [later for (_, before), (later, after) in itertools.pairwise(process.rates) if after < before]
        assert halvings
        for since, until in itertools.pairwise([*halvings, 300.0]):
            moments = [moment for moment in process.arrivals if since + 0.05 < moment <= until]
            for moment in moments:
                in_last_second = sum(moment - 1.0 < each <= moment for each in moments)
                assert in_last_second <= math.ceil(process.rate_at(moment))
