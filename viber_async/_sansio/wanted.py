"""The wanted side of a sync: entries in, phones out as ints, and each entry that is no phone with its line.

Nothing is guessed and nothing goes missing: every line that is not blank and no comment is a phone or a reject. Most
lines of most files are plain digits, so these take a way of their own, which is a hundred times as fast and gives
exactly what `phone` gives.
"""

from __future__ import annotations

import csv
import json
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol, cast

from attrs import field, frozen

from viber_async._sansio.lines import MAX_LINE, Block, blocks_of, decoded
from viber_async._sansio.numbers import Endings
from viber_async._sansio.phones import LEADING_ZERO, MAX_DIGITS, MIN_DIGITS, phone
from viber_async._sansio.privacy import safe_text
from viber_async._sansio.table import HEAD, Layout, layout_of, record_at
from viber_async.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    ReadPhone = Callable[[object, str], str]
    """As `phone`."""

CHUNK: Final = 10_000
"""Phones that are handed out at a time."""
MAX_REJECTS: Final = 1_000
"""Rejects that are kept; all of them are counted."""

_SMALLEST: Final[int] = 10 ** (MIN_DIGITS - 1)
_LARGEST: Final[int] = 10**MAX_DIGITS - 1
_SHOWN: Final = 60
BEYOND_ALL: Final = 10**30
"""No number from here on can mean a phone."""
_ASCII_DIGITS: Final = b"0123456789\n"

NO_REGION: Final = f'{LEADING_ZERO}; or say whose national spelling it is: region="UA" (--region UA)'
TOO_LONG: Final = f"this line is longer than {MAX_LINE:,} bytes"
NOT_JSON: Final = "this line is no JSON"
NOT_ONE_RECORD: Final = "this line is no record of its table: its quotes do not fit"


@frozen
class Rejected:
    """An entry that is no phone."""

    line: int
    """The number of its line, from 1; of an iterable, its place in it."""
    reason: str = field(kw_only=True)
    shown: str = field(kw_only=True)
    """What stood there, shortened and masked."""


class Tally:
    """What was read so far, and what of it is no phone."""

    def __init__(self, read_phone: ReadPhone = phone) -> None:
        self.read = 0
        self.rejected = 0
        self.rejects: list[Rejected] = []
        self.endings: Final = Endings()
        """Of all rejects: whoever wrote them may have meant somebody."""
        self.is_plain = read_phone is phone
        """Whether plain digits are what they seem: there is no region in which they could be another phone."""
        self._read_phone = read_phone

    def entry(self, value: object, line: int) -> int | None:
        """Give the phone that *value* is, or None and note why it is none."""
        if isinstance(value, str) and len(value) > MAX_LINE:
            self.reject(line, TOO_LONG, value)
            return None
        self.read += 1
        if self.is_plain and _is_plain_value(value):
            return int(cast("int", value))
        try:
            return int(self._read_phone(value, "wanted"))
        except ValidationError as error:
            self.endings.add(_written(value))
            self._note(line, NO_REGION if error.rule == LEADING_ZERO else error.rule, error.shown)
        return None

    def reject(self, line: int, reason: str, text: str) -> None:
        """Note that a line with this *text* holds no entry that could be judged."""
        self.read += 1
        self.endings.add(text[:MAX_LINE])
        if len(text) > MAX_LINE:
            self._note(line, TOO_LONG, "")
        else:
            self._note(line, reason, safe_text(text, _SHOWN))

    def is_phone(self, value: object) -> bool:
        """Whether *value* would be one."""
        try:
            self._read_phone(value, "wanted")
        except ValidationError:
            return False
        return True

    def _note(self, line: int, reason: str, shown: str) -> None:
        self.rejected += 1
        if len(self.rejects) < MAX_REJECTS:
            self.rejects.append(Rejected(line, reason=reason, shown=shown))


