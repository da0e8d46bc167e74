"""What the library says of Python's arguments, in the words of the command: its options, and what was typed. Pure.

A sentence that is not in here holds nothing of Python's, and is said as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from viber_async import ValidationError
from viber_async._sansio.privacy import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Final[Mapping[str, str]] = {
    "sender_id": "--sender",
    "message": "--text",
    "task_name": "--name",
    "message_live_time": "--live",
    "recipients": "--to or --recipients",
    "address_book": "--address-book",
    "send_date": "--send-at",
    "stretch_time": "--stretch",
    "message_type": "--system",
    "button": "--button",
    "image": "--image",
    "resend_sms": "--sms",
}
"""The option for each field of a draft."""
ONE_PHONE: Final = "--to"
FIRST_WORD: Final = re.compile(r"[.\[]")
NOTHING: Final = shown(None)
"""How the library shows what is not there."""
OF_TIMES: Final[Mapping[str, str]] = {
    "the session has a time_zone: give an aware datetime": "with --time-zone it needs its offset, such as +02:00",
    "give the session the account's time_zone, or a naive datetime": "with an offset it needs --time-zone, "
    "the account's",
}
"""Rules of the library for a time, wherever it stands."""
OF_OPTIONS: Final[Mapping[str, str]] = {
    **OF_TIMES,
    "give exactly one of recipients and address_book": "give one of them or --address-book, not both",
    'is past in every time zone; "now" sends at once': "is past in every time zone; without it, it is sent at once",
    'is past; "now" sends at once': "is past; without it, it is sent at once",
    "give text, or leave the argument out: blank text says nothing": "blank text says nothing",
    "give text, text and button, text, button and image, or an image alone": "give --text, --text and --button, "
    "--text, --button and --image, or --image alone",
}
"""Rules of the library for what options give."""
OF_DRAFTS: Final[Mapping[str, str]] = {
    **OF_TIMES,
    "whole seconds from 60 to 86400, as an int or a timedelta": "whole seconds from 60 to 86400",
    "give text, or leave the argument out: blank text says nothing": "blank text says nothing",
    "MessageType.PROMO (2) or MessageType.SYSTEM (3)": "2 for a promotion, 3 for a system message",
}
"""Rules of the library for what stands in a draft."""
SAID: Final[Mapping[str, str]] = {
    "senders.list() shows": "`viber-async senders list` shows",
    "check base_url": "check SENDPULSE_BASE_URL",
    ' is: region="UA" (--region UA)': " is with --region, such as UA",
}
"""What may stand anywhere in a sentence."""


def of_option(error: ValidationError, typed: object = None) -> ValidationError:
    """Give *error* as what is wrong with an option; *typed* is what stood there, if it is not what was refused."""
    name, *rest = FIRST_WORD.split(error.field)
    where = OPTIONS[name]
    if rest:
        where = ONE_PHONE if name == "recipients" else f"{where} ({rest[0]})"
    picture = error.shown if typed is None else shown(typed)
    got = f"; got {picture}" if _is_of_people(picture) else ""
    message = f"{where}: {OF_OPTIONS.get(error.rule, error.rule)}{got}"
    return ValidationError(message, field=error.field, rule=error.rule, shown=error.shown)


def of_draft(error: ValidationError, file: str, written: object = None) -> str:
    """Give what is wrong with a draft's file; *written* is what stands there, as above."""
    picture = error.shown if written is None else shown(written)
    got = "nothing stands there" if picture == NOTHING else f"got {picture}"
    return f"{file}: {error.field}: {OF_DRAFTS.get(error.rule, error.rule)}; {got}"


def in_our_words(sentence: str) -> str:
    """Give *sentence* without what only programs can do about it."""
    for theirs, ours in SAID.items():
        sentence = sentence.replace(theirs, ours)
    return sentence


def _is_of_people(picture: str) -> bool:
    """Tell whether a picture is that of what somebody typed, and not of what was made of it."""
    return picture.startswith(("'", '"')) or picture.isdecimal()
