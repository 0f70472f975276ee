"""A limit that is kept even by a step that does not look at the clock."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import numpy as np


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

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise TimeIsOver

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        with np.errstate(), warnings.catch_warnings():
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _can() -> bool:
    if not hasattr(signal, "setitimer"):
        return False
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getitimer(signal.ITIMER_REAL)[0] == 0