class Seeker(Tally):
    """Reads a source again for *sought* phones: where does each of them stand first."""

    def __init__(self, read_phone: ReadPhone, sought: Collection[int]) -> None:
        super().__init__(read_phone)
        self._quick: Final = self.is_plain
        self.is_plain = False  # the ways for whole blocks do not know their lines
        self.lines: dict[int, int] = {}
        self._left = set(sought)

    @property
    def is_over(self) -> bool:
        """Whether all of them were found."""
        return not self._left

    def entry(self, value: object, line: int) -> int | None:
        """Give the phone that *value* is, and note its line if it is sought."""
        quick = self._quick and _is_plain_value(value)
        number = int(cast("int", value)) if quick else super().entry(value, line)
        if number in self._left:
            self._left.discard(number)
            self.lines[number] = line
        return number


def from_values(values: Sequence[object], tally: Tally, *, first: int) -> list[int]:
    """Give the phones among *values*, of which the first is entry number *first*."""
    found: list[int] = []
    fast = 0
    for number, value in enumerate(values, first):
        if tally.is_plain and _is_plain_value(value):
            fast += 1
            found.append(int(cast("int", value)))
        elif (judged := tally.entry(value, number)) is not None:
            found.append(judged)
    tally.read += fast
    return found


def _written(value: object) -> str:
    """Give what a refused *value* looks like, if that can tell whom it means."""
    match value:
        case str():
            return value
        case int() | float() if abs(value) < BEYOND_ALL:
            return str(value)
        case _:
            return ""


def _is_plain_value(value: object) -> bool:
    match value:
        case int():  # bools are no larger than 1
            return _SMALLEST <= value <= _LARGEST
        case str():
            return _is_plain(value)
        case _:
            return False


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isdigit() and MIN_DIGITS <= len(text) <= MAX_DIGITS and text[0] != "0"


def from_file(
    pieces: Iterable[bytes], tally: Tally, *, name: str, column: str | int | None = None
) -> Iterator[list[int]]:
    """Give the phones of a file that is read in *pieces*, at most `CHUNK` at a time, in its order.

    Raises:
        SyncRefusedError: it cannot be read to its end as what it should be.
        ValidationError: its phones could stand in more than one place, or *column* is not there.

    """
    blocks = blocks_of(pieces, name)
    first = next(blocks, None)
    if first is None:
        return
    lines = [line.rstrip("\r") for line in decoded(first, name).split("\n", HEAD)[:HEAD]]
    layout = layout_of(lines, column=column, is_phone=tally.is_phone)
    reader = _READERS[layout.kind](layout, tally, name)
    for block in chain((first,), blocks):
        yield from _in_chunks(reader.take(block))
    yield from _in_chunks(reader.end())


def _in_chunks(phones: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(phones), CHUNK):
        yield phones[start : start + CHUNK]


class _Reader(Protocol):
    def take(self, block: Block) -> list[int]: ...

    def end(self) -> list[int]: ...


class _Lines:
    """One phone to a line; blank lines, and lines that begin with ``#``, are none."""

    def __init__(self, layout: Layout, tally: Tally, name: str) -> None:
        self._tally = tally
        self._name = name
        self._named = layout.header

    def take(self, block: Block) -> list[int]:
        if self._tally.is_plain and (found := _plain_digits(block.data)) is not None:
            self._tally.read += len(found)
            return found
        return self._each(decoded(block, self._name).split("\n"), block.first)

    def end(self) -> list[int]:
        return []

    def _each(self, lines: list[str], first: int) -> list[int]:
        found: list[int] = []
        fast = 0
        for number, line in enumerate(lines, first):
            if self._tally.is_plain and _is_plain(line):
                fast += 1
                found.append(int(line))
            elif (judged := self._judged(line.strip(), number)) is not None:
                found.append(judged)
        self._tally.read += fast
        return found

    def _judged(self, text: str, number: int) -> int | None:
        if not text or text.startswith("#"):
            return None
        if self._named:
            self._named = False
            return None
        return self._tally.entry(text, number)


