"""A JSON document, whoever wrote it, as a formula: every field is checked and nothing is run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

from closedform.errors import BadFile
from closedform.formula import Feature, Formula, Stage, Step, Task
from closedform.ir import Node, Type, node
from closedform.store.coding import (
    CODINGS,
    NOTHING,
    Place,
    fault_in_args,
    op_called,
    type_of,
)
from closedform.store.spot import Spot
from closedform.store.writing import FORMAT, VERSION, content_hash

_HEAD: Final = ("format", "version")
_CONTENT: Final = (
    "source", "task", "inputs", "outputs", "nodes", "names", "stages", "trail",
)  # fmt: skip
_TYPES: Final = {"real": Type.REAL, "label": Type.LABEL}
_TRUNCATED: Final = "Copy or download it again, or save the formula again."


def from_json(text: str | bytes) -> Formula:
    """Return the formula in a JSON text; a field `sha256` that does not fit is an error.

    Raises:
        BadFile: the text is truncated, malformed, no formula, or of a newer version. The message
            says where; nothing in it has been evaluated.
    """
    try:
        document = json.loads(
            text if isinstance(text, str) else text.decode("utf-8-sig"),
            parse_constant=_no_constant,
            object_pairs_hook=_no_repetition,
        )
        return from_dict(document)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadFile(f"no JSON at {where}: {error.msg}.", hint=_TRUNCATED) from error
    except UnicodeDecodeError as error:
        raise BadFile(f"no UTF-8 text at byte {error.start:,}.", hint=_TRUNCATED) from error
    except RecursionError as error:
        raise BadFile("it is nested too deep for a formula.", hint=_TRUNCATED) from error
    except ValueError as error:  # a whole number of more than 4300 digits
        raise BadFile(f"no JSON: {str(error).partition(';')[0]}.", hint=_TRUNCATED) from error


def _no_constant(name: str) -> NoReturn:
    spelled = name.lower().replace("inity", "")
    raise BadFile(f"{name} is no JSON.", hint=f'Write it as "{spelled}", in quotes.')


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise BadFile(f"the field {twice[:40]!a} is there twice.", hint="Remove one of them.")
    return made


def from_dict(document: Any) -> Formula:
    """Return the formula that `to_dict` describes; errors as in `from_json`."""
    try:
        return _formula(Spot(document, "$"))
    except RecursionError as error:
        raise BadFile("it is nested too deep for a formula.", hint=_TRUNCATED) from error


def _formula(top: Spot) -> Formula:
    _check_version(top)
    fields = top.fields((*_HEAD, *_CONTENT), ("sha256",))
    inputs = tuple(_feature(item) for item in fields["inputs"].items())
    place = Place(inputs, [], {}, {})
    known: dict[tuple[int, ...], tuple[Node, ...]] = {}
    for item in fields["nodes"].items():
        place.nodes.append(_node(item, place, known))
    formula = Formula(
        outputs=_outputs(fields["outputs"], place.nodes),
        inputs=inputs,
        task=_task(fields["task"]),
        names={_at(i, place.nodes): name.text() for i, name in fields["names"].pairs()},
        trail=tuple(_step(item) for item in fields["trail"].items()),
        stages=tuple(_stage(item, place.nodes) for item in fields["stages"].items()),
        source=fields["source"].text(),
    )
    if "sha256" in fields:
        _check_hash(fields["sha256"], formula)
    return formula


def _check_version(top: Spot) -> None:
    head = top.value if type(top.value) is dict else {}
    if head.get("format") != FORMAT:
        raise top.wrong(
            'this is no formula: the field "format" is not "closedform"',
            hint="Give a file that formula.save(path) wrote.",
        )
    version = head.get("version")
    if type(version) is not int or version < 1:
        raise Spot(version, "$.version").wrong("here should be a whole number from 1 on")
    if version > VERSION:
        raise Spot(version, "$.version").wrong(
            f"a newer closedform wrote this, in version {str(version)[:20]} of the format; "
            f"this one knows version {VERSION}",
            hint="pip install --upgrade closedform",
        )


def _check_hash(stated: Spot, formula: Formula) -> None:
    found = content_hash(formula)
    if stated.text() != found:
        raise stated.wrong(
            f"the content has another SHA-256 ({found}): it was changed after it was saved",
            hint="If you changed it on purpose, remove this field. No certificate holds for it.",
        )


def _node(spot: Spot, place: Place, known: dict[tuple[int, ...], tuple[Node, ...]]) -> Node:
    op = op_called(Spot(spot.fields(["op"], _any(spot))["op"].value, f"{spot.path}.op"))
    coding = CODINGS.get(op.name, NOTHING)
    fields = spot.fields(("op", *coding.required), ("args", *coding.optional))
    at = tuple(fields["args"].wholes(len(place.nodes))) if "args" in fields else ()
    # The trees of an ensemble share one tuple of arguments, here as in a model that was read.
    args = known.setdefault(at, tuple(place.nodes[i] for i in at))
    fault = fault_in_args(op, args)
    if fault is not None:
        raise spot.wrong(fault)
    data = coding.read(fields, args, place)
    return node(op, args, data, type_of(op, args, data, place.inputs))


def _any(spot: Spot) -> list[str]:
    return list(spot.value) if type(spot.value) is dict else []


def _at(spot: Spot, nodes: list[Node]) -> Node:
    return nodes[spot.whole(len(nodes))]


def _feature(spot: Spot) -> Feature:
    fields = spot.fields(("name", "type", "missing", "unseen"), ("categories",))
    kind = fields["type"]
    if kind.text() not in _TYPES:
        raise kind.wrong('here should be "real" or "label"')
    return Feature(
        name=fields["name"].text(),
        type=_TYPES[kind.text()],
        categories=fields["categories"].labels() if "categories" in fields else None,
        missing=fields["missing"].truth(),
        unseen=fields["unseen"].truth(),
    )


def _outputs(spot: Spot, nodes: list[Node]) -> dict[str, Node]:
    made: dict[str, Node] = {}
    for name, index in spot.pairs():
        if name.text() in made:
            raise name.wrong("there are two outputs of this name")
        made[name.text()] = _at(index, nodes)
    if not made:
        raise spot.wrong("a formula has one output at least")
    return made


_TASK = ("kind", "classes", "link", "primary", "probability", "decision")


def _task(spot: Spot) -> Task:
    fields = spot.fields(_TASK, ("parts", "deviation"))
    if "parts" not in fields:
        return _label_task(fields)
    parts = tuple(_label_task(p.fields(_TASK), among=True) for p in fields["parts"].items())
    return replace(_role_names(fields), parts=parts)


def _label_task(fields: Mapping[str, Spot], among: bool = False) -> Task:
    """Return the task of one label; of one among several, a single class may have a chance.

    Of a single class, LightGBM gives the chances of two.
    """
    task = _role_names(fields)
    allowed = {0, len(task.classes), 1 if among else 0, 2 if len(task.classes) == 1 else 0}
    if len(task.probability) not in allowed:
        raise fields["probability"].wrong(
            f"here should be one name for each of the {len(task.classes)} classes"
        )
    return task


def _role_names(fields: Mapping[str, Spot]) -> Task:
    return Task(
        kind=fields["kind"].text(),
        classes=fields["classes"].labels(),
        link=fields["link"].text(),
        primary=fields["primary"].texts(),
        probability=fields["probability"].texts(),
        decision=fields["decision"].texts(),
        deviation=fields["deviation"].texts() if "deviation" in fields else (),
    )


def _step(spot: Spot) -> Step:
    fields = spot.fields(("name", "kind", "options", "found"))
    facts = {name: fields[name].fact() for name in ("options", "found")}
    for name, fact in facts.items():
        if not isinstance(fact, dict):
            raise fields[name].wrong("here should be an object")
    return Step(fields["name"].text(), fields["kind"].text(), facts["options"], facts["found"])


def _stage(spot: Spot, nodes: list[Node]) -> Stage:
    fields = spot.fields(("name", "kind", "before", "after"))
    sides = {
        side: tuple((name.text(), _at(i, nodes)) for name, i in fields[side].pairs())
        for side in ("before", "after")
    }
    return Stage(fields["name"].text(), fields["kind"].text(), sides["before"], sides["after"])
