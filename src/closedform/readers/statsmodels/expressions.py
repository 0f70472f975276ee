"""The Python code of one factor of a model formula, as nodes; it is parsed and never run."""

from __future__ import annotations

import ast
import builtins
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from closedform import ops
from closedform.ir import Node, Type

Values = dict[ast.AST, Any]


@dataclass(frozen=True)
class Unreadable:
    """A piece of code without a formula, and what is known about it."""

    what: str


@dataclass(frozen=True)
class Method:
    """A method of a column, before it is called."""

    of: Node
    name: str


@dataclass(frozen=True)
class Stateful:
    """A transform that has learned something in training; `state` is what."""

    kind: str
    state: Any


@dataclass(frozen=True)
class Frame:
    """What is known of the training data.

    Attributes:
        columns: their names; None where they are not known.
        truths: those that hold truths.
        narrow: those of which NumPy computes functions in fewer bits than 64, and the type.
    """

    columns: frozenset[str] | None = None
    truths: frozenset[str] = frozenset()
    narrow: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """What the names in a piece of code stand for.

    Attributes:
        frame: the training data.
        objects: what the user's program, or the package, knows by name.
        nodes: the formula's inputs, by the name of the column.
        transforms: the stateful transforms, by name or by their whole call.
        aliases: what a name in the code is called in the data.
        functions: how to call what the code calls; see `functions.called`.
        as_labels: turns a column into one of text.
    """

    frame: Frame
    objects: Mapping[str, Any]
    nodes: Mapping[str, Node] = field(default_factory=dict)
    transforms: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    functions: Callable[[Call], Any] = lambda call: call.unreadable
    as_labels: Callable[[Node], Node] = lambda x: x

    def is_column(self, name: str) -> bool:
        """Tell whether a name is one of the data, which come before everything else."""
        name = self.aliases.get(name, name)
        if name in self.transforms:
            return False
        if self.frame.columns is not None and name in self.frame.columns:
            return True
        return name not in self.objects and not hasattr(builtins, name)


@dataclass(frozen=True)
class Call:
    """A call in the code, its arguments already read.

    Attributes:
        target: the function, as an object; a Method or a Stateful.
        args, options: the arguments.
        code: the call itself.
        scope: where it stands.
    """

    target: Any
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    code: ast.AST
    scope: Scope

    @property
    def unreadable(self) -> Unreadable:
        """What stands for a call without a formula."""
        return Unreadable(spelled(self.code))


def parsed(code: str) -> ast.expr | None:
    """Return code as a tree; None where it is no expression."""
    try:
        return ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def columns_read(code: str, scope: Scope) -> list[str]:
    """Return the names of the columns that a piece of code reads, in order."""
    tree = parsed(code)
    found = [] if tree is None else sorted(_columns_in(tree, scope))
    return list(dict.fromkeys(name for _, name in found))


def _columns_in(tree: ast.AST, scope: Scope) -> Iterator[tuple[tuple[int, int], str]]:
    for n in ast.walk(tree):
        if isinstance(n, ast.Name) and scope.is_column(n.id):
            yield (n.lineno, n.col_offset), scope.aliases.get(n.id, n.id)
        elif isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "Q":
            quoted = n.args[0] if n.args else None
            if isinstance(quoted, ast.Constant) and not scope.is_column("Q"):
                yield (n.lineno, n.col_offset), str(quoted.value)


def value_of(code: str, scope: Scope) -> Any:
    """Return what a piece of code is: a node, a basis, a plain value, or Unreadable."""
    tree = parsed(code)
    if tree is None:
        return Unreadable(f"{code!r}, which is no Python expression")
    values: Values = {}
    for n in _arguments_first(tree):
        rule = RULES.get(type(n))
        values[n] = Unreadable(spelled(n)) if rule is None else rule(n, values, scope)
    return values[tree]


def _arguments_first(tree: ast.AST) -> list[ast.AST]:
    """Return the nodes of a tree, those below before those above: sums may be 5,000 deep."""
    order, stack = [], [tree]
    while stack:
        n = stack.pop()
        order.append(n)
        stack += [c for c in ast.iter_child_nodes(n) if isinstance(c, ast.expr | ast.keyword)]
    return order[::-1]


# --- rules --------------------------------------------------------------------------------------


def _constant(n: Any, values: Values, scope: Scope) -> Any:
    return n.value


def _name(n: Any, values: Values, scope: Scope) -> Any:
    name = scope.aliases.get(n.id, n.id)
    if n.id in scope.transforms:
        return scope.transforms[n.id]
    if scope.is_column(n.id):
        found = scope.nodes.get(name)
        return Unreadable(f"the column {name!r}") if found is None else column(name, found, scope)
    return scope.objects[n.id] if n.id in scope.objects else getattr(builtins, n.id)


