"""Faults on cue, on the socket and without: what the caller sees, and what became of the request."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from viber_async.sandbox import Fault, Sandbox

BLACKLIST = "/v2/viber-service/phone-exception"
PHONES = tuple(range(380931111111, 380931111116))


async def listed(client, **query) -> dict:
    return (await client.get(BLACKLIST, params=query)).json()["data"]


def phones_of(page) -> list[int]:
    return [row["phone"] for row in page["list"]]


# --- which request, how often ---


async def test_a_fault_strikes_once_and_is_over(sandbox, client):
    """The plan says how often it did."""
    plan = sandbox.faults.add(Fault.status(503))
    statuses = [(await client.get("/viber/senders")).status_code for _ in range(2)]

    assert statuses == [503, 200]
    assert (plan.struck, sandbox.faults.waiting) == (1, ())


@pytest.mark.parametrize(
    "on",
    ["senders.list", "senders.*", "/viber/senders", "GET /viber/senders", "GET *", "/viber/*", "*", None],
)
async def test_a_fault_waits_for_its_request(sandbox, client, on):
    """Named by its operation, its path, or its method and path."""
    sandbox.faults.add(Fault.status(503), on=on)

    assert (await client.get("/viber/senders")).status_code == 503


@pytest.mark.parametrize("on", ["senders.get", "campaigns.*", "/viber/task", "POST /viber/senders"])
async def test_a_fault_lets_other_requests_pass(sandbox, client, on):
    """And goes on waiting."""
    plan = sandbox.faults.add(Fault.status(503), on=on)

    assert (await client.get("/viber/senders")).status_code == 200
    assert sandbox.faults.waiting == (plan,)


def test_an_operation_that_does_not_exist_is_refused(sandbox):
    """A misspelt name would wait for ever."""
    with pytest.raises(ValueError, match=r"no operation is called 'campaign\.get'; there are .*campaigns\.get"):
        sandbox.faults.add(Fault.status(503), on="campaign.get")


async def test_a_fault_may_strike_several_times_after_some_requests(sandbox, client):
    """Two are let pass, two are struck."""
    sandbox.faults.add(Fault.status(503), times=2, skip=2)
    statuses = [(await client.get("/viber/senders")).status_code for _ in range(5)]

    assert statuses == [200, 200, 503, 503, 200]


async def test_a_fault_may_last(sandbox, client):
    """For so many seconds of the sandbox's clock, however many requests there are."""
    sandbox.faults.add(Fault.throttle(), seconds=5)
    storm = [(await client.get("/viber/senders")).status_code for _ in range(3)]
    sandbox.advance(5)

    assert storm == [429, 429, 429]
    assert (await client.get("/viber/senders")).status_code == 200


async def test_a_fault_without_end_is_called_off(sandbox, client):
    """`times=None` strikes until then."""
    sandbox.faults.add(Fault.html(), times=None)
    before = [(await client.get("/viber/senders")).status_code for _ in range(3)]
    shown = repr(sandbox.faults)
    sandbox.faults.clear()

    assert (before, shown) == ([502, 502, 502], "<SandboxFaults waiting=['html 502']>")
    assert (await client.get("/viber/senders")).status_code == 200


async def test_faults_strike_in_the_order_in_which_they_were_added(sandbox, client):
    """One request, one fault; a plan that still lets requests pass stands aside."""
    sandbox.faults.add(Fault.status(500), skip=1)
    sandbox.faults.add(Fault.status(501))
    sandbox.faults.add(Fault.status(502))
    statuses = [(await client.get("/viber/senders")).status_code for _ in range(4)]

    assert statuses == [501, 500, 502, 200]


async def test_a_request_over_the_limit_leaves_the_fault_waiting(make, client_of):
    """The rate is judged first."""
    now = 0.0
    sandbox = make(rate_limit=(1, 1.0), monotonic=lambda: now)
    sandbox.faults.add(Fault.status(503), skip=1)
    async with client_of(sandbox) as client:
        statuses = [(await client.get("/viber/senders")).status_code for _ in range(2)]
        now = 5.0
        statuses.append((await client.get("/viber/senders")).status_code)

    assert statuses == [200, 429, 503]


