"""Sums of few terms, and scorecards: the truth behind a model is found, in few terms."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, make_friedman1
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Step, Task
from closedform.shorten.additive import additive, formulas
from closedform.shorten.additive.curves import Basis, Factor, knots, term_node, term_values
from closedform.shorten.additive.fitted import Target, polished, without_least
from closedform.shorten.additive.forward import chosen_terms
from closedform.shorten.clock import Clock
from closedform.shorten.scorecard import scorecard
from closedform.shorten.teacher import Teacher


def _terms(formula):
    return formula.trail[-1].found["terms"]


def _gauss(rows, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def _target(x, y, ends=0.0):
    root = np.full(len(x), len(x) ** -0.5)
    return Target(x, y[:, None], root, np.broadcast_to(ends, len(x))[:, None])


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(1500, noise=1.0, random_state=0)
    seen, fresh, target, hidden = train_test_split(X, y, test_size=0.3, random_state=0)
    model = GradientBoostingRegressor(n_estimators=150, random_state=0).fit(seen, target)
    return cf.read(model), seen, fresh, hidden


def test_a_booster_as_ten_terms_predicts_as_well_as_itself(friedman):
    formula, seen, fresh, hidden = friedman
    found = {_terms(f): f for f in additive(formula, seen, terms=10)}
    own = np.mean((formula(fresh) - hidden) ** 2)
    assert np.mean((found[10](fresh) - hidden) ** 2) < own
    # Without pairs, 10·sin(π·x0·x1) is out of reach: its interaction alone has a variance of 1.
    alone = {_terms(f): f for f in additive(formula, seen, terms=10, factors=1)}
    assert np.mean((alone[10](fresh) - hidden) ** 2) > own + 0.5


def test_every_size_is_closer_to_the_model_than_the_half_of_it(friedman):
    formula, seen, fresh, _ = friedman
    found = {_terms(f): f for f in additive(formula, seen, terms=12)}
    away = {n: np.mean((f(fresh) - formula(fresh)) ** 2) for n, f in found.items()}
    assert away[12] < away[6] < away[3] < away[1]


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_a_product_without_main_effects_is_found_wherever_its_inputs_lie(shift):
    X = pd.DataFrame(_gauss(500, 4) + shift).add_prefix("x")
    truth = 3 * (X.x0 - shift) * (X.x1 - shift)
    x0, x1 = (ops.lin(-shift, (1, ops.input_(i))) for i in range(2))
    y = ops.lin(0, (3, ops.mul(x0, x1)))
    formula = Formula({"y": y}, tuple(map(Feature, X.columns)), Task(primary=("y",)))
    few = [f for f in additive(formula, X) if _terms(f) <= 3]
    assert min(np.abs(f(X) - truth).max() for f in few) < 0.05 * truth.std()


def test_a_step_and_a_hinge_are_found_with_their_numbers():
    x = _gauss(4000, 3)
    y = 2.0 * (x[:, 0] > 0.5) + 1.5 * np.maximum(x[:, 1] + 1, 0)
    basis = Basis.of(x, range(3), frozenset(), 40)
    terms = list(chosen_terms(x, (y - y.mean())[:, None], basis, most=2, factors=1))
    terms = polished(_target(x, y), terms, basis, sweeps=5)
    assert {(f.view, f.kind) for (f,) in terms} == {(0, "step"), (1, "above")}
    assert {f.view: f.knot for (f,) in terms} == pytest.approx({0: 0.5, 1: -1.0}, abs=0.03)


def test_forward_selection_takes_what_least_squares_says_is_best():
    # The truth is scipy's: of all single terms that might be added, none leaves less.
    x = _gauss(300, 3, seed=2)
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    basis = Basis.of(x, range(3), frozenset(), 5)
    from closedform.shorten.additive import forward

    eased = forward.PER_NUMBER, forward.PER_FACTOR
    forward.PER_NUMBER = forward.PER_FACTOR = 1.0
    try:
        chosen = list(chosen_terms(x, (y - y.mean())[:, None], basis, most=4, factors=2))
    finally:
        forward.PER_NUMBER, forward.PER_FACTOR = eased
    target = _target(x, y)
    for n in range(4):
        before = chosen[:n]
        parents = [(), *(t for t in before if len(t) == 1)]
        may = [(*p, f) for p in parents for f in basis.factors if f.view not in
               {g.view for g in p}]  # fmt: skip
        least = min(_left(target, [*before, t]) for t in may if t not in before)
        assert target.loss(chosen[: n + 1]) == pytest.approx(least, rel=1e-6)


def _left(target, terms):
    a = np.column_stack([np.ones(len(target.x)), *(term_values(t, target.x) for t in terms)])
    return np.mean((target.y - a @ np.linalg.lstsq(a, target.y, rcond=None)[0]) ** 2)


def test_the_term_left_out_is_the_one_that_is_missed_least():
    x = _gauss(400, 5, seed=3)
    y = x @ [3.0, -2.0, 0.3, 1.0, 0.05]
    terms = [(Factor(j, "line"),) for j in range(5)]
    target = _target(x, y)
    left = without_least(target, terms)
    least = min(target.loss(terms[:i] + terms[i + 1 :]) for i in range(5))
    assert target.loss(left) == pytest.approx(least)
    assert (Factor(4, "line"),) not in left


def test_where_scores_are_clipped_a_sum_may_go_on():
    x = _gauss(2000, 1, seed=4)
    truth = 1.0 + 8.0 * x[:, 0]
    clipped = np.clip(truth, -6, 6)
    ends = np.sign(truth) * (np.abs(truth) >= 6)
    terms = [(Factor(0, "line"),)]
    plain = _target(x, clipped, ends)
    assert plain.weights(terms)[1, 0] < 5  # by least squares alone
    for _ in range(8):
        plain = plain.eased(terms)
    assert plain.weights(terms)[:, 0] == pytest.approx([1.0, 8.0], rel=0.05)


@pytest.mark.parametrize("term", [
    (Factor(0, "line"),), (Factor(0, "above", 0.5),), (Factor(1, "below", -0.25),),
    (Factor(0, "step", 0.1), Factor(1, "step", 0.0)),
    (Factor(0, "step", 0.1), Factor(1, "line", 2.0), Factor(2, "above", 0.0)),
])  # fmt: skip
def test_a_term_as_a_node_has_the_values_it_was_chosen_for(term):
    X = pd.DataFrame(_gauss(50, 3)).add_prefix("x")
    teacher = Teacher.of(cf.read(LinearRegression().fit(X, X @ [1.0, 2.0, 3.0])), X)
    node = term_node(term, teacher.views)
    made = teacher.formula_of([node], Step("additive", "approx"))
    assert made(X) == pytest.approx(term_values(term, X.to_numpy()), abs=1e-12)


def test_knots_have_few_digits_and_part_the_rows():
    x = _gauss(1000, 1)[:, 0] * 7 + 40
    places = knots(x, 9)
    assert all(len(f"{t:g}".replace(".", "").lstrip("-")) <= 3 for t in places)
    shares = np.searchsorted(np.sort(x), places) / len(x)
    assert np.abs(shares - np.linspace(0, 1, 11)[1:-1]).max() < 0.05


def test_several_outputs_share_their_terms():
    X = pd.DataFrame(_gauss(300, 3)).add_prefix("x")
    Y = np.column_stack([X.x0 + 2 * X.x1, X.x0 - X.x1])
    formula = cf.read(LinearRegression().fit(X, Y))
    best = min(additive(formula, X, terms=4), key=lambda f: np.abs(f(X) - Y).max())
    assert best(X) == pytest.approx(Y, abs=0.02)


def test_three_classes_have_scores_over_the_same_terms():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, y)
    found = additive(cf.read(model), X, terms=5)
    assert max((f(X) == model.predict(X)).mean() for f in found) >= 0.97


def test_short_sums_come_first_and_time_is_kept(friedman):
    formula, seen, _, _ = friedman
    teacher = Teacher.of(formula, seen)
    first = next(formulas(teacher, Clock(30)))
    assert _terms(first) == 2
    assert list(formulas(teacher, Clock(0))) == []


# --- scorecards ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(X, y)
    return cf.read(model), X, model.predict(X)


def test_a_scorecard_has_whole_points_and_agrees_with_the_model(cancer):
    formula, X, said = cancer
    card = scorecard(formula, X)[0]
    points = next(n for n, name in card.names.items() if name == "points")
    levels = np.concatenate([n.data.coefs[:, 0] for n in points.args])
    assert (levels == np.round(levels)).all()
    assert levels.min() == 0
    assert (card(X) == said).mean() >= 0.95


def test_the_chances_of_a_scorecard_are_those_of_its_totals(cancer):
    formula, X, _ = cancer
    card = scorecard(formula, X)[0]
    points = next(n for n, name in card.names.items() if name == "points")
    table = card.trail[-1].found["chances"]
    told = Teacher.of(formula, X).formula_of([points], card.trail[-1])
    totals = told(X, told.task.decision[0])
    chances = card(X, card.task.probability[1])
    seen = [i for i, t in enumerate(totals) if f"{t:g}" in table]
    assert len(seen) > 100
    for i in seen:
        # Chances are told to three digits.
        assert table[f"{totals[i]:g}"] == pytest.approx(chances[i], abs=6e-4)
    assert "points = " in str(card)


def test_only_two_classes_have_a_scorecard():
    X, y = load_iris(return_X_y=True)
    formula = cf.read(HistGradientBoostingClassifier(max_iter=5).fit(X, y))
    with pytest.raises(BadInput, match="two classes"):
        scorecard(formula, X)
