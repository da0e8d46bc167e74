"""What answers hold that we do not know: counted in few words, and nothing else changes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from viber_async._sansio.blacklist import add_phones, list_blacklist
from viber_async._sansio.call import Call, Unreadable
from viber_async._sansio.campaigns import get_campaign, get_recipients, list_campaigns
from viber_async._sansio.converter import make_converter
from viber_async._sansio.number_page import list_numbers
from viber_async._sansio.recipient_stream import RecipientStream
from viber_async._sansio.senders import get_sender, list_senders
from viber_async._sansio.unknown import MAX_KEYS, MAX_NAMES, REST, UnknownName, UnknownNames

CONVERTER = make_converter(None)
ROW = {"id": 1, "phone": 380931111111, "user_id": 7, "description": "", "add_date": None}
SENDER = {"id": 1, "name": "shop"}
CAMPAIGN = {"id": 1, "name": "spring", "sender_id": 1, "message_live_time": 60}
SIX = {"sent": 1, "delivered": 1, "read": 1, "redirected": 1, "undelivered": 1, "errors": 1}


def counted(call: Call[Any], *answers: object, strict: bool = False) -> dict[tuple[str, str, str], int]:
    names = UnknownNames(strict=strict)
    for answer in answers:
        with names.noting(call):
            call.read(CONVERTER, answer)
    return {tuple(name): times for name, times in names.counts().items()}  # type: ignore[misc]


def listed(*rows: object, **more: object) -> dict[str, object]:
    return {"data": {"list": list(rows), "total": len(rows), **more}}


SEEN: list[tuple[Call[Any], object, dict[tuple[str, str, str], int]]] = [
    (get_sender(1), SENDER, {}),
    (get_sender(1), {**SENDER, "owner": "you"}, {("senders.get", "key", "owner"): 1}),
    (get_sender(1), {**SENDER, "status": "paused"}, {("senders.get", "value", "status=paused"): 1}),
    (list_senders(), [{**SENDER, "owner": i} for i in range(3)], {("senders.list", "key", "owner"): 3}),
    (list_senders(), [{**SENDER, "status": "paused"}] * 2, {("senders.list", "value", "status=paused"): 2}),
    (
        list_campaigns(10, 0),
        [
            {**CAMPAIGN, "status": "new", "address_book": 1, "foo": 1},
            {**CAMPAIGN, "address_book_id": 1, "status": "new"},
        ],
        {("campaigns.list", "value", "status=new"): 2, ("campaigns.list", "key", "foo"): 1},
    ),
    (list_campaigns(10, 0), [{**CAMPAIGN, "address_book": 1, "address_book_id": 2}], {}),
    (
        get_campaign(1),
        {**CAMPAIGN, "statistic": {**SIX, "bounced": 1}, "x": 1},
        {("campaigns.get", "key", "statistics.bounced"): 1, ("campaigns.get", "key", "x"): 1},
    ),
    (
        list_blacklist(10, 0),
        {**listed({**ROW, "who": 1}, ROW, next=None), "took": 5},
        {
            ("blacklist.list", "key", "who"): 1,
            ("blacklist.list", "key", "data.next"): 1,
            ("blacklist.list", "key", "took"): 1,
        },
    ),
    (
        add_phones(("380931111111",), None),
        {"result": True, "counters": {"added": 1, "exists": 0, "bad": 0}},
        {("blacklist.add", "key", "bad"): 1},
    ),
    (
        get_recipients(1),
        {"task_id": 1, "total": 1, "recipients": [{"phone": 1, "status": "lost", "x": 1}, {"phone": 2}]},
        {
            ("campaigns.recipients", "value", "status=lost"): 1,
            ("campaigns.recipients", "key", "x"): 1,
            ("campaigns.recipients", "key", "total"): 1,
        },
    ),
    (list_numbers(10, 0, detailed=True), listed({**ROW, "who": 1}), {}),
]


@pytest.mark.fault("P08")
@pytest.mark.parametrize(("call", "answer", "seen"), SEEN)
def test_what_is_unknown_is_counted_once_each_time_that_it_is_seen(
    call: Call[Any], answer: object, seen: dict[tuple[str, str, str], int]
) -> None:
    """By the call and its name, beside what is known in any spelling. A sync looks at ids and phones alone."""

    assert counted(call, answer) == seen
    assert counted(call, answer, answer) == {name: 2 * times for name, times in seen.items()}


def test_a_row_that_is_read_twice_is_counted_once() -> None:
    """One whose keys are as many as usual, but not the usual ones, is read again with care."""
    row = {"phone": 1, "address_book_id": 1, "status": "lost", "send_date": None, "price": 1, "curr": "RUR"}
    answer = {"task_id": 1, "recipients": [{**row, "last_update": None}] * 2}

    assert counted(get_recipients(1), answer) == {
        ("campaigns.recipients", "value", "status=lost"): 2,
        ("campaigns.recipients", "key", "curr"): 2,
    }


def test_nothing_is_counted_where_nobody_asked() -> None:
    """Nor outside of an answer."""
    names = UnknownNames()
    with names.noting(get_sender(1)):
        pass
    get_sender(1).read(CONVERTER, {**SENDER, "owner": 1, "status": "paused"})

    assert names.counts() == {}


STRICT: list[tuple[Call[Any], object, str, str]] = [
    (get_sender(1), {**SENDER, "owner": "you"}, "owner", "a key that"),
    (get_sender(1), {**SENDER, "status": "paused"}, "status", "a value that .*: 'paused'"),
    (list_blacklist(10, 0), listed(ROW, {**ROW, "who": 1}), "data.list[1].who", "a key that"),
    (list_blacklist(10, 0), listed(ROW, next=1), "data.next", "a key that"),
    (list_campaigns(10, 0), [CAMPAIGN, {**CAMPAIGN, "status": "new"}], "[1].status", "a value that"),
    (get_campaign(1), {**CAMPAIGN, "statistic": {**SIX, "bounced": 1}}, "statistic.bounced", "a key that"),
]


@pytest.mark.parametrize(("call", "answer", "where", "why"), STRICT)
def test_a_strict_reader_refuses_it_by_its_path(call: Call[Any], answer: object, where: str, why: str) -> None:
    """So that a canary says what has changed."""
    with pytest.raises(Unreadable, match=why) as caught:
        counted(call, answer, strict=True)

    assert caught.value.where == where


def test_a_strict_reader_takes_what_is_known() -> None:
    """In whatever spelling."""

    assert counted(list_blacklist(10, 0), listed(ROW, {"id": "2", "phone": "+380931111112"}), strict=True) == {}


def test_the_answer_to_a_write_is_counted_even_by_a_strict_reader() -> None:
    """What was done is not undone by a key."""
    answer = {"result": True, "counters": {"added": 1, "exists": 0, "bad": 0}}

    assert counted(add_phones(("380931111111",), None), answer, strict=True) == {("blacklist.add", "key", "bad"): 1}


def test_a_stream_counts_its_rows_and_what_stands_beside_them() -> None:
    """Whole pieces and cut rows alike."""
    names = UnknownNames()
    stream = RecipientStream(CONVERTER, names.noting(get_recipients(1)))
    row = b'{"phone":1,"status":"lost","x":1}'
    for piece in (b'{"task_id":1,"total":3,"recipients":[' + row + b"," + row + b"," + row[:9], row[9:] + b"]}"):
        stream.feed(piece)
    stream.close()

    assert names.counts() == {
        ("campaigns.recipients", "key", "total"): 1,
        ("campaigns.recipients", "value", "status=lost"): 3,
        ("campaigns.recipients", "key", "x"): 3,
    }


def test_a_strict_stream_gives_the_rows_before_what_is_unknown() -> None:
    """And then says where it is."""
    stream = RecipientStream(CONVERTER, UnknownNames(strict=True).noting(get_recipients(1)))

    assert len(stream.feed(b'{"task_id":1,"recipients":[{"phone":1},{"phone":2,"x":1},{"phone":3}]}')) == 1
    with pytest.raises(Unreadable) as caught:
        stream.close()
    assert caught.value.where == "recipients[1].x"


@pytest.mark.fault("S14")
def test_a_server_cannot_make_the_counts_grow() -> None:
    """Names are few and short; what is beyond is counted together."""
    call = get_sender(1)
    names = UnknownNames()
    began = time.process_time()
    for turn in range(300):
        with names.noting(call):
            call.read(CONVERTER, {**SENDER, "status": f"s{turn}", **{f"k{turn}-{i}" * 50: 1 for i in range(100)}})

    counts = names.counts()
    assert sum(counts.values()) == 300 * 101
    assert len(counts) == MAX_NAMES + 1  # the names, of which one is the rest of the keys, and the rest of the words
    assert counts[UnknownName("senders.get", "key", REST)] >= 300 * (100 - MAX_KEYS)
    assert max(len(name.name) for name in counts) < 70
    assert time.process_time() - began < 5


@pytest.mark.parametrize(("keys", "named", "rest"), [(MAX_KEYS, MAX_KEYS, None), (MAX_KEYS + 1, MAX_KEYS, 1)])
def test_so_many_keys_of_one_object_are_named(keys: int, named: int, rest: int | None) -> None:
    """And there is a rest only where there are more."""
    found = counted(get_sender(1), {**SENDER, **{"k" * (i + 1): 1 for i in range(keys)}})

    assert found.pop(("senders.get", "key", REST), None) == rest
    assert found == {("senders.get", "key", "k" * (i + 1)): 1 for i in range(named)}


def test_names_are_fit_to_be_shown() -> None:
    """A key or a word may hold a phone, or what a terminal obeys."""
    call = get_sender(1)
    names = UnknownNames()
    with names.noting(call):
        call.read(CONVERTER, {**SENDER, "380931111111": 1, "a\x1b[31m\n": 1, "status": "+380 93 111 11 11"})

    shown = repr(dict(names.counts()))
    assert "3809•••••111" in shown
    assert [part for part in ("380931111111", "\x1b", "\n", "380 93 111") if part in shown] == []


def test_the_counts_that_were_given_stay_as_they_are() -> None:
    """A snapshot that nobody can write to."""
    names = UnknownNames()
    before = names.counts()
    with names.noting(get_sender(1)):
        get_sender(1).read(CONVERTER, {**SENDER, "owner": 1})

    assert (len(before), len(names.counts())) == (0, 1)
    with pytest.raises(TypeError):
        names.counts()[UnknownName("a", "key", "b")] = 1  # type: ignore[index]
