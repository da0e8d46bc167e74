"""`SyncPlan`: what a sync would do, as a value and as a file.

A file is NDJSON, 0600, written whole or not at all: a head, the phones in pieces, and last the SHA-256 of all that
precedes. Without that last line, or with another one, it is no plan: never a shorter one, never an empty one.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import field, frozen

from viber_async._sansio.converter import to_dict
from viber_async._sansio.difference import Kept, Unread
from viber_async._sansio.guards import EXPIRES
from viber_async._sansio.numbers import MAX_NUMBER, MIN_NUMBER, Index, Phones
from viber_async._sansio.paging import WalkReport
from viber_async._sansio.terms import Terms, checked_terms
from viber_async._sansio.words import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from viber_async._sansio.wanted import Rejected

    StillWanted = Callable[[Sequence[str]], Iterable[str | int] | Awaitable[Iterable[str | int]]]

VERSION: Final = 1
PIECE: Final = 1000
"""Phones in one line of the file."""
_LISTS: Final = ("adds", "removes", "there")
_ROWS: Final = "rows"


@frozen(kw_only=True)
class SyncPlan:
    """What a sync would do: made by `blacklist.plan`, carried out by `blacklist.apply`.

    ``str(plan)`` is for people and shows no phones; ``viber_async.to_dict(plan)`` gives JSON types, phones included.
    """

    adds: Phones
    """Phones to add, in the order in which they will be sent."""
    removes: Phones
    unchanged: int
    """Wanted phones that are there already."""
    read: int
    """Entries of the source, those without a phone included."""
    duplicates: int
    """Repetitions among them."""
    rejected: int
    """How many entries hold no phone."""
    rejects: tuple[Rejected, ...] = field(repr=lambda rejects: f"<{len(rejects)}>")
    """The first thousand of those, each with its line and its reason."""
    kept: Kept
    """Rows of the blacklist that are not wanted and stay."""
    unread: tuple[Unread, ...] = field(repr=lambda rows: f"<{len(rows)}>")
    """The first thousand rows whose phone cannot be read."""
    walk: WalkReport
    """How the blacklist was read, and whether it was seen whole."""
    wanted_digest: str
    """Stands for the wanted phones, in whatever order."""
    remote_digest: str
    """Stands for the phones of the blacklist."""
    terms: Terms
    """The arguments that it was made with."""
    source: str
    """Where the wanted phones came from."""
    account: str = field(repr=False)
    """The account's fingerprint, which says nothing about it."""
    created_at: datetime
    """When it was begun, in UTC."""
    id: str
    asks: bool = False
    """It was made with a callback ``still_wanted``, and removes nothing without one."""
    left: int = 0
    """Phones that could go too, but were not among those that an interrupted run was to remove."""
    salt: int = field(repr=False)
    """What the digests are made with."""
    wanted: Index = field(repr=False, eq=False)
    """The wanted phones; not to be changed."""
    rows: array[int] = field(repr=False, eq=False)
    """The ids of the rows to be removed."""
    rest_digest: str = field(repr=False)
    """Stands for the phones that are neither wanted nor to be removed."""
    still_wanted: StillWanted | None = field(default=None, repr=False, eq=False)
    """The callback; it does not go into a file."""

    @property
    def there(self) -> Phones:
        """The unchanged phones themselves, in any order: made anew each time."""
        adds = Index()
        adds.add(self.adds.numbers)
        return Phones(array("q", (number for number in self.wanted if number not in adds)))

    @property
    def age(self) -> timedelta:
        """How long ago it was begun; an hour later it is refused."""
        return datetime.now(UTC) - self.created_at

    @property
    def expires_at(self) -> datetime:
        """The moment, in UTC, from which it is refused."""
        return self.created_at + EXPIRES

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not self.adds and not self.removes

    def to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the plan to *path*, with mode 0600; a file that is there is replaced, a link is not followed.

        Blocking: for a large plan, ``await asyncio.to_thread(plan.to_file, path)``.
        """
        from viber_async.sync.plan_file import write  # noqa: PLC0415 - file care only where it is used

        write(os.fspath(path), _lines(self))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, still_wanted: StillWanted | None = None) -> SyncPlan:
        """Read a plan; *still_wanted* is the callback for `apply`, which no file can hold. Blocking.

        Raises:
            SyncRefusedError: the file is torn, was changed, may be written by others, or is no plan; reason "plan".

        """
        from viber_async.sync.plan_file import read  # noqa: PLC0415 - as above

        return attrs.evolve(read(os.fspath(path), _plan), still_wanted=still_wanted)

    def __str__(self) -> str:
        """Give the plan for people, a few lines without a phone."""
        twice = counted(self.duplicates, "repetitions")
        seen = f"{'' if self.walk.complete else 'perhaps not '}seen whole"
        said = [
            f"plan of {self.created_at:%Y-%m-%d %H:%M:%S} UTC, {self.terms.mode}, from {self.source}",
            f"  to add       {len(self.adds):,}",
            f"  to remove    {len(self.removes):,}",
            f"  unchanged    {self.unchanged:,}",
            f"  rejected     {self.rejected:,} of {counted(self.read, 'entries')}; {twice}",
            *(self._said_of_kept() if self.terms.mode == "mirror" else ()),
            f"  blacklist    {counted(self.walk.distinct, 'rows')}, {seen}",
        ]
        return "\n".join(said)

    def _said_of_kept(self) -> tuple[str, str]:
        """Give why rows stay that are not wanted; where nothing is removed, all of them do."""
        kept = self.kept
        return (
            f"  kept         {kept.foreign:,} of others, {kept.young:,} young, {kept.unreadable:,} unreadable",
            f"               {kept.unclear:,} like an entry that could not be read",
        )


@to_dict.register
def _plan_to_dict(plan: SyncPlan) -> dict[str, object]:
    return {**_head(plan), "adds": list(plan.adds), "removes": list(plan.removes)}


# The file


def _head(plan: SyncPlan) -> dict[str, object]:
    return {
        "id": plan.id,
        "account": plan.account,
        "created_at": plan.created_at.isoformat(),
        "source": plan.source,
        "terms": _terms(plan.terms),
        "asks": plan.asks,
        "left": plan.left,
        "read": plan.read,
        "duplicates": plan.duplicates,
        "rejected": plan.rejected,
        "rejects": [to_dict(each) for each in plan.rejects],
        "kept": to_dict(plan.kept),
        "unread": [to_dict(each) for each in plan.unread],
        "walk": {**to_dict(plan.walk), "complete": plan.walk.complete},
        "unchanged": plan.unchanged,
        "wanted_digest": plan.wanted_digest,
        "remote_digest": plan.remote_digest,
    }


def _terms(terms: Terms) -> dict[str, object]:
    age = terms.min_age
    return {**attrs.asdict(terms), "min_age": None if age is None else age.total_seconds()}


def _lines(plan: SyncPlan) -> Iterator[bytes]:
    """Give the lines of the file, each with its line break, the sum last."""
    total = hashlib.sha256()
    for value in _values(plan):
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        total.update(line)
        yield line
    yield json.dumps({"sha256": total.hexdigest()}).encode() + b"\n"


def _values(plan: SyncPlan) -> Iterator[object]:
    lists: dict[str, Phones] = {name: getattr(plan, name) for name in _LISTS}
    counts = {name: len(phones) for name, phones in lists.items()} | {_ROWS: len(plan.rows)}
    secret = {"salt": str(plan.salt), "rest_digest": plan.rest_digest, "counts": counts}
    yield {"viber_async plan": VERSION, **_head(plan), **secret}
    for name, phones in lists.items():
        for start in range(0, len(phones), PIECE):
            yield {name: list(phones[start : start + PIECE])}
    for start in range(0, len(plan.rows), PIECE):
        yield {_ROWS: list(plan.rows[start : start + PIECE])}


def _plan(lines: Iterable[bytes]) -> SyncPlan:
    """Read the lines of a file; whatever is not as we wrote it raises one of the errors that reading JSON raises."""
    total, sums, head = hashlib.sha256(), "", dict[str, Any]()
    found = {name: array("q") for name in (*_LISTS, _ROWS)}
    for line in lines:
        if sums or not line.endswith(b"\n"):
            raise ValueError("it was cut short, or goes on behind its end")
        value = json.loads(line)
        if not head:
            head = value
        elif "sha256" in value:
            sums = value["sha256"]
            continue
        else:
            ((name, phones),) = value.items()
            found[name].extend(map(int, phones))
        total.update(line)
    if sums != total.hexdigest():
        raise ValueError("its sum is not that of what stands in it")
    if head["viber_async plan"] != VERSION:
        raise ValueError(f"it was written by another version (format {head['viber_async plan']})")
    return _made(head, found)


def _made(head: dict[str, Any], found: dict[str, array[int]]) -> SyncPlan:
    from viber_async._sansio.wanted import Rejected  # noqa: PLC0415 - the reading of files, which most never need

    if head["counts"] != {name: len(numbers) for name, numbers in found.items()} or not all(
        _are_phones(found[name]) for name in _LISTS
    ):
        raise ValueError("it does not hold the phones that it counts")
    walk = dict(head["walk"])
    del walk["complete"]
    walk["doubts"] = tuple(walk["doubts"])
    terms = dict(head["terms"])
    age = terms.pop("min_age")
    values = {name: head[name] for name in _AS_THEY_ARE}
    return SyncPlan(
        adds=Phones(found["adds"]),
        removes=Phones(found["removes"]),
        wanted=_index(found["adds"], found["there"]),
        rows=found[_ROWS],
        rejects=tuple(Rejected(**each) for each in head["rejects"]),
        unread=tuple(Unread(**each) for each in head["unread"]),
        kept=Kept(**head["kept"]),
        walk=WalkReport(**walk),
        terms=checked_terms(**terms, min_age=None if age is None else timedelta(seconds=age)),
        created_at=datetime.fromisoformat(head["created_at"]),
        salt=int(head["salt"]),
        **values,
    )


def _index(*lists: array[int]) -> Index:
    index = Index(expected=sum(map(len, lists)))
    for numbers in lists:
        index.add(numbers)
    return index


_AS_THEY_ARE: Final = (
    "id",
    "account",
    "source",
    "asks",
    "left",
    "read",
    "duplicates",
    "rejected",
    "unchanged",
    "wanted_digest",
    "remote_digest",
    "rest_digest",
)


def _are_phones(numbers: array[int]) -> bool:
    return not numbers or MIN_NUMBER <= min(numbers) <= max(numbers) <= MAX_NUMBER
