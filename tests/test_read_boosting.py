"""Boosted trees: losses, links, starts, missing values and categories."""

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble, linear_model, tree

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit

GBR, GBC = ensemble.GradientBoostingRegressor, ensemble.GradientBoostingClassifier
HGR, HGC = ensemble.HistGradientBoostingRegressor, ensemble.HistGradientBoostingClassifier
FEW = {"n_estimators": 9, "random_state": 0}
SOME = {"max_iter": 9, "min_samples_leaf": 5, "random_state": 0}


def shop():
    """Texts with missing ones, whole numbers as categories, a number with missing values."""
    draw = np.random.default_rng(7)
    size = 160
    town = draw.choice(np.array(["Oslo", "'; DROP", "N", None], dtype=object), size)
    code = draw.choice([3.0, 7.0, 11.0, np.nan], size)
    x = draw.normal(size=size)
    x[::9] = np.nan
    rows = pd.DataFrame({"x": x, "town": town, "code": code, "z": draw.normal(size=size)})
    y = np.nan_to_num(x) + (town == "Oslo") * 2 - (code == 7.0) + rows["z"]
    return rows, y.to_numpy()


def shop_categories():
    """The same, the texts as a pandas category that knows one more than the rows hold."""
    rows, y = shop()
    kind = pd.CategoricalDtype(["N", "Oslo", "'; DROP", "nowhere"])
    return rows.assign(town=rows["town"].astype(kind)), y


def shop_classes():
    """The same, three classes."""
    rows, y = shop_categories()
    return rows, np.array(["low", "mid", "high"])[np.digitize(y, [0, 1.5])]


def coded():
    """An array whose second column holds codes that are no positions."""
    draw = np.random.default_rng(8)
    x = np.column_stack([draw.normal(size=160), draw.choice([0.5, 4, 40, 400], 160)])
    return x, x[:, 0] + 2 * (x[:, 1] == 40)


