"""Models as people convert them: scikit-learn by skl2onnx, boosters by onnxmltools and CatBoost."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble as en
from sklearn import linear_model as li
from sklearn import svm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import closedform as cf
from closedform.probes import worth_trying
from onnx_ml_graphs import compare, onnx

skl2onnx = pytest.importorskip("skl2onnx")

DRAW = np.random.default_rng(0)
ROWS = DRAW.normal(size=(120, 4)).astype(np.float32)
ROWS[:, 3] = np.round(ROWS[:, 3] * 2)
SCORE = ROWS[:, 0] * 2 + np.sin(ROWS[:, 1]) + ROWS[:, 2] * ROWS[:, 3] + 0.1 * DRAW.normal(size=120)
BINARY = (SCORE > 0).astype(int)
SEVERAL = np.array(["a", "b", "c"])[np.digitize(SCORE, [-1, 1])]
HOLES = np.where(DRAW.random(ROWS.shape) < 0.1, np.float32(np.nan), ROWS)


def converted(model: Any, rows: np.ndarray, y: Any, **options: Any) -> Any:
    """Return a fitted model as ONNX."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, y)
        chosen = {id(model): options} if options else None
        newest = {"": 18, "ai.onnx.ml": 3}
        return skl2onnx.to_onnx(model, rows[:1], options=chosen, target_opset=newest)


def check(made: Any, rows: np.ndarray, near: float = 3e-6) -> cf.Formula:
    """Compare a graph and its formula on rows, at its thresholds, and with a certificate."""
    formula = cf.read(made)
    compare(formula, made, rows, near)
    tried = worth_trying(formula, rows.astype(np.float64), limit=300).rows
    with np.errstate(over="ignore"):
        made_up = np.asarray(tried, dtype=np.float32)
    compare(formula, made, made_up[np.abs(made_up).max(axis=1) < 1e3], near)
    assert formula.verify(made, rows.astype(np.float64)), "the certificate"
    return formula


EXACT: list[tuple[Any, Any]] = [
    (DecisionTreeRegressor(max_depth=5), SCORE),
    (DecisionTreeClassifier(max_depth=5), BINARY),
    (DecisionTreeClassifier(max_depth=5), SEVERAL),
    (en.RandomForestRegressor(7, max_depth=4, random_state=0), SCORE),
    (en.RandomForestClassifier(7, max_depth=4, random_state=0), BINARY),
    (en.RandomForestClassifier(7, max_depth=4, random_state=0), SEVERAL),
    (en.ExtraTreesClassifier(7, max_depth=4, random_state=0), SEVERAL),
    (en.GradientBoostingRegressor(n_estimators=7), SCORE),
    (make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=5)), SCORE),
    (make_pipeline(StandardScaler(), en.RandomForestClassifier(5, random_state=0)), SEVERAL),
    (make_pipeline(RobustScaler(), SelectKBest(k=2), DecisionTreeClassifier()), BINARY),
    (make_pipeline(MinMaxScaler(), en.GradientBoostingRegressor(n_estimators=5)), SCORE),
]
"""Their values are onnxruntime's, bit for bit, at each threshold too."""


def told(value: Any) -> str:
    """Return what names a test."""
    kind = {id(SCORE): "number", id(BINARY): "two", id(SEVERAL): "several"}
    return kind.get(id(value), " ".join(str(value).split())[:60])


@pytest.mark.parametrize("model, y", EXACT, ids=told)
def test_models_of_trees_give_the_same_bits(model, y):
    formula = check(converted(model, ROWS, y), ROWS)
    assert not formula.precision


