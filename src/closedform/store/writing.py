"""A formula as a JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Stage, Task
from closedform.ir import Node, toposort
from closedform.store.coding import CODINGS, NOTHING, Place, fault_in_args, type_of
from closedform.store.values import fact_out, label_out

FORMAT: Final = "closedform"
VERSION: Final = 1
_LISTED: Final = frozenset({"inputs", "nodes", "stages", "trail"})


def to_dict(formula: Formula) -> dict[str, Any]:
    """Return a formula as a dict that `json.dumps` takes; see `docs/formula-json.md`.

    Names of nodes that no output and no stage reads are left out.

    Raises:
        BadInput: a label is no plain value, or a node does not fit its arguments or the inputs.
    """
    content = _content(formula)
    head = {"format": FORMAT, "version": VERSION, "sha256": _digest(formula, content)}
    return head | content


def to_json(formula: Formula) -> str:
    """Return a formula as JSON text, one node a line; errors as in `to_dict`."""
    fields = ",\n".join(f"{json.dumps(k)}: {_field(k, v)}" for k, v in to_dict(formula).items())
    # A lone surrogate in a name has no UTF-8 form; this writes it as JSON escapes it.
    return f"{{\n{fields}\n}}\n".encode("utf-8", "backslashreplace").decode("utf-8")


def content_hash(formula: Formula) -> str:
    """Return the SHA-256, in hexadecimal, of what a formula computes.

    It is that of an object with the fields task, inputs, outputs and nodes of `to_dict`, without
    nodes that no output reads, as Python's `json.dumps(…, sort_keys=True, separators=(",", ":"))`
    writes it. Names of intermediate values, stages and the trail do not change it.
    """
    return _digest(formula, _content(replace(formula, stages=())))


def _digest(formula: Formula, content: Mapping[str, Any]) -> str:
    # The nodes of the outputs stand first, so that those of the stages can be cut off.
    computed = {name: content[name] for name in ("task", "inputs", "outputs")}
    computed["nodes"] = content["nodes"][: len(formula.nodes)]
    text = json.dumps(computed, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode("ascii")).hexdigest()


def _field(name: str, value: Any) -> str:
    if name not in _LISTED or not value:
        return _line(value)
    return "[\n" + ",\n".join(map(_line, value)) + "\n]"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _content(formula: Formula) -> dict[str, Any]:
    nodes = toposort([*formula.roots, *_staged(formula.stages)])
    index = {n: i for i, n in enumerate(nodes)}
    named = sorted((index[n], name) for n, name in formula.names.items() if n in index)
    return {
        "source": formula.source,
        "task": _task(formula.task),
        "inputs": [_feature(f) for f in formula.inputs],
        "outputs": [[name, index[n]] for name, n in formula.outputs.items()],
        "nodes": list(_rows(nodes, formula.inputs)),
        "names": [list(pair) for pair in named],
        "stages": [_stage(s, index) for s in formula.stages],
        "trail": [
            {"name": s.name, "kind": s.kind}
            | {"options": fact_out(s.options), "found": fact_out(s.found)}
            for s in formula.trail
        ],
    }


def _staged(stages: Iterable[Stage]) -> Iterator[Node]:
    return (n for s in stages for _, n in (*s.before, *s.after))


def _rows(nodes: Iterable[Node], inputs: tuple[Feature, ...]) -> Iterator[dict[str, Any]]:
    place = Place(inputs, [], {}, {})
    for n in nodes:
        _check(n, inputs)
        args = {"args": [place.index[a] for a in n.args]} if n.args else {}
        data = CODINGS.get(n.op.name, NOTHING).out(n.data, place)
        yield {"op": n.op.name} | args | data
        place.index[n] = len(place.index)


def _check(n: Node, inputs: tuple[Feature, ...]) -> None:
    """Refuse what `load` would refuse: what can be saved can be opened."""
    fault = fault_in_args(n.op, n.args)
    if n.op.name == "input" and n.data >= len(inputs):
        fault = f"input {n.data} is not among the {len(inputs)} inputs"
    elif fault is None and type_of(n.op, n.args, n.data, inputs) is not n.type:
        fault = f"{n!r} is of the type {n.type.value!r}"
    if fault is not None:
        raise BadInput(
            f"The formula cannot be saved, since it does not hold together: {fault}.",
            hint="Build its nodes with the functions of closedform.ops.",
        )


def _feature(feature: Feature) -> dict[str, Any]:
    made: dict[str, Any] = {"name": feature.name, "type": feature.type.value}
    if feature.categories is not None:
        made["categories"] = [label_out(x) for x in feature.categories]
    return made | {"missing": feature.missing, "unseen": feature.unseen}


def _task(task: Task) -> dict[str, Any]:
    made: dict[str, Any] = {
        "kind": task.kind,
        "classes": [label_out(x) for x in task.classes],
        "link": task.link,
        "primary": list(task.primary),
        "probability": list(task.probability),
        "decision": list(task.decision),
    }
    if task.deviation:
        made["deviation"] = list(task.deviation)
    return made | {"parts": [_task(part) for part in task.parts]} if task.parts else made


def _stage(stage: Stage, index: Mapping[Node, int]) -> dict[str, Any]:
    columns = (("before", stage.before), ("after", stage.after))
    made = {side: [[name, index[n]] for name, n in pairs] for side, pairs in columns}
    return {"name": stage.name, "kind": stage.kind} | made
