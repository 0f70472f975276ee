"""Code as a graph: a layer's own `call`, made with symbolic tensors.

Keras' own layers and operations note what they are called with when that is symbolic; what a user
has written in terms of them leaves a graph behind. It is forgotten again afterwards.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from closedform.readers.keras.graph import Graph, is_symbolic, live_graph, mapped
from closedform.readers.tensors import Tensor
from closedform.readers.torch.elements import NoFormula


def traced(
    call: Callable[..., Any], args: Any, kwargs: Any, shape_of: Any, live: Any = None
) -> Graph:
    """Return the graph of a function of tensors.

    Args:
        call: the function.
        args, kwargs: what it is called with.
        shape_of: from one of these, its shape and type if it is a tensor, else None.
        live: the layer that the function belongs to.

    Raises:
        NoFormula: it does what symbolic tensors cannot do.
    """
    import keras

    taken: list[Any] = []

    def symbolic(value: Any) -> Any:
        told = shape_of(value)
        if told is None:
            return value
        taken.append(keras.KerasTensor(told[0], dtype=told[1], name=f"x{len(taken)}"))
        return taken[-1]

    given = mapped(list(args), symbolic)
    named = {k: mapped(v, symbolic) for k, v in sorted(kwargs.items())}
    try:
        with forgetting(live):
            made = call(*given, **named)
            return live_graph(taken, named_results(made))
    except NoFormula:
        raise
    except Exception as error:  # code may fail in any way
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NoFormula(f"it cannot be traced ({said[:200]})") from error


def named_results(made: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return symbolic tensors in nested lists and dicts with the keys that lead to them."""
    if isinstance(made, Mapping):
        pairs = [(str(k), made[k]) for k in sorted(made)]
    elif isinstance(made, list | tuple):
        pairs = [(str(i) if name else f"y{i}", v) for i, v in enumerate(made)]
    else:
        if not is_symbolic(made):
            raise NoFormula("it gives what does not depend on its inputs, or is no tensor")
        return [(name or "y", made)]
    return [
        found for key, v in pairs for found in named_results(v, f"{name}_{key}" if name else key)
    ]


@contextmanager
def forgetting(live: Any) -> Iterator[None]:
    """Take away what layers note while something is traced."""
    parts = list(live._flatten_layers()) if hasattr(live, "_flatten_layers") else []
    records = [held for part in parts for name in ("_inbound_nodes", "_outbound_nodes")
               if isinstance(held := getattr(part, name, None), list)]  # fmt: skip
    lengths = [len(held) for held in records]
    try:
        yield
    finally:
        for held, length in zip(records, lengths, strict=True):
            del held[length:]


def function_of(call: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    """Return a function of tensors, written in terms of Keras, as one on arrays of nodes."""

    def made(x: Tensor) -> Tensor:
        from closedform.readers.keras.walking import Value, Walk
        from closedform.readers.reading import Reading

        graph = traced(call, [x], {}, lambda v: (v.shape, "float32"))
        reading = Reading(())
        found = Walk(reading).run(graph, [Value(x)])[0].tensor
        if reading.problems:
            raise NoFormula(reading.problems[0][0].rstrip("."))
        return found

    return made


def trace_layer(live: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Graph:
    """Return the graph of a layer's own `call`.

    Args:
        live: the layer.
        args, kwargs: `Value` where it takes a tensor.
    """
    from closedform.readers.keras.walking import Value

    known = inspect.signature(live.call).parameters
    options = {
        k: v for k, v in kwargs.items() if k in known or not isinstance(v, bool | type(None))
    }
    if "training" in known:
        options["training"] = False

    def shape_of(value: Any) -> tuple[tuple[int, ...], str] | None:
        if not isinstance(value, Value):
            return None
        return value.tensor.shape, _dtype(value.tensor)

    return traced(live.call, args, options, shape_of, live)


def _dtype(x: Tensor) -> str:
    from closedform.ir import Node, Type

    first = x.ravel()[0] if x.size else 0.0
    truth = isinstance(first, bool | np.bool_) or (
        isinstance(first, Node) and first.type is Type.BOOL
    )
    return "bool" if truth else "float32"
