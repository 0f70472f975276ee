"""Evolutionary engines, and proposals for networks: against laws that are known."""

import sys
import types
from itertools import islice

import numpy as np
import pytest

from closedform import ops
from closedform.discover import engines, noise
from closedform.discover.choice import best
from closedform.discover.constants import refitted
from closedform.discover.contents import canonical
from closedform.discover.engines.registry import OPERATORS
from closedform.discover.engines.rounds import ROWS, chosen, unit_of
from closedform.discover.problem import Law, Problem
from closedform.discover.proposals import solve as proposed
from closedform.discover.proposals.sums import sums
from closedform.discover.proposals.symmetries import moves, reduced
from closedform.errors import BadInput, MissingExtra
from closedform.ir import toposort
from closedform.length import length
from closedform.shorten.clock import Clock

X0, X1, X2 = (ops.input_(i) for i in range(3))


def drawn(law, inputs, rows=1_500, lo=1.0, hi=4.0, wave=0.0, seed=0):
    """A problem of a law, with a smooth relative error as a network has it."""
    random = np.random.default_rng(seed)
    turns, shift = random.normal(size=inputs), random.uniform(0, 6)

    def ask(table):
        return law(*table.T) * (1 + wave * np.sin(table @ turns + shift))

    table = random.uniform(lo, hi, size=(rows, inputs))
    return Problem(table, ask(table), ask, wave)


def nearest(problem, seconds=30.0):
    return best(problem, list(proposed(problem, Clock(seconds)))).law


# --- engines ------------------------------------------------------------------------------------


def test_pyoperon_finds_a_product_and_its_constants_are_refitted():
    pytest.importorskip("pyoperon")
    problem = drawn(lambda a, b: 3.7 * a * b, 2, rows=200)
    laws = engines.solve(problem, Clock(40.0))  # it ends with the first that is right
    # PyOperon's own constants are float32: 6e-8 each.
    assert any(law.error < 1e-9 and law.made == "pyoperon" for law in laws)


def test_a_seed_is_a_column_that_an_engine_may_use():
    pytest.importorskip("pyoperon")
    problem = drawn(lambda a, b: np.tanh(a - b) ** 2 * 5, 2, rows=200)
    seed = ops.tanh(ops.lin(0, (1, X0), (-1, X1)))
    laws = engines.solve(problem, Clock(40.0), seeds=[seed], operators=["mul"])
    assert any(law.error < 1e-9 and seed in toposort([law.node]) for law in laws)


def test_gplearn_finds_a_product():
    pytest.importorskip("gplearn")
    problem = drawn(lambda a, b: a * b, 2, rows=100)
    laws = engines.solve(problem, Clock(40.0), name="gplearn", operators=["add", "mul"])
    assert any(law.error < 1e-9 for law in laws)


def test_pysr_is_asked_by_its_documented_interface(monkeypatch):
    pandas = pytest.importorskip("pandas")
    given = {}

    class PySRRegressor:
        def __init__(self, **options):
            given.update(options)
            self.model_selection = options["model_selection"]

        def fit(self, columns, values):
            self.feature_names_in_ = np.array([f"x{i}" for i in range(columns.shape[1])])
            self.selection_mask_, self.expression_spec = None, None
            self.equations_ = pandas.DataFrame(
                {
                    "complexity": [1, 3],
                    "loss": [4.0, 1e-12],
                    "equation": ["x0", "2.5 * (x0 * x1)"],
                }
            )

    monkeypatch.setitem(sys.modules, "pysr", types.SimpleNamespace(PySRRegressor=PySRRegressor))
    problem = drawn(lambda a, b: 2.5 * a * b, 2, rows=100)
    laws = list(islice(engines.solve(problem, Clock(20.0), name="pysr", seed=7), 4))
    assert min(law.error for law in laws) < 1e-12
    assert given["timeout_in_seconds"] <= 20 and given["random_state"] >= 7
    assert given["binary_operators"] == ["+", "-", "*", "/"] and "sqrt" in given["unary_operators"]


