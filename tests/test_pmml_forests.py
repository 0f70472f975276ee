"""Trees of PMML files: their nodes as columns, against a walk over random trees, and in bulk."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

import closedform as cf
from pmml_cases import CLASS, document, schema

LETTERS = ("p", "q", "r")
OPPOSITE = {"lessOrEqual": "greaterThan", "lessThan": "greaterOrEqual"}
HOLDS = {
    "lessOrEqual": lambda a, b: a <= b, "lessThan": lambda a, b: a < b,
    "greaterThan": lambda a, b: a > b, "greaterOrEqual": lambda a, b: a >= b,
}  # fmt: skip


def simple(field, operator, value=None):
    return ("simple", field, operator, value)


def one(draw):
    """Return a random predicate."""
    kind = draw.integers(8)
    field, limit = ("x", "z")[draw.integers(2)], float(draw.integers(-2, 3))
    if kind < 4:
        return simple(field, list(HOLDS)[kind], limit)
    if kind == 4:
        return simple(field, ("isMissing", "isNotMissing")[draw.integers(2)])
    if kind == 5:
        return simple("c", ("equal", "notEqual")[draw.integers(2)], LETTERS[draw.integers(3)])
    if kind == 6:
        return ("set", ("isIn", "isNotIn")[draw.integers(2)], LETTERS[: draw.integers(1, 3)])
    return ("surrogate", simple("x", "lessOrEqual", limit), simple("z", "greaterThan", 0.0))


def branch(draw, depth, predicate, names):
    """Return a random node: its name, predicate, score and children, and its default child."""
    name, children = f"n{next(names)}", []
    if depth and draw.random() < 0.9:
        if draw.random() < 0.6:
            first, limit = list(OPPOSITE)[draw.integers(2)], float(draw.integers(-2, 3))
            field = ("x", "z")[draw.integers(2)]
            both = [simple(field, first, limit), simple(field, OPPOSITE[first], limit)]
            tests = both if draw.random() < 0.7 else [both[0], "True"]
        else:
            tests = [one(draw) for _ in range(draw.integers(1, 4))]
        children = [branch(draw, depth - 1, t, names) for t in tests]
    default = children[draw.integers(len(children))][0] if children else None
    return name, predicate, float(draw.integers(100)), children, default


def written(predicate):
    if predicate in ("True", "False"):
        return f"<{predicate}/>"
    if predicate[0] == "simple":
        _, field, operator, value = predicate
        given = "" if value is None else f' value="{value}"'
        return f'<SimplePredicate field="{field}" operator="{operator}"{given}/>'
    if predicate[0] == "set":
        texts = " ".join(predicate[2])
        return (f'<SimpleSetPredicate field="c" booleanOperator="{predicate[1]}">'
                f'<Array type="string">{texts}</Array></SimpleSetPredicate>')  # fmt: skip
    inner = "".join(map(written, predicate[1:]))
    return f'<CompoundPredicate booleanOperator="surrogate">{inner}</CompoundPredicate>'


def as_xml(node, defaults):
    name, predicate, score, children, default = node
    asked = f' defaultChild="{default}"' if defaults and default else ""
    inner = "".join(as_xml(c, defaults) for c in children)
    return f'<Node id="{name}" score="{score}"{asked}>{written(predicate)}{inner}</Node>'


def truth(predicate, row):
    """Return True, False, or None where it is unknown."""
    if predicate in ("True", "False"):
        return predicate == "True"
    if predicate[0] == "set":
        inside = row["c"] in predicate[2]
        return None if row["c"] is None else inside is (predicate[1] == "isIn")
    if predicate[0] == "surrogate":
        known = [t for t in (truth(p, row) for p in predicate[1:]) if t is not None]
        return known[0] if known else None
    _, field, operator, value = predicate
    if operator in ("isMissing", "isNotMissing"):
        return (row[field] is None) is (operator == "isMissing")
    if row[field] is None:
        return None
    if operator in ("equal", "notEqual"):
        return (row[field] == value) is (operator == "equal")
    return HOLDS[operator](row[field], value)


def walked(node, row, strategy, last):
    """Return the score that the specification gives, NaN for none."""
    while True:
        _, _, score, children, default = node
        if not children:
            return score
        for child in children:
            found = truth(child[1], row)
            if found is None and strategy == "nullPrediction":
                return math.nan
            if found is None and strategy == "lastPrediction":
                return score
            if found is None and strategy == "defaultChild":
                node = next(c for c in children if c[0] == default)
                break
            if found:
                node = child
                break
        else:
            return score if last else math.nan


FIELDS = {
    "a": '<DataField name="x" optype="continuous" dataType="double"/>',
    "b": '<DataField name="z" optype="continuous" dataType="double"/>',
    "c": '<DataField name="c" optype="categorical" dataType="string">'
    + "".join(f'<Value value="{v}"/>' for v in LETTERS)
    + "</DataField>",
}


def tree_document(nodes, options=""):
    model = f'<TreeModel functionName="regression"{options}>{schema(["x", "z", "c"])}{nodes}'
    return document(f"{model}</TreeModel>", list(FIELDS), fields=FIELDS)


def read(text, path):
    path.write_text(text)
    return cf.read(path)


def rows_of(draw, count):
    """Return random rows, at every threshold and with missing values."""
    numbers = [None, -2.5, -2.0, -1.0, -0.5, 0.0, 1.0, 2.0, 3.0]
    pick = [(n, v) for n, v in (("x", numbers), ("z", numbers), ("c", [None, *LETTERS]))]
    return [{n: v[draw.integers(len(v))] for n, v in pick} for _ in range(count)]


STRATEGIES = ["none", "nullPrediction", "lastPrediction", "defaultChild"]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_random_tree_gives_the_score_that_a_walk_by_the_specification_gives(
    strategy, last, tmp_path
):
    draw = np.random.default_rng([STRATEGIES.index(strategy), last])
    child = "returnLastPrediction" if last else "returnNullPrediction"
    options = f' missingValueStrategy="{strategy}" noTrueChildStrategy="{child}"'
    compared = 0
    for _ in range(40):
        tree = branch(draw, draw.integers(1, 5), "True", itertools.count())
        nodes = as_xml(tree, strategy == "defaultChild")
        formula = read(tree_document(nodes, options), tmp_path / "tree.pmml")
        given = rows_of(draw, 60)
        ours = formula.evaluate({n: [row[n] for row in given] for n in ("x", "z", "c")})["y"]
        for row, value in zip(given, ours, strict=True):
            expected = walked(tree, row, strategy, last)
            assert value == expected or (value != value and expected != expected), (nodes, row)
            compared += expected == expected
    assert compared > 500


PLAIN = (
    '<Node score="1"><True/><Node score="2"><SimplePredicate field="x" operator="lessOrEqual" '
    'value="0"/></Node><Node score="3"><SimplePredicate field="x" operator="greaterThan" '
    'value="0"/></Node></Node>'
)
LAST = ' noTrueChildStrategy="returnLastPrediction"'


@pytest.mark.parametrize(
    "nodes",
    [
        PLAIN.replace("<", "<p:").replace("<p:/", "</p:"),
        PLAIN.replace("<True/>", "<Extension><Node/><True/></Extension><True/>"),
        PLAIN.replace("<SimplePredicate", "<Extension/><SimplePredicate"),
        PLAIN.replace('value="0"/>', 'value="0"><Extension>text</Extension></SimplePredicate>'),
        PLAIN.replace("</Node><Node", "<Partition><a/></Partition></Node>\n text <Node"),
        PLAIN.replace("<True/>", "<True/><False/>"),
    ],
)
def test_what_stands_around_predicates_does_not_change_a_tree(nodes, tmp_path):
    formula = read(tree_document(nodes, LAST), tmp_path / "tree.pmml")
    rows = {"x": [-1.0, 0.0, 1.0, math.nan], "z": [0.0] * 4, "c": ["p"] * 4}
    assert formula.evaluate(rows)["y"].tolist() == [2.0, 2.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<True/>", "", "without a predicate"),
        ('field="x" ', "", "field"),
        ('operator="lessOrEqual" ', "", "operator"),
        ('value="0"', 'value="1_0"', "spelt"),
        ('value="0"', 'value="٣"', "spelt"),
        ('value="0"', "", "NoneType|not what"),
        ('score="3"', "", "NoneType|not what"),
        ('score="2"', 'score="2,5"', "2,5"),
        ('field="x"', 'field="w"', "no field"),
        ("</Node></Node>", '<ScoreDistribution recordCount="1"/></Node></Node>', "value"),
    ],
)
def test_a_tree_with_a_damaged_node_is_one_clear_error(old, new, message, tmp_path):
    with pytest.raises(cf.BadFile, match=message):
        read(tree_document(PLAIN.replace(old, new)), tmp_path / "tree.pmml")


def full(depth, draw):
    """Return a whole tree of some depth, each node with an id, as programs write them."""

    def node(level, predicate):
        score = f' score="{draw.normal()!r}"' if not level else ""
        inside = ""
        if level:
            limit = float(draw.normal())
            inside = "".join(node(level - 1, simple("x", o, limit)) for o in HOLDS
                             if o in ("lessOrEqual", "greaterThan"))  # fmt: skip
        return f'<Node id="{draw.integers(10**6)}"{score}>{written(predicate)}{inside}</Node>'

    return node(depth, "True")


def test_a_node_of_a_forest_takes_little_memory(tmp_path):
    path, draw, count = tmp_path / "forest.pmml", np.random.default_rng(0), 16
    trees = [tree_document(full(9, draw)).partition("<TreeModel")[2] for _ in range(count)]
    inner = "".join(f"<Segment><True/><TreeModel{t.partition('</TreeModel>')[0]}</TreeModel>"
                    "</Segment>" for t in trees)  # fmt: skip
    model = (
        f'<MiningModel functionName="regression">{schema(["x", "z", "c"])}'
        f'<Segmentation multipleModelMethod="average">{inner}</Segmentation></MiningModel>'
    )
    path.write_text(document(model, list(FIELDS), fields=FIELDS))
    cf.read(path)  # what is imported on the way does not count
    tracemalloc.start()
    try:
        cf.read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 350 bytes; with an element for each node and predicate they were 1,040.
    assert peak < 600 * count * 1023


def flat(inner):
    """Return a node with children that hold what `inner` gives for their numbers."""
    return f'<Node score="p"><True/>{inner}</Node>'


def test_a_tree_of_too_many_classes_is_refused(tmp_path):
    shares = [
        "".join(f'<ScoreDistribution value="{i}_{k}" recordCount="1"/>' for k in range(100))
        for i in range(600)
    ]
    test = written(simple("x", "lessOrEqual", 0.0))
    nodes = flat("".join(f'<Node score="p">{test}{s}</Node>' for s in shares))
    model = f'<TreeModel functionName="classification">{schema(["x"])}{nodes}</TreeModel>'
    with pytest.raises(cf.BadFile, match="601 nodes and 60,000 classes"):
        read(document(model, ["x"], target=CLASS), tmp_path / "tree.pmml")


def test_a_tree_of_too_many_sets_is_refused(tmp_path):
    tests = [written(("set", "isIn", (f"v{i}", f"w{i}"))) for i in range(12_000)]
    nodes = flat("".join(f'<Node score="1">{t}</Node>' for t in tests))
    with pytest.raises(cf.BadFile, match="12,000 sets"):
        read(tree_document(nodes), tmp_path / "tree.pmml")
