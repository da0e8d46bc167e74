"""Where an export goes: rows as text, CSV or NDJSON, to a file that is whole or not there at all, or to stdout."""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from viber_async import UsageError, to_dict
from viber_async.cli._csv import as_csv

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import TextIO

    from viber_async import BlacklistEntry

STDOUT = "-"
COLUMNS: Final[tuple[str, ...]] = ("phone", "id", "description", "add_date")


class Format(StrEnum):
    """What an export looks like."""

    TEXT = "text"
    CSV = "csv"
    NDJSON = "ndjson"


BY_ENDING: Final = {".csv": Format.CSV, ".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON}


def format_of(name: str) -> Format:
    """Give the format that a file's name promises; one that promises none gets plain lines."""
    return BY_ENDING.get(PurePath(name).suffix.lower(), Format.TEXT)


def header(form: Format) -> str:
    """Give what stands above the rows."""
    return f"{','.join(COLUMNS)}\n" if form is Format.CSV else ""


def rendered(form: Format, rows: Iterable[BlacklistEntry]) -> str:
    """Give *rows*, each with its line feed."""
    if form is Format.TEXT:
        return "".join(f"{row.phone}\n" for row in rows)
    values = map(to_dict, rows)
    if form is Format.NDJSON:
        kept = ({name: value[name] for name in COLUMNS} for value in values)
        return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in kept)
    return as_csv([value[name] for name in COLUMNS] for value in values)


@contextmanager
def opened(target: str, *, force: bool) -> Generator[TextIO]:
    """Open *target* for writing, with mode 0600; it appears when all is written, and not at all if that fails.

    Raises:
        UsageError: it is there, and *force* does not say to replace it; or it is no file.

    """
    if target == STDOUT:
        yield sys.stdout
        sys.stdout.flush()
        return
    path = Path(target)
    _check(path, force=force)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(handle)
        _put(beside, path, force=force)
    finally:
        beside.unlink(missing_ok=True)


def _check(path: Path, *, force: bool) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is there, and is no file: name a new one")
    if not force:
        raise _there(path)


def _put(beside: Path, path: Path, *, force: bool) -> None:
    """Give the file its name: without *force* only as long as nobody else has taken it meanwhile."""
    if force:
        beside.replace(path)
        return
    try:
        os.link(beside, path)
    except FileExistsError:
        raise _there(path) from None


def _there(path: Path) -> UsageError:
    return UsageError(f"{path} is there already: name another, or replace it with --force")
