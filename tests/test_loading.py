import gzip
import json
import os
import pickle
import sys
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.linear_model import Ridge

from closedform.errors import BadFile, MissingExtra, UntrustedFile
from closedform.loading import archives, inspect_file, load_model, open_model
from closedform.loading.familiar import is_familiar
from model_files import LABELS, MODELS, WRITERS, Evil, X, Y


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "some.file"


LISTENERS: list[list[tuple[str, str]]] = []


def _hear(event, arguments):
    if event == "pickle.find_class":
        for heard in LISTENERS:
            heard.append(arguments)


sys.addaudithook(_hear)


@contextmanager
def audited():
    """Gather what the interpreter itself reports of imports by pickles."""
    LISTENERS.append([])
    try:
        yield LISTENERS[-1]
    finally:
        LISTENERS.pop()


# What is listed


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("model", MODELS)
def test_imports_are_those_of_a_real_load(model, writer, file):
    WRITERS[writer](MODELS[model](), file)
    report = inspect_file(file)
    with audited() as heard:
        joblib.load(file)
    old = writer.split()[1] in "012"
    pairs = {
        (NAME_MAPPING.get(p) or (IMPORT_MAPPING.get(p[0], p[0]), p[1])) if old else p for p in heard
    }
    assert set(report.imports) == {f"{module}.{name}" for module, name in pairs}
    assert report.complete
    assert report.unfamiliar == ()


ARRAYS = [
    np.zeros(3, "U5"), np.zeros((2, 0)), np.array(3.0), np.zeros(4, "M8[ns]"), np.zeros(2, ">i2"),
    np.zeros(5, [("a", "O"), ("b", "f8")]), np.zeros((2, 3), [("a", "i4"), ("b", "f8", (2,))]),
    np.asfortranarray(X), X[::2, ::-1], X.view(np.matrix), np.array(["a", None], dtype=object),
    np.zeros(2, "c16"), np.zeros(3, "?"), np.zeros(2, "V7"), np.zeros(3, "S0"), np.float32(1),
]  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS)
def test_the_scan_ends_where_the_file_ends(writer, file):
    """Only a scan that skips every array by its true size lands on the last byte."""
    WRITERS[writer]([ARRAYS, LABELS, ARRAYS, "end"], file)
    report = inspect_file(file)
    assert report.complete
    assert report.notes == ()
    assert report.unfamiliar == ()


def test_memory_maps_and_text_arrays(tmp_path, file):
    mapped = np.memmap(tmp_path / "map", dtype="f8", mode="w+", shape=(3, 2))
    arrays = [mapped, np.array(["a", "b"], dtype=np.dtypes.StringDType()), X]
    joblib.dump(arrays, file)
    assert inspect_file(file).complete
    assert inspect_file(file).unfamiliar == ("numpy.memmap",)  # a call of it may empty a file


def test_versions_are_read_without_loading(file):
    joblib.dump(MODELS["pipeline"](), file)
    assert inspect_file(file).notes == (f"made with scikit-learn {sklearn.__version__}",)


def test_a_report_goes_through_json(file):
    file.write_bytes(pickle.dumps(X))
    fields = json.loads(json.dumps(inspect_file(file).to_json()))
    assert fields["kind"] == "pickle"
    assert fields["size"] == file.stat().st_size
    assert "numpy.dtype" in fields["imports"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("numpy", "load"),
        ("numpy", "os.system"), ("joblib", "load"), ("joblib.numpy_pickle", "os.system"),
        ("pandas", "read_pickle"), ("pandas", "HDFStore"), ("sklearn.utils.os", "system"),
        ("sklearn.externals.joblib", "Parallel"), ("sklearn.datasets", "Bunch"),
        ("pandas.core.computation.expr", "Expr"), ("numpy.f2py", "compile"), ("sklearn", "Ridge.f"),
        ("sklearnx", "Ridge"), ("xsklearn", "Ridge"), ("functools", "partial"), ("", ""),
    ],
)  # fmt: skip
def test_what_is_not_familiar(module, name):
    assert not is_familiar(module, name)


# Trusted models


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("model", MODELS)
def test_trusted_models_predict_as_before(model, writer, file):
    fitted = MODELS[model]()
    WRITERS[writer](fitted, file)
    loaded = load_model(file, trust_pickle=True)
    assert np.array_equal(loaded.predict(np.abs(X.round())), fitted.predict(np.abs(X.round())))


