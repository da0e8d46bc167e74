"""The inbox's page in a real browser: headless Chromium, which may speak to this machine only.

The window is one for all of these tests; each has a sandbox of its own.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import ConsoleMessage, Page, ViewportSize, async_playwright, expect

from tests.sandbox.conftest import NOON, on_socket
from viber_async.sandbox import Fault, Sandbox, SandboxClock, SandboxFate

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUIRED = "VIBER_TEST_REQUIRE_CHROMIUM"
"""Set it where a missing browser must fail the tests, such as in CI."""
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--in-process-gpu",  # a process less
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # whatever it may want, it finds nobody
)
PHONES = [380931111111, 380931111112, 380931111113]
WIDE, NARROW = {"width": 1000, "height": 640}, {"width": 375, "height": 640}
PATIENCE = 20_000
"""Milliseconds; no step needs a tenth of it, even on a busy machine."""
READABLE = 4.5
"""The least contrast that WCAG allows small text at its level AA."""
expect.set_options(timeout=PATIENCE)


def program() -> str:
    """Give Chromium's program, or skip the test, or fail it where it must not be missing."""
    found = shutil.which("chromium")
    if found is None and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set and there is no chromium", pytrace=False)
    if found is None:
        pytest.skip("there is no chromium on this machine (Debian: apt-get install chromium)")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def window() -> AsyncIterator[Page]:
    """One window for all: a new one costs as much as a test."""
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    found = program()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=[*QUIET, *as_root])
        context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        yield await context.new_page()
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    """Campaigns wait, and nothing moves but by hand."""
    async with Sandbox(by_hand=True, clock=SandboxClock(NOON, frozen=True)) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="session")
