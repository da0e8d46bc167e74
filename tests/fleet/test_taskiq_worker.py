"""A real taskiq worker on a real Redis, killed in the middle of its tasks: they are delivered again, and done once."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from taskiq import TaskiqResultTimeoutError

from tests.fleet.conftest import RedisServer
from viber_async import CampaignDraft, to_dict
from viber_async.sandbox import Fault, Sandbox

ROOT = Path(__file__).parent.parent.parent
PHONES = range(380931000000, 380931002500)
DRAFT = CampaignDraft(sender_id=1, message_live_time=3600, message="On its way", recipients=[380931111111])


class Workers:
    """One worker process and the one that keeps it running, and the client's side of its broker."""

    def __init__(self, starts: Path) -> None:
        self._starts = starts
        self.tasks: Any = importlib.import_module("examples.taskiq_worker")  # its settings come from the environment

    @property
    def pids(self) -> list[int]:
        """The process ids of the worker, one for each start."""
        return [int(pid) for pid in self._starts.read_text().split()]

    def kill(self) -> None:
        """Kill the worker, as a power failure would; it is started anew."""
        os.kill(self.pids[-1], signal.SIGKILL)

    async def results(self, *tasks: Any) -> list[Any]:
        """Give the results of *tasks*; as long as some are missing, the worker has something to receive."""
        while not all([await task.is_ready() for task in tasks]):
            tick = await self.tasks.tick.kiq()
            with suppress(TaskiqResultTimeoutError):  # the dead have some in hand
                await tick.wait_result(check_interval=0.05, timeout=0.5)
        return [await task.get_result() for task in tasks]


@contextmanager
def working(environ: dict[str, str]) -> Iterator[None]:
    """Run the worker and whoever keeps it running, and end both."""
    command = ["taskiq", "worker", "tests.fleet.worker:broker", "--workers", "1", "--log-level", "ERROR"]
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environ, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # asked nicely, a worker of taskiq's 0.13 waits for its broker for ever
        process.wait()


@pytest.mark.fault("D01")
async def test_a_worker_that_is_killed_leaves_one_campaign_and_a_whole_blacklist(
    shared_server: RedisServer, client: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign had been created and nobody knew; one batch of the sync was through and one on its way."""
    wanted = tmp_path / "stop.txt"
    wanted.write_text("\n".join(map(str, PHONES)))
    async with Sandbox() as sandbox, asyncio.timeout(50):
        for name, value in {
            "REDIS_URL": f"redis://127.0.0.1:{shared_server.port}",
            "VIBER_TOKEN_KEY": Fernet.generate_key().decode(),
            "VIBER_LEDGER": str(tmp_path / "ledger" / "campaigns"),
            "VIBER_TEST_STARTS": str(tmp_path / "starts"),
            "SENDPULSE_BASE_URL": sandbox.url,
            "SENDPULSE_API_ID": sandbox.credentials[0],
            "SENDPULSE_API_SECRET": sandbox.credentials[1],
            "PYTHONPATH": str(ROOT),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delitem(sys.modules, "examples.taskiq_worker", raising=False)
        workers = Workers(tmp_path / "starts")
        await workers.tasks.broker.startup()
        with working(dict(os.environ)):

            def struck(answer: Any) -> Any:
                workers.kill()
                return answer

            sandbox.faults.add(Fault.edit(struck), on="campaigns.create")
            sandbox.faults.add(Fault.hang(), on="blacklist.add", skip=1)
            sync = await workers.tasks.sync_blacklist.kiq(str(wanted), journal=str(tmp_path / "journal"))
            await sandbox.arrival("blacklist.add", count=2)
            send = await workers.tasks.send_campaign.kiq(to_dict(DRAFT), key="order 7")
            sent, synced = await workers.results(send, sync)
            again = await (await workers.tasks.send_campaign.kiq(to_dict(DRAFT), key="order 7")).wait_result(timeout=50)
            left = await client.xpending("taskiq", "taskiq")
        await workers.tasks.broker.shutdown()
        await workers.tasks.shared.aclose()

        assert len(workers.pids) == 2
        assert [sent.return_value, again.return_value] == [each.id for each in sandbox.campaigns] * 2
        assert len(sandbox.campaigns) == len(sandbox.requests_of("campaigns.create")) == 1
        assert sandbox.blacklisted == set(PHONES)
        assert (synced.return_value["converged"], synced.return_value["unverified"]) == (True, 0)
        assert left["pending"] == 0
