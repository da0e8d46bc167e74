"""What a request has to look like, as tables of fields. Pure, and knows nothing of the account's state.

Where the reference gives a rule, it is enforced to the letter: an int is an int (not "5", not 5.0, not true),
a key that should be left out is left out, and a key that nobody documented is refused, so that a misspelt
optional field does not pass unnoticed (D).
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final, NoReturn, cast

from attrs import field, frozen

from viber_async.sandbox._answer import refusal
from viber_async.sandbox._clock import WIRE_FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Wrong = tuple[str, str]
"""The path of a field below the one that is checked ("" is itself), and what is wrong with it."""
if TYPE_CHECKING:
    Rule = Callable[[object], Iterator[Wrong]]

PROMO: Final = 2
SYSTEM: Final = 3
MOST_RECIPIENTS: Final = 1000
"""recipients: "1000 recipients maximum" (A)."""
LONGEST_MESSAGE: Final = 1000
"""message: "maximum length is 1000 characters". A; counted in code points (?)."""
LIFETIME: Final = (60, 86400)
"""message_live_time: "minimum 60s, maximum 86400 seconds" (A)."""
STRETCH: Final = (0, 5)
"""stretch_time: "from 0 to 5 hours" (A)."""
PHONE_DIGITS: Final = (7, 15)
"""Ours: the shortest number in use, and the longest that E.164 allows."""
LARGEST_ID: Final = 2**63 - 1

_PHONE_TEXT: Final = re.compile(f"[1-9][0-9]{{{PHONE_DIGITS[0] - 1},{PHONE_DIGITS[1] - 1}}}")
_LINK: Final = re.compile(r"https?://[^\s/]\S*")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


@frozen
class Draft:
    """A campaign as it was asked for: valid in itself, not yet held against the account."""

    task_name: str | None
    message_type: int = field(kw_only=True)
    sender_id: int = field(kw_only=True)
    message_live_time: int = field(kw_only=True)
    send_at: datetime | None = field(kw_only=True)
    """None is now."""
    recipients: tuple[int, ...] | None = field(kw_only=True)
    address_book: int | None = field(kw_only=True)
    message: str | None = field(kw_only=True)
    stretch_time: int = field(kw_only=True)
    button_text: str | None = field(kw_only=True)
    button_link: str | None = field(kw_only=True)
    image_link: str | None = field(kw_only=True)
    resend_sms: bool = field(kw_only=True)
    sms_text: str | None = field(kw_only=True)
    sms_sender_name: str | None = field(kw_only=True)


@frozen
class Page:
    """The slice of a list that was asked for."""

    limit: int
    offset: int = field(kw_only=True)


# --- what comes in ---------------------------------------------------------------------------------------------


def parsed(content_type: str, body: bytes) -> object:
    """Return the JSON value of a request's *body*; refuses another type, and what is no JSON."""
    if not body:
        _refuse({"body": ["The body is required"]})
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise refusal(400, "Content-Type has to be application/json")
    try:
        return _read(body.decode())
    except (ValueError, RecursionError) as error:
        raise refusal(400) from error


def page(query: Mapping[str, str], *, usual: int, most: int) -> Page:
    """Return the page that *query* asks for; a limit above *most* is cut down to it (?: maximum undocumented)."""
    wrong = {name: ["Has to be a whole number"] for name in ("limit", "offset") if not _is_whole(query.get(name))}
    if not wrong and query.get("limit") == "0":
        wrong["limit"] = ["Has to be at least 1"]
    if wrong:
        _refuse(wrong)
    return Page(min(int(query.get("limit", usual)), most), offset=int(query.get("offset", 0)))


def identifier(text: str) -> int | None:
    """Return the id in a path, or None where there is none."""
    return int(text) if _DIGITS.fullmatch(text) else None


def phones(body: object, *, most: int | None, described: bool) -> tuple[tuple[int, ...], str]:
    """Return the phones and the description of a blacklist write; only an addition may be *described*."""
    value = _held_against(_ADDITION if described else _REMOVAL, body)
    listed = cast("list[str]", value["phones"])
    if most is not None and len(listed) > most:
        _refuse({"phones": [f"At most {most} in one call"]})
    return tuple(int(phone) for phone in listed), cast("str", value.get("description", ""))


