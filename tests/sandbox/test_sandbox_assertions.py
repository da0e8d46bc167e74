"""Assertions that read well, and whose failures show what was sent."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from viber_async.sandbox import Fault, Sandbox, SandboxMailingList

DRAFT = {"sender_id": 1, "message_type": 2, "message_live_time": 60, "send_date": "now", "task_name": "x"}
PHONE = 380931111111
BLOCKED = 380931111112


async def sent(sandbox: Sandbox, **draft: object) -> None:
    headers = {"authorization": f"Bearer {sandbox.api_key}"}
    async with httpx.AsyncClient(transport=sandbox.transport(), base_url="http://sandbox", headers=headers) as client:
        answer = await client.post("/viber", json={**DRAFT, **draft})
        assert answer.json()["result"] is True


@pytest.fixture
async def sandbox() -> Sandbox:
    """Give one that sent "hello" to one phone, and to a blocked one, and something else to a mailing list."""
    made = Sandbox(rate_limit=None, mailing_lists=[SandboxMailingList(9, phones=range(380930000000, 380930001000))])
    made.block(BLOCKED)
    await sent(made, message="hello", recipients=[PHONE, BLOCKED])
    await sent(made, message="to all", address_book=9)
    return made


@pytest.mark.parametrize(
    "true",
    [
        lambda s: s.assert_sent(PHONE),
        lambda s: s.assert_sent("+380 (93) 111-11-11", text="hello"),
        lambda s: s.assert_sent_once(PHONE, text="hello"),
        lambda s: s.assert_sent_once(380930000999, text="to all"),
        lambda s: s.assert_not_sent(380939999999),
        lambda s: s.assert_not_sent(BLOCKED),
        lambda s: s.assert_not_sent(PHONE, text="to all"),
        lambda s: s.assert_blacklisted(BLOCKED, f"+{BLOCKED}"),
        lambda s: s.assert_not_blacklisted(PHONE),
        lambda s: s.assert_within_rate(),
        lambda s: s.assert_faults_struck(),
    ],
)
def test_what_is_so_passes(sandbox: Sandbox, true: Callable[[Sandbox], None]) -> None:
    """Phones in any spelling."""
    assert true(sandbox) is None


@pytest.mark.parametrize(
    ("false", "said"),
    [
        (lambda s: s.assert_sent(BLOCKED), "380931111112 was to be sent at least once, and was sent nothing"),
        (
            lambda s: s.assert_sent_once(PHONE, text="bye"),
            "380931111111 was to be sent 'bye' 1 time, and was sent 'hello' by campaign 90241",
        ),
        (lambda s: s.assert_sent(PHONE, times=2), "was to be sent 2 times, and was sent 'hello' by campaign 90241"),
        (lambda s: s.assert_not_sent(PHONE), "was to be sent 0 times, and was sent 'hello' by campaign 90241"),
        (lambda s: s.assert_blacklisted(BLOCKED, PHONE), "not on the blacklist: 380931111111"),
        (lambda s: s.assert_not_blacklisted(BLOCKED, PHONE), "on the blacklist: 380931111112"),
    ],
)
def test_what_is_not_so_is_shown(sandbox: Sandbox, false: Callable[[Sandbox], None], said: str) -> None:
    """With what was sent instead."""
    with pytest.raises(AssertionError) as raised:
        false(sandbox)

    assert str(raised.value).endswith(said)


def test_a_phone_without_digits_is_a_mistake_of_the_test(sandbox: Sandbox) -> None:
    """And was certainly not sent to, which would prove nothing."""
    with pytest.raises(ValueError, match="a phone has digits; got 'Margaret'"):
        sandbox.assert_not_sent("Margaret")


async def test_a_burst_is_shown() -> None:
    """By how much it was too much."""
    sandbox = Sandbox(rate_limit=(1, 60.0))
    await sent(sandbox, message="a", recipients=[PHONE])
    async with httpx.AsyncClient(transport=sandbox.transport(), base_url="http://sandbox") as client:
        await client.get("/viber/senders")

    with pytest.raises(AssertionError, match="1 requests were over the limit: <SandboxRate"):
        sandbox.assert_within_rate()


async def test_a_fault_that_met_nobody_is_named(sandbox: Sandbox) -> None:
    """A test that broke nothing proves nothing; one that struck and may strike again is no such fault."""
    sandbox.faults.add(Fault.status(503), on="senders.list")
    sandbox.faults.add(Fault.latency(0), times=None)
    await sent(sandbox, message="a", recipients=[PHONE])

    with pytest.raises(AssertionError, match=r"^never struck: status 503 on senders\.list$"):
        sandbox.assert_faults_struck()
