"""Phones in great numbers: what is looked up, in whichever of two ways; sets of ids; fingerprints."""

from __future__ import annotations

import pickle
import random
import sys
import tracemalloc
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viber_async._sansio.numbers import (
    BUCKETS,
    NO_PHONES,
    PRIME,
    Endings,
    IdSet,
    Index,
    Phones,
    fingerprint,
    together,
    without,
)

NUMBERS = st.integers(10**7, 10**15 - 1)
LISTS = st.lists(NUMBERS, max_size=30)


# Phones


def test_phones_are_a_sequence_of_digit_strings() -> None:
    """Read like a tuple, kept like an array."""
    phones = Phones([380931111111, 442079460958])

    assert list(phones) == ["380931111111", "442079460958"]
    assert (len(phones), phones[1], phones[-2]) == (2, "442079460958", "380931111111")
    assert phones[1:] == Phones([442079460958])
    assert phones.numbers == array("q", [380931111111, 442079460958])
    assert pickle.loads(pickle.dumps(phones)) == phones


@pytest.mark.parametrize(
    ("phone", "there"),
    [("380931111111", True), ("380931111112", False), (380931111111, False), ("", False), ("x", False), ("٣", False)],
)
def test_phones_know_what_they_hold(phone: object, there: bool) -> None:
    """By its digits, and nothing is converted."""

    assert (phone in Phones([380931111111])) is there


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (["380931111111"], True),
        (("380931111111",), True),
        (Phones([380931111111]), True),
        ([380931111111], False),
        (NO_PHONES, False),
        ("380931111111", False),
        (None, False),
    ],
)
def test_phones_equal_what_reads_the_same(other: object, same: bool) -> None:
    """Lists and tuples too."""

    assert (Phones([380931111111]) == other) is same


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "Phones(; 0 in all)"),
        (1, "Phones(3809•••••000; 1 in all)"),
        (4, "000, 3809•••••001, 3809•••••002, ...; 4 in"),
    ],
)
def test_phones_are_shown_masked_and_few(count: int, shown: str) -> None:
    """A plan may stand in a log."""

    assert shown in repr(Phones(range(380931111000, 380931111000 + count)))


# The index


@pytest.mark.parametrize("large", [0, 10**6], ids=["arrays", "set"])
@settings(max_examples=30)
@given(wanted=LISTS, met=LISTS, again=LISTS)
def test_marks_know_what_was_met(large: int, wanted: list[int], met: list[int], again: list[int]) -> None:
    """Whichever way the index is kept: sets say the same. Pages of known phones alone, of others too, twice over."""
    index, known = Index(large=large), set(wanted)
    for number in wanted:
        index.add([number])
    marks, seen = index.marks(), set[int]()
    for page in (wanted[::3], met, again + wanted[::2], wanted[::3]):
        new, others = marks.meet(page)
        assert others == [number for number in page if number not in known]
        assert sorted(new) == sorted(known.intersection(page) - seen)
        seen |= known.intersection(page)
        assert sorted(marks.missing()) == sorted(known - seen)

    assert (len(index), sorted(index)) == (len(known), sorted(known))
    assert all((number in index) == (number in known) for number in met + again)


@pytest.mark.parametrize("large", [0, 10**6], ids=["arrays", "set"])
def test_marks_are_those_of_one_walk(large: int) -> None:
    """Another one begins without any, and neither changes what is looked up."""
    index = Index(large=large)
    index.add([10**7, 10**7 + 1])
    first, second = index.marks(), index.marks()
    first.meet([10**7])

    assert (list(first.missing()), sorted(second.missing())) == ([10**7 + 1], [10**7, 10**7 + 1])
    assert sorted(index) == [10**7, 10**7 + 1]


@pytest.mark.parametrize("large", [0, 10**6], ids=["arrays", "set"])
def test_a_phone_that_stands_twice_on_a_page_is_met_once(large: int) -> None:
    """Its mark goes into a fingerprint, once."""
    index = Index(large=large)
    index.add([10**7, 10**7 + 1, 10**7 + 2])
    marks = index.marks()

    assert [sorted(part) for part in marks.meet([10**7, 10**7])] == [[10**7], []]
    assert [sorted(part) for part in marks.meet([10**7, 10**7 + 1, 10**7 + 1, 7])] == [[10**7 + 1], [7]]
    assert list(marks.missing()) == [10**7 + 2]


