"""Measure SQL in DuckDB: trees against one naive sum of CASEs, and how a network's text grows.

Every figure is processor time (one thread), and ratios are of one run: `python benchmarks/sql.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
from sklearn.neural_network import MLPRegressor
from sklearn.utils._testing import ignore_warnings
from xgboost import XGBRegressor

import closedform as cf
from closedform import ops
from closedform.ir import Node

ROWS, FEATURES, SEED = 100_000, 30, 0


def naive(formula: cf.Formula) -> str:
    """Return what one writes by hand: nested CASEs of the trees, added in one expression."""
    (total,) = [n for n in formula.nodes if n.op is ops.SUM32]
    terms = [_nested(n) if n.op is ops.TREE else repr(n.data) for n in total.args]
    return "SELECT " + "\n + ".join(terms) + " AS y FROM data"


def _nested(n: Node, i: int = 0) -> str:
    s = n.data.splits
    if s.leaf[i]:
        return f"CAST({float(n.data.values[i])!r} AS DOUBLE)"
    left, right = (_nested(n, int(s.child[i]) + k) for k in (0, 1))
    sign, x = "<" if s.below else "<=", f"x{n.args[s.feature[i]].data}"
    missing = f" OR {x} IS NULL" if s.missing_left[i] else ""
    limit = f"CAST({float(s.threshold[i])!r} AS DOUBLE)"
    return f"CASE WHEN {x} {sign} {limit}{missing} THEN {left} ELSE {right} END"


def seconds(connection: Any, query: str, rows: int) -> float:
    """Return the processor time of a query on some of the rows, the better of two."""
    connection.execute(f"CREATE OR REPLACE TABLE data AS SELECT * FROM everything LIMIT {rows}")
    times = []
    for _ in range(2):
        start = time.process_time()
        connection.execute(f"SELECT sum(columns(*)) FROM ({query})").fetchall()
        times.append(time.process_time() - start)
    return min(times)


def booster(trees: int, depth: int, rows: int) -> dict[str, float]:
    """Return how long a row takes, and how long it takes to plan."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(10_000, FEATURES))
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + rng.normal(size=len(X)) / 10
    formula = cf.read(XGBRegressor(n_estimators=trees, max_depth=depth, n_jobs=1).fit(X, y))
    start = time.process_time()
    ours = formula.to("sql")
    printing = time.process_time() - start
    connection = duckdb.connect(config={"threads": 1})
    columns = rng.normal(size=(FEATURES, rows))
    given = {f"x{i}": column for i, column in enumerate(columns)}
    connection.register("given", given)
    connection.execute("CREATE TABLE everything AS SELECT * FROM given")
    found = {"printing (s)": printing, "characters": float(len(ours))}
    for name, query in (("naive", naive(formula)), ("ours", ours)):
        one, all_ = seconds(connection, query, 1), seconds(connection, query, rows)
        found[f"{name}: planning (s)"] = one
        found[f"{name}: total (µs/row)"] = all_ / rows * 1e6
        found[f"{name}: each further row (µs)"] = (all_ - one) / rows * 1e6
    found["times faster"] = found["naive: total (µs/row)"] / found["ours: total (µs/row)"]
    return found


@ignore_warnings()
def network(layers: Sequence[int] = (1, 2, 4, 8), width: int = 20) -> dict[str, float]:
    """Return the characters for each layer, of networks of more and more layers."""
    X = np.random.default_rng(SEED).normal(size=(200, 15))
    found = {}
    for count in layers:
        sizes = (width,) * count
        model = MLPRegressor(hidden_layer_sizes=sizes, max_iter=2, random_state=SEED).fit(
            X, X[:, 0]
        )
        found[f"{count} layers (characters a layer)"] = len(cf.read(model).to("sql")) / count
    return found


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {"booster": booster(args.trees, args.depth, args.rows), "network": network()}
    if args.json:
        print(json.dumps(found))
        return
    for title, figures in found.items():
        print(title)
        for name, value in figures.items():
            print(f"  {name:32s} {value:12,.2f}")


if __name__ == "__main__":
    main()
