"""The table of every class of scikit-learn says what is true."""

import pytest
import sklearn

from every_class import TABLE, classes, verdict

WRITTEN = TABLE.read_text(encoding="utf-8")
ROWS = {row.split(" | ")[0].removeprefix("| "): row for row in WRITTEN.splitlines()}


@pytest.mark.parametrize("item", sorted(classes()), ids=lambda item: item[0])
def test_a_class_is_read_or_refused_as_the_table_says(item):
    found = verdict(*item)
    assert found.status != "wrong", found.why
    if f"scikit-learn {sklearn.__version__}," in WRITTEN:
        assert found.row == ROWS[found.name]
