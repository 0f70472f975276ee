"""What only moves elements about: views, slices, joins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array, Node, Type
from closedform.readers import tensors as t
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch.elements import Function, NoFormula


def view(x: Tensor, shape: Sequence[int]) -> Tensor:
    return x.reshape([int(n) for n in shape])


def permute(x: Tensor, axes: Sequence[int]) -> Tensor:
    return x.transpose([int(a) for a in axes])


def squeeze(x: Tensor, dims: Any = None) -> Tensor:
    wanted = range(x.ndim) if dims is None else [dims] if isinstance(dims, int) else dims
    axes = {d % x.ndim for d in wanted if x.ndim and x.shape[d % x.ndim] == 1}
    return x.squeeze(tuple(axes)) if axes else x


def expand(x: Tensor, shape: Sequence[int], implicit: bool = False) -> Tensor:
    lead = len(shape) - x.ndim
    sizes = [x.shape[i - lead] if n == -1 else int(n) for i, n in enumerate(shape)]
    return np.broadcast_to(x, sizes)


def sliced(
    x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    at = [slice(None)] * x.ndim
    at[dim] = slice(start, end, step)
    return x[tuple(at)]


def select(x: Tensor, dim: int, index: int) -> Tensor:
    return t.boxed(np.take(x, int(index), axis=dim))


def split(x: Tensor, sizes: Any, dim: int = 0) -> list[Tensor]:
    length = x.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, length - i) for i in range(0, length, sizes)]
    ends = np.cumsum(sizes)[:-1].tolist()
    return list(np.split(x, ends, axis=dim))


def unbind(x: Tensor, dim: int = 0) -> list[Tensor]:
    return [select(x, dim, i) for i in range(x.shape[dim])]


def cat(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    kept = [t.as_tensor(p) for p in parts if p.shape != (0,)]
    return np.concatenate(kept, axis=dim)


def stack(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    return np.stack([t.as_tensor(p) for p in parts], axis=dim)


def index(x: Tensor, indices: Sequence[Any]) -> Tensor:
    if any(i is not None and i.dtype == object for i in indices):
        raise NoFormula("indexing by a value that depends on the inputs")
    at = tuple(slice(None) if i is None else i for i in indices)
    return t.boxed(t.as_tensor(x)[at])


def index_select(x: Tensor, dim: int, index: Array) -> Tensor:
    return index(x, [*[None] * (dim % x.ndim), index])


def gather(x: Tensor, dim: int, index: Array, sparse_grad: bool = False) -> Tensor:
    if index.dtype == object:
        raise NoFormula("gathering by a value that depends on the inputs")
    return np.take_along_axis(x, index, axis=dim)


def pad(x: Tensor, pad: Sequence[int], value: float = 0.0) -> Tensor:
    sides = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        sides[x.ndim - 1 - i] = (int(pad[2 * i]), int(pad[2 * i + 1]))
    grown = [(max(a, 0), max(b, 0)) for a, b in sides]
    made = np.pad(x, grown, constant_values=float(value))
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(sides, made.shape, strict=True)]
    return made[tuple(cut)]


def scattered(place: Callable[..., tuple[Any, ...]]) -> Function:
    def made(x: Tensor, source: Tensor, *where: Any, **named: Any) -> Tensor:
        grown = t.as_tensor(x).copy()
        grown[place(grown, *where, **named)] = source
        return grown

    return made


def slice_place(
    x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> tuple[Any, ...]:
    return (*[slice(None)] * (dim % x.ndim), slice(start, end, step))


def select_place(x: Tensor, dim: int, index: int) -> tuple[Any, ...]:
    return (*[slice(None)] * (dim % x.ndim), index)


def triangle(keep: Callable[..., Array]) -> Function:
    def made(x: Tensor, diagonal: int = 0) -> Tensor:
        mask = keep(np.ones(x.shape[-2:], dtype=bool), diagonal)
        return np.where(mask, x, 0.0)

    return made


def cast(x: Tensor, dtype: Any = None, **_: Any) -> Tensor:
    if dtype is None:
        return x
    name = str(dtype)
    if name == "torch.bool":
        return elementwise(t.truth, x)
    whole = "int" in name
    number = (lambda v: t.truncated(v)) if whole else t.number
    return elementwise(lambda v: t.number(v) if is_bool(v) else number(v), x)


def is_bool(x: Element) -> bool:
    return isinstance(x, Node) and x.type is Type.BOOL


def like(value: float) -> Function:
    return lambda x, *_, **__: np.full(x.shape, value)
