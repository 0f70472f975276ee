"""Graphs of one operator of ai.onnx.ml, at random, and comparing them with their formula."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import closedform as cf

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper  # noqa: E402

ML = "ai.onnx.ml"
KINDS = {"float32": 1, "int64": 7, "string": 8, "float64": 11, "int32": 6, "uint8": 2}
DTYPES = {"string": object}


def graph(
    op: str, kind: str, width: int, outputs: dict[str, str], version: int = 3,
    consts: dict[str, Any] | None = None, **attributes: Any,
) -> Any:  # fmt: skip
    """Return a model of one operator over a table.

    Args:
        op: its name.
        kind: of the table's elements.
        width: how many columns it has.
        outputs: kind by name.
        version: of the operators' set.
        consts: further inputs, known whole numbers.
    """
    return chain([node(op, ["X", *(consts or {})], list(outputs), **attributes)], kind, width,
                 outputs, version, consts)  # fmt: skip


def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    """Return a node of ai.onnx.ml."""
    return helper.make_node(op, inputs, outputs, domain=ML, **attributes)


def chain(
    nodes: list[Any], kind: str, width: int, outputs: dict[str, str], version: int = 3,
    consts: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    """Return a model of some nodes over a table X."""
    made = helper.make_graph(
        nodes, "graph", [helper.make_tensor_value_info("X", KINDS[kind], ["N", width])],
        [helper.make_tensor_value_info(n, KINDS[k], None) for n, k in outputs.items()],
        [helper.make_tensor(n, 7, [len(v)], v) for n, v in (consts or {}).items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(ML, version)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9)


def session(model: Any) -> Any:
    """Return onnxruntime's session of one thread: several add trees in parts."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    raw = model if isinstance(model, bytes) else model.SerializeToString()
    return runtime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])


def columns(results: list[Any]) -> list[np.ndarray]:
    """Return a graph's results as columns."""
    made: list[np.ndarray] = []
    for result in results:
        if isinstance(result, list):
            made += [np.array([row[key] for row in result]) for key in result[0]]
        else:
            made += list(np.asarray(result).reshape(len(result), -1).T)
    return made


def compare(formula: cf.Formula, model: Any, rows: Any, near: float = 3e-6) -> None:
    """Fail unless a formula gives what onnxruntime gives, row by row where that refuses some.

    Outputs that the formula calls exact must have the same bits; others may be `near` of the
    greatest value in the row, or of 1.
    """
    asked = session(model)
    feed = rows if isinstance(rows, dict) else {asked.get_inputs()[0].name: rows}
    size = len(next(iter(feed.values())))
    said: list[list[Any]] = []
    for i in range(size):
        try:
            said.append(columns(asked.run(None, {k: v[i : i + 1] for k, v in feed.items()})))
        except Exception:  # onnxruntime has one for each reason
            said.append([])
    ours = formula.evaluate(plain(formula, feed))
    for at, (name, found) in enumerate(ours.items()):
        for i, row in enumerate(said):
            theirs = row[at][0] if row else None
            assert agree(found[i], theirs, near, name in formula.precision), (
                f"{name}, row {i}: {found[i]!r}, not {theirs!r}"
            )


def plain(formula: cf.Formula, feed: dict[str, Any]) -> dict[str, Any]:
    """Return a graph's tensors as columns of the formula's inputs."""
    parts = [c for table in feed.values() for c in np.asarray(table).reshape(len(table), -1).T]
    return {
        f.name: c if c.dtype == object else c.astype(np.float64)
        for f, c in zip(formula.inputs, parts, strict=True)
    }


def agree(ours: Any, theirs: Any, near: float, rounded: bool) -> bool:
    """Tell whether two values are one, both being missing where the graph raises."""
    absent = ours is None or ours != ours
    if theirs is None or theirs != theirs:
        return absent
    if isinstance(theirs, str) or not isinstance(ours, float):
        return str(ours) == str(theirs)
    apart = 0.0 if ours == theirs else abs(ours - float(theirs))
    return bool(apart <= (near * max(1.0, abs(float(theirs))) if rounded else 0.0))


# --- ensembles at random --------------------------------------------------------------------------

TESTS = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
MIXES = (TESTS[:1], TESTS[1:2], TESTS[2:3], TESTS[3:4], (TESTS[0], TESTS[4]), TESTS, TESTS[1:3])


