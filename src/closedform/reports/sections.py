"""The sections of the page that say what was measured, in the order in which they are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from closedform.frontiers.words import ABOUT, SURELY
from closedform.reports.case import Case
from closedform.reports.charts import chart_of
from closedform.reports.formulas import LANGUAGES, Shown
from closedform.reports.markup import (
    Html,
    Part,
    breakable,
    capital,
    element,
    joined,
    percent,
    shown,
    table,
)
from closedform.reports.misfit import Misfit
from closedform.verify import Certificate


def lead_of(case: Case, certificate: Certificate | str) -> Html:
    """Return what the model is, in a sentence or two."""
    what = _predicts(case)
    chosen = case.entries[case.chosen]
    reads = len(case.used)
    parts = [f"{case.called} {what} from {_count(reads, 'input')}."]
    if case.exact is not None and isinstance(certificate, Certificate):
        agrees = "agrees with the model on every row checked" if certificate.ok else (
            "DIFFERS from the model")  # fmt: skip
        parts.append(f"Written out in full, it is a formula of "
                     f"{_count(case.exact.length, 'symbol')}, which {agrees}.")  # fmt: skip
    elif case.exact is None:
        parts.append(
            "It has no formula of its own: it was asked, and what follows came near to it."
        )
    parts.append(f"Below stands {'its' if chosen.method == 'exact' else 'a'} formula of "
                 f"{_count(chosen.length, 'symbol')}: {error_of(case, case.chosen)}.")  # fmt: skip
    return element("p", breakable(" ".join(parts)), class_="lead")


def _predicts(case: Case) -> str:
    task = case.sides.task
    if case.classifies:
        known = ", ".join(str(c) or '""' for c in task.classes[:6])
        known += " …" if len(task.classes) > 6 else ""
        return (
            f"tells {len(task.classes)} classes apart ({known})" if task.classes else "classifies"
        )
    names = ", ".join(case.answers[:6]) + (" …" if len(case.answers) > 6 else "")
    return f"predicts {names}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


def error_of(case: Case, i: int) -> str:
    """Return how far a formula is from the model, as a part of a sentence."""
    e, against = case.entries[i], case.front.against
    if e.method == "exact":
        return "exact"
    if case.front.about.startswith("the share of rows"):
        return (f"it gives another class than {against} on {percent(e.error)} of "
                f"{_kept(case)}")  # fmt: skip
    if case.front.about.startswith("root mean square"):
        told = f"on {_kept(case)}, its error against {against} is {percent(e.error)} of what a "
        told += "constant has"
        return told + (f" (R² {shown(1 - e.error**2, 3)})" if e.error < 1 else "")
    return f"its error against {against} is {shown(e.error, 3)} on {_kept(case)}"


def _kept(case: Case) -> str:
    """Return what the errors of the frontier were measured on."""
    return f"{_count(case.front.rows, 'row')} kept aside from the search"


def facts_of(case: Case, certificate: Certificate | str) -> Html:
    """Return the same in a list for those who look something up."""
    lengths = [e.length for e in case.entries]
    facts = {
        "Model": breakable(case.called),
        "Inputs": _read(len(case.used), len(case.sides.features)),
        "Rows looked at": f"{case.given:,}" + ("" if case.observed else ", without y"),
        "Formulas": f"{len(lengths)}, of {min(lengths):,} to {_count(max(lengths), 'symbol')}",
        "Exact formula": certificate.verdict if isinstance(certificate, Certificate) else "none",
    }
    if case.exact is not None and not isinstance(certificate, Certificate):
        facts["Exact formula"] = "what was given"
    pairs = [(element("dt", k), element("dd", v)) for k, v in facts.items()]
    return element("dl", [element("div", *pair) for pair in pairs], class_="facts")


def _read(used: int, given: int) -> str:
    if used == given:
        return f"{given:,}, all of them used" if given > 1 else f"{given:,}"
    return f"{given:,}, of which {used:,} are used"


def formula_of(case: Case, i: int, made: Shown) -> Html:
    """Return what changes with the formula in the section of the formula itself."""
    e = made.entry
    numbers = (
        f"{_count(e.length, 'symbol')}, {_count(e.numbers, 'number')}, {_count(e.inputs, 'input')}"
    )
    return joined(
        element("p", element("strong", f"Formula {i}"), f" of {len(case.entries)} · {numbers} · "
                f"{_method(case, i)} · {error_of(case, i)}.", class_="which"),
        element("div", made.math, class_="math", tabindex="0", role="region",
                aria_label="The formula"),
        element("p", "What is copied, and what runs in this page, has all digits. Inputs are in "
                "the units of the data.", class_="note"),
    )  # fmt: skip


def _method(case: Case, i: int) -> str:
    names = {"exact": "the model itself", "given": "as you gave it", "constant": "a constant"}
    method = case.entries[i].method
    return names.get(method, f"found by the method “{method}”")


def copies() -> Html:
    """Return the buttons that copy a formula."""
    buttons = [
        element("button", f"Copy {language}", type="button", data_copy=language)
        for language in LANGUAGES
    ]
    return joined(
        element("div", buttons, class_="copies", role="group", aria_label="Copy the formula"),
        element("p", id="copied", class_="note", role="status"),
    )


def frontier_of(case: Case) -> Html:
    """Return the picture of all formulas, and the table of the same."""
    front = case.front
    about = f"Error: {front.about}, on {_kept(case)}, against {front.against}."
    if case.observed:
        about += (
            f" Against y, the model's own error is {shown(front.model_error, 3)}, which flatters "
            "it where it was trained on these rows."
        )
    best = case.entries.index(front.entries[front.choice.index])
    keys = [element("span", f"against {front.against}", class_="key model")]
    if case.observed:
        keys.append(element("span", "against y", class_="key observed"))
    return joined(
        element("p", "Each point is a formula for the same model: to the left shorter, further "
                "down nearer to it. Length is what there is to read: numbers, inputs and "
                "operations. Choose one, and the whole page shows it. With the keyboard: "
                "arrows."),
        element("figure", element("p", keys, class_="keys"), chart_of(case),
                element("figcaption", about)),
        element("p", element("strong", "Recommended: "),
                f"formula {best}. {capital(front.reason)}"),
        element("details", element("summary", "The same as a table"), _table(case)),
        [element("p", f"Note: {note}.", class_="note") for note in front.notes],
        element("p", id="announced", class_="unseen", role="status"),
    )  # fmt: skip


def _table(case: Case) -> Html:
    front, sure = case.front, SURELY[case.front.classifies]
    heads = ["Formula", "Length", "Numbers", "Inputs", "Error", capital(sure)]
    heads += ["Error on y"] * case.observed + ["Method"]
    rows: list[Sequence[Part]] = []
    for i, e in enumerate(case.entries):
        button = element("button", f"Show {i}", type="button", data_show=i)
        errors = [e.error, front.surely(e), *[e.error_y] * case.observed]
        counts = [f"{count:,}" for count in (e.length, e.numbers, e.inputs)]
        rows.append([button, *counts, *(shown(error, 3) for error in errors), e.method])
    made = table(heads, rows, "All formulas, the shortest first", class_="numbers")
    return joined(made, element("p", f"{capital(sure)}: {ABOUT[front.classifies]}.", class_="note"))


def misfit_section(case: Case, found: Misfit) -> Html:
    """Return where a formula and the model disagree."""
    if not found.worst and not found.relabelled:
        return element("p", f"Nowhere: on all {found.rows:,} rows looked at they give the same.",
                       class_="big")  # fmt: skip
    return joined(
        _how_far(case, found), _worst(case, found), _by_input(case, found), _map(case, found)
    )


def _how_far(case: Case, found: Misfit) -> Html:
    name = case.sides.target.name
    share = found.away / found.spread if found.spread else math.nan
    told = (
        f" ({percent(float(f'{share:.2g}'))} of its standard deviation)" if share == share else ""
    )
    text = (
        f"On the {found.rows:,} rows looked at, {name} of this formula is {shown(found.away, 3)} "
        f"from the model's on average{told}, within {shown(found.most, 3)} on {percent(0.95)} of "
        f"them, and {shown(found.worst, 3)} at most."
    )
    if found.relabelled is not None:
        text += f" The class is another one on {percent(found.relabelled)} of the rows."
    return element("p", text + " Short formulas were fitted to some of these rows.")


def _worst(case: Case, found: Misfit) -> Html:
    if not found.places:
        return element("p", "No range of one input or two is surely worse than the whole.")
    rows = [
        (
            joined([element("span", element("b", name), f": {label}", class_="where")
                    for name, label in place.where]),
            f"{place.rows:,}", shown(place.away, 3), _signed(place.more),
        )
        for place in found.places
    ]  # fmt: skip
    heads = ("Where", "Rows", "Apart by", "Formula − model")
    caption = "Where they are furthest apart: means over ranges, the surest first"
    return table(heads, rows, caption, class_="numbers")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + shown(value, 3)


def _by_input(case: Case, found: Misfit) -> Html:
    cards = []
    most = max((float(m) for _, means, _ in found.by_input for m in means if m == m), default=0.0)
    for r, means, rows in found.by_input:
        lines = [
            (label, bar(float(m), most), f"{int(n):,}")
            for label, m, n in zip(r.labels, means, rows, strict=True)
            if n
        ]
        cards.append(table((r.name, "apart by", "rows"), lines, f"By {r.name}", class_="bars"))
    return element("details", element("summary", "By range of each input"),
                   element("div", cards, class_="cards"))  # fmt: skip


def keys_of(sides: Iterable[str]) -> Html:
    """Return which colour is whose."""
    keys = [element("span", f"the {side}", class_=f"key {side}") for side in sides]
    return element("p", keys, class_="keys")


def notes_of(notes: Sequence[str]) -> Html | None:
    """Return how something was measured, to be opened by who asks for it."""
    told = sentences(notes)
    return element("details", element("summary", "How this was measured"), told) if told else None


def sentences(notes: Iterable[str]) -> list[Html]:
    """Return notes as small paragraphs."""
    return [element("p", f"{capital(note)}.", class_="note") for note in notes]


def left_out(inputs: int) -> Html | None:
    """Return that so many inputs are not listed; None where there are none."""
    if inputs <= 0:
        return None
    return element("p", f"{inputs} inputs with less are not listed.", class_="note")


def bar(value: float, most: float, side: str = "") -> Html:
    """Return a number with a bar as long as its share of the greatest, in a side's colour."""
    if value != value:
        return element("span", "too few rows", class_="note")
    share = max(value, 0.0) / most if most else 0.0
    mark = element("span", class_=f"bar {side}".strip(), style=f"--share:{100 * share:.3g}%",
                   aria_hidden="true")  # fmt: skip
    return element("span", element("span", shown(value, 3)), element("span", mark), class_="gauge")


def _map(case: Case, found: Misfit) -> Html | None:
    if found.pair is None:
        return None
    a, b = found.pair
    most = max((abs(float(m)) for m in found.map.ravel() if m == m), default=0.0)
    rows = [
        (label, *(_shaded(float(m), most) for m in found.map[k]))
        for k, label in enumerate(a.labels)
    ]
    heads = (f"{a.name} ↓ {b.name} →", *b.labels)
    return joined(
        element("h3", "Over two inputs"),
        element("p", "The mean of formula − model. ",
                element("span", "Orange", class_="key more"),
                ": the formula gives more. ", element("span", "Blue", class_="key less"),
                ": it gives less. Cells of fewer than 5 rows are left empty."),
        table(heads, rows, f"Formula − model over {a.name} and {b.name}", class_="map"),
    )  # fmt: skip


def _shaded(value: float, most: float) -> Html:
    if value != value:
        return element("span", "", class_="cell")
    step = round(4 * abs(value) / most) if most else 0
    kind = "more" if value > 0 else "less"
    return element("span", _signed(value), class_=f"cell {kind}{step}")
