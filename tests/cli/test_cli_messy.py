"""The messy file: the same for the same seed, and with a line of every kind."""

from __future__ import annotations

import pytest

from viber_async import CampaignDraft, ValidationError
from viber_async.cli._messy import HEADER, JUNK, MAX_LINES, MIN_LINES, RANGES, SPELLINGS, Phone, messy, spelt

LONDON = Phone("44", area="2079460", rest="958")


def read(text: str) -> str:
    """What the library makes of *text*, by its public page."""
    draft = CampaignDraft(sender_id=1, message_live_time=60, message="x", recipients=[text])
    return (draft.recipients or ())[0]


def test_the_same_seed_is_the_same_file():
    """And another seed another one."""
    assert messy(3, lines=500, strangers=9) == messy(3, lines=500, strangers=9)
    assert messy(3, lines=500).lines != messy(4, lines=500).lines


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_means_the_same_phone(name):
    """To the library."""
    assert read(SPELLINGS[name](LONDON)) == LONDON.digits == "442079460958"


@pytest.mark.parametrize("name", JUNK)
def test_no_junk_is_read_as_a_phone(name):
    """Not even as another one."""
    with pytest.raises(ValidationError):
        read(JUNK[name](LONDON))


@pytest.mark.parametrize("lines", [MIN_LINES, 101, 5_000])
def test_a_file_has_as_many_lines_as_were_asked_for(lines):
    """Each of them new, a repetition or junk."""
    file = messy(0, lines=lines)

    assert len(file.lines) == lines == file.new + file.again + file.junk


def test_the_smallest_file_has_every_kind_of_line():
    """A header, all spellings, duplicates in other spellings, all junk."""
    file = messy(0, lines=MIN_LINES)
    kinds = {name for name, make in JUNK.items() if {make(phone) for phone in file.phones} & set(file.lines)}
    styles = {name for name, make in SPELLINGS.items() if {make(phone) for phone in file.phones} & set(file.lines)}

    assert file.lines[0] == HEADER
    assert kinds == set(JUNK)
    assert styles == set(SPELLINGS)
    assert file.again > 0


def test_the_phones_of_a_file_are_different_and_strangers_are_not_in_it():
    """So that a recipient can be picked who is not blacklisted."""
    file = messy(1, lines=2_000, strangers=50)
    both = file.phones + file.strangers

    assert len({phone.digits for phone in both}) == len(both) == file.new + 50


def test_the_ranges_hold_the_largest_file():
    """With strangers, and no two ranges have a phone in common."""
    begins = [each.country + each.area for each in RANGES]

    assert sum(each.size for each in RANGES) > MAX_LINES
    assert not [(a, b) for a in begins for b in begins if a is not b and b.startswith(a)]


def test_phones_can_be_spelt_at_random():
    """The same way for the same seed."""
    texts = spelt(5, (LONDON,) * 40)

    assert texts == spelt(5, (LONDON,) * 40)
    assert len(set(texts)) > 1
    assert {read(text) for text in texts} == {LONDON.digits}
