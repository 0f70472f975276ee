"""Boosters of 500 trees as 20 terms or rules, beside what others make of them.

`python benchmarks/ensembles.py` prints a table: of each model its own score on rows that neither
it nor any formula saw, and the score of the formula, among those of at most 20 terms, rules or
leaves, that is nearest to the model on 5,000 other rows made up like its training rows.
Packages that are absent are left out.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from peers import without_survival
from sklearn.base import is_classifier
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    make_classification,
    make_friedman1,
)
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import lars_path
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from truths import Data

import closedform as cf
from closedform.formula import Formula
from closedform.shorten.clock import Clock
from closedform.shorten.methods import method
from closedform.shorten.teacher import Teacher

DATA = ("diabetes", "breast cancer", "friedman 1", "two classes")
MOST = 20
"""Terms, rules, leaves or steps."""
TREES = 500
NAMES = {"additive": "terms", "rules": "rules", "tree": "leaves", "scorecard": "steps"}

Predict = Callable[[Any], Any]


@dataclass(frozen=True)
class Case:
    """A model, the rows it was trained on, and fresh ones."""

    data: str
    name: str
    model: Any
    fit: pd.DataFrame
    fresh: pd.DataFrame
    y: Any

    @property
    def score(self) -> Callable[[Any, Any], float]:
        """R² or accuracy."""
        return accuracy_score if is_classifier(self.model) else r2_score


def tables(seed: int) -> Iterator[tuple[str, pd.DataFrame, Any, bool]]:
    """Yield the data sets: name, inputs, target, whether it is a class."""
    d = load_diabetes(as_frame=True, scaled=False)
    yield "diabetes", d.data, d.target.to_numpy(), False
    d = load_breast_cancer(as_frame=True)
    yield "breast cancer", d.data, d.target.to_numpy(), True
    X, y = make_friedman1(3000, n_features=10, noise=1.0, random_state=seed)
    yield "friedman 1", pd.DataFrame(X).add_prefix("x"), y, False
    X, y = make_classification(3000, n_features=15, n_informative=5, random_state=seed)
    yield "two classes", pd.DataFrame(X).add_prefix("x"), y, True


BOOSTERS = ("HistGradientBoosting", "GradientBoosting", "XGBoost", "LightGBM")


def booster(name: str, classes: bool, seed: int) -> Any:
    """Return a booster of 500 trees.

    Raises:
        ImportError: its package is absent.
    """
    if name == "HistGradientBoosting":
        hist = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        return hist(max_iter=TREES, random_state=seed)
    if name == "GradientBoosting":
        plain = GradientBoostingClassifier if classes else GradientBoostingRegressor
        return plain(n_estimators=TREES, random_state=seed)
    if name == "XGBoost":
        import xgboost

        made = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
        return made(n_estimators=TREES, random_state=seed, n_jobs=1)
    import lightgbm

    made = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    return made(n_estimators=TREES, random_state=seed, n_jobs=1, verbose=-1)


def case(data: str, name: str, seed: int) -> Case:
    """Return a booster on a data set.

    Raises:
        ImportError: its package is absent.
    """
    X, y, classes = next(rest for told, *rest in tables(seed) if told == data)
    seen, fresh, target, hidden = train_test_split(X, y, test_size=0.3, random_state=seed)
    model = booster(name, classes, seed).fit(seen, target)
    return Case(data, name, model, seen, fresh, hidden)


# --- formulas -----------------------------------------------------------------------------------


def found(case: Case, seconds: float, seed: int) -> Iterator[tuple[str, Formula]]:
    """Yield formulas of at most 20 terms of every method."""
    teacher = Teacher.of(cf.read(case.model), case.fit, seed=seed)
    for name, unit in NAMES.items():
        for formula in method(name)(teacher, Clock(seconds)):
            count = formula.trail[-1].found[unit]
            if 1 <= count <= MOST:
                yield f"{count} {unit}", formula


def far(case: Case, formula: Formula, rows: pd.DataFrame) -> float:
    """Return the mean squared difference of predictions, or of chances, on made-up rows."""
    if is_classifier(case.model):
        chance = formula.task.probability[1]
        away = formula(rows, chance) - case.model.predict_proba(rows)[:, 1]
    else:
        away = formula(rows) - case.model.predict(rows)
    return float((away**2).mean())


def ours(case: Case, seconds: float, seed: int) -> tuple[str, Predict]:
    """Return the formula that is nearest to the model on rows that no formula was fitted to."""
    teacher = Teacher.of(cf.read(case.model), case.fit, seed=seed + 1)
    columns, _ = teacher.sample(len(case.fit) + 5000, seed=99)
    rows = pd.DataFrame(np.column_stack(columns)[len(case.fit) :], columns=case.fit.columns)
    made = [(-far(case, f, rows), -f.length, name, f) for name, f in found(case, seconds, seed)]
    _, _, name, best = max(made, key=lambda row: row[:2])
    return name, best


# --- peers --------------------------------------------------------------------------------------


def surrogate(case: Case) -> Predict:
    """scikit-learn's tree, on the model's predictions."""
    kind = DecisionTreeClassifier if is_classifier(case.model) else DecisionTreeRegressor
    return (
        kind(max_leaf_nodes=MOST, random_state=0)
        .fit(case.fit, case.model.predict(case.fit))
        .predict
    )


def figs(case: Case) -> Predict:
    """Fast interpretable greedy-tree sums."""
    from imodels import FIGSClassifier, FIGSRegressor

    kind = FIGSClassifier if is_classifier(case.model) else FIGSRegressor
    made = kind(max_rules=MOST).fit(case.fit.to_numpy(), case.model.predict(case.fit))
    return lambda X: made.predict(X.to_numpy())


def rulefit(case: Case) -> Predict:
    """Lasso on the rules of a forest."""
    from imodels import RuleFitClassifier, RuleFitRegressor

    kind = RuleFitClassifier if is_classifier(case.model) else RuleFitRegressor
    made = kind(max_rules=MOST, random_state=0)
    made.fit(case.fit.to_numpy(), case.model.predict(case.fit))
    return lambda X: made.predict(X.to_numpy())


def boosting_machine(case: Case) -> Predict:
    """interpret's additive model: as many curves and pairs, of hundreds of numbers each."""
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kind = ExplainableBoostingClassifier
    kind = kind if is_classifier(case.model) else ExplainableBoostingRegressor
    made = kind(
        interactions=max(0, MOST - case.fit.shape[1]), outer_bags=4, n_jobs=1, random_state=0
    )
    return made.fit(case.fit, case.model.predict(case.fit)).predict


