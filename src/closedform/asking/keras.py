"""Keras models: rows of a formula's inputs become tensors, results become columns."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from inspect import isfunction
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.columns import columns_of
from closedform.formula import Formula
from closedform.ir import Array
from closedform.ops.payloads import MISSING, NEVER_SEEN, UNSEEN, labels_of

BLOCK = 512
"""Rows that a model is asked about at once: of an image network, some 100 MiB."""


@dataclass(frozen=True)
class Slot:
    """One tensor that a model takes.

    Attributes:
        name: what Keras calls it.
        shape: of one row.
        whole: whether it holds whole numbers.
        key: whether the model takes a dict, with this name.
        text: whether it holds labels, in the rows by their codes.
    """

    name: str
    shape: tuple[int, ...]
    whole: bool
    key: bool = False
    text: bool = False

    @property
    def size(self) -> int:
        """How many elements one row has."""
        return int(np.prod(self.shape, dtype=int))


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a model is asked: its `predict`, and a copy that computes in float64."""
    if not hasattr(model, "_flatten_layers"):  # a wrapper, which scikit-learn's methods ask
        return []
    options = formula.trail[0].options if formula.trail else {}
    given = options.get("inputs") or [["x", [len(formula.inputs)], False, False]]
    slots = [Slot(name, tuple(shape), *flags) for name, shape, *flags in given]
    outputs = tuple(options.get("outputs") or formula.outputs)

    undefined = options.get("undefined", [])

    def asks(answer: Callable[[Array], Array]) -> Callable[[Any], Array]:
        return lambda X: answer(_defined(columns_of(formula.inputs, X)[0], undefined))

    fine = in_double(model) if options.get("float64", True) else None
    kind = precision_of(model)
    own = asks(predicted(model, slots))
    if fine is None:
        return [Method(f"predict, {kind}", own, outputs, double=kind == "float64")]
    return [
        Method("model in float64", asks(called(fine, slots)), outputs, double=True),
        Method(f"predict, {kind}", own, outputs, twin=0),
    ]


def _defined(columns: Sequence[Array], undefined: Sequence[int]) -> Array:
    """Return columns as rows.

    Raises:
        ValueError: a number is missing of which each backend makes something else.
    """
    if any(np.isnan(columns[i]).any() for i in undefined):
        raise ValueError("Keras does not say what a missing number gives here")
    return np.column_stack(columns)


def predicted(model: Any, slots: Sequence[Slot]) -> Callable[[Array], Array]:
    """Return a model's `predict` as a function of rows, (rows, inputs), that gives (rows, outputs).

    Rows that it cannot take raise, as the model itself does.
    """

    def ask(flat: Array) -> Array:
        import keras

        tensors = _tensors(slots, flat, keras.config.floatx())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if hasattr(model, "predict"):
                made = model.predict(tensors, batch_size=BLOCK, verbose=0)
            else:  # a layer alone
                made = model(_mapped(tensors, keras.ops.convert_to_tensor))
        return _columns(made, len(flat))

    return ask


def called(model: Any, slots: Sequence[Slot]) -> Callable[[Array], Array]:
    """Return a call of a model in float64 as a function of rows; `predict` takes float32."""

    def ask(flat: Array) -> Array:
        parts = [flat[i : i + BLOCK] for i in range(0, len(flat), BLOCK)]
        return np.vstack([_part(part) for part in parts])

    def _part(part: Array) -> Array:
        import keras

        given = _tensors(slots, part, "float64")
        with in_width():
            tensors = _mapped(given, keras.ops.convert_to_tensor)
            return _columns(model(tensors, training=False), len(part))

    return ask


def _columns(made: Any, rows: int) -> Array:
    parts = [array_of(p) for p in _leaves(made)]
    return np.hstack([p.astype(np.float64).reshape(rows, -1) for p in parts])


def _leaves(made: Any) -> list[Any]:
    """Return the tensors in nested lists and dicts, those of a dict by its keys in order."""
    if isinstance(made, dict):
        return [leaf for key in sorted(made) for leaf in _leaves(made[key])]
    if isinstance(made, list | tuple):
        return [leaf for part in made for leaf in _leaves(part)]
    return [made]