class _Rows:
    """A phone in one column of a table; a line that is no row and begins with ``#`` is a comment."""

    def __init__(self, layout: Layout, tally: Tally, name: str) -> None:
        self._tally = tally
        self._name = name
        self._layout = layout
        self._named = layout.header
        self._held: list[str] = []  # the beginning of a record whose end is in the next block
        self._next = 1

    def take(self, block: Block) -> list[int]:
        lines = decoded(block, self._name).split("\n")
        if not lines[-1]:
            lines.pop()  # behind the last line feed
        first = block.first - len(self._held)
        lines[:0] = self._held
        self._held = []
        self._next = first + len(lines)
        rows = self._one_to_a_line(lines)
        return self._records(lines, first, last=False) if rows is None else self._phones(rows, lines, first)

    def end(self) -> list[int]:
        held, self._held = self._held, []
        return self._records(held, self._next - len(held), last=True)

    def _one_to_a_line(self, lines: list[str]) -> list[list[str]] | None:
        """Give the rows, if each of *lines* is one."""
        try:
            rows = list(csv.reader(lines, delimiter=self._layout.delimiter, strict=True))
        except csv.Error:
            return None
        return rows if len(rows) == len(lines) else None

    def _phones(self, rows: list[list[str]], lines: list[str], first: int) -> list[int]:
        found: list[int] = []
        fast = 0
        columns, index = self._layout.columns, self._layout.index
        plain = self._tally.is_plain
        for number, row in enumerate(rows):
            if plain and len(row) == columns and _is_plain(row[index]):
                fast += 1
                found.append(int(row[index]))
            elif (judged := self._judged(row, lines[number], first + number)) is not None:
                found.append(judged)
        self._tally.read += fast
        return found

    def _records(self, lines: list[str], first: int, *, last: bool) -> list[int]:
        """Go record by record, because one of them has several lines, or a line is no record."""
        found: list[int | None] = []
        at, layout = 0, self._layout
        while at < len(lines):
            span, cells = record_at(lines, at, delimiter=layout.delimiter, columns=layout.columns, last=last)
            if not span:
                self._held = lines[at:]
                break
            if cells is None:
                self._tally.reject(first + at, NOT_ONE_RECORD, lines[at])
            else:
                found.append(self._judged(cells, lines[at], first + at))
            at += span
        return [judged for judged in found if judged is not None]

    def _judged(self, row: list[str], line: str, number: int) -> int | None:
        columns = self._layout.columns
        is_row = len(row) == columns
        if not any(map(str.strip, row)) or (line.startswith("#") and (columns == 1 or not is_row)):
            return None
        if not is_row:
            self._tally.reject(number, f"this line has {len(row)} columns, and the table has {columns}", line)
            return None
        if self._named:
            self._named = False
            return None
        return self._tally.entry(row[self._layout.index].strip(), number)


class _Objects:
    """One JSON value to a line: an object with the phone under a key, or the phone itself."""

    def __init__(self, layout: Layout, tally: Tally, name: str) -> None:
        self._tally = tally
        self._name = name
        self._key = layout.key

    def take(self, block: Block) -> list[int]:
        lines = decoded(block, self._name).split("\n")
        found = [self._judged(line.strip(), number) for number, line in enumerate(lines, block.first)]
        return [judged for judged in found if judged is not None]

    def end(self) -> list[int]:
        return []

    def _judged(self, line: str, number: int) -> int | None:
        if not line or line.startswith("#"):
            return None
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            self._tally.reject(number, NOT_JSON, line)
            return None
        if not isinstance(value, dict):
            return self._tally.entry(value, number)
        known = cast("dict[str, object]", value)
        if self._key not in known:
            self._tally.reject(number, f"this object has no key {safe_text(self._key, 40)!r}", line)
            return None
        return self._tally.entry(known[self._key], number)


_READERS: Final[Mapping[str, Callable[[Layout, Tally, str], _Reader]]] = {
    "lines": _Lines,
    "table": _Rows,
    "objects": _Objects,
}


def _plain_digits(data: bytes) -> list[int] | None:
    """Give the phones of *data* if it is nothing but plain digits, one phone to a line."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if b"+" in data and b"+\n" not in data and not data.endswith(b"+"):
        data = data.removeprefix(b"+").replace(b"\n+", b"\n")
    if data.translate(None, _ASCII_DIGITS) or data.startswith(b"0") or b"\n0" in data:
        return None
    try:
        phones = list(map(int, data.split()))
    except ValueError:
        return None  # thousands of digits in one line, which Python does not take for a number
    if phones and (min(phones) < _SMALLEST or max(phones) > _LARGEST):
        return None
    return phones
