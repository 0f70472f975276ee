"""Kernel models: support vector machines, Gaussian processes, ridges and maps of kernels."""

import numpy as np
import pytest
import scipy.sparse
from sklearn import datasets, decomposition, kernel_approximation, kernel_ridge, svm
from sklearn.gaussian_process import GaussianProcessClassifier as GPC
from sklearn.gaussian_process import GaussianProcessRegressor as GPR
from sklearn.gaussian_process import kernels as gp
from sklearn.linear_model import Ridge, SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, MinMaxScaler, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, close, compare_row_by_row, fit, installed, told
from closedform import ops

SEED = {"random_state": 0}
RIDGE, NYSTROEM = kernel_ridge.KernelRidge, kernel_approximation.Nystroem
PCA = decomposition.KernelPCA
WAVY = 1.5 * gp.RBF([1.0, 2.0, 1.0, 3.0]) + gp.WhiteKernel(0.1)


def standard_counts():
    """Columns of one size, none below 0, for kernels of histograms."""
    x, y = data.standard_numbers()
    return np.abs(np.asarray(x)), y


def some_zeros():
    """The same with zeros, where those kernels are a limit."""
    x, y = standard_counts()
    return np.where(x < 0.5, 0.0, x), y


def standard_five():
    """Five classes named by texts, columns of one size."""
    x, y = data.five_texts()
    return x / x.std(axis=0), y


def few_numbers():
    """Thirty rows, columns of one size."""
    x, y = data.standard_numbers()
    return np.asarray(x)[:30], y[:30]


def few_pairs():
    """Thirty rows and two numbers to predict, of unlike sizes."""
    x, y = few_numbers()
    return x, np.column_stack([y, 100 * x[:, 0]])


def few_three():
    """Sixty rows, three classes."""
    x, y = data.standard_three()
    return x[:60], y[:60]


def kernel_matrix():
    """A matrix of products, as a kernel model takes it."""
    x, y = few_numbers()
    return x @ x.T, y


def one_short_column():
    """Forty rows of one column."""
    x, y = data.one_column()
    return x[:40], y[:40]


def one_column_two_classes():
    """One column, two classes."""
    x, y = data.one_column()
    return x, y > 0


MACHINES = [
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
    Case(svm.SVC(kernel="poly", class_weight="balanced"), standard_five),
    Case(svm.SVC(gamma=20, decision_function_shape="ovo"), standard_five),
    Case(svm.NuSVC(nu=0.1, break_ties=True), standard_five),
    Case(svm.SVC(C=0.1), one_column_two_classes),
    Case(svm.SVR(), data.standard_numbers),
    Case(svm.SVR(kernel="linear", epsilon=0.2), data.standard_numbers),
    Case(svm.SVR(kernel="poly"), data.standard_numbers),
    Case(svm.SVR(epsilon=1e3), data.standard_numbers, note="no support vector"),
    Case(svm.SVR(), data.constant),
    Case(svm.SVR(), data.one_column),
    Case(svm.NuSVR(nu=0.4, C=3), data.standard_numbers),
    Case(svm.NuSVR(kernel="sigmoid", gamma=0.1), data.standard_numbers),
    Case(svm.OneClassSVM(nu=0.2), data.standard_numbers),
    Case(svm.OneClassSVM(kernel="linear", nu=0.5), data.standard_numbers),
    Case(SGDOneClassSVM(nu=0.3, **SEED), data.standard_numbers),
]  # fmt: skip

