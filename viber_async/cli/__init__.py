"""The `viber-async` command: extra `cli`.

This file is what the entry point imports, so it imports nothing that the extra brings: without the extra the
command says in one line what to install. One file per command beside it; files with an underscore are theirs.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Final, TextIO

EXTRA: Final = frozenset({"typer", "rich", "yaml", "dotenv", "jinja2", "starlette", "uvicorn"})
"""What the extra brings and the core lacks."""
MISSING: Final = 'viber-async needs its extra, which is not installed: pip install "viber-async[cli]"\n'


def main() -> None:
    """Run the command with the arguments of this process, and leave with its exit code."""
    _allow_any_encoding()
    try:
        from viber_async.cli._app import run  # noqa: PLC0415 - needs the extra

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while it was still starting; a command that runs ends by itself
        code = 130
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        sys.stderr.write(MISSING)
        code = 1
    raise SystemExit(_written(code))


def _written(code: int) -> int:
    """Give *code* once all was written; if the output was not, 0 becomes 141 where its reader has left, or 6.

    What went wrong before has a code of its own, which nothing takes the place of.
    """
    lost = unwritten(sys.stdout)
    if lost is not None and not isinstance(lost, BrokenPipeError):
        sys.stderr.write(f"viber-async: the standard output could not be written: {lost.strerror}\n")
    unwritten(sys.stderr)
    if lost is None or code:
        return code
    return 141 if isinstance(lost, BrokenPipeError) else 6


def unwritten(stream: TextIO) -> OSError | None:
    """Write what *stream* still holds; give what kept that from being written, and let it go."""
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # what is flushed at the very end goes there
        return error
    return None


def _allow_any_encoding() -> None:
    """Let a character that the terminal's encoding lacks, such as the mask's bullet, become a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
