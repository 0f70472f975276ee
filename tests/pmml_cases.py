"""PMML documents written by hand after https://dmg.org/pmml/v4-4/, and rows to try them on.

What JPMML's evaluator says of each row is recorded in `pmml_recorded.json`: see `record_pmml.py`.
"""

import itertools
import math

FIELDS = {
    "x": '<DataField name="x" optype="continuous" dataType="double"/>',
    "z": '<DataField name="z" optype="continuous" dataType="double"/>',
    "n": '<DataField name="n" optype="continuous" dataType="integer"/>',
    "f": '<DataField name="f" optype="continuous" dataType="float"/>',
    "c": '<DataField name="c" optype="categorical" dataType="string"><Value value="a"/>'
    '<Value value="b"/><Value value="d e"/></DataField>',
    "t": '<DataField name="t" optype="categorical" dataType="string"/>',
    "b": '<DataField name="b" optype="categorical" dataType="boolean"/>',
}
VALUES = {
    "x": [None, -2.0, -0.5, 0.0, 0.5, 1.0, 2.5, 7.0],
    "z": [None, -1.0, 0.0, 1.0, 3.0],
    "n": [None, -3.0, 0.0, 1.0, 4.0],
    "f": [None, 0.1, 0.3, 1.5, 16777217.0],
    "c": [None, "a", "b", "d e"],
    "t": [None, "a", "b", "Q"],
    "b": [None, True, False],
}
NUMBER = '<DataField name="y" optype="continuous" dataType="double"/>'
CLASS = (
    '<DataField name="y" optype="categorical" dataType="string"><Value value="p"/>'
    '<Value value="q"/><Value value="r"/></DataField>'
)
BINARY = (
    '<DataField name="y" optype="categorical" dataType="string"><Value value="p"/>'
    '<Value value="q"/></DataField>'
)


def schema(names, extra=None, target=True):
    """Return a mining schema; `extra` holds attributes of single fields."""
    extra = extra or {}
    fields = "".join(f'<MiningField name="{n}" {extra.get(n, "")}/>' for n in names)
    return f"<MiningSchema>{fields}{TARGET * target}</MiningSchema>"


TARGET = '<MiningField name="y" usageType="target"/>'


def document(model, names, target=NUMBER, shared="", fields=None):
    """Return a whole file around a model."""
    known = FIELDS | (fields or {})
    own = "".join(known[n] for n in names)
    shared = f"<TransformationDictionary>{shared}</TransformationDictionary>" if shared else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/>'
        f"<DataDictionary>{own}{target}</DataDictionary>{shared}{model}</PMML>"
    )


def rows(names, most=16):
    """Return rows of all combinations of the values, some of them where they are too many."""
    everything = list(itertools.product(*[VALUES[n] for n in names]))
    step = max(1, math.ceil(len(everything) / most))
    step += step % 2 == 0 and step > 1  # an odd step does not lock in with lengths of 2, 4 and 8
    return [dict(zip(names, row, strict=True)) for row in everything[::step]]


def regression(names, table, target=NUMBER, options="", **more):
    """Return a file with a RegressionModel of one table."""
    schema_options = more.pop("extra", None)
    inner = more.pop("inner", "")
    model = (
        f'<RegressionModel functionName="regression" {options}>{schema(names, schema_options)}'
        f"{inner}{table}</RegressionModel>"
    )
    return document(model, names, target, **more)


def linear(*pairs, intercept=0.0, attributes=""):
    """Return a RegressionTable of numeric predictors."""
    terms = "".join(f'<NumericPredictor name="{n}" coefficient="{w}"/>' for n, w in pairs)
    return f'<RegressionTable intercept="{intercept}" {attributes}>{terms}</RegressionTable>'


def expression(body, names=("x", "z"), dtype="double", functions=""):
    """Return a file whose prediction is a derived field."""
    derived = f'<DerivedField name="d" optype="continuous" dataType="{dtype}">{body}</DerivedField>'
    table = linear(("d", 1.0))
    return regression(names, table, shared=functions + derived), rows(names)


