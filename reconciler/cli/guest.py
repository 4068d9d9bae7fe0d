"""Finding the guest behind an address, and how its host is reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from reconciler.address import Address
from reconciler.cli import options
from reconciler.driver import Driver
from reconciler.objects import Observed
from reconciler.reconcile import Loaded, connect, load
from reconciler.report.resources import gaps_of


class Guest(msgspec.Struct, frozen=True):
    """An instance that stands on a host. The driver is open while the context of `guest` lasts."""

    loaded: Loaded
    observed: Observed
    driver: Driver


@contextmanager
def guest(address: Address, values: dict[str, Any]) -> Iterator[Guest]:
    """Find an instance on the fleet's hosts; raises `click.ClickException` when it stands on none."""
    if address.kind != "Instance":
        raise click.BadParameter(f"{address} is no instance")
    wanted = options.round_options(**values)
    loaded = load(wanted)
    with connect(loaded, wanted) as reached:
        objects = (observed for snapshot in reached.snapshots for observed in snapshot.objects)
        observed = next((one for one in objects if one.key.address == address and not one.incomplete), None)
        if observed is None:
            unseen = [f"; {snapshot.host}: {gap}" for snapshot in reached.snapshots for gap in gaps_of(snapshot)]
            raise click.ClickException(f"{address} stands on no host of this fleet{''.join(unseen)}")
        yield Guest(loaded, observed, reached.drivers[observed.key.host])
