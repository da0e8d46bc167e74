"""What the library logs, as lines of the command: warnings on stderr, and all of it with ``--debug``."""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from viber_async.cli._show import fail

if TYPE_CHECKING:
    from collections.abc import Generator

LOGGER: Final = logging.getLogger("viber_async")


class _Lines(logging.Handler):
    """Writes each record as one line, and its traceback only where those are wanted."""

    def __init__(self, level: int, *, traces: bool) -> None:
        super().__init__(level)
        self._traces = traces

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*."""
        if self._traces and record.exc_info and record.exc_info[1]:
            traceback.print_exception(record.exc_info[1])
        fail(record.getMessage())


@contextmanager
def told(level: int, *, traces: bool = False) -> Generator[None]:
    """Write what is logged at *level* and above, for as long as the block lasts; nobody else writes it meanwhile.

    Inside a block that tells more, it changes nothing.
    """
    if LOGGER.level <= level and any(isinstance(each, _Lines) for each in LOGGER.handlers):
        yield
        return
    handler = _Lines(level, traces=traces)
    before, passed_on = LOGGER.level, LOGGER.handlers
    LOGGER.handlers = [handler]
    LOGGER.setLevel(level)
    try:
        yield
    finally:
        LOGGER.setLevel(before)
        LOGGER.handlers = passed_on
