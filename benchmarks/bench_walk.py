"""How long does a walk of 100 000 rows take at ten requests a second, and how far is that from the best there is?

The best is a tenth of a second for each page that the rows fill, and one round trip: no seams, no page that shows the
end, no waiting for the first answer. Beside it stand the walk as it is, and the walk with ``ahead=False``, which asks
for one page after another, as clients do.

First by theory: in a loop whose clock jumps, over a provider at a given distance that counts what arrives in any
second. Then for real: the sandbox on a socket, which answers that much later and refuses an eleventh request; fewer
pages, since that takes its time.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from functools import lru_cache
from itertools import product
from types import SimpleNamespace

import httpx
from _jumping import Judge, in_jumping_time
from _side_by_side import show_figures
from attrs import frozen

from viber_async import ApiKey, ViberSession
from viber_async._sansio.paging import OVERLAP
from viber_async.sandbox import Fault, Sandbox

RATE = 10
TRIPS = (0.05, 0.1, 0.2, 0.4)
REAL_TRIPS = (0.05, 0.4)
GOALS = {True: 1.06, False: 1.13}
"""By whether the total is known."""
IN_VAIN = 5
"""Requests behind the end of a list without a total, at most."""


@frozen
class Walked:
    """One walk."""

    seconds: float
    requests: int
    refused: int

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.refused} refused"


@lru_cache(maxsize=2500)
def listed(rows: range) -> str:
    return ",".join(
        f'{{"id":{164 + row},"user_id":7046460,"phone":{380_931_000_000 + row},"description":"",'
        '"add_date":"2021-11-05 13:34:03"}'
        for row in rows
    )


class Far(httpx.AsyncBaseTransport):
    """A provider of *rows* rows, *trip* seconds away and back, whose list tells its total or does not."""

    def __init__(self, rows: int, *, trip: float, total: bool) -> None:
        self._rows, self._trip, self._total = range(rows), trip, total
        self.judge = Judge()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seen = {"request": SimpleNamespace(method=b"GET")}
        await request.extensions["trace"]("http11.send_request_headers.started", seen)
        await asyncio.sleep(self._trip / 2)
        self.judge.refuses(asyncio.get_running_loop().time())  # what was one too many is counted, and answered
        limit, offset = (int(request.url.params[name]) for name in ("limit", "offset"))
        total = f',"total":{len(self._rows)}' if self._total else ""
        body = f'{{"data":{{"list":[{listed(self._rows[offset : offset + limit])}]{total}}}}}'
        await asyncio.sleep(self._trip / 2)
        return httpx.Response(200, content=body.encode(), headers={"content-type": "application/json"})


async def walk(session: ViberSession, rows: int, limit: int, *, ahead: bool) -> float:
    """Give the seconds that it took."""
    clock = asyncio.get_running_loop().time
    began = clock()
    pages = session.with_options(lane="bulk").blacklist.list(limit=limit, ahead=ahead)
    found = sum([len(page) async for page in pages.pages()])
    assert (found, pages.report.complete) == (rows, True), pages.report
    return clock() - began


@frozen(kw_only=True)
class Question:
    """What is walked."""

    rows: int
    limit: int
    trip: float
    total: bool
    """Whether it is told."""

    @property
    def pages(self) -> int:
        return math.ceil(self.rows / self.limit)

    @property
    def best(self) -> float:
        return self.pages / RATE + self.trip

    @property
    def requests(self) -> int:
        """With seams, and with the page that shows the end."""
        return math.ceil((self.rows - OVERLAP) / (self.limit - OVERLAP)) + 1

    def __str__(self) -> str:
        told = "total" if self.total else "no total"
        return f"{self.pages} pages of {self.limit}, {self.trip * 1000:.0f} ms, {told}"


def in_theory(asked: Question, *, ahead: bool, warm: bool = False) -> Walked:
    async def work() -> Walked:
        far = Far(asked.rows, trip=asked.trip, total=asked.total)
        async with ViberSession(ApiKey("key"), transport=far) as session:
            for _ in range(10 if warm else 0):  # until then the rate limit takes no round trip for granted
                await session.blacklist.list(limit=1).first()
            await asyncio.sleep(2)
            before = far.judge.arrived
            seconds = await walk(session, asked.rows, asked.limit, ahead=ahead)
        return Walked(seconds, far.judge.arrived - before, far.judge.refused)

    return in_jumping_time(work)


def theory(asked: Question) -> None:
    ours, warm = (in_theory(asked, ahead=True, warm=warm) for warm in (False, True))
    alone = in_theory(asked, ahead=False)
    assert ours.refused == warm.refused == alone.refused == 0
    assert alone.requests == asked.requests
    assert ours.requests == asked.requests if asked.total else ours.requests <= asked.requests + IN_VAIN
    show_figures(
        f"theory: {asked}",
        {
            "the best": [asked.best],
            "ours": [ours.seconds],
            "ours, warm": [warm.seconds],
            "one after another": [alone.seconds],
        },
        unit="s",
        notes={
            "ours": f"{ours}; goal {GOALS[asked.total]}",
            "ours, warm": "after ten other calls",
            "one after another": str(alone),
        },
    )


async def on_a_socket(asked: Question, *, ahead: bool) -> Walked:
    async with Sandbox() as sandbox:
        sandbox.block(*range(380_931_000_000, 380_931_000_000 + asked.rows))
        fault = Fault.latency(asked.trip)
        sandbox.faults.add(fault if asked.total else fault + Fault.total(None), times=None, on="blacklist.list")
        async with ViberSession(ApiKey(sandbox.api_key), base_url=sandbox.url) as session:
            seconds = await walk(session, asked.rows, asked.limit, ahead=ahead)
        return Walked(seconds, len(sandbox.requests), sandbox.rate.refusals)


def reality(asked: Question, *, rounds: int) -> None:
    walks: dict[bool, list[Walked]] = {True: [], False: []}
    for _ in range(rounds):
        for ahead, kept in walks.items():
            kept.append(asyncio.run(on_a_socket(asked, ahead=ahead)))
    show_figures(
        f"sandbox: {asked}",
        {
            "the best": [asked.best] * rounds,
            "ours": [each.seconds for each in walks[True]],
            "one after another": [each.seconds for each in walks[False]],
        },
        unit="s",
        notes={"ours": str(walks[True][-1]), "one after another": str(walks[False][-1])},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--real-pages", type=int, default=30, help="pages of 100 rows that are walked for real")
    parser.add_argument("--rounds", type=int, default=2, help="of the walks for real")
    arguments = parser.parse_args()
    for limit, total, trip in product((1000, 100), (True, False), TRIPS):
        theory(Question(rows=arguments.rows, limit=limit, trip=trip, total=total))
    for total, trip in product((True, False), REAL_TRIPS):
        rows = 100 * arguments.real_pages
        reality(Question(rows=rows, limit=100, trip=trip, total=total), rounds=arguments.rounds)


if __name__ == "__main__":
    main()
