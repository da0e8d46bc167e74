"""The rate limit: tables of moments, lanes in order, and a judge at the server who counts arrivals."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from typing import TYPE_CHECKING

import pytest
from attrs import define, field
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from viber_async._sansio import rate
from viber_async._sansio.privacy import shown
from viber_async._sansio.rate import (
    BULK_AFTER,
    LANES,
    LEAST,
    REGAINED,
    Lanes,
    LearntRate,
    Pacer,
    RateLimit,
    RoundTrips,
    Turn,
)
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

TEN = RateLimit(10)
GUARD, LATEST, SPACING = 0.005, 0.25, 0.098


# ---------------------------------------------------------------------------------------------- the allowance


@pytest.mark.parametrize("requests", [1, 2, 10, 500_000])
@pytest.mark.parametrize("per", [0.001, 1, 1.0, 60, 86_400, 86_400.0])
def test_an_allowance_is_a_count_in_a_time(requests, per):
    """From one request, up to a day."""
    assert (RateLimit(requests, per=per).requests, RateLimit(requests, per=per).per) == (requests, per)


def test_an_allowance_is_per_second_unless_said():
    """As the provider's is."""
    assert RateLimit(10) == RateLimit(10, per=1.0)


@pytest.mark.parametrize(
    "requests", [0, -1, True, False, 1.0, 10.5, math.nan, "10", None, pytest.param(-(10**5000), id="5001 digits")]
)
def test_an_allowance_of_no_requests_is_refused(requests):
    """By name."""
    with pytest.raises(ConfigurationError, match="RateLimit: requests must be an int of at least 1; got ") as caught:
        RateLimit(requests)

    assert str(caught.value).endswith(shown(requests))


@pytest.mark.parametrize(
    "per",
    [
        0,
        0.0,
        -1,
        -0.001,
        86_400.001,
        86_401,
        math.inf,
        math.nan,
        True,
        "1",
        None,
        pytest.param(10**5000, id="5001 digits"),
    ],
)
def test_an_allowance_in_no_time_is_refused(per):
    """By name, and so is a time that no number of the clock could be added to."""
    with pytest.raises(
        ConfigurationError, match="RateLimit: per must be seconds above 0, at most a day; got "
    ) as caught:
        RateLimit(10, per=per)

    assert str(caught.value).endswith(shown(per))


def test_the_period_is_named():
    """RateLimit(10, 1) could be read either way round."""
    with pytest.raises(TypeError):
        RateLimit(10, 1.0)


def test_an_allowance_does_not_change():
    """Sessions share it."""
    with pytest.raises(FrozenInstanceError):
        TEN.requests = 11


def test_the_constants_of_the_law_are_named():
    """A change of one has to be meant: the figures of the simulation below belong to these."""
    assert (rate.GUARD, rate.LATEST, rate.SPACING, rate.UNTAUGHT, rate.DOUBT) == (GUARD, LATEST, 0.98, 10, 3.0)
    assert (rate.REMEMBERED, rate.BULK_AFTER, rate.LONGEST_PERIOD) == (500, 9, 86_400.0)
    assert (rate.LEAST, rate.REGAINED) == (0.05, 100.0)
    assert LANES == ("interactive", "bulk")


# ---------------------------------------------------------------------------------------------- slots


def full(now: float = 0.0, *, limit: RateLimit = TEN, endpoint: str = "read") -> tuple[Pacer, list[Turn]]:
    """Take every turn there is at one moment."""
    pacer = Pacer(limit)
    return pacer, [pacer.take(now, endpoint) for _ in range(limit.requests)]


def taught(pacer: Pacer, *round_trips: float, endpoint: str = "read") -> None:
    """Let answers to earlier requests have taken *round_trips*, long ago."""
    for i, round_trip in enumerate(round_trips):
        now = -1000.0 + 2 * i
        turn = pacer.take(now, endpoint)
        pacer.sent(turn, now)
        pacer.answered(turn, now + round_trip)


def test_a_fresh_allowance_is_there_at_once():
    """All of it, without any spacing, where nobody waits."""
    pacer = Pacer(TEN)

    assert pacer.ready_at(spaced=False) == pacer.ready_at(spaced=True) == -math.inf
    for _ in range(10):
        assert pacer.ready_at(spaced=False) <= 5.0
        pacer.take(5.0, "read")


def test_when_all_slots_are_held_there_is_no_turn_until_there_is_news():
    """A request that has not left yet can arrive at any time."""
    pacer, _ = full()

    assert pacer.ready_at(spaced=False) == math.inf


