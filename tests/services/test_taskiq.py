"""The hooks, the dependency and the two tasks of a taskiq worker, in one process; `tests/fleet` kills real ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from taskiq import InMemoryBroker, TaskiqEvents, TaskiqState

from tests.shell.provider import Provider, ok
from tests.shell.sessions import session_over
from viber_async import (
    CampaignDraft,
    ConfigurationError,
    KeyConflictError,
    SqliteLedger,
    SyncRefusedError,
    ViberSession,
    to_dict,
)
from viber_async.integrations import taskiq as module
from viber_async.integrations.taskiq import Session, keep_session, send_campaign_task, sync_blacklist_task
from viber_async.sandbox import Sandbox
from viber_async.sync.lock import AccountLock

DRAFT = CampaignDraft(sender_id=1, message_live_time=3600, message="On its way", recipients=[380931111111])


class Worker:
    """A broker whose worker is this process, and the sessions that it opened."""

    def __init__(self) -> None:
        self.broker = InMemoryBroker(await_inplace=True)
        self.made: list[Provider] = []
        self.fails = False
        keep_session(self.broker, self.make)

        @self.broker.task
        async def senders(session: Session) -> int:
            return len(await session.senders.list())

        self.senders = senders

    def make(self) -> ViberSession:
        session, provider = session_over(ok([]))
        self.made.append(provider)
        return session


async def test_one_session_lives_as_long_as_the_worker() -> None:
    """It is opened at the start, the same for every task, and closed at the end."""
    worker = Worker()
    await worker.broker.startup()
    results = [await (await worker.senders.kiq()).wait_result() for _ in range(3)]

    assert [result.return_value for result in results] == [0, 0, 0]
    assert [(len(each.requests), each.closed) for each in worker.made] == [(3, 0)]

    await worker.broker.shutdown()

    assert [each.closed for each in worker.made] == [1]


async def test_a_start_after_one_that_failed_closes_what_that_opened() -> None:
    """Another hook may have failed after ours; the end of a worker that never started closes nothing twice."""
    worker, fails = Worker(), [True]

    def database(state: TaskiqState) -> None:
        if fails.pop() if fails else False:
            raise RuntimeError("no database")

    worker.broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, database)
    with pytest.raises(RuntimeError, match="no database"):
        await worker.broker.startup()
    await worker.broker.startup()

    assert [each.closed for each in worker.made] == [1, 0]

    await worker.broker.shutdown()
    await worker.broker.shutdown()

    assert [each.closed for each in worker.made] == [1, 1]


async def test_who_forgets_the_hooks_is_told() -> None:
    """With the line that is missing."""
    worker = Worker()
    result = await (await worker.senders.kiq()).wait_result()

    assert isinstance(result.error, ConfigurationError)
    assert "keep_session(broker, ViberSession.from_env)" in str(result.error)


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[tuple[InMemoryBroker, Sandbox]]:
    """Give the broker of a worker that talks to a sandbox."""
    broker = InMemoryBroker(await_inplace=True)
    async with Sandbox() as sandbox:
        keep_session(
            broker,
            lambda: ViberSession(
                sandbox.credentials, base_url=sandbox.url, ledger=SqliteLedger(folder / "ledger" / "campaigns")
            ),
        )
        await broker.startup()
        yield broker, sandbox
        await broker.shutdown()


async def result_of(task: Any, *args: Any, **more: Any) -> Any:
    return await (await task.kiq(*args, **more)).wait_result()


async def test_a_campaign_is_sent_once_however_often_its_task_is_delivered(tmp_path: Path) -> None:
    """Its key says so; the same key with other content is refused."""
    async with working(tmp_path) as (broker, sandbox):
        send = send_campaign_task(broker)
        results = [await result_of(send, to_dict(DRAFT), key="order 7", resend_after=900) for _ in range(3)]
        other = await result_of(send, {**to_dict(DRAFT), "message": "It is late"}, key="order 7")

        assert [result.return_value for result in results] == [sandbox.campaigns[0].id] * 3
        assert isinstance(other.error, KeyConflictError)
        assert len(sandbox.campaigns) == 1


async def test_a_draft_that_breaks_a_rule_is_the_tasks_error(tmp_path: Path) -> None:
    """With the field; nothing is sent."""
    async with working(tmp_path) as (broker, sandbox):
        result = await result_of(send_campaign_task(broker), {"sender_id": 1}, key="order 7")

        assert result.error.field == "message_live_time"
        assert sandbox.campaigns == ()


async def test_a_file_is_synced_and_its_report_is_plain(tmp_path: Path) -> None:
    """What the task gives fits into any result backend, and a second delivery finds nothing to do."""
    file = tmp_path / "stop.csv"
    file.write_text("name,phone\nA,+380 93 111 11 11\nB,380931111112\n")
    arguments = {"journal": str(tmp_path / "journal"), "column": "phone", "description": "asked to stop"}
    async with working(tmp_path) as (broker, sandbox):
        sync = sync_blacklist_task(broker)
        first, second = [await result_of(sync, str(file), **arguments) for _ in range(2)]

        assert sandbox.blacklisted == {380931111111, 380931111112}
        assert (first.return_value["converged"], first.return_value["added"]) == (True, 2)
        assert (second.return_value["added"], second.return_value["already_there"]) == (0, 2)
        assert "380931111111" not in str(first.return_value)


async def test_a_sync_waits_for_the_one_that_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that ended with "locked" would be acknowledged, and lost if the other one is killed."""
    monkeypatch.setattr(module, "LOCKED_PAUSE", 0.001)
    file = tmp_path / "stop.txt"
    file.write_text("380931111111\n")
    async with working(tmp_path) as (broker, sandbox):
        session: ViberSession = broker.state.viber_session
        with other_sync_until_looked_for(session, looks=3) as looks:
            result = await result_of(sync_blacklist_task(broker), str(file), journal=str(tmp_path / "journal"))

        assert result.return_value["converged"] is True
        assert len(looks) == 3
        assert sandbox.is_blacklisted(380931111111)


