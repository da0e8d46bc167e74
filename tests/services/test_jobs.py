"""Jobs that bring an event loop each, and processes that fork: the named error, and that what it says works."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.serving import serving
from viber_async import (
    CampaignDraft,
    FileTokenStore,
    RateLimit,
    SessionLoopError,
    SqliteLedger,
    ViberSession,
)
from viber_async.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # the sandbox's thread; not ours
FORK = multiprocessing.get_context("fork")
DRAFT = CampaignDraft(sender_id=1, message_live_time=3600, message="On its way", recipients=[380931111111])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A provider that is served beside the test, so that the test's loops can come and go."""
    with serving(Sandbox(rate_limit=None)) as sandbox:
        yield sandbox


def session_of(sandbox: Sandbox, **settings: Any) -> ViberSession:
    return ViberSession(sandbox.credentials, base_url=sandbox.url, rate_limit=RateLimit(1000), **settings)


def in_a_fork(work: Callable[[], Any]) -> Any:
    """Give what *work* gives in a child of this process, or the error that it raises there."""
    here, there = FORK.Pipe()

    def child() -> None:
        try:
            there.send(work())
        except Exception as error:  # noqa: BLE001 - it is given to the test
            there.send(error)

    process = FORK.Process(target=child)
    process.start()
    assert here.poll(50)
    given = here.recv()
    process.join()
    return given


def test_a_session_of_an_earlier_job_is_refused_and_one_for_each_job_works(sandbox: Sandbox) -> None:
    """ "Make one in each loop (every asyncio.run and every thread has its own), and close it there"."""
    kept = session_of(sandbox)
    with asyncio.Runner() as first:
        first.run(kept.senders.list())
        with pytest.raises(SessionLoopError, match="make one in each loop"):
            in_a_thread(lambda: asyncio.run(kept.senders.list()))
        first.run(kept.aclose())

    async def job() -> int:
        async with session_of(sandbox) as session:
            return len(await session.senders.list())

    assert [asyncio.run(job()), asyncio.run(job()), in_a_thread(lambda: asyncio.run(job()))] == [2, 2, 2]


def in_a_thread(work: Callable[[], Any]) -> Any:
    """Give what *work* gives in a thread of its own, or raise what it raises there."""
    given: list[Any] = []

    def run() -> None:
        try:
            given.append(work())
        except Exception as error:  # noqa: BLE001 - raised again below
            given.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(given[0], Exception):
        raise given[0]
    return given[0]


def test_a_session_from_before_a_fork_is_refused_and_one_after_it_works(sandbox: Sandbox) -> None:
    """ "Make one in each process, after the fork"; the parent's goes on."""
    parents = session_of(sandbox)
    with asyncio.Runner() as runner:
        runner.run(parents.senders.list())
        refused = in_a_fork(lambda: asyncio.run(parents.senders.list()))

        async def job() -> int:
            async with session_of(sandbox) as session:
                return len(await session.senders.list())

        assert isinstance(refused, SessionLoopError)
        assert "make one in each process, after the fork" in str(refused)
        assert in_a_fork(lambda: asyncio.run(job())) == 2
        assert len(runner.run(parents.senders.list())) == 2
        runner.run(parents.aclose())


def test_a_session_that_was_made_before_a_fork_and_not_used_opens_on_either_side(sandbox: Sandbox) -> None:
    """It opens with its first call; so a module may make one."""
    session = session_of(sandbox)

    async def job() -> int:
        async with session:
            return len(await session.senders.list())

    assert in_a_fork(lambda: asyncio.run(job())) == 2
    assert asyncio.run(job()) == 2


def test_jobs_with_a_session_each_share_a_token_and_a_ledger(sandbox: Sandbox, tmp_path: Path) -> None:
    """Ten jobs in three processes ask for one token; a campaign that one has sent, the others find."""
    files = {"token_store": FileTokenStore(tmp_path / "tokens"), "ledger": SqliteLedger(tmp_path / "ledger" / "l")}

    def job() -> int:
        async def send() -> int:
            async with session_of(sandbox, **files) as session:
                return (await session.campaigns.create_once(DRAFT, key="order 7")).task_id

        return asyncio.run(send())

    ids = {in_a_fork(job), in_a_fork(job), *(job() for _ in range(8))}

    assert ids == {sandbox.campaigns[0].id}
    assert len(sandbox.campaigns) == len(sandbox.requests_of("token")) == 1


def test_a_worker_with_one_loop_keeps_one_session_for_all_its_jobs(sandbox: Sandbox) -> None:
    """An ``asyncio.Runner`` for each process, in place of an ``asyncio.run`` for each job: connections and the rate
    limit's memory outlive the job.
    """

    def worker() -> tuple[int, int]:
        with asyncio.Runner() as runner:
            session = session_of(sandbox)
            for _ in range(5):
                runner.run(session.senders.list())
            runner.run(session.aclose())
            done = session.statistics()
            return done.calls, done.refreshes

    assert in_a_fork(worker) == (6, 1)
