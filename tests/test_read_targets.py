"""Transformed targets: what was done to them in training is undone in the formula."""

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import preprocessing as P
from sklearn.compose import TransformedTargetRegressor as TTR
from sklearn.pipeline import make_pipeline as chain

import closedform as cf
import made_up as data
from battery import Case, check_reader


def above_one():
    """A target above 1."""
    rows, y = data.frame()
    return rows, np.exp(y / 3) + 1


def two_targets():
    """Two targets of unlike size."""
    rows, y = data.frame()
    return rows, np.column_stack([y, 1e3 * y**2])


CASES = [
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
def test_a_transformed_target_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"transformer": P.KBinsDiscretizer(3, encode="ordinal")}, "inverse of KBinsDiscretizer"),
        ({"func": np.cbrt, "inverse_func": lambda y: y - y.mean()}, "mean of all rows"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # bins do not come back as they were
def test_a_target_that_cannot_be_undone_is_named_with_a_hint(options, words):
    model = TTR(linear_model.Ridge(), **options).fit(*data.frame())
    with pytest.raises(cf.UnsupportedModel, match=words) as caught:
        cf.read(model)
    assert "can" in caught.value.hint or "NumPy" in caught.value.hint


def test_the_inverse_of_a_target_is_a_stage_of_its_own():
    rows, y = above_one()
    model = TTR(linear_model.Ridge(), transformer=chain(
        P.FunctionTransformer(np.log1p, np.expm1), P.StandardScaler())).fit(rows, y)  # fmt: skip
    formula = cf.read(model)
    assert [(s.name, s.kind) for s in formula.stages] == [
        ("StandardScaler", "target"), ("expm1", "target")]  # fmt: skip
    assert formula.source == "TransformedTargetRegressor(Ridge)"
