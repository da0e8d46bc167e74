"""The nine calls as they stand on the wire, and what a caller gets of each.

respx stands where httpx's pool would, so what is checked is exactly what would be sent.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import respx

from tests.shell.provider import THROTTLED
from viber_async import (
    ApiError,
    BadRequestError,
    Button,
    CampaignDraft,
    ClientCredentials,
    CreateHandle,
    Delivery,
    Image,
    NotFoundError,
    OutcomeUnknownError,
    RateLimit,
    RateLimitError,
    ResendSms,
    RetryPolicy,
    ServerError,
    TransportError,
    ValidationError,
    ViberSession,
)

URL = "https://api.sendpulse.com"
BLACKLIST = "/v2/viber-service/phone-exception"
FAST = RetryPolicy(retries=2, base=0.0, throttle_base=0.0)


@pytest.fixture
def provider() -> Any:
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        router.post("/oauth/access_token").respond(
            json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600}
        )
        yield router


@pytest.fixture
async def session(provider: respx.Router) -> AsyncIterator[ViberSession]:
    async with ViberSession(
        ClientCredentials("id", "secret"), rate_limit=RateLimit(10_000, per=1.0), retries=FAST
    ) as opened:
        yield opened


def sent(route: respx.Route) -> httpx.Request:
    request: httpx.Request = route.calls.last.request
    return request


def body(route: respx.Route) -> Any:
    return json.loads(sent(route).content)


CREATED = {
    "address_book_id": None,
    "button_link": None,
    "button_text": None,
    "image_link": None,
    "message": "Hello",
    "message_live_time": "1000",
    "message_type": 2,
    "resend_sms": 0,
    "send_date": "2019-03-26 12:40:05",
    "sender_id": 1,
    "sms_sender_name": None,
    "sms_text": None,
    "task_id": 90241,
    "task_name": "spring",
}
DRAFT = CampaignDraft(
    sender_id=1, message_live_time=1000, task_name="spring", message="Hello", recipients=["+380 93 111 11 11"]
)


async def test_the_token_is_asked_for_as_documented(session: ViberSession, provider: respx.Router) -> None:
    """A JSON body with the grant type and both credentials, and no bearer."""
    provider.get("/viber/senders").respond(json=[])
    await session.senders.list()
    asked = provider.routes[0].calls.last.request

    assert json.loads(asked.content) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "secret",
    }
    assert "authorization" not in asked.headers
    assert sent(provider.routes[1]).headers["authorization"] == "Bearer t"


async def test_every_request_says_who_it_is_and_what_it_takes(session: ViberSession, provider: respx.Router) -> None:
    """JSON, unencoded, by name and version."""
    route = provider.get("/viber/senders").respond(json=[])
    await session.senders.list()
    headers = sent(route).headers

    assert headers["accept"] == "application/json"
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("viber-async/")
    assert "content-type" not in headers


async def test_creating_sends_the_draft_and_gives_the_campaign(session: ViberSession, provider: respx.Router) -> None:
    """Ints for recipients, no unused audience key, no empty additional."""
    route = provider.post("/viber").respond(json={"result": True, "data": CREATED})
    created = await session.campaigns.create(DRAFT)

    assert body(route) == {
        "task_name": "spring",
        "message_type": 2,
        "sender_id": 1,
        "message_live_time": 1000,
        "send_date": "now",
        "recipients": [380931111111],
        "message": "Hello",
    }
    assert sent(route).headers["content-type"] == "application/json"
    assert (created.task_id, created.message_live_time, created.resend_sms) == (90241, 1000, False)


async def test_creating_from_fields_is_the_same(session: ViberSession, provider: respx.Router) -> None:
    """With everything that a campaign may have."""
    route = provider.post("/viber").respond(json={"result": True, "data": CREATED})
    await session.campaigns.create(
        sender_id=1,
        message_live_time=timedelta(hours=1),
        message="Hello",
        address_book=7,
        stretch_time=1,
        button=Button("Buy", "https://example.com/buy"),
        image=Image("https://example.com/image.png"),
        resend_sms=ResendSms("text", "shop"),
        send_date=datetime(2099, 1, 2, 3, 4, 5),  # noqa: DTZ001 - naive, as the provider takes it
    )

    assert body(route) == {
        "message_type": 2,
        "sender_id": 1,
        "message_live_time": 3600,
        "send_date": "2099-01-02 03:04:05",
        "address_book": 7,
        "message": "Hello",
        "stretch_time": 1,
        "additional": {
            "button": {"text": "Buy", "link": "https://example.com/buy"},
            "image": {"link": "https://example.com/image.png"},
            "resend_sms": {"status": True, "sms_text": "text", "sms_sender_name": "shop"},
        },
    }


async def test_an_aware_date_is_sent_in_the_accounts_time(provider: respx.Router) -> None:
    """The session's zone decides what stands on the wire."""
    route = provider.post("/viber").respond(json={"result": True, "data": CREATED})
    async with ViberSession(("id", "secret"), time_zone=ZoneInfo("Europe/Kyiv")) as session:
        created = await session.campaigns.create(
            sender_id=1,
            message_live_time=60,
            message="Hello",
            recipients=[380931111111],
            send_date=datetime(2099, 1, 2, 10, 0, tzinfo=UTC),
        )

    assert body(route)["send_date"] == "2099-01-02 12:00:00"
    assert created.send_date is not None
    assert created.send_date.tzinfo is not None


