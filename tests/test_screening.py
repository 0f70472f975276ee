"""Screening: indices that are known in closed form, models of steps, correlated columns."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.shorten.screening import screen

ROWS = 4_000
x0, x1, x2, x3 = (ops.input_(i) for i in range(4))


def formula_of(node, inputs=4):
    return cf.Formula({"y": node}, tuple(cf.Feature(f"x{i}") for i in range(inputs)))


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(ROWS, 4))


def test_the_indices_of_a_sum_with_a_product_are_those_of_theory(rows):
    # x0 + 2·x1·x2 of independent normal columns: variance 1 + 4, of which 4 belong to the pair.
    found = screen(formula_of(ops.lin(0, (1, x0), (2, ops.mul(x1, x2)))), rows)
    # 2,000 products of normal numbers: the fourth moments give a deviation of 0.06.
    np.testing.assert_allclose(found.total, [0.2, 0.8, 0.8], atol=0.15)
    assert found.pairs[1, 2] == pytest.approx(0.8, abs=0.2)
    assert found.pairs[0, 1] == pytest.approx(0, abs=1e-12)
    assert found.names == ("x0", "x1", "x2")
    assert found.together == ((1, 2),)


def test_steps_are_seen_where_slopes_are_flat():
    X = np.random.default_rng(1).uniform(-1, 1, size=(1_500, 4))
    y = (X[:, 1] > 0) != (X[:, 3] > 0.2)
    forest = RandomForestClassifier(30, max_depth=6, random_state=0).fit(X, y)
    found = screen(cf.read(forest), X, rows=600)
    assert {found.names[i] for i in found.relevant[:2]} == {"x1", "x3"}
    i, j = found.together[0]
    assert {found.names[i], found.names[j]} == {"x1", "x3"}


def test_near_resampling_gives_no_importance_to_rows_that_cannot_be():
    draw = np.random.default_rng(2)
    first = draw.normal(size=2_000)
    X = np.column_stack([first, first + 0.01 * draw.normal(size=2_000), draw.normal(size=2_000)])
    # 10·(x0 − x1) is nothing where x1 follows x0, and large where it does not.
    model = formula_of(ops.lin(0, (10, x0), (-10, x1), (1, x2)), 3)
    anywhere = screen(model, X, rows=800)
    near = screen(model, X, rows=800, resampling="near")
    assert anywhere.total[0] > 20
    assert near.total[0] < 1.5
    assert near.total[2] > 0.3


def test_classes_count_together_and_the_table_names_them():
    draw = np.random.default_rng(3)
    X = draw.normal(size=(600, 3))
    y = np.where(X[:, 0] > 0.5, "a", np.where(X[:, 2] > 0, "b", "c"))
    found = screen(cf.read(LogisticRegression(C=100).fit(X, y)), X)
    assert {found.names[i] for i in found.relevant} >= {"x0", "x2"}
    assert str(found).splitlines()[0].startswith(found.names[found.relevant[0]])
    assert "%" in str(found)


def test_a_seed_gives_the_same_numbers_and_another_seed_others(rows):
    model = formula_of(ops.lin(0, (1, x0), (1, ops.sin(x3))))
    assert screen(model, rows, rows=200).total == screen(model, rows, rows=200).total
    assert screen(model, rows, rows=200).total != screen(model, rows, rows=200, seed=1).total


def test_outputs_in_small_units_count_as_much_as_others(rows):
    inputs = tuple(cf.Feature(f"x{i}") for i in range(4))
    task = cf.Task(primary=("a", "b"))
    model = cf.Formula({"a": x0, "b": ops.lin(0, (1e6, x1))}, inputs, task)
    total = screen(model, rows).total
    assert total == pytest.approx([0.5, 0.5], abs=0.05)


def test_an_unknown_resampling_is_refused(rows):
    with pytest.raises(BadInput, match="no resampling 'other'"):
        screen(formula_of(x0), rows, resampling="other")
