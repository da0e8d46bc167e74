"""The rules of "at most once" as tables; all of them together are explored in `test_ledger_model`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve

from viber_async._sansio import ledger as rules
from viber_async._sansio.campaigns import CampaignDraft, CreatedCampaign, MessageType
from viber_async._sansio.ledger import TABLE, Event, LedgerRow, State, Todo
from viber_async._sansio.outcome import CreateHandle
from viber_async._sansio.tokens import ApiKey, ClientCredentials
from viber_async.errors import KeyConflictError, LedgerError, ValidationError

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MARKER = "abcdefghij234567"
HANDLE = CreateHandle(
    task_name=None, sender_id=1, message_digest=None, sent_after=NOON, sent_before=NOON, marker=MARKER
)
SECRET = b"s" * 32


def row(state: State = State.PREPARED, **fields: Any) -> LedgerRow:
    given = {"key": "k", "fingerprint": "f", "version": 1, "attempt": "me", "since": 100.0, "lease": 10.0}
    return LedgerRow(**{**given, "state": state, "handle": HANDLE, **fields})


def draft(**fields: Any) -> CampaignDraft:
    given = {"sender_id": 1, "message_live_time": 60, "message": "m", "recipients": ["380931111111", "380931111112"]}
    return CampaignDraft(**{**given, **fields})


# Steps


STEPS = """
event    | PREPARED | SENDING  | ACCEPTED | REJECTED | UNKNOWN
CLAIM    | PREPARED | -        | -        | PREPARED | -
RELEASE  | PREPARED | -        | -        | -        | -
SEND     | SENDING  | -        | -        | -        | -
NOT_SENT | -        | PREPARED | -        | -        | PREPARED
ACCEPT   | -        | ACCEPTED | -        | -        | ACCEPTED
REJECT   | -        | REJECTED | -        | -        | REJECTED
UNCLEAR  | -        | UNKNOWN  | -        | -        | UNKNOWN
LAPSE    | -        | UNKNOWN  | -        | -        | -
FIND     | ACCEPTED | ACCEPTED | -        | -        | ACCEPTED
MISS     | -        | -        | -        | -        | UNKNOWN
RESEND   | -        | -        | -        | -        | SENDING
"""


def steps() -> list[tuple[State, Event, State | None]]:
    head, *lines = [[cell.strip() for cell in line.split("|")] for line in STEPS.strip().splitlines()]
    return [
        (State[state], Event[event], None if cell == "-" else State[cell])
        for event, *cells in lines
        for state, cell in zip(head[1:], cells, strict=True)
    ]


@pytest.mark.parametrize(("state", "event", "to"), steps())
def test_only_what_stands_in_the_table_happens(state, event, to):
    """And each change is the next version."""
    after = rules.step(row(state), event, by="me")

    assert (after and after.state) is to
    assert after is None or after.version == 2
    assert TABLE.get((state, event)) is to


def test_the_table_has_every_state_and_every_event():
    """And the model explores no other."""
    assert {(state, event) for state, event, _ in steps()} == {(state, event) for state in State for event in Event}


def test_the_words_of_a_state_are_stable():
    """They stand in ledgers."""
    assert [state.value for state in State] == ["prepared", "sending", "accepted", "rejected", "unknown"]


@pytest.mark.parametrize(
    ("state", "event"),
    [(State.PREPARED, Event.CLAIM), (State.PREPARED, Event.SEND), (State.UNKNOWN, Event.RESEND)],
)
def test_who_takes_it_in_hand_forgets_what_was_looked_for_before(state, event):
    """A settle window is about the latest sending."""
    after = rules.step(row(state, missed=1.0, missed_by_server=2.0), event, by="me")

    assert (after.missed, after.missed_by_server) == (None, None)


def test_nothing_leads_out_of_accepted():
    """A campaign that exists exists for ever."""
    assert not [event for state, event in TABLE if state is State.ACCEPTED]


def test_only_two_steps_allow_to_send():
    """From PREPARED, and the opt-in one from UNKNOWN."""
    allowed = {step for step, to in TABLE.items() if to is State.SENDING}

    assert allowed == {(State.PREPARED, Event.SEND), (State.UNKNOWN, Event.RESEND)}


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (Event.NOT_SENT, False),
        (Event.ACCEPT, False),
        (Event.REJECT, False),
        (Event.UNCLEAR, False),
        (Event.FIND, True),
        (Event.MISS, True),
        (Event.RESEND, True),
    ],
)
def test_what_only_the_sender_can_know_counts_only_from_the_last_one(event, counts):
    """An earlier sender speaks of another sending."""
    assert (rules.step(row(State.UNKNOWN), event, by="other") is not None) is counts


@pytest.mark.parametrize("event", [Event.RELEASE, Event.SEND])
def test_only_who_has_it_in_hand_may_send_or_let_go(event):
    """A lease that went to another one went with all rights."""
    assert rules.step(row(), event, by="other") is None
    assert rules.step(row(), event, by=None) is None
    assert rules.step(row(), event, by="me") is not None


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Event.NOT_SENT, State.UNKNOWN),
        (Event.REJECT, State.UNKNOWN),
        (Event.UNCLEAR, State.UNKNOWN),
        (Event.ACCEPT, State.ACCEPTED),
    ],
)
def test_a_second_sending_says_nothing_of_the_first(event, state):
    """Unless it says that the campaign exists."""
    after = rules.step(row(State.SENDING, doubted=True), event, by="me")

    assert after is not None
    assert after.state is state


def test_a_re_send_is_remembered_and_starts_the_settle_window_anew():
    """Its own outcome has to settle too."""
    after = rules.step(row(State.UNKNOWN, missed=1.0, missed_by_server=2.0), Event.RESEND, attempt="you")

    assert after is not None
    assert (after.doubted, after.missed, after.missed_by_server, after.attempt) == (True, None, None, "you")


# What to do


@pytest.mark.parametrize(
    ("state", "now", "watched", "what"),
    [
        (State.ACCEPTED, 0, 0, Todo.GIVE),
        (State.UNKNOWN, 0, 0, Todo.LOOK),
        (State.REJECTED, 0, 0, Todo.CLAIM),
        (State.PREPARED, 109.9, 0, Todo.WAIT),
        (State.PREPARED, 110, 0, Todo.CLAIM),
        (State.SENDING, 109.9, 9.9, Todo.WAIT),
        (State.SENDING, 110, 0, Todo.LOOK),
        (State.SENDING, 50, 9.9, Todo.WAIT),
        (State.SENDING, 50, 10, Todo.LOOK),
    ],
)
def test_what_to_do_about_a_row(state, now, watched, what):
    """A lease is over by the clock, or by having watched it."""
    assert rules.todo(row(state), fingerprint="f", now=now, watched=watched) is what


def test_a_key_that_nobody_used_is_claimed():
    """The first one takes it in hand."""
    assert rules.todo(None, fingerprint="f", now=0, watched=0) is Todo.CLAIM


@pytest.mark.parametrize("state", State)
def test_other_content_is_a_conflict_in_every_state(state):
    """Also after a refusal: the key stands for that campaign."""
    with pytest.raises(KeyConflictError) as caught:
        rules.todo(row(state), fingerprint="other", now=0, watched=0)

    assert str(caught.value) == (
        "this key was used before for a campaign with other content, and nothing was sent now. A key stands for one "
        "campaign for ever: choose another key, or give the same draft again"
    )


# The settle window: 10 s of lease, and an hour

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("fields", "passed", "by_server", "left"),
    [
        ({}, 3610, 3610, 0),
        ({}, 3609, 3610, 1),
        ({}, 3610, 3609, 1),
        ({}, 3611, 99_999, 0),
        ({}, 0, 3610, 3610),
        ({}, 99_999, 0, 3610),
        ({}, -5, 3610, 3615),
        ({}, 3610, None, None),
        ({"missed": None}, 3610, 3610, None),
        ({"missed_by_server": None}, 3610, 3610, None),
        ({"handle": HANDLE.lost_its_marker()}, 3610, 3610, None),
        ({"state": State.SENDING}, 3610, 3610, None),
    ],
)
def test_the_settle_window(fields, passed, by_server, left):
    """Both clocks have to have passed it since the first search in vain, and the marker must not be lost."""
    it = row(**{"state": State.UNKNOWN, "missed": 7000.0, "missed_by_server": 9000.0, **fields})
    server_now = None if by_server is None else 9000 + by_server

    assert rules.settles_in(it, HOUR, now=7000 + passed, server_now=server_now) == left


@pytest.mark.parametrize("good", [None, timedelta(minutes=10), timedelta(days=3)])
def test_a_settle_window_is_ten_minutes_or_more(good):
    """Or none."""
    assert rules.checked_resend(good) == good


@pytest.mark.parametrize("wrong", [timedelta(minutes=10, microseconds=-1), 600, True, "1h"])
def test_what_is_no_settle_window_is_refused(wrong):
    """An int could be anything."""
    with pytest.raises(ValidationError) as caught:
        rules.checked_resend(wrong)
    assert caught.value.field == "resend_after"
    assert caught.value.rule == "a timedelta of at least 10 minutes, or None: never send again"


# Keys, content, accounts


@pytest.mark.fault("I22")
@pytest.mark.parametrize("good", ["a", "x" * 1000, "замовлення 7", "a/b c"])
def test_what_may_be_a_key(good):
    """Any text that names something."""
    assert rules.checked_key(good) == good


A_NAME = "text that names this one campaign, such as the id of the order it is about"


@pytest.mark.fault("I22")
@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        *[(wrong, A_NAME) for wrong in ("", "  ", 7, None, b"a")],
        ("x" * 1001, "at most 1000 characters, and this has 1001"),
        ("\ud800", "lone surrogates are no text"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(wrong, rule):
    """It may hold a phone."""
    with pytest.raises(ValidationError) as caught:
        rules.checked_key(wrong)

    assert (caught.value.field, caught.value.rule) == ("key", rule)
    assert "xxx" not in str(caught.value)


@pytest.mark.fault("I22")
def test_a_key_is_kept_as_a_keyed_hash():
    """Another ledger keeps another one."""
    assert rules.key_hash(SECRET, "a") != rules.key_hash(SECRET, "b")
    assert rules.key_hash(SECRET, "a") != rules.key_hash(b"t" * 32, "a")
    assert rules.key_hash(SECRET, "a") == rules.key_hash(SECRET, "a")


IN_KYIV = timezone(timedelta(hours=3))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({}, {"recipients": ["380931111112", "380931111111"]}, True),
        ({}, {"recipients": ["380931111111"]}, False),
        ({}, {"message": "n"}, False),
        ({}, {"task_name": "n"}, False),
        ({}, {"sender_id": 2}, False),
        ({}, {"message_live_time": 61}, False),
        ({}, {"recipients": None, "address_book": 1}, False),
        ({"send_date": NOON}, {"send_date": NOON.astimezone(IN_KYIV)}, True),
        ({"send_date": NOON}, {"send_date": NOON + HOUR}, False),
        ({"send_date": NOON}, {}, False),
        ({"send_date": NOON.replace(tzinfo=None)}, {"send_date": NOON}, False),
    ],
)
def test_a_fingerprint_is_the_content(one, other, same):
    """Whatever the order of the phones and the zone of the date."""
    prints = [rules.fingerprint(SECRET, draft(**fields)) for fields in (one, other)]

    assert (prints[0] == prints[1]) is same
    assert rules.fingerprint(b"t" * 32, draft(**one)) != prints[0]


def test_an_account_is_its_credentials_at_its_host():
    """Not the secret, which may be changed, and not the port."""
    one = rules.account_tag(ClientCredentials("id", "secret"), "https://api.sendpulse.com")

    assert one == rules.account_tag(ClientCredentials("id", "another"), "https://api.sendpulse.com:443")
    assert one != rules.account_tag(ClientCredentials("di", "secret"), "https://api.sendpulse.com")
    assert one != rules.account_tag(ClientCredentials("id", "secret"), "http://127.0.0.1:8025")
    assert one != rules.account_tag(ApiKey("id"), "https://api.sendpulse.com")


def test_what_ledgers_hold_is_the_same_for_every_version_and_in_every_zone(monkeypatch):
    """A hash that comes out otherwise would send again what was sent."""
    scheduled = draft(task_name="spring", send_date=NOON.astimezone(IN_KYIV))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        found = rules.fingerprint(SECRET, scheduled)
    time.tzset()

    assert found == "44c308d917a2a41a78b3a33f0a9cfc4f24ae4514d0b649e5505cc5c595fdfc5b"
    assert rules.fingerprint(SECRET, draft()) == "c6100eb28d322556c2a1a084f6689f5184b9be17a4cd0508ee0a63fab2906bfb"
    assert rules.key_hash(SECRET, "order 1") == "76504a08076dd77fb9a23467ca67eb1f220d92cd4a1dc73cec44a73e9ab86278"
    assert (
        rules.account_tag(ClientCredentials("id", "secret"), "https://api.sendpulse.com")
        == "fffbe5121768ed5cc0bc0cedc1730cc4571e5bef675824a2c60cf6251ba6a297"
    )
    assert (
        rules.account_tag(ApiKey("id"), "https://api.sendpulse.com")
        == "76f4466db1fc53b7bb6f3fef303c83876253c5d3eaaba03c758e0c91915ff584"
    )


# The marker


def test_a_marker_is_the_same_on_every_machine():
    """And of another key or account another one."""
    markers = {rules.marker_of(account, key) for account in ("a", "b") for key in ("x", "y")}

    assert len(markers) == 4
    assert rules.marker_of("a", "x") == "33ggxw4tcfynvbp3"  # of every version, too: it is in people's accounts
    assert all(set(marker) <= set("abcdefghijklmnopqrstuvwxyz234567") and len(marker) == 16 for marker in markers)


@pytest.mark.parametrize(
    ("name", "sent"), [("spring", f"{MARKER} | spring"), (None, f"{MARKER} | campaign"), ("я" * 236, None)]
)
def test_the_marker_stands_in_front(name, sent):
    """Within 255 characters in all."""
    found = rules.marked(name, MARKER)

    assert found == (sent or f"{MARKER} | {name}")
    assert len(found) <= 255


COPIED = "begins like the marker of a campaign of create_once; leave that part out"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("x" * 237, "at most 236 characters with create_once, which puts a marker of 19 in front; this has 237"),
        (f"{MARKER} | spring", COPIED),
        ("responsibilities | new", COPIED),
    ],
)
def test_a_name_that_does_not_fit_or_looks_marked_is_refused(name, rule):
    """Nothing is cut."""
    with pytest.raises(ValidationError) as caught:
        rules.marked(name, MARKER)

    assert (caught.value.field, caught.value.rule) == ("task_name", rule)
    assert name[:10] in caught.value.shown


NAME = f"{MARKER} | spring"


@pytest.mark.parametrize(
    ("echo", "doubt"),
    [
        ({}, (None, False)),
        ({"task_name": NAME[:18]}, (None, False)),
        ({"task_name": None}, (None, False)),
        ({"task_name": "spring"}, ("task_name", True)),
        ({"task_name": ""}, ("task_name", True)),
        ({"task_name": f"{'z' * 16} | spring"}, ("task_name", False)),
        ({"sender_id": 2}, ("sender_id", False)),
        ({"sender_id": None}, (None, False)),
        ({"message": "n", "task_name": "spring"}, ("message", False)),
    ],
)
def test_what_an_echo_says(echo, doubt):
    """Ours by its marker; lost if only the marker is missing; somebody else's if more differs."""
    created = CreatedCampaign(7, **{"task_name": NAME, "sender_id": 1, "message": "m", **echo})

    assert rules.echo_doubt(draft(task_name=NAME), created, MARKER) == doubt


