"""All explanations of one model, each made when it is first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, TypeVar

from closedform.errors import BadInput
from closedform.explanations.agreement import Agreement, agreement
from closedform.explanations.attributions import Attributions, Slopes
from closedform.explanations.boundaries import Boundary, boundary
from closedform.explanations.coefficients import Coefficients, coefficients
from closedform.explanations.effects import Effect, effect
from closedform.explanations.extremes import Extremes, extremes
from closedform.explanations.gradients import integrated_gradients, saliency, smoothgrad
from closedform.explanations.importance import Importance, importance
from closedform.explanations.interactions import Interactions, interactions
from closedform.explanations.overview import ExplanationDisplay
from closedform.explanations.shapley import shapley
from closedform.explanations.sides import Sides
from closedform.explanations.surfaces import Surface, surface
from closedform.explanations.surrogates import Surrogates, surrogates
from closedform.explanations.tables import Record, Table, plain
from closedform.explanations.terms import Terms, terms
from closedform.formula import Formula
from closedform.hybrid.local import LocalLaw, local_law
from closedform.progress import Wanted, watching
from closedform.shorten.options import seconds

SHARES = {
    "importance": 0.3, "coefficients": 0.1, "effect": 0.05, "interactions": 0.3, "shap": 0.3,
    "extremes": 0.15, "surrogates": 0.3,
}  # fmt: skip
"""The share of the time that the asking for each may take."""
ASKED = (
    "shap", "surrogates", "boundary", "extremes", "interactions", "terms", "saliency",
    "smoothgrad", "integrated_gradients",
)  # fmt: skip
"""The parts that are told of by name: what they ask and search takes its time, or not every model
has them."""
ENDLESS = 1e9
MOST_SURROGATES = 20.0
"""Seconds: more make no better tree that can be read."""
SHOWN = 10
"""So many inputs are in the summary."""
EFFECTS = 6
"""So many inputs, the most important ones, have their effect in files and pictures."""

Made = TypeVar("Made")


def _part(make: Callable[[Explanation], Made]) -> cached_property[Made]:
    """Return a part that is made when it is first asked for, and is kept."""

    @wraps(make)
    def made(told: Explanation) -> Made:
        with watching(told.progress, f"explanation: {make.__name__.replace('_', ' ')}"):
            return make(told)

    return cached_property(made)


class Explanation:
    """What drives a model and its formula, side by side.

    Each part is made when it is first asked for; printing asks for importance and coefficients.

    Attributes:
        sides: the model, the formula and the rows.
        time_limit: for the asking of all parts together, in seconds; a slow model is asked about
            fewer rows, which each part says.
        progress: as of `explain`.
    """

    def __init__(
        self, sides: Sides, time_limit: float | None = 60, progress: Wanted = None
    ) -> None:
        """Hold what is explained; see `explain`."""
        self.sides, self.progress = sides, progress
        self.time_limit = seconds(time_limit)
        self._kept: dict[tuple[Any, ...], Any] = {}

    @_part
    def agreement(self) -> Agreement:
        """How far the formula is from the model on these rows."""
        return agreement(self.sides)

    @_part
    def importance(self) -> Importance:
        """How much worse the answer is, or how far it moves, where one input says nothing."""
        return importance(self.sides, seconds=self._seconds("importance"))

    @_part
    def coefficients(self) -> Coefficients:
        """How much the answer moves with each input, in its units and in deviations."""
        return coefficients(self.sides, seconds=self._seconds("coefficients"))

    @_part
    def terms(self) -> Terms:
        """What each term of the formula adds; BadInput where there is no formula."""
        return terms(self.sides)

    @_part
    def interactions(self) -> Interactions:
        """How strongly the most important inputs act together."""
        picked = [int(i) for i in self.importance.order]
        most = [i for i in picked if self._matters(i)][:8] or picked[:1]
        return interactions(self.sides, most, seconds=self._seconds("interactions"))

    @_part
    def shap(self) -> Attributions:
        """What each input adds to each answer: SHAP values, exact where a formula allows it."""
        return shapley(self.sides, seconds=self._seconds("shap"))

    @_part
    def saliency(self) -> Slopes:
        """How steep the answer is in each number; of what is flat, as trees are, BadInput."""
        return saliency(self.sides)

    @_part
    def smoothgrad(self) -> Slopes:
        """The same averaged over noise around each row."""
        return smoothgrad(self.sides)

    @_part
    def integrated_gradients(self) -> Attributions:
        """Slopes integrated from the median of each number to each row, with what they miss."""
        return integrated_gradients(self.sides)

    @_part
    def extremes(self) -> Extremes:
        """The least and the greatest answer within the data's range, and what is proven of them."""
        return extremes(self.sides, seconds=self._seconds("extremes"))

    @_part
    def surrogates(self) -> Surrogates:
        """A small tree and a short list of rules that imitate the model, and how well."""
        sides = self.sides
        return surrogates(
            sides.model, sides.X, sides.y, seed=sides.seed,
            time_limit=min(MOST_SURROGATES, self._seconds("surrogates")),
        )  # fmt: skip

    def part(self, name: str) -> Record:
        """Return one of `ASKED` by its name; the boundary is that of the two leading inputs.

        Raises:
            BadInput: there is no such part, or this model has none.
        """
        if name not in ASKED:
            raise BadInput(f"An explanation has no part {name!r}.",
                           hint=f"Give {', '.join(ASKED)}.")  # fmt: skip
        found: Record = self.boundary() if name == "boundary" else getattr(self, name)
        return found

    def boundary(
        self, first: int | str | None = None, second: int | str | None = None, **options: Any
    ) -> Boundary:
        """Return where a decision turns, by two inputs; options as of `boundaries.boundary`."""
        names = (first, second)
        return self._once(
            ("boundary", *names), options, lambda: boundary(self.sides, *names, **options)
        )  # fmt: skip

    def local(self, row: Any, **options: Any) -> LocalLaw:
        """Return a short law of what the model says near one row; options as of `cf.local_law`."""
        sides, target = self.sides, self.sides.target
        meant = target.output if target.label is None else target.label
        options = {"seed": sides.seed, "output": meant, "progress": self.progress, **options}
        return local_law(sides.model, row, sides.X, **options)

    def effect(self, given: int | str, **options: Any) -> Effect:
        """Return how the answer moves with one input; options as of `effects.effect`."""
        i = self.sides.position(given)
        options = {"seconds": self._seconds("effect"), **options}
        return self._once(("effect", i), options, lambda: effect(self.sides, i, **options))

    def surface(self, first: int | str, second: int | str, **options: Any) -> Surface:
        """Return how the answer moves with two inputs; options as of `surfaces.surface`."""
        i, j = self.sides.position(first), self.sides.position(second)
        options = {"seconds": self._seconds("effect"), **options}
        return self._once(
            ("surface", i, j), options, lambda: surface(self.sides, i, j, **options)
        )  # fmt: skip

    @property
    def most_important(self) -> tuple[str, ...]:
        """The names of the inputs that matter most, the first of them first."""
        order = [int(i) for i in self.importance.order]
        return tuple(self.sides.names[i] for i in order if self._matters(i))[:EFFECTS]

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The effects of the most important inputs."""
        order = [int(i) for i in self.importance.order if self._matters(int(i))]
        return tuple(self.effect(i) for i in order[:EFFECTS])

    def _matters(self, i: int) -> bool:
        # Below 0, too: what is not read leaves the answer, and so the error, as it was.
        return any(held[i] != 0 for held in self.importance.values.values())

    def _seconds(self, part: str) -> float:
        return SHARES[part] * (ENDLESS if self.time_limit is None else self.time_limit)

    def _once(self, key: tuple[Any, ...], options: Any, make: Callable[[], Made]) -> Made:
        whole = (*key, *sorted(options.items()))
        if whole not in self._kept:
            with watching(self.progress, f"explanation: {key[0]}"):
                self._kept[whole] = make()
        made: Made = self._kept[whole]
        return made

    def table(self) -> Table:
        """Return the summary: what matters most, and what a deviation of it does."""
        told, slopes = self.importance, self.coefficients
        sides = list(told.values)
        at = {name: k for k, name in enumerate(slopes.names)}
        rows = tuple(
            (
                told.names[i], *(float(told.values[side][i]) for side in sides),
                *(float(slopes.standardised[side][at[told.names[i]]]) if told.names[i] in at
                  else float("nan") for side in sides),
            )
            for i in told.order[:SHOWN]
        )  # fmt: skip
        heads = ("input", *sides, *(f"{side}, per SD" for side in sides))
        source = self.sides.source or "the model"
        title = (f"What drives {told.target} of {source}: {told.measure} where an input is "
                 "permuted")  # fmt: skip
        return Table(title, heads, rows, tuple(self._notes()))

    def _notes(self) -> list[str]:
        told = [*self.sides.notes, *self.importance.basis]
        told.append(f"per SD: by how many standard deviations {self.coefficients.target} moves "
                    "where the input grows by one of its own")  # fmt: skip
        if len(self.sides.sides) > 1:
            told.append(str(self.agreement))
        elif self.sides.formula is None:
            told.append("the model has no formula; give one as formula=, as cf.frontier finds it")
        for part in self.importance.groups:
            names = ", ".join(self.sides.names[i] for i in part)
            told.append(f"these go together, so that none of them can be judged alone: {names}")
        left = self.importance.inputs - SHOWN
        return [*told, f"{left} inputs with less are not shown"] if left > 0 else told

    def __str__(self) -> str:
        """Return the summary."""
        return str(self.table())

    def __repr__(self) -> str:
        """Return the summary, which is what a console should show."""
        return str(self)

    def _repr_html_(self) -> str:
        return self.table().html()

    def to_dict(self, *asked: str) -> dict[str, Any]:
        """Return the parts as plain values, as JSON takes them, without any row of the data.

        Args:
            asked: names of further parts, of `ASKED`.

        Raises:
            BadInput: there is no such part, or this model has none.
        """
        more = {name: self.part(name).to_dict() for name in asked}
        sides, target = self.sides, self.sides.target
        return {
            "model": sides.source,
            "target": plain(target) | {"name": target.name},
            "rows": sides.rows,
            "inputs": sides.names,
            "seed": sides.seed,
            "notes": list(sides.notes),
            "agreement": self.agreement.to_dict() if len(sides.sides) > 1 else None,
            "terms": None if sides.node is None else self.terms.to_dict(),
            "importance": self.importance.to_dict(),
            "coefficients": self.coefficients.to_dict(),
            "interactions": self.interactions.to_dict(),
            "effects": [made.to_dict() for made in self.effects],
            **more,
        }

    def plot(self, ax: Any = None) -> ExplanationDisplay:
        """Draw importance and the most important effects; see `ExplanationDisplay.plot`."""
        return ExplanationDisplay(self.importance, self.effects).plot(ax)


def explain(
    model: Any, X: Any, y: Any = None, *, formula: Formula | None = None, output: Any = None,
    seed: int = 0, time_limit: float | None = 60, progress: Wanted = None,
) -> Explanation:  # fmt: skip
    """Return what drives a model and its formula, side by side.

    Args:
        model: a trained model, any function of the rows, or a formula.
        X: rows; some that it was trained on, or better, that it was not.
        y: what was observed there; without it, importance is how far the answer moves.
        formula: what stands beside the model, as one of `cf.frontier`; default: the exact formula.
        output: which number is explained: the name of an output, or a class. Default: the first
            output; of two classes the chance of the second, of more of them that of the commonest
            answer.
        seed: of everything random.
        time_limit: for the asking of all parts together, in seconds; None for none.
        progress: as of `frontier`, for each part while it is made.

    Raises:
        BadInput: rows, y, a formula or an output that do not fit the model.
        UnsupportedModel: it can be neither read nor asked.
    """
    sides = Sides.of(model, X, y, formula=formula, output=output, seed=seed)
    return Explanation(sides, time_limit, progress)
