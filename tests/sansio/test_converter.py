# ruff: noqa: DTZ001 - the provider's times have no zone
import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve, field, frozen

from viber_async._sansio.call import Unreadable
from viber_async._sansio.converter import (
    NO_EXTRAS,
    NOT_ON_THE_WIRE,
    Extras,
    OpenNumber,
    OpenWord,
    brief,
    extras,
    fields_repr,
    joined,
    make_converter,
    merged,
    one_or_many,
    read_book_id,
    read_bool,
    read_decimal,
    read_int,
    read_str,
    to_dict,
    wire,
)
from viber_async._sansio.privacy import shown
from viber_async.errors import ValidationError

KYIV = ZoneInfo("Europe/Kyiv")
MAX = 2**63 - 1


class Colour(OpenWord):
    RED = "red"


class Code(OpenNumber):
    TWO = 2


@frozen
class Leaf:
    price: Decimal
    when: datetime | None = field(kw_only=True, default=None)


@frozen
class Tree:
    id: int
    leaves: tuple[Leaf, ...] = field(kw_only=True, default=())
    best: Leaf | None = field(kw_only=True, default=None)
    colour: Colour | None = field(kw_only=True, default=None)
    code: Code | None = field(kw_only=True, default=None)
    on: bool = field(kw_only=True, default=False)
    name: str = field(kw_only=True, default="", metadata=wire("name", "title"))
    ours: bool = field(kw_only=True, default=True, metadata=NOT_ON_THE_WIRE)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


def tree(data, zone=None):
    return make_converter(zone).structure(data, Tree)


def when(text, zone=None):
    return make_converter(zone).structure({"price": 1, "when": text}, Leaf).when


READ = [
    (read_int, 1000, 1000),
    (read_int, "1000", 1000),
    (read_int, "007", 7),
    (read_int, 0, 0),
    (read_int, -5, -5),
    (read_int, MAX, MAX),
    (read_int, -MAX, -MAX),
    (read_int, str(MAX), MAX),
    (read_bool, True, True),
    (read_bool, False, False),
    (read_bool, 0, False),
    (read_bool, 1, True),
    (read_bool, "0", False),
    (read_bool, "1", True),
    (read_str, "", ""),
    (read_str, "\ud800\0\u202e", "\ud800\0\u202e"),
    (read_decimal, Decimal("0.740"), Decimal("0.740")),
    (read_decimal, 1, Decimal(1)),
    (read_book_id, 850852, 850852),
    (read_book_id, "850852", 850852),
    (read_book_id, 0, None),
    (read_book_id, "0", None),
]

REFUSED = [
    *[(read_int, value, "a whole number") for value in (True, Decimal("380.9"), 1.0, None, [], {}, "", "-5", "1.0")],
    *[(read_int, value, "a whole number") for value in ("٣", " 1", "1_000", "1e3", MAX + 1, -MAX - 1, str(MAX + 1))],
    *[(read_int, value, "a whole number") for value in ("1" * 20, "9" * 5000)],
    *[(read_bool, value, "true or false") for value in ("false", "true", "", "2", 2, -1, None, Decimal(1), [])],
    *[(read_str, value, "text") for value in (1, True, None, [], {}, b"x", Decimal(1))],
    *[(read_decimal, value, "a number") for value in (0.74, "0.74", True, None, Decimal("NaN"), Decimal("Infinity"))],
    (read_book_id, None, "a whole number"),
    (read_book_id, False, "a whole number"),
]


@pytest.mark.fault("P07")
@pytest.mark.parametrize(("read", "value", "result"), READ)
def test_what_the_wire_was_seen_to_send_is_read(read, value, result):
    """And becomes exactly the type that the model promises."""
    found = read(value)

    assert (found, type(found)) == (result, type(result))


@pytest.mark.fault("P06")
@pytest.mark.parametrize(("read", "value", "wanted"), REFUSED)
def test_nothing_is_coerced(read, value, wanted):
    """Row P06: bool() would make true of "false", int() would cut 380.9."""
    with pytest.raises(Unreadable) as caught:
        read(value)

    assert caught.value.where == ""
    assert caught.value.why in {f"expected {wanted}, got {look}" for look in (seen(value), seen(value).strip("'"))}


def seen(value):
    """Give how a value that was refused is shown."""
    return {dict: "an object", list: "a list", type(None): "null"}.get(type(value)) or shown(value)


