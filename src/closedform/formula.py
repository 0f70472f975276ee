"""A formula: named outputs over shared nodes, the inputs they read, and how they came to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

from closedform import ops
from closedform.errors import BadInput
from closedform.ir import Array, Node, Type, fold, toposort
from closedform.length import length
from closedform.ops.absence import surely_missing, union
from closedform.ops.payloads import Label, know_labels

if TYPE_CHECKING:
    from closedform.native import Compiled
    from closedform.verify.bound import Certified
    from closedform.verify.bound.extrema import Extrema
    from closedform.verify.certificate import Certificate
    from closedform.verify.differ import Comparison


@dataclass(frozen=True)
class Feature:
    """One input of a formula, in the units of the raw data.

    Attributes:
        name: the column's name; data, never parsed.
        type: REAL for a number, LABEL for a category.
        categories: the values that the model was trained on, where it knows them.
        missing: whether the model takes a missing value here.
        unseen: whether the model takes a category that is not among `categories`.
    """

    name: str
    type: Type = Type.REAL
    categories: tuple[Label, ...] | None = None
    missing: bool = True
    unseen: bool = True


@dataclass(frozen=True)
class Task:
    """What the model predicts, and which outputs say so.

    Attributes:
        kind: "regression", "classification" or "transform".
        classes: the labels of a classifier, in the model's order.
        link: how a score becomes a prediction: identity, log, logit, twice_logit, softmax, ovr,
            bare_ovr, modified_huber, vote, none.
        primary: the outputs that `predict` returns (one, but for a multi-output model).
        probability: the outputs that `predict_proba` returns, one for each class.
        decision: the outputs that `decision_function` returns.
        deviation: the outputs that `predict(return_std=True)` returns beside the prediction.
        parts: of a classifier of several labels, the task of each label, in the order of
            predict's columns; the fields above then name the outputs of all labels, one after
            another, and `classes` is empty.
    """

    kind: str = "regression"
    classes: tuple[Label, ...] = ()
    link: str = "identity"
    primary: tuple[str, ...] = ()
    probability: tuple[str, ...] = ()
    decision: tuple[str, ...] = ()
    deviation: tuple[str, ...] = ()
    parts: tuple[Task, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Every output that has a role."""
        return (*self.primary, *self.probability, *self.decision, *self.deviation)

    def of(self, output: str) -> Task:
        """Return the task that an output belongs to: of several labels, that of its own label."""
        return next((part for part in self.parts if output in part.outputs), self)


OUTPUTS = ("y", "f", "value", "output")
"""What outputs are called, the first that no input is."""


def output_names(
    inputs: Iterable[str], ends: Sequence[str] = ("",), first: str = OUTPUTS[0]
) -> tuple[str, ...]:
    """Return what outputs are called: y, or f and so on where an input has such a name.

    Args:
        inputs: the names of the inputs.
        ends: what follows, as "0" and "1" of y0 and y1.
        first: the letter that is tried first.
    """
    taken = set(inputs)
    longer = (OUTPUTS[-1] + "_" * i for i in count_from(1))
    tried = ([a + end for end in ends] for a in chain((first,), OUTPUTS, longer))
    return tuple(next(names for names in tried if taken.isdisjoint(names)))


@dataclass(frozen=True)
class Step:
    """One entry of a formula's trail: a reader or a pass, and what it did.

    `kind` is "read", "exact" (the same floats), "real" (the same over the reals) or "approx"
    (moves by at most a stated error). `found` holds what was measured or proven.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Precision:
    """How finely a model computes an output: to `ulps` units of rounding of a float type."""

    dtype: str
    ulps: int

    @property
    def relative(self) -> float:
        """The relative difference that the model's own rounding explains."""
        return self.ulps * UNITS[self.dtype]

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.ulps} ulp of the model's own {self.dtype} ({self.relative:.2g})"


