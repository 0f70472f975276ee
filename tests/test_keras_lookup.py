"""StringLookup and IntegerLookup in files, which need no TensorFlow; and what may be missing."""

import json
import zipfile
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("torch")

from keras_models import L, chain, filled, keras, rows_of

pytestmark = pytest.mark.filterwarnings("ignore")

o = keras.ops
WORDS, NUMBERS = ["low", "high", "it's"], [10, 3, 7]
UNK = "[UNK]"


def looked_up(path: Any, options: dict[str, Any], width: int = 0, seen: str | None = None) -> Any:
    """Return the formula of a file in which a lookup stands first, and the weights behind it.

    Args:
        path: of the file.
        options: of the lookup.
        width: how many columns it gives; 0 where it gives places in a table of 7.
        seen: its vocabulary as a text beside the options.
    """
    behind = [L.Dense(1)] if width else [L.Embedding(7, 1), L.Flatten()]
    model = chain(*behind, shape=(width or 1,), dtype="float32" if width else "int64")
    model.save(path)
    text = isinstance(options.get("oov_token", UNK), str)
    kind = "StringLookup" if text else "IntegerLookup"
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    config = json.loads(parts["config.json"])
    layers = config["config"]["layers"]
    layers[0]["config"].update(batch_shape=[None, 1], dtype="string" if text else "int64")
    told = {"name": "look", "dtype": "float32", "oov_token": UNK, **options}
    layers.insert(1, {"module": "keras.layers", "class_name": kind, "config": told})
    parts["config.json"] = json.dumps(config).encode()
    if seen is not None:
        place = "string_lookup" if text else "integer_lookup"
        parts[f"assets/layers/{place}/vocabulary.txt"] = seen.encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    weights = [w.astype(float) for w in model.get_weights()]
    return cf.read(path), weights


def answers(formula: cf.Formula, labels: list[Any]) -> list[float]:
    return formula(np.array(labels, dtype=object).reshape(-1, 1)).ravel().tolist()


