"""The drivers that are installed, found by the entry point group `reconciler.drivers`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from reconciler.driver import DriverError, DriverType, ErrorClass
from reconciler.impact import ImpactTable


@cache
def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="reconciler.drivers")}


def driver_names() -> list[str]:
    """The names of all installed drivers, sorted."""
    return sorted(_found())


def driver_type(name: str) -> DriverType:
    """The driver of that name; raises `DriverError` (yours) when it is not installed or cannot be loaded."""
    if name not in _found():
        installed = ", ".join(driver_names()) or "none"
        raise DriverError(ErrorClass.YOURS, f"driver {name!r} is not installed; installed are: {installed}")
    try:
        return cast(DriverType, _found()[name].load())
    except Exception as problem:
        raise DriverError(ErrorClass.YOURS, f"driver {name!r} cannot be loaded: {problem}") from problem


def impacts(name: str) -> ImpactTable:
    """What the driver declares; nothing when it cannot be loaded, since its hosts are not seen then either."""
    try:
        return driver_type(name).impacts
    except DriverError:
        return ()
