"""Asking hosts whether guests are ready: each host's guests a few at once, all hosts at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from reconciler.driver import DriverError
from reconciler.kinds.instance import readiness_of
from reconciler.reconcile import Round
from reconciler.report.resources import Row

AT_ONCE = 8


def with_readiness(rows: Sequence[Row], round_: Round) -> list[Row]:
    """The rows, those of declared and running instances with what they lack to be ready."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(lambda row: _asked(row, round_), rows))


def _asked(row: Row, round_: Round) -> Row:
    if row.address.kind != "Instance" or row.resource is None or row.state != "Running":
        return row
    check = readiness_of(row.resource.spec).check
    driver = round_.drivers.get(row.objects[0].key.host)
    if driver is None or check == "none":
        return row
    try:
        missing = driver.ready(row.address, check)
    except DriverError as problem:
        missing = str(problem)
    return msgspec.structs.replace(row, missing=f"not ready ({check}): {missing}" if missing else "")
