"""Rows to check on, with what the formula says about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.columns import columns_of, flattened
from closedform.errors import BadInput
from closedform.evaluate import evaluate, outside
from closedform.formula import Formula
from closedform.ir import Array, Type
from closedform.ops.payloads import UNSEEN, labels_of
from closedform.probes import worth_trying
from closedform.probes.containers import take
from closedform.verify.certificate import Row
from closedform.verify.measure import terms_of, ties_in_order

GIVEN, MADE_UP = "given", "made up"
EXTREME = ("far", "huge")


@dataclass(frozen=True, eq=False)
class Rows:
    """One set of rows, with what the formula says about them.

    Attributes:
        set: "given" or "made up".
        X: the rows as the model takes them.
        kinds: why each row was made up; "" for a given one.
        columns: the inputs, as `columns_of` gives them.
        outside: which rows lie outside the formula's domain.
        values: the formula's outputs.
        even: which rows have a tie where a nearest few are told from the rest.
    """

    set: str
    X: Any
    kinds: Array
    columns: list[Array]
    outside: Array
    values: Mapping[str, Array]
    even: Array

    @classmethod
    def of(cls, set_: str, formula: Formula, X: Any, kinds: Sequence[str] | None = None) -> Rows:
        """Evaluate the formula on some rows.

        Raises:
            BadInput: the rows do not fit the formula.
        """
        columns, rows = columns_of(formula.inputs, X, formula.needed)
        named = np.array([""] * rows if kinds is None else list(kinds), dtype=object)
        even = ties_in_order(formula, columns, rows)
        return cls(set_, X, named, columns, outside(formula, X), evaluate(formula, X), even)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.kinds)

    def added(self, formula: Formula, names: Sequence[str]) -> dict[str, Array]:
        """Return how large what is added up to some outputs is far outside the data, shape (rows,).

        There a difference of squares keeps but some of its digits, in the model as in the formula.
        It is 0 on other rows.
        """
        made = {name: np.zeros(len(self)) for name in names}
        far = np.flatnonzero(np.isin(self.kinds, EXTREME))
        if len(far):
            columns = [c[far] for c in self.columns]
            sizes = terms_of([formula.outputs[name] for name in names], columns, len(far))
            for name, size in zip(names, sizes, strict=True):
                made[name][far] = size
        return made

    def take(self, picked: Array) -> Rows:
        """Return some of the rows."""
        return Rows(
            self.set,
            take(self.X, picked),
            self.kinds[picked],
            [c[picked] for c in self.columns],
            self.outside[picked],
            {name: values[picked] for name, values in self.values.items()},
            self.even[picked],
        )

    def row(self, formula: Formula, i: int, expected: Any, got: Any) -> Row:
        """Return one row with its inputs, as a certificate shows it."""
        values = {
            f.name: _shown(f.type, c[i]) for f, c in zip(formula.inputs, self.columns, strict=True)
        }
        index = self.X.index[i] if hasattr(self.X, "iloc") and not self.kinds[i] else i
        plain = [v.item() if isinstance(v, np.generic) else v for v in (index, expected, got)]
        return Row(self.set, plain[0], str(self.kinds[i]), values, plain[1], plain[2])


def _shown(type_: Type, value: Any) -> Any:
    if type_ is Type.LABEL:
        return "(unseen)" if value == UNSEEN else labels_of(np.array([value]))[0]
    return float(value)


def row_sets(formula: Formula, X: Any, *, made_up: bool, limit: int, seed: int) -> list[Rows]:
    """Return the rows given and, where wanted, those made up from them.

    Raises:
        BadInput: the rows do not fit the formula, or there are none.
    """
    X = flattened(formula.inputs, X)
    given = Rows.of(GIVEN, formula, X)
    if not len(given):
        raise BadInput("There are no rows to check on.", hint="Give at least one row.")
    if not made_up:
        return [given]
    probes = worth_trying(formula, X, limit=limit, seed=seed)
    return [given, Rows.of(MADE_UP, formula, probes.rows, probes.kinds)]


def apart(rows: Rows) -> Array:
    """Number the rows by how likely the model refuses them: 0 surely, 1 perhaps, 2 hardly."""
    risky = np.isin(rows.kinds, ("missing", "unseen", "zero", *EXTREME))
    return np.where(rows.outside, 0, np.where(risky, 1, 2))
