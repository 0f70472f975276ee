"""Kernel models: support vector machines, Gaussian processes, ridges and maps of kernels."""

import numpy as np
import pytest
from sklearn import datasets, decomposition, kernel_approximation, kernel_ridge, svm
from sklearn.gaussian_process import GaussianProcessClassifier as GPC
from sklearn.gaussian_process import GaussianProcessRegressor as GPR
from sklearn.gaussian_process import kernels as gp
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, MinMaxScaler, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, compare_row_by_row, fit, installed, told
from closedform import ops

SEED = {"random_state": 0}
RIDGE, NYSTROEM = kernel_ridge.KernelRidge, kernel_approximation.Nystroem
PCA = decomposition.KernelPCA
WAVY = 1.5 * gp.RBF([1.0, 2.0, 1.0, 3.0]) + gp.WhiteKernel(0.1)


CASES = [
    Case(RIDGE(), data.standard_numbers),
    Case(RIDGE(alpha=0.1), data.few_pairs),
    Case(RIDGE(kernel="rbf"), data.standard_numbers),
    Case(RIDGE(kernel="polynomial", degree=2.5, coef0=30, gamma=0.1), data.standard_numbers),
    Case(RIDGE(kernel="laplacian", gamma=0.2), data.standard_numbers),
    Case(RIDGE(kernel="sigmoid", gamma=0.01), data.standard_numbers),
    Case(RIDGE(kernel="cosine"), data.standard_numbers),
    Case(RIDGE(kernel="chi2", gamma=0.4), data.some_zeros),
    Case(RIDGE(kernel="additive_chi2"), data.some_zeros),
    Case(RIDGE(kernel=gp.RBF(1.5) + gp.DotProduct()), data.standard_numbers),
    Case(NYSTROEM(n_components=12, **SEED), data.standard_numbers),
    Case(NYSTROEM("laplacian", gamma=0.3, n_components=8, **SEED), data.standard_numbers),
    Case(NYSTROEM("poly", degree=2, n_components=8, **SEED), data.standard_numbers),
    Case(NYSTROEM("chi2", n_components=8, **SEED), data.standard_counts),
    Case(NYSTROEM("cosine", n_components=3, kernel_params=None, **SEED), data.standard_numbers),
    Case(make_pipeline(StandardScaler(), NYSTROEM(n_components=9, **SEED), Ridge()), data.frame),
    Case(PCA(3, kernel="rbf"), data.few_numbers),
    Case(PCA(3, kernel="poly", degree=2, gamma=0.1), data.few_numbers),
    Case(PCA(2), data.few_numbers),
    Case(PCA(2, kernel="cosine"), data.few_numbers),
    Case(PCA(2, kernel="sigmoid", gamma=0.01, coef0=0.1), data.few_numbers),
    Case(KernelCenterer(), data.kernel_matrix),
    Case(kernel_approximation.SkewedChi2Sampler(n_components=9, skewedness=0.3, **SEED),
         data.standard_counts),
    Case(kernel_approximation.AdditiveChi2Sampler(), data.some_zeros),
    Case(kernel_approximation.AdditiveChi2Sampler(sample_steps=1), data.some_zeros),
    Case(kernel_approximation.AdditiveChi2Sampler(sample_steps=4, sample_interval=0.3),
         data.standard_counts),
    # scikit-learn goes through Fourier transforms, whose rounding is that of the largest column.
    *[Case(kernel_approximation.PolynomialCountSketch(degree=degree, gamma=0.7, coef0=offset,
                                                      n_components=8, **SEED),
           data.standard_numbers, rtol=1e-6) for degree, offset in ((2, 1.5), (3, 0.5))],
]  # fmt: skip


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
    (make_pipeline(MinMaxScaler(), RIDGE(kernel="chi2", gamma=1.0)), diabetes),
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