async def test_two_faults_are_added_up(sandbox, client):
    """The rows go away, and then the page is wrong about them."""
    sandbox.block(*PHONES)
    both = Fault.before(lambda: sandbox.unblock(PHONES[0])) + Fault.total(99) + Fault.clamp(1)
    sandbox.faults.add(both, on="blacklist.list")
    page = await listed(client)

    assert (phones_of(page), page["total"]) == ([PHONES[1]], 99)
    assert sandbox.requests[0].fault == "before + total 99 + clamp 1"


def test_of_two_that_exclude_each_other_the_second_counts():
    """Where only one can be: the answer, the cut, the length."""
    first = Fault.status(500) + Fault.truncate(1) + Fault.cut() + Fault.cut(processed=True)
    second = Fault.status(501) + Fault.truncate(2) + Fault.cut(reset=True) + Fault.cut(processed=True, reset=True)

    both = first + second

    assert both.instead.status == 501
    assert (both.whole_for, both.cut_before.reset, both.cut_after.reset) == (2, True, True)
    assert (first + Fault.hang()).instead.status == 500
    assert (first + Fault.hang()).whole_for == 1


# --- another answer ---


async def test_a_status_comes_instead_of_processing(sandbox, either, campaign):
    """In the usual envelope, unless another body is given."""
    sandbox.faults.add(Fault.status(500), on="campaigns.create")
    answer = await either.post("/viber", json=campaign)

    assert (answer.status_code, answer.json()["error_code"]) == (500, 500)
    assert sandbox.campaigns == ()


async def test_a_status_may_come_in_spite_of_processing(sandbox, either, campaign):
    """The campaign is there, and the caller does not know."""
    sandbox.faults.add(Fault.status(500, processed=True), on="campaigns.create")

    assert (await either.post("/viber", json=campaign)).status_code == 500
    assert len(sandbox.campaigns) == 1


async def test_a_status_has_the_body_and_the_headers_it_is_given(sandbox, either):
    """Raw bytes, JSON, or nothing at all."""
    sandbox.faults.add(Fault.status(429, json={"error_code": 1}, headers={"Retry-After": "7"}))
    sandbox.faults.add(Fault.status(503, body=b"", headers={"Content-Type": "text/plain"}))
    first, second = [await either.get("/viber/senders") for _ in range(2)]

    assert (first.json(), first.headers["retry-after"]) == ({"error_code": 1}, "7")
    assert first.headers["content-type"] == "application/json"
    assert (second.content, second.headers["content-type"]) == (b"", "text/plain")


async def test_a_throttle_is_the_rate_limit_s_own_refusal(sandbox, either):
    """With a Retry-After only where one is asked for."""
    sandbox.faults.add(Fault.throttle())
    sandbox.faults.add(Fault.throttle(retry_after=2))
    plain, hinted = [await either.get("/viber/senders") for _ in range(2)]

    assert (plain.status_code, plain.json()["error_code"]) == (429, 2020202020)
    assert ("retry-after" in plain.headers, hinted.headers["retry-after"]) == (False, "2")
    assert sandbox.rate.refusals == 0


async def test_a_gateway_answers_with_a_web_page(sandbox, either):
    """Even with status 200."""
    sandbox.faults.add(Fault.html(200))
    answer = await either.get("/viber/senders")

    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<html>")


async def test_garbage_is_no_json(sandbox, either, campaign):
    """The request was processed."""
    sandbox.faults.add(Fault.garbage(), on="campaigns.create")
    answer = await either.post("/viber", json=campaign)

    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    assert len(sandbox.campaigns) == 1


async def test_an_answer_can_be_replaced(sandbox, either):
    """Such as by a failure with status 200."""
    sandbox.faults.add(Fault.answer({"result": False}), on="blacklist.add")
    answer = await either.post(BLACKLIST, json={"phones": ["380931111111"]})

    assert (answer.status_code, answer.json()) == (200, {"result": False})
    assert sandbox.is_blacklisted("380931111111")


