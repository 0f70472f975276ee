"""Laws as a person would write them: each stays the same function, and is shorter to read."""

import numpy as np
import pytest

from closedform import ops
from closedform.discover.problem import Law, Problem
from closedform.discover.proposals import shapes
from closedform.discover.readable import readable
from closedform.formula import Feature, Formula
from closedform.shorten.clock import Clock

X, Y, Z = (ops.input_(i) for i in range(3))
ROWS = np.random.default_rng(0).uniform(0.5, 3, (300, 3))


def _square(n):
    return ops.power(n, 2.0)


def _apart(a, b):
    return ops.lin(0.0, (1.0, a), (-1.0, b))


HOW = {
    "a root of a square is a size": (
        ops.mul(Z, ops.lin(1.0, (1.0, ops.sqrt(ops.div(_square(_apart(X, Y)), _square(Z)))))),
        lambda x, y, z: z + np.abs(x - y), "abs(x0 - x1) + x2",
    ),
    "and of what is positive it is that": (
        ops.mul(Y, ops.sqrt(_square(ops.lin(1.0, (2.0, X))))),
        lambda x, y, z: y * (1 + 2 * x), "x1*(1 + 2*x0)",
    ),
    "a size of what is negative is its opposite": (
        ops.absolute(ops.lin(-5.0, (1.0, X))), lambda x, y, z: 5 - x, "5 - x0",
    ),
    "a minus under a root is no hindrance": (
        ops.sqrt(ops.div(ops.lin(0.0, (-1.0, _square(X))),
                         _apart(_square(X), ops.lin(9.0, (1.0, Y))))),
        lambda x, y, z: x / np.sqrt(9 + y - x**2), "x0/sqrt(9 - x0^2 + x1)",
    ),
    "a fraction in a fraction is one": (
        ops.div(ops.lin(0.0, (30 / 7, ops.exp(ops.lin(0.0, (-0.5, Y))))),
                ops.lin(10 / 7, (1.0, ops.div(ops.const(1.0), X)))),
        lambda x, y, z: 3 * x * np.exp(-y / 2) / (x + 0.7), "3*x0*exp(-0.5*x1)/(x0 + 0.7)",
    ),
    "the last digits of rounding go": (
        ops.lin(0.0, (1 + 2e-16, _square(X)), (2.4999999999999996, Y)),
        lambda x, y, z: x**2 + 2.5 * y, "x0^2 + 2.5*x1",
    ),
}  # fmt: skip


def _text(node):
    features = tuple(Feature(f"x{i}") for i in range(3))
    return Formula({"y": node}, features).to("text").split(" = ", 1)[1].split("\n")[0]


@pytest.mark.parametrize("what", HOW)
def test_a_law_is_written_in_fewer_symbols_and_says_the_same(what):
    node, truth, text = HOW[what]
    problem = Problem(ROWS, truth(*ROWS.T))
    law = readable(problem, Law(node, problem.error(node), "made"))
    assert _text(law.node) == text and law.error < 1e-12 and law.made == "made"


def test_what_is_another_function_on_the_rows_is_not_taken():
    node = ops.sqrt(_square(X))
    problem = Problem(np.linspace(-1, 1, 50)[:, None], np.abs(np.linspace(-1, 1, 50)))
    law = readable(problem, Law(node, problem.error(node), "made"))
    assert _text(law.node) == "abs(x0)"


@pytest.mark.parametrize("law", [
    lambda a, b: 2.0 * (a > 1.5) + b, lambda a, b: np.maximum(a, 2 * b), lambda a, b: np.abs(a - b),
])  # fmt: skip
def test_shapes_with_corners_and_jumps_are_found(law):
    def ask(rows):
        return law(*rows.T)

    found = list(shapes.solve(Problem(ROWS[:, :2], ask(ROWS[:, :2]), ask), Clock(30)))
    # The threshold of a jump lies anywhere between two of the rows that it was looked for on.
    assert min(one.error for one in found) < 0.06


def test_data_alone_have_no_shapes():
    assert not list(shapes.solve(Problem(ROWS, ROWS[:, 0]), Clock(5)))
