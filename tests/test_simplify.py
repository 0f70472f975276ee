"""Every rule of `simplify`: its docstring is its equation, which runs; and simplify as a whole."""

import math
import pickle
import re
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import ops as o
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.families.network import Layer, Network
from closedform.formula import Feature, Formula
from closedform.ir import Type, toposort
from closedform.ops.payloads import splits_from
from closedform.passes import simplify, tidy
from closedform.passes.rules import Place
from closedform.passes.simplify import ALL_RULES, simplified
from closedform.passes.thresholds import preimage
from strategies import (
    GRID,
    LABELS,
    NOT_FINITE,
    SPECIAL,
    formulas,
    inputs_of_formulas,
    many,
    rows,
    trees,
)

x, y, z = (o.input_(i) for i in range(3))
s = o.input_(3, Type.LABEL)
c, d, e = o.missing(y), o.less(x, y), o.less_equal(z, o.const(0.5))


def stump(node, limit, below=False):
    """1 where node <= limit, 2 elsewhere, a missing one going right."""
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0] * 3, [limit, 0, 0], below=below)
    return o.tree(splits, [0.0, 1.0, 2.0], (node,))


def leaf(value, node):
    return o.tree(splits_from([-1], [-1], [0], [0.0])[0], [value], (node,))


def dummy(node, category):
    return o.table(node, {category: 1.0}, 0.0, 0.0)


def lookup(node, **entries):
    return o.table(node, entries, 0.0, 0.0)


# p … k are chosen so that no equation holds by chance, and that doubles are exact.
LETTERS = {
    "x": x, "y": y, "z": z, "s": s, "c": c, "d": d, "e": e,
    "p": 0.5, "q": -1.5, "r": 2.25, "k": 3.0, "nan": math.nan,
    "stump": stump, "leaf": leaf, "dummy": dummy, "lookup": lookup,
}  # fmt: skip
WORDS = vars(o) | LETTERS

