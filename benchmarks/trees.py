"""One tree in the place of many: the smallest that says the same, and small ones that come near.

`python benchmarks/trees.py` prints two tables: the born-again trees of small ensembles, with what
is proven of them; and small trees of at most 4, 8 and 16 leaves beside scikit-learn's tree on the
model's predictions and the optimal tree of pystreed where it is installed: the share of fresh rows
with the model's class, or R² against its prediction.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from ensembles import tables
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import closedform as cf

SECONDS = 60.0
DEPTHS = {4: 2, 8: 3, 16: 4}


def small_ensembles() -> Iterator[tuple[str, Any, Any]]:
    """Yield a name, an ensemble, and its data."""
    for load in (load_iris, load_wine, load_breast_cancer):
        for trees, deep in ((5, 2), (10, 2), (5, 3), (10, 3), (10, 4)):
            name = f"{load.__name__[5:]} forest {trees} x {deep}"
            yield name, RandomForestClassifier(trees, max_depth=deep, random_state=0), load
    for trees, deep in ((3, 2), (10, 2), (20, 1)):
        made = GradientBoostingClassifier(n_estimators=trees, max_depth=deep, random_state=0)
        yield f"breast_cancer booster {trees} x {deep}", made, load_breast_cancer
    made = GradientBoostingRegressor(n_estimators=3, max_depth=2, random_state=0)
    yield "diabetes booster 3 x 2", made, load_diabetes


def born_table() -> None:
    """Print what the tree of each small ensemble is, and whether it is the smallest."""
    print(
        f"{'ensemble':34}{'kind':8}{'smallest':18}{'depth':>6}{'leaves':>8}{'length':>16}{'s':>7}"
    )
    for name, model, load in small_ensembles():
        X, y = load(return_X_y=True, as_frame=True)
        formula, start = cf.read(model.fit(X, y)), time.perf_counter()
        tree = cf.born_again(formula, time_limit=SECONDS)
        spent, last = time.perf_counter() - start, tree.trail[-1]
        lengths = f"{formula.length} -> {tree.length}"
        print(
            f"{name:34}{last.kind:8}{last.found['smallest']:18}{last.found['depth']:6}"
            f"{last.found['leaves']:8}{lengths:>16}{spent:7.1f}",
            flush=True,
        )


def near_table() -> None:
    """Print how near small trees come to boosters and forests."""
    print(f"\n{'data':16}{'model':10}{'leaves':>8}{'ours':>8}{'surrogate':>11}{'pystreed':>10}")
    for data, X, y, classes in tables(0):
        seen, fresh, target, _ = train_test_split(X, y, test_size=0.3, random_state=0)
        for model in models(classes):
            said = model.fit(seen, target).predict(seen)
            formula = cf.read(model)
            ours = cf.small_tree(formula, seen, leaves=16, time_limit=SECONDS)
            for most, deep in DEPTHS.items():
                good = [f for f in ours if f.trail[-1].found["leaves"] <= most]
                found = (good[-1](fresh), surrogate(model, seen, said, most, fresh),
                         optimal(model, seen, said, deep, fresh))  # fmt: skip
                cells = "".join(f"{_score(model, fresh, f):>10}" for f in found)
                print(f"{data:16}{type(model).__name__[:9]:10}{most:8}{cells}", flush=True)


def models(classes: bool) -> list[Any]:
    """Return a booster and a forest."""
    if classes:
        return [HistGradientBoostingClassifier(random_state=0), RandomForestClassifier(200)]
    return [HistGradientBoostingRegressor(random_state=0), RandomForestRegressor(200)]


def surrogate(model: Any, seen: Any, said: Any, most: int, fresh: Any) -> Any:
    """scikit-learn's tree on the model's predictions."""
    kind = DecisionTreeClassifier if is_classifier(model) else DecisionTreeRegressor
    return kind(max_leaf_nodes=most, random_state=0).fit(seen, said).predict(fresh)


def optimal(model: Any, seen: Any, said: Any, deep: int, fresh: Any) -> Any:
    """The best tree of a depth over ten thresholds an input; None where there is no pystreed."""
    try:
        from pystreed import STreeDClassifier, STreeDRegressor
    except ImportError:
        return None
    limits = {"max_depth": deep, "time_limit": SECONDS, "n_thresholds": 10}
    if is_classifier(model):
        made = STreeDClassifier(**limits)
    else:
        made = STreeDRegressor("regression", **limits)
    return made.fit(seen.to_numpy(), np.asarray(said)).predict(fresh.to_numpy())


def _score(model: Any, fresh: Any, found: Any) -> str:
    if found is None:
        return "–"
    score = accuracy_score if is_classifier(model) else r2_score
    return f"{score(model.predict(fresh), found):.3f}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    born_table()
    near_table()
