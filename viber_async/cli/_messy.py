"""A file of phone numbers as people keep them, made from a seed: the same seed, the same file.

Pure: text in memory, nothing is written here. Every number lies in a range that a regulator has set aside for
films and books, so that it looks real and rings nobody. What each line was meant to be is counted while it is
written, and the demo holds the library's judgement against that.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MIN_LINES: Final = 100
"""Fewer could not hold one line of every kind."""
MAX_LINES: Final = 100_000
"""Two thirds of the phones that the ranges hold."""
JUNK_PERCENT: Final = 12
AGAIN_PERCENT: Final = 16
HEADER: Final = "phone"


@frozen
class Range:
    """Phones that were set aside for fiction: a country, what they begin with, and how many digits follow."""

    country: str
    area: str = field(kw_only=True)
    free: int = field(kw_only=True)

    @property
    def size(self) -> int:
        """How many phones there are."""
        return int(10**self.free)


def _ranges(country: str, areas: str, free: int) -> tuple[Range, ...]:
    return tuple(Range(country, area=area, free=free) for area in areas.split())


RANGES: Final = (
    # Ofcom, in its list of phones for use in radio and television drama
    *_ranges("44", "7700900 2079460 1134960 1144960 1154960 1164960 1174960 1184960 1214960 1314960", 3),
    *_ranges("44", "1414960 1514960 1614960 1914980", 3),
    # Arcep, in its numbering plan, under phones for audiovisual works
    *_ranges("33", "19900 26191 35301 46571 53649 63998", 4),
    # Bundesnetzagentur, in its list of phones for film and television
    *_ranges("49", "3023125 6990009 4066969 2214710 8999998", 3),
    # NANPA: 555-0100 to 555-0199 in every area code; N11 and N22 to N99 are no ordinary ones
    *(Range("1", area=f"{code}55501", free=2) for code in range(210, 990) if code % 100 // 10 != code % 10),
)


@frozen
class Phone:
    """A phone and what is known of its parts, which spelling it needs."""

    country: str
    area: str = field(kw_only=True)
    rest: str = field(kw_only=True)

    @property
    def digits(self) -> str:
        """The library's spelling."""
        return self.country + self.national

    @property
    def national(self) -> str:
        """Without the country code."""
        return self.area + self.rest

    def grouped(self, separator: str) -> str:
        """Return the national number in groups of three, the last of two to four."""
        digits = self.national
        ends = [*range(3, len(digits) - 1, 3), len(digits)]
        return separator.join(digits[start:end] for start, end in zip([0, *ends], ends, strict=False))


SPELLINGS: Final[Mapping[str, Callable[[Phone], str]]] = {
    "digits": lambda phone: phone.digits,
    "plus": lambda phone: f"+{phone.digits}",
    "double zero": lambda phone: f"00{phone.digits}",
    "spaces": lambda phone: f"+{phone.country} {phone.grouped(' ')}",
    "dots": lambda phone: f"{phone.country}.{phone.grouped('.')}",
    "dashes": lambda phone: f"+{phone.country}-{phone.grouped('-')}",
    "brackets": lambda phone: f"+{phone.country} ({phone.national[:3]}) {phone.national[3:6]}-{phone.national[6:]}",
    "no-break spaces": lambda phone: f"+{phone.country}\u00a0{phone.grouped(chr(0x202F))}",
    "padded": lambda phone: f"  00 {phone.country} {phone.national} ",
}
"""Ways to write one phone; all of them mean the same."""

JUNK: Final[Mapping[str, Callable[[Phone], str]]] = {
    "blank": lambda _: "",
    "no answer": lambda _: "n/a",
    "a note": lambda _: "call after six",
    "an address": lambda phone: f"customer{phone.rest}@example.com",
    "too short": lambda phone: phone.digits[:6],
    "too long": lambda phone: phone.digits + phone.national,
    "no country": lambda phone: f"0{phone.national}",
    "trunk zero": lambda phone: f"+{phone.country} (0){phone.grouped(' ')}",
    "two phones": lambda phone: f"{phone.digits} / {phone.digits[:-1]}0",
    "extension": lambda phone: f"+{phone.digits} ext. 12",
    "letter O": lambda phone: f"+{phone.country} {phone.area}O{phone.rest[1:]}",
    "decimal": lambda phone: f"{phone.digits}.0",
    "scientific": lambda phone: f"{int(phone.digits):.4E}",
    "negative": lambda phone: f"-{phone.digits}",
    "other digits": lambda phone: phone.digits.translate({ord("0") + i: chr(0x0660 + i) for i in range(10)}),
    "a second header": lambda _: HEADER,
}
"""Lines that hold no phone, or none that could be read without guessing."""


@frozen(kw_only=True)
class Messy:
    """The file's lines, what they were meant to be, and phones that are not in it."""

    lines: tuple[str, ...] = field(repr=False)
    new: int
    """Lines with a phone that no other line meant before."""
    again: int
    """Lines with a phone in the file twice: the same, mostly in another spelling."""
    junk: int
    """Lines without a phone, the header among them."""
    phones: tuple[Phone, ...] = field(repr=False)
    """The different ones in the file."""
    strangers: tuple[Phone, ...] = field(repr=False)
    """Those that are not in it."""


def messy(seed: int, *, lines: int, strangers: int = 0) -> Messy:
    """Return a messy file of so many *lines*, and as many *strangers*."""
    draw = random.Random(seed)  # noqa: S311 - has to be the same every time, and guards nothing
    junk = max(lines * JUNK_PERCENT // 100, len(JUNK) + 1)
    again = lines * AGAIN_PERCENT // 100
    new = lines - junk - again
    drawn = _phones(draw, new + strangers)
    first = [(phone, draw.choice(list(SPELLINGS))) for phone in drawn[:new]]
    texts = [SPELLINGS[name](phone) for phone, name in first]
    texts += [_respelt(draw, *draw.choice(first)) for _ in range(again)]
    texts += _junk(draw, drawn, junk - 1)
    draw.shuffle(texts)
    return Messy(lines=(HEADER, *texts), new=new, again=again, junk=junk, phones=drawn[:new], strangers=drawn[new:])


def spelt(seed: int, phones: tuple[Phone, ...]) -> tuple[str, ...]:
    """Return each of *phones* in some spelling."""
    draw = random.Random(seed)  # noqa: S311 - as above
    return tuple(draw.choice(list(SPELLINGS.values()))(phone) for phone in phones)


def _phones(draw: random.Random, count: int) -> tuple[Phone, ...]:
    """Different phones from all countries: which range first, then which phone of it, by one number."""
    ends = list(accumulate(each.size for each in RANGES))
    return tuple(_phone(number, ends) for number in draw.sample(range(ends[-1]), count))


def _phone(number: int, ends: list[int]) -> Phone:
    place = bisect_right(ends, number)
    chosen = RANGES[place]
    within = number - (ends[place] - chosen.size)
    return Phone(chosen.country, area=chosen.area, rest=f"{within:0{chosen.free}}")


def _respelt(draw: random.Random, phone: Phone, spelling: str) -> str:
    return SPELLINGS[draw.choice([name for name in SPELLINGS if name != spelling])](phone)


def _junk(draw: random.Random, phones: tuple[Phone, ...], count: int) -> list[str]:
    """Every kind in its turn, so that none is missing, each made of some phone."""
    kinds = list(JUNK.values())
    return [kinds[i % len(kinds)](draw.choice(phones)) for i in range(count)]
