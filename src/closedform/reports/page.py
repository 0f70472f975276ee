"""The page itself: sections in order, styles and programs inside, and nothing from elsewhere."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np

from closedform.about import __version__
from closedform.reports.case import Case
from closedform.reports.charts import told
from closedform.reports.controls import FIRST, ends, numbers_of
from closedform.reports.formulas import Shown, texts_of
from closedform.reports.inputs import fill_of
from closedform.reports.markup import Html, breakable, element, joined, sound

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """One section: its name in the page, its title, and what it holds."""

    name: str
    title: str
    body: Html


def page_of(
    case: Case, title: str, head: Html, sections: Sequence[Section], shown: Sequence[Shown],
    swaps: Mapping[str, Sequence[Html]], data: Json,
) -> str:  # fmt: skip
    """Return the whole document.

    Args:
        case: the model and its formulas.
        title: of the page.
        head: what stands below the title.
        sections: what is read, in order.
        shown: the formulas.
        swaps: what is put in a place of a section when a formula is chosen, one for each formula.
        data: what the page's program needs to know.
    """
    scripts = [_module(s.program, i) for i, s in enumerate(shown) if s.program is not None]
    scripts.append(Html(_source("page.js")))
    body = joined(
        element("a", "Skip to the formula", href="#formula", class_="skip"),
        element("header", element("p", "closedform report", class_="kicker"),
                element("h1", breakable(title)), head),
        element("nav", element("ol", [element("li", element("a", s.title, href=f"#{s.name}"))
                                      for s in sections]), aria_label="Contents"),
        element("main", [_section(s) for s in sections]),
        element("footer", element("p", f"Written by closedform {__version__}. This file holds "
                "everything that it shows, no row of the data, and asks no server for anything.")),
        [element("template", part, data_place=place, data_formula=i)
         for place, parts in swaps.items() for i, part in enumerate(parts) if i != case.chosen],
        Html(f'<script type="application/json" id="data">{_json(data)}</script>'),
        [Html(f'<script type="module">{script}</script>') for script in scripts],
    )  # fmt: skip
    return sound(
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f"{_policy(scripts)}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        '<meta name="color-scheme" content="light dark"/>\n'
        f'<meta name="generator" content="closedform {__version__}"/>\n'
        f"{element('title', title)}\n<style>{_source('page.css')}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _section(s: Section) -> Html:
    return element("section", element("h2", s.title, id=f"{s.name}-title"), s.body, id=s.name,
                   aria_labelledby=f"{s.name}-title")  # fmt: skip


def _source(name: str) -> str:
    return files("closedform.reports").joinpath(name).read_text("utf-8")


def _module(program: str, i: int) -> Html:
    """Return a program as a module that leaves its function where the page finds it."""
    return Html(f"{program}\n(globalThis.FORMULAS ??= {{}})[{i}] = evaluate;\n")


def _policy(scripts: Sequence[str]) -> Html:
    """Return what the page may do: run its own programs, by their hashes, and load nothing."""
    hashes = " ".join(
        "'sha256-" + base64.b64encode(sha256(s.encode()).digest()).decode() + "'" for s in scripts
    )
    # MathML sets the space between rows by attributes of style.
    rules = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    return Html(f'<meta http-equiv="Content-Security-Policy" content="{rules}"/>')


def _json(data: Json) -> str:
    """Return plain values as JSON in which no text ends a script, or a line of one."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def place_of(name: str, part: Html) -> Html:
    """Return a place whose content changes with the formula."""
    return element("div", part, data_place=name)


def data_of(
    case: Case, shown: Sequence[Shown], inputs: Sequence[Json], joint: Json
) -> dict[str, Any]:
    """Return what the page's program needs to know."""
    target = case.sides.target
    return {
        "chosen": case.chosen,
        "first": FIRST,
        "runs": _runs(case, shown),
        "best": case.front.choice.index,
        "task": case.sides.task.kind,
        "classes": [_plain(c) for c in case.sides.task.classes],
        "target": {"name": target.name, "kind": target.kind, "label": _plain(target.label)},
        "numbers": [{"name": name, "output": output, "label": _plain(label)}
                    for name, (output, label) in numbers_of(case)],
        "fill": fill_of(case),
        "extent": _extent(case),
        "inputs": [{**i, **_ends(i)} for i in inputs],
        "joint": joint,
        "formulas": [_formula(case, i, s) for i, s in enumerate(shown)],
    }  # fmt: skip


def _extent(case: Case) -> list[float]:
    """Return the range of the model's numbers, without the half percent at either end."""
    known = case.expected[np.isfinite(case.expected)]
    return [] if not len(known) else np.quantile(known, [0.005, 0.995]).tolist()


def _ends(entry: Json) -> Json:
    if entry["kind"] != "number":
        return {}
    first, last, _ = ends(entry)
    return {"first": first, "last": last, "typical": min(max(entry["typical"], first), last)}


def _runs(case: Case, shown: Sequence[Shown]) -> int | None:
    """Return the formula that runs where another is too long: the first shown, else the best."""
    can = [i for i, s in enumerate(shown) if s.program is not None]
    if not can:
        return None
    wanted = [case.chosen, case.front.choice.index]
    return next((i for i in wanted if i in can), can[-1])


def _formula(case: Case, i: int, made: Shown) -> Json:
    formula, terms = made.entry.formula, made.terms
    found: dict[str, Any] = {
        "told": told(case, i), "texts": texts_of(made), "answer": list(formula.answer),
        "chances": list(formula.task.probability), "target": case.name_in(formula),
        "outputs": list(formula.outputs), "reads": list(formula.used),
        "runs": made.program is not None, "labels": case.classifies, "terms": None,
    }  # fmt: skip
    if terms is not None:
        found["terms"] = {
            "names": list(terms.nodes), "means": [float(v) for v in terms.means.values()],
            "constant": float(terms.constant), "scale": terms.scale,
        }  # fmt: skip
    return found


def _plain(label: Any) -> Any:
    """Return a class as JSON can hold it."""
    return label if label is None or isinstance(label, bool | int | str) else float(label)


def default_title(case: Case) -> str:
    """Return what a page is called: by the last step of a pipeline, which is the model proper."""
    source = case.called.rsplit("\N{RIGHTWARDS ARROW}", 1)[-1].strip(" ()")
    return plain_name(f"{source}, as a formula")


def plain_name(text: str) -> str:
    """Return a title on one line, without what no reader sees."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
