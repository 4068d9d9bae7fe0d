"""How guests that are off came to their end, as far as libvirt knows. It forgets that when its daemon restarts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import libvirt

from reconciler.driver import DriverError
from reconciler.objects import Ended
from reconciler_libvirt.channel import Channel

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
same, and so is a signal that QEMU heeds (docs/decisions/0027).
"""


NO_LOGIN = "/run/nologin"
"""systemd makes it while a host goes down, and while it comes up."""


def ended(state: int, reason: int) -> Ended:
    """How a domain with this state and reason ended; empty while it runs."""
    return _ENDINGS.get(reason, "unknown") if state == libvirt.VIR_DOMAIN_SHUTOFF else ""


def going_down(channel: Channel, endings: Iterable[Ended]) -> str:
    """Why nothing can be said of guests at the moment: a host that goes down tells them to, which is nobody's wish for
    any of them. Empty when it does not, or when none has ended while its daemon was there.
    """
    if all(each in ("", "unknown") for each in endings):
        return ""
    with contextlib.suppress(DriverError):
        channel.run("ls", "--", NO_LOGIN)
        return f"it is going down or coming up, since {NO_LOGIN} is there; remove that if it stays though it is not so"
    return ""
