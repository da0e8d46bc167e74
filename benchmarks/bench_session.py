"""What does a session cost, opened and closed, the first and the next, and in memory while it is idle? And a token?

Beside a session stands ``httpx.AsyncClient``, which makes a TLS context of its own each time; ours share one, made when
the first of them opens. Tokens: how many are asked for when a thousand callers need one at once, and what the look at a
good one costs beside a function that returns a constant.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING

import httpx
from _side_by_side import Cost, async_cost, async_side_by_side, cost, show, show_figures, side_by_side

from viber_async import ApiKey, ClientCredentials, MemoryTokenStore, RateLimit, ViberSession
from viber_async._auth import TokenRefresher
from viber_async._sansio.tokens import Grant
from viber_async._tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST = """
import time
{imports}
began = time.process_time(), time.perf_counter()
asyncio.run(main())
print(time.process_time() - began[0], time.perf_counter() - began[1])
"""
FIRST_OURS = """
import asyncio, viber_async, httpx, cattrs
async def main():
    async with viber_async.ViberSession(viber_async.ApiKey("key")): pass
"""
FIRST_HTTPX = """
import asyncio, httpx
async def main():
    async with httpx.AsyncClient(): pass
"""


def first(imports: str) -> Cost:
    """Give the cost of the first one of a process, what it imports left out."""
    code = FIRST.format(imports=imports)
    said = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Cost(*map(float, said.split()))


async def client() -> None:
    async with httpx.AsyncClient():
        pass


async def session() -> None:
    async with ViberSession(ApiKey("key")):
        pass


async def memory(make: Callable[[], Awaitable[object]], count: int) -> float:
    """Give the KiB that each of so many takes, open and idle."""
    tracemalloc.start()
    kept = [await make() for _ in range(count)]
    size = tracemalloc.get_traced_memory()[0] / 1024 / count
    tracemalloc.stop()
    for each in kept:
        await each.aclose()  # type: ignore[attr-defined]
    return size


async def open_client() -> httpx.AsyncClient:
    return httpx.AsyncClient()


async def open_session() -> ViberSession:
    return await ViberSession(ApiKey("key")).__aenter__()


CALLERS = 1000


class Provider(httpx.AsyncBaseTransport):
    """Gives tokens and empty lists, and may revoke the token that it gave."""

    def __init__(self) -> None:
        self.asked = 0
        self.revoked = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.001)
        if request.url.path == "/oauth/access_token":
            self.asked += 1
            value = f"token-{self.asked}"
            return httpx.Response(200, json={"access_token": value, "token_type": "Bearer", "expires_in": 3600})
        if self.revoked and request.headers["authorization"] == "Bearer token-1":
            return httpx.Response(401)
        return httpx.Response(200, json=[])


async def tokens_asked_for(case: str) -> float:
    """Give the token calls that a thousand callers cause together."""
    provider = Provider()
    credentials = ClientCredentials("id", "secret")
    async with ViberSession(credentials, transport=provider, rate_limit=RateLimit(1_000_000)) as session:
        if case in ("over", "revoked"):
            await session.senders.list()
            provider.asked = 1 if case == "revoked" else 0
            provider.revoked = case == "revoked"
            if case == "over":
                refresher = session._parts.open().bearer
                assert isinstance(refresher, TokenRefresher)
                refresher._token = None
        callers = [asyncio.ensure_future(session.senders.list()) for _ in range(CALLERS)]
        if case == "leader cancelled":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            callers.pop(0).cancel()
        await asyncio.gather(*callers)
    return provider.asked - (case == "revoked")


async def looking(*, looks: int, rounds: int) -> None:
    async def grant() -> Grant:
        return Grant("token", lifetime=3600)

    refresher = TokenRefresher(grant, account="a", store=MemoryTokenStore(), tasks=TaskOwner())
    token = await refresher.token()

    def constant() -> object:
        return token

    ways = {"a constant": constant, "a good token": refresher.at_hand}
    show("looking at the token", side_by_side({n: partial(cost, w, looks) for n, w in ways.items()}, rounds=rounds))


async def main(*, rounds: int) -> None:
    ways = {"httpx.AsyncClient": partial(async_cost, client, 20), "ours": partial(async_cost, session, 20)}
    show("opened and closed, the next ones", await async_side_by_side(ways, rounds=rounds))
    for count in (10, 1000):
        sizes = {
            "httpx.AsyncClient": partial(memory, open_client, min(count, 100)),
            "ours": partial(memory, open_session, count),
        }
        show_figures(f"idle memory of each of {count}", await async_side_by_side(sizes, rounds=2), unit="KiB")
    for case in ("cold", "over", "revoked", "leader cancelled"):
        asked = {"at least": partial(asyncio.sleep, 0, 1.0), "ours": partial(tokens_asked_for, case)}
        show_figures(
            f"token calls of {CALLERS} callers, {case}", await async_side_by_side(asked, rounds=1), unit="calls"
        )
    await looking(looks=20_000, rounds=rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    firsts = {"httpx.AsyncClient": partial(first, FIRST_HTTPX), "ours": partial(first, FIRST_OURS)}
    show("opened and closed, the first", side_by_side(firsts, rounds=arguments.rounds))
    asyncio.run(main(rounds=arguments.rounds))
