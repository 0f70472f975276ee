"""Lowering: what a target cannot spell becomes smaller operations with the same value."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import ops as o
from closedform.columns import columns_of
from closedform.errors import UnsupportedTarget
from closedform.evaluate import compute
from closedform.formula import Feature, Formula
from closedform.ir import OPS, fold, toposort
from closedform.passes.lower import lower, lowered
from strategies import GRID, SPECIAL, formulas, inputs_of_formulas, nodes, rows

SMALLEST = {name for name, op in OPS.items() if op.lower is None}
LOWERED = sorted(set(OPS) - SMALLEST)
EXACT = ["abs", "sign", "min", "max", "member", "table", "tree", "piecewise", "kth", "sum32",
         "weighted_median", "squared_distance"]  # fmt: skip
# ulp between the two when all that can be is lowered, the worst of 10⁶ arguments of all sizes:
# 0, 0, 3, 2, 2, 5, 4, 4 and 5 were measured. Half of it is NumPy's own.
ULP = {"sigmoid": 0, "probit": 0, "expm1": 4, "log1p": 3, "softplus": 3, "tanh": 6, "asin": 4,
       "acos": 4, "erf": 5}  # fmt: skip


def smaller(n):
    return lowered([n], SMALLEST)[n]


def values(roots, X):
    """Each operation by its own meaning: grouped, sums would be added in another order."""
    inputs, count = columns_of(inputs_of_formulas(), X)

    def step(n, *args):
        with np.errstate(all="ignore"):
            value = inputs[n.data] if n.op is o.INPUT else n.op.numpy(n.data, *args)
        return np.broadcast_to(value, (count,))

    return fold(roots, step)


def same(a, b):
    # NumPy's own min and max give either zero of two: the sign of a zero is not compared.
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def test_every_lowering_has_a_claim():
    assert sorted([*EXACT, *ULP]) == LOWERED


@pytest.mark.parametrize("name", EXACT)
@given(data=st.data())
def test_lowering_gives_the_same_floats(name, data):
    n = data.draw(nodes(op=name, size=3, among=SMALLEST))
    before, after = values([n, smaller(n)], data.draw(rows()))
    assert same(before, after)


def arguments(name):
    """A million numbers: all sizes and signs, and each special one with its neighbours."""
    chance = np.random.default_rng(1)
    near = np.r_[chance.uniform(-40, 40, 200_000), chance.uniform(-1.5, 1.5, 400_000)]
    sizes = chance.choice([-1, 1], 400_000) * 10.0 ** chance.uniform(-320, 308, 400_000)
    special = np.array([*SPECIAL, *GRID, math.inf, -math.inf, math.nan, 18.7, 37.0, -36.7, 745.1])
    if name == "probit":
        near, sizes = chance.uniform(0, 1, 400_000), 10.0 ** -chance.uniform(0, 320, 400_000)
    neighbours = np.nextafter(special, 9e9), np.nextafter(special, -9e9)
    return np.concatenate([near, sizes, special, *neighbours])


def ulp_apart(a, b):
    """How many floats lie between; NaN and NaN, and the same infinities, are 0 apart."""
    signs = np.signbit(a) != np.signbit(b)
    apart = np.abs(np.abs(a).view("i8") - np.abs(b).view("i8")).astype(float)
    apart[signs] = np.where((a == 0) & (b == 0), 0.0, math.inf)[signs]
    apart[np.isnan(a) & np.isnan(b)] = 0
    apart[np.isnan(a) != np.isnan(b)] = math.inf
    return apart


@pytest.mark.parametrize("name", sorted(ULP))
def test_lowering_an_elementary_function_moves_it_by_few_ulp(name):
    x = arguments(name)
    n = o.unary(name, o.input_(0))
    before, after = compute([n, smaller(n)], [x], len(x))
    apart = ulp_apart(before, after)
    worst = int(np.nanargmax(apart))
    assert apart[worst] <= ULP[name], (x[worst], before[worst], after[worst])


@given(data=st.data())
def test_only_spelled_operations_are_left(data):
    n = data.draw(nodes(size=6))
    spelled = SMALLEST | set(data.draw(st.lists(st.sampled_from(LOWERED))))
    below = toposort([lowered([n], spelled)[n]])
    assert {x.op.name for x in below} <= spelled


@given(formulas(size=5), rows())
def test_a_lowered_formula_has_the_same_labels_and_conditions_and_nearly_the_same_numbers(f, X):
    after = lower(f, SMALLEST | set(ULP))
    for a, b in zip(values(f.roots, X), values(after.roots, X), strict=True):
        assert same(a, b)


def test_all_that_cannot_be_lowered_is_reported_at_once():
    x = o.input_(0)
    f = Formula({"y": o.mul(o.sin(x), o.cos(x), o.tanh(x))}, (Feature("x"),))
    with pytest.raises(UnsupportedTarget) as caught:
        lower(f, {"mul"}, target="A pocket calculator")
    assert "A pocket calculator cannot spell cos (1×), " in str(caught.value)
    assert "sin (1×)" in str(caught.value)


def test_lowering_goes_into_the_trail_with_what_was_lowered():
    x = o.input_(0)
    f = Formula({"y": o.tanh(o.tanh(x))}, (Feature("x"),))
    step = lower(f, SMALLEST).trail[-1]
    assert dict(step.found) == {"tanh": 2}
    assert lower(f, {"tanh"}).trail == ()


def test_names_follow_what_is_lowered():
    x = o.input_(0)
    h = o.tanh(x)
    f = Formula({"y": o.lin(1, (2, h))}, (Feature("x"),), names={h: "h1"})
    after = lower(f, SMALLEST)
    assert [n.op.name for n in after.names] == ["where"]
    assert next(iter(after.names)) in after.roots[0].args


def test_a_long_chain_is_lowered_without_recursion():
    x = o.input_(0)
    for _ in range(2_000):
        x = o.tanh(x)
    assert lowered([x], SMALLEST)[x].op.name == "where"
