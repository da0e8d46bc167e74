"""The report of a campaign as a web page: it stands for itself, and believes nobody."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from viber_async import Campaign, CampaignStatistics, CampaignStatus, Recipient, RecipientStatus
from viber_async.cli._campaign_jobs import Seen
from viber_async.cli._page import page_of

MADE = datetime(2026, 11, 24, 9, 5, 7, tzinfo=UTC)
EVIL = '</title></style><script>alert(1)</script><img src=x onerror=\'alert(2)\'>" onload="alert(3)" {{ 7 * 7 }} &amp;'


class Reader(HTMLParser):
    """Collects what a browser would see of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


def campaign(**fields) -> Campaign:
    usual = {"sender_id": 1, "message_live_time": 60, "name": "spring"}
    return Campaign(7, **{**usual, **fields})


def seen_of(*rows: Recipient) -> Seen:
    seen = Seen()
    for row in rows:
        seen.take(row)
    return seen


def row(status: str | None, price: str | None = "0.5", currency: str | None = "RUR") -> Recipient:
    return Recipient(
        "380931111111",
        status=None if status is None else RecipientStatus(status),
        price=None if price is None else Decimal(price),
        currency=currency,
    )


FULL = campaign(
    name=EVIL,
    message=EVIL,
    button_text=EVIL,
    button_link="javascript:alert(4)",
    image_link='https://example.com/"onmouseover="alert(5)',
    sender_name=EVIL,
    status=CampaignStatus(EVIL),
    send_date=datetime.fromisoformat("2026-11-24T09:00:00"),
    created=datetime.fromisoformat("2026-11-24T08:00:00"),
    stretch_time=2,
    resend_sms=True,
    statistics=CampaignStatistics(8, delivered=6, read=4, redirected=1, undelivered=2, errors=2),
)
SEEN = seen_of(*map(row, ("clicked", "read", "read", EVIL, "not delivered")), row(None, None), row("read", "1", EVIL))


def test_nothing_that_somebody_else_wrote_is_more_than_text():
    """Neither a tag, nor an attribute, nor a link that runs something."""
    page = page_of(FULL, SEEN, made=MADE)
    reader = Reader(page)

    assert reader.open == []
    assert {tag for tag, _ in reader.tags} & {"script", "img", "iframe", "object", "link", "form"} == set()
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    assert reader.all("href") == ['https://example.com/"onmouseover="alert(5)']
    assert "javascript:alert(4)" in reader.text
    assert reader.text.count(EVIL) >= 5
    assert "49" not in reader.text.replace("{{ 7 * 7 }}", "")


def test_the_page_loads_nothing_and_says_so_to_the_browser():
    """A policy that allows its own style and nothing else."""
    page = page_of(FULL, SEEN, made=MADE)
    reader = Reader(page)

    assert reader.all("src") == []
    assert not re.search(r"url\(|@import|@font-face", page)
    assert reader.all("content")[0].startswith("default-src 'none'; style-src 'unsafe-inline';")


def test_the_page_holds_no_phone():
    """It may be sent around."""

    assert "380931111111" not in page_of(FULL, SEEN, made=MADE)


def test_the_funnel_and_the_states_are_drawn_to_scale():
    """The widest is all messages; each state takes its part of the whole."""
    page = page_of(FULL, SEEN, made=MADE)

    assert re.findall(r'style="width: ([\d.]+)%"', page) == ["80.00", "60.00", "40.00", "10.00", "20.00", "20.00"]
    assert re.findall(r"polygon\(0 0, ([\d.]+)% 0, ([\d.]+)% 100%", page) == [
        ("80.00", "60.00"),
        ("60.00", "40.00"),
        ("40.00", "10.00"),
    ]
    assert re.findall(r'<i class="c-(\w+)" style="flex: (\d+)', page) == [
        ("clicked", "1"),
        ("read", "3"),
        ("late", "1"),
        ("other", "1"),
        ("other", "1"),
    ]


