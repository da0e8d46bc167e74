"""What a request has to look like: the reference's rules, each on both sides of its edge."""

from __future__ import annotations

import json
from datetime import timedelta, timezone

import pytest

BLACKLIST = "/v2/viber-service/phone-exception"
BUTTON = {"text": "Buy", "link": "https://example.com/"}
IMAGE = {"link": "https://example.com/image.png"}
RESEND = {"status": True, "sms_text": "Sale", "sms_sender_name": "shop"}
ABSENT = object()

ACCEPTED = {
    "a named one": {"task_name": "Spring"},
    "the shortest lifetime": {"message_live_time": 60},
    "the longest lifetime": {"message_live_time": 86400},
    "the longest message": {"message": "я" * 1000},
    "a thousand recipients": {"recipients": list(range(380930000000, 380930001000))},
    "the shortest phone": {"recipients": [1000000]},
    "the longest phone": {"recipients": [999999999999999]},
    "a mailing list": {"recipients": ABSENT, "address_book": 850852},
    "no stretching": {"stretch_time": 0},
    "the longest stretching": {"stretch_time": 5},
    "a system message": {"message_type": 3},
    "a system message with an SMS": {"message_type": 3, "additional": {"resend_sms": RESEND}},
    "a button": {"additional": {"button": BUTTON}},
    "a button and an image": {"additional": {"button": BUTTON, "image": IMAGE}},
    "an image alone, without a message": {"message": ABSENT, "additional": {"image": IMAGE}},
    "an image alone, with null for a message": {"message": None, "additional": {"image": IMAGE}},
    "an SMS that is switched off": {"additional": {"resend_sms": {"status": False}}},
    "nothing additional": {"additional": {}},
    "this very second": {"send_date": "2026-01-31 12:00:00"},
    "a later date": {"send_date": "2026-02-28 23:59:59"},
}

