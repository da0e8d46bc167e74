"""What does it cost to stream the recipients of a campaign: time for each row, and memory however many there are?

The provider sends them in one body without paging. The floor reads the same pieces and parses each row by
``json.loads``, one row a line, which the provider does not send: the least that reading row by row can cost. Memory is
what `tracemalloc` sees at its peak, body and transport included; it has a run of its own, since tracing costs time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import tracemalloc
from typing import TYPE_CHECKING

import httpx
from _side_by_side import async_cost, async_side_by_side, show, show_figures

from viber_async import ApiKey, RateLimit, ViberSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PIECE = 64 * 1024
"""Bytes that are read from a connection at once."""


def row(number: int) -> str:
    return json.dumps(
        {
            "phone": 380930000000 + number,
            "address_book_id": None,
            "status": ("send", "delivered", "read")[number % 3],
            "send_date": f"2024-03-{number % 28 + 1:02} {number % 24:02}:{number % 60:02}:00",
            "price": 0.7 + number % 40 / 100,
            "currency": "RUR",
            "last_update": f"2024-03-{number % 28 + 1:02} {number % 24:02}:{number % 59:02}:{number % 60:02}",
        },
        separators=(",", ":"),
    )


ROWS = [row(number) for number in range(1000)]


def pieces(rows: int) -> Iterator[bytes]:
    """Give the body as it comes over a connection, without ever holding all of it."""
    held = b'{"task_id":44,"recipients":['
    for thousand in range(rows // 1000):
        held += (b"," if thousand else b"") + ",".join(ROWS).encode()
        while len(held) >= PIECE:
            yield held[:PIECE]
            held = held[PIECE:]
    yield held + b"]}"


class Body(httpx.AsyncByteStream):
    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in pieces(self._rows):
            await asyncio.sleep(0)
            yield piece


def session(rows: int) -> ViberSession:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Body(rows)))
    limit = RateLimit(1_000_000, per=1.0)
    return ViberSession(ApiKey("key"), transport=transport, rate_limit=limit, deadline=None)


async def lines(rows: int) -> None:
    for _ in range(rows // 1000):
        for line in ROWS:
            json.loads(line)


async def stream(rows: int) -> None:
    async with session(rows) as opened:
        async for _ in opened.campaigns.iter_recipients(44):
            pass


async def peak(rows: int) -> float:
    """Give the MiB that streaming *rows* had in use at most, beyond what was in use before."""
    await stream(1000)
    gc.collect()
    tracemalloc.start()
    try:
        await stream(rows)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


async def main(*, rows: int, many: int, rounds: int) -> None:
    for count, turns in ((rows, rounds), (many, 1)):
        ways = {
            "json.loads of each row": lambda count=count: async_cost(lambda: lines(count)),
            "ours": lambda count=count: async_cost(lambda: stream(count)),
        }
        show(f"streaming {count:,} recipients", await async_side_by_side(ways, rounds=turns))
    peaks = {f"{count:,} rows": [await peak(count)] for count in (rows, many)}
    show_figures("streaming, memory at its peak", peaks, unit="MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(main(rows=arguments.rows, many=arguments.many, rounds=arguments.rounds))
