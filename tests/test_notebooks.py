"""What a notebook shows: cheap, escaped, and never an error in the place of a result."""

import re
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from closedform import ops
from closedform.formula import Step
from closedform.hybrid.law import law_of

HOSTILE = ["<script>alert(1)</script>", "</title><img src=x onerror=alert(2)>", "a\x1b[2Jb\n`c`|d"]
ROWS = np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return cf.read(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y))


@pytest.fixture(scope="module")
def hostile():
    import pandas as pd

    X = pd.DataFrame(ROWS, columns=HOSTILE)
    y = np.where(ROWS[:, 0] > 0, *HOSTILE[:2])
    return cf.read(LogisticRegression().fit(X, y)), X


def shown(thing):
    """Return what IPython shows of a thing, by kind; an error in a display fails here."""
    from IPython.core.formatters import DisplayFormatter

    for name in ("_repr_html_", "_repr_latex_"):  # IPython prints their errors, and goes on
        getattr(thing, name, str)()
    return DisplayFormatter().format(thing)[0]


def test_a_formula_is_shown_as_mathematics_with_its_task_inputs_and_steps_to_open(flowers):
    data = shown(flowers)
    assert set(data) == {"text/plain", "text/html", "text/latex"}
    html = data["text/html"]
    assert "<strong>StandardScaler → LogisticRegression</strong>" in html
    assert html.count("<details>") == html.count("</details>") == 3
    for told in ("<math", "Inputs: 4", "sepal length (cm)", "Steps: 2", "the same over the reals"):
        assert told in html, told


def test_what_a_notebook_shows_is_well_formed(flowers):
    from xml.etree import ElementTree

    text = re.sub(r"<style>.*?</style>", "", flowers._repr_html_(), flags=re.S)
    ElementTree.fromstring(text.replace("<br>", "<br/>").replace("&nbsp;", " "))


def test_hostile_names_of_inputs_and_classes_do_not_execute(hostile):
    formula, X = hostile
    front = cf.frontier(formula, X, time_limit=10, methods=["polynomial"])
    things = (formula, front, formula.verify(formula, X), front.best)
    for thing in things:
        html = shown(thing)["text/html"]
        assert "<script" not in html and "<img" not in html and "\x1b" not in html


def test_a_formula_of_a_hundred_thousand_symbols_is_shown_in_half_a_second():
    rows = np.random.default_rng(0).normal(size=(100, 10))
    layers = (150, 70)  # 12,321 weights, each with a product and a sum
    network = MLPRegressor(hidden_layer_sizes=layers, max_iter=2, random_state=0)
    formula = cf.read(network.fit(rows, rows[:, 0]))
    assert formula.length > 80_000
    for made in (formula, replace(cf.read(network), source="again")):
        started = time.process_time()
        data = shown(made)
        assert time.process_time() - started < 0.5 or made is formula  # the first loads printers
        assert len(data["text/html"]) < 20_000


def test_many_inputs_and_classes_are_cut_and_said_to_be():
    rows = np.random.default_rng(0).normal(size=(300, 90))
    formula = cf.read(LinearRegression().fit(rows, rows[:, 0]))
    assert "and 50 more" in formula._repr_html_()


def test_a_display_that_fails_shows_the_name_of_the_model(flowers):
    broken = replace(flowers, trail=(Step("read", "read", found=None),), source="<b>model</b>")
    assert "<pre>&lt;b&gt;model&lt;/b&gt;, which cannot be written (" in broken._repr_html_()


def test_a_constant_and_a_formula_without_a_trail_are_shown():
    formula = cf.Formula({"y": ops.const(2.0)}, (cf.Feature("x"),))
    assert "A formula" in shown(formula)["text/html"]


def test_laws_of_parts_and_near_rows_are_shown():
    law = cf.local_law(lambda rows: rows[:, 0] * rows[:, 1], 0, ROWS, time_limit=3, engines=[])
    assert "R²" in shown(law)["text/html"] and "<math" in shown(law)["text/html"]
    assert "<math" in shown(law_of(law.formula))["text/html"]


def taken_apart(html):
    """Return the text that JupyterLab 4.6 leaves of HTML in a notebook that is not trusted.

    It takes out styles, whatever elements it does not know and attributes that are empty; the text
    of those elements stays, unless something around it is hidden.
    """
    from html.parser import HTMLParser

    class Sanitizer(HTMLParser):
        def __init__(self):
            super().__init__()
            self.left, self.open = "", []

        def handle_starttag(self, tag, attrs):
            if tag != "br":
                gone = tag == "style" or ("hidden", "hidden") in attrs
                self.open.append((tag, gone))

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            while self.open and self.open.pop()[0] != tag:
                pass

        def handle_data(self, data):
            self.left += "" if any(gone for _, gone in self.open) else data

    reader = Sanitizer()
    reader.feed(html)
    return reader.left


