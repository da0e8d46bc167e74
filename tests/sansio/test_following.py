"""When a campaign is over, by its status and its figures."""

from __future__ import annotations

import pytest

from viber_async import Campaign, CampaignStatistics, CampaignStatus, ValidationError
from viber_async._sansio.following import checked_every, is_over

TABLE = [
    ("sent", (10, 8, 5, 1, 2, 0), True),
    ("send", (10, 8, 5, 1, 2, 0), True),
    ("sent", (10, 8, 5, 1, 1, 0), False),
    ("sent", (10, 9, 5, 1, 2, 0), True),
    ("sent", (1, 1, 0, 0, 0, 0), True),
    ("sent", (0, 0, 0, 0, 0, 3), True),
    ("sent", (0, 0, 0, 0, 0, 0), False),
    ("sending", (10, 8, 5, 1, 2, 0), False),
    ("moderation", (10, 8, 5, 1, 2, 0), False),
    ("rejected", (10, 8, 5, 1, 2, 0), False),
    (None, (10, 8, 5, 1, 2, 0), False),
    ("sent", None, False),
]


@pytest.mark.parametrize(("status", "figures", "over"), TABLE)
def test_a_campaign_is_over_once_each_message_has_its_end(status, figures, over):
    """Delivered or given up; reads and clicks are not waited for, and figures that are missing prove nothing."""
    names = ("sent", "delivered", "read", "redirected", "undelivered", "errors")
    campaign = Campaign(
        1,
        name="spring",
        sender_id=1,
        message_live_time=60,
        status=None if status is None else CampaignStatus(status),
        statistics=None if figures is None else CampaignStatistics(**dict(zip(names, figures, strict=True))),
    )

    assert is_over(campaign) is over


@pytest.mark.parametrize("value", [0.01, 0.5, 1, 86_400])
def test_a_watch_may_look_that_often(value):
    """From a hundredth of a second to a day, as a float."""
    assert (checked_every(value), type(checked_every(value))) == (value, float)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-1, "-1"),
        (0.0099, "0.0099"),
        (86_400.01, "86400.01"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (True, "True"),
        ("5", "'5'"),
        (None, "None"),
    ],
)
def test_a_watch_that_often_is_refused(value, shown):
    """With the field, the rule and the value."""
    with pytest.raises(ValidationError) as caught:
        checked_every(value)

    assert caught.value.field == "every"
    assert str(caught.value) == f"every: seconds, from 0.01 to 86400 (a day), between two looks; got {shown}"
