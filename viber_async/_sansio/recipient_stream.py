"""The recipients of a campaign, row by row: bytes in, `Recipient` out, in bounded memory.

The call has no paging (A), so the body of a large campaign is large. This reads ``{task_id, recipients: [...]}``
as it arrives, in whatever pieces, keys in any order, as strictly as `wire_json`; it keeps the row that is still
incomplete and nothing else. Rows that stand before a damage are given out before the damage is raised, so the
result does not depend on how the network cut the body.

The rows that stand whole in a piece are read together, once for each piece. Where that fails, for whatever reason, and
for the row that a piece cuts, each row is read alone: only so it is known which rows are sound, and what is wrong.

Each character is looked at a fixed number of times: with its neighbours, then when its row begins; if the row's end
has not arrived, new pieces alone are scanned for it, and the row is parsed again only when it is there.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from typing import TYPE_CHECKING, Final, TypeVar, cast

from viber_async._sansio.call import Unreadable
from viber_async._sansio.campaigns import Recipient
from viber_async._sansio.converter import joined, read_int
from viber_async._sansio.privacy import shown
from viber_async._sansio.unknown import note_keys
from viber_async._sansio.wire_json import DECODER, loads, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cattrs import Converter

    from viber_async._sansio.unknown import Noting

T = TypeVar("T")
R = TypeVar("R")

ROW_CHARACTERS: Final = 1024 * 1024
"""Ours: the most that one row, or one value beside the rows, may hold; a row has about 150 characters."""
MAX_KEYS: Final = 64
"""Ours: keys beside the rows; two are known."""

_NOT_SPACE: Final = re.compile(r"[^ \t\r\n]")
_SCALAR_END: Final = re.compile(r"[,\]} \t\r\n]")
_OUTSIDE: Final = re.compile(r'["{}\[\]]')
_INSIDE: Final = re.compile(r'["\\]')


class RecipientStream:
    """Reads one body of `get_recipients`; `feed` it what comes, then `close` it."""

    def __init__(self, converter: Converter, noting: Noting | None = None) -> None:
        """*noting* is where it goes what is unknown in the rows and beside them."""
        self._noting = contextlib.nullcontext() if noting is None else noting
        self._row_hook = converter.get_structure_hook(Recipient)
        self._rows_hook = converter.get_structure_hook(tuple[Recipient, ...])
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text: str = ""
        self._at = 0
        self._tried: str = ""
        self._rows: list[Recipient] = []
        self._count = 0
        self._finished = False
        self._failure: Unreadable | None = None
        self._document = self._read_document()
        next(self._document)

    def __repr__(self) -> str:
        return f"<RecipientStream: {self._count} rows>"

    def feed(self, chunk: bytes) -> list[Recipient]:
        """Give the rows that *chunk* completes; raises `Unreadable` once nothing is left to give before it."""
        if self._failure is None:
            self._failure = self._advance(chunk, final=False)
        rows, self._rows = self._rows, []
        if self._failure is not None and not rows:
            raise self._failure
        return rows

    def close(self) -> None:
        """Say that the body is over; raises `Unreadable` if that comes too early, or for what feed held back."""
        if self._failure is None:
            self._failure = self._advance(b"", final=True)
        if self._failure is None and not self._finished:
            self._failure = Unreadable(self._where(), "the body ends too early")
        if self._failure is not None:
            raise self._failure

    def _advance(self, chunk: bytes, *, final: bool) -> Unreadable | None:
        text, sound = self._decoded(chunk, final=final)
        try:
            with self._noting:
                self._document.send(text)
        except Unreadable as error:
            return error
        return None if sound else Unreadable(self._where(), "not UTF-8")

    def _decoded(self, chunk: bytes, *, final: bool) -> tuple[str, bool]:
        """Give the text of *chunk*, up to the first byte that is none, and whether that is all of it."""
        try:
            return self._decoder.decode(chunk, final), True
        except UnicodeDecodeError as error:
            return error.object[: error.start].decode(), False

    def _where(self) -> str:
        return f"recipients[{self._count}]" if self._count else ""

    # The grammar. Each generator waits for text where it runs out of it, and returns when its part is read.

    def _read_document(self) -> Generator[None, str, None]:
        while not self._text:
            self._text = yield
        if self._text.startswith("\ufeff"):
            self._at = len("\ufeff")
        yield from self._expect("{", "expected an object")
        yield from self._read_members()
        self._finished = True
        while not _NOT_SPACE.search(self._text, self._at):
            self._text, self._at = (yield), 0
        raise Unreadable("", "not JSON: more after the end")

    def _read_members(self) -> Generator[None, str, None]:
        seen: set[str] = set()
        more = (yield from self._peek()) != "}"
        while more:
            yield from self._read_member(seen)
            more = (yield from self._expect(",}", "not JSON: expected a comma or the end of the object")) == ","
        if missing := {"task_id", "recipients"} - seen:
            raise Unreadable(max(missing), "is missing")

    def _read_member(self, seen: set[str]) -> Generator[None, str, None]:
        if (yield from self._peek()) != '"':
            raise Unreadable(self._where(), "not JSON: expected a key")
        key = str((yield from self._read_value("")))
        if key in seen or len(seen) >= MAX_KEYS:
            raise Unreadable("", f"the key {shown(key)} stands twice, or too many stand beside it")
        seen.add(key)
        yield from self._expect(":", "not JSON: expected a colon")
        if key == "recipients":
            yield from self._read_rows()
        elif key == "task_id":
            _read_at(key, read_int, (yield from self._read_value(key)))
        else:
            note_keys("", (key,))
            yield from self._read_value("")

    def _read_rows(self) -> Generator[None, str, None]:
        yield from self._expect("[", "expected a list", where="recipients")
        more = (yield from self._peek()) != "]"
        if not more:
            self._at += 1
        while more:
            rows = self._whole_rows()
            if not rows:
                where = f"recipients[{self._count}]"
                row = yield from self._read_value(where)
                rows = (_read_at(where, self._read_row, row),)
            self._rows += rows
            self._count += len(rows)
            more = (yield from self._expect(",]", "not JSON: expected a comma or the end of the list")) == ","

    def _whole_rows(self) -> tuple[Recipient, ...]:
        """Give the rows that stand whole in this piece, and stand behind them; none if that cannot be told at once."""
        if self._text is self._tried:
            return ()
        self._tried = self._text
        end = self._text.rfind("},", self._at, self._at + ROW_CHARACTERS) + 1
        try:
            # What reads as a list of objects here is a row each: nothing that follows could make it anything else.
            rows = self._read_rows_of(loads(f"[{self._text[self._at : end]}]".encode()))
        except Unreadable:
            return ()
        self._at = max(self._at, end)
        return rows

    def _expect(self, characters: str, why: str, *, where: str | None = None) -> Generator[None, str, str]:
        found = yield from self._peek()
        if found not in characters:
            raise Unreadable(self._where() if where is None else where, why)
        self._at += 1
        return found

    def _peek(self) -> Generator[None, str, str]:
        """Give the next character that is not space, and stand before it."""
        while not (match := _NOT_SPACE.search(self._text, self._at)):
            self._text, self._at = (yield), 0
        self._at = match.start()
        return match[0]

    def _read_value(self, where: str) -> Generator[None, str, object]:
        first = yield from self._peek()
        if first == "{":
            # An object is whole as soon as it parses; a number is not: 12 may become 123.
            with contextlib.suppress(json.JSONDecodeError, RecursionError):
                value, end = _read_at(where, self._parse_from, self._at)
                _check_size(where, end - self._at)
                self._at = end
                return value
        text = yield from self._read_extent(where, _Nested().end if first in '{["' else _scalar_end)
        return _read_at(where, parse, text)

    def _parse_from(self, at: int) -> tuple[object, int]:
        return DECODER.raw_decode(self._text, at)

    def _read_extent(self, where: str, end_in: Callable[[str, int], int]) -> Generator[None, str, str]:
        """Give the text of the value that begins here, once *end_in* has found its end in some piece."""
        parts: list[str] = []
        size = 0
        while (end := end_in(self._text, self._at)) < 0:
            parts.append(self._text[self._at :])
            size += len(parts[-1])
            _check_size(where, size)
            self._text, self._at = (yield), 0
        _check_size(where, size + end - self._at)
        parts.append(self._text[self._at : end])
        self._at = end
        return "".join(parts)

    def _read_rows_of(self, rows: object) -> tuple[Recipient, ...]:
        return cast("tuple[Recipient, ...]", self._rows_hook(rows, tuple[Recipient, ...]))

    def _read_row(self, row: object) -> Recipient:
        return cast("Recipient", self._row_hook(row, Recipient))


def _check_size(where: str, size: int) -> None:
    if size > ROW_CHARACTERS:
        raise Unreadable(where, "larger than any honest row")


def _read_at(where: str, read: Callable[[T], R], value: T) -> R:
    try:
        return read(value)
    except Unreadable as error:
        raise Unreadable(joined(where, error.where), error.why) from None


def _scalar_end(text: str, at: int) -> int:
    match = _SCALAR_END.search(text, at)
    return match.start() if match else -1


class _Nested:
    """Where a string, a list or an object ends: found by quotes and brackets alone, piece by piece."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self._escaped = False

    def end(self, text: str, at: int) -> int:
        """Give the index after its end in *text*, looking from *at* on, or -1 if it goes on."""
        while at < len(text):
            if self._escaped:
                self._escaped = False
                at += 1
            match = (_INSIDE if self._quoted else _OUTSIDE).search(text, at)
            if not match:
                return -1
            at = match.end()
            if self._is_over(match[0]):
                return at
        return -1

    def _is_over(self, mark: str) -> bool:
        if mark == "\\":
            self._escaped = True
        elif mark == '"':
            self._quoted = not self._quoted
        else:
            self._depth += 1 if mark in "{[" else -1
        return self._depth == 0 and not self._quoted
