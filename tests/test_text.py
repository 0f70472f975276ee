"""Plain text: what a person reads, on real models."""

import re

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ops.payloads import Pieces
from closedform.printers.notes import at_most
from closedform.printers.plain import FUNCTIONS
from closedform.verify import vocabulary
from closedform.verify.expression import parse


def diabetes(columns=("age", "bmi", "bp")):
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return X[list(columns)], y


def test_a_line_is_the_coefficients_in_raw_units():
    X, y = diabetes(["age", "bmi"])
    model = LinearRegression().fit(X, y)
    a, b = (repr(float(w)) for w in model.coef_)
    text = cf.read(model).to("text")
    assert text.splitlines()[0] == f"y = {float(model.intercept_)!r} + {a}*age + {b}*bmi"


def test_a_line_can_be_pasted_back_and_agrees():
    X, y = load_iris(return_X_y=True, as_frame=True)
    formula = cf.read(make_pipeline(StandardScaler(), Ridge()).fit(X, y))
    line = formula.to("text", form="line").partition("\n\n")[0]
    assert "`petal length (cm)`" in line
    assert formula.compare(" ".join(line.split()), X)


def test_rounding_is_said_and_measured_on_the_rows_given():
    X, y = diabetes()
    formula = cf.read(LinearRegression().fit(X, y))
    told = " ".join(formula.to("text", digits=2, data=X).split())
    assert "rounded to 2 significant digits: y moves by at most" in told
    assert "on the 442 rows given" in told
    moved = abs(formula(X) - cf.read(LinearRegression().fit(X, y))(X)).max()
    assert moved == 0  # the formula itself is not touched
    assert "not measured" in formula.to("text", digits=2)


def test_what_a_console_shows_says_that_it_is_short():
    X, y = diabetes()
    shown = str(cf.read(LinearRegression().fit(X, y)))
    assert shown.splitlines()[0].startswith("exact · 3 inputs · raw units")
    assert "Numbers are shown to 5 digits; with all of them: f.to('text')" in shown


def test_a_tree_is_rules_with_class_probability_samples_and_coverage():
    data = load_iris(as_frame=True)
    model = DecisionTreeClassifier(max_depth=2, random_state=0)
    formula = cf.read(model.fit(data.data, data.target_names[data.target]))
    text = formula.to("text", digits=3)
    setosa = next(line for line in text.splitlines() if "setosa " in line)
    assert " ".join(setosa.split()) == (
        "class = setosa when petal width (cm) <= 0.8 P = 1, 50 of 150 samples (33 %)"
    )
    assert "54 of 150 samples (36 %)" in text
    assert "0.8 < petal width (cm) <= 1.75" in text


def test_a_binary_classifier_is_a_condition_a_boundary_and_a_probability():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    y = y.map({0: "malignant", 1: "benign"})
    text = cf.read(LogisticRegression(max_iter=5000).fit(X.iloc[:, :3], y)).to("text")
    assert text.startswith("class = malignant when g > 0, else benign\nboundary: g = 0, that is")
    assert "P(malignant) = 1/(1 + exp(-g))\nP(benign) = 1 - P(malignant)" in text


def test_several_classes_are_scores_boundaries_and_one_softmax():
    X, y = load_iris(return_X_y=True, as_frame=True)
    text = cf.read(LogisticRegression(max_iter=500).fit(X, y)).to("text", digits=3)
    assert "class = the class c with the greatest g(c)" in text
    assert "boundary between 0 and 1: g(0) - g(1) = 0, that is" in text
    assert "P(c) = exp(g(c)) / (exp(g(0)) + exp(g(1)) + exp(g(2)))   for each class c" in text


