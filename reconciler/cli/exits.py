"""Exit codes, as commands know them."""

from reconciler.report.exits import Exit

__all__ = ["Exit"]
