"""jnp.searchsorted among constants, and so interp and digitize: the steps that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.jaxprs import INNER
from closedform.evaluate import compute
from closedform.ir import Array, Node, Type, rewrite, substitute, toposort
from closedform.ops.payloads import Pieces
from closedform.readers import tensors as t
from closedform.readers.tensors import Tensor


def searched(equation: Any, given: Sequence[Any]) -> Tensor | None:
    """Return what a call of JAX's own searchsorted gives among constants; else None.

    Its binary search counts in numbers without a sign, and would be a choice for each round.
    """
    if equation.params.get("name") != "searchsorted" or len(given) != 2:
        return None
    known, asked = np.asarray(given[0]), given[1]
    if known.dtype.kind not in "iuf" or not (known.ndim == 1 and known.size):
        return None
    side = _side(equation) if np.isfinite(known).all() else None
    if side is None:
        return None
    pieces = _steps(known, side)
    return t.elementwise(lambda x: ops.piecewise(t.node_of(t.number(x)), pieces), asked)


def _side(equation: Any) -> str | None:
    """Return on which side of equal values a call searches; None where it is no such call.

    A function of the user's own may have the same name; what it computes tells.
    """
    import jax

    found = str(next(equation.params[k] for k in INNER if k in equation.params))
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars]
    for side in ("left", "right"):
        for function in _mapped(_search(side), len(shapes[1].shape)):
            for own in jax.make_jaxpr(function)(*shapes).eqns:
                if str(own.params.get("jaxpr")) == found:
                    return side
    return None


def _search(side: str) -> Callable[..., Any]:
    import jax

    return lambda known, asked: jax.numpy.searchsorted(known, asked, side=side)


def _mapped(function: Callable[..., Any], axes: int) -> Iterator[Callable[..., Any]]:
    """Yield a function of an array, and the same mapped over its first axes."""
    import jax

    yield function
    for _ in range(axes):
        function = jax.vmap(function, in_axes=(None, 0))
        yield function


def _steps(known: Array, side: str) -> Pieces:
    """Return where a search ends: it compares with the values alone, be they in order or not."""
    edges = np.unique(known)
    ends = [*edges, np.inf] if side == "left" else [-np.inf, *edges]
    asked = np.array([*ends, np.nan], dtype=known.dtype)
    *numbers, missing = np.asarray(_search(side)(known, asked)).tolist()
    return Pieces.of(edges, numbers, right_closed=side == "left", missing=missing)


def tabulated(roots: Sequence[Node]) -> list[Node]:
    """Return the same nodes; those that are functions of one step function are steps as well.

    jnp.interp holds the number of a stretch back, and looks the ends of the stretch up by it.
    """
    (became,) = [rewrite(roots, _as_steps)] if any(map(_is_steps, toposort(roots))) else [{}]
    return [became.get(root, root) for root in roots]


def _is_steps(n: Node) -> bool:
    return n.op is ops.PIECEWISE and n.data.coefs.shape[1] == 1


def _as_steps(n: Node) -> Node | None:
    """Return a node whose arguments are constants and steps with the same edges as steps."""
    steps = [a for a in n.args if _is_steps(a)]
    if not steps or n.type is Type.LABEL:
        return None
    first = steps[0]
    alike = all(a.args == first.args and _edges_of(a) == _edges_of(first) for a in steps)
    if not alike or any(a not in steps and a.op is not ops.CONST for a in n.args):
        return None
    values = [[*a.data.coefs[:, 0].tolist(), a.data.missing] for a in steps]
    inputs = {a: ops.input_(i) for i, a in enumerate(steps)}
    (made,) = compute(substitute([n], inputs), [np.array(v) for v in values], len(values[0]))
    *numbers, missing = made.tolist()
    if n.type is Type.BOOL:
        return ops.boolean(made[0]) if len(set(made.tolist())) == 1 else None
    kept = [i for i, v in enumerate(numbers) if not i or v != numbers[i - 1]]
    edges, closed = first.data.edges[[i - 1 for i in kept[1:]]], first.data.right_closed
    pieces = Pieces.of(edges, [numbers[i] for i in kept], right_closed=closed, missing=missing)
    return (
        ops.const(missing)
        if {missing, *numbers} == {missing}
        else ops.piecewise(first.args[0], pieces)
    )


def _edges_of(n: Node) -> tuple[tuple[float, ...], bool]:
    return tuple(n.data.edges.tolist()), n.data.right_closed