def test_derived_numbers_have_no_more_digits_than_the_rounded_ones():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    formula = cf.read(LogisticRegression(max_iter=5000).fit(X.iloc[:, :2], y))
    solved = formula.to("text", digits=3).partition("that is")[2].partition("\n\n")[0]
    numbers = [w.split("*")[0] for w in solved.replace("=", " ").split() if w[0].isdigit()]
    assert numbers
    assert all(len(n.replace(".", "").strip("0")) <= 3 for n in numbers)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_is_matrices_with_all_their_numbers():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    network = MLPClassifier(hidden_layer_sizes=(60, 60), activation="tanh", max_iter=5)
    formula = cf.read(make_pipeline(StandardScaler(), network).fit(X, y))
    text = formula.to("text")
    assert "g = W₃·tanh(W₂·tanh(W₁·x + b₁) + b₂) + b₃" in text
    last = network.coefs_[-1].ravel()
    assert all(repr(float(w)) in text for w in last)
    assert len(str(formula).splitlines()) <= 62  # sixty, and the note under them


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_small_network_is_unit_by_unit():
    X, y = diabetes()
    network = MLPRegressor(hidden_layer_sizes=(2,), activation="tanh", max_iter=5)
    text = cf.read(network.fit(X, y)).to("text", form="steps")
    assert text.count("tanh(") == 2
    assert "h1_1 = tanh(" in text
    assert "*h1_2" in text


def mixed():
    X, y = diabetes(["age", "bmi", "sex"])
    X = X.assign(sex=X["sex"].map({1.0: "A", 2.0: "B"}))
    X.loc[::17, "bmi"] = None
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age", "bmi"]),
        (OneHotEncoder(handle_unknown="ignore"), ["sex"]),
    )
    return columns, X, y


def test_an_imputed_input_keeps_its_name_and_a_note_says_what_it_counts_as():
    columns, X, y = mixed()
    text = cf.read(make_pipeline(columns, Ridge()).fit(X, y)).to("text", digits=4)
    assert "*bmi" in text
    assert "imputed" not in text
    assert f"bmi as {X['bmi'].median():.4g}" in " ".join(text.split())
    assert "effect(sex): A → " in text


def test_a_boosted_model_names_categories_in_its_rules_and_its_trees_by_number():
    columns, X, y = mixed()
    model = make_pipeline(columns, GradientBoostingRegressor(n_estimators=20, random_state=0))
    formula = cf.read(model.fit(X, y))
    text = formula.to("text", form="rules")
    assert "0.1*(tree 1 + tree 2 + … + tree 20)" in text
    assert all(f"tree {i}:" in text for i in range(1, 21))
    assert "sex = A" in text or "sex = B" in text
    assert "tree 4:" not in formula.to("text", limit=3)
    assert "… 17 more trees: f.to('text', form='rules')" in formula.to("text", limit=3)


@pytest.mark.parametrize(
    "name", ["N", "lambda", "petal length (cm)", "'; DROP TABLE x; --", "身長", "a`b", "x\ny"]
)
def test_any_name_can_be_an_input(name):
    X, y = diabetes(["age", "bmi"])
    formula = cf.read(LinearRegression().fit(X.to_numpy(), y), names=["age", name])
    line = formula.to("text", form="line").partition("\n\n")[0]
    assert len(line.splitlines()) == 1
    assert formula.compare(line, X.set_axis(["age", name], axis=1))


def test_a_form_that_is_not_there_is_said_with_the_one_that_is():
    X, y = diabetes()
    formula = cf.read(LinearRegression().fit(X, y))
    with pytest.raises(BadInput, match="no form 'poem'") as refusal:
        formula.to("text", form="poem")
    assert "matrix" in refusal.value.hint
    with pytest.raises(UnsupportedTarget, match="no trees"):
        formula.to("text", form="rules")


def test_brief_rules_of_many_classes_name_the_likeliest_alone():
    random = np.random.default_rng(0)
    rows, classes = random.normal(size=(520, 2)), random.integers(0, 26, 520)
    formula = cf.read(DecisionTreeClassifier(max_depth=2, random_state=0).fit(rows, classes))
    assert "more)" in str(formula)
    assert max(map(len, str(formula).splitlines())) <= 100
    assert "more)" not in formula.to("text")