# With noise enough; what is left of 1e-9 without is tried by itself below.
PROCESSES = [
    Case(GPR(alpha=0.01, optimizer=None), few_numbers),
    Case(GPR(WAVY, normalize_y=True, optimizer=None), few_numbers),
    Case(GPR(WAVY, normalize_y=True, optimizer=None), few_pairs),
    Case(GPR(gp.ConstantKernel(2.0) * gp.Matern(2.0, nu=0.5), alpha=0.1), few_numbers),
    Case(GPR(gp.Matern(2.0, nu=1.5), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.Matern([1.0, 2.0, 3.0, 4.0], nu=2.5), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.Matern(2.0, nu=np.inf), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.RationalQuadratic(1.5, 0.7), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.ExpSineSquared(1.5, 3.0), alpha=0.1, optimizer=None), one_short_column),
    Case(GPR(gp.ExpSineSquared(1.5, 3.0) * gp.RBF(2.0), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.DotProduct(1.5) + gp.WhiteKernel(0.5), optimizer=None), few_numbers),
    Case(
        GPR(gp.DotProduct(1.5) ** 2 + gp.RBF() * gp.DotProduct(0.0), alpha=0.1, optimizer=None),
        few_numbers,
    ),
    Case(
        GPR((gp.RBF() + gp.WhiteKernel(1.0)) * gp.ConstantKernel(0.5), alpha=0.1, optimizer=None),
        few_numbers,
    ),
    Case(GPR(gp.RBF() * gp.WhiteKernel(1.0) + gp.RBF(3.0), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.PairwiseKernel(0.5, metric="laplacian"), alpha=0.1, optimizer=None), few_numbers),
    Case(
        GPR(gp.PairwiseKernel(0.5, metric="polynomial") + gp.RBF(), alpha=1, optimizer=None),
        few_numbers,
    ),
    Case(GPR(alpha=0.1, optimizer=None), data.constant),
    Case(GPC(), data.standard_two),
    Case(GPC(2.0 * gp.RBF(1.5), optimizer=None), data.standard_two),
    Case(GPC(1.0 * gp.RBF() + gp.DotProduct(), optimizer=None), data.truths),
    Case(GPC(gp.Matern(1.0, nu=1.5), optimizer=None), few_three),
]

MAPS = [
    Case(RIDGE(), data.standard_numbers),
    Case(RIDGE(alpha=0.1), few_pairs),
    Case(RIDGE(kernel="rbf"), data.standard_numbers),
    Case(RIDGE(kernel="polynomial", degree=2.5, coef0=30, gamma=0.1), data.standard_numbers),
    Case(RIDGE(kernel="laplacian", gamma=0.2), data.standard_numbers),
    Case(RIDGE(kernel="sigmoid", gamma=0.01), data.standard_numbers),
    Case(RIDGE(kernel="cosine"), data.standard_numbers),
    Case(RIDGE(kernel="chi2", gamma=0.4), some_zeros),
    Case(RIDGE(kernel="additive_chi2"), some_zeros),
    Case(RIDGE(kernel=gp.RBF(1.5) + gp.DotProduct()), data.standard_numbers),
    Case(NYSTROEM(n_components=12, **SEED), data.standard_numbers),
    Case(NYSTROEM("laplacian", gamma=0.3, n_components=8, **SEED), data.standard_numbers),
    Case(NYSTROEM("poly", degree=2, n_components=8, **SEED), data.standard_numbers),
    Case(NYSTROEM("chi2", n_components=8, **SEED), standard_counts),
    Case(NYSTROEM("cosine", n_components=3, kernel_params=None, **SEED), data.standard_numbers),
    Case(make_pipeline(StandardScaler(), NYSTROEM(n_components=9, **SEED), Ridge()), data.frame),
    Case(PCA(3, kernel="rbf"), few_numbers),
    Case(PCA(3, kernel="poly", degree=2, gamma=0.1), few_numbers),
    Case(PCA(2), few_numbers),
    Case(PCA(2, kernel="cosine"), few_numbers),
    Case(PCA(2, kernel="sigmoid", gamma=0.01, coef0=0.1), few_numbers),
    Case(KernelCenterer(), kernel_matrix),
    Case(kernel_approximation.SkewedChi2Sampler(n_components=9, skewedness=0.3, **SEED),
         standard_counts),
    Case(kernel_approximation.AdditiveChi2Sampler(), some_zeros),
    Case(kernel_approximation.AdditiveChi2Sampler(sample_steps=1), some_zeros),
    Case(kernel_approximation.AdditiveChi2Sampler(sample_steps=4, sample_interval=0.3),
         standard_counts),
    # scikit-learn goes through Fourier transforms, whose rounding is that of the largest column.
    *[Case(kernel_approximation.PolynomialCountSketch(degree=degree, gamma=0.7, coef0=offset,
                                                      n_components=8, **SEED),
           data.standard_numbers, rtol=1e-6) for degree, offset in ((2, 1.5), (3, 0.5))],
]  # fmt: skip
CASES = [*MACHINES, *PROCESSES, *MAPS]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_kernel_model_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


SKETCH = kernel_approximation.PolynomialCountSketch


