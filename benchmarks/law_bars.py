"""The results of `laws.py` as tables: what is aimed at and reached, and which laws come back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bars import section
from driving import Record, measured_by
from equations import EQUATIONS, OF_FEYNMAN
from law_oracles import KINDS

AIMS = {
    "exact": 110, "perturbed-1e-6": 105, "perturbed-1e-4": 95, "perturbed-1e-3": 80, "network": 85,
}  # fmt: skip
"""How many laws are to come back, of 114, and of 100 from networks."""
MEDIAN, MOST = 2.0, 60.0
"""CPU seconds of an exact law: the median, and of 95 %."""
DATA = ("data-0", "data-0.01", "data-0.1")
OURS, PEER = "closedform", "pyoperon"
NOISE = {"data-0": "no noise", "data-0.01": "1 % noise", "data-0.1": "10 % noise"}


@dataclass(frozen=True)
class Results:
    """What was measured.

    Attributes:
        headings: when and on what, one a run.
        records: the last of each cell.
        failed: cells that failed, and why.
    """

    headings: list[Record]
    records: list[Record]
    failed: dict[str, str]

    @classmethod
    def of(cls, lines: Sequence[Record]) -> Results:
        """Sort the lines of a results file."""
        known = {line["cell"]: line["record"] for line in lines if "record" in line}
        told = {line["cell"]: line["failed"] for line in lines if "failed" in line}
        failed = {cell: why for cell, why in told.items() if cell not in known}
        headings = [line["heading"] for line in lines if "heading" in line]
        return cls(headings, list(known.values()), failed)

    def some(self, kind: str, who: str) -> list[Record]:
        """Return the records of what somebody found in something."""
        return [r for r in self.records if (r["kind"], r["who"]) == (kind, who)]

    def broken(self, kind: str, who: str) -> int:
        """Return how many cells failed: each is a law that did not come back."""
        return sum(cell.startswith(f"{kind} {who} ") for cell in self.failed)


# --- aims ---------------------------------------------------------------------------------------


def aims_table(results: Results) -> Iterator[str]:
    """Yield the table of what is aimed at, and reached."""
    lines = [*_counts(results), *_times(results), *_clean(results), *_data(results)]
    if lines:
        yield from ("| aim | reached | |", "|---|---|---|", *lines)


def _line(what: str, reached: str, met: bool, undecided: bool = False) -> str:
    told = "met" if met else "not all measured" if undecided else "**missed**"
    return f"| {what} | {reached} | {told} |"


def _counts(results: Results) -> Iterator[str]:
    for kind, aim in AIMS.items():
        found = results.some(kind, OURS)
        if not found:
            continue
        seeds = len({r["seed"] for r in found})
        every = len(OF_FEYNMAN if kind == "network" else EQUATIONS) * seeds
        measured = len(found) + results.broken(kind, OURS)
        good = sum(r["same"] for r in found)
        reached = f"{good} of {measured}"
        open_ = measured < every and good + every - measured >= aim * seeds
        what = f"{kind}: ≥ {aim} of {every // seeds} laws"
        yield _line(what, reached, good >= aim * seeds, open_)


def _times(results: Results) -> Iterator[str]:
    took = [r["seconds"] for r in results.some("exact", OURS)]
    if len(took) > 1:
        middle, slow = median(took), quantiles(took, n=20)[-1]
        yield _line(f"exact: median < {MEDIAN:g} CPU s", f"{middle:.2g} s", middle < MEDIAN)
        yield _line(f"exact: 95 % < {MOST:g} CPU s", f"{slow:.2g} s", slow < MOST)


def _clean(results: Results) -> Iterator[str]:
    for kind in AIMS:
        found = [r for r in results.some(kind, OURS) if r["holds"]]
        if found:
            dirty = sum(r["left_over"] > 0 for r in found)
            what = f"{kind}: nothing left over in what holds the law"
            yield _line(what, f"{dirty} of {len(found)} have something", not dirty)


def _data(results: Results) -> Iterator[str]:
    better = compared = 0
    partly = False
    for kind in DATA:
        ours, theirs = ({_which(r): r["same"] for r in results.some(kind, who)}
                        for who in (OURS, PEER))  # fmt: skip
        both = ours.keys() & theirs.keys()
        if not both:
            continue
        mine, other = sum(ours[key] for key in both), sum(theirs[key] for key in both)
        better, compared = better + (mine > other), compared + 1
        what = f"{NOISE[kind]}: no fewer laws than PyOperon in the same CPU time"
        part = len(both) < len(EQUATIONS)
        reached = f"{mine} against {other}, of {len(both)}"
        yield _line(what, reached, mine >= other and not part, part)
        partly = partly or part
    if compared:
        what = "more laws than PyOperon on two of these three"
        yield _line(what, str(better), better >= 2 and not partly, partly)


def _which(record: Record) -> tuple[str, int]:
    return record["equation"], record["seed"]


# --- everybody ----------------------------------------------------------------------------------


def everybody_table(results: Results) -> Iterator[str]:
    """Yield the table of everybody on everything that is asked."""
    pairs = list(dict.fromkeys((r["kind"], r["who"]) for r in results.records))
    pairs.sort(key=lambda pair: KINDS.index(pair[0]))
    if pairs:
        yield (
            "| what is asked | who | the law | anywhere on its front | holds the law "
            "| but for a constant | CPU s, median | 95 % |"
        )
        yield "|---|---|---|---|---|---|---|---|"
    for kind, who in pairs:
        found = results.some(kind, who)
        count = len(found) + results.broken(kind, who)
        told = [f"{sum(bool(r[key]) for r in found)} of {count}" for key in
                ("same", "anywhere", "holds", "up_to_constant")]  # fmt: skip
        took = sorted(r["seconds"] for r in found)
        slow = took[min(len(took) - 1, int(0.95 * len(took)))]
        yield f"| {kind} | {who} | {' | '.join(told)} | {median(took):.2g} | {slow:.2g} |"


def laws_table(results: Results) -> Iterator[str]:
    """Yield which laws come back from what, and what is wrong with the others."""
    found = {(r["equation"], r["kind"]): r for r in results.records if r["who"] == OURS}
    kinds = [kind for kind in KINDS if any(key[1] == kind for key in found)]
    if kinds:
        yield f"| law | {' | '.join(kinds)} |"
        yield "|---" * (len(kinds) + 1) + "|"
    for name in EQUATIONS if kinds else ():
        shown = [_mark(found.get((name, kind))) for kind in kinds]
        yield f"| {name} | {' | '.join(shown)} |"


def _mark(record: Record | None) -> str:
    if record is None:
        return ""
    if record["same"]:
        return "✓"
    if record["holds"]:
        return "left over" if record["left_over"] else "off"
    return "not chosen" if record["anywhere"] else "–"


def page(lines: Sequence[Record]) -> str:
    """Return all tables of some results."""
    results = Results.of(lines)
    if not results.headings:
        return "Nothing was measured."
    last = results.headings[-1]
    limits = sorted({h["limit"] for h in results.headings})
    how = f"one thread, {' or '.join(f'{limit:g}' for limit in limits)} s for each search"
    parts = [measured_by("laws.py", last, how), *section("The aims", aims_table(results))]
    parts += section("Everybody, side by side", everybody_table(results))
    parts += section("Law by law", laws_table(results))
    return "\n".join([*parts, *section("Failed", failures(results))])


def failures(results: Results) -> Iterator[str]:
    """Yield why cells failed, and which."""
    cells = defaultdict(list)
    for cell, why in results.failed.items():
        cells[why].append(cell)
    for why, some in cells.items():
        more = f" and {len(some) - 3} more" if len(some) > 3 else ""
        yield f"- {', '.join(some[:3])}{more}: {why}"
