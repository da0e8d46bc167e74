"""What becomes of each line of a wanted list: a phone, a reject with its number and reason, or nothing at all."""

from __future__ import annotations

import gzip
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from viber_async._sansio import lines, wanted
from viber_async._sansio.phones import phone
from viber_async._sansio.table import Layout
from viber_async._sansio.wanted import Rejected, Seeker, Tally, from_file, from_values
from viber_async.errors import SyncRefusedError, ValidationError

P, Q = 380931111111, 380931111112


def read(data: bytes | str, *, column=None, size=None):
    """Read a file in pieces of *size* bytes; give its phones and the tally."""
    data = data.encode() if isinstance(data, str) else data
    pieces = [data] if size is None else [data[i : i + size] for i in range(0, len(data), size)]
    tally = Tally()
    chunks = from_file(pieces, tally, name="list.txt", column=column)
    return [number for chunk in chunks for number in chunk], tally


def many(row: str, *, header: str = "", count: int = 3) -> str:
    """A file of *count* rows; {} stands for the phone."""
    return header + "".join(row.replace("{}", str(P + i)) + "\n" for i in range(count))


THREE = [P, P + 1, P + 2]

FILES = {
    "plain digits": many("{}"),
    "CRLF": many("{}").replace("\n", "\r\n"),
    "no line feed at the end": many("{}").rstrip("\n"),
    "a mark that says UTF-8": "\ufeff" + many("{}"),
    "plus": many("+{}"),
    "spaces around": many("  {} \t"),
    "blank lines and comments": "# who\n\n" + many("{}\n   \n# said no"),
    "a header": many("{}", header="phone\n"),
    "a header in another script": many("{}", header="Номер телефона\n"),
    "quoted": many('"{}"'),
    "quoted with a header": many('"{}"', header='"Phone"\n'),
    "quoted, with comments and blank lines": many('"{}"', header="\n# who\n"),
    "commas": many("a,{},b", header="id,phone,name\n"),
    "semicolons": many("a;{};b", header="id;MSISDN;name\n"),
    "tabs": many("a\t{}\tb", header="id\tPhone number\tname\n"),
    "bars": many("a|{}|b", header="id|моб. телефон|tel\n").replace("моб. телефон", "name").replace("tel\n", "z\n"),
    "no header": many("a,{},b"),
    "an unknown header": many("a,{},b", header="id,contact,name\n"),
    "a header of numbers": many("a,{},b", header="id,number,name\n"),
    "a date beside it": many("2024-01-31,{},31.01.2024", header="a,b,c\n"),
    "a table with CRLF": many("a,{},b", header="id,phone,name\n").replace("\n", "\r\n"),
    "all cells quoted": many('"a","{}","b, c"', header='"id","phone","name"\n'),
    "a quote within": many('"a ""x""",{},b', header="id,phone,name\n"),
    "a cell of two lines": many('"a\nx",{},b', header="id,phone,name\n"),
    "an inch": many('5" tv,{},b', header="id,phone,name\n"),
    "comments in a table": many("a,{},b", header="# made today\nid,phone,name\n# here\n"),
    "empty rows of a spreadsheet": many("a,{},b", header="id,phone,name\n") + ",,\n , ,\n\n",
    "tabs, the last cell empty": many("a\t{}\t", header="id\tphone\tname\n"),
    "a header, and plus": many("+{}", header="phone\n"),
    "spaces around a cell": many("a, {} ,b", header="id, phone ,name\n"),
    "objects": many('{"id": 1, "phone": "{}"}'),
    "objects with numbers": many('{"id": 1, "msisdn": {}}'),
    "an unknown key": many('{"id": 1, "who": "+{}"}'),
    "objects and values": '{"tel": "' + str(P) + '"}\n' + f'"{P + 1}"\n{P + 2}\n# no\n\n',
    "strings that only JSON reads": many('"\\u002b{}"'),
}