def test_the_page_can_be_read_without_seeing_it():
    """A language, a title, headings in order, a table with heads; what is only drawn is hidden from readers."""
    reader = Reader(page_of(FULL, SEEN, made=MADE))
    headings = [tag for tag, _ in reader.tags if re.fullmatch(r"h\d", tag)]

    assert dict(reader.tags)["html"] == {"lang": "en"}
    assert headings == ["h1", *["h2"] * 4]
    assert {attrs.get("scope") for tag, attrs in reader.tags if tag == "th"} == {"col", "row"}
    assert all(attrs.get("aria-hidden") for tag, attrs in reader.tags if tag == "span" and attrs.get("class") == "bar")
    assert set(reader.all("aria-labelledby")) == {"funnel", "states", "message", "cost"} <= set(reader.all("id"))
    for said in (
        "75.0% of sent",
        "66.7% of delivered",
        "25.0% of read",
        "3",
        "42.9%",
        "2026-11-24 at 09:05:07 UTC",
    ):
        assert said in reader.text


def test_light_and_dark_are_both_there():
    """Whatever the reader's system asks for."""
    page = page_of(FULL, SEEN, made=MADE)
    light, dark = (
        re.findall(r"--[\w-]+(?=:)", part) for part in page.split("@media (prefers-color-scheme: dark)", 2)[:2]
    )
    used = set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--colour"}

    assert set(dark) >= set(light) >= used
    assert 'name="color-scheme" content="light dark"' in page


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_and_bars_stand_out_from_what_is_behind_them(scheme):
    """By the figures of WCAG 2.2: 4.5 for text, 3 for what is drawn."""
    part = page_of(FULL, SEEN, made=MADE).split("@media (prefers-color-scheme: dark)", 2)[scheme]
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6}|#fff)\b", part))
    colours = {name: "#ffffff" if value == "#fff" else value for name, value in colours.items()}
    on_violet = "#ffffff" if scheme == 0 else "#14121b"
    text = [
        contrast(colours[name], colours[behind]) for name in ("--ink", "--soft") for behind in ("--card", "--paper")
    ]
    text += [contrast(colours[name], colours["--bubble"]) for name in ("--ink", "--soft", "--link")]
    text += [contrast(colours["--link"], colours["--card"]), contrast(on_violet, colours["--violet"])]
    drawn = [contrast(value, colours["--card"]) for name, value in colours.items() if name.startswith("--c-")]

    assert min(text) >= 4.5
    assert len(drawn) == 7
    assert min(drawn) >= 3


def test_the_marker_of_a_key_is_small_and_behind_the_name():
    """The title does without it; a name without one has none."""
    page = page_of(campaign(name="abcdefgh23456722 | spring <b>"), Seen(), made=MADE)
    plain = page_of(campaign(name="spring"), Seen(), made=MADE)

    assert "<title>spring &lt;b&gt; · Viber campaign 7</title>" in page
    assert '<h1 dir="auto">spring &lt;b&gt; <small title="' in page
    assert ">abcdefgh23456722</small></h1>" in page
    assert page.count("abcdefgh23456722") == 1
    assert '<h1 dir="auto">spring</h1>' in plain


def test_a_campaign_of_which_nothing_is_known_has_a_page_too():
    """It says what is missing."""
    text = Reader(page_of(campaign(name=""), Seen(), made=MADE)).text

    for said in ("Campaign 7", "no status yet", "from sender 1", "gives no figures", "lists no recipients", "No price"):
        assert said in text


def test_what_has_no_price_yet_is_counted():
    """So that a sum is not taken for the whole."""
    text = Reader(page_of(FULL, SEEN, made=MADE)).text

    assert "1 of 7 messages have no price yet." in text
    assert "2.5 RUR" in text


def test_figures_that_contradict_each_other_leave_the_page_in_shape():
    """No bar is longer than all, and none of nothing is a part of nothing."""
    odd = CampaignStatistics(1, delivered=5, read=0, redirected=0, undelivered=0, errors=0)
    page = page_of(campaign(statistics=odd), Seen(), made=MADE)

    assert "500.0% of sent" in page
    assert max(float(width) for width in re.findall(r"width: ([\d.]+)%\"", page)) <= 100
    assert "none" in Reader(page).text
