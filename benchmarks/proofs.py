"""Measure how near proofs come to the truth, and how soon: `python benchmarks/proofs.py`.

Each line is one question with its figure and the bar that it is held to. Gaps are (proven −
greatest found) / greatest found, or / the range of the model's output. A share of rows with the
same label proven stands beside the share on which no sampled corner differs: no proof can give
more than that.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

import closedform as cf
from closedform import ops
from closedform.evaluate import compute
from closedform.formula import Formula, Task, label_above
from closedform.ops.payloads import Pieces
from closedform.verify.bound import certify, certify_around, least_agreement

LINES = "{:46} {:>34} {:>9} {:>9}  {}"


@dataclass(frozen=True)
class Answer:
    """One question, and how it came out.

    Attributes:
        what: the question.
        seed: of everything random.
        figure: what was found, in words.
        value: the number that the bar is held to: a gap, or a share.
        seconds: how long it took.
        boxes: how many boxes were bounded.
        bar: what is aimed at, in words; "" where nothing is.
        met: whether that is reached.
    """

    what: str
    seed: int
    figure: str
    value: float
    seconds: float
    boxes: int
    bar: str
    met: bool | None

    def __str__(self) -> str:
        """Return a line of the table."""
        said = {True: ": met", False: ": MISSED", None: ""}[self.met]
        seconds = f"{self.seconds:.2f} s"
        return LINES.format(self.what, self.figure, seconds, f"{self.boxes:,}", self.bar + said)


def trained(rows: Any, y: Any, hidden: tuple[int, ...], seed: int) -> MLPRegressor:
    """Return a tanh network."""
    made = MLPRegressor(
        hidden_layer_sizes=hidden, activation="tanh", max_iter=400, random_state=seed, tol=1e-7
    )
    return made.fit(rows, y)


def pruned(network: MLPRegressor, share: float) -> MLPRegressor:
    """Return the network without the smallest weights of each layer, by their share."""
    made = copy.deepcopy(network)
    made.coefs_ = [np.where(np.abs(w) < np.quantile(np.abs(w), share), 0, w) for w in made.coefs_]
    return made


def box_of(formula: Formula) -> dict[str, tuple[float, float]]:
    """Return −2 … 2 for each input."""
    return {f.name: (-2.0, 2.0) for f in formula.inputs}


def against_the_law(seed: int) -> Iterator[Answer]:
    """Bound a 2-10-10-1 network against what it learned."""
    rows = np.random.default_rng(seed).uniform(-2, 2, (4000, 2))
    network = trained(rows, rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 0]), (10, 10), seed)
    exact = cf.read(network)
    x, y = (ops.input_(i) for i in range(2))
    law = ops.lin(0, (1, ops.mul(x, y)), (1, ops.sin(ops.lin(0, (2, x)))))
    name = exact.answer[0]
    proof = certify(exact, replace(exact, outputs={name: law}), box_of(exact))
    yield Answer(
        "2-10-10-1 against its law", seed, f"{proof.upper:.5f}, gap {proof.gap:.2%}", proof.gap,
        proof.seconds, proof.boxes, "≤ 1 % in 1 s", proof.gap <= 0.01001 and proof.seconds <= 1,
    )  # fmt: skip


RADIUS = 0.03
"""Of the boxes around rows that the bar is about, in standard deviations."""
SIZES = ((2, 10), (3, 10), (4, 10), (4, 20), (6, 20))
"""Inputs and width of networks that are bounded against themselves, pruned."""


def against_the_pruned(seed: int) -> Iterator[Answer]:
    """Bound networks against themselves without a tenth of their weights."""
    for inputs, width in SIZES:
        yield _against_the_pruned(inputs, width, seed)


def _against_the_pruned(inputs: int, width: int, seed: int) -> Answer:
    rows = np.random.default_rng(seed).uniform(-2, 2, (4000, inputs))
    y = rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 0]) + 0.1 * np.square(rows).sum(axis=1)
    network = trained(rows, y, (width, width), seed)
    exact, shorter = cf.read(network), cf.read(pruned(network, 0.1))
    proof = certify(exact, shorter, box_of(exact))
    share = (proof.upper - proof.lower) / proof.scale
    bar, value, met = "", proof.gap, None
    if width == 10:
        bar, met = "≤ 1 % in 2 s", proof.gap <= 0.01001 and proof.seconds <= 2
    elif inputs == 6:
        # The search ends at its limit of 10 s, and then puts its answer together.
        bar, value = "≤ 7 % of range in 10 s", share
        met = share <= 0.07 and proof.seconds <= 10.5
    return Answer(
        f"{inputs}-{width}-{width}-1 against itself pruned", seed,
        f"{proof.upper:.4f}, gap {proof.gap:.1%}, {share:.1%} of range", value,
        proof.seconds, proof.boxes, bar, met,
    )  # fmt: skip


def law_of_classes(features: tuple[cf.Feature, ...], rows: Any, score: Any) -> Formula:
    """Return the law of the classifier with constants fitted to the network's score."""
    x = [ops.input_(i) for i in range(15)]
    terms = [
        x[0], ops.mul(x[1], x[1]), ops.sin(ops.lin(0, (2, x[2]))), ops.cos(ops.lin(0, (2, x[2]))),
        ops.mul(x[3], x[4]), ops.tanh(x[0]), ops.tanh(x[3]), ops.tanh(x[4]), x[3], x[4],
    ]  # fmt: skip
    columns = [*rows.T.copy()]
    table = np.column_stack([*compute(terms, columns, len(rows)), np.ones(len(rows))])
    score = np.clip(score, -6, 6)
    chance = 1 / (1 + np.exp(-score))
    weight = np.sqrt(chance * (1 - chance) + 0.02)
    fitted = np.linalg.lstsq(table * weight[:, None], score * weight, rcond=None)[0]
    made = ops.linear(fitted[-1], fitted[:-1], terms)
    return _classifier(features, made)


