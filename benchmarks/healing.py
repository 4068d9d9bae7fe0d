"""How long a guest that was switched off is down under a controller, beside the same start by a bare libvirt call."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import libvirt

from benchmarks.measure import Cost, Figure
from tests.support import hosts
from tests.support.command import Desk
from tests.support.guests import tiny_guest
from tests.support.resident import bare_start, first_fleet, healed
from tests.support.serving import Serving

TIMES = 5
"""How often; the controller gives up what it has to put back more than five times in ten minutes."""


def figures() -> Iterator[Figure]:
    """Both, of one guest on a host of its own. The best of a few counts."""
    with hosts.running("bench") as host, tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        desk = Desk(Path(folder))
        first_fleet(desk, host, tiny_guest())
        with Serving(desk) as serving:
            serving.until_done(desk.git("rev-parse", "HEAD").strip())
            (guest,) = libvirt.open(host.uri).listAllDomains()
            floor = min((_bare(guest, serving) for _ in range(TIMES)), key=lambda cost: cost.wall)
            best = min((_healed(guest, serving) for _ in range(TIMES)), key=lambda cost: cost.wall)
    yield Figure(what="a guest that was switched off runs again", size=1, cost=best, floor=floor)
    yield Figure(what="floor: started by a bare libvirt call", size=1, cost=floor)


def _bare(guest: libvirt.virDomain, serving: Serving) -> Cost:
    begun = time.process_time()
    wall = bare_start(guest, serving)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return Cost(wall=wall, cpu=time.process_time() - begun, memory=memory)


def _healed(guest: libvirt.virDomain, serving: Serving) -> Cost:
    """What it costs the controller, with the looks before and after it."""
    begun = _cpu(serving)
    wall = healed(guest, serving)
    return Cost(wall=wall, cpu=_cpu(serving) - begun, memory=_memory(serving))


def _cpu(serving: Serving) -> float:
    """Seconds of CPU that the controller has had, with the programs that it waited for; see proc(5)."""
    fields = Path(f"/proc/{serving.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _memory(serving: Serving) -> int:
    """The most memory that the controller had."""
    lines = Path(f"/proc/{serving.process.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))
