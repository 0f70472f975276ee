"""Parts of networks of other kinds: compiled, in halves, convolving; and Ctrl-C meanwhile."""

import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.hybrid.capture import Passed
from closedform.hybrid.oracle import found_in


class Product(nn.Module):
    """A part whose law is known."""

    def forward(self, x):
        return torch.stack([x[..., 0] * x[..., 1], x[..., 0] ** 2], -1)


class Counting(nn.Module):
    """A part that counts the rows it is asked about, also by its copies."""

    asked = 0
    interrupts_at = float("inf")

    def forward(self, x):
        Counting.asked += len(x)
        if Counting.asked > Counting.interrupts_at:
            Counting.interrupts_at = float("inf")
            raise KeyboardInterrupt
        return torch.sin(x[:, :1] * x[:, 1:2] + torch.cos(3 * x[:, 1:2])) * x[:, 2:3].exp()


def net_of(part):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), part, nn.Linear(2, 1))


def compiled(net, how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it is to be given up
        return how(net)


@pytest.mark.parametrize("how", [torch.jit.script, lambda m: torch.jit.trace(m, torch.ones(2, 3))])
def test_what_torch_has_compiled_is_refused_once_and_clearly(how):
    rows = torch.randn(100, 3)
    whole = compiled(nn.Sequential(nn.Linear(3, 3), nn.Tanh()), how)
    part = nn.Sequential(nn.Linear(3, 3), compiled(nn.Sequential(nn.Linear(3, 2)), how))
    law = Formula({"y": ops.tanh(ops.input_(0))}, (Feature("x"),))
    for net, said in ((whole, "This network is one of torch.jit"), (part, "'1' is one of torch")):
        with pytest.raises(BadInput, match=said):
            cf.hybrid.distill(net, "1", rows)
        with pytest.raises(BadInput, match=said):
            cf.hybrid.swap(net, "1", law)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_of_any_type_have_laws_that_keep_it(dtype):
    net, rows = net_of(Product()).to(dtype), torch.randn(200, 3, dtype=dtype)
    laws = cf.hybrid.distill(net, "1", rows, time_limit=5, engines=[])
    assert sorted(str(n) for n in laws.best.formula.outputs) == ["y0", "y1"]
    assert laws.best.formula.length == 6  # x0·x1 and x0²
    with torch.no_grad():
        wanted = net(rows)
        cf.hybrid.swap(net, "1", laws.best)
        said = net(rows)
    # The part rounds its products, the formula in single precision does not: some steps apart.
    near = 8 * torch.finfo(dtype).eps * float(wanted.abs().max())
    assert said.dtype is dtype and float((said - wanted).abs().max()) <= near
    cf.hybrid.restore(net, "1")
    assert {p.dtype for p in net.parameters()} == {dtype}


def test_a_convolution_over_neighbours_is_one_of_whole_entries():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Flatten(), nn.Linear(4, 1))
    images = torch.randn(150, 1, 3, 3)
    laws = cf.hybrid.distill(net, "0", images, time_limit=3, engines=[])
    assert laws.best.layout.kind == "whole"
    wanted = net(images)
    cf.hybrid.swap(net, "0", laws[-1])
    torch.testing.assert_close(net(images), wanted, atol=1e-3, rtol=0)


def test_an_array_in_double_precision_is_taken_by_a_network_in_single():
    rows = np.random.default_rng(0).normal(size=(1500, 3))
    laws = cf.hybrid.distill(net_of(Product()), "1", rows, time_limit=5, engines=[])
    assert laws.best.formula.length == 6 and laws.seen == 1500


def test_a_formula_of_more_numbers_than_there_are_is_told():
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    cf.hybrid.swap(net, "1", Formula({"y": ops.tanh(ops.input_(2))}, tuple(map(Feature, "abc"))))
    with pytest.raises(BadInput, match=r"reads number 2 of a row.* have 2 numbers"):
        net(torch.randn(5, 3))


def test_complex_numbers_are_told():
    class Split(nn.Module):
        def forward(self, x):
            return x.real**2 + x.imag

    class Holds(nn.Module):
        def __init__(self):
            super().__init__()
            self.split = Split()

        def forward(self, x):
            return self.split(torch.complex(x, x))

    with pytest.raises(BadInput, match="of complex numbers"):
        cf.hybrid.distill(Holds(), "split", torch.randn(100, 3))


def test_a_part_is_asked_about_no_more_rows_than_are_wanted():
    """Filled up to 4,096 rows each time, a convolution of 192 inputs took 90 seconds, not 6."""
    block, rows = Counting(), torch.rand(50, 3)
    oracle = found_in(block, Passed({"x": rows}, block(rows)), [()], 0, None).oracle
    oracle(np.full((5, 3), 0.5))
    Counting.asked = 0
    assert oracle(np.full((7, 3), 0.5)).shape == (7, 1) and Counting.asked == 7


def test_ctrl_c_while_a_part_is_asked_returns_what_there_is():
    Counting.asked, Counting.interrupts_at = 0, 20_000
    started = time.perf_counter()
    net = nn.Sequential(nn.Identity(), Counting())
    laws = cf.hybrid.distill(net, "1", torch.rand(200, 3), engines=[])
    # Left alone it looks for a minute; other searches do not begin when one was interrupted.
    assert time.perf_counter() - started < 30
    assert any("interrupted" in note for note in laws.notes) and len(laws) > 0
