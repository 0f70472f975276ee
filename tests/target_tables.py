"""What each target spells, and which models were executed in it: the tables of docs/targets.md.

`python tests/target_tables.py` writes the page anew, which takes a quarter of an hour; with names
of rows behind it, as in `python tests/target_tables.py typescript "sql: mysql"`, only their models
are executed, and the others' cells stay as they are. Tests fail where the page no longer holds.
Targets are those of the registry; where a target has dialects, each of them is a row.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import closedform as cf
from closedform.errors import ClosedformError, MissingExtra, UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Node
from closedform.passes import lower as lowering
from closedform.printers import content
from closedform.printers.registry import TARGETS
from closedform.verify.programs import COMPLETE_ROWS_ONLY
from closedform.verify.running import RUNNERS, available
from each_op import FEATURES, ONE

TABLE = Path(__file__).parent.parent / "docs" / "targets.md"
FOR_READING = {"text", "latex", "mathml", "dot", "svg"}
"""Targets that are no programs."""
LAID_OUT = {"svg": "dot"}
"""Targets that another program makes of the text of one: they write what that one writes."""
BAR = 1e-9


@dataclass(frozen=True)
class Row:
    """A target, or one dialect of it."""

    target: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the page calls it."""
        return ": ".join([self.target, *map(str, self.options.values())])

    @property
    def module(self) -> Any:
        """The module that writes the target."""
        return import_module(TARGETS[self.target])


def rows() -> list[Row]:
    """Return every target of the registry, and each of its dialects."""
    found = []
    for target, module in TARGETS.items():
        made = import_module(module)
        dialects = getattr(made, "DIALECTS", ())
        if "dialect" in signature(made.write).parameters and dialects:
            found += [Row(target, {"dialect": dialect}) for dialect in dialects]
        else:
            found.append(Row(target))
    return found


# --- each op ------------------------------------------------------------------------------------


def way(row: Row, op: str) -> str | None:
    """Return how a target writes an op: "native", "lowered" or why never; None if not known here.

    Lowered is what was asked for its smaller form while the formula was written.
    """
    target = LAID_OUT.get(row.target, row.target)
    asked: set[str] = set()
    smaller = lowering._smaller

    def recorded(n: Node, names: frozenset[str]) -> Node | None:
        found = smaller(n, names)
        if found is not None:
            asked.add(n.op.name)
        return found

    try:
        with patch.object(lowering, "_smaller", recorded):
            content(Formula({"y": ONE[op]}, FEATURES), target, **row.options)
    except MissingExtra:
        return None
    except UnsupportedTarget as refusal:
        return reason(row, op, str(refusal))
    return "lowered" if op in asked else "native"


def reason(row: Row, op: str, said: str) -> str:
    """Return why a target cannot write an op, as its module says."""
    never = getattr(row.module, "NEVER", {})
    why = never.get(op, said) if isinstance(never, dict) else said
    return " ".join(str(why).split())


def ways(row: Row) -> dict[str, str | None]:
    """Return how a target writes each op."""
    return {op: way(row, op) for op in ONE}


def op_line(row: Row, found: dict[str, str | None]) -> str:
    """Return the line of a target: how many ops are native, which are lowered, which never."""
    lowered = [op for op, how in found.items() if how == "lowered"]
    never = {op: how for op, how in found.items() if how not in ("native", "lowered", None)}
    count = sum(how == "native" for how in found.values())
    by_reason: dict[str, list[str]] = {}
    for op, why in never.items():
        by_reason.setdefault(str(why).rstrip("."), []).append(op)
    parts = [f"{_listed(names)}: {_cell(why)}" for why, names in by_reason.items()]
    native = "all" if count == len(found) else str(count)
    return f"| {row.name} | {native} | {_listed(lowered)} | {'; '.join(parts)} |"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# --- each kind of model -------------------------------------------------------------------------


