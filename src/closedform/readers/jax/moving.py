"""What only moves elements about: slices, joins, gathering and scattering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array, Node
from closedform.readers import tensors as t
from closedform.readers.jax.elements import boxed, chosen, picked
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import NoFormula


def reshape(x: Tensor, new_sizes: Sequence[int], dimensions: Any = None) -> Tensor:
    """lax.reshape."""
    return (x if dimensions is None else x.transpose(dimensions)).reshape(new_sizes)


def broadcast_in_dim(
    x: Tensor, shape: Sequence[int], broadcast_dimensions: Sequence[int]
) -> Tensor:
    """lax.broadcast_in_dim: axis i becomes axis broadcast_dimensions[i]."""
    sizes = [1] * len(shape)
    for i, place in enumerate(broadcast_dimensions):
        sizes[place] = x.shape[i]
    return np.broadcast_to(x.reshape(sizes), shape)


def squeeze(x: Tensor, dimensions: Sequence[int]) -> Tensor:
    """lax.squeeze."""
    return t.boxed(np.squeeze(x, tuple(int(d) for d in dimensions)))


def grown(shape: Sequence[int], places: Sequence[int]) -> list[int]:
    """Return a shape with new axes of length 1 at some places."""
    rest = iter(shape)
    return [1 if i in places else next(rest) for i in range(len(shape) + len(places))]


def flipped(x: Tensor, dimensions: Sequence[int]) -> Tensor:
    """lax.rev."""
    return np.flip(x, tuple(dimensions))


def sliced(
    x: Tensor, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Any = None
) -> Tensor:
    """lax.slice."""
    steps = strides or [1] * x.ndim
    parts = zip(start_indices, limit_indices, steps, strict=True)
    return x[tuple(slice(a, b, step) for a, b, step in parts)]


def concatenate(*parts: Tensor, dimension: int) -> Tensor:
    """lax.concatenate."""
    return np.concatenate([boxed(p) for p in parts], axis=dimension)


def split(x: Tensor, sizes: Sequence[int], axis: int) -> list[Tensor]:
    """lax.split."""
    return list(np.split(x, np.cumsum(sizes)[:-1].tolist(), axis=axis))


def pad(x: Tensor, value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Tensor:
    """lax.pad: before, behind and between elements; a negative number cuts off."""
    fill = value.item() if isinstance(value, np.ndarray) else value
    inner = [(n - 1) * between + n if n else 0 for n, (_, _, between) in _sides(x, padding_config)]
    before = [max(lo, 0) for lo, _, _ in padding_config]
    full = [n + lo + max(hi, 0) for n, lo, (_, hi, _) in zip(inner, before, padding_config,
                                                             strict=True)]  # fmt: skip
    if not any(any(side) for side in padding_config):
        return x
    same = [i for i, side in enumerate(padding_config) if not any(side) and not x.strides[i]]
    narrow = x
    for i in same:
        narrow = t.distinct(narrow, i)
    sizes = [narrow.shape[i] if i in same else n for i, n in enumerate(full)]
    made = np.empty(sizes, dtype=object)
    made.fill(fill)
    places = tuple(
        slice(lo, lo + n, between + 1)
        for lo, n, (_, _, between) in zip(before, inner, padding_config, strict=True)
    )
    made[places] = boxed(narrow)
    cut = tuple(
        slice(max(-lo, 0), n - max(-hi, 0))
        for n, (lo, hi, _) in zip(made.shape, padding_config, strict=True)
    )
    shape = [x.shape[i] if i in same else n for i, n in enumerate(made[cut].shape)]
    return np.broadcast_to(made[cut], shape)


def _sides(x: Tensor, sides: Sequence[tuple[int, int, int]]) -> Any:
    return zip(x.shape, sides, strict=True)


def select_n(which: Tensor, *cases: Tensor) -> Tensor:
    """lax.select_n: case 0 where `which` is false or 0, case 1 where it is true or 1 …"""
    if len(cases) == 2:
        return t.elementwise(chosen, which, cases[1], cases[0])
    return t.elementwise(lambda i, *xs: picked(t.number(i), list(xs)), which, *cases)


# --- places that may depend on the inputs -------------------------------------------------------


def dynamic_slice(x: Tensor, *starts: Any, slice_sizes: Sequence[int]) -> Tensor:
    """lax.dynamic_slice: a start beyond the end is held back."""
    x = boxed(x)
    for axis, (start, size) in enumerate(zip(starts, slice_sizes, strict=True)):
        last = x.shape[axis] - size
        options = [np.take(x, range(i, i + size), axis=axis) for i in range(last + 1)]
        x = _option(start.item() if isinstance(start, np.ndarray) else start, options)
    return x


def dynamic_update_slice(x: Tensor, part: Tensor, *starts: Any) -> Tensor:
    """lax.dynamic_update_slice at places of which at most one depends on the inputs."""
    at = [s.item() if isinstance(s, np.ndarray) else s for s in starts]
    free = [i for i, start in enumerate(at) if isinstance(start, Node)]
    if len(free) > 1:
        raise NoFormula("writing to a place that depends on the inputs along several axes")
    lasts = [n - size for n, size in zip(x.shape, part.shape, strict=True)]
    known = [0 if i in free else min(max(int(s), 0), lasts[i]) for i, s in enumerate(at)]
    if not free:
        return _written(x, part, known)
    axis = free[0]
    options = [
        _written(x, part, [i if a == axis else k for a, k in enumerate(known)])
        for i in range(lasts[axis] + 1)
    ]
    return _option(at[axis], options)


def _written(x: Tensor, part: Tensor, at: Sequence[int]) -> Tensor:
    made = boxed(x).copy()
    made[tuple(slice(i, i + n) for i, n in zip(at, part.shape, strict=True))] = boxed(part)
    return made


def _option(at: Element, options: Sequence[Tensor]) -> Tensor:
    """Return one of several arrays by its number, the first or the last beyond them."""
    if not isinstance(at, Node):
        return options[min(max(int(at), 0), len(options) - 1)]
    return t.elementwise(lambda *xs: picked(at, list(xs)), *options)


BEYOND = -1
"""What stands for an element that is not there."""


def gather(
    x: Tensor, indices: Tensor, dimension_numbers: Any, slice_sizes: Sequence[int], mode: Any,
    fill_value: Any = None,
) -> Tensor:  # fmt: skip
    """lax.gather: slices of x at places that are known, or differ in one number that is not."""
    fill = _fill(mode, fill_value)
    options = partial_places(x.shape, dimension_numbers, slice_sizes, mode)
    if indices.dtype != object:
        return _taken(x, options(indices), fill)
    free = [
        i for i in range(indices.shape[-1])
        if any(isinstance(v, Node) for v in indices[..., i].ravel().tolist())
    ]  # fmt: skip
    if not free:
        return _taken(x, options(indices.astype(np.float64).astype(np.int64)), fill)
    if len(free) > 1:
        raise NoFormula("indexing by several values that depend on the inputs")
    axis = dimension_numbers.start_index_map[free[0]]
    count = x.shape[axis] - slice_sizes[axis] + 1
    known = np.where(np.arange(indices.shape[-1]) == free[0], 0, indices).astype(np.int64)
    found = []
    for i in range(count):
        known[..., free[0]] = i
        found.append(_taken(x, options(known), fill))
    at = _spread(indices[..., free[0]], dimension_numbers.offset_dims, found[0].shape)
    otherwise = fill if _fills(mode) else None
    return t.elementwise(lambda i, *xs: picked(i, list(xs), otherwise), at, *found)


def _spread(at: Tensor, offset: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Return the number of each slice for each of its elements."""
    sizes = iter(at.shape)
    return np.broadcast_to(
        at.reshape([1 if i in offset else next(sizes) for i in range(len(shape))]), shape
    )


