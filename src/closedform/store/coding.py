"""What a node holds, as JSON and back: a table from operation to its fields.

An operation that holds no data needs no line here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from closedform.formula import Feature
from closedform.ir import OPS, Array, Node, Op, Type, frozen
from closedform.ops.payloads import Centre, Label, Pieces, Splits, Table, Tree, Weights
from closedform.store import shapes
from closedform.store.spot import Spot
from closedform.store.values import label_out, number_out, numbers_out

Fields = dict[str, Spot]


@dataclass
class Place:
    """Where a node stands: what came before it, and what it may refer to.

    Attributes:
        inputs: the features of the formula.
        nodes: the nodes before it (reading).
        index: the place of each node (writing).
        first: the place of the first tree of each shape (writing).
    """

    inputs: Sequence[Feature]
    nodes: list[Node]
    index: dict[Node, int]
    first: dict[Any, int]


Out = Callable[[Any, Place], dict[str, Any]]
In = Callable[[Fields, tuple[Node, ...], Place], Any]


@dataclass(frozen=True)
class Coding:
    """The fields of an operation's data, and the way there and back."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    out: Out = lambda data, place: {}
    read: In = lambda fields, args, place: None


def _label_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Any:
    return (fields["label"].label(),)


def _const_out(data: Any, place: Place) -> dict[str, Any]:
    return {"value": data if isinstance(data, bool) else number_out(data)}


def _const_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Any:
    value = fields["value"]
    return value.value if isinstance(value.value, bool) else value.number()


def _lin_out(data: Weights, place: Place) -> dict[str, Any]:
    return {"bias": number_out(data.bias), "weights": numbers_out(data.weights)}


def _lin_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Weights:
    return Weights(fields["bias"].number(), frozen(fields["weights"].numbers(len(args))))


def _centre_out(data: Centre, place: Place) -> dict[str, Any]:
    return {"point": numbers_out(data.point), "weights": numbers_out(data.weights)}


def _centre_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Centre:
    point, weights = (frozen(fields[k].numbers(len(args))) for k in ("point", "weights"))
    return Centre(point, weights)


def _kth_in(fields: Fields, args: tuple[Node, ...], place: Place) -> int:
    return fields["k"].whole(len(args) + 1, 1)


def _median_out(data: tuple[float, ...], place: Place) -> dict[str, Any]:
    return {"weights": [number_out(w) for w in data]}


def _median_in(fields: Fields, args: tuple[Node, ...], place: Place) -> tuple[float, ...]:
    return tuple(fields["weights"].numbers(len(args)).tolist())


def _member_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Any:
    return _labels(fields["labels"], args[0])


def _labels(spot: Spot, x: Node) -> tuple[Label, ...]:
    """Return labels to look x up among: numbers, where x is a number."""
    found = spot.labels()
    for label, item in zip(found, spot.items(), strict=True):
        if x.type is Type.REAL and not _is_number(label):
            raise item.wrong("here should be a number, since a number is looked up")
    return found


def _is_number(label: Any) -> bool:
    # A whole number beyond the range of float64 cannot be compared with one.
    return isinstance(label, bool | float) or (isinstance(label, int) and abs(label) < 1 << 1023)


def _table_out(data: Table, place: Place) -> dict[str, Any]:
    return {
        "labels": [label_out(x) for x in data.labels],
        "values": numbers_out(data.values),
        "default": number_out(data.default),
        "missing": number_out(data.missing),
    }


def _table_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Table:
    labels = _labels(fields["labels"], args[0])
    if len(set(labels)) < len(labels):
        raise fields["labels"].wrong("a label is here twice (1, 1.0 and true are one label)")
    values = frozen(fields["values"].numbers(len(labels)))
    return Table(labels, values, fields["default"].number(), fields["missing"].number())


def _pieces_out(data: Pieces, place: Place) -> dict[str, Any]:
    made = {"edges": numbers_out(data.edges), "coefs": numbers_out(data.coefs)}
    if data.origins.tobytes().strip(b"\0"):  # another zero than 0.0 is kept too
        made["origins"] = numbers_out(data.origins)
    closed = {"right_closed": True} if data.right_closed else {}
    return made | closed | {"missing": number_out(data.missing)}


def _pieces_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Pieces:
    edges = fields["edges"].numbers()
    if np.isnan(edges).any() or (np.diff(edges[np.isfinite(edges)]) < 0).any():
        raise fields["edges"].wrong("the edges must rise")
    coefs = _rows(fields["coefs"])
    if len(coefs) != len(edges) + 1:
        raise fields["coefs"].wrong(f"{len(edges)} edges need {len(edges) + 1} rows")
    given = fields.get("origins")
    origins = np.zeros(len(coefs)) if given is None else given.numbers(len(coefs))
    closed = "right_closed" in fields and fields["right_closed"].truth()
    return Pieces(frozen(edges), frozen(origins), frozen(coefs), closed, fields["missing"].number())


def _rows(spot: Spot) -> Array:
    rows = [item.numbers() for item in spot.items()]
    if not rows or not len(rows[0]) or len({len(row) for row in rows}) > 1:
        raise spot.wrong("here should be rows of one length, each with a number at least")
    return np.array(rows)


def _tree_out(data: Tree, place: Place) -> dict[str, Any]:
    values = {"values": numbers_out(data.values[data.splits.leaf])}
    at = len(place.index)
    first = place.first.setdefault(data.splits.key, at)
    return (shapes.shape_out(data.splits) if first == at else {"like": first}) | values


