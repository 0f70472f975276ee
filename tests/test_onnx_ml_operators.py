"""The other operators of ai.onnx.ml, with every option, against onnxruntime."""

from typing import Any

import numpy as np
import pytest

import closedform as cf
from closedform.errors import UnsupportedModel
from onnx_ml_graphs import ML, chain, compare, graph, helper, node, onnx

TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
NUMBERS = ["float32", "float64", "int64", "int32"]
TEXTS = ["a", "b", "c", "never seen", ""]


def rows_of(kind: str, width: int, seed: int = 0, count: int = 30) -> np.ndarray:
    """Return rows with zeros, whole numbers and missing ones among them; or texts."""
    random = np.random.default_rng(seed)
    if kind == "string":
        return random.choice(np.array(TEXTS, dtype=object), (count, width))
    if "int" in kind:
        return random.integers(-3, 5, (count, width)).astype(kind)
    rows = random.normal(size=(count, width)) * 3
    rows[random.random(rows.shape) < 0.2] = 0
    rows[random.random(rows.shape) < 0.1] = np.nan
    whole = random.random(rows.shape) < 0.2
    return np.where(whole, np.round(rows), rows).astype(kind)


def floats(*shape: int, seed: int = 1) -> list[float]:
    """Return some float32 numbers."""
    made = np.random.default_rng(seed).normal(size=int(np.prod(shape)))
    return made.astype(np.float32).astype(float).tolist()


def check(made: Any, rows: Any, near: float = 1e-5) -> cf.Formula:
    """Compare a graph with its formula, and return that."""
    formula = cf.read(made)
    compare(formula, made, rows, near)
    return formula


# --- linear models --------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("targets", [1, 3])
def test_linear_regressors(transform, targets):
    weights = floats(targets, 3)
    weights[0] = 0.0  # a missing column of no weight makes the result missing all the same
    given = {"coefficients": weights, "intercepts": floats(targets, seed=2), "targets": targets}
    made = graph(
        "LinearRegressor", "float32", 3, {"Y": "float32"}, post_transform=transform, **given
    )
    check(made, rows_of("float32", 3), near=3e-3 if transform == "PROBIT" else 1e-5)


CLASSIFIERS = [(t, n) for t in TRANSFORMS for n in (1, 2, 3) if (t, n) != ("PROBIT", 1)]


@pytest.mark.parametrize("transform, scores", CLASSIFIERS)
@pytest.mark.parametrize("kind", NUMBERS)
def test_linear_classifiers(transform, scores, kind):
    given = {"coefficients": floats(scores, 2), "intercepts": floats(scores, seed=3)}
    labels = ["no", "yes", "perhaps"][: max(2, scores)]
    made = graph(
        "LinearClassifier", kind, 2, {"L": "string", "Z": "float32"}, classlabels_strings=labels,
        multi_class=1, post_transform=transform, **given,
    )  # fmt: skip
    check(made, rows_of(kind, 2), near=3e-3 if transform == "PROBIT" else 1e-5)


def test_of_two_scores_with_opposite_signs_one_is_shown():
    weights = floats(2)
    given = {"coefficients": [-w for w in weights] + weights, "intercepts": [0.5, -0.5]}
    made = graph(
        "LinearClassifier", "float32", 2, {"L": "int64", "Z": "float32"}, classlabels_ints=[3, 7],
        post_transform="LOGISTIC", **given,
    )  # fmt: skip
    formula = check(made, rows_of("float32", 2))
    assert sum(n.op.name == "sigmoid" for n in formula.nodes) == 1


# --- support vector machines ----------------------------------------------------------------------

KERNELS = [("LINEAR", 0), ("POLY", 2), ("POLY", 3), ("POLY", 4), ("RBF", 0), ("SIGMOID", 0)]


@pytest.mark.parametrize("kernel, degree", KERNELS)
@pytest.mark.parametrize("one_class", [0, 1])
@pytest.mark.parametrize("count", [0, 4])
def test_machines_that_give_a_number(kernel, degree, one_class, count):
    given = {"coefficients": floats(count or 3), "rho": [0.25], "n_supports": count}
    if count:
        given["support_vectors"] = floats(count, 3, seed=5)
    made = graph(
        "SVMRegressor", "float32", 3, {"Y": "float32"}, kernel_type=kernel, one_class=one_class,
        kernel_params=[0.3, 0.5, float(degree)], **given,
    )  # fmt: skip
    check(made, rows_of("float32", 3))


