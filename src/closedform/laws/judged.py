"""What was found as formulas with all outputs, and which of them is recommended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from closedform import ops
from closedform.discover.operators import made_of
from closedform.discover.problem import Law
from closedform.formula import Formula, Step
from closedform.frontiers.choosing import POOR
from closedform.frontiers.front import Entry
from closedform.frontiers.words import LEGIBLE
from closedform.laws.joining import joined
from closedform.laws.searching import Found, constant_of, worth
from closedform.laws.sought import Sought
from closedform.shorten.teacher import Teacher

HALF = 0.5
"""Where a law leaves much of a constant's error, another that leaves less than this of its own is
looked at."""
TOLD = 3
"""So many outputs' reasons are told."""
CHOSEN = "chosen"


def law_formulas(
    teacher: Teacher, sought: Sequence[Sought], found: Sequence[Found], options: Mapping[str, Any]
) -> Iterator[Formula]:
    """Yield laws as formulas with all outputs: first the likeliest of each, then all.

    Args:
        teacher: what they are for.
        sought: the outputs.
        found: what was found for each.
        options: "operators" that laws may be made of.
    """
    allowed = options.get("operators")
    laws = [
        [law for law in _raw(one, some.laws) if made_of(law.node, allowed)]
        for one, some in zip(sought, found, strict=True)
    ]
    picked = _chosen(sought, found)
    if picked is not None and all(made_of(law.node, allowed) for law in picked):
        yield from _formula(teacher, picked, {CHOSEN: True})
    kept = [
        worth([*_raw(one, [constant_of(one.problem)]), *some])
        for one, some in zip(sought, laws, strict=True)
    ]
    every = ((law,) for law in kept[0]) if len(kept) == 1 else joined(kept)
    for combination in every:
        if combination != picked:
            yield from _formula(teacher, combination, {})


def _raw(sought: Sought, laws: Sequence[Law]) -> list[Law]:
    # Of units that leave one number alone the law is known, but for a factor.
    told = "units" if sought.factor is not None and not sought.problem.inputs else None
    return [Law(sought.law(law.node), law.error, told or law.made) for law in laws]


def _chosen(sought: Sequence[Sought], found: Sequence[Found]) -> tuple[Law, ...] | None:
    """Return the likeliest law of each output; of one without choice, a constant."""
    if all(some.chosen is None for some in found):
        return None
    return tuple(
        _raw(one, [constant_of(one.problem) if some.chosen is None else some.chosen.law])[0]
        for one, some in zip(sought, found, strict=True)
    )


def _formula(
    teacher: Teacher, laws: Sequence[Law], options: Mapping[str, Any]
) -> Iterator[Formula]:  # fmt: skip
    if all(law.node.op is ops.CONST for law in laws):
        return  # there is one already
    made = " · ".join(dict.fromkeys(law.made for law in laws))
    yield teacher.formula_of(
        [law.node for law in laws], Step("law", "approx", options, {"made": made})
    )


def likeliest(
    entries: Sequence[Entry], sought: Sequence[Sought], found: Sequence[Found]
) -> tuple[Entry, str] | None:
    """Return the entry of the likeliest law, and why; fitted to y where that is a sure gain.

    Where it is a constant, this is the entry; where none was chosen, None.
    """
    if all(some.chosen is None for some in found):
        return None
    own = [e for e in entries if any(s.options.get(CHOSEN) for s in e.formula.trail)]
    if not own and all(
        some.chosen is None or some.chosen.law.node.op is ops.CONST for some in found
    ):
        own = [e for e in entries if e.method == "constant"]
    if not own:
        return None
    entry = own[-1]  # what is refitted comes last
    reasons = [
        some.chosen.why if len(sought) == 1 else f"{one.name}: {some.chosen.why}"
        for one, some in zip(sought, found, strict=True)
        if some.chosen is not None
    ]
    more = f"; and so on, for {len(sought)} outputs." if len(reasons) > TOLD else ""
    constant = entries[0].judged.chosen_by or 1.0
    left = entry.judged.chosen_by / constant
    least = min((e.judged.chosen_by for e in entries if e.length <= LEGIBLE), default=0.0)
    if left > POOR and least < HALF * entry.judged.chosen_by:
        return None  # none of them is the law, and the knee of the curve says more
    told = "the likeliest law. " + " ".join(reasons[:TOLD]) + more
    if left > POOR:
        told += f" But no law is near: it leaves {left:.0%} of a constant's error."
    return entry, told
