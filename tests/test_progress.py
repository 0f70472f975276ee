"""What long work shows while it runs: in a terminal (a pseudo one), in a log, and in a notebook."""

import io
import os
import pty
import re
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import closedform as cf
from closedform import ops
from closedform.progress import Best, Watch, notebook, present, watch, watching

ROWS = np.random.default_rng(0).normal(size=(60, 2))
STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ")


def product(rows):
    return rows[:, 0] * rows[:, 1]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Draw at once and often: the tests need not wait as a user does."""
    monkeypatch.setattr(watch, "QUICK", 0.0)
    monkeypatch.setattr(watch, "EVERY", 0.01)


def stands_for_stderr(file, monkeypatch):
    """Let a file be standard error for what shows progress: pytest has put its own there."""
    monkeypatch.setattr(watch, "sys", SimpleNamespace(stderr=file, modules=sys.modules))


@pytest.fixture
def terminal(monkeypatch):
    """Return what reads a pseudo-terminal that standard error is."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    file = os.fdopen(theirs, "w")
    stands_for_stderr(file, monkeypatch)

    def shown():
        os.set_blocking(ours, False)
        out = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except BlockingIOError:
                return out.decode()
            out += part

    yield shown
    file.close()
    os.close(ours)


@pytest.fixture
def log(monkeypatch):
    """Return a standard error that is no terminal."""
    file = io.StringIO()
    stands_for_stderr(file, monkeypatch)
    return file


def long_work(progress=None, seconds=0.15, limit=60.0):
    with watching(progress, "frontier", limit) as shown:
        shown.at("terms", 1, 4)
        shown.offer(lambda: Best.of(0.0213, 14))
        shown.tell("terms: 3 formulas in 0.1 s")
        time.sleep(seconds)


def test_a_terminal_shows_a_bar_with_the_best_so_far_and_the_time_left_and_is_clean_after(terminal):
    long_work()
    lines = re.split(r"\r|\n|\x1b\[A", terminal())
    drawn = [line for line in lines if line.strip()]
    assert any(
        "|" in line and "frontier: terms" in line and "at most 1:00 left" in line
        and "best error 0.0213, 14 symbols" in line for line in drawn
    )  # fmt: skip
    assert max(map(len, drawn)) < 80  # of a terminal that does not say how wide it is
    assert not lines[-1].strip() and not lines[-2].strip()


def test_a_real_search_shows_its_bar_and_is_the_same_with_and_without(terminal):
    options = {"time_limit": 20, "methods": ["polynomial"]}
    shown = cf.frontier(product, ROWS, **options)
    assert "best error" in terminal()
    silent = cf.frontier(product, ROWS, progress=False, **options)
    assert terminal() == ""
    assert [e.text for e in shown.entries] == [e.text for e in silent.entries]


