"""What the marker of a key looks like in front of a campaign's name; `ledger.py` says which key has which.

It imports nothing of ours: the sandbox's inbox, which shares no code with the client, draws names by it too.
"""

from __future__ import annotations

import re
from typing import Final

SEPARATOR: Final = " | "
"""What stands between the marker and the rest of the name. Ours: no name begins like that by accident."""
MARKER_LENGTH: Final = 16
"""Ours: 80 bits. Among a billion keys of one account, two alike are as likely as one in two million."""

_LIKE_A_MARKER: Final = re.compile(rf"([a-z2-7]{{{MARKER_LENGTH}}}){re.escape(SEPARATOR)}")
_IN_A_MARKER: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")


def looks_marked(name: str | None) -> bool:
    """Tell whether *name* begins with a marker, whosever it is."""
    return name is not None and _LIKE_A_MARKER.match(name) is not None


def carries(name: str | None, marker: str) -> bool:
    """Tell whether *name* begins with *marker*, however the rest was cut or rewritten."""
    if name is None or not name.startswith(marker):
        return False
    return name[MARKER_LENGTH : MARKER_LENGTH + 1] not in _IN_A_MARKER


def parted(name: str) -> tuple[str, str | None]:
    """Give *name* as people gave it, and the marker that was put in front of it, or None.

    For eyes only: what is told to machines keeps its marker. A name of which nothing else is left stays whole.
    """
    found = _LIKE_A_MARKER.match(name)
    if found is None or not (rest := name[found.end() :]).strip():
        return name, None
    return rest, found[1]
