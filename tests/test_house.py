"""The plan of the house: what is public, what is pure, what may import what."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import viber_async
from viber_async import errors

PACKAGE = Path(viber_async.__file__).parent
PURE = sorted((PACKAGE / "_sansio").glob("*.py"))

CONTRACT = set(
    """
    ViberSession ClientCredentials ApiKey Timeout RetryPolicy RateLimit RateLimiter TokenStore ApiResponse
    CampaignDraft Button Image ResendSms CreatedCampaign CampaignSummary Campaign CampaignRecipients Recipient
    MessageType CampaignStatus RecipientStatus SenderStatus Sender BlacklistEntry BlacklistAdded BlacklistRemoved
    Pages SyncPlan SyncReport SyncProgress RefusedPhone
    Delivery to_dict Ledger LedgerRow SqliteLedger FileTokenStore CreateHandle Reconciliation
    Verdict
    """.split()  # noqa: SIM905 - a table of names is easier to read than a column of quotes
)
"""The names that users write against and that exist by now."""

WAITING_OR_GUESSING = {"httpx", "anyio", "asyncio", "time", "random", "socket", "threading"}


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, by its full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def test_the_contracts_names_are_public() -> None:
    """What users write against can be imported from the top."""

    assert set(viber_async.__all__) >= CONTRACT
    assert len(set(viber_async.__all__)) == len(viber_async.__all__)


def test_the_public_page_is_what_can_be_reached() -> None:
    """Every listed name exists, and nothing public is left off the list."""
    reachable = {
        name for name in dir(viber_async) if not name.startswith("_") and not _is_module(getattr(viber_async, name))
    } | {"__version__"}

    assert reachable == set(viber_async.__all__)


def test_what_checkers_see_is_what_the_interpreter_finds() -> None:
    """Names are imported when they are first used; both lists say from where, and no other name exists."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If) and "not" not in ast.unparse(node.test))
    seen = {
        name.name: imported.module
        for imported in block.body
        if isinstance(imported, ast.ImportFrom)
        for name in imported.names
    }

    assert seen == {name: f"viber_async.{home}" for name, home in vars(viber_async)["_HOME_OF"].items()}
    with pytest.raises(AttributeError, match="no attribute 'VibrSession'"):
        getattr(viber_async, "VibrSession")  # noqa: B009 - a checker would refuse it, as it should


def _is_module(value: object) -> bool:
    return isinstance(value, type(sys))


def test_every_error_is_public() -> None:
    """Whoever catches one finds it at the top."""
    tree = {n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, errors.ViberError)}

    assert tree <= set(viber_async.__all__)


def test_every_public_class_and_function_says_what_it_is() -> None:
    """A docstring for each name, and for each public method of it."""
    silent = []
    for name in viber_async.__all__:
        value = getattr(viber_async, name)
        if isinstance(value, type) and value.__module__.startswith("viber_async"):
            members = {f"{name}.{n}": m for n, m in vars(value).items() if not n.startswith("_") and callable(m)}
            silent += [n for n, m in {name: value, **members}.items() if not (m.__doc__ or "").strip()]

    assert silent == []


@pytest.mark.parametrize("path", PURE, ids=lambda p: p.stem)
def test_what_decides_does_not_wait(path: Path) -> None:
    """The inner ring holds no network, no loop, no clock and no chance; they come in as arguments."""
    tree = ast.parse(path.read_text())
    clocks = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today", "monotonic", "perf_counter"}
    ]

    assert not {name.partition(".")[0] for name in imports_of(path)} & WAITING_OR_GUESSING
    assert clocks == []
    assert not [n for n in ast.walk(tree) if isinstance(n, (ast.AsyncFunctionDef, ast.Await))]


@pytest.mark.parametrize("path", PURE, ids=lambda p: p.stem)
def test_the_inner_ring_knows_only_itself_and_the_errors(path: Path) -> None:
    """Arrows point inward."""
    ours = {name for name in imports_of(path) if name.startswith("viber_async")}

    assert all(name.startswith(("viber_async._sansio", "viber_async.errors")) or name == "viber_async" for name in ours)


def test_only_three_files_of_the_client_know_httpx() -> None:
    """So that moving to another httpx is a decision, not a project; elsewhere it is a type at most."""
    knowing = {p.relative_to(PACKAGE).parts[0] for p in PACKAGE.rglob("*.py") if _knows_httpx(p)}

    assert knowing <= {"_origin.py", "_transport.py", "_connections.py", "sandbox", "testing"}


def _knows_httpx(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    for_types = [
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
    ]
    imported = [n for n in ast.walk(tree) if isinstance(n, ast.Import) and any(m.name == "httpx" for m in n.names)]
    return any(node not in for_types for node in imported)


def test_the_sandbox_and_the_client_do_not_know_each_other() -> None:
    """A stand-in that shares the client's code would share its mistakes; what its page draws may know a marker."""
    page = PACKAGE / "sandbox" / "inbox" / "_view.py"
    sandbox = set().union(*(imports_of(p) for p in (PACKAGE / "sandbox").rglob("*.py") if p != page))
    shown = {name for name in imports_of(page) if not name.startswith("viber_async.sandbox")}
    both = {"sandbox", "cli", "testing"}
    client = set().union(
        *(imports_of(p) for p in PACKAGE.rglob("*.py") if not both & set(p.relative_to(PACKAGE).parts))
    )

    assert {n for n in sandbox if n.startswith("viber_async") and not n.startswith("viber_async.sandbox")} == set()
    assert {n for n in shown if n.startswith("viber_async")} == {
        "viber_async._sansio.marker",
        "viber_async._sansio.marker.parted",
    }
    assert not any(n.startswith("viber_async") for n in imports_of(PACKAGE / "_sansio" / "marker.py"))
    assert {n for n in client if n.startswith("viber_async.sandbox")} == set()


def test_importing_the_package_imports_no_extra() -> None:
    """What is an extra is imported only where it is used."""
    extras = [
        "starlette",
        "uvicorn",
        "typer",
        "rich",
        "redis",
        "fastapi",
        "aiohttp",
        "taskiq",
        "opentelemetry",
        "pytest",
    ]
    code = (  # httpx itself imports rich, for its own command, where it finds it
        f"import sys, httpx; known = set(sys.modules); import viber_async; "
        f"print([n for n in {extras} if n in sys.modules and n not in known])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"


@pytest.mark.parametrize("name", ["fastapi", "aiohttp", "taskiq"])
def test_an_integration_imports_no_other_framework(name: str) -> None:
    """Who installs one extra needs no other."""
    others = {"fastapi", "aiohttp", "taskiq", "redis", "uvicorn", "typer"} - {name}
    tree = imports_of(PACKAGE / "integrations" / f"{name}.py") | imports_of(PACKAGE / "integrations" / "_answers.py")

    assert {each.partition(".")[0] for each in tree} & others == set()
    assert name in {each.partition(".")[0] for each in tree}


def test_every_module_can_be_imported_and_opens_with_its_rule() -> None:
    """No circle, and a sentence at the top of each file."""
    names = [m.name for m in pkgutil.walk_packages(viber_async.__path__, "viber_async.")]
    silent = [n for n in names if not n.endswith("__main__") and not importlib.import_module(n).__doc__]

    assert silent == []
    assert len(names) > 30


def test_the_package_says_that_it_is_typed() -> None:
    """Type checkers look for the marker."""

    assert (PACKAGE / "py.typed").exists()
