"""The walk as a pure machine: tables of what it asks for, and a simulated list that changes under it."""

from __future__ import annotations

import base64
import json
import os
import random
from typing import TYPE_CHECKING

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from viber_async._sansio import paging
from viber_async._sansio.paging import ANCHORS, MAX_LIMIT, MAX_OFFSET, OVERLAP, REPAIR_LIMIT, STALE_LIMIT, Walk
from viber_async._sansio.privacy import shown
from viber_async.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = tuple[list[int], int | None]

WALKS = int(os.environ.get("VIBER_TEST_WALKS", "200"))
"""Lists that are walked with pages asked for ahead; twenty thousand take minutes (``nox -s walks``)."""


@define
class Trip:
    """What one walk asked for and gave."""

    walk: Walk
    asked: list[int] = field(factory=list)
    got: list[int] = field(factory=list)

    @property
    def report(self):
        return self.walk.report()


def travel(walk: Walk, server: Callable[[int, int], Answer], *, most: int = 5000) -> Trip:
    """Walk to the end; *server* takes limit and offset."""
    trip = Trip(walk)
    while walk.offset is not None:
        assert len(trip.asked) < most, "the walk does not end"
        wanted = walk.wanted(6)
        assert wanted[0] == walk.offset
        assert sorted(set(wanted)) == wanted
        trip.asked.append(walk.offset)
        keys, total = server(walk.limit, walk.offset)
        trip.got += [keys[i] for i in walk.take(keys, total=total)]
    return trip


def travel_ahead(walk: Walk, server: Callable[[int, int], Answer], seed: int, *, most: int = 6) -> Trip:
    """Walk to the end with pages asked for ahead, at most *most* at once, that are answered in any order.

    Some are lost on their way, and now and then all are let go of, as by a reader that was cancelled.
    """
    trip, chance = Trip(walk), random.Random(seed)
    under_way: list[int] = []
    answered: dict[int, Answer] = {}
    trouble = chance.choice((0, 0.05))
    while walk.offset is not None:
        wanted = walk.wanted(most)
        assert wanted[0] == walk.offset
        assert len(set(wanted)) == len(wanted) <= most
        kept = [] if chance.random() < trouble else wanted
        walk.leave_out(sum(offset not in kept for offset in (*under_way, *answered)))
        under_way = [offset for offset in under_way if offset in kept]
        answered = {offset: answer for offset, answer in answered.items() if offset in kept}
        new = [offset for offset in wanted if offset not in under_way and offset not in answered]
        trip.asked += new
        under_way += new
        assert len(trip.asked) < 20_000, "the walk does not end"
        while walk.offset not in answered or (under_way and chance.random() < 0.3):
            offset = chance.choice(under_way)
            answer = server(walk.limit, offset)
            if chance.random() >= trouble:  # else it is lost, and asked for again
                under_way.remove(offset)
                answered[offset] = answer
        keys, total = answered.pop(walk.offset)
        trip.got += [keys[i] for i in walk.take(keys, total=total)]
    walk.leave_out(len(under_way) + len(answered))
    return trip


def still(rows: list[int], *, totals: bool = True, cap: int = MAX_LIMIT) -> Callable[[int, int], Answer]:
    """Serve a list that does not change."""
    return lambda limit, offset: (
        rows[offset : offset + min(limit, cap)],
        len(rows) if totals else None,
    )


def script(*answers: list[int], total: int | None = None) -> Callable[[int, int], Answer]:
    """Serve these pages one after the other, whatever is asked, and then empty ones."""
    pages = iter(answers)
    return lambda limit, offset: (next(pages, []), total)


class Drifting:
    """A list whose rows come and go between requests, each keeping its place among the others."""

    def __init__(self, seed: int, *, totals: bool = True, dither: bool = False, limits: tuple[int, ...] = ()) -> None:
        self.random = random.Random(seed)
        choose = self.random.choice
        self.rows = list(range(self.random.randint(0, 60)))
        self.fresh = len(self.rows)
        self.limit = choose(limits or (2, 3, 4, 5, 7, 10, 20, 100))
        self.cap = choose((2, 3, 5, 8, 1000))
        self.more = choose((0, 0, 0, 7))  # longer pages than asked for
        self.totals = totals
        self.dither = dither
        self.inserts = self.random.random() * 0.3
        self.deletes = self.random.random() * 0.3
        self.place = choose(("front", "middle", "end", "anywhere"))
        self.lasting: set[int] | None = None
        self.changes = 0

    def __call__(self, limit: int, offset: int) -> Answer:
        if self.lasting is not None:
            self.drift()
        self.lasting = set(self.rows) if self.lasting is None else self.lasting & set(self.rows)
        size = min(limit + self.more, self.cap)
        if self.dither and self.random.random() < 0.5:
            size = self.random.randint(1, size)
        return self.rows[offset : offset + size], len(self.rows) if self.totals else None

    def drift(self) -> None:
        if self.random.random() < self.inserts:
            for _ in range(self.random.choice((1, 1, 2, 3))):
                self.rows.insert(self.spot(len(self.rows)), self.fresh)
                self.fresh += 1
                self.changes += 1
        if self.random.random() < self.deletes:
            for _ in range(min(len(self.rows), self.random.choice((1, 1, 1, 2, 5, 20)))):
                del self.rows[self.spot(len(self.rows) - 1)]
                self.changes += 1

    def spot(self, last: int) -> int:
        match self.place if self.place != "anywhere" else self.random.choice(("front", "middle", "end")):
            case "front":
                return 0
            case "middle":
                return self.random.randint(0, last)
            case _:
                return last


def naive(server: Drifting) -> list[int]:
    """Page as everybody does: on by the limit, over at a short page."""
    got: list[int] = []
    while True:
        keys, _ = server(server.limit, len(got))
        got += keys
        if len(keys) < min(server.limit, server.cap):
            return got


# What is asked for, when nothing changes


