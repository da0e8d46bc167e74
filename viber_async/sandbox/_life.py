"""The life of a campaign, as a function of how long it has lived. Pure, and the same for the same phones.

A recipient's fate is settled when the campaign is made and kept as one byte. What has come of it so far depends
on the recipient's turn alone, and turns come in order, so "who has got this far" is a prefix of the list, and a
million recipients are counted by `bytes.count`.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from viber_async.sandbox._hand import Hand

QUEUED: Final = "send"
"""The one word that was seen for a message without a result yet. A; its last_update precedes its send_date."""


class SandboxFate(enum.Enum):
    """What becomes of a message to one phone, in the words of the recipients call."""

    ERROR = "error"
    NOT_DELIVERED = "not delivered"
    DELIVERED = "delivered"
    READ = "read"
    CLICKED = "clicked"


@frozen
class SandboxPace:
    """How fast campaigns live, in seconds; ours, chosen so that a demonstration can be watched."""

    moderation: float = 2.0
    unlabelled: float = field(kw_only=True, default=0.0)
    """How long the list shows a null status for a new campaign. A: null was seen; when, is not known (?)."""
    sending: float = field(kw_only=True, default=3.0)
    """From the first turn to the last, without stretch_time."""
    delivery: float = field(kw_only=True, default=1.0)
    """From a recipient's turn on, as are the following."""
    reading: float = field(kw_only=True, default=2.0)
    clicking: float = field(kw_only=True, default=3.0)
    giving_up: float = field(kw_only=True, default=4.0)
    """Or message_live_time, whichever is shorter."""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.delivery <= self.reading <= self.clicking:
            raise ValueError("a message is delivered, then read, then clicked: delivery <= reading <= clicking")


@frozen
class Life:
    """A campaign's timetable and the fates of its recipients."""

    created_at: datetime
    send_at: datetime = field(kw_only=True)
    stretch_time: int = field(kw_only=True)
    lifetime: int = field(kw_only=True)
    fates: bytes = field(kw_only=True, repr=False)
    pace: SandboxPace = field(kw_only=True)
    approved_at: datetime | None = field(kw_only=True, default=None)
    """When somebody ended its moderation by hand."""
    hand: Hand | None = field(kw_only=True, default=None, repr=False)
    """Where its recipients stand, once somebody moves it by hand: then its timetable does not count."""

    @property
    def starts_at(self) -> datetime:
        """The first recipient's turn."""
        return self.approved_at or max(self.send_at, self.created_at + timedelta(seconds=self.pace.moderation))

    @property
    def span(self) -> float:
        """The seconds from the first turn to the end of the last."""
        return self.stretch_time * 3600.0 or self.pace.sending


@frozen
class Statistic:
    """The provider's six numbers. In its sample sent is delivered plus undelivered, and delivered holds read (A)."""

    sent: int
    delivered: int = field(kw_only=True)
    read: int = field(kw_only=True)
    redirected: int = field(kw_only=True)
    undelivered: int = field(kw_only=True)
    errors: int = field(kw_only=True)


@frozen
class Progress:
    """How far one recipient has got."""

    status: str
    turn_at: datetime = field(kw_only=True)
    updated_at: datetime = field(kw_only=True)


# The byte of a fate. A blacklisted phone has one of its own: refused at once, where others are given up on.
_ERROR, _GIVEN_UP, _DELIVERED, _READ, _CLICKED, _BLACKLISTED = range(6)
_BYTES: Final[Mapping[SandboxFate, int]] = {
    SandboxFate.ERROR: _ERROR,
    SandboxFate.NOT_DELIVERED: _GIVEN_UP,
    SandboxFate.DELIVERED: _DELIVERED,
    SandboxFate.READ: _READ,
    SandboxFate.CLICKED: _CLICKED,
}
# Of a hundred phones: 2 errors, 6 out of reach, 22 that leave it unread, 50 that read, 20 that click.
_SHARES: Final = bytes([_ERROR] * 2 + [_GIVEN_UP] * 6 + [_DELIVERED] * 22 + [_READ] * 50 + [_CLICKED] * 20)
_MIX: Final = 0x9E3779B97F4A7C15
"""The golden ratio in 64 bits: neighbours among the phones do not become neighbours among the fates."""


