"""Sender names: the model and its two calls.

Annotations are evaluated here (no ``from __future__``): the converter reads the types of the fields from them.
"""

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from viber_async._sansio.call import Call, Kind
from viber_async._sansio.converter import NO_EXTRAS, Extras, OpenWord, brief, one_or_many, read_str, wire
from viber_async._sansio.door import positive_id
from viber_async._sansio.rows import usually

if TYPE_CHECKING:
    from cattrs import Converter

PATH: Final = "/viber/senders"


class SenderStatus(OpenWord):
    """What the provider thinks of a sender name; words that are new to us become members as they come."""

    VERIFIED = "verified"
    """A: the page's sample. Campaigns can be sent from it."""
    PENDING = "pending"
    """B: a fixture of the provider's own client."""


@usually("type(v) is str")
def _country(value: object) -> str:
    """Read "UK" (A: ``country``), or a list of such from ``countries`` (B: a fixture), as one text."""
    return ", ".join(read_str(item) for item in one_or_many(value))


@frozen
class Sender:
    """A sender name, as the provider knows it."""

    id: int
    name: str = field(kw_only=True, repr=brief)
    status: SenderStatus | None = field(kw_only=True, default=None)
    service_type: str | None = field(kw_only=True, default=None, repr=brief)
    web_site: str | None = field(kw_only=True, default=None, repr=brief)
    description: str | None = field(kw_only=True, default=None, repr=brief)
    country: str | None = field(
        kw_only=True, default=None, repr=brief, metadata=wire("country", "countries", read=_country)
    )
    """Of the recipients. Where the provider lists several, all of them: ``"UK, UA"``."""
    traffic_type: str | None = field(kw_only=True, default=None, repr=brief)
    admin_comment: str | None = field(kw_only=True, default=None, repr=brief)
    extras: Extras = field(kw_only=True, default=NO_EXTRAS, repr=False)


def list_senders() -> Call[tuple[Sender, ...]]:
    """Give all sender names of the account; the call has no paging (A)."""
    return Call(Kind.READ, name="senders.list", method="GET", path=PATH, read=_read_senders)


def get_sender(sender_id: int) -> Call[Sender]:
    """Give one sender name."""
    path = f"{PATH}/{positive_id(sender_id, 'sender_id')}"
    return Call(Kind.READ, name="senders.get", method="GET", path=path, read=_read_sender)


def _read_senders(converter: "Converter", data: object) -> tuple[Sender, ...]:
    return converter.structure(data, tuple[Sender, ...])


def _read_sender(converter: "Converter", data: object) -> Sender:
    return converter.structure(data, Sender)
