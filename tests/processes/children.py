"""The parent's side of `zygote`: starts children, hears what they say, kills them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent


class Zygote:
    """One zygote; it has one child at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self.pid = 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.processes.zygote",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def start(self, **job: Any) -> None:
        """Start a child for *job*."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self.pid = (await self.heard())["pid"]

    async def heard(self) -> dict[str, Any]:
        """Give the next thing that it or its child says."""
        assert self._process is not None
        assert self._process.stdout is not None
        message: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return message

    async def until_ended(self) -> list[dict[str, Any]]:
        """Give what the child says until it ends, its end included."""
        said = [await self.heard()]
        while "ended" not in said[-1]:
            said.append(await self.heard())
        return said

    def kill(self) -> None:
        """Kill the child, as a power failure would."""
        with suppress(ProcessLookupError):  # it may have come to its own end
            os.kill(self.pid, signal.SIGKILL)
