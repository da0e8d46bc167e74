"""Whatever a body is made of, reading or refusing it costs no more than its length: far below a second for a mebibyte.

A quarter of one is tried here. The slowest takes a tenth of a second of work, and half of one where coverage looks on;
a cost that grows with the square would take minutes.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from viber_async import ApiError, CampaignDraft
from viber_async._sansio import answer as answers
from viber_async._sansio.answer import Answer
from viber_async._sansio.blacklist import list_blacklist
from viber_async._sansio.call import Call, Unreadable
from viber_async._sansio.campaigns import create_campaign, get_recipients
from viber_async._sansio.converter import make_converter
from viber_async._sansio.recipient_stream import RecipientStream
from viber_async._sansio.senders import list_senders

SIZE = 2**18
SECONDS = 2
NOW = datetime(2024, 1, 31, 12, tzinfo=UTC)
CONVERTER = make_converter(None)
SECRET = "token-1-and-more"


def filled(piece: str, *, before: str = "", after: str = "") -> bytes:
    """Give a quarter of a mebibyte of *piece* again and again."""
    return (before + piece * (SIZE // len(piece.encode())) + after).encode()


def numbered(piece: str, *, before: str, after: str) -> bytes:
    """Give a quarter of a mebibyte of *piece* with a number in each."""
    parts, size = [], 0
    for number in count():
        parts.append(piece % number)
        size += len(parts[-1]) + 1
        if size > SIZE:
            return (before + ",".join(parts) + after).encode()
    raise AssertionError


ROW = {"phone": "380931111111", "status": 3, "send_date": "2024-01-31 12:00:00", "price": "0.5", "currency": "UAH"}
BOMBS: dict[str, bytes] = {
    "keys in one object": numbered('"k%d":0', before="{", after="}"),
    "keys that differ at their end": numbered('"' + "k" * 50 + '%d":0', before="[{", after="}]"),
    "one key again and again": filled('"a":0,', before="{", after='"a":0}'),
    "small objects": filled("{},", before="[", after="{}]"),
    "small lists": filled("[],", before='{"data":{"list":[', after="[]]}}"),
    "rows that are null": filled("null,", before='{"task_id":1,"recipients":[', after="null]}"),
    "rows": filled(json.dumps(ROW) + ",", before='{"task_id":1,"recipients":[', after=json.dumps(ROW) + "]}"),
    "entries": numbered('{"id":%d,"phone":380931111111}', before='{"data":{"list":[', after='],"total":1}}'),
    "senders": numbered('{"id":%d,"name":"s","status":"verified"}', before="[", after="]"),
    "brackets": filled("["),
    "braces": filled('{"a":'),
    "brackets in rows": filled("[", before='{"task_id":1,"recipients":['),
    "braces in rows": filled('{"a":', before='{"task_id":1,"recipients":['),
    "digits": filled("9"),
    "digits of a phone": filled("9", before='{"task_id":1,"recipients":[{"phone":', after="}]}"),
    "a fraction": filled("9", before="[0."),
    "an exponent": filled("9", before="[1e"),
    "digits in text": filled("9", before='{"message":"', after='"}'),
    "phones in text": filled("+380 93 111 11 11 ", before='{"message":"', after='"}'),
    "almost phones": filled("3 8 0 9 3 1 1 a", before='{"message":"', after='"}'),
    "backslashes": filled("\\\\", before='{"message":"', after='"}'),
    "almost the secret": filled("token-1\\\\", before='{"message":"', after='"}'),
    "the secret": filled(SECRET, before='{"error":"', after='"}'),
    "quotes": filled('\\"', before='{"message":"', after='"}'),
    "escapes": filled("\\u0000", before='{"message":"', after='"}'),
    "half a pair": filled("\\ud800", before='{"message":"', after='"}'),
    "an endless text": filled("a", before='{"message":"'),
    "field errors": numbered('"f%d":["no","no","no"]', before='{"errors":{', after="}}"),
    "spaces": filled(" "),
    "spaces between": filled(" ", before='{"task_id":1,"recipients":[', after="]}"),
    "commas": filled(","),
    "NULs": filled("\0"),
    "bytes that are no text": b"\xff" * SIZE,
    "angle brackets": filled("<"),
}

DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="x", recipients=["380931111111"])
READERS: dict[str, tuple[Call[Any], int]] = {
    "blacklist": (list_blacklist(100, 0), 200),
    "recipients": (get_recipients(7), 200),
    "a refusal": (list_senders(), 422),
    "a campaign": (create_campaign(DRAFT, now=NOW, time_zone=None), 200),
}


def spent(work: Callable[[], object]) -> float:
    """Give the seconds of work that *work* took, whether it succeeded or was refused."""
    began = time.process_time()
    with contextlib.suppress(ApiError, Unreadable):
        work()
    return time.process_time() - began


@pytest.mark.fault("S14")
@pytest.mark.parametrize("bomb", BOMBS)
def test_no_body_costs_more_than_its_length(bomb: str) -> None:
    """Whatever call it answers, and with whatever status."""
    took = {}
    for name, (call, status) in READERS.items():
        answer = Answer(status=status, headers={}, body=BOMBS[bomb], secret=SECRET)
        took[name] = spent(lambda call=call, answer=answer: answers.read(call, answer, converter=CONVERTER, now=NOW))

    assert {name: seconds for name, seconds in took.items() if seconds > SECONDS} == {}


def streamed(body: bytes, size: int) -> None:
    stream = RecipientStream(CONVERTER)
    for at in range(0, len(body), size):
        stream.feed(body[at : at + size])
    stream.close()


@pytest.mark.fault("S14")
@pytest.mark.parametrize("bomb", BOMBS)
def test_nor_does_it_take_longer_where_it_comes_in_pieces(bomb: str) -> None:
    """As many as a network would cut it into: nothing is looked at again with each."""
    assert spent(lambda: streamed(BOMBS[bomb], 500)) < SECONDS
