"""One layer of a Keras model: its class, its options and its numbers, live or from a file."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from closedform.asking.keras import array_of
from closedform.errors import NotFitted
from closedform.ir import Array
from closedform.loading.stream import Broken, shown
from closedform.readers.keras.activations import Activation, named
from closedform.readers.torch.elements import NoFormula

OWN = ("call", "__call__", "compute_mask", "build")
"""Methods with which a subclass makes another layer out of what it extends."""

PLAIN = frozenset(
    {"float64", "float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"}
    | {"int32", "int64", "uint8", "bool"}  # of layers that give codes
)
"""Policies under which weights are numbers; others keep them as codes of few bits."""


class Layer(ABC):
    """One layer.

    Attributes:
        kind: the name of Keras' own class; empty where it is another one.
        name: what the user calls it.
    """

    kind: str
    name: str

    @property
    @abstractmethod
    def config(self) -> Mapping[str, Any]:
        """The layer's options, as `get_config` gives them."""

    @cached_property
    def numbers(self) -> dict[str, Array]:
        """The layer's own weights, by the names that they have in a file: "0", "1" …"""
        return self._numbers()

    @abstractmethod
    def _numbers(self) -> dict[str, Array]: ...

    @abstractmethod
    def part(self, name: str) -> Layer:
        """Return the layer that is an attribute of this one."""

    @abstractmethod
    def parts(self, name: str) -> list[Layer]:
        """Return the layers in a list that is an attribute of this one."""

    def vocabulary(self) -> Sequence[Any]:
        """Return the entries that a layer looks up, in order."""
        return ()

    def adopt(self, document: Any) -> None:
        """Take options from where a wrapper keeps them; a live layer has its own."""
        return None

    @abstractmethod
    def traced(self, key: str) -> Activation | None:
        """Return a function among the options that is not Keras' own; None where it is code."""

    def number(self, at: int) -> Array:
        """Return one of the layer's weights.

        Raises:
            NotFitted: it has none yet.
        """
        found = self.numbers.get(str(at))
        if found is None:
            raise NotFitted(
                f"The layer {self.name!r} has no weights yet.",
                hint="Train the model, or load its weights, first.",
            )
        return found

    def shaped(self, at: int, *shape: int) -> Array:
        """Return one of the layer's weights, its shape checked.

        Raises:
            ValueError: it has another shape.
        """
        found = self.number(at)
        if found.shape != shape:
            raise ValueError(f"the layer {self.name!r} holds weights of shape {found.shape}")
        return found

    def option(self, key: str, default: Any = None) -> Any:
        """Return one of the options."""
        return self.config.get(key, default)

    def activation(self, key: str = "activation") -> Activation:
        """Return the function that one of the options names.

        Raises:
            NoFormula: it is not Keras' own.
        """
        found = named(self.option(key)) or self.traced(key)
        if found is None:
            raise NoFormula(f"{self.told} has an {key} of its own, which is code")
        return found

    @property
    def policy(self) -> str:
        """The name of the layer's dtype policy, as "mixed_float16"."""
        return policy_of(self.config)

    @property
    def told(self) -> str:
        """The layer in an error."""
        return f"the layer {self.name!r} ({self.kind or type(self).__name__})"


def policy_of(config: Mapping[str, Any]) -> str:
    """Return the name of a dtype policy among options."""
    found = config.get("dtype")
    if isinstance(found, Mapping):
        inner = found.get("config") or {}
        found = inner.get("name") or inner.get("default_policy") or found.get("class_name")
        if isinstance(found, Mapping):
            return policy_of({"dtype": found})
    return str(found or "float32")


# --- live ---------------------------------------------------------------------------------------


