"""Where the phones of a file stand, judged by its first lines: one to a line, a column, or a key."""

from __future__ import annotations

import pytest

from viber_async._sansio.table import HEAD, LINES, MAX_SPAN, Layout, cells_of, layout_of, record_at
from viber_async.errors import ValidationError

P = 380931111111


def is_phone(value: object) -> bool:
    """Judge as simply as these files need it."""
    return str(value).strip().lstrip("+").isdigit() and 8 <= len(str(value).strip().lstrip("+")) <= 15


def layout(text: str, column: str | int | None = None) -> Layout:
    return layout_of(text.split("\n"), column=column, is_phone=is_phone)


def table(*, delimiter: str = ",", columns: int = 2, index: int = 0, header: bool = False) -> Layout:
    return Layout("table", delimiter=delimiter, columns=columns, index=index, header=header)


def keyed(key: str) -> Layout:
    return Layout("objects", key=key)


ONE = [
    ("", None, LINES),
    ("# nobody\n \n", None, LINES),
    (f"{P}\n{P}", None, LINES),
    (f"{P}\n{P}", 1, LINES),
    (f"phone\n{P}", None, Layout("lines", header=True)),
    (f"Phone No.\n{P}", None, Layout("lines", header=True)),
    (f"# who\n\nphone\n{P}", None, Layout("lines", header=True)),
    (f"Numbers\n{P}", None, Layout("lines", header=True)),
    (f"who\n{P}", None, LINES),
    (f"Our  Clients\n{P}", "ourclients", Layout("lines", header=True)),
    (f"phone\n{P}", "phone", Layout("lines", header=True)),
    (f'"{P}"\n"{P}"', None, table(columns=1)),
    (f'{P}\n"{P}"', None, table(columns=1)),
    (f'"phone"\n{P}', None, table(columns=1, header=True)),
    (f'"phone\n{P}', None, table(columns=1, header=True)),  # a quote that is not closed is part of the name
    ('"#1"\n"#2"', None, table(columns=1)),
    (f"phone;\n{P}", None, Layout("lines", header=True)),
    (f"first, second\n{P}", "first", Layout("lines", header=True)),
]

TABLES = [
    (f"{P},a\n{P},b", None, table()),
    (f"a,{P}\nb,{P}", None, table(index=1)),
    (f"a;{P}\nb;{P}", None, table(delimiter=";", index=1)),
    (f"a\t{P}\nb\t{P}", None, table(delimiter="\t", index=1)),
    (f"a|{P}|c\nb|{P}|c", None, table(delimiter="|", columns=3, index=1)),
    (f"name,phone\nb,{P}", None, table(index=1, header=True)),
    (f"name,x\nb,{P}", None, table(index=1, header=True)),
    (f"name,\nb,{P}", None, table(index=1)),  # nothing over the phones is no header of them
    (f"name,7\nb,{P}", None, table(index=1)),  # nor is a short number
    (f"name,7\nb,{P}", "7", table(index=1, header=True)),  # unless it is said to be one
    (f"name,phone 2\nb,{P}", None, table(index=1, header=True)),
    (f"name,tel2\nb,{P}", None, table(index=1, header=True)),
    (f"name,{P}\nb,{P}", None, table(index=1)),
    (f"name,{P}\nb,{P}", 2, table(index=1)),
    (f"{P},name\n{P},b", 1, table()),
    (f"name,number\nb,{P}", None, table(index=1, header=True)),
    ("number,name\nx,y", None, table(header=True)),
    ("phone,number\nx,y", None, table(header=True)),  # a name of phones needs no phones in it
    (f"phone,contact\nx,{P}", None, table(header=True)),
    ("# a,b,c\nname,phone\n" + f"b,{P}\n# x\n" * 3, None, table(index=1, header=True)),
    (f"#,phone\n1,{P}", None, table(index=1, header=True)),  # a column may be called so
    (f"a,{P}\n" * 4 + "b", None, table(index=1)),  # four in five are enough
    (f"when,phones of\n20240131,{P}\n31.01.2024,{P}", None, table(index=1, header=True)),
    (f"a,b\n20240131,{P}\n20240201,{P}", None, table(index=1, header=True)),
    (f"a,b\n,{P}\n,{P}\n12345678,{P}\nx,{P}\ny,{P}", None, table(index=1, header=True)),
    (f"a,b\nx,{P}\ny,\nz,no", None, table(index=1, header=True)),  # half of those that are filled
    (f'a,b\n"x\ny",{P}\nz,{P}', None, table(index=1, header=True)),
    (f"a,b\n{P},x\n{P},x", "B", table(index=1, header=True)),
]

