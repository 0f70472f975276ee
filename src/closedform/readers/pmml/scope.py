"""Names in a PMML file and what they stand for, computed when somebody first asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from closedform.readers.pmml.document import Element
from closedform.readers.pmml.values import Value, absent
from closedform.readers.reading import Reading

MOST_WORK = 20_000_000
"""Expressions and predicates that are read: a minute."""

MOST_CALLED = 5_000
"""Calls of functions that the file defines: some seconds."""

Make = Callable[[], Value]


@dataclass
class Work:
    """What all parts of one file share.

    Attributes:
        reading: the inputs and the problems met.
        functions: the DefineFunction elements, by name.
        definitions: the DerivedField elements, by name.
        single: whether the model at hand adds in float32 (JPMML's x-mathContext).
        shared: the DerivedField elements of the TransformationDictionary.
        done: how many expressions have been read.
        calls: how many functions of the file have been called.
    """

    reading: Reading
    functions: dict[str, Element] = field(default_factory=dict)
    definitions: dict[str, Element] = field(default_factory=dict)
    shared: list[Element] = field(default_factory=list)
    single: bool = False
    done: int = 0
    calls: int = 0

    def spend(self, parts: int = 1) -> None:
        """Count expressions that are read.

        Raises:
            ValueError: they are too many to be meant.
        """
        self.done += parts
        if self.done > MOST_WORK:
            raise ValueError(f"more than {MOST_WORK:,} expressions")

    def call(self) -> None:
        """Count a call of a function that the file defines; raises as `spend` does."""
        self.calls += 1
        if self.calls > MOST_CALLED:
            raise ValueError(f"more than {MOST_CALLED:,} calls of functions")

    def refuse(self, what: str, hint: str, dtype: str = "double") -> Value:
        """Note a problem, and return what stands for the value."""
        self.reading.problem(what, hint)
        return absent(dtype)


class Scope:
    """The fields that a model or a function sees: its own, and those of what it stands in."""

    def __init__(self, work: Work, outer: Scope | None = None) -> None:
        """Open a scope within another one."""
        self.work = work
        self.outer = outer
        self.known: dict[str, Value] = {}
        self.pending: dict[str, tuple[tuple[str, ...], Make]] = {}

    def define(self, name: str, value: Value) -> None:
        """Give a field a value."""
        self.known[name] = value

    def later(self, name: str, needs: Iterable[str], make: Make) -> None:
        """Say how a field is computed, and from which ones, for when it is asked for.

        Raises:
            ValueError: the name is taken.
        """
        if name in self.pending:
            raise ValueError(f"two fields {name!r}")
        self.pending[name] = (tuple(needs), make)

    def value(self, name: str) -> Value:
        """Return the value of a field; those that it is made of are computed first.

        Raises:
            KeyError: there is no such field.
            ValueError: it is made of itself.
        """
        todo, begun = [name], set[str]()
        while todo:
            now = todo[-1]
            if now in self.known or now not in self.pending:
                todo.pop()
                continue
            needs, make = self.pending[now]
            if now in needs:
                raise ValueError(f"the field {now!r} is made of itself")
            below = [n for n in needs if n in self.pending and n not in self.known]
            if not below:
                self.known[now] = make()
                todo.pop()
            elif now in begun:
                raise ValueError(f"the field {now!r} is made of itself")
            else:
                begun.add(now)
                todo += below
        return self._found(name)

    def _found(self, name: str) -> Value:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.known:
                return scope.known[name]
            if name in scope.pending:
                return scope.value(name)
            scope = scope.outer
        raise KeyError(f"no field {name!r}")

    def has(self, name: str) -> bool:
        """Tell whether there is a field of that name."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.known or name in scope.pending:
                return True
            scope = scope.outer
        return False

    def state(self) -> list[tuple[Scope, dict[str, Value]]]:
        """Return what is known by now here and in what this scope stands in."""
        made = []
        scope: Scope | None = self
        while scope is not None:
            made.append((scope, dict(scope.known)))
            scope = scope.outer
        return made

    def inner(self) -> Scope:
        """Return a scope within this one."""
        return Scope(self.work, self)
