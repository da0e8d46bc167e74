"""Credentials, margins and the token call's answer."""

from __future__ import annotations

import json
import math
import pickle

import pytest
from attrs.exceptions import FrozenInstanceError

from tests.naming import spelled
from viber_async._sansio import tokens, wire_json
from viber_async._sansio.call import SMALL_BYTES, Kind, Unreadable
from viber_async._sansio.converter import make_converter
from viber_async._sansio.tokens import (
    LONGEST_TOKEN,
    ApiKey,
    ClientCredentials,
    Grant,
    StoredToken,
    Token,
    account_of,
    flaw_of,
    in_use,
    is_newer,
    is_worth_giving,
    lasts,
    read_grant,
    token_call,
)
from viber_async.errors import ConfigurationError

CREDENTIALS = ClientCredentials("the-id", "the-secret")
CONVERTER = make_converter(None)
MISSING = object()

UNFIT = [
    ("", "empty"),
    (" ", "a space"),
    ("ab cd", "a space inside"),
    ("abcd ", "a space behind"),
    (" abcd", "a space before"),
    ("abcd\n", "a line feed"),
    ("ab\r\ncd", "a header of its own"),
    ("ab\tcd", "a tab"),
    ("ab\x00cd", "a NUL"),
    ("abcd\x7f", "DEL"),
    ("abcd\u00e9", "Latin-1"),
    ("\uff41bcd", "full-width"),
    ("x" * (LONGEST_TOKEN + 1), "one too many"),
    ("x" * 10**6, "a megabyte"),
    (b"abcd", "bytes"),
    (None, "None"),
    (5, "an int"),
    (True, "a bool"),
    (["abcd"], "a list"),
]
UNFIT_VALUES = [pytest.param(value, id=name) for value, name in UNFIT]
FIT_VALUES = ["a", "!", "~", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "x" * LONGEST_TOKEN]


def grant(**changes) -> object:
    answer = {"access_token": "abc.def", "token_type": "Bearer", "expires_in": 3600} | changes
    return {key: value for key, value in answer.items() if value is not MISSING}


def read(**changes) -> Grant:
    return read_grant(CONVERTER, grant(**changes))


@pytest.mark.parametrize("value", FIT_VALUES, ids=len)
def test_a_credential_may_be_any_visible_ascii(value):
    """From ! to ~, and 4096 of them."""
    assert (ClientCredentials(value, value).client_secret, ApiKey(value).key) == (value, value)


@pytest.mark.fault("S05", "I21")
@pytest.mark.parametrize("value", UNFIT_VALUES)
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda value: ClientCredentials(value, "fine"), "ClientCredentials: client_id"),
        (lambda value: ClientCredentials("fine", value), "ClientCredentials: client_secret"),
        (ApiKey, "ApiKey: key"),
    ],
    ids=["id", "secret", "key"],
)
def test_a_credential_that_could_break_a_header_is_refused_without_being_shown(make, what, value):
    """By name, with the rule."""
    with pytest.raises(ConfigurationError) as caught:
        make(value)

    assert str(caught.value) == (
        f"{what} must be a string of 1 to 4096 visible ASCII characters, without spaces or line breaks; "
        "check how it was read from its file or variable"
    )


@pytest.mark.fault("S04")
def test_secrets_are_not_shown():
    """Not in any repr; the id alone is."""
    shown = [
        CREDENTIALS,
        ApiKey("the-key"),
        Grant("tok", lifetime=1),
        Token(value="tok"),
        StoredToken(value="tok", expires_at=1.0),
    ]

    assert list(map(repr, shown)) == [
        "ClientCredentials(client_id='the-id')",
        "ApiKey()",
        "Grant(lifetime=1)",
        "Token(asked_at=-inf, refresh_at=inf, over_at=inf, ends_at=inf)",
        "StoredToken(expires_at=1.0, lifetime=None)",
    ]


@pytest.mark.parametrize(
    "value",
    [CREDENTIALS, ApiKey("k"), Token(value="t"), StoredToken(value="t", expires_at=1.0), Grant("t", lifetime=1)],
)
def test_values_do_not_change_and_can_be_sent_to_another_process(value):
    """Frozen, and equal after the journey."""
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(FrozenInstanceError):
        value.value = "x"


