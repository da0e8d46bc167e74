"""The inbox on the wire: what it serves, to whom, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.sandbox.conftest import bearer
from viber_async.sandbox import Fault, Sandbox, SandboxFate, SandboxMailingList, inbox
from viber_async.sandbox.inbox import _view
from viber_async.sandbox.inbox._door import Door, Visit
from viber_async.sandbox.inbox._presets import PRESETS
from viber_async.sandbox.inbox._stream import MOST_LISTENERS, Stream

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Site": "none"}
OWN = {"Sec-Fetch-Site": "same-origin", "X-Viber-Inbox": "1"}
TOKEN = "a-token-that-nobody-guesses"
PHONE = 380931111111
LONE = "\ud83c"
"""Half of an emoji: JSON can hold it, and UTF-8 cannot."""


@pytest.fixture
async def local(make, client_of):
    """A client in process."""
    sandbox = make()
    async with client_of(sandbox) as client:
        client.sandbox = sandbox
        yield client


async def press(client, name, **told) -> httpx.Response:
    return await client.post(f"/_inbox/do/{name}", json=told, headers=OWN)


async def said(client, name, **told) -> str:
    answer = await press(client, name, **told)
    assert answer.status_code == 200, answer.text
    return answer.json()["said"]


async def refused(client, name, **told) -> str:
    answer = await press(client, name, **told)
    assert answer.status_code == 400
    return answer.json()["why"]


def events_of(sandbox):
    """The inbox behind the route of the events."""
    (route,) = [each for each in sandbox._app.inbox.routes if each.path == "/_inbox/events"]
    return route.app.inbox


class Listener:
    """What a browser makes of the events: the state by key, and each event as it came."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.state: dict[str, object] = {}
        self.comments: list[str] = []

    async def event(self) -> dict:
        async for line in self._lines:
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                self._take(event)
                return event
            self.comments += [line] if line else []
        raise EOFError

    async def until(self, key: str) -> object:
        while key not in self.state:
            await self.event()
        return self.state[key]

    def _take(self, event: dict) -> None:
        if event["all"]:
            self.state.clear()
        for key in event["gone"]:
            del self.state[key]
        self.state.update(event["set"])


# --- the page, and the provider beside it ---


async def test_a_browser_sees_the_inbox(sandbox, client):
    """At the address that the sandbox prints."""
    answer = await client.get("/", headers=BROWSER)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Sandbox inbox" in answer.text


async def test_whoever_is_no_browser_sees_the_provider(sandbox, client):
    """Which has nothing there; nor does a browser's wish change what the provider's own paths answer."""
    root = await client.get("/")
    posted = await client.post("/", headers=BROWSER)
    senders = await client.get("/viber/senders", headers=BROWSER)

    assert (root.status_code, posted.status_code, senders.status_code) == (404, 404, 200)
    assert root.json()["error_code"] == posted.json()["error_code"] == 404
    assert [record.path for record in sandbox.requests] == ["/", "/", "/viber/senders"]


async def test_what_a_browser_does_is_no_request_to_the_provider(make, client_of):
    """Not counted by the rate limit, not recorded, and met by no fault."""
    sandbox = make(rate_limit=(1, 1.0), monotonic=lambda: 0.0)
    sandbox.faults.add(Fault.status(503), times=None)
    async with client_of(sandbox) as client:
        answers = [await client.get(path, headers=BROWSER) for path in ("/", "/_inbox/inbox.js", "/_inbox/nothing")]
        answers.append(await press(client, "block", phone=str(PHONE)))

    assert [answer.status_code for answer in answers] == [200, 200, 404, 200]
    assert (sandbox.requests, sandbox.rate.arrivals, sandbox.rate.peak) == ((), (), 0)


async def test_whatever_the_page_refers_to_is_there(local):
    """Served by the sandbox itself; nothing comes from elsewhere."""
    pages = [await local.get("/", headers=BROWSER), await local.get("/_inbox/enter.html")]
    names = {name for page in pages for name in re.findall(r'(?:src|href)="([^"#]+)"', page.text)}
    answers = [await local.get(name) for name in sorted(names)]

    assert names >= {"/_inbox/inbox.css", "/_inbox/inbox.js", "/_inbox/icon.svg"}
    assert all(name.startswith("/_inbox/") for name in names)
    assert [answer.status_code for answer in answers] == [200] * len(names)


