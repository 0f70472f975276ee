"""All PMML documents of the tests, by name, and where an evaluator's answers to them are."""

from pathlib import Path

import pmml_cases
import pmml_ensembles
import pmml_models

CASES = {**pmml_cases.CASES, **pmml_ensembles.CASES, **pmml_models.CASES}
"""Name → a document and rows."""
RECORDED = Path(__file__).with_name("pmml_recorded.json")
