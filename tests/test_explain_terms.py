"""The terms of a formula add up to it, each with its own number."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import closedform as cf
from closedform import ops
from closedform.explain.sides import Sides
from closedform.explain.terms import terms

X = np.random.default_rng(0).normal(size=(500, 3))
A, B, C = (ops.input_(i) for i in range(3))
FEATURES = (cf.Feature("a"), cf.Feature("b"), cf.Feature("c"))


def test_each_term_has_its_coefficient_its_effect_and_its_share():
    inner = ops.lin(5, (2, ops.mul(A, B)), (1, C))
    node = ops.lin(1, (3, inner), (-4, ops.exp(C)), (1, ops.mul(ops.const(2), C)))
    found = terms(Sides.of(cf.Formula({"y": node}, FEATURES), X))
    told = dict(zip(found.terms, found.coefficients.tolist(), strict=True))
    assert told == {"a*b": 6, "exp(c)": -4, "c": 5} and found.constant == 16
    added = {"a*b": 6 * X[:, 0] * X[:, 1], "exp(c)": -4 * np.exp(X[:, 2]), "c": 5 * X[:, 2]}
    total = sum(added.values())
    for name, effect, share in zip(found.terms, found.effects, found.shares, strict=True):
        assert effect == pytest.approx(added[name].std(), rel=1e-12)
        wanted = np.cov(added[name], total, ddof=0)[0, 1] / total.var()
        assert share == pytest.approx(wanted, rel=1e-9)
    assert found.shares.sum() == pytest.approx(1) and found.effects[0] == found.effects.max()


def test_terms_of_a_linear_model_are_its_coefficients():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = LinearRegression().fit(frame, X @ [1, 2, 3] + 4)
    found = cf.explain(model, frame).terms
    assert found.terms == ("c", "b", "a")
    np.testing.assert_allclose(found.coefficients, model.coef_[::-1], rtol=1e-12)
    assert found.constant == pytest.approx(model.intercept_, rel=1e-12)
    assert "coefficient" in str(found)


def test_without_a_formula_there_are_no_terms():
    with pytest.raises(cf.BadInput, match="no formula"):
        terms(Sides.of(lambda rows: rows[:, 0], X))


def test_sums_of_sums_are_walked_once():
    deep = C
    for _ in range(60):  # 2⁶⁰ ways lead down
        deep = ops.lin(0, (0.5, deep), (0.5, ops.lin(0, (1, deep))))
    found = terms(Sides.of(cf.Formula({"y": deep}, FEATURES), X))
    assert (found.terms, found.coefficients.tolist()) == (("c",), [1.0])