ROUNDED: list[tuple[Any, Any]] = [
    (li.LinearRegression(), SCORE),
    (li.Lasso(alpha=0.1), SCORE),
    (li.Ridge(), np.column_stack([SCORE, SCORE**2])),
    (li.LogisticRegression(), BINARY),
    (li.LogisticRegression(), SEVERAL),
    (li.PoissonRegressor(), np.abs(np.round(SCORE))),
    (li.SGDClassifier(random_state=0), BINARY),
    (LinearDiscriminantAnalysis(), BINARY),
    (LinearDiscriminantAnalysis(), SEVERAL),
    (QuadraticDiscriminantAnalysis(), SEVERAL),
    (svm.LinearSVC(), BINARY),
    (svm.SVR(), SCORE),
    (svm.SVR(kernel="poly"), SCORE),
    (svm.SVC(), BINARY),
    (svm.SVC(kernel="sigmoid"), SEVERAL),
    (GaussianNB(), SEVERAL),
    (BernoulliNB(), BINARY),
    (MLPRegressor(hidden_layer_sizes=(5,), max_iter=30, random_state=0), SCORE),
    (MLPClassifier(hidden_layer_sizes=(5,), max_iter=30, random_state=0), SEVERAL),
    (en.GradientBoostingClassifier(n_estimators=5), BINARY),
    (en.GradientBoostingClassifier(n_estimators=5), SEVERAL),
    (en.BaggingClassifier(n_estimators=3, random_state=0), SEVERAL),
    (VotingRegressor([("a", li.Ridge()), ("b", DecisionTreeRegressor(max_depth=3))]), SCORE),
    (StackingRegressor([("a", li.Ridge()), ("b", DecisionTreeRegressor(max_depth=3))]), SCORE),
    (StackingClassifier([("a", li.RidgeClassifier()), ("b", DecisionTreeClassifier())]), SEVERAL),
    (OneVsRestClassifier(li.LogisticRegression()), SEVERAL),
    (CalibratedClassifierCV(li.LogisticRegression(), cv=2), SEVERAL),
    (GaussianMixture(2, random_state=0), None),
    (KMeans(3, random_state=0, n_init=1), None),
    (en.AdaBoostRegressor(n_estimators=4, random_state=0), SCORE),
    (make_pipeline(StandardScaler(), PCA(2), li.LogisticRegression()), BINARY),
    (make_pipeline(MaxAbsScaler(), PolynomialFeatures(2), li.Ridge()), SCORE),
    (make_pipeline(PowerTransformer(), li.Ridge()), SCORE),
    (make_pipeline(KBinsDiscretizer(3, encode="onehot-dense"), li.Ridge()), SCORE),
    (make_pipeline(Binarizer(), Normalizer("l1"), TruncatedSVD(2), li.Ridge()), SCORE),
    (KernelPCA(2, kernel="rbf"), None),
]
"""Their values are onnxruntime's within the rounding of float32."""


@pytest.mark.parametrize("model, y", ROUNDED, ids=told)
def test_other_models_agree_within_float32(model, y):
    # A normal sum of 100 products is off by some 1e-6 of its greatest term.
    check(converted(model, ROWS, y), ROWS, near=2e-4 if isinstance(model, svm.SVR) else 3e-5)


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
@pytest.mark.parametrize("y", [BINARY, SEVERAL], ids=["numbers", "texts"])
def test_the_probabilities_of_a_classifier_are_known_as_such(zipmap, y):
    made = converted(li.LogisticRegression(), ROWS, y, zipmap=zipmap)
    formula = check(made, ROWS)
    assert formula.task.kind == "classification"
    assert formula.task.classes == tuple(np.unique(y).tolist())
    assert len(formula.task.probability) == len(formula.task.classes)


@pytest.mark.parametrize("classes", [(0, 1), (3, 5, 9)])
@pytest.mark.parametrize("kind", [GaussianNB, MLPClassifier])
def test_a_class_of_whole_numbers_that_is_looked_up_is_a_label(kind, classes):
    y = np.array(classes)[np.digitize(SCORE, [-1, 1][: len(classes) - 1])]
    options = {} if kind is GaussianNB else {"hidden_layer_sizes": (4,), "max_iter": 20}
    model = converted(kind(**options), ROWS, y, zipmap=False)
    formula = cf.read(model)
    assert formula.task.classes == classes
    assert np.shape(formula(ROWS)) == (len(ROWS),)
    assert formula.verify(model, ROWS).ok


def test_the_scores_of_a_classifier_are_known_as_such():
    made = converted(li.LogisticRegression(), ROWS, SEVERAL, zipmap=False, raw_scores=True)
    assert len(check(made, ROWS).task.decision) == 3


def test_the_probabilities_of_a_machine_with_several_classes_are_left_out():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = converted(svm.SVC(probability=True), ROWS, SEVERAL)
    formula = cf.read(made)
    assert list(formula.outputs) == ["label"]
    assert formula.verify(made, ROWS.astype(np.float64))


@pytest.mark.parametrize("zipmap", [True, False])
def test_classes_that_are_looked_up_by_their_place_name_the_probabilities(zipmap):
    made = converted(GaussianNB(), ROWS, SEVERAL, zipmap=zipmap)
    assert cf.read(made).task.probability == ("P(a)", "P(b)", "P(c)")


@pytest.mark.parametrize("y", [BINARY, SEVERAL], ids=["as many as rows traced", "texts"])
def test_a_list_of_the_classes_beside_the_probabilities_is_left_out(y):
    made = converted(li.LogisticRegression(), ROWS, y, zipmap=False, output_class_labels=True)
    formula = cf.read(made)
    assert len(formula.outputs) == 1 + len(set(y))
    assert "same whatever the inputs" in str(formula.trail[0].found["left out"])
    assert formula.verify(made, ROWS.astype(np.float64)).ok


