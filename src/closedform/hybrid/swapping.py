"""A formula put in the place of a part of a network, and the part put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from closedform.errors import BadInput
from closedform.hybrid.capture import part_of
from closedform.hybrid.law import law_of

TRAINABLE = (True, False, "all")


def swap(net: Any, name: str, law: Any, *, trainable: bool | str = True) -> Any:
    """Put a formula in the place of a part of a network, and return the module that it is.

    The part leaves the network: its parameters are no longer in `net.state_dict()` and
    `net.parameters()`, everywhere where the network has it. It is kept aside for `restore`. A
    formula takes and returns tensors as the part did, is differentiable, and computes in float32
    at least; its constants are one parameter, `constants`. After training, `module.formula()` is
    the formula with its new constants, `module.now()` the law.

    Args:
        net: a `torch.nn.Module`; it is changed.
        name: the part, as `named_modules` gives it.
        law: one of the laws that `distill` or `load` return, or a formula, which then takes the
            last axis of one tensor.
        trainable: whether the constants are parameters: those that are written down (no factor 1,
            no summand 0); "all" for a factor and a summand of each output, too. False: buffers.

    Raises:
        BadInput: there is no such part, the law is none, or an option has no meaning.
    """
    from closedform.hybrid.block import FormulaBlock

    if trainable not in TRAINABLE:
        raise BadInput(f"trainable={trainable!r} has no meaning.", hint='Use True, False or "all".')
    law, now = law_of(law), _checked(net, name)
    block = now._aside[0] if isinstance(now, FormulaBlock) else now
    made = FormulaBlock(law, block, trainable=trainable, like=like_of(net, now))
    made.train(now.training)
    _replace(net, now, made)
    return made


def restore(net: Any, name: str) -> Any:
    """Put the part of a network back that a formula stands for, and return it, unchanged.

    It is as it was when it was taken out, but where the network has since moved to another device
    or type: it follows.

    Raises:
        BadInput: there is no such part, or no formula stands there.
    """
    from closedform.hybrid.block import FormulaBlock

    now = _checked(net, name)
    if not isinstance(now, FormulaBlock):
        raise BadInput(
            f"No formula stands in the place of {name!r}.",
            hint="Formulas stand at: " + (", ".join(_places(net)) or "no place") + ".",
        )
    block, dtype, device = now._aside
    if now.unit.device != device:
        block.to(now.unit.device)
    if now.unit.dtype != dtype:
        block.to(now.unit.dtype)
    block.train(now.training)
    _replace(net, now, block)
    return block


@contextmanager
def put_back(net: Any, name: str) -> Iterator[Any]:
    """Let a part of a network be itself for a while, where a formula stands for it."""
    from closedform.hybrid.block import FormulaBlock

    now = part_of(net, name)
    if not isinstance(now, FormulaBlock):
        yield now
        return
    block = restore(net, name)
    try:
        yield block
    finally:
        _replace(net, block, now)


@contextmanager
def in_place(net: Any, name: str, new: Any) -> Iterator[Any]:
    """Let another module stand for a part of a network for a while."""
    now = _checked(net, name)
    _replace(net, now, new)
    try:
        yield new
    finally:
        _replace(net, new, now)


def _checked(net: Any, name: str) -> Any:
    now = part_of(net, name)
    if now is net:
        raise BadInput(
            "The network itself cannot be taken out of itself.",
            hint="Name one of its parts; or use law.full as the whole of it.",
        )
    return now


def _replace(net: Any, old: Any, new: Any) -> None:
    """Put a module in the place of another, everywhere where the network has it."""
    for parent in list(net.modules()):
        for key, child in list(parent._modules.items()):
            if child is old:
                parent._modules[key] = new


def like_of(net: Any, block: Any) -> Any:
    """Return a tensor of the type and on the device of a block; without any, of its network."""
    import torch

    for module in (block, net):
        for held in (*module.parameters(), *module.buffers()):
            if held.is_floating_point():
                return torch.empty(0, dtype=held.dtype, device=held.device)
    return torch.empty(0, dtype=torch.float32)


def _places(net: Any) -> list[str]:
    from closedform.hybrid.block import FormulaBlock

    return [n for n, part in net.named_modules() if isinstance(part, FormulaBlock)]
