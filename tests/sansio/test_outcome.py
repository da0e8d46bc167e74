"""What is remembered of a create that ended without a clear answer."""

from __future__ import annotations

import hashlib
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from viber_async._sansio.campaigns import CampaignDraft, Image
from viber_async._sansio.outcome import CreateHandle, digest, handle_of
from viber_async.errors import ValidationError

AFTER = datetime(2024, 1, 31, 10, 0, 0, tzinfo=UTC)
BEFORE = datetime(2024, 1, 31, 10, 2, 30, tzinfo=UTC)
PHONE = "380931112111"


def draft(**fields) -> CampaignDraft:
    given: dict[str, Any] = {"sender_id": 7, "message_live_time": 3600, "task_name": "spring", "message": "привіт"}
    return CampaignDraft(**given | {"recipients": [PHONE]} | fields)


def handle(**fields) -> CreateHandle:
    return handle_of(draft(**fields), sent_after=AFTER, sent_before=BEFORE)


def test_a_handle_holds_what_the_campaign_can_be_found_by():
    """Name, sender, a digest of the text, and the window."""
    assert handle() == CreateHandle(
        task_name="spring",
        sender_id=7,
        message_digest=hashlib.sha256("привіт".encode()).hexdigest(),
        sent_after=AFTER,
        sent_before=BEFORE,
    )


def test_a_campaign_without_a_name_is_remembered_without_one():
    """The server invents it."""
    assert handle(task_name=None).task_name is None


def test_an_image_alone_has_no_digest():
    """None is not the digest of an empty text."""
    assert handle(message=None, image=Image("https://example.com/a.png")).message_digest is None


@pytest.mark.parametrize("form", [repr, lambda it: pickle.dumps(it).decode("latin-1")])
def test_a_handle_holds_no_phones_and_no_text(form):
    """It may be written to a log or a queue as it is."""
    assert not [word for word in (PHONE, "привіт") if word in form(handle())]


def test_a_handle_travels_between_processes():
    """Reconciling may be done by another one."""
    assert pickle.loads(pickle.dumps(handle())) == handle()


def test_a_handle_travels_as_json():
    """In a queue, a column, a log."""
    marked = handle_of(draft(), sent_after=AFTER, sent_before=BEFORE, by_server=True, marker="a" * 16)
    for it in (handle(), handle(sender_id=1), marked, marked.lost_its_marker()):
        read = CreateHandle.from_dict(json.loads(json.dumps(it.to_dict())))
        assert read == it
        assert read.name_digest == it.name_digest


@pytest.mark.parametrize(
    "change",
    [
        {"sender_id": 0},
        {"sender_id": "7"},
        {"sender_id": True},
        {"task_name": 7},
        {"name_digest": "short"},
        {"message_digest": "X" * 64},
        {"sent_after": "2024-01-31T10:00:00"},
        {"sent_before": None},
        {"sent_before": 1706695200},
        {"sent_before": "yesterday"},
        {"by_server": 1},
        {"marker": "A" * 16},
        {"marker_lost": None},
        {"more": 1},
    ],
)
def test_what_to_dict_did_not_write_is_refused(change):
    """By the name of the field, where it is one."""
    with pytest.raises(ValidationError) as caught:
        CreateHandle.from_dict(handle().to_dict() | change)

    name = next(iter(change))
    whole = "give what CreateHandle.to_dict() gave, whole"
    as_written = "is not as CreateHandle.to_dict() writes it"
    expected = ("handle", whole, "a dict of 10") if name == "more" else (f"handle.{name}", as_written, "None")
    assert (caught.value.field, caught.value.rule, caught.value.shown) == expected


@pytest.mark.parametrize("wrong", [{}, None, [], "handle"])
def test_a_handle_is_read_from_a_whole_object(wrong):
    """A part of one is none."""
    with pytest.raises(ValidationError, match="whole"):
        CreateHandle.from_dict(wrong)


def test_phones_in_a_name_are_masked_and_the_name_is_still_known():
    """By its digest."""
    it = handle(task_name=f"order of {PHONE}")

    assert PHONE not in json.dumps(it.to_dict()) + repr(it)
    assert it.name_digest == digest(f"order of {PHONE}")


def test_with_a_marker_the_name_does_not_matter():
    """And is not kept."""
    it = handle_of(draft(), sent_after=AFTER, sent_before=BEFORE, marker="a" * 16)

    assert (it.task_name, it.name_digest, it.marker, it.by_server) == (None, None, "a" * 16, False)


def test_a_lost_marker_is_the_only_thing_that_changes():
    """What it is recognised by stays."""
    it = handle_of(draft(), sent_after=AFTER, sent_before=BEFORE, by_server=True, marker="a" * 16)

    assert (it.marker_lost, it.by_server) == (False, True)
    assert it.lost_its_marker() == evolve(it, marker_lost=True) != it


@pytest.mark.parametrize("text", ["2024-01-31T10:00:00+00:00", "2024-01-31T13:00:00+03:00"])
def test_the_moments_of_a_handle_are_in_utc(text):
    """Whatever zone they were written in, and wherever they are read."""
    found = CreateHandle.from_dict(handle().to_dict() | {"sent_after": text}).sent_after

    assert found == AFTER
    assert found.tzinfo is UTC


def test_a_digest_is_the_same_for_every_version():
    """It stands in ledgers; also of text that is none."""
    assert digest("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert digest("a\ud800") == hashlib.sha256(b"a\xed\xa0\x80").hexdigest()


@pytest.mark.parametrize(("one", "other"), [("a\r\nb", "a\nb"), ("", None)])
def test_texts_that_mean_the_same_have_one_digest(one, other):
    """Line ends come back as another system writes them, and no text as an empty one."""
    assert digest(one) == digest(other)
