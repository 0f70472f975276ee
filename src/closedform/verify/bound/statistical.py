"""What fresh rows say: a share, with a probability of being wrong that is stated.

No proof: it holds of the distribution that the rows came from, and of no single point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import BadInput, MissingExtra
from closedform.formula import Formula
from closedform.ir import Array
from closedform.verify.bound.named import from_zero
from closedform.verify.plain import Told


@dataclass(frozen=True, repr=False)
class Statistic(Told):
    """How often model and formula agree, as fresh rows show it.

    Attributes:
        output: what was compared.
        rows: how many fresh rows.
        disagreements: on how many of them the two differ (by more than epsilon).
        agreement: the true share of agreement is at least this …
        confidence: … with this probability, over all formulas that were shown.
        epsilon: the difference that still counts as agreement, of numbers.
        formulas: how many formulas were judged on the same rows (Bonferroni).
    """

    output: str
    rows: int
    disagreements: int
    agreement: float
    confidence: float
    epsilon: float | None = None
    formulas: int = 1

    @property
    def verdict(self) -> str:
        """One line: the share and its confidence."""
        what = f"|model − formula| ≤ {self.epsilon:g}" if self.epsilon is not None else "the same"
        return (
            f"statistical, no proof: {what} for {self.output} on at least {self.agreement:.2%} of "
            f"rows like these, at {self.confidence:.4g} confidence"
        )

    def __str__(self) -> str:
        """Return the verdict and what it rests on."""
        more = f", {self.formulas} formulas judged on them" if self.formulas > 1 else ""
        seen = f"{self.disagreements:,} of {self.rows:,} fresh rows differ"
        return f"{self.verdict}\n  {seen}{more} (Clopper–Pearson)"


def least_agreement(rows: int, disagreements: int, delta: float, formulas: int = 1) -> float:
    """Return the share of agreement that holds with probability 1 − delta.

    The exact binomial bound of Clopper and Pearson (Biometrika 26, 1934), one-sided: 1 − the
    quantile 1 − δ of Beta(k + 1, N − k). δ is divided by the number of formulas shown.

    Args:
        rows: how many independent fresh rows.
        disagreements: on how many of them the two differ.
        delta: the probability of being wrong.
        formulas: how many formulas the same rows have judged.

    Raises:
        BadInput: numbers that cannot be.
        MissingExtra: SciPy is absent.
    """
    if not (0 <= disagreements <= rows and rows > 0 and 0 < delta < 1 and formulas >= 1):
        raise BadInput(
            f"rows={rows}, disagreements={disagreements}, delta={delta}, formulas={formulas} "
            "cannot be.", hint="Give at least one row, and a delta between 0 and 1.",
        )  # fmt: skip
    if disagreements == rows:
        return 0.0
    if disagreements == 0:
        return math.exp(math.log(delta / formulas) / rows)
    try:
        from scipy.special import betaincinv
    except ImportError as error:
        raise MissingExtra("scipy", "sklearn", "The bound of Clopper and Pearson") from error
    k = disagreements
    return 1.0 - float(betaincinv(k + 1, rows - k, 1.0 - delta / formulas))


def certify_sampled(
    model: Formula | Callable[[Any], Any], formula: Formula, X: Any, *,
    output: str | None = None, epsilon: float | None = None, delta: float = 0.001,
    formulas: int = 1,
) -> Statistic:  # fmt: skip
    """Say how often two sides agree, from rows that nobody has fitted or chosen anything on.

    Args:
        model: a formula, or a function of rows.
        formula: what is judged.
        X: independent fresh rows; anything else makes the statement worthless.
        output: the name of the output; default: the prediction.
        epsilon: the difference that still counts as agreement; needed for numbers.
        delta: the probability of being wrong.
        formulas: how many formulas these rows have judged.

    Raises:
        BadInput: numbers without an epsilon, or no row.
    """
    from_zero(epsilon=epsilon or 0.0)
    name = output or formula.answer[0]
    got = np.asarray(formula(X, name))
    want = np.asarray(model(X, name) if isinstance(model, Formula) else model(X))
    if not len(got):
        raise BadInput("There is no row.", hint="Give fresh rows.")
    if want.shape != got.shape:
        raise BadInput(
            f"The model gives an array of shape {want.shape}, the formula {got.shape}.",
            hint="Name one output of both.",
        )
    number = got.dtype.kind == "f"
    if number and epsilon is None:
        raise BadInput(
            f"{name} is a number: two numbers are hardly ever equal.",
            hint="Say which difference is small enough, epsilon=….",
        )
    wrong = int(_differ(want, got, epsilon).sum())
    share = least_agreement(len(got), wrong, delta, formulas)
    return Statistic(name, len(got), wrong, share, 1 - delta, epsilon if number else None, formulas)


def _differ(want: Array, got: Array, epsilon: float | None) -> Array:
    if got.dtype.kind != "f" or epsilon is None:
        return np.asarray(want != got)
    want = want.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(want - got) > epsilon
    return np.asarray(apart | (np.isnan(want) != np.isnan(got)))
