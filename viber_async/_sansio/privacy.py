"""What may be shown: phones are masked, control characters escaped, lengths bounded.

Every text that leaves the library (errors, logs, reprs) and holds something that a caller or the provider
wrote passes through here. Nothing here is used on data: results carry phones whole.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from datetime import date
from decimal import Decimal
from typing import Final

from viber_async.errors import ValidationError

# Digits of every script, with the spaces, hyphens and invisible characters that such numbers are copied with: what is
# refused as a phone is still somebody's phone.
_BETWEEN_DIGITS: Final = r"[ .()\u00a0\u00ad\u2009\u200b-\u2015\u202a-\u202f\u2060\u2066-\u2069\ufeff-]{0,4}"
_DATE_OR_PHONE: Final = re.compile(rf"(?P<date>\d{{4}}-\d\d-\d\d)|\d(?:{_BETWEEN_DIGITS}\d){{7,}}")
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
_RUN_OR_CHARACTER: Final = re.compile(r"\\+|[^\\]")
RECOGNISABLE: Final = 8
"""Characters by which the beginning of a token is known again."""


def mask_phone(phone: str) -> str:
    """Give *phone* with its middle hidden: ``3809•••••111``; what is too short for one is hidden whole."""
    if len(phone) < 8:
        return "•" * len(phone)
    head, tail = (4, 3) if len(phone) > 10 else (2, 2)
    return phone[:head] + "•" * (len(phone) - head - tail) + phone[-tail:]


def mask_phones(text: str) -> str:
    """Give *text* with everything in it that could be a phone masked; dates are left alone."""
    return _DATE_OR_PHONE.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    found = match[0]
    return found if match["date"] else mask_phone("".join(c for c in found if c.isdigit()))


def without(secret: str, text: str) -> str:
    """Give *text* with whatever begins like *secret* hidden to the next space: whole, cut short, or escaped."""
    if not secret:
        return text
    # Runs of backslashes are taken whole and never given back: a text of nothing else would cost its length squared.
    beginning = "".join(
        rf"\\{{{len(part)},}}+" if part[0] == "\\" else rf"\\*+{re.escape(part)}"
        for part in _RUN_OR_CHARACTER.findall(secret[:RECOGNISABLE])
    )
    return re.sub(rf"(?<!\\){beginning}\S*", "•••", text)


def safe_text(text: str, limit: int = 500) -> str:
    """Give *text* fit for one line of a log: masked, escaped and at most about *limit* characters."""
    kept = text[: 2 * limit]
    shown = _UNPRINTABLE.sub(_escaped, mask_phones(kept))
    return shown if len(shown) <= limit and len(kept) == len(text) else f"{shown[:limit]}…"


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def shown(value: object, limit: int = 60) -> str:
    """Give a short, safe picture of a refused *value*; of a container only what it is."""
    match value:
        case int() if not -(10**30) < value < 10**30:
            return "a huge int"
        case str():
            return safe_text(repr(mask_phones(value[: 2 * limit])), limit)  # repr() would write NBSP as digits
        case bytes():
            return safe_text(repr(value[: 2 * limit]), limit)
        case None | int() | float() | Decimal() | date():
            return safe_text(repr(value), limit)
        case Sized():
            return f"a {type(value).__name__} of {len(value)}"
        case _:
            return f"a {type(value).__name__}"


def refused(field: str, value: object, rule: str) -> ValidationError:
    """Give the error for a bad input: which field, which value, which rule."""
    picture = shown(value)
    return ValidationError(f"{field}: {rule}; got {picture}", field=field, rule=rule, shown=picture)