@pytest.mark.parametrize("size", [None, 1, 7], ids=["at once", "byte by byte", "in sevens"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_each_kind_of_file_gives_its_phones(text, size):
    """In its order, however it arrives, and no line is lost or counted twice."""
    phones, tally = read(text, size=size)

    assert phones == THREE
    assert (tally.read, tally.rejected, tally.rejects) == (3, 0, [])


NAMED = [
    ("a,{},b", "id,phone,mobile\n", "phone"),
    ("a,{},b", "id,Phone,mobile\n", " PHONE "),
    ("a,{},b", "", 2),
    ("a,{},b", "x,y,z\n", 2),
    ("a,{},b", "id,phone 2,name\n", 2),
    ("a,{},b", "id,phone 2,phone 1\n", "phone 2"),
    ('{"id": 1, "a": {}, "b": {}}', "", "a"),
    ("{}", "customer\n", "customer"),
    ("a,{}", "id,phoneX\n", "phoneX"),
    ("{}", "", 1),
]


@pytest.mark.parametrize(("row", "header", "column"), NAMED)
def test_a_column_can_be_named(row, header, column):
    """By its name, however that is spaced and capitalised, or by its place from 1."""
    phones, tally = read(many(row, header=header), column=column)

    assert phones == THREE
    assert tally.rejected == 0


UNCLEAR = [
    ("{},{}", "", None, "both column 1 and column 2 could hold the phones (their cells are phones)"),
    ("{},{}", "a,b\n", None, "both a and b could hold the phones (their cells are phones)"),
    (
        "{},{}",
        "phone,mobile\n",
        None,
        "both phone and mobile could hold the phones (their names are those of phones)",
    ),
    ("{},{}", "number,contact\n", None, "both number and contact could hold the phones (their cells are phones)"),
    ("x,y", "a,b\n", None, "name the column of the phones; there are a, b"),
    ("x,{}", "a,a\n", "a", "both a and a could hold the phones (the name is given)"),
    ("x,{}", "a,phone\n", "tel", "there is no column 'tel'; there are a, phone"),
    ("x,{}", "a,phone\n", 3, "there is no column 3; there are a, phone"),
    ("x,{}", "", "tel", "there is no column 'tel'; there are column 1, column 2"),
    ('{"a": {}}', "", "tel", "there is no column 'tel'; there are a"),
    ("x,{}", "a,phone\n", str(P), "there is no column '3809•••••111'; there are"),
    ("{}", "", 2, "there is no column 2: one phone stands on each line"),
    ("{}", "phone\n", "tel", "there is no column 'tel': one phone stands on each line"),
    ("{},1;{}", "", None, "the columns could be parted by commas and by semicolons"),
    ('{"a": {}, "b": {}}', "", None, "both a and b could hold the phones (their cells are phones)"),
    ('{"a": "x"}', "", None, "name the column of the phones; there are a"),
    ('{"a": {}}', "", 1, "objects have keys, not a column 1: give the key's name"),
    ("{},", "[\n", None, "this looks like one JSON array"),
    ("x," * 14 + "x", "", None, "x, x and 3 more"),
]


@pytest.mark.parametrize(("row", "header", "column", "said"), UNCLEAR)
def test_an_unclear_column_is_an_error_that_names_the_columns(row, header, column, said):
    """Nothing is guessed, and no cell is shown."""
    with pytest.raises(ValidationError) as caught:
        read(many(row, header=header), column=column)

    assert said in str(caught.value)
    assert str(P) not in str(caught.value)


REJECTS = [
    (f"{P}\nn/a\n", 2, "a phone has digits", "'n/a'"),
    (f"{P}\n0931111111\n", 2, 'region="UA" (--region UA)', "'0931••••11'"),
    (f"{P}\n# x\n\n380 93 CALL\n", 4, "a phone is 8 to 15 digits 0-9", "'380 93 CALL'"),
    (f"{P}\n{P}.0\n", 2, "decimal number", "'3809•••••••1.0'"),
    (f"{P}\n1234567\n", 2, "8 to 15 digits", "'1234•67'"),
    (f"{P}\n{'9' * 5000}\n", 2, "8 to 15 digits", None),
    (f"{P}\n+\n", 2, "a phone has digits", "'+'"),
    (f"{P}\n{'9' * (lines.MAX_LINE + 1)}\n", 2, wanted.TOO_LONG, ""),
    (f"{P}\nphone\n", 2, "a phone has digits", "'phone'"),
    (f"id,phone\na,{P}\na,n/a\n", 3, "a phone has digits", "'n/a'"),
    (f"id,phone\na,{P}\na,\n", 3, "a phone has digits", "''"),
    (f"id,phone\na,{P}\n1,2,{Q}\na,{P}\na,{P}\na,{P}\n", 3, "this line has 3 columns, and the table has 2", None),
    (f"id,phone\na,{P}\n{Q}\na,{P}\na,{P}\na,{P}\n", 3, "this line has 1 columns", None),
    (f'id,phone\na,{P}\n"a,{Q}\na,{P}\na,{P}\na,{P}\n', 3, wanted.NOT_ONE_RECORD, None),
    (f'id,phone\na,{P}\n"a,{Q}\na,{P}\na,"{P}"\na,{P}\na,{P}\n', 3, wanted.NOT_ONE_RECORD, None),
    (f'id,phone\na,{P}\n"a"x,{Q}\na,{P}\na,{P}\na,{P}\n', 3, wanted.NOT_ONE_RECORD, None),
    (f'{{"tel": {P}}}\n{{"tel": \n', 2, wanted.NOT_JSON, None),
    (f'{{"tel": {P}}}\n"n/a"\n', 2, "a phone has digits", "'n/a'"),
    (f'{{"tel{"." * 50}": {P}}}\n{{"mob": {Q}}}\n', 2, f"this object has no key 'tel{'.' * 37}…'", None),
    (f'{{"tel": {P}}}\n{{"mob": {Q}}}\n', 2, "this object has no key 'tel'", None),
    (f'{{"tel": {P}}}\n{{"tel": {Q}.5}}\n', 2, "a float has lost how it was written", None),
    (f'{{"tel": {P}}}\n{{"tel": null}}\n', 2, "a phone is a string or an int", None),
    (f'{{"tel": {P}}}\n{{"tel": true}}\n', 2, "a phone is a string or an int", None),
    (f'{{"tel": {P}}}\n{"[" * 60_000}\n', 2, wanted.NOT_JSON, None),
]


@pytest.mark.parametrize("size", [None, 5], ids=["at once", "in fives"])
@pytest.mark.parametrize(("text", "line", "reason", "shown"), REJECTS)
def test_a_line_that_is_no_phone_is_reported(text, line, reason, shown, size):
    """With its number and the reason, its phone masked, and the lines around it are read."""
    phones, tally = read(text, size=size)
    others = sum(str(P) in each for each in text.splitlines())

    assert [each.line for each in tally.rejects] == [line]
    assert reason in tally.rejects[0].reason
    assert shown is None or tally.rejects[0].shown == shown
    assert str(Q) not in tally.rejects[0].shown
    assert (set(phones), len(phones), tally.read) == ({P}, others - (f"{P}.0" in text), len(phones) + 1)


def test_a_file_without_lines_is_an_empty_list():
    """Not an error: whether an empty list may be meant is asked elsewhere."""

    assert [read(data)[0] for data in (b"", b"\n", b"\xef\xbb\xbf", b"# nobody\n\n")] == [[], [], [], []]


def test_a_file_of_anything_else_is_all_rejects():
    """And not an empty list."""
    phones, tally = read("dear all\nwe are glad\n")

    assert (phones, tally.rejected) == ([], 2)


def test_no_more_than_a_thousand_rejects_are_kept():
    """And all of them are counted."""
    phones, tally = read("x\n" * 1500)

    assert (phones, tally.read, tally.rejected, len(tally.rejects)) == ([], 1500, 1500, 1000)


def test_chunks_are_never_larger_than_ten_thousand():
    """However long the lines are not."""
    tally = Tally()
    chunks = list(from_file([b"12345678\n" * 20_000, b"12345678\n" * 5_000], tally, name="x"))

    assert tally.read == 25_000
    assert max(map(len, chunks)) == 10_000
    assert sum(map(len, chunks)) == 25_000


@pytest.mark.parametrize("row", ["{}", "x,{}", '"x\ny",{}', '"x\ny\nz",{}', '{"phone": {}}'])
def test_lines_keep_their_numbers_across_blocks(row):
    """A reject far behind has the number that an editor shows, also where a record has two lines."""
    height = row.count("\n") + 1
    records = ['"?"' if i % 97 == 96 else str(P + i) for i in range(25_000)]
    text = "".join(row.replace("{}", each) + "\n" for each in records)
    phones, tally = read(text, size=lines.BLOCK)

    assert len(text) > 2 * lines.BLOCK
    assert len(phones) + tally.rejected == 25_000
    assert [each.line for each in tally.rejects] == [i * height + 1 for i in range(96, 25_000, 97)]


@pytest.mark.parametrize("length", [500, 501, 502, 503])
def test_a_record_that_two_blocks_share_has_its_number(length):
    """Wherever in it the first of them ends."""
    text = "a,phone\n" + f'"{"x" * length}\ny\nz",?\n' * 600
    _, tally = read(text, size=lines.BLOCK)

    assert [each.line for each in tally.rejects] == [2 + 3 * i for i in range(600)]


def test_two_stray_quotes_do_not_make_one_record_of_two_lines():
    """Unless that has as many columns as the others: each of the lines is looked at alone."""
    phones, tally = read(f'id,phone\na,{P}\n"b,{Q}\nc",{Q},d\na,{P}\na,{P}\na,{P}\na,{P}\na,{P}\na,{P}\na,{P}\n')

    assert (len(phones), tally.read) == (8, 10)
    assert [each.line for each in tally.rejects] == [3, 4]


def test_a_quote_that_is_never_closed_swallows_nothing():
    """Neither the next hundred lines nor the rest of the file."""
    phones, tally = read(f'id,phone\n1,{P}\n"2,{Q}\n' + f"3,{P}\n" * 20_000, size=lines.BLOCK)

    assert (len(phones), [each.line for each in tally.rejects]) == (20_001, [3])


def test_a_quote_in_the_last_lines_is_reported_alone():
    """Where one that would close it can no longer come, the lines behind it are read."""
    text = f"1,{P}\n" * 300 + f'"2,{Q}\n3,{P}\n4,{P}'
    phones, tally = read(f"id,phone\n{text}")

    assert (len(phones), [each.line for each in tally.rejects]) == (302, [302])


LINE = st.one_of(
    st.integers(10**7, 10**15 - 1).map(str),
    st.integers(0, 10**17).map(str),
    st.integers(10**7, 10**15 - 1).map(lambda n: f"+{n}"),
    st.text("0123456789+ .-()a\u00a0\u0661\r", max_size=18),
)


@given(st.lists(LINE, min_size=1, max_size=8), st.booleans())
@example(["+"], False)
@example(["12345678", "+"], False)
@example(["+12345678\r"], False)
@example(["12345678\r12345678"], False)
@example(["++12345678"], False)
def test_the_fast_way_gives_what_the_slow_way_gives(texts, ended):
    """Of whatever lines: the rules for a phone are the same ones."""
    data = "\n".join(texts) + ("\n" if ended else "")
    phones, tally = read(data)

    def slow(text):
        try:
            return int(phone(text))
        except ValidationError:
            return None

    judged = [slow(text.strip()) for text in data.split("\n") if text.strip()]
    assert phones == [number for number in judged if number is not None]
    assert (tally.read, tally.rejected) == (len(judged), judged.count(None))


CELL = st.text('ab"\n,;\r ', max_size=5)


@given(st.lists(st.tuples(CELL, st.integers(10**8, 10**12), CELL), min_size=1, max_size=6))
def test_a_table_that_was_written_as_one_is_read_as_one(rows):
    """Whatever stands in its other cells, quotes and line feeds too; all that is quoted is one of many lines."""
    quoted = [[f'"{cell}"'.replace('"', '""')[1:-1] for cell in map(str, row)] for row in rows]
    text = '"a","phone","b"\n' + "".join(",".join(row) + "\n" for row in quoted)
    phones, tally = read(text)

    assert tally.read == len(phones) + tally.rejected
    assert tally.rejected or phones == [number for _, number, _ in rows]


VALUES = [
    (P, P),
    (str(P), P),
    (f"+{P}", P),
    ("380 93 111 11 11", P),
    (True, None),
    (None, None),
    (1.5, None),
    (b"380931111111", None),
    (7, None),
    (10**15, None),
    ("0931111111", None),
    ("", None),
]


@pytest.mark.parametrize(("value", "number"), VALUES)
def test_an_entry_of_an_iterable_is_a_phone_or_a_reject(value, number):
    """By the rules for phones, with its place as its line."""
    tally = Tally()
    found = from_values([P, value], tally, first=11)

    assert found == ([P] if number is None else [P, number])
    assert [each.line for each in tally.rejects] == ([12] if number is None else [])
    assert tally.read == 2


def test_a_reject_is_a_value():
    """It can be compared and shown, and has no phone to hide."""
    assert Rejected(3, reason="r", shown="s") == Rejected(3, reason="r", shown="s")


BAD = {
    "from the first byte": b"\xff",
    "among phones": b"380931111111\n" * 9_000 + b"38093x\n" * 9_000 + b"\xff\n",
    "in a table": b"a,380931111111\n" * 20_000 + b"\xff\n",
    "among objects": b'{"phone": 380931111111}\n' * 20_000 + b"\xff\n",
    "that is cut": gzip.compress(b"380931111111\n")[:-1],
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_read_is_named(data):
    """Wherever in it that shows."""
    with pytest.raises(SyncRefusedError, match=r"^list\.txt: "):
        read(data, size=lines.BLOCK)


@pytest.mark.parametrize(
    ("value", "means"),
    [
        ("0931111111", {P}),
        ("tel. 111 11 11", {P}),
        ("11-11-11", set()),
        (float(P), {P}),
        (-P, {P}),
        (10**16 + P, {P}),
        (10**30 - 1, {380999999999}),
        (10**30, set()),
        (-(10**30), set()),
        (None, set()),
        ([P], set()),
    ],
)
def test_who_may_be_meant_by_a_reject_is_remembered(value, means):
    """By the last seven digits, whatever stands around them; what is beyond all numbers means nobody."""
    tally = Tally()

    assert tally.entry(value, 1) is None
    assert tally.endings.among([P, Q, 380999999999, 380930000000]) == means


def test_so_is_whoever_stands_in_a_line_that_holds_no_entry():
    """A broken line is somebody's, too."""
    tally = Tally()
    tally.reject(1, "r", f"x {P} y")
    tally.reject(2, "r", "z" * lines.MAX_LINE + str(Q))

    assert tally.endings.among([P, Q]) == {P}


def test_a_phone_is_read_by_the_reader_that_was_given():
    """In whose region plain digits may be another phone; the field is named for its errors."""

    def ours(value, field):
        assert field == "wanted"
        return phone(f"38{value}", field)

    tally = Tally(ours)

    assert (Tally().is_plain, tally.is_plain) == (True, False)
    assert tally.entry("0931111111", 1) == P
    assert (tally.is_phone("0931111111"), tally.is_phone("x")) == (True, False)
    assert from_values(["0931111111"], tally, first=1) == [P]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("9" * lines.MAX_LINE, "a phone has 8 to 15 digits"), ("9" * (lines.MAX_LINE + 1), wanted.TOO_LONG)],
)
def test_an_entry_may_be_as_long_as_a_line(text, reason):
    """And what is longer is not shown."""
    tally = Tally()

    assert tally.entry(text, 7) is None
    assert reason in tally.rejects[0].reason
    assert (tally.rejects[0].shown == "") == (len(text) > lines.MAX_LINE)
    assert (tally.read, tally.rejected) == (1, 1)


def test_a_line_without_an_entry_is_shown_by_its_beginning():
    """If it is no longer than a line may be."""
    tally = Tally()
    for length in (60, 61, lines.MAX_LINE, lines.MAX_LINE + 1):
        tally.reject(length, "r", "x" * length)

    assert [(each.reason, each.shown) for each in tally.rejects] == [
        ("r", "x" * 60),
        ("r", "x" * 60 + "…"),
        ("r", "x" * 60 + "…"),
        (wanted.TOO_LONG, ""),
    ]


@pytest.mark.parametrize("region", [False, True])
def test_a_seeker_finds_the_first_line_of_each(region):
    """Also where plain digits would be read without their lines; it is over when all were found."""
    reader = partial(phone) if region else phone
    seeker = Seeker(reader, [P, Q])
    text = f"x\n{P + 5}\n+{Q}\n{P}\n{P}\n{Q}\n"
    over = []
    found = [
        seeker.entry(line, number) for number, line in enumerate(text.split(), 1) if not over.append(seeker.is_over)
    ]

    assert found == [None, P + 5, Q, P, P, Q]
    assert over == [False, False, False, False, True, True]
    assert (seeker.lines, seeker.is_over, seeker.is_plain) == ({Q: 3, P: 4}, True, False)
    assert [(each.line, each.shown) for each in seeker.rejects] == [(1, "'x'")]

    seeker = Seeker(reader, [P, Q])
    assert [each for chunk in from_file([text.encode()], seeker, name="x") for each in chunk] == [P + 5, Q, P, P, Q]
    assert seeker.lines == {Q: 3, P: 4}


def test_a_seeker_reads_as_it_was_told():
    """In a region, plain digits are what the region says."""
    seeker = Seeker(lambda value, field: phone(f"38{value}", field), [P])

    assert seeker.entry("0931111111", 3) == P
    assert seeker.entry("31111111", 4) == 3831111111
    assert seeker.lines == {P: 3}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (10**7, True),
        (10**7 - 1, False),
        (10**15 - 1, True),
        (10**15, False),
        (True, False),
        ("10000000", True),
        ("1000000", False),
        ("9" * 15, True),
        ("9" * 16, False),
        ("01234567", False),
        ("+12345678", False),
        ("1234567٨", False),
        ("", False),
        (12345678.0, False),
        (b"12345678", False),
        (None, False),
    ],
)
def test_what_is_plain_is_sure_to_be_a_phone(value, plain):
    """It takes the quick way, on which nobody looks again."""

    assert wanted._is_plain_value(value) is plain
    assert not plain or int(phone(value)) == int(value)


