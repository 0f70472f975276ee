"""One Excel formula for each output, with LET or LAMBDA, to paste into the formula bar.

A number of more than 15 digits is written as the sum of two, since Excel reads no more of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.passes.lower import lower, lowered
from closedform.printers.excel.cells import INFINITY, letters
from closedform.printers.identifiers import identifier
from closedform.printers.spell import names_for

NEVER: dict[str, str] = {}
"""Operations that have no spelling: none; but a formula that is too long is refused."""

LONGEST = 8_192
MOST_NAMES = 126
"""What Excel takes: characters of a formula, and names in one LET."""

FORMS = ("let", "lambda")


def write(formula: Formula, *, form: str = "let", output: str | None = None) -> str:
    """Return one formula for each output, below the output's name where there are several.

    It needs Excel 2021 or 365. Missing values, labels and comparisons are as in the workbook.

    Args:
        formula: what to write; a large one belongs in a workbook: `formula.to("excel")`.
        form: "let" reads one case from row 2, the first input from column A, the next from B …;
            "lambda" is for the Name Manager: called `predict`, it is used as `=predict(A2,B2)`.
        output: the name of one output; default: all of them.

    Raises:
        UnsupportedTarget: a formula would be longer than Excel takes.
        BadInput: there is no such form or output.
    """
    if form not in FORMS:
        raise BadInput(f"There is no form {form!r}.", hint="Choose one of: " + ", ".join(FORMS))
    part = formula if output is None else formula.only(output)
    ready = lower(part, {*SPELL, "lin", "label"}, target="excel_formula")
    made = {name: _Text(ready, n).whole(form) for name, n in ready.outputs.items()}
    _require_short(made)
    if len(made) == 1:
        return next(iter(made.values()))
    return "\n\n".join(f"{_heading(name)}\n{text}" for name, text in made.items())


def _require_short(made: dict[str, str]) -> None:
    long = {name: len(text) for name, text in made.items() if len(text) > LONGEST}
    if long:
        told = ", ".join(f"{name}: {size:,}" for name, size in long.items())
        raise UnsupportedTarget(
            f"An Excel formula has at most {LONGEST:,} characters; these have more: {told}.",
            hint='Write the workbook: formula.to("excel", "model.xlsx").',
        )


def _heading(name: str) -> str:
    """Return an output's name as a line that is no formula."""
    return "' " + " ".join(name.split())


def number(value: float) -> str:
    """Return a number; of more than 15 digits, the sum of two that is exactly it."""
    if value != value:
        return "NA()"
    value = max(-INFINITY, min(INFINITY, value))
    if value == int(value) and abs(value) < 1e15:
        return str(int(value)) if value >= 0 else f"({int(value)})"
    text = repr(value).upper()
    if float(f"{value:.14e}") != value:
        near = float(f"{value:.14e}")
        rest = f"{value - near:.3e}".upper()
        # The rest is some units of the last place: three of its digits name them.
        if near + float(rest) == value:
            sign = "" if rest.startswith("-") else "+"
            return f"({_decimal(near)}{sign}{rest})"
        text = _decimal(near)
    return text if value >= 0 else f"({text})"


def _decimal(value: float) -> str:
    return f"{value:.15g}".upper()


def text(label: Any) -> str:
    """Return a label as a constant."""
    if not isinstance(label, str):
        return number(float(label)) if not isinstance(label, bool) else str(label).upper()
    pieces = re.findall(r"[\x00-\x1f]|[^\x00-\x1f]{1,200}", label)
    parts = [
        f"CHAR({ord(p)})" if ord(p[0]) < 32 else '"' + p.replace('"', '""') + '"' for p in pieces
    ]
    return "&".join(parts) if len(parts) < 2 else "(" + "&".join(parts) + ")" if parts else '""'


def variable(name: str, taken: set[str]) -> str:
    """Return a name that Excel takes in LET: not that of a cell, and no other's."""
    plain = identifier(name, "x")[:30]
    if re.fullmatch(r"[A-Za-z]{1,3}\d+|[rRcC]\d*([rRcC]\d*)?", plain) or plain.upper() in FUNCTIONS:
        plain += "_"
    made, count = plain, 1
    while made.lower() in taken:
        count += 1
        made = f"{plain}_{count}_"
    taken.add(made.lower())
    return made


