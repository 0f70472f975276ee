"""Trees and rules that imitate: their fidelity is that of their answers on rows they never saw."""

import numpy as np
import pandas as pd
import pytest
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops
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


def test_rules_over_long_names_stay_on_lines_of_100_characters():
    told = "a long name of a quantity that was measured, in own units"
    names = [f"{told} {i}" for i in range(3)]
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=names)
    y = rows[names[0]] + rows[names[1]] * rows[names[2]]
    tree = cf.read(DecisionTreeRegressor(max_depth=3, random_state=0).fit(rows, y))
    a, b, c = (ops.input_(i) for i in range(3))
    first = ops.both(ops.less(a, ops.const(1.5)), ops.less(b, ops.const(-0.25)))
    second = ops.less(c, ops.const(-1000.5))
    for other in (a, ops.const(0.5)):
        chosen = ops.where(first, ops.const(2.0), ops.where(second, ops.const(-12345.75), other))
        rules = cf.Formula({"y": chosen}, tree.inputs)
        for formula in (tree, rules):
            text = str(formula.to("text", brief=True))
            assert max(map(len, text.splitlines())) <= 100
            assert all(names[i] in text for i in formula.used)
