"""What benchmarks/experiments.py measured becomes tables that say which laws came back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from examples.experiment import Case, Truth

BESIDE = Path(__file__).parents[1] / "benchmarks"
HEADING = {
    "heading": {
        "date": "2026-01-01", "processor": "p", "python": "3.12", "versions": {}, "limit": 60.0
    }
}  # fmt: skip


@pytest.fixture
def experiments(monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BESIDE))
    import experiments

    yield experiments
    for name in set(sys.modules) - before:
        if str(BESIDE) in str(getattr(sys.modules[name], "__file__", "")):
            sys.modules.pop(name)


def found(seed, good=True, law="y = x1 + x2", title="a network"):
    record = {
        "experiment": "sum_of_two", "place": 0, "seed": seed, "title": title, "law": law,
        "good": good, "why": "no: of another form" if not good else "yes", "model": 0.01,
        "law_off": 0.02, "training": 2.0, "search": 1.0 + seed,
    }  # fmt: skip
    return {"cell": f"sum_of_two {seed}", "record": record}


def block(seed, formula):
    regained = {"formula": formula, "a linear map": 0.7, "zero": -0.5}
    record = {
        "experiment": "transformer_block", "place": 0, "seed": seed, "title": "products",
        "law": "z0 = max(x1, x2)", "good": formula > 0.7, "why": "so", "r2": 0.96,
        "regained": regained, "training": 2.0, "search": 57.0,
    }  # fmt: skip
    return {"cell": f"transformer_block {seed}", "record": record}


def test_a_law_counts_for_each_seed_and_what_came_instead_is_named(experiments):
    text = experiments.page([HEADING, found(0), found(1, good=False, law="y = |x1|")])
    assert "| `y = x1 + x2` | 1 of 2 | 2 | 1 to 2 |" in text
    assert "seed 1: `y = \\|x1\\|`. no: of another form. From the truth it is 2 %" in text
    assert "seeds 0, 1" in text


def test_of_two_measurements_of_one_seed_the_later_counts(experiments):
    text = experiments.page([HEADING, found(0, good=False), found(0)])
    assert "| 1 of 1 |" in text and "another law" not in text


def test_a_block_has_a_table_of_its_own_with_what_less_regains(experiments):
    text = experiments.page([HEADING, block(0, 0.95), block(1, 0.97)])
    assert "| 0.960 | 95.0 to 97.0 % | 70.0 % | -50.0 % | 59 |" in text


def test_an_experiment_that_failed_is_named(experiments):
    failed = {"cell": "lorenz 0", "failed": "ImportError: no torch"}
    assert "- lorenz 0: ImportError: no torch" in experiments.page([HEADING, found(0), failed])


def test_an_experiment_is_searched_and_judged(experiments, monkeypatch, tmp_path):
    def model(x):
        return 2 * x[:, 0] - x[:, 1]

    truth = Truth("2*a - b", lambda x, a, b: a * x[:, 0] + b * x[:, 1], {"of a": 2, "of b": -1})

    def cases(effort):
        X, held, outside = effort.draw().normal(size=(3, 200, 2))
        yield Case("a line", model, X, None, ["a", "b"], truth, model, held, outside, output="z")

    monkeypatch.setattr("examples.sum_of_two.cases", cases)
    (record,) = experiments.measure(("sum_of_two", "3"), 5.0, tmp_path)
    assert (record["experiment"], record["seed"], record["good"]) == ("sum_of_two", 3, True)
    assert record["law"] == "z = 2*a - b"
