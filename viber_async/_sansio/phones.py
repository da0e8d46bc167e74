"""What a phone number is and how it is written.

Inside the library a phone is a string of 8 to 15 digits without a plus: country code first, as the provider
sends and expects it. What people write around the digits is removed; whatever could change the number itself
is refused with the sentence that says what to write instead, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

from viber_async._sansio.call import Unreadable
from viber_async._sansio.privacy import refused, shown
from viber_async._sansio.rows import usually
from viber_async._sansio.wire_json import MAX_INT

MIN_DIGITS: Final = 8
"""Promise 7. The shortest real numbers with their country code have seven digits, and are landlines."""
MAX_DIGITS: Final = 15
"""E.164: "maximum of fifteen digits"."""
MAX_REPEATS: Final = 100
"""Ours: entries per allowed phone after which an iterable that gives nothing new counts as endless."""

_SPACES: Final = " \u00a0\u202f"
"""Space, no-break space, narrow no-break space: what web pages and spreadsheets put between groups."""
_REMOVED: Final = str.maketrans("", "", _SPACES + ".-\u2010\u2011\u2013")
"""Also dots, the ASCII dash, the hyphen, the non-breaking hyphen and the en dash of word processors."""
_USUAL: Final = re.compile(rf"[1-9][0-9]{{{MIN_DIGITS - 1},{MAX_DIGITS - 1}}}")
"""What most phones are, and nothing is to be removed from."""
_WRITTEN: Final = re.compile(r"\+?(?:[0-9]|\([0-9]+\))+")
"""What is left then; [0-9] and not \\d, which also matches the digits of forty other scripts."""
_FRACTION: Final = re.compile(r"\+?[0-9]{8,}\.[0-9]*")
"""A whole phone, then a point: "380931111111.0" is a float that went through a spreadsheet, and without its
point another person's number."""
_SCIENTIFIC: Final = re.compile(r"\+?[0-9](?:[.,][0-9]*)?[eE]\+?[0-9]{1,2}")
"""What spreadsheets make of a long number: "3.80931E+11" has lost its last digits."""
_WIRE: Final = re.compile(r"\+?([0-9]{1,19})")

_SPELLING: Final = (
    "a phone is 8 to 15 digits 0-9, country code first; only a leading + or 00, spaces, dots, dashes and round "
    "brackets around digits may stand with them"
)
_TYPE: Final = "a phone is a string or an int"
_FLOAT: Final = "a phone is a string or an int, and a float has lost how it was written: read the column as text"
_EDGES: Final = "line breaks, tabs and marks around it are not part of a phone: strip() what comes out of a file"
_EMPTY: Final = "a phone has digits, and this has none"
_TRUNK: Final = "leave the trunk zero (0) out: write +44 20 … for +44 (0)20 …"
_DECIMAL: Final = "this is a decimal number, not a phone: read the column as text or as whole numbers"
_ROUNDED: Final = "a spreadsheet made a number of this, maybe a rounded one: format the column as text, and save again"
LEADING_ZERO: Final = "a phone starts with its country code, not with 0: write 380 93 … for 093 …"
"""Its example is no whole phone, which would be masked wherever a rule is shown, and look like the caller's own."""
_COLLECTION: Final = "give a list of phones, even for one"
_NO_COLLECTIONS: Final = (bytes, bytearray, memoryview, Mapping)
_LENGTH: Final = "a phone has 8 to 15 digits, country code included"


def phone(value: object, field: str = "phone") -> str:
    """Give *value* as 8 to 15 digits.

    A string in any usual spelling or an int. Subclasses of both count as what they extend (an `IntEnum`
    member, a `numpy.str_`); bool does not, nor does any other kind of number.

    Raises:
        ValidationError: it is no phone, or it is written in a way that could mean another one.

    """
    match value:
        case bool():
            raise refused(field, value, _TYPE)
        case int():
            return _from_int(value, field)
        case str():
            return _from_text(str.__str__(value), field)
        case float():
            raise refused(field, value, _FLOAT)
        case _:
            raise refused(field, value, _TYPE)


