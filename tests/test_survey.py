"""The table of what people train says what is true."""

from importlib.util import find_spec

import pytest
import sklearn

import every_class
import survey
from every_class import SAID, Verdict

OF_KIND = survey.cases()
CASES = {(kind, name): case for kind in survey.LISTED for name, case in OF_KIND[kind].items()}
WRITTEN = survey.TABLE.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=": ".join)
def test_a_case_is_read_or_refused_as_the_table_says(case):
    found = CASES[case]()
    assert found.status != "wrong", found.why
    assert found.row in WRITTEN.splitlines()


def verdicts_in(page, titles):
    """Return what a page lists, each under the title of its kind."""
    kinds, kind, found = {title: kind for kind, title in titles.items()}, None, []
    status = {said: status for status, said in SAID.items()}
    for line in page.splitlines():
        kind = kinds.get(line.removeprefix("## "), kind)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if kind and cells[0] and len(cells) == 3 and cells[1] in status:
            found.append(Verdict(cells[0], kind, status[cells[1]], cells[2]))
    return found


def test_the_counts_are_those_of_what_is_listed():
    classes = verdicts_in(every_class.TABLE.read_text(encoding="utf-8"), every_class.TITLES)
    counted = [v for v in classes if v.kind in survey.KINDS and v.name not in every_class.NO_TABLE]
    listed = verdicts_in(WRITTEN, survey.KINDS)
    assert survey.table(counted + listed) == WRITTEN
    assert not any(v.status == "wrong" for v in counted + listed)


@pytest.mark.skipif(not find_spec("catboost"), reason="some of the cases are CatBoost's")
def test_the_table_lists_every_case():
    assert sklearn.__version__ and len(verdicts_in(WRITTEN, survey.KINDS)) == len(CASES)