@pytest.mark.parametrize(
    ("draft", "fields"),
    [({"sender_id": 1}, {}), ("draft", {}), (DRAFT, {"message": "other"}), (7, {})],
    ids=str,
)
async def test_a_draft_is_a_draft(session: ViberSession, provider: respx.Router, draft: Any, fields: Any) -> None:
    """Anything else, or both a draft and fields, is refused before anything is sent."""
    with pytest.raises(ValidationError):
        await session.campaigns.create(draft, **fields)

    assert provider.calls.call_count == 0


UNKNOWN = [
    *[httpx.Response(status) for status in (301, 302, 408, 409, 500, 502, 503, 504)],
    httpx.Response(200, text="<html>"),
    httpx.Response(200),
    httpx.Response(200, json={"result": True}),
    httpx.Response(200, json={"result": True, "data": {**CREATED, "task_id": 0}}),
    httpx.Response(200, json={"result": True, "data": {**CREATED, "task_name": "other"}}),
    httpx.Response(200, json={"result": True, "data": {**CREATED, "sender_id": 2}}),
    httpx.Response(200, json={"result": True, "data": {**CREATED, "message": "other"}}),
    httpx.ReadError("cut"),
    httpx.ReadTimeout("late"),
    httpx.WriteError("cut"),
    httpx.RemoteProtocolError("hung up"),
]


@pytest.mark.parametrize("answer", UNKNOWN, ids=str)
async def test_whatever_is_not_clear_leaves_the_outcome_unknown(
    session: ViberSession, provider: respx.Router, answer: Any
) -> None:
    """It was sent once, and the error has what is needed to look for it: no phones, no text."""
    route = provider.post("/viber").mock(side_effect=[answer] * 5)
    with pytest.raises(OutcomeUnknownError, match="look for it before sending it again") as caught:
        await session.campaigns.create(DRAFT)
    handle = caught.value.handle

    assert route.call_count == 1
    assert isinstance(handle, CreateHandle)
    assert (handle.task_name, handle.sender_id) == ("spring", 1)
    assert handle.sent_after <= handle.sent_before <= datetime.now(UTC)
    assert "380931111111" not in repr(handle) + str(caught.value)


@pytest.mark.parametrize("answer", UNKNOWN[:1] + UNKNOWN[8:15] + UNKNOWN[4:5], ids=str)
async def test_an_unknown_outcome_says_whether_the_provider_answered(
    session: ViberSession, provider: respx.Router, answer: Any
) -> None:
    """An answer that is not clear is an answer all the same."""
    provider.post("/viber").mock(return_value=answer)
    with pytest.raises(OutcomeUnknownError) as caught:
        await session.campaigns.create(DRAFT)

    assert caught.value.delivery is Delivery.ANSWERED


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(400, json={"message": "no", "error_code": 799}), BadRequestError),
        (httpx.Response(404), NotFoundError),
        (httpx.Response(422, json={"errors": {"message": ["too long"]}}), BadRequestError),
        (httpx.Response(200, json={"result": False}), ApiError),
        (httpx.Response(200, json={"is_error": True, "message": "no", "error_code": 5}), ApiError),
    ],
    ids=str,
)
async def test_a_clear_no_is_a_rejection(
    session: ViberSession, provider: respx.Router, answer: httpx.Response, error: type[ApiError]
) -> None:
    """Nothing was created, and the error says why."""
    route = provider.post("/viber").mock(return_value=answer)
    with pytest.raises(error):
        await session.campaigns.create(DRAFT)

    assert route.call_count == 1


