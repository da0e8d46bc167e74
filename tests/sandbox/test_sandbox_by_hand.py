"""Campaigns that somebody moves on by hand, from Python or in the inbox."""

from __future__ import annotations

import pytest

from viber_async.sandbox import SandboxFate, SandboxMailingList, SandboxPace

PHONES = [380931111111, 380931111112, 380931111113]
BUTTON = {"button": {"text": "Buy", "link": "https://example.com/"}}
PACE = SandboxPace(10, sending=3, delivery=1, reading=2, clicking=3, giving_up=4)
NUMBERS = ("sent", "delivered", "read", "redirected", "undelivered", "errors")


@pytest.fixture
def paced(make):
    """Everybody's fate is an error, so that whatever else comes was done by hand."""
    return make(pace=PACE, fates=dict.fromkeys(PHONES, SandboxFate.ERROR))


@pytest.fixture
async def local(paced, client_of, campaign):
    async with client_of(paced) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES, "additional": BUTTON})
        yield client


async def told(client) -> tuple[str, list[str]]:
    """What the provider says: the campaign's status, and its recipients'."""
    status = (await client.get("/viber/task/90241")).json()["status"]
    answer = await client.get("/viber/task/90241/recipients")
    return status, [recipient["status"] for recipient in answer.json()["recipients"]]


async def numbers(client) -> tuple[int, ...]:
    statistic = (await client.get("/viber/task/90241")).json()["statistic"]
    return tuple(statistic[name] for name in NUMBERS)


async def test_an_approved_campaign_begins_at_once(paced, local):
    """After that it moves by itself, as if its moderation had been quick."""
    paced.approve(90241)
    begun = await told(local)
    paced.advance(3)

    assert begun == ("sending", ["error", "send", "send"])
    assert await told(local) == ("sent", ["error"] * 3)


async def test_a_campaign_that_has_begun_is_not_approved_again(paced, local):
    """It would begin from its beginning."""
    paced.advance(11)
    before = paced.campaign(90241)
    paced.approve(90241)

    assert paced.campaign(90241) == before


async def test_a_scheduled_campaign_does_not_wait_for_its_date_when_it_is_approved(paced, client_of, campaign):
    """The date that was asked for is still what the answers say."""
    async with client_of(paced) as client:
        await client.post("/viber", json={**campaign, "send_date": "2026-02-01 12:00:00"})
        paced.approve(90241)
        row = (await client.get("/viber/task/90241")).json()

    assert (row["status"], row["send_date"]) == ("sending", "2026-02-01 12:00:00")


@pytest.mark.parametrize(
    ("fate", "counted"),
    [
        (SandboxFate.ERROR, (0, 0, 0, 0, 0, 3)),
        (SandboxFate.NOT_DELIVERED, (3, 0, 0, 0, 3, 0)),
        (SandboxFate.DELIVERED, (3, 3, 0, 0, 0, 0)),
        (SandboxFate.READ, (3, 3, 3, 0, 0, 0)),
        (SandboxFate.CLICKED, (3, 3, 3, 3, 0, 0)),
    ],
)
async def test_a_campaign_is_moved_to_any_fate(make, client_of, campaign, fate, counted):
    """At once, whatever fates were drawn; the numbers agree with the recipients."""
    sandbox = make()
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES, "additional": BUTTON})
        sandbox.move(90241, fate)

        assert await told(client) == ("sent", [fate.value] * 3)
        assert await numbers(client) == counted


async def test_some_of_the_recipients_are_moved(paced, local):
    """In any spelling of digits; the others stay, and the campaign is not over before there is a result for each."""
    paced.move(90241, SandboxFate.READ, PHONES[2], str(PHONES[0]))

    assert await told(local) == ("sending", ["read", "send", "read"])
    assert await numbers(local) == (2, 2, 2, 0, 0, 0)


async def test_a_campaign_in_hand_does_not_move_by_itself(paced, local):
    """However much time passes."""
    paced.move(90241, SandboxFate.DELIVERED, PHONES[0])
    paced.advance(1000)

    assert await told(local) == ("sending", ["delivered", "send", "send"])


async def test_a_campaign_is_taken_in_hand_where_it_stands(make, client_of, campaign):
    """What has come of it stays, and no number goes back."""
    sandbox = make(pace=PACE, fates=dict.fromkeys(PHONES, SandboxFate.READ))
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES})
        sandbox.advance(11)
        before = await numbers(client)
        sandbox.move(90241, SandboxFate.ERROR, PHONES[2])

        assert before == (2, 1, 0, 0, 0, 0)
        assert await numbers(client) == (2, 1, 0, 0, 0, 1)
        assert await told(client) == ("sending", ["delivered", "send", "error"])


