"""After this page: which offset comes next, is the seam sound, is the walk over.

The walk is pure: it is handed the ids of each page and says what to ask for and which rows are new. The law:

    If the rows that stay keep their relative order, every row that stands in the list from the first request
    to the last is handed out exactly once; whatever the server does, the walk ends; and where the first half
    is not proven, the report says so.

Why it holds. Let F be the furthest row received, and suppose that every lasting row up to F was handed out.
A page is one piece of the list. If it holds *any* known row, it begins at or before F, so the lasting rows
between F and its own last row all stand in it: nothing was jumped over, and its last row is the new F. A page
at offset 0 needs no known row. Every other page is refused, and asked for again from further back.

The end. An empty page at the position alone proves nothing: rows deleted in front of us, between the last page
and this one, pull unread rows below the position, and the page is empty while they are there. So the end has to
be shown by a page with rows: its ``total`` equals the position behind its last row (page and total are one
snapshot, so F was the last row at that moment, and what came later did not last the walk); or, where there are
no totals, it is shorter than the longest page of the walk (which supposes that a server with a cap keeps it, and
that it is not below two rows). Only then is the position asked without an overlap, and only an empty answer to
that ends the walk. Deletions between the two requests can then change nothing any more.

Pages asked for ahead. Nothing above says *when* the list was like a page, only that it was so at one moment between
the first request and the last: a row that lasts stands in every page that spans its place, whichever was read first.
So pages may be asked for before their turn, several at once, and be answered in any order, as long as they are handed
to the walk in its own order and one that it would not have asked for is thrown away. `wanted` foresees which it will
ask for: where pages stay as long as they were, their seams hold, and the total is what it was. Whatever comes otherwise
ends that: the walk goes on as if nothing had been asked ahead, and begins again to look one page further.
"""

from __future__ import annotations

import base64
import enum
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import define, field, frozen

from viber_async._sansio.numbers import IdSet
from viber_async._sansio.privacy import refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Row = TypeVar("Row")

OVERLAP: Final = 3
"""Ours: how many known rows the next page begins with. One would do for the proof; three survive the deletion
of two rows without another request."""
MAX_LIMIT: Final = 1000
"""Ours: the lists' default and maximum are not documented (?); 1000 rows are about 0.3 MB."""
MAX_OFFSET: Final = 999_999_999
"""Ours: beyond any list; a walk that gets here is being led astray."""
ANCHORS: Final = 50
"""Ours: how many of the last ids a token carries: about 700 characters, and as many deletions survived."""
STALE_LIMIT: Final = 5
"""Ours: how many pages in a row may bring nothing new without a reason. Rows inserted in front as fast as we
read do that for a page or two; a server that repeats one page does it for ever."""
REPAIR_LIMIT: Final = 5
"""Ours: how many repairs in a row may bring nothing new before seams are no longer checked."""

EAGER: Final = 4
"""Ours: how many pages may be wanted at once for each that came as foreseen, where the total says that they are there:
three ahead after the first page, seven after the second. (Two would cost a walk of a hundred pages another 2 % at a
round trip of 400 ms; eight would gain nothing.)"""
WARY: Final = 2
"""Ours: the same without a total, where some of them may lie behind the end, and once something came otherwise: one
ahead after the first page, three after the second, so that what is asked for in vain is no more than twice what was
read."""

_VERSION: Final = 1
_MAX_TOKEN: Final = 4096
_NUMBERS: Final = re.compile(r"(-?[0-9]{1,40}( -?[0-9]{1,40})*)?")


@frozen
class Page(Generic[Row]):
    """One page of a list as the server sent it."""

    rows: tuple[Row, ...]
    total: int | None = field(kw_only=True, default=None)
    """How many rows the server says there are in all; None where the call does not tell."""


@frozen(kw_only=True)
class WalkReport:
    """What a walk has done so far, and whether it is proven to have missed nothing.

    A walk resumed by a token goes on counting where the first one stopped.
    """

    rows: int
    """Rows handed out."""
    distinct: int
    """Different rows found: those handed out and those read ahead."""
    duplicates: int
    """Rows received again and dropped; most of them are the overlap of each page with the one before."""
    repairs: int
    """How often the list had moved so far that the walk had to step back to find its place."""
    requests: int
    """Pages asked for and answered, and those that were asked for ahead and not needed."""
    total_first: int | None
    """How many rows there were, as the first page said; None where pages do not tell."""
    total_last: int | None
    """The same, as the latest page said."""
    doubts: tuple[str, ...]
    """Why the walk is not proven complete: a sentence each; empty if it is."""

    @property
    def complete(self) -> bool:
        """True if every row that stood in the list during the whole walk is proven to have been found."""
        return not self.doubts


