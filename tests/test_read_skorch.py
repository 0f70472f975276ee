"""skorch's nets: alone and in pipelines, by what their criterion makes of the module's results."""

from collections.abc import Callable
from operator import methodcaller
from typing import Any

import numpy as np
import pandas as pd
import pytest

import closedform as cf

pytest.importorskip("skorch")

import torch
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 4)).astype(np.float32)
SIDE = (X @ np.array([1, -2, 0.5, 1]) > 0).astype(np.int64)
KIND = np.digitize(X[:, 0], [-0.5, 0.5])
SIZE = (X[:, :1] * 3 + X[:, 1:2] ** 2).astype(np.float32)


def layers(outputs: int, *last: Any) -> Any:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.3), nn.BatchNorm1d(5), nn.Linear(5, outputs), *last
    )


class Pair(nn.Module):
    """Gives its scores, and something that predict does not look at."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = layers(3)

    def forward(self, x: Any) -> Any:
        return self.inner(x), x.exp()


class First(nn.CrossEntropyLoss):
    """The loss of the first of a pair."""

    def forward(self, made: Any, target: Any) -> Any:
        return super().forward(made[0], target)


def of(kind: Any, module: Any, **options: Any) -> Any:
    return kind(module, max_epochs=2, verbose=0, train_split=None, **options)


NETS: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "regressor": (lambda: of(NeuralNetRegressor, layers(1)), SIZE, "identity"),
    "regressor, flat": (
        lambda: of(NeuralNetRegressor, layers(1, nn.Flatten(0))), SIZE[:, 0], "identity",
    ),
    "regressor, two": (
        lambda: of(NeuralNetRegressor, layers(2)), np.hstack([SIZE, -SIZE]), "identity",
    ),
    "net": (lambda: of(NeuralNet, layers(1), criterion=nn.L1Loss), SIZE, "identity"),
    "chances": (lambda: of(NeuralNetClassifier, layers(3, nn.Softmax(-1))), KIND, "none"),
    "scores": (
        lambda: of(NeuralNetClassifier, layers(3), criterion=nn.CrossEntropyLoss), KIND, "softmax",
    ),
    "a pair": (
        lambda: of(NeuralNetClassifier, Pair(), criterion=First,
                   predict_nonlinearity=lambda x: x.softmax(1)),
        KIND, "none",
    ),
    "other classes": (
        lambda: of(NeuralNetClassifier, layers(3), criterion=nn.CrossEntropyLoss,
                   classes=["a", "b", "c"]),
        KIND, "softmax",
    ),
    "no nonlinearity": (
        lambda: of(NeuralNetClassifier, layers(3), criterion=nn.CrossEntropyLoss,
                   predict_nonlinearity=None),
        KIND, "none",
    ),
    "one class for itself": (
        lambda: of(NeuralNetClassifier, layers(3), criterion=nn.CrossEntropyLoss,
                   predict_nonlinearity=torch.sigmoid),
        KIND, "none",
    ),
    "binary": (lambda: of(NeuralNetBinaryClassifier, layers(1)), SIDE.astype("f4"), "logit"),
    "binary, flat": (
        lambda: of(NeuralNetBinaryClassifier, layers(1, nn.Flatten(0)), threshold=0.3),
        SIDE.astype("f4"), "logit",
    ),
    "binary chances": (
        lambda: of(NeuralNetBinaryClassifier, layers(1, nn.Sigmoid()), criterion=nn.BCELoss),
        SIDE.astype("f4"), "none",
    ),
    "in float64": (
        lambda: of(NeuralNetRegressor, layers(1).double()), SIZE.astype("f8"), "identity",
    ),
}  # fmt: skip


def compare(formula: cf.Formula, model: Any, rows: Any, rtol: float) -> None:
    """Compare every output on the training rows and around them, in the net's own float type."""
    if formula.task.kind == "classification":
        chances = model.predict_proba(rows)
        for i, name in enumerate(formula.task.probability):
            assert abs(formula(rows, name) - chances[:, i]).max() <= rtol
        assert (formula(rows) == model.predict(rows)).all()
    else:
        expected = model.predict(rows).reshape(len(rows), -1)
        ours = np.asarray(formula(rows)).reshape(len(rows), -1)
        assert (abs(ours - expected).max(axis=0) <= rtol * abs(expected).max(axis=0)).all()


@pytest.mark.parametrize("name", NETS)
def test_nets_are_read_alone_and_behind_a_scaler(name):
    make, y, link = NETS[name]
    dtype = np.float64 if name == "in float64" else np.float32
    rtol = 1e-12 if name == "in float64" else 2e-6
    rows = X.astype(dtype)
    net = make().fit(rows, y)
    formula = cf.read(net)
    assert formula.task.link == link
    compare(formula, net, rows, rtol)
    assert formula.verify(net, rows).ok
    pipe = make_pipeline(StandardScaler(), make()).fit(rows * 10 + 3, y)
    formula = cf.read(pipe, names=list("abcd"))
    compare(formula, pipe, rows * 10 + 3, 2 * rtol)
    assert formula.verify(pipe, rows * 10 + 3).ok


