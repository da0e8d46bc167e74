"""The demo's facts from one real, small run, and a file that says it is a terminal."""

from __future__ import annotations

import asyncio
import io

import pytest

from viber_async import ViberSession
from viber_async.cli import _demo_steps as steps
from viber_async.cli import demo
from viber_async.cli._show import PlainShow
from viber_async.sandbox import Sandbox

SMALL = steps.Plan(
    lines=100, small_campaigns=3, recipients=10, blocked=2, repeats=2, blacklist_page=50, campaigns_page=2
)


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    encoding = "utf-8"  # type: ignore[assignment]  # what Rich asks before it draws a bar

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="session")
def facts():
    """What a small demo finds out, against a sandbox that tells the truth."""

    async def run():
        sandbox, cast = Sandbox(), steps.cast_of(SMALL)
        async with sandbox, ViberSession(sandbox.credentials, base_url=sandbox.url) as session:
            return await demo.tell(PlainShow(io.StringIO()), SMALL, cast, session, sandbox)

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