def _mapped(given: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(given, dict):
        return {key: function(part) for key, part in given.items()}
    return [function(part) for part in given] if isinstance(given, list) else function(given)


def array_of(value: Any) -> Array:
    """Return a tensor or variable of any backend as an array."""
    import keras

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy deprecates the way in which Keras asks PyTorch
        found = value if isinstance(value, np.ndarray) else keras.ops.convert_to_numpy(value)
    return np.asarray(found)


def _tensors(slots: Sequence[Slot], flat: Array, dtype: str) -> Any:
    """Return rows as what a model takes: an array, a list of them, or a dict.

    Raises:
        ValueError: no whole number where the model takes one, or a number beyond the range of
            the float type.
    """
    made, at = [], 0
    for slot in slots:
        part = flat[:, at : at + slot.size].reshape(len(flat), *slot.shape)
        at += slot.size
        made.append(_typed(slot, part, dtype))
    if slots[0].key:
        return dict(zip((slot.name for slot in slots), made, strict=True))
    return made[0] if len(made) == 1 else made


def _typed(slot: Slot, part: Array, dtype: str) -> Any:
    if slot.text:
        return _texts(part)
    if slot.whole:
        if not (part == np.floor(part)).all() or (abs(part) >= 2**31).any():
            raise ValueError(f"{slot.name} takes whole numbers")
        return part.astype(np.int32)
    with np.errstate(over="ignore"):
        narrow = part.astype(dtype)
    if (np.isinf(narrow) & ~np.isinf(part)).any():
        raise ValueError(f"{slot.name} holds a number beyond the range of {dtype}")
    return narrow


def _texts(codes: Array) -> Any:
    """Return labels as a tensor of text, with a stand-in for those that no formula knows.

    Raises:
        ValueError: one is missing.
    """
    if (codes == MISSING).any():
        raise ValueError("a text is missing")
    import keras

    texts = labels_of(codes.astype(np.int64))
    texts[codes == UNSEEN] = NEVER_SEEN
    return keras.ops.convert_to_tensor(texts)


COARSEST = ("bfloat16", "float16", "float32", "float64")


def precision_of(model: Any) -> str:
    """Return the coarsest float type in which a model computes; `predict` rounds to floatx."""
    import keras

    policies = [str(getattr(part, "compute_dtype", "")) for part in parts_of(model)]
    found = [p for p in policies if p in COARSEST] + [str(keras.config.floatx())]
    # Keras rounds what is in float64 to float32 wherever two types meet, but on TensorFlow.
    found += [] if keras.config.backend() == "tensorflow" else ["float32"]
    return str(min(found, key=COARSEST.index))


def parts_of(model: Any) -> list[Any]:
    """Return a model and all layers in it."""
    flat = getattr(model, "_flatten_layers", None)
    return list(flat()) if flat is not None else [model]


@contextmanager
def in_width() -> Iterator[None]:
    """Let Keras compute in float64.

    But on TensorFlow, it rounds what is in float64 to float32 wherever two types meet, so that
    all backends do the same as JAX; the table that says so is changed for as long.
    """
    import keras
    from keras.src import backend
    from keras.src.backend.common import dtypes

    table, before = dtypes.BIT64_TO_BIT32_DTYPE, dict(dtypes.BIT64_TO_BIT32_DTYPE)
    attend = backend.nn.dot_product_attention
    usual, policy = keras.config.floatx(), keras.config.dtype_policy()
    table["float64"] = "float64"
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    if keras.config.backend() in ("jax", "tensorflow"):
        backend.nn.dot_product_attention = _attended
    try:
        with _wide_jax(keras.config.backend()):
            yield
    finally:
        keras.config.set_floatx(usual)
        keras.config.set_dtype_policy(policy)
        table.update(before)
        backend.nn.dot_product_attention = attend


def _attended(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None,
    is_causal: bool = False, flash_attention: Any = None, attn_logits_soft_cap: Any = None,
) -> Any:  # fmt: skip
    """Return attention in float64; all at once, JAX and TensorFlow compute it in float32 alone."""
    from keras import ops

    groups = query.shape[2] // key.shape[2]
    key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
    scores = ops.einsum("btnh,bsnh->bnts", query, key)
    scores = scores * (query.shape[-1] ** -0.5 if scale is None else scale)
    scores = scores if bias is None else scores + bias
    if is_causal:
        mask = np.tril(np.ones(scores.shape[-2:], dtype=bool))[None, None]
    if mask is not None:
        scores = ops.where(mask, scores, np.finfo(np.float64).min)
    return ops.einsum("bnts,bsnh->btnh", ops.softmax(scores), value)


def _wide_jax(backend: str) -> Any:
    if backend != "jax":
        return nullcontext()
    import jax

    if hasattr(jax, "enable_x64"):  # from 0.8 on
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()


def in_double(model: Any) -> Any:
    """Return a copy of a model that computes in float64; None where it has none."""
    try:
        with in_width(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = _rebuilt(model)
            return Switched(model) if made is None else made
    except Exception:  # a Keras whose inner parts have other names
        return None


def _rebuilt(model: Any) -> Any:
    """Return the model made again from its options, its numbers the same ones in float64."""
    import keras

    try:
        config = finer(keras.saving.serialize_keras_object(model))
        made = keras.saving.deserialize_keras_object(
            config, custom_objects=code_of(model), safe_mode=False
        )
        weights = model.get_weights()
        if [w.shape for w in made.get_weights()] != [w.shape for w in weights]:
            return None
        made.set_weights(weights)
        for part, own in zip(parts_of(made), parts_of(model), strict=True):
            if hasattr(own, "get_vocabulary"):  # what it has seen is not among its options
                _teach(part, own)
            if type(own).__name__ == "Discretization":
                _coarsen(part)
            if hasattr(part, "finalize_state"):  # statistics beside the weights
                part.finalize_state()
        return made
    except Exception:  # not every model can be made again from what it tells of itself
        return None


def _teach(made: Any, own: Any) -> None:
    weights = getattr(own, "idf_weights_const", None)
    made.set_vocabulary(own.get_vocabulary(), None if weights is None else np.asarray(weights))


def _coarsen(part: Any) -> None:
    """Let bins be those of float32, whatever the layer is given."""
    import keras

    own, cast = part.call, keras.ops.cast
    part.bin_boundaries = [float(np.float32(b)) for b in part.bin_boundaries]
    part.call = lambda x: own(cast(cast(x, "float32"), "float64"))


def code_of(model: Any) -> dict[str, Any]:
    """Return the classes and functions of a model that are not Keras' own, by name."""
    found: dict[str, Any] = {}
    for part in parts_of(model):
        if not type(part).__module__.startswith("keras."):
            found[type(part).__name__] = type(part)
        for value in vars(part).values():
            if isfunction(value) and not value.__module__.startswith("keras.src.activations"):
                found[value.__name__] = value
    return found


def finer(config: Any) -> Any:
    """Return a description of a model in which every float type is float64."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            name = (config.get("config") or {}).get("name")
            return {**config, "config": {"name": _finer_name(name)}}
        return {
            k: _finer_name(v) if k == "dtype" and isinstance(v, str) else finer(v)
            for k, v in config.items()
            if k not in ("compile_config", "shared_object_id")
        }
    return [finer(v) for v in config] if isinstance(config, list | tuple) else config


def _finer_name(name: Any) -> Any:
    return "float64" if isinstance(name, str) and "float" in name else name


class Switched:
    """A model that cannot be made again: while it is asked, it computes in float64."""

    def __init__(self, model: Any) -> None:
        """Keep the model."""
        self.model = model

    def __call__(self, tensors: Any, **options: Any) -> Any:
        """Return what the model gives, and leave it as it was."""
        import keras

        parts = [p for p in parts_of(self.model) if "float" in str(p.compute_dtype)]
        policies = [p.dtype_policy for p in parts]
        taken = [x for p in parts for x in getattr(p, "_inputs", None) or [] if "float" in x.dtype]
        types = [x.dtype for x in taken]
        try:
            for part in parts:
                part.dtype_policy = keras.DTypePolicy("float64")
            for x in taken:
                x._dtype = "float64"
            return self.model(tensors, **options)
        finally:
            for part, policy in zip(parts, policies, strict=True):
                part.dtype_policy = policy
            for x, kind in zip(taken, types, strict=True):
                x._dtype = kind
