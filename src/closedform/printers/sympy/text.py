"""SymPy expressions as a module that builds them: symbols first, then one value after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from closedform.formula import Formula
from closedform.printers.identifiers import identifiers
from closedform.printers.program import RESERVED, banner
from closedform.printers.spell import BREAK, wrapped

Expr = Any

RELATIONS = {
    "StrictLessThan": ("Lt", "<"),
    "LessThan": ("Le", "<="),
    "StrictGreaterThan": ("Gt", ">"),
    "GreaterThan": ("Ge", ">="),
    "Equality": ("Eq", ""),
    "Unequality": ("Ne", ""),
}
"""SymPy's class → its short name, and the sign that makes one."""

IMPORTED = (
    "Abs", "E", "Eq", "Equivalent", "Float", "Ge", "Gt", "ITE", "Integer", "Le", "Lt", "Max",
    "Min", "Ne", "Not", "Piecewise", "Pow", "Rational", "Symbol", "Xor", "acos", "asin", "atan",
    "cos", "erf", "erfcinv", "exp", "floor", "log", "nan", "oo", "pi", "sign", "sin", "sqrt",
    "tanh",
)  # fmt: skip
"""What a module may need of SymPy."""

NUMBER = '''def F(value):
    """A float of 17 digits, which is the same number as the float."""
    return Float(value, 17)'''


def module(
    formula: Formula, steps: Sequence[tuple[Expr, Expr]] | None, result: Expr | dict[str, Expr]
) -> str:
    """Return the text of a module that builds `steps` and `result`.

    Each symbol is declared under an identifier made from its name, and called what it is called.
    """
    outputs = result if isinstance(result, dict) else {"": result}
    expressions = [*(e for _, e in steps or ()), *outputs.values()]
    free = set().union(*(e.free_symbols for e in expressions), (s for s, _ in steps or ()))
    names = _identifiers(formula, free)
    printer = _printer(names)
    parts = [_declared(names)] if names else []
    if steps is not None:
        lines = (_line(f"({names[s]}, {printer.doprint(e)}),") for s, e in steps)
        parts.append("steps = [\n" + "".join(lines) + "]")
    if isinstance(result, dict):
        lines = (_line(f"{name!r}: {printer.doprint(e)},") for name, e in result.items())
        parts.append("result = {\n" + "".join(lines) + "}")
    else:
        parts.append("result = (\n" + _line(printer.doprint(result)) + ")")
    body = "\n\n".join(parts)
    number = [f"\n{NUMBER}\n"] if re.search(r"\bF\(", body) else []
    used = [name for name in IMPORTED if re.search(rf"\b{name}\b", "\n".join([*number, body]))]
    imports = [f"from sympy import {', '.join(used)}"] if used else []
    return "\n\n".join([banner(formula, "# "), *imports, *number, body]) + "\n"


def _identifiers(formula: Formula, free: set[Expr]) -> dict[Expr, str]:
    """Return an identifier for each symbol, those of the inputs first."""
    order = {f.name: i for i, f in enumerate(formula.inputs)}
    symbols = sorted(free, key=lambda s: (order.get(str(s), len(order)), _natural(str(s))))
    taken = [*RESERVED, *IMPORTED, "F", "steps", "result"]
    return dict(zip(symbols, identifiers([str(s) for s in symbols], taken=taken), strict=True))


def _natural(name: str) -> list[Any]:
    """Return a key that puts v2 before v10."""
    return [(int(p), "") if p.isdecimal() else (0, p) for p in re.split(r"(\d+)", name)]


def _declared(names: Mapping[Expr, str]) -> str:
    return "\n".join(
        f"{name} = Symbol({str(s)!r}{', real=True' if s.is_real else ''})"
        for s, name in names.items()
    )


def _line(text: str) -> str:
    return "    " + wrapped(text, 96, "    ") + "\n"


def _printer(names: Mapping[Expr, str]) -> Any:
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]
        """Expressions as Python that SymPy does not work on again: it could take minutes."""

        def doprint(self, e: Expr) -> str:
            # A whole number by itself would be Python's, not SymPy's.
            return f"Integer({e})" if e.is_Integer else str(super().doprint(e))

        def _print_Symbol(self, e: Expr) -> str:
            return names[e]

        def _print_Float(self, e: Expr) -> str:
            value = float(e)
            # A product of two numbers holds more digits than a float.
            return f"F({value!r})" if e == type(e)(value, 17) else f"Float({str(e)!r}, 17)"

        def _print_Rational(self, e: Expr) -> str:
            return f"Rational({e.p}, {e.q})"

        def _print_Add(self, e: Expr, order: Any = None) -> str:
            terms = [self._bracketed(a) for a in e.args]
            signed = [f"- {t[1:]}" if t.startswith("-") else f"+ {t}" for t in terms[1:]]
            return BREAK.join([terms[0], *signed])

        def _print_Mul(self, e: Expr) -> str:
            first, *rest = e.args
            negative = bool(first.is_Float and first < 0)
            texts = [self._print(-first) if negative else self._bracketed(first)]
            texts = rest if first == -1 else [*texts, *rest]
            texts = [t if isinstance(t, str) else self._bracketed(t, e.func) for t in texts]
            return "-" * bool(negative or first == -1) + "*".join(texts)

        def _bracketed(self, e: Expr, *inside: Any) -> str:
            text = str(self._print(e))
            loose = e.is_Add or isinstance(e, inside) or (inside and text.startswith("-"))
            return f"({text})" if loose else text

        def _print_Pow(self, e: Expr, rational: bool = False) -> str:
            if not _simple(e):
                return self._kept("Pow", e.args)
            base, power = (self._bracketed(a, e.func) for a in e.args)
            return f"{base}**{power}"

        def _print_Relational(self, e: Expr) -> str:
            name, sign = RELATIONS[type(e).__name__]
            if sign and _simple(e):
                return f"{self._print(e.lhs)} {sign} {self._print(e.rhs)}"
            return f"{name}({self._listed(e.args)})" if _simple(e) else self._kept(name, e.args)

        def _print_Function(self, e: Expr) -> str:
            name = type(e).__name__
            return f"{name}({self._listed(e.args)})" if _simple(e) else self._kept(name, e.args)

        _print_Max = _print_Min = _print_Abs = _print_exp = _print_Function

        def _print_Piecewise(self, e: Expr) -> str:
            return self._kept("Piecewise", e.args)

        def _kept(self, name: str, args: Sequence[Expr]) -> str:
            return f"{name}({self._listed(args)},{BREAK}evaluate=False)"

        def _listed(self, args: Sequence[Expr]) -> str:
            return f",{BREAK}".join(self._print(a) for a in args)

    return Printer()


def _simple(e: Expr) -> bool:
    """Tell whether SymPy has nothing to ask about the arguments."""
    return all(a.is_Symbol or (a.is_number and a.is_finite) for a in e.args)
