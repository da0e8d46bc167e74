"""Processes that start together, share a file of tokens, and ask for the senders once: forked, to be cheap.

`python -m tests.processes.crowd URL PATH` starts as many as each line of its stdin says, and tells what each one got.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Self

from viber_async import FileTokenStore, RateLimit, ViberError, ViberSession
from viber_async._connections import tls_context

# Loaded before the fork, or each child would load them anew.
import anyio._backends._asyncio  # noqa: F401  # isort: skip
import h11  # noqa: F401  # isort: skip
import httpcore  # noqa: F401  # isort: skip
import viber_async._token_file  # noqa: F401  # isort: skip

ROOT = Path(__file__).parent.parent.parent


async def ask(url: str, path: str) -> str:
    """Give what one process got."""
    async with ViberSession(
        ("id", "hidden-secret"), base_url=url, token_store=FileTokenStore(path), rate_limit=RateLimit(1000)
    ) as session:
        try:
            return str(len(await session.senders.list()))
        except ViberError as error:
            return repr(error)


def tell(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def start(url: str, path: str, count: int) -> list[int]:
    """Start so many at one moment, and give their ids."""
    moment = time.time() + 0.02 * count
    children = []
    for _ in range(count):
        if (pid := os.fork()) == 0:
            status = 1
            try:
                time.sleep(max(0.0, moment - time.time()))
                tell({"got": asyncio.run(ask(url, path))})
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    return children


def main(url: str, path: str) -> None:
    tls_context()
    for line in sys.stdin:
        children = start(url, path, int(line))
        tell({"pids": children})
        for pid in children:
            os.waitpid(pid, 0)
        tell({"ended": len(children)})


class Crowd:
    """The other side: starts such processes, and hears what they got."""

    def __init__(self, url: str, path: Path) -> None:
        self._arguments = ("-m", "tests.processes.crowd", url, str(path))
        self._got: list[str] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        return self

    async def __aexit__(self, *_: object) -> None:
        self._input.close()
        await self._process.wait()

    async def start(self, count: int) -> list[int]:
        """Start so many at one moment, and give their ids."""
        self._input.write(f"{count}\n".encode())
        pids: list[int] = await self._heard("pids")
        return pids

    async def got(self) -> list[str]:
        """Give what each of them got, when all have ended."""
        await self._heard("ended")
        got, self._got = self._got, []
        return got

    async def _heard(self, what: str) -> Any:
        while what not in (said := json.loads(await self._output.readline())):
            self._got.append(said["got"])
        return said[what]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
