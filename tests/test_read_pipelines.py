"""Whole pipelines: composition, names and layouts, and every problem of a pipeline at once."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import (
    compose,
    decomposition,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    model_selection,
    neighbors,
    pipeline,
    preprocessing,
)
from sklearn.experimental import (
    enable_halving_search_cv,  # noqa: F401 - makes it importable
    enable_iterative_imputer,  # noqa: F401
)

try:
    from sklearn import frozen  # new in 1.6
except ImportError:
    frozen = None

import closedform as cf
import made_up as data
from battery import Case, check_reader

P = preprocessing
CT = compose.ColumnTransformer
ODD = "'; DROP TABLE x; --"


def chain(*steps, **options):
    """Return a pipeline of steps named by their positions."""
    return pipeline.Pipeline([(f"step{i}", s) for i, s in enumerate(steps)], **options)


def mixed():
    """Numbers, texts, truths and a pandas category, with missing values in most of them."""
    draw = np.random.default_rng(12)
    size = 150
    age = draw.normal(45, 15, size).round()
    age[::11] = np.nan
    rows = pd.DataFrame(
        {
            "age": age,
            "petal length (cm)": draw.gamma(2, size=size),
            "lambda": draw.integers(1, 5, size),
            ODD: draw.choice(np.array(["x", "y", "it's", None], dtype=object), size),
            "身長": pd.Categorical(draw.choice(["low", "mid", "high"], size)),
            "N": draw.random(size) < 0.4,
            "note": [f"note {i}" for i in range(size)],
        }
    )
    y = np.nan_to_num(age) / 9 + rows["petal length (cm)"] - 2 * (rows[ODD] == "x") + rows["N"]
    return rows, y.to_numpy()


def mixed_classes():
    """The same, three classes."""
    rows, y = mixed()
    return rows, np.array(["C", "A", "B"])[np.digitize(y, [5, 7])]


def mixed_array():
    """The same columns without their names, but for the note."""
    rows, y = mixed()
    rows = rows.drop(columns="note")
    return rows.astype(object).where(rows.notna(), None).to_numpy(), y


NUMBERS = chain(impute.SimpleImputer(strategy="median", add_indicator=True), P.StandardScaler())
TEXTS = chain(
    impute.SimpleImputer(strategy="constant", fill_value="none"),
    P.OneHotEncoder(handle_unknown="ignore", sparse_output=False),
)
MIXED = CT(
    [
        ("numbers", NUMBERS, ["age", "petal length (cm)", "lambda"]),
        ("texts", TEXTS, [ODD, "身長"]),
        ("truth", "passthrough", ["N"]),
    ]
)


def first_two(rows):
    """Return the names of two columns."""
    return list(rows.columns[:2])


CASES = [
    Case(chain(MIXED, linear_model.Ridge()), mixed),
    Case(chain(MIXED, linear_model.LogisticRegression(max_iter=500)), mixed_classes),
    Case(chain(MIXED, ensemble.RandomForestRegressor(5, max_depth=4, random_state=0)), mixed),
    Case(chain(MIXED, ensemble.GradientBoostingRegressor(n_estimators=5)), mixed),
    Case(MIXED, mixed),
    # --- the columns of a ColumnTransformer, in every way to say which ---
    *(
        Case(chain(CT([("some", P.StandardScaler(), chosen)], remainder=rest),
                   linear_model.LinearRegression()), data.frame)
        for chosen in (
            "lambda", ["身長", "a.b"], [3, 0], [-1], slice(1, 3), slice("lambda", "身長"),
            [True, False, True, False], np.array([False, True, True, False]), first_two,
            compose.make_column_selector(pattern="a"), pd.Index(["lambda"]), slice(None),
        )
        for rest in ("passthrough", P.MinMaxScaler())
        if not isinstance(chosen, str)
    ),
    *(
        Case(CT([("a", P.StandardScaler(), [0]), ("none", P.MinMaxScaler(), []),
                 ("b", "drop", [1]), ("c", "passthrough", [2])], **options), make)
        for options in (
            {}, {"remainder": "passthrough"}, {"transformer_weights": {"a": 3.5, "c": -2}},
            {"verbose_feature_names_out": False}, {"sparse_threshold": 0.9},
        )
        for make in (data.frame, data.numbers)
    ),
    Case(chain(CT([("a", P.StandardScaler(), ["lambda"]), ("b", P.RobustScaler(), ["lambda"]),
                   ("c", P.PolynomialFeatures(2), ["lambda", "a.b"])]),
               linear_model.Ridge()), data.frame),
    Case(chain(CT([("x", P.OneHotEncoder(handle_unknown="ignore"), [3, 4])], remainder="drop"),
               linear_model.Ridge()), mixed_array),
    # --- pipelines ---
    Case(chain("passthrough", None, P.StandardScaler(), linear_model.Ridge()), data.frame),
    Case(chain(P.StandardScaler(), "passthrough"), data.numbers),
    Case(chain(chain(chain(P.StandardScaler()), P.PolynomialFeatures(2)), linear_model.Ridge()),
         data.frame, rtol=1e-8),
    Case(chain(P.StandardScaler(), decomposition.PCA(2), linear_model.LogisticRegression()),
         data.three_classes),
    Case(chain(impute.SimpleImputer(), P.QuantileTransformer(n_quantiles=9),
               P.KBinsDiscretizer(3), linear_model.Ridge()), data.holes),
    Case(chain(P.SplineTransformer(), feature_selection.SelectKBest(feature_selection.f_regression,
               k=5), linear_model.Ridge()), data.frame),
    Case(chain(P.PowerTransformer(), linear_model.LogisticRegression()), data.two_classes),
    Case(chain(P.Normalizer(), linear_model.LogisticRegression()), data.two_classes),
    Case(chain(impute.IterativeImputer(max_iter=2), linear_model.Ridge()), data.holes),
    Case(chain(P.StandardScaler(), P.PolynomialFeatures(2), linear_model.Lasso(0.1)
               ).set_output(transform="pandas"), data.frame),
    Case(chain(CT([("num", P.StandardScaler(), ["age"]), ("cat", TEXTS, [ODD])],
                  remainder="drop"),
               CT([("again", P.MinMaxScaler(), ["num__age"])], remainder="passthrough"),
               ensemble.HistGradientBoostingRegressor(max_iter=5)).set_output(transform="pandas"),
         mixed),
    # --- unions, searches ---
    Case(pipeline.FeatureUnion([("a", P.StandardScaler()), ("b", "passthrough"), ("c", "drop"),
                                ("d", decomposition.PCA(2))], transformer_weights={"a": 2.0}),
         data.frame),
    Case(chain(pipeline.FeatureUnion([("a", impute.SimpleImputer()),
                                      ("b", impute.MissingIndicator())]), linear_model.Ridge()),
         data.holes),
    *(
        Case(kind(chain(P.StandardScaler(), linear_model.Ridge()), {"step1__alpha": [1, 9]}, cv=2),
             data.frame)
        for kind in (model_selection.GridSearchCV, model_selection.HalvingGridSearchCV)
    ),
    *(
        Case(kind(linear_model.Ridge(), {"alpha": [1, 9]}, n_iter=2, cv=2, random_state=0),
             data.numbers)
        for kind in (model_selection.RandomizedSearchCV,)
    ),
    Case(model_selection.HalvingRandomSearchCV(linear_model.Ridge(), {"alpha": [1, 9]}, cv=2,
                                               random_state=0), data.numbers),
    *(
        Case(chain(frozen(P.StandardScaler().fit(data.frame()[0])),
                   frozen(linear_model.Ridge().fit(*data.frame()))), data.frame)
        for frozen in [getattr(frozen, "FrozenEstimator", None)] if frozen
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_pipeline_and_its_formula_agree(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


class Doubled(P.StandardScaler):
    """A scaler that does something else than its parent."""

    def transform(self, X, copy=None):
        """Return twice the scaled values."""
        return 2 * super().transform(X)


class Renamed(P.StandardScaler):
    """A scaler that does what its parent does."""


def problems_of(model):
    """Return what cannot be read of a model."""
    with pytest.raises(cf.UnsupportedModel) as caught:
        cf.read(model)
    assert all(hint for _, hint in caught.value.problems)
    return [what for what, _ in caught.value.problems]


def test_every_part_without_a_formula_is_reported_at_once():
    rows, y = data.holes()
    model = chain(
        CT([("a", impute.KNNImputer(weights=lambda d: d), [0, 1]),
            ("b", P.FunctionTransformer(lambda x: np.sort(x, axis=0)), [2, 3])]),
        P.PolynomialFeatures(2), decomposition.KernelPCA(2, kernel=lambda a, b: a @ b),
        P.StandardScaler(), neighbors.KNeighborsRegressor(metric="correlation"),
    ).fit(rows.to_numpy(), y)  # fmt: skip
    found = problems_of(model)
    assert len(found) == 4
    names = ("KNNImputer", "<lambda>", "KernelPCA", "KNeighborsRegressor")
    assert all(name in what for name, what in zip(names, found, strict=True))


@pytest.mark.parametrize(
    ("model", "make", "words"),
    [
        (chain(Doubled(), linear_model.Ridge()), data.frame,
         "Doubled has a transform() of its own"),
        (P.FunctionTransformer(np.log1p, kw_args={"where": True}), data.frame, "with {'where'"),
        (impute.IterativeImputer(sample_posterior=True, max_iter=1), data.holes, "draws at random"),
        (P.SplineTransformer(degree=0, n_knots=3, extrapolation="linear"), data.frame, "cross"),
        (P.OneHotEncoder(), lambda: (pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}), None),
         "datetime"),
        (P.OrdinalEncoder(), lambda: (np.array([[None], [np.nan], ["a"]], dtype=object), None),
         "None and NaN are two categories"),
    ],
)  # fmt: skip
def test_an_option_without_a_formula_is_named_with_a_hint(model, make, words):
    rows, y = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, y)
    (what,) = problems_of(model)
    assert words in what


def test_a_subclass_that_changes_nothing_is_read_like_its_parent():
    rows, y = data.frame()
    check_reader(chain(Renamed(), linear_model.Ridge()).fit(rows, y), rows)


def test_columns_that_the_model_drops_may_be_absent_or_hold_anything():
    rows, y = mixed()
    model = chain(MIXED, linear_model.Ridge()).fit(rows, y)
    formula = cf.read(model)
    expected = model.predict(rows)
    np.testing.assert_allclose(formula(rows), expected, rtol=1e-12)
    np.testing.assert_allclose(formula(rows.drop(columns="note")), expected, rtol=1e-12)
    with pytest.raises(cf.errors.BadInput, match="'age' is absent"):
        formula(rows.drop(columns="age"))


def test_columns_of_one_name_stay_apart():
    rows, _ = data.frame()
    model = CT([("a", P.StandardScaler(), ["lambda"]), ("b", P.MinMaxScaler(), ["lambda"])],
               verbose_feature_names_out=False).fit(rows)  # fmt: skip
    formula = cf.read(model)
    assert list(formula.outputs) == ["lambda", "lambda (2)"]
    np.testing.assert_allclose(formula(rows), model.transform(rows), rtol=1e-12)


def test_one_column_in_two_encoders_knows_what_both_of_them_take():
    towns = np.array(["a", "b", "c"], dtype=object)
    rows = pd.DataFrame({"t": np.repeat(towns, 5)})
    model = CT([("one", P.OneHotEncoder(categories=[["a", "b", "c", "d"]]), ["t"]),
                ("two", P.OrdinalEncoder(categories=[["e", "c", "b", "a"]]), ["t"]),
                ("any", P.OneHotEncoder(handle_unknown="ignore"), ["t"])]).fit(rows)  # fmt: skip
    formula = cf.read(model)
    assert set(formula.inputs[0].categories) == {"a", "b", "c"}
    assert not formula.inputs[0].unseen
    for label in "de":  # known to one of them alone: the model raises
        assert np.isnan(formula({"t": label})).all()
    check_reader(model, rows)


def test_a_placeholder_that_is_imputed_belongs_to_the_domain():
    rows = pd.DataFrame({"t": ["a", "?", "b", "a"]})
    model = chain(impute.SimpleImputer(missing_values="?", strategy="most_frequent"),
                  P.OneHotEncoder()).fit(rows)  # fmt: skip
    formula = check_reader(model, rows)
    assert set(formula.inputs[0].categories) == {"a", "b", "?"}


def test_an_imputer_of_nan_leaves_none_to_the_encoder_that_learned_it():
    rows = pd.DataFrame({"t": np.array(["a", None, "b", "a"], dtype=object)}, dtype=object)
    model = chain(impute.SimpleImputer(strategy="constant", fill_value="none"),
                  P.OneHotEncoder(handle_unknown="ignore")).fit(rows)  # fmt: skip
    assert model[-1].categories_[0].tolist() == ["a", "b", None]
    assert (cf.read(model)(rows) == model.transform(rows).toarray()).all()


def test_codes_that_a_later_encoder_does_not_know_are_refused_by_every_output():
    rows, y = mixed()
    rows = rows[[ODD]].fillna("x")
    encode = P.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    for last in (linear_model.LogisticRegression(), ensemble.RandomForestClassifier(3)):
        model = chain(encode, P.OneHotEncoder(), last).fit(rows, y > 6)
        formula = check_reader(model, rows)
        made = formula.evaluate({ODD: ["x", "never seen"]})
        assert all(pd.isna(values[1]) and not pd.isna(values[0]) for values in made.values())


def test_a_logarithm_of_a_negative_number_is_refused_where_the_model_refuses_it():
    rows, y = data.two_classes()
    log = P.FunctionTransformer(np.log)
    model = chain(log, linear_model.LogisticRegression()).fit(rows.abs() + 0.1, y)
    formula = cf.read(model)
    bad = rows.abs().head(2) + 0.1
    bad.iloc[0, 1] = -1.0
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="NaN"):
        model.predict(bad)
    assert formula(bad)[0] is None
    assert formula(bad)[1] == model.predict(bad.iloc[1:])[0]
    # An imputer behind it takes the same row.
    model = chain(log, impute.SimpleImputer(), linear_model.LogisticRegression())
    model.fit(rows.abs() + 0.1, y)
    with pytest.warns(RuntimeWarning):
        expected = model.predict(bad)
    assert (cf.read(model)(bad) == expected).all()


def test_a_value_that_box_and_cox_refuse_is_refused_by_every_output():
    rows, y = data.two_classes()
    model = chain(
        P.PowerTransformer(method="box-cox"),
        impute.SimpleImputer(),
        ensemble.RandomForestClassifier(3, random_state=0),
    ).fit(rows.abs() + 0.1, y)
    formula = cf.read(model)
    bad = rows.abs().head(3) + 0.1
    bad.iloc[0, 1], bad.iloc[1, 2] = 0.0, np.nan
    with pytest.raises(ValueError, match="positive"):
        model.predict(bad.head(1))
    assert all(pd.isna(values[0]) for values in formula.evaluate(bad).values())
    assert (formula(bad)[1:] == model.predict(bad.iloc[1:])).all()


def test_steps_are_remembered_with_their_columns_before_and_after():
    rows, y = mixed()
    formula = cf.read(chain(MIXED, linear_model.Ridge()).fit(rows, y))
    scaler = next(s for s in formula.stages if s.name == "StandardScaler")
    assert [name for name, _ in scaler.before] == [name for name, _ in scaler.after]
    assert [name for name, _ in scaler.before][:3] == ["age", "petal length (cm)", "lambda"]
    assert all(s.kind == "transform" for s in formula.stages)
    names = [s.name for s in formula.stages]
    assert names == ["SimpleImputer", "StandardScaler", "SimpleImputer", "OneHotEncoder"]
    assert formula.source == "(SimpleImputer → StandardScaler | SimpleImputer → OneHotEncoder | " \
        "FunctionTransformer) → Ridge"  # fmt: skip


def test_intermediate_columns_have_readable_names_each_its_own():
    rows, y = mixed()
    model = chain(MIXED, P.MinMaxScaler(), linear_model.Ridge()).fit(rows, y)
    names = list(cf.read(model, fold=False).names.values())
    assert len(set(names)) == len(names)
    for name in ("age (imputed)", "age (scaled)", f"{ODD}_it's", "身長_mid"):
        assert name in names


def test_unfolded_scalers_give_the_same_bits_as_the_model():
    for scaler in (P.StandardScaler(), P.RobustScaler(), P.MinMaxScaler(), P.MaxAbsScaler()):
        rows, _ = data.epochs()
        model = scaler.fit(rows)
        assert (cf.read(model, fold=False)(rows) == model.transform(rows)).all()


def test_inputs_without_names_can_be_given_some():
    rows, y = data.numbers()
    model = chain("passthrough", P.StandardScaler(), linear_model.Ridge()).fit(rows, y)
    assert [f.name for f in cf.read(model).inputs] == ["x0", "x1", "x2", "x3"]
    formula = check_reader(model, rows, names=["N", "lambda", ODD, "身長"])
    assert [f.name for f in formula.inputs] == ["N", "lambda", ODD, "身長"]
    with pytest.raises(cf.errors.BadInput, match="3 names were given for 4 inputs"):
        cf.read(model, names=["a", "b", "c"])
    stateless = P.Normalizer()
    assert len(cf.read(stateless, names=["a", "b"]).inputs) == 2
    with pytest.raises(cf.errors.BadInput, match="how many inputs"):
        cf.read(stateless)


def test_columns_that_pandas_numbered_are_taken_by_position():
    rows, y = data.numbers()
    frame = pd.DataFrame(rows)
    model = chain(CT([("a", P.StandardScaler(), [2, 0])], remainder="passthrough"),
                  linear_model.Ridge()).fit(frame, y)  # fmt: skip
    np.testing.assert_allclose(cf.read(model)(frame), model.predict(frame), rtol=1e-12)


def test_frames_as_output_for_all_estimators_change_nothing():
    import sklearn

    rows, y = mixed()
    with sklearn.config_context(transform_output="pandas"):
        model = chain(MIXED, P.StandardScaler(), linear_model.Ridge()).fit(rows, y)
        check_reader(model, rows)


def test_an_unfitted_pipeline_is_told_so():
    with pytest.raises(cf.errors.NotFitted, match="not fitted"):
        cf.read(chain(P.StandardScaler(), linear_model.Ridge()))
    search = model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [1]}, cv=2, refit=False)
    with pytest.raises(cf.errors.NotFitted, match="refit=False"):
        cf.read(search.fit(*data.frame()))


def test_pipelines_that_cache_their_steps_are_read_alike(tmp_path):
    rows, y = data.frame()
    model = chain(P.StandardScaler(), linear_model.Ridge(), memory=str(tmp_path)).fit(rows, y)
    check_reader(model, rows)


def test_a_selector_set_to_give_frames_lets_missing_values_through():
    rows, y = data.frame()
    inner = ensemble.HistGradientBoostingRegressor(max_iter=3)
    select = feature_selection.SelectKBest(feature_selection.f_regression, k=3)
    for output in ("pandas", "default"):
        model = chain(select, inner).set_output(transform=output).fit(rows, y)
        check_reader(model, rows)


@pytest.mark.parametrize("scaler", [P.StandardScaler(), P.MinMaxScaler()], ids=str)
def test_a_column_far_from_zero_keeps_its_digits_behind_a_scaler(scaler):
    """Seconds since 1970 within one minute: merged into the weights, 8e-9 would be lost."""
    draw = np.random.default_rng(0)
    seconds = draw.random(200) * 60
    rows = pd.DataFrame({"time": 1.6e9 + seconds, "x": draw.normal(size=200)})
    model = chain(scaler, linear_model.Ridge()).fit(rows, seconds + rows["x"])
    np.testing.assert_allclose(cf.read(model)(rows), model.predict(rows), rtol=1e-12, atol=1e-12)
