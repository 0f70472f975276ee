"""Measure how short formulas are, how near, and what is proven, beside what others make of it.

    python benchmarks/shorter.py --write docs/benchmarks-shorter.md
    python benchmarks/shorter.py --seeds 1 --minutes 8 --results shorter.jsonl
    python benchmarks/shorter.py --results shorter.jsonl --table-only --write docs/…

Each cell (a model and who shortens it) is a process of its own, kept to two cores; as many run
at once as there are pairs of them (`--jobs`). Every record is a line of the results file as soon
as it is there; a cell that is finished in it is not measured again, so a run that is cut short,
or has used up its `--minutes`, is gone on with by the same command.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bars import page
from cells import all_cells, measure
from driving import Way, complete, finished, show

CORES = 2
"""Of each cell: what the times in the bars are for."""
LOADED = ["numpy", "scipy.optimize", "sklearn.ensemble", "torch", "shortening", "proofs"]
"""Imported once, before the cells' processes are made from that one."""
PACKAGES = (
    "numpy", "scipy", "scikit-learn", "torch", "numba", "xgboost", "xgboost-cpu", "lightgbm",
    "imodels", "interpret-core", "pystreed",
)  # fmt: skip


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--results", type=Path, default=Path("shorter.jsonl"), help="gone on with if it is there")
    add("--kept", type=Path, default=Path("shorter-models"), help="a folder for trained models")
    add("--write", type=Path, help="a page with the marks, for the table")
    add("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // CORES), help="cells at once")
    add("--seeds", type=int, default=4)
    add("--peer-seeds", type=int, default=1, help="seeds for which peers are fitted, too")
    add("--limit", type=float, default=60.0, help="seconds for each contender")
    add(
        "--minutes",
        type=float,
        default=float("inf"),
        help="start nothing and stop all after so many",
    )
    add("--only", nargs="+", default=[], help="cells whose names have all of these words")
    add("--list", action="store_true", help="name the cells that are left, and stop")
    add("--table-only", action="store_true", help="measure nothing")
    return parser.parse_args()


def main() -> None:
    """Measure what is left, and print the table."""
    asked = options()
    done = finished(asked.results)
    cells = [
        cell for cell in all_cells(asked.seeds, asked.peer_seeds)
        if " ".join(cell) not in done and all(word in cell for word in asked.only)
    ]  # fmt: skip
    if asked.list:
        print(*(" ".join(cell) for cell in cells), sep="\n")
        return
    if done and not asked.table_only:
        told = (
            f"{len(done)} cells were measured before: delete {asked.results} to measure them again"
        )
        print(told, file=sys.stderr)
    complete(cells, asked, Way(measure, asked.limit, asked.kept, CORES, LOADED), PACKAGES)
    show(asked, page, "shorter")


if __name__ == "__main__":
    main()
