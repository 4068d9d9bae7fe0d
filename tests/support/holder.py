"""A process that locks a host and waits to be killed: `python -m tests.support.holder HOSTCONFIG`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from reconciler.driver import HostConfig
from reconciler.installed import driver_type
from tests.support.contract import Folder

if __name__ == "__main__":
    config = msgspec.json.decode(sys.argv[1], type=HostConfig)
    with driver_type(config.driver).open(config, Folder(Path())).lock():
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(600)
