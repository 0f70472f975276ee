"""pykan: networks with splines, symbolic edges and products, against the network itself."""

import numpy as np
import pytest

pytest.importorskip("kan")

import torch
from kan import KAN
from kan.utils import SYMBOLIC_LIB

import closedform as cf
from closedform.errors import UnsupportedModel
from closedform.readers.kan.network import SYMBOLIC
from closedform.readers.kan.splines import basis, pieces

pytestmark = pytest.mark.filterwarnings("ignore")  # pykan's own


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pykan writes its history there
    (tmp_path / "model").mkdir()


def network(width, **options):
    return KAN(width=list(width), **{"grid": 4, "k": 3, "auto_save": False, "seed": 0} | options)


def rows_of(width, count=60):
    """Rows inside the knots, on them, and beyond all of them."""
    draw = np.random.default_rng(0).uniform(-1.5, 1.5, size=(count, width))
    draw[:12] = np.linspace(-3, 3, 12)[:, None]
    draw[12:20] = np.array([-1, -0.5, 0, 0.5, 1, -2.5, 2.5, 4])[:, None]
    return draw.astype(np.float32).astype(np.float64)


def near(model, width):
    """Compare formula and network in float64 to rounding, and as it is within its own."""
    formula, rows = cf.read(model), rows_of(width)
    certificate = formula.verify(model, rows)
    assert certificate.ok, certificate
    double = [c for c in certificate.checks if "float64" in c.method and c.set == "given"]
    assert max(c.worst_relative for c in double) < 1e-12
    with torch.no_grad():
        own = model(torch.tensor(rows, dtype=torch.float32)).double().numpy()
    ours = np.column_stack([formula(rows, name) for name in formula.outputs])
    np.testing.assert_allclose(ours, own, rtol=1e-4, atol=1e-5)
    return formula


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("base", ["silu", "identity", "zero"])
def test_splines_of_every_degree_are_read(k, base):
    near(network([2, 2, 1], k=k, base_fun=base), 2)


@pytest.mark.parametrize(
    ("width", "options"),
    [
        ([3, [2, 2], 2], {}),
        ([3, [2, 2], [1, 1], 2], {"mult_arity": [[], [2, 3], [2], []]}),
        ([2, [0, 1], 1], {"mult_arity": 3}),
        ([1, 1], {"grid": 1}),
        ([2, 3, 2], {"grid": [2, 5], "grid_range": [0, 2]}),
        ([2, 2, 1], {"symbolic_enabled": False}),
        ([3, 2, 1], {"sparse_init": True}),
    ],
    ids=str,
)
def test_layers_of_sums_and_products_are_read(width, options):
    near(network(width, **options), width[0])


def test_affine_parameters_of_the_nodes_are_read():
    model = network([2, [1, 1], 1], affine_trainable=True)
    with torch.no_grad():
        for p in [*model.node_bias, *model.node_scale, *model.subnode_bias, *model.subnode_scale]:
            p.copy_(torch.randn_like(p))
    near(model, 2)


def test_a_network_in_float64_is_read_without_rounding():
    model = network([2, 2, 1]).double()
    assert not cf.read(model).precision
    assert cf.read(model).verify(model, rows_of(2)).ok


@pytest.mark.parametrize("name", SYMBOLIC_LIB)
def test_every_symbolic_function_of_pykan_is_read(name):
    model = network([1, 1])
    model.fix_symbolic(0, 0, 0, name, fit_params_bool=False, random=True, log_history=False)
    near(model, 1)
    assert name == "0" or name in SYMBOLIC


def test_a_mixed_network_is_read_and_its_edges_are_called_by_their_numbers():
    model = network([2, 2, 1])
    model.fix_symbolic(0, 1, 0, "sin", fit_params_bool=False, log_history=False)
    model.fix_symbolic(1, 0, 0, "exp", fit_params_bool=False, random=True, log_history=False)
    formula = near(model, 2)
    text = formula.to("text")
    assert "sin(x1)" in text
    assert "s0_0_1" in text
    assert "s0_1_0" not in text