async def test_the_page_may_do_nothing_but_what_it_does(local):
    """By a policy without exceptions for scripts or styles in the page, and with no frame around it."""
    answers = [
        await local.get("/", headers=BROWSER),
        await press(local, "nothing"),
        await local.get("/_inbox/inbox.js"),
    ]
    policies = {answer.headers["content-security-policy"] for answer in answers}
    policy = dict(part.split(" ", 1) for part in policies.pop().split("; "))

    assert not policies
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["require-trusted-types-for"]) == ("'none'", "'script'")
    assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in answers)
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)


def test_the_script_makes_no_markup_from_data():
    """There is one way to put text into the page, and it is as text."""
    script = (Path(inbox.__file__).parent / "page" / "inbox.js").read_text()

    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|srcdoc", script)


# --- the door ---

HERE = "127.0.0.1:8025"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        (HERE, True),
        ("127.0.0.1", True),
        ("127.8.9.1:80", True),
        ("localhost:8025", True),
        ("LOCALHOST:8025", True),
        ("[::1]:8025", True),
        ("example.com", False),
        ("127.0.0.1.example.com:8025", False),
        ("localhost.example.com", False),
        ("192.168.1.5:8025", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_the_inbox_is_looked_at_by_the_name_of_this_machine(host, here):
    """A name that was made to point here is the way of a page elsewhere to read along."""
    objection = Door().to_look(Visit("GET", host=host))

    assert (objection is None) == here
    assert here or objection[0] == 421
    assert Door(anywhere=True).to_look(Visit("GET", host=host)) is None


@pytest.mark.parametrize(
    ("visit", "may_read", "may_act"),
    [
        (Visit("POST", host=HERE, marked=True), True, True),
        (Visit("POST", host=HERE, marked=True, site="same-origin", origin=f"http://{HERE}"), True, True),
        (Visit("POST", host=HERE, marked=True, site="none"), True, True),
        (Visit("POST", host=HERE, site="same-origin", origin=f"http://{HERE}"), True, False),
        (Visit("POST", host=HERE), True, False),
        (Visit("POST", host=HERE, marked=True, site="cross-site"), False, False),
        (Visit("POST", host=HERE, marked=True, site="same-site"), False, False),
        (Visit("POST", host=HERE, marked=True, origin="https://example.com"), False, False),
        (Visit("POST", host=HERE, marked=True, origin="http://127.0.0.1:9999"), False, False),
        (Visit("POST", host=HERE, marked=True, origin="null"), False, False),
        (Visit("POST", host="example.com", marked=True, origin="http://example.com"), False, False),
    ],
)
def test_only_the_inbox_itself_reads_and_presses(visit, may_read, may_act):
    """What another page has the browser send is found out by one sign or another."""
    assert (Door().to_read(visit) is None) == may_read
    assert (Door().to_act(visit) is None) == may_act


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "do/block"), ("GET", "events"), ("GET", "campaigns/90241"), ("GET", "requests/1")],
)
async def test_another_page_gets_nothing(local, campaign, method, path):
    """Whatever it asks for, and nothing is done."""
    await local.post("/viber", json=campaign)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.com"}
    answer = await local.request(method, f"/_inbox/{path}", headers=headers, content=f'{{"phone":"{PHONE}"}}')

    assert answer.status_code == 403
    assert "own page only" in answer.json()["why"]
    assert not local.sandbox.is_blacklisted(PHONE)


async def test_a_rebound_name_gets_nothing(local):
    """Neither the page nor what it is made from."""
    answers = [await local.get(path, headers={**BROWSER, "Host": "example.com"}) for path in ("/", "/_inbox/events")]

    assert [answer.status_code for answer in answers] == [421, 421]
    assert "'example.com'" in answers[0].json()["why"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example:8025", 421),
        ("192.168.1.5", 421),
        ("127.0.0.1.example.com", 421),
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("127.8.9.1:80", 200),
        ("[::1]:8025", 200),
    ],
)
async def test_a_rebound_name_gets_nothing_from_the_api_either(sandbox, client, host, status):
    """The API's key is in the docs, and a page elsewhere can send it by a name that it had point here."""
    answer = await client.get("/viber/senders", headers={"Host": host})

    assert answer.status_code == status
    assert len(sandbox.requests) == (status == 200)
    assert status == 200 or f"not at {host!r}; it is at 127.0.0.1, [::1] or localhost" in answer.json()["message"]


