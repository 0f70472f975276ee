"""One place in a JSON document that nobody trusts, and where it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from closedform.errors import BadFile
from closedform.ir import Array
from closedform.ops.payloads import Label
from closedform.store.values import SPECIAL

_AGAIN: Final = "Save the formula again, or undo what was changed in the file by hand."
_KINDS: Final = {
    dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a whole number",
    float: "a number", type(None): "null",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spot:
    """A JSON value, and the path to it from the top: `$.nodes[12].args`.

    Every method that reads a value raises BadFile where the value is not of that kind.
    """

    value: Any
    path: str

    def wrong(self, what: str, hint: str = _AGAIN) -> BadFile:
        """Return the error that says what is wrong here."""
        return BadFile(f"{self.path}: {what}.", hint=hint)

    def _of(self, kind: type) -> Any:
        if type(self.value) is not kind:
            found = _KINDS.get(type(self.value), f"a {type(self.value).__name__}")
            raise self.wrong(f"here should be {_KINDS[kind]}, not {found}")
        return self.value

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Spot]:
        """Return an object's fields; all that are required, and none that is not known."""
        found = self._of(dict)
        absent = [name for name in required if name not in found]
        unknown = [name for name in found if name not in required and name not in optional]
        if absent:
            raise self.wrong(f"the field {absent[0]!r} is absent")
        if unknown:
            raise self.wrong(f"there is no field {_short(unknown[0])} here")
        return {name: Spot(value, f"{self.path}.{name}") for name, value in found.items()}

    def items(self) -> list[Spot]:
        """Return a list's items."""
        return [Spot(value, f"{self.path}[{i}]") for i, value in enumerate(self._of(list))]

    def pairs(self) -> list[tuple[Spot, Spot]]:
        """Return a list of lists of two."""
        found = [item.items() for item in self.items()]
        for i, pair in enumerate(found):
            if len(pair) != 2:
                raise Spot(pair, f"{self.path}[{i}]").wrong("here should be two values")
        return [(first, second) for first, second in found]

    def text(self) -> str:
        """Return a text."""
        return str(self._of(str))

    def truth(self) -> bool:
        """Return true or false."""
        return bool(self._of(bool))

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(item.text() for item in self.items())

    def bits(self, size: int | None = None) -> Array:
        """Return a text of zeros and ones as booleans, `size` of them where it is given."""
        text = self.text()
        if text.strip("01"):
            raise self.wrong("here should be a text of 0 and 1")
        if size is not None and len(text) != size:
            raise self.wrong(f"{len(text)} signs stand here, not {size}")
        flags: Array = np.frombuffer(text.encode("ascii"), dtype=np.uint8) == ord("1")
        return flags

    def whole(self, stop: int, start: int = 0) -> int:
        """Return a whole number with start ≤ number < stop."""
        found = int(self._of(int))
        if not start <= found < stop:
            raise self.wrong(f"{_short(found)} is not between {start} and {stop - 1}")
        return found

    def wholes(self, stop: int, start: int = 0, size: int | None = None) -> list[int]:
        """Return a list of such whole numbers, `size` of them where it is given."""
        found: list[int] = self._of(list)
        self._sized(len(found), size)
        if not set(map(type, found)) <= {int} or not all(start <= i < stop for i in found):
            for item in self.items():
                item.whole(stop, start)
        return found

    def _sized(self, found: int, size: int | None) -> None:
        if size is not None and found != size:
            raise self.wrong(f"{found} values stand here, not {size}")

    def number(self) -> float:
        """Return a number; "nan", "inf" and "-inf" are numbers too."""
        if type(self.value) is str and self.value in SPECIAL:
            return SPECIAL[self.value]
        if type(self.value) not in (int, float):
            raise self.wrong('here should be a number, "nan", "inf" or "-inf"')
        return float(self._finite(lambda: float(self.value)))

    def numbers(self, size: int | None = None) -> Array:
        """Return a list of numbers as float64, `size` of them where it is given."""
        found = self._of(list)
        self._sized(len(found), size)
        if set(map(type, found)) <= {int, float}:
            array: Array = self._finite(lambda: np.array(found, dtype=np.float64))
            return array
        return np.array([item.number() for item in self.items()], dtype=np.float64)

    def _finite(self, convert: Callable[[], Any]) -> Any:
        try:
            made = convert()
            if np.isfinite(made).all():
                return made
        except OverflowError:
            pass
        # 1e999 is a number in JSON, and no float64.
        raise self.wrong("a number here is too large", hint='Infinity is written as "inf".')

    def label(self) -> Label | None:
        """Return a label, None for no label."""
        if type(self.value) is dict:
            special = self.fields(["float"])["float"]
            if special.text() not in SPECIAL:
                raise special.wrong('here should be "nan", "inf" or "-inf"')
            return SPECIAL[special.text()]
        if self.value is None or type(self.value) in (bool, int, str):
            return self.value  # type: ignore[no-any-return]
        if type(self.value) is float and math.isfinite(self.value):
            return self.value
        raise self.wrong("here should be a label: a text, a number, true, false or null")

    def labels(self) -> tuple[Any, ...]:
        """Return a list of labels."""
        return tuple(item.label() for item in self.items())

    def fact(self) -> Any:
        """Return what a pass noted: lists as tuples."""
        if type(self.value) is list:
            return tuple(item.fact() for item in self.items())
        if type(self.value) is dict and list(self.value) != ["float"]:
            spots = {key: Spot(v, f"{self.path}[{_short(key)}]") for key, v in self.value.items()}
            return {key: spot.fact() for key, spot in spots.items()}
        return self.label()


def _short(value: object) -> str:
    if isinstance(value, int) and abs(value) > 1 << 64:
        return "a number that large"
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "…"
