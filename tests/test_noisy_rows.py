"""Laws of rows that err by themselves: how much they err, what is the same for them, which law."""

import numpy as np
import pytest

import closedform as cf
from closedform import ops
from closedform.discover import engines, noise
from closedform.discover.choice import best
from closedform.discover.constants import cleaned
from closedform.discover.description import told
from closedform.discover.problem import Law, Problem
from closedform.discover.proposals import evidence, process
from closedform.discover.proposals import solve as proposed
from closedform.shorten.clock import Clock

X0, X1, X2 = (ops.input_(i) for i in range(3))


def noisy(law, inputs, share, rows=600, seed=0, lo=1.0, hi=3.0):
    """Rows of a law with normal noise, and the deviation of the noise by that of the values."""
    random = np.random.default_rng(seed)
    table = random.uniform(lo, hi, (rows, inputs))
    said = law(*table.T)
    away = share * said.std() * random.normal(size=rows)
    problem = Problem(table, said + away, observed=True)
    return problem, float(np.sqrt(np.mean(away**2)) / problem.scale)


# --- the process --------------------------------------------------------------------------------


def test_a_process_is_that_of_scikit_learn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    problem, _ = noisy(lambda a, b: a * np.sin(2 * b), 2, 0.1, rows=150)
    made = process.process(problem.rows, problem.values)
    order = np.random.default_rng([0, 29]).permutation(150)
    table = made.turned(problem.rows[order])
    y = (problem.values[order] - made.middle) / made.deviation
    size = -np.log(problem.scale) * 150  # of a density, by the unit of its values
    kernel = ConstantKernel(1.0, (1e-3, 1e4)) * RBF([2.0, 2.0], (0.1, 150)) + WhiteKernel(0.0025)
    theirs = GaussianProcessRegressor(kernel).fit(table, y)
    # Theirs counts the constant of the normal density, too, and stops by a tolerance of its own.
    likely = theirs.log_marginal_likelihood_value_ + 0.5 * 150 * np.log(2 * np.pi) + size
    assert made.likelihood == pytest.approx(likely, abs=0.05)
    assert made.noise == pytest.approx(np.sqrt(theirs.kernel_.k2.noise_level), rel=0.01)
    fresh = np.random.default_rng(3).uniform(1, 3, (50, 2))
    said = theirs.predict(made.turned(fresh)) * made.deviation + made.middle
    np.testing.assert_allclose(made(fresh), said, atol=0.01 * problem.scale)


LAWS = {
    "x*y/z": (lambda a, b, c: a * b / c, 3),
    "x*exp(-y/z)": (lambda a, b, c: a * np.exp(-b / c), 3),
    "distance": (lambda a, b, c, d: np.sqrt((a - b) ** 2 + (c - d) ** 2), 4),
}


@pytest.mark.parametrize("law", ["x*y/z", "x*exp(-y/z)"])
@pytest.mark.parametrize("share", [0.02, 0.1])
def test_the_noise_of_rows_is_estimated_from_them_alone(law, share):
    problem, true = noisy(*LAWS[law], share)
    # The deviation of 200 normal numbers is known to 5 %: this is four times that.
    assert noise.estimated(problem) == pytest.approx(true, rel=0.2)


def test_rows_without_noise_have_none_and_neither_have_few():
    assert noise.estimated(noisy(*LAWS["x*exp(-y/z)"], 0.0)[0]) == 0.0
    assert noise.estimated(noisy(*LAWS["x*y/z"], 0.1, rows=20)[0]) == 0.0


# --- symmetries ---------------------------------------------------------------------------------


def test_the_symmetries_of_noisy_rows_are_those_of_their_law():
    problem, _ = noisy(*LAWS["x*exp(-y/z)"], 0.1)
    chain = evidence.chain(problem, 0, Clock())
    assert [step.problem.inputs for step in chain] == [2, 1]  # y/z, and the factor x
    node = ops.exp(ops.lin(0, (-1, X0))) if chain else X0
    said = [node]
    for step in reversed(chain):
        said.append(step.law(said[-1]))
    values = Problem.said(said[-1], problem.rows)
    truth = LAWS["x*exp(-y/z)"][0](*problem.rows.T)
    # One of y/z and z/y is what is left, and a fit of one input finds either.
    other = LAWS["x*exp(-y/z)"][0](*problem.rows[:, [0, 2, 1]].T)
    assert np.allclose(values, truth) or np.allclose(values, other)


