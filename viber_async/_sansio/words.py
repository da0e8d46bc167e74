"""Numbers in sentences: one phone is not "1 phones", and a million has its thousands apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_OUT: Final = 10
"""Ours: ids in one sentence."""


def counted(count: int, units: str, one: str = "", several: str = "") -> str:
    """Give *count* with its unit, which is given for several, and with the verb that suits it, if there are two."""
    if units.endswith("ies"):
        unit = f"{units.removesuffix('ies')}y"
    else:
        unit = units.removesuffix("es" if units.endswith("ches") else "s")
    return f"{count:,} {unit if count == 1 else units} {suiting(count, one, several)}".rstrip()


def suiting(count: int, one: str, several: str) -> str:
    """Give the word that suits *count*: "was" or "were", "it" or "them"."""
    return one if count == 1 else several


def numbered(ids: Sequence[int], unit: str) -> str:
    """Give *ids* with the *unit* that they are of, as a person would say them: the first ten, and how many more."""
    said = [str(each) for each in ids[:READ_OUT]]
    if len(ids) > READ_OUT:
        said.append(f"{len(ids) - READ_OUT:,} more")
    listed = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]
    return f"{unit}{suiting(len(ids), '', 's')} {listed}"
