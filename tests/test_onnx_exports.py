"""ONNX models as PyTorch and scikit-learn export them."""

import io
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx import helper

import closedform as cf
from closedform.readers.onnx.microsoft import OPERATORS
from onnx_graphs import check, model, rows_of

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


@pytest.mark.filterwarnings("ignore")
def test_what_pytorch_saves_is_read_with_the_weights_beside_it(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 100), torch.nn.Tanh(), torch.nn.Linear(100, 1))
    path, rows = tmp_path / "model.onnx", torch.randn(20, 3)
    shapes = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(net.eval(), (rows,), path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    formula = cf.read(path)
    assert formula.verify(path, rows).ok
    np.testing.assert_allclose(formula(rows), net(rows).detach().numpy()[:, 0], atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [20, 23])  # without and with an operator for attention
def test_a_transformer_agrees_to_the_last_digits(opset):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
    encoder = torch.nn.TransformerEncoder(layer, 1)
    made = exported(encoder, torch.randn(4, 2, 4), dynamo=True, opset_version=opset)
    formula = check(made)  # optimised, the copy in float64 was off by 1e-8
    assert formula.verify(made, rows_of(made)).ok


def optimised(made: Any, path: Any) -> Any:
    """Return a graph as onnxruntime's optimiser leaves it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath, options.log_severity_level = str(path), 4
    onnxruntime.InferenceSession(made.SerializeToString(), options)
    return onnx.load(path)


FUSED: dict[str, Any] = {
    "FusedGemm": lambda: chain(("Gemm", ["x", "w", "b"], ["h"]), ("Relu", ["h"], ["y"])),
    "FusedMatMul": lambda: chain(
        ("Transpose", ["x"], ["t"], {"perm": [0, 2, 1]}), ("MatMul", ["t", "x"], ["h"]),
        ("Mul", ["h", "half"], ["y"]), shape=[2, 3],
    ),
    "FusedConv": lambda: chain(
        ("Conv", ["x", "k", "b"], ["h"]), ("LeakyRelu", ["h"], ["y"], {"alpha": 0.3}), shape=[1, 5]
    ),
    "Gelu": lambda: chain(
        ("Div", ["x", "root"], ["a"]), ("Erf", ["a"], ["e"]), ("Add", ["e", "one"], ["s"]),
        ("Mul", ["x", "s"], ["m"]), ("Mul", ["m", "half"], ["y"]),
    ),
    "QuickGelu": lambda: chain(
        ("Mul", ["x", "half"], ["a"]), ("Sigmoid", ["a"], ["s"]), ("Mul", ["x", "s"], ["y"])
    ),
}  # fmt: skip


def chain(*steps: Any, shape: Any = (3,)) -> Any:
    """Return a model of several operators, with some numbers that they may use."""
    nodes = [helper.make_node(op, i, o, **(rest[0] if rest else {})) for op, i, o, *rest in steps]
    numbers = {
        "w": DRAW.normal(size=(3, 2)), "b": DRAW.normal(size=2), "k": DRAW.normal(size=(2, 1, 2)),
        "half": 0.5, "one": 1.0, "root": 2**0.5,
    }  # fmt: skip
    used = {name for n in nodes for name in n.input}
    consts = {k: np.asarray(v, np.float32) for k, v in numbers.items() if k in used}
    return model(nodes, {"x": list(shape)}, consts=consts, opset=13)  # Gelu is ONNX's own since 20


@pytest.mark.parametrize("name", FUSED)
def test_what_the_optimiser_of_onnxruntime_fuses_is_read(name, tmp_path):
    made = optimised(FUSED[name](), tmp_path / "model.onnx")
    assert name in {n.op_type for n in made.graph.node if n.domain == "com.microsoft"}
    check(made, fine=False, near=1e-5)


@pytest.mark.parametrize("op, inputs", [
    ("BiasGelu", ["x", "c"]), ("FastGelu", ["x"]), ("FastGelu", ["x", "c"]),
])  # fmt: skip
def test_what_the_optimiser_makes_of_larger_patterns_is_read(op, inputs):
    node = helper.make_node(op, inputs, ["y"], domain="com.microsoft")
    made = model([node], {"x": [3]}, consts={"c": DRAW.normal(size=3).astype(np.float32)})
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    check(made, fine=False, near=1e-5)


def test_every_fused_operator_has_a_model_here():
    assert set(FUSED) | {"BiasGelu", "FastGelu"} == set(OPERATORS)
