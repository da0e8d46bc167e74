"""Do the tests notice? Whatever can be broken in the pure ring is broken, one thing at a time, and a test has to fail.

    python tests/mutation/run.py              every module, those that decide about sending first
    python tests/mutation/run.py retry answer only these
    python tests/mutation/run.py --record     and write down what came out, by module, at the head of survivors.txt

Only the pure tests of a module decide (``tests/sansio/test_retry.py`` for ``retry``): what its tables say has to be
enough. mutmut says how functions can be broken. What stands outside of them it leaves alone, so the limits, tables and
defaults of the critical modules are broken here; those of the others are not, being mostly sizes of ours, of which one
more would do as well, and keywords that say how a thing may be written. How it is tried out: ``mutate.py``.

Who survives is listed in ``survivors.txt`` with the reason. One that is not listed fails the run, and so does one that
is listed and does not survive.
"""

from __future__ import annotations

import ast
import copy
import difflib
import importlib
import itertools
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import entry_points
from multiprocessing import get_context
from pathlib import Path

import hypothesis
import libcst as cst
from hypothesis import Phase
from mutate import Anew, Change, Tests, apart, changes, deep_replace, fails_anew, inside, verdicts

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutation"
SURVIVORS = Path(__file__).with_name("survivors.txt")
RING = Path("viber_async/_sansio")

CRITICAL = ("retry", "answer", "reconcile", "ledger", "marker", "outcome")
"""What decides whether something is sent again, and what is believed to have been sent."""
BARS = dict.fromkeys(CRITICAL, 98.0)
BAR = 90.0
"""Per cent of the mutants that have to be killed: in these, in each of the others, and in all together."""

PRELOADED = ("cattrs.preconf.json", "httpx", "hypothesis.strategies", "respx")
PARTS = ("_model", "_shared")
"""More tests of a module, in files of their own."""
ALSO = {"converter": ("rows", "unknown"), "recipient_stream": ("unknown",), "rows": ("unknown",)}
"""Whose tests go through the module as well: what it makes is run there."""
PROCESSES = 2
TOGETHER = "together"
END_OF_HEAD = "-" * 40 + "\n"
CAST = r'cast\((None|"[^"]*"), '


@dataclass(frozen=True)
class Mutant:
    """One broken line: where, what it was, what it became."""

    where: str
    was: str
    becomes: str

    @property
    def module(self) -> str:
        return self.where.partition(".")[0]

    def __str__(self) -> str:
        return f"# {self.where}\n- {self.was}\n+ {self.becomes}"


@dataclass(frozen=True)
class Found:
    """What came out for one module."""

    killed: int
    survivors: tuple[Mutant, ...]

    def __add__(self, other: Found) -> Found:
        return Found(self.killed + other.killed, self.survivors + other.survivors)

    @property
    def total(self) -> int:
        return self.killed + len(self.survivors)

    @property
    def rate(self) -> float:
        return 100.0 * self.killed / self.total if self.total else 100.0


def main(arguments: list[str]) -> int:
    preload()
    names = [name for name in arguments if not name.startswith("-")] or modules()
    listed = read_survivors()
    found: dict[str, Found] = {}
    with ProcessPoolExecutor(PROCESSES, get_context("fork")) as pool:
        running = {pool.submit(module, name): name for name in names}
        for done in as_completed(running):
            if done.exception():
                pool.shutdown(wait=False, cancel_futures=True)
            found[name := running[done]] = done.result()
            print(line(name, found[name]), flush=True)
            print(*(f"\n{mutant}\n" for mutant in found[name].survivors if mutant not in listed), sep="", end="")
    whole = sum(found.values(), start=Found(0, ()))
    print(line(TOGETHER, whole))
    if "--record" in arguments:
        record(found)
    return verdict(found, whole, listed)


