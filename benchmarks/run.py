"""Measure what the README promises, each against a peer in the same run: `make bench`.

Every figure is the median of several repeats. A ratio compares the formula with the model's own
`predict` on the same rows in the same process, in turn, so that a slow machine slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._testing import ignore_warnings

import closedform as cf

ROWS = 1_000_000
SEED = 0


def seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """Return the median time of some work, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def ratio(model: Any, formula: cf.Formula, rows: Any, repeats: int = 3) -> tuple[float, float]:
    """Return how many times as fast as `predict` the formula is, and its seconds."""
    pairs = [
        (seconds(lambda: model.predict(rows), 1), seconds(lambda: formula(rows), 1))
        for _ in range(repeats + 1)
    ][1:]
    return statistics.median(p / f for p, f in pairs), statistics.median(f for _, f in pairs)


def import_seconds() -> float:
    """Return the time that `import closedform` takes in a fresh interpreter."""
    code = "import time; t = time.perf_counter(); import closedform; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    return statistics.median(runs)


def peak_over_data(rows: int) -> float:
    """Return the peak memory, in GiB over the rows themselves, of a network on many rows."""
    code = f"""
import numpy as np, closedform as cf
from closedform.families.network import Layer, Network
from closedform import ops
rng = np.random.default_rng(0)
sizes = [15, 60, 60, 1]
layers = [Layer.of(rng.normal(size=(b, a)) / a**0.5, rng.normal(size=b), "tanh" if b > 1 else
          "identity") for a, b in zip(sizes, sizes[1:])]
out = Network(tuple(layers)).nodes([ops.input_(i) for i in range(15)])[-1][1]
formula = cf.Formula({{"y": out[0]}}, tuple(cf.Feature(f"x{{i}}") for i in range(15)))
X = rng.random(({rows}, 15))
def peak():  # of this process alone: what getrusage says includes the parent's before exec
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
before = peak()
formula(X)
print((peak() - before) / 2**20)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return float(done.stdout)


@ignore_warnings()
def models(rows: int) -> dict[str, tuple[Any, Any]]:
    """Return fitted models by name, each with many rows to predict."""
    rng = np.random.default_rng(SEED)
    wide, narrow = rng.normal(size=(rows, 30)), rng.normal(size=(rows, 15))
    few, y = wide[:4000], wide[:4000, 0] * wide[:4000, 1] + np.sin(wide[:4000, 2])
    network = MLPRegressor(
        hidden_layer_sizes=(60, 60), activation="tanh", max_iter=20, random_state=SEED
    )
    forest = RandomForestRegressor(100, max_depth=6, random_state=SEED, n_jobs=1)
    boosted = GradientBoostingRegressor(n_estimators=500, max_depth=6, random_state=SEED)
    return {
        "linear pipeline": (make_pipeline(StandardScaler(), Ridge()).fit(few, y), wide),
        "network 15-60-60-1": (network.fit(narrow[:4000], y), narrow),
        "forest 100 trees, depth 6": (forest.fit(few, y), wide),
        "boosted 500 trees, depth 6": (boosted.fit(few[:1000], y[:1000]), wide[: rows // 10]),
    }


PRINT_LIMITS = {
    "linear pipeline": 0.02,
    "network 15-60-60-1": 0.1,
    "boosted 500 trees, depth 6": 2.0,
}
SPEED_LIMITS = {
    "linear pipeline": 1.0,
    "network 15-60-60-1": 1.0,
    "forest 100 trees, depth 6": 0.3,
}


def measure(rows: int) -> list[dict[str, Any]]:
    """Return one record for each figure: what, value, unit, bar, and whether the bar is met."""
    table: list[dict[str, Any]] = []

    def add(what: str, value: float, unit: str, bar: float | None, *, below: bool = True) -> None:
        met = None if bar is None else bool(value <= bar if below else value >= bar)
        sign = "<=" if below else ">="
        table.append({"what": what, "value": value, "unit": unit, "met": met,
                      "bar": "" if bar is None else f"{sign} {bar:g}"})  # fmt: skip

    add("import closedform", import_seconds(), "s", 0.3)
    fitted = models(rows)
    for name, limit in PRINT_LIMITS.items():
        model = fitted[name][0]
        add(f"read and print as Python: {name}",
            seconds(lambda model=model: cf.read(model).to("python")), "s", limit)  # fmt: skip
    for name, (model, data) in fitted.items():
        times, took = ratio(model, cf.read(model), data)
        bar = SPEED_LIMITS.get(name)
        add(f"speed against predict, {len(data):,} rows: {name}", times, "x", bar, below=False)
        add(f"  the same, per row: {name}", took / len(data) * 1e9, "ns", None)
    add("memory over the data, 10,000,000 rows: network", peak_over_data(10_000_000), "GiB", 1.0)
    return table


def main() -> int:
    """Print the table; exit with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = measure(options.rows)
    if options.json:
        print(json.dumps(table, indent=1))
    else:
        for row in table:
            met = {None: "", True: "met", False: "MISSED"}[row["met"]]
            print(f"{row['what']:<70} {row['value']:>9.4g} {row['unit']:<4} {row['bar']:<9} {met}")
    return int(any(row["met"] is False for row in table))


if __name__ == "__main__":
    raise SystemExit(main())
