"""MathML: well-formed, every number and name as it is, and it means what the formula means."""

import math
import re
from itertools import cycle
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.datasets import load_diabetes, load_iris
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.printers.mathml import marks
from closedform.printers.mathml.marks import Reader, row_of
from each_op import FEATURES, ONE
from strategies import formulas
from test_hostile_names import NAMES, of_names

X, KINDS = load_iris(return_X_y=True, as_frame=True)
D, Z = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
WORDS = load_iris().target_names[KINDS]


def tree_of(text):
    """The elements of a fragment; Python's own reader refuses what is not well-formed."""
    return ElementTree.fromstring(f"<div>{text}</div>")


def numbers_in(text):
    """Every number on the page, powers of ten multiplied in, as floats."""
    flat = re.sub(
        r"<mn>([\d.]+)</mn><mo>×</mo><msup><mn>10</mn><mrow>(<mo[^>]*>−</mo>)?<mn>(\d+)</mn>",
        lambda m: f"<mn>{m[1]}e{'-' if m[2] else ''}{m[3]}</mn>", text,
    )  # fmt: skip
    return {float(found) for found in re.findall(r"<mn>([^<]+)</mn>", flat)}


# --- an independent reader: elements → Python -------------------------------------------------

FUNCTION = {"exp": "math.exp", "tanh": "math.tanh", "log": "math.log"}
SIGN = {"−": "-", "+": "+", "⋅": "*", "×": "*", "\u2062": "*", "\u2061": "", "(": "(", ")": ")"}


def python_of(element, names):
    parts = [python_of(e, names) for e in element]
    match element.tag:
        case "mn":
            return element.text
        case "mtext" | "mi":
            text = (element.text or "").replace("\u00a0", " ")
            return names[text] if text in names else FUNCTION[text]
        case "mo":
            return SIGN[element.text]
        case "mfrac":
            return f"(({parts[0]})/({parts[1]}))"
        case "msup":
            return f"{parts[0]}**({parts[1]})"
        case "mspace":
            return ""
        case "mrow" | "mtd":
            inner = "".join(parts)
            return inner if element.tag == "mtd" else f"({inner})"
    raise AssertionError(element.tag)


def value_of(text, names, row):
    """The value of `y = …`, over all lines that it takes."""
    lines = [[*r] for r in tree_of(text).iter("mtr")]
    whole = "".join(python_of(cell, names) for line in lines for cell in line[1:]).strip()
    return eval(whole, {"math": math, **row})


SIGN["="] = ""


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        make_pipeline(StandardScaler(), PolynomialFeatures(2), LinearRegression()),
    ],
)
def test_read_back_by_another_reader_it_gives_what_the_model_gives(model):
    columns = X.iloc[:, :2]
    y = np.exp(X.iloc[:, 3]) * 1e-7
    model.fit(columns, y)
    text = cf.read(model).to("mathml", form="line")
    for i in range(0, 150, 30):
        names = {name: f"x{k}" for k, name in enumerate(columns)} | {"y": ""}
        row = {f"x{k}": columns.iloc[i, k] for k in range(2)}
        # 1e-9: numbers are in full, and the sum is that of scaled columns in another order.
        assert value_of(text, names, row) == pytest.approx(
            model.predict(columns.iloc[[i]])[0], rel=1e-9
        )


def test_every_number_of_a_linear_model_is_there_in_full():
    model = LinearRegression().fit(D, Z * 1e-9)
    shown = numbers_in(cf.read(model).to("mathml"))
    assert {abs(float(w)) for w in [*model.coef_, model.intercept_]} <= shown


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("form", ["auto", "steps"])
def test_every_op_is_well_formed(name, form):
    assert len(tree_of(Formula({"y": ONE[name]}, FEATURES).to("mathml", form=form)))


@settings(max_examples=60)
@given(formulas(outputs=2, size=15))
def test_every_formula_is_well_formed(formula):
    tree_of(formula.to("mathml", form="steps"))


