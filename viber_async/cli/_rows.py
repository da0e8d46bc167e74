"""Recipients as rows of a file. Pure.

- CSV is for people and their spreadsheets.
- NDJSON has all that the provider said, unknown fields too.
- Rows are NDJSON for a table: the same columns in each, one type to a column, nothing nested.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from viber_async import UsageError, to_dict
from viber_async.cli._csv import as_csv

if TYPE_CHECKING:
    from collections.abc import Iterable

    from viber_async import Recipient

COLUMNS: Final = ("phone", "status", "address_book_id", "price", "currency", "send_date", "last_update")


class Format(StrEnum):
    """What an export looks like."""

    CSV = "csv"
    NDJSON = "ndjson"
    ROWS = "rows"


BY_ENDING: Final = {"": Format.CSV, ".csv": Format.CSV, ".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON}


def format_of(name: str) -> Format:
    """Give the format that a file's name promises.

    Raises:
        UsageError: it promises one that is not written here; a spreadsheet would not open what is not its own.

    """
    ending = PurePath(name).suffix
    if ending.lower() not in BY_ENDING:
        raise UsageError(
            f"{name}: nothing here writes {ending}: name a file that ends with .csv, .ndjson or .jsonl, or say --format"
        )
    return BY_ENDING[ending.lower()]


def header(form: Format) -> str:
    """Give what stands above the rows."""
    return f"campaign_id,{','.join(COLUMNS)}\n" if form is Format.CSV else ""


def rendered(form: Format, campaign_id: int, rows: Iterable[Recipient]) -> str:
    """Give *rows*, each with its line feed."""
    if form is Format.CSV:
        return as_csv(_cells(campaign_id, row) for row in rows)
    if form is Format.NDJSON:
        return _lines(to_dict(row) for row in rows)
    return _lines(_flat(campaign_id, row) for row in rows)


def _cells(campaign_id: int, row: Recipient) -> Iterable[object]:
    flat = _flat(campaign_id, row)
    return [row.price if name == "price" else value for name, value in flat.items()]


def _flat(campaign_id: int, row: Recipient) -> dict[str, object]:
    values = to_dict(row)
    return {"campaign_id": campaign_id, **{name: values[name] for name in COLUMNS}}


def _lines(values: Iterable[dict[str, object]]) -> str:
    return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values)
