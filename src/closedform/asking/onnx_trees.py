"""Trees in a graph's copy in float64: they, and what they test, stay as the graph has them.

The sum of their leaves in float32 is a part of the formula, and so are the roundings in front of
their thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from closedform.asking.onnx_classical import DOMAIN, DOUBLE, KEPT, NoCopy

TREES = frozenset({"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"})
COARSE = (1, 10, 16)
"""float32, float16 and bfloat16 among ONNX's element types."""


def keep_trees(model: Any) -> None:
    """Give the trees of a graph, and all that they test, names of their own that stay as they are.

    Raises:
        NoCopy: a tree's operator makes probabilities too; or a tree tests what a loop computes.
    """
    graph = model.graph
    trees = [n for n in graph.node if is_tree(n)]
    if not trees:
        return
    for n in trees:
        _require_plain(n)
    if all(o.domain == DOMAIN for o in model.opset_import):
        raise NoCopy  # there is no version of Cast
    makers = {name: n for n in graph.node for name in n.output if name}
    names = _tested(trees, makers)
    types = {i.name: i.type.tensor_type.elem_type for i in graph.input}
    known = {t.name: t for t in graph.initializer}
    nodes = [_given(name, types[name]) for name in sorted(names & set(types) - set(known))]
    for n in graph.node:
        if is_tree(n):
            nodes += _kept_tree(n)
            continue
        nodes += [n, _kept(n)] if names & set(n.output) else [n]
    graph.initializer.extend([_renamed(t) for name, t in known.items() if name in names])
    del graph.node[:]
    graph.node.extend(nodes)


def is_tree(n: Any) -> bool:
    """Tell whether a node is an ensemble of trees."""
    return bool(n.domain == DOMAIN and n.op_type in TREES)


def is_kept(name: str) -> bool:
    """Tell whether a tensor is one that stays as it is."""
    return name.endswith(KEPT)


def _require_plain(n: Any) -> None:
    for a in n.attribute:
        if a.name == "post_transform" and (a.i or a.s not in (b"", b"NONE")):
            raise NoCopy


def _tested(trees: list[Any], makers: Mapping[str, Any]) -> set[str]:
    """Return the names of all tensors that lead to what trees test."""
    todo = [n.input[0] for n in trees]
    names: set[str] = set()
    while todo:
        name = todo.pop()
        if not name or name in names:
            continue
        names.add(name)
        n = makers.get(name)
        if n is None:
            continue
        if any(a.HasField("g") or a.graphs for a in n.attribute):
            raise NoCopy
        names.update(o for o in n.output if o)
        todo += n.input
    return names


def _twin(name: str) -> str:
    return f"{name} {KEPT}" if name else ""


def _given(name: str, kind: int) -> Any:
    """Return the node that rounds an input of the copy to what the graph is given."""
    from onnx import helper

    if kind in COARSE:
        return helper.make_node("Cast", [name], [_twin(name)], to=kind)
    return helper.make_node("Identity", [name], [_twin(name)])


def _kept(n: Any) -> Any:
    made = type(n)()
    made.CopyFrom(n)
    made.input[:] = [_twin(name) for name in n.input]
    made.output[:] = [_twin(name) for name in n.output]
    return made


def _kept_tree(n: Any) -> Iterator[Any]:
    """Yield a tree as it is, and its results as the copy's other nodes take them."""
    from onnx import helper

    made = _kept(n)
    made.input[0] = _twin(n.input[0])
    yield made
    for i, name in enumerate(n.output):
        if not name:
            continue
        if i == 0 and n.op_type == "TreeEnsembleClassifier":  # the label
            yield helper.make_node("Identity", [_twin(name)], [name])
        else:
            yield helper.make_node("Cast", [_twin(name)], [name], to=DOUBLE)


def _renamed(tensor: Any) -> Any:
    made = type(tensor)()
    made.CopyFrom(tensor)
    made.name = _twin(tensor.name)
    return made
