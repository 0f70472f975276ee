"""Bagging, boosting, voting, stacking and random trees, against the package's own predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble, linear_model, neural_network, tree
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, fit, told
from closedform import ops
from closedform.readers.sklearn.dispatch import allows_missing
from closedform.readers.sklearn.ensemble import _may_tie

SEED = {"random_state": 0}
FEW = {"n_estimators": 5, "random_state": 0}
LR, Ridge, Votes = linear_model.LogisticRegression, linear_model.Ridge, linear_model.RidgeClassifier
DTC, DTR = tree.DecisionTreeClassifier, tree.DecisionTreeRegressor
SHALLOW = DTC(max_depth=3, random_state=0)
NET = neural_network.MLPClassifier((3,), max_iter=20, random_state=0)
RFC = ensemble.RandomForestClassifier
SCALED = make_pipeline(StandardScaler(), LR())
THREE = [("lr", SCALED), ("tree", SHALLOW), ("forest", RFC(3, **SEED))]
PAIR = [("ridge", Ridge()), ("tree", DTR(max_depth=3, **SEED))]


def customers():
    """Numbers, some of them missing, and categories; two classes."""
    draw = np.random.default_rng(6)
    count = 120
    rows = pd.DataFrame(
        {
            "age": np.where(draw.random(count) < 0.1, np.nan, draw.integers(18, 80, count)),
            "income": np.round(draw.normal(3000, 800, count), 2),
            "region": draw.choice(["north", "south", "it's 'odd'"], count),
            "plan": draw.choice(["a", "b", "c"], count),
        }
    )
    score = rows["income"] / 1000 + (rows["region"] == "north") + draw.normal(size=count)
    return rows, np.where(score > 3.3, "stays", "leaves")


def amounts():
    """The same rows, and a number."""
    rows, _ = customers()
    return rows, rows["income"] / 100 + (rows["region"] == "south") * 7


def linear_part(model):
    """Return a pipeline of imputing, scaling, encoding and a linear model."""
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            (OneHotEncoder(handle_unknown="ignore"), ["region", "plan"]),
        ),
        model,
    )


def tree_part(model):
    """Return a pipeline that keeps missing numbers and numbers the categories."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    kept = ("passthrough", ["age", "income"])
    made = make_column_transformer((encoder, ["region", "plan"]), kept)
    return make_pipeline(made, model)


MIXED = [("linear", linear_part(LR())), ("trees", tree_part(RFC(4, max_depth=4, **SEED)))]
MIXED_NUMBERS = [("linear", linear_part(Ridge())), ("trees", tree_part(DTR(max_depth=4, **SEED)))]
ULP = 1e-12
"""Behind an exp, in the last digits of NumPy's; labels and decision values are checked apart."""

HOLES = data.holes if allows_missing(ensemble.IsolationForest()) else data.numbers


def boosted(estimator=None, **options):
    """Return boosting by votes, in versions too where that is not the default."""
    made = ensemble.AdaBoostClassifier(estimator, **options)
    older = made.get_params().get("algorithm") == "SAMME.R"
    return made.set_params(algorithm="SAMME") if older else made


