"""Formulas as JSON: exact there and back, and safe to open whoever wrote them."""

import copy
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
from jsonschema import Draft202012Validator
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform
from closedform import BadFile, BadInput, Feature, Formula, Task, ops
from closedform.formula import Step
from closedform.ir import OPS, Type, node, toposort
from closedform.payloads import Pieces, Tree, splits_from
from closedform.store import content_hash, from_dict, from_json, load, save, to_dict, to_json
from closedform.store.values import SPECIAL
from strategies import LABELS, finite, formulas, trees

SCHEMA = json.loads((Path(closedform.__file__).parent / "formula.schema.json").read_text("utf-8"))
VALID = Draft202012Validator(SCHEMA)


def same(f, g):
    assert list(f.outputs) == list(g.outputs)
    assert all(f.outputs[name] is g.outputs[name] for name in f.outputs)
    assert (f.inputs, f.task, f.source, f.stages, f.trail) == (
        g.inputs, g.task, g.source, g.stages, g.trail,
    )  # fmt: skip
    below = set(f.nodes) | set(toposort(n for s in f.stages for _, n in (*s.before, *s.after)))
    assert {n: name for n, name in f.names.items() if n in below} == g.names


def one(*outputs, **more):
    """A formula of some nodes over two numbers and a category."""
    inputs = (Feature("a"), Feature("b"), Feature("kind", Type.LABEL, ("A", "B")))
    return Formula({f"y{i}": n for i, n in enumerate(outputs)}, inputs, **more)


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
        Task("classification", ("x", 1, 2.5, True), "logit", ("y0",), ("y1",), ("y2",)),
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
    tree = Tree(*splits_from_stump())
    args = {
        "const": ((), 2.0), "label": ((), ("A",)), "input": ((), 1), "member": ((label,), ("A", 3)),
        "lin": ((x, x), ops.Weights.of(1, [2, 3])), "tree": ((x,), tree),
        "table": ((label,), ops.Table.of({"A": 1.0}, 2.0, math.nan)),
        "piecewise": ((x,), Pieces.of([0.0], [1.0, 2.0])), "where": ((yes, x, x), None),
        "and": ((yes, yes), None), "or": ((yes, yes), None), "not": ((yes,), None),
    }  # fmt: skip
    for op in OPS.values():
        two = op.name in ("mul", "div", "pow", "min", "max", "less", "less_equal", "equal")
        made = node(op, *args.get(op.name, ((x, x) if two else (x,), None)))
        assert from_json(to_json(one(made))).outputs["y0"] is made


def splits_from_stump():
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.5, 0, 0], counts=[3, 2, 1])
    return splits, np.array([0.0, 1.0, 2.0])


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
    start = time.perf_counter()
    save(formula, tmp_path / "f.json")
    found = load(tmp_path / "f.json")
    assert time.perf_counter() - start < 2  # 0.25 s when this was written
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


# --- files that nobody trusts -------------------------------------------------------------------


def document():
    x, label = ops.input_(0), ops.input_(2, Type.LABEL)
    f = one(
        ops.tree(*splits_from_stump(), [x, ops.input_(1)]),
        ops.table(label, {"A": 1.0, "B": 2.0}),
        ops.piecewise(x, Pieces.of([0.0, 1.0], [1.0, 2.0, 3.0])),
        ops.where(ops.member(label, ["A"]), ops.lin(1, (2, x)), ops.const(0)),
        ops.where(ops.less(x, ops.const(1)), label, ops.label("A")),
        names={x: "x"},
        stages=(closedform.formula.Stage("S", "transform", (("a", x),), (("b", x),)),),
        trail=(Step("read", "read"),),
    )
    made = to_dict(f)
    del made["sha256"]
    return made


def at(doc, op):
    return next(i for i, row in enumerate(doc["nodes"]) if row["op"] == op)


def change(path, value):
    """Return a change of the document: `tree.child` is the field of the first tree node."""

    def apply(doc):
        *parts, last = [int(p) if p.lstrip("-").isdigit() else p for p in path.split(".")]
        here = doc
        if parts and parts[0] in OPS:
            here, parts = doc["nodes"][at(doc, parts[0])], parts[1:]
        for part in parts:
            here = here[part]
        if value is DELETE:
            del here[last]
        else:
            here[last] = value

    return apply


