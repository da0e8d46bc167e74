"""A call as a value: what it carries, and how bodies are written."""

from __future__ import annotations

import math
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from viber_async._sansio.call import PAGE_BYTES, SMALL_BYTES, Call, Kind, Unreadable, json_body


def plain_call(**fields) -> Call[object]:
    given: dict[str, Any] = {"method": "GET", "path": "/viber/task", "read": lambda _, parsed: parsed} | fields
    return Call(Kind.READ, **given)


@pytest.mark.parametrize(
    ("name", "default"), [("params", {}), ("body", None), ("max_bytes", PAGE_BYTES), ("empty_is_none", False)]
)
def test_what_a_call_does_not_say_has_a_default(name, default):
    """No parameters, no body, room for a page, and an empty answer is none."""
    assert getattr(plain_call(), name) == default


def test_a_page_may_hold_eight_mebibytes_and_a_small_answer_64_kibibytes():
    """The caps of the table of defaults."""
    assert (PAGE_BYTES, SMALL_BYTES) == (8_388_608, 65_536)


def test_a_call_does_not_change():
    """Every attempt of it sends the same."""
    with pytest.raises(FrozenInstanceError):
        plain_call().path = "/viber"


def test_two_calls_share_no_parameters():
    """The default is made anew for each."""
    assert plain_call().params is not plain_call().params


@pytest.mark.parametrize(
    ("path", "own", "picture"),
    [
        ("/viber/task/380931112111", False, "/viber/task/380931112111"),
        ("/viber/task/380931112111", True, "/viber/task/3809•••••111"),
        ("/viber/task", True, "/viber/task"),
    ],
)
def test_only_a_path_that_a_caller_wrote_may_hold_a_phone(path, own, picture):
    """An id that we wrote is shown whole: it is what one looks for."""
    call = plain_call(path=path, is_callers_own=own)

    assert (call.shown_path, call.what) == (picture, f"{call.method} {picture}")


def test_a_body_is_not_shown():
    """It holds phones and secrets."""
    assert "380931112111" not in repr(plain_call(body=b'{"recipients":[380931112111]}'))


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"a": [1, None, True], "b": "x"}, b'{"a":[1,null,true],"b":"x"}'),
        ("привіт 🎉", '"привіт 🎉"'.encode()),
        ([], b"[]"),
        (0.5, b"0.5"),
    ],
)
def test_a_body_is_compact_utf_8(value, body):
    """No spaces, no escapes where none are needed."""
    assert json_body(value) == body


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan]])
def test_what_is_not_json_is_not_written(value):
    """Python would write NaN, which no other parser reads."""
    with pytest.raises(ValueError, match="JSON compliant"):
        json_body(value)


def test_the_rows_of_the_table_are_named():
    """Their names stand in logs and in the endpoints of the rate limit."""
    assert [kind.value for kind in Kind] == ["read", "token", "blacklist write", "create", "other"]


def test_an_unreadable_answer_says_where_and_why():
    """Both for the text of the error that it becomes."""
    unreadable = Unreadable("[3].price", "not a number")

    assert (unreadable.where, unreadable.why, unreadable.args) == (
        "[3].price",
        "not a number",
        ("[3].price", "not a number"),
    )
