"""Replays one seed and prints what happened: ``python -m tests.simulation 123``."""

from __future__ import annotations

import sys

from tests.simulation.checker import untruths
from tests.simulation.world import drawn, lived


def main() -> None:
    scenario = drawn(int(sys.argv[1]))
    world = lived(scenario)
    print(scenario, *world.events, sep="\n")  # noqa: T201
    print(*(f"UNTRUE: {each}" for each in untruths(world)), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
