"""Support vector machines: kernels, votes and ties of libsvm, and chances by Platt."""

import numpy as np
import pytest
import scipy.sparse
from sklearn import ensemble, svm
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, close, fit, installed, told
from closedform import ops

SEED = {"random_state": 0}

CASES = [
    Case(svm.SVC(), data.standard_two),
    Case(svm.SVC(gamma=0.3, C=10, class_weight="balanced"), data.two_classes),
    Case(svm.SVC(gamma="auto"), data.truths),
    Case(svm.SVC(kernel="linear"), data.standard_two),
    Case(svm.SVC(kernel="poly", degree=2, coef0=0.5), data.standard_two),
    Case(svm.SVC(kernel="poly", degree=0), data.standard_two, note="constant"),
    Case(svm.SVC(kernel="sigmoid", gamma=0.2, coef0=-0.3), data.standard_two),
    Case(installed(svm.SVC, probability=True, **SEED), data.standard_two),
    Case(installed(svm.NuSVC, nu=0.3, probability=True, **SEED), data.standard_two),
    Case(svm.SVC(), data.standard_three),
    Case(svm.SVC(kernel="linear"), data.standard_three),
    Case(svm.SVC(decision_function_shape="ovo"), data.standard_three),
    Case(svm.SVC(break_ties=True), data.standard_three),
    Case(svm.SVC(kernel="poly", class_weight="balanced"), data.standard_five),
    Case(svm.SVC(gamma=20, decision_function_shape="ovo"), data.standard_five),
    Case(svm.NuSVC(nu=0.1, break_ties=True), data.standard_five),
    Case(svm.SVC(C=0.1), data.one_column_two_classes),
    Case(svm.SVR(), data.standard_numbers),
    Case(svm.SVR(kernel="linear", epsilon=0.2), data.standard_numbers),
    Case(svm.SVR(kernel="poly"), data.standard_numbers),
    Case(svm.SVR(epsilon=1e3), data.standard_numbers, note="no support vector"),
    # Seconds since 1970, 1e5 spreads off: the scaler stays in front.
    Case(make_pipeline(StandardScaler(), svm.SVR()), data.epochs),
    Case(make_pipeline(MinMaxScaler(), svm.SVR(gamma=30)), data.epochs),
    Case(svm.SVR(), data.constant),
    Case(svm.SVR(), data.one_column),
    Case(svm.NuSVR(nu=0.4, C=3), data.standard_numbers),
    Case(svm.NuSVR(kernel="sigmoid", gamma=0.1), data.standard_numbers),
    Case(svm.OneClassSVM(nu=0.2), data.standard_numbers),
    Case(svm.OneClassSVM(kernel="linear", nu=0.5), data.standard_numbers),
    Case(SGDOneClassSVM(nu=0.3, **SEED), data.standard_numbers),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_machine_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


# --- support vector machines --------------------------------------------------------------------


def twins():
    """Two classes that mirror each other: in the middle the score is 0."""
    return np.array([[-1.0], [1.0]]), np.array(["left", "right"])


@pytest.mark.parametrize("kernel", ["linear", "rbf", "sigmoid"])
def test_a_score_of_0_is_decided_as_libsvm_does(kernel):
    x, y = twins()
    model = fit(svm.SVC(kernel=kernel), x, y)
    middle = np.array([[0.0]])
    assert model.decision_function(middle) == 0
    assert cf.read(model)(middle) == model.predict(middle)


def test_a_pair_at_0_counts_for_its_second_class_in_the_label_and_for_its_first_in_the_score():
    x = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 9.0], [0.0, 9.5]])
    model = fit(svm.SVC(kernel="linear", decision_function_shape="ovo"), x, [0, 1, 2, 2])
    middle = np.array([[0.0, 0.0]])
    assert model.decision_function(middle)[0, 0] == 0
    assert cf.read(model)(middle) == model.predict(middle) == 1
    model.decision_function_shape = "ovr"
    formula = cf.read(model)
    for i, name in enumerate(formula.task.decision):
        close(formula(middle, name), model.decision_function(middle)[:, i], 1e-12, name)


def test_equal_votes_go_to_the_first_class_or_by_break_ties_to_the_surest():
    # Far from all points an RBF kernel is 0 and every pair is decided by its intercept alone.
    rng = np.random.default_rng(0)
    kinds = {}
    for seed in range(60):
        x, y = rng.normal(size=(12, 2)), np.arange(12) % 3
        far = np.array([[1e6, 1e6]])
        for ties in (False, True):
            model = svm.SVC(gamma=5, C=rng.uniform(0.1, 3), break_ties=ties).fit(x, y)
            kinds.setdefault(tuple(model._intercept_ > 0), seed)
            assert cf.read(model)(far) == model.predict(far), (seed, ties)
    # (0, 1), (0, 2) and (1, 2): two of the eight ways to vote go round in a circle.
    assert {(True, False, True), (False, True, False)} & set(kinds)


