"""PyTorch modules: run, equal to the formula and to the model, differentiable, trainable."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import Phase, given, settings
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import splits_from
from programs import assert_same, left_to_right, same
from strategies import BUILD, GRID, NOT_FINITE, formulas, rows

# A product of matrices adds in an order of its own, which what jumps would turn into another value.
JUMPS = {"floor", "sign", "round32", "sum32"}
AMONG = sorted(set(BUILD) - JUMPS - {"lin", "kth", "pow", "div"})
DATA, TARGET = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
SPECIES = load_iris().target_names[KINDS]


def near(a, b):
    """The same label, or numbers apart by rounding: a few ulp, of a function of a function."""
    if isinstance(a, float) and isinstance(b, float) and math.isfinite(a) and math.isfinite(b):
        return abs(a - b) <= 1e-9 * max(abs(b), 1e-6)
    return same(a, b)


def decoded(found, labels):
    """Every output as a list, codes of labels as labels."""
    made = {}
    for name, column in found.items():
        listed = column.tolist()
        codes = "int" in str(column.dtype)
        made[name] = [labels[v] if v >= 0 else None for v in listed] if codes else listed
    return made


@settings(max_examples=150, phases=[Phase.generate])
@given(formulas(outputs=6, size=30, among=AMONG), rows(values=(*GRID, *NOT_FINITE, 0.1, 1e8, 1e-8)))
def test_every_formula_means_the_same_as_a_module(formula, X):
    # A label that no formula knows has no code of its own, and is none where it is given back.
    X = X | {"kind": [None if v == "unseen" else v for v in X["kind"]]}
    module = formula.to("torch")
    found = decoded(module.evaluate(X), getattr(module, "labels", ()))
    assert_same(found, left_to_right(formula, X), near)


def network():
    torch.manual_seed(0)
    layers = nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 1)
    return nn.Sequential(*layers).double().eval()


def test_slopes_are_those_of_the_network_that_was_read():
    net, x = network(), torch.randn(50, 4, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    module = cf.read(net).to("torch")
    assert not list(module.parameters())
    module(ours).sum().backward()
    net(theirs).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-15)


def test_trainable_constants_are_parameters_with_the_slopes_of_the_networks_own():
    net, x = network(), torch.randn(50, 4, dtype=torch.float64)
    module = cf.read(net).to("torch", trainable=True)
    module(x).sum().backward()
    net(x).sum().backward()
    found = [p.grad for p in module.parameters()]
    wanted = [p.grad for p in net.parameters()]
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs.reshape(ours.shape), rtol=1e-12, atol=1e-15)


def test_a_law_is_fitted_again_from_wrong_constants():
    x = ops.input_(0)
    law = ops.lin(0.5, (1.5, ops.node(ops.EXP, (ops.lin(0.0, (-0.5, x)),))))
    module = Formula({"y": law}, (Feature("x"),)).to("torch", trainable=True)
    assert len(list(module.parameters())) == 3  # two weights and a bias; 0 is no constant of a law
    rows = torch.linspace(0, 3, 40, dtype=torch.float64)[:, None]
    wanted = 2.0 * torch.exp(-0.8 * rows[:, 0]) + 0.25
    optimiser = torch.optim.LBFGS(module.parameters(), max_iter=200)

    def loss():
        optimiser.zero_grad()
        value = (module(rows) - wanted).square().mean()
        value.backward()
        return value

    for _ in range(10):
        optimiser.step(loss)
    assert float(loss().detach()) < 1e-8
    constants = sorted(float(p.detach().ravel()[0]) for p in module.parameters())
    np.testing.assert_allclose(constants, [-0.8, 0.25, 2.0], atol=1e-3)


@pytest.mark.parametrize("name", ["log", "sqrt", "asin", "acos", "log1p", "exp", "expm1", "probit"])
def test_no_slope_is_missing_because_of_a_branch_that_is_not_taken(name):
    x = ops.input_(0)
    safe = ops.where(ops.less(x, ops.const(0.25)), x, ops.unary(name, x))
    module = Formula({"y": safe}, (Feature("x"),)).to("torch")
    bad = -2.0 if name not in ("exp", "expm1") else -1e308
    rows = torch.tensor([[bad], [0.0], [0.5]], dtype=torch.float64, requires_grad=True)
    module(rows).sum().backward()
    assert torch.isfinite(rows.grad).all()
    assert rows.grad[0, 0] == rows.grad[1, 0] == 1
    assert rows.grad[2, 0] != 0


def test_divisions_and_powers_have_slopes_where_they_have_values():
    a, b = ops.input_(0), ops.input_(1)
    zero = ops.equal(b, ops.const(0))
    outputs = {
        "quotient": ops.where(zero, a, ops.div(a, b)),
        "root": ops.where(zero, a, ops.power(b, 0.5)),
        "inverse": ops.where(zero, a, ops.power(b, -1.0)),
    }
    module = Formula(outputs, (Feature("a"), Feature("b"))).to("torch")
    for name, slope in {"quotient": -0.5, "root": 0.5 / math.sqrt(2), "inverse": -0.25}.items():
        rows = torch.tensor([[2.0, 0.0], [2.0, 2.0]], dtype=torch.float64, requires_grad=True)
        module.evaluate(rows)[name].sum().backward()
        np.testing.assert_allclose(rows.grad[:, 1], [0.0, slope], rtol=1e-12)


def test_trees_have_no_slope_and_the_rest_of_the_formula_keeps_its_own():
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.5, 0, 0])
    x = ops.input_(0)
    both = ops.lin(0, (3, x), (1, ops.tree(splits, [0, 1, 2.0], [x])))
    module = Formula({"y": both}, (Feature("x"),)).to("torch")
    rows = torch.tensor([[0.25], [0.75]], dtype=torch.float64, requires_grad=True)
    found = module(rows)
    found.sum().backward()
    assert found.tolist() == [1.75, 4.25]
    assert rows.grad.ravel().tolist() == [3, 3]


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=3, random_state=0),
        RandomForestClassifier(20, random_state=0),
        LogisticRegression(max_iter=500),
    ],
)
def test_classes_are_positions_among_the_labels(model):
    model.fit(FLOWERS, SPECIES)
    module = cf.read(model).to("torch")
    found = module(FLOWERS)
    assert module.labels[:3] == tuple(model.classes_)
    assert [module.labels[i] for i in found] == model.predict(FLOWERS).tolist()
    tensor = torch.tensor(FLOWERS.to_numpy())
    assert torch.equal(module(tensor), found)
    made = module.evaluate(tensor)["P(virginica)"]
    np.testing.assert_allclose(made, model.predict_proba(FLOWERS)[:, 2], rtol=1e-12, atol=1e-15)


def test_categories_are_taken_as_labels_or_as_codes():
    X = pd.DataFrame({"sex": ["m", "f", "x", None] * 15, "age": np.arange(60.0)})
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["sex"]), remainder="passthrough"
    )
    model = make_pipeline(encode, LogisticRegression(max_iter=5000)).fit(X, np.arange(60) % 3)
    module = cf.read(model).to("torch")
    named = module.evaluate({"sex": X["sex"], "age": X["age"]})["P(1)"]
    np.testing.assert_allclose(named, model.predict_proba(X)[:, 1], rtol=1e-9)
    codes = [-1 if pd.isna(v) else module.labels.index(v) for v in X["sex"]]
    tensor = torch.tensor(np.column_stack([codes, X["age"]]))
    assert torch.equal(module.evaluate(tensor)["P(1)"], named)
    strange = module.evaluate({"sex": ["new"], "age": [3.0]})["P(1)"]
    coded = module.evaluate(torch.tensor([[99.0, 3.0]], dtype=torch.float64))["P(1)"]
    assert torch.equal(strange, coded)


def test_float32_on_request_and_by_pytorchs_own_means():
    formula = cf.read(LogisticRegression(max_iter=500).fit(FLOWERS, SPECIES))
    for module in (formula.to("torch", dtype="float32"), formula.to("torch").float()):
        found = module.evaluate(torch.tensor(FLOWERS.to_numpy()))["P(setosa)"]
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found, formula.evaluate(FLOWERS)["P(setosa)"], atol=1e-5)


def test_a_boosted_ensemble_is_equal_bit_for_bit_and_walked_at_once():
    X = DATA.copy()
    X.loc[::7, "bmi"] = np.nan
    model = HistGradientBoostingRegressor(max_iter=20).fit(X, TARGET)
    formula = cf.read(model)
    module = formula.to("torch")
    assert module(X).tolist() == model.predict(X).tolist()
    text = formula.to("torch", as_text=True)
    assert text.count("self.FOREST") == 1


def test_a_module_can_be_exported_and_mapped_and_takes_one_row():
    net, x = network(), torch.randn(7, 4, dtype=torch.float64)
    module = cf.read(net).to("torch")
    wanted = module(x)
    whole = {"data": {0: torch.export.Dim.AUTO}}
    exported = torch.export.export(module, (x,), dynamic_shapes=whole).module()
    torch.testing.assert_close(exported(x[:3]), wanted[:3], rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(module(x[0]), wanted[0], rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(torch.func.vmap(module)(x), wanted, rtol=1e-12, atol=1e-15)


def test_many_rows_are_walked_a_part_at_a_time(monkeypatch):
    model = HistGradientBoostingRegressor(max_iter=10).fit(DATA, TARGET)
    text = cf.read(model).to("torch", as_text=True).replace("CELLS = 1_000_000", "CELLS = 1_000")
    made = {"__name__": "printed"}
    exec(text, made)
    walk, sizes = made["Forest"].walk, []
    monkeypatch.setattr(made["Forest"], "walk", lambda f, x: sizes.append(len(x)) or walk(f, x))
    assert made["Model"]()(DATA).tolist() == model.predict(DATA).tolist()
    assert max(sizes) == 100
    assert sum(sizes) == len(DATA)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_forest_is_compiled_and_exported_to_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    X = DATA.copy()
    X.loc[::7, "bmi"] = np.nan
    model = HistGradientBoostingRegressor(max_iter=5).fit(X, TARGET)
    module, x = cf.read(model).to("torch").eval(), torch.tensor(X.to_numpy())
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    assert compiled(x).tolist() == model.predict(X).tolist()
    rows = {"data": {0: torch.export.Dim.DYNAMIC}}
    path = tmp_path / "model.onnx"
    torch.onnx.export(module, (x,), path, dynamo=True, verbose=False, dynamic_shapes=rows)
    session = runtime.InferenceSession(str(path))
    (found,) = session.run(None, {session.get_inputs()[0].name: X.to_numpy()[:50]})
    # PyTorch's exporter writes Python's own numbers as float32: here, what the trees are added to.
    np.testing.assert_allclose(found, model.predict(X)[:50], rtol=1e-7)


def test_state_is_saved_and_loaded(tmp_path):
    formula = cf.read(network())
    torch.save(formula.to("torch").state_dict(), tmp_path / "state.pt")
    other = formula.to("torch")
    for buffer in other.buffers():
        buffer.zero_()
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True), strict=False)
    other.unit.fill_(1)
    x = torch.randn(5, 4, dtype=torch.float64)
    torch.testing.assert_close(other(x), formula.to("torch")(x))


def test_degenerate_formulas():
    x, kind = ops.input_(0), ops.input_(1, Type.LABEL)
    outputs = {
        "constant": ops.const(2.5), "input": x, "label": kind, "twice": x,
        "known": ops.label("a"), "odd": ops.where(ops.equal(kind, kind), x, ops.const(-1)),
    }  # fmt: skip
    module = Formula(outputs, (Feature("x"), Feature("kind", Type.LABEL, ("a", 2)))).to("torch")
    found = decoded(module.evaluate({"x": [1.0, None], "kind": ["a", None]}), module.labels)
    wanted = {
        "constant": [2.5, 2.5], "input": [1.0, math.nan], "label": ["a", None],
        "twice": [1.0, math.nan], "known": ["a", "a"], "odd": [1.0, -1.0],
    }  # fmt: skip
    assert_same(found, wanted)
    alone = Formula({"y": ops.lin(1.0)}, ()).to("torch")
    assert alone(torch.zeros((3, 0))).tolist() == [1.0] * 3


def test_text_grows_with_the_formula_and_not_with_its_paths():
    def chain(steps):
        x = ops.input_(0)
        for i in range(steps):
            x = ops.lin(i, (0.5, ops.mul(x, x)), (0.5, x))
        return Formula({"y": x}, (Feature("x"),))

    small, large = (len(chain(n).to("torch", as_text=True)) for n in (200, 400))
    assert large < 2.5 * small


def test_wrong_options_and_rows_are_told():
    formula = cf.read(LogisticRegression(max_iter=500).fit(FLOWERS, SPECIES))
    with pytest.raises(BadInput, match="float16"):
        formula.to("torch", dtype="float16")
    with pytest.raises(KeyError, match="petal"):
        formula.to("torch")({"sepal length (cm)": [1.0]})
    with pytest.raises(ValueError, match="4 columns"):
        formula.to("torch")(torch.zeros(2, 3))
