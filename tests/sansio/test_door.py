"""What an argument may be, whatever call it is for: both sides of each edge, and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, StrEnum

import pytest

from viber_async._sansio.door import flag, link, one_line, positive_id, text, whole, window
from viber_async._sansio.privacy import shown
from viber_async.errors import ValidationError

MOST = 2**63 - 1
AN_ID = "an id is a positive int of at most 64 bits"
BLANK = "give text, or leave the argument out: blank text says nothing"
UNSENDABLE = "lone surrogates and NUL cannot be sent"
ONE_LINE = "one line without control characters"
A_LINK = "an https:// link with a host, and without user, password, spaces or controls"


class Number(IntEnum):
    SEVEN = 7


class Word(StrEnum):
    SALE = "sale"


@pytest.mark.parametrize(
    ("give", "value"),
    [
        (lambda: whole(1, "n", "r"), 1),
        (lambda: whole(MOST, "n", "r"), MOST),
        (lambda: whole(0, "n", "r", least=0), 0),
        (lambda: whole(5, "n", "r", most=5), 5),
        (lambda: whole(Number.SEVEN, "n", "r"), 7),
        (lambda: positive_id(1, "id"), 1),
        (lambda: positive_id(MOST, "id"), MOST),
        (lambda: flag(True, "f"), True),
        (lambda: flag(False, "f"), False),
        (lambda: text("a", "t"), "a"),
        (lambda: text(Word.SALE, "t"), "sale"),
        (lambda: text("two\nlines\ttab", "t"), "two\nlines\ttab"),
        (lambda: text("abc", "t", most=3), "abc"),
        (lambda: text(" ", "t", blank=True), " "),
        (lambda: text("\ud7ff\ue000", "t"), "\ud7ff\ue000"),
        (lambda: one_line("a", "t"), "a"),
        (lambda: one_line("abc", "t", most=3), "abc"),
        (lambda: one_line("", "t", blank=True), ""),
        (lambda: one_line(" ~\u00a0\u2027\u202a", "t"), " ~\u00a0\u2027\u202a"),
    ],
)
def test_what_fits_is_given_as_it_is(give: Callable[[], object], value: object) -> None:
    """And as the plain type: an enum's repr is nobody's text."""
    given = give()

    assert given == value
    assert type(given) in (int, str, bool)


@pytest.mark.parametrize(
    ("give", "value", "rule"),
    [
        (lambda v: whole(v, "f", "r"), 0, "r"),
        (lambda v: whole(v, "f", "r"), MOST + 1, "r"),
        (lambda v: whole(v, "f", "r", least=2), 1, "r"),
        (lambda v: whole(v, "f", "r", most=5), 6, "r"),
        (lambda v: whole(v, "f", "r"), True, "r"),
        (lambda v: whole(v, "f", "r"), 1.0, "r"),
        (lambda v: whole(v, "f", "r"), "1", "r"),
        (lambda v: positive_id(v, "f"), 0, AN_ID),
        (lambda v: positive_id(v, "f"), "../7", AN_ID),
        (lambda v: positive_id(v, "f"), MOST + 1, AN_ID),
        *((lambda v: flag(v, "f"), v, "give True or False") for v in (1, 0, "yes", None)),
        (lambda v: text(v, "f"), 7, "give text"),
        (lambda v: text(v, "f"), b"a", "give text"),
        (lambda v: text(v, "f"), "", BLANK),
        (lambda v: text(v, "f"), " \n", BLANK),
        (lambda v: text(v, "f"), "a\x00", UNSENDABLE),
        (lambda v: text(v, "f"), "\ud800", UNSENDABLE),
        (lambda v: text(v, "f"), chr(0xDFFF), UNSENDABLE),
        (lambda v: text(v, "f", most=3), "abcd", "at most 3 characters, and this has 4; nothing is cut"),
        (lambda v: one_line(v, "f"), 7, "give text"),
        (lambda v: one_line(v, "f"), " ", BLANK),
        (lambda v: one_line(v, "f", most=3), "abcd", "at most 3 characters, and this has 4; nothing is cut"),
        *((lambda v: one_line(v, "f"), f"a{c}b", ONE_LINE) for c in "\x01\n\r\t\x1f\x7f\x85\x9f\u2028\u2029"),
        (lambda v: link(v, "f"), 7, "give text"),
        (lambda v: link(v, "f"), " ", BLANK),
        (lambda v: link(v, "f"), "http://example.com", A_LINK),
    ],
)
def test_what_does_not_fit_is_refused_by_field_value_and_rule(
    give: Callable[[object], object], value: object, rule: str
) -> None:
    """So that the line that gave it is found."""
    with pytest.raises(ValidationError) as caught:
        give(value)

    assert (caught.value.field, caught.value.rule, caught.value.shown) == ("f", rule, shown(value))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:443/a?b=c#d",
        "https://[::1]/",
        "https://пример.укр/шлях",
        "HTTPS://example.com/%20",
    ],
)
def test_a_plain_link_is_given_as_it_is(url: str) -> None:
    """It lands where it says."""

    assert link(url, "f") == url


@pytest.mark.parametrize(
    ("url", "picture"),
    [
        ("example.com", "'example.com'"),
        ("https://", "'https://'"),
        ("https:///a", "'https:///a'"),
        ("https://:443/", "'https://:443/'"),
        ("https://a b", "'https://a b'"),
        ("https://a\tb", "'https://a\\tb'"),
        ("https://a\\b", "'https://a\\\\b'"),
        ("https://a:0/", "'https://a:0/'"),
        ("https://a:x/", "'https://a:x/'"),
        ("https://a:70000/", "'https://a:70000/'"),
        ("https://[a/", "'https://[a/'"),
        ("https://me:secret@a/", "'…@a/'"),
        ("https://me:sec@ret@a/", "'…@a/'"),
    ],
)
def test_a_link_that_may_land_elsewhere_is_refused(url: str, picture: str) -> None:
    """And nobody's password is shown."""
    with pytest.raises(ValidationError) as caught:
        link(url, "f")

    assert (caught.value.field, caught.value.rule, caught.value.shown) == ("f", A_LINK, picture)


def test_a_window_is_a_limit_and_an_offset() -> None:
    """In the query's words."""

    assert window(10, 30) == {"limit": 10, "offset": 30}
    with pytest.raises(ValidationError, match=r"^limit"):
        window(0, 0)
    with pytest.raises(ValidationError, match=r"^offset"):
        window(1, -1)
