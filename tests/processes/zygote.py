"""A process that forks one child for each job it is told on its stdin: a start costs 30 ms instead of half a second.

A child runs the real session against a real server with a real ledger, and may be killed at any moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from typing import Any

from tests.processes import syncing
from viber_async import ApiKey, CampaignDraft, RateLimit, SqliteLedger, ViberError, ViberSession

# Loaded before the fork, or each child would load them anew.
import viber_async._ledger_file  # noqa: F401  # isort: skip


class StoppingLedger(SqliteLedger):
    """Says where it stands, and stays there, before or after a row of one state is written."""

    stop = ""

    async def put(self, account: str, row: Any) -> bool:
        await self._stop_at(f"before {row.state.value}")
        done = await super().put(account, row)
        await self._stop_at(f"after {row.state.value}")
        return done

    async def _stop_at(self, where: str) -> None:
        if where == self.stop:
            tell({"at": where})
            await asyncio.Event().wait()


def tell(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def draft_of(message: str) -> CampaignDraft:
    return CampaignDraft(
        sender_id=1,
        message_live_time=3600,
        task_name="spring",
        message=message,
        recipients=range(380930000000, 380930000500),
    )


async def work(job: dict[str, Any]) -> None:
    if "journal" in job:
        tell(await syncing.sync(job))
        return
    ledger = StoppingLedger(job["ledger"])
    ledger.stop = job.get("stop", "")
    async with ViberSession(
        ApiKey("sandbox-api-key"), base_url=job["url"], ledger=ledger, rate_limit=RateLimit(1000), retries=0
    ) as session:
        for number, key in enumerate(job["keys"]):
            await asyncio.sleep(max(0.0, job.get("at", 0.0) + number * job.get("every", 0.0) - time.time()))
            try:
                created = await session.campaigns.create_once(draft_of(key), key=key)
                tell({"key": key, "task_id": created.task_id})
            except ViberError as error:
                tell({"key": key, "error": type(error).__name__, "says": str(error)})


async def work_until_told(job: dict[str, Any]) -> None:
    """Work, until a signal says to leave everything as it is: by returning, or by an exit out of the loop's midst."""
    loop, leave = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, leave.set)
    loop.add_signal_handler(signal.SIGUSR2, sys.exit, 3)
    ways = {loop.create_task(work(job)), loop.create_task(leave.wait())}
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                asyncio.run(work_until_told(job) if job.get("told") else work(job))
                status = 0
            finally:
                os._exit(status)
        tell({"pid": pid})
        _, status = os.waitpid(pid, 0)
        tell({"ended": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
