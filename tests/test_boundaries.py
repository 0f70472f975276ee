"""Slices of models whose boundaries are known, and the equation against the model's own answers."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf
from closedform import ops
from closedform.explanations.boundaries import boundary
from closedform.explanations.sides import Sides
from closedform.families.additive import logit, softmax
from closedform.formula import Feature, Formula, Task

RANDOM = np.random.default_rng(1)
X = pd.DataFrame(RANDOM.normal(size=(300, 3)) * [1, 10, 5] + [0, 5, 0], columns=["a", "b", "c"])
TWO = X["a"] + X["b"] / 10 - X["c"] / 5 > 0.5


def test_a_linear_boundary_is_solved_and_the_model_turns_on_it():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, TWO)
    found = boundary(Sides.of(model, X), "a", "b")
    assert found.solved.startswith("b = ")
    a = np.linspace(-2, 2, 50)
    b = eval(found.solved.removeprefix("b = "), {"a": a})
    at = pd.DataFrame({"a": a, "b": b, "c": found.held["c"]})
    # Numbers of four digits: the log-odds move by some thousandths.
    np.testing.assert_allclose(model.predict_proba(at)[:, 1], 0.5, atol=5e-3)
    assert found.disagree == 0


def test_what_is_held_is_held_at_values_that_were_there():
    frame = X.assign(town=RANDOM.choice(["A", "B", "B"], 300))
    frame.loc[:20, "c"] = np.nan
    frame["c"] = frame["c"].fillna(frame["c"].iloc[50])
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough"),
        LogisticRegression(max_iter=500),
    ).fit(frame, TWO)
    found = boundary(Sides.of(model, frame), "a", "b", points=20)
    assert found.held["town"] == "B" and found.held["c"] in set(frame["c"])
    grid = pd.DataFrame([(x, y) for y in found.grid[1] for x in found.grid[0]], columns=["a", "b"])
    expected = model.predict_proba(grid.assign(**found.held)[list(frame)])[:, 1].reshape(20, 20)
    np.testing.assert_array_equal(found.values["model"], expected)


def test_of_three_classes_the_boundary_is_where_the_answer_changes():
    labels = np.where(X["a"] > 0.5, "x", np.where(X["b"] > 5, "y", "z"))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, labels)
    found = boundary(Sides.of(model, X, output="y"), "a", "b", points=30)
    grid = pd.DataFrame([(x, y) for y in found.grid[1] for x in found.grid[0]], columns=["a", "b"])
    answers = model.predict(grid.assign(c=found.held["c"])) == "y"
    np.testing.assert_array_equal(found.values["model"].ravel() > 0, answers)
    assert "max(" in found.equation


@pytest.mark.parametrize("labels", [("no", "yes"), ("x", "y", "z")])
def test_the_equation_is_that_of_scores_where_the_formula_gives_chances_alone(labels):
    """A softmax, whose first score is 0, and a sigmoid: neither stands in the equation."""
    scores = [ops.lin(k, (float(k), ops.input_(0)), (-0.1, ops.input_(1))) for k in range(1, 3)]
    chances = logit(scores[:1]) if len(labels) == 2 else softmax([ops.const(0), *scores])
    names = tuple(f"P({label})" for label in labels)
    model = Formula(
        dict(zip(names, chances, strict=True)), (Feature("a"), Feature("b")),
        Task("classification", labels, primary=names[-1:], probability=names),
    )  # fmt: skip
    found = boundary(Sides.of(cf.simplify(model), X[["a", "b"]], output=names[-1]), "a", "b")
    assert found.equation and not re.search("exp|sigmoid", found.equation)
    a, b = (g.ravel() for g in np.meshgrid(*found.grid))
    zero = eval(found.equation, {"a": a, "b": b, "max": np.maximum})
    *others, own = model.evaluate(pd.DataFrame({"a": a, "b": b})).values()
    np.testing.assert_array_equal(zero > 0, own > np.max(others, axis=0))


def test_inputs_that_the_model_reads_and_the_formula_does_not_are_held_too():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, TWO)
    short = cf.read(LogisticRegression().fit(X[["a"]], TWO))
    assert set(boundary(Sides.of(model, X, formula=short), "a", "b", points=5).held) == {"c"}


def test_the_two_most_important_inputs_are_taken():
    model = RandomForestClassifier(20, max_depth=4, random_state=0).fit(X, X["a"] + X["c"] / 5 > 0)
    found = boundary(Sides.of(model, X), points=10)
    assert set(found.inputs) == {"a", "c"}
    assert found.equation == ""  # of a forest nobody reads it


def test_a_number_has_a_boundary_where_it_crosses_a_level():
    model = LinearRegression().fit(X, 2 * X["a"] + X["b"])
    with pytest.raises(cf.BadInput, match="decides nothing by itself"):
        boundary(Sides.of(model, X), "a", "b")
    found = boundary(Sides.of(model, X), "a", "b", level=3.0)
    b = eval(found.solved.removeprefix("b = "), {"a": np.arange(3)})
    # What least squares and four digits leave.
    np.testing.assert_allclose(b, 3 - 2 * np.arange(3), atol=1e-3)


def test_a_record_says_nothing_of_single_rows_and_a_picture_shows_all_names():
    pytest.importorskip("matplotlib")
    odd = X.rename(columns={"a": "$a$ <b>", "b": "a name that is so long that it goes on " * 2})
    model = LogisticRegression().fit(odd, TWO)
    found = boundary(Sides.of(model, odd), 0, 1, points=5)
    assert "places" not in found.to_dict() and "above" not in found.to_dict()
    json.dumps(found.to_dict())
    shown = found.plot()
    assert shown.ax_.get_xlabel() == r"\$a\$ <b>"
    assert "<b>" not in found._repr_html_()


@pytest.mark.parametrize(("first", "said"), [("d", "no input 'd'"), ("flat", "no number that var")])
def test_inputs_that_make_no_slice_are_refused(first, said):
    frame = X.assign(flat=1.0)
    model = LogisticRegression().fit(frame, TWO)
    with pytest.raises(cf.BadInput, match=said):
        boundary(Sides.of(model, frame), first, "a")
