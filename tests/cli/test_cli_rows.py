"""Recipients as rows of a file, in each format."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve

from tests.test_snippets import snippets
from viber_async import Recipient, RecipientStatus
from viber_async.cli._csv import as_csv, harmless
from viber_async.cli._rows import COLUMNS, Format, header, rendered

PAGE = Path(__file__).parents[2] / "docs" / "command.md"
FULL = Recipient(
    "380931111111",
    address_book_id=5,
    status=RecipientStatus.READ,
    send_date=datetime.fromisoformat("2026-11-24T09:00:00"),
    price=Decimal("0.7400"),
    currency="RUR",
    last_update=datetime.fromisoformat("2026-11-24T09:01:00"),
    extras={"new": [1]},
)
BARE = Recipient("380931111112")
ROW = {
    "campaign_id": 7,
    "phone": "380931111111",
    "status": "read",
    "address_book_id": 5,
    "price": "0.7400",
    "currency": "RUR",
    "send_date": "2026-11-24T09:00:00",
    "last_update": "2026-11-24T09:01:00",
}
BARE_ROW = {"campaign_id": 7, "phone": "380931111112", **dict.fromkeys(COLUMNS[1:])}


def test_csv_has_a_line_for_each_and_names_above():
    """The price digit for digit, as the provider wrote it."""

    assert header(Format.CSV) + rendered(Format.CSV, 7, [FULL, BARE]) == (
        "campaign_id,phone,status,address_book_id,price,currency,send_date,last_update\n"
        "7,380931111111,read,5,0.7400,RUR,2026-11-24T09:00:00,2026-11-24T09:01:00\n"
        "7,380931111112,,,,,,\n"
    )


def test_rows_all_have_the_same_columns():
    """One type to a column and nothing nested, so that they can be made a table of."""
    rows = [json.loads(line) for line in rendered(Format.ROWS, 7, [FULL, BARE]).splitlines()]

    assert header(Format.ROWS) == ""
    assert rows == [ROW, BARE_ROW]
    assert [list(row) for row in rows] == [list(ROW)] * 2


def test_rows_become_parquet_as_the_page_says(tmp_path):
    """Dates are dates and prices decimals, to the last digit; what is absent is null in a column of its type."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (code,) = (each for each in snippets(PAGE.read_text()) if "pyarrow" in each)
    page = {}
    exec(compile(code, "snippet", "exec"), page)
    dear = evolve(FULL, price=Decimal("1234567.00000001"))
    rows, target = tmp_path / "rows.ndjson", tmp_path / "rows.parquet"
    rows.write_text(rendered(Format.ROWS, 7, [BARE, FULL, dear]))
    page["to_parquet"](rows, target)
    table = parquet.read_table(target)
    bare, full, last = table.to_pylist()

    assert table.schema == page["ROWS"]
    assert set(table.column_names) == {*COLUMNS, "campaign_id"}
    assert bare == BARE_ROW
    assert (full["price"], last["price"]) == (FULL.price, dear.price)
    assert full == ROW | {name: getattr(FULL, name) for name in ("price", "send_date", "last_update")}
    assert pyarrow.types.is_decimal(table.schema.field("price").type)


def test_ndjson_has_all_that_the_provider_said():
    """Fields that nobody knows too."""
    first, second = (json.loads(line) for line in rendered(Format.NDJSON, 7, [FULL, BARE]).splitlines())

    assert (first["extras"], first["price"]) == ({"new": [1]}, "0.7400")
    assert second["phone"] == "380931111112"


@pytest.mark.parametrize("word", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("https://example.com")'])
def test_no_cell_is_a_formula(word):
    """Whatever a text of the provider begins with; the value is there, behind an apostrophe."""
    row = Recipient("380931111111", status=RecipientStatus(word), currency=word)
    text = rendered(Format.CSV, 7, [row])
    cells = next(csv.reader(io.StringIO(text, newline="")))

    assert (cells[2], cells[5]) == (f"'{word}", f"'{word}")


@pytest.mark.parametrize("cell", ["a\r=1", "a\n=1", "a,b", 'a"b', "a\r\n=1"])
def test_no_cell_begins_a_row_of_its_own(cell):
    """A return in the middle of one would, and that row's first cell would be a formula."""
    text = as_csv([[cell, 1], ["x", 2]])

    assert list(csv.reader(io.StringIO(text, newline=""))) == [[cell, "1"], ["x", "2"]]
    assert text.startswith('"')
    assert text.endswith("x,2\n")


@pytest.mark.parametrize("cell", [-1, Decimal("-0.5"), "380931111111", "read", "a=b", "", None])
def test_what_is_no_formula_stays_as_it_is(cell):
    """A number below zero is one."""

    assert harmless(cell) is cell
