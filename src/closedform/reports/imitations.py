"""A small tree and a short list of rules that imitate the model, never presented as the model."""

from __future__ import annotations

from closedform.explanations.surrogates import KINDS, Surrogate, surrogates
from closedform.formula import Formula
from closedform.ir import toposort
from closedform.reports.case import Case
from closedform.reports.markup import Html, element, joined, percent, shown
from closedform.reports.terms import root_of

SEARCHING = 8.0
"""Seconds for the tree and the rules together."""
SHORT = 60
"""Symbols: a formula of fewer is read as fast as what would imitate it."""
STRAIGHT = frozenset({"input", "const", "lin", "sum32", "round32", "table"})
"""The operations of a linear model: of a category, a number for each label."""


def imitations_of(case: Case) -> Html:
    """Return the surrogates of a model with their fidelity, or why there are none."""
    reason = _needless(case)
    if reason is not None:
        return element("p", reason)
    found = surrogates(
        case.model, case.sides.X, case.sides.y, formula=case.exact, seed=case.sides.seed,
        time_limit=SEARCHING,
    )  # fmt: skip
    if not found.found:
        return element("p", "No small tree and no short list of rules says more of the model than "
                       "a constant does.")  # fmt: skip
    return joined(
        element("p", element("strong", "These are surrogates, not the model."), " Each says much "
                "the same as the model, and is simple enough to be read at once. How often it does "
                "was measured on rows that it was not fitted to."),
        element("div", [_card(one) for one in found.found.values()], class_="imitations"),
    )  # fmt: skip


def _needless(case: Case) -> str | None:
    """Return why a surrogate adds nothing; None where it may."""
    if case.exact is None:
        return None
    if case.exact.length <= SHORT:
        return (f"The model's own formula has {case.exact.length} symbols: nothing shorter is "
                "needed to read it, and what imitates it would only be less exact.")  # fmt: skip
    if _is_linear(case, case.exact):
        return ("The model is linear: its coefficients say all, and a tree or rules would be "
                "longer and less exact.")  # fmt: skip
    return None


def _is_linear(case: Case, formula: Formula) -> bool:
    root, _ = root_of(case, formula)
    return root is not None and all(n.op.name in STRAIGHT for n in toposort([root]))


def _card(one: Surrogate) -> Html:
    name = KINDS[one.kind]
    return element(
        "div",
        element("h3", f"A {name} in its place: a surrogate"),
        element("p", _fidelity(one)),
        element("pre", one.formula.to("text", brief=True).rstrip(), tabindex="0", role="region",
                aria_label=f"The surrogate: a {name}"),
    )  # fmt: skip


def _fidelity(one: Surrogate) -> str:
    size = f"{one.length:,} symbols. "
    if one.at_least == one.at_least:
        return (size + f"It gives the model's class on {percent(one.fidelity)} of {one.rows:,} "
                f"rows: surely on {percent(one.at_least)} of rows like these (99.9 % confidence). "
                f"The most faithful {KINDS[one.kind]} that can be read reaches "
                f"{percent(one.best)}.")  # fmt: skip
    return (size + f"R² against the model, on {one.rows:,} rows: {shown(one.fidelity, 3)}. "
            f"The most faithful {KINDS[one.kind]} that can be read reaches "
            f"{shown(one.best, 3)}.")  # fmt: skip
