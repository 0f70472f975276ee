"""C++: the header compiled with a main function and run on all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from closedform.formula import Feature
from closedform.verify.running.process import Outputs, compiler
from closedform.verify.running.records import Driver, Fields, fields_of, run_records

STRICT = ("-std=c++11", "-O2", "-ffp-contract=off")
"""Contracted sums and products would be other ones than those that were written."""

# Numbers pass as %a, which loses no bit.
_DRIVER = """
#include "program.hpp"
#include <cstdio>
#include <cstdlib>

static double number()
{
    char word[64];
    if (std::scanf("%63s", word) != 1)
        std::exit(2);
    return std::strtod(word, nullptr);
}

static const char *label()
{
    int size = static_cast<int>(number());
    if (size < 0)
        return nullptr;
    char *text = static_cast<char *>(std::calloc(size + 1, 1));
    for (int i = 0; i < size; i++)
        text[i] = static_cast<char>(static_cast<int>(number()));
    return text;
}

static void tell_label(const char *text)
{
    std::printf("%d", text ? static_cast<int>(std::strlen(text)) : -1);
    for (; text && *text; text++)
        std::printf(" %d", static_cast<unsigned char>(*text));
    std::puts("");
}

int main()
{
    int rows = static_cast<int>(number());
    while (rows--) {
        NAME::Input in;
        READ
        const NAME::Output out = NAME::evaluate(in);
        TELL
    }
    return 0;
}
"""
_FIELD = r"^    (?P<type>double |float |const char \*)(?P<name>\w+);"


def run_cpp(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Compile a printed header with a main function, and run it on all rows."""
    driver = Driver(
        main=_DRIVER.replace("NAME", str(options.get("name", "model"))),
        number="in.{} = number();", label="in.{} = label();",
        tell_number='std::printf("%a\\n", static_cast<double>(out.{}));',
        tell_label="tell_label(out.{});",
        files=("program.hpp", "driver.cpp"),
        commands=([*tool(), *STRICT, "-o", "driver", "driver.cpp"], ["./driver"]),
        written=float.hex, read=float.fromhex,
    )  # fmt: skip
    return run_records(program, driver, (_fields(program, "Input"), _fields(program, "Output")),
                       columns, outputs)  # fmt: skip


def _fields(program: str, kind: str) -> Fields:
    return fields_of(program, f"struct {kind} {{", "\n};", _FIELD, "const char")


def tool() -> list[str]:
    """Return the command that compiles C++: the system's, or that of the package ziglang.

    Raises:
        UnsupportedTarget: there is none.
    """
    return compiler(
        "c++", "g++", "clang++", zig="c++",
        absent="A C++ header cannot be run here: there is no C++ compiler.",
        hint="Type: pip install ziglang (it is one), or install the system's (apt install g++).",
    )  # fmt: skip
