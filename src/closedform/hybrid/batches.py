"""Batches as their user has them, and the calls of a network that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter, signature
from typing import Any

import numpy as np

from closedform.errors import BadInput

Call = Callable[[Any, Any], Any]
"""(network, batch) → what the network says."""
ROWS = 1024
"""Rows of one tensor that are given to the network at once."""
SOME = "a loader, a list of batches, a tensor, a dict, or a tuple of the network's arguments"


def batches_of(loader: Any) -> Iterator[Any]:
    """Yield the batches of a loader; of one tensor, array, tuple or dict, parts of it.

    Args:
        loader: any iterable of batches; or one tensor or array of rows, a tuple of arguments, or a
            dict of them, which is one batch.

    Raises:
        BadInput: it is nothing of the kind.
    """
    import torch

    if isinstance(loader, torch.Tensor | np.ndarray):
        parts = range(0, len(loader), ROWS) if loader.ndim else ()
        yield from (loader[i : i + ROWS] for i in parts) if parts else [loader]
    elif isinstance(loader, tuple | Mapping):
        yield loader
    elif hasattr(loader, "__iter__") and not isinstance(loader, str | bytes):
        yield from loader
    else:
        raise BadInput(f"{type(loader).__name__} gives no batches.", hint=f"Give {SOME}.")


def run(net: Any, batch: Any, call: Call | None) -> Any:
    """Return what a network says of a batch.

    Of a tuple or list, so many entries are arguments as the network takes at least (the others
    are targets); of a dict, those that it has names for. Arrays become tensors, and all go to the
    network's device.

    Args:
        net: the network.
        batch: one batch.
        call: how the network is called with it, where that is not so.
    """
    batch = moved(batch, net)
    if call is not None:
        return call(net, batch)
    if isinstance(batch, Mapping):
        return net(**_known(net, batch))
    if isinstance(batch, tuple | list):
        return net(*batch[: _taken(net, len(batch))])
    return net(batch)


def moved(batch: Any, net: Any) -> Any:
    """Return a batch with its tensors on the device of a network."""
    import torch

    device, dtype = _place(net)

    def put(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fiub":
            made = torch.as_tensor(np.ascontiguousarray(leaf))
            leaf = made.to(dtype) if made.is_floating_point() else made
        return leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf

    return torch.utils._pytree.tree_map(put, batch)


def _place(net: Any) -> tuple[Any, Any]:
    import torch

    numbers = [*net.parameters(), *net.buffers()]
    device = next((p.device for p in numbers), torch.device("cpu"))
    floats = (p.dtype for p in numbers if p.is_floating_point())
    return device, next(floats, torch.get_default_dtype())


def _parameters(net: Any) -> list[Parameter]:
    """Return the arguments of a network; of what only passes them on, those of the one within."""
    import torch

    while isinstance(net, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
        net = net.module
    return list(signature(net.forward).parameters.values())


def _taken(net: Any, given: int) -> int:
    """Return how many of the entries of a batch are arguments."""
    places = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    known = _parameters(net)
    if any(p.kind is Parameter.VAR_POSITIONAL for p in known):
        return given
    needed = [p for p in known if p.kind in places and p.default is Parameter.empty]
    return min(given, max(1, len(needed)))


def _known(net: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    known = _parameters(net)
    if any(p.kind is Parameter.VAR_KEYWORD for p in known):
        return dict(batch)
    found = {p.name: batch[p.name] for p in known if p.name in batch}
    if not found:
        raise BadInput(
            f"No key of the batch is an argument of {type(net).__name__}: {', '.join(batch)}.",
            hint="Its arguments are: " + ", ".join(p.name for p in known) + "; or give call=.",
        )
    return found
