"""Workbooks as files: what stands in them, before anything computes."""

import math
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest
from openpyxl import load_workbook
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type, ulps
from closedform.ops.payloads import label_code, splits_from
from closedform.printers.excel.writing import SHEETS
from closedform.verify.running.excel import filled_in
from excel_rules import SMALL, broken, cells, formulas_of, small_network

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)


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
