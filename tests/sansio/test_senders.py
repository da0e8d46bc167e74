import copy
import json
import pickle
from pathlib import Path

import pytest

from viber_async._sansio.call import Kind, Unreadable
from viber_async._sansio.converter import make_converter, to_dict
from viber_async._sansio.senders import Sender, SenderStatus, get_sender, list_senders
from viber_async._sansio.wire_json import loads
from viber_async.errors import ValidationError

SAMPLES = Path(__file__).parents[1] / "samples"


def sample(name):
    return loads((SAMPLES / name).read_bytes())


def read_one(**changes):
    return get_sender(1).read(make_converter(None), {"id": 1, "name": "myName", **changes})


def test_all_senders_are_asked_for_at_once():
    """The call has no paging."""
    call = list_senders()

    assert (call.kind, call.method, call.path, call.params, call.body) == (Kind.READ, "GET", "/viber/senders", {}, None)


@pytest.mark.parametrize(
    ("call", "name"), [(list_senders(), "senders.list"), (get_sender(1), "senders.get")], ids=["list", "get"]
)
def test_a_call_has_the_name_that_a_user_knows_it_by(call, name):
    """It stands in logs and traces."""
    assert call.name == name


def test_one_sender_is_asked_for_by_its_id():
    """A plain number in the path."""
    call = get_sender(4495)

    assert (call.kind, call.method, call.path, call.body) == (Kind.READ, "GET", "/viber/senders/4495", None)


@pytest.mark.fault("I18")
@pytest.mark.parametrize("value", [0, -1, True, 2**63, 1.0, None, "1", "1/../../task", "1?x=1", " 1", "\uff11"])
def test_only_a_positive_int_reaches_the_path(value):
    """Row I18: "..", "/" and "?" would reach another call."""
    with pytest.raises(ValidationError) as caught:
        get_sender(value)

    assert caught.value.field == "sender_id"


def test_the_list_of_the_page_is_read():
    """Field by field."""
    (found,) = list_senders().read(make_converter(None), sample("list_senders__one.json"))

    assert found == Sender(
        1,
        name="myName",
        status=SenderStatus.VERIFIED,
        service_type="Test service",
        web_site="https://www.sendpulse.com",
        description="We are testing the final variant of the message",
        country="UK",
        traffic_type="Public information",
        admin_comment="Your name has been approved, thank you for choosing our service. Sendpulse team",
    )


def test_the_single_sender_of_the_page_is_read():
    """A bare object."""
    found = get_sender(1).read(make_converter(None), sample("get_sender__verified.json"))

    assert (found.id, found.name, found.status) == (1, "infoservice", "verified")


@pytest.mark.fault("P08")
@pytest.mark.parametrize("status", ["verified", "pending", "blocked", None])
def test_a_status_may_be_any_word(status):
    """Known words are members, new ones become members."""
    found = read_one(status=status).status

    assert found == status
    assert status is None or isinstance(found, SenderStatus)


@pytest.mark.fault("P07")
@pytest.mark.parametrize(
    ("data", "country"),
    [
        ({"country": "UK"}, "UK"),
        ({"countries": ["UK", "UA"]}, "UK, UA"),
        ({"countries": "UK"}, "UK"),
        ({"country": ["UK"]}, "UK"),
        ({"country": None, "countries": ["UA"]}, "UA"),
        ({"countries": []}, ""),
        ({"country": None}, None),
        ({}, None),
    ],
)
def test_the_country_may_come_as_a_list_of_countries(data, country):
    """`country` is a string on the page (A), `countries` a list in a fixture (B)."""
    assert read_one(**data).country == country


def test_an_undocumented_owner_is_kept():
    """ "you" in a fixture, and nowhere explained."""
    assert read_one(owner="you").extras == {"owner": "you"}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ([], ""),
        ({"name": "x"}, "id"),
        ({"id": "x", "name": "x"}, "id"),
        ({"id": 1}, "name"),
        ({"id": 1, "name": "x", "status": 1}, "status"),
        ({"id": 1, "name": "x", "countries": ["UK", 5]}, "countries"),
    ],
)
def test_what_is_no_sender_is_unreadable(data, where):
    """With the path of what is wrong."""
    with pytest.raises(Unreadable) as caught:
        get_sender(1).read(make_converter(None), data)

    assert caught.value.where == where


def test_a_sender_is_a_value():
    """Comparable, hashable, picklable, copyable, and plain JSON when asked for."""
    found = read_one(status="new word", owner="you")

    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    assert {found: 1}[read_one(status="new word", owner="you")] == 1
    assert json.loads(json.dumps(to_dict(found)))["extras"] == {"owner": "you"}
