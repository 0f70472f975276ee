"""JAX: one pure function of all rows, to be compiled, mapped and differentiated."""

from __future__ import annotations

from typing import Any

from closedform.formula import Formula
from closedform.ir import Type
from closedform.printers.array_lines import (
    assigned,
    banner_lines,
    inputs_used,
    label_lines,
    result_of,
)
from closedform.printers.arrays import Library, Made, spelled
from closedform.printers.jax.prelude import (
    CODED,
    COLUMN,
    COLUMNS,
    HELPERS,
    KNOWN,
    LABELLED,
    LABELS_OF,
    NEEDS,
)
from closedform.printers.program import defined, joined, unread
from closedform.printers.spell import Custom, Spelling, call
from closedform.printers.torch.writing import SHARED

SPELL: dict[str, Spelling | Custom] = {
    **SHARED,
    **{name: call(f"jnp.{name}") for name in ("sin", "cos", "abs", "tanh", "floor")},
    "atan": call("jnp.arctan"),
    "erf": call("jax.lax.erf"),
    "sigmoid": call("jax.nn.sigmoid"),
    "missing": call("jnp.isnan"),
    "where": call("jnp.where"),
}
"""Sums, trees, tables and pieces are written by `arrays.Writer`."""

TOP = {"max": "jnp.max({}, axis=-1)", "min": "jnp.min({}, axis=-1)"}
LIBRARY = Library("jax", "jnp", SPELL, top=TOP, pick="jnp.asarray({0})[{1}]")


def write(formula: Formula, *, as_text: bool = False) -> Any:
    """Return a pure function of all rows for JAX; or the text of the module that defines it.

    `evaluate(x)` takes an array of shape (rows, inputs), or (inputs,) for one row, or a dict of
    columns, and returns a dict of arrays by output; it can be jitted, mapped and differentiated.
    `evaluate.predict(x)` returns the prediction alone. NaN is missing, and is given for rows that
    the model refuses. A label is its position in `evaluate.labels` (the classes come first): -1 is
    no label, any other number one that the model does not know.

    It computes in float64 where JAX was told to (`jax.config.update("jax_enable_x64", True)`), and
    otherwise in float32, as JAX always does.

    Args:
        formula: what to write.
        as_text: whether to return the text of a Python module.

    Raises:
        MissingExtra: JAX is not installed.
        UnsupportedTarget: operations without a spelling in JAX.
    """
    text = _text(formula)
    if as_text:
        return text
    return defined(text, "evaluate", "jax", "Writing a JAX function")


def _text(formula: Formula) -> str:
    made = spelled(formula, LIBRARY, HELPERS, NEEDS)
    labels = [i for i, f in enumerate(formula.inputs) if f.type is Type.LABEL]
    constants = [_constant(name, text) for name, text in made.program.speller.constants.values()]
    wanted = {*made.program.helpers, "is_absent", *["code"] * bool(made.coded.named)}
    if not any("'sets'" in c for c in constants):
        wanted.discard("is_member")
    helpers = [HELPERS[h] for h in HELPERS if h in wanted] + [KNOWN] * bool(labels)
    helpers += [_columns(bool(labels)), *[LABELS_OF] * bool(made.coded.named)]
    parts = [
        banner_lines(formula),
        "import jax\nimport jax.numpy as jnp\nimport numpy as np",
        f"INPUTS = (\n{joined(LIBRARY.label(f.name) for f in formula.inputs)}\n)",
        f"UNREAD = {unread(formula)}  # which of them change nothing, and may be absent",
        *label_lines(made, labels),
        *constants,
        *["\n" + text for text in [*helpers, _evaluate(formula, made), _predict(formula)]],
        "\n" + "\n".join(_attributes(made)),
    ]
    return "\n\n".join(parts) + "\n"


def _constant(name: str, text: str) -> str:
    if not text.startswith("{"):
        return f"{name} = np.array({text})"
    return f"{name} = {{k: np.array(v) if isinstance(v, list) else v for k, v in {text}.items()}}"


def _columns(labels: bool) -> str:
    number = "jnp.asarray(values, dtype=float)"
    column = COLUMN.replace("CODED", CODED if labels else "").replace(
        "NUMBERED", f"known({number}) if i in LABELLED else {number}" if labels else number
    )
    whole = COLUMNS.replace(
        "LABELLED        return", (LABELLED if labels else "") + "        return"
    )
    return f"{column}\n\n\n{whole}"


def _evaluate(formula: Formula, made: Made) -> str:
    lines = [*inputs_used(made), *assigned(made), result_of(formula, made, "jnp.full", "code")]
    body = "\n".join("    " + line.replace("\n    ", "\n") for line in lines)
    return f'''def evaluate(data):
    """Return every output for all rows, by name."""
    x = columns(data)
{body}'''


def _predict(formula: Formula) -> str:
    found = [f"found[{name!r}]" for name in formula.answer]
    result = found[0] if len(found) == 1 else f"jnp.stack([{', '.join(found)}], axis=-1)"
    return f'''def predict(data):
    """Return the prediction for all rows."""
    found = evaluate(data)
    return {result}'''


def _attributes(made: Made) -> list[str]:
    lines = ["evaluate.inputs, evaluate.predict = INPUTS, predict"]
    if made.coded.labels:
        lines.append("evaluate.labels = LABELS")
    return lines
