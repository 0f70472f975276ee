"""The report as its readers have it: opened from a file, in a real browser, moved and read.

Chromium and its driver must be there (on Debian: `apt install chromium chromium-driver`), and for
the rules of accessibility axe-core (`npm install -g axe-core`).
"""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import closedform as cf
from closedform.ir import Type
from report_pages import MODELS, front_of, hurried

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desk": (1440, 900), "tablet": (820, 1180), "telephone": (360, 740)}
RECORD = """
window.copied = null;
Object.defineProperty(navigator.clipboard, "writeText", {
    value: (text) => { window.copied = text; return Promise.resolve(); },
});
"""
"""What takes the place of the clipboard, which a browser without a window has none of."""
SET = """
const [index, kind, value] = arguments;
const control = document.querySelector(`[data-input="${index}"]`);
const missing = control.querySelector("input[type=checkbox]");
if (missing && missing.checked !== (value === null)) missing.click();
if (value === null) return;
const part = control.querySelector(kind === "number" ? "input[type=number]" : "select");
part.value = value;
part.dispatchEvent(new Event("input", { bubbles: true }));
"""
AXE = "const done = arguments[arguments.length - 1]; axe.run().then(done);"


@cache
def axe():
    """Return the program of axe-core; skip where it is not installed."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    root = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False)
    path = Path(root.stdout.strip()) / "axe-core/axe.min.js"
    if not path.exists():
        pytest.skip("axe-core is not installed: npm install -g axe-core")
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def browser():
    """A browser without a window, which tells what it logs and what it asks the network for."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium, or no chromedriver, is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    made.set_script_timeout(120)
    yield made
    made.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the page on a model, written once."""
    folder = tmp_path_factory.mktemp("reports")

    @cache
    def page(name):
        model, X, y = MODELS[name]()
        with hurried():
            return cf.report(model, X, y, folder / f"{name}.html", front=front_of(name))

    return page


def opened(browser, path, size="desk", scheme="light"):
    """Open a page from its file, and return what it knows."""
    wide, high = SIZES[size]
    shape = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    media = {"media": "", "features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(path.as_uri())
    assert browser.execute_script("return document.documentElement.className") == "ready"
    browser.execute_script(RECORD)
    return json.loads(browser.find_element("id", "data").get_attribute("textContent"))


def complaints(browser):
    """Return what stands in the console, and every address that was asked for."""
    console = [entry["message"] for entry in browser.get_log("browser")]
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    return console, asked


def show(browser, i):
    """Click on a point of the picture."""
    browser.execute_script(
        "document.querySelector(`[role=radio][data-show='${arguments[0]}']`)"
        ".dispatchEvent(new MouseEvent('click', { bubbles: true }))", i,
    )  # fmt: skip


def settings(data, X, count, seed=0):
    """Yield values of the controls: of each input some that were there."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield {i["index"]: plain(random.choice(column(X, i["index"]))) for i in data["inputs"]}


def column(X, i):
    """Return a column of a frame or an array as objects."""
    return np.asarray(X.iloc[:, i] if hasattr(X, "iloc") else X[:, i], dtype=object)


def plain(value):
    """Return a value as JSON has it; None where it is missing."""
    return None if value is None or value != value else value


def move(browser, data, values):
    """Set the controls as a user would who types."""
    kinds = {i["index"]: i for i in data["inputs"]}
    for index, value in values.items():
        if kinds[index]["kind"] == "category":
            value = [v["value"] for v in kinds[index]["values"]].index(value)
        browser.execute_script(SET, index, kinds[index]["kind"], value)


def expected(formula, data, values):
    """Return what Python computes of the same."""
    row = dict(enumerate(data["fill"])) | values
    columns = {}
    for i, feature in enumerate(formula.inputs):
        text = feature.type is Type.LABEL
        held = [row[i]] if text else [np.nan if row[i] is None else float(row[i])]
        columns[feature.name] = np.array(held, dtype=object if text else float)
    return formula.evaluate(columns)


def said(browser):
    """Return the prediction that the page shows, in full precision."""
    return json.loads(browser.find_element("id", "prediction").get_attribute("data-value"))


def same(got, right):
    """Compare labels, and numbers to the rounding of exp and log in two languages."""
    if isinstance(right, float | np.floating):
        return (got is None and right != right) or got == pytest.approx(float(right), rel=1e-9)
    return got == right