@pytest.mark.parametrize("kernel, degree", KERNELS)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("chances", [False, True])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
def test_machines_that_classify(kernel, degree, classes, chances, transform):
    counts = [3, 2, 4][:classes]
    pairs, total = classes * (classes - 1) // 2, sum(counts)
    given: dict[str, Any] = {
        "vectors_per_class": counts, "support_vectors": floats(total, 2),
        "coefficients": floats(classes - 1, total, seed=2), "rho": floats(pairs, seed=3),
    }  # fmt: skip
    if chances:
        given |= {"prob_a": floats(pairs, seed=4), "prob_b": floats(pairs, seed=5)}
    made = graph(
        "SVMClassifier", "float32", 2, {"L": "int64", "Z": "float32"}, kernel_type=kernel,
        kernel_params=[0.3, 0.5, float(degree)], post_transform=transform,
        classlabels_ints=[5, 3, 9][:classes], **given,
    )  # fmt: skip
    formula = cf.read(made)
    if classes == 3 and chances:  # they are found by iteration, and left out
        assert list(formula.outputs) == ["label"]
        made.graph.output.pop()
    compare(formula, made, rows_of("float32", 2), 1e-5)


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("count", [1, 3])
def test_scalers(kind, count):
    given = {"offset": floats(count), "scale": floats(count, seed=2)}
    check(graph("Scaler", kind, 3, {"Y": "float32"}, **given), rows_of(kind, 3))


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizers(kind, norm):
    rows = rows_of(kind, 3)
    rows[:2] = 0
    check(graph("Normalizer", kind, 3, {"Y": "float32"}, norm=norm), rows)


@pytest.mark.parametrize("replaced", [float("nan"), 0.0, 1.0])
@pytest.mark.parametrize("count", [1, 3])
def test_imputers_of_numbers(replaced, count):
    given = {"imputed_value_floats": floats(count), "replaced_value_float": replaced}
    check(graph("Imputer", "float32", 3, {"Y": "float32"}, **given), rows_of("float32", 3))


def test_imputers_of_whole_numbers():
    given = {"imputed_value_int64s": [7, 8, 9], "replaced_value_int64": -1}
    check(graph("Imputer", "int64", 3, {"Y": "int64"}, **given), rows_of("int64", 3))


@pytest.mark.parametrize("given", [{}, {"threshold": 0.5}, {"threshold": 1.0}])
def test_binarizers_refuse_what_is_missing(given):
    check(graph("Binarizer", "float32", 3, {"Y": "float32"}, **given), rows_of("float32", 3))


@pytest.mark.parametrize("zeros", [0, 1])
@pytest.mark.parametrize("kind", ["string", "int64", "float32", "float64"])
def test_one_hot_encoders(kind, zeros):
    given: dict[str, Any] = {"cats_strings": ["a", "c", ""]}
    if kind != "string":
        given = {"cats_int64s": [0, 2, -1]}
    made = graph("OneHotEncoder", kind, 2, {"Y": "float32"}, zeros=zeros, **given)
    check(made, rows_of(kind, 2))


KEYS = {"string": ("keys_strings", ["a", "", "nan"]), "int64": ("keys_int64s", [0, 2, -1]),
        "float32": ("keys_floats", [0.0, 1.0, float("nan")])}  # fmt: skip
VALUES = {
    "string": ("values_strings", ["p", "q", "r"], "default_string", "D"),
    "int64": ("values_int64s", [5, 0, 2], "default_int64", 9),
    "float32": ("values_floats", [0.5, 0.1, -2.0], "default_float", 9.5),
}


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("default", [False, True])
@pytest.mark.parametrize("given", VALUES)
@pytest.mark.parametrize("kind", KEYS)
def test_label_encoders(kind, given, default, version):
    keys, values = KEYS[kind], VALUES[given]
    options = dict([keys, values[:2]]) | (dict([values[2:]]) if default else {})
    made = graph("LabelEncoder", kind, 2, {"Y": given}, version, **options)
    check(made, rows_of(kind, 2))


def test_label_encoders_of_tensors():
    keys = helper.make_tensor("k", 7, [2], [0, 2])
    values = helper.make_tensor("v", 1, [2], [0.5, -1.5])
    default = helper.make_tensor("d", 1, [1], [9.0])
    options = {"keys_tensor": keys, "values_tensor": values, "default_tensor": default}
    made = graph("LabelEncoder", "int64", 1, {"Y": "float32"}, 4, **options)
    check(made, rows_of("int64", 1))


@pytest.mark.parametrize("kind, other", [("string", "int64"), ("int64", "string")])
def test_category_mappers(kind, other):
    options: dict[str, Any] = {"cats_strings": ["a", "b", ""], "cats_int64s": [1, 0, -2]}
    options |= {"default_int64": 7} if kind == "string" else {"default_string": "U"}
    check(graph("CategoryMapper", kind, 2, {"Y": other}, **options), rows_of(kind, 2))


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
def test_array_feature_extractors(kind):
    made = graph("ArrayFeatureExtractor", kind, 4, {"Y": kind}, consts={"I": [3, 0, 3]})
    check(made, rows_of(kind, 4))


