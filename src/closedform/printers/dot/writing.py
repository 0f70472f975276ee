"""Graphviz: the graph of a formula as a picture, from every node to a box for each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.printers.dot.boxes import boxes
from closedform.printers.dot.graph import graph
from closedform.printers.dot.trees import most_leaves, trees
from closedform.printers.picture import Part, Picture
from closedform.printers.program import banner

FEW_NODES = 40
"""Nodes of a graph up to which each is drawn; beyond, the picture no longer fits a screen."""

FEW_LEAVES = 40
"""Leaves up to which trees are drawn as trees."""

DIRECTIONS = {"right": "LR", "down": "TB"}

STYLES = {
    "input": 'shape=box, style="rounded,filled", fillcolor="#e3ecfa"',
    "output": 'shape=box, style="filled", fillcolor="#dff1e1"',
    "value": "shape=box, style=rounded",
    "constant": "shape=plaintext",
    "test": "shape=box, style=rounded",
    "leaf": 'shape=box, style="filled", fillcolor="#dff1e1"',
}
"""What a part is drawn as, by its kind."""

FORMS: dict[str, Callable[[Formula, int | None], Picture]] = {
    "graph": lambda formula, limit: graph(formula),
    "boxes": lambda formula, limit: boxes(formula),
    "trees": trees,
}
"""Form → how its picture is made."""


def write(
    formula: Formula, *, form: str = "auto", direction: str = "", limit: int | None = None
) -> str:
    """Return a picture of a formula in the language of Graphviz, for `dot -Tsvg` and its kin.

    Args:
        form: "graph": every value, shared ones once, an arrow for each use; "boxes": values that
            are computed alike and used alike are one box, as a layer of a network or all trees of
            a sum; "trees": trees as trees; "auto": whichever suits the formula.
        direction: "right" or "down"; default: down for trees, else right.
        limit: so many trees are drawn; None draws all.

    Raises:
        BadInput: there is no such form or direction.
        UnsupportedTarget: a formula without trees as trees.
    """
    chosen = suited(formula) if form == "auto" else form
    if chosen not in FORMS:
        raise BadInput(
            f"There is no form {form!r}.", hint=f"The forms are: auto, {', '.join(FORMS)}."
        )
    if direction not in ("", *DIRECTIONS):
        raise BadInput(f"There is no direction {direction!r}.", hint="Use 'right' or 'down'.")
    if limit is not None and limit < 1:
        raise BadInput(f"limit={limit} leaves nothing to draw.", hint="Give 1 or more, or None.")
    side = DIRECTIONS[direction or ("down" if chosen == "trees" else "right")]
    return _text(formula, FORMS[chosen](formula, limit), side)


def suited(formula: Formula) -> str:
    """Return the form that suits a formula."""
    leaves = most_leaves(formula)
    if leaves and leaves <= FEW_LEAVES:
        return "trees"
    return "graph" if len(formula.nodes) <= FEW_NODES and not leaves else "boxes"


def _text(formula: Formula, picture: Picture, side: str) -> str:
    lines = [
        banner(formula, "// "),
        "digraph formula {",
        f"    rankdir={side};",
        '    fontname="Helvetica,Arial,sans-serif"; fontsize=10;',
        '    node [fontname="Helvetica,Arial,sans-serif", fontsize=11];',
        '    edge [fontname="Helvetica,Arial,sans-serif", fontsize=9, arrowsize=0.7];',
    ]
    if picture.notes:
        lines.append(f"    label={quoted(picture.notes)};")
    for k, (title, places) in enumerate(picture.framed()):
        inner = [f"n{i} [label={_label(picture.parts[i])}];" for i in places]
        if title:
            head = [f"subgraph cluster_{k} {{", f"    label={quoted([title])};"]
            inner = [*head, *(f"    {line}" for line in inner), "}"]
        lines += [f"    {line}" for line in inner]
    for arrow in picture.arrows:
        said = f" [label={quoted([arrow.label])}]" if arrow.label else ""
        lines.append(f"    n{arrow.start} -> n{arrow.end}{said};")
    return "\n".join([*lines, "}"]) + "\n"


def _label(part: Part) -> str:
    return f"{quoted(part.lines)}, {STYLES[part.kind]}"


def quoted(lines: Iterable[str]) -> str:
    """Return lines of text as one string of Graphviz, in which no name can end or command it."""
    return '"' + "\\n".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    r"""Return a text as it is: a backslash would begin \N, an ampersand the name of a sign."""
    shown = "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in _cut(text))
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


LONGEST = 120
"""Signs of a name that a box shows."""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