@cache
def models() -> dict[str, tuple[Any, Any]]:
    """Return a trained model of each kind, and rows to ask it for."""
    from sklearn.datasets import load_diabetes, load_iris

    X, y = load_iris(return_X_y=True, as_frame=True)
    kinds = np.array(["setosa", "versicolor", "virginica"])[y]
    D, z = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    mixed = D[["age", "bmi", "bp"]].assign(sex=D["sex"].map({1.0: "A", 2.0: "B"}))
    mixed.loc[::13, "bmi"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            **{name: _fitted(name, model, X, kinds) for name, model in _classifiers().items()},
            **{name: _fitted(name, model, D, z) for name, model in _regressors().items()},
            **_of_categories(mixed, z),
            "k-means": (_clusters().fit(X), X),
        }


FEW = {"neighbours": 5, "SVM": 10, "Gaussian process": 10}
"""Of so many rows one is learned from, where the formula grows with the rows."""


def _fitted(name: str, model: Any, X: Any, y: Any) -> tuple[Any, Any]:
    step = FEW.get(name, 1)
    return model.fit(X[::step], y[::step]), X


def _classifiers() -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
        "naive Bayes": GaussianNB(),
        "neighbours": KNeighborsClassifier(2),
    }


def _regressors() -> dict[str, Any]:
    from sklearn import ensemble
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer, StandardScaler
    from sklearn.svm import SVR
    from xgboost import XGBRegressor

    few: dict[str, Any] = {"n_estimators": 10, "max_depth": 3, "random_state": 0}
    smooth = GaussianProcessRegressor(RBF(3.0, "fixed"), alpha=1.0)
    small = MLPRegressor(hidden_layer_sizes=(8, 5), max_iter=100, random_state=0)
    return {
        "linear": LinearRegression(),
        "splines": make_pipeline(SplineTransformer(4), LinearRegression()),
        "forest": ensemble.RandomForestRegressor(**few),
        "boosting": ensemble.GradientBoostingRegressor(**few),
        "XGBoost": XGBRegressor(n_jobs=1, **few),
        "network": make_pipeline(StandardScaler(), small),
        "SVM": make_pipeline(StandardScaler(), SVR()),
        "Gaussian process": make_pipeline(StandardScaler(), smooth),
    }


def _of_categories(mixed: Any, z: Any) -> dict[str, tuple[Any, Any]]:
    from lightgbm import LGBMRegressor
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers = ["age", "bmi", "bp"]
    prepared = make_column_transformer(
        (SimpleImputer(add_indicator=True), numbers),
        (OneHotEncoder(handle_unknown="ignore"), ["sex"]),
    )
    typed = mixed.assign(sex=mixed["sex"].astype("category"))
    boosted = LGBMRegressor(n_estimators=10, num_leaves=8, verbose=-1, n_jobs=1)
    return {
        "imputed, one-hot": (make_pipeline(prepared, Ridge()).fit(mixed, z), mixed),
        "LightGBM, categories": (boosted.fit(typed, z), typed),
    }


def _clusters() -> Any:
    from sklearn.cluster import KMeans

    return KMeans(3, n_init=1, random_state=0)


KINDS = (
    "linear", "logistic", "imputed, one-hot", "splines", "tree", "forest", "boosting", "XGBoost",
    "LightGBM, categories", "network", "SVM", "Gaussian process", "naive Bayes", "k-means",
    "neighbours",
)  # fmt: skip
"""The kinds of models, in the order of the page."""


