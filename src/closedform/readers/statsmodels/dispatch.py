"""statsmodels: which model is read in which way, and why some are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform.errors import NotFitted, UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Array
from closedform.readers.prediction import Prediction, formula_of
from closedform.readers.reading import NO_FORMULA, Columns, Reading
from closedform.readers.statsmodels import outputs
from closedform.readers.statsmodels.design import Design
from closedform.readers.statsmodels.gam import additive, additive_inputs
from closedform.readers.statsmodels.inputs import Given, Inputs, design_of

Results = Any


@dataclass(frozen=True)
class Kind:
    """How a class of models is read.

    Attributes:
        output: what it predicts.
        extras: which of "offset" and "exposure" predict takes.
        logged: whether predict takes no array as an exposure.
        inputs: what the model is given, where that is not one matrix or one frame.
    """

    output: outputs.Output
    extras: tuple[str, ...] = ()
    logged: bool = False
    inputs: Callable[[Any, Inputs], Design | None] | None = None


def _with_inflation(model: Any, inputs: Inputs) -> Design | None:
    """Note the columns of the count model, then those of the certain zeros."""
    names = [str(n) for n in model.exog_names]
    k = int(model.k_inflate)
    design = _main(model, inputs, names[k:])
    own = [n.removeprefix("inflate_") for n in names[:k]]
    if model._no_exog_infl:
        inputs.takes["exog_infl"] = [-1]
    else:
        inputs.matrix("exog_infl", own, getattr(model, "exog_infl", None))
    return design


def _with_hurdle(model: Any, inputs: Inputs) -> Design | None:
    """Note the columns, which both parts share; the model has names of its own for them."""
    given = getattr(getattr(model, "data", None), "orig_exog", None)
    names = getattr(given, "columns", [n.removeprefix("zm_") for n in model.exog_names])
    return _main(model, inputs, [str(n) for n in names])


BOTH = ("offset", "exposure")
KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        (
            "OLS",
            "WLS",
            "GLS",
            "GLSAR",
            "GLSHet",
            "GLSHet2",
            "QuantReg",
            "RLM",
            "TLinearModel",
            "IV2SLS",
        ),
        Kind(outputs.linear),
    ),
    "MixedLM": Kind(outputs.fixed_effects),
    "GLM": Kind(outputs.generalised, BOTH),
    "GEE": Kind(outputs.generalised, BOTH),
    "GLMGam": Kind(additive, BOTH, inputs=additive_inputs),
    "BetaModel": Kind(outputs.beta),
    "Logit": Kind(outputs.logit, ("offset",)),
    "Probit": Kind(outputs.probit, ("offset",)),
    "MNLogit": Kind(outputs.multinomial),
    "OrderedModel": Kind(outputs.ordered, ("offset",)),
    "Poisson": Kind(outputs.counts, BOTH),
    "NegativeBinomial": Kind(outputs.counts, BOTH),
    "NegativeBinomialP": Kind(outputs.counts, BOTH, logged=True),
    "GeneralizedPoisson": Kind(outputs.counts, BOTH, logged=True),
    **dict.fromkeys(
        (
            "ZeroInflatedPoisson",
            "ZeroInflatedGeneralizedPoisson",
            "ZeroInflatedNegativeBinomialP",
        ),
        Kind(outputs.zero_inflated, BOTH, inputs=_with_inflation),
    ),
    **dict.fromkeys(
        ("TruncatedLFPoisson", "TruncatedLFNegativeBinomialP", "TruncatedLFGeneralizedPoisson"),
        Kind(outputs.truncated, BOTH),
    ),
    "HurdleCountModel": Kind(outputs.hurdle, BOTH, inputs=_with_hurdle),
    "PHReg": Kind(outputs.linear, ("offset",)),
}
"""Each class of models of statsmodels that is read; subclasses that predict alike are, too."""

OF_GROUPS = "Its predict gives nothing: the intercepts of the groups are not known."
TIME = (
    "It predicts from the rows before, not from a row; read a regression on lagged columns instead."
)
WINDOW = "It has other parameters for each window of rows; read the one of a window as an OLS."
REASONS: dict[str, str] = {
    **dict.fromkeys(("ConditionalLogit", "ConditionalPoisson", "ConditionalMNLogit"), OF_GROUPS),
    "OrdinalGEE": "Its predict takes rows that are expanded to one for each cut; use OrderedModel.",
    "NominalGEE": "Its predict takes rows that are expanded to one for each class; use MNLogit.",
    "RecursiveLS": WINDOW,
    "RollingOLS": WINDOW,
    "RollingWLS": WINDOW,
    "KernelReg": "It keeps its training rows; a KNeighborsRegressor of scikit-learn has a formula.",
    "QIF": "It has no predict; a GEE has.",
}
"""What to do about models without a formula, where more can be said than NO_FORMULA."""


def read_model(model: Results, names: Sequence[str] | None = None) -> Formula:
    """Return the fitted results of a statsmodels model as a formula of what their predict gives.

    Args:
        model: what `fit` (or `fit_regularized`, `fit_constrained`) has returned.
        names: names of the inputs, for a model that was not trained by a formula; without those
            of columns of ones, or with them.

    Raises:
        UnsupportedModel: parts without a formula, all at once.
        NotFitted: the model itself was given, and not its results.
        BadInput: `names` does not fit the model.
    """
    inner, params = _fitted(model)
    kind, name = _kind_of(inner)
    inputs = Inputs()
    design = (kind.inputs or _plain_inputs)(inner, inputs)
    for extra in kind.extras:
        if _was_given(inner, extra):
            inputs.single(extra)
    if kind.logged:
        inputs.takes["logged"] = []
    known = inputs.named(names)

    def predict(columns: Columns, reading: Reading) -> Prediction:
        return kind.output(inner, params, Given(inputs, columns, reading, design))

    made = formula_of(predict, known, source=name, reader=_reader_name())
    options = inputs.options | {"constant": [known[i] for i in sorted(inputs.constant)]}
    return replace(made, trail=(replace(made.trail[0], options=options),))


def _plain_inputs(model: Any, inputs: Inputs) -> Design | None:
    return _main(model, inputs, [str(n) for n in model.exog_names])


def _main(model: Any, inputs: Inputs, names: Sequence[str]) -> Design | None:
    """Note the frame of a model formula, or the columns of the matrix."""
    design = design_of(model)
    if design is not None:
        inputs.frame(design)
        return design
    values = getattr(model, "exog", None)
    width = len(names) if values is None else np.shape(values)[1]
    inputs.matrix("exog", list(names)[:width], values)
    return None


def _fitted(model: Results) -> tuple[Any, Array]:
    """Return the model inside fitted results, and its parameters.

    Raises:
        NotFitted: a model was given, not its results.
        UnsupportedModel: what was given is neither.
    """
    # The wrapper around results puts names on the parameters, and gives NaN where these are not its
    # own (a GLM with an offset in 0.14); predict takes them as they are.
    results = vars(model).get("_results", model)
    inner, params = getattr(results, "model", None), getattr(results, "params", None)
    name = type(model).__name__
    if inner is not None and params is not None:
        _refuse_own(results, "predict")
        _kind_of(inner)
        return inner, np.asarray(params, dtype=np.float64)
    if name in KINDS:
        raise NotFitted(
            f"This {name} is a model without its results.",
            hint="Give what its fit() returns: read(model.fit()).",
        )
    raise _refusal(name, type(model).__module__)


def _kind_of(inner: Any) -> tuple[Kind, str]:
    """Return how a model is read, and the name of its class.

    Raises:
        UnsupportedModel: it is not.
    """
    own = type(inner).__name__
    _refuse_own(inner, "predict", "cdf", "prob", "transform_threshold_params")
    _refuse_own(getattr(inner, "family", None), "fitted")
    # The first class of statsmodels itself must be in the table: some override what they inherit.
    kind = next(c for c in type(inner).__mro__ if _is_packaged(c))
    if kind.__name__ not in KINDS:
        raise _refusal(own, type(inner).__module__)
    return KINDS[kind.__name__], own


def _is_packaged(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("statsmodels", "builtins")


def _refuse_own(thing: Any, *methods: str) -> None:
    """Refuse an object whose own class, outside statsmodels, has one of some methods.

    Raises:
        UnsupportedModel: it has.
    """
    for kind in type(thing).__mro__:
        found = () if _is_packaged(kind) else sorted(set(methods).intersection(vars(kind)))
        for name in found:
            raise UnsupportedModel(
                f"{type(thing).__name__} has a {name}() of its own, whose formula is not known.",
                hint=NO_FORMULA,
            )


def _refusal(name: str, module: str) -> UnsupportedModel:
    hint = TIME if module.startswith("statsmodels.tsa") else REASONS.get(name, NO_FORMULA)
    return UnsupportedModel(
        f"{name} is not among the models of statsmodels that can be read.", hint=hint
    )


def _was_given(model: Any, name: str) -> bool:
    """Tell whether a model was trained with an offset or an exposure."""
    value = getattr(model, name, None)
    told = getattr(model, f"_has_{name}", None)
    if told is not None:
        return bool(told)
    return value is not None and np.ndim(value) > 0


def _reader_name() -> str:
    import statsmodels

    return f"statsmodels {statsmodels.__version__}"
