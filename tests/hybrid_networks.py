"""Networks with parts whose laws are known, and formulas to put in their places."""

import torch
from torch import nn

from closedform import Feature, Formula, Task, ops
from closedform.hybrid.law import BlockLaw
from closedform.hybrid.layout import Layout, Slot


class Known(nn.Module):
    """w·x0·x1 and x0 + 0.5·x2: a part whose law a person can read."""

    def __init__(self, weight=2.5):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x):
        a, b, c = x.unbind(-1)
        return torch.stack([self.weight * a * b, a + 0.5 * c], -1)


class Twice(nn.Module):
    """x0·x1 and half of x0, so that it can be called on what it returned."""

    def forward(self, x):
        return torch.stack([x[..., 0] * x[..., 1], 0.5 * x[..., 0]], -1)


class Repeated(nn.Module):
    """One part, called three times in one pass."""

    def __init__(self):
        super().__init__()
        self.part = Twice()

    def forward(self, x):
        return self.part(self.part(self.part(x)))


class Messages(nn.Module):
    """A graph network of two arguments, whose part takes two tensors, one of them by name."""

    def __init__(self):
        super().__init__()
        self.message = Force()

    def forward(self, x, edges):
        return self.message(x[edges[0]], other=x[edges[1]]).sum(0)


class Force(nn.Module):
    """(x0 − other0)·other1."""

    def forward(self, x, *, other):
        return (x[:, :1] - other[:, :1]) * other[:, 1:]


class Recurrent(nn.Module):
    """A GRU: a tuple comes out."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 1, batch_first=True)

    def forward(self, x):
        said, last = self.gru(x)
        return said.sum(1) + last[0]


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 3), Known(), nn.Linear(2, 1))


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def formula(*roots, inputs=3):
    outputs = {f"y{i}": root for i, root in enumerate(roots)}
    features = tuple(Feature(f"x{i}") for i in range(inputs))
    return Formula(outputs, features, Task(primary=tuple(outputs)))


def known_formula(weight=2.5, half=0.5):
    a, b, c = (ops.input_(i) for i in range(3))
    return formula(ops.lin(0, (weight, ops.mul(a, b))), ops.lin(0, (1, a), (half, c)))


def known_law(**constants):
    layout = Layout("last", (Slot(("x",), 3),), (Slot((), 2),))
    return BlockLaw(known_formula(**constants), layout)
