"""A Kolmogorov-Arnold network, layer by layer: each edge a function of one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.torch import Slot, answers, dtype_of, in_double
from closedform.errors import UnsupportedModel
from closedform.evaluate import compute
from closedform.formula import UNITS, Formula
from closedform.ir import Array, Node
from closedform.readers import tensors as t
from closedform.readers.elementary import FUNCTIONS, relu
from closedform.readers.kan.splines import basis, pieces
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Element
from closedform.readers.torch.trying import EXACT, MARGIN, difference

MOST_EDGES = 5_000
"""Edges with a function of their own; each spline has some dozen polynomials."""
ROWS = 64
"""Rows on which a read tries itself."""

SMALLER = (
    "Prune it, fix its edges to symbolic functions, or train another model on its predictions."
)
DRAW = "Fix the edge to one of pykan's own functions, or distil the network's predictions."


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a KAN or MultKAN of pykan as a formula: symbolic edges and splines as they are.

    Raises:
        UnsupportedModel: an edge has a function of the user's own, or there are too many.
        BadInput: `names` does not fit.
    """
    from importlib.metadata import version

    if not hasattr(model, "act_fun") or not hasattr(model, "symbolic_fun"):
        raise UnsupportedModel(
            f"A {type(model).__name__} is no network that can be read.",
            hint="Give the whole KAN or MultKAN.",
        )
    width = 1 + int(_array(model.input_id).max())
    if names is not None and len(names) > width:
        width = len(names)  # columns that were pruned away at the end
    return formula_of(
        partial(_predicted, model),
        input_names(names, None, width),
        source=type(model).__name__,
        reader=f"pykan {version('pykan')}",
    )


def _predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    edges = sum(layer.in_dim * layer.out_dim for layer in model.act_fun)
    if edges > MOST_EDGES:
        reading.problem(
            f"The network has {edges:,} edges, each a function; at most {MOST_EDGES:,} are read.",
            SMALLER,
        )
        return Prediction.nothing()
    taken = [int(i) for i in _array(model.input_id)]
    # Every edge is computed, also one that counts nothing: one NaN makes the whole row NaN.
    reading.refuse_missing(columns.pick(taken))
    values = list(columns.pick(taken).nodes)
    for depth in range(model.depth):
        values = _layer(model, depth, values, reading)
        if depth < model.depth - 1:
            reading.name(f"h{depth + 1}_", values)
    if not reading.problems:
        _try(model, values, len(columns), reading)
    return Prediction.of_values(values)


def _array(tensor: Any) -> Array:
    """Return a tensor's numbers in float64."""
    found: Array = tensor.detach().cpu().double().numpy()
    return found


# --- layers -------------------------------------------------------------------------------------


def _layer(model: Any, depth: int, values: Sequence[Node], reading: Reading) -> list[Node]:
    """Return what one layer makes of its inputs: sums over edges, and products of some of them."""
    sums = _sums(model, depth, values, reading)
    scale, shift = _array(model.subnode_scale[depth]), _array(model.subnode_bias[depth])
    sums = [_affine(w, x, b) for w, x, b in zip(scale, sums, shift, strict=True)]
    made = _multiplied(model, depth, sums)
    scale, shift = _array(model.node_scale[depth]), _array(model.node_bias[depth])
    return [_affine(w, x, b) for w, x, b in zip(scale, made, shift, strict=True)]


def _affine(weight: float, x: Node, bias: float) -> Node:
    return x if (weight, bias) == (1, 0) else ops.lin(bias, (weight, x))


def _multiplied(model: Any, depth: int, sums: Sequence[Node]) -> list[Node]:
    """Return the nodes of a layer: the first are sums, the others products of so many each."""
    added, products = model.width[depth + 1]
    arity = model.mult_arity
    sizes = [arity] * products if model.mult_homo else list(arity[depth + 1])[:products]
    made, at = list(sums[:added]), int(added)
    for size in sizes:
        made.append(ops.mul(*sums[at : at + int(size)]))
        at += int(size)
    return made


