"""What the blacklist commands say in the end: sentences for people, and the same as JSON types. Pure.

Phones are masked, and lists of them are left out of the JSON, unless the caller wants them shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, field, frozen

from viber_async import OutcomeUnknownError, SyncInterruptedError, SyncRefusedError, ViberError, mask_phone, to_dict
from viber_async._sansio.sync_report import NOTHING_WANTED
from viber_async._sansio.words import counted, suiting
from viber_async.cli._exits import Exit, exit_of, exit_of_plan, exit_of_sync
from viber_async.cli._show import duration
from viber_async.cli._wording import in_our_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from viber_async import SyncPlan, SyncReport
    from viber_async._sansio.sync_report import RefusedPhone
    from viber_async.sync.source import Rejected, Source

EXAMPLES: Final = 10
"""Phones and rejected lines that are shown."""

Facts = dict[str, Any]


@frozen
class Outcome:
    """How a command ended."""

    code: Exit
    said: tuple[str, ...] = field(kw_only=True)
    aside: tuple[str, ...] = field(kw_only=True, default=())
    """What is said on stderr, whatever form the rest has."""
    facts: Facts = field(kw_only=True)

    def to_dict(self) -> Facts:
        """Give what ``--json`` prints."""
        return {"outcome": self.code.name.lower(), "exit": int(self.code), **self.facts}


def failed(error: Exception, source: Source | None = None) -> Outcome:
    """Give the outcome of a command that *error* ended; what it said of its *source* until then is part of it."""
    told: Facts = {"type": type(error).__name__, "message": in_our_words(str(error))}
    if isinstance(error, ViberError):
        told["delivery"] = error.delivery.value
    if isinstance(error, SyncRefusedError):
        told["reason"] = error.reason
    if isinstance(error, SyncInterruptedError):
        told["journal"] = error.journal
    if isinstance(error, OutcomeUnknownError):
        told["handle"] = error.handle and error.handle.to_dict()
        told["next"] = getattr(error, "__notes__", [None])[0]
    facts: Facts = {"error": told}
    if source is not None and source.rejected:
        facts |= entries(source)
    said = () if source is None else tuple(rejected(source.rejects, source.rejected))
    return Outcome(exit_of(error), said=said, facts=facts)


def entries(source: Source) -> Facts:
    """Give what became of the entries of a source, as JSON types."""
    return {"read": source.read, "rejected": source.rejected, "rejects": [asdict(each) for each in source.rejects]}


def of_plan(plan: SyncPlan, *, show_phones: bool, follow_up: str, compared: bool = False) -> Outcome:
    """Give what a plan comes to, with the *follow_up* that carries it out; or it was *compared*, and is no plan."""
    adds, removes = len(plan.adds), len(plan.removes)
    facts = to_dict(plan)
    if not show_phones:
        facts = {name: value for name, value in facts.items() if name not in ("adds", "removes")}
    aside = () if adds or plan.unchanged else (NOTHING_WANTED,)
    facts |= {
        "to_add": adds,
        "to_remove": removes,
        "expires_at": plan.expires_at.isoformat(),
        "notes": list(aside),
    }
    said = [str(plan).replace("plan of ", "compared at ", 1) if compared else str(plan)]
    said += _examples("to add", plan.adds, show_phones=show_phones)
    said += _examples("to remove", plan.removes, show_phones=show_phones)
    said += rejected(plan.rejects, plan.rejected)
    pending = f"Pending: {adds:,} to add, {removes:,} to remove."
    said += [pending, follow_up] if adds or removes else [f"{_in_sync(plan.rejected)}: nothing to do."]
    return Outcome(exit_of_plan(changes=adds + removes), said=tuple(said), aside=aside, facts=facts)


def of_report(report: SyncReport) -> Outcome:
    """Give what a sync came to."""
    code = exit_of_sync(converged=report.converged, refused=len(report.refused))
    head = _in_sync(report.rejected) if code is Exit.IN_SYNC else "NOT in sync"
    sums = (
        f"{head}: {report.wanted:,} wanted = {report.already_there:,} already there + {report.added:,} added"
        f"{_before(report.added_before)} + {report.rejected:,} rejected + {report.unverified:,} not seen; "
        f"{report.removed:,} removed{_before(report.removed_before)}."
    )
    requests = counted(report.requests, "requests")
    said = (
        sums,
        f"{requests} and {report.walk_requests:,} to look afterwards, in {duration(report.seconds)}.",
        *(f"Refused by the provider: {_where(each)}{each.shown}: {each.reason}" for each in report.refused[:EXAMPLES]),
        *(f"Note: {note}." for note in report.notes if note != NOTHING_WANTED),
    )
    aside = tuple(note for note in report.notes if note == NOTHING_WANTED)
    return Outcome(code, said=said, aside=aside, facts=to_dict(report))


def _before(count: int) -> str:
    """Say how many of them an earlier run had done."""
    return f" ({count:,} of them by the run that was broken off)" if count else ""


def _in_sync(rejected: int) -> str:
    """Say it, and what it does not say: whoever is meant by an entry without a phone may not be on the blacklist."""
    return f"In sync but for {_entries(rejected)} no phone" if rejected else "In sync"


def _entries(count: int) -> str:
    return f"{counted(count, 'entries')} that {suiting(count, 'holds', 'hold')}"


def _where(phone: RefusedPhone) -> str:
    return "" if phone.line is None else f"line {phone.line:,}: "


def rejected(rejects: Sequence[Rejected], count: int) -> Iterator[str]:
    """Give the lines about entries that hold no phone."""
    if count:
        yield f"{counted(count, 'entries', 'holds', 'hold')} no phone:"
    for each in rejects[:EXAMPLES]:
        yield f"  line {each.line:,}: {each.shown}: {in_our_words(each.reason)}"
    if count > EXAMPLES:
        yield f"  and {count - EXAMPLES:,} more"


def _examples(what: str, phones: Sequence[str], *, show_phones: bool) -> Iterator[str]:
    if show_phones:
        yield from (f"  {what}: {phone}" for phone in phones)
        return
    yield from (f"  {what}: {mask_phone(phone)}" for phone in phones[:EXAMPLES])
    if len(phones) > EXAMPLES:
        yield f"  {what}: and {len(phones) - EXAMPLES:,} more"