@pytest.mark.parametrize(
    ("first", "then", "word"),
    [
        (SandboxFate.READ, SandboxFate.DELIVERED, "read"),
        (SandboxFate.CLICKED, SandboxFate.READ, "clicked"),
        (SandboxFate.DELIVERED, SandboxFate.NOT_DELIVERED, "delivered"),
        (SandboxFate.DELIVERED, SandboxFate.ERROR, "delivered"),
        (SandboxFate.ERROR, SandboxFate.CLICKED, "error"),
        (SandboxFate.NOT_DELIVERED, SandboxFate.DELIVERED, "not delivered"),
        (SandboxFate.DELIVERED, SandboxFate.CLICKED, "clicked"),
    ],
)
async def test_nobody_goes_back(paced, local, first, then, word):
    """What was read stays read, and what failed has failed."""
    paced.move(90241, first)
    paced.move(90241, then)

    assert await told(local) == ("sent", [word] * 3)


@pytest.mark.parametrize("seconds", [0, 11, 99], ids=["before its turn", "while others have theirs", "after all"])
async def test_whoever_is_blacklisted_gets_nothing_by_hand_either(make, client_of, campaign, seconds):
    """Whatever is pressed, and whenever; the others get it."""
    sandbox = make(pace=PACE, fates=dict.fromkeys(PHONES, SandboxFate.DELIVERED))
    sandbox.block(PHONES[2])
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES})
        sandbox.advance(seconds)
        sandbox.move(90241, SandboxFate.READ)

        assert await told(client) == ("sent", ["read", "read", "not delivered"])
        assert await numbers(client) == (3, 2, 2, 0, 1, 0)


async def test_a_campaign_can_wait_for_a_hand_from_its_beginning(make, client_of, campaign):
    """In moderation until it is approved, and then with all of its messages on their way."""
    sandbox = make(by_hand=True)
    sandbox.block(PHONES[1])
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES[:2]})
        sandbox.advance(1000)
        waiting = await told(client), await numbers(client)
        sandbox.approve(90241)
        approved = await told(client)
        sandbox.advance(1000)

        assert waiting == (("moderation", ["send", "send"]), (0, 0, 0, 0, 0, 0))
        assert approved == await told(client) == ("sending", ["send", "send"])


async def test_whether_new_campaigns_wait_can_be_changed(make, client_of, campaign):
    """It reaches those that are made from then on."""
    sandbox = make(by_hand=True)
    async with client_of(sandbox) as client:
        await client.post("/viber", json=campaign)
        sandbox.by_hand = False
        await client.post("/viber", json=campaign)
        sandbox.advance(1000)
        rows = (await client.get("/viber/task")).json()

    assert [row["status"] for row in rows] == ["sent", "moderation"]
    assert not sandbox.by_hand


async def test_a_message_is_sent_before_it_arrives(paced, local):
    """By hand too: the dates of a row are in order, and say when it was pressed."""
    paced.advance(5)
    paced.move(90241, SandboxFate.DELIVERED, PHONES[2])
    rows = (await local.get("/viber/task/90241/recipients")).json()["recipients"]

    assert (rows[2]["send_date"], rows[2]["last_update"]) == ("2026-01-31 12:00:05", "2026-01-31 12:00:05")
    assert rows[1]["last_update"] == "2026-01-31 12:00:00"


async def test_there_is_no_click_without_a_button(make, client_of, campaign):
    """By hand as little as by itself."""
    sandbox = make()
    async with client_of(sandbox) as client:
        await client.post("/viber", json=campaign)

    with pytest.raises(ValueError, match="no button"):
        sandbox.move(90241, SandboxFate.CLICKED)


async def test_a_stranger_is_not_moved(paced, local):
    """A phone that was mistyped would else go unnoticed."""
    with pytest.raises(ValueError, match="380931111199 is no recipient of campaign 90241"):
        paced.move(90241, SandboxFate.READ, PHONES[0], 380931111199)
    assert (await told(local))[0] == "moderation"


async def test_a_hundred_thousand_are_moved(make, client_of, campaign):
    """A mailing list is taken in hand as it stands."""
    book = SandboxMailingList(7, phones=range(380930000000, 380930100000))
    body = {name: value for name, value in campaign.items() if name != "recipients"}
    sandbox = make(mailing_lists=[book])
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**body, "address_book": 7})
        sandbox.move(90241, SandboxFate.READ)

        assert await numbers(client) == (100_000, 100_000, 100_000, 0, 0, 0)


async def test_a_campaign_keeps_the_request_that_made_it(make, client_of, campaign):
    """Byte for byte."""
    sandbox = make()
    body = b'{ "recipients": [380931111111], "message": "\\u0041", "message_type": 2, "message_live_time": 60,\n'
    body += b'"sender_id": 1, "send_date": "now" }'
    async with client_of(sandbox) as client:
        answer = await client.post("/viber", content=body, headers={"Content-Type": "application/json"})

    assert sandbox.campaign(answer.json()["data"]["task_id"]).body == body