def test_between_turns_there_is_a_little_less_than_the_even_distance_while_somebody_waits():
    """Ninety-eight milliseconds of a hundred."""
    pacer = Pacer(TEN)
    pacer.take(7.0, "read")

    assert pacer.ready_at(spaced=True) == 7.0 + SPACING
    assert pacer.ready_at(spaced=False) == -math.inf


def test_a_sent_request_frees_its_slot_by_itself():
    """A period after the latest moment at which it is believed to arrive."""
    pacer, turns = full()
    pacer.sent(turns[3], 2.0)

    assert pacer.ready_at(spaced=False) == pytest.approx(2.0 + 1 + GUARD + LATEST)


@pytest.mark.parametrize(
    ("round_trip", "late"),
    [(0.0, 0.0), (0.1, 0.1), (0.249, 0.249), (0.25, 0.25), (0.251, LATEST), (10.0, LATEST)],
)
def test_before_anything_is_known_a_whole_round_trip_counts_as_lateness(round_trip, late):
    """Up to what is believable: a slow answer is not a late arrival."""
    pacer, turns = full()
    pacer.sent(turns[0], 2.0)
    pacer.answered(turns[0], 2.0 + round_trip)

    assert pacer.ready_at(spaced=False) == pytest.approx(2.0 + 1 + GUARD + late)


@pytest.mark.parametrize(("before", "late"), [(9, 0.1), (10, 0.0), (11, 0.0)])
def test_after_ten_answers_only_what_goes_beyond_the_fastest_counts(before, late):
    """Here all took the same, so that there is nothing to doubt."""
    round_trips = RoundTrips(LATEST)
    for _ in range(before):
        round_trips.lateness(0.1)

    assert round_trips.lateness(0.1) == pytest.approx(late)


@pytest.mark.parametrize(
    ("seen", "round_trip", "late"),
    [
        ([0.1] * 10, 0.15, 0.05),
        ([0.1] * 10, 0.35, 0.25),
        ([0.1] * 10, 0.36, 0.25),
        ([0.1] * 10, 0.09, 0.0),
        ([0.1] + [0.12] * 15, 0.12, 0.02 + 3 * (0.02 * 15 / 16) / 4),
        ([0.1] + [0.12] * 99, 0.1, 3 * (0.02 * 99 / 100) / 10),
        ([0.1] + [0.12] * 99, 0.2, 0.1 + 3 * (0.02 * 99 / 100) / 10),
        ([0.1] + [30.0] + [0.1] * 98, 0.1, 3 * (0.25 / 100) / 10),
        ([0.1] * 9 + [30.0], 0.1, 3 * (0.25 / 10) / math.sqrt(10)),
        ([0.3] * 99 + [0.1], 0.1, 0.0),
    ],
)
def test_what_was_seen_is_doubted_the_more_it_varied_and_the_fewer_it_was(seen, round_trip, late):
    """Three times the mean lateness over the root of their number; one endless answer counts as the latest."""
    round_trips = RoundTrips(LATEST)
    for one in seen:
        round_trips.lateness(one)

    assert round_trips.lateness(round_trip) == pytest.approx(late)


@pytest.mark.parametrize(
    ("since", "least", "most"),
    [(0, 0.2, 0.25), (998, 0.2, 0.25), (999, 0.0, 0.03), (1498, 0.0, 0.03), (1499, 0.0, 0.0)],
)
def test_one_freak_answer_is_forgotten(since, least, most):
    """A thousand answers later; else every one after it would look late for ever."""
    round_trips = RoundTrips(LATEST)
    for one in [0.3] * 500 + [0.1] + [0.3] * since:
        round_trips.lateness(one)

    assert least <= round_trips.lateness(0.3) + 1e-12 <= most + 1e-9


def test_every_endpoint_has_its_own_speed():
    """The fastest read says nothing about how long a create takes."""
    pacer = Pacer(TEN)
    taught(pacer, *[0.01] * 20, endpoint="read")
    turn = pacer.take(0.0, "create")
    pacer.sent(turn, 0.0)
    pacer.answered(turn, 0.2)

    assert turn.free_at == pytest.approx(1 + GUARD + 0.2)


def test_a_pacer_learns_from_the_moment_of_leaving():
    """Not from that of taking the turn: the time between is spent here."""
    pacer = Pacer(TEN)
    taught(pacer, *[0.1] * 10)
    turn = pacer.take(0.0, "read")
    pacer.sent(turn, 3.0)
    pacer.answered(turn, 3.15)

    assert turn.free_at == pytest.approx(3.0 + 1 + GUARD + 0.05)


