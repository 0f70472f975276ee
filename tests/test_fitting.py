"""Constants of a graph as a vector, and least squares over them: against scipy and differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from closedform import ops as o
from closedform.evaluate import compute
from closedform.fitting import Constants, levenberg_marquardt
from closedform.fitting.constants import count_constants, written
from closedform.formula import Formula

X = [o.input_(i) for i in range(3)]
SHAPES = {
    "a sum": o.lin(0.5, (2.0, X[0]), (-1.5, X[1])),
    "a network": o.lin(0.1, (0.7, o.tanh(o.lin(0.3, (1.2, X[0]), (-0.4, X[2])))), (1.0, X[1])),
    "a product with a number": o.mul(o.const(1.7), X[0], o.lin(2.0, (3.0, X[1]))),
    "a quotient": o.div(X[0], o.lin(1.5, (0.25, o.mul(X[1], X[1])))),
    "a distance": o.exp(o.lin(0, (-0.5, o.squared_distance(X[:2], [0.3, -0.2], [1.1, 0.6])))),
    "a choice": o.where(o.less(X[0], o.const(0.2)), o.lin(1, (2.0, X[1])), o.const(0.4)),
    "a greatest": o.maximum(o.lin(0.1, (1.3, X[0])), o.const(0.25)),
}
ROWS = np.random.default_rng(0).normal(size=(50, 3))
COLUMNS = list(ROWS.T.copy())


def _everything(slot):
    return True


@pytest.mark.parametrize("name", SHAPES)
def test_the_values_are_those_of_the_graph(name):
    constants = Constants([SHAPES[name]], free=_everything)
    wanted = compute([SHAPES[name]], COLUMNS, 50)[0]
    got = constants.values(constants.start, COLUMNS, 50)[:, 0]
    # The lifted graph adds products in another order: a few units in the last place.
    assert np.allclose(got, wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", SHAPES)
def test_the_jacobian_is_the_slope_that_differences_show(name):
    constants = Constants([SHAPES[name]], free=_everything)
    _, jacobian = constants.both(constants.start, COLUMNS, 50)
    step = 1e-6
    for k in range(len(constants)):
        up, down = constants.start.copy(), constants.start.copy()
        up[k] += step
        down[k] -= step
        both = [constants.values(theta, COLUMNS, 50)[:, 0] for theta in (up, down)]
        slope = (both[0] - both[1]) / (2 * step)
        # Central differences: an error of h² times the third derivative, and 1e-16 / h.
        assert np.allclose(jacobian[:, 0, k], slope, rtol=1e-6, atol=1e-6), constants.slots[k]


@pytest.mark.parametrize("name", SHAPES)
@given(seed=st.integers(0, 100))
@settings(max_examples=20)
def test_other_constants_stand_where_they_belong(name, seed):
    constants = Constants([SHAPES[name]], free=_everything)
    theta = constants.start + np.random.default_rng(seed).normal(size=len(constants))
    got = compute(constants.put(theta), COLUMNS, 50)[0]
    assert np.allclose(got, constants.values(theta, COLUMNS, 50)[:, 0], rtol=1e-12, atol=1e-12)


def test_several_roots_share_their_constants():
    shared = o.tanh(o.lin(0.3, (1.2, X[0])))
    constants = Constants([o.lin(0, (2.0, shared)), o.lin(1.0, (3.0, shared))], free=_everything)
    values, jacobian = constants.both(constants.start, COLUMNS, 50)
    assert values.shape == (50, 2) and jacobian.shape == (50, 2, len(constants))
    weight = next(k for k, s in enumerate(constants.slots) if s.value == 1.2)
    assert np.allclose(jacobian[:, 1, weight], 1.5 * jacobian[:, 0, weight])


def test_zeros_and_signs_are_not_moved_unless_asked():
    constants = Constants([o.lin(0, (1.0, X[0]), (-1.0, X[1]), (2.5, X[2]))], free=written)
    assert constants.start.tolist() == [2.5]


def test_it_finds_the_least_squares_that_scipy_finds():
    random = np.random.default_rng(1)
    x = random.normal(size=400)
    target = 1.5 * np.tanh(0.8 * x - 0.3) + 0.2 + 0.05 * random.normal(size=400)
    weight = random.uniform(0.1, 1, size=400)
    root = o.lin(0.1, (1.0, o.tanh(o.lin(0.1, (0.5, X[0])))))
    constants = Constants([root], free=_everything)

    def values(theta):
        return constants.values(theta, [x], 400)[:, 0]

    def both(theta):
        found, jacobian = constants.both(theta, [x], 400)
        return found[:, 0], jacobian[:, 0]

    ours = levenberg_marquardt(values, both, constants.start, target, weight, steps=50, gain=1e-12)
    theirs = least_squares(
        lambda t: np.sqrt(weight) * (values(t) - target), constants.start, xtol=1e-12, ftol=1e-12
    )
    assert ours.loss == pytest.approx(2 * theirs.cost / weight.sum(), rel=1e-8)
    assert np.allclose(ours.theta, theirs.x, atol=1e-4)


def test_a_start_that_gives_no_number_is_given_back():
    root = o.log(o.lin(0, (-1.0, X[0])))
    constants = Constants([root], free=_everything)
    x = np.full(5, 2.0)
    fitted = levenberg_marquardt(
        lambda t: constants.values(t, [x], 5)[:, 0],
        lambda t: tuple(p[:, 0] for p in constants.both(t, [x], 5)),
        constants.start, np.ones(5),
    )  # fmt: skip
    assert fitted.theta.tolist() == constants.start.tolist() and fitted.loss == np.inf


def test_numbers_are_counted_as_a_reader_counts_them():
    counted = {
        o.lin(0.5, (2.0, X[0]), (-1.0, X[1])): 2,
        o.mul(X[0], X[1]): 0,
        o.power(X[0], 2): 0,
        o.lin(0, (1.0, o.sin(o.lin(0, (2.0, X[0]))))): 1,
        o.where(o.less(X[0], o.const(0.3)), o.const(4.0), o.const(5.0)): 3,
    }
    for node, numbers in counted.items():
        assert count_constants(Formula({"y": node}, ())) == numbers
