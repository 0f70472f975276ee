"""XGBoost's files as its old versions wrote them, against what the present one makes of them."""

import json

import numpy as np
import pytest

import closedform as cf
import made_up as data
from battery import fit

xgb = pytest.importorskip("xgboost")

FEW = {"n_estimators": 12, "max_depth": 3, "n_jobs": 1}


def old_file(tmp_path, model, **attributes):
    """Return a file as versions before 1.4 and 1.6 write it."""
    model.save_model(tmp_path / "new.json")
    document = json.loads((tmp_path / "new.json").read_text())
    learner = document["learner"]
    learner["attributes"] = attributes
    forest = learner["gradient_booster"]["model"]
    forest["gbtree_model_param"] = {"num_trees": str(len(forest["trees"])), "size_leaf_vector": "0"}
    del forest["iteration_indptr"]
    # XGBoost takes no escapes.
    (tmp_path / "old.json").write_text(json.dumps(document, ensure_ascii=False))
    return tmp_path / "old.json"


def test_a_file_of_an_old_estimator_predicts_as_the_estimator(tmp_path):
    rows, y = data.labels_0_and_1()
    model = fit(xgb.XGBClassifier(max_depth=3, n_estimators=30), rows, y)
    file = old_file(tmp_path, model, scikit_learn='{"type": "XGBClassifier"}', best_iteration="4")
    again = xgb.XGBClassifier()
    again.load_model(file)
    assert (again.predict(rows) != model.predict(rows)).any()
    assert (cf.read(file)(rows) == again.predict(rows)).all()
    bare = cf.read(old_file(tmp_path, model, best_iteration="4"))
    assert np.allclose(bare(rows), model.predict_proba(rows)[:, 1], rtol=1e-6, atol=0)


def test_an_old_forest_that_does_not_say_its_rounds_is_refused(tmp_path):
    rows, y = data.numbers()
    model = fit(xgb.XGBRFRegressor(**FEW), rows, y)
    said = {"best_iteration": "0", "best_ntree_limit": "12"}
    meant = {"scikit_learn": '{"_estimator_type": "regressor"}'}
    with pytest.raises(cf.UnsupportedModel, match="how many trees a round"):
        cf.read(old_file(tmp_path, model, **said, **meant))
    assert (cf.read(old_file(tmp_path, model, **said))(rows) == model.predict(rows)).all()


def test_files_of_earlier_versions_are_read(tmp_path):
    rows, y = data.labels_0_to_2()
    model = fit(xgb.XGBClassifier(**FEW, base_score=0.5), rows, y)
    document = json.loads(model.get_booster().save_raw("json"))
    learner = document["learner"]
    forest = learner["gradient_booster"]["model"]
    # Up to 3.0 one base score for all outputs, up to 1.7 neither rounds nor categories.
    learner["learner_model_param"]["base_score"] = "5E-1"
    del forest["iteration_indptr"], forest["cats"], learner["learner_model_param"]["num_target"]
    # XGBoost takes no escapes.
    (tmp_path / "old.json").write_text(json.dumps(document, ensure_ascii=False))
    formula = cf.read(tmp_path / "old.json")
    ours = np.column_stack([formula(rows, f"y{k}") for k in range(3)])
    assert np.allclose(ours, model.predict_proba(rows), rtol=1e-6)
