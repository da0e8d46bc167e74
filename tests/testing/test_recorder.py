"""Real answers, without anybody in them."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from viber_async import Answer, ApiKey, Attempt, ClientCredentials, ServerError, ViberSession
from viber_async.testing import AnswerRecorder, CannedTransport, in_virtual_time, run_in_virtual_time, without_persons

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
        ("traffic_type", "Public information", "Public information"),
        ("country", "UK", "UK"),
        ("country", ["UK", "UAE", "UKRA"], ["UK", "UAE", "text"]),
        ("status", "Margaret Hamilton", "text"),
        ("status", "margaret has been told by her mother that she", "text"),
        ("error", "invalid_client", "invalid_client"),
        ("error", "Margaret has no balance", "text"),
        ("result", "margaret was added", "text"),
        ("error_code", 2020202020, 2020202020),
        ("error_code", 380931234567, 1),
        ("total", 9_999_999, 9_999_999),
        ("total", 10_000_000, 1),
        ("added", -93_123_45_67, 1),
        ("price", 380931234567.5, 1),
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


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/addressbooks/5/emails/margaret@example.org", "001-GET-addressbooks-1-emails-2.json"),
        ("/sms/+380931234567", "001-GET-sms-1.json"),
        ("/v2/margaret.h", "001-GET-v2-1.json"),
        ("/a" * 200, f"001-GET{'-a' * 96}-.json"),
    ],
)
def test_the_name_of_a_file_says_nothing_of_anybody(path: str, name: str, tmp_path: Path) -> None:
    """Of a path only what looks like a route is kept."""
    run_in_virtual_time(recorded(path, Answer(status=200, headers={}, body=b"[]"), tmp_path))

    assert [file.name for file in tmp_path.iterdir()] == [name]


async def recorded(path: str, answer: Answer, folder: Path) -> Answer:
    """Give what an `AnswerRecorder` gives for *answer*."""

    async def call_next(_: Attempt) -> Answer:
        return answer

    return await AnswerRecorder(folder)(Attempt(method="GET", path=path, number=1, lane="bulk"), call_next)


@in_virtual_time
async def test_a_disk_that_gives_out_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of a create nobody would know what became of it."""
    (tmp_path / "answers").write_text("no folder")
    transport = CannedTransport({"campaigns.get": CAMPAIGN})
    recorder = AnswerRecorder(tmp_path / "answers")
    async with ViberSession(ApiKey("k"), transport=transport, middleware=[recorder]) as session:
        assert (await session.campaigns.get(19864149)).name == "for Margaret"

    assert caplog.messages == ["an answer could not be recorded: File exists"]


@pytest.mark.fault("P14")
@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_what_is_nested_without_end_stops_nobody(depth: int, tmp_path: Path) -> None:
    """The session has its own word for it."""
    answer = Answer(status=200, headers={}, body=b"[" * depth + b"]" * depth)

    assert run_in_virtual_time(recorded("/x", answer, tmp_path)) is answer
