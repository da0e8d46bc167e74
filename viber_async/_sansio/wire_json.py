"""Bytes to JSON values, with nothing guessed: what a lenient parser lets through is refused here.

Only UTF-8 (a byte order mark is tolerated), no key twice in one object, no NaN or Infinity, whole numbers of
64 bits, fractions as `Decimal` from their own digits, so that a price stays exact. A key that stands twice is
refused even with equal values: which one counts is the writer's secret, and an honest encoder never does it.
Whatever is wrong becomes `Unreadable`; no foreign exception leaves this file.

Asking about every object and every number costs as much again as parsing them. So a body is parsed with nearly nothing
asked, and its text is counted through once to see that the answers would all have been yes (`_plain`). Where the count
cannot tell, or anything fails, the parser that asks (`DECODER`) reads it from the beginning, and its word stands.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Final, NoReturn, cast

from viber_async._sansio.call import Unreadable
from viber_async._sansio.privacy import shown

MAX_INT: Final = 2**63 - 1
"""Ours: ids and phones fit by far, and so does every database column they may land in."""
INT_CHARACTERS: Final = 20
"""The longest 64-bit number, with its sign. Looked at first: `int()` of 5000 digits raises an error of its own,
and of a million it takes long."""
SURE_CHARACTERS: Final = 18
"""What is not longer is below 10^18 and fits: three in each row of a million need no closer look."""
LONG_NUMBER: Final = b"0" * (SURE_CHARACTERS + 1)
"""What a number that needs a closer look has in it, when every digit is written as 0."""
DIGITS_AS_ZEROS: Final = bytes(ord("0") if chr(byte).isdecimal() else byte for byte in range(256))
SPACE: Final = b" \t\r\n"
SHORT: Final = 500
"""Bytes of a body below which asking costs less than counting: most answers but lists and pages."""
FRACTION_CHARACTERS: Final = 64
"""Ours: an honest price has about five, a double never more than 25."""
FRACTIONS: Final = 256
"""Ours: how many are remembered. The rows of a campaign have a few prices in all, and each is immutable."""
MAX_EXPONENT: Final = 308
"""The range of a double, which is what the provider's encoder can hold: 1e999 was never a price."""


def loads(body: bytes) -> object:
    """Give what *body* holds: dict, list, str, int, Decimal, bool or None; raises `Unreadable`."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("", f"not UTF-8 at byte {error.start}") from None
    if not text.strip(" \t\r\n"):
        raise Unreadable("", "the body is empty")
    found = None if len(body) < SHORT else _plain(body, text)
    return parse(text) if found is None else found


def _plain(body: bytes, text: str) -> object:
    """Give what *body* holds, which is *text*, if it is certain that it is plain; else None.

    Certain of the numbers: nowhere stand so many digits in a row that they could be more than 64 bits, or a fraction
    of too many characters. Certain of the keys: in JSON each stands before a colon, so there are at most as many as
    there are colons behind a quotation mark, spaces apart. If the objects hold as many as that, no key was dropped. (A
    text that begins with a colon is counted as a key too: that is one too many, and never one too few.)
    """
    counted = body.translate(DIGITS_AS_ZEROS, SPACE)
    if LONG_NUMBER in counted:
        return None
    try:
        found = _PLAIN.decode(text)
    except (ValueError, RecursionError):
        return None
    return found if _has_keys(found, counted.count(b'":')) else None


def _has_keys(value: object, wanted: int) -> bool:
    """Tell whether the objects in *value* have *wanted* keys in all; from the top, and no deeper than need be."""
    level = [value]
    while level:
        objects = cast("list[dict[str, object]]", [item for item in level if type(item) is dict])
        wanted -= sum(map(len, objects))
        if wanted <= 0:
            break
        lists = cast("list[list[object]]", [item for item in level if type(item) is list])
        level = [*chain.from_iterable(each.values() for each in objects), *chain.from_iterable(lists)]
    return wanted == 0


def as_object(value: object) -> dict[str, object] | None:
    """Give *value*, parsed JSON, if it is an object."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def parse(text: str) -> object:
    """Give the one JSON value that *text* is; raises `Unreadable`."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable("", f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Unreadable("", "nested too deeply") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("", f"the key {shown(_first_repeated(pairs))} stands twice in one object")
    return found


def _first_repeated(pairs: list[tuple[str, object]]) -> str:
    counts = Counter(key for key, _ in pairs)
    return next(key for key, _ in pairs if counts[key] > 1)


def _whole(text: str) -> int:
    if len(text) <= SURE_CHARACTERS:
        return int(text)
    if len(text) > INT_CHARACTERS or not -MAX_INT - 1 <= (number := int(text)) <= MAX_INT:
        raise Unreadable("", "a whole number beyond 64 bits")
    return number


@lru_cache(maxsize=FRACTIONS)
def _fraction(text: str) -> Decimal:
    # Lengths first: Decimal() itself signals on absurd exponents, by the caller's own decimal context.
    exponent = text.lower().partition("e")[2]
    if len(text) > FRACTION_CHARACTERS or len(exponent) > len("+308"):
        raise Unreadable("", "a number beyond any real one")
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise Unreadable("", "a number beyond any real one")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable("", f"{name} is not JSON")


_PLAIN: Final = json.JSONDecoder(parse_float=_fraction, parse_constant=_refuse_constant)
DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_whole,
    parse_float=_fraction,
    parse_constant=_refuse_constant,
)
