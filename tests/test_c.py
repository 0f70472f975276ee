"""C programs: compiled without a warning, run, and equal to the formula bit for bit."""

import math
import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type, node, rewrite
from closedform.ops.payloads import Table, label_code
from closedform.verify.running.c import run_c, tool
from programs import assert_same, left_to_right, same
from strategies import BUILD, LABELS, formulas, rows

# What C's library and NumPy round differently is compared op by op, in test_targets.
EXACT = set(BUILD) - {"pow", *ops.UNARY} | {"abs", "sqrt", "floor", "sign", "round32"}
# Of two zeros that are the k-th, either is right; a division by it tells them apart.
AMONG = st.sampled_from([sorted(EXACT - {"kth"}), sorted(EXACT - {"div"})])
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wmissing-prototypes", "-Wshadow"]
# Not -Wdouble-promotion: NAN itself is a float in some headers, as clang says.
CAREFUL = ["-Wconversion", "-Wsign-conversion"]
DATA, TARGET = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)


def relabelled(formula, X, new):
    """The formula, and rows for it, with every label replaced: C's labels are of one type."""
    for label in new.values():
        label_code(label)

    def replaced(n):
        if n.op is ops.LABEL and n.data[0] is not None:
            return ops.label(new[n.data[0]])
        if n.op is ops.MEMBER and n.args[0].type is Type.LABEL:
            return ops.member(n.args[0], [new[v] for v in n.data])
        if n.op is ops.TABLE and n.args[0].type is Type.LABEL:
            labels = tuple(new[v] for v in n.data.labels)
            data = Table(labels, n.data.values, n.data.default, n.data.missing)
            return node(ops.TABLE, n.args, data)
        return None

    became = rewrite(formula.nodes, replaced)
    inputs = tuple(
        Feature(f.name, f.type, tuple(new[v] for v in f.categories)) if f.categories else f
        for f in formula.inputs
    )
    outputs = {name: became[n] for name, n in formula.outputs.items()}
    kinds = [new.get(v, v) for v in X["kind"]]
    return Formula(outputs, inputs), X | {"kind": kinds}


def ran(formula, X, **options):
    """Every output of the compiled program, for all rows; NaN of a label is none."""
    columns = [list(X[f.name]) for f in formula.inputs]
    found, error = run_c(
        formula.to("c", **options), formula.inputs, columns, [*formula.outputs], {}
    )
    assert not error, error
    for name, n in formula.outputs.items():
        if n.type is Type.LABEL:
            found[name] = [None if v is None or v != v else v for v in found[name]]
    return found


def unknown_as_itself(found, wanted, X):
    """A label that nobody knows passes through a program; the formula has no name for it."""
    strange = {v for v in X["kind"] if v is not None} - set(LABELS)

    def known(v, w):
        return None if w is None and v in strange else v

    return {
        name: [known(v, w) for v, w in zip(column, wanted[name], strict=True)]
        for name, column in found.items()
    }


@settings(max_examples=40, phases=[Phase.generate])  # of 12 outputs each: a compiler takes 0.2 s
@given(
    AMONG.flatmap(lambda among: formulas(outputs=12, size=50, among=among)), rows(), st.booleans()
)
def test_every_formula_compiles_runs_and_is_equal(formula, X, as_text):
    new = {v: f"{v}" if as_text else float(i) for i, v in enumerate(LABELS)}
    X = X | {"kind": [v if as_text or v in new else None for v in X["kind"]]}
    formula, X = relabelled(formula, X, new)
    wanted = left_to_right(formula, X)
    assert_same(unknown_as_itself(ran(formula, X), wanted, X), wanted, same)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compiled(text, folder, *flags):
    """Compile a printed file as a user would, each warning an error; return the program's path."""
    (folder / "model.c").write_text(text, encoding="utf-8")
    made = folder / "model"
    given = [*WARNINGS, *flags, "-o", made, folder / "model.c", "-lm"]
    done = run(*tool(), "-std=c99", "-O1", *given)
    assert done.returncode == 0, done.stderr
    return made


