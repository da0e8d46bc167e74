"""From the bytes of a file to its whole lines, in bounded memory.

Bytes come in as they were read, lines go out in blocks, numbered. Whatever would make a list shorter than it was
meant to be is an error here and never the end of the list: a compressed file that is cut, text in another encoding, a
file that is no text. Only a line that is far too long becomes a line that no reader takes for a phone.
"""

from __future__ import annotations

import zlib
from itertools import chain
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from viber_async._sansio.privacy import safe_text
from viber_async.errors import SyncRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BLOCK: Final = 131_072
"""Bytes that are read at a time: about ten thousand phones, one to a line."""
MAX_LINE: Final = 65_536
"""Bytes of a line; a row of any export is far below."""
GZIP: Final = b"\x1f\x8b"
UTF8_MARK: Final = b"\xef\xbb\xbf"
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
TOO_LONG: Final = "?" * (MAX_LINE + 1)
"""What stands for the rest of a line that is longer: no comment, no phone, no row."""


@frozen
class Block:
    """Some whole lines, all but the very last of them ending with a line feed."""

    first: int
    """The number of the first, from 1."""
    data: bytes = field(kw_only=True, repr=False)


def refusal(name: str, what: str, *, reason: str) -> SyncRefusedError:
    """Give the error for a source that cannot be read to its end as what it should be."""
    return SyncRefusedError(f"{safe_text(name)}: {what}. Nothing was written.", reason=reason)


def blocks_of(pieces: Iterable[bytes], name: str) -> Iterator[Block]:
    """Give the lines of a file that was read in *pieces* of any size, unpacked if it is gzip.

    The blocks do not depend on the pieces: what is decided by looking at the first one is decided the same way for a
    file and for a pipe that drips.
    """
    return _whole_lines(_marked(_unpacked(pieces, name), name))


def decoded(block: Block, name: str) -> str:
    """Give the text of *block*."""
    try:
        return block.data.decode()
    except UnicodeDecodeError as error:
        line = block.first + block.data.count(b"\n", 0, error.start)
        place = error.start - block.data.rfind(b"\n", 0, error.start)
        what = f"line {line:,} is not UTF-8 (its byte {place:,} is 0x{block.data[error.start]:02X})"
        raise refusal(name, f"{what}; save the file as UTF-8", reason="encoding") from None


def _unpacked(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    rest = iter(pieces)
    head = _head_of(rest, len(GZIP))
    whole = chain((head,), rest)
    return _unzipped(whole, name) if head.startswith(GZIP) else whole


def _head_of(pieces: Iterator[bytes], size: int) -> bytes:
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= size:
            break
    return head


def _unzipped(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Give what was packed, member after member, at most a block at a time however tightly it was packed."""
    member = _Member()
    try:
        for piece in pieces:
            yield from member.take(piece)
    except zlib.error as error:
        raise refusal(name, f"this gzip file is damaged ({error})", reason="truncated") from None
    if member.is_open:
        raise refusal(name, "this gzip file is cut short", reason="truncated")


class _Member:
    """The parts of a gzip file, one behind the other; zeros may fill up what follows the last."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)

    @property
    def is_open(self) -> bool:
        return not self._unpacker.eof

    def take(self, piece: bytes) -> Iterator[bytes]:
        left = piece
        while left:
            if not self.is_open:
                left = left.lstrip(b"\0")
                if not left:
                    return
                self._unpacker = zlib.decompressobj(wbits=31)
            unpacked = self._unpacker.decompress(left, BLOCK)
            left = self._unpacker.unconsumed_tail or self._unpacker.unused_data
            yield unpacked


def _marked(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Give *pieces* without the mark that says UTF-8; refuse what says something else, or is no text."""
    rest = iter(pieces)
    for piece in chain((_without_mark(_head_of(rest, len(UTF8_MARK)), name),), rest):
        if b"\0" in piece:
            raise refusal(name, "this is no text: it has a byte of zero", reason="binary")
        yield piece


def _without_mark(head: bytes, name: str) -> bytes:
    if head.startswith(UTF16_MARKS):
        raise refusal(name, "line 1 is not UTF-8 but UTF-16 (byte 1 of it); save the file as UTF-8", reason="encoding")
    return head.removeprefix(UTF8_MARK)


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[Block]:
    number, kept, skipping = 1, b"", False
    for piece in pieces:
        data = piece
        if skipping:
            end = data.find(b"\n")
            if end < 0:
                continue
            data, skipping = data[end:], False
        kept += data
        if len(kept) < BLOCK:
            continue
        end = kept.rfind(b"\n") + 1
        if end:
            yield Block(number, data=kept[:end])
            number += kept.count(b"\n", 0, end)
        kept = kept[end:]
        if len(kept) > MAX_LINE:
            kept, skipping = TOO_LONG.encode(), True
    if kept:
        yield Block(number, data=kept)
