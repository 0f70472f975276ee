"""The forms in which people read a formula: which blocks stand on the page, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula, Task
from closedform.ir import Node, Type, fold, substitute, toposort
from closedform.passes.lower import lowered
from closedform.printers.blocks import Block, Equation, Page, Sentence
from closedform.printers.choices import chance_nodes, picks_highest, softmax_scores
from closedform.printers.crowds import SHOWN, and_so_on, crowds_of
from closedform.printers.domain import domain
from closedform.printers.draft import Draft, Extent, draft
from closedform.printers.ensemble import Ensemble, without_untested
from closedform.printers.grouping import grids_of, grouped, with_indicators
from closedform.printers.imputing import stand_ins, without_imputing
from closedform.printers.kernel_sums import Summed, families
from closedform.printers.labels import formulas_of_labels
from closedform.printers.matrix import Chain, chain_of, expression, matrices
from closedform.printers.naming import Namer
from closedform.printers.notes import left_out, precisions, rounded
from closedform.printers.odds import class_values, label_values, odds_values, rule_list
from closedform.printers.rules import (
    Describer,
    Values,
    has_even_branches,
    routed_by_size,
    tree_rules,
)
from closedform.printers.scribe import Scribe, is_indicator
from closedform.printers.spell import BREAK, TRIVIAL, unbroken
from closedform.printers.verdict import chances, verdict

LONGEST_LINE = 6000
"""Signs up to which an output is written as one expression."""

SHORT_LINE = 300
"""Signs up to which one expression reads better than steps."""

SMALL_NETWORK = 10
"""Hidden units up to which a network is printed unit by unit."""

FEW_WEIGHTS = 100
"""Weights up to which it is; beyond, the units are longer than the matrices."""

FEW_CLASSES = 3
"""Classes up to which a vector of scores is written with all its components."""

DEFINED = frozenset({"table", "piecewise", "where"})
"""Operations that are explained below the equation that uses them."""


def page(formula: Formula, scribe: Scribe, line: Scribe, form: str, extent: Extent) -> Page:
    """Return a formula as paragraphs of blocks.

    Args:
        scribe: the target's way to write.
        line: the same for the line form.
        form: one of FORMS, or "auto".

    Raises:
        BadInput: there is no such form.
        UnsupportedTarget: the formula has no such form, or is too long for it.
    """
    if form != "auto" and form not in FORMS:
        raise BadInput(
            f"There is no form {form!r}.", hint=f"The forms are: auto, {', '.join(FORMS)}."
        )
    made: Page = []
    notes: list[Block] = []
    for title, part in formulas_of_labels(formula):
        paragraphs, said = _part(part, scribe, line, form, extent)
        made += [[Sentence(title)] if title else [], *paragraphs]
        notes += [block for block in said if block not in notes]
    notes += domain(formula, scribe, rows=extent.rows)
    notes += [Sentence(text.replace("{", "{{").replace("}", "}}")) for text in left_out(formula)]
    notes += rounded(formula, Namer(formula, scribe).output)
    notes += [Sentence(text) for text in precisions(formula)]
    return [p for p in [*made, notes] if p]


def _part(
    formula: Formula, scribe: Scribe, line: Scribe, form: str, extent: Extent
) -> tuple[Page, list[Block]]:
    """Return the paragraphs of one label's formula, and the notes on imputed values."""
    chosen = suited(formula) if form == "auto" else form
    # A line is pasted back and compared, also where something is missing.
    pasted = chosen == "line"
    shown, filled = (
        (formula, {}) if pasted else without_imputing(without_untested(with_indicators(formula)))
    )
    made = FORMS[chosen](shown, line if chosen == "line" else scribe, extent)
    return made, [*stand_ins(formula, filled, scribe, rows=extent.rows)]


def before_rounding(formula: Formula, form: str = "auto") -> Formula:
    """Return the formula with every number that its page shows, as `effect(sex)`, made one."""
    chosen = suited(formula) if form == "auto" else form
    if chosen not in ("steps", "rules"):
        return formula
    named = with_indicators(formula)
    return named.with_outputs(grouped(named.roots))