@pytest.mark.parametrize(
    ("count", "limit", "asked"),
    [
        (0, 10, [0]),
        (1, 10, [0, 1]),
        (9, 10, [0, 9]),
        (10, 10, [0, 10]),
        (11, 10, [0, 7, 11]),
        (17, 10, [0, 7, 17]),
        (18, 10, [0, 7, 14, 18]),
        (25, 10, [0, 7, 14, 21, 25]),
        (5, 4, [0, 2, 5]),
        (4, 3, [0, 2, 4]),
        (4, 2, [0, 1, 2, 4]),
        (1, 1, [0, 1]),
    ],
)
def test_a_still_list_with_totals_costs_its_pages_and_one_empty_one(count, limit, asked):
    """Each page begins with known rows, three at most and half a page at most."""
    trip = travel(Walk(limit=limit), still(list(range(count))))

    assert (trip.asked, trip.got) == (asked, list(range(count)))
    assert trip.report.complete
    assert trip.report.repairs == 0


@pytest.mark.parametrize(
    ("count", "limit", "asked"),
    [
        (0, 10, [0]),
        (1, 10, [0, 1]),
        (2, 10, [0, 1, 2]),
        (9, 10, [0, 6, 9]),
        (10, 10, [0, 7, 10]),
        (25, 10, [0, 7, 14, 21, 25]),
        (24, 10, [0, 7, 14, 21, 24]),
    ],
)
def test_without_totals_a_page_shorter_than_another_shows_the_end(count, limit, asked):
    """A list of one page needs one more look, since that page has nothing to be shorter than."""
    trip = travel(Walk(limit=limit), still(list(range(count)), totals=False))

    assert (trip.asked, trip.got) == (asked, list(range(count)))
    assert trip.report.complete


@pytest.mark.fault("P22")
def test_the_walk_goes_on_by_what_it_received_when_the_server_clamps():
    """Asked for a hundred, given five: the second page begins two rows before the sixth."""
    trip = travel(Walk(limit=100), still(list(range(12)), cap=5))

    assert trip.asked == [0, 3, 6, 9, 12]
    assert (trip.got, trip.report.complete) == (list(range(12)), True)


@pytest.mark.fault("P22")
def test_pages_longer_than_the_limit_are_taken_whole():
    """The position follows the rows, not the question."""
    rows = list(range(30))
    trip = travel(Walk(limit=4), lambda limit, offset: (rows[offset : offset + 12], 30))

    assert trip.asked == [0, 10, 20, 30]
    assert (trip.got, trip.report.complete) == (rows, True)


def test_pages_of_one_row_cannot_be_joined_and_nothing_is_claimed():
    """With limit 1 there is no room for an overlap."""
    trip = travel(Walk(limit=1), still(list(range(4))))

    assert (trip.asked, trip.got) == ([0, 1, 2, 3, 4], [0, 1, 2, 3])
    assert trip.report.doubts == ("two pages could not be shown to join",)


def test_a_single_row_with_limit_1_and_no_total_does_not_show_the_end():
    """A page of one row is no shorter than any other."""
    trip = travel(Walk(limit=1), still([7], totals=False))

    assert (trip.got, trip.report.doubts) == ([7], ("the last page did not show that it was the last",))


@pytest.mark.parametrize("offset", [1, 20])
def test_a_walk_from_the_middle_gives_the_rest_and_says_where_it_began(offset):
    """Complete is only what began at offset 0."""
    trip = travel(Walk(limit=10, offset=offset), still(list(range(25)), totals=False))

    assert trip.got == list(range(offset, 25))
    assert trip.report.doubts == ("the walk did not begin at offset 0",)


def test_a_walk_that_begins_behind_the_end_is_over_at_once():
    """One request, no step back: there is nothing that it could have lost."""
    trip = travel(Walk(limit=10, offset=20), still(list(range(5))))

    assert (trip.asked, trip.got, trip.report.complete) == ([20], [], False)


# Steps back


def test_rows_deleted_behind_us_make_the_walk_step_back_until_it_knows_a_row():
    """Twenty rows in pages of ten; eight of the first ten go away after the first page."""
    rows = list(range(20))

    def server(limit: int, offset: int) -> Answer:
        answer = rows[offset : offset + limit], None
        rows[:] = rows[-12:] if len(rows) == 20 else rows
        return answer

    trip = travel(Walk(limit=10), server)

    assert trip.asked[:4] == [0, 7, 4, 0]
    assert trip.got == list(range(20))
    assert (trip.report.repairs, trip.report.complete) == (1, True)


def test_an_empty_page_before_the_end_was_shown_is_no_end():
    """The list shrank below the position: what is left of it stands further in front."""
    rows = list(range(30))

    def server(limit: int, offset: int) -> Answer:
        answer = rows[offset : offset + limit], None
        rows[:] = rows[-5:] if offset == 0 else rows
        return answer

    trip = travel(Walk(limit=10), server)

    assert set(trip.got) == {*range(10), *range(25, 30)}


def test_an_end_shown_by_the_last_page_stands_whatever_is_deleted_before_the_probe():
    """The total told that the last row was the last; the empty page need not prove it again."""
    rows = list(range(8))

    def server(limit: int, offset: int) -> Answer:
        return (rows, 8) if offset == 0 else ([], 8)

    trip = travel(Walk(limit=10), server)

    assert (trip.asked, trip.report.complete) == ([0, 8], True)


def test_a_list_that_is_gone_is_over_but_not_proven():
    """A server that lost its rows looks the same as a list that everybody left."""
    trip = travel(Walk(limit=10), script(list(range(10))))

    assert trip.got == list(range(10))
    assert trip.report.doubts == (
        "the last page did not show that it was the last",
        "the list was empty before the walk was over",
    )


def test_rows_seen_on_the_way_back_are_handed_out_once_the_page_is_accepted():
    """A page at offset 0 needs no known row: everything before it is nothing."""
    trip = travel(Walk(limit=4), script([1, 2, 3, 4], [7, 8], [5, 6, 7, 8]))

    assert (trip.asked[:3], trip.got) == ([0, 2, 0], [1, 2, 3, 4, 5, 6, 7, 8])


