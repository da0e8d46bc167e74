"""Campaigns: the draft that is sent, what comes back, and the calls between them.

A draft is checked completely when it is made, before any I/O: a campaign spends money and reaches people, so
nothing in it is guessed, cut, rounded or split. Only what needs the clock or the account's time zone waits for
`create_campaign`, which takes both as arguments.

Annotations are evaluated here (no ``from __future__``): the converter reads the types of the fields from them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, cast

from attrs import field, frozen

from viber_async._sansio.call import SMALL_BYTES, Call, Kind, Unreadable, json_body
from viber_async._sansio.converter import (
    NO_EXTRAS,
    NOT_ON_THE_WIRE,
    Extras,
    OpenNumber,
    OpenWord,
    brief,
    fields_repr,
    one_or_many,
    read_book_id,
    read_int,
    to_dict,
    wire,
)
from viber_async._sansio.door import link, one_line, positive_id, text, whole, window
from viber_async._sansio.paging import Page
from viber_async._sansio.phones import phones, wire_phone
from viber_async._sansio.privacy import mask_phone, refused, safe_text
from viber_async._sansio.words import counted
from viber_async.errors import ValidationError

if TYPE_CHECKING:
    from cattrs import Converter

MAX_RECIPIENTS: Final = 1000
"""A: "recipients array, 1000 recipients maximum", in the comments of the page's examples."""
MAX_MESSAGE: Final = 1000
"""A: "maximum length is 1000 characters". Counted in code points, as PHP's mb_strlen does (D)."""
MIN_LIVE_TIME: Final = 60
MAX_LIVE_TIME: Final = 86_400
"""A: "minimum 60s, maximum 86400 seconds (24 hours)"; both inclusive (D)."""
MAX_STRETCH_TIME: Final = 5
"""A: "from 0 to 5 hours"."""
MAX_TASK_NAME: Final = 255
"""Ours: nothing is documented; 255 is the usual column, and a name that is cut could not be found again."""
EARLIEST_ZONE: Final = timedelta(hours=-12)
"""The zone where a wall time comes last: once it is past there, it is past everywhere."""

_DATE_TEXT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?"
)


class MessageType(OpenNumber):
    """What kind of message a campaign sends."""

    PROMO = 2
    """A: "2 - promo"."""
    SYSTEM = 3
    """A: "3 - system": text only, and it must equal an approved template."""


class CampaignStatus(OpenWord):
    """Where a campaign stands. The page lists no words: these were seen; new ones become members as they come."""

    MODERATION = "moderation"
    """A: the page's sample of the list."""
    SENDING = "sending"
    """D: the state between the two seen ones."""
    SEND = "send"
    """C: answers of 2017."""
    SENT = "sent"
    """A: the page's sample of 2023."""


class RecipientStatus(OpenWord):
    """What became of one message.

    "send" was seen (A). The others are the words of the page's prose (A), whose spelling on the wire is not
    known (?): compare with care, and expect new ones.
    """

    SEND = "send"
    DELIVERED = "delivered"
    OPENED = "opened"
    READ = "read"
    CLICKED = "clicked"
    NOT_DELIVERED = "not delivered"
    ERROR = "error"


# The draft


def _button_text(value: object) -> str:
    return one_line(value, "button.text")


def _button_link(value: object) -> str:
    return link(value, "button.link")


def _image_link(value: object) -> str:
    return link(value, "image.link")


def _sms_text(value: object) -> str:
    return text(value, "resend_sms.sms_text")


def _sms_sender_name(value: object) -> str:
    return one_line(value, "resend_sms.sms_sender_name")


@frozen
class Button:
    """A button under the text: what it says and where it leads."""

    text: str = field(converter=_button_text, repr=brief)
    link: str = field(converter=_button_link, repr=brief)
    __repr__ = fields_repr


@frozen
class Image:
    """A picture under the text and the button, or alone: where it lies."""

    link: str = field(converter=_image_link, repr=brief)
    __repr__ = fields_repr


