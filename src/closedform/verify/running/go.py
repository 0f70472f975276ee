"""Go: the package built with a main function beside it and run on all rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from closedform.formula import Feature
from closedform.verify.running.process import Outputs, installed
from closedform.verify.running.records import Driver, Fields, fields_of, run_records

# Go writes and reads the shortest digits that are the same number.
_DRIVER = """
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

var words = bufio.NewScanner(os.Stdin)

func number() float64 {
	words.Scan()
	value, problem := strconv.ParseFloat(words.Text(), 64)
	if problem != nil {
		panic(problem)
	}
	return value
}

func label() *string {
	size := int(number())
	if size < 0 {
		return nil
	}
	codes := make([]byte, size)
	for i := range codes {
		codes[i] = byte(number())
	}
	text := string(codes)
	return &text
}

func tellLabel(label *string) {
	if label == nil {
		fmt.Println(-1)
		return
	}
	fmt.Print(len(*label))
	for _, code := range []byte(*label) {
		fmt.Print(" ", code)
	}
	fmt.Println()
}

func tellNumber(value float64) {
	fmt.Println(strconv.FormatFloat(value, 'g', -1, 64))
}

func main() {
	words.Split(bufio.ScanWords)
	for rows := int(number()); rows > 0; rows-- {
		var in Input
		READ
		given := Evaluate(in)
		_ = given
		TELL
	}
}
"""
_FIELD = r"^\t(?P<name>\w+) +(?P<type>\S+)$"


def run_go(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Build a printed package as a program, and run it on all rows."""
    # A main function can only stand in package main, in which a program may be tested too.
    main = re.sub(r"^package \w+$", "package main", program, count=1, flags=re.M)
    driver = Driver(
        main=_DRIVER, number="in.{} = number()", label="in.{} = label()",
        tell_number="tellNumber(given.{})", tell_label="tellLabel(given.{})",
        files=("program.go", "driver.go"),
        commands=([tool(), "build", "-o", "driver", "program.go", "driver.go"], ["./driver"]),
        variables={"GO111MODULE": "off", "GOFLAGS": ""},
    )  # fmt: skip
    return run_records(main, driver, (_fields(program, "Input"), _fields(program, "Output")),
                       columns, outputs)  # fmt: skip


def _fields(program: str, kind: str) -> Fields:
    return fields_of(program, f"type {kind} struct {{", "\n}", _FIELD, "*string")


def tool() -> str:
    """Return the path of the Go command.

    Raises:
        UnsupportedTarget: there is none.
    """
    return installed(
        "go",
        absent="A Go file cannot be run here: there is no Go compiler.",
        hint="Install it: https://go.dev/dl, or apt install golang.",
    )
