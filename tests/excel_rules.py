"""Small formulas for workbooks, and what Excel demands of a file and others let pass.

Limits: Microsoft, "Excel specifications and limits"; names: "Names in formulas".
"""

import math
import re
from collections.abc import Iterator
from io import BytesIO
from xml.etree import ElementTree
from zipfile import ZipFile

from openpyxl import load_workbook

from closedform import ops
from closedform.formula import Feature, Formula
from closedform.ir import Type

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SINCE_2010 = {
    "ABS", "ACOS", "AND", "ASIN", "ATAN", "COS", "COUNT", "COUNTIF", "ERF", "EXACT", "EXP",
    "FREQUENCY", "IF", "IFERROR", "INDEX", "INT", "ISBLANK", "ISERROR", "ISNUMBER", "ISTEXT",
    "LN", "LOG", "MATCH", "MAX", "MID", "MIN", "NA", "NORMSINV", "NOT", "OR", "POWER", "SIGN",
    "SIN", "SMALL", "SQRT", "SUM", "SUMPRODUCT", "SUMXMY2", "TANH",
}  # fmt: skip
"""Functions that need no `_xlfn.` before them in a file; a newer one without it is #NAME?."""
CELL = re.compile(r"[A-Za-z]{1,3}\d+|[rR]\d*[cC]?\d*|[cC]\d*")
LONGEST = {"errorTitle": 32, "promptTitle": 32, "error": 255, "prompt": 255}


def broken(book: bytes) -> list[str]:
    """Return what Excel would not take: it says that the file is damaged, and drops the rest."""
    found = []
    with ZipFile(BytesIO(book)) as file:
        for name in file.namelist():
            root = ElementTree.fromstring(file.read(name))
            found += [f"{name}: {problem}" for problem in _problems(root)]
    return found


def _problems(root) -> Iterator[str]:
    for f in root.iter(f"{MAIN}f"):
        yield from (f"{problem}: {f.text[:80]}" for problem in _of_formula(f.text))
    for validation in root.iter(f"{MAIN}dataValidation"):
        yield from (f"long {k}" for k, most in LONGEST.items() if len(validation.get(k, "")) > most)
        yield from ("long list" for part in validation if len(part.text) > 255)
    names = [n.get("name") for n in root.iter(f"{MAIN}definedName")]
    yield from ("a name twice" for _ in range(len(names) - len({n.lower() for n in names})))
    for n in names:
        if not re.fullmatch(r"[^\W\d][\w.]{0,254}", n) or CELL.fullmatch(n):
            yield f"name {n}"
    for sheet in root.iter(f"{MAIN}sheet"):
        if not re.fullmatch(r"[^\[\]:*?/\\]{1,31}", sheet.get("name")):
            yield f"sheet {sheet.get('name')}"
    for text in root.iter(f"{MAIN}si"):
        if len("".join(text.itertext())) > 32_767:
            yield "long text"


def _of_formula(text: str) -> Iterator[str]:
    if len(text) > 8192:
        yield "long"
    if any(len(part) > 255 for part in re.findall(r'"((?:[^"]|"")*)"', text)):
        yield "long text"
    bare = re.sub(r'"(?:[^"]|"")*"', '""', text)
    counts, deepest = [1], 0
    for sign in bare:
        if sign == "(":
            counts.append(1)
            deepest = max(deepest, len(counts) - 1)
        elif sign == ")":
            counts.pop()
        elif sign == ",":
            counts[-1] += 1
            if counts[-1] > 255:
                yield "many arguments"
    if deepest > 64:
        yield "deep"
    yield from (f"function {f}" for f in re.findall(r"([A-Z][A-Z0-9.]*)\(", bare)
                if f not in SINCE_2010)  # fmt: skip
    for number in re.findall(r"(?<![\w$.!'])\d[\d.]*(?:E[+-]?\d+)?", bare):
        if len(re.sub(r"E.*|\.", "", number).strip("0")) > 15:
            yield f"number {number}"


# What the tests of workbooks share.
def cells(book, sheet, **options):
    return load_workbook(BytesIO(book), **options)[sheet]


def formulas_of(book):
    with ZipFile(BytesIO(book)) as file:
        for name in file.namelist():
            if "worksheets" in name:
                yield from re.findall(r"<f>([^<]*)</f>", file.read(name).decode())


def small_network():
    x = [ops.input_(i) for i in range(2)]
    h = [ops.unary("tanh", ops.lin(b, (0.1, x[0]), (1 / 3, x[1]))) for b in (0.5, -0.2)]
    score = ops.lin(0.7, (1.5, h[0]), (-2.25, h[1]))
    inputs = (Feature("a (cm)"), Feature("b"))
    return Formula({"p": ops.sigmoid(score), "score": score}, inputs)


SMALL = {
    "a constant": Formula({"y": ops.const(0.1 + 0.2)}, ()),
    "an input": Formula({"y": ops.input_(0)}, (Feature("y"),)),
    "a label": Formula(
        {"y": ops.input_(0, Type.LABEL)}, (Feature("k", Type.LABEL, ("a", "A", "?", "*")),)
    ),
    "no label known": Formula({"y": ops.input_(0, Type.LABEL)}, (Feature("k", Type.LABEL),)),
    "a network": small_network(),
    "refused": Formula(
        {"y": ops.lin(1, (2, ops.input_(0))), "z": ops.const(3)},
        (Feature("a", missing=False), Feature("k", Type.LABEL, ("a",), unseen=False)),
    ),
}
CASES = {
    "y": [0.1 + 0.2, math.nan, -2.5], "k": ["a", "A", None], "a": [1.0, math.nan, 2.0],
    "a (cm)": [0.5, -1.25, math.nan], "b": [2.0, 3.5, 1.0],
}  # fmt: skip
