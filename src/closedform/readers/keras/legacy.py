"""Whole models in one HDF5 file, as Keras wrote them before `.keras` files and still can.

The options are a JSON text among the attributes. The weights of a layer are one list, those of its
parts included; here they are put where a `.keras` file has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from closedform.errors import UnsupportedModel
from closedform.ir import Array
from closedform.loading.stream import Broken, shown
from closedform.readers.documents import json_document
from closedform.readers.keras.hdf5 import Hdf5, arrays
from closedform.readers.keras.layer import StoredLayer, snake_case, stored_layers
from closedform.readers.keras.recurrent import WITH_CELL

ATTENTION = ("query_dense", "key_dense", "value_dense", "output_dense")


def read_whole(raw: bytes) -> tuple[Mapping[str, Any], dict[str, Array], str]:
    """Return the options, the weights as `.keras` files name them, and the version.

    Raises:
        Broken: the file is damaged.
        UnsupportedModel: it holds weights alone, or weights whose layers are not known.
    """
    file = Hdf5(raw)
    messages = file.messages(file.root)
    about, links = file.attributes(messages), file.links(messages)
    config = about.get("model_config")
    if not isinstance(config, str) or "model_weights" not in links:
        raise UnsupportedModel(
            "The HDF5 file holds no whole Keras model: it has no options of layers.",
            hint="Weights alone are not enough: save the model with model.save('name.keras').",
        )
    document = json_document(config.encode())
    held = file.links(file.messages(links["model_weights"]))
    store: dict[str, Array] = {}
    for layer, place in _places(document):
        name = str(layer["config"].get("name", layer.get("name")))
        if name in held:
            store |= _placed(layer, place, _weights(file, held[name]))
    return _marked(document), store, shown(str(about.get("keras_version", "")))[:20]


def _marked(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**document, "module": document.get("module", "keras")}


def _places(
    document: Mapping[str, Any], place: str = ""
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each layer of a model at a path, with the path of its weights in a `.keras` file."""
    config, start = document["config"], f"{place}/layers" if place else "layers"
    layers = config if isinstance(config, list) else config["layers"]
    seen: dict[str, int] = {}
    for layer in layers:
        kind = str(layer["class_name"])
        if document["class_name"] == "Sequential" and kind == "InputLayer":
            continue
        word = snake_case(kind)
        count = seen.get(word, 0)
        seen[word] = count + 1
        yield layer, f"{start}/{word}_{count}" if count else f"{start}/{word}"


Weights = Sequence[tuple[str, Array]]
"""Weights in their order, each with its name."""


def _weights(file: Hdf5, place: int) -> Weights:
    """Return the weights of a layer."""
    names = file.attributes(file.messages(place)).get("weight_names")
    if names is None or not len(names):
        return []
    found = arrays(file, place)
    missing = [name for name in names if name not in found]
    if missing:
        raise Broken(f"it lacks the weights {shown(str(missing[0]))}")
    return [(name, found[name]) for name in names]


MODELS = ("Functional", "Model", "Sequential")


def _placed(layer: Mapping[str, Any], place: str, weights: Weights) -> dict[str, Array]:
    kind = str(layer["class_name"])
    if kind in MODELS:
        return _of_inner(layer, place, weights)
    paths = list(_paths(layer, place, len(weights)))
    if len(paths) != len(weights):
        raise _unknown_order(f"The weights of the layer {shown(kind)} lie")
    return dict(zip(paths, (values for _, values in weights), strict=True))


def _unknown_order(what: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"{what} in an order that is not known.",
        hint="Load the model with Keras, and save it again: model.save('name.keras').",
    )


def _of_inner(model: Mapping[str, Any], place: str, weights: Weights) -> dict[str, Array]:
    """Return the weights of a model within the model, which lie in one list, by their layers.

    Those that were trained come first, the others after them, so that only the names tell.
    """
    todo, layers = [(model, place)], dict[str, tuple[Mapping[str, Any], str]]()
    while todo:
        for layer, at in _places(*todo.pop()):
            if layer["class_name"] in MODELS:
                todo.append((layer, at))
            name = str(layer["config"]["name"])
            if name in layers:
                raise _unknown_order(f"Two layers are called {shown(name)}: their weights lie")
            layers[name] = (layer, at)
    held: dict[str, list[tuple[str, Array]]] = {}
    for name, values in weights:
        known = [part for part in str(name).split("/")[:-1] if part in layers]
        if not known or layers[known[-1]][0]["class_name"] in MODELS:
            raise _unknown_order(f"The weights of the model within, {shown(place)}, lie")
        held.setdefault(known[-1], []).append((name, values))
    made: dict[str, Array] = {}
    for name, own in held.items():
        made |= _placed(*layers[name], own)
    return made


def _cell_paths(cell: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield where the weights of a cell belong, of stacked ones one after the other."""
    if cell["class_name"] != "StackedRNNCells":
        count = 2 + bool(cell["config"].get("use_bias", True))
        yield from (f"{place}/vars/{i}" for i in range(count))
        return
    for part in stored_layers(cell["config"]["cells"], {}, f"{place}/cells"):
        assert isinstance(part, StoredLayer)
        yield from _cell_paths(part.document, part.path)


def _paths(layer: Mapping[str, Any], place: str, count: int) -> Iterator[str]:
    """Yield where each of a layer's weights belongs."""
    kind, config = str(layer["class_name"]), layer["config"]
    if kind in WITH_CELL:
        yield from (f"{place}/cell/vars/{i}" for i in range(count))
    elif kind == "RNN":
        yield from _cell_paths(config["cell"], f"{place}/cell")
    elif kind == "Bidirectional":
        inner = config["layer"]
        backward = config.get("backward_layer", inner)
        if inner["class_name"] not in WITH_CELL or count % 2:
            return
        assert backward is not None
        for name in ("forward_layer", "backward_layer"):
            yield from _paths(inner, f"{place}/{name}", count // 2)
    elif kind == "TimeDistributed":
        yield from _paths(config["layer"], f"{place}/layer", count)
    elif kind == "MultiHeadAttention":
        each = 2 if config.get("use_bias", True) else 1
        for name in ATTENTION:
            yield from (f"{place}/{name}/vars/{i}" for i in range(each))
    elif "layer" not in config and "cell" not in config:
        yield from (f"{place}/vars/{i}" for i in range(count))
