"""The nightly job: by morning everybody who said stop is on the blacklist, or somebody is told why not.

    nightly_sync.py WANTED JOURNAL

WANTED is the file of all who said stop (text, CSV or NDJSON, packed or not). JOURNAL is where this job keeps what it
has done: a path that lasts. Credentials come from the environment.

Exit codes: 0 in sync, 3 partial, 4 a guard refused, 5 run it again later, 6 running it again will not help, 64 wrong
call, 130 interrupted. After 5 and 130 the same call goes on where this one stopped.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from viber_async import (
    DeadlineExceededError,
    RateLimitError,
    ServerError,
    SyncInterruptedError,
    SyncRefusedError,
    TransportError,
    UsageError,
    ViberError,
    ViberSession,
)

if TYPE_CHECKING:
    from viber_async import SyncReport

LATER = (SyncInterruptedError, ServerError, RateLimitError, TransportError, DeadlineExceededError)


async def sync(wanted: str, journal: str) -> SyncReport:
    """Add whoever is missing; SIGTERM lets the batch under way end."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs has one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with ViberSession.from_env() as session:
        return await session.blacklist.sync(wanted, journal=journal, description="asked to stop")


def main(wanted: str, journal: str) -> int:
    """Run the job, say what became of it in one line, and give the exit code."""
    try:
        report = asyncio.run(sync(wanted, journal))
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("interrupted: run it again, and it goes on")
        return 130
    except SyncRefusedError as error:
        print(f"refused ({error.reason}): {error}")  # nothing was written; somebody has to look
        return 4
    except UsageError as error:
        print(f"wrong: {error}")
        return 64
    except LATER as error:
        print(f"later: {error}")
        return 5
    except ViberError as error:
        print(f"failed: {error}")
        return 6
    print(
        f"{report.wanted} wanted = {report.already_there} already there + {report.added} added "
        f"+ {report.rejected} rejected + {report.unverified} not seen"
    )
    for note in report.notes:
        print(f"note: {note}")
    return 0 if report.converged and not report.refused else 3


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]) if len(sys.argv) == 3 else __doc__)
