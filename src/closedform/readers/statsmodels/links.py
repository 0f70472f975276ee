"""Link functions of generalised linear models: from the linear predictor to the mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from closedform import ops
from closedform.families.additive import complement
from closedform.families.links import cauchy_cdf, gumbel_cdf, least_cdf, normal_cdf
from closedform.ir import Node

Inverse = Callable[[Node], Node]


def plain_least_cdf(z: Node) -> Node:
    """Return 1 − exp(−exp(z)), as statsmodels computes it."""
    return complement(ops.exp(_minus(ops.exp(z))))


def _minus(x: Node) -> Node:
    return ops.lin(0, (-1, x))


def _power(link: Any) -> Inverse:
    """Return the inverse of z = μ^p: the root of z, in the shortest spelling."""
    p = float(link.power)
    spelled: dict[float, Inverse] = {
        1.0: lambda z: z,
        0.5: lambda z: ops.mul(z, z),
        -1.0: lambda z: ops.div(ops.const(1), z),
        2.0: ops.sqrt,
        -2.0: lambda z: ops.div(ops.const(1), ops.sqrt(z)),
    }
    return spelled.get(p, lambda z: ops.power(z, 1 / p))


def _negative_binomial(link: Any) -> Inverse:
    """Return −1 / (α(1 − exp(−z)))."""
    alpha = float(link.alpha)
    return lambda z: ops.div(ops.const(-1), ops.lin(alpha, (-alpha, ops.exp(_minus(z)))))


DISTRIBUTIONS: dict[str, Inverse] = {
    "norm": normal_cdf,
    "logistic": ops.sigmoid,
    "cauchy": cauchy_cdf,
    "gumbel_r": gumbel_cdf,
    "gumbel_l": least_cdf,
}
"""Distribution functions, by their names in scipy.stats, at location 0 and scale 1."""


def distribution(found: Any) -> Inverse | None:
    """Return the distribution function of one of scipy's distributions; None if not known."""
    own = type(found).__module__.startswith("scipy.stats")
    return DISTRIBUTIONS.get(str(getattr(found, "name", ""))) if own else None


LINKS: dict[str, Callable[[Any], Inverse | None]] = {
    "Logit": lambda link: ops.sigmoid,
    "Power": _power,
    "Log": lambda link: ops.exp,
    "LogC": lambda link: lambda z: complement(ops.exp(z)),
    "CDFLink": lambda link: distribution(link.dbn),
    "CLogLog": lambda link: plain_least_cdf,
    "LogLog": lambda link: gumbel_cdf,
    "NegativeBinomial": _negative_binomial,
}
"""Classes of statsmodels' links; others inherit from these without changing the inverse."""

TASK_LINKS = {"Logit": "logit", "Log": "log"}
"""Links that `Task` has a word for; a power of 1 is the identity."""


def inverse_of(link: Any) -> tuple[str, Inverse | None]:
    """Return the name of a link and its inverse; None where it has no formula that is known."""
    for kind in type(link).__mro__:
        if kind.__module__ == "statsmodels.genmod.families.links" and kind.__name__ in LINKS:
            return kind.__name__, LINKS[kind.__name__](link)
        if "inverse" in vars(kind):
            break
    return type(link).__name__, None


def no_link(link: Any, name: str) -> tuple[str, str]:
    """Return what is said of a link without a formula, and what can be done."""
    inner = str(getattr(getattr(link, "dbn", None), "name", ""))
    said = f"The link {name}{f' of {inner}' if inner else ''} has no formula that is known."
    return said, "Use one of statsmodels' other links."


def is_identity(link: Any) -> bool:
    """Tell whether the mean is the linear predictor itself."""
    return float(getattr(link, "power", 0)) == 1.0
