"""What is remembered of a create that ended without a clear answer."""

from __future__ import annotations

import hashlib
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from viber_async._sansio.campaigns import CampaignDraft, Image
from viber_async._sansio.outcome import CreateHandle, handle_of

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
