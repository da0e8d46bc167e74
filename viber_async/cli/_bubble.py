"""What a message will look like to those who get it, as far as a terminal can show that. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from rich import box
from rich.align import Align
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

WIDTH: Final = 46
"""Columns: about what a phone shows in one line."""
VIOLET: Final = "#7360f2"
_UNSEEN: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What would move the terminal's cursor or turn what follows; joiners of emoji are left in peace."""


def visible(text: str) -> str:
    """Give *text* with whatever a terminal would obey written out."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


@frozen(kw_only=True)
class Bubble:
    """A message as a messenger shows it."""

    sender: str
    text: str | None = field(repr=False)
    button: tuple[str, str] | None
    """What it says, and where it leads."""
    image: str | None

    def __str__(self) -> str:
        return " / ".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Give it with a line at its side."""
        yield f"| {visible(self.sender)}"
        yield from (f"| {line}" for line in visible(self.text or "").splitlines())
        if self.button is not None:
            yield f"| [ {visible(self.button[0])} ] {self.button[1]}"
        if self.image is not None:
            yield f"| (image) {self.image}"

    def rich(self) -> RenderableType:
        """Give it in a frame as wide as a phone."""
        parts: list[RenderableType] = []
        if self.text is not None:
            parts.append(Text(visible(self.text)))
        if self.button is not None:
            label, link = self.button
            parts += [Text(), Align.center(Text(f"  {visible(label)}  ", f"bold white on {VIOLET}"))]
            parts.append(Align.center(Text(link, "underline blue")))
        if self.image is not None:
            parts += [Text(), Text.assemble(("▣ ", VIOLET), (self.image, "underline blue"))]
        return Panel(
            Group(*parts),
            box=box.ROUNDED,
            width=WIDTH,
            padding=(1, 2),
            border_style=VIOLET,
            title=Text(visible(self.sender), "bold"),
            title_align="left",
        )
