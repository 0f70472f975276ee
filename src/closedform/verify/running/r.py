"""R: the script sourced in an R of its own and run on all rows at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closedform.formula import Feature
from closedform.verify.running.packed import pack, unpack
from closedform.verify.running.process import Outputs, installed, run

_DRIVER = """
program <- source("program.R", local = TRUE, encoding = "UTF-8")$value
numbers <- readBin("numbers.bin", "double", ROWS * COUNT, endian = "little")
lines <- readLines("texts.txt")
text_of <- function(line) {
  if (line == "-") return(NA_character_)
  if (line == "x") return("")
  at <- 2 * seq_len((nchar(line) - 1) / 2)
  found <- rawToChar(as.raw(strtoi(substring(line, at, at + 1), 16L)))
  Encoding(found) <- "UTF-8"
  found
}
code_of <- function(text) {
  if (is.na(text)) "-" else paste0("x", paste(charToRaw(enc2utf8(text)), collapse = ""))
}
data <- list()
for (is_text in c(TEXTS)) {
  if (is_text) {
    data[[length(data) + 1]] <- vapply(lines[seq_len(ROWS)], text_of, "", USE.NAMES = FALSE)
    lines <- lines[-seq_len(ROWS)]
  } else {
    data[[length(data) + 1]] <- numbers[seq_len(ROWS)]
    numbers <- numbers[-seq_len(ROWS)]
  }
}
if (length(data)) names(data) <- program$inputs
data <- structure(data, row.names = seq_len(ROWS), class = "data.frame")
found <- program$evaluate(data)
texts <- vapply(found, is.character, TRUE)
writeLines(ifelse(texts, "text", "number"), "kinds.txt")
writeBin(as.numeric(unlist(found[!texts], use.names = FALSE)), "found.bin", endian = "little")
coded <- vapply(unlist(found[texts], use.names = FALSE), code_of, "", USE.NAMES = FALSE)
writeLines(as.character(coded), "found.txt")
"""


def run_r(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Source a printed R script, and run it on all rows."""
    command, rows = tool(), len(columns[0]) if columns else 1
    with TemporaryDirectory() as folder:
        texts = pack(folder, inputs, columns)
        driver = _DRIVER.replace("ROWS", f"{rows}L").replace("COUNT", f"{texts.count(False)}L")
        driver = driver.replace("TEXTS", ", ".join("TRUE" if t else "FALSE" for t in texts))
        Path(folder, "program.R").write_text(program, encoding="utf-8")
        Path(folder, "driver.R").write_text(driver, encoding="utf-8")
        ran = run([command, "--vanilla", "driver.R"], folder)
        if ran.returncode:
            said = re.search(r"^Error.*(\n .*)?", ran.stderr, re.M)
            return {}, said[0] if said else f"R ended with status {ran.returncode}"
        return unpack(folder, outputs, rows), ""


def tool() -> str:
    """Return the path of Rscript.

    Raises:
        UnsupportedTarget: there is none.
    """
    return installed(
        "Rscript",
        absent="An R script cannot be run here: there is no R.",
        hint="Install it (apt install r-base-core, brew install r, or r-project.org).",
    )
