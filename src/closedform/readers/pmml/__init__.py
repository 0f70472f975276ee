"""PMML files of any program, without a package: read as XML, by the specification."""

from closedform.readers.pmml.file import read_file

__all__ = ["read_file"]