class _Text:
    """One output as text."""

    def __init__(self, formula: Formula, root: Node) -> None:
        self.formula, self.root = formula, root
        self.guard = _guard(formula)
        self.roots = [root] if self.guard is None else [self.guard, root]
        order = toposort(self.roots)
        taken: set[str] = set()
        read = sorted({n.data for n in order if n.op is ops.INPUT})
        self.inputs = {i: variable(formula.inputs[i].name, taken) for i in read}
        chosen = names_for(formula, self.roots, own={}, prefix="v_", longest=240)
        for n in order:
            if n.op.name in REPEATING:
                chosen |= {a: "v" for a in n.args if a.op.name not in PLAIN and a not in chosen}
        names = {n: variable(chosen[n], taken) for n in order if n in chosen}
        self.lines: list[tuple[str, str]] = []
        self.done: dict[Node, str] = {}
        for n in order:
            made = self._spelled(n)
            if n in names:
                self.lines.append((names[n], _bare(made)))
                made = names[n]
            self.done[n] = made

    def _spelled(self, n: Node) -> str:
        if n.op is ops.INPUT:
            return self.inputs[n.data]
        if n.op is ops.LABEL:
            return "NA()" if n.data[0] is None else text(n.data[0])
        args = [self.done[a] for a in n.args]
        return _sum(n, args) if n.op is ops.LIN else SPELL[n.op.name](n, *args)

    def whole(self, form: str) -> str:
        """Return the formula, one name a line."""
        last = _bare(self.done[self.root])
        if self.guard is not None:
            last = f'IF({self.done[self.guard]},"",{last})'
        last = f'IFERROR({last},"")'
        count = len(self.formula.inputs)
        cells = [f"{letters(i)}2" for i in range(count)]
        given = (
            [variable(f"in_{i + 1}", set()) for i in range(count)] if form == "lambda" else cells
        )
        pairs = [(name, self._read(i, given[i])) for i, name in self.inputs.items()]
        pairs += self.lines
        if len(pairs) > MOST_NAMES or (form == "lambda" and count > 250):
            raise UnsupportedTarget(
                f"LET takes {MOST_NAMES} names at most, and this formula needs {len(pairs)}.",
                hint='Write the workbook: formula.to("excel", "model.xlsx").',
            )
        inner = last
        if pairs:
            lines = "".join(f"  {name}, {value},\n" for name, value in pairs)
            inner = f"LET(\n{lines}  {last})"
        return f"=LAMBDA({', '.join([*given, inner])})" if form == "lambda" else f"={inner}"

    def _read(self, i: int, cell: str) -> str:
        if self.formula.inputs[i].type is Type.LABEL:
            return f'IF({cell}="",NA(),{cell})'
        return f"IF(ISNUMBER({cell}),{cell},NA())"


def _guard(formula: Formula) -> Node | None:
    """Return the condition under which a row is refused, in what has a spelling."""
    refused = formula.refused
    return None if refused is None else lowered([refused], {*SPELL, "lin", "label"})[refused]


def _bare(made: str) -> str:
    """Return a text without the brackets around all of it."""
    if not made.startswith("(") or '"' in made:
        return made
    depth = 0
    for i, sign in enumerate(made):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and i < len(made) - 1:
            return made
    return made[1:-1]


def _sum(n: Node, args: Sequence[str]) -> str:
    bias = n.data.bias
    parts = [number(bias)] if bias != 0 or not args else []
    for w, x in zip(n.data.weights.tolist(), args, strict=True):
        term = x if abs(w) == 1 else f"{number(abs(w))}*{x}"
        parts.append(("-" if w < 0 else "+" if parts else "") + term)
    return parts[0] if len(parts) == 1 and parts[0][0] != "-" else "(" + "".join(parts) + ")"


def _at_most(a: str, b: str) -> str:
    # FREQUENCY compares all bits; <= takes numbers that agree to 15 digits for equal.
    return f"INDEX(FREQUENCY({a},{b}),1)=1"


def _known(n: Node, test: str, a: str, b: str) -> str:
    """Return a condition that is false where a side of it is missing."""
    # Asked before, not by the error after: FREQUENCY may pass over one.
    sides = [x for x, arg in zip((a, b), n.args, strict=True) if not _is_number(arg)]
    if not sides:
        return test
    known = f"ISNUMBER({sides[0]})" if len(sides) == 1 else f"COUNT({a},{b})=2"
    return f"IF({known},{test},FALSE)"


def _is_number(n: Node) -> bool:
    return n.op is ops.CONST and bool(n.data == n.data)


def _compared(sign: str) -> Callable[..., str]:
    def spelled(n: Node, a: str, b: str) -> str:
        test = _at_most(a, b) if sign == "<=" else f"INDEX(FREQUENCY({b},{a}),1)=0"
        return _known(n, f"{a}{sign}{b}" if _with_zero(n) else test, a, b)

    return spelled


def _with_zero(n: Node) -> bool:
    """Tell whether a side is 0, with which Excel compares exactly."""
    return any(x.op is ops.CONST and x.data == 0 for x in n.args)