@pytest.mark.parametrize(
    "first",
    [httpx.ConnectError("x"), httpx.PoolTimeout("x"), httpx.Response(429), httpx.Response(200, json=THROTTLED)],
    ids=str,
)
async def test_what_certainly_was_not_carried_out_is_sent_again(
    session: ViberSession, provider: respx.Router, first: Any
) -> None:
    """No connection, or too many requests: the second try is the first."""
    route = provider.post("/viber").mock(
        side_effect=[first, httpx.Response(200, json={"result": True, "data": CREATED})]
    )

    assert (await session.campaigns.create(DRAFT)).task_id == 90241
    assert route.call_count == 2


@pytest.mark.parametrize(
    ("every", "error"), [(httpx.ConnectError("x"), TransportError), (httpx.Response(429), RateLimitError)], ids=str
)
async def test_what_was_never_carried_out_is_not_called_unknown(
    session: ViberSession, provider: respx.Router, every: Any, error: type[Exception]
) -> None:
    """Not even after every repetition failed."""
    provider.post("/viber").mock(side_effect=[every] * 3)
    with pytest.raises(error):
        await session.campaigns.create(DRAFT)


async def test_campaigns_are_listed_page_by_page(session: ViberSession, provider: respx.Router) -> None:
    """limit and offset as documented; the walk ends on an empty page."""
    rows = [{"id": i, "name": f"n{i}", "sender_id": 1, "message_live_time": 60} for i in range(5)]

    def serve(request: httpx.Request) -> httpx.Response:
        limit, offset = int(request.url.params["limit"]), int(request.url.params["offset"])
        return httpx.Response(200, json=rows[offset : offset + limit])

    route = provider.get("/viber/task").mock(side_effect=serve)
    pages = session.campaigns.list(limit=4)

    assert [c.id for c in await pages.collect()] == [0, 1, 2, 3, 4]
    assert pages.report.complete
    assert route.calls[0].request.url.query == b"limit=4&offset=0"


async def test_a_walk_goes_on_from_its_token(session: ViberSession, provider: respx.Router) -> None:
    """In another process, if you like."""
    rows = [{"id": i, "user_id": 1, "phone": 380931111100 + i} for i in range(9)]

    def serve(request: httpx.Request) -> httpx.Response:
        limit, offset = int(request.url.params["limit"]), int(request.url.params["offset"])
        return httpx.Response(200, json={"data": {"list": rows[offset : offset + limit], "total": 9}})

    provider.get(BLACKLIST).mock(side_effect=serve)
    pages = session.blacklist.list(limit=4)
    seen = [(await anext(pages)).id for _ in range(5)]  # type: ignore[arg-type]
    resumed = session.blacklist.list(limit=4, token=pages.token)
    seen += [entry.id async for entry in resumed]

    assert seen == list(range(9))
    assert (pages.total, resumed.total) == (9, 9)


async def test_a_token_of_another_list_is_refused(session: ViberSession, provider: respx.Router) -> None:
    """Campaign ids mean nothing to the blacklist."""
    provider.get("/viber/task").respond(json=[])
    pages = session.campaigns.list()
    await pages.collect()
    with pytest.raises(ValidationError) as caught:
        session.blacklist.list(token=pages.token)

    assert caught.value.field == "token"


async def test_one_campaign_comes_with_its_statistics(session: ViberSession, provider: respx.Router) -> None:
    """GET /viber/task/{id}."""
    provider.get("/viber/task/7").respond(
        json={
            "id": 7,
            "name": "n",
            "sender_id": 1,
            "message_live_time": 60,
            "status": "sent",
            "statistic": {"sent": 2, "delivered": 1, "read": 1, "redirected": 0, "undelivered": 1, "errors": 0},
        }
    )
    campaign = await session.campaigns.get(7)

    assert campaign.status == "sent"
    assert campaign.statistics is not None
    assert campaign.statistics.delivered == 1


