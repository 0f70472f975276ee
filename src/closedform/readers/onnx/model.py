"""An ONNX model as a formula: walked operator by operator, then tried against the graph itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from closedform.asking.onnx import Layout
from closedform.errors import MissingExtra, UnsupportedModel
from closedform.formula import Formula, Task
from closedform.loading.stream import Broken
from closedform.readers.onnx.checking import check
from closedform.readers.onnx.inputs import Given, given_by, input_names, note_domain, started, texts
from closedform.readers.onnx.outside import bring_in
from closedform.readers.onnx.parsing import constants
from closedform.readers.onnx.results import Found, named, results_of
from closedform.readers.onnx.trying import tried
from closedform.readers.onnx.values import FLOATS, Value
from closedform.readers.onnx.walking import TooLarge, Walk, overload
from closedform.readers.reading import Reading

OLDEST, MOST_VERSION = 7, 1 << 20
"""Opsets: those before 7 broadcast otherwise, and onnxruntime does not run them."""


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return an ONNX model as a formula.

    The first axis of every input and result counts rows, unless the graph calls another one so.
    Numbers enter as the float64 of the same value. The formula is then tried against the graph.

    Args:
        model: an `onnx.ModelProto`.
        names: a name for each input element, in the order of the graph's inputs.
        example: rows as the graph takes them: an array, a tuple of them or a dict by input; needed
            only where the graph does not say how many elements a row has.

    Raises:
        UnsupportedModel: operators without a formula, all at once; or a graph that gives something
            else than its formula.
        BadInput: names or an example that do not fit.
    """
    try:
        return _read_model(model, names, example)
    except Broken as error:
        raise UnsupportedModel(
            f"The ONNX model is damaged: {error}.", hint="Export it again."
        ) from error


def _read_model(model: Any, names: Sequence[str] | None, example: Any = None) -> Formula:
    check(model)
    known = constants(model.graph)
    given = given_by(model.graph, known, example)
    try:
        reading, walk, results = _read(model, known, given, names)
    except TooLarge:
        raise
    except UnsupportedModel as error:
        if given.fixed is not None:
            raise
        given = replace(given, fixed=1)  # some call the number free, and take one row alone
        try:
            reading, walk, results = _read(model, known, given, names)
        except UnsupportedModel:
            raise error from None
    return _formula(model, given, reading, walk, results)


def read_file(
    raw: bytes, names: Sequence[str] | None = None, example: Any = None, *, folder: Path
) -> Formula:
    """Return what is in an ONNX file as a formula.

    Args:
        raw: the file.
        names, example: as `read_model` says.
        folder: in which the file lies, with the numbers that it may keep in others.

    Raises:
        MissingExtra: onnx is not installed.
        Broken: the file is damaged.
        UnsupportedModel: as `read_model` says.
    """
    return _read_model(model_of(raw, folder=folder), names, example)


def model_of(raw: bytes, *, folder: Path) -> Any:
    """Return the model in an ONNX file, with the numbers that it keeps in others.

    Raises:
        MissingExtra: onnx is not installed.
        Broken: the file is damaged.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtra("onnx", "onnx", "Reading an ONNX file") from None
    from google.protobuf.message import DecodeError

    try:
        made = onnx.load_from_string(raw)
    except DecodeError as error:
        raise Broken("it is no whole ONNX model") from error
    bring_in(made, folder)
    return made


def _read(
    model: Any, known: dict[str, Value], given: Given, names: Sequence[str] | None
) -> tuple[Reading, Walk, list[Found]]:
    reading = Reading(input_names(given.slots, names), texts(given.slots))
    note_domain(given.slots, reading)
    opsets = {o.domain: o.version for o in model.opset_import}
    if not all(0 < version < MOST_VERSION for version in opsets.values()):
        raise Broken("it names a version of ONNX's operators that is none")
    own = opsets.get("", opsets.get("ai.onnx", OLDEST))
    if own < OLDEST:
        raise UnsupportedModel(
            f"The graph uses ONNX's operators of version {own}, whose meaning has changed since.",
            hint="Convert it: onnx.version_converter.convert_version(model, 13).",
        )
    functions = {(f.domain, f.name, overload(f)): f for f in model.functions}
    walk = Walk(reading, given.rows, opsets, functions)
    scope: dict[str, Any] = {**known, **dict(started(given.slots, reading.columns(), given.rows))}
    for value in scope.values():
        walk.note_kind(value)
    walk.run(model.graph.node, scope)
    for problem, hint in walk.problems.items():
        reading.problem(f"ONNX's {problem}.", hint)
    if reading.problems:
        reading.formula({}, Task(), "The ONNX graph", "")  # raises
    return reading, walk, results_of(model.graph, walk, scope, given.batch)


def _formula(
    model: Any, given: Given, reading: Reading, walk: Walk, results: Sequence[Found]
) -> Formula:
    import onnx

    nodes = [n for found in results for n in found.nodes]
    layout = Layout(given.slots, tuple(found.result for found in results), given.fixed)
    inputs = {slot.kind for slot in given.slots if "float" in slot.kind}
    dtype = max(walk.kinds | inputs, key=FLOATS.index, default="float64")
    exact = walk.noted.singles.exact(nodes)
    trial = tried(model, nodes, layout, dtype, exact=exact, present=reading.no_missing)
    walk.noted.undefined |= trial.lost
    reading.refuse_missing(reading.columns().pick(sorted(trial.lost)))
    outputs, task = named(results, walk.noted, trial.said)
    at = 0
    for found in results:
        places = range(at, at + len(found.nodes))
        at += len(found.nodes)
        some = [nodes[i] for i in places]
        if dtype != "float64" and not walk.noted.singles.exact(some):
            reading.rounds(some, dtype, trial.ulps(dtype, places))
    made = reading.formula(outputs, task, "ONNX graph", f"ONNX {onnx.__version__}")
    options = {
        "layout": layout.to_json(),
        "outputs": list(outputs),
        "float64": trial.engine if made.precision else "",
        "undefined": sorted(walk.noted.undefined),
    }
    return replace(made, trail=(replace(made.trail[0], options=options),))