# what: (change, the field that is complained about)
REFUSED = {
    "no type": ({"message_type": ABSENT}, "message_type"),
    "a type below": ({"message_type": 1}, "message_type"),
    "a type above": ({"message_type": 4}, "message_type"),
    "a type as text": ({"message_type": "2"}, "message_type"),
    "no sender": ({"sender_id": ABSENT}, "sender_id"),
    "a sender that is true": ({"sender_id": True}, "sender_id"),
    "sender 0": ({"sender_id": 0}, "sender_id"),
    "no lifetime": ({"message_live_time": ABSENT}, "message_live_time"),
    "a lifetime too short": ({"message_live_time": 59}, "message_live_time"),
    "a lifetime too long": ({"message_live_time": 86401}, "message_live_time"),
    "a lifetime as text": ({"message_live_time": "1000"}, "message_live_time"),
    "a lifetime as a float": ({"message_live_time": 1000.0}, "message_live_time"),
    "no date": ({"send_date": ABSENT}, "send_date"),
    "a date that is null": ({"send_date": None}, "send_date"),
    "no recipients at all": ({"recipients": ABSENT}, "recipients"),
    "both kinds of recipients": ({"address_book": 850852}, "recipients"),
    "a null mailing list": ({"address_book": None}, "address_book"),
    "null recipients": ({"recipients": None, "address_book": 850852}, "recipients"),
    "mailing list 0": ({"recipients": ABSENT, "address_book": 0}, "address_book"),
    "a mailing list as text": ({"recipients": ABSENT, "address_book": "850852"}, "address_book"),
    "an empty list of recipients": ({"recipients": []}, "recipients"),
    "recipients that are no list": ({"recipients": 380931111111}, "recipients"),
    "one recipient too many": ({"recipients": [380931111111] * 1001}, "recipients"),
    "a recipient as text": ({"recipients": [380931111111, "380931111112"]}, "recipients.1"),
    "a recipient too short": ({"recipients": [999999]}, "recipients.0"),
    "a recipient too long": ({"recipients": [10**15]}, "recipients.0"),
    "a message too long": ({"message": "я" * 1001}, "message"),
    "a blank message": ({"message": " \n"}, "message"),
    "a message that is a number": ({"message": 5}, "message"),
    "no message": ({"message": ABSENT}, "message"),
    "a null message": ({"message": None}, "message"),
    "a blank name": ({"task_name": ""}, "task_name"),
    "a null name": ({"task_name": None}, "task_name"),
    "stretching too far": ({"stretch_time": 6}, "stretch_time"),
    "stretching backwards": ({"stretch_time": -1}, "stretch_time"),
    "stretching by true": ({"stretch_time": True}, "stretch_time"),
    "a misspelt field": ({"stretchtime": 1}, "stretchtime"),
    "additional things as a list": ({"additional": []}, "additional"),
    "an unknown additional thing": ({"additional": {"video": {}}}, "additional.video"),
    "a system message with a button": ({"message_type": 3, "additional": {"button": BUTTON}}, "message"),
    "a system message that is an image": (
        {"message_type": 3, "message": ABSENT, "additional": {"image": IMAGE}},
        "message",
    ),
    "text and image without a button": ({"additional": {"image": IMAGE}}, "message"),
    "a button without text": ({"message": ABSENT, "additional": {"button": BUTTON}}, "message"),
    "button and image without text": (
        {"message": ABSENT, "additional": {"button": BUTTON, "image": IMAGE}},
        "message",
    ),
    "a button without a label": ({"additional": {"button": {"link": "https://a.example"}}}, "additional.button.text"),
    "a button without a link": ({"additional": {"button": {"text": "Buy"}}}, "additional.button.link"),
    "a button to nowhere": (
        {"additional": {"button": {"text": "Buy", "link": "javascript:alert(1)"}}},
        "additional.button.link",
    ),
    "a null button": ({"additional": {"button": None}}, "additional.button"),
    "an image without a link": ({"message": ABSENT, "additional": {"image": {}}}, "additional.image.link"),
    "an SMS that is 1": ({"additional": {"resend_sms": {**RESEND, "status": 1}}}, "additional.resend_sms.status"),
    "an SMS without a status": (
        {"additional": {"resend_sms": {"sms_text": "Sale"}}},
        "additional.resend_sms.status",
    ),
    "an SMS without a text": (
        {"additional": {"resend_sms": {"status": True, "sms_sender_name": "shop"}}},
        "additional.resend_sms.sms_text",
    ),
    "an SMS without a sender": (
        {"additional": {"resend_sms": {"status": True, "sms_text": "Sale"}}},
        "additional.resend_sms.sms_sender_name",
    ),
}


@pytest.fixture
async def local(make, client_of):
    async with client_of(make()) as client:
        yield client


def changed(campaign, change):
    return {name: value for name, value in {**campaign, **change}.items() if value is not ABSENT}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_a_campaign_by_the_rules_is_accepted(local, campaign, change):
    """Up to the very edge of each rule."""
    answer = await local.post("/viber", json=changed(campaign, change))

    assert answer.status_code == 200, answer.text
    assert answer.json()["result"] is True


@pytest.mark.parametrize(("change", "where"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_campaign_against_the_rules_is_refused(local, campaign, change, where):
    """With the field that is wrong, and only that."""
    answer = await local.post("/viber", json=changed(campaign, change))

    assert (answer.status_code, answer.json()["error_code"]) == (422, 422)
    assert list(answer.json()["errors"]) == [where]


@pytest.mark.parametrize(
    "date",
    [
        "NOW",
        "tomorrow",
        "2026-01-31T13:00:00",
        "2026-1-31 13:00:00",
        "2026-02-30 13:00:00",
        "2026-01-31 11:59:59",
        "2026-01-31 13:00:00Z",
    ],
)
async def test_a_date_that_is_malformed_or_past_is_refused(local, campaign, date):
    """Code 799."""
    answer = await local.post("/viber", json={**campaign, "send_date": date})

    assert (answer.status_code, answer.json()["error_code"]) == (400, 799)


async def test_a_date_beyond_the_calendar_is_refused(make, client_of, campaign):
    """East of Greenwich the first of all dates is before the first of all dates."""
    sandbox = make(zone=timezone(timedelta(hours=2)))
    async with client_of(sandbox) as client:
        answer = await client.post("/viber", json={**campaign, "send_date": "0001-01-01 00:00:00"})

    assert answer.json()["error_code"] == 799


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "phones"),
        ([], "body"),
        ({"phones": []}, "phones"),
        ({"phones": "380931111111"}, "phones"),
        ({"phones": [380931111111]}, "phones.0"),
        ({"phones": ["380931111111", "+380931111112"]}, "phones.1"),
        ({"phones": ["0931111111"]}, "phones.0"),
        ({"phones": ["٣٨٠٩٣١١١١١١١"]}, "phones.0"),
        ({"phones": ["380931111111"], "reason": "asked"}, "reason"),
    ],
)
async def test_a_blacklist_write_against_the_rules_is_refused(local, method, body, where):
    """Phones are strings of digits here, unlike in a campaign."""
    answer = await local.request(method, BLACKLIST, json=body)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [where])


