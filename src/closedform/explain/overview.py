"""Importance and the most important effects in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.explain.drawing import height
from closedform.explain.effects import Effect, EffectDisplay
from closedform.explain.importance import Importance, ImportanceDisplay
from closedform.frontiers.picture import axes_for

ACROSS = 3
"""Effects side by side."""
BARS = 12


class ExplanationDisplay:
    """Bars of the importance of each input, and below them the effects of the first.

    Attributes:
        importance, effects: what is drawn.
        axes_, figure_: where it was drawn: the axes of the importance, and of each effect.
        ax_: those of the importance.
    """

    def __init__(self, importance: Importance, effects: Sequence[Effect]) -> None:
        """Hold what is drawn; `plot` draws it."""
        self.importance = importance
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
        ImportanceDisplay(self.importance).plot(axes[0], most=BARS)
        for place, effect in zip(axes[1:], self.effects, strict=True):
            EffectDisplay(effect).plot(place)
            if place.get_legend() is not None:
                place.get_legend().remove()
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        return self

    def _new(self) -> list[Any]:
        rows = -(-len(self.effects) // ACROSS)
        shown = min(self.importance.inputs, BARS)
        top = height(shown, len(self.importance.values))
        figure = axes_for(None, "drawing an explanation", (11.0, top + 3.0 * rows)).figure
        figure.clear()
        grid = figure.add_gridspec(1 + rows, ACROSS, height_ratios=[top, *[3.0] * rows])
        places = [divmod(k, ACROSS) for k in range(len(self.effects))]
        return [
            figure.add_subplot(grid[0, :]),
            *(figure.add_subplot(grid[1 + row, column]) for row, column in places),
        ]
