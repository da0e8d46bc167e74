"""The rules of "at most once": which row may become which, and who may do it.

A row of the ledger is one key. The law:

    A campaign is sent only by whoever moved its row to SENDING, and a row moves there only from PREPARED (nothing
    ever left) or, if the caller asked for it and the settle window is over, from UNKNOWN. Every move replaces
    the version it was decided on, so of two who decide at once one decides again.

Leases only tell "in progress elsewhere" from "abandoned". A lease that is over allows to look for the campaign; it
never allows to send one. Moments are seconds since the epoch and come in as arguments; `tests/sansio/
test_ledger_model.py` explores these rules exhaustively against an abstract provider.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attrs import evolve, frozen

from viber_async._sansio.campaigns import MAX_TASK_NAME, CreatedCampaign, content_mismatch
from viber_async._sansio.converter import to_dict
from viber_async._sansio.marker import MARKER_LENGTH, SEPARATOR, carries, looks_marked
from viber_async._sansio.outcome import CreateHandle
from viber_async._sansio.privacy import refused
from viber_async._sansio.tokens import ApiKey
from viber_async.errors import KeyConflictError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viber_async._sansio.campaigns import CampaignDraft
    from viber_async._sansio.tokens import ClientCredentials

UNNAMED: Final = "campaign"
"""Ours: what follows the marker where the draft has no name; people read the list too."""
MAX_KEY: Final = 1000
"""Ours: a key names one campaign; what is longer is a text."""
MIN_RESEND: Final = timedelta(minutes=10)
"""Ours: below that, a provider that is merely busy would be given the campaign twice."""


class State(enum.Enum):
    """What is known of the campaign of one key."""

    PREPARED = "prepared"
    """Nothing ever left; one who holds the lease may be about to send."""
    SENDING = "sending"
    """Somebody was allowed to send it; until the lease is over it may be under way."""
    ACCEPTED = "accepted"
    """It exists."""
    REJECTED = "rejected"
    """The provider said no: nothing was created."""
    UNKNOWN = "unknown"
    """It may or may not exist."""


class Event(enum.Enum):
    """What can happen to a row."""

    CLAIM = "somebody takes it in hand, to look and then to send"
    RELEASE = "the one who took it in hand gives up, having sent nothing"
    SEND = "the one who took it in hand is about to send"
    NOT_SENT = "the sender knows that nothing left"
    ACCEPT = "the sender was told that it exists"
    REJECT = "the sender was told that it was refused"
    UNCLEAR = "the sender cannot tell"
    LAPSE = "the sender has not been heard of since its lease was over"
    FIND = "somebody found the campaign by its marker"
    MISS = "somebody looked for it and found nothing"
    RESEND = "the settle window is over, nothing was found, and the caller wants it sent again"


TABLE: Final[Mapping[tuple[State, Event], State]] = {
    (State.PREPARED, Event.CLAIM): State.PREPARED,
    (State.PREPARED, Event.RELEASE): State.PREPARED,
    (State.PREPARED, Event.SEND): State.SENDING,
    (State.PREPARED, Event.FIND): State.ACCEPTED,
    (State.SENDING, Event.NOT_SENT): State.PREPARED,
    (State.SENDING, Event.ACCEPT): State.ACCEPTED,
    (State.SENDING, Event.REJECT): State.REJECTED,
    (State.SENDING, Event.UNCLEAR): State.UNKNOWN,
    (State.SENDING, Event.LAPSE): State.UNKNOWN,
    (State.SENDING, Event.FIND): State.ACCEPTED,
    # A sender whose lease was over speaks after all: what it knows is still true.
    (State.UNKNOWN, Event.NOT_SENT): State.PREPARED,
    (State.UNKNOWN, Event.ACCEPT): State.ACCEPTED,
    (State.UNKNOWN, Event.REJECT): State.REJECTED,
    (State.UNKNOWN, Event.UNCLEAR): State.UNKNOWN,
    (State.UNKNOWN, Event.FIND): State.ACCEPTED,
    (State.UNKNOWN, Event.MISS): State.UNKNOWN,
    (State.UNKNOWN, Event.RESEND): State.SENDING,
    (State.REJECTED, Event.CLAIM): State.PREPARED,
}
"""What is not in here does not happen."""

_BY_ITS_SENDER: Final = {Event.RELEASE, Event.SEND, Event.NOT_SENT, Event.ACCEPT, Event.REJECT, Event.UNCLEAR}
_DENIALS: Final = {Event.NOT_SENT, Event.REJECT}
"""What says that *this* sending created nothing; of an earlier one, whose outcome is unknown, it says nothing."""
_TAKES_IT: Final = {Event.CLAIM, Event.SEND, Event.RESEND}


@frozen(kw_only=True)
class LedgerRow:
    """All that a ledger keeps of one key: no phones, no text, and not the key itself."""

    key: str
    """A keyed hash of the caller's key."""
    fingerprint: str
    """A keyed hash of the draft, by which other content is noticed."""
    state: State
    version: int
    """1 for the first; each change adds one. A ledger replaces a row only by its next version."""
    attempt: str
    """A random name of the one who took it in hand last."""
    since: float
    """When that was; seconds since the epoch, by the clock of the machine that wrote it."""
    lease: float
    """For how many seconds it may be in progress since then."""
    handle: CreateHandle
    doubted: bool = False
    """It was sent more than once, and what became of an earlier sending is unknown."""
    task_id: int | None = None
    """The campaign, once it is known to exist."""
    send_date: datetime | None = None
    """When the provider said that it would send it."""
    missed: float | None = None
    """When it was first looked for in vain since it was sent, by the clock of this machine..."""
    missed_by_server: float | None = None
    """...and by the provider's."""

    def to_dict(self) -> dict[str, object]:
        """Give plain JSON types, which `from_dict` reads."""
        when = self.send_date
        return {
            "key": self.key,
            "fingerprint": self.fingerprint,
            "state": self.state.value,
            "version": self.version,
            "attempt": self.attempt,
            "since": self.since,
            "lease": self.lease,
            "handle": self.handle.to_dict(),
            "doubted": self.doubted,
            "task_id": self.task_id,
            "send_date": None if when is None else when.isoformat(),
            "missed": self.missed,
            "missed_by_server": self.missed_by_server,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> LedgerRow:
        """Give the row that `to_dict` wrote.

        Raises:
            LedgerError: it cannot have been written by `to_dict`.

        """
        try:
            values = {**data}
            row = cls(
                **values  # type: ignore[arg-type]  # what does not fit is found when it is written again
                | {
                    "state": State(values["state"]),
                    "handle": CreateHandle.from_dict(values["handle"]),  # type: ignore[arg-type]  # checked there
                    "send_date": _date(values["send_date"]),
                }
            )
            if json.dumps(row.to_dict(), sort_keys=True) == json.dumps(values, sort_keys=True):
                return row
        except (TypeError, ValueError, KeyError):
            pass  # named below, together with what reads and does not mean the same
        raise LedgerError("a row of the ledger cannot be read: it was not written by this version; nothing was sent")


def _date(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)  # type: ignore[arg-type]  # a TypeError is expected


def step(row: LedgerRow, event: Event, *, by: str | None = None, **changes: object) -> LedgerRow | None:
    """Give what *row* becomes by *event*, or None if that cannot happen to it.

    *by* is the attempt that speaks: what only the sender can know counts only from the one who sent last.
    """
    to = TABLE.get((row.state, event))
    if to is None or (event in _BY_ITS_SENDER and by != row.attempt):
        return None
    if row.doubted and event in _DENIALS:
        to = State.UNKNOWN
    if event in _TAKES_IT:
        changes |= {"missed": None, "missed_by_server": None}
    if event is Event.RESEND:
        changes["doubted"] = True
    return evolve(row, state=to, version=row.version + 1, **changes)  # type: ignore[arg-type]  # fields of a row


class Todo(enum.Enum):
    """What whoever wants the campaign of a key has to do next."""

    CLAIM = "take it in hand"
    WAIT = "somebody is at it: wait for the outcome"
    LOOK = "find out what became of it"
    GIVE = "it exists"


def todo(row: LedgerRow | None, *, fingerprint: str, now: float, watched: float) -> Todo:
    """Give what to do about *row*; *watched* is for how long we have seen this very version of it.

    A clock may be wrong, here or where the row was written: who watched for as long as the lease need not look at it.

    Raises:
        KeyConflictError: the key was used for other content.

    """
    if row is None:
        return Todo.CLAIM
    if not hmac.compare_digest(row.fingerprint, fingerprint):
        raise other_content()
    if row.state is State.ACCEPTED:
        return Todo.GIVE
    if row.state is State.UNKNOWN:
        return Todo.LOOK
    if row.state is State.REJECTED:
        return Todo.CLAIM
    if not is_over(row, now=now, watched=watched):
        return Todo.WAIT
    return Todo.CLAIM if row.state is State.PREPARED else Todo.LOOK


def is_over(row: LedgerRow, *, now: float, watched: float) -> bool:
    """Tell whether the lease of *row* is over."""
    return now >= row.since + row.lease or watched >= row.lease


def other_content() -> KeyConflictError:
    """Give the error for a key that stands for another campaign already."""
    return KeyConflictError(
        "this key was used before for a campaign with other content, and nothing was sent now. A key stands for one "
        "campaign for ever: choose another key, or give the same draft again"
    )


def settles_in(row: LedgerRow, resend_after: timedelta, *, now: float, server_now: float | None) -> float | None:
    """Give the seconds until *row* may be sent again, 0 if it may be now, or None if that cannot be said.

    Two clocks have to agree, the provider's and this machine's, since either may jump. They count from the first
    search in vain, and the lease is added: a sender whose lease seemed over because of a clock may still be at it.
    """
    if row.state is not State.UNKNOWN or row.handle.marker_lost:
        return None
    if row.missed is None or row.missed_by_server is None or server_now is None:
        return None
    window = row.lease + resend_after.total_seconds()
    return max(0.0, window - (now - row.missed), window - (server_now - row.missed_by_server))


# Keys, content, accounts


def checked_key(key: object) -> str:
    """Give *key* if it may name a campaign."""
    if not isinstance(key, str) or not key.strip():
        raise refused("key", None, "text that names this one campaign, such as the id of the order it is about")
    if len(key) > MAX_KEY:
        raise refused("key", None, f"at most {MAX_KEY} characters, and this has {len(key)}")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise refused("key", None, "lone surrogates are no text") from None
    return str.__str__(key)


def checked_resend(value: object) -> timedelta | None:
    """Give *value* if it may be a settle window."""
    if value is None or (isinstance(value, timedelta) and value >= MIN_RESEND):
        return value
    raise refused("resend_after", None, "a timedelta of at least 10 minutes, or None: never send again")


def account_tag(credentials: ClientCredentials | ApiKey, base_url: str) -> str:
    """Give a name for the account that says nothing about it, the same on every machine with its credentials."""
    who = f"key\n{credentials.key}" if isinstance(credentials, ApiKey) else f"id\n{credentials.client_id}"
    return _hex(b"viber_async account", f"{urlsplit(base_url).hostname}\n{who}".encode())


def key_hash(secret: bytes, key: str) -> str:
    """Give what a ledger stores in place of *key*."""
    return _hex(secret, b"key\n" + key.encode())


def fingerprint(secret: bytes, draft: CampaignDraft) -> str:
    """Give what a ledger stores in place of *draft*: the same for the same campaign, in whatever order of phones."""
    content = to_dict(draft)
    if draft.recipients is not None:
        content["recipients"] = sorted(draft.recipients)
    if isinstance(draft.send_date, datetime) and draft.send_date.tzinfo is not None:
        content["send_date"] = draft.send_date.astimezone(UTC).isoformat()
    return _hex(secret, b"draft\n" + json.dumps(content, sort_keys=True).encode())


def _hex(secret: bytes, data: bytes) -> str:
    return hmac.new(secret, data, hashlib.sha256).hexdigest()


# The marker


def marker_of(account: str, key: str) -> str:
    """Give the marker of *key*, the same on every machine of the account."""
    raw = hmac.new(account.encode(), b"marker\n" + key.encode(), hashlib.sha256).digest()
    return base64.b32encode(raw).decode().lower()[:MARKER_LENGTH]


def marked(draft_name: str | None, marker: str) -> str:
    """Give the name that is sent: the marker in front, where no truncation reaches it."""
    most = MAX_TASK_NAME - MARKER_LENGTH - len(SEPARATOR)
    name = UNNAMED if draft_name is None else draft_name
    refuse_like_marked(name)
    if len(name) > most:
        rule = f"at most {most} characters with create_once, which puts a marker of 19 in front; this has {len(name)}"
        raise refused("task_name", name, rule)
    return marker + SEPARATOR + name


def refuse_like_marked(name: str | None) -> None:
    """Refuse a name that begins with a marker: it was copied, and would pass for another campaign."""
    if looks_marked(name):
        raise refused("task_name", name, "begins like the marker of a campaign of create_once; leave that part out")


def echo_doubt(draft: CampaignDraft, created: CreatedCampaign, marker: str) -> tuple[str | None, bool]:
    """Give the field whose echo contradicts *draft*, and whether it is its name and has lost the marker.

    A name that begins with the marker is ours, however the rest of it was cut; one that is absent says nothing. Where
    sender or text differ too, the answer is somebody else's, and says nothing of our marker.
    """
    if (field := content_mismatch(draft, created)) is not None:
        return field, False
    if created.task_name is None or carries(created.task_name, marker):
        return None, False
    return "task_name", not looks_marked(created.task_name)


# What the caller gets


def created_of(row: LedgerRow, draft: CampaignDraft) -> CreatedCampaign:
    """Give the campaign of an accepted *row*, found: its own id and date, and the content that its key stands for."""
    if row.task_id is None or row.handle.marker is None:
        raise LedgerError("an accepted row of the ledger has no campaign: it cannot be trusted; nothing was sent")
    button, image, sms = draft.button, draft.image, draft.resend_sms
    return CreatedCampaign(
        row.task_id,
        task_name=marked(draft.task_name, row.handle.marker),
        message=draft.message,
        message_type=draft.message_type,
        sender_id=draft.sender_id,
        message_live_time=draft.message_live_time,
        send_date=row.send_date,
        address_book_id=draft.address_book,
        button_text=None if button is None else button.text,
        button_link=None if button is None else button.link,
        image_link=None if image is None else image.link,
        resend_sms=sms is not None,
        sms_text=None if sms is None else sms.sms_text,
        sms_sender_name=None if sms is None else sms.sms_sender_name,
        found=True,
    )