def _from_int(value: int, field: str) -> str:
    if not 10 ** (MIN_DIGITS - 1) <= value < 10**MAX_DIGITS:
        raise refused(field, value, _LENGTH)
    return int.__repr__(value)


def digits_as_written(text: str, field: str) -> str:
    """Give the digits of *text*, with the plus in front if there is one, and whatever zeros it begins with.

    Raises:
        ValidationError: something else stands in it than digits in a usual spelling.

    """
    bare = text.translate(_REMOVED)
    if rule := _broken_spelling(text.strip(_SPACES), bare):
        raise refused(field, _picture(text), rule)
    return bare.replace("(", "").replace(")", "")


def _from_text(text: str, field: str) -> str:
    if _USUAL.fullmatch(text):
        return text
    digits = digits_as_written(text, field)
    digits = digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")
    if digits.startswith("0"):
        raise refused(field, _picture(text), LEADING_ZERO)
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        raise refused(field, _picture(text), _LENGTH)
    return digits


def _broken_spelling(text: str, bare: str) -> str | None:
    if not any(c.isdigit() for c in bare):
        return _EMPTY
    if bare != bare.strip("\t\r\n\v\f\ufeff"):
        return _EDGES
    if not _WRITTEN.fullmatch(bare) or text[0] not in "+(0123456789":
        # The second half: "-380931111111" is a negative number.
        return _ROUNDED if _SCIENTIFIC.fullmatch(text) else _SPELLING
    if "(0)" in bare:
        return _TRUNK
    return _DECIMAL if _FRACTION.fullmatch(text) else None


def _picture(text: str) -> str:
    """Give *text* with all digits but the first four and the last two hidden, whatever script they are in.

    The mask for texts at large finds phones by ASCII digits in a usual spelling; what is refused here is
    often just not that.
    """
    places = [i for i, c in enumerate(text[:200]) if c.isdigit() or c.isnumeric()]
    hidden = set(places[4:-2])
    return "".join("•" if i in hidden else c for i, c in enumerate(text[:200]))


def phones(values: object, field: str, *, most: int | None = None) -> tuple[tuple[str, ...], int]:
    """Give the different phones among *values* in order, and how many repetitions were left out.

    Any iterable, read once. Of a set the order is that of the digits, so that the same set is always the same
    request. With *most*, reading stops at the first phone too many.

    Raises:
        ValidationError: not an iterable of phones; its ``field`` has the index, as in ``recipients[17]``.

    """
    found: dict[str, None] = {}
    count = 0
    for count, value in enumerate(_entries(values, field), start=1):
        found[phone(value, f"{field}[{count - 1}]")] = None
        if most is not None and (len(found) > most or count > most * MAX_REPEATS):
            raise refused(field, values, f"at most {most} different phones; nothing is cut or split silently")
    order = sorted(found) if isinstance(values, (set, frozenset)) else found
    return tuple(order), count - len(found)


def _entries(values: object, field: str) -> Iterable[object]:
    """Give *values* if they are a collection of phones; one string is one phone, not twelve one-digit ones."""
    if isinstance(values, str):
        raise refused(field, _picture(values), _COLLECTION)
    if not _is_collection(values):
        raise refused(field, values, _COLLECTION)
    entries = cast("Iterable[object]", values)
    return sorted(entries, key=str) if isinstance(entries, (set, frozenset)) else entries


def _is_collection(values: object) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, _NO_COLLECTIONS)


@usually("type(v) is int and v > 0", 'f"{v}"')
def wire_phone(value: object) -> str:
    """Give a phone of an answer as digits; raises `Unreadable`.

    An int in the samples of all calls (A), a string in the requests of the blacklist (A), so either is read,
    with or without a plus. Its length is not judged: an odd row is evidence, and must not hide the others.
    """
    if type(value) is int and 0 < value <= MAX_INT:
        return str(value)
    if type(value) is str and (written := _WIRE.fullmatch(value)):
        return written[1]
    raise Unreadable("", f"expected a phone, got {shown(value)}")