def draft(body: object, *, now: datetime, zone: tzinfo) -> Draft:
    """Return the campaign that *body* asks for; its date is read in the account's *zone*."""
    value = _held_against(_CAMPAIGN, body)
    if wrong := {path: [why] for path, why in _contradictions(value)}:
        _refuse(wrong)
    return _drafted(value, send_at=_moment(cast("str", value["send_date"]), now, zone))


def _read(text: str) -> object:
    """Return the value of a JSON *text*; half a character in it is refused, as PHP's parser does (D)."""
    value = cast("object", json.loads(text, parse_constant=_no_constant))
    if "\\u" in text:  # it can come in no other way
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_whole(text: str | None) -> bool:
    return text is None or _DIGITS.fullmatch(text) is not None


def _held_against(rule: Rule, body: object) -> dict[str, object]:
    if wrong := {path or "body": [why] for path, why in rule(body)}:
        _refuse(wrong)
    return cast("dict[str, object]", body)


def _refuse(errors: Mapping[str, list[str]]) -> NoReturn:
    raise refusal(422, errors=errors)


# --- single values ---------------------------------------------------------------------------------------------


def _whole(low: int, high: int) -> Rule:
    def rule(value: object) -> Iterator[Wrong]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield "", "Has to be an integer"
        elif not low <= value <= high:
            yield "", f"Has to be from {low} to {high}"

    return rule


def _text(longest: int | None = None) -> Rule:
    def rule(value: object) -> Iterator[Wrong]:
        if not isinstance(value, str):
            yield "", "Has to be a string"
        elif not value.strip():
            yield "", "Has to hold something"
        elif longest is not None and len(value) > longest:
            yield "", f"At most {longest} characters"

    return rule


def _any_text(value: object) -> Iterator[Wrong]:
    if not isinstance(value, str):
        yield "", "Has to be a string"


def _matching(pattern: re.Pattern[str], why: str) -> Rule:
    def rule(value: object) -> Iterator[Wrong]:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield "", why

    return rule


def _flag(value: object) -> Iterator[Wrong]:
    if not isinstance(value, bool):
        yield "", "Has to be true or false"


def _nullable(rule: Rule) -> Rule:
    return lambda value: iter(()) if value is None else rule(value)


def _list_of(rule: Rule, most: int | None = None) -> Rule:
    """Each element by *rule*, up to the first that is wrong: a thousand complaints help nobody."""

    def whole_list(value: object) -> Iterator[Wrong]:
        if not isinstance(value, list) or not value:
            yield "", "Has to be an array that holds something"
            return
        elements = cast("list[object]", value)
        if most is not None and len(elements) > most:
            yield "", f"At most {most}"
            return
        yield from _first_wrong(rule, elements)

    return whole_list


def _first_wrong(rule: Rule, elements: list[object]) -> Iterator[Wrong]:
    for index, element in enumerate(elements):
        if wrong := [(f".{index}{path}", why) for path, why in rule(element)]:
            yield from wrong
            return


@frozen
class _Field:
    rule: Rule
    required: bool = field(kw_only=True, default=False)


def _shape(fields: Mapping[str, _Field], *, dotted: bool = True) -> Rule:
    """An object with these *fields* and no other."""
    dot = "." if dotted else ""

    def rule(value: object) -> Iterator[Wrong]:
        if not isinstance(value, dict):
            yield "", "Has to be an object"
            return
        given = cast("dict[str, object]", value)
        yield from ((f"{dot}{name}", "Unknown field") for name in given.keys() - fields.keys())
        for name, each in fields.items():
            yield from ((f"{dot}{name}{path}", why) for path, why in _checked(each, given, name))

    return rule


def _checked(each: _Field, given: Mapping[str, object], name: str) -> Iterator[Wrong]:
    if name in given:
        yield from each.rule(given[name])
    elif each.required:
        yield "", "Is required"


# --- the tables ------------------------------------------------------------------------------------------------

_ID: Final = _whole(1, LARGEST_ID)
_PHONE: Final = _whole(10 ** (PHONE_DIGITS[0] - 1), 10 ** PHONE_DIGITS[1] - 1)
_URL: Final = _matching(_LINK, "Has to be a link")
_PHONES: Final = _list_of(_matching(_PHONE_TEXT, "Has to be a string of 7 to 15 digits"))  # strings. A