def optimal_tree(case: Case) -> Predict:
    """The best tree of depth 4, proven."""
    without_survival()
    from pystreed import STreeDClassifier, STreeDRegressor

    kind = STreeDClassifier if is_classifier(case.model) else STreeDRegressor
    made = kind(max_depth=4, max_num_nodes=15, time_limit=30)
    made.fit(case.fit.to_numpy(), np.asarray(case.model.predict(case.fit)))
    return lambda X: made.predict(X.to_numpy())


def lasso(case: Case) -> Predict:
    """The first 20 squares, products and inputs that least-angle regression takes."""
    grow, scale = PolynomialFeatures(2, include_bias=False), StandardScaler()
    columns = scale.fit_transform(grow.fit_transform(case.fit))
    said = np.asarray(case.model.predict(case.fit), dtype=float)
    _, active, _ = lars_path(columns, said - said.mean(), method="lasso", max_iter=4 * MOST)
    active = active[:MOST]
    weights = np.linalg.lstsq(columns[:, active], said - said.mean(), rcond=None)[0]

    def predict(X: Any) -> Any:
        value = scale.transform(grow.transform(X))[:, active] @ weights + said.mean()
        return (value > 0.5).astype(int) if is_classifier(case.model) else value

    return predict


PEERS: dict[str, Callable[[Case], Predict]] = {
    "tree": surrogate,
    "FIGS": figs,
    "RuleFit": rulefit,
    "EBM": boosting_machine,
    "pystreed": optimal_tree,
    "LASSO": lasso,
}