def test_small_pages_of_known_rows_do_not_keep_the_walk_in_one_place():
    """Pages that shrink to the overlap: each request begins at least one row further."""
    rows = list(range(20))
    sizes = iter([10, 3, 2, 1, 1, 2])
    trip = travel(Walk(limit=10), lambda limit, offset: (rows[offset : offset + next(sizes, limit)], len(rows)))

    assert trip.asked[:6] == [0, 7, 8, 9, 10, 9]
    assert (trip.got, trip.report.complete) == (rows, True)


def test_a_walk_far_back_reads_on_through_known_rows_without_giving_up():
    """Two hundred of three hundred rows go away: more known pages than a stuck server is granted."""
    rows = list(range(300))

    def server(limit: int, offset: int) -> Answer:
        if offset >= 200:
            rows[:] = rows[-180:]
        return rows[offset : offset + limit], None

    trip = travel(Walk(limit=10), server)

    assert trip.report.repairs > 0
    assert len(trip.asked) > 30 + STALE_LIMIT
    assert (trip.got, trip.report.complete) == (list(range(300)), True)


def test_a_row_inserted_where_the_walk_has_been_does_not_shorten_its_way_back():
    """It is news, but the pages behind it are still those that were read before."""
    rows = list(range(600))

    def server(limit: int, offset: int) -> Answer:
        if offset >= 400 and len(rows) == 600:
            rows[:] = rows[-380:]
            rows.insert(30, 999)
        return rows[offset : offset + limit], None

    trip = travel(Walk(limit=10), server)

    assert trip.report.doubts == ("rows did not keep their order",)
    assert set(trip.got) == {*range(600), 999}


def test_an_empty_page_on_the_way_back_is_not_the_end_even_after_the_last_page():
    """The last page was the last; then a row came, and then others went."""
    pages = iter([([1, 2, 3], 3), ([8], 4), ([], 2), ([3, 8], 2)])
    trip = travel(Walk(limit=4), lambda limit, offset: next(pages, ([], 2)))

    assert trip.asked[:4] == [0, 3, 2, 1]
    assert trip.got == [1, 2, 3, 8]


def test_seams_that_cannot_be_checked_are_left_open_in_the_end():
    """A server with pages of one row: the walk tries, then goes on and says so."""
    trip = travel(Walk(limit=10), still(list(range(9)), cap=1))

    assert trip.asked == [0, *[0, 1] * (REPAIR_LIMIT + 1), *range(1, 10)]
    assert trip.got == list(range(9))
    assert trip.report.repairs == REPAIR_LIMIT + 1
    assert trip.report.doubts == ("two pages could not be shown to join",)


def test_known_rows_beyond_where_we_were_are_passed_at_full_speed():
    """Eight rows are inserted in front of a walk by fours: two known pages, without overlap, and on."""
    rows = list(range(20))

    def server(limit: int, offset: int) -> Answer:
        rows[:0] = range(100, 108) if offset == 12 and len(rows) == 20 else ()
        return rows[offset : offset + limit], None

    trip = travel(Walk(limit=4), server)

    assert trip.asked[6:10] == [12, 16, 20, 22]
    assert (trip.got, trip.report.complete) == (list(range(20)), True)


# What stands against "complete"


@pytest.mark.parametrize(
    ("answers", "total", "doubt"),
    [
        ([[1, 2, 3, 4], [4, 3, 5]], None, "rows did not keep their order"),
        ([[1, 2, 3, 4], [3, 9, 4, 5]], None, "rows did not keep their order"),
        ([[1, 2, 2, 3]], None, "rows did not keep their order"),
        ([[1, 2, 3, 4], [4, 4, 5]], None, "rows did not keep their order"),
        ([[1, 2, 3, 4], [1, 1, 2]], None, "rows did not keep their order"),
        ([[1, 2, 3, 4]], 5, "the total is not the number of rows found"),
        ([[1, 2, 3, 4]], -1, "the total is not the number of rows found"),
        ([[1, 2, 3, 4]], 10**400, "the total is not the number of rows found"),
        ([[1, 2, 3, 4], [3, 4, 5], [6, 7, 8], [5, 6, 7, 8], [7, 8]], None, "a short page was not the last one"),
    ],
)
@pytest.mark.fault("P22")
def test_whatever_spoils_the_proof_is_named(answers, total, doubt):
    """One sentence for each reason."""
    report = travel(Walk(limit=4), script(*answers, total=total)).report

    assert doubt in report.doubts
    assert not report.complete


@pytest.mark.parametrize(
    ("limit", "answers", "doubt"),
    [
        (4, [[1, 2, 3, 4], [3, 4, 5, 6], [6, 5, 7]], "rows did not keep their order"),
        (1, [[1], [2], [3]], "two pages could not be shown to join"),
        (4, [[1, 2, 3, 4], [3, 4, 5, 6], [6, 7], [7, 8]], "a short page was not the last one"),
    ],
)
def test_a_doubt_does_not_dispel_another(limit, answers, doubt):
    """Each is named, whichever came first."""
    pages, totals = iter(answers), iter([90, 91])
    report = travel(Walk(limit=limit), lambda _, __: (next(pages, []), next(totals, None))).report

    assert {doubt, "the total changed during the walk"} <= set(report.doubts)


def test_a_total_that_changes_on_the_way_spoils_the_proof_even_if_it_comes_back():
    """Rows came and went; which of them we met is luck."""
    totals = iter([8, 9])
    rows = list(range(8))
    trip = travel(Walk(limit=4), lambda limit, offset: (rows[offset : offset + limit], next(totals, 8)))

    assert (trip.report.total_first, trip.report.total_last) == (8, 8)
    assert trip.report.doubts == ("the total changed during the walk",)


def test_a_walk_under_way_is_not_complete():
    """The reason is the first one named."""
    walk = Walk(limit=4)
    walk.take([1, 2, 3, 4], total=4)

    assert walk.report().doubts == ("the walk has not ended",)


