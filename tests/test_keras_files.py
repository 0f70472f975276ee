"""Keras' files: their weights in plain Python, what they are, and what damaged ones give."""

import io
import json
import random
import zipfile
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("torch")

from closedform.loading import inspect_file
from closedform.loading.stream import Broken
from closedform.readers.keras.files import read_file
from closedform.readers.keras.hdf5 import Hdf5, arrays
from keras_models import L, chain, filled, keras

h5py = pytest.importorskip("h5py")

pytestmark = pytest.mark.filterwarnings("ignore")


def stored(model: Any, path: Any) -> bytes:
    """Return the file of a model."""
    model.save(path)
    return path.read_bytes()


def wide() -> Any:
    """Return a model with more layers than one node of a group holds, and a nested one."""
    parts = [L.Dense(2) for _ in range(40)]
    return chain(*parts, keras.Sequential([L.Dense(2), L.BatchNormalization()]))


def test_weights_are_those_that_h5py_reads(tmp_path):
    raw = zipfile.ZipFile(io.BytesIO(stored(wide(), tmp_path / "m.keras"))).read("model.weights.h5")
    ours = arrays(Hdf5(raw))
    theirs: dict[str, Any] = {}
    with h5py.File(io.BytesIO(raw)) as file:
        file.visititems(lambda name, part: theirs.update(
            {name: part[()]} if isinstance(part, h5py.Dataset) else {}))  # fmt: skip
    assert set(ours) == set(theirs)
    assert len(ours) == 40 * 2 + 2 + 4
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_arrays_of_every_layout_are_read():
    made = io.BytesIO()
    values = {
        "plain": np.arange(12.0).reshape(3, 4), "single": np.float32(2.5),
        "empty": np.zeros((0, 3)),
        "whole": np.array([1, -2], np.int64), "truths": np.array([True, False]),
        "half": np.array([1.5], np.float16), "big": np.arange(3, dtype=">f8"),
    }  # fmt: skip
    with h5py.File(made, "w") as file:
        for name, value in values.items():
            file[name] = value
        file.create_dataset("parts", data=np.arange(1000.0).reshape(50, 20), chunks=(7, 6),
                            compression="gzip", shuffle=True)  # fmt: skip
        file["a/b/c"] = np.ones(2)
    found = arrays(Hdf5(made.getvalue()))
    assert all((found[name] == value).all() for name, value in values.items())
    assert (found["parts"] == np.arange(1000.0).reshape(50, 20)).all()
    assert (found["a/b/c"] == 1).all()


def test_links_that_lead_elsewhere_are_refused():
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file["soft"] = h5py.SoftLink("/elsewhere")
    with pytest.raises(Broken, match="a link leads elsewhere"):
        arrays(Hdf5(made.getvalue()))
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file.create_group("a")["back"] = file["/"]
    with pytest.raises(Broken, match="circle"):
        arrays(Hdf5(made.getvalue()))


def test_what_a_file_is_is_told_by_its_content(tmp_path):
    path = tmp_path / "odd name.bin"
    stored(chain(L.Dense(2)), tmp_path / "m.keras")
    (tmp_path / "m.keras").rename(path)
    report = inspect_file(path)
    assert report.kind == "keras"
    assert "read as data" in str(report)
    assert len(cf.read(path).outputs) == 2


def test_a_file_that_is_no_model_is_refused(tmp_path):
    keep = tmp_path / "m.h5"
    with h5py.File(keep, "w") as file:
        file["x"] = np.ones(3)
    with pytest.raises(cf.UnsupportedModel, match="no whole Keras model"):
        cf.read(keep)
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", "{}")
    with pytest.raises(cf.BadFile, match=r"no model\.weights\.h5"):
        cf.read(tmp_path / "m.keras")


def test_an_archive_that_swells_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", " " * (80 << 20))
        archive.writestr("metadata.json", "{}")
    with pytest.raises(cf.BadFile, match=r"config\.json becomes"):
        cf.read(tmp_path / "m.keras")


SPOILED = [None, -1, 0, 2, 10**9, 1.5, "", "x", [], {}, [[]], True, {"class_name": "__lambda__"}]


def spoiled(value: Any, draw: random.Random) -> Any:
    """Return a description with one part replaced."""
    places: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        part = todo.pop()
        keys = part if isinstance(part, dict) else range(len(part))
        for key in keys:
            places.append((part, key))
            if isinstance(part[key], dict | list):
                todo.append(part[key])
    part, key = draw.choice(places)
    part[key] = draw.choice(SPOILED)
    return value


def mutated(raw: bytes, draw: random.Random) -> bytes:
    """Return a file with some bytes, its end, or a part of its description changed."""
    how = draw.random()
    if how < 0.2:
        return raw[: draw.randrange(len(raw))]
    if how < 0.5 or not raw.startswith(b"PK"):
        changed = bytearray(raw)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        return bytes(changed)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "config.json":
                part = json.dumps(spoiled(json.loads(part), draw)).encode()
            if name == "model.weights.h5" and how < 0.75:
                weights = bytearray(part)
                weights[draw.randrange(min(4000, len(weights)))] = draw.choice([0, 1, 255])
                part = bytes(weights)
            new.writestr(name, part)
    return made.getvalue()


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_damaged_files_give_one_clear_error(tmp_path, ending):
    model = chain(L.Conv1D(2, 2, activation="relu"), L.Bidirectional(L.LSTM(2)),
                  L.Dense(2, activation="softmax"), shape=(3, 2))  # fmt: skip
    raw = stored(filled(model), tmp_path / f"m.{ending}")
    draw = random.Random(7)
    refused = 0
    for _ in range(400):
        try:
            read_file(mutated(raw, draw))
        except (Broken, cf.ClosedformError):
            refused += 1
    assert refused > 150
