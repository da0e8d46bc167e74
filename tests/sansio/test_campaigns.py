# ruff: noqa: DTZ001 - the provider's times have no zone
import copy
import itertools
import json
import pickle
import time
import traceback
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naming import spelled
from viber_async._sansio.call import SMALL_BYTES, Kind, Unreadable
from viber_async._sansio.campaigns import (
    Button,
    Campaign,
    CampaignDraft,
    CampaignRecipients,
    CampaignStatistics,
    CampaignStatus,
    CampaignSummary,
    CreatedCampaign,
    Image,
    MessageType,
    Recipient,
    RecipientStatus,
    ResendSms,
    create_campaign,
    echo_mismatch,
    get_campaign,
    get_recipients,
    list_campaigns,
)
from viber_async._sansio.converter import make_converter, to_dict
from viber_async._sansio.wire_json import loads
from viber_async.errors import ValidationError

SAMPLES = Path(__file__).parents[1] / "samples"
KYIV = ZoneInfo("Europe/Kyiv")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

PHONE = 380931111111
BUTTON = Button("Buy all cosmetics", "https://sendpulse.com/")
IMAGE = Image("https://sendpulse.com/images/image.png")
SMS = ResendSms("Text of the sms message", "sendpulse")


def sample(name):
    return loads((SAMPLES / name).read_bytes())


def plain(name):
    return json.loads((SAMPLES / name).read_text())


def draft(**changes):
    return CampaignDraft(
        **{"sender_id": 1, "message_live_time": 1000, "message": "Hi", "recipients": [PHONE], **changes}
    )


def refusal(**changes):
    with pytest.raises(ValidationError) as caught:
        draft(**changes)
    return caught.value


def created(**data):
    answer = {"result": True, "data": {"task_id": 90241, **data}}
    return create_campaign(draft(), now=NOW, time_zone=None).read(make_converter(None), answer)


def body(made, *, now=NOW, time_zone=None):
    return json.loads(create_campaign(made, now=now, time_zone=time_zone).body)


# The draft: what it takes


def test_a_draft_keeps_what_it_was_given_in_one_form():
    """Phones as digits, a duration as seconds, the rest as the provider's defaults."""
    made = draft(recipients=["+380 93 111 11 11"], message_live_time=timedelta(minutes=5))

    assert (made.recipients, made.message_live_time) == (("380931111111",), 300)
    assert (made.task_name, made.message_type, made.send_date) == (None, MessageType.PROMO, "now")
    assert (made.address_book, made.stretch_time) == (None, None)
    assert (made.button, made.image, made.resend_sms) == (None, None, None)


INTS = [
    ("sender_id", (1, 2**63 - 1), (0, -1, 2**63, True, "1", 1.0, None)),
    ("message_live_time", (60, 86_400), (59, 86_401, True, "60", 60.0, Decimal(60), None, -60)),
    ("stretch_time", (0, 5, None), (-1, 6, True, "1", 1.0)),
    ("message_type", (2, 3, MessageType.SYSTEM), (0, 1, 4, True, "2", 2.0, None, MessageType(4))),
]


@pytest.mark.fault("I12", "I13")
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, good, _ in INTS for value in good])
def test_a_number_may_stand_at_either_end_of_its_range(name, value):
    """Rows I12 and I13: bounds are inclusive."""
    assert getattr(draft(**{name: value}), name) == value


@pytest.mark.fault("I12", "I13")
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, _, bad in INTS for value in bad])
def test_a_number_beyond_its_range_or_of_another_type_is_refused(name, value):
    """A bool is no number, a text neither, and nothing is rounded."""
    assert refusal(**{name: value}).field == name


@pytest.mark.parametrize(
    ("value", "seconds"), [(timedelta(seconds=60), 60), (timedelta(days=1), 86_400), (timedelta(minutes=1.5), 90)]
)
def test_a_life_time_may_be_a_duration(value, seconds):
    """Of whole seconds; it is stored as an int."""
    found = draft(message_live_time=value).message_live_time

    assert (found, type(found)) == (seconds, int)


@pytest.mark.parametrize("value", [timedelta(seconds=59), timedelta(days=1, seconds=1), timedelta(seconds=60.5)])
def test_a_duration_that_is_too_short_too_long_or_broken_is_refused(value):
    """Half a second is not dropped."""
    assert refusal(message_live_time=value).field == "message_live_time"


@pytest.mark.fault("I08")
@pytest.mark.parametrize("value", [1, 2**63 - 1])
def test_a_mailing_list_is_named_by_its_id(value):
    """Instead of recipients."""
    made = draft(recipients=None, address_book=value)

    assert (made.address_book, made.recipients, made.duplicates) == (value, None, 0)


@pytest.mark.fault("I08")
@pytest.mark.parametrize("value", [0, -1, True, "5", 5.0, 2**63])
def test_any_other_mailing_list_is_refused(value):
    """Row I08."""
    assert refusal(recipients=None, address_book=value).field == "address_book"


@pytest.mark.fault("I08")
@pytest.mark.parametrize("changes", [{"recipients": None}, {"address_book": 5}, {"recipients": [], "address_book": 5}])
def test_exactly_one_audience_is_given(changes):
    """Row I08: neither and both are refused."""
    error = refusal(**changes)

    assert error.field == "recipients"
    assert "exactly one of recipients and address_book" in str(error)


def many(count):
    return range(PHONE, PHONE + count)


@pytest.mark.fault("I06", "I05")
@pytest.mark.parametrize(("values", "count"), [(many(1), 1), (many(1000), 1000), ([*many(1000), str(PHONE)], 1000)])
def test_there_are_one_to_a_thousand_different_recipients(values, count):
    """Row I06. 1001 of which one repeats another are 1000."""
    made = draft(recipients=values)

    assert (len(made.recipients), made.duplicates) == (count, len(values) - count)


@pytest.mark.fault("I06")
@pytest.mark.parametrize("values", [[], (), iter(()), many(1001), itertools.count(PHONE)])
def test_no_recipient_or_a_thousand_and_one_are_refused(values):
    """Row I06: never cut, never split into two campaigns."""
    assert refusal(recipients=values).field == "recipients"


@pytest.mark.fault("I07")
@pytest.mark.parametrize("values", ["380931111111", b"380931111111", {"380931111111": 1}, 380931111111])
def test_recipients_that_are_no_collection_are_refused(values):
    """Row I07."""
    assert refusal(recipients=values).field == "recipients"


def test_a_bad_recipient_is_named_by_its_index():
    """And its phone is not shown whole."""
    error = refusal(recipients=[*many(17), "380931111111.0"])

    assert error.field == "recipients[17]"
    assert "380931111111" not in str(error)


@pytest.mark.fault("I07", "I20")
def test_a_generator_is_consumed_once_and_a_list_is_copied():
    """Row I20: what the caller changes afterwards does not reach the wire."""
    numbers = [PHONE]
    made = draft(recipients=numbers)
    numbers.append(PHONE + 1)

    assert made.recipients == draft(recipients=(number for number in [PHONE])).recipients == (str(PHONE),)


