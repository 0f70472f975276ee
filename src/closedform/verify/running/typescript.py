"""TypeScript: the module checked and compiled, or its types stripped, and run in Node."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature
from closedform.verify.running import javascript
from closedform.verify.running.process import Outputs, run

STRICT = ("--strict", "--target", "es2022", "--module", "esnext")


def run_typescript(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Compile a printed module, every complaint an error, and run it on all rows in Node."""
    tool()
    node, compiler = javascript.tool(), shutil.which("tsc")
    files = {"program.mts": program}
    if compiler:
        build = [compiler, *STRICT, "program.mts"]
        return javascript.in_node([node], files, columns, outputs, build)
    driver = javascript.DRIVER.replace("program.mjs", "program.mts")
    plain = [node, "--experimental-strip-types", "--no-warnings"]
    return javascript.in_node(plain, files, columns, outputs, driver=driver)


def tool() -> str:
    """Return the path of what takes the types out: the compiler, or a Node that can.

    Raises:
        UnsupportedTarget: there is none.
    """
    compiler, node = shutil.which("tsc"), javascript.tool()
    if compiler:
        return compiler
    major, minor, *_ = map(int, run([node, "--version"]).stdout.strip().lstrip("v").split("."))
    if (major, minor) < (22, 6):
        raise UnsupportedTarget(
            f"A TypeScript module cannot be run here: Node {major}.{minor} reads no types.",
            hint="Type: npm install --global typescript (or install Node 22.6 or later).",
        )
    return node
