"""Do the tests notice? Whatever can be broken in the pure ring is broken, one thing at a time, and a test has to fail.

    python tests/mutation/run.py              every module, those that decide about sending first
    python tests/mutation/run.py retry answer only these
    python tests/mutation/run.py --fresh      believe nothing that was found before

Only the pure tests of a module decide (``tests/sansio/test_retry.py`` for ``retry``): what its tables say has to be
enough. mutmut breaks the functions. What stands outside of them it leaves alone, so the limits, tables and defaults of
the critical modules are broken here.

Who survives is listed in ``survivors.txt`` with the reason. In a critical module one that is not listed fails the run,
and everywhere one that is listed and does not survive. What was killed is remembered in ``.mutation`` until its
function changes; survivors are tried again each time.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import hashlib
import importlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutation"
SURVIVORS = Path(__file__).with_name("survivors.txt")
RING = Path("viber_async/_sansio")

CRITICAL = ("retry", "answer", "reconcile", "ledger", "outcome")
"""What decides whether something is sent again, and what is believed to have been sent."""
BARS = dict.fromkeys(CRITICAL, 98.0)
BAR = 90.0
"""Per cent of the mutants that have to be killed: in each of these, and in all together."""

PRELOADED = ("cattrs.preconf.json", "httpx", "anyio", "hypothesis.strategies", "pytest_asyncio.plugin", "respx")
QUIET = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
PYTEST = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:unraisableexception", "--hypothesis-seed=0"]


CAST = r'cast\((None|"[^"]*"), '


@dataclass(frozen=True)
class Mutant:
    """One broken line: where, what it was, what it became."""

    where: str
    was: str
    becomes: str

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
    for part in PRELOADED:
        importlib.import_module(part)
    names = [name for name in arguments if not name.startswith("-")] or modules()
    if "--fresh" in arguments:
        for name in names:
            shutil.rmtree(WORK / name, ignore_errors=True)
    found = {}
    for name in names:
        prepare(name)
        found[name] = functions(name) + constants(name) if name in CRITICAL else functions(name)
        print(line(name, found[name]), flush=True)
    whole = sum(found.values(), start=Found(0, ()))
    print(line("together", whole))
    return verdict(found, whole)


def modules() -> list[str]:
    """Every module of the ring, the critical ones first."""
    rest = sorted({path.stem for path in (ROOT / RING).glob("*.py")} - {"__init__", *CRITICAL})
    return [*CRITICAL, *rest]


def line(name: str, found: Found) -> str:
    return f"{name:18} {found.total:5} mutants {len(found.survivors):4} survive {found.rate:6.1f} % killed"


def verdict(found: dict[str, Found], whole: Found) -> int:
    """Say what is wrong, and give the exit code."""
    problems = [f"{name}: below {bar} %" for name, bar in BARS.items() if name in found and found[name].rate < bar]
    if whole.rate < BAR:
        problems.append(f"together: below {BAR} %")
    listed = {m: reason for m, reason in read_survivors().items() if m.where.partition(".")[0] in found}
    survive = set(whole.survivors)
    for mutant in sorted(survive - listed.keys(), key=str):
        if mutant.where.partition(".")[0] in CRITICAL:
            problems.append(f"survives, and is not listed:\n{mutant}\n= why?")
        else:
            print(f"{mutant}\n")
    problems += [f"is listed, and does not survive:\n{mutant}" for mutant in listed if mutant not in survive]
    print(*problems, sep="\n\n")
    return 1 if problems else 0


def read_survivors() -> dict[Mutant, str]:
    """The mutants that are known to survive, each with the reason."""
    known: dict[Mutant, str] = {}
    for block in SURVIVORS.read_text().split("\n\n"):
        marks = [(text[:1], text[2:]) for text in block.strip().splitlines()]
        if [mark for mark, _ in marks] != ["#", "-", "+", "="] or not marks[3][1].strip(" ?"):
            raise SystemExit(f"{SURVIVORS.name}: not '# where', '- was', '+ becomes', '= reason':\n{block}")
        known[Mutant(*(text for _, text in marks[:3]))] = marks[3][1]
    return known


def prepare(name: str) -> None:
    """Lay out a copy of the project in which only this module is broken."""
    work = WORK / name
    work.mkdir(parents=True, exist_ok=True)
    for part in ("tests", "mutants/tests"):
        shutil.rmtree(work / part, ignore_errors=True)
    for part in ("tests", "viber_async"):
        shutil.copytree(ROOT / part, work / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    settings = {
        "source_paths": ["viber_async"],
        "only_mutate": [str(RING / f"{name}.py")],
        "pytest_add_cli_args": PYTEST,
        "pytest_add_cli_args_test_selection": tests_of(name),
        "timeout_multiplier": 10,
        "use_git_change_detection": False,
    }
    ours = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    (work / "pyproject.toml").write_text(f"{(ROOT / 'pyproject.toml').read_text()}\n[tool.mutmut]\n{ours}")


def tests_of(name: str) -> list[str]:
    """The pure tests of the module; where none are named like it, those of files that import it; else all."""
    named = ROOT / "tests" / "sansio" / f"test_{name}.py"
    wanted = re.compile(rf"from viber_async\._sansio(\.{name} import| import (.*, )?{name}\b)")
    importing = [path for path in sorted(named.parent.glob("test_*.py")) if wanted.search(path.read_text())]
    files = [named] if named.exists() else importing or [named.parent]
    return [str(path.relative_to(ROOT)) for path in files]


# What stands in functions: mutmut


def functions(name: str) -> Found:
    """Break the functions of a module."""
    work, path = WORK / name, RING / f"{name}.py"
    forget_survivors(meta := work / "mutants" / f"{path}.meta")
    with (work / "mutmut.log").open("w") as log:
        command = [sys.executable, Path(__file__).with_name("mutate.py")]
        done = subprocess.run(command, cwd=work, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"mutmut failed on {name}: see {log.name}")
    codes = json.loads(meta.read_text())["exit_code_by_key"]
    alive = [key for key, code in codes.items() if not is_killed(code)]
    with contextlib.chdir(work):
        survivors = [described(name, key, get_diff_for_mutant(key, path=path)) for key in alive]
    return Found(len(codes) - len(alive), tuple(mutant for mutant in survivors if is_something(mutant)))


def is_something(mutant: Mutant) -> bool:
    """Whether anything changes at run time: what `cast` is told does not count."""
    return re.sub(CAST, "cast(", mutant.was) != re.sub(CAST, "cast(", mutant.becomes)


def is_killed(code: int | None) -> bool:
    """Whether a test failed, or did not end."""
    return status_by_exit_code[code] in ("killed", "timeout")


def forget_survivors(meta: Path) -> None:
    """Have those tried again that survived: the tests may be better now."""
    if meta.exists():
        data = json.loads(meta.read_text())
        data["exit_code_by_key"] = {k: c if is_killed(c) else None for k, c in data["exit_code_by_key"].items()}
        meta.write_text(json.dumps(data))


def described(module: str, key: str, diff: str) -> Mutant:
    """Name a mutant by its function and its text: mutmut's numbers move with every edit."""
    mangled = key.rpartition(".")[2].partition("__mutmut_")[0]
    function = mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    was, becomes = (" ".join(t[1:].strip() for t in diff.splitlines()[2:] if t[:1] == mark) for mark in "-+")
    return Mutant(f"{module}.{function}", was, becomes)