@pytest.mark.parametrize("model", [name for name in MODELS if name != "columns"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_skops_models_predict_as_before(model, compression, file):
    fitted = MODELS[model]()
    skops.io.dump(fitted, file, compression=compression)
    report = inspect_file(file)
    assert (report.kind, report.complete) == ("skops", True)
    assert report.unfamiliar == tuple(skops.io.get_untrusted_types(file=file))
    loaded = load_model(file, trusted_types=report.unfamiliar)
    assert np.array_equal(loaded.predict(X), fitted.predict(X))


def test_kind_is_decided_by_content_not_by_name(tmp_path):
    fitted = MODELS["linear"]()
    for name, write, kind in (
        ("a.skops", pickle.dump, "pickle"),
        ("b.pkl", joblib.dump, "joblib"),
        ("c.joblib", skops.io.dump, "skops"),
    ):
        with (tmp_path / name).open("wb") as opened:
            write(fitted, opened)
        opened_model = open_model(tmp_path / name, trust_pickle=True)
        assert opened_model.report.kind == kind
        assert np.array_equal(opened_model.model.predict(X), fitted.predict(X))


def test_another_version_is_a_note(file, monkeypatch):
    fitted = MODELS["pipeline"]()
    with monkeypatch.context() as patch:
        patch.setattr("sklearn.base.__version__", "1.3.0")
        joblib.dump(fitted, file)
        skops.io.dump(fitted, file.with_suffix(".skops"))
    opened = open_model(file, trust_pickle=True)
    assert len(opened.notes) == 2
    assert opened.notes[0] == "made with scikit-learn 1.3.0"
    assert "saved with scikit-learn 1.3.0, opened with 1." in opened.notes[1]
    assert "(Pipeline, SVC, StandardScaler)" in opened.notes[1]
    assert "1.3.0" in open_model(file.with_suffix(".skops")).notes[0]
    with pytest.warns(UserWarning, match="saved with scikit-learn 1.3.0"):
        load_model(file, trust_pickle=True)


# Skops files that nobody trusts


class Own(Ridge):
    """A type that skops cannot know."""


def test_unknown_types_of_skops_are_refused(file):
    name = f"{Own.__module__}.Own"
    skops.io.dump(Own().fit(X, Y), file)
    assert inspect_file(file).unfamiliar == (name,)
    for options in ({}, {"trust_pickle": True}, {"trusted_types": ["other.Type"]}):
        with pytest.raises(UntrustedFile, match="Nothing of it was run") as refusal:
            load_model(file, **options)
        assert f"--trust-type {name}" in refusal.value.hint


@pytest.mark.parametrize("found", [None, "0.11.0"])
def test_without_a_recent_skops_the_line_to_type_is_given(file, monkeypatch, found):
    def version(_):
        if found is None:
            raise PackageNotFoundError
        return found

    skops.io.dump(MODELS["linear"](), file)
    monkeypatch.setattr(archives, "version", version)
    report = inspect_file(file)
    assert not report.complete
    assert "sklearn.linear_model._ridge.Ridge" in report.imports
    with pytest.raises(MissingExtra) as refusal:
        load_model(file)
    assert refusal.value.hint == 'pip install "closedform[skops]"'


def test_a_damaged_skops_file_never_becomes_a_pickle(file, canary):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", pickle.dumps(Evil(canary)))
    for call in (inspect_file, load_model):
        with pytest.raises(BadFile, match="damaged"):
            call(file)
    assert not canary.exists()


@pytest.mark.parametrize("schema", ["{}", "[]", "1", '{"protocol": 1}', "[" * 100_000, '"'])
def test_odd_schemas_are_bad_files(file, schema):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", schema)
    with pytest.raises(BadFile, match="damaged"):
        load_model(file)


# Files of another kind, and files that do not load


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"a,b\n1,2\n", "unknown"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        (b'  {"closedform": 1}', "closedform-json"),
        (b'{"learner": {}}', "xgboost-json"),
        (b"tree\nversion=v4\n", "lightgbm-text"),
        (b"PAR1", "parquet"),
        (b"{}", "json"),
        (b"binf\0\0\0?", "xgboost-binary"),
        (b'[\n  { "nodeid": 0 }]', "xgboost-dump"),
        (b"booster[0]:\n0:leaf=1", "xgboost-dump"),
        (b'{"name": "tree", "version": "v4", "num_tree_per_iteration": 1}', "lightgbm-dump"),
        (b'{"module": "keras", "class_name": "Sequential"}', "keras-json"),
        (gzip.compress(b"plain", mtime=0), "unknown"),
    ],
)
def test_other_kinds_are_named_and_refused(data, kind, file):
    file.write_bytes(data)
    assert inspect_file(file).kind == kind
    with pytest.raises(BadFile, match="can be opened") as refusal:
        load_model(file, trust_pickle=True)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (["x/data.pkl", "x/version"], "torch"),
        (["config.json", "metadata.json", "model.weights.h5"], "keras"),
        (["a.npy"], "npz"),
        (["xl/workbook.xml"], "zip"),
    ],
)
def test_other_archives_are_named(members, kind, file):
    with zipfile.ZipFile(file, "w") as archive:
        for name in members:
            archive.writestr(name, b"")
    assert inspect_file(file).kind == kind
    assert inspect_file(file).complete == (kind == "keras")  # which is read as data