def test_rows_without_a_symmetry_are_left_as_they_are():
    def law(a, b):
        return np.sin(3 * a) + np.exp(b) * a + b**2

    assert evidence.chain(noisy(law, 2, 0.05)[0], 0, Clock()) == []


@pytest.mark.parametrize("law", ["x*exp(-y/z)", "distance"])
def test_laws_are_proposed_at_a_tenth_of_noise(law):
    problem, true = noisy(*LAWS[law], 0.1)
    rough = Problem(problem.rows, problem.values, None, true, observed=True)
    fresh = np.random.default_rng(1).uniform(1, 9, (200, problem.inputs))
    truth = LAWS[law][0](*fresh.T)
    # Constants of 600 rows with a tenth of noise are known to about half a percent.
    assert any(
        np.sqrt(np.mean((Problem.said(law.node, fresh) - truth) ** 2)) < 0.02 * truth.std()
        for law in proposed(rough, Clock())
    )


# --- which law ----------------------------------------------------------------------------------


def test_a_symbol_and_a_digit_have_a_price():
    short, long = ops.mul(X0, X1), ops.mul(X0, ops.exp(X1))
    assert told(short, 2, 600) < told(long, 2, 600)
    neat, fitted = ops.lin(0, (0.5, X0)), ops.lin(0, (0.5123, X0))
    # A constant that is fitted to rows is known to one by the root of their number.
    assert told(fitted, 2, 600) - told(neat, 2, 600) == pytest.approx(0.5 * np.log(600))


def test_a_term_smaller_than_the_noise_is_kept_and_chance_is_not():
    problem, _ = noisy(lambda a, b: a * b + 0.2 * np.sin(5 * a), 2, 0.1, rows=2_000)
    small = ops.lin(0, (1, ops.mul(X0, X1)), (0.2, ops.sin(ops.lin(0, (5, X0)))))
    random = np.random.default_rng(7)
    waves = (ops.sin(ops.lin(c, (w, X1))) for w, c in random.uniform(3, 99, (40, 2)))
    longer = []
    for wave in waves:  # as a search that tries many finds those that fit chance best
        said = Problem.said(wave, problem.rows)
        left = problem.values - Problem.said(small, problem.rows)
        weight = float(said @ left / (said @ said))
        longer.append(ops.lin(0, (1, small), (weight, wave)))
    nodes = [ops.mul(X0, X1), small, *longer]
    laws = [Law(n, problem.error(n), "") for n in nodes]
    assert min(law.error for law in laws[2:]) < laws[1].error  # chance does fit
    assert best(problem, laws).law.node is small


def test_what_noise_does_not_bear_out_is_taken_off_and_the_rest_refitted():
    problem, _ = noisy(lambda a, b: 2 * a * b, 2, 0.1)
    dressed = ops.lin(0.02, (1.97, ops.mul(X0, X1)), (0.01, ops.sin(X0)), (0.004, X1))
    assert cleaned(problem, dressed) is ops.lin(0, (2, ops.mul(X0, X1)))


def test_data_with_noise_give_their_law_and_say_how_noisy_they_are():
    problem, true = noisy(lambda a, b, c: a * b / c**2, 3, 0.1, seed=4)
    # Much more time than it takes, where the machine is busy: a product of powers is found at once.
    laws = cf.distill(None, problem.rows, problem.values, time_limit=60, engines=[])
    fresh = np.random.default_rng(1).uniform(1, 9, (200, 3))
    truth = fresh[:, 0] * fresh[:, 1] / fresh[:, 2] ** 2
    assert np.abs(laws.best(fresh) / truth - 1).max() < 0.02
    assert laws.noise[0] == pytest.approx(true, rel=0.2)
    assert any("noise of y is estimated at" in note for note in laws.notes)


# --- the engine ---------------------------------------------------------------------------------


def test_an_engine_on_noisy_rows_stops_where_nothing_better_comes(monkeypatch):
    problem, true = noisy(lambda a, b: a * b, 2, 0.1)
    rough = Problem(problem.rows, problem.values, None, true, observed=True)
    starts = []

    def searched(columns, values, seconds, seed, operators):
        starts.append(len(values))
        return [ops.mul(X0, X1)]

    monkeypatch.setattr("closedform.discover.engines.registry._searched", lambda _: searched)
    laws = list(engines.solve(rough, Clock(100)))
    assert starts == [600] * 3 and laws[0].node is ops.mul(X0, X1)  # all rows, and two in vain
