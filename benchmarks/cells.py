"""What `shorter.py` measures, in pieces that run by themselves: a model and who shortens it.

A cell is named by its words, as "shortening rule tanh 0 frontier"; `measure` gives its records,
as plain values, as they are found.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from driving import Cell, Record

NETWORKS = ("tanh", "relu")
TREES = ("rf", "hgb")
TRUTHS = ("linear", "additive", "interaction", "ratio", "rule", "dense")
GROUPS: dict[str, tuple[str, ...]] = {
    "frontier": ("frontier",),
    "ours": ("terms", "students", "tree", "rules"),
    "peers": ("scikit-learn's tree", "LASSO", "FIGS", "EBM", "pystreed", "RuleFit"),
}
"""Contenders that are measured together, on one model."""
DATA = ("diabetes", "breast-cancer", "friedman-1", "two-classes")
BOOSTERS = ("HistGradientBoosting", "GradientBoosting", "XGBoost", "LightGBM")
QUESTIONS = ("law", "pruned", "rows", "ensemble", "fresh")
EACH = 15.0
"""Seconds for each of the four methods that a booster is shortened by."""


def models() -> Iterator[tuple[str, str]]:
    """Yield truth and model: a network of each activation for each, and trees for the rule."""
    yield from product(TRUTHS, NETWORKS)
    yield from product(("rule",), TREES)


def all_cells(seeds: int, peer_seeds: int) -> list[Cell]:
    """Return the cells, what matters most first, so that a run cut short has measured that.

    Args:
        seeds: how many seeds, from 0 on.
        peer_seeds: for how many of them peers are fitted, too.
    """
    each = [str(seed) for seed in range(seeds)]
    few = each[:peer_seeds]
    shortening = [("shortening", *m, seed) for seed in each for m in models()]
    return [
        *((*cell, "frontier") for cell in shortening),
        *(("proofs", question, seed) for question in QUESTIONS for seed in each),
        *((*cell, "ours") for cell in shortening),
        *(("ensembles", d, b, s) for s in few for d, b in product(DATA, BOOSTERS)),
        *(("snapping", *cell[1:]) for cell in shortening if cell[2] in NETWORKS),
        *((*cell, "peers") for cell in shortening if cell[3] in few),
    ]


def subject_of(truth: str, model: str, seed: int, kept: Path) -> Any:
    """Return a model with its rows, trained once and kept as a file."""
    from shortening import Subject

    path = kept / f"{truth}-{model}-{seed}.pkl"
    if path.exists():
        return Subject.of(truth, model, seed, pickle.loads(path.read_bytes()))
    subject = Subject.of(truth, model, seed)
    kept.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(pickle.dumps(subject.formula))
    part.replace(path)  # another cell may be reading it
    return subject


def _shortening(words: Cell, limit: float, kept: Path) -> Iterator[Record]:
    from shortening import contend

    truth, model, seed, group = words
    subject = subject_of(truth, model, int(seed), kept)
    for name in GROUPS[group]:
        yield asdict(contend(name, subject, limit))


def _snapping(words: Cell, limit: float, kept: Path) -> Iterator[Record]:
    from snapping import measured

    truth, model, seed = words
    for found in measured(subject_of(truth, model, int(seed), kept), limit):
        yield asdict(found)


def _ensembles(words: Cell, limit: float, kept: Path) -> Iterator[Record]:
    from ensembles import scored

    data, booster, seed = words
    yield asdict(scored(data.replace("-", " "), booster, int(seed), min(EACH, limit / 4)))


def _proofs(words: Cell, limit: float, kept: Path) -> Iterator[Record]:
    from proofs import answers

    question, seed = words
    for answer in answers(question, int(seed)):
        yield asdict(answer)


KINDS: dict[str, Callable[[Cell, float, Path], Iterator[Record]]] = {
    "shortening": _shortening,
    "snapping": _snapping,
    "ensembles": _ensembles,
    "proofs": _proofs,
}


def measure(cell: Cell, limit: float, kept: Path) -> Iterator[Record]:
    """Yield the records of a cell.

    Args:
        cell: its words.
        limit: seconds for each contender.
        kept: a folder for trained models.
    """
    warnings.simplefilter("ignore")  # of peers, on their own dependencies
    yield from KINDS[cell[0]](cell[1:], limit, kept)
