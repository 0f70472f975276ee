"""Every rule of `legible`: its docstring is its equation, which runs; and what is used where."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

import closedform as cf
from closedform import ops as o
from closedform.families.additive import softmax
from closedform.formula import Feature, Formula, Task
from closedform.ir import Type, toposort
from closedform.passes.legible import legible
from closedform.passes.rules import RULES as TIDY
from closedform.passes.rules import Place
from closedform.passes.rules_legible import ALWAYS, OUTWARDS, SHORTER
from closedform.passes.rules_lin import SUM_RULES
from strategies import GRID, formulas, inputs_of_formulas, rows
from test_simplify import SMOOTH, differs, every_row, parsed, values

KNOWN = (*TIDY, *SUM_RULES)
RULES = [rule for rule in (*ALWAYS, *OUTWARDS, *SHORTER) if rule not in KNOWN]
# More that each rule must do, and (→ None) what it must leave alone.
MORE = {
    "centre in a test": [
        ("less_equal(lin(q, (1, x), (k, y)), const(p))",
         "less_equal(lin(0, (1, x), (k, y)), const(p - q))"),
        ("less(const(11.5), lin(-90.1, (1, x)))", "less(const(101.6), x)"),
        ("less(const(p), lin(0, (k, x)))", None),
        ("less(const(1e308), lin(-1e308, (1, x)))", None),
        ("less(x, y)", None),
    ],
    "factor in a test": [
        ("less(const(p), lin(0, (-2, x)))", "less(x, const(p / -2))"),
        ("less_equal(lin(0, (k, x)), const(p))", "less_equal(x, const(p / k))"),
        ("less(const(1e300), lin(0, (1e-300, x)))", None),
        ("less(const(p), lin(0, (0, x)))", None),
    ],
    "tighter test": [
        ("either(less(const(p), x), less(const(k), x))", "less(const(p), x)"),
        ("both(less(x, const(k)), c, less(x, const(p)))", "both(less(x, const(p)), c)"),
        ("either(less_equal(x, const(k)), less_equal(x, const(p)))", "less_equal(x, const(k))"),
        ("both(less(const(p), x), less_equal(const(k), x))", None),
        ("both(less(const(p), x), less(x, const(k)))", None),
        ("both(less(const(p), x), less(const(nan), x))", None),
    ],
    "asked already": [("either(c, both(d, c))", "c"), ("both(c, either(d, e))", None)],
    "both asked": [("where(c, where(d, y, x), y)", None)],
    "one asked": [("where(c, x, where(d, y, x))", None)],
    "sum in a sum": [
        ("lin(1, (2, lin(-3, (1, x))))", "lin(-5, (2, x))"),
        ("lin(p, (q, lin(0, (1, stump(x, 1)), (1, stump(y, 1)))))", None),
        ("lin(0, (1e308, lin(0, (1e308, x))))", None),
        ("lin(1, (2, x))", None),
    ],
    "common weight": [
        ("lin(p, (-2, x), (2, y), (2, z))", "lin(p, (2, lin(0, (1, y), (1, z), (-1, x))))"),
        ("lin(p, (-2, x), (-2, y))", "lin(p, (-2, lin(0, (1, x), (1, y))))"),
        ("lin(p, (1, x), (-1, y))", None),
        ("lin(p, (2, x), (3, y))", None),
    ],
    "repeated factor": [("mul(x, x)", "power(x, 2)"), ("mul(x, y)", None)],
    "scaled factor": [
        ("mul(lin(0, (k, x)), lin(0, (-1, y)))", "lin(0, (-k, mul(x, y)))"),
        ("mul(lin(1, (k, x)), y)", None),
    ],
    "scaled square": [
        ("power(lin(0, (-2, x)), 3)", "lin(0, (-8, power(x, 3)))"),
        ("power(lin(0, (2, x)), 0.5)", None),
        ("power(lin(0, (1e-200, x)), 2)", None),
    ],
    "scaled quotient": [
        ("div(const(130), lin(0, (2, x)))", "div(const(65), x)"),
        ("div(x, lin(0, (4, y)))", "lin(0, (0.25, div(x, y)))"),
        ("div(x, lin(1, (4, y)))", None),
    ],
    "scaled hinge": [
        ("lin(p, (2, absolute(lin(3, (-2, x)))))", "lin(p, (4, absolute(lin(1.5, (-1, x)))))"),
        ("lin(p, (q, maximum(lin(r, (1, x)), const(0))))", None),
        ("lin(p, (q, maximum(lin(r, (k, x)), const(1))))", None),
    ],
    "quarter turn": [
        ("unary('cos', lin(3.141592653589793, (k, x)))",
         "lin(0, (-1, unary('cos', lin(0, (k, x)))))"),
        ("unary('sin', lin(1.5707963267948963, (k, x)))", None),
    ],
    "number last": [("minimum(const(1), x, y)", "minimum(x, y, const(1))")],
}  # fmt: skip
MODERATE = {"quarter turn", "scaled quotient"}
"""Rules that differ where numbers are so large, or so near 0, that floats end."""
PAIRS = [(rule, *(text.strip() for text in rule.equation.split("->"))) for rule in RULES] + [
    (rule, before, after) for rule in RULES for before, after in MORE.get(rule.name, ())
]


@pytest.mark.parametrize(
    ("rule", "before", "after"), PAIRS, ids=[f"{rule.name}: {b} -> {a}" for rule, b, a in PAIRS]
)
def test_a_rule_does_what_its_equation_says(rule, before, after):
    left = parsed(before)
    made = rule.apply(left, Place())
    if after is None:
        assert made is None or made is left
        return
    assert left.op in rule.ops
    assert made is parsed(after), (made, after)
    X = every_row()
    if rule.name in MODERATE:
        fine = np.all([np.isin(X[name], GRID) for name in ("x0", "x1", "x2")], axis=0)
        X = {name: np.asarray(column, dtype=object)[fine].tolist() for name, column in X.items()}
    a, b = values([left, made], X)
    assert not differs(rule, a, b)


def test_rules_are_listed_once_and_every_further_case_is_of_one():
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names) and set(MORE) <= set(names)


def of(root):
    return Formula({"y": root}, tuple(Feature(name) for name in "xyz"))


def line(root):
    return legible(of(root)).to("text", form="line").split("\n")[0]


READ = {
    "where(less(const(11.5), lin(-90.1, (1, x))), const(1), const(0))": "y = (x > 101.6)",
    "lin(1, (2, lin(-3, (1, x))))": "y = -5 + 2*x",
    "lin(0, (0.3, lin(0.2, (0.7, x))), (0.25, x))": "y = 0.06 + 0.46*x",
    "lin(0, (2, mul(lin(-3, (1, x)), z)))": "y = 2*z*(x - 3)",
    "lin(1, (5, maximum(lin(-3, (1, lin(-90, (1, x)))), const(0))))": "y = 1 + 5*max(x - 93, 0)",
    "lin(1, (2, mul(lin(0, (-3, x)), z)), (1, power(lin(0, (2, x)), 2)))": "y = 1 - 6*x*z + 4*x^2",
    "lin(1, (1, x), (-1, lin(1, (1, x))), (3, z))": "y = 3*z",
    "maximum(maximum(x, const(0)), const(0))": "y = max(x, 0)",
    "unary('sin', lin(1.5707963267948966, (2, x)))": "y = cos(2*x)",
    "where(less(x, const(1)), where(missing(z), x, z), z)": "y = x if x < 1 and missing(z) else z",
}


@pytest.mark.parametrize("before", READ)
def test_it_reads_as_a_person_would_write_it(before):
    expected = READ[before].removeprefix("y = ")
    assert line(parsed(before)).partition(" = ")[2] == expected


def test_a_third_of_a_threshold_is_not_worked_out_where_it_has_more_digits():
    for limit, expected in ((10.1, "3*x > 10.1"), (12, "x > 4"), (10, "x > 10/3")):
        test = o.less(o.const(limit), o.lin(0, (3, o.input_(0))))
        assert expected in line(o.where(test, *ONE_ZERO))


ONE_ZERO = (o.const(1), o.const(0))


@settings(max_examples=100)
@given(formulas(size=6, among=SMOOTH | {"const", "mul", "div", "pow"}), rows(values=GRID))
def test_scores_are_never_longer_and_keep_their_value_but_for_rounding_or_at_a_jump(f, X):
    after = legible(f)
    assert after.length <= f.length
    for name, root in f.outputs.items():
        if root.type is not Type.REAL or any(_jumps(n) for n in toposort([root])):
            continue
        a, b = values([root, after.outputs[name]], X)
        known = np.isfinite(a) & np.isfinite(b) & (abs(a) < 1e6)
        assert np.allclose(a[known], b[known], rtol=1e-9, atol=1e-5)


def _jumps(n):
    return (
        n.type is Type.BOOL or n.op in (o.TREE, o.DIV, o.POW)
        or (n.op is o.TABLE and n.args[0].type is Type.REAL)
    )  # fmt: skip


@settings(max_examples=100)
@given(formulas(size=6))
def test_a_second_time_it_changes_nothing(f):
    once = legible(f)
    assert legible(once).roots == once.roots


def test_the_trail_says_which_rules_were_used():
    step = legible(of(o.lin(1, (2, o.lin(-3, (1, o.input_(0))))))).trail[-1]
    assert (step.name, step.kind, step.found) == ("legible", "real", {"rules": {"sum in a sum": 1}})
    assert not legible(of(o.lin(1, (2, o.input_(0))))).trail


def test_what_is_shared_is_opened_only_where_that_is_shorter():
    x, z = o.input_(0), o.input_(1)
    away = o.lin(-math.pi, (1, x))
    thrice = o.lin(0, (1.5, o.tanh(away)), (2.5, o.sin(away)), (3, o.mul(away, z)), (7, away))
    assert away in legible(of(thrice)).nodes


def test_inputs_of_formulas_are_those_of_strategies():
    assert [f.name for f in inputs_of_formulas()][:3] == ["x0", "x1", "x2"]


def test_a_softmax_of_which_one_score_is_zero_is_read_as_one():
    scores = [o.lin(k, (1.0, o.input_(0))) for k in (1, 2)]
    classes = ("x", "y", "z")
    chances, scored = (tuple(f"{letter}({c})" for c in classes) for letter in "Pg")
    nodes = [o.const(0.0), *scores]
    formula = Formula(
        dict(zip((*chances, *scored), (*softmax(nodes), *nodes), strict=True)), (Feature("a"),),
        Task("classification", classes, "softmax", probability=chances, decision=scored),
    )  # fmt: skip
    text = cf.simplify(formula).to("text")
    assert "P(c) = exp(g(c)) / (exp(g(x)) + exp(g(y)) + exp(g(z)))" in text and "v1" not in text
