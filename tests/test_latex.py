"""LaTeX: it compiles in a bare article with amsmath alone, and nothing runs over the margin."""

import shutil
import subprocess

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform.errors import UnsupportedTarget

MARGIN = 10.0
"""Points by which a line may run over: a third of a letter is seen by nobody."""

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="pdflatex is not installed (texlive-latex-base)"
)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def formulas():
    X, y = load_iris(return_X_y=True, as_frame=True)
    B, u = load_breast_cancer(return_X_y=True, as_frame=True)
    D, z = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    names = load_iris().target_names
    network = MLPClassifier(
        hidden_layer_sizes=(60, 60), activation="tanh", max_iter=3, random_state=0
    )
    hostile = ["'; DROP TABLE x; --", "a_b^2 & $%#{}~\\", "身長 😀", "\\input{x}\n%"]
    odd = X.set_axis(hostile, axis=1).to_numpy()
    kinds = D[["sex"]].replace({1.0: "50 % & more", 2.0: "a_b"})
    return {
        "linear": cf.read(make_pipeline(StandardScaler(), LogisticRegression()).fit(B, u)),
        "classes": cf.read(LogisticRegression(max_iter=500).fit(X, names[y])),
        "tree": cf.read(DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, names[y])),
        "forest": cf.read(RandomForestRegressor(3, max_depth=2, random_state=0).fit(D, z)),
        "network": cf.read(make_pipeline(StandardScaler(), network).fit(B, u)),
        "names": cf.read(LinearRegression().fit(odd, y), names=hostile),
        "categories": cf.read(make_pipeline(OneHotEncoder(), LinearRegression()).fit(kinds, z)),
        "bins": cf.read(make_pipeline(
            KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"),
            LinearRegression()).fit(X, y)),
    }  # fmt: skip


FORMULAS = formulas()


@needs_latex
@pytest.mark.parametrize("name", FORMULAS)
def test_it_compiles_in_a_bare_article_and_keeps_the_margins(name, tmp_path):
    fragment = FORMULAS[name].to("latex", digits=4)
    assert compiled(fragment, tmp_path) <= MARGIN


@needs_latex
def test_a_whole_document_compiles(tmp_path):
    text = FORMULAS["classes"].to("latex", digits=3, document=True)
    (tmp_path / "formula.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "formula.tex"],
        cwd=tmp_path, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0


def test_choices_are_cases_and_long_sums_are_broken():
    assert r"\begin{cases}" in FORMULAS["tree"].to("latex", digits=3)
    assert FORMULAS["linear"].to("latex", digits=3).count(r"\\") > 5


def test_rounding_is_said():
    assert "rounded to 3 significant digits" in FORMULAS["classes"].to("latex", digits=3)


def test_a_notebook_is_shown_a_cell_and_not_500_trees():
    X, y = load_iris(return_X_y=True)
    formula = cf.read(RandomForestRegressor(50, random_state=0).fit(X, y))
    assert formula._repr_latex_().startswith("$$")
    assert len(formula._repr_latex_()) < 5000


def compiled(fragment, folder):
    """Return by how many points the widest line runs over; the fragment must compile."""
    (folder / "formula.tex").write_text(
        "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
        f"{fragment}\n\\end{{document}}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "formula.tex"],
        cwd=folder, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-2000:]
    over = [float(line.split("(")[1].split("pt")[0]) for line in log.splitlines()
            if line.startswith("Overfull \\hbox")]  # fmt: skip
    return max(over, default=0)


def wide_formulas():
    """Return what ran over the margin, or did not compile."""
    X, y = load_iris(return_X_y=True)
    D, z = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    long = ["x" * 300, "a long name (of a column), with units [m s^-2]; " * 3, "h1_1", "h1_2"]
    network = MLPClassifier(hidden_layer_sizes=(11,), max_iter=3, random_state=0)
    quantiles = QuantileTransformer(n_quantiles=5)
    target = TransformedTargetRegressor(LinearRegression(), transformer=quantiles)
    units = MLPRegressor(hidden_layer_sizes=(12,), max_iter=3, random_state=0)
    return {
        "long names": (cf.read(LinearRegression().fit(X, y), names=long), "auto"),
        "names of hidden units": (cf.read(network.fit(X, y), names=long), "steps"),
        "several targets": (cf.read(units.fit(D, np.c_[z, -z])), "matrix"),
        "curve of a sum": (cf.read(target.fit(D[["age", "bmi"]], z)), "auto"),
        "power": (cf.read(make_pipeline(PowerTransformer(), Ridge()).fit(D[["bmi"]], z)), "auto"),
        "names of iris": (
            cf.read(LinearDiscriminantAnalysis().fit(load_iris(as_frame=True).data, y)), "matrix"
        ),
    }  # fmt: skip


@needs_latex
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_ran_over_the_margin_or_did_not_compile_does_so_no_more(tmp_path):
    over = {}
    for name, (formula, form) in wide_formulas().items():
        over[name] = compiled(formula.to("latex", form=form), tmp_path)
    assert max(over.values()) <= MARGIN, over


def test_trees_and_curves_are_no_single_line_of_latex():
    # They were `0.5 f(age) + 0.5 f(age)`: two curves under one name, and neither was said.
    D, z = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    curved = make_pipeline(QuantileTransformer(n_quantiles=5), Ridge())
    for model in (curved, RandomForestRegressor(3, max_depth=2, random_state=0)):
        formula = cf.read(model.fit(D[["age", "bmi"]], z))
        with pytest.raises(UnsupportedTarget, match="curves cannot be written") as refusal:
            formula.to("latex", form="line")
        assert "steps" in refusal.value.hint
        assert formula.to("latex", form="steps")


def test_the_facts_of_a_leaf_hold_no_empty_names_and_sets_no_doubtful_commas():
    X, y = load_iris(return_X_y=True)
    mixed = np.random.default_rng(0).choice(["a", "b", "c, d", "e"], len(y))
    text = cf.read(DecisionTreeClassifier(max_depth=1).fit(X, mixed)).to("latex", digits=3)
    assert r"\text{``}\text{c, d}\text{''}" in text
    assert r"\text{``''}" not in text


def test_a_cell_ends_after_sixty_lines_and_says_what_is_left_out():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 600))
    shown = cf.read(LinearRegression().fit(X, X[:, 0]))._repr_latex_()
    assert "more lines: f.to('latex')" in shown
    assert shown.count("\\\\\n") < 70
    assert r"\text{No input may be missing.}" in shown
    assert "more lines" not in FORMULAS["classes"]._repr_latex_()
