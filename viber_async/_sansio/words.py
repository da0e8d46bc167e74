"""Numbers in sentences: one phone is not "1 phones", and a million has its thousands apart."""

from __future__ import annotations


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
