"""PMML files: documents written by hand, against an evaluator's recorded answers and by hand."""

import json
import math

import numpy as np
import pytest

import closedform as cf
from closedform.ir import Type
from pmml_cases import BINARY, CLASS, apply, derived, document, linear, regression, rows, schema
from pmml_documents import CASES as FILES
from pmml_documents import RECORDED

ANSWERS = json.loads(RECORDED.read_text())
"""JPMML-Evaluator 1.7.7: see `record_pmml.py`."""

# PMML does not say what these are, or the evaluator does not do it: there no rows are compared.
RAISES_BUT_DEFINED = {
    # A missing argument makes a comparison missing (Functions: "the result is a missing value");
    # JPMML 1.7 raises, also where the rest of the condition decides.
    "function and", "function or", "mapMissingTo of an if",
    "function uppercase", "function lowercase", "function trimBlanks", "function substring",
    "function replace",
    # Extrapolating from the ends of a NormContinuous, which JPMML has not implemented.
    "network: reciprocal",
}  # fmt: skip
TIES = ("ensemble", "vectors")
"""Models of votes: of equal ones the dictionary's first class wins here, the first one in JPMML."""


def read(document, tmp_path, **options):
    path = tmp_path / "model.pmml"
    path.write_text(document)
    return cf.read(path, **options)


def is_nothing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def same(ours, expected, rtol=1e-9):
    """Tell whether two answers agree; 1e-9 is what sums in another order may differ by."""
    if is_nothing(ours) or is_nothing(expected):
        return is_nothing(ours) and is_nothing(expected)
    if isinstance(expected, str):
        return str(ours) == expected
    return ours == expected or abs(ours - expected) <= rtol * max(1.0, abs(expected))


def our_name(formula, key):
    """Return our name of what the evaluator calls `key`; None where we have no such output."""
    if key == "y":
        return formula.primary[0]
    if key.startswith("probability("):
        return f"P({key[12:-1]})"
    return key if key in formula.outputs else None


def tied(answer):
    shares = sorted(v for k, v in answer.items() if k.startswith("probability("))
    return len(shares) > 1 and shares[-1] - shares[-2] < 1e-12


@pytest.mark.parametrize("name", FILES)
def test_a_document_predicts_as_the_evaluator_has_answered(name, tmp_path):
    document, given = FILES[name]
    formula = read(document, tmp_path)
    columns = {n: [row[n] for row in given] for n in given[0]}
    outputs = formula.evaluate(columns)
    compared = 0
    for i, (row, answer) in enumerate(zip(given, ANSWERS[name], strict=True)):
        if answer is None and name in RAISES_BUT_DEFINED:
            continue
        if answer is None:
            assert is_nothing(outputs[formula.primary[0]][i]), row
            continue
        for key, expected in answer.items():
            ours = our_name(formula, key)
            if key == "y" and any(t in name for t in TIES) and is_tie(formula, outputs, i, name):
                continue
            if ours is not None:
                assert same(outputs[ours][i], expected), (row, key)
                compared += 1
    assert compared


def is_tie(formula, outputs, i, name):
    if name == "vectors: one against one":
        return outputs["label"][i] == "p"  # the first class, also where each class has one vote
    shares = sorted(outputs[n][i] for n in formula.task.probability)
    return bool(shares) and shares[-1] - shares[-2] < 1e-12


def test_every_recorded_answer_has_a_document():
    assert set(ANSWERS) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_document_is_kept_and_written(name, tmp_path):
    formula = read(FILES[name][0], tmp_path)
    formula.save(tmp_path / "formula.json")
    again = cf.load(tmp_path / "formula.json")
    given = FILES[name][1]
    columns = {n: [row[n] for row in given] for n in given[0]}
    for output, values in formula.evaluate(columns).items():
        kept = again.evaluate(columns)[output]
        assert all(same(a, b, 0.0) for a, b in zip(kept, values, strict=True)), output
    for target in ("text", "python", "latex"):
        assert len(formula.to(target)) < 20_000, target


# --- what a formula knows -----------------------------------------------------------------------


