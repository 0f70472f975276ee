"""A watch: where a search writes what it has found, and a thread of its own that shows it.

A search is cut off by an alarm that may ring anywhere (`frontiers.limiting`), and Ctrl-C may come
at any time. So it only sets attributes here, and never writes to a terminal itself: a lock or half
a line would be left behind. What it sets is drawn by a thread a few times a second.
"""

from __future__ import annotations

import contextvars
import math
import multiprocessing
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from closedform.errors import BadInput

EVERY = 0.25
"""Seconds between two drawings."""
QUICK = 0.5
"""Seconds: what ends sooner shows nothing."""
SHARE = 0.004
"""Of the time, at most so much is spent on saying what is the best so far."""


@dataclass(frozen=True)
class Best:
    """The best so far.

    Attributes:
        text: in a few words, as "error 0.0213, 14 symbols".
        heads, rows: the table of what was found, for where there is room for one.
    """

    text: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, error: float, length: int, **table: Any) -> Best:
        """Return a formula's error, where it is known, and its length in a few words."""
        symbols = f"{length:,} symbol{'s' * (length != 1)}"
        return cls(f"error {error:.3g}, {symbols}" if math.isfinite(error) else symbols, **table)


class Display(Protocol):
    """Shows a watch: `draw` again and again, and `close` at the end; perhaps with a table."""

    table: bool

    def draw(self, watch: Watch) -> None:
        """Show the present state."""

    def close(self, watch: Watch) -> None:
        """Leave the screen as it should stay."""


@dataclass(eq=False)
class Watch:
    """What a search tells while it runs; telling costs next to nothing and never fails.

    Attributes:
        title: what is done, as "frontier".
        limit: seconds that it may take; ∞ for no limit.
        call: a function of the user's that is called with each line.
        display: what shows it all; None for nothing.
        stage: what is done now.
        done, of: stages that are over, and how many there are; 0 where that is not known.
        best: the best so far.
        lines: what was told, and not yet shown.
        interrupted: whether there was a Ctrl-C: the work ends with what it has.
    """

    title: str
    limit: float = math.inf
    call: Callable[[str], None] | None = None
    display: Display | None = None
    stage: str = ""
    done: int = 0
    of: int = 0
    best: Best | None = None
    lines: deque[str] = field(default_factory=deque)
    interrupted: bool = False
    _start: float = field(default_factory=time.perf_counter)
    _waiting: Callable[[], Best] | None = None
    _weighed: float = -math.inf
    _cost: float = 0.0
    _told: bool = False

    @property
    def table(self) -> bool:
        """Whether there is room for a table of what was found."""
        return self.display is not None and self.display.table

    @property
    def spent(self) -> float:
        """The seconds since the start."""
        return time.perf_counter() - self._start

    @property
    def share(self) -> float | None:
        """How much of the time, or of the stages, is over, from 0 to 1; None where unknown."""
        if math.isfinite(self.limit):
            return min(1.0, self.spent / self.limit) if self.limit else 1.0
        return self.done / self.of if self.of else None

    @property
    def left(self) -> str:
        """How long it may take yet, in words; where that is not known, how long it took so far."""
        share = self.share
        if math.isfinite(self.limit):
            return f"at most {clock_face(max(0.0, self.limit - self.spent))} left"
        if not share:
            return f"{clock_face(self.spent)} so far"
        return f"about {clock_face(self.spent * (1 - share) / share)} left"

    def at(self, stage: str, done: int = 0, of: int = 0) -> None:
        """Say what is done now, and how many stages are over."""
        self.stage, self.done, self.of = stage, done, of
        self._weigh(early=True)

    def tell(self, line: str) -> None:
        """Say in one line that something is over."""
        self._told = True
        if self.call is not None:
            self.call(line)
        elif self.display is not None:
            self.lines.append(line)

    def end(self) -> None:
        """Say that all is over, to a function that has heard of nothing yet."""
        if self.call is not None and not self._told:
            self.call(f"{self.title}: over after {self.spent:.1f} s")

    def offer(self, made: Callable[[], Best]) -> None:
        """Say how to find out what is the best so far; that is done now and then."""
        if self.display is not None:
            self._waiting = made
            self._weigh()

    def _weigh(self, *, early: bool = False) -> None:
        made, now = self._waiting, time.perf_counter()
        soon = now - self._weighed < EVERY and not early
        if made is None or soon or self._cost > SHARE * self.spent:
            return
        first = math.isinf(self._weighed)
        self._waiting, self._weighed = None, now
        busy = time.thread_time()
        with suppress(Exception):  # a search is not lost for what is said of it
            self.best = made()
        # The first loads printers, 0.15 s once: counted, it would be the last for half a minute.
        self._cost += 0.0 if first else time.thread_time() - busy