# The draft: its texts

FAMILY = "👨‍👩‍👧‍👦"

MESSAGES = ["x" * 1000, "🙂" * 1000, FAMILY * 142 + "x" * 6, "e\u0301" * 500, "a\r\nb\n", " x ", "\u202ejkl", "\ttab"]


@pytest.mark.fault("I09", "I10")
@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_up_to_a_thousand_characters_is_kept_as_it_is(message):
    """Rows I09 and I10: a family of seven code points counts as seven; line ends are not touched."""
    made = draft(message=message)

    assert made.message == body(made)["message"] == message


@pytest.mark.fault("I09")
@pytest.mark.parametrize("message", ["x" * 1001, "🙂" * 1001, FAMILY * 143, "e\u0301" * 500 + "e"])
def test_a_message_of_a_thousand_and_one_characters_is_refused(message):
    """It is not cut, and the error says how long it is."""
    error = refusal(message=message)

    assert error.field == "message"
    assert f"this has {len(message)}" in str(error)
    assert len(str(error)) < 300


@pytest.mark.fault("I10")
@pytest.mark.parametrize("message", ["", " ", "\n\t", "\u00a0", "a\ud800", "a\x00", 5, b"text", ["a"]])
def test_a_message_that_says_nothing_or_cannot_be_sent_is_refused(message):
    """Row I10."""
    assert refusal(message=message).field == "message"


@pytest.mark.fault("I10")
@pytest.mark.parametrize("message", ["", "  "])
def test_a_blank_message_beside_an_image_is_refused_too(message):
    """None says that there is none; a blank one is a mistake."""
    assert refusal(message=message, image=IMAGE).field == "message"


@pytest.mark.fault("I16")
@pytest.mark.parametrize("name", ["x", "x" * 255, "🙂" * 255, "Привіт", FAMILY, "k7ab2c9d4e5f6 marker-like"])
def test_a_task_name_is_one_line_of_up_to_255_characters(name):
    """Row I16; the page calls it required, its examples leave it out."""
    made = draft(task_name=name)

    assert made.task_name == body(made)["task_name"] == name


@pytest.mark.fault("I16")
@pytest.mark.parametrize("name", ["", " ", "x" * 256, "x" * 10_000, "a\r\nb", "a\n", "a\x1b", "a\u2028b", "\ud800", 5])
def test_any_other_task_name_is_refused(name):
    """A name that the provider changed could not be found again."""
    assert refusal(task_name=name).field == "task_name"


class Text(str):
    __slots__ = ()


def test_a_subclass_of_str_becomes_plain_text():
    """So that it pickles and compares as what it says."""
    made = draft(message=Text("Hi"), task_name=Text("x"))

    assert (type(made.message), type(made.task_name)) == (str, str)


LINKS = [
    "https://sendpulse.com",
    "HTTPS://sendpulse.com/a?b=c&d=%20#e",
    "https://sendpulse.com:8443/",
    "https://приклад.укр/шлях",
    "https://192.0.2.1/",
    "https://[2001:db8::1]/",
    "https://sendpulse.com/@name",
]
NO_LINKS = [
    "",
    " ",
    "sendpulse.com",
    "http://sendpulse.com/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "ftp://sendpulse.com/",
    "//sendpulse.com/",
    "https:",
    "https://",
    "https:///path",
    "https://:443/",
    "https://user:secret@sendpulse.com/",
    "https://user@sendpulse.com/",
    "https://@sendpulse.com/",
    "https://sendpulse.com/a b",
    " https://sendpulse.com/",
    "https://sendpulse.com/\n",
    "https://send\tpulse.com/",
    "https://sendpulse.com\\@evil.example/",
    "https://sendpulse.com/\u200b",
    "https://sendpulse.com/\u00a0",
    "https://sendpulse.com:port/",
    "https://sendpulse.com:65536/",
    "https://[sendpulse.com/",
    "https://sendpulse.com/\ud800",
    None,
    5,
    b"https://sendpulse.com/",
]


@pytest.mark.fault("I11", "S11")
@pytest.mark.parametrize("link", LINKS)
def test_a_link_is_https_with_a_host(link):
    """Kept as it was written."""
    assert Button("Buy", link).link == Image(link).link == link


@pytest.mark.fault("I11", "S11")
@pytest.mark.parametrize("link", NO_LINKS)
def test_any_other_link_is_refused(link):
    """Rows I11 and S11; a password in it is not shown."""
    with pytest.raises(ValidationError) as button:
        Button("Buy", link)
    with pytest.raises(ValidationError) as image:
        Image(link)

    assert (button.value.field, image.value.field) == ("button.link", "image.link")
    assert "secret" not in str(button.value)


@pytest.mark.fault("I11")
@pytest.mark.parametrize("text", ["", " ", "a\nb", "\x00", "\ud800", None, 5])
def test_a_button_says_something_in_one_line(text):
    """Row I11: a button without text is refused."""
    with pytest.raises(ValidationError) as caught:
        Button(text, "https://sendpulse.com")

    assert caught.value.field == "button.text"


@pytest.mark.fault("I17")
@pytest.mark.parametrize(
    ("text", "name", "field"),
    [
        ("", "sendpulse", "resend_sms.sms_text"),
        (None, "sendpulse", "resend_sms.sms_text"),
        ("Hi", " ", "resend_sms.sms_sender_name"),
        ("Hi", None, "resend_sms.sms_sender_name"),
        ("Hi", "a\nb", "resend_sms.sms_sender_name"),
    ],
)
def test_an_sms_has_a_text_and_a_sender(text, name, field):
    """Row I17."""
    with pytest.raises(ValidationError) as caught:
        ResendSms(text, name)

    assert caught.value.field == field


def test_an_sms_may_have_several_lines():
    """As a message may."""
    assert ResendSms("a\r\nb", "x").sms_text == "a\r\nb"


# The draft: its contents

PROMO, SYSTEM = MessageType.PROMO, MessageType.SYSTEM
CONTENTS = [
    (PROMO, {"message": "Hi"}),
    (SYSTEM, {"message": "Hi"}),
    (PROMO, {"message": "Hi", "button": BUTTON}),
    (PROMO, {"message": "Hi", "button": BUTTON, "image": IMAGE}),
    (PROMO, {"message": None, "image": IMAGE}),
]
NO_CONTENTS = [
    (PROMO, {"message": None}, "message"),
    (SYSTEM, {"message": None}, "message"),
    (PROMO, {"message": None, "button": BUTTON}, "message"),
    (PROMO, {"message": None, "button": BUTTON, "image": IMAGE}, "message"),
    (PROMO, {"message": "Hi", "image": IMAGE}, "image"),
    (SYSTEM, {"message": "Hi", "image": IMAGE}, "image"),
    (SYSTEM, {"message": "Hi", "button": BUTTON}, "message_type"),
    (SYSTEM, {"message": "Hi", "button": BUTTON, "image": IMAGE}, "message_type"),
    (SYSTEM, {"message": None, "image": IMAGE}, "message_type"),
    (PROMO, {"message": None, "resend_sms": SMS}, "message"),
]


