"""Wrong input stops at the door: nothing is sent and nothing is written, whatever call it is given to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.provider import Provider, ok
from tests.shell.sessions import session_over
from viber_async import (
    ApiKey,
    Button,
    CampaignDraft,
    ClientCredentials,
    ConfigurationError,
    Image,
    MessageType,
    ResendSms,
    ValidationError,
    ViberSession,
)
from viber_async._sansio.blacklist import BATCH

PHONE = "380937654321"
KYIV = ZoneInfo("Europe/Kyiv")
FAMILY = "👨‍👩‍👧‍👦"  # seven code points
LINK = "https://sendpulse.com/"
DRAFT = {"sender_id": 1, "message_live_time": 3600, "message": "hi", "recipients": [PHONE]}


class TouchedError(BaseException):
    """Something went on behind the door; not an Exception, so that no code under test can swallow it."""


class NobodyHome(httpx.AsyncBaseTransport):
    """A transport that must not be used."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise TouchedError(request.url)


class Sealed:
    """A ledger that must not be used."""

    async def _touched(self, *_: object) -> Any:
        raise TouchedError

    secret = get = put = unsettled = _touched


class Int64:
    """What numpy's scalars are to us: no int, though it can be used as one."""

    def __index__(self) -> int:
        return 380931111111


Act = Callable[[ViberSession], Any]


def create(**changes: Any) -> Act:
    return lambda session: session.campaigns.create(**{**DRAFT, **changes})


def once(key: Any = "order 1", **changes: Any) -> Act:
    return lambda session: session.campaigns.create_once(CampaignDraft(**{**DRAFT, **changes}), key=key)


def add(*phones: Any) -> Act:
    return lambda session: session.blacklist.add(phones)


def remove(*phones: Any) -> Act:
    return lambda session: session.blacklist.remove(phones)


def of_id(name: str, value: Any) -> Act:
    namespace, method = name.split(".")
    return lambda session: getattr(getattr(session, namespace), method)(value)


def listed(name: str, **window: Any) -> Act:
    return lambda session: getattr(session, name).list(**window)


BY_ID = ("campaigns.get", "campaigns.recipients", "campaigns.iter_recipients", "senders.get")
NO_IDS = ("1/../../senders", "1?x=1", " 1", "\uff11", "1", -1, 0, True, 1.0, None, 2**63, 2**64)
NO_MOMENTS = (
    datetime(2126, 3, 2, tzinfo=UTC),  # the session has no zone
    datetime(2020, 3, 2),  # noqa: DTZ001 - naive, as the provider sends them
    datetime(9999, 12, 31, 23, tzinfo=UTC),
    datetime(2126, 3, 2, 0, 0, 0, 1),  # noqa: DTZ001
    date(2126, 3, 2),
    timedelta(1),
    "2126-03-02 10:00:00",
)

REFUSED: dict[str, list[Act]] = {
    "I01": [
        *[
            ask(text)
            for text in ("380\u200b931111111", "380\u200d931111111", "380931111111\ufeff")
            for ask in (add, remove)
        ],
        create(recipients=["+380 93 CALL NOW"]),
        once(recipients=["(380931111111"]),
    ],
    "I02": [
        add("٣٨٠٩٣١١١١١١١"),
        remove("３８０９３１１１１１１１"),
        create(recipients=["38093111111¹"]),
        add("380_931_111_111"),
    ],
    "I03": [
        *[add(value) for value in (True, 380931111111.0, Decimal(380931111111), b"380931111111", None, Int64(), 0)],
        remove(-380931111111),
        create(recipients=[Int64()]),
    ],
    "I04": [
        add("1234567"),
        remove("1234567890123456"),
        add("0931111111"),
        create(recipients=["+0380931111111"]),
        add(10**15),
    ],
    "I06": [create(recipients=[]), create(recipients=range(380931111111, 380931112112)), once(recipients=())],
    "I07": [
        create(recipients=PHONE),
        create(recipients={PHONE: 1}),
        lambda session: session.blacklist.add(PHONE),
        lambda session: session.blacklist.remove({PHONE: 1}),
    ],
    "I08": [
        create(address_book=1),
        create(recipients=None),
        *[create(recipients=None, address_book=value) for value in (0, True, "5", 5.0)],
    ],
    "I09": [create(message=text) for text in ("x" * 1001, "🙂" * 1001, FAMILY * 143, "e\u0301" * 500 + "e")],
    "I10": [create(message=text) for text in ("", " \n", "a\ud800", "a\x00", None)],
    "I11": [
        create(message_type=MessageType.SYSTEM, button=Button("x", LINK)),
        create(message_type=MessageType.SYSTEM, message=None, image=Image(LINK)),
        lambda _: Button("x", ""),
        lambda _: Button("", LINK),
        *[
            lambda _, link=link: Image(link)
            for link in ("http://a.b/", "javascript:alert(1)", "file:///a", "https://a.b/ c", "https://u:p@a.b/")
        ],
    ],
    "I12": [create(message_live_time=value) for value in (59, 86_401, "60", 60.0, True, timedelta(seconds=59.5))],
    "I13": [create(stretch_time=value) for value in (6, -1, True)],
    "I14": [create(send_date=value) for value in NO_MOMENTS],
    "I15": [ask(send_date=value) for value in ("NOW", "Now", " now", "", None, True) for ask in (create, once)],
    "I16": [
        *[create(task_name=name) for name in ("", "x" * 10_000, "a\r\nb", "abcdefghijklmnop | spring")],
        once(task_name="x" * 237),  # with the marker it is too long
        once(task_name="abcdefghijklmnop | spring"),
    ],
    "I17": [lambda _: ResendSms("", "shop"), lambda _: ResendSms("hi", ""), lambda _: ResendSms(None, None)],
    "I18": [of_id(name, value) for name in BY_ID for value in NO_IDS],
    "I19": [
        listed(name, **{bound: value})
        for name in ("campaigns", "blacklist")
        for bound, values in {"limit": (0, -1, 10**9, True, "5"), "offset": (-1, 10**9, True, 1.5)}.items()
        for value in values
    ],
    "I22": [once(key) for key in ("", " ", "x" * 1001, "x" * 10_240, "\ud800", None, 5, b"order 1")],
}
"""The rows of the fault table for which something is refused, with the calls that refuse it."""


