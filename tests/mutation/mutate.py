"""mutmut, run in the current directory, with two of its habits changed."""

from __future__ import annotations

from typing import Any

from mutmut.__main__ import _run
from mutmut.runners.harness import BadTestExecutionCommandsException, PytestRunner

SUSPICIOUS = 35
"""What mutmut calls a mutant of which nothing is known."""

arguments, execute = PytestRunner._pytest_args_regular_run, PytestRunner.execute_pytest


def by_function(self: PytestRunner, tests: Any) -> list[str]:
    """Ask for whole functions: in a process that has run before, pytest escapes the names of rows once more, and they
    would not be found."""
    return arguments(self, dict.fromkeys(test.partition("[")[0] for test in tests))


def nothing_known(self: PytestRunner, params: list[str], **more: Any) -> int:
    """A test that is not found has not failed: mutmut would take it for a kill."""
    try:
        return execute(self, params, **more)
    except BadTestExecutionCommandsException:
        return SUSPICIOUS


PytestRunner._pytest_args_regular_run = by_function  # type: ignore[method-assign]
PytestRunner.execute_pytest = nothing_known  # type: ignore[method-assign]

if __name__ == "__main__":
    _run((), max_children=1)
