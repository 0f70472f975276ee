"""What a model of statsmodels is given for a row, and the score that it makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput, UnsupportedModel
from closedform.ir import Array, Node
from closedform.readers.reading import Columns, Reading, unique_names
from closedform.readers.statsmodels.bases import Term
from closedform.readers.statsmodels.design import Design, Terms, plain, terms_of
from closedform.readers.statsmodels.expressions import Frame
from closedform.readers.statsmodels.formulaic import formulaic_design
from closedform.readers.statsmodels.patsy import patsy_design

ONES = -1
"""What stands for a column of ones, whatever the rows hold there; as in `asking.statsmodels`."""
CONSTANTS = ("const", "constant", "cons", "_cons", "intercept", "(intercept)", "ones")
"""What a column of ones is called; one of another name may well be 0 in the next row."""


@dataclass
class Inputs:
    """The inputs of a formula, and which arguments of predict they make.

    Attributes:
        names: of the inputs, as the user's data have them.
        takes: for each argument the inputs that make its columns; see `asking.statsmodels`.
        constant: the inputs that are columns of ones.
        seen: the training values of an input, where they are known.
    """

    names: list[str] = field(default_factory=list)
    takes: dict[str, list[int]] = field(default_factory=dict)
    constant: list[int] = field(default_factory=list)
    seen: dict[int, Array] = field(default_factory=dict)

    def add(self, name: str, values: Array | None = None) -> int:
        """Return the number of an input; one of the same name and training values is the same."""
        for i, known in enumerate(self.names):
            if known == name and _alike(self.seen.get(i), values):
                return i
        self.names.append(name)
        if values is not None:
            self.seen[len(self.names) - 1] = values
        return len(self.names) - 1

    def matrix(self, argument: str, names: Sequence[str], values: Any) -> None:
        """Note an argument that is a matrix, one input a column."""
        table = None if values is None else np.asarray(values)
        self.takes[argument] = []
        for j, name in enumerate(names):
            column = None if table is None else table[:, j]
            i = self.add(name, column)
            ones = column is None or bool((column == 1).all())
            constant = ones and name.lower() in CONSTANTS
            self.takes[argument].append(ONES if constant else i)
            if constant and i not in self.constant:
                self.constant.append(i)

    def frame(self, design: Design) -> None:
        """Note a frame that a model formula reads, and which of its columns hold truths."""
        self.takes["frame"] = [self.add(name) for name in design.inputs()]
        truths = {name for t in design.subterms for f in t.factors for name in f.scope.frame.truths}
        self.takes["truths"] = [i for i in self.takes["frame"] if self.names[i] in truths]

    def single(self, argument: str) -> None:
        """Note an argument that is one number a row."""
        self.names.append(argument)
        self.takes[argument] = [len(self.names) - 1]

    def named(self, names: Sequence[str] | None) -> list[str]:
        """Return the names of all inputs, given or known.

        Raises:
            BadInput: not as many were given as there are inputs, or the model has names.
        """
        known = unique_names(self.names)
        if names is None:
            return known
        if "frame" in self.takes and [str(n) for n in names] != known:
            raise BadInput(
                "The model was trained by a formula, which names the columns of its data.",
                hint=f"Leave the names out; they are {', '.join(known)}.",
            )
        free = [i for i in range(len(known)) if i not in self.constant]
        at = free if len(names) == len(free) else range(len(known))
        if len(names) != len(at):
            raise BadInput(
                f"{len(names)} names were given for {len(known)} inputs.",
                hint=f"statsmodels calls them {', '.join(known)}.",
            )
        for i, name in zip(at, names, strict=True):
            known[i] = str(name)
        return known

    @property
    def options(self) -> dict[str, Any]:
        """What the trail keeps, so that a certificate can ask the model."""
        return {"takes": {name: list(chosen) for name, chosen in self.takes.items()}}


def _alike(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and bool((a == b).all())


def design_of(model: Any, spec: Any = None) -> Design | None:
    """Return the design of a model that was trained by a formula; None of any other."""
    spec = spec if spec is not None else _spec(model)
    if spec is None and hasattr(model, "formula"):
        raise UnsupportedModel(
            "The results have lost the terms of their model's formula, with the training data.",
            hint="Read them before remove_data(), or save them with remove_data=False.",
        )
    if spec is None:
        return None
    patsy = type(spec).__module__.partition(".")[0] == "patsy"
    return (patsy_design if patsy else formulaic_design)(spec, _training_frame(model))


def _spec(model: Any) -> Any:
    if not hasattr(model, "formula"):
        return None
    found = spec_of(model)
    return spec_of(getattr(model, "data", None)) if found is None else found


def spec_of(holder: Any, which: str = "") -> Any:
    """Return the design that an object keeps, under its name of today or that until 0.14."""
    old = getattr(holder, f"design_info{which}", None)
    return getattr(holder, f"model_spec{which}", old)


NARROW = {
    **dict.fromkeys(("int8", "uint8", "float16"), "float16"),
    **dict.fromkeys(("int16", "uint16", "float32"), "float32"),
}
"""Type of a column → the one in which NumPy computes functions of it, as the log of an int8."""


def _training_frame(model: Any) -> Frame:
    """Return what is known of the training data, if they are kept."""
    frame = getattr(getattr(model, "data", None), "frame", None)
    names = frame if isinstance(frame, Mapping) else getattr(frame, "columns", None)
    if names is None:
        return Frame()
    pairs = zip(names, getattr(frame, "dtypes", ()), strict=False)
    kinds = {str(n): str(kind).lower() for n, kind in pairs}
    return Frame(
        frozenset(str(n) for n in names),
        frozenset(n for n, kind in kinds.items() if kind.startswith("bool")),
        {n: NARROW[kind] for n, kind in kinds.items() if kind in NARROW},
    )


@dataclass
class Given:
    """What a model is given, as nodes over the formula's inputs."""

    inputs: Inputs
    columns: Columns
    reading: Reading
    design: Design | None = None
    _terms: Terms | None = None

    def main(self, weights: Any) -> tuple[float, list[Term]]:
        """Return the linear predictor as a bias and terms; what follows the weights is left out."""
        values = np.asarray(weights, dtype=np.float64)
        if self.design is None:
            return self.matrix("exog", values[: len(self.inputs.takes["exog"])])
        if self._terms is None:
            chosen = self.inputs.takes["frame"]
            named = {self.inputs.names[i]: self.columns.nodes[i] for i in chosen}
            self._terms = terms_of(self.design, named, self.reading)
        return (0.0, []) if self._terms is None else self._terms.score(values[: self.design.width])

    def matrix(self, argument: str, weights: Any) -> tuple[float, list[Term]]:
        """Return the weighted sum of the columns of an argument, ones as the bias."""
        values = np.asarray(weights, dtype=np.float64)
        chosen = self.inputs.takes[argument]
        kept = [j for j, i in enumerate(chosen) if i != ONES]
        nodes = [self.columns.nodes[chosen[j]] for j in kept]
        names = tuple(self.columns.names[chosen[j]] for j in kept)
        self.reading.refuse_missing(Columns(names, tuple(nodes)))
        bias = sum(float(values[j]) for j, i in enumerate(chosen) if i == ONES)
        return bias, plain(nodes)(values[kept])[1]

    def extras(self) -> list[Term]:
        """Return the offset and the logarithm of the exposure, where the model has them."""
        made: list[Term] = []
        for name in ("offset", "exposure"):
            for i in self.inputs.takes.get(name, ()):
                x = self.columns.nodes[i]
                self.reading.refuse_missing(Columns((name,), (x,)))
                made.append((1.0, ops.log(x) if name == "exposure" else x))
        return made

    def score(self, weights: Any) -> Node:
        """Return the linear predictor, offset and exposure included."""
        bias, terms = self.main(weights)
        return ops.lin(bias, *terms, *self.extras())