@frozen
class ResendSms:
    """The SMS for those whom the Viber message does not reach."""

    sms_text: str = field(converter=_sms_text, repr=brief)
    sms_sender_name: str = field(converter=_sms_sender_name, repr=brief)
    __repr__ = fields_repr


def _instant(value: Literal["now"] | datetime) -> object:
    """Give what two sending times are compared by: the moment, in whatever zone it was said."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value


def _phone_count(recipients: tuple[str, ...] | None) -> str:
    return "None" if recipients is None else f"<{len(recipients)} phones>"


@frozen(init=False)
class CampaignDraft:
    """A campaign to be created, in the provider's own words, valid from the moment it is made.

    Contents are text (promo or system), text and button (promo), text, button and image (promo), or an image
    alone (promo).

    Args:
        sender_id: a verified sender of the account.
        message_live_time: how long Viber tries to deliver: 60 to 86400 seconds, or a timedelta of whole seconds.
        task_name: what the campaign is called and can be found by, at most 255 characters; None lets the provider
            invent one.
        message: the text, at most 1000 characters; None for an image alone.
        message_type: PROMO, or SYSTEM for text that equals an approved template.
        send_date: "now", or a datetime of whole seconds: naive, as the account's own clock shows it, where the session
            has no ``time_zone``; aware where it has one.
        recipients: 1 to 1000 different phones, strings in any usual spelling or ints.
        address_book: the id of a mailing list, in place of recipients.
        stretch_time: over how many hours the campaign is spread, 0 to 5.
        button: a text and an https link.
        image: an https link.
        resend_sms: the SMS for whom Viber does not reach.

    Raises:
        ValidationError: a value breaks a rule; ``field`` says which.

    """

    sender_id: int
    message_live_time: int
    """Seconds."""
    task_name: str | None = field(repr=brief)
    """The page calls it required and its examples never send it: None lets the provider invent one."""
    message: str | None = field(repr=brief)
    message_type: MessageType
    send_date: Literal["now"] | datetime = field(eq=_instant)
    recipients: tuple[str, ...] | None = field(repr=_phone_count)
    address_book: int | None
    stretch_time: int | None
    """Hours."""
    button: Button | None
    image: Image | None
    resend_sms: ResendSms | None
    duplicates: int = field(init=False, eq=False)
    """How many recipients were left out because the same phone stood before them."""
    __repr__ = fields_repr

    def __init__(  # noqa: PLR0913 - the provider's fields, all by keyword
        self,
        *,
        sender_id: int,
        message_live_time: int | timedelta,
        task_name: str | None = None,
        message: str | None = None,
        message_type: MessageType | int = MessageType.PROMO,
        send_date: Literal["now"] | datetime = "now",
        recipients: Iterable[str | int] | None = None,
        address_book: int | None = None,
        stretch_time: int | None = None,
        button: Button | None = None,
        image: Image | None = None,
        resend_sms: ResendSms | None = None,
    ) -> None:
        try:
            checked: dict[str, Any] = {
                "sender_id": whole(sender_id, "sender_id", "the id of a verified sender, a positive int"),
                "message_live_time": _live_time(message_live_time),
                "task_name": _optional(task_name, _task_name),
                "message": _optional(message, _message),
                "message_type": _message_type(message_type),
                "send_date": _send_date(send_date),
                "stretch_time": _optional(stretch_time, _stretch_time),
                "button": _instance(button, Button, "button"),
                "image": _instance(image, Image, "image"),
                "resend_sms": _instance(resend_sms, ResendSms, "resend_sms"),
            }
            _check_contents(checked)
            checked |= _audience(recipients, address_book)
        except ValidationError as error:
            del recipients  # phones are not for those who see a traceback with its locals
            raise error.with_traceback(None) from None
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # as the initialisers do that attrs writes for frozen classes

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Give the draft that the provider's own JSON describes, with `additional` and all.

        A key that means nothing is refused by its name: a misspelt ``send_date`` must not send at once. The
        unused one of ``recipients`` and ``address_book`` may be null, as it is in the provider's examples.

        Raises:
            ValidationError: an unknown key, a missing one, or a value that breaks a rule.

        """
        try:
            return cls(**_draft_values(data))
        except ValidationError as error:
            del data
            raise error.with_traceback(None) from None


