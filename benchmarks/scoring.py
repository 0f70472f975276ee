"""Measure `formula.compile()` and C against other ways to run a model: `make bench`.

CPU time per row, all threads together, medians of alternating runs in one process: a busy machine
slows all of them. What is not installed is left out. `--write README.md` puts the table between
the two marks there.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import shlex
import statistics
import subprocess
import tempfile
import time
import timeit
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost
from contenders import (
    Contender,
    Predict,
    c_loop,
    c_of_m2cgen,
    interpreter,
    lleaves_library,
    native,
    onnx_double,
    onnx_float,
    ours,
    ours_single,
    tl2cgen_library,
    torch_module,
)
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf

SEED = 0
START, END = "<!-- scoring -->", "<!-- /scoring -->"
PACKAGES = (
    "numpy", "numba", "scikit-learn", "xgboost-cpu", "xgboost", "lightgbm", "torch", "onnxruntime",
    "tl2cgen", "lleaves", "m2cgen",
)  # fmt: skip


def data(rows: int, columns: int) -> tuple[Any, Any]:
    """Return rows, and a target for the first 4,000 of them."""
    X = np.random.default_rng(SEED).normal(size=(max(rows, 4000), columns))
    few = X[:4000]
    return X[:rows], few[:, 0] * few[:, 1] + np.sin(few[:, 2]) + 0.3 * few[:, 3:].sum(axis=1)


def first_rows(columns: int) -> Any:
    """Return the rows that every model is trained on."""
    return np.random.default_rng(SEED).normal(size=(4000, columns))


def linear() -> Any:
    return make_pipeline(StandardScaler(), Ridge())


def network() -> Any:
    return MLPRegressor(hidden_layer_sizes=(60, 60), activation="tanh", max_iter=20, random_state=0)


def xgb(trees: int, depth: int) -> Callable[[], Any]:
    return lambda: xgboost.XGBRegressor(n_estimators=trees, max_depth=depth, n_jobs=1)


def lgb(trees: int, depth: int) -> Callable[[], Any]:
    return lambda: lightgbm.LGBMRegressor(
        n_estimators=trees, max_depth=depth, num_leaves=2**depth - 1, n_jobs=1, verbose=-1
    )


# --- those who compete --------------------------------------------------------------------------

OURS: dict[str, Contender] = {"closedform": ours}
NATIVE: dict[str, Contender] = {"the model's own": native}
C: dict[str, Contender] = {"closedform's C": c_loop}
ONNX: dict[str, Contender] = {"onnxruntime float32": onnx_float}
DOUBLE: dict[str, Contender] = {"onnxruntime float64": onnx_double}
SMALL: dict[str, Contender] = {"m2cgen's C": c_of_m2cgen}
TREES = OURS | NATIVE | ONNX | C | {"tl2cgen": tl2cgen_library}
LEAVES: dict[str, Contender] = {"lleaves": lleaves_library}
ONE_THREAD = {"closedform's C", "m2cgen's C"}
OWN = ("the model's own",)
CASES: dict[str, tuple[Callable[[], Any], int, dict[str, Contender], dict[float, Any]]] = {
    "scaler and Ridge, 30 features": (
        linear, 30, OURS | {"formula(X)": interpreter} | NATIVE | ONNX | DOUBLE | C, {5.0: OWN},
    ),
    "network 15-60-60-1": (
        network, 15,
        OURS | {"formula(X)": interpreter} | NATIVE | DOUBLE | {"torch float64": torch_module} | C,
        {1.3: (*OWN, "onnxruntime float64", "torch float64")},
    ),
    "network 15-60-60-1, float32": (
        network, 15, {"closedform": ours_single} | ONNX, {1.0: ("onnxruntime float32",)},
    ),
    "XGBoost, 100 × depth 6": (
        xgb(100, 6), 30, TREES, {1.8: (*OWN, "onnxruntime float32", "tl2cgen")},
    ),
    "LightGBM, 100 × depth 6": (
        lgb(100, 6), 30, TREES | LEAVES | SMALL,
        {4.0: OWN, 1.8: ("onnxruntime float32", "lleaves", "tl2cgen")},
    ),
    "XGBoost, 500 × depth 8": (
        xgb(500, 8), 30, OURS | NATIVE | ONNX | C, {1.8: (*OWN, "onnxruntime float32")},
    ),
    "LightGBM, 500 × depth 8": (
        lgb(500, 8), 30, OURS | NATIVE | ONNX | C, {4.0: OWN, 1.8: ("onnxruntime float32",)},
    ),
}  # fmt: skip
"""Model, features, who competes, and the bars: how many times as fast as the best of some."""


# --- measuring ----------------------------------------------------------------------------------


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Keep BLAS and OpenMP to some threads."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads):
        yield


def cpu(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of some work, all threads together."""
    time.sleep(0.3)  # the threads of whoever ran before spin for a while: 70 of 90 ns were theirs
    before = time.process_time()
    work()
    return time.process_time() - before