def test_a_net_behind_encoded_columns_is_one_formula_of_the_raw_columns():
    frame = pd.DataFrame({"size": X[:, 0], "more": X[:, 1] * 100, "kind": list("abca" * 30)})
    before = make_column_transformer(
        (StandardScaler(), ["size", "more"]), (OneHotEncoder(sparse_output=False), ["kind"])
    )
    torch.manual_seed(2)
    net = of(NeuralNetRegressor, nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1)))
    target = TransformedTargetRegressor(net, transformer=MinMaxScaler())
    model = make_pipeline(before, FunctionTransformer(np.float32), target).fit(frame, SIZE)
    formula = cf.read(model)
    assert "round32" not in formula.to("text")
    assert [f.name for f in formula.inputs] == ["size", "more", "kind"]
    assert formula.inputs[2].categories == ("a", "b", "c")
    assert formula.verify(model, frame).ok


CASTS = {
    "type": FunctionTransformer(np.float32),
    "asarray": FunctionTransformer(np.asarray, kw_args={"dtype": "float32"}),
    "astype": FunctionTransformer(methodcaller("astype", np.float32)),
}


@pytest.mark.parametrize("name", CASTS)
def test_a_cast_to_float32_is_known_by_what_it_calls(name):
    rows = X.astype(np.float64) * 1e5 / 3
    formula = cf.read(CASTS[name].fit(rows), names=list("abcd"))
    assert (formula(rows) == rows.astype(np.float32)).all()
    with pytest.raises(cf.UnsupportedModel, match="not known"):
        cf.read(FunctionTransformer(methodcaller("clip", 0)).fit(rows), names=list("abcd"))


def test_a_search_over_nets_is_read_as_the_best_of_them():
    net = of(NeuralNetClassifier, layers(3), criterion=nn.CrossEntropyLoss)
    search = GridSearchCV(net, {"lr": [0.01, 0.1]}, cv=2).fit(X, KIND)
    assert cf.read(search, names=list("abcd")).verify(search, X).ok


def test_rows_may_have_more_than_one_axis():
    image = DRAW.normal(size=(60, 1, 4, 4)).astype(np.float32)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    net = of(NeuralNetClassifier, module, criterion=nn.CrossEntropyLoss).fit(image, KIND[:60])
    formula = cf.read(net, example=image)
    assert formula.inputs[5].name == "x[0,1,1]"
    assert (formula(image) == net.predict(image)).all()
    assert formula.verify(net, image).ok


def test_a_missing_chance_counts_as_the_highest():
    rows = X.copy()
    rows[::3, 1] = np.nan
    for name in ("scores", "one class for itself", "binary", "regressor"):
        make, y, _ = NETS[name]
        net = make().fit(X, y)
        formula = cf.read(net)
        ours, theirs = np.asarray(formula(rows), float), np.asarray(net.predict(rows), float)
        assert np.allclose(ours, theirs.ravel(), rtol=0, atol=1e-5, equal_nan=True)


def test_the_net_is_left_as_it_was():
    net = NETS["scores"][0]().fit(X, KIND)
    net.module_.train()
    before = {name: value.clone() for name, value in net.module_.state_dict().items()}
    cf.read(net).verify(net, X)
    assert all((before[k] == v).all() for k, v in net.module_.state_dict().items())


class Own(NeuralNetRegressor):
    """Predicts in a way of its own."""

    def predict(self, X: Any) -> Any:
        return super().predict(X) * 2


class Several(nn.Module):
    """Takes two arrays."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 1)

    def forward(self, a: Any, b: Any) -> Any:
        return self.inner(torch.stack([a, b], 1))


def test_what_has_no_formula_is_refused():
    with pytest.raises(cf.NotFitted, match="not fitted"):
        cf.read(of(NeuralNetRegressor, layers(1)))
    with pytest.raises(cf.UnsupportedModel, match="predict\\(\\) of its own"):
        cf.read(of(Own, layers(1)).fit(X, SIZE))
    several = of(NeuralNetRegressor, Several()).fit({"a": X[:, 0], "b": X[:, 1]}, SIZE)
    with pytest.raises(cf.UnsupportedModel, match="takes several arrays"):
        cf.read(several, example={"a": X[:, 0], "b": X[:, 1]})

    class Angle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            return torch.lgamma(self.inner(x))

    pipe = make_pipeline(StandardScaler(), of(NeuralNetRegressor, Angle())).fit(X, SIZE)
    with pytest.raises(cf.UnsupportedModel, match="lgamma has no formula"):
        cf.read(pipe)
    odd = of(NeuralNetBinaryClassifier, layers(1), predict_nonlinearity=None)
    with pytest.raises(cf.UnsupportedModel, match="no list of chances"):
        cf.read(odd.fit(X, SIDE.astype("f4")))
