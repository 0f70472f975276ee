"""Units of the inputs and the output, by pint: laws that break them are not looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from closedform import ops
from closedform.errors import BadInput, MissingExtra, first_line
from closedform.formula import Feature
from closedform.laws.groups import Dimension, groups_of, without_units
from closedform.laws.sought import Sought

FINEST = 12
"""Powers of units are fractions with denominators up to this."""


def dimensions_of(
    units: Any,
    inputs: Sequence[Feature],
    read: Sequence[Feature],
    outputs: Sequence[str],
    classifies: bool,
) -> tuple[dict[int, Dimension], dict[str, Dimension]]:
    """Return the dimension of each input by its position, and of each output by its name.

    Args:
        units: names of columns → units, as "kg", "m/s^2" or pint's own objects; "" has none.
        inputs: all inputs.
        read: those that the model reads: each needs a unit.
        outputs: the names of its outputs; of a single one, "y" stands for it too.
        classifies: log-odds have no units, and none need be given.

    Raises:
        BadInput: a unit that pint does not know, a column without one, or a name that is no column.
        MissingExtra: pint is not installed.
    """
    if not isinstance(units, Mapping):
        raise BadInput(f"units={units!r:.60} is no dict.", hint='As {"m": "kg", "y": "J"}.')
    told = {str(name): unit for name, unit in units.items()}
    of_inputs = {f.name for f in inputs}
    if len(outputs) == 1 and "y" in told.keys() - of_inputs and outputs[0] not in told:
        told[outputs[0]] = told.pop("y")
    wanted = [*(f.name for f in read), *(() if classifies else outputs)]
    _refuse_names(told, wanted, [*outputs, *(f.name for f in inputs)])
    made = _parsed(told)
    of_outputs: dict[str, Dimension] = {name: made.get(name, {}) for name in outputs}
    found = {i: made[f.name] for i, f in enumerate(inputs) if f.name in made}
    return found, of_outputs


def _refuse_names(told: Mapping[str, Any], wanted: Sequence[str], known: Sequence[str]) -> None:
    absent = [name for name in wanted if name not in told]
    strange = [name for name in told if name not in known]
    if absent or strange:
        parts = [f"there is no unit for {', '.join(absent)}"] if absent else []
        parts += [f"{', '.join(strange)}: no such column"] if strange else []
        raise BadInput(
            f"units: {'; '.join(parts)}.",
            hint='Give one for every input and output; "" for a number without units. They are '
            f"called {', '.join(known)}.",
        )


def _parsed(told: Mapping[str, Any]) -> dict[str, Dimension]:
    try:
        import pint
    except ImportError:
        raise MissingExtra("pint", "units", "units=") from None
    registry: Any = pint.UnitRegistry()
    made: dict[str, Dimension] = {}
    problems = []
    for name, unit in told.items():
        try:
            found = registry.parse_units(_text(unit)).dimensionality
        except Exception as problem:  # pint raises its own, and Python's, for what it cannot parse
            problems.append(f"{name!r} has the unit {unit!r}: {first_line(problem)}")
            continue
        made[name] = {
            str(base).strip("[]"): Fraction(float(power)).limit_denominator(FINEST)
            for base, power in found.items()
        }
    if problems:
        raise BadInput(
            f"units: {'; '.join(problems)}.", hint='Units as pint knows them: "kg", "m/s^2", "".'
        )
    return made


def _text(unit: Any) -> str:
    text = str(getattr(unit, "units", unit)).strip()
    return "" if text in ("1", "-") else text


def in_units(
    sought: Sequence[Sought], inputs: Mapping[int, Dimension], outputs: Mapping[str, Dimension]
) -> list[Sought]:
    """Return what is looked for over numbers without units.

    Raises:
        BadInput: no product of powers of the inputs has the units of an output.
    """
    made = []
    for one, output in zip(sought, outputs.values(), strict=True):
        own = [inputs[n.data] for n in one.columns if n.op is ops.INPUT]
        if len(own) < len(one.columns):
            raise BadInput(
                "Units are for numbers: the model reads texts, or values are missing.",
                hint="Leave units out, or give numbers without gaps.",
            )
        groups = groups_of(own, output, one.problem.rows)
        if groups is None:
            raise BadInput(
                f"No product of powers of the inputs has the units of {one.name}: {_told(output)}.",
                hint="Give what is missing as an input too: a constant with units as a column of "
                f"its own. The inputs have {', '.join(sorted({_told(d) for d in own}))}.",
            )
        made.append(without_units(one, groups))
    return made


def _told(dimension: Dimension) -> str:
    parts = [name if p == 1 else f"{name}^{p}" for name, p in sorted(dimension.items())]
    return " ".join(parts) or "no units"