def test_the_report_adds_up():
    """Found rows are handed out or waiting; received rows are found or duplicates."""
    walk = Walk(limit=4)
    walk.take([1, 2, 3, 4], total=6)
    walk.take([3, 4, 5], total=6)
    walk.take([4, 5, 6], total=6)
    report = walk.report(waiting=2)

    assert (report.rows, report.distinct, report.duplicates, report.requests) == (4, 6, 4, 3)
    assert (report.total_first, report.total_last, report.repairs) == (6, 6, 0)


# Servers that lie


@pytest.mark.fault("P22")
@pytest.mark.parametrize("total", [None, 0, -5, 10, 17, 10**30])
def test_the_same_page_for_ever_ends_soon_and_is_not_complete(total):
    """Offset ignored: nothing new comes, and there is no reason for it."""
    trip = travel(Walk(limit=10), lambda limit, offset: (list(range(10)), total), most=30)

    assert trip.got == list(range(10))
    assert "the server repeats rows without end" in trip.report.doubts


def test_the_same_page_for_ever_costs_exactly_what_it_is_granted():
    """One page of news, and one more than the limit of pages without any."""
    trip = travel(Walk(limit=10), lambda limit, offset: (list(range(10)), None))

    assert len(trip.asked) == 1 + STALE_LIMIT + 1


def costs(walk: Walk, *pages: list[int]) -> int:
    """Give how many pages are taken until the walk is over, of these and then always of the last."""
    for count in range(1, 100):
        walk.take(pages[min(count, len(pages)) - 1])
        if walk.offset is None:
            return count
    raise AssertionError("the walk does not end")


def test_a_resumed_walk_grants_no_less():
    """It has brought nothing yet, and has not been denied anything."""
    assert costs(Walk(limit=4, token=sealed(1, "", 0, 2, 2, 0, 0, 1, None, 0, "7 8")), [7, 8, 7, 8]) == STALE_LIMIT + 1


def test_where_the_walk_has_been_known_rows_are_granted_twice():
    """Two rows, a thousand in front of them, and far back: two pages are explained by these, and no more."""
    walk = Walk(limit=2, token=changed(3, 1000))
    back = [[99]] * 6

    assert costs(walk, *back, [7, 8]) == len(back) + 2 + STALE_LIMIT + 1


def test_rows_passed_in_a_search_explain_as_many_pages_as_those_handed_out():
    """Two that are known and two that were passed explain four pages of two, behind the one that brought these."""
    walk = Walk(limit=4, token=sealed(1, "", 1, 1000, 2, 0, 0, 1, None, 0, "7 8"))
    while walk.offset:
        walk.take([])

    assert costs(walk, [70, 71]) == 1 + 4 + STALE_LIMIT + 1


def test_a_page_that_comes_only_at_the_front_ends_a_walk_that_began_far_out():
    """Known rows explain only as many pages as they can fill, however far the position once was."""

    def server(limit: int, offset: int) -> Answer:
        return (list(range(10)) if offset == MAX_OFFSET - 50 or offset < 10**6 else []), None

    trip = travel(Walk(limit=10, offset=MAX_OFFSET - 50), server, most=100)

    assert trip.got == list(range(10))
    assert not trip.report.complete


@pytest.mark.fault("P22")
@pytest.mark.parametrize("shift", [-3, 1, 10**9])
def test_lying_totals_lose_no_row_and_prove_nothing(shift):
    """Totals decide about requests, never about the end."""
    rows = list(range(35))
    trip = travel(Walk(limit=10), lambda limit, offset: (rows[offset : offset + limit], 35 + shift), most=60)

    assert (trip.got, trip.report.complete) == (rows, False)


def test_a_total_that_is_too_small_does_not_end_the_overlap():
    """Only a total that fits the position shows the end."""
    rows = list(range(35))
    trip = travel(Walk(limit=10), lambda limit, offset: (rows[offset : offset + limit], 0), most=60)

    assert trip.asked[:4] == [0, 7, 14, 21]
    assert trip.got == rows


def test_a_total_that_always_names_the_rows_so_far_loses_nothing():
    """Each page claims to be the last; the empty page decides."""
    rows = list(range(35))

    def server(limit: int, offset: int) -> Answer:
        page = rows[offset : offset + limit]
        return page, offset + len(page)

    trip = travel(Walk(limit=10), server, most=60)

    assert (trip.got, trip.report.complete) == (rows, False)


@pytest.mark.fault("P22")
def test_a_list_beyond_every_offset_is_left():
    """An endless list ends at the largest offset."""
    trip = travel(
        Walk(limit=MAX_LIMIT, offset=MAX_OFFSET - 5), lambda limit, offset: (list(range(offset, offset + 20)), None)
    )

    assert trip.asked == [MAX_OFFSET - 5]
    assert f"the list goes beyond offset {MAX_OFFSET}" in trip.report.doubts


@pytest.mark.fault("P22")
@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    limit=st.integers(1, 12),
    offset=st.integers(0, 40),
    answers=st.lists(
        st.tuples(st.lists(st.integers(0, 15), max_size=8), st.none() | st.integers(-2, 30) | st.just(10**40)),
        min_size=1,
        max_size=12,
    ),
)
def test_whatever_the_server_says_the_walk_ends_and_hands_out_no_row_twice(limit, offset, answers):
    """Pages at random out of sixteen rows, for ever."""
    turn = iter(range(10**6))
    trip = travel(Walk(limit=limit, offset=offset), lambda *_: answers[next(turn) % len(answers)], most=3000)

    assert len(set(trip.got)) == len(trip.got) == trip.report.distinct


# The law, over lists that change


def outcome(seed: int, **how) -> tuple[Drifting, Trip, set[int]]:
    server = Drifting(seed, **how)
    trip = travel(Walk(limit=server.limit), server)
    return server, trip, server.lasting - set(trip.got)


def gave_up(trip: Trip) -> bool:
    return "the server repeats rows without end" in trip.report.doubts


