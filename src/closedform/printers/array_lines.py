"""The lines of an array program: inputs by name, shared values, and the outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, fold
from closedform.printers.arrays import Made
from closedform.printers.program import banner, joined
from closedform.printers.spell import BREAK, unbroken, wrapped


def banner_lines(formula: Formula) -> str:
    """Return the comment at the head of a module."""
    return banner(formula, "# ")


def label_lines(made: Made, taken: Sequence[int]) -> list[str]:
    """Return the lines that tell which labels there are, and which inputs hold them."""
    if not taken and not made.coded.named:
        return []
    listed = f"LABELS = (\n{joined(map(repr, made.coded.labels))}\n)"
    if not taken:
        return [f"{listed}  # a label is given as its position here, -1 being none"]
    return [
        f"{listed}  # a label is taken and given as its position here, -1 being none",
        f"LABELLED = {tuple(taken)}  # which of the inputs hold labels",
        "CODES = {label: code for code, label in enumerate(LABELS)}",
    ]


def inputs_used(made: Made) -> list[str]:
    """Return the lines that name single columns, for those that the code reads one by one."""
    program = made.program
    texts = [*(t for _, t, _ in program.speller.lines), *program.outputs.values()]
    words = set(re.findall(r"\w+", "\n".join(texts)))
    used = [(i, name) for i, name in enumerate(program.inputs) if name in words]
    return [f"{name} = x[..., {i}]" for i, name in used]


def assigned(made: Made) -> list[str]:
    """Return one line for each shared value."""
    return [f"{name} = {broken(text)}" for name, text, _ in made.program.speller.lines]


def broken(text: str, indent: str = "            ") -> str:
    """Return an expression that fits the page: a long one in brackets, on several lines."""
    if len(text) < 86 or BREAK not in text:
        return unbroken(text)
    return f"(\n{indent}" + wrapped(text, 88, indent) + f"\n{indent[4:]})"


def result_of(formula: Formula, made: Made, full: str, code: str) -> str:
    """Return the line that gives all outputs.

    Args:
        formula: what is printed.
        made: it as a formula of numbers.
        full: the function that repeats a number, as `x.new_full`.
        code: the function that makes whole numbers of codes of labels.
    """
    outputs = made.coded.formula.outputs
    missing = made.writer.library.number(float("nan"))
    varying = _varying(made.coded.formula)
    found = {}
    for name, text in made.program.outputs.items():
        value = text if outputs[name] in varying else f"{full}(x.shape[:-1], {text})"
        if made.refused:
            value = f"{made.writer.library.where}({made.refused}, {missing}, {value})"
        found[name] = f"{code}({value})" if name in made.coded.named else value
    parts = [f"{name!r}: {unbroken(text)}" for name, text in found.items()]
    inner = ", ".join(parts)
    if len(inner) < 78:
        return f"return {{{inner}}}"
    return "return {\n" + "".join(f"            {part},\n" for part in parts) + "        }"


def _varying(formula: Formula) -> set[Node]:
    found: set[Node] = set()

    def step(n: Node, *below: bool) -> bool:
        varies = n.op is ops.INPUT or any(below)
        if varies:
            found.add(n)
        return varies

    fold(formula.roots, step)
    return found
