"""Transformers: what each of them makes of its columns, edges and missing values included."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import (
    clone,
    decomposition,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    neighbors,
    pipeline,
    preprocessing,
    random_projection,
)
from sklearn import kernel_approximation as kernels
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes it importable

import closedform as cf
import made_up as data
from battery import Case, as_columns, ask, check_reader, fit, installed, told
from battery_rows import kinds_of_rows

P = preprocessing


def placeholders():
    """Whole numbers of which −1 means missing."""
    draw = np.random.default_rng(10)
    x = draw.choice([-1, 2, 5, 8], (60, 3))
    x[:, 2] = 4
    return x, draw.normal(size=60)


def above_zero():
    """Numbers above 0."""
    x, y = data.numbers()
    return np.abs(x) + 0.01, y


def repeated():
    """Columns in which few values come again and again, one of them constant."""
    draw = np.random.default_rng(11)
    x = np.column_stack([draw.choice([0, 1, 2, 5], 80), draw.normal(size=80).round(1)])
    return np.column_stack([x, np.minimum(x[:, 1], 0.5), np.ones(80)]), x[:, 0]


def knotted():
    """The same without the constant."""
    x, y = repeated()
    return x[:, :3], y


SCALERS = [
    P.StandardScaler(), P.StandardScaler(with_mean=False), P.StandardScaler(with_std=False),
    P.MinMaxScaler(), P.MinMaxScaler((-2, 3)), P.MinMaxScaler(clip=True), P.MaxAbsScaler(),
    P.RobustScaler(), P.RobustScaler(with_centering=False), P.RobustScaler(with_scaling=False),
    P.RobustScaler(quantile_range=(10, 80), unit_variance=True),
]  # fmt: skip
FUNCTIONS = (
    [np.abs, np.fabs, np.square, np.sin, np.cos, np.tan, np.tanh]
    + [np.cbrt, np.floor, np.ceil, np.sign, np.negative, np.positive, np.deg2rad, np.rad2deg]
    + [np.arctan, np.arcsinh, np.isnan, None]
)
STEEP = [np.exp, np.expm1, np.exp2, np.sinh, np.cosh]
PARTLY = [
    np.log,
    np.log1p,
    np.log2,
    np.log10,
    np.sqrt,
    np.arcsin,
    np.arccos,
    np.arccosh,
    np.arctanh,
]
SPLINES = [
    P.SplineTransformer(),
    P.SplineTransformer(degree=2, n_knots=4, knots="quantile", include_bias=False),
    P.SplineTransformer(degree=0, n_knots=4, extrapolation="continue"),
    *(
        P.SplineTransformer(degree=degree, n_knots=5, extrapolation=kind, include_bias=degree != 2)
        for degree in (1, 2, 3)
        for kind in ("constant", "linear", "continue", "periodic", "error")
    ),
    P.SplineTransformer(degree=0, n_knots=6, extrapolation="linear"),
    P.SplineTransformer(degree=0, n_knots=3, extrapolation="constant"),
    P.SplineTransformer(degree=0, n_knots=3, extrapolation="constant", sparse_output=True),
    P.SplineTransformer(degree=3, extrapolation="linear", sparse_output=True),
    P.SplineTransformer(knots=np.array([[-3, -30, -0.1, -9], [0, 1, 0, 0], [1, 9, 0.1, 2e3]])),
]
SELECT = feature_selection
CASES = [
    *(Case(m, make, rtol=1e-15) for m in SCALERS for make in (data.numbers, data.holes)),
    # Folded into x/s − m/s: seconds since 1970 lose five digits to the difference.
    Case(P.StandardScaler(), data.epochs, rtol=1e-10),
    Case(P.StandardScaler(), repeated, rtol=1e-15),
    *(Case(P.Normalizer(norm=k), data.frame, rtol=1e-15) for k in ("l1", "l2", "max")),
    Case(P.Binarizer(threshold=1.1), knotted, rtol=0),
    *(Case(P.FunctionTransformer(f), data.numbers, rtol=1e-14) for f in FUNCTIONS),
    *(Case(P.FunctionTransformer(f), data.standard_numbers, rtol=1e-14) for f in STEEP),
    *(Case(P.FunctionTransformer(f), above_zero, rtol=1e-14) for f in PARTLY),
    Case(P.FunctionTransformer(np.square, validate=True), data.frame, rtol=0),
    Case(P.FunctionTransformer(np.clip, kw_args={"a_min": -1, "a_max": 2}), data.numbers, rtol=0),
    *(
        Case(P.PolynomialFeatures(**options), data.frame, rtol=0)
        for options in (
            {},
            {"degree": 4},
            {"degree": (2, 3)},
            {"degree": 3, "interaction_only": True, "include_bias": False},
            {"degree": 0},
            {"degree": (1, 1), "order": "F"},
        )
    ),
    *(
        Case(P.KBinsDiscretizer(n_bins=4, encode=encode, strategy=kind, subsample=None),
             make, rtol=0)
        for encode in ("onehot", "onehot-dense", "ordinal")
        for kind in ("uniform", "quantile", "kmeans")
        for make in (data.frame, knotted)
    ),
    Case(P.KBinsDiscretizer(n_bins=3, encode="ordinal", dtype=np.float32), data.numbers, rtol=0),
    Case(P.KBinsDiscretizer(n_bins=3, strategy="uniform"), repeated, rtol=0),
    *(
        Case(P.QuantileTransformer(n_quantiles=n, output_distribution=kind), make,
             # Φ⁻¹ comes from another approximation than SciPy's: 1e-15 of it, and near 0 and 1
             # an ulp of the share is 1e-16 / 1e-7 of the result.
             rtol=0 if kind == "uniform" else 1e-9)
        for n in (7, 60)
        for kind in ("uniform", "normal")
        for make in (data.numbers, data.holes, repeated)
    ),
    *(
        Case(P.PowerTransformer(standardize=standardize), make, rtol=1e-14)
        for standardize in (True, False)
        for make in (data.numbers, data.holes, repeated)
    ),
    Case(P.PowerTransformer(method="box-cox"), above_zero, rtol=1e-13),
    Case(P.PowerTransformer(method="box-cox", standardize=False), above_zero, rtol=1e-13),
    # --- projections: sums of products, through BLAS in an order of its own ---
    Case(decomposition.PCA(2), data.frame, rtol=1e-13),
    Case(decomposition.PCA(whiten=True), data.standard_numbers, rtol=1e-13),
    Case(decomposition.IncrementalPCA(2), data.numbers, rtol=1e-13),
    Case(decomposition.TruncatedSVD(2), data.numbers, rtol=1e-13),
    Case(decomposition.FastICA(2, whiten="unit-variance", random_state=0), data.standard_numbers,
         rtol=1e-12),
    Case(decomposition.FactorAnalysis(2), data.standard_numbers, rtol=1e-12),
    Case(random_projection.GaussianRandomProjection(3, random_state=0), data.numbers, rtol=1e-13),
    Case(random_projection.SparseRandomProjection(3, random_state=0), data.numbers, rtol=1e-13),
    Case(neighbors.NeighborhoodComponentsAnalysis(2), data.standard_three, rtol=1e-13),
    # The cosine of a large number moves by its rounding: 1e7 · 2⁻⁵³ here.
    Case(kernels.RBFSampler(n_components=9, random_state=0), data.standard_numbers, rtol=1e-7),
    # --- imputers ---
    *(
        Case(impute.SimpleImputer(strategy=kind, add_indicator=also), data.holes, rtol=0)
        for kind in ("mean", "median", "most_frequent", "constant")
        for also in (False, True)
    ),
    Case(impute.SimpleImputer(missing_values=-1, add_indicator=True), placeholders, rtol=0),
    *([Case(impute.SimpleImputer(strategy=np.max), data.holes, rtol=0)]
      if "callable" in str(impute.SimpleImputer._parameter_constraints["strategy"]) else []),
    Case(impute.MissingIndicator(), data.holes, rtol=0),
    Case(impute.MissingIndicator(features="all"), data.holes, rtol=0),
    Case(impute.MissingIndicator(error_on_new=False), data.holes, rtol=0),
    Case(impute.MissingIndicator(missing_values=-1), placeholders, rtol=0),
    Case(impute.IterativeImputer(linear_model.Ridge(), max_iter=3), data.holes),
    # --- selectors ---
    Case(SELECT.VarianceThreshold(0.1), data.frame, rtol=0),
    *(
        Case(m, data.holes if "KBest" in str(m) else data.frame, rtol=0)
        for m in (
            SELECT.SelectPercentile(SELECT.f_regression, percentile=50),
            SELECT.SelectFpr(SELECT.f_regression, alpha=0.3),
            SELECT.SelectFdr(SELECT.f_regression, alpha=0.3),
            SELECT.SelectFwe(SELECT.f_regression, alpha=0.3),
            SELECT.GenericUnivariateSelect(SELECT.f_regression, mode="k_best", param=2),
            SELECT.SelectFromModel(linear_model.Ridge()),
            SELECT.SequentialFeatureSelector(linear_model.Ridge()),
        )
    ),
    Case(SELECT.SelectKBest(SELECT.f_regression, k=2), data.frame, rtol=0),
    Case(SELECT.RFE(linear_model.Ridge(), n_features_to_select=2), data.frame),
    Case(SELECT.RFECV(linear_model.Ridge()), data.frame),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_transformer_and_its_formula_agree(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


SPLINED = [
    *((m, data.numbers) for m in SPLINES),
    *(
        (P.SplineTransformer(degree=2, n_knots=6, knots="quantile", extrapolation=kind), knotted)
        for kind in ("constant", "linear", "continue", "error")
    ),
]


@pytest.mark.parametrize(("spline", "make"), SPLINED, ids=told)
def test_basis_functions_agree_with_the_model_at_and_beyond_every_knot(spline, make):
    rows, _ = make()
    model = spline.fit(rows)
    formula = cf.read(model)
    knots = np.array([b.t for b in model.bsplines_]).T
    # x mod period: far outside, x is rounded before and after, and 1e5 periods away that shows.
    near = 1e-10 if model.extrapolation == "periodic" else 1e-12
    around = [np.nextafter(knots, -np.inf), knots, np.nextafter(knots, np.inf), knots[:1] - 1]
    for _, X in [*kinds_of_rows(model, rows), ("knots", np.vstack(around))]:
        for row, ours in zip(X, formula(X), strict=True):
            try:
                expected = as_columns(ask(model, "transform", row[None]))[0]
            except ValueError:
                assert np.isnan(ours).all()
            else:
                # Basis functions are at most 1 inside the knots and sum up to it: 1e-12 of the
                # largest one is far above the rounding of either way to compute them.
                largest = max(1, abs(expected).max())
                np.testing.assert_allclose(ours, expected, atol=near * largest, rtol=0)


def around(values):
    """Return some numbers with the floats below and above each."""
    values = np.asarray(values, dtype=np.float64)
    return np.concatenate([values, np.nextafter(values, -np.inf), np.nextafter(values, np.inf)])


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_quantiles_agree_at_every_quantile_and_beside_it(kind):
    rows, _ = repeated()
    for i in range(rows.shape[1]):
        x = rows[:, [i]]
        model = P.QuantileTransformer(n_quantiles=40, output_distribution=kind).fit(x)
        X = around(np.concatenate([model.quantiles_[:, 0], model.quantiles_[[0, -1], 0] + 1e-7,
                                   model.quantiles_[[0, -1], 0] - 1e-7]))[:, None]  # fmt: skip
        ours, expected = cf.read(model, fold=False)(X), model.transform(X)[:, 0]
        # The normal quantile is another rational approximation than SciPy's: both have 1e-15, and
        # an ulp of a share near 1 is 1e-9 of its quantile.
        np.testing.assert_allclose(ours, expected, rtol=0, atol=0 if kind == "uniform" else 1e-8)


@pytest.mark.parametrize("kind", ["uniform", "quantile", "kmeans"])
def test_bins_agree_at_every_edge_and_beside_it(kind):
    rows, _ = knotted()
    for encode in ("ordinal", "onehot-dense"):
        model = P.KBinsDiscretizer(5, encode=encode, strategy=kind, subsample=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bins of no width are removed
            model.fit(rows)
        formula = cf.read(model)
        for i, edges in enumerate(model.bin_edges_):
            X = np.repeat(rows[:1], 3 * len(edges), axis=0)
            X[:, i] = around(edges)
            assert (formula(X) == model.transform(X)).all()


def test_a_binarizer_puts_its_threshold_below():
    model = P.Binarizer(threshold=0.3).fit([[1.0]])
    X = around([0.3])[:, None]
    assert cf.read(model)(X).tolist() == model.transform(X)[:, 0].tolist() == [0, 0, 1]


def test_rows_of_hardly_any_length_are_left_as_they_are():
    X = np.array([[0.0, 0.0], [1e-15, 1e-15], [3e-15, 1e-15], [1.0, -1.0]])
    for norm in ("l1", "l2", "max"):
        model = P.Normalizer(norm=norm).fit(X)
        np.testing.assert_allclose(cf.read(model)(X), model.transform(X), rtol=1e-15)


@pytest.mark.parametrize("strategy", ["mean", "most_frequent", "constant"])
@pytest.mark.parametrize("keep", [False, True])
def test_a_column_that_never_had_a_value_is_left_out_or_filled(strategy, keep):
    rows = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [np.nan] * 3, "c": [np.nan, 2.0, 2.0]})
    model = impute.SimpleImputer(strategy=strategy, keep_empty_features=keep, add_indicator=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says which column it leaves out
        model.fit(rows)
        formula, expected = cf.read(model), model.transform(rows)
        assert list(formula.outputs) == list(model.get_feature_names_out())
    np.testing.assert_array_equal(formula(rows), expected)


def test_texts_are_imputed_as_texts():
    rows = pd.DataFrame({"a": ["x", None, "it's"], "b": ["", "y", "y"]}, dtype=object)
    for model, X in (
        (impute.SimpleImputer(missing_values=None, strategy="constant", fill_value="none"), rows),
        (impute.SimpleImputer(missing_values=None, strategy="most_frequent"), rows),
        (impute.SimpleImputer(missing_values="", strategy="constant", add_indicator=True),
         rows.fillna("z")),
    ):  # fmt: skip
        whole = pipeline.make_pipeline(model, P.OneHotEncoder()).fit(X)
        assert (cf.read(whole)(X) == whole.transform(X).toarray()).all()
        with pytest.raises(cf.UnsupportedModel, match=r"column 'a' .* is text"):
            cf.read(model)


def test_the_default_iterative_imputer_and_its_formula_agree():
    rows, _ = data.holes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged: not ours to judge
        model = impute.IterativeImputer(max_iter=4, random_state=0, min_value=-20).fit(rows)
    check_reader(model, rows)
    chosen = impute.IterativeImputer(max_iter=1, n_nearest_features=2, add_indicator=True,
                                     imputation_order="random", random_state=0)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen.fit(rows)
    check_reader(chosen, rows)


def test_new_missing_values_are_refused_where_the_indicator_refuses_them():
    rows, _ = data.holes()
    formula = cf.read(impute.MissingIndicator().fit(rows))
    assert [f.missing for f in formula.inputs] == [True, True, False, False]
    formula = cf.read(impute.MissingIndicator(missing_values=-1).fit([[1, -1], [2, 3]]))
    assert np.isnan(formula(np.array([[-1.0, 3.0], [np.nan, 1.0]]))).all()
    assert formula(np.array([[1.0, -1.0]])).tolist() == [1]


@pytest.mark.skipif(not hasattr(P.SplineTransformer(), "handle_missing"), reason="new in 1.9")
@pytest.mark.parametrize("kind", ["constant", "linear", "continue", "periodic", "error"])
def test_splines_that_take_missing_values_give_zeros_for_them(kind):
    rows, _ = data.holes()
    model = P.SplineTransformer(handle_missing="zeros", extrapolation=kind).fit(rows)
    np.testing.assert_allclose(cf.read(model)(rows), model.transform(rows), atol=1e-12, rtol=0)


def test_a_scaler_that_clips_is_read_with_its_ends():
    if "clip" not in P.MaxAbsScaler().get_params():
        pytest.skip("new in 1.9")
    rows, _ = data.holes()
    check_reader(P.MaxAbsScaler(clip=True).fit(rows), rows)


@pytest.mark.parametrize("scaler", [P.StandardScaler(), P.RobustScaler()], ids=str)
@pytest.mark.parametrize(
    "step",
    [
        installed(P.KBinsDiscretizer, quantile_method="averaged_inverted_cdf"),
        P.QuantileTransformer(n_quantiles=40),
        P.OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        P.TargetEncoder(),
        pipeline.make_pipeline(P.PolynomialFeatures(2), ensemble.HistGradientBoostingRegressor()),
    ],
    ids=lambda step: type(step).__name__,
)
def test_values_at_an_edge_stay_there_behind_a_scaler(scaler, step):
    """Edges stand at training values: one rounding more before them and they are missed."""
    draw = np.random.default_rng(0)
    rows = draw.integers(0, 400, (600, 3)) * 0.1
    y = rows @ [1, 2, -1] + draw.normal(size=600)
    last = [] if isinstance(step, pipeline.Pipeline) else [linear_model.Ridge()]
    model = fit(pipeline.make_pipeline(clone(scaler), clone(step), *last), rows, y)
    np.testing.assert_allclose(cf.read(model)(rows), model.predict(rows), rtol=1e-9, atol=1e-9)


def test_a_transformer_that_gives_no_column_is_refused_with_the_reason():
    indicator = impute.MissingIndicator().fit(np.ones((5, 2)))
    with pytest.raises(cf.UnsupportedModel, match="MissingIndicator gives no column"):
        cf.read(indicator)
