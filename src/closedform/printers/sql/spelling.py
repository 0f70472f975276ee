"""How each operation is written in SQL.

Missing is NULL, and a comparison with NULL is neither true nor false: as the condition of a CASE it
counts as false, which is what it means here. So a comparison stands nowhere else, and what is
negated is its opposite or a missing side, or a CASE of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Interval, Node, Type
from closedform.ops.payloads import Splits, Tree
from closedform.printers import spell as s
from closedform.printers.label_codes import LabelCodes
from closedform.printers.spell import BREAK, Custom, Speller, Spelling, Written, call, comparison
from closedform.printers.sql.dialects import Dialect
from closedform.printers.sql.guards import is_known_or_missing

NOTHING = Written("NULL")
"""What is missing, in a CASE whose other branches tell of which type it is."""
NEVER_TRUE, ALWAYS_TRUE = Written("1 = 0", s.COMPARE), Written("1 = 1", s.COMPARE)
MOST_LISTED = 900
"""So many values stand in one IN (…); Oracle takes 1,000."""


class Writer:
    """The spellings of one formula in one dialect."""

    def __init__(self, formula: Formula, dialect: Dialect, ranges: Mapping[Node, Interval]) -> None:
        """Know the formula's labels.

        Args:
            formula: what is written.
            dialect: in which dialect.
            ranges: the range of each node, `missing` where it may be NULL.
        """
        self.formula, self.dialect, self.ranges = formula, dialect, ranges
        self.codes = LabelCodes(formula)
        self.codes.require_one_type()
        self.flags = _flags(formula)
        self.parts = 0

    def table(self) -> dict[str, Spelling | Custom]:
        """Return how each operation is written."""
        functions = {name: call(text) for name, text in self.dialect.functions.items()}
        own = {name: partial(custom, self) for name, custom in OWN.items()}
        return {**SPELL, **functions, **own}

    def label(self, value: Any) -> str:
        """Return a category or class; those that are numbers or truths are numbers."""
        if value is None:
            return "NULL"
        if isinstance(value, str):
            return self.dialect.literal(value)
        whole = float(value).is_integer() and abs(value) < 2**53
        return str(int(value)) if whole else self.dialect.number(float(value))

    def _const(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if n.type is Type.BOOL:
            return ALWAYS_TRUE if n.data else NEVER_TRUE
        return speller.number(n.data)

    def _where(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        condition, a, b = args
        if n in self.flags:
            a, b = Written("1"), Written("0")
        elif _is_nothing(n.args[1]) and not _is_nothing(n.args[2]):
            a = NOTHING
        elif _is_nothing(n.args[2]) and not _is_nothing(n.args[1]):
            b = NOTHING
        rest = f"ELSE {b.text}{BREAK}END"
        if n.args[2].op is ops.WHERE and b.text.startswith(f"CASE{BREAK}"):
            rest = b.text.removeprefix(f"CASE{BREAK}")
        return Written(f"CASE{BREAK}WHEN {condition.text} THEN {a.text}{BREAK}{rest}")

    def _not(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        inner = n.args[0]
        if inner.op is ops.ABSENT:
            return Written(args[0].text.removesuffix(" IS NULL") + " IS NOT NULL", s.COMPARE)
        if is_known_or_missing(inner):
            return self._member(speller, inner.args[0], [speller.done[inner.args[0].args[0]]], True)
        opposite = self._opposite(speller, inner, [speller.done[a] for a in inner.args])
        return opposite or Written(f"CASE WHEN {args[0].text} THEN 0 ELSE 1 END = 1", s.COMPARE)

    def _opposite(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written | None:
        """Return the opposite of a comparison of columns or numbers: true where one is missing."""
        columns = dict.fromkeys(
            x.text for a, x in zip(n.args, args, strict=True) if not _is_certain(a)
        )
        if n.op not in OPPOSITE or not all(_NAME.fullmatch(x) for x in columns):
            return None
        if n.op is ops.MEMBER:
            test = self._member(speller, n, args, turned=True)
        else:
            test = comparison(OPPOSITE[n.op])(args)
        tests = [test.at(s.AND), *(f"{x} IS NULL" for x in columns)]
        return Written(f"{BREAK}OR ".join(tests), s.OR if len(tests) > 1 else test.level)

    def _compared(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if any(a.op is ops.LABEL and a.data[0] is None for a in n.args):
            return NEVER_TRUE
        if n.args[0] in self.flags:
            return Written(f"{args[0].at(s.COMPARE + 1)} = {n.args[1].data:.0f}", s.COMPARE)
        return comparison(SIGNS[n.op.name])(args)

    def _member(
        self, speller: Speller, n: Node, args: Sequence[Written], turned: bool = False
    ) -> Written:
        if n.args[0].type is Type.REAL:
            values = [float(v) for v in n.data if v is not None and v == v]
            texts = [self.dialect.number(v) for v in dict.fromkeys(values)]
        else:
            texts = [self.label(v) for v in dict.fromkeys(n.data) if v is not None]
        return _among(args[0].at(s.COMPARE + 1), texts, turned)

    def _missing(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        return Written(f"{args[0].at(s.COMPARE + 1)} IS NULL", s.COMPARE)

    def _power(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        b = n.args[1].data if n.args[1].op is ops.CONST else None
        if b == 2:
            return _multiply(speller, n, [args[0], args[0]])
        if b == 0.5:
            return Written(f"{self.dialect.functions['sqrt']}({args[0].text})")
        if b == 0:
            return speller.number(1.0)
        power = call("POWER")(args)
        if "pow" in self.dialect.guards or b is not None:
            return power
        one = speller.number(1.0).text
        zero = speller.number(0.0).text
        a, b_text = args[0].at(s.COMPARE + 1), args[1].at(s.COMPARE + 1)
        return Written(
            f"CASE WHEN {a} = {one} OR {b_text} = {zero} THEN {one} ELSE {power.text} END"
        )

    def _round32(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        return Written(f"CAST({self._single(args[0].text)} AS {self.dialect.double})")

    def _single(self, text: str) -> str:
        return f"CAST({text} AS {self.dialect.single})"

    def _sum32(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        terms = [self._single(a.text) for a in args]
        if self.dialect.sums_single:
            total = f"{BREAK}+ ".join(terms)
        else:
            total = terms[0]
            for term in terms[1:]:
                total = self._single(f"{total}{BREAK}+ {term}")
        return Written(f"CAST({total} AS {self.dialect.double})")

    def _extreme(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        least = n.op is ops.MIN
        name = self.dialect.extremes[0 if least else 1]
        if not name:
            return self._greatest_by_comparison("<" if least else ">", args)
        found = f"{name}({(',' + BREAK).join(a.text for a in args)})"
        absent = [
            f"{a.at(s.COMPARE + 1)} IS NULL"
            for a, x in zip(args, n.args, strict=True)
            if self.dialect.ignores and self.ranges[x].missing
        ]
        if not absent:
            return Written(found)
        test = f"{BREAK}OR ".join(dict.fromkeys(absent))
        return Written(f"CASE{BREAK}WHEN {test} THEN NULL{BREAK}ELSE {found}{BREAK}END")

    def _greatest_by_comparison(self, sign: str, args: Sequence[Written]) -> Written:
        """Return one test for each but the last: it is the first that no other one exceeds."""
        texts = list(dict.fromkeys(a.at(s.COMPARE + 1) for a in args))
        if len(texts) == 1:
            return args[0]
        whens = []
        for i, a in enumerate(texts):
            tests = f"{BREAK}AND ".join(f"{a} {sign}= {b}" for b in texts if b is not texts[i])
            whens.append(f"WHEN {tests} THEN {a}")
        return Written(f"CASE{BREAK}{BREAK.join(whens)}{BREAK}END")

    def _lookup(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        data, x = n.data, args[0].at(s.COMPARE + 1)
        numbers = n.args[0].type is Type.REAL
        number = self.dialect.number
        by_value: dict[str, list[str]] = {}
        for label, value in zip(data.labels, data.values.tolist(), strict=True):
            key = number(float(label)) if numbers else self.label(label)
            by_value.setdefault(number(value), []).append(key)
        whens = [f"WHEN {_among(x, keys).text} THEN {v}" for v, keys in by_value.items()]
        if number(data.missing) != number(data.default):
            whens.append(f"WHEN {x} IS NULL THEN {number(data.missing)}")
        if not whens:
            return speller.number(data.default)
        body = BREAK.join(whens)
        return Written(f"CASE{BREAK}{body}{BREAK}ELSE {number(data.default)}{BREAK}END")

    def _piecewise(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        pieces, x = n.data, args[0]
        sign = "<=" if pieces.right_closed else "<"
        absent = "NULL" if pieces.missing != pieces.missing else self.dialect.number(pieces.missing)
        whens = [f"WHEN {x.text} IS NULL THEN {absent}"]
        edges = pieces.edges.tolist()
        for i, edge in enumerate(edges):
            if edge in edges[:i][-1:]:
                continue  # nothing lies between an edge and itself
            test = self._limit(x.text, sign, edge)
            whens.append(f"WHEN {test} THEN {self._polynomial(speller, n, i, x)}")
        rest = self._polynomial(speller, n, len(pieces.edges), x)
        return Written(f"CASE{BREAK}{BREAK.join(whens)}{BREAK}ELSE {rest}{BREAK}END")

    def _polynomial(self, speller: Speller, n: Node, i: int, x: Written) -> str:
        coefs, origin = n.data.coefs[i].tolist(), float(n.data.origins[i])
        away = x
        if origin:
            away = speller.sum(ops.lin(-origin, (1, n.args[0])), [x])
        out = speller.number(coefs[-1])
        for c in coefs[-2::-1]:
            term = _multiply(speller, n, [out, away])
            out = speller.sum(ops.lin(c, (1, n.args[0])), [term])
        return out.text

    def _limit(self, x: str, sign: str, limit: float) -> str:
        return f"{x} {sign} {self.dialect.number(limit)}"

    def _tree(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        names = [a.text for a in args]
        todo, made = [(0, "")], []
        for root, name in todo:
            lines = self._case(n.data, root, names, todo, self.dialect.nesting)
            made.append((name, lines))
        for name, text in reversed(made[1:]):
            speller.lines.append((name, text, n))
        return Written(made[0][1])

    def _case(
        self, tree: Tree, i: int, names: Sequence[str], todo: list[tuple[int, str]], room: int
    ) -> str:
        """Return the subtree below a node; what is nested too deep becomes a value of its own."""
        splits, whens = tree.splits, []
        while not splits.leaf[i]:
            # A missing value fails every test: it goes where the ELSE is.
            turned = bool(splits.missing_left[i])
            test = self._split(splits, i, names[splits.feature[i]], turned)
            here, i = int(splits.child[i]) + turned, int(splits.child[i]) + (not turned)
            if splits.leaf[here]:
                value = self.dialect.number(float(tree.values[here]))
            elif room > 1:
                value = self._case(tree, here, names, todo, room - 1)
            else:
                self.parts += 1
                value = f"part_{self.parts}"
                todo.append((here, value))
            whens.append(f"WHEN {test} THEN {value}")
        rest = self.dialect.number(float(tree.values[i]))
        return f"CASE{BREAK}{BREAK.join(whens)}{BREAK}ELSE {rest}{BREAK}END" if whens else rest

    def _split(self, splits: Splits, i: int, x: str, turned: bool) -> str:
        """Return the test for the left branch, or for the right one; NULL passes neither."""
        if splits.member[i] >= 0:
            codes = splits.sets[splits.member[i]].nonzero()[0].tolist()
            listed = [self.dialect.number(float(c)) for c in codes]
            return _among(x, listed, turned).text
        signs = (">=", "<") if splits.below else (">", "<=")
        return self._limit(x, signs[0 if turned else 1], float(splits.threshold[i]))


def _among(x: str, values: Sequence[str], turned: bool = False) -> Written:
    """Return whether x is one of some values, or, `turned`, known and none of them."""
    if not values:
        return Written(f"{x} IS NOT NULL", s.COMPARE) if turned else NEVER_TRUE
    if len(values) < 2:
        return Written(f"{x} {'<>' if turned else '='} {values[0]}", s.COMPARE)
    chunks = [values[i : i + MOST_LISTED] for i in range(0, len(values), MOST_LISTED)]
    word, joined = ("NOT IN", "AND ") if turned else ("IN", "OR ")
    tests = [f"{x} {word} ({(',' + BREAK).join(chunk)})" for chunk in chunks]
    several = s.AND if turned else s.OR
    return Written(f"{BREAK}{joined}".join(tests), s.COMPARE if len(tests) == 1 else several)


def _is_certain(n: Node) -> bool:
    """Tell whether n is a number or a label that every engine has."""
    if n.op is ops.LABEL:
        return n.data[0] is not None
    return n.op is ops.CONST and abs(n.data) < float("inf")


def _is_nothing(n: Node) -> bool:
    return n.op is ops.CONST and n.data != n.data


def _flags(formula: Formula) -> set[Node]:
    """Return the values that are 1 or 0, and are only asked which of the two they are."""
    one, zero = ops.const(1), ops.const(0)
    order = formula.nodes
    found = {n for n in order if n.op is ops.WHERE and n.args[1] is one and n.args[2] is zero}
    for n in order:
        if n.op is not ops.EQUAL or n.args[1] not in (one, zero):
            found.difference_update(n.args)
    return found.difference(formula.roots)


def _multiply(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return Written(" * ".join(a.at(s.PRODUCT + (i > 0)) for i, a in enumerate(args)), s.PRODUCT)


SIGNS = {"less": "<", "less_equal": "<=", "equal": "="}
OPPOSITE = {ops.LESS: ">=", ops.LESS_EQUAL: ">", ops.EQUAL: "<>", ops.MEMBER: "NOT IN"}
_NAME = re.compile(r"[a-z_][a-z0-9_]*")

SPELL: Mapping[str, Spelling | Custom] = {
    "mul": _multiply,
    "div": s.infix(" / ", s.PRODUCT, s.PRODUCT + 1),
    "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "AND "),
    "or": Spelling(level=s.OR, needs=(s.AND + 1,), join=BREAK + "OR "),
}

OWN: Mapping[str, Callable[[Writer, Speller, Node, Sequence[Written]], Written]] = {
    "const": Writer._const,
    "where": Writer._where,
    "not": Writer._not,
    "less": Writer._compared,
    "less_equal": Writer._compared,
    "equal": Writer._compared,
    "member": Writer._member,
    "missing": Writer._missing,
    "pow": Writer._power,
    "round32": Writer._round32,
    "sum32": Writer._sum32,
    "min": Writer._extreme,
    "max": Writer._extreme,
    "table": Writer._lookup,
    "piecewise": Writer._piecewise,
    "tree": Writer._tree,
}
"""Operations that are written with what a `Writer` knows of the formula and the dialect."""


def spelled(dialect: Dialect) -> set[str]:
    """Return the operations that need not be lowered."""
    found = {"lin", "label", *SPELL, *OWN, *dialect.functions}
    return found if dialect.single else found - {"round32"}


def require_single(formula: Formula, dialect: Dialect) -> None:
    """Raise where sums in float32 are asked of an engine that has doubles alone.

    Raises:
        UnsupportedTarget: it has no type for them.
    """
    if not dialect.single and any(n.op is ops.SUM32 for n in formula.nodes):
        raise UnsupportedTarget(
            f"{dialect.title} has no single precision, and the formula adds in it (sum32), as "
            "XGBoost does.",
            hint="Add in doubles instead, with a proven bound on how far that moves the sum: "
            "closedform.passes.double_sums.double_sums(formula).",
        )
