"""The experiments find the laws that their models have learned, and tell when they have not."""

from importlib import import_module

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import closedform as cf
from examples.experiment import Case, Effort, Truth, Verdict, in_a_line, searched

LINE = Truth("2*a - b", lambda x, a, b: a * x[:, 0] + b * x[:, 1], {"of a": 2, "of b": -1})
TINY = Effort(share=0.004, seconds=2.0)
NAMES = [
    "sum_of_two", "heat_equation", "lorenz", "boosted_trees",
    pytest.param("scaled_networks", marks=pytest.mark.slow),
]  # fmt: skip
EVERY = [*NAMES, "classifier", "force_laws"]


def line(off=0.0):
    """Return a case whose model is a line, off by a share of its deviation."""
    draw = np.random.default_rng(0)

    def model(x):
        return LINE(x) + off * LINE(x).std() * np.sin(3 * x[:, 0] * x[:, 1])

    X, held, outside = draw.normal(size=(3, 200, 2))
    return Case("a line", model, X, LINE(X), ["a", "b"], LINE, model, held, 5 * outside)


class Told:
    """Laws of which the best says what it was told to."""

    def __init__(self, law):
        self.best = law


@pytest.mark.parametrize("name", EVERY)
def test_every_experiment_trains_a_model_and_knows_its_truth(name):
    case = next(import_module(f"examples.{name}").cases(TINY))
    said, true = case.ask(case.held), case.truth(case.held)
    assert said.shape == true.shape == (len(case.held),)
    assert np.isfinite(said).all() and np.isfinite(true).all()
    assert case.X.shape[1] == case.held.shape[1] == case.outside.shape[1] == len(case.names)
    assert len(case.truth.constants_of(case.truth, case.held)[0]) == len(case.truth.constants)


@pytest.mark.parametrize("name", EVERY)
def test_the_same_seed_trains_the_same_model(name):
    module = import_module(f"examples.{name}")
    one, other = (next(module.cases(TINY)) for _ in range(2))
    np.testing.assert_array_equal(one.ask(one.held), other.ask(other.held))
    assert (next(module.cases(Effort(0.004, 2.0, seed=1))).held != one.held).any()


def test_a_law_of_the_true_form_is_recovered_where_its_constants_are_near_enough():
    verdict = Verdict(line(off=0.01), Told(lambda x: 2.01 * x[:, 0] - x[:, 1]), 0.0)
    assert verdict.same_form and verdict.recovered
    np.testing.assert_allclose(verdict.constants[0], [2.01, -1])
    far = Verdict(line(off=0.01), Told(lambda x: 2.5 * x[:, 0] - x[:, 1]), 0.0)
    assert far.same_form and not far.recovered


def test_a_leftover_term_makes_another_law():
    verdict = Verdict(
        line(off=0.01), Told(lambda x: 2 * x[:, 0] - x[:, 1] + 1e-6 * x[:, 0] ** 2), 0.0
    )
    assert not verdict.same_form and not verdict.recovered


def test_a_term_that_is_missing_is_no_term_of_zero_however_far_off_the_model_is():
    verdict = Verdict(line(off=1.0), Told(lambda x: 2.0 * x[:, 0]), 0.0)
    assert verdict.errors["within"][0] > 0.2  # five times that would let any constant be 0
    assert verdict.same_form and not verdict.recovered


def test_a_law_stands_in_a_line_however_long_it_is():
    X = np.random.default_rng(0).normal(size=(60, 20))
    written = in_a_line(cf.read(LinearRegression().fit(X, X @ np.arange(2, 22))))
    assert "\n" not in written
    assert all(f"{i + 2}*x{i}" in written for i in range(20))


def test_the_errors_are_those_against_the_truth():
    verdict = Verdict(line(off=0.1), Told(lambda x: 0 * x[:, 0] + LINE(line().held).mean()), 0.0)
    model, law = verdict.errors["within"]
    assert law == pytest.approx(1)
    assert 0.01 < model < 0.2  # the sine's deviation is less than 1


def test_a_law_is_searched_and_told_with_its_certificate():
    verdict = searched(line(off=1e-3), Effort(seconds=10))
    assert verdict.recovered
    assert "a" in verdict.text and "2*a" in str(verdict).replace(" ", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_laws_of_an_experiment_are_recovered(name):
    for case in import_module(f"examples.{name}").cases(Effort()):
        assert searched(case, Effort()).recovered, case.title


@pytest.mark.slow
def test_the_formula_of_a_block_that_multiplies_does_more_than_a_linear_map():
    module = import_module("examples.transformer_block")
    result = next(module.results(Effort()))
    assert result.controls["formula"].cost < result.controls["a linear map"].cost


def test_a_transformer_answers_every_pair():
    module = import_module("examples.transformer_block")
    for task in module.TASKS:
        net, seen, fresh = module.learned(task, TINY)
        assert net(seen[0]).shape == (len(seen[0]), task.answers)
        assert np.isfinite(float(task.cost(net, fresh).detach()))


def test_a_law_is_sure_where_it_is_short_and_far_nearer_than_its_level():
    from closedform import ops
    from closedform.discover.ladder import sure
    from closedform.discover.problem import Law

    short = ops.mul(ops.input_(0), ops.input_(1))
    long = ops.lin(0.1, *((1.234 + i, ops.power(ops.input_(0), 2 + i)) for i in range(20)))
    assert sure(Law(short, 1e-3, "made"), 0.03)
    assert not sure(Law(short, 0.02, "made"), 0.03)
    assert not sure(Law(long, 1e-3, "made"), 0.03)


@pytest.mark.slow
def test_the_law_of_a_function_that_is_off_smoothly_is_found_whatever_its_noise_is_said_to_be():
    from closedform.discover import ladder
    from closedform.discover.problem import Problem
    from closedform.shorten.clock import Clock

    def off(x):
        return x[:, 0] * x[:, 1] - 2.5 * x[:, 2] + 0.003 * np.sin(2 * x.sum(axis=1))

    rows = np.random.default_rng(0).uniform(1, 3, size=(400, 3))
    truth = rows[:, 0] * rows[:, 1] - 2.5 * rows[:, 2]
    for noise in (1e-12, 1e-5, 0.002):
        problem = Problem(rows, off(rows), off, noise)
        best = min(ladder.solve(problem, Clock(60)), key=lambda law: law.error)
        assert np.abs(Problem.said(best.node, rows) - truth).max() < 0.02
