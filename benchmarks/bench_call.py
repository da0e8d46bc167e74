"""What does a call cost beside bare httpx with the same request and ``json.loads``?

Both talk to the same transport in memory, so that what is measured is the code around it: CPU time, one call after
another, small answer and a page of 1000 rows. Rate limit lifted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx
from _side_by_side import async_cost, async_side_by_side, show

from viber_async import ApiKey, RateLimit, ViberSession

URL = "https://api.sendpulse.com"
BLACKLIST = "/v2/viber-service/phone-exception"
SENDERS = json.dumps([{"id": 1, "status": "verified", "name": "shop"}]).encode()
PAGE = json.dumps(
    {
        "data": {
            "list": [
                {
                    "id": n,
                    "user_id": 7046460,
                    "phone": 380930000000 + n,
                    "description": "",
                    "add_date": "2021-11-05 13:34:03",
                }
                for n in range(1000)
            ],
            "total": 1000,
        }
    }
).encode()

Once = Callable[[], Awaitable[object]]


def answer(request: httpx.Request) -> httpx.Response:
    body = SENDERS if request.url.path == "/viber/senders" else PAGE
    return httpx.Response(200, content=body, headers={"content-type": "application/json"})


async def main(*, calls: int, rounds: int) -> None:
    headers = {"authorization": "Bearer key"}
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url=URL, headers=headers) as client,
        ViberSession(
            ApiKey("key"),
            transport=httpx.MockTransport(answer),
            rate_limit=RateLimit(1_000_000, per=1.0),
        ) as session,
    ):

        async def bare_senders() -> object:
            return json.loads((await client.get("/viber/senders")).content)

        async def bare_page() -> object:
            query = {"limit": 1000, "offset": 0}
            return json.loads((await client.get(BLACKLIST, params=query)).content)

        async def page() -> object:
            return await session.blacklist.list(limit=1000).first()

        async def compare(question: str, floor: Once, ours: Once, calls: int) -> None:
            ways = {"bare httpx": lambda: async_cost(floor, calls), "ours": lambda: async_cost(ours, calls)}
            show(question, await async_side_by_side(ways, rounds=rounds))

        await compare("GET, small answer", bare_senders, session.senders.list, calls)
        await compare("GET, 1000 rows", bare_page, page, max(1, calls // 20))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    asyncio.run(main(calls=arguments.calls, rounds=arguments.rounds))
