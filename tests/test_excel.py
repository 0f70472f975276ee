"""Workbooks: computed by LibreOffice and by `formulas`, and equal to the formula."""

import math
import re
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from openpyxl import load_workbook
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula, label_of
from closedform.ir import Type, ulps
from closedform.ops.payloads import Pieces, label_code, splits_from
from closedform.printers.excel.writing import SHEETS
from closedform.verify.running import available
from closedform.verify.running.excel import (
    by_formulas,
    by_libreoffice,
    filled_in,
    run_excel,
    tool,
)
from excel_rules import broken
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


def small_network():
    x = [ops.input_(i) for i in range(2)]
    h = [ops.unary("tanh", ops.lin(b, (0.1, x[0]), (1 / 3, x[1]))) for b in (0.5, -0.2)]
    score = ops.lin(0.7, (1.5, h[0]), (-2.25, h[1]))
    inputs = (Feature("a (cm)"), Feature("b"))
    return Formula({"p": ops.sigmoid(score), "score": score}, inputs)


SMALL = {
    "a constant": Formula({"y": ops.const(0.1 + 0.2)}, ()),
    "an input": Formula({"y": ops.input_(0)}, (Feature("y"),)),
    "a label": Formula(
        {"y": ops.input_(0, Type.LABEL)}, (Feature("k", Type.LABEL, ("a", "A", "?", "*")),)
    ),
    "no label known": Formula({"y": ops.input_(0, Type.LABEL)}, (Feature("k", Type.LABEL),)),
    "a network": small_network(),
    "refused": Formula(
        {"y": ops.lin(1, (2, ops.input_(0))), "z": ops.const(3)},
        (Feature("a", missing=False), Feature("k", Type.LABEL, ("a",), unseen=False)),
    ),
}
CASES = {
    "y": [0.1 + 0.2, math.nan, -2.5], "k": ["a", "A", None], "a": [1.0, math.nan, 2.0],
    "a (cm)": [0.5, -1.25, math.nan], "b": [2.0, 3.5, 1.0],
}  # fmt: skip


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


def cells(book, sheet, **options):
    return load_workbook(BytesIO(book), **options)[sheet]


def test_numbers_stand_in_the_file_with_all_their_digits():
    value = 0.1 + 0.2
    formula = Formula({"y": ops.lin(value, (1 / 3, ops.input_(0)))}, (Feature("x"),))
    book = formula.to("excel", rows={"x": [ulps(value, 1)]})
    with ZipFile(BytesIO(book)) as file:
        text = "".join(file.read(n).decode() for n in file.namelist() if "sheet" in n)
    for number in (value, 1 / 3, ulps(value, 1)):
        assert f"<v>{number!r}</v>" in text
    assert book == formula.to("excel", rows={"x": [ulps(value, 1)]})


def test_the_results_of_the_rows_stand_in_the_file_but_nothing_in_its_steps_or_its_check():
    kind = ops.input_(1, Type.LABEL)
    for text in ("a&b", "<", "#N/A"):
        label_code(text)
    outputs = {"y": ops.lin(0.1, (1 / 3, ops.input_(0))), "kind": kind,
               "big": ops.unary("exp", ops.input_(0))}  # fmt: skip
    formula = Formula(outputs, (Feature("x"), Feature("k", Type.LABEL, ("a&b", "<", "#N/A"))))
    rows = {"x": [0.2, math.nan, 1e4, 1.0], "k": ["a&b", "<", None, "#N/A"]}
    book = formula.to("excel", rows=rows)
    sheet = cells(book, "Inputs", data_only=True)
    found = [[c.value for c in row] for row in sheet["E6:G9"]]
    y = [0.1 + 1 / 3 * 0.2, None, 0.1 + 1 / 3 * 1e4, 0.1 + 1 / 3]
    assert [row[0] for row in found] == y
    # A kept text that looks like an error would be one.
    assert [row[1] for row in found] == ["a&b", "<", None, None]
    assert [row[2] for row in found] == [math.exp(0.2), None, 1e308, math.e]
    for name in ("Calculation", "Check"):
        live = cells(book, name), cells(book, name, data_only=True)
        for one, two in zip(*(list(sheet.iter_rows()) for sheet in live), strict=True):
            for a, b in zip(one, two, strict=True):
                assert a.data_type != "f" or b.value is None


