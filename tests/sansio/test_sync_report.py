"""A report adds up, or it is none."""

from __future__ import annotations

import pytest

from viber_async import SyncReport


def report(**changes: int) -> SyncReport:
    counts = {"wanted": 10, "already_there": 4, "added": 3, "rejected": 2, "unverified": 1, "removed": 5, **changes}
    return SyncReport(converged=True, requests=1, walk_requests=1, seconds=1.0, **counts)


@pytest.mark.parametrize("name", ["wanted", "already_there", "added", "rejected", "unverified"])
def test_what_does_not_add_up_cannot_be_reported(name: str) -> None:
    """Each of the wanted is in exactly one place."""
    assert report().wanted == 10

    with pytest.raises(ValueError, match="does not add up"):
        report(**{name: 7})