async def test_only_an_addition_has_a_description(local):
    """A removal has none, and an addition's is text."""
    removal = await local.request("DELETE", BLACKLIST, json={"phones": ["380931111111"], "description": ""})
    addition = await local.post(BLACKLIST, json={"phones": ["380931111111"], "description": None})

    assert list(removal.json()["errors"]) == list(addition.json()["errors"]) == ["description"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/viber"), ("POST", BLACKLIST), ("DELETE", BLACKLIST)])
async def test_a_write_without_a_body_is_refused(local, method, path):
    """Among them the DELETE whose body a client's delete() cannot send."""
    answer = await local.request(method, path)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["body"])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b'{"phones": ["380931111111"]}'),
        ("application/x-www-form-urlencoded", b"phones=380931111111"),
        ("application/json", b"{phones}"),
        ("application/json", b'{"phones": [NaN]}'),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[" * 200_000),
        ("application/json", rb'{"phones": ["380931111111"], "description": "half a \ud83c"}'),
        ("application/json", rb'{"phones": ["380931111111"], "description": "\uDF37\uD83C"}'),
        ("application/json", rb'{"phones": ["380931111111"], "\ud83c": 1}'),
    ],
)
async def test_what_is_no_json_is_refused(local, content_type, body):
    """Code 400, in the usual envelope."""
    answer = await local.post(BLACKLIST, content=body, headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)


async def test_an_emoji_in_two_halves_is_one_character(local):
    """As is one that is written out."""
    body = rb'{"phones": ["380931111111"], "description": "\ud83c\udf37 and \u0041"}'
    written = await local.post(BLACKLIST, content=body, headers={"Content-Type": "application/json"})
    listed = await local.get(BLACKLIST)

    assert (written.status_code, listed.json()["data"]["list"][0]["description"]) == (200, "🌷 and A")


async def test_a_campaign_with_half_a_character_is_refused(local, campaign):
    """Wherever it stands: the parser does not get to know of what."""
    for change in ({"message": "\ud83c"}, {"task_name": "\ud83c"}):
        body = json.dumps({**campaign, **change})
        answer = await local.post("/viber", content=body, headers={"Content-Type": "application/json"})

        assert (answer.status_code, answer.json()["error_code"]) == (400, 400)


async def test_half_a_character_that_a_test_has_put_there_is_answered_as_json(make, client_of):
    """Escaped, since no UTF-8 can hold it."""
    sandbox = make()
    sandbox.block(380931111111, description="half a \ud83c")
    async with client_of(sandbox) as client:
        answer = await client.get(BLACKLIST)

    assert rb"half a \ud83c" in answer.content
    assert answer.json()["data"]["list"][0]["description"] == "half a \ud83c"


async def test_a_charset_beside_the_content_type_is_fine(local):
    """As is another case."""
    answer = await local.post(
        BLACKLIST,
        content=b'{"phones": ["380931111111"]}',
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/viber/task", BLACKLIST])
@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "1.5"}, "offset"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(local, path, query, where):
    """Both lists take the same two numbers."""
    answer = await local.get(path, params=query)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [where])