def test_neighbours_in_a_bucket_have_marks_of_their_own() -> None:
    """Whichever of them is met."""
    numbers = [10**7 + n * BUCKETS + m for n in range(3) for m in range(2)]
    index = Index(large=0)
    index.add(numbers)

    for number in numbers:
        marks = index.marks()
        marks.meet([number])
        assert sorted(marks.missing()) == [other for other in numbers if other != number]


def test_a_page_of_other_known_phones_is_given_back_as_it_is() -> None:
    """It is nearly every page of nearly every walk."""
    index = Index()
    index.add([10**7, 10**7 + 1, 10**7 + 2])
    page = [10**7, 10**7 + 1]

    assert index.marks().meet(page)[0] is page


@pytest.mark.parametrize("large", [100, 10**6], ids=["arrays", "set"])
def test_the_order_of_what_is_missing_is_that_of_its_numbers(large: int) -> None:
    """Not that of their coming: the same set makes the same batches."""
    numbers = [10**7 + 7 * n for n in range(1000)]
    shuffled = random.Random(1).sample(numbers, len(numbers))
    one, other = Index(large=large), Index(large=large)
    one.add(numbers)
    other.add(shuffled[:200])
    other.add(shuffled[100:])

    assert one.marks().missing() == other.marks().missing()
    assert len(other) == 1000


