"""A client in a process of its own, that is given what it should not swallow, and says what that cost in memory.

``python -m tests.wire.hungry URL COUNT``: one honest answer, then COUNT others; prints how each call ended, and by how
many bytes this process was ever larger than after the honest one.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from viber_async import ApiKey, ViberError, ViberSession


def size(name: str) -> int:
    """Give a size of this process in bytes: VmRSS is the present one, VmHWM the largest ever."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


async def main(url: str, count: int) -> None:
    errors: list[str] = []
    async with ViberSession(ApiKey("key"), base_url=url, retries=0) as session:
        await session.senders.list()
        before = size("VmRSS")
        for _ in range(count):
            try:
                await session.senders.list()
            except ViberError as error:
                errors.append(type(error).__name__)
        print(json.dumps({"errors": errors, "grown": size("VmHWM") - before}))  # noqa: T201 - its parent reads it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