def _classifier(features: tuple[cf.Feature, ...], score: ops.Node) -> Formula:
    outputs = {"label": label_above(score, 0.0, (0, 1)), "score": score}
    return Formula(outputs, features, Task("classification", (0, 1), primary=("label",)))


def around_rows(seed: int) -> Iterator[Answer]:
    """Prove the label of 15-60-60-1 networks around rows."""
    for activation in ("tanh", "relu"):
        yield from _around_rows(activation, seed)


def _around_rows(activation: str, seed: int) -> Iterator[Answer]:
    chance = np.random.default_rng(seed)
    mix = np.linalg.cholesky(0.3 * np.ones((15, 15)) + 0.7 * np.eye(15))
    rows = chance.normal(size=(20000, 15)) @ mix.T
    g = 2 * rows[:, 0] - rows[:, 1] ** 2 + 1.5 * np.sin(2 * rows[:, 2])
    g += 1.5 * rows[:, 3] * rows[:, 4] + 0.5
    y = (chance.random(20000) < 1 / (1 + np.exp(-g))).astype(int)
    network = MLPClassifier(
        hidden_layer_sizes=(60, 60), activation=activation, early_stopping=True,
        random_state=seed, alpha=0.1,
    )  # fmt: skip
    exact = cf.read(network.fit(rows, y))
    score = next(n for n in reversed(exact.nodes) if n.op is ops.LIN and len(n.args) == 60)
    model = _classifier(exact.inputs, score)
    formula = law_of_classes(exact.inputs, rows, model(rows, "score"))
    some = rows[:1000]
    agree = float((model(some) == formula(some)).mean())
    for radius in (0.1, RADIUS, 0.01):
        proof = certify_around(model, formula, some, radius, scale=1.0)
        able = _sampled(model, formula, some, radius, chance)
        # Where the two differ at the row itself there is nothing to prove.
        met = proof.same_share >= 0.89 and proof.seconds <= 1e-3 * len(some)
        yield Answer(
            f"15-60-60-1 {activation}, radius {radius:g}", seed,
            f"{proof.same_share:.1%} of {able:.1%} sampled, {agree:.1%} at rows",
            proof.same_share, proof.seconds, len(some),
            "≥ 89 %, ≤ 1 ms a row" if radius == RADIUS else "", met if radius == RADIUS else None,
        )  # fmt: skip