def test_many_phones_given_at_once_take_no_more_than_many_given_in_pieces() -> None:
    """A run takes up the whole of a plan in one go."""
    numbers = array("q", range(10**7, 10**7 + 300_000))
    index = Index(large=1000)
    tracemalloc.start()
    index.add(numbers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(index) == 300_000
    assert peak < 7_000_000


@pytest.mark.parametrize(("expected", "arrays"), [(0, False), (1000, False), (1001, True)])
def test_where_many_are_expected_there_is_no_set_first(expected: int, arrays: bool) -> None:
    """Its memory would be needed for a moment, beside what is there already."""
    index = Index(expected=expected, large=1000)
    index.add(range(10**7, 10**7 + 1000))

    assert (index._many is not None) is arrays
    assert len(index) == 1000


def test_buckets_are_filled_evenly_by_phones_of_one_operator() -> None:
    """A power of two would not do that for numbers that end alike."""
    places = [number % BUCKETS for number in range(380_500_000_000, 380_600_000_000, 10_000)]

    assert max(map(places.count, set(places))) < 20


# Sets of ids


@given(first=st.lists(st.integers(-3000, 3000)), second=st.lists(st.integers(-(2**63), 2**63)))
def test_a_set_of_ids_is_a_set(first: list[int], second: list[int]) -> None:
    """Close together, far apart, negative."""
    ids = IdSet(first)
    ids.update(second)

    assert len(ids) == len(set(first + second))
    assert set(ids) == set(first + second)
    assert ids.among(range(-3000, 3000)) == set(first + second) & set(range(-3000, 3000))
    assert all(number in ids for number in first + second)


@pytest.mark.parametrize("more", [[15], [5], [25], [5, 25], []])
def test_what_a_set_had_it_keeps(more: list[int]) -> None:
    """Whether what comes stands before, behind or between."""
    ids = IdSet([10, 20])
    ids.update(more)

    assert ids.among(range(100)) == {10, 20, *more}


@given(first=st.sets(st.integers(0, 5000)), second=st.sets(st.integers(0, 5000)))
def test_two_sets_of_ids_make_one(first: set[int], second: set[int]) -> None:
    """A walk does that when it has found its place."""
    ids = IdSet(first)
    ids.update(IdSet(second))

    assert set(ids) == first | second
    assert len(ids) == len(first | second)


@settings(max_examples=20, deadline=None)
@given(
    blocks=st.lists(st.tuples(st.integers(-70_000, 70_000), st.integers(0, 9000), st.integers(1, 3)), max_size=5),
    asked=st.lists(st.integers(-80_000, 100_000)),
)
def test_many_ids_close_together_are_a_set_too(blocks: list[tuple[int, int, int]], asked: list[int]) -> None:
    """In whatever order they come, overlapping or not."""
    ids, truth = IdSet(), set[int]()
    for first, count, step in blocks:
        block = range(first, first + count * step, step)
        ids.update(block)
        truth.update(block)
        assert len(ids) == len(truth)

    assert ids.among(asked) == truth.intersection(asked)
    assert set(IdSet(ids)) == set(ids) == truth


@pytest.mark.parametrize(
    ("number", "there"), [(3, True), (4, False), (500_000, False), (10**6, True), (10**6 - 1, False)]
)
def test_between_the_ids_there_may_be_none(number: int, there: bool) -> None:
    """Neither beside one, nor where there are no neighbours at all."""

    assert (number in IdSet([10**6, 3])) is there


@pytest.mark.parametrize("step", [1, 20])
def test_a_set_knows_whom_it_has_and_has_not(step: int) -> None:
    """Whether the neighbours share a map of bits, or an array: beside each one, at its ends, and beyond."""
    ids = IdSet(each * step for each in range(60_000 // step) if each % 3)
    asked = {-1, 0, step, step + 1, 2 * step, 3 * step, 3 * step + 1, 59_999, 60_000, 2**16 - 1, 2**16 + step}

    assert ids.among(asked) == {each for each in asked if 0 <= each < 60_000 and not each % step and each // step % 3}


@pytest.mark.parametrize(("step", "most"), [(1, 0.2), (10, 2), (100, 2.5), (1000, 6)])
def test_ids_that_come_in_order_take_hardly_any_memory(step: int, most: float) -> None:
    """A table that many accounts share has gaps: bytes for each of a hundred thousand."""
    ids = IdSet()
    for start in range(164, 164 + 100_000 * step, 1000 * step):
        ids.update(range(start, start + 1000 * step, step))
    held = sum(sys.getsizeof(each) + 32 for each in ids._containers.values()) + sys.getsizeof(ids._containers)

    assert len(ids) == 100_000
    assert held / 100_000 < most


# Endings


@pytest.mark.parametrize(
    "text",
    [
        "0931234567",
        "(093) 123-45-67",
        "+38 (0)93 123 45 67",
        "380931234567.0",
        "call 093 123 45 67 2024-01-02",
        "380931234567,Olena",
        "380939999999,380931234567",
        "1234567",
    ],
)
def test_a_phone_is_known_by_its_ending_however_it_is_written(text: str) -> None:
    """Nothing else is, but by chance."""
    endings = Endings()
    endings.add(text)

    assert endings.among([380931234567, 380931234568, 380937654321, 4420]) == {380931234567}


def test_endings_that_stand_side_by_side_are_all_known() -> None:
    """Every one of them, and none that is shorter."""
    endings = Endings()
    for ending in range(1234560, 1234568):
        endings.add(str(ending))

    assert endings.among(range(380931234550, 380931234580)) == set(range(380931234560, 380931234568))
    assert endings.among(380930000000 + ending % 10**6 for ending in range(1234560, 1234568)) == set()


@pytest.mark.parametrize("text", ["", "n/a", "123 456", "12,34,56,71,23,45,67"])
def test_a_text_without_seven_digits_together_means_nobody(text: str) -> None:
    """And costs no memory."""
    endings = Endings()
    endings.add(text)

    assert endings.among(range(10**7)) == set()


# Fingerprints


@given(numbers=LISTS, more=LISTS, salt=st.integers(1, PRIME - 1))
def test_a_fingerprint_is_that_of_the_list_in_any_order(numbers: list[int], more: list[int], salt: int) -> None:
    """And the lists can be put together and taken apart."""
    whole = fingerprint(numbers + more, salt)

    assert whole == fingerprint(sorted(more + numbers), salt)
    assert whole == together(fingerprint(numbers, salt), fingerprint(more, salt))
    assert without(whole, fingerprint(more, salt)) == fingerprint(numbers, salt)


@given(numbers=st.sets(NUMBERS, min_size=2), salt=st.integers(1, PRIME - 1))
def test_another_list_has_another_fingerprint(numbers: set[int], salt: int) -> None:
    """One number off, one missing, one twice, two whose sum stays the same."""
    first, second, *rest = sorted(numbers)
    whole = fingerprint(numbers, salt)

    assert whole != fingerprint([first + 1, second, *rest], salt)
    assert whole != fingerprint([second, *rest], salt)
    assert whole != fingerprint([first, *numbers], salt)
    assert (whole != fingerprint([first - 1, second + 1, *rest], salt)) is True
