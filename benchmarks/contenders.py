"""Ways to run a model that `scoring.py` compares: each makes of it how rows are predicted."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost

import closedform as cf

Predict = Callable[[Any], Any]
Contender = Callable[[Any, int, Path], Predict]


def ours(model: Any, threads: int, work: Path) -> Predict:
    return cf.read(model).compile(threads=threads)


def ours_single(model: Any, threads: int, work: Path) -> Predict:
    return cf.read(model).compile(threads=threads, precision="float")


def interpreter(model: Any, threads: int, work: Path) -> Predict:
    return cf.read(model)


def native(model: Any, threads: int, work: Path) -> Predict:
    if hasattr(model, "n_jobs"):
        model.set_params(n_jobs=threads)
    return model.predict


def onnx_session(model: Any, threads: int, kind: Any) -> Any:
    import onnxruntime
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common import data_types as sizes
    from skl2onnx import to_onnx

    columns = model.n_features_in_
    if isinstance(model, xgboost.XGBModel | lightgbm.LGBMModel):
        convert = convert_xgboost if isinstance(model, xgboost.XGBModel) else convert_lightgbm
        made = convert(
            model, initial_types=[("x", sizes.FloatTensorType([None, columns]))], target_opset=15
        )
    else:
        made = to_onnx(model, np.zeros((1, columns), kind))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), options)
    name = session.get_inputs()[0].name
    return lambda X: session.run(None, {name: X})[0]


def onnx_float(model: Any, threads: int, work: Path) -> Predict:
    run = onnx_session(model, threads, np.float32)
    return lambda X: run(X.astype(np.float32, copy=False))


def onnx_double(model: Any, threads: int, work: Path) -> Predict:
    return onnx_session(model, threads, np.float64)


def torch_module(model: Any, threads: int, work: Path) -> Predict:
    import torch

    parts: list[Any] = []
    for w, b in zip(model.coefs_, model.intercepts_, strict=True):
        layer = torch.nn.Linear(*w.shape)
        layer.weight.data, layer.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
        parts += [layer, torch.nn.Tanh()]
    module = torch.nn.Sequential(*parts[:-1]).double().eval()
    torch.set_num_threads(threads)

    def predict(X: Any) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(X)).numpy()

    return predict


def tl2cgen_library(model: Any, threads: int, work: Path) -> Predict:
    import tl2cgen
    import treelite

    booster = isinstance(model, xgboost.XGBModel)
    made = (
        treelite.frontend.from_xgboost(model.get_booster())
        if booster
        else treelite.frontend.from_lightgbm(model.booster_)
    )
    library = work / "tl.so"
    if not library.exists():  # a minute of gcc, once for any number of threads
        tl2cgen.export_lib(made, toolchain="gcc", libpath=str(library), params={"quantize": 0})
    predictor = tl2cgen.Predictor(str(library), nthread=threads)
    kind = np.float32 if booster else np.float64
    return lambda X: predictor.predict(tl2cgen.DMatrix(X.astype(kind, copy=False)))


def lleaves_library(model: Any, threads: int, work: Path) -> Predict:
    import lleaves

    model.booster_.save_model(str(work / "lgb.txt"))
    made = lleaves.Model(str(work / "lgb.txt"))
    made.compile()
    return lambda X: made.predict(X, n_jobs=threads)


def c_library(text: str, work: Path, level: str, tail: str) -> Any:
    (work / "model.c").write_text(text + tail, "utf-8")
    command = ["gcc", f"-{level}", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", work / "model.so", work / "model.c", "-lm"], check=True)
    return ctypes.CDLL(str(work / "model.so"))


def c_loop(model: Any, threads: int, work: Path) -> Predict:
    """Our C file, and a loop over rows."""
    formula = cf.read(model)
    names = [f"x{i}" for i in range(len(formula.inputs))]
    formula = cf.Formula(
        {"y": formula.outputs[formula.answer[0]]}, tuple(map(cf.Feature, names)), formula.task
    )
    text = formula.to("c", name="m")
    fields = " ".join(f"in.{name} = x[i * {len(names)} + {k}];" for k, name in enumerate(names))
    tail = (
        "\nvoid score(const double *x, long n, double *y) { for (long i = 0; i < n; i++) {"
        f" m_input in; m_output out; {fields} m_evaluate(&in, &out); y[i] = out.y; }} }}\n"
    )
    return c_scorer(c_library(text, work, "O2", tail))


def c_of_m2cgen(model: Any, threads: int, work: Path) -> Predict:
    import m2cgen

    tail = (
        "\nvoid score(double *x, long n, double *y)"
        f" {{ for (long i = 0; i < n; i++) y[i] = score1(x + i * {model.n_features_in_}); }}\n"
    )
    # Missing values go by a name that C has not.
    text = "#include <math.h>\n#define nan NAN\n"
    text += m2cgen.export_to_c(model, function_name="score1")
    return c_scorer(c_library(text, work, "O2", tail))


def c_scorer(library: Any) -> Predict:
    pointer = ctypes.POINTER(ctypes.c_double)

    def predict(X: Any) -> Any:
        y = np.empty(len(X))
        library.score(X.ctypes.data_as(pointer), ctypes.c_long(len(X)), y.ctypes.data_as(pointer))
        return y

    return predict
