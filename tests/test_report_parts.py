"""What a report says of contributions, decisions, imitations and proofs, against what is known."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

import closedform as cf
from closedform import ops
from closedform.explanations.shapley import shapley
from closedform.formula import Formula
from closedform.reports.case import Case
from closedform.reports.contours import contours
from closedform.reports.contributions import contributions_of, spread_of
from closedform.reports.decisions import Cells, cells_of, decision_of
from closedform.reports.imitations import imitations_of
from closedform.reports.markup import breakable
from closedform.reports.page import default_title
from closedform.reports.proven import proof_of
from closedform.reports.ranges import FEWEST
from closedform.reports.reporting import LARGEST, fitting
from report_pages import hurried

RANDOM = np.random.default_rng(0)
X = pd.DataFrame({"a": RANDOM.uniform(0, 10, 400), "b": RANDOM.normal(size=400)})
LINE = LinearRegression().fit(X, 3 * X["a"] - 2 * X["b"] + 1)
POINT = re.compile(r"(-?[\d.]+) (-?[\d.]+)")


def case_of(model, X=X, y=None, formula=None):
    """What a report on it is made of."""
    front = cf.frontier(model, X, y, time_limit=0)
    formula = front[-1] if formula == "exact" else formula
    return Case.of(model, X, y, front, formula=formula, output=None, seed=0)


def polygons(path):
    """Return the corners of each closed part of a path."""
    return [np.array(POINT.findall(part), float) for part in path.split("M")[1:]]


def area(corners):
    """Return what a polygon holds, by the shoelace formula."""
    x, y = corners.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


# --- where a number crosses a level --------------------------------------------------------------


def test_a_disc_has_the_area_and_the_border_of_a_disc():
    x = np.linspace(-150, 150, 81)
    filled, border = contours(x, x, 100.0**2 - x**2 - x[:, None] ** 2)
    # Chords of a circle of radius 100 in cells of 3.75, to a tenth: some hundredths of a percent.
    assert sum(map(area, polygons(filled))) == pytest.approx(np.pi * 1e4, rel=2e-3)
    (line,) = polygons(border)
    np.testing.assert_allclose(np.hypot(*line.T), 100, atol=0.2)
    np.testing.assert_array_equal(line[0], line[-1])


def test_where_a_side_gives_no_number_nothing_lies_above():
    x = np.arange(4.0)
    above = np.ones((4, 4))
    above[:, 2:] = np.nan
    filled, _ = contours(x, x, above)
    assert max(corners[:, 0].max() for corners in polygons(filled)) < 2


def test_two_areas_that_meet_at_a_corner_stay_apart_or_join_but_none_is_lost():
    x = np.arange(2.0)
    filled, border = contours(x, x, np.array([[1.0, -1.0], [-1.0, 1.0]]))
    # The lines cross the edges in their middle: two corners of 1/8 are cut off.
    assert sum(map(area, polygons(filled))) == pytest.approx(0.75)
    assert len(polygons(border)) == 2


# --- decisions ---------------------------------------------------------------------------------


def test_cells_of_few_rows_are_left_out_and_counted():
    x = np.repeat([0.0, 1.0], [FEWEST - 1, 60])
    cells = Cells(x, x, np.arange(len(x)) % 2 == 0)
    assert cells.hidden == FEWEST - 1 and cells.rows.tolist() == [60]
    assert cells.own[0] == pytest.approx(0.5, abs=0.01)


def test_the_map_shows_what_was_observed_and_else_what_is_said():
    labels = np.where(X["a"] > 5, "high", "low")
    model = LogisticRegression().fit(X, labels)
    upside = np.where(X["a"] > 5, "low", "high")  # observed is the opposite of what is said
    for y, right in ((None, 1), (upside, 0)):
        case = case_of(model, y=y, X=X)
        label = case.sides.target.label
        cells = cells_of(case, [0, 1])
        far = cells.x > 7
        assert far.any() and np.all(cells.own[far] == (right if label == "high" else 1 - right))


def test_a_decision_has_its_equation_and_a_number_decides_nothing():
    labels = np.where(X["a"] + X["b"] > 5, "high", "low")
    model = LogisticRegression().fit(X, labels)
    text = decision_of(case_of(model))
    slope, base = model.coef_[0], model.intercept_[0]
    found = re.search(r"<code>(\w) = ([-\d.]+) ([-+]) ([\d.]+)\*?", text)
    solved = ["a", "b"].index(found[1])
    assert float(found[2]) == pytest.approx(-base / slope[solved], rel=1e-3)  # four digits
    assert decision_of(case_of(LINE)) is None


def test_one_number_makes_no_map():
    model = LogisticRegression().fit(X[["a"]], X["a"] > 5)
    assert "needs two inputs" in decision_of(case_of(model, X[["a"]]))


# --- contributions -------------------------------------------------------------------------------


def test_the_spread_of_a_line_is_that_of_its_input():
    case = case_of(cf.read(LINE))
    found = shapley(case.sides, seconds=2)
    rows = X["a"].to_numpy()[found.rows]
    spread = spread_of(case, found, "formula", 0)
    # Of a line, the value is the slope times the distance from the mean of the background.
    shift = found.values["formula"][0, 0] - 3 * rows[0]
    np.testing.assert_allclose(
        spread.quantiles, 3 * np.quantile(rows, [0.1, 0.25, 0.75, 0.9]) + shift, rtol=1e-9
    )
    low, high = np.quantile(rows, [1 / 3, 2 / 3])
    assert spread.low == pytest.approx(3 * rows[rows <= low].mean() + shift)
    assert spread.high == pytest.approx(3 * rows[rows >= high].mean() + shift)


def test_what_is_mostly_zero_is_low_where_it_is_zero():
    many = X.assign(c=(np.arange(400) % 4 == 0).astype(float))
    line = LinearRegression().fit(many, 4 * many["c"] + many["a"])
    case = case_of(cf.read(line), many)
    spread = spread_of(case, shapley(case.sides, seconds=2), "formula", 2)
    assert spread.high - spread.low == pytest.approx(4)


def test_contributions_say_how_they_were_found_and_show_no_row():
    case = case_of(cf.read(LINE))
    text = contributions_of(case)
    assert "exact, from the structure" in text and "add up to the answer" in text
    values = shapley(case.sides, seconds=2).values["formula"].ravel()
    assert not [v for v in values if f"{v:.6g}" in text]


def test_of_few_rows_there_are_means_alone():
    text = contributions_of(case_of(cf.read(LINE), X.head(40)))
    assert "<svg" not in text and "Mean size" in text


# --- imitations and proofs ------------------------------------------------------------------------


def test_what_is_read_at_once_needs_no_surrogate():
    assert "nothing shorter is needed" in imitations_of(case_of(LINE))
    many = pd.DataFrame(RANDOM.normal(size=(100, 40)))
    many.columns = [f"x{i}" for i in range(40)]
    model = Ridge().fit(many, many.sum(axis=1))
    assert "The model is linear" in imitations_of(case_of(model, many))


def test_a_surrogate_is_called_one_and_says_how_faithful_it_is():
    model = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(X, X["a"] > 5)
    with hurried():
        text = imitations_of(case_of(model))
    assert "surrogates, not the model" in text
    share = re.search(r"gives the model&#x27;s class on ([\d.]+)", text)
    assert float(share[1]) == 100  # one threshold is all there is to learn


def test_what_is_proven_of_a_formula_is_how_far_it_is():
    exact = cf.read(LINE)
    ((name, node),) = exact.outputs.items()
    off = ops.where(ops.less(ops.const(9), ops.input_(0)), ops.const(5), ops.const(0))
    wrong = Formula({name: ops.lin(0, (1, node), (1, off))}, exact.inputs, exact.task)
    text = proof_of(case_of(LINE, formula=wrong))
    assert "Proven" in text
    # The search stops within a hundredth above what occurs.
    assert 5 <= float(re.search(r"nowhere more than ([\d.]+) from", text)[1]) <= 5.05


def test_what_cannot_be_proven_says_why():
    assert "It is the exact formula" in proof_of(case_of(LINE, formula="exact"))
    assert "the model has no formula" in proof_of(case_of(lambda rows: np.sin(rows["a"])))
    labels = cf.read(LogisticRegression().fit(X, X["a"] > 5)).only("label")
    constant = Formula({"label": ops.label(True)}, labels.inputs, labels.task)
    assert "does not give the model&#x27;s class everywhere" in proof_of(
        case_of(labels, formula=constant)
    )


# --- the page ------------------------------------------------------------------------------------


def test_a_function_without_a_name_is_called_a_function():
    assert default_title(case_of(lambda rows: np.sin(rows["a"]))) == "A function, as a formula"


def test_names_may_be_broken_and_stay_whole():
    for name in ("GradientBoostingRegressor", "od280/od315_of_diluted", "a" * 70, "<b> & c"):
        parts = breakable(name).split("<wbr/>")
        assert breakable(name).replace("<wbr/>", "") == breakable("").join(
            [name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")]
        )
        assert all(len(part) <= 24 for part in parts)


@pytest.mark.parametrize("fixed", [100_000, 700_000, 1_400_000])
def test_a_page_keeps_to_its_size_and_says_what_it_leaves_out(fixed):
    texts = ["x" * 9_000 for _ in range(150)]

    def page(room):
        said = [text if room.take(text) else "There is no room." for text in texts]
        return "y" * fixed + "".join(said)

    made = fitting(page)
    assert len(made) <= LARGEST
    assert ("There is no room." in made) == (len(made) < fixed + 150 * 9_000)


@pytest.mark.slow
def test_five_hundred_trees_have_a_page_that_says_what_it_leaves_out(tmp_path):
    many = pd.DataFrame(RANDOM.normal(size=(600, 12)))
    many.columns = [f"{'a long name of a measurement ' * 30}{i}" for i in range(12)]
    y = many.to_numpy() @ np.arange(12.0)
    model = GradientBoostingRegressor(n_estimators=500, max_depth=4, random_state=0).fit(many, y)
    front = cf.frontier(model, many, y, time_limit=5, methods=["terms", "tree"])
    with hurried():
        path = cf.report(model, many, y, tmp_path / "r.html", front=front)
    text = path.read_text("utf-8")
    assert len(text.encode()) <= LARGEST
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    )
    exact = data["formulas"][-1]
    assert not exact["runs"] and all(t["text"] is None for t in exact["texts"].values())
    assert exact["texts"]["C"]["why"].startswith('Too long for this page: formula.to("c"')
    assert data["runs"] is not None  # a shorter one runs