@pytest.mark.parametrize(("degree", "offset"), [(1, 0), (1, 2.0), (2, 1.5), (4, 0.5)])
def test_a_count_sketch_is_a_polynomial_with_zeros_where_nothing_lands(degree, offset):
    rows, _ = data.standard_numbers()
    rows = np.asarray(rows)
    model = SKETCH(degree=degree, coef0=offset, n_components=12, **SEED).fit(rows)
    expected = model.transform(rows)
    # A Fourier transform spreads the rounding of the largest entry over all of them.
    assert np.abs(cf.read(model)(rows) - expected).max() < 1e-14 * np.abs(expected).max()


# --- whole pipelines ----------------------------------------------------------------------------


def breast_cancer():
    return datasets.load_breast_cancer(return_X_y=True, as_frame=True)


def iris():
    return datasets.load_iris(return_X_y=True, as_frame=True)


def diabetes():
    x, y = datasets.load_diabetes(return_X_y=True, as_frame=True)
    return x[:150], y[:150]


PIPELINES = [
    (make_pipeline(StandardScaler(), svm.SVC()), breast_cancer),
    (make_pipeline(StandardScaler(), installed(svm.SVC, probability=True, **SEED)), breast_cancer),
    (make_pipeline(StandardScaler(), svm.SVC(kernel="linear")), iris),
    (make_pipeline(StandardScaler(), svm.SVC()), iris),
    (make_pipeline(MinMaxScaler(), svm.SVR(C=100)), diabetes),
    (make_pipeline(StandardScaler(), GPR(gp.ConstantKernel(1.0) * gp.RBF(2.0) + gp.DotProduct()
                                         + gp.WhiteKernel(1.0), normalize_y=True)), diabetes),
    (make_pipeline(StandardScaler(), GPC(1.0 * gp.RBF(2.0), optimizer=None)), iris),
    (make_pipeline(StandardScaler(), RIDGE(kernel="rbf")), diabetes),
]  # fmt: skip


@pytest.mark.parametrize(("model", "rows"), PIPELINES, ids=lambda p: getattr(p, "__name__", ""))
def test_a_pipeline_verifies_on_its_own_rows_and_on_rows_made_up(model, rows):
    x, y = rows()
    fit(model, x, y)
    found = cf.read(model).verify(model, x)
    assert found.ok, found


def test_support_points_behind_a_scaler_stand_in_raw_units():
    x, y = breast_cancer()
    model = fit(make_pipeline(StandardScaler(), svm.SVC()), x, y)
    formula = cf.read(model)
    found = [n for n in formula.nodes if n.op is ops.SQUARED_DISTANCE]
    assert found and all(a.op is ops.INPUT for n in found for a in n.args)
    support = x.iloc[model[-1].support_].to_numpy()
    points = np.array(sorted(n.data.point.tolist() for n in found))
    # (c − m)/s·s + m: three roundings of numbers of this size
    assert np.allclose(points, np.array(sorted(support.tolist())), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
def test_the_scores_of_three_classes_behind_a_scaler_are_in_raw_units_too(shape):
    x, y = iris()
    model = make_pipeline(StandardScaler(), svm.SVC(decision_function_shape=shape, kernel="linear"))
    formula = cf.read(fit(model, x, y))
    # Three equations; of a scaler nothing is left.
    assert sum(n.op is ops.LIN and all(a.op is ops.INPUT for a in n.args)
               for n in formula.nodes) == 3  # fmt: skip
    assert not any(n.op is ops.DIV and n.args[0].args[0].op is ops.INPUT for n in formula.nodes)


def test_a_linear_kernel_is_one_equation():
    x, y = data.standard_numbers()
    model = fit(svm.SVR(kernel="linear"), x, y)
    formula = cf.read(model)
    (n,) = formula.roots
    assert n.op is ops.LIN and all(a.op is ops.INPUT for a in n.args)
    assert np.allclose(n.data.weights, model.coef_[0], rtol=1e-12)


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
                                   RIDGE(kernel="rbf"), NYSTROEM(n_components=5, **SEED)],
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


@pytest.mark.parametrize("model", [
    svm.SVC(kernel="precomputed"), svm.SVR(kernel="precomputed"), RIDGE(kernel="precomputed"),
    svm.OneClassSVM(kernel="precomputed"), PCA(kernel="precomputed"),
], ids=told)  # fmt: skip
def test_a_kernel_matrix_has_no_formula(model):
    x, y = kernel_matrix()
    fit(model, x, y > 0)
    with pytest.raises(
        cf.UnsupportedModel, match="its kernel is a matrix, not a function"
    ) as found:
        cf.read(model)
    assert "Refit with kernel='rbf'" in found.value.hint


