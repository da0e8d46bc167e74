"""Phones in great numbers: kept as ints, eight bytes each where they only wait, and indexed where they are looked up.

A phone is an int below 10^15 here (the door sees to it), which is its digits and nothing else: none begins with 0.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Final, cast, overload

from viber_async._sansio.privacy import mask_phone

MIN_NUMBER: Final = 10**7
MAX_NUMBER: Final = 10**15 - 1
"""8 to 15 digits, as everywhere."""

LARGE: Final = 2_000_000
"""Ours: how many phones are looked up in a dict (75 bytes each, and the fastest); beyond that they are sorted into
arrays, 10 bytes each and three times as slow, which nobody notices at a thousand rows in a tenth of a second."""
BUCKETS: Final = 1009
"""A prime: phones of one country and operator are spread evenly. 10 000 000 make 10 000 in each."""

PRIME: Final = 2**89 - 1
"""The field of the fingerprints. Two different lists of 10 million have the same one with a chance of 10^7 in 2^89."""


class Phones(Sequence[str]):
    """Phones as digit strings, in a fixed order; eight bytes each, and never changed."""

    __slots__ = ("_numbers",)
    __hash__ = None  # type: ignore[assignment]  # equal to a list too, and those have none

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = numbers if isinstance(numbers, array) else array("q", numbers)

    @property
    def numbers(self) -> array[int]:
        """The same phones as ints; not to be changed."""
        return self._numbers

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Phones: ...
    def __getitem__(self, index: int | slice) -> str | Phones:
        return Phones(self._numbers[index]) if isinstance(index, slice) else str(self._numbers[index])

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return map(str, self._numbers)

    def __contains__(self, phone: object) -> bool:
        return isinstance(phone, str) and phone.isascii() and phone.isdigit() and int(phone) in self._numbers

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Phones):
            return self._numbers == other._numbers
        if isinstance(other, (tuple, list)):
            return list(self) == list(cast("Sequence[object]", other))
        return NotImplemented

    def __reduce__(self) -> tuple[type[Phones], tuple[array[int]]]:
        return Phones, (self._numbers,)

    def __repr__(self) -> str:
        first = [mask_phone(phone) for phone in self[:3]]
        return f"Phones({', '.join([*first, '...'] if len(self) > len(first) else first)}; {len(self)} in all)"


NO_PHONES: Final = Phones()


class Index:
    """Phones to look up, each with a mark that says whether it was met."""

    def __init__(self, *, large: int = LARGE) -> None:
        self._large = large
        self._few: dict[int, bool] = {}
        self._many: _Buckets | None = None

    def add(self, numbers: Iterable[int]) -> None:
        """Take *numbers* in, unmarked; all of them before the first is looked up."""
        if self._many is None:
            self._few.update(dict.fromkeys(numbers, False))
            if len(self._few) > self._large:
                self._many, self._few = _Buckets(self._few), {}
        else:
            self._many.add(numbers)

    def __len__(self) -> int:
        """How many different ones there are."""
        return len(self._few) if self._many is None else len(self._many)

    def __contains__(self, number: int) -> bool:
        return number in self._few if self._many is None else self._many.place(number) is not None

    def meet(self, numbers: Iterable[int]) -> list[int]:
        """Mark those of *numbers* that are here, and give the others."""
        if self._many is not None:
            return self._many.meet(numbers)
        few, others = self._few, list[int]()
        for number in numbers:
            if number in few:
                few[number] = True
            else:
                others.append(number)
        return others

    def forget(self) -> None:
        """Take all marks off."""
        if self._many is None:
            self._few = dict.fromkeys(self._few, False)
        else:
            self._many.forget()

    def met(self) -> array[int]:
        """Give the marked ones, in a fixed order."""
        return self._chosen(met=True)

    def missing(self) -> array[int]:
        """Give those without a mark, in a fixed order."""
        return self._chosen(met=False)

    def _chosen(self, *, met: bool) -> array[int]:
        if self._many is not None:
            return self._many.chosen(met=met)
        return array("q", sorted(number for number, mark in self._few.items() if mark is met))


class _Buckets:
    """Sorted arrays with a byte beside each number; sorted and freed of repetitions when first looked into."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._buckets = [array("q") for _ in range(BUCKETS)]
        self._marks: list[bytearray] | None = None
        self.add(numbers)

    def add(self, numbers: Iterable[int]) -> None:
        buckets = self._buckets
        for number in numbers:
            buckets[number % BUCKETS].append(number)

    def _sorted(self) -> list[bytearray]:
        if self._marks is None:
            for place, bucket in enumerate(self._buckets):
                self._buckets[place] = array("q", sorted(set(bucket)))
            self.forget()
        return self._marks or []

    def __len__(self) -> int:
        self._sorted()
        return sum(map(len, self._buckets))

    def place(self, number: int) -> tuple[int, int] | None:
        self._sorted()
        bucket = self._buckets[number % BUCKETS]
        place = bisect_left(bucket, number)
        return (number % BUCKETS, place) if place < len(bucket) and bucket[place] == number else None

    def meet(self, numbers: Iterable[int]) -> list[int]:
        marks, others = self._sorted(), list[int]()
        for number in numbers:
            if (place := self.place(number)) is None:
                others.append(number)
            else:
                marks[place[0]][place[1]] = 1
        return others

    def forget(self) -> None:
        self._marks = [bytearray(len(bucket)) for bucket in self._buckets]

    def chosen(self, *, met: bool) -> array[int]:
        found = array("q")
        for bucket, marks in zip(self._buckets, self._sorted(), strict=True):
            found.extend(compress(bucket, marks if met else bytes(1 - mark for mark in marks)))
        return found


