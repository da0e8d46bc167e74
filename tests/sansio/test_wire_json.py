import json
import os
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viber_async._sansio import wire_json
from viber_async._sansio.call import Unreadable

EXAMPLES = int(os.environ.get("VIBER_TEST_EXAMPLES", "1"))
MAX = 2**63 - 1

READABLE = [
    (b"{}", {}),
    (b" [1, -2] \r\n", [1, -2]),
    (b"\xef\xbb\xbf{}", {}),
    ('"Привіт"'.encode(), "Привіт"),
    (rb'"\ud800"', "\ud800"),
    (rb'"\u0000\u202e"', "\0\u202e"),
    (b"0.74", Decimal("0.74")),
    (b"0.740", Decimal("0.740")),
    (b"1e308", Decimal("1e308")),
    (b"1.5E-308", Decimal("1.5e-308")),
    (b"9223372036854775807", MAX),
    (b"-9223372036854775808", -MAX - 1),
    (b"null", None),
    (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
    (b"0." + b"7" * 62, Decimal("0." + "7" * 62)),
]

UNREADABLE = {
    "nothing": (b"", "the body is empty"),
    "white space": (b" \r\n\t", "the body is empty"),
    "white space of other kinds": (b"\x0b", "not JSON"),
    "a letter": (b"X", "not JSON"),
    "cut": (b'{"a": [1', "not JSON"),
    "HTML": (b"<html>502</html>", "not JSON: Expecting value at character 0"),
    "two values": (b"{}{}", "not JSON: Extra data"),
    "comments": (b'{"a": 1 // one\n}', "not JSON"),
    "unescaped quotes": (b'{"a": "the "Cosmetics" category"}', "not JSON"),
    "a raw control character": (b'"a\nb"', "not JSON"),
    "a key twice, with other values": (b'{"result": false, "result": true}', "the key 'result' stands twice"),
    "a key twice, with the same value": (b'{"a": 1, "b": 2, "\\u0061": 1}', "the key 'a' stands twice"),
    "the second key twice": (b'{"b": 1, "a": 1, "a": 2}', "the key 'a' stands twice"),
    "NaN": (b'{"price": NaN}', "NaN is not JSON"),
    "Infinity": (b"Infinity", "Infinity is not JSON"),
    "-Infinity": (b"-Infinity", "-Infinity is not JSON"),
    "a fraction beyond any": (b"1e309", "a number beyond any real one"),
    "P11's exponent": (b"1e999", "a number beyond any real one"),
    "an exponent beyond Decimal's": (b"1e99999999999999999999", "a number beyond any real one"),
    "a fraction below any": (b"1e-309", "a number beyond any real one"),
    "a fraction of 65 characters": (b"0." + b"7" * 63, "a number beyond any real one"),
    "2**63": (b"9223372036854775808", "a whole number beyond 64 bits"),
    "-2**63 - 1": (b"-9223372036854775809", "a whole number beyond 64 bits"),
    "5000 digits": (b"9" * 5000, "a whole number beyond 64 bits"),
    "UTF-16": ("{}".encode("utf-16"), "not UTF-8 at byte 0"),
    "UTF-16 without a mark": ("{}".encode("utf-16-le"), "not JSON"),
    "broken UTF-8": (b'{"a": "\xc3("}', "not UTF-8 at byte 7"),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', "not UTF-8"),
    "100 000 lists": (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "100 000 objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
}


SPACE = b" " * wire_json.SHORT
"""Behind a body it makes a long one of it, which is read in the other way."""
IN_EITHER_WAY = pytest.mark.parametrize("space", [b"", SPACE], ids=["short", "long"])


@pytest.mark.fault("P12", "P13", "P15")
@IN_EITHER_WAY
@pytest.mark.parametrize(("body", "value"), READABLE)
def test_what_is_json_is_given_as_it_was_written(body, value, space):
    """Numbers keep their digits, text keeps what a log would have to escape."""
    found = wire_json.loads(body + space)

    assert (found, type(found), str(found)) == (value, type(value), str(value))


@pytest.mark.fault("P01", "P10", "P11", "P12", "P13", "P14")
@IN_EITHER_WAY
@pytest.mark.parametrize(("body", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_only_a_lenient_parser_reads_is_unreadable(body, why, space):
    """No foreign exception, and the reason is named."""
    with pytest.raises(Unreadable) as caught:
        wire_json.loads(body + space)

    assert (caught.value.where, caught.value.why.startswith(why)) == ("", True), caught.value.why


@pytest.mark.parametrize(("value", "found"), [({"a": 1}, {"a": 1}), ({}, {}), ([], None), ("{}", None), (None, None)])
def test_an_object_is_told_from_everything_else(value, found):
    """Also an empty one."""
    assert wire_json.as_object(value) == found


@pytest.mark.fault("S14")
@pytest.mark.parametrize("body", [b"1" * 1_000_000, b"0." + b"1" * 1_000_000, b"[" * 1_000_000, b"1e" + b"9" * 10**6])
def test_a_bomb_of_a_megabyte_is_refused_within_a_second(body):
    """Row S14: bounded time for each MiB."""
    started = time.process_time()

    with pytest.raises(Unreadable):
        wire_json.loads(body)

    assert time.process_time() - started < 1


def test_a_key_that_stands_twice_is_shown_without_the_phone_in_it():
    """A key is the provider's text too."""
    with pytest.raises(Unreadable) as caught:
        wire_json.loads(b'{"380931111111": 1, "380931111111": 2}')

    assert "380931111111" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "wanted", "has"),
    [
        (7, 0, True),
        (7, 1, False),
        ({}, 0, True),
        ({"a": 1}, 0, False),
        ({"a": 1}, 1, True),
        ({"a": 1}, 2, False),
        ([{"a": 1}], 1, True),
        ({"a": {"b": 1}}, 1, True),
        ({"a": {"b": 1}}, 2, True),
        ({"a": {"b": 1}}, 3, False),
        ([{"a": 1}, [{"b": {"c": {}, "d": [7]}}]], 4, True),
        ([{"a": 1}, [{"b": {"c": {}, "d": [7]}}]], 3, False),
    ],
)
def test_keys_are_counted_in_all_objects(value, wanted, has):
    """However deep they stand."""
    assert wire_json._has_keys(value, wanted) is has


@pytest.mark.parametrize("text", ["{}", "[1, 2]", "7", '{"a": [{"b": 2}, {"c" : "x"}], "d": {}}', "999999999999999999"])
def test_what_is_plain_takes_the_quick_way(text):
    """Which gives what the other gives; a page of a thousand rows is plain."""
    assert wire_json._plain(text.encode(), text) == wire_json.parse(text)


@pytest.mark.parametrize(
    "text", ["1" * 19, '{"a": 1, "a": 2}', '{"a":1,"b":{"c":1,"c":2}}', '{"a": ":"', "NaN", "null"]
)
def test_what_may_not_be_plain_takes_the_careful_way(text):
    """Where one number is long, a key is missing, or it is no JSON."""
    assert wire_json._plain(text.encode(), text) is None


SPACES = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n", "  "])
KEYS = st.sampled_from(["a", "b", "id", "", ":", "a:", '"', '":', " :", "\\", "Привіт"])
TEXTS = st.one_of(
    KEYS, st.sampled_from(["12:40:05", ":)", " :)", 'a":1', "{", "}{", "0" * 19, "1e5", "x" * 30]), st.text(max_size=4)
)
NUMBERS = st.one_of(
    st.integers(-5, 5).map(str),
    st.sampled_from(
        ["-0", "0.0", "0.740", "1e5", "1E-7", "1.5e308", "1e309", "NaN", "-Infinity", "01", "1.", "+1", "5" * 18]
    ),
    st.sampled_from(
        ["9" * 19, str(MAX), str(MAX + 1), str(-MAX - 1), str(-MAX - 2), "5" * 20, "0." + "7" * 17, "0." + "7" * 63]
    ),
)


def text_of(value: str, *, escaped: bool) -> str:
    return (
        "".join(f"\\u{ord(c):04x}" for c in value)
        if escaped and value.isascii()
        else json.dumps(value, ensure_ascii=False)
    )


STRINGS = st.builds(
    lambda text, escaped: f'"{text_of(text, escaped=True)}"' if escaped else text_of(text, escaped=False),
    TEXTS,
    st.booleans(),
)


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Objects and lists as somebody may write them: any spaces, any key any number of times."""
    member = st.builds(lambda k, a, b, v, c: f"{k}{a}:{b}{v}{c}", STRINGS, SPACES, SPACES, inner, SPACES)
    return st.one_of(
        st.lists(member, max_size=4).map(lambda members: "{" + ",".join(members) + "}"),
        st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]"),
    )


BODIES = st.recursive(st.one_of(STRINGS, NUMBERS, st.sampled_from(["null", "true", "false", "", "x"])), containers)


def outcome(read, body):
    """Give what *read* makes of *body*, to the digit, or why not."""
    try:
        return repr(read(body))
    except Unreadable as error:
        return error.where, error.why


@settings(derandomize=EXAMPLES == 1, max_examples=100 * EXAMPLES, deadline=None)
@given(st.builds(lambda a, body, b: a + body + b, SPACES, BODIES, SPACES).filter(str.strip))
def test_counting_the_text_through_misses_nothing_that_asking_each_time_would_find(text):
    """The same value, or the same reason: keys that stand twice, numbers beyond any, whatever is no JSON."""
    text += SPACE.decode()

    assert outcome(wire_json.loads, text.encode()) == outcome(wire_json.parse, text)


HIDDEN = {
    "spaces before a colon": '{"a": 1, "a" : 2}',
    "a line end before a colon": '{"a":1,"a"\n:2}',
    "a key that is escaped": r'{"a":1,"\u0061":2}',
    "in a list of a list": '[[{"a":{"a":1}},{"b":{"a":1,"a":2}}]]',
    "beside a text like a key": r'{"a":"\":","b":1,"b":2}',
    "beside a text that begins with a colon": '{"a":":","b":1,"b" :2}',
    "with nothing in it": '{"":1,"":2}',
}


@pytest.mark.fault("P10")
@IN_EITHER_WAY
@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_a_key_that_stands_twice_cannot_hide(text, space):
    """In whatever way it is written, and whatever stands around it."""
    with pytest.raises(Unreadable, match="stands twice"):
        wire_json.loads(text.encode() + space)


@pytest.mark.parametrize(
    "text", ['{"a":":)"}', r'{"a":"he said \"x\": y"}', '{"a":"0000000000000000000"}', '[{"a" :1}]']
)
def test_what_cannot_be_counted_is_read_all_the_same(text):
    """By asking about each key and number."""
    assert wire_json.loads(text.encode() + SPACE) == json.loads(text)
