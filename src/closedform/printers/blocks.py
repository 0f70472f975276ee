"""What a formula for people is laid out from: equations, cases, rules, matrices, sentences.

Every string in a block is already spelled in the target; a layout only puts blocks on the page.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """Plain words around names: `{0} must not be missing.` and the spelled names."""

    template: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Equation:
    """left = right; `note` says for what it holds, as "for each class c"."""

    left: str
    right: str
    note: Sentence | None = None


@dataclass(frozen=True)
class Cases:
    """left is the value of the first row whose condition holds, else `otherwise`."""

    left: str
    rows: tuple[tuple[str, str], ...]
    otherwise: str | None
    left_out: int = 0


@dataclass(frozen=True)
class Lookup:
    """left is the number beside a label."""

    left: str
    rows: tuple[tuple[str, str], ...]
    left_out: int = 0


@dataclass(frozen=True)
class Boundary:
    """The equation that holds where the predicted class changes, between two classes."""

    between: tuple[str, ...]
    equation: str


@dataclass(frozen=True)
class Rule:
    """One leaf of a tree: its values, the conditions that lead there, and what is known of it.

    Rules that are asked in order have another `word` than "when": if, else if, else.
    """

    values: tuple[str, ...]
    conditions: tuple[str, ...]
    facts: Sentence
    word: str = "when"

    @property
    def lead(self) -> str:
        """What stands before the conditions, with a space behind it; all there is without them."""
        if self.conditions:
            return f"{self.word} "
        return "always" if self.word == "when" else self.word


@dataclass(frozen=True)
class Rules:
    """The leaves of one tree; `left` names its values, `title` the tree."""

    title: str
    left: tuple[str, ...]
    rules: tuple[Rule, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Matrix:
    """A matrix, or a vector where `vector`, as spelled numbers; of `shape` before it was cut.

    Attributes:
        name: what it is called.
        entries: rows of numbers; "…" stands where some are left out.
        shape: rows and columns of the whole.
    """

    name: str
    entries: tuple[tuple[str, ...], ...]
    shape: tuple[int, int]
    vector: bool = False


Block = Sentence | Equation | Cases | Lookup | Boundary | Rules | Matrix
Page = list[list[Block]]
"""Paragraphs of blocks."""
