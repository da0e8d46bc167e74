"""When a sync must not begin: every guard on both sides of its edge."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from viber_async._sansio.guards import (
    CLOCK_SLACK,
    EXPIRES,
    Facts,
    allowed_removals,
    check,
    check_account,
    check_age,
    moved,
    respelled,
)
from viber_async._sansio.paging import WalkReport
from viber_async._sansio.terms import Terms
from viber_async.errors import SyncRefusedError

B = 380_500_000_000
WALK = WalkReport(rows=1, distinct=1, duplicates=0, repairs=0, requests=1, total_first=1, total_last=1, doubts=())
FACTS = Facts(
    terms=Terms(mode="mirror"),
    read=10_000,
    rejected=0,
    wanted=10_000,
    adds=array("q"),
    removes=array("q"),
    removable=10_000,
    walk=WALK,
)
ALL = Terms(mode="mirror", max_remove=9999)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def numbers(count: int, start: int = B) -> array[int]:
    return array("q", range(start, start + count))


def reason(**changes: object) -> str | None:
    """Give the word of the guard that objects to FACTS with *changes*."""
    return word(lambda: check(evolve(FACTS, **changes)))


def word(guard: Callable[[], None]) -> str | None:
    try:
        guard()
    except SyncRefusedError as error:
        return error.reason if "Nothing was written" in str(error) else str(error)
    return None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # empty: only where it would empty the other side
        ({"read": 0, "wanted": 0}, "empty"),
        ({"read": 0, "wanted": 0, "terms": Terms()}, None),
        ({"wanted": 1}, None),
        # rejects: one in a thousand, also in a small source
        ({"rejected": 10}, None),
        ({"rejected": 11}, "rejects"),
        ({"rejected": 11, "terms": Terms()}, "rejects"),
        ({"read": 5, "rejected": 1}, "rejects"),
        ({"read": 1_000, "rejected": 1}, None),
        ({"read": 5, "rejected": 5, "wanted": 0, "terms": Terms(max_reject=1.0)}, None),
        ({"read": 5, "rejected": 5, "wanted": 0, "terms": Terms(mode="mirror", max_reject=1.0)}, "empty"),
        ({"rejected": 1, "terms": Terms(mode="mirror", max_reject=0.0)}, "rejects"),
        # incomplete: only where something is to be removed
        ({"walk": evolve(WALK, doubts=("x",))}, None),
        ({"walk": evolve(WALK, doubts=("x",)), "removes": numbers(1)}, "incomplete"),
        # the brake: a hundred, or one in a hundred, and never all
        ({"removes": numbers(100)}, None),
        ({"removes": numbers(101)}, "max_remove"),
        ({"removes": numbers(101), "removable": 10_100}, None),
        ({"removes": numbers(102), "removable": 10_199}, "max_remove"),
        ({"removes": numbers(50), "removable": 51}, None),
        ({"removes": numbers(50), "removable": 50}, "max_remove"),
        ({"removes": numbers(101), "terms": Terms(mode="mirror", max_remove=101)}, None),
        ({"removes": numbers(1), "terms": Terms(mode="mirror", max_remove=0)}, "max_remove"),
        ({"removes": numbers(50), "removable": 50, "terms": Terms(mode="mirror", max_remove=50)}, None),
        # respelled: half of what goes comes back with other digits in front
        ({"removes": numbers(4), "adds": numbers(2, B % 10**9)}, "respelled"),
        ({"removes": numbers(4), "adds": numbers(1, B % 10**9)}, None),
        # replaced: most of it goes, and about as much comes
        (
            {"removes": numbers(5001), "adds": numbers(2501, 10**11), "terms": ALL},
            "replaced",
        ),
        ({"removes": numbers(5002), "adds": numbers(2501, 10**11), "terms": ALL}, "replaced"),
        (
            {"removes": numbers(5001), "adds": numbers(2500, 10**11), "terms": ALL},
            None,
        ),
        (
            {"removes": numbers(5000), "adds": numbers(5000, 10**11), "terms": ALL},
            None,
        ),
        ({"removes": numbers(100), "adds": numbers(99, 10**11), "removable": 101}, None),
        (
            {"removes": numbers(101), "adds": numbers(99, 10**11), "removable": 102, "terms": ALL},
            "replaced",
        ),
    ],
)
def test_the_guards_object_by_their_words(changes: dict[str, object], expected: str | None) -> None:
    """On both sides of each edge."""

    assert reason(**changes) == expected


MESSAGES = {
    "rejects": (
        {"read": 8, "rejected": 1},
        (
            "1 of 8 entries holds no phone, and max_reject allows 0.10%: look at the rejects, name the column or "
            "the region, or allow more (--max-reject). Nothing was written"
        ),
    ),
    "many rejects": (
        {"read": 2_000, "rejected": 1_500},
        (
            "1,500 of 2,000 entries hold no phone, and max_reject allows 0.10%: look at the rejects, name the column "
            "or the region, or allow more (--max-reject). Nothing was written"
        ),
    ),
    "empty": (
        {"read": 0, "wanted": 0},
        (
            "nothing is wanted, and to mirror that would empty the blacklist: the source is empty or was not read"
            " as meant. Nothing was written"
        ),
    ),
    "incomplete": (
        {"removes": numbers(2), "walk": evolve(WALK, doubts=("a page is missing", "rows moved"))},
        (
            "2 phones would be removed, but the blacklist may not have been seen whole (a page is missing; rows "
            "moved): try again when nothing else writes to it, or use add_only. Nothing was written"
        ),
    ),
    "max_remove": (
        {"removes": numbers(103), "removable": 10_299},
        (
            "103 of 10,299 phones would be removed, and 102 may be: look at the source first, and if they are "
            "meant to go, say so with max_remove (--max-remove). Nothing was written"
        ),
    ),
    "respelled": (
        {"removes": numbers(4), "adds": numbers(3, B % 10**9)},
        (
            "3 of 4 phones that would be removed would be added again with other digits in front: the source is "
            "spelled in another way (its country codes are missing, or are new). To correct the spelling in the "
            "blacklist, add first and remove the old ones by name. Nothing was written"
        ),
    ),
    "replaced": (
        {"removes": numbers(101), "adds": numbers(99, 10**11), "removable": 102, "terms": ALL},
        (
            "101 of 102 phones would be removed and 99 others added: this is another list, or another account. If"
            " it is meant, remove them by name. Nothing was written"
        ),
    ),
}


@pytest.mark.parametrize(("changes", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_a_guard_says_what_would_happen_and_what_to_do(changes: dict[str, object], expected: str) -> None:
    """With the counts, for whoever reads it in the log of last night."""

    with pytest.raises(SyncRefusedError) as caught:
        check(evolve(FACTS, **changes))
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("max_remove", "removable", "allowed"),
    [(None, 0, -1), (None, 1, 0), (None, 101, 100), (None, 20_000, 200), (7, 3, 7), (0, 10**6, 0)],
)
def test_so_many_may_be_removed(max_remove: int | None, removable: int, allowed: int) -> None:
    """Without a word of the caller's, never all."""

    assert allowed_removals(Terms(max_remove=max_remove), removable) == allowed