@pytest.mark.parametrize("name", engines.ENGINES)
def test_an_engine_that_is_not_installed_says_what_to_type(name, monkeypatch):
    for package in (name, f"{name}.sklearn", f"{name}.genetic"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match="pip install"):
        next(engines.solve(drawn(lambda a: a, 1, rows=50), Clock(3.0), name=name))


def test_an_engine_that_nobody_knows_is_refused():
    with pytest.raises(BadInput, match="pyoperon"):
        engines.engine("guesswork")


def test_an_engine_may_come_from_another_package(monkeypatch):
    def searched(columns, values, seconds, seed, operators):
        assert set(operators) == set(OPERATORS)
        return [ops.mul(X0, X0)]

    entry = types.SimpleNamespace(name="mine", load=lambda: searched)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name: [entry])
    problem = drawn(lambda a: 4 * a * a, 1, rows=50)
    law = next(engines.solve(problem, Clock(5.0), name="mine"))
    assert isinstance(law, Law) and law.made == "mine"


def test_rows_are_chosen_where_formulas_differ():
    problem = drawn(lambda a: a, 1, rows=2_000, lo=0.0, hi=1.0)
    one, other = X0, ops.lin(0, (1, X0), (5, ops.power(X0, 8)))  # they differ near 1 alone
    committee = [Law(n, problem.error(n), "") for n in (one, other)]
    rows = chosen(problem, committee, np.random.default_rng(0))
    assert len(set(rows)) == ROWS
    assert np.mean(problem.rows[rows] > 0.7) > 0.5 > np.mean(problem.rows > 0.7)


@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_values_of_any_size_are_brought_near_one(size):
    assert 0.3 < size / unit_of(np.full(5, size)) < 3.5


# --- proposals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "q", "p"),
    [
        (lambda a, b, c: a**2 * np.sin(b / c), (1, 0, 0), 2),
        (lambda a, b, c: a**2 * np.sin(b / c), (0, 1, 1), 0),
        (lambda a, b, c: np.sqrt(a * a + b * b) / c, (1, 1, 0), 1),
    ],
)
def test_a_symmetry_is_seen_through_the_error_of_a_network(law, q, p):
    found = moves(drawn(law, 3, wave=0.01))
    true = next(m for m in found if m.kind == "scale" and m.q == q)
    assert true.p == p and true.away < 0.03
    assert next(m for m in found if m.q == (0, 1, 0) and m.kind == "scale").away > 0.1


def test_no_symmetry_is_seen_where_there_is_none():
    found = moves(drawn(lambda a, b: np.sin(a) + np.exp(b / 3) + a * a * b, 2))
    assert found[0].away > 0.02


def test_a_difference_is_an_input_less_and_its_laws_come_back():
    problem = drawn(lambda a, b: np.cos(a - b) * 2, 2, wave=1e-3)
    (move, *_) = moves(problem)
    assert move.kind == "shift" and move.q == (1.0, 1.0)
    less = reduced(problem, move)
    assert less.problem.inputs == 1
    law = less.law(ops.lin(0, (2, ops.cos(X0))))
    assert problem.error(law) < 2e-3


@pytest.mark.parametrize(
    ("law", "inputs"),
    [
        (lambda a, b, c: 0.5 * a * b**2 / c, 3),
        (lambda a, b, c: a * (b + c), 3),
        (lambda a, b, c: (a * b + c) / (a + c), 3),
        (lambda a, b: np.sqrt(a * a + 3 * b * b), 2),
        (lambda a, b, c: a * np.sin(b) + c, 3),
        (lambda a, b: np.exp(-a / b) / b, 2),
    ],
)
def test_the_law_behind_a_smooth_error_is_proposed(law, inputs):
    problem = drawn(law, inputs, wave=3e-3)
    found = nearest(problem)
    truth = drawn(law, inputs, seed=3)
    # The error is a wave of its own mean: constants follow that, the structure does not.
    assert truth.error(found.node) < 0.02 and length([found.node]) < 40
    assert truth.error(refitted(truth, found.node)) < 1e-9


