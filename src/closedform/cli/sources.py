"""The files that a verb works on: a model or a formula, and rows of data."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from closedform.asking import is_asked
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Array, Type
from closedform.loading import FileReport, inspect_file, open_model, read_table
from closedform.readers import read
from closedform.readers.registry import read_inspected
from closedform.store import load

SAVED = "closedform-json"
OPENED = ("pickle", "joblib", "skops")
"""Kinds of files that hold a model once somebody trusts them."""
ASKED = {"onnx"}
"""Kinds of files whose model can be asked without its package, as a certificate must."""
_MOST_NAMED = 8
_MADE_UP = (("x{}", 0), ("x{}", 1))
"""Names that stand for those of an array's columns: here, and in statsmodels."""
_INTERPRETS = "feature_{:04}"
"""Names that interpret gives to such columns, and keeps in its models as if they were theirs."""


@dataclass(frozen=True)
class Source:
    """A formula, what its file is, and the model that it was read from, where there is one."""

    formula: Formula
    file: FileReport
    model: Any = None


@dataclass(frozen=True)
class Rows:
    """Rows as the model takes them, and what was observed on them."""

    X: Any
    y: Any = None


def open_source(args: Namespace, notes: list[str]) -> Source:
    """Return the formula in a file, or that of the model in it.

    Raises:
        BadFile, UntrustedFile, UnsupportedModel: as the library says.
    """
    file = inspect_file(args.file)
    if file.kind == SAVED:
        return Source(load(args.file), file)
    if file.kind not in OPENED:
        formula = read_inspected(file, example=example_of(args))
        return Source(formula, file, args.file if file.kind in ASKED else None)
    model = open_trusted(args, notes)
    return Source(read(model, example=example_of(args)), file, model)


def example_of(args: Namespace) -> Any:
    """Return the rows of `--example` without the targets, if there are any.

    Raises:
        BadFile: the file is no table.
    """
    if args.example is None:
        return None
    table = Table(read_table(args.example), tuple(getattr(args, "target", ())))
    return table.pick(table.others, set(), args.example)


def open_trusted(args: Namespace, notes: list[str]) -> Any:
    """Return the model in a file that its user trusts."""
    opened = open_model(args.file, trust_pickle=args.trust_pickle, trusted_types=args.trust_type)
    # The version alone is in `inspect`; that it is another one than here, the loader notes.
    notes += [note for note in opened.notes if not note.startswith("made with")]
    return opened.model


def with_rows(source: Source, args: Namespace, notes: list[str]) -> tuple[Source, Rows | None]:
    """Return the source and the rows of `--data`, its columns put in the model's order.

    A model that was trained without names takes the columns by position, and its formula is read
    again with their names.

    Raises:
        BadInput: columns are absent.
        BadFile: the file is no table.
    """
    if args.data is None:
        return source, None
    table = Table(read_table(args.data), tuple(args.target))
    if _nameless(source) and not set(_counted(source)) & set(table.names):
        source = _renamed(source, table, notes)
    source = _with_spaces(source, table, notes)
    names = _names(source)
    _refuse_input_as_target(args.target, names)
    table = _with_texts(source, table, args.data)
    picked = table.pick(names, _needed(source), args.data)
    left_out = [name for name in table.others if name not in names]
    if left_out:
        notes.append(f"columns that the model does not know are left out: {listed(left_out)}")
    return source, Rows(_as_taken(picked, source), _observed(source, table, notes))


def _refuse_input_as_target(targets: Sequence[str], names: Sequence[str]) -> None:
    for target in targets:
        if target in names:
            raise BadInput(
                f"--target {target}: {target!r} is an input of the model.",
                hint=f"Its inputs are: {listed(names)}.",
            )


def _observed(source: Source, table: Table, notes: list[str]) -> Any:
    """Return what was observed, where the model predicts as many columns as were named."""
    observed, task = table.observed, source.formula.task
    found = 0 if task.kind == "transform" else len(source.formula.primary)
    if observed is None or found == len(table.targets):
        return observed
    what = f"the model predicts {found} columns" if found else "the model predicts no column"
    notes.append(f"nothing is compared with --target: {what}")
    return None


def _names(source: Source) -> list[str]:
    return [f.name for f in source.formula.inputs]


