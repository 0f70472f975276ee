"""How a printed VBA module reads cells, and gives them."""

from __future__ import annotations


def private(name: str, parameters: str, body: str) -> str:
    """Return a function of Variants, which its body gives a value by its name."""
    given = ", ".join(f"{p} As Variant" for p in parameters.split())
    lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
    return f"Private Function {name}({given}) As Variant\n{lines}\nEnd Function"


CELLS: dict[str, str] = {
    "extend": """' Put more numbers behind those of an array.
Private Sub extend(ByRef values As Variant, more As Variant)
    Dim found() As Variant, i As Long, count As Long
    count = UBound(values) + 1
    ReDim found(0 To count + UBound(more))
    For i = 0 To count - 1
        found(i) = values(i)
    Next
    For i = 0 To UBound(more)
        found(count + i) = more(i)
    Next
    values = found
End Sub""",
    "as_number": "' A cell as a number; what is empty, an error or no number is missing.\n"
    + private("as_number", "cell", """
as_number = Null
If IsError(cell) Or IsEmpty(cell) Or IsNull(cell) Then Exit Function
If VarType(cell) = vbBoolean Then
    as_number = Abs(CDbl(cell))
ElseIf VarType(cell) <> vbString Then
    as_number = CDbl(cell)
ElseIf IsNumeric(cell) Then
    as_number = CDbl(cell)
End If"""),
    "as_label": "' A cell as a label; what is empty or an error is missing.\n"
    + private("as_label", "cell empty_is_known", """
as_label = Null
If IsError(cell) Or IsEmpty(cell) Or IsNull(cell) Then Exit Function
If CStr(cell) <> "" Or empty_is_known Then as_label = CStr(cell)"""),
    "for_cell": "' An output as a cell shows it; a missing one is #N/A.\n"
    + private("for_cell", "value", """
for_cell = value
If IsNull(value) Then for_cell = CVErr(2042)"""),
    "all_of": "' All outputs as cells show them.\n"
    + private("all_of", "found", """
Dim shown() As Variant, i As Long
ReDim shown(0 To UBound(found))
For i = 0 To UBound(found)
    shown(i) = for_cell(found(i))
Next
all_of = shown"""),
    "flat": "' The values of some cells and ranges, one after the other.\n"
    + private("flat", "cells", """
Dim found() As Variant, part As Variant, value As Variant, count As Long
ReDim found(0 To COUNT_OF_INPUTS)
For Each part In cells
    If IsObject(part) Then part = part.Value
    If IsArray(part) Then
        For Each value In part
            If count < COUNT_OF_INPUTS Then found(count) = value
            count = count + 1
        Next
    Else
        If count < COUNT_OF_INPUTS Then found(count) = part
        count = count + 1
    End If
Next
flat = found"""),
}  # fmt: skip
"""The functions for it."""
