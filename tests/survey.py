"""What people train, in some 280 cases: read and verified, the table in docs/coverage.md.

Scikit-learn's regressors, classifiers (of two classes and of three), clusterers, outlier detectors
and transformers as they come, twenty of them with options that change the formula, boosters, and
pipelines as they are used.

`python tests/survey.py` writes the table anew; a test fails where it no longer holds.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import made_up as data
from every_class import (
    NO_TABLE,
    SEVERAL_LABELS,
    TITLES,
    TWO_CLASSES,
    Verdict,
    classes,
    data_for,
    fitted,
    judged,
    options_of,
    verdict,
)

TABLE = Path(__file__).parent.parent / "docs" / "coverage.md"
KINDS = {
    **{kind: TITLES[kind] for kind in TITLES if kind != "other"},
    "two": "Classifiers of two classes",
    "variant": "Options that change the formula",
    "booster": "XGBoost, LightGBM, CatBoost",
    "pipeline": "Pipelines",
}
STATUSES = ("exact", "approximate", "refused")
LISTED = ("two", "variant", "booster", "pipeline")
"""Kinds whose cases the page lists; the others are in docs/every-class.md."""
Make = Callable[[], tuple[Any, tuple[Any, Any]]]
"""A function that returns a model that is not fitted yet, and rows and targets to fit it to."""


def two_classes(name: str, made: type) -> Verdict:
    """Read a classifier of two classes."""
    X, y = data_for(name, "classifier")
    halves = (y != "a").astype(int) if y.dtype.kind == "U" else y
    return checked(name, "two", lambda: (made(**options_of(name)), (X, halves)))


def checked(name: str, kind: str, make: Make) -> Verdict:
    """Fit a model to two of three rows, read it, and verify the formula on all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, (X, y) = make()
        take = np.arange(len(X)) % 3 != 0
        return judged(name, kind, fitted(model, X[take], y[take]), X)


def variants() -> dict[str, Make]:
    """Return scikit-learn's estimators with options that change the formula."""
    from sklearn import ensemble, linear_model, neural_network, preprocessing, svm, tree
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
    from sklearn.impute import SimpleImputer
    from sklearn.neighbors import KNeighborsClassifier

    few = {"n_estimators": 10, "max_depth": 3, "random_state": 0}
    network = {"hidden_layer_sizes": (8, 5), "max_iter": 50, "random_state": 0}
    kernel = ConstantKernel() * RBF([1.0] * 4) + DotProduct() + WhiteKernel()
    return {
        "DecisionTreeRegressor, missing values": lambda: (
            tree.DecisionTreeRegressor(max_depth=4), data.holes()),
        "RandomForestRegressor, two targets": lambda: (
            ensemble.RandomForestRegressor(**few), data.two_numbers()),
        "RandomForestClassifier, missing values": lambda: (
            ensemble.RandomForestClassifier(**few), data.holes_three_classes()),
        "ExtraTreesRegressor, values on thresholds": lambda: (
            ensemble.ExtraTreesRegressor(**few), data.rounded()),
        "GradientBoostingRegressor, Huber loss": lambda: (
            ensemble.GradientBoostingRegressor(loss="huber", **few), data.numbers()),
        "GradientBoostingClassifier, exponential loss": lambda: (
            ensemble.GradientBoostingClassifier(loss="exponential", **few), data.two_classes()),
        "HistGradientBoostingRegressor, categories and missing values": lambda: (
            ensemble.HistGradientBoostingRegressor(max_iter=10, min_samples_leaf=3),
            data.categories()),
        "HistGradientBoostingRegressor, Poisson loss": lambda: (
            ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=10), data.counts()),
        "Ridge, two targets": lambda: (linear_model.Ridge(), data.two_numbers()),
        "LogisticRegression, one against the rest": lambda: (
            linear_model.LogisticRegression(solver="liblinear", fit_intercept=False),
            data.standard_two()),
        "TweedieRegressor, log link": lambda: (
            linear_model.TweedieRegressor(power=1.5, link="log"), data.positive()),
        "MLPRegressor, tanh": lambda: (
            neural_network.MLPRegressor(activation="tanh", **network), data.standard_numbers()),
        "MLPClassifier, logistic": lambda: (
            neural_network.MLPClassifier(activation="logistic", **network), data.standard_three()),
        "SVC, polynomial kernel": lambda: (
            svm.SVC(kernel="poly", degree=3, coef0=1.0), data.standard_three()),
        "SVR, sigmoid kernel": lambda: (svm.SVR(kernel="sigmoid"), data.standard_numbers()),
        "GaussianProcessRegressor, sum of kernels": lambda: (
            GaussianProcessRegressor(kernel, alpha=1e-3, optimizer=None), data.few_numbers()),
        "KNeighborsClassifier, weights by distance": lambda: (
            KNeighborsClassifier(4, weights="distance"), data.few_three()),
        "PolynomialFeatures, degree 3": lambda: (
            preprocessing.PolynomialFeatures(3, interaction_only=True), data.standard_numbers()),
        "KBinsDiscretizer, one column for each bin": lambda: (
            preprocessing.KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform"),
            data.numbers()),
        "SimpleImputer, with indicators": lambda: (
            SimpleImputer(strategy="median", add_indicator=True), data.holes()),
    }  # fmt: skip


