"""A page of the blacklist as a sync reads it: ids and phones as ints, and nothing made for each row.

Strict where the walk stands on it: a row without a readable id is a page that cannot be read. A phone that cannot be
read is another matter: somebody is protected by that row, so it is kept, counted and shown, and hides no others.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from attrs import field, frozen

from viber_async._sansio.blacklist import PATH
from viber_async._sansio.call import Call, Kind, Unreadable
from viber_async._sansio.converter import joined, read_int
from viber_async._sansio.door import window
from viber_async._sansio.numbers import MAX_NUMBER, MIN_NUMBER
from viber_async._sansio.phones import wire_phone
from viber_async._sansio.privacy import shown
from viber_async._sansio.wire_json import as_object

if TYPE_CHECKING:
    from cattrs import Converter

NO_NUMBER: Final = 0
"""In place of a phone that cannot be read."""
_INT: Final = {int}


@frozen
class NumberPage:
    """What one page holds; every list has one entry for each row."""

    ids: list[int]
    phones: list[int] = field(kw_only=True, repr=False)
    total: int | None = field(kw_only=True, default=None)
    descriptions: list[object] | None = field(kw_only=True, default=None, repr=False)
    """None where the page was not asked for details."""
    dates: list[object] | None = field(kw_only=True, default=None, repr=False)
    """As they came: few of them are ever looked at."""
    unreadable: dict[int, str] = field(kw_only=True, factory=dict[int, str])
    """By the row's index: what stands in place of a phone, fit to be shown."""


def list_numbers(limit: int, offset: int, *, detailed: bool) -> Call[NumberPage]:
    """Give one page of the blacklist; a *detailed* one has descriptions and dates as well."""
    read = partial(_read, detailed=detailed)
    params = window(limit, offset)
    return Call(Kind.READ, name="blacklist.list", method="GET", path=PATH, read=read, params=params)


def _read(_: Converter, data: object, *, detailed: bool) -> NumberPage:
    page = as_object((as_object(data) or {}).get("data"))
    if page is None:
        raise Unreadable("data", "expected an object")
    listed = page.get("list")
    if type(listed) is not list:
        raise Unreadable("data.list", f"expected a list, got {shown(listed)}")
    rows = cast("list[dict[str, object]]", listed)
    total = page.get("total")
    found = _quick(rows) or _careful(rows)
    return NumberPage(
        found[0],
        phones=found[1],
        unreadable=found[2],
        total=None if total is None else _under("data.total", total),
        descriptions=[row.get("description") for row in rows] if detailed else None,
        dates=[row.get("add_date") for row in rows] if detailed else None,
    )


_Found = tuple[list[int], list[int], dict[int, str]]


def _quick(rows: list[dict[str, object]]) -> _Found | None:
    """Give ids and phones of rows that are all as they should be, or None: this is run for every row of a walk."""
    try:
        ids = cast("list[int]", [row["id"] for row in rows])
        phones = cast("list[int]", [row["phone"] for row in rows])
    except (KeyError, TypeError):
        return None
    if (
        set(map(type, ids)) | set(map(type, phones)) != _INT
        or not MIN_NUMBER <= min(phones) <= max(phones) <= MAX_NUMBER
    ):
        return None
    return ids, phones, {}


def _careful(rows: list[dict[str, object]]) -> _Found:
    ids: list[int] = []
    phones: list[int] = []
    unreadable: dict[int, str] = {}
    for index, row in enumerate(rows):
        where = f"data.list[{index}]"
        if type(row) is not dict:
            raise Unreadable(where, f"expected an object, got {shown(row)}")
        ids.append(_under(f"{where}.id", row.get("id")))
        phones.append(number := _number(row.get("phone")))
        if number == NO_NUMBER:
            unreadable[index] = shown(row.get("phone"))
    return ids, phones, unreadable


def _number(value: object) -> int:
    """Give a phone in any spelling of the wire (a string, with a plus) as an int; what is none, or too short, is 0."""
    try:
        digits = wire_phone(value)
    except Unreadable:
        return NO_NUMBER
    number = int(digits)
    return number if str(number) == digits and MIN_NUMBER <= number <= MAX_NUMBER else NO_NUMBER


def _under(where: str, value: object) -> int:
    try:
        return read_int(value)
    except Unreadable as error:
        raise Unreadable(joined(where, error.where), error.why) from None