@pytest.mark.parametrize(
    ("lifetime", "chance", "refresh_in", "over_in"),
    [
        (3600, 0.0, 3300.0, 3540.0),
        (3600, 1.0, 3360.0, 3540.0),
        (3600, 0.5, 3330.0, 3540.0),
        (86400, 0.0, 86100.0, 86340.0),
        (1200, 0.0, 900.0, 1140.0),
        (1199, 0.0, 899.25, 1139.0),
        (1201, 0.0, 901.0, 1141.0),
        (600, 0.0, 450.0, 540.0),
        (599, 0.0, 449.25, 539.1),
        (601, 0.0, 450.75, 541.0),
        (100, 1.0, 80.0, 90.0),
        (1, 0.0, 0.75, 0.9),
    ],
)
def test_a_token_is_replaced_early_and_never_used_late(lifetime, chance, refresh_in, over_in):
    """Five minutes and one before its end, or a quarter and a tenth of a short life; chance takes up to a fifth."""
    token = in_use("t", left=lifetime, lifetime=lifetime, now=1000.0, chance=chance)

    assert (token.refresh_at - 1000, token.over_at - 1000) == pytest.approx((refresh_in, over_in))
    assert (token.value, token.asked_at, token.ends_at) == ("t", 1000.0, 1000.0 + lifetime)


@pytest.mark.parametrize(
    ("left", "lifetime", "moments"),
    [
        (1800, 3600, (-1800, 1500, 1740, 1800)),
        (100, 3600, (-3500, -200, 40, 100)),
        (59, 3600, (-3541, -241, -1, 59)),
        (-5, 3600, (-3605, -305, -65, -5)),
        (50, 100, (-50, 25, 40, 50)),
        (3600, 3600, (0, 3300, 3540, 3600)),
        (3601, 3600, (0, 3300, 3540, 3600)),
        (90000, 3600, (0, 3300, 3540, 3600)),
        (1000, None, (-85400, 700, 940, 1000)),
        (90000, None, (0, 86100, 86340, 86400)),
    ],
)
def test_what_is_left_of_a_token_has_the_margins_of_its_whole_life(left, lifetime, moments):
    """A day, where it is not known how long it was; and nobody's clock makes it live longer than that."""
    token = in_use("t", left=left, lifetime=lifetime, now=1000.0, chance=0.0)
    found = (token.asked_at, token.refresh_at, token.over_at, token.ends_at)

    assert tuple(moment - 1000 for moment in found) == moments


@pytest.mark.parametrize("lifetime", [1, 10, 299, 300, 599, 600, 601, 1199, 1200, 1201, 3600, 86400])
@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_there_is_always_time_between_early_and_late(lifetime, chance):
    """And a fresh token is not to be replaced at once."""
    token = in_use("t", left=lifetime, lifetime=lifetime, now=0.0, chance=chance)

    assert 0 < token.refresh_at < token.over_at < lifetime


@pytest.mark.parametrize(
    ("lifetime", "age", "needed", "lasting"),
    [
        # it lives that long
        (3600, 3450, 150, True),
        (3600, 3451, 150, False),
        (3600, 0, 3600, True),
        # a new one would, but this one is young
        (160, 10, 150, True),
        (160, 11, 150, True),
        (160, 29.9, 150, True),
        (160, 30, 150, False),
        (150, 29.9, 150, True),
        (150, 30, 150, False),
        # none would: in the first half of its life it is as good as any
        (149, 0, 150, True),
        (149, 74, 150, True),
        (149, 75, 150, False),
        (10, 4.9, 150, True),
        (10, 5, 150, False),
        (3600, 1799, 7200, True),
        (3600, 1800, 7200, False),
        # nobody needs it for long
        (3600, 3599, 0, True),
        (3600, 3599, -math.inf, True),
    ],
)
def test_a_token_for_a_campaign_outlives_its_deadline_or_is_as_good_as_any(lifetime, age, needed, lasting):
    """Both sides of each edge; so no call asks for one token after another."""
    now = 1000.0
    token = in_use("t", left=lifetime - age, lifetime=lifetime, now=now, chance=0.0)

    assert lasts(token, now + needed, now=now) is lasting


@pytest.mark.parametrize("until", [0.0, 1e9, math.inf])
def test_a_key_outlives_every_deadline(until):
    """It has no end."""
    assert lasts(Token(value="k"), until, now=5.0)


