"""What the tests of printed programs share: running them, and what they must give."""

import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from closedform import ops
from closedform.columns import columns_of
from closedform.ir import Type, fold
from closedform.ops.payloads import label_code, labels_of
from closedform.verify.running import RUNNERS, available
from strategies import LABELS

SELDOM = {"mathematica"}
"""Targets that take 0.1 s for a row (Mathics): slow tests of their own ask them for few."""
PROGRAMS = tuple(t for t in RUNNERS if t not in SELDOM and available(t))
"""The targets whose programs can be run on this machine."""

HEAVY = {"excel", "excel_formula", "ibis", "jax", "pmml", "vba"}
"""Targets that take seconds for each run: `make test-all` runs them."""

TOO_LONG = {"excel_formula": ("boosted", "categories", "shapes", "forest")}
"""Models that are longer than a target allows; it says so."""


def each(targets):
    """Return targets as the values of a test's argument, those that take long marked as slow."""
    slow = pytest.mark.slow
    return [pytest.param(t, marks=slow) if t in HEAVY else t for t in targets]


NEEDS_GRAPHVIZ = pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not here")


def with_their_tools(targets):
    """The names of targets, SVG skipped where nothing can lay it out."""
    return [pytest.param(t, marks=NEEDS_GRAPHVIZ) if t == "svg" else t for t in targets]


# A label that no formula knows equals no other one, not even itself; a program cannot know that.
for _label in ("unseen", *LABELS):
    label_code(_label)

NUMPY_MATH = SimpleNamespace(
    **{name: getattr(math, name) for name in dir(math) if not name.startswith("__")}
)
"""`math` with NumPy's own functions: the C library's may differ from them in the last bit."""


def _numpys(function):
    def of_one(x):
        with np.errstate(all="ignore"):
            return float(function(np.array([x]))[0])

    return of_one


for _name in ("exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sqrt"):
    setattr(NUMPY_MATH, _name, _numpys(getattr(np, _name)))
for _name in ("atan", "asin", "acos"):
    setattr(NUMPY_MATH, _name, _numpys(getattr(np, f"arc{_name[1:]}")))


def _power(a, b):
    math.pow(a, b)  # for its errors
    with np.errstate(all="ignore"):
        return float(np.power(np.array([a, a]), np.array([b, b]))[0])


NUMPY_MATH.pow = _power


def run(text: str, **replaced) -> SimpleNamespace:
    """Execute a printed module and return what it defines."""
    namespace: dict = {"__name__": "printed"}
    exec(compile(text, "<printed>", "exec"), namespace)
    namespace.update(replaced)
    return SimpleNamespace(**{k: v for k, v in namespace.items() if not k.startswith("__")})


def by_rows(program, formula, X) -> dict[str, list]:
    """Every output of a program of one row, for all rows; numbers as floats."""
    columns = [X[f.name] for f in formula.inputs]
    found = [program.evaluate(*row) for row in zip(*columns, strict=True)]
    return {name: [one[name] for one in found] for name in formula.outputs}


def left_to_right(formula, X) -> dict[str, list]:
    """What a formula means when every sum is added in its own order, without any grouping."""
    inputs, rows = columns_of(formula.inputs, X)

    def step(n, *args):
        with np.errstate(all="ignore"):
            if n.op is ops.INPUT:
                return inputs[n.data]
            value = n.op.numpy(n.data, *args)
            if n.op is ops.POW:
                # NumPy squares by x·x, but not where the exponents are a column: with AVX-512,
                # 1e-8 to the power of 2 is then an ulp off.
                value = np.where(args[1] == 2, args[0] * args[0], value)
            return np.broadcast_to(value, (rows,))

    guard = [] if formula.refused is None else [formula.refused]
    *values, refused = [*fold([*formula.roots, *guard], step), *([None] * (not guard))]
    return {
        name: _plain(n, value, refused)
        for (name, n), value in zip(formula.outputs.items(), values, strict=True)
    }


def _plain(n, value, refused) -> list:
    if n.type is Type.LABEL:
        value = labels_of(value)
    absent = None if n.type is Type.LABEL else math.nan
    gone = [False] * len(value) if refused is None else refused.tolist()
    return [absent if g else v for v, g in zip(value.tolist(), gone, strict=True)]


def same(a, b) -> bool:
    """The same number, truth or label; all NaN are one."""
    if isinstance(a, float) and isinstance(b, float) and a != a:
        return b != b
    return a == b and isinstance(a, str) == isinstance(b, str)


def assert_same(found: dict[str, list], wanted: dict[str, list], near=same) -> None:
    assert list(found) == list(wanted)
    for name, column in wanted.items():
        differ = [i for i, v in enumerate(column) if not near(found[name][i], v)]
        assert not differ, (name, differ[0], found[name][differ[0]], column[differ[0]])


def predicted_by(target: str, formula, rows) -> np.ndarray:
    """Return what the printed program predicts for each row of a DataFrame or an array."""
    program = run(formula.to(target))
    if target == "numpy":
        return program.predict(rows)
    listed = rows.to_numpy() if hasattr(rows, "to_numpy") else rows
    return np.array([program.predict(list(row)) for row in listed])