# More that each rule must do, and (→ None) what it must leave alone.
MORE = {
    "constant": [
        ("both(boolean(True), boolean(False))", "boolean(False)"),
        ("minimum(const(nan), const(1))", "const(nan)"),
        ("where(boolean(True), const(2), const(3))", "const(2)"),
        ("lin(0.5)", "const(0.5)"),
        ("stump(const(3), 2)", "const(2)"),
        ("lin(1, (2, x))", None),
    ],
    "single leaf": [("stump(x, 1)", None)],
    "certain condition": [
        ("both(c, boolean(False), d)", "boolean(False)"),
        ("either(c, boolean(False))", "c"),
        ("either(c, boolean(True))", "boolean(True)"),
        ("both(boolean(True), boolean(True))", "boolean(True)"),
    ],
    "nested conditions": [
        ("either(either(c, d), e)", "either(c, d, e)"),
        ("both(c, either(c, d))", None),
    ],
    "repeated conditions": [("either(c, c)", "c")],
    "missing after imputing": [
        ("missing(where(missing(x), const(nan), x))", None),
        ("missing(where(missing(y), const(1), x))", None),
        ("missing(where(missing(x), y, x))", None),
    ],
    "certain choice": [("where(boolean(True), x, y)", "x")],
    "missing for missing": [("where(missing(y), const(nan), x)", None)],
    "truth of a condition": [
        ("where(c, boolean(False), boolean(True))", "negate(c)"),
        ("where(c, const(1), const(0))", None),
    ],
    "times one": [("mul(x, const(1), const(1), y)", "mul(x, y)"), ("mul(x, const(2))", None)],
    "over one": [("div(const(1), x)", None)],
    "first power": [("power(x, 2)", None), ("power(const(1), x)", None)],
    "nested extremes": [("minimum(x, minimum(y, z))", None), ("minimum(maximum(x, y), z)", None)],
    "repeated extremes": [("minimum(x, x)", "x")],
    "function of a table": [
        ("div(table(s, {'A': 3.0}, 1.0, nan), const(2))", "table(s, {'A': 1.5}, 0.5, nan)"),
        ("lin(1, (2, lookup(s, A=3.0)))", "table(s, {'A': 7.0}, 1.0, 1.0)"),
        ("mul(dummy(s, 'A'), x)", None),
    ],
    "plain term": [("lin(1, (1, x))", None), ("lin(0, (2, x))", None)],
    "over a constant": [
        ("div(x, const(0))", None),
        ("div(x, const(1e-320))", None),
        ("div(lin(0, (1, stump(x, 1)), (1, stump(y, 1))), const(2))", None),
    ],
    "constant factors": [("mul(const(0), x)", None), ("mul(const(nan), x)", None)],
    "constant terms": [("lin(0, (1, const(2)), (1, stump(x, 1)))", None)],
    "nested sum": [
        ("lin(p, (q, lin(r, (k, x), (2, y))))", "lin(p + q * r, (q * k, x), (q * 2, y))"),
        ("lin(0, (1, x), (-1, lin(r, (k, y))))", "lin(-r, (1, x), (-k, y))"),
        ("lin(p, (q, lin(0, (1, stump(x, 1)), (1, stump(y, 1)))))", None),
        ("lin(0, (1e308, lin(0, (1e308, x))))", None),
    ],
    "distance of scaled": [
        ("squared_distance([x, lin(r, (k, y))], [q, p], [p, q])",
         "squared_distance([x, y], [q, (p - r) / k], [p, q * k * k])"),
        ("squared_distance([lin(r, (k, x)), lin(0, (-2, y))], [q, p], [0, q])",
         "squared_distance([x, y], [(q - r) / k, p / -2], [0, q * 4])"),
        ("squared_distance([x, y], [q, p])", None),
        ("squared_distance([lin(r, (k, x), (q, y))], [p])", None),
        ("squared_distance([lin(0, (0, x))], [p])", None),
        ("squared_distance([lin(1e6, (k, x))], [p])", None),
        ("squared_distance([lin(r, (1e-170, x))], [p])", None),
        ("squared_distance([lin(r, (1e200, x))], [p])", None),
        ("squared_distance([lin(1e5, (k, x))], [p])",
         "squared_distance([x], [(p - 1e5) / k], [k * k])"),
    ],
    "several tables": [
        ("lin(p, (q, dummy(s, 'A')), (2, x), (r, dummy(s, 'A')))",
         "lin(p, (1, lookup(s, A=q + r)), (2, x))"),
        ("lin(0, (q, table(s, {'A': 1.0}, k, nan)), (r, dummy(s, 'B')))",
         "lin(0, (1, table(s, {'A': q, 'B': q * k + r}, q * k, nan)))"),
        ("lin(0, (q, dummy(s, 'A')), (r, dummy(x, 1.0)))", None),
    ],
    "raw thresholds": [
        ("stump(round32(x), 0.1)", "stump(x, 0.09999999776482582)"),
        ("stump(where(missing(x), const(3), x), 2)", "stump(x, 2)"),
        ("stump(div(lin(-1, (-1, x)), const(2)), 3)", "stump(lin(-1, (-1, x)), 6)"),
        ("stump(lin(-1, (-1, x)), 3)", None),
        ("stump(exp(x), 3)", None),
        ("stump(maximum(x, const(5)), 3)", None),
    ],
}  # fmt: skip
PAIRS = [(rule, *(text.strip() for text in rule.equation.split("->"))) for rule in ALL_RULES] + [
    (rule, before, after) for rule in ALL_RULES for before, after in MORE.get(rule.name, ())
]


def parsed(text):
    return eval(text, dict(WORDS))


def every_row():
    """All pairs of special numbers, with a label that changes from row to row."""
    pool = [*SPECIAL, *GRID, *NOT_FINITE, 7.0, np.nextafter(7.0, 9), 0.1, np.nextafter(0.1, 0)]
    a, b = (v.ravel() for v in np.meshgrid(pool, pool))
    kinds = [*LABELS, None, "unseen"]
    labels = [kinds[i % len(kinds)] for i in range(len(a))]
    return {"x0": a, "x1": b, "x2": np.roll(a, 7), "kind": labels}


