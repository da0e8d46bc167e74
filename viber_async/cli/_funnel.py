"""How far the messages of a campaign came, as bars: on a terminal, in lines, and in the report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from viber_async._sansio.marker import parted
from viber_async._sansio.privacy import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rich.console import RenderableType

    from viber_async import Campaign, CampaignStatistics

NAME: Final = 60
"""Characters of a campaign's name that are shown."""
COLOURS: Final = {
    "sent": "blue",
    "delivered": "cyan",
    "read": "green",
    "clicked": "magenta",
    "undelivered": "yellow",
    "errors": "red",
}


@frozen
class Stage:
    """A number of messages, and of which others they are a part."""

    name: str
    count: int = field(kw_only=True)
    of: int = field(kw_only=True)
    of_what: str = field(kw_only=True)

    @property
    def share(self) -> str:
        """The part in words, or nothing where there is nothing to be a part of."""
        return f"{self.count / self.of:.1%} of {self.of_what}" if self.of else ""


def stages(counted: CampaignStatistics) -> tuple[Stage, ...]:
    """Give the six figures, each with what it is a part of.

    The provider counts a message that was clicked as read too, and one that was read as delivered.
    """
    messages = counted.sent + counted.errors
    return (
        Stage("sent", count=counted.sent, of=messages, of_what="all"),
        Stage("delivered", count=counted.delivered, of=counted.sent, of_what="sent"),
        Stage("read", count=counted.read, of=counted.delivered, of_what="delivered"),
        Stage("clicked", count=counted.redirected, of=counted.read, of_what="read"),
        Stage("undelivered", count=counted.undelivered, of=counted.sent, of_what="sent"),
        Stage("errors", count=counted.errors, of=messages, of_what="all"),
    )


@frozen
class Funnel:
    """A campaign as it stands."""

    campaign: Campaign
    at: datetime | None = None
    """When it was looked at, where it is looked at again and again."""

    def __str__(self) -> str:
        figures = ", ".join(f"{stage.count:,} {stage.name}" for stage in self._stages())
        return f"{self._time()}{status_of(self.campaign)}: {figures or NO_FIGURES}"

    def lines(self) -> Iterator[str]:
        """Give a line for each figure."""
        for stage in self._stages():
            yield f"{stage.name:<11} {stage.count:>9,}  {stage.share}".rstrip()
        if not self._stages():
            yield NO_FIGURES

    def rich(self) -> RenderableType:
        """Give a bar for each figure; all of them are as long as all messages."""
        title = Text.assemble(
            (safe_text(parted(self.campaign.name)[0], NAME), "bold"),
            "  ",
            (status_of(self.campaign), "magenta"),
            f"  {self._time()}",
        )
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column()
        table.add_column(ratio=1)
        table.add_column(justify="right", style="bold")
        table.add_column(style="dim", min_width=18)
        most = max((stage.of for stage in self._stages()), default=0)
        for stage in self._stages():
            colour = COLOURS[stage.name]
            bar = ProgressBar(
                total=max(most, 1), completed=stage.count, complete_style=colour, finished_style=colour, style="grey23"
            )
            table.add_row(Text(stage.name, colour), bar, f"{stage.count:,}", stage.share)
        whole = Table.grid(expand=True)
        whole.add_row(title)
        whole.add_row(table if self._stages() else Text(NO_FIGURES, "dim"))
        return whole

    def _stages(self) -> tuple[Stage, ...]:
        counted = self.campaign.statistics
        return () if counted is None else stages(counted)

    def _time(self) -> str:
        return "" if self.at is None else f"{self.at:%H:%M:%S} "


NO_FIGURES: Final = "no figures yet"


def status_of(campaign: Campaign) -> str:
    """Give the campaign's status in the provider's word."""
    return "no status yet" if campaign.status is None else safe_text(campaign.status.value, 40)