def test_an_answer_to_a_request_that_did_not_say_when_it_left_tells_only_that_it_has_arrived():
    """As late as the answer itself, whatever the round trip."""
    pacer, turns = full()
    pacer.answered(turns[0], 9.0)

    assert pacer.ready_at(spaced=False) == pytest.approx(9.0 + 1 + GUARD)
    assert not turns[0].is_sent


def test_a_lost_request_may_have_arrived_until_now():
    """However long ago it left."""
    pacer, turns = full()
    pacer.sent(turns[0], 0.0)
    pacer.lost(turns[0], 0.7)

    assert pacer.ready_at(spaced=False) == pytest.approx(0.7 + 1 + GUARD)


def test_a_request_that_never_left_gives_its_slot_back_at_once():
    """It cannot have arrived."""
    pacer, turns = full()
    pacer.give_back(turns[6], 0.3)

    assert pacer.ready_at(spaced=False) == 0.3
    assert pacer.take(0.3, "read").slot == 6
    assert pacer.ready_at(spaced=False) == math.inf


def test_the_slot_that_comes_free_first_is_the_next():
    """Whoever was answered first."""
    pacer, turns = full()
    for turn, moment in zip(turns[:3], (0.03, 0.01, 0.02), strict=True):
        pacer.sent(turn, moment)

    assert pacer.ready_at(spaced=False) == pytest.approx(0.01 + 1 + GUARD + LATEST)
    assert [pacer.take(5.0, "read").slot for _ in range(3)] == [1, 2, 0]


def test_a_slot_whose_turn_was_moved_is_not_free_at_its_old_moment():
    """An answer or a loss replaces what was assumed when it left."""
    pacer, turns = full()
    pacer.sent(turns[0], 0.0)
    pacer.answered(turns[0], 0.1)
    assert pacer.ready_at(spaced=False) == pytest.approx(1 + GUARD + 0.1)

    pacer.lost(turns[0], 4.0)
    assert pacer.ready_at(spaced=False) == pytest.approx(5 + GUARD)


