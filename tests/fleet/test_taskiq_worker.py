"""A real taskiq worker on a real Redis, killed in the middle of its tasks: they are delivered again, and done once."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from taskiq import TaskiqResultTimeoutError

from tests.fleet.conftest import RedisServer
from viber_async import CampaignDraft, OutcomeUnknownError, to_dict
from viber_async.sandbox import Fault, Sandbox

ROOT = Path(__file__).parent.parent.parent
PHONES = range(380931000000, 380931002500)
DRAFT = CampaignDraft(sender_id=1, message_live_time=3600, message="On its way", recipients=[380931111111])


class Workers:
    """One worker process and the one that keeps it running, and the client's side of its broker."""

    def __init__(self, starts: Path, client: Redis) -> None:
        self._starts = starts
        self._client = client
        self.tasks: Any = importlib.import_module("examples.taskiq_worker")  # its settings come from the environment

    @property
    def pids(self) -> list[int]:
        """The process ids of the worker, one for each start."""
        return [int(pid) for pid in self._starts.read_text().split()]

    def kill(self) -> None:
        """Kill the worker, as a power failure would; it is started anew."""
        os.kill(self.pids[-1], signal.SIGKILL)

    async def unacknowledged(self) -> int:
        """Give how many tasks have been received by a worker that did not say that they are done."""
        return int((await self._client.xpending("taskiq", "taskiq"))["pending"])

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


@frozen
class Moment:
    """When the worker is killed: as a request of *operation* is answered, or as it arrives."""

    operation: str
    skip: int = field(default=0, kw_only=True)
    processed: bool = field(default=False, kw_only=True)

    async def strikes(self, sandbox: Sandbox, workers: Workers) -> None:
        """Wait for it, and kill the worker; the request is not answered."""
        struck = asyncio.Event()

        def answered(answer: Any) -> Any:
            workers.kill()
            struck.set()
            return answer

        if self.processed:
            sandbox.faults.add(Fault.edit(answered), on=self.operation, skip=self.skip)
            await struck.wait()
        else:
            sandbox.faults.add(Fault.hang(), on=self.operation, skip=self.skip)
            await sandbox.arrival(self.operation, count=len(sandbox.requests_of(self.operation)) + self.skip + 1)
            workers.kill()


SENT = Moment("campaigns.create", processed=True)
ARRIVED = Moment("campaigns.create")


long = pytest.mark.skipif("VIBER_TEST_FLEET" not in os.environ, reason="nox -s fleet kills at more moments")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def workers(
    sandbox: Sandbox, shared_server: RedisServer, client: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Workers]:
    """A worker at work on the sandbox, and the client's side of its broker."""
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
    workers = Workers(tmp_path / "starts", client)
    await workers.tasks.broker.startup()
    with working(dict(os.environ)):
        yield workers
    await workers.tasks.broker.shutdown()
    await workers.tasks.shared.aclose()


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    """A list of phones for the blacklist."""
    path = tmp_path / "stop.txt"
    path.write_text("\n".join(map(str, PHONES)))
    return path


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(SENT, id="after it was sent"),
        pytest.param(Moment("campaigns.list"), id="before it is sent", marks=long),
        pytest.param(ARRIVED, id="on its way there", marks=long),
    ],
)
@pytest.mark.fault("D01")
async def test_a_worker_that_is_killed_leaves_one_campaign_and_a_whole_blacklist(
    sandbox: Sandbox, workers: Workers, wanted: Path, moment: Moment
) -> None:
    """It was at both: of the sync one batch was through and one on its way. What nobody knows is not sent again."""
    async with asyncio.timeout(50):
        sandbox.faults.add(Fault.hang(), on="blacklist.add", skip=1)
        sync = await workers.tasks.sync_blacklist.kiq(str(wanted), journal=f"{wanted}.journal")
        await sandbox.arrival("blacklist.add", count=2)
        send = await workers.tasks.send_campaign.kiq(to_dict(DRAFT), key="order 7")
        await moment.strikes(sandbox, workers)
        sent, synced = await workers.results(send, sync)
        again = await (await workers.tasks.send_campaign.kiq(to_dict(DRAFT), key="order 7")).wait_result(timeout=50)
        left = await workers.unacknowledged()

    created = [] if moment is ARRIVED else [sandbox.campaigns[0].id]
    assert len(workers.pids) == 2
    assert [campaign.id for campaign in sandbox.campaigns] == created
    assert len(sandbox.requests_of("campaigns.create")) == 1
    assert [each.return_value for each in (sent, again)] == [*created, None][:1] * 2
    assert [type(each.error) for each in (sent, again)] == [type(None) if created else OutcomeUnknownError] * 2
    assert sandbox.blacklisted == set(PHONES)
    assert (synced.return_value["converged"], synced.return_value["unverified"]) == (True, 0)
    assert left == 0


@long
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(Moment("blacklist.list"), id="reading what is there"),
        pytest.param(Moment("blacklist.add", skip=1, processed=True), id="with a batch written that nobody noted"),
        pytest.param(Moment("blacklist.list", skip=2), id="in its last look"),
    ],
)
async def test_a_worker_that_is_killed_at_a_sync_finishes_it(
    sandbox: Sandbox, workers: Workers, wanted: Path, moment: Moment
) -> None:
    """Whatever it was at, everybody is there in the end, and the report adds up."""
    async with asyncio.timeout(50):
        sync = await workers.tasks.sync_blacklist.kiq(str(wanted), journal=f"{wanted}.journal")
        await moment.strikes(sandbox, workers)
        [synced] = await workers.results(sync)
        left = await workers.unacknowledged()

    report = synced.return_value
    assert len(workers.pids) == 2
    assert sandbox.blacklisted == set(PHONES)
    assert report["already_there"] + report["added"] == report["wanted"] == len(PHONES)
    assert (report["converged"], report["unverified"], left) == (True, 0, 0)