# --- a spoilt answer ---


async def test_an_answer_can_be_edited(sandbox, either):
    """The JSON goes in, another comes out."""
    sandbox.faults.add(Fault.edit(lambda rows: rows[:1]), on="senders.list")

    assert [row["id"] for row in (await either.get("/viber/senders")).json()] == [1]


async def test_a_streamed_answer_can_be_edited(sandbox, either, campaign):
    """It is put together first."""
    await either.post("/viber", json=campaign)
    sandbox.faults.add(Fault.edit(lambda json: {**json, "task_id": 1}), on="campaigns.recipients")
    answer = await either.get("/viber/task/90241/recipients")

    assert (answer.json()["task_id"], len(answer.json()["recipients"])) == (1, 2)


async def test_unknown_fields_appear_everywhere(sandbox, either):
    """In each object, however deep; those that are known stay."""
    sandbox.block(PHONES[0])
    sandbox.faults.add(Fault.extra_fields())
    sandbox.faults.add(Fault.extra_fields(owner="you"))
    anything, owned = [(await either.get(BLACKLIST)).json() for _ in range(2)]

    assert "unknown_field" in anything
    assert owned["owner"] == owned["data"]["owner"] == owned["data"]["list"][0]["owner"] == "you"
    assert owned["data"]["list"][0]["phone"] == PHONES[0]


async def test_a_total_can_lie(sandbox, either):
    """Where there is one: an answer without is left as it is."""
    sandbox.faults.add(Fault.total(-1), times=2)
    page = await listed(either)
    senders = await either.get("/viber/senders/1")

    assert (page["total"], senders.json()["id"]) == (-1, 1)


@pytest.mark.parametrize(("query", "rows"), [({}, 2), ({"limit": 4}, 2), ({"limit": 1}, 1)])
async def test_pages_can_be_clamped(sandbox, either, query, rows):
    """Never longer than the clamp, whatever was asked for."""
    sandbox.block(*PHONES)
    sandbox.faults.add(Fault.clamp(2))

    assert len((await listed(either, **query))["list"]) == rows


async def test_the_same_page_may_come_for_ever(sandbox, either):
    """The offset is ignored."""
    sandbox.block(*PHONES)
    sandbox.faults.add(Fault.ignore_offset(), on="blacklist.list", times=None)
    pages = [phones_of(await listed(either, limit=2, offset=offset)) for offset in (0, 2, 100)]

    assert pages == [list(PHONES[:2])] * 3


async def test_a_page_may_be_longer_than_asked_for(sandbox, either):
    """The limit is ignored."""
    sandbox.block(*PHONES)
    sandbox.faults.add(Fault.ignore_limit(), on="blacklist.list")

    assert phones_of(await listed(either, limit=1)) == list(PHONES)


async def test_rows_come_and_go_during_a_walk(sandbox, either):
    """A row before the seam is gone when the second page is served, so one is skipped."""
    sandbox.block(*PHONES)
    sandbox.faults.add(Fault.before(lambda: sandbox.unblock(PHONES[0])), on="blacklist.list", skip=1)
    pages = [phones_of(await listed(either, limit=2, offset=offset)) for offset in (0, 2)]

    assert pages == [list(PHONES[:2]), list(PHONES[3:])]


async def test_tokens_are_revoked_on_cue(sandbox, either):
    """The request that comes with one is refused."""
    credentials = sandbox.credentials._asdict()
    bought = await either.post("/oauth/access_token", json={"grant_type": "client_credentials", **credentials})
    either.headers["Authorization"] = f"Bearer {bought.json()['access_token']}"
    sandbox.faults.add(Fault.before(sandbox.revoke_tokens), on="senders.list", skip=1)
    statuses = [(await either.get("/viber/senders")).status_code for _ in range(2)]

    assert statuses == [200, 401]


# --- waiting ---


