"""The report as a file: one page that holds everything, runs nothing foreign, and shows no row."""

import base64
import json
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

import closedform as cf
from closedform import ops
from closedform.reports.case import Case
from closedform.reports.formulas import LANGUAGES, inlined
from closedform.reports.inputs import joint_of
from closedform.reports.misfit import misfit_of
from closedform.reports.ranges import FEWEST, along, ranges_of
from closedform.reports.reporting import written
from closedform.reports.terms import terms_of
from report_pages import CLASSES, HACKED, NAMES, hostile, hurried

PURPOSE = f"</textarea><script>{HACKED}"
VOID = {"wbr", "meta", "input", "br", "rect", "circle", "line", "path"}


class Page(HTMLParser):
    """Every element of a page with its attributes and its text, in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if self.open:
            self.open[-1][2].append(data)

    def all(self, tag):
        """Return attributes and text of each element of a name."""
        return [(attributes, "".join(text)) for t, attributes, text in self.elements if t == tag]


@pytest.fixture(scope="module")
def front():
    model, X, y = hostile()
    return cf.frontier(model, X, y, time_limit=1, methods=["tree"])


@pytest.fixture(scope="module")
def text(front, tmp_path_factory):
    model, X, y = hostile()
    path = tmp_path_factory.mktemp("report") / "report.html"
    with hurried():
        where = cf.report(model, X, y, path, front=front, purpose=PURPOSE)
    assert where == path
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


@pytest.fixture(scope="module")
def data(page):
    return next(json.loads(t) for a, t in page.all("script") if a["type"] != "module")


def linear():
    """A line through exact data, where all that is measured is known beforehand."""
    random = np.random.default_rng(0)
    X = pd.DataFrame({"a": random.uniform(0, 10, 600), "b": random.normal(size=600)})
    return LinearRegression().fit(X, 3 * X["a"] - 2 * X["b"] + 1), X


def case_of(model, X, formula=None):
    """What a report on it is made of."""
    front = cf.frontier(model, X, time_limit=0)
    return Case.of(model, X, None, front, formula=formula, output=None, seed=0)


def test_no_name_becomes_markup(page, text):
    """Names are in texts, attributes and data alone; what runs was written by the package."""
    scripts = page.all("script")
    assert {a["type"] for a, _ in scripts} == {"module", "application/json"}
    assert not page.all("img")
    assert [t for _, t in page.all("textarea")] == [PURPOSE]
    assert not any(name.startswith("on") for _, a, _ in page.elements for name in a)
    labels = [t for _, t in page.all("label")]
    assert all(name in labels for name in NAMES)
    assert all(re.search(r"<(?=[/!])", t) is None for a, t in scripts if a["type"] != "module")


def test_the_policy_lets_the_page_run_its_own_programs_and_load_nothing(page):
    policy = next(a["content"] for a, _ in page.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; ")
    modules = [t for a, t in page.all("script") if a["type"] == "module"]
    hashes = {base64.b64encode(sha256(t.encode()).digest()).decode() for t in modules}
    assert hashes == set(re.findall(r"'sha256-([^']+)'", policy))
    links = [a[k] for _, a, _ in page.elements for k in ("src", "href", "action") if k in a]
    assert links and all(link.startswith("#") for link in links)


def test_the_page_is_small_and_holds_no_row(text):
    _, X, _ = hostile()
    assert len(text.encode()) <= 1_500_000
    # Quantiles cut between rows; of each column the least and the greatest alone may be there.
    inner = [v for name in NAMES for v in np.sort(X[name])[2:-2:7]]
    assert not [v for v in inner if repr(float(v)) in text]


def test_headings_are_in_order_and_every_control_has_a_label(page):
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    named = {a["for"] for a, _ in page.all("label") if "for" in a}
    for tag in ("input", "select", "textarea"):
        for attributes, _ in page.all(tag):
            inside = attributes.get("id") in {"along", "of"}  # within their labels
            assert inside or attributes.get("id") in named or "aria-label" in attributes
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.all(landmark)) == 1


def test_what_the_buttons_copy_is_what_the_formula_writes(front, data):
    for formula, told in zip(front, data["formulas"], strict=True):
        for language, (target, _) in LANGUAGES.items():
            text = told["texts"][language]["text"]
            assert (
                text == formula.to(target) if text is not None else told["texts"][language]["why"]
            )


def test_the_classes_and_chances_are_those_of_the_model(data):
    assert data["classes"] == list(CLASSES)
    assert data["formulas"][-1]["chances"] == [f"P({c})" for c in CLASSES]


def test_a_program_ends_no_script():
    program = inlined("// </script> <!-- <script>\nconst x = '</SCRIPT>';")
    assert re.search(r"</script|<!--", program, re.IGNORECASE) is None


def test_the_terms_add_up_to_the_number():
    model, X = linear()
    case = case_of(model, X)
    terms = terms_of(case, case.exact)
    said = replace(case.exact, outputs=terms.nodes).evaluate(X)
    assert set(said) == {"a", "b"}
    # The model's own sum, added in another order: rounding alone.
    assert sum(said.values()) + terms.constant == pytest.approx(model.predict(X), rel=1e-12)
    assert terms.means["a"] == pytest.approx(3 * X["a"].mean(), rel=1e-9)


def test_the_range_where_a_formula_is_wrong_is_found():
    model, X = linear()
    exact = cf.read(model)
    a = ops.input_(0)
    output = next(iter(exact.outputs))
    off = ops.where(ops.less(ops.const(9), a), ops.const(5), ops.const(0))
    wrong = replace(exact, outputs={output: ops.lin(0, (1, exact.outputs[output]), (1, off))})
    case = case_of(model, X, wrong)
    found = misfit_of(case, wrong)
    assert found.worst == pytest.approx(5, rel=1e-9)
    assert found.away == pytest.approx(5 * (X["a"] > 9).mean(), rel=1e-9)
    assert found.places[0].where[0] == ("a", case.ranges[0].labels[-1])
    assert found.places[0].more > 0


def test_a_range_of_few_rows_says_nothing():
    column = np.repeat([1.0, 2.0], [FEWEST - 1, 50])
    means, rows = along(ranges_of(0, cf.Feature("x"), column), np.ones(len(column)))
    assert rows.tolist() == [FEWEST - 1, 50]
    assert np.isnan(means[0]) and means[1] == 1


def test_what_lies_far_from_the_data_is_measured_by_the_data():
    model, X = linear()
    joint = joint_of(case_of(model, X))
    table = X[[["a", "b"][i] for i in joint["inputs"]]].to_numpy()
    inverse = np.linalg.inv(np.cov(table, rowvar=False))
    away = table - table.mean(axis=0)
    distances = np.einsum("ri,ij,rj->r", away, inverse, away)
    # The page's own has a little added to its diagonal, and six digits.
    assert joint["far"] == pytest.approx(np.quantile(distances, 0.99), rel=1e-2)


def test_what_cannot_be_is_refused_before_the_search(tmp_path):
    model, X = linear()
    with pytest.raises(cf.BadFile, match="no file can be made"):
        cf.report(model, X, path=tmp_path / "absent" / "report.html")
    with pytest.raises(cf.BadInput, match="is no frontier"):
        cf.report(model, X, path=tmp_path / "r.html", front="best")
    with pytest.raises(cf.BadInput, match="do not fit the formula"):
        other = cf.read(LinearRegression().fit(X.rename(columns={"a": "z"}), X["b"]))
        cf.report(model, X, path=tmp_path / "r.html", formula=other, time_limit=0)


def test_the_page_opens_with_the_formula_that_was_given(tmp_path):
    model, X = linear()
    short = cf.frontier(model, X, time_limit=0)[0]
    path = cf.report(model, X, path=tmp_path / "r.html", formula=short, time_limit=0, title="Mine")
    made = Page(path.read_text("utf-8"))
    found = next(json.loads(t) for a, t in made.all("script") if a["type"] != "module")
    opened = found["formulas"][found["chosen"]]
    assert opened["texts"]["Python"]["text"] == short.to("python")
    assert made.all("h1")[0][1] == "Mine"


def test_a_model_that_reads_no_input_has_a_page_without_a_curve():
    X = np.arange(80.0).reshape(-1, 2)
    case = case_of(DummyRegressor(strategy="constant", constant=7).fit(X, X[:, 0]), X)
    page = written(case)
    assert "a formula of 1 symbol, which agrees" in page
    assert re.search(r"<figure hidden>.{0,40}<figcaption>", page, re.DOTALL)