_REMOVAL: Final = _shape({"phones": _Field(_PHONES, required=True)}, dotted=False)
_ADDITION: Final = _shape({"phones": _Field(_PHONES, required=True), "description": _Field(_any_text)}, dotted=False)

_BUTTON: Final = _shape({"text": _Field(_text(), required=True), "link": _Field(_URL, required=True)})
_IMAGE: Final = _shape({"link": _Field(_URL, required=True)})
_RESEND: Final = _shape(
    {
        "status": _Field(_flag, required=True),
        "sms_text": _Field(_text()),
        "sms_sender_name": _Field(_text()),
    }
)
_CAMPAIGN: Final = _shape(
    {
        # The page's table says required, its machine-readable description and all its examples do without. A
        "task_name": _Field(_text()),
        "message_type": _Field(_whole(PROMO, SYSTEM), required=True),
        "sender_id": _Field(_ID, required=True),
        "message_live_time": _Field(_whole(*LIFETIME), required=True),
        "send_date": _Field(_text(), required=True),
        # Null is refused in both: it "breaks the provider's own schema", though its examples send it. A
        "address_book": _Field(_ID),
        "recipients": _Field(_list_of(_PHONE, MOST_RECIPIENTS)),
        "message": _Field(_nullable(_text(LONGEST_MESSAGE))),
        "stretch_time": _Field(_whole(*STRETCH)),
        "additional": _Field(
            _shape({"button": _Field(_BUTTON), "image": _Field(_IMAGE), "resend_sms": _Field(_RESEND)})
        ),
    },
    dotted=False,
)


# --- fields against each other ---------------------------------------------------------------------------------

# (text, button, image): "You can send the following types of messages". A
_PROMOS: Final = {(True, False, False), (True, True, False), (True, True, True), (False, False, True)}
_SYSTEMS: Final = {(True, False, False)}


def _contradictions(value: Mapping[str, object]) -> Iterator[Wrong]:
    if ("recipients" in value) == ("address_book" in value):
        yield "recipients", "Exactly one of recipients and address_book; leave the other one out"
    additional = _object(value, "additional")
    content = (value.get("message") is not None, "button" in additional, "image" in additional)
    if value["message_type"] == SYSTEM and content not in _SYSTEMS:
        yield "message", "A system message is text only"
    elif content not in _PROMOS:
        yield "message", "Text, text and button, text and button and image, or an image alone"
    yield from _resend_contradictions(_object(additional, "resend_sms"))


def _resend_contradictions(resend: Mapping[str, object]) -> Iterator[Wrong]:
    """An SMS that is switched on needs what it is made of (D: the page calls both optional)."""
    if resend.get("status"):
        for name in ("sms_text", "sms_sender_name"):
            if name not in resend:
                yield f"additional.resend_sms.{name}", "Is required when status is true"


def _moment(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment *text* stands for, or None for now; 799 for a malformed or a past one."""
    if text == "now":
        return None
    if not _DATE.fullmatch(text):
        raise refusal(799)
    try:
        moment = datetime.strptime(text, WIRE_FORMAT).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refusal(799) from error
    if moment < now:
        raise refusal(799)
    return moment


def _drafted(value: Mapping[str, object], *, send_at: datetime | None) -> Draft:
    additional = _object(value, "additional")
    button, image, resend = (_object(additional, name) for name in ("button", "image", "resend_sms"))
    recipients = cast("list[int] | None", value.get("recipients"))
    return Draft(
        _string(value, "task_name"),
        message_type=cast("int", value["message_type"]),
        sender_id=cast("int", value["sender_id"]),
        message_live_time=cast("int", value["message_live_time"]),
        send_at=send_at,
        recipients=None if recipients is None else tuple(recipients),
        address_book=cast("int | None", value.get("address_book")),
        message=_string(value, "message"),
        stretch_time=cast("int", value.get("stretch_time", 0)),
        button_text=_string(button, "text"),
        button_link=_string(button, "link"),
        image_link=_string(image, "link"),
        resend_sms=bool(resend.get("status")),
        sms_text=_string(resend, "sms_text"),
        sms_sender_name=_string(resend, "sms_sender_name"),
    )


def _object(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value.get(name, {}))


def _string(value: Mapping[str, object], name: str) -> str | None:
    return cast("str | None", value.get(name))