DELETE = object()
HOSTILE = [
    ("format", "pickle", r"\$: this is no formula"),
    ("version", 2, r"\$\.version: a newer closedform wrote this, in version 2"),
    ("version", 0, r"\$\.version: here should be a whole number"),
    ("version", True, r"\$\.version"),
    ("version", "1", r"\$\.version"),
    ("nodes", DELETE, r"\$: the field 'nodes' is absent"),
    ("nodes", {}, r"\$\.nodes: here should be a list, not an object"),
    ("more", 1, r"\$: there is no field 'more' here"),
    ("nodes.0", 5, r"\$\.nodes\[0\]: here should be an object, not a whole number"),
    ("nodes.0", {}, r"\$\.nodes\[0\]: the field 'op' is absent"),
    ("tree.op", "__import__", r"\.op: there is no operation '__import__'"),
    ("tree.op", ["tree"], r"\.op: here should be a text, not a list"),
    ("tree.op", "tree\x1b[2J", r"no operation 'tree\\x1b\[2J'"),
    ("tree.extra", 1, "there is no field 'extra' here"),
    ("lin.args", [0, 0], r"weights: 1 values stand here, not 2"),
    ("lin.args.0", 10**9, r"args\[0\]: 1000000000 is not between 0 and"),
    ("lin.args.0", -1, r"args\[0\]: -1 is not between"),
    ("lin.args.0", True, r"args\[0\]: here should be a whole number, not true or false"),
    ("lin.args.0", 0.0, r"args\[0\]: here should be a whole number, not a number"),
    ("lin.weights", [None], r"weights\[0\]: here should be a number"),
    ("lin.weights", ["1"], r"weights\[0\]: here should be a number"),
    ("lin.weights", [True], r"weights\[0\]: here should be a number"),
    ("lin.weights", [[1.0]], r"weights\[0\]: here should be a number"),
    ("lin.weights", [10**400], r"weights: a number here is too large"),
    ("lin.bias", 10**400, r"bias: a number here is too large"),
    ("less.args", [0], "'less' takes 2 arguments, not 1"),
    ("where.args.0", 0, "argument 0 of 'where' is of the type 'real'"),
    ("input.input", 3, r"input: 3 is not between 0 and 2"),
    ("tree.child", [1, 0, 2], "these children make no tree"),  # back to the root
    ("tree.child", [0, 1, 2], "these children make no tree"),  # two nodes that nobody reaches
    ("tree.child", [1, 1, 1], "these children make no tree"),
    ("tree.child", [2, 1, 2], "these children make no tree"),  # a child beyond the end
    ("tree.child", [1, 1, 2, 3], "these children make no tree"),
    ("tree.child", [7, 1, 2], r"child\[0\]: 7 is not between 0 and 2"),
    ("tree.child", [], "these children make no tree"),
    ("tree.feature", [2], r"feature\[0\]: 2 is not between 0 and 1"),
    ("tree.feature", [0, 0], "feature: 2 values stand here, not 1"),
    ("tree.threshold", [], "threshold: 0 values stand here, not 1"),
    ("tree.threshold", DELETE, "the field 'threshold', or 'like', is absent"),
    ("tree.values", [1.0], "values: 1 values stand here, not 2"),
    ("tree.counts", [1.0], "counts: 1 values stand here, not 3"),
    ("tree.below", 1, "below: here should be true or false"),
    ("tree.missing_left", "2", "a text of 0 and 1"),
    ("tree.missing_left", "00", "2 signs stand here, not 1"),
    ("tree.missing_left", "٣", "a text of 0 and 1"),
    ("tree.member", [0], r"member\[0\]: 0 is not between -1 and -1"),
    ("tree.sets", ["01", "1"], "the sets differ in length"),
    ("tree.like", 0, "here should be the place of a tree"),
    ("table.labels", ["A", "A"], "a label is here twice"),
    ("table.labels", [1, True], "a label is here twice"),
    ("table.labels", ["A", {"float": []}], r"labels\[1\]\.float: here should be a text"),
    ("table.labels", ["A", ["B"]], r"labels\[1\]: here should be a label"),
    ("table.values", [1.0], "values: 1 values stand here, not 2"),
    ("table.args", [0], r"labels\[0\]: here should be a number, since a number is looked up"),
    ("piecewise.edges", [1.0, 0.0], "the edges must rise"),
    ("piecewise.edges", [0.0, "nan"], "the edges must rise"),
    ("piecewise.edges", [0.0], "1 edges need 2 rows"),
    ("piecewise.coefs", [[1.0], [1.0, 2.0], [1.0]], "rows of one length"),
    ("piecewise.coefs", [[], [], []], "rows of one length"),
    ("outputs", [], "one output at least"),
    ("outputs", [["y", 0], ["y", 0]], r"outputs\[1\]\[0\]: there are two outputs of this name"),
    ("outputs", [["y"]], r"outputs\[0\]: here should be two values"),
    ("outputs", [["y", 10**30]], r"outputs\[0\]\[1\]: a number that large is not between"),
    ("names", [[99, "h"]], r"names\[0\]\[0\]: 99 is not between"),
    ("inputs.0.type", "bool", 'here should be "real" or "label"'),
    ("inputs.0.missing", 1, r"inputs\[0\]\.missing: here should be true or false"),
    ("inputs.2.type", "real", "is of the type|since a number is looked up"),
    ("task.classes", [[]], r"classes\[0\]: here should be a label"),
    ("task.primary", "y", r"primary: here should be a list"),
    ("stages.0.before", [["a", 99]], r"stages\[0\]\.before\[0\]\[1\]: 99 is not between"),
    ("trail.0.found", [], r"trail\[0\]\.found: here should be an object"),
    ("sha256", "0" * 64, "it was changed after it was saved"),
    ("sha256", 5, r"\$\.sha256: here should be a text"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "says"), HOSTILE)