def boosters() -> dict[str, Make]:
    """Return boosters, as their packages make them and with options that change the formula."""
    made = _xgboost() | _lightgbm()
    return made | _catboost() if find_spec("catboost") else made


def _xgboost() -> dict[str, Make]:
    import xgboost as xgb

    few = {"n_estimators": 10, "max_depth": 3, "n_jobs": 1}
    R, C = xgb.XGBRegressor, xgb.XGBClassifier
    return {
        "XGBRegressor": lambda: (R(n_jobs=1), data.frame()),
        "XGBRegressor, missing values": lambda: (R(**few), data.holes()),
        "XGBRegressor, seconds since 1970": lambda: (R(**few), data.epochs()),
        "XGBRegressor, DART": lambda: (R(booster="dart", **few), data.numbers()),
        "XGBRegressor, linear": lambda: (
            R(booster="gblinear", n_estimators=10, n_jobs=1), data.numbers()),
        "XGBRegressor, Poisson": lambda: (R(objective="count:poisson", **few), data.counts()),
        "XGBRegressor, gamma": lambda: (R(objective="reg:gamma", **few), data.positive()),
        "XGBRegressor, two targets": lambda: (R(**few), data.two_numbers()),
        "XGBRegressor, categories": lambda: (
            R(enable_categorical=True, **few), _coded(*data.categories())),
        "XGBClassifier, two classes": lambda: (C(**few), data.labels_0_and_1()),
        "XGBClassifier, three classes": lambda: (C(**few), data.labels_0_to_2()),
        "XGBRFRegressor": lambda: (xgb.XGBRFRegressor(**few), data.numbers()),
    }  # fmt: skip


def _coded(X: Any, y: Any) -> tuple[Any, Any]:
    """Return categories as whole numbers: the texts among them XGBoost may record wrongly."""
    for name in X.select_dtypes("category"):
        X[name] = X[name].cat.codes.astype("category")
    return X, y


def _lightgbm() -> dict[str, Make]:
    import lightgbm as lgb

    few = {"n_estimators": 10, "num_leaves": 7, "n_jobs": 1, "verbose": -1, "min_child_samples": 5}
    R, C = lgb.LGBMRegressor, lgb.LGBMClassifier
    ragged = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}
    return {
        "LGBMRegressor": lambda: (R(n_jobs=1, verbose=-1), data.rounded()),
        "LGBMRegressor, missing values and categories": lambda: (
            R(**few), _coded(*data.categories())),
        "LGBMRegressor, linear leaves": lambda: (R(linear_tree=True, **few), data.numbers()),
        "LGBMRegressor, DART": lambda: (R(boosting_type="dart", **few), data.numbers()),
        "LGBMRegressor, random forest": lambda: (R(**few | ragged), data.numbers()),
        "LGBMRegressor, Poisson": lambda: (R(objective="poisson", **few), data.counts()),
        "LGBMRegressor, quantile": lambda: (R(objective="quantile", **few), data.numbers()),
        "LGBMClassifier, two classes": lambda: (C(**few), data.truths()),
        "LGBMClassifier, three classes": lambda: (C(**few), data.three_classes()),
    }  # fmt: skip


