"""Whole pipelines: composition, names and layouts, and every problem of a pipeline at once."""

import warnings

import numpy as np
import pandas as pd
import pytest
from battery import Case, check_reader
from sklearn import (
    compose,
    decomposition,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    model_selection,
    pipeline,
    preprocessing,
)
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes it importable
from sklearn.experimental import enable_iterative_imputer  # noqa: F401

import closedform as cf
import made_up as data

P = preprocessing
CT = compose.ColumnTransformer
TTR = compose.TransformedTargetRegressor
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


def above_one():
    """A target above 1."""
    rows, y = data.frame()
    return rows, np.exp(y / 3) + 1


def two_targets():
    """Two targets of unlike size."""
    rows, y = data.frame()
    return rows, np.column_stack([y, 1e3 * y**2])


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
    # --- targets ---
    *(
        Case(TTR(chain(P.StandardScaler(), linear_model.Ridge()), func=f, inverse_func=g,
                 check_inverse=False), above_one)
        for f, g in ((np.log, np.exp), (np.log1p, np.expm1), (np.sqrt, np.square),
                     (np.cbrt, np.positive), (np.square, np.sqrt), (None, None))
    ),
    *(
        Case(TTR(linear_model.Ridge(), transformer=t), make)
        for t in (
            P.StandardScaler(), P.StandardScaler(with_mean=False), P.RobustScaler(),
            P.MinMaxScaler((1, 3)), P.MaxAbsScaler(), P.PowerTransformer(),
            P.PowerTransformer(standardize=False), chain(P.FunctionTransformer(np.log1p, np.expm1),
                                                         P.StandardScaler()),
        )
        for make in (above_one, two_targets)
        if "log1p" not in str(t) or make is above_one
    ),
    Case(TTR(linear_model.Ridge(), transformer=P.PowerTransformer(method="box-cox")), above_one),
    *(
        Case(TTR(linear_model.Ridge(), transformer=P.QuantileTransformer(
            n_quantiles=20, output_distribution=kind)), two_targets)
        for kind in ("uniform", "normal")
    ),
    Case(TTR(), above_one),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_pipeline_and_its_formula_agree(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)
