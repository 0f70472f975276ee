"""Laws with corners are found beside smooth ones, and what is smooth has none."""

import numpy as np
import pytest

import closedform as cf
from closedform.discover.problem import Problem
from closedform.discover.proposals import corners
from closedform.shorten.clock import Clock


def rows(lo, hi, inputs):
    return np.random.default_rng(0).uniform(lo, hi, (300, inputs))


def ramp(Z):
    return 3 * np.maximum(Z[:, 0] + Z[:, 1] - 1.5 * Z[:, 2] - 0.5, 0) + np.sin(Z[:, 0])


@pytest.mark.parametrize(
    ("law", "lo", "hi", "inputs", "length"),
    [
        (lambda Z: np.maximum(Z[:, 0], 2 * Z[:, 1]), 1, 5, 2, 5),
        (lambda Z: np.minimum(Z[:, 0], 2 * Z[:, 1]), 1, 5, 2, 5),
        (lambda Z: np.abs(Z[:, 0] - Z[:, 1]), -1, 2, 2, 4),
        (lambda Z: np.clip(Z[:, 0], 1.5, 3), 1, 5, 2, 20),
        (ramp, -1, 2, 3, 25),
    ],
)
def test_the_greater_of_two_and_its_like_are_found_within_seconds(law, lo, hi, inputs, length):
    X = rows(lo, hi, inputs)
    found = cf.distill(law, X, time_limit=10, engines=[]).best
    # Exact, but for rounding: also where no row is.
    other = np.random.default_rng(1).uniform(lo, hi, (300, inputs))
    np.testing.assert_allclose(found(other), law(other), atol=1e-9)
    assert found.length <= length, str(found)


@pytest.mark.parametrize(
    "law",
    [
        lambda Z: np.sin(5 * Z[:, 0]) * np.exp(Z[:, 1]) + np.tanh(9 * Z[:, 0]),
        lambda Z: 1 / (Z[:, 0] - 2.01) + Z[:, 1] ** 2,
        lambda Z: (Z[:, 0] > Z[:, 1]) * 1.0,
        lambda Z: np.full(len(Z), 3.0),
        lambda Z: np.where(Z[:, 0] > 0, np.nan, Z[:, 1]),
    ],
)
def test_bends_jumps_and_gaps_are_no_corners(law):
    X = rows(-1, 2, 2)
    problem = Problem(X, law(X), law, 0.0)
    assert not len(corners.corners(problem, np.random.default_rng(0)).places)
    assert not list(corners.solve(problem, Clock(5)))
