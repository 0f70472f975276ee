"""Columns, categories and outputs of any name: in every program they stay names."""

import math

import numpy as np
import pytest

import closedform as cf
from closedform import ops
from closedform.formula import Feature, Formula
from closedform.ir import Type
from programs import PROGRAMS, each

NAMES = [
    "'; DROP TABLE x; --", "__proto__", 'a"b', "=cmd|'/c calc'!A0", "a\nb", "a\r\nb", "\t",
    "select",
    "N", "I", "E", "S", "lambda", "class", "abs", "math", "np", "exp", "evaluate", "row", "x1",
    "'; import os; os.system('exit 3') #", '"""', "\n    raise SystemExit(3)", "a\\", "{0}", "",
    "petal length (cm)", "petal_length_cm", "身長", "x", "None", "print", "inf", "INPUTS", "*/",
    "//", "-->", "</script>", "${x}", "`x`", "[x]", "%d%n", "\\n", "A1", "R1C1", "TRUE", "\u202e",
    "?", "$1", ":a", "@x", "#x", "é" * 70, "constructor", "this", "fn", "end", "NULL", "nan", "a.b",
    "A", "a", "+1", "-1", "😀", "\x7f", "x" * 300,
]  # fmt: skip
"""What breaks out of quotes and comments, keywords, and names that a program might use itself."""

SLOW = {
    "python": 40,
    "numpy": 20,
    "javascript": 20,
    "c": 10,
    "sympy": 4,
    "excel": 3,
    "excel_formula": 3,
}
"""So many made-up sets of names are tried; one of those targets whose programs take seconds."""


def made_up_names(rng, count):
    """Return names of one to three pieces, all different."""
    found = {}
    while len(found) < count:
        pieces = rng.choice(len(NAMES), size=rng.integers(1, 4))
        found["".join(NAMES[i] for i in pieces)] = None
    return list(found)


def of_names(names, labels, outputs):
    """Return a formula that reads every input, and has outputs of both types."""
    *numbers, kind = names
    inputs = [ops.input_(i) for i in range(len(numbers))]
    label = ops.input_(len(numbers), Type.LABEL)
    total = ops.lin(0.5, *((1 + i / 8, x) for i, x in enumerate(inputs)))
    coded = ops.table(label, {v: i + 1.0 for i, v in enumerate(labels)}, -1.0, -2.0)
    chosen = ops.where(ops.less(total, coded), ops.label(labels[0]), ops.label(labels[1]))
    features = (*map(Feature, numbers), Feature(kind, Type.LABEL, tuple(labels)))
    made = [ops.lin(0, (1, total), (2, coded)), chosen, coded]
    return Formula(dict(zip(outputs, made, strict=True)), features)


def rows_of(formula, rng, count):
    *numbers, kind = formula.inputs
    rows = {f.name: rng.normal(size=count).round(3).tolist() for f in numbers}
    return rows | {kind.name: [kind.categories[i % len(kind.categories)] for i in range(count)]}


def assert_names_stay_names(target, names, labels, outputs, rng):
    formula = of_names(names, labels, outputs)
    # 1e-12: one sum, whose terms may be added in another order.
    ran = cf.verify_program(formula, target, rows_of(formula, rng, 6), tolerance=1e-12,
                            made_up=False)  # fmt: skip
    assert ran.ok, (ran, names, labels, outputs)
    assert not math.isnan(ran.worst_relative)


@pytest.mark.parametrize("target", each(PROGRAMS))
def test_every_hostile_name_of_a_column_stays_a_name(target):
    rng = np.random.default_rng(0)
    assert_names_stay_names(target, NAMES, ["a", "b"], ["y", "kind", "code"], rng)


@pytest.mark.parametrize("target", each(PROGRAMS))
def test_made_up_hostile_names_of_columns_categories_and_outputs_stay_names(target):
    rng = np.random.default_rng(1)
    for _ in range(SLOW.get(target, 1)):
        names, labels, outputs = (made_up_names(rng, count) for count in (5, 6, 3))
        assert_names_stay_names(target, names, labels, outputs, rng)