CHECKED = 20_000
ALLOWED = dict.fromkeys(("closedform", "formula(X)", "closedform's C"), 1e-13)
"""How far ours may be from the model, as a part of its largest prediction."""
OFF = 1e-12
"""From where on the table tells how far off one is, ours or another's."""


def worst_difference(predict: Predict, model: Any, X: Any) -> float:
    """Return the largest difference from the model's own predictions, over the largest of these."""
    wanted = np.asarray(model.predict(X), np.float64)
    found = np.asarray(predict(X), np.float64).reshape(-1)
    if found.shape != wanted.shape or np.isnan(found).any():
        raise ValueError("it does not give one number for each row")
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def prepared(
    contenders: dict[str, Contender], model: Any, X: Any, threads: int, folder: Path
) -> dict[str, tuple[Predict, float]]:
    """Return those who can be had, and how far off they are; who cannot be had says why."""
    found = {}
    for name, make in contenders.items():
        work = folder / name.replace(" ", "-")
        work.mkdir(exist_ok=True)
        try:
            predict = make(model, threads, work)
            found[name] = predict, worst_difference(predict, model, X[:CHECKED])
        except (ImportError, OSError, RuntimeError, AttributeError, TypeError, ValueError,
                subprocess.CalledProcessError) as error:  # fmt: skip
            told = f"{type(error).__name__}: {error}".splitlines()[0].replace(str(work), "…")
            print(f"  without {name}: {told}", flush=True)
    return found


def measured(
    case: str, rows: int, threads: int, repeats: int, without: tuple[str, ...], folder: Path
) -> dict[str, tuple[float, float]]:
    """Return nanoseconds of CPU time per row, and the worst difference, by contender.

    Raises:
        AssertionError: ours is further from the model than rounding explains.
    """
    make, columns, contenders, _ = CASES[case]
    left_out = {*without, *(ONE_THREAD if threads > 1 else ())}
    contenders = {k: v for k, v in contenders.items() if k not in left_out}
    X, y = data(rows, columns)
    model = make().fit(first_rows(columns), y)
    with limited(threads):
        runs = prepared(contenders, model, X, threads, folder)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for name, (_, off) in runs.items():
            most = 1e-5 if "float32" in case else ALLOWED.get(name, np.inf)
            assert off <= most, f"{case}: {name} is off by {off}"
        for _ in range(repeats):
            for name, (predict, _) in runs.items():
                times[name].append(cpu(lambda predict=predict: predict(X)) / len(X) * 1e9)
    return {name: (statistics.median(took), runs[name][1]) for name, took in times.items()}


def one_row(case: str) -> float:
    """Return microseconds of CPU time for one row from Python."""
    make, columns, *_ = CASES[case]
    X, y = data(4000, columns)
    compiled = cf.read(make().fit(X, y)).compile()
    row = X[7].tolist()
    compiled.row(*row)
    runs = timeit.repeat(
        lambda: compiled.row(*row), number=2000, repeat=15, timer=time.process_time
    )
    return min(runs) / 2000 * 1e6


def c_compile_seconds() -> float:
    """Return the CPU seconds that gcc -O2 takes for the C of 500 trees of depth 6."""
    X, y = data(4000, 30)
    text = cf.read(xgb(500, 6)().fit(X, y)).to("c", name="m")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "m.c").write_text(text, "utf-8")
        before = os.times().children_user
        subprocess.run(["gcc", "-std=c99", "-O2", "-c", "m.c"], cwd=folder, check=True)
        return os.times().children_user - before


