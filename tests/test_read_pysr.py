"""PySR: its equations, against what its predict does: `sympify` with its mappings, and NumPy.

PySR starts Julia when it is imported, so that a class of its name stands for its regressor: with
the attributes that a fitted one has, and its documented predict.
"""

import pickle
import random
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import sympy
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_array
from sympy.codegen.cfunctions import log2, log10

import closedform as cf
from battery import check_reader
from closedform.errors import (
    BadFile,
    ClosedformError,
    NotFitted,
    UnsupportedModel,
    UntrustedFile,
)
from closedform.loading import inspect_file, load_model
from closedform.loading.stream import Broken
from closedform.readers.pysr import read_file
from closedform.readers.pysr.operators import OPERATORS


def _is(condition):
    return sympy.Piecewise((1.0, condition), (0.0, True))


# As PySR's documentation lists its operators.
MAPPINGS = {
    "div": lambda x, y: x / y,
    "inv": lambda x: 1 / x,
    "mult": lambda x, y: x * y,
    "sqrt_abs": lambda x: sympy.sqrt(abs(x)),
    "cbrt": lambda x: sympy.sign(x) * sympy.cbrt(abs(x)),
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "plus": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "neg": lambda x: -x,
    "pow": lambda x, y: x**y,
    "pow_abs": lambda x, y: abs(x) ** y,
    "acosh_abs": lambda x: sympy.acosh(abs(x) + 1),
    "atanh": lambda x: sympy.atanh(sympy.Mod(x + 1, 2) - 1),
    "atanh_clip": lambda x: sympy.atanh(sympy.Mod(x + 1, 2) - 1),
    "mod": sympy.Mod,
    "log10": log10,
    "log2": log2,
    "log1p": lambda x: sympy.log(x + 1),
    "log_abs": lambda x: sympy.log(abs(x)),
    "log10_abs": lambda x: sympy.log(abs(x), 10),
    "log2_abs": lambda x: sympy.log(abs(x), 2),
    "log1p_abs": lambda x: sympy.log(abs(x) + 1),
    "ceil": sympy.ceiling,
    "round": lambda x: sympy.ceiling(x - 0.5),
    "max": sympy.Max,
    "min": sympy.Min,
    "greater": lambda x, y: _is(x > y),
    "less": lambda x, y: _is(x < y),
    "greater_equal": lambda x, y: _is(x >= y),
    "less_equal": lambda x, y: _is(x <= y),
    "cond": lambda x, y: sympy.Piecewise((y, x > 0), (0.0, True)),
    "logical_or": lambda x, y: _is((x > 0) | (y > 0)),
    "logical_and": lambda x, y: _is((x > 0) & (y > 0)),
    "relu": lambda x: sympy.Piecewise((0.0, x < 0), (x, True)),
    "fma": lambda x, y, z: x * y + z,
    "muladd": lambda x, y, z: x * y + z,
    "clamp": lambda x, lo, hi: sympy.Piecewise((lo, x < lo), (hi, x > hi), (x, True)),
}


def _sympified(equation, known):
    """Return an equation as PySR does: unevaluated where all of its operators allow that."""
    try:
        return sympy.sympify(equation, locals=known, evaluate=False)
    except TypeError:
        return sympy.sympify(equation, locals=known)


