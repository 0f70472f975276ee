"""Small made-up data sets for the reader tests: (rows, target) pairs, always the same ones."""

import numpy as np
import pandas as pd


def _rows(count: int = 90, width: int = 4, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    # Columns of unlike sizes: an epoch-like one shows what float32 and a forgotten scale do.
    return draw.normal(size=(count, width)) * np.array([1, 10, 0.01, 1000])[:width]


def _score(x: np.ndarray) -> np.ndarray:
    return x[:, 0] + np.sin(x[:, 1] / 5) + 40 * x[:, 2] + x[:, 3] / 2000


def numbers():
    """Four columns, a number to predict."""
    x = _rows()
    return x, 3 + _score(x)


def frame():
    """The same as a DataFrame, with names that no language takes."""
    x, y = numbers()
    return pd.DataFrame(x, columns=["petal length (cm)", "lambda", "a.b", "身長"]), y


def counts():
    """A target of small whole numbers, none negative."""
    x = _rows() / np.array([1, 10, 0.01, 1000])
    return x, np.random.default_rng(1).poisson(np.exp(0.3 * x[:, 0] - 0.2 * x[:, 2]))


def positive():
    """A target above 0."""
    x, y = counts()
    return x, y + 0.5


def two_numbers():
    """Two numbers to predict."""
    x, y = numbers()
    return x, np.column_stack([y, x[:, 0] ** 2 - y])


def one_column():
    """A single column."""
    x = _rows(width=1)
    return x, 2 * x[:, 0] - 1


def same_columns():
    """Columns that repeat each other: of deficient rank."""
    x, y = numbers()
    return np.column_stack([x, x[:, 0], x[:, 1] + x[:, 2], np.ones(len(x))]), y


def same_columns_two_classes():
    """Columns of deficient rank, two classes."""
    x, y = same_columns()
    return x, np.where(y > 3.2, "yes", "no")


def constant():
    """A target that never changes."""
    x, _ = numbers()
    return x, np.full(len(x), 2.5)


def two_classes():
    """Two classes, in a DataFrame, named by texts."""
    x, y = frame()
    return x, np.where(y > 3.2, "yes", "no; not 'yes'")


def truths():
    """Two classes, True and False."""
    x, y = numbers()
    return x, y > 3.4


def three_classes():
    """Three classes named by whole numbers that are no positions."""
    x, y = numbers()
    return x, np.array([10, -3, 7])[np.digitize(y, [2.5, 3.7])]


def five_texts():
    """Five classes, some of them rare."""
    x, y = numbers()
    return x, np.array(["b", "a", "", "Ä", "N"])[np.digitize(y, [1, 2.5, 3.7, 5])]


def standard_three():
    """Three classes, columns of one size (for networks and solvers that need it)."""
    x, y = three_classes()
    return x / x.std(axis=0), y


def standard_two():
    """Two classes, columns of one size."""
    x, y = two_classes()
    return x / x.std(axis=0), y


def standard_numbers():
    """A number to predict, columns of one size."""
    x, y = frame()
    return x / x.std(axis=0), y


def one_class():
    """A single class."""
    x, _ = numbers()
    return x, np.array(["only"] * len(x))


def label_sets():
    """Two labels at once, each 0 or 1."""
    x, y = numbers()
    return x, np.column_stack([y > 3, x[:, 0] > 0]).astype(int)


def holes():
    """Numbers with missing values in two columns."""
    x, y = frame()
    x.iloc[::7, 0] = np.nan
    x.iloc[::5, 1] = np.nan
    return x, y


def holes_three_classes():
    """Missing values and three classes."""
    x, y = holes()
    return x, np.array(["low", "mid", "high"])[np.digitize(y, [2.5, 3.7])]


def rounded():
    """Values of two decimals, as in most tables: they sit exactly on thresholds."""
    x = np.round(_rows(200) / np.array([1, 10, 0.01, 1000]), 2)
    return x, np.round(x[:, 0] + x[:, 1] * x[:, 2], 2)


def epochs():
    """A column of seconds since 1970, which float32 rounds to the nearest 128."""
    draw = np.random.default_rng(2)
    x = np.column_stack([1.6e9 + draw.integers(0, 40_000, 300), draw.normal(size=300)])
    return x, np.sin(x[:, 0] / 7000) + x[:, 1]


def categories():
    """A number, and two columns of pandas' categories, one of them with a hole."""
    x, y = frame()
    draw = np.random.default_rng(6)
    kinds = pd.Categorical(draw.choice(["b", "a", "", "B;"], len(x)))
    x = x.iloc[:, :2].assign(kind=kinds, size=pd.Categorical(draw.choice(list("SML"), len(x))))
    y = y + 2 * (x["kind"] == "a") - (x["size"] == "L")
    x.loc[::9, "size"] = None
    x.iloc[::7, 0] = np.nan
    return x, y.to_numpy()


def labels_0_to_2():
    """Three classes numbered from 0 on, as XGBoost wants them."""
    x, y = frame()
    return x, np.digitize(y, [2.5, 3.7])


def labels_0_and_1():
    """Two classes numbered 0 and 1, and missing values."""
    x, y = holes()
    return x, (y > 3.2).astype(int)


def shares():
    """A target from 0 to 1."""
    x, y = numbers()
    return x, 1 / (1 + np.exp(-y))
