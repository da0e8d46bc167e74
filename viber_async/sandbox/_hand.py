"""A campaign that somebody moves on by hand: where each recipient stands, and since when. Pure.

Once in hand it does not move by itself any more. Recipients only get on: nobody unreads a message. And whoever was
blacklisted when the campaign was made gets nothing, whatever is pressed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from attrs import evolve, field, frozen

from viber_async.sandbox._life import QUEUED, Progress, SandboxFate, Statistic, is_kept_back, progress_at, status_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from viber_async.sandbox._life import Life

# Where a recipient stands, as one byte. The first three are one word, "send", to whoever asks.
_WAITING, _GONE, _BARRED, _ERROR, _NOT_DELIVERED, _DELIVERED, _READ, _CLICKED = range(8)
_STAGES: Final[Mapping[str, int]] = {
    SandboxFate.ERROR.value: _ERROR,
    SandboxFate.NOT_DELIVERED.value: _NOT_DELIVERED,
    SandboxFate.DELIVERED.value: _DELIVERED,
    SandboxFate.READ.value: _READ,
    SandboxFate.CLICKED.value: _CLICKED,
}
_WORDS: Final = (QUEUED, QUEUED, QUEUED, *_STAGES)
_BEFORE: Final[Mapping[SandboxFate, tuple[int, ...]]] = {
    SandboxFate.ERROR: (_WAITING, _GONE),
    SandboxFate.NOT_DELIVERED: (_WAITING, _GONE),
    SandboxFate.DELIVERED: (_WAITING, _GONE),
    SandboxFate.READ: (_WAITING, _GONE, _DELIVERED),
    SandboxFate.CLICKED: (_WAITING, _GONE, _DELIVERED, _READ),
}
"""Where a recipient may stand to be moved to a fate."""


@frozen
class Hand:
    """A byte and a moment for each recipient."""

    approved: bool
    stages: bytes = field(kw_only=True, repr=False)
    updated: tuple[datetime, ...] = field(kw_only=True, repr=False)

    @property
    def status(self) -> str:
        """The campaign's status: sent, once there is a result for everybody."""
        if not self.approved:
            return "moderation"
        return "sending" if self._count(_WAITING, _GONE, _BARRED) else "sent"

    @property
    def statistic(self) -> Statistic:
        """The provider's six numbers."""
        return Statistic(
            self._count(_GONE, _NOT_DELIVERED, _DELIVERED, _READ, _CLICKED),
            delivered=self._count(_DELIVERED, _READ, _CLICKED),
            read=self._count(_READ, _CLICKED),
            redirected=self._count(_CLICKED),
            undelivered=self._count(_NOT_DELIVERED),
            errors=self._count(_ERROR),
        )

    def progress(self, index: int, turn: datetime) -> Progress:
        """Return how far a recipient has got, whose *turn* was planned: it is sent before it arrives."""
        word, updated_at = _WORDS[self.stages[index]], self.updated[index]
        return Progress(word, turn_at=turn if word == QUEUED else min(turn, updated_at), updated_at=updated_at)

    def _count(self, *stages: int) -> int:
        return sum(map(self.stages.count, stages))


def held(life: Life) -> Life:
    """Return the *life* of a campaign that waits to be moved by hand from its beginning on."""
    places = range(len(life.fates))
    stages = bytes(_BARRED if is_kept_back(life, index) else _WAITING for index in places)
    return evolve(life, hand=Hand(approved=False, stages=stages, updated=(life.created_at,) * len(stages)))


def approved(life: Life, now: datetime) -> Life:
    """Return *life* with its moderation over: it begins now, whatever date was asked for."""
    if status_at(life, now) != "moderation":
        return life
    return evolve(life, approved_at=now, hand=None if life.hand is None else evolve(life.hand, approved=True))


def moved(life: Life, fate: SandboxFate, now: datetime, chosen: Iterable[int] | None = None) -> Life:
    """Return *life* in hand, with the recipients at the *chosen* places (None: all) moved to their *fate*."""
    if life.hand is None:
        life = held(life) if status_at(life, now) == "moderation" else _taken(life, now)
    life = approved(life, now)
    hand = cast("Hand", life.hand)
    stages = _chosen(hand.stages, hand.stages.translate(_table(fate)), chosen)
    changes = zip(hand.stages, stages, hand.updated, strict=True)
    updated = tuple(then if old == new else now for old, new, then in changes)
    return evolve(life, hand=evolve(hand, stages=stages, updated=updated))


def _table(fate: SandboxFate) -> bytes:
    before = bytes(_BEFORE[fate])
    return bytes.maketrans(
        before + bytes([_BARRED]), bytes([_STAGES[fate.value]]) * len(before) + bytes([_NOT_DELIVERED])
    )


def _chosen(before: bytes, after: bytes, chosen: Iterable[int] | None) -> bytes:
    if chosen is None:
        return after
    mixed = bytearray(before)
    for index in chosen:
        mixed[index] = after[index]
    return bytes(mixed)


def _taken(life: Life, now: datetime) -> Life:
    """Return *life* in hand, with everybody where the timetable has brought them by now."""
    rows = list(progress_at(life, now))
    stages = bytes(_stage(row, now, out=is_kept_back(life, index)) for index, row in enumerate(rows))
    return evolve(life, hand=Hand(approved=True, stages=stages, updated=tuple(row.updated_at for row in rows)))


def _stage(row: Progress, now: datetime, *, out: bool) -> int:
    if row.status != QUEUED:
        return _STAGES[row.status]
    if out:
        return _BARRED
    return _GONE if row.turn_at <= now else _WAITING