OBJECTS = [
    (f'{{"a": "x", "b": {P}}}', None, keyed("b")),
    (f'  {{"a": "x", "b": {P}}}', None, keyed("b")),
    (f'{{"a": "x"}}\n{{"b": {P}}}', None, keyed("b")),
    (f'{{"tel": "x", "b": {P}}}', None, keyed("tel")),
    (f'{{"a": {P}, "b": {P}}}', "b", keyed("b")),
    (f'{{"a": null, "b": {P}}}\n{{"a": {P}, "b": {P}}}', "A", keyed("a")),
    (f'{{"a": 1\n{{"b": {P}}}\n7', None, keyed("b")),
    ('{"a": 1', None, keyed("")),
    ("{}", None, keyed("")),
    (f'"\\u002b{P}"\n"{P}"\n{P}', None, keyed("")),
]


@pytest.mark.parametrize(("text", "column", "expected"), [*ONE, *TABLES, *OBJECTS])
def test_a_file_is_read_as_what_it_is(text: str, column: str | int | None, expected: Layout) -> None:
    """Its kind, the place of the phones, and whether its first line is names."""

    assert layout(text, column) == expected


@pytest.mark.parametrize("text", [f"a,{P}\n" * 3 + "b", f'"\\u002b{P}"\nx', f'"a\\b"\n{P}\n[1]'])
def test_what_is_not_regular_is_one_to_a_line(text: str) -> None:
    """Three in four rows are no table, and one line that is no JSON makes the others none."""

    assert layout(text).kind == "lines" or layout(text).columns == 1


NAME = "column: name the column of the phones"
WHICH = ": say which, with column= or --column"

REFUSED = [
    ("[", None, "wanted: this looks like one JSON array; write one phone, or one object, to a line"),
    ("  [1", None, "wanted: this looks like one JSON array; write one phone, or one object, to a line"),
    (f"{P}", "Tel", "column: there is no column 'Tel': one phone stands on each line"),
    (f"{P}", 2, "column: there is no column 2: one phone stands on each line"),
    (f"{P}", 0, "column: there is no column 0: one phone stands on each line"),
    (
        f"{P},1;{P}\n{P},1;{P}",
        None,
        "wanted: the columns could be parted by commas and by semicolons: write one phone to a line",
    ),
    (f'{{"a": {P}}}', 1, "column: objects have keys, not a column 1: give the key's name"),
    (f"x,{P}", 3, "column: there is no column 3; there are column 1, column 2"),
    (f"x,{P}", 0, "column: there is no column 0; there are column 1, column 2"),
    ("a,b\nx,y", None, f"{NAME}; there are a, b"),
    ("a,\nx,y", None, f"{NAME}; there are a, column 2"),
    ("a,\nx,y", "b", "column: there is no column 'b'; there are a, column 2"),
    ("a,b\nx,y", "c" * 50, "column: there is no column '" + "c" * 40 + "…'; there are a, b"),
    (
        f"{P},{P}",
        None,
        f"column: both column 1 and column 2 could hold the phones (their cells are phones){WHICH}",
    ),
    (
        f"phone,tel\nx,{P}",
        None,
        f"column: both phone and tel could hold the phones (their names are those of phones){WHICH}",
    ),
    (
        "a, A \nx,y",
        "a",
        f"column: both a and A could hold the phones (the name is given){WHICH}",
    ),
    (
        "tel,phone,mobile\nx,y,z",
        None,
        f"column: each of tel, phone, mobile could hold the phones (their names are those of phones){WHICH}",
    ),
    (
        "number,numbers\nx,y",
        None,
        f"column: both number and numbers could hold the phones (their cells are phones){WHICH}",
    ),
    ("a;b,c\nx;y,z", None, f"{NAME}; there are a;b, c"),
    ("a," * 11 + "a", None, f"{NAME}; there are " + ", ".join("a" * 12)),
    ("a," * 12 + "a", None, f"{NAME}; there are " + ", ".join("a" * 12) + " and 1 more"),
    ("b" * 50 + ",a", None, f"{NAME}; there are " + "b" * 40 + "…, a"),
    (f'{{"a": "x", "b": 20240131}}\n{{"a": {P}0}}', "c", "column: there is no column 'c'; there are a, b"),
    (f'{{"a": "x", "b": "20240131"}}\n{{"a": "{P}0000"}}', None, f"{NAME}; there are a, b"),
    (f"a,b\nx,{P}\ny,no\nz,no", None, f"{NAME}; there are a, b"),
]