def values(roots, X):
    inputs, count = columns_of(inputs_of_formulas(), X)
    return compute(roots, inputs, count)


def bits(column):
    if column.dtype.kind != "f":
        return column.tolist()
    return np.where(np.isnan(column), np.nan, column).view(np.int64).tolist()


def differs(rule, a, b):
    """Where the two sides differ by more than the rule's kind allows: an exact rule, by a bit."""
    if rule.kind == "exact":
        return bits(a) != bits(b)
    # Over the reals: where both are moderate. 0·∞, and a sum that overflows, are no real numbers.
    plain = np.isfinite(a) & np.isfinite(b) & (abs(a) < 1e100)
    lost = np.isfinite(a) & (abs(a) < 1e100) & ~np.isfinite(b)
    return lost.any() or not np.allclose(a[plain], b[plain], rtol=1e-13, atol=1e-13)


def test_rules_have_different_names_and_each_an_equation():
    assert len({rule.name for rule in ALL_RULES}) == len(ALL_RULES)
    assert all(re.fullmatch(r".+ -> .+", rule.equation) for rule in ALL_RULES)
    assert {rule.kind for rule in ALL_RULES} == {"exact", "real"}
    assert set(MORE) <= {rule.name for rule in ALL_RULES}


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
    a, b = values([left, made], every_row())
    assert not differs(rule, a, b)


@many
@given(formulas(size=6), rows())
def test_exact_rules_keep_every_bit(f, X):
    after = simplify(f, kinds=["exact"])
    for a, b in zip(values(f.roots, X), values(after.roots, X), strict=True):
        assert bits(a) == bits(b)


SMOOTH = {"lin", "mul", "min", "max", "table", "tanh", "sigmoid", "abs", "where", "less", "tree"}


@many
@given(formulas(size=6, among=SMOOTH | {"const"}), rows(values=GRID))
def test_real_rules_keep_the_value_but_for_rounding_or_at_a_jump(f, X):
    after = simplify(f)
    exact = simplify(f, kinds=["exact"])
    for name, root in f.outputs.items():
        if root.type is not Type.REAL or any(_jumps(n) for n in toposort([root])):
            continue
        a, b = values([exact.outputs[name], after.outputs[name]], X)
        known = np.isfinite(a) & np.isfinite(b)
        # At most 7 products of numbers below 20: 1e9 · 2⁻⁵³ · 100 roundings.
        assert np.allclose(a[known], b[known], rtol=1e-9, atol=1e-5)


def _jumps(n):
    return (
        n.type is Type.BOOL or n.op is o.TREE or (n.op is o.TABLE and n.args[0].type is Type.REAL)
    )


@given(formulas(size=6))
def test_simplifying_twice_changes_nothing_more(f):
    once = simplify(f)
    again = simplify(once)
    assert again.roots == once.roots


@given(formulas(size=6))
def test_simplifying_makes_nothing_longer(f):
    assert len(simplify(f).nodes) <= len(f.nodes) + 1


def scaler(mean, scale, node):
    return o.div(o.lin(-mean, (1, node)), o.const(scale))


def minmax(low, scale, node):
    return o.lin(low, (scale, node))


CHAINS = {
    "a cast": lambda a, b, n: o.round32(n),
    "a standard scaler": scaler,
    "a min-max scaler": minmax,
    "a clipped one": lambda a, b, n: o.minimum(
        o.maximum(minmax(a, b, n), o.const(-1.0)), o.const(2.0)
    ),
    "a scaler and a cast": lambda a, b, n: o.round32(scaler(a, b, n)),
    "an imputer and a scaler": lambda a, b, n: scaler(a, b, o.where(o.missing(n), o.const(a), n)),
    "a scaler and an imputer": lambda a, b, n: (lambda m: o.where(o.missing(m), o.const(0.25), m))(
        scaler(a, b, n)
    ),
}