_PARTS: Final[Mapping[str, tuple[type[Button | Image | ResendSms], tuple[str, ...]]]] = {
    "button": (Button, ("text", "link")),
    "image": (Image, ("link",)),
    "resend_sms": (ResendSms, ("sms_text", "sms_sender_name")),
}
_DRAFT_KEYS: Final = (
    "task_name",
    "message_type",
    "sender_id",
    "message_live_time",
    "send_date",
    "address_book",
    "recipients",
    "message",
    "stretch_time",
    "additional",
)


def _draft_values(data: Mapping[str, object]) -> dict[str, Any]:
    values = _known_keys(data, "data", _DRAFT_KEYS)
    for name in ("sender_id", "message_live_time"):
        if name not in values:
            raise refused(name, None, "is required")
    if (additional := values.pop("additional", None)) is not None:
        parts = _known_keys(additional, "additional", _PARTS)
        values |= {name: _part(part, name) for name, part in parts.items() if part is not None}
    if values.get("send_date", "now") != "now":
        values["send_date"] = _date_from_text(values["send_date"])
    return values


def _optional(value: object, check: Callable[[object], object]) -> object:
    return None if value is None else check(value)


def _instance(value: object, cls: type, field: str) -> object:
    if value is not None and not isinstance(value, cls):
        raise refused(field, value, f"give a {cls.__name__}, or None")
    return value


def _task_name(value: object) -> str:
    return one_line(value, "task_name", most=MAX_TASK_NAME)


def _message(value: object) -> str:
    return text(value, "message", most=MAX_MESSAGE)


def _stretch_time(value: object) -> int:
    return whole(value, "stretch_time", f"hours, an int from 0 to {MAX_STRETCH_TIME}", least=0, most=MAX_STRETCH_TIME)


def _live_time(value: object) -> int:
    rule = f"whole seconds from {MIN_LIVE_TIME} to {MAX_LIVE_TIME}, as an int or a timedelta"
    if isinstance(value, timedelta):
        seconds, rest = divmod(value, timedelta(seconds=1))
        if rest:
            raise refused("message_live_time", value, f"{rule}; nothing is rounded")
        value = seconds
    return whole(value, "message_live_time", rule, least=MIN_LIVE_TIME, most=MAX_LIVE_TIME)


def _message_type(value: object) -> MessageType:
    if (type(value) is int or isinstance(value, MessageType)) and value in (2, 3):
        return MessageType(value)
    raise refused("message_type", value, "MessageType.PROMO (2) or MessageType.SYSTEM (3)")


def _send_date(value: object) -> Literal["now"] | datetime:
    if isinstance(value, str) and value == "now":
        return "now"
    if not isinstance(value, datetime):
        raise refused("send_date", value, 'exactly "now", or a datetime; anything else might send at once by mistake')
    moment = _plain_datetime(value)
    if moment.microsecond:
        raise refused("send_date", moment, "whole seconds; nothing is rounded: give .replace(microsecond=0)")
    return moment


def _plain_datetime(value: datetime) -> datetime:
    """Give *value* without whatever a subclass adds to it (pandas, freezegun), if that loses nothing."""
    try:
        moment = datetime.combine(value.date(), value.time(), value.tzinfo)
        if moment == value and (moment.tzinfo is None or _is_instant(moment)):
            return moment
    except (TypeError, ValueError, OverflowError):  # not a time at all, or beyond the calendar in UTC
        pass
    raise refused("send_date", value, "a datetime that standard Python can hold exactly")


def _is_instant(moment: datetime) -> bool:
    return moment.utcoffset() is not None and moment.astimezone(UTC).tzinfo is UTC


