"""PySR: its regressor without importing it (it starts Julia), and its hall of fame as a file."""

from closedform.readers.pysr.regressor import predicted, read_file, read_model

__all__ = ["predicted", "read_file", "read_model"]
