"""The provider's calls, and how it writes what it has: on the socket, with a client that knows nothing of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import httpx
import pytest

from viber_async.sandbox import SandboxCredentials, SandboxLimits, SandboxPace, SandboxSender

BLACKLIST = "/v2/viber-service/phone-exception"
RESEND = {"status": True, "sms_text": "Sale", "sms_sender_name": "shop"}
EVERYTHING = {
    "task_name": "Spring",
    "additional": {
        "button": {"text": "Buy", "link": "https://example.com/"},
        "image": {"link": "https://example.com/image.png"},
        "resend_sms": RESEND,
    },
    "stretch_time": 1,
}
BY_BOOK = {
    "address_book": 850852,
    "message": "Sale",
    "message_type": 2,
    "message_live_time": 1000,
    "sender_id": 1,
    "send_date": "now",
}


def asking(sandbox, **changes):
    return {
        "grant_type": "client_credentials",
        "client_id": sandbox.credentials.client_id,
        "client_secret": sandbox.credentials.client_secret,
        **changes,
    }


async def token_of(client, sandbox) -> str:
    return (await client.post("/oauth/access_token", json=asking(sandbox))).json()["access_token"]


def refused(answer) -> tuple[int, int]:
    return answer.status_code, answer.json()["error_code"]


# --- tokens ---


async def test_credentials_buy_a_token(sandbox, client):
    """Of an hour, unless it was set otherwise; no other authorization is asked for."""
    answer = await client.post("/oauth/access_token", json=asking(sandbox), headers={"Authorization": "Bearer x"})

    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)


@pytest.mark.parametrize("wrong", [{"client_id": "x"}, {"client_secret": "x"}, {"client_secret": None}])
async def test_wrong_credentials_buy_nothing(sandbox, client, wrong):
    """In the token call's own envelope."""
    answer = await client.post("/oauth/access_token", json=asking(sandbox, **wrong))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"]


@pytest.mark.parametrize("body", [{}, [], {"grant_type": "password"}])
async def test_only_client_credentials_are_granted(client, body):
    """Any other grant is unsupported."""
    answer = await client.post("/oauth/access_token", json=body)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_several_tokens_are_good_at_once(sandbox, client):
    """A second one does not spoil the first."""
    tokens = [await token_of(client, sandbox) for _ in range(2)]
    answers = [await client.get("/viber/senders", headers={"Authorization": f"Bearer {token}"}) for token in tokens]

    assert tokens[0] != tokens[1]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_token_expires(sandbox, client):
    """To the second, on the sandbox's clock."""
    headers = {"Authorization": f"Bearer {await token_of(client, sandbox)}"}
    sandbox.advance(3599)
    before = await client.get("/viber/senders", headers=headers)
    sandbox.advance(1)
    after = await client.get("/viber/senders", headers=headers)

    assert (before.status_code, refused(after)) == (200, (401, 401))


async def test_revoking_spoils_tokens_and_not_the_api_key(sandbox, client):
    """All tokens at once; the key in the client's own headers stays good."""
    headers = {"Authorization": f"Bearer {await token_of(client, sandbox)}"}

    assert sandbox.revoke_tokens() == 1
    assert refused(await client.get("/viber/senders", headers=headers)) == (401, 401)
    assert (await client.get("/viber/senders")).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic sandbox-api-key"}])
async def test_nothing_is_done_for_strangers(sandbox, headers):
    """The message is the one that was seen."""
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False, headers=headers) as stranger:
        answer = await stranger.get("/viber/senders")

    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthorized!", "error_code": 401}


def test_credentials_do_not_show_their_secret():
    """Not even to a log; as a tuple they hold it."""
    credentials = SandboxCredentials("id", "hush")

    assert "hush" not in repr(credentials)
    assert tuple(credentials) == ("id", "hush")


# --- campaigns ---


async def test_a_created_campaign_is_answered_flat(client, campaign):
    """With the lifetime as text, resend_sms as a number, and a date for "now"."""
    answer = await client.post("/viber", json=campaign)

    assert answer.json() == {
        "result": True,
        "data": {
            "address_book_id": None,
            "message": "Sale",
            "button_text": None,
            "button_link": None,
            "image_link": None,
            "message_live_time": "1000",
            "message_type": 2,
            "resend_sms": 0,
            "send_date": "2026-01-31 12:00:00",
            "sender_id": 1,
            "sms_sender_name": None,
            "sms_text": None,
            "task_id": 90241,
            "task_name": "Viber campaign for the personal list on 2026-01-31 12:00",
        },
    }


