"""The child's side of a sync that is killed: the real call, in a process that may end itself at a commit."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from typing import Any

from viber_async import ApiKey, RateLimit, ViberError, ViberSession
from viber_async.sync.journal import ADD, PLANNED, REMOVE, ROWS

# Loaded before the fork, or each child would load it anew.
import viber_async.sync.errands  # noqa: F401  # isort: skip

COMMITS = tuple(
    f"{when} commit: {what}"
    for what in ("begin", *(f"{step} {kind}" for kind in (ADD, REMOVE) for step in ("intend", "settle")), "finish")
    for when in ("before", "after")
)
"""What a journal writes, each time in a transaction of its own."""


class Deadly:
    """Hears every statement of a connection, and ends the process at one of `COMMITS`, the *nth* time."""

    def __init__(self, moment: str, nth: int) -> None:
        self._moment = moment
        self._left = nth
        self._kind = ""
        self._what = ""

    def __call__(self, statement: str) -> None:
        if inserted := re.match(r"INSERT INTO steps VALUES \(\d+, *'(\w+)'", statement):
            self._kind = inserted[1]
            self._what = "begin" if self._kind in (PLANNED, ROWS) else f"intend {self._kind}"
        elif statement.startswith("UPDATE steps"):
            self._what = f"settle {self._kind}"
        elif statement.startswith("DELETE FROM steps"):
            self._what = "finish" if self._kind else "begin"
        elif statement.startswith("COMMIT"):
            self._strike(f"before commit: {self._what}")
        elif statement.startswith("PRAGMA wal_checkpoint"):  # the statement behind each commit
            self._strike(f"after commit: {self._what}")

    def _strike(self, moment: str) -> None:
        if moment == self._moment:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def listen(deadly: Deadly) -> None:
    """Let *deadly* hear what every SQLite connection of this process does."""

    connect = sqlite3.connect

    def heard(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **more)
        connection.set_trace_callback(deadly)
        return connection

    sqlite3.connect = heard


async def sync(job: dict[str, Any]) -> dict[str, Any]:
    """Give the report, or what went wrong."""
    if job["commit"]:
        listen(Deadly(job["commit"], job["nth"]))
    async with ViberSession(
        ApiKey("sandbox-api-key"), base_url=job["url"], rate_limit=RateLimit(1_000_000), retries=0
    ) as session:
        try:
            report = await session.blacklist.sync(
                job["source"], mode="mirror", max_remove=job["max_remove"], journal=job["journal"]
            )
        except ViberError as error:
            return {"error": f"{type(error).__name__}: {error}"}
    names = ("converged", "wanted", "already_there", "added", "removed", "rejected", "unverified", "notes")
    return {name: getattr(report, name) for name in names}
