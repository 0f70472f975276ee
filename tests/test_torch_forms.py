"""PyTorch modules as people write them: their arguments, results, casts, derivatives, choices."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from torch_modules import Of, answers, check, network


def layers(*sizes: int) -> Any:
    """Return a small tanh network, the same each time."""
    torch.manual_seed(5)
    made = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*made[:-1])


# --- what orders and chooses --------------------------------------------------------------------

ORDERED: dict[str, Callable[..., Any]] = {
    "sort": lambda x: x.sort(1).values + x.sort(1, descending=True).values * 2,
    "argsort": lambda x: x.argsort(1) + x.argsort(1, descending=True) * 10.0,
    "topk": lambda x: torch.cat([x.topk(2, 1).values, x.topk(3, 1, largest=False).values], 1),
    "places of topk": lambda x: x.topk(2, 1).indices * 1.0,
    "kthvalue": lambda x: x.kthvalue(2, 1).values,
    "median": lambda x: x.median(1).values,
    "quantile": lambda x: torch.quantile(x, 0.3, dim=1),
    "place of the greatest": lambda x: x.max(1).indices + x.min(1).indices * 10.0,
    "bucketize": lambda x: torch.bucketize(x, torch.tensor([-0.5, 0.0, 0.7], dtype=x.dtype)) * 1.0,
    "bucketize right": lambda x: (
        torch.bucketize(x.floor(), torch.tensor([-1.0, 0.0], dtype=x.dtype), right=True) * 1.0
    ),
    "cummax": lambda x: x.cummax(1).values + x.cummin(1).values * 3,
    "cumprod": lambda x: x.cumprod(1),
    "logcumsumexp": lambda x: x.logcumsumexp(1),
    "gathered by a place": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
    "indexed by a place": lambda x: torch.eye(4, dtype=x.dtype)[x.argmax(1)] * 2,
    "indexed by two": lambda x: x[torch.arange(len(x)), x.argmin(1)],
    "written by a place": lambda x: x.scatter(1, x.argmax(1, keepdim=True), 0.0),
    "written where": lambda x: x.masked_fill(x < 0, 0.5) + Masked.forward(x),
    "one of several": lambda x: F.one_hot(x.argmax(1), 4) * 1.0,
    "index_add": lambda x: x.index_add(1, torch.tensor([0, 0, 1]), x[:, :3]),
    "scatter_reduce": lambda x: torch.zeros(len(x), 2, dtype=x.dtype).scatter_reduce(
        1, torch.tensor([[0, 1, 0, 1]]).expand(len(x), -1), x, "amax", include_self=False
    ),
    "kept columns": lambda x: x[:, torch.tensor([True, False, True, False])] * 2,
    "round to places": lambda x: torch.round(x, decimals=2) + torch.round(x * 100, decimals=-1),
    "var_mean": lambda x: torch.stack(torch.var_mean(x, dim=1), 1),
    "hypot": lambda x: torch.hypot(x, x.flip(1)),
    "copysign": lambda x: torch.copysign(x, x.flip(1)) + torch.signbit(x) * 2.0,
    "erfinv": lambda x: torch.erfinv(torch.tanh(x)) + torch.special.ndtri(torch.sigmoid(x)),
    "atan2": lambda x: torch.atan2(x, x.flip(1)),
    "softshrink": lambda x: F.softshrink(x, 0.3),
    "weight 0": lambda x: x * torch.arange(4, dtype=x.dtype),
    "to whole numbers": lambda x: x.long() * 1.0,
    "addmv": lambda x: torch.addmv(x[:, 0], x, torch.ones(4, dtype=x.dtype), beta=0.5, alpha=2),
}


class Masked:
    @staticmethod
    def forward(x: Any) -> Any:
        made = x.clone()
        made[made > 0.5] = 0.25
        return made


@pytest.mark.parametrize("name", ORDERED)
def test_what_orders_or_chooses_is_read_with_missing_values_and_signs_of_zero(name):
    torch.manual_seed(0)
    module = Of(ORDERED[name])
    formula = check(module, torch.randn(2, 4))
    rows = torch.randn(30, 4)
    assert (
        formula.verify(module, rows).ok or name == "places of topk"
    )  # which of equal ones, none says
    rows[::3, 1] = torch.nan
    found = np.column_stack([formula(rows.double().numpy(), o) for o in formula.outputs])
    expected = answers(module, formula, rows.double().numpy(), torch.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


class Experts(nn.Module):
    """A mixture of which the best k of four are asked."""

    def __init__(self, k: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.experts = nn.ModuleList([nn.Linear(3, 2) for _ in range(4)])
        self.gate, self.k = nn.Linear(3, 4), k

    def forward(self, x: Any) -> Any:
        best, which = self.gate(x).topk(self.k, -1)
        said = torch.stack([expert(x) for expert in self.experts], 1)
        chosen = said.gather(1, which[..., None].expand(-1, -1, 2))
        return (best.softmax(-1)[..., None] * chosen).sum(1)


@pytest.mark.parametrize("k", [1, 2])
def test_a_mixture_of_experts_is_read(k):
    formula = check(Experts(k), torch.randn(2, 3))
    assert formula.verify(Experts(k), torch.randn(50, 3)).ok
    assert len(str(formula)) < 5000


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_an_embedding_bag_is_read(mode):
    bag = nn.EmbeddingBag(4, 2, mode=mode)
    formula = check(bag, torch.tensor([[0, 1, 2], [3, 3, 1]]))
    assert formula.verify(bag, torch.randint(0, 4, (20, 3))).ok


def test_places_may_stand_in_a_column_of_floats():
    module = Of(lambda x, t: F.embedding(x[:, 0].long(), t) * x[:, 1:], t=torch.randn(4, 2))
    rows = torch.stack([torch.tensor([0.0, 1, 2, 3] * 5), torch.randn(20)], 1)
    formula = cf.read(module, example=rows)
    assert formula.verify(module, rows, made_up=False).ok
    assert np.isnan(formula([[4.0, 1.0]], "y0")).all()


# --- arguments and results ----------------------------------------------------------------------


class Asked(nn.Module):
    """Takes a dict, a list, a plain number and a mask, and gives what is None as well."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.layer = nn.Linear(4, 2)

    def forward(self, batch: Any, more: Any, scale: float = 1.0, mask: Any = None) -> Any:
        made = self.layer(torch.cat([batch["b"], batch["a"], *more], 1)) * scale
        return {
            "loss": None,
            "made": made if mask is None else made.masked_fill(~mask[:, None], 0.0),
        }


