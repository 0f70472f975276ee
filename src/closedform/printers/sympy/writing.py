"""SymPy: expressions for algebra. Print to it, never compute in it: a network takes seconds.

What an expression cannot say is missing: it holds where no value is missing. Nothing is parsed
and nothing is simplified, so that a feature may be called N, I, E, S or lambda.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from closedform import ops
from closedform.errors import BadInput, MissingExtra, UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.ops.named import Named, named
from closedform.ops.payloads import Splits
from closedform.passes.lower import lower
from closedform.printers.spell import names_for
from closedform.printers.sympy.cases import expanded, too_much
from closedform.printers.sympy.text import module

EXPANDED = 5_000
"""Operations up to which one expression is built; a 15-60-60-1 network has 119,000 of them, which
takes 1.3 s to build and 6 s to print, but 9,000 as steps."""

FORMS = ("auto", "expression", "steps")

NEVER = {
    "round32": "SymPy has no rounding to float32 (`read` moves it out of trees by an exact pass)",
    "sum32": "SymPy has no sum in float32 (closedform.passes.double_sums makes it an ordinary one)",
}
"""Operations that have no spelling, each with its reason."""

Expr = Any
Rule = Callable[..., Expr]


class Steps(NamedTuple):
    """A large formula: shared values, then the outputs that use them, as `sympy.cse` gives them.

    Attributes:
        steps: (symbol, expression) pairs in a working order.
        result: the output's expression, or output name → expression.
    """

    steps: list[tuple[Expr, Expr]]
    result: Expr | dict[str, Expr]


def write(
    formula: Formula, *, output: str | None = None, form: str = "auto", as_text: bool = False
) -> Expr | dict[str, Expr] | Steps | str:
    """Return the formula as SymPy objects.

    Numbers are real symbols of the feature's own name (`Symbol('N', real=True)`; a second feature
    of that name is `N_2`), labels are plain symbols, and so is each category: `Eq(sex, F)`. Give
    categories numbers to compute with them: `expression.subs({Symbol('F'): 0, Symbol('M'): 1})`.
    Numbers are Floats of 17 digits, which read back as the same floats. The expression holds
    where nothing is missing; rows that the model refuses are not told apart.

    Args:
        formula: what to write.
        output: the name of one output; default: all of them.
        form: "expression" for whole expressions; "steps" for a `Steps` with shared values apart;
            "auto" for steps above 5,000 operations.
        as_text: whether to return the text of a Python module that builds the same objects.

    Returns:
        An expression where there is one output, a dict of them by output name where there are
        more; in the form "steps", a `Steps` that holds one or the other.

    Raises:
        MissingExtra: SymPy is not installed.
        UnsupportedTarget: operations that SymPy cannot express.
        BadInput: there is no such output or form.
    """
    if form not in FORMS:
        raise BadInput(f"There is no form {form!r}.", hint="Choose one of: " + ", ".join(FORMS))
    if output is not None and output not in list(formula.outputs):
        listed = ", ".join(formula.outputs)
        raise BadInput(f"There is no output {output!r}.", hint=f"The outputs are: {listed}.")
    part = formula if output is None else formula.only(output)
    ready = lower(_allowed(part), RULES, target="sympy")
    tested = too_much(ready.roots)
    if tested and form == "expression":
        raise UnsupportedTarget(
            "As one expression, SymPy would multiply out the cases of what the formula tests.",
            hint="Use form='steps', or print another output: output=….",
        )
    large = bool(tested) or expanded(ready.roots) > EXPANDED
    steps = form == "steps" or (form == "auto" and large)
    found = _built(ready, steps, tested)
    if as_text:
        return module(part, found.steps if steps else None, found.result)
    return found if steps else found.result


def _allowed(formula: Formula) -> Formula:
    stuck = sorted({n.op.name for n in formula.nodes} & set(NEVER))
    if stuck:
        raise UnsupportedTarget(
            "sympy cannot spell " + "; ".join(f"{name}: {NEVER[name]}" for name in stuck) + ".",
            hint="Use the target numpy or python, or print another output: formula.only(…).",
        )
    return formula


def _built(formula: Formula, steps: bool, tested: Sequence[Node]) -> Steps:
    builder = _Builder(formula)
    if steps:
        chosen = names_for(formula, formula.roots, own={})
        more = [n for n in tested if n not in chosen]
        chosen |= {n: f"t{k}" for k, n in enumerate(more, 1)}
        builder.name({n: name for n, name in chosen.items() if n.type is not Type.BOOL})
    outputs = builder.build(formula.roots)
    found = dict(zip(formula.outputs, outputs, strict=True))
    return Steps(builder.steps, outputs[0] if len(found) == 1 else found)


class _Builder:
    """The SymPy objects of one formula's nodes."""

    def __init__(self, formula: Formula) -> None:
        try:
            import sympy
        except ImportError:
            raise MissingExtra("sympy", "sympy", "Printing to SymPy") from None
        self.sp = sympy
        self.taken: set[str] = set()
        self.symbols = [self.symbol(f.name, real=f.type is Type.REAL) for f in formula.inputs]
        self.named: dict[Node, Expr] = {}
        self.steps: list[tuple[Expr, Expr]] = []
        labels = {f.name for f in formula.inputs if f.type is Type.LABEL}
        self.clash = labels & {str(n.data[0]) for n in toposort(formula.roots) if n.op is ops.LABEL}
        self.clash |= labels & _categories(formula)

    def symbol(self, name: str, *, real: bool) -> Expr:
        """Return a symbol of that name, or of name_2, name_3 … where it is taken."""
        made, count = name, 1
        while made in self.taken:
            count += 1
            made = f"{name}_{count}"
        self.taken.add(made)
        return self.sp.Symbol(made, real=True) if real else self.sp.Symbol(made)

    def name(self, chosen: dict[Node, str]) -> None:
        """Make steps of some nodes."""
        self.named = {n: self.symbol(s, real=n.type is Type.REAL) for n, s in chosen.items()}

    def build(self, roots: Sequence[Node]) -> list[Expr]:
        """Return the expression of each root."""
        made: dict[Node, Expr] = {}
        for n in toposort(roots):
            made[n] = RULES[n.op.name](self, n, *[made[a] for a in n.args])
            if n in self.named:
                self.steps.append((self.named[n], made[n]))
                made[n] = self.named[n]
        return [made[root] for root in roots]

    def number(self, value: float) -> Expr:
        """Return a float of 17 digits, which reads back as the same; π/2 and 1/3 exactly."""
        sp = self.sp
        if value != value:
            return sp.nan
        if math.isinf(value):
            return sp.oo if value > 0 else -sp.oo
        name = named(value)
        exact = None if name is None else self._named(name, value)
        # The float of 2·π/3 that floats give is one off: it stays a Float.
        return sp.Float(value, 17) if exact is None or float(exact) != value else exact

    def _named(self, name: Named, value: float) -> Expr:
        sp = self.sp
        word, _, root = name.of.partition(" ")
        bases = {"": sp.Integer(1), "pi": sp.pi, "e": sp.E}
        base = bases[word] if word in bases else sp.sqrt(int(root))
        return (1 if value > 0 else -1) * sp.Rational(name.times, name.over) * base

    def label(self, value: Any) -> Expr:
        """Return a category: a symbol, or a whole number."""
        if isinstance(value, int) and not isinstance(value, bool):
            return self.sp.Integer(value)
        if isinstance(value, float):
            return self.number(value)
        text = str(value)
        return self.sp.Symbol(repr(text) if text in self.clash else text)

    def choice(self, condition: Expr, a: Expr, b: Expr) -> Expr:
        """Return `a if condition else b`; what follows an else is one list of cases."""
        sp = self.sp
        if condition in (sp.true, sp.false):
            return a if condition == sp.true else b
        if a is sp.nan:
            # Last, as in tables: SymPy sorts the terms of a sum, and cannot tell NaN from 2.0.
            return sp.Piecewise((b, sp.Not(condition)), (a, True), evaluate=False)
        others = b.args if isinstance(b, sp.Piecewise) else [(b, True)]
        return sp.Piecewise((a, condition), *others, evaluate=False)

    def cases(self, pairs: Sequence[tuple[Expr, Expr]], last: Expr) -> Expr:
        """Return the first value whose condition holds, or the last."""
        if not pairs:
            return last
        return self.sp.Piecewise(*pairs, (last, True), evaluate=False)

    def compare(self, name: str, a: Expr, b: Expr, absent: bool = False) -> Expr:
        """Return a comparison; SymPy tries to decide only that of two numbers.

        Args:
            name: "Lt", "Le" or "Eq".
            a, b: what is compared.
            absent: what holds where a side is missing.
        """

        def test(x: Expr, y: Expr) -> Expr:
            known = bool(x.is_number and y.is_number)
            return getattr(self.sp, name)(x, y, evaluate=known)

        return self.holds(a, lambda x: self.holds(b, lambda y: test(x, y), absent), absent)

    def holds(self, x: Expr, test: Callable[[Expr], Expr], absent: bool) -> Expr:
        """Return whether a value passes a test, case by case where one of its cases is NaN.

        SymPy multiplies out the cases of what a condition tests, and refuses to compare NaN.
        """
        sp = self.sp
        if x is sp.nan:
            return sp.true if absent else sp.false
        if not isinstance(x, sp.Piecewise) or all(v is not sp.nan for v, _ in x.args):
            return test(x)
        found = sp.false
        for value, condition in reversed(x.args):
            passes = self.holds(value, test, absent)
            found = sp.Or(sp.And(condition, passes), sp.And(sp.Not(condition), found))
        return found

    def power(self, a: Expr, b: Expr) -> Expr:
        """Return a power; SymPy would ask whether each term of a sum is infinite (174 s)."""
        simple = bool(a.is_Symbol or a.is_number)
        return self.sp.Pow(a, b, evaluate=simple)

    def is_one_of(self, x: Expr, values: Sequence[Expr], absent: bool = False) -> Expr:
        """Return whether x is one of some values."""
        return self.holds(x, lambda y: self._equals_one(y, values), absent)

    def _equals_one(self, x: Expr, values: Sequence[Expr]) -> Expr:
        return self.sp.Or(*[self.compare("Eq", x, v) for v in values])

    def entry(self, n: Node, value: Any) -> Expr:
        """Return what a number or a label is compared with."""
        return self.label(value) if n.args[0].type is Type.LABEL else self.whole(float(value))

    def whole(self, value: float) -> Expr:
        """Return a small whole number as an Integer, any other as a Float."""
        if abs(value) <= 1000 and value == int(value):
            return self.sp.Integer(int(value))
        return self.number(value)