def test_a_result_that_the_file_keeps_is_no_result_of_the_program():
    formula = Formula({"y": ops.lin(1, (2, ops.input_(0)))}, (Feature("x"),))
    book = formula.to("excel", rows={"x": [1.0]})
    wrong = BytesIO()
    with ZipFile(BytesIO(book)) as old, ZipFile(wrong, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</f><v>3.0</v>", b"</f><v>777</v>"))
    assert b"777" in ZipFile(wrong).read("xl/worksheets/sheet2.xml")
    run = filled_in(wrong.getvalue(), [[1.0, 2.0]], 2)
    assert [c.value for c in cells(run, "Inputs", data_only=True)["D"][5:]] == [None, None]
    assert [str(c.value)[0] for c in cells(run, "Inputs")["D"][5:]] == ["=", "="]


def test_the_nodes_of_a_layer_have_names_of_their_own():
    heads = [c.value for c in cells(small_network().to("excel"), "Calculation")[4]]
    assert len(set(heads)) == len(heads)


def test_the_sheets_are_those_that_hold_something_and_read_me_speaks_of_no_other():
    x = ops.input_(0)
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0] * 3, [0.5, 0, 0],
                            missing_left=[False] * 3)  # fmt: skip
    trees = Formula({"y": ops.tree(splits, [0, 1, 2], [x])}, (Feature("x"),))
    line = Formula({"y": ops.lin(1.5, (0.1, x))}, (Feature("x"),))
    for formula, absent in ((trees, {"Coefficients", "Constants"}), (line, {"Trees", "Constants"})):
        book = load_workbook(BytesIO(formula.to("excel")))
        assert not absent & set(book.sheetnames)
        told = [c.value or "" for c in book["Read me"]["B"]]
        assert {t.split(":")[0] for t in told} & set(SHEETS) == {*book.sheetnames} - {"Read me"}
        assert not [t for t in told for name in absent if f"the sheet {name}" in t]


def test_a_category_that_is_not_read_stands_in_its_cell_all_the_same():
    inputs = (Feature("x"), Feature("k", Type.LABEL, ("a", "b")))
    formula = Formula({"y": ops.lin(1.5, (0.1, ops.input_(0)))}, inputs)
    sheet = cells(formula.to("excel", rows={"x": [1.0, 2.0], "k": ["b", "other"]}), "Inputs")
    assert [c.value for c in sheet["C"][5:]] == ["b", "other"]


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


def formulas_of(book):
    with ZipFile(BytesIO(book)) as file:
        for name in file.namelist():
            if "worksheets" in name:
                yield from re.findall(r"<f>([^<]*)</f>", file.read(name).decode())


def test_files_are_as_excel_demands():
    forest = GradientBoostingRegressor(n_estimators=10).fit(FLOWERS.iloc[:, :3], KINDS)
    curve = make_pipeline(QuantileTransformer(n_quantiles=50), LogisticRegression())
    books = [
        *(formula.to("excel") for formula in SMALL.values()),
        cf.read(forest).to("excel"),
        cf.read(curve.fit(FLOWERS, np.array(["a", "=A", "x" * 300])[KINDS])).to("excel"),
        every_operation().to("excel"),
        odd_names().to("excel"),
    ]
    for book in books:
        assert broken(book) == []
    worse = SMALL["a network"].to("excel")
    assert broken(_with(worse, "TANH(", "ACOTH(")) != []
    assert broken(_with(worse, 'name="weights_score"', 'name="R1C1"')) != []


