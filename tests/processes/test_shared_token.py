"""Several processes with one file of tokens: one of them asks, whoever dies."""

# ruff: noqa: ASYNC240 - a test may wait for its own small files

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.processes.crowd import Crowd
from tests.wire.hostile import Arrived, Hostile, Script, swallow, take

WORKERS = 8
TOKEN = "POST /oauth/access_token"
SENDERS = "GET /viber/senders"


class Account:
    """Gives one token after the other, and takes only the latest."""

    def __init__(self) -> None:
        self.given = 0
        self.revoked = False

    def token(self, _: Arrived) -> dict[str, Any]:
        self.given += 1
        self.revoked = False
        return {"access_token": f"token-{self.given}", "token_type": "Bearer", "expires_in": 3600}

    def senders(self, request: Arrived) -> Any:
        if self.revoked or request.headers["authorization"] != f"Bearer token-{self.given}":
            return {"message": "Unauthorized!", "error_code": 401}
        return []

    def server(self, *scripts: Script) -> Hostile:
        return Hostile(*scripts, answers={TOKEN: self.token, SENDERS: self.senders})


@pytest.mark.fault("M04", "A14")
async def test_workers_that_start_together_cause_one_token_call(tmp_path: Path) -> None:
    """The first time, when nothing is there yet; never, when it is; and once for all when the token was revoked."""
    account = Account()
    path = tmp_path / "kept" / "tokens"
    calls = []
    async with account.server() as server, Crowd(server.url, path) as workers:
        for revoked in (False, False, True):
            account.revoked = revoked
            await workers.start(WORKERS)

            assert await workers.got() == ["0"] * WORKERS
            calls.append(server.count(TOKEN))

    assert calls == [1, 1, 2]
    assert b"token-2" in path.read_bytes()
    assert b"hidden-secret" not in path.read_bytes()


async def test_a_worker_that_dies_while_it_asks_holds_up_nobody(tmp_path: Path) -> None:
    """Killed with the turn in its hands, as by a power failure: the next one has it at once."""
    account = Account()
    path = tmp_path / "tokens"
    asked = asyncio.Event()

    async def tell(_: Any) -> None:
        asked.set()

    async with account.server((take, tell, swallow)) as server, Crowd(server.url, path) as workers:
        (pid,) = await workers.start(1)
        await asked.wait()
        left = sorted(each.name for each in tmp_path.iterdir())
        os.kill(pid, signal.SIGKILL)

        assert await workers.got() == []
        async with asyncio.timeout(20):  # below the patience with one that lives
            await workers.start(1)
            assert await workers.got() == ["0"]

    assert left == ["tokens.lock"]
    assert server.count(TOKEN) == 2
