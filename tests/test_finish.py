"""What every method does last, and the one walk that drops digits."""

import math
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import closedform as cf
from closedform import ops as o
from closedform.formula import Feature, Formula
from closedform.ir import toposort
from closedform.passes.legible import rewritten
from closedform.shorten.clock import Clock
from closedform.shorten.digits import drop_digits, same_digits
from closedform.shorten.finish import finished, finished_formula
from closedform.shorten.methods import method
from closedform.shorten.surgeon import Surgery
from closedform.shorten.teacher import Teacher

x, y, z = (o.input_(i) for i in range(3))
ROWS = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 10.0, 0.1] + [0.0, 60.0, 0.0]
INPUTS = tuple(ROWS.T)


def test_the_widest_term_stands_first():
    total = o.lin(4, (5, z), (-2, x), (1, o.mul(y, z)), (0.5, y))
    spreads = [abs(w) * np.std(c) for w, c in ((5, INPUTS[2]), (2, INPUTS[0]))]
    assert spreads[0] < spreads[1] < 0.5 * INPUTS[1].std()
    assert finished([total], INPUTS)[0].args == (o.mul(y, z), y, x, z)


def test_scores_of_several_classes_have_their_terms_in_one_order():
    scores = [o.lin(0, (1, x), (0.1, z)), o.lin(0, (9, z), (3, x))]
    made = finished(scores, INPUTS)
    assert [n.args for n in made] == [(x, z), (x, z)]


def test_a_term_that_is_nowhere_a_number_stands_last():
    nowhere = o.log(o.lin(-1, (-1, o.mul(x, x))))
    assert finished([o.lin(0, (1, nowhere), (2, x), (3, z))], INPUTS)[0].args == (x, z, nowhere)


def test_the_outputs_beside_the_score_follow_it():
    score = o.lin(1, (2, o.lin(-3, (1, x))))
    f = Formula({"chance": o.sigmoid(score), "g": score}, tuple(map(Feature, "xyz")),
                cf.Task("classification", (0, 1), decision=("g",)))  # fmt: skip
    made = finished_formula(f, INPUTS)
    assert made.outputs["g"] is o.lin(-5, (2, x))
    assert made.outputs["chance"] is o.sigmoid(o.lin(-5, (2, x)))


@pytest.mark.parametrize("name", ["terms", "additive", "polynomial", "pieces", "tree"])
def test_what_a_method_gives_could_not_be_written_shorter(name):
    truth = o.lin(3, (2, x), (0.3, o.maximum(o.lin(-65, (1, y)), o.const(0))), (9, z))
    exact = Formula({"y": truth}, tuple(map(Feature, "xyz")))
    bent = Formula({"y": o.lin(0, (1, truth), (4, o.tanh(truth)))}, exact.inputs)
    made = list(method(name)(Teacher.of(bent, ROWS[:200]), Clock(2)))
    assert made
    for f in made:
        assert rewritten([f.outputs["y"]]) == [f.outputs["y"]]


def test_a_list_of_pieces_asks_first_what_answers_at_once():
    kinked = o.where(
        o.less_equal(x, o.const(0.5)), o.where(o.less(z, o.const(0)), y, z), o.const(9)
    )
    f = Formula({"y": kinked}, tuple(map(Feature, "xyz")))
    for made in method("pieces")(Teacher.of(f, ROWS[:200]), Clock(5)):
        for n in toposort(made.roots):
            if n.op is o.WHERE and n.args[1].op is o.WHERE:
                assert n.args[2].op is o.WHERE


def test_an_exponential_has_its_constant_before_it_alone():
    grown = Formula({"t": o.lin(0, (44, o.exp(o.lin(0, (0.05, y)))))}, tuple(map(Feature, "xyz")))
    found = list(method("terms")(Teacher.of(grown, ROWS + [0, 20, 0]), Clock(5)))
    near = max(found, key=lambda f: f.trail[-1].found["explained"])
    assert re.match(r"t = 44(\.0000\d*)?\*exp\(0\.05\*y\)", near.to("text"))


def problem(seed, columns=5):
    random = np.random.default_rng(seed)
    table = random.normal(size=(60, columns)) + random.normal(size=(60, 1))
    theta = random.normal(size=columns) * 10.0 ** random.integers(-2, 3, size=columns)
    return theta, table.T @ table / 60


def loss(short, theta, normal):
    return float((short - theta) @ normal @ (short - theta))


def anything(_):
    return True


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-1, 1e-3, 1e-6]))
def test_each_constant_loses_no_more_than_its_room(seed, room):
    theta, normal = problem(seed)
    short = drop_digits(Surgery(theta, normal, damping=1e-12), room, anything)
    assert loss(short, theta, normal) <= 1.001 * room * len(theta)
    assert all(_digits(v) <= 8 for v in short)


def _digits(value):
    """The digits that a number is written with, by Python's own shortest text."""
    return max(1, len(f"{Decimal(repr(float(abs(value)))).normalize():e}".partition("e")[0]) - 1)


def test_the_room_is_narrowed_until_the_constants_may_be_so():
    theta, normal = problem(3)
    surgery = Surgery(theta, normal)
    near = drop_digits(surgery, 1.0, lambda short: bool(abs(short - theta).max() < 1e-3))
    assert 0 < abs(near - theta).max() < 1e-3
    assert (drop_digits(surgery, 1.0, lambda short: False) == theta).all()
    assert (surgery.theta == theta).all()


def test_a_constant_that_costs_little_goes_altogether_where_it_may():
    theta, normal = np.array([3.0, 1e-3]), np.eye(2)
    free = drop_digits(Surgery(theta, normal), 2e-7, anything, order=[0, 1], gone={1: 10.0})
    kept = drop_digits(Surgery(theta, normal), 2e-7, anything, order=[0, 1])
    assert (free[1], kept[1]) == (0.0, 1e-3)


def test_many_constants_get_as_many_digits_each():
    theta = np.array([math.pi, 123.456])
    short = same_digits(theta, lambda v: bool(abs(v - theta).max() < 0.1))
    assert short.tolist() == [3.142, 123.5]
