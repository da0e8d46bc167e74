"""Phones in great numbers: kept as ints, eight bytes each where they only wait, and indexed where they are looked up.

A phone is an int below 10^15 here (the door sees to it), which is its digits and nothing else: none begins with 0.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate, chain, compress, filterfalse, islice, zip_longest
from operator import not_
from typing import Final, Protocol, cast, overload

from viber_async._sansio.privacy import mask_phone

MIN_NUMBER: Final = 10**7
MAX_NUMBER: Final = 10**15 - 1
"""8 to 15 digits, as everywhere."""

LARGE: Final = 1_050_000
"""Ours: how many phones are looked up in a set (60 bytes each, and 30 while they are marked: the fastest); beyond that
they are sorted into arrays, 8 bytes and one, and three times as slow, which nobody notices at a thousand rows in a
tenth of a second."""
AT_ONCE: Final = 10_000
"""Phones that go into the set before it is asked how large it is: ten million given at once never stand in it."""
BUCKETS: Final = 1009
"""A prime: phones of one country and operator are spread evenly. 10 000 000 make 10 000 in each."""

LOW: Final = 2**16 - 1
CROWD: Final = 4096
"""Ids in one container beyond which its bits take less than two bytes each."""

ENDING: Final = 7
"""Digits by which a phone is known again however its country and its network are written: few who are not meant share
them (of ten million, one)."""
_RUN: Final = re.compile(rf"[0-9](?:[^0-9,;|\t\n\r]{{0,4}}[0-9]){{{ENDING - 1},}}")
_NO_DIGIT: Final = re.compile(r"[^0-9]")

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
    """Phones to look up; about so many are *expected*. Whoever looks for them makes `marks` of his own over it."""

    def __init__(self, *, expected: int = 0, large: int = LARGE) -> None:
        self._large = 0 if expected > large else large
        self._few: set[int] = set()
        self._many: _Buckets | None = None

    def add(self, numbers: Iterable[int]) -> None:
        """Take *numbers* in; all of them before the first is looked up."""
        rest = iter(numbers)
        while self._many is None:
            if not (piece := list(islice(rest, AT_ONCE))):
                return
            self._few.update(piece)
            if len(self._few) > self._large:
                self._many, self._few = _Buckets(self._few), set()
        self._many.add(rest)

    def __len__(self) -> int:
        """How many different ones there are."""
        return len(self._few) if self._many is None else len(self._many)

    def __contains__(self, number: int) -> bool:
        return number in self._few if self._many is None else number in self._many

    def __iter__(self) -> Iterator[int]:
        """In any order: to sort a million takes as long as all else."""
        return iter(self._few) if self._many is None else iter(self._many)

    def marks(self) -> Marks:
        """Give marks for all of them, none of which is set."""
        return _FewMarks(self._few) if self._many is None else _ManyMarks(self._many)


class Marks(Protocol):
    """Which phones of an index were met."""

    def meet(self, numbers: Sequence[int]) -> tuple[Collection[int], list[int]]:
        """Mark those of *numbers* that are in the index; give those marked now, and those that are not in it."""
        ...

    def missing(self) -> array[int]:
        """Give those without a mark, in a fixed order."""
        ...


class _FewMarks:
    """A set beside the set: what is left of it."""

    def __init__(self, few: set[int]) -> None:
        self._few = few
        self._left = set(few)

    def meet(self, numbers: Sequence[int]) -> tuple[Collection[int], list[int]]:
        few, left = self._few, self._left
        if left.issuperset(numbers):  # as nearly every page of nearly every walk: no look at each phone
            held = len(left)
            left.difference_update(numbers)
            return (numbers if held - len(left) == len(numbers) else set(numbers)), []
        new = left.intersection(numbers)
        left -= new
        return new, [number for number in filterfalse(new.__contains__, numbers) if number not in few]

    def missing(self) -> array[int]:
        return array("q", sorted(self._left))


class _Buckets:
    """Sorted arrays; sorted and freed of repetitions when first looked into."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._buckets = [array("q") for _ in range(BUCKETS)]
        self._is_sorted = False
        self.add(numbers)

    def add(self, numbers: Iterable[int]) -> None:
        buckets = self._buckets
        for number in numbers:
            buckets[number % BUCKETS].append(number)

    def sorted(self) -> list[array[int]]:
        if not self._is_sorted:
            for bucket in self._buckets:
                bucket[:] = array("q", sorted(set(bucket)))  # in place: a thread keeps what it frees
            self._is_sorted = True
        return self._buckets

    def __len__(self) -> int:
        return sum(map(len, self.sorted()))

    def __contains__(self, number: int) -> bool:
        bucket = self.sorted()[number % BUCKETS]
        place = bisect_left(bucket, number)
        return place < len(bucket) and bucket[place] == number

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.sorted())


