"""When a campaign is over, as far as its figures can say: nobody documents it.

"sent" says that all messages went out, not that they arrived. What is known of each of them by then stands in the
statistics: in the provider's sample, sent is delivered plus undelivered (A). Reads and clicks may come for days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from viber_async._sansio.campaigns import CampaignStatus
from viber_async._sansio.privacy import refused

if TYPE_CHECKING:
    from viber_async._sansio.campaigns import Campaign

OUT: Final = frozenset({CampaignStatus.SENT, CampaignStatus.SEND})
"""The words of 2023 and of 2017 for: all messages went out."""

SHORTEST: Final = 0.01
"""Ours: the rate limit spaces the looks in any case, and what is shorter is a mistake in the unit."""
LONGEST: Final = 86_400.0
"""Ours, as for all times in seconds: what is looked at less than once a day is not being watched."""


def checked_every(value: object) -> float:
    """Give *value* if so many seconds may lie between two looks."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not SHORTEST <= value <= LONGEST:
        raise refused("every", value, f"seconds, from {SHORTEST:g} to {LONGEST:.0f} (a day), between two looks")
    return float(value)


def is_over(campaign: Campaign) -> bool:
    """Tell whether all messages of *campaign* went out, and each was delivered or given up."""
    counted = campaign.statistics
    if counted is None or campaign.status not in OUT:
        return False
    any_yet = counted.sent + counted.errors > 0
    return any_yet and counted.delivered + counted.undelivered >= counted.sent