# Rows as data


@pytest.mark.parametrize(
    "it",
    [row(), row(State.ACCEPTED, task_id=7, send_date=datetime(2026, 7, 1)), row(missed=1.5, missed_by_server=2.0)],  # noqa: DTZ001
)
def test_a_row_travels_as_json(it):
    """As other stores keep it."""
    assert LedgerRow.from_dict(json.loads(json.dumps(it.to_dict()))) == it


@pytest.mark.parametrize(
    "change", [{"state": "sent"}, {"handle": {}}, {"handle": None}, {"send_date": 7}, {"send_date": "x"}, {"more": 1}]
)
def test_a_row_that_was_not_written_by_us_is_refused(change):
    """As something that cannot be trusted."""
    with pytest.raises(LedgerError, match=r"^a row of the ledger cannot be read"):
        LedgerRow.from_dict({**row().to_dict(), **change})


def test_a_row_without_a_part_is_refused():
    """Whichever."""
    whole = row().to_dict()
    for name in whole:
        with pytest.raises(LedgerError):
            LedgerRow.from_dict({key: value for key, value in whole.items() if key != name})


def test_an_accepted_row_and_its_draft_make_the_campaign():
    """The ledger keeps no text: the same draft brings it along."""
    full = draft(task_name="spring", recipients=None, address_book=5, message_type=MessageType.SYSTEM)

    assert rules.created_of(row(State.ACCEPTED, task_id=7, send_date=NOON), full) == CreatedCampaign(
        7,
        task_name=NAME,
        message="m",
        message_type=MessageType.SYSTEM,
        sender_id=1,
        message_live_time=60,
        send_date=NOON,
        address_book_id=5,
        button_text=None,
        button_link=None,
        image_link=None,
        resend_sms=False,
        sms_text=None,
        sms_sender_name=None,
    )


