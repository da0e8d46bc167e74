"""What a call and an import cost, counted in things that are the same on every machine.

Benchmarks tell how fast it is; this tells when something was put in the way. The ceilings are a tenth above what was
counted, for Pythons differ.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpx
import pytest
from sniffio import current_async_library_cvar

from viber_async import ApiKey, ClientCredentials, RateLimit, ViberSession

ANSWERS: dict[str, object] = {
    "/oauth/access_token": {"access_token": "token", "token_type": "Bearer", "expires_in": 3600},
    "/viber/senders": [{"id": 1, "status": "verified", "name": "shop"}],
    "/v2/viber-service/phone-exception": {"result": True, "counters": {"added": 1, "exists": 0}, "deleted": 1},
}

Call = Callable[[ViberSession], Awaitable[object]]

CALLS: list[tuple[Call, int, int]] = [
    (lambda session: session.senders.list(), 115, 305),
    (lambda session: session.blacklist.add(["380931111111"]), 180, 400),
    (lambda session: session.blacklist.remove(["380931111111"]), 172, 385),
]
"""A call, and the most functions of ours and of anybody's that it may enter, going on after a wait counted as well."""
NAMES = ["GET", "POST", "DELETE"]


def session_over_nothing() -> ViberSession:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=ANSWERS[request.url.path]))
    return ViberSession(ClientCredentials("id", "secret"), transport=transport, rate_limit=RateLimit(1_000_000))


async def used(session: ViberSession, call: Call) -> None:
    """Make what is made once."""
    for _ in range(3):
        await call(session)


@pytest.mark.parametrize(("call", "ours", "all_"), CALLS, ids=NAMES)
async def test_a_call_enters_few_functions(call: Call, ours: int, all_: int) -> None:
    """Whatever can be prepared once is not done again."""
    entered: Counter[bool] = Counter()

    def count(frame: Any, event: str, _: object) -> None:
        if event == "call":
            entered["viber_async" in frame.f_code.co_filename] += 1

    async with session_over_nothing() as session:
        await used(session, call)
        sys.setprofile(count)
        try:
            await call(session)
        finally:
            sys.setprofile(None)

    assert entered[True] <= ours
    assert entered.total() <= all_


async def test_whoever_asks_which_library_runs_is_told_at_once() -> None:
    """httpcore and anyio ask two dozen times a call, and look for a task each time where nobody has said it."""
    told: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(current_async_library_cvar.get())
        return httpx.Response(200, json=ANSWERS[request.url.path])

    async with ViberSession(ApiKey("key"), transport=httpx.MockTransport(answer)) as session:
        await session.senders.list()
        told.append(current_async_library_cvar.get())

    assert told == ["asyncio", None]  # the second: of the caller's own context nothing is changed


@pytest.mark.parametrize("call", [call for call, _, _ in CALLS], ids=NAMES)
async def test_a_call_takes_one_task(call: Call) -> None:
    """The one that the session owns, for as long as the exchange takes."""
    made: list[asyncio.Task[Any]] = []

    def make(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **how: Any) -> asyncio.Task[Any]:
        made.append(asyncio.Task(work, loop=loop, **how))
        return made[-1]

    async with session_over_nothing() as session:
        await used(session, call)
        asyncio.get_running_loop().set_task_factory(make)
        await call(session)
        asyncio.get_running_loop().set_task_factory(None)

    assert len(made) == 1


@pytest.mark.parametrize("call", [call for call, _, _ in CALLS], ids=NAMES)
async def test_a_call_leaves_nothing_for_the_collector(call: Call) -> None:
    """What holds itself in a circle is only taken away by a collection, which stops a big process for long."""
    async with session_over_nothing() as session:
        await used(session, call)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await call(session)
            gc.collect()
            left = [type(each).__name__ for each in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()

    assert left == []


def test_importing_the_package_does_not_import_what_only_a_session_needs() -> None:
    """They take longer than all of ours, and a program that handles our errors may never need them."""
    later = {"httpx", "httpx2", "httpcore", "h11", "cattrs", "anyio", "sqlite3", "certifi"}
    code = f"import sys; there = set(sys.modules); import viber_async; print({later} & (sys.modules.keys() - there))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "set()"
