"""What a block returns beside tensors, tuples, lists and dicts: records, whose fields have names.

A file of laws is plain JSON and names no class that could be run, so that a formula returns records
of its own, which are read as the block's were.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from closedform.errors import BadFile


class Record(dict[Any, Any]):
    """A dict whose entries are attributes too, and have numbers, as what transformers return."""

    def __getattr__(self, name: str) -> Any:
        """Return an entry by its name."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the record has no entry {name!r}") from None

    def __getitem__(self, key: Any) -> Any:
        """Return an entry by its name, or by its number among those that are not None."""
        if isinstance(key, slice) or (isinstance(key, int) and key not in self):
            return tuple(v for v in self.values() if v is not None)[key]
        return super().__getitem__(key)


@dataclass(frozen=True)
class Named:
    """A named tuple of a block, as a place to be filled.

    Attributes:
        name: of its class.
        entries: each field and what stands there.
    """

    name: str
    entries: tuple[tuple[str, Any], ...]

    def __post_init__(self) -> None:
        """Make its class, while nobody traces.

        Raises:
            BadFile: a name is none.
        """
        key = (self.name, tuple(k for k, _ in self.entries))
        if key not in _TYPES:
            try:
                _TYPES[key] = namedtuple(*key)
            except (TypeError, ValueError) as problem:
                raise BadFile(f"no named tuple: {problem}.", hint="Save the law again.") from None

    def filled(self, values: list[Any]) -> Any:
        """Return a named tuple of values, one for each field."""
        return _TYPES[self.name, tuple(k for k, _ in self.entries)](*values)

    def __reduce__(self) -> Any:
        """Return what makes it again: where it is unpickled, its class may not be there yet."""
        return Named, (self.name, self.entries)


_TYPES: dict[tuple[str, tuple[str, ...]], Any] = {}


def opened(value: Any, leaf: Callable[[Any], Any] = lambda inner: inner) -> Any:
    """Return nested values with `Record` for dataclasses and for mappings that are no plain dict.

    Args:
        value: what a block returned.
        leaf: what each innermost value becomes.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return Record({f.name: opened(getattr(value, f.name), leaf) for f in fields(value)})
    if isinstance(value, Mapping):
        kind = dict if type(value) is dict else Record
        return kind({k: opened(v, leaf) for k, v in value.items()})
    if isinstance(value, tuple | list):
        made = [opened(v, leaf) for v in value]
        if hasattr(value, "_fields"):
            return type(value)(*made)
        return made if isinstance(value, list) else tuple(made)
    return leaf(value)
