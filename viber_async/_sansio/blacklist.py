"""The blacklist: its rows, the counters of its two writes, and the calls.

The provider calls it phone-exception. There is no look-up of one phone and no outcome for each phone of a
write, only counters (A).

Annotations are evaluated here (no ``from __future__``): the converter reads the types of the fields from them.
"""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from attrs import field, frozen

from viber_async._sansio.call import SMALL_BYTES, Call, Kind, Unreadable, json_body
from viber_async._sansio.converter import NO_EXTRAS, NOT_ON_THE_WIRE, Extras, brief, merged, read_int, wire
from viber_async._sansio.door import one_line, window
from viber_async._sansio.paging import Page
from viber_async._sansio.phones import wire_phone
from viber_async._sansio.privacy import mask_phone

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

T = TypeVar("T")

PATH: Final = "/v2/viber-service/phone-exception"
BATCH: Final = 500
"""Ours: how many phones one write may carry is not documented (?). 500 are 7.5 kB, which no server's limit on
bodies or on PHP input minds, and a refused batch is halved nine times until the bad phone stands alone."""
MAX_DESCRIPTION: Final = 255
"""Ours: nothing is documented; 255 is the usual column."""


def _counter(value: object) -> int:
    if (number := read_int(value)) >= 0:
        return number
    raise Unreadable("", f"expected a count, got {number}")


@frozen
class BlacklistEntry:
    """A phone that gets no messages, as the provider keeps it."""

    id: int
    user_id: int | None = field(kw_only=True, default=None)
    """The account's."""
    phone: str = field(kw_only=True, repr=mask_phone, metadata=wire(read=wire_phone))
    """An int on the way back, strings on the way there (A)."""
    description: str = field(kw_only=True, default="", repr=brief)
    """Empty where none was given (A)."""
    add_date: datetime | None = field(kw_only=True, default=None)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class BlacklistAdded:
    """What became of the phones that were added."""

    added: int = field(metadata=wire(read=_counter))
    exists: int = field(metadata=wire(read=_counter))
    """How many were there before."""
    exact: bool = field(kw_only=True, default=True, metadata=NOT_ON_THE_WIRE)
    """False where a request was repeated: its first copy may have done part of the work, uncounted, and
    ``added`` is a lower bound."""
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class BlacklistRemoved:
    """What became of the phones that were removed."""

    deleted: int
    exact: bool = field(kw_only=True, default=True, metadata=NOT_ON_THE_WIRE)
    """False where a request was repeated: ``deleted`` is a lower bound then."""
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class _List:
    _inside: ClassVar[str] = "data."
    rows: tuple[BlacklistEntry, ...] = field(metadata=wire("list"))
    total: int | None = field(kw_only=True, default=None)
    """Not judged here: whoever walks the list compares it with what it found."""


@frozen
class _Listed:
    data: _List


@frozen
class _Added:
    result: bool
    counters: BlacklistAdded
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


@frozen
class _Removed:
    result: bool
    deleted: int = field(metadata=wire(read=_counter))
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


def list_blacklist(limit: int, offset: int) -> Call[Page[BlacklistEntry]]:
    """Give one page of the blacklist, with how many rows there are in all."""
    params = window(limit, offset)
    return Call(Kind.READ, name="blacklist.list", method="GET", path=PATH, read=_read_page, params=params)


def count_blacklist() -> Call[int]:
    """Give how many rows there are, by the provider's own word: there is no call for it, so one row is asked for."""
    return Call(Kind.READ, name="blacklist.count", method="GET", path=PATH, read=_read_total, params=window(1, 0))


def add_phones(phones: tuple[str, ...], description: str | None) -> Call[BlacklistAdded]:
    """Give the call that adds *phones*, digit strings of one batch, with one *description* for all of them."""
    body: dict[str, object] = {"phones": list(phones)}
    if description is not None:
        body["description"] = one_line(description, "description", most=MAX_DESCRIPTION, blank=True)
    return _write("blacklist.add", "POST", body, _read_added)


def remove_phones(phones: tuple[str, ...]) -> Call[BlacklistRemoved]:
    """Give the call that removes *phones*, digit strings of one batch: a DELETE with a body (A)."""
    return _write("blacklist.remove", "DELETE", {"phones": list(phones)}, _read_removed)


def _write(name: str, method: str, body: dict[str, object], read: "Callable[[Converter, object], T]") -> Call[T]:
    return Call(
        Kind.BLACKLIST_WRITE,
        name=name,
        method=method,
        path=PATH,
        read=read,
        body=json_body(body),
        max_bytes=SMALL_BYTES,
    )


def _read_page(converter: "Converter", data: object) -> Page[BlacklistEntry]:
    page = converter.structure(data, _Listed).data
    return Page(page.rows, total=page.total)


def _read_total(converter: "Converter", data: object) -> int:
    total = _read_page(converter, data).total
    if total is None:
        raise Unreadable("data.total", "is missing")
    return total


def _read_added(converter: "Converter", data: object) -> BlacklistAdded:
    answer = converter.structure(data, _Added)
    _check_result(result=answer.result)
    counters = answer.counters
    return BlacklistAdded(counters.added, counters.exists, extras=merged(answer.extras, counters.extras))


def _read_removed(converter: "Converter", data: object) -> BlacklistRemoved:
    answer = converter.structure(data, _Removed)
    _check_result(result=answer.result)
    return BlacklistRemoved(answer.deleted, extras=answer.extras)


def _check_result(*, result: bool) -> None:
    if not result:
        raise Unreadable("result", "is not true")
