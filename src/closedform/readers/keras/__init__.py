"""Keras: a model's graph of layers, live or from a file, walked with arrays of nodes."""

from closedform.readers.keras.files import model_of, read_file
from closedform.readers.keras.model import read_model
from closedform.readers.keras.wrapped import predicted, transformed

__all__ = ["model_of", "predicted", "read_file", "read_model", "transformed"]
