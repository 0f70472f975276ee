"""ONNX models as PyTorch and scikit-learn export them."""

import io
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

import onnx

from onnx_graphs import check, rows_of

DRAW = np.random.default_rng(3)


def exported(module: Any, *example: Any, **options: Any) -> Any:
    """Return a PyTorch module as an ONNX model."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if options.pop("dynamo", False):
            shapes = tuple({0: torch.export.Dim("batch")} for _ in example)
            options = {"dynamic_shapes": shapes, "verbose": False} | options
            return torch.onnx.export(
                module.eval(), example, dynamo=True, **options
            ).model_proto  # fmt: skip
        names = [f"in{i}" for i in range(len(example))]
        buffer = io.BytesIO()
        torch.onnx.export(
            module.eval(), example, buffer, dynamo=False, input_names=names,
            dynamic_axes={name: {0: "batch"} for name in names}, **options,
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def modules() -> dict[str, Any]:
    """Return modules as people train them, with an example."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)

    class Last(nn.Module):
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer, self.head = layer, nn.Linear(3, 1)

        def forward(self, x: Any) -> Any:
            return self.head(self.layer(x)[0][:, -1])

    return {
        "mlp": (nn.Sequential(nn.Linear(3, 8), nn.GELU(), nn.BatchNorm1d(8), nn.Dropout(),
                              nn.Linear(8, 1)), torch.randn(4, 3)),
        "classifier": (nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)),
                       torch.randn(4, 3)),
        "convolutions": (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                       nn.Flatten(), nn.Linear(8, 2)), torch.randn(4, 1, 4, 4)),
        "lstm": (Last(nn.LSTM(2, 3, batch_first=True)), torch.randn(4, 3, 2)),
        "gru": (Last(nn.GRU(2, 3, batch_first=True)), torch.randn(4, 3, 2)),
        "embedding": (nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.LayerNorm(6)),
                      torch.randint(0, 4, (4, 2))),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name, dynamo",
    [(name, False) for name in ("mlp", "classifier", "convolutions", "lstm", "gru", "embedding")]
    + [("mlp", True)],
)
def test_what_pytorch_exports_is_read(name, dynamo):
    module, example = modules()[name]
    made = exported(module, example, dynamo=dynamo)
    formula = check(made)
    assert formula.verify(made, rows_of(made)).ok
    theirs = module(example).detach().numpy().reshape(len(example), -1)
    ours = np.column_stack(list(formula.evaluate(example).values()))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_scikit_learn_is_read_where_its_parts_are_plain():
    pytest.importorskip("skl2onnx")
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPRegressor

    rows = DRAW.normal(size=(60, 3)).astype(np.float32)
    fitted = MLPRegressor(hidden_layer_sizes=5, activation="tanh", max_iter=50, random_state=0)
    fitted.fit(rows, rows.sum(1))
    formula = check(to_onnx(fitted, rows), rows.astype(float))
    np.testing.assert_allclose(
        formula(rows.astype(float)).ravel(), fitted.predict(rows), rtol=1e-4, atol=1e-5
    )
