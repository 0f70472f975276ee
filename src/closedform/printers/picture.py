"""Pictures of boxes and arrows, before they are written for a program that lays them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """One box: the lines of its text, and its kind (input, output, value, constant, test, leaf)."""

    lines: tuple[str, ...]
    kind: str = "value"


@dataclass(frozen=True)
class Arrow:
    """An arrow between two boxes, by their positions in the picture, and what is said on it."""

    start: int
    end: int
    label: str = ""


@dataclass
class Picture:
    """Boxes and arrows.

    Attributes:
        parts: the boxes.
        arrows: the arrows between them.
        frames: titles of groups of boxes, and where each group begins and ends in `parts`.
        notes: sentences below the picture.
    """

    parts: list[Part] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    frames: list[tuple[str, int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, *lines: str) -> int:
        """Add a box and return its position."""
        self.parts.append(Part(tuple(line for line in lines if line), kind))
        return len(self.parts) - 1

    def join(self, start: int, end: int, label: str = "") -> None:
        """Add an arrow."""
        self.arrows.append(Arrow(start, end, label))

    def framed(self) -> Iterator[tuple[str, list[int]]]:
        """Yield each group of boxes with its title; those in none come first, without one."""
        inside = {i for _, begin, end in self.frames for i in range(begin, end)}
        yield "", [i for i in range(len(self.parts)) if i not in inside]
        for title, begin, end in self.frames:
            yield title, list(range(begin, end))
