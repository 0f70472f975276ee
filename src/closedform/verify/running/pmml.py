"""PMML: the document evaluated row by row by JPMML's evaluator, in a process of its own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature
from closedform.printers.pmml.writing import field_names
from closedform.verify.running.process import Outputs, run

_DRIVER = """
import json, math, sys
from jpmml_evaluator import make_evaluator
given = json.load(open(sys.argv[1], encoding="utf-8"))
evaluator = make_evaluator(sys.argv[2]).verify()
fields = {field.getName() for field in evaluator.getInputFields()}
places = [(i, name) for i, name in enumerate(given["inputs"]) if name in fields]
rows, error = [], ""
for row in zip(*given["columns"]):
    absent = (i for i, v in enumerate(row) if v is None or v != v)
    row = [None if v is None or v != v else v for v in row]
    try:
        found = dict(evaluator.evaluate({name: row[i] for i, name in places}))
        rows.append([found.get(name) for name in given["outputs"]])
    except Exception as problem:
        rows.append(None)
        error = error or str(problem).splitlines()[0]
json.dump({"rows": rows, "error": error}, open(sys.argv[3], "w", encoding="utf-8"))
"""


def run_pmml(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Evaluate a document for all rows."""
    tool()
    named, given = field_names(inputs, outputs)
    texts = _texts(program, named)
    told = [
        [_plain(v, name in texts) for v in column]
        for name, column in zip(named, columns, strict=True)
    ]
    with TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("given.json", "model.pmml", "found.json")]
        Path(files[0]).write_text(
            json.dumps({"inputs": named, "outputs": given, "columns": told}), encoding="utf-8"
        )
        Path(files[1]).write_text(program, encoding="utf-8")
        done = run([sys.executable, "-c", _DRIVER, *files], folder)
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            return {}, last
        made = json.loads(Path(files[2]).read_text(encoding="utf-8"))
    return {
        name: [None if row is None else row[i] for row in made["rows"]]
        for i, name in enumerate(outputs)
    }, made["error"]


def _texts(program: str, names: Sequence[str]) -> set[str]:
    """Return the fields that are text."""
    from xml.etree import ElementTree

    space = "{http://www.dmg.org/PMML-4_4}"
    fields = ElementTree.fromstring(program).find(f"{space}DataDictionary")
    listed = [] if fields is None else list(fields)
    return {f.get("name", "") for f in listed if f.get("dataType") == "string"}


def _plain(value: Any, text: bool) -> Any:
    if value is None or value != value:
        return None
    if text:
        return str(value)
    return None if isinstance(value, str) else float(value)


def tool() -> str:
    """Return the Java that the evaluator runs in.

    Raises:
        UnsupportedTarget: Java or the package jpmml_evaluator is not here.
    """
    java = shutil.which("java")
    if java is None or find_spec("jpmml_evaluator") is None:
        raise UnsupportedTarget(
            "A PMML document cannot be run here: that takes Java and JPMML's evaluator.",
            hint="Type: pip install jpmml_evaluator, and install Java 11 or later.",
        )
    return java
