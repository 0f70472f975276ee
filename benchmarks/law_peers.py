"""What others make of the same rows: each gives expressions, and the CPU seconds that it had.

| who | settings |
|---|---|
| PyOperon | the ones that did best on 32 equations: population and pool 1,000, ten steps of Levenberg-Marquardt, length 20, r2 and length; 100 rows, or all where they are noisy (three steps) |
| gplearn | population 1,000, its functions add, sub, mul, div, sqrt, log, sin, cos, parsimony "auto" |
| HROCH | as it comes |

Their clocks are of the wall; so that a busy machine costs them nothing, they are run in short turns,
each going on where the last one stopped, until their CPU seconds are spent.
"""  # noqa: E501

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from equations import Array

SYMBOLS = "add,sub,mul,div,sqrt,square,exp,log,sin,cos,asin,constant,variable"
FEW_ROWS = 100
TURN = 5
"""Generations: 0.2 to 1.5 seconds."""


@dataclass(frozen=True)
class Rows:
    """What a peer is fitted to.

    Attributes:
        X: shape (rows, inputs).
        y: shape (rows,).
        noisy: whether `y` is.
        seconds: of CPU time that it may take.
        seed: of everything random.
    """

    X: Array
    y: Array
    noisy: bool
    seconds: float
    seed: int

    def turns(self) -> Iterator[int]:
        """Yield 0, 1, … until the time is spent."""
        started, turn = time.process_time(), 0
        while turn == 0 or time.process_time() - started < self.seconds:
            yield turn
            turn += 1


Peer = Callable[[Rows], list[Any]]
"""Rows → expressions: formulas, or SymPy's over x0, x1, …"""


def pyoperon(rows: Rows) -> list[Any]:
    """Search by PyOperon; all of its front."""
    from pyoperon.sklearn import SymbolicRegressor

    import closedform as cf

    some = slice(None) if rows.noisy else slice(FEW_ROWS)
    model = SymbolicRegressor(
        allowed_symbols=SYMBOLS, population_size=1_000, pool_size=1_000, max_length=20,
        optimizer_iterations=3 if rows.noisy else 10, objectives=["r2", "length"], epsilon=1e-9,
        tournament_size=5, n_threads=1, generations=TURN, max_evaluations=10**9, max_time=10**6,
        warm_start=True,
    )  # fmt: skip
    for turn in rows.turns():
        model.set_params(random_state=1_000 * rows.seed + turn)
        model.fit(rows.X[some], rows.y[some])
    front = []
    for member in model.pareto_front_:
        one = copy.copy(model)
        one.model_ = member["tree"]
        front.append(cf.read(one))
    return front


def gplearn(rows: Rows) -> list[Any]:
    """Search by gplearn; the best program of the last generation."""
    from gplearn.genetic import SymbolicRegressor

    model = SymbolicRegressor(
        population_size=1_000, generations=0, random_state=rows.seed, warm_start=True,
        function_set=("add", "sub", "mul", "div", "sqrt", "log", "sin", "cos"),
        parsimony_coefficient="auto", const_range=(-5.0, 5.0),
    )  # fmt: skip
    for turn in rows.turns():
        model.set_params(generations=turn + 1)
        model.fit(rows.X, rows.y)
    # Protected operations are read as plain ones, which is generous.
    return [_spoken(str(model._program))]


def _spoken(text: str) -> Any:
    import sympy

    names = {f"X{i}": sympy.Symbol(f"x{i}", real=True) for i in range(20)}
    calls = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b, "sqrt": sympy.sqrt, "log": sympy.log,
    }  # fmt: skip
    return sympy.parse_expr(text, local_dict=names | calls)


def hroch(rows: Rows) -> list[Any]:
    """Search by HROCH; its best."""
    import sympy
    from HROCH import SymbolicRegressor
    from sklearn.utils.validation import validate_data

    class Model(SymbolicRegressor):  # type: ignore[misc]
        """Theirs, with what scikit-learn 1.9 no longer has."""

        _estimator_type = "regressor"

        def _validate_data(self, *args: Any, **options: Any) -> Any:
            return validate_data(self, *args, **options)

    model = Model(time_limit=1.0, num_threads=1, random_state=rows.seed + 1, warm_start=True)
    for _ in rows.turns():
        model.fit(rows.X, rows.y)
    names = {f"x{i}": sympy.Symbol(f"x{i}", real=True) for i in range(rows.X.shape[1])}
    text = re.sub(r"\^", "**", str(model.sexpr_))
    return [sympy.parse_expr(text, local_dict=names)]


PEERS: dict[str, Peer] = {"pyoperon": pyoperon, "gplearn": gplearn, "hroch": hroch}
