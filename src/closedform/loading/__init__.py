"""Model and table files for the command line, decided by content and never by extension.

The Python API takes live objects, and opens no pickle. Here a pickle is looked at without running
it, refused unless its user trusts it, and then allowed to import what was listed and nothing else.
"""

from closedform.loading.inspecting import inspect_file
from closedform.loading.opening import OpenedModel, load_model, open_model
from closedform.loading.report import FileReport
from closedform.loading.stream import Limits
from closedform.loading.tables import read_table

__all__ = [
    "FileReport",
    "Limits",
    "OpenedModel",
    "inspect_file",
    "load_model",
    "open_model",
    "read_table",
]
