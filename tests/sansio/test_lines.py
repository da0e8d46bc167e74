"""What a file has to be: text in UTF-8, packed or not, and whole."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viber_async._sansio.lines import BLOCK, MAX_LINE, TOO_LONG, blocks_of, decoded
from viber_async.errors import Delivery, SyncRefusedError

LIST = b"".join(b"3809%08d\n" % number for number in range(1000))
PACKED = gzip.compress(LIST)


def text_of(pieces) -> bytes:
    return b"".join(block.data for block in blocks_of(pieces, "list.txt"))


@given(st.lists(st.integers(0, len(LIST)), max_size=5), st.booleans())
def test_the_lines_do_not_depend_on_how_they_arrive(cuts, packed):
    """Packed or not."""
    data = PACKED if packed else LIST
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    assert text_of(data[a:b] for a, b in pairwise(places)) == LIST


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(LIST[:600]) + gzip.compress(LIST[600:]),
        gzip.compress(LIST[:600]) + b"\0\0\0" + gzip.compress(LIST[600:]) + b"\0\0",
        gzip.compress(b"\xef\xbb\xbf" + LIST),
        gzip.compress(b"") + PACKED,
    ],
    ids=["two members", "with zeros between", "with a mark", "an empty member"],
)
def test_all_members_of_a_packed_file_are_read(data):
    """Also byte by byte."""

    assert text_of([data]) == text_of(data[i : i + 1] for i in range(len(data))) == LIST


def test_what_is_packed_tightly_is_unpacked_block_by_block():
    """Ten megabytes out of ten kilobytes are never in memory at once."""
    packed = gzip.compress(b"380931111111\n" * 800_000)
    sizes = [len(block.data) for block in blocks_of([packed], "x")]

    assert sum(sizes) == 10_400_000
    assert max(sizes) <= 2 * BLOCK


CUT = "this gzip file is cut short"
DAMAGED = "this gzip file is damaged ("
ZERO = "this is no text: it has a byte of zero"
UTF16 = "line 1 is not UTF-8 but UTF-16 (byte 1 of it); save the file as UTF-8"

BROKEN = {
    "cut": (PACKED[:-1], "truncated", CUT),
    "cut to its magic": (PACKED[:2], "truncated", CUT),
    "cut in the second member": (PACKED + PACKED[:40], "truncated", CUT),
    "flipped": (PACKED[:100] + bytes([PACKED[100] ^ 255]) + PACKED[101:], "truncated", DAMAGED),
    "wrong sum": (PACKED[:-8] + b"\1\2\3\4" + PACKED[-4:], "truncated", DAMAGED),
    "junk behind": (PACKED + b"junk", "truncated", DAMAGED),
    "junk between": (PACKED + b"X" + PACKED, "truncated", DAMAGED),
    "packed in another way": (PACKED + zlib.compress(LIST), "truncated", DAMAGED),
    "a zero": (b"380931111111\n\0", "binary", ZERO),
    "a packed zero": (gzip.compress(b"380931111111\n\0"), "binary", ZERO),
    "UTF-16": ("380931111111\n".encode("utf-16"), "encoding", UTF16),
    "UTF-16, the other way": (b"\xfe\xff" + "1".encode("utf-16-be"), "encoding", UTF16),
}


@pytest.mark.parametrize(("data", "reason", "said"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_whole_or_no_text_is_refused(data, reason, said):
    """It never just ends."""
    for size in (1, 50, len(data)):
        with pytest.raises(SyncRefusedError) as caught:
            text_of(data[i : i + size] for i in range(0, len(data), size))

        assert caught.value.reason == reason
        assert caught.value.delivery is Delivery.NOT_SENT
        assert str(caught.value).startswith(f"list.txt: {said}")
        assert "Nothing was written." in str(caught.value)
        assert said.startswith(DAMAGED) or f"{said}. Nothing" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\xcf", "line 1 is not UTF-8 (its byte 1 is 0xCF)"),
        (b"380931111111\n38\xd0\xbf\xff", "line 2 is not UTF-8 (its byte 5 is 0xFF)"),
        (b"1\n2\xff\n3\n", "line 2 is not UTF-8 (its byte 2 is 0xFF)"),
        (b"\n\xff", "line 2 is not UTF-8 (its byte 1 is 0xFF)"),
        (b"1\n" * 1199 + b"\xe9", "line 1,200 is not UTF-8 (its byte 1 is 0xE9)"),
    ],
)
def test_another_encoding_is_refused_with_line_and_byte(data, place):
    """As an editor would count them."""
    with pytest.raises(SyncRefusedError) as caught:
        [decoded(block, "list.txt") for block in blocks_of([data], "list.txt")]

    assert place in str(caught.value)
    assert caught.value.reason == "encoding"


@pytest.mark.parametrize("length", [BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK])
@pytest.mark.parametrize("ended", [True, False])
def test_an_endless_line_is_not_kept(length, ended):
    """It is one line still, of which no more is left than that it was too long."""
    data = b"1\n" + b"9" * length + (b"\n2\n" if ended else b"")
    lines = text_of(data[i : i + 5000] for i in range(0, len(data), 5000)).split(b"\n")

    assert lines[0] == b"1"
    assert lines[1] in (TOO_LONG.encode(), b"9" * length)
    assert MAX_LINE < len(lines[1]) < 2 * BLOCK
    assert lines[2:] == ([b"2", b""] if ended else [])


def test_a_file_of_one_endless_line_is_not_kept():
    """From its first byte on."""
    text = text_of(b"9" * 5000 for _ in range(100))

    assert text == TOO_LONG.encode()


def test_what_follows_an_endless_line_is_read():
    """However the pieces are cut: every line of it."""
    pieces = [b"1\n", b"9" * 2 * BLOCK, b"9" * 10, b"\n2\n", b"3\n4\n"]

    assert text_of(pieces).split(b"\n") == [b"1", TOO_LONG.encode(), b"2", b"3", b"4", b""]


@pytest.mark.parametrize(("length", "kept"), [(MAX_LINE, b"9" * MAX_LINE), (MAX_LINE + 1, TOO_LONG.encode())])
def test_a_line_may_be_as_long_as_is_said(length, kept):
    """And not a byte longer, where a block ends in it."""
    lines = text_of([b"1\n" * (BLOCK // 2), b"9" * length, b"1\n" * (BLOCK // 2)]).split(b"\n")

    assert len(lines) == BLOCK + 1
    assert len(lines[BLOCK // 2]) == length + 1  # the block was cut behind it
    lines = text_of([b"1\n" * (BLOCK // 2) + b"9" * length, b"\n"]).split(b"\n")

    assert lines[BLOCK // 2] == kept


def test_a_block_is_cut_as_soon_as_it_is_full():
    """Whatever its first line is."""
    half = b"\n" + b"1\n" * (BLOCK // 2 - 1) + b"\n"

    assert [(block.first, len(block.data)) for block in blocks_of([half, half, b"2"], "x")] == [
        (1, BLOCK),
        (BLOCK // 2 + 2, BLOCK),
        (BLOCK + 3, 1),
    ]


def test_blocks_say_which_line_they_begin_with():
    """So that a line has its number without being counted from the beginning."""
    data = b"380931111111\n" * 30_000
    blocks = list(blocks_of([data[i : i + 4096] for i in range(0, len(data), 4096)], "x"))

    assert len(blocks) == 3
    assert [block.first for block in blocks[1:]] == [
        1 + blocks[0].data.count(b"\n"),
        1 + sum(block.data.count(b"\n") for block in blocks[:2]),
    ]