def test_inputs_are_the_active_fields_with_their_categories(tmp_path):
    formula = read(FILES["regression of powers, terms and labels"][0], tmp_path)
    assert [(f.name, f.type) for f in formula.inputs] == [
        ("x", Type.REAL), ("z", Type.REAL), ("c", Type.LABEL),
    ]  # fmt: skip
    label = formula.inputs[2]
    assert label.categories == ("a", "b", "d e") and not label.unseen
    assert "x" in str(formula) and formula.trail[0].kind == "read"


def test_names_are_taken_from_the_caller(tmp_path):
    formula = read(FILES["regression none"][0], tmp_path, names=["size"])
    assert [f.name for f in formula.inputs] == ["size"]
    with pytest.raises(cf.BadInput, match="2 names"):
        read(FILES["regression none"][0], tmp_path, names=["a", "b"])


def test_the_example_of_the_specification_for_a_logistic_regression(tmp_path):
    """Regression.html, the logistic example in short: p = 1 / (1 + exp(−(46.418 − 0.132·age)))."""
    text = document(
        '<RegressionModel functionName="classification" normalizationMethod="softmax">'
        + schema(["x"])
        + linear(("x", -0.132), intercept=46.418, attributes='targetCategory="p"')
        + '<RegressionTable intercept="0" targetCategory="q"/></RegressionModel>', ["x"], BINARY,
    )  # fmt: skip
    formula = read(text, tmp_path)
    chance = 1 / (1 + math.exp(-(46.418 - 0.132 * 350)))
    assert same(formula([[350.0]], "P(p)")[0], chance)
    assert formula([[350.0], [360.0]]).tolist() == ["p", "q"]
    assert formula.task.link == "logit" and formula.task.classes == ("p", "q")


def test_older_files_and_other_prefixes_are_read_the_same(tmp_path):
    plain = FILES["tree of classes"][0]
    old = plain.replace('version="4.4" xmlns="http://www.dmg.org/PMML-4_4"',
                        'version="3.2" xmlns="http://www.dmg.org/PMML-3_2"')  # fmt: skip
    prefixed = plain.replace("<", "<q:").replace("<q:/", "</q:").replace("<q:?", "<?")
    prefixed = prefixed.replace("xmlns=", "xmlns:q=")
    wordy = plain.replace("<Header/>", '<Header><Extension name="a" value="b"/></Header>')
    x = np.linspace(-2, 3, 11)[:, None]
    expected = read(plain, tmp_path)(x)
    for text in (old, prefixed, wordy, "\ufeff" + plain, "\n" + plain.partition("?>")[2]):
        assert (read(text, tmp_path)(x) == expected).all()


def test_a_label_that_the_dictionary_does_not_know_is_refused(tmp_path):
    formula = read(FILES["schema: labels, returnInvalid"][0], tmp_path)
    assert formula({"c": ["a", "zzz", None]}).tolist()[:1] == [3.0]
    assert np.isnan(formula({"c": ["zzz"]})[0]) and formula({"c": [None]})[0] == 1.0


def test_integer_fields_take_whole_numbers_alone(tmp_path):
    formula = read(regression(["n"], linear(("n", 2.0))), tmp_path)
    made = formula({"n": [3.0, 3.5, None]})
    assert made[0] == 6.0 and np.isnan(made[1:]).all()


def test_sums_of_single_precision_models_keep_every_bit(tmp_path):
    trees = "".join(
        f'<Segment><True/><TreeModel functionName="regression" x-mathContext="float">'
        f'{schema(["x"])}<Node score="{v}"><True/></Node></TreeModel></Segment>'
        for v in (16777216.0, 1.0, 1.0)
    )  # fmt: skip
    text = document(
        f'<MiningModel functionName="regression" x-mathContext="float">{schema(["x"])}'
        f'<Segmentation multipleModelMethod="sum">{trees}</Segmentation></MiningModel>', ["x"],
    )  # fmt: skip
    assert read(text, tmp_path)([[0.0]])[0] == 16777216.0
    shifted = text.replace(
        "<Segmentation", '<Targets><Target field="y" rescaleConstant="1"/></Targets><Segmentation'
    )
    assert read(shifted, tmp_path)([[0.0]])[0] == 16777216.0
    double = text.replace('x-mathContext="float"', "")
    assert read(double, tmp_path)([[0.0]])[0] == 16777218.0


