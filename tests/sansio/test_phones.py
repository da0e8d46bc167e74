import enum
import itertools
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naming import spelled
from viber_async._sansio.call import Unreadable
from viber_async._sansio.phones import phone, phones, wire_phone
from viber_async._sansio.privacy import safe_text, shown
from viber_async.errors import ValidationError


class Text(str):
    __slots__ = ()


class Number(enum.IntEnum):
    SUPPORT = 380931111111


class Word(str, enum.Enum):  # noqa: UP042 - its str() is not its value, unlike a StrEnum's
    SUPPORT = "+380931111111"


P = "380931111111"

SPELLINGS = [
    P,
    "+380931111111",
    "00380931111111",
    "(00)380931111111",
    "+380 93 111 11 11",
    " +380931111111 ",
    "+38 (093) 111-11-11",
    "(380)931111111",
    "380.93.111.11.11",
    "380.931111111",
    "3809311.11111",
    "380\u00a093\u00a01111111",
    "380\u202f93\u202f1111111",
    "380-93\u2010111\u201111\u201311",
    380931111111,
    Number.SUPPORT,
    Word.SUPPORT,
    Text("+380931111111"),
]

NO_SPELLINGS = [
    "380 93 CALL NOW",
    "380931111111 ext 5",
    "380\u200b931111111",
    "380\u200d931111111",
    "380\t931111111",
    "380931111111\x00",
    "380/93/1111111",
    "380_931_111_111",
    "380,931111111",
    "٣٨٠٩٣١١١١١١١",
    "３８０９３１１１１１１１",
    "38093111111¹",
    "𝟑𝟖𝟎𝟗𝟑𝟏𝟏𝟏𝟏𝟏𝟏𝟏",
    "38+0931111111",
    "++380931111111",
    "(+380)931111111",
    "380931111111+",
    "(380931111111",
    "380)931111111",
    "((380))931111111",
    "380()931111111",
    "-380931111111",
    ".380931111111",
    "380—931111111",
    "X380931111111",
    "380931111111X",
]

BROKEN_RULES = [
    *[(value, "a phone is 8 to 15 digits 0-9") for value in NO_SPELLINGS],
    *[(value, "a phone has digits, and this has none") for value in ("", " ", "abc", "+", "()", "\n")],
    *[
        (value, "are not part of a phone: strip")
        for value in ("\ufeff380931111111", "380931111111\n", "380931111111\r\n", "\t380931111111", "\v+380931111111")
    ],
    ("+44 (0)20 7946 0958", "leave the trunk zero (0) out: write +44 20 … for +44 (0)20 …"),
    ("+44 ( 0 ) 20 7946 0958", "leave the trunk zero"),
    ("380931111111.0", "this is a decimal number"),
    ("+380931111111.", "this is a decimal number"),
    (" 38093111.1111 ", "this is a decimal number"),
    ("3.80931E+11", "a spreadsheet made a number of this"),
    ("3.80931111111e11", "a spreadsheet made a number of this"),
    (" 3,80931e11 ", "a spreadsheet made a number of this"),
    ("380E", "a phone is 8 to 15 digits 0-9"),
    ("0931111111", "starts with its country code, not with 0: write 380 93 … for 093 …"),
    ("+00380931111111", "starts with its country code"),
    ("000380931111111", "starts with its country code"),
    ("1234567", "8 to 15 digits"),
    ("1234567890123456", "8 to 15 digits"),
    (9_999_999, "8 to 15 digits"),
    (10**15, "8 to 15 digits"),
    (0, "8 to 15 digits"),
    (-380931111111, "8 to 15 digits"),
    pytest.param(10**5000, "8 to 15 digits", id="5000 digits"),
]

NO_PHONES = [True, False, None, 380931111111.0, Decimal(380931111111), Fraction(380931111111), b"380931111111", [P], {}]


@pytest.mark.fault("I01", "I03")
@pytest.mark.parametrize("value", SPELLINGS)
def test_a_phone_in_any_usual_spelling_becomes_its_digits(value):
    """The digits are unchanged, and the result is a plain string."""
    found = phone(value, "phone")

    assert (found, type(found)) == (P, str)


