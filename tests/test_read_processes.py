"""Gaussian processes: kernel algebra, means, standard deviations and class probabilities."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier as GPC
from sklearn.gaussian_process import GaussianProcessRegressor as GPR
from sklearn.gaussian_process import kernels as gp

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit

SEED = {"random_state": 0}
WAVY = 1.5 * gp.RBF([1.0, 2.0, 1.0, 3.0]) + gp.WhiteKernel(0.1)

# With noise enough; what is left of 1e-9 without is tried by itself below.
FIXED = {"optimizer": None}
CASES = [
    Case(GPR(alpha=0.01, **FIXED), data.few_numbers),
    Case(GPR(WAVY, normalize_y=True, **FIXED), data.few_numbers),
    Case(GPR(WAVY, normalize_y=True, **FIXED), data.few_pairs),
    Case(GPR(gp.ConstantKernel(2.0) * gp.Matern(2.0, nu=0.5), alpha=0.1), data.few_numbers),
    Case(GPR(gp.Matern(2.0, nu=1.5), alpha=0.1, **FIXED), data.few_numbers),
    Case(GPR(gp.Matern([1.0, 2.0, 3.0, 4.0], nu=2.5), alpha=0.1, **FIXED), data.few_numbers),
    Case(GPR(gp.Matern(2.0, nu=np.inf), alpha=0.1, **FIXED), data.few_numbers),
    Case(GPR(gp.RationalQuadratic(1.5, 0.7), alpha=0.1, **FIXED), data.few_numbers),
    Case(GPR(gp.ExpSineSquared(1.5, 3.0), alpha=0.1, **FIXED), data.one_short_column),
    Case(GPR(gp.ExpSineSquared(1.5, 3.0) * gp.RBF(2.0), alpha=0.1, **FIXED), data.few_numbers),
    Case(GPR(gp.DotProduct(1.5) + gp.WhiteKernel(0.5), **FIXED), data.few_numbers),
    Case(
        GPR(gp.DotProduct(1.5) ** 2 + gp.RBF() * gp.DotProduct(0.0), alpha=0.1, **FIXED),
        data.few_numbers,
    ),
    Case(
        GPR((gp.RBF() + gp.WhiteKernel(1.0)) * gp.ConstantKernel(0.5), alpha=0.1, **FIXED),
        data.few_numbers,
    ),
    Case(
        GPR(gp.RBF() * gp.WhiteKernel(1.0) + gp.RBF(3.0), alpha=0.1, **FIXED),
        data.few_numbers,
    ),
    Case(GPR(gp.PairwiseKernel(0.5, metric="laplacian"), alpha=0.1, **FIXED), data.few_numbers),
    Case(
        GPR(gp.PairwiseKernel(0.5, metric="polynomial") + gp.RBF(), alpha=1, **FIXED),
        data.few_numbers,
    ),
    Case(GPR(alpha=0.1, **FIXED), data.constant),
    Case(GPC(), data.standard_two),
    Case(GPC(2.0 * gp.RBF(1.5), **FIXED), data.standard_two),
    # Far outside, the variance is what is left of numbers that are 1e8 times as large: 1.3e-9 of a
    # chance, by processor.
    Case(GPC(1.0 * gp.RBF() + gp.DotProduct(), **FIXED), data.truths, rtol=1e-8),
    Case(GPC(gp.Matern(1.0, nu=1.5), **FIXED), data.few_three),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_process_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


# --- Gaussian processes -------------------------------------------------------------------------


def test_the_deviation_is_an_output_with_a_role_of_its_own():
    x, y = data.few_pairs()
    formula = cf.read(fit(GPR(WAVY, optimizer=None), x, y))
    assert formula.task.primary == ("y0", "y1")
    assert formula.task.deviation == ("std0", "std1")
    assert list(formula.outputs) == ["y0", "y1", "std0", "std1"]


def test_a_certificate_covers_the_deviation():
    x, y = data.few_numbers()
    model = fit(GPR(WAVY, optimizer=None), x, y)
    formula = cf.read(model)
    found = formula.verify(model, x)
    assert found.ok
    assert {c.method for c in found.checks} == {"predict", "predict(return_std=True)"}
    other = fit(GPR(WAVY + gp.WhiteKernel(0.1), alpha=0, optimizer=None), x, y)
    assert not formula.verify(other, x).ok


def test_the_role_of_a_deviation_is_saved(tmp_path):
    x, y = data.few_numbers()
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
    x, y = data.few_numbers()
    model = fit(GPR(WAVY, optimizer=None), x, y)
    formula = cf.read(model)
    assert list(formula.outputs) == ["y"] and formula.task.deviation == ()
    assert "Left out is the standard deviation" in formula.to("text")
    assert formula.verify(model, x).ok


def own_product(a, b, gamma=None):
    return float(a @ b)


@pytest.mark.parametrize(("kernel", "match"), [
    (gp.Matern(nu=0.7), "Matern.nu=0.7. has no formula"),
    (gp.RBF() + 2.0 * gp.Matern(nu=3.5) ** 2, "Matern.nu=3.5. has no formula"),
    (gp.PairwiseKernel(metric=own_product), "not known"),
], ids=["Matern", "a sum", "own"])  # fmt: skip
def test_a_kernel_without_a_formula_is_refused(kernel, match):
    x, y = data.few_numbers()
    with pytest.raises(cf.UnsupportedModel, match=match):
        cf.read(fit(GPR(kernel, alpha=0.1, optimizer=None), x, y))


def test_a_subclass_of_a_kernel_is_not_taken_for_it():
    class Own(gp.RBF):
        pass

    x, y = data.few_numbers()
    with pytest.raises(cf.UnsupportedModel, match="The kernel Own is not known"):
        cf.read(fit(GPR(Own(), alpha=0.1, optimizer=None), x, y))


@pytest.mark.parametrize("far", [1.0, 1e4])
def test_classes_by_pairs_have_the_models_labels_and_no_chances(far):
    x, y = data.few_three()
    model = fit(GPC(1.0 * gp.RBF(), multi_class="one_vs_one", optimizer=None), x, y)
    formula = cf.read(model)
    assert formula.task.probability == formula.task.decision == ()
    assert (formula(x * far) == model.predict(x * far)).all()


def test_equal_votes_of_processes_are_parted_by_their_chances():
    rng, parted = np.random.default_rng(0), 0
    grid = rng.uniform(-2, 2, size=(300, 2))
    for _ in range(6):
        x, y = rng.normal(size=(12, 2)), np.arange(12) % 3
        model = fit(GPC(4.0 * gp.RBF(2.0), multi_class="one_vs_one", optimizer=None), x, y)
        expected = model.predict(grid)
        assert (cf.read(model)(grid) == expected).all()
        scores = model.base_estimator_.decision_function(grid)
        # Votes are whole numbers, shares less than 1/3: three classes with one vote each.
        circle = (np.abs(scores - 1) < 1 / 3).all(axis=1)
        parted += int((expected[circle] != 0).sum())
    assert parted > 5


def test_of_classes_that_are_equally_likely_the_models_own_choice_is_predicted():
    x, y = data.few_three()
    model = fit(GPC(1.0 * gp.RBF(), optimizer=None), x, y)
    nowhere = np.full((1, 4), 1e6)  # every kernel value is 0, and every chance 1/2
    assert len(set(model.predict_proba(nowhere)[0])) == 1
    # The first one from version 1.9 on, the last one in 1.4.
    assert cf.read(model)(nowhere) == model.predict(nowhere)


def test_a_classifier_of_too_many_points_is_refused(monkeypatch):
    monkeypatch.setattr("closedform.readers.sklearn.gaussian_process.SQUARED", 20)
    with pytest.raises(cf.UnsupportedModel, match="60 training points"):
        cf.read(fit(GPC(optimizer=None), *data.few_three()))
