"""What does ``import viber_async`` cost beside ``import asyncio, attrs``, and beside its own dependencies?

Names are imported when they are first used, so there are two rows: the package alone, and with its `ViberSession`.

CPU of the import alone, each time in a process of its own: warm, with its bytecode there, as in every start but the
first; and cold, with nothing compiled. What the first session needs on top of it (httpx, cattrs) stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial

from _side_by_side import Cost, show, side_by_side

MEASURE = """
import json, sys, time
cpu, wall = time.process_time(), time.perf_counter()
exec(sys.argv[1])
print(json.dumps([time.process_time() - cpu, time.perf_counter() - wall]))
"""
FIRST_SESSION = """
import asyncio, viber_async
async def main():
    async with viber_async.ViberSession(viber_async.ApiKey("key")):
        pass
asyncio.run(main())
"""
WAYS = {
    "asyncio, attrs": "import asyncio, attrs",
    "viber_async": "import asyncio, viber_async",
    "its ViberSession": "from viber_async import ViberSession",
    "its dependencies": "import asyncio, attrs, cattrs, httpx, httpcore, anyio",
    "its first session": FIRST_SESSION,
}


def importing(code: str, environment: dict[str, str]) -> Cost:
    command = [sys.executable, "-c", MEASURE, code]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    return Cost(*json.loads(done.stdout))


def cold(code: str) -> Cost:
    with tempfile.TemporaryDirectory() as nothing:
        return importing(code, {"PYTHONPYCACHEPREFIX": nothing})


def main(*, rounds: int) -> None:
    show("import, warm", side_by_side({name: partial(importing, WAYS[name], {}) for name in WAYS}, rounds=rounds))
    show("import, cold", side_by_side({name: partial(cold, WAYS[name]) for name in WAYS}, rounds=max(1, rounds // 3)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    main(rounds=arguments.rounds)
