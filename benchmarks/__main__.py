"""Runs every benchmark, or those that are named (``python benchmarks call import``), and ends with one table.

One that fails does not keep the others from running; it is named below the table, and the exit status is 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _side_by_side import TABLE, line, read_table


def main(names: list[str]) -> None:
    here = Path(__file__).parent
    paths = [here / f"bench_{name}.py" for name in names] or sorted(here.glob("bench_*.py"))
    with tempfile.TemporaryDirectory() as directory:
        table = Path(directory) / "rows"
        table.touch()
        failed: list[str] = []
        for path in paths:
            print(f"\n{path.stem}", flush=True)
            done = subprocess.run([sys.executable, str(path)], check=False, env={**os.environ, TABLE: str(table)})
            if done.returncode:
                failed.append(path.stem)
        print("\nAll, each beside the first of its question: median ratio (least to most)\n")
        for row in read_table(table):
            print(line(row))
    if failed:
        sys.exit(f"\nnot measured to the end: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
