"""Trained models of real data become formulas, exact and short, each with a report: `make demo`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf

TOLERANCE = 1e-9
TIME_LIMIT = 30
"""Seconds for each search for shorter formulas, or for a law."""
PAGES = Path("build")
"""Where the reports are written."""


def diabetes() -> tuple[Any, Any]:
    """Return the diabetes study in its original units: numbers, a category, and gaps.

    The category is the sex as the study codes it; every 17th blood pressure is taken away, so
    that there is something to impute.
    """
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X["sex"] = X["sex"].map({1.0: "group 1", 2.0: "group 2"})
    X.loc[::17, "bp"] = None
    return X, y


def mixed(model: Any) -> Pipeline:
    """Return a pipeline that imputes and scales numbers and encodes categories."""
    numbers = ["age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), ["sex"]),
        ),
        model,
    )


def show(title: str, model: Any, X: Any) -> bool:
    """Print a model's formula and its certificate; return whether the certificate holds."""
    print(f"\n{'=' * 96}\n{title}\n{'=' * 96}")
    formula = cf.read(model)
    print(formula)
    certificate = formula.verify(model, X, tolerance=TOLERANCE)
    print()
    print(certificate)
    return bool(certificate.ok)


def shorten(title: str, model: Any, X: Any, y: Any, page: Path) -> bool:
    """Print a model's frontier and its best formula; return whether that is short and near."""
    print(f"\n{'=' * 96}\n{title}\n{'=' * 96}")
    front = cf.frontier(model, X, y, time_limit=TIME_LIMIT, progress=print)
    print(f"\n{front}\n\nThe best of them:\n{front.best}")
    print(f"\n{cf.explain(model, X, y, formula=front.best)}")
    report = cf.report(model, X, y, page, front=front)
    print(f"\nThe whole report, to be opened in a browser: {report}")
    return bool(front.best.length < 200)


def law_of_a_network() -> bool:
    """Train a network on a law, ask it, and print the law; return whether that holds elsewhere."""
    random = np.random.default_rng(0)
    X, far = (
        pd.DataFrame(random.uniform(lo, hi, (1000, 3)), columns=["m1", "m2", "r"])
        for lo, hi in ((1, 3), (3, 9))
    )
    network = MLPRegressor(
        hidden_layer_sizes=(32, 32),
        activation="tanh",
        solver="lbfgs",
        max_iter=800,
        random_state=0,
    )
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    ).fit(X, force(X))
    print(f"\n{'=' * 96}\nWhich law has a network of 2 x 32 units learned?\n{'=' * 96}")
    laws = cf.distill(model, X, time_limit=TIME_LIMIT, progress=print)
    print(f"\n{laws}\n\nThe law:\n{laws.best}\n")
    print("Its constants:", *laws.uncertainties())
    off = [abs(f(far) - force(far)).mean() / force(far).mean() for f in (laws.best, model.predict)]
    print("Outside the range that the network was trained on, it is off by "
          f"{off[1]:.0%}, and the law by {off[0]:.2%}.")  # fmt: skip
    return bool(off[0] < 0.01)


def force(X: Any) -> Any:
    """Return how strongly two bodies attract each other, in units of 1e-11 newtons."""
    return 6.67 * X.m1 * X.m2 / X.r**2


def by_hand(X: Any, y: Any) -> bool:
    """Print what is told to somebody who wrote the coefficients down without the scaler."""
    numbers = X.drop(columns=["sex", "bp"])
    model = make_pipeline(StandardScaler(), Ridge()).fit(numbers, y)
    terms = zip(model[-1].coef_, numbers.columns, strict=True)
    mine = " + ".join([f"{model[-1].intercept_:.10g}", *(f"{w:.10g}*{n}" for w, n in terms)])
    print(f"\n{'=' * 96}\nWhy does my own formula differ?\n{'=' * 96}\n{mine}\n")
    comparison = cf.read(model).compare(mine, numbers)
    print(comparison)
    return "StandardScaler is missing" in str(comparison)


def main() -> int:
    """Run the whole demonstration; return 0 when every certificate holds."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = diabetes()
    boosted = GradientBoostingRegressor(n_estimators=60, max_depth=3, random_state=0)
    network = MLPRegressor(
        hidden_layer_sizes=(8,), activation="tanh", solver="lbfgs", max_iter=400, random_state=0
    )
    classifier = make_pipeline(
        StandardScaler(),
        MLPClassifier(hidden_layer_sizes=(60, 60), activation="tanh", max_iter=150, random_state=0),
    )
    PAGES.mkdir(exist_ok=True)
    tumours, kind = load_breast_cancer(return_X_y=True, as_frame=True)
    kind = kind.map({0: "malignant", 1: "benign"})
    held = [
        show("Diabetes: a linear model", mixed(Ridge()).fit(X, y), X),
        show("Diabetes: 60 boosted trees", mixed(boosted).fit(X, y), X),
        show("Diabetes: a network of 8 units", mixed(network).fit(X, y), X),
        show("Breast cancer: 30 inputs, 2 x 60 units", classifier.fit(tumours, kind), tumours),
        by_hand(X, y),
        shorten(
            "Breast cancer: the network, shorter",
            classifier,
            tumours,
            kind,
            PAGES / "report-network.html",
        ),
        shorten(
            "Diabetes: the boosted trees, shorter",
            mixed(boosted).fit(X, y),
            X,
            y,
            PAGES / "report-trees.html",
        ),
        law_of_a_network(),
    ]
    print(f"\n{sum(held)} of {len(held)} checks hold.")
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(main())
