"""Which of several laws is the one: on functions whose law is known."""

from itertools import pairwise

import numpy as np
import pytest

from closedform import ops
from closedform.discover.choice import best, front
from closedform.discover.problem import Law, Problem

X, Y = ops.input_(0), ops.input_(1)


def problem_of(wave, noise=0.0, rows=2_000):
    """2·x·y with a smooth error, or an independent one."""
    random = np.random.default_rng(5)
    table = random.uniform(1, 3, size=(rows, 2))
    values = 2 * table.prod(axis=1) * (1 + wave * np.sin(2 * table[:, 0] + table[:, 1]))
    values += noise * values.std() * random.normal(size=rows)
    return Problem(table, values, None, max(wave, noise))


def laws_of(problem, nodes):
    return [Law(n, problem.error(n), "") for n in nodes]


TRUE = ops.lin(0, (2, ops.mul(X, Y)))
SHORT = ops.lin(0, (4, X))
LEFT_OVER = ops.lin(0.0027, (1.9993, ops.mul(X, Y)), (0.004, ops.sin(ops.lin(0, (2.1, X)))))


@pytest.mark.parametrize(("wave", "noise"), [(0.0, 0.0), (1e-4, 0.0), (5e-3, 0.0), (0.0, 0.1)])
def test_the_true_law_is_chosen_among_shorter_and_longer_ones(wave, noise):
    problem = problem_of(wave, noise)
    chosen = best(problem, laws_of(problem, [LEFT_OVER, SHORT, TRUE, X]))
    assert chosen.law.node is TRUE


def test_of_a_known_noise_no_term_that_follows_it_is_kept():
    # An error that is one wave: a term for it brings the error to a tenth of what was told.
    problem = problem_of(2e-3)
    known = Problem(problem.rows, problem.values, None, problem.error(TRUE), told=True)
    wave = ops.sin(ops.lin(0, (2, X), (1, Y)))
    follows = ops.lin(0, (2, ops.mul(X, Y)), (4e-3, ops.mul(X, Y, wave)))
    laws = laws_of(known, [SHORT, TRUE, follows])
    assert laws[2].error < 0.1 * laws[1].error
    assert best(known, laws).law.node is TRUE
    guessed = Problem(problem.rows, problem.values, None, known.noise)
    assert best(guessed, laws).law.node is follows


def test_a_short_law_is_judged_however_many_longer_ones_are_nearer():
    random = np.random.default_rng(5)
    rows = random.uniform(1, 3, size=(2_000, 2))
    waves = [ops.sin(ops.lin(0, (k * np.pi, X), (np.pi, Y))) for k in range(1, 16)]
    longer = [ops.lin(0, (2, ops.mul(X, Y)), *((0.01, w) for w in waves[:k])) for k in range(1, 16)]
    problem = Problem(rows, Problem.said(longer[-1], rows), None, 1e-2)
    laws = laws_of(problem, [TRUE, *longer[:-1]])
    assert all(later.error < law.error for law, later in pairwise(laws))
    assert best(problem, laws).law.node is TRUE


def test_a_term_that_the_law_has_is_not_saved():
    truth = ops.lin(0, (2, ops.mul(X, Y)), (0.5, ops.power(X, 3)))
    random = np.random.default_rng(5)
    rows = random.uniform(1, 3, size=(2_000, 2))
    problem = Problem(rows, Problem.said(truth, rows) * (1 + 1e-3 * np.sin(rows[:, 0])))
    assert best(problem, laws_of(problem, [TRUE, truth])).law.node is truth


def test_of_two_laws_of_one_form_that_with_the_right_constants_is_chosen():
    def cooling(rate):
        waved = ops.sin(ops.lin(0, (np.pi, X)))
        return ops.mul(waved, ops.exp(ops.lin(0, (-rate, Y))))

    rows = np.random.default_rng(5).uniform(0, 1, size=(2_000, 2))
    values = Problem.said(cooling(1.974), rows) + 1e-4 * np.sin(3 * rows.sum(axis=1))
    problem = Problem(rows, values, None, 3e-4)
    # Shorter by a digit, as it was written at a greater noise; a refit would make it the other.
    laws = laws_of(problem, [cooling(2), cooling(1.974)])
    assert best(problem, laws).law.node is laws[1].node


def test_what_was_observed_decides_where_there_is_such():
    problem = problem_of(0.0)
    y = 2 * problem.rows.prod(axis=1) + 0.3 * problem.rows[:, 0] ** 3
    other = ops.lin(0, (2, ops.mul(X, Y)), (0.3, ops.power(X, 3)))
    laws = laws_of(problem, [TRUE, other])
    assert best(problem, laws, y=y).law.node is other


def test_the_reason_is_a_sentence_with_numbers():
    problem = problem_of(5e-3)
    wave = ops.sin(ops.lin(0, (2, X), (1, Y)))  # what only follows the error
    longer = ops.lin(0, (2, ops.mul(X, Y)), (0.01, ops.mul(X, wave)))
    chosen = best(problem, laws_of(problem, [longer, SHORT, TRUE]))
    assert chosen.law.node is TRUE
    assert chosen.why.endswith(".") and "shorter" in chosen.why and "longer" in chosen.why


def test_only_what_is_shorter_or_nearer_is_judged():
    problem = problem_of(0.0)
    worse = ops.lin(1, (2, ops.mul(X, Y)), (0.1, X))
    kept = [law.node for law in front(laws_of(problem, [worse, TRUE, SHORT, TRUE]))]
    assert kept == [TRUE, SHORT]


def test_one_law_is_chosen_where_it_is_no_number():
    problem = problem_of(0.0)
    nowhere = ops.log(ops.lin(-9, (-1, X)))
    assert best(problem, laws_of(problem, [nowhere])).law.node is nowhere
