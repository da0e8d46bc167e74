"""What may be shown of phones, of strange characters and of refused values."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import attrs
import pytest

from viber_async._sansio.answer import Answer
from viber_async._sansio.call import Call
from viber_async._sansio.difference import Changes, Earlier
from viber_async._sansio.guards import Facts
from viber_async._sansio.lines import Block
from viber_async._sansio.number_page import NumberPage
from viber_async._sansio.privacy import mask_phone, mask_phones, refused, safe_text, shown, without
from viber_async.errors import ValidationError

FULL_WIDTH = {ord("0") + i: 0xFF10 + i for i in range(10)}
ARABIC = {ord("0") + i: 0x0660 + i for i in range(10)}


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("380931112111", "3809•••••111"),
        ("38093111211", "3809••••211"),
        ("3809311121", "38••••••21"),
        ("12345678", "12••••78"),
        ("1234567", "•••••••"),
        ("123", "•••"),
        ("", ""),
    ],
)
def test_a_phone_shows_its_ends_and_its_length(phone, masked):
    """Four and three digits of a long one, two and two of a short one, nothing of what is hardly one."""
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("call 380931112111 now", "call 3809•••••111 now"),
        ("+380 (93) 111-21-11", "+3809•••••111"),
        ("380.93.111.21.11", "3809•••••111"),
        ("380\u00a093\u00a0111\u00a021\u00a011", "3809•••••111"),
        ("380\u202f93\u202f111\u202f21\u202f11", "3809•••••111"),
        ("380\u201193\u2011111\u201121\u201111", "3809•••••111"),
        ("380\u201393\u2013111\u201321\u201311", "3809•••••111"),
        ("3\u200d8\u200d0\u200d9\u200d3\u200d1\u200d1\u200d1\u200d2\u200d1\u200d1\u200d1", "3809•••••111"),
        ("38 (093) - 111 - 21 - 11", "3809•••••111"),
        ("380931112111".translate(FULL_WIDTH), "3809•••••111".translate(FULL_WIDTH)),
        ("380931112111".translate(ARABIC), "3809•••••111".translate(ARABIC)),
        ("two: 380931112111, 380931112112", "two: 3809•••••111, 3809•••••112"),
        ("[380931112111]", "[3809•••••111]"),
        ("12345678", "12••••78"),
        ("1234567", "1234567"),
        ("task 90241", "task 90241"),
        ("2024-01-31 10:20:30", "2024-01-31 10:20:30"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-3", "2024-01-3"),
        ("", ""),
    ],
)
def test_whatever_could_be_a_phone_is_masked_in_a_text(text, masked):
    """In every usual spelling and any digits; dates and short numbers stay."""
    assert mask_phones(text) == masked


@pytest.mark.fault("P15", "S12")
@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x00\x1f\x7f\x9f", r"\x00\x1f\x7f\x9f"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("\u200b\u200f\u2028\u2060\u206f\u061c\u00ad\ufeff", r"\u200b\u200f\u2028\u2060\u206f\u061c\xad\ufeff"),
        ("\ud800\udfff", r"\ud800\udfff"),
        ("%s {x} {0}", "%s {x} {0}"),
        (" ~\u00a0čáp 🎉", " ~\u00a0čáp 🎉"),
    ],
)
def test_what_a_terminal_or_a_log_would_obey_is_escaped(text, safe):
    """Line breaks, colours, directions and halves of characters; letters of any script stay."""
    assert safe_text(text) == safe


@pytest.mark.parametrize(
    ("length", "limit", "kept"), [(9, 10, 9), (10, 10, 10), (11, 10, 10), (20, 10, 10), (21, 10, 10), (2000, 10, 10)]
)
def test_a_long_text_is_cut_and_says_so(length, limit, kept):
    """At the limit it is whole; above it an ellipsis follows."""
    assert safe_text("x" * length, limit) == "x" * kept + ("…" if length > limit else "")


SPREAD = "3  8  0  9  3  1  1  1  2  1  1  1"


def test_a_text_that_shrinks_by_masking_still_says_that_it_was_cut():
    """Twice the limit is looked at; what stands behind is missing, even if the rest now fits."""
    assert safe_text(SPREAD, 17) == "3809•••••111"
    assert safe_text(SPREAD + " and more", 17) == "3809•••••111…"


def test_five_hundred_characters_are_kept_by_default():
    """Enough for a sentence."""
    assert safe_text("x" * 501) == "x" * 500 + "…"


@pytest.mark.parametrize("tail", [500, 501, 505, 995, 1000, 1005])
def test_a_phone_at_a_cut_is_not_shown_whole(tail):
    """Masking goes before cutting."""
    assert "380931112111" not in safe_text("x" * (tail - 6) + "380931112111" + "y" * 600)


class Odd:
    def __repr__(self) -> str:
        return "380931112111"


@pytest.mark.parametrize(
    ("value", "picture"),
    [
        (None, "None"),
        (True, "True"),
        (5, "5"),
        (-5, "-5"),
        (380931112111, "3809•••••111"),
        (10**30 - 1, "9999" + "•" * 23 + "999"),
        (10**30, "a huge int"),
        (-(10**30), "a huge int"),
        (1 - 10**30, "-9999" + "•" * 23 + "999"),
        pytest.param(10**5000, "a huge int", id="5001 digits"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (Decimal("0.10"), "Decimal('0.10')"),
        ("now", "'now'"),
        ("380931112111", "'3809•••••111'"),
        ("380\u00a093\u00a0111\u00a021\u00a011", "'3809•••••111'"),
        ("38\n0", r"'38\n0'"),
        ("x" * 200, "'" + "x" * 59 + "…"),
        (b"380931112111", "b'3809•••••111'"),
        (b"\xff", r"b'\xff'"),
        (date(2024, 1, 31), "datetime.date(2024, 1, 31)"),
        (
            datetime(2024, 1, 31, tzinfo=UTC),
            "datetime.datetime(2024, 1, 31, 0, 0, tzinfo=datetime.timezone.utc)"[:60] + "…",
        ),
        (["380931112111"], "a list of 1"),
        ({"380931112111": 1}, "a dict of 1"),
        (("380931112111",), "a tuple of 1"),
        (Odd(), "a Odd"),
        (object(), "a object"),
    ],
)
def test_a_refused_value_is_shown_short_and_safe(value, picture):
    """Scalars as they are written, masked and bounded; containers and strangers only by their type."""
    assert shown(value) == picture


def test_the_picture_of_a_value_has_the_length_that_was_asked_for():
    """Sixty characters unless told."""
    assert shown("x" * 99, 10) == "'xxxxxxxxx…"
    assert shown(b"x" * 99, 10) == "b'xxxxxxxx…"


def test_a_value_that_shrinks_by_masking_is_shown_to_its_end():
    """Twice the limit is looked at."""
    assert shown(SPREAD, 17) == "'3809•••••111'"
    assert shown(SPREAD + " and more", 17) == "'3809•••••111'"
    assert shown(b"3  8  0  9  3  1  1  1  2  1  1", 18) == "b'3809••••211'"


def test_only_the_beginning_of_a_long_value_is_looked_at():
    """Showing a megabyte must not cost a megabyte."""
    assert shown("x" * 12 + "\n" * 10**6, 10) == "'xxxxxxxxx…"


def test_a_refusal_names_field_value_and_rule():
    """The three parts of the promise, with phones masked."""
    error = refused("recipients[3]", "380931112111x", "only digits")

    assert isinstance(error, ValidationError)
    assert (error.field, error.rule, error.shown) == ("recipients[3]", "only digits", "'3809•••••111x'")
    assert re.fullmatch(r"recipients\[3\]: only digits; got '3809•••••111x'", str(error))


@pytest.mark.parametrize(
    ("secret", "text", "shown_as"),
    [
        ("token-1-and-more", "it was token-1-and-more.", "it was •••"),
        ("token-1-and-more", "it was token-1-and", "it was •••"),
        ("token-1-and-more", "it was token-", "it was token-"),
        ("token-1-and-more", r"it was \t\\o\k\en-1-\\and", "it was •••"),
        ("token-1-and-more", r"\\\token-1-x y token-1-z", "••• y •••"),
        (r"a\b\\c-12345", r"it was a\b\\c-12345", "it was •••"),
        (r"a\b\\c-12345", r"it was a\\b\\\\c-12345", "it was •••"),
        (r"a\b\\c-12345", r"it was ab\c-12345", r"it was ab\c-12345"),
        (r"\\\\\\\\", r"it was \\\\\\\\", "it was •••"),
        ("", "token-1", "token-1"),
    ],
)
def test_a_secret_is_hidden_whole_cut_short_or_escaped(secret, text, shown_as):
    """From where its first eight characters stand, with whatever backslashes between them, to the next space."""
    assert without(secret, text) == shown_as


@pytest.mark.fault("S14")
@pytest.mark.parametrize("text", ["\\" * 2**20, "t\\" * 2**19, "token-" * 2**17, "token-1" * 2**17, "\\t" * 2**19])
def test_hiding_a_secret_takes_no_longer_than_the_text_is_long(text):
    """A server that answers a megabyte of backslashes must not cost us minutes."""
    began = time.process_time()
    without("token-1-and-more", text)

    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (Answer, ["body", "secret"]),
        (Call, ["path", "params", "body", "secret"]),
        (Block, ["data"]),
        (NumberPage, ["phones", "descriptions", "dates"]),
        (Changes, ["adds", "removes", "anew"]),
        (Earlier, ["left", "removed"]),
        (Facts, ["adds", "removes"]),
    ],
)
def test_what_holds_phones_or_a_secret_does_not_show_them(cls, names):
    """However it came to be printed."""
    holder = cls.__new__(cls)
    for field in attrs.fields(cls):
        object.__setattr__(holder, field.name, "380931112111" if field.name in names else None)

    assert "380931112111" not in repr(holder)
