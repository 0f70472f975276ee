"""PMML files that are truncated, damaged or made to harm: one clear error, and soon."""

import re
import time
import tracemalloc

import numpy as np
import pytest

import closedform as cf
from closedform.loading import inspect_file
from damaged_files import read_bytes, survives
from pmml_cases import apply, derived, document, linear, number_if, regression, schema, text
from pmml_documents import CASES

CHOSEN = [
    "regression of powers, terms and labels", "tree of classes", "general: multinomial",
    "ensemble: majorityVote, continue", "network: classes by softmax", "naive Bayes",
    "vectors: radial", "clusters: euclidean", "scorecard", "rules: weightedSum",
    "MapValues of two fields", "general: Cox", "neighbours: average",
]  # fmt: skip


@pytest.mark.parametrize("name", CHOSEN)
def test_a_truncated_file_is_one_clear_error(name, tmp_path):
    raw = CASES[name][0].encode()
    for end in np.linspace(1, len(raw) - 2, 60).astype(int).tolist():
        with pytest.raises(cf.BadFile):
            read_bytes(raw[:end], tmp_path / "cut.pmml")


@pytest.mark.parametrize("name", CHOSEN)
def test_a_file_with_changed_bytes_is_read_or_refused(name, tmp_path):
    raw = CASES[name][0].encode()
    draw = np.random.default_rng(len(name))
    letters = np.frombuffer(b'0123456789.-eaxyz"<>/ \xff', dtype=np.uint8)
    ends = {survives(raw, tmp_path / "changed.pmml")}
    for _ in range(60):
        changed = bytearray(raw)
        for at in draw.integers(150, len(raw), 2).tolist():
            changed[at] = int(draw.choice(letters))
        ends.add(survives(bytes(changed), tmp_path / "changed.pmml"))
    assert ends == {True, False}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_file_without_some_attribute_or_element_is_read_or_refused(name, tmp_path):
    whole = CASES[name][0]
    found = [*re.finditer(r' [\w-]+="[^"]*"', whole), *re.finditer(r"<(\w+)[^<>]*/>", whole)]
    for part in found[:: max(1, len(found) // 60)]:
        survives((whole[: part.start()] + whole[part.end() :]).encode(), tmp_path / "less.pmml")


HEAD = '<?xml version="1.0"?>'
LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
RULES = {
    "entities that grow": (f"{HEAD}<!DOCTYPE PMML [{LAUGHS}]><PMML>&j;</PMML>", "entities|type"),
    "an entity of another file": (
        f'{HEAD}<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]><PMML>&x;</PMML>',
        "entities|type",
    ),
    "a parameter entity": (
        f'{HEAD}<!DOCTYPE PMML [<!ENTITY % x SYSTEM "http://localhost/x.dtd"> %x;]><PMML/>',
        "entities|type",
    ),
    "an entity that nobody defines": (f"{HEAD}<PMML>&x;</PMML>", "undefined entity"),
    "not XML": (f"{HEAD}<PMML", "no whole XML"),
    "another document": (f"{HEAD}<svg><PMML/></svg>", "outermost element"),
    "no model": (f"{HEAD}<PMML><Header/><DataDictionary/></PMML>", "without a model"),
    "too deep": (f"{HEAD}<PMML>" + "<a>" * 6000 + "</a>" * 6000 + "</PMML>", "levels"),
    "an encoding that is none": (
        '<?xml version="1.0" encoding="klingon"?><PMML></PMML>', "no whole XML",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_xml_that_is_made_to_harm_is_refused(name, tmp_path):
    content, message = RULES[name]
    with pytest.raises(cf.BadFile, match=message):
        read_bytes(content.encode(), tmp_path / "evil.pmml")


def test_a_document_type_of_old_files_is_not_fetched(tmp_path):
    plain = CASES["regression none"][0]
    old = plain.replace(
        "<PMML", '<!DOCTYPE PMML PUBLIC "PMML 2.0" "http://no.where/x.dtd"><PMML', 1
    )
    assert read_bytes(old.encode(), tmp_path / "old.pmml")([[1.0]])[0] == 0.5


def function(name, body):
    return (
        f'<DefineFunction name="{name}" optype="continuous" dataType="double">'
        f'<ParameterField name="p" dataType="double"/>{body}</DefineFunction>'
    )


DOUBLING = "".join(
    function(f"f{i}", apply("+", apply(f"f{i + 1}", "p"), apply(f"f{i + 1}", apply("*", "p", 1.5))))
    for i in range(40)
) + function("f40", apply("*", "p", 1.0))  # fmt: skip
D = linear(("d", 1.0))
HARM = {
    "a field made of itself": regression(["x"], D, shared=derived(apply("+", "d", "x"))),
    "fields in a circle": regression(
        ["x"], D, shared=derived(apply("+", "e", "x")) + derived(apply("+", "d", "x"), "e")
    ),
    "a function of itself": regression(
        ["x"], D, shared=function("g", apply("g", "p")) + derived(apply("g", "x"))
    ),
    "functions that double": regression(["x"], D, shared=DOUBLING + derived(apply("f0", "x"))),
    "a huge sparse array": CASES["vectors: radial"][0].replace(
        '<REAL-SparseArray n="3">', '<REAL-SparseArray n="999999999999">'),
    "a huge matrix": CASES["general: contrasts"][0].replace('nbRows="3"', 'nbRows="3000000000"'),
    "two fields of one name": CASES["regression none"][0].replace(
        "</DataDictionary>", '<DataField name="x" optype="continuous" dataType="double"/>'
        "</DataDictionary>"),
    "a field that is not there": regression(["x"], linear(("nobody", 1.0))),
    "a number that is none": regression(["x"], linear(("x", "1_000"))),
    "more neighbours than rows": CASES["neighbours: average"][0].replace(
        'numberOfNeighbors="3"', 'numberOfNeighbors="3000000"'),
    "an array of another length": CASES["clusters: euclidean"][0].replace('n="2"', 'n="9"', 1),
    "no scores": CASES["tree: none, returnNullPrediction"][0].replace("score=", "points="),
    "a default child that is not there": CASES["tree: defaultChild, returnNullPrediction"][
        0].replace('defaultChild="3"', 'defaultChild="77"'),
    "a neuron that is not there": CASES["network: tanh"][0].replace('from="h0"', 'from="h9"'),
    "an unknown option": CASES["regression logit"][0].replace('"logit"', '"lojit"'),
}  # fmt: skip


@pytest.mark.parametrize("name", HARM)
def test_content_that_no_model_holds_is_refused_soon_and_in_little_memory(name, tmp_path):
    path = tmp_path / "evil.pmml"
    path.write_text(HARM[name])
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises(cf.BadFile, match="damaged"):
            cf.read(path)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - begun < 30


def test_default_children_that_would_double_every_branch_are_refused(tmp_path):
    def split(depth):
        if depth == 0:
            return '<Node score="1"><True/></Node>'
        inner = split(depth - 1)
        tests = [
            f'<SimplePredicate field="{f}" operator="lessThan" value="{depth}"/>'
            for f in (f"x{depth}", f"z{depth}")
        ]
        first, second = (
            f'<Node id="{i}" score="0" defaultChild="b">{t}{inner}</Node>'
            for i, t in zip("ab", tests, strict=True)
        )
        return first + second

    names = [f"{letter}{i}" for i in range(1, 9) for letter in "xz"]
    fields = {n: f'<DataField name="{n}" optype="continuous" dataType="double"/>' for n in names}
    content = document(
        f'<TreeModel functionName="regression" missingValueStrategy="defaultChild">{schema(names)}'
        f'<Node id="0" score="0" defaultChild="b"><True/>{split(8)}</Node></TreeModel>', names,
        fields=fields,
    )  # fmt: skip
    with pytest.raises(cf.UnsupportedModel, match="copies"):
        read_bytes(content.encode(), tmp_path / "wide.pmml")


REFUSED = {
    "a date": (
        regression(["x"], D, fields={
            "x": '<DataField name="x" optype="continuous" dataType="date"/>'},
            shared=derived('<FieldRef field="x"/>')), "dates",
    ),
    "a text of any kind": (
        regression(["t"], D, shared=derived(apply("stringLength", "t"))), "any text",
    ),
    "a regular expression": (
        regression(["c"], D, shared=derived(number_if(apply("matches", "c", text("(a+)+$"))))),
        "regular expression",
    ),
    "an unknown function": (regression(["x"], D, shared=derived(apply("gamma", "x"))), "'gamma'"),
    "an angle": (
        regression(["x"], D, shared=derived(apply("atan2", "x", "x"))), "'atan2'",
    ),
    "a lag": (regression(["x"], D, shared=derived('<Lag field="x"/>')), "Lag"),
    "a mix of leaves": (
        CASES["tree: none, returnNullPrediction"][0].replace('Strategy="none"',
                                                             'Strategy="weightedConfidence"'),
        "weightedConfidence",
    ),
    "association rules": (
        document(f'<AssociationModel functionName="associationRules">{schema(["x"])}'
                 "</AssociationModel>", ["x"]), "sets of items",
    ),
    "several results": (
        CASES["ensemble: sum"][0].replace('"sum"', '"selectAll"'), "several results",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_refused_with_a_reason(name, tmp_path):
    content, message = REFUSED[name]
    with pytest.raises(cf.UnsupportedModel, match=message) as caught:
        read_bytes(content.encode(), tmp_path / "model.pmml")
    assert caught.value.problems[0][1]


def test_all_problems_are_reported_at_once(tmp_path):
    shared = derived(apply("gamma", "x")) + derived('<Lag field="x"/>', "e")
    content = regression(["x"], linear(("d", 1.0), ("e", 2.0)), shared=shared)
    with pytest.raises(cf.UnsupportedModel) as caught:
        read_bytes(content.encode(), tmp_path / "model.pmml")
    assert len(caught.value.problems) == 2


def test_names_are_data(tmp_path):
    name = "'; DROP TABLE x; --&quot;&lt;{0}"
    content = regression(["x"], linear(("x", 2.0))).replace('"x"', f'"{name}"')
    formula = read_bytes(content.encode(), tmp_path / "model.pmml")
    plain = "'; DROP TABLE x; --\"<{0}"
    assert formula({plain: [1.5]})[0] == 3.0
    for target in ("python", "numpy", "latex", "text"):
        assert formula.to(target)


def test_a_file_is_told_by_its_content(tmp_path):
    (tmp_path / "model.txt").write_text(CASES["regression none"][0])
    report = inspect_file(tmp_path / "model.txt")
    assert report.kind == "pmml" and report.complete and not report.imports
    (tmp_path / "page.pmml").write_text("<html><body>about models</body></html>")
    assert inspect_file(tmp_path / "page.pmml").kind != "pmml"
