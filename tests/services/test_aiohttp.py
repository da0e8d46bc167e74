"""The cleanup context, the key and the answers of an aiohttp service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer

from tests.shell.provider import Provider, no, ok
from tests.shell.sessions import session_over
from viber_async import ConfigurationError, RateLimitError, ViberSession
from viber_async.integrations.aiohttp import SESSION, answer_errors, cleanup_context, viber_session


def serving(app: web.Application) -> TestClient[Any, Any]:
    return TestClient(TestServer(app))


def service(*replies: Any) -> tuple[web.Application, list[Provider]]:
    """Give an application that lists senders, and the providers of the sessions that it opens."""
    providers: list[Provider] = []

    def make() -> ViberSession:
        session, provider = session_over(*(replies or (ok([]),)), retries=0)
        providers.append(provider)
        return session

    async def senders(request: web.Request) -> web.Response:
        return web.json_response([each.id for each in await viber_session(request).senders.list()])

    app = web.Application()
    app.cleanup_ctx.append(cleanup_context(make))
    app.router.add_get("/senders", senders)
    return app, providers


async def test_one_session_lives_as_long_as_the_application() -> None:
    """It is opened once, is the same for every request, and is closed at the end."""
    app, providers = service()
    async with serving(app) as client:
        statuses = [(await client.get("/senders")).status for _ in range(3)]

        assert statuses == [200, 200, 200]
        assert [len(each.requests) for each in providers] == [3]
        assert [each.closed for each in providers] == [0]

    assert [each.closed for each in providers] == [1]


async def test_a_part_of_the_application_has_the_session_too() -> None:
    """It is looked for outwards."""
    app, _ = service()
    part = web.Application()

    async def same(request: web.Request) -> web.Response:
        return web.json_response(viber_session(request) is app[SESSION])

    part.router.add_get("/same", same)
    app.add_subapp("/part", part)
    async with serving(app) as client:
        answer = await (await client.get("/part/same")).json()

    assert answer is True


async def test_a_failed_start_closes_the_session() -> None:
    """A context that is appended later finds the session, and may fail."""
    app, providers = service()

    async def database(app: web.Application) -> AsyncIterator[None]:
        await app[SESSION].senders.list()
        raise RuntimeError("no database")
        yield

    app.cleanup_ctx.append(database)
    runner = web.AppRunner(app)
    with pytest.raises(RuntimeError, match="no database"):
        await runner.setup()
    await runner.cleanup()  # as web.run_app does

    assert [each.closed for each in providers] == [1]

    again, _ = service()
    async with serving(again) as client:
        assert (await client.get("/senders")).status == 200


async def test_who_forgets_the_context_is_told() -> None:
    """With the line that is missing."""
    told: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        try:
            viber_session(request)
        except ConfigurationError as error:
            told.append(str(error))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as client:
        await client.get("/")

    assert "cleanup_ctx.append(cleanup_context(" in told[0]


async def test_errors_are_answered() -> None:
    """As the table has it, as a problem document."""
    app, _ = service(no(429, {"error_code": 2020202020}, retry_after="7"))
    answer_errors(app)
    async with serving(app) as client:
        answer = await client.get("/senders")
        body = await answer.json(content_type="application/problem+json")

    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert (body["code"], body["delivery"]) == ("rate_limited", "answered")


async def test_what_cannot_be_answered_is_raised() -> None:
    """A mistake of the service's own is the server's 500, and an answer that has begun is cut, not ended."""
    app = web.Application()
    answer_errors(app)

    async def mistaken(request: web.Request) -> web.Response:
        raise ConfigurationError("no ledger")

    async def begun(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"[1,")
        raise RateLimitError("…")

    app.router.add_get("/mistaken", mistaken)
    app.router.add_get("/begun", begun)
    async with serving(app) as client:
        assert (await client.get("/mistaken")).status == 500
        with pytest.raises(ClientPayloadError):
            await (await client.get("/begun")).read()