@pytest.mark.parametrize("kind", NUMBERS)
def test_feature_vectorizers_cut_and_fill_up(kind):
    nodes = [node("FeatureVectorizer", ["X", "X", "X"], ["Y"], inputdimensions=[1, 2, 4])]
    check(chain(nodes, kind, 2, {"Y": "float32"}), rows_of(kind, 2))


def test_zip_maps_name_their_columns():
    maps = helper.make_map_type_proto(8, helper.make_tensor_type_proto(1, []))
    made = graph("ZipMap", "float32", 2, {"Y": "float32"}, classlabels_strings=["p", "q; --"])
    made.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(maps))
    formula = check(made, rows_of("float32", 2))
    assert list(formula.outputs) == ["Y[p]", "Y[q; --]"]


def test_a_category_that_is_looked_up_in_a_table_of_numbers():
    table = helper.make_tensor("T", 1, [2, 3], [0.5, 1.5, 2.5, -1.0, -2.0, -3.0])
    nodes = [helper.make_node("ArrayFeatureExtractor", ["T", "X"], ["Y"], domain=ML)]
    made = chain(nodes, "int64", 1, {"Y": "float32"})
    made.graph.initializer.append(table)
    made.graph.node.append(helper.make_node("Transpose", ["Y"], ["Z"]))
    made.graph.output[0].name = "Z"
    rows = np.array([[0], [2], [1], [7]], dtype=np.int64)
    check(made, rows)


# --- refusals -------------------------------------------------------------------------------------

LINEAR = {"coefficients": [1.0, 2.0], "intercepts": [0.5]}
REFUSED = [
    ("LinearRegressor", "float32", {**LINEAR, "targets": 7}, "2 coefficients for 7 outputs"),
    ("LinearRegressor", "float64", LINEAR, "which onnxruntime does not have"),
    ("LinearRegressor", "float32", {**LINEAR, "intercepts": [1.0, 2.0]}, "2 intercepts"),
    ("LinearClassifier", "float32", LINEAR, "without one list of its classes"),
    ("LinearClassifier", "float32", {**LINEAR, "classlabels_ints": [1, 1]}, "of one name"),
    ("LinearClassifier", "float32", {**LINEAR, "classlabels_ints": [1, 2, 3]}, "for 3 classes"),
    ("LinearClassifier", "float32",
     {**LINEAR, "classlabels_ints": [1, 2], "post_transform": "PROBIT"}, "one score for two"),
    ("SVMRegressor", "float32",
     {"coefficients": [1.0], "rho": [0.0], "n_supports": 1, "support_vectors": [1.0],
      "kernel_params": [0.1, 0.0, 3.0]}, "1 numbers for 1 vectors of 2 columns"),
    ("SVMRegressor", "float32",
     {"coefficients": [1.0, 1.0], "rho": [0.0], "kernel_type": "COSINE"}, "kernel 'COSINE'"),
    ("SVMRegressor", "float32", {"coefficients": [1.0, 1.0]}, "0 constants for 1 scores"),
    ("Scaler", "float32", {"offset": [1.0] * 5, "scale": [1.0]}, "5 offsets for 2 columns"),
    ("Normalizer", "float32", {"norm": "L3"}, "the norm 'L3'"),
    ("Imputer", "float32", {}, "without values"),
    ("FeatureVectorizer", "float32", {"inputdimensions": [2**40]}, "1,099,511,627,776 columns"),
    ("FeatureVectorizer", "float32", {"inputdimensions": [1, 2]}, "2 widths for 1 inputs"),
    ("OneHotEncoder", "int64", {"cats_strings": ["a"]}, "without one list of categories"),
    ("OneHotEncoder", "int64", {"cats_int64s": [1, 1]}, "a category twice"),
    ("LabelEncoder", "int64", {"keys_int64s": [1]}, "one of values"),
    ("LabelEncoder", "int64", {"keys_int64s": [1], "values_int64s": [1, 2]}, "1 keys for 2"),
    ("LabelEncoder", "int64", {"keys_int64s": [1, 1], "values_int64s": [1, 2]}, "two values"),
    ("DictVectorizer", "float32", {"string_vocabulary": ["a"]}, "DictVectorizer|no tensor"),
]  # fmt: skip


@pytest.mark.parametrize("op, kind, given, said", REFUSED, ids=[said for *_, said in REFUSED])
def test_what_has_no_formula_is_refused_and_the_reason_is_said(op, kind, given, said):
    outputs = {"Y": "int64", "Z": "float32"} if "Classifier" in op else {"Y": "float32"}
    with pytest.raises(UnsupportedModel, match=said):
        cf.read(graph(op, kind, 2, outputs, **given))


def test_every_operator_of_the_set_is_read_or_refused_by_name():
    from closedform.readers.onnx.ml import OPERATORS, REFUSED

    known = {s.name for s in onnx.defs.get_all_schemas() if s.domain == ML}
    assert known == {*OPERATORS, *REFUSED}