TIMES = [
    ("2019-03-26 12:40:05", None, datetime(2019, 3, 26, 12, 40, 5)),
    ("2019-03-26 12:40:05", KYIV, datetime(2019, 3, 26, 12, 40, 5, tzinfo=KYIV)),
    ("2019-03-26T12:40:05", None, datetime(2019, 3, 26, 12, 40, 5)),
    ("2019-03-26T12:40:05Z", None, datetime(2019, 3, 26, 12, 40, 5, tzinfo=UTC)),
    ("2019-03-26T12:40:05Z", KYIV, datetime(2019, 3, 26, 14, 40, 5, tzinfo=KYIV)),
    ("2019-03-26T12:40:05.25+01:00", KYIV, datetime(2019, 3, 26, 13, 40, 5, 250000, tzinfo=KYIV)),
    ("0001-01-01 00:00:00", None, datetime(1, 1, 1)),
    ("0000-00-00 00:00:00", KYIV, None),
    ("", None, None),
    (None, None, None),
]


@pytest.mark.fault("P24")
@pytest.mark.parametrize(("text", "zone", "moment"), TIMES)
def test_a_time_gets_a_zone_only_from_us_or_from_its_own_offset(text, zone, moment):
    """Row P24. The provider never says in which zone its times are."""
    found = when(text, zone)

    assert (found, found and found.tzinfo) == (moment, moment and moment.tzinfo)
    assert found is None or found.replace(tzinfo=None) == moment.replace(tzinfo=None)


@pytest.mark.fault("P24")
@pytest.mark.parametrize(
    "text",
    [
        "2019-03-26",
        "2019-02-30 12:00:00",
        "2019-03-26 24:00:01",
        "2019-03-26x12:40:05",
        "2019-W13-2T12:40:05",
        "26.03.2019 12:40:05",
        "2019-03-26 12:40",
        "٢٠١٩-03-26 12:40:05",
        "0000-00-00",
        "now",
        1553604005,
        False,
        [],
    ],
)
def test_any_other_time_is_unreadable(text):
    """fromisoformat() alone would take some of these."""
    with pytest.raises(Unreadable, match="expected a date and time") as caught:
        when(text)

    assert (caught.value.where, caught.value.why) == ("when", f"expected a date and time, got {seen(text)}")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_beyond_the_calendar_in_our_zone_is_unreadable(text):
    """And no OverflowError."""
    with pytest.raises(Unreadable) as caught:
        when(text, KYIV)

    assert caught.value.why.startswith("expected a date and time, got datetime.datetime(")


def test_the_fields_of_an_answer_become_a_model():
    """Each by the hook of its type, whatever the order of the keys."""
    found = tree({"on": "1", "code": "2", "colour": "red", "best": {"price": 1}, "leaves": [{"price": 2}], "id": "7"})

    assert found == Tree(
        7, leaves=(Leaf(Decimal(2)),), best=Leaf(Decimal(1)), colour=Colour.RED, code=Code.TWO, on=True
    )


@pytest.mark.fault("P09")
@pytest.mark.parametrize("key", ["leaves", "best", "colour", "code", "on", "name"])
def test_what_is_null_or_missing_is_what_the_model_says_it_is_then(key):
    """Row P09: an optional field keeps its default, and null is no unknown key."""
    assert tree({"id": 1, key: None}) == tree({"id": 1}) == Tree(1)


PATHS = [
    ({}, "id", "is missing"),
    ({"id": None}, "id", "must not be null"),
    ({"id": True}, "id", "expected a whole number, got True"),
    ({"id": 1, "leaves": {}}, "leaves", "expected a list, got an object"),
    ({"id": 1, "leaves": [{"price": 1}, None]}, "leaves[1]", "expected an object, got null"),
    ({"id": 1, "leaves": [{"price": 1}, {"price": "x"}]}, "leaves[1].price", "expected a number, got 'x'"),
    ({"id": 1, "leaves": [{"price": 1}, {}]}, "leaves[1].price", "is missing"),
    ({"id": 1, "best": []}, "best", "expected an object, got a list"),
    ({"id": 1, "best": {"price": 1, "when": 5}}, "best.when", "expected a date and time, got 5"),
    ({"id": 1, "colour": 1}, "colour", "expected text"),
    ({"id": 1, "code": "x"}, "code", "expected a whole number"),
    ({"id": 1, "title": 1}, "title", "expected text, got 1"),
    ([], "", "expected an object, got a list"),
    (None, "", "expected an object, got null"),
    ("no", "", "expected an object, got 'no'"),
]


@pytest.mark.fault("P06", "P09")
@pytest.mark.parametrize(("data", "where", "why"), PATHS)
def test_a_wrong_leaf_is_named_by_its_path(data, where, why):
    """By the key that the answer used, from the top."""
    with pytest.raises(Unreadable) as caught:
        tree(data)

    assert (caught.value.where, caught.value.why[: len(why)]) == (where, why)


