"""A session inside a FastAPI and an aiohttp service: opened with the service, awaited in its handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fastapi import Depends, FastAPI, Request

from viber_async import CampaignDraft, ViberSession, to_dict
from viber_async.sandbox import Sandbox

ORDER = {"phone": "+380 93 111 11 11", "text": "Your order is on its way"}


def draft(order: dict[str, str]) -> CampaignDraft:
    return CampaignDraft(sender_id=1, message_live_time=3600, message=order["text"], recipients=[order["phone"]])


async def test_a_fastapi_handler_awaits_a_session() -> None:
    """The session lives as long as the application, and reaches the handler as a dependency."""
    async with Sandbox() as sandbox:

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with ViberSession(sandbox.credentials, base_url=sandbox.url) as session:
                app.state.viber = session
                yield

        def viber(request: Request) -> ViberSession:
            session: ViberSession = request.app.state.viber
            return session

        app = FastAPI(lifespan=lifespan)

        @app.post("/confirm")
        async def confirm(order: dict[str, str], session: ViberSession = Depends(viber)) -> dict[str, Any]:  # noqa: B008, FAST002 - Annotated cannot see a local name
            return to_dict(await session.campaigns.create(draft(order)))

        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
        ):
            answer = await client.post("/confirm", json=ORDER)

        assert answer.status_code == 200
        assert answer.json()["task_id"] == sandbox.campaigns[0].id


async def test_an_aiohttp_handler_awaits_a_session() -> None:
    """The same with a cleanup context and an application key."""
    key = web.AppKey("viber", ViberSession)
    async with Sandbox() as sandbox:

        async def viber(app: web.Application) -> AsyncIterator[None]:
            async with ViberSession(sandbox.credentials, base_url=sandbox.url) as session:
                app[key] = session
                yield

        async def confirm(request: web.Request) -> web.Response:
            created = await request.app[key].campaigns.create(draft(await request.json()))
            return web.json_response(to_dict(created))

        app = web.Application()
        app.cleanup_ctx.append(viber)
        app.router.add_post("/confirm", confirm)
        async with TestClient(TestServer(app)) as client:
            answer = await client.post("/confirm", json=ORDER)
            body = await answer.json()

        assert answer.status == 200
        assert body["task_id"] == sandbox.campaigns[0].id
