"""After this page: which offset comes next, is the seam sound, is the walk over."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import field, frozen

Row = TypeVar("Row")


@frozen
class Page(Generic[Row]):
    """One page of a list as the server sent it."""

    rows: tuple[Row, ...]
    total: int | None = field(kw_only=True, default=None)
    """How many rows the server says there are in all; None where the call does not tell."""