def preload() -> None:
    """Have in memory, once for all forks, what the tests import, but for the project itself."""
    sys.dont_write_bytecode = False
    for plugin in entry_points(group="pytest11"):
        if not plugin.value.startswith("viber_async"):  # whatever was imported of it would be tried unbroken
            plugin.load()
    for part in PRELOADED:
        importlib.import_module(part)
    phases = (Phase.explicit, Phase.generate)  # a mutant is dead at the first example: none has to be pretty
    hypothesis.settings.register_profile("mutation", database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutation")


def module(name: str) -> Found:
    """Break one module in every way."""
    work = WORK / name
    prepare(work)
    found, measured = in_functions(name, work)
    return found + in_constants(name, work, measured) if name in CRITICAL else found


def modules() -> list[str]:
    """Every module of the ring, the critical ones first."""
    rest = sorted({path.stem for path in (ROOT / RING).glob("*.py")} - {"__init__", *CRITICAL})
    return [*CRITICAL, *rest]


def line(name: str, found: Found) -> str:
    return f"{name:18} {found.total:5} mutants {len(found.survivors):4} survive {found.rate:6.1f} % killed"


def verdict(found: dict[str, Found], whole: Found, listed: dict[Mutant, str]) -> int:
    """Say what is wrong, and give the exit code."""
    bars = {name: BARS.get(name, BAR) for name in found} | {TOGETHER: BAR}
    rates = {name: one.rate for name, one in found.items()} | {TOGETHER: whole.rate}
    problems = [f"{name}: below {bar} %" for name, bar in bars.items() if rates[name] < bar]
    survive = set(whole.survivors)
    problems += [
        f"survives, and is not listed:\n{mutant}\n= why?" for mutant in sorted(survive - listed.keys(), key=str)
    ]
    problems += [
        f"is listed, and does not survive:\n{mutant}"
        for mutant in listed
        if mutant not in survive and (mutant.module in found or mutant.module not in modules())
    ]
    print(*problems, sep="\n\n")
    return 1 if problems else 0


# What is written down


def read_survivors() -> dict[Mutant, str]:
    """The mutants that are known to survive, each with the reason."""
    known: dict[Mutant, str] = {}
    for block in SURVIVORS.read_text().partition(END_OF_HEAD)[2].strip().split("\n\n"):
        marks = [(text[:1], text[2:]) for text in block.strip().splitlines()]
        if [mark for mark, _ in marks] != ["#", "-", "+", "="] or not marks[3][1].strip(" ?"):
            raise SystemExit(f"{SURVIVORS.name}: not '# where', '- was', '+ becomes', '= reason':\n{block}")
        known[Mutant(*(text for _, text in marks[:3]))] = marks[3][1]
    return known


def record(found: dict[str, Found]) -> None:
    """Write the figures of these modules, beside those of the others, at the head of the list."""
    head, _, rest = SURVIVORS.read_text().partition(END_OF_HEAD)
    known = {name: (int(killed), int(total)) for name, killed, total, _ in map(str.split, head.splitlines()[1:])}
    known |= {name: (one.killed, one.total) for name, one in found.items()}
    known = {name: known[name] for name in modules() if name in known}
    known[TOGETHER] = (sum(killed for killed, _ in known.values()), sum(total for _, total in known.values()))
    rows = [f"{name:18} {killed:6} {total:6} {100 * killed / total:7.1f}" for name, (killed, total) in known.items()]
    heading = f"{'module':18} killed of all per cent"
    SURVIVORS.write_text("\n".join([heading, *rows, END_OF_HEAD]) + rest)


def prepare(work: Path) -> None:
    """Lay out a copy of the project in which something may be broken."""
    shutil.rmtree(work, ignore_errors=True)
    for part in ("tests", "viber_async"):
        shutil.copytree(ROOT / part, work / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", work)


def tests_of(name: str) -> list[str]:
    """The pure tests of the module."""
    names = [*(f"{name}{part}" for part in ("", *PARTS)), *ALSO.get(name, ())]
    files = [ROOT / "tests" / "sansio" / f"test_{each}.py" for each in names]
    if not files[0].exists():
        raise SystemExit(f"there is no {files[0].name}")
    return [str(path.relative_to(ROOT)) for path in files if path.exists()]


# What stands in functions


def in_functions(name: str, work: Path) -> tuple[Found, Tests]:
    """Break the functions of a module; give also what was measured of the tests."""
    path, tests = work / RING / f"{name}.py", tests_of(name)
    whole, found = changes(path)
    found = [change for change in found if is_something(described(name, change))]
    killed, measured = apart(lambda: inside(work, lambda: verdicts(path, found, tests)))
    for number, change in enumerate(found):
        if number not in killed:
            broken = cst.ensure_type(deep_replace(whole, change.original, change.broken), cst.Module).code
            killed[number] = fails_anew(work, path, broken, tests, Anew(measured, change.place))
    survivors = tuple(described(name, change) for number, change in enumerate(found) if not killed[number])
    return Found(len(found) - len(survivors), survivors), measured


def is_something(mutant: Mutant) -> bool:
    """Whether anything changes at run time: what `cast` is told does not count."""
    return re.sub(CAST, "cast(", mutant.was) != re.sub(CAST, "cast(", mutant.becomes)


def described(name: str, change: Change) -> Mutant:
    """Name a mutant by its function and its text, which stay when other lines are edited."""
    texts = [text.splitlines() for text in (cst.Module([change.function]).code, change.text)]
    edits = list(difflib.unified_diff(*texts, n=0, lineterm=""))[3:]
    was, becomes = (" ".join(text[1:].strip() for text in edits if text[:1] == mark) for mark in "-+")
    return Mutant(f"{name}.{change.place.name}", was, becomes)


# What stands outside of functions


def in_constants(name: str, work: Path, measured: Tests) -> Found:
    """Break the limits, tables and defaults of a module."""
    path, tests = work / RING / f"{name}.py", tests_of(name)
    killed, survivors = 0, []
    for mutant, broken in broken_constants(name, path.read_text()):
        if fails_anew(work, path, broken, tests, Anew(measured, None)):
            killed += 1
        else:
            survivors.append(mutant)
    return Found(killed, tuple(survivors))


def broken_constants(module: str, source: str) -> Iterator[tuple[Mutant, str]]:
    """Every way to break what the module says outside of its functions, with the text of the module then."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    data = b"".join(lines)
    seen: set[Mutant] = set()
    for where, value in values(ast.parse(source).body, module):
        for mutant, node, becomes in broken(value, where):
            if mutant not in seen:  # two alike in one place are one
                seen.add(mutant)
                begin = starts[node.lineno - 1] + node.col_offset
                end = starts[node.end_lineno - 1] + node.end_col_offset
                yield mutant, (data[:begin] + ast.unparse(becomes).encode() + data[end:]).decode()


def values(body: list[ast.stmt], where: str) -> Iterator[tuple[str, ast.expr]]:
    """What is assigned in a module and in its classes, with the name that it is assigned to."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from values(statement.body, f"{where}.{statement.name}")
        elif isinstance(statement, ast.Assign):
            yield f"{where}.{ast.unparse(statement.targets[0])}", statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            yield f"{where}.{ast.unparse(statement.target)}", statement.value


def broken(node: ast.expr, where: str) -> Iterator[tuple[Mutant, ast.expr, ast.expr]]:  # noqa: C901 - a table
    """What may stand in place of *node*, or of a part of it; a sentence may say what it likes."""
    match node:
        case ast.Constant(value=str(text)) if len(text.split()) > MOST_WORDS:
            return
        case ast.Constant(value=str() | int() | float() as value) if not isinstance(value, bool):
            other = ast.Constant(f"XX{value}XX" if isinstance(value, str) else value + 1)
            yield Mutant(where, ast.unparse(node), ast.unparse(other)), node, other
        case ast.Constant(value=bool(value)):
            yield Mutant(where, str(value), str(not value)), node, ast.Constant(not value)
        case ast.Dict(keys=keys, values=entries):
            for i, (key, value) in enumerate(zip(keys, entries, strict=True)):
                inside = f"{where}[{ast.unparse(key)}]" if key else where
                yield Mutant(inside, ast.unparse(value), GONE), node, fewer(node, i, "keys", "values")
                for other in [v for v in entries[i:] + entries[:i] if ast.dump(v) != ast.dump(value)][:1]:
                    yield Mutant(inside, ast.unparse(value), ast.unparse(other)), value, other
                yield from broken(value, inside)
        case ast.Subscript(value=part):  # what stands in its brackets is a type
            yield from broken(part, where)
        case ast.Set(elts=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            for i, part in enumerate(parts):
                yield Mutant(where, ast.unparse(part), GONE), node, fewer(node, i, "elts")
                yield from broken(part, where)
        case _:
            for part in ast.iter_child_nodes(node):
                named = part.value if isinstance(part, ast.keyword) else part
                if isinstance(named, ast.expr):
                    yield from broken(named, where)


GONE = "(left out)"
MOST_WORDS = 3


def fewer(node: ast.expr, index: int, *lists: str) -> ast.expr:
    """The same without one of its entries."""
    left = copy.deepcopy(node)
    for name in lists:
        del getattr(left, name)[index]
    return ast.Call(ast.Name("set"), [], []) if isinstance(left, ast.Set) and not left.elts else left


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
