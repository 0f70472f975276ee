"""Numbers with a name: what is printed for them is, worked out, the same float to the last bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import ops as o
from closedform.formula import Feature, Formula
from closedform.length import numbers
from closedform.ops.named import named, named_numbers

x = o.input_(0)
SOME = {
    1 / 3: ("1/3", r"\frac{1}{3}"),
    2 / 3: ("2/3", r"\frac{2}{3}"),
    math.pi: ("pi", r"\pi"),
    math.pi / 2: ("pi/2", r"\frac{\pi}{2}"),
    2 * math.pi / 3: ("2*pi/3", r"\frac{2\pi}{3}"),
    math.sqrt(2): ("sqrt(2)", r"\sqrt{2}"),
    math.e: ("exp(1)", r"\mathrm{e}"),
}


def formula(*values):
    """Each number as an output, as a weight and as an exponent, and as a threshold."""
    outputs = {}
    for i, value in enumerate(values):
        raised = o.power(o.lin(2, (1, o.mul(x, x))), o.const(value))
        above = o.where(o.less(o.const(value), x), o.const(value), o.const(-value))
        outputs |= {f"c{i}": o.const(value), f"w{i}": o.lin(-value, (value, x), (-value, raised))}
        outputs |= {f"d{i}": o.div(o.const(value), o.const(3.0)), f"t{i}": above}
    return Formula(outputs, (Feature("x", missing=False),))


def bits(values):
    return np.asarray(values, dtype=float).view(np.int64).tolist()


def test_every_name_worked_out_is_its_number_and_within_a_bit_of_the_exact_one():
    mpmath = pytest.importorskip("mpmath")
    roots = range(2, 11)
    words = {"pi": "math.pi", "e": "math.e"} | {f"sqrt {n}": f"math.sqrt({n})" for n in roots}
    with mpmath.workdps(40):
        exact = {"": mpmath.mpf(1), "pi": +mpmath.pi, "e": +mpmath.e}
        exact |= {f"sqrt {n}": mpmath.sqrt(n) for n in roots}
        for value, name in named_numbers().items():
            assert eval(name.spelt(words)) == value, name
            away = abs(float(exact[name.of] * name.times / name.over) - value)
            assert away <= (math.ulp(value) if name.of else 0), name


@pytest.mark.parametrize("value", SOME)
def test_text_and_latex_write_the_name(value):
    text, latex = SOME[value]
    f = formula(value).only("c0")
    assert f.to("text") == f"c0 = {text}\n\nx must not be missing.\n"
    assert f"= {latex}" in f.to("latex")
    assert text in formula(value).to("text", brief=True)


@pytest.mark.parametrize("value", [math.nextafter(1 / 3, 0), 0.333, 0.5, 1.0, 0.0, math.inf])
def test_a_neighbour_of_a_name_and_short_decimals_are_written_in_digits(value):
    assert named(value) is None
    assert "/" not in formula(value).to("text", form="line").split("\n")[0]


@pytest.mark.parametrize("target", ["python", "numpy"])
def test_programs_give_the_same_bits(target):
    f = formula(*list(named_numbers())[::17], *SOME)
    X = np.array([-2.5, -0.1, 0.0, 1 / 3, 1.0, 3.7])
    scope = {}
    exec(f.to(target), scope)
    if target == "numpy":
        found = scope["evaluate"]({"x": X})
    else:
        each = [scope["evaluate"](v) for v in X.tolist()]
        found = {name: [row[name] for row in each] for name in f.outputs}
    for name, expected in f.evaluate({"x": X}).items():
        if name[0] in "cdt":  # powers and sums of matrices may differ by a bit
            assert bits(np.broadcast_to(found[name], X.shape)) == bits(expected), name


def test_sympy_knows_the_number_itself():
    sympy = pytest.importorskip("sympy")
    made = formula(math.pi / 2).only("c0").to("sympy")
    assert made == sympy.pi / 2
    for value in named_numbers():
        assert float(formula(-value).only("c0").to("sympy")) == -value


def test_a_column_called_pi_is_told_from_the_number_and_read_back():
    pi = Formula({"y": o.lin(math.pi, (math.pi / 2, x))}, (Feature("pi"),))
    text = pi.to("text", form="line").split("\n")[0].partition(" = ")[2]
    assert text == "pi + pi/2*`pi`"
    assert pi.compare(text).agrees
    assert not pi.compare("3.3 + pi/2*`pi`").agrees


@given(st.sampled_from(sorted(named_numbers())), st.booleans())
def test_a_number_with_a_name_counts_as_it_is_read(value, negative):
    name = named(value)
    signs = (name.of != "") + name.of.startswith("sqrt") + (name.times > 1 or not name.of)
    signs += (name.over > 1) * 2 + (name.times > 1 and name.of != "")
    assert numbers([-value if negative else value]) == signs


def test_a_short_decimal_counts_for_less_than_a_fraction():
    assert numbers([1 / 3]) == 3 and numbers([0.333]) == 1 and numbers([math.pi]) == 1


def test_a_power_of_ten_has_no_1_before_it_and_is_bracketed_below_a_power():
    f = Formula({"y": o.lin(-1e-6, (1e-7, x), (1, o.power(o.const(1e-8), x)))}, (Feature("x"),))
    assert r"-10^{-6} + 10^{-7}\,x + (10^{-8})^{x}" in f.to("latex")
    assert r"2\times10^{-7}" in formula(2e-7).only("c0").to("latex")