@pytest.mark.parametrize(
    ("left", "lifetime", "stale", "worth"),
    [
        (61, 3600, None, True),
        (60, 3600, None, False),
        (61, 3600, "t", False),
        (61, 3600, "another", True),
        (11, 100, None, True),
        (10, 100, None, False),
        (61, None, None, True),
        (60, None, None, False),
        (-1, 3600, None, False),
        (7200, 3600, None, True),
    ],
)
def test_a_kept_token_is_given_unless_it_is_the_stale_one_or_as_good_as_over(left, lifetime, stale, worth):
    """By the margin in which nobody would use it."""
    kept = StoredToken(value="t", expires_at=1000.0 + left, lifetime=lifetime)

    assert is_worth_giving(kept, stale=stale, now=1000.0) is worth


DAY = 86400
WORDS = {
    None: None,
    "end": "a token without a believable end",
    "life": "a token without a believable life",
    "header": "a token that no header can carry",
    "StoredToken": "something that is no StoredToken",
}


@pytest.mark.parametrize(
    ("stored", "flaw"),
    [
        (StoredToken(value="t", expires_at=0), None),
        (StoredToken(value="t", expires_at=1000 + 2 * DAY), None),
        (StoredToken(value="t", expires_at=1001 + 2 * DAY), "end"),
        (StoredToken(value="t", expires_at=-1), "end"),
        (StoredToken(value="t", expires_at=math.nan), "end"),
        (StoredToken(value="t", expires_at=True), "end"),
        (StoredToken(value="t", expires_at=2, lifetime=1), None),
        (StoredToken(value="t", expires_at=2, lifetime=DAY), None),
        (StoredToken(value="t", expires_at=2, lifetime=DAY + 1), "life"),
        (StoredToken(value="t", expires_at=2, lifetime=0.9), "life"),
        (StoredToken(value="t", expires_at=2, lifetime=math.nan), "life"),
        (StoredToken(value="t", expires_at=2, lifetime=math.inf), "life"),
        (StoredToken(value="t", expires_at=2, lifetime=True), "life"),
        (StoredToken(value="t", expires_at=2, lifetime="3600"), "life"),
        (StoredToken(value="t\n", expires_at=2), "header"),
        ("t", "StoredToken"),
    ],
    ids=repr,
)
def test_what_a_store_gives_is_a_token_or_it_is_said_why_not(stored, flaw):
    """Without showing it."""
    assert flaw_of(stored, now=1000.0) == WORDS[flaw]


@pytest.mark.parametrize(
    ("value", "over_at", "fetched", "newer"),
    [
        ("new", 1001.0, False, True),
        ("new", 1000.0, False, False),
        ("new", 500.0, True, True),
        ("old", 1060.0, True, False),
        ("old", 1060.1, True, True),
        ("old", 9999.0, False, False),
    ],
)
def test_a_token_takes_the_place_of_one_that_serves_if_it_is_newer(value, over_at, fetched, newer):
    """One that was asked for is; one that was kept, if it lives longer; the same, if it was given a longer life."""
    token, serving = Token(value=value, over_at=over_at), Token(value="old", over_at=1000.0)

    assert is_newer(token, serving, fetched=fetched) is newer


def test_a_key_is_never_over():
    """It lives until it is revoked."""
    key = Token(value="k")

    assert (key.refresh_at, key.over_at, key.ends_at) == (math.inf, math.inf, math.inf)


def test_the_margins_are_those_of_the_table():
    """Named, so that a change of one is seen."""
    assert (tokens.ADVISORY, tokens.MANDATORY, tokens.BETWEEN_TRIES, tokens.REFUSED_FOR) == (300.0, 60.0, 30.0, 5.0)
    assert tokens.YOUNG == 30.0
    assert (tokens.UNSTATED_LIFETIME, tokens.LONGEST_LIFETIME, tokens.LONGEST_TOKEN) == (300, 86400, 4096)


def test_an_account_has_a_name_that_says_nothing():
    """The same for the same account, another for another id or host, whatever the secret."""
    name = account_of(CREDENTIALS, "https://api.sendpulse.com")

    assert name == account_of(ClientCredentials("the-id", "other"), "https://api.sendpulse.com")
    assert name != account_of(ClientCredentials("the-ib", "the-secret"), "https://api.sendpulse.com")
    assert name != account_of(CREDENTIALS, "https://other.example")
    assert len(name) == 32
    assert not set(name) - set("0123456789abcdef")
    assert "the-id" not in name