def _tree_in(fields: Fields, args: tuple[Node, ...], place: Place) -> Tree:
    splits = _like(fields, args, place) if "like" in fields else _shape(fields, args)
    whole = np.zeros(len(splits.leaf))
    whole[splits.leaf] = fields["values"].numbers(int(splits.leaf.sum()))
    return Tree(splits, frozen(whole))


def _shape(fields: Fields, args: tuple[Node, ...]) -> Splits:
    for name in shapes.REQUIRED:
        if name not in fields:
            raise fields["values"].wrong(f"the field {name!r}, or 'like', is absent beside this")
    return shapes.shape_in(fields, len(args))


def _like(fields: Fields, args: tuple[Node, ...], place: Place) -> Splits:
    """Return the shape of an earlier tree, over as many arguments as it needs."""
    like = fields["like"]
    other = place.nodes[like.whole(len(place.nodes))]
    beside = [name for name in (*shapes.REQUIRED, *shapes.OPTIONAL) if name in fields]
    if not isinstance(other.data, Tree) or beside:
        raise like.wrong("here should be the place of a tree, and no shape beside it")
    splits: Splits = other.data.splits
    if len(args) <= splits.feature.max(initial=-1) and not splits.leaf.all():
        raise like.wrong(f"that tree asks for more than the {len(args)} arguments here")
    return splits


CODINGS: Final[Mapping[str, Coding]] = {
    "const": Coding(("value",), out=_const_out, read=_const_in),
    "label": Coding(("label",), out=lambda d, _: {"label": label_out(d[0])}, read=_label_in),
    "input": Coding(
        ("input",), out=lambda d, _: {"input": d},
        read=lambda fields, _, place: fields["input"].whole(len(place.inputs)),
    ),
    "lin": Coding(("bias", "weights"), out=_lin_out, read=_lin_in),
    "squared_distance": Coding(("point", "weights"), out=_centre_out, read=_centre_in),
    "kth": Coding(("k",), out=lambda d, _: {"k": d}, read=_kth_in),
    "weighted_median": Coding(("weights",), out=_median_out, read=_median_in),
    "member": Coding(
        ("labels",), out=lambda d, _: {"labels": [label_out(x) for x in d]}, read=_member_in
    ),
    "table": Coding(("labels", "values", "default", "missing"), out=_table_out, read=_table_in),
    "piecewise": Coding(
        ("edges", "coefs", "missing"), ("origins", "right_closed"), _pieces_out, _pieces_in
    ),
    "tree": Coding(
        ("values",), (*shapes.REQUIRED, *shapes.OPTIONAL, "like"), _tree_out, _tree_in
    ),
}  # fmt: skip
NOTHING: Final = Coding()

REAL, BOOL, LABEL = Type.REAL, Type.BOOL, Type.LABEL
TAKES: Final[Mapping[str, tuple[tuple[Type, ...], ...]]] = {
    "equal": ((REAL, LABEL, BOOL),),
    "member": ((REAL, LABEL),),
    "missing": ((REAL, LABEL),),
    "table": ((REAL, LABEL),),
    "and": ((BOOL,),),
    "or": ((BOOL,),),
    "not": ((BOOL,),),
    "where": ((BOOL,), (REAL, LABEL, BOOL)),
}
"""The types of each argument, where they are not numbers; the last holds for all that follow."""
NUMBER: Final = ((REAL,),)
SAME: Final = {"equal": 0, "where": 1}
"""Operations whose arguments, from this one on, must be of one type."""


def arity(op: Op) -> tuple[int, int | float]:
    """Return the least and the most arguments that an operation takes, by its own function."""
    found = _ARITY.get(op)
    if found is None:
        kinds = [p.kind for p in inspect.signature(op.numpy).parameters.values()]
        many = inspect.Parameter.VAR_POSITIONAL in kinds
        least = 0 if op.name in ("lin", "tree", "squared_distance") else 1
        exact = len(kinds) - 1
        found = _ARITY[op] = (least, math.inf) if many else (exact, exact)
    return found


_ARITY: dict[Op, tuple[int, int | float]] = {}


def fault_in_args(op: Op, args: Sequence[Node]) -> str | None:
    """Return what is wrong with the arguments of an operation, or None."""
    least, most = arity(op)
    if not least <= len(args) <= most:
        wanted = f"{least}" if least == most else f"{least} or more"
        return f"{op.name!r} takes {wanted} arguments, not {len(args)}"
    takes = TAKES.get(op.name, NUMBER)
    for i, arg in enumerate(args):
        if arg.type not in takes[min(i, len(takes) - 1)]:
            return f"argument {i} of {op.name!r} is of the type {arg.type.value!r}"
    if op.name in SAME and len({a.type for a in args[SAME[op.name] :]}) > 1:
        return f"the arguments of {op.name!r} are of different types"
    return None


def type_of(op: Op, args: Sequence[Node], data: Any, inputs: Sequence[Feature]) -> Type:
    """Return the type of a node from its parts, so that files need not state it."""
    if op.name == "input":
        return inputs[int(data)].type
    if op.name == "where":
        return args[1].type
    if op.name == "const" and isinstance(data, bool):
        return BOOL
    return op.result


def op_called(spot: Spot) -> Op:
    """Return the operation of a name."""
    op = OPS.get(spot.text())
    if op is None:
        raise spot.wrong(
            f"there is no operation {spot.text()[:40]!a}",
            hint="The operations are: " + ", ".join(sorted(OPS)) + ".",
        )
    return op
