"""Rewrite what a target cannot spell into what it can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from closedform.errors import UnsupportedTarget
from closedform.formula import Formula, Step
from closedform.ir import OPS, Node, rewrite, toposort

ALWAYS = frozenset({"const", "input"})
"""Every target writes numbers and names."""


def lower(formula: Formula, spelled: Collection[str], *, target: str = "the target") -> Formula:
    """Return the formula in those operations alone whose names are in `spelled`.

    Args:
        formula: any formula.
        spelled: names of operations, as "exp"; numbers and inputs are always spelled.
        target: what to call the target in an error.

    Raises:
        UnsupportedTarget: operations that have no smaller form, all of them at once.
    """
    became = lowered(formula.roots, spelled, target=target)
    changed = Counter(n.op.name for n in formula.nodes if n.op.name not in {*spelled, *ALWAYS})
    step = Step("lower", "exact", {"target": target}, dict(sorted(changed.items())))
    return formula.with_outputs(became, step if changed else None)


def lowered(
    roots: Sequence[Node], spelled: Collection[str], *, target: str = "the target"
) -> dict[Node, Node]:
    """Return what each node under `roots` becomes; see `lower`."""
    names = ALWAYS | frozenset(spelled)
    order = toposort(roots)
    became = {n: n for n in order}
    for _ in OPS:  # each round takes one step down: sigmoid → abs → where
        below = toposort(list(became.values()))
        _require_smaller_forms(below, names, target)
        if all(n.op.name in names for n in below):
            break
        step = rewrite(below, lambda n: _smaller(n, names))
        became = {n: step[now] for n, now in became.items()}
    return became


def _smaller(n: Node, names: frozenset[str]) -> Node | None:
    return None if n.op.name in names or n.op.lower is None else n.op.lower(n)


def _require_smaller_forms(nodes: Sequence[Node], names: frozenset[str], target: str) -> None:
    stuck = Counter(n.op.name for n in nodes if n.op.lower is None and n.op.name not in names)
    if stuck:
        listed = ", ".join(f"{name} ({count}×)" for name, count in sorted(stuck.items()))
        raise UnsupportedTarget(
            f"{target} cannot spell {listed}, and there is no smaller form.",
            hint="Print another output of the formula alone (formula.only(…)), or use a target "
            "that has these functions.",
        )
