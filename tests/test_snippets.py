"""Every example in the README, the docs and the docstrings runs as it stands."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shlex
import textwrap
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.serving import serving
from tests.fleet.conftest import RedisServer, program, running
from viber_async import CreateHandle, ViberSession
from viber_async.cli._app import app, run
from viber_async.sandbox import Sandbox, SandboxPace

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
        if "pyarrow" in code:
            pytest.importorskip("pyarrow")
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


@pytest.mark.parametrize("page", ["sync.md", "command.md"])
def test_the_commands_of_a_page_exit_as_it_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Typed one after another, in a directory with the files that they name."""
    commands = COMMANDS.findall((ROOT / "docs" / page).read_text())
    monkeypatch.chdir(tmp_path)
    for name in ("VIBER_ASYNC_LEDGER", "REDIS_URL", "SENDPULSE_API_ID", "SENDPULSE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name, text in FILES[page].items():
        Path(name).write_text(text)
    with serving(Sandbox(pace=SandboxPace(0, sending=0, delivery=0, reading=0, clicking=0))) as sandbox:
        monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
        monkeypatch.setenv("SENDPULSE_API_KEY", sandbox.api_key)
        codes = [run(shlex.split(command)) for command, _ in commands]

    assert codes == [int(code) for _, code in commands], capsys.readouterr().err
    assert len(commands) >= 8
    assert {name for name in FILES[page] if any(name in command for command, _ in commands)} == set(FILES[page])


def draft_of_the_page() -> str:
    """Give the draft that the page about the command shows."""
    found = re.search(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "command.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


HANDLE = CreateHandle(
    task_name=None, sender_id=1, message_digest=None, sent_after=datetime.now(UTC), sent_before=datetime.now(UTC)
)
FILES = {
    "sync.md": {
        "optouts.csv": "id;phone\n1;380931111111\n2;380931111112\n",
        "shorter.csv": "id;phone\n1;380931111111\n",
        "nobody.txt": "# nobody yet\n",
    },
    "command.md": {
        "spring.yaml": draft_of_the_page(),
        "customers.csv": "name,phone\nAnn,380931111111\nBob,380931111112\n",
        "handle.json": json.dumps(HANDLE.to_dict()),
        "optouts.txt": "380931111111\n380931111112\n",
    },
}


def test_every_command_is_typed_on_a_page() -> None:
    """But for two that take long, which are tried elsewhere."""
    typed = " ".join(command for page in FILES for command, _ in COMMANDS.findall((ROOT / "docs" / page).read_text()))
    commands = [
        *app.registered_commands,
        *(c for group in app.registered_groups for c in group.typer_instance.registered_commands),
    ]
    names = {command.name or command.callback.__name__ for command in commands}

    assert {name for name in names if name not in typed.split()} == {"demo", "sandbox"}
    assert len(names) >= 15


def test_there_are_examples_to_run() -> None:
    """A pattern that finds nothing would pass for ever."""

    assert len(in_pages()) >= 1
    assert len(in_docstrings()) >= 4
