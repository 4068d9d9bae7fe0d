"""Starting and stopping guests, and joining them to their networks once they are filtered."""

from __future__ import annotations

import time

import libvirt

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler_libvirt.connection import calls, unless

_PRESS_AGAIN = 10.0
"""Seconds; a guest that is still booting does not see the power button."""
_LOOK_AGAIN = 0.1


def start(domain: libvirt.virDomain, progress: Progress) -> None:
    """Start a domain, or let a paused one go on."""
    name = domain.name()
    if not domain.isActive():
        progress.call("domain.start", name)
        with calls(f"starting {name}"):
            domain.create()
    elif domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        progress.call("domain.resume", name)
        with calls(f"resuming {name}"):
            domain.resume()


def stop(domain: libvirt.virDomain, deadline: float, progress: Progress) -> None:
    """Press the power button, and switch off what does not follow within `deadline` seconds."""
    name = domain.name()
    if not domain.isActive():
        return
    progress.call("domain.shutdown", name)
    progress.note(f"waiting up to {deadline:.0f} s for {name} to shut down")
    end = time.monotonic() + deadline
    pressed = 0.0
    while domain.isActive() and (now := time.monotonic()) < end:
        if now - pressed > _PRESS_AGAIN:
            pressed = now
            with unless(*ErrorClass), calls(f"pressing the power button of {name}"):
                domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        time.sleep(_LOOK_AGAIN)
    switch_off(domain, progress)


def switch_off(domain: libvirt.virDomain, progress: Progress) -> None:
    """Switch a guest off, if it runs; QEMU gets the time to write what it has."""
    name = domain.name()
    if not domain.isActive():
        return
    progress.call("domain.destroy", name)
    try:
        with calls(f"switching {name} off"):
            domain.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)
    except DriverError:
        if domain.isActive():
            raise
