"""Small laws of a few inputs are found among all expressions, in parts that meet."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedform.discover import small
from closedform.discover.problem import Problem
from closedform.discover.sample import Sample
from closedform.discover.small.library import Library
from closedform.discover.subsets import Columns
from closedform.shorten.clock import Clock
from laws_asked import asked, far_off, recorded

LAWS = {
    "product": (2, lambda a, b: 3 * a * b),
    "normal density": (2, lambda s, t: np.exp(-((t / s) ** 2) / 2) / (np.sqrt(2 * np.pi) * s)),
    "hypotenuse": (2, lambda a, b: np.sqrt(a * a + b * b)),
    "refraction": (2, lambda n, t: np.arcsin(0.2 * n * np.sin(t))),
    "polarisation": (2, lambda n, a: 1 + 0.05 * n * a / (1 - 0.05 * n * a / 3)),
    "lens": (3, lambda a, b, n: 1 / (1 / a + n / b)),
    "relative speed": (3, lambda c, v, u: (u + v) / (1 + u * v / c**2)),
    "centre of mass": (4, lambda m, n, r, s: (m * r + n * s) / (m + n)),
    "bacteria": (2, lambda x, y: 20 - x - x * y / (1 + 0.5 * x * x)),
    "prey": (2, lambda x, y: 3 * x - 2 * x * y - x * x),
    "decay": (3, lambda a, b, c: a * np.exp(-b * c)),
    "Bose": (2, lambda a, b: 1 / (np.exp(a / b) - 1)),
    "interference": (2, lambda u, k: 2 * u * (1 - np.cos(k))),
    "two waves": (2, lambda x, y: 2 * np.sin(x) * np.cos(y)),
    "of one input": (1, lambda x: np.log(x + 1) + np.log(x * x + 1)),
}


def box(inputs):
    return [(1.0, 4.0)] * inputs


def laws_of(problem, seconds=60.0):
    return list(small.solve(problem, Clock(seconds)))


@pytest.mark.parametrize("name", LAWS)
def test_an_exact_law_is_found_to_rounding(name):
    inputs, law = LAWS[name]
    first = laws_of(asked(law, box(inputs)))[0]
    assert far_off(first.node, law, box(inputs)) < 1e-8
    assert far_off(first.node, law, box(inputs), beyond=1.1) < 1e-6


@pytest.mark.parametrize("noise", [1e-6, 1e-4, 1e-3])
@pytest.mark.parametrize("name", ["hypotenuse", "lens", "decay", "prey", "Bose"])
def test_a_law_with_a_smooth_error_is_found_without_what_the_error_adds(name, noise):
    inputs, law = LAWS[name]
    problem = asked(law, box(inputs), smooth=noise)
    laws = laws_of(problem)
    assert min(far_off(one.node, law, box(inputs)) for one in laws) <= 5 * problem.noise
    assert laws[0].error <= 1.5 * problem.noise


def test_constants_that_no_expression_has_are_fitted():
    @settings(max_examples=4, deadline=None)
    @given(st.floats(0.4, 3.0), st.floats(0.4, 3.0))
    def found(a, b):
        def law(x, y):
            return a * x / y + b * x * x

        assert far_off(laws_of(asked(law, box(2)))[0].node, law, box(2)) < 1e-8

    found()


def test_rows_alone_are_enough():
    _, law = LAWS["hypotenuse"]
    assert far_off(laws_of(recorded(law, box(2), 0.0))[0].node, law, box(2)) < 1e-8


def test_all_expressions_of_a_size_are_there_once():
    rows = np.random.default_rng(0).uniform(1, 4, (40, 2))
    library = Library(rows, 20_000)
    while library.grow(Clock()):
        pass
    values = library.values
    for i in range(0, len(library), 97):
        said = Problem.said(library.node(i), rows)
        # The node says what the table has.
        assert np.allclose(said, values[i], rtol=1e-9)
    unit = values / np.linalg.norm(values, axis=1)[:, None]
    alike = np.abs(unit[:300] @ unit[:300].T) > 1 - 1e-13
    size = np.linalg.norm(values[:300], axis=1)
    same = alike & (np.abs(size[:, None] / size[None, :] - 1) < 1e-12)
    assert same.sum() == 300  # each with itself
    x, y = rows.T
    for wanted in (x * y, x / y, x * x + y, np.sqrt(x * y), np.exp(-x) * y, 1 / (1 + x) + y):
        assert np.isclose(np.abs(values), np.abs(wanted), rtol=1e-9).all(axis=1).any()


def test_the_best_pair_of_columns_is_that_of_all_regressions():
    random = np.random.default_rng(1)
    table, noise = random.normal(size=(12, 50)), random.normal(size=50)
    target = 2 * table[3] - table[8] + 0.7 + 0.1 * noise
    columns = Columns(table, target, np.ones(50), 1.0)
    found = columns.pairs(True, 1)[0]
    assert found.which == (3, 8)
    design = np.column_stack([np.ones(50), table[3], table[8]])
    left = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    assert found.error == pytest.approx(np.sqrt(np.mean(left**2)), rel=1e-6)
    assert columns.weights(found)[0] == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.full(len(X), np.nan),
        lambda X: np.where(X[:, 0] > 2, np.nan, X[:, 0] * X[:, 1]),
        lambda X: np.floor(X[:, 0]) + X[:, 1],
        lambda X: np.zeros(len(X)),
        lambda X: 1e300 * X[:, 0],
        lambda X: np.random.default_rng(0).normal(size=len(X)),
    ],
)
def test_a_function_with_holes_jumps_or_nothing_to_it_does_no_harm(function):
    X = np.random.default_rng(0).uniform(1, 4, (60, 2))
    for problem in (Problem(X, function(X), function), Problem(X, function(X))):
        for law in laws_of(problem, 2.0):
            assert law.error >= 0


def test_integer_inputs_and_a_column_of_one_value_do_no_harm():
    X = np.column_stack([np.repeat([1.0, 2, 3], 20), np.full(60, 2.0), np.tile([1.0, 4], 30)])
    values = X[:, 0] * X[:, 2] + X[:, 1]
    assert laws_of(Problem(X, values), 10.0)[0].error < 1e-9


def test_the_time_that_is_given_is_kept():
    problem = asked(lambda a, b, c, d: np.sin(a * b) + np.cos(c + d * a) / b, box(4))
    start = time.process_time()
    laws_of(problem, 1.0)
    # One step may be under way, of half a second on a busy core.
    assert time.process_time() - start < 3


@pytest.mark.parametrize("rows", [0, 1, 3, 9])
def test_few_rows_and_no_time_are_no_error(rows):
    X = np.random.default_rng(0).uniform(1, 4, (rows, 2))
    laws_of(Problem(X, X[:, 0] * X[:, 1]), 5.0)
    list(small.solve(asked(lambda a, b: a * b, box(2)), Clock(0)))


def test_the_same_question_has_the_same_answer():
    problem = asked(LAWS["lens"][1], box(3), smooth=1e-4)
    once, again = (laws_of(problem) for _ in range(2))
    assert [law.node for law in once] == [law.node for law in again]


def test_fresh_rows_lie_where_the_function_is_known():
    problem = asked(lambda a, b: a * b, [(1, 2), (5, 9)])
    fresh = Sample.fresh(problem, 50)
    for column, (lo, hi) in zip(fresh.columns, problem.box, strict=True):
        assert (column >= lo).all() and (column <= hi).all()
    assert len(fresh) == 50 and not np.isin(fresh.columns[0], problem.rows[:, 0]).all()
