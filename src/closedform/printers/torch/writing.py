"""PyTorch: a module of all rows at once, differentiable, its coefficients trainable on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers import spell as s
from closedform.printers.array_lines import (
    assigned,
    banner_lines,
    inputs_used,
    label_lines,
    result_of,
)
from closedform.printers.arrays import Library, Made, spelled
from closedform.printers.program import comma, defined, joined, printable, unread
from closedform.printers.spell import (
    BREAK,
    Custom,
    Speller,
    Spelling,
    Written,
    call,
    comparison,
    infix,
)
from closedform.printers.torch.prelude import (
    ABSENT,
    CLASS,
    CODED,
    HELPERS,
    KNOWN,
    LABELLED,
    LABELS_OF,
    NEEDS,
)

DTYPES = ("float64", "float32")

Args = Sequence[Written]


def _where(_: Speller, n: Node, args: Args) -> Written:
    if n.type is Type.REAL and all(a.op is ops.CONST for a in n.args[1:]):
        return Written(f"choose({comma(a.text for a in args)}, x)")
    return call("torch.where")(args)


def _divide(_: Speller, n: Node, args: Args) -> Written:
    if n.args[1].op is ops.CONST:
        return infix(" / ", s.PRODUCT, s.PRODUCT + 1)(args)
    return call("divide")(args)


def _power(_: Speller, n: Node, args: Args) -> Written:
    a, b = n.args
    if a.op is ops.CONST:
        return Written(f"torch.pow({comma(w.text for w in args)})")
    if b.op is ops.CONST and b.data == int(b.data if np.isfinite(b.data) else 0) and b.data >= 1:
        return Written(f"{args[0].at(s.POWER + 1)}**{_short(b.data)}", s.POWER)
    return call("power")(args)


def _short(value: float) -> str:
    return str(int(value)) if value < 1e6 else repr(value)


def _kth(_: Speller, n: Node, args: Args) -> Written:
    return Written(f"kth_smallest({n.data},{BREAK}{comma(a.text for a in args)})")


def _median(_: Speller, n: Node, args: Args) -> Written:
    weights = ", ".join(map(repr, n.data))
    return Written(f"weighted_median([{weights}],{BREAK}{comma(a.text for a in args)})")


def _multiply(_: Speller, n: Node, args: Args) -> Written:
    return Written(" * ".join(a.at(s.PRODUCT + (i > 0)) for i, a in enumerate(args)), s.PRODUCT)


SHARED: dict[str, Spelling | Custom] = {
    "kth": _kth,
    "weighted_median": _median,
    "mul": _multiply,
    "div": _divide,
    "pow": _power,
    **{name: call(name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "asin", "acos")},
    **{name: call(name) for name in ("probit", "softplus", "sign")},
    "round32": call("single"),
    "less": comparison("<"),
    "less_equal": comparison("<="),
    "equal": comparison("=="),
    "and": Spelling(level=s.AND, needs=(s.ATOM,), join=BREAK + "& "),
    "not": Spelling("~{0}", s.SIGN, (s.ATOM,)),
}
"""What JAX spells in the same way."""

SPELL: dict[str, Spelling | Custom] = {
    **SHARED,
    **{name: call(f"torch.{name}") for name in ("sin", "cos", "abs", "tanh", "floor", "erf")},
    **{name: call(f"torch.{name}") for name in ("atan", "sigmoid")},
    "missing": call("torch.isnan"),
    "where": _where,
}
"""Sums, trees, tables and pieces are written by `arrays.Writer`."""

TOP = {"max": "torch.amax({}, -1)", "min": "torch.amin({}, -1)"}


def write(
    formula: Formula, *, dtype: str = "float64", trainable: bool = False, as_text: bool = False
) -> Any:
    """Return a `torch.nn.Module` that computes all rows at once; or the module's text.

    `module(x)` takes a tensor of shape (rows, inputs), or a dict of columns or a DataFrame, and
    returns the prediction, shape (rows,), or (rows, outputs) for one of several outputs;
    `module.evaluate(x)` returns every output by name. NaN is missing, and is given for rows that
    the model refuses. A label is its position in `module.labels` (the classes come first): -1 is
    no label, any other number one that the model does not know.

    Args:
        formula: what to write.
        dtype: the type of its numbers, "float64" or "float32".
        trainable: whether coefficients, values of leaves and tables, and numbers that are not
            whole are parameters, rather than buffers; thresholds never are.
        as_text: whether to return the text of a Python module with the class `Model`.

    Raises:
        BadInput: there is no such type.
        MissingExtra: PyTorch is not installed.
        UnsupportedTarget: operations without a spelling in PyTorch.
    """
    if dtype not in DTYPES:
        raise BadInput(f"There is no dtype {dtype!r}.", hint=f"Choose one of: {', '.join(DTYPES)}.")
    text = _text(formula, dtype, bool(trainable))
    if as_text:
        return text
    return defined(text, "Model", "torch", "Writing a PyTorch module")()


def _text(formula: Formula, dtype: str, trainable: bool) -> str:
    library = Library("torch", "torch", SPELL, "self.", TOP, trainable)
    made = spelled(formula, library, HELPERS, NEEDS)
    taken = [i for i, f in enumerate(formula.inputs) if f.type is Type.LABEL]
    arrays = {k: t for k, t in _constants(made) if not k.startswith("FOREST")}
    forests = {k: t for k, t in _constants(made) if k.startswith("FOREST")}
    wanted = {
        *made.program.helpers,
        *["Forest"] * bool(forests),
        *["code"] * bool(made.coded.named),
    }
    helpers = [HELPERS[h] for h in HELPERS if h in wanted] + [ABSENT]
    helpers += [KNOWN] * bool(taken) + [LABELS_OF] * bool(made.coded.named)
    parts = [
        banner_lines(formula),
        "import numpy as np\nimport torch\nfrom torch import nn",
        f"INPUTS = (\n{joined(library.label(f.name) for f in formula.inputs)}\n)",
        f"UNREAD = {unread(formula)}  # which of them change nothing, and may be absent",
        *label_lines(made, taken),
        *_dict_of("ARRAYS", arrays),
        *_dict_of("FORESTS", forests),
        *["\n" + text for text in [*helpers, _class(formula, made, dtype).rstrip()]],
    ]
    return "\n\n".join(parts) + "\n"


def _constants(made: Made) -> list[tuple[str, str]]:
    return list(made.program.speller.constants.values())


def _dict_of(name: str, entries: dict[str, str]) -> list[str]:
    if not entries:
        return []
    inner = "".join(
        f"    {k!r}: {t.replace(chr(10), chr(10) + '    ')},\n" for k, t in entries.items()
    )
    return [f"{name} = {{\n{inner}}}"]


def _class(formula: Formula, made: Made, dtype: str) -> str:
    kinds = {k.rstrip("0123456789").lstrip("_") for k, _ in _constants(made)}
    labels = any(f.type is Type.LABEL for f in formula.inputs)
    init = ["        self.labels = LABELS\n"] * bool(made.coded.named or labels)
    if kinds - {"FOREST"}:
        init.append(_registering(made.writer.library.trainable, kinds, f"torch.{dtype}"))
    if "FOREST" in kinds:
        init.append(_FORESTS)
    lines = [*inputs_used(made), *assigned(made), result_of(formula, made, "x.new_full", "code")]
    text = CLASS.replace("DESCRIPTION", _described(formula)).replace("DTYPE", f"torch.{dtype}")
    text = text.replace("INIT\n", "".join(init) + "\n").replace("ANSWER", _answer(formula))
    text = text.replace("LABELLED        return x\n", LABELLED if labels else "        return x\n")
    text = text.replace("COLUMN", CODED if labels else "")
    number = "values.to(self.unit)"
    text = text.replace(
        "NUMBERED", f"known({number}) if i in LABELLED else {number}" if labels else number
    )
    return text.replace("BODY", "\n".join("        " + line for line in lines))


_FORESTS = """        for name, arrays in FORESTS.items():
            self.add_module(name, Forest(**arrays))
"""


def _registering(trainable: bool, kinds: set[str], dtype: str) -> str:
    fixed = sorted(kinds & {"KEYS", "EDGES", "ORIGINS"})
    register = [f"            numbers = torch.tensor(values, dtype={dtype})"]
    buffer = "self.register_buffer(name, numbers)"
    if not trainable:
        register.append(f"            {buffer}")
    elif fixed:
        register += [
            f"            if name.lstrip('_').startswith({tuple(fixed)}):",
            f"                {buffer}",
            "            else:",
            "                self.register_parameter(name, nn.Parameter(numbers))",
        ]
    else:
        register.append("            self.register_parameter(name, nn.Parameter(numbers))")
    head = "        for name, values in ARRAYS.items():"
    return "\n".join([head, *register]) + "\n"


def _described(formula: Formula) -> str:
    found = printable(formula.source or "a formula").replace("\\", " ").replace('"', "'")
    return f"{found}, as a formula."


def _answer(formula: Formula) -> str:
    found = [f"found[{name!r}]" for name in formula.answer]
    return found[0] if len(found) == 1 else f"torch.stack([{', '.join(found)}], -1)"
