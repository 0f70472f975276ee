"""The laws of a part of a network: seen, asked, searched, and measured on rows kept aside."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path as File
from typing import Any

import numpy as np

from closedform.errors import BadFile, BadInput
from closedform.formula import output_names
from closedform.frontiers import Frontier
from closedform.hybrid.batches import Call
from closedform.hybrid.capture import passed
from closedform.hybrid.directions import Directions, directions, turned
from closedform.hybrid.law import BlockLaw
from closedform.hybrid.laws import BlockLaws, Told, read_laws, told_of
from closedform.hybrid.layout import KINDS, Layout
from closedform.hybrid.sampling import Sample, sampled
from closedform.hybrid.searching import Ask, Columns, chosen, searched
from closedform.hybrid.swapping import put_back
from closedform.hybrid.unchanged import asked
from closedform.ir import Array
from closedform.progress import Wanted, watching
from closedform.shorten.options import seconds, seed_of, whole

CHECKED = 5
"""One row in so many is kept aside, for the errors that are shown."""
MOST_OUTPUTS = 64
"""Outputs: of more, nobody reads a law each, and a search for each takes its share of the time."""
SLOPES = 300
"""Rows at which it is asked how directions move with the inputs."""


def distill(
    net: Any, name: str, loader: Any, *, reduce: int | str | None = None, turn: bool = True,
    outputs: Sequence[int] | None = None, result: int | None = None,
    transforms: Mapping[str, str] | None = None, names: Sequence[str] | None = None,
    rows: str | None = None, batch_axis: int = 0, call: Call | None = None, sample: int = 4000,
    time_limit: float | None = 60, seed: int = 0, cache: Any = None,
    progress: Wanted = None, **options: Any,
) -> BlockLaws:  # fmt: skip
    """Return the laws of a part of a PyTorch network: what it makes of what goes in.

    The network runs over the batches once, in evaluation mode and without gradients, and every
    call of the part is recorded, also several calls in one pass. What a row is (every number alone,
    the last axis, the channels of an image, a whole entry) is found by asking the part itself,
    which then answers wherever the search wants to know, in float64. The network is left as it
    was: weights, buffers, modes, gradients, device, types, and all random states. If a formula
    stands in the place of the part, the part is looked at.

    Args:
        net: a `torch.nn.Module`.
        name: the part, as `named_modules` gives it.
        loader: a loader or list of batches; or one tensor or array of rows, a tuple of arguments,
            or a dict of them. Of a batch that is a tuple, so many entries are arguments as the
            network needs at least; of a dict, those that it has names for.
        reduce: fewer directions of the outputs to look for laws in: a number, or "pca" for as
            many as keep 99 % of their variance. What is lost by them is told apart from what the
            formulas lose.
        turn: whether these are turned until each depends on as few inputs as possible.
        outputs: the numbers of the outputs that laws are looked for; the others are given by their
            means. Default: all.
        result: which of several tensors that the part returns, by number; None for all. A formula
            returns None in the place of the others.
        transforms: columns to look for laws in, each with its expression over the inputs, as
            {"dx": "x0 - x2"}. Default: the inputs.
        names: of the inputs. Default: x0, x1, … or, where the part takes several tensors, the
            names of its arguments with numbers.
        rows: what a row is: "elements", "last", "channels" or "whole". Default: the first that
            holds.
        batch_axis: the axis of the batch, for whole entries.
        call: how the network is called with a batch, where that is not so:
            `call=lambda net, batch: net(batch["image"], scale=2)`.
        sample: so many rows are kept, a random part of all that pass by; a fifth of them for the
            errors alone.
        time_limit: seconds for the search; None for no limit.
        seed: of everything random.
        cache: a JSON file: laws that it holds are returned if neither the rows, nor the answers and
            weights of the part, nor the options have changed; otherwise it is written.
        progress: as of `cf.frontier`.
        options: of `cf.distill`.

    Raises:
        BadInput: there is no such part, it is never called, its tensors make no rows, the network
            cannot be called with a batch, or an option has no meaning.
    """
    seed, started = seed_of(seed), time.perf_counter()
    most, limit = whole("sample", sample, 50), seconds(time_limit)
    batch_axis = whole("batch_axis", batch_axis, 0)
    if rows is not None and rows not in KINDS:
        raise BadInput(f"rows={rows!r} has no meaning.", hint="Give one of: " + ", ".join(KINDS))
    with (
        watching(progress, f"laws of {name}", limit) as watch, put_back(net, name) as block,
        asked(net, loader, seed=seed),
    ):  # fmt: skip
        calls = passed(net, block, loader, call)
        seen = sampled(calls, block, result=result, axis=batch_axis, kind=rows, most=most,
                       seed=seed)  # fmt: skip
        told = json.dumps([name, reduce, turn, outputs, transforms, names, limit, seed, options],
                          default=repr)  # fmt: skip
        key = seen.key(block, told)
        known = None if cache is None else _cached(cache, key)
        if known is not None:
            return known
        columns = Columns.of(_names(seen, names), transforms)
        task = Task.of(seen, columns, outputs, reduce, turn, seed)
        spent = time.perf_counter() - started
        left = None if limit is None else max(0.0, limit - spent)
        front = searched(task.ask, columns, seen.rows[task.fit], task.values[task.fit],
                         time_limit=left, seed=seed, options=options, watch=watch)  # fmt: skip
        made = _laws(name, front, columns, task, key)
    if cache is not None:
        made.save(cache)
    return made


@dataclass(frozen=True, eq=False)
class Task:
    """What laws are looked for.

    Attributes:
        seen: what the block was seen to do.
        given: which of its outputs.
        directions: those that the outputs are turned into.
        values: what laws are fitted to, shape (rows, outputs or directions).
        ask: whom to ask about other rows.
        fit, check: the rows to fit on, and those for the errors.
        outputs: the names of what laws are looked for.
    """

    seen: Sample
    given: Array
    directions: Directions | None
    values: Array
    ask: Ask | None
    fit: Array
    check: Array
    outputs: tuple[str, ...]

    @classmethod
    def of(
        cls, seen: Sample, columns: Columns, outputs: Sequence[int] | None, reduce: Any, turn: bool,
        seed: int,
    ) -> Task:  # fmt: skip
        """Ask the block about the rows that were seen, and choose directions."""
        given = _given(outputs, seen.said.shape[1])
        order = np.random.default_rng([seed, 32]).permutation(len(seen.rows))
        check, fit = np.split(order, [len(order) // CHECKED])
        said = seen.said if seen.oracle is None else seen.oracle(seen.rows)
        said = said[:, given]
        taken = {*columns.names, *(f.name for f in columns.features)}
        if reduce is None:
            if len(given) > MOST_OUTPUTS:
                raise BadInput(
                    f"The block has {len(given)} outputs of a row, and each would need a law.",
                    hint='Give reduce="pca" or a number of directions, or some outputs=.'
                    + _PATCHES * _is_image(seen.found.layout),
                )
            ask = None if seen.oracle is None else partial(_some, seen.oracle, given)
            ends = [str(i) for i in given] if seen.said.shape[1] > 1 else [""]
            return cls(seen, given, None, said, ask, fit, check, output_names(taken, ends))
        found = directions(said[fit], reduce)
        if turn and seen.oracle is not None and found.count > 1:
            some = seen.rows[fit[:SLOPES]]
            along = partial(_along, seen.oracle, given, found)
            found = turned(found, slopes(along, some, seen.rows[fit]), seen.rows.shape[1])
        ask = None if seen.oracle is None else partial(_along, seen.oracle, given, found)
        names = output_names(taken, [str(i) for i in range(found.count)], "z")
        return cls(seen, given, found, found.along(said), ask, fit, check, names)

    @property
    def rest(self) -> Array | None:
        """The means of the outputs without a law; NaN for the others; None where all have one."""
        every = self.seen.said[self.fit].mean(axis=0)
        every[self.given] = np.nan
        return None if np.isnan(every).all() else every


_PATCHES = (
    " A row is all of an image here, since what comes out depends on neighbours: patches of images "
    "are no rows."
)


def _is_image(layout: Layout) -> bool:
    return layout.kind == "whole" and any(len(s.shape) > 2 for s in layout.inputs)


def _some(oracle: Ask, given: Array, rows: Array) -> Array:
    return oracle(rows)[:, given]


def _along(oracle: Ask, given: Array, found: Directions, rows: Array) -> Array:
    return found.along(oracle(rows)[:, given])


def slopes(ask: Ask, rows: Array, among: Array) -> Array:
    """Return how answers move with each input, as shares of its deviation.

    By long steps, 0.1 of the deviation: a network's slopes are rougher than its values.

    Returns:
        Shape (rows × inputs, outputs).
    """
    deviation = among.std(axis=0)
    made = []
    for i in np.flatnonzero(deviation > 0):
        away = np.zeros(rows.shape[1])
        away[i] = 0.1 * deviation[i]
        made.append((ask(rows + away) - ask(rows - away)) / 0.2)
    still = len(deviation) - len(made)
    nothing = [np.zeros_like(made[0])] * still if made else [np.zeros((len(rows), 1))]
    table = np.stack([*made, *nothing], axis=1)
    return np.asarray(table.reshape(-1, table.shape[2]))


def _given(outputs: Any, count: int) -> Array:
    if outputs is None:
        return np.arange(count)
    try:
        given = np.unique(np.asarray(outputs).ravel())
    except (TypeError, ValueError):  # lists of other lengths within, or what has no order
        given = np.empty(0)
    if given.dtype.kind not in "iu" or not len(given) or given[0] < 0 or given[-1] >= count:
        raise BadInput(
            f"outputs={outputs!r} has no meaning.",
            hint=f"The block has {count} outputs: give some of 0 to {count - 1}.",
        )
    return given


def _names(seen: Sample, names: Sequence[str] | None) -> list[str]:
    """Return the names of the inputs of a row.

    Raises:
        BadInput: there are more or fewer inputs than names, or two of one name.
    """
    slots = seen.found.layout.inputs
    count = seen.found.layout.width
    if names is not None:
        given = [str(n) for n in names]
        if len(given) != count or len(set(given)) < count:
            raise BadInput(
                f"There are {len(set(given))} names for {count} inputs.",
                hint="Give one for each, all different.",
            )
        return given
    if len(slots) == 1:
        return [f"x{i}" for i in range(count)] if count > 1 else ["x"]
    made = []
    for slot in slots:
        word = "_".join(map(str, slot.path))
        made += [f"{word}{i}" for i in range(slot.size)] if slot.size > 1 else [word]
    return made if len(set(made)) == count else [f"x{i}" for i in range(count)]


def _laws(name: str, front: Frontier, columns: Columns, task: Task, key: str) -> BlockLaws:
    seen = task.seen
    rows, said = seen.rows[task.check], seen.said[task.check]
    made, told = [], []
    for entry in front.entries:
        formula = replace(columns.formula(entry.formula, task.outputs), source=f"the part {name}")
        law = BlockLaw(formula, seen.found.layout, seen.returned, task.directions, task.rest)
        told.append(told_of(law, rows, said, task, entry.method))
        made.append(law)
    best, reason = chosen(front, len(task.outputs))
    return BlockLaws(
        name, tuple(made), tuple(told), best, reason,
        seen.notes + front.notes, key, _lost(task), seen.seen, len(rows), seed=front.seed,
        oracle=seen.oracle, sample=seen,
    )  # fmt: skip


def _lost(task: Task) -> float:
    """Return the share of the outputs' variance that the directions lose, on the rows aside."""
    if task.directions is None:
        return 0.0
    said = task.seen.said[task.check][:, task.given]
    back = task.directions.outputs(task.directions.along(said))
    spread = float(((said - said.mean(axis=0)) ** 2).sum()) or 1.0
    return float(((said - back) ** 2).sum()) / spread


def _cached(cache: Any, key: str) -> BlockLaws | None:
    if not isinstance(cache, str | os.PathLike):
        raise BadInput(f"cache={cache!r} is no path.", hint='As "laws.json".')
    if not File(cache).exists():
        return None
    try:
        found = read_laws(cache)
    except BadFile:
        return None
    return found if found.key == key else None


__all__ = ["Told", "distill"]
