"""Measure how short formulas are, how near, and what is proven, beside what others make of it.

    python benchmarks/shorter.py --write docs/benchmarks-shorter.md
    python benchmarks/shorter.py --seeds 1 --minutes 8 --results shorter.jsonl
    python benchmarks/shorter.py --results shorter.jsonl --table-only --write docs/…

Each cell (a model and who shortens it) is a process of its own, kept to two cores; as many run
at once as there are pairs of them (`--jobs`). Every record is a line of the results file as soon
as it is there; a cell that is finished in it is not measured again, so a run that is cut short,
or has used up its `--minutes`, is gone on with by the same command.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from bars import page
from cells import Cell, all_cells, measure

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
CORES = 2
"""Of each cell: what the times in the bars are for."""
START, END = "<!-- shorter -->", "<!-- /shorter -->"
LOADED = ["numpy", "scipy.optimize", "sklearn.ensemble", "torch", "shortening", "proofs"]
"""Imported once, before the cells' processes are made from that one."""
PACKAGES = (
    "numpy", "scipy", "scikit-learn", "torch", "numba", "xgboost", "xgboost-cpu", "lightgbm",
    "imodels", "interpret-core", "pystreed",
)  # fmt: skip


def heading() -> dict[str, Any]:
    """Return when, on what and with what cells are measured."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    about = Path("/proc/cpuinfo")
    told = about.read_text("utf-8").splitlines() if about.exists() else []
    cpus = [line.partition(":")[2].strip() for line in told if line.startswith("model name")]
    return {
        "date": str(datetime.date.today()), "processor": (cpus or [platform.processor()])[0],
        "cores": os.cpu_count(), "python": platform.python_version(), "versions": versions,
    }  # fmt: skip


# --- one cell, in a process of its own ----------------------------------------------------------


def work(cell: Cell, cores: Sequence[int], limit: float, kept: Path, to: Connection) -> None:
    """Measure a cell on some cores, and send its records; what fails is sent, too."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    started = time.perf_counter()
    try:
        for record in measure(cell, limit, kept):
            to.send({"record": record})
    except Exception as problem:
        to.send({"failed": f"{type(problem).__name__}: {problem}"[:300]})
    to.send({"done": round(time.perf_counter() - started, 1)})
    to.close()


@dataclass(eq=False)
class Running:
    """A cell on its way."""

    cell: Cell
    slot: int
    process: Any
    said: Connection


class Runner:
    """Some cells at once, each on cores of its own."""

    def __init__(self, jobs: int, limit: float, kept: Path, results: Path) -> None:
        """Say how many at once, how long each contender may take, and where records go."""
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.cores = [cores[CORES * i : CORES * (i + 1)] for i in range(jobs)]
        self.free = list(range(jobs))
        self.limit, self.kept, self.results = limit, kept, results
        self.running: list[Running] = []
        self.context: Any = _context()

    def run(self, cells: Sequence[Cell], until: float) -> int:
        """Measure cells until there are no more or the time is over; return how many are left."""
        waiting = list(cells)
        try:
            while (waiting or self.running) and time.monotonic() < until:
                while waiting and self.free:
                    self._start(waiting.pop(0))
                self._listen()
        finally:
            left = len(waiting) + len(self.running)
            for one in self.running:
                one.process.kill()
        return left

    def _start(self, cell: Cell) -> None:
        slot = self.free.pop(0)
        said, to = self.context.Pipe(duplex=False)
        given = (cell, self.cores[slot], self.limit, self.kept, to)
        process = self.context.Process(target=work, args=given)
        process.start()
        to.close()
        self.running.append(Running(cell, slot, process, said))

    def _listen(self) -> None:
        ready = wait([one.said for one in self.running], timeout=1.0)
        for one in [one for one in self.running if one.said in ready]:
            try:
                said = one.said.recv()
            except EOFError:  # killed, by the system perhaps
                one.process.join()
                said = {"failed": f"ended by itself, with {one.process.exitcode}", "done": -1}
            put(self.results, {"cell": " ".join(one.cell), **said})
            if "done" in said:
                print(
                    f"{' '.join(one.cell)}: {said['done']} s {said.get('failed', '')}", flush=True
                )
                one.process.join()
                self.running.remove(one)
                self.free.append(one.slot)


def _context() -> Any:
    for name in THREADS:
        os.environ[name] = str(CORES)
    paths = [str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    known = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in known else "spawn")
    if "forkserver" in known:
        context.set_forkserver_preload(LOADED)
    return context


# --- results ------------------------------------------------------------------------------------


def put(results: Path, line: dict[str, Any]) -> None:
    """Add a line to the results."""
    with results.open("a", encoding="utf-8") as file:
        # The newline comes first: it also ends a line that was cut off while it was written.
        file.write("\n" + json.dumps(line, ensure_ascii=False, default=lambda n: n.item()))


def lines_of(results: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of the results; one that was cut off while it was written is left out."""
    if not results.exists():
        return
    for line in results.read_text("utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def finished(results: Path) -> set[str]:
    """Return the names of the cells that are done."""
    return {line["cell"] for line in lines_of(results) if "done" in line}


def write(path: Path, text: str) -> None:
    """Write a text between the marks of a page."""
    before, found, rest = path.read_text("utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise SystemExit(f"{path} has no marks {START} and {END}")
    path.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", "utf-8")


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--results", type=Path, default=Path("shorter.jsonl"), help="gone on with if it is there")
    add("--kept", type=Path, default=Path("shorter-models"), help="a folder for trained models")
    add("--write", type=Path, help="a page with the marks, for the table")
    add("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // CORES), help="cells at once")
    add("--seeds", type=int, default=4)
    add("--peer-seeds", type=int, default=1, help="seeds for which peers are fitted, too")
    add("--limit", type=float, default=60.0, help="seconds for each contender")
    add(
        "--minutes",
        type=float,
        default=float("inf"),
        help="start nothing and stop all after so many",
    )
    add("--only", nargs="+", default=[], help="cells whose names have all of these words")
    add("--list", action="store_true", help="name the cells that are left, and stop")
    add("--table-only", action="store_true", help="measure nothing")
    return parser.parse_args()


def main() -> None:
    """Measure what is left, and print the table."""
    asked = options()
    done = finished(asked.results)
    cells = [
        cell for cell in all_cells(asked.seeds, asked.peer_seeds)
        if " ".join(cell) not in done and all(word in cell for word in asked.only)
    ]  # fmt: skip
    if asked.list:
        print(*(" ".join(cell) for cell in cells), sep="\n")
        return
    if done and not asked.table_only:
        told = (
            f"{len(done)} cells were measured before: delete {asked.results} to measure them again"
        )
        print(told, file=sys.stderr)
    if cells and not asked.table_only:
        until = time.monotonic() + 60 * asked.minutes
        put(asked.results, {"heading": heading() | {"jobs": asked.jobs, "limit": asked.limit}})
        left = Runner(asked.jobs, asked.limit, asked.kept, asked.results).run(cells, until)
        print(f"{len(cells) - left} cells measured, {left} left", file=sys.stderr)
    text = page(list(lines_of(asked.results)))
    print(text)
    if asked.write:
        write(asked.write, text)


if __name__ == "__main__":
    main()