async def test_a_campaign_with_everything_is_flattened(client, campaign):
    """The nested request comes back in one level."""
    answer = await client.post("/viber", json={**campaign, **EVERYTHING})
    data = answer.json()["data"]

    assert (data["task_name"], data["button_text"], data["button_link"], data["image_link"]) == (
        "Spring",
        "Buy",
        "https://example.com/",
        "https://example.com/image.png",
    )
    assert (data["resend_sms"], data["sms_text"], data["sms_sender_name"]) == (1, "Sale", "shop")


async def test_a_campaign_by_mailing_list_has_its_name(client):
    """As the samples have it."""
    data = (await client.post("/viber", json=BY_BOOK)).json()["data"]

    assert (data["address_book_id"], data["task_name"]) == (850852, "Viber campaign by book")


async def test_created_is_in_utc_and_the_rest_in_the_account_s_zone(make, client_of, campaign):
    """As in the sample whose name is two hours ahead of its creation."""
    async with client_of(make(zone=timezone(timedelta(hours=2)))) as client:
        await client.post("/viber", json=campaign)
        detail = (await client.get("/viber/task/90241")).json()

    assert detail["name"].endswith("2026-01-31 14:00")
    assert (detail["created"], detail["send_date"]) == ("2026-01-31 12:00:00", "2026-01-31 14:00:00")


async def test_the_list_has_campaigns_newest_first(client, campaign):
    """A bare array; a personal list's address_book is null for one, 0 for another."""
    await client.post("/viber", json=campaign)
    await client.post("/viber", json=campaign)
    await client.post("/viber", json=BY_BOOK)
    rows = (await client.get("/viber/task")).json()

    assert [(row["id"], row["address_book"]) for row in rows] == [(90243, 850852), (90242, 0), (90241, None)]
    assert rows[-1] == {
        "id": 90241,
        "name": "Viber campaign for the personal list on 2026-01-31 12:00",
        "message": "Sale",
        "button_text": None,
        "button_link": None,
        "image_link": None,
        "sender_name": "sandbox",
        "sender_id": 1,
        "message_live_time": 1000,
        "send_date": "2026-01-31 12:00:00",
        "created": "2026-01-31 12:00:00",
        "address_book": None,
        "status": "moderation",
    }


async def test_the_list_may_show_no_status_for_a_new_campaign(make, client_of, campaign):
    """Null was seen; the statistics have a word at once."""
    sandbox = make(pace=SandboxPace(unlabelled=1))
    async with client_of(sandbox) as client:
        await client.post("/viber", json=campaign)
        new = (await client.get("/viber/task")).json()[0]["status"]
        detail = (await client.get("/viber/task/90241")).json()["status"]
        sandbox.advance(1)

        assert (new, detail) == (None, "moderation")
        assert (await client.get("/viber/task")).json()[0]["status"] == "moderation"


@pytest.mark.parametrize(
    ("query", "ids"), [({}, [3, 2]), ({"limit": 1}, [3]), ({"limit": 1, "offset": 1}, [2]), ({"limit": 99}, [3, 2, 1])]
)
async def test_pages_have_a_usual_and_a_largest_size(make, client_of, campaign, query, ids):
    """Here two and three; a larger limit is cut down silently."""
    async with client_of(make(limits=SandboxLimits(page=2, page_max=3))) as client:
        for _ in range(3):
            await client.post("/viber", json=campaign)
        rows = (await client.get("/viber/task", params=query)).json()

    assert [row["id"] - 90240 for row in rows] == ids


async def test_statistics_have_their_own_names(client, campaign):
    """`statistic` and `address_book_ids`, and resend_sms as a bool."""
    await client.post("/viber", json={**campaign, **EVERYTHING})
    await client.post("/viber", json=BY_BOOK)
    first, second = [(await client.get(f"/viber/task/{each}")).json() for each in (90241, 90242)]

    assert (first["address_book_ids"], second["address_book_ids"]) == (None, [850852])
    assert (first["resend_sms"], first["resend_sms_status"], first["stretch_time"]) == (True, 2, 1)
    assert (second["resend_sms"], second["resend_sms_status"], second["stretch_time"]) == (False, None, 0)
    assert set(first["statistic"]) == {"sent", "delivered", "read", "redirected", "undelivered", "errors"}


