"""What is known about a model file without having run any of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from closedform.loading.familiar import is_familiar
from closedform.loading.findings import Findings
from closedform.loading.stream import shown

_MOST_SHOWN: Final = 60

KINDS: Final = {
    "pickle": "a pickle",
    "joblib": "a pickle written by joblib",
    "skops": "a skops file",
    "closedform-json": "a formula saved by closedform",
    "json": "a JSON file",
    "xgboost-json": "a model saved by XGBoost",
    "xgboost-dump": "a listing of trees by XGBoost's dump_model",
    "lightgbm-text": "a model saved by LightGBM",
    "lightgbm-dump": "a listing of a model by LightGBM's dump_model",
    "catboost-json": "a model saved by CatBoost",
    "catboost-cbm": "a model saved by CatBoost in its binary form",
    "interpret-json": "a model saved by interpret",
    "pmml": "a PMML file",
    "keras": "a model saved by Keras",
    "pysr-csv": "a hall of fame saved by PySR",
    "torch": "a PyTorch file",
    "torch-pt2": "a model saved by torch.export",
    "safetensors": "a set of weights saved as safetensors",
    "onnx": "a model saved as ONNX",
    "xgboost-binary": "a model in the binary form of XGBoost before 3.1",
    "keras-json": "the architecture of a Keras model, without its weights",
    "hdf5": "an HDF5 file",
    "npy": "a NumPy array",
    "npz": "a set of NumPy arrays",
    "parquet": "a Parquet table",
    "zip": "a zip archive",
    "unknown": "no model file that closedform knows",
}

_LOAD: Final = (
    "Load it in Python and give the model to closedform.read. A pickle, joblib or skops file that "
    "you trust is opened by closedform.loading.load_model, and on the command line."
)
HINTS: Final = {
    **dict.fromkeys(("pickle", "joblib", "skops"), _LOAD),
    "closedform-json": "It holds a formula and needs no model: open it by closedform.load.",
    "xgboost-binary": "Open it with an XGBoost before 3.1, and save it as JSON: "
    "booster.save_model('model.json').",
    "xgboost-dump": "It is made for the eye, and lacks the base score: save the model with "
    "booster.save_model('model.json').",
    "lightgbm-dump": "Save the model with booster.save_model('model.txt'); that file is read.",
    "keras-json": "Save the whole model: model.save('model.keras').",
    "torch": "Weights alone are no model: build the module, "
    "module.load_state_dict(torch.load(path)), and give it to "
    "closedform.read(module, example=rows). Of a whole module: "
    "torch.export.save(torch.export.export(module.eval(), (rows,)), 'model.pt2').",
    "safetensors": "Weights alone are no model: build the module, "
    "module.load_state_dict(safetensors.torch.load_file(path)), and give it to closedform.read.",
    "npy": "It holds numbers alone: load the model that they belong to in Python.",
    "npz": "It holds numbers alone: load the model that they belong to in Python.",
    "zip": "Unpack it, and give the model file in it.",
    "parquet": "Give it as the data, and a model file as the model.",
}
"""Kind of a file that is not read as a model → what to do instead."""


@dataclass(frozen=True)
class FileReport:
    """What is known about a model file without having run any of it.

    Attributes:
        path: the file.
        kind: one of `KINDS`, decided by the content.
        compression: zlib, gzip, bz2, lzma, xz or lz4, or None.
        sha256: of the file as it lies on disk, in hexadecimal.
        size: in bytes, on disk.
        imports: every 'module.name' that opening it would import, unfamiliar ones first. What is
            not plain ASCII is escaped.
        unfamiliar: those that models of scikit-learn do not commonly need; for a skops file, the
            types that skops does not trust. A familiar name is no promise of safety.
        complete: False when the file could not be followed to its end, and may import more.
        notes: what else its user should know.
    """

    path: str
    kind: str
    compression: str | None
    sha256: str
    size: int
    imports: tuple[str, ...] = ()
    unfamiliar: tuple[str, ...] = ()
    complete: bool = True
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dict that `json.dumps` takes."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        packed = f", compressed with {self.compression}" if self.compression else ""
        head = f"{self.path}: {KINDS[self.kind]}{packed}, {self.size:,} bytes"
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([head, f"SHA-256 {self.sha256}", *self._listing(), *notes])

    def _listing(self) -> list[str]:
        odd = f", {len(self.unfamiliar)} of them unfamiliar (!)" if self.unfamiliar else ""
        lines = [f"would import {_count(len(self.imports), 'name')}{odd}"] if self.imports else []
        marks = set(self.unfamiliar)
        lines += [f"  {'!' if it in marks else ' '} {it}" for it in self.imports[:_MOST_SHOWN]]
        more = len(self.imports) - _MOST_SHOWN
        lines += [f"    … and {more} more"] if more > 0 else []
        return lines + ([] if self.complete else ["INCOMPLETE: it may import more than is listed"])


def split_imports(findings: Findings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (all imports, unfamiliar imports), both sorted, unfamiliar ones first."""
    names = sorted({_spelled(*pair) for pair in findings.names})
    odd = {_spelled(*pair) for pair in findings.names if not is_familiar(*pair)}
    codes = tuple(f"copyreg extension {code}" for code in sorted(findings.extensions))
    unfamiliar = codes + tuple(name for name in names if name in odd)
    return unfamiliar + tuple(name for name in names if name not in odd), unfamiliar


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _spelled(module: str, name: str) -> str:
    return shown(f"{module}.{name}")


def notes_on(findings: Findings, rest: bytes) -> Iterable[str]:
    """Say what a scan found besides names; `rest` is what follows the pickle, or its start."""
    if findings.sklearn:
        yield f"made with scikit-learn {', '.join(map(shown, sorted(findings.sklearn)))}"
    if findings.persistent:
        yield "it refers to values outside the file, which only the writing program can supply"
    if findings.stopped:
        yield f"the scan stopped at byte {findings.end:,}: {findings.stopped}"
    elif rest:
        yield f"more bytes follow the pickle, from byte {findings.end:,}; they are not read"
