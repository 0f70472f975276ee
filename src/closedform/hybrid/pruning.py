"""Outputs of a block switched off one after another while a network trains, by a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from closedform.errors import BadInput
from closedform.hybrid.batches import Call
from closedform.hybrid.capture import part_of, passed
from closedform.hybrid.unchanged import asked
from closedform.shorten.options import whole

SCHEDULES: dict[str, Callable[[float], float]] = {
    "linear": lambda share: share,
    "cosine": lambda share: (1 - math.cos(math.pi * share)) / 2,
    "exp": lambda share: (1 - math.exp(-3 * share)) / (1 - math.exp(-3)),
}
"""Of the way from all outputs to those that stay, how much is gone after a share of the steps."""


class Pruning:
    """Outputs of a block that are switched off while a network trains.

    An output that varies little over the rows carries little: those with the least deviation are
    multiplied by 0, more of them step by step, and what is left of the network learns to do
    without. An output that is off is still computed, so that its deviation is known, and may come
    back while the schedule runs.

        pruning = cf.hybrid.Pruning(net, "messages", keep=2, steps=1000)
        for step, batch in enumerate(loader):
            pruning.step(batch)          # at every step, or at some
            ...                          # as always: loss, backward, optimiser
        pruning.active                   # the numbers of the outputs that stay
        laws = cf.hybrid.distill(net, "messages", loader, outputs=pruning.active)

    The mask is the buffer `closedform_mask` of the block: it is saved with the network, loaded into
    one that is pruned in the same place, and moves with it.

    Attributes:
        keep: how many outputs stay.
        steps: after how many steps.
        active: the numbers of the outputs that are on.
    """

    def __init__(
        self, net: Any, name: str, *, keep: int, steps: int, schedule: str = "cosine",
        call: Call | None = None,
    ) -> None:  # fmt: skip
        """Put a mask behind a block.

        Args:
            net: a `torch.nn.Module`.
            name: the block; it returns one tensor, whose last axis holds its outputs.
            keep: how many outputs stay in the end.
            steps: the number of steps after which no more than these are on.
            schedule: "cosine", "linear" or "exp".
            call: how the network is called with a batch; see `distill`.

        Raises:
            BadInput: there is no such block, it is being pruned already, or an option has no
                meaning.
        """
        if schedule not in SCHEDULES:
            raise BadInput(
                f"There is no schedule {schedule!r}.", hint="Use " + ", ".join(SCHEDULES) + "."
            )
        self.keep, self.steps = whole("keep", keep, 1), whole("steps", steps, 1)
        self.schedule, self.now = schedule, 0
        self._net, self._call, self._block = net, call, part_of(net, name)
        if hasattr(self._block, _MASK):
            raise BadInput(
                f"{name!r} is being pruned already.", hint="Call pruning.remove() first."
            )
        self._block.register_buffer(_MASK, None)
        self._hooks = [
            self._block.register_forward_hook(_masked),
            self._block.register_load_state_dict_pre_hook(_expecting),
        ]

    def step(self, batch: Any, number: int | None = None) -> list[int]:
        """Switch off as many outputs as the schedule wants by now; return those that are on.

        The network runs over the batch in evaluation mode; its modes and random states stay.

        Args:
            batch: rows by which the deviation of each output is known.
            number: of the step; default: one more than the last time.

        Raises:
            BadInput: the block does not return one tensor, the network never calls it, the batch
                does not tell how its outputs vary, or the mask was removed.
        """
        if not self._hooks:
            raise BadInput("This pruning was removed.", hint="Make another one to prune again.")
        self.now = self.now + 1 if number is None else whole("number", number, 0)
        deviation = self._deviation(batch)
        count = min(len(deviation), max(self.keep, self.wanted(len(deviation))))
        order = deviation.argsort(descending=True, stable=True)[:count]
        mask = deviation.new_zeros(len(deviation))
        mask[order] = 1
        self._block.closedform_mask = mask
        return self.active

    def wanted(self, outputs: int) -> int:
        """Return how many of so many outputs are on by now."""
        share = SCHEDULES[self.schedule](min(1.0, self.now / self.steps))
        return outputs - math.floor((outputs - min(self.keep, outputs)) * share + 1e-9)

    @property
    def active(self) -> list[int]:
        """The numbers of the outputs that are on; none before the first step."""
        mask = getattr(self._block, _MASK, None)
        return [] if mask is None else mask.nonzero().flatten().tolist()

    def __repr__(self) -> str:
        """Return how far it is."""
        return f"Pruning(step {self.now} of {self.steps}, keep={self.keep}, active={self.active})"

    def remove(self) -> None:
        """Take the mask away again: all outputs are on."""
        for hook in self._hooks:
            hook.remove()
        if self._hooks:
            del self._block.closedform_mask
        self._hooks = []

    def _deviation(self, batch: Any) -> Any:
        import torch

        before, self._block.closedform_mask = self._block.closedform_mask, None
        try:
            with asked(self._net):
                said = list(self._said(batch))
        finally:
            self._block.closedform_mask = before
        rows = torch.cat(said).float()
        if len(rows) < 2 or not rows.isfinite().all():
            what = "1 row" if len(rows) < 2 else "outputs that are not finite"
            raise BadInput(
                f"A batch with {what} does not tell which outputs vary.",
                hint="Give some rows that the network answers with numbers.",
            )
        return rows.std(dim=0, unbiased=False)

    def _said(self, batch: Any) -> Iterator[Any]:
        import torch

        for one in passed(self._net, self._block, [batch], self._call):
            if not isinstance(one.said, torch.Tensor) or one.said.ndim == 0:
                raise BadInput(
                    f"The block returns {type(one.said).__name__}, whose outputs have no numbers.",
                    hint="Prune a block that returns one tensor.",
                )
            yield one.said.reshape(-1, one.said.shape[-1])


_MASK = "closedform_mask"


def _masked(block: Any, _: Any, said: Any) -> Any:
    mask = block.closedform_mask
    return said if mask is None else said * mask.to(said)


def _expecting(block: Any, state: Any, prefix: str, *_: Any) -> None:
    """Make room for the mask that is being loaded."""
    saved = state.get(prefix + _MASK)
    if saved is not None and block.closedform_mask is None:
        block.closedform_mask = saved.clone()