def printing_seconds() -> dict[str, float]:
    """Return the CPU seconds of each target for 500 trees of depth 6, the median of three."""
    X, y = data(4000, 30)
    formula = cf.read(xgb(500, 6)().fit(X, y))
    found = {}
    for target in cf.targets():
        try:
            took = [cpu(lambda target=target: formula.to(target)) for _ in range(3)]
            found[target] = statistics.median(took)
        except cf.ClosedformError as error:
            print(f"  {target}: {error}".splitlines()[0], flush=True)
    return found


# --- the table ----------------------------------------------------------------------------------


def lines(rows: int, repeats: int, without: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield "| model | threads | ns of CPU time per row | as fast as the best rival | bar |"
    yield "|---|---|---|---|---|"
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            for threads in (1, 2):
                some = rows // 5 if "500" in case else rows
                found = measured(case, some, threads, repeats, without, Path(folder))
                yield compared(case, threads, found)
    yield ""
    yield "| what | measured | bar |"
    yield "|---|---|---|"
    for case in [name for name in CASES if "100" in name or name == "network 15-60-60-1"][:2]:
        yield asked(f"one row from Python: {case}", one_row(case), "µs", 3.0)
    yield asked("one row from Python: scaler and Ridge", one_row(next(iter(CASES))), "µs", 3.0)
    yield asked("gcc -O2 of the C of 500 trees of depth 6", c_compile_seconds(), "s", 5.0)
    yield from printing()


def printing() -> Iterator[str]:
    """Yield a line for all targets that are written in time, and one for each that is not."""
    bar, took = 3.0, printing_seconds()
    late = {target: seconds for target, seconds in took.items() if seconds > bar}
    told = ", ".join(f"`{t}` {s:.2g}" for t, s in took.items() if t not in late)
    yield f"| printing 500 trees of depth 6, in seconds | {told} | {bar:g} s: met |"
    for target, seconds in late.items():
        yield asked(f"printing 500 trees of depth 6: `{target}`", seconds, "s", bar)


def compared(case: str, threads: int, found: dict[str, tuple[float, float]]) -> str:
    """Return a line of the first table."""
    told = ", ".join(
        f"{name} {took:,.0f}" + (f" (off by {off:.0e})" if off > OFF else "")
        for name, (took, off) in found.items()
    )
    times, met = [], []
    for bar, rivals in CASES[case][3].items():
        best = min(found[name][0] for name in rivals if name in found)
        times.append(best / found["closedform"][0])
        met.append(f"{bar:g}×: " + ("met" if times[-1] >= bar else "**missed**"))
    shown = ", ".join(f"{t:.1f}×" for t in times)
    return f"| {case} | {threads} | {told} | {shown} | {', '.join(met)} |"


def asked(what: str, value: float, unit: str, bar: float) -> str:
    """Return a line of the second table."""
    met = "met" if value <= bar else "**missed**"
    return f"| {what} | {value:.2g} {unit} | {bar:g} {unit}: {met} |"


def heading(rows: int, repeats: int, without: list[str]) -> str:
    """Return when, on what and with what it was measured."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    command = f"python benchmarks/scoring.py --rows {rows} --repeats {repeats}"
    command += " --without " + shlex.join(without) if without else ""
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ] if Path("/proc/cpuinfo").exists() else [platform.processor()]  # fmt: skip
    return (
        f"Measured on {datetime.date.today()} by `{command}`"
        f" on {cpus[0]} ({len(cpus)} cores), Python"
        f" {platform.python_version()}, {', '.join(versions)}; {rows:,} rows, a fifth of them for"
        f" 500 trees. Who is further than {OFF:.0e} from the model's own predictions, as a part of"
        " the largest of them, is marked with the worst difference."
    )


def put(page: Path, text: str) -> None:
    """Write a text between the marks of a page."""
    old = page.read_text("utf-8")
    before, _, rest = old.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{page} has no marks {START} and {END}")
    page.write_text(f"{before}{START}\n{text}\n{END}{after}", "utf-8")


def main() -> None:
    """Print the table, and write it where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", type=Path, help="a page with the marks")
    parser.add_argument("--without", nargs="*", default=[], help="who does not compete")
    options = parser.parse_args()
    made = [heading(options.rows, options.repeats, options.without), ""]
    print(*made, sep="\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for line in lines(options.rows, options.repeats, tuple(options.without)):
            print(line, flush=True)
            made.append(line)
    if options.write:
        put(options.write, "\n".join(made))


if __name__ == "__main__":
    main()
