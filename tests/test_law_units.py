"""Units: laws are looked for over numbers without units, as pint and Buckingham say."""

from fractions import Fraction

import numpy as np
import pytest

import closedform as cf
from closedform.discover.problem import Problem
from closedform.errors import BadInput
from closedform.laws.groups import Regrouped, groups_of

pint = pytest.importorskip("pint")


def rows(count=150, inputs=3, lo=1.0, hi=3.0, seed=0):
    return np.random.default_rng(seed).uniform(lo, hi, (count, inputs))


def dimension(**powers):
    return {name: Fraction(p) for name, p in powers.items()}


LENGTH, TIME, MASS = dimension(length=1), dimension(time=1), dimension(mass=1)
SPEED = dimension(length=1, time=-1)


def test_a_pendulum_has_no_number_and_one_product():
    gravity = dimension(length=1, time=-2)
    groups = groups_of([LENGTH, gravity], TIME, rows(inputs=2))
    assert groups.powers == () and groups.factor == (Fraction(1, 2), Fraction(-1, 2))


def test_groups_have_no_units_and_whole_powers():
    inputs = [SPEED, LENGTH, dimension(mass=1, length=-3), dimension(mass=1, length=-1, time=-1)]
    groups = groups_of(inputs, {}, rows(inputs=4))
    assert len(groups.powers) == 1  # Reynolds' number
    (powers,) = groups.powers
    assert all(p.denominator == 1 for p in powers)
    for base in ("mass", "length", "time"):
        assert sum(p * d.get(base, 0) for p, d in zip(powers, inputs, strict=True)) == 0


def test_what_no_product_has_is_none():
    assert groups_of([LENGTH, TIME], MASS, rows(inputs=2)) is None


def test_what_may_be_zero_or_negative_is_no_unit_for_others():
    table = rows(inputs=3)
    table[0, 0] = 0
    groups = groups_of([SPEED, SPEED, SPEED], SPEED, table)
    assert 0 in groups.carriers
    assert np.isfinite(groups.values(table)).all()


def test_a_problem_is_asked_by_its_groups_within_the_range():
    table = rows(inputs=3)
    lo, hi = table.min(axis=0), table.max(axis=0)

    def ask(Z):
        assert ((lo <= Z) & (hi >= Z)).all()
        return Z[:, 0] * np.exp(Z[:, 1] / Z[:, 2])

    groups = groups_of([MASS, SPEED, SPEED], MASS, table)
    asked = Regrouped(Problem(table, ask(table), ask), groups)
    values = groups.values(table)
    expected = ask(table) / groups.scale(table)
    got = asked(values)
    assert np.isfinite(got).mean() > 0.95
    np.testing.assert_allclose(got[np.isfinite(got)], expected[np.isfinite(got)], rtol=1e-9)
    assert np.isnan(asked(values + 1e3)).all()


@pytest.mark.parametrize(
    ("law", "units"),
    [
        (lambda X: 0.5 * X[:, 0] * X[:, 1] ** 2, {"x0": "kg", "x1": "m/s", "y": "J"}),
        (lambda X: 2 * np.pi * np.sqrt(X[:, 0] / X[:, 1]),
         {"x0": "cm", "x1": "m/s**2", "y": "s"}),
        (lambda X: X[:, 0] * np.exp(X[:, 1] / X[:, 2]),
         {"x0": pint.Unit("K"), "x1": "m", "x2": "m", "y": "K"}),
        (lambda X: X[:, 0] * np.sin(X[:, 1]), {"x0": "m", "x1": "rad", "y": "m"}),
    ],
)  # fmt: skip
def test_a_law_is_found_over_its_units(law, units):
    X = rows(inputs=len(units) - 1)
    laws = cf.distill(law, X, units=units, engines=[])
    far = rows(inputs=len(units) - 1, lo=4, hi=5, seed=1)
    np.testing.assert_allclose(laws.best(far), law(far), rtol=1e-8)


def test_no_law_that_breaks_the_units_is_shown():
    X = rows()
    y = X[:, 0] + X[:, 1] * X[:, 2] + np.random.default_rng(0).normal(0, 0.5, len(X))
    units = {"x0": "m", "x1": "m/s", "x2": "s", "y": "m"}
    laws = cf.distill(None, X, y, units=units, engines=[], time_limit=8)
    scale = np.array([100.0, 100.0, 1.0])  # the same lengths in centimetres
    for law in laws[1:]:
        np.testing.assert_allclose(law(X * scale), 100 * law(X), rtol=1e-6)


def test_a_constant_with_units_is_a_column():
    X = rows(inputs=2)
    X[:, 1] = 9.81
    laws = cf.distill(
        lambda Z: np.sqrt(2 * Z[:, 0] * Z[:, 1]), X, units={"x0": "m", "x1": "m/s^2", "y": "m/s"}
    )
    np.testing.assert_allclose(laws.best(X), np.sqrt(2 * X[:, 0] * 9.81), rtol=1e-9)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"x0": "kg", "x1": "furlongs per", "y": "J"}, "'x1' has the unit 'furlongs per'"),
        ({"x0": "kg", "x1": "blarg", "y": "J"}, "blarg"),
        ({"x0": "kg", "y": "J"}, "no unit for x1"),
        ({"x0": "kg", "x1": "m/s"}, "no unit for y"),
        ({"x0": "kg", "x1": "m", "z": "s", "y": "kg"}, "z: no such column"),
        ({"x0": "kg", "x1": "m", "y": "s"}, "units of y: time.*length"),
        (["kg"], "is no dict"),
    ],
)
def test_units_that_cannot_be_are_one_clear_error(units, said):
    with pytest.raises(BadInput, match=f"(?s){said}"):
        cf.distill(lambda X: X[:, 0], rows(inputs=2), units=units)
