"""Pictures: every node once, every use an arrow, and Graphviz draws what was meant."""

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.printers import svg
from each_op import FEATURES, ONE
from strategies import formulas
from test_hostile_names import NAMES, of_names

X, KINDS = load_iris(return_X_y=True, as_frame=True)
WORDS = load_iris().target_names[KINDS]
needs_graphviz = pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not here")


def boxes_of(text):
    return re.findall(r"^ *n\d+ \[label=", text, re.M)


def arrows_of(text):
    return re.findall(r"^ *n(\d+) -> n(\d+)(?: \[label=\"(.*)\"\])?;$", text, re.M)


@settings(max_examples=60)
@given(formulas(outputs=3, size=20))
def test_every_node_is_one_box_and_every_use_one_arrow(formula):
    text = formula.to("dot", form="graph")
    assert len(boxes_of(text)) == len(formula.nodes) + len(formula.outputs)
    uses = sum(len(n.args) for n in formula.nodes) + len(formula.outputs)
    assert len(arrows_of(text)) == uses


def test_every_weight_reads_back_as_the_same_number():
    model = LinearRegression().fit(X, KINDS * 1e-9)
    text = cf.read(model).to("dot")
    said = {float(label) for _, _, label in arrows_of(text) if label}
    assert {float(w) for w in model.coef_} == said
    assert f'"{float(model.intercept_)!r} + Σ"'.replace("e-0", "e-") in text


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_wide_network_is_a_box_for_each_layer():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 15))
    model = MLPRegressor(hidden_layer_sizes=(60, 60), activation="tanh", max_iter=2)
    text = cf.read(model.fit(rows, rows[:, 0])).to("dot")
    assert len(boxes_of(text)) == 7  # inputs, two layers of sums and of tanh, the last sum, y
    for said in ("15 inputs", "60 sums, 900 weights", "60 sums, 3,600 weights", "60 × tanh"):
        assert said in text


def test_a_forest_is_one_box_and_a_small_tree_a_tree():
    forest = RandomForestClassifier(20, random_state=0).fit(X, WORDS)
    assert "20 trees" in cf.read(forest).to("dot")
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, WORDS)
    text = cf.read(tree).to("dot")
    assert len(boxes_of(text)) == tree.tree_.node_count
    assert len(arrows_of(text)) == tree.tree_.node_count - 1


def test_the_arrows_of_a_tree_lead_where_the_model_goes():
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, WORDS)
    text = cf.read(model).to("dot")
    lines = dict(re.findall(r'^ *n(\d+) \[label="(.*?)", shape', text, re.M))
    below = {(a, label): b for a, b, label in arrows_of(text)}
    for i in range(0, 150, 10):
        at = "0"
        while (at, "yes") in below:
            name, limit = re.match(r"(.*) <= ([\d.]+)", lines[at]).groups()
            at = below[at, "yes" if X[name][i] <= float(limit) else "no"]
        assert lines[at].startswith(f"class = {model.predict(X.iloc[[i]])[0]}")


def test_several_trees_stand_in_frames_and_limit_draws_the_first():
    formula = cf.read(GradientBoostingRegressor(n_estimators=3, max_depth=2).fit(X, KINDS))
    text = formula.to("dot")
    assert text.count("subgraph cluster_") == 3
    assert "tree 1 + tree 2 + tree 3" in text
    assert formula.to("dot", form="trees", limit=1).count("subgraph cluster_") == 1


@needs_graphviz
@pytest.mark.parametrize("form", ["graph", "boxes"])
def test_graphviz_reads_every_op(form):
    formula = Formula({f"y of {k}": n for k, n in ONE.items()}, FEATURES)
    text = formula.to("dot", form=form)
    drawn = json.loads(subprocess.run(["dot", "-Tjson0"], input=text, capture_output=True,
                                      text=True, check=True).stdout)  # fmt: skip
    assert len(drawn["objects"]) == len(boxes_of(text))
    assert len(drawn["edges"]) == len(arrows_of(text))


@needs_graphviz
def test_names_stand_in_the_drawing_as_they_are():
    formula = of_names([*NAMES[:-1], "last"], ['"];x', "&lt;\\N"], ["y", "kind", "code"])
    text = formula.to("svg", form="graph")
    root = ElementTree.fromstring(text)
    tag = "{http://www.w3.org/2000/svg}"
    said = {"".join(e.itertext()).replace("\u00a0", " ") for e in root.iter(f"{tag}text")}
    for name in ("'; DROP TABLE x; --", 'a"b', "a\\", "</script>", "身長", "\\n", "-->", "😀"):
        assert name in said, name
    assert "code" in said
    assert any("&lt;\\N" in line for line in said)
    assert "⟨U+202E⟩" in said
    assert {e.tag.removeprefix(tag) for e in root.iter()} <= {
        "svg", "g", "title", "polygon", "path", "text", "ellipse", "polyline",
    }  # fmt: skip


@needs_graphviz
def test_svg_is_a_drawing_of_the_same_boxes():
    formula = cf.read(LogisticRegression(max_iter=500).fit(X, WORDS))
    root = ElementTree.fromstring(formula.to("svg"))
    groups = [e.get("class") for e in root.iter("{http://www.w3.org/2000/svg}g")]
    text = formula.to("dot")
    assert groups.count("node") == len(boxes_of(text))
    assert groups.count("edge") == len(arrows_of(text))


def test_without_graphviz_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(svg.shutil, "which", lambda _: None)
    with pytest.raises(UnsupportedTarget, match="Graphviz") as refusal:
        cf.read(LinearRegression().fit(X, KINDS)).to("svg")
    assert "apt install graphviz" in refusal.value.hint


@pytest.mark.parametrize(
    ("options", "said"),
    [({"form": "circle"}, "form"), ({"direction": "up"}, "direction"), ({"limit": 0}, "limit")],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(BadInput, match=said):
        cf.read(LinearRegression().fit(X, KINDS)).to("dot", **options)


def test_what_is_no_tree_cannot_be_drawn_as_one():
    with pytest.raises(UnsupportedTarget, match="no trees"):
        cf.read(LinearRegression().fit(X, KINDS)).to("dot", form="trees")


def test_degenerate_formulas_are_drawn():
    a = ops.input_(0)
    for outputs in ({"y": ops.const(2.0)}, {"y": a}, {"y": a, "z": a}, {"y": ops.label("red")}):
        formula = Formula(outputs, (Feature("a"),))
        for form in ("graph", "boxes"):
            assert "->" in formula.to("dot", form=form)


def test_a_picture_grows_with_its_graph_and_no_faster():
    def size(count, form):
        chain = ops.input_(0)
        for _ in range(count):
            chain = ops.tanh(ops.lin(1.0, (0.5, chain), (0.25, chain)))
        return len(Formula({"y": chain}, (Feature("a"),)).to("dot", form=form))

    for form in ("graph", "boxes"):
        assert size(2000, form) < 2.2 * size(1000, form)
