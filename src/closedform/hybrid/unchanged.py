"""A network is left as it was: modes, buffers and random states, also when something fails."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from closedform.errors import BadInput


@contextmanager
def asked(net: Any, loader: Any = None, *, seed: int = 0, grad: bool = False) -> Iterator[None]:
    """Ask a network in evaluation mode, then put back all that asking may change.

    That is: which modules train, buffers (running means, counters), the random states of PyTorch,
    NumPy and Python, and that of a loader's own generator. Within, they start from `seed`, so
    that a loader which shuffles gives the same batches each time. Without `grad` nothing is
    recorded for gradients; those that parameters hold, and their flags, are not touched.
    """
    import torch

    modes = {part: part.training for part in net.modules()}
    buffers = [(b, b.detach().clone()) for b in net.buffers()]
    states = _states(loader)
    try:
        # Not the seed itself: rows are drawn from seed 0 by many, and a network's own draws from it
        # would be these rows again.
        own = int(np.random.SeedSequence([seed, 43]).generate_state(1)[0])
        torch.manual_seed(own)
        random.seed(own)
        np.random.seed(own)  # noqa: NPY002 - what networks draw from
        _evaluating(net)
        with torch.set_grad_enabled(grad):
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode
        _put_back(buffers)
        for restore, state in states:
            restore(state)


def _evaluating(net: Any) -> None:
    try:
        net.eval()
    except NotImplementedError:
        raise BadInput(
            "This network is what torch.export made: one program, which calls no parts.",
            hint="Give the network as it was before torch.export.export.",
        ) from None


def _states(loader: Any) -> list[tuple[Any, Any]]:
    """Return every random state that may be drawn from, each with what puts it back."""
    import torch

    found: list[tuple[Any, Any]] = [
        (torch.set_rng_state, torch.get_rng_state()),
        (random.setstate, random.getstate()),
        (np.random.set_state, np.random.get_state()),  # noqa: NPY002
    ]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    for owner in (loader, getattr(loader, "sampler", None)):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, torch.Generator):
            found.append((generator.set_state, generator.get_state()))
    return found


def _put_back(buffers: list[tuple[Any, Any]]) -> None:
    import torch

    with torch.no_grad():
        for buffer, before in buffers:
            if buffer.shape == before.shape and not torch.equal(buffer, before):
                buffer.copy_(before)
