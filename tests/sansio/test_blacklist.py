# ruff: noqa: DTZ001 - the provider's times have no zone
import copy
import json
import pickle
from datetime import datetime
from pathlib import Path

import pytest

from viber_async._sansio.blacklist import (
    BATCH,
    BlacklistAdded,
    BlacklistEntry,
    BlacklistRemoved,
    add_phones,
    count_blacklist,
    list_blacklist,
    remove_phones,
)
from viber_async._sansio.call import SMALL_BYTES, Kind, Unreadable
from viber_async._sansio.converter import make_converter, to_dict
from viber_async._sansio.wire_json import loads
from viber_async.errors import ValidationError

SAMPLES = Path(__file__).parents[1] / "samples"
PATH = "/v2/viber-service/phone-exception"
PHONES = ("380977217975", "380977217977")


def sample(name):
    return loads((SAMPLES / name).read_bytes())


def read(call, data):
    return call.read(make_converter(None), data)


def page(*rows, **more):
    return read(list_blacklist(100, 0), {"data": {"list": list(rows), **more}})


def test_a_page_is_asked_for_by_limit_and_offset():
    """Both always said, since the provider's defaults are unknown."""
    call = list_blacklist(100, 300)

    assert (call.kind, call.method, call.path, call.body) == (Kind.READ, "GET", PATH, None)
    assert call.params == {"limit": 100, "offset": 300}


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (list_blacklist(1, 0), "blacklist.list"),
        (count_blacklist(), "blacklist.count"),
        (add_phones(PHONES, None), "blacklist.add"),
        (remove_phones(PHONES), "blacklist.remove"),
    ],
    ids=["list", "count", "add", "remove"],
)
def test_a_call_has_the_name_that_a_user_knows_it_by(call, name):
    """It stands in logs and traces."""
    assert call.name == name


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (1000, 999_999_999)])
def test_the_ends_of_limit_and_offset_are_inclusive(limit, offset):
    """Row I19."""
    assert list_blacklist(limit, offset).params == {"limit": limit, "offset": offset}


@pytest.mark.fault("I19")
@pytest.mark.parametrize(
    ("limit", "offset", "field"),
    [
        *[(value, 0, "limit") for value in (0, -1, 1001, 10**9, True, "1", 1.0, None)],
        *[(1, value, "offset") for value in (-1, 10**9, True, "0", 0.0, None)],
    ],
)
def test_any_other_limit_or_offset_is_refused(limit, offset, field):
    """Row I19, before any I/O."""
    with pytest.raises(ValidationError) as caught:
        list_blacklist(limit, offset)

    assert caught.value.field == field


def test_the_list_of_the_page_is_read():
    """Phones come as ints, and are digit strings to us."""
    found = read(list_blacklist(100, 0), sample("list_blacklist__two_of_29.json"))

    when = datetime(2021, 11, 5, 13, 34, 3)
    assert found.total == 29
    assert found.rows == (
        BlacklistEntry(164, user_id=7046460, phone="73832370050", description="", add_date=when),
        BlacklistEntry(165, user_id=7046460, phone="73912050915", description="", add_date=when),
    )


@pytest.mark.fault("P22")
@pytest.mark.parametrize("total", [29, "29", 0, -1, 10**18, None])
def test_a_total_is_kept_as_it_is_given(total):
    """Row P22: it may lie, and whoever walks the list finds out."""
    assert page(total=total).total == (29 if total == "29" else total)


def test_a_total_may_be_missing():
    """The rows are what counts."""
    assert page().total is None


@pytest.mark.parametrize("phone", [380977217975, "380977217975", "+380977217975"])
def test_a_phone_may_come_as_int_or_string(phone):
    """One idea, two types: strings go out, ints come back (A)."""
    assert page({"id": 1, "phone": phone}).rows[0].phone == "380977217975"


def test_a_description_of_null_is_none_given():
    """The same as the empty one of the page."""
    assert page({"id": 1, "phone": 380977217975, "description": None}).rows[0].description == ""


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ([], ""),
        ({}, "data"),
        ({"data": []}, "data"),
        ({"data": {"total": 1}}, "data.list"),
        ({"data": {"list": None}}, "data.list"),
        ({"data": {"list": [{"id": 1, "phone": 38097721797.5}]}}, "data.list[0].phone"),
        ({"data": {"list": [{"id": 1, "phone": None}]}}, "data.list[0].phone"),
        ({"data": {"list": [{"phone": 1}]}}, "data.list[0].id"),
        ({"data": {"list": [], "total": "many"}}, "data.total"),
    ],
)
def test_what_is_no_list_is_unreadable(data, where):
    """With the path of what is wrong."""
    with pytest.raises(Unreadable) as caught:
        read(list_blacklist(100, 0), data)

    assert caught.value.where == where


def test_the_count_is_the_total_of_the_smallest_page():
    """There is no call for it."""
    call = count_blacklist()

    assert (call.kind, call.method, call.path, call.params) == (Kind.READ, "GET", PATH, {"limit": 1, "offset": 0})
    assert read(call, sample("list_blacklist__two_of_29.json")) == 29


@pytest.mark.parametrize("data", [{"data": {"list": []}}, {"data": {"list": [], "total": None}}])
def test_a_count_that_is_not_said_is_unreadable(data):
    """It is not nought."""
    with pytest.raises(Unreadable) as caught:
        read(count_blacklist(), data)

    assert (caught.value.where, caught.value.why) == ("data.total", "is missing")