@pytest.mark.slow
def test_rows_alone_give_a_law_by_the_symmetries_of_a_smooth_stand_in():
    random = np.random.default_rng(2)
    rows = random.uniform(1, 4, size=(1_000, 3))
    values = rows[:, 0] * np.exp(-rows[:, 1] / rows[:, 2])
    noisy = values + 0.01 * values.std() * random.normal(size=len(values))
    found = nearest(Problem(rows, noisy), 120.0)
    truth = Problem(rows, values)
    # A thousand rows average an error of 1 % down to 0.03 % for each of two constants.
    assert truth.error(found.node) < 2e-3 and length([found.node]) < 25


def test_the_pairs_that_explain_most_do_not_hide_the_right_three():
    problem = drawn(lambda a, b: (a + b) / (1 + a * b), 2, lo=0.3, hi=5.0)
    assert min(problem.error(n) for n, _ in sums(problem, Clock(30.0))) < 1e-9


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_with_holes_is_searched_all_the_same(value):
    whole = drawn(lambda a, b: a * b, 2)

    def ask(table):
        return np.where(table[:, 0] > 3.5, value, whole.ask(table))

    problem = Problem(whole.rows, whole.values, ask, 0.0)
    assert nearest(problem, 20.0).error < 1e-9


def test_a_constant_and_a_single_row_propose_nothing_and_raise_nothing():
    rows = np.ones((1, 2))
    assert list(proposed(Problem(rows, np.ones(1)), Clock(2.0))) == []
    rows = np.random.default_rng(0).normal(size=(50, 2))
    assert len(list(proposed(Problem(rows, np.ones(50), lambda r: np.ones(len(r))), Clock(5)))) < 9


def test_the_content_of_sums_goes_to_the_product():
    inside = ops.lin(0, (1, ops.div(X0, X1)), (1, ops.div(X2, X0)))
    node = ops.div(ops.mul(X1, inside), ops.lin(1, (1, ops.div(X2, X0))))
    made = canonical(node)
    rows = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
    assert np.allclose(Problem.said(made, rows), Problem.said(node, rows), rtol=1e-12)
    assert length([made]) < length([node])


# --- noise --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wave", [1e-6, 1e-4, 1e-2])
def test_the_noise_of_a_smooth_error_is_estimated(wave):
    problem = drawn(lambda a, b, c: a * b**2 / c, 3, wave=wave)
    assert wave / 5 < noise.estimated(problem) < 5 * wave


def test_the_noise_of_a_product_without_other_symmetries_is_estimated():
    random = np.random.default_rng(2)
    rows = random.uniform(0, 1, size=(1_000, 2))

    def ask(x):
        true = np.sin(np.pi * x[:, 0]) * np.exp(-2 * x[:, 1])
        return true + 3e-4 * np.sin(4 * x[:, 0] + 3 * x[:, 1])

    problem = Problem(rows, ask(rows), ask)
    away = 3e-4 * np.sqrt(0.5) / problem.scale
    # Of a smooth error, two hundred rectangles see about as much as there is.
    assert away / 3 < noise.estimated(problem) < 3 * away


def test_an_exact_function_has_no_noise():
    assert noise.estimated(drawn(lambda a, b: np.sqrt(a * a + b * b), 2)) < 1e-9


def test_independent_noise_on_rows_alone_is_estimated():
    random = np.random.default_rng(1)
    rows = random.uniform(1, 2, size=(2_000, 2))
    values = rows[:, 0] * rows[:, 1]
    values += 0.1 * values.std() * random.normal(size=len(values))
    assert 0.08 < noise.estimated(Problem(rows, values)) < 0.13