def _needed(source: Source) -> set[str]:
    """Return the columns that must be there: all for a model, for a formula those it reads.

    A column of ones (statsmodels' const) is no data: whoever asks the model puts it there.
    """
    if source.model is None:
        names = _names(source)
        return {names[i] for i in source.formula.needed}
    return set(_counted(source))


def _ones(options: Mapping[str, Any]) -> Sequence[str]:
    found: Sequence[str] = options.get("constant", ())
    return found


def _named(model: Any) -> bool:
    return getattr(model, "feature_names_in_", None) is not None


def _nameless(source: Source) -> bool:
    """Tell whether the inputs have no names but x0, x1 … that `read` or their package made."""
    names = _counted(source)
    forms = ((_INTERPRETS, 0),) if _named(source.model) else _MADE_UP
    return any(
        names == [form.format(i + first) for i in range(len(names))] for form, first in forms
    )


def _counted(source: Source) -> list[str]:
    """Return the inputs that rows must have, in order: not a column of ones."""
    needed = set(_names(source)).difference(
        name for step in source.formula.trail for name in _ones(step.options)
    )
    return [name for name in _names(source) if name in needed]


def _renamed(source: Source, table: Table, notes: list[str]) -> Source:
    old, new = _counted(source), table.others
    if len(old) != len(new):
        raise BadInput(
            f"The model takes {len(old)} inputs without names, and the data have {len(new)} "
            f"columns: {listed(new)}.",
            hint="Say with --target which column is not an input, or give only those that are.",
        )
    pairs = listed([f"{a} = {b}" for a, b in zip(old, new, strict=True)])
    notes.append(f"the model has no names for its inputs, so columns are taken in order: {pairs}")
    told = dict(zip(old, new, strict=True))
    named = tuple(replace(f, name=told.get(f.name, f.name)) for f in source.formula.inputs)
    return replace(source, formula=replace(source.formula, inputs=named))


def _with_texts(source: Source, table: Table, path: str) -> Table:
    """Return the table with text in those columns of which the model knows but texts.

    A code as 01097 would become a number otherwise.

    Raises:
        BadInput: there are numbers in one, in a file that has types.
    """
    texts = {f.name: f.categories for f in source.formula.inputs if _of_texts(f)}
    texts = {name: known for name, known in texts.items() if table.holds_numbers(name)}
    if not texts:
        return table
    again = replace(table, columns=read_table(path, texts=texts))
    for name, known in texts.items():
        if again.holds_numbers(name):
            raise BadInput(
                f"{path}, column {name!r}: it holds numbers, and the model knows texts there: "
                f"{listed([repr(it) for it in known or ()])}.",
                hint="Save that column as text, as the model has seen it.",
            )
    return again


def _of_texts(feature: Feature) -> bool:
    known = feature.categories or ()
    return feature.type is Type.LABEL and bool(known) and all(isinstance(it, str) for it in known)


def _as_taken(picked: Any, source: Source) -> Any:
    """Return rows as a DataFrame where names count, as an array where the model has none."""
    names, model = _names(source), source.model
    kinds = _categories(source)
    if model is None or is_asked(model):
        return picked
    named = _named(model) and list(model.feature_names_in_) == names
    if (named or kinds) and hasattr(picked, "columns"):
        return _categorical(picked, kinds, _coded(source)) if kinds else picked
    if hasattr(picked, "columns"):
        return _whole(picked, source) if _package(source) == "catboost" else picked.to_numpy()
    columns: list[Array] = [picked[name] for name in names]
    return np.column_stack(columns)


def _whole(rows: Any, source: Source) -> Array:
    """Return rows for CatBoost, which takes 1 as a category and refuses a table's 1.0."""
    labels = [f.name for f in source.formula.inputs if f.type is Type.LABEL]
    if not labels:
        return np.asarray(rows)
    made = rows.astype(object)
    for name in labels:
        whole = [isinstance(v, float) and v.is_integer() for v in made[name]]
        made[name] = [int(v) if w else v for v, w in zip(made[name], whole, strict=True)]
    return np.asarray(made, dtype=object)


def _package(source: Source) -> str:
    return type(source.model).__module__.partition(".")[0]


def _categories(source: Source) -> dict[str, Sequence[Any]]:
    """Return the categories of each column of them that a booster takes: a file holds texts."""
    if _package(source) not in ("xgboost", "lightgbm"):
        return {}
    found = [f for f in source.formula.inputs if f.type is Type.LABEL and f.categories]
    return {f.name: f.categories or () for f in found}