@pytest.mark.parametrize("totals", [True, False])
def test_every_lasting_row_is_handed_out_exactly_once(totals):
    """Eight hundred lists with insertions and deletions, clamps and long pages; no row that stayed is lost."""
    lost = stuck = 0
    for seed in range(800):
        _, trip, missing = outcome(seed, totals=totals)
        assert len(trip.got) == len(set(trip.got))
        stuck += gave_up(trip)
        lost += bool(missing) and not gave_up(trip)

    assert lost == 0
    assert stuck < 800 // 100  # pages of two rows, with rows inserted in front as fast as they are read


@pytest.mark.parametrize(("totals", "dither"), [(True, False), (False, False), (True, True)])
def test_complete_is_never_said_of_a_walk_that_missed_a_row(totals, dither):
    """With totals this holds even where the server fills its pages as it likes."""
    complete = 0
    for seed in range(800):
        _, trip, missing = outcome(seed, totals=totals, dither=dither)
        assert not (trip.report.complete and missing), seed
        complete += trip.report.complete

    assert complete > 800 // 10


def test_naive_paging_loses_rows_where_the_walk_does_not():
    """The measure that the walk is needed: the same lists, read as everybody does."""
    lost = twice = 0
    for seed in range(800):
        server = Drifting(seed)
        got = naive(server)
        lost += not server.lasting <= set(got)
        twice += len(got) != len(set(got))

    assert lost > 40
    assert twice > 40


def test_a_list_that_does_not_change_is_proven_complete_whatever_the_pages():
    """Uneven pages cost requests, not proof, as long as there are totals."""
    for seed in range(300):
        server = Drifting(seed, dither=True, limits=(6, 10, 20))
        server.inserts = server.deletes = 0
        server.cap = 1000
        trip = travel(Walk(limit=server.limit), server)

        assert trip.got == server.rows
        assert trip.report.complete


# The law again, with pages asked for ahead


@pytest.mark.parametrize(
    ("count", "limit", "wanted"),
    [
        (5, 10, [[0], [5]]),
        (10, 10, [[0], [10]]),
        (17, 10, [[0], [7, 17], [17]]),
        (18, 10, [[0], [7, 14, 18], [14, 18], [18]]),
        (100, 10, [[0], [7, 14, 21, 28], [14, 21, 28, 35, 42, 49], [21, 28, 35, 42, 49, 56]]),
        (5, 4, [[0], [2, 5], [5]]),
    ],
)
def test_what_is_wanted_ahead_ends_with_the_list_where_the_total_is_known(count, limit, wanted):
    """Nothing before the first page has come; then up to six; the last is the empty page."""
    walk, server, seen = Walk(limit=limit), still(list(range(count))), []
    while walk.offset is not None:
        seen.append(walk.wanted(6))
        keys, total = server(limit, walk.offset)
        walk.take(keys, total=total)

    assert seen[: len(wanted)] == wanted


def test_without_a_total_a_walk_looks_further_ahead_the_more_it_has_read():
    """One page after the first, three after the second."""
    walk, server, seen = Walk(limit=10), still(list(range(100)), totals=False), []
    for _ in range(4):
        seen.append(walk.wanted(6))
        walk.take(server(10, walk.offset)[0])

    assert seen == [[0], [7, 14], [14, 21, 28, 35], [21, 28, 35, 42, 49, 56]]


@pytest.mark.parametrize("start", [0, 40])
@pytest.mark.parametrize(
    ("until", "wanted"), [(10, []), (11, [7]), (17, [7]), (18, [7, 14]), (25, [7, 14, 21]), (32, [7, 14, 21, 28])]
)
def test_no_more_is_wanted_than_it_takes_to_find_so_many_rows(until, wanted, start):
    """Ten were found by the first page; each that follows brings seven, wherever the walk began."""
    walk = Walk(limit=10, offset=start)
    walk.take(list(range(10)), total=140)

    assert walk.wanted(6, until=until) == [start + begins for begins in wanted]


def test_after_the_last_page_only_the_empty_one_is_wanted_and_then_none():
    """However many may be asked for."""
    walk = Walk(limit=10)
    walk.take(list(range(8)), total=8)
    wanted = [walk.wanted(6)]
    walk.take([], total=8)

    assert [*wanted, walk.wanted(6)] == [[8], []]


@pytest.mark.parametrize(
    ("page", "total"),
    [
        ([50, 51, 52], 100),
        ([], 100),
        ([8, 9, 10, 11], 100),
        (list(range(3, 13)), 5),
        (list(range(10)), 100),
    ],
)
def test_whatever_comes_otherwise_ends_the_looking_ahead(page, total):
    """No seam, nothing, a short page, a total that is passed already, nothing new: one page after another."""
    walk = Walk(limit=10)
    walk.take(list(range(10)), total=100)
    walk.take(page, total=total)

    assert len(walk.wanted(6)) == 1


def test_a_walk_that_was_surprised_begins_again_with_one_page_ahead():
    """And goes on with three, as if it had no total."""
    walk, wanted = Walk(limit=10), []
    walk.take(list(range(10)), total=100)
    walk.take([8, 9, 10, 11], total=100)
    for begin in (8, 15, 22):
        walk.take(list(range(begin, begin + 10)), total=100)
        wanted.append(walk.wanted(6))

    assert wanted == [[15, 22], [22, 29, 36, 43], [29, 36, 43, 50, 57, 64]]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_where_seams_cannot_be_checked_nothing_is_asked_for_ahead(limit):
    """Pages of one row: the limit, or the server, has no room for an overlap."""
    walk, server = Walk(limit=limit), still(list(range(9)), cap=1)
    while walk.offset is not None:
        assert len(walk.wanted(6)) == 1
        keys, total = server(limit, walk.offset)
        walk.take(keys, total=total)


def test_nothing_is_wanted_behind_the_largest_offset():
    """Wherever a list without a total may end."""
    walk = Walk(limit=10, offset=MAX_OFFSET - 12)
    walk.take(list(range(10)))

    assert walk.wanted(6) == [MAX_OFFSET - 5, MAX_OFFSET]


