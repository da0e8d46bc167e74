"""A sandbox with the way to it, the demo's facts from one real, small run, and a file that says it is a terminal."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.processes import DEMO, OnTerminal, finished, piped
from tests.cli.serving import serving
from viber_async import ViberSession
from viber_async.cli import _demo_steps as steps
from viber_async.cli import demo
from viber_async.cli._app import run
from viber_async.cli._show import PlainShow
from viber_async.sandbox import Sandbox, SandboxPace

SMALL = steps.Plan(
    lines=100, small_campaigns=3, recipients=10, blocked=2, repeats=2, blacklist_page=50, campaigns_page=2
)


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    encoding = "utf-8"  # type: ignore[assignment]  # what Rich asks before it draws a bar

    def isatty(self) -> bool:
        return True


@pytest.fixture
def sandbox():
    with serving(Sandbox(rate_limit=None)) as sandbox:
        yield sandbox


@pytest.fixture
def account(sandbox) -> dict[str, str]:
    """The environment that leads to the sandbox."""
    return {"SENDPULSE_BASE_URL": sandbox.url, "SENDPULSE_API_KEY": sandbox.api_key}


@pytest.fixture(scope="session")
def facts():
    """What a small demo finds out, against a sandbox that tells the truth."""

    async def run():
        sandbox, cast = Sandbox(), steps.cast_of(SMALL)
        async with (
            steps.Pulse() as pulse,
            sandbox,
            ViberSession(sandbox.credentials, base_url=sandbox.url) as session,
        ):
            return await demo.tell(PlainShow(io.StringIO()), SMALL, cast, session, sandbox, pulse=pulse)

    return asyncio.run(run())


@pytest.fixture
def small(monkeypatch):
    """The demo command, with little to do."""
    monkeypatch.setattr(demo, "PLAN", SMALL)


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    """A terminal that can do everything, a hundred columns wide."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


@pytest.fixture(scope="session", autouse=True)
def demos_under_way(request):
    """Three demos side by side, if a test wants them: begun before the first test, because most of it is waiting."""
    if not any("demos" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield {}
        return
    with ThreadPoolExecutor(3) as pool:
        yield {
            "pipe": pool.submit(finished, piped(*DEMO)),
            "terminal": pool.submit(OnTerminal(*DEMO).finish),
            "colourless": pool.submit(OnTerminal(*DEMO, NO_COLOR="1").finish),
        }


@pytest.fixture(scope="session")
def demos(demos_under_way):
    """What came of a demo through a pipe, of one on a terminal, and of one on a terminal without colours."""
    return {name: demo.result() for name, demo in demos_under_way.items()}


@pytest.fixture
def provider(monkeypatch):
    """A sandbox that the environment leads to, without a rate limit, and whose campaigns live at once."""
    with serving(
        Sandbox(rate_limit=None, pace=SandboxPace(0, sending=0, delivery=0, reading=0, clicking=0))
    ) as sandbox:
        for name in ("SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "VIBER_ASYNC_LEDGER", "REDIS_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
        monkeypatch.setenv("SENDPULSE_API_KEY", sandbox.api_key)
        yield sandbox


@pytest.fixture
def command(capsys):
    """Runs a command; gives its exit code and what it wrote to stdout and stderr."""

    def ran(*args: object) -> tuple[int, str, str]:
        code = run([*map(str, args)])
        return code, *capsys.readouterr()

    return ran
