"""A formula for each op: what the tests of targets, and the table of them in the docs, write."""

from closedform import ops
from closedform.formula import Feature
from closedform.ir import Type
from closedform.ops.payloads import Pieces, splits_from

A, B = ops.input_(0), ops.input_(1)
KIND = ops.input_(2, Type.LABEL)
TEST = ops.less(A, B)
ONE = {
    "const": ops.const(2.5),
    "label": ops.label("red"),
    "input": A,
    "lin": ops.lin(1, (2, A), (-3, B)),
    "squared_distance": ops.squared_distance([A, B], [0.5, 0.0], [-2.0, 1.0]),
    "sum32": ops.sum32(A, ops.const(1e8), B),
    "kth": ops.kth(2, A, ops.const(0.6), B),
    "weighted_median": ops.weighted_median([0.5, 1.0, 0.75], [A, ops.const(0.6), B]),
    "mul": ops.mul(A, B),
    "div": ops.div(A, B),
    "pow": ops.power(A, 3),
    "min": ops.minimum(A, B),
    "max": ops.maximum(A, B),
    "less": ops.where(TEST, A, B),
    "less_equal": ops.where(ops.less_equal(A, B), A, B),
    "equal": ops.where(ops.equal(KIND, ops.label("red")), A, B),
    "member": ops.where(ops.member(KIND, ["red", "blue"]), A, B),
    "missing": ops.where(ops.missing(A), ops.const(0), A),
    "and": ops.where(ops.both(TEST, ops.less(B, ops.const(2))), A, B),
    "or": ops.where(ops.either(TEST, ops.less(B, ops.const(2))), A, B),
    "not": ops.where(ops.negate(TEST), A, B),
    "where": ops.where(TEST, A, B),
    "tree": ops.tree(splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.6, 0, 0])[0],
                     [0.0, 1.0, 2.0], [A, B]),
    "table": ops.table(KIND, {"red": 1.0, "blue": 2.0}, 0.0, -1.0),
    "piecewise": ops.piecewise(A, Pieces.of([0.0, 1.0], [[1.0, 2.0], [0.5, 0.0], [2.0, -1.0]])),
    **{name: ops.unary(name, A) for name in ops.UNARY},
}  # fmt: skip
FEATURES = (Feature("a"), Feature("b"), Feature("kind", Type.LABEL, ("red", "blue")))
ROWS = {
    "a": [0.25, 0.5, 0.9, 0.75],
    "b": [0.5, 0.25, 3.0, 1.0],
    "kind": ["red", "blue", "x", "red"],
}