@pytest.mark.parametrize("bad", ["7", 0, -1, True, 2**63, 7.0, None, "1/../../senders"])
async def test_only_a_positive_int_reaches_a_path(session: ViberSession, provider: respx.Router, bad: Any) -> None:
    """In every call that takes an id (I18)."""
    for call in (session.campaigns.get, session.campaigns.recipients, session.senders.get):
        with pytest.raises(ValidationError):
            await call(bad)
    with pytest.raises(ValidationError):
        session.campaigns.iter_recipients(bad)

    assert provider.calls.call_count == 0


RECIPIENTS = {"task_id": 44, "recipients": [{"phone": 380934760182, "status": "send", "price": 0.74}]}


async def test_recipients_come_at_once_or_one_by_one(session: ViberSession, provider: respx.Router) -> None:
    """The same rows either way."""
    provider.get("/viber/task/44/recipients").respond(json=RECIPIENTS)
    at_once = await session.campaigns.recipients(44)
    one_by_one = [r async for r in session.campaigns.iter_recipients(44)]

    assert at_once.task_id == 44
    assert list(at_once.recipients) == one_by_one
    assert one_by_one[0].phone == "380934760182"


async def test_senders_are_listed_and_got(session: ViberSession, provider: respx.Router) -> None:
    """A bare array and a bare object."""
    sender = {"id": 1, "status": "verified", "name": "myName", "country": "UK", "owner": "you"}
    provider.get("/viber/senders").respond(json=[sender])
    provider.get("/viber/senders/1").respond(json=sender)

    assert await session.senders.list() == (await session.senders.get(1),)
    assert (await session.senders.get(1)).extras == {"owner": "you"}


async def test_adding_sends_strings_in_batches_and_adds_up_the_counters(
    session: ViberSession, provider: respx.Router
) -> None:
    """Five hundred a request, each phone once, one description for all."""
    sizes: list[int] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        assert asked["description"] == "asked"
        assert all(isinstance(p, str) for p in asked["phones"])
        sizes.append(len(asked["phones"]))
        return httpx.Response(200, json={"result": True, "counters": {"added": sizes[-1] - 1, "exists": 1}})

    provider.post(BLACKLIST).mock(side_effect=serve)
    phones = [f"+380 93 {n:07d}" for n in range(1, 1202)]
    added = await session.blacklist.add([*phones, *phones], description="asked")

    assert sizes == [500, 500, 201]
    assert (added.added, added.exists, added.exact) == (1198, 3, True)


async def test_removing_is_a_delete_with_a_body(session: ViberSession, provider: respx.Router) -> None:
    """Strings, and JSON by name."""
    route = provider.delete(BLACKLIST).respond(json={"result": True, "deleted": 2})
    removed = await session.blacklist.remove([380931111111, "380931111112"])

    assert body(route) == {"phones": ["380931111111", "380931111112"]}
    assert sent(route).headers["content-type"] == "application/json"
    assert (removed.deleted, removed.exact) == (2, True)


async def test_no_phones_are_no_request(session: ViberSession, provider: respx.Router) -> None:
    """An empty batch never goes out: nobody knows what the provider would make of it."""
    added, removed = await session.blacklist.add([]), await session.blacklist.remove(iter(()))

    assert (added.added, added.exists, removed.deleted) == (0, 0, 0)
    assert provider.calls.call_count == 0


@pytest.mark.parametrize("phones", [["380931111111", "12"], "380931111111", {"380931111111": 1}, 5, [None]], ids=str)
async def test_one_bad_phone_stops_the_whole_call_at_the_door(
    session: ViberSession, provider: respx.Router, phones: Any
) -> None:
    """All are checked before the first request."""
    for call in (session.blacklist.add, session.blacklist.remove):
        with pytest.raises(ValidationError):
            await call(phones)

    assert provider.calls.call_count == 0


