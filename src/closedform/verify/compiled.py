"""Printed C programs: compiled, run on rows, and their answers read back bit for bit."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
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
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise UnsupportedTarget(
            "A C program cannot be run here: there is no C compiler.",
            hint="Install one (Debian: apt install gcc), or write the program without checking it.",
        )
    taken, given = (_fields(program, kind) for kind in ("input", "output"))
    with TemporaryDirectory() as folder:
        Path(folder, "program.c").write_text(program, encoding="utf-8")
        Path(folder, "driver.c").write_text(_driver(taken, given), encoding="utf-8")
        made = _run([compiler, *STRICT, "-o", "driver", "driver.c", "-lm"], folder, "")
        if made.returncode:
            return {}, made.stderr.strip().splitlines()[0]
        ran = _run(["./driver"], folder, _told(columns, [text for text, _ in taken]))
    if ran.returncode:
        return {}, f"the program ended with status {ran.returncode}"
    return _answers(ran.stdout, [text for text, _ in given], outputs), ""


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
