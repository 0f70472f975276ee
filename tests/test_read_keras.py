"""Keras models: graphs, inputs, outputs, code, files, certificates, and what is refused."""

import json
import zipfile
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("torch")

from keras_models import L, chain, check, check_file, filled, keras, rows_of

pytestmark = pytest.mark.filterwarnings("ignore")

o = keras.ops


def two_ways() -> Any:
    """Shared layers, operations, a nested model, several inputs and outputs by name."""
    a, b = keras.Input((5, 3), name="a"), keras.Input((4,), name="b")
    shared = L.Dense(2)
    y = o.tanh(shared(b)) + shared(b) * 2.0
    z = L.Concatenate()([L.Flatten()(L.Conv1D(2, 2)(a)), y[:, :1], 1.0 - b])
    inner = keras.Input((13,))
    part = keras.Model(inner, [L.Dense(2, activation="tanh")(inner), inner * 2.0])
    first, second = part(z)
    return keras.Model({"a": a, "b": b}, {"share": o.softmax(first), "rest": second[:, 3:5]})


def attending() -> Any:
    """Attention of three kinds, and what is between them."""
    x = keras.Input((3, 4))
    y = keras.Input((2, 4))
    h, scores = L.MultiHeadAttention(2, 3)(x, y, return_attention_scores=True)
    h = L.LayerNormalization()(h + x)
    h = L.MultiHeadAttention(2, 2, value_dim=3, use_bias=False)(h, h, use_causal_mask=True)
    h = L.GroupQueryAttention(2, 4, 2)(h, y, key=y)
    g = L.Attention(use_scale=True, score_mode="concat")([h, y])
    g = L.Attention(use_scale=True)([g, h, g], use_causal_mask=True)
    g = L.AdditiveAttention()([g, y])
    return keras.Model([x, y], [g, scores])


def embedded() -> Any:
    """Embeddings with masks that go through several layers."""
    words = keras.Input((4,), dtype="int32", name="words")
    x = L.Embedding(5, 3, mask_zero=True)(words)
    x = L.Dropout(0.3)(x)
    h = L.LSTM(2, return_sequences=True)(x)
    h = L.Bidirectional(L.GRU(2, return_sequences=True, zero_output_for_mask=True))(h)
    h = L.Add()([h, L.Dense(4)(x)])
    pooled = L.GlobalAveragePooling1D()(L.Concatenate()([h, x]))
    looks = L.MultiHeadAttention(1, 2)(x, x)
    steps = L.TimeDistributed(L.Dense(2))(x)
    last, state, cell = L.LSTM(2, return_state=True, go_backwards=True)(steps)
    more = L.LSTM(2)(x, initial_state=[state, cell])
    return keras.Model(words, L.Concatenate()([pooled, L.Flatten()(looks), last, more]))


def merged() -> Any:
    """All layers that merge, of tensors with other numbers of axes too."""
    a, b = keras.Input((3,)), keras.Input((2, 3))
    parts = [
        L.Add()([a, b]), L.Subtract()([a, b]), L.Multiply()([a, b, b]), L.Average()([a, b]),
        L.Maximum()([a, b]), L.Minimum()([a, b]),
    ]  # fmt: skip
    dots = [L.Dot(axes=(1, 2))([a, b]), L.Dot(axes=2, normalize=True)([b, b])]
    flat = [L.Flatten()(x) for x in (*parts, *dots)]
    return keras.Model([a, b], [*flat, L.Dot(1)([a, a]), L.Concatenate(axis=1)([b, b])])


def coded() -> Any:
    """Layers that make codes of numbers, tables that are used both ways, layers in a row."""
    x = keras.Input((3,), dtype="int32")
    tokens = L.ReversibleEmbedding(5, 2)
    h = tokens(x)
    back = tokens(h, reverse=True)
    codes = [
        L.CategoryEncoding(4, output_mode="multi_hot")(x), L.Flatten()(
            L.CategoryEncoding(4, output_mode="one_hot")(x)),
        L.CategoryEncoding(4, output_mode="count")(x), L.Pipeline([L.Rescaling(2.0)])(x),
    ]  # fmt: skip
    return keras.Model(x, [back, *codes])