def test_the_list_at_the_top_has_no_name_in_the_path():
    """As in ``[3].price``."""
    with pytest.raises(Unreadable) as caught:
        make_converter(None).structure([{"price": 1}] * 3 + [{"price": []}], tuple[Leaf, ...])

    assert caught.value.where == "[3].price"


def test_a_refused_value_is_shown_without_the_phone_in_it():
    """The reason goes into errors and logs."""
    with pytest.raises(Unreadable) as caught:
        read_int("+380931111111")

    assert "380931111111" not in caught.value.why


@pytest.mark.parametrize(("path", "where", "whole"), [("a", "", "a"), ("a", "b", "a.b"), ("a", "[0]", "a[0]")])
def test_paths_are_joined_as_they_are_written(path, where, whole):
    """A dot before a name, none before an index."""
    assert joined(path, where) == whole


@pytest.mark.fault("P07")
@pytest.mark.parametrize(
    ("data", "name", "rest"),
    [
        ({"name": "a"}, "a", {}),
        ({"title": "b"}, "b", {}),
        ({"name": "a", "title": "b"}, "a", {"title": "b"}),
        ({"name": None, "title": "b"}, "b", {"name": None}),
        ({"name": None, "title": None}, "", {"title": None}),
    ],
)
def test_of_several_names_the_first_that_holds_something_counts(data, name, rest):
    """And the other is not lost."""
    found = tree({"id": 1, **data})

    assert (found.name, dict(found.extras)) == (name, rest)


@pytest.mark.fault("P08")
def test_unknown_keys_stay_readable():
    """Row P08. A key with the name of a field of ours is an unknown key too."""
    found = tree({"id": 1, "owner": "you", "ours": False, "extras": [1, {"a": [2]}]})

    assert found.ours is True
    assert dict(found.extras) == {"owner": "you", "ours": False, "extras": (1, Extras({"a": (2,)}))}


def test_unknown_keys_of_a_class_that_keeps_none_are_ignored():
    """Envelopes are read and thrown away."""
    assert make_converter(None).structure({"price": 1, "owner": "you"}, Leaf) == Leaf(Decimal(1))


@pytest.mark.parametrize(("depth", "passes"), [(32, True), (33, False), (500, False)])
def test_extras_nest_only_so_deep(depth, passes):
    """A bomb that the parser survived must not hit whoever prints it."""
    data: Any = "x"
    for i in range(depth):
        data = [data] if i % 2 else {"": data}

    if passes:
        assert hash(tree({"id": 1, "bomb": data})) != hash(Tree(1))
    else:
        with pytest.raises(Unreadable) as caught:
            tree({"id": 1, "bomb": data})
        assert (caught.value.where, caught.value.why) == ("", "nested too deeply")


def test_extras_are_an_immutable_mapping():
    """Equal to a dict with the same items, hashable, picklable, and not to be written to."""
    found = extras({"a": 1, "b": {"c": [1]}})

    assert found == {"a": 1, "b": {"c": (1,)}}
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    assert hash(found) == hash(extras({"b": {"c": [1]}, "a": 1}))
    assert (list(found), len(found)) == (["a", "b"], 2)
    with pytest.raises((TypeError, AttributeError)):
        found["a"] = 2
    with pytest.raises(AttributeError):
        found._items = {}


def test_the_repr_of_extras_masks_phones():
    """Nobody knows what an unknown key holds."""
    assert repr(extras({"to": "380931111111"})) == "Extras({'to': '3809•••••111'})"


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ({}, {}, {}),
        ({"a": 1}, {}, {"a": 1}),
        ({}, {"b": 2}, {"b": 2}),
        ({"a": 1, "b": 1}, {"b": 2}, {"a": 1, "b": 2}),
    ],
)
def test_extras_of_two_answers_are_put_together(first, second, both):
    """Of a key in both, the later value."""
    found = merged(extras(first), extras(second))

    assert found == both
    assert (found is NO_EXTRAS) == (not both)


WORDS = [(Colour, "red", Colour.RED), (Colour, "blue\n", None), (Code, 2, Code.TWO), (Code, 9, None)]


@pytest.mark.fault("P08")
@pytest.mark.parametrize(("cls", "value", "known"), WORDS)
def test_an_open_enum_has_a_member_for_every_value(cls, value, known):
    """It equals its plain value, and survives pickling and copying."""
    member = cls(value)

    assert isinstance(member, cls)
    assert member == value
    assert (hash(member), member.value) == (hash(value), value)
    assert known is None or member is known
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(member, protocol)) == member
    assert copy.copy(member) == copy.deepcopy(member) == cls(value) == member


def test_an_unknown_value_is_not_remembered():
    """Whatever the wire sends, the enum does not grow."""
    Colour("blue")
    Code(9)

    assert (list(Colour), list(Code)) == ([Colour.RED], [Code.TWO])
    assert (len(Colour._value2member_map_), len(Code._value2member_map_)) == (1, 1)


