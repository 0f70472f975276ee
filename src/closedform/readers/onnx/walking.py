"""One walk over an ONNX graph: what is known is computed, what reads an input becomes nodes."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from closedform.asking.onnx import INVALID
from closedform.errors import UnsupportedModel
from closedform.loading.stream import Broken, shown
from closedform.readers.onnx import sizing
from closedform.readers.onnx.bodies import BODY, body_of, has_body
from closedform.readers.onnx.call import Call, Function, Noted
from closedform.readers.onnx.control import CONTROL
from closedform.readers.onnx.folding import NEVER, CannotFold, folded
from closedform.readers.onnx.parsing import attributes, bound, constants
from closedform.readers.onnx.values import Anything, Maps, Unknown, Value, computed, settled
from closedform.readers.reading import NO_FORMULA, Reading
from closedform.readers.tensors import nodes_of
from closedform.readers.torch.elements import NoFormula

LARGEST = 150_000
"""Nodes up to which a graph is read: 3,000 to 10,000 a second, so in a minute at most."""

STEPS = 20_000
"""Nodes of the graph that are visited, each call of a function and turn of a loop anew."""

HELD = 1 << 26
"""Known numbers that are computed on the way: 512 MiB."""


class TooLarge(UnsupportedModel):
    """The graph has a limit in its way, whatever number of rows it is traced for."""


DEPTH = 50
"""Functions in functions, and graphs in graphs."""

TABLES = {
    "": "closedform.readers.onnx.operators",
    "ai.onnx": "closedform.readers.onnx.operators",
    "ai.onnx.ml": "closedform.readers.onnx.ml",
    "com.microsoft": "closedform.readers.onnx.microsoft",
}
"""Domain → the module with its tables `OPERATORS` and `REFUSED`."""

UNITS = frozenset(
    {"Tanh", "Sigmoid", "Relu", "Gelu", "Elu", "LeakyRelu", "Softplus", "Selu", "PRelu", "Mish"}
    | {"Swish", "HardSigmoid", "HardSwish", "Softsign", "Celu", "ThresholdedRelu"}
)
"""Operators whose results are the units of a layer: they get names."""

TOO_LARGE = "Read a part of it that takes or gives fewer values, as one of its layers."

_WRONG = (
    ValueError, IndexError, TypeError, KeyError, ZeroDivisionError, OverflowError, AttributeError,
    AssertionError,
)  # fmt: skip
"""What an operator stumbles over that does not fit its inputs."""

Scope = MutableMapping[str, Anything]


@dataclass
class Walk:
    """What is known while a graph is walked.

    Attributes:
        reading: where problems go.
        rows: how many equal rows are traced together.
        opsets: domain → version.
        functions: the model's own, by domain, name and overload.
        noted: what operators said besides their results.
        kinds: the float types of what depends on the inputs.
        problems: what has no formula, and what the user can do about it.
    """

    reading: Reading
    rows: int
    opsets: dict[str, int]
    functions: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    noted: Noted = field(default_factory=Noted)
    kinds: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)
    layers: int = 0
    steps: int = 0
    spent: float = 0.0
    held: int = 0

    def run(self, nodes: Sequence[Any], scope: Scope, depth: int = 0) -> None:
        """Compute the outputs of some nodes of the graph, in order, into `scope`.

        Raises:
            TooLarge: the formula would be too long.
            Broken: a node reads what nobody has computed.
        """
        if depth > DEPTH:
            raise TooLarge(
                f"The graph holds functions or graphs in more than {DEPTH} levels.", hint=TOO_LARGE
            )
        self._step()  # a turn of a loop without any node is one, too
        for n in nodes:
            self._step()
            given = [scope[name] if name else None for name in _known(n.input, scope)]
            made = self._outputs(n, given, scope, depth)
            scope.update((name, v) for name, v in zip(n.output, made, strict=False) if name)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > STEPS:
            raise TooLarge(f"The graph takes more than {STEPS:,} steps.", hint=TOO_LARGE)

    def _outputs(
        self, n: Any, given: list[Anything], scope: Scope, depth: int
    ) -> Sequence[Anything]:
        """Return the results of one node."""
        own = self.functions.get((n.domain, n.op_type, overload(n)))
        if own is not None:
            return self._function(own, n, given, depth)
        try:
            if _folds(n) and all(v is None or _is_known(v) for v in given):
                with suppress(CannotFold):
                    return self._folded(n, given)
            control = n.op_type in CONTROL and n.domain in ("", "ai.onnx")
            function = None if control else self._found(n)
            unknown = [v for v in given if isinstance(v, Unknown)]
            if unknown:
                self._note_unknown(n, unknown)
                return [Unknown()] * len(n.output)
            if function is None:
                made: Sequence[Anything] = CONTROL[n.op_type](self, n, given, scope, depth)
                return made
            if function is BODY:
                return self._function(body_of(n, given, self.version(n.domain)), n, given, depth)
            return self._called(function, n, given)
        except NoFormula as error:
            self.problems[str(error)] = INVALID if isinstance(error, sizing.Misfit) else NO_FORMULA
        except _WRONG as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            named = shown(str(n.op_type))[:80]
            self.problems[f"operator {named} cannot be computed here: {said}"] = INVALID
        return [Unknown()] * len(n.output)

    def _note_unknown(self, n: Any, unknown: Sequence[Unknown]) -> None:
        for whys in {v.why for v in unknown if v.why}:
            self.problems[f"operator {shown(n.op_type)} has no formula here: it reads {whys}"] = (
                NO_FORMULA
            )

    def _found(self, n: Any) -> Function:
        """Return the function of an operator."""
        name = TABLES.get(n.domain)
        if name is None:
            raise NoFormula(
                f"operator {shown(n.op_type)} of the domain {n.domain!r} is not one of ONNX's own"
            )
        table = import_module(name)
        if n.op_type in table.OPERATORS:
            found: Function = table.OPERATORS[n.op_type]
            return found
        if n.op_type not in table.REFUSED and has_body(n, self.version(n.domain)):
            return BODY
        why = f": {table.REFUSED[n.op_type]}" if n.op_type in table.REFUSED else " here"
        raise NoFormula(f"operator {shown(n.op_type)} has no formula{why}")

    def version(self, domain: str) -> int:
        """Return the opset of a domain.

        Raises:
            NoFormula: the model imports none.
        """
        for name in (domain, *(("", "ai.onnx") if domain in ("", "ai.onnx") else ())):
            if name in self.opsets:
                return self.opsets[name]
        raise NoFormula(f"operators of the domain {domain!r} have no version in this model")

    def _folded(self, n: Any, given: list[Anything]) -> Sequence[Anything]:
        version = self.version(n.domain)
        shapes = sizing.shapes_of(n, given, version)  # refuses what would be too large
        self._hold(sum(math.prod(shape) for shape in shapes.values()))
        return folded(n, given, version)

    def _hold(self, size: int) -> None:
        self.held += size
        if self.held > HELD:
            raise TooLarge(
                f"The graph computes more than {HELD:,} numbers that depend on no input.",
                hint="Simplify it first: onnxsim, or onnxruntime's optimised model.",
            )

    def _called(self, function: Function, n: Any, given: list[Anything]) -> Sequence[Anything]:
        version = self.version(n.domain)
        shapes = sizing.shapes_of(n, given, version, most=sizing.MOST_NODES)
        self._spend(sizing.cost(n, given, shapes))
        call = Call(n.op_type, version, given, attributes(n), n.output, self.reading, self.noted)
        made = self._results(function, call, n)
        if all(v is None or _is_known(v) for v in given):
            made = tuple(computed(v) if isinstance(v, Value) else v for v in made)
        if n.op_type not in sizing.POOLS:  # of ceil_mode, ONNX before opset 22 counts otherwise
            sizing.check_shapes(made, n, shapes)
        self._name_layer(n, made)
        return made

    def _results(self, function: Function, call: Call, n: Any) -> tuple[Anything, ...]:
        found = function(call)
        if call.rest():
            raise NoFormula(f"operator {n.op_type} has the option {call.rest()[0]!r}")
        kind = next((v.kind for v in call.values if isinstance(v, Value)), "float32")
        several = found if isinstance(found, tuple) else (found,)
        return tuple(self._settled(part, kind) for part in several)

    def _settled(self, found: Any, kind: str) -> Anything:
        """Return a result as a value, its equal rows as one."""
        if isinstance(found, list):
            return [self._settled(part, kind) for part in found]
        value = found if isinstance(found, Value | Maps | Unknown) else Value(found, kind)
        if not isinstance(value, Value):
            return value
        value = settled(value)
        if value.known:
            return value
        if "float" in value.kind:
            self.kinds.add(value.kind)
        made = Value(sizing.same_rows(value.data, self.rows), value.kind)
        self.note_kind(made)
        return made

    def note_kind(self, value: Value) -> None:
        """Note what is computed, or given, in float32."""
        if value.kind == "float32" and not value.known:
            self.noted.singles.note(value.data)

    def _spend(self, cost: float) -> None:
        self.spent += cost / self.rows
        if self.spent > LARGEST:
            raise TooLarge(
                f"The formula of this graph would have more than {LARGEST:,} parts.",
                hint=TOO_LARGE,
            )

    def _name_layer(self, n: Any, made: Sequence[Anything]) -> None:
        if n.op_type not in UNITS or not made or made[0].known:
            return
        units = nodes_of(made[0].data[:1])
        if len(set(units)) > 1:
            self.layers += 1
            self.reading.name(f"h{self.layers}_", units)

    def _function(self, own: Any, n: Any, given: list[Anything], depth: int) -> list[Anything]:
        """Walk a function of the model's own; its opsets are those that it imports."""
        inner: dict[str, Anything] = dict(zip(own.input, given, strict=False))
        inner.update((name, None) for name in own.input[len(given) :])
        outer, self.opsets = self.opsets, {o.domain: o.version for o in own.opset_import}
        try:
            self.run([bound(m, n, own) for m in own.node], inner, depth + 1)
        finally:
            self.opsets = outer
        # Results that nobody takes need not be computed, as the cache of ONNX's own Attention.
        wanted = [a if b else "" for a, b in zip(own.output, n.output, strict=False)]
        return [inner[name] if name else None for name in _known(wanted, inner)]

    def inside(
        self, graph: Any, given: Sequence[Anything], scope: Scope, depth: int
    ) -> list[Anything]:
        """Return the results of a graph within the graph."""
        inner: Scope = ChainMap({}, scope)
        inner.update(constants(graph))
        inner.update(zip([i.name for i in graph.input], given, strict=True))
        self.run(graph.node, inner, depth + 1)
        return [inner[name] for name in _known([o.name for o in graph.output], inner)]


def overload(n: Any) -> str:
    """Return which function of several of one name is meant; ONNX tells them apart since 1.16."""
    return str(getattr(n, "overload", ""))


def _folds(n: Any) -> bool:
    return n.op_type not in NEVER and n.domain in ("", "ai.onnx")


def _known(names: Sequence[str], scope: Scope) -> Sequence[str]:
    for name in names:
        if name and name not in scope:
            raise Broken(f"its graph reads {name[:80]!r}, which nobody has computed")
    return names


def _is_known(value: Anything) -> bool:
    if isinstance(value, list):
        return all(map(_is_known, value))
    return bool(value.known)