def fates_of(
    phones: Iterable[int],
    *,
    blacklist: Container[int],
    chosen: Mapping[int, SandboxFate],
    seed: int,
    button: bool,
) -> bytes:
    """Return a byte for each phone: blacklisted, as *chosen*, or by the phone's own number and the *seed*."""
    codes = {phone: _BYTES[fate] for phone, fate in chosen.items()}
    drawn = bytes(
        _BLACKLISTED
        if phone in blacklist
        else codes[phone]
        if phone in codes
        else _SHARES[((phone + seed) * _MIX & 0xFFFFFFFFFFFFFFFF) % 9973 % 100]
        for phone in phones
    )
    return drawn if button else drawn.replace(bytes([_CLICKED]), bytes([_READ]))  # there is nothing to click


def is_kept_back(life: Life, index: int) -> bool:
    """Return whether the recipient at *index* got nothing because it was blacklisted when the campaign was made."""
    return life.fates[index] == _BLACKLISTED


def status_at(life: Life, now: datetime) -> str:
    """Return the campaign's status in the provider's word."""
    if life.hand is not None:
        return life.hand.status
    if now < life.starts_at:
        return "moderation"
    return "sending" if now < life.starts_at + timedelta(seconds=life.span) else "sent"


def is_unlabelled(life: Life, now: datetime) -> bool:
    """Return whether the list still shows null for the status."""
    return now < life.created_at + timedelta(seconds=life.pace.unlabelled)


def statistic_at(life: Life, now: datetime) -> Statistic:
    """Return the six numbers as they stand."""
    if life.hand is not None:
        return life.hand.statistic
    reached = {code: [_reached(life, now, after) for _, after in steps] for code, steps in _steps(life).items()}

    def count(step: int, *codes: int) -> int:
        return sum(life.fates.count(code, 0, reached[code][step]) for code in codes)

    return Statistic(
        count(0, _GIVEN_UP, _DELIVERED, _READ, _CLICKED, _BLACKLISTED),
        delivered=count(1, _DELIVERED, _READ, _CLICKED),
        read=count(2, _READ, _CLICKED),
        redirected=count(3, _CLICKED),
        undelivered=count(1, _GIVEN_UP) + count(0, _BLACKLISTED),
        errors=count(0, _ERROR),
    )


def progress_at(life: Life, now: datetime, rows: range | None = None) -> Iterator[Progress]:
    """Yield how far the recipients of some *rows* (None: of all) have got, in the order of their turns."""
    table = {
        code: [(word, after, _reached(life, now, after)) for word, after in reversed(steps)]
        for code, steps in _steps(life).items()
    }
    between = life.span / max(len(life.fates), 1)
    for index in range(len(life.fates)) if rows is None else rows:
        turn = life.starts_at + timedelta(seconds=index * between)
        by_itself = table[life.fates[index]]
        yield _progress(life, index, turn, by_itself) if life.hand is None else life.hand.progress(index, turn)


def _progress(life: Life, index: int, turn: datetime, steps: Sequence[tuple[str, float, int]]) -> Progress:
    for word, after, reached in steps:
        if index < reached:
            return Progress(word, turn_at=turn, updated_at=turn + timedelta(seconds=after))
    return Progress(QUEUED, turn_at=turn, updated_at=life.created_at)


def _steps(life: Life) -> Mapping[int, list[tuple[str, float]]]:
    """For each fate the words it goes through, and how long after the turn."""
    pace = life.pace
    given_up = (SandboxFate.NOT_DELIVERED.value, min(pace.giving_up, float(life.lifetime)))
    delivered = [(QUEUED, 0.0), (SandboxFate.DELIVERED.value, pace.delivery)]
    read = [*delivered, (SandboxFate.READ.value, pace.reading)]
    return {
        _ERROR: [(SandboxFate.ERROR.value, 0.0)],
        _BLACKLISTED: [(SandboxFate.NOT_DELIVERED.value, 0.0)],
        _GIVEN_UP: [(QUEUED, 0.0), given_up],
        _DELIVERED: delivered,
        _READ: read,
        _CLICKED: [*read, (SandboxFate.CLICKED.value, pace.clicking)],
    }


def _reached(life: Life, now: datetime, after: float) -> int:
    """How many recipients had their turn at least *after* seconds before *now*."""
    gone = (now - life.starts_at).total_seconds() - after
    if gone < 0:
        return 0
    everyone = len(life.fates)
    return everyone if gone >= life.span else min(everyone, int(gone * everyone / life.span) + 1)
