"""A compiled formula takes rows in every form, and goes wherever it is sent."""

import copy
import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from test_native import same

rng = np.random.default_rng(0)
WIDE = rng.normal(size=(1000, 6)).round(2)
TARGET = WIDE[:, 0] * WIDE[:, 1] + np.sin(WIDE[:, 2])
HOLED = np.where(rng.random(WIDE.shape) < 0.1, np.nan, WIDE)
BOOSTER = xgboost.XGBRegressor(n_estimators=30, n_jobs=1)


def test_a_compiled_formula_goes_to_other_processes_and_is_copied():
    compiled = cf.read(BOOSTER.fit(WIDE, TARGET)).compile(threads=2)
    wanted, one = compiled(WIDE), compiled.row(WIDE[5])  # when it has plans and kernels, too
    for other in (pickle.loads(pickle.dumps(compiled)), copy.deepcopy(compiled)):
        assert same(other(WIDE), wanted) and other.row(WIDE[5]) == one and other.threads == 2


def test_a_row_of_a_frame_goes_by_its_names():
    frame = pd.DataFrame(WIDE, columns=list("abcdef"))
    compiled = cf.read(BOOSTER.fit(frame, TARGET)).compile()
    wanted = compiled(frame)[5]
    assert compiled.row(frame[list("fedcba")].iloc[5]) == wanted
    assert compiled.row(pd.DataFrame(WIDE).iloc[5]) == wanted  # numbered columns: by position
    with pytest.raises(BadInput, match="'b'"):
        compiled.row(frame.iloc[5].drop("b"))


@pytest.mark.parametrize("count", [1, 3, 8, 10, 11, 19])
@pytest.mark.parametrize("single", [False, True])
def test_trees_that_are_walked_side_by_side_are_filled_up_without_a_trace(count, single):
    model = RandomForestRegressor(count, max_depth=4, random_state=0).fit(HOLED, TARGET)
    found = [n for n in cf.read(model).nodes if n.op is o.TREE]
    total = o.sum32(*found) if single else o.linear(-0.0, [0.3] * len(found), found)
    f = Formula({"y": total}, tuple(Feature(f"x{i}") for i in range(6)))
    X = np.concatenate([HOLED[:50], WIDE[:50]])
    assert same(f(X), [f.compile().row(*x) for x in X])


def test_a_sum_of_minus_zeros_stays_one():
    splits, _ = o.payloads.splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.0, 0, 0])
    leaves = o.tree(splits, [0, -0.0, -0.0], [o.input_(0)])
    f = Formula({"y": o.linear(-0.0, [1.0] * 5, [leaves] * 5)}, (Feature("x"),))
    assert np.signbit(f([[1.0]])[0]) and np.signbit(f.compile().row(1.0))


def test_trees_over_computed_values_that_are_missing_go_where_missing_values_go():
    x = o.input_(0)
    splits, _ = o.payloads.splits_from(
        [1, -1, -1], [2, -1, -1], [0, 0, 0], [0.5, 0, 0], missing_left=[False, False, False]
    )
    made = [o.tree(splits, [0, i, -i], [o.log(x)]) for i in range(1, 9)]  # log(-1) is missing
    f = Formula({"y": o.linear(0, [1.0] * 8, made)}, (Feature("x"),))
    X = [[-1.0], [1.0], [9.0], [math.nan]]
    assert f(X).tolist() == [-36, 36, -36, -36] == [f.compile().row(*x) for x in X]


def test_a_row_holds_labels_and_missing_values():
    f = Formula(
        {
            "y": o.lin(
                1, (2, o.input_(0)), (1, o.table(o.input_(1, o.Type.LABEL), {"u": 10.0}, 5.0, 7.0))
            )
        },
        (Feature("a"), Feature("kind", o.Type.LABEL, ("u", "v"))),
    )
    row = f.compile().row
    assert [row(1, "u"), row(1.5, "never"), row("2", None), row(0, math.nan)] == [13, 9, 12, 8]
    assert math.isnan(row(None, "u"))
    for wrong in (10**400, "much", 1j):
        with pytest.raises(BadInput, match="'a'"):
            row(wrong, "u")


def test_memory_that_is_no_plain_array_is_read(tmp_path):
    f = cf.read(Ridge().fit(WIDE, TARGET))
    np.save(tmp_path / "x.npy", WIDE)
    shifted = np.frombuffer(b"\0" + WIDE.tobytes(), np.uint8)[1:].view(float).reshape(WIDE.shape)
    for X in (np.load(tmp_path / "x.npy", mmap_mode="r"), WIDE.astype(">f8"), shifted):
        assert np.allclose(f.compile()(X), f(WIDE), 1e-14, 1e-14)
        assert math.isclose(f.compile().row(X[3]), f(WIDE)[3], rel_tol=1e-13)


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    code = (
        "import closedform as cf, closedform.ops as o\n"
        "f = cf.Formula({'y': o.lin(1, (2, o.input_(0)))}, (cf.Feature('x'),))\n"
        "from closedform.native.kernels import kernel\n"
        "print(kernel(lambda x: x + 1)(1), f.compile()([[1.0]]))"
    )
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "kernels")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout == "2 [3.]\n", done.stderr
