"""Pieces: model trees that are fitted, and the exact regions of small networks."""

import itertools
import time

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.shorten import Clock, Teacher
from closedform.shorten.methods import method
from closedform.shorten.neat import digits_of
from closedform.shorten.pieces import formulas, pieces
from closedform.shorten.regions import regions

a, b = o.input_(0), o.input_(1)
X = np.random.default_rng(0).normal(size=(2000, 2))


def relu(node):
    return o.maximum(node, o.const(0.0))


def formula(node, names="ab"):
    return Formula({"f": node}, tuple(map(Feature, names)), Task(primary=("f",)))


def fit(before, after, rows=X):
    truth, got = before(rows), after(rows)
    return 1 - ((truth - got) ** 2).mean() / truth.var()


def leaves(f):
    return f.trail[-2].options["leaves"]


def test_two_lines_are_found_with_the_cut_between_them():
    test = o.less_equal(a, o.const(0.25))
    f = formula(o.where(test, o.lin(1, (2, a), (1, b)), o.lin(-3, (-1, a), (0.5, b))))
    made = {leaves(m): m for m in pieces(f, X)}
    assert fit(f, made[2]) > 0.9
    assert max(fit(f, m) for m in made.values()) > 0.97


def test_the_edge_of_a_unit_is_taken_where_no_input_alone_would_do():
    f = formula(o.lin(0.5, (3, relu(o.lin(0.2, (1, a), (-1, b)))), (1, a)))
    made = pieces(f, X)[0]
    assert leaves(made) == 2
    assert fit(f, made) > 0.999
    (cut,) = {n for n in made.nodes if n.op is o.LESS_EQUAL}
    assert cut.args[0].op is o.LIN


def test_sums_that_tests_alone_read_are_shortened_and_not_lost():
    f = formula(o.lin(0.5, (3, relu(o.lin(0.2123456, (1, a), (-0.8765432, b)))), (1, a)))
    made = pieces(f, X)[0]
    (cut,) = {n for n in made.nodes if n.op is o.LESS_EQUAL}
    weights = cut.args[0].data.weights
    assert fit(f, made) > 0.995
    assert max(map(digits_of, weights)) <= 4 and np.all(weights != 0)


def test_coverage_says_how_many_rows_a_leaf_answers():
    model = DecisionTreeRegressor(max_leaf_nodes=4, random_state=0)
    f = cf.read(model.fit(X, np.where(X[:, 0] < 0.5, 1.0, np.where(X[:, 1] < 0, 5.0, 9.0))))
    for made in pieces(f, X):
        shares = made.trail[-2].found["coverage"]
        assert len(shares) == leaves(made)
        assert sum(shares) == pytest.approx(1, abs=0.01)
        assert min(shares) > 0


def test_a_linear_model_is_not_split():
    drawn = np.random.default_rng(1).random(len(X)) < 1 / (1 + np.exp(-X[:, 0] - X[:, 1]))
    assert pieces(cf.read(LogisticRegression().fit(X, drawn)), X) == []
    assert pieces(formula(o.lin(1, (2, a), (-3, b))), X) == []


def test_more_leaves_are_closer_and_longer():
    data = load_diabetes()
    model = MLPRegressor(hidden_layer_sizes=(20,), max_iter=400, random_state=0)
    f = cf.read(make_pipeline(StandardScaler(), model).fit(data.data, data.target))
    made = pieces(f, data.data)
    scores = [fit(f, m, data.data) for m in made]
    assert scores == sorted(scores) and scores[0] > 0.9
    assert [m.length for m in made] == sorted(m.length for m in made)


def test_classes_and_categories_can_be_split_too():
    data = load_iris()
    model = make_pipeline(StandardScaler(), MLPClassifier(max_iter=800, random_state=0))
    f = cf.read(model.fit(data.data, data.target))
    best = max((m(data.data) == f(data.data)).mean() for m in pieces(f, data.data))
    assert best > 0.95
    kind = np.random.default_rng(0).choice(["u", "v"], 600).astype(object)[:, None]
    one_hot = make_pipeline(OneHotEncoder(), DecisionTreeRegressor(random_state=0))
    g = cf.read(one_hot.fit(kind, np.where(kind[:, 0] == "u", 1.0, 2.0)))
    assert all(np.allclose(m(kind), g(kind), atol=0.01) for m in pieces(g, kind))


def test_the_method_keeps_its_time_and_its_seed():
    f = formula(relu(o.lin(0, (1, o.absolute(a)), (1, o.absolute(b)))))
    assert method("pieces") is formulas
    assert list(formulas(Teacher.of(f, X), Clock(0.0))) == []
    first, second = (pieces(f, X, seed=1) for _ in range(2))
    assert [m.roots for m in first] == [m.roots for m in second]