def test_an_outlier_is_below_0_for_one_machine_and_at_0_no_outlier_for_the_other():
    x, _ = data.standard_numbers()
    rows = np.asarray(x)
    strict = svm.OneClassSVM(kernel="linear").fit(rows)
    strict.intercept_ = strict._intercept_ = np.array([0.0])
    loose = SGDOneClassSVM(**SEED).fit(rows)
    loose.offset_ = np.array([0.0])
    origin = np.zeros((1, 4))
    for model, expected in ((strict, -1), (loose, 1)):
        assert model.decision_function(origin) == 0
        assert cf.read(model)(origin) == model.predict(origin) == expected


@pytest.mark.parametrize("sparse", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
@pytest.mark.parametrize("model", [svm.SVC(), svm.SVC(kernel="linear"), svm.SVR(),
                                   KernelRidge(kernel="rbf"), Nystroem(n_components=5, **SEED)],
                         ids=told)  # fmt: skip
def test_a_model_trained_on_a_sparse_matrix_is_read(model, sparse):
    x, y = data.standard_three()
    x = np.where(np.abs(x) < 0.4, 0.0, x)
    fit(model, sparse(x), y)
    formula = cf.read(model)
    call = model.transform if hasattr(model, "transform") else model.predict
    expected = np.asarray(call(sparse(x)))
    assert np.allclose(formula(x), expected, rtol=1e-9)


def test_chances_near_a_half_are_what_libsvm_stops_at():
    # The coupling of two chances stops within 0.0025: between 0.495 and 0.505 it never starts.
    x, y = data.standard_two()
    model = fit(installed(svm.SVC, probability=True, **SEED), x, y)
    if not hasattr(model, "predict_proba"):
        pytest.skip("this version gives no probabilities")
    line = np.linspace(np.asarray(x)[0], np.asarray(x)[1], 4001)
    expected = ask(model, "predict_proba", line)
    made = cf.read(model).evaluate(line)
    ours = np.column_stack([made[name] for name in cf.read(model).task.probability])
    assert np.abs(ours - expected).max() < 1e-12
    assert (expected[:, 0] == 0.5).sum() > 2


def test_chances_of_three_classes_are_left_out_and_that_is_said():
    x, y = data.standard_three()
    model = fit(installed(svm.SVC, probability=True, **SEED), x, y)
    formula = cf.read(model)
    assert formula.task.probability == ()
    assert "libsvm finds those of more than two classes by iteration" in formula.to("text")
    assert (formula(x) == model.predict(x)).all()
    close(formula(x, "decision(7)"), model.decision_function(x)[:, 1], 1e-9, "decision")


def test_a_machine_whose_predict_raises_is_refused():
    x, y = data.few_three()
    model = fit(svm.SVC(break_ties=True, decision_function_shape="ovo"), x, y)
    with pytest.raises(ValueError, match="break_ties"):
        model.predict(x)
    with pytest.raises(cf.UnsupportedModel, match="its predict raises"):
        cf.read(model)


def test_a_linear_kernel_is_one_equation():
    x, y = data.standard_numbers()
    model = fit(svm.SVR(kernel="linear"), x, y)
    formula = cf.read(model)
    (n,) = formula.roots
    assert n.op is ops.LIN and all(a.op is ops.INPUT for a in n.args)
    assert np.allclose(n.data.weights, model.coef_[0], rtol=1e-12)


def test_pairs_of_classes_whose_names_run_together_are_outputs_of_their_own():
    x, _ = data.standard_three()
    y = np.array(["a", "a, b", "b", "b, b"])[np.arange(len(x)) % 4]
    model = fit(svm.SVC(decision_function_shape="ovo"), x, y)
    formula = cf.read(model)
    assert len(formula.task.decision) == len(set(formula.task.decision)) == 6
    expected = model.decision_function(x)
    for name, column in zip(formula.task.decision, expected.T, strict=True):
        close(formula(x, name), column, 1e-9, name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "outer",
    [
        lambda one: ensemble.BaggingClassifier(one, n_estimators=2, random_state=0),
        lambda one: ensemble.VotingClassifier([("a", one)], voting="soft"),
        lambda one: ensemble.StackingClassifier([("a", one)], cv=2),
    ],
    ids=["bagging", "voting", "stacking"],
)
def test_an_ensemble_that_asks_for_chances_without_a_formula_is_refused(outer):
    rows, y = data.three_classes()
    one = svm.SVC(probability=True, random_state=0)
    with pytest.raises(cf.UnsupportedModel, match="probabilities of SVC"):
        cf.read(fit(outer(one), rows, y))
    model = fit(outer(svm.SVC()), rows, y) if "Voting" not in str(outer(one)) else None
    assert model is None or (cf.read(model)(rows) == model.predict(rows)).all()
