"""Results without a provider."""

from __future__ import annotations

import pickle

import attrs
import pytest

import viber_async
from viber_async import BlacklistAdded, Campaign, CampaignStatistics, SyncReport, to_dict
from viber_async.testing import make

SETTINGS = {"Timeout", "RetryPolicy", "RateLimit", "ApiKey", "ClientCredentials"}
PARTS_OF_A_DRAFT = {"Button", "Image", "ResendSms"}
PASSED_BETWEEN = {"Attempt", "Turn"}
"""What a session hands to a middleware, or to a rate limiter."""
RESULTS = [
    each
    for name in viber_async.__all__
    if isinstance(each := getattr(viber_async, name), type)
    and attrs.has(each)
    and name not in SETTINGS | PARTS_OF_A_DRAFT | PASSED_BETWEEN
]


@pytest.mark.parametrize("cls", RESULTS, ids=lambda cls: cls.__name__)
def test_every_result_type_can_be_made(cls: type) -> None:
    """Plausible and equal each time."""
    made = make(cls)

    assert isinstance(made, cls)
    assert make(cls) == made


def test_fields_are_changed_by_name() -> None:
    """The rest stays plausible."""
    made = make(Campaign, id=7, statistics=make(CampaignStatistics, read=3))

    assert (made.id, made.statistics.read, made.name) == (7, 3, "spring")
    assert pickle.loads(pickle.dumps(made)) == made
    assert to_dict(made)["statistics"]["read"] == 3


def test_a_field_that_is_not_there_is_named() -> None:
    """With those that are."""
    with pytest.raises(TypeError, match="BlacklistAdded has no field 'deleted'; it has added, exists"):
        make(BlacklistAdded, deleted=1)


def test_what_cannot_be_made_is_named() -> None:
    """With what can."""
    with pytest.raises(TypeError, match=r"nothing is known to make of int; there are .*Campaign"):
        make(int)


def test_the_rules_of_a_type_hold_for_what_is_made() -> None:
    """A report that does not add up is none."""
    with pytest.raises(ValueError, match="does not add up"):
        make(SyncReport, wanted=99)