@pytest.mark.parametrize(("text", "column", "said"), REFUSED)
def test_where_nothing_can_be_known_the_error_says_what_to_do(text: str, column: str | int | None, said: str) -> None:
    """In a sentence, under the argument's name."""
    with pytest.raises(ValidationError) as caught:
        layout(text, column)

    assert str(caught.value) == said
    assert (caught.value.field, caught.value.rule) == tuple(said.split(": ", 1))


DATES = [
    "20240131",
    "2024-01-31",
    "2024.01.31",
    "2024/01/31 12:00",
    "1999-01-31T10:00",
    "31.01.2024",
    "31-01-1999 09:30",
]
NO_DATES = ["2024-0131", "21240131", "31.01-2024", "2024-01-31x", "31.01.2124", "٢٠٢٤0131"]


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_no_phone(text: str) -> None:
    """Though it may have as many digits."""
    rows = [f"{text},{P}"] * 3

    assert layout_of(["a,b", *rows], column=None, is_phone=lambda cell: cell not in ("a", "b")).index == 1


@pytest.mark.parametrize("text", NO_DATES)
def test_what_only_looks_like_a_date_may_be_a_phone(text: str) -> None:
    """So the column has to be named."""
    with pytest.raises(ValidationError, match="both a and b could hold the phones"):
        layout_of(["a,b", f"{text},{P}"], column=None, is_phone=lambda cell: cell not in ("a", "b"))


RECORDS = [
    (["a,b"], 0, (1, ["a", "b"])),
    (["x", "a,b"], 1, (1, ["a", "b"])),
    (['"a', 'b",c'], 0, (2, ["a\nb", "c"])),
    (['"a', "b", 'c",d'], 0, (3, ["a\nb\nc", "d"])),
    (['"a', "b"], 0, (1, None)),
    (['"a"x,"b"'], 0, (1, None)),
    (['5" tv,a', '6",b'], 0, (1, ['5" tv', "a"])),
    (["x", '"a', 'b",c'], 1, (2, ["a\nb", "c"])),
    (['"a', 'b"x', 'c"'], 0, (1, None)),
    (['"a', 'b ""x"" c', 'd",e'], 0, (3, ['a\nb "x" c\nd', "e"])),
    (['"a', *["b"] * (MAX_SPAN - 2), 'c"'], 0, (MAX_SPAN, ["\n".join(["a", *["b"] * (MAX_SPAN - 2), "c"])])),
    (['"a', *["b"] * (MAX_SPAN - 1), 'c"'], 0, (1, None)),
]


@pytest.mark.parametrize(("lines", "at", "expected"), RECORDS)
def test_a_record_may_have_several_lines(lines: list[str], at: int, expected: tuple[int, list[str] | None]) -> None:
    """As many as its quotes say, up to a hundred."""

    assert record_at(lines, at, delimiter=",") == expected
    assert cells_of("\n".join(lines[at : at + expected[0]]), ",") == expected[1]


@pytest.mark.parametrize(("columns", "expected"), [(2, (2, ["a\nb", "c"])), (3, (1, None))])
def test_several_lines_are_a_record_only_of_the_usual_width(
    columns: int, expected: tuple[int, list[str] | None]
) -> None:
    """A stray quote would swallow phones."""

    assert record_at(['"a', 'b",c'], 0, delimiter=",", columns=columns) == expected
    assert record_at(["a"], 0, delimiter=",", columns=columns) == (1, ["a"])


@pytest.mark.parametrize(
    ("count", "last", "span"),
    [(1, True, 1), (1, False, 0), (MAX_SPAN - 1, False, 0), (MAX_SPAN, False, 1), (MAX_SPAN, True, 1)],
)
def test_the_end_of_a_record_may_be_still_to_come(count: int, last: bool, span: int) -> None:
    """For as many lines as a record may have."""
    lines = ["x", '"a', *["b"] * (count - 1)]

    assert record_at(lines, 1, delimiter=",", last=last) == (span, None)
    assert record_at(['"a"x,"b"'], 0, delimiter=",", last=last) == (1, None)


def test_five_hundred_lines_are_looked_at() -> None:
    """And a record has far fewer."""

    assert MAX_SPAN < HEAD == 500