def test_the_repr_of_an_unknown_value_is_one_line():
    """Its text may hold anything."""
    assert repr(Colour("a\n\x1b[31m")) == r"<Colour.UNKNOWN: 'a\n\x1b[31m'>"
    assert repr(Code(9)) == "<Code.UNKNOWN: 9>"


@pytest.mark.parametrize(("cls", "value"), [(Colour, 1), (Colour, None), (Code, "2"), (Code, True), (Code, 2.5)])
def test_a_value_of_another_type_is_no_member(cls, value):
    """Open for new words, not for other types."""
    with pytest.raises(ValueError, match="is not a valid"):
        cls(value)


def test_there_is_one_converter_for_each_zone():
    """Making one costs a thousand times what using it costs."""
    assert make_converter(None) is make_converter(None)
    assert make_converter(KYIV) is make_converter(KYIV)
    assert make_converter(KYIV) is not make_converter(None)


class Unhashable(tzinfo):
    """A zone that somebody wrote, who compares it by what it says."""

    __hash__ = None

    def __eq__(self, other):
        return isinstance(other, Unhashable)

    def utcoffset(self, moment):
        return timedelta(hours=5)


def test_a_zone_that_cannot_be_kept_is_used_all_the_same():
    """It costs a converter each time."""
    assert when("2019-03-26 12:40:05", Unhashable()).utcoffset() == timedelta(hours=5)


@frozen
class Mixed:
    ours: bool = field(default=True, metadata=NOT_ON_THE_WIRE)
    id: int = field(kw_only=True, default=0)
    _hidden: str = field(kw_only=True, default="x", metadata=NOT_ON_THE_WIRE)


def test_a_field_of_ours_may_stand_before_those_of_the_wire():
    """And what is private to a result is in none of its pictures."""
    found = make_converter(None).structure({"id": 5, "ours": False}, Mixed)

    assert (found.ours, found.id) == (True, 5)
    assert to_dict(found) == {"ours": True, "id": 5}


def test_free_text_is_shown_in_brief():
    """People's messages are not for logs, and phones not at all."""
    assert brief("Call +380931111111\n" + "x" * 1000).startswith("'Call +3809•••••111")
    assert brief("x" * 1000) == "'" + "x" * 39 + "…"


def test_a_result_becomes_plain_json_types():
    """Decimals and times as text, enums by value, tuples as lists."""
    found = tree({"id": 1, "leaves": [{"price": Decimal("0.740"), "when": "2019-03-26 12:40:05"}], "colour": "blue"})

    plain = to_dict(evolve(found, code=Code.TWO))

    assert plain == {
        "id": 1,
        "leaves": [{"price": "0.740", "when": "2019-03-26T12:40:05"}],
        "best": None,
        "colour": "blue",
        "code": 2,
        "on": False,
        "name": "",
        "ours": True,
    }
    assert (type(plain["colour"]), type(plain["code"])) == (str, int)


def test_unknown_keys_become_plain_too():
    """Under ``extras``, and lists again."""
    found = tree({"id": 1, "owner": ["you", {"a": Decimal("0.1")}]})

    assert to_dict(found)["extras"] == {"owner": ["you", {"a": "0.1"}]}


def test_an_aware_time_keeps_its_offset_as_text():
    """So that it can be read again."""
    moment = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    assert to_dict(Leaf(Decimal(1), when=moment))["when"] == "2026-01-01T00:00:00+02:00"


@pytest.mark.parametrize("value", [None, 1, {}, [], object(), Leaf, "380931111111"])
def test_only_results_become_dicts(value):
    """Anything else is the caller's mistake, and named so."""
    with pytest.raises(ValidationError) as caught:
        to_dict(value)

    assert (caught.value.field, caught.value.rule) == ("x", "to_dict takes a result of viber_async")
    assert caught.value.shown == shown(value)


@pytest.mark.parametrize(
    ("value", "found"), [([1, 2], [1, 2]), ([], []), (5, [5]), ("ab", ["ab"]), (None, [None]), ({}, [{}])]
)
def test_what_was_single_once_is_a_list_of_one(value, found):
    """A string is no list of its letters."""
    assert one_or_many(value) == found


@frozen
class Shown:
    one: int
    hidden: int = field(repr=False)
    text: str = field(repr=brief)
    __repr__ = fields_repr


def test_a_repr_shows_what_there_is_and_hides_what_it_should():
    """Also of an object whose making failed half way."""
    half = Shown.__new__(Shown)
    object.__setattr__(half, "one", 1)

    assert repr(Shown(1, 2, "call 380931112111")) == "Shown(one=1, text='call 3809•••••111')"
    assert repr(half) == "Shown(one=1)"
