"""Laws that are known, asked as a model would be: exactly, or with a smooth error."""

import numpy as np

from closedform.discover.problem import Problem


def asked(law, box, rows=300, smooth=0.0, seed=0):
    """Return the problem of a law on a box, its values off by a smooth relative error."""
    rng = np.random.default_rng(seed)
    box = np.asarray(box, dtype=float)
    X = rng.uniform(box[:, 0], box[:, 1], (rows, len(box)))
    waves, phases = rng.normal(size=(len(box), 6)), rng.uniform(0, 2 * np.pi, 6)

    def ask(X):
        off = np.cos(X @ waves + phases).sum(axis=1) / np.sqrt(3)
        return law(*X.T) * (1 + smooth * off)

    values, truth = ask(X), law(*X.T)
    plain = Problem(X, values)
    noise = float(np.sqrt(np.nanmean((values - truth) ** 2)) / plain.scale)
    return Problem(X, values, ask, noise)


def recorded(law, box, noise, rows=400, seed=0):
    """Return the problem of a law on some rows, with independent errors, not to be asked."""
    rng = np.random.default_rng(seed)
    box = np.asarray(box, dtype=float)
    X = rng.uniform(box[:, 0], box[:, 1], (rows, len(box)))
    truth = law(*X.T)
    return Problem(X, truth + noise * truth.std() * rng.normal(size=rows), None, noise)


def far_off(node, law, box, beyond=1.0, seed=1):
    """Return how far an expression is from a law at most, of its deviation, on a box.

    Beyond 1 the box is so many times as long upwards: a law holds there, too.
    """
    box = np.asarray(box, dtype=float)
    hi = box[:, 0] + beyond * (box[:, 1] - box[:, 0])
    X = np.random.default_rng(seed).uniform(box[:, 0], hi, (500, len(box)))
    truth = law(*X.T)
    return float(np.abs(Problem.said(node, X) - truth).max() / truth.std())
