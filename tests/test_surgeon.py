"""Optimal brain surgeon against what it promises: on a quadratic loss it is exact."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from closedform import ops
from closedform.evaluate import compute
from closedform.shorten.students.clearing import cleared
from closedform.shorten.surgeon import DAMPING, Surgery

ROWS, COLUMNS = 60, 5
# The damping of 1e-5 moves every cost and every constant by about that share.
NEAR = {"rtol": 100 * DAMPING, "atol": 100 * DAMPING}


def regression(seed):
    """A least-squares problem in odd units, its solution and half its Hessian."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(ROWS, COLUMNS)) + random.normal(size=(ROWS, 1))
    X *= 10.0 ** random.integers(-3, 4, size=COLUMNS)
    y = X @ (random.normal(size=COLUMNS) / X.std(axis=0)) + random.normal(size=ROWS)
    return X, y, np.linalg.lstsq(X, y, rcond=None)[0], X.T @ X / ROWS


def best_without(X, y, gone):
    """The solution and the loss with some columns left out, by NumPy's own least squares."""
    left = [i for i in range(COLUMNS) if i not in gone]
    theta = np.zeros(COLUMNS)
    theta[left] = np.linalg.lstsq(X[:, left], y, rcond=None)[0]
    return theta, float(np.mean((X @ theta - y) ** 2))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, COLUMNS - 1), st.integers(0, COLUMNS - 1))
def test_costs_and_compensations_are_those_of_least_squares(seed, i, j):
    X, y, theta, normal = regression(seed)
    loss = np.mean((X @ theta - y) ** 2)
    surgery = Surgery(theta, normal)
    scale = X.std(axis=0)
    told, rise = best_without(X, y, {i})
    np.testing.assert_allclose(surgery.cost[i], rise - loss, **NEAR)
    np.testing.assert_allclose(surgery.without(i) * scale, told * scale, **NEAR)
    surgery.fix(i)
    np.testing.assert_allclose(surgery.theta * scale, told * scale, **NEAR)
    if i != j:  # the second one is judged by what the first has left
        both, more = best_without(X, y, {i, j})
        np.testing.assert_allclose(surgery.cost[j], more - rise, **NEAR)
        surgery.fix(j)
        np.testing.assert_allclose(surgery.theta * scale, both * scale, **NEAR)
    at_once = Surgery(theta, normal)
    at_once.remove(np.unique([i, j]))
    np.testing.assert_allclose(at_once.theta, surgery.theta, rtol=1e-6, atol=1e-9)


def test_a_round_number_is_paid_for_by_the_others():
    X, y, theta, normal = regression(3)
    loss = np.mean((X @ theta - y) ** 2)
    surgery = Surgery(theta, normal)
    short = float(f"{theta[2]:.1g}")
    price = surgery.price(2, short)
    surgery.fix(2, short)
    others = [0, 1, 3, 4]
    told = np.linalg.lstsq(X[:, others], y - X[:, 2] * short, rcond=None)[0]
    scale = X.std(axis=0)
    assert surgery.theta[2] == short
    np.testing.assert_allclose(surgery.theta[others] * scale[others], told * scale[others], **NEAR)
    np.testing.assert_allclose(np.mean((X @ surgery.theta - y) ** 2) - loss, price, **NEAR)


def test_what_is_zero_or_constant_is_cleared_and_a_centred_column_stays():
    x, y = ops.input_(0), ops.input_(1)
    year = ops.lin(-2010.0, (1.0, x))
    dead = ops.tanh(ops.lin(0.5, (0.0, x)))
    root = ops.lin(1.0, (2.0, dead), (0.0, y), (3.0, year), (4.0, ops.mul(ops.const(0.0), y)))
    made = cleared([root])[0]
    assert list(made.args) == [year]
    values = np.array([2000.0, 2024.0])
    told = 1 + 2 * np.tanh(0.5) + 3 * (values - 2010)
    np.testing.assert_allclose(compute([made], (values, values), 2)[0], told, rtol=1e-12)


def test_a_sum_of_nothing_is_its_constant_and_of_one_plain_term_that_term():
    x = ops.input_(0)
    assert cleared([ops.lin(2.0, (0.0, x))])[0] is ops.const(2.0)
    assert cleared([ops.lin(0.0, (1.0, x))])[0] is x
    assert cleared([ops.lin(0.0, (1.0, x), (2.0, x))])[0] is ops.lin(0.0, (3.0, x))
