"""A page of the blacklist as a sync reads it."""

from __future__ import annotations

import pytest

from viber_async._sansio import number_page
from viber_async._sansio.call import Kind, Unreadable
from viber_async._sansio.converter import make_converter
from viber_async._sansio.number_page import NumberPage, list_numbers

P = 380931111111
ROW = {"id": 164, "user_id": 7, "phone": P, "description": "asked", "add_date": "2019-03-26 12:40:05"}


def page(*rows: object, detailed: bool = False, **more: object) -> NumberPage:
    call = list_numbers(1000, 0, detailed=detailed)
    return call.read(make_converter(None), {"data": {"list": list(rows), "total": len(rows), **more}})


def test_a_page_is_ids_and_phones() -> None:
    """As ints, and nothing is made for each row."""
    found = page(ROW, {**ROW, "id": 165, "phone": 442079460958})

    assert found == NumberPage([164, 165], phones=[380931111111, 442079460958], total=2)
    assert "3809" not in repr(found)


def test_a_detailed_page_has_descriptions_and_dates_as_they_came() -> None:
    """Whatever they are."""
    found = page(ROW, {"id": 1, "phone": 380931111112, "description": 7}, detailed=True)

    assert (found.descriptions, found.dates) == (["asked", 7], ["2019-03-26 12:40:05", None])


def test_an_empty_page_is_the_end() -> None:
    """With or without a total."""

    assert page() == NumberPage([], phones=[], total=0)
    assert page(total=None).total is None


@pytest.mark.parametrize(
    ("phone", "number"),
    [
        ("380931111111", 380931111111),
        ("+380931111111", 380931111111),
        (10**7, 10**7),
        (10**15 - 1, 10**15 - 1),
        (str(10**7), 10**7),
        ("9" * 15, 10**15 - 1),
        (10**7 - 1, 0),
        (10**15, 0),
        ("0380931111111", 0),
        ("380 93 111 11 11", 0),
        (380931111111.0, 0),
        (True, 0),
        (None, 0),
        ([], 0),
        (-380931111111, 0),
    ],
)
def test_a_phone_is_read_in_every_spelling_of_the_wire_or_kept(phone: object, number: int) -> None:
    """P23: and it hides no other row of its page."""
    found = page(ROW, {**ROW, "id": 165, "phone": phone})

    assert found.phones == [380931111111, number]
    assert list(found.unreadable) == ([] if number else [1])


def test_a_row_without_a_phone_is_kept_too() -> None:
    """There is somebody behind it."""

    assert page({"id": 1}).unreadable == {0: "None"}


def test_what_cannot_be_read_is_shown_masked() -> None:
    """It may be a phone all the same."""

    assert page(ROW, {**ROW, "phone": "0380931111111"}).unreadable == {1: "'0380••••••111'"}


@pytest.mark.parametrize("phones", [(P,), (P, P + 1), (10**7, P), (P, 10**15 - 1)])
def test_rows_that_are_as_they_should_be_take_the_quick_way(phones: tuple[int, ...]) -> None:
    """Which gives what the careful one gives; a walk of millions needs it."""
    rows = [{**ROW, "id": i, "phone": phone} for i, phone in enumerate(phones)]

    assert number_page._quick(rows) == number_page._careful(rows) == (list(range(len(rows))), list(phones), {})


def test_an_id_may_be_a_string_of_digits() -> None:
    """As elsewhere on this host."""

    assert page({**ROW, "id": "164"}).ids == [164]


NO_OBJECT = "expected an object"
NO_NUMBER = "expected a whole number, got "


@pytest.mark.parametrize(
    ("data", "where", "why"),
    [
        (None, "data", NO_OBJECT),
        ([], "data", NO_OBJECT),
        ({}, "data", NO_OBJECT),
        ({"data": []}, "data", NO_OBJECT),
        ({"data": {}}, "data.list", "expected a list, got None"),
        ({"data": {"list": None}}, "data.list", "expected a list, got None"),
        ({"data": {"list": {}}}, "data.list", "expected a list, got a dict of 0"),
        ({"data": {"list": [7]}}, "data.list[0]", f"{NO_OBJECT}, got 7"),
        ({"data": {"list": [ROW, {"phone": P}]}}, "data.list[1].id", f"{NO_NUMBER}null"),
        ({"data": {"list": [{**ROW, "id": None}]}}, "data.list[0].id", f"{NO_NUMBER}null"),
        ({"data": {"list": [{**ROW, "id": True}]}}, "data.list[0].id", f"{NO_NUMBER}True"),
        ({"data": {"list": [{**ROW, "id": 1.5}]}}, "data.list[0].id", f"{NO_NUMBER}1.5"),
        ({"data": {"list": [], "total": "many"}}, "data.total", f"{NO_NUMBER}'many'"),
    ],
)
def test_a_page_that_the_walk_cannot_stand_on_is_refused(data: object, where: str, why: str) -> None:
    """With the place of what is wrong."""
    call = list_numbers(10, 0, detailed=True)

    with pytest.raises(Unreadable) as caught:
        call.read(make_converter(None), data)
    assert (caught.value.where, caught.value.why) == (where, why)


def test_the_call_is_a_read_of_a_window() -> None:
    """It may be repeated."""
    call = list_numbers(10, 30, detailed=False)

    assert (call.method, call.path, call.body) == ("GET", "/v2/viber-service/phone-exception", None)
    assert (call.kind, call.name, call.params) == (Kind.READ, "blacklist.list", {"limit": 10, "offset": 30})
