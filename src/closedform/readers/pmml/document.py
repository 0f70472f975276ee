"""The elements of a PMML file: attributes as numbers and truths, arrays and matrices."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

import numpy as np

from closedform.ir import Array

MOST_CELLS = 1 << 24
"""Numbers of one array or matrix: 128 MiB."""


class Element:
    """One element: its name without a prefix, its attributes, the elements in it, and its text."""

    __slots__ = ("attributes", "children", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        """Start an element."""
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""

    def __iter__(self) -> Iterator[Element]:
        """Iterate over the elements in it."""
        return iter(self.children)

    def all(self, *tags: str) -> list[Element]:
        """Return the elements in it with one of some names."""
        return [c for c in self.children if c.tag in tags]

    def child(self, *tags: str) -> Element | None:
        """Return the first element in it with one of some names; None where there is none."""
        return next((c for c in self.children if c.tag in tags), None)

    def one(self, *tags: str) -> Element:
        """Return the first element in it with one of some names.

        Raises:
            KeyError: there is none.
        """
        found = self.child(*tags)
        if found is None:
            raise KeyError(f"{self.tag} without {' or '.join(tags)}")
        return found

    def within(self, tag: str) -> list[Element]:
        """Return the elements in the child of some name; none where it is not there."""
        found = self.child(tag)
        return [] if found is None else found.children

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute as text."""
        return self.attributes.get(name, default)

    def need(self, *names: str) -> str:
        """Return the first attribute that is there of some names (a field was once a `name`).

        Raises:
            KeyError: none of them is there.
        """
        for name in names:
            if name in self.attributes:
                return self.attributes[name]
        raise KeyError(f"{self.tag} without {names[0]}")

    def number(self, name: str, default: float | None = None) -> float:
        """Return an attribute as a number.

        Raises:
            KeyError: it is not there, and there is no default.
            ValueError: it is no number.
        """
        if default is not None and name not in self.attributes:
            return default
        return real(self.need(name))

    def count(self, name: str, default: int | None = None) -> int:
        """Return an attribute as a whole number; raises as `number` does."""
        found = self.number(name, None if default is None else float(default))
        if not found.is_integer():
            raise ValueError(f"{name} is {found}, no whole number")
        return int(found)

    def truth(self, name: str, default: bool) -> bool:
        """Return an attribute that is true or false."""
        return TRUTHS[self.get(name)] if name in self.attributes else default


TRUTHS = {"true": True, "1": True, "false": False, "0": False}
"""How XML spells a truth."""

_REAL = re.compile(r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)\s*",
                   re.IGNORECASE)  # fmt: skip


def real(text: str) -> float:
    """Return a number as XML and Java spell it.

    Raises:
        ValueError: it is none.
    """
    if not _REAL.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no number")
    return float(text)


def reals(texts: Iterable[str]) -> Array:
    """Return numbers as XML and Java spell them, shape (texts,); `real` for many of them.

    Raises:
        ValueError: one of them is none.
    """
    found = list(texts)
    made = np.array(list(map(float, found)), dtype=np.float64)
    whole = "".join(found)
    if "_" in whole or not whole.isascii():  # all that Python reads as a number and XML does not
        raise ValueError("a number is spelt as Python does, or with other digits than 0 to 9")
    return made


# --- arrays -------------------------------------------------------------------------------------

ARRAYS = ("Array", "REAL-SparseArray", "INT-SparseArray")
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', re.DOTALL)


def items(array: Element) -> list[str]:
    """Return the texts in an Array: with blanks between them, or in double quotes.

    Raises:
        ValueError: there are not as many as it says.
    """
    text = array.text
    if '"' not in text:
        found = text.split()
    else:
        found = [re.sub(r"\\(.)", r"\1", m[1]) if m[2] is None else m[2]
                 for m in _ITEM.finditer(text)]  # fmt: skip
    if "n" in array.attributes and array.count("n") != len(found):
        raise ValueError(f"an array of {array.get('n')} has {len(found)} entries")
    return found


def numbers(array: Element) -> Array:
    """Return an Array or a sparse one as numbers, shape (entries,).

    Raises:
        ValueError: it holds no numbers, not as many as it says, or too many to be meant.
    """
    if array.tag == "Array":
        return np.array([real(x) for x in items(array)])
    size, fill = array.count("n"), array.number("defaultValue", 0.0)
    if not 0 <= size <= MOST_CELLS:
        raise ValueError(f"an array of {size} numbers")
    places = [int(x) for x in array.one("Indices").text.split()] if array.child("Indices") else []
    entries = array.child("REAL-Entries", "INT-Entries")
    values = [] if entries is None else [real(x) for x in entries.text.split()]
    made = np.full(size, fill)
    for place, value in zip(places, values, strict=True):
        if not 1 <= place <= size:
            raise ValueError(f"an entry {place} in an array of {size}")
        made[place - 1] = value
    return made


def matrix(element: Element) -> Array:
    """Return a Matrix, shape (rows, columns); symmetric ones are filled up.

    Raises:
        ValueError: rows of several lengths, or entries beyond.
    """
    kind, rows = element.get("kind", "any"), [numbers(a) for a in element.all(*ARRAYS)]
    if kind == "diagonal" and rows:
        return np.diag(rows[0])
    width = element.count("nbCols", max((len(r) for r in rows), default=0))
    height = element.count("nbRows", len(rows))
    if not (width >= 0 and height >= 0 and width * height <= MOST_CELLS):
        raise ValueError(f"a matrix of {height} × {width}")
    made = np.full((height, width), element.number("offDiagDefault", 0.0))
    if "diagDefault" in element.attributes:
        np.fill_diagonal(made, element.number("diagDefault"))
    for i, row in enumerate(rows):
        made[i, : len(row)] = row
        if kind == "symmetric":
            made[: len(row), i] = row
    for cell in element.all("MatCell"):
        made[cell.count("row") - 1, cell.count("col") - 1] = real(cell.text)
    return made


def near(x: float) -> float:
    """Return a number as a float32 has it; beyond its range infinite."""
    with np.errstate(over="ignore"):
        made = float(np.float32(x))
    return made if not math.isnan(made) else math.nan
