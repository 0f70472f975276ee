"""optbinning: each metric of a binned column, processes of many, scorecards and their score."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from battery import check_reader, close
from battery_rows import kinds_of_rows

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ob = pytest.importorskip("optbinning")

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

NAMES = ["age", "income (€)", "sex", "flag", "noise"]
CATEGORIES = ["sex", "flag"]
ODDS = {
    "scaling_method": "pdo_odds",
    "scaling_method_params": {"pdo": 20, "odds": 2, "scorecard_points": 600},
}
RANGE = {"scaling_method": "min_max", "scaling_method_params": {"min": 300, "max": 850}}


def applicants():
    """Return rows with missing values, special codes and categories, and how late they paid."""
    draw = np.random.default_rng(0)
    n = 500
    x = pd.DataFrame(
        {
            "age": draw.normal(40, 10, n).round(1),
            "income (€)": draw.exponential(1000, n).round(),
            "sex": draw.choice(["m", "f", "'; DROP TABLE x; --"], n),
            "flag": draw.integers(0, 3, n),
            "noise": draw.normal(size=n),
        }
    )
    x.loc[::17, "age"], x.loc[::13, "sex"] = np.nan, None
    x.loc[::19, "income (€)"], x.loc[::23, "income (€)"] = -999, -998
    late = x["age"].fillna(30) * 0.03 + x["flag"] / 2 + (x["sex"] == "m") / 2
    return x, (late + draw.normal(size=n)).to_numpy()


ROWS, LATE = applicants()
BAD = (LATE > 2).astype(int)
CLASSES = np.digitize(LATE, [1.5, 2.5])


def binary(**options):
    return ob.OptimalBinning(**options)


def by_name(**options):
    return binary(dtype="categorical", **options)


SINGLE = [
    (binary(), "age", BAD),
    (binary(max_n_bins=3, monotonic_trend="ascending"), "income (€)", BAD),
    (binary(special_codes=[-999, -998]), "income (€)", BAD),
    (binary(special_codes={"no answer": -999, "refused": [-998]}), "income (€)", BAD),
    (binary(user_splits=[500, 1000], special_codes=[500]), "income (€)", BAD),
    (binary(max_n_bins=1, min_bin_size=0.5), "noise", BAD),
    (by_name(), "sex", BAD),
    (by_name(special_codes=["f"]), "sex", BAD),
    (by_name(cat_cutoff=0.33), "sex", BAD),
    (by_name(user_splits=np.array([["m"], ["f", "'; DROP TABLE x; --"]], dtype=object)), "sex",
     BAD),
    (by_name(), "flag", BAD),
    (by_name(special_codes=[2]), "flag", BAD),
    (ob.ContinuousOptimalBinning(special_codes=[-999]), "income (€)", LATE),
    (ob.ContinuousOptimalBinning(dtype="categorical"), "sex", LATE),
    (ob.MulticlassOptimalBinning(special_codes={"forty": 40}), "age", CLASSES),
]  # fmt: skip


def told(case):
    model, name, _ = case
    options = {k: v for k, v in model.get_params().items() if k in TOLD and v is not None}
    return f"{type(model).__name__}-{name}-{options}"


TOLD = ("special_codes", "user_splits", "cat_cutoff", "max_n_bins")


def said(model, metric, values):
    """Return what a model gives for some rows of its one column."""
    return np.asarray(model.transform(values, metric=metric))


@pytest.mark.parametrize("case", SINGLE, ids=told)
def test_a_binned_column_and_its_formula_agree_for_every_metric(case):
    model, name, y = case
    model.fit(ROWS[name], y)
    formula = cf.read(model, names=[name])
    for kind, rows in kinds_of_rows(model, ROWS[[name]]):
        for metric in formula.outputs:
            expected, ours = said(model, metric, rows[name]), formula(rows, metric)
            if metric == "bins":
                assert (ours == expected).all(), kind
            else:
                close(ours, expected, 0, f"{kind}: {metric}")
    certificate = formula.verify(model, ROWS[[name]])
    assert certificate.ok, certificate
    assert {c.method for c in certificate.checks} == {
        f"transform(metric={m!r})" for m in formula.outputs
    }


def test_rows_at_every_split_and_beside_it_fall_into_the_same_bins():
    model = binary().fit(ROWS["age"], BAD)
    at = [np.nextafter(s, e) for s in model.splits for e in (-np.inf, s, np.inf)]
    rows = pd.DataFrame({"x": [*at, np.inf, -np.inf]})
    for metric in ("woe", "event_rate", "indices"):
        assert (cf.read(model)(rows, metric) == said(model, metric, rows["x"])).all()
    assert (cf.read(model)(rows, "bins") == said(model, "bins", rows["x"])).all()


def test_a_metric_that_the_model_itself_refuses_is_left_out_with_its_reason():
    model = by_name(cat_unknown=0.7, name="sex").fit(ROWS["sex"], BAD)
    formula = cf.read(model)
    assert list(formula.outputs) == ["woe", "event_rate"]
    assert "must be an integer" in str(formula.trail[0].found["left out"])
    assert formula(pd.DataFrame({"sex": ["never seen"]}))[0] == 0.7


PIECEWISE = [
    ob.OptimalPWBinning(special_codes=[-999]),
    ob.OptimalPWBinning(degree=3, monotonic_trend="ascending"),
    ob.ContinuousOptimalPWBinning(special_codes={"none": -999}),
    ob.ContinuousOptimalPWBinning(degree=2, continuous=False, monotonic_trend=None),
]


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
@pytest.mark.parametrize("model", PIECEWISE, ids=range(4))
def test_a_piecewise_binning_is_a_polynomial_for_each_bin(model):
    continuous = type(model).__name__.startswith("Cont")
    model.fit(ROWS["income (€)"].to_numpy(), LATE if continuous else BAD)
    formula = cf.read(model, names=["income (€)"])
    assert list(formula.outputs) == (["mean"] if continuous else ["woe", "event_rate"])
    certificate = formula.verify(model, ROWS[["income (€)"]])
    assert certificate.ok, certificate


def test_a_piecewise_binning_in_a_process_may_give_no_number_and_is_then_refused_behind():
    rows = ROWS[["age", "noise"]].fillna(30)
    whole = ob.BinningProcess(["age", "noise"]).fit(rows, BAD)
    curve = ob.OptimalPWBinning(name="noise").fit(rows["noise"].to_numpy(), BAD)
    whole.update_binned_variable("noise", curve)
    assert cf.read(whole).verify(whole, rows).ok
    last = LogisticRegression().fit(whole.transform(rows), BAD)
    pipe = make_pipeline(whole, last)
    # An event rate beyond 0 … 1 has no weight of evidence.
    far = rows[:2].assign(noise=[1e6, -1e6])
    far = far[whole.transform(far)["noise"].isna()]
    assert len(far)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="NaN"):
            pipe.predict(far)
    assert set(cf.read(pipe)(far)) == {None}


def test_a_special_code_may_stand_for_no_number():
    params = {"income (€)": {"metric_special": math.nan}}
    model = process(binning_transform_params=params, special_codes=[-999, -998]).fit(ROWS, BAD)
    check_reader(model, ROWS, rtol=0, names=NAMES)


def process(**options):
    return ob.BinningProcess(NAMES, categorical_variables=CATEGORIES, **options)


OWN = {
    "age": {"metric": "event_rate", "metric_missing": "empirical"},
    "sex": {"metric": "indices"},
    "income (€)": {"metric_special": 0.25},
}
PROCESSES = [
    (process(), BAD),
    (process(special_codes=[-999]), LATE),
    (process(selection_criteria={"iv": {"min": 0.05}}, special_codes=[-999]), BAD),
    (process(binning_transform_params=OWN, special_codes=[-999]), BAD),
    (process(binning_fit_params={"sex": {"cat_unknown": 0.5}}), BAD),
]


@pytest.mark.parametrize("case", PROCESSES, ids=range(len(PROCESSES)))
def test_a_process_and_its_formula_agree(case):
    model, y = case
    model.fit(ROWS, y)
    formula = check_reader(model, ROWS, rtol=0, names=NAMES)
    assert list(formula.outputs) == list(model.transform(ROWS).columns)
    assert formula.verify(model, ROWS).ok


def test_a_process_that_gives_the_names_of_bins_is_read_too():
    names = ["age", "sex"]
    params = {name: {"metric": "bins"} for name in names}
    model = ob.BinningProcess(names, binning_transform_params=params).fit(ROWS[names], BAD)
    formula = cf.read(model)
    rows = ROWS[names]
    assert (formula(rows) == model.transform(rows).to_numpy()).all()
    assert formula.verify(model, rows).ok


def test_a_process_trained_on_an_array_is_read_by_position():
    numbers = ROWS[["age", "noise"]].to_numpy()
    model = ob.BinningProcess(["age", "noise"]).fit(numbers, BAD)
    assert (cf.read(model)(numbers) == model.transform(numbers)).all()


@pytest.mark.parametrize("selection", [None, {"iv": {"min": 0.05}}])
def test_a_process_is_a_step_of_a_pipeline(selection):
    model = make_pipeline(
        process(selection_criteria=selection), StandardScaler(), LogisticRegression()
    ).fit(ROWS, BAD)
    formula = check_reader(model, ROWS, rtol=1e-12)
    assert [i.name for i in formula.inputs] == NAMES
    assert any(stage.name == "BinningProcess" for stage in formula.stages)


def test_a_process_behind_another_step_takes_its_columns_by_position():
    rows = ROWS[["age", "noise"]]
    model = make_pipeline(StandardScaler(), ob.BinningProcess(["a", "b"]), LogisticRegression())
    check_reader(model.fit(rows, BAD), rows, rtol=1e-12)


# --- scorecards ---------------------------------------------------------------------------------


def scorecard(estimator=None, *, own=None, fit_params=None, **options):
    binning = process(
        special_codes=[-999], binning_transform_params=own, binning_fit_params=fit_params
    )
    return ob.Scorecard(binning, estimator or LogisticRegression(), **options)


CARDS = [
    (scorecard(**ODDS), {}),
    (scorecard(**ODDS, intercept_based=True), {}),
    (scorecard(**ODDS, rounding=True, reverse_scorecard=True), {}),
    (scorecard(**ODDS, rounding=True, intercept_based=True), {}),
    (scorecard(**RANGE), {}),
    (scorecard(**RANGE, rounding=True), {}),
    (scorecard(**RANGE, rounding=True, intercept_based=True, reverse_scorecard=True), {}),
    (scorecard(intercept_based=True), {}),
    (scorecard(**ODDS), {"metric_missing": "empirical", "metric_special": "empirical"}),
    (scorecard(**ODDS), {"metric_missing": 0.5, "metric_special": -0.5}),
    (scorecard(**ODDS, own={"age": {"metric_missing": 1}}), {"metric_missing": "empirical"}),
    (scorecard(SGDClassifier(random_state=0), **ODDS), {}),
]


def card(case):
    model, options = case
    shown = {k: v for k, v in model.get_params(deep=False).items() if v and k in TOLD_OF_CARDS}
    return f"{type(model.estimator).__name__}-{shown}-{options}"


TOLD_OF_CARDS = ("scaling_method", "rounding", "intercept_based", "reverse_scorecard")


@pytest.mark.parametrize("case", CARDS, ids=card)
def test_a_scorecard_its_score_and_their_formula_agree(case):
    model, options = case
    model.fit(ROWS, BAD, **options)
    formula = cf.read(model)
    # Rounded points are whole numbers, whose sum is exact; others are added in another order.
    near = 0 if model.rounding else 1e-14
    for kind, rows in kinds_of_rows(model, ROWS):
        close(formula(rows, "score"), model.score(rows), near, f"{kind}: score")
        close(formula(rows, "decision"), model.decision_function(rows), 1e-12, kind)
    certificate = formula.verify(model, ROWS)
    assert certificate.ok, certificate
    assert "score" in {c.output for c in certificate.checks}


def test_a_scorecard_of_a_number_predicts_and_scores():
    model = scorecard(LinearRegression(), **RANGE, rounding=True).fit(ROWS, LATE)
    formula = cf.read(model)
    assert list(formula.outputs) == ["y", "score"]
    assert (formula(ROWS, "score") == model.score(ROWS)).all()
    assert formula.verify(model, ROWS).ok


def test_an_unknown_category_has_the_points_of_the_last_bin_as_in_the_model():
    model = scorecard(**ODDS).fit(ROWS, BAD, metric_missing="empirical")
    rows = ROWS[:2].assign(sex=["never seen", None])
    points = model.transform(rows)["sex"]
    assert points[0] == points[1]
    assert (cf.read(model)(rows, "score") == model.score(rows)).all()


def test_a_score_that_the_model_cannot_give_is_left_out_with_its_reason():
    unknown = {"sex": {"cat_unknown": 0.5}}
    model = scorecard(**ODDS, fit_params=unknown).fit(ROWS, BAD)
    with pytest.raises(ValueError, match="cat_unknown"):
        model.score(ROWS)
    formula = cf.read(model)
    assert "score" not in formula.outputs
    assert "cat_unknown must be an integer" in str(formula.trail[0].found["left out"])
    assert formula.verify(model, ROWS).ok


def test_a_score_of_numbers_that_are_none_of_a_bin_is_left_out_with_its_reason():
    # optbinning cuts an event rate of 0.4 to 0, and gives every row the points of the first bin.
    model = scorecard(**ODDS, own={"age": {"metric": "event_rate"}}).fit(ROWS, BAD)
    assert model.transform(ROWS)["age"].nunique() == 1
    formula = cf.read(model)
    assert "score" not in formula.outputs
    assert "'age' as the number of a bin" in str(formula.trail[0].found["left out"])
    assert formula.verify(model, ROWS).ok


def test_the_text_is_a_table_of_points_for_each_bin():
    model = scorecard(**ODDS, rounding=True, intercept_based=True).fit(ROWS, BAD)
    text = cf.read(model).only("score").to("text")
    table = model.table()
    for name in ("age", "income (€)", "sex", "flag"):
        assert f"points({name})" in text
        for points in table[table.Variable == name].Points:
            assert f"{points:g}" in text
    assert f"score = {model.intercept_:g} + " in text
    assert "-999" in text and "missing" in text


def test_a_formula_is_saved_and_loaded(tmp_path):
    formula = cf.read(scorecard(**ODDS).fit(ROWS, BAD))
    formula.save(tmp_path / "formula.json")
    again = cf.load(tmp_path / "formula.json")
    assert (again(ROWS, "score") == formula(ROWS, "score")).all()
    assert (again(ROWS) == formula(ROWS)).all()


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [binary(), process(), scorecard(**ODDS)], ids=["binning", "process", "scorecard"]
)
def test_a_model_that_was_not_trained_is_told_from_others(model):
    with pytest.raises(cf.NotFitted, match="is not fitted"):
        cf.read(model)


def test_a_binning_of_two_columns_is_refused_by_name():
    model = ob.OptimalBinning2D().fit(ROWS["noise"], ROWS["age"].fillna(30), BAD)
    with pytest.raises(cf.UnsupportedModel, match="OptimalBinning of each of the two columns"):
        cf.read(model)


def test_a_text_as_special_code_is_none_of_a_number():
    codes = ["'; DROP TABLE x; --", -999]
    model = ob.BinningProcess(NAMES, categorical_variables=CATEGORIES, special_codes=codes)
    formula = check_reader(model.fit(ROWS, BAD), ROWS, rtol=0, names=NAMES)
    with pytest.raises(cf.BadInput, match="column 'age', row 0"):
        formula(ROWS.assign(age=codes[0]))


def test_a_code_beside_truths_is_a_number_as_they_are():
    truths = pd.DataFrame({"late before": ROWS["flag"] > 0})
    model = by_name(special_codes=[9], name="late before").fit(truths["late before"], BAD)
    assert cf.read(model).verify(model, truths).ok
    assert cf.read(model).verify(model, truths.astype(int)).ok


class Doubled(ob.OptimalBinning):
    """Gives twice what it has learned."""

    def transform(self, x, **options):
        return 2 * super().transform(x, **options)


def test_a_binning_with_a_transform_of_its_own_is_refused():
    with pytest.raises(cf.UnsupportedModel, match="Doubled has a transform"):
        cf.read(Doubled().fit(ROWS["age"], BAD))
