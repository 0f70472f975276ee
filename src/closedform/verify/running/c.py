"""C: compiled with a main function and run on all rows, its answers read bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from closedform.formula import Feature
from closedform.verify.running.process import Outputs, compiler
from closedform.verify.running.records import Driver, Fields, fields_of, run_records

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
_FIELD = r"^    (?P<type>double |float |const char \*)(?P<name>\w+);"


def run_c(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Compile a printed C file with a main function, and run it on all rows."""
    name = str(options.get("name", "model"))
    driver = Driver(
        main=_DRIVER.replace("model_", f"{name}_"),
        number="in.{} = number();", label="in.{} = label();",
        tell_number='printf("%a\\n", out.{});', tell_label="tell_label(out.{});",
        files=("program.c", "driver.c"),
        commands=([*tool(), *STRICT, "-o", "driver", "driver.c", "-lm"], ["./driver"]),
        written=float.hex, read=float.fromhex,
    )  # fmt: skip
    taken, given = (_fields(program, f"{name}_{kind}") for kind in ("input", "output"))
    return run_records(program, driver, (taken, given), columns, outputs)


def tool() -> list[str]:
    """Return the command that compiles C: the system's, or that of the package ziglang.

    Raises:
        UnsupportedTarget: there is none.
    """
    return compiler(
        "cc", "gcc", "clang", "tcc", zig="cc",
        absent="A C program cannot be run here: there is no C compiler.",
        hint="Type: pip install ziglang (it is one), or install the system's (apt install gcc).",
    )  # fmt: skip


def _fields(program: str, kind: str) -> Fields:
    head, end = "typedef struct {", f"}} {kind};"  # a struct's name stands behind its fields
    start = program.rindex(head, 0, program.index(end))
    return fields_of(program[start:], head, end, _FIELD, "const char")
