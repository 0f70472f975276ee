"""SymPy's expressions: against `sympy.lambdify`, and against 30 digits where it is hard."""

import math

import numpy as np
import pytest
import sympy
from sympy.codegen import cfunctions as special

import closedform as cf
from closedform.errors import BadInput, UnsupportedModel

x, y, z = sympy.symbols("x y z")
a, b = sympy.symbols("a b", positive=True)
k = sympy.Symbol("k")
REAL = sympy.Symbol("x", real=True)
Q = sympy.Rational

EXPRESSIONS = [
    x,
    3 * x - y / 7 + Q(1, 3),
    x**2 + sympy.sin(y) / 3 - Q(1, 7),
    sympy.sqrt(2) * x * sympy.pi + sympy.E * y + sympy.log(5),
    2 * x * y / (3 * z**2) - x / (y * z),
    x**-3 + 1 / sympy.sqrt(a) + a ** Q(-2, 3) + x ** Q(1, 3),
    sympy.exp(-x) * y / (z + 1) ** 2,
    sympy.Pow(sympy.E, x, evaluate=False) + 2**x + a**y,
    (x + y) * (x - y) * (x + 1),
    sympy.log(a, 2) + sympy.log(a) * sympy.log(b),
    sympy.sin(x) + sympy.cos(y) + sympy.tan(z),
    sympy.cot(x) + sympy.sec(y) + sympy.csc(z),
    sympy.asin(x / 4) + sympy.acos(y / 5) + sympy.atan(z),
    sympy.acot(x) + sympy.asec(x + 9) + sympy.acsc(y + 9),
    sympy.atan2(x, y) + sympy.atan2(0, x),
    sympy.sinh(x) + sympy.cosh(y) + sympy.tanh(z),
    sympy.coth(x) + sympy.sech(y) + sympy.csch(z),
    sympy.asinh(x) + sympy.acosh(a + 1) + sympy.atanh(x / 8),
    sympy.acoth(a + 2) + sympy.asech(1 / (a + 1)) + sympy.acsch(x),
    sympy.Abs(x) + sympy.sign(y) + sympy.floor(z) + sympy.ceiling(x) + sympy.frac(y),
    sympy.Max(x, y, 0) - sympy.Min(x, z, 1),
    sympy.real_root(x, 3) + sympy.re(y) - sympy.im(z) * y + sympy.conjugate(x),
    sympy.Mod(x, 2) + sympy.Mod(y, -4),
    sympy.erf(x) + sympy.erfc(y) + sympy.erf2(x, z) + sympy.erfinv(x / 9) + sympy.erfcinv(a / 9),
    sympy.Heaviside(x) + sympy.Heaviside(y, 0) + sympy.Heaviside(z, 1),
    sympy.sinc(x),
    sympy.Piecewise((x, x < 0), (sympy.log(a), y > 1), (0, True)),
    sympy.Piecewise((x, x < 0), (y, y > 1)),
    sympy.Piecewise((1, (x > 0) & (y <= 0)), (2, (x < -1) | sympy.Ne(y, z)), (3, True)),
    sympy.ITE(x > 0, y > 0, z > 0),
    sympy.Xor(x > 0, y > 0, z > 0),
    sympy.Not(sympy.Implies(x > 0, y > 0)) | sympy.Equivalent(x > 0, z > 0, y > 0),
    x >= y,
    sympy.Derivative(x**3 * y, x) + sympy.Sum(x**k, (k, 1, 3)) + sympy.Product(y + k, (k, 1, 2)),
    sympy.Subs(x**2 * y, y, z),
    sympy.integrate(sympy.exp(-(x**2)), x),
    sympy.diff(sympy.log(1 + sympy.exp(x)) * y, x),
    sympy.UnevaluatedExpr(x) * 2,
    sympy.Poly(x**3 - 2 * x + 1, x),
    sympy.Float("0.1") + x * sympy.Float("1e-30"),
    special.log1p(a) + special.expm1(x),
    special.log2(a) + special.log10(b),
    special.exp2(x) + special.hypot(x, y),
    sympy.Symbol("petal length (cm)") * sympy.Symbol("lambda") + sympy.Symbol("N"),
    sympy.S(7) / 3,
]  # fmt: skip


def rows_of(formula):
    draw = np.random.default_rng(0).normal(size=(40, len(formula.inputs))) * 2
    positive = [i for i, f in enumerate(formula.inputs) if f.name in "ab"]
    draw[:, positive] = np.abs(draw[:, positive])
    return draw


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_an_expression_and_its_formula_agree(expression):
    formula = cf.read(expression)
    rows = rows_of(formula)
    plain = expression.as_expr() if isinstance(expression, sympy.Poly) else expression.doit()
    symbols = [sympy.Symbol(f.name, positive=True if f.name in "ab" else None)
               for f in formula.inputs]  # fmt: skip
    assert plain.free_symbols <= set(symbols)
    with np.errstate(all="ignore"):
        wanted = sympy.lambdify(symbols, plain, modules=["scipy", "numpy"])(*rows.T)
    wanted = np.broadcast_to(np.asarray(wanted, dtype=float), len(rows))
    np.testing.assert_allclose(formula(rows), wanted, rtol=1e-12, atol=1e-13)
    # Far out lambdify overflows where the formula does not (coth), and both round sums of unlike
    # size; the rows made up are tried on the usual expressions below.
    assert formula.verify(expression, rows, made_up=False).ok