def test_the_token_call_asks_as_the_provider_says():
    """A small answer, a row of its own in the table of repetitions."""
    call = token_call(CREDENTIALS)

    assert (call.kind, call.method, call.path, call.max_bytes) == (
        Kind.TOKEN,
        "POST",
        "/oauth/access_token",
        SMALL_BYTES,
    )
    assert json.loads(call.body or b"") == {
        "grant_type": "client_credentials",
        "client_id": "the-id",
        "client_secret": "the-secret",
    }
    assert call.read(CONVERTER, grant()) == Grant("abc.def", lifetime=3600)
    assert call.secret == "the-secret"  # so that it is cut out of whatever comes back
    assert "the-secret" not in repr(call)


@pytest.mark.parametrize(
    ("written", "lifetime"),
    [
        (MISSING, 300),
        (None, 300),
        (3600, 3600),
        (7200, 7200),
        (1, 1),
        (86399, 86399),
        (86400, 86400),
        (86401, 86400),
        (1_000_000_000, 86400),
        ("3600", 3600),
        ("1", 1),
        ("99999999999", 86400),
    ],
)
def test_a_lifetime_is_believed_up_to_a_day(written, lifetime):
    """A digit string too: this host writes other numbers so. Where nothing is said, five minutes."""
    assert read(expires_in=written).lifetime == lifetime


@pytest.mark.parametrize(
    "written",
    [
        0,
        -1,
        "0",
        "-1",
        "",
        " 3600",
        "3600 ",
        "+3600",
        "3_600",
        "1e9",
        "3600.0",
        "\uff13\uff16",
        "\u00b2",
        "9" * 12,
        "9" * 5000,
        True,
        False,
        [3600],
        {},
        "NaN",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_lifetime_that_is_no_positive_int_is_an_error(written):
    """Guessing one would mean to use a token that is over, or never to replace it."""
    with pytest.raises(Unreadable) as caught:
        read(expires_in=written)

    assert (caught.value.where, caught.value.why) == ("expires_in", "not a positive number of seconds")


@pytest.mark.parametrize("number", ["1e9", "3600.0", "1e400", "NaN", "Infinity", "-0.0"])
def test_a_lifetime_with_a_fraction_is_an_error(number):
    """As the wire has it, through our own parser."""
    with pytest.raises(Unreadable):
        read_grant(CONVERTER, wire_json.loads(f'{{"access_token": "a", "expires_in": {number}}}'.encode()))


@pytest.mark.parametrize("value", FIT_VALUES, ids=len)
def test_a_token_may_be_any_visible_ascii(value):
    """As long as it fits a header."""
    assert read(access_token=value).value == value


@pytest.mark.parametrize("value", [*UNFIT_VALUES, pytest.param(MISSING, id="missing")])
def test_a_token_that_could_break_a_header_is_refused_without_being_shown(value):
    """Said is where and which rule."""
    with pytest.raises(Unreadable) as caught:
        read(access_token=value)

    assert (caught.value.where, caught.value.why) == ("access_token", "not 1 to 4096 visible ASCII characters")


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", MISSING, None], ids=spelled)
def test_a_bearer_token_is_what_we_can_use(kind):
    """In any case; where nothing is said, it is one."""
    assert read(token_type=kind).value == "abc.def"


@pytest.mark.parametrize("kind", ["mac", "", "Bearer ", 5, ["Bearer"]], ids=repr)
def test_any_other_kind_of_token_is_refused(kind):
    """A mac token sent as a bearer would be given away."""
    with pytest.raises(Unreadable) as caught:
        read(token_type=kind)

    assert (caught.value.where, caught.value.why) == ("token_type", "only Bearer tokens can be used")


@pytest.mark.parametrize("answer", [[], None, "abc", 5, True, [{"access_token": "a"}]], ids=repr)
def test_an_answer_that_is_no_object_cannot_be_read(answer):
    """Whatever it holds."""
    with pytest.raises(Unreadable) as caught:
        read_grant(CONVERTER, answer)

    assert (caught.value.where, caught.value.why) == ("", "an object was expected")
