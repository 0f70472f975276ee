"""What holds for R, MATLAB, Julia and VBA programs alike."""

import re
from importlib import import_module

import numpy as np
import pytest
from xgboost import XGBClassifier

import closedform as cf
from analysis_languages import FLOWERS, KINDS
from closedform.printers.script_pages import NEEDS
from closedform.verify.running import available
from programs import each

LANGUAGES = ("r", "matlab", "julia", "vba")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_helper_brings_the_helpers_that_it_calls(language):
    prelude = import_module(f"closedform.printers.{language}.prelude")
    needs = {**NEEDS, **prelude.NEEDS}
    for name, body in prelude.HELPERS.items():
        code = "\n".join(line.split("#")[0] for line in body.splitlines() if "among(" not in line)
        called = set(re.findall(r"\w+(?=\()", code)) & set(prelude.HELPERS) - {name}
        assert called <= _brought(name, needs), (name, called)


def _brought(name, needs):
    found, todo = set(), [name]
    while todo:
        now = todo.pop()
        todo += [n for n in needs.get(now, ()) if n not in found]
        found.update(needs.get(now, ()))
    return found


@pytest.mark.parametrize("target", each([t for t in LANGUAGES if t != "julia"]))
def test_trees_added_in_float32_give_what_xgboost_gives(target):
    if not available(target):
        pytest.skip("what runs it is not here")
    X = FLOWERS.to_numpy().copy()
    X[::7, 2] = np.nan
    model = XGBClassifier(n_estimators=3, max_depth=3).fit(X, KINDS)
    certificate = cf.verify_program(cf.read(model), target, X[::5], model=model, limit=60)
    assert certificate.ok, certificate
    assert certificate.labels_differ == 0
