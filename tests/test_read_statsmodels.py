"""statsmodels over matrices: every model, family and link against its own predict."""

import pandas as pd
import pytest

import closedform as cf
import statsmodels_models as models
from battery import compare
from battery_rows import kinds_of_rows
from statsmodels_models import FRAME, PLAIN, Asked, fitted

TOLERANCE = 1e-12
"""Of an output's size: sums of four terms, and links that err by a few ulps of theirs."""


def check(
    asked: Asked, rows: pd.DataFrame, rtol: float = TOLERANCE, turns: bool = False
) -> cf.Formula:
    """Compare results and their formula on rows of every kind, and by a certificate.

    Args:
        turns: whether the model turns round and round: of 1e30 no more than the size is known.
    """
    formula = cf.read(asked.results)
    compare(cf.read(asked.results, fold=False), asked, rows, rtol, "as the model computes")
    # Of a spline, each row beyond the knots is asked about alone: 40 of 120 rows are enough.
    for kind, some in kinds_of_rows(None, rows.iloc[:40]):
        if not (turns and kind == "far outside"):
            compare(formula, asked, some, rtol, kind)
    certificate = formula.verify(asked.results, rows, limit=400)
    failing = {kind for c in certificate.checks for kind in c.failing}
    assert certificate.ok or (turns and failing <= {"far", "huge"}), str(certificate)
    return formula


def names_of(results: object) -> list[str]:
    """Return the inputs of a formula, which are the columns that statsmodels takes."""
    return [f.name for f in cf.read(results).inputs]


@pytest.mark.parametrize("name", models.ARRAYS)
def test_a_model_over_a_matrix_and_its_formula_agree(name):
    results = fitted(models.ARRAYS[name])
    names = names_of(results)
    rows = FRAME[PLAIN].astype(float)
    if "bare" in name:
        assert names == ["const", "x1", "x2", "x3"]
        rows.columns = names[1:]
    check(Asked(results, names), rows[[n for n in names if n != "const"]])


@pytest.mark.parametrize("name", models.GLMS)
def test_every_family_and_link_agrees(name):
    check(Asked(models.glm(name), ["const", "x", "z"]), FRAME[["x", "z"]])
