"""scikit-learn: which kernel a model means, by name or as an object; and how large it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families import kernels as k
from closedform.families.kernels import Kernel
from closedform.ir import Array, Node
from closedform.readers.reading import Reading

POINTS = 5000
"""Kernels of one point each up to which a model is read; a linear kernel folds, whatever there are.

A formula of 5,000 points in 30 columns is read in 1 s and saved in 4 MB; each point is a term, so
that nobody reads what is longer than a page anyway.
"""

PARTS = 20_000
"""Nodes up to which a kernel is read that has some for each point and column: |xᵢ − cᵢ| is two."""

SQUARED = 1000
"""Points up to which a variance is read: it weighs all pairs of points, a million numbers here."""

SEEN = 1e-10
"""From this share of a value on, rounding is said to be seen in it."""

CANCEL = "the weights of neighbouring points all but cancel: rounding moves the prediction, too"
SMALLER = (
    "Train it on fewer points, or a Nystroem map of them; or a model that has a short formula on "
    "its predictions."
)
REFIT = "Refit with kernel='rbf', or train a model that has a formula on its predictions."

Parameters = Mapping[str, Any]


def _gamma(given: Parameters, otherwise: float) -> float:
    return otherwise if given.get("gamma") is None else float(given["gamma"])


def _number(given: Parameters, name: str, otherwise: float) -> float:
    return otherwise if given.get(name) is None else float(given[name])


def _polynomial(given: Parameters, width: int) -> Kernel:
    degree = _number(given, "degree", 3)
    return k.polynomial(_gamma(given, 1 / width), _number(given, "coef0", 1), degree)


NAMED: dict[str, Callable[[Parameters, int], Kernel]] = {
    "linear": lambda given, width: k.linear(),
    "poly": _polynomial,
    "polynomial": _polynomial,
    "rbf": lambda given, width: k.gaussian_by(_gamma(given, 1 / width)),
    "laplacian": lambda given, width: k.laplacian(_gamma(given, 1 / width)),
    "sigmoid": lambda given, width: k.hyperbolic(
        _gamma(given, 1 / width), _number(given, "coef0", 1)
    ),
    "chi2": lambda given, width: k.chi_squared(_gamma(given, 1.0)),
    "additive_chi2": lambda given, width: k.additive_chi_squared(),
    "cosine": lambda given, width: k.cosine(),
}
"""Kernels of `sklearn.metrics.pairwise`, with what their own functions do without parameters."""

NOT_BELOW_ZERO = {"chi2", "additive_chi2"}
"""Kernels that raise on a value below 0."""


def named_kernel(
    model: Any, kernel: Any, given: Parameters, columns: Sequence[Node], reading: Reading
) -> Kernel | None:
    """Return the kernel that a model means; None, and a problem, where it has no formula.

    Args:
        kernel: the name of a kernel, or one of `sklearn.gaussian_process`.
        given: gamma, coef0 and degree; None stands for the kernel's own default.
        columns: what the kernel reads.
    """
    name = type(model).__name__
    if kernel == "precomputed":
        reading.problem(f"{name}(kernel='precomputed') has no formula: its kernel is a matrix, not "
                        "a function.", REFIT)  # fmt: skip
        return None
    if isinstance(kernel, str) and kernel in NAMED:
        if kernel in NOT_BELOW_ZERO:
            refuse_below_zero(columns, reading)
        return NAMED[kernel](given, len(columns))
    if any(parent.__name__ == "Kernel" for parent in type(kernel).__mro__):
        return process_kernel(kernel, columns, reading)
    shown = repr(kernel) if isinstance(kernel, str) else getattr(kernel, "__name__", "…")
    reading.problem(f"{name}(kernel={shown}) has no formula: what this kernel computes is not "
                    "known.", REFIT)  # fmt: skip
    return None


def refuse_below_zero(columns: Sequence[Node], reading: Reading) -> None:
    """Note that the model raises where a column is below 0."""
    for x in columns:
        reading.refuse(ops.less(x, ops.const(0.0)))


def fits(model: Any, points: Array, kernel: Kernel, reading: Reading) -> bool:
    """Tell whether a model is small enough to be a formula; note a problem where it is not.

    Args:
        points: shape (points, columns).
    """
    count, name = len(points), type(model).__name__
    if kernel.of_point * count > POINTS:
        reading.problem(
            f"This {name} is a sum over {count:,} training points; more than {POINTS:,} kernels "
            "are no formula.", SMALLER,
        )  # fmt: skip
        return False
    if kernel.of_column * points.size > PARTS:
        reading.problem(
            f"The kernel of this {name} has a term for each of {count:,} points and "
            f"{points.shape[1]} columns; more than {PARTS:,} of them are no formula.",
            "Use kernel='rbf', whose distance is one term. " + SMALLER,
        )
        return False
    return True


# --- kernels of Gaussian processes --------------------------------------------------------------


def _matern(kernel: Any, columns: Sequence[Node], reading: Reading) -> Kernel | None:
    if kernel.nu == np.inf:
        return k.gaussian(kernel.length_scale)
    if float(kernel.nu) in k.MATERN:
        return k.matern(kernel.length_scale, float(kernel.nu))
    reading.problem(
        f"Matern(nu={kernel.nu:g}) has no formula in elementary functions.",
        "Refit with nu=0.5, 1.5, 2.5 or inf, which have one.",
    )
    return None


def _pair(kernel: Any, columns: Sequence[Node], reading: Reading) -> tuple[Kernel, Kernel] | None:
    made = [process_kernel(part, columns, reading) for part in (kernel.k1, kernel.k2)]
    return (made[0], made[1]) if made[0] is not None and made[1] is not None else None


def _sum(kernel: Any, columns: Sequence[Node], reading: Reading) -> Kernel | None:
    pair = _pair(kernel, columns, reading)
    return pair and k.added(*pair)


def _product(kernel: Any, columns: Sequence[Node], reading: Reading) -> Kernel | None:
    pair = _pair(kernel, columns, reading)
    if pair is None:
        return None
    for constant, other in ((kernel.k1, pair[1]), (kernel.k2, pair[0])):
        if type(constant).__name__ == "ConstantKernel":
            return k.scaled(other, float(constant.constant_value))
    return k.multiplied(*pair)


def _power(kernel: Any, columns: Sequence[Node], reading: Reading) -> Kernel | None:
    inner = process_kernel(kernel.kernel, columns, reading)
    return inner and k.raised(inner, float(kernel.exponent))


def _pairwise(kernel: Any, columns: Sequence[Node], reading: Reading) -> Kernel | None:
    given = {"gamma": kernel.gamma, **(kernel.pairwise_kernels_kwargs or {})}
    return named_kernel(kernel, kernel.metric, given, columns, reading)


PROCESS: dict[str, Callable[[Any, Sequence[Node], Reading], Kernel | None]] = {
    "ConstantKernel": lambda m, columns, reading: k.constant(float(m.constant_value)),
    "WhiteKernel": lambda m, columns, reading: k.noise(float(m.noise_level)),
    "RBF": lambda m, columns, reading: k.gaussian(m.length_scale),
    "Matern": _matern,
    "RationalQuadratic": lambda m, columns, reading: k.rational_quadratic(
        float(m.length_scale), float(m.alpha)
    ),
    "ExpSineSquared": lambda m, columns, reading: k.periodic(
        float(m.length_scale), float(m.periodicity)
    ),
    "DotProduct": lambda m, columns, reading: k.linear(float(m.sigma_0) ** 2),
    "PairwiseKernel": _pairwise,
    "Sum": _sum,
    "Product": _product,
    "Exponentiation": _power,
}
"""Kernels of `sklearn.gaussian_process`, each with how it is read."""


def process_kernel(kernel: Any, columns: Sequence[Node], reading: Reading) -> Kernel | None:
    """Return the kernel of a Gaussian process; None, and a problem, where it has no formula."""
    name = type(kernel).__name__
    if name in PROCESS and type(kernel).__module__.startswith("sklearn."):
        return PROCESS[name](kernel, columns, reading)
    known = ", ".join(PROCESS)
    reading.problem(f"The kernel {name} is not known.", f"These are: {known}.")
    return None
