"""Names as data: each becomes a unique identifier that the target cannot mistake for code."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence

_SIGNS = {"%": "percent", "°": "deg", "+": "plus", "&": "and", "#": "number", "€": "euro"}


def identifier(name: str, fallback: str = "x") -> str:
    """Return an ASCII identifier that reads like the name: `petal length (cm)` → petal_length_cm.

    What cannot be spelled in ASCII is left out; a name of which nothing is left becomes `fallback`.
    """
    spelled = "".join(f" {_SIGNS[c]} " if c in _SIGNS else c for c in name)
    ascii_ = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    clean = re.sub(r"[^0-9A-Za-z]+", "_", ascii_).strip("_")
    if not clean:
        return fallback
    return f"{fallback}_{clean}" if clean[0].isdigit() else clean


def identifiers(
    names: Sequence[str], *, taken: Iterable[str] = (), fallback: str = "x"
) -> list[str]:
    """Return one unique identifier for each name, none of them a Python keyword or in `taken`."""
    used = {*taken, *keyword.kwlist, *keyword.softkwlist}
    found = []
    for i, name in enumerate(names):
        plain = identifier(name, f"{fallback}{i}")
        made, count = plain, 1
        while made in used:
            count += 1
            made = f"{plain}_{count}"
        used.add(made)
        found.append(made)
    return found
