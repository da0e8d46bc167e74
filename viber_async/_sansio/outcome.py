"""What is known of a campaign whose creation ended without a clear answer.

A handle is made to be kept: in an error, in a log, in a ledger, in another process. So it holds digests of what the
campaign can be recognised by, and neither phones nor text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, fields_dict, frozen

from viber_async._sansio.converter import brief
from viber_async._sansio.privacy import mask_phones, refused

if TYPE_CHECKING:
    from viber_async._sansio.campaigns import CampaignDraft

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MARKER: Final = re.compile(r"[a-z2-7]{16}")


@frozen(kw_only=True)
class CreateHandle:
    """What is needed to look for the campaign later, in any process; holds no phones and no text."""

    task_name: str | None = field(repr=brief)
    """The name it was sent with, for people to read: phones in it are masked. None if it had none, or a marker."""
    name_digest: str | None = field(default=None, eq=False)  # it says the same as the name
    """SHA-256 of the name, in hexadecimal; None where *task_name* is."""
    sender_id: int
    message_digest: str | None
    """SHA-256 of the message, in hexadecimal; None for an image alone."""
    sent_after: datetime
    """Aware, UTC: the campaign was not created before this moment."""
    sent_before: datetime
    """The same: the call had ended by then, though the provider may still be at it."""
    by_server: bool = False
    """The two moments are the provider's time, from the dates of its answers; else this machine's clock's."""
    marker: str | None = None
    """What a campaign of `create_once` has at the front of its name; None for one of `create`."""
    marker_lost: bool = False
    """The provider echoed the name without its marker: the campaign can only be recognised by what it says."""

    def to_dict(self) -> dict[str, object]:
        """Give plain JSON types, which `from_dict` reads in any process."""
        found: dict[str, object] = {name: getattr(self, name) for name in fields_dict(CreateHandle)}
        return found | {"sent_after": self.sent_after.isoformat(), "sent_before": self.sent_before.isoformat()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> CreateHandle:
        """Give the handle that `to_dict` wrote.

        Raises:
            ValidationError: it was not written by this version of `to_dict`.

        """
        if not isinstance(data, Mapping) or set(data) != set(_READERS):
            raise refused("handle", data, "give what CreateHandle.to_dict() gave, whole")
        read: dict[str, object] = {}
        for name, reader in _READERS.items():
            try:
                read[name] = reader(data[name])
            except (TypeError, ValueError):
                raise refused(f"handle.{name}", None, "is not as CreateHandle.to_dict() writes it") from None
        return cls(**read)  # type: ignore[arg-type]  # each was read by its own reader

    def lost_its_marker(self) -> CreateHandle:
        """Give the handle for a campaign whose echoed name had no marker."""
        return evolve(self, marker_lost=True)


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    if (found := _text(value)) is not None and not pattern.fullmatch(found):
        raise ValueError
    return found


def _digest(value: object) -> str | None:
    return _matching(_DIGEST, value)


def _marker(value: object) -> str | None:
    return _matching(_MARKER, value)


def _id(value: object) -> int:
    if type(value) is not int or value < 1:
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value) or "")
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


_READERS: Final = {
    "task_name": _text,
    "name_digest": _digest,
    "sender_id": _id,
    "message_digest": _digest,
    "sent_after": _moment,
    "sent_before": _moment,
    "by_server": _flag,
    "marker": _marker,
    "marker_lost": _flag,
}


def handle_of(
    draft: CampaignDraft,
    *,
    sent_after: datetime,
    sent_before: datetime,
    by_server: bool = False,
    marker: str | None = None,
) -> CreateHandle:
    """Give the handle for a create of *draft* between two moments; with a *marker*, the name does not matter."""
    name = None if marker is not None else draft.task_name
    return CreateHandle(
        task_name=None if name is None else mask_phones(name),
        name_digest=digest(name),
        sender_id=draft.sender_id,
        message_digest=digest(draft.message),
        sent_after=sent_after,
        sent_before=sent_before,
        by_server=by_server,
        marker=marker,
    )


def digest(text: str | None) -> str | None:
    """Give the digest of *text* by which it is recognised; "" is none, and line ends count as one kind."""
    if not text:
        return None
    return hashlib.sha256(text.replace("\r\n", "\n").encode(errors="surrogatepass")).hexdigest()
