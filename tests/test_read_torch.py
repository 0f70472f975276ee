"""PyTorch modules: every operation and layer, against the module itself in both precisions."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import closedform as cf

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class Of(nn.Module):
    """A module that computes one function, with some trained numbers of its own."""

    def __init__(self, function: Callable[..., Any], **buffers: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, *args: Any) -> Any:
        return self.function(*args, *self.buffers())


def rows_for(formula: cf.Formula, count: int = 50) -> np.ndarray:
    """Return rows that float32 holds, whole numbers from 0 to 3 where the module takes such."""
    draw = np.random.default_rng(7)
    rows = draw.normal(size=(count, len(formula.inputs))).astype(np.float32).astype(float)
    at = 0
    for _, shape, whole in formula.trail[0].options["inputs"]:
        size = int(np.prod(shape, dtype=int))
        if whole:
            rows[:, at : at + size] = draw.integers(0, 4, size=(count, size))
        at += size
    return rows


def answers(module: Any, formula: cf.Formula, rows: np.ndarray, dtype: Any) -> np.ndarray:
    """Return what the module itself says, shape (rows, outputs)."""
    tensors, at = [], 0
    for _, shape, whole in formula.trail[0].options["inputs"]:
        size = int(np.prod(shape, dtype=int))
        part = torch.tensor(rows[:, at : at + size].reshape(len(rows), *shape))
        tensors.append(part.long() if whole else part.to(dtype))
        at += size
    with torch.no_grad():
        made = copy.deepcopy(module).eval().to(dtype)(*tensors)
    parts = torch.utils._pytree.tree_leaves(made)
    return np.hstack([p.double().numpy().reshape(len(rows), -1) for p in parts])


def check(module: Any, example: Any = None, rtol: float = 1e-12) -> cf.Formula:
    """Compare a module and its formula; in float32, some 1,000 steps round by 2^-23 each."""
    formula = cf.read(module, example=example)
    rows = rows_for(formula)
    ours = np.column_stack([formula(rows, name) for name in formula.outputs])
    for dtype, near in ((torch.float64, rtol), (torch.float32, 1e-4)):
        expected = answers(module, formula, rows, dtype)
        assert ours.shape == expected.shape
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
        with np.errstate(invalid="ignore"):
            away = np.where(ours == expected, 0.0, np.abs(ours - expected))
        away[np.isnan(ours) & np.isnan(expected)] = 0.0
        assert away.max() <= near * scale, dtype
    return formula


ONE: dict[str, Callable[..., Any]] = {
    "add": lambda x: torch.add(x, x * x, alpha=2) + 1,
    "sub": lambda x: torch.sub(x, x * x, alpha=0.5) - 1,
    "rsub": lambda x: 1 - x,
    "mul": lambda x: x * x * 3,
    "div": lambda x: x / 3 + 1 / (x * x + 1),
    "div floor": lambda x: torch.div(x, 0.3, rounding_mode="floor"),
    "div trunc": lambda x: torch.div(x, 0.3, rounding_mode="trunc"),
    "remainder": lambda x: x % 0.7,
    "fmod": lambda x: torch.fmod(x, 0.7),
    "neg": lambda x: -x,
    "pow": lambda x: x**3 + x.abs() ** 0.5 + 2.0**x + x.abs() ** x,
    "square": torch.square,
    "reciprocal": lambda x: (x * x + 1).reciprocal(),
    "rsqrt": lambda x: (x * x + 1).rsqrt(),
    **{
        name: getattr(torch, name)
        for name in (
            "exp", "expm1", "abs", "tanh", "sigmoid", "erf", "erfc", "sin", "cos", "sinc", "floor",
            "sign", "exp2", "sinh", "cosh", "ceil", "round", "trunc", "frac", "asinh", "relu",
            "square", "deg2rad", "sgn",
        )
    },
    **{
        name: lambda x, name=name: getattr(torch, name)(x * x + 0.1)
        for name in ("log", "log1p", "log2", "log10", "sqrt")
    },
    "tan": lambda x: torch.tan(x / 4),
    "acosh": lambda x: torch.acosh(1 + x * x),
    "atanh": lambda x: torch.atanh(torch.tanh(x) * 0.9),
    "log of what has none": torch.log,
    **{
        name: getattr(F, name)
        for name in (
            "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "hardswish", "hardtanh",
            "hardsigmoid", "softplus", "softsign", "tanhshrink", "logsigmoid", "relu6",
            "softshrink", "hardshrink", "rrelu",
        )
    },
    "softplus beta": lambda x: F.softplus(x, beta=3, threshold=1),
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "elu alpha": lambda x: F.elu(x, alpha=0.3),
    "threshold": lambda x: F.threshold(x, 0.2, -1.0),
    "glu": F.glu,
    "clamp": lambda x: x.clamp(-0.5, 0.6) + x.clamp(min=0.1) + x.clamp(max=0.3),
    "minimum": lambda x: torch.minimum(x, x * x) + torch.fmin(x, 1 - x),
    "maximum": lambda x: torch.maximum(x, -x) + torch.fmax(x, 1 - x),
    "where": lambda x: torch.where(x > 0.5, x, 2.0) + torch.where(x.abs() >= 1, 0.0, x),
    "compared": lambda x: (x < 0.1) * 1.0 + (x <= 0.1) * 2 + (x == 0) * 4 + (x != 0) * 8,
    "logical": lambda x: (
        ((x > 0) & (x < 1)) + 2.0 * ((x > 1) | (x < -1))
        + 4.0 * ~(x > 0) + 8.0 * ((x > 0) ^ (x < 1))
    ),
    "logical_not": lambda x: torch.logical_not(x.floor()) + torch.logical_xor(x, x.floor()) * 2.0,
    "isnan": lambda x: torch.isnan(torch.log(x)) * 1.0 + torch.isinf(1 / x.floor()) * 2.0,
    "lerp": lambda x: torch.lerp(x, x * x, 0.3),
    "addcmul": lambda x: torch.addcmul(x, x, x * x, value=0.3),
    "heaviside": lambda x: torch.heaviside(x, torch.ones_like(x)),
    "to whole numbers": lambda x: x.to(torch.int64) * 2.0,
    "to truths": lambda x: x.floor().bool() * 1.0,
    "copysign": lambda x: torch.nan_to_num(torch.log(x), nan=-1.0),
}  # fmt: skip
"""Functions of a tensor of shape (rows, 4)."""


def put(x: Any) -> Any:
    made = x.clone()
    made[:, [0, 2], [1, 1]] = x[:, 0, :2]
    return made


def written(x: Any) -> Any:
    made = x.clone()
    made[:, 0] = x[:, 1]
    made[:, :, 1] += 1
    return made


MANY: dict[str, Callable[..., Any]] = {
    "view": lambda x: x.view(x.shape[0], -1, 2).reshape(x.shape[0], 12),
    "permute": lambda x: x.permute(0, 2, 1) * 2,
    "transpose": lambda x: x.transpose(1, 2).contiguous().flatten(1),
    "squeeze": lambda x: x[:, :1].squeeze(1) + x.unsqueeze(1).squeeze()[:, 0],
    "expand": lambda x: x[:, :1].expand(-1, 3, -1) * x,
    "slice": lambda x: x[:, 1:, ::2],
    "select": lambda x: x[:, -1] + x[:, 0],
    "split": lambda x: x.split(2, dim=2)[1] + x.chunk(2, 2)[0],
    "split_with_sizes": lambda x: torch.split(x, [1, 3], 2)[1],
    "unbind": lambda x: x.unbind(1)[2],
    "cat": lambda x: torch.cat([x, x[:, :1], torch.zeros(x.shape[0], 1, 4, dtype=x.dtype)], 1),
    "stack": lambda x: torch.stack([x[:, 0], x[:, 1]], 1),
    "index": lambda x: x[:, [2, 0]] + x[:, [0, 1], 1:2],
    "index_select": lambda x: torch.index_select(x, 2, torch.tensor([3, 3, 0])),
    "gather": lambda x: torch.gather(x, 2, torch.zeros(x.shape, dtype=torch.int64)),
    "take_along_dim": lambda x: torch.take_along_dim(x, torch.tensor([[[1, 2]]]), 2),
    "flip": lambda x: x.flip(1, 2),
    "roll": lambda x: x.roll(1, 2) + x.roll((1, 2), (1, 2)),
    "repeat": lambda x: x.repeat(1, 2, 1),
    "tile": lambda x: x.tile(2),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=0.5)[:, :, :6] + F.pad(x[..., :3], (1, 2, 1, 0)),
    "pad negative": lambda x: F.pad(x, (-1, 1)),
    "pad reflect": lambda x: F.pad(x, (2, 1), mode="reflect"),
    "pad replicate": lambda x: F.pad(x, (2, 1), mode="replicate"),
    "pad circular": lambda x: F.pad(x, (2, 1), mode="circular"),
    "slice_scatter": lambda x: torch.slice_scatter(x, x[:, :1] * 2, 1, 1, 2),
    "select_scatter": lambda x: torch.select_scatter(x, x[:, 1] * 2, 1, 0),
    "written": written,
    "index_put": put,
    "scatter": lambda x: x.scatter(2, torch.zeros(x.shape, dtype=torch.int64)[:, :, :1], 3.0),
    "scatter_add": lambda x: x.scatter_add(2, torch.ones(x.shape, dtype=torch.int64), x * x),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.5),
    "tril": lambda x: torch.tril(x) + torch.triu(x, 1) * 2,
    "diagonal": lambda x: torch.diagonal(x, dim1=1, dim2=2) + x[:, 0, :3],
    "likes": lambda x: x + torch.ones_like(x) + torch.zeros_like(x) + torch.full_like(x, 0.5),
    "arange": lambda x: x * torch.arange(4),
    "sum": lambda x: x.sum((1, 2)) + x.sum(1, keepdim=True).sum(2)[:, 0],
    "mean": lambda x: x.mean(1),
    "prod": lambda x: x.prod(2),
    "amax": lambda x: x.amax(1) - x.amin((1,)),
    "max": lambda x: x.max(1).values + x.min(1)[0],
    "argmax": lambda x: x.argmax(2) + x.argmin(2) * 10.0,
    "any": lambda x: (x > 1).any(1) * 1.0 + (x > -1).all(1) * 2.0,
    "var": lambda x: x.var(1) + x.var(2, unbiased=False)[:, :1],
    "std": lambda x: x.std(2, correction=1),
    "cumsum": lambda x: x.cumsum(2),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=2) + x.norm(p=1, dim=2),
    "logsumexp": lambda x: torch.logsumexp(x, 2),
    "softmax": lambda x: x.softmax(2) + F.softmin(x, 2),
    "log_softmax": lambda x: x.log_softmax(1),
    "normalize": lambda x: F.normalize(x, dim=2),
    "cosine_similarity": lambda x: F.cosine_similarity(x[:, 0], x[:, 1]),
    "cdist": lambda x: torch.cdist(x, x[:, :1]) + 1,
    "matmul": lambda x: x @ x.transpose(1, 2),
    "matmul broadcast": lambda x: x @ x[:, :1].reshape(x.shape[0], 4, 1),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x, x * x),
    "baddbmm": lambda x: torch.baddbmm(x, x @ x.mT, x, beta=0.5, alpha=2),
    "outer": lambda x: x[:, 0, :, None] * x[:, 1, None, :],
    "bilinear": lambda x: F.bilinear(x[:, 0], x[:, 1], torch.ones(2, 4, 4, dtype=x.dtype)),
    "dot": lambda x: torch.linalg.vecdot(x[:, 0], x[:, 1]),
    "kron": lambda x: torch.einsum("bi,bj->bij", x[:, 0], x[:, 2]).flatten(1),
    "interpolate": lambda x: F.interpolate(x, scale_factor=1.7),
    "interpolate linear": lambda x: F.interpolate(x, size=7, mode="linear"),
    "interpolate corners": lambda x: F.interpolate(x, size=7, mode="linear", align_corners=True),
    "interpolate plane": lambda x: F.interpolate(x[:, None], size=(5, 6)),
    "interpolate bilinear": lambda x: F.interpolate(x[:, None], size=(5, 6), mode="bilinear"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.reshape(x.shape[0], 4, 3, 1), 2),
    "unfold": lambda x: x.unfold(2, 2, 1),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x * 2),
    "causal attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "batch of none": lambda x: torch.movedim(x, 1, 2),
    "meshgrid": lambda x: x * torch.linspace(0, 1, 4, dtype=x.dtype),
    "multiplied by nothing": lambda x: x * 0 + x[:, :1],
}
"""Functions of a tensor of shape (rows, 3, 4)."""


@pytest.mark.parametrize("name", ONE)
def test_every_operation_on_elements_is_read(name):
    torch.manual_seed(0)
    check(Of(ONE[name]), torch.randn(2, 4))


@pytest.mark.parametrize("name", MANY)
def test_every_operation_on_arrays_is_read(name):
    torch.manual_seed(0)
    check(Of(MANY[name]), torch.randn(2, 3, 4))


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


def network() -> Any:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))


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
    "sorted": (lambda: Of(lambda x: x.sort(1).values), "sort has no formula: it puts values in"),
    "arctangent": (lambda: Of(torch.atan), "atan has no formula: formulas have no inverse trig"),
    "two at once": (lambda: Of(lambda x: torch.atan(x) + x.sort(1)[0]), "for 2 reasons"),
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
    "gathered": (lambda: Of(lambda x: x[:, x[0].long()]), "depends on the inputs"),
    "position of a pool": (
        lambda: Of(lambda x: F.max_pool1d(x, 2, return_indices=True)[1]),
        "posit",
    ),
    "complex": (lambda: Of(lambda x: torch.fft.fft(x).real), "has no formula here"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_refused_by_name(name):
    made, says = REFUSED[name]
    with pytest.raises(cf.UnsupportedModel) as caught:
        cf.read(made(), example=torch.randn(2, 4))
    assert says in str(caught.value)
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


def test_numbers_that_the_modules_own_type_cannot_hold_are_refused_by_it():
    module = nn.Linear(2, 1)
    certificate = cf.read(module).verify(
        module, np.array([[1.0, 2.0], [1e300, 0.0]]), made_up=False
    )
    assert certificate.domains[0].refused == 1
