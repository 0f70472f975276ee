"""What the documents say runs, and prints what they show."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import closedform
from closedform.readers.sklearn import dispatch

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [m.name for m in pkgutil.walk_packages(closedform.__path__, "closedform.")]


class Checker(doctest.OutputChecker):
    """Compares what is printed, but for the size of rounding errors: 3e-15 here, 2e-15 there.

    Those of float32 too: 2e-07 here, 1e-07 there.
    """

    def check_output(self, want, got, optionflags):
        """Tell whether two printed texts are the same, whatever their numbers below 1e-6 are."""
        hidden = [re.sub(r"\d(\.\d+)?e-(1\d|0[789])", "tiny", text) for text in (want, got)]
        return super().check_output(*hidden, optionflags)


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def prose(page: Path) -> str:
    """Return a page without its code."""
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text("utf-8"), flags=re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_python_block_of_a_page_runs(page, tmp_path, monkeypatch):
    """Blocks of one page share their names, as a reader who types them in order would."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_session_of_a_page_prints_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for i, session in enumerate(blocks(page, "pycon")):
        test = doctest.DocTestParser().get_doctest(session, names, f"{page.name}[{i}]", None, 0)
        runner = doctest.DocTestRunner(Checker(), optionflags=FLAGS)
        report: list[str] = []
        runner.run(test, out=report.append, clear_globs=False)
        names = test.globs
        assert runner.summarize(verbose=False).failed == 0, "".join(report)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    if name.endswith("__main__"):
        return
    found = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert found.failed == 0


def test_the_links_of_every_page_lead_somewhere():
    broken = [
        f"{page.name}: {target}"
        for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose(page))
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_the_page_on_reading_lists_every_estimator_that_is_read():
    page = (ROOT / "docs" / "reading.md").read_text("utf-8").partition("<!-- estimators")[2]
    rows = [row.split("|")[2] for row in page.splitlines()[3:]]
    listed = set(re.findall(r"\b[A-Z]\w+", " ".join(rows)))
    read = {
        name
        for module in map(importlib.import_module, dispatch.MODULES)
        for name in {**module.TRANSFORMS, **module.ESTIMATORS}
    }
    assert listed == read
