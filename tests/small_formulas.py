"""Small formulas to save, and the schema that what is saved must fit."""

import json
from pathlib import Path

import numpy as np
from jsonschema import Draft202012Validator

import closedform
from closedform import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import splits_from

SCHEMA = json.loads((Path(closedform.__file__).parent / "formula.schema.json").read_text("utf-8"))
VALID = Draft202012Validator(SCHEMA)


def one(*outputs, **more):
    """A formula of some nodes over two numbers and a category."""
    inputs = (Feature("a"), Feature("b"), Feature("kind", Type.LABEL, ("A", "B")))
    return Formula({f"y{i}": n for i, n in enumerate(outputs)}, inputs, **more)


def stump():
    """A tree of one test, as `ops.tree` takes it."""
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.5, 0, 0], counts=[3, 2, 1])
    return splits, np.array([0.0, 1.0, 2.0])
