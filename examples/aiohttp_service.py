"""The service of ``fastapi_service.py`` on aiohttp: it confirms orders by Viber and says what became of it.

    python -m aiohttp.web examples.aiohttp_service:make_app

PUT /orders/{order}/confirmation with {"phone": ..., "text": ...} sends it, once: asked again with the same order, it
answers with the same campaign. GET /campaigns/{task_id} gives the state alone. VIBER_LEDGER is a path that lasts;
credentials come from the environment.
"""

from __future__ import annotations

import os

from aiohttp import web

from viber_async import CampaignDraft, SqliteLedger, ViberSession, to_dict
from viber_async.integrations.aiohttp import answer_errors, cleanup_context, viber_session

SENDER_ID = 1
DEADLINE = 20.0
"""Seconds for each request to the provider: somebody waits. What takes longer is found when it is asked for again."""


def make() -> ViberSession:
    """Give the session of this process."""
    return ViberSession.from_env(ledger=SqliteLedger(os.environ["VIBER_LEDGER"]))


async def confirm(request: web.Request) -> web.Response:
    """Send the confirmation of an order, once, and give its state."""
    order, wanted = request.match_info["order"], await request.json()
    draft = CampaignDraft(
        sender_id=SENDER_ID,
        message_live_time=3600,
        task_name=f"order {order}",
        message=wanted["text"],
        recipients=[wanted["phone"]],
    )
    prompt = viber_session(request).with_options(deadline=DEADLINE)
    created = await prompt.campaigns.create_once(draft, key=f"confirmation of {order}")
    return await state_of(request, created.task_id)


async def state(request: web.Request) -> web.Response:
    """Give the state of a campaign."""
    return await state_of(request, int(request.match_info["task_id"]))


async def state_of(request: web.Request, task_id: int) -> web.Response:
    """Give the state of the campaign with that id."""
    campaign = await viber_session(request).with_options(deadline=DEADLINE).campaigns.get(task_id)
    return web.json_response(
        {"task_id": campaign.id, "status": str(campaign.status), "statistics": to_dict(campaign.statistics)}
    )


def make_app(_: list[str] | None = None) -> web.Application:
    """Give the application; ``python -m aiohttp.web`` hands over its arguments."""
    app = web.Application()
    app.cleanup_ctx.append(cleanup_context(make))
    answer_errors(app)
    app.router.add_put("/orders/{order}/confirmation", confirm)
    app.router.add_get(r"/campaigns/{task_id:\d{1,18}}", state)
    return app