def derived(body, name="d"):
    return (
        f'<DerivedField name="{name}" optype="continuous" dataType="double">{body}</DerivedField>'
    )


def apply(function, *arguments, options=""):
    """Return an Apply of fields (by name) and constants (numbers, or whole expressions)."""
    return f'<Apply function="{function}" {options}>{"".join(map(argument, arguments))}</Apply>'


def argument(value):
    """Return one argument of an Apply."""
    if isinstance(value, str):
        return value if value.startswith("<") else f'<FieldRef field="{value}"/>'
    dtype = "integer" if isinstance(value, int) else "double"
    return f'<Constant dataType="{dtype}">{value}</Constant>'


def text(value):
    """Return a text constant."""
    return f'<Constant dataType="string">{value}</Constant>'


def number_if(condition):
    """Return 1 where a condition holds, and 0 elsewhere."""
    return apply("if", condition, 1.0, 0.0)


CASES = {}

# --- built-in functions -------------------------------------------------------------------------

for name in ("+", "-", "*", "/", "min", "max", "sum", "avg", "product", "pow", "threshold"):
    CASES[f"function {name}"] = expression(apply(name, "x", "z"))
for name in ("floor", "ceil", "round", "abs", "exp", "rint", "expm1", "sin", "cos", "tan", "tanh"):
    CASES[f"function {name}"] = expression(apply(name, "x"), ["x"])
for name in ("sinh", "cosh", "stdNormalCDF", "stdNormalPDF", "erf"):
    CASES[f"function {name}"] = expression(apply(name, "x"), ["x"])
for name in ("ln", "log10", "sqrt", "ln1p"):
    positive = apply("max", 0.25, "x")
    CASES[f"function {name}"] = expression(
        apply("if", apply("isMissing", "x"), "x", apply(name, positive)), ["x"]
    )
CASES["function stdNormalIDF"] = expression(
    apply("stdNormalIDF", apply("stdNormalCDF", "x")), ["x"]
)
CASES["function normalCDF"] = expression(apply("normalCDF", "x", 0.5, 2.0), ["x"])
CASES["function normalPDF"] = expression(apply("normalPDF", "x", 0.5, 2.0), ["x"])
CASES["function modulo"] = expression(apply("modulo", "x", 1.5), ["x"])
CASES["integers stay integers"] = expression(apply("+", apply("*", "n", 2), 1), ["n"])
CASES["integers are divided without the rest"] = expression(apply("/", "n", 2), ["n"])
CASES["an integer over a double keeps its rest"] = expression(apply("/", "n", 2.0), ["n"])
for name in ("equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"):
    CASES[f"function {name}"] = expression(number_if(apply(name, "x", "z")))
for name in ("isMissing", "isNotMissing", "isValid", "isNotValid"):
    CASES[f"function {name}"] = expression(number_if(apply(name, "x")), ["x"])
CASES["function isIn"] = expression(number_if(apply("isIn", "x", 0.5, 1.0)), ["x"])
CASES["function isNotIn"] = expression(
    number_if(apply("isNotIn", "c", text("a"), text("b"))), ["c"]
)
for name in ("and", "or"):
    sides = apply("lessThan", "x", 0.5), apply("lessThan", "z", 0.5)
    CASES[f"function {name}"] = expression(number_if(apply(name, *sides)))
