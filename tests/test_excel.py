"""Workbooks: computed by LibreOffice and by `formulas`, and equal to the formula."""

import math
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from openpyxl import load_workbook
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import QuantileTransformer
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.formula import Feature, Formula, label_of
from closedform.ir import Type, ulps
from closedform.ops.payloads import Pieces, label_code, splits_from
from closedform.verify.running import available
from closedform.verify.running.excel import (
    by_formulas,
    by_libreoffice,
    run_excel,
    tool,
)
from excel_rules import CASES, SMALL, cells, formulas_of
from programs import assert_same, left_to_right
from strategies import BUILD, GRID, formulas, rows

LIBREOFFICE = available("excel") and tool() is by_libreoffice
needs_libreoffice = pytest.mark.skipif(not LIBREOFFICE, reason="there is no LibreOffice")
ENGINES = [
    pytest.param(by_libreoffice, marks=[needs_libreoffice, pytest.mark.slow], id="libreoffice"),
    pytest.param(by_formulas, id="formulas"),
]
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)

# What is not rounded: sums and functions of two programs differ by an ulp, and a comparison of
# them by its whole answer. They are compared op by op, in test_targets.
EXACT = sorted(
    (set(BUILD) - {"lin", "squared_distance", "sum32", "mul", "div", "pow", "piecewise"})
    - set(ops.UNARY) | {"abs", "sign", "floor", "round32"}
)  # fmt: skip
NUMBERS = (*GRID, 0.1, math.nextafter(0.1, 1), 1e8, -745.2, 3.4e38, math.nan)


def ran(formula, X, engine=None, **options):
    columns = [list(X[f.name]) for f in formula.inputs]
    book = formula.to("excel", **options)
    found, error = run_excel(book, formula.inputs, columns, [*formula.outputs], {}, engine=engine)
    assert not error, error
    return found


def plain(formula, X):
    """What a formula means, as cells hold it: no empty text, no infinity but 1E+308."""
    wanted = left_to_right(formula, X)
    return {
        name: [_cell(v) for v in column] for name, column in wanted.items()
    }  # fmt: skip


def _cell(value):
    if value is None or value == "" or value != value:
        return None
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def near(a, b):
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return a == b
    # LibreOffice writes 15 digits.
    return math.isclose(a, b, rel_tol=1e-14, abs_tol=1e-300)


