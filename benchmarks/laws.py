"""Look for laws that are known, by asking what obeys them, and count those that come back.

python benchmarks/laws.py --kind exact --only I.8.14
python benchmarks/laws.py --kind perturbed-1e-4 --limit 20 --results laws.jsonl
python benchmarks/laws.py --results laws.jsonl --table-only --write docs/benchmarks-laws.md
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from equations import EQUATIONS, Array, Equation
from same_law import expression_of, same_law

ROWS = 1_000
WAVES = 6
PERTURBED = (1e-6, 1e-4, 1e-3)


class Perturbed:
    """A law with a smooth relative error: times one and a sum of slow sines of all inputs."""

    def __init__(self, truth: Equation, size: float, seed: int = 0) -> None:
        """Fix the error, of deviation `size`, by a seed."""
        random = np.random.default_rng([seed, *truth.name.encode()])
        self.truth, self.size = truth, size
        count = len(truth.inputs)
        self.turns = random.normal(size=(count, WAVES)) * 1.5 / np.sqrt(count)
        self.shifts = random.uniform(0, 2 * np.pi, WAVES)
        # Uniform inputs have the deviation of their width by √12.
        self.low, high = np.array(truth.lows), np.array(truth.highs)
        self.width = (high - self.low) / np.sqrt(12)
        self.middle, self.deviation = 0.0, 1.0
        drawn = self._waves(truth.rows(4_000, seed=90_003))
        self.middle, self.deviation = float(drawn.mean()), float(drawn.std())

    def _waves(self, rows: Array) -> Array:
        made = np.sin((rows - self.low) / self.width @ self.turns + self.shifts).sum(axis=1)
        return np.asarray((made - self.middle) / self.deviation)

    def __call__(self, rows: Array) -> Array:
        """Return what is said of rows, shape (rows,)."""
        return np.asarray(self.truth(rows) * (1 + self.size * self._waves(rows)))


def oracle(truth: Equation, kind: str, seed: int) -> tuple[Any, float]:
    """Return a function to be asked, and its error relative to its deviation."""
    if kind == "exact":
        return truth, 0.0
    size = float(kind.removeprefix("perturbed-"))
    made = Perturbed(truth, size, seed)
    rows = truth.rows(4_000, seed=90_004)
    said = truth(rows)
    return made, float(np.sqrt(np.mean((made(rows) - said) ** 2)) / said.std())


def chosen(laws: Sequence[Any], noise: float) -> Any:
    """Return the shortest law that is as near as the noise allows."""
    from closedform.length import length

    least = min(law.error for law in laws)
    near = [law for law in laws if law.error <= max(2 * least, 1.5 * noise, 1e-10)]
    return min(near, key=lambda law: length([law.node]))


def solved(truth: Equation, kind: str, limit: float, seed: int) -> dict[str, Any]:
    """Look for a law, and return what was found and at what price."""
    from closedform.distill import problem, search  # type: ignore[attr-defined]
    from closedform.shorten.clock import Clock

    ask, noise = oracle(truth, kind, seed)
    asked = 0

    def counted(rows: Array) -> Array:
        nonlocal asked
        asked += len(rows)
        return np.asarray(ask(rows))

    rows = truth.rows(ROWS, seed)
    started = time.process_time()
    laws = list(search.solve(problem.Problem(rows, ask(rows), counted, noise), Clock(limit)))
    seconds = time.process_time() - started
    record = {"seconds": round(seconds, 3), "asked": asked, "noise": noise, "laws": len(laws)}
    if not laws:
        return {**record, "same": False, "why": "nothing found"}
    best = chosen(laws, noise)
    verdict = same_law(truth, best.node, tolerance=max(1e-6, 10 * noise))
    text = str(expression_of(best.node, len(truth.inputs)).evalf(8))
    return {**record, **verdict.record(), "formula": text, "made": best.made}


def main() -> None:
    """Measure what is asked for, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--kind", default="exact", help="exact, perturbed-1e-6, …")
    add("--only", nargs="+", default=list(EQUATIONS), help="names of equations")
    add("--limit", type=float, default=60.0, help="seconds for each")
    add("--seed", type=int, default=0)
    add("--results", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    good = 0
    for name in asked.only:
        record = solved(EQUATIONS[name], asked.kind, asked.limit, asked.seed)
        good += bool(record["same"])
        told = "same" if record["same"] else f"NOT ({record['why']})"
        print(f"{name}: {told} {record['seconds']} s  {record.get('formula', '')}", flush=True)
    print(f"{good} of {len(asked.only)}")


if __name__ == "__main__":
    main()
