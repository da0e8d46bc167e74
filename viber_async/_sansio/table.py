"""What kind of file a list of phones is, and where in it they stand: judged by its first lines.

A column is found by its name, or by being the only one whose cells are phones. Where more than one could be meant
nothing is guessed, because order numbers and other people's phones look alike: the error names them all.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, cast

from attrs import field, frozen

from viber_async._sansio.privacy import safe_text
from viber_async.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    IsPhone = Callable[[object], bool]

DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
HEAD: Final = 500
"""Lines that are looked at."""
MAX_SPAN: Final = 100
"""Lines of one record: a quote that was not closed by then never was opened."""
REGULAR: Final = 0.8
"""Of the lines, those that have to have the same number of columns for a file to be a table."""
PHONE_NAMES: Final = frozenset(
    """
    phone phones phoneno phonenumber phonenumbers msisdn tel telephone telephonenumber telno mobile mobiles mobileno
    mobilephone mobilenumber cell cellphone cellnumber gsm телефон телефоны телефони номертелефона номертелефону
    мобильный мобильныйтелефон мобільний мобільнийтелефон
    """.split()  # noqa: SIM905 - a table of names is easier to read than a column of quotes
)
NUMBER_NAMES: Final = frozenset({"number", "numbers", "номер", "номера"})
"""What a column of phones is also called, but one of orders as well: the cells have to agree."""
_DATE: Final = re.compile(
    r"(?:19|20)\d\d([-./]?)\d\d\1\d\d(?:[ T].*)?|\d\d([-./])\d\d\2(?:19|20)\d\d(?: .*)?", re.ASCII
)
"""Eight digits in a spelling that phones have too."""
_SHOWN: Final = 12
_SAY_WHICH: Final = "say which, with column= or --column"


@frozen
class Layout:
    """How to read a file."""

    kind: Literal["lines", "table", "objects"]
    delimiter: str = field(kw_only=True, default="")
    columns: int = field(kw_only=True, default=1)
    index: int = field(kw_only=True, default=0)
    """The place of the phone among the columns."""
    header: bool = field(kw_only=True, default=False)
    """Whether the first line, or the first row, is names."""
    key: str = field(kw_only=True, default="")


LINES: Final = Layout("lines")


def layout_of(lines: Sequence[str], *, column: str | int | None, is_phone: IsPhone) -> Layout:
    """Give how to read a file that begins with *lines*.

    Raises:
        ValidationError: its phones could stand in more than one place, or *column* is not there.

    """
    filled = [line for line in lines if line.strip()]
    said = [line for line in filled if not line.startswith("#")]
    if not said:
        return LINES
    if said[0].lstrip().startswith("["):
        raise _refused("wanted", "this looks like one JSON array; write one phone, or one object, to a line")
    if said[0].lstrip().startswith("{") or _are_escaped(said):
        return _objects(said, column, is_phone)
    if tables := [table for delimiter in DELIMITERS if (table := _Table.read(filled, delimiter)) is not None]:
        return _tabular(tables, column, is_phone)
    return _single(said, column)


# --- one to a line ---------------------------------------------------------------------------------------------


def _single(lines: Sequence[str], column: str | int | None) -> Layout:
    first = cells_of(lines[0], ",") or [lines[0]]
    quoted = any(line.startswith('"') for line in lines)
    header = _is_phone_name(first[0]) or _letters(first[0]) in NUMBER_NAMES
    if isinstance(column, str):
        header = _plain(first[0]) == _plain(column)
        if not header:
            raise _refused("column", f"there is no column {safe_text(column)!r}: one phone stands on each line")
    elif column is not None and column != 1:
        raise _refused("column", f"there is no column {column}: one phone stands on each line")
    return Layout("table", delimiter=",", header=header) if quoted else Layout("lines", header=header)


# --- tables ----------------------------------------------------------------------------------------------------


@frozen
class _Table:
    delimiter: str
    rows: list[list[str]] = field(repr=False)

    @classmethod
    def read(cls, lines: Sequence[str], delimiter: str) -> _Table | None:
        """Give the rows, if *lines* are most of them rows of as many cells."""
        rows = [cells for cells in _records(lines, delimiter) if len(cells) > 1 or not cells[0].startswith("#")]
        width, regular = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
        if width < 2 or regular < REGULAR * len(rows):
            return None
        return cls(delimiter, [row for row in rows if len(row) == width])


def _records(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    found: list[list[str]] = []
    at = 0
    while at < len(lines):
        span, cells = record_at(lines, at, delimiter=delimiter)
        found.append(cells or [lines[at]])
        at += span
    return found


def record_at(
    lines: Sequence[str], at: int, *, delimiter: str, columns: int | None = None, last: bool = True
) -> tuple[int, list[str] | None]:
    """Give how many lines the record that begins at *at* has, and its cells, or None where it is no record.

    No lines at all: its end may stand behind *lines*, unless they are the *last*. A record of several lines needs the
    usual number of *columns*, else a stray quote would swallow the phones of the lines behind it.
    """
    text = lines[at]
    cells = cells_of(text, delimiter)
    if cells is not None or text.count('"') % 2 == 0:
        return 1, cells
    for end in range(at + 1, min(len(lines), at + MAX_SPAN)):
        text = f"{text}\n{lines[end]}"
        if lines[end].count('"') % 2:
            cells = cells_of(text, delimiter)
            fits = cells is not None and columns in (None, len(cells))
            return (end - at + 1, cells) if fits else (1, None)
    return (1, None) if last or at + MAX_SPAN <= len(lines) else (0, None)


def cells_of(text: str, delimiter: str) -> list[str] | None:
    """Give the cells of one record, or None where it is none."""
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0]


def _tabular(tables: Sequence[_Table], column: str | int | None, is_phone: IsPhone) -> Layout:
    found: list[Layout] = []
    wrong: list[ValidationError] = []
    for table in tables:
        try:
            found.append(_placed(table, column, is_phone))
        except ValidationError as error:
            wrong.append(error)
    if not found:
        raise wrong[0]
    if len(found) > 1:
        several = " and by ".join(DELIMITERS[layout.delimiter] for layout in found)
        raise _refused("wanted", f"the columns could be parted by {several}: write one phone to a line")
    return found[0]


def _placed(table: _Table, column: str | int | None, is_phone: IsPhone) -> Layout:
    first, body = table.rows[0], table.rows[1:]
    headed = not any(map(is_phone, first))
    columns = [[row[i] for row in (body if headed else table.rows)] for i in range(len(first))]
    index = _place(first if headed else [""] * len(first), columns, column, is_phone)
    named = isinstance(column, str) or _is_phone_name(first[index])
    header = headed and (named or (bool(first[index].strip()) and not any(map(str.isdigit, first[index]))))
    return Layout("table", delimiter=table.delimiter, columns=len(first), index=index, header=header)


# --- objects ---------------------------------------------------------------------------------------------------


def _are_escaped(lines: Sequence[str]) -> bool:
    """Whether these are JSON strings that only JSON can read; others are read as quoted cells just as well."""
    return any("\\" in line for line in lines) and all(isinstance(_value(line), (str, int)) for line in lines)


def _objects(lines: Sequence[str], column: str | int | None, is_phone: IsPhone) -> Layout:
    if isinstance(column, int):
        raise _refused("column", f"objects have keys, not a column {column}: give the key's name")
    objects = [cast("dict[str, object]", value) for line in lines if isinstance(value := _value(line), dict)]
    keys = list(dict.fromkeys(key for each in objects for key in each))
    if not keys:
        return Layout("objects")
    values = [[each[key] for each in objects if key in each] for key in keys]
    return Layout("objects", key=keys[_place(keys, values, column, is_phone)])


def _value(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None  # a line that is no JSON is rejected, with its number, when the file is read


# --- which of them ---------------------------------------------------------------------------------------------


def _place(
    names: Sequence[str], columns: Sequence[Sequence[object]], column: str | int | None, is_phone: IsPhone
) -> int:
    """Give the index of the phones; *names* are empty where there are none."""
    if isinstance(column, int):
        if 1 <= column <= len(names):
            return column - 1
    elif column is not None and (found := [i for i, name in enumerate(names) if _plain(name) == _plain(column)]):
        return _only(found, names, "the name is given")
    if column is not None:
        what = column if isinstance(column, int) else repr(safe_text(column, 40))
        raise _refused("column", f"there is no column {what}; there are {_listed(range(len(names)), names)}")
    if named := [i for i, name in enumerate(names) if _is_phone_name(name)]:
        return _only(named, names, "their names are those of phones")
    holding = [i for i, cells in enumerate(columns) if _hold_phones(cells, is_phone)]
    perhaps = [i for i, name in enumerate(names) if _letters(name) in NUMBER_NAMES]
    return _only(holding or perhaps, names, "their cells are phones")


def _only(places: Sequence[int], names: Sequence[str], why: str) -> int:
    match places:
        case [place]:
            return place
        case []:
            raise _refused("column", f"name the column of the phones; there are {_listed(range(len(names)), names)}")
        case _:
            raise _refused("column", f"{_several(places, names)} could hold the phones ({why}): {_SAY_WHICH}")


def _several(places: Sequence[int], names: Sequence[str]) -> str:
    if len(places) == 2:
        return f"both {_listed(places[:1], names)} and {_listed(places[1:], names)}"
    return f"each of {_listed(places, names)}"


def _hold_phones(cells: Sequence[object], is_phone: IsPhone) -> bool:
    """Whether at least half of the cells that are filled are phones."""
    filled = [cell for cell in cells if cell not in ("", None)]
    phones = sum(is_phone(cell) and not (isinstance(cell, str) and _DATE.fullmatch(cell)) for cell in filled)
    return 0 < len(filled) <= 2 * phones


def _listed(places: Sequence[int], names: Sequence[str]) -> str:
    said = [safe_text(names[i].strip(), 40) or f"column {i + 1}" for i in places[:_SHOWN]]
    return ", ".join(said) + (f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else "")


def _is_phone_name(name: str) -> bool:
    return _letters(name) in PHONE_NAMES


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalpha())


def _refused(where: str, rule: str) -> ValidationError:
    return ValidationError(f"{where}: {rule}", field=where, rule=rule)