def test_button_image_and_sms_are_part_of_it():
    """As the provider's answer has them: flat."""
    full = CampaignDraft.from_dict(
        {
            "sender_id": 1,
            "message_live_time": 60,
            "message": "m",
            "recipients": [380931111111],
            "additional": {
                "button": {"text": "b", "link": "https://b.example"},
                "image": {"link": "https://i.example"},
                "resend_sms": {"status": True, "sms_text": "s", "sms_sender_name": "n"},
            },
        }
    )
    made = rules.created_of(row(State.ACCEPTED, task_id=7), full)

    assert (made.button_text, made.button_link, made.image_link) == ("b", "https://b.example", "https://i.example")
    assert (made.resend_sms, made.sms_text, made.sms_sender_name) == (True, "s", "n")


def test_a_campaign_that_was_accepted_before_says_that_it_was_found():
    """Whoever counts what a run has created does not count it twice."""
    assert rules.created_of(row(State.ACCEPTED, task_id=7), draft()).found is True


@pytest.mark.parametrize("change", [{"task_id": None}, {"handle": evolve(HANDLE, marker=None)}])
def test_an_accepted_row_has_a_campaign_and_a_marker(change):
    """Else it cannot be trusted."""
    with pytest.raises(LedgerError, match=r"^an accepted row of the ledger has no campaign"):
        rules.created_of(row(State.ACCEPTED, **{"task_id": 7, **change}), draft())
