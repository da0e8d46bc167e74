"""CSV for people and their spreadsheets. Pure.

What others wrote stands in it, and a spreadsheet calculates whatever looks like a formula: such a cell gets an
apostrophe in front, which is what spreadsheets themselves put there to mean text. A lone carriage return would begin a
new row with its own first cell, so it is quoted as line feeds are.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that spreadsheets calculate, as the Open Worldwide Application Security Project lists it."""
CRLF: Final = "\r\n"
"""The writer quotes what holds either of its own line's ends."""


def as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Give *rows* as CSV in which no cell is a formula, each with its line feed."""
    return "".join(_line(row) for row in rows)


def _line(row: Iterable[object]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator=CRLF).writerow([harmless(cell) for cell in row])
    return text.getvalue().removesuffix(CRLF) + "\n"


def harmless(cell: object) -> object:
    """Give *cell* as no spreadsheet takes it for a formula; a number is none, whatever its sign."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
