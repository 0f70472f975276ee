"""Transforms of a model formula that have learned something in training: splines, scaling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped
from closedform.ir import Node
from closedform.readers.statsmodels import expressions as e
from closedform.readers.statsmodels.bases import Curve, Plain, Product
from closedform.readers.statsmodels.expressions import Call, Stateful, Unreadable
from closedform.readers.statsmodels.splines import (
    absorbing,
    b_splines,
    constrained,
    cyclic,
    natural,
    only_between,
    orthogonal,
)

OWN_CODE = "a function of your own, {name}()"
"""What is said of a function that is no package's."""


def stateful(target: Stateful, call: Call) -> Any:
    """Return what a transform gives that has learned something in training."""
    rule = STATEFUL.get(target.kind)
    if rule is None:
        return Unreadable(
            f"{e.spelled(call.code)}, which calls {OWN_CODE.format(name=target.kind)}"
        )
    if target.kind == "patsy.TE":
        return rule(target.state, call.args, call)
    x, options = _bound(SIGNATURES[target.kind], call)
    if isinstance(x, Plain | Product) or not isinstance(x, Node | Unreadable):
        return call.unreadable
    found = e.number(x)
    return found if isinstance(found, Unreadable) else rule(target.state, found, options)


def _bound(names: str, call: Call) -> tuple[Any, dict[str, Any]]:
    """Return the first argument, and the others by the names that the function has for them."""
    kinds = [Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in names.split()]
    try:
        found = Signature(kinds).bind_partial(*call.args, **call.options).arguments
    except TypeError:
        return call.unreadable, {}
    first, *_ = names.split()
    return found.pop(first, call.unreadable), dict(found)


SIGNATURES = {
    "patsy.BS": "x df knots degree include_intercept lower_bound upper_bound",
    "patsy.CR": "x df knots lower_bound upper_bound constraints",
    "patsy.CC": "x df knots lower_bound upper_bound constraints",
    "patsy.Center": "x",
    "patsy.Standardize": "x center rescale ddof",
    "formulaic.basis_spline": "x df knots degree include_intercept lower_bound upper_bound "
    "extrapolation",
    "formulaic.cubic_spline": "x df knots lower_bound upper_bound constraints extrapolation",
    "formulaic.center": "data",
    "formulaic.scale": "data center scale ddof",
    "formulaic.standardize": "x center rescale ddof",
    "formulaic.poly": "x degree raw",
}
"""The arguments of each transform, in order; the first is the column."""


def _patsy_bs(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    first = 0 if options.get("include_intercept", False) else 1
    knots = state._all_knots
    curve = b_splines(x, knots, int(state._degree), first)
    return only_between(curve, float(knots[0]), float(knots[-1]), math.nan)


def _patsy_natural(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    return constrained(natural(x, state._all_knots), state._constraints)


def _patsy_cyclic(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    return constrained(cyclic(x, state._all_knots), state._constraints)


def _tensor(state: Any, parts: tuple[Any, ...], call: Call) -> Any:
    """Return a tensor product of splines, the last one's columns running fastest."""
    bases = [Plain((p,)) if isinstance(p, Node) else p for p in parts]
    bad = next((b for b in bases if isinstance(b, Unreadable)), None)
    if bad is not None or not bases:
        return bad or call.unreadable
    count = math.prod(b.width for b in bases)
    kept = np.eye(count) if state._constraints is None else absorbing(state._constraints)
    return Product(tuple(bases), kept)


def _patsy_center(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    return _scaled(x, np.ravel(state._sum / state._count), None)


def _patsy_standardize(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    ddof = options.get("ddof", 0)
    spread = np.sqrt(state.current_M2 / (state.current_n - ddof))
    middle = state.current_mean if options.get("center", True) else None
    return _scaled(x, middle, spread if options.get("rescale", True) else None)


def _scaled(x: Node, middle: Any, spread: Any) -> Node:
    """Return (x − middle) / spread, each of them where it is given."""
    if middle is not None:
        x = ops.lin(-float(np.ravel(middle)[0]), (1, x))
    return x if spread is None else ops.div(x, ops.const(float(np.ravel(spread)[0])))


def _formulaic_scale(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    return _scaled(x, state.get("center"), state.get("scale"))


def _formulaic_poly(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    degree = options.get("degree", 1)
    if not isinstance(degree, int):
        return Unreadable("a degree of poly() that is no whole number")
    if options.get("raw", False):
        return Plain(tuple(ops.mul(*[x] * k) for k in range(1, degree + 1)))
    return orthogonal(x, state["alpha"], state["norms2"], degree)


def _formulaic_bs(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    degree, first = int(options.get("degree", 3)), 0 if options.get("include_intercept") else 1
    make = partial(b_splines, knots=state["knots"], degree=degree, first=first)
    found = _extrapolated(make, state, x, options.get("extrapolation", "raise"))
    if isinstance(found, Unreadable):
        return found
    # Missing lies in no stretch: steps are 0 there, and 0 times NaN is NaN.
    return replace(found, missing=None if degree else np.zeros(found.width))


def _formulaic_cubic(state: Any, x: Node, options: Mapping[str, Any]) -> Any:
    make = partial(cyclic if state["cyclic"] else natural, knots=state["knots"])
    found = _extrapolated(make, state, x, options.get("extrapolation", "extend"))
    if isinstance(found, Unreadable):
        return found
    return constrained(found, state["constraints"], by_numpy=True)


def _extrapolated(make: Callable[[Node], Curve], state: Any, x: Node, how: Any) -> Any:
    """Return a spline of formulaic with what it does beyond its bounds."""
    how = getattr(how, "value", how)
    lo, hi = float(state["lower_bound"]), float(state["upper_bound"])
    if how == "extend":
        return make(x)
    if how == "clip":
        return make(clipped(x, lo, hi))
    if how in ("raise", "na"):
        inside = ops.both(ops.less_equal(ops.const(lo), x), ops.less_equal(x, ops.const(hi)))
        if state.get("cyclic"):
            return make(ops.where(inside, x, ops.const(math.nan)))
        return only_between(make(x), lo, hi, math.nan)
    if how == "zero" and not state.get("cyclic"):
        return only_between(make(x), lo, hi, 0.0)
    return Unreadable(f"a spline with extrapolation={how!r}")


STATEFUL: dict[str, Callable[..., Any]] = {
    "patsy.BS": _patsy_bs,
    "patsy.CR": _patsy_natural,
    "patsy.CC": _patsy_cyclic,
    "patsy.TE": _tensor,
    "patsy.Center": _patsy_center,
    "patsy.Standardize": _patsy_standardize,
    "formulaic.basis_spline": _formulaic_bs,
    "formulaic.cubic_spline": _formulaic_cubic,
    "formulaic.center": _formulaic_scale,
    "formulaic.scale": _formulaic_scale,
    "formulaic.standardize": _formulaic_scale,
    "formulaic.poly": _formulaic_poly,
}
"""The packages' own transforms that learn from the training rows."""
