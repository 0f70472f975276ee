"""A formula as a PyTorch module that stands in the place of a block; imported late."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from inspect import Parameter, signature
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from closedform import ops
from closedform.errors import BadInput
from closedform.fitting import Constants
from closedform.fitting.constants import Slot as Place
from closedform.fitting.constants import written
from closedform.formula import Feature, Formula, Task
from closedform.hybrid.directions import Directions
from closedform.hybrid.law import BlockLaw
from closedform.hybrid.layout import gathered, spread
from closedform.hybrid.records import Named, opened
from closedform.ir import Node, substitute, toposort
from closedform.store import content_hash

WIDE = (torch.float32, torch.float64)
"""The types that formulas are computed in: halves have no digits to spare for a power."""
PLAIN = (bool, int, float, str, tuple, torch.dtype)
"""What a network may read of its part without asking it to compute."""


class Standing(nn.Module):
    """What stands in the place of a block: it takes and returns tensors as the block did.

    Attributes:
        law: which tensors these are.
    """

    def __init__(self, law: BlockLaw, block: Any) -> None:
        """Take the block's arguments by their names."""
        super().__init__()
        self.law = law
        self.names, self.starred, self.others = _names_of(block)

    def _as_block(self, block: Any) -> None:
        """Have what a network may read of its part: numbers and words, as `batch_first`.

        At last: what is there already, as `bias`, is no number of the part's.
        """
        for name, held in vars(block).items():
            if not name.startswith("_") and isinstance(held, PLAIN) and not hasattr(self, name):
                setattr(self, name, held)
        # A TransformerEncoderLayer reads weights past the parts that have them, unless one of
        # them has a hook.
        self.register_forward_hook(_nothing)

    def _parts(self, args: Any, kwargs: Any) -> tuple[list[torch.Tensor], torch.dtype | None]:
        """Return the inputs, each (…, numbers), and the type of the first that has fractions."""
        given = dict(zip(self.names, args, strict=False)) | dict(kwargs)
        if self.starred is not None:
            given[self.starred] = args[len(self.names) :]
        if self.others is not None:
            given[self.others] = dict(kwargs)
        by_place: Mapping[Any, Any] = {**given, **dict(enumerate(args))}
        slots = self.law.layout.inputs
        tensors = [_at(by_place, s.path) for s in slots]
        for path, i in self.law.layout.tied:
            _refuse_other(_at(by_place, path), tensors[i], path)
        kind = self.law.layout.kind
        parts = [spread(t, s, kind) for t, s in zip(tensors, slots, strict=True)]
        return parts, next((t.dtype for t in tensors if t.is_floating_point()), None)

    def _returned(self, found: torch.Tensor) -> Any:
        """Return outputs, shape (…, outputs), as the block would."""
        sizes = [s.size for s in self.law.layout.outputs]
        return self._filled(self.law.returned, found.split(sizes, -1))

    def _filled(self, place: Any, parts: Any) -> Any:
        if place is None:
            return None
        if isinstance(place, int):
            slot = self.law.layout.outputs[place]
            return gathered(parts[place], slot, self.law.layout.kind)
        if isinstance(place, Named):
            return place.filled([self._filled(v, parts) for _, v in place.entries])
        if isinstance(place, dict):
            return type(place)({k: self._filled(v, parts) for k, v in place.items()})
        return type(place)(self._filled(v, parts) for v in place)


class Affine(Standing):
    """A linear map and a summand in the place of a block; both may be 0."""

    def __init__(
        self, law: BlockLaw, block: Any, weight: Any, bias: Any, like: torch.Tensor
    ) -> None:
        """Take the map, shape (outputs, inputs), and the summand, shape (outputs,)."""
        super().__init__(law, block)
        for name, values in (("weight", weight), ("bias", bias)):
            numbers = torch.tensor(np.asarray(values), dtype=like.dtype, device=like.device)
            self.register_parameter(name, nn.Parameter(numbers))
        self._as_block(block)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the map of the inputs."""
        parts, dtype = self._parts(args, kwargs)
        lead = torch.broadcast_shapes(*[p.shape[:-1] for p in parts])
        rows = torch.cat([p.expand(*lead, p.shape[-1]).to(self.weight.dtype) for p in parts], -1)
        return self._returned((rows @ self.weight.T + self.bias).to(dtype or self.weight.dtype))


class Projected(Standing):
    """A block whose outputs are those that fewer directions leave of them."""

    def __init__(self, law: BlockLaw, block: nn.Module, like: torch.Tensor) -> None:
        """Take the block and the directions of a law."""
        super().__init__(law, block)
        self.block = block
        assert law.directions is not None
        self.ahead, self.back, self.centre = (
            torch.tensor(values, device=like.device).to(torch.float32)
            for values in (law.directions.ahead, law.directions.back, law.directions.centre)
        )
        self._as_block(block)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the directions leave of what the block returns."""
        said, kind = opened(self.block(*args, **kwargs)), self.law.layout.kind
        tensors = [(_at(said, s.path), s) for s in self.law.layout.outputs]
        every = torch.cat([spread(t, s, kind).float() for t, s in tensors], -1)
        given = slice(None) if self.law.rest is None else torch.tensor(np.isnan(self.law.rest))
        found = every[..., given]
        every[..., given] = self.centre + ((found - self.centre) @ self.ahead.T) @ self.back.T
        return self._returned(every.to(tensors[0][0].dtype))


