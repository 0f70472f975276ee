"""What goes into a part of a network and what comes out, over some batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import BoundArguments, signature
from typing import Any

from closedform.errors import BadInput, first_line
from closedform.hybrid.batches import Call, batches_of, run
from closedform.hybrid.records import opened

Path = tuple[int | str, ...]


@dataclass(frozen=True, eq=False)
class Passed:
    """One call of a block.

    Attributes:
        given: its arguments by name, those of *args as a tuple, of **kwargs as a dict.
        said: what it returned.
    """

    given: dict[str, Any]
    said: Any


def part_of(net: Any, name: str) -> Any:
    """Return a part of a network by its name, as `named_modules` gives them.

    Raises:
        BadInput: there is none.
    """
    import torch

    if not isinstance(net, torch.nn.Module):
        raise BadInput(
            f"{type(net).__name__} is no torch.nn.Module.",
            hint="cf.hybrid is for parts of PyTorch networks; for other models use cf.distill.",
        )
    from closedform.hybrid.block import FormulaBlock

    names = dict(net.named_modules(remove_duplicate=False))
    if name in names:
        _refuse_compiled(net, names[name], name)
        return names[name]
    outer = max((n for n in names if n and str(name).startswith(n + ".")), default="", key=len)
    if isinstance(names.get(outer), FormulaBlock):
        raise BadInput(
            f"The network has no part {name!r} now: a formula stands in the place of {outer!r}.",
            hint=f"Put the part back first: cf.hybrid.restore(net, {outer!r}).",
        )
    inside = [n for n in names if n.startswith(f"{outer}.") or not outer]
    some = ", ".join([n for n in inside if n][:20]) or "none"
    raise BadInput(f"The network has no part {name!r}.", hint=f"Its parts are: {some}.")


def _refuse_compiled(net: Any, part: Any, name: str) -> None:
    import torch

    if isinstance(net, torch.jit.ScriptModule):
        what = "This network is one of torch.jit: it runs as one program, past its parts."
    elif isinstance(part, torch.jit.ScriptModule):
        what = f"The part {name!r} is one of torch.jit: nobody sees what goes in and comes out."
    else:
        return
    raise BadInput(what, hint="Give the network as it was before torch.jit.script or trace.")


def passed(net: Any, block: Any, loader: Any, call: Call | None = None) -> Iterator[Passed]:
    """Yield every call of a block while a network runs over batches, within `asked`.

    `asked` is the caller's: a generator that is left early would put modes back too late.

    Raises:
        BadInput: the network cannot be called with a batch, or never calls the block.
    """
    if any(p.is_meta for p in net.parameters()):
        raise BadInput(
            "The network is on PyTorch's meta device: its weights are shapes without numbers.",
            hint="Load its weights first.",
        )
    found = False
    for batch in batches_of(loader):
        with recorded(block) as calls:
            _tried(net, batch, call)
        found = found or bool(calls)
        yield from calls
    if not found:
        raise BadInput(
            "The network never calls this part: nothing goes in, nothing comes out.",
            hint="Give batches, and a part whose forward the network calls as a module.",
        )


def _tried(net: Any, batch: Any, call: Call | None) -> None:
    try:
        run(net, batch, call)
    except BadInput:
        raise
    except Exception as problem:
        raise BadInput(
            f"The network cannot be called with a batch: {type(problem).__name__}: "
            f"{first_line(problem)}",
            hint="Give batches as it takes them, or call=lambda net, batch: net(...).",
        ) from problem


@contextmanager
def recorded(block: Any) -> Iterator[list[Passed]]:
    """Record the calls of a block: all of them, also where it is called several times."""
    import torch

    calls: list[Passed] = []
    waiting: list[dict[str, Any]] = []
    known = signature(block.forward)

    def before(_: Any, args: Any, kwargs: Any) -> None:
        given = dict(known.bind(*args, **kwargs).arguments)
        # Copies: what works in place would change them.
        waiting.append(torch.utils._pytree.tree_map(copied, given))

    def after(_: Any, args: Any, kwargs: Any, said: Any) -> None:
        calls.append(Passed(waiting.pop(), opened(said, copied)))

    hooks = [
        block.register_forward_pre_hook(before, with_kwargs=True),
        block.register_forward_hook(after, with_kwargs=True),
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def copied(leaf: Any) -> Any:
    """Return a copy of a tensor that remembers nothing; anything else as it is."""
    import torch

    return leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf


def called(block: Any, given: Mapping[str, Any]) -> Any:
    """Return what a block says of arguments by name, records as `Record`."""
    bound = BoundArguments(signature(block.forward), dict(given))
    return opened(block(*bound.args, **bound.kwargs))


def tensors_in(value: Any) -> Iterator[tuple[Path, Any]]:
    """Yield the tensors within tuples, lists and dicts, each with the keys that lead to it."""
    import torch

    return ((path, leaf) for path, leaf in leaves_in(value) if isinstance(leaf, torch.Tensor))


def leaves_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what is within tuples, lists and dicts, each with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves_in(inner, (*path, key))
    elif isinstance(value, tuple | list):
        for i, inner in enumerate(value):
            yield from leaves_in(inner, (*path, i))
    else:
        yield path, value


def at(value: Any, path: Path) -> Any:
    """Return what some keys lead to."""
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """Return nested tuples, lists and dicts with one place filled anew."""
    if not path:
        return new
    inner = put(value[path[0]], path[1:], new)
    if isinstance(value, Mapping):
        return {**value, path[0]: inner}
    listed = [inner if i == path[0] else old for i, old in enumerate(value)]
    if isinstance(value, list):
        return listed
    return type(value)(*listed) if hasattr(value, "_fields") else tuple(listed)
