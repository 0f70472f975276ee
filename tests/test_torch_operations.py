"""Every operation of PyTorch that has a formula, once: against the module itself."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch.nn import functional as F

from torch_modules import Of, check, check_each

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
    "atan": torch.atan,
    "asin": lambda x: torch.asin(torch.tanh(x)),
    "acos": lambda x: torch.acos(torch.tanh(x)),
    "arcs beyond 1": lambda x: torch.asin(x) + torch.acos(x),
    "atan2": lambda x: torch.atan2(x, x.flip(1)) + torch.atan2(x.floor(), x.flip(1).floor()),
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


TOGETHER = 10
EXAMPLES = {"on elements": (ONE, (2, 4)), "on arrays": (MANY, (2, 3, 4))}


@pytest.mark.parametrize(
    ("kind", "first"),
    [(kind, i) for kind, (known, _) in EXAMPLES.items() for i in range(0, len(known), TOGETHER)],
)
def test_every_operation_is_read(kind, first):
    known, shape = EXAMPLES[kind]
    torch.manual_seed(0)
    some = list(known.items())[first : first + TOGETHER]
    check_each(dict(some), torch.randn(*shape))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (known, _) in EXAMPLES.items() for name in known]
)
def test_every_operation_is_read_alone(kind, name):
    known, shape = EXAMPLES[kind]
    torch.manual_seed(0)
    check(Of(known[name]), torch.randn(*shape))