def test_arguments_may_be_dicts_lists_plain_values_and_truths():
    draw = torch.Generator().manual_seed(0)
    a, b, c = (torch.randn(20, k, generator=draw) for k in (1, 2, 1))
    mask = torch.randint(0, 2, (20,), generator=draw).bool()
    module = Asked()
    for given in (
        ({"b": b, "a": a}, [c]),
        ({"b": b, "a": a}, (c,), 2.0, None),
        ({"b": b, "a": a}, [c], 3.0, mask),
        {"batch": {"a": a, "b": b}, "more": [c], "scale": 0.5},
    ):
        formula = cf.read(module, example=given)
        with torch.no_grad():
            made = module(**given) if isinstance(given, dict) else module(*given)
        assert list(formula.outputs) == ["made[0]", "made[1]"]
        if not isinstance(given, dict):
            ours = formula(given)
            assert abs(np.asarray(ours) - made["made"].numpy()).max() < 1e-5
            assert formula.verify(module, given).ok


@dataclass
class Said:
    """What a module may give."""

    logits: Any
    hidden: Any = None


def test_a_dataclass_is_given_by_its_fields():
    class Giving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = layers(3, 4, 2)

        def forward(self, x: Any) -> Any:
            return Said(self.net(x))

    formula = cf.read(Giving(), example=torch.randn(2, 3))
    assert list(formula.outputs) == ["logits[0]", "logits[1]"]
    assert formula.verify(Giving(), torch.randn(20, 3)).ok


def test_a_mask_takes_truths_alone():
    module = Of(lambda x, m: x.masked_fill(m, 2.0) + m)
    formula = cf.read(module, example=(torch.randn(2, 2), torch.tensor([[True, False]] * 2)))
    rows = torch.randn(20, 2), torch.randint(0, 2, (20, 2)).bool()
    assert formula.verify(module, rows).ok
    assert np.isnan(formula([[1.0, 1.0, 0.5, 0.0]], "y0")).all()


# --- types and derivatives ----------------------------------------------------------------------