async def test_a_caller_without_a_host_is_no_browser(sandbox):
    """HTTP/1.0 need not say whom it calls."""
    address = httpx.URL(sandbox.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(f"GET /viber/senders HTTP/1.0\r\nAuthorization: Bearer {sandbox.api_key}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_in_process_the_api_has_any_name(make):
    """No browser gets there."""
    sandbox = make()
    headers = bearer(sandbox.api_key)
    async with httpx.AsyncClient(
        base_url="https://api.sendpulse.com", transport=sandbox.transport(), headers=headers
    ) as client:
        assert (await client.get("/viber/senders")).status_code == 200


# --- the token ---


@pytest.fixture
async def guarded(make, client_of):
    sandbox = make(token=TOKEN)
    async with client_of(sandbox) as client:
        client.sandbox = sandbox
        yield client


async def test_without_the_token_there_is_a_form(guarded):
    """And nothing else: not the page, not the events, not the buttons."""
    page = await guarded.get("/", headers=BROWSER)
    others = [
        await guarded.get("/_inbox/events", headers=OWN),
        await guarded.get("/_inbox/campaigns/1", headers=OWN),
        await press(guarded, "block", phone=str(PHONE)),
    ]

    assert page.status_code == 401
    assert '<form method="post" action="/_inbox/enter">' in page.text
    assert [answer.status_code for answer in others] == [401] * 3
    assert not guarded.sandbox.is_blacklisted(PHONE)


async def by_link(client):
    return await client.get(f"/?token={quote(TOKEN)}", headers=BROWSER)


async def by_form(client):
    return await client.post("/_inbox/enter", data={"token": TOKEN}, headers={"Sec-Fetch-Site": "same-origin"})


@pytest.mark.parametrize("way", [by_link, by_form])
async def test_the_token_opens_the_inbox(guarded, way):
    """Once; then the browser keeps a cookie that no script and no other site can use, and that is not the token."""
    entered = await way(guarded)
    cookie = entered.headers["set-cookie"]
    page = await guarded.get("/", headers=BROWSER)

    assert (entered.status_code, page.status_code) == (200, 200)
    assert 'http-equiv="refresh" content="0; url=/"' in entered.text
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie + entered.text
    assert await said(guarded, "block", phone=str(PHONE))


@pytest.mark.parametrize("wrong", ["", "a-token-that-nobody-guesse", f"{TOKEN}x", "ключ"])
async def test_a_wrong_token_opens_nothing(guarded, wrong):
    """Whichever way it comes."""
    answers = [
        await guarded.get(f"/?token={quote(wrong)}", headers=BROWSER),
        await guarded.post("/_inbox/enter", data={"token": wrong}),
        await guarded.post("/_inbox/enter", content=b"\xff" * 100_000),
    ]

    assert [(answer.status_code, "set-cookie" in answer.headers) for answer in answers] == [(401, False)] * 3


async def test_a_form_elsewhere_hands_in_no_token(guarded):
    """Nobody is let in by another page."""
    answer = await guarded.post("/_inbox/enter", data={"token": TOKEN}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


async def test_the_cookie_of_one_sandbox_opens_no_other(make, client_of):
    """Cookies know no ports."""
    tickets = {Door(token).ticket for token in (TOKEN, TOKEN[::-1])}
    async with client_of(make(token=TOKEN)) as client:
        client.cookies.set("viber_inbox_80", Door(TOKEN[::-1]).ticket)

        assert len(tickets) == 2
        assert (await client.get("/", headers=BROWSER)).status_code == 401


async def test_the_api_needs_no_token_of_the_inbox(guarded):
    """It has credentials of its own."""
    assert (await guarded.get("/viber/senders")).status_code == 200


def test_a_short_token_is_refused():
    """It would be guessed."""
    with pytest.raises(ValueError, match="16 characters"):
        Sandbox(token="short")


def test_a_door_shows_no_token():
    """To whoever prints it."""
    assert (repr(Door(TOKEN)), repr(Door())) == ("<Door with a token>", "<Door without a token>")


OWN_SECRETS = {"token": TOKEN, "credentials": ("id", "a secret of its own"), "api_key": "a key of its own"}


@pytest.mark.parametrize("missing", sorted(OWN_SECRETS))
def test_beyond_loopback_a_sandbox_has_no_secret_that_everybody_knows(missing):
    """Neither the inbox nor the API is open to a network."""
    some = {name: value for name, value in OWN_SECRETS.items() if name != missing}

    assert "not serving" in repr(Sandbox(host="0.0.0.0", **OWN_SECRETS))
    with pytest.raises(ValueError, match="loopback only"):
        Sandbox(host="0.0.0.0", **some)


def test_a_sandbox_serves_on_addresses():
    """A name may mean another machine tomorrow."""
    with pytest.raises(ValueError, match=r"an address, not on 'example\.com'"):
        Sandbox(host="example.com", **OWN_SECRETS)


async def test_beyond_loopback_the_inbox_has_any_name(client_of):
    """Whoever brings the token is let in by it, not by the name that the machine goes by there."""
    async with client_of(Sandbox(host="0.0.0.0", **OWN_SECRETS)) as client:
        answer = await client.get(f"/?token={TOKEN}", headers={**BROWSER, "Host": "build-7.example.com:8025"})

    assert answer.status_code == 200


async def test_beyond_loopback_the_api_has_any_name():
    """Whoever calls it has credentials that nobody else knows."""
    async with Sandbox(host="0.0.0.0", **OWN_SECRETS) as sandbox:
        headers = {**bearer(sandbox.api_key), "Host": "build-7.example.com:8025"}
        async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False, headers=headers) as client:
            assert (await client.get("/viber/senders")).status_code == 200


# --- the events ---


async def test_the_first_event_tells_all(local, campaign):
    """What has come before somebody looked."""
    await local.post("/viber", json=campaign)
    local.sandbox.block(PHONE)
    local.sandbox.faults.add(Fault.hang(), on="senders.*", times=2)
    async with local.stream("GET", "/_inbox/events", headers=OWN) as response:
        event = await Listener(response).event()

    assert response.headers["content-type"] == "text/event-stream"
    assert set(event["set"]) == {"campaign/90241", "request/1", "plan/1", "blacklist", "rate", "account"}
    assert (event["all"], event["gone"], event["now"]) == (True, [], "2026-01-31 12:00:00")


async def test_what_changes_is_told_as_it_does(sandbox, client, campaign):
    """Only that, and on the same connection; what is called off is gone."""
    plan = sandbox.faults.add(Fault.hang(), on="blacklist.*")
    async with client.stream("GET", "/_inbox/events", headers=OWN) as response:
        listener = Listener(response)
        await listener.event()
        await client.post("/viber", json=campaign)
        arrived = await listener.until("campaign/90241")
        sandbox.faults.remove(plan)
        while "plan/1" in listener.state:
            event = await listener.event()
        sandbox.advance(1000)
        while listener.state["campaign/90241"]["status"] != "sent":
            event = await listener.event()

    assert (arrived["message"], arrived["recipients"], arrived["status"]) == ("Sale", 2, "moderation")
    assert "blacklist" not in event["set"]
    assert not event["all"]


async def test_a_button_is_seen_at_once(make, client_of):
    """A listener that looks rarely is told to look."""
    sandbox = make()
    stream = events_of(sandbox).stream
    stream._look = 3600.0
    async with client_of(sandbox) as client, client.stream("GET", "/_inbox/events", headers=OWN) as response:
        listener = Listener(response)
        await listener.event()
        await press(client, "block", phone=str(PHONE))
        event = await listener.event()

    assert set(event["set"]) == {"blacklist"}


async def test_silence_is_broken(make):
    """So that whoever is between does not take the connection for dead, nor the browser."""
    sandbox = make()
    stream = Stream(events_of(sandbox).desk, look=0.0, heartbeat=0.0)
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message) -> None:
        await sent.put(message["body"])

    listening = asyncio.create_task(stream.listen(asyncio.Event().wait, send))
    pieces = [await sent.get() for _ in range(4)]
    listening.cancel()
    await asyncio.wait({listening})

    assert pieces[0] == b"retry: 1000\n\n"
    assert pieces[1].startswith(b"data: ")
    assert pieces[2:] == [b": still here\n\n"] * 2


async def test_nothing_is_told_where_nothing_has_changed(make):
    """However often it looks."""
    sandbox = make()
    stream = Stream(events_of(sandbox).desk, look=0.0)
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message) -> None:
        await sent.put(message["body"])

    listening = asyncio.create_task(stream.listen(asyncio.Event().wait, send))
    for _ in range(100):
        await asyncio.sleep(0)
    before = sent.qsize()
    sandbox.block(PHONE)
    while sent.qsize() == before:  # noqa: ASYNC110 - it looks all the time
        await asyncio.sleep(0)
    listening.cancel()
    await asyncio.wait({listening})

    assert (before, sent.qsize()) == (2, 3)