UNITS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The gap between 1 and the next number, by float type."""


@dataclass(frozen=True)
class Stage:
    """The columns after one step of the model, as nodes over the raw inputs.

    Attributes:
        name: the class of the step, as "StandardScaler".
        kind: "transform", "link", "activation" or "target".
        before, after: the columns that the step took and gave, as (name, node) pairs.
    """

    name: str
    kind: str
    before: tuple[tuple[str, Node], ...]
    after: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, eq=False)
class Formula:
    """Named outputs over one shared graph of nodes.

    Attributes:
        outputs: the value of each output, by name.
        inputs: the features, in the order in which the model takes them.
        task: what is predicted.
        names: names of intermediate nodes, for printing.
        trail: the reader and every pass, in order.
        stages: the model's own steps, for telling where another formula differs.
        source: the model in a few words, as "StandardScaler → Ridge".
    """

    outputs: Mapping[str, Node]
    inputs: tuple[Feature, ...]
    task: Task = Task()
    names: Mapping[Node, str] = field(default_factory=dict)
    trail: tuple[Step, ...] = ()
    stages: tuple[Stage, ...] = ()
    source: str = ""

    @property
    def roots(self) -> list[Node]:
        """The output nodes, in order."""
        return list(self.outputs.values())

    @cached_property
    def nodes(self) -> list[Node]:
        """Every node under the outputs, arguments first."""
        return toposort(self.roots)

    @property
    def primary(self) -> tuple[str, ...]:
        """The names of the outputs that stand for the model's `predict`."""
        return self.task.primary or tuple(self.outputs)[:1]

    @property
    def answer(self) -> tuple[str, ...]:
        """The names of the outputs that a call gives: the prediction, or all where it is absent."""
        return tuple(name for name in self.primary if name in self.outputs) or tuple(self.outputs)

    @cached_property
    def used(self) -> tuple[int, ...]:
        """The positions of the inputs that some output really reads, ascending."""
        return tuple(sorted(set().union(*fold(self.roots, reads))))

    @cached_property
    def needed(self) -> frozenset[int]:
        """The positions of the inputs whose values matter: some output reads or refuses them."""
        refused = (i for i, f in enumerate(self.inputs) if not (f.missing and f.unseen))
        return frozenset(self.used).union(refused)

    @cached_property
    def precision(self) -> Mapping[str, Precision]:
        """The outputs that the model itself computes in less than double precision, and how."""
        found = [s.found["precision"] for s in self.trail if "precision" in s.found]
        return {
            name: Precision(str(p["dtype"]), int(p["ulps"]))
            for by_name in found
            for name, p in by_name.items()
            if name in self.outputs
        }

    @property
    def scores(self) -> tuple[str, ...]:
        """The outputs that say all: the scores of a classifier, or its chances, or the answer."""
        for names in (self.task.decision, self.task.probability):
            found = tuple(name for name in names if name in self.outputs)
            if found and not self.task.parts:
                return found
        return self.answer

    @cached_property
    def length(self) -> int:
        """How many symbols a person must read in its scores; see `closedform.length`."""
        return length([self.outputs[name] for name in self.scores])

    @cached_property
    def refused(self) -> Node | None:
        """A condition that is true on rows which the model does not take; None if there is none.

        Only what the outputs do not show by themselves, by being missing, is tested.
        """
        told = set.intersection(*map(set, fold(self.roots, surely_missing)))
        tests = [*refusals(self.inputs, told)]
        return ops.either(*tests) if tests else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what was pickled: columns that are read from now on have its labels' codes."""
        from closedform.evaluate import labels_in

        self.__dict__.update(state)
        know_labels(labels_in(self.nodes))

    def with_outputs(self, new: Mapping[Node, Node], step: Step | None = None) -> Formula:
        """Return the formula with its nodes replaced, their names following them."""
        outputs = {name: new.get(n, n) for name, n in self.outputs.items()}
        names = {new.get(n, n): name for n, name in self.names.items()}
        trail = self.trail if step is None else (*self.trail, step)
        return replace(self, outputs=outputs, names=names, trail=trail)

    def only(self, *outputs: str) -> Formula:
        """Return the formula with some of its outputs alone; BadInput for one it has not."""
        for name in set(outputs) - set(self.outputs):
            raise BadInput(
                f"The formula has no output {name!r}.",
                hint="Its outputs are: " + ", ".join(self.outputs) + ".",
            )
        return replace(self, outputs={name: self.outputs[name] for name in outputs})

    def __call__(self, X: Any, output: str | None = None) -> Array:
        """Return what `model.predict(X)` returns, or one named output, for each row.

        Args:
            X: rows as a DataFrame (by column name), an array of shape (rows, inputs), or a dict
                of columns or of single values.
            output: the name of an output; default: the prediction.

        Returns:
            Shape (rows,); (rows, outputs) for a multi-output prediction. Rows that the model
            refuses give NaN, or None for a label.

        Raises:
            BadInput: a column is absent or is not of the right type.
        """
        from closedform.evaluate import predict

        return predict(self, X, output)

    def evaluate(self, X: Any) -> dict[str, Array]:
        """Return every output for each row, by name; X as in calling the formula."""
        from closedform.evaluate import evaluate

        return evaluate(self, X)

    def map_batches(self, batch: Any, prefix: str = "") -> Any:
        """Return a batch of rows with the outputs beside them; see `batches.with_outputs`."""
        from closedform.batches import with_outputs

        return with_outputs(self, batch, prefix)

    def compile(self, *, precision: str = "double", threads: int = 1) -> Compiled:
        """Return a function that gives the same numbers sooner; options as in `native.Compiled`."""
        from closedform.native import Compiled

        return Compiled(self, precision=precision, threads=threads)

    def to(self, target: str = "text", path: Any = None, **options: Any) -> Any:
        """Return the formula written in one of `closedform.targets()`: text, or Python's object.

        Args:
            target: "text", "latex", "python", "sql" …
            path: a file to write instead; it is replaced at once, or stays as it was.
            options: `digits=4` rounds every number, and `data=X` measures how far that moves the
                outputs; the others belong to the target: see docs/writing.md.

        Raises:
            UnsupportedTarget: the target is not known, or cannot spell some part.
            BadInput: an option that the target does not have.
            BadFile: the file cannot be written.
        """
        from closedform.printers import content, write
        from closedform.store.files import put

        if path is None:
            return write(self, target, **options)
        return put(path, content(self, target, **options))

    def verify(self, model: Any, X: Any, **options: Any) -> Certificate:
        """Return a certificate of how far the formula is from the model; see `verify.verify`."""
        from closedform.verify import verify

        return verify(self, model, X, **options)

    def compare(self, expression: str, X: Any = None, **options: Any) -> Comparison:
        """Say where a user's own expression differs from the formula; see `verify.compare`."""
        from closedform.verify import compare

        return compare(self, expression, X, **options)

    def certify(self, model: Any, box: Any = None, **options: Any) -> Certified:
        """Prove how far the formula is from a model, or a formula; see `verify.bound.certified`."""
        from closedform.readers import read
        from closedform.verify.bound import certified

        return certified(self, model, box, read, **options)

    def prove(self, claim: str, box: Any = None, **options: Any) -> Certified:
        """Prove one of `verify.bound.CLAIMS` over a box, as "increasing"; see `docs/proofs.md`."""
        from closedform.verify.bound import prove

        return prove(self, claim, box, **options)

    def diff(self, wrt: int | str) -> Formula:
        """Return the derivative in one input, as a formula; see `passes.differentiate`."""
        from closedform.passes import tidy
        from closedform.passes.differentiate import differentiate

        return tidy(differentiate(self, wrt))

    def elasticity(self, wrt: int | str) -> Formula:
        """Return the per cent that one per cent of an input adds; see `passes.differentiate`."""
        from closedform.passes import tidy
        from closedform.passes.differentiate import elasticity

        return tidy(elasticity(self, wrt))

    def extrema(self, box: Any = None, **options: Any) -> Extrema:
        """Return the least and the greatest value over a box; see `verify.bound.extrema`."""
        from closedform.verify.bound.extrema import extrema

        return extrema(self, box, **options)

    def card(self, X: Any = None, *, certificate: Any = None) -> str:
        """Return what it can say of itself, for a model card in Markdown; see `verify.card`."""
        from closedform.verify.card import card

        return card(self, X, certificate=certificate)

    def save(self, path: Any) -> None:
        """Write the formula as plain JSON; see `closedform.load`."""
        from closedform.store import save

        save(self, path)

    @cached_property
    def _text(self) -> str:
        from closedform.printers.display import text

        return text(self)

    def __str__(self) -> str:
        """Return the formula as plain text, in the form that suits its size."""
        return self._text

    __repr__ = __str__

    def _repr_latex_(self) -> str | None:
        from closedform.printers.display import latex

        return latex(self)

    def _repr_html_(self) -> str:
        from closedform.printers.display import fragment

        return fragment(self)

    def summary(self) -> str:
        """Return one line: how exact, how many inputs, which units, how long."""
        kinds = {s.kind for s in self.trail}
        how = "exact to rounding" if "real" in kinds else "exact"
        if self.precision:
            coarse = max(self.precision.values(), key=lambda p: p.relative)
            how = f"exact to the model's own {coarse.dtype} rounding"
        how = "approximate" if "approx" in kinds else how
        some = f"{len(self.used)} of " if len(self.used) < len(self.inputs) else ""
        inputs = f"{some}{len(self.inputs)} input" + "s" * (bool(some) or len(self.inputs) != 1)
        return f"{how} · {inputs} · raw units · length {self.length}"