def test_without_tqdm_a_terminal_gets_lines(terminal, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    long_work()
    assert STAMPED.match(terminal())


def test_what_ends_at_once_shows_nothing(terminal, monkeypatch):
    monkeypatch.setattr(watch, "QUICK", 5.0)
    long_work(seconds=0.0)
    assert terminal().strip() == ""


def test_elsewhere_nothing_is_shown_unless_it_is_wanted(log):
    long_work()
    assert log.getvalue() == ""
    cf.frontier(product, ROWS, time_limit=20, methods=["polynomial"], progress=True)
    lines = log.getvalue().splitlines()
    assert len(lines) >= 2 and all(STAMPED.match(line) for line in lines)
    assert any("polynomial: " in line and "best error" in line for line in lines)
    assert "over after" in lines[-1]


def test_a_log_says_now_and_then_how_far_it_is(log, monkeypatch):
    monkeypatch.setattr("closedform.progress.terminal.SELDOM", 0.02)
    long_work(True, limit=0.3)
    assert re.search(r"frontier: terms · \d+% · at most 0:00 left · best error", log.getvalue())


def test_a_function_is_called_with_a_line_for_each_method_and_no_bar_is_shown(terminal):
    lines = []
    cf.frontier(product, ROWS, time_limit=20, methods=["polynomial"], progress=lines.append)
    (line,) = lines
    assert re.fullmatch(r"polynomial: \d+ formulas? in [\d.]+ s", line)
    assert terminal() == ""


def test_laws_and_single_methods_say_how_far_they_are(log):
    cf.distill(product, ROWS, time_limit=5, engines=[], progress=True)
    formula = cf.distill(product, ROWS, time_limit=5, engines=[]).best
    cf.polynomial(formula, ROWS, progress=True)
    said = log.getvalue()
    assert re.search(r"laws · .*\d+ laws", said)
    assert re.search(r"polynomials · over after [\d.]+ s · best \d+ symbols", said)


class Full(io.StringIO):
    """A disk that is full, or a pipe that nobody reads."""

    def write(self, _text):
        raise BrokenPipeError


def test_a_console_that_is_closed_broken_or_absent_is_no_reason_to_fail(monkeypatch):
    closed = io.StringIO()
    closed.close()
    for file in (None, closed, Full(), object()):
        monkeypatch.setattr(sys, "stderr", file)
        long_work(True, seconds=0.05)
        long_work(None, seconds=0.05)
    assert not [t for t in threading.enumerate() if t.name == "closedform progress"]


def test_a_console_that_knows_ascii_alone_gets_ascii_and_nothing_moves_its_cursor(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    with watching(True, "frontier") as shown:
        shown.tell("身長\x1b[2J\r: 3 formulas")
        time.sleep(0.05)
    said = raw.getvalue()
    assert b": 3 formulas" in said and not set(said) & {0x1B, 0x0D}


def test_ctrl_c_returns_the_best_so_far_and_leaves_a_clean_terminal(terminal, monkeypatch):
    def interrupted(_teacher, _clock):
        time.sleep(0.1)
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("closedform.frontiers.searching.method", lambda _: interrupted)
    front = cf.frontier(product, ROWS, time_limit=20, methods=["polynomial"])
    assert any("interrupted" in note for note in front.notes) and len(front)
    lines = re.split(r"\r|\n|\x1b\[A", terminal())
    assert any(line.strip() for line in lines) and not lines[-1].strip()
    assert not [t for t in threading.enumerate() if t.name == "closedform progress"]


def test_ctrl_c_before_anything_was_found_ends_a_method_as_it_ends_anything():
    from closedform.shorten.clock import Clock
    from closedform.shorten.gathering import gathered

    def interrupted():
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        gathered(interrupted(), Clock(1.0), "nothing")


def test_what_runs_inside_of_something_that_is_shown_shows_nothing_of_its_own(log):
    with watching(True, "laws of a block") as outer:
        with watching(True, "laws") as inner:
            assert inner.display is None
        with watching(outer, "laws") as inner:
            assert inner is outer
        thread = threading.Thread(target=long_work)
        thread.start()
        thread.join()
    assert "frontier" not in log.getvalue()


def test_what_is_part_of_something_silent_is_silent(log):
    with watching(False, "frontier") as outer:
        assert present() is outer
        with watching(None, "proof") as inner:
            assert inner.display is None and present() is inner
        assert present() is outer
    assert present() is not outer and log.getvalue() == ""


def test_a_proof_says_between_what_the_truth_is_and_a_function_hears_of_its_end(log):
    x, y = ops.input_(0), ops.input_(1)
    wave = ops.sin(ops.mul(x, y))
    formula = cf.Formula({"z": ops.mul(wave, ops.cos(x))}, (cf.Feature("x"), cf.Feature("y")))
    box = {"x": (-30, 30), "y": (-30, 30)}
    formula.extrema(box, time_limit=1, progress=True, tolerance=1e-12)
    assert re.search(r"extrema.* · best between -?[\d.]+ and [\d.]+, [\d,]+ boxes", log.getvalue())
    heard = []
    formula.prove("within", box, lo=-2, hi=2, time_limit=1, progress=heard.append)
    formula.verify(formula, ROWS, progress=heard.append)
    assert [line.split(":")[0] for line in heard] == ["proof", "certificate"]


def test_ctrl_c_ends_what_the_same_proof_would_search_for_next_too(monkeypatch):
    from closedform.verify.bound import search

    x = ops.input_(0)
    formula = cf.Formula({"y": ops.sin(ops.mul(x, x))}, (cf.Feature("x"),))
    runs = []

    def interrupted(self):
        runs.append(self)
        if len(runs) == 1:
            raise KeyboardInterrupt
        return before(self)

    before = search.Search._run
    monkeypatch.setattr(search.Search, "_run", interrupted)
    found = formula.extrema({"x": (-1e3, 1e3)}, time_limit=60, tolerance=0.0, progress=False)
    assert len(runs) == 2 and found.seconds < 30  # of which a search alone would have 30


def test_an_explanation_says_which_part_it_makes(log):
    told = cf.explain(product, ROWS, progress=True)
    assert "x0" in str(told)
    assert "explanation: importance · over after" in log.getvalue()


def test_progress_that_has_no_meaning_is_refused():
    with pytest.raises(cf.BadInput, match="progress='yes' has no meaning"):
        cf.frontier(product, ROWS, progress="yes")


def test_finding_out_what_is_best_takes_less_than_half_a_percent_of_the_time():
    spent = 0.0

    def slow():
        nonlocal spent
        started = time.thread_time()
        while time.thread_time() < started + 0.002:
            pass
        spent += time.thread_time() - started
        return Best("")

    shown = Watch("frontier", 60.0, display=notebook.Live())
    started = time.perf_counter()
    while time.perf_counter() < started + 1.5:
        shown.offer(slow)
    # The last one may be begun just before the share is used up, and be a late one.
    assert 0 < spent < 0.005 * 1.5 + 0.05


def test_what_takes_long_once_is_found_out_again():
    """The first loads printers: 0.15 s, after which a notebook showed a constant for 37 s."""
    told = []

    def loading():
        started = time.thread_time()
        while not told and time.thread_time() < started + 0.3:
            pass
        told.append(Best(str(len(told))))
        return told[-1]

    shown = Watch("frontier", 60.0, display=notebook.Live())
    started = time.perf_counter()
    while len(told) < 3 and time.perf_counter() < started + 5:
        shown.offer(loading)
    assert shown.best.text == "2"


def test_what_fails_in_telling_the_best_does_not_fail_the_search():
    shown = Watch("frontier", 60.0, display=notebook.Live())
    shown.offer(lambda: 1 / 0)
    assert shown.best is None


def test_the_time_left_is_told_from_the_stages_where_there_is_no_limit():
    shown = Watch("frontier")
    assert shown.left == "0:00 so far" and shown.share is None
    shown.at("terms", 1, 4)
    assert shown.share == 0.25 and shown.left == "about 0:00 left"
    assert watch.clock_face(3723) == "1:02:03" and watch.clock_face(7.4) == "0:07"


def test_a_notebook_shows_the_table_so_far_and_hostile_names_do_not_execute():
    shown = Watch("<script>alert(1)</script>", 60.0, display=notebook.Live())
    row = ("9", "0.02", "terms", "</td><script>alert(2)</script>")
    shown.best = Best.of(0.02, 9, heads=("length", "error", "method", "formula"), rows=(row,))
    html = notebook.fragment(shown)
    assert "<script" not in html and "&lt;script&gt;alert(2)" in html
    assert '<progress max="1" value="0.00' in html and "error 0.02, 9 symbols" in html
