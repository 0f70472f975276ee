"""Laws in the units that people measure in are found again, each in its own short form."""

import numpy as np
import pytest

import closedform as cf
from closedform import ops
from closedform.fitting.constants import count_constants
from closedform.shorten.terms import odd as paid
from closedform.shorten.terms import terms
from closedform.shorten.terms.dictionary import ONE, TWO
from closedform.shorten.terms.shapes import Column

ROWS = 400
a, b, c = (ops.input_(i) for i in range(3))
const, lin, mul, div = ops.const, ops.lin, ops.mul, ops.div


def drawn(*columns):
    """Return columns, each normal with a mean and a deviation or, of three numbers, uniform."""
    draw = np.random.default_rng(1)
    made = [
        draw.uniform(*part[1:], ROWS) if part[0] == "between" else draw.normal(*part, ROWS)
        for part in columns
    ]
    return np.column_stack(made)


def away(x, centre):
    return lin(-centre, (1, x))


def above(x, cut):
    return ops.where(ops.less(const(cut), x), const(1), const(0))


UNIT = (0, 1)
LAWS = {
    "body mass index": (div(a, ops.power(b, 2)), drawn((75, 12), (1.72, 0.1)), 0),
    "a power below the line": (
        div(mul(const(6.67), a, b), ops.power(c, 2)),
        drawn(("between", 1, 5), ("between", 1, 5), ("between", 1, 4)), 1,
    ),
    "decay": (
        lin(0, (10, ops.exp(lin(0, (-0.05, a)))), (0.3, b)), drawn(("between", 0, 100), UNIT), 3,
    ),
    "a heat law": (
        lin(0, (1000, mul(a, ops.exp(div(const(-2000), b))))),
        drawn(("between", 0.1, 2), ("between", 280, 420)), 2,
    ),
    "saturation": (
        div(mul(const(4), b, a), lin(8, (1, a))), drawn(("between", 0, 50), ("between", 1, 3)), 2,
    ),
    "a quotient with an offset": (
        div(mul(const(10), a), lin(5, (1, b))), drawn(("between", 1, 10), ("between", 0, 20)), 2,
    ),
    "the greater of two": (ops.maximum(a, b), drawn((10, 3), (12, 3)), 0),
    "no more than": (lin(0, (0.2, ops.minimum(a, const(20))), (1, b)),
                     drawn(("between", 0, 50), UNIT), 2),
    "the difference of two": (
        lin(0, (0.2, ops.absolute(lin(0, (1, a), (-1, b))))), drawn((100, 15), (95, 15)), 1,
    ),
    "a distance": (
        ops.sqrt(lin(0, (1, ops.power(away(a, 2), 2)), (1, ops.power(away(b, -1), 2)))),
        drawn(("between", -5, 5), ("between", -5, 5)), 2,
    ),
    "a product of three": (lin(0, (1, mul(a, b, c)), (1, a)), drawn(UNIT, UNIT, UNIT), 0),
    "a line above a threshold": (
        lin(0, (0.1, mul(away(a, 300), above(b, 50)))), drawn((300, 20), ("between", 0, 100)), 3,
    ),
    "a wave of four periods": (
        lin(0, (3, ops.sin(lin(0.5, (1.0472, a)))), (1, b)), drawn(("between", 0, 24), UNIT), 3,
    ),
    "a ridge of three": (
        lin(0, (3, ops.tanh(lin(0, (1, a), (-0.5, b), (0.8, c))))), drawn(UNIT, UNIT, UNIT), 3,
    ),
    "a cubic": (lin(0, (-3, a), (1, ops.power(a, 3)), (1, ops.power(b, 2))),
                drawn(("between", -2, 2), UNIT), 1),
    "seconds since 1970": (
        lin(-32, (2e-8, a), (1, b)), drawn(("between", 1.5e9, 1.7e9), UNIT), 2,
    ),
    "nanometres": (lin(0, (3e8, a), (1, b)), drawn(("between", 1e-9, 9e-9), UNIT), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_a_law_in_raw_units_is_found_with_no_more_constants_than_it_has(name):
    node, X, constants = LAWS[name]
    # Beside columns that say nothing, in units of their own.
    X = np.column_stack([X, drawn((300, 20), (1e5, 2e4))])
    inputs = tuple(cf.Feature(f"x{i}") for i in range(X.shape[1]))
    truth = cf.Formula({"y": node}, inputs)
    found = min(terms(truth, X, rows=600, time_limit=None), key=lambda f: missed(f, truth, X))
    # The numbers of a formula keep the digits that lower what is left beyond 1e-10 of the variance.
    assert missed(found, truth, X) < 1e-5
    assert count_constants(found) <= constants
    assert found.used == truth.used


def missed(found, truth, X):
    return ((found(X) - truth(X)) ** 2).mean() / truth(X).var()


# --- shapes that the columns do not show --------------------------------------------------------


def column(lo, hi):
    width = (hi - lo) / np.sqrt(12)
    return Column("x", 0, a, 0.0, lo, hi, (lo + hi) / 2, width, False)


@pytest.mark.parametrize(
    ("odd", "shown", "hidden"),
    [
        (paid.one_sided, (1.0, -5.0), (0.01, -0.05)),  # never steep
        (paid.one_sided, (1.0, -5.0), (1.0, 5.0)),  # one end alone
        (paid.far_vertex, (5.0,), (1e6,)),
        (paid.damped, (1.0,), (-1.0,)),  # a pole among the values
        (paid.near_pole, (1.0,), (-5.0,)),
        (paid.near_pole, (1.0,), (1e4,)),
        (paid.hardly_grown, (0.3,), (1e-4,)),
        (paid.hardly_grown, (0.3,), (30.0,)),
        (paid.beyond, (5.0,), (11.0,)),
    ],
)
def test_what_the_values_do_not_show_costs_more(odd, shown, hidden):
    columns = [column(0.0, 10.0)]
    assert odd(columns, hidden) > odd(columns, shown) + 0.05


def test_a_curve_that_the_columns_do_not_show_is_not_taken_for_what_it_imitates():
    X = drawn(("between", 10, 20), UNIT)
    inputs = (cf.Feature("x"), cf.Feature("z"))
    truth = cf.Formula({"y": lin(0, (2, a), (1, mul(b, b)))}, inputs)
    found = terms(truth, X, rows=600, time_limit=None)[-1]
    assert found.to("text").partition("\n")[0] in ("y = 2*x + z^2", "y = z^2 + 2*x")


def test_a_wave_is_written_with_the_shortest_phase():
    wave = next(s for s in ONE if s.name == "sin")
    for theta in ((-2.0, 9.0), (0.3, -3.1), (1.0, 1.5)):
        x = np.linspace(-3, 3, 50)
        plain = wave.plain(theta)
        assert plain[0] > 0
        assert abs(plain[1]) <= np.pi / 2
        before, after = wave.values([x], theta), wave.values([x], plain)
        sign = np.sign(before @ after)
        np.testing.assert_allclose(after, sign * before, atol=1e-12)


def test_powers_stand_below_the_line_and_centres_in_one_number():
    power = next(s for s in TWO if s.name == "x·yᵖ")
    assert power.spelt([a, b], [-2.0]) is div(a, ops.power(b, 2))
    assert power.spelt([a, b], [-1.0]) is div(a, b)
    vertex = next(s for s in ONE if s.name == "(x−b)²")
    assert vertex.spelt([away(a, 70)], [55.0]) is ops.mul(away(a, 125), away(a, 125))
