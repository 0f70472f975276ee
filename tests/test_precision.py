"""Models that compute in float32 or less: what a certificate then allows, and what it does not."""

import numpy as np
import pytest

import closedform as cf
from closedform import ops
from closedform.formula import Precision
from closedform.readers.prediction import Prediction, formula_of
from closedform.verify import verify_program

X = np.random.default_rng(0).normal(size=(200, 2))


def made(mark=None):
    """The formula exp(x0), and 3·exp(x0) behind it, of a reader that marks the first."""

    def predict(columns, reading):
        grown = ops.exp(columns.nodes[0])
        if mark:
            getattr(reading, mark)([grown], "float32", 4)
        return Prediction.of_values([grown, ops.lin(0, (3, grown)), columns.nodes[1]])

    return formula_of(predict, ["a", "b"], source="made up", reader="a test")


class Model:
    """exp in float32, so many units of rounding off."""

    def __init__(self, ulps):
        self.ulps = ulps

    def predict(self, rows):
        grown = np.exp(rows[:, 0]) * (1 + self.ulps * 2.0**-23)
        return np.column_stack([grown, 3 * grown, rows[:, 1]])


def test_what_a_reader_marks_holds_for_all_that_reads_it():
    four = Precision("float32", 4)
    assert made().precision == {}
    assert made("rounds").precision == {"y0": four, "y1": four}
    assert made("hands_on").precision == {"y1": four}
    assert "float32" in made("rounds").summary() and "float32" not in made().summary()


def test_a_certificate_allows_the_marked_rounding_and_no_more():
    formula = made("rounds")
    assert not made().verify(Model(3), X)
    assert formula.verify(Model(0), X).worst_relative == 0
    certificate = formula.verify(Model(3), X)
    assert certificate
    assert "y0, y1: compared within 4 ulp of the model's own float32" in str(certificate)
    assert not formula.verify(Model(6), X)
    failed = {c.output for c in formula.verify(Model(6), X).checks if not c.ok}
    assert failed == {"y0", "y1"}


def test_a_tolerance_beyond_the_marked_rounding_counts():
    assert made("rounds").verify(Model(6), X, tolerance=1e-5)


def test_a_printed_program_is_compared_with_its_formula_as_strictly_as_any():
    certificate = verify_program(made("rounds"), "python", X, model=Model(3))
    assert certificate
    assert {c.method: bool(c.precision) for c in certificate.checks if c.output == "y0"} == {
        "formula": False, "predict": True,
    }  # fmt: skip


def test_the_precision_is_kept_in_a_file(tmp_path):
    made("rounds").save(tmp_path / "f.json")
    assert cf.load(tmp_path / "f.json").precision == made("rounds").precision


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_unit_of_rounding_is_the_gap_above_one(dtype):
    if dtype != "bfloat16":
        assert Precision(dtype, 1).relative == np.finfo(dtype).eps
    else:
        assert Precision(dtype, 2).relative == 2**-6