@dataclass
class Lists:
    """The nodes of an ensemble as they are listed, and its leaves."""

    random: np.random.Generator
    tests: tuple[str, ...]
    width: int
    grid: np.ndarray
    nodes: list[list[Any]] = field(default_factory=list)
    leaves: list[tuple[int, int]] = field(default_factory=list)

    def grow(self, tree: int, depth: int) -> None:
        """Add a tree, its nodes in the order in which they are met."""
        start = len(self.nodes)

        def build(left: int) -> int:
            i = len(self.nodes) - start
            self.nodes.append([tree, i, 0, "LEAF", 0.0, 0, 0, 0])
            if left == 0 or self.random.random() < 0.2:
                self.leaves.append((tree, i))
                return i
            test = str(self.random.choice(self.tests))
            whole = test in TESTS[4:]
            value = self.random.integers(0, 4) if whole else self.random.choice(self.grid)
            feature, missing = self.random.integers(self.width), self.random.random() < 0.4
            true, false = build(left - 1), build(left - 1)
            self.nodes[start + i] = [
                tree, i, int(feature), test, float(value), true, false, int(missing),
            ]  # fmt: skip
            return i

        build(depth)


def ensemble(seed: int, classifier: bool) -> tuple[Any, np.ndarray]:
    """Return a random ensemble of trees, and rows at its thresholds, between them and missing."""
    random = np.random.default_rng(seed)
    double = random.random() < 0.3
    kind, dtype = ("float64", np.float64) if double else ("float32", np.float32)
    width, targets = int(random.integers(1, 4)), int(random.integers(2 if classifier else 1, 5))
    grid = np.round(random.normal(size=6), 1).astype(dtype)
    lists = Lists(random, MIXES[random.integers(len(MIXES))], width, grid)
    for tree in range(random.integers(1, 6)):
        lists.grow(tree, int(random.integers(0, 5)))
    style = str(random.choice(["all", "all", "one", "tree"]))
    given = {"all": lambda t: range(targets), "one": lambda t: [0], "tree": lambda t: [t % targets]}
    weigh = random.normal if random.random() < 0.6 else random.random
    weights = [(t, n, k, weigh()) for t, n in lists.leaves for k in given[style](t)]
    attributes = listed(lists, weights, "class" if classifier else "target", double)
    if random.random() < 0.5:
        attributes |= numbers("base_values", random.normal(size=targets).tolist(), double)
    outputs = {"Y": "float32"}
    if classifier:
        outputs = {"L": "string", "Z": "float32"}
        attributes["classlabels_strings"] = list("wxyz")[:targets]
        attributes["post_transform"] = str(random.choice(["NONE", "LOGISTIC", "SOFTMAX"]))
    else:
        attributes |= {"n_targets": targets}
        if style == "all":
            choices = ["SUM", "AVERAGE", "MIN", "MAX"]
            attributes["aggregate_function"] = str(random.choice(choices))
    op = "TreeEnsembleClassifier" if classifier else "TreeEnsembleRegressor"
    return graph(op, kind, width, outputs, **attributes), rows_at(grid, width, random, dtype)


def listed(lists: Lists, weights: list[Any], leaf: str, double: bool) -> dict[str, Any]:
    """Return the attributes that describe trees and leaves."""
    tree, at, feature, mode, value, true, false, missing = zip(*lists.nodes, strict=True)
    order = lists.random.permutation(len(weights))
    trees, nodes, ids, numbers_ = zip(*[weights[i] for i in order], strict=True)
    return {
        "nodes_treeids": tree, "nodes_nodeids": at, "nodes_featureids": feature,
        "nodes_modes": mode, "nodes_truenodeids": true, "nodes_falsenodeids": false,
        "nodes_missing_value_tracks_true": missing,
        f"{leaf}_treeids": trees, f"{leaf}_nodeids": nodes, f"{leaf}_ids": ids,
        **numbers("nodes_values", value, double), **numbers(f"{leaf}_weights", numbers_, double),
    }  # fmt: skip


def numbers(name: str, values: Any, double: bool) -> dict[str, Any]:
    """Return numbers as a list, or as a tensor of doubles."""
    plain_ = [float(v) for v in values]
    if not double:
        return {name: plain_}
    made = helper.make_tensor(name, TensorProto.DOUBLE, [len(plain_)], plain_)
    return {f"{name}_as_tensor": made}


def rows_at(grid: np.ndarray, width: int, random: np.random.Generator, dtype: Any) -> np.ndarray:
    """Return rows of the numbers of a grid, their neighbours, small whole numbers and NaN."""
    near = [np.nextafter(grid, dtype(side)) for side in (-np.inf, np.inf)]
    known = np.concatenate([grid, *near, np.array([0, 1, 2, 3, -0.0, 0.5, np.inf, -np.inf])])
    rows = random.choice(known, (30, width)).astype(dtype)
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows
