"""PMML documents written by hand: trees, and ensembles and chains of models."""

from pmml_cases import (
    CLASS,
    NUMBER,
    PROBABILITIES,
    apply,
    document,
    linear,
    rows,
    schema,
    simple,
)

CASES = {}

# --- trees --------------------------------------------------------------------------------------


def node(name, predicate, *children, score=None, default="", counts=()):
    """Return a Node of a tree."""
    shares = "".join(
        f'<ScoreDistribution value="{c}" recordCount="{n}"/>'
        for c, n in zip("pqr", counts, strict=False)
    )
    score = f'score="{score}"' if score is not None else ""
    default = f'defaultChild="{default}"' if default else ""
    return f'<Node id="{name}" {score} {default}>{predicate}{shares}{"".join(children)}</Node>'


TREE = node(
    "0", "<True/>",
    node("1", simple("x", "lessThan", 0.5),
         node("2", simple("c", "equal", "a"), score=20),
         node("3", '<SimpleSetPredicate field="c" booleanOperator="isIn"><Array n="2" '
              'type="string">"b" "d e"</Array></SimpleSetPredicate>', score=30),
         score=10, default="3"),
    node("4", simple("x", "greaterOrEqual", 0.5),
         node("5", simple("z", "lessOrEqual", 0), score=50),
         node("6", simple("z", "greaterThan", 1), score=60),
         score=40, default="5"),
    score=0, default="4",
)  # fmt: skip
MANY = node(
    "0", "<True/>",
    node("1", simple("x", "lessOrEqual", -1), score=1),
    node("2", simple("x", "lessOrEqual", 0.5), score=2),
    node("3", simple("x", "greaterThan", 2), node("4", simple("z", "lessThan", 0), score=4),
         node("5", "<True/>", score=5), score=3, default="4"),
    score=0, default="2",
)  # fmt: skip
MIXED = node(
    "0", "<True/>",
    node("1", simple("x", "lessThan", 0), score=1),
    node("2", simple("z", "lessThan", 0.5), score=2),
    node("3", '<SimplePredicate field="x" operator="isMissing"/>', score=3),
    node("4", '<CompoundPredicate booleanOperator="or">' + simple("x", "greaterThan", 2)
         + simple("z", "greaterThan", 2) + "</CompoundPredicate>", score=4),
    score=0, default="4",
)  # fmt: skip


def tree(body, strategy, no_true, names=("x", "z", "c"), target=NUMBER, kind="regression", more=""):
    """Return a file with a TreeModel."""
    return document(
        f'<TreeModel functionName="{kind}" missingValueStrategy="{strategy}" '
        f'noTrueChildStrategy="{no_true}">{schema(names)}{more}{body}</TreeModel>', names, target,
    )  # fmt: skip


for strategy in ("none", "lastPrediction", "nullPrediction", "defaultChild"):
    for no_true in ("returnNullPrediction", "returnLastPrediction"):
        title = f"{strategy}, {no_true}"
        CASES[f"tree: {title}"] = (tree(TREE, strategy, no_true), rows(["x", "z", "c"], 30))
        two = ("x", "z")
        CASES[f"tree of many children: {title}"] = (tree(MANY, strategy, no_true, two), rows(two))
        CASES[f"tree of mixed tests: {title}"] = (tree(MIXED, strategy, no_true, two), rows(two))
for operator in ("and", "or", "xor", "surrogate"):
    parts = (
        simple("x", "lessThan", 0.5) + simple("z", "greaterThan", 0) + simple("x", "notEqual", 7)
    )
    compound = f'<CompoundPredicate booleanOperator="{operator}">{parts}</CompoundPredicate>'
    body = node(
        "0", "<True/>", node("1", compound, score=1), node("2", "<True/>", score=2), score=0
    )
    for strategy in ("none", "nullPrediction"):
        CASES[f"compound {operator}, {strategy}"] = (
            tree(body, strategy, "returnNullPrediction", two), rows(two),
        )  # fmt: skip
