"""Batches: how a refused one is halved, and what is learnt from it."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viber_async import errors
from viber_async._sansio.batches import MOST_REFUSED, PATIENCE, Batches, Span, add_up, is_about_the_batch, parts
from viber_async._sansio.blacklist import BlacklistAdded, BlacklistRemoved


def sent(count: int, *, most: int = 10**9, bad: frozenset[int] = frozenset(), largest: int = 500):
    """Send *count* phones to a provider that takes *most* at once and refuses *bad*; give its log and the refused."""
    batches, log, refused = Batches(count, largest=largest), [], []
    while (span := batches.take()) is not None:
        assert span.start < span.stop
        fits = len(span) <= most and not bad & set(range(span.start, span.stop))
        log.append((span, fits))
        if fits:
            batches.accepted(span)
        elif batches.refused(span):
            refused.append(span.start)
    return log, refused


@given(
    count=st.integers(0, 300),
    most=st.integers(1, 40),
    bad=st.frozensets(st.integers(0, 299), max_size=6),
    largest=st.integers(1, 40),
)
def test_every_phone_goes_through_once_or_is_refused_alone(
    count: int, most: int, bad: frozenset[int], largest: int
) -> None:
    """Whatever the provider's limit is, and wherever the bad ones stand."""
    log, refused = sent(count, most=most, bad=bad, largest=largest)
    through = [number for span, fits in log if fits for number in range(span.start, span.stop)]

    assert sorted(through + refused) == list(range(count))
    assert sorted(refused) == sorted(number for number in bad if number < count)
    assert through == sorted(through)
    assert max((len(span) for span, _ in log), default=1) <= largest


def test_a_bad_phone_costs_two_requests_a_halving() -> None:
    """And the batches after it have their size still."""
    log, refused = sent(1500, bad=frozenset({700}))

    assert refused == [700]
    assert len(log) <= 3 + 2 * 9
    assert log[-1] == (Span(1000, 1500), True)


def test_a_size_that_is_refused_is_learnt() -> None:
    """The next batches are small, and larger ones are tried less and less often."""
    log, _ = sent(50_000, most=130)
    refused = [i for i, (_, fits) in enumerate(log) if not fits]

    assert len(refused) < 25
    assert max(len(span) for span, fits in log[len(log) // 2 :] if fits) <= 130


def test_batches_grow_back() -> None:
    """A provider that was short of breath for a while is not given small ones for ever."""
    batches = Batches(10**6)
    span = batches.take()
    assert span is not None
    assert not batches.refused(span)
    for _ in range(2):
        half = batches.take()
        assert half is not None
        batches.accepted(half)
    sizes = []
    for _ in range(2 * PATIENCE + 1):
        span = batches.take()
        assert span is not None
        batches.accepted(span)
        sizes.append(len(span))

    assert (sizes[0], sizes[2 * PATIENCE - 1], sizes[-1], batches.size) == (250, 250, 500, 500)


def test_batches_grow_by_doubling_and_wait_anew_before_each() -> None:
    """What was refused is the larger size still."""
    batches = Batches(10**6, largest=1000)
    for fits in (False, False, True, True, False, True, True):
        span = batches.take()
        assert span is not None
        batches.accepted(span) if fits else batches.refused(span)
    sizes = []
    for _ in range(4 * PATIENCE + 1):
        span = batches.take()
        assert span is not None
        batches.accepted(span)
        sizes.append(len(span))

    assert sizes == [250] * 2 * PATIENCE + [500] * 2 * PATIENCE + [1000]


def test_a_bad_phone_in_one_batch_is_no_excuse_for_the_next() -> None:
    """Each is judged by its own halves."""
    log, refused = sent(12, most=3, bad=frozenset({0}), largest=4)

    assert refused == [0]
    assert [len(span) for span, _ in log] == [4, 2, 1, 1, 2, 4, 2, 2, 2, 2]


@pytest.mark.parametrize("way", ["another kind", "one of them"])
def test_hope_is_for_a_hundred_more(way: str) -> None:
    """Whatever went through, the count begins again."""
    batches = Batches(10**6, largest=1)

    def refuse(count: int) -> None:
        for _ in range(count):
            span = batches.take()
            assert span is not None
            assert batches.refused(span)

    refuse(MOST_REFUSED - 1)
    assert not batches.hopeless
    if way == "another kind":
        batches.hope()
    else:
        span = batches.take()
        assert span is not None
        batches.accepted(span)
    refuse(MOST_REFUSED - 1)
    assert not batches.hopeless
    refuse(1)

    assert batches.hopeless


def test_there_is_no_hope_where_nothing_goes_through() -> None:
    """After a hundred refused one by one; one that goes through gives it back."""
    batches = Batches(10_000)
    count = 0
    while not batches.hopeless:
        span = batches.take()
        assert span is not None
        count += batches.refused(span)

    assert count == MOST_REFUSED
    span = batches.take()
    assert span is not None
    batches.accepted(span)
    assert not batches.hopeless


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (errors.BadRequestError(status=400), True),
        (errors.BadRequestError(status=422), True),
        (errors.ApiError(status=413), True),
        (errors.ApiError(status=200), True),
        (errors.ApiError(status=400), True),
        (errors.ApiError(status=422), True),
        (errors.ApiError(status=409), False),
        (errors.ApiError(status=404), False),
        (errors.DecodeError(status=200), False),
        (errors.DecodeError(status=413), False),
        (errors.NotFoundError(status=404), False),
        (errors.PermissionDeniedError(status=403), False),
        (errors.QuotaError(status=200), False),
        (errors.RateLimitError(status=429), False),
        (errors.ServerError(status=500), False),
        (errors.TransportError(), False),
    ],
)
def test_some_errors_are_about_the_batch(error: errors.ViberError, is_it: bool) -> None:
    """Those that another batch may not get."""

    assert is_about_the_batch(error) is is_it


@pytest.mark.parametrize(
    ("answer", "exact", "fits"),
    [
        (BlacklistAdded(2, exists=1), True, True),
        (BlacklistAdded(2, exists=0), True, False),
        (BlacklistAdded(2, exists=0), False, True),
        (BlacklistAdded(2, exists=1), False, True),
        (BlacklistAdded(3, exists=1), False, False),
        (BlacklistRemoved(3), True, True),
        (BlacklistRemoved(0), True, False),
        (BlacklistRemoved(0), False, True),
        (BlacklistRemoved(4), False, False),
    ],
)
def test_counters_of_three_phones_add_up_or_not(
    answer: BlacklistAdded | BlacklistRemoved, exact: bool, fits: bool
) -> None:
    """Those of a repeat are lower bounds."""

    assert add_up(answer, 3, exact=exact) is fits


def test_parts_are_pieces_in_order() -> None:
    """The last one is what is left."""

    assert list(parts(array("q", range(5)), 2)) == [array("q", [0, 1]), array("q", [2, 3]), array("q", [4])]
    assert list(parts(array("q"), 2)) == []