@pytest.mark.parametrize("name", MODELS)
def test_moving_the_inputs_gives_what_python_computes(browser, pages, name):
    _, X, _ = MODELS[name]()
    front, data = front_of(name), opened(browser, pages(name))
    run = [i for i, told in enumerate(data["formulas"]) if told["runs"]]
    for i in {run[0], run[len(run) // 2], run[-1]}:
        show(browser, i)
        formula = front[i]
        for values in settings(data, X, 3, seed=i):
            move(browser, data, values)
            right = expected(formula, data, values)
            pairs = zip(said(browser), formula.answer, strict=True)
            assert all(same(got, right[output][0]) for got, output in pairs), (i, values)
            told = browser.execute_script(
                "return [...document.querySelectorAll('#chances [data-value]')]"
                ".map((part) => Number(part.dataset.value))"
            )
            chances = [right[c][0] for c in formula.task.probability if c in right]
            assert told == pytest.approx(chances, rel=1e-9)
    console, asked = complaints(browser)
    assert not console
    assert {address.partition(":")[0] for address in asked} == {"file"} and len(asked) == 1


@pytest.mark.parametrize("name", ["boosted", "hostile", "wide"])
def test_the_terms_add_up_to_the_number(browser, pages, name):
    _, X, _ = MODELS[name]()
    data = opened(browser, pages(name))
    formulas = enumerate(data["formulas"])
    for i in [i for i, told in formulas if told["terms"] and told["runs"]][:4]:
        show(browser, i)
        values = next(settings(data, X, 1, seed=i))
        move(browser, data, values)
        bars = browser.execute_script(
            "return [...document.querySelectorAll('#terms [data-value]')]"
            ".map((part) => Number(part.dataset.value))"
        )
        *terms, total = bars
        formula, target = front_of(name)[i], data["formulas"][i]["target"]
        right = float(expected(formula, data, values)[target][0])
        if data["formulas"][i]["terms"]["scale"] == "log-odds":
            right = float(np.log(right / (1 - right)))
        # The odds of a chance near 1 have lost digits of it.
        assert total == pytest.approx(sum(terms)) == pytest.approx(right, rel=1e-6, abs=1e-9)


def test_a_slider_moves_by_the_keyboard(browser, pages):
    from selenium.webdriver.common.keys import Keys

    data = opened(browser, pages("boosted"))
    first = data["inputs"][0]["index"]
    slider = browser.find_element("id", f"input-{first}")
    number = browser.find_element("css selector", f"[data-input='{first}'] input[type=number]")
    show(browser, len(data["formulas"]) - 1)
    before, shown = float(slider.get_attribute("value")), said(browser)
    slider.send_keys(Keys.END)
    after = float(slider.get_attribute("value"))
    assert after > before and float(number.get_attribute("value")) == after
    assert said(browser) != shown


def test_the_frontier_switches_formulas_by_click_and_by_key(browser, pages):
    from selenium.webdriver.common.keys import Keys

    data = opened(browser, pages("boosted"))
    front = front_of("boosted")
    which = lambda: browser.find_element("css selector", "#formula .which").text  # noqa: E731
    assert which().startswith(f"Formula {data['chosen']} of {len(front)}")
    disagrees = browser.find_element("css selector", "[data-place=misfit]").text
    other = 1 if data["chosen"] != 1 else 2
    show(browser, other)
    assert which().startswith(f"Formula {other} ") and f"{front[other].length:,} symb" in which()
    assert browser.find_element("css selector", "[data-place=misfit]").text != disagrees
    browser.find_element("css selector", "[role=radio][aria-checked=true]").send_keys(
        Keys.ARROW_RIGHT
    )
    assert which().startswith(f"Formula {other + 1} ")
    active = browser.switch_to.active_element
    assert active.get_attribute("data-show") == f"{other + 1}"
    assert active.get_attribute("aria-checked") == "true"
    show(browser, data["chosen"])
    assert browser.find_element("css selector", "[data-place=misfit]").text == disagrees


@pytest.mark.parametrize("name", ["boosted", "hostile", "function"])
def test_the_buttons_copy_what_the_formula_writes(browser, pages, name):
    data = opened(browser, pages(name))
    targets = {"LaTeX": "latex", "Python": "python", "SQL": "sql", "C": "c",
               "JavaScript": "javascript", "Excel": "excel_formula"}  # fmt: skip
    for i in (0, 1, data["chosen"]):
        show(browser, i)
        for button in browser.find_elements("css selector", "[data-copy]"):
            language = button.get_attribute("data-copy")
            browser.execute_script("window.copied = null; arguments[0].click()", button)
            if data["formulas"][i]["texts"][language]["text"] is None:
                assert browser.find_element("id", "copied").text.startswith(language)
            else:
                copied = browser.execute_script("return window.copied")
                assert copied == front_of(name)[i].to(targets[language])


def test_a_formula_that_is_too_long_is_told_in_short_and_another_runs(browser, pages):
    data = opened(browser, pages("large"))
    assert pages("large").stat().st_size <= 1_500_000
    last = len(data["formulas"]) - 1
    assert not data["formulas"][last]["runs"]
    show(browser, last)
    math = browser.find_element("css selector", "#formula .math").text
    assert f"{front_of('large')[last].length:,} symbols" in math
    told = browser.find_element("id", "runs").text
    assert f"computed by formula {data['runs']}" in told


def test_what_lies_outside_of_the_data_warns(browser, pages):
    data = opened(browser, pages("boosted"))
    warning = browser.find_element("id", "warnings")
    assert not warning.is_displayed()
    by_name = {i["name"]: i for i in data["inputs"]}
    move(browser, data, {by_name["bmi"]["index"]: 60.0})
    assert "bmi = 60 lies outside" in warning.text
    # Each within its own range, and together nowhere: the two measure nearly the same.
    ends = {
        by_name["s1"]["index"]: by_name["s1"]["lo"],
        by_name["s2"]["index"]: by_name["s2"]["hi"],
    }
    move(browser, data, {by_name["bmi"]["index"]: by_name["bmi"]["typical"]} | ends)
    assert "No row of the data is near" in warning.text and "99 %" in warning.text
    browser.execute_script("document.getElementById('typical').click()")
    assert not warning.is_displayed()


def test_no_hostile_name_runs(browser, pages):
    data = opened(browser, pages("hostile"))
    for i in range(len(data["formulas"])):
        show(browser, i)
    for option in browser.find_elements("css selector", "#along option"):
        option.click()
    assert browser.execute_script("return window.HACKED") is None
    assert not browser.find_elements("css selector", "main script, main img")


def test_a_saved_copy_holds_what_was_written_and_still_runs(browser, pages, tmp_path):
    data = opened(browser, pages("hostile"))
    browser.find_element("id", "purpose").send_keys("To score. </textarea><script>1</script>")
    text = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "URL.createObjectURL = (file) => { file.text().then(done); return '#'; };"
        "document.getElementById('save').click();"
    )
    copy = tmp_path / "copy.html"
    copy.write_text(text, "utf-8")
    assert opened(browser, copy) == data
    field = browser.find_element("id", "purpose")
    assert field.get_attribute("value") == "To score. </textarea><script>1</script>"
    assert said(browser) and not complaints(browser)[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["boosted", "hostile"])
def test_axe_finds_nothing_serious(browser, pages, name, size, scheme):
    program = axe()
    opened(browser, pages(name), size, scheme)
    browser.execute_script(
        "for (const part of document.querySelectorAll('details')) part.open = true"
    )
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": program})
    found = browser.execute_async_script(AXE)
    assert found["passes"]
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert not serious, [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in serious]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_screen(browser, pages, size):
    for name in ("boosted", "hostile", "wide", "outputs"):
        opened(browser, pages(name), size)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= SIZES[size][0], name


CUT = """
const edge = arguments[0] + 1;
return [...document.querySelectorAll("main *")]
    .filter((part) => part.checkVisibility() && !part.closest(".unseen, .unseen *"))
    .filter((part) => part.getBoundingClientRect().right > edge)
    .map((part) => `${part.tagName}.${part.className} ${part.textContent.slice(0, 60)}`);
"""
"""What stands beyond the edge of the paper."""
PAPER = round((210 - 2 * 16) / 25.4 * 96)
"""Pixels: A4 within the margins that the page sets."""


@pytest.mark.parametrize("name", MODELS)
def test_nothing_runs_out_of_the_paper(browser, pages, name):
    data = opened(browser, pages(name))
    count = len(data["formulas"])
    for i in {count // 3, 2 * count // 3, count - 1, data["chosen"]}:
        show(browser, i)
        shape = {"width": PAPER, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = 1")
        assert browser.execute_script(CUT, PAPER) == [], i
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    made = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(made["data"]) > 20_000


def test_what_adds_and_where_the_decision_turns_is_drawn(browser, pages):
    opened(browser, pages("outputs"))  # so fast that enough rows are explained, whatever else runs
    lanes = browser.find_elements("css selector", ".lanes")
    assert lanes and all(lane.size["width"] > 100 for lane in lanes)
    opened(browser, pages("forest"))
    lines = browser.execute_script(
        "return [...document.querySelectorAll('.boundary .line')].map((p) => p.getTotalLength())"
    )
    assert (
        len(lines) == 2 and min(lines) > 100
    )  # of the model and of the formula, in a map 554 wide
    assert "surrogates, not the model" in browser.find_element("id", "surrogates").text
    opened(browser, pages("boosted"))
    assert not browser.find_elements("id", "boundary")  # a number decides nothing
