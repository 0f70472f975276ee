"""How far the formula is from the model, for the number that is explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.sides import MOST, Sides
from closedform.explanations.spreads import deviation, size
from closedform.explanations.tables import Record, Table, figure


@dataclass(frozen=True, eq=False, repr=False)
class Agreement(Record):
    """How far two sides are apart.

    Attributes:
        typical: the root mean square of the difference.
        greatest: the greatest difference.
        r2: the share of the model's variance that the formula gives back.
        rows: on how many rows that both answer.
    """

    typical: float
    greatest: float
    r2: float
    rows: int

    def tables(self) -> Sequence[Table]:
        """Return it as a table of one row."""
        row = (self.typical, self.greatest, self.r2, f"{self.rows:,}")
        return [Table("The formula against the model", ("typical", "greatest", "R²", "rows"),
                      (row,))]  # fmt: skip

    def __str__(self) -> str:
        """Return it as a sentence."""
        if not self.rows:
            return "no row has a number from both the model and the formula"
        if self.greatest == 0:
            return f"the formula says what the model says, to the last bit, on {self.rows:,} rows"
        return (
            f"the formula is {figure(self.typical)} from the model, typically, and "
            f"{figure(self.greatest)} at most, on {self.rows:,} rows (R² {self.r2:.4f})"
        )


def agreement(sides: Sides) -> Agreement:
    """Return how far the formula is from the model on the rows, at most `MOST` of them.

    Raises:
        BadInput: there is no second side.
    """
    if len(sides.sides) < 2:
        raise BadInput(
            f"There is only the {sides.sides[0].name}, and nothing beside it.",
            hint="Give the model, and the formula as formula=.",
        )
    some = sides.some(MOST)
    own, other = (some.ask(side, some.X) for side in some.sides)
    fine = np.isfinite(own) & np.isfinite(other)
    own, apart = own[fine], np.abs(other[fine] - own[fine])
    if not len(own):
        return Agreement(float("nan"), float("nan"), float("nan"), 0)
    spread, typical = float(deviation(own)), float(size(apart))
    r2 = 1 - (typical / spread) ** 2 if spread else float(typical == 0)
    return Agreement(typical, float(apart.max()), r2, len(own))
