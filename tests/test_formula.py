"""A formula of some of its outputs."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import closedform as cf
import made_up as data
from battery import fit
from programs import predicted_by


def iris_like():
    rows, y = data.standard_three()
    model = fit(LogisticRegression(max_iter=500), rows, y)
    return model, np.asarray(rows), cf.read(model)


@pytest.mark.parametrize("target", ["python", "numpy"])
def test_a_formula_without_its_prediction_gives_what_it_has(target):
    model, rows, formula = iris_like()
    part = formula.only("P(10)")
    chances = model.predict_proba(rows)[:, list(model.classes_).index(10)]
    # The rounding of a softmax of three scores, of which each is a sum of four terms.
    assert np.allclose(part(rows), chances, rtol=1e-12, atol=0)
    assert np.allclose(predicted_by(target, part, rows), chances, rtol=1e-12, atol=0)
    assert formula.only("P(10)", "P(7)")(rows).shape == (len(rows), 2)
    assert part.verify(model, rows)


def test_an_output_that_is_not_there_is_named():
    _, rows, formula = iris_like()
    for ask in (lambda: formula.only("P(yes)"), lambda: formula(rows, "P(yes)")):
        with pytest.raises(cf.BadInput, match="no output 'P\\(yes\\)'"):
            ask()
