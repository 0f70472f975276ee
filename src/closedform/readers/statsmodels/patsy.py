"""patsy's designs: what DesignInfo has kept of factors, their states and contrasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedform.readers.statsmodels.bases import coding
from closedform.readers.statsmodels.design import Design, Factor, Subterm
from closedform.readers.statsmodels.expressions import Frame, Scope, Stateful


def patsy_design(info: Any, frame: Frame) -> Design:
    """Return the terms of a DesignInfo.

    Args:
        info: patsy's record of the design.
        frame: what is known of the training data.
    """
    factors = {f: _factor(i, frame) for f, i in info.factor_infos.items()}
    subterms = [
        Subterm(
            name=term.name(),
            factors=tuple(factors[f] for f in part.factors),
            matrices=tuple(_matrix(part, f) for f in part.factors),
            columns=int(part.num_columns),
        )
        for term, parts in info.term_codings.items()
        for part in parts
    ]
    return Design(tuple(subterms), tuple(str(n) for n in info.column_names))


def _matrix(part: Any, factor: Any) -> Any:
    found = part.contrast_matrices.get(factor)
    return None if found is None else coding(found.matrix)


def _factor(info: Any, frame: Frame) -> Factor:
    state = info.state
    scope = Scope(
        frame=frame,
        objects=_objects(state.get("eval_env")),
        transforms={name: _stateful(obj) for name, obj in state.get("transforms", {}).items()},
    )
    return Factor(
        name=info.factor.name(),
        code=state.get("eval_code", info.factor.name()),
        scope=scope,
        levels=info.categories,
        width=info.num_columns,
    )


def _objects(environment: Any) -> Mapping[str, Any]:
    """Return what a factor's code may name besides columns."""
    spaces = [] if environment is None else environment._namespaces
    return {name: found for space in reversed(spaces) for name, found in space.items()}


def _stateful(transform: Any) -> Stateful:
    kind = type(transform)
    own = kind.__module__.partition(".")[0] == "patsy"
    return Stateful(f"patsy.{kind.__name__}" if own else kind.__name__, transform)