def _categories(formula: Formula) -> set[str]:
    found: set[str] = set()
    for n in formula.nodes:
        if n.op in (ops.TABLE, ops.MEMBER) and n.args[0].type is Type.LABEL:
            found.update(str(v) for v in (n.data.labels if n.op is ops.TABLE else n.data))
    return found


def _const(made: _Builder, n: Node) -> Expr:
    if n.type is Type.BOOL:
        return made.sp.true if n.data else made.sp.false
    return made.whole(n.data)


def _label(made: _Builder, n: Node) -> Expr:
    return made.sp.nan if n.data[0] is None else made.label(n.data[0])


def _lin(made: _Builder, n: Node, *args: Expr) -> Expr:
    sp = made.sp
    pairs = [(w, x) for w, x in zip(n.data.weights.tolist(), args, strict=True) if w != 0]
    # Different symbols have nothing to merge: unevaluated, a layer is built four times faster.
    plain = len({x for _, x in pairs}) == len(pairs) and all(x.is_Symbol for _, x in pairs)
    terms = [made.number(n.data.bias)] if n.data.bias != 0 or not pairs else []
    for w, x in pairs:
        factor = sp.Integer(-1) if w == -1 else made.number(w)
        terms.append(x if w == 1 else sp.Mul(factor, x, evaluate=not plain))
    return sp.Add(*terms, evaluate=not plain) if len(terms) > 1 else terms[0]


