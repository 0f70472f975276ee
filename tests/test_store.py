"""Formulas as JSON: exact there and back, and safe to open whoever wrote them."""

import json
import math
import os
import stat
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform
from closedform import BadFile, BadInput, Feature, Formula, Task, ops
from closedform.formula import Step
from closedform.ir import OPS, Type, node, toposort
from closedform.ops.payloads import Pieces, Tree
from closedform.store import content_hash, from_json, load, save, to_dict, to_json
from closedform.store.coding import CODINGS
from closedform.store.values import SPECIAL
from small_formulas import VALID, one, stump
from strategies import LABELS, finite, formulas, trees


def same(f, g):
    assert list(f.outputs) == list(g.outputs)
    assert all(f.outputs[name] is g.outputs[name] for name in f.outputs)
    assert (f.inputs, f.task, f.source, f.stages, f.trail) == (
        g.inputs, g.task, g.source, g.stages, g.trail,
    )  # fmt: skip
    below = set(f.nodes) | set(toposort(n for s in f.stages for _, n in (*s.before, *s.after)))
    assert {n: name for n, name in f.names.items() if n in below} == g.names


# --- there and back -----------------------------------------------------------------------------


@given(formulas())
def test_a_formula_comes_back_as_the_same_nodes(formula):
    text = to_json(formula)
    same(formula, from_json(text))
    assert content_hash(from_json(text)) == json.loads(text)["sha256"]


@settings(max_examples=60)  # validation of one document takes 10 ms
@given(formulas())
def test_what_is_written_fits_the_schema_and_is_strict_json(formula):
    def refuse(name):
        raise AssertionError(name)

    VALID.validate(json.loads(to_json(formula), parse_constant=refuse))


@given(formulas(), st.data())
def test_names_stages_and_the_trail_come_back(formula, data):
    some = data.draw(st.lists(st.sampled_from(formula.nodes), unique=True, max_size=4))
    texts = st.text(max_size=5)
    facts = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
        lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(texts, inner),
        max_leaves=5,
    )
    pairs = tuple((data.draw(texts), n) for n in some)
    made = Formula(
        formula.outputs,
        tuple(
            Feature(data.draw(texts), f.type, f.categories, missing=False) for f in formula.inputs
        ),
        Task("classification", ("x", 1, 2.5, True), "logit", ("y0",), tuple("abcd"), ("y2",)),
        {n: data.draw(texts) for n in some},
        (Step("read", "read", {}, data.draw(st.dictionaries(texts, facts, max_size=3))),),
        (closedform.formula.Stage(data.draw(texts), "transform", pairs, pairs[:1]),),
        data.draw(texts),
    )
    same(made, from_json(to_json(made)))


@given(st.lists(finite | st.sampled_from(list(SPECIAL.values())), min_size=1))
def test_every_float_comes_back_bit_for_bit(values):
    found = from_json(to_json(one(ops.linear(values[0], values, [ops.input_(0)] * len(values)))))
    weights = found.outputs["y0"].data.weights
    assert [x.hex() for x in weights.tolist()] == [x.hex() for x in values]


@given(trees(3))
def test_a_tree_comes_back_bit_for_bit(made):
    n = ops.tree(made.splits, made.values, [ops.input_(0)] * 3)
    assert from_json(to_json(one(n))).outputs["y0"] is n


def test_trees_of_one_shape_are_written_once():
    X, y = load_iris(return_X_y=True)
    formula = closedform.read(RandomForestClassifier(4, random_state=0).fit(X, y))
    shapes = [row for row in to_dict(formula)["nodes"] if "child" in row]
    likes = [row for row in to_dict(formula)["nodes"] if "like" in row]
    assert (len(shapes), len(likes)) == (4, 8)  # three classes: two trees beside each
    found = from_json(to_json(formula))
    same(formula, found)
    assert np.array_equal(found(X), RandomForestClassifier(4, random_state=0).fit(X, y).predict(X))


