"""Formulas as large as models are, for what a target must write without growing or ending."""

from itertools import pairwise

import numpy as np

from closedform import ops
from closedform.formula import Feature, Formula, Task, label_of
from closedform.ir import Type
from closedform.ops.payloads import splits_from


def inputs(count):
    return [ops.input_(i) for i in range(count)], tuple(Feature(f"x{i}") for i in range(count))


def full_tree(rng, args, depth):
    count = 2 ** (depth + 1) - 1
    inner = 2**depth - 1
    left = [2 * i + 1 if i < inner else -1 for i in range(count)]
    right = [2 * i + 2 if i < inner else -1 for i in range(count)]
    features, limits = rng.integers(len(args), size=count), rng.normal(size=count)
    to_left = rng.random(count) < 0.5
    splits, order = splits_from(left, right, features, limits, missing_left=to_left)
    return ops.tree(splits, rng.normal(size=count)[order], args)


def boosted(trees=500, depth=6, columns=10):
    rng = np.random.default_rng(0)
    xs, features = inputs(columns)
    terms = [(0.1, full_tree(rng, xs, depth)) for _ in range(trees)]
    return Formula({"y": ops.lin(0.5, *terms)}, features)


def network(*sizes):
    rng = np.random.default_rng(0)
    now, features = inputs(sizes[0])
    for below, size in pairwise(sizes):
        weights, bias = rng.normal(size=(size, below)) / below, rng.normal(size=size)
        sums = [ops.linear(b, w, now) for b, w in zip(bias, weights, strict=True)]
        now = [ops.tanh(n) for n in sums] if size > 1 else sums
    return Formula({"y": now[0]}, features)


def many_classes(count=200):
    rng = np.random.default_rng(0)
    xs, features = inputs(3)
    scores = [ops.linear(b, rng.normal(size=3), xs) for b in rng.normal(size=count)]
    names = tuple(f"class {i}" for i in range(count))
    outputs = {"label": label_of(scores, names)} | dict(
        zip((f"score {n}" for n in names), scores, strict=True)
    )
    return Formula(outputs, features, Task("classification", names, primary=("label",)))


def many_categories(count=1000):
    known = {f"category {i}": i / 7 for i in range(count)}
    kind = ops.input_(0, Type.LABEL)
    return Formula({"y": ops.table(kind, known, -1.0, -2.0)},
                   (Feature("kind", Type.LABEL, tuple(known)),))  # fmt: skip


def long_sum(count=3000):
    xs, features = inputs(count)
    return Formula({"y": ops.linear(0.5, np.arange(1, count + 1) / 7, xs)}, features)


def deep_chain(count=400):
    (x,), features = inputs(1)
    now = x
    for _ in range(count):
        now = ops.lin(0.1, (0.5, ops.tanh(now)), (0.25, ops.mul(now, now)))
    return Formula({"y": now}, features)


BIG = {
    "boosted": boosted, "network": lambda: network(15, 60, 60, 1), "classes": many_classes,
    "categories": many_categories, "sum": long_sum, "chain": deep_chain,
}  # fmt: skip


def rows_of(formula, count=5):
    rng = np.random.default_rng(1)
    rows = {}
    for f in formula.inputs:
        if f.categories:
            rows[f.name] = [f.categories[i] for i in rng.integers(len(f.categories), size=count)]
        else:
            rows[f.name] = [*rng.normal(size=count - 1).tolist(), float("nan")]
    return rows