@pytest.mark.parametrize("failure", [httpx.Response(503), httpx.ReadError("cut")], ids=str)
async def test_the_counters_of_a_repeated_write_are_lower_bounds(
    session: ViberSession, provider: respx.Router, failure: Any
) -> None:
    """The first try may have done the work."""
    done = httpx.Response(200, json={"result": True, "counters": {"added": 0, "exists": 1}})
    gone = httpx.Response(200, json={"result": True, "deleted": 0})
    provider.post(BLACKLIST).mock(side_effect=[failure, done])
    provider.delete(BLACKLIST).mock(side_effect=[failure, gone])

    assert not (await session.blacklist.add(["380931111111"])).exact
    assert not (await session.blacklist.remove(["380931111111"])).exact


async def test_a_failed_batch_says_what_the_batches_before_it_did(
    session: ViberSession, provider: respx.Router
) -> None:
    """So that nobody has to guess where it stopped."""
    done = httpx.Response(200, json={"result": True, "counters": {"added": 500, "exists": 0}})
    provider.post(BLACKLIST).mock(side_effect=[done, *[httpx.Response(500)] * 3])
    with pytest.raises(ServerError) as caught:
        await session.blacklist.add([f"38093{n:07d}" for n in range(1, 701)])

    assert caught.value.partial is not None
    assert (caught.value.partial.added, caught.value.partial.exists) == (500, 0)  # type: ignore[attr-defined]


async def test_what_else_an_answer_says_stays_readable(session: ViberSession, provider: respx.Router) -> None:
    """Of many batches, each key as the last one said it."""

    def serve(request: httpx.Request) -> httpx.Response:
        size = len(json.loads(request.content)["phones"])
        counters = {"added": size, "exists": 0, "size": size}
        said = {"first": True} if size == 500 else {"last": [1]}
        return httpx.Response(200, json={"result": True, "counters": counters, "deleted": size, **said})

    provider.route(path=BLACKLIST).mock(side_effect=serve)
    one = await session.blacklist.remove(["380931111111"])
    many = await session.blacklist.add([f"38093{n:07d}" for n in range(1, 701)])
    gone = await session.blacklist.remove([f"38093{n:07d}" for n in range(1, 701)])

    assert (one.extras["last"], one.extras["counters"]["size"]) == ((1,), 1)  # type: ignore[index]
    assert many.added == 700
    assert dict(many.extras) == {"size": 200, "first": True, "last": (1,), "deleted": 200}
    assert (gone.extras["first"], gone.extras["last"], gone.deleted) == (True, (1,), 700)


@pytest.mark.parametrize("phones", [["380931111111", "12"], ["380931111111", 380932222222]], ids=str)
@pytest.mark.parametrize("name", ["add", "remove"])
async def test_the_frames_of_a_failed_write_hold_no_phones(
    session: ViberSession, provider: respx.Router, name: str, phones: Any
) -> None:
    """Some reporters of errors show the locals of every frame."""
    provider.route(path=BLACKLIST).respond(500, json={"message": "down"})
    with pytest.raises((ValidationError, ServerError)) as caught:
        await getattr(session.blacklist, name)(phones)
    link: Any = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = []
    while link is not None:
        ours += [frame for frame in link.stack if "/viber_async/" in frame.filename]
        link = link.__cause__ or link.__context__

    assert {frame.name for frame in ours} >= {name}
    assert not [frame for frame in ours if "38093" in str(frame.locals)]


async def test_counting_asks_for_one_row(session: ViberSession, provider: respx.Router) -> None:
    """There is no call for the number alone."""
    route = provider.get(BLACKLIST).respond(json={"data": {"list": [], "total": 29}})

    assert await session.blacklist.count() == 29
    assert sent(route).url.query == b"limit=1&offset=0"


async def test_blacklisted_phones_come_as_they_went(session: ViberSession, provider: respx.Router) -> None:
    """An int on the wire, a digit string here."""
    entry = {"id": 164, "user_id": 7046460, "phone": 73832370050, "description": "", "add_date": "2021-11-05 13:34:03"}
    provider.get(BLACKLIST).mock(
        side_effect=lambda request: httpx.Response(
            200, json={"data": {"list": [entry] if request.url.params["offset"] == "0" else [], "total": 1}}
        )
    )
    rows = await session.blacklist.list().collect()

    assert [r.phone for r in rows] == ["73832370050"]
