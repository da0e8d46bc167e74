"""Names for the rows of a table that are the same in every process, so that the tests can be shared out."""

from __future__ import annotations

import re


def spelled(value: object) -> str:
    """Give *value* as it is written, without the place in memory where it happens to live."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
