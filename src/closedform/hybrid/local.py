"""What a model does near one row: a short law of the rows around it, and how good it is there.

The idea of local surrogates (LIME: Ribeiro, Singh and Guestrin 2016, "Why should I trust you?"),
with a law in the place of a linear model, as in SLIME (arXiv 2602.21307): the nearest rows, and
draws around the row, those near it counting more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import wrap
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.fitting import Constants, levenberg_marquardt
from closedform.formula import Feature, Formula, Step, Task, refusals
from closedform.frontiers.black_box import teacher_of
from closedform.frontiers.subject import formula_of
from closedform.hybrid.lines import line, order
from closedform.hybrid.searching import Columns, searched
from closedform.ir import Array, Node, Type, substitute
from closedform.laws.distilling import ENDLESS
from closedform.laws.entrance import table_of
from closedform.length import length
from closedform.passes.differentiate import gradient
from closedform.passes.rounding import rounding
from closedform.printers.display import with_text
from closedform.probes.containers import row_count, take
from closedform.progress import Wanted, watching
from closedform.shorten.options import number, seconds, seed_of, whole
from closedform.shorten.teacher import CLIP, Teacher, against_best

NEAR_AS_BEST = 1.25
"""The shortest law is taken whose local error is at most so many times that of the best ..."""
SMALL = 0.05
"""... or leaves so much of the local deviation: 99.75 % of the variance is explained."""
CERTAIN = 15.0
"""Log-odds from here on that many rows share are those of a chance of 0, which forests give: then
all are clipped, as `Teacher` clips them."""
ROUNDED = 1.01
"""Digits are dropped while the error grows by no more than this factor."""
WIDTH = 100
"""Characters of a line."""


@dataclass(frozen=True, eq=False)
class LocalLaw:
    """A short law of a model near one row.

    Attributes:
        formula: over the inputs of the model; of a classifier it gives log-odds.
        row: the inputs that vary, by name, as they are in the row.
        said: what the model says of the row.
        r2: the share of the weighted variance around the row that the law explains, on draws that
            it was not fitted to.
        error: the weighted root mean square of its error there.
        linear_r2: the same as `r2` of the best linear law, which is what LIME gives.
        slopes: how much the law's answer moves with each input that it reads, at the row.
        rows: how many rows it was fitted to.
        counting: how many rows of full weight these are worth (Kish's effective sample size).
        radius: of the draws, in deviations of each input.
        seed: of everything random.
    """

    formula: Formula
    row: Mapping[str, float]
    said: float
    r2: float
    error: float
    linear_r2: float
    slopes: Mapping[str, float]
    rows: int
    counting: float
    radius: float
    seed: int

    @property
    def at_row(self) -> float:
        """What the law says of the row."""
        # Computed, not called: a model that refuses missing values is not asked, only its law.
        held = [np.array([self.row.get(f.name, np.nan)]) for f in self.formula.inputs]
        (found,) = compute([self.formula.outputs[self.formula.answer[0]]], held, 1)
        return float(found[0])

    def __str__(self) -> str:
        """Return the law and how good it is."""
        moves = ", ".join(f"{name} {slope:+.4g}" for name, slope in self.slopes.items())
        told = [
            f"within {self.radius:g} deviations of the row: R² {self.r2:.4f} (linear "
            f"{self.linear_r2:.4f}), error {self.error:.3g}, from {self.rows} rows that count "
            f"as {self.counting:.0f}",
            f"at the row: {self.at_row:.6g} where the model says {self.said:.6g}"
            + (f"; slopes: {moves}" if moves else ""),
        ]
        lines = [row for part in told for row in wrap(part, WIDTH, subsequent_indent="  ")]
        return "\n".join([str(self.formula.to("text")).strip(), "", *lines])

    def __repr__(self) -> str:
        """Return the text, which is what a console should show."""
        return str(self)

    def _repr_html_(self) -> str:
        return with_text(str(self), self.formula)


def local_law(
    model: Any, row: Any, X: Any, *, radius: float = 0.5, neighbours: int = 10, draws: int = 1000,
    output: int | str | None = None, time_limit: float | None = 10, seed: int = 0,
    progress: Wanted = None, **options: Any,
) -> LocalLaw:  # fmt: skip
    """Return a short law of what a model says near one row.

    It is fitted to the rows of `X` that are nearest, and to draws from a normal distribution around
    the row, within the range of `X`. A row counts exp(−d²), where d² is the mean over the inputs of
    the square of how many radii it is away. Categories, and numbers that are missing in the row,
    are held.

    Args:
        model: anything that `cf.distill` takes.
        row: the row, as an array, dict, or part of a DataFrame; or its number in `X`.
        X: rows like those that the model meets: they tell how far each input goes.
        radius: of the draws, in standard deviations of each input over `X`.
        neighbours: so many of the rows of `X`.
        draws: so many draws; half as many more measure how good the law is.
        output: of several outputs, its name or number; of a classifier, the class whose log-odds
            are meant. Default: the first output; the class that the model gives the row.
        time_limit: in seconds.
        seed: of everything random.
        progress: as of `cf.frontier`.
        options: of `cf.distill`.

    Raises:
        BadInput: the row does not fit, no input varies, or an option has no meaning.
        UnsupportedModel: the model can be neither read nor asked.
    """
    seed, radius = seed_of(seed), number("radius", radius, "deviations above 0, as 0.5")
    if not radius:
        raise BadInput("radius=0 leaves no room around the row.", hint="Give 0.5 or so.")
    neighbours, draws = whole("neighbours", neighbours, 0), whole("draws", draws, 50)
    X = table_of(X)
    place = _Place.of(model, row, X, output, seed)
    rng = np.random.default_rng([seed, 41])
    near = place.nearest(neighbours, radius)
    rows, aside = (np.vstack([n, place.drawn(k, radius, rng)])
                   for n, k in ((near, draws), (near[:0], draws // 2)))  # fmt: skip
    names = [place.teacher.features[i].name for i in place.moving]
    rows, said = place.answered(rows)
    aside, truth = place.answered(aside)
    with watching(progress, "local law", seconds(time_limit)) as watch:
        front = searched(place.ask, Columns.of(names, None), rows, said[:, None], seed=seed,
                         time_limit=time_limit, options=options, watch=watch)  # fmt: skip
    weight, checked = place.weights(rows, radius), place.weights(aside, radius)
    at = order(rows, said, weight)
    lines = [line(at[: i + 1], rows, said, weight) for i in range(len(at))]
    lines = lines or [line([], rows, said, weight)]
    found = [e.formula.outputs[e.formula.answer[0]] for e in front.entries]
    laws = [_refitted(node, rows, said, weight) for node in found] + lines
    law = _short(_chosen(laws, rows, said, weight), rows, said, weight)
    return place.told(law, lines[-1], aside, truth, checked, radius, seed, rows=len(rows),
                      counting=float(weight.sum() ** 2 / (weight**2).sum()))  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Place:
    """A row of a model, and what may move around it.

    Attributes:
        teacher: the model.
        held: the row, one value an input, codes of labels.
        moving: the inputs that may move.
        score: teacher's scores → the number whose law is looked for.
        name: of that number.
    """

    teacher: Teacher
    held: tuple[Array, ...]
    moving: tuple[int, ...]
    score: Any
    name: str

    @classmethod
    def of(cls, model: Any, row: Any, X: Any, output: Any, seed: int) -> _Place:
        formula, exact = formula_of(model, X)
        if exact:
            teacher = Teacher.of(formula, X, seed=seed, endless=ENDLESS)
        else:
            teacher = teacher_of(model, formula, X, None, seed=seed, endless=ENDLESS)
        held = _row(teacher, row, X)
        _refuse_unanswered(teacher, held)
        moving = tuple(
            i for i in (range(len(held)) if teacher.formula is None else teacher.formula.used)
            if teacher.features[i].type is Type.REAL and np.isfinite(held[i][0])
            and np.nanstd(teacher.inputs[i]) > 0
        )  # fmt: skip
        if not moving:
            raise BadInput(
                "No input of the row can move: each is a category, missing, the same in all rows "
                "of X, or not read by the model.",
                hint="Give rows X in which numbers vary.",
            )
        score, name = _score(teacher, held, output)
        return cls(teacher, held, moving, score, name)

    @property
    def centre(self) -> Array:
        """The row, shape (moving inputs,)."""
        return np.array([float(self.held[i][0]) for i in self.moving])

    @property
    def deviation(self) -> Array:
        """How far each input goes over the rows, shape (moving inputs,)."""
        return np.array([np.nanstd(self.teacher.inputs[i]) for i in self.moving])

    def ask(self, rows: Array) -> Array:
        """Return what the model says, shape (rows,), of rows, shape (rows, moving inputs)."""
        columns = [np.repeat(c, len(rows)) for c in self.held]
        for i, column in zip(self.moving, rows.T, strict=True):
            columns[i] = np.ascontiguousarray(column, dtype=float)
        with np.errstate(all="ignore"):
            return np.asarray(self.score(self.teacher.ask(columns, len(rows))), dtype=float)

    def answered(self, rows: Array) -> tuple[Array, Array]:
        """Return the rows that the model answers with a number, and the answers."""
        said = self.ask(rows)
        fine = np.isfinite(said)
        if fine.sum() < 30:
            raise BadInput(
                f"The model answers {int(fine.sum())} of {len(rows)} rows around this one.",
                hint="Give a smaller radius.",
            )
        return rows[fine], said[fine]

    def nearest(self, count: int, radius: float) -> Array:
        table = np.column_stack([self.teacher.inputs[i] for i in self.moving]).astype(float)
        table = table[np.isfinite(table).all(axis=1)]
        nearest = np.argsort(-self.weights(table, radius), kind="stable")
        return np.asarray(table[nearest[:count]])

    def weights(self, rows: Array, radius: float) -> Array:
        """Return how much rows count: exp(−d²), shape (rows,)."""
        away = (rows - self.centre) / (radius * self.deviation)
        return np.asarray(np.exp(-np.mean(away**2, axis=1)))

    def drawn(self, count: int, radius: float, rng: np.random.Generator) -> Array:
        """Return draws around the row within the range of the rows, whole where these are whole."""
        made = self.centre + radius * self.deviation * rng.normal(size=(count, len(self.moving)))
        for k, i in enumerate(self.moving):
            known = self.teacher.inputs[i][np.isfinite(self.teacher.inputs[i])]
            lo, hi = min(known.min(), self.centre[k]), max(known.max(), self.centre[k])
            made[:, k] = _within(made[:, k], lo, hi)
            if (known == np.rint(known)).all() and self.centre[k] == np.rint(self.centre[k]):
                made[:, k] = np.rint(made[:, k])
        return made

    def told(
        self, law: Node, linear: Node, aside: Array, said: Array, weight: Array, radius: float,
        seed: int, **more: Any,
    ) -> LocalLaw:  # fmt: skip
        """Return a law over the moving inputs as one of the model's, measured on other draws."""
        r2, error = _measured(law, aside, said, weight)
        root = substitute([law], {ops.input_(k): ops.input_(i) for k, i in enumerate(self.moving)})
        step = Step("local law", "approx", {"radius": radius}, {"R²": r2, "error": error})
        formula = Formula({self.name: root[0]}, self.teacher.features, Task(primary=(self.name,)),
                          trail=(step,), source=self.teacher.source)  # fmt: skip
        names = [self.teacher.features[i].name for i in self.moving]
        slopes = compute(gradient(law, range(len(names))), list(self.centre[:, None]), 1)
        moves = {n: float(s[0]) for n, s in zip(names, slopes, strict=True) if s[0] != 0}
        return LocalLaw(
            formula, dict(zip(names, self.centre.tolist(), strict=True)),
            float(self.ask(self.centre[None, :])[0]), r2, error,
            _measured(linear, aside, said, weight)[0], moves, radius=radius, seed=seed, **more,
        )  # fmt: skip


def _row(teacher: Teacher, row: Any, X: Any) -> tuple[Array, ...]:
    if isinstance(row, int | np.integer) and not isinstance(row, bool):
        count = row_count(X)
        if not -count <= int(row) < count:
            raise BadInput(f"X has {count} rows: there is no row {row}.", hint="Count from 0.")
        row = take(X, np.array([int(row) % count]))
    elif hasattr(row, "to_dict") and not hasattr(row, "columns"):
        row = row.to_dict()
    elif not hasattr(row, "columns") and not isinstance(row, Mapping):
        row = np.atleast_2d(np.asarray(row))
    columns, count = columns_of(teacher.features, row)
    if count != 1:
        raise BadInput(f"{count} rows were given.", hint="Give one, or its number in X.")
    return tuple(columns)


def _refuse_unanswered(teacher: Teacher, held: Sequence[Array]) -> None:
    """Refuse a row with a gap, or a category, that the model does not take."""
    tests = list(refusals(teacher.features))
    if tests and compute([ops.either(*tests)], held, 1)[0].any():
        raise BadInput(
            "The model does not take this row: a value is missing, or a category is one that it "
            "has not seen.",
            hint="Give a row that the model answers.",
        )


def _score(teacher: Teacher, held: Sequence[Array], output: Any) -> tuple[Any, str]:
    """Return what makes one number of the scores, and its name."""
    if not teacher.classifies:
        names = list(teacher.task.primary or teacher.task.outputs)
        i = 0 if output is None else _number(output, names, "output")
        return partial(_column, i), names[i]
    classes = list(teacher.task.classes)
    if output is None:
        scores = teacher.ask(held, 1)[0]
        i = int(np.concatenate([[0.0], scores]).argmax())
    else:
        i = classes.index(output) if output in classes else _number(output, classes, "class")
    told = np.abs(_log_odds(i, np.inf, teacher.ask(teacher.inputs, teacher.rows)))
    most = float(told.max())
    certain = most > CERTAIN and float((told > 0.999 * most).mean()) > 0.01
    return partial(_log_odds, i, CLIP if certain else np.inf), f"log-odds of {classes[i]}"


def _number(output: Any, names: Sequence[Any], what: str) -> int:
    if output in names:
        return names.index(output)
    if isinstance(output, int | np.integer) and 0 <= int(output) < len(names):
        return int(output)
    raise BadInput(
        f"The model has no {what} {output!r}.", hint="It has: " + ", ".join(map(str, names)) + "."
    )


def _column(i: int, scores: Array) -> Array:
    return scores[:, i]


def _log_odds(i: int, most: float, scores: Array) -> Array:
    """Return the log-odds of a class against all others together, from those against the first."""
    full = np.maximum(against_best(scores), -most)
    others = np.delete(full, i, axis=1)
    top = others.max(axis=1)
    return np.asarray(full[:, i] - top - np.log(np.exp(others - top[:, None]).sum(axis=1)))


def _within(values: Array, lo: float, hi: float) -> Array:
    """Return values folded back at the ends of a range."""
    width = hi - lo
    folded = np.abs((values - lo) % (2 * width))
    return np.asarray(lo + np.where(folded > width, 2 * width - folded, folded))


def _refitted(law: Node, rows: Array, said: Array, weight: Array) -> Node:
    """Return a law whose constants fit the rows near the row best, if they fit at all."""
    constants = Constants([law])
    if not len(constants):
        return law
    inputs = list(np.ascontiguousarray(rows.T))
    size = float(np.abs(said).max()) or 1.0

    def values(theta: Array) -> Array:
        return constants.values(theta, inputs, len(rows))[:, 0] / size

    def both(theta: Array) -> tuple[Array, Array]:
        found, slopes = constants.both(theta, inputs, len(rows))
        return found[:, 0] / size, slopes[:, 0] / size

    fit = levenberg_marquardt(values, both, constants.start, said / size, weight)
    made = constants.put(fit.theta)[0]
    better = (
        _measured(made, rows, said, weight)[1] < (1 - 1e-3) * _measured(law, rows, said, weight)[1]
    )
    return made if better else law


def _measured(law: Node, rows: Array, said: Array, weight: Array) -> tuple[float, float]:
    """Return R² and the root mean square of the error, both weighted."""
    with np.errstate(all="ignore"):
        found = np.asarray(compute([law], list(rows.T), len(rows))[0], dtype=float)
        share = weight / weight.sum()
        lost = float(share @ (found - said) ** 2)
    spread = float(share @ (said - share @ said) ** 2)
    if not np.isfinite(lost):
        return float("-inf"), float("inf")
    return (1 - lost / spread if spread > 0 else float(lost <= 1e-24)), lost**0.5


def _chosen(laws: Sequence[Node], rows: Array, said: Array, weight: Array) -> Node:
    """Return the shortest law that is about as near as the nearest."""
    errors = [_measured(law, rows, said, weight)[1] for law in laws]
    share = weight / weight.sum()
    deviation = float(share @ (said - share @ said) ** 2) ** 0.5
    most = max(NEAR_AS_BEST * min(errors), SMALL * deviation)
    fine = [law for law, error in zip(laws, errors, strict=True) if error <= most]
    return min(fine, key=lambda law: length([law])) if fine else laws[0]


def _short(law: Node, rows: Array, said: Array, weight: Array) -> Node:
    """Return a law with as few digits as keep its error."""
    formula = Formula({"y": law}, tuple(Feature(f"x{i}") for i in range(rows.shape[1])))
    _, error = _measured(law, rows, said, weight)
    most = max(ROUNDED * error, 1e-9 * float(np.abs(said).max()))
    for digits in range(2, 12):
        made = rounding(formula, digits).outputs["y"]
        if _measured(made, rows, said, weight)[1] <= most:
            return made
    return law