async def client(sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with on_socket(sandbox) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def opened(window, sandbox) -> AsyncIterator[Callable]:
    """Open the inbox; nothing may go wrong in it until the end of the test."""
    wrong = []

    def failed(error) -> None:
        wrong.append(str(error))

    def spoke(said: ConsoleMessage) -> None:
        wrong.extend([said.text] if is_mistake(said) else [])

    async def opening(path: str = "/", size: ViewportSize = WIDE) -> Page:
        if window.viewport_size != size:
            await window.set_viewport_size(size)
        await window.goto(sandbox.url + path, wait_until="commit")
        await expect(window.locator("#live")).to_have_text("Live")
        return window

    window.on("pageerror", failed)
    window.on("console", spoke)
    yield opening
    window.remove_listener("pageerror", failed)
    window.remove_listener("console", spoke)
    assert wrong == []


def is_mistake(said: ConsoleMessage) -> bool:
    """Chromium reports answers with an error's status too, which the page expects."""
    return said.type in {"error", "warning"} and not said.text.startswith("Failed to load resource")


async def create(client, **changes) -> int:
    body = {"message_type": 2, "message_live_time": 3600, "sender_id": 1, "send_date": "now", "recipients": PHONES}
    answer = await client.post("/viber", json={**body, **changes})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["task_id"]


async def test_a_campaign_is_drawn_as_it_arrives(opened, client):
    """On the phone, beside its JSON; markup in it is text, and line breaks are lines."""
    page = await opened()
    await expect(page.get_by_role("heading", name="Nothing has arrived yet")).to_be_visible()
    text = "Sale 🌷\n\n<img src=x onerror=alert(1)> & <b>not bold</b>"
    button = {"text": "<i>Buy</i>", "link": "https://example.com/?a=1&b=2"}
    await create(client, task_name="<u>Spring</u>", message=text, additional={"button": button})
    drawn = page.locator(".bubble")

    await expect(drawn.locator(".text")).to_be_visible()
    assert await drawn.locator(".text").inner_text() == text
    await expect(page.locator("#detail-title")).to_have_text("<u>Spring</u>")
    await expect(page.locator("#arrivals")).to_have_text("campaign 90241 arrived: <u>Spring</u>, to 3 phones.")
    await expect(page.locator("#json")).to_contain_text('"message": "Sale 🌷\\n\\n<img src=x onerror=alert(1)>')
    link = drawn.get_by_role("link", name="<i>Buy</i>")
    assert [await link.get_attribute(name) for name in ("href", "rel")] == [button["link"], "noopener noreferrer"]
    assert await page.locator("main :is(u, b b, .text img, .press i)").count() == 0


async def test_the_marker_of_a_key_is_small_and_behind_the_name(opened, client):
    """In the list and above the campaign; what is announced and what can be copied are the name and the JSON."""
    page = await opened()
    await create(client, task_name="abcdefgh23456722 | Spring", message="Sale")
    await create(client, task_name="Summer", message="Sale")
    await expect(page.locator("#campaigns .name")).to_have_text(["Summer", "Spring abcdefgh23456722"])
    await expect(page.locator("#detail-title")).to_have_text("Summer")
    await page.locator("#campaigns a").nth(1).click()
    await expect(page.locator("#detail-title")).to_have_text("Spring abcdefgh23456722")
    size = "node => parseFloat(getComputedStyle(node).fontSize)"
    heading = page.locator("#detail-title")

    assert await heading.locator(".marker").evaluate(size) < 0.7 * await heading.evaluate(size)
    await expect(page.locator("#json")).to_contain_text('"task_name": "abcdefgh23456722 | Spring"')


async def test_the_json_is_shown_as_it_came(opened, client):
    """Every character of it, once that is asked for."""
    body = '{"recipients" :[380931111111],"message":"\\u0041\\ud83c\\udf37","message_type":2,\t"message_live_time":6e1,'
    body = body.replace("6e1", "60") + '"sender_id":1,"send_date":"now"}'
    answer = await client.post("/viber", content=body, headers={"Content-Type": "application/json"})
    page = await opened()
    await page.get_by_role("button", name="Show raw").click()

    assert answer.status_code == 200
    assert await page.locator("#json").text_content() == body


async def test_a_text_from_right_to_left_runs_from_right_to_left(opened, client):
    """The one beside it does not."""
    await create(client, message="שלום! 20% הנחה")
    await create(client, message="Hello! 20% less")
    page = await opened("/#messages/90241")
    direction = "node => getComputedStyle(node).direction"
    right = await page.locator(".text").evaluate(direction)
    await page.locator("#campaigns a").first.click()
    await expect(page.locator(".text")).to_have_text("Hello! 20% less")

    assert (right, await page.locator(".text").evaluate(direction)) == ("rtl", "ltr")


async def test_buttons_move_a_campaign_on(opened, client, sandbox):
    """All of it, or those that are ticked; what it says then is what the provider's calls say."""
    await create(client, message="Sale", additional={"button": {"text": "Buy", "link": "https://example.com/"}})
    page = await opened()
    states = page.locator("#who .state")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("#status")).to_have_text("Sending")
    await page.get_by_label(f"Choose {PHONES[1]}").check()
    await page.get_by_role("button", name="Click 1").click()
    await expect(states).to_have_text(["send", "clicked", "send"])
    await page.get_by_label(f"Choose {PHONES[1]}").uncheck()
    await page.get_by_role("button", name="Not delivered").click()
    await expect(states).to_have_text(["not delivered", "clicked", "not delivered"])
    await expect(page.locator("#status")).to_have_text("Sent")
    await expect(page.get_by_role("button", name="Deliver", exact=True)).to_have_attribute("aria-disabled", "true")
    answer = (await client.get("/viber/task/90241/recipients")).json()

    assert [row["status"] for row in answer["recipients"]] == ["not delivered", "clicked", "not delivered"]
    assert sandbox.requests_of("unknown") == ()


async def test_a_button_that_can_do_nothing_says_why(opened, client, sandbox):
    """To a pointer, and to whoever presses it."""
    await create(client, message="Sale")
    sandbox.approve(90241)
    sandbox.move(90241, SandboxFate.READ)
    page = await opened()
    await page.get_by_label("New ones wait for me").uncheck(force=True)
    why = "It has run its course; switch on “New ones wait for me”"
    deliver = page.get_by_role("button", name="Deliver", exact=True)
    await expect(deliver).to_have_attribute("title", why)
    await expect(page.get_by_role("button", name="Approve")).to_have_attribute("title", "It is approved already")
    await expect(page.get_by_role("button", name="Click")).to_have_attribute("title", "It has no button to click")
    await deliver.click(force=True)

    await expect(page.locator("#toast")).to_have_text(why)


async def test_nothing_is_said_of_what_arrived_before_that_is_known(window, sandbox):
    """Not in the page as it is served, before its script has had an answer."""
    served = await window.request.get(sandbox.url, headers={"accept": "text/html"})

    assert '<div class="nothing" id="no-campaigns" hidden>' in await served.text()


