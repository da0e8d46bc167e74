"""What comes of a campaign while time is moved by hand."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from viber_async.sandbox import SandboxFate, SandboxMailingList, SandboxPace

PHONES = [380931111111, 380931111112, 380931111113, 380931111114, 380931111115]
FATES = dict(
    zip(
        PHONES,
        [
            SandboxFate.ERROR,
            SandboxFate.NOT_DELIVERED,
            SandboxFate.DELIVERED,
            SandboxFate.READ,
            SandboxFate.CLICKED,
        ],
        strict=True,
    )
)
PACE = SandboxPace(10, sending=5, delivery=1, reading=2, clicking=3, giving_up=4)
BUTTON = {"button": {"text": "Buy", "link": "https://example.com/"}}


@pytest.fixture
def paced(make):
    return make(pace=PACE, fates=FATES)


@pytest.fixture
async def local(paced, client_of, campaign):
    """A client of a sandbox that has one campaign: five recipients, a turn each second from 12:00:10 on."""
    async with client_of(paced) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES, "additional": BUTTON})
        yield client


async def numbers(client) -> tuple[int, ...]:
    return tuple((await client.get("/viber/task/90241")).json()["statistic"].values())


async def statuses(client, task_id: int = 90241) -> list[str]:
    answer = await client.get(f"/viber/task/{task_id}/recipients")
    return [recipient["status"] for recipient in answer.json()["recipients"]]


async def status(client, task_id: int = 90241) -> str | None:
    return (await client.get(f"/viber/task/{task_id}")).json()["status"]


@pytest.mark.parametrize(
    ("seconds", "word"),
    [(0, "moderation"), (9.9, "moderation"), (10, "sending"), (14.9, "sending"), (15, "sent"), (9999, "sent")],
)
async def test_a_campaign_is_moderated_then_sending_then_sent(paced, local, seconds, word):
    """Each from its first moment on."""
    paced.advance(seconds)

    assert await status(local) == word


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (9.9, ["send", "send", "send", "send", "send"]),
        (10, ["error", "send", "send", "send", "send"]),
        (13, ["error", "send", "delivered", "send", "send"]),
        (15, ["error", "not delivered", "delivered", "read", "delivered"]),
        (99, ["error", "not delivered", "delivered", "read", "clicked"]),
    ],
)
async def test_recipients_get_on_one_after_the_other(paced, local, seconds, words):
    """Each from its own turn, as far as its fate lets it."""
    paced.advance(seconds)

    assert await statuses(local) == words


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [
        (9.9, (0, 0, 0, 0, 0, 0)),
        (10, (0, 0, 0, 0, 0, 1)),
        (13, (3, 1, 0, 0, 0, 1)),
        (15, (4, 3, 1, 0, 1, 1)),
        (99, (4, 3, 2, 1, 1, 1)),
    ],
)
async def test_the_numbers_agree_with_the_recipients(paced, local, seconds, counted):
    """Sent, delivered, read, redirected, undelivered, errors: what is read was delivered, too."""
    paced.advance(seconds)

    assert await numbers(local) == counted


async def test_a_queued_message_was_updated_before_it_is_sent(paced, local):
    """As in the sample, where last_update precedes send_date."""
    answer = await local.get("/viber/task/90241/recipients")
    last = answer.json()["recipients"][-1]

    assert (last["send_date"], last["last_update"]) == ("2026-01-31 12:00:14", "2026-01-31 12:00:00")


async def test_a_short_lifetime_gives_up_sooner(make, client_of, campaign):
    """message_live_time is the longest that a message is tried."""
    sandbox = make(pace=SandboxPace(0, giving_up=1000), fates=FATES)
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES[1:2], "message_live_time": 60})
        sandbox.advance(59)
        before = await statuses(client)
        sandbox.advance(1)

        assert (before, await statuses(client)) == (["send"], ["not delivered"])


async def test_a_scheduled_campaign_waits_for_its_date(make, client_of, campaign):
    """The date is the account's local time."""
    sandbox = make(zone=timezone(timedelta(hours=2)))
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "send_date": "2026-01-31 15:00:00"})
        sandbox.advance(3599)
        before = await status(client)
        sandbox.advance(1)

        assert (before, await status(client)) == ("moderation", "sending")