def reads(n: Node, *below: frozenset[int]) -> frozenset[int]:
    """Return the positions of the inputs that a node reads (for `fold`)."""
    if n.op is ops.INPUT:
        return frozenset([n.data])
    if n.op is ops.TREE:
        tested = set(n.data.splits.feature[~n.data.splits.leaf].tolist())
        return frozenset().union(*(below[i] for i in tested))
    return union(below)


def refusals(inputs: Sequence[Feature], told: Collection[int] = ()) -> Iterator[Node]:
    """Yield a condition for each input that takes no missing value, or no unseen category.

    Args:
        told: inputs whose absence need not be asked for.
    """
    for i, feature in enumerate(inputs):
        x = ops.input_(i, feature.type)
        if not feature.missing and i not in told:
            yield ops.missing(x)
        if not feature.unseen and feature.categories is not None:
            yield ops.negate(ops.either(ops.member(x, feature.categories), ops.missing(x)))


def label_of(scores: Sequence[Node], classes: Sequence[Label]) -> Node:
    """Return the class with the highest score, the first one among equals."""
    best = ops.maximum(*scores)
    out = ops.label(classes[-1])
    for score, name in zip(scores[-2::-1], classes[-2::-1], strict=True):
        out = ops.where(ops.equal(score, best), ops.label(name), out)
    return out


def label_above(score: Node, cut: float, classes: Sequence[Label]) -> Node:
    """Return classes[1] where score > cut, classes[0] elsewhere."""
    return ops.where(ops.less(ops.const(cut), score), *map(ops.label, classes[1::-1]))
