"""Lists are read by code that is written for their rows, and give what the hook of the row's class gives."""

from __future__ import annotations

import copy
import json
import os
import pickle
import weakref
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counting import python_calls
from viber_async._sansio import wire_json
from viber_async._sansio.blacklist import BlacklistEntry, list_blacklist
from viber_async._sansio.call import Unreadable
from viber_async._sansio.campaigns import CampaignSummary, MessageType, Recipient, get_recipients, list_campaigns
from viber_async._sansio.converter import NO_EXTRAS, NOT_ON_THE_WIRE, Extras, make_converter, wire
from viber_async._sansio.rows import twin_of
from viber_async._sansio.senders import Sender, list_senders

EXAMPLES = int(os.environ.get("VIBER_TEST_EXAMPLES", "1"))
ZONES = [None, ZoneInfo("Europe/Kyiv")]


@frozen
class Odd:
    """All kinds of fields that no answer has in a list as yet."""

    id: int
    on: bool = field(kw_only=True, default=False)
    kind: MessageType | None = field(kw_only=True, default=None)
    at: datetime = field(kw_only=True)
    names: tuple[str, ...] = field(kw_only=True, default=())
    ours: int = field(kw_only=True, default=7, metadata=NOT_ON_THE_WIRE)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


DATE = "2019-03-26 12:40:05"
USUAL: dict[type, dict[str, object]] = {
    BlacklistEntry: {"id": 1, "user_id": 7, "phone": 380931111111, "description": "asked", "add_date": DATE},
    Recipient: {
        "phone": 380931111111,
        "address_book_id": 850852,
        "status": "send",
        "send_date": DATE,
        "price": Decimal("0.740"),
        "currency": "RUR",
        "last_update": DATE,
    },
    CampaignSummary: {
        "id": 1,
        "name": "spring",
        "message": "Hello",
        "button_text": "Open",
        "button_link": "https://example.com",
        "image_link": None,
        "address_book": 0,
        "sender_name": "shop",
        "sender_id": 1,
        "message_live_time": 3600,
        "send_date": DATE,
        "status": None,
        "created": DATE,
    },
    Sender: {
        "id": 1,
        "status": "verified",
        "name": "shop",
        "service_type": "b2c",
        "web_site": "example.com",
        "description": "",
        "country": "UK",
        "traffic_type": "transactional",
        "admin_comment": None,
    },
    Odd: {"id": 1, "on": True, "kind": 2, "at": DATE, "names": ["a"]},
}
OTHER_NAMES = ("address_book_id", "address_book", "countries", "extras", "ours", "owner", "", "one", "v")
STRANGE: tuple[object, ...] = (
    *(None, True, False, 0, 1, 2, -1, 9, 2**63 - 1, -(2**63) + 1, -(2**63), "", "0", "1", "1000", "-1", "a\nb"),
    *("380931111111", "+380931111111", "send", "verified", "новый", "UK", "0000-00-00 00:00:00", "2019-03-26T12:40:05"),
    *("2019-03-26T12:40:05Z", "2019-03-26 12:40:Z", "2019-02-30 12:40:05", "2019-W13-2T12:40:05", "2019-03-26 12:40:0"),
    *(
        "2019-03-26 24:00:00",
        "2019-03-26x12:40:05",
        "2019-03-26 1240:05.1",
        "0001-01-01 00:00:00",
        "2019-03-31 03:30:00",
    ),
    *(
        Decimal("0.74"),
        Decimal("1E+3"),
        Decimal(2),
        [],
        [1],
        ["UK", "UA"],
        ["-"] * 20,
        {},
        {"a": [1, {"b": None}]},
        [[]],
    ),
)
ODD_VALUES = st.one_of(st.sampled_from(STRANGE), st.text(max_size=3))


def rows_of(cls: type) -> st.SearchStrategy[list[Any]]:
    """Rows as they come, with a few things changed, left out or put in; sometimes no row at all."""
    names = st.sampled_from([*USUAL[cls], *OTHER_NAMES])
    changed = st.builds(lambda more: {**USUAL[cls], **more}, st.dictionaries(names, ODD_VALUES, max_size=3))
    without = st.builds(lambda row, gone: {k: v for k, v in row.items() if k not in gone}, changed, st.sets(names))
    return st.lists(st.one_of(st.just(USUAL[cls]), changed, without, ODD_VALUES), max_size=4)


def outcome(read: Callable[[], object]) -> object:
    try:
        return read()
    except Unreadable as error:
        return error.where, error.why


