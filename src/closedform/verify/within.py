"""Hypotheses about single columns that were not scaled, and about the score inside a link."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from closedform import ops
from closedform.ir import Node, Op, substitute
from closedform.verify.case import Case, Hypothesis
from closedform.verify.numbers import MOST_INPUTS, coefficients, single_numbers
from closedform.verify.steps import last_columns, reads, rewritten

NEAR = 0.02
"""A share of a column's change counts as none or all of it if it is so near to 0 or 1."""

# --- scaled, but for some columns ---------------------------------------------------------------


def partly_left_out(case: Case, mine: Node) -> Iterator[Hypothesis]:
    """Yield the expression with the preprocessing put in for some of the columns.

    Which columns those are is a least-squares problem where the expression is a sum of terms, each
    of one column: what is lacking is the sum of what each column changes, times 0 or 1.
    """
    stages = [s for s in case.formula.stages if s.kind == "transform"]
    used = reads(mine)
    new = {old: x for old, x in last_columns(stages).items() if old.data in used}
    if not 2 <= len(new) <= MOST_INPUTS:
        return
    names = " and the ".join(dict.fromkeys(s.name for s in stages))
    alone = [substitute([mine], {old: x})[0] for old, x in new.items()]
    for name, theirs in case.outputs.items():
        for picked in _which(case, mine, theirs, alone):
            some = {old: x for (old, x), is_in in zip(new.items(), picked, strict=True) if is_in}
            made = substitute([mine], some)[0]
            columns = ", ".join(f"`{case.formula.inputs[old.data].name}`" for old in some)
            says = f"The {names} is missing on {columns}."
            yield Hypothesis("transform", says, made, theirs, name, tuple(rewritten(case, some)))


def _which(case: Case, mine: Node, theirs: Node, alone: Sequence[Node]) -> Iterator[Sequence[bool]]:
    each = np.eye(len(alone), dtype=bool)
    before = case.value(case.sample, mine)
    moves = np.column_stack([case.value(case.sample, n) - before for n in alone])
    wanted = case.value(case.sample, theirs) - before
    known = np.isfinite(wanted) & np.isfinite(moves).all(axis=1)
    size = np.abs(moves[known]).max(axis=0, initial=0.0)
    if known.sum() > len(alone) and size.all():
        shares = np.linalg.lstsq(moves[known] / size, wanted[known], rcond=None)[0] / size
        whole = np.round(shares)
        if (np.abs(shares - whole) < NEAR).all() and set(whole) == {0.0, 1.0}:
            yield (whole == 1).tolist()
    yield from each.tolist()
    yield from (~each).tolist()


# --- the score inside a link --------------------------------------------------------------------

LINKS: Mapping[Op, Callable[[Node], Node]] = {ops.SIGMOID: ops.sigmoid, ops.EXP: ops.exp}


def inside_the_link(case: Case) -> Iterator[Hypothesis]:
    """Yield what may be wrong with the score, where the expression and an output are links of one.

    A number that is added before a sigmoid is none that is added, or multiplied by, after it.
    """
    link, mine = _score(case, case.mine)
    if link is None:
        return
    for name, theirs in case.outputs.items():
        if theirs.op is link:
            within = replace(case, outputs={name: theirs.args[0]})
            for tried in (partly_left_out, single_numbers, coefficients):
                for h in tried(within, mine):
                    yield replace(h, mine=LINKS[link](h.mine), theirs=theirs)


def _score(case: Case, n: Node) -> tuple[Op | None, Node]:
    """Return the link that an expression takes, however it is spelled, and of what."""
    if n.op in LINKS:
        return n.op, n.args[0]
    if n.op is ops.DIV and n.args[1].op is ops.LIN:
        top, bottom = n.args
        one, parts = _number_and_rest(case, bottom)
        if one == 1 and len(parts) == 1 and parts[0].op is ops.EXP:
            if _number(case, top) == 1:
                return ops.SIGMOID, ops.lin(0, (-1, parts[0].args[0]))
            closed = case.expression.closed  # 0.5 and 0.5 are two numbers until then
            if closed(top) is closed(parts[0]):
                return ops.SIGMOID, top.args[0]
    return None, n


def _number_and_rest(case: Case, n: Node) -> tuple[float, list[Node]]:
    """Return the number in a sum of weights 1, and its other terms."""
    if (n.data.weights != 1).any():
        return np.nan, []
    numbers = [_number(case, a) for a in n.args]
    rest = [a for a, x in zip(n.args, numbers, strict=True) if x is None]
    return n.data.bias + sum(x for x in numbers if x is not None), rest


def _number(case: Case, n: Node) -> float | None:
    """Return the value of a number in the expression, None of anything else."""
    if n.op is ops.CONST:
        return float(n.data)
    number = n.op is ops.INPUT and n.data >= case.expression.first
    return case.expression.literals[n.data - case.expression.first].value if number else None