@pytest.mark.parametrize(
    ("description", "body"),
    [
        (None, b'{"phones":["380977217975","380977217977"]}'),
        ("stop", b'{"phones":["380977217975","380977217977"],"description":"stop"}'),
        ("", b'{"phones":["380977217975","380977217977"],"description":""}'),
    ],
)
def test_phones_are_added_as_strings_with_one_description(description, body):
    """Strings here, ints when a campaign is created: both as the page has it (A)."""
    call = add_phones(PHONES, description)

    assert (call.kind, call.method, call.path) == (Kind.BLACKLIST_WRITE, "POST", PATH)
    assert (call.body, call.max_bytes) == (body, SMALL_BYTES)


@pytest.mark.parametrize("description", ["x" * 255, "Привіт 🙂", "🙂" * 255])
def test_a_description_has_up_to_255_characters(description):
    """Counted in code points."""
    assert json.loads(add_phones(PHONES, description).body)["description"] == description


@pytest.mark.parametrize("description", ["x" * 256, "a\nb", "a\x00", "\x7f", "\ud800", "\u2028", 5, b"x", True])
def test_any_other_description_is_refused(description):
    """Nothing is cut, and no control character goes out."""
    with pytest.raises(ValidationError) as caught:
        add_phones(PHONES, description)

    assert caught.value.field == "description"


def test_phones_are_removed_by_a_delete_with_a_body():
    """Which many HTTP clients cannot send (A)."""
    call = remove_phones(PHONES)

    assert (call.kind, call.method, call.path) == (Kind.BLACKLIST_WRITE, "DELETE", PATH)
    assert (call.body, call.max_bytes) == (b'{"phones":["380977217975","380977217977"]}', SMALL_BYTES)


def test_the_counters_of_the_page_are_read():
    """And they are exact until somebody says otherwise."""
    assert read(add_phones(PHONES, None), sample("add_phones__seven_new.json")) == BlacklistAdded(7, 0, exact=True)
    assert read(remove_phones(PHONES), sample("remove_phones__seven.json")) == BlacklistRemoved(7, exact=True)


def test_unknown_keys_beside_the_counters_are_kept():
    """Even one that is called as a field of ours."""
    added = read(add_phones(PHONES, None), {"result": 1, "counters": {"added": "1", "exists": 0, "exact": False}})
    removed = read(remove_phones(PHONES), {"result": True, "deleted": 1, "exact": False})

    assert (added.exact, added.extras) == (True, {"exact": False})
    assert (removed.exact, removed.extras) == (True, {"exact": False})


def test_unknown_keys_of_the_answer_itself_are_kept_too():
    """Those beside the counters count more."""
    answer = {"result": True, "job": 5, "note": "a", "counters": {"added": 1, "exists": 0, "note": "b"}}

    assert read(add_phones(PHONES, None), answer).extras == {"job": 5, "note": "b"}


COUNTERS = {"added": 1, "exists": 0}


@pytest.mark.fault("P17", "P21")
@pytest.mark.parametrize(
    ("call", "data", "where"),
    [
        (add_phones(PHONES, None), {"result": False, "counters": COUNTERS}, "result"),
        (add_phones(PHONES, None), {"result": "false", "counters": COUNTERS}, "result"),
        (add_phones(PHONES, None), {"counters": COUNTERS}, "result"),
        (add_phones(PHONES, None), {"result": True}, "counters"),
        (add_phones(PHONES, None), {"result": True, "counters": {"added": 1}}, "counters.exists"),
        (add_phones(PHONES, None), {"result": True, "counters": {"added": -1, "exists": 0}}, "counters.added"),
        (add_phones(PHONES, None), {"result": True, "counters": {"added": 1, "exists": -1}}, "counters.exists"),
        (add_phones(PHONES, None), [], ""),
        (remove_phones(PHONES), {"result": False, "deleted": 1}, "result"),
        (remove_phones(PHONES), {"result": None, "deleted": 1}, "result"),
        (remove_phones(PHONES), {"result": True}, "deleted"),
        (remove_phones(PHONES), {"result": True, "deleted": -1}, "deleted"),
        (remove_phones(PHONES), {"result": True, "deleted": True}, "deleted"),
    ],
)
def test_a_write_without_a_clear_yes_and_sound_counters_is_unreadable(call, data, where):
    """Rows P17 and P21: `result: false` is never a success."""
    with pytest.raises(Unreadable) as caught:
        read(call, data)

    assert caught.value.where == where


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"result": False, "deleted": 1}, "is not true"),
        ({"result": True, "deleted": -1}, "expected a count, got -1"),
    ],
)
def test_what_is_wrong_with_a_write_is_said(data, why):
    """In words."""
    with pytest.raises(Unreadable) as caught:
        read(remove_phones(PHONES), data)

    assert caught.value.why == why


@pytest.mark.fault("P21")
def test_nothing_is_counted_as_a_count_of_nought():
    """Row P21's other side."""
    assert read(remove_phones(PHONES), {"result": True, "deleted": 0}) == BlacklistRemoved(0)


def test_an_entry_is_a_value_that_hides_its_phone():
    """Comparable, hashable, picklable, copyable; whole in ``.phone`` and in ``to_dict`` only."""
    found = page({"id": 1, "phone": 380977217975, "description": "call 380977217975"}).rows[0]

    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    assert {found: 1}[found] == 1
    assert "380977217975" not in repr(found)
    assert to_dict(found)["phone"] == "380977217975"


def test_a_batch_is_halved_nine_times_at_most():
    """What the size of a batch was chosen by."""
    assert BATCH <= 2**9