def suited(formula: Formula) -> str:
    """Return the form that suits a formula: rules, matrix, line or steps."""
    names = {n.op.name for n in formula.nodes}
    if "tree" in names:
        return "rules"
    network = _network(formula)
    weights = sum(m.weights.size for m in network.matrices)
    if network.units > SMALL_NETWORK or (network.units and weights > FEW_WEIGHTS):
        return "matrix"
    if families(formula):
        return "kernels"
    special = names & {"table", "piecewise", "where"} - ({"where"} if _plain(formula) else set())
    size = max(fold(formula.roots, _inlined), default=0)
    return "line" if not special and size <= SHORT_LINE else "steps"


def _or_steps(form: str) -> str:
    return "form='steps'" if form in ("steps", "line") else f"form={form!r} or form='steps'"


def _plain(formula: Formula) -> bool:
    """Tell whether choices occur in the label alone."""
    real = [n for n in formula.roots if n.type is not Type.LABEL]
    return not any(fold(real, lambda n, *below: n.op is ops.WHERE or any(below)))


def _inlined(n: Node, *below: int) -> int:
    """Estimate the signs of a node written without shared values (for `fold`)."""
    own = 6 + 8 * len(below) if n.op is ops.LIN else 6
    if n.op is ops.TREE:
        own = 30 * len(n.data.values)
    elif n.op is ops.TABLE:
        own = 20 * len(n.data.labels)
    elif n.op is ops.PIECEWISE:
        own = 20 * int(n.data.coefs.size)
    return own + sum(below)


# --- one expression, or one line for each value -------------------------------------------------


def _line(formula: Formula, scribe: Scribe, extent: Extent) -> Page:
    real = [n for n in formula.roots if n.type is not Type.LABEL]
    pasted = scribe.language.name == "text"
    if not pasted and not _LISTED.isdisjoint(n.op.name for n in toposort(real)):
        raise UnsupportedTarget(
            f"As one line of {scribe.language.name}, trees, tables and curves cannot be written.",
            hint=f"Use {_or_steps(suited(formula))}.",
        )
    longest = max(fold(real, _inlined), default=0)
    if longest > LONGEST_LINE:
        raise UnsupportedTarget(
            f"As one line, the formula would have about {longest:,} signs.",
            hint=f"Use {_or_steps(suited(formula))}.",
        )
    smaller = formula.with_outputs(lowered(formula.roots, scribe.language.spell.keys() | {"lin",
                                   "label"}))  # fmt: skip
    # Plain text is pasted back, and a list of cases is no expression; LaTeX is only read.
    return _paragraphs(draft(smaller, scribe, extent, share=False, group=False, listed=not pasted))


_LISTED = frozenset({"tree", "table", "piecewise"})
"""Operations that are lists of many cases, which only plain text writes inside of a line."""


def _steps(formula: Formula, scribe: Scribe, extent: Extent) -> Page:
    return _paragraphs(draft(formula, scribe, extent))


def _paragraphs(made: Draft) -> Page:
    main, defined = _equations(made)
    ordered = rule_list(made)
    return [[ordered]] if ordered else [[*verdict(made)], main, defined, *_trees(made)]


def _equations(made: Draft) -> tuple[list[Block], list[Block]]:
    """Return the lines in order, and the tables and curves that are explained below them."""
    main: list[Block] = []
    defined: list[Block] = []
    vote = (
        made.formula.outputs.get(made.formula.task.probability[0]) if made.link == "vote" else None
    )
    crowds, grids = crowds_of(made), grids_of(made.formula)
    for n, block in made.blocks():
        place, size = crowds.get(n, (0, 0))
        if _told_by_rules(n, made) or place > SHOWN:
            continue
        if place == SHOWN:
            main += and_so_on(block, size - SHOWN, made.scribe.signs["dots"])
            continue
        if n is vote and isinstance(block, Equation):
            left = made.scribe.applied(made.letter("P"), "c")
            general = Equation(left, block.right, Sentence("for each class c"))
            main.append(general)
        else:
            (defined if n in grids else _place(n, defined, main)).append(block)
    return [*main, *chances(made), *_aliases(made)], defined


def _told_by_rules(n: Node, made: Draft) -> bool:
    """Tell whether trees alone read a table or a truth, which their rules spell themselves."""
    if not is_indicator(n) and (n.op is not ops.TABLE or n.args[0].type is not Type.LABEL):
        return False
    users = [u for u in made.formula.nodes if n in u.args]
    return bool(users) and all(u.op is ops.TREE for u in users)


def _place(n: Node, defined: list[Block], main: list[Block]) -> list[Block]:
    if n.op.name not in DEFINED:
        return main
    return main if _reads_two(n) else defined