def test_a_stump_for_three_classes_says_which_class_it_gives():
    # P(1) and P(2) are the same on all rows, and the first of them is the label.
    rows, classes = load_iris(return_X_y=True, as_frame=True)
    model = DecisionTreeClassifier(max_depth=1, random_state=0).fit(rows, classes)
    said = [line.split(" when ")[0].strip() for line in cf.read(model).to("text").splitlines()]
    assert said[:2] == ["class = 0", "class = 1"]
    assert "P = 0.5 (2: 0.5), 100 of 150 samples" in cf.read(model).to("text")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_many_categories_before_a_network_are_truths_and_not_lists_of_all_categories():
    # As lists of all categories, 300 of them were 300 × 300 entries (2,000: 59 MB in 41 s).
    X = np.array([[f"c{i:03d}"] for i in range(300)] * 2, dtype=object)
    network = MLPRegressor(hidden_layer_sizes=(12,), max_iter=2, random_state=0)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), network)
    text = cf.read(model.fit(X, np.arange(600.0))).to("text", digits=3)
    assert text.count("c123") == 1
    assert "= 'c123']" in text


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_no_text_holds_a_sign_that_cannot_be_seen():
    X, y = diabetes()
    network = MLPRegressor(hidden_layer_sizes=(12,), max_iter=2, random_state=0)
    text = cf.read(network.fit(X, np.c_[y, -y])).to("text", form="matrix")
    assert text.startswith("(y0, y1) = W₂·relu(W₁·x + b₁) + b₂\n")
    assert all(c.isprintable() or c == "\n" for c in text)


def test_an_effect_is_rounded_after_its_factors_have_been_multiplied():
    X, y = diabetes(["bmi", "sex"])
    X = X.assign(sex=X["sex"].map({1.0: "A", 2.0: "B"}))
    columns = make_column_transformer(
        (TargetEncoder(target_type="continuous"), ["sex"]), (StandardScaler(), ["bmi"])
    )
    formula = cf.read(make_pipeline(columns, Ridge()).fit(X, y))
    text = formula.to("text", digits=3, data=X)
    effects = re.findall(r"→ (-?[\d.]+)", text)
    assert effects
    assert all(len(e.strip("-0.").replace(".", "")) <= 3 for e in effects)
    # What is printed is what was measured: read it literally, and compare with the model.
    sex = dict(re.findall(r"(A|B) → (-?[\d.]+)", text))
    bias, slope = re.search(r"y = (\S+) (?:\+ effect\(sex\) )?\+ ([\d.]+)\*bmi", text).groups()
    ours = float(bias) + X["sex"].map(sex).astype(float) + float(slope) * X["bmi"]
    told = float(re.search(r"moves by at most ([\d.]+)", text).group(1))
    moved = float(abs(ours - formula(X)).max())
    assert told * 0.9 <= moved <= told


def test_four_trees_are_written_out_and_their_sum_needs_no_brackets():
    X, y = diabetes()
    boosted = HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=3).fit(X, y)
    assert "+ tree 1 + tree 2 + tree 3 + tree 4\n" in cf.read(boosted).to("text")


def test_boosted_trees_have_no_matrix_form():
    X, y = diabetes()
    formula = cf.read(GradientBoostingRegressor(n_estimators=3).fit(X, y))
    with pytest.raises(UnsupportedTarget, match="made of trees") as refusal:
        formula.to("text", form="matrix")
    assert "form='rules'" in refusal.value.hint


@pytest.mark.parametrize("value", [0.0614, 0.0601, 5.41e-5, 958.2, 0.06, 1.0, 3.3e-320, 1.7e308])
def test_at_most_is_never_less(value):
    told = float(at_most(value))
    assert value <= told
    assert told <= value * 1.1 or value < 1e-300  # two digits, the last one rounded up


def test_an_output_is_called_in_a_note_what_the_page_calls_it():
    X, y = load_iris(return_X_y=True, as_frame=True)
    formula = cf.read(LogisticRegression(max_iter=500).fit(X, y)).only("label", "decision(0)")
    assert "g(0) moves by at most" in " ".join(formula.to("text", digits=2, data=X).split())


def test_rules_name_the_condition_behind_a_truth_and_nothing_that_no_tree_tests():
    X, _y = diabetes(["age", "bmi", "bp"])
    X.loc[::5, "bmi"] = None
    columns = make_column_transformer(
        (SimpleImputer(add_indicator=True), ["age", "bmi"]), (Binarizer(threshold=90), ["bp"])
    )
    gone, high = X["bmi"].isna(), X["bp"] > 90
    tree = DecisionTreeClassifier(random_state=0)
    text = cf.read(make_pipeline(columns, tree).fit(X, gone ^ high)).to("text")
    said = {" ".join(line.split()) for line in text.splitlines()}
    rows = int((gone & ~high).sum())
    assert any(
        f.startswith("class = True when")
        and {"bmi is missing", "bp <= 90"} == set(f[18:].split(" P = ")[0].split(" and "))
        and f" {rows} of 442" in f
        for f in said
    )
    assert "missingindicator" not in text
    assert "imputed" not in text
    text = cf.read(make_pipeline(columns, tree).fit(X, high)).to("text")
    assert "A missing value" not in text  # only bp is tested, and must not be missing
    assert "bp must not be missing." in text