class PySRRegressor(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        raise NotImplementedError  # Julia's

    def __init__(self, model_selection="best", extra_sympy_mappings=None, expression_spec=None):
        self.model_selection = model_selection
        self.extra_sympy_mappings = extra_sympy_mappings
        self.expression_spec = expression_spec

    def found(self, tables, names, mask=None):
        """Take tables of (complexity, loss, equation) as what a search has found."""
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self.selection_mask_ = np.ones(len(names), bool) if mask is None else np.array(mask)
        frames = [self._frame(table) for table in tables]
        self.equations_ = frames[0] if len(frames) == 1 else frames
        return self

    def _frame(self, table):
        frame = pd.DataFrame(table, columns=["complexity", "loss", "equation"])
        drop = -np.diff(np.log(frame["loss"])) / np.diff(frame["complexity"])
        frame["score"] = np.concatenate([[0.0], drop])
        symbols = {n: sympy.Symbol(n) for n in self.feature_names_in_}
        known = symbols | MAPPINGS | (self.extra_sympy_mappings or {})
        frame["sympy_format"] = [_sympified(e, known) for e in frame["equation"]]
        return frame

    def _chosen(self, frame):
        if self.model_selection == "accuracy":
            return frame.loc[frame["loss"].idxmin()]
        if self.model_selection == "best":
            frame = frame.query(f"loss <= {1.5 * frame['loss'].min()}")
        return frame.loc[frame["score"].idxmax()]

    def predict(self, X):
        if not isinstance(X, pd.DataFrame):
            X = pd.DataFrame(check_array(X)).loc[:, self.selection_mask_]
            X.columns = self.feature_names_in_
        rows = check_array(X.reindex(columns=self.feature_names_in_))
        symbols = [sympy.Symbol(n) for n in self.feature_names_in_]
        frames = self.equations_ if isinstance(self.equations_, list) else [self.equations_]
        chosen = [self._chosen(frame)["sympy_format"] for frame in frames]
        with np.errstate(all="ignore"):
            made = [sympy.lambdify(symbols, e)(*rows.T) * np.ones(len(rows)) for e in chosen]
        return made[0] if len(made) == 1 else np.stack(made, axis=1)


PySRRegressor.__module__ = "pysr.sr"

NAMES = ["x0", "x1", "x2", "x3"]
X = np.random.default_rng(0).normal(size=(60, 4)) * 2
EQUATIONS = [
    "2.5", "x0", "(x0 * 2.5382) + cos(x3)", "((x0 * 2.5382) + cos(x3)) - (x1 ^ 2.0) / x2",
    "square(x1) + cube(x0) - inv(x2) + neg(x3)",
    "sqrt(x0) + log(x1 * x1) + log2(x2 * x2) + log10(x3 * x3)",
    "sqrt_abs(x0) + log_abs(x1) + log2_abs(x2) + log10_abs(x3)", "log1p(x0) + log1p_abs(x1)",
    "pow_abs(x0, x1) + pow(x2, 3) - x3 ^ x0", "acosh(x0) + asinh(x1) + acosh_abs(x3)",
    "asin(x0) + acos(x1) + atan(x2)", "sinh(x0) + cosh(x1) + tanh(x2) + tan(x3)",
    "cbrt(x0) + erf(x1) + erfc(x2)", "floor(x0) + ceil(x1) + round(x2) + sign(x3)",
    "max(x0, x1) - min(x2, x3)", "fma(x0, x1, x2) + muladd(x1, x2, x3)", "clamp(x0, -1.0, x1)",
    "greater(x0, x1) + less(x1, x2) * 2.0", "greater_equal(x0, x1) - less_equal(x1, 0.5)",
    "logical_or(x0, x1) * 2.0 + logical_and(x0, x3)", "cond(x0, x1) + relu(x2)",
    "plus(x0, x1) * mult(x1, x2) + div(x0, x3) + sub(x1, x0)", "-x0 ^ 2.0 - -x1 * exp(-x2)",
    "2.0 ^ 3.0 ^ x0", "-(x0 - x1) - (x2 - (x3 - 1.0))", "exp(x0 * -1.2e-3) / 1.0e3 - abs(x1)",
]  # fmt: skip


def regressor(equation, **options):
    return PySRRegressor(**options).found([[(1, 1.0, equation)]], NAMES)


def as_text(model):
    """Return the same model without the columns that PySR fills in, as older ones are."""
    bare = PySRRegressor()
    bare.__dict__.update(model.__dict__)
    bare.equations_ = model.equations_.drop(columns=["sympy_format"])
    return bare


def in_file(tmp_path, *rows):
    path = tmp_path / "hall_of_fame.csv"
    lines = [f'{complexity},{loss},"{equation}"' for complexity, loss, equation in rows]
    path.write_text("\n".join(["Complexity,Loss,Equation", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("equation", EQUATIONS)
def test_an_equation_is_read_live_from_text_and_from_its_file(equation, tmp_path):
    model = regressor(equation)
    check_reader(model, X)
    wanted = model.predict(X)
    for other in (as_text(model), in_file(tmp_path, (1, 1.0, equation))):
        formula = cf.read(other, names=NAMES)
        np.testing.assert_allclose(formula(X), wanted, rtol=1e-12, atol=1e-13)
        assert formula.verify(model, X).ok


def test_remainders_are_read_within_their_jumps(tmp_path):
    model = regressor("mod(x0, x1) + atanh_clip(x2) + atanh(x3) + x0 % 2.0")
    for formula in (cf.read(model), cf.read(as_text(model))):
        np.testing.assert_allclose(formula(X), model.predict(X), rtol=1e-11)
        assert formula.trail[0].kind == "approx"


def test_every_operator_is_tried():
    tried = " ".join(EQUATIONS) + "mod( atanh( atanh_clip( sin("
    own = {name for name in OPERATORS if not name.startswith("safe_")}
    assert {name for name in own if f"{name}(" not in tried} <= {"sin"}
    assert set(MAPPINGS) <= own


TABLE = [
    (1, 10.0, "x0"),
    (3, 4.0, "x0 + x1"),
    (5, 1.0, "x0 * x1 + 2.0"),
    (7, 0.9, "x0 * x1 + sin(x2)"),
    (9, 0.89, "x3"),
]


@pytest.mark.parametrize("rule", ["best", "accuracy", "score"])
def test_the_equation_is_the_one_that_the_model_predicts_by(rule):
    model = PySRRegressor(rule).found([TABLE, TABLE[:2]], NAMES)
    formula = check_reader(model, X)
    assert list(formula.outputs) == ["y0", "y1"]
    chosen = {"best": "x0*x1", "score": "x0*x1", "accuracy": "y0 = x3"}
    assert chosen[rule] in formula.to("text")
    # PySR takes the least loss where it has no score.
    bare = PySRRegressor("best").found([TABLE], NAMES)
    bare.equations_ = bare.equations_.drop(columns=["score"])
    assert cf.read(bare).to("text").startswith("y = x3")


def test_a_file_gives_the_best_equation_by_pysrs_rule(tmp_path):
    formula = cf.read(in_file(tmp_path, *TABLE))
    assert formula.to("text").startswith("y = 2 + x0*x1")
    assert [f.name for f in formula.inputs] == NAMES
    assert formula.source == "PySR, complexity 5"
    found = in_file(tmp_path, (1, "1.5f0", "x0"), (2, 0.0, "x0 + 1.0f-3"))
    assert "0.001" in cf.read(found).to("text")
    negative = in_file(tmp_path, (1, -5.0, "x0"), (2, -9.0, "x1"))
    assert cf.read(negative).to("text").startswith("y = x1")


def test_columns_that_were_not_selected_keep_their_places():
    model = PySRRegressor().found([[(1, 1.0, "a - x0")]], ["a", "x0"], [False, True, False, True])
    formula = cf.read(model)
    assert [f.name for f in formula.inputs] == ["x1", "a", "x2", "x0"]
    assert (formula(X) == model.predict(X)).all()


def test_a_users_own_operator_is_read_by_its_mapping_and_refused_without():
    model = regressor("myop(x0) + x1", extra_sympy_mappings={"myop": lambda v: v**2 + 1})
    check_reader(model, X)
    with pytest.raises(UnsupportedModel, match="'myop' is none of PySR's own"):
        cf.read(as_text(model))


def test_it_is_read_as_a_step_of_a_pipeline():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = regressor("x0 * x1 - cos(x3)")
    step = make_pipeline(StandardScaler().set_output(transform="default").fit(frame), model)
    formula = cf.read(step)
    np.testing.assert_allclose(formula(frame), step.predict(frame), rtol=1e-12)


def test_a_pickle_is_read_where_pysr_is_not_installed(tmp_path, monkeypatch):
    model = PySRRegressor("accuracy").found([TABLE], NAMES)
    modules = {"pysr": ModuleType("pysr"), "pysr.sr": ModuleType("pysr.sr")}
    modules["pysr.sr"].PySRRegressor = PySRRegressor
    with monkeypatch.context() as here:
        for name, module in modules.items():
            here.setitem(sys.modules, name, module)
        raw = pickle.dumps(model)
    path = tmp_path / "checkpoint.pkl"
    path.write_bytes(raw)
    assert "pysr.sr.PySRRegressor" in inspect_file(path).unfamiliar
    with pytest.raises(UntrustedFile):
        load_model(path)
    loaded = load_model(path, trust_pickle=True)
    assert type(loaded) is not PySRRegressor
    assert (cf.read(loaded)(X) == model.predict(X)).all()


class TemplateExpressionSpec:
    pass


def test_what_julia_evaluates_and_what_is_not_fitted_is_refused():
    with pytest.raises(NotFitted):
        cf.read(PySRRegressor())
    with pytest.raises(UnsupportedModel, match="Julia"):
        cf.read(regressor("x0", expression_spec=TemplateExpressionSpec()))
    with pytest.raises(UnsupportedModel, match="no rule 'other'"):
        cf.read(regressor("x0", model_selection="other"))
    broken = as_text(regressor("x0"))
    broken.equations_["equation"] = ["f = #1 + 2; g = x0"]
    with pytest.raises(UnsupportedModel, match="cannot be read"):
        cf.read(broken)


def test_a_file_says_what_it_does_not_know(tmp_path):
    with pytest.raises(UnsupportedModel, match="'special' is none of PySR's own"):
        cf.read(in_file(tmp_path, (1, 1.0, "special(x0)")))
    with pytest.raises(UnsupportedModel, match="'x1', which is no column"):
        cf.read(in_file(tmp_path, (1, 1.0, "x1")), names=["x0"])
    with pytest.raises(BadFile, match="damaged"):
        cf.read(in_file(tmp_path, (1, 1.0, "x0 + (x1")))
    with pytest.raises(BadFile, match="damaged"):
        cf.read(in_file(tmp_path, (1, "none", "x0")))


RAW = (
    b'Complexity,Loss,Equation\n1,2.5,"x0"\n3,1.2f-3,"(x0 * 2.5382) + cos(x3)"\n'
    b'7,1e-4,"((x0 * 2.5) + cos(x3)) - (x1 ^ 2.0) / clamp(-x2, -1.0, max(x0, Inf))"\n'
)
ODD = [b"(", b")", b",", b"^", b"1e999", b"\x00", b'"', b"\n", b"x99999999", b"eval(", b"\xc3\xa9"]


def test_damaged_files_give_one_clear_error():
    draw = random.Random(0)
    damaged = [RAW[:i] for i in range(0, len(RAW), 3)]
    for _ in range(400):
        raw = bytearray(RAW)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(raw))
            raw[at : at + draw.randint(0, 3)] = draw.choice([*ODD, bytes([draw.randrange(256)])])
        damaged.append(bytes(raw))
    read = 0
    for raw in damaged:
        try:
            read_file(raw)
            read += 1
        except (Broken, ClosedformError) as error:
            assert str(error)
    assert 0 < read < len(damaged)
