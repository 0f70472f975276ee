"""Formulas as JSON from people whom nobody trusts: a BadFile that says where, and nothing runs."""

import copy
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import closedform
from closedform import BadFile, ops
from closedform.formula import Step
from closedform.ir import OPS, Type
from closedform.ops.payloads import Pieces
from closedform.store import from_dict, from_json, load, to_dict, to_json
from small_formulas import SCHEMA, VALID, one, stump

# --- files that nobody trusts -------------------------------------------------------------------


def document():
    x, label = ops.input_(0), ops.input_(2, Type.LABEL)
    f = one(
        ops.tree(*stump(), [x, ops.input_(1)]),
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


def test_one_probability_more_than_there_are_classes_is_refused():
    doc = document()
    doc["task"] |= {"kind": "classification", "classes": ["A", "B"]}
    from_dict(doc)
    doc["task"]["probability"] = ["P(A)", "P(B)"]
    from_dict(doc)
    doc["task"]["probability"].append("P(C)")
    with pytest.raises(BadFile, match=r"probability: here should be one name for each of the 2"):
        from_dict(doc)


def test_a_field_that_is_there_twice_among_many_is_found_at_once():
    many = "".join(f'"k{i}": 1, ' for i in range(50_000))
    start = time.process_time()
    with pytest.raises(BadFile, match="'z' is there twice"):
        from_json("{" + many + '"z": 1, "z": 2}')
    assert time.process_time() - start < 5  # 0.1 s; 43 s where every name was counted
