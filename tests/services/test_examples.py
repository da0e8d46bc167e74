"""The services, the script and the monitor among the examples do what they say at their top."""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer

from viber_async.sandbox import Fault, Sandbox

ROOT = Path(__file__).parent.parent.parent
ORDER = {"phone": "+380 93 111 11 11", "text": "Your order is on its way"}


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A provider, and an environment that leads to it."""
    async with Sandbox() as sandbox:
        monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
        monkeypatch.setenv("SENDPULSE_API_KEY", sandbox.api_key)
        monkeypatch.delenv("SENDPULSE_API_ID", raising=False)
        monkeypatch.delenv("SENDPULSE_API_SECRET", raising=False)
        monkeypatch.setenv("VIBER_LEDGER", str(tmp_path / "ledger" / "campaigns"))
        yield sandbox


@contextmanager
def uvicorn(app: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run *app* in a process of its own, on a socket that listens already; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-W", "default", "-m", "uvicorn", "--fd", str(listener.fileno()), app]
        process = subprocess.Popen(
            command, cwd=ROOT, pass_fds=[listener.fileno()], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", process
        finally:
            process.kill()
            process.communicate()


async def test_the_fastapi_service_confirms_an_order_once(sandbox: Sandbox) -> None:
    """On a real server; and it ends in good order."""
    with uvicorn("examples.fastapi_service:app") as (url, process):
        async with httpx.AsyncClient(base_url=url, timeout=50) as client:
            first = await client.put("/orders/7/confirmation", json=ORDER)
            again = await client.put("/orders/7/confirmation", json=ORDER)
            alone = await client.get(f"/campaigns/{first.json()['task_id']}")
            wrong = await client.put("/orders/8/confirmation", json={**ORDER, "phone": "+38093"})
            sandbox.faults.add(Fault.cut(processed=True), on="campaigns.create")
            unknown = await client.put("/orders/9/confirmation", json=ORDER)
            found = await client.put("/orders/9/confirmation", json=ORDER)
            sandbox.faults.add(Fault.cut(), on="campaigns.create")
            lost = [await client.put("/orders/10/confirmation", json=ORDER) for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=50)

    assert first.status_code == 200
    assert first.json().keys() == {"task_id", "status", "statistics"}
    assert [again.json(), alone.json()] == [first.json()] * 2
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "recipients[0]")
    assert (unknown.status_code, unknown.json()["code"]) == (202, "outcome_unknown")
    assert [first.json()["task_id"], found.json()["task_id"]] == [each.id for each in sandbox.campaigns]
    assert [each.status_code for each in lost] == [202, 202]
    assert "Ask again with the same key" in lost[0].json()["detail"]
    assert "and not found, which proves nothing. It will not be sent again." in lost[1].json()["detail"]
    assert [line for line in said.splitlines() if line.startswith("answered 202 outcome_unknown: ")][2:]
    assert "Application shutdown complete" in said
    assert "never closed" not in said


async def test_the_aiohttp_service_confirms_an_order_once(sandbox: Sandbox) -> None:
    """On aiohttp's own server."""
    app = runpy.run_path(str(ROOT / "examples" / "aiohttp_service.py"))["make_app"]()
    async with TestClient(TestServer(app)) as client:

        async def asked(method: str, path: str, **order: str) -> tuple[int, Any]:
            answer = await client.request(method, path, json={**ORDER, **order})
            return answer.status, await answer.json(content_type=None)

        first = await asked("PUT", "/orders/7/confirmation")
        again = await asked("PUT", "/orders/7/confirmation")
        alone = await asked("GET", f"/campaigns/{first[1]['task_id']}")
        wrong = await asked("PUT", "/orders/8/confirmation", phone="+38093")

    assert first[0] == 200
    assert [again, alone] == [first] * 2
    assert (wrong[0], wrong[1]["errors"][0]["field"]) == (422, "recipients[0]")
    assert [each.id for each in sandbox.campaigns] == [first[1]["task_id"]]


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "default", str(ROOT / "examples" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, env=dict(os.environ))


async def test_the_script_sends_once_however_often_it_is_run(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its exit code says what became of it."""
    arguments = ["order 7", ORDER["text"], ORDER["phone"]]
    first = await asyncio.to_thread(run, "send_once.py", *arguments)
    again = await asyncio.to_thread(runpy.run_path(str(ROOT / "examples" / "send_once.py"))["main"], *arguments)

    assert (first.returncode, first.stdout) == (0, f"campaign {sandbox.campaigns[0].id}\n")
    assert (again, capsys.readouterr().out) == (0, first.stdout)
    assert len(sandbox.campaigns) == 1


@pytest.mark.parametrize(
    ("fault", "phone", "ends"),
    [
        (Fault.cut(processed=True), "+380931111111", (2, "unknown: ")),
        (Fault.status(400), "+380931111111", (3, "not sent: ")),
        (None, "+3809", (64, "wrong: recipients[0]")),
    ],
    ids=["unknown", "refused", "wrong"],
)
async def test_the_script_says_why_not(
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
    fault: Fault | None,
    phone: str,
    ends: tuple[int, str],
) -> None:
    """In one line, and by its exit code."""
    if fault is not None:
        sandbox.faults.add(fault, on="campaigns.create")
    main = runpy.run_path(str(ROOT / "examples" / "send_once.py"))["main"]

    code, said = ends

    assert await asyncio.to_thread(main, "order 7", ORDER["text"], phone) == code
    assert capsys.readouterr().out.startswith(said)


async def test_the_monitor_says_how_things_stand(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """A line at once, one each second, and one at the end."""
    sandbox.block(*range(380931111111, 380931111361))
    await runpy.run_path(str(ROOT / "examples" / "monitor.py"))["main"]()
    printed = capsys.readouterr()
    lines = printed.err.splitlines()

    assert printed.out == "250 rows, complete: True\n"
    assert lines[0].split()[:4] == ["0", "sent", "0", "under"]
    assert sum(int(each.split()[0]) for each in lines) == len(sandbox.requests)
