"""Observe one libvirt host as a plan does, in a process of its own: `python -m benchmarks.observe CONFIG [ATLEAST]`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from reconciler.driver import HostConfig
from reconciler.installed import driver_type
from tests.support.contract import Folder


def main(config: str, least: str) -> None:
    """Look at the host; fails unless it was completely seen, with at least so many objects."""
    host = msgspec.json.decode(config, type=HostConfig)
    driver = driver_type(host.driver).open(host, Folder(Path()))
    snapshot = driver.observe()
    driver.close()
    assert snapshot.complete, snapshot.status
    assert len(snapshot.objects) >= int(least), len(snapshot.objects)


if __name__ == "__main__":
    main(*sys.argv[1:])
