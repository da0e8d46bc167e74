"""Every example in the README, the docs and the docstrings runs as it stands."""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.serving import serving
from tests.fleet.conftest import RedisServer, program, running
from viber_async import ViberSession
from viber_async.cli._app import run
from viber_async.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)```python\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def snippets(text: str) -> list[str]:
    """Give the Python examples of a text."""
    return [textwrap.dedent(found[2]) for found in FENCE.finditer(text)]


def in_pages() -> list[Any]:
    return [
        pytest.param(code, id=f"{page.relative_to(ROOT)}:{number}")
        for page in PAGES
        for number, code in enumerate(snippets(page.read_text()), 1)
    ]


def in_docstrings() -> list[Any]:
    found = []
    for path in sorted((ROOT / "viber_async").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                name = f"{path.relative_to(ROOT)}:{getattr(node, 'name', '')}"
                found += [pytest.param(code, id=name) for code in snippets(ast.get_docstring(node) or "")]
    return found


@pytest.mark.parametrize("code", in_pages())
def test_an_example_of_a_page_runs_as_it_stands(
    code: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted into a file and run; with a Redis, where it needs one."""
    with ExitStack() as stack:
        if "REDIS_URL" in code:
            server = stack.enter_context(running(RedisServer(program(), tmp_path)))
            monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{server.port}")
        exec(compile(code, "snippet", "exec"), {"__name__": "__main__"})

    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("code", in_docstrings())
def test_an_example_of_a_docstring_runs_in_a_session(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``session`` at hand, and the environment that it needs."""
    body = f"async def example(session):\n{textwrap.indent(code, '    ')}"
    scope: dict[str, Any] = {"ViberSession": ViberSession}
    exec(compile(body, "snippet", "exec"), scope)

    async def main() -> int:
        async with Sandbox() as sandbox, ViberSession(sandbox.credentials, base_url=sandbox.url) as session:
            monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
            monkeypatch.setenv("SENDPULSE_API_KEY", sandbox.api_key)
            monkeypatch.delenv("SENDPULSE_API_ID", raising=False)
            monkeypatch.delenv("SENDPULSE_API_SECRET", raising=False)
            await scope["example"](session)
            return len(sandbox.requests)

    assert asyncio.run(main()) > 0


COMMANDS = re.compile(r"^\$ viber-async (.*)\n\$ echo \$\?\n(\d+)$", re.MULTILINE)


def test_the_commands_of_the_page_about_sync_exit_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Typed one after another, in a directory with the lists that they name."""
    commands = COMMANDS.findall((ROOT / "docs" / "sync.md").read_text())
    monkeypatch.chdir(tmp_path)
    for name, text in LISTS.items():
        Path(name).write_text(text)
    with serving(Sandbox()) as sandbox:
        monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
        monkeypatch.setenv("SENDPULSE_API_KEY", sandbox.api_key)
        codes = [run(shlex.split(command)) for command, _ in commands]

    assert codes == [int(code) for _, code in commands], capsys.readouterr().err
    assert len(commands) >= 8
    assert {name for name in LISTS if any(name in command for command, _ in commands)} == set(LISTS)


LISTS = {
    "optouts.csv": "id;phone\n1;380931111111\n2;380931111112\n",
    "shorter.csv": "id;phone\n1;380931111111\n",
    "nobody.txt": "# nobody yet\n",
}


def test_there_are_examples_to_run() -> None:
    """A pattern that finds nothing would pass for ever."""

    assert len(in_pages()) >= 1
    assert len(in_docstrings()) >= 4