def test_a_slot_is_never_given_twice():
    """What is left of its earlier moments is passed over, also while there are slots that nobody had yet."""
    pacer = Pacer(TEN)
    turn = pacer.take(0.0, "read")
    pacer.sent(turn, 0.0)
    pacer.answered(turn, 0.1)

    assert [pacer.take(5.0, "read").slot for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("news", ["sent", "answered", "lost", "give_back"])
def test_news_of_a_request_whose_slot_has_a_new_holder_changes_nothing(news):
    """It came free by itself, somebody else has it, and their request is still to leave."""
    pacer, turns = full()
    pacer.sent(turns[0], 0.0)
    pacer.take(2.0, "read")
    getattr(pacer, news)(turns[0], 2.1)

    assert pacer.ready_at(spaced=False) == math.inf


def test_a_late_answer_still_teaches():
    """Its slot has a new holder, but its round trip was one."""
    pacer, turns = full()
    for turn in turns:
        pacer.sent(turn, 0.0)
    retaken = [pacer.take(2.0, "read") for _ in turns]
    for turn in turns:
        pacer.answered(turn, 3.0)
    pacer.sent(retaken[0], 3.0)
    pacer.answered(retaken[0], 6.0)

    assert retaken[0].free_at == pytest.approx(3.0 + 1 + GUARD)


def test_a_pause_holds_everybody_and_is_never_shortened():
    """Slots and spacing do not matter meanwhile."""
    pacer = Pacer(TEN)
    pacer.pause(50.0)
    pacer.pause(20.0)

    assert pacer.ready_at(spaced=False) == pacer.ready_at(spaced=True) == pacer.paused_until == 50.0

    pacer.pause(60.0)
    assert pacer.ready_at(spaced=False) == 60.0


def test_a_pause_does_not_free_a_slot():
    """After it, whatever was held is held."""
    pacer, turns = full()
    pacer.pause(0.5)
    assert pacer.ready_at(spaced=False) == math.inf

    pacer.sent(turns[0], 0.0)
    assert pacer.ready_at(spaced=False) == pytest.approx(1 + GUARD + LATEST)


@pytest.mark.parametrize(("requests", "per"), [(1000, 60.0), (2, 0.1), (4, 3600.0), (500_000, 86_400.0)])
def test_every_margin_grows_with_the_period(requests, per):
    """Guard, lateness and spacing are shares of it."""
    pacer = Pacer(RateLimit(requests, per=per))
    turn = pacer.take(0.0, "read")
    assert pacer.ready_at(spaced=True) == pytest.approx(0.98 * per / requests)

    pacer.sent(turn, 0.0)
    assert turn.free_at == pytest.approx(per * (1 + GUARD + LATEST))

    pacer.answered(turn, 10 * per)
    assert turn.free_at == pytest.approx(per * (1 + GUARD + LATEST))

    pacer.lost(turn, 2 * per)
    assert turn.free_at == pytest.approx(per * (3 + GUARD))


def test_after_a_long_sleep_there_is_one_allowance_and_not_more():
    """A process that was stopped for ten minutes does not catch up."""
    pacer, turns = full()
    for turn in turns:
        pacer.sent(turn, 0.0)
        pacer.answered(turn, 0.02)
    again = 0
    while pacer.ready_at(spaced=False) <= 600.0:
        pacer.take(600.0, "read")
        again += 1

    assert again == 10


def test_a_thousand_turns_need_no_more_than_their_slots():
    """Old entries do not pile up."""
    pacer = Pacer(RateLimit(3))
    now = 0.0
    for _ in range(1000):
        now = max(now, pacer.ready_at(spaced=True))
        turn = pacer.take(now, "read")
        pacer.sent(turn, now)
        pacer.answered(turn, now + 0.01)

    assert len(pacer._holders) == 3
    assert len(pacer._free) < 20


# ---------------------------------------------------------------------------------------------- what a refusal teaches


def test_each_refusal_halves_the_rate_down_to_a_floor():
    """A twentieth of the allowance: it never stops."""
    learnt, found = LearntRate(TEN), []
    for moment in range(1, 8):
        learnt.refused(moment - 0.5, moment)
        found.append(learnt.requests)

    assert found == [5, 2.5, 1.25, 0.625, 0.5, 0.5, 0.5]
    assert found[-1] == LEAST * 10


@pytest.mark.parametrize(
    ("taken_at", "news"), [(-math.inf, False), (1.0, False), (2.0, False), (2.001, True), (2.5, True)]
)
def test_a_refusal_of_a_turn_from_before_the_last_halving_is_no_news(taken_at, news):
    """Several that were sent in one moment are refused in one, and count once."""
    learnt = LearntRate(TEN)
    assert learnt.refused(0.5, 2.0)

    assert learnt.refused(taken_at, 3.0) is news
    assert learnt.requests == (2.5 if news else 5)


@pytest.mark.parametrize(("requests", "per"), [(10, 1.0), (3, 1.0), (1, 1.0), (1000, 60.0)])
def test_half_the_allowance_is_regained_in_half_a_hundred_periods_of_work(requests, per):
    """Evenly, whatever the number of answers; then it is whole, and stays so."""
    for answers in (50, 80, 500):
        learnt, found = LearntRate(RateLimit(requests, per=per)), []
        learnt.refused(-1.0, 0.0)
        for i in range(1, answers + 1):
            learnt.answered(0.5, i * 50 * per / answers)
            found.append(learnt.requests)

        assert found == pytest.approx([requests * (0.5 + 0.5 * i / answers) for i in range(1, answers + 1)])
        learnt.answered(0.5, 51 * per)
        assert learnt.requests == requests
        assert not learnt.answered(0.5, 52 * per)


@pytest.mark.parametrize(
    ("halvings", "gap", "counted"),
    [(1, 0.3, 0.3), (1, 1.0, 1.0), (1, 1.1, 1.0), (1, 5000.0, 1.0), (5, 1.9, 1.9), (5, 2.0, 2.0), (5, 2.1, 2.0)],
)
def test_time_in_which_nothing_is_answered_proves_nothing(halvings, gap, counted):
    """Of a gap counts one period, or the distance of two turns where that is longer."""
    learnt = LearntRate(TEN)
    for moment in range(halvings):
        learnt.refused(moment - 0.5, moment)
    before = learnt.requests
    learnt.answered(halvings, halvings - 1 + gap)

    assert learnt.requests - before == pytest.approx(10 * counted / REGAINED)


def test_an_answer_to_a_turn_from_before_the_halving_proves_nothing():
    """It says how it was before."""
    learnt = LearntRate(TEN)
    learnt.refused(1.0, 2.0)

    assert not learnt.answered(2.0, 2.5)
    assert learnt.requests == 5


def refused(pacer: Pacer, times: int, *, since: float = -1000.0) -> Pacer:
    """Let so many requests have been refused, one long after the other."""
    for i in range(times):
        now = since + 20 * i
        turn = pacer.take(now, "other")
        pacer.sent(turn, now)
        pacer.answered(turn, now)
        pacer.refused(now)
    return pacer


def takeable(pacer: Pacer, now: float) -> list[Turn]:
    """Take every turn there is at *now*."""
    turns = []
    while pacer.ready_at(spaced=False) <= now:
        turns.append(pacer.take(now, "read"))
    return turns


RATES = [
    (0, 10.0, 10, 1.0),
    (1, 5.0, 5, 1.0),
    (2, 2.5, 3, 1.2),
    (3, 1.25, 2, 1.6),
    (4, 0.625, 1, 1.6),
    (5, 0.5, 1, 2.0),
]


@pytest.mark.parametrize(("refusals", "rate", "slots", "held"), RATES)
def test_a_lower_rate_has_fewer_slots_that_are_held_for_longer_and_turns_further_apart(refusals, rate, slots, held):
    """So that slots over seconds is the rate exactly, and never more than its next whole number in a period."""
    assert slots / held == rate
    pacer = Pacer(TEN)
    for turn in takeable(pacer, -2000.0):  # every slot has been held
        pacer.lost(turn, -2000.0)
    turns = takeable(refused(pacer, refusals), 0.0)

    assert (pacer.rate, len(turns)) == (rate, slots)
    for turn in turns:
        pacer.lost(turn, 0.0)
    assert pacer.ready_at(spaced=False) == pytest.approx(held + GUARD)

    pacer.give_back(pacer.take(2.1, "read"), 2.1)
    assert pacer.ready_at(spaced=True) == pytest.approx(2.1 + 0.98 / rate)


def test_slots_in_use_are_parked_as_they_come_free():
    """A halving while all ten are under way leaves five, and those are the last ones."""
    pacer, turns = full()
    for i, turn in enumerate(turns):
        pacer.sent(turn, i / 100)
    pacer.answered(turns[0], 0.02)
    pacer.refused(0.02)

    assert pacer.ready_at(spaced=False) == pytest.approx(0.05 + 1 + GUARD + LATEST)
    assert [turn.slot for turn in takeable(pacer, 2.0)] == [5, 6, 7, 8, 9]


def test_news_of_a_parked_slot_is_kept_for_its_return():
    """It comes back free when it would have been."""
    pacer = Pacer(RateLimit(2))
    first, second = takeable(pacer, 0.0)
    pacer.sent(first, 0.0)
    pacer.sent(second, 0.0)
    pacer.answered(second, 0.0)
    pacer.refused(0.0)  # one slot from here on: that of the second is free first, and parked
    assert pacer.ready_at(spaced=False) == pytest.approx(1 + GUARD + LATEST)

    pacer.lost(second, 0.1)
    assert pacer.ready_at(spaced=False) == pytest.approx(1 + GUARD + LATEST)

    pacer.lost(second, 3.0)
    third = pacer.take(2.0, "read")
    pacer.sent(third, 2.0)
    pacer.answered(third, 2.0)
    assert pacer.rate == 1.02  # so both slots are in use
    assert pacer.ready_at(spaced=False) == pytest.approx(2.0 + 1 + GUARD)

    pacer.take(3.1, "read")
    assert pacer.ready_at(spaced=False) == pytest.approx(3.0 + 1 + GUARD)


def test_an_answer_that_was_a_refusal_has_brought_nothing():
    """Refused again and again, it is halved each time, exactly."""
    assert [refused(Pacer(TEN), times).rate for times in range(6)] == [10, 5, 2.5, 1.25, 0.625, 0.5]


def test_a_turn_of_a_slot_that_nobody_had_yet_is_as_new_as_any():
    """What counts is when it was taken."""
    pacer = Pacer(TEN)
    pacer.take(1.0, "read")
    for moment in (2.0, 3.0):
        pacer.answered(pacer.take(moment, "read"), moment + 0.5)
        pacer.refused(moment + 0.5)

    assert pacer.rate == 2.5


def test_a_pause_that_answers_no_request_of_ours_halves_nothing():
    """The rate is what our own requests have taught."""
    pacer = Pacer(TEN)
    pacer.refused(0.0)

    assert pacer.rate == 10


EVENTS = st.tuples(
    st.sampled_from(
        ["take", "take", "take", "sent", "sent", "answered", "answered", "lost", "give_back", "refused", "pause"]
    ),
    st.integers(0, 20),
    st.floats(0, 0.7),
)


@given(st.lists(EVENTS, max_size=150), st.integers(1, 12))
def test_whatever_happens_no_slot_is_lost_and_none_is_held_twice(events, requests):
    """There are never more holders than the allowance, and in the end as many turns as the rate has."""
    pacer, now = Pacer(RateLimit(requests)), 0.0
    taken: list[Turn] = []
    under_way: list[Turn] = []
    for what, which, seconds in events:
        now += seconds
        if what == "take":
            if pacer.ready_at(spaced=False) <= now:
                taken.append(pacer.take(now, "read"))
                under_way.append(taken[-1])
        elif what == "pause":
            pacer.pause(now + seconds)
        elif what == "refused":
            pacer.refused(now)
        elif under_way:
            turn = under_way[which % len(under_way)]
            if what in ("sent", "give_back") and turn.is_sent:
                continue
            getattr(pacer, what)(turn, now)
            if what != "sent":
                under_way.remove(turn)
        assert sum(turn.free_at > now for turn in taken) <= requests
        assert LEAST * requests <= pacer.rate <= requests
    for turn in under_way:
        pacer.answered(turn, now)

    assert len(takeable(pacer, now + 1000)) == math.ceil(pacer.rate)


# ---------------------------------------------------------------------------------------------- lanes


def lanes_of(interactive: int, bulk: int) -> Lanes[str]:
    lanes: Lanes[str] = Lanes()
    for i in range(interactive):
        lanes.join("interactive", f"i{i}")
    for i in range(bulk):
        lanes.join("bulk", f"b{i}")
    return lanes


@pytest.mark.parametrize(
    ("interactive", "bulk", "order"),
    [
        (3, 0, "iii"),
        (0, 3, "bbb"),
        (2, 3, "iibbb"),
        (9, 2, "iiiiiiiiibb"),
        (10, 2, "iiiiiiiiibib"),
        (19, 3, "iiiiiiiiibiiiiiiiiibib"),
        (30, 1, "iiiiiiiiibiiiiiiiiiiiiiiiiiiiii"),
    ],
)
def test_interactive_goes_first_and_every_tenth_turn_is_bulks(interactive, bulk, order):
    """While both wait."""
    lanes = lanes_of(interactive, bulk)
    taken = [lanes.next() for _ in range(len(lanes))]

    assert "".join(name[0] for name in taken) == order
    assert [int(name[1:]) for name in taken if name[0] == "i"] == list(range(interactive))
    assert [int(name[1:]) for name in taken if name[0] == "b"] == list(range(bulk))


def test_turns_that_were_taken_while_no_bulk_waited_do_not_count():
    """Bulk comes to nine interactive turns and not to a turn at once."""
    lanes = lanes_of(40, 0)
    for _ in range(20):
        lanes.next()
    lanes.join("bulk", "b0")

    assert [lanes.next()[0] for _ in range(10)] == ["i"] * 9 + ["b"]


def test_a_bulk_turn_starts_the_count_anew():
    """Also one that was taken because nobody else waited."""
    lanes = lanes_of(8, 3)
    for _ in range(9):
        lanes.next()
    for i in range(12):
        lanes.join("interactive", f"x{i}")

    assert [lanes.next()[0] for _ in range(11)] == ["x"] * 9 + ["b", "x"]


@pytest.mark.parametrize("lane", LANES)
def test_whoever_was_refused_goes_first_and_in_order(lane):
    """Before those of the lane who had no turn yet; of two who were refused, the first one first."""
    lanes: Lanes[str] = Lanes()
    for name in ("a", "b", "c"):
        lanes.join(lane, name)
    for name in ("refused", "refused too"):
        lanes.join(lane, name, again=True)

    assert (lanes.waiting(lane), sorted(lanes.heads())) == (5, ["a", "refused"])
    assert [lanes.next() for _ in range(len(lanes))] == ["refused", "refused too", "a", "b", "c"]
    assert list(lanes.heads()) == []


def test_whoever_was_refused_may_leave_too():
    """And is not served."""
    lanes = lanes_of(1, 0)
    lanes.join("interactive", "refused", again=True)
    lanes.leave("interactive", "refused")

    assert (len(lanes), lanes.next()) == (1, "i0")


def test_to_leave_costs_the_same_wherever_one_stands():
    """Nobody else is looked at: a crowd that is cancelled together must not take the square of its time."""
    looked_at: list[int] = []

    @define(eq=False)
    class Waiter:
        number: int

        def __eq__(self, other: object) -> bool:
            looked_at.append(self.number)
            return self is other

        def __hash__(self) -> int:
            return self.number

    lanes: Lanes[Waiter] = Lanes()
    crowd = [Waiter(number) for number in range(1000)]
    for waiter in crowd:
        lanes.join("bulk", waiter)
    for waiter in reversed(crowd):
        lanes.leave("bulk", waiter)

    assert (len(lanes), looked_at) == (0, [])


def test_bulk_that_was_due_and_left_holds_nobody_up():
    """The turn goes to the next interactive call."""
    lanes = lanes_of(11, 1)
    for _ in range(9):
        lanes.next()
    lanes.leave("bulk", "b0")

    assert [lanes.next(), lanes.next()] == ["i9", "i10"]


def test_who_leaves_is_not_served():
    """And the others move up."""
    lanes = lanes_of(3, 2)
    lanes.leave("interactive", "i0")
    lanes.leave("bulk", "b0")
    lanes.leave("bulk", "b0")  # gone already

    assert (len(lanes), lanes.waiting("interactive"), lanes.waiting("bulk")) == (3, 2, 1)
    assert [lanes.next() for _ in range(3)] == ["i1", "i2", "b1"]
    assert len(lanes) == 0


@given(st.lists(st.sampled_from(["interactive", "bulk", "turn", "turn", "leave"]), max_size=300))
def test_whatever_happens_the_two_lanes_keep_their_promise(events):
    """First come first served within a lane; bulk never has two turns in a row before a waiting interactive call, nor
    interactive ten in a row before waiting bulk."""
    lanes: Lanes[int] = Lanes()
    queues: dict[str, deque[int]] = {lane: deque() for lane in LANES}
    behind = dict.fromkeys(LANES, 0)  # turns of the other lane in a row, while somebody of this one waits
    number = itertools.count()
    for event in events:
        if event in LANES:
            queues[event].append(next(number))
            lanes.join(event, queues[event][-1])
        elif event == "leave":
            lane = max(LANES, key=lambda lane: len(queues[lane]))
            if queues[lane]:
                lanes.leave(lane, queues[lane].pop())
        elif len(lanes):
            taken = lanes.next()
            mine, other = ("interactive", "bulk") if taken in queues["interactive"] else ("bulk", "interactive")
            assert queues[mine].popleft() == taken
            behind[mine] = 0
            behind[other] = behind[other] + 1 if queues[other] else 0
        for lane in LANES:
            behind[lane] = behind[lane] if queues[lane] else 0
        assert behind["interactive"] <= 1
        assert behind["bulk"] <= BULK_AFTER


# ---------------------------------------------------------------------------------------------- the judge at the server


@define
class Judge:
    """Counts what arrives in any rolling period, as the provider does; what is refused counts as well."""

    limit: RateLimit
    arrived: int = 0
    refused: int = 0
    _last: deque[float] = field(factory=deque)

    def arrive(self, now: float) -> bool:
        """Tell whether it is refused."""
        while self._last and now - self._last[0] >= self.limit.per:
            self._last.popleft()
        self._last.append(now)
        self.arrived += 1
        refused = len(self._last) > self.limit.requests
        self.refused += refused
        return refused


@define
class World:
    """Callers without end, a network with delays of its own each way, and the judge; all in virtual time."""

    chance: random.Random
    jitter: Callable[[random.Random], float]
    limit: RateLimit = TEN
    endpoints: tuple[str, ...] = ("read",)
    base: float = 0.02
    """Seconds that the fastest request takes one way."""
    work: Callable[[random.Random], float] = lambda _: 0.0
    """Seconds that the provider takes to answer."""
    turns: list[float] = field(factory=list)
    persons: deque[float] = field(factory=deque)
    """Moments at which an interactive call comes; all others are bulk."""
    waits: list[float] = field(factory=list)
    """How long those waited for their turns."""

    def run(self, seconds: float) -> Judge:
        pacer, judge = Pacer(self.limit), Judge(self.limit)
        coming: list[tuple[float, int, bool, Turn]] = []
        number = itertools.count()
        now = 0.0
        while now < seconds:
            ready_at = max(now, pacer.ready_at(spaced=now > 0))  # it begins with a burst
            if coming and coming[0][0] <= ready_at:
                now, _, arrives, turn = heapq.heappop(coming)
                if arrives:
                    judge.arrive(now)
                    back = now + self.work(self.chance) + self.base + self.jitter(self.chance)
                    heapq.heappush(coming, (back, next(number), False, turn))
                else:
                    pacer.answered(turn, now)
            else:
                now = ready_at
                self.turns.append(now)
                if self.persons and self.persons[0] <= now:  # interactive before bulk
                    self.waits.append(now - self.persons.popleft())
                turn = pacer.take(now, self.chance.choice(self.endpoints))
                pacer.sent(turn, now)
                there = now + self.base + self.jitter(self.chance)
                heapq.heappush(coming, (there, next(number), True, turn))
        return judge


def spiky(chance: random.Random) -> float:
    return 0.05 if chance.random() < 0.05 else chance.uniform(0, 0.002)


SEEDS, SECONDS = 30, 60.0
NETWORKS: dict[str, tuple[Callable[[random.Random], float], float, float]] = {
    "no jitter": (lambda _: 0.0, 0.98, 0),
    "0 to 5 ms": (lambda chance: chance.uniform(0, 0.005), 0.98, 0),
    "one in twenty 50 ms": (spiky, 0.96, 0),
    "0 to 50 ms": (lambda chance: chance.uniform(0, 0.05), 0.91, 0),
    "0 to 200 ms": (lambda chance: chance.uniform(0, 0.2), 0.79, 0.2),
}
"""The delay beyond the fastest, each way; the share of the allowance that is used at least; refusals in a thousand at
most: beyond the quarter of a second that is believed of both ways together, chance may have its way."""


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("endpoints", [("read",), ("read", "list", "create", "token")], ids=["one endpoint", "four"])
def test_no_period_at_the_server_ever_holds_more_than_the_allowance(network, endpoints):
    """Thirty minutes of callers without end, from the first burst on; and little of the allowance is left unused."""
    jitter, share, refused = NETWORKS[network]
    judges = [World(random.Random(seed), jitter, endpoints=endpoints).run(SECONDS) for seed in range(SEEDS)]

    arrived = sum(judge.arrived for judge in judges)
    assert sum(judge.refused for judge in judges) <= refused * arrived / 1000
    assert arrived >= share * 10 * SECONDS * SEEDS


@pytest.mark.parametrize("limit", [RateLimit(1), RateLimit(2), RateLimit(100), RateLimit(20, per=2.0)], ids=str)
def test_the_law_holds_for_every_allowance(limit):
    """From one a second to a hundred."""
    jitter = NETWORKS["0 to 5 ms"][0]
    judges = [World(random.Random(seed), jitter, limit=limit).run(SECONDS) for seed in range(5)]

    assert sum(judge.refused for judge in judges) == 0
    assert sum(judge.arrived for judge in judges) >= 0.95 * limit.requests / limit.per * SECONDS * 5


@pytest.mark.parametrize("work", [(0.05, 0.3), (2.0, 2.1), (5.0, 5.0)], ids=str)
def test_slow_answers_cost_a_part_of_the_allowance_and_never_break_it(work):
    """They cannot be told from late arrivals; but no more than a quarter of a period is ever believed."""
    jitter = NETWORKS["0 to 5 ms"][0]
    worlds = [World(random.Random(seed), jitter, work=lambda chance: chance.uniform(*work)) for seed in range(5)]
    judges = [world.run(SECONDS) for world in worlds]

    assert sum(judge.refused for judge in judges) == 0
    assert sum(judge.arrived for judge in judges) >= 0.78 * 10 * SECONDS * 5


def test_the_judge_would_see_a_window_counted_on_our_side():
    """Ten in any second *as sent* become more than ten as they arrive: the simulation shows what it is to show."""
    chance = random.Random(1)
    sent = [second + i * 0.001 for second in range(60) for i in range(10)]
    judge = Judge(TEN)
    for moment in sorted(moment + chance.uniform(0, 0.02) for moment in sent):
        judge.arrive(moment)

    assert judge.refused > 0


def test_while_everybody_waits_turns_come_evenly():
    """There is no burst and no hole behind it."""
    world = World(random.Random(1), NETWORKS["0 to 5 ms"][0])
    world.run(60.0)
    later = [moment for moment in world.turns if moment > 5]

    gaps = [b - a for a, b in itertools.pairwise(later)]
    assert min(gaps) >= SPACING - 1e-9
    assert max(gaps) <= 0.13


@pytest.mark.parametrize("network", ["no jitter", "0 to 5 ms"])
def test_bulk_work_that_fills_the_account_costs_a_person_a_tenth_of_a_second(network):
    """At 98.5 % use 99 of 100 interactive calls have their turn within 120 ms, and half of them within 60."""
    chance = random.Random(7)
    persons = deque(itertools.accumulate(chance.uniform(0.5, 2.5) for _ in range(1000)))
    world = World(chance, NETWORKS[network][0], persons=persons)
    judge = world.run(seconds := 1500.0)

    waits = sorted(world.waits)
    assert judge.refused == 0
    assert judge.arrived >= 0.985 * 10 * seconds
    assert (waits[len(waits) // 2] <= 0.06, waits[len(waits) * 99 // 100] <= 0.12) == (True, True)
    assert len(waits) > 990
