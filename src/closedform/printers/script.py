"""What differs between the languages of analysis: R, MATLAB, Julia and VBA."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closedform.ops.payloads import Splits, Tree
from closedform.printers import spell as s
from closedform.printers.program import comma
from closedform.printers.spell import (
    BREAK,
    Custom,
    Spelling,
    Written,
    call,
    comparison,
    infix,
    unbroken,
)

SPELL: Mapping[str, Spelling | Custom] = {
    **{name: call(name) for name in ("sign", "sigmoid", "softplus")},
    "round32": call("single"),
    "less": comparison("<"),
    "less_equal": comparison("<="),
    "mul": infix(" * ", s.PRODUCT, s.PRODUCT + 1),
    "div": infix(" / ", s.PRODUCT, s.PRODUCT + 1),
    "pick": Spelling(f"pick({{0}},{BREAK}{{1}},{BREAK}{{2}})"),
    "pick_text": Spelling(f"pick({{0}},{BREAK}{{1}},{BREAK}{{2}})"),
    "missing": call("missing"),
    "missing_text": call("missing_text"),
}
"""What most of them write alike."""


@dataclass(frozen=True)
class Script:
    """What differs between these languages.

    Attributes:
        target: the target's name.
        number, limit: a float as text; one that a tree compares with.
        text: a text as a constant.
        nothing: the missing label.
        truths: false and true.
        functions: what a function of one number is called; those not listed are lowered.
        spell: what is written otherwise than in `SPELL`.
        element: the i-th unit of a layer, counted from 0, from the layer's name and i.
        row: an array of some values.
        layer: the operations that take a whole layer at once.
        over: a call of such a function, made one of a whole layer.
        constant: a reference to a constant by its name.
        trees: what comes before the arguments of a function that walks trees.
        first: the position of the first element of an array.
        function: a function of numbers, from its name, its parameters and the lines of its body.
        branch: a test's lines: before the one outcome, between, and behind the other; None where
            a tree is nested calls.
        give: how a function gives its value, from its name and that value.
        look_up_text: what looks up a text rather than a number.
    """

    target: str
    number: Callable[[float], str]
    limit: Callable[[float], str]
    text: Callable[[str], str]
    nothing: str
    truths: tuple[str, str]
    functions: Mapping[str, str]
    spell: Mapping[str, Spelling | Custom]
    element: Callable[[str, int], str]
    row: Callable[[Sequence[str]], str]
    layer: frozenset[str]
    over: Callable[[str], str]
    constant: Callable[[str], str]
    trees: str
    first: int
    function: Callable[[str, Sequence[str], Sequence[str]], str]
    branch: Callable[[str], tuple[str, str, str]] | None
    give: Callable[[str, str], str] = lambda name, value: value
    look_up_text: str = "look_up"

    def label(self, value: Any) -> str:
        """Return a label as text; None is the missing one."""
        if value is None:
            return self.nothing
        return self.text(value) if isinstance(value, str) else self.limit(float(value))

    def truth(self, value: Any) -> str:
        """Return false or true."""
        return self.truths[bool(value)]

    def write(self, name: str, *args: Written) -> Written:
        """Return an operation whose spelling needs no node."""
        custom = {**SPELL, **self.spell}[name]
        assert isinstance(custom, Spelling), name
        return custom(args)

    def among(self, x: Written, wanted: Sequence[str], kind: str = "") -> Written:
        """Return whether a value is one of some."""
        if len(wanted) > 3:
            return self.write(f"member{kind}", x, Written(comma(wanted)))
        tests = [self.write(f"equal{kind}", x, Written(w)) for w in wanted]
        if len(tests) < 2:
            return tests[0] if tests else Written(self.truth(False))
        return self.write("or", *tests)

    def tree(self, name: str, parameters: list[str], tree: Tree, names: Mapping[int, str]) -> str:
        """Return a tree as the text of a function; see `python_trees.as_function`."""
        if self.branch is None:
            body = self._nested(tree, names)
        else:
            body = self._body(name, tree, names, self.branch)
        return self.function(name, parameters, body)

    def _body(
        self, function: str, tree: Tree, names: Mapping[int, str],
        branch: Callable[[str], tuple[str, str, str]],
    ) -> list[str]:  # fmt: skip
        """Return a tree as tests, each inside the one above it."""
        lines: list[str] = []
        stack: list[tuple[int | str, str]] = [(0, "    ")]
        while stack:
            i, indent = stack.pop()
            if isinstance(i, str):
                lines.append(indent + i)
            elif tree.splits.leaf[i]:
                value = self.number(float(tree.values[i]))
                lines.append(indent + self.give(function, value))
            else:
                test = self._split(tree.splits, i, names[int(tree.splits.feature[i])])
                head, between, end = branch(unbroken(test))
                below, inner = int(tree.splits.child[i]), indent + "    "
                lines.append(indent + head)
                stack += [(end, indent), (below + 1, inner), (between, indent), (below, inner)]
        return lines

    def _nested(self, tree: Tree, names: Mapping[int, str]) -> list[str]:
        """Return a tree as choices of columns, each inside the one above it."""
        lines: list[str] = []
        stack: list[tuple[int, str, str]] = [(0, "    ", "")]
        while stack:
            i, indent, end = stack.pop()
            if tree.splits.leaf[i]:
                lines.append(indent + self.number(float(tree.values[i])) + end)
            else:
                test = self._split(tree.splits, i, names[int(tree.splits.feature[i])])
                lines.append(f"{indent}pick({unbroken(test)},")
                below, inner = int(tree.splits.child[i]), indent + "    "
                stack += [(below + 1, inner, f"){end}"), (below, inner, ",")]
        return lines

    def _split(self, splits: Splits, i: int, x: str) -> str:
        if splits.member[i] >= 0:
            codes = splits.sets[splits.member[i]].nonzero()[0].tolist()
            test = self.among(Written(x), [str(float(c)) for c in codes])
        else:
            name = "less" if splits.below else "less_equal"
            limit = self.limit(float(splits.threshold[i]))
            test = self.write(name, Written(x), Written(limit))
        if not splits.missing_left[i]:
            return test.text
        return self.write("or", self.write("missing", Written(x)), test).text