# What stands outside of functions


def constants(name: str) -> Found:
    """Break the limits, tables and defaults of a module."""
    work, path = WORK / name, RING / f"{name}.py"
    source, times = (work / path).read_text(), (work / path).stat()
    remembered = work / "constants.json"
    known = json.loads(remembered.read_text()) if remembered.exists() else {}
    digest = hashlib.sha256(source.encode()).hexdigest()
    killed = set(known.get(digest, ()))
    survivors = []
    if fails(work, tests := tests_of(name)):
        raise SystemExit(f"the tests of {name} fail though nothing is broken")
    for mutant, broken in broken_constants(name, source):
        if str(mutant) in killed:
            continue
        (work / path).write_text(broken)
        for compiled in (work / path).parent.glob(f"__pycache__/{name}.*"):
            compiled.unlink()  # it would be believed if it is as long and as old, to the second
        if fails(work, tests):
            killed.add(str(mutant))
        else:
            survivors.append(mutant)
        remembered.write_text(json.dumps({digest: sorted(killed)}))
    (work / path).write_text(source)
    os.utime(work / path, ns=(times.st_atime_ns, times.st_mtime_ns))  # mutmut goes by it
    return Found(len(killed), tuple(survivors))


def fails(work: Path, tests: list[str]) -> bool:
    """Run *tests* in a fork of this process, which has what they import except for the package itself."""
    if not (child := os.fork()):
        try:
            os.chdir(work)
            sys.path.insert(0, str(work))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            os._exit(pytest.main(["-x", "-q", *QUIET, *PYTEST, *tests]))
        finally:
            os._exit(70)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code in range(5):  # 2 to 4: it cannot even be imported
        return code != 0
    raise SystemExit(f"pytest ended with {code} on {' '.join(tests)} in {work}")


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