def peer_score(case: Case, name: str) -> float | None:
    """Return a peer's score on the fresh rows; None where it is absent or fails."""
    try:
        return float(case.score(case.y, PEERS[name](case)(case.fresh)))
    except ImportError:
        return None
    except Exception as error:  # a peer's own failure is a result
        print(f"{name} on {case.data}: {type(error).__name__}: {error}"[:200], file=sys.stderr)
        return None


# --- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """How a model and what was made of it score on fresh rows.

    Attributes:
        data: the data set.
        model: the booster.
        seed: of everything.
        own: the model's score: R² or accuracy.
        got: the formula's.
        kind: what it is: "17 terms".
        seconds: how long all of ours took.
        peers: the score of each peer; None where it is absent or failed.
    """

    data: str
    model: str
    seed: int
    own: float
    got: float
    kind: str
    seconds: float
    peers: dict[str, float | None]


def scored(data: str, name: str, seed: int, seconds: float, peers: bool = True) -> Scored:
    """Measure one booster on one data set.

    Raises:
        ImportError: its package is absent.
    """
    made = case(data, name, seed)
    own = float(made.score(made.y, made.model.predict(made.fresh)))
    start = time.perf_counter()
    kind, formula = ours(made, seconds, seed)
    spent = time.perf_counter() - start
    got = float(made.score(made.y, formula(made.fresh)))
    theirs = {p: peer_score(made, p) for p in PEERS} if peers else {}
    return Scored(data, name, seed, own, got, kind, spent, theirs)


def boosters_table(seed: int, seconds: float, peers: bool) -> None:
    """Print one line a model."""
    names = list(PEERS) if peers else []
    head = [f"{'data':14}{'model':22}{'own':>7}{'formula':>9}  {'of':12}{'s':>5}"]
    print(*head, *(f"{n:>9}" for n in names), sep="")
    short = 0
    for data, name in product(DATA, BOOSTERS):
        try:
            told = scored(data, name, seed, seconds, peers)
        except ImportError:
            continue
        short += told.got < told.own - 0.02
        line = (
            f"{data:14}{name:22}{told.own:7.3f}{told.got:9.3f}  {told.kind:12}{told.seconds:5.1f}"
        )
        others = ("–" if score is None else f"{score:.3f}" for score in told.peers.values())
        print(line, *(f"{other:>9}" for other in others), sep="", flush=True)
    print(f"{short} of the formulas are more than 2 points below their model.\n")


def rules_table(seconds: float) -> None:
    """Print the shortest formula with 99.7 % agreement for ensembles of 300 trees."""
    data, fresh = Data.of("rule", seed=0), Data.of("rule", seed=1)
    for model in (
        RandomForestClassifier(300, min_samples_leaf=5, random_state=0),
        HistGradientBoostingClassifier(max_iter=300, random_state=0),
    ):
        formula = cf.read(model.fit(data.X, data.y))
        said = formula(fresh.X)
        teacher = Teacher.of(formula, data.X)
        for name in ("rules", "tree"):
            start = time.perf_counter()
            made = [(f.length, float((f(fresh.X) == said).mean()), f)
                    for f in method(name)(teacher, Clock(seconds))]  # fmt: skip
            spent = time.perf_counter() - start
            good = [row for row in made if row[1] >= 0.997] or made
            _, agree, best = min(good, key=lambda row: row[0])
            print(
                f"{type(model).__name__}, {name}: {agree:.2%} of fresh rows as the model; accuracy "
                f"{fresh.accuracy(best(fresh.X)):.4f}, model {fresh.accuracy(said):.4f}, best "
                f"possible {fresh.best:.4f}; {spent:.1f} s\n{best}\n"
            )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each method")
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of peers, on their own dependencies
    rules_table(args.seconds)
    boosters_table(args.seed, args.seconds, not args.no_peers)


if __name__ == "__main__":
    main()
