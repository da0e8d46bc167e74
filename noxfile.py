"""What one may want to know of this project, each as a session: ``nox -l`` lists them, ``nox`` runs the usual ones."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["tests", "tests_httpx2", "coverage", "lint", "types", "docs_snippets", "docs"]

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())
VERSIONS = [
    text.rpartition(" ")[2]
    for text in PROJECT["project"]["classifiers"]
    if text.startswith("Programming Language :: Python :: 3.")
]
SIDE_BY_SIDE = ("-n", "4", "--dist", "worksteal")
ON_HTTPX2 = ("-p", "tests.on_httpx2", "-W", "ignore::pytest.PytestAssertRewriteWarning")  # anyio is there before pytest


def install(session: nox.Session, *groups: str) -> None:
    """Install the project with its extras, and the dependency groups."""
    session.install("--quiet", "--upgrade", "pip")  # dependency groups need pip 25.1
    wanted = [part for group in groups for part in ("--group", group)]
    session.install("--quiet", "-e", ".[all]", *wanted)


@nox.session(python=VERSIONS)
def tests(session: nox.Session) -> None:
    """Does everything work, on every Python that we claim and that is installed here?"""
    install(session, "test")
    session.run("coverage", "run", "-m", "pytest", *SIDE_BY_SIDE, *session.posargs)


@nox.session(python=VERSIONS[0])
def tests_httpx2(session: nox.Session) -> None:
    """Does everything work on httpx2 as well?"""
    install(session, "test", "httpx2")
    session.run("python", "-m", "pytest", *ON_HTTPX2, *SIDE_BY_SIDE, *session.posargs)


@nox.session(python=VERSIONS[0])
def coverage(session: nox.Session) -> None:
    """Is every branch of the package run by a test? Run after ``tests``."""
    session.install("--quiet", "coverage[toml]")
    session.run("coverage", "combine")
    session.run("coverage", "report", "--fail-under=100")


@nox.session(python=VERSIONS[0])
def lint(session: nox.Session) -> None:
    """Is it written as we write?"""
    session.install("--quiet", "--upgrade", "pip")
    session.install("--quiet", "--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=VERSIONS[0])
def types(session: nox.Session) -> None:
    """Do the types hold, for two strict checkers?"""
    install(session, "types")
    session.run("mypy", "viber_async", "tests/typing")
    session.run("pyright")


@nox.session(python=VERSIONS[0])
def docs_snippets(session: nox.Session) -> None:
    """Does every example in README and docs run as it stands?"""
    install(session, "test")
    session.run("pytest", "tests/test_snippets.py", *session.posargs)


@nox.session(python=VERSIONS[0])
def stability(session: nox.Session) -> None:
    """Do the tests pass fifty times in a row, in another order each time?"""
    install(session, "test")
    for _ in range(int(session.posargs[0]) if session.posargs else 50):
        session.run("pytest", "-q", *SIDE_BY_SIDE)


@nox.session(python=VERSIONS[0])
def kill(session: nox.Session) -> None:
    """Is there ever a second campaign, or a ledger that lies, when the client is killed five hundred times?"""
    install(session, "test")
    session.run("pytest", "tests/processes/test_kill.py", env={"VIBER_TEST_KILLS": "500"})


@nox.session(python=VERSIONS[0])
def kill_sync(session: nox.Session) -> None:
    """Is anybody missing, or removed against the plan, when syncs of 100 000 phones are killed a hundred times?"""
    install(session, "test")
    settings = {"VIBER_TEST_SYNC_KILLS": "100", "VIBER_TEST_SYNC_ROWS": "100000"}
    session.run("pytest", "-rP", "tests/processes/test_kill_sync.py", *session.posargs, env=settings)


@nox.session(python=VERSIONS[0])
def cancel(session: nox.Session) -> None:
    """Is anything missing after twenty thousand cancels on either httpx, or after five thousand calls at once?"""
    many = {"VIBER_TEST_CANCELS": "20000", "VIBER_TEST_CROWD": "5000"}
    how = ("-rP", "-p", "no:xdist", "tests/wire/test_cancels.py", *session.posargs)
    install(session, "test")
    session.run("pytest", *how, "tests/processes/test_endings.py", env=many)
    install(session, "httpx2")
    session.run("python", "-m", "pytest", *ON_HTTPX2, *how, env=many)


@nox.session(python=VERSIONS[0])
def soak(session: nox.Session) -> None:
    """Does memory rise, or do descriptors or tasks, in ten minutes of mixed traffic (or as many as are given)?"""
    install(session, "test")
    minutes = session.posargs[0] if session.posargs else "10"
    session.run("pytest", "-rP", "-p", "no:xdist", "tests/wire/test_soak.py", env={"VIBER_TEST_SOAK": minutes})


@nox.session(python=VERSIONS[0])
def fleet(session: nox.Session) -> None:
    """Do eight processes share one allowance through Redis, strictly, for half a minute? Does a killed worker harm?"""
    install(session, "test")
    required = {"VIBER_TEST_FLEET": session.posargs[0] if session.posargs else "30", "VIBER_TEST_REQUIRE_REDIS": "1"}
    session.run("pytest", "-rP", "-p", "no:xdist", "tests/fleet", env=required)


@nox.session(python=VERSIONS[0])
def model(session: nox.Session) -> None:
    """Do the rules of "at most once" hold for every combination of delays? A minute instead of seconds."""
    install(session, "test")
    session.run("pytest", "--timeout=600", "tests/sansio/test_ledger_model.py", env={"VIBER_TEST_MODEL": "1"})


@nox.session(python=VERSIONS[0])
def simulation(session: nox.Session) -> None:
    """Is anything untrue said, or any campaign made twice, in ten thousand seeds of faults, cancels and crashes?"""
    install(session, "test")
    seeds, first = (*session.posargs, *("10000", "0")[len(session.posargs) :])
    settings = {"VIBER_TEST_SEEDS": seeds, "VIBER_TEST_FIRST_SEED": first}
    session.run("pytest", "tests/simulation", env=settings)


@nox.session(python=VERSIONS[0])
def sync_simulation(session: nox.Session) -> None:
    """Is nobody lost in three thousand syncs with faults, kills, and people who say stop meanwhile?"""
    install(session, "test")
    session.run("pytest", "--timeout=1800", "tests/sync/test_simulation.py", env={"VIBER_TEST_SEEDS": "3000"})


@nox.session(python=VERSIONS[0])
def walks(session: nox.Session) -> None:
    """Does no walk lose a row that stays, in twenty thousand lists that change while their pages are under way?"""
    install(session, "test")
    how = ("--timeout=1800", "-k", "ahead or answered_first or trouble", "tests/sansio/test_paging.py")
    session.run("pytest", *how, "tests/shell/test_ahead.py", env={"VIBER_TEST_WALKS": "20000"})


@nox.session(python=VERSIONS[0])
def mutation(session: nox.Session) -> None:
    """Does a test fail, whatever is broken in the pure ring? Names of modules narrow it down."""
    install(session, "test", "mutation")
    session.run("python", "tests/mutation/run.py", *session.posargs)


@nox.session(python=VERSIONS[0])
def bench(session: nox.Session) -> None:
    """What does it cost, beside the least that it could cost?"""
    install(session, "test", "bench", "httpx2")
    session.run("python", "benchmarks", *session.posargs)


@nox.session(python=VERSIONS[0])
def docs(session: nox.Session) -> None:
    """Does the site build without a warning? It lies in ``site/`` then, to be opened in a browser."""
    install(session, "docs")
    session.run("mkdocs", "build", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(python=VERSIONS[0])
def build(session: nox.Session) -> None:
    """Can it be built, and does the result install and run on its own?"""
    shutil.rmtree("dist", ignore_errors=True)
    session.install("--quiet", "build", "twine")
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    session.install("--quiet", "--force-reinstall", *map(str, Path("dist").glob("*.whl")))
    session.run("python", "-c", "import viber_async; print(viber_async.__version__)")
    page = 'files("viber_async").joinpath("sandbox", "inbox", "page", "index.html")'
    session.run("python", "-c", f"from importlib.resources import files; print({page}.read_text()[:15])")