@pytest.mark.parametrize(
    ("adds", "removes", "pairs"),
    [
        ([931111111], [380931111111], 1),  # the country code is missing
        ([380931111111], [931111111], 1),  # and is there now
        ([80931111111], [380931111111], 1),  # a trunk prefix in its place
        ([4930123456, 30123456], [930123456], 1),  # one phone, however often it comes back
        ([31111111], [3809311111111], 0),  # five digits less are another number
        ([931111112], [380931111111], 0),
        ([380931111111], [380931111112], 0),
        ([10000000], [3800010000000], 0),  # what would begin with 0 is no number
        ([], [380931111111], 0),
        ([10000000], [38010000000], 1),  # the least that can be one
        ([380931111111], [380931111111], 0),  # what comes and goes is not respelled
    ],
)
def test_a_phone_spelled_in_another_way_is_recognised(adds: list[int], removes: list[int], pairs: int) -> None:
    """By its last digits, up to four in front of them."""

    assert respelled(array("q", adds), array("q", removes)) == pairs


@pytest.mark.parametrize(
    ("age", "fits"),
    [
        (timedelta(0), True),
        (EXPIRES, True),
        (EXPIRES + SECOND, False),
        (-CLOCK_SLACK, True),
        (-CLOCK_SLACK - SECOND, False),
    ],
)
def test_a_plan_is_good_for_an_hour(age: timedelta, fits: bool) -> None:
    """And not in the future, but for a clock that was set by seconds."""

    assert word(lambda: check_age(NOON - age, now=NOON)) == (None if fits else "expired")


ANOTHER = (
    "the plan was made for another account, or with other credentials of this one: make it and apply it with the same. "
    "Nothing was written"
)


def test_a_plan_is_one_accounts() -> None:
    """By its fingerprint."""

    assert word(lambda: check_account("a", "a")) is None
    with pytest.raises(SyncRefusedError, match=f"^{ANOTHER}") as caught:
        check_account("a", "b")
    assert caught.value.reason == "account"


def test_an_old_plan_says_both_moments() -> None:
    """Their difference may be a clock's."""
    with pytest.raises(SyncRefusedError) as caught:
        check_age(NOON, now=NOON + timedelta(hours=1, seconds=1))

    assert str(caught.value).startswith(
        "the plan was made at 2026-07-01 12:00:00 UTC and it is 2026-07-01 13:00:01 UTC: it is good for 60 minutes. "
        "Make a new one. Nothing was written"
    )


def test_a_blacklist_that_moved_asks_for_a_new_plan() -> None:
    """And says what is different."""
    error = moved("it has 3 rows more")

    assert error.reason == "moved"
    assert str(error).startswith(
        "the blacklist has changed since the plan was made (it has 3 rows more): make a new plan. Nothing was written"
    )