def _reads_two(n: Node) -> bool:
    """Tell whether a node reads more than one input, looking no farther than it must."""
    todo, seen, found = [n], {n}, 0
    while todo and found < 2:
        now = todo.pop()
        found += now.op is ops.INPUT
        fresh = [a for a in dict.fromkeys(now.args) if a not in seen]
        seen.update(fresh)
        todo += fresh
    return found > 1


def _aliases(made: Draft) -> list[Equation]:
    """Return the outputs that are an input, a number, or the same as another one."""
    found = []
    for name, n in made.formula.outputs.items():
        if n.type is not Type.LABEL and n in made.speller.done:
            text = made.text(n)
            if text != made.outputs[name] and (n.op.name in TRIVIAL or n in made.speller.named):
                found.append(Equation(made.outputs[name], text))
    return found


# --- trees --------------------------------------------------------------------------------------


def _rules(formula: Formula, scribe: Scribe, extent: Extent) -> Page:
    made = draft(formula, scribe, extent)
    if made.trees is None:
        raise UnsupportedTarget(
            "The formula has no trees, and so no rules.", hint=f"Use form={suited(formula)!r}."
        )
    return _paragraphs(made) if not made.trees.direct else _trees(made)


def _trees(made: Draft) -> Page:
    trees = made.trees
    if trees is None:
        return []
    limit = len(trees.trees) if made.extent.trees is None else made.extent.trees
    nodes = [n for group in trees.trees for n in group[:1]]
    describer = Describer(made, routed_by_size(nodes))
    left, values = leaf_values(made, trees)
    # A tree that stands alone may take the whole page.
    most = None if made.extent.rules is None else made.extent.rules * (4 if trees.direct else 1)
    paragraphs: Page = []
    for i, group in enumerate(trees.trees[:limit], 1):
        title = "" if trees.direct else made.scribe.tree(i)
        paragraphs.append([tree_rules(describer, group, title, left, values, most)])
    notes: list[Block] = []
    if len(trees.trees) > limit:
        more = len(trees.trees) - limit
        target = made.scribe.language.name
        notes.append(
            Sentence(f"… {more} more tree{'s' * (more != 1)}: f.to('{target}', form='rules')")
        )
    tested = {n.args[i] for n in nodes for i in set(n.data.splits.feature[~n.data.splits.leaf])}
    if describer.routed and any(describer.may_be_missing(x) for x in tested):
        even = ", of two with as many the one above" if has_even_branches(nodes) else ""
        notes.append(
            Sentence(f"A missing value follows the branch with more training samples{even}.")
        )
    return [*paragraphs, notes]


def leaf_values(made: Draft, trees: Ensemble) -> tuple[tuple[str, ...], Values]:
    """Return what the values of a leaf are called, and how they are shown."""
    task, decision = made.formula.task, made.decision
    whole = len(task.probability) == len(task.classes)
    of_classes = trees.direct and trees.outputs == task.probability and whole
    if of_classes and decision is not None and len(decision.scores) == len(task.classes):
        return (made.outputs[made.formula.primary[0]],), class_values(made, decision.classes)
    if of_classes and picks_highest(made.formula):
        return (made.outputs[made.formula.primary[0]],), class_values(made, task.classes)
    if trees.direct and not trees.outputs and decision is not None:
        return (made.outputs[made.formula.primary[0]],), label_values(made, decision)
    if made.link == "vote" and not trees.direct:
        return (), _share_values(made, task.classes)
    if trees.direct and (odds := odds_values(made, trees)):
        return odds
    number = made.scribe.number
    plain: Values = lambda numbers, facts: (tuple(map(number, numbers)), Sentence(facts))  # noqa: E731
    if trees.direct or trees.shared:
        return tuple(made.outputs[name] for name in trees.outputs), plain
    return (), plain


def _share_values(made: Draft, classes: Sequence[object]) -> Values:
    words = [made.scribe.word(c) for c in classes]
    number, space = made.scribe.chance, made.scribe.signs["space"]

    def values(shares: list[float], facts: str) -> tuple[tuple[str, ...], Sentence]:
        # The class first: of classes 0 and 1, `0.92 0, 0.08 1` says nothing.
        shown = [f"{w}:{space}{number(p)}" for p, w in zip(shares, words, strict=True) if p]
        return (f",{BREAK}".join(shown),), Sentence(facts)

    return values


# --- networks -----------------------------------------------------------------------------------


