"""PyTorch modules: layers, inputs, outputs, files, certificates, and what is refused."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from torch_modules import Of, answers, check, network


class Residual(nn.Module):
    """A gated residual block with a norm, whose second input chooses a row of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(4, 5)
        self.first, self.gate = nn.Linear(5, 5), nn.Linear(5, 5)
        self.norm = nn.LayerNorm(5)

    def forward(self, x: Any, kind: Any) -> Any:
        x = x + self.table(kind)
        h = F.silu(self.first(x)) * torch.sigmoid(self.gate(x)) + x
        return {"mean": h.mean(1), "parts": self.norm(h)[:, :2]}


class Recurrent(nn.Module):
    """Some recurrent layer over a sequence, and what it says at the end."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x)[0][:, -1]


class Attending(nn.Module):
    """Attention of a short sequence to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.attention(x, x, x)[0].mean(1)


def shared() -> Any:
    """A layer that is used twice, and one with weight norm."""
    layer = nn.Linear(4, 4)
    return nn.Sequential(
        layer, nn.Tanh(), layer, nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
    )


LAYERS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "conv1d": (lambda: nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=1, groups=2), (2, 7)),
    "conv1d same": (lambda: nn.Conv1d(1, 2, 4, padding="same", bias=False), (1, 6)),
    "conv1d circular": (lambda: nn.Conv1d(1, 2, 3, padding=1, padding_mode="circular"), (1, 6)),
    "conv2d": (lambda: nn.Conv2d(2, 2, (2, 3), stride=(1, 2), padding=(0, 1)), (2, 4, 5)),
    "conv2d dilated": (lambda: nn.Conv2d(1, 2, 2, dilation=2), (1, 5, 4)),
    "conv3d": (lambda: nn.Conv3d(1, 1, 2), (1, 3, 3, 3)),
    "transposed": (
        lambda: nn.ConvTranspose1d(2, 4, 3, 2, padding=1, output_padding=1, groups=2), (2, 4),
    ),
    "transposed dilated": (lambda: nn.ConvTranspose2d(1, 2, 2, dilation=2), (1, 3, 3)),
    "max pool": (lambda: nn.MaxPool1d(3, stride=2, padding=1), (2, 7)),
    "max pool up": (lambda: nn.MaxPool2d(2, stride=2, ceil_mode=True), (1, 5, 5)),
    "max pool dilated": (lambda: nn.MaxPool2d(2, stride=1, dilation=2), (1, 4, 5)),
    "max pool 3d": (lambda: nn.MaxPool3d(2), (1, 2, 4, 2)),
    "avg pool": (lambda: nn.AvgPool1d(3, stride=2, padding=1), (2, 7)),
    "avg pool up": (lambda: nn.AvgPool1d(3, stride=2, padding=1, ceil_mode=True), (1, 6)),
    "avg pool up 2d": (lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), (1, 6, 4)),
    "avg pool inside": (
        lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (1, 6, 4),
    ),
    "avg pool divided": (lambda: nn.AvgPool2d(2, divisor_override=3), (1, 4, 4)),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d((2, 3)), (1, 5, 4)),
    "adaptive 1d": (lambda: nn.AdaptiveAvgPool1d(3), (2, 7)),
    "adaptive max": (lambda: nn.AdaptiveMaxPool1d(1), (2, 7)),
    "lp pool": (lambda: nn.LPPool1d(2, 3), (1, 7)),
    "batch norm": (lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Flatten()), (3, 4)),
    "batch norm alone": (lambda: nn.BatchNorm2d(2, affine=False), (2, 2, 2)),
    "layer norm": (lambda: nn.LayerNorm((2, 3)), (2, 3)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (4, 3)),
    "instance norm": (lambda: nn.InstanceNorm1d(2, affine=True), (2, 5)),
    "rms norm": (lambda: nn.RMSNorm(4), (4,)),
    "local norm": (lambda: nn.LocalResponseNorm(2), (3, 4)),
    "linear": (lambda: nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2)), (4,)),
    "linear over time": (lambda: nn.Linear(4, 2), (3, 4)),
    "bilinear": (lambda: Of(nn.Bilinear(4, 4, 2).forward), None),
    "prelu": (lambda: nn.PReLU(3), (3,)),
    "dropout": (lambda: nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.AlphaDropout()), (3,)),
    "softmax head": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Softmax(dim=1)), (3,)),
    "sigmoid head": (lambda: nn.Sequential(nn.Linear(3, 1), nn.Sigmoid(), nn.Flatten(0)), (3,)),
    "shared": (shared, (4,)),
    "rnn": (lambda: Recurrent(nn.RNN(2, 3, num_layers=2, batch_first=True)), (4, 2)),
    "lstm": (lambda: Recurrent(nn.LSTM(2, 3, bidirectional=True, batch_first=True)), (3, 2)),
    "gru": (lambda: Recurrent(nn.GRU(2, 3, batch_first=True)), (4, 2)),
    "attention": (Attending, (3, 4)),
    "transformer": (lambda: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), (3, 4)),
    "transformer first": (
        lambda: nn.TransformerEncoderLayer(4, 2, 6, norm_first=True, activation="gelu",
                                           batch_first=True), (2, 4),
    ),
    "upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3)),
    "pixels": (lambda: nn.PixelUnshuffle(2), (1, 2, 4)),
    "spectral": (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)), (3,)),
}  # fmt: skip
LAYERS["bilinear"] = (lambda: Of(lambda x: x[:, 0] * x[:, 1]), (2, 4))


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_read(name):
    torch.manual_seed(1)
    made, shape = LAYERS[name]
    module = made().eval()
    for part in module.modules():  # statistics as training leaves them
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    check(module, torch.randn(2, *shape))