def _audience(recipients: object, address_book: object) -> dict[str, object]:
    if (recipients is None) == (address_book is None):
        raise refused("recipients", recipients, "give exactly one of recipients and address_book")
    if recipients is None:
        book = whole(address_book, "address_book", "the id of a mailing list, a positive int")
        return {"recipients": None, "address_book": book, "duplicates": 0}
    found, duplicates = phones(recipients, "recipients", most=MAX_RECIPIENTS)
    if not found:
        raise refused("recipients", recipients, "at least one phone")
    return {"recipients": found, "address_book": None, "duplicates": duplicates}


_ALLOWED: Final[Mapping[frozenset[str], tuple[MessageType, ...]]] = {
    frozenset({"message"}): (MessageType.PROMO, MessageType.SYSTEM),
    frozenset({"message", "button"}): (MessageType.PROMO,),
    frozenset({"message", "button", "image"}): (MessageType.PROMO,),
    frozenset({"image"}): (MessageType.PROMO,),
}
"""A: the page's list of message types. So a message may be absent beside an image alone, though the table of
fields calls it required."""


def _check_contents(checked: Mapping[str, object]) -> None:
    given = frozenset(name for name in ("message", "button", "image") if checked[name] is not None)
    if given not in _ALLOWED:
        wrong = "image" if "message" in given else "message"
        raise refused(wrong, checked[wrong], "give text, text and button, text, button and image, or an image alone")
    if checked["message_type"] not in _ALLOWED[given]:
        raise refused("message_type", checked["message_type"], "a system message is text only: no button, no image")