class IdSet:
    """A set of ints for many that lie close together, such as the ids of rows: far less than a byte each then.

    A thousand and twenty-four neighbours share a map of bits; one without neighbours is kept as it is.
    """

    __slots__ = ("_count", "_pages")

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._pages: dict[int, int | bytearray] = {}
        self._count = 0
        self.update(ids)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return bool(self.among((number,)))

    def among(self, numbers: Iterable[int]) -> set[int]:
        """Give those of *numbers* that are here."""
        pages, found = self._pages, set[int]()
        for number in numbers:
            page, low = pages.get(number >> 10), number & 1023
            if page is not None and (page == low if isinstance(page, int) else page[low >> 3] >> (low & 7) & 1):
                found.add(number)
        return found

    def update(self, numbers: Iterable[int]) -> None:
        """Take *numbers* in."""
        for number in numbers:
            high, low = number >> 10, number & 1023
            page = self._pages.get(high, low)
            if page == low:  # the only one of its page, or there before
                self._count += high not in self._pages
                self._pages[high] = low
                continue
            if isinstance(page, int):
                self._pages[high] = first = bytearray(128)
                first[page >> 3] |= 1 << (page & 7)
                page = first
            bit = 1 << (low & 7)
            self._count += not page[low >> 3] & bit
            page[low >> 3] |= bit

    def __iter__(self) -> Iterator[int]:
        for high, page in self._pages.items():
            lows = (page,) if isinstance(page, int) else (n for n in range(1024) if page[n >> 3] >> (n & 7) & 1)
            for low in lows:
                yield high << 10 | low


def fingerprint(numbers: Iterable[int], salt: int) -> int:
    """Give what stands for *numbers* in whatever order, repetitions included.

    The product of (number + salt) modulo a prime: with a *salt* that was drawn at random, two different lists agree
    only where two polynomials of their length do. The fingerprint of two lists together is the product of both.
    """
    product = 1
    for number in numbers:
        product = product * (number + salt) % PRIME
    return product


def together(*fingerprints: int) -> int:
    """Give the fingerprint of several lists as one."""
    product = 1
    for each in fingerprints:
        product = product * each % PRIME
    return product


def without(whole: int, part: int) -> int:
    """Give the fingerprint of the list that *whole* is of, without those that *part* is of."""
    return whole * pow(part, -1, PRIME) % PRIME
