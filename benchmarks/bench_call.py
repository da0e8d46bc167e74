"""What does a call cost beside bare httpx with the same request and ``json.loads``?

Both talk to the same transport in memory, so that what is measured is the code around it: CPU time, one call after
another, small answer and a page of 1000 rows. Rate limit lifted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx

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


async def seconds(once: Once, calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        await once()
    return (time.process_time() - began) / calls


async def compare(name: str, floor: Once, ours: Once, *, calls: int, rounds: int) -> None:
    for once in (floor, ours):
        await seconds(once, calls // 4 + 1)
    pairs = [(await seconds(floor, calls), await seconds(ours, calls)) for _ in range(rounds)]
    ratios = sorted(b / a for a, b in pairs)
    print(
        f"{name:<24} floor {statistics.median(a for a, _ in pairs) * 1e6:8.0f} us   "
        f"ours {statistics.median(b for _, b in pairs) * 1e6:8.0f} us   "
        f"ratio {statistics.median(ratios):5.2f}   ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


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

        await compare("small answer", bare_senders, session.senders.list, calls=calls, rounds=rounds)
        await compare(
            "page of 1000 rows",
            bare_page,
            lambda: session.blacklist.list(limit=1000).first(),
            calls=max(1, calls // 20),
            rounds=rounds,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    asyncio.run(main(calls=arguments.calls, rounds=arguments.rounds))
