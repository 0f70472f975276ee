"""The picture of a frontier with matplotlib, in scikit-learn's convention for displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from closedform.errors import MissingExtra

if TYPE_CHECKING:
    from closedform.frontiers.front import Frontier

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
"""Colours that the colour-blind tell apart (Okabe and Ito, Color Universal Design, 2008)."""


Found = TypeVar("Found")


def axes_for(ax: Any, purpose: str, size: tuple[float, float] = (7.0, 4.5)) -> Any:
    """Return the axes to draw on: those that are given, or new ones, on which nothing is cropped.

    Args:
        ax: axes of matplotlib's, or None.
        purpose: what is drawn, for the error.
        size: of a new figure, in inches.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingExtra("matplotlib", "plot", purpose) from None
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


class Display(Generic[Found]):
    """A picture: `plot(ax)` draws it, and says where.

    Attributes:
        found: what is drawn.
        ax_, figure_: where it was drawn.
    """

    ax_: Any
    figure_: Any

    def __init__(self, found: Found) -> None:
        """Hold what is drawn; `plot` draws it."""
        self.found = found

    def drawn_on(self, ax: Any) -> Self:
        """Return itself, drawn on these axes."""
        self.ax_, self.figure_ = ax, ax.figure
        return self


class FrontierDisplay(Display["Frontier"]):
    """Error against length: each formula a point, the best one marked."""

    found: Frontier

    def plot(self, ax: Any = None) -> FrontierDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's; default: new ones.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        ax = axes_for(ax, "drawing a frontier")
        front, entries = self.found, self.found.entries
        lengths = [max(e.length, 1) for e in entries]
        ax.plot(
            lengths, [e.error for e in entries], "o-", color=BLUE, label=f"against {front.against}"
        )
        if front.observed:
            against_y = [e.error_y for e in entries]
            ax.plot(lengths, against_y, "s--", color=ORANGE, label="against what was observed")
            ax.axhline(front.model_error, color=GREY, linewidth=0.8, linestyle=":")
            ax.text(1, front.model_error, " the model's own", color=GREY, va="bottom", ha="left",
                    transform=ax.get_yaxis_transform(), fontsize="small")  # fmt: skip
        best = entries[front.choice.index]
        ax.plot([max(best.length, 1)], [best.error], "o", markersize=14, fillstyle="none",
                color=BLUE, label="best")  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlabel("length: symbols to read")
        ax.set_ylabel("error" + (": " + front.about if len(front.about) < 48 else ""))
        ax.set_title(front.source or "frontier", wrap=True)
        ax.legend()
        return self.drawn_on(ax)