@pytest.mark.parametrize(
    ("data", "phones"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"10000000\n999999999999999", [10**7, 10**15 - 1]),
        (b"12345678\r\n12345679\r\n", [12345678, 12345679]),
        (b"+12345678\n+12345679\n", [12345678, 12345679]),
        (b"12345678\n\n+12345679", [12345678, 12345679]),
        (b"1234567\n", None),
        (b"1000000000000000\n", None),
        (b"012345678\n", None),
        (b"12345678\n012345678\n", None),
        (b"12345678\r12345679\n", None),
        (b"12345678 \n", None),
        (b"+\n12345678\n", None),
        (b"12345678\n+", None),
        (b"++12345678\n", None),
        (b"1+2345678\n", None),
        (b"# 12345678\n", None),
        (b"9" * 5000 + b"\n", None),
    ],
)
def test_a_block_of_plain_digits_is_read_at_once(data, phones):
    """A hundred times as fast; of another block that is not said."""

    assert wanted._plain_digits(data) == phones


def test_a_block_of_rows_is_read_at_once():
    """If each line is one."""
    rows = wanted._Rows(Layout("table", delimiter=",", columns=2), Tally(), "x")

    assert rows._one_to_a_line(["a,1", '"b",2']) == [["a", "1"], ["b", "2"]]
    assert rows._one_to_a_line(['"a', 'b",1']) is None
    assert rows._one_to_a_line(['"a"b,1']) is None
