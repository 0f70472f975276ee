"""The tables of targets say what is true: what each spells, and which models were executed."""

import pytest

from each_op import ONE
from target_tables import FAILED, TABLE, Row, kind_cells, op_line, reason, rows, ways

WRITTEN = TABLE.read_text(encoding="utf-8")
FIRST, SECOND = WRITTEN.split("## Models")
ROWS = rows()
NAMES = [row.name for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_page_says_how_a_target_writes_each_op(row):
    found = ways(row)
    if None in found.values():
        pytest.skip("the package that it writes for is not here")
    assert op_line(row, found) in FIRST.splitlines(), "run: python tests/target_tables.py"


def test_what_is_asked_for_its_smaller_form_is_lowered_and_the_rest_is_native():
    found = ways(Row("python"))
    assert found["probit"] == "lowered"
    assert {how for op, how in found.items() if op != "probit"} == {"native"}
    assert ways(Row("sympy"))["round32"] == reason(Row("sympy"), "round32", "")
    assert set(found) == set(ONE)


def test_every_target_has_a_place_among_the_models():
    listed = {line.split(" | ")[0].removeprefix("| ") for line in SECOND.splitlines()}
    for name in NAMES:
        assert name in listed or f"`{name}`" in SECOND, "run: python tests/target_tables.py"


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_kind_of_model_gives_the_same_in_every_target(row, capsys):
    assert FAILED not in kind_cells(row, []), capsys.readouterr().err