def test_a_resumed_walk_looks_ahead_once_it_has_found_its_place():
    """How long pages are is not in the token."""
    walk, _, waiting = until(list(range(100)), 30, limit=10)
    walk = resumed(walk, limit=10, waiting=waiting)
    wanted = [walk.wanted(6)]
    keys, total = still(list(range(100)))(10, walk.offset)
    walk.take(keys, total=total)

    assert [*wanted, walk.wanted(6)] == [[27], [34, 41, 48, 55]]


@pytest.mark.parametrize("most", [1, 2, 6, 16])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 17, 18, 25, 100, 500])
def test_asking_ahead_costs_no_request_where_the_total_is_known(count, most):
    """The same pages as one after another, in whatever order they are answered."""
    for seed in range(5):
        alone = travel(Walk(limit=10), still(list(range(count))))
        trip = travel_ahead(Walk(limit=10), still(list(range(count))), seed, most=most)

        assert sorted(set(trip.asked)) == alone.asked
        assert (trip.got, trip.report.complete) == (alone.got, True)


@pytest.mark.parametrize("count", [10, 11, 17, 18, 25, 100, 500])
def test_without_a_total_asking_ahead_costs_five_requests_at_most(count):
    """A window of six: the page that shows the end, and five that were under way behind it."""
    alone = travel(Walk(limit=10), still(list(range(count)), totals=False))
    walk = Walk(limit=10)
    trip = Trip(walk)
    asked: dict[int, Answer] = {}
    while walk.offset is not None:
        asked |= {offset: still(list(range(count)), totals=False)(10, offset) for offset in walk.wanted(6)}
        keys, total = asked[walk.offset]
        trip.got += [keys[i] for i in walk.take(keys, total=total)]

    assert len(asked) <= len(alone.asked) + 5
    assert (trip.got, trip.report.complete) == (alone.got, True)


def outcome_ahead(seed: int, **how) -> tuple[Drifting, Trip, set[int]]:
    server = Drifting(seed, **how)
    trip = travel_ahead(Walk(limit=server.limit), server, seed)
    return server, trip, server.lasting - set(trip.got)


@pytest.mark.parametrize("totals", [True, False])
def test_every_lasting_row_is_handed_out_exactly_once_whatever_is_answered_first(totals):
    """Such lists, which change between answers, in any order of them; some are lost, and now and then all."""
    lost = stuck = mixed = 0
    for seed in range(WALKS):
        server, trip, missing = outcome_ahead(seed, totals=totals)
        assert len(trip.got) == len(set(trip.got))
        assert trip.report.requests == len(trip.asked)
        stuck += gave_up(trip)
        lost += bool(missing) and not gave_up(trip)
        mixed += server.changes > 0 and trip.asked != sorted(trip.asked)

    assert lost == 0
    assert stuck < WALKS // 50
    assert mixed > WALKS // 10


@pytest.mark.parametrize(("totals", "dither"), [(True, False), (False, False), (True, True)])
def test_complete_is_never_said_of_a_walk_ahead_that_missed_a_row(totals, dither):
    """A page from before a change may be read behind one from after it."""
    complete = 0
    for seed in range(WALKS):
        _, trip, missing = outcome_ahead(seed, totals=totals, dither=dither)
        assert not (trip.report.complete and missing), seed
        complete += trip.report.complete

    assert complete > WALKS // 10


@pytest.mark.parametrize("totals", [True, False])
def test_in_lists_that_change_asking_ahead_costs_less_than_twice_as_much(totals):
    """What was asked for ahead and came otherwise, or got lost, over many short lists together."""
    alone = ahead = 0
    for seed in range(WALKS):
        alone += len(outcome(seed, totals=totals)[1].asked)
        ahead += len(outcome_ahead(seed, totals=totals)[1].asked)

    assert ahead < 2 * alone


# Tokens


def resumed(walk: Walk, *, limit: int = 4, waiting: int = 0) -> Walk:
    return Walk(limit=limit, token=walk.token(waiting=waiting))


def until(rows: list[int], count: int, *, limit: int = 4, offset: int = 0) -> tuple[Walk, list[int], int]:
    """Walk until *count* rows are handed out; give the walk, those rows and how many wait."""
    walk = Walk(limit=limit, offset=offset)
    got: list[int] = []
    server = still(rows)
    while len(got) < count:
        keys, total = server(limit, walk.offset)
        got += [keys[i] for i in walk.take(keys, total=total)]
    return walk, got[:count], len(got) - count


@pytest.mark.parametrize("limit", [2, 3, 4, 7, 20])
@pytest.mark.parametrize("count", range(13))
def test_a_token_goes_on_behind_every_row(count, limit):
    """Nothing twice, nothing lost, and the proof goes on too."""
    rows = list(range(100, 112))
    walk, got, waiting = until(rows, count, limit=limit)
    trip = travel(resumed(walk, limit=limit, waiting=waiting), still(rows))

    assert got + trip.got == rows
    assert trip.report.complete
    assert (trip.report.rows, trip.report.distinct) == (12, 12)


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 70, 118, 119, 120])
@pytest.mark.parametrize(
    "drift",
    [
        lambda rows: rows[5:],
        lambda rows: rows[40:],
        lambda rows: rows[:10] + rows[48:],
        lambda rows: [*range(1000, 1003), *rows],
        lambda rows: [*range(1000, 1100), *rows],
        lambda rows: [*rows, *range(1000, 1007)],
        lambda rows: rows[::2],
    ],
)
def test_a_token_finds_its_place_in_a_list_that_has_moved(count, drift):
    """As long as one of the last fifty rows is left, no row comes twice and no lasting row is lost."""
    rows = list(range(120))
    walk, got, waiting = until(rows, count, limit=10)
    now = drift(rows)
    trip = travel(resumed(walk, limit=10, waiting=waiting), still(now))

    assert set(rows) & set(now) <= {*got, *trip.got}
    assert len(set(trip.got) | set(got)) == len(got) + len(trip.got)
    assert sorted(trip.got, key=now.index) == trip.got


def test_when_no_known_row_is_left_everything_is_handed_out_and_nothing_claimed():
    """Who deletes the rows as they come finds the next ones at the front: better twice than never."""
    walk, _, waiting = until(list(range(120)), 100, limit=10)
    trip = travel(resumed(walk, limit=10, waiting=waiting), still([*range(20), *range(100, 120)]))

    assert trip.got == [*range(20), *range(100, 120)]
    assert "two pages could not be shown to join" in trip.report.doubts


