"""What became of a sync, counted so that it adds up, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from viber_async._sansio.difference import NOTHING_KEPT

if TYPE_CHECKING:
    from viber_async._sansio.difference import Kept
    from viber_async._sansio.paging import WalkReport


NOTHING_WANTED: Final = "the source holds no phone, so nothing was wanted"
"""No failure, unless it was meant to hold some: only who made it knows."""


@frozen
class RefusedPhone:
    """A phone that the provider takes in no batch, not even alone."""

    shown: str
    """Masked."""
    reason: str = field(kw_only=True)
    """The provider's own words, or its status."""
    line: int | None = field(kw_only=True, default=None)
    """Where it stands in the source, if that is known."""


@frozen(kw_only=True)
class SyncReport:
    """What a sync did, by what the last walk found and not by what writes were answered.

    ``wanted`` is ``already_there + added + rejected + unverified``.
    """

    converged: bool
    """The verifying walk agrees: every wanted phone was seen, and none of those that were to be removed and were not
    kept on purpose. A phone that the provider refuses to add or to remove is a reason for False; an entry that holds no
    phone is none, and counted under ``rejected``."""
    wanted: int
    """Different phones that were wanted, and the entries that hold none."""
    already_there: int
    added: int
    removed: int
    """Phones that were removed and were not seen since."""
    rejected: int
    """Entries that hold no phone, and phones that the provider refuses."""
    unverified: int
    """Wanted phones that the last walk did not find."""
    requests: int
    """Of the plan's walk and of the writes; those of a run that was interrupted before are not among them."""
    walk_requests: int
    """Of the walks that look at what was done."""
    seconds: float
    duplicates: int = 0
    """Repetitions of the source."""
    kept: Kept = NOTHING_KEPT
    """Rows that are not wanted and stay."""
    added_before: int = 0
    """How many of ``added`` were added by the run that was broken off, with which this one went on."""
    removed_before: int = 0
    """The same of ``removed``."""
    late: int = 0
    """Phones that were to be removed, and that ``still_wanted`` asked to keep or to bring back."""
    lingering: int = 0
    """Phones that were removed and are still there."""
    refused: tuple[RefusedPhone, ...] = ()
    """The first thousand of those that the provider refuses."""
    doubtful: int = 0
    """Batches whose counters did not add up, or could not be read; the walk says what became of them."""
    notes: tuple[str, ...] = ()
    """What was out of the ordinary: a sentence each."""
    walk: WalkReport | None = None
    """The last walk's own report."""

    def __attrs_post_init__(self) -> None:
        if self.wanted != self.already_there + self.added + self.rejected + self.unverified:
            raise ValueError(f"a report that does not add up: {self}")
