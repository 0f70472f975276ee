"""The results of `shorter.py` as tables: what is aimed at and reached, and who reaches what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from driving import Record, measured_by

STRUCTURE = {
    "linear": (4, 0.975), "additive": (6, 0.94), "interaction": (7, 0.94), "ratio": (5, 0.92),
    "rule": (13, 0.98),
}  # fmt: skip
"""Constants at most, and agreement with the network at least."""
STUDENTS = {"interaction": 20, "additive": 10, "rule": 9, "dense": 88}
"""Constants at most, for students that agree with the network on 95 % of rows."""
OF_TREES = (15, 0.997)
LOST = 0.001
"""The agreement that snapping may cost."""
BELOW = 0.02
"""How far the score of a formula of at most 20 terms may be below that of its booster."""
OVER = 2.0
"""Seconds by which a frontier may overrun its limit: the step on its way, and the last errors."""
FEW = 20
NO_SMALL = "no small formula"
SAME = ("cell", "truth", "model", "seed", "contender", "data", "what", "constants", "before")
"""By these a record is known: of two measurements of one thing the later counts."""


@dataclass(frozen=True)
class Results:
    """What was measured.

    Attributes:
        headings: when, on what and with what: one for each run.
        records: the records of each kind of cell.
        failed: cells that failed, and why.
    """

    headings: list[Record]
    records: dict[str, list[Record]]
    failed: dict[str, str]

    @classmethod
    def of(cls, lines: Sequence[Record]) -> Results:
        """Sort the lines of a results file."""
        headings = [line["heading"] for line in lines if "heading" in line]
        known: dict[Any, tuple[str, Record]] = {}
        for line in lines:
            if "record" in line:
                told = line["record"] | {"cell": line["cell"]}
                known[tuple(told.get(key) for key in SAME)] = line["cell"], line["record"]
        records = defaultdict(list)
        for cell, record in known.values():
            records[cell.partition(" ")[0]].append(record)
        failed = {line["cell"]: line["failed"] for line in lines if "failed" in line}
        return cls(headings, records, failed)

    def shortened(self, contender: str, truth: str, model: str) -> list[Record]:
        """Return what a contender made of a model, one record a seed."""
        wanted = (contender, truth, model)
        found = self.records["shortening"]
        return [r for r in found if (r["contender"], r["truth"], r["model"]) == wanted]

    @property
    def models(self) -> list[tuple[str, str]]:
        """Truth and model, in the order in which they were measured."""
        return list(dict.fromkeys((r["truth"], r["model"]) for r in self.records["shortening"]))


def choice(record: Record) -> Record | None:
    """Return what a contender picked, or its shortest within half a point of its most faithful."""
    tried: list[Record] = record["tried"]
    if record["picked"] is not None:
        return tried[record["picked"]]
    most = max((t["agreement"] for t in tried), default=0.0)
    near = [t for t in tried if t["agreement"] >= most - 0.005]
    return min(near, key=lambda t: t["constants"], default=None)


# --- bars ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """Something aimed at.

    Attributes:
        what: in words.
        values: what was reached, one number a seed (or case).
        met: whether that is enough, for each.
        shown: how a number is written.
        least: whether the least is the worst, or the greatest.
    """

    what: str
    values: list[float]
    met: list[bool]
    shown: str = "{:.1%}"
    least: bool = True

    def line(self) -> str:
        """Return a line of the table."""
        worst = min(self.values) if self.least else max(self.values)
        told = "met" if all(self.met) else "**missed**"
        some = "" if all(self.met) else f" ({sum(self.met)} of {len(self.met)} met)"
        mean = self.shown.format(fmean(self.values))
        return f"| {self.what} | {mean} | {self.shown.format(worst)} | {told}{some} |"


def _structures(results: Results) -> Iterator[Bar]:
    for truth, model in results.models:
        if model in ("rf", "hgb"):
            most, least, right = *OF_TREES, ""
        elif truth in STRUCTURE:
            most, least, right = *STRUCTURE[truth], ", right as often as the network"
        else:
            continue
        found = results.shortened("frontier", truth, model)
        if not found:
            continue
        what = f"{truth}, {model}: a formula of ≤ {most} constants agrees on ≥ {least:.1%}{right}"
        values = [_nearest(r, most, bool(right)) for r in found]
        yield Bar(f"frontier of {what}", values, [v >= least for v in values])
        picked = [_nearest(r | {"tried": [choice(r)]}, most, bool(right)) for r in found]
        yield Bar("… and it is the one called the best", picked, [v >= least for v in picked])


def _nearest(record: Record, most: int, right: bool) -> float:
    """Return the agreement of the nearest formula of so many constants; 0 where there is none."""
    few = [t for t in record["tried"] if t["constants"] <= most]
    good = [t for t in few if not right or t["accuracy"] >= record["accuracy"]]
    return max((t["agreement"] for t in good), default=0.0)


def _refusals(results: Results) -> Iterator[Bar]:
    for model in ("tanh", "relu"):
        found = results.shortened("frontier", "dense", model)
        if found:
            said = [NO_SMALL in r["reason"] for r in found]
            yield Bar(
                f'frontier of dense, {model}: it says "{NO_SMALL}"', [*map(float, said)], said
            )


def _times(results: Results) -> Iterator[Bar]:
    found = [r for r in results.records["shortening"] if r["contender"] == "frontier"]
    if found:
        limit = results.headings[-1]["limit"]
        took = [r["tried"][0]["seconds"] for r in found if r["tried"]]
        met = [t <= limit + OVER for t in took]
        what = f"{len(took)} frontiers keep to {limit:g} s, to within {OVER:g} s"
        yield Bar(what, took, met, "{:.1f} s", least=False)


def _students(results: Results) -> Iterator[Bar]:
    for (truth, most), model in ((s, m) for s in STUDENTS.items() for m in ("tanh", "relu")):
        found = results.shortened("students", truth, model)
        if found:
            fewest = [_fewest(r, 0.95) for r in found]
            yield Bar(
                f"students of {truth}, {model}: 95 % with ≤ {most} constants", fewest,
                [f <= most for f in fewest], "{:.0f}", least=False,
            )  # fmt: skip


def _fewest(record: Record, agreement: float) -> float:
    near = [t["constants"] for t in record["tried"] if t["agreement"] >= agreement]
    return min(near, default=float("inf"))


def _snapped(results: Results) -> Iterator[Bar]:
    lost = [r["before"] - r["after"] for r in results.records["snapping"]]
    if lost:
        what = f"snapping {len(lost)} formulas of `terms` loses ≤ {100 * LOST:g} points"
        points = [100 * x for x in lost]
        yield Bar(what, points, [x <= LOST for x in lost], "{:.2f} points", least=False)


def _boosters(results: Results) -> Iterator[Bar]:
    found = results.records["ensembles"]
    if found:
        gained = [r["got"] - r["own"] for r in found]
        what = f"{len(found)} boosters of 500 trees: ≤ {FEW} terms score at most 2 % below them"
        yield Bar(what, gained, [g >= -BELOW for g in gained], "{:+.3f}")


def _proofs(results: Results) -> Iterator[Bar]:
    asked: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for r in results.records["proofs"]:
        if r["met"] is not None:
            asked[r["what"], r["bar"]].append(r)
    for (what, bar), found in asked.items():
        values = [r["value"] for r in found]
        slowest = max(r["seconds"] for r in found)
        shown = "{:.2%}"
        yield Bar(
            f"{what}: {bar} (at most {slowest:.2g} s)", values, [r["met"] for r in found], shown,
            least="≥" in bar,
        )  # fmt: skip


BARS: tuple[Callable[[Results], Iterator[Bar]], ...] = (
    _structures, _refusals, _times, _students, _snapped, _boosters, _proofs,
)  # fmt: skip


def bars_table(results: Results) -> Iterator[str]:
    """Yield the table of what is aimed at, and reached."""
    yield "| aim | mean | worst | |"
    yield "|---|---|---|---|"
    for kind in BARS:
        for bar in kind(results):
            yield bar.line()


# --- side by side -------------------------------------------------------------------------------


def models_table(results: Results) -> Iterator[str]:
    """Yield the table of everybody on every model."""
    yield f"| model | who | its choice | with ≤ {FEW} numbers | seconds |"
    yield "|---|---|---|---|---|"
    known = list(dict.fromkeys(r["contender"] for r in results.records["shortening"]))
    for truth, model in results.models:
        shown = [f for f in (results.shortened(who, truth, model) for who in known) if f]
        for i, found in enumerate(shown):
            head = "" if i else _about(truth, model, found)
            told = (head, _named(found), _chosen(found), _few(found))
            yield f"| {' | '.join(told)} | {_mean(found, 'seconds'):.0f} |"


def _about(truth: str, model: str, found: list[Record]) -> str:
    return (
        f"**{truth}, {model}**: right {_mean(found, 'accuracy'):.1%}; "
        f"the truth agrees {_mean(found, 'ceiling'):.1%}"
    )


def _named(found: list[Record]) -> str:
    who = found[0]["contender"]
    name = "`cf.frontier`" if who == "frontier" else who
    return name + (f" ({len(found)} seeds)" if len(found) > 1 else "")


def _chosen(found: list[Record]) -> str:
    picked = [t for t in map(choice, found) if t is not None]
    return _told(picked) if picked else f"none: {found[0]['reason'] or 'nothing found'}"


def _few(found: list[Record]) -> str:
    picked = []
    for record in found:
        few = [t for t in record["tried"] if t["constants"] <= FEW]
        picked += [max(few, key=lambda t: t["agreement"])] if few else []
    return _told(picked) if picked else "none"


def _told(picked: list[Record]) -> str:
    numbers, agreement = _mean(picked, "constants"), _mean(picked, "agreement")
    worst = min(t["agreement"] for t in picked)
    spread = f" (worst {worst:.1%})" if len(picked) > 1 else ""
    return f"{numbers:,.0f}: {agreement:.1%}{spread}, right {_mean(picked, 'accuracy'):.1%}"


def _mean(records: Sequence[Record], key: str) -> float:
    return fmean(r[key] for r in records)


def boosters_table(results: Results) -> Iterator[str]:
    """Yield the table of boosters of 500 trees."""
    found = results.records["ensembles"]
    if not found:
        return
    peers = list(found[0]["peers"])
    yield "| data | booster | its score | formula | " + " | ".join(peers) + " |"
    yield "|---" * (4 + len(peers)) + "|"
    for r in found:
        scores = ("–" if r["peers"][p] is None else f"{r['peers'][p]:.3f}" for p in peers)
        head = f"| {r['data']} | {r['model']} | {r['own']:.3f} | {r['got']:.3f} ({r['kind']}) | "
        yield head + " | ".join(scores) + " |"


def heading(results: Results) -> str:
    """Return when, on what and with what it was measured."""
    if not results.headings:
        return "Nothing was measured."
    last = results.headings[-1]
    how = f"{last['jobs']} cells at once on two cores each, {last['limit']:g} s for each contender"
    return measured_by("shorter.py", last, how)


def page(lines: Sequence[Record]) -> str:
    """Return all tables of some results."""
    results = Results.of(lines)
    parts = [heading(results), *section("The aims", bars_table(results))]
    parts += section("Everybody, side by side", models_table(results))
    parts += section("Boosters of 500 trees", boosters_table(results))
    if results.failed:
        told = (f"- {cell}: {why}" for cell, why in results.failed.items())
        parts += section("Not measured", told)
    return "\n".join(parts)


def section(title: str, lines: Iterable[str]) -> list[str]:
    """Return the lines below a title, nothing where there are none."""
    shown = list(lines)
    return ["", f"## {title}", "", *shown] if shown else []