def test_trained_and_pruned_networks_become_short_formulas():
    draw = torch.Generator().manual_seed(0)
    inputs = 2 * torch.rand(100, 2, generator=draw) - 1
    target = torch.sin(3 * inputs[:, :1]) + inputs[:, 1:] ** 2
    data = {
        "train_input": inputs, "test_input": inputs, "train_label": target, "test_label": target,
    }  # fmt: skip
    model = network([2, 2, 1], auto_save=True)
    model.fit(data, steps=6, lamb=0.001)
    near(model, 2)  # knots moved to the data, and a network that remembers its last call
    model = model.prune(node_th=1e-9, edge_th=1e-9)
    near(model, 2)
    for layer, inner in ((0, 2), (1, 1)):
        for i in range(2):
            for j in range(inner):
                model.fix_symbolic(layer, i, j, "x^2" if layer else "sin", verbose=False)
    formula = near(model, 2)
    assert formula.length < 60
    assert "^{2}" in formula.to("latex")
    expression = model.symbolic_formula()[0][0]
    symbols = sorted(expression.free_symbols, key=str)
    point = dict(zip(symbols, (0.25, -0.5), strict=True))
    assert formula(np.array([[0.25, -0.5]]))[0] == pytest.approx(float(expression.subs(point)))


def test_inputs_that_were_pruned_away_keep_their_places():
    model = network([4, 2, 1], auto_save=True)
    model(torch.rand(20, 4))
    less = model.prune_input(active_inputs=[1, 2])
    formula = near_columns(less, 4)
    assert [f.name for f in formula.inputs] == ["x0", "x1", "x2"]
    wide = cf.read(less, names=["a", "b", "c", "d"])
    assert wide.used == (1, 2)
    assert wide.verify(less, rows_of(4)).ok


def near_columns(model, width):
    formula = cf.read(model)
    with torch.no_grad():
        own = model(torch.tensor(rows_of(width), dtype=torch.float32)).double().numpy()
    ours = formula(rows_of(width)[:, : len(formula.inputs)])
    np.testing.assert_allclose(ours, own[:, 0], rtol=1e-4, atol=1e-5)
    return formula


def test_functions_of_the_users_own_and_large_networks_are_refused():
    model = network([2, 2, 1])
    model.fix_symbolic(0, 0, 0, lambda x: x + 1, fit_params_bool=False, log_history=False)
    with pytest.raises(UnsupportedModel, match="'anonymous' of an edge"):
        cf.read(model)
    model = network([2, 2, 1])
    for layer in model.act_fun:
        layer.base_fun = torch.nn.GELU()
    with pytest.raises(UnsupportedModel, match="residual function GELU"):
        cf.read(model)
    with pytest.raises(UnsupportedModel, match="6,004 edges"):
        cf.read(network([1500, 4, 1], grid=1, k=1))
    with pytest.raises(UnsupportedModel, match="whole KAN"):
        cf.read(model.act_fun[0])


def test_another_function_under_a_known_name_is_noticed():
    model = network([1, 1])
    model.fix_symbolic(0, 0, 0, "sin", fit_params_bool=False, log_history=False)
    model.symbolic_fun[0].funs[0][0] = torch.cos
    with pytest.raises(UnsupportedModel, match="does not give what it does"):
        cf.read(model)


def test_an_edge_that_was_symbolic_once_still_makes_rows_missing():
    model = network([2, 2, 1])
    model.fix_symbolic(0, 0, 0, "log", fit_params_bool=False, log_history=False)
    model.unfix_symbolic(0, 0, 0, log_history=False)
    with torch.no_grad():
        own = model(torch.tensor(rows_of(2), dtype=torch.float32))[:, 0].numpy()
    assert np.isnan(own).any()
    assert (np.isnan(own) == np.isnan(cf.read(model)(rows_of(2)))).all()
    near(model, 2)


def test_a_missing_value_gives_nothing():
    model = network([2, 2, 1])
    formula = cf.read(model)
    assert np.isnan(formula(np.array([[np.nan, 0.0], [0.0, np.nan]]))).all()


def test_printing_and_saving_a_network(tmp_path):
    formula = cf.read(network([2, 3, 1]))
    assert len(str(formula)) < 6000
    assert formula.to("python")
    formula.save(tmp_path / "kan.json")
    rows = rows_of(2)
    assert (cf.load(tmp_path / "kan.json")(rows) == formula(rows)).all()


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
def test_a_sum_of_splines_is_scipys(degree):
    interpolate = pytest.importorskip("scipy.interpolate")
    draw = np.random.default_rng(degree)
    for knots in (np.sort(draw.normal(size=12)), np.sort(np.repeat(draw.normal(size=6), 2))):
        weights = draw.normal(size=len(knots) - degree - 1)
        curve = interpolate.BSpline(knots, weights, degree, extrapolate=False)
        x = np.linspace(knots[degree] + 1e-9, knots[-degree - 1] - 1e-9, 200)
        ours = pieces(knots, basis(knots, degree), weights)(x)
        np.testing.assert_allclose(ours, curve(x), rtol=1e-9, atol=1e-9)
        outside = pieces(knots, basis(knots, degree), weights)(np.array([-9.0, 9.0, knots[-1]]))
        assert (outside == 0).all()
