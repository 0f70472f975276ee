"""Questions about the structure of a law: each takes it apart into smaller problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from closedform.discover.problem import Problem
from closedform.discover.structure.bilinear import bilinear
from closedform.discover.structure.directed import directed
from closedform.discover.structure.merging import merges
from closedform.discover.structure.parametric import parametric
from closedform.discover.structure.powers import power_factors, scalings
from closedform.discover.structure.separable import sums_and_products, through_transforms
from closedform.discover.structure.split import Split
from closedform.discover.structure.turned import turned

Question = Callable[[Problem, np.random.Generator], Iterator[Split]]

QUESTIONS: tuple[Question, ...] = (
    power_factors, sums_and_products, merges, through_transforms, scalings, directed, bilinear,
    turned, parametric,
)  # fmt: skip
"""In the order in which they are asked: the surest first, and what leaves the least to find."""

__all__ = ["QUESTIONS", "Question", "Split"]