def test_a_walk_that_began_again_says_so_beside_what_it_has_said_before():
    """Two repairs and a doubt stand in the token; going back is the third, and beginning again the fourth."""
    walk = Walk(limit=10, token=sealed(1, "", 1, 7, 2, 0, 2, 5, None, 2, "7 8"))
    report = travel(walk, still([1, 2, 3], totals=False)).report

    assert report.repairs == 4
    assert {"rows did not keep their order", "two pages could not be shown to join"} <= set(report.doubts)


def test_a_walk_that_began_again_forgets_nothing_more():
    """From then on it began at offset 0, and an unknown row in front of known ones is news."""
    walk, _, waiting = until(list(range(120)), 100, limit=10)
    walk = resumed(walk, limit=10, waiting=waiting)
    while walk.offset:
        walk.take([])
    searched = list(range(500, 510))
    assert walk.take(searched) == walk.take(searched[-3:]) == walk.take([]) == []

    assert walk.take(searched) == list(range(10))
    assert walk.take([777, 508, 509, 510]) == [0, 3]


@pytest.mark.parametrize("count", [3, 7, 10, 30])
def test_a_token_stands_right_behind_the_last_row(count):
    """The first request begins three rows in front of that, as any other."""
    walk, _, waiting = until(list(range(40)), count, limit=10)

    assert resumed(walk, limit=10, waiting=waiting).offset == count - 3


def test_a_walk_from_the_middle_whose_rows_are_all_gone_goes_back_to_where_it_began():
    """Not to the front, which was not asked for."""
    walk, _, waiting = until(list(range(60)), 20, limit=10, offset=10)
    trip = travel(resumed(walk, limit=10, waiting=waiting), still([*range(10), *range(30, 60)]))

    assert trip.got == list(range(30, 60))


@pytest.mark.parametrize("start", [1, 10])
def test_rows_in_front_of_the_start_are_never_handed_out(start):
    """Deleted rows pull what stands before the start into the pages; it was not asked for."""
    rows = list(range(40))

    def server(limit: int, offset: int) -> Answer:
        answer = rows[offset : offset + limit], None
        rows[:] = rows if len(rows) < 40 else [*range(start), *range(start + 8, 40)]
        return answer

    trip = travel(Walk(limit=10, offset=start), server)

    assert trip.got == list(range(start, 40))


def test_nor_are_they_when_the_walk_has_begun_again():
    """It began where it began, though all that was known is gone."""
    walk = Walk(limit=4, token=sealed(1, "", 1, 3, 2, 0, 0, 1, None, 0, "7 8"))
    while walk.offset:
        walk.take([])
    for page in ([70, 71], [71], []):
        walk.take(page)
    assert walk.offset == 1
    new = [walk.take([1, 2, 3, 4]), walk.take([9]), walk.take([0, 1, 2, 3])]

    assert new == [[0, 1, 2, 3], [], []]


def test_a_search_through_the_whole_list_ends_at_a_known_row():
    """Rows passed on the way are not handed out, now or later."""
    rows = list(range(120))
    walk, got, waiting = until(rows, 110, limit=10)
    trip = travel(resumed(walk, limit=10, waiting=waiting), still([*range(500, 600), *rows]))

    assert 0 in trip.asked
    assert got + trip.got == rows


def test_a_search_in_a_list_that_empties_ends():
    """Nothing is there to hand out."""
    walk, _, waiting = until(list(range(120)), 110, limit=10)
    trip = travel(resumed(walk, limit=10, waiting=waiting), still([]))

    assert trip.got == []
    assert trip.report.doubts == (
        "the total changed during the walk",
        "the total is not the number of rows found",
        "the last page did not show that it was the last",
        "the list was empty before the walk was over",
    )


def test_a_token_of_a_token_is_the_same_token():
    """Taking it costs nothing and changes nothing."""
    walk, _, waiting = until(list(range(80)), 70, limit=10)
    token = walk.token(waiting=waiting)

    assert Walk(limit=10, token=token).token() == token


def test_a_token_that_follows_inserted_rows_does_not_fall_back():
    """A row that was inserted among known ones says nothing of how far the walk is."""
    walk = Walk(limit=6)
    walk.take([1, 2, 3, 4, 5, 6])
    new = walk.take([4, 99, 5, 6])

    assert new == [1]
    assert Walk(limit=6, token=walk.token()).offset == 3


def test_a_step_back_right_behind_a_token_is_a_repair():
    """As it is behind any other page."""
    walk = Walk(limit=2, token=sealed(*GOOD))
    walk.take([99])

    assert walk.report().repairs == 1


def test_a_resumed_walk_may_try_as_often_as_any_before_seams_are_left_open():
    """Page after page does not join; known rows further back do, and bring nothing."""
    walk, offsets = Walk(limit=4, token=changed(3, 1000)), []
    for _ in range(REPAIR_LIMIT + 1):
        walk.take([99])
        offsets.append(walk.offset)
        walk.take([7, 8])

    assert offsets == [*[996] * REPAIR_LIMIT, 998]


@pytest.mark.parametrize("waiting", [0, 1, 40, 90])
def test_a_token_can_be_taken_behind_any_row_however_many_wait(waiting):
    """The ids of those that were received and not handed out are kept beside the anchors."""
    walk, found = Walk(limit=10), 0
    for begin in range(0, 98, 7):
        found += len(walk.take(list(range(begin, begin + 10)), waiting=found))

    assert Walk(limit=10, token=walk.token(waiting=waiting)).offset == found - waiting - OVERLAP


@pytest.mark.parametrize(("total", "kept"), [(10**4000, 2**63), (-(10**4000), -(2**63)), (-5, -5)])
def test_a_token_is_small_and_safe_in_a_url(total, kept):
    """Fifty anchors of ten digits; the totals of a liar do not make it grow."""
    walk = Walk(limit=1000)
    walk.take(list(range(10**9, 10**9 + 1000)), total=total)
    token = walk.token()

    assert len(token) < 1000
    assert token.replace("-", "").replace("_", "").isalnum()
    assert Walk(limit=1000, token=token).report().total_first == kept


