"""The picture of where an answer is least and greatest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from closedform.explanations.drawing import COLOURS, GREY, Display, Lanes, across, named

if TYPE_CHECKING:
    from closedform.explanations.extremes import Extremes

MARKS = {"least": "v", "greatest": "^"}


class ExtremesDisplay(Display["Extremes"]):
    """Where in its range each number is, at the least and at the greatest answer of each side."""

    found: Extremes

    def plot(self, ax: Any = None) -> ExtremesDisplay:
        """Draw on axes of matplotlib's, or new ones, and return itself.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        found = self.found
        lanes = Lanes.of(found.features)
        ax = lanes.axes(ax, "drawing where answers are extreme")
        ax.hlines(lanes.places, 0, 1, color=GREY, linewidth=0.8)
        for k, (reached, shares) in enumerate(zip(found.reached, found.shares, strict=True)):
            lift = 0.1 * (k % 2) - 0.05
            label = f"{reached.direction}, {reached.side}: {reached.value:.4g}"
            ax.plot(shares, lanes.places + lift, MARKS[reached.direction],
                    color=COLOURS.get(reached.side, GREY), label=named(label, 60))  # fmt: skip
        for place, name in zip(lanes.places, found.features, strict=True):
            ax.annotate(named(self._labels(name), 80), (0.5, place), xytext=(0, 4), ha="center",
                        textcoords="offset points", fontsize="small")  # fmt: skip
        ax.set_xticks([0, 0.5, 1], ["least seen", "middle", "greatest seen"])
        ax.set_title(named(f"Where {found.output} is least and greatest", across(ax)))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=3, ncols=2,
                  fontsize="small")  # fmt: skip
        return self.drawn_on(ax)

    def _labels(self, name: str) -> str:
        """Return what an input that is no number is; both sides together where they agree."""
        said: dict[str, dict[str, str]] = {}
        for r in self.found.reached:
            if not isinstance(r.point[name], float):
                said.setdefault(r.direction, {})[r.side] = str(r.point[name])
        told = []
        for direction, by_side in said.items():
            if len(set(by_side.values())) == 1:
                told.append(f"{direction}: {next(iter(by_side.values()))}")
            else:
                told += [f"{direction}, {side}: {label}" for side, label in by_side.items()]
        return "; ".join(told)
