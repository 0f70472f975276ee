"""A frontier: the useful formulas for one model, ordered by length, and the picks from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from closedform.errors import BadInput, MissingExtra
from closedform.formula import Formula
from closedform.frontiers.choosing import Choice, choose, chosen, useful
from closedform.frontiers.judging import Judge, Judged
from closedform.frontiers.refitting import REFITTED
from closedform.frontiers.words import SURELY, one_line, table_lines
from closedform.verify.bound.statistical import least_agreement

if TYPE_CHECKING:
    from closedform.frontiers.picture import FrontierDisplay

DELTA = 0.001
"""The probability that what is said of the true errors is wrong for any formula shown."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One formula of a frontier, and what was measured.

    Attributes:
        formula: the formula.
        method: what made it: "exact", "digits", "constant", or the name of a method.
        length: the symbols that a person reads; see `closedform.length`.
        numbers: its constants, without 0, ±1 and exponents.
        inputs: how many of the inputs it reads.
        judged: its errors.
    """

    formula: Formula
    method: str
    length: int
    numbers: int
    inputs: int
    judged: Judged

    @property
    def error(self) -> float:
        """The error against the model, on rows that no step saw."""
        return self.judged.error

    @property
    def error_y(self) -> float:
        """The error against what was observed, on the same rows; NaN where y was not given."""
        return self.judged.error_y

    @property
    def refitted(self) -> bool:
        """Whether its constants are fitted to y: it is further from the model, and nearer to y."""
        return self.method.endswith(REFITTED)

    @cached_property
    def text(self) -> str:
        """The formula on one line, cut where it is long."""
        return one_line(self.formula)


@dataclass(frozen=True, eq=False)
class Frontier(Sequence[Formula]):
    """The useful formulas for one model: each is nearer to the model than all shorter ones.

    `front[i]` is the formula number i, the shortest first.

    Attributes:
        entries: what was measured of each.
        choice: which of them is the best, and why.
        about: what the error is, in words.
        model_error: the model's own error against y on the rows that no step saw; NaN without y.
        rows: how many these are.
        tried: how many formulas were compared.
        notes: methods that failed or were cut short.
        seconds: how long the search took.
        seed: of everything random.
        source: the model in a few words.
        against: what the errors are measured against: the model, or y where there is none.
    """

    entries: tuple[Entry, ...]
    choice: Choice
    about: str
    model_error: float
    rows: int
    tried: int
    source: str
    classifies: bool
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    seed: int = 0
    tolerance: float | None = field(default=None)
    against: str = "the model"

    @classmethod
    def of(
        cls, found: Sequence[Entry], judge: Judge, *, tolerance: float | None,
        notes: Sequence[str], seconds: float, seed: int, likeliest: tuple[Entry, str] | None = None,
    ) -> Frontier:  # fmt: skip
        """Keep what is useful of all that was found, and choose the best.

        Args:
            found: all that was found.
            judge: of the model.
            tolerance: the greatest error that is accepted; None for no such.
            notes: what the user should know.
            seconds: how long it took.
            seed: of everything random.
            likeliest: the entry that is the best unless there is a tolerance, and why.
        """
        every = useful(found)
        if likeliest is not None and likeliest[0] not in every:
            every = sorted([*every, likeliest[0]], key=lambda e: e.length)
        if likeliest is None or tolerance is not None:
            choice = choose(every, judge, tolerance)
        else:
            choice = chosen(every, every.index(likeliest[0]), likeliest[1])
        # The rows were needed to tell which are useful; a frontier need not carry them.
        kept = [replace(e, judged=e.judged.without_rows()) for e in every]
        return cls(
            tuple(kept), choice, judge.about, judge.of_model, kept[0].judged.rows, len(found),
            judge.subject.formula.source, judge.classifies, tuple(notes), seconds, seed, tolerance,
            judge.subject.against,
        )  # fmt: skip

    def __len__(self) -> int:
        """Return how many formulas there are."""
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        """Return a formula by its number, the shortest being 0."""
        if isinstance(index, slice):
            return [e.formula for e in self.entries[index]]
        return self.entries[index].formula

    def __iter__(self) -> Iterator[Formula]:
        """Return the formulas, the shortest first."""
        return (e.formula for e in self.entries)

    @property
    def observed(self) -> bool:
        """Whether errors against y were measured."""
        return not math.isnan(self.model_error)

    @property
    def best(self) -> Formula:
        """The formula that is recommended; `reason` says why."""
        return self.entries[self.choice.index].formula

    @property
    def reason(self) -> str:
        """Why `best` is the best, in a sentence."""
        return self.choice.reason

    def pick(self, *, max_error: float | None = None, max_length: float | None = None) -> Formula:
        """Return the shortest formula within an error, or the most faithful one within a length.

        Args:
            max_error: the greatest error against the model on the rows to choose by and on those
                that no step saw.
            max_length: the most symbols; with `max_error` too, both must hold.

        Raises:
            BadInput: no formula keeps to it; the message says what comes nearest.
        """
        if max_error is None and max_length is None:
            raise BadInput("Say what to pick by.", hint="As front.pick(max_error=0.01).")
        short = [e for e in self.entries if max_length is None or e.length <= max_length]
        if not short:
            raise BadInput(
                f"No formula is of {max_length} symbols or fewer.",
                hint=f"The shortest has {self.entries[0].length}.",
            )
        if max_error is None:
            return min(short, key=lambda e: max(e.judged.chosen_by, e.error)).formula
        near = [e for e in short if max(e.judged.chosen_by, e.error) <= max_error]
        if not near:
            best = min(short, key=lambda e: max(e.judged.chosen_by, e.error))
            raise BadInput(
                f"No formula of this frontier keeps within an error of {max_error:g}.",
                hint=f"The best reached is {max(best.judged.chosen_by, best.error):.3g}, with "
                f"{best.length} symbols; a longer time_limit may find more.",
            )
        return near[0].formula

    def surely(self, e: Entry) -> float:
        """Return what an entry's error is known to keep within, from the rows that no step saw.

        Of a classifier: the true share of rows like these with another class is at most so much,
        with a confidence of 99.9 % for all formulas shown together (Clopper–Pearson, Bonferroni);
        NaN without SciPy. Of a regression: the difference that 95 % of the rows keep within, as
        measured.
        """
        if not self.classifies:
            return e.judged.apart
        try:
            least = least_agreement(e.judged.rows, int(e.judged.apart), DELTA, len(self))
        except MissingExtra:
            return math.nan
        return 1 - least

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame, one row a formula.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtra("pandas", "sklearn", "a frontier as a DataFrame") from None
        return pandas.DataFrame([self._record(e) for e in self.entries])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the formulas' own nodes as plain values."""
        return {
            "source": self.source, "error": self.about, "rows": self.rows, "tried": self.tried,
            "model_error_y": _plain(self.model_error), "best": self.choice.index,
            "reason": self.reason, "seconds": self.seconds, "seed": self.seed,
            "tolerance": _plain(self.tolerance), "notes": list(self.notes),
            "formulas": [{k: _plain(v) for k, v in self._record(e).items()} for e in self.entries],
        }  # fmt: skip

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON text, each formula in the form that `load` opens."""
        import json

        from closedform.store import to_json

        made = self.to_dict()
        for record, entry in zip(made["formulas"], self.entries, strict=True):
            record["saved"] = json.loads(to_json(entry.formula))
        return json.dumps(made, indent=indent, ensure_ascii=False, allow_nan=False)

    def to_html(self, path: Any = None) -> Any:
        """Return the frontier as one page without scripts: its picture, table and formulas.

        Args:
            path: a file to write it to instead.
        """
        from closedform.frontiers.page import page

        if path is None:
            return page(self)
        from closedform.store.files import put

        return put(path, page(self))

    def plot(self, ax: Any = None) -> FrontierDisplay:
        """Draw error against length; see `FrontierDisplay`.

        Args:
            ax: axes of matplotlib's to draw in; default: new ones.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        from closedform.frontiers.picture import FrontierDisplay

        return FrontierDisplay(self).plot(ax=ax)

    def _record(self, e: Entry) -> dict[str, Any]:
        return {
            "length": e.length, "numbers": e.numbers, "inputs": e.inputs, "error": e.error,
            "error_y": e.error_y, SURELY[self.classifies].replace(" ", "_"): self.surely(e),
            "method": e.method, "formula": e.text,
        }  # fmt: skip

    def __str__(self) -> str:
        """Return the table as text, the best marked by a star, and the reason below it."""
        return "\n".join(table_lines(self)) if self.entries else "no formula"

    def __repr__(self) -> str:
        """Return the text, which is what a console should show."""
        return str(self)

    def _repr_html_(self) -> str:
        from closedform.frontiers.page import fragment

        return fragment(self) if self.entries else "<p>no formula</p>"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
