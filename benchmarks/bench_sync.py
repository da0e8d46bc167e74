"""What does a sync of a million phones against a million cost: memory, CPU, requests? And the difference alone?

One in a hundred differs: as many are added as removed. The whole sync runs in a process of its own over a transport in
memory whose rows are computed and not kept, so that the memory is the client's; the CPU of the transport is measured
and taken off. Rate limit lifted; beside it stands what ten requests a second would take.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import ceil
from pathlib import Path

import httpx
from _side_by_side import cost, show, show_figures, side_by_side

from viber_async import ApiKey, RateLimit, ViberSession
from viber_async._sansio.batches import BATCH
from viber_async._sansio.difference import Difference
from viber_async._sansio.number_page import NumberPage
from viber_async._sansio.numbers import Index
from viber_async._sansio.paging import MAX_LIMIT, OVERLAP
from viber_async._sansio.terms import Terms

CHANGED = 100
"""One phone in so many is removed, and as many are added."""
FIRST, SPREAD, STEP = 380_000_000_000, 10**9, 387_420_489
"""Phones all over nine digits in an order that no dict likes: FIRST + place * STEP modulo SPREAD (no common factor)."""
BACK = pow(STEP, -1, SPREAD)


def phone_at(place: int) -> int:
    return FIRST + place * STEP % SPREAD


def phones(places: Iterable[int]) -> Iterator[int]:
    return map(phone_at, places)


class Provider(httpx.AsyncBaseTransport):
    """Has the phones of the first *count* places; keeps only what was changed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._changed = count // CHANGED
        self._gone, self._here = bytearray(self._changed), bytearray(self._changed)
        self._head: array[int] | None = None
        self._tail: array[int] | None = None
        self.seconds = 0.0
        """CPU that was spent in here."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        began = time.process_time()
        if request.method == "GET":
            answer = self._page(int(request.url.params["limit"]), int(request.url.params["offset"]))
        else:
            answer = self._write(request.method, json.loads(request.content)["phones"])
        response = httpx.Response(200, content=answer, headers={"content-type": "application/json"})
        self.seconds += time.process_time() - began
        return response

    def _page(self, limit: int, offset: int) -> bytes:
        if self._head is None or self._tail is None:
            self._head = array("q", (place for place in range(self._changed) if not self._gone[place]))
            self._tail = array("q", (self._count + place for place in range(self._changed) if self._here[place]))
        head, tail = self._head, self._tail
        left, added = len(head), len(tail)
        middle = range(self._changed, self._count)
        end = left + len(middle)
        places = [
            *head[offset : offset + limit],
            *middle[max(0, offset - left) : max(0, offset + limit - left)],
            *tail[max(0, offset - end) : max(0, offset + limit - end)],
        ]
        rows = ",".join(
            f'{{"id":{164 + place},"user_id":7046460,"phone":{phone_at(place)},"description":"",'
            '"add_date":"2021-11-05 13:34:03"}'
            for place in places
        )
        return f'{{"data":{{"list":[{rows}],"total":{end + added}}}}}'.encode()

    def _write(self, method: str, given: list[str]) -> bytes:
        self._head = self._tail = None
        places = [(int(phone) - FIRST) * BACK % SPREAD for phone in given]
        if method == "POST":
            for place in places:
                self._here[place - self._count] = 1
            return json.dumps({"result": True, "counters": {"added": len(places), "exists": 0}}).encode()
        for place in places:
            self._gone[place] = 1
        return json.dumps({"result": True, "deleted": len(places)}).encode()


def memory() -> int:
    """Give the most that this process has had, in bytes; not getrusage's, which begins with what its parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def sync(source: Path, count: int) -> dict[str, float]:
    provider = Provider(count)
    base, began = memory(), time.process_time()
    async with ViberSession(ApiKey("key"), transport=provider, rate_limit=RateLimit(1_000_000)) as session:
        report = await session.blacklist.sync(source, mode="mirror", journal=source.parent / f"journal {count}")
    assert report.converged, report.notes
    assert (report.added, report.removed) == (count // CHANGED, count // CHANGED)
    return {
        "base": base,
        "peak": memory(),
        "seconds": time.process_time() - began - provider.seconds,
        "requests": report.requests,
        "walk_requests": report.walk_requests,
    }


def in_a_process(source: Path, count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(source), str(count)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(source.parent)},  # its lock is nobody else's
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


def whole(directory: Path, count: int) -> None:
    """Tell what a whole sync costs."""
    source = directory / f"wanted {count}.txt"
    changed = count // CHANGED
    with source.open("w") as file:
        file.writelines(f"{phone}\n" for phone in phones(range(changed, count + changed)))
    said = in_a_process(source, count)
    source.unlink()
    pages, writes = ceil(count / MAX_LIMIT), 2 * ceil(changed / BATCH)
    seams = ceil((count - OVERLAP) / (MAX_LIMIT - OVERLAP)) + 1 - pages
    assert said["requests"] == pages + seams + writes, said
    show_figures(
        f"sync of {count:,}, requests",
        {"pages and batches": [pages + writes], "ours": [said["requests"]]},
        unit="requests",
        notes={"ours": f"seams and the end {seams}; walks that verify {said['walk_requests']:.0f} more"},
    )
    show_figures(
        f"sync of {count:,}, memory",
        {"the imports": [said["base"] / 1e6], "ours, at its peak": [said["peak"] / 1e6]},
        unit="MB",
        notes={"ours, at its peak": f"{(said['peak'] - said['base']) / count:.1f} bytes a phone"},
    )
    show_figures(
        f"sync of {count:,}, CPU",
        {"at ten a second": [(said["requests"] + said["walk_requests"]) / 10], "ours": [said["seconds"]]},
        unit="s",
    )


Once = Callable[[], object]


def traced(once: Once) -> float:
    """Give the MiB that *once* takes at most, over what was there."""
    tracemalloc.start()
    once()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def pages_of(remote: list[int]) -> Iterator[NumberPage]:
    """Give them by pages whose phones are ints of their own, side by side in memory, as those of an answer are."""
    for start in range(0, len(remote), MAX_LIMIT):
        held = remote[start : start + MAX_LIMIT]
        yield NumberPage(list(range(start, start + len(held))), phones=array("q", held).tolist())


def difference(directory: Path, count: int, *, rounds: int) -> None:
    """Tell what the difference alone costs, beside reading the file and beside two sets."""
    changed = count // CHANGED
    wanted = list(phones(range(changed, count + changed)))
    remote = list(phones(range(count)))
    pages = list[NumberPage]()
    source = directory / "difference.txt"
    source.write_text("".join(f"{phone}\n" for phone in wanted))

    def read() -> object:
        with source.open() as file:
            return sum(1 for line in file if int(line))

    def ours() -> object:
        index = Index()
        for start in range(0, count, 10_000):
            index.add(wanted[start : start + 10_000])
        found = Difference(index, terms=Terms(mode="mirror"), salt=12345, is_young=lambda _: False)
        for page in pages:
            found.take(page, range(len(page.ids)))
        changes = found.finish()
        assert (len(changes.adds), len(changes.removes)) == (changed, changed)
        return changes

    def sets() -> object:
        here, there = set(wanted), set(remote)
        adds, removes = sorted(here - there), sorted(there - here)
        assert (len(adds), len(removes)) == (changed, changed)
        return adds, removes

    ways: dict[str, Once] = {"reading the file": read, "ours": ours, "two sets": sets}
    for order in ("the list's own order", "no order"):
        if order == "no order":
            random.Random(1).shuffle(remote)  # as memory likes it least: nothing lies beside what was looked up before
        pages[:] = pages_of(remote)
        turns = {name: partial(cost, once) for name, once in ways.items()}
        show(f"difference of {count:,}, {order}", side_by_side(turns, rounds=rounds))
    show_figures(f"difference of {count:,}, memory", {"two sets": [traced(sets)], "ours": [traced(ours)]}, unit="MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ten-million", action="store_true", help="ten times as many as well")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(asyncio.run(sync(Path(arguments.child[0]), int(arguments.child[1])))))
        return
    with tempfile.TemporaryDirectory() as directory:
        whole(Path(directory), arguments.count)
        if arguments.ten_million:
            whole(Path(directory), 10_000_000)
        difference(Path(directory), arguments.count, rounds=arguments.rounds)


if __name__ == "__main__":
    main()
