"""A bar for a terminal, and lines with the time for everything else."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from closedform.progress.watch import Display, Watch

SELDOM = 10.0
"""Seconds between two lines of a log; of long work more, so that it gives some twenty."""
LINES = 20
LONGEST = 24
"""Characters of what is done now: a name of an output may be long."""
WIDEST = 100
"""Characters of a bar with its text."""
NARROW = 80
"""Characters of a line where nobody says how many there are."""
KNOWN, UNKNOWN = "{percentage:3.0f}%|{bar}| {desc}", "{desc}"


def display_on(file: TextIO | None, *, wanted: bool) -> Display | None:
    """Return a bar where a file is a terminal and tqdm is there, and lines elsewhere.

    Args:
        file: what to write to; None where there is nothing, as under pythonw.
        wanted: whether lines are wanted where there is no terminal.
    """
    if file is None:
        return None
    if not (file.isatty() and os.environ.get("TERM") != "dumb"):
        return Lines(file) if wanted else None
    try:
        import tqdm
    except ImportError:
        return Lines(file)
    return Bar(file, tqdm.tqdm)


class Bar:
    """A bar of tqdm's on the last line of a terminal, gone when the work is over."""

    table = False

    def __init__(self, file: TextIO, tqdm: Any) -> None:
        """Begin with nothing: the bar appears when it is drawn first."""
        self._file, self._tqdm = file, tqdm
        self._bar: Any = None

    def draw(self, watch: Watch) -> None:
        """Show the present state."""
        watch.lines.clear()
        bar = self._bar = self._bar or self._made()
        share = watch.share
        bar.ncols = min(_width(self._file), WIDEST)
        bar.n, bar.bar_format = share or 0.0, UNKNOWN if share is None else KNOWN
        told = " · ".join(filter(None, [_title(watch), watch.left, _best(watch)]))
        bar.set_description_str(_plain(told, self._file), refresh=False)
        bar.refresh()

    def _made(self) -> Any:
        made = type("Bar", (self._tqdm,), {"monitor_interval": 0})  # this thread is its monitor
        # The delay is one until the first thing to say.
        return made(total=1.0, file=self._file, leave=False, ncols=NARROW, nrows=24, delay=1e-9)

    def close(self, watch: Watch) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


class Lines:
    """Lines with the time: of every method that has ended, and of the best so far."""

    table = False

    def __init__(self, file: TextIO) -> None:
        """Begin with nothing written."""
        self._file = file
        self._last = time.monotonic()

    def draw(self, watch: Watch) -> None:
        """Write what has been told; and now and then how far it is."""
        self._told(watch)
        every = max(SELDOM, watch.limit / LINES if math.isfinite(watch.limit) else watch.spent / 10)
        if time.monotonic() - self._last > every:
            share = None if watch.share is None else f"{watch.share:.0%}"
            self._write([_title(watch), share, watch.left, _best(watch)])

    def _told(self, watch: Watch) -> None:
        while watch.lines:
            self._write([watch.title, watch.lines.popleft(), _best(watch)])

    def _write(self, parts: list[str | None]) -> None:
        self._last = time.monotonic()
        text = " · ".join(part for part in parts if part)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._file.write(_plain(f"{stamp}  {text}\n", self._file))
        self._file.flush()

    def close(self, watch: Watch) -> None:
        """Write the last lines, and how long it took."""
        self._told(watch)
        self._write([watch.title, f"over after {watch.spent:.1f} s", _best(watch)])


def _width(file: TextIO) -> int:
    """Return the characters of a line, less one: in the last column, some terminals go on.

    Some say that they are 0 wide: a pseudo-terminal of which nobody has said how wide it is.
    """
    try:
        return (os.get_terminal_size(file.fileno()).columns or NARROW) - 1
    except (OSError, ValueError):
        return NARROW - 1


def _title(watch: Watch) -> str:
    stage = watch.stage if len(watch.stage) <= LONGEST else watch.stage[: LONGEST - 1] + "…"
    return f"{watch.title}: {stage}" if stage else watch.title


def _best(watch: Watch) -> str:
    return f"best {watch.best.text}" if watch.best else ""


def _plain(text: str, file: TextIO) -> str:
    """Return a text with what the file cannot hold replaced, and nothing that moves the cursor."""
    text = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    encoding = getattr(file, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
