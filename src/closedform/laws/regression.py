"""`SymbolicRegression`: the same search as an estimator in scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from closedform.errors import BadInput, MissingExtra
from closedform.formula import Formula
from closedform.ir import Array
from closedform.laws.distilling import distill
from closedform.laws.found import Laws
from closedform.progress import Wanted

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import validate_data
except ImportError:
    raise MissingExtra("scikit-learn 1.6 or later", "sklearn", "SymbolicRegression") from None

if TYPE_CHECKING:
    import pandas
    import sympy
    from sklearn.utils import Tags


class SymbolicRegression(RegressorMixin, BaseEstimator):
    """Finds the law that a model has learned, or that data follow, and predicts by it.

    An estimator like any other: it can be cloned, searched over and put into pipelines.

    Attributes:
        model: anything that `distill` asks; it is never refitted, nor cloned with the estimator.
            None: the data alone.
        operators, units, time_limit, n_jobs, noise, engines, tolerance, progress: as of `distill`.
        random_state: a whole number, the seed, or a `RandomState` to draw it from; None for 0.
        laws_: the `Laws` found by `fit`.
        formula_: the best of them.
        equations_: all of them as a DataFrame.
        n_features_in_, feature_names_in_: of the rows that `fit` saw.
    """

    def __init__(
        self, model: Any = None, *, operators: Sequence[str] | None = None, units: Any = None,
        time_limit: float | None = 60, n_jobs: int | None = None, random_state: Any = 0,
        noise: float | None = None, engines: Sequence[str] | None = None,
        tolerance: float | None = None, progress: Wanted = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.operators = operators
        self.units = units
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.noise = noise
        self.engines = engines
        self.tolerance = tolerance
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the laws.

        Args:
            X: rows, shape (rows, inputs); with a model, as it takes them.
            y: what was observed, shape (rows,) or (rows, outputs). With a model it may be absent;
                where it is given, constants are fitted to it as well.

        Raises:
            BadInput: as of `distill`; of kind ValueError.
        """
        _refuse_repeated(X)
        # A model may take texts and gaps; `distill` looks at them by itself.
        self._numeric = self.model is None or _is_table_of_numbers(X)
        checked_X, checked_y = _checked(self, X, y)
        rows = X if hasattr(X, "columns") else checked_X
        if checked_y is None and self.model is None:
            raise BadInput(
                "This SymbolicRegression has no model, and requires y to be passed, but the target "
                "y is None.",
                hint="fit(X, y), or SymbolicRegression(model).fit(X).",
            )
        seed = _seed(self.random_state)
        self.laws_: Laws = distill(
            self.model, rows, checked_y, operators=self.operators, units=self.units,
            time_limit=self.time_limit, n_jobs=self.n_jobs, seed=seed, noise=self.noise,
            engines=self.engines, tolerance=self.tolerance, progress=self.progress,
        )  # fmt: skip
        return self

    @property
    def formula_(self) -> Formula:
        """The best law."""
        return self._fitted().best

    @property
    def equations_(self) -> pandas.DataFrame:
        """All laws, the shortest first: length, errors, method, formula."""
        return self._fitted().to_frame()

    def predict(self, X: Any) -> Array:
        """Return what the best law says of rows, shape (rows,) or (rows, outputs)."""
        law = self._fitted().best
        if not self._numeric:
            _remember(self, X, reset=False)
            return np.asarray(law(X))
        table = _validated(self, X, reset=False)
        return np.asarray(law(table[:, self.places_of(law)]))

    def places_of(self, law: Formula) -> list[int]:
        """Return the column of the rows that each input of a law is, by name where there are names.

        A model that is asked may have its inputs in another order than the rows.
        """
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        inputs = [feature.name for feature in law.inputs]
        if set(inputs) <= set(names):
            return [names.index(name) for name in inputs]
        return list(range(len(inputs)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² of what the best law says; of a classifier's law, the share that is right."""
        from sklearn.metrics import accuracy_score, r2_score

        measure = accuracy_score if self._fitted().classifies else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def latex(self, index: int | None = None) -> str:
        """Return a law as LaTeX; without a number, the best."""
        return str(self._law(index).to("latex"))

    def sympy(self, index: int | None = None) -> sympy.Expr:
        """Return a law as SymPy's expression; without a number, the best."""
        return self._law(index).to("sympy")

    def _law(self, index: int | None) -> Formula:
        laws = self._fitted()
        found: Formula = laws.best if index is None else laws[index]
        return found

    def _fitted(self) -> Laws:
        laws: Laws | None = vars(self).get("laws_")
        if laws is None:
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                "This SymbolicRegression instance is not fitted yet. Call 'fit' first."
            )
        return laws

    def __sklearn_clone__(self) -> Self:
        """Return the same unfitted, with the model itself: a copy would have learned nothing."""
        options = self.get_params(deep=False)
        model = options.pop("model")
        return type(self)(model, **{name: deepcopy(value) for name, value in options.items()})

    def __sklearn_tags__(self) -> Tags:
        """Return what scikit-learn asks of an estimator."""
        tags: Tags = super().__sklearn_tags__()
        tags.target_tags.required = self.model is None
        tags.target_tags.multi_output = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Tell whether `fit` has been called."""
        return "laws_" in vars(self)


def _seed(state: Any) -> Any:
    """Return a whole number for whatever scikit-learn takes as a random state."""
    if isinstance(state, np.random.RandomState):
        return int(state.randint(2**31))
    return 0 if state is None else state


def _checked(estimator: SymbolicRegression, X: Any, y: Any) -> Any:
    """Return rows and targets as scikit-learn checks them."""
    if not estimator._numeric:
        _remember(estimator, X, reset=True)
        return X, y
    if y is None:
        return _validated(estimator, X, reset=True), None
    rows, observed = _validated(estimator, X, reset=True, y=y)
    named = getattr(y, "name", None) or hasattr(y, "columns")
    return rows, y if named else observed


def _refuse_repeated(X: Any) -> None:
    names = [str(name) for name in getattr(X, "columns", ())]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadInput(
            f"X has several columns called {', '.join(map(repr, repeated))}.",
            hint="Give each column a name of its own.",
        )


def _is_table_of_numbers(X: Any) -> bool:
    kinds = [np.asarray(X[name]).dtype.kind for name in X.columns] if hasattr(X, "columns") else []
    return all(kind in "fiub" for kind in kinds) and np.ndim(X) == 2


def _remember(estimator: SymbolicRegression, X: Any, *, reset: bool) -> None:
    from sklearn.utils.validation import _check_feature_names, _check_n_features

    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)


def _validated(estimator: SymbolicRegression, X: Any, *, reset: bool, y: Any = None) -> Any:
    if y is None:
        return validate_data(estimator, X, reset=reset, dtype="numeric")
    return validate_data(
        estimator, X, y, reset=reset, dtype="numeric", multi_output=True, y_numeric=True,
        ensure_min_samples=2,
    )  # fmt: skip
