"""Where the commands, which are ordinary functions, wait for what is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C ended: 128 and the signal's number."""


def wait_for(work: Coroutine[object, object, T]) -> T:
    """Return what *work* returns; Ctrl-C ends it tidily, and the command with exit code 130."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