@pytest.mark.fault("I04")
@pytest.mark.parametrize(("value", "digits"), [("12345678", 8), ("123456789012345", 15), (10**7, 8), (10**15 - 1, 15)])
def test_a_phone_has_eight_to_fifteen_digits(value, digits):
    """Both ends are inclusive."""
    assert phone(value, "phone") == str(value)
    assert len(phone(value, "phone")) == digits


@pytest.mark.fault("I01", "I02", "I04")
@pytest.mark.parametrize(("value", "rule"), BROKEN_RULES)
def test_a_spelling_that_could_mean_another_number_is_refused(value, rule):
    """Nothing is guessed, and the error says what to write instead."""
    with pytest.raises(ValidationError) as caught:
        phone(value, "recipients[3]")

    assert caught.value.field == "recipients[3]"
    assert rule in str(caught.value)
    assert caught.value.shown != "None"
    assert safe_text(caught.value.rule) == caught.value.rule  # a masked example would look like their own phone


@pytest.mark.fault("I03")
@pytest.mark.parametrize("value", NO_PHONES, ids=spelled)
def test_only_strings_and_ints_are_phones(value):
    """A bool is an int to Python, and a float has digits: neither is a phone."""
    with pytest.raises(ValidationError, match="a phone is a string or an int") as caught:
        phone(value, "phones[0]")

    assert (caught.value.field, caught.value.shown) == ("phones[0]", shown(value))


def test_a_phone_alone_is_called_a_phone():
    """Where its caller has no better name for it."""
    with pytest.raises(ValidationError) as caught:
        phone("x")

    assert caught.value.field == "phone"


class Int64:
    """What numpy's scalars are to us: no int, though it can be used as one."""

    def __index__(self):
        return 380931111111


@pytest.mark.fault("I03")
def test_an_object_that_can_be_used_as_an_int_is_not_one():
    """numpy's integers are refused: int(x) is one word, and says that it was meant."""
    with pytest.raises(ValidationError, match="a Int64"):
        phone(Int64(), "phone")


@pytest.mark.parametrize(
    "value",
    ["380/93/111/11/11", "380_931_111_111", "٣٨٠٩٣١١١١١١١", "380\u200b931111111", "380931111111.0", "0931111111 0931"],
)
def test_a_refused_phone_is_not_shown_whole(value):
    """Also where it is written in a way that no pattern for phones would find."""
    with pytest.raises(ValidationError) as caught:
        phone(value, "phone")

    picture = str(caught.value).split("; got ")[1]
    assert value not in picture
    assert "1111" not in picture.replace("•", "")
    assert "•" in picture


def test_numerals_that_are_no_digits_are_hidden_too():
    """It is a phone all the same, for those who can read it."""
    with pytest.raises(ValidationError) as caught:
        phone("三八〇九三一一一一一一一")

    assert caught.value.shown == "'三八〇九••••••一一'"


SEPARATORS = st.text(" \u00a0\u202f.-\u2010\u2011\u2013", max_size=2)


@settings(derandomize=True, max_examples=300)
@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True), st.data())
def test_separators_between_digits_never_change_a_number(digits, data):
    """Whatever stands between the digits, the same digits come out, or a decimal number is refused."""
    parts = [digit + data.draw(SEPARATORS) for digit in digits[:-1]]
    prefix = data.draw(st.sampled_from(["", "+", "00", " ", " +"]))
    text = prefix + "".join(parts) + digits[-1]

    if re.fullmatch(r"\+?[0-9]{8,}\.[0-9]*", text.strip(" \u00a0\u202f")):
        with pytest.raises(ValidationError, match="decimal number"):
            phone(text, "phone")
    else:
        assert phone(text, "phone") == digits


@settings(derandomize=True)
@given(st.text(max_size=30))
def test_any_text_gives_a_phone_or_a_validation_error(text):
    """No foreign exception, whatever Unicode has."""
    try:
        found = phone(text, "phone")
    except ValidationError:
        return
    assert phone(found, "phone") == found


def numbers(count):
    return [380930000000 + i for i in range(count)]


@pytest.mark.fault("I05")
def test_several_phones_keep_their_first_order_and_say_how_many_repeated():
    """One number in two spellings is one recipient."""
    found = phones(["+380 93 111 11 12", "380931111111", 380931111112, "00380931111111"], "recipients")

    assert found == (("380931111112", "380931111111"), 2)


