"""What only moves elements about: views, slices, joins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array
from closedform.readers import tensors as t
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch.choosing import (
    gather_by_input,
    index_by_input,
    is_open,
    put_where,
    scatter_by_input,
    whole,
)
from closedform.readers.torch.elements import Function, NoFormula


def view(x: Tensor, shape: Sequence[int]) -> Tensor:
    """aten.view, aten.reshape."""
    return x.reshape([int(n) for n in shape])


def permute(x: Tensor, axes: Sequence[int]) -> Tensor:
    """aten.permute."""
    return x.transpose([int(a) for a in axes])


def squeeze(x: Tensor, dims: Any = None) -> Tensor:
    """aten.squeeze: axes of length 1 go."""
    wanted = range(x.ndim) if dims is None else [dims] if isinstance(dims, int) else dims
    axes = {d % x.ndim for d in wanted if x.ndim and x.shape[d % x.ndim] == 1}
    return x.squeeze(tuple(axes)) if axes else x


def expand(x: Tensor, shape: Sequence[int], implicit: bool = False) -> Tensor:
    """aten.expand: axes of length 1 are repeated; −1 keeps an axis."""
    lead = len(shape) - x.ndim
    sizes = [x.shape[i - lead] if n == -1 else int(n) for i, n in enumerate(shape)]
    return np.broadcast_to(x, sizes)


def sliced(
    x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """aten.slice."""
    at = [slice(None)] * x.ndim
    at[dim] = slice(start, end, step)
    return x[tuple(at)]


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """aten.select: one place along an axis, which goes."""
    return t.boxed(np.take(x, int(index), axis=dim))


def split(x: Tensor, sizes: Any, dim: int = 0) -> list[Tensor]:
    """aten.split, aten.split_with_sizes."""
    length = x.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, length - i) for i in range(0, length, sizes)]
    ends = np.cumsum(sizes)[:-1].tolist()
    return list(np.split(x, ends, axis=dim))


def unfold(x: Tensor, dim: int, size: int, step: int) -> Tensor:
    """aten.unfold: windows along one axis, as a last axis."""
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)[
        (*[slice(None)] * (dim % x.ndim), slice(None, None, step))
    ]


def unbind(x: Tensor, dim: int = 0) -> list[Tensor]:
    """aten.unbind."""
    return [select(x, dim, i) for i in range(x.shape[dim])]


def cat(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    """aten.cat."""
    kept = [t.as_tensor(p) for p in parts if p.shape != (0,)]
    return np.concatenate(kept, axis=dim)


def stack(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    """aten.stack."""
    return np.stack([t.as_tensor(p) for p in parts], axis=dim)


def index(x: Tensor, indices: Sequence[Any]) -> Tensor:
    """aten.index: advanced indexing."""
    if any(map(is_open, indices)):
        return index_by_input(t.as_tensor(x), indices)
    at = tuple(slice(None) if i is None else i for i in indices)
    return t.boxed(t.as_tensor(x)[at])


def index_select(x: Tensor, dim: int, places: Array) -> Tensor:
    """aten.index_select."""
    return index(x, [*[None] * (dim % x.ndim), places])


def gather(x: Tensor, dim: int, index: Array, sparse_grad: bool = False) -> Tensor:
    """aten.gather."""
    if is_open(index):
        return gather_by_input(x, dim, index)
    return np.take_along_axis(x, index, axis=dim)


def pad(x: Tensor, pad: Sequence[int], value: float = 0.0) -> Tensor:
    """aten.constant_pad_nd: (left, right) for each axis, the last one first; negative sides cut."""
    sides = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        sides[x.ndim - 1 - i] = (int(pad[2 * i]), int(pad[2 * i + 1]))
    grown = [(max(a, 0), max(b, 0)) for a, b in sides]
    made = np.pad(x, grown, constant_values=float(value))
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(sides, made.shape, strict=True)]
    return made[tuple(cut)]


def mirrored(mode: str) -> Function:
    """Return aten.reflection_pad1d … 3d ("reflect"), aten.replication_pad1d … 3d ("edge")."""

    def made(x: Tensor, pad: Sequence[int]) -> Tensor:
        sides = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)][::-1]
        lead = [(0, 0)] * (x.ndim - len(sides))
        return np.pad(x, [*lead, *sides], mode=mode)  # type: ignore[call-overload,no-any-return]

    return made


def scattered(place: Callable[..., tuple[Any, ...]]) -> Function:
    """Return an operation that writes a source into one place of a copy."""

    def made(x: Tensor, source: Tensor, *where: Any, **named: Any) -> Tensor:
        grown = t.as_tensor(x).copy()
        grown[place(grown, *where, **named)] = source
        return grown

    return made


def slice_place(
    x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> tuple[Any, ...]:
    """Return the place of aten.slice_scatter."""
    return (*[slice(None)] * (dim % x.ndim), slice(start, end, step))


def select_place(x: Tensor, dim: int, index: int) -> tuple[Any, ...]:
    """Return the place of aten.select_scatter."""
    return (*[slice(None)] * (dim % x.ndim), index)


def triangle(keep: Callable[..., Array]) -> Function:
    """aten.tril, aten.triu."""

    def made(x: Tensor, diagonal: int = 0) -> Tensor:
        mask = keep(np.ones(x.shape[-2:], dtype=bool), diagonal)
        return np.where(mask, x, 0.0)

    return made


def cast(x: Tensor, dtype: Any = None, **_: Any) -> Tensor:
    """aten._to_copy: to truths, to whole numbers (towards 0), or to another float, as it is."""
    if dtype is None:
        return x
    name = str(dtype)
    if name == "torch.bool":
        return elementwise(t.truth, x)
    number = t.number if "int" not in name else whole if name == "torch.int64" else t.truncated
    return elementwise(lambda v: t.number(v) if t.is_condition(v) else number(v), x)


def recast(x: Tensor, dtype: Any = None, **_: Any) -> Tensor:
    """aten._to_copy of whole numbers: to truths, or as they are."""
    if dtype is None:
        return x
    return elementwise(t.truth if str(dtype) == "torch.bool" else t.number, x)


def like(value: float) -> Function:
    """aten.zeros_like, aten.ones_like."""
    return lambda x, *_, **__: np.full(x.shape, value)


def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """aten.diagonal."""
    return np.diagonal(x, offset, dim1, dim2)


def filled(x: Tensor, value: Any) -> Tensor:
    """aten.fill: one value, known or not, everywhere."""
    made = np.empty(x.shape, dtype=object)
    made[...] = value if isinstance(value, np.ndarray) else t.boxed(float(value))
    return made


def index_put(
    x: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False
) -> Tensor:
    """aten.index_put; the last of several values for one place stays, or all are added."""
    if any(map(is_open, indices)):
        if accumulate:
            raise NoFormula("adding to a place that depends on the inputs")
        return put_where(x, indices, values)
    at = tuple(slice(None) if i is None else i for i in indices)
    made = t.as_tensor(x).copy()
    if not accumulate:
        made[at] = values
        return made
    places = np.arange(made.size).reshape(made.shape)[at]
    flat = made.ravel()
    added = np.broadcast_to(t.as_tensor(values), places.shape)
    for place, value in zip(places.ravel().tolist(), added.ravel().tolist(), strict=True):
        flat[place] = t.add(flat[place], value)
    return flat.reshape(made.shape)


def scatter(x: Tensor, dim: int, index: Array, source: Any, **named: Any) -> Tensor:
    """aten.scatter at constant places: source[…] to x[… index[…] …] along one axis."""
    return _scattered(x, dim, index, source, lambda old, new: new, **named)


def scatter_add(x: Tensor, dim: int, index: Array, source: Any) -> Tensor:
    """aten.scatter_add at constant places."""
    return _scattered(x, dim, index, source, t.add)


REDUCED: dict[str, Callable[[list[Element]], Element]] = {
    "sum": t.total,
    "mean": t.mean,
    "prod": lambda xs: ops.mul(*[t.node_of(t.number(x)) for x in xs]),
    "amax": lambda xs: t.greatest(*xs),
    "amin": lambda xs: t.smallest(*xs),
}


def scatter_reduce(
    x: Tensor, dim: int, index: Array, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """aten.scatter_reduce at constant places: what comes together at one becomes one value."""
    if is_open(index):
        raise NoFormula("writing to a place that depends on the inputs")
    made = t.as_tensor(x).copy()
    coming: dict[tuple[int, ...], list[Element]] = {}
    for at in np.ndindex(*index.shape):
        to = (*at[: dim % x.ndim], int(index[at]), *at[dim % x.ndim + 1 :])
        coming.setdefault(to, [made[to]] if include_self else []).append(source.item(*at))
    for to, values in coming.items():
        made[to] = REDUCED[reduce](values)
    return made


def _scattered(
    x: Tensor, dim: int, index: Array, source: Any, join: Callable[..., Element],
    reduce: str | None = None,
) -> Tensor:  # fmt: skip
    if reduce is not None:
        raise NoFormula(f"scatter with reduce={reduce!r}")
    if is_open(index):
        return scatter_by_input(x, dim, index, source, join)
    made = t.as_tensor(x).copy()
    for at in np.ndindex(*index.shape):
        to = (*at[: dim % x.ndim], int(index[at]), *at[dim % x.ndim + 1 :])
        made[to] = join(made[to], source[at] if isinstance(source, np.ndarray) else float(source))
    return made
