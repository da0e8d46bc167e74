"""The blacklist's rows, fit for a million of them: seeded in a moment, and any page of them found at once."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FIRST_ENTRY: Final = 164


@frozen
class SandboxEntry:
    """A row of the blacklist."""

    id: int
    phone: int = field(kw_only=True)
    description: str = field(kw_only=True)
    added_at: datetime = field(kw_only=True)


Row = tuple[int, int, "Batch"]
"""An id, its phone, and what it has in common with others."""


@frozen(eq=False)
class Batch:
    """What the rows have in common that came together."""

    description: str
    added_at: datetime = field(kw_only=True)


class Blacklist:
    """The blacklisted phones, in the order in which they came."""

    def __init__(self, *, newest_first: bool) -> None:
        self._ids: dict[int, int] = {}
        self._batches: list[Batch] = []
        self._starts: list[int] = []  # the first id of each batch
        self._order: list[int] | None = []  # put together once for each removal, not once for each page of a million
        self._next_id = FIRST_ENTRY
        self._newest_first = newest_first

    def __contains__(self, phone: object) -> bool:
        return phone in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def phones(self) -> frozenset[int]:
        """Return all phones."""
        return frozenset(self._ids)

    def rows(self) -> tuple[SandboxEntry, ...]:
        """Return all entries, in the order of the list call."""
        return tuple(
            SandboxEntry(number, phone=phone, description=batch.description, added_at=batch.added_at)
            for number, phone, batch in self.page(len(self), 0)
        )

    def latest(self, count: int) -> list[Row]:
        """Return the *count* rows that came last, the latest first."""
        return self.page(count, 0) if self._newest_first else self.page(count, max(len(self) - count, 0))[::-1]

    def page(self, limit: int, offset: int) -> list[Row]:
        """Return some rows, in the order of the list call."""
        window = self._window(limit, offset)
        ids = [self._ids[phone] for phone in window]
        return [(number, phone, self._batch_of(number)) for number, phone in zip(ids, window, strict=True)]

    def add(self, phones: Iterable[int], description: str, now: datetime) -> tuple[int, int]:
        """Return how many were added, and how many were there before."""
        given = list(phones)
        new = dict.fromkeys(phone for phone in given if phone not in self._ids)
        self._ids.update(zip(new, count(self._next_id)))
        self._starts.append(self._next_id)
        self._batches.append(Batch(description, added_at=now.astimezone(UTC)))
        self._next_id += len(new)
        if self._order is not None:
            self._order += new
        return len(new), len(given) - len(new)

    def remove(self, phones: Iterable[int]) -> int:
        """Return how many of *phones* were there, and are no more."""
        deleted = sum(self._ids.pop(phone, None) is not None for phone in phones)
        self._order = None
        return deleted

    def _window(self, limit: int, offset: int) -> Sequence[int]:
        if self._order is None:
            self._order = list(self._ids)
        if not self._newest_first:
            return self._order[offset : offset + limit]
        end = max(len(self._order) - offset, 0)
        return self._order[max(end - limit, 0) : end][::-1]

    def _batch_of(self, number: int) -> Batch:
        return self._batches[bisect_right(self._starts, number) - 1]


@frozen
class Lossy:
    """A blacklist that does not do everything, and counts all of it as done."""

    _true: Blacklist | Lossy
    _is_lost: Callable[[int], bool]

    def __len__(self) -> int:
        return len(self._true)

    def __contains__(self, phone: object) -> bool:
        return phone in self._true

    def page(self, limit: int, offset: int) -> list[Row]:
        """Return some rows, which are true."""
        return self._true.page(limit, offset)

    def add(self, phones: Iterable[int], description: str, now: datetime) -> tuple[int, int]:
        """Return how many seem to be added, and how many were there before."""
        kept, lost = self._parted(phones)
        added, exists = self._true.add(kept, description, now)
        there = sum(phone in self._true for phone in lost)
        return added + len(lost) - there, exists + there

    def remove(self, phones: Iterable[int]) -> int:
        """Return how many of *phones* were there, and seem to be no more."""
        kept, lost = self._parted(phones)
        return self._true.remove(kept) + sum(phone in self._true for phone in lost)

    def _parted(self, phones: Iterable[int]) -> tuple[list[int], list[int]]:
        kept: list[int] = []
        lost: list[int] = []
        for phone in phones:
            (lost if self._is_lost(phone) else kept).append(phone)
        return kept, lost
