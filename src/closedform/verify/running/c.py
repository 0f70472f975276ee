"""C: compiled with a main function and run on all rows, its answers read bit for bit."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature
from closedform.verify.running.lines import answers, told
from closedform.verify.running.process import run

COMPILERS = ("cc", "gcc", "clang", "tcc")
STRICT = ("-std=c99", "-O2", "-ffp-contract=off")
"""Contracted sums and products would be other ones than those that were written."""

# Numbers pass as %a, which loses no bit.
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
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[dict[str, list[Any]], str]:  # fmt: skip
    """Compile a printed C file with a main function, and run it on all rows."""
    name = str(options.get("name", "model"))
    taken, given = (_fields(program, f"{name}_{kind}") for kind in ("input", "output"))
    with TemporaryDirectory() as folder:
        Path(folder, "program.c").write_text(program, encoding="utf-8")
        Path(folder, "driver.c").write_text(_driver(name, taken, given), encoding="utf-8")
        made = run([*tool(), *STRICT, "-o", "driver", "driver.c", "-lm"], folder)
        if made.returncode:
            return {}, made.stderr.strip().splitlines()[0]
        ran = run(["./driver"], folder, told(columns, [text for text, _ in taken], float.hex))
    if ran.returncode:
        return {}, f"the program ended with status {ran.returncode}"
    return answers(ran.stdout, [text for text, _ in given], outputs, float.fromhex), ""


def tool() -> list[str]:
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


def _fields(program: str, kind: str) -> list[tuple[bool, str]]:
    """Return whether each field of a struct is text, and its name."""
    end = program.index(f"}} {kind};")
    start = program.rindex("typedef struct {", 0, end)
    found = _FIELD.findall(program[start:end])
    return [(type_ == "const char *", name) for type_, name in found]


def _driver(name: str, taken: list[tuple[bool, str]], given: list[tuple[bool, str]]) -> str:
    read = [f"        in.{name} = {'label' if text else 'number'}();" for text, name in taken]
    tell = [
        f"        tell_label(out.{name});" if text else f'        printf("%a\\n", out.{name});'
        for text, name in given
    ]
    driver = _DRIVER.replace("model_", f"{name}_")
    return driver.replace("READ", "\n".join(read)).replace("TELL", "\n".join(tell))