def network(sizes, seed=0):
    chance = np.random.default_rng(seed)
    layer = [o.input_(i) for i in range(sizes[0])]
    for width in sizes[1:-1]:
        layer = [
            relu(
                o.lin(
                    0.5 * chance.normal(), *zip(chance.normal(size=len(layer)), layer, strict=True)
                )
            )
            for _ in range(width)
        ]
    score = o.lin(0.1, *zip(chance.normal(size=len(layer)), layer, strict=True))
    return formula(score, "abcde"[: sizes[0]])


@pytest.mark.parametrize("sizes", [(1, 6, 1), (2, 5, 1), (2, 4, 3, 1), (3, 5, 1)])
def test_on_every_region_the_network_is_one_linear_formula(sizes):
    f = network(sizes)
    box = dict.fromkeys("abcde"[: sizes[0]], (-2.0, 2.0))
    made = regions(f, box=box, most=200)
    rows = np.random.default_rng(1).uniform(-2, 2, size=(20_000, sizes[0]))
    assert abs(f(rows) - made(rows)).max() < 1e-9
    assert {n.op.name for n in made.nodes} <= {"input", "const", "lin", "less", "where"}
    step = made.trail[-1]
    assert step.found["worst"] < 1e-9
    assert sum(step.found["coverage"]) == pytest.approx(1, abs=0.02)


def test_the_regions_of_lines_are_as_many_as_geometry_says():
    # Five lines in general position that all meet in the box cut it into 1 + 5 + 10 cells.
    chance = np.random.default_rng(0)
    offsets = 0.3 * chance.normal(size=5)
    lines = [(np.cos(t), np.sin(t), c) for t, c in zip(np.arange(5) * 0.6, offsets, strict=True)]
    units = [relu(o.lin(c, (u, a), (v, b))) for u, v, c in lines]
    f = formula(o.lin(0, *zip([1.0, 2.0, 3.0, 4.0, 5.0], units, strict=True)))
    meets = [
        np.linalg.solve([[p[0], p[1]], [q[0], q[1]]], [-p[2], -q[2]])
        for p, q in itertools.combinations(lines, 2)
    ]
    assert abs(np.array(meets)).max() < 50
    made = regions(f, box={"a": (-60, 60), "b": (-60, 60)})
    assert made.trail[-1].found["regions"] == 16


def test_units_that_never_switch_make_no_regions():
    f = formula(o.lin(0, (1, relu(o.lin(9, (1, a), (1, b)))), (1, relu(o.lin(-9, (1, a))))))
    made = regions(f, box={"a": (-1, 1), "b": (-1, 1)})
    assert made.outputs["f"] is o.lin(9, (1, a), (1, b))


def test_extremes_and_sizes_bend_as_well():
    f = formula(
        o.lin(0, (1, o.minimum(a, b)), (2, o.maximum(a, o.lin(1, (-1, b)))), (1, o.absolute(a)))
    )
    made = regions(f, X)
    assert abs(f(X) - made(X)).max() < 1e-12


def test_a_classifier_keeps_its_classes():
    data = load_iris()
    rows = data.data[:, 2:]
    model = MLPClassifier(hidden_layer_sizes=(4,), max_iter=1500, random_state=0)
    f = cf.read(model.fit(rows, data.target))
    made = regions(f, rows)
    assert (made(rows) == model.predict(rows)).all()


def test_two_layers_of_ten_units_take_seconds():
    start = time.perf_counter()
    made = regions(network((2, 10, 10, 1)), box={"a": (-2, 2), "b": (-2, 2)}, most=1000)
    assert made.trail[-1].found["worst"] < 1e-8
    assert time.perf_counter() - start < 30  # 1 s alone


@pytest.mark.parametrize(
    ("node", "options", "message"),
    [
        (o.tanh(a), {"box": {"a": (0, 1)}}, "there is tanh"),
        (o.absolute(a), {}, "no finite range"),
        (o.absolute(a), {"box": {"a": (0, np.inf)}}, "no finite range"),
        (o.lin(0, *((1.0, relu(o.lin(i, (1, a)))) for i in range(50))), {"X": X}, "50 units"),
        (
            o.lin(0, *((1.0, relu(o.lin(i / 9, (1, a)))) for i in range(9))),
            {"X": X, "most": 5},
            "more than 5",
        ),
        (o.absolute(a), {"X": X, "time_limit": 0.0}, "time is over"),
    ],
)
def test_what_has_no_list_of_regions_is_refused(node, options, message):
    with pytest.raises(BadInput, match=message):
        regions(formula(node), **options)


def test_outputs_of_unlike_units_are_both_fitted():
    target = np.column_stack([1e4 * abs(X[:, 0]), 1e-4 * (X[:, 0] + abs(X[:, 0]))])
    model = DecisionTreeRegressor(min_samples_leaf=5, random_state=0).fit(X, target)
    f = cf.read(model)
    made = pieces(f, X)[0]
    left = ((f(X) - made(X)) ** 2).mean(axis=0) / target.var(axis=0)
    assert (left < 0.02).all()
