"""`.keras` files, and whole models in HDF5: their options and weights, read as data.

Keras makes objects of any class that such a file names, and runs code that is kept in it. Here
config.json is a description, nothing of it is looked up or run, and a layer that is not Keras' own
is refused by its name.
"""

from __future__ import annotations

import io
import os
import tempfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from closedform.errors import BadInput, UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Array
from closedform.loading.stream import Broken, shown
from closedform.readers.documents import json_document, understood
from closedform.readers.keras.graph import Graph
from closedform.readers.keras.hdf5 import MAGIC, Hdf5, arrays
from closedform.readers.keras.layer import VOCABULARY, Layer, StoredLayer
from closedform.readers.keras.model import finished, of_length, walked
from closedform.readers.keras.second import is_second, modern
from closedform.readers.keras.source import graph_of
from closedform.readers.keras.walking import MODELS

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"
"""Where texts lie that belong to layers."""
MOST_CONFIG = 64 << 20
"""Bytes of the options; 1,000 layers take 2 MiB."""
MOST_WEIGHTS = 2 << 30


def model_of(raw: bytes) -> Any:
    """Return the model in a file as Keras opens it, code in the file left out.

    Raises:
        Broken: Keras does not open it.
        BadInput: Keras finds no backend.
    """
    try:
        import keras
    except ImportError as error:
        raise BadInput(
            f"Keras cannot be imported ({error}).",
            hint="Install its backend, or name the one that is there: KERAS_BACKEND=torch.",
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.h5" if raw.startswith(MAGIC) else "model.keras")
        with open(path, "wb") as file:
            file.write(raw)
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (TypeError, ValueError, OSError, KeyError) as error:
            raise Broken(f"Keras does not open it ({shown(str(error))[:200]})") from error


def read_file(raw: bytes, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return the model in a `.keras` file, or in an HDF5 file, as a formula.

    Keras is not needed, and nothing of the file is run.

    Args:
        raw: the bytes of the file.
        names: a name for each input element.
        example: rows, where the model takes sequences of any length: they are read at its own.

    Raises:
        Broken: the file is damaged, or not what Keras writes.
        UnsupportedModel: layers without a formula, or that are not Keras' own, all at once.
    """
    if raw.startswith(MAGIC):
        from closedform.readers.keras.legacy import read_whole

        document, store, version = understood(raw, read_whole)
    else:
        document, store, version = understood(raw, _unpacked)
    if is_second(version):
        document = understood(document, modern)
    layer = StoredLayer(document, store, "")
    if layer.kind not in MODELS:
        raise UnsupportedModel(
            f"The file holds a {shown(layer.class_name)}, whose call() is code that is not in it.",
            hint="Load it with Keras, and give what you get to closedform.read.",
        )
    graph: Graph = of_length(understood(layer, graph_of), example)
    made: Formula = understood(layer, lambda model: _formula(model, graph, names, version))
    return made


def _formula(
    layer: StoredLayer, graph: Graph, names: Sequence[str] | None, version: str
) -> Formula:
    keys = isinstance(layer.config.get("input_layers"), Mapping)
    made = walked(graph, names, layer.kind, keys)
    dtype = _coarsest(layer)
    # A file is read without Keras, so that its rounding is not measured but estimated: each call
    # rounds a few times, and what has been measured of live models lies below.
    made.reading.rounds(list(made.outputs.values()), dtype, 32 * max(4, len(graph.calls)))
    return finished(made, layer.kind, f"Keras {version} file")


ORDER = ("bfloat16", "float16", "float32")


def _coarsest(layer: Layer) -> str:
    """Return the coarsest float type that any part computes in; `predict` takes float32 at most."""
    found: set[str] = {"float32"}
    todo: list[Any] = [layer.config]
    while todo:
        part = todo.pop()
        if isinstance(part, Mapping):
            name = part.get("name") if set(part) == {"name"} else part.get("dtype")
            found.add(str(name).removeprefix("mixed_"))
            todo += [v for v in part.values() if isinstance(v, Mapping | list)]
        else:
            todo += [v for v in part if isinstance(v, Mapping | list)]
    return next(name for name in ORDER if name in found)


def _unpacked(raw: bytes) -> tuple[Mapping[str, Any], dict[str, Array], str]:
    """Return the options, the weights by their paths, and the version that wrote them."""
    try:
        with ZipFile(io.BytesIO(raw)) as archive:
            config = json_document(_member(archive, CONFIG, MOST_CONFIG, len(raw)))
            about = json_document(_member(archive, METADATA, 1 << 16, len(raw)))
            names = set(archive.namelist())
            if WEIGHTS not in names:
                raise Broken(f"it has no {WEIGHTS}")
            weights = _member(archive, WEIGHTS, MOST_WEIGHTS, len(raw))
            texts = _vocabularies(archive, names, len(raw))
    except (BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Broken(f"the zip archive is damaged ({shown(str(error))[:120]})") from error
    return (
        config,
        {**arrays(Hdf5(weights)), **texts},
        shown(str(about.get("keras_version", "")))[:20],
    )


def _vocabularies(archive: ZipFile, names: Collection[str], size: int) -> dict[str, Array]:
    """Return what layers have seen, as texts by the paths of the layers.

    Raises:
        Broken: there is more of it than any model has.
    """
    kept = [n for n in names if n.startswith(ASSETS) and n.endswith(f"/{VOCABULARY}")]
    if sum(archive.getinfo(name).file_size for name in kept) > MOST_CONFIG:
        raise Broken("its vocabularies are too long")
    texts = {n: _member(archive, n, MOST_CONFIG, size).decode("utf-8", "replace") for n in kept}
    return {name.removeprefix(ASSETS): np.array(text, object) for name, text in texts.items()}


def _member(archive: ZipFile, name: str, most: int, size: int) -> bytes:
    """Return one file of the archive.

    Raises:
        Broken: it is not there, or becomes more than its size explains.
    """
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise Broken(f"it has no {name}") from None
    if info.file_size > min(most, 1000 * size):
        raise Broken(f"its {name} becomes {info.file_size:,} bytes")
    with archive.open(info) as member:
        found = member.read(info.file_size + 1)
    if len(found) != info.file_size:
        raise Broken(f"its {name} is not as long as it is said to be")
    return found
