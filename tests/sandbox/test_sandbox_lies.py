"""A provider that lies about its blacklist, or balks: what it says, and what is true."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from viber_async.sandbox import Fault, Sandbox

BLACKLIST = "/v2/viber-service/phone-exception"
FIRST = 380931111111
HUNDRED = tuple(range(FIRST, FIRST + 100))


async def added(client, phones) -> httpx.Response:
    return await client.post(BLACKLIST, json={"phones": list(map(str, phones))})


async def removed(client, phones) -> httpx.Response:
    return await client.request("DELETE", BLACKLIST, json={"phones": list(map(str, phones))})


async def test_a_removal_may_be_pretended(sandbox, either):
    """Counted as if it were done."""
    sandbox.block(*HUNDRED[:3])
    sandbox.faults.add(Fault.pretend(), on="blacklist.remove")
    answer = await removed(either, HUNDRED[:4])

    assert answer.json() == {"result": True, "deleted": 3}
    assert sandbox.blacklisted == set(HUNDRED[:3])


async def test_an_addition_may_be_pretended(sandbox, either):
    """Those that were there are counted so."""
    sandbox.block(FIRST)
    sandbox.faults.add(Fault.pretend(), on="blacklist.add")
    answer = await added(either, HUNDRED[:4])

    assert answer.json() == {"result": True, "counters": {"added": 3, "exists": 1}}
    assert sandbox.blacklisted == {FIRST}


async def test_what_is_pretended_is_judged_first(sandbox, either):
    """What is wrong with a request is still wrong."""
    sandbox.faults.add(Fault.pretend(), on="blacklist.add")

    assert (await either.post(BLACKLIST, json={"phones": []})).status_code == 422


async def test_one_in_so_many_phones_may_be_lost(sandbox, either):
    """Over all requests, and another one when it comes again."""
    sandbox.faults.add(Fault.lose(every=30), on="blacklist.*", times=None)
    answers = [await added(either, HUNDRED), await added(either, HUNDRED)]

    assert [answer.json()["counters"] for answer in answers] == [
        {"added": 100, "exists": 0},
        {"added": 3, "exists": 97},
    ]
    assert len(sandbox.blacklisted) == 100


async def test_certain_phones_may_be_lost_each_time(sandbox, either):
    """Of additions and of removals."""
    sandbox.block(HUNDRED[1])
    sandbox.faults.add(Fault.lose(*HUNDRED[:2]), on="blacklist.*", times=None)
    answers = [await added(either, HUNDRED[:3]), await added(either, HUNDRED[:1]), await removed(either, HUNDRED[1:3])]

    assert [answer.json().get("counters") or answer.json()["deleted"] for answer in answers] == [
        {"added": 2, "exists": 1},
        {"added": 1, "exists": 0},
        2,
    ]
    assert sandbox.blacklisted == {HUNDRED[1]}


async def test_lies_leave_the_list_true(sandbox, either):
    """Also where two of them meet."""
    sandbox.block(*HUNDRED[:3])
    sandbox.faults.add(Fault.pretend() + Fault.lose(FIRST), on="blacklist.*", times=None)
    await removed(either, HUNDRED[:2])
    page = (await either.get(BLACKLIST)).json()["data"]

    assert [row["phone"] for row in page["list"]] == list(HUNDRED[:3])
    assert page["total"] == 3


async def test_a_removal_without_its_body_is_refused(sandbox, either):
    """And nothing is deleted: what the provider would do is not known."""
    sandbox.block(*HUNDRED[:3])
    sandbox.faults.add(Fault.strip_body(), on="blacklist.remove")
    answer = await removed(either, HUNDRED[:3])

    assert (answer.status_code, answer.json()["errors"]) == (422, {"body": ["The body is required"]})
    assert len(sandbox.blacklisted) == 3
    assert sandbox.requests_of("blacklist.remove")[0].json == {"phones": list(map(str, HUNDRED[:3]))}


async def test_a_removal_without_its_body_may_delete_nothing_quietly(sandbox, either):
    """With an answer that looks like success."""
    sandbox.block(*HUNDRED[:3])
    sandbox.faults.add(Fault.strip_body(quiet=True), on="blacklist.remove")
    answer = await removed(either, HUNDRED[:3])

    assert (answer.status_code, answer.json()) == (200, {"result": True, "deleted": 0})
    assert len(sandbox.blacklisted) == 3


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_with_a_bad_phone_is_refused_whole(sandbox, either, status):
    """Without saying which it was."""
    sandbox.faults.add(Fault.refuse_phones(HUNDRED[1], status=status), on="blacklist.*", times=None)
    answers = [await added(either, HUNDRED[:3]), await added(either, (HUNDRED[0], HUNDRED[2]))]

    assert [answer.status_code for answer in answers] == [status, 200]
    assert str(HUNDRED[1]) not in answers[0].text
    assert sandbox.blacklisted == {HUNDRED[0], HUNDRED[2]}


async def test_a_large_batch_is_refused_by_a_gateway(sandbox, either):
    """With a page for people."""
    sandbox.faults.add(Fault.refuse_batches(2), on="blacklist.add", times=None)
    answers = [await added(either, HUNDRED[:3]), await added(either, HUNDRED[:2])]

    assert [answer.status_code for answer in answers] == [413, 200]
    assert answers[0].headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"phones": 5}', b'{"phones": [5]}'])
async def test_what_is_no_write_is_not_balked_at(sandbox, either, body):
    """It is refused for what it is."""
    sandbox.faults.add(Fault.refuse_batches(0), on="blacklist.add")
    answer = await either.post(BLACKLIST, content=body, headers={"content-type": "application/json"})

    assert answer.status_code in (400, 422)


async def test_a_total_may_be_off(sandbox, either):
    """By so many, whatever it is in truth; the rows are right."""
    sandbox.block(*HUNDRED[:3])
    sandbox.faults.add(Fault.total_off(-2), times=None)
    page = (await either.get(BLACKLIST)).json()["data"]

    assert (page["total"], len(page["list"])) == (1, 3)
    assert (await either.get("/viber/task")).json() == []


async def test_pages_are_the_same_from_both_ends(make, client_of):
    """Newest first is the list of oldest first, turned round."""
    walks = []
    for order in ("oldest", "newest"):
        sandbox = make(blacklist_order=order)
        sandbox.block(*HUNDRED, description='a "b"')
        sandbox.unblock(*HUNDRED[::7])
        sandbox.block(FIRST + 100, description='a "b"')
        async with client_of(sandbox) as client:
            pages = [
                (await client.get(BLACKLIST, params={"limit": 9, "offset": offset})).json()["data"]["list"]
                for offset in range(0, 108, 9)
            ]
        walks.append([row for page in pages for row in page])
        assert [entry.id for entry in sandbox.blacklist] == [row["id"] for row in walks[-1]]

    assert walks[0] == walks[1][::-1]
    assert [row["phone"] for row in walks[0]] == [*(phone for i, phone in enumerate(HUNDRED) if i % 7), FIRST + 100]
    assert {row["description"] for row in walks[0]} == {'a "b"'}


async def test_a_million_rows_are_seeded_and_read_in_no_time(make, client_of):
    """Two orders of magnitude within what a benchmark could bear."""
    sandbox: Sandbox = make()
    began = time.perf_counter()
    sandbox.block(*range(FIRST, FIRST + 200_000), description="seeded")
    async with client_of(sandbox) as client:
        page = await client.get(BLACKLIST, params={"limit": 1000, "offset": 150_000})
    took = time.perf_counter() - began

    rows = json.loads(page.content)["data"]["list"]
    assert (len(rows), rows[0]["phone"], rows[0]["id"]) == (1000, FIRST + 150_000, 150_164)
    assert took < 20
