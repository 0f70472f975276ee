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
from typing import Any

import numpy as np
import pandas as pd
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


def boosters(classes: bool, seed: int) -> Iterator[tuple[str, Any]]:
    """Yield boosters of 500 trees, of the packages that are there."""
    hist = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    yield "HistGradientBoosting", hist(max_iter=TREES, random_state=seed)
    plain = GradientBoostingClassifier if classes else GradientBoostingRegressor
    yield "GradientBoosting", plain(n_estimators=TREES, random_state=seed)
    try:
        import xgboost

        made = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
        yield "XGBoost", made(n_estimators=TREES, random_state=seed, n_jobs=1)
    except ImportError:
        pass
    try:
        import lightgbm

        made = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
        yield "LightGBM", made(n_estimators=TREES, random_state=seed, n_jobs=1, verbose=-1)
    except ImportError:
        pass


def cases(seed: int) -> Iterator[Case]:
    """Yield every booster on every data set."""
    for data, X, y, classes in tables(seed):
        seen, fresh, target, hidden = train_test_split(X, y, test_size=0.3, random_state=seed)
        for name, model in boosters(classes, seed):
            yield Case(data, name, model.fit(seen, target), seen, fresh, hidden)


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
    made = kind(interactions=max(0, MOST - case.fit.shape[1]), n_jobs=1, random_state=0)
    return made.fit(case.fit, case.model.predict(case.fit)).predict


def optimal_tree(case: Case) -> Predict:
    """The best tree of depth 4, proven."""
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


def peer_score(case: Case, name: str) -> str:
    """Return a peer's score on the fresh rows, or nothing where it is absent or fails."""
    try:
        return f"{case.score(case.y, PEERS[name](case)(case.fresh)):.3f}"
    except ImportError:
        return "–"
    except Exception as error:  # a peer's own failure is a result
        print(f"{name} on {case.data}: {type(error).__name__}: {error}"[:200], file=sys.stderr)
        return "failed"


# --- tables -------------------------------------------------------------------------------------


def boosters_table(seed: int, seconds: float, peers: bool) -> None:
    """Print one line a model."""
    names = list(PEERS) if peers else []
    head = [f"{'data':14}{'model':22}{'own':>7}{'formula':>9}  {'of':12}{'s':>5}"]
    print(*head, *(f"{n:>9}" for n in names), sep="")
    short = 0
    for case in cases(seed):
        own = case.score(case.y, case.model.predict(case.fresh))
        start = time.perf_counter()
        name, formula = ours(case, seconds, seed)
        spent = time.perf_counter() - start
        got = case.score(case.y, formula(case.fresh))
        short += got < own - 0.02
        line = f"{case.data:14}{case.name:22}{own:7.3f}{got:9.3f}  {name:12}{spent:5.1f}"
        print(line, *(f"{peer_score(case, n):>9}" for n in names), sep="", flush=True)
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