CASES["function not"] = expression(number_if(apply("not", apply("lessThan", "x", 0.5))), ["x"])
CASES["a boolean field is a condition"] = expression(number_if('<FieldRef field="b"/>'), ["b"])
CASES["if without else"] = expression(apply("if", apply("lessThan", "x", 0.5), "z"))
CASES["if picks a missing side"] = expression(apply("if", apply("isMissing", "x"), 5.0, "z"))
CASES["mapMissingTo of an Apply"] = expression(apply("+", "x", "z", options='mapMissingTo="-9"'))
CASES["defaultValue of an Apply"] = expression(apply("+", "x", "z", options='defaultValue="-8"'))
CASES["mapMissingTo of an if"] = expression(
    apply("if", apply("lessThan", "x", 0.5), "x", "z", options='mapMissingTo="-7"')
)
CASES["a constant that is missing"] = expression(
    apply("sum", "x", '<Constant missing="true" dataType="double">1</Constant>'), ["x"]
)
CASES["a function of the file"] = expression(
    apply("twice", "x", 3.0), ["x"],
    functions='<DefineFunction name="twice" optype="continuous" dataType="double">'
    '<ParameterField name="p" dataType="double"/><ParameterField name="q" dataType="double"/>'
    + apply("+", apply("*", "p", 2.0), "q") + "</DefineFunction>",
)  # fmt: skip
for name, arguments in {
    "uppercase": [], "lowercase": [], "trimBlanks": [], "substring": [1, 1],
    "replace": [text("a"), text("Q")],
}.items():  # fmt: skip
    changed = apply(name, "c", *arguments)
    CASES[f"function {name}"] = expression(
        number_if(apply("isIn", changed, text("A"), text("b"), text("d"), text("Q"))), ["c"]
    )
CASES["function matches"] = expression(number_if(apply("matches", "c", text("d"))), ["c"])

# --- other expressions --------------------------------------------------------------------------

CASES["FieldRef maps missing"] = expression('<FieldRef field="x" mapMissingTo="4.5"/>', ["x"])
for outliers in ("asIs", "asMissingValues", "asExtremeValues"):
    CASES[f"NormContinuous {outliers}"] = expression(
        f'<NormContinuous field="x" outliers="{outliers}" mapMissingTo="0.125">'
        '<LinearNorm orig="-1" norm="0"/><LinearNorm orig="0.5" norm="2"/>'
        '<LinearNorm orig="3" norm="-1"/></NormContinuous>', ["x"],
    )  # fmt: skip
    CASES[f"NormContinuous of two points, {outliers}"] = expression(
        f'<NormContinuous field="x" outliers="{outliers}">'
        '<LinearNorm orig="-1" norm="0"/><LinearNorm orig="2" norm="1"/></NormContinuous>', ["x"],
    )  # fmt: skip
CASES["NormDiscrete"] = expression('<NormDiscrete field="c" value="a"/>', ["c"])
CASES["NormDiscrete maps missing"] = expression(
    '<NormDiscrete field="c" value="a" mapMissingTo="0.5"/>', ["c"]
)
CASES["NormDiscrete of a boolean"] = expression('<NormDiscrete field="b" value="true"/>', ["b"])
BINS = (
    '<DiscretizeBin binValue="1"><Interval closure="openClosed" rightMargin="0"/></DiscretizeBin>'
    '<DiscretizeBin binValue="2"><Interval closure="openOpen" leftMargin="0" rightMargin="1"/>'
    '</DiscretizeBin><DiscretizeBin binValue="3"><Interval closure="closedClosed" leftMargin="1" '
    'rightMargin="2.5"/></DiscretizeBin>'
)
CASES["Discretize"] = expression(
    f'<Discretize field="x" dataType="double">{BINS}</Discretize>', ["x"]
)
CASES["Discretize by default"] = expression(
    f'<Discretize field="x" dataType="double" defaultValue="9">{BINS}</Discretize>', ["x"]
)
CASES["Discretize maps missing"] = expression(
    f'<Discretize field="x" dataType="double" defaultValue="9" mapMissingTo="-1">{BINS}'
    "</Discretize>",
    ["x"],
)
TABLE = (
    "<InlineTable><row><in>a</in><out>1.5</out></row><row><in>d e</in><out>2.5</out></row>"
    "</InlineTable>"
)
for options in ("", 'defaultValue="7"', 'mapMissingTo="8"', 'defaultValue="7" mapMissingTo="8"'):
    CASES[f"MapValues {options}".strip()] = expression(
        f'<MapValues outputColumn="out" dataType="double" {options}>'
        f'<FieldColumnPair field="c" column="in"/>{TABLE}</MapValues>', ["c"],
    )  # fmt: skip