def _sigmoid(made: _Builder, n: Node, x: Expr) -> Expr:
    return made.power(made.sp.Add(1, _kept("exp")(made, n, -x)), made.sp.Integer(-1))


def _softplus(made: _Builder, n: Node, x: Expr) -> Expr:
    sp = made.sp
    small = sp.exp(-sp.Abs(x, evaluate=False), evaluate=False)
    return sp.Add(sp.Max(x, 0, evaluate=False), sp.log(sp.Add(1, small), evaluate=False))


def _equal(made: _Builder, n: Node, a: Expr, b: Expr) -> Expr:
    return made.sp.Equivalent(a, b) if n.args[0].type is Type.BOOL else made.compare("Eq", a, b)


def _where(made: _Builder, n: Node, c: Expr, a: Expr, b: Expr) -> Expr:
    if n.type is Type.BOOL:
        return made.sp.Or(made.sp.And(c, a), made.sp.And(made.sp.Not(c), b))
    return made.choice(c, a, b)


def _tree(made: _Builder, n: Node, *args: Expr) -> Expr:
    splits, found = n.data.splits, {}
    for i in range(len(splits.child) - 1, -1, -1):
        if splits.leaf[i]:
            found[i] = made.number(float(n.data.values[i]))
        else:
            below, x = int(splits.child[i]), args[int(splits.feature[i])]
            found[i] = made.choice(_test(made, splits, i, x), found[below], found[below + 1])
    return found[0]


