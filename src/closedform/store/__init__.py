"""Formulas as plain JSON files: exact, one node a line, and safe to open whoever wrote them.

The format is described in `docs/formula-json.md` and in the JSON Schema `formula.schema.json`.
"""

from closedform.store.files import load, save
from closedform.store.reading import from_dict, from_json
from closedform.store.writing import content_hash, to_dict, to_json

__all__ = ["content_hash", "from_dict", "from_json", "load", "save", "to_dict", "to_json"]
