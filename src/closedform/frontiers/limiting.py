"""A limit that is kept even by a step that does not look at the clock."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

AGAIN = 1.0
"""Seconds: some code swallows what is raised in it (a callback, a finaliser, `except:`)."""
LONGEST = 1e7
"""Seconds, about four months: platforms refuse timers of more than some years."""


class TimeIsOver(BaseException):
    """Raised in the middle of a step; like KeyboardInterrupt, it is no error of the step's."""


@contextmanager
def at_latest(seconds: float) -> Iterator[None]:
    """Raise `TimeIsOver` in the block after some seconds, where the platform can.

    It can on Unix, in the main thread, and where no other timer is set; elsewhere the block ends
    by itself. A block that is cut off may stand anywhere, even between a `with` and its end: what
    it has set of NumPy's error handling and of the warnings' filters is put back.
    """
    if not _can():
        yield
        return

    def stop(_signal: int, frame: FrameType | None) -> None:
        if not _imports(frame):
            raise TimeIsOver

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, min(max(seconds, 1e-3), LONGEST), AGAIN)
        with as_before():
            yield
    finally:
        # Twice: the alarm that is on its way may be raised in the first, right behind its call.
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


@contextmanager
def as_before() -> Iterator[None]:
    """Put back NumPy's error handling and the warnings' filters, however the block ends.

    The filters in the main thread alone: all threads share them.
    """
    if threading.current_thread() is not threading.main_thread():
        with np.errstate():
            yield
        return
    with np.errstate(), warnings.catch_warnings():
        yield


def _imports(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported: cut off, it would stay half there for good.

    The alarm rings again after `AGAIN`.
    """
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _can() -> bool:
    if not hasattr(signal, "setitimer"):
        return False
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getitimer(signal.ITIMER_REAL)[0] == 0
