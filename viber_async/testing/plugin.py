"""The pytest plugin: a provider to run against, a session on it, and the environment that leads to it.

`viber_sandbox` serves on loopback in the loop of an async test (of pytest-asyncio or of anyio's plugin), and in a
thread of its own for any other test, so that a test client that runs your application elsewhere finds it too.
Its clock stands still until ``viber_sandbox.advance(seconds)``, and its rate limit is lifted: override
`viber_sandbox_options` and `viber_session_options` for other ways.
"""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from viber_async import ViberSession
    from viber_async.sandbox import Sandbox

SCOPES: Final = ("function", "class", "module", "package", "session")
"""Whose loop an async test of pytest-asyncio can run in."""


@pytest.fixture
def viber_sandbox_options() -> dict[str, Any]:
    """Override this to give arguments of `Sandbox`, such as ``{"senders": [...]}`` or ``{"rate_limit": (10, 1.0)}``."""
    return {}


@pytest.fixture
def viber_session_options() -> dict[str, Any]:
    """Override this to give arguments of `ViberSession`, such as ``{"time_zone": ZoneInfo("Europe/Kyiv")}``."""
    return {}


@pytest.fixture
def viber_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """A stand-in of the provider, new for each test."""
    return cast("Sandbox", request.getfixturevalue(f"_viber_sandbox_{_who_awaits(request)}"))


@pytest.fixture
def viber_session(request: pytest.FixtureRequest) -> ViberSession:
    """An open session on `viber_sandbox`, with a ledger; closed after the test. For async tests."""
    who = _who_awaits(request)
    if who == "thread":
        raise pytest.UsageError(
            "viber_session belongs to the loop of an async test, and this test has none: make it `async def` (with "
            "pytest-asyncio or anyio's plugin), or let your code make its session from viber_environment"
        )
    return cast("ViberSession", request.getfixturevalue(f"_viber_session_{who}"))


@pytest.fixture
def viber_environment(viber_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Let ``ViberSession.from_env()`` lead to `viber_sandbox`, which it gives."""
    monkeypatch.delenv("SENDPULSE_API_KEY", raising=False)
    monkeypatch.setenv("SENDPULSE_API_ID", viber_sandbox.credentials.client_id)
    monkeypatch.setenv("SENDPULSE_API_SECRET", viber_sandbox.credentials.client_secret)
    monkeypatch.setenv("SENDPULSE_BASE_URL", viber_sandbox.url)
    return viber_sandbox


def _who_awaits(request: pytest.FixtureRequest) -> str:
    """Give whose loop the test runs in: "anyio", "asyncio_" and a scope, or "thread" for a test that has none."""
    by_anyio = "anyio_backend" in request.fixturenames
    if _is_pytest_asyncios(request):
        if by_anyio:  # whose plugin makes every async fixture of such a test, in a loop of its own
            raise pytest.UsageError(
                "pytest-asyncio's auto mode has taken this test, and anyio's plugin its fixtures, in two event loops: "
                "leave out anyio's marker, or say asyncio_mode = strict in pytest's configuration"
            )
        marker = request.node.get_closest_marker("asyncio")
        usual = request.config.getini("asyncio_default_test_loop_scope") or "function"
        return f"asyncio_{marker.kwargs.get('loop_scope', usual) if marker else usual}"
    if by_anyio:
        if (name := request.getfixturevalue("anyio_backend_name")) != "asyncio":
            raise pytest.UsageError(
                f"viber_async runs on asyncio, and this test on {name}: let a fixture anyio_backend give 'asyncio'"
            )
        return "anyio"
    if _is_async(request.function):
        raise pytest.UsageError(
            "nobody runs this async test: with pytest-asyncio mark it @pytest.mark.asyncio, or say asyncio_mode = auto "
            "in pytest's configuration; with anyio's plugin mark it @pytest.mark.anyio"
        )
    return "thread"


def _is_pytest_asyncios(request: pytest.FixtureRequest) -> bool:
    if not request.config.pluginmanager.has_plugin("asyncio"):
        return False
    import pytest_asyncio  # noqa: PLC0415 - it need not be there

    return pytest_asyncio.is_async_test(request.node)


def _is_async(test: Any) -> bool:
    """Tell whether the function of a test is a coroutine function, as it stands or below what Hypothesis made of it."""
    return inspect.iscoroutinefunction(getattr(getattr(test, "hypothesis", None), "inner_test", test))


@asynccontextmanager
async def _serving(options: dict[str, Any]) -> AsyncGenerator[Sandbox]:
    from viber_async.sandbox import Sandbox, SandboxClock  # noqa: PLC0415 - every run of pytest imports this module

    usual: dict[str, Any] = {"rate_limit": None, "clock": SandboxClock(frozen=True)}
    async with Sandbox(**{**usual, **options}) as sandbox:
        yield sandbox


@asynccontextmanager
async def _opened(sandbox: Sandbox, folder: Path, options: dict[str, Any]) -> AsyncGenerator[ViberSession]:
    from viber_async import RateLimit, SqliteLedger, ViberSession  # noqa: PLC0415 - as above

    usual: dict[str, Any] = {
        "base_url": sandbox.url,
        "rate_limit": RateLimit(1000, per=0.1),
        "ledger": SqliteLedger(folder / "viber-ledger"),
    }
    async with ViberSession(sandbox.credentials, **{**usual, **options}) as session:
        yield session


@pytest.fixture
def _viber_sandbox_thread(viber_sandbox_options: dict[str, Any]) -> Iterator[Sandbox]:
    from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - as above

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_serving(viber_sandbox_options)) as sandbox,
    ):
        yield sandbox


def _awaited_by(fixture: Any, who: str, **how: Any) -> dict[str, Any]:
    """Give the two fixtures that open and close in an event loop: *fixture* makes them, for the loop of *who*."""

    async def sandbox(viber_sandbox_options: dict[str, Any]) -> AsyncGenerator[Sandbox]:
        async with _serving(viber_sandbox_options) as served:
            yield served

    async def session(
        viber_sandbox: Sandbox, tmp_path: Path, viber_session_options: dict[str, Any]
    ) -> AsyncGenerator[ViberSession]:
        async with _opened(viber_sandbox, tmp_path, viber_session_options) as opened:
            yield opened

    both = {f"_viber_sandbox_{who}": sandbox, f"_viber_session_{who}": session}
    return {name: fixture(function, name=name, **how) for name, function in both.items()}


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures of each loop that a test can run in; pytest-asyncio's only where it is installed."""
    made = _awaited_by(pytest.fixture, "anyio")
    if config.pluginmanager.has_plugin("asyncio"):
        import pytest_asyncio  # noqa: PLC0415 - it need not be there

        for scope in SCOPES:
            made |= _awaited_by(pytest_asyncio.fixture, f"asyncio_{scope}", loop_scope=scope)
    loops = ModuleType("viber_async.testing.loops")
    vars(loops).update(made)
    config.pluginmanager.register(loops, loops.__name__)