@pytest.mark.parametrize("name", sorted(CHAINS))
@given(
    data=st.data(),
    mean=st.floats(-1e6, 1e6) | st.sampled_from(GRID),
    scale=st.floats(1e-6, 1e6) | st.sampled_from([1.0, 0.5, 3.0]),
)
def test_trees_ask_the_same_of_raw_values_down_to_the_last_bit(name, data, mean, scale):
    inner = CHAINS[name](mean, scale, x)
    tree = data.draw(trees(2, sets=False))
    before = o.tree(tree.splits, tree.values, (inner, o.round32(y)))
    after = simplified([before], ["exact"])[before]
    limits = tree.splits.threshold[~tree.splits.leaf]
    near = np.concatenate([limits, limits * scale + mean, (limits - mean) / scale])
    around = [
        near,
        near.astype("f4"),
        *(
            ends
            for k in (-9e99, 9e99)
            for ends in (
                np.nextafter(near, k),
                np.nextafter(near.astype("f4"), np.float32(math.copysign(3e38, k))),
            )
        ),
    ]
    # The moved thresholds themselves, with their neighbours, are the rows that could tell.
    moved = [n.data.splits.threshold for n in toposort([after]) if n.op is o.TREE]
    around += [np.nextafter(t, k) for t in moved for k in (-math.inf, math.inf)] + moved
    pool = np.concatenate([*around, SPECIAL, NOT_FINITE, [3.5e38, -3.5e38]]).astype(float)
    a, b = compute([before, after], [pool, np.roll(pool, 3)], len(pool))
    assert bits(a) == bits(b)


def test_casts_scalers_and_imputers_before_trees_disappear():
    xs = [o.where(o.missing(v), o.const(0.5), v) for v in (x, y)]
    args = tuple(o.round32(scaler(2.0, 3.0, v)) for v in xs)
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [1, 0, 0], [1.0, 0, 0])
    before = o.tree(splits, [0, 1.0, 2.0], args)
    after = simplified([before], ["exact"])[before]
    assert after.args == (x, y)
    assert after.data.splits.missing_left[0]


@given(st.floats(allow_nan=False), st.booleans())
def test_the_threshold_of_a_cast_is_the_midpoint_of_two_float32(t, below):
    rising = lambda v: v.astype("f4").astype("f8")  # noqa: E731
    with np.errstate(over="ignore"):
        new = float(preimage(rising, np.array([t]), below=below)[0])
        near = np.array([new, np.nextafter(new, -math.inf), np.nextafter(new, math.inf)])
        old = rising(near) < t if below else rising(near) <= t
    assert ((near < new if below else near <= new) == old).all()
    if 1e-30 < abs(new) < 1e38:
        # peers.md's closed form: the midpoint m, or the double beside it, as ties go to even.
        f = np.float32(new)
        sides = [float(np.nextafter(f, np.float32(k), dtype="f4")) for k in (-3e38, 3e38)]
        midpoints = [(float(f) + side) / 2 for side in sides]
        assert min(abs(new - m) for m in midpoints) <= math.ulp(new)


def network(chance, sizes):
    layers = [
        Layer.of(chance.normal(size=(b, a)), chance.normal(size=b), "tanh" if b > 1 else "identity")
        for a, b in pairwise(sizes)
    ]
    xs = [scaler(chance.normal(), 1 + chance.random(), o.input_(i)) for i in range(sizes[0])]
    return Formula(
        {"y": Network(tuple(layers)).nodes(xs)[-1][1][0]},
        tuple(Feature(f"x{i}") for i in range(sizes[0])),
    )


def test_scalers_fold_into_the_first_layer_and_layers_stay_apart():
    f = network(np.random.default_rng(0), [15, 60, 60, 1])
    start = time.process_time()
    after = tidy(f)
    assert time.process_time() - start < 0.5  # 0.01 s alone
    assert len(after.nodes) == 256
    first = [n for n in after.nodes if n.op is o.LIN and n.args[0].op is o.INPUT]
    assert len(first) == 60 and len({n.args for n in first}) == 1
    X = np.random.default_rng(1).normal(size=(200, 15))
    # 60 terms a sum, three layers: γ₆₀ · Σ|w·x| (≈ 400) stays below 1e-11.
    assert np.abs(f(X) - after(X)).max() < 1e-11


