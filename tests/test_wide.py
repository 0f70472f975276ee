"""Many inputs, many classes, little time; and constants fitted to y in a frontier."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_friedman1
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier

import closedform as cf
from closedform import ops
from closedform.fitting import constants_of, levenberg_marquardt
from closedform.shorten.clock import Clock
from closedform.shorten.fitted_to_y import fitted_to_y
from closedform.shorten.methods import method
from closedform.shorten.screening import screen
from closedform.shorten.students.school import School
from closedform.shorten.students.shrinking import TRIED, _hurried
from closedform.shorten.teacher import Teacher
from closedform.shorten.terms import terms


def test_of_many_inputs_that_each_matter_a_little_all_are_relevant():
    X = np.random.default_rng(0).normal(size=(400, 120))
    weights = np.r_[np.full(3, 1.15), np.ones(97), np.zeros(20)]  # 1.3 %, 1.0 % and nothing
    model = cf.read(LinearRegression().fit(X, X @ weights))
    found = screen(model, X)
    assert {found.names[i] for i in found.relevant} == {f"x{i}" for i in range(100)}
    # Least squares leaves some of the twenty at 0 itself, by processor: these are no inputs.
    assert f"{len(found.names) - 100} more below 0.1%" in str(found)


def test_terms_of_many_classes_go_on_after_the_first():
    X, y = load_digits(return_X_y=True)
    X, y = X[:800], y[:800]
    net = MLPClassifier((12,), solver="lbfgs", max_iter=40, alpha=10, random_state=0).fit(X, y)
    found = terms(cf.read(net), X, time_limit=None, rows=1000)
    agreement = [np.mean(f(X) == net.predict(X)) for f in found]
    assert max(agreement) > 0.4  # one pixel: 0.2


def test_each_score_moves_with_its_own_constants_alone():
    random = np.random.default_rng(0)
    X = [random.normal(size=50) for _ in range(3)]
    args = [ops.input_(i) for i in range(3)]
    units = [ops.tanh(ops.linear(0.1, random.normal(size=3), args)) for _ in range(2)]
    roots = [ops.linear(0.5, random.normal(size=2), units) for _ in range(4)]
    constants = constants_of(roots)
    values, parts = constants.by_root(constants.start, X, 50)
    assert [len(which) for which, _ in parts] == [2 * 4 + 3] * 4  # the units' and its own
    whole = np.zeros((50, 4, len(constants)))
    for k, (which, part) in enumerate(parts):
        whole[:, k, which] = part.T
    for i in range(len(constants)):
        step = np.zeros(len(constants))
        step[i] = 1e-6
        ahead = constants.values(constants.start + step, X, 50)
        behind = constants.values(constants.start - step, X, 50)
        # Central differences: h² times the third derivative, and rounding / h.
        assert np.allclose(whole[:, :, i], (ahead - behind) / 2e-6, atol=1e-8)
    assert np.allclose(values, constants.values(constants.start, X, 50))


def test_a_jacobian_in_parts_gives_the_same_least_squares():
    random = np.random.default_rng(1)
    tables = [random.normal(size=(30, 2)), random.normal(size=(30, 2))]
    which = [np.array([0, 1]), np.array([1, 2])]
    whole = np.zeros((60, 3))
    for k, columns in enumerate(which):
        whole[30 * k : 30 * (k + 1), columns] = tables[k]
    target = random.normal(size=60)

    def both(theta):
        return whole @ theta, [(w, t.T) for w, t in zip(which, tables, strict=True)]

    found = levenberg_marquardt(lambda t: whole @ t, both, np.zeros(3), target)
    assert np.allclose(found.theta, np.linalg.lstsq(whole, target)[0], atol=1e-6)
    assert np.allclose(found.normal, whole.T @ whole / 60)


class _Short(Clock):
    """A clock that is asked so many times before the time is over."""

    def __init__(self, asked):
        super().__init__(None)
        self.asked = asked

    def out(self):
        self.asked -= 1
        return self.asked < 0

    def at_most(self, seconds):
        return self


def test_little_time_gives_a_student_all_the_same():
    X = np.random.default_rng(0).normal(size=(300, 5))
    y = (X[:, 0] - X[:, 1] > 0).astype(int)
    teacher = Teacher.of(cf.read(LogisticRegression().fit(X, y)), X)
    school = School.of(teacher, Clock(None))
    found = school.taught(5, _Short(3))
    assert found is not None
    assert found.loss < 0.2  # it is a line, which training starts with


@pytest.mark.parametrize("rounds", [2, 5, 30])
def test_in_a_hurry_so_much_goes_in_a_round_that_few_are_left_in_time(rounds):
    share = _hurried(600, float(rounds), 1.0)
    left = 600 * (1 - share) ** rounds
    assert left == pytest.approx(TRIED) or (share == 0.5 and left > TRIED)
    assert _hurried(600, np.inf, 1.0) == _hurried(600, 10.0, 0.0) == 0


def test_a_forest_is_not_pruned_weight_by_weight_in_a_frontier():
    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, y)
    teacher = Teacher.of(cf.read(forest), X)
    assert list(method("prune")(teacher, Clock(5))) == []


def test_numbers_are_refitted_to_y_by_least_squares():
    random = np.random.default_rng(0)
    X = random.normal(size=(4000, 2))
    y = 1 + 2 * X[:, 0] - 0.5 * X[:, 1] + random.normal(size=4000)
    shrunk = cf.read(LinearRegression().fit(X, 0.5 * y))
    made = fitted_to_y(shrunk, Teacher.of(shrunk, X, y), Clock(None))
    wanted = np.linalg.lstsq(np.column_stack([np.ones(4000), X]), y)[0]
    got = made([[0, 0], [1, 0], [0, 1]])
    # Within a standard error, 1/√4000 = 0.016: rounding may cost half of one for each constant.
    assert np.allclose(np.r_[got[0], got[1:] - got[0]], wanted, atol=0.016)
    assert made.trail[-1].name == "refit" and made.trail[-1].found["rows"] == 4000


def test_classes_are_refitted_to_y_by_their_likelihood():
    random = np.random.default_rng(0)
    X = random.normal(size=(4000, 2))
    scores = np.column_stack([0 * X[:, 0], 1 + 2 * X[:, 0], X[:, 1] - X[:, 0]])
    y = np.array(["a", "b", "c"])[(scores + random.gumbel(size=scores.shape)).argmax(axis=1)]
    shrunk = LogisticRegression(C=1e-3).fit(X, y)
    teacher = Teacher.of(cf.read(shrunk), X, y)
    start = terms(teacher.formula, X)[-1]
    made = fitted_to_y(start, teacher, Clock(None))
    wanted = LogisticRegression(C=1e9, tol=1e-10).fit(X, y).predict_proba(X)
    chances = np.column_stack([made.evaluate(X)[f"P({c})"] for c in "abc"])
    assert np.abs(chances - wanted).max() < 0.02  # a standard error of a chance of 0.5 is 0.015
    assert np.abs(shrunk.predict_proba(X) - wanted).max() > 0.2


def test_a_forest_that_has_chances_and_no_scores_is_not_refitted():
    X, y = load_digits(return_X_y=True)
    forest = cf.read(RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, y))
    assert fitted_to_y(forest, Teacher.of(forest, X, y), Clock(None)) is None


@pytest.fixture(scope="module")
def smoothed():
    X, y = make_friedman1(600, noise=1, random_state=0)
    return RandomForestRegressor(30, min_samples_leaf=10, random_state=0).fit(X, y), X, y


@pytest.mark.slow
def test_a_frontier_with_y_has_formulas_fitted_to_it_where_that_is_sure(smoothed):
    model, X, y = smoothed
    front = cf.frontier(model, X, y, methods=["polynomial"])
    order = np.random.default_rng([0, 11]).permutation(len(X))
    unseen = np.sort(order[480:])
    found = [e for e in front.entries if e.refitted]
    assert found
    for e in found:
        away = np.sqrt(np.mean((e.formula(X[unseen]) - y[unseen]) ** 2)) / y[unseen].std()
        assert e.error_y == pytest.approx(away)
        assert e.method == "polynomial, refitted to y" and "refitted to y" in str(front)
        assert any(s.name.startswith("polynomial") for s in e.formula.trail)
        assert e.formula.trail[-1].name == "refit"
        shorter = [o for o in front.entries if o.length <= e.length and not o.refitted]
        assert e.error_y < min(o.error_y for o in shorter)
    lengths = [e.length for e in front.entries]
    assert lengths == sorted(lengths)


@pytest.mark.slow
def test_a_frontier_without_y_has_none(smoothed):
    model, X, _ = smoothed
    assert not any(e.refitted for e in cf.frontier(model, X, methods=["polynomial"]).entries)
