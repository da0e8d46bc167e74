"""Wanted here, present there: a machine that plays both sides, and holds the difference against plain sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from viber_async._sansio.difference import SHOWN, Difference, Earlier, Kept, age_rule
from viber_async._sansio.number_page import NumberPage
from viber_async._sansio.numbers import Index, fingerprint
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


def test_of_many_rows_that_cannot_be_read_a_thousand_are_shown() -> None:
    """All are counted."""
    difference = Difference(Index(), terms=Terms(), salt=SALT, is_young=lambda _: False)
    count = SHOWN + 5
    difference.take(
        NumberPage(list(range(count)), phones=[0] * count, unreadable=dict.fromkeys(range(count), "?")), range(count)
    )
    changes = difference.finish()

    assert changes.kept == Kept(unreadable=count)
    assert len(changes.unread) == SHOWN


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
