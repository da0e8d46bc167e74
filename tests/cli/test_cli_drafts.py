"""Drafts as files: JSON as it is, and YAML without a single guess."""

from __future__ import annotations

import pytest

from viber_async import CampaignDraft, UsageError, ValidationError
from viber_async.cli._draft import MAX_DRAFT, draft_fields

TEXTS = [
    # what stands in the file, and what a text or a phone becomes
    ("no", "no"),
    ("yes", "yes"),
    ("on", "on"),
    ("0501234567", "0501234567"),
    ("0o17", "0o17"),
    ("0x1F", "0x1F"),
    ("+380931111111", "+380931111111"),
    ("380_931_111_111", "380_931_111_111"),
    ("12:30:00", "12:30:00"),
    ("3.80931E+11", "3.80931E+11"),
    (".inf", ".inf"),
    ("2026-11-24", "2026-11-24"),
    ("2026-11-24 10:00:00", "2026-11-24 10:00:00"),
    ('"null"', "null"),
    ("'~'", "~"),
    ("null", None),
    ("~", None),
    ("", None),
    ("=", "="),
    ('"\\u05e9\\u05dc\\u05d5\\u05dd"', "שלום"),
]


@pytest.mark.parametrize(("written", "read"), TEXTS)
def test_a_scalar_of_yaml_is_the_text_that_stands_there(written, read):
    """Neither a flag, nor an octal, nor a sexagesimal number, nor a date; null alone is nothing."""

    assert draft_fields(f"message: {written}\n", "draft.yaml") == {"message": read}


WRONG_NUMBERS = ["010", "0o10", "1_000", "1:00:00", "+1", "-1", "1.0", "1e3", "0x10", "one", "' 1'", "true"]


@pytest.mark.parametrize("written", WRONG_NUMBERS)
@pytest.mark.parametrize("name", ["sender_id", "message_live_time", "message_type", "address_book", "stretch_time"])
def test_a_number_of_yaml_is_written_with_digits_alone(name, written):
    """Whatever YAML would make of it otherwise is refused, with the field's name and what to write."""
    with pytest.raises(ValidationError, match="digits alone") as refused:
        draft_fields(f"{name}: {written}", "draft.yaml")

    assert refused.value.field == name


def test_a_number_that_is_left_open_is_none():
    """As in JSON, where the unused audience may be null."""

    assert draft_fields("address_book:\nstretch_time: ~", "draft.yaml") == {"address_book": None, "stretch_time": None}


@pytest.mark.parametrize(
    ("phone", "why"),
    [
        ("0501234567", "starts with its country code"),
        ("380_931_111_111", "8 to 15 digits"),
        ("12:30:00", "8 to 15 digits"),
        ("3.80931E+11", "a spreadsheet made a number of this"),
        ("0o5012345670", "8 to 15 digits"),
        ("no", "has none"),
        ("~", "a string or an int"),
    ],
)
def test_a_phone_that_yaml_would_bend_is_refused_and_never_guessed(phone, why):
    """An octal 0501234567 would be the phone of somebody else."""
    text = f"{{sender_id: 1, message_live_time: 60, send_date: now, message: hi, recipients: [{phone}]}}"
    with pytest.raises(ValidationError, match=why) as refused:
        CampaignDraft.from_dict(draft_fields(text, "draft.yaml"))

    assert refused.value.field == "recipients[0]"


WHOLE = """
# a comment
task_name: spring
sender_id: 1
message_live_time: 3600
message_type: 2
send_date: 2099-01-02 10:00:00
recipients:
  - +380931111111
  - 380931111112
  - "+380 93 111 11 13"
message: |-
  Hello,
  you
stretch_time: 0
additional:
  button: {text: yes, link: https://example.com}
  resend_sms: {status: true, sms_text: 007, sms_sender_name: no}
"""


def test_a_draft_in_yaml_is_the_same_as_in_json():
    """In the provider's own words, with all that there is."""
    draft = CampaignDraft.from_dict(draft_fields(WHOLE, "draft.yml"))

    assert draft.recipients == ("380931111111", "380931111112", "380931111113")
    assert (draft.message, draft.stretch_time, draft.button.text) == ("Hello,\nyou", 0, "yes")
    assert (draft.resend_sms.sms_text, draft.resend_sms.sms_sender_name) == ("007", "no")
    assert f"{draft.send_date}" == "2099-01-02 10:00:00"


@pytest.mark.parametrize("status", ["yes", "on", "True", "1", "~", "[true]"])
def test_the_flag_of_the_sms_is_true_or_false(status):
    """Words that one version of YAML takes for a flag and the next does not are refused."""
    with pytest.raises(ValidationError, match="true or false"):
        draft_fields(f"additional: {{resend_sms: {{status: {status}}}}}", "draft.yaml")


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("a: 1\na: 2", "d.yaml", "in line 2: a stands there twice"),
        ("? [a]\n: b", "d.yaml", "in line 1: .* is no key"),
        ("a: !!int 5", "d.yaml", "could not determine a constructor"),
        ("a: !!python/object/apply:os.system [x]", "d.yaml", "could not determine a constructor"),
        ("a: &x [*x]", "d.yaml", "recursive"),
        ("a: b\n---\nc: d", "d.yaml", "in line 2: but found another document"),
        ("a: [", "d.yaml", "this is no YAML in line 1"),
        ("a: \x01", "d.yaml", "this is no YAML: unacceptable character"),
        (f"a: {'[' * 3000}", "d.yaml", "not nested that deep"),
        ("- a", "d.yaml", "a draft is one object"),
        ("", "d.yaml", "a draft is one object"),
        ("hello", "-", "a draft is one object"),
        ('{"a": 1, "a": 2}', "-", "a stands there twice"),
        ("  {", "-", "this is no JSON: Expecting property name"),
        ("a: 1", "d.json", "this is no JSON"),
        ('{"a": NaN}', "d.json", "NaN is no number"),
        (f'{{"a": {"9" * 5000}}}', "d.json", "this is no JSON: Exceeds the limit"),
        (f'{{"a": {"[" * 100_000}', "d.json", "not nested that deep"),
        ("[]", "d.json", "a draft is one object"),
        ("x" * (MAX_DRAFT + 1), "d.yaml", "at most 1,000,000 characters"),
    ],
    ids=range(20),
)
def test_what_is_no_draft_is_said_in_one_line(text, name, why):
    """With the file, and the line where there is one."""
    with pytest.raises(UsageError, match=why) as refused:
        draft_fields(text, name)

    assert str(refused.value).startswith(f"{name}: ")
    assert "\n" not in str(refused.value)


def test_json_is_read_as_json():
    """By its name, or by how it begins; numbers stay numbers, and texts are not read again."""

    assert draft_fields('{"sender_id": 1, "message": "no"}', "draft.json") == {"sender_id": 1, "message": "no"}
    assert draft_fields('\n {"sender_id": "1"}', "-") == {"sender_id": "1"}


def test_aliases_of_aliases_take_no_more_room_than_their_text():
    """A bomb of a few lines stays a few lists."""
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]

    assert len(draft_fields("\n".join(lines), "draft.yaml")) == 30
