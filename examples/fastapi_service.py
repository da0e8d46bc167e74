"""A service that confirms orders by Viber and says what became of it.

    uvicorn examples.fastapi_service:app

PUT /orders/{order}/confirmation with {"phone": ..., "text": ...} sends it, once: asked again with the same order, it
answers with the same campaign. GET /campaigns/{task_id} gives the state alone. VIBER_LEDGER is a path that lasts;
credentials come from the environment. For several workers see the docs, "Services".
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from viber_async import CampaignDraft, SqliteLedger, ViberSession, to_dict
from viber_async.integrations.fastapi import Session, answer_errors, lifespan

SENDER_ID = 1
DEADLINE = 20.0
"""Seconds for each request to the provider: somebody waits. What takes longer is found when it is asked for again."""


class Confirmation(BaseModel):
    """Who is told what."""

    phone: str
    text: str


def make() -> ViberSession:
    """Give the session of this process."""
    return ViberSession.from_env(ledger=SqliteLedger(os.environ["VIBER_LEDGER"]))


app = FastAPI(lifespan=lifespan(make))
answer_errors(app)


@app.put("/orders/{order}/confirmation")
async def confirm(order: str, wanted: Confirmation, session: Session) -> dict[str, Any]:
    """Send the confirmation of an order, once, and give its state."""
    draft = CampaignDraft(
        sender_id=SENDER_ID,
        message_live_time=3600,
        task_name=f"order {order}",
        message=wanted.text,
        recipients=[wanted.phone],
    )
    prompt = session.with_options(deadline=DEADLINE)
    created = await prompt.campaigns.create_once(draft, key=f"confirmation of {order}")
    return await state(created.task_id, session)


@app.get("/campaigns/{task_id}")
async def state(task_id: int, session: Session) -> dict[str, Any]:
    """Give the state of a campaign."""
    campaign = await session.with_options(deadline=DEADLINE).campaigns.get(task_id)
    return {"task_id": campaign.id, "status": str(campaign.status), "statistics": to_dict(campaign.statistics)}
