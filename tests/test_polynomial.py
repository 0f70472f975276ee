"""Sparse polynomials: what the model is made of is found, in the order of what it explains."""

import time

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.shorten import Clock, Teacher
from closedform.shorten.gathering import gathered
from closedform.shorten.methods import method
from closedform.shorten.polynomial import SIZES, formulas, polynomial

a, b, c, d = (o.input_(i) for i in range(4))
X = np.random.default_rng(0).normal(size=(1500, 4))


def formula(node):
    return Formula({"f": node}, tuple(map(Feature, "abcd")), Task(primary=("f",)))


def fit(before, after, rows=X):
    """R² of a formula against the model."""
    truth, got = before(rows), after(rows)
    return 1 - ((truth - got) ** 2).mean() / truth.var()


CUBIC = o.lin(0.7, (2.5, a), (-1.5, o.mul(b, c)), (0.8, o.power(d, 2)), (0.3, o.power(c, 3)))


def test_a_sparse_polynomial_is_found_term_by_term():
    f = formula(CUBIC)
    made = {m.trail[0].options["terms"]: m for m in polynomial(f, X)}
    assert fit(f, made[1]) < fit(f, made[2]) < fit(f, made[3]) < fit(f, made[4])
    terms = made[4].outputs["f"]
    assert {frozenset(zip(terms.args, terms.data.weights, strict=True))} == {
        frozenset([(a, 2.5), (o.mul(b, c), -1.5), (o.power(d, 2), 0.8), (o.power(c, 3), 0.3)])
    }
    assert terms.data.bias == 0.7
    assert max(made) == 4  # no term is added that explains nothing


def test_a_linear_model_is_given_back():
    f = formula(o.lin(0.5, (1.25, a), (-2, c)))
    assert polynomial(f, X, degree=1)[-1].outputs["f"] is f.outputs["f"] or fit(
        f, polynomial(f, X, degree=1)[-1]
    ) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    "node",
    [
        o.lin(1, (2, o.absolute(o.lin(-0.1, (1, a)))), (1, b)),
        o.lin(1, (2, o.maximum(o.lin(0.6, (1, a)), o.const(0))), (1, b)),
    ],
)
def test_simple_curves_are_found_where_they_are_asked_for(node):
    f = formula(node)
    plain, curved = (polynomial(f, X, degree=2, curves=k) for k in (False, True))
    assert fit(f, curved[1]) > 0.985 > fit(f, plain[1])


def test_logarithms_and_roots_are_taken_of_positive_inputs_alone():
    f = formula(o.lin(0, (3, o.log(o.input_(0))), (1, o.sqrt(b))))
    rows = np.random.default_rng(0).uniform(0.2, 20, size=(1000, 4))
    made = polynomial(f, rows, curves=True, degree=2)[1]
    assert fit(f, made, rows) > 0.99999
    assert {n.op.name for n in made.nodes} >= {"log", "sqrt"}
    signed = polynomial(formula(o.lin(0, (3, a), (1, b))), X, curves=True)
    assert not {"log", "sqrt"} & {n.op.name for m in signed for n in m.nodes}


def test_far_from_zero_products_are_centred_so_that_terms_do_not_cancel():
    rows = 100 + np.random.default_rng(0).normal(size=(1000, 4))
    f = formula(o.power(o.lin(-100, (1, a)), 2))
    made = polynomial(f, rows, degree=2)[0]
    assert fit(f, made, rows) > 0.99
    total = made.outputs["f"]
    terms = zip(total.data.weights, total.args, strict=True) if total.op is o.LIN else [(1, total)]
    sizes = [abs(w) * np.abs(formula(t)(rows)).mean() for w, t in terms]
    assert sum(sizes) < 3 * np.abs(f(rows)).mean()


def test_three_classes_share_their_terms():
    data = load_iris()
    f = cf.read(make_pipeline(StandardScaler(), SVC()).fit(data.data, data.target))
    made = [m for m in polynomial(f, data.data, degree=2) if m.trail[-2].options["terms"] <= 5]
    best = max((m(data.data) == f(data.data)).mean() for m in made)
    assert best >= 0.95
    assert made[-1].task.classes == (0, 1, 2)
    assert len(made[-1].task.probability) == 3


def test_several_outputs_are_fitted_together():
    target = np.column_stack([X[:, 0] + X[:, 1], X[:, 0] - 2 * X[:, 2]])
    f = cf.read(LinearRegression().fit(X, target))
    made = polynomial(f, X, degree=1)[-1]
    assert np.allclose(made(X), f(X), atol=0.02)


def test_categories_and_gaps_are_terms_too():
    chance = np.random.default_rng(0)
    kind = chance.choice(["x", "y", "z"], 600).astype(object)[:, None]
    model = make_pipeline(OneHotEncoder(), LinearRegression())
    f = cf.read(model.fit(kind, np.select([kind[:, 0] == "x", kind[:, 0] == "y"], [1.0, 3.0], -2)))
    made = polynomial(f, kind)
    assert np.allclose(made[-1](kind), f(kind), atol=0.02)
    assert all(n.op is not o.POW for m in made for n in m.nodes)


def test_the_method_gives_each_formula_once_from_short_to_long():
    f = cf.read(SVR(C=30).fit(X[:80, :2], X[:80, 0] + X[:80, 1] ** 2))
    made = list(formulas(Teacher.of(f, X[:80, :2]), Clock(20)))
    assert len({tuple(m.roots) for m in made}) == len(made)
    assert max(fit(f, m, X[:80, :2]) for m in made) > 0.97
    assert all(m.trail[-1].kind == "approx" for m in made)
    assert method("polynomial") is formulas


def test_time_that_is_over_ends_the_search():
    f = cf.read(SVR().fit(X[:300], X[:300, 0]))
    start = time.perf_counter()
    assert list(formulas(Teacher.of(f, X), Clock(0.0))) == []
    assert len(polynomial(f, X, time_limit=0.5)) <= len(SIZES)
    assert time.perf_counter() - start < 20


def test_a_seed_makes_it_repeatable():
    model = LogisticRegression().fit(X, X[:, 0] * X[:, 1] > 0)
    f = cf.read(model)
    first, second = (polynomial(f, X, degree=2, seed=4) for _ in range(2))
    assert [m.roots for m in first] == [m.roots for m in second]


def test_many_inputs_take_little_time():
    wide = np.random.default_rng(0).normal(size=(600, 150))
    f = cf.read(LinearRegression().fit(wide, wide[:, 7] - 2 * wide[:, 123]))
    start = time.perf_counter()
    made = polynomial(f, wide, degree=2, time_limit=20)
    assert fit(f, made[1], wide) > 0.999
    assert time.perf_counter() - start < 30  # 3 s alone


def test_a_model_that_never_varies_has_no_terms():
    assert polynomial(formula(o.lin(3.0, (0.0, a))), X) == []


def test_another_degree_is_refused():
    with pytest.raises(BadInput, match="degree"):
        polynomial(formula(a), X, degree=7)


def test_what_was_found_before_an_interruption_is_returned():
    found = [formula(a), formula(o.const(2.0))]

    def interrupted():
        yield from found
        raise KeyboardInterrupt

    assert gathered(interrupted(), Clock(), "polynomials") == found