class _ManyMarks:
    """A byte for each number; all in one piece, which goes back to the system when its walk is over."""

    def __init__(self, many: _Buckets) -> None:
        self._buckets = many.sorted()
        *self._starts, count = accumulate(map(len, self._buckets), initial=0)
        self._marks = bytearray(count)

    def meet(self, numbers: Sequence[int]) -> tuple[Collection[int], list[int]]:
        buckets, starts, marks = self._buckets, self._starts, self._marks
        new, others = list[int](), list[int]()
        for number in numbers:
            at = number % BUCKETS  # as `in`, without a call for each of ten million
            bucket = buckets[at]
            place = bisect_left(bucket, number)
            if place == len(bucket) or bucket[place] != number:
                others.append(number)
            elif not marks[mark := starts[at] + place]:
                marks[mark] = 1
                new.append(number)
        return new, others

    def missing(self) -> array[int]:
        return array("q", compress(chain.from_iterable(self._buckets), map(not_, self._marks)))


class IdSet:
    """A set of ints that mostly come in the order of their size, such as the ids of rows: two bytes each, or a bit.

    Sixty-five thousand neighbours share a container: their lower halves in a sorted array, or, where there are many, a
    map of bits. What is beyond the smallest and the largest is known to be new without a look.
    """

    __slots__ = ("_containers", "_count", "_highest", "_lowest")

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._containers: dict[int, array[int] | bytearray] = {}
        self._count = 0
        self._lowest = self._highest = 0
        self.update(ids)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return bool(self.among((number,)))

    def among(self, numbers: Iterable[int]) -> set[int]:
        """Give those of *numbers* that are here."""
        lowest, highest, containers = self._lowest, self._highest, self._containers
        found = set[int]()
        for number in [number for number in numbers if lowest <= number <= highest]:
            container, low = containers.get(number >> 16), number & LOW
            if isinstance(container, bytearray):
                if container[low >> 3] >> (low & 7) & 1:
                    found.add(number)
            elif container is not None:
                place = bisect_left(container, low)
                if place < len(container) and container[place] == low:
                    found.add(number)
        return found

    def update(self, numbers: Iterable[int]) -> None:
        """Take *numbers* in."""
        ordered = sorted(set(numbers))
        if not ordered:
            return
        self._lowest = min(self._lowest, ordered[0]) if self._containers else ordered[0]
        self._highest = max(self._highest, ordered[-1]) if self._containers else ordered[-1]
        start = 0
        while start < len(ordered):
            high = ordered[start] >> 16
            end = bisect_left(ordered, (high + 1) << 16, start)
            self._put(high, array("H", [number & LOW for number in ordered[start:end]]))
            start = end

    def _put(self, high: int, lows: array[int]) -> None:
        container = self._containers.get(high)
        if isinstance(container, bytearray):
            self._count += _marked(container, lows)
            return
        held = 0 if container is None else len(container)
        if container is None:
            container = lows
        elif container[-1] < lows[0]:
            container.extend(lows)
        else:
            container = array("H", sorted({*container, *lows}))
        self._count += len(container) - held
        if len(container) > CROWD:
            _marked(bits := bytearray(2**13), container)
            self._containers[high] = bits
        else:
            self._containers[high] = container

    def __iter__(self) -> Iterator[int]:
        for high, container in self._containers.items():
            if isinstance(container, bytearray):
                lows: Iterable[int] = (low for low in range(2**16) if container[low >> 3] >> (low & 7) & 1)
            else:
                lows = container
            for low in lows:
                yield high << 16 | low


def _marked(bits: bytearray, lows: array[int]) -> int:
    """Set the bits of *lows*, and give how many were not set before."""
    new = 0
    for low in lows:
        byte, bit = bits[low >> 3], 1 << (low & 7)
        new += not byte & bit
        bits[low >> 3] = byte | bit
    return new


class Endings:
    """How phones may end that are meant by texts that are none: a bit for each seven digits that there can be."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, text: str) -> None:
        """Take every seven digits of *text* in a row, whatever stands in front, between and behind them."""
        for run in _RUN.findall(text):
            self._bits = self._bits or bytearray(10**ENDING // 8)
            digits = _NO_DIGIT.sub("", run)
            for start in range(len(digits) - ENDING + 1):
                ending = int(digits[start : start + ENDING])
                self._bits[ending >> 3] |= 1 << (ending & 7)

    def among(self, numbers: Iterable[int]) -> set[int]:
        """Give those of *numbers* that end like one of them."""
        bits = self._bits
        return {number for number in numbers if bits and bits[(ending := number % 10**ENDING) >> 3] >> (ending & 7) & 1}


def fingerprint(numbers: Iterable[int], salt: int) -> int:
    """Give what stands for *numbers* in whatever order, repetitions included.

    The product of (number + salt) modulo a prime: with a *salt* that was drawn at random, two different lists agree
    only where two polynomials of their length do. The fingerprint of two lists together is the product of both.
    """
    product = 1
    rest = iter(numbers)
    for one, other in zip_longest(rest, rest, fillvalue=1 - salt):  # in pairs: half of the divisions
        product = product * (one + salt) * (other + salt) % PRIME
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
