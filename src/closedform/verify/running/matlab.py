"""MATLAB function files, run in Octave on all rows at once."""

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
1;
function found = text_of(line)
    found = NaN;
    if line(1) == 'x'
        found = '';
        if numel(line) > 1
            found = char(hex2dec(reshape(line(2:end), 2, [])')');
        end
    end
end
function line = code_of(value, empty_is_known)
    line = '-';
    if ischar(value) && (empty_is_known || ~isempty(value))
        line = ['x', sprintf('%02x', uint8(value))];
    end
end
file = fopen('numbers.bin');
numbers = fread(file, Inf, 'double', 0, 'ieee-le');
fclose(file);
lines = strsplit(strtrim(fileread('texts.txt')), "\\n");
data = {};
for is_text = [TEXTS]
    if is_text
        data{end + 1} = cellfun(@text_of, lines(1:ROWS), 'UniformOutput', false)';
        lines = lines(ROWS + 1:end);
    else
        data{end + 1} = numbers(1:ROWS);
        numbers = numbers(ROWS + 1:end);
    end
end
if isempty(data)
    data = zeros(ROWS, 0);
end
[~, found] = NAME(data);
kinds = fopen('kinds.txt', 'w');
numbers = fopen('found.bin', 'w');
texts = fopen('found.txt', 'w');
for field = fieldnames(found)'
    values = found.(field{1});
    if numel(values) ~= ROWS
        error('%s has %d rows', field{1}, numel(values));
    end
    if iscell(values)
        fprintf(kinds, 'text\\n');
        for i = 1:ROWS
            fprintf(texts, '%s\\n', code_of(values{i}, EMPTY));
        end
    else
        fprintf(kinds, 'number\\n');
        fwrite(numbers, double(values), 'double', 0, 'ieee-le');
    end
end
"""
_HEAD = re.compile(r"^function \[prediction, outputs\] = (\w+)", re.M)


def run_matlab(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed function file in Octave on all rows."""
    command, rows = tool(), len(columns[0]) if columns else 1
    head = _HEAD.search(program)
    name = head[1] if head else "model"
    with TemporaryDirectory() as folder:
        texts = pack(folder, inputs, columns)
        known = re.search(r"(texts|given)\(.*, true\);$", program, re.M)
        filled = {
            "ROWS": str(rows), "NAME": name, "EMPTY": "true" if known else "false",
            "TEXTS": ", ".join("true" if t else "false" for t in texts),
        }  # fmt: skip
        driver = re.sub("|".join(filled), lambda m: filled[m[0]], _DRIVER)
        Path(folder, f"{name}.m").write_text(program, encoding="utf-8")
        Path(folder, "driver.m").write_text(driver, encoding="utf-8")
        ran = run([command, "--norc", "--no-history", "driver.m"], folder)
        if ran.returncode:
            said = [line for line in ran.stderr.splitlines() if "error" in line]
            return {}, said[0] if said else f"Octave ended with status {ran.returncode}"
        return unpack(folder, outputs, rows), ""


def tool() -> str:
    """Return the path of Octave's command line.

    Raises:
        UnsupportedTarget: there is none.
    """
    return installed(
        "octave-cli",
        "octave",
        absent="A MATLAB program cannot be run here: there is no Octave.",
        hint="Install it (apt install octave, brew install octave, or octave.org).",
    )
