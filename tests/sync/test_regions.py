"""National spellings, for those who say whose they are."""

from __future__ import annotations

import re
import sys

import pytest

from viber_async import ConfigurationError, ValidationError
from viber_async.sync.regions import reader_for
from viber_async.sync.source import Source

READ = [
    ("UA", "0931111111", "380931111111"),
    ("UA", "093 111-11-11", "380931111111"),
    ("UA", "(093) 1111111", "380931111111"),
    ("UA", "931111111", "380931111111"),
    ("UA", 931111111, "380931111111"),
    ("UA", "380931111111", "380931111111"),
    ("UA", 380931111111, "380931111111"),
    ("UA", "+380 93 111 11 11", "380931111111"),
    ("UA", "00380931111111", "380931111111"),
    ("UA", "+44 20 7946 0958", "442079460958"),
    ("UA", "442079460958", "442079460958"),
    ("UA", "00442079460958", "442079460958"),
    ("GB", "020 7946 0958", "442079460958"),
    ("US", "(212) 555-2368", "12125552368"),
    ("US", "2125552368", "12125552368"),
]


@pytest.mark.parametrize(("region", "value", "digits"), READ)
def test_a_national_spelling_is_read(region, value, digits):
    """And an international one still is."""

    assert reader_for(region)(value, "wanted") == digits


REFUSED = [
    ("UA", "0131111111", "neither a phone as it is written in UA"),
    ("UA", "93111111", "neither a phone as it is written in UA nor one with its country code"),
    ("UA", "0931111111 ext 5", "a phone is 8 to 15 digits"),
    ("UA", "0800FLOWERS", "a phone is 8 to 15 digits"),
    ("UA", "\u0660931111111", "a phone is 8 to 15 digits"),
    ("UA", "", "a phone has digits"),
    ("UA", "0", "neither a phone as it is written in UA"),
    ("UA", "+38", "8 to 15 digits"),
    ("UA", "99999999999999", "neither a phone as it is written in UA"),
    ("UA", True, "a string or an int"),
    ("UA", None, "a string or an int"),
    ("UA", 9.5, "a float has lost"),
]


@pytest.mark.parametrize(("region", "value", "said"), REFUSED)
def test_what_is_no_phone_there_stays_none(region, value, said):
    """No word is dialled, no extension dropped, no country tried."""
    with pytest.raises(ValidationError, match=said) as caught:
        reader_for(region)(value, "wanted")

    assert not re.search(r"\d{8}", str(caught.value))


@pytest.mark.parametrize("region", ["XX", "ua", "", 380, ["UA"]])
def test_a_region_is_two_capital_letters(region):
    """Of a country that there is."""
    with pytest.raises(ValidationError, match="region: a country by its two capital letters"):
        Source([], region=region)


def test_a_missing_library_says_what_to_install(monkeypatch):
    """When the source is made, not in the middle of the night's list."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)

    with pytest.raises(ConfigurationError, match=r'pip install "viber-async\[phones\]"'):
        Source([], region="UA")


async def test_plain_digits_are_judged_by_the_region_too():
    """They could be a national number."""
    source = Source(["931111111", "0931111111"], region="UA")

    assert [list(chunk) async for chunk in source.chunks()] == [[380931111111, 380931111111]]
