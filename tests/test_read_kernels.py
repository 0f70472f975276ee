"""Kernel models: support vector machines, Gaussian processes, ridges and maps of kernels."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from sklearn import datasets, decomposition, kernel_approximation, kernel_ridge, svm
from sklearn.gaussian_process import GaussianProcessClassifier as GPC
from sklearn.gaussian_process import GaussianProcessRegressor as GPR
from sklearn.gaussian_process import kernels as gp
from sklearn.linear_model import Ridge, SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit, installed
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


def unlabelled_one_column():
    """One column."""
    x, y = data.one_column()
    return x[:40], y[:40]


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
    Case(svm.SVC(), data.one_column_two_classes if hasattr(data, "one_column_two_classes")
         else data.truths),
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

# Where the kernel matrix is well conditioned; 1e-9 holds without noise for the mean only.
PROCESSES = [
    Case(GPR(alpha=0.01, optimizer=None), few_numbers),
    Case(GPR(WAVY, normalize_y=True, **SEED), few_numbers),
    Case(GPR(WAVY, normalize_y=True, optimizer=None), few_pairs),
    Case(GPR(gp.ConstantKernel(2.0) * gp.Matern(2.0, nu=0.5), alpha=0.1), few_numbers),
    Case(GPR(gp.Matern(2.0, nu=1.5), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.Matern([1.0, 2.0, 3.0, 4.0], nu=2.5), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.Matern(2.0, nu=np.inf), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.RationalQuadratic(1.5, 0.7), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.ExpSineSquared(1.5, 3.0), alpha=0.1, optimizer=None), unlabelled_one_column),
    Case(GPR(gp.ExpSineSquared(1.5, 3.0) * gp.RBF(2.0), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.DotProduct(1.5) + gp.WhiteKernel(0.5), optimizer=None), few_numbers),
    Case(GPR(gp.DotProduct(1.5) ** 2 + gp.RBF() * gp.DotProduct(0.0), alpha=0.1, optimizer=None),
         few_numbers),
    Case(GPR((gp.RBF() + gp.WhiteKernel(1.0)) * gp.ConstantKernel(0.5), alpha=0.1,
             optimizer=None), few_numbers),
    Case(GPR(gp.RBF() * gp.WhiteKernel(1.0) + gp.RBF(3.0), alpha=0.1, optimizer=None),
         few_numbers),
    Case(GPR(gp.PairwiseKernel(0.5, metric="laplacian"), alpha=0.1, optimizer=None), few_numbers),
    Case(GPR(gp.PairwiseKernel(0.5, metric="polynomial") + gp.RBF(), alpha=1, optimizer=None),
         few_numbers),
    Case(GPR(alpha=0.1, optimizer=None), data.constant),
    Case(GPC(), data.standard_two),
    Case(GPC(2.0 * gp.RBF(1.5), optimizer=None), data.standard_two),
    Case(GPC(1.0 * gp.RBF() + gp.DotProduct(), optimizer=None), data.truths),
    Case(GPC(gp.Matern(1.0, nu=1.5), optimizer=None), few_three),
]

MAPS = [
    *[Case(RIDGE(kernel=name, gamma=gamma), data.standard_numbers)
      for name, gamma in pairwise(["linear", None, "rbf", 0.3, "poly", None])
      if isinstance(name, str)],
    Case(RIDGE(kernel="linear"), data.two_numbers),
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
    *[Case(kernel_approximation.PolynomialCountSketch(degree=degree, gamma=0.7, coef0=offset,
                                                      n_components=12, **SEED),
           data.standard_numbers) for degree, offset in ((1, 0), (2, 1.5), (3, 0))],
]  # fmt: skip
CASES = [*MACHINES, *PROCESSES, *MAPS]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_kernel_model_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)