Wanted = bool | Callable[[str], None] | Watch | None
"""What `progress=` may be: None (a bar in a terminal or a live table in a notebook, nothing
elsewhere), True (also elsewhere, as lines with the time), False, a function that is called with a
line of text; or the watch of what this is a part of."""
_watched = threading.Lock()
"""Held while something is shown: what runs beside it shows nothing of its own."""
_present: contextvars.ContextVar[Watch | None] = contextvars.ContextVar("watch", default=None)
"""What this is a part of."""


def present() -> Watch:
    """Return the watch of what this is a part of; where there is none, one that nobody sees."""
    return _present.get() or Watch("")


@contextmanager
def watching(progress: Wanted, title: str, limit: float | None = None) -> Iterator[Watch]:
    """Show, for the time of the block, what a search tells; inside of it, it is `present()`.

    Args:
        progress: see `Wanted`; inside of another block, None shows nothing.
        title: what is done.
        limit: seconds that it may take; None or ∞ for no limit.

    Raises:
        BadInput: progress is none of these.
    """
    if not (progress is None or isinstance(progress, bool | Watch) or callable(progress)):
        raise BadInput(
            f"progress={progress!r:.60} has no meaning.",
            hint="Give None, True, False, or a function that takes a line of text.",
        )
    inside = progress is None and _present.get() is not None
    watch = Watch(title, math.inf if limit is None else limit)
    watch = progress if isinstance(progress, Watch) else watch
    watch.call = progress if callable(progress) else watch.call
    before = _present.get()
    _present.set(watch)
    try:
        silent = progress is False or inside or watch is progress or watch.call is not None
        with nullcontext() if silent else _shown(watch, wanted=progress is True):
            yield watch
        if watch is not progress:
            watch.end()
    finally:
        _present.set(before)


@contextmanager
def _shown(watch: Watch, *, wanted: bool) -> Iterator[None]:
    if not _watched.acquire(blocking=False):
        yield
        return
    try:
        watch.display = _display(wanted=wanted)
        with _drawn(watch):
            yield
    finally:
        _watched.release()


def _display(*, wanted: bool) -> Display | None:
    """Return what suits the place where this runs; None for nothing."""
    with suppress(Exception):
        if not wanted and not _first():
            return None
        if _in_notebook():
            from closedform.progress.notebook import Live

            return Live()
        from closedform.progress.terminal import display_on

        return display_on(sys.stderr, wanted=wanted)
    return None


def _first() -> bool:
    """Tell whether this is the main thread of the main process: others share its terminal."""
    main = threading.current_thread() is threading.main_thread()
    return main and multiprocessing.current_process().name == "MainProcess"


def _in_notebook() -> bool:
    """Tell whether cells are shown by a notebook; IPython is not loaded for it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


@contextmanager
def _drawn(watch: Watch) -> Iterator[None]:
    """Draw a watch a few times a second until the block ends, however it does."""
    if watch.display is None:
        yield
        return
    over = threading.Event()
    # In a notebook the context says which cell the output belongs to.
    context = contextvars.copy_context()
    drawing = threading.Thread(
        target=context.run, args=(_draw, watch, watch.display, over), name="closedform progress",
        daemon=True,
    )  # fmt: skip
    drawing.start()
    try:
        yield
    finally:
        over.set()
        drawing.join(timeout=2.0)


def _draw(watch: Watch, display: Display, over: threading.Event) -> None:
    with suppress(Exception):  # a closed or an odd console is no reason to fail
        over.wait(QUICK)
        while not over.wait(EVERY):
            display.draw(watch)
        display.close(watch)


def clock_face(seconds: float) -> str:
    """Return a duration as a clock shows it: 0:07, 12:30, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
