"""Asking hosts whether guests are ready: each host's guests a few at once, all hosts at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import msgspec

from reconciler.driver import Driver, DriverError
from reconciler.kinds.instance import readiness_of
from reconciler.readiness import LOOKS_AT_ONCE
from reconciler.reconcile import Round
from reconciler.report.resources import Row


def with_readiness(rows: Sequence[Row], round_: Round) -> list[Row]:
    """The rows, those of declared and running instances with what they lack to be ready."""
    with ExitStack() as stack:
        pools = {host: stack.enter_context(ThreadPoolExecutor(LOOKS_AT_ONCE)) for host in round_.drivers}
        looks = {
            row.address: pools[host].submit(_missing, row, check, round_.drivers[host])
            for row in rows
            if (check := _check(row)) and (host := row.objects[0].key.host) in pools
        }
        return [
            msgspec.structs.replace(row, missing=looks[row.address].result()) if row.address in looks else row
            for row in rows
        ]


def _check(row: Row) -> str:
    """What is to be found out about an instance, if anything."""
    if row.address.kind != "Instance" or row.resource is None or row.state != "Running":
        return ""
    check = readiness_of(row.resource.spec).check
    return "" if check == "none" else check


def _missing(row: Row, check: str, driver: Driver) -> str:
    if check == "running":  # it was just seen to
        return ""
    try:
        missing = driver.ready(row.address, check)
    except DriverError as problem:
        missing = str(problem)
    return f"not ready ({check}): {missing}" if missing else ""