def _fills(mode: Any) -> bool:
    return "FILL" in str(mode)


def _fill(mode: Any, value: Any) -> float:
    if not _fills(mode) or value is None:
        return float("nan")
    return float(np.asarray(value))


def _taken(x: Tensor, places: Array, fill: float) -> Tensor:
    whole = np.append(boxed(x).reshape(-1), [fill])
    return whole[np.where(places == BEYOND, len(whole) - 1, places)]


def partial_places(
    shape: Sequence[int], dimension_numbers: Any, slice_sizes: Sequence[int], mode: Any
) -> Callable[[Array], Array]:
    """Return the function of known indices that gives the place of each element in flat x.

    JAX itself gathers the places, by the rules that it has for elements.
    """
    import jax

    flat = np.arange(int(np.prod(shape, dtype=int)), dtype=np.int32).reshape(shape)

    def made(indices: Array) -> Array:
        found = jax.lax.gather(
            flat, np.asarray(indices, np.int32), dimension_numbers, tuple(slice_sizes), mode=mode,
            fill_value=BEYOND,
        )  # fmt: skip
        return np.asarray(found)

    return made


def scatter(join: Callable[[Element, Element], Element]) -> Callable[..., Tensor]:
    """Return lax.scatter and its kin at known places: old and new value of each are joined."""

    def made(x: Tensor, indices: Tensor, part: Tensor, dimension_numbers: Any, mode: Any) -> Tensor:
        if indices.dtype == object:
            raise NoFormula("writing to a place that depends on the inputs")
        places = _targets(x, indices, part, dimension_numbers, mode)
        flat = boxed(x).reshape(-1).copy()
        for at, new in zip(places.ravel().tolist(), boxed(part).ravel().tolist(), strict=True):
            if at != BEYOND:
                flat[at] = join(flat[at], new)
        return flat.reshape(x.shape)

    return made


def _targets(
    x: Tensor, indices: Array, part: Tensor, dimension_numbers: Any, mode: Any
) -> Array:  # fmt: skip
    """Return where each element is written to in flat x: gathering the other way round."""
    import jax

    order = dimension_numbers
    gone = {*order.inserted_window_dims, *getattr(order, "operand_batching_dims", ())}
    sizes = iter(part.shape[i] for i in order.update_window_dims)
    slices = [1 if i in gone else next(sizes) for i in range(x.ndim)]
    batching = {}
    if getattr(order, "operand_batching_dims", ()):
        batching = {
            "operand_batching_dims": order.operand_batching_dims,
            "start_indices_batching_dims": order.scatter_indices_batching_dims,
        }
    turned = jax.lax.GatherDimensionNumbers(
        offset_dims=order.update_window_dims, collapsed_slice_dims=order.inserted_window_dims,
        start_index_map=order.scatter_dims_to_operand_dims, **batching,
    )  # fmt: skip
    return partial_places(x.shape, turned, slices, mode)(indices)
