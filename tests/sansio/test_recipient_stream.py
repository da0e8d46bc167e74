import itertools
import json
import random
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counting import python_calls
from viber_async._sansio.call import Unreadable
from viber_async._sansio.campaigns import get_recipients
from viber_async._sansio.converter import make_converter
from viber_async._sansio.recipient_stream import MAX_KEYS, ROW_CHARACTERS, RecipientStream
from viber_async._sansio.wire_json import loads

SAMPLE = Path(__file__).parents[1] / "samples" / "get_recipients__one_row.json"
CONVERTER = make_converter(None)


def stream(*chunks):
    """Give all rows of *chunks*, and what was raised, if anything."""
    reader = RecipientStream(CONVERTER)
    rows = []
    try:
        for chunk in chunks:
            rows += reader.feed(chunk)
        reader.close()
    except Unreadable as error:
        return rows, error
    return rows, None


def cut(body, size):
    return [body[i : i + size] for i in range(0, len(body), size)]


def whole(body):
    return get_recipients(1).read(CONVERTER, loads(body)).recipients


ROW = (
    b'{"phone":380931111111,"status":"a}]\\"\\\\","currency":"\xd0\xb3\xf0\x9f\x99\x82","price":0.740,"x":[{"y":"{"}]}'
)
TWO = b'{"task_id": 44, "recipients": [' + ROW + b", " + ROW + b"]}"

