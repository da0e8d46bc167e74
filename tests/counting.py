"""How much work something is, counted: the same on every machine, whoever else is busy on it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable


def python_calls(work: Callable[[], object]) -> int:
    """Give how many functions of Python's *work* called."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    gc.disable()  # others have callbacks there
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls
