"""Proofs in small boxes around rows, where one over the whole box is out of reach."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Array, Node, Type
from closedform.verify.bound.always import Truth
from closedform.verify.bound.difference import Bounder, own_rounding, pair
from closedform.verify.bound.named import from_zero
from closedform.verify.bound.normal import missing_for, normal
from closedform.verify.bound.region import Region, together
from closedform.verify.plain import Told, plain


@dataclass(frozen=True, repr=False)
class LocalProof(Told):
    """What is proven in a box of one radius around each of some rows; nothing is between them.

    Attributes:
        output: the number that is compared; "" where there is none.
        label: the label that is compared; "" where there is none.
        radius: how far each input may move, in units of `scale`.
        scale: the unit of each input, by name.
        rows: how many rows there are.
        upper: the proven greatest difference around each row, shape (rows,); inf where none is.
        epsilon: the limit asked for, None if there was none.
        same: whether the same label is proven around each row, shape (rows,); None without labels.
        seconds: how long all rows took together.
    """

    output: str
    label: str
    radius: float
    scale: dict[str, float]
    rows: int
    upper: Array
    epsilon: float | None = None
    same: Array | None = None
    seconds: float = 0.0
    included: tuple[str, ...] = field(default=("the rounding of both programs in float64",))

    @property
    def within(self) -> float:
        """The share of rows around which |model − formula| ≤ epsilon is proven."""
        return float("nan") if self.epsilon is None else float((self.upper <= self.epsilon).mean())

    @property
    def same_share(self) -> float:
        """The share of rows around which the same label is proven."""
        return float("nan") if self.same is None else float(self.same.mean())

    @property
    def verdict(self) -> str:
        """One line: what is proven around how many rows."""
        parts = []
        if self.same is not None:
            parts.append(f"the same {self.label} proven around {self.same_share:.1%} of rows")
        if self.epsilon is not None:
            parts.append(f"|model − formula| ≤ {self.epsilon:g} around {self.within:.1%}")
        if self.output:
            middle, most = np.median(self.upper), self.upper.max()
            parts.append(
                f"difference of {self.output} at most {middle:.4g} (median), {most:.4g} (all)"
            )
        return " · ".join(parts)

    def __str__(self) -> str:
        """Return the proof as text; the verdict is its first line."""
        each = 1e3 * self.seconds / max(1, self.rows)
        return (
            f"{self.verdict}\n  local: boxes of radius {self.radius:g} around {self.rows:,} rows, "
            f"nothing is said of what lies between\n  {each:.2g} ms a row; includes "
            + ", ".join(self.included)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, rows as lists."""
        return super().to_dict() | {
            "within": plain(self.within),
            "same_share": plain(self.same_share),
        }


@np.errstate(all="ignore")
def certify_around(
    model: Formula, formula: Formula, X: Any, radius: float, *, scale: Any = None,
    epsilon: float | None = None, output: str | None = None,
) -> LocalProof:  # fmt: skip
    """Prove what two formulas do in a box around each row.

    Args:
        model, formula: what is compared.
        X: the rows; what is missing in a row stays missing in its box, categories stay.
        radius: how far each number may move, in units of `scale`.
        scale: by input name, or one number for all; default: the standard deviation in X.
        epsilon: the limit of the difference.
        output: the name of the number that is compared; default: the first that both have.

    Raises:
        BadInput: there is nothing to compare, or no row.
    """
    start = time.perf_counter()
    from_zero(radius=radius, epsilon=epsilon or 0.0)
    if X is None:
        raise BadInput("A radius is about rows, and there are none.", hint="Give rows, X=….")
    labels = _labels(model, formula) if output is None else None
    name, difference, coarse = _number(model, formula, output, labels is not None)
    model, formula = together(model, formula)
    columns, rows = columns_of(model.inputs, X)
    if not rows:
        raise BadInput("There is no row to prove anything around.", hint="Give rows.")
    away = _away(model.inputs, columns, radius, scale)
    upper, same = np.full(rows, np.inf), np.zeros(rows, bool)
    for gone, mine in _patterns(model.inputs, columns):
        lo, hi = _boxes(model.inputs, columns, away, mine)
        absent = {n: missing_for(n) for n in (ops.input_(i, model.inputs[i].type) for i in gone)}
        if difference is not None:
            upper[mine] = _upper(normal([difference], absent)[0], lo, hi) + coarse(lo, hi)
        if labels is not None:
            same[mine] = _sure(normal([labels[1]], absent)[0], lo, hi)
    scales = {
        f.name: a / radius if radius else 0.0 for f, a in zip(model.inputs, away, strict=True)
    }
    return LocalProof(
        name, labels[0] if labels else "", radius, scales, rows, upper, epsilon,
        same if labels else None, time.perf_counter() - start,
    )  # fmt: skip


