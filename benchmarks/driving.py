"""Cells measured one by one, each in a process of its own; what a run cut short goes on with.

A cell is named by its words. Every record is a line of the results file as soon as it is there.
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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

Cell = tuple[str, ...]
Record = dict[str, Any]
Measure = Callable[[Cell, float, Path], Iterator[Record]]
"""A cell, the seconds that each contender may take, a folder for what is kept → its records."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def heading(packages: Sequence[str]) -> Record:
    """Return when and on what is measured, and the versions of those packages that are there."""
    versions = {}
    for name in packages:
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


def measured_by(script: str, last: Record, how: str) -> str:
    """Return when, on what and with what it was measured, in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    where = f"`python benchmarks/{script}` on {last['processor']}"
    return f"Measured on {last['date']} by {where}, {how}, Python {last['python']}, {versions}."


# --- one cell, in a process of its own ----------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """How cells are measured.

    Attributes:
        measure: what is done with a cell.
        limit: seconds that each contender may take.
        kept: a folder for trained models.
        cores: how many each cell has to itself.
        loaded: modules imported once, before the cells' processes are made from that one.
        most: seconds after which a cell is ended, whatever it is at.
    """

    measure: Measure
    limit: float
    kept: Path
    cores: int
    loaded: list[str] = field(default_factory=list)
    most: float = float("inf")


def work(cell: Cell, cores: Sequence[int], way: Way, to: Connection) -> None:
    """Measure a cell on some cores, and send its records; what fails is sent, too."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    started = time.perf_counter()
    try:
        for record in way.measure(cell, way.limit, way.kept):
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
    until: float


class Runner:
    """Some cells at once, each on cores of its own."""

    def __init__(self, jobs: int, way: Way, results: Path) -> None:
        """Say how many at once, how they are measured, and where records go."""
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.cores = [cores[way.cores * i : way.cores * (i + 1)] for i in range(jobs)]
        self.free = list(range(jobs))
        self.way, self.results = way, results
        self.running: list[Running] = []
        self.context: Any = _context(way)

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
        process = self.context.Process(target=work, args=(cell, self.cores[slot], self.way, to))
        process.start()
        to.close()
        until = time.monotonic() + self.way.most
        self.running.append(Running(cell, slot, process, said, until))

    def _listen(self) -> None:
        ready = wait([one.said for one in self.running], timeout=1.0)
        for one in list(self.running):
            if one.said in ready:
                self._hear(one)
            elif time.monotonic() > one.until:
                one.process.kill()

    def _hear(self, one: Running) -> None:
        try:
            said = one.said.recv()
        except EOFError:  # killed, by the system perhaps
            one.process.join()
            said = {"failed": f"ended by itself, with {one.process.exitcode}", "done": -1}
            if time.monotonic() > one.until:
                said["failed"] = f"ended after {self.way.most:g} s"
        put(self.results, {"cell": " ".join(one.cell), **said})
        if "done" in said:
            print(f"{' '.join(one.cell)}: {said['done']} s {said.get('failed', '')}", flush=True)
            one.process.join()
            self.running.remove(one)
            self.free.append(one.slot)


def _context(way: Way) -> Any:
    for name in THREADS:
        os.environ[name] = str(way.cores)
    paths = [str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    known = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in known else "spawn")
    if "forkserver" in known:
        context.set_forkserver_preload(way.loaded)
    return context


def complete(
    cells: Sequence[Cell], asked: argparse.Namespace, way: Way, packages: Sequence[str]
) -> None:
    """Measure cells into the results, for so many minutes; with none left, or `--table-only`, none.

    Args:
        cells: those that are not finished.
        asked: with `results`, `jobs`, `limit`, `minutes` and `table_only`.
        way: how they are measured.
        packages: whose versions the heading tells.
    """
    if not cells or asked.table_only:
        return
    until = time.monotonic() + 60 * asked.minutes
    told = heading(packages) | {"jobs": asked.jobs, "limit": asked.limit}
    put(asked.results, {"heading": told})
    left = Runner(asked.jobs, way, asked.results).run(cells, until)
    print(f"{len(cells) - left} cells measured, {left} left", file=sys.stderr)


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


def show(asked: argparse.Namespace, page: Callable[[list[Record]], str], name: str) -> None:
    """Print a page of the results, and write it between the marks of `--write`."""
    text = page(list(lines_of(asked.results)))
    print(text)
    if asked.write:
        write(asked.write, text, name)


def write(path: Path, text: str, name: str) -> None:
    """Write a text between the marks of a page, `<!-- name -->` and `<!-- /name -->`."""
    start, close = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = path.read_text("utf-8").partition(start)
    _, end, after = rest.partition(close)
    if not (found and end):
        raise SystemExit(f"{path} has no marks {start} and {close}")
    path.write_text(f"{before}{start}\n\n{text}\n\n{close}{after}", "utf-8")