async def test_recipients_have_a_price_in_a_retired_currency(client, campaign):
    """The phone is a number, the price a float."""
    await client.post("/viber", json=campaign)
    answer = await client.get("/viber/task/90241/recipients")

    assert answer.json()["task_id"] == 90241
    assert answer.json()["recipients"][0] == {
        "phone": 380931111111,
        "address_book_id": None,
        "status": "send",
        "send_date": "2026-01-31 12:00:02",
        "price": 0.74,
        "currency": "RUR",
        "last_update": "2026-01-31 12:00:00",
    }


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/viber/task/1", 602),
        ("/viber/task/x", 602),
        ("/viber/task/0", 602),
        ("/viber/task/1/recipients", 802),
        ("/viber/senders/3", 1003),
        ("/viber/senders/-1", 1003),
    ],
)
async def test_what_is_not_there_is_not_found(client, path, code):
    """Each with the code of its kind."""
    assert refused(await client.get(path)) == (404, code)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/viber"), ("POST", "/viber/update"), ("PATCH", "/viber/task/1")]
)
async def test_a_path_that_the_provider_does_not_have_is_not_found(client, method, path):
    """In the usual envelope."""
    answer = await client.request(method, path)

    assert answer.json() == {"message": "Not found", "error_code": 404}


@pytest.mark.parametrize(("change", "expected"), [({"sender_id": 2}, (400, 704)), ({"sender_id": 3}, (400, 901))])
async def test_only_a_verified_sender_may_send(client, campaign, change, expected):
    """A pending one is as bad as none."""
    assert refused(await client.post("/viber", json={**campaign, **change})) == expected


async def test_a_mailing_list_has_to_be_there(client):
    """Code 703."""
    assert refused(await client.post("/viber", json={**BY_BOOK, "address_book": 1})) == (404, 703)


async def test_a_system_message_has_to_match_a_template(make, client_of, campaign):
    """Where templates are given; a promo may say anything."""
    async with client_of(make(templates=["Your order is here"])) as client:
        wrong = await client.post("/viber", json={**campaign, "message_type": 3})
        right = await client.post("/viber", json={**campaign, "message_type": 3, "message": "Your order is here"})
        promo = await client.post("/viber", json=campaign)

    assert (refused(wrong), list(wrong.json()["errors"])) == ((422, 422), ["message"])
    assert (right.status_code, promo.status_code) == (200, 200)


async def test_a_plan_has_a_number_of_recipients(make, client_of, campaign):
    """Code 708 above it."""
    async with client_of(make(limits=SandboxLimits(recipients=2))) as client:
        enough = await client.post("/viber", json=campaign)
        over = await client.post("/viber", json={**campaign, "recipients": [380931111111] * 3})

    assert (enough.status_code, refused(over)) == (200, (400, 708))


async def test_an_hour_has_a_number_of_campaigns(make, client_of, campaign):
    """Code 791 above it, until an hour has gone by."""
    sandbox = make(limits=SandboxLimits(campaigns_per_hour=1))
    async with client_of(sandbox) as client:
        await client.post("/viber", json=campaign)
        sandbox.advance(3599)
        over = await client.post("/viber", json=campaign)
        sandbox.advance(1)

        assert refused(over) == (400, 791)
        assert (await client.post("/viber", json=campaign)).status_code == 200


async def test_a_balance_is_spent(make, client_of, campaign):
    """Code 707 when the next campaign costs more than there is; the price is the sample's, 0.74."""
    async with client_of(make(limits=SandboxLimits(balance=Decimal("2.95")))) as client:
        answers = [await client.post("/viber", json=campaign) for _ in range(2)]

    assert (answers[0].status_code, refused(answers[1])) == (200, (400, 707))


async def test_what_was_refused_is_not_a_campaign(sandbox, client, campaign):
    """Nor does it use up an id."""
    await client.post("/viber", json={**campaign, "sender_id": 3})
    await client.post("/viber", json=campaign)

    assert [each.id for each in sandbox.campaigns] == [90241]


async def test_a_campaign_can_be_looked_up(sandbox, client, campaign):
    """What was asked for, and for whom."""
    await client.post("/viber", json={**campaign, "task_name": "Spring"})
    found = sandbox.campaign(90241)

    assert (found.task_name, found.message, found.sender.id) == ("Spring", "Sale", 1)
    assert found.recipients == (380931111111, 380931111112)
    assert found.life.created_at == datetime(2026, 1, 31, 12, tzinfo=UTC)


# --- senders ---


async def test_senders_are_listed_and_looked_up(make, client_of):
    """A bare array, and the same row alone."""
    async with client_of(make(senders=[SandboxSender(5, name="shop")])) as client:
        listed = (await client.get("/viber/senders")).json()
        single = (await client.get("/viber/senders/5")).json()

    assert listed == [single]
    assert (single["id"], single["name"], single["status"], single["admin_comment"]) == (5, "shop", "verified", None)


