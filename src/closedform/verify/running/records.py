"""Programs of records: built with a main function that reads rows word by word, and run on all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closedform.verify.running.lines import answers, told
from closedform.verify.running.process import Outputs, run

Fields = list[tuple[bool, str]]
"""Whether each field of a record is text, and its name."""


@dataclass(frozen=True)
class Driver:
    """How a program in one language is run.

    Attributes:
        main: a program, with READ where a row's fields are read and TELL where answers are told.
        number, label: the statement that reads a field of each kind.
        tell_number, tell_label: the statement that tells one.
        files: the names of the printed file and of the main program.
        commands: what builds it; the last one runs it.
        codec: how labels pass, as bytes.
        read, written: how a number passes, there and back; by default with all its digits.
    """

    main: str
    number: str
    label: str
    tell_number: str
    tell_label: str
    files: tuple[str, str]
    commands: Sequence[Sequence[str]]
    codec: str = "utf-8"
    written: Callable[[float], str] = repr
    read: Callable[[str], float] = float
    variables: Mapping[str, str] | None = None


def run_records(
    program: str, driver: Driver, fields: tuple[Fields, Fields], columns: list[list[Any]],
    outputs: Sequence[str],
) -> tuple[Outputs, str]:  # fmt: skip
    """Build a printed program with its main function, and run it on all rows.

    Args:
        program: what was printed.
        driver: how it is run.
        fields: those of a row, and those of its answers.
        columns, outputs: as any runner takes them.
    """
    taken, given = ([text for text, _ in side] for side in fields)
    main = _filled(driver, *fields)
    environment = None if driver.variables is None else {**os.environ, **driver.variables}
    with TemporaryDirectory() as folder:
        for name, text in zip(driver.files, (program, main), strict=True):
            Path(folder, name).write_text(text, encoding="utf-8")
        for command in driver.commands[:-1]:
            made = run(command, folder, variables=environment)
            if made.returncode:
                return {}, _first_error(made.stderr + made.stdout)
        rows = told(columns, taken, driver.written, driver.codec)
        ran = run(driver.commands[-1], folder, rows, variables=environment)
    if ran.returncode:
        said = _first_error(ran.stderr)
        return {}, f"the program ended with status {ran.returncode}: {said}"
    return answers(ran.stdout, given, outputs, driver.read, driver.codec), ""


def _filled(driver: Driver, taken: Fields, given: Fields) -> str:
    read = [(driver.label if text else driver.number).format(name) for text, name in taken]
    tell = [(driver.tell_label if t else driver.tell_number).format(n) for t, n in given]
    return driver.main.replace("READ", "\n".join(read)).replace("TELL", "\n".join(tell))


def _first_error(said: str) -> str:
    """Return the line of a compiler's message that says what is wrong."""
    # Go's begins with "# the package".
    lines = [line for line in said.splitlines() if line.strip(" #")] or ["no message"]
    said_so = r"\berror\b|panic|Exception"
    found = [line for line in lines if re.search(said_so, line)]
    return next(iter([*found, *(line for line in lines if line[0] != "#"), *lines]))


def fields_of(program: str, head: str, end: str, pattern: str, text: str) -> Fields:
    """Return the fields of a record, in order.

    Args:
        program: what was printed.
        head, end: what its declaration begins with, and the first line that ends it.
        pattern: a line of a field; its groups `type` and `name` say what is in it.
        text: what the type of a text begins with.
    """
    start = program.index(head)
    declared = program[start : program.index(end, start)]
    return [
        (found["type"].startswith(text), found["name"])
        for found in re.finditer(pattern, declared, re.M)
    ]