def test_a_notebook_that_is_not_trusted_shows_a_formula_as_text_and_not_taken_apart():
    x = ops.input_(0)
    formula = cf.Formula({"y": ops.div(ops.const(1.0), ops.mul(x, x))}, (cf.Feature("x"),))
    html = formula._repr_html_()
    assert "<mfrac" in html and "y = 1/x^2" in taken_apart(html)
    assert "1x2" in taken_apart(html.replace("hidden", "open"))  # what it would be without
    assert "1x2" not in taken_apart(html)
    front = cf.frontier(formula, np.abs(ROWS[:, :1]) + 1, time_limit=2, methods=["polynomial"])
    left = taken_apart(front._repr_html_())
    nothing = replace(front, entries=())
    assert "no formula" in repr(nothing) and "no formula" in nothing._repr_html_()
    assert front.entries[0].text in left and "length: symbols to read" not in left


def test_what_is_shown_takes_its_colours_from_the_page(flowers):
    X, _ = load_iris(return_X_y=True, as_frame=True)
    front = cf.frontier(flowers, X, time_limit=1, methods=["polynomial"])
    proof = flowers.prove("within", X=X, output="decision(0)", lo=-99, hi=99)
    for thing in (flowers, front, flowers.verify(flowers, X), proof):
        html = shown(thing)["text/html"]
        # What asks for the system's theme is dark on dark in a notebook whose theme is another.
        assert "prefers-color-scheme" not in html
        assert not re.search(r"[ ;\"{](color|background): ?#", html)


def test_a_narrow_cell_cuts_no_digits_off_a_number(flowers):
    """Broken anywhere, as the words around it, 83.369 was shown as 83.36 in a column of cases."""
    from importlib.resources import files

    assert re.search(r"\.cf-formula math \{[^}]*overflow-wrap: normal", flowers._repr_html_())
    page = files("closedform.reports").joinpath("page.css").read_text()
    assert re.search(r"^math \{ overflow-wrap: normal", page, flags=re.M)


def test_latex_has_the_rules_of_a_tree_beside_their_values_and_a_sign_for_a_derivative():
    from sklearn.ensemble import GradientBoostingRegressor

    trees = GradientBoostingRegressor(n_estimators=5, max_depth=2).fit(ROWS, ROWS[:, 0])
    made = cf.read(trees)._repr_latex_()
    assert "&&" not in made and made.count(r"\begin{array}{ll}") == 2
    slope = cf.read(LinearRegression().fit(ROWS, ROWS[:, 0])).diff(0)
    assert r"\partial" in slope._repr_latex_() and "∂" in slope._repr_html_()
    assert r"\partial" in slope.to("latex")


def test_the_names_of_a_thousand_classes_are_found_in_a_moment():
    rows = np.random.default_rng(0).normal(size=(2000, 2))
    classes = np.arange(2000) // 2
    formula = cf.read(LogisticRegression(max_iter=1, tol=1e9).fit(rows, classes))
    started = time.process_time()
    assert shown(formula)
    assert time.process_time() - started < 4  # it took 14 s where each looked through all of them


@pytest.mark.parametrize(
    "broken", [{"outputs": {}}, {"trail": (Step("read", "read", found=None),)}]
)
def test_what_is_broken_is_shown_as_such_and_raises_nothing(flowers, broken):
    thing = replace(flowers, **broken)
    assert "LogisticRegression" in repr(thing) and "LogisticRegression" in thing._repr_html_()


def test_a_card_says_what_a_formula_is_takes_and_was_checked_on(flowers):
    X, _ = load_iris(return_X_y=True, as_frame=True)
    certificate = flowers.verify(flowers, X)
    card = flowers.card(X, certificate=certificate)
    assert card.startswith("## StandardScaler → LogisticRegression\n")
    assert "| sepal length (cm) | number | refused | 4.3 to 7.9 |" in card
    assert f"**{certificate.verdict}**" in card and "it extrapolates" in card
    assert "has not been checked" in flowers.card()


def test_a_card_keeps_hostile_names_from_being_markup(hostile):
    formula, X = hostile
    card = formula.card(X)
    outside = re.sub(r"(`{3,})text\n.*?\n\1", "", card, flags=re.S)
    assert not re.search(r"<(script|img|/title)", outside)
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    fence = re.search(r"^(`+)text$", card, flags=re.M)[1]
    assert card.count(f"\n{fence}\n") == 1


def test_a_card_of_something_else_than_a_certificate_is_refused(flowers):
    with pytest.raises(cf.BadInput, match="is no certificate"):
        flowers.card(certificate="exact")


@pytest.mark.slow
def test_a_notebook_shows_a_search_while_it_runs_and_a_line_after_it(tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    code = (
        "import numpy as np, closedform as cf\n"
        "rows = np.random.default_rng(0).normal(size=(100, 2))\n"
        "front = cf.frontier(lambda X: X[:, 0] * np.sin(X[:, 1]), rows, time_limit=6)\n"
        "front.best"
    )
    pages = []

    class Watched(nbclient.NotebookClient):
        def process_message(self, msg, cell, cell_index):
            pages.append(msg["content"].get("data", {}).get("text/html", ""))
            return super().process_message(msg, cell, cell_index)

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    Watched(notebook, timeout=100, kernel_name="python3").execute()
    assert any("<progress" in page and "best so far: error" in page for page in pages)
    assert any("<progress" in page and "<th" in page for page in pages)
    first, last = notebook.cells[0].outputs
    assert "over after" in first["data"]["text/html"] and "<progress" not in str(first)
    assert "<math" in last["data"]["text/html"]