async def test_whoever_comes_again_is_told_all_again(local):
    """There is nothing to catch up with."""
    for _ in range(2):
        async with local.stream("GET", "/_inbox/events", headers={**OWN, "Last-Event-ID": "7"}) as response:
            assert (await Listener(response).event())["all"]


async def test_listeners_have_an_end(local):
    """And make room when they leave."""
    opened = [local.stream("GET", "/_inbox/events", headers=OWN) for _ in range(MOST_LISTENERS)]
    for each in opened:
        await each.__aenter__()
    full = await local.get("/_inbox/events", headers=OWN)
    for each in opened:
        await each.__aexit__(None, None, None)
    async with local.stream("GET", "/_inbox/events", headers=OWN) as response:
        assert (await Listener(response).event())["all"]

    assert (full.status_code, full.json()["why"]) == (503, "Too many pages of this inbox are open; close some.")


async def test_closing_ends_those_who_listen(sandbox, client):
    """Without waiting for them; nothing is left running."""
    async with client.stream("GET", "/_inbox/events", headers=OWN) as response:
        listener = Listener(response)
        await listener.event()
        await sandbox.aclose()

        with pytest.raises((httpx.TransportError, EOFError)):
            await listener.event()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_listener_that_leaves_is_forgotten(sandbox, client):
    """While the sandbox goes on."""
    stream = events_of(sandbox).stream
    async with client.stream("GET", "/_inbox/events", headers=OWN) as response:
        await Listener(response).event()
        listening = stream._listeners
    while stream._listeners:  # noqa: ASYNC110 - that it has left is seen by the server a moment later
        await asyncio.sleep(0)

    assert listening == 1