def _catboost() -> dict[str, Make]:
    import catboost as cb

    few = {"iterations": 10, "depth": 3, "verbose": 0, "allow_writing_files": False}
    R, C = cb.CatBoostRegressor, cb.CatBoostClassifier
    return {
        "CatBoostRegressor": lambda: (R(verbose=0, allow_writing_files=False), data.numbers()),
        "CatBoostRegressor, missing values": lambda: (R(**few), data.holes()),
        "CatBoostRegressor, two targets": lambda: (
            R(loss_function="MultiRMSE", **few), data.two_numbers()),
        "CatBoostClassifier, two classes": lambda: (C(**few), data.truths()),
        "CatBoostClassifier, three classes": lambda: (C(**few), data.three_classes()),
    }  # fmt: skip


def pipelines() -> dict[str, Make]:
    """Return pipelines over raw columns, with and without categories."""
    from lightgbm import LGBMClassifier
    from sklearn import ensemble, linear_model, preprocessing, svm
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectKBest, f_regression
    from sklearn.impute import KNNImputer, SimpleImputer
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBClassifier, XGBRegressor

    scale = preprocessing.StandardScaler
    few = {"n_estimators": 10, "max_depth": 3}
    small = {"hidden_layer_sizes": (8, 5), "max_iter": 50, "random_state": 0}
    quiet = {"verbose": -1, "n_jobs": 1}
    spline = preprocessing.SplineTransformer(5)
    members = [("r", linear_model.Ridge()), ("t", ensemble.RandomForestRegressor(**few))]
    return {
        "scaled → Ridge": lambda: (
            make_pipeline(scale(), linear_model.Ridge()), data.frame()),
        "scaled → LogisticRegression": lambda: (
            make_pipeline(scale(), linear_model.LogisticRegression()), data.three_classes()),
        "imputed, scaled → MLPRegressor": lambda: (
            make_pipeline(SimpleImputer(), scale(), MLPRegressor(**small)), data.holes()),
        "imputed from neighbours → Lasso": lambda: (
            make_pipeline(KNNImputer(), linear_model.Lasso(0.01)), data.holes()),
        "polynomial → scaled → ElasticNet": lambda: (
            make_pipeline(preprocessing.PolynomialFeatures(2), scale(),
                          linear_model.ElasticNet(0.1)), data.frame()),
        "splines → Ridge": lambda: (
            make_pipeline(spline, linear_model.Ridge()), data.frame()),
        "powers → SVC": lambda: (
            make_pipeline(preprocessing.PowerTransformer(), svm.SVC()), data.three_classes()),
        "scaled → PCA → calibrated LinearSVC": lambda: (
            make_pipeline(scale(), PCA(3), CalibratedClassifierCV(svm.LinearSVC(), cv=3)),
            data.two_classes()),
        "selected → scaled → RandomForestRegressor": lambda: (
            make_pipeline(SelectKBest(f_regression, k=2), scale(),
                          ensemble.RandomForestRegressor(**few)), data.frame()),
        "mixed columns → Ridge": lambda: (
            make_pipeline(_mixed(), linear_model.Ridge()), data.categories()),
        "mixed columns → GradientBoostingRegressor": lambda: (
            make_pipeline(_mixed(), ensemble.GradientBoostingRegressor(**few)), data.categories()),
        "mixed columns → MLPClassifier": lambda: (
            make_pipeline(_mixed(), MLPClassifier(**small)), _halves(*data.categories())),
        "mixed columns → XGBClassifier": lambda: (
            make_pipeline(_mixed(), XGBClassifier(n_jobs=1, **few)), _halves(*data.categories())),
        "mixed columns → LGBMClassifier": lambda: (
            make_pipeline(_mixed(), LGBMClassifier(**few | quiet)), _halves(*data.categories())),
        "log of the target → mixed columns → XGBRegressor": lambda: (
            TransformedTargetRegressor(
                make_pipeline(_mixed(), XGBRegressor(n_jobs=1, **few)), func=np.log1p,
                inverse_func=np.expm1), _above_zero(*data.categories())),
        "search over scaled → stacked Ridge and forest": lambda: (
            GridSearchCV(
                make_pipeline(scale(), ensemble.StackingRegressor(members, cv=3)),
                {"stackingregressor__passthrough": [True, False]}, cv=2), data.frame()),
        "scaled → voting LogisticRegression and forest": lambda: (
            make_pipeline(scale(), ensemble.VotingClassifier(
                [("l", linear_model.LogisticRegression()),
                 ("f", ensemble.RandomForestClassifier(**few))], voting="soft")),
            data.three_classes()),
    }  # fmt: skip