def test_output_fields_are_outputs_where_they_compute_something(tmp_path):
    formula = read(
        FILES["regression none"][0].replace(
            "<RegressionTable", '<Output><OutputField name="twice" feature="transformedValue" '
            'dataType="double"><Apply function="*"><FieldRef field="again"/><Constant>2</Constant>'
            '</Apply></OutputField><OutputField name="again" feature="predictedValue"/>'
            '<OutputField name="odd" feature="transformedValue"><Lag field="x"/></OutputField>'
            "</Output><RegressionTable", 1),
        tmp_path,
    )  # fmt: skip
    assert list(formula.outputs) == ["y", "twice"]
    assert formula([[3.0]], "twice")[0] == 2 * formula([[3.0]])[0]
    assert "odd" in formula.trail[0].found["left out"][0]


def test_a_gaussian_process_predicts_its_mean(tmp_path):
    """GaussianProcess.html: k(x)ᵀ(K + noise·I)⁻¹y with k = gamma·exp(−½·Σ((xᵢ − zᵢ)/λᵢ)²)."""
    points, y = np.array([[0.0, 1], [1, 3], [2, -1]]), np.array([1.0, 2, 0.5])
    table = "".join(
        f"<row><x>{a}</x><z>{b}</z><y>{v}</y></row>" for (a, b), v in zip(points, y, strict=True)
    )
    fields = "".join(f'<InstanceField field="{n}" column="{n}"/>' for n in "xzy")
    text = document(
        f'<GaussianProcessModel functionName="regression">{schema(["x", "z"])}'
        '<ARDSquaredExponentialKernel gamma="1.7" noiseVariance="0.1"><Lambda><Array n="2" '
        f'type="real">1.5 0.7</Array></Lambda></ARDSquaredExponentialKernel><TrainingInstances>'
        f"<InstanceFields>{fields}</InstanceFields><InlineTable>{table}</InlineTable>"
        "</TrainingInstances></GaussianProcessModel>", ["x", "z"],
    )  # fmt: skip

    def kernel(a, b):
        away = (a[:, None] - b[None]) / [1.5, 0.7]
        return 1.7 * np.exp(-0.5 * (away**2).sum(axis=2))

    x = np.array([[0.5, 0.5], [3, 2], [0, 1]])
    expected = kernel(x, points) @ np.linalg.solve(kernel(points, points) + 0.1 * np.eye(3), y)
    assert np.allclose(read(text, tmp_path)(x), expected, rtol=1e-12)


def test_an_isolation_forest_scores_by_its_mean_path(tmp_path):
    """AnomalyDetectionModel.html: 2^(−mean path / (2·H(n−1) − 2·(n−1)/n))."""
    trees = "".join(
        f'<Segment><True/><TreeModel functionName="regression">{schema(["x"], target=False)}<Node>'
        f'<True/><Node score="{a}"><SimplePredicate field="x" operator="lessOrEqual" value="{t}"/>'
        f'</Node><Node score="{b}"><SimplePredicate field="x" operator="greaterThan" value="{t}"/>'
        "</Node></Node></TreeModel></Segment>" for t, a, b in ((0, 1.5, 4), (1, 2, 3))
    )  # fmt: skip
    text = document(
        '<AnomalyDetectionModel functionName="regression" algorithmType="iforest" '
        f'sampleDataSize="10">{schema(["x"], target=False)}<Output><OutputField name="outlier" '
        'feature="decision" dataType="boolean"><Apply function="greaterThan"><FieldRef field="s"/>'
        '<Constant dataType="double">0.6</Constant></Apply></OutputField><OutputField name="s" '
        'feature="predictedValue"/></Output><MiningModel functionName="regression">'
        f'{schema(["x"], target=False)}<Segmentation multipleModelMethod="average">{trees}'
        "</Segmentation></MiningModel></AnomalyDetectionModel>", ["x"], "",
    )  # fmt: skip
    usual = 2 * (math.log(9) + 0.5772156649015329) - 2 * 9 / 10
    formula = read(text, tmp_path)
    made = formula([[-1.0], [0.5], [2.0]])
    assert np.allclose(made, 2.0 ** -(np.array([1.75, 3.0, 3.5]) / usual), rtol=1e-12)
    assert (formula([[-1.0], [0.5]], "outlier").astype(float) == (made[:2] > 0.6)).all()


