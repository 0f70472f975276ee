"""Results of statsmodels on the command line: a pickle that its user trusts, and a table."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from closedform.cli import main


@pytest.fixture
def table(tmp_path):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.uniform(1, 5, 60), "g": draw.choice(["a", "b"], 60)})
    frame["y"] = frame.x + draw.normal(size=60)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return frame


@pytest.mark.parametrize(
    "make",
    [
        lambda frame: smf.ols("y ~ np.log(x)*g", frame).fit(),
        lambda frame: sm.OLS(frame.y, sm.add_constant(frame[["x"]])).fit(),
    ],
    ids=["by formula", "with a column of ones"],
)
def test_saved_results_are_read_and_verified(make, table, tmp_path, capsys):
    make(table).save(tmp_path / "results.pkl")
    file, rows = str(tmp_path / "results.pkl"), str(tmp_path / "rows.csv")
    assert main(["read", file]) == 2  # nobody has trusted it
    assert main(["read", file, "--trust-pickle"]) == 0
    assert "x" in capsys.readouterr().out
    assert main(["verify", file, "--trust-pickle", "--data", rows]) == 0
