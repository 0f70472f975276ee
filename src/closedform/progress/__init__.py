"""What long work says of itself while it runs: a bar, lines with the time, or a live table."""

from closedform.progress.watch import Best, Wanted, Watch, present, watching

__all__ = ["Best", "Wanted", "Watch", "present", "watching"]