class _Doubt(enum.Flag):
    """What stands against "complete"; the values of the first four are part of the token."""

    SEAM = enum.auto()
    ORDER = enum.auto()
    CHANGED = enum.auto()
    FILL = enum.auto()
    START = enum.auto()
    OPEN = enum.auto()
    END = enum.auto()
    COUNT = enum.auto()
    STALE = enum.auto()
    RANGE = enum.auto()
    EMPTIED = enum.auto()


_LASTING: Final = _Doubt.SEAM | _Doubt.ORDER | _Doubt.CHANGED | _Doubt.FILL
_SENTENCES: Final = {
    _Doubt.OPEN: "the walk has not ended",
    _Doubt.START: "the walk did not begin at offset 0",
    _Doubt.SEAM: "two pages could not be shown to join",
    _Doubt.ORDER: "rows did not keep their order",
    _Doubt.CHANGED: "the total changed during the walk",
    _Doubt.COUNT: "the total is not the number of rows found",
    _Doubt.FILL: "a short page was not the last one",
    _Doubt.END: "the last page did not show that it was the last",
    _Doubt.EMPTIED: "the list was empty before the walk was over",
    _Doubt.STALE: "the server repeats rows without end",
    _Doubt.RANGE: f"the list goes beyond offset {MAX_OFFSET}",
}


def checked_limit(limit: object) -> int:
    """Give *limit* if it may be the size of a page."""
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        raise refused("limit", limit, f"a page has 1 to {MAX_LIMIT} rows (an int)")
    return limit


def checked_offset(offset: object) -> int:
    """Give *offset* if a walk may begin there."""
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        raise refused("offset", offset, f"a walk begins at 0 to {MAX_OFFSET} (an int)")
    return offset


