"""Proofs hold against what is sampled, and say refuted where a point says so."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.verify.bound import certify, certify_sampled, least_agreement
from closedform.verify.bound import search as searching
from strategies import inputs_of_formulas, nodes, trees

CHANCE = np.random.default_rng(0)
ROWS = CHANCE.uniform(-2, 2, (600, 3))
TRUE = ROWS[:, 0] * ROWS[:, 1] + np.sin(2 * ROWS[:, 0])
BOX = {"x0": (-2.0, 2.0), "x1": (-2.0, 2.0), "x2": (-2.0, 2.0)}


def formula_of(n, features=("x0", "x1", "x2"), name="y"):
    return Formula({name: n}, tuple(Feature(f) for f in features))


def law():
    x, y = o.input_(0), o.input_(1)
    return formula_of(o.lin(0, (1, o.mul(x, y)), (1, o.sin(o.lin(0, (2, x))))))


@pytest.fixture(scope="module")
def network():
    made = MLPRegressor(
        hidden_layer_sizes=(10, 10), activation="tanh", max_iter=800, random_state=0, tol=1e-6
    )
    return made.fit(ROWS, TRUE)


@pytest.fixture(scope="module")
def booster():
    return GradientBoostingRegressor(n_estimators=15, random_state=0).fit(ROWS, TRUE)


def grid(count=61):
    axis = np.linspace(-2, 2, count)
    return np.stack(np.meshgrid(axis, axis, [-2, -1, 0.0, 1, 2]), -1).reshape(-1, 3)


def test_a_network_against_the_law_is_bounded_within_a_hundredth(network):
    proof = law().certify(network, BOX, time_limit=60)
    X = grid()
    seen = np.abs(network.predict(X) - law()(X)).max()
    assert proof.ok and proof.status == "bounded"
    assert seen <= proof.upper <= 1.0101 * proof.lower
    point = np.array([[proof.point[f"x{i}"] for i in range(3)]])
    found = abs(network.predict(point) - law()(point))[0]
    assert found == pytest.approx(proof.lower, rel=1e-9)  # float64 either way


def test_a_limit_is_proven_or_refuted_or_left_open(network):
    upper = law().certify(network, BOX, time_limit=60).upper
    proven = law().certify(network, BOX, epsilon=1.05 * upper)
    refuted = law().certify(network, BOX, epsilon=0.5 * upper)
    late = law().certify(network, BOX, epsilon=1.001 * upper, time_limit=0.0)
    assert (proven.status, refuted.status, late.status) == ("proven", "refuted", "not decided")
    assert proven and not refuted and not late
    assert late.upper >= upper * 0.98 and math.isfinite(late.upper)
    point = np.array([[refuted.point[f"x{i}"] for i in range(3)]])
    assert abs(network.predict(point) - law()(point))[0] > 0.5 * upper


def test_a_forest_is_bounded_exactly_on_its_grid(booster):
    formula = cf.read(LinearRegression().fit(ROWS, TRUE))
    proof = formula.certify(booster, BOX, time_limit=60, tolerance=0.001)
    X = CHANCE.uniform(-2, 2, (20000, 3))
    assert np.abs(booster.predict(X) - formula(X)).max() <= proof.upper <= 1.002 * proof.lower


def test_two_trees_are_compared_leaf_by_leaf_and_end_as_equal_bounds():
    a = GradientBoostingRegressor(n_estimators=4, max_depth=2, random_state=0).fit(ROWS, TRUE)
    b = GradientBoostingRegressor(n_estimators=4, max_depth=2, random_state=1).fit(
        ROWS[:300], TRUE[:300]
    )
    proof = cf.read(a).certify(b, BOX, tolerance=0.0, time_limit=60)
    assert proof.lower <= proof.upper <= proof.lower + 1e-12


@settings(max_examples=60)
@given(st.data())
def test_a_bound_is_never_below_what_is_seen_of_random_formulas(data):
    a, b = data.draw(nodes(size=5)), data.draw(nodes(size=5))
    if a.type is not Type.REAL or b.type is not Type.REAL:
        return
    pair = [Formula({"y": n}, inputs_of_formulas()) for n in (a, b)]
    box = {f"x{i}": (-1.5, 2.0) for i in range(3)} | {"kind": ["a", "b"]}
    missing = data.draw(st.sampled_from([(), ("x0",), ("x1", "kind")]))
    proof = certify(*pair, box, missing=missing, time_limit=0.05)
    chance = np.random.default_rng(data.draw(st.integers(0, 1000)))
    X = {f"x{i}": chance.choice([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], 200) for i in range(3)}
    for name in missing:
        if name != "kind":
            X[name][::3] = np.nan
    X["kind"] = [None if "kind" in missing and i % 3 else "ab"[i % 2] for i in range(200)]
    with np.errstate(all="ignore"):
        one, two = pair[0](X), pair[1](X)
        apart = np.where(one == two, 0.0, np.abs(one - two))
    apart = np.where(np.isnan(one) & np.isnan(two), 0.0, apart)
    assert (np.where(np.isnan(apart), np.inf, apart) <= proof.upper).all()


@settings(max_examples=25)
@given(st.data())
def test_trees_with_missing_values_are_bounded_from_both_sides(data):
    one, two = data.draw(trees(3, sets=False)), data.draw(trees(3, sets=False))
    xs = [o.input_(i) for i in range(3)]
    pair = [formula_of(o.tree(t.splits, t.values, xs)) for t in (one, two)]
    proof = certify(*pair, BOX, missing=("x0", "x2"), tolerance=0.0, time_limit=5)
    X = np.random.default_rng(data.draw(st.integers(0, 1000))).choice(
        [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], (300, 3)
    )
    X[::4, 0], X[::3, 2] = np.nan, np.nan
    seen = np.abs(pair[0](X) - pair[1](X)).max()
    assert seen <= proof.upper
    assert proof.upper <= proof.lower + 1e-9  # the grid of two trees is small: it is exact


def test_a_value_that_is_missing_on_one_side_alone_refutes_every_limit():
    x = o.input_(0)
    proof = formula_of(o.log(x)).certify(formula_of(x), BOX, epsilon=1e9)
    assert proof.status == "refuted" and proof.point["x0"] < 0


def test_a_formula_is_itself_and_its_box_may_be_taken_from_rows(network):
    proof = cf.read(network).certify(network, X=ROWS)
    assert proof.upper == proof.lower == 0.0


def test_time_is_kept_and_an_interruption_gives_the_best_so_far(network, monkeypatch):
    wide = dict.fromkeys(BOX, (-9.0, 9.0))
    proof = law().certify(network, wide, time_limit=0.3, tolerance=1e-9)
    assert proof.seconds < 3 and math.isfinite(proof.upper)  # 0.3 s and one batch
    real, count = searching.Search._halved, []

    def interrupted(self, *args):
        count.append(1)
        if len(count) > 3:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(searching.Search, "_halved", interrupted)
    stopped = law().certify(network, wide, tolerance=1e-9)
    assert proof.lower <= stopped.upper < math.inf


def test_boxes_that_the_lower_bound_catches_up_with_still_count():
    # The first box is bounded by 1 and shows 0.5; the second shows 0.97 and closes both.
    def bound(lo, hi):
        first = lo[0] < 1
        return searching.Halves(np.where(first, 1.0, 0.98), np.zeros_like(lo), lo)

    search = searching.Search(
        bound, lambda points: np.where(points[0] < 1, 0.5, 0.97), np.array([[0.0, 1.0]]),
        np.array([[0.9, 2.0]]), {}, 1, lambda upper, lower: upper <= 1.1 * lower,
        lambda lower: False, time.perf_counter() + 5,
    )  # fmt: skip
    assert search.run().upper == 1.0


def test_a_seed_makes_a_proof_repeatable(network):
    one, two = (law().certify(network, BOX, seed=3) for _ in range(2))
    assert (one.upper, one.lower, one.boxes) == (two.upper, two.lower, two.boxes)


def test_a_float32_model_counts_its_own_rounding():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    formula = cf.read(net)
    names = [f.name for f in formula.inputs]
    box = dict.fromkeys(names, (-2.0, 2.0))
    bound = formula.prove("rounding", box).upper
    X = ROWS.astype(np.float32)
    with torch.no_grad():
        single = net(torch.tensor(X)).numpy().astype(float)
    double = formula(X.astype(float))
    worst = np.abs(single.ravel() - np.asarray(double).ravel()).max()
    assert worst <= bound < 1e-3  # pessimistic: about a thousand times the worst that occurs


def test_slopes_ranges_and_domains_are_proven_and_refuted():
    x, y = o.input_(0), o.input_(1)
    f = formula_of(o.lin(0, (1, o.exp(x)), (0.5, o.mul(x, y))))
    box = {"x0": (0, 1), "x1": (-1, 1)}
    assert f.prove("increasing", box, input="x0").status == "proven"
    assert f.prove("increasing", box, input="x1").status == "proven"  # the slope is 0 at x0 = 0
    assert f.prove("decreasing", box, input="x0").status == "refuted"
    assert f.prove("within", box, lo=0.99, hi=3.3).status == "proven"
    low = f.prove("within", box, lo=1.2, hi=3.3)
    assert low.status == "refuted" and f(low.point)[0] < 1.2
    guarded = formula_of(o.where(o.less(o.const(0), x), o.log(x), o.const(0)))
    assert guarded.prove("safe", {"x0": (-1, 1)}).status == "proven"
    assert formula_of(o.log(x)).prove("safe", {"x0": (-1, 1)}).status == "refuted"
    ratio = formula_of(o.div(o.const(1), o.lin(0.5, (1, x), (-1, y))))
    assert ratio.prove("safe", {"x0": (0, 1), "x1": (-1, 0.4)}).status == "proven"
    pole = ratio.prove("safe", {"x0": (0, 1), "x1": (0.5, 0.5)})
    assert pole.status == "refuted" and pole.point["x0"] == 0
    assert formula_of(o.exp(x)).prove("safe", {"x0": (0, 800)}).status == "refuted"


def test_a_booster_made_monotone_is_proven_so_and_another_is_not():
    def fitted(**options):
        made = HistGradientBoostingRegressor(max_iter=5, max_depth=3, **options)
        return cf.read(made.fit(ROWS, ROWS[:, 0] + 0.3 * TRUE))

    second = fitted().inputs[1].name
    constrained = fitted(monotonic_cst=[1, 0, 0])
    name = constrained.inputs[0].name
    box = {f.name: (-2.0, 2.0) for f in constrained.inputs}
    assert constrained.prove("increasing", box, input=name).status == "proven"
    free = fitted().prove("increasing", box, input=second)
    assert free.status == "refuted"
    at, above = (free.point | {second: x} for x in free.point[second])
    assert fitted()(above)[0] < fitted()(at)[0]


def test_labels_agree_where_the_margin_is_wide_and_not_over_the_boundary():
    y = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
    model = LogisticRegression().fit(ROWS, y)
    other = MLPClassifier(hidden_layer_sizes=(5,), max_iter=600, random_state=0).fit(ROWS, y)
    exact, formula = cf.read(model), cf.read(other)
    far = {"x0": (1.0, 2.0), "x1": (1.0, 2.0), "x2": (-1.0, 1.0)}
    assert formula.prove("agreeing", far, model=exact).status == "proven"
    whole = formula.prove("agreeing", BOX, model=exact)
    assert whole.status == "refuted"
    point = np.array([[whole.point[f"x{i}"] for i in range(3)]])
    assert model.predict(point) != other.predict(point)


def test_several_classes_agree_around_rows_where_every_corner_does():
    y = np.digitize(ROWS[:, 0], [-0.7, 0.6])
    model = LogisticRegression().fit(ROWS, y)
    other = make_pipeline(
        StandardScaler(), MLPClassifier(hidden_layer_sizes=(6,), max_iter=800, random_state=0)
    )
    formula = cf.read(other.fit(ROWS, y))
    proof = formula.certify(model, X=ROWS[:80], radius=0.05, scale=1.0)
    assert proof.same_share > 0.7
    for _ in range(40):
        X = ROWS[:80] + 0.05 * CHANCE.choice([-1.0, 1.0, 0.3], (80, 3))
        assert (model.predict(X) == other.predict(X))[proof.same].all()
        apart = np.abs(model.predict_proba(X)[:, 0] - other.predict_proba(X)[:, 0])
        assert (apart <= proof.upper + 1e-12).all()  # predict_proba rounds otherwise


def test_proofs_around_rows_keep_what_is_missing(network):
    X = np.array([[0.1, 0.2, 0.3], [np.nan, 0.2, 0.3]])
    f = formula_of(o.where(o.missing(o.input_(0)), o.const(5.0), o.input_(0)))
    proof = f.certify(formula_of(o.lin(0.5, (1, o.input_(1)))), X=X, radius=0.1, scale=1.0)
    # |0.1 ± 0.1 − (0.7 ± 0.1)| and |5 − (0.7 ± 0.1)|
    assert proof.upper == pytest.approx([0.8, 4.4], abs=1e-9)


@pytest.mark.parametrize(("rows", "wrong", "least"), [(10_000, 0, 0.9993), (10_000, 450, 0.9482)])
def test_fresh_rows_give_the_bound_of_clopper_and_pearson(rows, wrong, least):
    found = least_agreement(rows, wrong, 0.001)
    assert found == pytest.approx(least, abs=5e-5)  # four digits are printed
    # At that share, so few disagreements are as likely as delta says.
    assert binom.cdf(wrong, rows, 1 - found) == pytest.approx(0.001, rel=1e-6)
    assert least_agreement(rows, wrong, 0.001, formulas=10) < found


def test_fresh_rows_cover_the_truth_as_often_as_stated():
    chance, misses = np.random.default_rng(1), 0
    for _ in range(400):
        wrong = int(chance.binomial(200, 0.05))
        misses += least_agreement(200, wrong, 0.1) > 0.95
    assert misses <= 400 * 0.1 + 3 * math.sqrt(400 * 0.1 * 0.9)  # three standard deviations


def test_a_statistical_statement_is_called_so(booster):
    formula = cf.read(LinearRegression().fit(ROWS, TRUE))
    fresh = CHANCE.uniform(-2, 2, (500, 3))
    said = formula.certify(booster, fresh=fresh, epsilon=1.0)
    apart = np.abs(booster.predict(fresh) - formula(fresh)) > 1.0
    assert said.disagreements == apart.sum() and "no proof" in str(said)
    with pytest.raises(BadInput, match="hardly ever equal"):
        certify_sampled(formula, formula, fresh)


def test_a_proof_is_text_html_and_json(network):
    proof = law().certify(network, BOX, epsilon=9.0)
    assert str(proof).startswith("proven: |model − formula| ≤ 9 for y")
    assert "<strong" in proof._repr_html_() and json.loads(proof.to_json())["ok"] is True
    assert json.loads(json.dumps(proof.to_dict()))["box"]["x0"] == [-2.0, 2.0]
    near = law().certify(network, X=ROWS[:5], radius=0.1)
    assert "local" in str(near) and "<strong" in near._repr_html_()
    assert json.dumps(near.to_dict())


@pytest.mark.parametrize(
    ("box", "options", "message"),
    [
        (None, {}, "no range is given"),
        ({"x0": (0, 1)}, {}, "no range is given for 'x1'"),
        (BOX | {"x9": (0, 1)}, {}, "no input 'x9'"),
        (BOX | {"x0": (1, 0)}, {}, "is empty"),
        (BOX | {"x0": (0, math.inf)}, {}, "not finite"),
        (BOX | {"x0": "wide"}, {}, "x0"),
        (BOX, {"epsilon": -1.0}, "epsilon=-1.0"),
        (BOX, {"epsilon": math.nan}, "epsilon=nan"),
        (BOX, {"output": "z"}, "no number called 'z'"),
        (BOX, {"missing": ("x7",)}, "no input 'x7'"),
    ],
)
def test_what_cannot_be_proven_over_is_said(box, options, message):
    with pytest.raises(BadInput, match=message):
        law().certify(formula_of(o.mul(o.input_(0), o.input_(1), o.input_(2))), box, **options)


def test_a_claim_that_is_not_known_names_those_that_are():
    with pytest.raises(BadInput, match="increasing"):
        law().prove("nice", BOX)


def test_another_branch_in_float32_counts_with_all_that_lies_between():
    x = o.input_(0)
    twice = o.lin(0.1, (1, x))
    jump = formula_of(o.where(o.less(twice, o.const(0.3)), o.const(0.0), o.const(5.0)))
    assert jump.prove("rounding", {"x0": (0.0, 1.0)}).upper >= 5
    assert jump.prove("rounding", {"x0": (0.5, 1.0)}).upper < 1e-6
    step = formula_of(o.unary("floor", twice))
    assert step.prove("rounding", {"x0": (0.0, 1.0)}).upper >= 1
    kink = formula_of(o.where(o.less(twice, o.const(0.3)), o.const(0.3), twice))
    assert kink.prove("rounding", {"x0": (0.2, 0.2000001)}).upper < 1e-5
    near = 0.2 + np.linspace(-1e-7, 1e-7, 1001)
    single, double = np.float32(0.1) + near.astype(np.float32), 0.1 + near
    assert ((single < np.float32(0.3)) != (double < 0.3)).any()  # it does happen


@pytest.mark.parametrize("kind", ["where", "max", "abs", "min", "median"])
def test_kinks_are_enclosed_before_any_box_is_halved(kind):
    chance = np.random.default_rng(4)
    for _ in range(20):
        xs = [o.input_(i) for i in range(3)]
        a, b, c = (o.linear(chance.normal(), chance.normal(size=3), xs) for _ in range(3))
        kinked = {
            "where": lambda a=a, b=b, c=c: o.where(o.less(c, o.const(0)), a, b),
            "max": lambda a=a, b=b, c=c: o.maximum(a, b, c),
            "abs": lambda a=a: o.absolute(a),
            "min": lambda a=a, b=b: o.minimum(a, b),
            "median": lambda a=a, b=b, c=c: o.kth(2, a, b, c),
        }[kind]()
        other = o.lin(0.0, (0.7, a), (0.2, b))
        proof = formula_of(kinked).certify(formula_of(other), BOX, time_limit=0)
        X = chance.uniform(-2, 2, (4000, 3))
        X[::2] = np.round(X[::2] / 2) * 2
        assert np.abs(formula_of(kinked)(X) - formula_of(other)(X)).max() <= proof.upper
