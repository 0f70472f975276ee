"""Inputs act together as algebra says, and what a formula proves is so."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor

import closedform as cf
from closedform import ops
from closedform.explanations.interactions import interactions
from closedform.explanations.sides import Sides
from closedform.explanations.structure import jumps, parts_of

RANDOM = np.random.default_rng(0)
X = RANDOM.choice([-1.0, 1.0], (1000, 4)) * RANDOM.uniform(0.9, 1.1, (1000, 4))
A, B, C = (ops.input_(i) for i in range(3))


def together(rows):
    return rows[:, 0] + rows[:, 1] + rows[:, 0] * rows[:, 1] + rows[:, 2]


def test_h_is_the_share_that_friedman_and_popescu_define():
    found = interactions(Sides.of(together, X))
    at = found.pairs.index((0, 1))
    # x0·x1 is 1 of the 3 parts of equal variance; on 120 rows a share is known to some 10 %.
    assert found.strength["model"][at] == pytest.approx(np.sqrt(1 / 3), rel=0.15)
    assert found.effect["model"][at] == pytest.approx(1, rel=0.15)
    others = np.arange(len(found.pairs)) != at
    assert not found.strength["model"][others].any()
    assert found.overall["model"][2:].max() == 0 < found.overall["model"][:2].min()


def test_what_answers_the_same_everywhere_holds_no_interaction():
    found = interactions(Sides.of(lambda rows: np.full(len(rows), 1 / 3), X))  # 1/3: means round
    assert not found.strength["model"].any() and not found.overall["model"].any()


@pytest.mark.parametrize(("node", "parts"), [
    (ops.lin(1, (2, A), (3, ops.mul(B, C))), [{0}, {1, 2}]),
    (ops.mul(A, ops.lin(1, (1, B), (1, C))), [{0, 1}, {0, 2}]),
    (ops.div(ops.lin(0, (1, A), (1, B)), C), [{0, 2}, {1, 2}]),
    (ops.exp(ops.lin(0, (1, A), (1, B))), [{0, 1}]),
    (ops.where(ops.less(A, B), C, ops.const(0)), [{0, 1, 2}]),
    (ops.squared_distance([A, B], [1, 2]), [{0}, {1}]),
    (ops.const(3), []),
])  # fmt: skip
def test_inputs_that_stand_in_no_part_together_are_found(node, parts):
    assert parts_of(node) == frozenset(map(frozenset, parts))


def test_trees_of_two_leaves_to_a_side_hold_no_pair_that_is_on_no_path():
    model = GradientBoostingRegressor(max_depth=2, n_estimators=15, random_state=0)
    formula = cf.read(model.fit(X, together(X)))
    found = interactions(Sides.of(model, X))
    assert jumps(formula.outputs["y"]) == set(formula.used)
    never = np.array(found.never)
    # What the formula proves, the model shows: its mixtures differ by rounding alone.
    assert never.any() and not found.strength["model"][never].any()
    assert found.strength["model"][~never].max() > 0.3


def test_a_network_proves_nothing_and_never_jumps():
    formula = cf.read(
        MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, random_state=0).fit(X, X[:, 0])
    )
    node = formula.outputs["y"]
    assert parts_of(node) == {frozenset(range(4))} and not jumps(node)


def test_of_a_classifier_it_is_said_that_the_link_alone_makes_inputs_act_together():
    model = LogisticRegression().fit(X, together(X) > 0)
    found = interactions(Sides.of(model, X), ["x0", "x1"])
    assert found.effect["model"][0] > 0
    assert "through the link" in str(found)