class LongShort(nn.Module):
    """One step of an LSTM, its state as two arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 2)

    def forward(self, x: Any, h: Any, c: Any) -> Any:
        return self.cell(x, (h, c))


CELLS = [(nn.RNNCell(3, 2), 1), (nn.GRUCell(3, 2), 1), (LongShort(), 2)]


@pytest.mark.parametrize(("cell", "states"), CELLS)
def test_one_step_of_a_recurrent_cell_is_read(cell, states):
    formula = check(cell, (torch.randn(2, 3), *[torch.randn(2, 2)] * states))
    assert len(formula.outputs) == 2 * states


def test_several_inputs_and_a_dict_of_results_keep_their_names():
    formula = check(Residual(), (torch.randn(3, 5), torch.tensor([0, 1, 3])))
    assert [f.name for f in formula.inputs] == [*(f"x[{i}]" for i in range(5)), "kind"]
    assert list(formula.outputs) == ["mean", "parts[0]", "parts[1]"]
    row = dict.fromkeys([f"x[{i}]" for i in range(5)], 0.5)
    assert np.isfinite(formula({**row, "kind": 2}, "mean"))
    for kind in (4, -1, 0.5, None):  # PyTorch raises
        assert np.isnan(formula({**row, "kind": kind}, "mean"))


def test_arguments_are_given_by_name():
    module = Residual()
    x, kind = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 2, 1])
    formula = cf.read(module, example={"kind": kind[:2], "x": x[:2]})
    found = formula({"x": x, "kind": kind})
    with torch.no_grad():
        expected = module(x, kind)
    assert abs(found[:, 0] - expected["mean"].numpy()).max() < 1e-5
    assert formula.verify(module, {"x": x, "kind": kind}).ok


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_weights_of_every_float_type_are_taken_as_they_are(dtype):
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(getattr(torch, dtype))
    formula = cf.read(module)
    rows = torch.randn(50, 3).to(getattr(torch, dtype)).double().numpy()
    exact = answers(module, formula, rows, torch.float64)
    assert abs(formula(rows) - exact[:, 0]).max() < 1e-14
    certificate = formula.verify(module, rows)
    assert certificate.ok
    assert len({check.method for check in certificate.checks}) == 1 + (dtype != "float64")


def test_a_certificate_states_the_difference_in_float64_and_as_the_module_is():
    module = network()
    certificate = cf.read(module).verify(module, torch.randn(100, 3))
    assert certificate.ok
    by = {(check.method, check.set): check for check in certificate.checks}
    assert by["module in float64", "given"].worst_relative < 1e-14
    assert 1e-9 < by["module, float32", "given"].worst_relative < 1e-5
    assert by["module, float32", "given"].precision
    assert "the model's own rounding" in certificate.verdict


def test_a_certificate_fails_where_the_module_is_another_one():
    module, other = network(), network()
    with torch.no_grad():
        other[0].weight[0, 0] += 1e-6
    certificate = cf.read(module).verify(other, torch.randn(100, 3))
    assert not certificate.ok
    assert all(not check.ok for check in certificate.checks if check.set == "given")


def test_rows_are_taken_as_the_module_takes_them():
    module = nn.Sequential(nn.Conv1d(2, 1, 2), nn.Flatten(), nn.Linear(3, 1))
    x = torch.randn(5, 2, 4)
    formula = cf.read(module, example=x)
    expected = formula(x.reshape(5, 8).numpy())
    assert len(formula.inputs) == 8
    assert formula.inputs[5].name == "input[1,1]"
    for rows in (x, x.numpy(), x.numpy().astype(float), (x,), {"input": x}):
        assert (formula(rows) == expected).all()
    assert formula.verify(module, x).ok
    assert formula.verify(module, x.numpy()).ok


def test_names_are_given_to_the_inputs():
    formula = cf.read(network(), names=["a", "b", "c"])
    assert [f.name for f in formula.inputs] == ["a", "b", "c"]
    with pytest.raises(cf.BadInput, match="2 names were given for 3 inputs"):
        cf.read(nn.Conv1d(1, 1, 2), names=["a", "b"], example=torch.randn(1, 1, 3))


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout(), nn.BatchNorm1d(3))
    module.train()
    module[2].eval()
    before = copy.deepcopy(module.state_dict())
    formula = cf.read(module)
    formula.verify(module, torch.randn(20, 3))
    assert module.training and module[1].training and not module[2].training
    assert all((before[k] == v).all() for k, v in module.state_dict().items())


def test_hooks_are_part_of_the_module():
    module = nn.Linear(3, 2)
    module.register_forward_hook(lambda _, given, made: made * 2 + given[0][:, :2])
    check(module)


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_compiled_module_is_read_as_what_it_compiles():
    module = network()
    formula = cf.read(torch.compile(module))
    assert formula.verify(module, torch.randn(20, 3)).ok


def test_an_exported_program_is_read():
    module = network()
    rows = torch.export.Dim("rows")
    for shapes in ((({0: rows},)), None):
        program = torch.export.export(module, (torch.randn(4, 3),), dynamic_shapes=shapes)
        formula = cf.read(program)
        x = torch.randn(30, 3).double().numpy()
        assert abs(formula(x) - answers(module, formula, x, torch.float64)[:, 0]).max() < 1e-14
        assert formula.verify(program, x).ok


# --- how it is written --------------------------------------------------------------------------


def test_a_network_is_written_as_layers_and_as_matrices():
    formula = cf.read(network())
    assert "h1_1 = tanh(" in formula.to("text")
    assert "h2_4 = max(" in formula.to("text")
    assert r"\tanh" in formula.to("latex", form="matrix")
    x = np.random.default_rng(0).normal(size=(20, 3))
    for target in ("python", "numpy"):
        assert cf.verify_program(formula, target, x).ok


def test_a_relu_network_is_one_piecewise_linear_expression():
    torch.manual_seed(0)
    formula = cf.read(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), names=["a", "b"])
    assert formula.to("text", digits=3).count("max(") == 3


# --- what is refused ----------------------------------------------------------------------------


class Branching(nn.Module):
    """Takes one of two ways by the sign of its input."""

    def forward(self, x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x


class Counting(nn.Module):
    """Keeps a count of how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Any) -> Any:
        self.count += 1
        return x + self.count


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "counted": (lambda: Of(lambda x: x.mode(1).values), "mode has no formula: it counts or orders"),
    "two at once": (lambda: Of(lambda x: torch.lgamma(x) + x.mode(1)[0][:, None]), "for 2 reasons"),
    "as many as there are": (lambda: Of(lambda x: x[x > 0]), "indexing by conditions"),
    "two ways": (
        lambda: Of(lambda x: torch.cond(x.sum() > 0, lambda v: v * 2, lambda v: v * 1, (x,))),
        "goes its way by a value",
    ),
    "bits": (lambda: Of(lambda x: x.long() & 1), "bits of whole numbers has no formula"),
    "state of a layer": (lambda: nn.LSTM(4, 2, batch_first=True), "'y1_0' has no rows"),
    "unknown": (lambda: Of(torch.lgamma), "operation lgamma has no formula here"),
    "random": (lambda: Of(lambda x: x + torch.rand_like(x)), "draws at random"),
    "dropout that stays": (lambda: Of(lambda x: F.dropout(x, 0.5)), "draws at random"),
    "mean of rows": (lambda: Of(lambda x: x - x.mean(0)), "depends on the other rows"),
    "batch statistics": (
        lambda: nn.BatchNorm1d(4, track_running_stats=False),
        "depends on the other rows",
    ),
    "branch": (Branching, "cannot trace this Branching"),
    "state": (Counting, "changes 'count' while it computes"),
    "no rows": (lambda: Of(lambda x: x.sum()), "has no rows"),
    "gathered": (lambda: Of(lambda x: x[:, x[0].long()]), "depends on the other rows"),
    "position of a pool": (
        lambda: Of(lambda x: F.max_pool1d(x, 2, return_indices=True)[1]),
        "The position of a maximum has no formula",
    ),
    "complex": (lambda: Of(lambda x: torch.fft.fft(x).real), "it works on complex numbers"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_refused_by_name(name):
    made, says = REFUSED[name]
    with pytest.raises(cf.UnsupportedModel) as caught:
        cf.read(
            made(),
            example=torch.randn(2, 3, 4) if name.startswith("state of") else torch.randn(2, 4),
        )
    assert says.lower() in str(caught.value).lower()
    assert caught.value.hint or caught.value.problems


def test_what_is_too_large_is_refused_before_it_is_computed():
    wide = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3))
    with pytest.raises(cf.UnsupportedModel, match="are the most that are read"):
        cf.read(wide, example=torch.zeros(1, 3, 64, 64))