# --- what is shown ---


async def seen(client) -> dict:
    async with client.stream("GET", "/_inbox/events", headers=OWN) as response:
        return (await Listener(response).event())["set"]


async def test_a_campaign_is_shown_with_all_that_it_is(make, client_of, campaign):
    """What is drawn on the phone, and what stands beside it, in the account's time."""
    additional = {
        "button": {"text": "Buy", "link": "https://example.com/"},
        "image": {"link": "https://example.com/a.png"},
        "resend_sms": {"status": True, "sms_text": "Sale", "sms_sender_name": "shop"},
    }
    async with client_of(make()) as client:
        await client.post("/viber", json={**campaign, "task_name": "Spring", "additional": additional})
        await client.post("/viber", json={**campaign, "send_date": "2026-02-01 12:00:00", "stretch_time": 2})
        state = await seen(client)
    first, second = state["campaign/90241"], state["campaign/90242"]

    assert (first["name"], first["sender"], first["phones"]) == ("Spring", "sandbox", [PHONE, PHONE + 1])
    assert first["button"] == additional["button"]
    assert (first["image"], first["sms"]) == ("https://example.com/a.png", {"text": "Sale", "sender": "shop"})
    assert (first["send_date"], second["send_date"]) == (None, "2026-02-01 12:00:00")
    assert (second["button"], second["image"], second["sms"], second["stretch"]) == (None, None, None, 2)


async def test_a_marker_is_told_apart_from_the_name(local, campaign):
    """The body is what it was."""
    name = "abcdefgh23456722 | Spring"
    await local.post("/viber", json={**campaign, "task_name": name})
    await local.post("/viber", json={**campaign, "task_name": "Summer"})
    state = await seen(local)
    detail = await local.get("/_inbox/campaigns/90241", headers=OWN)

    assert [state[f"campaign/{number}"]["name"] for number in (90241, 90242)] == ["Spring", "Summer"]
    assert [state[f"campaign/{number}"]["marker"] for number in (90241, 90242)] == ["abcdefgh23456722", None]
    assert json.loads(detail.json()["body"])["task_name"] == name


