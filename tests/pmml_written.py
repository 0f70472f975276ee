"""Formulas whose PMML is recorded with what JPMML answers; they need no package but this one."""

import math
from pathlib import Path

from closedform import ops
from closedform.formula import Feature, Formula, Task
from closedform.ir import Type
from closedform.ops.payloads import splits_from

FOLDER = Path(__file__).with_name("pmml_written")
"""A document for each formula, and answers.json: JPMML-Evaluator 1.7.7 (see record_pmml.py)."""
A, B = ops.input_(0), ops.input_(1)
KIND = ops.input_(2, Type.LABEL)
FEATURES = (Feature("a"), Feature("b (cm)"), Feature("kind", Type.LABEL, ("red", "blue")))
LEFT = [True, False, True, True, True]
SHAPE, _ = splits_from([1, 3, -1, -1, -1], [2, 4, -1, -1, -1], [0, 1, 0, 0, 0],
                       [0.6, 2.5, 0, 0, 0], missing_left=LEFT)  # fmt: skip


def tree(*leaves):
    return ops.tree(SHAPE, [0.0, 0.0, *leaves], [A, B])


def network():
    hidden = [ops.tanh(ops.lin(0.25, (w, A), (-0.5, B))) for w in (0.5, -1.0)]
    return ops.lin(0.1, (2.0, hidden[0]), (-3.0, hidden[1]))


SCORES = [ops.lin(0.5, (1.0, A)), ops.lin(-0.5, (-2.0, A), (1.0, B)), ops.lin(0, (0.5, B))]


def classifier(scores):
    top = ops.maximum(*scores)
    parts = [ops.exp(ops.lin(0, (1, s), (-1, top))) for s in scores]
    total = ops.lin(0, *((1, p) for p in parts))
    second = ops.where(ops.equal(scores[1], top), ops.label("no"), ops.label("may be"))
    label = ops.where(ops.equal(scores[0], top), ops.label("yes"), second)
    names = ("P(yes)", "P(no)", "P(may be)")
    outputs = {"label": label} | {
        name: ops.div(p, total) for name, p in zip(names, parts, strict=True)
    }
    task = Task("classification", ("yes", "no", "may be"), "softmax", ("label",), names)
    return Formula(outputs, (Feature("a", missing=False), Feature("b (cm)", missing=False)), task)


def by_a_tree():
    shares = [tree(*leaves) for leaves in ((0.7, 0.25, 0.5), (0.3, 0.75, 0.5))]
    yes = ops.equal(shares[0], ops.maximum(*shares))
    names = ("P(yes)", "P(no)")
    outputs = {"label": ops.where(yes, ops.label("yes"), ops.label("no"))}
    task = Task("classification", ("yes", "no"), "vote", ("label",), names)
    return Formula(outputs | dict(zip(names, shares, strict=True)), FEATURES, task)


def by_a_score():
    score = ops.lin(0.5, (1.0, A), (-2.0, B))
    label = ops.where(ops.less(ops.const(0), score), ops.label("yes"), ops.label("no"))
    yes = ops.sigmoid(score)
    names = ("P(no)", "P(yes)")
    outputs = {"label": label, "P(no)": ops.lin(1, (-1, yes)), "P(yes)": yes, "score": score}
    task = Task("classification", ("no", "yes"), "logit", ("label",), names, ("score",))
    return Formula(outputs, (Feature("a", missing=False), Feature("b (cm)", missing=False)), task)


CODED = ops.table(KIND, {"red": 1.5, "blue": -2.0}, 0.0, 0.5)
FORMULAS = {
    "linear": Formula({"y": ops.lin(1.0, (2.0, A), (-0.1, B))}, FEATURES),
    "network": Formula({"y": network()}, FEATURES),
    "classifier": classifier([ops.tanh(n) for n in SCORES]),
    "by_scores": classifier(SCORES),
    "by_a_tree": by_a_tree(),
    "by_a_score": by_a_score(),
    "trees": Formula(
        {"y": ops.lin(0.5, (1.0, CODED), (0.1, tree(1.0, 2.0, 3.0)), (0.1, tree(-1.0, 0.5, 0.1)))},
        FEATURES,
    ),
    "booster": Formula(
        {"y": ops.sum32(ops.const(0.1), tree(0.1, 0.2, 0.3), tree(1e8, -1e8, 0.7))}, FEATURES
    ),
    "functions": Formula(
        {"y": ops.log(A), "floor": ops.unary("floor", B), "power": ops.power(A, B),
         "least": ops.minimum(A, B), "root": ops.sqrt(A), "share": ops.div(A, B)},
        FEATURES,
    ),
}  # fmt: skip
ROWS = {
    "a": [0.5, 0.6, 1.0, math.nan, -2.0, 0.0, 3.0, math.nan],
    "b (cm)": [2.5, 2.5000000000000004, -1.0, 3.0, math.nan, 0.0, 5e9, math.nan],
    "kind": ["red", "blue", "green", None, "red", "blue", None, "red"],
}