@pytest.mark.fault("I11")
@pytest.mark.parametrize("sms", [None, SMS])
@pytest.mark.parametrize(("kind", "contents"), CONTENTS)
def test_the_contents_of_the_page_are_allowed(kind, contents, sms):
    """With an SMS for the rest, or without."""
    made = draft(message_type=kind, resend_sms=sms, **contents)

    assert (made.message_type, made.message, made.resend_sms) == (kind, contents["message"], sms)


@pytest.mark.fault("I11")
@pytest.mark.parametrize(("kind", "contents", "field"), NO_CONTENTS)
def test_any_other_contents_are_refused(kind, contents, field):
    """Row I11: a system message is text only, an image stands alone or with text and button."""
    assert refusal(message_type=kind, **contents).field == field


@pytest.mark.parametrize(
    ("name", "value"),
    [("button", IMAGE), ("image", "https://sendpulse.com"), ("resend_sms", {}), ("resend_sms", True), ("button", 0)],
)
def test_a_part_is_an_object_of_its_class(name, value):
    """A dict of the provider's goes through from_dict."""
    error = refusal(**{name: value})

    assert (error.field, "give a" in str(error)) == (name, True)


# The draft: when it is sent


class Moment(datetime):
    """What freezegun and pandas make of a datetime."""


class Nanoseconds(datetime):
    """What loses something when it becomes a datetime."""

    def __eq__(self, other):
        return False

    __hash__ = datetime.__hash__


class NotATime(datetime):
    """pandas.NaT is a datetime to isinstance()."""

    def date(self):
        raise ValueError


class Offsetless(tzinfo):
    def utcoffset(self, moment):
        return None


SCHEDULED = [
    datetime(2026, 3, 2, 10),
    datetime(2026, 3, 2, 10, tzinfo=KYIV),
    datetime(9999, 12, 31, 23, 59, 59),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]
NEVER = [
    *["NOW", "Now", " now", "", "2026-03-02 10:00:00", None, 0, False, date(2026, 3, 2), timedelta(1), b"now"],
    datetime(2026, 3, 2, 10, 0, 0, 1),
    Nanoseconds(2026, 3, 2),
    NotATime(2026, 3, 2),
    datetime(2026, 3, 2, tzinfo=Offsetless()),
    datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12))),
]


@pytest.mark.fault("I14", "I15")
@pytest.mark.parametrize("value", ["now", Text("now"), *SCHEDULED])
def test_a_campaign_is_sent_now_or_at_a_moment(value):
    """Nothing else is either."""
    assert draft(send_date=value).send_date == value


@pytest.mark.fault("I14", "I15")
@pytest.mark.parametrize("value", NEVER, ids=spelled)
def test_any_other_time_is_refused(value):
    """Rows I14 and I15: a typo must not send at once."""
    assert refusal(send_date=value).field == "send_date"


def test_microseconds_are_refused_with_the_way_out():
    """Nothing is rounded silently."""
    assert ".replace(microsecond=0)" in str(refusal(send_date=datetime(2026, 3, 2, 10, 0, 0, 500_000)))


@pytest.mark.fault("I14")
def test_a_subclass_of_datetime_becomes_a_plain_one():
    """With its fold."""
    found = draft(send_date=Moment(2026, 10, 25, 3, 30, tzinfo=KYIV, fold=1)).send_date

    assert (type(found), found.fold) == (datetime, 1)


def sent_at(moment, *, now=NOW, time_zone=None):
    return body(draft(send_date=moment), now=now, time_zone=time_zone)["send_date"]


LINE = timezone(timedelta(hours=2), "LMT")
GOOD_TIMES = [
    ("now", None, "now"),
    ("now", KYIV, "now"),
    (datetime(2026, 3, 2, 10), None, "2026-03-02 10:00:00"),
    (datetime(2026, 3, 1), None, "2026-03-01 00:00:00"),
    (datetime(2026, 3, 2, 10, tzinfo=KYIV), KYIV, "2026-03-02 10:00:00"),
    (datetime(2026, 3, 2, 10, tzinfo=UTC), KYIV, "2026-03-02 12:00:00"),
    (datetime(2026, 7, 2, 10, tzinfo=UTC), KYIV, "2026-07-02 13:00:00"),
    (NOW, UTC, "2026-03-01 12:00:00"),
    (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), KYIV, "2026-03-29 02:59:59"),
    (datetime(2026, 3, 29, 1, tzinfo=UTC), KYIV, "2026-03-29 04:00:00"),
    (datetime(2026, 10, 25, 2, 59, 59, tzinfo=KYIV), KYIV, "2026-10-25 02:59:59"),
    (datetime(2026, 10, 25, 4, tzinfo=KYIV), KYIV, "2026-10-25 04:00:00"),
    (datetime(2026, 10, 25, 3, 30, tzinfo=KYIV, fold=1), UTC, "2026-10-25 01:30:00"),
    (datetime(2026, 10, 25, 3, 30, tzinfo=KYIV, fold=0), LINE, "2026-10-25 02:30:00"),
]
BAD_TIMES = [
    (datetime(2026, 3, 2, tzinfo=UTC), None, "give the session the account's time_zone"),
    (datetime(2026, 3, 2), KYIV, "the session has a time_zone"),
    (NOW - timedelta(seconds=1), UTC, "is past"),
    (datetime(2026, 3, 1, 13, 59, 59, tzinfo=KYIV), KYIV, "is past"),
    (datetime(2026, 2, 28, 23, 59, 59), None, "is past in every time zone"),
    (datetime(2026, 3, 29, 3, tzinfo=KYIV), KYIV, "does not exist"),
    (datetime(2026, 3, 29, 3, 59, 59, tzinfo=KYIV), KYIV, "does not exist"),
    (datetime(2026, 3, 29, 3, 30, tzinfo=KYIV), UTC, "does not exist"),
    (datetime(2026, 3, 29, 3, 30, tzinfo=KYIV, fold=1), KYIV, "does not exist"),
    (datetime(2026, 10, 25, 3, tzinfo=KYIV), KYIV, "twice"),
    (datetime(2026, 10, 25, 3, 59, 59, tzinfo=KYIV, fold=1), KYIV, "twice"),
    (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), KYIV, "twice"),
    (datetime(9999, 12, 31, 23, tzinfo=UTC), KYIV, "beyond the calendar"),
]


@pytest.mark.fault("I14")
@pytest.mark.parametrize(("moment", "zone", "text"), GOOD_TIMES)
def test_a_sending_time_goes_out_in_the_accounts_zone(moment, zone, text):
    """Row I14. Without a zone the provider's clock is ours."""
    assert sent_at(moment, time_zone=zone) == text


@pytest.mark.fault("I14")
@pytest.mark.parametrize(("moment", "zone", "why"), BAD_TIMES)
def test_a_sending_time_that_is_past_or_not_one_moment_there_is_refused(moment, zone, why):
    """Before any I/O, with the way out."""
    made = draft(send_date=moment)
    with pytest.raises(ValidationError, match=why) as caught:
        create_campaign(made, now=NOW, time_zone=zone)

    assert caught.value.field == "send_date"


