"""Writes the documents of `pmml_written.py`, and what JPMML's evaluator answers to them.

    pip install jpmml_evaluator       # and Java 11 or later
    PYTHONPATH=src:tests python tests/record_pmml_written.py

What is there is by jpmml_evaluator 0.16.0, that is JPMML-Evaluator 1.7.7, of Java 17.
"""

import json

from closedform.verify.running.pmml import run_pmml
from pmml_written import FOLDER, FORMULAS, ROWS


def answers(formula):
    """Return every output that the evaluator gives for all rows."""
    columns = [ROWS[f.name] for f in formula.inputs]
    found, error = run_pmml(formula.to("pmml"), formula.inputs, columns, [*formula.outputs], {})
    if error:
        raise RuntimeError(error)
    return found


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    made = {}
    for name, formula in FORMULAS.items():
        (FOLDER / f"{name}.pmml").write_text(formula.to("pmml"), encoding="utf-8")
        made[name] = answers(formula)
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in made.items()]
    (FOLDER / "answers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