USUAL = [
    x**2 + sympy.sin(y) / 3 - Q(1, 7),
    sympy.exp(-x) * y / (z + 1) ** 2,
    sympy.Piecewise((x, x < 0), (sympy.log(y), y > 1), (0, True)),
    sympy.Max(x, y, 0) * sympy.Heaviside(z) - sympy.Abs(x),
    sympy.atan2(x, y) + sympy.asin(x / 3) + sympy.erf(z),
    (x > 0) & (y < 1),
    [x * y, sympy.sqrt(x) / y, sympy.Mod(x, 2)],
    sympy.Poly(x**3 - 2 * x + 1, x),
]


@pytest.mark.parametrize("model", USUAL, ids=str)
def test_a_certificate_passes_on_rows_that_are_made_up_too(model):
    formula = cf.read(model)
    assert formula.verify(model, rows_of(formula)).ok


HARD = [
    (sympy.asin(x), [1 - 2.0**-50, -1 + 2.0**-40, 1e-300, 1.0, -1.0]),
    (sympy.acos(x), [1 - 2.0**-50, -1 + 2.0**-40, 1e-20, 1.0, -1.0]),
    (sympy.acosh(x), [1 + 2.0**-20, 1.0, 1e150]),
    (sympy.asinh(x), [1e-200, -1e-8, 1e150]),
    (sympy.atanh(x), [1e-300, 1 - 2.0**-52, -0.5]),
    (sympy.sinh(x), [1e-300, 1e-8, -700.0]),
    (sympy.erf(x), [1e-300, 5.9]),
    (x ** Q(1, 3), [27.0, 8.0]),
    (sympy.exp(x), [-745.0, 709.0]),
    (sympy.Float("0.1") * x, [3.0]),
    (Q(1, 3) * x + sympy.sqrt(2), [3.0, 1e-10]),
    (Q(10**400, 3 * 10**400) * x, [3.0]),
    (sympy.log(x), [1 + 2.0**-52, 5e-324]),
]


@pytest.mark.parametrize(("expression", "points"), HARD, ids=[str(e) for e, _ in HARD])
def test_a_formula_is_right_where_it_is_hard(expression, points):
    formula = cf.read(expression)
    for point in points:
        exact = expression.subs(x, sympy.Rational(point)).evalf(40)
        wanted = float(exact)
        assert formula({"x": [point]})[0] == pytest.approx(wanted, rel=4e-15, abs=0)


def test_constants_are_rounded_once():
    def constant(e):
        return cf.read(e)(np.zeros((1, 0)))[0]

    assert constant(Q(1, 3)) == 1 / 3
    assert constant(sympy.pi) == math.pi
    assert constant(sympy.Float("0.1", 40)) == 0.1
    assert constant(sympy.exp(1) ** 10 - 22026) == pytest.approx(0.46579480671651695, rel=1e-15)
    assert constant(Q(10**30 + 1, 10**30)) == 1.0


@pytest.mark.parametrize(
    ("model", "outputs"),
    [
        ([x, y, 1], ["y0", "y1", "y2"]),
        ((x * y,), ["f"]),
        ({"a": x * y, sympy.Symbol("b"): x - y}, ["a", "b"]),
        (sympy.Matrix([[x, y], [x * y, 2]]), ["y0", "y1", "y2", "y3"]),
        (sympy.ImmutableMatrix([x, y]), ["y0", "y1"]),
        (sympy.Array([x, y]), ["y0", "y1"]),
        (sympy.Tuple(x, y), ["y0", "y1"]),
        (sympy.Dict({"p": x, "q": y}), ["p", "q"]),
        ([x, sympy.Symbol("y0")], ["f0", "f1"]),
    ],
    ids=str,
)
def test_several_expressions_are_several_outputs(model, outputs):
    formula = cf.read(model)
    assert list(formula.outputs) == outputs
    rows = np.array([[2.0, 3.0], [-1.0, 0.5]])
    assert formula.verify(model, rows).ok
    assert formula(rows).reshape(2, -1)[0, 0] in (2.0, 3.0, 6.0)


