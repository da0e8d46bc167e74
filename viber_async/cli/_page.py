"""The report of a campaign as one web page that stands for itself.

Everything in it that somebody else wrote is escaped by the template's library. It loads nothing, has no script, and its
own policy would keep a browser from both. It holds no phone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from viber_async import __version__
from viber_async._sansio.marker import parted
from viber_async.cli._funnel import Stage, stages, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from viber_async import Campaign
    from viber_async.cli._campaign_jobs import Seen

TEMPLATE: Final = "report.html.jinja"
STATES: Final[Mapping[str, str]] = {
    "clicked": "clicked",
    "read": "read",
    "opened": "read",
    "delivered": "delivered",
    "send": "sent",
    "not delivered": "late",
    "error": "error",
}
"""The colour of each status that is known, the best first."""
COLOURS: Final = {"undelivered": "late", "errors": "error"}


@frozen
class Bar:
    """A number of messages, as it is drawn."""

    name: str
    count: int = field(kw_only=True)
    share: str = field(kw_only=True)
    colour: str = field(kw_only=True)
    width: str = field(kw_only=True, default="0")
    """Per cent of all messages."""
    before: str = field(kw_only=True, default="0")
    """That of the bar above."""

    @property
    def said(self) -> str:
        """The number as people write it."""
        return f"{self.count:,}"


def page_of(campaign: Campaign, seen: Seen, *, made: datetime) -> str:
    """Give the page about *campaign* and what was seen of its recipients."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - a library that only this needs

    name, marker = parted(campaign.name)
    found = () if campaign.statistics is None else stages(campaign.statistics)
    way, lost = _bars(found[:4]), _bars(found[4:])
    links = {"button": campaign.button_link, "picture": campaign.image_link}
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=PackageLoader("viber_async.cli", "."), trim_blocks=False
    )
    return environment.get_template(TEMPLATE).render(
        campaign=campaign,
        name=name or f"Campaign {campaign.id}",
        marker=marker,
        status=status_of(campaign),
        sender=campaign.sender_name or f"sender {campaign.sender_id}",
        figures=_figures(found, seen),
        steps=way,
        lost=lost,
        states=_states(seen),
        links=[{"name": n, "to": to, "safe": to.startswith("https://")} for n, to in links.items() if to],
        cost=[f"{price:f} {currency}" for currency, price in seen.cost.items()],
        unpriced=f"{seen.unpriced:,}" if seen.unpriced else "",
        recipients=f"{seen.recipients:,}",
        made=made,
        version=__version__,
    )


def _figures(found: tuple[Stage, ...], seen: Seen) -> list[dict[str, Any]]:
    figures = [{"name": "Recipients", "value": f"{seen.recipients:,}", "note": "in the provider's list"}]
    for stage in found[1:4]:
        value = f"{stage.count / stage.of:.1%}" if stage.of else "none"
        figures.append(
            {
                "name": stage.name.capitalize(),
                "value": value,
                "note": f"{stage.count:,} of {stage.of:,} {stage.of_what}",
            }
        )
    return figures


def _bars(found: tuple[Stage, ...]) -> list[Bar]:
    """Give a bar for each stage, all of one scale: the widest is all messages."""
    most = max((stage.of for stage in found), default=0)
    widths = [_percent(stage.count, most) for stage in found]
    return [
        Bar(
            stage.name.capitalize(),
            count=stage.count,
            share=stage.share,
            colour=COLOURS.get(stage.name, stage.name),
            width=width,
            before=before,
        )
        for stage, width, before in zip(found, widths, ["100", *widths], strict=False)
    ]


def _states(seen: Seen) -> list[Bar]:
    known = [name for name in STATES if seen.states[name]]
    others = [name for name, _ in seen.states.most_common() if name not in STATES]
    return [
        Bar(
            name,
            count=seen.states[name],
            share=f"{seen.states[name] / seen.recipients:.1%}",
            colour=STATES.get(name, "other"),
        )
        for name in (*known, *others)
    ]


def _percent(part: int, whole: int) -> str:
    """Give the part in per cent, as CSS reads it; no bar is longer than all."""
    return f"{min(part / whole, 1.0) * 100:.2f}" if whole else "0"
