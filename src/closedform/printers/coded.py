"""Labels as numbers, for languages of arrays, which have no texts: each label is its position.

A missing label is NaN, as a missing number is, and one that no part of the formula knows a number
below 0: so every comparison, table and test means of codes what it means of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort, with_args
from closedform.ops.payloads import Label

REFUSED = "\0refused"
"""The name of an output that no model has."""


@dataclass(frozen=True)
class Coded:
    """A formula of numbers alone.

    Attributes:
        formula: the same outputs over the same inputs; those that are labels are numbers there.
            Where it refuses rows, it has one more output, `REFUSED`, which tells which.
        labels: the label that each code stands for; the classes come first.
        named: which outputs hold codes of labels.
    """

    formula: Formula
    labels: tuple[Label, ...]
    named: frozenset[str]


def coded(formula: Formula) -> Coded:
    """Return a formula in which labels are numbers, and what never varies is computed."""
    refused = formula.refused
    order = toposort([*formula.roots, *([] if refused is None else [refused])])
    labels = _labels(formula, order)
    codes = {label: float(i) for i, label in enumerate(labels)}
    became: dict[Node, Node] = {}
    for n in order:
        became[n] = _folded(_rewritten(n, tuple(became[a] for a in n.args), codes))
    outputs = {name: became[n] for name, n in formula.outputs.items()}
    names = {became[n]: name for n, name in formula.names.items() if n in became}
    if refused is not None:
        outputs[REFUSED] = became[refused]
    inputs = tuple(replace(f, type=Type.REAL, missing=True, unseen=True) for f in formula.inputs)
    named = frozenset(k for k, n in formula.outputs.items() if n.type is Type.LABEL)
    return Coded(replace(formula, outputs=outputs, inputs=inputs, names=names), labels, named)


def _labels(formula: Formula, order: list[Node]) -> tuple[Label, ...]:
    found: dict[Label, None] = dict.fromkeys(formula.task.classes)
    for feature in formula.inputs:
        if feature.type is Type.LABEL:
            found.update(dict.fromkeys(feature.categories or ()))
    for n in order:
        found.update(dict.fromkeys(_labels_of(n)))
    return tuple(label for label in found if label is not None and label == label)


def _labels_of(n: Node) -> Iterator[Any]:
    if n.op is ops.LABEL:
        yield n.data[0]
    elif n.op in (ops.TABLE, ops.MEMBER) and n.args[0].type is Type.LABEL:
        yield from n.data.labels if n.op is ops.TABLE else n.data


def _rewritten(n: Node, args: tuple[Node, ...], codes: Mapping[Label, float]) -> Node:
    of_label = bool(n.args) and n.args[0].type is Type.LABEL
    rule = _RULES.get(n.op.name) if of_label or n.op.name in _ALWAYS else None
    return with_args(n, args) if rule is None else rule(n, args, codes)


Rule = Callable[[Node, tuple[Node, ...], Mapping[Label, float]], Node]


def _equal(n: Node, args: tuple[Node, ...], codes: Mapping[Label, float]) -> Node:
    same = ops.equal(*args)
    if any(a.op is ops.LABEL for a in n.args):
        return same
    # Two labels that nobody knows have one code, and are not known to be the same.
    return ops.both(same, ops.less_equal(ops.const(0), args[0]))


def _table(n: Node, args: tuple[Node, ...], codes: Mapping[Label, float]) -> Node:
    entries = zip(n.data.labels, n.data.values.tolist(), strict=True)
    return ops.table(args[0], {codes[k]: v for k, v in entries}, n.data.default, n.data.missing)


_RULES: dict[str, Rule] = {
    "input": lambda n, args, codes: ops.input_(n.data),
    "label": lambda n, args, codes: ops.const(codes.get(n.data[0], np.nan)),
    "where": lambda n, args, codes: ops.where(*args),
    "equal": _equal,
    "member": lambda n, args, codes: ops.member(
        args[0], [codes[v] for v in n.data if v is not None and v == v]
    ),
    "table": _table,
}
_ALWAYS = ("input", "label", "where")
"""Operations whose own type tells whether they are of labels."""


def _folded(n: Node) -> Node:
    if n.op is ops.WHERE and n.args[0].op is ops.CONST:
        return n.args[1] if n.args[0].data else n.args[2]
    if n.op in (ops.CONST, ops.INPUT, ops.LABEL) or any(a.op is not ops.CONST for a in n.args):
        return n
    with np.errstate(all="ignore"):
        value = n.op.numpy(n.data, *[np.asarray(a.data) for a in n.args])
    found = np.ravel(value)[0].item()
    return ops.boolean(found) if n.type is Type.BOOL else ops.const(found)


def without_constants(formula: Formula) -> Formula:
    """Return the formula with everything computed that is the same for every row."""
    became: dict[Node, Node] = {}
    for n in formula.nodes:
        became[n] = _folded(with_args(n, tuple(became[a] for a in n.args)))
    return formula.with_outputs(became)