class Walk:
    """The state of one walk: `offset` says what to ask for, `take` says which of the rows received are new.

    Nothing changes until `take`, so a request that failed is simply made again. Memory: one id for each row
    of the walk, in a bit or two where ids lie close together. *waiting* is everywhere the number of rows received
    that were not handed out yet.
    """

    def __init__(self, *, limit: int, offset: int = 0, token: str | None = None, name: str = "") -> None:
        self.limit = checked_limit(limit)
        mark = _Mark(name=name, origin=checked_offset(offset))
        if token is not None:
            if offset:
                raise refused("offset", offset, "a token already says where to begin; leave the offset out")
            mark = _decoded(token, name)

        # Where the walk stands.
        self._name = mark.name
        self._origin = mark.origin
        self._position = mark.cursor if mark.rows else mark.origin
        self._over = False
        self._started = mark.rows > 0
        self._ended = False  # the last page with rows showed that it is the last
        self._by_length = False  # and by being short, since it had no total
        self._longest = 0

        # What it knows.
        self._seen = IdSet(mark.anchors)
        self._trail = list(mark.anchors)  # ids in the order of handing out: the last ANCHORS and those waiting
        self._spots = [mark.cursor] * len(mark.anchors)  # the offset behind each of them
        self._forgot = mark.origin > 0 or mark.rows > len(mark.anchors)
        """Rows before the known ones are no news: they were handed out before the token, or precede the start."""
        self._searching = False
        self._passed = IdSet()

        # What it may still try.
        self._blind = limit == 1  # no room for an overlap: seams cannot be checked
        self._back = self._overlap() if self._started else 0
        self._stepping = False
        self._tries = 0
        self._stale = 0
        self._again = 0
        self._high = self._position
        self._steady = 0  # pages in a row that came as they were foreseen
        self._surprised = False

        # What it has to tell.
        self.total: int | None = None
        self._total_first = mark.total_first
        self._distinct = mark.rows
        self._duplicates = mark.duplicates
        self._repairs = mark.repairs
        self._requests = mark.requests
        self._doubts = _Doubt(mark.doubts)
        self._stay_in_range()

    @property
    def offset(self) -> int | None:
        """Where the next page begins; None when the walk is over."""
        return None if self._over else self._begin()

    def take(self, keys: Sequence[int], *, total: int | None = None, waiting: int = 0) -> list[int]:
        """Give the indexes of the new rows among *keys*, the ids of the page at `offset`.

        An empty list means: ask again, there may be more.
        """
        offset = self._begin()
        foreseen = next((begins for begins, _ in self._forecast()), None)
        self._let_go(waiting)
        self._requests += 1
        self._note(total)
        new: list[int] = []
        if not keys:
            self._take_nothing(offset)
        elif self._joins(offset, known := self._seen.among(keys) | self._passed.among(keys)):
            new = self._accept(keys, offset, total, known)
        else:
            self._step_back()
        self._stay_in_range()
        self._compare(foreseen, moved=bool(new))
        return new

    @property
    def distinct(self) -> int:
        """How many different rows were found."""
        return self._distinct

    def wanted(self, most: int, *, until: int | None = None) -> list[int]:
        """Give where the next page begins, and where those behind it will that are worth asking for now.

        These are *most* pages at most, and `EAGER` or `WARY` times as many as came as foreseen since something last did
        not; none that begins behind the end, where the list tells its total; none beyond what it takes to find *until*
        rows in all.
        """
        offset = self.offset
        if offset is None or (until is not None and until <= self._distinct):
            return []
        pace = WARY if self._surprised or self.total is None else EAGER
        behind = islice(self._forecast(), max(0, min(most, pace * self._steady) - 1))
        return [offset, *(begins for begins, found in behind if until is None or found < until)]

    def leave_out(self, pages: int) -> None:
        """Note that so many pages were asked for ahead and are not needed."""
        self._requests += pages

    def report(self, *, waiting: int = 0) -> WalkReport:
        """Give the account of the walk so far."""
        doubts = self._all_doubts()
        return WalkReport(
            rows=self._distinct - waiting,
            distinct=self._distinct,
            duplicates=self._duplicates,
            repairs=self._repairs,
            requests=self._requests,
            total_first=self._total_first,
            total_last=self.total,
            doubts=tuple(sentence for doubt, sentence in _SENTENCES.items() if doubt in doubts),
        )

    def token(self, *, waiting: int = 0) -> str:
        """Give the text that begins a walk right behind the last row handed out."""
        handed = len(self._trail) - waiting
        return _encoded(
            _Mark(
                name=self._name,
                origin=self._origin,
                cursor=self._spots[handed - 1] if handed else self._origin,
                rows=self._distinct - waiting,
                duplicates=self._duplicates,
                repairs=self._repairs,
                requests=self._requests,
                total_first=self._total_first,
                doubts=(self._doubts & _LASTING).value,
                anchors=tuple(self._trail[max(0, handed - ANCHORS) : handed]),
            )
        )

    # What an answer may be: nothing, a page that joins, a page that does not.

    def _take_nothing(self, offset: int) -> None:
        if not self._started:
            self._ended = True
            self._finish()
        elif offset == 0:
            # True to the letter (nothing lasted), but a server that forgot its rows looks the same.
            self._finish(_Doubt.EMPTIED)
        elif self._back == 0 and (self._ended or self._blind):
            if self._searching:
                self._begin_again()
            else:
                self._finish()
        else:
            self._step_back()

    def _joins(self, offset: int, known: set[int]) -> bool:
        if not self._started or known:
            return True
        if offset == 0:
            # With rows forgotten the beginning of the list may be what was handed out before the token: go
            # through it without handing out until a known row shows up.
            self._searching = self._forgot
            return True
        if self._blind:
            self._doubts |= _Doubt.SEAM
        return self._blind

    def _accept(self, keys: Sequence[int], offset: int, total: int | None, known: set[int]) -> list[int]:
        seen = self._seen.among(known)
        old = [i for i, key in enumerate(keys) if key in seen]
        if self._searching and old:
            self._searching = False
            self._seen.update(self._passed)
            self._passed = IdSet()
        passed = len(self._passed)
        new = self._sort_out(keys, known, lead=old[0] if old and self._forgot else 0)
        moved = bool(new) or len(self._passed) > passed
        if moved and self._by_length:
            self._doubts |= _Doubt.FILL
        self._keep(keys, new, offset, frontier=old[-1] if old else -1)
        self._conclude(len(keys), total)
        self._weigh(len(keys), moved=moved)
        return new

    def _step_back(self) -> None:
        """Ask again from further back: each step twice the last one, so that offset 0 is soon reached."""
        if not self._stepping:
            self._stepping = True
            self._repairs += 1
            self._tries += 1
        if self._tries > REPAIR_LIMIT:
            self._blind = True
        self._back = 0 if self._blind else max(1, 2 * self._back)

    # The parts of accepting a page.

    def _sort_out(self, keys: Sequence[int], known: set[int], *, lead: int) -> list[int]:
        """Give the indexes of the new rows; known rows have to come first, in the order they came before.

        The *lead* is what stands before the first known row in a walk that has forgotten rows: no news.
        An unknown row among known ones is one that was inserted or one that moved. It is handed out, and as
        the two cannot be told apart, nothing is proven from here on.
        """
        ranks = {key: rank for rank, key in enumerate(self._trail[-ANCHORS:])}
        begin = next((i for i, key in enumerate(keys) if key not in known), len(keys))
        rest = set(keys[begin:])
        plain = not self._searching and len(rest) == len(keys) - begin and rest.isdisjoint(known)
        last = -1
        new: list[int] = []
        fresh: set[int] = set()
        for i, key in enumerate(keys[:begin] if plain else keys):
            if key in known or key in fresh:
                rank = ranks.get(key, -1)
                if new or 0 <= last >= rank:
                    self._doubts |= _Doubt.ORDER
                last = rank
            else:
                fresh.add(key)
                if i >= lead and not self._searching:
                    new.append(i)
        if plain:  # as nearly every page is: known rows, and behind them nothing but new ones
            new, fresh = list(range(begin, len(keys))), rest
        (self._passed if self._searching else self._seen).update(fresh)
        return new

    def _keep(self, keys: Sequence[int], new: list[int], offset: int, *, frontier: int) -> None:
        self._started = True
        self._stepping = False
        self._position = offset + len(keys)
        self._distinct += len(new)
        self._duplicates += len(keys) - len(new)
        self._trail += [keys[i] for i in new]
        for i in new:
            # A new row in front of the furthest known one says nothing of how far we are.
            self._spots.append(offset + i + 1 if i > frontier else self._spots[-1])

    def _conclude(self, length: int, total: int | None) -> None:
        """Say whether this page shows that it is the last one."""
        self._longest = max(self._longest, length)
        fills = max(self._longest, min(self.limit, 2))
        self._by_length = total is None and length < fills
        self._ended = self._by_length or total == self._position

    def _weigh(self, length: int, *, moved: bool) -> None:
        """Choose the next overlap; stop if nothing new comes and there is no reason for it.

        Reasons are: the page lies where we have been (we stepped back), and rows known so far are enough to
        fill the pages since (each stands in the list once, and pages overlap by half at most).
        """
        self._back = 0 if self._ended else self._overlap()
        if moved:
            self._high = max(self._high, self._position)
            self._tries = self._stale = self._again = 0
            return
        # Known rows beyond where we had been: the list grew in front as fast as we read, so go on at full speed.
        # Else at least one row further than this page began: small pages must not keep us in one place.
        self._back = 0 if self._position > self._high else min(self._back, length - 1)
        self._again += length
        if self._position > self._high or self._again > 2 * (len(self._seen) + len(self._passed)):
            self._stale += 1
        if self._stale > STALE_LIMIT:
            self._finish(_Doubt.STALE)

    def _overlap(self) -> int:
        """At most half a page, so that each page has room for new rows."""
        half = max(1, self._longest // 2) if self._longest else self.limit
        return 0 if self._blind else min(OVERLAP, self.limit // 2, half)

    def _forecast(self) -> Iterator[tuple[int, int]]:
        """Give where the pages behind the next one will begin, with the rows found by then, if all stays as it is.

        Nothing is foreseen before the first page, where seams cannot be checked, and at the end.
        """
        offset, found = self._begin(), self._distinct - self._position
        if self._ended or self._blind or self._longest <= self._overlap():
            return
        last = MAX_OFFSET if self.total is None else self.total
        while offset < last:
            position = min(offset + self._longest, last)
            offset = position - (0 if position == last else self._overlap())
            yield offset, position + found

    def _compare(self, foreseen: int | None, *, moved: bool) -> None:
        """Note whether the walk goes on where it was *foreseen* to, if it was."""
        if moved and foreseen in (None, self.offset):
            self._steady += 1
        else:
            self._steady = 0
            self._surprised = True

    # Small steps.

    def _begin(self) -> int:
        return max(0, self._position - self._back)

    def _note(self, total: int | None) -> None:
        if total is None:
            return
        self.total = total
        if self._total_first is None:
            self._total_first = total
        elif total != self._total_first:
            self._doubts |= _Doubt.CHANGED

    def _let_go(self, waiting: int) -> None:
        done = max(0, len(self._trail) - waiting - ANCHORS)
        del self._trail[:done], self._spots[:done]

    def _begin_again(self) -> None:
        """Not one known row is left: to miss nothing, go back to where the walk began and hand out all.

        Rows may come twice this way; the other choice, going on from the position, would lose rows to whoever
        deletes what they were handed.
        """
        self._doubts |= _Doubt.SEAM
        self._repairs += 1
        self._searching = self._started = self._ended = self._by_length = False
        self._passed = IdSet()
        self._forgot = self._origin > 0
        self._position, self._back = self._origin, 0

    def _stay_in_range(self) -> None:
        if self._position - self._back > MAX_OFFSET:
            self._finish(_Doubt.RANGE)

    def _finish(self, doubt: _Doubt | None = None) -> None:
        self._over = True
        if doubt is not None:
            self._doubts |= doubt

    def _all_doubts(self) -> _Doubt:
        doubts = self._doubts
        if self._origin > 0:
            doubts |= _Doubt.START
        if not self._over:
            return doubts | _Doubt.OPEN
        if not self._ended:
            doubts |= _Doubt.END
        if self._total_first is not None and self._total_first != self._distinct:
            doubts |= _Doubt.COUNT
        return doubts


# The token: a JSON array in URL-safe base64. It holds ids and counts, never a row.


@define(kw_only=True)
class _Mark:
    """What a token says, in the order in which it says it."""

    name: str
    origin: int
    cursor: int = 0
    rows: int = 0
    duplicates: int = 0
    repairs: int = 0
    requests: int = 0
    total_first: int | None = None
    doubts: int = 0
    anchors: tuple[int, ...] = ()


def _encoded(mark: _Mark) -> str:
    total = mark.total_first
    fields = (
        _VERSION,
        mark.name,
        mark.origin,
        mark.cursor,
        mark.rows,
        mark.duplicates,
        mark.repairs,
        mark.requests,
        # A lying total may be too long to write; any total this large is as wrong as any other.
        None if total is None else max(-(2**63), min(total, 2**63)),
        mark.doubts,
        " ".join(map(str, mark.anchors)),
    )
    text = json.dumps(fields, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _decoded(token: object, name: str) -> _Mark:
    """Give what *token* says; whatever we would not have written ourselves is refused."""
    mark = _parsed(token) if isinstance(token, str) and len(token) <= _MAX_TOKEN else None
    if mark is None or _encoded(mark) != token:
        raise refused("token", token, "not a token of this version; hand back pages.token as it was")
    if mark.name != name:
        raise refused("token", token, "a token of another list; resume the list that it was taken from")
    return mark


def _parsed(token: str) -> _Mark | None:
    try:
        fields: object = json.loads(base64.urlsafe_b64decode(token + "=="))  # too much of that is no matter
    except (ValueError, RecursionError):
        return None
    match fields:
        case [
            int(),
            str() as name,
            int() as origin,
            int() as cursor,
            int() as rows,
            int() as duplicates,
            int() as repairs,
            int() as requests,
            None | int() as total,
            int() as doubts,
            str() as ids,
        ] if _NUMBERS.fullmatch(ids):
            pass
        case _:
            return None
    mark = _Mark(
        name=name,
        origin=origin,
        cursor=cursor,
        rows=rows,
        duplicates=duplicates,
        repairs=repairs,
        requests=requests,
        total_first=total,
        doubts=doubts,
        anchors=tuple(map(int, ids.split())),
    )
    return mark if _makes_sense(mark) else None


def _makes_sense(mark: _Mark) -> bool:
    counts = (mark.origin, mark.cursor, mark.rows, mark.duplicates, mark.repairs, mark.requests, mark.doubts)
    return (
        all(type(n) is int and n >= 0 for n in counts)
        and type(mark.total_first) is not bool
        and mark.origin <= MAX_OFFSET
        and not mark.doubts & ~_LASTING.value
        and len(set(mark.anchors)) == len(mark.anchors) == min(mark.rows, ANCHORS)
    )
