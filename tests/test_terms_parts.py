"""The parts of the search for terms: shapes, conditions, thresholds, and how sums are fitted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from closedform import ops
from closedform.evaluate import compute
from closedform.shorten.terms.conditions import (
    Join,
    Scan,
    Test,
    decided,
    mask,
    negated,
    parts,
    shortest_between,
    spelt,
)
from closedform.shorten.terms.dictionary import FACTORS, ONE, THREE, TWO
from closedform.shorten.terms.numerals import rounded
from closedform.shorten.terms.shapes import Column, product_of
from closedform.shorten.terms.sums import Curve, Indicator, Rows, _Projected, fit, solved

Test.__test__ = False  # not a test of pytest's
DRAW = np.random.default_rng(0)
POSITIVE = DRAW.uniform(0.5, 3, size=(2, 400))
SHAPES = [*ONE, *TWO, *THREE, product_of(TWO[0], FACTORS[-1]), product_of(ONE[1], FACTORS[2])]


def column(values, name="x", i=0):
    lo, hi = float(values.min()), float(values.max())
    mean, deviation = float(values.mean()), float(values.std())
    return Column(name, i, ops.input_(i), 0.0, lo, hi, mean, deviation, False)


def rows_of(columns, target, most=np.inf):
    known = [column(c, f"x{i}", i) for i, c in enumerate(columns)]
    target = np.reshape(target, (len(columns[0]), -1))
    return Rows.of(known, list(columns), target, np.ones(len(target)), most)


# --- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_slopes_of_a_shape_are_those_of_differences(shape):
    columns = [POSITIVE[i % 2] for i in range(shape.arity)]
    # Away from the kinks of hinges and absolute values, which have no slope there.
    theta = DRAW.uniform(0.35, 0.45, size=shape.count)
    _, *slopes = shape.both(columns, theta)
    for i, slope in enumerate(slopes):
        step = np.zeros(shape.count)
        step[i] = 1e-6
        up, down = shape.values(columns, theta + step), shape.values(columns, theta - step)
        np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_what_is_written_is_what_was_fitted(shape):
    columns = [POSITIVE[i % 2] for i in range(shape.arity)]
    theta = DRAW.uniform(0.35, 0.45, size=shape.count).tolist()
    node = shape.spelt([ops.input_(i) for i in range(shape.arity)], theta)
    (written,) = compute([node], columns, 400)
    np.testing.assert_allclose(written, shape.values(columns, theta), rtol=1e-12)


def test_neutral_constants_are_not_written():
    bell = next(s for s in ONE if s.name == "bump")
    node = bell.spelt([ops.input_(0)], [1.0, 0.0])
    x = ops.input_(0)
    assert node is ops.exp(ops.lin(0, (-1, ops.mul(x, x))))


# --- conditions ---------------------------------------------------------------------------------

TESTS = st.builds(Test, st.integers(0, 1), st.booleans(), st.sampled_from([0.8, 1.2, 1.7, 2.4]))
CONDITIONS = st.recursive(
    TESTS, lambda inner: st.builds(Join, st.booleans(), inner, inner), max_leaves=6
)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, st.data())
def test_a_condition_follows_its_part_where_that_decides_it_and_nowhere_else(condition, data):
    part = data.draw(st.sampled_from(list(parts(condition))))
    held, open_ = decided(condition, part, POSITIVE)
    assert not (held & open_).any()
    np.testing.assert_array_equal(mask(condition, POSITIVE), held | (open_ & mask(part, POSITIVE)))


def test_a_part_that_stands_in_two_places_decides_both():
    test = Test(0, True, 1.2)
    held, open_ = decided(Join(True, test, test), test, POSITIVE)
    assert open_.all()
    assert not held.any()


@given(CONDITIONS)
def test_a_negated_condition_holds_where_the_other_does_not(condition):
    np.testing.assert_array_equal(mask(negated(condition), POSITIVE), ~mask(condition, POSITIVE))


def test_joined_conditions_are_written_as_what_raises_the_score():
    low = Join(True, Test(0, False, 1.5), Test(1, False, 2.0))
    rows = rows_of(POSITIVE, 3.0 - 2.0 * mask(low, POSITIVE))
    short = rounded(solved([Indicator(low)], rows), rows)
    assert short.outer[:, 0].tolist() == [1, 2]
    assert short.terms[0].condition == negated(low)


@settings(max_examples=100, deadline=None)
@given(CONDITIONS)
def test_a_condition_is_written_as_it_is_meant(condition):
    node = spelt(condition, [ops.input_(0), ops.input_(1)])
    (written,) = compute([node], list(POSITIVE), 400)
    np.testing.assert_array_equal(written, mask(condition, POSITIVE))


def test_the_best_threshold_is_the_one_that_trying_all_of_them_finds():
    x = DRAW.normal(size=120)
    residual = np.column_stack([(x > 0.4) + DRAW.normal(size=120), DRAW.normal(size=120)])
    weight = DRAW.uniform(0.5, 2, size=120)
    weight /= weight.sum()
    residual -= weight @ residual
    held, open_ = x * 0 + DRAW.random(120) > 0.9, DRAW.random(120) > 0.3
    held &= ~open_
    found = Scan([x], weight).best(0, residual, held, open_)

    def gain(cut, above):
        column_ = (held | (open_ & ((x > cut) == above))).astype(float)
        table = np.column_stack([np.ones(120), column_]) * np.sqrt(weight)[:, None]
        target = residual * np.sqrt(weight)[:, None]
        left = target - table @ np.linalg.lstsq(table, target)[0]
        return (target**2).sum() - (left**2).sum()

    cuts = np.sort(x)[:-1]
    best = max(gain(cut, above) for cut in cuts for above in (True, False))
    assert found.gain == pytest.approx(best, rel=1e-9)
    assert gain(found.lo, found.above) == pytest.approx(best, rel=1e-9)


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3))
def test_the_shortest_number_of_a_gap_lies_in_it(lo, width):
    hi = lo + width
    if lo < hi:
        assert lo <= shortest_between(lo, hi) < hi


def test_the_shortest_number_of_a_gap_is_short():
    assert shortest_between(0.2987, 0.3012) == 0.3
    assert shortest_between(-1234.4, -1234.2) == -1234.3


# --- sums ---------------------------------------------------------------------------------------


def test_inner_and_outer_constants_are_those_of_a_general_least_squares():
    x, y = DRAW.normal(size=(2, 500))
    target = 1.5 * np.sin(1.7 * x + 0.3) + 0.8 * np.tanh(2 * y - 0.5) + 0.3 * x * y
    target += 0.1 * DRAW.normal(size=500)
    rows = rows_of([x, y], target)
    shapes = {s.name: s for s in ONE}
    terms = [Curve.of(shapes["sin"], (0,), (1.5, 0.0)), Curve.of(shapes["tanh"], (1,), (1.5, 0.0))]
    found = fit(terms, rows, steps=50)

    def away(t):
        made = t[0] + t[1] * np.sin(t[2] * x + t[3]) + t[4] * np.tanh(t[5] * y + t[6])
        return made - target

    other = least_squares(away, [0, 1, 1.5, 0, 1, 1.5, 0], xtol=1e-12, ftol=1e-12)
    assert found.loss == pytest.approx(2 * other.cost / 500 / target.var(), rel=1e-5)
    # Both stop where a step changes the loss by 1e-5: constants then agree to some 1e-3.
    np.testing.assert_allclose(found.terms[0].theta, other.x[2:4], atol=5e-3)
    np.testing.assert_allclose(found.outer[:, 0], other.x[[0, 1, 4]], atol=5e-3)


def test_the_slopes_of_the_projected_sum_are_those_of_differences_where_nothing_is_left():
    # Kaufman's Jacobian leaves out what the residual multiplies: here there is none.
    x, y = DRAW.normal(size=(2, 300))
    rows = rows_of([x, y], np.column_stack([np.sin(1.3 * x + 0.2) + y, 2 * np.sin(1.3 * x + 0.2)]))
    wave = next(s for s in ONE if s.name == "sin")
    problem = _Projected([Curve.of(wave, (0,), (1.3, 0.2)), Curve.of(ONE[0], (1,))], rows)
    _, jacobian = problem.both(np.array([1.3, 0.2]))
    for i, step in enumerate(np.eye(2) * 1e-5):
        up, down = (problem.values(np.array([1.3, 0.2]) + s) for s in (step, -step))
        np.testing.assert_allclose(jacobian[:, i], (up - down) / 2e-5, atol=1e-7)


def test_what_rounding_one_coefficient_loses_the_others_make_up_for():
    x = 1_000 + DRAW.normal(size=2_000)
    target = 1.23456 * x + 0.3 * DRAW.normal(size=2_000)
    rows = rows_of([x], target)
    whole = solved([Curve.of(ONE[0], (0,))], rows)
    # 1.23 instead of 1.23456 moves the sum by 4.6, were the constant not to follow.
    assert rounded(whole, rows).loss <= whole.loss * 1.02


def test_certain_log_odds_are_reached_or_exceeded():
    x = np.linspace(-4, 4, 400)
    target = np.clip(3 * x, -6, 6)
    line = [Curve.of(ONE[0], (0,))]
    plain, censored = solved(line, rows_of([x], target)), solved(line, rows_of([x], target, 6.0))
    assert plain.outer[1, 0] < 2.1  # the clipped ends flatten the line
    assert censored.outer[1, 0] > 2.3  # three rounds of the way to 3
    assert censored.loss < 0.3 * plain.loss


def test_rounding_drops_digits_and_keeps_the_loss():
    x = DRAW.normal(size=2_000)
    target = 1.23456 * x + 0.98765 + 0.3 * DRAW.normal(size=2_000)
    rows = rows_of([x], target)
    whole = solved([Curve.of(ONE[0], (0,))], rows)
    short = rounded(whole, rows)
    assert short.loss <= whole.loss * 1.02
    assert all(len(f"{abs(v):g}".replace(".", "").strip("0")) <= 3 for v in short.outer[:, 0])


def test_exact_coefficients_are_found_to_their_last_digit():
    x = DRAW.normal(size=(2, 2_000))
    rows = rows_of(list(x), 1.5 * x[0] - 0.125 * x[1] + 40)
    short = rounded(solved([Curve.of(ONE[0], (i,)) for i in (0, 1)], rows), rows)
    assert short.outer[:, 0].tolist() == [40, 1.5, -0.125]