def test_a_doubt_outlives_the_token():
    """A seam that was not sound does not become sound by a restart."""
    walk = Walk(limit=4)
    walk.take([1, 2, 3, 4])
    walk.take([4, 3, 5, 6])
    trip = travel(resumed(walk), still([1, 2, 4, 3, 5, 6], totals=False))

    assert trip.report.doubts == ("rows did not keep their order",)


def test_a_token_keeps_only_the_last_anchors():
    """However long the walk."""
    walk, _, waiting = until(list(range(500)), 400, limit=7)
    token = walk.token(waiting=waiting)
    fields = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))

    assert fields[-1].split() == [str(n) for n in range(400 - ANCHORS, 400)]


# The door


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1, 10**9, True, 10.0, "10", None])
def test_a_bad_limit_is_refused(limit):
    """By name, with the rule."""
    with pytest.raises(ValidationError, match="1 to 1000") as caught:
        Walk(limit=limit)

    assert (caught.value.field, caught.value.shown) == ("limit", shown(limit))


@pytest.mark.parametrize("offset", [-1, MAX_OFFSET + 1, True, 1.0, "1", None])
def test_a_bad_offset_is_refused(offset):
    """By name, with the rule."""
    with pytest.raises(ValidationError, match="0 to 999999999") as caught:
        Walk(limit=10, offset=offset)

    assert (caught.value.field, caught.value.shown) == ("offset", shown(offset))


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (MAX_LIMIT, MAX_OFFSET)])
def test_the_edges_are_allowed(limit, offset):
    """Both ends of both ranges; and a token goes on there."""
    walk = Walk(limit=limit, offset=offset)

    assert walk.offset == Walk(limit=limit, token=walk.token()).offset == offset


def sealed(*fields: object) -> str:
    text = json.dumps(fields, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


GOOD = (1, "", 0, 2, 2, 0, 0, 1, None, 0, "7 8")


def changed(place: int, value: object) -> str:
    return sealed(*GOOD[:place], value, *GOOD[place + 1 :])


@pytest.mark.parametrize("fields", [GOOD, (1, "blacklist", 3, 9, 2, 2, 1, 7, 12, 5, "7 8")])
def test_a_token_can_be_read_back(fields):
    """The shape that the next test spoils; whatever was counted goes on."""
    walk = Walk(limit=2, name=fields[1], token=sealed(*fields))
    report = walk.report()

    assert walk.token() == sealed(*fields)
    assert (report.distinct, report.duplicates, report.repairs, report.requests, report.total_first) == fields[4:9]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "пароль",
        b"abc",
        7,
        True,
        "a" * 5000,
        sealed(*GOOD) + "=",
        sealed(*GOOD) + "!",
        sealed(*GOOD)[:-4],
        sealed(*GOOD[:-1]),
        sealed(*GOOD, 1),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        changed(0, 2),
        changed(0, True),
        changed(1, 5),
        changed(2, -1),
        changed(2, MAX_OFFSET + 1),
        changed(3, -1),
        changed(3, 2.0),
        changed(4, True),
        changed(4, 3),
        changed(7, "1"),
        changed(8, True),
        changed(8, 2**63 + 1),
        changed(9, -1),
        changed(9, 1 << 4),
        changed(10, "7 7"),
        changed(10, "7 x"),
        changed(10, "7  8"),
        changed(10, "\u0667 8"),
        changed(10, [7, 8]),
        changed(10, "07 8"),
    ],
)
def test_a_token_that_we_did_not_write_is_refused(token):
    """Cut, padded, of another version, or made up."""
    with pytest.raises(ValidationError) as caught:
        Walk(limit=2, token=token)

    assert (caught.value.field, caught.value.shown) == ("token", shown(token))
    assert caught.value.rule == "not a token of this version; hand back pages.token as it was"


def sized(characters: int) -> tuple[str, str]:
    """Give a good token of this length, and the name of its list."""
    name = "n" * (characters * 3 // 4 - len(json.dumps(GOOD, separators=(",", ":"))))
    token = sealed(1, name, *GOOD[2:])
    assert len(token) == characters
    return token, name


def test_a_token_that_is_longer_than_any_is_not_looked_at():
    """Not even one that would be right, of a list with a name of three thousand characters."""
    longest, name = sized(4096)
    longer, longer_name = sized(4098)

    assert Walk(limit=2, token=longest, name=name).token() == longest
    with pytest.raises(ValidationError, match="not a token of this version"):
        Walk(limit=2, token=longer, name=longer_name)


def test_a_token_of_another_list_is_refused():
    """Ids of one list mean nothing in the other."""
    token = Walk(limit=2, name="campaigns").token()

    with pytest.raises(ValidationError) as caught:
        Walk(limit=2, token=token, name="blacklist")

    assert (caught.value.field, caught.value.shown) == ("token", shown(token))
    assert caught.value.rule == "a token of another list; resume the list that it was taken from"


def test_an_offset_beside_a_token_is_refused():
    """Two beginnings are one too many."""
    with pytest.raises(ValidationError) as caught:
        Walk(limit=2, offset=5, token=sealed(*GOOD))

    assert (caught.value.field, caught.value.shown) == ("offset", "5")
    assert caught.value.rule == "a token already says where to begin; leave the offset out"


def test_a_token_beyond_every_offset_ends_at_once():
    """No request leaves the range, not even the first."""
    walk = Walk(limit=2, token=changed(3, 10**12))

    assert walk.offset is None
    assert walk.report().doubts == (
        "the last page did not show that it was the last",
        f"the list goes beyond offset {MAX_OFFSET}",
    )


def test_the_page_keeps_its_shape():
    """What the calls of the lists build."""
    page = paging.Page((1, 2), total=5)

    assert (page.rows, page.total, paging.Page(()).total) == ((1, 2), 5, None)