def test_an_input_that_nothing_reads_still_says_which_categories_the_model_takes():
    X, _y = diabetes(["age", "sex"])
    X = X.assign(sex=X["sex"].map({1.0: "A", 2.0: "B"}))
    columns = make_column_transformer((OneHotEncoder(), ["sex"]), ("passthrough", ["age"]))
    model = make_pipeline(columns, DecisionTreeClassifier()).fit(X, X["age"] > 50)
    assert "sex is one of A, B." in cf.read(model).to("text")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_matrix_form_has_letters_of_its_own():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(PowerTransformer(), MLPClassifier((11,), max_iter=2, random_state=0))
    text = cf.read(model.fit(X, y), names=["x", "g", "z1", "w2"]).to("text", form="matrix")
    assert "\n(g(0), g(1), g(2)) = W₂·relu(W₁·x_ + b₁) + b₂\n" in text
    assert "\nx_ = (u1, u2, u3, u4)\n" in text
    model = make_pipeline(PowerTransformer(), MLPClassifier((11,), max_iter=2, random_state=0))
    text = cf.read(model.fit(X, y), names=["z", "u", "v", "w"]).to("text", form="matrix")
    assert "\nx = (zz1, zz2, zz3, zz4)\n" in text


def test_long_names_and_long_facts_keep_the_width_where_they_can():
    X, y = diabetes(["age", "bmi"])
    model = make_pipeline(KBinsDiscretizer(3, encode="ordinal", strategy="uniform"), Ridge())
    text = cf.read(model.fit(X.to_numpy(), y), names=["a" * 90, "bmi"]).to("text")
    assert max(map(len, text.splitlines())) <= 130  # nothing hangs to the right of such a name
    rows, _classes = load_iris(return_X_y=True)
    names = np.array([f"quite a long name of class {i:02d}" for i in range(9)])
    shuffled = names[np.random.default_rng(0).integers(0, 9, len(rows))]
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(rows, shuffled)
    assert max(map(len, cf.read(tree).to("text", digits=3).splitlines())) <= 100


def test_the_bound_of_a_note_holds_for_every_output():
    X, y = diabetes(["age", "bmi"])
    model = LinearRegression().fit(X, np.c_[y, 1e6 * y + X["age"] ** 2])
    formula = cf.read(model)
    told = " ".join(formula.to("text", digits=2, data=X).split())
    share = float(re.search(r"each output moves by at most ([\d.]+) % of its range", told).group(1))
    exact, now = formula.evaluate(X), {}
    for line in formula.to("text", digits=2).splitlines()[:2]:
        name, _, right = line.partition(" = ")
        now[name] = eval(right, {"age": X["age"].to_numpy(), "bmi": X["bmi"].to_numpy()})
        moved = 100 * np.abs(now[name] - exact[name]).max() / np.ptp(exact[name])
        assert moved <= share


def test_where_a_missing_value_goes_is_said_also_of_branches_of_one_size():
    rows, halves = np.arange(4.0)[:, None], [0, 0, 1, 1]
    model = DecisionTreeRegressor().fit(rows, halves)
    text = " ".join(cf.read(model).to("text").split())
    assert "with more training samples, of two with as many the one above." in text
    assert model.predict([[np.nan]]) == 1  # the leaf above the threshold
    uneven = cf.read(DecisionTreeRegressor().fit(rows, [0, 0, 0, 1])).to("text")
    assert "with more training samples." in uneven


def test_factors_stand_in_the_order_of_the_inputs():
    X, y = diabetes(["age", "bmi", "bp"])
    text = cf.read(make_pipeline(PolynomialFeatures(3), Ridge()).fit(X, y)).to("text")
    assert "age*bmi*bp" in text
    assert "age^2*bmi" in text


