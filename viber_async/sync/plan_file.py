"""A plan's file: who may read and write it, and that it is there whole or not at all. Blocking."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from viber_async._private_file import NotPrivateError, open_file, replace_file
from viber_async.errors import SyncRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def write(path: str, lines: Iterable[bytes]) -> None:
    """Put *lines* in place of what stands at *path*."""
    try:
        replace_file(os.path.abspath(path), lines)  # noqa: PTH100 - no link on the way is followed here
    except OSError as error:
        raise _refused(path, f"it cannot be written: {error.strerror or error}") from error


def read(path: str, parse: Callable[[Iterable[bytes]], T]) -> T:
    """Give what *parse* makes of the lines of the file at *path*, if they are to be believed."""
    try:
        with open(open_file(os.path.abspath(path), os.O_RDONLY), "rb") as file:  # noqa: PTH100, PTH123 - as above
            return parse(file)
    except NotPrivateError as error:
        raise _refused(path, str(error)) from None
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        why = str(error) if type(error) is ValueError else "it is not as it was written"
        raise _refused(path, why) from None


def _refused(path: str, why: str) -> SyncRefusedError:
    return SyncRefusedError(f"the plan {path} is not used: {why}. Make a new one. Nothing was written", reason="plan")