class Cast(nn.Module):
    """Computes in some type within."""

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.inner, self.outer, self.dtype = layers(3, 4, 2).to(dtype), nn.Linear(2, 1), dtype

    def forward(self, x: Any) -> Any:
        return self.outer(self.inner(x.to(self.dtype)).float().softmax(1)).sigmoid()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_module_may_cast_on_its_way(dtype):
    module = Cast(getattr(torch, dtype))
    formula = cf.read(module, example=torch.randn(2, 3))
    assert formula.precision["y"].dtype == dtype
    assert formula.verify(module, torch.randn(50, 3)).ok


class Energy(nn.Module):
    """Gives a potential, its slopes, and one second derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.net = layers(2, 5, 1)

    def forward(self, at: Any, q: Any) -> Any:
        at = at.detach().requires_grad_(True)
        energy = self.net(torch.cat([at, q], 1))
        slope = torch.autograd.grad(energy.sum(), at, create_graph=True)[0]
        bend = torch.autograd.grad(slope.sum(), at, create_graph=True)[0]
        return {"energy": energy, "force": -slope, "bend": bend}


def test_derivatives_that_a_module_takes_are_part_of_its_formula():
    module, draw = Energy(), np.random.default_rng(0)
    formula = cf.read(module, example=(torch.randn(2, 1), torch.randn(2, 1)))
    assert [f.name for f in formula.inputs] == ["at[0]", "q[0]"]
    rows = draw.normal(size=(20, 2))
    near = {o: formula(rows, o) for o in formula.outputs}
    slope = (formula(rows + [1e-6, 0], "energy") - formula(rows - [1e-6, 0], "energy")) / 2e-6
    np.testing.assert_allclose(near["force"], -slope, atol=1e-8)
    assert formula.verify(module, (torch.randn(30, 1), torch.randn(30, 1))).ok


def test_a_distribution_in_a_module_is_read_without_its_checks():
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = layers(2, 4, 2)

        def forward(self, x: Any) -> Any:
            mean, scale = self.net(x).unbind(1)
            normal = torch.distributions.Normal(mean, F.softplus(scale))
            return normal.mean, normal.log_prob(torch.ones((), dtype=x.dtype))

    checks = torch.distributions.Distribution._validate_args
    check(Head(), torch.randn(2, 2))
    assert torch.distributions.Distribution._validate_args == checks


def test_a_sine_far_outside_is_no_difference_and_another_network_is():
    sines = nn.Sequential(layers(2, 6), Of(lambda x: torch.sin(30 * x)), nn.Linear(6, 1))
    formula = cf.read(sines, example=torch.randn(2, 2))
    assert formula.verify(sines, torch.randn(30, 2)).ok
    with torch.no_grad():
        sines[2].weight[0, 0] += 1e-5
    assert not formula.verify(sines, torch.randn(30, 2)).ok


def test_a_missing_value_behind_a_weight_of_0_makes_its_own_output_missing_alone():
    module = nn.Linear(2, 2)
    with torch.no_grad():
        module.weight[0, 1] = 0.0
    both = Of(lambda x, w: torch.stack([x[:, 0], x[:, 1] * w[0], x[:, 1]], 1), w=torch.zeros(1))
    for one in (module, both):
        assert cf.read(one, example=torch.randn(2, 2)).verify(one, torch.randn(20, 2)).ok


# --- what is refused ----------------------------------------------------------------------------


def test_what_is_no_module_or_quantised_is_refused_in_words():
    for other in (torch.randn(3), torch.optim.SGD(network().parameters(), lr=0.1)):
        with pytest.raises(cf.UnsupportedModel, match="is no module"):
            cf.read(other)


@pytest.mark.filterwarnings("ignore")
def test_quantised_layers_are_refused_by_name():
    packed = torch.ao.quantization.quantize_dynamic(network(), {nn.Linear}, dtype=torch.qint8)
    with pytest.raises(cf.UnsupportedModel, match="0 is quantised: a Linear"):
        cf.read(packed, example=torch.randn(2, 3))


def test_files_of_weights_say_what_to_do(tmp_path):
    torch.save(network().state_dict(), tmp_path / "net.pt")
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "net.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + bytes(4)
    )
    for name in ("net.pt", "net.safetensors"):
        with pytest.raises(cf.BadFile, match="it is not read from its file") as caught:
            cf.read(tmp_path / name)
        assert caught.value.hint.startswith("Weights alone are no model")


def test_names_that_do_not_fit_are_told_as_such():
    with pytest.raises(cf.BadInput, match="1 names were given for 3 inputs"):
        cf.read(network(), names=["a"])
