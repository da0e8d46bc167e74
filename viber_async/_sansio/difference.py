"""Wanted here, present there: what to add, what to remove, what to leave alone.

One side is indexed, the other streams past it page by page. The law:

    A phone is removed only where its row was read, is not wanted, carries the owner's tag (if there is one), and is
    old enough (if that is asked for); and where any row of the same phone says otherwise, it stays. So does a phone
    that ends like an entry of the wanted side that could not be read.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from viber_async._sansio.call import Unreadable
from viber_async._sansio.converter import make_converter
from viber_async._sansio.number_page import NO_NUMBER
from viber_async._sansio.numbers import fingerprint, together, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from viber_async._sansio.number_page import NumberPage
    from viber_async._sansio.numbers import Endings, Index
    from viber_async._sansio.terms import Terms

IsYoung = Callable[[object], bool]
"""Tells of a row's date, as the wire has it, whether the row may be too young to be removed."""

SHOWN: Final = 1000
"""How many unreadable rows are kept to be shown; all are counted."""


@frozen(kw_only=True)
class Kept:
    """Rows that are not wanted, and stay all the same: how many, by reason."""

    unreadable: int = 0
    """Their phone cannot be read."""
    foreign: int = 0
    """They do not carry the owner's tag."""
    young: int = 0
    """They are younger than the minimum, or may be."""
    unclear: int = 0
    """They end like an entry of the source that holds no phone as it is written: it may mean them."""


NOTHING_KEPT: Final = Kept()


@frozen
class Unread:
    """A row of the blacklist whose phone cannot be read."""

    id: int
    shown: str = field(kw_only=True)
    """What stands there, masked."""


@frozen(kw_only=True)
class Changes:
    """The difference of the two sides, each list of numbers in a fixed order and without repetitions."""

    adds: array[int] = field(repr=False)
    removes: array[int] = field(repr=False)
    unchanged: int
    """How many are wanted and there already."""
    kept: Kept
    unread: tuple[Unread, ...]
    removable: int
    """How many phones may be removed at all: the others, and of those that are there the ones with the tag."""
    wanted_print: int
    remote_print: int
    left: int
    """Phones that could be removed, and are left for another run."""
    back: int
    """Phones that an interrupted run removed, and that are there all the same."""
    anew: set[int] = field(repr=False)
    """Phones that it was to remove, and that somebody has put there anew since: they stay."""
    rest_print: int
    """Of the phones that are neither wanted nor to be removed."""
    rows: array[int] = field(repr=False)
    """The ids of the rows with the phones to be removed: whoever is put on the blacklist anew has another one."""


@frozen(kw_only=True)
class Earlier:
    """What is known of a run that was interrupted, and is gone on with."""

    left: set[int] = field(repr=False)
    """The phones that it was to remove, without those that it certainly did: nothing else is removed."""
    rows: set[int] = field(repr=False)
    """The ids of the rows that it was to remove."""
    removed: set[int] = field(repr=False)
    """The phones that it has tried to remove."""


class Difference:
    """Takes the pages of a walk; *index* holds the wanted phones, all of them."""

    def __init__(self, index: Index, *, terms: Terms, salt: int, is_young: IsYoung) -> None:
        self._index = index
        self._marks = index.marks()
        self._terms = terms
        self._salt = salt
        self._is_young = is_young
        self._candidates = array("q")
        self._rows = array("q")
        """The ids of the candidates' rows."""
        self._protected = array("q")
        """Phones of rows that stay; another row of the same phone may be a candidate."""
        self._owned = 0
        self._there_print = self._others_print = 1
        self._unreadable = 0
        self._foreign = 0
        self._young = 0
        self._unread: list[Unread] = []

    def take(self, page: NumberPage, new: Sequence[int]) -> None:
        """Take the rows of *page* whose indexes are *new*."""
        phones = page.phones
        if page.unreadable:
            self._note(page, new)
        there, others = self._marks.meet(
            phones
            if len(new) == len(phones) and not page.unreadable
            else [phones[i] for i in new if phones[i] != NO_NUMBER]
        )
        self._there_print = together(self._there_print, fingerprint(there, self._salt))
        self._others_print = together(self._others_print, fingerprint(others, self._salt))
        if not self._terms.mirrors:
            return
        if page.descriptions is None or page.dates is None:
            self._candidates.extend(others)
            among = set(others)
            self._rows.extend(page.ids[i] for i in new if phones[i] in among)
            self._owned += len(new)
        else:
            self._judge(page, new, set(others))

    def _note(self, page: NumberPage, new: Sequence[int]) -> None:
        found = [Unread(page.ids[i], shown=page.unreadable[i]) for i in new if i in page.unreadable]
        self._unreadable += len(found)
        self._unread.extend(found[: SHOWN - len(self._unread)])

    def _judge(self, page: NumberPage, new: Sequence[int], others: set[int]) -> None:
        descriptions, dates = page.descriptions or [], page.dates or []
        for i in new:
            phone = page.phones[i]
            owned = phone != NO_NUMBER and self._terms.owns(descriptions[i])
            self._owned += owned
            if phone not in others:
                continue
            if not owned:
                self._foreign += 1
                self._protected.append(phone)
            elif self._is_young(dates[i]):
                self._young += 1
                self._protected.append(phone)
            else:
                self._candidates.append(phone)
                self._rows.append(page.ids[i])

    def finish(self, *, earlier: Earlier | None = None, unclear: Endings | None = None) -> Changes:
        """Give what came out when the walk is over; *unclear* tells how the entries end that could not be read."""
        removes = set(self._candidates)
        removes.difference_update(self._protected)
        meant = set[int]() if unclear is None else unclear.among(removes)
        removes -= meant
        could = len(removes)
        anew, back = set[int](), 0
        if earlier is not None:
            back = len(earlier.removed.intersection(chain(self._candidates, self._protected)))
            removes &= earlier.left
            anew = {phone for row, phone in self._removable() if phone in removes and row not in earlier.rows}
            removes -= anew
        gone = fingerprint((number for number in self._candidates if number in removes), self._salt)
        adds = self._marks.missing()
        return Changes(
            adds=adds,
            removes=array("q", sorted(removes)),
            unchanged=len(self._index) - len(adds),
            kept=Kept(unreadable=self._unreadable, foreign=self._foreign, young=self._young, unclear=len(meant)),
            unread=tuple(self._unread),
            removable=self._owned,
            wanted_print=together(self._there_print, fingerprint(adds, self._salt)),
            remote_print=together(self._there_print, self._others_print),
            rest_print=without(self._others_print, gone),
            left=could - len(removes),
            back=back,
            anew=anew,
            rows=array("q", (row for row, phone in self._removable() if phone in removes)),
        )

    def _removable(self) -> Iterator[tuple[int, int]]:
        """Give the candidates, each behind the id of its row."""
        return zip(self._rows, self._candidates, strict=True)


def age_rule(terms: Terms, *, now: datetime, time_zone: tzinfo | None) -> IsYoung:
    """Give the rule about dates, at *now* (which knows its zone), for an account in *time_zone*."""
    read = make_converter(time_zone).get_structure_hook(datetime)

    def is_young(value: object) -> bool:
        try:
            date = read(value, datetime)
        except Unreadable:
            date = None
        return terms.is_young(date, now=now)

    return is_young
