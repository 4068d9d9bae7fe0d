"""A controller that keeps a guest of a real libvirtd running: its fleet, and how long it takes to start that again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import libvirt

from tests.support.command import Desk
from tests.support.guests import GuestImage
from tests.support.hosts import Host, until
from tests.support.serving import Serving, condition

STARTING = 30.0
"""Seconds within which a guest is started."""
_PAUSE = 0.005


def first_fleet(desk: Desk, host: Host, image: GuestImage) -> None:
    """Commit the first fleet on a real host, with a guest that is to run whatever happens; nothing is applied yet."""
    assert desk.init().code == 0
    fleet_id = re.findall(r"id: (\S+)", (desk.repo / "fleet.yaml").read_text(encoding="utf-8"))[-1]
    desk.edit("hosts.yaml", "driver: simulator", "virtType: qemu")
    desk.edit("flavors.yaml", "512Mi", "96Mi")
    desk.edit("instances.yaml", "flavor: small", "flavor: small\n  restartPolicy: Always\n  readiness: running")
    (desk.repo / "images.yaml").write_text(json.dumps(image.manifest()), encoding="utf-8")
    file = desk.home / ".config" / "reconciler" / "config.yaml"
    file.parent.mkdir(parents=True)
    connection = {"driver": "libvirt", "stop_deadline": 0.2, **host.connection}
    section = {"folders": [str(image.folder)], "hosts": {"sim-01": connection}}
    file.write_text(json.dumps({"fleets": {fleet_id: section}}), encoding="utf-8")
    file.chmod(0o600)
    desk.commit()


def quiet(serving: Serving) -> bool:
    """Whether nothing has happened for a while, but that guests are waited for."""
    before = serving.events()[-1].number
    time.sleep(0.5)
    now = serving.status()
    return not now.working and now.hosts[0].watching and serving.events()[-1].number == before


def still(serving: Serving) -> bool:
    """Whether all is as it should be, and nothing has happened for a while."""
    return quiet(serving) and condition(serving.status(), "Ready").status == "True"


def healed(guest: libvirt.virDomain, serving: Serving, over: Callable[[Serving], bool] = still) -> float:
    """Seconds from a guest's end, by `virsh destroy`, until it runs again. It ends when what was before is `over`."""
    until(lambda: over(serving), STARTING, "the controller to have nothing to do")
    guest.destroy()
    begun = time.monotonic()
    while guest.state()[0] != libvirt.VIR_DOMAIN_RUNNING:  # it is active as soon as there is a QEMU
        assert time.monotonic() < begun + STARTING, "it does not run again"
        time.sleep(_PAUSE)
    return time.monotonic() - begun


def bare_start(guest: libvirt.virDomain, serving: Serving) -> float:
    """Seconds that the same start takes with nothing around it."""
    assert serving.command("suspend", "fleet") == ""
    guest.destroy()
    until(lambda: still(serving), STARTING, "the controller to have nothing to do")
    begun = time.monotonic()
    guest.create()
    took = time.monotonic() - begun
    assert serving.command("resume", "fleet") == ""
    return took
