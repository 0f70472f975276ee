"""The command line: each verb opens files, asks the library, and says what it answered."""

from closedform.cli.running import main

__all__ = ["main"]