def test_the_present_may_be_said_in_any_zone():
    """What counts is the moment."""
    assert sent_at(datetime(2026, 3, 1), now=NOW.astimezone(KYIV)) == "2026-03-01 00:00:00"


# The draft as a value


def full(**changes):
    return draft(
        **{
            "task_name": "x",
            "button": BUTTON,
            "image": IMAGE,
            "resend_sms": SMS,
            "stretch_time": 0,
            "send_date": datetime(2026, 3, 2, 10),
            **changes,
        }
    )


@pytest.mark.parametrize("made", [draft(), full(), full(send_date=datetime(2026, 10, 25, 3, 30, tzinfo=KYIV))])
def test_a_draft_is_a_value(made):
    """Comparable, hashable, picklable, copyable, frozen."""
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == copy.copy(made) == made
    assert {made: 1}[copy.deepcopy(made)] == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.message = "x"


def test_a_changed_draft_is_checked_again():
    """attrs.evolve makes a new one."""
    assert attrs.evolve(draft(), message="Bye").message == "Bye"
    with pytest.raises(ValidationError):
        attrs.evolve(draft(), message=None)


def test_a_draft_is_shown_without_phones_and_without_its_message_at_length():
    """Promise 10."""
    made = full(message="Call +380931111111 " + "x" * 500, recipients=many(2))

    assert "recipients=<2 phones>" in repr(made)
    assert "380931111111" not in repr(made)
    assert "x" * 100 not in repr(made)
    assert "recipients=None" in repr(draft(recipients=None, address_book=1))


def test_how_many_recipients_were_left_out_does_not_make_another_draft():
    """Two drafts are equal when they send the same."""
    assert draft(recipients=[PHONE, PHONE]) == draft()


REQUESTS = sorted(path.name for path in SAMPLES.glob("create_request__*.json"))


@pytest.mark.parametrize("name", REQUESTS)
def test_the_requests_of_the_page_become_drafts_and_go_out_again(name):
    """Without the null keys, which break the provider's own schema."""
    page = plain(name)

    found = body(CampaignDraft.from_dict(page))

    assert found == {key: value for key, value in page.items() if value is not None}


def test_the_body_is_the_providers_json_in_a_fixed_order():
    """The same draft gives the same bytes: ints for phones, unused keys left out."""
    call = create_campaign(full(recipients=["+380931111111"]), now=NOW, time_zone=None)

    assert (call.kind, call.method, call.path, call.max_bytes) == (Kind.CREATE, "POST", "/viber", SMALL_BYTES)
    assert call.body == (
        b'{"task_name":"x","message_type":2,"sender_id":1,"message_live_time":1000,'
        b'"send_date":"2026-03-02 10:00:00","recipients":[380931111111],"message":"Hi","stretch_time":0,'
        b'"additional":{"button":{"text":"Buy all cosmetics","link":"https://sendpulse.com/"},'
        b'"image":{"link":"https://sendpulse.com/images/image.png"},'
        b'"resend_sms":{"status":true,"sms_text":"Text of the sms message","sms_sender_name":"sendpulse"}}}'
    )


def test_what_is_not_given_is_not_sent():
    """No null anywhere, no empty object."""
    assert body(draft(recipients=None, address_book=7)) == {
        "message_type": 2,
        "sender_id": 1,
        "message_live_time": 1000,
        "send_date": "now",
        "address_book": 7,
        "message": "Hi",
    }


@pytest.mark.parametrize("value", [None, {}, "draft", CampaignDraft])
def test_only_a_draft_can_be_created(value):
    """A dict of the provider's goes through from_dict."""
    with pytest.raises(ValidationError) as caught:
        create_campaign(value, now=NOW, time_zone=None)

    assert caught.value.field == "draft"


ZONES = st.sampled_from([None, UTC, KYIV, ZoneInfo("America/New_York"), timezone(timedelta(hours=5, seconds=17))])
TIMES = st.one_of(
    st.just("now"),
    st.builds(
        lambda moment, zone, fold: moment.replace(tzinfo=zone, microsecond=0, fold=fold),
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
        ZONES,
        st.sampled_from([0, 1]),
    ),
)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=50).filter(str.strip)


@settings(derandomize=True)
@given(TIMES, WORDS, st.sets(st.integers(10**7, 10**15 - 1), min_size=1, max_size=5), st.booleans())
def test_a_draft_survives_the_way_through_the_providers_json(when, message, recipients, everything):
    """from_dict reads what to_dict writes, whatever the draft."""
    more = (
        {"button": BUTTON, "image": IMAGE, "resend_sms": SMS, "stretch_time": 3, "task_name": "x"} if everything else {}
    )
    made = draft(send_date=when, message=message, recipients=recipients, **more)

    again = CampaignDraft.from_dict(json.loads(json.dumps(to_dict(made))))

    assert again == made
    assert hash(again) == hash(made)


@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_a_zone_shows_twice_survives_it_too(fold):
    """Python calls such a time unequal to the same moment in any other zone; a draft is compared by the moment."""
    made = draft(send_date=datetime(2026, 10, 25, 3, 30, tzinfo=KYIV, fold=fold))
    other = draft(send_date=datetime(2026, 10, 25, 3, 30, tzinfo=KYIV, fold=1 - fold))

    assert CampaignDraft.from_dict(to_dict(made)) == made != other
    assert hash(CampaignDraft.from_dict(to_dict(made))) == hash(made)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "now"),
        ("2026-03-02 10:00:00", datetime(2026, 3, 2, 10)),
        ("2026-03-02T10:00:00", datetime(2026, 3, 2, 10)),
        ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02 10:00:00+02:00", datetime(2026, 3, 2, 8, tzinfo=UTC)),
    ],
)
def test_a_sending_time_as_text_is_read_from_the_providers_json(text, moment):
    """The provider's form, or ISO with an offset; naive stays naive."""
    found = CampaignDraft.from_dict({**plain("create_request__text.json"), "send_date": text}).send_date

    assert found == moment


def changed(*path, to):
    data = plain("create_request__text_button_image.json")
    *way, last = path
    place = data
    for key in way:
        place = place[key]
    place[last] = to
    return data


