"""Taylor, Padé and Chebyshev: against known series, and never further off than their bounds say."""

import math
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import pade as scipy_pade
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.shorten.chebyshev import chebyshev
from closedform.shorten.series import pade, taylor

x, y = o.input_(0), o.input_(1)


def formula(node, names="xy"):
    return Formula({"f": node}, tuple(map(Feature, names)), Task(primary=("f",)))


SERIES = {
    "exp": (o.exp(x), [1 / math.factorial(k) for k in range(6)]),
    "sin": (o.sin(x), [0, 1, 0, -1 / 6, 0, 1 / 120]),
    "tanh": (o.tanh(x), [0, 1, 0, -1 / 3, 0, 2 / 15]),
    "log1p": (o.unary("log1p", x), [0, 1, -1 / 2, 1 / 3, -1 / 4, 1 / 5]),
    "1/(1 + x²)": (o.div(o.const(1), o.lin(1, (1, o.mul(x, x)))), [1, 0, -1, 0, 1, 0]),
    "sigmoid": (o.sigmoid(x), [1 / 2, 1 / 4, 0, -1 / 48, 0, 1 / 480]),
}


@pytest.mark.parametrize("name", SERIES)
def test_known_series_are_found(name):
    node, coefs = SERIES[name]
    made = taylor(formula(node, "x"), [0.0], 5)
    z = np.linspace(-0.7, 0.7, 50)
    assert np.allclose(made(z[:, None]), np.polynomial.polynomial.polyval(z, coefs), atol=1e-13)


def test_two_inputs_meet_in_mixed_terms():
    made = taylor(formula(o.exp(o.lin(0, (1, x), (2, y)))), {"x": 0.5, "y": 0.25}, 2)
    a, b = np.random.default_rng(0).normal(size=(2, 40))
    u, v = a - 0.5, b - 0.25
    expected = math.e * (1 + u + 2 * v + u * u / 2 + 2 * u * v + 2 * v * v)
    assert np.allclose(made(np.column_stack([a, b])), expected)


SMOOTH = [
    o.tanh(o.lin(0.3, (1, x), (-0.5, y))),
    o.mul(o.sin(x), o.exp(o.lin(0, (0.5, y)))),
    o.div(x, o.lin(3, (1, o.mul(y, y)))),
    o.sqrt(o.lin(4, (1, x), (1, y))),
    o.lin(0, (1, o.sigmoid(o.mul(x, y))), (0.1, o.power(x, 3))),
    o.atan(o.lin(0, (1, x), (1, o.cos(y)))),
]


@settings(max_examples=40)
@given(
    st.sampled_from(SMOOTH), st.integers(0, 3), st.floats(-0.8, 0.8), st.floats(-0.8, 0.8),
    st.floats(0.05, 0.6), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_the_remainder_is_never_greater_than_its_bound(node, order, a, b, reach, seed):
    f = formula(node)
    made = taylor(f, [a, b], order, box={"x": (a - reach, a + reach), "y": (b - reach, b + reach)})
    rows = np.random.default_rng(seed).uniform(-reach, reach, size=(2000, 2)) + [a, b]
    rows[:4] = [[a + s * reach, b + t * reach] for s in (-1, 1) for t in (-1, 1)]
    worst = abs(f(rows) - made(rows)).max()
    (bound,) = made.trail[-1].found["remainder"]
    assert worst <= bound + 1e-12
    # Nor is it empty: interval bounds of first and second derivatives are a few times too wide.
    assert order > 1 or bound <= 20 * worst + 0.1


def test_a_higher_order_is_closer_nearby():
    f = formula(SMOOTH[0])
    rows = np.random.default_rng(0).uniform(-0.1, 0.1, size=(200, 2))
    errors = [abs(f(rows) - taylor(f, [0, 0], k)(rows)).max() for k in range(5)]
    assert all(late < 0.3 * early for early, late in pairwise(errors))


@pytest.mark.parametrize("node", [o.maximum(x, o.const(0)), o.absolute(o.lin(0, (1, x), (1, y)))])
def test_where_there_is_an_edge_no_remainder_is_claimed(node):
    made = taylor(formula(node), [1.0, 1.0], 1, box={"x": (-2, 2)})
    assert made.trail[-1].found["remainder"] == [math.inf]


def test_no_remainder_is_claimed_of_a_tree():
    model = RandomForestRegressor(3, random_state=0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 4.0])
    made = taylor(cf.read(model), [1.0], 2, box={"x0": (0, 2)})
    assert made.trail[-1].found["remainder"] == [math.inf]