@pytest.mark.fault("I07")
@pytest.mark.parametrize(
    "value", [P, b"380931111111", bytearray(b"1"), memoryview(b"1"), {P: 1}, 380931111111, None, object()], ids=spelled
)
def test_what_is_no_collection_of_phones_is_refused_as_a_whole(value):
    """A string is an iterable of its letters to Python, and a dict one of its keys."""
    with pytest.raises(ValidationError, match="give a list of phones, even for one") as caught:
        phones(value, "recipients")

    assert caught.value.field == "recipients"
    assert P not in str(caught.value)
    assert (caught.value.shown == "None") is (value is None)


@pytest.mark.fault("I07")
@pytest.mark.parametrize("kind", [list, tuple, iter, lambda v: (x for x in v), lambda v: dict.fromkeys(v).keys()])
def test_any_other_iterable_is_read_once_and_in_order(kind):
    """A generator has no second reading."""
    assert phones(kind([380931111112, 380931111111]), "recipients")[0] == ("380931111112", "380931111111")


@pytest.mark.fault("I07")
@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_is_put_in_the_order_of_its_digits(kind):
    """So the same set is always the same request."""
    assert phones(kind(["+380931111112", 380931111111]), "recipients") == (("380931111111", "380931111112"), 0)


def test_of_several_bad_phones_in_a_set_the_same_one_is_named_each_time():
    """The first by its spelling."""
    with pytest.raises(ValidationError) as caught:
        phones({9, 10}, "recipients")

    assert (caught.value.field, caught.value.shown) == ("recipients[0]", "10")


def test_nothing_gives_nothing():
    """Whether no phones at all are allowed is the caller's to say."""
    assert phones([], "recipients") == ((), 0)


def test_a_bad_phone_among_many_is_named_by_its_index():
    """Counted as the caller counts, repetitions included."""
    with pytest.raises(ValidationError) as caught:
        phones([380931111111] * 17 + ["0"], "recipients")

    assert caught.value.field == "recipients[17]"


@pytest.mark.parametrize(("values", "left"), [(numbers(3), 0), (numbers(3) * 100, 297)])
def test_as_many_different_phones_as_allowed_pass(values, left):
    """Repetitions do not count."""
    found, duplicates = phones(values, "recipients", most=3)

    assert (len(found), duplicates) == (3, left)


@pytest.mark.parametrize("values", [numbers(4), itertools.count(380930000000), itertools.repeat(380930000000)])
def test_one_phone_too_many_ends_the_reading(values):
    """Even of an iterable without an end."""
    with pytest.raises(ValidationError, match="at most 3 different phones") as caught:
        phones(values, "recipients", most=3)

    assert (caught.value.field, caught.value.shown) == ("recipients", shown(values))


def test_nothing_is_read_after_the_first_phone_too_many():
    """The rest may be millions."""
    source = iter(numbers(100))
    with pytest.raises(ValidationError):
        phones(source, "recipients", most=3)

    assert len(list(source)) == 96


@pytest.mark.fault("P23")
@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (380934760182, P[:5] + "4760182"),
        ("380977217975", "380977217975"),
        ("+380977217975", "380977217975"),
        (1, "1"),
        (2**63 - 1, str(2**63 - 1)),
    ],
)
def test_a_phone_of_an_answer_is_an_int_or_digits_with_or_without_a_plus(value, digits):
    """An int in all samples, strings in the requests of the blacklist: one idea, two types (A)."""
    assert wire_phone(value) == digits


@pytest.mark.fault("P23")
@pytest.mark.parametrize(
    "value", [0, -1, 2**63, True, None, 380.9, Decimal("380.9"), "", "+", "38 093", "٣", [], "1" * 20]
)
def test_any_other_phone_of_an_answer_is_unreadable(value):
    """Row P23: a float has lost digits, null is no phone."""
    with pytest.raises(Unreadable) as caught:
        wire_phone(value)

    assert (caught.value.where, caught.value.why) == ("", f"expected a phone, got {shown(value)}")


def test_a_float_is_told_from_other_kinds_of_number():
    """It comes out of spreadsheets and data frames, and its reader has to be told what to change."""
    with pytest.raises(ValidationError, match="read the column as text"):
        phone(380931111111.0, "phones[0]")