def one_by_one(rows: list[Any], cls: type, zone: Any) -> tuple[object, ...]:
    converter = make_converter(zone)
    found: list[object] = []
    for row in rows:
        try:
            found.append(converter.structure(row, cls))
        except Unreadable as error:
            where = f"[{len(found)}].{error.where}" if error.where else f"[{len(found)}]"
            raise Unreadable(where.replace(".[", "["), error.why) from None
    return tuple(found)


def types(found: object) -> object:
    """What stands in each field, to the type and the digit."""
    return [
        [(repr(value), type(value)) for value in attrs.astuple(row, recurse=False)]
        for row in (found if isinstance(found, tuple) else ())
        if attrs.has(type(row))
    ]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cls", USUAL)
def test_whatever_stands_in_a_field_is_read_as_in_a_row_alone(cls: type, zone: Any) -> None:
    """Every field with every odd value, to the type, or refused as it is there; and without the field."""
    usual = USUAL[cls]
    rows = [{**usual, key: value} for key in (*usual, *OTHER_NAMES) for value in STRANGE]
    rows += [{key: value for key, value in usual.items() if key != gone} for gone in usual]

    for row in rows:
        together = outcome(lambda row=row: make_converter(zone).structure([row], tuple[cls, ...]))  # type: ignore[misc]
        alone = outcome(lambda row=row: one_by_one([row], cls, zone))  # type: ignore[misc]
        assert (together, types(together)) == (alone, types(alone))


def thorough(examples: int) -> settings:
    """As many examples, or a multiple of them; more of them are other ones each time."""
    return settings(derandomize=EXAMPLES == 1, max_examples=EXAMPLES * examples, deadline=None)


@pytest.mark.parametrize("cls", USUAL)
@thorough(30)
@given(data=st.data(), zone=st.sampled_from(ZONES))
def test_many_rows_are_read_as_each_alone(cls: type, zone: Any, data: st.DataObject) -> None:
    """To the type, or refused with the same path and reason."""
    rows = data.draw(rows_of(cls))

    together = outcome(lambda: make_converter(zone).structure(rows, tuple[cls, ...]))  # type: ignore[valid-type]
    alone = outcome(lambda: one_by_one(rows, cls, zone))

    assert (together, types(together)) == (alone, types(alone))


@thorough(100)
@given(st.text("0123456789-: TWZ+.,٣", min_size=16, max_size=21))
def test_the_quick_look_at_a_time_takes_no_other_text_for_one(text: str) -> None:
    """Week dates, other separators, offsets and digits of other scripts are for the reader that looks closer."""
    rows = [{"id": 1, "phone": 1, "add_date": text}]

    together = outcome(lambda: make_converter(None).structure(rows, tuple[BlacklistEntry, ...]))

    assert together == outcome(lambda: one_by_one(rows, BlacklistEntry, None))


def near(text: str) -> st.SearchStrategy[str]:
    """*text* with a few characters replaced, at most one cut off or put behind."""
    places = st.dictionaries(st.integers(0, len(text) - 1), st.sampled_from("0259-: TWZ+.,٣"), max_size=3)
    changed = st.builds(lambda new: "".join(new.get(i, c) for i, c in enumerate(text)), places)
    return st.builds(
        lambda some, end: some[:-1] if end is None else some + end, changed, st.sampled_from([None, "", "5"])
    )


@thorough(200)
@given(near(DATE))
def test_nor_what_looks_nearly_like_one(text: str) -> None:
    """The same for texts of which most is right."""
    rows = [{"id": 1, "phone": 1, "add_date": text}]

    together = outcome(lambda: make_converter(None).structure(rows, tuple[BlacklistEntry, ...]))

    assert together == outcome(lambda: one_by_one(rows, BlacklistEntry, None))


@pytest.mark.parametrize("cls", USUAL)
def test_a_row_of_a_list_is_like_any_other_result(cls: type) -> None:
    """Frozen, of the very class, equal and hashed like one that was made alone, picklable, copyable, weakly held."""
    converter = make_converter(None)
    (found,) = converter.structure([USUAL[cls]], tuple[cls, ...])  # type: ignore[valid-type]
    alone = converter.structure(USUAL[cls], cls)

    assert type(found) is cls
    assert (found, hash(found), repr(found)) == (alone, hash(alone), repr(alone))
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == attrs.evolve(found) == found
    assert weakref.ref(found)() is found
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.id = 2  # type: ignore[attr-defined]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del found.extras  # type: ignore[attr-defined]