def _sums(model: Any, depth: int, values: Sequence[Node], reading: Reading) -> list[Node]:
    """Return Σ over the edges that end in each node."""
    splines = _spline_terms(model.act_fun[depth], depth, values, reading)
    known = [_symbolic_terms(model.symbolic_fun[depth], j, values, reading)
             for j in range(len(splines))] if model.symbolic_enabled else []  # fmt: skip
    made = []
    for j, (weights, nodes) in enumerate(splines):
        bias, more, others = known[j] if known else (0.0, [], [])
        made.append(ops.linear(bias, [*weights, *more], [*nodes, *others]))
    return made


Terms = tuple[list[float], list[Node]]


def _spline_terms(layer: Any, depth: int, values: Sequence[Node], reading: Reading) -> list[Terms]:
    """Return, for each output, mask·(scale_base·b(x) + scale_sp·spline(x)) of every input x."""
    grid, coef, mask = _array(layer.grid), _array(layer.coef), _array(layer.mask)
    plain, curved = mask * _array(layer.scale_base), mask * _array(layer.scale_sp)
    made: list[Terms] = [([], []) for _ in range(layer.out_dim)]
    for i, x in enumerate(values):
        if (np.diff(grid[i]) < 0).any():
            reading.problem("The knots of a spline do not ascend.", SMALLER)
            return made
        shape = _residual(layer.base_fun, x, reading) if plain[i].any() else x
        functions = basis(grid[i], int(layer.k)) if curved[i].any() else None
        for j, (weights, nodes) in enumerate(made):
            if plain[i, j] != 0:
                weights.append(float(plain[i, j]))
                nodes.append(shape)
            if functions is not None and (curved[i, j] * coef[i, j]).any():
                weights.append(1.0)
                curve = pieces(grid[i], functions, curved[i, j] * coef[i, j])
                nodes.append(ops.piecewise(x, curve))
                reading.call(nodes[-1], f"s{depth}_{i}_{j}")  # as fix_symbolic counts
    return made


BASES: dict[str, Callable[[Element], Element]] = {
    "SiLU": lambda x: t.multiply(x, FUNCTIONS["sigmoid"](x)),
    "Identity": lambda x: x,
    "Tanh": FUNCTIONS["tanh"],
    "Sigmoid": FUNCTIONS["sigmoid"],
    "ReLU": relu,
}
"""Class of a residual function → the same of a node."""


def _residual(function: Any, x: Node, reading: Reading) -> Node:
    """Return the function that every edge adds to its spline."""
    import torch

    name = type(function).__name__
    if name in BASES and isinstance(function, torch.nn.Module):
        return t.node_of(BASES[name](x))
    if not isinstance(function, torch.nn.Module):
        tried = function(torch.linspace(-5.0, 5.0, 101))
        if not tried.any():
            return ops.lin(0, (0, x))  # base_fun="zero"
    reading.problem(
        f"The residual function {name} of the edges is not known.",
        f"Build the network with one of: silu, identity, zero, {', '.join(BASES)}.",
    )
    return x


def _symbolic_terms(
    layer: Any, j: int, values: Sequence[Node], reading: Reading
) -> tuple[float, list[float], list[Node]]:
    """Return the bias, weights and nodes of Σ mask·(c·f(a·x + b) + d) over the inputs x."""
    affine, mask = _array(layer.affine)[j], _array(layer.mask)[j]
    bias, weights, nodes = 0.0, [], []
    for i, x in enumerate(values):
        a, b, c, d = affine[i].tolist()
        name = str(layer.funs_name[j][i])
        if mask[i] == 0 or name == "0":
            bias += mask[i] * d if name == "0" else 0.0
            kept = _computed(layer.funs[j][i])
            if kept in VANISH:
                # The edge counts nothing, but 0 times what is missing or infinite is missing.
                size = ops.absolute(t.node_of(SYMBOLIC[kept](_affine(a, x, b))))
                reading.refuse(ops.negate(ops.less(size, ops.const(math.inf))))
            continue
        if name not in SYMBOLIC:
            reading.problem(f"The function {name!r} of an edge is one of the user's own.", DRAW)
            continue
        bias += mask[i] * d
        weights.append(float(mask[i] * c))
        nodes.append(t.node_of(SYMBOLIC[name](_affine(a, x, b))))
    return bias, weights, nodes


