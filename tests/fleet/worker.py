"""The worker of ``examples/taskiq_worker.py``, with what a test cannot wait for made short, and its process id told."""

from __future__ import annotations

import os
import time
from pathlib import Path

from taskiq import TaskiqEvents, TaskiqState

from examples.taskiq_worker import broker

STARTS = Path(os.environ["VIBER_TEST_STARTS"])
"""A line for each start: the process id of the worker."""
HOUR = 3600.0

broker.idle_timeout = 1000
broker.block = 100


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
def started(state: TaskiqState) -> None:
    """Live an hour later at each start: the leases of the dead are over."""
    before = STARTS.read_text().splitlines() if STARTS.exists() else []
    state.viber_session._parts.once.wall = lambda: time.time() + len(before) * HOUR
    STARTS.write_text("\n".join([*before, str(os.getpid())]))
