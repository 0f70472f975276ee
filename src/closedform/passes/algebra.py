"""Products and sums in one form: numbers in front, equal factors and equal terms together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from closedform import ops
from closedform.formula import reads
from closedform.ir import Node, fold, toposort, with_args
from closedform.length import length

Factors = dict[Node, float]
"""What is multiplied, and to which power."""
LARGEST = 700.0
"""The exponential of more may be more than a float holds."""


def tidied(node: Node) -> Node:
    """Return an expression with its products and sums gathered, over the reals.

    x·x/y·(2·z)³ becomes 8·x²·z³/y, exp(a)·exp(1 + b) becomes 2.718·exp(a + b), and 2·(x + 3·y) − x
    becomes x + 6·y. Where a power is not whole, its base is taken as it stands.
    """
    became: dict[Node, Node] = {}
    with np.errstate(all="ignore"):
        for n in toposort([node]):
            made = with_args(n, tuple(became[a] for a in n.args))
            became[n] = _BY_OP.get(n.op.name, _folded)(made)
    return became[node]


def reciprocal(n: Node) -> Node:
    """Return 1/n."""
    return ops.div(ops.const(1.0), n)


def _folded(n: Node) -> Node:
    """Return a function of a number as a number."""
    if n.op.name not in ops.UNARY or n.args[0].op is not ops.CONST:
        return n
    value = float(n.op.numpy(n.data, np.float64(n.args[0].data)))
    return ops.const(value) if math.isfinite(value) else n


def _gathered(n: Node) -> Node:
    if n.op.name in ops.UNARY and n.args[0].op is ops.CONST:
        return _folded(n)
    coef, factors = product_of(n)
    return made_of(coef, factors) if math.isfinite(coef) else n


def _sum(n: Node) -> Node:
    total, terms = n.data.bias, dict[Node, float]()
    for w, a in zip(n.data.weights.tolist(), n.args, strict=True):
        inner = a if a.op is ops.LIN else ops.lin(0.0, (1.0, a))
        total += w * inner.data.bias
        for v, b in zip(inner.data.weights.tolist(), inner.args, strict=True):
            coef, core = _split(b)
            if core is None:
                total += w * v * coef
            else:
                terms[core] = terms.get(core, 0.0) + w * v * coef
    kept = [(w, a) for a, w in terms.items() if w != 0]
    if not math.isfinite(total) or not all(math.isfinite(w) for w, _ in kept):
        return n
    if not kept:
        return ops.const(total)
    if len(kept) > 1 or total:
        return ops.lin(total, *kept)
    weight, core = kept[0]
    if core.op is ops.DIV and core.args[0].op is ops.CONST:
        return ops.div(ops.const(weight * core.args[0].data), core.args[1])
    return core if weight == 1 else ops.lin(0.0, (weight, core))


def factored(n: Node) -> Node:
    """Return a product in whose sums what all terms hold stands in front.

    3·a²·b + 2·a·b³ becomes a·b·(3·a + 2·b²); sums of the same terms in another order, or times
    another number, become the same sum, and so cancel.
    """
    coef, factors = product_of(n)
    made: Factors = {}
    for base, p in factors.items():
        k, inner = _in_front(base) if p == round(p) else (1.0, {base: 1.0})
        coef = _times(coef, _power_of(k, p))
        for b, q in inner.items():
            made[b] = made.get(b, 0.0) + p * q
    return made_of(coef, made) if math.isfinite(coef) and coef else n


def _in_front(n: Node) -> tuple[float, Factors]:
    """Return a sum as a number times powers: of what all of its terms hold, and of what is left."""
    if n.op is not ops.LIN or len(n.args) < 2:
        return 1.0, {n: 1.0}
    parts = sorted(
        zip(n.data.weights.tolist(), n.args, strict=True), key=lambda part: _rank(part[1])
    )
    known = [product_of(a) for _, a in parts]
    scale = parts[0][0]
    if not scale or not all(math.isfinite(coef) for coef, _ in known):
        return 1.0, {n: 1.0}
    front = {
        base: min(factors[base] for _, factors in known)
        for base in known[0][1]
        if not n.data.bias and all(base in factors for _, factors in known)
    }
    left = [
        (w / scale * coef, made_of(1.0, {b: p - front.get(b, 0.0) for b, p in factors.items()}))
        for (w, _), (coef, factors) in zip(parts, known, strict=True)
    ]
    coef, rest = product_of(_sum(ops.lin(n.data.bias / scale, *left)))
    return scale * coef, {b: front.get(b, 0.0) + rest.get(b, 0.0) for b in front | rest}


def _rank(n: Node) -> tuple[list[int], int, str]:
    """Return where a term stands in a sum, whatever the order in which it was made."""
    return sorted(fold([n], reads)[0]), length([n]), n.op.name


def _split(n: Node) -> tuple[float, Node | None]:
    """Return an expression as a number times another; of a number, with no other."""
    if n.op is ops.CONST:
        return n.data, None
    if n.op is ops.LIN and len(n.args) == 1 and n.data.bias == 0:
        return n.data.weights.item(), n.args[0]
    if n.op is ops.DIV and n.args[0].op is ops.CONST and n.args[0].data:
        return n.args[0].data, ops.div(ops.const(1.0), n.args[1])
    return 1.0, n


def product_of(n: Node) -> tuple[float, Factors]:
    """Return an expression as a number times powers of others."""
    coef, core = _split(n)
    if core is None:
        return coef, {}
    if core.op is ops.POW and core.args[1].op is ops.CONST:
        return _raised(coef, core.args[0], core.args[1].data)
    if core.op is ops.SQRT:
        return _raised(coef, core.args[0], 0.5)
    if core.op is ops.EXP and core.args[0].op is ops.LIN and abs(core.args[0].data.bias) < LARGEST:
        return _exponential(coef, core.args[0])
    if core.op not in (ops.MUL, ops.DIV):
        return coef, {core: 1.0}
    factors: Factors = {}
    signs = [1.0] * len(core.args) if core.op is ops.MUL else [1.0, -1.0]
    for a, sign in zip(core.args, signs, strict=True):
        k, inner = product_of(a)
        coef = _times(coef, k) if sign > 0 else (_held(coef / k, coef) if k else math.nan)
        for base, p in inner.items():
            factors[base] = factors.get(base, 0.0) + sign * p
    return coef, factors


def _exponential(coef: float, inner: Node) -> tuple[float, Factors]:
    """Return coef·exp(p + q·log(x) + …) as coef·eᵖ·x^q·exp(…)."""
    factors: Factors = {}
    rest = []
    for w, a in zip(inner.data.weights.tolist(), inner.args, strict=True):
        if a.op is ops.LOG:
            factors[a.args[0]] = factors.get(a.args[0], 0.0) + w
        else:
            rest.append((w, a))
    if rest:
        factors[ops.exp(_sum(ops.lin(0.0, *rest)))] = 1.0
    return _times(coef, math.exp(inner.data.bias)), factors


def _raised(coef: float, base: Node, p: float) -> tuple[float, Factors]:
    """Return coef·baseᵖ as a number times powers."""
    k, inner = product_of(base)
    # (x²)^½ is |x|, and no power of x.
    whole = p == round(p) or all(q != round(q) for q in inner.values())
    if k <= 0 and p != round(p):
        return coef, {base: p}
    if not whole and len(inner) == 1 and all(abs(q) == 1 for q in inner.values()):
        whole = True
    if not whole:
        return _times(coef, _power_of(k, p)), {made_of(1.0, inner): p}
    return _times(coef, _power_of(k, p)), {b: q * p for b, q in inner.items()}


def _power_of(k: float, p: float) -> float:
    try:
        return _held(float(k**p), k)
    except (OverflowError, ZeroDivisionError):
        return math.nan


def _times(one: float, other: float) -> float:
    return _held(one * other, one, other)


def _held(made: float, *of: float) -> float:
    """Return a number that was made of others; NaN where no float holds it, but ∞ or 0.

    What would have such a factor in front is left as it is.
    """
    return math.nan if math.isinf(made) or (made == 0 and all(of)) else made


def made_of(coef: float, factors: Mapping[Node, float]) -> Node:
    """Return a number times powers as an expression."""
    above, below, exponents = [], [], []
    coef, factors = _one_scale(coef, factors)
    for base, p in factors.items():
        if base.op is ops.EXP:
            exponents.append((p, base.args[0]))
        elif p > 0:
            above.append(_power(base, p))
        elif p < 0:
            below.append(_power(base, -p))
    if any(p for p, _ in exponents):
        single = len(exponents) == 1 and exponents[0][0] == 1
        inner = exponents[0][1] if single else _sum(ops.lin(0.0, *exponents))
        if inner.op is not ops.CONST or inner.data > LARGEST:
            above.append(ops.exp(inner))
        else:
            coef *= math.exp(inner.data)
    if not above and not below:
        return ops.const(coef)
    if not above:
        return ops.div(ops.const(coef), ops.mul(*below))
    whole = ops.div(ops.mul(*above), ops.mul(*below)) if below else ops.mul(*above)
    if coef == 1:
        return whole
    if whole.op is ops.LIN:
        return _sum(ops.lin(0.0, (coef, whole)))
    return ops.lin(0.0, (coef, whole))


def _one_scale(coef: float, factors: Mapping[Node, float]) -> tuple[float, Mapping[Node, float]]:
    """Return a product in which no number could go from a sum to the front, or to another sum."""
    sums = [b for b in factors if b.op is ops.LIN]
    if not sums or (coef == 1 and len(sums) == 1 and abs(factors[sums[0]]) == 1):
        return coef, factors
    made: Factors = {}
    for base, p in factors.items():
        numbers = [base.data.bias, *base.data.weights.tolist()] if base.op is ops.LIN else [1.0]
        if not any(abs(v) == 1 for v in numbers) and numbers[1]:
            k = abs(numbers[1])
            bias, *weights = [v / k for v in numbers]
            with_k = _times(coef, _power_of(k, p))
            if with_k and all(math.isfinite(v) for v in (with_k, bias, *weights)):
                base, coef = ops.linear(bias, weights, base.args), with_k
        if coef < 0 and p % 2 == 1 and base.op is ops.LIN and _is_negative(base):
            # -2/(x - 1) is 2/(1 - x).
            base, coef = ops.linear(-base.data.bias, -base.data.weights, base.args), -coef
        made[base] = made.get(base, 0.0) + p
    return coef, made


def _is_negative(base: Node) -> bool:
    bias, weights = base.data.bias, base.data.weights
    return bool(bias < 0 or (bias == 0 and weights[0] < 0))


def _logarithm(n: Node) -> Node:
    """Return log(p·exp(x)·y) as log(p) + x + log(y)."""
    coef, factors = product_of(n.args[0])
    grown = [(p, base.args[0]) for base, p in factors.items() if base.op is ops.EXP]
    if not grown or coef <= 0 or not math.isfinite(coef):
        return _folded(n)
    rest = {base: p for base, p in factors.items() if base.op is not ops.EXP}
    logs = [(1.0, ops.log(made_of(1.0, rest)))] if rest else []
    return _sum(ops.lin(math.log(coef), *grown, *logs))


def _power(base: Node, p: float) -> Node:
    if p == 1:
        return base
    return ops.sqrt(base) if p == 0.5 else ops.power(base, p)


TURNS: dict[str, dict[float, tuple[str, float]]] = {
    "sin": {0.5: ("cos", 1.0), -0.5: ("cos", -1.0), 1.0: ("sin", -1.0), -1.0: ("sin", -1.0)},
    "cos": {0.5: ("sin", -1.0), -0.5: ("sin", 1.0), 1.0: ("cos", -1.0), -1.0: ("cos", -1.0)},
}
"""A wave that is shifted by some times π, as another one and its sign."""


def _wave(n: Node) -> Node:
    inner = n.args[0]
    if inner.op is not ops.LIN:
        return _folded(n)
    name, sign = TURNS[n.op.name].get(inner.data.bias / math.pi, (n.op.name, 1.0))
    bias = 0.0 if inner.data.bias / math.pi in TURNS[n.op.name] else inner.data.bias
    weights = inner.data.weights
    if weights[0] < 0:
        # sin(−x) is −sin(x), and cos(−x) is cos(x).
        bias, weights, sign = -bias, -weights, -sign if name == "sin" else sign
    made = ops.unary(name, _sum(ops.linear(bias, weights, inner.args)))
    return made if sign > 0 else ops.lin(0.0, (-1.0, made))


_BY_OP: dict[str, Callable[[Node], Node]] = {
    "lin": _sum,
    "mul": _gathered,
    "div": _gathered,
    "pow": lambda n: _gathered(n) if n.args[1].op is ops.CONST else n,
    "sqrt": _gathered,
    "exp": _gathered,
    "log": _logarithm,
    "sin": _wave,
    "cos": _wave,
}