def _known_keys(data: object, path: str, allowed: Iterable[str]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise refused(path, data, "give a JSON object")
    found: dict[str, Any] = dict(cast("Mapping[str, object]", data))
    if unknown := [key for key in found if key not in allowed]:
        name = safe_text(str(unknown[0]), 60)
        nested = path == "data" and name in _PARTS
        meant = f" at this place: write it as additional.{name}" if nested else _meant(name, allowed)
        rule = f"no such key in the provider's API{meant}"
        raise refused(f"{path}.{name}".removeprefix("data."), found[unknown[0]], rule)
    return found


def _meant(name: str, allowed: Iterable[str]) -> str:
    near = get_close_matches(name, tuple(allowed), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _part(data: object, name: str) -> Button | Image | ResendSms | None:
    cls, keys = _PARTS[name]
    flags = ("status",) if name == "resend_sms" else ()
    values = _known_keys(data, name, keys + flags)
    if flags and not _is_on(values.get("status")):
        return None
    return cls(*(values.get(key) for key in keys))


def _is_on(status: object) -> bool:
    if not isinstance(status, bool):
        raise refused("resend_sms.status", status, "true or false")
    return status


def _date_from_text(value: object) -> datetime:
    if isinstance(value, str) and _DATE_TEXT.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:  # the 30th of February
            pass
    raise refused("send_date", value, '"now" or YYYY-MM-DD HH:MM:SS')


# What goes out


def create_campaign(draft: CampaignDraft, *, now: datetime, time_zone: tzinfo | None) -> "Call[CreatedCampaign]":
    """Give the call that creates *draft*'s campaign. *now* is an aware datetime.

    Raises:
        ValidationError: the sending time is past, or cannot be said in the account's zone.

    """
    if not isinstance(cast("object", draft), CampaignDraft):
        raise refused("draft", draft, "give a CampaignDraft")
    body = _provider_json(draft, _wire_date(draft.send_date, now, time_zone))
    return Call(
        Kind.CREATE,
        name="campaigns.create",
        method="POST",
        path="/viber",
        read=_read_created,
        body=json_body(body),
        max_bytes=SMALL_BYTES,
    )


def _wire_date(value: Literal["now"] | datetime, now: datetime, time_zone: tzinfo | None) -> str:
    if not isinstance(value, datetime):
        return value
    wall = _naive_wall_time(value, now, time_zone) if value.tzinfo is None else _wall_time(value, now, time_zone)
    return wall.isoformat(" ", "seconds")  # and not strftime(), which writes the year 999 with three digits


def _naive_wall_time(value: datetime, now: datetime, time_zone: tzinfo | None) -> datetime:
    if time_zone is not None:
        raise refused("send_date", value, "the session has a time_zone: give an aware datetime")
    if value < now.astimezone(UTC).replace(tzinfo=None) + EARLIEST_ZONE:
        raise refused("send_date", value, 'is past in every time zone; "now" sends at once')
    return value


def _wall_time(value: datetime, now: datetime, time_zone: tzinfo | None) -> datetime:
    if time_zone is None:
        raise refused("send_date", value, "give the session the account's time_zone, or a naive datetime")
    if value < now:
        raise refused("send_date", value, 'is past; "now" sends at once')
    if _wall(value, value.tzinfo) != value.replace(tzinfo=None):
        raise refused("send_date", value, "this time does not exist in its zone: the clocks skip it")
    wall = _wall(value, time_zone)
    if _offset(wall, time_zone, fold=0) != _offset(wall, time_zone, fold=1):
        raise refused("send_date", value, "the account's clocks show this time twice that day: choose another")
    return wall


def _wall(value: datetime, zone: tzinfo | None) -> datetime:
    """Give what the clocks of *zone* show; by way of UTC, since Python leaves a time in its own zone as it is."""
    try:
        return value.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:  # the last day of the calendar
        raise refused("send_date", value, "beyond the calendar in the account's zone") from None


def _offset(wall: datetime, zone: tzinfo, *, fold: int) -> timedelta | None:
    return wall.replace(tzinfo=zone, fold=fold).utcoffset()


@to_dict.register
def _draft_to_dict(draft: CampaignDraft) -> dict[str, object]:
    when = draft.send_date
    if isinstance(when, datetime):
        return _provider_json(draft, when.isoformat(" " if when.tzinfo is None else "T"))
    return _provider_json(draft, when)


def _provider_json(draft: CampaignDraft, send_date: str) -> dict[str, object]:
    """Give *draft* in the provider's words, always in the same order of keys, so in the same bytes.

    What is None is left out, the unused audience above all: as null it breaks the provider's own schema (B).
    """
    found = draft.recipients
    body: dict[str, object] = {
        "task_name": draft.task_name,
        "message_type": draft.message_type.value,
        "sender_id": draft.sender_id,
        "message_live_time": draft.message_live_time,
        "send_date": send_date,
        "recipients": None if found is None else [int(phone) for phone in found],  # ints here (A), strings nowhere
        "address_book": draft.address_book,
        "message": draft.message,
        "stretch_time": draft.stretch_time,
        "additional": _additional(draft) or None,
    }
    return {key: value for key, value in body.items() if value is not None}


def _additional(draft: CampaignDraft) -> dict[str, object]:
    parts: dict[str, object] = {}
    if draft.button is not None:
        parts["button"] = to_dict(draft.button)
    if draft.image is not None:
        parts["image"] = to_dict(draft.image)
    if draft.resend_sms is not None:
        parts["resend_sms"] = {"status": True, **to_dict(draft.resend_sms)}
    return parts


# What comes back


def _positive(value: object) -> int:
    """Read an id; "90241" is one (B: older fixtures), 0 and null are what a failure looks like (C)."""
    if (number := read_int(value)) > 0:
        return number
    raise Unreadable("", f"expected a positive id, got {number}")


def _book_ids(value: object) -> tuple[int, ...]:
    """Read [1488435] of 2023 (A), or the single id, or 0 for none, that older answers have (B)."""
    return tuple(found for item in one_or_many(value) if (found := read_book_id(item)) is not None)


@frozen
class CreatedCampaign:
    """The provider's echo of a campaign it has accepted. The request is nested, this is flat (A)."""

    task_id: int = field(metadata=wire(read=_positive))
    task_name: str | None = field(kw_only=True, default=None, repr=brief)
    message: str | None = field(kw_only=True, default=None, repr=brief)
    message_type: MessageType | None = field(kw_only=True, default=None)
    sender_id: int | None = field(kw_only=True, default=None)
    message_live_time: int | None = field(kw_only=True, default=None)
    """Seconds; an int goes out, "1000" comes back (A)."""
    send_date: datetime | None = field(kw_only=True, default=None)
    """A date even where "now" was sent (A)."""
    address_book_id: int | None = field(
        kw_only=True, default=None, metadata=wire("address_book_id", "address_book", read=read_book_id)
    )
    button_text: str | None = field(kw_only=True, default=None, repr=brief)
    button_link: str | None = field(kw_only=True, default=None, repr=brief)
    image_link: str | None = field(kw_only=True, default=None, repr=brief)
    resend_sms: bool | None = field(kw_only=True, default=None)
    """An object goes out, 0 comes back (A)."""
    sms_text: str | None = field(kw_only=True, default=None, repr=brief)
    sms_sender_name: str | None = field(kw_only=True, default=None, repr=brief)
    found: bool = field(kw_only=True, default=False, eq=False, metadata=NOT_ON_THE_WIRE)
    """An earlier call with its key had created it, and nothing was sent now: it is the same campaign, and equal."""
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class CampaignSummary:
    """A campaign as the list shows it."""

    id: int
    name: str = field(kw_only=True, repr=brief)
    sender_id: int = field(kw_only=True)
    message_live_time: int = field(kw_only=True)
    message: str | None = field(kw_only=True, default=None, repr=brief)
    button_text: str | None = field(kw_only=True, default=None, repr=brief)
    button_link: str | None = field(kw_only=True, default=None, repr=brief)
    image_link: str | None = field(kw_only=True, default=None, repr=brief)
    address_book_id: int | None = field(
        kw_only=True, default=None, metadata=wire("address_book_id", "address_book", read=read_book_id)
    )
    """``address_book_id`` in the page's table, ``address_book`` in its sample (A)."""
    sender_name: str | None = field(kw_only=True, default=None, repr=brief)
    send_date: datetime | None = field(kw_only=True, default=None)
    status: CampaignStatus | None = field(kw_only=True, default=None)
    """Null in one of the page's two samples (A)."""
    created: datetime | None = field(kw_only=True, default=None)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class CampaignStatistics:
    """How many messages of a campaign came how far."""

    _inside: ClassVar[str] = "statistics."
    sent: int
    delivered: int = field(kw_only=True)
    read: int = field(kw_only=True)
    redirected: int = field(kw_only=True)
    """Clicks on the button."""
    undelivered: int = field(kw_only=True)
    errors: int = field(kw_only=True)
    """Not sent, for technical reasons."""
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class Campaign:
    """One campaign with its statistics."""

    id: int
    name: str = field(kw_only=True, repr=brief)
    sender_id: int = field(kw_only=True)
    message_live_time: int = field(kw_only=True)
    message: str | None = field(kw_only=True, default=None, repr=brief)
    button_text: str | None = field(kw_only=True, default=None, repr=brief)
    button_link: str | None = field(kw_only=True, default=None, repr=brief)
    image_link: str | None = field(kw_only=True, default=None, repr=brief)
    address_book_ids: tuple[int, ...] = field(
        kw_only=True, default=(), metadata=wire("address_book_ids", "address_book", "address_book_id", read=_book_ids)
    )
    sender_name: str | None = field(kw_only=True, default=None, repr=brief)
    send_date: datetime | None = field(kw_only=True, default=None)
    status: CampaignStatus | None = field(kw_only=True, default=None)
    created: datetime | None = field(kw_only=True, default=None)
    stretch_time: int | None = field(kw_only=True, default=None)
    """Hours; like the next two it is missing in older answers (B)."""
    resend_sms: bool | None = field(kw_only=True, default=None)
    """True in the sample of 2023 (A)."""
    resend_sms_status: int | None = field(kw_only=True, default=None)
    """2 in the sample (A); what the numbers mean is not documented."""
    statistics: CampaignStatistics | None = field(kw_only=True, default=None, metadata=wire("statistic", "statistics"))
    """``statistics`` in the page's table, ``statistic`` in its sample (A)."""
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class Recipient:
    """One message of a campaign: to whom, what became of it, what it cost."""

    phone: str = field(repr=mask_phone, metadata=wire(read=wire_phone))
    address_book_id: int | None = field(kw_only=True, default=None, metadata=wire(read=read_book_id))
    """None where the phone was given by hand (A)."""
    status: RecipientStatus | None = field(kw_only=True, default=None)
    send_date: datetime | None = field(kw_only=True, default=None)
    price: Decimal | None = field(kw_only=True, default=None)
    """As the provider wrote it, digit for digit."""
    currency: str | None = field(kw_only=True, default=None)
    """Such as "RUR", a code that was retired in 1998 (A): not fit for a strict currency type."""
    last_update: datetime | None = field(kw_only=True, default=None)
    """May precede ``send_date`` (A)."""
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


def _row_count(recipients: tuple[Recipient, ...]) -> str:
    return f"<{counted(len(recipients), 'recipients')}>"


@frozen
class CampaignRecipients:
    """All messages of a campaign; the call has no paging (A)."""

    task_id: int
    recipients: tuple[Recipient, ...] = field(repr=_row_count)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


@frozen
class _Created:
    result: bool
    data: CreatedCampaign


def list_campaigns(limit: int, offset: int) -> Call[Page[CampaignSummary]]:
    """Give one page of the account's campaigns."""
    params = window(limit, offset)
    return Call(Kind.READ, name="campaigns.list", method="GET", path="/viber/task", read=_read_page, params=params)


def get_campaign(campaign_id: int) -> Call[Campaign]:
    """Give one campaign with its statistics."""
    path = f"/viber/task/{positive_id(campaign_id, 'campaign_id')}"
    return Call(Kind.READ, name="campaigns.get", method="GET", path=path, read=_read_campaign)


def get_recipients(campaign_id: int) -> Call[CampaignRecipients]:
    """Give what became of each message of a campaign."""
    path = f"/viber/task/{positive_id(campaign_id, 'campaign_id')}/recipients"
    return Call(Kind.READ, name="campaigns.recipients", method="GET", path=path, read=_read_recipients)


def _read_created(converter: "Converter", data: object) -> CreatedCampaign:
    created = converter.structure(data, _Created)
    if not created.result:
        raise Unreadable("result", "is not true")
    return created.data


def _read_page(converter: "Converter", data: object) -> Page[CampaignSummary]:
    return Page(converter.structure(data, tuple[CampaignSummary, ...]))


def _read_campaign(converter: "Converter", data: object) -> Campaign:
    return converter.structure(data, Campaign)


def _read_recipients(converter: "Converter", data: object) -> CampaignRecipients:
    return converter.structure(data, CampaignRecipients)


def echo_mismatch(draft: CampaignDraft, created: CreatedCampaign) -> str | None:
    """Give the first field whose echo contradicts *draft*, or None: a stray answer must not pass for ours.

    An echo that is absent contradicts nothing. Line ends may come back as another system writes them.
    """
    if draft.task_name is not None and created.task_name not in (None, draft.task_name):
        return "task_name"
    return content_mismatch(draft, created)


def content_mismatch(draft: CampaignDraft, created: CreatedCampaign) -> str | None:
    """Give the same as `echo_mismatch`, whatever the name."""
    if created.sender_id not in (None, draft.sender_id):
        return "sender_id"
    if created.message is not None and not same_text(created.message, draft.message):
        return "message"
    return None


def same_text(one: str | None, other: str | None) -> bool:
    """Tell whether two messages are the same; none and "" are, and line ends count as one kind."""
    return (one or "").replace("\r\n", "\n") == (other or "").replace("\r\n", "\n")
