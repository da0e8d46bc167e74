"""Real answers, without anybody in them."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from viber_async import ApiKey, ClientCredentials, ServerError, ViberSession
from viber_async.testing import AnswerRecorder, CannedTransport, in_virtual_time, without_persons

CAMPAIGN = {
    "id": 19864149,
    "name": "for Margaret",
    "message": "Your code is 4711",
    "sender_id": 4647,
    "message_live_time": 86400,
    "send_date": "2023-12-18 14:40:34",
    "status": "sent",
    "statistic": {"sent": 2, "delivered": 1, "read": 1, "redirected": 0, "undelivered": 1, "errors": 0},
    "380931234567": "somebody",
}


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("status", "not delivered", "not delivered"),
        ("status", "Margaret said: +380 93", "text"),
        ("send_date", "2023-12-18 14:40:34", "2023-12-18 14:40:34"),
        ("send_date", "yesterday at Margaret's", "text"),
        ("message", "Margaret", "text"),
        ("message", "", ""),
        ("message", None, None),
        ("resend_sms", True, True),
        ("price", "0.74", "0.74"),
        ("price", 0.74, 0.74),
        ("total", 29, 29),
        ("user_id", 7046460, 1),
        ("user_id", "7046460", "1"),
        ("phone", 380931234567, 380930000001),
        ("phones", ["380931234567", "x", "380931234567"], ["380930000001", "380930000002", "380930000001"]),
        ("new field", 1.5, 1),
    ],
)
def test_what_stays_is_what_says_nothing_of_anybody(name: str, value: object, kept: object) -> None:
    """Shapes, types and the provider's own words."""
    (after,) = without_persons({name: value}).values()

    assert after == kept


def test_the_same_id_is_the_same_number_everywhere() -> None:
    """So that answers still fit each other."""
    assert without_persons([{"id": 55, "sender_id": 7}, {"id": 7, "sender_id": 55}]) == [
        {"id": 1, "sender_id": 2},
        {"id": 2, "sender_id": 1},
    ]


@in_virtual_time
async def test_answers_become_files_and_tokens_do_not(tmp_path: Path) -> None:
    """One an answer, in order, refusals too; and the session gets what it always gets."""
    secret = secrets.token_hex(8)
    answers = {
        "campaigns.get": CAMPAIGN,
        "token": {"access_token": secret, "token_type": "Bearer", "expires_in": 60},
        "senders.list": (503, None),
    }
    recorder = AnswerRecorder(tmp_path / "answers")
    credentials = ClientCredentials("id", "s")
    transport = CannedTransport(answers)
    async with ViberSession(credentials, transport=transport, middleware=[recorder], retries=0) as session:
        assert (await session.campaigns.get(19864149)).name == "for Margaret"
        with pytest.raises(ServerError):
            await session.senders.list()
    (file,) = (tmp_path / "answers").iterdir()
    written = file.read_text()

    assert file.name == "001-GET-viber-task-1.json"
    assert json.loads(written)["json"]["statistic"] == CAMPAIGN["statistic"]
    assert [
        word for word in ("Margaret", "4711", "38093123", "19864149", "4647", secret, "somebody") if word in written
    ] == []


@in_virtual_time
async def test_what_is_no_json_is_no_sample(tmp_path: Path) -> None:
    """A gateway's page says nothing of the provider."""

    class Page(CannedTransport):
        async def handle_async_request(self, request):
            response = await super().handle_async_request(request)
            response.stream = type(response)(200, content=b"<html>").stream
            return response

    transport = Page({"senders.list": (502, None)})
    recorder = AnswerRecorder(tmp_path / "answers")
    async with ViberSession(ApiKey("k"), transport=transport, middleware=[recorder], retries=0) as session:
        with pytest.raises(ServerError):
            await session.senders.list()

    assert not (tmp_path / "answers").exists()