def _coded(source: Source) -> dict[str, str]:
    """Return the type of the whole numbers that are categories: XGBoost refuses 1 for an int8 1."""
    if _package(source) != "xgboost":
        return {}
    from closedform.readers.xgboost import types_of_categories

    return dict(zip(_names(source), types_of_categories(source.model), strict=False))


def _categorical(rows: Any, known: Mapping[str, Sequence[Any]], coded: Mapping[str, str]) -> Any:
    """Return a frame with the categories that are known in their order, and then the others.

    A category that the model has not seen stays one: as a missing value it would be another row.
    """
    from pandas import CategoricalDtype, Index

    kinds = {}
    for name, categories in known.items():
        unseen = [c for c in rows[name].dropna().unique() if c not in categories]
        every = Index([*categories, *unseen])
        exact = every.astype(coded[name]) if coded.get(name) else every
        kinds[name] = CategoricalDtype(exact if (exact == every).all() else every)
    return rows.astype(kinds)


def _with_spaces(source: Source, table: Table, notes: list[str]) -> Source:
    """Return names as the data have them where LightGBM's file has an underscore for a space."""
    if source.formula.source != "LightGBM":
        return source
    spelled = {name.replace(" ", "_"): name for name in table.names} | {n: n for n in table.names}
    inputs = [replace(f, name=spelled.get(f.name, f.name)) for f in source.formula.inputs]
    old, new = _names(source), [f.name for f in inputs]
    if old != new:
        pairs = listed([f"{a} = {b}" for a, b in zip(old, new, strict=True) if a != b])
        notes.append(f"LightGBM's file has an underscore for a space: {pairs}")
    return replace(source, formula=replace(source.formula, inputs=tuple(inputs)))


@dataclass(frozen=True)
class Table:
    """A table of data, some columns of which may be targets."""

    columns: Any
    targets: tuple[str, ...] = ()

    @cached_property
    def names(self) -> list[str]:
        """The names of all columns."""
        return [str(name) for name in self.columns]

    @cached_property
    def others(self) -> list[str]:
        """The names of all columns but the targets."""
        return [name for name in self.names if name not in self.targets]

    @property
    def observed(self) -> Any:
        """The target column, or several side by side, if any was named.

        Raises:
            BadInput: there is no column of that name.
        """
        for target in self.targets:
            if target not in self.names:
                raise BadInput(
                    f"The data have no column {target!r}.",
                    hint=f"Their columns are: {listed(self.names)}.",
                )
        found = [np.asarray(self.columns[target]) for target in self.targets]
        return np.column_stack(found) if len(found) > 1 else next(iter(found), None)

    def holds_numbers(self, name: str) -> bool:
        """Tell whether there is a column of that name in which a number stands."""
        values = np.asarray(self.columns[name]) if name in self.names else np.zeros(0)
        if values.dtype.kind == "f":
            return not np.isnan(values).all()
        return values.dtype.kind in "biu"

    def pick(self, names: Sequence[str], needed: set[str], path: str) -> Any:
        """Return some columns in the order given; those that are not needed may be absent.

        Raises:
            BadInput: columns are absent; all of them are named.
        """
        absent = [name for name in names if name in needed and name not in self.names]
        if absent:
            raise BadInput(
                f"{path} lacks {len(absent)} of the {len(names)} columns that the model takes: "
                f"{listed(absent)}.",
                hint=self._hint(absent, needed),
            )
        have = [name for name in names if name in self.names]
        if isinstance(self.columns, dict):
            return {name: self.columns[name] for name in have}
        return self.columns[have]

    def _hint(self, absent: Sequence[str], needed: set[str]) -> str:
        """Return why columns may not be found."""
        alike = {name.casefold().strip(): name for name in self.names}
        found = [alike.get(name.casefold().strip()) for name in absent]
        if all(found):
            pairs = [f"{a} is there as {b!r}" for a, b in zip(absent, found, strict=True)]
            return f"Names must be the same to the letter: {listed(pairs)}."
        if len(self.names) == 1 and len(needed) > 1:
            return (
                f"All of its first line is one name, {self.names[0]!r}: separate cells by commas, "
                "semicolons, tabs or bars."
            )
        what = "Its first line names" if len(absent) == len(needed) else "Its columns are"
        return f"{what}: {listed(self.names)}."


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
