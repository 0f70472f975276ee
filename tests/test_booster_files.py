"""Files of boosters that are truncated, damaged or made to harm: one clear error, and soon."""

import json
import struct
import tracemalloc

import numpy as np
import pytest

import closedform as cf
import made_up as data
from battery import fit
from damaged_files import read_bytes, survives

PLACES = 60
"""So many places at which a file is cut or changed."""


def saved_by_xgboost(path):
    xgb = pytest.importorskip("xgboost")
    rows, y = data.categories()
    model = xgb.XGBRegressor(n_estimators=3, max_depth=3, enable_categorical=True)
    fit(model, rows, y).get_booster().save_model(path)
    return path.read_bytes()


def xgboost_json(path):
    return saved_by_xgboost(path.with_suffix(".json"))


def xgboost_ubj(path):
    return saved_by_xgboost(path.with_suffix(".ubj"))


def lightgbm_text(path):
    lgb = pytest.importorskip("lightgbm")
    rows, y = data.categories()
    model = lgb.LGBMRegressor(n_estimators=3, num_leaves=6, verbose=-1, linear_tree=False)
    fit(model, rows, y).booster_.save_model(path)
    return path.read_bytes()


def catboost_json(path):
    cat = pytest.importorskip("catboost")
    rows, y = data.holes()
    model = cat.CatBoostRegressor(iterations=3, depth=3, verbose=0, allow_writing_files=False)
    fit(model, rows, y).save_model(path, format="json")
    return path.read_bytes()


def catboost_binary(path):
    cat = pytest.importorskip("catboost")
    rows, y = data.holes()
    model = cat.CatBoostRegressor(iterations=3, depth=3, verbose=0, allow_writing_files=False)
    fit(model, rows, y).save_model(path)
    return path.read_bytes()


def catboost_statistics(path):
    cat = pytest.importorskip("catboost")
    rows, y = data.categories()
    texts = {c: rows[c].astype(object).fillna("none").astype(str) for c in ("kind", "size")}
    rows = rows.assign(**texts)
    pool = cat.Pool(rows, y, cat_features=["kind", "size"])
    model = cat.CatBoostRegressor(iterations=3, depth=3, verbose=0, allow_writing_files=False)
    model.fit(pool).save_model(path, format="json", pool=pool)
    return path.read_bytes()


WRITERS = [xgboost_json, xgboost_ubj, lightgbm_text, catboost_json, catboost_statistics]
writers = pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.__name__)


@writers
def test_a_truncated_file_is_one_clear_error(writer, tmp_path):
    raw = writer(tmp_path / "model")
    body = len(raw) if b"end of trees" not in raw else raw.index(b"end of trees")
    for end in np.linspace(1, body - 2, PLACES).astype(int).tolist():
        with pytest.raises(cf.BadFile):
            read_bytes(raw[:end], tmp_path / "cut")


@writers
def test_a_file_with_changed_bytes_is_read_or_refused(writer, tmp_path):
    raw = bytearray(writer(tmp_path / "model"))
    draw = np.random.default_rng(0)
    ends = {survives(bytes(raw), tmp_path / "changed")}
    for _ in range(4 * PLACES):
        changed = bytearray(raw)
        for at in draw.integers(0, min(len(raw), 20_000), 3).tolist():
            changed[at] = int(draw.integers(0, 256))
        ends.add(survives(bytes(changed), tmp_path / "changed"))
    assert ends == {True, False}


def xgboost_document(tmp_path):
    return json.loads(xgboost_json(tmp_path / "model"))


def first_tree(document):
    return document["learner"]["gradient_booster"]["model"]["trees"][0]


