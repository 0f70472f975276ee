"""What others make of a model: each is fitted to what the model says, on the same rows as ours.

Each peer yields formulas of several sizes: how many numbers a reader would have to be shown, and
the function that predicts. How numbers are counted:

| peer | numbers |
|---|---|
| scikit-learn's tree, pystreed | a threshold for each split, a value for each leaf |
| FIGS | the same, of all its trees |
| RuleFit | the thresholds and the weight of each rule, a weight for each line, the intercept |
| EBM | the value of each bin of each curve and of each cell of each pair, the intercept |
| LASSO | the weight of each monomial, the intercept |

Bounds of bins, and the scales of columns, are not counted: all of these are generous to the peer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from sklearn.linear_model import lars_path
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

LEAVES = (3, 4, 6, 8, 12, 16, 24, 32, 64, 128)
RULES = (3, 5, 8, 12, 20, 30)
TERMS = (2, 3, 5, 8, 12, 20, 40, 80)
TREES_TO_PROVE = ((2, 10), (3, 5), (3, 10), (4, 5))
"""Depth and thresholds of each input, of pystreed's optimal trees; the costliest last."""
PAIRS = (0, 5)
SURVIVAL = ("sksurv", "sksurv.util", "sksurv.tree", "sksurv.tree._criterion", "sksurv.tree.tree")

Predict = Callable[[Any], Any]


@dataclass(frozen=True)
class Asked:
    """What a model said on the rows to fit on.

    Attributes:
        X: the rows, shape (rows, inputs).
        labels: the model's classes, 0 and 1.
        log_odds: its log-odds of class 1, clipped at ±6 as ours are.
        seconds: how long a peer may take.
        seed: of everything random.
    """

    X: Any
    labels: Any
    log_odds: Any
    seconds: float = 60.0
    seed: int = 0


Peer = Callable[[Asked], Iterator[tuple[int, Predict]]]


def above_zero(value: Predict) -> Predict:
    """Return the classes of log-odds."""
    return lambda X: (np.asarray(value(X)) > 0).astype(int)


def surrogate(asked: Asked) -> Iterator[tuple[int, Predict]]:
    """Grow scikit-learn's tree on the model's classes."""
    for leaves in LEAVES:
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=asked.seed)
        tree.fit(asked.X, asked.labels)
        yield 2 * tree.get_n_leaves() - 1, tree.predict


def figs(asked: Asked) -> Iterator[tuple[int, Predict]]:
    """Grow a sum of few trees on the log-odds: fast interpretable greedy-tree sums."""
    from imodels import FIGSRegressor

    for rules in RULES:
        trees = FIGSRegressor(max_rules=rules, random_state=asked.seed)
        trees.fit(asked.X, asked.log_odds)
        # A tree of n splits has n + 1 leaves.
        yield 2 * trees.complexity_ + len(trees.trees_), above_zero(trees.predict)


def rulefit(asked: Asked) -> Iterator[tuple[int, Predict]]:
    """Fit the log-odds by a LASSO on lines and on the rules of a forest."""
    from imodels import RuleFitRegressor

    for rules in (10, 30):
        made = RuleFitRegressor(max_rules=rules, random_state=asked.seed)
        made.fit(asked.X, asked.log_odds)
        table = made._get_rules()
        table = table[table.coef != 0]
        tests = sum(rule.count("<=") + rule.count(">") for rule in table.rule)
        yield tests + len(table) + 1, above_zero(made.predict)


def boosting_machine(asked: Asked) -> Iterator[tuple[int, Predict]]:
    """Fit the log-odds by interpret's additive model: curves and a few pairs."""
    from interpret.glassbox import ExplainableBoostingRegressor

    for pairs in PAIRS:
        made = ExplainableBoostingRegressor(
            interactions=pairs, max_bins=64, outer_bags=2, n_jobs=1, random_state=asked.seed
        )
        made.fit(asked.X, asked.log_odds)
        # The bins of what is missing or unknown have value 0 here.
        values = sum(int((np.asarray(t) != 0).sum()) for t in made.term_scores_)
        yield values + 1, above_zero(made.predict)


def without_survival() -> None:
    """Let pystreed be imported without scikit-survival, which its trees for survival alone use."""
    try:
        import sksurv  # noqa: F401
    except ImportError:
        for name in SURVIVAL:
            sys.modules[name] = MagicMock()


def optimal_tree(asked: Asked) -> Iterator[tuple[int, Predict]]:
    """Find the best tree of a depth on quantiles of the inputs, by pystreed."""
    without_survival()
    from pystreed import STreeDClassifier

    for depth, thresholds in TREES_TO_PROVE:
        tree = STreeDClassifier(
            max_depth=depth, n_thresholds=thresholds, time_limit=asked.seconds,
            random_seed=asked.seed,
        )  # fmt: skip
        tree.fit(asked.X, asked.labels)
        yield 2 * tree.get_n_leaves() - 1, tree.predict


def lasso(asked: Asked) -> Iterator[tuple[int, Predict]]:
    """Take monomials in the order of least-angle regression, and refit their weights."""
    for degree in (2, 3):
        grow, scale = PolynomialFeatures(degree, include_bias=False), StandardScaler()
        columns = scale.fit_transform(grow.fit_transform(asked.X))
        middle = asked.log_odds.mean()
        said = asked.log_odds - middle
        _, active, _ = lars_path(columns, said, method="lasso", max_iter=2 * max(TERMS))
        for count in TERMS:
            some = active[:count]
            weights = np.linalg.lstsq(columns[:, some], said, rcond=None)[0]
            yield len(some) + 1, _monomials(grow, scale, some, weights, middle)


def _monomials(grow: Any, scale: Any, some: Any, weights: Any, middle: float) -> Predict:
    return above_zero(lambda X: scale.transform(grow.transform(X))[:, some] @ weights + middle)


PEERS: dict[str, Peer] = {
    "scikit-learn's tree": surrogate,
    "FIGS": figs,
    "RuleFit": rulefit,
    "EBM": boosting_machine,
    "pystreed": optimal_tree,
    "LASSO": lasso,
}
