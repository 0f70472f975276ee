"""Sums over many points in print: one kernel, its weights and its points instead of every term."""

import re

import numpy as np
import pytest
from sklearn import svm
from sklearn.gaussian_process import GaussianProcessClassifier as GPC
from sklearn.gaussian_process import GaussianProcessRegressor as GPR
from sklearn.gaussian_process import kernels as gp
from sklearn.kernel_ridge import KernelRidge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
import made_up as data
from battery import fit
from closedform.printers.kernel_sums import families

SCALED = make_pipeline(StandardScaler(), KernelRidge(kernel="rbf"))


def numbers_in(text):
    return [float(v) for v in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def matrix_in(text, name):
    """Return a printed matrix as an array."""
    head = re.search(rf"^{name} \((\d+) × (\d+)\):\n((?:  \[.*\]\n)+)", text, re.M)
    return np.array(numbers_in(head[3])).reshape(int(head[1]), int(head[2]))


def vector_in(text, name):
    return np.array(numbers_in(re.search(rf"^{name} = (\((?:.|\n)*?\))$", text, re.M)[1]))


MODELS = [
    KernelRidge(kernel="rbf", gamma=0.3),
    KernelRidge(kernel="poly", degree=2, gamma=0.1),
    KernelRidge(kernel="laplacian", gamma=0.2),
    SCALED,
    make_pipeline(StandardScaler(), KernelRidge(kernel="poly", degree=2, gamma=0.1)),
    svm.SVR(epsilon=0.3),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: str(m)[:60])
def test_the_printed_kernel_weights_and_points_are_the_model(model):
    x, y = data.few_numbers()
    fit(model, x, y)
    text = cf.read(model).to("text", width=200)
    assert len(text) < 5000
    kernel = re.search(r"^k = ((?:.|\n)*?)   for each row c of C$", text, re.M)[1]
    code = " ".join(kernel.split()).replace("^", "**")
    subscripted = code.translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
    weights, points = vector_in(text, "w"), matrix_in(text, "C")
    bias = re.search(r"^y = (.*)$", text, re.M)[1]
    start = sum(numbers_in(bias.replace("w·k", "").replace("- ", "-").replace("+ ", "+")))
    functions = {"exp": np.exp, "abs": np.abs}
    for row in x[:5]:
        values = [
            eval(subscripted, functions, {
                **{f"x{i}": v for i, v in enumerate(row)},
                **{f"c{j}": v for j, v in enumerate(c, 1)},
            })
            for c in points
        ]  # fmt: skip
        # Every number is printed so that it reads back; 30 terms are added in another order.
        assert np.isclose(start + weights @ values, model.predict(row[None])[0], rtol=1e-9)


def test_a_process_is_a_page_whatever_its_points():
    x = np.random.default_rng(0).normal(size=(400, 3))
    model = GPR(2.0 * gp.RBF() + gp.DotProduct() + gp.WhiteKernel(0.1), optimizer=None)
    formula = cf.read(fit(model, x, x[:, 0] + np.sin(3 * x[:, 1])))
    short = str(formula)
    assert short.count("\n") < 60 and "y = " in short and "std = " in short
    assert "|V·k + U·(x0, x1, x2) + b|^2" in short
    assert "a corner is shown; all numbers: f.to('numpy')" in short
    assert len(formula.to("text")) < 60_000  # every term of every sum would be 6 MB
    assert len(formula.to("latex")) < 30_000


def test_a_classifier_of_pairs_says_that_votes_decide():
    x, y = data.standard_three()
    text = str(cf.read(fit(svm.SVC(), x, y)))
    assert "class = the class c with the greatest votes(c)" in text
    assert "votes(-3) = [`g_-3_7` > 0] + [`g_-3_10` > 0]" in text
    assert "Of classes with equal votes, the first one is predicted." in text
    sure = str(cf.read(fit(svm.SVC(break_ties=True), x, y)))
    assert "class = the class c with the greatest g(c)" in sure and "votes" not in sure


def test_scores_of_pairs_are_named_by_both_classes():
    x, y = data.standard_three()
    text = str(cf.read(fit(svm.SVC(decision_function_shape="ovo"), x, y)))
    assert all(f"g({pair}) = " in text for pair in ("-3, 7", "-3, 10", "7, 10"))


def test_each_of_several_machines_has_weights_and_pairs_of_its_own():
    x, y = data.few_three()
    text = cf.read(fit(GPC(1.0 * gp.RBF(), optimizer=None), x, y)).to("text")
    assert all(f"{name} " in text for name in ("w₁", "w₂", "w₃", "V₁", "V₂", "V₃"))
    assert text.count("for each row c of C") == 1


def test_a_kernel_that_adds_up_many_columns_is_one_too():
    x = np.random.default_rng(0).normal(size=(30, 12))
    model = fit(make_pipeline(StandardScaler(), KernelRidge(kernel="laplacian")), x, x[:, 0])
    text = cf.read(model).to("text")
    assert "y = w·k" in text and "C (30 × 12)" in text


def test_an_input_of_the_same_name_keeps_it():
    x, y = data.few_numbers()
    formula = cf.read(fit(KernelRidge(kernel="rbf"), x, y), names=["k", "w", "C", "c"])
    text = formula.to("text")
    assert "y = w_·k_" in text and "for each row c_ of C_" in text
    # A name is mathematics, which LaTeX refuses in the middle of words.
    latex = formula.to("latex")
    assert r"\mathrm{c\_}" in latex and not re.search(r"\\text\{[^{}]*\\mathrm", latex)
    assert formula.to("mathml")


def test_a_network_is_no_kernel_sum():
    x, y = data.few_numbers()
    model = MLPRegressor(hidden_layer_sizes=[20], activation="tanh", max_iter=20, random_state=0)
    formula = cf.read(fit(model, x, y))
    assert families(formula) == []
    with pytest.raises(cf.UnsupportedTarget, match="no sum of kernels"):
        formula.to("text", form="kernels")


def test_a_sum_of_kernels_that_lacks_some_is_bracketed_where_it_is_squared():
    """Far from each other, weights are 0: w·k^2 would be another number."""
    x = np.append(np.arange(12) * 0.5, 60.0)[:, None]
    text = cf.read(GPR(alpha=0.1).fit(x, np.sin(x[:, 0]))).to("text", digits=3)
    assert "k^2" not in text
    assert text.count("·k)^2") == 12