@pytest.mark.parametrize("model", [
    svm.SVC(kernel="precomputed"), svm.SVR(kernel="precomputed"), RIDGE(kernel="precomputed"),
    svm.OneClassSVM(kernel="precomputed"), PCA(kernel="precomputed"),
], ids=told)  # fmt: skip
def test_a_kernel_matrix_has_no_formula(model):
    x, y = data.kernel_matrix()
    fit(model, x, y > 0)
    with pytest.raises(
        cf.UnsupportedModel, match="its kernel is a matrix, not a function"
    ) as found:
        cf.read(model)
    assert "Refit with kernel='rbf'" in found.value.hint


def times(a, b):
    return a @ b.T


@pytest.mark.parametrize("model", [svm.SVC(kernel=times), RIDGE(kernel=lambda a, b: a @ b)])
def test_a_kernel_of_the_users_own_is_refused(model):
    x, y = data.few_numbers()
    fit(model, x, y > 0)
    with pytest.raises(cf.UnsupportedModel, match="what this kernel computes is not known"):
        cf.read(model, names=["a", "b", "c", "d"])


@pytest.mark.parametrize("model", [svm.SVR(), RIDGE(kernel="rbf"), GPR(optimizer=None),
                                   PCA(2, kernel="rbf")],
                         ids=told)  # fmt: skip
def test_a_model_of_too_many_points_is_refused_with_a_hint(model, monkeypatch):
    monkeypatch.setattr("closedform.readers.sklearn.kernels.POINTS", 20)
    with pytest.raises(cf.UnsupportedModel, match="training points; more than 20 kernels") as found:
        cf.read(fit(model, *data.few_numbers()))
    assert "on its predictions" in found.value.hint


def test_a_linear_kernel_folds_whatever_the_points_are(monkeypatch):
    monkeypatch.setattr("closedform.readers.sklearn.kernels.POINTS", 20)
    x, y = data.few_numbers()
    for model in (RIDGE(), PCA(2), svm.SVR(kernel="linear"), GPR(gp.DotProduct(), alpha=1)):
        formula = cf.read(fit(model, x, y))
        assert all(len(n.args) <= 30 for n in formula.nodes)


def test_a_kernel_with_a_term_for_each_point_and_column_is_refused_sooner():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 20))
    model = fit(RIDGE(kernel="laplacian"), x, x[:, 0])
    with pytest.raises(cf.UnsupportedModel, match="700 points and 20 columns"):
        cf.read(model)


# --- maps of kernels ----------------------------------------------------------------------------


def test_a_ridge_without_a_penalty_is_said_to_differ_by_rounding():
    x = np.linspace(0, 10, 100)[:, None]
    kinds = [
        cf.read(fit(RIDGE(alpha=alpha, kernel="rbf"), x, np.sin(x[:, 0]))).trail[0].kind
        for alpha in (1, 1e-3, 1e-12)
    ]
    assert kinds == ["read", "read", "approx"]


def test_axes_of_a_kernel_whose_sum_is_not_0_are_centred_as_the_model_does():
    x, y = data.few_numbers()
    model = fit(PCA(2, kernel="rbf"), x, y)
    model.eigenvectors_ = model.eigenvectors_ + 0.1
    assert np.abs(cf.read(model)(x) - model.transform(x)).max() < 1e-12


@pytest.mark.parametrize("model", [
    RIDGE(kernel="chi2", gamma=1.0), kernel_approximation.AdditiveChi2Sampler(),
    kernel_approximation.SkewedChi2Sampler(n_components=5, skewedness=0.3, **SEED),
], ids=told)  # fmt: skip
def test_where_a_model_raises_on_a_number_its_formula_has_no_value(model):
    x, y = data.standard_counts()
    fit(model, x, y)
    bad = x[:4].copy()
    bad[1, 2], bad[2, 0] = -0.1, -0.7
    compare_row_by_row(cf.read(model), model, bad, 1e-9, "below 0")


def test_a_count_sketch_of_too_many_products_is_refused():
    x = np.random.default_rng(0).normal(size=(20, 300))
    model = fit(SKETCH(degree=3, n_components=300, **SEED), x, None)
    with pytest.raises(cf.UnsupportedModel, match="more than 20,000 pairs of sums"):
        cf.read(model)