def models():
    mixed = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["sex"]), (StandardScaler(), ["age", "bmi"])
    )
    people = DATA.assign(sex=DATA["sex"].map({1.0: 'a "quoted"\\ label', 2.0: "naïve ??/ */"}))
    network = MLPRegressor(hidden_layer_sizes=(12, 12), max_iter=50, random_state=0)
    holes = DATA.mask(np.random.default_rng(0).random(DATA.shape) < 0.1)
    return {
        "classes of text": (
            LogisticRegression(max_iter=500).fit(FLOWERS, load_iris().target_names[KINDS]),
            FLOWERS,
        ),
        "classes of numbers": (RandomForestClassifier(9).fit(FLOWERS, KINDS), FLOWERS),
        "labels that C would misread": (make_pipeline(mixed, network).fit(people, TARGET), people),
        "missing values": (HistGradientBoostingRegressor(max_iter=20).fit(holes, TARGET), holes),
        "a small tree": (DecisionTreeClassifier(max_depth=3).fit(FLOWERS, KINDS == 1), FLOWERS),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("precision", ["double", "float"])
def test_a_program_compiles_without_a_warning_and_passes_its_own_test(tmp_path, precision):
    for name, (model, X) in models().items():
        text = cf.read(model).to("c", precision=precision, rows=X)
        flags = CAREFUL if precision == "double" else ["-Wno-overflow"]
        done = run(compiled(text, tmp_path, "-DMODEL_TEST", *flags))
        assert done.stdout == "0 of 20 rows differ\n", name
        assert done.returncode == 0


def test_a_self_test_fails_where_the_program_is_wrong(tmp_path):
    text = cf.read(LogisticRegression(max_iter=500).fit(FLOWERS, KINDS == 1)).to("c", rows=FLOWERS)
    wrong = text.replace("out->P_True = ", "out->P_True = 0.001 + ")
    done = run(compiled(wrong, tmp_path, "-DMODEL_TEST"))
    assert done.returncode == 1
    assert done.stdout == "20 of 20 rows differ\n"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_program_gives_what_the_model_gives():
    for name, (model, X) in models().items():
        found = cf.verify_program(cf.read(model), "c", X, model=model)
        assert found.ok, (name, str(found))
        assert found.labels_differ == 0


def test_trees_are_tests_where_they_are_few_and_tables_where_they_are_many():
    few = cf.read(DecisionTreeClassifier(max_depth=2, random_state=0).fit(FLOWERS, KINDS)).to("c")
    assert "if (petal_width_cm <= 0.8" in few
    assert "CHILD" not in few
    many = cf.read(RandomForestClassifier(9, random_state=0).fit(FLOWERS, KINDS)).to("c")
    assert "forests(sums1, 3, B1, 1.0, 0, 9, row1);" in many
    assert " if " not in many[many.rindex("void model_evaluate") : many.index("#ifdef")]


def test_a_label_that_nobody_knows_passes_through():
    kind = ops.input_(0, Type.LABEL)
    filled = ops.where(ops.missing(kind), ops.label("none"), kind)
    formula = Formula({"y": filled}, (Feature("kind", Type.LABEL, ("a", "b")),))
    assert ran(formula, {"kind": ["a", None, "other", ""]})["y"] == ["a", "none", "other", ""]


def test_names_begin_with_what_is_asked_for(tmp_path):
    formula = Formula({"y": ops.lin(1, (2, ops.input_(0)))}, (Feature("int"),))
    text = formula.to("c", name="pump")
    assert "void pump_evaluate(const pump_input *in, pump_output *out)" in text
    compiled(text, tmp_path, "-c")
    for wrong in ("a b", "1x", "double", "é", ""):
        with pytest.raises(BadInput, match="no name in C"):
            formula.to("c", name=wrong)
    with pytest.raises(BadInput, match="precision"):
        formula.to("c", precision="half")


def test_labels_of_two_types_are_refused_and_so_is_a_zero_in_a_text():
    kind = ops.input_(0, Type.LABEL)
    mixed = ops.where(ops.equal(kind, ops.label("a")), ops.const(1), ops.const(0))
    with pytest.raises(UnsupportedTarget, match="both texts and numbers"):
        Formula({"y": mixed}, (Feature("kind", Type.LABEL, ("a", 1)),)).to("c")
    with pytest.raises(UnsupportedTarget, match="zero character"):
        Formula({"y": mixed}, (Feature("kind", Type.LABEL, ("a", "b\0c")),)).to("c")


def test_single_precision_keeps_the_thresholds_of_trees():
    X = pd.DataFrame({"a": np.linspace(0, 1, 200).astype(np.float32)})
    model = DecisionTreeClassifier(max_depth=4).fit(X, np.sin(40 * X["a"]) > 0)
    formula = cf.read(model)
    found = ran(formula, {"a": X["a"].tolist()}, precision="float")
    assert [bool(v) for v in found["label"]] == model.predict(X).tolist()
    assert not math.isnan(sum(found["P(True)"]))


def test_numbers_rounded_to_single_precision_are_added_in_double():
    a, b = (ops.unary("round32", ops.input_(i)) for i in range(2))
    formula = Formula({"y": ops.lin(0, (1, a), (1, b))}, (Feature("a"), Feature("b")))
    X = {"a": [1e8, 0.1], "b": [1e-3, 0.7]}
    assert_same(ran(formula, X), left_to_right(formula, X))


@pytest.mark.parametrize("word", ["real", "double", "NULL"])
def test_a_word_of_the_program_is_a_label_like_any_other(word):
    kind = ops.input_(0, Type.LABEL)
    filled = ops.where(ops.missing(kind), ops.label(word), kind)
    formula = Formula({"real": filled}, (Feature("real", Type.LABEL, (word,)),))
    assert ran(formula, {"real": [None, "x"]}) == {"real": [word, "x"]}


def test_a_program_of_another_name_is_checked_too():
    formula = Formula({"y": ops.lin(1, (2, ops.input_(0)))}, (Feature("a"),))
    assert cf.verify_program(formula, "c", {"a": [1.0, 2.5]}, name="pump").ok
