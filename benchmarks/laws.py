"""Look for laws that are known, by asking what obeys them, and count those that come back.

    python benchmarks/laws.py --kind exact --only I.8.14
    python benchmarks/laws.py --kind perturbed-1e-4 network --who search --limit 20
    python benchmarks/laws.py --kind exact perturbed-1e-3 --set bonus textbook unseen --limit 15
    python benchmarks/laws.py --results laws.jsonl --minutes 60 --write docs/benchmarks-laws.md
    python benchmarks/laws.py --results laws.jsonl --table-only --write docs/benchmarks-laws.md

Each cell (what is asked, who seeks, which law) is a process of its own. A cell that is finished
in the results file is not measured again: a run that is cut short is gone on with by the same
command. Without `--results`, nothing is kept and what was found is printed.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from driving import THREADS, Cell, Way, complete, finished, show
from further_equations import KNOWN, SETS
from law_bars import page
from law_cells import SEEKERS, all_cells, measure
from law_oracles import KINDS

PACKAGES = ("numpy", "scipy", "sympy", "torch", "pyoperon", "gplearn", "HROCH", "scikit-learn")
LOADED = [
    "numpy", "scipy.optimize", "sympy", "torch", "law_cells", "closedform.laws",
    "closedform.discover.search", "pyoperon.sklearn", "gplearn.genetic", "HROCH",
]  # fmt: skip
"""Imported before anybody's time begins; what is not installed is left out."""
HUNG = 10.0, 600.0
"""So many limits and seconds of the wall, after which a cell is ended."""


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--kind", nargs="+", default=list(KINDS), choices=KINDS, help="what is asked")
    add("--who", nargs="+", default=[], choices=list(SEEKERS), help="who seeks; default: everyone")
    add("--set", nargs="+", default=["listed"], choices=list(SETS), help="which equations")
    add("--only", nargs="+", default=list(KNOWN), help="names of these equations")
    add("--limit", type=float, default=60.0, help="seconds for each search")
    add("--seed", type=int, nargs="+", default=[0], help="which draws of rows and errors")
    add("--results", type=Path, help="a file that is gone on with if it is there")
    add("--kept", type=Path, default=Path("laws-networks"), help="a folder for trained networks")
    add("--jobs", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="cells at once")
    add("--minutes", type=float, default=float("inf"), help="stop all after so many")
    add("--write", type=Path, help="a page with the marks, for the table")
    add("--table-only", action="store_true", help="measure nothing")
    asked = parser.parse_args()
    if asked.results is not None and asked.set != ["listed"]:
        parser.error("--results are those of the listed equations; the page has no other table")
    return asked


def chosen(asked: argparse.Namespace) -> list[Cell]:
    """Return the cells that are asked for; of those who seek, one who is named is enough."""
    cells = all_cells(asked.seed, asked.set)
    if "search" in asked.who:
        cells += [(k, "search", n, s) for k, who, n, s in cells if who == "closedform"]
    return [
        cell for cell in cells
        if cell[0] in asked.kind and cell[2] in asked.only
        and (not asked.who or cell[1] in asked.who)
    ]  # fmt: skip


def try_out(cells: list[Cell], asked: argparse.Namespace) -> None:
    """Measure cells here and print each; keep nothing."""
    found = []
    for cell in cells:
        for told in measure(cell, asked.limit, asked.kept):
            found.append(bool(told["same"]))
            verdict = "the law" if told["same"] else f"NOT ({told['why']})"
            print(
                f"{' '.join(cell)}: {verdict}, {told['seconds']} s: {told['formula']}", flush=True
            )
    print(f"{sum(found)} of {len(found)}")


def main() -> None:
    """Measure what is left, and print the table."""
    asked = options()
    for name in THREADS:
        os.environ.setdefault(name, "1")
    cells = chosen(asked)
    if asked.results is None:
        try_out(cells, asked)
        return
    done = finished(asked.results)
    left = [cell for cell in cells if " ".join(cell) not in done]
    way = Way(measure, asked.limit, asked.kept, 1, LOADED, HUNG[0] * asked.limit + HUNG[1])
    complete(left, asked, way, PACKAGES)
    show(asked, page, "laws")


if __name__ == "__main__":
    main()