class FormulaBlock(Standing):
    """A formula in the place of a block: it takes and returns tensors as the block did.

    Its state dict holds `constants`, the numbers of the formula, as one vector (and `centre` and
    `back`, where outputs come from fewer directions): tensors alone.

    Attributes:
        constants: the numbers of the formula, a parameter, or a buffer if they are frozen.
    """

    def __init__(
        self, law: BlockLaw, block: Any, *, trainable: bool | str = True,
        like: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        """Put a law in the place of a block.

        Args:
            law: the law.
            block: the block, which is kept aside, and no part of the module.
            trainable: whether the constants are parameters; "all" also those that nobody writes,
                a factor 1 and a summand 0 of each output, and the directions.
            like: a tensor of the type and device to have; default: float32 on the CPU.
        """
        super().__init__(law, block)
        like = torch.empty(0, dtype=torch.float32) if like is None else like
        self.trainable = trainable
        self._aside = (block, like.dtype, like.device)
        self._roots = _roots(law.formula, trainable == "all")
        self._theta = Constants(self._roots, _every if trainable == "all" else written)
        self._used = sorted({n.data for n in _inputs(self._roots)})
        self.register_buffer("unit", torch.zeros((), dtype=like.dtype, device=like.device),
                             persistent=False)  # fmt: skip
        self._keep("constants", self._theta.start, bool(trainable))
        if law.directions is not None:
            self._keep("centre", law.directions.centre, trainable == "all")
            self._keep("back", law.directions.back, trainable == "all")
        self._fixed("rest", law.rest)
        self.program = self._program()
        self._as_block(block)
        self.to(like.device)

    def _keep(self, name: str, values: Any, learns: bool) -> None:
        numbers = torch.tensor(np.asarray(values), dtype=self.unit.dtype, device=self.unit.device)
        if learns:
            self.register_parameter(name, nn.Parameter(numbers))
        else:
            self.register_buffer(name, numbers)

    def _fixed(self, name: str, values: Any) -> None:
        wide = {"dtype": torch.float32, "device": self.unit.device}
        numbers = None if values is None else torch.tensor(values, **wide)
        self.register_buffer(name, numbers, persistent=False)

    def _program(self) -> nn.Module:
        """Return the formula of the inputs that are read and of its constants, as a module."""
        lifted = self._theta.lifted()
        count = len(self._used)
        new = {ops.input_(i): ops.input_(k) for k, i in enumerate(self._used)}
        first = self._theta.first
        for k in range(len(self._theta)):
            new[ops.input_(first + k)] = ops.input_(count + k)
        roots = substitute(lifted, new)
        names = [f"x{i}" for i in self._used] + [f"c{k}" for k in range(len(self._theta))]
        outputs = {f"y{i}": root for i, root in enumerate(roots)}
        features = tuple(Feature(name) for name in names)
        formula = Formula(outputs, features, Task(primary=tuple(outputs)))
        kind = "float64" if self.unit.dtype is torch.float64 else "float32"
        made: nn.Module = formula.to("torch", dtype=kind)
        _findable(made, f"closedform_block_{content_hash(formula)[:16]}_{kind}")
        # They are a part of how it is computed, and nothing that is learned.
        for part in made.modules():
            for name, held in list(part.named_buffers(recurse=False)):
                part.register_buffer(name, held, persistent=False)
        return made

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        # net.half() reaches all, but numbers that have become halves do not come back.
        before, program = self._wide, self._modules.pop("program")
        try:
            super()._apply(fn, recurse)
        finally:
            self._modules["program"] = program
        if self._wide is not before:
            self.program = self._program()
        self.program.to(self.unit.device)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied or pickled: not the printed program, whose class has no place."""
        modules = {k: m for k, m in self._modules.items() if k != "program"}
        return {**self.__dict__, "_modules": modules}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Print the program anew."""
        super().__setstate__(state)
        self.program = self._program().to(self.unit.device)

    @property
    def _wide(self) -> torch.dtype:
        return torch.float64 if self.unit.dtype is torch.float64 else torch.float32

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the formula says, in the shape and type in which the block would."""
        parts, dtype = self._parts(args, kwargs)
        return self._returned(self._columns(parts).to(dtype or self.unit.dtype))

    def _columns(self, parts: list[torch.Tensor]) -> torch.Tensor:
        """Return all outputs, shape (…, outputs), of the inputs, each (…, numbers)."""
        lead = torch.broadcast_shapes(*[p.shape[:-1] for p in parts])
        wide = self._wide
        columns = [c for p in parts for c in p.unbind(-1)]
        if self._used and self._used[-1] >= len(columns):
            raise BadInput(
                f"The formula reads number {self._used[-1]} of a row, counted from 0, and the rows "
                f"here have {len(columns)} numbers.",
                hint="Swap in a law of this part, or of one that takes as many numbers.",
            )
        read = [columns[i].to(wide).expand(lead) for i in self._used]
        numbers = [c.to(wide).expand(lead) for c in self.constants.unbind(-1)]
        if read or numbers:
            # Beside each other in memory, since the formula reads one after another.
            rows = torch.stack([*read, *numbers]).movedim(0, -1)
        else:
            rows = parts[0].new_zeros((*lead, 0), dtype=wide)
        found = torch.broadcast_to(_answer(self.program, rows), (*lead, len(self._roots)))
        if self.law.directions is not None:
            found = self.centre.to(wide) + found @ self.back.to(wide).T
        if self.rest is None:
            return found
        return self._with_rest(found)

    def _with_rest(self, found: torch.Tensor) -> torch.Tensor:
        given, columns = iter(found.unbind(-1)), []
        assert self.law.rest is not None
        for i, value in enumerate(self.law.rest.tolist()):
            one = next(given) if value != value else self.rest[i].to(found).expand(found.shape[:-1])
            columns.append(one)
        return torch.stack(columns, -1)

    def formula(self) -> Formula:
        """Return the formula with the constants as they are now, after training."""
        theta = [_shortest(v) for v in self.constants.detach().cpu().flatten()]
        roots = self._theta.put(np.array(theta, dtype=float))
        answer = self.law.formula.answer
        return replace(
            self.law.formula, outputs=dict(zip(answer, roots, strict=True)), names={}, stages=()
        )

    def now(self) -> BlockLaw:
        """Return the law with the constants as they are now, after training."""
        law = self.law.with_formula(self.formula())
        if law.directions is None:
            return law
        centre, back = (t.detach().cpu().double().numpy() for t in (self.centre, self.back))
        return replace(law, directions=Directions(centre, law.directions.ahead, back,
                                                  law.directions.kept))  # fmt: skip

    def extra_repr(self) -> str:
        """Return the formula on as many lines as it has outputs, for `print(net)`."""
        if self.law.formula.length > 200:
            return f"a formula of {self.law.formula.length} symbols"
        return str(self.formula().to("text")).strip()


def _findable(program: nn.Module, name: str) -> None:
    """Let torch.compile find the functions of a printed module, which it imports by name."""
    namespace = type(program).evaluate.__globals__
    namespace["__name__"] = name
    module = sys.modules[name] = ModuleType(name)
    module.__dict__.update(namespace)


def _answer(program: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    found = program.evaluate(rows)
    return torch.stack([v.expand(rows.shape[:-1]) for v in found.values()], -1)


def _names_of(block: Any) -> tuple[list[str], str | None, str | None]:
    """Return the names of the positional arguments of a block, and those of *args and **kwargs."""
    known = list(signature(block.forward).parameters.values())
    plain = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    starred = next((p.name for p in known if p.kind is Parameter.VAR_POSITIONAL), None)
    others = next((p.name for p in known if p.kind is Parameter.VAR_KEYWORD), None)
    return [p.name for p in known if p.kind in plain], starred, others


def _nothing(*_: Any) -> None:
    """Do nothing, as a hook."""


def _at(given: Any, path: Any) -> Any:
    try:
        for key in path:
            given = given[key]
    except (KeyError, IndexError, TypeError):
        raise BadInput(
            f"The formula reads the argument {'.'.join(map(str, path))}, which this call does not "
            "give.",
            hint="Call the part as where its law was found.",
        ) from None
    return given


def _refuse_other(tensor: Any, same: torch.Tensor, path: Any) -> None:
    """Refuse an argument that always was what another is, and is not so now."""
    # A graph has one value for both; what they are worth is not known while it is traced.
    if tensor is same or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return
    known = isinstance(tensor, torch.Tensor) and tensor.shape == same.shape
    if not known or not bool(((tensor == same) | (tensor.isnan() & same.isnan())).all()):
        raise BadInput(
            f"The argument {'.'.join(map(str, path))} was the same as another one wherever the "
            "law was found, and is not so here.",
            hint="Distill the part with batches in which they differ.",
        )


def _roots(formula: Formula, every: bool) -> list[Node]:
    roots = [formula.outputs[name] for name in formula.answer]
    return [ops.lin(0.0, (1.0, root)) for root in roots] if every else roots


def _every(place: Place) -> bool:
    return True


def _inputs(roots: list[Node]) -> list[Node]:
    return [n for n in toposort(roots) if n.op is ops.INPUT]


def _shortest(value: torch.Tensor) -> float:
    """Return the shortest decimal that is this number in its own type."""
    if value.dtype is torch.float64:
        return float(value)
    if value.dtype is torch.float32:
        return float(str(value.numpy()))
    for digits in range(1, 10):
        short = float(f"{float(value):.{digits}g}")
        if torch.tensor(short, dtype=value.dtype) == value:
            return short
    return float(value)
