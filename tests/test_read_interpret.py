"""interpret: explainable boosting machines bit for bit, and the models that it wraps."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit
from closedform.readers.interpret import machine as reader

glass = pytest.importorskip("interpret.glassbox")
private = pytest.importorskip("interpret.privacy")

FEW = {"outer_bags": 2, "max_rounds": 60, "n_jobs": 1, "random_state": 0}
TEXTS = ["nominal"] * 4


def regressor(**options):
    return glass.ExplainableBoostingRegressor(**FEW | options)


def classifier(**options):
    return glass.ExplainableBoostingClassifier(**FEW | options)


def kinds():
    """Return columns of every kind that interpret takes for a category, and a number."""
    draw = np.random.default_rng(0)
    n = 150
    x = pd.DataFrame(
        {
            "text": draw.choice(["low", "mid", "'; DROP TABLE x; --", "1"], n),
            "size": draw.choice(["S", "M", "L"], n),
            "whole": draw.integers(0, 3, n),
            "parts": draw.choice([0.1, 0.5, 2.0], n),
            "number": draw.normal(size=n),
        }
    )
    x.loc[::17, "text"] = None
    x.loc[::13, "number"] = np.nan
    y = x["whole"] + (x["text"] == "low") - (x["size"] == "L") + x["number"].fillna(3)
    return x, y.to_numpy() + draw.normal(size=n) / 9


def pandas_categories():
    x, y = kinds()
    return x.astype({"text": "category", "size": "category"}), y


def truths_and_numbers():
    x, y = kinds()
    return x[["number"]].assign(truth=x["whole"] > 0, flag=(x["whole"] > 1).astype(int)), y


def positive_kinds():
    x, y = kinds()
    return x, np.abs(y) + 0.5


def counted_kinds():
    x, y = kinds()
    return x, np.abs(y).round()


def kinds_of_two():
    x, y = kinds()
    return x, np.where(y > 1, "yes", "no")


def kinds_of_three():
    x, y = kinds()
    return x, np.array(["a", "", "Ä"])[np.digitize(y, [0, 2])]


NOMINAL = {"feature_types": [*TEXTS, "continuous"]}
ORDINAL = {"feature_types": [["low", "1", "mid", "'; DROP TABLE x; --"], *TEXTS[1:], "continuous"]}
ODD = {"interactions": [(0, 4), ("whole", "parts", "number"), (2, 3)]}
CASES = [
    # rtol=0: the scores are added in the model's own order, so that not one bit may differ.
    Case(regressor(), data.frame, rtol=0),
    Case(regressor(interactions=0), data.rounded, rtol=0),
    Case(regressor(interactions=3), data.holes, rtol=0),
    Case(regressor(interactions=2), data.epochs, rtol=0),
    Case(regressor(max_bins=5, max_interaction_bins=3, interactions=4), data.numbers, rtol=0),
    Case(regressor(), data.one_column, rtol=0),
    Case(regressor(), data.constant, rtol=0),
    Case(regressor(**NOMINAL, interactions=4), kinds, rtol=0),
    Case(regressor(**ORDINAL, interactions=1), kinds, rtol=0),
    Case(regressor(interactions=3), pandas_categories, rtol=0),
    Case(regressor(feature_types=["continuous", "nominal", "nominal"]), truths_and_numbers, rtol=0),
    Case(regressor(**NOMINAL, **ODD), kinds, rtol=0),
    Case(regressor(monotone_constraints=[1, 0, -1, 0]), data.numbers, rtol=0),
    Case(regressor(objective="pseudo_huber:delta=2"), data.numbers, rtol=0),
    # Behind an exp or a sigmoid, interpret's own differ from NumPy's by an ulp or two.
    Case(regressor(**NOMINAL, objective="poisson_deviance"), counted_kinds, rtol=1e-14),
    Case(regressor(objective="gamma_deviance"), positive_kinds, rtol=1e-14),
    Case(regressor(objective="tweedie_deviance:variance_power=1.5"), positive_kinds, rtol=1e-14),
    Case(regressor(objective="rmse_log"), positive_kinds, rtol=1e-14),
    Case(classifier(), data.two_classes, rtol=1e-14),
    Case(classifier(), data.truths, rtol=1e-14),
    Case(classifier(**NOMINAL, interactions=2), kinds_of_two, rtol=1e-14),
    Case(classifier(**NOMINAL, interactions=2), kinds_of_three, rtol=1e-14),
    Case(classifier(), data.five_texts, rtol=1e-14),
    Case(classifier(), data.holes_three_classes, rtol=1e-14),
    Case(classifier(), data.one_class, rtol=1e-14),
    Case(glass.LinearRegression(), data.numbers),
    Case(glass.LogisticRegression(), data.two_classes),
    Case(glass.LogisticRegression(max_iter=2000), data.standard_three),
    Case(glass.RegressionTree(), data.rounded, rtol=0),
    Case(glass.ClassificationTree(max_depth=2), data.three_classes, rtol=0),
]


@pytest.mark.filterwarnings("ignore:JSON formats are in beta")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_of_interpret_and_its_formula_agree(case):
    model, rows = case.fitted
    formula = check_reader(model, rows, rtol=case.rtol)
    certificate = formula.verify(model, rows)
    assert certificate.ok, certificate


@pytest.mark.parametrize("rows_and_y", [kinds_of_two, kinds_of_three, data.five_texts])
def test_the_scores_of_a_classifier_are_the_same_bits(rows_and_y):
    rows, y = rows_and_y()
    model = fit(classifier(interactions=2), rows, y)
    formula = cf.read(model)
    ours = np.column_stack([formula(rows, name) for name in formula.task.decision])
    assert (ours == model.decision_function(rows).reshape(ours.shape)).all()


def test_rows_at_every_cut_and_beside_it_fall_into_the_same_bins():
    rows, y = data.rounded()
    model = fit(regressor(interactions=3), rows, y)
    cuts = sorted({c for levels in model.bins_ for level in levels for c in level})
    beside = np.array([[np.nextafter(c, s) for s in (-np.inf, c, np.inf)] for c in cuts]).ravel()
    rows = np.repeat(beside[:, None], rows.shape[1], axis=1)
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_infinite_values_lie_in_the_outermost_bins():
    rows, y = data.numbers()
    model = fit(regressor(), rows, y)
    far = np.array([[np.inf] * 4, [-np.inf] * 4])
    assert (cf.read(model)(far) == model.predict(far)).all()


def test_a_number_and_its_text_are_one_category():
    rows, y = kinds()
    model = fit(regressor(**NOMINAL), rows, y)
    formula = cf.read(model)
    for value in ("1", 1, 1.0, True):
        row = pd.DataFrame({"text": [value, "low"]}, dtype=object).assign(
            size="S", whole=1, parts=0.5, number=0.0
        )
        if value is True:  # beside a text interpret spells it "True", which it has not seen
            row = row[:1]
        assert (formula(row) == model.predict(row)).all(), value


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.to_numpy(dtype=object),
        lambda x: x.astype(object),
        lambda x: x.astype({"whole": str, "parts": str}),
        lambda x: x.astype({"whole": "category", "parts": "category"}),
        lambda x: x.astype({"whole": str, "parts": str}).astype("category"),
        lambda x: x.astype({"whole": "Int64", "parts": "float32", "text": "string"}),
    ],
    ids=["array of objects", "objects", "texts", "categories", "categories of texts", "pandas"],
)
def test_a_category_that_is_a_number_may_come_in_any_column(change):
    rows, y = kinds()
    rows = change(rows)
    model = fit(regressor(**NOMINAL, interactions=2), rows, y)
    certificate = cf.read(model).verify(model, rows)
    assert certificate.ok, certificate


@pytest.mark.parametrize("kind", [np.int64, str])
def test_account_numbers_beyond_the_floats_are_told_apart(kind):
    accounts = 123_456_789_012_345_678 + np.arange(4)
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"account": draw.choice(accounts, 200).astype(kind)})
    model = fit(regressor(feature_types=["nominal"]), rows, draw.normal(size=200))
    assert len(np.unique(model.predict(rows))) == 4
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_a_text_among_numbers_as_categories_is_refused_and_not_scored():
    rows, y = kinds()
    formula = cf.read(fit(regressor(**NOMINAL), rows, y))
    with pytest.raises(cf.BadInput, match="'many' is not a number"):
        formula(rows.assign(whole="many"))


def test_a_text_in_a_column_without_cuts_is_not_passed_over():
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"a": draw.choice(["x", "y"], 100), "b": draw.normal(size=100)})
    rows["b"] = rows["b"].round(1)
    types = ["continuous", "continuous"]  # interpret takes the texts for unseen numbers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = regressor(feature_types=types, interactions=1).fit(rows, draw.normal(size=100))
    formula = cf.read(model)
    with pytest.raises(cf.BadInput, match="column 'a', row 0"):
        formula(rows)
    numbers = rows.assign(a=1.0)
    assert (formula(numbers) == model.predict(numbers)).all()


def test_sigmoids_of_one_class_against_the_others_are_not_divided_by_their_sum():
    rows, y = kinds_of_three()
    model = fit(classifier(interactions=0), rows, y)._ovrize()
    assert model.link_ == "vlogit"
    assert check_reader(model, rows, rtol=1e-14).task.link == "none"


@pytest.mark.filterwarnings("ignore:Possible privacy violation")
@pytest.mark.parametrize("private_model", ["Regressor", "Classifier"])
def test_a_private_model_and_its_formula_agree(private_model):
    rows, y = kinds() if private_model == "Regressor" else kinds_of_two()
    rows = rows[["size", "number"]].fillna({"number": 3}).iloc[np.repeat(range(150), 9)]
    kind = getattr(private, f"DPExplainableBoosting{private_model}")
    model = fit(kind(max_rounds=20, n_jobs=1), rows, np.repeat(y, 9))
    assert cf.read(model).verify(model, rows).ok


def test_a_merged_model_is_one_too():
    rows, y = kinds()
    parts = [fit(regressor(interactions=0, random_state=i), rows, y) for i in range(2)]
    model = glass.merge_ebms(parts)
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_an_edited_model_is_read_as_it_was_left():
    rows, y = data.frame()
    model = fit(regressor(), rows, y)
    model.monotonize(0, increasing=True)
    model.scale(1, 0.0)
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_a_machine_is_the_last_step_of_a_pipeline():
    rows, y = kinds()
    before = make_column_transformer(
        (OrdinalEncoder(), ["whole", "size"]), (StandardScaler(), ["number"])
    )
    last = regressor(feature_types=["nominal", "nominal", "continuous"], interactions=1)
    model = fit(make_pipeline(before, last), rows, y)
    check_reader(model, rows, rtol=0)


def test_a_machine_found_by_a_search_is_read():
    rows, y = data.numbers()
    search = fit(GridSearchCV(regressor(), {"interactions": [0, 1]}, cv=2), rows, y)
    assert (cf.read(search)(rows) == search.predict(rows)).all()


def test_the_formula_names_its_terms_as_interpret_does():
    rows, y = kinds()
    model = fit(regressor(**NOMINAL, interactions=[(2, 4)]), rows, y)
    text = str(cf.read(model))
    assert "`whole & number`" in text and "`bin of whole`" in text and "effect(text)" in text
    assert len(text) < 5000


def test_a_formula_is_saved_and_loaded(tmp_path):
    rows, y = kinds_of_three()
    formula = cf.read(fit(classifier(**NOMINAL, interactions=1), rows, y))
    formula.save(tmp_path / "formula.json")
    assert (cf.load(tmp_path / "formula.json")(rows) == formula(rows)).all()


# --- what is refused ----------------------------------------------------------------------------


def test_a_model_that_was_not_trained_is_told_from_others():
    for model in (regressor(), glass.LinearRegression(), private.DPExplainableBoostingClassifier()):
        with pytest.raises(cf.NotFitted, match="is not fitted"):
            cf.read(model)


def test_an_explainer_that_predicts_nothing_is_refused_by_name():
    box = pytest.importorskip("interpret.blackbox")
    explainer = box.PartialDependence(lambda X: X[:, 0], data.numbers()[0])
    with pytest.raises(cf.UnsupportedModel, match="PartialDependence is not among the models"):
        cf.read(explainer)


class Doubling(glass.ExplainableBoostingRegressor):
    """Predicts twice what it has learned."""

    def predict(self, X, init_score=None):
        return 2 * super().predict(X, init_score)


def test_a_model_with_a_predict_of_its_own_is_refused():
    model = fit(Doubling(**FEW), *data.numbers())
    with pytest.raises(cf.UnsupportedModel, match="Doubling has a predict"):
        cf.read(model)


def test_an_unknown_link_is_refused_by_name():
    model = fit(regressor(), *data.numbers())
    model.link_ = "probit"
    with pytest.raises(cf.UnsupportedModel, match="The link 'probit'"):
        cf.read(model)


def test_categories_that_an_old_version_spells_by_their_type_are_refused(monkeypatch):
    rows, y = kinds()
    model = fit(regressor(**NOMINAL), rows, y)
    monkeypatch.setattr(reader, "_version", lambda: (0, 7, 6))
    with pytest.raises(cf.UnsupportedModel, match=r"Install interpret-core 0\.7\.7"):
        cf.read(model)
    assert cf.read(fit(regressor(), *data.numbers()))


# --- files --------------------------------------------------------------------------------------


def written(model, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the format is in beta
        model.to_json(str(path), **options)
    return path


@pytest.mark.parametrize("detail", ["minimal", "interpretable", "mergeable", "all"])
def test_a_file_of_any_detail_is_the_model(detail, tmp_path):
    rows, y = kinds()
    model = fit(regressor(**NOMINAL, interactions=2), rows, y)
    formula = cf.read(written(model, tmp_path / "ebm.json", detail=detail))
    assert (formula(rows) == model.predict(rows)).all()


@pytest.mark.parametrize(
    "rows_and_y", [kinds_of_two, kinds_of_three, data.one_class, data.truths, data.three_classes]
)
def test_a_file_of_a_classifier_is_the_model(rows_and_y, tmp_path):
    rows, y = rows_and_y()
    model = fit(classifier(interactions=1), rows, y)
    formula = cf.read(written(model, tmp_path / "ebm.json"))
    assert formula.verify(model, rows).ok
    assert (formula(rows) == model.predict(rows)).all()


def test_a_file_written_without_line_breaks_is_told_by_its_content(tmp_path):
    rows, y = data.numbers()
    model = fit(regressor(), rows, y)
    formula = cf.read(written(model, tmp_path / "no name", indent=None))
    assert (formula(rows) == model.predict(rows)).all()


def document_of(tmp_path):
    rows, y = kinds()
    model = fit(regressor(**NOMINAL, interactions=1, max_rounds=5, max_bins=8), rows, y)
    return json.loads(written(model, tmp_path / "ebm.json", detail="minimal").read_text())


def read_document(document, path):
    path.write_text(json.dumps(document))
    return cf.read(path)


FAULTS = {
    "another version": lambda d: d.update(version="2.0"),
    "no outputs": lambda d: d["ebm"].update(outputs=[]),
    "two outputs": lambda d: d["ebm"]["outputs"].append({}),
    "a column twice": lambda d: d["ebm"]["features"].append(d["ebm"]["features"][0]),
    "an unknown column": lambda d: d["ebm"]["terms"][0].update(term_features=["nobody"]),
    "too few scores": lambda d: d["ebm"]["terms"][0]["scores"].pop(),
    "texts as scores": lambda d: d["ebm"]["terms"][0].update(scores=["a", "b"]),
    "ragged scores": lambda d: d["ebm"]["terms"][-1]["scores"][0].append([1.0]),
    "falling cuts": lambda d: d["ebm"]["features"][-1]["cuts"][0].reverse(),
    "no cuts": lambda d: d["ebm"]["features"][-1].update(cuts=[]),
    "an unknown type": lambda d: d["ebm"]["features"][0].update(type="picture"),
    "numbers as categories": lambda d: d["ebm"]["features"][0].update(categories=[[1, 2]]),
    "a dict as link": lambda d: d["ebm"]["outputs"][0].update(link={}),
    "classes of a dict": lambda d: d["ebm"]["outputs"][0].update(classes=[{}]),
    "an intercept within one": lambda d: d["ebm"].update(intercept=[[1.0]]),
    "a link of classes": lambda d: d["ebm"]["outputs"][0].update(link="logit"),
    "three intercepts": lambda d: d["ebm"].update(intercept=[1.0, 2.0, 3.0]),
    "deep": lambda d: d["ebm"].update(intercept=json.loads("[" * 500 + "]" * 500)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_is_no_model_is_refused(fault, tmp_path):
    document = document_of(tmp_path)
    FAULTS[fault](document)
    with pytest.raises(cf.BadFile, match="is damaged"):
        read_document(document, tmp_path / "changed.json")


def test_an_unknown_link_in_a_file_is_refused_by_name(tmp_path):
    document = document_of(tmp_path)
    document["ebm"]["outputs"][0]["link"] = "'; DROP TABLE x; --"
    with pytest.raises(cf.UnsupportedModel, match="DROP TABLE"):
        read_document(document, tmp_path / "changed.json")


@pytest.mark.parametrize("name", ["True", "2.0"])
def test_a_category_that_may_be_an_old_spelling_of_a_number_is_refused(name, tmp_path):
    document = document_of(tmp_path)
    document["ebm"]["features"][0]["categories"][0][0] = name
    with pytest.raises(cf.UnsupportedModel, match="Read the live model"):
        read_document(document, tmp_path / "changed.json")


def test_a_truncated_file_is_one_clear_error(tmp_path):
    raw = json.dumps(document_of(tmp_path)).encode()
    for end in np.linspace(1, len(raw) - 2, 60).astype(int).tolist():
        (tmp_path / "cut").write_bytes(raw[:end])
        with pytest.raises(cf.BadFile):
            cf.read(tmp_path / "cut")


def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path):
    raw = json.dumps(document_of(tmp_path)).encode()
    draw, path, ends = np.random.default_rng(0), tmp_path / "changed", set()
    for _ in range(250):
        changed = bytearray(raw)
        for at in draw.integers(0, len(raw), 2).tolist():
            changed[at] = int(draw.integers(32, 127))
        path.write_bytes(bytes(changed))
        try:
            cf.read(path)
            ends.add("read")
        except (cf.BadFile, cf.UnsupportedModel):
            ends.add("refused")
    assert ends == {"read", "refused"}