BROKEN = [
    ([], "data"),
    (None, "data"),
    (changed("sent_date", to="2030-01-01 00:00:00"), "sent_date"),
    (changed("additional", "buton", to={}), "additional.buton"),
    (changed("additional", "button", "url", to="x"), "button.url"),
    (changed("additional", "image", "text", to="x"), "image.text"),
    (changed("additional", "resend_sms", "sms", to="x"), "resend_sms.sms"),
    (changed("additional", to=[]), "additional"),
    (changed("additional", "button", to=[]), "button"),
    (changed("additional", "button", to={"text": "x"}), "button.link"),
    (changed("additional", "button", to={"link": "https://x.y"}), "button.text"),
    (changed("additional", "image", to={}), "image.link"),
    (changed("additional", "resend_sms", to={"status": True}), "resend_sms.sms_text"),
    (changed("additional", "resend_sms", "status", to="true"), "resend_sms.status"),
    (changed("additional", "resend_sms", "status", to=1), "resend_sms.status"),
    (changed("additional", "resend_sms", to={"sms_text": "x", "sms_sender_name": "y"}), "resend_sms.status"),
    (changed("additional", "resend_sms", to=True), "resend_sms"),
    ({"message_live_time": 60, "message": "x", "recipients": [PHONE]}, "sender_id"),
    ({"sender_id": 1, "message": "x", "recipients": [PHONE]}, "message_live_time"),
    (changed("message_live_time", to="1000"), "message_live_time"),
    (changed("message_type", to=None), "message_type"),
    (changed("address_book", to=5), "recipients"),
    (changed("recipients", to=None), "recipients"),
    (changed("recipients", to=[PHONE, 1.5]), "recipients[1]"),
    *[
        (changed("send_date", to=value), "send_date")
        for value in ("NOW", "", None, "2026-03-02", "2026-02-30 10:00:00")
    ],
    *[(changed("send_date", to=value), "send_date") for value in ("2026-03-02 10:00", "in 5 minutes", 5, True)],
    ({**plain("create_request__text.json"), 5: 1}, "5"),
]


@pytest.mark.parametrize(("data", "field"), BROKEN)
def test_json_that_is_not_the_providers_is_refused_by_the_name_of_the_key(data, field):
    """A misspelt send_date must not send at once."""
    with pytest.raises(ValidationError) as caught:
        CampaignDraft.from_dict(data)

    assert caught.value.field == field


@pytest.mark.parametrize(
    "additional",
    [None, {}, {"button": None}, {"resend_sms": {"status": False}}, {"resend_sms": {"status": False, "sms_text": ""}}],
)
def test_additional_parts_may_be_empty_or_switched_off(additional):
    """`status: false` is no SMS, whatever stands beside it."""
    found = CampaignDraft.from_dict({**plain("create_request__text.json"), "additional": additional})

    assert (found.button, found.image, found.resend_sms) == (None, None, None)


def test_recipients_may_be_strings_in_json_too():
    """Ints in the page, strings in files that people keep."""
    found = CampaignDraft.from_dict(changed("recipients", to=["+380931111111", 380931111111]))

    assert (found.recipients, found.duplicates) == (("380931111111",), 1)


def test_from_dict_leaves_what_it_reads_alone():
    """The caller's dict is not ours."""
    data = changed("send_date", to="2026-03-02 10:00:00")
    before = copy.deepcopy(data)
    CampaignDraft.from_dict(data)

    assert data == before


# Answers


@pytest.mark.fault("P07")
def test_the_accepted_campaign_of_the_page_is_read():
    """Flat where the request is nested, "1000" where an int went out, 0 for an SMS that is off (A)."""
    call = create_campaign(draft(), now=NOW, time_zone=None)

    found = call.read(make_converter(None), sample("create__accepted.json"))

    assert found == CreatedCampaign(
        90241,
        task_name="Viber campaign for the personal list on 2019-03-26 12:40",
        message='Margaret, you have been approved for a 50% discount on all items in the "Cosmetics" category',
        message_type=MessageType.SYSTEM,
        sender_id=4501,
        message_live_time=1000,
        send_date=datetime(2019, 3, 26, 12, 40, 5),
        resend_sms=False,
    )


@pytest.mark.fault("P19")
@pytest.mark.parametrize("task_id", [90241, "90241", 2**63 - 1])
def test_an_id_of_digits_is_a_usable_one(task_id):
    """Row P19: older fixtures have strings."""
    assert created(task_id=task_id).task_id == int(task_id)


@pytest.mark.fault("P17", "P19")
@pytest.mark.parametrize(
    ("answer", "where"),
    [
        *[
            ({"result": True, "data": {"task_id": value}}, "data.task_id")
            for value in (None, 0, -1, "x", True, 1.5, "0")
        ],
        ({"result": True, "data": {}}, "data.task_id"),
        ({"result": True, "data": None}, "data"),
        ({"result": True, "data": []}, "data"),
        ({"result": True}, "data"),
        ({"data": {"task_id": 1}}, "result"),
        ({"result": "true", "data": {"task_id": 1}}, "result"),
        ({"result": False, "data": {"task_id": 1}}, "result"),
        ({"result": None, "data": {"task_id": 1}}, "result"),
        ({"result": True, "data": {"task_id": 1, "sender_id": "me"}}, "data.sender_id"),
        ({"result": True, "data": {"task_id": 1, "message": 5}}, "data.message"),
        ([], ""),
    ],
)
def test_without_a_clear_yes_and_an_id_a_campaign_is_not_created(answer, where):
    """Rows P17 and P19: unreadable, so its outcome is unknown."""
    with pytest.raises(Unreadable) as caught:
        create_campaign(draft(), now=NOW, time_zone=None).read(make_converter(None), answer)

    assert caught.value.where == where


@pytest.mark.fault("P07")
@pytest.mark.parametrize(("data", "book"), [({"address_book_id": 0}, None), ({"address_book": 7}, 7), ({}, None)])
def test_a_mailing_list_of_nought_is_none(data, book):
    """None as null and as 0, under two names (A)."""
    assert created(**data).address_book_id == book


ECHOES = [
    (draft(), {}, None),
    (draft(task_name="x"), {"task_name": "x", "sender_id": 1, "message": "Hi"}, None),
    (draft(task_name="x"), {"task_name": None, "message": None, "sender_id": None}, None),
    (draft(), {"task_name": "Viber campaign for the personal list"}, None),
    (draft(task_name="x"), {"task_name": "y", "sender_id": 2, "message": "z"}, "task_name"),
    (draft(task_name="x"), {"task_name": ""}, "task_name"),
    (draft(task_name="marker x"), {"task_name": "marker"}, "task_name"),
    (draft(), {"sender_id": 2, "message": "z"}, "sender_id"),
    (draft(), {"sender_id": "1"}, None),
    (draft(), {"message": "Ho"}, "message"),
    (draft(), {"message": ""}, "message"),
    (draft(message="a\nb"), {"message": "a\r\nb"}, None),
    (draft(message="a\r\nb"), {"message": "a\nb"}, None),
    (draft(message="a\nb"), {"message": "a b"}, "message"),
    (draft(message=None, image=IMAGE), {"message": ""}, None),
    (draft(message=None, image=IMAGE), {"message": "Hi"}, "message"),
]


@pytest.mark.fault("P20")
@pytest.mark.parametrize(("made", "echo", "field"), ECHOES)
def test_an_echo_that_contradicts_the_draft_is_named(made, echo, field):
    """Row P20: an answer to another call must not pass for ours."""
    assert echo_mismatch(made, created(**echo)) == field


def test_a_page_of_campaigns_is_asked_for_by_limit_and_offset():
    """No total comes back."""
    call = list_campaigns(100, 300)

    assert (call.kind, call.method, call.path, call.body) == (Kind.READ, "GET", "/viber/task", None)
    assert call.params == {"limit": 100, "offset": 300}