def body(rows: list[dict[str, Any]], before: str = "[", after: str = "]") -> bytes:
    plain = [{k: 0.74 if isinstance(v, Decimal) else v for k, v in row.items()} for row in rows]
    return (before + json.dumps(plain)[1:-1] + after).encode()


CALLS = [
    (list_blacklist(1000, 0), BlacklistEntry, '{"data": {"list": [', ']}, "total": 9}'),
    (get_recipients(1), Recipient, '{"task_id": 1, "recipients": [', "]}"),
    (list_campaigns(1000, 0), CampaignSummary, "[", "]"),
    (list_senders(), Sender, "[", "]"),
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("call", "cls", "before", "after"), CALLS, ids=lambda v: getattr(v, "path", ""))
def test_no_function_is_called_for_each_usual_row(call: Any, cls: type, before: str, after: str, zone: Any) -> None:
    """From bytes to results; counted, since time would depend on the machine. Here it is a thousand rows."""
    rows = body([USUAL[cls]] * 1000, before, after)
    converter = make_converter(zone)
    call.read(converter, wire_json.loads(rows))

    assert python_calls(lambda: call.read(converter, wire_json.loads(rows))) < 100


@pytest.mark.parametrize(
    ("change", "gone", "calls"),
    [
        ({"add_date": None, "user_id": None, "description": None}, "", 0),
        ({"phone": "380931111111"}, "", 3),
        ({"owner": "you"}, "", 8),
        ({}, "user_id", 2),
    ],
)
def test_what_is_a_little_unusual_costs_a_few_calls_and_not_the_whole_detour(
    change: dict[str, object], gone: str, calls: int
) -> None:
    """The provider may add a key to every row from one day to the next, or leave one out; the detour makes forty."""
    row = {key: value for key, value in {**USUAL[BlacklistEntry], **change}.items() if key != gone}
    converter = make_converter(None)
    converter.structure([row], tuple[BlacklistEntry, ...])

    assert python_calls(lambda: converter.structure([row] * 100, tuple[BlacklistEntry, ...])) < 100 * calls + 60


@frozen
class WithoutExtras:
    id: int


@frozen
class Checked:
    id: int = field(validator=attrs.validators.gt(0))
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


@frozen
class Converted:
    id: int = field(converter=abs)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


@frozen
class WithFactory:
    id: int = field(factory=lambda: 5)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


@frozen
class WithPostInit:
    id: int
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "id", 5)


@frozen
class Made:
    id: int
    size: int = field(init=False, default=3)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


@frozen(slots=False)
class WithDict:
    id: int
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


@frozen(cache_hash=True)
class WithCachedHash:
    id: int
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


MORE_THAN_STORED = [WithoutExtras, Checked, Converted, WithFactory, WithPostInit, Made, WithDict, WithCachedHash]


@pytest.mark.parametrize("cls", MORE_THAN_STORED)
def test_a_class_whose_initialiser_does_more_than_to_store_is_initialised(cls: type[attrs.AttrsInstance]) -> None:
    """Its rows are read one by one."""
    assert twin_of(cls) is None
    if cls is not Made:
        found = make_converter(None).structure([{"id": 5}], tuple[cls, ...])  # type: ignore[valid-type]
        assert found == (cls(5),)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ([USUAL[BlacklistEntry], {"id": 1}], "[1].phone"),
        ([{"phone": 1}], "[0].id"),
        ([USUAL[BlacklistEntry]] * 3 + [None], "[3]"),
        ([USUAL[BlacklistEntry], [1, 2, 3, 4, 5]], "[1]"),
        ([[]], "[0]"),
        (["abcde"], "[0]"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_index(rows: list[Any], where: str) -> None:
    """And by the field in it, as if all rows had been read with care."""
    with pytest.raises(Unreadable) as caught:
        make_converter(None).structure(rows, tuple[BlacklistEntry, ...])

    assert caught.value.where == where


@frozen
class TwoNames:
    name: str = field(metadata=wire("name", "title"))
    extras: Extras = field(kw_only=True, default=NO_EXTRAS)


def test_rows_of_one_list_may_use_different_names_for_one_field() -> None:
    """The name of the first row is looked for first; none is lost."""
    rows = [{"title": "a"}, {"name": "b"}, {"name": "c", "title": "d"}, {"title": "e", "x": 1}]

    found = make_converter(None).structure(rows, tuple[TwoNames, ...])

    assert [(row.name, dict(row.extras)) for row in found] == [
        ("a", {}),
        ("b", {}),
        ("c", {"title": "d"}),
        ("e", {"x": 1}),
    ]
