"""What is nearly a model, and classes of somebody else: what is said of them."""

import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
import made_up as data


class Wrapper(RegressorMixin, BaseEstimator):
    """As people wrap a model of another package: what it learns has no underscore at its end."""

    def fit(self, X, y):
        self.network = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.network.predict(X)


@pytest.mark.parametrize("steps", [(), (StandardScaler(),)])
def test_a_class_of_somebody_else_is_named_with_the_model_that_it_holds(steps):
    """And is not taken for one that is not fitted."""
    rows, y = data.frame()
    with pytest.raises(cf.UnsupportedModel, match=r"Wrapper has a predict\(\) of its own") as found:
        cf.read((make_pipeline(*steps, Wrapper()) if steps else Wrapper()).fit(rows, y))
    assert "the model in .network" in found.value.hint
    assert "on its predictions" in found.value.hint


def test_what_is_nearly_a_model_is_told_how_to_become_one():
    rows, y = data.frame()
    model = Ridge().fit(rows, y)
    said = [
        (Ridge, "Ridge is a class, not a trained model"),
        (model.predict, "predict is a method of a Ridge"),
        ({"a": model, "b": 1}, "A dict is no model"),
        (len, "len is a Python function"),
    ]
    for given, message in said:
        with pytest.raises(cf.UnsupportedModel, match=message) as found:
            cf.read(given)
        assert found.value.hint
    with pytest.raises(cf.BadInput, match="Several inputs are to be called 'a'"):
        cf.read(model, names=["a"] * rows.shape[1])