def _network(formula: Formula) -> Chain:
    """Return the longest chain of matrices above the inputs of the formula's scores."""
    return chain_of(_scores(formula))


def _scores(formula: Formula) -> list[Node]:
    task = formula.task
    chance = chance_nodes(formula)
    found = [formula.outputs[n] for n in task.decision if n in formula.outputs]
    if not found and chance and chance[-1].op is ops.SIGMOID:
        return [chance[-1].args[0]]
    found = found or softmax_scores(chance) or chance[-1:]
    return (
        found
        or [formula.outputs[n] for n in formula.primary if n in formula.outputs]
        or [*formula.roots]
    )


def _matrix(formula: Formula, scribe: Scribe, extent: Extent) -> Page:
    scores = _scores(formula)
    if formula.task.kind != "classification":
        # The same value for two targets is one row: `y1 = y0` says the rest.
        scores = list(dict.fromkeys(scores))
    chain = chain_of(scores)
    trees = any(n.op is ops.TREE for n in formula.nodes)
    if not chain.matrices or trees:
        why = "it is made of trees" if trees else "it does not end in sums over the same values"
        raise UnsupportedTarget(
            f"The formula has no matrix form: {why}.",
            hint=f"Use form={suited(formula)!r}.",
        )
    scribe = _with_free_letters(formula, scribe)
    # The scores become inputs, or every hidden unit would be written and thrown away.
    stand_ins = {n: ops.input_(len(formula.inputs) + i) for i, n in enumerate(scores)}
    outputs = substitute(formula.roots, stand_ins)
    above = draft(
        replace(formula, outputs=dict(zip(formula.outputs, outputs, strict=True))), scribe, extent
    )
    left = [above.text(n) for n in stand_ins.values()]
    top: list[Block] = [Equation(_left(above, left), expression(chain, above))]
    top += [*_equations(above)[0]]
    return [[*verdict(above)], top, *_components(formula, chain, scribe, extent),
            [*matrices(chain, above)]]  # fmt: skip


def _with_free_letters(formula: Formula, scribe: Scribe) -> Scribe:
    """Return the scribe with other letters for x, W, b and g where inputs have these names."""
    free = Namer(formula, scribe).free
    signs = {a: scribe.name(free(a)) for a in "xWbg" if free(a) != a and scribe.signs[a] == a}
    return replace(scribe, signs={**scribe.signs, **signs})


def _left(above: Draft, names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if above.formula.task.kind == "classification" and len(names) > FEW_CLASSES:
        return above.letter(above.scribe.signs["g"])
    return unbroken(above.scribe.vector(names))


def _components(formula: Formula, chain: Chain, scribe: Scribe, extent: Extent) -> Page:
    """Return x = (…), and a line for each of its components that is no plain input."""
    taken = {f.name.rstrip("0123456789") for f in formula.inputs}
    letters = (*"zuvw", *("z" * k for k in range(2, len(taken) + 3)))
    letter = next(a for a in letters if a not in taken)
    computed = {
        f"{letter}{i}": n for i, n in enumerate(chain.inputs, 1)
        if n.op.name not in TRIVIAL and not is_indicator(n)
    }  # fmt: skip
    part = replace(formula, outputs=computed, task=Task("transform", primary=tuple(computed)))
    made = draft(part, scribe, extent, group=False)
    spoken = [scribe.spoken(f.name) for f in formula.inputs]
    parts = [spoken[n.data] if n.op is ops.INPUT else made.text(n) for n in chain.inputs]
    vector = scribe.vector(parts)
    lines = [block for _, block in made.blocks()]
    return [[Equation(scribe.signs["x"], vector)], lines]


def _kernels(formula: Formula, scribe: Scribe, extent: Extent) -> Page:
    found = families(formula)
    if not found:
        raise UnsupportedTarget(
            "The formula is no sum of kernels: of no sum many terms differ in numbers alone.",
            hint=f"Use form={suited(formula)!r}.",
        )
    summed = Summed(formula, scribe, found)
    names = summed.names | summed.points()
    made = draft(formula.with_outputs(summed.short), scribe, extent, stand_ins=names)
    return [*_paragraphs(made), [*summed.equations(made)], [*summed.blocks(made)]]


FORMS: dict[str, Callable[[Formula, Scribe, Extent], Page]] = {
    "line": _line,
    "steps": _steps,
    "matrix": _matrix,
    "kernels": _kernels,
    "rules": _rules,
}
"""Form → how its page is made."""
