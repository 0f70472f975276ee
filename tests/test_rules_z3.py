"""The rules as theorems: for all real numbers of the domain, both sides of each equation are one.

z3 decides the arithmetic of polynomials, choices, trees and steps.
"""

from fractions import Fraction

import pytest

import test_domain
import test_legible
import test_simplify
from closedform import ops as o
from closedform.ir import Interval, Type, toposort
from closedform.passes.rules_domain import DOMAIN_RULES
from closedform.passes.simplify import ALL_RULES

z3 = pytest.importorskip("z3")

LIMIT = 5_000  # ms a theorem; each takes less than 100


def real(value):
    exact = Fraction(value)
    return z3.Q(exact.numerator, exact.denominator)


def extreme(beats):
    def build(n, *xs):
        out = xs[0]
        for other in xs[1:]:
            out = z3.If(beats(other, out), other, out)
        return out

    return build


def added(n, *xs):
    return sum((real(w) * v for w, v in zip(n.data.weights, xs, strict=True)), real(n.data.bias))


def product(n, *xs):
    out = xs[0]
    for other in xs[1:]:
        out = out * other
    return out


def whole_power(n, a, _):
    if n.args[1].op is not o.CONST or n.args[1].data not in (0, 1, 2, 3):
        raise NotImplementedError("pow")
    return product(n, z3.RealVal(1), *[a] * int(n.args[1].data))


Z3 = {
    "lin": added,
    "mul": product,
    "div": lambda n, a, b: a / b,
    "pow": whole_power,
    "min": extreme(lambda a, b: a < b),
    "max": extreme(lambda a, b: a > b),
    "abs": lambda n, a: z3.If(a < 0, -a, a),
    "sign": lambda n, a: z3.If(a > 0, 1.0, z3.If(a < 0, -1.0, 0.0)),
    "floor": lambda n, a: z3.ToReal(z3.ToInt(a)),
    "squared_distance": lambda n, *xs: sum(
        (real(w) * (v - real(c)) * (v - real(c))
         for w, c, v in zip(n.data.weights, n.data.point, xs, strict=True)), real(0)),
    "less": lambda n, a, b: a < b,
    "less_equal": lambda n, a, b: a <= b,
    "equal": lambda n, a, b: a == b,
    "member": lambda n, a: z3.Or([a == real(v) for v in n.data]),
    "missing": lambda n, a: z3.BoolVal(False),
    "and": lambda n, *xs: z3.And(*xs),
    "or": lambda n, *xs: z3.Or(*xs),
    "not": lambda n, a: z3.Not(a),
    "where": lambda n, c, a, b: z3.If(c, a, b),
}  # fmt: skip


def root_of(a, conditions):
    """Return √a as the number whose square it is."""
    root = z3.FreshReal("root")
    conditions.append(z3.And(root >= 0, root * root == a))
    return root


def translated(root, conditions):
    """Return a node as z3's; NotImplementedError where it is none over the reals."""
    made = {}
    for n in toposort([root]):
        if n.op is o.INPUT and n.type is Type.REAL:
            made[n] = z3.Real(f"x{n.data}")
        elif n.op is o.CONST:
            # What stands for a missing value may be anything: no value is missing here.
            unknown = n.type is Type.REAL and not abs(n.data) < 1e30
            number = z3.FreshReal("any") if unknown else real(n.data)
            made[n] = z3.BoolVal(n.data) if n.type is Type.BOOL else number
        elif n.op in (o.TREE, o.PIECEWISE):
            made[n] = translated(n.op.lower(n), conditions)
        elif n.op is o.SQRT:
            made[n] = root_of(made[n.args[0]], conditions)
        elif n.op.name in Z3:
            made[n] = Z3[n.op.name](n, *[made[a] for a in n.args])
        else:
            raise NotImplementedError(n.op.name)
    return made[root]


def inside(box):
    """Return the domain as conditions; where a value may be missing, there is no theorem."""
    for i, name in enumerate("xyz"):
        found = box.get(name)
        if isinstance(found, Interval):
            raise NotImplementedError("missing")
        if found is not None and abs(found[1]) < 1e30:
            yield z3.And(z3.Real(f"x{i}") >= real(found[0]), z3.Real(f"x{i}") <= real(found[1]))


def decided(left, right, box):
    """Return z3's word on whether both sides can differ on the domain."""
    solver = z3.Solver()
    solver.set("timeout", LIMIT)
    conditions = []
    differ = translated(left, conditions) != translated(right, conditions)
    solver.add(*inside(box), *conditions, differ)
    return solver.check()


def parsed(text, k=3.0):
    return eval(text, test_simplify.WORDS | test_domain.WORDS | {"k": k})


# Of a quotient by 0 z3 knows nothing.
NOT_ZERO = {"scaled quotient": {"x": (1, 2), "y": (1, 2)}}
SIMPLIFY = [
    (rule.name, before, after, NOT_ZERO.get(rule.name, {}))
    for rule, before, after in (*test_simplify.PAIRS, *test_legible.PAIRS)
    if after is not None
]
DOMAIN = [pair for pair in test_domain.PAIRS if pair[2] is not None]
# What the floats or the missing values of these mean, and what log and exp are, z3 does not know.
BEYOND = {
    "saturated", "logarithm of an exponential", "exponential of a logarithm", "sum of logarithms",
    "absent category", "absent entries", "missing after imputing", "missing for missing",
    "function of a table", "several tables", "rounded twice", "raw thresholds", "quarter turn",
}  # fmt: skip


def decidable(pair):
    name, before, after, box = pair
    try:
        list(inside(box))
        translated(parsed(before), [])
        translated(parsed(after), [])
    except NotImplementedError:
        return False
    return name not in BEYOND and "nan" not in before + after


THEOREMS = list(filter(decidable, [*SIMPLIFY, *DOMAIN]))


@pytest.mark.parametrize(("name", "before", "after", "box"), THEOREMS, ids=lambda v: str(v)[:50])
def test_a_rule_is_a_theorem(name, before, after, box):
    # Over k = 3 some constants are rounded, which makes no theorem; over 4 they are not.
    found = [decided(parsed(before, k), parsed(after, k), box) for k in (3.0, 4.0)]
    assert z3.unsat in found


def test_all_rules_but_a_few_are_theorems():
    every = {rule.name for rule in (*ALL_RULES, *DOMAIN_RULES, *test_legible.RULES)}
    assert every - {name for name, *_ in THEOREMS} == BEYOND


FALSE = [
    ("maximum(x, y)", "x", {"x": (0, 2), "y": (1, 3)}),
    ("div(x, x)", "const(1)", {"x": (0, 1)}),
    ("absolute(x)", "x", {"x": (-1, 1)}),
    ("lin(p, (q, mul(x, y)), (r, mul(x, z)))", "lin(p, (1, mul(x, lin(0, (r, y), (q, z)))))", {}),
    ("stump(x, 2)", "const(1.0)", {"x": (0, 2.5)}),
]


@pytest.mark.parametrize(("before", "after", "box"), FALSE)
def test_what_is_no_theorem_is_refuted(before, after, box):
    left, right = parsed(before), parsed(after)
    assert decided(left, right, box) == z3.sat