def every_operation():
    x, y = ops.input_(0), ops.input_(1)
    outputs = {name: ops.unary(name, x) for name in sorted(ops.UNARY)}
    outputs |= {"div": ops.div(x, y), "pow": ops.power(x, y), "kth": ops.kth(0, x, y, y, x)}
    return Formula(outputs, (Feature("a"), Feature("b")))


def odd_names():
    names = ["R1C1", "A1", "c", "r2", "TRUE", "x" * 400, "[a]:*?/", "\x01\ud7ff\uffff", "a\nb"]
    shared = [ops.lin(i, (0.5, ops.input_(i))) for i in range(len(names))]
    inputs = tuple(map(Feature, names))
    return Formula(dict(zip(names, shared, strict=True)), inputs)


def _with(book, old, new):
    made = BytesIO()
    with ZipFile(BytesIO(book)) as before, ZipFile(made, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).replace(old.encode(), new.encode()))
    return made.getvalue()


def test_a_workbook_grows_linearly_with_a_chain_of_shared_values():
    sizes = []
    for count in (100, 200, 400):
        n = ops.input_(0)
        for _ in range(count):
            n = ops.mul(ops.lin(0.5, (0.5, n)), n)
        sizes.append(sum(map(len, formulas_of(Formula({"y": n}, (Feature("x"),)).to("excel")))))
    assert sizes[2] - sizes[1] < 2.4 * (sizes[1] - sizes[0])


def test_more_columns_than_excel_has_are_an_error():
    inputs = tuple(Feature(f"x{i}") for i in range(17_000))
    formula = Formula({"y": ops.lin(1, (2, ops.input_(0)))}, inputs)
    with pytest.raises(UnsupportedTarget, match="16,384"):
        formula.to("excel")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cases": 1}, "cases=1"),
        ({"cases": True}, "cases=True"),
        ({"cases": 2_000_000}, "1,048,576"),
        ({"predictions": [1.0]}, "1 predictions"),
        ({"predictions": {"z": [1.0, 2.0]}}, "'z'"),
        ({"predictions": np.zeros((2, 3))}, "3 columns"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, why):
    formula = Formula({"y": ops.lin(1, (2, ops.input_(0)))}, (Feature("x"),))
    with pytest.raises(BadInput, match=why):
        formula.to("excel", rows={"x": [1.0, 2.0]}, **options)


def test_without_xlsxwriter_the_line_to_type_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xlsxwriter", None)
    with pytest.raises(cf.errors.MissingExtra, match="XlsxWriter") as refusal:
        SMALL["an input"].to("excel")
    assert "closedform[excel]" in refusal.value.hint


def test_more_cases_are_empty_rows_that_compute():
    formula = Formula({"y": ops.lin(1, (2, ops.input_(0)))}, (Feature("x"),))
    sheet = cells(formula.to("excel", rows={"x": [1.0]}, cases=3), "Inputs")
    assert [c.value for c in sheet["B"][5:]] == [1.0, None, None]
    assert [str(c.value)[0] for c in sheet["D"][5:]] == ["=", "=", "="]


GOLDEN = {
    "Calculation": {
        "B6": "=IF(ISNUMBER(Inputs!$B6),Inputs!$B6,NA())",
        "D6": "=bias_v3+SUMPRODUCT(weights_v3,$B6:$C6)",
        "F6": "=TANH($D6)",
        "H6": "=bias_score+SUMPRODUCT(weights_score,$F6:$G6)",
        "I6": "=IF($H6<0,EXP($H6)/(1+EXP($H6)),1/(1+EXP(0-$H6)))",
    },
    "Inputs": {"E6": '=IFERROR(Calculation!$I6,"")', "B4": "a (cm)", "E4": "p"},
}


def test_the_formulas_of_a_small_network_read_as_a_person_writes_them():
    book = load_workbook(BytesIO(small_network().to("excel")))
    for sheet, wanted in GOLDEN.items():
        assert {at: book[sheet][at].value for at in wanted} == wanted


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