def test_every_operation_has_been_written_by_some_test_here():
    """A new op without data needs no line in the store; this shows that it comes back."""
    x, label, yes = ops.input_(0), ops.input_(2, Type.LABEL), ops.less(ops.input_(0), ops.const(1))
    tree = Tree(*stump())
    args = {
        "const": ((), 2.0), "label": ((), ("A",)), "input": ((), 1), "member": ((label,), ("A", 3)),
        "lin": ((x, x), ops.Weights.of(1, [2, 3])), "kth": ((x, x), 2),
            "weighted_median": ((x, x), (0.5, 2.0)),
            "squared_distance": ((x,), ops.squared_distance([x], [1.5], [2.5]).data),
            "tree": ((x,), tree),
        "table": ((label,), ops.Table.of({"A": 1.0}, 2.0, math.nan)),
        "piecewise": ((x,), Pieces.of([0.0], [1.0, 2.0])), "where": ((yes, x, x), None),
        "and": ((yes, yes), None), "or": ((yes, yes), None), "not": ((yes,), None),
    }  # fmt: skip
    for op in OPS.values():
        two = op.name in ("mul", "div", "pow", "min", "max", "less", "less_equal", "equal")
        made = node(op, *args.get(op.name, ((x, x) if two else (x,), None)))
        assert from_json(to_json(one(made))).outputs["y0"] is made


@pytest.mark.parametrize("label", [*LABELS, "nan", math.inf, 2**60 + 1, 1.0, False, None])
def test_a_label_comes_back_in_its_own_type(label):
    found = from_json(to_json(one(ops.label(label)))).outputs["y0"].data[0]
    assert type(found) is type(label)
    assert found == label


def test_a_name_may_be_anything_even_what_utf_8_cannot_hold(tmp_path):
    names = ['"; DROP TABLE x; --', "身長", "\ud800", "\x00\x1b[2J", "</script>", "a\nb", ""]
    formula = Formula({n: ops.input_(i) for i, n in enumerate(names)}, tuple(map(Feature, names)))
    save(formula, tmp_path / "f.json")
    same(formula, load(tmp_path / "f.json"))
    assert "身長" in (tmp_path / "f.json").read_text("utf-8")


def test_a_formula_of_any_depth_comes_back():
    deep = ops.input_(0)
    for _ in range(20_000):
        deep = ops.tanh(deep)
    assert from_json(to_json(one(deep))).outputs["y0"] is deep


def test_a_saved_pipeline_predicts_as_the_model_does_in_another_process(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    closedform.read(model).save(tmp_path / "f.json")
    np.save(tmp_path / "x.npy", X)
    code = (
        "import sys, numpy as np; from closedform.store import load\n"
        "f = load(sys.argv[1]); np.save(sys.argv[3], f(np.load(sys.argv[2])))\n"
        "assert 'sklearn' not in sys.modules"
    )
    files = [str(tmp_path / name) for name in ("f.json", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", code, *files], check=True)
    # The scaler is folded into the weights: a few roundings of numbers around 150.
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(X), rtol=1e-12)


def test_500_trees_of_depth_6_are_saved_and_opened_in_2_seconds(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 10))
    model = GradientBoostingRegressor(n_estimators=500, max_depth=6, max_features=2)
    formula = closedform.read(model.fit(X, X.sum(axis=1) + rng.normal(size=2000)))
    start = time.process_time()
    save(formula, tmp_path / "f.json")
    found = load(tmp_path / "f.json")
    assert time.process_time() - start < 2  # 0.25 s when this was written
    same(formula, found)
    trees = [n for n in found.nodes if n.op is ops.TREE]
    assert len({id(n.args) for n in trees}) == 1


# --- the text -----------------------------------------------------------------------------------


def test_the_text_has_one_node_a_line_and_the_format_first():
    text = to_json(one(ops.tanh(ops.lin(1, (2, ops.input_(0))))))
    assert text.startswith('{\n"format": "closedform",\n"version": 1,\n"sha256": "')
    assert '\n{"op": "lin", "args": [0], "bias": 1.0, "weights": [2.0]},\n' in text
    assert '\n{"op": "tanh", "args": [1]}\n' in text


def test_the_same_formula_gives_the_same_text_and_another_one_another_hash():
    f = one(ops.lin(1, (2, ops.input_(0))))
    assert to_json(f) == to_json(from_json(to_json(f)))
    zero, minus = one(ops.lin(0.0)), one(ops.lin(-0.0))
    assert content_hash(zero) != content_hash(minus)


def test_the_hash_is_that_of_what_is_computed_and_as_the_document_says():
    x = ops.input_(0)
    stages = (closedform.formula.Stage("S", "transform", (("a", ops.exp(x)),), ()),)
    told = one(ops.tanh(x), names={x: "h"}, stages=stages, trail=(Step("r", "read"),), source="R")
    assert content_hash(told) == content_hash(one(ops.tanh(x)))
    doc = json.loads(to_json(told))
    computed = {k: doc[k] for k in ("task", "inputs", "outputs")} | {"nodes": doc["nodes"][:2]}
    text = json.dumps(computed, sort_keys=True, separators=(",", ":"))
    assert sha256(text.encode()).hexdigest() == doc["sha256"] == content_hash(told)


def test_a_file_that_another_tool_laid_out_anew_is_still_the_same():
    document = json.loads(to_json(one(ops.lin(1, (2, ops.input_(0))))))
    document["nodes"][1]["weights"] = [2]  # as JavaScript writes 2.0
    text = json.dumps(dict(reversed(document.items())), indent=3)
    assert from_json(text.encode("utf-8-sig")).outputs["y0"].data.weights[0] == 2


def test_names_of_nodes_that_are_read_no_more_are_left_out():
    f = one(ops.input_(0), names={ops.input_(0): "kept", ops.exp(ops.input_(1)): "gone"})
    assert list(from_json(to_json(f)).names.values()) == ["kept"]


def test_what_a_pass_noted_is_kept_as_plain_values():
    found = {"worst": np.float64(0.5), "rows": np.array([1, 2]), "at": Path("x"), "nan": math.nan}
    f = one(ops.input_(0), trail=(Step("p", "approx", {"digits": 4}, found),))
    (step,) = from_json(to_json(f)).trail
    assert {**step.found, "nan": None} == {"worst": 0.5, "rows": (1, 2), "at": "x", "nan": None}
    assert math.isnan(step.found["nan"])


# --- what cannot be saved -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        (Formula({"y": ops.input_(1)}, (Feature("a"),)), "input 1 is not among the 1 inputs"),
        (Formula({"y": ops.input_(0, Type.LABEL)}, (Feature("a"),)), "of the type 'label'"),
        (one(node(ops.EXP, (ops.input_(0),) * 2)), "'exp' takes 1 arguments, not 2"),
        (one(ops.input_(0), task=Task(classes=(b"x",))), "is a bytes"),
    ],
)
def test_what_could_not_be_opened_again_is_not_saved(formula, says, tmp_path):
    with pytest.raises(BadInput, match=says):
        save(formula, tmp_path / "f.json")
    assert not any(tmp_path.iterdir())