def test_inputs_are_in_the_order_of_their_numbers_or_as_named():
    model = sum(sympy.Symbol(f"x{i}") * i for i in (1, 2, 10))
    assert [f.name for f in cf.read(model).inputs] == ["x1", "x2", "x10"]
    named = cf.read(x - y, names=["y", "unused", "x"])
    assert [f.name for f in named.inputs] == ["y", "unused", "x"]
    assert named(np.array([[1.0, 9.0, 5.0]])) == 4
    assert named({"x": [5.0], "y": [1.0]}) == 4
    with pytest.raises(BadInput, match="has no x"):
        cf.read(x - y, names=["y"])
    with pytest.raises(BadInput, match="Several inputs"):
        cf.read(x - y, names=["y", "x", "x"])
    with pytest.raises(BadInput, match="same name: x"):
        cf.read(x + REAL)
    with pytest.raises(BadInput, match="same name"):
        cf.read({"a": x, sympy.Symbol("a"): y})


def test_parts_of_a_variable_are_those_of_a_real_number():
    angle = cf.read(sympy.arg(x))({"x": [-2.0, 0.0, 3.0]})
    assert np.array_equal(angle, [math.pi, math.nan, 0.0], equal_nan=True)


def test_a_real_root_of_a_polynomial_is_a_constant():
    root = sympy.CRootOf(k**5 - k + 1, 0)
    assert cf.read(root * x)({"x": [2.0]})[0] == pytest.approx(2 * float(root), rel=1e-15)


REFUSED = {
    "no real number": sympy.I * x,
    "2 reasons": sympy.I * x + sympy.gamma(x),
    "gamma has no formula": sympy.gamma(x),
    "LambertW has no formula": sympy.LambertW(x),
    "the function f is not defined": sympy.Function("f")(x),
    "integrated": sympy.Integral(sympy.sin(x * y), (y, 0, 1)),
    "summed": sympy.Sum(x**k, (k, 1, sympy.oo)),
    "an equation": sympy.Eq(y, x),
    "not to be real": sympy.Symbol("q", imaginary=True) * 2,
    "complex": sympy.conjugate(sympy.log(x)),
    "1/0.0 is no real number": sympy.sympify("x / 0.0", evaluate=False),
    "CRootOf.* is no real number": x + sympy.CRootOf(k**5 - k + 1, 1),
    "zoo": sympy.zoo * x + 1,
    "no real number\\.": sympy.Integer(10) ** 400 * x,
    "array without entries": sympy.MatrixSymbol("W", 2, 2)[0, 0],
    "a function is no value": sympy.Lambda(x, x**2),
    "FiniteSet": sympy.FiniteSet(x),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_real_formula_is_refused(what):
    with pytest.raises(UnsupportedModel, match=what) as caught:
        cf.read(REFUSED[what])
    assert caught.value.problems[0][1]


def test_lists_of_anything_else_are_refused():
    for model in ([], {}, [x, "x + 1"], [object()]):
        with pytest.raises(UnsupportedModel):
            cf.read(model)


def test_a_function_of_the_users_own_is_not_taken_for_one_of_sympys():
    mine = sympy.Function("exp")(x)
    with pytest.raises(UnsupportedModel, match="the function exp is not defined"):
        cf.read(mine)


def test_an_expression_nested_too_deep_is_refused_and_a_long_one_read():
    deep = x
    for _ in range(5000):
        deep = sympy.sin(deep, evaluate=False)
    with pytest.raises(UnsupportedModel, match="nested too deep"):
        cf.read(deep)
    names = sympy.symbols("x0:1000")
    long = cf.read(sympy.Add(*[i * s for i, s in enumerate(names, 1)]))
    assert long(np.ones((1, 1000))) == 500 * 1001


def test_a_missing_value_has_no_answer():
    formula = cf.read(sympy.Piecewise((1, x < 0), (2, True)))
    assert np.isnan(formula({"x": [math.nan]})).all()
    assert formula({"x": [-1.0, 1.0]}).tolist() == [1, 2]


def test_what_was_printed_to_sympy_is_read_back():
    formula = cf.read(sympy.Max(x, 0) * sympy.exp(y) / (1 + a**2) + sympy.atan(x))
    back = cf.read(formula.to("sympy"))
    rows = np.random.default_rng(1).normal(size=(20, 3))
    by_name = {f.name: rows[:, i] for i, f in enumerate(formula.inputs)}
    np.testing.assert_allclose(back(by_name), formula(by_name), rtol=1e-13)


def test_a_remainder_says_that_it_may_jump():
    assert cf.read(sympy.Mod(x, 4)).trail[0].kind == "read"
    assert cf.read(sympy.Mod(x, y)).trail[0].kind == "approx"
    assert "remainder" in str(cf.read(sympy.Mod(x, Q(7, 10))).trail[0].found["differs"])


def test_a_formula_of_an_expression_is_saved_and_loaded(tmp_path):
    formula = cf.read({"force": x * sympy.atan(y)})
    formula.save(tmp_path / "f.json")
    again = cf.load(tmp_path / "f.json")
    rows = np.random.default_rng(2).normal(size=(5, 2))
    assert (again(rows) == formula(rows)).all()
    assert "atan(y)" in again.to("text")
    assert r"\arctan" in again.to("latex")
