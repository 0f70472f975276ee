"""What the tests of R, MATLAB, Julia and VBA programs share."""

import math

import numpy as np
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.verify.running import runner
from programs import assert_same, left_to_right, same
from strategies import LABELS, formulas, rows
from test_c import AMONG, relabelled, unknown_as_itself

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
NAMES = load_iris().target_names[KINDS]
A, B = ops.input_(0), ops.input_(1)
KIND = ops.input_(2, Type.LABEL)
FEATURES = (Feature("a"), Feature("b"), Feature("kind", Type.LABEL, ("red", "blue")))
ROWS = {
    "a": [0.25, math.nan, 0.9, -0.0],
    "b": [0.5, 0.25, math.nan, 1.0],
    "kind": ["red", None, "x", "blue"],
}
DEGENERATE = {
    "a constant": {"y": ops.const(2.5)},
    "a constant label": {"y": ops.label("red")},
    "a missing label": {
        "y": ops.label(None),
        "z": ops.where(ops.less(A, B), KIND, ops.label(None)),
    },
    "an input": {"a": A, "y": A},
    "a label passed through": {"kind": KIND, "y": KIND},
    "a truth": {"y": ops.less(A, B), "z": ops.boolean(True)},
    "one of another": {"y": ops.lin(1, (2, A)), "z": ops.exp(ops.lin(1, (2, A)))},
    "not less": {"y": ops.where(ops.negate(ops.less(A, B)), ops.const(1), ops.const(0))},
    "a choice of constants": {"y": ops.where(ops.missing(A), ops.const(math.nan), ops.const(3))},
    "zeros": {"y": ops.div(ops.const(1), A), "z": ops.power(A, -3)},
}
"""Formulas at the edge of what a program must hold."""

REFUSING = Formula(
    {"y": ops.table(KIND, {"red": 1.0, "blue": 2.0}, 0.0, 0.0), "z": KIND, "t": ops.missing(A)},
    (Feature("a", missing=False), Feature("b"),
     Feature("kind", Type.LABEL, ("red", "blue"), unseen=False)),
)  # fmt: skip
"""A formula that takes neither a missing number nor an unseen label."""

LABELLED = st.tuples(
    AMONG.flatmap(lambda among: formulas(outputs=12, size=50, among=among)), rows(), st.booleans()
)
"""A random formula, rows for it, and whether its labels are texts or numbers."""


def made_of_one_type(formula, X, as_text):
    """The formula and its rows with labels of one type."""
    new = {v: f"{v}" if as_text else float(i) for i, v in enumerate(LABELS)}
    X = X | {"kind": [v if as_text or v in new else None for v in X["kind"]]}
    return relabelled(formula, X, new)


def ran(target, formula, X, **options):
    """Every output of the program, for all rows; NaN of a label is none."""
    columns = [list(X[f.name]) for f in formula.inputs]
    program = formula.to(target, **options)
    found, error = runner(target)(program, formula.inputs, columns, [*formula.outputs], {})
    assert not error, error
    for name, n in formula.outputs.items():
        if n.type is Type.LABEL:
            found[name] = [None if v is None or v != v else v for v in found[name]]
    return found


def assert_equal_everywhere(target, formula, X):
    wanted = left_to_right(formula, X)
    assert_same(unknown_as_itself(ran(target, formula, X), wanted, X), wanted, same)


def assert_near(found, wanted):
    """The same to rounding: matrix products may add in another order."""
    for name, column in wanted.items():
        for a, b in zip(found[name], column, strict=True):
            if isinstance(b, float) and b == b:
                assert math.isclose(a, b, rel_tol=1e-12), (name, a, b)
            else:
                assert a == b or ((a is None or a != a) and (b is None or b != b)), (name, a, b)


def small_formulas():
    """Models of a few numbers, as their programs are to be read."""
    models = {
        "tree": DecisionTreeClassifier(max_depth=2, random_state=0),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "boosted": GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0),
    }
    for model in models.values():
        model.fit(FLOWERS, NAMES)
    _same_on_every_processor(*models["logistic"])
    return {name: cf.read(model) for name, model in models.items()}


def _same_on_every_processor(scaler, last):
    """Round what was trained to powers of two and 64ths: its last bits depend on the processor."""
    scaler.mean_, scaler.scale_ = np.round(scaler.mean_), 2 ** np.round(np.log2(scaler.scale_))
    last.coef_, last.intercept_ = np.round(last.coef_ * 64) / 64, np.round(last.intercept_)