def test_deep_trees_and_long_sums_are_read(tmp_path):
    deep = "".join(
        f'<Node score="{i}"><SimplePredicate field="x" operator="greaterThan" value="{i}"/>'
        for i in range(3000)
    )
    text = document(
        f'<TreeModel functionName="regression" noTrueChildStrategy="returnLastPrediction">'
        f'{schema(["x"])}<Node score="-1"><True/>{deep}{"</Node>" * 3001}</TreeModel>', ["x"],
    )  # fmt: skip
    formula = read(text, tmp_path)
    assert formula([[-5.0], [0.5], [2999.5], [17.0]]).tolist() == [-1.0, 0.0, 2999.0, 16.0]
    nested = "<FieldRef field='x'/>"
    for _ in range(2000):
        nested = f'<Apply function="+">{nested}<Constant dataType="double">1</Constant></Apply>'
    derived = (
        f'<DerivedField name="d" optype="continuous" dataType="double">{nested}</DerivedField>'
    )
    text = regression(["x"], linear(("d", 1.0)), shared=derived)
    assert read(text, tmp_path)([[0.5]])[0] == 2000.5


def test_classes_of_numbers_are_numbers(tmp_path):
    target = '<DataField name="y" optype="categorical" dataType="integer"/>'
    text = FILES["two classes by logit"][0].replace(BINARY, target)
    for before, after in (('"p"', '"0"'), ('"q"', '"1"')):
        text = text.replace(before, after)
    formula = read(text, tmp_path)
    assert formula.task.classes == (0, 1)
    assert formula([[1.0]]).dtype.kind == "i"


def test_a_forest_of_votes_is_one_sum_for_each_class(tmp_path):
    formula = read(FILES["ensemble: majorityVote, skipSegment"][0], tmp_path)
    assert formula.task.classes == ("p", "q", "r") and CLASS
    total = sum(formula({"x": [1.0], "z": [1.0]}, name) for name in formula.task.probability)
    assert total[0] == pytest.approx(1.0)


def test_rows_are_of_every_kind():
    assert rows(["x", "b"])[0] == {"x": None, "b": None}


def test_a_label_is_missing_where_the_score_behind_it_is(tmp_path):
    """A tree gives nothing for a missing x, and the logistic function of nothing is no class."""
    tree = FILES["tree of many children: nullPrediction, returnNullPrediction"][0]
    tree = tree[tree.index("<TreeModel") : tree.index("</TreeModel>")] + "</TreeModel>"
    tree = tree.replace(
        schema(["x", "z"]),
        schema(["x", "z"], target=False)
        + ('<Output><OutputField name="s" feature="predictedValue" dataType="double"/></Output>'),
    )
    last = (
        '<RegressionModel functionName="classification" normalizationMethod="logit">'
        + schema(["s"]) + linear(("s", 1.0), attributes='targetCategory="p"')
        + '<RegressionTable intercept="0" targetCategory="q"/></RegressionModel>'
    )  # fmt: skip
    chain = "".join(f"<Segment><True/>{m}</Segment>" for m in (tree, last))
    formula = read(document(
        f'<MiningModel functionName="classification">{schema(["x", "z"])}'
        f'<Segmentation multipleModelMethod="modelChain">{chain}</Segmentation></MiningModel>',
        ["x", "z"], BINARY), tmp_path)  # fmt: skip
    made = formula.evaluate({"x": [None, 0.0], "z": [1.0, 1.0]})
    assert made["label"][0] is None and made["label"][1] == "p"
    assert np.isnan(made["P(p)"][0])


def test_a_certificate_asks_the_evaluator_of_jpmml(tmp_path):
    evaluators = pytest.importorskip("jpmml_evaluator")
    for name in ("three classes by softmax", "network: tanh", "clusters: euclidean"):
        path = tmp_path / "model.pmml"
        path.write_text(FILES[name][0])
        try:
            evaluator = evaluators.make_evaluator(str(path)).verify()
        except Exception as error:  # no Java
            pytest.skip(str(error))
        formula, given = cf.read(path), FILES[name][1]
        columns = {f.name: [row[f.name] for row in given] for f in formula.inputs}
        certificate = formula.verify(evaluator, columns)
        assert certificate.ok, str(certificate)