class LiveLayer(Layer):
    """A layer of a model at hand."""

    def __init__(self, live: Any) -> None:
        """Keep the object."""
        self.live = live
        self.kind = own_kind(live)
        self.name = str(getattr(live, "name", type(live).__name__))
        self._config: Mapping[str, Any] | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """The options of one of Keras' own classes; of others, what the policy says alone."""
        if self._config is None:
            policy = getattr(self.live, "dtype_policy", None)
            known = self.live.get_config() if self.kind else {}
            self._config = {**known, "dtype": getattr(policy, "name", "float32")}
        return self._config

    def _numbers(self) -> dict[str, Array]:
        kept: dict[str, Any] = {}
        self.live.save_own_variables(kept)
        return {key: as_double(array_of(value)) for key, value in kept.items()}

    def part(self, name: str) -> Layer:
        """Return the layer that is an attribute of this one, public or not."""
        found = getattr(self.live, name, None)
        return LiveLayer(getattr(self.live, f"_{name}") if found is None else found)

    def parts(self, name: str) -> list[Layer]:
        """Return the layers in a list that is an attribute of this one."""
        return [LiveLayer(part) for part in getattr(self.live, name)]

    def traced(self, key: str) -> Activation | None:
        """Return a function among the options as it computes on symbolic tensors."""
        from closedform.readers.keras.tracing import function_of

        found = getattr(self.live, key, None)
        return function_of(found) if callable(found) else None

    def vocabulary(self) -> Sequence[Any]:
        """Return what the layer has been told, or has seen."""
        found = self.live.get_vocabulary(include_special_tokens=False)
        return [x.item() if isinstance(x, np.generic) else x for x in found]

    def trace(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return the graph of what the layer's own `call` does with some values."""
        from closedform.readers.keras.tracing import trace_layer

        return trace_layer(self.live, args, kwargs)

    @property
    def told(self) -> str:
        """The layer in an error."""
        return f"the layer {self.name!r} ({type(self.live).__name__})"


def own_kind(live: Any) -> str:
    """Return the name of Keras' own class that an object is, or extends without changing."""
    for parent in type(live).__mro__:
        if parent.__module__.partition(".")[0] == "keras":
            return str(parent.__name__)
        if not set(OWN).isdisjoint(vars(parent)):
            return ""
    return ""


def as_double(values: Any) -> Array:
    """Return numbers as float64; bfloat16 and float16 keep their values."""
    return np.asarray(values).astype(np.float64)


FUNCTIONS = frozenset({"LeakyReLU", "ReLU", "ELU", "PReLU", "Softmax", "Activation"})
"""Layers that people put where a function is expected."""

VOCABULARY = "vocabulary.txt"
"""The name of the text in which a `.keras` file keeps what a layer has seen."""


def plain_list(told: Any) -> Sequence[Any]:
    """Return a list in a description; Keras may spell it as a tensor.

    Raises:
        Broken: it is none.
    """
    if isinstance(told, Mapping):
        told = (told.get("config") or {}).get("value")
    if not isinstance(told, list | tuple):
        raise Broken("a vocabulary is no list")
    return told


# --- from a file --------------------------------------------------------------------------------

Document = Mapping[str, Any]
KERAS = re.compile(r"keras(\.|$)")


class StoredLayer(Layer):
    """A layer as a file describes it: its options and its place among the weights."""

    def __init__(self, document: Document, store: Mapping[str, Array], path: str) -> None:
        """Keep the description.

        Raises:
            Broken: it is none.
        """
        if not isinstance(document, Mapping) or not isinstance(document.get("config"), Mapping):
            raise Broken("it describes a layer without its options")
        self.document, self.store, self.path = document, store, path
        self.name = str(document["config"].get("name", document.get("name", path)))
        self.class_name = str(document.get("class_name"))
        self.kind = self.class_name if is_own(document) else ""

    @property
    def config(self) -> Mapping[str, Any]:
        """The options."""
        found: Mapping[str, Any] = self.document["config"]
        return found

    def _numbers(self) -> dict[str, Array]:
        start = f"{self.path}/vars/" if self.path else "vars/"
        return {
            key.removeprefix(start): as_double(value)
            for key, value in self.store.items()
            if key.startswith(start)
        }

    def part(self, name: str) -> Layer:
        """Return the layer that is an attribute of this one; its options where they are told."""
        told = self.config.get(name)
        document = told if isinstance(told, Mapping) else {"class_name": name, "config": {}}
        path, private = _joined(self.path, name), _joined(self.path, f"_{name}")
        if any(key.startswith(f"{private}/") for key in self.store):
            path = private
        return StoredLayer(document, self.store, path)

    def adopt(self, document: Any) -> None:
        """Take the options from where a wrapper keeps them."""
        told = StoredLayer(document, self.store, self.path)
        self.document, self.name = told.document, told.name
        self.kind, self.class_name = told.kind, told.class_name

    def parts(self, name: str) -> list[Layer]:
        """Return the layers in a list that is among the options."""
        return stored_layers(self.config[name], self.store, _joined(self.path, name))

    def traced(self, key: str) -> Activation | None:
        """Return a layer of Keras in the place of a function; others are code, or mere names."""
        told = self.config.get(key)
        if not isinstance(told, Mapping) or not isinstance(told.get("config"), Mapping):
            return None
        if not is_own(told) or told.get("class_name") not in FUNCTIONS:
            return None
        from closedform.readers.keras.table import LAYERS

        inner = StoredLayer(told, self.store, _joined(self.path, key))
        return partial(LAYERS[inner.kind], inner)

    def vocabulary(self) -> Sequence[Any]:
        """Return what the options tell, or a text beside them, a line for each entry."""
        told = self.config.get("vocabulary")
        if told is not None:
            return list(plain_list(told))
        lines = self.store.get(f"{self.path}/{VOCABULARY}")
        if lines is None:
            return []
        found = str(lines.item()).splitlines()
        while found and not found[-1]:
            found.pop()
        return found if self.kind == "StringLookup" else [int(x) for x in found]

    def number(self, at: int) -> Array:
        """Return one of the layer's weights.

        Raises:
            Broken: the file does not hold it.
        """
        if str(at) not in self.numbers:
            raise Broken(f"it holds no weights of {shown(self.told)}")
        return self.numbers[str(at)]

    @property
    def told(self) -> str:
        """The layer in an error."""
        return f"the layer {self.name!r} ({self.class_name})"


def stored_layers(
    documents: Sequence[Document], store: Mapping[str, Array], path: str
) -> list[Layer]:
    """Return the layers of a list, each with its place: classes are counted, names don't count."""
    seen: dict[str, int] = {}
    made: list[Layer] = []
    for document in documents:
        kind = str(document.get("class_name"))
        word = snake_case(INNER.get(kind, kind))
        count = seen.get(word, 0)
        seen[word] = count + 1
        made.append(StoredLayer(document, store, f"{path}/{word}_{count}" if count else
                                f"{path}/{word}"))  # fmt: skip
    return made


def is_own(document: Document) -> bool:
    """Tell whether a class in a file is Keras' own."""
    if "module" not in document:  # HDF5 files do not say
        return document.get("registered_name") is None
    module = document["module"]  # None where it is a user's own
    return isinstance(module, str) and KERAS.match(module) is not None


INNER = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Classes that Keras itself calls otherwise than its users do."""


def snake_case(name: str) -> str:
    """Return a class name as Keras spells it in paths: BatchNormalization, batch_normalization."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