def test_names_and_classes_stand_there_as_they_are():
    labels = ["</mtext>", "a & b"]
    formula = of_names([*NAMES[:-1], "last"], labels, ["y", "kind", "code"])
    text = formula.to("mathml", document=True)
    root = ElementTree.fromstring(text.split("\n", 1)[1])
    said = "".join(root.itertext()).replace("\u00a0", " ")
    for name in ("petal length (cm)", "</script>", "a&b", "身長", "${x}", "'; DROP TABLE x; --"):
        assert name in said or name not in NAMES, name
    assert not [e.tag for e in root.iter() if "script" in e.tag or "import" in e.tag]
    assert "\u202e" not in text
    assert "⟨U+202E⟩" in said


@pytest.mark.parametrize(
    ("model", "columns", "target", "signs"),
    [
        (LogisticRegression(max_iter=500), X, WORDS, ["arg max", "∑", "<mfrac>"]),
        (DecisionTreeClassifier(max_depth=2), X, WORDS, ["when", "setosa", "≤"]),
        (MLPRegressor(hidden_layer_sizes=(12,), max_iter=20), X, KINDS, ["𝐱", "relu", "⊤", "["]),
        (GaussianProcessRegressor(), X.iloc[:20, :2], KINDS[:20] + 0.5, ["for each row c of C"]),
        (make_pipeline(SplineTransformer(3), LinearRegression()), X, KINDS, ["<msup>", "≤"]),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_each_kind_of_model_has_its_form(model, columns, target, signs):
    text = cf.read(model.fit(columns, target)).to("mathml").replace("\u00a0", " ")
    # Beside names, spaces between words are elements.
    said = "".join("".join(tree_of(text).itertext()).split())
    for sign in signs:
        assert sign in text or sign.replace(" ", "") in said


def test_a_document_is_a_page_of_its_own():
    formula = cf.read(LinearRegression().fit(D, Z))
    text = formula.to("mathml", document=True)
    assert text.startswith("<!DOCTYPE html>")
    root = ElementTree.fromstring(text.split("\n", 1)[1])
    assert root.find("head/title").text == "LinearRegression"
    assert formula.to("mathml").strip() in text
    assert "<!--" in formula.to("mathml", header=True)


def test_wrong_options_and_impossible_forms_are_refused():
    formula = cf.read(LinearRegression().fit(D, Z))
    with pytest.raises(BadInput, match="form 'circle'"):
        formula.to("mathml", form="circle")
    with pytest.raises(UnsupportedTarget, match="no trees"):
        formula.to("mathml", form="rules")


def test_a_command_that_is_not_known_is_an_error():
    with pytest.raises(ValueError, match="unknown"):
        Reader().cells(r"a \unknown b")


@pytest.mark.parametrize(
    "row",
    [
        r"&\quad 0.5 && \text{when } x_{9} < -0.25 \text{ {OPEN}or missing{CLOSE}} \text{ and } a",
        r"& && \quad \text{ and } \text{R}\&\text{D spend} < 4.5 \text{ and } a \in \{b, c\}",
        r"&P(a < 1 \text{ and } b < 2) = \frac{a \text{ and } b}{c} \text{ and } \sqrt{a}",
        "&y = \\begin{cases}\n 1 & \\text{when } a < 2 \\text{ and } b < 1 \\\\\n 2 & "
        "\\text{otherwise}\n\\end{cases} \\text{ and } z",
        r"x \text{ and } \text{or missing} & \text{age} \text{ or missing}",
    ],
)
def test_a_row_read_in_parts_is_the_row_read_sign_by_sign(row, monkeypatch):
    row = row.replace("{OPEN}", marks.OPEN).replace("{CLOSE}", marks.CLOSE)
    parts = row_of(row)
    monkeypatch.setattr(marks, "_SEAMS", re.compile("(?!)"))  # which nothing matches
    sides = cycle(("right", "left"))
    whole = "".join(
        marks.cell(c, side) for c, side in zip(Reader().cells(row), sides, strict=False)
    )
    assert parts == f"<mtr>{whole}</mtr>"
    assert tree_of(parts) is not None


def test_a_page_grows_with_its_formula_and_no_faster():
    def size(count):
        chain = ops.input_(0)
        for _ in range(count):
            chain = ops.tanh(ops.lin(1.0, (0.5, chain), (0.25, chain)))
        return len(Formula({"y": chain}, (Feature("a"),)).to("mathml", form="steps"))

    assert size(400) < 2.2 * size(200)
