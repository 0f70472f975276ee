"""VBA modules, run by the Basic of LibreOffice, which has a mode for them."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import escape

from closedform.formula import Feature
from closedform.verify.running.packed import STRANGE, is_text
from closedform.verify.running.process import Outputs, installed

# Numbers pass as their bits; labels as the codes of their UTF-16 units, in five digits each.
_DRIVER = """
Private Function label_of(row_text As String) As Variant
    Dim i As Long
    label_of = Null
    If row_text = "-" Then Exit Function
    label_of = ""
    For i = 2 To Len(row_text) Step 5
        label_of = label_of & ChrW(CLng(Mid(row_text, i, 5)))
    Next
End Function

Private Function line_of(label As String) As String
    Dim i As Long, code As Long
    line_of = "x"
    For i = 1 To Len(label)
        code = AscW(Mid(label, i, 1))
        If code < 0 Then code = code + 65536
        line_of = line_of & Format(code, "00000")
    Next
End Function

Sub Main
    Dim i As Long, j As Long, given(COLUMNS) As Variant, found As Variant, value As Variant
    Dim numbers As Integer, labels As Integer, told As Integer, bits As Integer
    Dim one As Double, row_text As String
    On Error GoTo Failed
    numbers = FreeFile
    Open "FOLDER/numbers.bin" For Binary As #numbers
    labels = FreeFile
    Open "FOLDER/labels.txt" For Input As #labels
    told = FreeFile
    Open "FOLDER/told.txt" For Output As #told
    bits = FreeFile
    Open "FOLDER/found.bin" For Binary As #bits
    For i = 1 To ROWS
        For j = 0 To COLUMNS - 1
            Line Input #labels, row_text
            If row_text = "#" Then
                Get #numbers, , one
                given(j) = one
            Else
                given(j) = label_of(row_text)
            End If
        Next
        found = NAME_all(given)
        For Each value In found
            If IsError(value) Then
                Print #told, "-"
            ElseIf VarType(value) = 8 Then
                Print #told, line_of(CStr(value))
            Else
                one = value
                If VarType(value) = 11 Then one = Abs(one)
                Print #told, "#"
                Put #bits, , one
            End If
        Next
    Next
    Close #told
    Close #bits
    StarDesktop.terminate()
    Exit Sub
Failed:
    Print #told, "! " & Err.Description & " in row " & i
    Close #told
    StarDesktop.terminate()
End Sub
"""
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_DTD = '<!DOCTYPE {0}:{1} PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "{1}.dtd">\n'
_LIBRARY = 'xmlns:library="http://openoffice.org/2000/library"'
TIMEOUT = 120  # seconds; a thousand rows take some
_HEAD = re.compile(r"^Public Function (\w+)\(", re.M)


def run_vba(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed module on all rows in LibreOffice."""
    rows = len(columns[0]) if columns else 1
    name = _HEAD.search(program)
    profile = _profile().name
    with TemporaryDirectory() as folder:
        _pack(folder, inputs, columns)
        filled = {
            "COLUMNS": str(len(inputs)), "ROWS": str(rows), "FOLDER": folder,
            "NAME": name[1] if name else "model",
        }  # fmt: skip
        driver = re.sub("|".join(filled), lambda m: filled[m[0]], _DRIVER)
        _install(profile, "Option VBASupport 1\n" + program + driver)
        macro = "vnd.sun.star.script:Standard.Module1.Main?language=Basic&location=application"
        ended = _start(profile, macro)
        told = Path(folder, "told.txt")
        if not told.exists():
            return {}, "LibreOffice could not read the module" if ended else "it did not end"
        return _answers(folder, told.read_text().split("\n"), outputs, rows)


@cache
def _profile() -> TemporaryDirectory[str]:
    """Return a folder of LibreOffice's own settings, which its first start makes."""
    folder = TemporaryDirectory()
    _start(folder.name, "--terminate_after_init")
    return folder