CASES["tree of booleans and numbers that are labels"] = (
    tree(node("0", "<True/>",
              node("1", simple("b", "equal", "true"),
                   node("2", simple("n", "equal", "4"), score=2),
                   node("3", '<SimpleSetPredicate field="n" booleanOperator="isNotIn">'
                        '<Array n="2" type="int">0 1</Array></SimpleSetPredicate>', score=3),
                   score=1),
              node("4", simple("b", "notEqual", "true"), score=4), score=0),
         "lastPrediction", "returnLastPrediction", ("b", "n")), rows(["b", "n"]),
)  # fmt: skip
LEAVES = node(
    "0", "<True/>",
    node("1", simple("x", "lessThan", 0.5), score="p", counts=(6, 3, 1)),
    node("2", simple("x", "lessThan", 2), score="q", counts=(1, 1, 8)),
    node("3", "<True/>", score="r", counts=(0, 0, 5)), score="p", counts=(7, 4, 14),
)  # fmt: skip
CASES["tree of classes"] = (
    tree(LEAVES, "lastPrediction", "returnLastPrediction", ["x"], CLASS, "classification",
         PROBABILITIES[3]), rows(["x"]),
)  # fmt: skip
CASES["tree of float thresholds"] = (
    tree(node("0", "<True/>", node("1", simple("f", "lessOrEqual", 0.1), score=1),
              node("2", simple("f", "greaterThan", 0.1), score=2)),
         "none", "returnNullPrediction", ["f"]), rows(["f"]),
)  # fmt: skip

# --- ensembles ----------------------------------------------------------------------------------


def small(name, score, cut, column="x", kind="regression"):
    """Return a tree of two leaves, one of which has no prediction for a missing value."""
    low, high = score
    return (
        f'<TreeModel functionName="{kind}" missingValueStrategy="nullPrediction">'
        f"{schema(['x', 'z'])}"
        + node("0", "<True/>", node("1", simple(column, "lessThan", cut), score=low),
               node("2", simple(column, "greaterOrEqual", cut), score=high))
        + "</TreeModel>"
    )  # fmt: skip


def ensemble(method, models, kind="regression", target=NUMBER, options="", predicates=None):
    """Return a file with a MiningModel."""
    predicates = predicates or ["<True/>"] * len(models)
    segments = "".join(
        f'<Segment id="{i}" weight="{w}">{p}{m}</Segment>'
        for i, (m, p, w) in enumerate(zip(models, predicates, (1.5, 1, 0.25, 2), strict=False))
    )
    return document(
        f'<MiningModel functionName="{kind}">{schema(["x", "z"])}'
        f'<Segmentation multipleModelMethod="{method}" {options}>{segments}</Segmentation>'
        "</MiningModel>", ["x", "z"], target,
    )  # fmt: skip


NUMBERS = [small("a", (1, 2), 0.5), small("b", (10, 30), 0, "z"), small("c", (5, -5), 2)]
LABELS = [small("a", "pq", 0.5, kind="classification"),
          small("b", "qr", 0, "z", kind="classification"),
          small("c", "rp", 2, kind="classification")]  # fmt: skip
SOME = ["<True/>", simple("x", "greaterThan", 0), simple("z", "lessThan", 2)]
METHODS = (
    "sum",
    "average",
    "weightedAverage",
    "weightedSum",
    "median",
    "selectFirst",
    "modelChain",
)
for method in METHODS:
    CASES[f"ensemble: {method}"] = (ensemble(method, NUMBERS), rows(two))
    if method != "median":
        CASES[f"ensemble of some: {method}"] = (
            ensemble(method, NUMBERS, predicates=SOME[::-1]), rows(two),
        )  # fmt: skip
for treatment in ("continue", "skipSegment", "returnMissing"):
    options = f'missingPredictionTreatment="{treatment}" missingThreshold="0.4"'
    CASES[f"ensemble: average, {treatment}"] = (
        ensemble("average", NUMBERS, options=options), rows(two),
    )  # fmt: skip
    for method in ("majorityVote", "weightedMajorityVote"):
        CASES[f"ensemble: {method}, {treatment}"] = (
            ensemble(method, LABELS, "classification", CLASS, options), rows(two),
        )  # fmt: skip
CASES["ensemble of some: majorityVote"] = (
    ensemble("majorityVote", LABELS, "classification", CLASS, predicates=SOME), rows(two),
)  # fmt: skip
STEP = (
    f'<RegressionModel functionName="regression">{schema(["x"], target=False)}<Output>'
    '<OutputField name="first" optype="continuous" dataType="double" feature="predictedValue"/>'
    '<OutputField name="grown" optype="continuous" dataType="double" feature="transformedValue">'
    + apply("*", "first", 2.0) + f"</OutputField></Output>{linear(('x', 1.0))}</RegressionModel>"
)  # fmt: skip
LAST = (
    f'<RegressionModel functionName="regression">{schema(["grown", "z"])}'
    f"{linear(('grown', 1.0), ('z', 10.0))}</RegressionModel>"
)
CASES["chain: a step reads what another one gives"] = (
    ensemble("modelChain", [STEP, LAST]), rows(two),
)  # fmt: skip
CASES["a nested schema replaces missing values"] = (
    ensemble("sum", [NUMBERS[0].replace('name="x" ', 'name="x" missingValueReplacement="9" ', 1),
                     NUMBERS[1]]), rows(two),
)  # fmt: skip
