"""What benchmarks/shorter.py measured becomes tables that say what was reached and what was not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

BESIDE = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def bars(monkeypatch):
    monkeypatch.syspath_prepend(str(BESIDE))
    import bars

    yield bars
    sys.modules.pop("bars")


@pytest.fixture
def shorter(monkeypatch, bars):
    import shorter

    yield shorter
    for name in ("shorter", "cells", "driving"):
        sys.modules.pop(name)


@pytest.fixture
def driving(shorter):
    import driving

    return driving


def tried(constants, agreement, accuracy=0.83):
    return {"constants": constants, "agreement": agreement, "accuracy": accuracy, "seconds": 1.0}


def shortened(*formulas, seed=0, picked=0, contender="frontier", reason="the knee"):
    record = {
        "truth": "interaction", "model": "tanh", "seed": seed, "contender": contender,
        "tried": list(formulas), "picked": picked, "reason": reason, "seconds": 50.0,
        "accuracy": 0.82, "best": 0.84, "ceiling": 0.95,
    }  # fmt: skip
    return {"cell": f"shortening interaction tanh {seed} {contender}", "record": record}


HEADING = {
    "heading": {
        "date": "2026-01-01", "processor": "p", "python": "3.12", "versions": {}, "jobs": 8,
        "limit": 60.0,
    }
}  # fmt: skip


def aims(bars, *lines):
    """Return the line of each aim."""
    text = bars.page([HEADING, *lines])
    return [
        line for line in text.splitlines() if line.endswith((" met |", "**missed** |", "met) |"))
    ]


def test_an_aim_is_met_only_where_every_seed_reaches_it(bars):
    good, bad = shortened(tried(7, 0.945)), shortened(tried(7, 0.93), seed=1)
    assert aims(bars, good)[0].endswith("| 94.5% | 94.5% | met |")
    assert aims(bars, good, bad)[0].endswith("| 93.8% | 93.0% | **missed** (1 of 2 met) |")


@pytest.mark.parametrize(
    "formula", [tried(8, 0.96), tried(7, 0.96, accuracy=0.81)], ids=["too long", "less often right"]
)
def test_a_formula_that_breaks_a_condition_of_the_aim_does_not_count(bars, formula):
    assert aims(bars, shortened(formula))[0].endswith("**missed** (0 of 1 met) |")


def test_what_is_on_the_frontier_and_what_it_calls_the_best_are_two_aims(bars):
    found = aims(bars, shortened(tried(3, 0.8), tried(7, 0.95), picked=0))
    assert found[0].endswith("| met |")
    assert "called the best" in found[1] and found[1].endswith("**missed** (0 of 1 met) |")


def test_of_two_measurements_of_one_thing_the_later_counts(bars):
    lines = shortened(tried(7, 0.90)), shortened(tried(7, 0.95))
    assert aims(bars, *lines)[0].endswith("| met |")


def test_a_peer_that_found_nothing_is_in_the_table_with_the_reason(bars):
    line = shortened(picked=None, contender="RuleFit", reason="out of time")
    assert "| RuleFit | none: out of time | none | 50 |" in bars.page([HEADING, line])


def test_a_cell_that_failed_is_named(bars):
    failed = {"cell": "ensembles diabetes XGBoost 0", "failed": "ImportError: no xgboost"}
    assert "- ensembles diabetes XGBoost 0: ImportError: no xgboost" in bars.page([HEADING, failed])


def test_a_run_that_was_cut_short_is_gone_on_with(driving, tmp_path):
    results = tmp_path / "r.jsonl"
    driving.put(results, {"cell": "proofs law 0", "record": {}})
    driving.put(results, {"cell": "proofs law 0", "done": 1.0})
    driving.put(results, {"cell": "proofs law 1", "record": {}})
    with results.open("a") as file:
        file.write(json.dumps({"cell": "proofs law 2", "done": 2.0})[:-3])  # killed while writing
    driving.put(results, {"cell": "proofs law 3", "done": np.int64(3)})
    assert driving.finished(results) == {"proofs law 0", "proofs law 3"}


def test_every_cell_has_a_name_of_its_own_and_a_kind_that_measures_it(shorter):
    import cells

    made = cells.all_cells(4, 1)
    assert len(made) == len(set(made)) and {cell[0] for cell in made} == set(cells.KINDS)


def test_a_table_goes_between_the_marks_and_nowhere_else(driving, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    driving.write(page, "new", "a")
    assert page.read_text() == "before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="no marks"):
        driving.write(page, "new", "a")