# --- blacklist ---


async def test_additions_are_counted(client):
    """Those that were there are not added again, within one call or later."""
    first = await client.post(BLACKLIST, json={"phones": ["380931111111", "380931111112", "380931111111"]})
    second = await client.post(BLACKLIST, json={"phones": ["380931111112", "380931111113"], "description": "asked"})

    assert first.json() == {"result": True, "counters": {"added": 2, "exists": 1}}
    assert second.json() == {"result": True, "counters": {"added": 1, "exists": 1}}


async def test_removals_are_counted(sandbox, client):
    """Those that were not there do not count."""
    sandbox.block("380931111111", 380931111112)
    answer = await client.request("DELETE", BLACKLIST, json={"phones": ["380931111111", "380931111119"]})

    assert answer.json() == {"result": True, "deleted": 1}
    assert not sandbox.is_blacklisted("380931111111")
    assert sandbox.is_blacklisted(380931111112)


async def test_the_blacklist_is_listed_oldest_first(sandbox, client):
    """Inside `data`, with a total; the phone is a number."""
    sandbox.block("380931111112", description="asked")
    sandbox.advance(60)
    sandbox.block("380931111111")
    answer = (await client.get(BLACKLIST)).json()

    assert answer["data"]["total"] == 2
    assert answer["data"]["list"] == [
        {
            "id": 164,
            "user_id": 7046460,
            "phone": 380931111112,
            "description": "asked",
            "add_date": "2026-01-31 12:00:00",
        },
        {"id": 165, "user_id": 7046460, "phone": 380931111111, "description": "", "add_date": "2026-01-31 12:01:00"},
    ]


async def test_the_blacklist_may_be_listed_newest_first(make, client_of):
    """The provider's order is not documented."""
    sandbox = make(blacklist_order="newest")
    sandbox.block(380931111111, 380931111112)
    async with client_of(sandbox) as client:
        rows = (await client.get(BLACKLIST)).json()["data"]["list"]

    assert [row["phone"] for row in rows] == [380931111112, 380931111111]
    assert [entry.phone for entry in sandbox.blacklist] == [380931111112, 380931111111]


async def test_the_blacklist_has_pages(sandbox, client):
    """The total is that of all; beyond the end there is nothing."""
    sandbox.block(*range(380931111111, 380931111116))
    middle, beyond = [
        (await client.get(BLACKLIST, params={"limit": 2, "offset": offset})).json()["data"] for offset in (2, 5)
    ]

    assert [row["phone"] for row in middle["list"]] == [380931111113, 380931111114]
    assert (middle["total"], beyond["list"], beyond["total"]) == (5, [], 5)


async def test_a_blacklist_call_may_have_a_largest_size(make, client_of):
    """Nobody says whether it has."""
    async with client_of(make(limits=SandboxLimits(blacklist_batch=1))) as client:
        enough = await client.post(BLACKLIST, json={"phones": ["380931111111"]})
        over = await client.post(BLACKLIST, json={"phones": ["380931111112", "380931111113"]})

    assert (enough.status_code, refused(over)) == (200, (422, 422))


async def test_a_phone_can_be_taken_off_behind_the_client_s_back(sandbox):
    """As if somebody else had done it."""
    sandbox.block(380931111111, 380931111112)

    sandbox.unblock("380931111111")

    assert [entry.phone for entry in sandbox.blacklist] == [380931111112]


# --- the rate ---


async def test_the_account_has_ten_requests_a_second(make, client_of):
    """The eleventh is refused with 429, whatever it asks for; a second later there is room again."""
    now = 0.0
    sandbox = make(rate_limit=(10, 1.0), monotonic=lambda: now)
    async with client_of(sandbox) as client:
        await client.post("/oauth/access_token", json={})
        answers = [await client.get("/nowhere") for _ in range(10)]
        now = 1.0
        later = await client.get("/viber/senders")

    assert [answer.status_code for answer in answers] == [404] * 9 + [429]
    assert refused(answers[-1]) == (429, 2020202020)
    assert later.status_code == 200
    assert (sandbox.rate.refusals, sandbox.rate.peak, len(sandbox.rate.arrivals)) == (1, 11, 12)


async def test_moving_the_sandbox_s_clock_does_not_hide_a_burst(make, client_of):
    """The rate is judged on the real clock, which nobody moves."""
    sandbox = make(rate_limit=(1, 3600.0))
    async with client_of(sandbox) as client:
        await client.get("/viber/senders")
        sandbox.advance(7200)

        assert refused(await client.get("/viber/senders")) == (429, 2020202020)
