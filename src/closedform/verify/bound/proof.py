"""Proofs: what was claimed, over which inputs, and whether it is so for every one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from closedform.verify.plain import Told, listed

PROVEN, REFUTED, OPEN, BOUNDED = "proven", "refuted", "not decided", "bounded"

INCLUDED = ("the rounding of both programs in float64",)
METHODS = ("intervals", "lines with remainders", "quadratic forms", "branch and bound")


@dataclass(frozen=True, repr=False)
class Proof(Told):
    """What is true of every point of a box, and how that is known.

    Attributes:
        claim: what was to be proven, in words.
        status: "proven": true of every float64 point of the box; "refuted": false at `point`;
            "not decided": neither by the time the search stopped; "bounded": no limit was asked
            for, and `upper` is proven.
        upper: no value over the box is greater; NaN where the claim is not about a number.
        lower: the greatest value found, at `point`: the true maximum lies between the two.
        point: the inputs at which `lower` occurs, or which refute the claim; by name.
        epsilon: the limit asked for, None if there was none.
        tolerance: the search stops where upper ≤ (1 + tolerance)·lower.
        scale: how far the model's own output ranges over the box, in sampled points.
        boxes: how many boxes were bounded.
        seconds: how long it took.
        box: the range, or the categories, of each input that matters.
        included: which errors `upper` covers.
        methods: how it was proven.
    """

    claim: str
    status: str
    upper: float = math.nan
    lower: float = math.nan
    point: Mapping[str, Any] | None = None
    epsilon: float | None = None
    tolerance: float = 0.0
    scale: float = math.nan
    boxes: int = 0
    seconds: float = 0.0
    box: Mapping[str, Any] = field(default_factory=dict)
    included: tuple[str, ...] = INCLUDED
    methods: tuple[str, ...] = METHODS

    @property
    def ok(self) -> bool:
        """Whether the claim is proven, or a finite bound where no limit was asked for."""
        return self.status == PROVEN or (self.status == BOUNDED and math.isfinite(self.upper))

    def __bool__(self) -> bool:
        """Tell whether the claim is proven."""
        return self.ok

    @property
    def gap(self) -> float:
        """How far `upper` is above `lower`, relative to `lower`."""
        return (self.upper - self.lower) / self.lower if self.lower > 0 else math.inf

    @property
    def verdict(self) -> str:
        """One line: what is known."""
        parts = [f"{self.status}: {self.claim}"]
        if self.status == REFUTED and self.point is not None:
            parts.append(f"at {point_told(self.point)}" if self.point else "everywhere")
        if math.isfinite(self.upper):
            parts.append(f"proven at most {self.upper:.6g}")
        if math.isfinite(self.lower):
            parts.append(f"found {self.lower:.6g}")
        return " · ".join(parts)

    def _notes(self) -> Iterator[str]:
        if math.isfinite(self.scale) and self.scale > 0 and math.isfinite(self.upper):
            share = self.upper / self.scale
            yield f"the output ranges over {self.scale:.4g}: at most {share:.2%} of it"
        if self.point and self.status != REFUTED:
            yield f"greatest found at {point_told(self.point)}"
        if self.box:
            yield "over " + point_told(self.box)
        yield f"{self.boxes:,} boxes in {self.seconds:.2g} s by {', '.join(self.methods)}"
        if self.included:
            yield "includes " + ", ".join(self.included)

    def __str__(self) -> str:
        """Return the proof as compact text; the verdict is its first line."""
        return "\n".join([self.verdict, *(f"  {note}" for note in self._notes())])

    def _repr_html_(self) -> str:
        colour = {PROVEN: "#006d4e", BOUNDED: "#006d4e", REFUTED: "#b3261e"}
        head = self._headline(self.verdict, colour.get(self.status, "#7a5900"))
        return f"<div>{head}{listed(self._notes())}</div>"


def point_told(values: Mapping[str, Any]) -> str:
    """Return a point, or a box, in words: at most eight inputs of it."""
    shown = [f"{k}={_short(v)}" for k, v in list(values.items())[:8]]
    return ", ".join(shown) + (", …" if len(values) > 8 else "")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple) and len(value) == 2:
        return f"{_short(value[0])} … {_short(value[1])}"
    if isinstance(value, list):
        more = ["…"] if len(value) > 4 else []
        return "[" + ", ".join([*map(_short, value[:4]), *more]) + "]"
    return str(value)