@pytest.mark.fault("I19")
@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1001, 0), (1, -1), (True, 0)])
def test_a_page_has_one_to_a_thousand_rows(limit, offset):
    """Row I19."""
    with pytest.raises(ValidationError):
        list_campaigns(limit, offset)


def test_the_list_of_the_page_is_read():
    """Two rows, with null and 0 for no mailing list, and a status of null (A)."""
    page = list_campaigns(100, 0).read(make_converter(None), sample("list_campaigns__two_spellings_of_none.json"))

    assert page.total is None
    assert page.rows[0] == CampaignSummary(
        9380939,
        name="Viber campaign for the personal list on 2019-03-26 15:02",
        message='Jane, you have been approved for a 50% discount on all items in the "Cosmetics" category',
        sender_name="YAMAMAY",
        sender_id=4495,
        message_live_time=1000,
        send_date=datetime(2019, 3, 29, 10),
        status=CampaignStatus.MODERATION,
        created=datetime(2019, 3, 26, 12, 50, 2),
    )
    assert [(row.id, row.address_book_id, row.status) for row in page.rows] == [
        (9380939, None, "moderation"),
        (9380926, None, None),
    ]


ROW = {"id": 1, "name": "x", "sender_id": "2", "message_live_time": "60"}


@pytest.mark.fault("P08")
@pytest.mark.parametrize("status", ["moderation", "sending", "send", "sent", "paused", None])
def test_a_campaigns_status_may_be_any_word_or_none(status):
    """Four words are known, from four sources."""
    (found,) = list_campaigns(1, 0).read(make_converter(None), [{**ROW, "status": status}]).rows

    assert found.status == status


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (CampaignStatus, "moderation, sending, send, sent"),
        (RecipientStatus, "send, delivered, opened, read, clicked, not delivered, error"),
    ],
)
def test_a_known_word_has_a_member_of_its_name(kind, words):
    """Spelled as the page does (A, C, D)."""
    members = {word.upper().replace(" ", "_"): word for word in words.split(", ")}

    assert {name: member.value for name, member in kind.__members__.items()} == members


@pytest.mark.parametrize("key", ["address_book_id", "address_book"])
def test_a_mailing_list_has_either_name_in_a_list(key):
    """The first in the page's table, the other in its sample (A)."""
    (found,) = list_campaigns(1, 0).read(make_converter(None), [{**ROW, key: 7}]).rows

    assert found.address_book_id == 7


@pytest.mark.fault("P05")
@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ({}, ""),
        (None, ""),
        ([ROW, []], "[1]"),
        *[([ROW, {**ROW, name: None}], f"[1].{name}") for name in ROW],
        ([{**ROW, "status": 1}], "[0].status"),
        ([{**ROW, "address_book": "none"}], "[0].address_book"),
        ([{**ROW, "created": "yesterday"}], "[0].created"),
    ],
)
def test_what_is_no_list_of_campaigns_is_unreadable(rows, where):
    """With the path of what is wrong."""
    with pytest.raises(Unreadable) as caught:
        list_campaigns(1, 0).read(make_converter(None), rows)

    assert caught.value.where == where


@pytest.mark.fault("I18")
@pytest.mark.parametrize("ask", [get_campaign, get_recipients])
@pytest.mark.parametrize("value", [0, -1, True, 2**63, 1.0, None, "1", "1/../../senders", "1?x=1", " 1", "\uff11"])
def test_only_a_positive_int_reaches_a_path(ask, value):
    """Row I18: "..", "/" and "?" would reach another call."""
    with pytest.raises(ValidationError) as caught:
        ask(value)

    assert caught.value.field == "campaign_id"


@pytest.mark.parametrize(
    ("ask", "path"), [(get_campaign, "/viber/task/{}"), (get_recipients, "/viber/task/{}/recipients")]
)
@pytest.mark.parametrize("value", [1, 2**63 - 1, MessageType.PROMO])
def test_a_campaign_is_asked_for_by_its_id(ask, path, value):
    """In plain digits, whatever kind of int it is."""
    call = ask(value)

    assert (call.kind, call.method, call.path) == (Kind.READ, "GET", path.format(int(value)))


def one(**data):
    return get_campaign(1).read(make_converter(None), {**ROW, **data})


def test_the_statistics_of_the_page_are_read():
    """A campaign of 2023."""
    found = get_campaign(19864149).read(make_converter(None), sample("get_campaign__sent.json"))

    assert found == Campaign(
        19864149,
        name="Viber campaign by book",
        message="My viber message",
        address_book_ids=(1488435,),
        sender_name="my_sender",
        sender_id=4647,
        message_live_time=86400,
        send_date=datetime(2023, 12, 18, 14, 40, 34),
        status=CampaignStatus.SENT,
        created=datetime(2023, 12, 18, 14, 40, 34),
        stretch_time=0,
        resend_sms=True,
        resend_sms_status=2,
        statistics=CampaignStatistics(2, delivered=1, read=1, redirected=0, undelivered=1, errors=0),
    )


@pytest.mark.fault("P07")
@pytest.mark.parametrize(
    ("data", "ids"),
    [
        ({"address_book_ids": [1, "2"]}, (1, 2)),
        ({"address_book_ids": [0]}, ()),
        ({"address_book_ids": None}, ()),
        ({"address_book": 5}, (5,)),
        ({"address_book": 0}, ()),
        ({"address_book": None}, ()),
        ({"address_book_id": 5}, (5,)),
        ({"address_book_ids": None, "address_book": 5}, (5,)),
        ({}, ()),
    ],
)
def test_mailing_lists_come_under_three_names(data, ids):
    """`address_book_ids` since 2023, `address_book` before (A, B)."""
    assert one(**data).address_book_ids == ids


SIX = {"sent": 6, "delivered": 5, "read": 4, "redirected": 3, "undelivered": 2, "errors": 1}


@pytest.mark.fault("P07")
@pytest.mark.parametrize("name", ["statistic", "statistics"])
def test_statistics_come_under_two_names(name):
    """`statistics` in the page's table, `statistic` in its sample (A)."""
    assert to_dict(one(**{name: SIX}).statistics) == SIX


def test_an_older_answer_has_less():
    """None says so; no number is invented."""
    found = one()

    assert (found.statistics, found.stretch_time, found.resend_sms, found.resend_sms_status) == (None,) * 4


@pytest.mark.fault("P05", "P06")
@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"statistic": {**SIX, "read": None}}, "statistic.read"),
        ({"statistics": {**SIX, "read": 1.5}}, "statistics.read"),
        ({"statistic": []}, "statistic"),
        ({"resend_sms": "false"}, "resend_sms"),
        ({"address_book_ids": [1, None]}, "address_book_ids"),
        ({"address_book_ids": {}}, "address_book_ids"),
    ],
)
def test_what_is_no_campaign_is_unreadable(data, where):
    """Row P06."""
    with pytest.raises(Unreadable) as caught:
        one(**data)

    assert caught.value.where == where


