"""Field values as people read them."""

from __future__ import annotations

from reconciler import quantity
from reconciler.objects import Value

SIZES = frozenset({"memory", "memory.max", "disk.size", "size"})
"""Paths whose numbers are bytes."""


def render(path: str, value: Value) -> str:
    """A value in words: sizes with units, lists with commas, `-` for nothing."""
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return quantity.render(value) if path in SIZES else str(value)
    return value


def plain_value(path: str, value: Value) -> str | int | bool | list[str] | None:
    """A value for JSON: sizes as in manifests, the rest as it is."""
    if isinstance(value, tuple):
        return list(value)
    if path in SIZES and isinstance(value, int):
        return quantity.render(value)
    return value


def rough(size: int) -> str:
    """Bytes for people who look at what a host has: exact where that is short, else to a tenth of a unit."""
    exact = quantity.render(size)
    if len(exact) <= 6:
        return exact
    for unit, bytes_ in reversed(quantity.UNITS.items()):
        if size >= bytes_:
            return f"{size / bytes_:.1f}{unit}"
    return exact