def test_no_remainder_is_claimed_beyond_a_pole():
    made = taylor(formula(o.div(o.const(1), x)), [1.0, 0.0], 2, box={"x": (-1, 2)})
    assert made.trail[-1].found["remainder"] == [math.inf]


def test_the_scores_of_a_classifier_are_expanded_and_its_labels_stay():
    data = load_iris()
    model = make_pipeline(StandardScaler(), MLPClassifier((4,), "tanh", max_iter=800))
    model.set_params(mlpclassifier__random_state=0).fit(data.data, data.target)
    f = cf.read(model)
    centre = data.data.mean(axis=0)
    made = taylor(f, centre, 2)
    near = centre + 0.02 * np.random.default_rng(0).normal(size=(100, 4))
    assert (made(near) == model.predict(near)).mean() >= 0.98
    assert made.task.classes == (0, 1, 2)


def test_a_network_of_15_inputs_is_expanded_in_seconds():
    X = np.random.default_rng(0).normal(size=(400, 15))
    model = MLPRegressor(
        hidden_layer_sizes=(20, 20), activation="tanh", max_iter=50, random_state=0
    )
    f = cf.read(model.fit(X, X[:, 0] * X[:, 1]))
    start = time.perf_counter()
    made = taylor(f, np.zeros(15), 2)
    assert time.perf_counter() - start < 20  # 1 s alone
    near = 0.01 * np.random.default_rng(1).normal(size=(50, 15))
    assert abs(made(near) - f(near)).max() < 1e-4


@pytest.mark.parametrize(
    ("point", "order", "message"),
    [
        ([0.0, math.nan], 2, "one row of numbers"),
        ([[0.0, 1.0], [1.0, 2.0]], 2, "one row of numbers"),
        ([0.0, 1.0], -1, "no order"),
        ([0.0, 1.0], 2.5, "no order"),
        ([0.0, 1.0], 60, "terms"),
        ([-1.0, 1.0], 2, "missing or infinite"),
    ],
)
def test_what_cannot_be_expanded_is_refused(point, order, message):
    with pytest.raises(BadInput, match=message):
        taylor(formula(o.mul(o.log(x), y)), point, order)


@pytest.mark.parametrize("name", ["exp", "tanh", "log1p", "sigmoid"])
@pytest.mark.parametrize("degrees", [(2, 2), (3, 2), (1, 2), (3, 0)])
def test_pade_approximants_are_those_of_scipy(name, degrees):
    node, coefs = SERIES[name]
    above, below = degrees
    try:
        p, q = scipy_pade(coefs[: above + below + 1], below, above)
    except np.linalg.LinAlgError:
        return
    made = pade(formula(node, "x"), 0.0, degrees)
    z = np.linspace(-0.8, 0.8, 40)
    assert np.allclose(made(z[:, None]), p(z) / q(z), rtol=1e-9)


def test_pade_stays_close_where_taylor_has_gone():
    f = formula(o.tanh(x), "x")
    z = np.linspace(-3, 3, 100)[:, None]
    errors = [abs(g(z) - f(z)).max() for g in (pade(f, 0.0, (3, 2)), taylor(f, [0.0], 5))]
    assert errors[0] < 0.1 < 10 < errors[1]


def test_pade_of_several_inputs_is_refused():
    with pytest.raises(BadInput, match="one number"):
        pade(formula(o.mul(x, y)), {"x": 0.0})