@cache
def read(kind: str) -> tuple[Formula, Any, Any]:
    """Return the formula of a kind of model, the model, and its rows."""
    model, X = models()[kind]
    return cf.read(model), model, X.iloc[:: max(1, len(X) // 20)]


NOT_HERE = "not executed"
FAILED = "differs"


def runs(row: Row) -> str:
    """Return why a target's programs are not executed on this machine; empty where they are."""
    if row.target in FOR_READING:
        return "for reading"
    if row.target not in RUNNERS:
        return NOT_HERE
    return "" if available(row.target) else NOT_HERE


def executed(row: Row, kind: str) -> tuple[str, str]:
    """Return how far a model's program is from its formula, and what is said of that, if anything.

    The program is run on rows of the data and on made-up ones, and compared with the model too.
    """
    formula, model, X = read(kind)
    complete = row.target in COMPLETE_ROWS_ONLY
    try:
        ran = cf.verify_program(formula, row.target, X, model=model, tolerance=BAR, limit=60,
                                made_up=not complete, **row.options)  # fmt: skip
    except MissingExtra as absent:
        return NOT_HERE, str(absent)
    except UnsupportedTarget as refusal:
        said = " ".join(str(refusal).split())
        return (NOT_HERE if "executed" in said or "cannot be run" in said else "never"), said
    except ClosedformError as problem:
        return FAILED, f"{type(problem).__name__}: {problem}"
    if not ran.ok:
        return FAILED, str(ran)
    worst = max((c.worst_relative for c in ran.checks if c.method == "formula"), default=0.0)
    return ("equal" if worst == 0 else f"{worst:.0e}".replace("e-0", "e-")), ""


def kind_cells(row: Row, notes: list[str]) -> list[str]:
    """Return what was found for each kind of model; nothing where the target is not executed."""
    if runs(row):
        return []
    cells = []
    for kind in KINDS:
        cell, said = executed(row, kind)
        if cell == NOT_HERE:
            return []
        if cell == "never":
            notes += [] if said in notes else [said]
            cell = f"never[^{notes.index(said) + 1}]"
        if cell == FAILED:
            print(f"{row.name}, {kind}: {said}", file=sys.stderr)
        cells.append(cell)
    return cells


# --- the page -----------------------------------------------------------------------------------

HEAD = """# Targets: what each one spells, and what was executed

`python tests/target_tables.py` writes this page; tests fail where it no longer holds.

## Operations

An operation is *native* where the target has it or a function in the program spells it, *lowered*
where it is written in smaller operations, and *never* where the target has nothing for it. There
are {count} operations.

| target | native | lowered | never |
|---|---|---|---|"""

SECOND = """
## Models

Each program was run on rows of the data and on made-up ones (missing values, categories never
seen, rows beside every threshold), and compared with its formula and with the model's own
`predict`. A number is the greatest relative difference from the formula; *equal* is no difference
at all. From the model itself every program is within {bar:g}, or within the model's own rounding
where it computes in single precision. What is written for Databricks was run in Spark.
"""


def page(said: list[str], ran: dict[str, list[str]], notes: list[str]) -> str:
    """Return the page from the lines of the first table and the cells of the second."""
    lines = [HEAD.format(count=len(ONE)), *said, SECOND.format(bar=BAR)]
    lines += ["| target | " + " | ".join(KINDS) + " |", "|---" * (len(KINDS) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in ran.items() if cells]
    absent = [row.name for row in rows() if not ran[row.name] and runs(row) != "for reading"]
    shown = [row.name for row in rows() if runs(row) == "for reading"]
    lines += ["", f"For reading, and so not executed: {_listed(shown)}."]
    if absent:
        lines += ["", f"Not executed, for want of what runs them: {_listed(absent)}."]
    lines += ["", *(f"[^{i}]: {_cell(note)}" for i, note in enumerate(notes, 1))] if notes else []
    return "\n".join(lines) + "\n"


def written() -> tuple[dict[str, list[str]], list[str]]:
    """Return what the page says of models: the cells of each row, and the notes."""
    ran: dict[str, list[str]] = {}
    notes: list[str] = []
    for line in TABLE.read_text(encoding="utf-8").partition("## Models")[2].splitlines():
        name, *cells = line.strip("| ").split(" | ")
        if len(cells) == len(KINDS):
            ran[name] = cells
        if line.startswith("[^"):
            notes.append(line.partition(": ")[2].replace("\\|", "|"))
    return ran, notes


def main(chosen: list[str]) -> None:
    """Write the page; of chosen rows alone, or of all, the models are executed."""
    before, notes = written() if chosen else ({}, [])
    unknown = set(chosen).difference(row.name for row in rows())
    if unknown:
        raise SystemExit(f"no such rows: {', '.join(sorted(unknown))}")
    said = [op_line(row, ways(row)) for row in rows()]
    ran = {
        row.name: kind_cells(row, notes)
        if row.name in (chosen or [row.name]) else before.get(row.name, [])
        for row in rows()
    }  # fmt: skip
    TABLE.write_text(page(said, ran, notes), encoding="utf-8")
    if any(FAILED in cells for cells in ran.values()):
        raise SystemExit("some programs differ from their models")


if __name__ == "__main__":
    main(sys.argv[1:])