@pytest.mark.parametrize("kind", [1, 0])
def test_given_rows_of_one_class_are_enough_for_a_certificate(kind):
    made = converted(li.LogisticRegression(), ROWS, BINARY)
    formula = cf.read(made)
    alike = ROWS[formula(ROWS) == kind].astype(np.float64)
    assert formula.verify(made, alike).ok
    for row in alike[:5]:
        assert formula.verify(made, row[None]).ok


def test_scores_behind_trees_are_compared_in_double_precision():
    model = en.IsolationForest(n_estimators=8, random_state=0)
    made = converted(model, ROWS, None)
    formula = cf.read(made)
    found = formula.verify(made, ROWS.astype(np.float64))
    assert found.ok, found
    assert {c.method for c in found.checks} == {"graph in float64", "graph, float32"}
    assert "floor" not in formula.to("text")  # the numbers of leaves are whole as they are
    theirs = model.score_samples(ROWS) - model.offset_  # a converter is as good as float32
    np.testing.assert_allclose(formula(ROWS, "scores"), theirs, atol=1e-5)


def test_trees_in_a_graph_of_doubles_round_to_float32_all_the_same():
    stack = StackingRegressor([("a", li.Ridge()), ("b", DecisionTreeRegressor(max_depth=3))])
    rows = ROWS.astype(np.float64)
    for model in (stack, make_pipeline(StandardScaler(), stack)):
        made = converted(model, rows, SCORE)
        formula = cf.read(made)
        assert {p.dtype for p in formula.precision.values()} == {"float32"}
        assert formula.verify(made, rows).ok


@pytest.mark.parametrize("model, match", [
    (DecisionTreeRegressor(max_depth=2), "onnxruntime refuses the graph"),
    (StackingClassifier([("a", li.LogisticRegression()), ("b", DecisionTreeClassifier())]),
     "ZipMap does not fit its inputs"),
], ids=str)  # fmt: skip
def test_graphs_whose_types_do_not_fit_say_so(model, match):
    made = converted(model, ROWS.astype(np.float64), BINARY)
    with pytest.raises(cf.UnsupportedModel, match=match) as error:
        cf.read(made)
    assert "none that ONNX allows" in str(error.value)


def test_components_that_are_nothing_but_rounding_are_read():
    made = converted(KernelPCA(5), ROWS, None)  # of 4 columns
    formula = cf.read(made)
    assert formula.verify(made, ROWS.astype(np.float64)).ok


@pytest.mark.parametrize("model, y", [
    (KNeighborsClassifier(3), SEVERAL), (KNeighborsClassifier(4, weights="distance"), BINARY),
    (KNeighborsRegressor(3), SCORE),
    (KNeighborsRegressor(2, metric="manhattan"), np.column_stack([SCORE, SCORE**2])),
], ids=str)  # fmt: skip
def test_neighbours_are_found_in_order(model, y):
    rows = np.vstack([ROWS[:15], ROWS[:5]])  # the same neighbours twice: the first comes first
    made = converted(model, rows, np.concatenate([y[:15], y[20:25]]))
    formula = cf.read(made)
    compare(formula, made, ROWS, near=3e-5)
    assert formula.verify(made, ROWS.astype(np.float64)), "the certificate"


# --- tables with texts ----------------------------------------------------------------------------