def _equal(n: Node, a: str, b: str) -> str:
    kind = n.args[0].type
    if kind is Type.LABEL:
        return f'IFERROR(AND(ISTEXT({a})=ISTEXT({b}),EXACT({a}&"",{b}&"")),FALSE)'
    if kind is Type.BOOL:
        return f"{a}={b}"
    test = f"{a}={b}" if _with_zero(n) else f"AND({_at_most(a, b)},{_at_most(b, a)})"
    return _known(n, test, a, b)


def _pow(n: Node, a: str, b: str) -> str:
    power = n.args[1].data if n.args[1].op is ops.CONST else None
    if power == 2:
        return f"({a}*{a})"
    if power == 0.5:
        return f"SQRT({a})"
    far = f"IFERROR(POWER({a},{b}),IF({a}>0,{BIG},NA()))"
    zero = f"IF({a}=0,IF({b}>0,0,{BIG}),{far})"
    return f"IF(IFERROR({b}=0,FALSE),1,IF(IFERROR({a}=1,FALSE),1,{zero}))"


def _round32(n: Node, x: str) -> str:
    magic = f"3*POWER(2,MAX(INT(LOG(ABS({x}),2)),-126)+28)"
    far = number(3.4028235677973366e38)
    return f"IF({x}=0,0,IF(ABS({x})>={far},SIGN({x})*{BIG},({x}+{magic})-{magic}))"


def _log1p(n: Node, x: str) -> str:
    series = f"{x}*(1-{x}*(1/2-{x}*(1/3-{x}*(1/4-{x}*(1/5-{x}/6)))))"
    return f"IF(ABS({x})<0.001,{series},IF({x}=-1,-{BIG},LN(1+{x})))"


def _expm1(n: Node, x: str) -> str:
    series = f"{x}*(1+{x}/2*(1+{x}/3*(1+{x}/4*(1+{x}/5))))"
    return f"IF(ABS({x})<0.001,{series},IF({x}>709,{BIG},EXP({x})-1))"


def _const(n: Node) -> str:
    return str(n.data).upper() if n.type is Type.BOOL else number(n.data)


BIG = "1E+308"


def _each(template: str) -> Callable[..., str]:
    return lambda n, *args: template.replace("BIG", BIG).format(*args)


def _many(name: str) -> Callable[..., str]:
    return lambda n, *args: f"{name}({','.join(args)})"


SPELL: dict[str, Callable[..., str]] = {
    "const": _const,
    "mul": lambda n, *args: "(" + "*".join(args) + ")",
    "div": _each("IF({1}=0,IF({0}=0,NA(),SIGN({0})*BIG),{0}/{1})"),
    "pow": _pow, "round32": _round32, "log1p": _log1p, "expm1": _expm1,
    "exp": _each("IF({0}>709,BIG,EXP({0}))"),
    "log": _each("IF({0}=0,-BIG,LN({0}))"),
    "sigmoid": _each("IF({0}<0,EXP({0})/(1+EXP({0})),1/(1+EXP(0-{0})))"),
    "softplus": _each("IF({0}<-30,EXP({0}),MAX({0},0)+LN(1+EXP(0-ABS({0}))))"),
    "probit": _each("IF({0}=0,-BIG,IF({0}=1,BIG,NORMSINV({0})))"),
    "floor": _each("(INT({0})-IF(INDEX(FREQUENCY(INT({0}),{0}),1)=1,0,1))"),
    **{name: _many(function) for name, function in {
        "sqrt": "SQRT", "abs": "ABS", "tanh": "TANH", "erf": "ERF", "sin": "SIN", "cos": "COS",
        "atan": "ATAN", "asin": "ASIN", "acos": "ACOS", "sign": "SIGN", "not": "NOT",
        "min": "MIN", "max": "MAX", "and": "AND", "or": "OR", "missing": "ISERROR",
        "where": "IF",
    }.items()},
    "less": _compared("<"), "less_equal": _compared("<="), "equal": _equal,
}  # fmt: skip
"""Operation → its text; trees, tables, curves and the like are lowered to these."""

REPEATING = frozenset(
    {"div", "pow", "round32", "log1p", "expm1", "exp", "log", "sigmoid", "softplus", "probit"}
    | {"floor", "less", "less_equal", "equal"}
)
"""Operations that write an argument more than once, which then has a name."""

PLAIN = frozenset({"const", "input", "label"})

_WORDS = """
IF AND OR NOT MIN MAX ABS EXP LN LOG SQRT SIN COS TAN TANH ERF SIGN INT INDEX FREQUENCY NA TRUE
FALSE LET LAMBDA POWER EXACT ISTEXT ISERROR IFERROR ISNUMBER NORMSINV ATAN ASIN ACOS CHAR N T PI
"""
FUNCTIONS = frozenset(_WORDS.split())
"""What no name of a LET may be called."""