async def test_a_request_is_shown_with_what_the_rate_limit_said(make, client_of):
    """How many there were in its second, and whether it was one too many."""
    sandbox = make(rate_limit=(2, 1.0), monotonic=iter([0.0, 0.1, 0.2, 5.0, 9.0]).__next__)
    sandbox.faults.add(Fault.status(503), on="senders.list")
    async with client_of(sandbox) as client:
        for _ in range(3):
            await client.get("/viber/senders", params={"a": "b"})
        await client.get("/viber/task")
        state = await seen(client)
    rows = [state[f"request/{number}"] for number in (1, 2, 3, 4)]

    assert [(row["status"], row["in_window"], row["over_limit"]) for row in rows] == [
        (503, 1, False),
        (200, 2, False),
        (429, 3, True),
        (200, 1, False),
    ]
    assert (rows[0]["fault"], rows[0]["query"], rows[0]["arrived_at"]) == ("status 503", {"a": "b"}, 0.0)
    assert state["rate"] == {"limit": [2, 1.0], "peak": 3, "refusals": 1}


async def test_a_request_can_be_looked_into(local):
    """Its headers and its body as it was sent, without a secret, and not more than a page can hold."""
    long = b"x" * (_view.LONGEST_BODY + 5)
    await local.post("/viber", content=b'{"message": "\xff"}', headers={"User-Agent": "shop"})
    await local.post("/viber", content=long)
    await local.get("/viber/senders")
    first, second, third = [(await local.get(f"/_inbox/requests/{n}", headers=OWN)).json() for n in (1, 2, 3)]
    unknown = await local.get("/_inbox/requests/4", headers=OWN)

    assert (first["body"], first["left_out"]) == ('{"message": "\ufffd"}', 0)
    assert (first["headers"]["user-agent"], first["headers"]["authorization"]) == ("shop", "Bearer [redacted]")
    assert (len(second["body"]), second["left_out"]) == (_view.LONGEST_BODY, 5)
    assert (third["body"], unknown.status_code) == ("", 404)


async def test_a_campaign_can_be_looked_into(make, client_of, campaign):
    """The request that made it, and its recipients page by page."""
    sandbox = make()
    phones = list(range(PHONE, PHONE + 250))
    async with client_of(sandbox) as client:
        await client.post("/viber", json={**campaign, "recipients": phones})
        sandbox.move(90241, SandboxFate.READ, PHONE + 200)
        pages = [
            (await client.get("/_inbox/campaigns/90241", params={"offset": offset}, headers=OWN)).json()
            for offset in (0, 200, 10_000)
        ]
        wrong = [
            await client.get(f"/_inbox/campaigns/{path}", headers=OWN) for path in ("90241?offset=-1", "90242", "x")
        ]

    assert json.loads(pages[0]["body"])["recipients"] == phones
    assert [len(page["rows"]) for page in pages] == [100, 50, 0]
    assert pages[0]["rows"][0] == [PHONE, "send", "2026-01-31 12:00:00"]
    assert pages[1]["rows"][0] == [PHONE + 200, "read", "2026-01-31 12:00:00"]
    assert [answer.status_code for answer in wrong] == [400, 404, 404]


@pytest.mark.parametrize(
    ("path", "status"), [("campaigns/90241?offset=", 400), ("campaigns/", 404), ("requests/", 404)]
)
@pytest.mark.parametrize("digits", [16, 5000])
async def test_a_number_that_is_too_long_is_refused(local, campaign, path, status, digits):
    """Python reads no number of thousands of digits."""
    await local.post("/viber", json=campaign)
    answer = await local.get(f"/_inbox/{path}{'9' * digits}", headers=OWN)

    assert answer.status_code == status
    assert answer.json()["why"]


async def test_a_page_of_a_million_recipients_is_quick(make, client_of, campaign):
    """Nobody before it is counted through."""
    book = SandboxMailingList(7, phones=range(380930000000, 380931000000))
    body = {name: value for name, value in campaign.items() if name != "recipients"}
    async with client_of(make(mailing_lists=[book])) as client:
        await client.post("/viber", json={**body, "address_book": 7})
        answer = await client.get("/_inbox/campaigns/90241?offset=999900", headers=OWN)

    assert [row[0] for row in answer.json()["rows"]] == list(range(380930999900, 380931000000))


