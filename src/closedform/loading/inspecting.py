"""What a model file is, and what it would import."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from io import BufferedReader
from typing import Final

from closedform.errors import BadFile
from closedform.loading import archives, pickles
from closedform.loading.findings import Findings
from closedform.loading.protobuf import begins_onnx
from closedform.loading.report import FileReport, notes_on, split_imports
from closedform.loading.stream import Broken, Limits, compression, open_regular, shown

_HEAD: Final = 4096
# What begins so is one of these and no pickle. The text is looked for in the first `_HEAD` bytes.
_BEGINNINGS: Final[tuple[tuple[bytes, bytes, str], ...]] = (
    (b"{", b'"closedform', "closedform-json"),
    (b"{", b'"learner"', "xgboost-json"),
    (b"{L", b"learner", "xgboost-json"),  # the binary form
    (b"{", b'"features_info"', "catboost-json"),
    (b"{", b'"ctr_data"', "catboost-json"),
    (b"{", b'"ebm":', "interpret-json"),
    (b"{", b'"num_tree_per_iteration"', "lightgbm-dump"),
    (b"{", b'"class_name"', "keras-json"),
    (b"[", b'"nodeid"', "xgboost-dump"),
    (b"booster[0]", b"0:", "xgboost-dump"),
    (b"binf", b"", "xgboost-binary"),
    (b"bs64\t", b"", "xgboost-binary"),
    (b"{", b"", "json"),
    (b"CBM1", b"", "catboost-cbm"),
    (b"tree\n", b"version=", "lightgbm-text"),
    (b"Complexity,Loss,Equation", b"", "pysr-csv"),
    (b"<", b"PMML", "pmml"),
    (b"\x89HDF\r\n", b"", "hdf5"),
    (b"\x93NUMPY", b"", "npy"),
    (b"PAR1", b"", "parquet"),
)
_OLD_XGBOOST: Final = re.compile(rb"(?s).{136}.\0{7}(reg|binary|multi|count|rank|survival):")
"""A model of XGBoost before 1.3: 136 bytes of numbers, then a length and the objective."""
_CANNOT_IMPORT: Final = {
    "closedform-json", "json", "xgboost-json", "xgboost-binary", "xgboost-dump", "lightgbm-text",
    "lightgbm-dump", "catboost-json", "catboost-cbm", "interpret-json", "keras-json", "onnx",
    "parquet", "pmml", "pysr-csv", "safetensors",
}  # fmt: skip
_READ_AS_DATA: Final = {
    "torch-pt2": "it is looked through and repacked before PyTorch loads it",
    "keras": "it is read as data: no class that it names is made, and none of its code is run",
    "hdf5": "if it holds a Keras model, that is read as data",
}
_MOST_OF_HEADER: Final = 100_000_000
"""Bytes of the list of tensors that begins a safetensors file, as that format says."""
_SAVE_AGAIN: Final = "Copy or download it again, or save the model again."


@dataclass(frozen=True)
class Inspected:
    """A report, and for a pickle the names as its loader will ask for them."""

    report: FileReport
    findings: Findings | None = None


def inspect_file(path: str | os.PathLike[str], *, limits: Limits | None = None) -> FileReport:
    """Say what a model file is and what it would import, without running any of it.

    Args:
        path: the file. Its extension means nothing.
        limits: what the scan may cost.

    Raises:
        BadFile: the file is missing, empty, or damaged.
        MissingExtra: it is compressed with lz4, and that package is not installed.
    """
    with open_regular(path) as file:
        return inspect_open(file, os.fspath(path), limits or Limits()).report


def inspect_open(file: BufferedReader, path: str, limits: Limits) -> Inspected:
    """Do the work of `inspect_file` on an open file."""
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    if size == 0:
        raise BadFile(f"{path} is empty.", hint=_SAVE_AGAIN)
    file.seek(0)
    head = file.read(_HEAD)
    how = compression(head)
    report = FileReport(path, "unknown", how, sha256, size)
    try:
        if head.startswith(b"PK\x03\x04"):
            return _archive(file, report, limits)
        limits = limits.of_size(size)
        kind = _kind_by_beginning(head)
        return Inspected(_foreign(report, kind)) if kind else _pickle(file, report, limits)
    except Broken as error:
        raise BadFile(f"{path} is damaged: {error}.", hint=_SAVE_AGAIN) from error


def _kind_by_beginning(head: bytes) -> str | None:
    if head.startswith(b"ZF0x"):
        raise Broken("it was written by joblib < 0.10, which keeps arrays in other files")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    text = start if start.startswith((b"{", b"<")) else head
    for magic, holds, kind in _BEGINNINGS:
        if text.startswith(magic) and holds in head:
            return kind
    if _OLD_XGBOOST.match(head):
        return "xgboost-binary"
    if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < _MOST_OF_HEADER:
        return "safetensors"
    return "onnx" if begins_onnx(head) else None


def _foreign(report: FileReport, kind: str) -> FileReport:
    harmless = kind in _CANNOT_IMPORT
    if kind in _READ_AS_DATA:
        return replace(report, kind=kind, complete=True, notes=(_READ_AS_DATA[kind],))
    notes = () if harmless else ("closedform does not look into files of this kind",)
    return replace(report, kind=kind, complete=harmless, notes=notes)


def _archive(file: BufferedReader, report: FileReport, limits: Limits) -> Inspected:
    kind = archives.kind_of(file)
    if kind != "skops":
        return Inspected(_foreign(report, kind))
    named = archives.named_types(file, limits)
    unfamiliar = archives.untrusted_types(file, named)
    others = {f"{module}.{name}" for module, name in named}.difference(unfamiliar)
    reason = archives.why_no_skops()
    report = replace(
        report,
        kind=kind,
        imports=tuple(map(shown, (*unfamiliar, *sorted(others)))),
        unfamiliar=tuple(map(shown, unfamiliar)),
        complete=reason is None,
        notes=(f"{reason}, so only names were compared",) if reason else (),
    )
    return Inspected(report)


def _pickle(file: BufferedReader, report: FileReport, limits: Limits) -> Inspected:
    findings, sure, rest = pickles.look(file, report.compression, limits)
    if findings.broken and not sure:
        return Inspected(_foreign(report, "unknown"))
    imports, unfamiliar = split_imports(findings)
    if findings.broken:
        inside = " of its inflated content" if report.compression else ""
        names = f" Up to there it imports {', '.join(imports)}." if imports else ""
        raise BadFile(
            f"{report.path} is damaged at byte {findings.end:,}{inside}: {findings.broken}.{names}",
            hint=_SAVE_AGAIN,
        )
    report = replace(
        report,
        kind="joblib" if pickles.has_raw_arrays(findings) else "pickle",
        imports=imports,
        unfamiliar=unfamiliar,
        complete=findings.complete,
        notes=tuple(notes_on(findings, rest)),
    )
    return Inspected(report, findings)
