"""Loading a model from a file, once it is trusted."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BufferedReader
from typing import Final

from closedform.errors import BadFile, ClosedformError, MissingExtra, UntrustedFile
from closedform.loading import archives, pickles
from closedform.loading.inspecting import Inspected, inspect_open
from closedform.loading.report import HINTS, KINDS, FileReport
from closedform.loading.stream import Limits, open_regular, shown

_LOAD_IT_YOURSELF: Final = (
    "Load it in Python with the package that wrote it, and pass the model to closedform.read(model)"
)
_EXTRAS: Final = dict.fromkeys(("sklearn", "joblib", "scipy", "pandas"), "sklearn") | {
    **{name: name for name in ("xgboost", "lightgbm", "catboost", "torch", "keras", "onnx", "jax")},
    **{name: name for name in ("statsmodels", "skorch", "gplearn", "pyoperon", "sympy")},
    **{name: name for name in ("interpret", "pygam", "optbinning")},
    "kan": "pykan",
}
"""Package that a pickle imports → the extra of closedform that brings it."""


@dataclass(frozen=True)
class OpenedModel:
    """A model, and what was known and noticed on the way.

    Attributes:
        model: the object in the file.
        report: what the file is.
        notes: what its user should know, the notes of the report included.
    """

    model: object
    report: FileReport
    notes: tuple[str, ...]


def load_model(
    path: str | os.PathLike[str],
    *,
    trust_pickle: bool = False,
    trusted_types: Sequence[str] = (),
    limits: Limits | None = None,
) -> object:
    """Return the model in a file; as `open_model`, with what is to be noted as warnings."""
    opened = open_model(path, trust_pickle=trust_pickle, trusted_types=trusted_types, limits=limits)
    for note in opened.notes[len(opened.report.notes) :]:
        warnings.warn(f"{opened.report.path}: {note}", UserWarning, stacklevel=2)
    return opened.model


def open_model(
    path: str | os.PathLike[str],
    *,
    trust_pickle: bool = False,
    trusted_types: Sequence[str] = (),
    limits: Limits | None = None,
) -> OpenedModel:
    """Open a `.joblib`, `.pkl` or `.skops` file, whatever it is called.

    Args:
        path: the file.
        trust_pickle: whether a pickle may run. It can do anything that its user can do.
        trusted_types: types of a skops file, as 'module.Name', that skops does not trust by itself.
        limits: what looking into the file may cost.

    Raises:
        UntrustedFile: the file could run code that nobody has trusted. Nothing of it was run.
        BadFile: the file is missing, damaged, of another kind, or does not load.
        MissingExtra: a package is needed that is not installed.
    """
    limits = limits or Limits()
    with open_regular(path) as file:
        inspected = inspect_open(file, os.fspath(path), limits)
        report = inspected.report
        if inspected.findings:
            _refuse_pickle(report, trust_pickle)
            model, notes = _loading(report, lambda: _unpickle(file, inspected, limits))
        elif report.kind == "skops":
            _refuse_types(report, trusted_types)
            model, notes = _loading(report, lambda: archives.load(file, trusted_types))
        else:
            hint = HINTS.get(report.kind, _LOAD_IT_YOURSELF + ".")
            what = KINDS[report.kind]
            raise BadFile(
                f"{path} is {what}; pickle, joblib and skops files can be opened.", hint=hint
            )
    return OpenedModel(model, report, report.notes + notes)


def _refuse_pickle(report: FileReport, trusted: bool) -> None:
    if not trusted:
        raise UntrustedFile(
            f"A pickle can run any code when it is opened, and nobody has trusted this one. "
            f"Nothing of it was run.\n{report}",
            hint="If you know who made it, trust it: --trust-pickle, or trust_pickle=True. "
            "Better, have the model saved with skops.",
        )
    if not report.complete:
        raise UntrustedFile(
            f"{report.path} cannot be followed to its end, so what it imports cannot be listed. "
            f"Nothing of it was run.\n{report}",
            hint=f"{_LOAD_IT_YOURSELF}, if you know who made it.",
        )


def _refuse_types(report: FileReport, trusted_types: Sequence[str]) -> None:
    if archives.why_no_skops():
        raise MissingExtra("skops >= 0.16", "skops", f"Opening {report.path}, a skops file,")
    unknown = [name for name in report.unfamiliar if name not in trusted_types]
    if unknown:
        raise UntrustedFile(
            f"{report.path} holds types that skops does not trust: {', '.join(unknown)}. "
            f"Nothing of it was run.\n{report}",
            hint="If you know them: " + " ".join(f"--trust-type {name}" for name in unknown),
        )


def _unpickle(file: BufferedReader, inspected: Inspected, limits: Limits) -> object:
    assert inspected.findings is not None
    return pickles.load(file, inspected.report.compression, inspected.findings, limits)


def _loading(report: FileReport, load: Callable[[], object]) -> tuple[object, tuple[str, ...]]:
    """Call `load`; return its model, and what scikit-learn says of versions, as notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = load()
        except ClosedformError:
            raise
        except pickles.Unlisted as error:
            raise UntrustedFile(
                f"{report.path} asks for {shown(str(error))}, which a scan of it did not show: it "
                f"is made to deceive. Loading stopped there; what it names before may have run.",
                hint="Do not use this file, and ask where it came from.",
            ) from error
        except Exception as error:  # the file's own code may raise anything
            raise _failed(report, error) from error
    return model, _notes(caught)


def _failed(report: FileReport, error: Exception) -> ClosedformError:
    """Turn what a package raised on loading into one error that says what to do."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing in _EXTRAS:
        return MissingExtra(missing, _EXTRAS[missing], f"Loading {report.path}")
    made = "".join(f" ({note})" for note in report.notes if note.startswith("made with"))
    said = str(error).partition("\nStack trace:")[0].strip()  # XGBoost's goes on for 10 lines
    return BadFile(
        f"{report.path} does not load{made}: {type(error).__name__}: {shown(said).rstrip('.')}.",
        hint=f"Install the package that provides {shown(missing)}."
        if missing and "." not in missing  # else it is there, in another version
        else "Load it with the package versions that saved it, and save it again in the package's "
        "own format, or with skops.",
    )


def _notes(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Gather the version warnings of scikit-learn into one note a version; pass others on."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for warning in caught:
        message = warning.message
        if type(message).__name__ == "InconsistentVersionWarning":
            made, here = message.original_sklearn_version, message.current_sklearn_version  # type: ignore[union-attr]
            names[made, here].add(message.estimator_name)  # type: ignore[union-attr]
        else:
            warnings.warn_explicit(message, warning.category, warning.filename, warning.lineno)
    return tuple(
        f"saved with scikit-learn {made}, opened with {here} ({', '.join(sorted(classes))}): it "
        f"may predict otherwise than when it was saved. Verify it on predictions that you know"
        for (made, here), classes in names.items()
    )