CASES = [
    # rtol=0 where nothing but leaves is added: not one bit may differ.
    *(Case(GBR(loss=k, **FEW), data.frame, rtol=0)
      for k in ("squared_error", "absolute_error", "huber", "quantile")),
    Case(GBR(init="zero", learning_rate=0.3, **FEW), data.rounded, rtol=0),
    Case(GBR(subsample=0.7, max_leaf_nodes=4, **FEW), data.epochs, rtol=0),
    Case(GBR(n_iter_no_change=2, ccp_alpha=0.01, **FEW), data.numbers, rtol=0),
    Case(GBR(**FEW), data.constant, rtol=0),
    Case(GBR(**FEW), data.one_column, rtol=0),
    Case(GBR(init=tree.DecisionTreeRegressor(max_depth=2), **FEW), data.numbers, rtol=0),
    # A linear start computes in float32 inside the booster: 2⁻²⁴ = 6e-8 of its terms.
    Case(GBR(init=linear_model.Ridge(), **FEW), data.standard_numbers, rtol=1e-6),
    Case(GBC(**FEW), data.two_classes),
    Case(GBC(loss="exponential", **FEW), data.truths),
    Case(GBC(init="zero", **FEW), data.five_texts),
    Case(GBC(**FEW), data.three_classes),
    Case(GBC(init=tree.DecisionTreeClassifier(max_depth=2), **FEW), data.two_classes),
    Case(GBC(init=tree.DecisionTreeClassifier(max_depth=2), **FEW), data.three_classes),
    Case(GBC(init=tree.DecisionTreeClassifier(max_depth=2), loss="exponential", **FEW),
         data.truths),
    *(Case(HGR(loss=k, **SOME), data.holes, rtol=0)
      for k in ("squared_error", "absolute_error")),
    Case(HGR(loss="quantile", quantile=0.2, **SOME), data.frame, rtol=0),
    Case(HGR(loss="poisson", **SOME), data.counts),
    Case(HGR(loss="gamma", **SOME), data.positive),
    Case(HGR(max_leaf_nodes=4, l2_regularization=1.0, **SOME), data.rounded, rtol=0),
    Case(HGR(early_stopping=True, **SOME), data.epochs, rtol=0),
    Case(HGR(monotonic_cst=[1, 0, 0, -1], max_bins=9, **SOME), data.numbers, rtol=0),
    Case(HGR(**SOME), data.constant, rtol=0),
    Case(HGR(**SOME), data.one_column, rtol=0),
    Case(HGR(categorical_features="from_dtype", **SOME), shop_categories, rtol=0),
    Case(HGR(categorical_features=["town", "code"], **SOME), shop_categories, rtol=0),
    Case(HGR(categorical_features=["town", "code"], **SOME), shop, rtol=0),
    Case(HGR(categorical_features=[1], **SOME), coded, rtol=0),
    Case(HGR(categorical_features=[False, True], **SOME), coded, rtol=0),
    Case(HGC(**SOME), data.two_classes),
    Case(HGC(**SOME), data.holes_three_classes),
    Case(HGC(class_weight="balanced", **SOME), data.truths),
    Case(HGC(**SOME), data.five_texts),
    Case(HGC(categorical_features="from_dtype", **SOME), shop_classes),
    Case(HGC(**SOME), data.one_class),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_boosted_model_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_gradient_boosting_refuses_missing_values_as_the_model_does():
    rows, y = data.numbers()
    formula = cf.read(fit(GBR(**FEW), rows, y))
    rows[3, 1] = np.nan
    assert np.isnan(formula(rows)).tolist() == [i == 3 for i in range(len(rows))]


def test_a_score_of_zero_is_the_second_class_in_gradient_boosting_alone():
    half = np.zeros((40, 1)), np.arange(40) % 2 == 0
    for model, label in ((GBC(init="zero", **FEW), True), (HGC(**SOME), False)):
        fit(model, *half)
        assert model.decision_function(half[0][:1])[0] == 0
        assert model.predict(half[0][:1])[0] == label
        assert cf.read(model)(half[0][:1])[0] == label


def test_the_log_link_of_counts_is_remembered_as_a_stage():
    rows, y = data.counts()
    formula = cf.read(fit(HGR(loss="poisson", **SOME), rows, y))
    assert [(s.name, s.kind) for s in formula.stages] == [("log", "link")]


def test_categories_of_text_are_declared_on_the_input():
    rows, y = shop_categories()
    formula = cf.read(fit(HGR(categorical_features="from_dtype", **SOME), rows, y))
    town = formula.inputs[1]
    assert town.type.value == "label"
    assert set(town.categories) == {"'; DROP", "N", "Oslo"}
    assert town.missing and town.unseen


def test_an_init_without_a_formula_is_refused_with_a_hint():
    from sklearn.neighbors import KNeighborsRegressor

    model = fit(GBR(init=KNeighborsRegressor(metric="correlation"), **FEW), *data.numbers())
    with pytest.raises(cf.UnsupportedModel, match="KNeighborsRegressor"):
        cf.read(model)


def test_labels_that_were_never_evaluated_before_are_known_in_the_first_rows():
    from uuid import uuid4

    one, other = str(uuid4()), str(uuid4())
    rows = pd.DataFrame({"c": [one, other] * 20})
    model = fit(HGR(categorical_features=["c"], **SOME), rows, (rows["c"] == one) * 1.0)
    formula = cf.read(model)
    assert (formula(rows) == model.predict(rows)).all()


def test_categories_that_float64_cannot_tell_apart_are_refused():
    ids = pd.Series(1234567890123456789 + np.arange(80) % 4).astype("category")
    model = fit(HGR(categorical_features=[0], **SOME), ids.to_frame("id"), np.arange(80) % 4)
    with pytest.raises(cf.UnsupportedModel, match="beyond 2\\^53"):
        cf.read(model)


def test_none_is_a_category_like_any_other_in_a_column_of_objects():
    rows = pd.DataFrame({"c": pd.Series(["a", None, "b", None, "c"] * 16, dtype=object)})
    y = rows["c"].isna().to_numpy() * 3 + np.arange(80) / 80
    model = fit(HGR(categorical_features=["c"], **SOME), rows, y)
    np.testing.assert_allclose(cf.read(model)(rows), model.predict(rows), rtol=1e-12)
    both = rows.assign(c=pd.Series(["a", None, np.nan, "b"] * 20, dtype=object))
    with pytest.raises(cf.UnsupportedModel, match="None and NaN"):
        cf.read(fit(HGR(categorical_features=["c"], **SOME), both, y))


def test_a_start_that_the_model_adds_in_single_precision_is_said_to_be_approximate():
    rows, y = data.numbers()
    formula = cf.read(GBR(n_estimators=3, init=linear_model.LinearRegression()).fit(rows, y))
    assert formula.summary().startswith("approximate")
    assert "float32" in formula.trail[0].found["differs"][0]
    init = tree.DecisionTreeRegressor(max_depth=2)
    assert cf.read(GBR(n_estimators=3, init=init).fit(rows, y)).summary().startswith("exact")