async def test_a_picture_is_fetched_only_when_it_is_asked_for(opened, client):
    """Whoever serves it would else learn that somebody looks."""
    async with Sandbox() as elsewhere:
        link = f"{elsewhere.url}/picture.png"
        await create(client, additional={"image": {"link": link}})
        page = await opened()
        await expect(page.get_by_role("link", name=link)).to_be_visible()
        before = len(elsewhere.requests)
        await page.get_by_role("button", name="Load image").click()
        await expect(page.get_by_text("The image cannot be loaded")).to_be_visible()

    assert (before, [record.path for record in elsewhere.requests]) == (0, ["/picture.png"])


async def test_faults_are_switched_on_and_strike(opened, client):
    """And the log says so, with what the rate limit said."""
    page = await opened("/#faults")
    await page.get_by_label("For", exact=True).select_option("senders.list")
    await page.get_by_role("button", name=re.compile("^503 ")).click()
    await expect(page.locator("#plans li")).to_contain_text("503senders.list, 1 time more; struck 0")
    statuses = [(await client.get("/viber/senders")).status_code for _ in range(2)]
    await expect(page.locator("#no-plans")).to_be_visible()
    await page.get_by_role("link", name="Requests").click()
    rows = page.locator(".requests summary")
    await expect(rows).to_have_count(2)
    await rows.nth(1).click()
    await expect(page.locator(".requests details[open]")).to_contain_text("authorization: Bearer [redacted]")

    assert statuses == [503, 200]
    assert re.search(r"GET /viber/senders\s*503\s*1/10\s*503", await rows.nth(1).inner_text())


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_each_part_begins_at_its_top(opened, client, size):
    """Opened by its address or from another part, however far down that one was read; what is newest is seen."""
    for _ in range(40):
        await client.get("/viber/senders")
    page = await opened("/#requests", size=size)
    await expect(page.locator(".requests summary")).to_have_count(40)
    begins = [await page.evaluate("scrollY")]
    for name in ("Faults", "Blacklist", "Requests", "Faults", "Messages"):
        await page.evaluate("scrollTo(0, 300)")
        await page.get_by_role("navigation").get_by_role("link", name=name).click()
        await expect(page.locator("nav [aria-current]")).to_have_attribute("href", f"#{name.lower()}")
        begins.append(await page.evaluate("scrollY"))

    assert begins == [0] * 6
    assert await page.locator("#messages, #requests, #blacklist, #faults").count() == 0  # the browser jumps to ids


async def test_the_blacklist_is_written_from_the_keyboard(opened, sandbox):
    """What is no phone is said; the focus is seen."""
    page = await opened("/#blacklist")
    await page.get_by_label("Phone").press_sequentially("0931111111")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("'0931111111' is no phone")
    await page.get_by_label("Phone").fill("+380 93 111 11 11")
    await page.keyboard.press("Tab")
    await page.keyboard.type("asked to stop")
    await page.keyboard.press("Tab")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    await page.keyboard.press("Enter")
    await expect(page.locator("#entries li")).to_contain_text("asked to stop")
    written = sandbox.is_blacklisted(PHONES[0])
    await page.get_by_role("button", name=f"Take {PHONES[0]} off").click()
    await expect(page.locator("#blacklist-total")).to_have_text("Nobody is on it.")

    assert (outline, written, sandbox.blacklist) == ("solid", True, ())


async def test_it_fits_a_phone(opened, client):
    """Nothing is cut off at the side; a message is opened, and left again."""
    book = "x" * 300
    await create(
        client, task_name=book, message=book, additional={"button": {"text": book, "link": f"https://a/{book}"}}
    )
    page = await opened(size=NARROW)
    widths = [await page.evaluate("document.documentElement.scrollWidth")]
    for name in ("Requests", "Blacklist", "Faults", "Messages"):
        await page.get_by_role("navigation").get_by_role("link", name=name).click()
        widths.append(await page.evaluate("document.documentElement.scrollWidth"))
    await page.locator("#campaigns a").click()
    await expect(page.locator("#detail-title")).to_be_focused()
    widths.append(await page.evaluate("document.documentElement.scrollWidth"))
    await page.get_by_role("link", name="All messages").click()
    await expect(page.locator("#campaigns a")).to_be_focused()

    assert widths == [NARROW["width"]] * 6