def nyoka_models():
    """Return models that nyoka 5.5 writes as they are: some of its others differ from the model."""
    from sklearn.cluster import KMeans
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC, SVR
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    return {
        "clusters": KMeans(3, n_init=1, random_state=0),
        "boosting of three classes": GradientBoostingClassifier(n_estimators=3),
        "forest": RandomForestClassifier(4, max_depth=4, random_state=0),
        "line": LinearRegression(),
        "logistic": LogisticRegression(),
        "network": MLPClassifier((4, 3), max_iter=50, random_state=0),
        "machine of two classes": SVC(),
        "machine of numbers": SVR(),
        "tree of classes": DecisionTreeClassifier(max_depth=4),
        "tree of numbers": DecisionTreeRegressor(max_depth=4),
    }


@pytest.mark.filterwarnings("ignore")
def test_files_that_nyoka_writes_predict_as_their_models(tmp_path):
    nyoka = pytest.importorskip("nyoka")
    import pandas as pd
    from sklearn.pipeline import Pipeline

    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(60, 3)).round(3), columns=["age", "b", "c"])
    score = X["age"] * 2 - X["b"] + 0.3 * draw.normal(size=60)
    labels = np.array(["low", "mid", "top"])[np.digitize(score, [-1, 1])]
    for name, model in nyoka_models().items():
        numeric = name in ("line", "machine of numbers", "tree of numbers")
        y = score if numeric else labels
        y = np.where(score > 0, 1, 0) if name in ("logistic", "machine of two classes") else y
        pipeline = Pipeline([("m", model)]).fit(X, y)
        path = str(tmp_path / "model.pmml")
        nyoka.skl_to_pmml(pipeline, list(X.columns), "target", path)
        made, expected = cf.read(path)(X), pipeline.predict(X)
        if numeric:
            assert np.allclose(made, expected, rtol=1e-9, atol=1e-9), name
        else:
            assert (made.astype(str) == expected.astype(str)).all(), name


def test_texts_that_are_all_whole_numbers_are_taken_as_numbers_too(tmp_path):
    field = (
        '<DataField name="t" optype="categorical" dataType="string"><Value value="4"/>'
        '<Value value="6"/></DataField>'
    )
    table = (
        '<RegressionTable intercept="1"><CategoricalPredictor name="t" value="4" coefficient="2"/>'
        "</RegressionTable>"
    )
    formula = read(regression(["t"], table, fields={"t": field}), tmp_path)
    for four, six in ((4, 6), (4.0, 6.0), ("4", "6")):
        assert formula({"t": [four, six, None]}).tolist() == [3.0, 1.0, 1.0]
    assert np.isnan(formula({"t": [5]})[0])
    shouted = (
        '<DerivedField name="d" optype="categorical" dataType="string"><Apply function="concat">'
        '<FieldRef field="t"/></Apply></DerivedField>'
    )
    other = table.replace('name="t"', 'name="d"')
    upper = shouted.replace("concat", "uppercase")  # needs the text as a text
    formula = read(regression(["t"], other, fields={"t": field}, shared=upper), tmp_path)
    assert formula({"t": ["4", "6"]}).tolist() == [3.0, 1.0]


def test_arctangents_are_read(tmp_path):
    """JPMML knows neither of them; the values are those of the specification's own formulas."""
    x = np.array([-3.0, -0.5, 0.0, 1.0, 50.0])
    for name, value in (("atan", np.arctan), ("asin", np.arcsin), ("acos", np.arccos)):
        path = tmp_path / f"{name}.pmml"
        path.write_text(regression(["x"], linear(("d", 1.0)), shared=derived(apply(name, "x"))))
        with np.errstate(invalid="ignore"):
            # 1e-15: an ulp of π, since a platform's own functions differ by that.
            assert cf.read(path)({"x": x}) == pytest.approx(value(x), abs=1e-15, nan_ok=True)
    (tmp_path / "m.pmml").write_text(FILES["regression logit"][0].replace('"logit"', '"cauchit"'))
    (tmp_path / "l.pmml").write_text(FILES["regression logit"][0])
    rows = {f.name: x / 50 for f in cf.read(tmp_path / "m.pmml").inputs}
    chances = cf.read(tmp_path / "l.pmml")(rows)
    scores = np.log(chances / (1 - chances))
    expected = 0.5 + np.arctan(scores) / np.pi
    # 1e-12: the score is taken back from its logit.
    assert cf.read(tmp_path / "m.pmml")(rows) == pytest.approx(expected, rel=1e-12)
