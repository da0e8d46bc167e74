"""How a sync is asked for: the tag of its rows, and what is young."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from viber_async._sansio.blacklist import MAX_DESCRIPTION
from viber_async._sansio.privacy import shown
from viber_async._sansio.terms import MAX_OWNER, Terms, checked_terms
from viber_async.errors import ValidationError

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def naive(*parts: int) -> datetime:
    """Give a date as the provider writes it: without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("owner", "description", "written"),
    [
        (None, None, None),
        (None, "", ""),
        (None, "asked", "asked"),
        ("crm", None, "crm"),
        ("crm", "", "crm"),
        ("crm", "asked", "crm: asked"),
    ],
)
def test_the_tag_stands_at_the_front(owner: str | None, description: str | None, written: str | None) -> None:
    """And what is written is what is known again."""
    terms = checked_terms(owner=owner, description=description)

    assert terms.written == written
    assert terms.owns(written)


@pytest.mark.parametrize(
    ("description", "owned"),
    [
        ("crm", True),
        (" crm ", True),
        ("crm:", True),
        ("crm: asked", True),
        ("crm: ask", True),
        ("", False),
        ("CRM", False),
        ("crm asked", False),
        ("crm2: asked", False),
        ("asked crm", False),
        (None, False),
        (7, False),
    ],
)
def test_a_row_is_owned_by_the_tag_at_its_front(description: object, owned: bool) -> None:
    """Also where the rest was cut off."""

    assert Terms(owner="crm").owns(description) is owned
    assert Terms().owns(description)


@pytest.mark.parametrize(
    ("date", "young"),
    [
        (naive(2026, 7, 1, 11), True),
        (naive(2026, 6, 30, 23, 0, 1), True),
        (naive(2026, 6, 30, 23), False),
        (datetime(2026, 7, 1, 11, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 11, 0, 1, tzinfo=UTC), True),
        (datetime(2026, 7, 1, 14, tzinfo=timezone(3 * HOUR)), False),
        (naive(2026, 7, 9), True),
        (None, True),
    ],
)
def test_a_row_is_young_for_as_long_as_it_may_be(date: datetime | None, young: bool) -> None:
    """An hour, and twelve more where the date does not say in which zone it is."""

    assert Terms(min_age=HOUR).is_young(date, now=NOON) is young
    assert not Terms().is_young(date, now=NOON)


@pytest.mark.parametrize(
    ("how", "detailed"),
    [
        ({}, False),
        ({"owner": "crm"}, False),
        ({"mode": "mirror"}, False),
        ({"mode": "mirror", "owner": "crm"}, True),
        ({"mode": "mirror", "min_age": HOUR}, True),
    ],
)
def test_details_are_read_only_where_something_depends_on_them(how: dict[str, object], detailed: bool) -> None:
    """A mirror with a condition."""

    assert checked_terms(**how).detailed is detailed


MODE = '"add_only" or "mirror"'
REMOVALS = "how many phones may be removed: an int of 0 or more, or None"
OWNER = "a tag of 1 to 50 ASCII letters, digits, spaces and . _ @ / -"
REJECTS = "the part of the lines that may hold no phone: 0 to 1"
AGE = "a timedelta of 0 or more, or None"


@pytest.mark.parametrize(
    ("how", "field", "rule"),
    [
        ({"mode": None}, "mode", MODE),
        ({"mode": []}, "mode", MODE),
        ({"max_remove": 1.0}, "max_remove", REMOVALS),
        ({"max_remove": -1}, "max_remove", REMOVALS),
        ({"max_remove": True}, "max_remove", REMOVALS),
        ({"owner": "x" * (MAX_OWNER + 1)}, "owner", OWNER),
        ({"owner": " crm"}, "owner", OWNER),
        ({"owner": "crm "}, "owner", OWNER),
        ({"owner": "c\nrm"}, "owner", OWNER),
        ({"owner": 7}, "owner", OWNER),
        ({"description": 7}, "description", "give text"),
        ({"description": "two\nlines"}, "description", "one line without control characters"),
        ({"max_reject": -0.1}, "max_reject", REJECTS),
        ({"max_reject": 1.1}, "max_reject", REJECTS),
        ({"max_reject": float("nan")}, "max_reject", REJECTS),
        ({"max_reject": "0.1"}, "max_reject", REJECTS),
        ({"min_age": 60}, "min_age", AGE),
        ({"min_age": timedelta(seconds=-1)}, "min_age", AGE),
    ],
)
def test_what_cannot_be_meant_is_refused(how: dict[str, object], field: str, rule: str) -> None:
    """By the argument's name, what was given, and what would have been fine."""

    with pytest.raises(ValidationError) as caught:
        checked_terms(**how)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert caught.value.shown == shown(how[field])


@pytest.mark.parametrize("owner", [None, "crm"])
def test_a_description_is_as_long_as_a_row_takes_with_the_tag(owner: str | None) -> None:
    """Not a character longer: it would be cut."""
    room = MAX_DESCRIPTION - (len("crm: ") if owner else 0)

    assert checked_terms(owner=owner, description="x" * room).written is not None
    for more in (1, MAX_DESCRIPTION):
        with pytest.raises(ValidationError, match="nothing is cut") as caught:
            checked_terms(owner=owner, description="x" * (room + more))
        assert caught.value.field == "description"


def test_the_edges_are_taken() -> None:
    """The longest tag, no removal at all, every reject, no age."""
    terms = checked_terms(owner="x" * MAX_OWNER, max_remove=0, max_reject=1, min_age=timedelta(0))
    assert checked_terms(max_reject=0).max_reject == 0

    assert (terms.max_remove, terms.max_reject, terms.min_age) == (0, 1.0, timedelta(0))