def forest(chance, count, args, depth=6):
    n = 2 ** (depth + 1) - 1
    left = [2 * i + 1 if 2 * i + 1 < n else -1 for i in range(n)]
    right = [child + 1 if child > 0 else -1 for child in left]
    made = []
    for _ in range(count):
        splits, _ = splits_from(
            left, right, chance.integers(0, len(args), n), chance.normal(size=n)
        )
        made.append(o.tree(splits, chance.normal(size=n), args))
    return made


def test_500_trees_behind_a_scaler_are_simplified_in_time_and_exactly():
    chance = np.random.default_rng(0)
    args = tuple(o.round32(scaler(chance.normal(), 1.5, o.input_(i))) for i in range(20))
    total = o.div(o.linear(0.0, [1.0] * 500, forest(chance, 500, args)), o.const(500))
    f = Formula({"y": total}, tuple(Feature(f"x{i}") for i in range(20)))
    start = time.process_time()
    after = tidy(f)
    assert time.process_time() - start < 2.0  # 0.12 s alone
    assert after.roots[0].op is o.DIV
    X = chance.normal(size=(500, 20)).round(2)
    assert (f(X) == after(X)).all()


def test_one_hot_columns_of_a_linear_model_become_one_lookup():
    f = Formula(
        {"y": parsed("lin(1, (p, dummy(s, 'A')), (2, x), (q, dummy(s, 'B')))")},
        inputs_of_formulas(),
    )
    after = tidy(f)
    assert [n.op.name for n in after.nodes].count("table") == 1


def test_one_hot_columns_before_a_hidden_layer_stay_columns():
    columns = (dummy(s, "A"), dummy(s, "B"), x)
    hidden = [o.tanh(o.linear(0.1, [k, 2.0, 3.0], columns)) for k in (1.5, 2.5)]
    f = Formula({"y": o.lin(0, (2, hidden[0]), (3, hidden[1]))}, inputs_of_formulas())
    assert tidy(f).roots == f.roots


def test_what_is_used_twice_is_not_merged_and_what_is_used_once_is():
    inner = o.lin(1, (2, x), (3, y))
    once = Formula({"y": o.lin(0, (5, inner), (1, z))}, inputs_of_formulas())
    assert tidy(once).roots == [o.lin(5, (10, x), (15, y), (1, z))]
    twice = Formula({"y": o.lin(0, (5, inner), (1, o.tanh(inner)))}, inputs_of_formulas())
    assert tidy(twice).roots == twice.roots


def test_the_trail_says_which_rules_fired_and_of_which_kind():
    f = Formula({"y": o.where(o.boolean(True), scaler(1.0, 4.0, x), y)}, inputs_of_formulas())
    exact, real = tidy(f).trail
    assert (exact.kind, dict(exact.found["rules"])) == ("exact", {"certain choice": 1})
    assert (real.kind, set(real.found["rules"])) == ("real", {"over a constant", "nested sum"})
    assert [step.kind for step in tidy(f, fold=False).trail] == ["exact"]
    assert tidy(tidy(f)).trail == (exact, real)


def test_names_stay_with_what_is_still_computed():
    h = o.tanh(scaler(1.0, 2.0, x))
    plain = o.lin(0, (1, y))
    f = Formula(
        {"y": o.mul(h, plain)}, inputs_of_formulas(), names={h: "h", h.args[0]: "a", plain: "b"}
    )
    after = tidy(f)
    assert sorted(after.names.values()) == [
        "a",
        "h",
    ]  # `b` became the input, which has its own name
    assert {name: n.op.name for n, name in after.names.items()} == {"h": "tanh", "a": "lin"}


def test_a_kind_that_no_rule_has_is_refused():
    with pytest.raises(BadInput, match="approx"):
        simplify(Formula({"y": x}, inputs_of_formulas()), kinds=["approx"])


def test_long_chains_are_simplified_without_recursion():
    n = c
    for _ in range(50_001):
        n = o.negate(n)
    assert simplified([n])[n] is o.negate(c)
    assert pickle.loads(pickle.dumps(n)) is n
