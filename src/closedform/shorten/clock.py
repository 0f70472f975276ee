"""How much time a method has left."""

from __future__ import annotations

import math
import time

from closedform.shorten.options import seconds as checked


class Clock:
    """A time limit that methods look at between their steps."""

    def __init__(self, seconds: float | None = None) -> None:
        """Start now; without seconds, time never runs out.

        Raises:
            BadInput: it is no number from 0 on.
        """
        seconds = checked(seconds)
        self._start = time.perf_counter()
        self._end = math.inf if seconds is None else self._start + seconds

    @property
    def spent(self) -> float:
        """The seconds since the start."""
        return time.perf_counter() - self._start

    @property
    def left(self) -> float:
        """The seconds that are left, at least 0."""
        return max(0.0, self._end - time.perf_counter())

    def out(self) -> bool:
        """Tell whether the time is over."""
        return time.perf_counter() >= self._end

    def stop(self) -> None:
        """Let the time be over."""
        self._end = self._start

    def at_most(self, seconds: float) -> Clock:
        """Return a clock that stops with this one, and after so many seconds at the latest."""
        return Clock(min(seconds, self.left))