def rows() -> list[Any]:
    """Each call with the mark of its row."""
    return [
        pytest.param(act, marks=pytest.mark.fault(row), id=f"{row}-{number}")
        for row, acts in REFUSED.items()
        for number, act in enumerate(acts)
    ]


async def finish(result: Any) -> None:
    """Wait for what a call gave, whether it is awaited or iterated."""
    if inspect.isawaitable(result):
        await result
    else:
        async for _ in result:
            pass


@pytest.mark.parametrize("act", rows())
@in_virtual_time
async def test_what_is_refused_sends_and_writes_nothing(act):
    """It is a `ValidationError` with its field, before any I/O, and no whole phone stands in it."""
    session, _ = session_over(provider=NobodyHome(), ledger=Sealed())
    async with session:
        with pytest.raises(ValidationError) as caught:
            await finish(act(session))

    assert caught.value.field
    assert PHONE not in str(caught.value)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2126, 3, 2),  # noqa: DTZ001 - naive, and the session has a zone
        datetime(2020, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 29, 3, 30, tzinfo=KYIV),
        datetime(2026, 10, 25, 3, 30, tzinfo=KYIV, fold=1),
    ],
)
@pytest.mark.fault("I14")
@in_virtual_time
async def test_a_moment_that_the_accounts_zone_does_not_have_once_is_not_sent(moment):
    """Naive, past, in the gap, in the fold."""
    session, _ = session_over(provider=NobodyHome(), time_zone=KYIV)
    async with session:
        with pytest.raises(ValidationError) as caught:
            await session.campaigns.create(**DRAFT, send_date=moment)

    assert caught.value.field == "send_date"


@pytest.mark.fault("I21")
@pytest.mark.parametrize("value", ["", "secret\n", "se cret", b"secret", None, "ключ", "s" * 5000], ids=repr)
def test_credentials_that_no_header_can_carry_are_refused_without_showing_them(value):
    """When they are made, in each of the three places."""
    for make in (
        lambda: ClientCredentials("id", value),
        lambda: ClientCredentials(value, "s3cr3t"),
        lambda: ApiKey(value),
    ):
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert not value or str(value) not in str(caught.value)
        assert "s3cr3t" not in str(caught.value)


@pytest.mark.fault("I05", "I07")
@pytest.mark.parametrize("kind", [iter, set, list])
@in_virtual_time
async def test_a_phone_in_two_spellings_is_sent_once(kind):
    """From a generator, which has no second reading, from a set, whose order is that of its digits, and from a list."""
    spellings = ["+380 93 111 11 12", "380931111112", "00380931111111", "(380)931111111"]
    session, provider = session_over(ok({"result": True, "counters": {"added": 2, "exists": 0}}))
    async with session:
        await session.blacklist.add(kind(spellings))

    (body,) = provider.bodies
    assert sorted(body["phones"]) == ["380931111111", "380931111112"]
    assert kind is not set or body["phones"] == sorted(body["phones"])


@pytest.mark.fault("I20")
@in_virtual_time
async def test_phones_that_change_while_the_call_runs_are_those_of_its_beginning():
    """The list is emptied under the first batch, and the second goes out all the same."""
    phones = [380930000000 + number for number in range(BATCH + 1)]

    def answer(_: httpx.Request) -> httpx.Response:
        phones.clear()
        return ok({"result": True, "deleted": 1})

    session, provider = session_over(answer)
    async with session:
        removed = await session.blacklist.remove(phones)

    assert removed.deleted == 2
    assert [len(body["phones"]) for body in provider.bodies] == [BATCH, 1]


@pytest.mark.fault("I20")
@in_virtual_time
async def test_a_body_that_changes_before_it_is_sent_goes_out_as_it_was_given():
    """The token call comes in between, and meanwhile the caller writes into its dict."""
    body, query = {"a": [1]}, {"x": 1}

    def token(_: httpx.Request) -> httpx.Response:
        body["a"].append(2)
        query["x"] = 2
        return ok({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})

    provider = Provider(ok({}), token=token)
    session, _ = session_over(provider=provider, credentials=ClientCredentials("id", "secret"))
    async with session:
        await session.request("POST", "/viber/x", json=body, params=query)

    assert provider.bodies == [{"a": [1]}]
    assert provider.requests[0].url.params["x"] == "1"
