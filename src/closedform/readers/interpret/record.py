"""interpret: an explainable boosting machine as a record, from a live model or its JSON file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.families.binned import Bins, Cuts, Groups
from closedform.ir import Array, frozen
from closedform.ops.payloads import Label
from closedform.readers.reading import plain_label

VERSION = "1.0"
"""The version of the JSON that is read; interpret says that others may differ."""
CATEGORIES = ("nominal", "ordinal")

FITS: dict[str, Callable[[int, int], bool]] = {
    **dict.fromkeys(("identity", "log"), lambda classes, scores: classes == 0 and scores == 1),
    **dict.fromkeys(("mlogit", "vlogit"), lambda classes, scores: classes == scores >= 2),
    "logit": lambda classes, scores: classes == 2 and scores == 1,
    "monoclassification": lambda classes, scores: classes == 1 and scores == 1,
}
"""Name of a link → whether it goes with so many classes and scores."""


@dataclass(frozen=True, eq=False)
class Machine:
    """The terms of an explainable boosting machine, and what their sum becomes.

    Attributes:
        names: of the columns.
        bins: of each column; a second level, where there is one, is that of pairs, and so forth.
        terms: the positions of the columns that each term reads.
        scores: what each term adds, shape (bins of its columns …) or (bins …, classes).
        intercept: shape (1,), or (classes,) of more than two classes.
        link: identity, log, logit, mlogit, vlogit or monoclassification.
        classes: of a classifier, in its order.
    """

    names: tuple[str, ...]
    bins: tuple[tuple[Bins, ...], ...]
    terms: tuple[tuple[int, ...], ...]
    scores: tuple[Array, ...]
    intercept: Array
    link: str
    classes: tuple[Label, ...] | None

    def bins_of(self, term: Sequence[int]) -> list[Bins]:
        """Return the bins of the columns of a term: the finest, or those of its level."""
        return [self.bins[i][min(len(self.bins[i]), len(term)) - 1] for i in term]

    def categories(self) -> set[str]:
        """Return the names of all categories."""
        levels = (level for levels in self.bins for level in levels)
        return {str(name) for level in levels if isinstance(level, Groups) for name in level.bins}

    def checked(self) -> Machine:
        """Return the record itself.

        Raises:
            ValueError: the scores do not fit the bins, or the classes the link.
        """
        fits = FITS.get(self.link)
        if self.intercept.ndim != 1 or (
            fits and not fits(len(self.classes or ()), len(self.intercept))
        ):
            raise ValueError(f"{self.intercept.shape} intercepts and a link of {self.link!r:.40}")
        for term, scores in zip(self.terms, self.scores, strict=True):
            shape = tuple(b.count for b in self.bins_of(term))
            shape += () if len(self.intercept) == 1 else (len(self.intercept),)
            if scores.shape != shape:
                raise ValueError(f"scores of shape {scores.shape} for bins of {shape}")
        return self


def machine_of(model: Any) -> Machine:
    """Return the record of a fitted model."""
    kinds = zip(model.feature_types_in_, model.bins_, strict=True)
    classes = getattr(model, "classes_", None)
    return Machine(
        names=tuple(str(n) for n in model.feature_names_in_),
        bins=tuple(tuple(_level(kind, level) for level in levels) for kind, levels in kinds),
        terms=tuple(tuple(int(i) for i in term) for term in model.term_features_),
        scores=tuple(frozen(scores) for scores in model.term_scores_),
        intercept=frozen(np.ravel(model.intercept_)),
        link=str(model.link_),
        classes=None if classes is None else tuple(plain_label(c) for c in classes),
    ).checked()


def _level(kind: str, level: Any) -> Bins:
    if kind not in CATEGORIES:
        return Cuts(frozen(level))
    return Groups(
        {str(name): int(i) for name, i in level.items()}, max(level.values(), default=0) + 2
    )


def machine_in(document: dict[str, Any]) -> Machine:
    """Return the record in the JSON that `to_json` has written; any detail will do.

    Raises:
        KeyError, TypeError, ValueError: it is not what such a file holds.
    """
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']!r}, where {VERSION!r} is known")
    inner = document["ebm"]
    (output,) = inner["outputs"]
    names = [_text(feature["name"]) for feature in inner["features"]]
    at = {name: i for i, name in enumerate(names)}
    if len(at) < len(names):
        raise ValueError("two columns of one name")
    classes = [_class(c) for c in output["classes"]] if "classes" in output else None
    return Machine(
        names=tuple(names),
        bins=tuple(tuple(_levels_in(feature)) for feature in inner["features"]),
        terms=tuple(tuple(at[n] for n in term["term_features"]) for term in inner["terms"]),
        scores=tuple(_numbers(term["scores"]) for term in inner["terms"]),
        intercept=np.atleast_1d(_numbers(inner["intercept"])),
        link=_text(output["link"]),
        classes=None if classes is None else tuple(classes),
    ).checked()


def _levels_in(feature: dict[str, Any]) -> list[Bins]:
    if feature["type"] in CATEGORIES:
        return [_groups(level) for level in feature["categories"]]
    if feature["type"] != "continuous":
        raise ValueError(f"a column of type {feature['type']!r}")
    return [_cuts(level) for level in feature["cuts"]]


def _cuts(level: Any) -> Cuts:
    edges = frozen(_numbers(level) if len(level) else [])
    if edges.ndim != 1 or not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
        raise ValueError("cuts that do not rise")
    return Cuts(edges)


def _groups(level: Any) -> Groups:
    bins: dict[Label, int] = {}
    for i, group in enumerate(level, 1):
        for name in group if isinstance(group, list) else [group]:
            bins[_text(name)] = i
    return Groups(bins, len(level) + 2)


def _numbers(values: Any) -> Array:
    """Return numbers, shape as nested; "nan", "+inf" and "-inf" stand for what JSON lacks."""
    made: Array = np.array(values, dtype=np.float64)
    return frozen(made)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _class(value: Any) -> Label:
    if not isinstance(value, str | int | float):
        raise TypeError(f"{value!r:.40} is no class")
    return value
