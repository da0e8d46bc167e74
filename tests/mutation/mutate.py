"""mutmut, run in the current directory, with four of its habits changed."""

from __future__ import annotations

import sys
from typing import Any

import mutmut.__main__ as program
from mutmut.runners.harness import BadTestExecutionCommandsException, PytestRunner
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

FAILED, INTERRUPTED, SUSPICIOUS = 1, 2, 35
"""What pytest gives for a test that failed and for one that could not be imported; mutmut's word for not knowing."""

collect = program.collect_or_load_stats
arguments, execute, run_tests = (
    PytestRunner._pytest_args_regular_run,
    PytestRunner.execute_pytest,
    PytestRunner.run_tests,
)


def with_all(runner: Any, **more: Any) -> None:
    """Let all tests decide about what no test calls: it is called when something is imported, or once for all."""
    collect(runner, **more)
    tests_of = state().tests_by_mangled_function_name
    for _, mutant, _ in program.collect_source_file_mutation_data(mutant_names=())[0]:
        if not tests_of[function := mangled_name_from_mutant_name(mutant)]:
            tests_of[function] |= set(state().duration_by_test)


def by_function(self: PytestRunner, tests: Any) -> list[str]:
    """Ask for the tests that call the function, and then for all: what is made once is used by others, too.

    Not for rows of tables: in a process that has run before, pytest escapes their names once more, and finds none.
    """
    callers = [test.partition("[")[0] for test in tests]
    return arguments(self, dict.fromkeys([*callers, *self._pytest_add_cli_args_test_selection]))


def nothing_known(self: PytestRunner, params: list[str], **more: Any) -> int:
    """A test that is not found has not failed: mutmut would take it for a kill."""
    try:
        return execute(self, params, **more)
    except BadTestExecutionCommandsException:
        return SUSPICIOUS


def afresh(self: PytestRunner, *, mutant_name: str | None, tests: Any) -> int:
    """Import everything anew, so that a mutant also makes what is made once: a converter, a constant of a test."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("viber_async", "tests")]:
        del sys.modules[name]
    code = run_tests(self, mutant_name=mutant_name, tests=tests)
    return FAILED if code == INTERRUPTED else code


program.collect_or_load_stats = with_all
PytestRunner._pytest_args_regular_run = by_function  # type: ignore[method-assign]
PytestRunner.execute_pytest = nothing_known  # type: ignore[method-assign]
PytestRunner.run_tests = afresh  # type: ignore[method-assign]

if __name__ == "__main__":
    program._run((), max_children=1)