def times(a, b):
    return a @ b.T


def own_product(a, b, gamma=None):
    return float(a @ b)


@pytest.mark.parametrize("model", [svm.SVC(kernel=times), RIDGE(kernel=lambda a, b: a @ b)])
def test_a_kernel_of_the_users_own_is_refused(model):
    x, y = few_numbers()
    fit(model, x, y > 0)
    with pytest.raises(cf.UnsupportedModel, match="what this kernel computes is not known"):
        cf.read(model, names=["a", "b", "c", "d"])


def test_a_machine_whose_predict_raises_is_refused():
    x, y = few_three()
    model = fit(svm.SVC(break_ties=True, decision_function_shape="ovo"), x, y)
    with pytest.raises(ValueError, match="break_ties"):
        model.predict(x)
    with pytest.raises(cf.UnsupportedModel, match="its predict raises"):
        cf.read(model)


@pytest.mark.parametrize("model", [svm.SVR(), RIDGE(kernel="rbf"), GPR(optimizer=None), PCA(2)],
                         ids=told)  # fmt: skip
def test_a_model_of_too_many_points_is_refused_with_a_hint(model, monkeypatch):
    monkeypatch.setattr("closedform.readers.sklearn.kernels.POINTS", 20)
    monkeypatch.setattr("closedform.readers.sklearn.kernels.fits.__kwdefaults__", {
        "most": 20, "what": "terms"})  # fmt: skip
    with pytest.raises(cf.UnsupportedModel, match="training points; more than 20 terms") as found:
        cf.read(fit(model, *few_numbers()))
    assert "cf.distill(model, X)" in found.value.hint


def test_a_kernel_with_a_term_for_each_point_and_column_is_refused_sooner():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 20))
    model = fit(RIDGE(kernel="laplacian"), x, x[:, 0])
    with pytest.raises(cf.UnsupportedModel, match="700 points and 20 columns"):
        cf.read(model)


# --- Gaussian processes -------------------------------------------------------------------------


def test_the_deviation_is_an_output_with_a_role_of_its_own():
    x, y = few_pairs()
    formula = cf.read(fit(GPR(WAVY, optimizer=None), x, y))
    assert formula.task.primary == ("y0", "y1")
    assert formula.task.deviation == ("std0", "std1")
    assert list(formula.outputs) == ["y0", "y1", "std0", "std1"]


def test_a_certificate_covers_the_deviation():
    x, y = few_numbers()
    model = fit(GPR(WAVY, optimizer=None), x, y)
    formula = cf.read(model)
    found = formula.verify(model, x)
    assert found.ok
    assert {c.method for c in found.checks} == {"predict", "predict(return_std=True)"}
    other = fit(GPR(WAVY + gp.WhiteKernel(0.1), alpha=0, optimizer=None), x, y)
    assert not formula.verify(other, x).ok


def test_the_role_of_a_deviation_is_saved(tmp_path):
    x, y = few_numbers()
    formula = cf.read(fit(GPR(WAVY, optimizer=None), x, y))
    formula.save(tmp_path / "process.json")
    again = cf.load(tmp_path / "process.json")
    assert again.task == formula.task and again.task.deviation == ("std",)
    assert (again(x, "std") == formula(x, "std")).all()


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("kernel", [None, 2.0 * gp.RBF() + gp.WhiteKernel(0.5), gp.DotProduct()])
def test_a_process_that_has_seen_nothing_predicts_0(kernel, targets):
    model = GPR(kernel, n_targets=targets)
    x = np.random.default_rng(0).normal(size=(9, 3))
    mean, deviation = model.predict(x, return_std=True)
    formula = cf.read(model, names=["a", "b", "c"])
    assert (formula(x) == mean).all()
    ours = np.column_stack([formula(x, name) for name in formula.task.deviation])
    assert np.allclose(ours, deviation.reshape(9, -1), rtol=1e-15)