async def test_a_request_can_be_held_back(sandbox, either):
    """Until an event, say; it is processed after that, not before."""
    released = asyncio.Event()
    sandbox.faults.add(Fault.before(released.wait), on="blacklist.add")
    call = asyncio.create_task(either.post(BLACKLIST, json={"phones": ["380931111111"]}))
    await sandbox.arrival("blacklist.add")
    before = sandbox.is_blacklisted("380931111111")
    released.set()

    assert (await call).status_code == 200
    assert (before, sandbox.is_blacklisted("380931111111")) == (False, True)


async def test_latency_is_waited_for(sandbox, either):
    """In real seconds, because that is what a caller's timeout is in."""
    sandbox.faults.add(Fault.latency(0.001))

    assert (await either.get("/viber/senders")).status_code == 200
    assert sandbox.requests[0].fault == "latency 0.001s"


async def test_a_caller_s_timeout_ends_the_waiting(sandbox, either, campaign, caplog):
    """What was held is not processed when the caller has left, and that is no error of the server's."""
    sandbox.faults.add(Fault.hang(), on="campaigns.create")

    with pytest.raises(httpx.ReadTimeout):
        await either.post("/viber", json=campaign, timeout=0.05)
    assert (sandbox.requests[0].status, sandbox.campaigns) == (None, ())
    assert (await either.get("/viber/senders")).status_code == 200
    await sandbox.aclose()
    assert caplog.records == []


async def test_a_caller_may_leave_while_a_hook_runs(sandbox, either):
    """The hook is cancelled."""
    cancelled = asyncio.Event()

    async def hold() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    sandbox.faults.add(Fault.before(hold))
    call = asyncio.create_task(either.get("/viber/senders"))
    await sandbox.arrival()
    call.cancel()

    await asyncio.wait_for(cancelled.wait(), 5)
    assert sandbox.requests[0].status is None


# --- the way ---


@pytest.mark.parametrize("processed", [False, True])
async def test_a_connection_is_cut_before_or_after_processing(sandbox, either, campaign, processed):
    """The caller cannot tell which."""
    sandbox.faults.add(Fault.cut(processed=processed), on="campaigns.create")

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        await either.post("/viber", json=campaign)
    assert len(sandbox.campaigns) == processed
    assert sandbox.requests[0].status is None


async def test_a_connection_is_reset(sandbox, either):
    """Another exception, the same ignorance."""
    sandbox.faults.add(Fault.cut(reset=True))

    with pytest.raises(httpx.ReadError):
        await either.get("/viber/senders")


async def test_the_next_request_finds_the_provider_well(sandbox, either):
    """On another connection."""
    sandbox.faults.add(Fault.cut())
    with pytest.raises(httpx.RemoteProtocolError):
        await either.get("/viber/senders")

    assert (await either.get("/viber/senders")).status_code == 200


async def test_a_body_is_truncated(sandbox, either):
    """The headers promised all of it."""
    sandbox.faults.add(Fault.truncate(5))

    async with either.stream("GET", "/viber/senders") as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            await answer.aread()
    assert (answer.status_code, int(answer.headers["content-length"]) > 5) == (200, True)
    assert answer.num_bytes_downloaded <= 5


async def test_a_streamed_body_is_truncated(sandbox, either, campaign):
    """In its second piece."""
    await either.post("/viber", json=campaign)
    sandbox.faults.add(Fault.truncate(40), on="campaigns.recipients")

    with pytest.raises(httpx.RemoteProtocolError):
        await either.get("/viber/task/90241/recipients")


async def test_a_body_shorter_than_the_cut_is_whole(sandbox, either):
    """There is nothing to truncate."""
    sandbox.faults.add(Fault.truncate(10_000))

    assert len((await either.get("/viber/senders")).json()) == 2


async def test_what_is_no_fault_is_refused_at_once() -> None:
    """Not when a request comes."""
    with pytest.raises(TypeError, match=r"Fault\.status"):
        Sandbox().faults.add(503)  # type: ignore[arg-type]
