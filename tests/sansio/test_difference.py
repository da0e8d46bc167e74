"""Wanted here, present there: a machine that plays both sides, and holds the difference against plain sets."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from viber_async._sansio.difference import SHOWN, Difference, Earlier, Kept, Unread, age_rule
from viber_async._sansio.number_page import NumberPage
from viber_async._sansio.numbers import Endings, Index, fingerprint
from viber_async._sansio.terms import Terms

B = 380_500_000_000
SALT = 12345
NUMBERS = st.integers(B, B + 30)


class Sides(RuleBasedStateMachine):
    """Pages of any rows come in, in any order; after each, the difference so far is that of two sets."""

    @initialize(
        wanted=st.sets(NUMBERS),
        mode=st.sampled_from(["add_only", "mirror"]),
        owner=st.sampled_from([None, "crm"]),
        aged=st.booleans(),
    )
    def begin(self, wanted, mode, owner, aged) -> None:
        self.wanted = wanted
        self.terms = Terms(mode=mode, owner=owner, min_age=timedelta(days=1) if aged else None)
        self.index = Index()
        self.index.add(wanted)
        self.difference = Difference(
            self.index, terms=self.terms, salt=SALT, is_young=lambda date: aged and date == "young"
        )
        self.rows: list[tuple[int, str, str]] = []

    @rule(
        rows=st.lists(
            st.tuples(
                st.one_of(NUMBERS, st.just(0)), st.sampled_from(["", "crm", "shop"]), st.sampled_from(["old", "young"])
            ),
            min_size=1,
            max_size=6,
        ),
        old=st.integers(0, 2),
    )
    def take(self, rows, old) -> None:
        """A page whose first rows are known, as those of an overlap are."""
        known = self.rows[-old:] if old else []
        page = [*known, *rows]
        self.difference.take(
            NumberPage(
                list(range(len(self.rows) - len(known), len(self.rows) + len(rows))),
                phones=[phone for phone, _, _ in page],
                descriptions=[tag for _, tag, _ in page] if self.terms.detailed else None,
                dates=[date for _, _, date in page] if self.terms.detailed else None,
                unreadable={i: "?" for i, (phone, _, _) in enumerate(page) if phone == 0},
            ),
            range(len(known), len(page)),
        )
        self.rows += rows

    @invariant()
    def it_is_the_difference_of_two_sets(self) -> None:
        changes = self.difference.finish()
        readable = [row for row in self.rows if row[0]]
        others = [row for row in readable if row[0] not in self.wanted]
        free = [self._free(tag, date) for _, tag, date in others]
        removes = {row[0] for row, is_free in zip(others, free, strict=True) if is_free}
        removes -= {row[0] for row, is_free in zip(others, free, strict=True) if not is_free}
        there = {row[0] for row in readable} & self.wanted
        if not self.terms.mirrors:
            removes = set()

        assert set(changes.removes) == removes
        assert len(changes.removes) == len(removes)
        assert changes.unchanged == len(there)
        assert set(changes.adds) == self.wanted - there
        assert changes.kept.unreadable == len(changes.unread) == sum(row[0] == 0 for row in self.rows)
        assert changes.wanted_print == fingerprint(self.wanted, SALT)
        assert changes.remote_print == fingerprint([*there, *(row[0] for row in others)], SALT)
        assert changes.rest_print == fingerprint([row[0] for row in others if row[0] not in removes], SALT)

    @invariant()
    def nothing_more_is_removed_than_was_said(self) -> None:
        only = {B + n for n in range(0, 30, 2)}
        first = self.difference.finish()
        all_of_them, known = set(first.removes), set(first.rows[::2])
        changes = self.difference.finish(earlier=Earlier(left=only, rows=known, removed=only))
        others = {row[0] for row in self.rows if row[0] and row[0] not in self.wanted}
        anew = {phone for number, (phone, _, _) in enumerate(self.rows) if number not in known}

        assert set(changes.removes) == all_of_them & only - anew
        assert changes.anew == all_of_them & only & anew
        assert set(changes.rows) <= known
        assert changes.left == len(all_of_them) - len(changes.removes)
        assert changes.back == (len(others & only) if self.terms.mirrors else 0)

    def _free(self, tag: str, date: str) -> bool:
        return self.terms.owns(tag) and not (self.terms.min_age is not None and date == "young")


Sides.TestCase.settings = settings(max_examples=40, stateful_step_count=6, deadline=None)
test_the_difference_is_that_of_two_sets = Sides.TestCase


def page(first: int, *rows: tuple[int, str, str], detailed: bool) -> NumberPage:
    """Give a page of *rows*, with ids from *first* on."""
    return NumberPage(
        list(range(first, first + len(rows))),
        phones=[phone for phone, _, _ in rows],
        descriptions=[tag for _, tag, _ in rows] if detailed else None,
        dates=[date for _, _, date in rows] if detailed else None,
        unreadable={i: f"shown {first + i}" for i, row in enumerate(rows) if row[0] == 0},
    )


PAGES = [
    [(B, "crm", "old"), (B + 1, "crm", "old"), (B + 2, "crm", "young"), (B + 3, "shop", "old"), (0, "crm", "old")],
    [(B + 4, "crm", "old"), (B + 5, "crm", "young"), (B + 6, "shop", "old"), (0, "crm", "old"), (B + 7, "crm", "old")],
]


@pytest.mark.parametrize(
    ("terms", "removes", "removable", "kept"),
    [
        (Terms(), [], 0, Kept(unreadable=2)),
        (Terms(mode="mirror"), [1, 2, 3, 5, 6, 7], 10, Kept(unreadable=2, unclear=1)),
        (
            Terms(mode="mirror", owner="crm", min_age=timedelta(days=1)),
            [1, 7],
            6,
            Kept(unreadable=2, foreign=2, young=2, unclear=1),
        ),
    ],
)
def test_what_stays_is_counted_by_its_reason(terms: Terms, removes: list[int], removable: int, kept: Kept) -> None:
    """Page after page; and of how many may be removed at all, the guards are told."""
    index = Index()
    index.add([B])
    difference = Difference(index, terms=terms, salt=SALT, is_young=lambda date: date == "young")
    for number, rows in enumerate(PAGES):
        difference.take(page(100 + 10 * number, *rows, detailed=terms.detailed), range(len(rows)))
    meant = Endings()
    meant.add(str(B + 4))
    changes = difference.finish(unclear=meant)

    assert changes.removes == array("q", [B + n for n in removes])
    assert list(changes.rows) == [100 + n if n < 4 else 106 + n if n < 7 else 114 for n in removes]
    assert (changes.removable, changes.kept) == (removable, kept)
    assert changes.unread == (Unread(104, shown="shown 104"), Unread(113, shown="shown 113"))
    assert (changes.unchanged, changes.left, changes.back, changes.anew) == (1, 0, 0, set())


def test_of_many_rows_that_cannot_be_read_a_thousand_are_shown() -> None:
    """All are counted, on however many pages they stand."""
    difference = Difference(Index(), terms=Terms(), salt=SALT, is_young=lambda _: False)
    for first in (0, SHOWN - 5):
        difference.take(page(first, *[(0, "", "")] * (SHOWN - 5), detailed=False), range(SHOWN - 5))
    changes = difference.finish()

    assert changes.kept == Kept(unreadable=2 * SHOWN - 10)
    assert [each.id for each in changes.unread] == list(range(SHOWN))


@pytest.mark.parametrize(
    ("date", "young"),
    [
        ("2026-06-29 12:00:00", False),
        ("2026-07-01 11:00:00", True),
        ("0000-00-00 00:00:00", True),
        ("yesterday", True),
        ("", True),
        (None, True),
        (7, True),
    ],
)
def test_a_date_that_cannot_be_read_is_young(date: object, young: bool) -> None:
    """P24: it protects rather than exposes."""
    rule_ = age_rule(Terms(min_age=timedelta(days=1)), now=datetime(2026, 7, 1, 12, tzinfo=UTC), time_zone=None)

    assert rule_(date) is young


def test_a_date_is_one_of_the_accounts_zone_if_that_is_known() -> None:
    """Else it counts as the latest moment that it can be."""
    terms, now = Terms(min_age=timedelta(hours=1)), datetime(2026, 7, 1, 12, tzinfo=UTC)

    assert [age_rule(terms, now=now, time_zone=zone)("2026-07-01 10:59:00") for zone in (UTC, None)] == [False, True]
