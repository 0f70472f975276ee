"""Trees and forests: thresholds, missing values, labels and shapes, against `predict`."""

import numpy as np
import pytest
from sklearn import ensemble, tree

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit, installed

DTR, DTC = tree.DecisionTreeRegressor, tree.DecisionTreeClassifier
RFR, RFC = ensemble.RandomForestRegressor, ensemble.RandomForestClassifier
SEED = {"random_state": 0}
FEW = {"n_estimators": 7, "random_state": 0}

CASES = [
    # rtol=0: the leaves are added in the model's own order, so that not one bit may differ.
    Case(DTR(**SEED), data.frame, rtol=0),
    Case(DTR(**SEED), data.rounded, rtol=0),
    Case(DTR(max_depth=6, **SEED), data.epochs, rtol=0),
    Case(DTR(max_depth=3, criterion="absolute_error", **SEED), data.two_numbers, rtol=0),
    Case(DTR(max_leaf_nodes=7, ccp_alpha=0.01, **SEED), data.numbers, rtol=0),
    Case(DTR(max_depth=4, criterion="poisson", **SEED), data.counts, rtol=0),
    Case(DTR(max_depth=1, **SEED), data.one_column, rtol=0),
    Case(DTR(), data.constant, rtol=0, note="one leaf"),
    Case(DTR(max_depth=5, **SEED), data.holes, rtol=0),
    Case(DTR(max_depth=4, monotonic_cst=[1, 0, -1, 0], **SEED), data.numbers, rtol=0),
    Case(DTC(**SEED), data.two_classes, rtol=0),
    Case(DTC(max_depth=3, class_weight="balanced", **SEED), data.five_texts, rtol=0),
    Case(DTC(max_depth=4, criterion="entropy", **SEED), data.holes_three_classes, rtol=0),
    Case(DTC(max_depth=2, **SEED), data.truths, rtol=0),
    Case(DTC(), data.one_class, rtol=0),
    Case(tree.ExtraTreeRegressor(max_depth=5, **SEED), data.rounded, rtol=0),
    Case(tree.ExtraTreeClassifier(max_depth=5, **SEED), data.three_classes, rtol=0),
    Case(RFR(**FEW), data.frame, rtol=0),
    Case(RFR(max_depth=6, **FEW), data.rounded, rtol=0),
    Case(RFR(max_depth=5, bootstrap=False, max_features=2, **FEW), data.two_numbers, rtol=0),
    Case(RFR(max_depth=5, **FEW), data.holes, rtol=0),
    Case(RFR(n_estimators=1, **SEED), data.one_column, rtol=0),
    Case(RFR(max_depth=6, **FEW), data.epochs, rtol=0),
    Case(RFC(max_depth=4, **FEW), data.two_classes, rtol=0),
    Case(RFC(max_depth=4, class_weight="balanced", **FEW), data.three_classes, rtol=0),
    Case(RFC(max_depth=4, **FEW), data.holes_three_classes, rtol=0),
    Case(RFC(**FEW), data.one_class, rtol=0),
    Case(ensemble.ExtraTreesRegressor(max_depth=5, **FEW), data.frame, rtol=0),
    Case(ensemble.ExtraTreesClassifier(max_depth=5, **FEW), data.five_texts, rtol=0),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_tree_model_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_a_tree_trained_without_missing_values_sends_them_to_the_bigger_child():
    rows, y = data.numbers()
    model = fit(RFR(**FEW), rows, y)
    absent = np.full((1, 4), np.nan)
    # Peers gave the right-hand child: 973 of 3000 rows wrong.
    assert cf.read(model)(absent) == model.predict(absent)


def test_a_tree_that_raises_on_missing_values_has_no_value_there():
    rows, y = data.numbers()
    model = installed(DTR, max_depth=3, splitter="random", criterion="absolute_error")
    fit(model, rows, y)
    check_reader(model, rows, rtol=0)


def trees_of(formula):
    return [n.data.splits for n in formula.nodes if n.op.name == "tree"]


def test_training_rows_of_each_node_are_kept():
    rows, y = data.frame()
    model = fit(DTR(max_depth=3, **SEED), rows, y)
    (splits,) = trees_of(cf.read(model))
    assert splits.counts[0] == len(rows)
    inner = np.flatnonzero(~splits.leaf)
    below = splits.child[inner]
    assert (splits.counts[inner] == splits.counts[below] + splits.counts[below + 1]).all()
    leaves = np.bincount(model.apply(rows), minlength=model.tree_.node_count)
    assert sorted(splits.counts[splits.leaf]) == sorted(leaves[leaves > 0])


def test_trees_of_several_outputs_share_their_shape():
    rows, y = data.two_numbers()
    formula = cf.read(fit(RFR(max_depth=3, **FEW), rows, y))
    assert len(trees_of(formula)) == 14
    assert len({s.key for s in trees_of(formula)}) == 7


def test_an_infinite_threshold_of_a_tree_trained_with_missing_values_is_read():
    # The missing values alone say what y is: the split is "missing or not", its threshold inf.
    x = np.array([[1.0], [2.0], [3.0], [np.nan], [np.nan], [np.nan]])
    y = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    model = fit(DTR(), x, y)
    assert np.isinf(model.tree_.threshold[0])
    check_reader(model, x, rtol=0)