@contextmanager
def other_sync_until_looked_for(session: ViberSession, *, looks: int) -> Iterator[list[str]]:
    """Hold the lock of the account until that many looks in vain were logged; give those looks."""
    lock, seen = AccountLock(session._caller.account), list[str]()

    def look(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        if len(seen) == looks:
            lock.release()
        return True

    lock.take()
    module.logger.setLevel(logging.INFO)
    module.logger.addFilter(look)
    yield seen
    module.logger.removeFilter(look)
    module.logger.setLevel(logging.NOTSET)


async def test_another_guard_of_a_sync_is_the_tasks_error(tmp_path: Path) -> None:
    """Waiting would not change what it objects to."""
    file = tmp_path / "stop.txt"
    file.write_text("")
    async with working(tmp_path) as (broker, _):
        result = await result_of(
            sync_blacklist_task(broker), str(file), journal=str(tmp_path / "journal"), mode="mirror"
        )

        assert isinstance(result.error, SyncRefusedError)
        assert result.error.reason != "locked"


async def together(*ends: Any) -> tuple[list[Any], int]:
    """Deliver one errand three times at once; give how each ended, and how often it was carried out."""
    done, under_way = [0], dict[str, asyncio.Future[dict[str, Any]]]()

    async def work() -> dict[str, Any]:
        end = ends[done[0]]
        done[0] += 1
        await asyncio.sleep(0)
        if isinstance(end, BaseException):
            raise end
        return {"end": end}

    deliveries = [asyncio.ensure_future(module._once_at_a_time(under_way, "a file", work)) for _ in range(3)]
    results = await asyncio.gather(*deliveries, return_exceptions=True)
    assert under_way == {}
    return [result.get("end") if isinstance(result, dict) else result for result in results], done[0]


async def test_a_sync_that_is_delivered_again_under_way_is_carried_out_once() -> None:
    """Each delivery has the report; taskiq repeats what takes longer than its patience, as often as that passes."""

    assert await together("whole") == (["whole"] * 3, 1)


async def test_a_sync_that_fails_fails_for_each_of_its_deliveries() -> None:
    """None of them tries what has just failed."""
    error = SyncRefusedError("no", reason="empty")

    assert await together(error) == ([error] * 3, 1)


async def test_a_sync_that_is_cancelled_is_gone_on_with_by_its_next_delivery() -> None:
    """Whoever cancelled the first had nothing against the others."""
    results, done = await together(asyncio.CancelledError(), "whole")

    assert isinstance(results[0], asyncio.CancelledError)
    assert (results[1:], done) == (["whole"] * 2, 2)