async def test_a_stretched_campaign_takes_its_hours(make, client_of, campaign):
    """The second of two recipients has its turn in the middle."""
    sandbox = make(pace=SandboxPace(0), fates=FATES)
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES[3:], "stretch_time": 2})
        sandbox.advance(3599)
        before = await statuses(client)
        sandbox.advance(10)

        assert (before, await statuses(client)) == (["read", "send"], ["read", "read"])
        assert await status(client) == "sending"


async def test_a_campaign_can_go_out_at_once(make, client_of, campaign):
    """With a pace of zero there is nothing to wait for."""
    sandbox = make(pace=SandboxPace(0, sending=0, delivery=0, reading=0, clicking=0), fates=FATES)
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": PHONES[2:4]})

        assert (await status(client), await statuses(client)) == ("sent", ["delivered", "read"])


async def test_nobody_clicks_where_there_is_no_button(make, client_of, campaign):
    """Of a hundred phones, those that would click only read."""
    sandbox = make()
    async with client_of(sandbox) as client:
        phones = list(range(380931000000, 380931000100))
        await client.post("/viber", json={**campaign, "recipients": phones})
        await client.post("/viber", json={**campaign, "recipients": phones, "additional": BUTTON})
        sandbox.advance(100)

        assert "clicked" not in await statuses(client, 90241)
        assert "clicked" in await statuses(client, 90242)


async def test_the_same_phone_meets_the_same_fate(make, client_of, campaign):
    """In another sandbox too, unless it has another seed."""
    outcomes = []
    for seed in (1, 1, 2):
        sandbox = make(seed=seed)
        async with client_of(sandbox) as client:
            await client.post("/viber", json={**campaign, "recipients": list(range(380931000000, 380931000100))})
            sandbox.advance(100)
            outcomes.append(await statuses(client))

    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert set(outcomes[0]) >= {"not delivered", "delivered", "read"}


async def test_a_blacklisted_recipient_gets_nothing(make, client_of, campaign):
    """Counted as undelivered, from its turn on; whatever fate was chosen for it."""
    sandbox = make(fates=FATES)
    sandbox.block(PHONES[3], "380931111199")
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": [PHONES[3]]})
        sandbox.advance(2)

        assert await statuses(client) == ["not delivered"]
        assert await numbers(client) == (1, 0, 0, 0, 1, 0)


async def test_a_million_recipients_are_counted_and_streamed(make, client_of, campaign):
    """A range of phones is never written out: the answer comes in pieces, and reading may stop."""
    book = SandboxMailingList(7, phones=range(380930000000, 380931000000))
    sandbox = make(mailing_lists=[book])
    body = {name: value for name, value in campaign.items() if name != "recipients"}
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**body, "address_book": 7})
        sandbox.advance(100)
        sent, *_, errors = await numbers(client)
        async with client.stream("GET", "/viber/task/90241/recipients") as answer:
            pieces = answer.aiter_raw()
            beginning = await anext(pieces) + await anext(pieces)

    assert sent + errors == 1_000_000
    assert beginning.startswith(b'{"task_id":90241,"recipients":[{"phone":380930000000,"address_book_id":7,')
    assert len(beginning) < 200_000


async def test_a_long_answer_is_whole(make, client_of, campaign):
    """All pieces together are one JSON document."""
    book = SandboxMailingList(7, phones=range(380930000000, 380930001001))
    body = {name: value for name, value in campaign.items() if name != "recipients"}
    async with client_of(make(mailing_lists=[book])) as client:
        await client.post("/viber", json={**body, "address_book": 7})
        answer = await client.get("/viber/task/90241/recipients")

    assert [each["phone"] for each in answer.json()["recipients"]] == list(book.phones)


def test_a_pace_keeps_the_order_of_things():
    """Nobody reads what was not delivered."""
    with pytest.raises(ValueError, match="delivered, then read"):
        SandboxPace(delivery=2, reading=1)
