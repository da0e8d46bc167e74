"""The door: what an argument may be, whatever call it is for. Wrong values stop here, before any I/O.

Nothing is repaired, cut or guessed; every refusal names the field, the value and the rule.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from viber_async._sansio.paging import checked_limit, checked_offset
from viber_async._sansio.privacy import refused
from viber_async._sansio.wire_json import MAX_INT

_UNSENDABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def whole(value: object, field: str, rule: str, *, least: int = 1, most: int = MAX_INT) -> int:
    """Give *value* as a plain int from *least* to *most*: no bool, no text, no fraction."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise refused(field, value, rule)
    return int.__int__(value)


def flag(value: object, field: str) -> bool:
    """Give *value* as a bool: no 0, no 1, no text."""
    if type(value) is not bool:
        raise refused(field, value, "give True or False")
    return value


def positive_id(value: object, field: str) -> int:
    """Give *value* if it may stand in a path: text could hold ``..``, ``/`` or ``?`` and reach another call."""
    return whole(value, field, "an id is a positive int of at most 64 bits")


def window(limit: object, offset: object) -> dict[str, str | int]:
    """Give the query of a list call."""
    return {"limit": checked_limit(limit), "offset": checked_offset(offset)}


def text(value: object, field: str, *, most: int = MAX_INT, blank: bool = False) -> str:
    """Give *value* as text that JSON can carry, of at most *most* characters, and not *blank* unless it may be."""
    if not isinstance(value, str):
        raise refused(field, value, "give text")
    found = str.__str__(value)
    if not blank and not found.strip():
        raise refused(field, found, "give text, or leave the argument out: blank text says nothing")
    if _UNSENDABLE.search(found):
        raise refused(field, found, "lone surrogates and NUL cannot be sent")
    if len(found) > most:
        raise refused(field, found, f"at most {most} characters, and this has {len(found)}; nothing is cut")
    return found


def one_line(value: object, field: str, *, most: int = MAX_INT, blank: bool = False) -> str:
    """Give *value* as `text` of one line without control characters."""
    found = text(value, field, most=most, blank=blank)
    if _CONTROL.search(found):
        raise refused(field, found, "one line without control characters")
    return found


def link(value: object, field: str) -> str:
    """Give *value* as a plain https link: the people who tap it must land where it says."""
    found = text(value, field)
    if not _is_plain_https(found):
        shown = "…" + found[found.rindex("@") :] if "@" in found else found  # never somebody's password
        raise refused(field, shown, "an https:// link with a host, and without user, password, spaces or controls")
    return found


def _is_plain_https(text: str) -> bool:
    # Characters first: urlsplit() drops tabs and newlines, and browsers take a backslash for a slash.
    if not text.isprintable() or " " in text or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:  # brackets that hold no address, a port that is no number
        return False
