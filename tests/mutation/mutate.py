"""One module with one thing broken at a time, before tests that were collected once.

mutmut says what can be broken; the functions that carry a decorator, which it leaves alone, are broken as well. To
break a function is to give it another code object in a fork of a process that has collected the tests and run none:
whoever holds the function, holds the broken one then. That tells nothing of what was made while importing, so what
was called meanwhile (a table of a test, a constant of the module), and what does not stand in the body of a
function, is broken in its file, and everything is imported anew.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import gc
import os
import pickle
import resource
import signal
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import TypeVar, cast

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

PYTEST = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:unraisableexception", "-p", "no:xdist"]
PYTEST += ["-W", "ignore::pytest.PytestAssertRewriteWarning", "--hypothesis-seed=0", "-o", "timeout=0"]
PYTEST += ["--hypothesis-profile=mutation", "-p", "no:viber_async"]
"""No test may fail because the machine is slow, or because of what another mutant left behind."""

TIMES, SECONDS = 10, 1.0
"""What a test may take when something is broken: so many times the CPU that it takes else, and a second."""
IMPORTING, MEMORY, HANGS = 60.0, 3 << 30, 900
"""For everything before the first test, in seconds of CPU; in bytes; and in seconds by the clock, of which only what
waits for something needs so many."""

FLAGS = __future__.annotations.compiler_flag
NOTED = "__noted__"
SURVIVED, KILLED, UNCLEAR = 0, 1, 70
Result = TypeVar("Result")


@dataclass(frozen=True)
class Place:
    """A function or a method: its name in the module, and the line of its definition or its first decorator."""

    name: str
    line: int


@dataclass(frozen=True)
class Change:
    """One way to break a function."""

    place: Place
    function: cst.FunctionDef
    original: cst.CSTNode
    broken: cst.CSTNode
    text: str
    """The function, broken."""
    in_body: bool
    """And not in its defaults, which are made where it is defined."""

    def code(self) -> types.CodeType:
        """The function, broken and compiled as it stands in its class."""
        outer, _, name = self.place.name.rpartition(".")
        text = self.text
        if outer:
            text = f"class {outer}:\n" + "".join(f"    {line}" for line in text.splitlines(keepends=True))
        found = compile(text, "<broken>", "exec", flags=FLAGS, dont_inherit=True)
        for part in (outer, name) if outer else (name,):
            found = next(c for c in found.co_consts if isinstance(c, types.CodeType) and c.co_name == part)
        return found


Alive = dict[Place, list[types.FunctionType]]


class Everywhere(MutationVisitor):
    """mutmut's mutations, in decorated functions also, whose decorators it leaves alone anyway."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return not (isinstance(node, cst.FunctionDef) and node.decorators) and super()._skip_node_and_children(node)