def column(name: str, n: Node, scope: Scope) -> Node:
    """Return a column of the data: of truths, a condition."""
    return ops.less(ops.const(0.0), n) if name in scope.frame.truths else n


def _attribute(n: Any, values: Values, scope: Scope) -> Any:
    of = values[n.value]
    if isinstance(of, ModuleType):
        return vars(of).get(n.attr, Unreadable(spelled(n)))
    if isinstance(of, Node):
        return Method(of, n.attr)
    if isinstance(of, Stateful) and n.attr == "transform":
        return of
    return of if isinstance(of, Unreadable) else Unreadable(spelled(n))


def _keyword(n: Any, values: Values, scope: Scope) -> Any:
    return values[n.value]


def _sequence(n: Any, values: Values, scope: Scope) -> Any:
    items = [values[e] for e in n.elts]
    return next((v for v in items if isinstance(v, Unreadable)), items)


def _mapping(n: Any, values: Values, scope: Scope) -> Any:
    if None in n.keys:
        return Unreadable(spelled(n))
    pairs = {_key(values[k]): values[v] for k, v in zip(n.keys, n.values, strict=True)}
    bad = next((v for v in (*pairs, *pairs.values()) if isinstance(v, Unreadable)), None)
    return pairs if bad is None else bad


def _key(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else Unreadable("a key of a dict")


def _call(n: Any, values: Values, scope: Scope) -> Any:
    target = values[n.func]
    if getattr(target, "__is_stateful_transform__", False):  # formulaic's, known by its whole call
        target = scope.transforms.get(spelled(n).strip("`"), target)
    starred = any(isinstance(a, ast.Starred) for a in n.args)
    if starred or any(k.arg is None for k in n.keywords):
        return Unreadable(spelled(n))
    args = tuple(values[a] for a in n.args)
    options = {k.arg: values[k] for k in n.keywords}
    return scope.functions(Call(target, args, options, n, scope))


def number(value: Any) -> Node | Unreadable:
    """Return a value as a number: truths are 0 and 1."""
    if isinstance(value, Node):
        if value.type is Type.REAL:
            return value
        if value.type is Type.BOOL:
            return ops.where(value, ops.const(1.0), ops.const(0.0))
        return Unreadable("arithmetic with text")
    if is_number(value):
        return ops.const(float(value))
    return value if isinstance(value, Unreadable) else Unreadable(f"a {type(value).__name__}")


def is_number(value: Any) -> bool:
    """Tell whether a value is one number, of Python or NumPy."""
    return getattr(value, "ndim", 0) == 0 and isinstance(value, int | float | _numpy_numbers())


def _numpy_numbers() -> Any:
    import numpy as np

    return np.integer | np.floating | np.bool_


def truth(value: Any) -> Node | Unreadable:
    """Return a value as a condition."""
    if isinstance(value, Node) and value.type is Type.BOOL:
        return value
    return value if isinstance(value, Unreadable) else Unreadable("a number taken for a truth")


Arithmetic = Callable[[Node, Node], Node]


def _power(a: Node, b: Node) -> Node:
    """Return a to the power of b; small whole powers as products, as NumPy squares."""
    if b.op is ops.CONST and b.data in (1.0, 2.0, 3.0, 4.0):
        return ops.mul(*[a] * int(b.data))
    return ops.sqrt(a) if b.op is ops.CONST and b.data == 0.5 else ops.power(a, b)


def _floor_divide(a: Node, b: Node) -> Node:
    """Return the greatest whole number q with b·q ≤ a, for a whole b > 0."""
    quotient = ops.unary("floor", ops.div(a, b))
    # 9 − 2e-15 over 3 is 3 in floats, and NumPy's answer is 2.
    beyond = ops.less(ops.lin(0, (1, a), (-b.data, quotient)), ops.const(0.0))
    return ops.where(beyond, ops.lin(-1, (1, quotient)), quotient)


def floor_divided(a: Any, b: Any, code: ast.AST) -> Any:
    """Return a // b for whole constants b > 0, where it can be computed exactly."""
    if not is_number(b) or not 0 < b < math.inf or b != int(b):
        return Unreadable(f"{spelled(code)}, which is known for whole positive divisors alone")
    return combined(_floor_divide, a, b)


def remainder(a: Any, b: Any, code: ast.AST) -> Any:
    """Return a % b for whole constants b > 0."""
    quotient = floor_divided(a, b, code)
    if not isinstance(quotient, Node):
        return quotient
    return combined(lambda x, q: ops.lin(0, (1, x), (-float(b), q)), a, quotient)


def combined(rule: Arithmetic, a: Any, b: Any) -> Node | Unreadable:
    """Return an operation on two numbers, if both are."""
    left, right = number(a), number(b)
    if isinstance(left, Unreadable):
        return left
    return right if isinstance(right, Unreadable) else rule(left, right)


ARITHMETIC: dict[type, tuple[Arithmetic, Callable[[Any, Any], Any]]] = {
    ast.Add: (lambda a, b: ops.lin(0, (1, a), (1, b)), operator.add),
    ast.Sub: (lambda a, b: ops.lin(0, (1, a), (-1, b)), operator.sub),
    ast.Mult: (ops.mul, operator.mul),
    ast.Div: (ops.div, operator.truediv),
    ast.Pow: (_power, lambda a, b: float(a) ** float(b)),
}
TRUTHS: dict[type, Callable[..., Node]] = {
    ast.BitAnd: ops.both,
    ast.BitOr: ops.either,
    # NumPy adds truths to a truth, and multiplies them to one.
    ast.Add: ops.either,
    ast.Mult: ops.both,
}


def _binary(n: Any, values: Values, scope: Scope) -> Any:
    return binary(type(n.op), values[n.left], values[n.right], n)


def spelled(code: ast.AST) -> str:
    """Return code as text, where it is not too long to be read."""
    try:
        return f"`{ast.unparse(code)}`"
    except RecursionError:
        return "a very long expression"


def binary(kind: type, a: Any, b: Any, code: ast.AST) -> Any:
    """Return what an operator makes of two values; `code` is what says so."""
    if all(isinstance(v, Node) and v.type is Type.BOOL for v in (a, b)) and kind in TRUTHS:
        return TRUTHS[kind](a, b)
    if kind is ast.FloorDiv:
        return floor_divided(a, b, code)
    if kind is ast.Mod:
        return remainder(a, b, code)
    if kind not in ARITHMETIC:
        return Unreadable(spelled(code))
    on_nodes, on_numbers = ARITHMETIC[kind]
    if is_number(a) and is_number(b):
        return _tried(on_numbers, a, b, code)
    return combined(on_nodes, a, b)


def _tried(rule: Callable[[Any, Any], Any], a: Any, b: Any, code: ast.AST) -> Any:
    try:
        return rule(a, b)
    except (ArithmeticError, TypeError, ValueError):
        return Unreadable(spelled(code))


def _unary(n: Any, values: Values, scope: Scope) -> Any:
    value = values[n.operand]
    if isinstance(value, Unreadable):
        return value
    if isinstance(n.op, ast.Invert):
        found = truth(value)
        return found if isinstance(found, Unreadable) else ops.negate(found)
    if not isinstance(n.op, ast.USub | ast.UAdd):
        return Unreadable(spelled(n))
    sign = -1.0 if isinstance(n.op, ast.USub) else 1.0
    if is_number(value):
        return value if sign > 0 else -value
    found = number(value)
    return found if isinstance(found, Unreadable) else ops.lin(0, (sign, found))


COMPARISONS: dict[type, Callable[[Node, Node], Node]] = {
    ast.Lt: ops.less,
    ast.LtE: ops.less_equal,
    ast.Gt: lambda a, b: ops.less(b, a),
    ast.GtE: lambda a, b: ops.less_equal(b, a),
    ast.Eq: ops.equal,
    ast.NotEq: lambda a, b: ops.negate(ops.equal(a, b)),
}


def _compare(n: Any, values: Values, scope: Scope) -> Any:
    if len(n.ops) > 1:
        return Unreadable(spelled(n))
    kind, a, b = type(n.ops[0]), values[n.left], values[n.comparators[0]]
    if kind not in COMPARISONS:
        return Unreadable(spelled(n))
    if isinstance(a, str) or isinstance(b, str):
        same = _same_text(kind, a, b, scope)
        return Unreadable(spelled(n)) if same is None else same
    return combined(COMPARISONS[kind], a, b)


def _same_text(kind: type, a: Any, b: Any, scope: Scope) -> Node | None:
    """Return whether a column is a text, or is not; a missing one is not."""
    x, label = (b, a) if isinstance(a, str) else (a, b)
    if kind not in (ast.Eq, ast.NotEq) or not isinstance(x, Node) or x.type is Type.BOOL:
        return None
    same = ops.member(scope.as_labels(x), [label])
    return same if kind is ast.Eq else ops.negate(same)


RULES: dict[type, Callable[[Any, Values, Scope], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.keyword: _keyword,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _mapping,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
}
"""What each kind of Python expression is; every other kind is unreadable."""