CASES = [
    # rtol=0: sums of trees in the ensemble's own order, so that not one bit may differ.
    Case(ensemble.BaggingRegressor(**FEW), data.frame, rtol=0),
    Case(ensemble.BaggingRegressor(max_features=0.5, bootstrap_features=True, **FEW), data.holes,
         rtol=0),
    Case(ensemble.BaggingRegressor(bootstrap=False, max_samples=0.5, **FEW), data.rounded, rtol=0),
    Case(ensemble.BaggingRegressor(Ridge(), **FEW), data.two_numbers),
    Case(ensemble.BaggingRegressor(n_estimators=1, **SEED), data.one_column, rtol=0),
    Case(ensemble.BaggingClassifier(**FEW), data.five_texts, rtol=0),
    Case(ensemble.BaggingClassifier(oob_score=False, max_features=2, **FEW), data.truths, rtol=0),
    Case(ensemble.BaggingClassifier(**FEW), data.one_class, rtol=0),
    Case(ensemble.BaggingClassifier(LR(), max_samples=0.1, **FEW), data.five_texts, note="classes"),
    Case(ensemble.BaggingClassifier(SCALED, max_features=0.75, **FEW), data.two_classes),
    Case(ensemble.BaggingClassifier(Votes(), n_estimators=7, **SEED), data.three_classes,
         note="votes"),
    Case(ensemble.BaggingClassifier(linear_model.Perceptron(), **FEW), data.two_classes,
         note="votes"),
    Case(boosted(n_estimators=8, **SEED), data.two_classes, rtol=ULP),
    Case(boosted(n_estimators=8, **SEED), data.three_classes, rtol=ULP),
    Case(boosted(DTC(max_depth=2, **SEED), n_estimators=6, learning_rate=0.3, **SEED),
         data.five_texts, rtol=ULP),
    Case(boosted(LR(), n_estimators=4, **SEED), data.standard_three),
    Case(boosted(LR(), n_estimators=4, **SEED), data.standard_two),
    Case(ensemble.AdaBoostRegressor(n_estimators=12, **SEED), data.frame, rtol=0),
    Case(ensemble.AdaBoostRegressor(DTR(max_depth=2), loss="exponential", **SEED), data.rounded,
         rtol=0),
    Case(ensemble.AdaBoostRegressor(Ridge(), n_estimators=6, loss="square", **SEED), data.numbers),
    Case(ensemble.AdaBoostRegressor(**SEED), data.constant, rtol=0),
    Case(ensemble.VotingRegressor(PAIR), data.frame),
    Case(ensemble.VotingRegressor([*PAIR, ("none", "drop")], weights=[1, 3, 5]), data.numbers),
    Case(ensemble.VotingRegressor(MIXED_NUMBERS, weights=[0.3, 0.7]), amounts),
    Case(ensemble.VotingClassifier(THREE), data.three_classes),
    Case(ensemble.VotingClassifier(THREE, voting="soft"), data.three_classes),
    Case(ensemble.VotingClassifier([*THREE, ("no", "drop")], weights=[3, 1, 1, 9]),
         data.two_classes),
    Case(ensemble.VotingClassifier(THREE, voting="soft", weights=[0.2, 2, 1]), data.five_texts),
    Case(ensemble.VotingClassifier(MIXED, voting="soft"), customers),
    Case(ensemble.VotingClassifier([*MIXED, ("ridge", linear_part(Votes()))]), customers),
    Case(make_pipeline(ensemble.VotingClassifier(THREE, voting="soft"), LR()), data.three_classes),
    Case(make_pipeline(ensemble.VotingClassifier(THREE), LR()), data.three_classes),
    Case(make_pipeline(ensemble.VotingRegressor(PAIR), Ridge()), data.numbers),
    Case(ensemble.StackingRegressor(PAIR), data.frame),
    Case(ensemble.StackingRegressor([*PAIR, ("no", "drop")], DTR(max_depth=3, **SEED),
         passthrough=True), data.numbers),
    Case(ensemble.StackingRegressor(MIXED_NUMBERS, Ridge()), amounts),
    Case(ensemble.StackingClassifier(THREE), data.two_classes),
    Case(ensemble.StackingClassifier([*THREE, ("votes", Votes())], passthrough=True),
         data.standard_three),
    Case(ensemble.StackingClassifier(THREE, stack_method="predict"), data.three_classes),
    Case(ensemble.StackingClassifier([("a", Votes()), ("b", LR())],
         stack_method="decision_function", final_estimator=SHALLOW), data.five_texts),
    Case(ensemble.StackingClassifier(MIXED, LR()), customers),
    Case(ensemble.StackingClassifier(
        [("tree", SHALLOW), ("net", NET)],
        final_estimator=SHALLOW), data.label_sets),
    Case(ensemble.StackingClassifier(
        [("tree", SHALLOW), ("each", MultiOutputClassifier(LR()))],
        final_estimator=MultiOutputClassifier(LR())), data.label_sets),
    Case(make_pipeline(ensemble.StackingClassifier(THREE), Votes()), data.two_classes),
    Case(make_pipeline(ensemble.StackingRegressor(PAIR, passthrough=True), Ridge()), data.numbers),
    Case(ensemble.IsolationForest(n_estimators=7, **SEED), data.frame, rtol=0),
    Case(ensemble.IsolationForest(n_estimators=7, max_features=0.5, max_samples=20,
         contamination=0.1, **SEED), data.rounded, rtol=0),
    Case(ensemble.IsolationForest(n_estimators=4, bootstrap=True, **SEED), HOLES, rtol=0),
    Case(ensemble.RandomTreesEmbedding(4, max_depth=3, **SEED), data.rounded, rtol=0),
    Case(ensemble.RandomTreesEmbedding(3, max_depth=2, sparse_output=False, **SEED), data.frame,
         rtol=0),
    Case(make_pipeline(ensemble.RandomTreesEmbedding(4, max_depth=3, **SEED), Ridge()), data.frame),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_ensemble_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


@pytest.mark.parametrize("case", CASES[::4], ids=str)
def test_a_certificate_of_an_ensemble_passes(case):
    model, rows = case.fitted
    certificate = cf.read(model).verify(model, rows, limit=300)
    assert certificate.ok, str(certificate)


@pytest.mark.parametrize("case", CASES[12:15], ids=str)
def test_the_scores_of_boosted_trees_are_the_same_bits(case):
    model, rows = case.fitted
    formula = cf.read(model)
    expected = ask(model, "decision_function", rows).reshape(len(rows), -1)
    for name, scores in zip(formula.task.decision, expected.T, strict=True):
        assert (formula(rows, name) == scores).all()
    assert (formula(rows) == model.predict(rows)).all()


def test_boosting_of_one_class_always_says_it():
    rows, y = data.one_class()
    model = fit(boosted(**FEW), rows, y)
    try:
        model.predict(rows)
    except ZeroDivisionError:
        pytest.skip("this scikit-learn divides by the number of other classes")
    check_reader(model, rows, rtol=0)


def test_votes_that_tie_give_the_first_class_as_the_model_does():
    # Two members that never agree: each row is a tie.
    rows, y = data.two_classes()
    rule = ensemble.VotingClassifier(
        [("yes", DTC(max_depth=1, **SEED)), ("no", DTC(max_depth=1, **SEED))]
    )
    model = fit(rule, rows, y)
    model.estimators_[1].tree_.value[:] = model.estimators_[1].tree_.value[:, :, ::-1]
    assert len(set(model.predict(rows))) == 1
    assert (cf.read(model)(rows) == model.predict(rows)).all()


@pytest.mark.parametrize(
    ("weights", "tied"),
    [([1, 2, 3], False), ([0.5, 0.25], False), ([0.1, 0.2, 0.3], True), ([0.3, 0.7], False),
     ([0.1] * 9, True)],
    ids=told,
)  # fmt: skip
def test_weights_that_may_add_up_to_a_tie_are_found(weights, tied):
    assert _may_tie(weights) is tied


def test_votes_that_rounding_may_decide_are_said_to_be_approximate():
    rows, y = data.three_classes()
    model = ensemble.VotingClassifier(THREE, weights=[0.1, 0.2, 0.3])
    step = cf.read(fit(model, rows, y)).trail[0]
    assert step.kind == "approx" and "rounding decides" in step.found["differs"][0]


def test_columns_of_chances_in_a_table_of_three_axes_are_refused():
    rows, y = data.three_classes()
    voting = ensemble.VotingClassifier([("a", LR())], voting="soft", flatten_transform=False)
    behind = fit(LR(), np.zeros((3, 3)), [0, 1, 2])
    model = make_pipeline(fit(voting, rows, y), behind)
    with pytest.raises(cf.UnsupportedModel, match="flatten_transform") as caught:
        cf.read(model)
    assert caught.value.hint


def test_every_member_that_cannot_be_read_is_named():
    rows, y = data.numbers()

    class Own(Ridge):
        def predict(self, X):
            return super().predict(X) + 1

    model = ensemble.VotingRegressor([("a", Own()), ("b", Ridge()), ("c", Own(alpha=2))])
    with pytest.raises(cf.UnsupportedModel, match="Own has a predict"):
        cf.read(fit(model, rows, y))


def test_a_prefit_stack_uses_the_estimators_that_it_was_given():
    rows, y = data.three_classes()
    members = [(name, fit(m, rows, np.searchsorted(np.unique(y), y))) for name, m in THREE]
    model = fit(ensemble.StackingClassifier(members, cv="prefit"), rows, y)
    check_reader(model, rows)


def test_a_median_is_one_node_whatever_the_number_of_members():
    rows, y = data.numbers()
    model = fit(ensemble.AdaBoostRegressor(n_estimators=30, **SEED), rows, y)
    formula = cf.read(model)
    found = [n for n in formula.nodes if n.op is ops.WEIGHTED_MEDIAN]
    assert len(found) == 1 and len(found[0].args) == len(model.estimators_)
    assert "weighted_median(" in formula.to("text")


def test_members_are_no_stages_of_the_whole():
    rows, y = data.two_classes()
    formula = cf.read(fit(ensemble.BaggingClassifier(SCALED, **FEW), rows, y))
    assert not formula.stages


def test_the_scores_of_an_isolation_forest_are_an_output_of_their_own():
    rows, _ = data.numbers()
    model = ensemble.IsolationForest(n_estimators=5, **SEED).fit(rows)
    formula = cf.read(model)
    assert (formula(rows, "score_samples") == model.score_samples(rows)).all()
    assert formula.task.classes == (-1, 1)


def test_an_isolation_forest_of_one_row_gives_that_row_1():
    model = ensemble.IsolationForest(n_estimators=3, **SEED).fit(np.array([[1.0, 2.0]]))
    formula = cf.read(model)
    assert formula(np.array([[5.0, 6.0]]), "score_samples") == model.score_samples([[5.0, 6.0]])


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_the_estimators_of_a_vote_are_called_by_their_names(kind):
    rows, y = data.three_classes()
    members = [("ada", LR()), ("bob", Votes() if kind == "hard" else LR(C=0.1))]
    text = cf.read(fit(ensemble.VotingClassifier(members, voting=kind), rows, y)).to("text")
    assert "ada" in text and "bob" in text


def test_a_score_that_is_no_decision_value_has_a_letter_of_its_own():
    rows, y = data.three_classes()
    text = cf.read(fit(boosted(**FEW), rows, y)).to("text")
    assert "s(7) = 0.5*g(7)" in text and "exp(s(c))" in text


def test_what_decides_alone_is_printed_with_its_trees():
    rows, y = data.three_classes()
    members = [("a", DTC(max_depth=2, **SEED)), ("b", Votes())]
    text = cf.read(fit(ensemble.VotingClassifier(members), rows, y)).to("text")
    assert "votes(7) = " in text and "tree 1:" in text


def frozen(model):
    """Return a fitted estimator that another one must not train again."""
    return pytest.importorskip("sklearn.frozen").FrozenEstimator(model)


@pytest.mark.parametrize("shift", [-3, 1])
def test_members_trained_before_on_other_labels_are_averaged_by_position(shift):
    rows, y = data.three_classes()
    before = fit(LR(), rows, np.searchsorted(np.unique(y), y) + shift)
    members = [("before", frozen(before)), ("now", LR(C=0.1))]
    check_reader(fit(ensemble.VotingClassifier(members, voting="soft"), rows, y), rows)


def test_votes_of_a_member_with_other_labels_are_refused():
    rows, y = data.three_classes()
    members = [("before", frozen(fit(LR(), rows, y))), ("now", LR())]
    with pytest.raises(cf.UnsupportedModel, match="position") as caught:
        cf.read(fit(ensemble.VotingClassifier(members), rows, y))
    assert "soft" in caught.value.hint


def test_a_stack_of_several_labels_that_cannot_give_its_chances_is_refused():
    rows, y = data.label_sets()
    final = NET
    model = ensemble.StackingClassifier([("tree", SHALLOW)], final_estimator=final)
    with pytest.raises(cf.UnsupportedModel, match="MLPClassifier") as caught:
        cf.read(fit(model, rows, y))
    assert caught.value.hint


def test_the_older_boosting_by_chances_is_read_where_it_is_known():
    options = ensemble.AdaBoostClassifier().get_params()
    if options.get("algorithm", "deprecated") == "deprecated":
        pytest.skip("this scikit-learn boosts by votes alone")
    for make in (data.two_classes, data.three_classes):
        rows, y = make()
        model = ensemble.AdaBoostClassifier(algorithm="SAMME.R", n_estimators=5, **SEED)
        check_reader(fit(model, rows, y), rows)
