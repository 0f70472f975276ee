"""Classifiers of several labels at once: one column of predict for each of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import dummy, ensemble, linear_model, neural_network, tree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit
from closedform.formula import Feature, Formula, Task
from closedform.ops import const, input_, label, less, where
from closedform.store import to_dict


def words_and_numbers():
    """Two labels: three texts, of which one is long, and two texts."""
    x, y = data.frame()
    first = np.array(["low", "mid; or so", "high"])[np.digitize(y, [2.5, 3.7])]
    return x, np.column_stack([first, np.where(x.iloc[:, 0] > 0, "yes", "no")])


def three_truths():
    """Three labels, each 0 or 1; the last one is never 1 in training."""
    x, y = data.numbers()
    x = x / x.std(axis=0)
    return x, np.column_stack([y > 3, x[:, 0] > 0, y > 3.6]).astype(int)


def one_of_them_never():
    """Two labels, of which one has a single class."""
    x, y = data.label_sets()
    return x, np.column_stack([y[:, 0] * 7, np.zeros(len(y), dtype=int)])


SEED = {"random_state": 0}
FEW = {"n_estimators": 5, "random_state": 0}
MLP = neural_network.MLPClassifier
CASES = [
    Case(tree.DecisionTreeClassifier(max_depth=4, **SEED), words_and_numbers, rtol=0),
    Case(tree.DecisionTreeClassifier(max_depth=4, **SEED), one_of_them_never, rtol=0),
    Case(tree.ExtraTreeClassifier(max_depth=4, **SEED), data.label_sets, rtol=0),
    Case(ensemble.RandomForestClassifier(max_depth=4, **FEW), words_and_numbers, rtol=0),
    Case(ensemble.RandomForestClassifier(max_depth=4, **FEW), three_truths, rtol=0),
    Case(ensemble.ExtraTreesClassifier(max_depth=3, **FEW), one_of_them_never, rtol=0),
    Case(linear_model.RidgeClassifier(), three_truths),
    Case(linear_model.RidgeClassifierCV(alphas=[0.1, 10]), data.label_sets),
    Case(make_pipeline(StandardScaler(), linear_model.RidgeClassifier()), three_truths),
    Case(MLP((6,), max_iter=50, **SEED), three_truths),
    Case(MLP((4, 3), activation="tanh", max_iter=50, **SEED), three_truths),
    Case(dummy.DummyClassifier(), words_and_numbers),
    Case(dummy.DummyClassifier(strategy="most_frequent"), data.label_sets),
    Case(dummy.DummyClassifier(strategy="constant", constant=["high", "no"]), words_and_numbers),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_of_several_labels_and_its_formula_agree(case):
    model, rows = case.fitted
    formula = check_reader(model, rows, rtol=case.rtol)
    assert formula(rows).shape == model.predict(rows).shape
    assert formula(rows).dtype.kind == model.predict(rows).dtype.kind


@pytest.mark.parametrize("case", CASES[:9:2], ids=str)
def test_a_certificate_covers_every_label(case):
    model, rows = case.fitted
    formula = cf.read(model)
    certificate = formula.verify(model, rows, limit=500)
    assert certificate.ok, str(certificate)
    assert {c.output for c in certificate.checks} == set(formula.outputs)


def forest():
    rows, y = words_and_numbers()
    return fit(ensemble.RandomForestClassifier(max_depth=3, **FEW), rows, y), rows


def test_the_task_of_each_label_says_what_its_outputs_are():
    formula = cf.read(forest()[0])
    first, second = formula.task.parts
    assert first == Task(
        "classification", ("high", "low", "mid; or so"), "vote", ("label0",),
        ("P0(high)", "P0(low)", "P0(mid; or so)"),
    )  # fmt: skip
    assert formula.primary == ("label0", "label1")
    assert formula.task.probability == (*first.probability, *second.probability)
    assert formula.task.classes == ()
    assert formula.task.of("P1(yes)") is second


def test_a_chance_of_each_label_is_all_that_a_network_gives():
    rows, y = three_truths()
    formula = cf.read(fit(MLP((4,), max_iter=20, **SEED), rows, y))
    assert formula.task.probability == ("P0(1)", "P1(1)", "P2(1)")


def test_a_saved_formula_keeps_its_labels_apart(tmp_path):
    model, rows = forest()
    formula = cf.read(model)
    formula.save(tmp_path / "f.json")
    back = cf.load(tmp_path / "f.json")
    assert back.task == formula.task
    assert (back(rows) == model.predict(rows)).all()


def test_a_saved_formula_keeps_the_one_chance_of_each_label(tmp_path):
    rows, y = three_truths()
    formula = cf.read(fit(MLP((4,), max_iter=20, **SEED), rows, y))
    formula.save(tmp_path / "f.json")
    assert cf.load(tmp_path / "f.json").task == formula.task


def test_a_label_with_labels_of_its_own_is_no_file(tmp_path):
    formula = cf.read(forest()[0])
    formula.save(tmp_path / "f.json")
    document = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    del document["sha256"]
    document["task"]["parts"][0]["parts"] = []
    (tmp_path / "f.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(cf.BadFile, match="parts"):
        cf.load(tmp_path / "f.json")


def test_labels_of_unlike_types_stay_what_they_are():
    x = input_(0)
    above = less(const(0.0), x)
    parts = (
        Task("classification", (0, 1), "none", ("label0",)),
        Task("classification", ("a", "b"), "none", ("label1",)),
    )
    formula = Formula(
        {
            "label0": where(above, label(1), label(0)),
            "label1": where(above, label("b"), label("a")),
        },
        (Feature("x"),),
        Task("classification", primary=("label0", "label1"), parts=parts),
    )
    assert formula(np.array([[1.0], [-1.0]])).tolist() == [[1, "b"], [0, "a"]]


def test_a_label_that_is_refused_in_a_row_is_no_label_there():
    rows, y = three_truths()
    formula = cf.read(fit(linear_model.RidgeClassifier(), rows, y))
    rows = rows[:2].copy()
    rows[1, 0] = np.nan
    assert formula(rows)[1].tolist() == [None, None, None]
    assert formula(rows)[0].tolist() == [0, 0, 0] or set(formula(rows)[0]) <= {0, 1}


@pytest.mark.parametrize("target", ["python", "numpy"])
def test_a_printed_program_gives_every_label(target):
    model, rows = forest()
    formula = cf.read(model)
    certificate = cf.verify_program(formula, target, rows, model=model, limit=200)
    assert certificate.ok, str(certificate)


def test_each_label_is_printed_as_a_formula_of_its_own():
    rows, y = words_and_numbers()
    model = fit(tree.DecisionTreeClassifier(max_depth=2, **SEED), rows, y)
    text = cf.read(model).to("text")
    assert "Label 0:" in text and "Label 1:" in text
    assert "class0 = " in text and "class1 = yes" in text


def test_an_equation_of_one_label_is_compared_with_that_label():
    rows, y = three_truths()
    formula = cf.read(fit(linear_model.RidgeClassifier(), rows, y))
    line = next(p for p in formula.to("text", form="line").split("\n\n") if p.startswith("g1 ="))
    assert formula.compare(line, rows, output="decision1").agrees
    assert not formula.compare(line, rows, output="decision0").agrees


def test_labels_that_are_numbers_are_compared_as_numbers():
    rows, y = three_truths()
    formula = cf.read(fit(tree.DecisionTreeClassifier(max_depth=1, **SEED), rows, y))
    (splits,) = {n.data.splits for n in formula.nodes if n.op.name == "tree"}
    said = f"1 if x{splits.feature[0]} > {splits.threshold[0]!r} else 0"
    assert formula.compare(said, rows, output="label0").agrees


def test_errors_against_what_was_observed_are_those_of_all_labels():
    rows, y = three_truths()
    model = fit(linear_model.RidgeClassifier(), rows, y)
    truth = cf.read(model).verify(model, rows, y=y, made_up=False).truth
    assert truth["share of wrong labels, formula"] == (model.predict(rows) != y).mean()
    assert truth["share of wrong labels, model"] == truth["share of wrong labels, formula"]


def test_a_file_of_several_labels_fits_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(cf.__file__).parent / "formula.schema.json").read_text("utf-8"))
    jsonschema.validate(to_dict(cf.read(forest()[0])), schema)
