"""What is asked for: outputs by name and type, options, numbers from 0 on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node, Type


def output_of(formula: Formula, output: str | None, type_: Type) -> tuple[str, Node]:
    """Return an output of one type: the one named, or the first.

    Raises:
        BadInput: there is none.
    """
    names = [output] if output else [*formula.answer, *formula.outputs]
    for name in names:
        if name in formula.outputs and formula.outputs[name].type is type_:
            return name, formula.outputs[name]
    told = f"called {output!r} " if output else ""
    kind = "label" if type_ is Type.LABEL else "number"
    raise BadInput(
        f"The formula has no output {told}that is a {kind}.",
        hint="Its outputs are: " + ", ".join(formula.outputs) + ".",
    )


def from_zero(**values: Any) -> None:
    """Ask that each value is a number from 0 on.

    Raises:
        BadInput: one is not.
    """
    for name, value in values.items():
        try:
            good = float(value) >= 0
        except (TypeError, ValueError):
            good = False
        if not good:
            raise BadInput(f"{name}={value!r} is not possible.", hint="Give a number from 0 on.")


def taken(
    what: str, function: Callable[..., Any], given: Mapping[str, Any], more: Collection[str] = ()
) -> None:
    """Ask that a function takes the options that are given, and gets those that it needs.

    Raises:
        BadInput: an option is unknown, or is lacking.
    """
    known = {
        n: p for n, p in inspect.signature(function).parameters.items() if p.kind is p.KEYWORD_ONLY
    }
    names = [*known, *[n for n in more if n not in known]]
    strange = [n for n in given if n not in names]
    lacking = [n for n, p in known.items() if p.default is p.empty and n not in given]
    if strange or lacking:
        told = [f"takes no {n!r}" for n in strange] + [f"needs {n!r}" for n in lacking]
        raise BadInput(f"{what} {', '.join(told)}.", hint="It takes " + ", ".join(names) + ".")