CHANGES = {
    "a cycle": lambda t: t["left_children"].__setitem__(1, 0),
    "two parents": lambda t: t["left_children"].__setitem__(0, t["right_children"][0]),
    "a child beyond": lambda t: t["right_children"].__setitem__(0, 10**9),
    "a column beyond": lambda t: t["split_indices"].__setitem__(0, 99),
    "too few": lambda t: t["default_left"].pop(),
    "no numbers": lambda t: t.__setitem__("split_conditions", ["a"] * len(t["split_conditions"])),
    "nested": lambda t: t.__setitem__("split_conditions", [[1.0]] * len(t["split_conditions"])),
    "huge category": lambda t: t.update(
        categories=[2**40], categories_nodes=[0], categories_segments=[0], categories_sizes=[1]
    ),
    "no tree": lambda t: t.clear(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_tree_that_is_none_is_refused(name, tmp_path):
    document = xgboost_document(tmp_path)
    CHANGES[name](first_tree(document))
    with pytest.raises(cf.BadFile, match="is damaged"):
        read_bytes(json.dumps(document).encode(), tmp_path / "m.json")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"learner":' + b'{"a":' * 100_000,
        b'{"learner":[' + b"[" * 100_000,
        b"{L" + struct.pack(">q", 7) + b"learner" + b"{" + b"i\x01a{" * 100_000,
        b"{L" + struct.pack(">q", 7) + b"learner" + b"[$d#L" + struct.pack(">q", 2**60),
        b"{L" + struct.pack(">q", 7) + b"learner" + b"[$Z#L" + struct.pack(">q", 2**60),
        b"{L" + struct.pack(">q", 7) + b"learner" + b"S" + b"L" + struct.pack(">q", -5),
        b"{L" + struct.pack(">q", 7) + b"learner" + b"[#L" + struct.pack(">q", 2**60) + b"Z" * 50,
        b"tree\nversion=v4\nmax_feature_idx=99999999999\nfeature_names=a\nend of trees",
        b"tree\nversion=v4\n" + b"Tree=0\n" * 1000 + b"\nend of trees",
        b'{"features_info":{"float_features":[{"flat_feature_index":9999999,"feature_index":0}]},'
        b'"scale_and_bias":[1,[0]]}',
        b'{"features_info":{},"scale_and_bias":[1,[0]],"oblivious_trees":[{"splits":'
        + b"[" + b'{"split_type":"FloatFeature"},' * 60 + b'{}],"leaf_values":[]}]}',
        b"CBM1" + b"\xff" * 200,
    ],
    ids=range(12),
)  # fmt: skip
def test_a_file_made_to_harm_is_refused_in_little_memory(raw, tmp_path):
    path = tmp_path / "evil"
    path.write_bytes(raw)
    tracemalloc.start()
    try:
        with pytest.raises((cf.BadFile, cf.MissingExtra)):
            cf.read(path)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_other_files_are_refused_with_what_can_be_read(tmp_path):
    with pytest.raises(cf.BadFile, match="No such file"):
        cf.read(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(cf.BadFile, match="not read from its file") as caught:
        cf.read(str(tmp_path / "other.json"))
    assert "XGBoost" in caught.value.hint and "LightGBM" in caught.value.hint


def test_a_file_that_is_none_of_a_model_is_told_what_is_read(tmp_path):
    (tmp_path / "model").write_text("text")
    with pytest.raises(cf.BadFile) as caught:
        cf.read(tmp_path / "model")
    assert "These are read: XGBoost, LightGBM" in caught.value.hint


@pytest.mark.parametrize("number", [-1, 2**40, "a", None])
def test_a_hash_that_is_none_is_survived(number, tmp_path):
    document = json.loads(catboost_statistics(tmp_path / "model"))
    document["features_info"]["cat_features_hash"][0]["hash"] = number
    assert not survives(json.dumps(document).encode(), tmp_path / "m.json")


LISTINGS = {
    "binary, from 1.3 to 3.0": (b"binf\x00\x00\x00?" + b"\x05" + b"\0" * 200, "before 3.1"),
    "binary, before 1.3": (
        b"\x00\x00\x00?" + b"\0" * 132 + struct.pack("<q", 15) + b"binary:logistic", "before 3.1"
    ),
    "dump as text": (b"booster[0]:\n0:[f0<0.5] yes=1,no=2,missing=1\n", "dump_model"),
    "dump as JSON": (b'[\n  { "nodeid": 0, "leaf": 1.5 }]', "dump_model"),
    "LightGBM's dump": (
        b'{"name": "tree", "version": "v4", "num_class": 1, "num_tree_per_iteration": 1}',
        "model.txt",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTINGS)
def test_what_boosters_also_write_is_refused_by_its_name_with_a_way_out(name, tmp_path):
    raw, said = LISTINGS[name]
    with pytest.raises(cf.BadFile) as caught:
        read_bytes(raw, tmp_path / "model")
    assert said in str(caught.value) and "save" in caught.value.hint.lower()


def test_a_damaged_binary_file_of_catboost_is_one_clear_error(tmp_path):
    """CatBoost itself brings the process down on some of these."""
    raw = catboost_binary(tmp_path / "model")
    draw = np.random.default_rng(0)
    read_bytes(raw, tmp_path / "file")
    for cut in draw.integers(0, len(raw), 6):
        with pytest.raises(cf.BadFile):
            read_bytes(raw[:cut], tmp_path / "file")
    for at in draw.integers(8, len(raw) - 8, 6):
        survives(raw[:at] + b"\xff\xff\xff\x7f" + raw[at + 4 :], tmp_path / "file")
