"""Every exception of closedform. Each says what happened and where; `hint` says what to do."""

from __future__ import annotations

from collections.abc import Iterable


class ClosedformError(Exception):
    """The root of all errors that closedform raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, and the hint on a line of its own."""
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


def first_line(said: object) -> str:
    """Return the first line of what an error or a warning says."""
    return next(iter(str(said).strip().splitlines()), "no message")


class UnsupportedModel(ClosedformError):
    """The model, or some of its options, has no formula; every reason is listed at once.

    `problems` holds one `(what, hint)` pair for each part that cannot be read.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, problems: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems) or ((message, hint or ""),)

    @classmethod
    def all_of(cls, model: str, problems: Iterable[tuple[str, str]]) -> UnsupportedModel:
        """Return one error that lists every problem found in `model`."""
        found = tuple(dict.fromkeys(problems))
        if len(found) == 1:
            return cls(found[0][0], hint=found[0][1] or None)
        lines = [f"  {i}. {what}\n     hint: {hint}" for i, (what, hint) in enumerate(found, 1)]
        message = f"{model} cannot be read as a formula, for {len(found)} reasons:\n"
        return cls(message + "\n".join(lines), problems=found)


class NotFitted(ClosedformError):
    """The model has not been trained, so that there is nothing to read."""


class BadInput(ClosedformError, ValueError):
    """Rows, names or options that the formula cannot take."""


class UnsupportedTarget(ClosedformError):
    """The target cannot spell some part of the formula; every part is listed at once."""


class BadExpression(ClosedformError, ValueError):
    """A user's own expression that cannot be parsed."""


class BadFile(ClosedformError):
    """A file that is truncated, malformed, or not what it claims to be."""


class UntrustedFile(ClosedformError):
    """A file that could run code when it is opened, and that nobody has trusted."""


class MissingExtra(ClosedformError, ImportError):
    """An optional package is needed; the hint is the line to type."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed.",
            hint=f'pip install "closedform[{extra}]"',
        )