def _computed(function: Any) -> str:
    """Return pykan's name of a function: `unfix_symbolic` takes the name away, and not that."""
    from kan.utils import SYMBOLIC_LIB

    return next((name for name, entry in SYMBOLIC_LIB.items() if entry[0] is function), "")


def _root(x: Element) -> Element:
    return FUNCTIONS["sqrt"](x)


def _over(function: Callable[[Element], Element]) -> Callable[[Element], Element]:
    return lambda x: t.divide(1.0, function(x))


def _power(exponent: float) -> Callable[[Element], Element]:
    return lambda x: t.power(x, exponent)


SYMBOLIC: dict[str, Callable[[Element], Element]] = {
    "x": lambda x: x,
    **{f"x^{k}": _power(float(k)) for k in (2, 3, 4, 5)},
    "1/x": _over(lambda x: x),
    **{f"1/x^{k}": _over(_power(float(k))) for k in (2, 3, 4, 5)},
    **dict.fromkeys(("sqrt", "x^0.5"), _root),
    "x^1.5": lambda x: t.power(_root(x), 3.0),
    **dict.fromkeys(("1/sqrt(x)", "1/x^0.5"), _over(_root)),
    **{name: FUNCTIONS[name] for name in ("exp", "log", "abs", "sin", "cos", "tan", "tanh")},
    "sgn": FUNCTIONS["sign"],
    "arcsin": FUNCTIONS["asin"],
    "arccos": FUNCTIONS["acos"],
    "arctan": FUNCTIONS["atan"],
    "arctanh": FUNCTIONS["atanh"],
    "gaussian": lambda x: FUNCTIONS["exp"](t.multiply(t.power(x, 2.0), -1.0)),
    "sigmoid": FUNCTIONS["sigmoid"],
    "cosh": FUNCTIONS["cosh"],
    "relu": relu,
}
"""pykan's name of a function → the same of a node."""


VANISH = frozenset({"log", "sqrt", "x^0.5", "x^1.5", "1/sqrt(x)", "1/x^0.5", "arcsin", "arccos",
                    "arctanh", "1/x", "1/x^2", "1/x^3", "1/x^4", "1/x^5"})  # fmt: skip
"""Those that are missing or infinite for some numbers."""


# --- how near -----------------------------------------------------------------------------------


def _try(model: Any, values: Sequence[Node], width: int, reading: Reading) -> None:
    """Compare formula and network on rows inside and beside the knots, and note its rounding."""
    knots = _array(model.act_fun[0].grid)
    lo, hi = float(knots.min()), float(knots.max())
    rows = np.random.default_rng(0).uniform(lo, hi, size=(ROWS, width))
    rows = rows.astype(np.float16).astype(np.float64)
    refused = ops.either(*[condition for condition, _ in reading.refusals])
    *columns, absent = compute([*values, refused], list(rows.T), len(rows))
    ours = np.where(absent[:, None], np.nan, np.column_stack(columns))
    slots, dtype = [Slot("x", (width,), False)], dtype_of(model)
    fine = in_double(model)
    apart = None if fine is None else difference(answers(fine, slots, "float64")(rows), ours)
    if apart is None or apart > EXACT:
        reading.problem(
            f"The formula of this {type(model).__name__} does not give what it does itself.",
            "A symbolic function may have been replaced by another of its name; please report it.",
        )
    own = difference(answers(model, slots, dtype)(rows), ours) or 0.0
    if dtype != "float64" and math.isfinite(own):
        reading.rounds(values, dtype, max(1, math.ceil(MARGIN * own / UNITS[dtype])))