def network(activation, data, seed=0, sizes=(16,)):
    model = MLPRegressor(
        hidden_layer_sizes=sizes, activation=activation, max_iter=150, random_state=seed, alpha=1e-3
    )
    return cf.read(make_pipeline(StandardScaler(), model).fit(data.data, data.target / 50))


def fit(before, after, rows):
    truth, got = before(rows), after(rows)
    return 1 - ((truth - got) ** 2).mean() / truth.var()


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_units_as_polynomials_follow_the_network(activation):
    data = load_diabetes()
    f = network(activation, data, sizes=(12, 8))
    made = {k: chebyshev(f, data.data, k) for k in (1, 3, 6)}
    scores = {k: fit(f, g, data.data) for k, g in made.items()}
    assert scores[1] < scores[3] < scores[6]
    assert scores[3] > 0.9 and scores[6] > 0.97
    assert made[3].trail[-1].found["units"] == 20
    assert not {"tanh", "sigmoid", "max"} & {n.op.name for n in made[3].nodes}


def test_where_taylor_diverges_chebyshev_does_not():
    chance = np.random.default_rng(0)
    X = chance.normal(size=(600, 3))
    units = [
        o.tanh(o.lin(0.2 * b, *zip(1.3 * w, map(o.input_, range(3)), strict=True)))
        for b, *w in chance.normal(size=(10, 4))
        for w in [np.array(w)]
    ]
    f = formula(o.lin(0, *zip(chance.normal(size=10), units, strict=True)), "xyz")
    assert fit(f, chebyshev(f, X, 5), X) > 0.9
    assert fit(f, taylor(f, np.zeros(3), 5), X) < -100


@settings(max_examples=60)
@given(
    st.sampled_from(["tanh", "sigmoid", "sin", "exp", "softplus", "erf", "abs", "relu"]),
    st.integers(1, 7), st.integers(0, 2), st.floats(-3, 3), st.floats(0.1, 4),
)  # fmt: skip
def test_a_unit_is_nowhere_further_off_than_its_bound(name, degree, below, middle, half):
    unit = o.maximum(x, o.const(0)) if name == "relu" else o.unary(name, x)
    f = formula(unit, "x")
    rows = np.linspace(middle - half, middle + half, 60)[:, None]
    made = chebyshev(f, rows, degree, denominator=below)
    fine = np.linspace(middle - half, middle + half, 7919)[:, None]
    worst = abs(f(fine) - made(fine)).max()
    bound = made.trail[-1].found["remainder"]
    assert worst <= bound + 1e-12
    assert bound <= 1.2 * worst + 0.05 or bound == math.inf


def test_a_denominator_follows_a_saturating_unit_more_closely():
    f = formula(o.tanh(o.lin(0, (2, x))), "x")
    rows = np.linspace(-3, 3, 300)[:, None]
    plain, divided = (chebyshev(f, rows, 3, denominator=k) for k in (0, 2))
    assert fit(f, divided, rows) > 0.999 > fit(f, plain, rows)


def test_what_it_moved_is_what_moves():
    data = load_breast_cancer()
    model = make_pipeline(StandardScaler(), MLPClassifier((6,), "tanh", max_iter=500))
    model.set_params(mlpclassifier__random_state=0).fit(data.data, data.target)
    f = cf.read(model)
    made = chebyshev(f, data.data, 7)
    away = f(data.data, "decision") - made(data.data, "decision") if "decision" in f.outputs else 0
    assert (made(data.data) == f(data.data)).mean() > 0.95
    assert np.isfinite(away).all()
    assert made.trail[-1].found["moved"][0] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [({"degree": 0}, "degree"), ({"degree": 2.5}, "degree"), ({"denominator": -1}, "denominator")],
)
def test_degrees_that_are_none_are_refused(options, message):
    with pytest.raises(BadInput, match=message):
        chebyshev(formula(o.tanh(x)), np.ones((20, 2)), **options)


def test_too_few_rows_are_refused():
    with pytest.raises(BadInput, match="too few"):
        chebyshev(formula(o.tanh(x)), np.ones((3, 2)))
