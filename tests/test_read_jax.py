"""JAX functions and modules: inputs, outputs, certificates, and what is refused."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import closedform as cf
from closedform.asking.jax import bits64

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
from jax import lax

from jax_functions import arguments, check, columns, near_to, rows_for

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(40, 3))
W, V = (jnp.asarray(DRAW.normal(size=s), "float32") for s in ((3, 4), (4, 2)))


def network(x: Any) -> Any:
    """A small network of rows."""
    return jnp.tanh(x @ W + 0.1) @ V


def test_a_jitted_function_of_rows_is_read():
    formula = check(network, X)
    assert list(formula.outputs) == ["y0", "y1"]
    assert [f.name for f in formula.inputs] == ["x0", "x1", "x2"]
    certificate = formula.verify(jax.jit(network), X)
    assert certificate.ok
    by = {(c.method, c.set): c for c in certificate.checks}
    assert by["function in float64", "given"].worst_relative < 1e-14
    assert 1e-9 < by["function, float32", "given"].worst_relative < 1e-5
    assert by["function, float32", "given"].precision


def test_a_certificate_fails_for_another_function():
    other = jax.jit(lambda x: network(x) + 1e-6)
    certificate = cf.read(jax.jit(network), example=X).verify(other, X)
    assert not certificate.ok
    assert all(not c.ok for c in certificate.checks if c.set == "given")


def test_names_say_how_many_inputs_there_are():
    formula = cf.read(jax.jit(network), names=["a", "b", "c"])
    assert [f.name for f in formula.inputs] == ["a", "b", "c"]
    with pytest.raises(cf.BadInput, match="does not say the shape of its inputs"):
        cf.read(jax.jit(network))
    with pytest.raises(cf.BadInput, match="2 names were given for 3 inputs"):
        cf.read(jax.jit(network), names=["a", "b"], example=X)


def test_constants_are_those_of_exact_arithmetic_where_they_can_be():
    formula = cf.read(jax.jit(lambda x: 0.1 * x[:, 0] + jnp.sqrt(2 / jnp.pi)), example=X)
    assert "0.1*x0" in formula.to("text")
    assert "0.7978845608028654" in formula.to("text")


def test_with_64_bits_a_function_is_exact():
    with bits64():
        weights = jnp.asarray(DRAW.normal(size=(3, 2)))
        function = jax.jit(lambda x: jnp.sin(x @ weights))
        formula = cf.read(function, example=X)
        assert not formula.precision
        near_to(formula(X), np.asarray(function(X)), 1e-14)
        certificate = formula.verify(function, X)
        assert certificate.ok
        assert {c.method for c in certificate.checks} == {"function, float64"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_numbers_of_every_float_type_are_taken_as_they_are(dtype):
    weights = jnp.asarray(DRAW.normal(size=(3, 2)), dtype)
    function = jax.jit(lambda x: jnp.tanh(x @ weights))
    rows = jnp.asarray(X, dtype)
    formula = cf.read(function, example=rows)
    exact = np.tanh(np.asarray(rows, float) @ np.asarray(weights, float))
    near_to(formula(np.asarray(rows, float)), exact, 1e-14)
    assert formula.precision["y0"].dtype == dtype
    assert formula.verify(function, np.asarray(rows, float)).ok


# --- inputs and outputs -------------------------------------------------------------------------


def gated(x: Any, kind: Any) -> Any:
    """Several inputs, one of them whole, and a dict of results."""
    table = jnp.arange(12.0).reshape(4, 3) * 0.1
    hidden = jnp.tanh(x + table[kind])
    return {"mean": hidden.mean(1), "parts": (hidden[:, :2], {"most": hidden.max(1)})}


def test_several_inputs_and_containers_of_results_keep_their_names():
    kinds = np.array([0, 1, 2, 3] * 10)
    formula = check(gated, X, kinds, wide=True)
    assert [f.name for f in formula.inputs] == ["x[0]", "x[1]", "x[2]", "kind"]
    assert list(formula.outputs) == ["mean", "parts_0[0]", "parts_0[1]", "parts_1_most"]
    assert formula.verify(jax.jit(gated), (X, kinds)).ok
    for wrong in (0.5, None, 1e12):
        row = {"x[0]": 0.0, "x[1]": 0.0, "x[2]": 0.0, "kind": wrong}
        assert np.isnan(formula(row, "mean"))


def test_places_beyond_the_end_are_those_that_jax_takes():
    table = jnp.arange(5.0) ** 2
    rows = np.array([[-7.0], [-5.0], [-1.0], [0.0], [4.0], [5.0], [9.0]])
    ways = {
        "plain": lambda i: table[i],
        "take": lambda i: jnp.take(table, i),
        "clip": lambda i: table.at[i].get(mode="clip"),
        "fill": lambda i: table.at[i].get(mode="fill", fill_value=-1.0),
        "wrap": lambda i: jnp.take(table, i, mode="wrap"),
    }
    check(
        lambda i: {name: way(i[:, 0]) for name, way in ways.items()}, np.zeros((2, 1), int),
        rows=rows, wide=False,
    )  # fmt: skip


def test_arguments_are_given_by_name_and_as_containers():
    @jax.jit
    def function(batch, *, scale):
        return batch["x"] * scale[:, None] + batch["more"][0]

    x, scale = X[:, :2], X[:, 2]
    given = {"batch": {"x": x, "more": [x * 2]}, "scale": scale}
    formula = cf.read(function, example=given)
    names = [f.name for f in formula.inputs]
    assert names == [f"batch.{p}[{i}]" for p in ("more.0", "x") for i in (0, 1)] + ["scale"]
    flat = np.hstack([x * 2, x, scale[:, None]])
    expected = columns(function(**given))
    near_to(formula(flat), expected, 1e-6)
    assert formula.verify(function, flat).ok
    assert (formula(given) == formula(flat)).all()
    assert (formula({k: jax.tree.map(jnp.asarray, v) for k, v in given.items()}).shape) == (40, 2)


def test_rows_are_taken_as_the_function_takes_them():
    function = jax.jit(lambda x: x.reshape(len(x), -1) @ (jnp.arange(8.0).reshape(8, 1) + 1))
    x = DRAW.normal(size=(5, 2, 4)).astype(np.float32)
    formula = cf.read(function, example=x)
    assert formula.inputs[5].name == "x[1,1]"
    expected = formula(x.reshape(5, 8))
    for rows in (x, jnp.asarray(x), (x,), (jnp.asarray(x),), {"x": x}):
        assert (formula(rows) == expected).all()
        assert formula.verify(function, rows).ok


def test_truths_are_taken_as_0_and_1():
    rows = np.array([[True, False], [True, True], [False, False]])
    function = lambda m: (m[:, 0] & ~m[:, 1], m.sum(1), jnp.where(m, 2.0, 3.0))  # noqa: E731
    formula = check(function, rows)
    assert np.isnan(formula(np.array([[2.0, 1.0]]), "y0"))
    assert formula.verify(jax.jit(function), rows).ok


def test_a_function_of_one_row_is_vmapped():
    one = lambda x, y: jnp.sin(x) * y  # noqa: E731
    formula = cf.read(jax.jit(jax.vmap(one)), example=(X[:, 0], X[:, 1]))
    near_to(formula(X[:, :2])[:, None], (np.sin(X[:, 0]) * X[:, 1])[:, None], 1e-14)


def test_a_formula_is_saved_and_still_verifies(tmp_path):
    kinds = np.array([0, 1, 2, 3] * 10)
    cf.read(jax.jit(gated), example=(X, kinds)).save(tmp_path / "formula.json")
    assert cf.load(tmp_path / "formula.json").verify(jax.jit(gated), (X, kinds)).ok


def test_units_are_named_and_a_network_is_written_as_matrices():
    formula = cf.read(jax.jit(lambda x: jax.nn.relu(jnp.tanh(x @ W) @ V) @ V.T), example=X)
    assert "h1_1 = tanh(" in formula.to("text")
    assert "h2_2 = max(" in formula.to("text")
    assert r"\tanh" in formula.to("latex", form="matrix")
    for target in ("python", "numpy"):
        assert cf.verify_program(formula, target, X).ok


def test_what_is_missing_stays_so_in_a_pool_of_many_rows():
    image = DRAW.normal(size=(40, 4, 4)).astype(np.float32)
    image[:, 0, 0] = np.nan
    function = jax.jit(
        lambda x: lax.reduce_window(jax.nn.relu(x), 0.0, lax.add, (1, 2, 2), (1, 2, 2), "VALID")
    )
    formula = cf.read(function, example=np.zeros((1, 4, 4)))
    assert formula.verify(function, image).ok


# --- modules ------------------------------------------------------------------------------------


def equinox_modules() -> dict[str, tuple[Any, Any]]:
    """Modules of one row, with an example of rows."""
    eqx = pytest.importorskip("equinox")
    keys = jax.random.split(jax.random.key(0), 12)
    mlp = eqx.nn.MLP(3, 2, 5, 2, key=keys[0], activation=jax.nn.silu)
    attention = eqx.nn.MultiheadAttention(2, 6, key=keys[4])
    image, sequence = np.zeros((2, 1, 6, 6)), np.zeros((2, 4, 6))

    def of_rows(x):
        return jax.vmap(mlp)(x)

    class Recurrent(eqx.Module):
        cell: Any

        def __call__(self, x):
            start = jnp.zeros(self.cell.hidden_size)
            return lax.scan(lambda h, now: (self.cell(now, h), None), start, x)[0]

    return {
        "mlp": (mlp, X),
        "mlp of rows": (eqx.filter_vmap(mlp), X),
        "mlp, compiled": (eqx.filter_jit(mlp), X),
        "mlp of rows, compiled": (eqx.filter_jit(eqx.filter_vmap(mlp)), X),
        "function of rows, compiled": (eqx.filter_jit(of_rows), X),
        "dropout": (eqx.nn.Sequential([mlp, eqx.nn.Dropout(0.5)]), X),
        "norms": (eqx.nn.Sequential([eqx.nn.LayerNorm(3), eqx.nn.RMSNorm(3)]), X),
        "group norm": (eqx.nn.GroupNorm(2, 4), np.zeros((2, 4, 3))),
        "convolution": (
            eqx.nn.Sequential([
                eqx.nn.Conv2d(1, 2, 3, padding=1, key=keys[1]), eqx.nn.Lambda(jax.nn.relu),
                eqx.nn.MaxPool2d(2, 2), eqx.nn.AvgPool2d(2, 1),
                eqx.nn.ConvTranspose2d(2, 1, 2, key=keys[2]),
            ]), image,
        ),
        "recurrent": (Recurrent(eqx.nn.GRUCell(6, 3, key=keys[3])), sequence),
        "attention": (
            eqx.filter_vmap(lambda x: attention(x, x, x)),
            sequence,
        ),
    }  # fmt: skip


EQUINOX = (
    "mlp", "mlp of rows", "mlp, compiled", "mlp of rows, compiled", "function of rows, compiled",
    "dropout", "norms", "group norm", "convolution", "recurrent", "attention",
)  # fmt: skip


@pytest.mark.parametrize("name", EQUINOX)
def test_modules_of_equinox_are_read(name):
    model, rows = equinox_modules()[name]
    formula = cf.read(model, example=rows)
    tried = rows_for(formula)
    assert formula.verify(model, tried, made_up=False).ok


def test_an_equinox_module_says_how_many_inputs_it_has_and_stays_in_training():
    eqx = pytest.importorskip("equinox")
    layer = eqx.nn.Linear(3, 2, key=jax.random.key(0))
    model = eqx.nn.Sequential([layer, eqx.nn.Dropout(0.5)])
    formula = cf.read(model)
    expected = np.asarray(X @ np.asarray(layer.weight, float).T + np.asarray(layer.bias))
    near_to(formula(X), expected, 1e-14)
    assert not model.layers[1].inference


def linen() -> tuple[Any, Any]:
    """A module of Flax Linen and its variables."""
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.BatchNorm(use_running_average=True)(nn.Dense(4)(x))
            x = nn.LayerNorm()(nn.gelu(x))
            return nn.softmax(nn.Dense(2)(nn.Dropout(0.5, deterministic=True)(x)))

    return Net(), Net().init(jax.random.key(0), X)


def test_modules_of_flax_linen_are_read():
    net, variables = linen()
    formula = cf.read(net.bind(variables), example=X)
    near_to(formula(X), np.asarray(net.apply(variables, X), float), 1e-5)
    assert formula.verify(net.bind(variables), X).ok
    applied = cf.read(jax.jit(partial(net.apply, variables)), example=X)
    assert (applied(X) == formula(X)).all()
    with pytest.raises(cf.UnsupportedModel, match="holds no parameters"):
        cf.read(net, example=X)


def test_train_states_of_flax_are_read():
    nn = pytest.importorskip("flax.linen")
    from flax.training.train_state import TrainState

    optax = pytest.importorskip("optax")
    net = nn.Dense(2)
    params = net.init(jax.random.key(0), X)["params"]
    state = TrainState.create(apply_fn=net.apply, params=params, tx=optax.sgd(0.1))
    formula = cf.read(state, example=X)
    assert formula.verify(state, X).ok

    class Statistics(TrainState):
        batch_stats: Any = None

    more = Statistics.create(apply_fn=net.apply, params=params, tx=optax.sgd(0.1))
    with pytest.raises(cf.UnsupportedModel, match="may hold more than parameters"):
        cf.read(more, example=X)


def test_modules_of_flax_nnx_are_read_in_evaluation_mode():
    nnx = pytest.importorskip("flax.nnx")

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(3, 4, rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)
            self.drop = nnx.Dropout(0.5, rngs=rngs)
            self.last = nnx.Linear(4, 2, rngs=rngs)

        def __call__(self, x):
            return self.last(self.drop(nnx.elu(self.norm(self.first(x)))))

    model = Net(nnx.Rngs(0))
    model(jnp.asarray(DRAW.normal(size=(64, 3))))  # statistics as training leaves them
    formula = cf.read(model)
    assert not model.drop.deterministic
    assert formula.verify(model, X).ok
    asked = nnx.clone(model)
    asked.eval()
    near_to(formula(X), np.asarray(asked(X), float), 1e-5)


# --- what is refused ----------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "two at once": (lambda x: jnp.argsort(x, 1) + jax.scipy.special.gammaln(x), "for 2 reasons"),
    "order": (lambda x: jnp.argsort(x, 1), "argsort"),
    "positions": (lambda x: lax.top_k(x, 2)[1], "the positions that top_k gives"),
    "callback": (
        lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x),
        "calls code that JAX does not show",
    ),
    "random": (
        lambda x: jax.vmap(lambda s: jax.random.normal(jax.random.key(s)))(x[:, 0].astype(int)),
        "draws at random by a value",
    ),
    "bits": (lambda x: lax.bitcast_convert_type(x, jnp.int32), "works on the bits"),
    "and of numbers": (lambda x: x.astype(int) & 3, "operation and has no formula"),
    "turning over": (lambda x: (x > 0).astype(jnp.uint8) - jnp.uint8(3), "it may turn over"),
    "matrix": (
        lambda x: jax.vmap(jnp.linalg.cholesky)(x[:, :, None] * x[:, None]), "takes apart a matrix",
    ),
    "complex": (lambda x: jnp.fft.fft(x).real, "complex"),
    "loop": (
        lambda x: jax.vmap(lambda v: lax.while_loop(lambda u: u.sum() < 9, lambda u: u * 2, v))(
            jnp.abs(x) + 1
        ),
        "runs as often as its inputs say",
    ),
    "endless": (lambda x: lax.fori_loop(0, 20_000, lambda i, c: c * 0.5, x), "10,000 rounds"),
    "branch": (lambda x: x * 2 if x.sum() > 0 else x, "JAX cannot trace this PjitFunction"),
    "no rows": (jnp.sum, "has no rows"),
    "turned": (jnp.transpose, "has no rows"),
    "nothing": (lambda x: {}, "gives no column at all"),
    "place": (
        lambda x: x * jax.random.uniform(jax.random.key(0), x.shape), "on its place among the rows",
    ),
    "narrow": (lambda x: jnp.sign(x).astype(jnp.int8) * jnp.int8(100), "it may turn over"),
    "a position taken apart": (
        lambda x: lax.map(lambda i: i * 2.0, lax.top_k(x, 2)[1]), "the positions that top_k gives",
    ),
    "mean of rows": (lambda x: x - x.mean(0), "depends on the other rows"),
    "two unknown places": (lambda x: x[x[:, 0].astype(int), x[:, 1].astype(int)], "several values"),
    "writing": (
        jax.vmap(lambda v: v.at[v[0].astype(int)].set(1.0)), "writing to a place that depends",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_refused_by_name(name):
    function, says = REFUSED[name]
    with pytest.raises(cf.UnsupportedModel) as caught:
        cf.read(jax.jit(function), example=X)
    assert says in str(caught.value)
    assert caught.value.hint or caught.value.problems


def test_what_is_too_large_is_refused():
    weights = jnp.ones((100, 3, 3, 3))

    def function(x):
        return lax.conv(x, weights.astype(x.dtype), (1, 1), "SAME")

    with pytest.raises(cf.UnsupportedModel, match="are the most that are read"):
        cf.read(jax.jit(function), example=np.zeros((1, 3, 64, 64)))


def test_a_python_function_is_refused_with_the_way_to_give_it():
    for function in (network, partial(network), jax.vmap(network), len):
        with pytest.raises(cf.UnsupportedModel) as caught:
            cf.read(function, example=X)
        assert "jax.jit(f), example=X" in caught.value.hint


def test_what_nnx_has_jitted_is_a_function_of_rows():
    nnx = pytest.importorskip("flax.nnx")
    model = nnx.jit(nnx.Linear(3, 1, rngs=nnx.Rngs(0)))
    rows = X[:, :3].astype("float32")
    formula = cf.read(model, example=rows)
    assert np.allclose(formula(rows), model(rows)[:, 0], rtol=0, atol=1e-6)
    assert formula.verify(model, rows).ok


def test_what_is_no_function_of_jax_is_refused():
    compiled = jax.jit(network).lower(X)
    for model in (jnp.ones(3), compiled, compiled.compile(), jax.make_jaxpr(network)(X)):
        with pytest.raises(cf.UnsupportedModel, match="no function that can be read"):
            cf.read(model, example=X)


@pytest.mark.parametrize(
    ("example", "says"),
    [
        (np.zeros((0, 3)), "holds no row"),
        (np.array([["a", "b", "c"]]), "holds no row of numbers"),
        (3.0, "holds no row"),
        ((X, {"more": "text"}), "holds no row"),
    ],
)
def test_an_example_that_holds_no_rows_is_refused(example, says):
    with pytest.raises(cf.BadInput, match=says):
        cf.read(jax.jit(lambda x, more=None: x), example=example)


def test_rows_that_a_function_cannot_take_are_refused_by_both():
    function = jax.jit(lambda i: jnp.arange(4.0)[i])
    formula = cf.read(function, example=np.array([0, 1, 2]))
    certificate = formula.verify(function, np.array([[0.0], [1.5], [3.0]]), made_up=False)
    assert certificate.ok
    assert certificate.domains[0].refused == 1
    assert arguments(formula, np.array([[1.0]]), False)[0].dtype == "int32"


def test_what_the_documents_show_of_jax_runs():
    page = Path(__file__).parents[1] / "docs/jax.md"
    found = re.findall(r"^```python jax\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    assert found
    for code in found:
        exec(compile(code, str(page), "exec"), {"np": np, "cf": cf})