def test_the_recipients_of_the_page_are_read():
    """The price digit for digit, an update before the sending, a currency that is no more (A)."""
    found = get_recipients(44).read(make_converter(None), sample("get_recipients__one_row.json"))

    row = Recipient(
        "380934760182",
        address_book_id=850852,
        status=RecipientStatus.SEND,
        send_date=datetime(2017, 6, 23, 8, 54, 1),
        price=Decimal("0.74"),
        currency="RUR",
        last_update=datetime(2017, 6, 23, 8, 53, 38),
    )
    assert found == CampaignRecipients(44, (row,))


@pytest.mark.parametrize(("count", "shown"), [(0, "<0 recipients>"), (1, "<1 recipient>"), (2, "<2 recipients>")])
def test_recipients_are_shown_by_their_number(count, shown):
    """Each is somebody's phone."""
    found = CampaignRecipients(44, (Recipient(PHONE),) * count)

    assert repr(found) == f"CampaignRecipients(task_id=44, recipients={shown})"


def row(**data):
    return get_recipients(1).read(make_converter(KYIV), {"task_id": 1, "recipients": [{"phone": PHONE, **data}]})


def test_times_are_aware_where_the_zone_is_known():
    """And naive where it is not: it is never guessed."""
    assert row(send_date="2017-06-23 08:54:01").recipients[0].send_date == datetime(2017, 6, 23, 8, 54, 1, tzinfo=KYIV)


@pytest.mark.parametrize("status", ["send", "delivered", "not delivered", "delivered and opened", None])
def test_a_recipients_status_may_be_any_word(status):
    """One was seen, six are prose."""
    assert row(status=status).recipients[0].status == status


@pytest.mark.fault("P06")
@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"phone": None}, "phone"),
        ({"phone": Decimal("380.9")}, "phone"),
        ({"price": "0.74"}, "price"),
        ({"price": True}, "price"),
        ({"currency": 5}, "currency"),
        ({"address_book_id": True}, "address_book_id"),
        ({"status": []}, "status"),
    ],
)
def test_a_wrong_leaf_of_a_row_is_named_by_its_path(data, where):
    """Row P06."""
    with pytest.raises(Unreadable) as caught:
        row(**data)

    assert caught.value.where == f"recipients[0].{where}"


@pytest.mark.fault("P05")
@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"recipients": []}, "task_id"),
        ({"task_id": 1}, "recipients"),
        ({"task_id": 1, "recipients": None}, "recipients"),
        ({"message": "Campaign not found", "error_code": 602}, "task_id"),
    ],
)
def test_what_are_no_recipients_is_unreadable(data, where):
    """Row P05."""
    with pytest.raises(Unreadable) as caught:
        get_recipients(1).read(make_converter(None), data)

    assert caught.value.where == where


def test_results_are_values_that_hide_phones():
    """Comparable, hashable, picklable, copyable; whole in ``.phone`` and in ``to_dict`` only."""
    for found in (row(owner="you", price=Decimal("0.10")), one(statistic=SIX), created(message="Call +380931111111")):
        assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
        assert {found: 1}[copy.copy(found)] == 1
        assert json.loads(json.dumps(to_dict(found))) == to_dict(found)
        assert "380931111111" not in repr(found)
    assert "380931111111" not in repr(row().recipients)
    assert to_dict(row(price=Decimal("0.10")))["recipients"][0]["price"] == "0.10"


GOOD = {"sender_id": 1, "message_live_time": 60, "message": "hi", "recipients": [PHONE, 380932222222]}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Button("", "https://a.example"),
        lambda: Button("text", "ftp://a.example"),
        lambda: Image("ftp://a.example"),
        lambda: ResendSms("text", ""),
        lambda: CampaignDraft(**(GOOD | {"sender_id": 0})),
        lambda: CampaignDraft(**(GOOD | {"recipients": [PHONE, 380932222222, "12"]})),
        lambda: CampaignDraft(**(GOOD | {"address_book": 5})),
        lambda: CampaignDraft.from_dict(GOOD | {"message_live_time": 5}),
        lambda: CampaignDraft.from_dict(GOOD | {"additional": 5}),
        lambda: CampaignDraft.from_dict(GOOD | {"recipients": [PHONE, 380932222222, "12"]}),
    ],
)
def test_a_refusal_can_be_shown_with_the_locals_of_its_frames(make):
    """As reporters of errors do: the half-made object has a repr, and no phone stands in a frame of ours."""
    with pytest.raises(ValidationError) as caught:
        make()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "/viber_async/" in frame.filename or "attrs" in frame.filename]

    assert ours
    assert not [frame for frame in ours if "380932222222" in str(frame.locals)]


def test_a_half_made_draft_shows_what_it_has():
    """Which is nothing, or some of its fields."""
    half = CampaignDraft.__new__(CampaignDraft)

    assert repr(half) == "CampaignDraft()"
    object.__setattr__(half, "sender_id", 5)
    object.__setattr__(half, "recipients", ("380931111111",))
    assert repr(half) == "CampaignDraft(sender_id=5, recipients=<1 phones>)"


# What a refusal says


@pytest.mark.parametrize(
    ("key", "meant"), [("mesage", " (did you mean message?)"), ("send_dat", " (did you mean send_date?)"), ("xyz", "")]
)
def test_a_misspelt_key_is_told_how_it_is_spelt(key, meant):
    """Where one of the provider's is near."""
    with pytest.raises(ValidationError, match=key) as caught:
        made(**{key: "a"})

    assert caught.value.rule == f"{NO_KEY}{meant}"


@pytest.mark.parametrize("part", ["button", "image", "resend_sms"])
def test_a_part_that_stands_at_the_top_is_told_its_place(part):
    """The provider's API has it one level below."""
    with pytest.raises(ValidationError) as caught:
        made(**{part: {}})

    assert (caught.value.field, caught.value.rule) == (part, f"{NO_KEY} at this place: write it as additional.{part}")


def test_a_part_within_a_part_is_no_key_at_all():
    """Only at the top is it likely to be meant for below."""
    with pytest.raises(ValidationError) as caught:
        made(additional={"button": {"text": "Buy", "link": "https://a.example", "image": 1}})

    assert (caught.value.field, caught.value.rule) == ("button.image", NO_KEY)


WHOLE = "whole seconds from 60 to 86400, as an int or a timedelta"
CONTENTS_RULE = "give text, text and button, text, button and image, or an image alone"
NO_KEY = "no such key in the provider's API"
DATE_RULE = 'exactly "now", or a datetime; anything else might send at once by mistake'
SKIPPED = datetime(2026, 3, 29, 3, 30, tzinfo=KYIV)
TWICE = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
PAST = datetime(2020, 1, 1)
EXAMPLE = plain("create_request__text_button_image.json")


def made(**changes):
    """Give a draft from the JSON of an example, changed."""
    return CampaignDraft.from_dict({**EXAMPLE, **changes})


def sent(moment, zone=None):
    create_campaign(draft(send_date=moment), now=NOW, time_zone=zone)