def table() -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows with numbers, of which some are missing, and texts; and what they are."""
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({
        "age": draw.integers(18, 80, 150).astype(np.float32),
        "income": draw.lognormal(10, 1, 150).astype(np.float32),
        "city": draw.choice(["Rome", "Paris", "O'Hare; --"], 150),
        "kids": draw.integers(0, 5, 150),
    })  # fmt: skip
    score = frame["age"] / 40 + np.log(frame["income"]) / 5 + (frame["city"] == "Rome") * 1.5
    frame.loc[draw.random(150) < 0.15, "income"] = np.nan
    return frame, np.where(score > score.median(), "yes", "no")


NUMERIC = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
ENCODERS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "strict": OneHotEncoder(sparse_output=False),
    "drop": OneHotEncoder(drop="first", sparse_output=False),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "target": TargetEncoder(),
}
LAST = [li.LogisticRegression(), DecisionTreeClassifier(max_depth=4),
        en.RandomForestClassifier(5, max_depth=4, random_state=0)]  # fmt: skip


@pytest.mark.parametrize("last", LAST, ids=str)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_pipelines_over_tables_with_texts(encoder, last):
    frame, y = table()
    steps = [("n", NUMERIC, ["age", "income"]), ("c", ENCODERS[encoder], ["city"]),
             ("k", "passthrough", ["kids"])]  # fmt: skip
    model = make_pipeline(ColumnTransformer(steps), last).fit(frame, y)
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    kinds = {"city": StringTensorType, "kids": Int64TensorType}
    types = [(c, kinds.get(c, FloatTensorType)([None, 1])) for c in frame.columns]
    made = skl2onnx.convert_sklearn(model, initial_types=types)
    feed = {c: frame[[c]].to_numpy(dtype=object if c == "city" else None) for c in frame.columns}
    feed["city"] = np.concatenate([np.array([["never seen"]] * 3, dtype=object), feed["city"][3:]])
    formula = cf.read(made)
    compare(formula, made, feed)
    assert formula.verify(made, frame), "the certificate"


# --- boosters -------------------------------------------------------------------------------------


def boosters() -> Iterator[Any]:
    """Yield boosters with what they learn."""
    xgboost = pytest.importorskip("xgboost")
    lightgbm = pytest.importorskip("lightgbm")
    some = {"n_estimators": 8, "max_depth": 3}
    quiet = {"n_estimators": 8, "num_leaves": 7, "min_child_samples": 5, "verbose": -1}
    yield xgboost.XGBRegressor(**some), SCORE
    yield xgboost.XGBRegressor(objective="count:poisson", **some), np.abs(np.round(SCORE))
    yield xgboost.XGBClassifier(**some), BINARY
    yield xgboost.XGBClassifier(**some), np.digitize(SCORE, [-1, 1])
    yield lightgbm.LGBMRegressor(**quiet), SCORE
    yield lightgbm.LGBMRegressor(objective="poisson", **quiet), np.abs(np.round(SCORE))
    yield lightgbm.LGBMClassifier(**quiet), BINARY
    yield lightgbm.LGBMClassifier(**quiet), SEVERAL
    yield lightgbm.LGBMRegressor(boosting_type="dart", **quiet), SCORE


@pytest.mark.parametrize("at", range(9))
@pytest.mark.parametrize("rows", [ROWS, HOLES], ids=["whole", "missing"])
def test_boosters_through_onnxmltools(at, rows):
    tools = pytest.importorskip("onnxmltools")
    model, y = list(boosters())[at]
    convert = tools.convert_xgboost if "XGB" in type(model).__name__ else tools.convert_lightgbm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, y)
        types = [("X", tools.convert.common.data_types.FloatTensorType([None, 4]))]
        made = convert(model, initial_types=types, target_opset=15)
    check(made, rows)


def test_categories_of_lightgbm_are_sets():
    tools = pytest.importorskip("onnxmltools")
    lightgbm = pytest.importorskip("lightgbm")
    draw = np.random.default_rng(2)
    rows = np.column_stack([draw.integers(0, 40, 200), draw.normal(size=200)]).astype(np.float32)
    model = lightgbm.LGBMRegressor(
        n_estimators=8, min_child_samples=3, min_data_per_group=2, cat_smooth=1, verbose=-1
    ).fit(rows, rows[:, 0] % 3 + rows[:, 1], categorical_feature=[0])
    types = [("X", tools.convert.common.data_types.FloatTensorType([None, 2]))]
    made = tools.convert_lightgbm(model, initial_types=types, target_opset=15)
    formula = check(made, rows)
    assert not formula.precision
    assert any((n.data.splits.member >= 0).any() for n in formula.nodes if n.op.name == "tree")


def test_doubles_are_added_as_doubles():
    tools = pytest.importorskip("onnxmltools")
    lightgbm = pytest.importorskip("lightgbm")
    rows = ROWS.astype(np.float64)
    model = lightgbm.LGBMRegressor(n_estimators=30, num_leaves=7, verbose=-1).fit(rows, SCORE)
    types = [("X", tools.convert.common.data_types.DoubleTensorType([None, 4]))]
    made = tools.convert_lightgbm(model, initial_types=types, target_opset=15)
    formula = cf.read(made)
    compare(formula, made, np.vstack([rows, np.nextafter(rows, np.inf)]))
    assert not formula.precision


def test_missing_columns_of_no_weight_are_refused():
    made = converted(li.Lasso(alpha=0.5), ROWS.astype(np.float64), SCORE)
    formula = cf.read(made)
    assert np.isnan(formula(np.where(np.arange(4) == 2, np.nan, ROWS[:1])))
    assert formula.verify(made, ROWS.astype(np.float64)), "the certificate"


@pytest.mark.parametrize("y", [SCORE, BINARY, SEVERAL], ids=["number", "two", "several"])
@pytest.mark.parametrize("rows", [ROWS, HOLES], ids=["whole", "missing"])
def test_catboost_through_its_own_export(y, rows, tmp_path):
    catboost = pytest.importorskip("catboost")
    kind = catboost.CatBoostRegressor if y is SCORE else catboost.CatBoostClassifier
    model = kind(iterations=8, depth=3, verbose=0, allow_writing_files=False).fit(rows, y)
    model.save_model(tmp_path / "model.onnx", format="onnx")
    check(onnx.load(tmp_path / "model.onnx"), rows)
