"""Names with what they are, one below the other, as a picture. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType


@frozen
class Pairs:
    """Names, and what they are."""

    pairs: Sequence[tuple[str, str]]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {value}" for name, value in self.pairs)

    def lines(self) -> Iterator[str]:
        """Give a line for each."""
        width = max((len(name) for name, _ in self.pairs), default=0)
        yield from (f"{name:<{width}}  {value}" for name, value in self.pairs)

    def rich(self) -> RenderableType:
        """Give a row for each, the names dimmed."""
        grid = Table.grid(padding=(0, 3))
        for name, value in self.pairs:
            grid.add_row(Text(name, "dim"), Text(value))
        return grid
