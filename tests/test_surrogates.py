"""Trees and rules that imitate: their fidelity is that of their answers on rows they never saw."""

import numpy as np
import pandas as pd
import pytest
from sklearn.svm import SVC

from closedform.explanations.surrogates import surrogates

RANDOM = np.random.default_rng(0)
X = pd.DataFrame(RANDOM.uniform(size=(400, 3)), columns=["a", "b", "c"])


def test_a_rule_that_a_model_has_learned_is_said_by_both():
    model = SVC(C=100).fit(X, np.where((X["a"] > 0.5) & (X["b"] > 0.3), "yes", "no"))
    found = surrogates(model, X, time_limit=6)
    fresh = pd.DataFrame(RANDOM.uniform(size=(4000, 3)), columns=list("abc"))
    for kind in ("tree", "rules"):
        one = found[kind]
        again = np.mean(one.formula(fresh) == model.predict(fresh))
        # A share of some 80 rows: three deviations of 0.95 are 0.07.
        assert abs(again - one.fidelity) < 0.075 and again > 0.9
        assert one.at_least <= one.fidelity <= one.best + 1e-12
        assert "it is not the model" in str(one)


def test_of_numbers_the_fidelity_is_r2_against_the_model():
    model = lambda rows: np.where(rows["a"] > 0.5, 3.0, 1.0) + rows["b"]  # noqa: E731
    found = surrogates(model, X, time_limit=4)
    fresh = pd.DataFrame(RANDOM.uniform(size=(4000, 3)), columns=list("abc"))
    said, own = found["tree"].formula(fresh), model(fresh)
    r2 = 1 - np.mean((said - own) ** 2) / np.var(own)
    assert r2 == pytest.approx(found["tree"].fidelity, abs=0.05)  # some 80 rows
    assert np.isnan(found["tree"].at_least)


def test_of_a_constant_model_nothing_is_said():
    found = surrogates(lambda rows: np.zeros(len(rows)), X, time_limit=2)
    assert not found.found and "constant" in str(found)