def _mixed() -> Any:
    """Return what is usually done to a table with numbers and categories, some of them missing."""
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    ones = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
          make_column_selector(dtype_include="number")),
         ("kinds", ones, make_column_selector(dtype_include="category"))]
    )  # fmt: skip


def _halves(X: Any, y: Any) -> tuple[Any, Any]:
    return X, (y > np.median(y)).astype(int)


def _above_zero(X: Any, y: Any) -> tuple[Any, Any]:
    return X, np.abs(y) + 0.5


def cases() -> dict[str, dict[str, Callable[[], Verdict]]]:
    """Return all cases, as functions that give a verdict, by kind and name."""
    made: dict[str, dict[str, Callable[[], Verdict]]] = {kind: {} for kind in KINDS}
    for name, kind, found in sorted(classes()):
        if kind in KINDS and name not in NO_TABLE:
            made[kind][name] = partial(verdict, name, kind, found)
        if kind == "classifier" and name not in SEVERAL_LABELS | TWO_CLASSES:
            made["two"][name] = partial(two_classes, name, found)
    for kind, more in (("variant", variants), ("booster", boosters), ("pipeline", pipelines)):
        for name, make in more().items():
            made[kind][name] = partial(checked, name, kind, make)
    return made


def table(found: list[Verdict]) -> str:
    """Return the page: counts, then each case whose class is not in the other table."""
    counts = Counter((v.kind, v.status) for v in found)
    exact, apart, no = (sum(v.status == s for v in found) for s in STATUSES)
    lines = [
        "# What is read, counted",
        "",
        f"`python tests/survey.py` fits {len(found)} models as people train them, reads each and",
        "verifies the formula against the model, on rows that it was trained on, on held-out ones",
        "and on made-up ones, within 1e-9 or the model's own single precision. Of these,",
        f"{exact} are read exactly, {apart} as near as the model itself can be computed, and",
        f"{no} are refused with a reason; none is wrong. A test fails where",
        "this no longer holds.",
        "",
        "| | tried | exact | approximate | no formula |",
        "|---|---|---|---|---|",
    ]
    for kind, title in KINDS.items():
        of = [counts[kind, s] for s in STATUSES]
        lines.append(f"| {title} | {sum(of)} | " + " | ".join(map(str, of)) + " |")
    lines += [
        "",
        "What has no formula, and why, is listed class by class in",
        "[every-class.md](every-class.md).",
    ]
    for kind in LISTED:
        lines += ["", f"## {KINDS[kind]}", "", "| | | |", "|---|---|---|"]
        lines += [v.row for v in found if v.kind == kind]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    verdicts = [make() for of in cases().values() for make in of.values()]
    if any(v.status == "wrong" for v in verdicts):
        raise SystemExit("\n".join(v.row for v in verdicts if v.status == "wrong"))
    TABLE.write_text(table(verdicts), encoding="utf-8")