@needs_libreoffice
@pytest.mark.parametrize("examples", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_every_formula_of_exact_operations_gives_the_same(examples):
    @settings(max_examples=examples, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(formulas(outputs=12, size=50, among=EXACT), rows(values=NUMBERS))
    def agrees(formula, X):
        X["kind"] = [None if v == "" else v for v in X["kind"]]
        assert_same(ran(formula, X), plain(formula, X), near)

    agrees()


label_code("a")  # a label that no formula knows is none to NumPy, but stays itself in a cell


@pytest.mark.parametrize("engine", ENGINES)
def test_small_formulas_of_every_kind_give_the_same_in_every_engine(engine):
    # LibreOffice starts for each of them.
    chosen = ("a label", "refused") if engine is by_libreoffice else SMALL
    for formula in map(SMALL.get, chosen):
        X = {f.name: CASES[f.name] for f in formula.inputs} or [[]]
        found = ran(formula, X, engine) if isinstance(X, dict) else ran_once(formula, engine)
        wanted = plain(formula, X) if isinstance(X, dict) else {"y": [0.1 + 0.2]}
        assert_same(found, wanted, near)


def ran_once(formula, engine):
    return run_excel(formula.to("excel"), (), [], [*formula.outputs], {}, engine=engine)[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_empty_label_is_an_empty_cell_not_zero(engine):
    low = ops.less(ops.input_(0), ops.const(1.0))
    choice = ops.where(low, ops.label(""), ops.label("b"))
    formula = Formula({"y": ops.label(""), "z": choice}, (Feature("a"),))
    found = ran(formula, {"a": [0.0, 2.0]}, engine)
    assert found == {"y": [None, None], "z": [None, "b"]}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_category_with_a_carriage_return_is_itself_in_every_engine(engine):
    labels = ("low\r\nest", "high")
    told = ops.table(ops.input_(0, Type.LABEL), {labels[0]: 2.0, "high": 3.0}, 0.0, 0.0)
    formula = Formula({"y": told}, (Feature("level", Type.LABEL, labels),))
    assert ran(formula, {"level": list(labels)}, engine) == {"y": [2.0, 3.0]}


@needs_libreoffice  # `formulas` rounds the difference of two cells to 15 decimals
def test_quantiles_an_ulp_apart_are_told_apart():
    # Between 46 - 8 ulp and 46, a tenth of the rows of the transformer lie: a steep line.
    column = np.array([1.0, ulps(46.0, -8), 46.0, 46.0, 90.0])[:, None]
    model = QuantileTransformer(n_quantiles=5).fit(column)
    at = [ulps(46.0, k) for k in (-9, -8, -5, -1, 0, 1)] + [-3.0, 20.0, 60.0, 90.0, 1e300]
    wanted = model.transform(np.array(at)[:, None])[:, 0].tolist()
    found = ran(cf.read(model), {"x0": at}, by_libreoffice)
    # 1e-14: LibreOffice writes 15 digits.
    assert next(iter(found.values())) == pytest.approx(wanted, rel=1e-14, abs=1e-14)


def test_what_looks_like_a_formula_is_text():
    names = ["=cmd|'/c calc'!A0", "+1", "-1", "@x", "http://x.y", '=1+"a"']
    kind = ops.input_(0, Type.LABEL)
    formula = Formula(
        {f"={n}": ops.table(kind, {v: i for i, v in enumerate(names)}, 0.5) for n in names[:2]}
        | {"kind": kind},
        (Feature(names[0], Type.LABEL, tuple(names)),),
    )
    book = load_workbook(BytesIO(formula.to("excel", rows={names[0]: names})))
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value in (
                    *names,
                    *(f"={n}" for n in names),
                ):
                    assert cell.data_type == "s", (sheet.title, cell.coordinate)
                if cell.data_type == "f":
                    assert "cmd|" not in cell.value
                    assert cell.hyperlink is None
    assert [c.value for c in book["Inputs"]["B"][5:]] == names


def test_the_check_sheet_holds_the_models_own_predictions_and_finds_no_difference():
    y = FLOWERS["petal width (cm)"]
    X = FLOWERS.iloc[::10, :3]
    model = LinearRegression().fit(FLOWERS.iloc[:, :3], y)
    formula = cf.read(model)
    check = verdicts(formula.to("excel", rows=X, predictions=model.predict(X)))
    assert check["who"] == "y: model"
    assert (check["verdict"], check["all"]) == ("agrees", "The result agrees.")
    assert check["largest"] < 1e-14
    wrong = model.predict(X) * 1.0001
    assert verdicts(formula.to("excel", rows=X, predictions={"y": wrong}))["verdict"] == "DIFFERS"


def verdicts(book):
    """What the sheet Check says of the first output, as `formulas` computes it."""
    import warnings
    from tempfile import TemporaryDirectory

    import formulas as engine

    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = f"{folder}/m.xlsx"
        with open(path, "wb") as file:
            file.write(book)
        found = engine.ExcelModel().loads(path).finish().calculate()
    check = {k: found[f"'[m.xlsx]CHECK'!{c}"].value[0, 0]
             for k, c in {"largest": "D3", "verdict": "D5", "all": "A2"}.items()}  # fmt: skip
    return check | {"who": cells(book, "Check")["B6"].value}


def test_a_coefficient_that_is_changed_changes_the_result():
    formula = Formula({"y": ops.lin(1.5, (0.1, ops.input_(0)))}, (Feature("x"),))
    book = formula.to("excel", rows={"x": [2.0]})
    before = by_formulas(book, 3, 1, 1)[0][0]
    file = load_workbook(BytesIO(book))
    assert file["Coefficients"]["B6"].value == 1.5
    file["Coefficients"]["B6"] = 11.5
    changed = BytesIO()
    file.save(changed)
    assert (before, by_formulas(changed.getvalue(), 3, 1, 1)[0][0]) == (1.7, 11.7)


@needs_libreoffice  # `formulas` rounds what it compares
def test_thresholds_part_neighbouring_numbers():
    limit = 0.1 + 0.2
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0] * 3, [limit, 0, 0],
                            missing_left=[False] * 3)  # fmt: skip
    uneven, _ = splits_from([1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [0] * 5,
                            [limit, 0, 2 * limit, 0, 0], below=True,
                            missing_left=[False, False, True, False, False])  # fmt: skip
    x = ops.input_(0)
    outputs = {
        "tree": ops.tree(splits, [0, 1, 2], [x]),
        "below": ops.tree(uneven, [0, 1, 0, 2, 3], [x]),
        "less": ops.where(ops.less(x, ops.const(limit)), ops.const(1), ops.const(2)),
        "at most": ops.where(ops.less_equal(x, ops.const(limit)), ops.const(1), ops.const(2)),
        "same": ops.where(ops.equal(x, ops.const(limit)), ops.const(1), ops.const(2)),
        "steps": ops.piecewise(x, Pieces.of([limit], [1.0, 2.0])),
        "closed": ops.piecewise(x, Pieces.of([limit], [1.0, 2.0], right_closed=True)),
        # Quantiles have edges side by side, which are one to 15 digits.
        "narrow": ops.piecewise(x, Pieces.of([limit, ulps(limit, 1)], [1.0, 2.0, 3.0])),
        "both": ops.piecewise(
            x, Pieces.of([limit, ulps(limit, 1)], [1.0, 2.0, 3.0], right_closed=True)
        ),
    }
    formula = Formula(outputs, (Feature("x"),))
    X = {"x": [ulps(limit, -1), limit, ulps(limit, 1), math.nan]}
    wanted = {"tree": [1, 1, 2, 2], "below": [1, 2, 2, 2], "less": [1, 2, 2, 2],
              "at most": [1, 1, 2, 2], "same": [2, 1, 2, 2], "steps": [1, 2, 2, None],
              "closed": [1, 1, 2, None], "narrow": [1, 2, 3, None],
              "both": [1, 1, 2, None]}  # fmt: skip
    assert ran(formula, X) == wanted


@needs_libreoffice
def test_float32_is_rounded_to_even_and_summed_as_in_float32():
    halves = [1 + 2**-24, 1 + 3 * 2**-24, 16777217.0, 16777219.0, -(1 + 2**-24), 1e-42, 3e-46]
    x, y = ops.input_(0), ops.input_(1)
    formula = Formula(
        {"r": ops.round32(x), "s": ops.sum32(x, y, ops.const(0.1))}, (Feature("x"), Feature("y"))
    )
    numbers = [*halves, *np.random.default_rng(0).normal(size=40) * 1e3]
    X = {"x": numbers, "y": numbers[::-1]}
    found, wanted = ran(formula, X), plain(formula, X)
    for name in wanted:
        # 15 digits are read back; a float32 has 9.
        assert np.float32(found[name]).tolist() == np.float32(wanted[name]).tolist()


def test_two_hundred_classes_a_thousand_categories_and_a_long_sum_are_no_limit():
    inputs = [ops.input_(i) for i in range(3000)]
    weights = np.arange(1, 3001) / 7
    wide = Formula({"y": ops.linear(0.5, weights, inputs)},
                   tuple(Feature(f"x{i}") for i in range(3000)))  # fmt: skip
    names = [f"c{i}" for i in range(1000)]
    kind = ops.input_(0, Type.LABEL)
    table = ops.table(kind, {n: i / 3 for i, n in enumerate(names)}, -1.0)
    coded = Formula({"y": table}, (Feature("k", Type.LABEL, tuple(names)),))
    scores = [ops.lin(i, (i / 7, ops.input_(0))) for i in range(200)]
    label = label_of(scores, [f"k{i}" for i in range(200)])
    classes = Formula({"y": label}, (Feature("x"),))
    for formula in (wide, coded, classes):
        longest = max(len(t) for t in formulas_of(formula.to("excel")))
        assert longest < 8192
    label = label_of([ops.lin(i, (i / 7, ops.input_(1))) for i in range(200)],
                     [f"k{i}" for i in range(200)])  # fmt: skip
    both = Formula({"y": table, "label": label}, (*coded.inputs, Feature("x")))
    X = {"k": ["c999", "C999", None], "x": [1.0, -8.0, math.nan]}
    found = ran(both, X)
    assert found == {"y": [333.0, -1.0, None], "label": plain(both, X)["label"]}


@needs_libreoffice
@pytest.mark.slow
def test_a_hundred_trees_open_and_agree_with_the_model():
    X = FLOWERS.iloc[:, :3].to_numpy()
    model = GradientBoostingRegressor(n_estimators=100, max_depth=6, random_state=0)
    model.fit(X, FLOWERS.iloc[:, 3])
    certificate = cf.verify_program(cf.read(model), "excel", X[::8], model=model, made_up=False)
    assert certificate.ok, certificate


@needs_libreoffice
@pytest.mark.slow
@pytest.mark.parametrize("model", [DecisionTreeClassifier(), LogisticRegression(max_iter=500)])
def test_classifiers_of_texts_give_their_texts(model):
    names = np.array(["=A", "a", "A"])[KINDS]
    model.fit(FLOWERS, names)
    ran_ = cf.verify_program(cf.read(model), "excel", FLOWERS, model=model)
    assert ran_.ok, ran_
    assert ran_.labels_differ == 0
