"""When a campaign is over, as far as its figures can say: nobody documents it.

"sent" says that all messages went out, not that they arrived. What is known of each of them by then stands in the
statistics: in the provider's sample, sent is delivered plus undelivered (A). Reads and clicks may come for days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from viber_async._sansio.campaigns import CampaignStatus

if TYPE_CHECKING:
    from viber_async._sansio.campaigns import Campaign

OUT: Final = frozenset({CampaignStatus.SENT, CampaignStatus.SEND})
"""The words of 2023 and of 2017 for: all messages went out."""


def is_over(campaign: Campaign) -> bool:
    """Tell whether all messages of *campaign* went out, and each was delivered or given up."""
    counted = campaign.statistics
    if counted is None or campaign.status not in OUT:
        return False
    any_yet = counted.sent + counted.errors > 0
    return any_yet and counted.delivered + counted.undelivered >= counted.sent