def changes(path: Path) -> tuple[cst.Module, list[Change]]:
    """The module, and every way to break a function of it."""
    source = path.read_text()
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = Everywhere(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    lines = wrapper.resolve(PositionProvider)
    places = {}
    for outer, function in functions(module.body):
        first = function.decorators[0] if function.decorators else function
        places[function] = Place(f"{outer}{function.name.value}", lines[first].start.line)
    bodies = {function: set(nodes(function.body)) for function in places}
    found: dict[tuple[Place, str], Change] = {}  # two that read alike are one
    for m in visitor.mutations:
        if isinstance(function := m.contained_by_top_level_function, cst.FunctionDef):
            text = cst.Module([deep_replace(function, m.original_node, m.mutated_node)]).code
            in_body = m.original_node in bodies[function]
            change = Change(places[function], function, m.original_node, m.mutated_node, text, in_body)
            found.setdefault((change.place, text), change)
    return module, list(found.values())


def functions(body: Iterable[cst.CSTNode], outer: str = "") -> Iterator[tuple[str, cst.FunctionDef]]:
    for statement in body:
        if isinstance(statement, cst.FunctionDef):
            yield outer, statement
        elif isinstance(statement, cst.ClassDef):
            yield from functions(statement.body.body, f"{outer}{statement.name.value}.")


def nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from nodes(child)


# Tests collected once, a fork for each mutant


@dataclass(frozen=True)
class Tests:
    """What was measured of the tests of a module while nothing was broken."""

    seconds: dict[str, float]
    """Of CPU, by the test's id."""
    callers: dict[int, list[str]]
    """The tests that call a function, by its line."""

    def in_order(self, items: list[pytest.Item], place: Place | None) -> list[pytest.Item]:
        """Those first that call the function; and then all, as what one test makes once another may use."""
        first = set(self.callers.get(place.line, ()) if place else ())
        return sorted(items, key=lambda item: (item.nodeid not in first, self.seconds.get(item.nodeid, 0.0)))


def verdicts(path: Path, found: list[Change], tests: list[str]) -> tuple[dict[int, bool], Tests]:
    """Whether a test fails, by the place in *found* of what was broken, where that can be told so."""
    judge = Judge(path, found)
    with noted(path, judge.imported.add):
        code = pytest.main([*PYTEST, *tests], plugins=[judge])
    if code:
        raise SystemExit(f"pytest ended with {code} on {' '.join(tests)}, though nothing is broken")
    return judge.killed, judge.measured


class Judge:
    """A plugin of pytest: has what was collected tried on one broken function after another."""

    def __init__(self, path: Path, found: list[Change]) -> None:
        self.path = path
        self.found = found
        self.imported: set[Place] = set()
        self.killed: dict[int, bool] = {}
        self.measured = Tests({}, {})

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        sys.setprofile(None)
        if session.testsfailed:
            return None  # pytest says so
        draw_once()
        alive = functions_of(self.path)
        gc.collect()
        gc.freeze()  # forks share what is not looked at
        self.measured = Tests(*apart(lambda: measured(session, self.path, alive)))
        if fails(lambda: run(self.measured.in_order(session.items, None), self.measured)):
            raise SystemExit(f"the tests fail in another order, or under these limits, in {Path.cwd()}")
        for number, change in enumerate(self.found):
            holders = alive.get(change.place, [])
            if change.place in self.imported or not change.in_body or not holders:
                continue
            if all(holder.__code__.co_freevars == (code := change.code()).co_freevars for holder in holders):
                self.killed[number] = fails(partial(self._try, session, change.place, holders, code))
        return True

    def _try(
        self, session: pytest.Session, place: Place, holders: list[types.FunctionType], code: types.CodeType
    ) -> int:
        for holder in holders:
            holder.__code__ = code
        return run(self.measured.in_order(session.items, place), self.measured)


@settings(max_examples=1)
@given(st.integers() | st.floats() | st.text() | st.binary())
def draw_once(_: object) -> None:
    """Have Hypothesis read all modules for their constants, once for all forks."""


def run(items: list[pytest.Item], measured: Tests) -> int:
    """Run the tests, up to the first that fails or does not end."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_PROF, TIMES * measured.seconds.get(item.nodeid, 0.0) + SECONDS)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            return KILLED
    return SURVIVED


def measured(session: pytest.Session, path: Path, alive: Alive) -> tuple[dict[str, float], dict[int, list[str]]]:
    """The CPU that each test takes, and the tests that call a function."""
    called: set[int] = set()
    vars(builtins)[NOTED] = called.add
    telling = telling_code(path)
    for place, holders in alive.items():
        for holder in holders:
            holder.__code__ = telling.get(place, holder.__code__)
    seconds: dict[str, float] = {}
    callers: dict[int, list[str]] = {}
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        called.clear()
        start = process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds[item.nodeid] = process_time() - start
        for line in called:
            callers.setdefault(line, []).append(item.nodeid)
    if session.testsfailed:
        raise SystemExit(f"{session.testsfailed} tests fail, though nothing is broken")
    return seconds, callers


def telling_code(path: Path) -> dict[Place, types.CodeType]:
    """The functions of the module, each of which begins by telling that it is called."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            node.body.insert(0, ast.parse(f"{NOTED}({first})").body[0])
    found, left = {}, [compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)]
    while left:
        code = left.pop()
        found[Place(code.co_qualname, code.co_firstlineno)] = code
        left += [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return found


@contextmanager
def noted(path: Path, note: Callable[[Place], object]) -> Iterator[None]:
    """Tell of every call of a function of the module."""
    name = str(path)

    def called(frame: types.FrameType, event: str, _: object) -> None:
        if event == "call" and (code := frame.f_code).co_filename == name:
            note(Place(code.co_qualname, code.co_firstlineno))

    sys.setprofile(called)
    try:
        yield
    finally:
        sys.setprofile(None)


def functions_of(path: Path) -> Alive:
    """The functions of the module that are alive."""
    found: Alive = {}
    for function in gc.get_objects():
        if isinstance(function, types.FunctionType) and (code := function.__code__).co_filename == str(path):
            found.setdefault(Place(code.co_qualname, code.co_firstlineno), []).append(function)
    return found


# Everything imported anew


@dataclass(frozen=True)
class Anew:
    """A plugin of pytest: has what was collected run as `Judge` does."""

    measured: Tests
    place: Place | None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed or run(self.measured.in_order(session.items, self.place), self.measured):
            os._exit(KILLED)
        return True


def fails_anew(work: Path, path: Path, broken: str, tests: list[str], anew: Anew) -> bool:
    """Whether a test fails when the module at *path* reads *broken*."""
    source = path.read_text()
    path.write_text(broken)
    try:
        forget_compiled(path)
        return fails(lambda: inside(work, lambda: int(pytest.main([*PYTEST, *tests], plugins=[anew]))))
    finally:
        path.write_text(source)
        forget_compiled(path)


def forget_compiled(path: Path) -> None:
    """It would be believed if it is as long and as old, to the second."""
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()


def inside(work: Path, task: Callable[[], Result]) -> Result:
    """Do it in the copy of the project that stands in *work*, without a word."""
    os.chdir(work)
    sys.path.insert(0, str(work))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return task()


# Forks


def fails(check: Callable[[], int]) -> bool:
    """Whether a test fails in a fork of this process, or does not end, or takes too much memory."""
    if not (child := os.fork()):
        try:
            signal.alarm(HANGS)
            signal.setitimer(signal.ITIMER_PROF, IMPORTING)
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            os._exit(check())
        except MemoryError:
            os._exit(KILLED)
        finally:
            os._exit(UNCLEAR)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code in (UNCLEAR, -signal.SIGALRM):
        raise SystemExit(f"no verdict ({code}) in {Path.cwd()}")
    return code != SURVIVED


def apart(task: Callable[[], Result]) -> Result:
    """Do it in a fork of this process, and give what it gives."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(task(), pipe)
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(UNCLEAR)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        result = pipe.read()
    if os.waitpid(child, 0)[1]:
        raise SystemExit(f"a part of it failed in {Path.cwd()}")
    return cast("Result", pickle.loads(result))