def _sampled(
    model: Formula, formula: Formula, rows: Any, radius: float, chance: np.random.Generator
) -> float:
    same, want = np.ones(len(rows), bool), model(rows)
    for _ in range(100):
        moved = rows + radius * chance.choice([-1.0, 1.0], rows.shape)
        same &= (model(moved) == want) & (formula(moved) == want)
    return float(same.mean())


def ensemble(seed: int) -> Iterator[Answer]:
    """Bound 100 trees of depth 8 against their additive approximation."""
    chance = np.random.default_rng(seed)
    rows = chance.uniform(-2, 2, (5000, 5))
    y = 2 * rows[:, 0] - rows[:, 1] ** 2 + np.sin(2 * rows[:, 2]) + 0.5 * rows[:, 3] * rows[:, 4]
    model = GradientBoostingRegressor(
        n_estimators=100, max_depth=8, subsample=0.5, random_state=seed
    ).fit(rows, y + 0.1 * chance.normal(size=len(rows)))
    exact = cf.read(model)
    additive = backfitted(rows, model.predict(rows))
    name = exact.answer[0]
    proof = certify(
        exact, replace(exact, outputs={name: additive}), box_of(exact), time_limit=60
    )  # fmt: skip
    yield Answer(
        "100 trees of depth 8 against additive steps", seed,
        f"{proof.upper:.4f}, gap {proof.gap:.1%}", proof.gap, proof.seconds, proof.boxes,
        "bounded in 60 s", bool(np.isfinite(proof.upper)) and proof.seconds <= 61,
    )  # fmt: skip


def backfitted(rows: Any, values: Any, bins: int = 32) -> ops.Node:
    """Return a sum of one step function an input, by backfitting."""
    edges = np.linspace(-2, 2, bins + 1)[1:-1]
    at = np.array([np.searchsorted(edges, x, side="right") for x in rows.T])
    steps, start = np.zeros((len(at), bins)), values.mean()
    for _ in range(10):
        for j, mine in enumerate(at):
            others = sum(steps[k][at[k]] for k in range(len(at)) if k != j)
            held = np.maximum(np.bincount(mine, minlength=bins), 1)
            steps[j] = np.bincount(mine, values - start - others, bins) / held
    terms = [ops.piecewise(ops.input_(j), Pieces.of(edges, s)) for j, s in enumerate(steps)]
    return ops.linear(start, np.ones(len(terms)), terms)


def fresh_rows(seed: int) -> Iterator[Answer]:
    """Say what 10,000 fresh rows without a disagreement show."""
    share = least_agreement(10_000, 0, 0.001)
    yield Answer(
        "10,000 fresh rows without a disagreement", seed, f"≥ {share:.3%}", share, 0.0, 0,
        "≥ 99.93 %", share >= 0.9993,
    )  # fmt: skip


QUESTIONS: dict[str, Callable[[int], Iterator[Answer]]] = {
    "law": against_the_law,
    "pruned": against_the_pruned,
    "rows": around_rows,
    "ensemble": ensemble,
    "fresh": fresh_rows,
}


def warm() -> None:
    """Compile what proofs run on, once: that is no part of their time."""
    x = ops.input_(0)
    features = (cf.Feature("x0"),)
    one, two = (Formula({"y": ops.lin(0, (w, ops.tanh(x)))}, features) for w in (1.0, 2.0))
    certify(one, two, {"x0": (0.0, 1.0)})


def answers(question: str, seed: int) -> Iterator[Answer]:
    """Yield what one question comes to."""
    warm()
    yield from QUESTIONS[question](seed)


def main() -> None:
    """Print the table for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    parser.add_argument("--questions", nargs="+", default=list(QUESTIONS), choices=QUESTIONS)
    warnings.filterwarnings("ignore")  # networks that stop early are as good
    options = parser.parse_args()
    for seed in range(options.seeds):
        print(LINES.format(f"seed {seed}", "figure", "time", "boxes", "bar"))
        for question in options.questions:
            for answer in answers(question, seed):
                print(answer, flush=True)


if __name__ == "__main__":
    main()
