"""What Keras 2 wrote otherwise, as today's Keras writes it: files of before December 2023."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from closedform.loading.stream import Broken

OLDER = {"hard_sigmoid": "hard_sigmoid of Keras 2"}
"""Activations that were other functions → the names of these."""

DEEPEST = 500
"""How deeply a description is nested at most; 100 models within models are nested 400 deep."""


def is_second(version: Any) -> bool:
    """Tell whether a version is one before Keras 3."""
    return str(version).startswith(("1.", "2."))


def modern(value: Any, depth: int = 0) -> Any:
    """Return a description of a model by Keras 2 as Keras 3 would write it.

    Raises:
        Broken: it is nested too deeply.
    """
    if depth > DEEPEST:
        raise Broken("its description is nested too deeply")
    if isinstance(value, list):
        return [modern(v, depth + 1) for v in value]
    if not isinstance(value, Mapping):
        return value
    made = {key: modern(v, depth + 1) for key, v in value.items()}
    for key in ("activation", "recurrent_activation"):
        if isinstance(made.get(key), str):
            made[key] = OLDER.get(made[key], made[key])
    module = made.get("module")
    if isinstance(module, str):  # as the package was called when Keras 3 had taken its name
        made["module"] = module.removeprefix("tf_").removeprefix("tensorflow.")
    if made.get("class_name") == "Bidirectional":
        made["config"] = _with_backwards(made.get("config"))
    return _renumbered(made) if "output_layers" in made and "layers" in made else made


def _renumbered(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a graph whose inner models' calls are counted from 0.

    Keras 2 counts the making of a model as its first call, Keras 3 does so among the outputs, and
    there of other models than a Sequential one alone.
    """
    layers = [d for d in config["layers"] if isinstance(d, Mapping)]
    kinds = {str(d.get("name")): d.get("class_name") for d in layers}
    inner = {name for name, kind in kinds.items() if kind in ("Functional", "Model", "Sequential")}
    chains = {name for name in inner if kinds[name] == "Sequential"}
    made = [
        {**d, "inbound_nodes": _earlier(d["inbound_nodes"], inner)} if "inbound_nodes" in d else d
        for d in layers
    ]
    return {**config, "layers": made, "output_layers": _earlier(config["output_layers"], chains)}


def _earlier(value: Any, inner: Collection[str]) -> Any:
    """Return references to tensors, lists of a name and two numbers, with one call less of some."""
    if isinstance(value, Mapping):
        return {key: _earlier(v, inner) for key, v in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > 2 and isinstance(value[0], str) and all(type(v) is int for v in value[1:3]):
        less = value[0] in inner and value[1] > 0
        return [value[0], value[1] - less, value[2], *(_earlier(v, inner) for v in value[3:])]
    return [_earlier(v, inner) for v in value]


def _with_backwards(options: Any) -> Any:
    """Return options of Bidirectional with the layer that goes backwards, which went unsaid."""
    if not isinstance(options, Mapping) or "backward_layer" in options:
        return options
    layer = options.get("layer")
    if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
        return options
    turned = {**layer["config"], "go_backwards": not layer["config"].get("go_backwards", False)}
    return {**options, "backward_layer": {**layer, "config": turned}}