def _test(made: _Builder, splits: Splits, i: int, x: Expr) -> Expr:
    absent = bool(splits.missing_left[i])
    if splits.member[i] >= 0:
        codes = splits.sets[splits.member[i]].nonzero()[0].tolist()
        return made.is_one_of(x, [made.sp.Integer(c) for c in codes], absent)
    sign, threshold = "Lt" if splits.below else "Le", made.number(float(splits.threshold[i]))
    return made.compare(sign, x, threshold, absent)


def _table(made: _Builder, n: Node, x: Expr) -> Expr:
    pairs = [
        (made.number(v), made.compare("Eq", x, made.entry(n, k)))
        for k, v in zip(n.data.labels, n.data.values.tolist(), strict=True)
    ]
    return made.cases(pairs, made.number(n.data.default))


def _piecewise(made: _Builder, n: Node, x: Expr) -> Expr:
    sp, p, values = made.sp, n.data, []
    for origin, row in zip(p.origins.tolist(), p.coefs.tolist(), strict=True):
        away = x if origin == 0 or len(row) == 1 else sp.Add(x, made.number(-origin))
        value = made.number(row[-1])
        for c in row[-2::-1]:
            value = sp.Add(made.number(c), sp.Mul(value, away))
        values.append(value)
    sign = "Le" if p.right_closed else "Lt"
    tests = [made.compare(sign, x, made.number(e)) for e in p.edges.tolist()]
    kept = [i for i, v in enumerate(values) if v is not sp.nan]
    if not kept:
        return sp.nan
    whole = made.cases([(values[i], tests[i]) for i in kept[:-1]], values[kept[-1]])
    absent = [_in_piece(sp, tests, i) for i in range(len(values)) if i not in kept]
    return made.choice(sp.Or(*absent), sp.nan, whole)


def _in_piece(sp: Any, tests: Sequence[Expr], i: int) -> Expr:
    """Return whether x lies in piece i, beyond the edge before it and not beyond its own."""
    return sp.And(*[sp.Not(t) for t in tests[:i][-1:]], *tests[i : i + 1])


def _distance(made: _Builder, n: Node, *args: Expr) -> Expr:
    sp, terms = made.sp, []
    for w, c, x in zip(n.data.weights.tolist(), n.data.point.tolist(), args, strict=True):
        away = x if c == 0 else sp.Add(x, made.number(-c))
        terms.append(sp.Mul(made.number(w), sp.Pow(away, 2)))
    return sp.Add(*terms)


def _function(name: str) -> Rule:
    return lambda made, n, *args: getattr(made.sp, name)(*args)


def _kept(name: str) -> Rule:
    """Return the rule of a function that is computed of numbers, and otherwise left as it is.

    SymPy would ask for the sign of whole networks (88-190 s for one with ReLU), and make
    0.99·exp(x) of exp(x - 0.01).
    """

    def rule(made: _Builder, n: Node, *args: Expr) -> Expr:
        known = all(x.is_number for x in args)
        return getattr(made.sp, name)(*args, evaluate=known)

    return rule


RULES: dict[str, Rule] = {
    "const": _const,
    "input": lambda made, n: made.symbols[n.data],
    "label": _label,
    "lin": _lin,
    "squared_distance": _distance,
    "mul": _function("Mul"),
    "div": lambda made, n, a, b: made.sp.Mul(a, made.power(b, made.sp.Integer(-1))),
    "pow": lambda made, n, a, b: made.power(a, b),
    **{
        name: _kept(name)
        for name in ("exp", "log", "sin", "cos", "tanh", "atan", "asin", "acos", "erf")
    },
    **{name: _kept(made) for name, made in (("abs", "Abs"), ("floor", "floor"), ("sign", "sign"))},
    **{name: _kept(made) for name, made in (("min", "Min"), ("max", "Max"))},
    "sqrt": _function("sqrt"),
    "log1p": lambda made, n, x: _kept("log")(made, n, made.sp.Add(1, x)),
    "expm1": lambda made, n, x: made.sp.Add(_kept("exp")(made, n, x), -1),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "probit": lambda made, n, p: -made.sp.sqrt(2) * made.sp.erfcinv(2 * p),
    "less": lambda made, n, a, b: made.compare("Lt", a, b),
    "less_equal": lambda made, n, a, b: made.compare("Le", a, b),
    "equal": _equal,
    "member": lambda made, n, x: made.is_one_of(x, [made.entry(n, v) for v in n.data]),
    "missing": lambda made, n, x: made.holds(x, lambda _: made.sp.false, True),
    "and": _function("And"),
    "or": _function("Or"),
    "not": _function("Not"),
    "where": _where,
    "tree": _tree,
    "table": _table,
    "piecewise": _piecewise,
}
"""Operation → the SymPy object of a node, from the builder, the node and its arguments."""
