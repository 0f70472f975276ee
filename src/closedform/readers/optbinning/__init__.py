"""optbinning: optimal binning, whole processes of it, and scorecards."""

from closedform.readers.optbinning.dispatch import predicted, read_model, transformed

__all__ = ["predicted", "read_model", "transformed"]
