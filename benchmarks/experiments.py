"""Run the experiments of `examples` over some seeds, and count the laws that come back.

    python benchmarks/experiments.py --only lorenz --seeds 3 4
    python benchmarks/experiments.py --results experiments.jsonl --write docs/experiments.md
    python benchmarks/experiments.py --results experiments.jsonl --table-only --write docs/…

Each cell (an experiment and a seed) is a process of its own. A cell that is finished in the results
file is not measured again: a run that is cut short is gone on with by the same command.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from bars import section
from driving import THREADS, Cell, Record, Way, complete, finished, measured_by, show
from law_cells import in_cpu_time

sys.path.append(str(Path(__file__).parents[1]))  # a script finds its own folder alone

PACKAGES = ("numpy", "scipy", "sympy", "torch", "keras", "xgboost", "xgboost-cpu", "pyoperon")
INSTANT = 1e-3
"""Seconds in which nothing is trained."""
HUNG = 3600.0
"""Seconds of the wall after which a cell is ended."""
Rows = Sequence[Record]
"""The records of one row of a table, one a seed."""


# --- one cell -----------------------------------------------------------------------------------


def of_laws(module: Any, effort: Any) -> Iterator[Record]:
    """Yield what came out for each model of an experiment."""
    from examples.experiment import verdicts

    for found in verdicts(module.cases, effort):
        yield {
            "title": found.case.title, "law": found.text, "good": found.recovered,
            "why": found.why, "model": found.errors["within"][0],
            "law_off": found.errors["within"][1], "training": found.training,
            "search": found.seconds,
        }  # fmt: skip


def of_blocks(module: Any, effort: Any) -> Iterator[Record]:
    """Yield what came out for each block of a transformer."""
    for found in module.results(effort):
        yield {
            "title": found.task.title, "law": found.text, "good": found.does_more,
            "why": found.controls.verdict, "r2": found.r2,
            "regained": {one.name: one.regained for one in found.controls},
            "training": found.training, "search": found.seconds,
        }  # fmt: skip


EXPERIMENTS: dict[str, Callable[[Any, Any], Iterator[Record]]] = {
    "sum_of_two": of_laws, "scaled_networks": of_laws, "force_laws": of_laws,
    "heat_equation": of_laws, "lorenz": of_laws, "classifier": of_laws,
    "boosted_trees": of_laws, "transformer_block": of_blocks,
}  # fmt: skip


def measure(cell: Cell, limit: float, kept: Path) -> Iterator[Record]:
    """Yield a record for each model of an experiment; CPU seconds count, as in `laws.py`."""
    from examples.experiment import Effort

    warnings.simplefilter("ignore")
    name, seed = cell
    effort = Effort(seconds=limit, seed=int(seed))
    with in_cpu_time():
        found = EXPERIMENTS[name](import_module(f"examples.{name}"), effort)
        for place, record in enumerate(found):
            yield {"experiment": name, "place": place, "seed": effort.seed} | record


# --- tables -------------------------------------------------------------------------------------


def rows_of(lines: Sequence[Record]) -> dict[tuple[str, int], Rows]:
    """Return the last record of each seed for each model, in the order of the experiments."""
    last = {
        (r["experiment"], r["place"], r["seed"]): r
        for r in (line["record"] for line in lines if "record" in line)
    }
    found = defaultdict(list)
    order = list(EXPERIMENTS)
    for (name, place, _), record in sorted(
        last.items(), key=lambda pair: (order.index(pair[0][0]), *pair[0][1:])
    ):
        found[name, place].append(record)
    return dict(found)


def laws_table(rows: dict[tuple[str, int], Rows]) -> Iterator[str]:
    """Yield the table of the laws: what was found with the first seed, and how often it came."""
    some = {key: records for key, records in rows.items() if "model" in records[0]}
    if some:
        yield (
            "| experiment | model | off by | seeds | law found, first seed | recovered "
            "| CPU s of training | of search |"
        )
        yield "|---" * 8 + "|"
    for (name, _), records in some.items():
        first = records[0]
        good = f"{sum(r['good'] for r in records)} of {len(records)}"
        off = span([100 * r["model"] for r in records], ".2g") + " %"
        yield (
            f"| `{name}` | {first['title']} | {off} | {', '.join(str(r['seed']) for r in records)} "
            f"| {code(first['law'])} | {good} "
            f"| {trained(median(r['training'] for r in records))} "
            f"| {span([r['search'] for r in records], '.2g')} |"
        )


def trained(seconds: float) -> str:
    """Return the seconds of a training; nothing where another row has them: a network has one."""
    return f"{seconds:.2g}" if seconds > INSTANT else ""


def others(rows: dict[tuple[str, int], Rows]) -> Iterator[str]:
    """Yield what was found where the law was not."""
    for (name, _), records in rows.items():
        for r in records:
            if "model" in r and not r["good"]:
                yield (
                    f"- `{name}`, {r['title']}, seed {r['seed']}: {code(r['law'])}. {r['why']}. "
                    f"From the truth it is {100 * r['law_off']:.2g} %, the model "
                    f"{100 * r['model']:.2g} %."
                )


def blocks_table(rows: dict[tuple[str, int], Rows]) -> Iterator[str]:
    """Yield the table of the blocks: what is regained by a formula in their place, and by less."""
    some = {key: records for key, records in rows.items() if "regained" in records[0]}
    less = ("a linear map", "zero")
    if some:
        yield f"| block | formula, first seed | R² | formula regains | {' | '.join(less)} | CPU s |"
        yield "|---|---|---|---|---|---|---|"
    for records in some.values():
        regained = [
            span([100 * r["regained"][name] for r in records], ".1f") + " %"
            for name in ("formula", *less)
        ]
        first, spent = records[0], [r["training"] + r["search"] for r in records]
        yield (
            f"| {first['title']} | {code(first['law'])} "
            f"| {span([r['r2'] for r in records], '.3f')} | {' | '.join(regained)} "
            f"| {span(spent, '.3g')} |"
        )


def span(numbers: Sequence[float], digits: str) -> str:
    """Return the least and the greatest of some numbers."""
    ends = [f"{n:{digits}}" for n in (min(numbers), max(numbers))]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def code(text: str) -> str:
    """Return a formula as it stands in a table."""
    return "`" + text.replace("|", "\\|") + "`"


def page(lines: list[Record]) -> str:
    """Return all tables of some results."""
    headings = [line["heading"] for line in lines if "heading" in line]
    rows = rows_of(lines)
    if not headings or not rows:
        return "Nothing was measured."
    seeds = sorted({str(r["seed"]) for records in rows.values() for r in records})
    how = f"one thread, seeds {', '.join(seeds)}, {headings[-1]['limit']:g} CPU s for each search"
    failed = [f"- {x['cell']}: {x['failed']}" for x in lines if "failed" in x]
    return "\n".join([
        measured_by("experiments.py", headings[-1], how),
        *section("Laws", laws_table(rows)), *section("Where another law was found", others(rows)),
        *section("Blocks of a transformer", blocks_table(rows)), *section("Failed", iter(failed)),
    ])  # fmt: skip


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--only", nargs="+", default=list(EXPERIMENTS), choices=list(EXPERIMENTS))
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of everything random")
    add("--limit", type=float, default=60.0, help="seconds for each search")
    add("--results", type=Path, default=Path("experiments.jsonl"), help="gone on with if there")
    add("--jobs", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="cells at once")
    add("--minutes", type=float, default=float("inf"), help="stop all after so many")
    add("--write", type=Path, help="a page with the marks, for the tables")
    add("--table-only", action="store_true", help="measure nothing")
    return parser.parse_args()


def main() -> None:
    """Measure what is left, and print the tables."""
    asked = options()
    for name in THREADS:
        os.environ.setdefault(name, "1")
    done = finished(asked.results)
    cells = [(name, str(seed)) for seed in asked.seeds for name in asked.only]
    left = [cell for cell in cells if " ".join(cell) not in done]
    way = Way(measure, asked.limit, Path(), 1, ["numpy", "torch"], HUNG)
    complete(left, asked, way, PACKAGES)
    show(asked, page, "experiments")


if __name__ == "__main__":
    main()
