"""Java: the class compiled with a main class and run on all rows."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature
from closedform.verify.running.process import Outputs
from closedform.verify.running.records import Driver, Fields, fields_of, run_records

# Labels pass as UTF-16, the only coding that has halves of characters as Java has them.
_DRIVER = """
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.IOException;
import java.util.StringTokenizer;

public class Driver {
    static StringTokenizer words = new StringTokenizer("");
    static BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));

    static double number() throws IOException {
        while (!words.hasMoreTokens()) {
            words = new StringTokenizer(lines.readLine());
        }
        String word = words.nextToken();
        return word.equals("nan") ? Double.NaN
            : word.equals("inf") ? Double.POSITIVE_INFINITY
            : word.equals("-inf") ? Double.NEGATIVE_INFINITY : Double.parseDouble(word);
    }

    static String label() throws IOException {
        int size = (int) number();
        if (size < 0) {
            return null;
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < size / 2; i++) {
            int high = (int) number();
            text.append((char) (256 * high + (int) number()));
        }
        return text.toString();
    }

    static void tellLabel(StringBuilder told, String text) {
        told.append(text == null ? -1 : 2 * text.length());
        for (int i = 0; text != null && i < text.length(); i++) {
            told.append(" ").append(text.charAt(i) >> 8).append(" ").append(text.charAt(i) & 255);
        }
        told.append("\\n");
    }

    public static void main(String[] args) throws IOException {
        StringBuilder told = new StringBuilder();
        for (int rows = (int) number(); rows > 0; rows--) {
            NAME.Input in = new NAME.Input();
            READ
            NAME.Output out = NAME.evaluate(in);
            TELL
        }
        System.out.print(told);
    }
}
"""
_FIELD = r"^        public (?P<type>\w+) (?P<name>\w+)"
# It starts in half of the time where nothing is optimised; a check runs no million rows.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


def run_java(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Compile a printed class with a main class, and run it on all rows."""
    name = str(options.get("name", "Model"))
    compiler, machine = tool()
    driver = Driver(
        main=_DRIVER.replace("NAME", name), number="in.{} = number();", label="in.{} = label();",
        tell_number='told.append(out.{}).append("\\n");', tell_label="tellLabel(told, out.{});",
        files=(f"{name}.java", "Driver.java"),
        commands=(
            [compiler, *(f"-J{flag}" for flag in QUICK), "-Xlint:all", "-Werror", "-encoding",
             "UTF-8", f"{name}.java", "Driver.java"],
            [machine, *QUICK, "Driver"],
        ),
        codec="utf-16-be", read=_number,
    )  # fmt: skip
    return run_records(program, driver, (_fields(program, "Input"), _fields(program, "Output")),
                       columns, outputs)  # fmt: skip


def _number(word: str) -> float:
    return float(word.replace("Infinity", "inf"))


def _fields(program: str, kind: str) -> Fields:
    head = f"public static final class {kind} {{"
    return fields_of(program, head, "\n    }", _FIELD, "String")


def tool() -> tuple[str, str]:
    """Return the paths of the compiler and of the machine.

    Raises:
        UnsupportedTarget: there is none.
    """
    compiler, machine = shutil.which("javac"), shutil.which("java")
    if compiler is None or machine is None:
        raise UnsupportedTarget(
            "A Java class cannot be run here: there is no Java compiler.",
            hint="Install one: https://adoptium.net, or apt install default-jdk-headless.",
        )
    return compiler, machine
