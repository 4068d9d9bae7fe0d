"""How guests that are off came to their end, as far as libvirt knows. It forgets that when its daemon restarts."""

from __future__ import annotations

import libvirt

from reconciler.objects import Ended

_ENDINGS: dict[int, Ended] = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: "guest",
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: "host",
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "crash",
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: "host",
    libvirt.VIR_DOMAIN_SHUTOFF_SAVED: "host",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "crash",
    libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT: "host",
    libvirt.VIR_DOMAIN_SHUTOFF_DAEMON: "crash",
}
"""By the reason of a domain that is off, as seen on libvirt 9.0: `virsh shutdown` and `poweroff` inside are one and the
same, and so is a signal that QEMU heeds (docs/decisions/0025).
"""


def ended(state: int, reason: int) -> Ended:
    """How a domain with this state and reason ended; empty while it runs."""
    return _ENDINGS.get(reason, "unknown") if state == libvirt.VIR_DOMAIN_SHUTOFF else ""
