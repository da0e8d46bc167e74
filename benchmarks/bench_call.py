"""What does a call cost beside bare httpx with the same request and ``json.loads``?

All talk to one server on loopback, in a process of its own, so that CPU is the client's alone. Rate limits are lifted.
The generated SDK is ``openai``, asked for our paths: its call path is what such SDKs share. The provider's own package
opens a connection for every request, as it does in use. "handed in" is our session over ``httpx.AsyncHTTPTransport()``.

At once means so many callers, each with one call after another, over answers that take 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Any, Self

import aiohttp
import httpx
import openai
from _answering import BLACKLIST, SENDERS, answering
from _side_by_side import async_cost, async_side_by_side, at_once, show
from aiosendpulse import AioSendPulseClient
from aiosendpulse.methods.base import SendPulseMethod
from pysendpulse.pysendpulse import PySendPulse

from viber_async import ApiKey, RateLimit, ViberSession

PHONES = ["380931111111", "380931111112", "380931111113"]
HEADERS = {"authorization": "Bearer key"}
LIFTED = RateLimit(1_000_000)
QUERY = {"limit": "1000", "offset": "0"}

Once = Callable[[], Awaitable[object]]


class AskedFor(SendPulseMethod[object]):
    """A method of aiosendpulse's for a path that it does not know."""

    __http_method__ = "GET"
    __api_endpoint__ = SENDERS
    __returning__ = dict


class Clients:
    """The clients, open."""

    def __init__(self, url: str) -> None:
        self.httpx = httpx.AsyncClient(base_url=url, headers=HEADERS)
        self.capped = httpx.AsyncClient(base_url=url, headers=HEADERS, limits=httpx.Limits(max_connections=10))
        self.aiohttp = aiohttp.ClientSession(url, headers=HEADERS)
        self.ours = ViberSession(ApiKey("key"), base_url=url, rate_limit=LIFTED)
        self.handed_in = ViberSession(
            ApiKey("key"), base_url=url, rate_limit=LIFTED, transport=httpx.AsyncHTTPTransport()
        )
        self.generated = openai.AsyncOpenAI(api_key="key", base_url=url)
        self.aiosendpulse = AioSendPulseClient("id", "secret", token_storage=None, token="key")  # type: ignore[arg-type]
        self.aiosendpulse.base_url = httpx.URL(url)

    async def bare(self, method: str, path: str, **more: Any) -> object:
        return json.loads((await self.httpx.request(method, path, **more)).content)

    async def bare_capped(self) -> object:
        return json.loads((await self.capped.get(SENDERS)).content)

    async def with_aiohttp(self, method: str, path: str, **more: Any) -> object:
        async with self.aiohttp.request(method, path, **more) as response:
            return json.loads(await response.read())

    async def page(self) -> object:
        return await self.ours.blacklist.list(limit=1000).first()

    async def with_generated(self) -> object:
        return await self.generated.get(SENDERS, cast_to=object)

    async def with_aiosendpulse(self) -> object:
        return await AskedFor()(self.aiosendpulse)

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        for client in (self.httpx, self.capped, self.aiohttp, self.ours, self.handed_in, self.generated):
            await self._stack.enter_async_context(client)  # type: ignore[arg-type]
        self._stack.push_async_callback(self.aiosendpulse.close)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()


@contextmanager
def providers_own(url: str) -> Iterator[Callable[[], object]]:
    """Give a call of the provider's own package, which has none for Viber, but for any path."""
    PySendPulse._PySendPulse__api_url = url  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as directory:
        client: Any = PySendPulse("id", "secret", token_file_path=f"{directory}/")
        yield lambda: client._PySendPulse__handle_result(client._PySendPulse__send_request(SENDERS[1:]))


async def one_at_a_time(clients: Clients, sync: Callable[[], object], *, calls: int, rounds: int) -> None:
    async def compare(question: str, ways: Mapping[str, Once], calls: int) -> None:
        turns = {name: partial(async_cost, once, calls) for name, once in ways.items()}
        show(question, await async_side_by_side(turns, rounds=rounds))

    async def of_the_provider() -> object:
        return sync()  # which blocks, as it does

    await compare(
        "GET, small answer",
        {
            "bare httpx": partial(clients.bare, "GET", SENDERS),
            "ours": clients.ours.senders.list,
            "ours, handed in": clients.handed_in.senders.list,
            "aiohttp": partial(clients.with_aiohttp, "GET", SENDERS),
            "aiosendpulse": clients.with_aiosendpulse,
            "generated (openai)": clients.with_generated,
            "pysendpulse": of_the_provider,
        },
        calls,
    )
    body = {"phones": PHONES}
    await compare(
        "POST, small answer",
        {
            "bare httpx": partial(clients.bare, "POST", BLACKLIST, json=body),
            "ours": partial(clients.ours.blacklist.add, PHONES),
            "aiohttp": partial(clients.with_aiohttp, "POST", BLACKLIST, json=body),
        },
        calls,
    )
    await compare(
        "GET, 1000 rows",
        {
            "bare httpx": partial(clients.bare, "GET", BLACKLIST, params=QUERY),
            "ours, typed": clients.page,
            "aiohttp": partial(clients.with_aiohttp, "GET", BLACKLIST, params=QUERY),
        },
        max(1, calls // 10),
    )


async def many_at_once(clients: Clients, *, calls: int, rounds: int) -> None:
    for name, once in (
        ("ours", clients.ours.senders.list),
        ("bare httpx, 10 connections", clients.bare_capped),
        ("bare httpx, its 100", partial(clients.bare, "GET", SENDERS)),
    ):
        turns = {f"{callers} at once": partial(at_once, once, callers, calls) for callers in (1, 50, 100)}
        show(f"GET at once: {name}", await async_side_by_side(turns, rounds=rounds))


async def main(*, calls: int, rounds: int) -> None:
    with answering() as url, providers_own(url) as sync:
        async with Clients(url) as clients:
            await one_at_a_time(clients, sync, calls=calls, rounds=rounds)
    with answering(seconds=0.02) as url:
        async with Clients(url) as clients:
            await many_at_once(clients, calls=calls // 2, rounds=max(1, rounds // 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    asyncio.run(main(calls=arguments.calls, rounds=arguments.rounds))
