"""How far a formula is from the model, and from what was observed: two different things."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from closedform.errors import BadInput, first_line
from closedform.formula import Formula
from closedform.frontiers.observed import known
from closedform.frontiers.subject import Part, Subject, answered
from closedform.ir import Array
from closedform.shorten.teacher import CLIP
from closedform.verify.measure import labels_differ

Metric = Callable[[Array, Array], float]


def _disagreement(expected: Array, got: Array) -> float:
    return float(labels_differ(expected, got).mean())


def _rmse(expected: Array, got: Array) -> float:
    expected, got = expected.astype(float), got.astype(float)
    size = float(np.max(np.abs(expected))) or 1.0  # the square of 1e200 is no float
    spread = float((expected / size).std()) or 1 / size
    return float(np.sqrt(np.mean((got / size - expected / size) ** 2)) / spread)


def _mae(expected: Array, got: Array) -> float:
    return float(np.mean(np.abs(got.astype(float) - expected.astype(float))))


def _worst(expected: Array, got: Array) -> float:
    return float(np.max(np.abs(got.astype(float) - expected.astype(float))))


METRICS: dict[str, tuple[Metric, str]] = {
    "disagreement": (_disagreement, "the share of rows with another class"),
    "rmse": (_rmse, "root mean square, as a share of the standard deviation"),
    "mae": (_mae, "mean absolute, in the units of the output"),
    "max": (_worst, "the greatest on any row, in the units of the output"),
}
"""Errors by name: a function of what is right and of what the formula gives, and in words."""


def _squares(expected: Array, got: Array) -> Array:
    expected, got = expected.astype(float), got.astype(float)
    size = float(np.max(np.abs(expected))) or 1.0
    spread = float((expected / size).std()) or 1.0
    with np.errstate(all="ignore"):
        return np.asarray(((got / size - expected / size) / spread) ** 2)


ROW_BY_ROW: dict[str, Callable[[Array, Array], Array]] = {
    "disagreement": lambda expected, got: labels_differ(expected, got).astype(float),
    "rmse": _squares,
    "mae": lambda expected, got: np.abs(got.astype(float) - expected.astype(float)),
}
"""What the errors that are means are means of: so it is known how sure a difference is."""


@dataclass(frozen=True)
class Judged:
    """The errors of one formula.

    Attributes:
        chosen_by: the error against the model on the rows to choose by, and on made-up ones like
            these where they are few.
        error: the error against the model on rows that no step saw.
        error_y: the error against y there; NaN where y was not given.
        rows: how many rows no step saw.
        apart: of a classifier, on how many of these the class is another; of a regression, the
            difference that 95 % of them keep within.
        away: how far each row to choose by is away, shape (rows,), in units in which the mean of it
            is better for a better formula; None of a metric that is no mean over rows.
        diverges: how far the chances of the classes are from the model's on each of these rows,
            shape (rows,), in nats; None of a regression, and where either gives none.
    """

    chosen_by: float
    error: float
    error_y: float
    rows: int
    apart: float
    away: Array | None = field(default=None, repr=False, compare=False)
    diverges: Array | None = field(default=None, repr=False, compare=False)

    def without_rows(self) -> Judged:
        """Return the errors alone."""
        return replace(self, away=None, diverges=None)


class Judge:
    """Measures formulas against one model, and against y."""

    def __init__(self, subject: Subject, metric: str | Metric | None) -> None:
        """Choose the metric: by its name, a function, or what suits the model.

        Raises:
            BadInput: no metric has this name.
        """
        self.subject = subject
        self.classifies = subject.teacher.classifies
        self.names = subject.formula.answer
        default = "disagreement" if self.classifies else "rmse"
        if callable(metric):
            self.metric, self.about = metric, _called(metric)
            self.metric_name = self.about
        else:
            self.metric_name = str(default if metric is None else metric)
            self.metric, self.about = _named(default if metric is None else metric, self.classifies)
        self._choosing = [p for p in (subject.select, subject.more) if p is not None]
        chances = subject.formula.task.probability if self.metric_name == "disagreement" else ()
        given = all(name in part.said for part in self._choosing for name in chances)
        self._chances = chances if given else ()
        parts = (*self._choosing, subject.check)
        self._kept = {id(part): answered(part, self.names) for part in parts}
        self._answered = np.concatenate([self._kept[id(part)] for part in self._choosing])
        if not all(kept.any() for kept in self._kept.values()):
            raise BadInput(
                "The model answers none of the rows that errors are measured on.",
                hint="Give rows that the model takes.",
            )
        if callable(metric):
            self._refuse_gains()

    def _refuse_gains(self) -> None:
        """Refuse a metric that is greater where a formula is right: R², or the share of hits."""
        kept, part = self._kept[id(self.subject.select)], self.subject.select
        right = part.said[self.names[0]]
        hit = self._one(right, right, kept)
        missed = self._one(right, np.roll(right, 1), kept & np.roll(kept, 1))
        if not np.isfinite(hit) or hit > missed:
            raise BadInput(
                f"metric {self.about} gives {hit:.3g} where everything is right, and "
                f"{missed:.3g} where it is not: it measures no error.",
                hint="Give a function that is smaller for a better formula, as 1 minus this one.",
            )

    def __call__(self, formula: Formula) -> Judged:
        """Return the errors of a formula with the model's outputs."""
        check = self.subject.check
        first, *more, second = (self._answers(formula, p) for p in (*self._choosing, check))
        return Judged(
            self._against_model([first, *more], self._choosing),
            self._against_model([second], [check]),
            self._against_y(second, check),
            int(self._kept[id(check)].sum()),
            self._apart(second, check),
            self._away([first, *more]),
            self._diverges([first, *more]),
        )

    def _away(self, got: Sequence[Mapping[str, Array]]) -> Array | None:
        """Return how far each row to choose by is away, on average over the outputs."""
        if self.metric_name not in ROW_BY_ROW:
            return None
        away, said = ROW_BY_ROW[self.metric_name], [part.said for part in self._choosing]
        rows = [away(self._to_choose_by(said, n), self._to_choose_by(got, n)) for n in self.names]
        return np.asarray(np.mean(rows, axis=0), dtype=float)

    def _diverges(self, got: Sequence[Mapping[str, Array]]) -> Array | None:
        """Return the Kullback–Leibler divergence from the model's chances, row by row."""
        names = self._chances
        if not names or not all(name in g for g in got for name in names):
            return None
        theirs, own = self._model_chances, _sure([self._to_choose_by(got, n) for n in names])
        return np.asarray((theirs * np.log(theirs / own)).sum(axis=1), dtype=float)

    @cached_property
    def _model_chances(self) -> Array:
        """The model's own chances of the classes on the rows to choose by."""
        said = [part.said for part in self._choosing]
        return _sure([self._to_choose_by(said, name) for name in self._chances])

    def _to_choose_by(self, tables: Sequence[Mapping[str, Array]], name: str) -> Array:
        """Return an output on the rows to choose by that the model answers, shape (rows,)."""
        return np.asarray(np.concatenate([table[name] for table in tables])[self._answered])

    @property
    def of_model(self) -> float:
        """The model's own error against y on the rows that no step saw; NaN without y."""
        part = self.subject.check
        return self._against_y({n: part.said[n] for n in self.names}, part)

    def losses(self, formula: Formula) -> Array:
        """Return the loss against y of each row to choose by, shape (rows,)."""
        return self._losses(self._answers(formula, self.subject.select), self.subject.select)

    @property
    def model_losses(self) -> Array:
        """The same of the model itself."""
        part = self.subject.select
        return self._losses({n: part.said[n] for n in self.names}, part)

    def _losses(self, said: Mapping[str, Array], part: Part) -> Array:
        """Return the loss of each row, shape (rows,); NaN where nothing was observed."""
        assert part.y is not None
        observed = part.y if part.y.ndim == 2 else part.y[:, None]
        table = np.column_stack([said[n] for n in self.names])
        if self.classifies:
            away = labels_differ(observed[:, 0], table[:, 0]).astype(float)
        else:
            size = float(np.nanmax(np.abs(observed))) or 1.0  # the square of 1e200 is no float
            away = ((observed / size - table / size) ** 2).mean(axis=1)
        return np.where(known(part.y), away, np.nan)

    def _answers(self, formula: Formula, part: Part) -> Mapping[str, Array]:
        chances = [name for name in self._chances if name in formula.outputs]
        return formula.only(*self.names, *chances).evaluate(part.X)

    def _against_model(self, got: Sequence[Mapping[str, Array]], parts: Sequence[Part]) -> float:
        return float(np.mean([self._on_all(name, got, parts) for name in self.names]))

    def _on_all(
        self, name: str, got: Sequence[Mapping[str, Array]], parts: Sequence[Part]
    ) -> float:
        kept = np.concatenate([self._kept[id(part)] for part in parts])
        expected = np.concatenate([part.said[name] for part in parts])
        return self._one(expected, np.concatenate([g[name] for g in got]), kept)

    def _one(self, expected: Array, got: Array, kept: Array) -> float:
        """Return the error on some of the rows; infinite where it is no number.

        Raises:
            BadInput: a metric of the user's raises, or gives no number.
        """
        try:
            with np.errstate(all="ignore"):
                found = float(np.asarray(self.metric(expected[kept], got[kept])).item())
        except Exception as problem:
            if self.metric in [metric for metric, _ in METRICS.values()]:
                raise
            raise BadInput(
                f"metric {self.about} gives no error: {type(problem).__name__}: "
                f"{first_line(problem)}",
                hint="It gets two arrays of one value a row, what is right and what a formula "
                "gives, and returns one number: 0 is right, and more is worse.",
            ) from problem
        return found if found == found else float("inf")

    def _against_y(self, got: Mapping[str, Array], part: Part) -> float:
        if part.y is None:
            return float("nan")
        observed = part.y if part.y.ndim == 2 else part.y[:, None]
        kept = self._kept[id(part)] & known(part.y)
        if not kept.any():
            return float("nan")
        pairs = zip(observed.T, self.names, strict=True)
        return float(np.mean([self._one(y, got[n], kept) for y, n in pairs]))

    def _apart(self, got: Mapping[str, Array], part: Part) -> float:
        kept = self._kept[id(part)]
        if self.classifies:
            name = self.names[0]
            return round(_disagreement(part.said[name][kept], got[name][kept]) * int(kept.sum()))
        away = [np.abs(got[n].astype(float) - part.said[n].astype(float))[kept] for n in self.names]
        return max(float(np.quantile(a, 0.95)) for a in away)


def _sure(chances: Sequence[Array]) -> Array:
    """Return chances as a table, none of them below that of `CLIP`: what is sure is sure."""
    table = np.maximum(np.column_stack(chances).astype(float), 1 / (1 + np.exp(CLIP)))
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _called(metric: Metric) -> str:
    name = str(getattr(metric, "__name__", "as given"))
    return "as given" if name == "<lambda>" else name


def _named(name: Any, classifies: bool) -> tuple[Metric, str]:
    fits = [n for n in METRICS if (n == "disagreement") is classifies]
    if name not in fits:
        raise BadInput(
            f"{name!r} is no metric for a {'classifier' if classifies else 'regression'}.",
            hint=f"Metrics: {', '.join(fits)}; or any function of (expected, got).",
        )
    return METRICS[name]