async def test_what_is_shown_has_an_end(make, client_of, campaign, monkeypatch):
    """The latest of everything, and how many there are in all."""
    for name in ("MOST_CAMPAIGNS", "MOST_REQUESTS", "MOST_ENTRIES", "MOST_PLANS"):
        monkeypatch.setattr(_view, name, 2)
    sandbox = make()
    sandbox.block(1111111, 2222222, 3333333)
    for _ in range(3):
        sandbox.faults.add(Fault.hang(), on="token")
    async with client_of(sandbox) as client:
        for _ in range(3):
            await client.post("/viber", json=campaign)
        state = await seen(client)

    assert sorted(key for key in state if "/" in key) == [
        *("campaign/90242", "campaign/90243", "plan/1", "plan/2", "request/2", "request/3")
    ]
    assert (state["blacklist"]["total"], [row[1] for row in state["blacklist"]["rows"]]) == (3, [3333333, 2222222])
    assert (state["account"]["campaigns"], state["account"]["requests"]) == (3, 3)


async def test_the_latest_entries_come_first_in_either_order(make, client_of):
    """Whichever the list call has."""
    sandbox = make(blacklist_order="newest")
    sandbox.block(1111111, description="one")
    sandbox.block(2222222)
    async with client_of(sandbox) as client:
        state = await seen(client)

    assert [row[1:3] for row in state["blacklist"]["rows"]] == [[2222222, ""], [1111111, "one"]]


async def test_half_a_character_is_shown(local):
    """A test may put one there; it would break an answer that is not ASCII."""
    local.sandbox.block(PHONE, description=f"half a {LONE}")
    state = await seen(local)

    assert state["blacklist"]["rows"][0][2] == f"half a {LONE}"


async def test_the_json_is_kept_as_it_came(local, campaign):
    """Escapes, spaces and all."""
    body = json.dumps({**campaign, "message": "Sale 🌷"}, indent=3)
    await local.post("/viber", content=body, headers={"Content-Type": "application/json"})
    detail = await local.get("/_inbox/campaigns/90241", headers=OWN)

    assert detail.json()["body"] == body


@pytest.mark.parametrize(
    ("settings", "shown"), [({}, ["sandbox-id", "sandbox-secret"]), ({"credentials": ("id", "of its own")}, None)]
)
async def test_only_credentials_that_everybody_knows_are_shown(make, client_of, settings, shown):
    """To help somebody begin."""
    async with client_of(make(**settings)) as client:
        assert (await seen(client))["account"]["credentials"] == shown


# --- the buttons ---


async def test_a_campaign_is_approved_and_moved(local, campaign):
    """As from Python; some of it, or all."""
    await local.post("/viber", json=campaign)
    words = [
        await said(local, "approve", id=90241),
        await said(local, "move", id=90241, fate="read", phones=[PHONE]),
        await said(local, "move", id=90241, fate="not delivered"),
    ]
    rows = (await local.get("/_inbox/campaigns/90241", headers=OWN)).json()["rows"]

    assert [row[1] for row in rows] == ["read", "not delivered"]
    assert words == [
        "Campaign 90241 is approved.",
        "1 of campaign 90241: read. It moves by hand from now on.",
        "Campaign 90241: not delivered. It moves by hand from now on.",
    ]


async def test_new_campaigns_can_be_told_to_wait(local):
    """And to move by themselves again."""
    first = await said(local, "by_hand", by_hand=True), local.sandbox.by_hand
    second = await said(local, "by_hand", by_hand=False), local.sandbox.by_hand

    assert first == ("New campaigns wait for you.", True)
    assert second == ("New campaigns move by themselves.", False)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
async def test_each_fault_can_be_switched_on_and_called_off(local, preset):
    """It waits as it would from Python, by the name that its button has."""
    await said(local, "fault", fault=preset.name, times=2)
    (plan,) = local.sandbox.faults.waiting
    words = await said(local, "call_off", number=plan.number)

    assert (plan.fault.name, plan.on, plan.left) == (preset.name, preset.on, 2)
    assert (words, local.sandbox.faults.waiting) == ("Called off.", ())