def test_every_function_of_a_line_is_one_that_compare_reads():
    assert set(FUNCTIONS) <= set(vocabulary.FUNCTIONS)
    X, y = diabetes(["age"])
    normal = QuantileTransformer(n_quantiles=3, output_distribution="normal")
    formula = cf.read(make_pipeline(normal, Ridge()).fit(X, y))
    line = formula.to("text", form="line").partition("\n\n")[0]
    assert "probit(" in line
    assert formula.compare(" ".join(line.split()), X)


def test_targets_of_one_formula_are_one_row_of_its_matrix():
    X, y = diabetes()
    text = cf.read(LinearRegression().fit(X, np.c_[y, y])).to("text", form="matrix")
    assert text.startswith("y0 = W·x + b\ny1 = y0\n")
    assert "W (1 × 3)" in text


def test_one_of_several_outputs_is_printed_without_the_others():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, np.column_stack([y, y**2]))
    formula = cf.read(model)
    for name in formula.outputs:
        text = formula.only(name).to("text")
        assert text.startswith(f"{name} = ")
        assert str(formula.only(name))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("several", [False, True])
def test_each_output_of_a_network_is_printed_alone(several):
    X, y = load_iris(return_X_y=True, as_frame=True)
    network = MLPClassifier((12, 12), max_iter=20, random_state=0).fit(X, y if several else y == 0)
    formula = cf.read(network)
    for name in formula.outputs:
        assert str(formula.only(name))
        assert formula.only(name).to("latex")
    if not several:
        assert "W₃" in formula.only("P(True)").to("text", form="matrix")


X0, X1 = ops.input_(0), ops.input_(1)
AWKWARD = [
    ops.div(X1, ops.lin(0, (-0.7, X0))),
    ops.div(X1, ops.lin(0, (-1, X0))),
    ops.div(ops.div(X0, X1), ops.div(X1, X0)),
    ops.div(ops.lin(0, (-2, X0)), ops.mul(X0, X1)),
    ops.power(ops.power(X0, 2), 3),
    ops.power(ops.lin(0, (-1, X0)), 3),
    ops.power(X0, ops.power(X1, 2)),
    ops.power(ops.const(-2), 3),
    ops.lin(0, (-1, ops.div(ops.power(ops.lin(0, (-0.3, X0)), 3), ops.lin(0, (-0.76, X1))))),
    ops.lin(1, (-1, ops.lin(2, (-3, X0), (1, ops.lin(0, (-1, X1)))))),
]


@pytest.mark.parametrize("node", AWKWARD)
def test_an_expression_read_as_it_is_written_has_the_same_value(node):
    formula = Formula({"z": node}, (Feature("a"), Feature("b")))
    rows = np.array([[0.5, 1.5], [2.0, 3.0], [1.25, 2.5]])
    mine = parse(formula.to("text").strip(), formula).closed()
    read = Formula({"z": mine}, formula.inputs)
    np.testing.assert_allclose(read(rows), formula(rows), rtol=1e-14)


def test_a_leaf_of_a_forest_says_which_share_each_class_has():
    """Of classes 0 and 1, `0.92 0, 0.08 1` says nothing."""
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(3, max_depth=1, random_state=0).fit(X, y)
    leaves = re.findall(r"^  (.*?)   when ", cf.read(forest).to("text", digits=3), re.M)
    assert len(leaves) == 6
    assert all(re.fullmatch(r"0: 0\.\d+, 1: 0\.\d+ *", leaf) for leaf in leaves)


def test_a_table_of_two_inputs_stands_below_the_sum_that_reads_it():
    """As the table of one input does: there may be thousands of numbers in it."""
    bins = [ops.piecewise(ops.input_(i), Pieces.of([0.0], [1.0, 2.0])) for i in range(2)]
    cell = ops.lin(0, (2, bins[0]), (1, bins[1]))
    pair = ops.table(cell, {3.0: 0.5, 4.0: 0.25, 5.0: 0.75, 6.0: 1.5})
    formula = Formula({"y": ops.lin(1, (1, pair), (1, ops.input_(2)))}, tuple(map(Feature, "abc")))
    assert str(formula.to("text")).startswith("y = 1 + ")