def test_a_process_without_noise_is_said_to_differ_by_rounding():
    x = np.linspace(0, 10, 40)[:, None]
    y = np.sin(x[:, 0])
    model = fit(GPR(16.0 * gp.RBF(3.2), optimizer=None), x, y)
    formula = cf.read(model)
    assert formula.trail[0].kind == "approx"
    assert any("standard deviation" in said for said in formula.trail[0].found["differs"])
    between = x[:-1] + 0.11
    mean, deviation = model.predict(between, return_std=True)
    # 16·ε is what k(x, x) − |v|² may be off by, beside variances of 1e-10.
    assert np.abs(formula(between, "std") ** 2 - deviation**2).max() < 100 * 16 * 2.2e-16
    assert np.abs(formula(between) - mean).max() < 1e-8
    noisy = fit(GPR(16.0 * gp.RBF(3.2), alpha=0.1, optimizer=None), x, y)
    assert cf.read(noisy).trail[0].kind == "read"


def test_the_deviation_of_too_many_points_is_left_out_and_that_is_said(monkeypatch):
    monkeypatch.setattr("closedform.readers.sklearn.gaussian_process.SQUARED", 20)
    x, y = few_numbers()
    model = fit(GPR(WAVY, optimizer=None), x, y)
    formula = cf.read(model)
    assert list(formula.outputs) == ["y"] and formula.task.deviation == ()
    assert "Left out is the standard deviation" in formula.to("text")
    assert formula.verify(model, x).ok


@pytest.mark.parametrize(("kernel", "match"), [
    (gp.Matern(nu=0.7), "Matern.nu=0.7. has no formula"),
    (gp.RBF() + 2.0 * gp.Matern(nu=3.5) ** 2, "Matern.nu=3.5. has no formula"),
    (gp.PairwiseKernel(metric=own_product), "not known"),
], ids=str)  # fmt: skip
def test_a_kernel_without_a_formula_is_refused(kernel, match):
    x, y = few_numbers()
    with pytest.raises(cf.UnsupportedModel, match=match):
        cf.read(fit(GPR(kernel, alpha=0.1, optimizer=None), x, y))


def test_a_subclass_of_a_kernel_is_not_taken_for_it():
    class Own(gp.RBF):
        pass

    x, y = few_numbers()
    with pytest.raises(cf.UnsupportedModel, match="The kernel Own is not known"):
        cf.read(fit(GPR(Own(), alpha=0.1, optimizer=None), x, y))


@pytest.mark.parametrize("far", [1.0, 1e4])
def test_classes_by_pairs_have_the_models_labels_and_no_chances(far):
    x, y = few_three()
    model = fit(GPC(1.0 * gp.RBF(), multi_class="one_vs_one", optimizer=None), x, y)
    formula = cf.read(model)
    assert formula.task.probability == formula.task.decision == ()
    assert (formula(x * far) == model.predict(x * far)).all()


def test_of_classes_that_are_equally_likely_the_models_own_choice_is_predicted():
    x, y = few_three()
    model = fit(GPC(1.0 * gp.RBF(), optimizer=None), x, y)
    nowhere = np.full((1, 4), 1e6)  # every kernel value is 0, and every chance 1/2
    assert len(set(model.predict_proba(nowhere)[0])) == 1
    # The first one from version 1.9 on, the last one in 1.4.
    assert cf.read(model)(nowhere) == model.predict(nowhere)


def test_a_classifier_of_too_many_points_is_refused(monkeypatch):
    monkeypatch.setattr("closedform.readers.sklearn.gaussian_process.SQUARED", 20)
    with pytest.raises(cf.UnsupportedModel, match="60 training points"):
        cf.read(fit(GPC(optimizer=None), *few_three()))


# --- maps of kernels ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", [
    RIDGE(kernel="chi2", gamma=1.0), kernel_approximation.AdditiveChi2Sampler(),
    kernel_approximation.SkewedChi2Sampler(n_components=5, skewedness=0.3, **SEED),
], ids=told)  # fmt: skip
def test_where_a_model_raises_on_a_number_its_formula_has_no_value(model):
    x, y = standard_counts()
    fit(model, x, y)
    bad = x[:4].copy()
    bad[1, 2], bad[2, 0] = -0.1, -0.7
    compare_row_by_row(cf.read(model), model, bad, 1e-9, "below 0")


def test_a_count_sketch_of_too_many_products_is_refused():
    x = np.random.default_rng(0).normal(size=(20, 300))
    model = fit(SKETCH(degree=3, n_components=300, **SEED), x, None)
    with pytest.raises(cf.UnsupportedModel, match="more than 20,000 pairs of sums"):
        cf.read(model)
