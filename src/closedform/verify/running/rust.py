"""Rust: the module compiled with a main function and run on all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from closedform.formula import Feature
from closedform.verify.running.process import Outputs, installed
from closedform.verify.running.records import Driver, Fields, fields_of, run_records

STRICT = ("--edition", "2021", "-O", "-D", "warnings")

# Rust writes and reads the shortest digits that are the same number.
_DRIVER = """
mod program;
use std::io::Read;

struct Words<'a>(std::str::SplitWhitespace<'a>);

#[allow(dead_code)]
impl Words<'_> {
    fn number(&mut self) -> f64 {
        self.0.next().and_then(|word| word.parse().ok()).expect("a number")
    }

    fn label(&mut self) -> Option<&'static str> {
        let size = self.number();
        let codes: Vec<u8> = (0..size as i64).map(|_| self.number() as u8).collect();
        (size >= 0.0).then(|| &*String::from_utf8_lossy(&codes).into_owned().leak())
    }
}

#[allow(dead_code)]
fn tell_label(label: Option<&str>) {
    match label {
        None => print!("-1"),
        Some(text) => {
            print!("{}", text.len());
            text.bytes().for_each(|code| print!(" {code}"));
        }
    }
    println!();
}

fn main() {
    let mut said = String::new();
    std::io::stdin().read_to_string(&mut said).expect("rows");
    let mut words = Words(said.split_whitespace());
    for _ in 0..words.number() as usize {
        let row = program::Input {
            READ
        };
        let out = program::evaluate(&row);
        TELL
    }
}
"""
_FIELD = r"^    pub (?P<name>\w+): (?P<type>\w+)"


def run_rust(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Compile a printed module with a main function, every warning an error, and run it."""
    driver = Driver(
        main=_DRIVER, number="{}: words.number(),", label="{}: words.label(),",
        tell_number='println!("{{:?}}", out.{});', tell_label="tell_label(out.{});",
        files=("program.rs", "driver.rs"),
        commands=([tool(), *STRICT, "-o", "driver", "driver.rs"], ["./driver"]),
    )  # fmt: skip
    return run_records(program, driver, (_fields(program, "Input"), _fields(program, "Output")),
                       columns, outputs)  # fmt: skip


def _fields(program: str, kind: str) -> Fields:
    return fields_of(program, f"pub struct {kind}", "\n}", _FIELD, "Option")


def tool() -> str:
    """Return the path of the compiler.

    Raises:
        UnsupportedTarget: there is none.
    """
    return installed(
        "rustc",
        absent="A Rust module cannot be run here: there is no Rust compiler.",
        hint="Install it: https://rustup.rs, or apt install rustc.",
    )
