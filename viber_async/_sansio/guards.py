"""When a sync must not begin: each guard is a rule, a short word for its reason, and a sentence that says what to do.

They run before anything is written. The first that objects speaks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from viber_async._sansio.numbers import Index
from viber_async._sansio.words import counted, suiting
from viber_async.errors import SyncRefusedError

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator
    from datetime import datetime

    from viber_async._sansio.paging import WalkReport
    from viber_async._sansio.terms import Terms

FREE_REMOVALS: Final = 100
REMOVABLE_PART: Final = 100
"""The brake's default: a hundred phones, or one in a hundred of those that may be removed, whichever is more."""
PREFIX_DIGITS: Final = 4
"""A country code has up to three digits, and a trunk or carrier digit may stand before it."""
REPLACED_PART: Final = 2
"""One in so many: a source that would replace half of what is there by as many others is another list."""
EXPIRES: Final = timedelta(hours=1)
"""How long a plan may be carried out. People say stop at any moment, and a plan does not hear them."""
CLOCK_SLACK: Final = timedelta(minutes=1)
"""How far in the future a plan may have been made, on a machine whose clock was set meanwhile."""


@frozen(kw_only=True)
class Facts:
    """What the guards look at."""

    terms: Terms
    read: int
    """Entries of the source, those without a phone included."""
    rejected: int
    wanted: int
    """Different phones."""
    adds: array[int] = field(repr=False)
    removes: array[int] = field(repr=False)
    removable: int
    """Rows of the other side that this sync may remove at all, wanted or not."""
    walk: WalkReport


def check_source(terms: Terms, *, read: int, rejected: int, wanted: int) -> None:
    """Refuse a source that cannot be the whole of what is wanted; nothing of the other side is known yet.

    Raises:
        SyncRefusedError: empty, or rejects.

    """
    if rejected > terms.max_reject * read:
        raise SyncRefusedError(
            f"{rejected:,} of {counted(read, 'entries')} {suiting(rejected, 'holds', 'hold')} no phone, and max_reject "
            f"allows {terms.max_reject:.2%}: look at the rejects, name the column or the region, or allow more "
            "(--max-reject). Nothing was written",
            reason="rejects",
        )
    if terms.mirrors and wanted == 0:
        raise SyncRefusedError(
            "nothing is wanted, and to mirror that would empty the blacklist: the source is empty or was not read as "
            "meant. Nothing was written",
            reason="empty",
        )


def check(facts: Facts) -> None:
    """Refuse what must not be done.

    Raises:
        SyncRefusedError: incomplete, max_remove, respelled or replaced.

    """
    check_source(facts.terms, read=facts.read, rejected=facts.rejected, wanted=facts.wanted)
    if not facts.removes:
        return
    if not facts.walk.complete:
        raise SyncRefusedError(
            f"{counted(len(facts.removes), 'phones')} would be removed, but the blacklist may not have been seen whole "
            f"({'; '.join(facts.walk.doubts)}): try again when nothing else writes to it, or use add_only. Nothing was "
            "written",
            reason="incomplete",
        )
    _brake(facts)
    _respelled(facts)
    _replaced(facts)


def allowed_removals(terms: Terms, removable: int) -> int:
    """Give how many phones may be removed; never all unless that was said in so many words."""
    if terms.max_remove is not None:
        return terms.max_remove
    return min(max(FREE_REMOVALS, removable // REMOVABLE_PART), removable - 1)


def _brake(facts: Facts) -> None:
    allowed = allowed_removals(facts.terms, facts.removable)
    if len(facts.removes) > allowed:
        raise SyncRefusedError(
            f"{len(facts.removes):,} of {counted(facts.removable, 'phones')} would be removed, and {allowed:,} may be: "
            "look at the source first, and if they are meant to go, say so with max_remove (--max-remove). Nothing was "
            "written",
            reason="max_remove",
        )


def _respelled(facts: Facts) -> None:
    pairs = respelled(facts.adds, facts.removes)
    if pairs * REPLACED_PART >= len(facts.removes):
        raise SyncRefusedError(
            f"{pairs:,} of {counted(len(facts.removes), 'phones')} that would be removed would be added again with "
            "other digits in front: the source is spelled in another way (its country codes are missing, or are new). "
            "To correct the spelling in the blacklist, add first and remove the old ones by name. Nothing was written",
            reason="respelled",
        )


def respelled(adds: array[int], removes: array[int]) -> int:
    """Give how many of *removes* come back among *adds* with up to four digits more, or fewer, in front."""
    gone, come = Index(large=0), Index(large=0)  # small rather than fast: the wanted phones are held beside it
    gone.add(removes)
    come.add(adds)
    found = {number for number in removes if any(tail in come for tail in _tails(number))}
    found.update(tail for number in adds for tail in _tails(number) if tail in gone)
    return len(found)


def _tails(number: int) -> Iterator[int]:
    """Give *number* without its first digit, without its first two, and so on; not those that begin with 0."""
    digits = len(str(number))
    for cut in range(1, PREFIX_DIGITS + 1):
        tail = number % 10 ** (digits - cut)
        if tail >= 10 ** (digits - cut - 1):
            yield tail


def _replaced(facts: Facts) -> None:
    goes, comes = len(facts.removes), len(facts.adds)
    if goes > FREE_REMOVALS and goes * REPLACED_PART > facts.removable and comes * REPLACED_PART >= goes:
        raise SyncRefusedError(
            f"{goes:,} of {facts.removable:,} phones would be removed and {comes:,} others added: this is another "
            "list, or another account. If it is meant, remove them by name. Nothing was written",
            reason="replaced",
        )


# Between plan and apply


def check_age(created_at: datetime, *, now: datetime) -> None:
    """Refuse a plan that is too old, or of the future; both moments know their zone."""
    if not is_good(created_at, now=now):
        raise SyncRefusedError(
            f"the plan was made at {created_at:%Y-%m-%d %H:%M:%S} UTC and it is {now:%Y-%m-%d %H:%M:%S} UTC: it is "
            f"good for {EXPIRES.total_seconds() / 60:.0f} minutes. Make a new one. Nothing was written",
            reason="expired",
        )


def is_good(created_at: datetime, *, now: datetime) -> bool:
    """Tell whether what a plan says of removals may still be believed; both moments know their zone."""
    return -CLOCK_SLACK <= now - created_at <= EXPIRES


def check_account(plans: str, ours: str) -> None:
    """Refuse a plan of another account."""
    if plans != ours:
        raise SyncRefusedError(
            "the plan was made for another account, or with other credentials of this one: make it and apply it with "
            "the same. Nothing was written",
            reason="account",
        )


def moved(what: str) -> SyncRefusedError:
    """Give the error for a blacklist that is not the one that the plan was made from."""
    return SyncRefusedError(
        f"the blacklist has changed since the plan was made ({what}): make a new plan. Nothing was written",
        reason="moved",
    )