REFUSALS = {
    "sender": (lambda: draft(sender_id=0), "sender_id", "the id of a verified sender, a positive int", "0"),
    "stretch": (lambda: draft(stretch_time=6), "stretch_time", "hours, an int from 0 to 5", "6"),
    "life": (lambda: draft(message_live_time=59), "message_live_time", WHOLE, "59"),
    "half a second of it": (
        lambda: draft(message_live_time=timedelta(seconds=60.5)),
        "message_live_time",
        f"{WHOLE}; nothing is rounded",
        "a timedelta",
    ),
    "part": (lambda: draft(button="b"), "button", "give a Button, or None", "'b'"),
    "type": (lambda: draft(message_type=1), "message_type", "MessageType.PROMO (2) or MessageType.SYSTEM (3)", "1"),
    "date": (lambda: draft(send_date="Now"), "send_date", DATE_RULE, "'Now'"),
    "microseconds": (
        lambda: draft(send_date=datetime(2026, 7, 1, 0, 0, 0, 7)),
        "send_date",
        "whole seconds; nothing is rounded: give .replace(microsecond=0)",
        "datetime.datetime(2026, 7, 1, 0, 0, 0, 7)",
    ),
    "no instant": (
        lambda: draft(send_date=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
        "send_date",
        "a datetime that standard Python can hold exactly",
        "datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone(da…",
    ),
    "two audiences": (
        lambda: draft(address_book=5),
        "recipients",
        "give exactly one of recipients and address_book",
        "a list of 1",
    ),
    "book": (
        lambda: draft(recipients=None, address_book=0),
        "address_book",
        "the id of a mailing list, a positive int",
        "0",
    ),
    "nobody": (lambda: draft(recipients=()), "recipients", "at least one phone", "a tuple of 0"),
    "text and image": (lambda: draft(image=IMAGE), "image", CONTENTS_RULE, "a Image"),
    "button alone": (lambda: draft(message=None, button=BUTTON), "message", CONTENTS_RULE, "None"),
    "system and button": (
        lambda: draft(message_type=3, button=BUTTON),
        "message_type",
        "a system message is text only: no button, no image",
        "<MessageType.SYSTEM: 3>",
    ),
    "no object": (lambda: CampaignDraft.from_dict([1]), "data", "give a JSON object", "a list of 1"),
    "an unknown key": (lambda: made(**{"k" * 70: "v"}), "k" * 60 + "…", NO_KEY, "'v'"),
    "an unknown part": (lambda: made(additional={"k": 7}), "additional.k", NO_KEY, "7"),
    "no sender": (lambda: CampaignDraft.from_dict({}), "sender_id", "is required", "None"),
    "an SMS that is neither": (
        lambda: made(additional={"resend_sms": {"status": 1}}),
        "resend_sms.status",
        "true or false",
        "1",
    ),
    "a date as text": (lambda: made(send_date="soon"), "send_date", '"now" or YYYY-MM-DD HH:MM:SS', "'soon'"),
    "no draft": (lambda: create_campaign({}, now=NOW, time_zone=None), "draft", "give a CampaignDraft", "a dict of 0"),
    "naive in a zone": (
        lambda: sent(datetime(2026, 7, 1), KYIV),
        "send_date",
        "the session has a time_zone: give an aware datetime",
        "datetime.datetime(2026, 7, 1, 0, 0)",
    ),
    "past everywhere": (
        lambda: sent(PAST),
        "send_date",
        'is past in every time zone; "now" sends at once',
        "datetime.datetime(2020, 1, 1, 0, 0)",
    ),
    "aware without a zone": (
        lambda: sent(TWICE),
        "send_date",
        "give the session the account's time_zone, or a naive datetime",
        None,
    ),
    "past": (lambda: sent(PAST.replace(tzinfo=UTC), UTC), "send_date", 'is past; "now" sends at once', None),
    "skipped": (
        lambda: sent(SKIPPED, UTC),
        "send_date",
        "this time does not exist in its zone: the clocks skip it",
        None,
    ),
    "twice": (
        lambda: sent(TWICE.replace(hour=0), KYIV),
        "send_date",
        "the account's clocks show this time twice that day: choose another",
        None,
    ),
    "beyond": (
        lambda: sent(datetime(9999, 12, 31, 23, tzinfo=UTC), KYIV),
        "send_date",
        "beyond the calendar in the account's zone",
        None,
    ),
}


@pytest.mark.parametrize(("make", "field", "rule", "picture"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_the_field_the_rule_and_what_was_given(make, field, rule, picture):
    """To the letter: it is what whoever planned the campaign reads."""
    with pytest.raises(ValidationError) as caught:
        make()

    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert caught.value.shown == picture or (picture is None and caught.value.shown.startswith("datetime.datetime("))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("now", "now"),
        (datetime(2026, 7, 1, 9), "2026-07-01 09:00:00"),
        (datetime(2026, 7, 1, 9, tzinfo=UTC), "2026-07-01T09:00:00+00:00"),
    ],
)
def test_a_draft_as_json_says_its_time_as_it_was_given(moment, text):
    """With its zone, if it has one; a space where it has none, as the provider writes."""
    assert to_dict(draft(send_date=moment))["send_date"] == text


@pytest.mark.parametrize("here", ["Asia/Tokyo", "America/New_York"])
def test_a_sending_time_does_not_depend_on_where_this_machine_stands(here, monkeypatch):
    """Neither what goes out, nor what is past, nor which drafts are the same."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", here)
        time.tzset()
        said = body(draft(send_date=TWICE.replace(month=7)), time_zone=KYIV)["send_date"]
        same = draft(send_date=TWICE) == draft(send_date=TWICE.astimezone(KYIV))
        edge = sent_at(NOW.replace(tzinfo=None) - timedelta(hours=12))
        with pytest.raises(ValidationError, match="past in every time zone"):
            sent_at(NOW.replace(tzinfo=None) - timedelta(hours=12, seconds=1))
    time.tzset()

    assert (said, same) == ("2026-07-25 04:30:00", True)
    assert edge == "2026-03-01 00:00:00"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (create_campaign(draft(), now=NOW, time_zone=None), "campaigns.create"),
        (list_campaigns(1, 0), "campaigns.list"),
        (get_campaign(1), "campaigns.get"),
        (get_recipients(1), "campaigns.recipients"),
    ],
    ids=["create", "list", "get", "recipients"],
)
def test_a_call_has_the_name_that_a_user_knows_it_by(call, name):
    """It stands in logs and traces."""
    assert call.name == name


@pytest.mark.parametrize(
    ("answer", "where", "why"),
    [
        ({"result": False, "data": {"task_id": 1}}, "result", "is not true"),
        ({"result": True, "data": {"task_id": 0}}, "data.task_id", "expected a positive id, got 0"),
    ],
)
def test_an_answer_that_accepts_nothing_says_what_is_wrong(answer, where, why):
    """It becomes the evidence of an unknown outcome."""
    with pytest.raises(Unreadable) as caught:
        create_campaign(draft(), now=NOW, time_zone=None).read(make_converter(None), answer)

    assert (caught.value.where, caught.value.why) == (where, why)
