"""The part of the page that is moved: a control for each input, and where the answers appear."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from closedform.reports.case import Case
from closedform.reports.markup import Html, Part, breakable, element, joined, percent, shown

FIRST = 8
"""Controls that are there at once; the others unfold."""


def section_of(case: Case, inputs: Sequence[Mapping[str, Any]]) -> Html:
    """Return the controls and the places of prediction, chances, terms and curve."""
    first, more = inputs[:FIRST], inputs[FIRST:]
    controls: list[Part] = [_control(i) for i in first]
    if more:
        controls.append(
            element(
                "details", element("summary", f"{len(more)} more inputs"),
                [_control(i) for i in more],
            )
        )  # fmt: skip
    reset = element("button", "Back to the typical case", type="button", id="typical")
    rest = len(case.used) - len(inputs)
    if rest > 0:
        controls.append(
            element(
                "p", f"{rest:,} inputs that matter less stay as they typically are.", class_="note"
            )
        )
    told = (
        "Move an input: the formula itself runs in this page. It starts at a typical case: the "
        "middle of each number, and the commonest category."
    )
    return joined(
        element("p", told),
        element("p", id="runs", class_="note", hidden=True),
        element("noscript", element("p", "These controls need JavaScript.")),
        element(
            "div",
            element("form", element("h3", "Inputs"), controls, reset, id="inputs",
                    aria_label="Inputs", autocomplete="off"),
            _answers(case, inputs),
            class_="bench",
        ),
    )  # fmt: skip


def _control(entry: Mapping[str, Any]) -> Html:
    index, name = entry["index"], str(entry["name"])
    parts: list[Part] = [element("label", breakable(name), for_=f"input-{index}")]
    parts += _number(entry) if entry["kind"] == "number" else _choice(entry)
    if entry["missing"] > 0:
        box = element("input", type="checkbox", id=f"missing-{index}")
        parts.append(element("label", box, " missing", class_="missing", for_=f"missing-{index}",
                             title=f"{percent(entry['missing'])} of the rows"))  # fmt: skip
    return element("div", parts, class_=f"control {entry['kind']}", data_input=index)


def _number(entry: Mapping[str, Any]) -> list[Part]:
    lo, hi, step = ends(entry)
    start = min(max(entry["typical"], lo), hi)
    common = {"min": _plain(lo), "max": _plain(hi), "value": _plain(start)}
    spread = f"{shown(entry['lo'])} to {shown(entry['hi'])} in the data"
    index = entry["index"]
    return [
        element("input", type="range", id=f"input-{index}", step=_plain(step),
                aria_describedby=f"range-{index}", **common),
        element("input", type="number", aria_label=f"{entry['name']}, as a number", step="any",
                value=_plain(start)),
        element("span", spread, class_="range", id=f"range-{index}"),
    ]  # fmt: skip


def ends(entry: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return where a slider begins and ends, on whole steps within the data, and its step."""
    lo, hi, step = entry["lo"], entry["hi"], entry["step"]
    first, last = math.ceil(lo / step - 1e-9) * step, math.floor(hi / step + 1e-9) * step
    if not first < last:
        return lo, hi, (hi - lo) / 200 or 1.0
    return float(f"{first:.12g}"), float(f"{last:.12g}"), step


def _plain(value: float) -> str:
    return json.dumps(int(value) if value == int(value) and abs(value) < 1e15 else value)


def _choice(entry: Mapping[str, Any]) -> list[Part]:
    options = [
        element("option", _called(v["value"], v["share"]), value=k)
        for k, v in enumerate(entry["values"])
    ]
    more = f"; {entry['more']} more are not listed" if entry["more"] else ""
    index = entry["index"]
    return [
        element("select", options, id=f"input-{index}", aria_describedby=f"range-{index}"),
        element("span", f"{len(entry['values'])} categories{more}", class_="range",
                id=f"range-{index}"),
    ]  # fmt: skip


def _called(value: Any, share: float) -> str:
    return f"{value}" if share else f"{value} (not in the data)"


def _answers(case: Case, inputs: Sequence[Mapping[str, Any]]) -> Html:
    along = element(
        "select", [element("option", str(i["name"]), value=i["index"]) for i in inputs], id="along"
    )
    picked = [element("option", name, value=k) for k, (name, _) in enumerate(numbers_of(case))]
    of = element("select", picked, id="of")
    choice = [element("label", "Along ", along)]
    if len(picked) > 1:
        choice.append(element("label", " of ", of))
    return element(
        "div",
        element("div", element("h3", _heading(case)),
                element("p", element("output", "–", id="prediction", aria_live="polite",
                                     for_="inputs")),
                class_="said"),
        element("div", id="chances"),
        element("p", id="warnings", class_="warning", role="status", hidden=True),
        element("figure", element("figcaption", choice), element("div", id="curve"),
                element("p", id="curve-told", class_="note"), hidden=not inputs),
        element("div", element("h4", "What adds up to it"), element("div", id="terms"), id="sum"),
        class_="answers",
    )  # fmt: skip


def _heading(case: Case) -> Html:
    """Return what stands above the answer: a class says what it is, a number does not."""
    told = "What it says"
    if not case.classifies and len(case.answers) == 1:
        told += f" for {case.answers[0]}"
    return breakable(told)


def numbers_of(case: Case) -> list[tuple[str, tuple[str, Any]]]:
    """Return the numbers that a curve can show: what each is called, the output, and the class.

    Of a model that gives classes alone, whether it gives the class that is explained.
    """
    target, task = case.sides.target, case.sides.task
    if target.kind == "label":
        return [(target.name, (target.output, target.label))]
    others = task.probability if target.kind == "chance" else task.primary
    names = [target.output, *(n for n in others if n != target.output)]
    read = case.exact.outputs if case.exact is not None else names
    kept = [n for n in names if n in read]
    if target.kind == "prediction":
        kept = [n for n in kept if case.said.get(n, case.expected).dtype.kind in "fiu"]
    return [(n, (n, None)) for n in kept]