# --- files --------------------------------------------------------------------------------------


def test_a_file_is_replaced_at_once_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "f.json"
    path.write_text("old")
    path.chmod(0o640)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BadFile, match=r"f\.json cannot be written: No space left"):
        save(one(ops.input_(0)), path)
    assert [p.name for p in tmp_path.iterdir()] == ["f.json"]
    assert path.read_text() == "old"
    monkeypatch.undo()
    save(one(ops.input_(0)), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load(path).outputs["y0"] is ops.input_(0)


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "f.json")
    save(one(ops.input_(0)), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert load(tmp_path / "f.json")


@pytest.mark.parametrize("name", ["absent/f.json", "", "f\0.json"])
def test_what_cannot_be_written_or_read_is_a_bad_file(name, tmp_path):
    path = f"{tmp_path}/{name}"
    for call in (lambda: save(one(ops.input_(0)), path), lambda: load(path)):
        with pytest.raises(BadFile) as caught:
            call()
        assert caught.value.hint
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadFile, match="no regular file"):
        load(tmp_path / "pipe")
    with pytest.raises(BadFile, match="no regular file"):
        save(one(ops.input_(0)), tmp_path / "pipe")


def test_the_example_in_the_documentation_can_be_opened_and_is_what_is_written():
    page = (Path(__file__).parents[1] / "docs" / "formula-json.md").read_text("utf-8")
    text = page.split("```json\n")[1].split("```")[0]
    formula = from_json(text)
    assert formula({"age": [10.0], "body mass": [20.0]}).tolist() == [-4 + 1.2 * 10 + 0.3 * 20]
    assert json.loads(to_json(formula)) == json.loads(text)
    assert [line[:9] for line in to_json(formula).splitlines()[:5]] == [
        line[:9] for line in text.splitlines()[:5]
    ]
    VALID.validate(json.loads(text))


def test_the_documentation_names_every_field_of_a_node():
    page = (Path(__file__).parents[1] / "docs" / "formula-json.md").read_text("utf-8")
    for op, coding in CODINGS.items():
        assert f"\n| `{op}` |" in page
        for field in (*coding.required, *coding.optional):
            assert f"`{field}`" in page or f'"{field}"' in page, (op, field)
    for op in OPS.keys() - CODINGS.keys() - ops.UNARY.keys():
        assert f"`{op}`" in page