def _start(profile: str, *arguments: str) -> bool:
    """Start LibreOffice, and tell whether it ended by itself.

    What it cannot read it would show in a window, which nobody sees.
    """
    started = subprocess.Popen(
        [tool(), "--headless", "--norestore", f"-env:UserInstallation=file://{profile}",
         *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        started.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        return False
    return True


def _pack(folder: str, inputs: Sequence[Feature], columns: Sequence[Sequence[Any]]) -> None:
    texts = [is_text(f, c) for f, c in zip(inputs, columns, strict=True)]
    numbers, lines = [], []
    for row in zip(*columns, strict=True):
        for value, text in zip(row, texts, strict=True):
            if value is None or value != value:
                lines.append("-")
            elif text:
                lines.append("x" + "".join(_units(str(value))))
            else:
                lines.append("#")
                numbers.append(STRANGE if isinstance(value, str) else float(value))
    Path(folder, "numbers.bin").write_bytes(struct.pack(f"<{len(numbers)}d", *numbers))
    Path(folder, "labels.txt").write_text("".join(f"{line}\n" for line in lines))


def _units(value: str) -> Iterator[str]:
    raw = value.encode("utf-16-le", "surrogatepass")
    for i in range(0, len(raw), 2):
        yield f"{int.from_bytes(raw[i : i + 2], 'little'):05d}"


def _install(profile: str, program: str) -> None:
    """Put a module into a profile of LibreOffice."""
    basic = Path(profile, "user", "basic")
    standard = basic / "Standard"
    standard.mkdir(parents=True, exist_ok=True)
    module = (
        f"{_XML}{_DTD.format('script', 'module')}"
        '<script:module xmlns:script="http://openoffice.org/2000/script" '
        f'script:name="Module1" script:language="StarBasic">{escape(program)}</script:module>'
    )
    library = (
        f"{_XML}{_DTD.format('library', 'library')}<library:library {_LIBRARY} "
        'library:name="Standard" library:readonly="false" '
        'library:passwordprotected="false"><library:element library:name="Module1"/>'
        "</library:library>"
    )
    libraries = (
        f'{_XML}{_DTD.format("library", "libraries")}<library:libraries {_LIBRARY} xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<library:library library:name="Standard" xlink:href="$(USER)/basic/Standard/script.xlb/" '
        'xlink:type="simple" library:link="false"/></library:libraries>'
    )
    (standard / "Module1.xba").write_text(module, encoding="utf-8")
    (standard / "script.xlb").write_text(library, encoding="utf-8")
    (basic / "script.xlc").write_text(libraries, encoding="utf-8")


def _answers(
    folder: str, lines: list[str], outputs: Sequence[str], rows: int
) -> tuple[Outputs, str]:
    error = next((line[2:] for line in lines if line.startswith("!")), "")
    raw = Path(folder, "found.bin").read_bytes()
    numbers = iter(struct.unpack(f"<{len(raw) // 8}d", raw))
    values = [_value(line, numbers) for line in lines[: rows * len(outputs)]]
    if error or len(values) < rows * len(outputs):
        return {}, error or "LibreOffice ended early"
    return {name: values[i :: len(outputs)] for i, name in enumerate(outputs)}, ""


def _value(line: str, numbers: Iterator[float]) -> Any:
    if line == "#":
        return next(numbers)
    if line == "-":
        return None
    units = [int(line[i : i + 5]) for i in range(1, len(line), 5)]
    raw = b"".join(unit.to_bytes(2, "little") for unit in units)
    return raw.decode("utf-16-le", "surrogatepass")


def tool() -> str:
    """Return the path of LibreOffice.

    Raises:
        UnsupportedTarget: there is none.
    """
    return installed(
        "soffice",
        "libreoffice",
        absent="A VBA module cannot be run here: there is no LibreOffice.",
        hint="Install it (apt install libreoffice-calc, or libreoffice.org).",
    )
