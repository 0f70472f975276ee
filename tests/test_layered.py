"""Layered sums: their Jacobian against differences of what the interpreter computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedform import ops
from closedform.evaluate import compute
from closedform.fitting import Constants, Layered, constants_of

UNITS = ["tanh", "sigmoid", "softplus", "exp", "sin", "cos", "abs", "atan"]
ROWS = 40


def rows(seed, inputs=3):
    random = np.random.default_rng(seed)
    return tuple(random.normal(size=ROWS) for _ in range(inputs))


def network(random, units, depth, name, roots=1):
    """Random layers over three inputs, with a way past them; "max" is a rectifier."""
    below = [ops.input_(i) for i in range(3)]
    first = list(below)
    for _ in range(depth):
        sums = [
            ops.linear(random.normal(), random.normal(size=len(below)), below) for _ in range(units)
        ]
        if name == "max":
            below = [ops.maximum(s, ops.const(0.0)) for s in sums]
        else:
            below = [ops.unary(name, s) for s in sums]
    args = [*below, *first[:2]]
    return [ops.linear(random.normal(), random.normal(size=len(args)), args) for _ in range(roots)]


def differences(constants, inputs):
    """The Jacobian by central differences of the interpreter on graphs with moved constants."""
    found = []
    for i in range(len(constants)):
        h = 1e-6 * (1 + abs(constants.start[i]))
        ends = []
        for sign in (1, -1):
            theta = constants.start.copy()
            theta[i] += sign * h
            ends.append(np.column_stack(compute(constants.put(theta), inputs, ROWS)))
        found.append((ends[0] - ends[1]) / (2 * h))
    return np.moveaxis(np.array(found), 0, -1)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 2), st.sampled_from([*UNITS, "max"])
)
def test_values_and_slopes_are_those_of_the_graph(seed, units, depth, name):
    random = np.random.default_rng(seed)
    roots = network(random, units, depth, name, roots=2)
    constants, inputs = constants_of(roots), rows(seed)
    assert isinstance(constants, Layered)
    values, slopes = constants.both(constants.start, inputs, ROWS)
    told = np.column_stack(compute(roots, inputs, ROWS))
    np.testing.assert_allclose(values, told, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(values, constants.values(constants.start, inputs, ROWS))
    # A kink (abs, max) within 1e-6 of a row makes a difference quotient wrong: 1 in 100 may.
    size = np.abs(slopes).max() + 1
    near = np.isclose(slopes, differences(constants, inputs), rtol=1e-4, atol=1e-6 * size)
    assert near.mean() > 0.99


def test_products_of_moving_parts_are_followed():
    x = [ops.input_(i) for i in range(3)]
    u = ops.lin(0.3, (1.2, x[0]), (0.4, x[1]))
    v = ops.tanh(ops.lin(0.1, (0.7, x[2])))
    bell = ops.exp(ops.lin(0.0, (-0.9, ops.mul(u, u))))
    roots = [ops.lin(0.1, (2.0, bell), (3.0, ops.mul(x[0], u, v))), ops.mul(u, v)]
    constants, inputs = constants_of(roots), rows(3)
    assert isinstance(constants, Layered)
    _, slopes = constants.both(constants.start, inputs, ROWS)
    np.testing.assert_allclose(slopes, differences(constants, inputs), rtol=1e-6, atol=1e-7)


def test_the_gradient_of_a_loss_and_the_parts_of_a_sum_are_those_of_the_jacobian():
    roots = network(np.random.default_rng(5), 4, 2, "tanh", roots=2)
    constants, inputs = Layered(roots), rows(5)
    _, slopes = constants.both(constants.start, inputs, ROWS)
    pull = np.random.default_rng(1).normal(size=(ROWS, 2))
    _, gradient = constants.slope(constants.start, inputs, ROWS, lambda values: pull)
    np.testing.assert_allclose(gradient, np.einsum("nk,nkp->p", pull, slopes), rtol=1e-9)
    before = np.geterr()
    for slots, part, root in constants.by_sum(constants.start, inputs, ROWS):
        assert np.geterr() == before  # what it silences is silent for its own steps alone
        np.testing.assert_allclose(part, slopes[:, root, slots].T, rtol=1e-12, atol=1e-12)


def test_a_graph_that_is_no_layers_is_left_to_the_general_way():
    x = ops.input_(0)
    chosen = ops.where(ops.less(x, ops.const(0.0)), ops.lin(1, (2, x)), ops.lin(3, (4, x)))
    assert type(constants_of([chosen])) is Constants
    twice = ops.lin(1.0, (2.0, x), (3.0, x))
    assert type(constants_of([twice])) is Constants


def test_what_is_not_free_stays_as_it_is():
    x, y = ops.input_(0), ops.input_(1)
    root = ops.lin(0.0, (1.0, x), (2.5, ops.tanh(ops.lin(0.5, (-1.0, y)))))
    constants = constants_of([root])
    assert constants.start.tolist() == pytest.approx([0.5, 2.5])
    moved = constants.put(constants.start * 2)[0]
    told = compute([moved], rows(0), ROWS)[0]
    first, second, _ = rows(0)
    np.testing.assert_allclose(told, first + 5 * np.tanh(1 - second), rtol=1e-12)