def test_a_module_without_numbers_is_not_fitted():
    with pytest.raises(cf.NotFitted, match="lazy"):
        cf.read(nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1)), example=torch.randn(2, 4))
    with pytest.raises(cf.NotFitted, match="meta device"):
        cf.read(nn.Linear(3, 1, device="meta"))


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_torchscript_is_refused_with_a_hint():
    module = torch.jit.trace(nn.Linear(3, 1), torch.randn(2, 3))
    with pytest.raises(cf.UnsupportedModel, match="TorchScript") as caught:
        cf.read(module)
    assert "torch.export.save" in caught.value.hint


def test_an_example_is_asked_for_where_the_shape_is_unknown():
    with pytest.raises(cf.BadInput, match="does not say the shape of its inputs"):
        cf.read(nn.Conv1d(1, 1, 2))
    with pytest.raises(cf.BadInput, match="holds no row"):
        cf.read(nn.Conv1d(1, 1, 2), example=torch.zeros(0, 1, 3))


def test_missing_values_go_where_the_module_sends_them():
    rows = torch.randn(40, 3)
    module = Of(lambda x: (x.argmax(1), x.argmin(1), x.amax(1), F.relu(x[:, 0]), x[:, 0] != 1))
    formula = cf.read(module, example=rows)
    rows[::3, 1] = torch.nan
    assert formula.verify(module, rows).ok


def test_whole_numbers_are_refused_where_a_module_takes_others():
    with pytest.raises(cf.UnsupportedModel, match="does not take other rows"):
        cf.read(nn.Linear(3, 1), example=np.arange(6).reshape(2, 3))


def test_numbers_that_the_modules_own_type_cannot_hold_are_refused_by_it():
    module = nn.Linear(2, 1)
    certificate = cf.read(module).verify(
        module, np.array([[1.0, 2.0], [1e300, 0.0]]), made_up=False
    )
    assert certificate.domains[0].refused == 1