CONTRAST = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const parts = (text) => numbers(text).map((each, i) => (text.startsWith("color(") && i < 3 ? each * 255 : each));
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((each, i) => each * a + under[i] * (1 - a));
  const curve = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * curve(r / 255) + 0.7152 * curve(g / 255) + 0.0722 * curve(b / 255);
  const behind = (node) => {
    const colour = parts(getComputedStyle(node).backgroundColor);
    return over(colour, (colour[3] ?? 1) < 1 ? behind(node.parentElement) : [0, 0, 0]);
  };
  const aside = "[aria-disabled=true], :disabled, .absent, .toast, .unseen, .skip, option";
  const hasText = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  const shown = [...document.querySelectorAll("body *")].filter(
    (node) => hasText(node) && node.checkVisibility() && !node.closest(aside),
  );
  return shown.map((node) => {
    const under = behind(node);
    const lights = [light(over(parts(getComputedStyle(node).color), under)), light(under)].sort((a, b) => b - a);
    const name = `${node.tagName}.${node.className} ${node.textContent.slice(0, 30)}`;
    return [(lights[0] + 0.05) / (lights[1] + 0.05), name];
  });
}"""


async def test_everything_can_be_read(opened, client, sandbox):
    """With the contrast that WCAG asks of small text, by day and by night."""
    await create(
        client,
        message="Sale https://example.com/",
        additional={"button": {"text": "Buy", "link": "https://example.com/"}},
    )
    await create(client, message="Sale", send_date="2026-02-01 12:00:00", task_name="abcdefgh23456722 | Spring")
    for status in (401, 503):
        sandbox.faults.add(Fault.status(status))
        await client.get("/viber/senders")
    sandbox.faults.add(Fault.hang(), on="token")
    sandbox.move(90241, SandboxFate.ERROR, PHONES[0])
    sandbox.move(90241, SandboxFate.NOT_DELIVERED, PHONES[1])
    sandbox.move(90241, SandboxFate.CLICKED, PHONES[2])
    sandbox.block(*PHONES, description="asked to stop")
    page = await opened("/#messages/90241")
    seen = []
    for part in ("messages/90241", "requests", "blacklist", "faults"):
        await page.evaluate("hash => { location.hash = hash }", part)
        await expect(page.locator("nav [aria-current]")).to_have_attribute("href", f"#{part.partition('/')[0]}")
        for scheme in ("dark", "light"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            seen += await page.evaluate(CONTRAST)

    assert [each for each in seen if each[0] < READABLE] == []
    assert len(seen) > 200


async def test_it_goes_on_where_the_sandbox_does(opened, client, sandbox):
    """A sandbox that went away is said to be away, and is shown anew when it is back."""
    await create(client, message="before")
    page = await opened()
    port = httpx.URL(sandbox.url).port
    await sandbox.aclose()
    await expect(page.locator("#live")).to_have_text("Not connected")
    async with Sandbox(port=port) as other, on_socket(other) as again:
        await create(again, message="after")
        await expect(page.locator(".text")).to_have_text("after")
        await expect(page.locator("#live")).to_have_text("Live")

        assert await page.locator("#campaigns a").count() == 1


async def test_a_token_that_is_none_is_said_to_be_none(window):
    """Before the form, which takes another one; nothing is said to whoever comes for the first time."""
    its_own = {"credentials": ("id", "a-secret-of-its-own"), "api_key": "a-key-of-its-own"}
    async with Sandbox(token="a-token-that-nobody-guesses", **its_own) as sandbox:
        await window.goto(sandbox.url)
        wrong = window.get_by_role("alert")
        await expect(window.get_by_label("Token")).to_be_focused()
        before = await wrong.count()
        await window.get_by_label("Token").fill("another-token-of-somebody")
        await window.keyboard.press("Enter")
        await expect(wrong).to_have_text("That is not its token.")
        poor = [each for each in await window.evaluate(CONTRAST) if each[0] < READABLE]
        await window.get_by_label("Token").fill("a-token-that-nobody-guesses")
        await window.keyboard.press("Enter")
        await expect(window.locator("#how-to")).to_contain_text("# its credentials: as you gave them, or as printed")
        await window.context.clear_cookies()

        assert (before, poor) == (0, [])
