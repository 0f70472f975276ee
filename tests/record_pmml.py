"""Asks JPMML's evaluator about the documents of `pmml_*.py`, and writes down what it answers.

    pip install jpmml_evaluator       # and Java 11 or later
    PYTHONPATH=src:tests python tests/record_pmml.py

What is there is by jpmml_evaluator 0.16.0, that is JPMML-Evaluator 1.7.7, of Java 17. A row is null
where it raises.
"""

import json
import tempfile
from pathlib import Path

from pmml_documents import CASES, RECORDED


def answers(document, rows):
    """Return what the evaluator gives for each row, without what it gives besides numbers."""
    from jpmml_evaluator import make_evaluator

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pmml")
        path.write_text(document)
        evaluator = make_evaluator(str(path)).verify()
    return [answer(evaluator, row) for row in rows]


def answer(evaluator, row):
    """Return the answer to one row, the prediction under the name "y"; None where it raises."""
    whole = {k: int(v) if k == "n" and v is not None else v for k, v in row.items()}
    try:
        given = dict(evaluator.evaluate(whole))
    except Exception:  # whatever Java raises
        return None
    targets = [f.name for f in evaluator.getTargetFields()]
    return {"y" if k in targets or k is None else k: v for k, v in given.items()}


if __name__ == "__main__":
    made = {name: answers(*case) for name, case in CASES.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in made.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