CASES["MapValues of two fields"] = expression(
    '<MapValues outputColumn="out" dataType="double" defaultValue="-1"><FieldColumnPair field="c" '
    'column="in"/><FieldColumnPair field="b" column="flag"/><InlineTable><row><in>a</in>'
    "<flag>true</flag><out>1</out></row><row><in>a</in><flag>false</flag><out>2</out></row>"
    "<row><in>b</in><flag>true</flag><out>3</out></row></InlineTable></MapValues>", ["c", "b"],
)  # fmt: skip
CASES["MapValues of a number"] = expression(
    '<MapValues outputColumn="out" dataType="double"><FieldColumnPair field="x" column="in"/>'
    "<InlineTable><row><in>0.5</in><out>10</out></row><row><in>7</in><out>20</out></row>"
    "</InlineTable></MapValues>", ["x"],
)  # fmt: skip
CASES["a text is mapped and mapped again"] = expression(
    '<MapValues outputColumn="out" dataType="double"><FieldColumnPair field="g" column="in"/>'
    "<InlineTable><row><in>u</in><out>10</out></row><row><in>v</in><out>20</out></row>"
    "</InlineTable></MapValues>", ["c"],
    functions='<DerivedField name="g" optype="categorical" dataType="string"><MapValues '
    'outputColumn="out" defaultValue="v"><FieldColumnPair field="c" column="in"/><InlineTable>'
    "<row><in>a</in><out>u</out></row><row><in>b</in><out>v</out></row></InlineTable></MapValues>"
    "</DerivedField>",
)  # fmt: skip
CASES["a float field is rounded"] = (regression(["f"], linear(("f", 1.0))), rows(["f"]))
CASES["a double becomes a float"] = expression(
    apply("-", '<FieldRef field="s"/>', "x"), ["x"],
    functions='<DerivedField name="s" optype="continuous" dataType="float">'
    + apply("/", "x", 3.0) + "</DerivedField>",
)  # fmt: skip

CASES["a float target is rounded"] = (
    regression(["x"], linear(("x", 0.1)), NUMBER.replace("double", "float")), rows(["x"]),
)  # fmt: skip
CASES["integers of a rounded field are divided without the rest"] = expression(
    apply("if", apply("isMissing", "x"), "x", apply("/", "s", 2)), ["x"],
    functions='<DerivedField name="s" optype="continuous" dataType="integer">'
    + apply("if", apply("isMissing", "x"), "x", apply("round", "x")) + "</DerivedField>",
)  # fmt: skip

# --- mining schemas -----------------------------------------------------------------------------

X = linear(("x", 2.0), intercept=1.0)
MARGINS = '<Interval closure="closedOpen" leftMargin="-1" rightMargin="2.5"/>'
CODES = '<Value value="7" property="missing"/><Value value="-2" property="invalid"/>'
for name, attributes in {
    "missing values are replaced": 'missingValueReplacement="3.5"',
    "outliers are missing": 'outliers="asMissingValues" lowValue="-1" highValue="2"',
    "outliers are missing and replaced": 'outliers="asMissingValues" lowValue="-1" highValue="2" '
    'missingValueReplacement="9"',
    "outliers are cut": 'outliers="asExtremeValues" lowValue="-1" highValue="2"',
    "outliers are cut above": 'outliers="asExtremeValues" highValue="2"',
    "missing values are refused": 'missingValueTreatment="returnInvalid"',
}.items():
    CASES[f"schema: {name}"] = (regression(["x"], X, extra={"x": attributes}), rows(["x"]))
for how in ("returnInvalid", "asIs", "asMissing"):
    for kind, content in {"interval": MARGINS, "codes": CODES}.items():
        field = f'<DataField name="x" optype="continuous" dataType="double">{content}</DataField>'
        attributes = f'invalidValueTreatment="{how}" missingValueReplacement="0.25"'
        CASES[f"schema: {kind}, {how}"] = (
            regression(["x"], X, extra={"x": attributes}, fields={"x": field}), rows(["x"]),
        )  # fmt: skip
    predictors = (
        '<RegressionTable intercept="1"><CategoricalPredictor name="c" value="a" coefficient="2"/>'
        '<CategoricalPredictor name="c" value="b" coefficient="4"/></RegressionTable>'
    )
    CASES[f"schema: labels, {how}"] = (
        regression(["c"], predictors, extra={"c": f'invalidValueTreatment="{how}"'}),
        [*rows(["c"]), {"c": "zzz"}, {"c": ""}],
    )
