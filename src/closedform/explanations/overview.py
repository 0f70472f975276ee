"""Importance and the most important effects in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.drawing import Display, Lanes
from closedform.explanations.effects import Effect, EffectDisplay
from closedform.explanations.importance import Importance, ImportanceDisplay
from closedform.frontiers.picture import axes_for

ACROSS = 3
"""Effects side by side."""
BARS = 12


class ExplanationDisplay(Display[Importance]):
    """Bars of the importance of each input, and below them the effects of the first.

    Attributes:
        effects: what is drawn below.
        axes_: where it was drawn: the axes of the importance (`ax_`), and of each effect.
    """

    def __init__(self, importance: Importance, effects: Sequence[Effect]) -> None:
        """Hold what is drawn; `plot` draws it."""
        super().__init__(importance)
        self.effects = tuple(effects)

    def plot(self, ax: Sequence[Any] | None = None) -> ExplanationDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's, one for the importance and one for each effect; default: new
                ones.

        Raises:
            BadInput: there are other numbers of axes and effects.
            MissingExtra: matplotlib is not installed.
        """
        wanted = 1 + len(self.effects)
        axes = self._new() if ax is None else list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != wanted:
            raise BadInput(f"{len(axes)} axes were given.", hint=f"Give {wanted}.")
        ImportanceDisplay(self.found).plot(axes[0], most=BARS)
        for place, effect in zip(axes[1:], self.effects, strict=True):
            EffectDisplay(effect).plot(place)
            if place.get_legend() is not None:
                place.get_legend().remove()
        self.axes_ = axes
        return self.drawn_on(axes[0])

    def _new(self) -> list[Any]:
        rows = -(-len(self.effects) // ACROSS)
        names = [self.found.names[i] for i in self.found.order[:BARS]]
        top = 1.0 + Lanes.of(names, len(self.found.values)).height
        figure = axes_for(None, "drawing an explanation", (11.0, top + 3.0 * rows)).figure
        figure.clear()
        grid = figure.add_gridspec(1 + rows, ACROSS, height_ratios=[top, *[3.0] * rows])
        places = [divmod(k, ACROSS) for k in range(len(self.effects))]
        return [
            figure.add_subplot(grid[0, :]),
            *(figure.add_subplot(grid[1 + row, column]) for row, column in places),
        ]
