"""How many phones a write carries, and what to do with a batch that the provider refuses.

The law: every phone is taken once, in order; a refused batch is halved until it goes through or one phone stands alone,
and that one is refused for good. A batch is never empty.

A batch may be refused for its size or for one phone in it. The two look the same until the halves are tried: if both go
through, it was the size, and the next batches are smaller, until so many have gone through that a larger one is worth a
try again. If one phone stands alone in the end, it was the phone, and the size stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from viber_async import errors

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from viber_async._sansio.blacklist import BlacklistAdded, BlacklistRemoved

BATCH: Final = 500
"""Ours, as everywhere: nothing is documented (?)."""
PATIENCE: Final = 8
"""Ours: batches that go through before a size that was refused is tried again; twice as many after each refusal."""
MOST_REFUSED: Final = 100
"""Ours: phones that may be refused one by one while none goes through. What is wrong then is not the phones."""


@frozen
class Span:
    """A batch: the phones from *start* up to *stop*."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


class Batches:
    """Hands out spans of *count* phones; each has to be answered by `accepted` or `refused` before the next."""

    def __init__(self, count: int, *, largest: int = BATCH) -> None:
        self._count = count
        self._largest = self._size = largest
        self._next = 0
        self._halves: list[Span] = []
        """Parts of refused batches, the next one last."""
        self._halving = False
        self._alone = False
        """Whether a phone of the batch that is being halved stood alone."""
        self._went_through = 0
        """The most of it that went through at once."""
        self._in_a_row = 0
        self._patience = PATIENCE
        self._refused_in_a_row = 0

    @property
    def size(self) -> int:
        """How many phones the next whole batch has."""
        return self._size

    @property
    def hopeless(self) -> bool:
        """Tell whether so many phones were refused without one going through that it cannot be them."""
        return self._refused_in_a_row >= MOST_REFUSED

    def hope(self) -> None:
        """Note that a phone of another kind went through: it is those that were refused, after all."""
        self._refused_in_a_row = 0

    def take(self) -> Span | None:
        """Give the next batch, or None when there is none left."""
        if self._halves:
            return self._halves.pop()
        if self._halving:
            self._judge()
        if self._next == self._count:
            return None
        span = Span(self._next, min(self._next + self._size, self._count))
        self._next = span.stop
        return span

    def accepted(self, span: Span) -> None:
        """Note that *span* went through."""
        self._refused_in_a_row = 0
        if self._halving:
            self._went_through = max(self._went_through, len(span))
            return
        self._in_a_row += 1
        if self._in_a_row >= self._patience:
            self._size, self._in_a_row = min(self._size * 2, self._largest), 0

    def refused(self, span: Span) -> bool:
        """Note that *span* was refused; True if that is final, because it is one phone."""
        self._halving = True
        if len(span) == 1:
            self._alone = True
            self._refused_in_a_row += 1
            return True
        middle = (span.start + span.stop) // 2
        self._halves += [Span(middle, span.stop), Span(span.start, middle)]
        return False

    def _judge(self) -> None:
        """Say what a batch was refused for, now that all its parts are through."""
        if not self._alone:
            self._size, self._in_a_row = self._went_through, 0
            self._patience *= 2
        self._halving, self._alone, self._went_through = False, False, 0


def is_about_the_batch(error: errors.ViberError) -> bool:
    """Tell whether *error* says that this batch, or a phone in it, is not taken: 400, 413, 422, or a plain no."""
    match error:
        case errors.DecodeError():
            return False
        case errors.BadRequestError():
            return True
        case errors.ApiError(status=status):
            return status == 413 or (type(error) is errors.ApiError and status in (200, 400, 422))
        case _:
            return False


def add_up(answer: BlacklistAdded | BlacklistRemoved, count: int, *, exact: bool) -> bool:
    """Tell whether the counters of a write of *count* phones are believable; those of a repeat are lower bounds."""
    counted = getattr(answer, "added", 0) + getattr(answer, "exists", 0) + getattr(answer, "deleted", 0)
    return counted == count if exact else counted <= count


def parts(numbers: array[int], size: int) -> Iterator[array[int]]:
    """Give *numbers* in pieces of *size*."""
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