async def test_a_fault_strikes_what_it_was_switched_on_for(local, campaign):
    """Until it is called off; another one stays."""
    await said(local, "fault", fault="503", on="campaigns.list", times=None)
    await said(local, "fault", fault="Slow", on="token", times=1)
    statuses = [(await local.get(path)).status_code for path in ("/viber/task", "/viber/senders", "/viber/task")]
    await said(local, "call_off", number=1)

    assert statuses == [503, 200, 503]
    assert [plan.fault.name for plan in local.sandbox.faults.waiting] == ["Slow"]


async def test_the_blacklist_is_written(local):
    """With a phone in any spelling that leaves its digits alone."""
    words = [
        await said(local, "block", phone="+380 (93) 111-11-11", description="asked to stop" * 99),
        await said(local, "block", phone="380931111111"),
        await said(local, "unblock", phone="380931111111"),
        await said(local, "unblock", phone="380931111111"),
    ]

    assert words == [
        "380931111111 is on the blacklist.",
        "380931111111 is on the blacklist already.",
        "380931111111 is off the blacklist.",
        "380931111111 was not on the blacklist.",
    ]


async def test_time_is_moved_and_tokens_are_revoked(local):
    """The same as from Python."""
    creds = local.sandbox.credentials
    asked = {"grant_type": "client_credentials", "client_id": creds.client_id, "client_secret": creds.client_secret}
    token = (await local.post("/oauth/access_token", json=asked)).json()["access_token"]
    words = await said(local, "advance", seconds=60), await said(local, "revoke")
    state = await seen(local)

    assert words == ("It is 60 seconds later.", "1 tokens are good no more.")
    assert (await local.get("/viber/senders", headers=bearer(token))).status_code == 401
    assert (state["account"]["clock_moved"], state["account"]["clock_stands"]) == (60.0, True)


@pytest.mark.parametrize(
    ("name", "told", "why"),
    [
        ("nothing", {}, "no such button"),
        ("approve", {}, "no such campaign"),
        ("approve", {"id": "90241"}, "no such campaign"),
        ("move", {"id": 90242, "fate": "read"}, "no such campaign"),
        ("move", {"id": 90241, "fate": "eaten"}, "'eaten' is not a valid SandboxFate"),
        ("move", {"id": 90241}, "None is not a valid SandboxFate"),
        ("move", {"id": 90241, "fate": "clicked"}, "no button to click"),
        ("move", {"id": 90241, "fate": "read", "phones": [380931111199]}, "380931111199 is no recipient"),
        ("move", {"id": 90241, "fate": "read", "phones": "380931111111"}, "phones has to be a list"),
        ("fault", {"fault": "Flood"}, "no such fault"),
        ("fault", {"fault": "503", "on": "campaign.list", "times": 1}, "no operation is called"),
        ("fault", {"fault": "503", "times": 0}, "times has to be a whole number from 1 to 1000"),
        ("fault", {"fault": "503", "times": "2"}, "times has to be a whole number"),
        ("block", {}, "'None' is no phone"),
        ("block", {"phone": "0931111111"}, "'0931111111' is no phone"),
        ("block", {"phone": "380931111111,380931111112"}, "is no phone"),
        ("block", {"phone": "٣٨٠٩٣١١١١١١١"}, "is no phone"),
        ("unblock", {"phone": "x" * 1000}, r"'x{40}' is no phone"),
        ("advance", {"seconds": 0}, "seconds has to be"),
        ("advance", {"seconds": 1e9}, "seconds has to be"),
    ],
)
async def test_what_cannot_be_done_is_said(local, campaign, name, told, why):
    """In a sentence for the person who pressed."""
    await local.post("/viber", json=campaign)

    assert re.search(why, await refused(local, name, **told))


async def test_half_a_character_is_not_put_on_the_blacklist(local):
    """No answer that lists it would be UTF-8."""
    body = rb'{"phone":"380931111111","description":"half a \ud800"}'
    answer = await local.post("/_inbox/do/block", content=body, headers=OWN)

    assert answer.status_code == 400
    assert "half a character" in answer.json()["why"]
    assert not local.sandbox.blacklist


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 60_000, b'{"phone":"' + b"1" * 70_000 + b'"}', b"\xff"])
async def test_what_is_no_button_is_refused(local, body):
    """Whatever it is, and however long."""
    answer = await local.post("/_inbox/do/block", content=body, headers=OWN)

    assert answer.status_code == 400
    assert answer.json()["why"]