PLACES: dict[str, tuple[dict[str, Any], list[Any], list[float]]] = {
    "one place for others": ({"vocabulary": WORDS}, ["low", "it's", "?", UNK], [1, 3, 0, 0]),
    "a label for nothing": (
        {"vocabulary": WORDS, "mask_token": ""}, ["", "low", "it's", "?"], [0, 2, 4, 1]),
    "special ones told": (
        {"vocabulary": ["", UNK, *WORDS], "mask_token": ""}, ["", "low", "?"], [0, 2, 1]),
    "none for others": (
        {"vocabulary": WORDS, "num_oov_indices": 0}, ["low", "it's", "?"], [0, 2, np.nan]),
    "hashed": ({"vocabulary": WORDS, "num_oov_indices": 3}, ["low", "?"], [3, np.nan]),
    "numbers": ({"vocabulary": NUMBERS, "oov_token": -1}, [10, 7, 5], [1, 3, 0]),
    "numbers, two places": (
        {"vocabulary": NUMBERS, "oov_token": -1, "num_oov_indices": 2, "mask_token": 0},
        [0, 10, 4, 5, -3], [0, 3, 1, 2, 2]),
    "numbers hashed": (
        {"vocabulary": NUMBERS, "oov_token": -1, "num_oov_indices": 2, "oov_method": "farmhash"},
        [10, 5], [2, np.nan]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_labels_become_their_places(name, tmp_path):
    options, labels, places = PLACES[name]
    formula, (table,) = looked_up(tmp_path / "m.keras", options)
    expected = [np.nan if np.isnan(p) else table[int(p), 0] for p in places]
    assert np.array_equal(answers(formula, labels), expected, equal_nan=True)
    assert np.isnan(answers(formula, [None])).all()


CODES: dict[str, tuple[dict[str, Any], int, list[Any], list[list[float]]]] = {
    "one hot": ({"output_mode": "one_hot"}, 4, ["low", "?"], [[0, 1, 0, 0], [1, 0, 0, 0]]),
    "an older name": ({"output_mode": "binary"}, 4, ["it's"], [[0, 0, 0, 1]]),
    "the label for nothing has no column": (
        {"output_mode": "multi_hot", "mask_token": ""}, 4, ["", "low"], [[0] * 4, [0, 1, 0, 0]]),
    "filled up": (
        {"output_mode": "count", "max_tokens": 6, "pad_to_max_tokens": True}, 6,
        ["high", "?"], [[0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", CODES)
def test_labels_become_columns(name, tmp_path):
    options, width, labels, codes = CODES[name]
    told = {"vocabulary": WORDS, **options}
    formula, (weights, bias) = looked_up(tmp_path / "m.keras", told, width)
    expected = (np.array(codes) @ weights + bias).ravel()
    assert abs(np.array(answers(formula, labels)) - expected).max() < 1e-15


def test_a_vocabulary_that_was_seen_lies_beside_the_options(tmp_path):
    told = {"vocabulary": None}
    formula, (table,) = looked_up(tmp_path / "m.keras", told, seen="[UNK]\nlow\nhigh\n\n")
    assert answers(formula, ["high", "?"]) == [table[2, 0], table[0, 0]]
    told = {"vocabulary": None, "oov_token": -1}
    formula, (table,) = looked_up(tmp_path / "n.keras", told, seen="-1\n30\n4")
    assert answers(formula, [4, 5]) == [table[2, 0], table[0, 0]]


@pytest.mark.parametrize(
    ("options", "seen", "error"),
    [
        ({"vocabulary": None}, None, "has not been adapted"),
        ({"vocabulary": ["a", "a"]}, None, "twice"),
        ({"vocabulary": [1, 2]}, None, "no labels"),
        ({"vocabulary": "words.txt"}, None, "no list"),
        ({"vocabulary": WORDS, "invert": True}, None, "gives text"),
        ({"vocabulary": None, "oov_token": -1}, "one\ntwo", "invalid literal"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(options, seen, error, tmp_path):
    with pytest.raises((cf.UnsupportedModel, cf.BadFile), match=error):
        looked_up(tmp_path / "m.keras", options, seen=seen)


def test_a_formula_over_labels_is_saved_and_printed(tmp_path):
    formula, _ = looked_up(tmp_path / "m.keras", {"vocabulary": WORDS})
    formula.save(tmp_path / "f.json")
    assert answers(cf.load(tmp_path / "f.json"), WORDS) == answers(formula, WORDS)
    assert "it's" in str(formula) and formula.to("python")


def test_a_missing_number_of_which_backends_make_something_else_is_not_taken():
    net = chain(L.Dense(3, activation="relu"), L.Dense(2))
    formula = cf.read(net)
    assert not any(f.missing for f in formula.inputs)
    rows = rows_of(formula)
    rows[::2, 0] = np.nan
    assert np.isnan(formula(rows)[::2]).all()
    assert formula.verify(net, rows).ok


def test_a_missing_number_that_the_model_asks_about_is_taken():
    x = keras.Input((2,))
    known = o.where(o.isnan(x), 0.5, x)
    net = filled(keras.Model(x, L.Dense(1)(L.Dense(3, activation="relu")(known))))
    formula = cf.read(net)
    assert all(f.missing for f in formula.inputs)
    rows = rows_of(formula)
    rows[::2, 0] = np.nan
    assert abs(formula(rows) - net.predict(rows, verbose=0).ravel()).max() < 1e-5
    assert formula.verify(net, rows).ok


def test_a_number_that_is_a_boundary_in_float32_lies_in_the_bin_above_it():
    net = chain(L.Discretization(bin_boundaries=[0.1, 0.7]), shape=(1,))
    edges = [0.1, 0.7, float(np.float32(0.1)), float(np.float32(0.7))]
    rows = np.array([[np.nextafter(x, to)] for x in edges for to in (0.0, x, 1.0)])
    formula = cf.read(net)
    assert (formula(rows) == net.predict(rows, verbose=0).ravel()).all()
    assert formula.verify(net, rows).ok