BODIES = [
    SAMPLE.read_bytes(),
    TWO,
    b"\xef\xbb\xbf" + TWO,
    b' \r\n{ "recipients" : [ ' + ROW + b" \n , " + ROW + b' ] , "task_id" : "44" } \t\n',
    b'{"task_id":44,"recipients":[]}',
    b'{"task_id":44,"recipients":[ ]}',
    b'{"a":1.5e3,"b":{"recipients":[1]},"c":[[]],"d":"}","e":null,"f":-0.1,"task_id":44,"recipients":[' + ROW + b"]}",
    b'{"recipients":[' + ROW + b'],"task_id":44,"total":123}',
    b'{"task\\u005fid":44,"recipient\\u0073":[' + ROW + b"]}",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("body", BODIES)
def test_a_body_in_pieces_of_any_size_gives_the_rows_of_the_whole(body, size):
    """Also where a piece ends inside a number, an escape or a letter of two bytes."""
    rows, error = stream(*cut(body, size))

    assert (tuple(rows), error) == (whole(body), None)


@settings(derandomize=True, max_examples=200)
@given(st.sampled_from(BODIES), st.lists(st.integers(0, 300), max_size=10))
def test_any_split_gives_the_same_rows(body, places):
    """Empty pieces included."""
    ends = [0, *sorted(min(place, len(body)) for place in places), len(body)]

    rows, error = stream(*[body[a:b] for a, b in itertools.pairwise(ends)])

    assert (tuple(rows), error) == (whole(body), None)


def test_a_row_is_given_as_soon_as_it_is_there():
    """Nobody waits for the comma."""
    reader = RecipientStream(CONVERTER)

    assert len(reader.feed(b'{"recipients":[' + ROW)) == 1
    assert reader.feed(b"," + ROW[:-1]) == []
    assert [row.price for row in reader.feed(b"}," + ROW)] == [Decimal("0.740")] * 2
    assert repr(reader) == "<RecipientStream: 3 rows>"


def says(why: str, expected: str) -> bool:
    """Whether it is as expected, to the letter, up to an ellipsis."""
    begins, open_end, _ = expected.partition("…")
    return why.startswith(begins) if open_end else why == expected


BROKEN = {
    "nothing": (b"", "", "the body ends too early"),
    "white space": (b" \n", "", "the body ends too early"),
    "HTML": (b"<html>502</html>", "", "expected an object"),
    "a list": (b"[" + ROW + b"]", "", "expected an object"),
    "null": (b"null", "", "expected an object"),
    "an empty object": (b"{}", "task_id", "is missing"),
    "an X": (b"X", "", "expected an object"),
    "an X for a comma": (b'{"task_id":1X"recipients":[]}', "task_id", "not JSON: …"),
    "an X behind an empty list": (
        b'{"task_id":1,"recipients":[]X',
        "",
        "not JSON: expected a comma or the end of the object",
    ),
    "an X for a colon": (b'{"task_id"X1}', "", "not JSON: expected a colon"),
    "an X for a list": (b'{"task_id":1,"recipients":X', "recipients", "expected a list"),
    "an X for a value": (b'{"task_id":X1}', "task_id", "not JSON: …"),
    "an X for a row": (b'{"task_id":1,"recipients":[X1]}', "recipients[0]", "not JSON: …"),
    "an X behind a member": (b'{"task_id":1 X', "", "not JSON: expected a comma or the end of the object"),
    "an error envelope": (b'{"message":"No campaign","error_code":602}', "task_id", "is missing"),
    "result: false": (b'{"result":false}', "task_id", "is missing"),
    "no rows": (b'{"task_id":1}', "recipients", "is missing"),
    "no id": (b'{"recipients":[]}', "task_id", "is missing"),
    "an id of null": (b'{"task_id":null,"recipients":[]}', "task_id", "expected a whole number, got…"),
    "an id that is true": (b'{"task_id":true,"recipients":[]}', "task_id", "expected a whole number, got…"),
    "a cut id": (b'{"task_id":12', "", "the body ends too early"),
    "rows of null": (b'{"task_id":1,"recipients":null}', "recipients", "expected a list"),
    "rows in an object": (b'{"task_id":1,"recipients":{}}', "recipients", "expected a list"),
    "garbage after the end": (b'{"task_id":1,"recipients":[]} x', "", "not JSON: more after the end"),
    "a second body": (b'{"task_id":1,"recipients":[]}{"task_id":1}', "", "not JSON: more after the end"),
    "a key twice": (
        b'{"task_id":1,"task_id":1,"recipients":[]}',
        "",
        "the key 'task_id' stands twice, or too many stand beside it",
    ),
    "rows twice": (
        b'{"task_id":1,"recipients":[],"recipients":[]}',
        "",
        "the key 'recipients' stands twice, or too many…",
    ),
    "a key that is no text": (b"{1:1}", "", "not JSON: expected a key"),
    "a raw control character in a key": (b'{"a\n":1}', "", "not JSON: …"),
    "no colon": (b'{"task_id" 1}', "", "not JSON: expected a colon"),
    "no comma": (b'{"task_id":1 "recipients":[]}', "", "not JSON: expected a comma or the end of the object"),
    "a comma at the end of the object": (b'{"task_id":1,"recipients":[],}', "", "not JSON: expected a key"),
    "a key without its end": (b'{"task_id', "", "the body ends too early"),
    "a comma before all rows": (b'{"task_id":1,"recipients":[,]}', "recipients[0]", "not JSON: …"),
    "no value": (b'{"a":,"task_id":1}', "", "not JSON: …"),
    "a number that is none": (b'{"a":1.,"task_id":1}', "", "not JSON: …"),
    "a number beyond 64 bits": (b'{"task_id":9223372036854775808}', "task_id", "a whole number beyond 64 bits"),
    "NaN beside the rows": (b'{"a":NaN,"task_id":1}', "", "NaN is not JSON"),
    "a row of null": (b'{"task_id":1,"recipients":[null]}', "recipients[0]", "expected an object, got null"),
    "a row that is a list": (b'{"task_id":1,"recipients":[[]]}', "recipients[0]", "expected an object, got a list"),
    "a row without a phone": (b'{"task_id":1,"recipients":[{}]}', "recipients[0].phone", "is missing"),
    "brackets that do not match": (b'{"task_id":1,"recipients":[{"a":[}]]}', "recipients[0]", "not JSON: …"),
    "100 000 lists": (b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}", "", "nested too deeply"),
    "100 000 objects": (b'{"a":' + b'{"a":' * 10**5 + b"1" + b"}" * 10**5 + b"}", "", "nested too deeply"),
}
DAMAGES = {
    "cut": (b'{"phone":3809', "", "the body ends too early"),
    "cut after the comma": (b"", "", "the body ends too early"),
    "cut in a letter": (b'{"phone":1,"currency":"\xd0', "", "not UTF-8"),
    "a wrong leaf": (b'{"phone":1,"price":"x"}]}', ".price", "expected a number, got…"),
    "a float for a phone": (b'{"phone":380.9}]}', ".phone", "expected a phone, got…"),
    "Infinity": (b'{"phone":1,"price":Infinity}]}', "", "Infinity is not JSON"),
    "1e999": (b'{"phone":1,"price":1e999}]}', "", "a number beyond any real one"),
    "a key twice": (b'{"phone":1,"phone":2}]}', "", "the key 'phone' stands twice in one object"),
    "a syntax error": (b'{"phone":1,}]}', "", "not JSON: …"),
    "broken UTF-8": (b'{"phone":1,"currency":"\xc3("}]}', "", "not UTF-8"),
    "a surrogate in UTF-8": (b'{"phone":1,"currency":"\xed\xa0\x80"}]}', "", "not UTF-8"),
    "a comma at the end of the list": (b"]}", "", "not JSON: …"),
    "a raw control character": (b'{"phone":1,"currency":"\n"}]}', "", "not JSON: …"),
}


@pytest.mark.fault("P01", "P02", "P05", "P10", "P11", "P12", "P13", "P14")
@pytest.mark.parametrize("size", [1, 5, 10**7])
@pytest.mark.parametrize(("body", "where", "why"), BROKEN.values(), ids=BROKEN)
def test_a_body_of_another_shape_is_unreadable(body, where, why, size):
    """Rows P01, P02, P05, P10 to P14, however it is cut."""
    rows, error = stream(*cut(body, size if len(body) < 1000 else 10**4))

    assert rows == []
    assert (error.where, says(error.why, why)) == (where, True), error


@pytest.mark.parametrize("size", [1, 5, 10**7])
@pytest.mark.parametrize(("damage", "where", "why"), DAMAGES.values(), ids=DAMAGES)
def test_the_rows_before_a_damage_are_given_first(damage, where, why, size):
    """Whatever the network does with the pieces; the damage is named by its row."""
    rows, error = stream(*cut(b'{"task_id":1,"recipients":[' + ROW + b"," + ROW + b"," + damage, size))

    assert len(rows) == 2
    assert (error.where, says(error.why, why)) == (f"recipients[2]{where}", True), error


WRONG_ROWS = {
    "a wrong leaf": (b'{"phone":1,"price":"x"}', 2, "recipients[2].price", "expected a number"),
    "no object": (b'["phone"]', 2, "recipients[2]", "expected an object"),
    "a key twice": (b'{"phone":1,"phone":2}', 2, "recipients[2]", "stands twice"),
    "a syntax error": (b'{"phone":1,}', 2, "recipients[2]", "not JSON"),
    "nothing": (b"", 2, "recipients[2]", "not JSON"),
    "the end, and another list": (b'{"phone":1}],"rows":[{"phone":1}', 3, "", "not JSON"),
}


@pytest.mark.fault("P06", "P10")
@pytest.mark.parametrize("size", [1, 100, 10**7])
@pytest.mark.parametrize(("wrong", "count", "where", "why"), WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_so_are_the_rows_before_one_that_is_wrong_among_others(wrong, count, where, why, size):
    """Though all that came in one piece are read together."""
    rows = b",".join([ROW, ROW, wrong, ROW, ROW, ROW])
    found, error = stream(*cut(b'{"task_id":1,"recipients":[' + rows + b',"total":1}', size))

    assert (len(found), error.where, why in error.why) == (count, where, True), error


@pytest.mark.parametrize("size", [1, 10**7])
def test_behind_a_row_stands_a_comma_or_the_end(size):
    """And nothing else."""
    rows, error = stream(*cut(b'{"task_id":1,"recipients":[' + ROW + b"X" + ROW + b"]}", size))

    assert (len(rows), error.where) == (1, "recipients[1]")
    assert error.why == "not JSON: expected a comma or the end of the list"


def test_rows_that_come_together_are_read_together():
    """No function is called for each of them; counted, since time would depend on the machine."""
    row = SAMPLE.read_bytes().partition(b"[")[2].rpartition(b"]")[0].strip()
    body = b'{"task_id":1,"recipients":[' + b",".join([row] * 2000) + b"]}"
    stream(body)
    reader = RecipientStream(CONVERTER)

    assert python_calls(lambda: [reader.feed(piece) for piece in cut(body, 65_536)]) < 1000


def test_what_is_wrong_stays_wrong():
    """Feeding and closing raise it again."""
    reader = RecipientStream(CONVERTER)
    for _ in range(2):
        with pytest.raises(Unreadable, match="expected an object"):
            reader.feed(b"<html>")

    with pytest.raises(Unreadable, match="expected an object"):
        reader.close()


def test_a_body_may_be_closed_twice():
    """The second time says the same."""
    reader = RecipientStream(CONVERTER)
    reader.feed(TWO)

    assert (reader.close(), reader.close()) == (None, None)


def padded(size):
    """Give a row of *size* characters."""
    empty = b'{"phone":1,"x":""}'
    return empty[:-2] + b"x" * (size - len(empty)) + empty[-2:]


@pytest.mark.parametrize("size", [65_536, 10**7])
@pytest.mark.parametrize(("length", "count"), [(ROW_CHARACTERS, 1), (ROW_CHARACTERS + 1, 0)])
def test_a_row_may_hold_a_mebibyte_and_no_more(length, count, size):
    """Both sides of the edge, in one piece or in many."""
    rows, error = stream(*cut(b'{"task_id":1,"recipients":[' + padded(length) + b"]}", size))

    assert (len(rows), error is None) == (count, count == 1)
    assert count or error.where == "recipients[0]"


def test_nor_may_one_that_others_follow():
    """Also where all came in one piece, and could be read together."""
    rows, error = stream(b'{"task_id":1,"recipients":[' + padded(ROW_CHARACTERS + 1) + b"," + ROW + b"," + ROW + b"]}")

    assert (rows, error.where, error.why) == ([], "recipients[0]", "larger than any honest row")


def test_a_value_is_measured_from_where_it_begins():
    """However much stood before it in the same piece."""
    rows, error = stream(b'{"recipients":[' + padded(ROW_CHARACTERS) + b'],"task_id":1,"note":"x"}')

    assert (len(rows), error) == (1, None)


def test_a_row_that_never_ends_is_given_up_at_a_mebibyte():
    """Memory is bounded before the end is known."""
    reader = RecipientStream(CONVERTER)
    reader.feed(b'{"recipients":[{"phone":"')
    for _ in range(ROW_CHARACTERS // 1024 - 1):
        reader.feed(b"1" * 1024)

    with pytest.raises(Unreadable, match="larger than any honest row") as caught:
        reader.feed(b"1" * 1024)

    assert caught.value.where == "recipients[0]"


@pytest.mark.parametrize(("keys", "fits"), [(MAX_KEYS - 2, True), (MAX_KEYS - 1, False)])
def test_only_so_many_keys_may_stand_beside_the_rows(keys, fits):
    """Their names are remembered, to find the one that stands twice."""
    body = b"{" + b"".join(b'"%d":0,' % i for i in range(keys)) + b'"task_id":1,"recipients":[]}'

    assert (stream(body)[1] is None) == fits


def long_row(filling):
    return b'{"task_id":1,"recipients":[{"x":"' + filling + b'","phone":1}]}'


def seconds_in_single_bytes(body):
    """Processor time, of which other processes take none."""
    started = time.process_time()
    stream(*cut(body, 1))
    return time.process_time() - started


@pytest.mark.parametrize(
    "body_of",
    [
        lambda size: long_row(b"x" * size),
        lambda size: long_row(b"}" * size),
        lambda size: long_row(rb"\"" * (size // 2)),
        lambda size: b'{"a":' + b"1" * size,
        lambda size: b" " * size,
    ],
    ids=["text", "braces", "escapes", "number", "space"],
)
def test_four_times_the_bytes_cost_about_four_times_as_much(body_of):
    """One by one; if each were parsed with all before it, the cost would be sixteen times as much."""
    little = min(seconds_in_single_bytes(body_of(2**14)) for _ in range(3))

    assert seconds_in_single_bytes(body_of(2**16)) < 10 * little


def test_a_large_campaign_is_read_without_keeping_it():
    """What waits inside is never more than a row and a piece."""
    rng = random.Random(0)
    body = json.dumps({"task_id": 1, "recipients": [{"phone": 10**11 + i, "price": 1} for i in range(5000)]}).encode()
    reader = RecipientStream(CONVERTER)
    count, at = 0, 0
    while at < len(body):
        size = rng.randint(1, 4096)
        count += len(reader.feed(body[at : at + size]))
        at += size

        assert len(reader._text) <= 4096
        assert reader._rows == []
    reader.close()

    assert count == 5000