def _labels(model: Formula, formula: Formula) -> tuple[str, Node] | None:
    """Return the label that both predict, and the condition that they agree."""
    model, formula = together(model, formula)
    for name in formula.answer:
        if name in model.outputs and formula.outputs[name].type is Type.LABEL:
            return name, ops.equal(model.outputs[name], formula.outputs[name])
    return None


def _number(model: Formula, formula: Formula, output: str | None, labelled: bool) -> Any:
    try:
        name, a, b, model, _ = pair(model, formula, output)
    except BadInput:
        if not labelled:
            raise
        return "", None, lambda lo, hi: 0.0

    def coarse(lo: Array, hi: Array) -> float:
        region = Region(model.inputs, lo.min(axis=1), hi.max(axis=1), {})
        return own_rounding(model, name, a, region)

    return name, ops.lin(0.0, (1.0, a), (-1.0, b)), coarse


def _away(
    inputs: Sequence[Feature], columns: Sequence[Array], radius: float, scale: Any
) -> list[float]:
    """Return how far each input may move."""
    found = []
    for feature, column in zip(inputs, columns, strict=True):
        if feature.type is Type.LABEL:
            found.append(0.0)
            continue
        numbers = column[np.isfinite(column)]
        own = float(numbers.std()) if len(numbers) else 0.0
        unit = scale.get(feature.name, own) if hasattr(scale, "get") else scale
        found.append(radius * float(own if unit is None else unit))
    return found


def _patterns(inputs: Sequence[Feature], columns: Sequence[Array]) -> list[tuple[list[int], Array]]:
    """Return which inputs are missing together, and in which rows."""
    lost = np.array([
        c == -1 if f.type is Type.LABEL else np.isnan(c)
        for f, c in zip(inputs, columns, strict=True)
    ])  # fmt: skip
    if not lost.any():
        return [([], np.arange(lost.shape[1]))]
    kinds, which = np.unique(lost.T, axis=0, return_inverse=True)
    return [
        (np.flatnonzero(kind).tolist(), np.flatnonzero(which.ravel() == i))
        for i, kind in enumerate(kinds)
    ]


def _boxes(
    inputs: Sequence[Feature], columns: Sequence[Array], away: Sequence[float], rows: Array
) -> tuple[Array, Array]:
    centre = np.array([c[rows].astype(np.float64) for c in columns]).reshape(len(inputs), -1)
    move = np.array(away)[:, None]
    return centre - move, centre + move


def _batches(rows: int, size: int) -> list[slice]:
    return [slice(i, i + size) for i in range(0, rows, size)]


def _upper(node: Node, lo: Array, hi: Array) -> Array:
    bounder = Bounder(node, "both", lo, hi)
    lo, hi = lo[bounder.tape.inputs], hi[bounder.tape.inputs]
    parts = [bounder(lo[:, p], hi[:, p]).upper for p in _batches(lo.shape[1], bounder.batch)]
    return np.concatenate(parts)


def _sure(condition: Node, lo: Array, hi: Array) -> Array:
    truth = Truth(condition)
    lo, hi = lo[truth.tape.inputs], hi[truth.tape.inputs]
    size = max(16, (1 << 21) // (truth.tape.rows * max(1, len(lo))))
    parts = [truth(lo[:, p], hi[:, p])[0] for p in _batches(lo.shape[1], size)]
    return np.concatenate(parts)
