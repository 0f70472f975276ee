"""Models whose reports are looked at, with rows, what was observed, and a frontier."""

from contextlib import contextmanager
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_wine, make_regression
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LassoCV, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf
from closedform.reports import checked, imitations, proven

HACKED = "window.HACKED = true"
"""What runs if a name becomes markup."""
SCRIPT = f"<script>{HACKED}</script>"
NAMES = (f"</title>{SCRIPT}", f"quote \" ' & \u2028 {SCRIPT}", "__proto__", "constructor")
CLASSES = (f"</script>{SCRIPT}<!--", "ok")
JOBS = ("clerk", "nurse", f"<img src=x onerror='{HACKED}'>", "</textarea>")


@cache
def hostile():
    """A pipeline with categories and missing values, all of whose names are attacks."""
    random = np.random.default_rng(0)
    X = pd.DataFrame({name: random.normal(size=400) for name in NAMES})
    X["income"] = random.lognormal(10, 0.5, 400)
    X["job"] = random.choice(JOBS, 400)
    X.loc[random.random(400) < 0.1, "income"] = np.nan
    z = X[NAMES[0]] - 0.5 * X["__proto__"] + (X["job"] == "nurse") + X["income"].isna()
    y = np.where(z + random.logistic(size=400) > 0, *CLASSES)
    numbers = [*NAMES, "income"]
    ready = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers), (OneHotEncoder(), ["job"])
    )
    return make_pipeline(ready, LogisticRegression()).fit(X, y), X, y


@cache
def boosted():
    """A booster on clinical data: the frontier goes from a line to all its trees."""
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return GradientBoostingRegressor(n_estimators=40, random_state=0).fit(X, y), X, y


@cache
def forest():
    """Three classes, named by words."""
    X, y = load_wine(return_X_y=True, as_frame=True)
    kinds = y.map({0: "barolo", 1: "grignolino", 2: "barbera"})
    return RandomForestClassifier(10, max_depth=3, random_state=0).fit(X, kinds), X, kinds


@cache
def wide():
    """A hundred inputs, of which some are read, and nothing observed."""
    X, y = make_regression(400, 100, n_informative=12, noise=5.0, random_state=0)
    return LassoCV(cv=3).fit(X, y), X, None


@cache
def outputs():
    """Three numbers at once."""
    X, y = make_regression(200, 4, n_targets=3, noise=1.0, random_state=0)
    return Ridge().fit(X, y), X, y


@cache
def function():
    """What has no formula, and is asked."""
    random = np.random.default_rng(0)
    X = pd.DataFrame({"angle": random.normal(size=300), "length": random.uniform(1, 2, 300)})
    return lambda rows: np.sin(rows["angle"]) * rows["length"], X, None


@cache
def large():
    """A booster whose exact formula is a million characters of JavaScript."""
    X, y = make_regression(2000, 12, noise=5.0, random_state=0)
    rows = pd.DataFrame(X, columns=[f"c{i}" for i in range(12)])
    return HistGradientBoostingRegressor(max_iter=300, random_state=0).fit(rows, y), rows, y


@contextmanager
def hurried():
    """Searches and proofs of a page, each of two seconds at most; they have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proven, "SECONDS", 1.0)
        patch.setattr(imitations, "SEARCHING", 2.0)
        patch.setattr(checked, "EACH", 0.1)
        yield


MODELS = {f.__name__: f for f in (hostile, boosted, forest, wide, outputs, function, large)}


@cache
def front_of(name):
    """Return the frontier of one of them; a short search will do."""
    model, X, y = MODELS[name]()
    methods = ["terms", "tree", "polynomial", *["fewer"] * (name == "boosted")]
    return cf.frontier(model, X, y, time_limit=3, methods=methods)