def test_what_is_no_file(tmp_path):
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    for name, why in (
        ("empty", "is empty"),
        ("pipe", "not a regular file"),
        ("", "a folder"),
        ("none", "No such file"),
        ("nul\0", "null"),
    ):
        with pytest.raises(BadFile, match=why):
            inspect_file(os.path.join(tmp_path, name))
        with pytest.raises(BadFile, match=why):
            load_model(os.path.join(tmp_path, name))


@pytest.mark.parametrize(("name", "says"), [("saved_model.pb", "tf2onnx"), ("MLmodel", "MLmodel")])
def test_a_folder_that_is_taken_for_a_model_is_told_what_to_give(tmp_path, name, says):
    (tmp_path / name).touch()
    with pytest.raises(BadFile, match="is a folder") as refusal:
        inspect_file(tmp_path)
    assert says in refusal.value.hint


class Absent:
    """A finder that says of one package that it is not installed."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_missing_package_is_named(file, monkeypatch):
    file.write_bytes(b"cno_such_package.models\nModel\n.")
    with pytest.raises(BadFile, match="No module named 'no_such_package'") as refusal:
        load_model(file, trust_pickle=True)
    assert "provides no_such_package" in refusal.value.hint
    file.write_bytes(b"csklearn.no_such_module\nModel\n.")
    with pytest.raises(BadFile, match=r"'sklearn\.no_such_module'") as refusal:
        load_model(file, trust_pickle=True)
    assert "package versions that saved it" in refusal.value.hint
    file.write_bytes(b"cpygam.pygam\nLinearGAM\n.")
    monkeypatch.setattr(sys, "meta_path", [Absent("pygam"), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "pygam"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra) as refusal:
        load_model(file, trust_pickle=True)
    assert refusal.value.hint == 'pip install "closedform[pygam]"'
    joblib.dump(MODELS["linear"](), file)
    monkeypatch.setitem(sys.modules, "joblib.numpy_pickle", None)
    with pytest.raises(MissingExtra) as refusal:
        load_model(file, trust_pickle=True)
    assert refusal.value.hint == 'pip install "closedform[sklearn]"'


def test_lz4(file, monkeypatch):
    file.write_bytes(b"\x04\x22\x4d\x18 and more")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "lz4.frame", None)
        with pytest.raises(MissingExtra) as refusal:
            inspect_file(file)
        assert refusal.value.hint == "pip install lz4"
    pytest.importorskip("lz4")
    with pytest.raises(BadFile, match="damaged"):
        inspect_file(file)
    joblib.dump([X, LABELS], file, compress=("lz4", 3))
    assert inspect_file(file).compression == "lz4"
    assert np.array_equal(load_model(file, trust_pickle=True)[0], X)


def test_a_class_that_has_moved_is_one_clear_error(file):
    file.write_bytes(b"csklearn.linear_model\nNoSuchModel\n.")
    with pytest.raises(BadFile, match=r"does not load.*NoSuchModel"):
        load_model(file, trust_pickle=True)


def test_looking_imports_nothing(file):
    """Not even a harmless module: importing runs it."""
    (file.parent / "planted_module.py").write_text("raise SystemExit('it ran')")
    file.write_bytes(b"cplanted_module\nThing\n.")
    sys.path.insert(0, str(file.parent))
    try:
        assert inspect_file(Path(file)).unfamiliar == ("planted_module.Thing",)
        with pytest.raises(UntrustedFile):
            load_model(file)
    finally:
        sys.path.pop(0)
    assert "planted_module" not in sys.modules