GRAPHS = {
    "coded": coded,
    "two ways": two_ways,
    "attending": attending,
    "embedded": embedded,
    "merged": merged,
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_graph_is_read(name):
    check(filled(GRAPHS[name]()), tokens=4)


class Free(keras.Model):
    """A model that is code: layers, weights of its own, a dict of results."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.hidden, self.norm = L.Dense(3, activation="silu"), L.BatchNormalization()
        self.drop = L.Dropout(0.5)

    def build(self, shape: Any) -> None:
        self.hidden.build(shape)
        self.norm.build((None, 3))
        self.mix = self.add_weight(shape=(3, 2), name="mix")

    def call(self, x: Any, training: bool = False) -> Any:
        h = self.drop(self.norm(self.hidden(x)), training=training)
        return {"first": o.matmul(h, self.mix) + h[:, :2] ** 2, "second": -o.sum(h, axis=1)}


def test_a_model_that_is_code_is_traced_and_left_as_it_was():
    model = Free()
    model(np.ones((2, 4)))
    filled(model)
    before = [len(part._inbound_nodes) for part in model._flatten_layers()]
    formula = check(model)
    assert list(formula.outputs) == ["first[0]", "first[1]", "second"]
    assert before == [len(part._inbound_nodes) for part in model._flatten_layers()]


def test_a_model_that_was_never_called_is_read_by_an_example():
    with pytest.raises(cf.NotFitted, match="never been called"):
        cf.read(Free())
    model = Free()
    model.build((None, 4))
    model.built = True
    assert len(cf.read(model, example=np.ones((3, 4))).inputs) == 4


def test_sequences_of_free_length_are_read_at_that_of_an_example(tmp_path):
    model = filled(keras.Sequential([L.Input((None, 2)), L.LSTM(2), L.Dense(1)]))
    with pytest.raises(cf.BadInput, match="of one length"):
        cf.read(model)
    rows = np.random.default_rng(0).normal(size=(9, 3, 2))
    formula = cf.read(model, example=rows)
    assert [f.name for f in formula.inputs][:3] == ["x[0,0]", "x[0,1]", "x[1,0]"]
    assert formula.verify(model, rows).ok
    model.save(tmp_path / "m.keras")
    stored = cf.read(tmp_path / "m.keras", example=rows[:1])
    assert stored.outputs == formula.outputs
    with pytest.raises(cf.BadInput, match="rows of shape"):
        cf.read(model, example=rows[..., :1])


def test_lambdas_and_activations_that_are_code_are_traced():
    def twice(x: Any) -> Any:
        return o.tanh(x) * 2.0

    check(chain(L.Dense(3, activation=twice), L.Lambda(lambda x: x * x)))
    check(chain(L.LSTM(2, activation=twice), L.Dense(2, activation=o.sin), shape=(3, 2)))
    factor = 3.0
    check(chain(L.Lambda(lambda x: x * factor), L.Dense(2)))  # what no copy of it would know


def test_inputs_and_outputs_have_names():
    formula = cf.read(filled(two_ways()))
    assert [f.name for f in formula.inputs][14:17] == ["a[4,2]", "b[0]", "b[1]"]
    assert list(formula.outputs) == ["rest[0]", "rest[1]", "share[0]", "share[1]"]
    formula = cf.read(chain(L.Dense(2)), names=["p", "q", "r", "s"])
    assert [f.name for f in formula.inputs] == ["p", "q", "r", "s"]
    with pytest.raises(cf.BadInput, match="1 names were given for 4"):
        cf.read(chain(L.Dense(2)), names=["p"])


def test_a_certificate_takes_rows_as_the_model_does():
    model = filled(two_ways())
    draw = np.random.default_rng(1)
    rows = {"a": draw.normal(size=(20, 5, 3)), "b": draw.normal(size=(20, 4))}
    certificate = cf.read(model).verify(model, rows)
    assert certificate.ok
    by = {(check.method, check.set): check for check in certificate.checks}
    assert by["model in float64", "given"].worst_relative < 1e-14
    assert by["predict, float32", "given"].worst_relative > 1e-9


def test_a_certificate_fails_where_the_model_is_another_one():
    model, other = chain(L.Dense(2)), chain(L.Dense(2))
    weights = other.get_weights()
    weights[0][0, 0] += 1e-5
    other.set_weights(weights)
    certificate = cf.read(model).verify(other, np.random.default_rng(0).normal(size=(30, 4)))
    assert not certificate.ok


def test_whole_numbers_are_taken_where_the_model_takes_them():
    model = chain(L.Embedding(4, 2), L.Flatten(), shape=(2,), dtype="int32")
    formula = cf.read(model)
    expected = model.predict(np.array([[1, 3]]), verbose=0)[0]
    assert abs(formula({"x0": [1.0], "x1": [3.0]}) - expected).max() < 1e-7
    for odd in (0.5, 7.0, np.nan):
        assert np.isnan(formula({"x0": [odd], "x1": [3.0]})[0, :2]).all()


def test_numbers_before_an_embedding_are_truncated_as_the_model_does():
    model = chain(L.Embedding(4, 2), L.Flatten(), shape=(2,))
    rows = np.array([[1.9, 0.2], [3.0, 2.5], [-0.5, 1.0]])
    assert abs(cf.read(model)(rows) - model.predict(rows, verbose=0)).max() < 1e-7


@pytest.mark.parametrize("policy", ["float64", "mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_every_dtype_policy_is_taken_as_it_is(policy):
    parts = L.Dense(4, activation="tanh", dtype=policy), L.Dense(2, dtype=policy)
    model = chain(*parts)
    formula = check(model)
    dtype = policy.removeprefix("mixed_")
    assert formula.precision["y0"].dtype == ("float32" if dtype == "float64" else dtype)
    assert formula.verify(model, rows_of(formula)).ok


def test_a_file_gives_the_same_formula_as_the_model(tmp_path):
    for name, made in GRAPHS.items():
        model = filled(made())
        check_file(model, cf.read(model), tmp_path / f"{name}.keras")


def test_a_model_in_one_hdf5_file_is_read(tmp_path):
    line = [L.Conv1D(3, 2, activation="relu"), L.BatchNormalization(),
            L.Bidirectional(L.LSTM(2, return_sequences=True)), L.TimeDistributed(L.Dense(2)),
            L.GRU(2), L.Dense(2, activation="softmax")]  # fmt: skip
    model = chain(*line, shape=(5, 3))
    check_file(model, cf.read(model), tmp_path / "model.h5")
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(cf.UnsupportedModel, match="holds no whole Keras model"):
        cf.read(tmp_path / "model.weights.h5")


def test_code_in_a_file_is_refused_by_name(tmp_path):
    keras.Sequential([L.Input((3,)), L.Dense(2), L.Lambda(lambda x: x + 1)]).save(
        tmp_path / "a.keras"
    )
    with pytest.raises(cf.UnsupportedModel, match=r"'lambda.*is code"):
        cf.read(tmp_path / "a.keras")
    model = Free()
    model(np.ones((2, 4)))
    model.save(tmp_path / "b.keras")
    with pytest.raises(cf.UnsupportedModel, match="holds a Free"):
        cf.read(tmp_path / "b.keras")
    chain(Own()).save(tmp_path / "c.keras")
    with pytest.raises(cf.UnsupportedModel, match=r"\(Own\) is not Keras' own"):
        cf.read(tmp_path / "c.keras")


class Own(L.Layer):
    """A layer that is code."""

    def call(self, x: Any) -> Any:
        return x * 2.0


def test_all_problems_are_reported_at_once():
    x = keras.Input((4, 3))
    y = L.LSTM(2, stateful=False, activation=o.sort)(x)
    z = o.argsort(o.sort(x, axis=1), axis=1)
    model = keras.Model(x, [y, z])
    with pytest.raises(cf.UnsupportedModel) as caught:
        cf.read(model)
    told = str(caught.value)
    assert "for 2 reasons" in told and "lstm" in told
    assert "puts values in order" in told


class Centred(L.Layer):
    """A layer that is code, and takes the mean over the rows of a call."""

    def call(self, x: Any) -> Any:
        return x - o.mean(x, axis=0)


class Branching(L.Layer):
    """A layer that is code, and takes another way by what its values are."""

    def call(self, x: Any) -> Any:
        return x if o.sum(x) > 0 else -x


class Drawing(L.Layer):
    """A layer that is code, and draws at random, training or not."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = L.Dropout(0.5)

    def call(self, x: Any) -> Any:
        return self.drop(x, training=True)


def masked_product() -> Any:
    """Return a model that multiplies tensors with masks."""
    words = keras.Input((4,), dtype="int32")
    parts = [L.Embedding(4, 2, mask_zero=True)(words) for _ in range(2)]
    return keras.Model(words, L.Multiply()(parts))


def quantised() -> Any:
    """Return a model whose weights are codes of eight bits."""
    model = chain(L.Dense(4))
    model.quantize("int8")
    return model


REFUSED: dict[str, tuple[Any, str]] = {
    "rows that mix": (lambda: chain(Centred()), "depends on the other rows"),
    "a way that depends on values": (lambda: chain(Branching()), "cannot be traced"),
    "draws": (lambda: chain(L.Dense(8), Drawing()), "another answer each time"),
    "a state": (
        lambda: keras.Sequential([L.Input((3, 2), batch_size=1), L.LSTM(2, stateful=True)]),
        "keeps its state",
    ),
    "masks that change values": (masked_product, "with masks"),
    "codes": (quantised, "is quantised"),
    "a layer without a reader": (
        lambda: keras.Sequential([L.Input((2, 4, 4, 1)), L.ConvLSTM2D(1, 2)]),
        "keeps whole images as its state",
    ),
    "text": (
        lambda: keras.Model(i := keras.Input((3,), dtype="string"), i), "gives text",
    ),
    "no model": (keras.optimizers.Adam, "no Keras model"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_refused_with_the_reason(name):
    made, why = REFUSED[name]
    with pytest.raises(cf.UnsupportedModel, match=why):
        cf.read(made())


def test_what_training_does_is_not_in_the_formula():
    x = keras.Input((3,))
    check(filled(keras.Model(x, L.BatchNormalization()(L.Dropout(0.5)(x, training=True)))))


def test_truths_are_taken_as_0_and_1():
    x = keras.Input((3,), dtype="bool")
    formula = check(filled(keras.Model(x, L.Dense(2)(o.cast(x, "float32")))), tokens=2)
    assert np.isnan(formula([[0.0, 1.0, 0.5]])).all()


def test_a_layer_alone_is_read():
    layer = L.Dense(3, activation="tanh")
    layer.build((None, 2))
    formula = cf.read(layer)
    assert formula.verify(layer, np.ones((4, 2))).ok


def test_weights_of_low_rank_are_merged():
    model = chain(L.Dense(4))
    model.layers[0].enable_lora(2)
    filled(model)
    rows = np.random.default_rng(0).normal(size=(9, 4))
    assert abs(cf.read(model)(rows) - model.predict(rows, verbose=0)).max() < 1e-5


def test_a_model_too_large_is_refused_before_it_is_read():
    model = keras.Sequential([L.Input((64, 64, 8)), L.Conv2D(64, 3)])
    with pytest.raises(cf.UnsupportedModel, match="more than 150,000 parts"):
        cf.read(model)


def test_a_model_that_was_never_built_is_refused():
    with pytest.raises(cf.NotFitted, match="has not been built"):
        cf.read(keras.Sequential([L.Dense(2)]))


def test_formulas_are_saved_and_printed(tmp_path):
    model = filled(two_ways())
    formula = cf.read(model)
    formula.save(tmp_path / "f.json")
    rows = rows_of(formula)
    assert (
        cf.load(tmp_path / "f.json").evaluate(rows)["rest[1]"] == formula(rows, "rest[1]")
    ).all()
    for target in ("text", "latex", "python", "numpy"):
        assert len(formula.to(target)) > 100


def rewritten(path: Any, change: Any) -> None:
    """Change the description in a file."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)


HOSTILE: dict[str, tuple[Any, type[Exception]]] = {
    "a class from elsewhere": (
        lambda c: c["config"]["layers"][1].update(module="os", class_name="system"),
        cf.UnsupportedModel,
    ),
    "a class of the same name": (
        lambda c: c["config"]["layers"][1].update(module=None, registered_name="Dense"),
        cf.UnsupportedModel,
    ),
    "an output that is not there": (
        lambda c: c["config"].update(output_layers=[["d", 0, 5]]), cf.UnsupportedModel,
    ),
    "an activation that is code": (
        lambda c: c["config"]["layers"][1]["config"].update(activation={
            "class_name": "__lambda__", "config": {"value": ["4wEAAA=="]}}),
        cf.UnsupportedModel,
    ),
    "weights that are not there": (
        lambda c: c["config"]["layers"].append(
            {**c["config"]["layers"][1], "class_name": "EinsumDense"}),
        cf.BadFile,
    ),
    "a shape that is none": (
        lambda c: c["config"]["layers"][0]["config"].update(batch_shape=[None, -3]), cf.BadFile,
    ),
    "a row of any size": (
        lambda c: c["config"]["layers"][0]["config"].update(batch_shape=[None, 10**15]),
        cf.UnsupportedModel,
    ),
    "a layer that grows": (
        lambda c: c["config"]["layers"].append(
            {"module": "keras.layers", "class_name": "RepeatVector", "config": {"n": 10**12}}),
        cf.UnsupportedModel,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_descriptions_give_one_clear_error(name, tmp_path):
    change, error = HOSTILE[name]
    x = keras.Input((4,))
    model = keras.Model(x, L.Dense(3, name="d")(x)) if "output" in name else chain(L.Dense(3))
    model.save(tmp_path / "m.keras")
    rewritten(tmp_path / "m.keras", change)
    with pytest.raises(error):
        cf.read(tmp_path / "m.keras")