CASES["schema: labels, replaced"] = (
    regression(["c"], predictors, extra={
        "c": 'invalidValueTreatment="asMissing" missingValueReplacement="b"'}),
    [*rows(["c"]), {"c": "zzz"}],
)  # fmt: skip

# --- regressions --------------------------------------------------------------------------------

for method in ("none", "logit", "softmax", "exp", "probit", "cloglog", "loglog"):
    CASES[f"regression {method}"] = (
        regression(["x"], linear(("x", 0.5)), options=f'normalizationMethod="{method}"'),
        rows(["x"]),
    )
CASES["regression of powers, terms and labels"] = (
    regression(["x", "z", "c"], (
        '<RegressionTable intercept="0.5"><NumericPredictor name="x" exponent="2" coefficient="3"/>'
        '<CategoricalPredictor name="c" value="a" coefficient="-1"/>'
        '<CategoricalPredictor name="c" value="d e" coefficient="2"/>'
        '<PredictorTerm coefficient="0.25"><FieldRef field="x"/><FieldRef field="z"/>'
        "</PredictorTerm></RegressionTable>")),
    rows(["x", "z", "c"]),
)  # fmt: skip


def classes(method, count, ordinal=False):
    """Return a file with a classification by tables."""
    names = ["p", "q", "r"][:count]
    weights = [(0.7, 0.1), (-0.3, 0.4), (0.2, -0.5)]
    tables = "".join(
        linear(("x", 0.3 if ordinal else w), intercept=0.4 * i if ordinal else b,
               attributes=f'targetCategory="{c}"')
        for i, (c, (w, b)) in enumerate(zip(names, weights, strict=False))
    )  # fmt: skip
    target = CLASS if count == 3 else BINARY
    target = target.replace("categorical", "ordinal") if ordinal else target
    return document(
        f'<RegressionModel functionName="classification" normalizationMethod="{method}">'
        f"{schema(['x'])}{PROBABILITIES[count]}{tables}</RegressionModel>", ["x"], target,
    )  # fmt: skip


PROBABILITIES = {
    count: "<Output>" + "".join(
        f'<OutputField name="probability({c})" optype="continuous" dataType="double" '
        f'feature="probability" value="{c}"/>' for c in "pqr"[:count]
    ) + "</Output>"
    for count in (2, 3)
}  # fmt: skip

for method in ("none", "logit", "probit", "cloglog", "loglog", "softmax", "simplemax"):
    if method != "simplemax":
        CASES[f"two classes by {method}"] = (classes(method, 2), rows(["x"]))
    if method in ("none", "softmax", "logit"):
        CASES[f"three classes by {method}"] = (classes(method, 3), rows(["x"]))
    if method not in ("softmax", "simplemax"):
        CASES[f"three classes in order by {method}"] = (classes(method, 3, True), rows(["x"]))
CASES["targets: rescaled, cut and rounded"] = (
    regression(["x"], X, inner='<Targets><Target field="y" min="-1" max="9" rescaleFactor="0.7" '
               'rescaleConstant="0.3" castInteger="round"/></Targets>'), rows(["x"]),
)  # fmt: skip
CASES["targets: a default for missing ones"] = (
    regression(["x"], X, inner='<Targets><Target field="y"><TargetValue defaultValue="42"/>'
               "</Target></Targets>"), rows(["x"]),
)  # fmt: skip
PRIORS = (
    '<Targets><Target field="y"><TargetValue value="p" priorProbability="0.2"/><TargetValue '
    'value="q" priorProbability="0.5"/><TargetValue value="r" priorProbability="0.3"/></Target>'
    "</Targets>"
)
CASES["targets: priors for missing ones"] = (
    classes("softmax", 3).replace("<RegressionTable", PRIORS + "<RegressionTable", 1), rows(["x"]),
)  # fmt: skip


def simple(field, operator, value):
    """Return a SimplePredicate."""
    return f'<SimplePredicate field="{field}" operator="{operator}" value="{value}"/>'
