"""What a scan of a pickle found."""

from __future__ import annotations

import _compat_pickle
from dataclasses import dataclass, field

Pair = tuple[str, str]


@dataclass(slots=True)
class Findings:
    """What a scan found, also when it did not reach the end.

    Attributes:
        raw: (module, name) as the loader will ask for them.
        names: (module, name) as they are imported, Python 2 spellings translated.
        extensions: codes of the copyreg registry, which stand for names that only the loader knows.
        sklearn: versions of scikit-learn that wrote a part.
        persistent: whether values are asked for that only the writing program can supply.
        stopped: why the scan could not go on, if it could not.
        broken: what is wrong with the file, if something is.
        end: the byte after the pickle, or the instruction at which the scan ended.
        opcodes: instructions followed.
        text: bytes of text remembered.
    """

    raw: set[Pair] = field(default_factory=set)
    names: set[Pair] = field(default_factory=set)
    extensions: set[int] = field(default_factory=set)
    sklearn: set[str] = field(default_factory=set)
    persistent: bool = False
    stopped: str | None = None
    broken: str | None = None
    end: int = 0
    opcodes: int = 0
    text: int = 0

    @property
    def complete(self) -> bool:
        """Whether the pickle was followed to its end."""
        return self.stopped is None and self.broken is None


def python3_name(module: str, name: str) -> Pair:
    """Translate a Python 2 spelling as the loader does for protocols 0 to 2."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name
