"""The drivers that are installed, found by the entry point group `reconciler.drivers`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from reconciler.driver import DriverError, DriverType, ErrorClass
from reconciler.impact import ImpactTable


@cache
def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="reconciler.drivers")}


def driver_names() -> list[str]:
    """The names of all installed drivers, sorted."""
    return sorted(_found())


@cache
def _loaded(name: str) -> DriverType:
    return cast(DriverType, _found()[name].load())


def driver_type(name: str) -> DriverType:
    """The driver of that name; raises `DriverError` (yours) when it is not installed or cannot be loaded."""
    if name not in _found():
        installed = ", ".join(driver_names()) or "none"
        raise DriverError(ErrorClass.YOURS, f"driver {name!r} is not installed; installed are: {installed}")
    try:
        return _loaded(name)
    except Exception as problem:
        raise DriverError(ErrorClass.YOURS, f"driver {name!r} cannot be loaded: {problem}") from problem


def sources() -> Iterator[Path]:
    """The files of all drivers, without loading any: what is concluded from what they say depends on them."""
    for package in {entry.module.partition(".")[0] for entry in _found().values()}:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield from Path(folder).rglob("*.py")
        if spec and spec.origin:
            yield Path(spec.origin)


def impacts(name: str) -> ImpactTable:
    """What the driver declares; nothing when it cannot be loaded, since its hosts are not seen then either."""
    try:
        return driver_type(name).impacts
    except DriverError:
        return ()