def test_a_hostile_document_is_refused_and_says_where(path, value, says):
    doc = document()
    from_dict(doc)
    change(path, value)(doc)
    with pytest.raises(BadFile, match=says) as caught:
        from_dict(doc)
    assert caught.value.hint
    assert len(str(caught.value)) < 1000
    assert str(caught.value).replace("\n", "").isprintable()


def test_a_node_that_refers_forward_or_to_itself_is_refused():
    for far in (0, 1):
        doc = document()
        i = at(doc, "lin")
        doc["nodes"][i]["args"] = [i + far]
        with pytest.raises(
            BadFile, match=rf"\$\.nodes\[{i}\]\.args\[0\]: {i + far} is not between"
        ):
            from_dict(doc)


def test_a_choice_between_a_number_and_a_label_is_refused():
    doc = document()
    label = next(i for i, row in enumerate(doc["nodes"]) if row.get("input") == 2)
    doc["nodes"][at(doc, "where")]["args"][1] = label
    with pytest.raises(BadFile, match="the arguments of 'where' are of different types"):
        from_dict(doc)


def test_a_tree_like_another_one_needs_the_arguments_of_that_one():
    doc = document()
    tree = at(doc, "tree")
    doc["nodes"][tree]["feature"] = [1]
    doc["nodes"].append({"op": "tree", "args": [0], "like": tree, "values": [1.0, 2.0]})
    with pytest.raises(BadFile, match="asks for more than the 1 arguments here"):
        from_dict(doc)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON at line 1, column 1"),
        ("{", "no JSON at line 1"),
        ("[" * 100_000, "nested too deep"),
        ('{"format": "closedform", "version": 1, "trail": ' + '{"a":' * 100_000, "nested too deep"),
        ("5", "this is no formula"),
        ("[]", "this is no formula"),
        ('{"format": "closedform"}', "here should be a whole number"),
        ('{"format": NaN}', "NaN is no JSON"),
        ('{"format": -Infinity}', "-Infinity is no JSON"),
        ('{"format": 1, "format": 2}', "the field 'format' is there twice"),
        ('{"format": ' + "1" * 5000 + "}", "no JSON: Exceeds the limit"),
        (b"\x80\x04K\x01.", "no UTF-8 text at byte 0"),
        (b"\xff\xfe{\x00}\x00", "no UTF-8 text"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_formula_is_refused(text, says):
    with pytest.raises(BadFile, match=says) as caught:
        from_json(text)
    assert caught.value.hint


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path):
    raw = to_json(one(ops.lin(1.5, (2.25, ops.input_(0))))).encode()
    path = tmp_path / "f.json"
    for end in range(len(raw) - 2):
        path.write_bytes(raw[:end])
        with pytest.raises(BadFile, match=r"f\.json: "):
            load(path)


def test_a_number_beyond_float64_is_refused():
    text = to_json(one(ops.lin(1.5))).replace("1.5", "1e999")
    with pytest.raises(BadFile, match="too large"):
        from_json(text)


def test_facts_may_be_nested_but_not_without_end():
    fact = {"a": 1}
    for _ in range(5000):
        fact = {"a": fact}
    doc = document()
    doc["trail"][0]["found"] = fact
    with pytest.raises(BadFile, match="nested too deep"):
        from_dict(doc)


JUNK = [None, True, -1, 0, 1, 10**20, 0.5, "nan", "x", "", [], [[]], [0], {}, {"float": "nan"}]


def places(value, path=()):
    """Yield every place in a document."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from places(inner, (*path, key))


PLACES = list(places(document()))[1:]


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(JUNK)), min_size=1, max_size=3))
def test_any_change_gives_a_formula_that_runs_or_a_bad_file(changes):
    doc = document()
    for path, junk in changes:
        here = doc
        try:
            for key in path[:-1]:
                here = here[key]
            here[path[-1]] = copy.deepcopy(junk)
        except (IndexError, KeyError, TypeError):
            continue
    try:
        formula = from_dict(doc)
    except BadFile:
        return
    VALID.validate(doc)
    data = {f.name: [1.0, math.nan] if f.type is Type.REAL else ["A", None] for f in formula.inputs}
    if len(data) == len(formula.inputs):
        formula.evaluate(data)


# --- the schema ---------------------------------------------------------------------------------


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2), ("nodes", DELETE), ("more", 1), ("tree.values", DELETE), ("tree.extra", 1),
        ("tree.child", DELETE), ("lin.bias", None), ("lin.args.0", -1), ("table.labels", [[]]),
        ("inputs.0.type", "bool"), ("tree.missing_left", "2"), ("names", [["h", 1]]),
        ("const.value", "one"), ("input.input", "a"), ("tree.like", 0),
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_reader_refuses_by_form(path, value):
    doc = document()
    VALID.validate(doc)
    change(path, value)(doc)
    assert list(VALID.iter_errors(doc))
    with pytest.raises(BadFile):
        from_dict(doc)
