"""Slopes: each op's own, and of whole formulas, against the slope that the complex plane gives."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import ops as o
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Feature, Formula
from closedform.ir import OPS, Type, fold, toposort
from closedform.ops.payloads import Pieces
from closedform.passes.differentiate import differentiate, gradient
from strategies import inputs_of_formulas, nodes, rows

x, y = o.input_(0), o.input_(1)
AB = (Feature("a"), Feature("b"))
STEP = 1e-30

# f(x + ih) = f(x) + ih·f′(x): no subtraction, so that the slope has full accuracy.
# Squire & Trapp, SIAM Review 40 (1998) 110-112.
COMPLEX = {
    "lin": lambda data, *zs: data.bias + sum(w * z for w, z in zip(data.weights, zs, strict=True)),
    "mul": lambda _, *zs: math.prod(zs[1:], start=zs[0]),
    "div": lambda _, a, b: a / b,
    "exp": lambda _, z: np.exp(z),
    "tanh": lambda _, z: np.tanh(z),
    "sigmoid": lambda _, z: 1 / (1 + np.exp(-z)),
    "softplus": lambda _, z: np.log(1 + np.exp(z)),
    "sin": lambda _, z: np.sin(z),
    "cos": lambda _, z: np.cos(z),
    "atan": lambda _, z: np.arctan(z),
    "expm1": lambda _, z: np.exp(z) - 1,
    "abs": lambda _, z: np.where(z.real < 0, -z, z),
    "max": lambda _, *zs: _extreme(zs, np.argmax),
    "min": lambda _, *zs: _extreme(zs, np.argmin),
    "missing": lambda _, z: np.isnan(z),
    "less": lambda _, a, b: a.real < b.real,
    "where": lambda _, c, a, b: np.where(c, a, b),
}


def _extreme(zs, pick):
    stacked = np.array(np.broadcast_arrays(*zs))
    return np.take_along_axis(stacked, pick(stacked.real, 0)[None], 0)[0]


def complex_slope(n, point, index):
    moved = [np.array(v + (1j * STEP if i == index else 0)) for i, v in enumerate(point)]

    def step(n, *below):
        if n.op is o.INPUT:
            return moved[n.data]
        return np.array(n.data + 0j) if n.op is o.CONST else COMPLEX[n.op.name](n.data, *below)

    with np.errstate(all="ignore"):
        return float(fold([n], step)[0].imag / STEP)


@given(
    nodes(size=6, among=sorted(COMPLEX)),
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.integers(0, 2),
)
def test_slopes_are_those_of_the_complex_plane(n, point, index):
    if n.type is not Type.REAL or any(m.type is Type.LABEL for m in toposort([n])):
        return
    columns = [np.array([v]) for v in point]
    found, *below = (v[0] for v in compute([differentiate(n, index), *_reals(n)], columns, 1))
    sizes = np.abs(np.array(below, dtype=float))
    if not (np.isfinite(sizes).all() and sizes.max() < 1e3) or _at_a_kink(n, columns):
        return
    want = complex_slope(n, point, index)
    if math.isfinite(want) and abs(want) < 1e6:
        # Six ops of values below 1e3: 1e-16 · 1e3⁶ would be the worst, 1e-6 of it is met.
        assert found == pytest.approx(want, rel=1e-6, abs=1e-6)


def _reals(n):
    return [m for m in toposort([n]) if m.type is Type.REAL]


def _at_a_kink(n, columns):
    """Whether a maximum has two that are highest, |x| is at 0, a divisor near 0."""
    for m in toposort([n]):
        if m.op in (o.MAX, o.MIN, o.ABS, o.LESS, o.DIV):
            values = [v[0] for v in compute(list(m.args), columns, 1)] + [0.0] * (m.op is o.ABS)
            values = values[1:] + [0.0] if m.op is o.DIV else values
            near = np.abs(np.subtract.outer(values, values))[~np.eye(len(values), dtype=bool)]
            if near.size and near.min() < 1e-3:
                return True
    return False


POINTS = {
    "log": [0.3, 2.0], "log1p": [-0.5, 2.0], "sqrt": [0.25, 3.0], "probit": [0.01, 0.5, 0.99],
    "asin": [-0.9, 0.5], "acos": [-0.9, 0.5], "floor": [0.5, -1.3], "sign": [0.5, -1.3],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(o.UNARY) - {"round32"}))
def test_each_function_has_its_own_slope(name):
    points = np.array(POINTS.get(name, [-1.7, -0.2, 0.4, 2.5]))
    slope = compute([differentiate(o.unary(name, x), 0)], [points], len(points))[0]
    h = 1e-6
    sides = [OPS[name].numpy(None, points + k * h) for k in (-1, 1)]
    # Central differences of step h: truncation h²·f‴/6 (≲ 1e-8), rounding 1e-16/h.
    assert slope == pytest.approx((sides[1] - sides[0]) / (2 * h), rel=1e-6, abs=1e-7)


def test_every_op_with_a_number_as_value_has_a_slope():
    lacking = {n for n, op in OPS.items() if op.partials is None and op.result is Type.REAL}
    assert lacking == set()


def test_a_power_has_a_slope_in_its_base_and_in_its_exponent():
    n = o.power(x, y)
    at = [np.array([2.0]), np.array([3.0])]
    slopes = compute(gradient(n, [0, 1]), at, 1)
    assert [v[0] for v in slopes] == pytest.approx([12.0, 8 * math.log(2)], rel=1e-14)


def test_a_spline_slopes_as_its_pieces_do():
    n = o.piecewise(x, Pieces.of([0.0, 1.0], [[1, 2, 3], [4, 5, 6], [7, 8, 9]], origins=[0, 1, 2]))
    at = np.array([-1.0, 0.0, 0.5, 3.0, math.nan])
    slope = compute([differentiate(n, 0)], [at], 5)[0]
    assert slope[:4].tolist() == [2 - 6, 5 - 12, 5 - 6, 8 + 18]
    assert math.isnan(slope[4])


def test_steps_trees_and_tables_are_flat():
    flat = [o.piecewise(x, Pieces.of([0.0], [1, 2])), o.table(x, {1.0: 2.0}, 0.0)]
    assert all(v[0] == 0 for v in compute([differentiate(n, 0) for n in flat], [np.ones(1)], 1))


def test_two_that_are_equally_high_count_once():
    a = o.lin(0, (2, x))
    n = o.maximum(a, o.lin(0, (2, x), (0, y)))
    assert compute([differentiate(n, 0)], [np.ones(1), np.ones(1)], 1)[0].tolist() == [2.0]


def test_a_branch_that_is_not_taken_does_not_spoil_the_slope():
    n = o.where(o.less(o.const(0), x), o.log(x), o.lin(0, (3, x)))
    assert compute([differentiate(n, 0)], [np.array([-1.0, 2.0])], 2)[0].tolist() == [3.0, 0.5]


def test_a_shared_part_is_differentiated_once():
    n = x
    for _ in range(60):
        n = o.sin(o.lin(0, (1, n), (1, o.tanh(n))))
    assert len(toposort([differentiate(n, 0)])) < 60 * 15


def test_the_slope_of_a_formula_is_one_output_for_each_number():
    f = Formula({"y": o.mul(x, y), "label": o.label("a"), "z": o.tanh(y)}, AB)
    slope = differentiate(f, "b")
    assert list(slope.outputs) == ["∂y/∂b", "∂z/∂b"]
    assert slope({"a": [3.0], "b": [0.0]}, "∂y/∂b").tolist() == [3.0]
    assert slope({"a": [3.0], "b": [0.0]}, "∂z/∂b").tolist() == [1.0]
    assert slope.trail[-1].options == {"input": "b"}
    assert differentiate(f, 1).roots == slope.roots


@pytest.mark.parametrize("wrt", ["c", 2, -3, 0.5])
def test_an_input_that_does_not_exist_is_refused(wrt):
    with pytest.raises(BadInput, match="no input"):
        differentiate(Formula({"y": x}, AB), wrt)


def test_labels_have_no_slope():
    with pytest.raises(BadInput, match="no slope"):
        differentiate(o.label("a"), 0)
    with pytest.raises(BadInput, match="labels"):
        differentiate(Formula({"y": x}, (Feature("a", Type.LABEL),)), "a")


@given(nodes(size=6), rows())
def test_any_number_can_be_differentiated(n, X):
    if n.type is Type.REAL:
        inputs, count = columns_of(inputs_of_formulas(), X)
        assert compute([differentiate(n, 0)], inputs, count)[0].shape == (count,)
