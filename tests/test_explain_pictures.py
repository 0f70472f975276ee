"""What pictures of explanations show is whole, and nothing lies on anything else."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import closedform as cf

RANDOM = np.random.default_rng(0)
NAMES = [
    f"the quantity that was measured $daily$, in units of its own, no {i:02d}" for i in range(9)
]
X = pd.DataFrame(RANDOM.normal(size=(120, 9)), columns=NAMES)
PARTS = {
    "importance": lambda told: told.importance.plot(),
    "coefficients": lambda told: told.coefficients.plot(),
    "interactions": lambda told: told.interactions.plot(),
    "terms": lambda told: told.terms.plot(),
    "bars": lambda told: told.integrated_gradients.plot(),
    "swarm": lambda told: told.integrated_gradients.beeswarm(),
    "waterfall": lambda told: told.integrated_gradients.waterfall(0),
    "extremes": lambda told: told.extremes.plot(),
}


@pytest.fixture(scope="module")
def told():
    model = LinearRegression().fit(X, X.to_numpy() @ np.arange(1, 10.0))
    return cf.explain(model, X, time_limit=5)


@pytest.mark.parametrize("part", PARTS)
def test_no_name_is_cropped_or_lies_on_another(told, part):
    drawn = PARTS[part](told)
    drawn.figure_.canvas.draw()
    ticks = drawn.ax_.get_yticklabels()
    boxes = [tick.get_window_extent() for tick in ticks if tick.get_text()]
    assert min(box.x0 for box in boxes) >= 0
    lowest = [box.y0 for box in boxes[:-1]]
    # A pixel of rounding.
    assert all(box.y1 <= above + 1 for box, above in zip(boxes[1:], lowest, strict=True))
    plt.close(drawn.figure_)


def test_effects_side_by_side_do_not_write_over_each_other(told):
    drawn = told.plot()
    drawn.figure_.canvas.draw()
    labels = [axes.xaxis.label.get_window_extent() for axes in drawn.axes_[1:4]]
    assert all(a.x1 <= b.x0 for a, b in pairwise(labels))
    plt.close(drawn.figure_)


def test_a_legend_hides_no_bar():
    model = LinearRegression().fit(X[NAMES[:2]], X[NAMES[0]] + X[NAMES[1]])
    drawn = cf.explain(model, X[NAMES[:2]]).importance.plot()
    drawn.figure_.canvas.draw()
    box = drawn.ax_.get_legend().get_window_extent()
    assert not any(box.overlaps(bar.get_window_extent()) for bar in drawn.ax_.patches)
    plt.close(drawn.figure_)


def test_how_rows_move_is_drawn_no_farther_than_answers_go():
    rows = RANDOM.normal(size=(200, 2)) * [4, 1]
    model = LogisticRegression().fit(rows, rows.sum(axis=1) > 0)
    drawn = cf.explain(model, rows).effect(0).plot()
    for band in drawn.ax_.collections[:2]:
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() >= 0 and heights.max() <= 1
    plt.close(drawn.figure_)
