"""Pickles and joblib files: what is in them, and loading them once they are trusted."""

from __future__ import annotations

import copyreg
import pickle
from importlib.util import find_spec
from typing import Any, BinaryIO, Final

from closedform.errors import MissingExtra
from closedform.loading.findings import Findings, Pair
from closedform.loading.scan import ARRAY_WRAPPER, scan
from closedform.loading.stream import Limits, inflated

_HEAD: Final = 2
RECORDS: Final = frozenset({"pysr"})
"""Packages whose models are read by their attributes alone: PySR cannot be had without Julia."""


class Unlisted(Exception):
    """A trusted file asks for a name that the scan did not see: the file deceives the scan."""


def is_surely_pickle(head: bytes) -> bool:
    """Tell whether a file begins as pickles of protocol 2 and later do."""
    return len(head) >= _HEAD and head[0] == pickle.PROTO[0] and head[1] <= pickle.HIGHEST_PROTOCOL


def look(file: BinaryIO, how: str | None, limits: Limits) -> tuple[Findings, bool, bytes]:
    """Return the findings, whether the file is surely a pickle, and a byte that follows it."""
    stream = inflated(file, how, limits.inflated)
    sure = is_surely_pickle(stream.read(_HEAD))
    stream = inflated(file, how, limits.inflated)
    findings = scan(stream, limits)
    # Reading on also checks that compressed data are whole: their checksum comes last.
    return findings, sure, stream.read(1) if findings.complete else b""


def has_raw_arrays(findings: Findings) -> bool:
    """Tell whether joblib wrote the file, with the bytes of arrays between the instructions."""
    return tuple(ARRAY_WRAPPER.rsplit(".", 1)) in findings.names


def load(file: BinaryIO, how: str | None, findings: Findings, limits: Limits) -> object:
    """Load a trusted file, but import nothing that `findings` does not list.

    So a file that shows the scan one program and the loader another does not get to run the other;
    with joblib < 1.6 only outside arrays of Python objects, which it hands to plain pickle.
    """
    registry: dict[int, Pair] = getattr(copyreg, "_inverted_registry", {})
    extensions = {registry[code] for code in findings.extensions if code in registry}
    stream = inflated(file, how, limits.inflated)
    listed = frozenset(findings.raw | extensions)
    return _load_joblib(stream, listed) if has_raw_arrays(findings) else _load(stream, listed)


def _record(module: str, name: str) -> type | None:
    """Return a class that takes on the attributes of one in `RECORDS`; None where it is there."""
    package = module.partition(".")[0]
    if package not in RECORDS or find_spec(package) is not None:
        return None
    return type(name, (), {"__module__": module})


def _check(module: str, name: str, listed: frozenset[Pair]) -> None:
    if (module, name) not in listed:
        raise Unlisted(f"{module}.{name}")


def _load(stream: BinaryIO, listed: frozenset[Pair]) -> object:
    class Guarded(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            _check(module, name, listed)
            return _record(module, name) or super().find_class(module, name)

    return Guarded(stream).load()


def _load_joblib(stream: BinaryIO, listed: frozenset[Pair]) -> object:
    try:
        from joblib.numpy_pickle import NumpyUnpickler
    except ImportError as error:
        raise MissingExtra("joblib", "sklearn", "Loading a file written by joblib") from error
    try:
        unpickler = NumpyUnpickler("", stream, ensure_native_byte_order=True)
    except TypeError:  # joblib < 1.5
        unpickler = NumpyUnpickler("", stream)
    found = unpickler.find_class

    def find_class(module: str, name: str) -> Any:
        _check(module, name, listed)
        return _record(module, name) or found(module, name)

    unpickler.find_class = find_class
    return unpickler.load()
