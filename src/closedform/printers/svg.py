"""SVG: the picture of a formula, laid out by Graphviz."""

from __future__ import annotations

import shutil
import subprocess

from closedform.errors import UnsupportedTarget
from closedform.formula import Formula
from closedform.printers.dot.writing import write as write_dot

TIMEOUT = 60  # seconds; a graph of 2,000 nodes takes 10


def write(
    formula: Formula, *, form: str = "auto", direction: str = "", limit: int | None = None
) -> str:
    """Return a picture of a formula as SVG; the options are those of `dot`.

    Raises:
        BadInput: there is no such form or direction.
        UnsupportedTarget: Graphviz is not installed, or the graph is too large for it.
    """
    text = write_dot(formula, form=form, direction=direction, limit=limit)
    try:
        done = subprocess.run(
            [tool(), "-Tsvg"], input=text, capture_output=True, text=True, encoding="utf-8",
            timeout=TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode:
        raise UnsupportedTarget(
            f"Graphviz could not lay out a graph of {text.count(' -> '):,} arrows.",
            hint="Draw a box for each layer: formula.to('svg', form='boxes').",
        )
    return done.stdout


def tool() -> str:
    """Return the path of Graphviz' program `dot`.

    Raises:
        UnsupportedTarget: there is none.
    """
    found = shutil.which("dot")
    if found is None:
        raise UnsupportedTarget(
            "SVG is laid out by Graphviz, whose program `dot` is not here.",
            hint="Type: apt install graphviz (or brew install graphviz); or write the target dot.",
        )
    return found
